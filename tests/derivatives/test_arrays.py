"""Derivatives of array programs: generated shapes, every broadcasting operation, reductions, products, indexing.

Laws, on both backends: forward mode along a direction agrees with differences of the NumPy function, <ct, J dx> =
<J' ct, dx>, and gradients have the shape and dtype of their argument.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import irad
from tests.derivatives.oracles import BACKENDS, agree


def vary(x, dx, h):
    return x + h * dx


def check(f, args, seed=0, rtol=1e-7) -> None:
    """The laws for f at args, floats and arrays."""
    rng = np.random.default_rng(seed)
    dxs = tuple(rng.uniform(0.5, 1.5, np.shape(a)) if isinstance(a, np.ndarray) else float(rng.uniform(0.5, 1.5)) for a in args)
    out = f(*args)
    ct = rng.uniform(0.5, 1.5, np.shape(out)) if isinstance(out, np.ndarray) else float(rng.uniform(0.5, 1.5))

    def both_modes(args, dxs, ct):
        out, tangent = irad.jvp(f, args, dxs)
        return out, tangent, irad.vjp(f, *args)[1](ct)

    def central(h):
        high, low = (f(*[vary(a, d, s * h) for a, d in zip(args, dxs, strict=True)]) for s in (1.0, -1.0))
        return (np.asarray(high) - np.asarray(low)) / (2.0 * h)

    wanted = (4.0 * central(5e-4) - central(1e-3)) / 3.0
    for backend in BACKENDS:
        got, tangent, cts = irad.compile(both_modes, backend=backend)(args, dxs, ct)
        np.testing.assert_allclose(got, out, rtol=1e-12, atol=1e-13)
        assert np.shape(tangent) == np.shape(out)
        np.testing.assert_allclose(tangent, wanted, rtol=rtol, atol=1e-8)
        for a, c in zip(args, cts, strict=True):
            assert np.shape(c) == np.shape(a)
            assert np.asarray(c).dtype == np.float64
        product = sum(float(np.sum(np.asarray(c) * d)) for c, d in zip(cts, dxs, strict=True))
        scale = sum(float(np.sum(np.abs(np.asarray(c) * d))) for c, d in zip(cts, dxs, strict=True))
        agree(product, float(np.sum(np.asarray(tangent) * ct)), 1e-12, 1e-12 * (1.0 + scale))


def numbers(shape, low=0.5, high=2.0):
    return arrays.arrays(float, shape, elements=st.floats(low, high).map(lambda v: round(v, 3)))


@st.composite
def pairs(draw):
    """Two values whose shapes broadcast: arrays, or a float and an array."""
    shapes = draw(arrays.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, min_side=1, max_side=3))
    return tuple(draw(numbers(s)) if s else draw(st.floats(0.5, 2.0)) for s in shapes.input_shapes)


BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: np.multiply(x, y),
    "divide": lambda x, y: x / y,
    "power": lambda x, y: x**y,
    "maximum": lambda x, y: np.maximum(x, 1.01 * y + 0.003),
    "minimum": lambda x, y: np.minimum(x * 0.99 - 0.0017, y),
    "arctan2": lambda x, y: np.arctan2(x, y),
    "hypot": lambda x, y: np.hypot(x, y),
    "where": lambda x, y: np.where(x > y * 1.01 + 0.0013, x * y, y - x),
    "softmax-like": lambda x, y: np.exp(x) / np.sum(np.exp(x)) * y,
    "x / sum": lambda x, y: x / np.sum(x * y),
    "x ** sum": lambda x, y: x ** (np.sum(y) * 0.1),
}


@pytest.mark.parametrize("name", BINARY)
def test_broadcasting(name) -> None:
    @settings(max_examples=6, deadline=None)
    @given(pairs())
    def law(values) -> None:
        x, y = values
        gap = np.abs(np.asarray(x) - 1.01 * np.asarray(y) - 0.003)
        if name in ("maximum", "minimum", "where") and np.min(np.minimum(gap, np.abs(x * 0.99 - 0.0017 - y))) < 0.01:
            return  # a kink within the step
        check(BINARY[name], (x, y))

    law()


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name) -> None:
    reduce = REDUCTIONS[name]
    rng = np.random.default_rng(1)
    for shape in ((4,), (2, 3), (2, 1, 3)):
        x = rng.permutation(np.linspace(0.5, 2.0, int(np.prod(shape)))).reshape(shape)
        check(lambda x: reduce(x) * reduce(x * x), (x,))
        check(lambda x: reduce(x, axis=-1) * 2.0, (x,))
        check(lambda x: x - reduce(x, axis=0, keepdims=True), (x,))


def test_products_with_zeros() -> None:
    for zeros, wanted in (([], [6.0, 3.0, 2.0]), ([0], [6.0, 0.0, 0.0]), ([0, 1], [0.0, 0.0, 0.0])):
        x = np.array([1.0, 2.0, 3.0])
        x[zeros] = 0.0
        for backend in BACKENDS:
            np.testing.assert_array_equal(irad.compile(irad.grad(lambda x: np.prod(x)), backend=backend)(x), wanted)


def test_ties_share() -> None:
    x = np.array([1.0, 3.0, 3.0, 2.0])
    for backend in BACKENDS:
        np.testing.assert_array_equal(irad.compile(irad.grad(lambda x: np.max(x)), backend=backend)(x), [0.0, 0.5, 0.5, 0.0])
        np.testing.assert_array_equal(irad.compile(irad.grad(lambda x: x.min()), backend=backend)(x), [1.0, 0.0, 0.0, 0.0])


SHAPED = {
    "slices": lambda x: x[1:] * x[:-1] + x[::-1][1:],
    "negative step": lambda x: x[-1:0:-2] * 2.0,
    "reshape": lambda x: (x.reshape(2, 3) * np.array([1.0, 2.0, 3.0])).T.reshape(6),
    "transpose": lambda x: x.reshape(3, 2).T @ x.reshape(3, 2),
    "new axes": lambda x: x[:, None] * x[None, :] * x[..., np.newaxis],
    "column": lambda x: x.reshape(2, 3)[:, 0] - x.reshape(2, 3)[:, -1],
    "dot": lambda x: np.dot(x[:3], x[3:]) * x,
    "matrix vector": lambda x: (x.reshape(2, 3) @ x[:3]) * (x[:2] @ x.reshape(2, 3))[:2],
    "iteration": lambda x: np.array([v * v for v in x]),
    "built": lambda x: np.array([x[0] * x[1], x[2], 3.0]),
    "broadcast by a number": lambda x: np.sum(x) * np.ones((4, 3)) / x[:3],
    "methods": lambda x: x.sum() * x.mean() * x.max() * x,
    "a view": lambda x: x.reshape(3, 2).T[1:, ::-1],
    "the argument": lambda x: x,
}


@pytest.mark.parametrize("name", SHAPED)
def test_shapes_and_indices(name) -> None:
    check(SHAPED[name], (np.array([0.7, 1.2, 0.9, 1.6, 0.55, 1.4]),))


def test_a_repeated_index_accumulates() -> None:
    def f(x):
        s = 0.0
        for k in (0, 2, 2, 0, 2):
            s += x[k] * x[k]
        return s

    def g(x):
        i = np.array([0, 2, 2, 0, 2])
        return np.sum(x[i] * x[i])

    x = np.array([1.0, 2.0, 3.0])
    for backend in BACKENDS:
        np.testing.assert_array_equal(irad.compile(irad.grad(f), backend=backend)(x), [4.0, 0.0, 18.0])
        try:
            gradient = irad.compile(irad.grad(g), backend=backend)(x)
        except irad.CompileError:
            continue  # refused is right too
        np.testing.assert_array_equal(gradient, [4.0, 0.0, 18.0])


def test_second_order_of_arrays() -> None:
    def f(x):
        return np.sum(np.exp(x) * x) / np.sum(x * x) + np.prod(x)

    x, v, h = np.array([0.7, 1.2, 0.4]), np.array([1.0, -0.5, 2.0]), 1e-4

    def gradient(x):
        e, q = np.sum(np.exp(x) * x), np.sum(x * x)
        return np.exp(x) * (1.0 + x) / q - 2.0 * x * e / q**2 + np.prod(x) / x

    wanted = (gradient(x + h * v) - gradient(x - h * v)) / (2.0 * h)
    for backend in BACKENDS:
        np.testing.assert_allclose(irad.compile(irad.grad(f), backend=backend)(x), gradient(x), rtol=1e-12)
        np.testing.assert_allclose(irad.compile(irad.hvp(f), backend=backend)(x, v), wanted, rtol=1e-6)
        hessian = irad.compile(irad.hessian(f), backend=backend)(x)
        np.testing.assert_allclose(hessian @ v, wanted, rtol=1e-6)
        np.testing.assert_allclose(hessian, hessian.T, rtol=1e-10)
        np.testing.assert_allclose(irad.compile(irad.jacrev(irad.grad(f)), backend=backend)(x), hessian, rtol=1e-10)


def test_single_precision_stays_single() -> None:
    x = np.array([0.5, 1.5, 2.5], np.float32)
    for backend in BACKENDS:
        gradient = irad.compile(irad.grad(lambda x: np.sum(np.sin(x) * x)), backend=backend)(x)
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, np.cos(x) * x + np.sin(x), rtol=1e-5)


def test_results_share_nothing_with_arguments() -> None:
    def f(p, x):
        (out, same), back = irad.vjp(lambda p, x: ([p["a"], x[1:]], p), p, x)
        out[0] = 7.0
        out[1][0] = 8.0
        same["a"] = 9.0
        return x, p["a"], out, back(([1.0, x[1:]], {"a": 2.0}))

    for backend in BACKENDS:
        x = np.array([1.0, 2.0, 3.0])
        got_x, a, out, (ct_p, ct_x) = irad.compile(f, backend=backend)({"a": 5.0}, x)
        np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(got_x, x)
        assert (a, out[0]) == (5.0, 7.0)
        np.testing.assert_array_equal(out[1], [8.0, 3.0])
        assert ct_p == {"a": 3.0}
        np.testing.assert_array_equal(ct_x, [0.0, 2.0, 3.0])


def _read_all(x, n):
    total = 0.0
    for i in range(n):
        total += x[i]
    return total


def _read_one(x, n):
    return x[n]


def _written(x, n):
    y = 2.0 * x
    y[n] = 0.0
    return y.sum()


@pytest.mark.parametrize("f", [_read_all, _read_one, _written])
@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_an_index_out_of_bounds_raises_where_its_value_is_not_needed(f, backend):
    """The gradient of a sum of elements reads no element, and adds at each place."""
    gradient = irad.compile(irad.grad(f), backend=backend)
    for n in (7, -4, 10**9, -(10**9)) if f is not _read_all else (7, 1000):
        with pytest.raises(IndexError, match="out of bounds"):
            gradient(np.ones(3), n)


def test_rows_of_outputs_beside_one_of_a_size_that_floats_decide():
    def f(x):
        return x[x > 1.0], np.sum(x) ** 2, x[0]

    x = np.linspace(0.5, 1.5, 20)
    for rows, columns in zip(irad.jacrev(f)(x), irad.jacfwd(f)(x), strict=True):
        np.testing.assert_allclose(rows, columns, rtol=1e-14)
