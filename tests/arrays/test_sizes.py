"""Sizes that are known at run time only: arrays that one function makes at two calls are not taken for equally large, and
recursion over ever other sizes settles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad
from tests.frontend.agree import BACKENDS, check


def ones(n: int) -> Any:
    return np.ones(n)


def both(n: int) -> Any:
    return np.ones(n), [np.zeros(n)]


def head(x: Any, n: int) -> Any:
    return x[:n]


def replace(xs: Any, n: int) -> None:
    xs[0] = np.ones(n)


def down(n: int) -> Any:
    return np.ones(n) if n < 3 else down(n - 1)


def two_calls(n: int, m: int) -> Any:
    return ones(n) + ones(m)


def two_views(n: int, m: int) -> Any:
    x = np.arange(9.0)
    return head(x, n) + head(x, m)


def two_structures(n: int, m: int) -> Any:
    (a, b), (c, d) = both(n), both(m)
    return a + b[0], c + d[0], a + d[0]


def two_closures(n: int, m: int) -> Any:
    k = n
    make = lambda: np.ones(k)  # noqa: E731
    a = make()
    k = m
    return a + make()


def two_stored_functions(n: int, m: int) -> Any:
    def of(k: int) -> Any:
        x = np.ones(k)
        return (lambda: x) if k > 1 else (lambda: np.zeros(k))

    return of(n)() + of(m)()


def two_writes(n: int, m: int) -> Any:
    xs, ys = [np.ones(1)], [np.ones(1)]
    replace(xs, n)
    replace(ys, m)
    return xs[0] + ys[0]


def two_recursions(n: int, m: int) -> Any:
    return down(n) + down(m)


def two_tangents(n: int, m: int) -> Any:
    def tangent(k: int) -> Any:
        return irad.jvp(lambda x: x * np.ones(k), (2.0,), (1.0,))[1]

    return tangent(n) + tangent(m)


def cotangent(n: int, m: int) -> Any:
    _, pullback = irad.vjp(lambda x: x * np.ones(n), 2.0)
    return pullback(np.ones(m))


def tangent(n: int, m: int) -> Any:
    return irad.jvp(lambda x: 2.0 * x, (np.ones(n),), (np.ones(m),))


TWICE = [two_calls, two_views, two_structures, two_closures, two_stored_functions, two_writes, two_recursions, two_tangents]


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("m", [3, 4])
@pytest.mark.parametrize("f", TWICE, ids=lambda f: f.__name__)
def test_sizes_of_two_calls_are_apart(f: Callable[..., Any], n: int, m: int) -> None:
    check(f, n, m)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [cotangent, tangent], ids=lambda f: f.__name__)
def test_derivatives_have_the_sizes_of_their_values(f: Callable[..., Any], backend: str) -> None:
    compiled = irad.compile(f, backend=backend)
    compiled(3, 3)
    for m in (1, 2, 4):
        with pytest.raises(ValueError, match="is needed"):
            compiled(3, m)


def total(x: Any) -> Any:
    return 0.0 if len(x) == 0 else x[0] * x[-1] + total(x[1:])


def scaled(x: Any) -> Any:
    return 0.0 if len(x) == 0 else x[0] + scaled(x[1:] * 2.0)


def slices(x: Any, n: int) -> Any:
    return total(x[:n]) + scaled(x[:n])


def chain(x: Any, n: int) -> Any:
    g: Any = lambda v: v  # noqa: E731
    for i in range(n):
        for j in range(i):
            g = lambda v, h=g, a=x[j:i]: h(v) * a.sum()  # noqa: E731
    return g(x[0])


def alternating(x: Any, n: int) -> Any:
    g: Any = lambda v: v  # noqa: E731
    for i in range(n):
        g = (lambda v, h=g, a=x[:i]: h(v) + a.sum()) if i % 2 else (lambda v, h=g, a=x[i:]: h(v) * a.sum())
    return g(x[0])


@pytest.mark.parametrize("f", [slices, chain, alternating], ids=lambda f: f.__name__)
def test_ever_other_sizes_settle(f: Callable[..., Any]) -> None:
    x = np.array([0.5, 1.5, -2.0, 0.25, 3.0])
    for n in range(6):
        check(f, x, n)
    irad.check_grads(f, (x, 4))


def views(x: Any, n: int) -> Any:
    y = x[1:n]
    z = y[::2]
    w = z[::-1]
    w[0] = 100.0
    z[0] += y[-1]
    rows = x[: 2 * (len(x) // 2)].reshape(2, -1)
    return w, z, y, y[1:][1:], w[-1], w[0:5][1:], rows[1][n % 2 :][::-1]


def written(m: Any, i: int) -> Any:
    row = m[i]
    row[1:][0] = 7.0
    column = m[:, 1][i:]
    column[:] = 5.0
    last = m[i:, ::-1][0][::-2]
    last *= 2.0
    return m[:, None][i:, 0]


def test_views_of_views() -> None:
    for n in range(4, 9):
        check(views, np.arange(8.0), n)
    for i in range(3):
        check(written, np.arange(12.0).reshape(3, 4), i)
    with pytest.raises(IndexError):
        irad.compile(lambda x, n: x[n:][1:][4])(np.arange(8.0), 4)


def test_products_of_nothing():
    def f(x):
        return x[:0, :0] @ x[:0, :0], x[:, :0] @ x[:0], x[:0] @ x.T

    x = np.arange(9.0).reshape(3, 3)
    for got, want in zip(irad.compile(f)(x), f(x), strict=True):
        assert got.shape == want.shape
        assert np.array_equal(got, want)
