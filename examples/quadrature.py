"""Adaptive Simpson quadrature: recursion that takes functions, and its derivative in what the integrand captures.

`python examples/quadrature.py` prints:

integral at a = 0.7:  0.52962051
its derivative:     -0.37832571
the same by hand:   -0.37832571
its second one:     0.81028595
"""

import math

import irad


def simpson(f, a, b):
    return (b - a) / 6.0 * (f(a) + 4.0 * f(0.5 * (a + b)) + f(b))


def integral(f, a, b, tolerance):
    """The integral of f over [a, b]: halves the interval where Simpson's rule is not yet sure."""
    middle = 0.5 * (a + b)
    coarse = simpson(f, a, b)
    fine = simpson(f, a, middle) + simpson(f, middle, b)
    if abs(fine - coarse) < 15.0 * tolerance:
        return fine + (fine - coarse) / 15.0
    return integral(f, a, middle, 0.5 * tolerance) + integral(f, middle, b, 0.5 * tolerance)


def wave(a):
    return integral(lambda t: math.exp(-a * t * t) * math.sin(3.0 * t) ** 2, 0.0, 5.0, 1e-10)


def by_hand(a):
    """The derivative of `wave`: the integral of the integrand's derivative."""
    return integral(lambda t: -t * t * math.exp(-a * t * t) * math.sin(3.0 * t) ** 2, 0.0, 5.0, 1e-10)


def main():
    a = 0.7
    print(f"integral at a = {a}:  {irad.compile(wave)(a):.8f}")
    print(f"its derivative:     {irad.grad(wave)(a):.8f}")
    print(f"the same by hand:   {by_hand(a):.8f}")
    print(f"its second one:     {irad.grad(irad.grad(wave))(a):.8f}")


if __name__ == "__main__":
    main()
