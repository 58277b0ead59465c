"""Kepler's equation by Newton's method: the derivative of a `while` loop, and of a loop that takes derivatives.

`python examples/kepler.py` prints:

E at M = 0.7, e = 0.9:          1.599626
by hand, at the solution:       dE/dM =  0.974713, dE/de =  0.974308
through the iteration:          dE/dM =  0.974713, dE/de =  0.974308
Newton with grad inside:        dE/dM =  0.974713, dE/de =  0.974308
second derivatives:             -0.833090 -0.860131
"""

import math

import irad


def anomaly(M, e):
    """E with E - e sin E = M, by Newton's method until it stands still."""
    E, step = M, 1.0
    while abs(step) > 1e-12:
        step = (E - e * math.sin(E) - M) / (1.0 - e * math.cos(E))
        E = E - step
    return E


def newton(f, x):
    """A root of f: the derivative is taken inside compiled code."""
    df = irad.grad(f)
    step = 1.0
    while abs(step) > 1e-12:
        step = f(x) / df(x)
        x = x - step
    return x


def anomaly_again(M, e):
    return newton(lambda E: E - e * math.sin(E) - M, M)


def main():
    M, e = 0.7, 0.9
    E = irad.compile(anomaly)(M, e)
    print(f"E at M = {M}, e = {e}:          {E:.6f}")
    u = 1.0 / (1.0 - e * math.cos(E))
    print(f"by hand, at the solution:       dE/dM =  {u:.6f}, dE/de =  {u * math.sin(E):.6f}")
    dM, de = irad.grad(anomaly, argnums=(0, 1))(M, e)
    print(f"through the iteration:          dE/dM =  {dM:.6f}, dE/de =  {de:.6f}")
    dM, de = irad.grad(anomaly_again, argnums=(0, 1))(M, e)
    print(f"Newton with grad inside:        dE/dM =  {dM:.6f}, dE/de =  {de:.6f}")
    (dMM, dMe), _ = irad.hessian(anomaly, argnums=(0, 1))(M, e)
    print(f"second derivatives:             {dMM:.6f} {dMe:.6f}")


if __name__ == "__main__":
    main()
