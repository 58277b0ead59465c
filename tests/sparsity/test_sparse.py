"""Sparse Jacobians and Hessians are the dense ones, in the structure that those have, however they are computed."""

import dataclasses
import pickle
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csr_array

import irad
from tests.sparsity.fuzz import KINDS, examined

X = np.linspace(0.5, 1.5, 9)


@pytest.mark.parametrize("kind", KINDS)
def test_generated_functions(kind):
    """Planned at one point, and computed at others; `python -m tests.sparsity.fuzz` takes thousands."""
    counts = Counter()
    wrong = [w for seed in range(2) for w in examined(seed, kind, "llvm", counts)]
    assert not wrong, "\n".join(wrong)
    assert counts["jacobian"] >= 3
    assert counts["hessian"] >= 1


@pytest.mark.parametrize("backend", ["interpreter", "source"])
def test_every_backend(backend):
    counts = Counter()
    wrong = [w for seed, kind in ((3, "small"), (5, "loops")) for w in examined(seed, kind, backend, counts)]
    assert not wrong, "\n".join(wrong)
    assert counts["hessian"] == 2


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_loop(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return s


def periodic(x):
    return np.sum((np.roll(x, 1) - x) ** 4)


def grid(x):
    u = x.reshape(10, -1)
    return np.sum((u[1:] - u[:-1]) ** 3) + np.sum(u[:, 1:] * np.exp(u[:, :-1]))


def arrow(x):
    return np.sum(x[0] * x[1:] ** 3) + x[0] ** 2


def steps(x):
    for _ in range(3):
        x = x + 0.1 * (np.roll(x, 1) - x) * x
    return np.sum(x**2)


def branches(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += x[i] ** 2 * x[i + 1] if x[i] > 1.0 else x[i + 1] ** 3
    return s


HESSIANS = [rosenbrock, rosenbrock_by_loop, periodic, grid, arrow, steps, branches]


@pytest.mark.parametrize("f", HESSIANS, ids=lambda f: f.__name__)
def test_hessians(f):
    """Planned at one point, symmetric to the last bit, all in one form."""
    rng = np.random.default_rng(0)
    H = irad.hessian(f, sparse=True)
    for _ in range(3):
        x = rng.uniform(0.5, 1.5, 200)
        got, want = H(x), irad.hessian(f)(x)
        assert type(got) is csr_array
        assert got.has_canonical_format
        np.testing.assert_allclose(got.toarray(), want, rtol=1e-11, atol=1e-11 * np.abs(want).max())
        assert (got != got.T).nnz == 0
        assert got.nnz < 2500
    J = irad.jacobian(irad.grad(f), sparse=True)(x)
    np.testing.assert_allclose(J.toarray(), want, rtol=1e-11, atol=1e-11 * np.abs(want).max())


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_many_colours_are_a_loop(order):
    """Of more than eight directions one a trip, of all inputs and outputs."""

    def f(x, y):
        return x[:, None] * y[0] + x * y[1], np.sum(x) * y, y[0] ** 2

    args = X, np.array([2.0, 3.0])
    got = irad.jacobian(f, (0, 1), order=order, sparse=True)(*args)
    want = irad.jacobian(f, (0, 1))(*args)
    for row, dense in zip(got, want, strict=True):
        for s, d in zip(row, dense, strict=True):
            np.testing.assert_allclose(s.toarray(), d.reshape(s.shape), rtol=1e-13)


@dataclasses.dataclass
class Model:
    w: np.ndarray
    n: int
    b: float


def test_the_structure_is_that_of_the_dense_one():
    def f(m, x):
        return {"y": m.w * m.b * m.n + x, "n": m.n, "s": np.sum(m.w) * x[0]}, 2.0

    found, constant = irad.jacobian(f, argnums=(0, 1), sparse=True)(Model(X, 2, 3.0), X)
    assert found["n"] == (None, None) or found["n"] is None
    (by_model, by_x), (s_by_model, s_by_x) = found["y"], found["s"]
    assert by_model.n is None
    assert (by_model.w.shape, by_model.b.shape, by_x.shape) == ((9, 9), (9, 1), (9, 9))
    assert (s_by_model.w.shape, s_by_model.b.shape, s_by_x.shape) == ((1, 9), (1, 1), (1, 9))
    assert [m.nnz for m in (by_model.w, by_model.b, by_x, s_by_model.w, s_by_model.b, s_by_x)] == [9, 9, 9, 9, 0, 1]
    assert constant[0].w.nnz == constant[1].nnz == 0
    np.testing.assert_allclose(by_model.b.toarray()[:, 0], X * 2.0)


def test_hessians_of_several_arguments_are_blocks():
    def f(m, x):
        return np.sum(m.w**2 * x) * m.b

    args = Model(X, 2, 3.0), X + 1.0
    of_m, (x_by_m, x_by_x) = irad.hessian(f, argnums=(0, 1), sparse=True)(*args)
    dense = irad.hessian(f, argnums=(0, 1))(*args)
    np.testing.assert_allclose(of_m.w[0].w.toarray(), dense[0].w[0].w, rtol=1e-13)
    np.testing.assert_allclose(of_m.w[0].b.toarray()[:, 0], dense[0].w[0].b, rtol=1e-13)
    np.testing.assert_array_equal(of_m.w[1].toarray(), x_by_m.w.toarray().T)
    assert of_m.b[0].b.nnz == x_by_x.nnz == 0


@pytest.mark.parametrize("size", [0, 1])
def test_few_numbers(size):
    x = np.full(size, 2.0)
    assert irad.jacobian(lambda x: x[1:] * x[:-1], sparse=True)(x).shape == (0, size)
    np.testing.assert_array_equal(irad.hessian(lambda x: np.sum(x**3), sparse=True)(x).toarray(), np.diag(x * 6.0))
    np.testing.assert_array_equal(irad.hessian(lambda x: np.sum(x**3))(x), np.diag(x * 6.0))


def test_blocks_whose_sizes_the_program_computes():
    def f(x):
        r = np.zeros((4, 2))
        for i in range(4):
            r[i] = x[2 * i : 2 * i + 2] ** 2
        return r

    np.testing.assert_allclose(irad.jacobian(f, sparse=True)(X).toarray(), np.diag(2.0 * X)[:8], rtol=1e-15)


def test_what_trips_and_the_rest_compute_alike():
    """An operation of a trip on an input is none outside, which has been computed before and does not vary there."""

    def f(x, s):
        weights = np.full(3, 1.0) * (s * s) * (x[0] * x[0])
        r = np.zeros(5)
        for i in range(5):
            r[i] = s * s * x[i] + x[0] * x[0]
        return weights, r

    got = irad.jacobian(f, argnums=(0, 1), sparse=True)(X, 2.0)
    for row, dense in zip(got, irad.jacfwd(f, argnums=(0, 1))(X, 2.0), strict=True):
        for s, d in zip(row, dense, strict=True):
            np.testing.assert_allclose(s.toarray(), d.reshape(s.shape), rtol=1e-14)


def test_numbers_are_matrices_of_one():
    assert irad.jacobian(lambda x: x * x, sparse=True)(3.0).toarray() == [[6.0]]
    assert irad.hessian(lambda x: x**3, sparse=True)(3.0).toarray() == [[18.0]]


def test_single_precision():
    assert irad.jacobian(lambda x: x[1:] * x[:-1], sparse=True)(X.astype("f4")).dtype == np.float32
    assert irad.hessian(lambda x: np.sum(x**4), sparse=True)(X.astype("f4")).dtype == np.float32


def test_zeros_and_nan_are_entries():
    """The pattern has them, whatever they are."""
    found = irad.jacobian(np.sqrt, sparse=True)(np.array([-1.0, 0.0, 4.0]))
    np.testing.assert_array_equal(found.data, [np.nan, np.inf, 0.25])
    flat = irad.hessian(rosenbrock, sparse=True)(np.zeros(9))
    assert flat.nnz == 25
    assert flat[0, 1] == 0.0


def test_captured_values_are_read_at_each_call():
    places, w = np.array([1, 2]), X.copy()
    J = irad.jacobian(lambda x: w[0] * x[places] ** 2, sparse=True)
    assert J(X).indices.tolist() == [1, 2]
    places[1], w[0] = 5, 10.0
    np.testing.assert_allclose(J(X).toarray(), irad.jacobian(lambda x: w[0] * x[places] ** 2)(X), rtol=1e-13)


def test_a_fresh_function_of_the_same_code_is_planned_once():
    def derivative(w):
        return irad.hessian(lambda x: w * np.sum(x**2 * x[0]), sparse=True)

    one, other = derivative(1.0), derivative(3.0)
    np.testing.assert_array_equal(one(X).toarray() * 3.0, other(X).toarray())
    assert list(one.typed.values()) == list(other.typed.values())


def test_shared_indices_cannot_be_written():
    J = irad.jacobian(lambda x: x**2, sparse=True)
    found = J(X)
    with pytest.raises(ValueError, match="read-only"):
        found.indices[0] = 5
    changed = found.copy()
    changed.indices[0] = 5
    found.data[:] = 0.0
    np.testing.assert_array_equal(J(X).toarray(), np.diag(2.0 * X))
    J.pattern(X).indices[:] = 3
    np.testing.assert_array_equal(J(X).indices, np.arange(9))


def test_errors_are_those_of_the_function():
    with pytest.raises(IndexError, match="out of bounds"):
        irad.jacobian(lambda x, i: x[i] * 2.0, sparse=True)(X, 9)
    with pytest.raises(irad.CompileError, match="not one number"):
        irad.hessian(lambda x: x * 2.0, sparse=True)(X)
    with pytest.raises(irad.CompileError, match="no derivative"):
        irad.jacobian(lambda x: x * 2.0, sparse=True)(np.arange(3))
    with pytest.raises(irad.CompileError, match="size the program finds out"):
        irad.jacobian(lambda x: x[x > 1.0], sparse=True)(X)
    with pytest.raises(irad.CompileError, match="no order of a sparse Jacobian"):
        irad.jacobian(np.sin, order="markowitz", sparse=True)
    with pytest.raises(irad.CompileError, match="static_argnums"):
        irad.jacobian(irad.compile(lambda x, n: x * n, static_argnums=1), sparse=True)(X, 2)


def test_compiled_code_has_none():
    J = irad.jacobian(np.sin, sparse=True)

    def made(x):
        return irad.jacobian(np.sin, sparse=True)(x)

    def called(x):
        return J(x)

    for f in (made, called, J):
        for transform in (irad.compile, irad.jacobian, irad.vmap):
            with pytest.raises(irad.CompileError, match="no sparse matrices"):
                transform(f)(X)
    assert irad.compile(lambda x: irad.jacobian(np.sin, sparse=False)(x))(X).shape == (9, 9)


def test_pickles():
    J = pickle.loads(pickle.dumps(irad.hessian(rosenbrock, sparse=True)))
    np.testing.assert_array_equal(J(X).toarray(), irad.hessian(rosenbrock, sparse=True)(X).toarray())


def test_places_that_are_arguments():
    """The pattern follows them from call to call."""

    def read(x, at, k):
        return np.tanh(x[at]) * x[k] + x[:7]

    def energy(x, at):
        return np.sum((x[at] - x[:7]) ** 2)

    jacobian, hessian = irad.jacobian(read, sparse=True), irad.hessian(energy, sparse=True)
    for at, k in (([0, 3, 3, 8, -1, 2, 2], 5), ([7, 6, 5, 4, 3, 2, 1], -2)):
        at = np.array(at)
        np.testing.assert_allclose(jacobian(X, at, k).toarray(), irad.jacfwd(read)(X, at, k), rtol=1e-13)
        np.testing.assert_allclose(hessian(X, at).toarray(), irad.jacfwd(irad.grad(energy))(X, at), rtol=1e-13)
