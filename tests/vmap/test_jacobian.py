"""jacobian: both orders give one matrix, for numbers, arrays and structures, small and large, of sizes known late."""

import math

import numpy as np
import pytest

import irad
from tests.derivatives.oracles import agree

X = np.array([0.3, -1.1, 0.7])


def pair(x):
    return np.array([x[0] * x[1], np.sin(x[2]) * x[0]])


def structured(p, k):
    return {"a": p["x"] * k, "b": (np.sum(p["x"]) * p["y"], 3.0)}


def smooth(x):
    return np.convolve(x, np.array([1.0, -2.0, 1.0]), mode="same") * np.sum(x)


def columns_by_differences(f, x, h=1e-5):
    columns = []
    for i in range(x.size):
        d = np.zeros(x.size)
        d[i] = h
        d = d.reshape(x.shape)
        columns.append((f(x + d) - f(x - d)) / (2 * h))
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *x.shape)


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
def test_orders(order, backend):
    def jacobian(f, **options):
        return irad.compile(irad.jacobian(f, order=order, **options), backend=backend)

    agree(jacobian(pair)(X), np.array([[X[1], X[0], 0.0], [math.sin(X[2]), 0.0, X[0] * math.cos(X[2])]]))
    found = jacobian(structured, argnums=(0, 1))({"x": X, "y": 2.0}, 3.0)
    a, b = ({"x": 3.0 * np.eye(3), "y": np.zeros(3)}, X), ({"x": np.full(3, 2.0), "y": float(np.sum(X))}, 0.0)
    agree(found, {"a": a, "b": (b, ({"x": np.zeros(3), "y": 0.0}, 0.0))})
    agree(jacobian(lambda x, y: (x * y, x + y), argnums=(0, 1))(2.0, 3.0), ((3.0, 2.0), (1.0, 1.0)))
    x = np.linspace(-1.0, 1.0, 20)  # more than are written out
    agree(jacobian(smooth)(x), columns_by_differences(smooth, x), rtol=1e-7, atol=1e-8)
    matrix = np.arange(6.0).reshape(2, 3)
    agree(jacobian(lambda m: m.T)(matrix), columns_by_differences(np.transpose, matrix), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("n", [0, 1, 3, 20])
def test_sizes_known_at_run_time(order, n):
    @irad.compile
    def run_time(x, n):
        return irad.jacobian(lambda y: y[1:] * np.sum(y[:1]), order=order)(x * np.ones(n))

    x = np.full(n, 2.0)
    want = np.zeros((max(n - 1, 0), n))
    for i in range(len(want)):
        want[i, [0, i + 1]] = 2.0
    agree(run_time(2.0, n), want)
    assert x.size == n


def test_the_smaller_side_is_taken():
    """A gradient has one row, a curve one column: neither has a loop."""
    x = np.ones(100)
    for f, args in ((lambda x: np.sum(x * x * x), (x,)), (lambda t: t * np.ones(100), (2.0,))):
        assert not {"for_loop", "while_loop"} & set(irad.ir(irad.jacobian(f), *args).operations)


def test_few_columns_are_straight_line_code():
    """The zeros of the directions fold: no more sines and products than the entries need."""

    def f(q):
        return np.array([np.sin(q[i]) * q[(i + 1) % 6] for i in range(6)])

    q = np.arange(1.0, 7.0)
    counts = irad.ir(irad.jacobian(f), q).operations
    assert not {"for_loop", "while_loop", "matmul", "add"} & set(counts)
    assert (counts["sin"], counts["cos"], counts["mul"]) == (6, 6, 6)
    want = np.diag(np.cos(q) * np.roll(q, -1))
    want[range(6), np.roll(range(6), -1)] = np.sin(q)
    agree(irad.jacobian(f)(q), want)


def arm(q):
    t = np.eye(4)
    for i in range(6):
        c, s = np.cos(q[i]), np.sin(q[i])
        t = t @ np.array([[c, -s, 0.0, 0.1], [s, c, 0.0, 0.2], [0.0, 0.0, 1.0, 0.3], [0.0, 0.0, 0.0, 1.0]])
    return t[:3, 3]


def test_products_of_small_matrices_live_in_registers():
    """In a Jacobian too: a direction's zeros fold in products, so that each joint's derivative begins at the joint."""
    q = np.linspace(-1.0, 1.0, 6)
    counts = irad.ir(irad.jacobian(arm, order="forward"), q, stage="lowered").operations
    assert not {"for_loop", "matmul", "zeros"} & set(counts)
    assert counts["array"] == 1
    for order in ("forward", "reverse"):
        agree(irad.jacobian(arm, order=order)(q), columns_by_differences(arm, q), rtol=1e-7, atol=1e-9)


def test_other_orders_are_refused():
    for call in (lambda: irad.jacobian(pair, order="backward"), lambda: inside(X)):
        with pytest.raises(irad.CompileError, match="unknown-order"):
            call()


@irad.compile
def inside(x):
    return irad.jacobian(pair, order="backward")(x)


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_the_dtype_is_that_of_the_output(backend):
    """In any order, for arguments of several dtypes, Python's numbers among them."""

    def f(x, y, k):
        return np.array([x[0] * x[1] * k, np.sin(x[0])]), y * x[1], (x * k).sum() * k

    x, y, k = np.float32([1.0, 2.0]), np.array([0.5, -1.0, 2.0]), 2.0
    want = [np.float32, np.float64]
    for order in ("forward", "reverse", "auto", "markowitz"):
        found = irad.compile(irad.jacobian(f, argnums=(0, 1, 2), order=order), backend=backend)(x, y, k)
        assert [[np.asarray(part).dtype for part in row] for row in found[:2]] == [[t] * 3 for t in want]
        np.testing.assert_allclose(found[0][0], [[4.0, 2.0], [np.cos(1.0), 0.0]], rtol=1e-6)
        np.testing.assert_allclose(found[1][1], 2.0 * np.eye(3))
        np.testing.assert_allclose([*found[2][0], found[2][2]], [4.0, 4.0, 12.0], rtol=1e-6)
