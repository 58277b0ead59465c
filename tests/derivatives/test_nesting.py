"""Derivatives of derivatives, in any order of modes, through control flow, recursion, closures and derivatives inside.

The oracle is the same Python function on nested dual numbers in CPython (tests/generator/duals.py); where a closed form
is known, that.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from tests.derivatives.oracles import BACKENDS, agree, derivative

# -- functions of x and y ---------------------------------------------------------------------------------------------------


def polynomial(x, y):
    return x * x * y + x * y * y * y


def quotient(x, y):
    return math.sin(x) / (1.0 + y * y)


def if_in_while_in_recursion(x, y, n=3):
    if n == 0:
        return x * y
    s, k = x, 0
    while k < n:
        if s > y:
            s = s * 0.5 + math.sin(y) * x
        else:
            s = s * s * 0.3 + y
        k += 1
    return s * if_in_while_in_recursion(s * 0.5, y, n - 1)


def newton(f, x, trips):
    for _ in range(trips):
        x = x - f(x) / irad.grad(f)(x)
    return x


def root(x, y):
    return newton(lambda t: t * t * t - x * t - y, 2.0, 6)


def captured(x, y):
    return irad.grad(lambda t: t * x * t)(y) + irad.grad(lambda t: irad.grad(lambda u: u * u * t * y)(x))(y)


def confusion(x, y):
    """d/dt (t * d/du (t + u)) = 1, not 2."""
    return x * irad.grad(lambda t: t * irad.grad(lambda u: t + u)(y))(x) + y * y


def late(x, y):
    factor = 1.0

    def f(t):
        return t * factor * y

    factor = x * x
    return f(x) + f(y)


def late_in_a_loop(x, y):
    """Each lambda sees the last k; the defaults see their own."""
    fs, gs = [], []
    for k in range(3):
        fs.append(lambda t: t * k * x)  # noqa: B023
        gs.append(lambda t, k=k: t * k * y)
    s = 0.0
    for f, g in zip(fs, gs, strict=True):
        s = s + f(y) * g(x)
    return s


def folded(x, y):
    h = lambda t: t  # noqa: E731
    for k in range(3):
        h = (lambda g, c: lambda t: g(t) * x + c * y)(h, k)
    return h(y)


def tower(x, y):
    fs = [lambda t: t * x, lambda t: t * t * y, math.sin]
    s = y
    for f in fs:
        s = f(s) + s
    return s


def mutual(x, y, n=5):
    def even(s, k):
        return s if k == 0 else odd(s * x, k - 1)

    def odd(s, k):
        return s * y if k == 0 else even(math.sin(s) + y, k - 1)

    return even(x, n)


def ackermannlike(x, y, m=2):
    return x * y if m == 0 else ackermannlike(ackermannlike(x, y, m - 1), y, m - 1)


def unrolled(x, y):
    table = [x * k for k in range(4)]
    total = 0.0
    for i, t in enumerate(table):
        if i % 2:
            continue
        total += t * y
    return total * table[-1]


def leaves_early(x, y):
    s = 0
    for k in range(10):
        s += x * k
        if s > 4.0 * y:
            return s * s
    return s


def breaks(x, y):
    s, k = y, 0
    while True:
        s = s + x / (k + 1)
        k += 1
        if s > 3.0:
            break
    else:
        s = 100.0 * s
    return s * s * y


def loop_else(x, y):
    for k in range(3):
        y = y * x
        if k > 5:
            break
    else:
        y = y * y
    return y + x


def never(x, y):
    s = x
    while s < 0.0:
        s = s + y
    for _ in range(0):
        s = s * 2.0
    return s * y


def triangle(x, y):
    s = 0.0
    for i in range(4):
        for j in range(i):
            s += x**j * y ** (i - j)
    return s


def integer_loop(x, y):
    n, k = 7, 0
    while n != 1 and k < 30:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        x = x * 1.01 + y / n
        k += 1
    return x * y


def vjp_inside(x, y):
    out, pull = irad.vjp(lambda a, b: a * b * b, x, y)
    da, db = pull(y * out)
    return da * db + out


def jvp_inside(x, y):
    out, tangent = irad.jvp(lambda a: a * a * y, (x,), (y,))
    return out * tangent


def stopped(x, y):
    return x * irad.stop_gradient(x * y) + y


FUNCTIONS = [
    polynomial,
    quotient,
    if_in_while_in_recursion,
    root,
    captured,
    confusion,
    late,
    late_in_a_loop,
    folded,
    tower,
    mutual,
    ackermannlike,
    unrolled,
    leaves_early,
    breaks,
    loop_else,
    never,
    triangle,
    integer_loop,
    vjp_inside,
    jvp_inside,
    stopped,
]
POINT = (1.3, 0.7)

MODES = {
    "R": lambda f, k: irad.grad(f, argnums=k),
    "F": lambda f, k: irad.jacfwd(f, argnums=k),
    "J": lambda f, k: (lambda x, y: irad.jvp(f, (x, y), (1.0, None))[1], lambda x, y: irad.jvp(f, (x, y), (0.0, 1.0))[1])[k],
    "P": lambda f, k: (lambda x, y: irad.vjp(f, x, y)[1](1.0)[0], lambda x, y: irad.vjp(f, x, y)[1](1.0)[1])[k],
}


def nested(f, modes, index):
    """The derivative of f in the arguments `index`, one mode each, innermost first."""
    for mode, k in zip(modes, index, strict=True):
        f = MODES[mode](f, k)
    return f


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_gradients(f, backend) -> None:
    want = tuple(derivative(f, POINT, (k,)) for k in (0, 1))
    agree(irad.compile(f, backend=backend)(*POINT), derivative(f, POINT, ()))
    agree(irad.compile(irad.grad(f, argnums=(0, 1)), backend=backend)(*POINT), want)
    agree(irad.compile(irad.jacfwd(f, argnums=(0, 1)), backend=backend)(*POINT), want)
    value, both = irad.compile(irad.value_and_grad(f, argnums=(1, 0)), backend=backend)(*POINT)
    agree(value, derivative(f, POINT, ()))
    agree(both, want[::-1])


MODE_PAIRS = ["RR", "RF", "FR", "FF", "JP", "PJ"]


@pytest.mark.parametrize("modes", MODE_PAIRS)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives_in_every_order_of_modes(f, modes) -> None:
    turn = (FUNCTIONS.index(f) + MODE_PAIRS.index(modes)) % 2
    backend, index = (BACKENDS[0], (0, 1)) if turn else (BACKENDS[1], (0, 0))
    agree(irad.compile(nested(f, modes, index), backend=backend)(*POINT), derivative(f, POINT, index), 1e-8)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_hessians(f) -> None:
    want = tuple(tuple(derivative(f, POINT, (i, j)) for j in (0, 1)) for i in (0, 1))
    agree(irad.hessian(f, argnums=(0, 1))(*POINT), want, 1e-8, 1e-10)
    v = (0.4, -1.1)
    product = tuple(row[0] * v[0] + row[1] * v[1] for row in want)
    agree(irad.hvp(f, argnums=(0, 1))(*POINT, v), product, 1e-8, 1e-10)
    agree(irad.jacrev(irad.grad(f, argnums=(0, 1)), argnums=(0, 1))(*POINT), want, 1e-8, 1e-10)


THIRD = [if_in_while_in_recursion, root, folded, breaks]


@pytest.mark.parametrize("modes", ["".join(m) for m in itertools.product("RF", repeat=3)])
@pytest.mark.parametrize("f", THIRD, ids=lambda f: f.__name__)
def test_third_derivatives(f, modes) -> None:
    backend, index = (BACKENDS[0], (0, 0, 1)) if modes.count("F") % 2 else (BACKENDS[1], (1, 0, 1))
    agree(irad.compile(nested(f, modes, index), backend=backend)(*POINT), derivative(f, POINT, index), 1e-7)


# -- closed forms -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(0.3, 20.0))
def test_the_gradient_of_newtons_method_is_that_of_the_root(x: float) -> None:
    def square_root(a):
        return newton(lambda t: t * t - a, 1.0 + a, 30)

    agree(irad.compile(square_root)(x), math.sqrt(x), 1e-12)
    agree(irad.grad(square_root)(x), 0.5 / math.sqrt(x), 1e-9)
    agree(irad.grad(irad.grad(square_root))(x), -0.25 * x**-1.5, 1e-8)
    agree(irad.jacfwd(irad.grad(square_root))(x), -0.25 * x**-1.5, 1e-8)


@settings(max_examples=25, deadline=None)
@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_perturbations_are_not_confused(x: float, y: float) -> None:
    for inner, outer in itertools.product((irad.grad, irad.jacfwd), repeat=2):
        agree(outer(lambda t, inner=inner: t * inner(lambda u: t + u)(y))(x), 1.0)
        agree(outer(lambda t, inner=inner: inner(lambda u: t * u * u)(t))(x), 4.0 * x)
        agree(outer(lambda t, inner=inner: inner(lambda t: t * t)(t) * t)(x), 4.0 * x)  # hygiene: one name, two variables


@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("transform", [irad.grad, irad.jacfwd], ids=["reverse", "forward"])
def test_high_orders(transform, order) -> None:
    """d^n sin(2x): 2^n sin(2x + n pi / 2)."""
    f = lambda x: math.sin(2.0 * x)  # noqa: E731
    for _ in range(order):
        f = transform(f)
    agree(f(0.4), 2.0**order * math.sin(0.8 + order * math.pi / 2), 1e-12)


def test_names_of_users_are_theirs() -> None:
    def f(ct, stack, grad, d=2.0, da=3.0):
        loop = ct * stack
        residual = loop * grad
        for j in range(2):
            residual = residual + d * da * ct * j
        return residual

    for backend in BACKENDS:
        agree(irad.compile(irad.grad(f, argnums=(0, 1, 2)), backend=backend)(1.5, 2.0, -0.5), (2.0 * -0.5 + 6.0, -0.75, 3.0))


def test_a_new_lambda_each_time_compiles_once() -> None:
    seen = set()
    for k in (1.0, 2.0, 3.0):
        seen.add(irad.grad(lambda x, k=k: k * x * x)(1.5))
    assert seen == {3.0, 6.0, 9.0}


# -- what changed since the last call ---------------------------------------------------------------------------------------

scale = 2.0


def scaled(x):
    return scale * helper(x)


def helper(x):
    return x * x


def test_derivatives_follow_globals_and_callees(monkeypatch: pytest.MonkeyPatch) -> None:
    g, h = irad.compile(irad.grad(scaled)), irad.grad(irad.grad(scaled))
    assert (g(3.0), h(3.0)) == (12.0, 4.0)
    monkeypatch.setitem(globals(), "scale", 5.0)
    assert (g(3.0), h(3.0)) == (30.0, 10.0)
    monkeypatch.setitem(globals(), "helper", lambda x: x * x * x)
    assert (g(3.0), h(3.0)) == (135.0, 90.0)


def test_derivatives_read_captured_variables_when_called() -> None:
    k = 2.0

    def f(x):
        return k * x * x

    g = irad.grad(f)
    assert g(3.0) == 12.0
    k = 10.0
    assert g(3.0) == 60.0
    k = 1
    assert g(3.0) == 6.0
