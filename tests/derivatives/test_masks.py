"""What `where` does not take has no part in a derivative, however infinite its own is: elements (or rows) that are taken have
the derivatives of the function alone, infinite and nan ones too; the others those of the other side. In every mode and order.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import irad
from tests.derivatives.oracles import BACKENDS

both = pytest.mark.parametrize("backend", BACKENDS)

# Functions of elements v and w, most of them singular or undefined somewhere in -1, 0, 1; then functions of rows.
ELEMENTS = (
    lambda v, w: np.sqrt(v),
    lambda v, w: np.log(v),
    lambda v, w: 1.0 / v,
    lambda v, w: w / v,
    lambda v, w: v**0.5,
    lambda v, w: np.sin(v) / v,
    lambda v, w: np.arccos(v),
    lambda v, w: np.cbrt(v),
    lambda v, w: np.log1p(-v),
    lambda v, w: np.exp(1.0 / v),
    lambda v, w: np.hypot(v, w),
    lambda v, w: np.arctan2(v, w),
    lambda v, w: np.abs(v),
    lambda v, w: 2.0 * v - w * v,
    lambda v, w: v - w,
    lambda v, w: np.where(w > 1.0, np.sqrt(v), v),
    lambda v, w: np.maximum(np.sqrt(v), w),
    lambda v, w: np.clip(1.0 / v, -0.5, 0.5),
)
ROWS = (
    lambda v, w: v / np.sqrt(np.sum(v * v, axis=1, keepdims=True)),
    lambda v, w: w * np.sqrt(np.sum(v * v, axis=1))[:, None],
    lambda v, w: np.broadcast_to(np.log(np.max(v, axis=1, keepdims=True)), (3, 3)),
    lambda v, w: w / np.prod(v, axis=1, keepdims=True),
    lambda v, w: np.sqrt(v.T).T,
    lambda v, w: np.sqrt(v.reshape(-1)).reshape(v.shape),
    lambda v, w: np.log(v[:, ::-1]),
    lambda v, w: np.concatenate([np.sqrt(v)[:, 1:] - np.sqrt(v)[:, :1], np.log(v)[:, 2:]], axis=1),
    lambda v, w: np.linalg.norm(v, axis=1, keepdims=True) * w,
)


def derivatives(f, x, w, dx):
    """Of f, row by row independent: pullback, tangent, and the derivatives of the pullback along dx, by both modes."""

    def pullback(x, w):
        return irad.vjp(f, x, w)[1](w)

    cts, more = irad.jvp(pullback, (x, w), (dx, w))
    again = irad.vjp(pullback, x, w)[1]((dx, dx))
    return *cts, irad.jvp(f, (x, w), (dx, w))[1], *more, *again


def check(steps, x, w, dx, taken, backend) -> None:
    def plain(x, w):
        v = x
        for step in steps:
            v = step(v, w)
        return v

    def chosen(taken, x, w, dx):
        return derivatives(lambda x, w: np.where(taken, plain(x, w), 0.25 * x * x * w), x, w, dx)

    got = irad.compile(chosen, backend=backend)(taken, x, w, dx)
    alone = irad.compile(lambda x, w, dx: derivatives(plain, x, w, dx), backend=backend)(x, w, dx)
    other = irad.compile(lambda x, w, dx: derivatives(lambda x, w: 0.25 * x * x * w, x, w, dx), backend=backend)(x, w, dx)
    for g, a, o in zip(got, alone, other, strict=True):
        np.testing.assert_allclose(g, np.where(taken, a, o), rtol=1e-12, atol=1e-14)


values = arrays.arrays(float, (3, 3), elements=st.sampled_from([-1.0, -0.0, 0.0, 0.3, 0.7, 1.0]))
weights = arrays.arrays(float, (3, 3), elements=st.sampled_from([0.6, 0.9, 1.3]))


@both
@settings(max_examples=12, deadline=None)
@given(
    steps=st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3).map(tuple),
    x=values,
    w=weights,
    dx=weights,
    taken=arrays.arrays(bool, (3, 3)),
)
def test_elements(backend, steps, x, w, dx, taken) -> None:
    check(steps, x, w, dx, taken, backend)


@both
@settings(max_examples=8, deadline=None)
@given(
    before=st.sampled_from(ELEMENTS),
    row=st.sampled_from(ROWS),
    after=st.sampled_from(ELEMENTS),
    x=values,
    w=weights,
    dx=weights,
    taken=arrays.arrays(bool, (3, 1)),
)
def test_rows(backend, before, row, after, x, w, dx, taken) -> None:
    check((before, row, after), x, w, dx, taken, backend)


def roots(x, n):
    for _ in range(n):
        x = np.sqrt(x)
    return x


def root_while(x, n):
    while n > 0:
        x, n = np.sqrt(x), n - 1
    return x


def root_again(x, n):
    return x if n == 0 else root_again(np.sqrt(x), n - 1)


def root_in_branch(x, n):
    return np.sqrt(x) if n > 1 else x * x


def two_roots(x, n):
    a, b = (np.sqrt(x), np.log(x)) if n > 1 else (x, x)
    return a * b


def product(x, n):
    return np.sqrt(x / np.sum(x)) @ np.ones((2, 2)) * n


def solution(x, n):
    return np.linalg.solve(np.diag(np.sqrt(x) + 1.0), np.log(x)) * n


@both
@pytest.mark.parametrize("f", [roots, root_while, root_again, root_in_branch, two_roots, product, solution])
def test_what_runs_as_a_whole(f, backend) -> None:
    def chosen(x):
        return np.sum(np.where(np.sum(x) > 0.0, f(x, 2), 0.5 * x))

    grad, hessian = (irad.compile(t(chosen), backend=backend) for t in (irad.grad, irad.hessian))
    np.testing.assert_array_equal(grad(np.zeros(2)), [0.5, 0.5])
    np.testing.assert_array_equal(hessian(np.zeros(2)), np.zeros((2, 2)))
    x = np.array([0.7, 1.2])
    np.testing.assert_allclose(grad(x), irad.grad(lambda x: np.sum(f(x, 2)))(x), rtol=1e-12)
    np.testing.assert_allclose(hessian(x), irad.hessian(lambda x: np.sum(f(x, 2)))(x), rtol=1e-12, atol=1e-14)


@both
def test_elements_that_are_read_one_by_one(backend) -> None:
    def f(x):
        y, z = np.sqrt(x), np.zeros(2)
        z[0] = np.where(x[0] > 0.0, y[0], 0.0)
        z[1] = np.log(x[2])
        return np.where(x[1] > 0.0, y[1], 1.0) + np.sum(np.where(x[1] > 0.0, z, x[1]))

    grad = irad.compile(irad.grad(f), backend=backend)
    np.testing.assert_array_equal(grad(np.array([4.0, 0.0, 0.0])), [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(grad(np.array([0.0, 4.0, 2.0])), [0.0, 0.25, 0.5])


def test_a_side_that_is_a_multiple_is_left_out_too() -> None:
    def f(x):
        return np.where(x > 0.1, x * 0.5, x * x)

    assert irad.grad(f)(-0.5) == -1.0
    assert irad.grad(f)(0.5) == 0.5


@both
@pytest.mark.parametrize("turned", [False, True])
def test_elements_of_which_choices_have_some(turned, backend) -> None:
    """One that is read under a choice and one that is not; one that is read under two choices."""

    def beside(x):
        y = np.sqrt(x)
        a, b = y[1], np.where(x[0] > 0.0, y[0], 0.0)
        return b + a if turned else a + b

    def two(x):
        y = np.sqrt(x)
        a = np.where(x[0] > 0.0, y[0], 0.0) if turned else np.where(x[1] > 2.0, y[0], 0.0)
        return a + (np.where(x[1] > 2.0, y[0], 0.0) if turned else np.where(x[0] > 0.0, y[0], 0.0))

    np.testing.assert_array_equal(irad.compile(irad.grad(beside), backend=backend)(np.array([4.0, 16.0])), [0.25, 0.125])
    np.testing.assert_array_equal(irad.compile(irad.grad(two), backend=backend)(np.array([4.0, 1.0])), [0.25, 0.0])
