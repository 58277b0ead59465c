"""Linear algebra beyond calls against NumPy's: all backends, what singular matrices raise, derivatives where values are equal,
and how much a gradient stores."""

import math

import mpmath
import numpy as np
import pytest
from scipy import linalg

import irad
from irad.graph.walk import all_graphs
from irad.types import Array, leaves
from tests.frontend.agree import BACKENDS

RNG = np.random.default_rng(5)
A, B = RNG.standard_normal((4, 4)) + 2.0 * np.eye(4), RNG.standard_normal((3, 4))
STACKED = np.stack([A, A.T @ A, A @ A])

PROGRAMS = {
    "solve": (lambda a, b: np.linalg.solve(a, b.T), (A, B)),
    "batched": (lambda a, b: np.linalg.solve(a, b.T) @ b, (STACKED, B)),
    "inv": (lambda a, b: np.linalg.inv(a) + b[0], (STACKED, B)),
    "det": (lambda a, b: np.linalg.det(a) * b, (A, B)),
    "slogdet": (lambda a, b: np.linalg.slogdet(a).logabsdet + b[:, 0], (STACKED, B)),
    "cholesky": (lambda a, b: np.linalg.cholesky(a @ a.T) @ b.T, (A, B)),
    "qr": (lambda a, b: np.linalg.qr(b).Q @ np.linalg.qr(b.T).R + np.linalg.qr(a[:3, :3])[1], (A, B)),
    "eigh": (lambda a, b: np.linalg.eigh(a + a.T)[1] * np.linalg.eigvalsh(a @ a.T) + b[0], (A, B)),
    "svd": (lambda a, b: np.linalg.svd(b, full_matrices=False)[2] @ a, (A, B)),
    "pinv": (lambda a, b: np.linalg.pinv(b) @ b @ a, (A, B)),
    "lstsq": (lambda a, b: np.linalg.lstsq(b.T, a)[0], (A, B)),
    "lu_factor": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b.T, trans=1), (A, B)),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a @ a.T), b.T), (A, B)),
    "solve_banded": (lambda a, b: linalg.solve_banded((1, 1), b + 4.0, a.T), (A, B)),
    "expm": (lambda a, b: linalg.expm(2.0 * a) @ b.T, (A, B)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_backends_agree(name):
    f, args = PROGRAMS[name]
    gradient = irad.value_and_grad(lambda a, b: np.sum(np.sin(f(a, b))), argnums=(0, 1))
    want = irad.compile(gradient)(*args)
    assert want[0] == pytest.approx(np.sum(np.sin(f(*args))), rel=1e-11)
    for backend in BACKENDS:
        got = irad.compile(gradient, backend=backend)(*args)
        assert got[0] == pytest.approx(want[0], rel=1e-11)
        for g, w in zip(got[1], want[1], strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-8, atol=1e-9)


def with_values(values, m, n):
    """A matrix of these singular values."""
    rng = np.random.default_rng(len(values) + 10 * m)
    u, v = (np.linalg.qr(rng.normal(size=(k, k)))[0][:, : len(values)] for k in (m, n))
    return (u * values) @ v.T


LEAVE_OUT = {
    "pinv": lambda a: np.linalg.pinv(a, 0.1),
    "atol": lambda a: linalg.pinv(a, atol=0.25),
    "rtol": lambda a: linalg.pinv(a, rtol=0.1),
    "lstsq": lambda a: np.linalg.lstsq(a, np.sin(np.arange(2.0 * len(a))).reshape(-1, 2), rcond=0.1)[0],
}


@pytest.mark.parametrize(
    ("values", "m", "n"),
    [
        ((3.0, 1.0, 0.2), 4, 3),
        ((3.0, 3.0, 0.2, 0.0, 0.0), 5, 5),  # values kept, and values left out, that are the same
        ((3.0, 1.0, 0.2, 0.2), 4, 5),
        ((3.0, 1.0, 1e-9), 3, 3),
        ((3.0, 1.0, 0.0), 3, 4),
    ],
)
@pytest.mark.parametrize("name", LEAVE_OUT)
def test_singular_values_left_out(name, values, m, n):
    """What of a matrix is left out has its part in the derivatives; of a matrix of that rank it has none, by definition."""
    a = with_values(values, m, n)
    rng = np.random.default_rng(1)
    d = rng.normal(size=(m, n))
    if min(v for v in (*values, 1.0) if v) == 1.0:  # along matrices of the same rank
        d = a @ rng.normal(size=(n, n)) + rng.normal(size=(m, m)) @ a
    f = LEAVE_OUT[name]
    total = lambda a: np.sum(np.sin(f(a)))  # noqa: E731
    slope = lambda a: np.sum(irad.grad(total)(a) * d)  # noqa: E731
    h = 1e-5
    np.testing.assert_allclose(irad.compile(f)(a), f(a), rtol=1e-10, atol=1e-11)
    first = (total(a + h * d) - total(a - h * d)) / (2.0 * h)
    assert slope(a) == pytest.approx(first, rel=1e-6, abs=1e-7)
    assert irad.jvp(total, (a,), (d,))[1] == pytest.approx(first, rel=1e-6, abs=1e-7)
    if 0.0 not in values:
        second = (slope(a + h * d) - slope(a - h * d)) / (2.0 * h)
        assert np.sum(irad.grad(slope)(a) * d) == pytest.approx(second, rel=1e-5, abs=1e-6)


def test_gap_of_many_orders():
    """Singular values of 1, 1e-3 and 1e-9, the last left out: as the derivative by singular vectors says."""
    a, d = with_values((1.0, 1e-3, 1e-9), 3, 3), np.random.default_rng(2).normal(size=(3, 3))
    u, s, vt = np.linalg.svd(a)
    e, want = u.T @ d @ vt.T, np.zeros((3, 3))
    for i in range(2):
        want[i, :2] = -e[i, :2].T / s[i] / s[:2]
        gap = s[i] ** 2 - s[2] ** 2
        want[i, 2] = (s[2] * e[i, 2] / s[i] + e[2, i]) / gap
        want[2, i] = (s[2] * e[2, i] / s[i] + e[i, 2]) / gap
    found = irad.jvp(lambda a: np.linalg.pinv(a, 1e-5), (a,), (d,))[1]
    np.testing.assert_allclose(vt @ found @ u, want, rtol=1e-6, atol=1e-5)


NOT_COMPILED = {
    "complete": (lambda a: np.linalg.qr(a, mode="complete"), "reduced"),
    "full": (lambda a: np.linalg.svd(a), "full_matrices=False"),
    "cond": (lambda a: np.linalg.cond(a, 1), "np.linalg.inv"),
    "scipy's qr": (lambda a: linalg.qr(a), "economic"),
}


@pytest.mark.parametrize("name", NOT_COMPILED)
def test_refused_with_what_to_write(name):
    f, help = NOT_COMPILED[name]
    with pytest.raises(irad.CompileError, match=help) as caught:
        irad.compile(f)(np.ones((4, 3)))
    assert caught.value.name == "unsupported-call"


SINGULAR = {
    "solve": lambda a: np.linalg.solve(a, a[0]),
    "inv": lambda a: np.linalg.inv(a),
    "cholesky": lambda a: np.linalg.cholesky(a),
    "solve_triangular": lambda a: linalg.solve_triangular(a, a[0]),
    "solve_banded": lambda a: linalg.solve_banded((1, 1), a, a[0]),
    "cho_factor": lambda a: linalg.cho_factor(a)[0],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_matrices(name, backend):
    f = SINGULAR[name]
    with pytest.raises(np.linalg.LinAlgError):
        f(np.zeros((3, 3)))
    with pytest.raises(np.linalg.LinAlgError):
        irad.compile(f, backend=backend)(np.zeros((3, 3)))


@pytest.mark.parametrize("size", [0.1, 3.0, 12.0])
def test_exponentials_to_the_last_digits(size):
    """Beside Taylor's series with 50 digits: SciPy's own loses some, 2e-12 of the largest element for a matrix of norm 24."""
    for seed in range(4):
        a = size * np.random.default_rng(seed).uniform(-1.0, 1.0, (3, 3))
        with mpmath.workdps(50):
            exact = np.array(mpmath.expm(mpmath.matrix(a.tolist())).tolist(), float)
        got = irad.compile(lambda a: linalg.expm(a))(a)
        assert np.max(np.abs(got - exact)) <= 2e-14 * np.max(np.abs(exact))


def adjugate(a):
    minors = [[np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(len(a))] for i in range(len(a))]
    return np.array([[(-1.0) ** (i + j) * m for j, m in enumerate(row)] for i, row in enumerate(minors)]).T


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_the_derivative_of_a_determinant_is_the_adjugate(rank):
    a = np.diag([3.0, -2.0, 0.5][:rank] + [0.0] * (3 - rank))[[1, 2, 0]]
    np.testing.assert_allclose(irad.grad(lambda a: np.linalg.det(a))(a), adjugate(a).T, atol=1e-14)
    direction = np.arange(9.0).reshape(3, 3)
    _, along = irad.jvp(lambda a: np.linalg.det(a), (a,), (direction,))
    assert along == pytest.approx(np.trace(adjugate(a) @ direction), abs=1e-13)


def test_vectors_that_are_not_read_have_no_derivative():
    """Equal eigenvalues leave the derivatives of other vectors alone, and those of the values."""
    a = np.diag([1.0, 3.0, 3.0])
    got = irad.grad(lambda a: np.linalg.eigh(a)[1][1, 0])(a)
    want = np.zeros((3, 3))
    want[1, 0] = 1.0 / (1.0 - 3.0)
    np.testing.assert_allclose(got, want, atol=1e-15)
    smallest = irad.grad(lambda a: np.linalg.eigvalsh(a)[0])
    curve = irad.grad(lambda a: smallest(a)[1, 0])(a)
    np.testing.assert_allclose(curve, 2.0 * want, atol=1e-15)
    assert math.isnan(irad.grad(lambda a: np.linalg.eigh(a)[1][1, 1])(a)[2, 1])
    left = irad.grad(lambda a: np.linalg.svd(a, full_matrices=False)[0][1, 0])(np.diag([3.0, 1.0, 1.0]))
    assert np.all(np.isfinite(left))


def test_a_symmetric_function_of_equal_eigenvalues_is_not_made_zero():
    """exp of the identity, by its eigenvectors: its derivative is e, which 0 for 0/0 would miss."""

    def exponential(a):
        w, u = np.linalg.eigh(a)
        return ((u * np.exp(w)) @ u.T)[1, 0]

    assert math.isnan(irad.grad(exponential)(np.eye(2))[1, 0])
    assert irad.grad(lambda a: linalg.expm(a)[1, 0])(np.eye(2))[1, 0] == pytest.approx(math.e)


def test_named_results():
    sign, size = irad.compile(lambda a: np.linalg.slogdet(a))(A)
    assert (sign, size) == pytest.approx(tuple(np.linalg.slogdet(A)))
    out = irad.compile(lambda a: np.linalg.svd(a))(A)
    assert type(out) is type(np.linalg.svd(A))
    assert np.allclose(out.U @ np.diag(out.S) @ out.Vh, A)
    assert irad.compile(lambda a: np.linalg.eigh(a).eigenvalues[-1])(A) == pytest.approx(np.linalg.eigh(A).eigenvalues[-1])


@pytest.mark.parametrize("f", [lambda a: np.linalg.eig(a), lambda a: np.linalg.eigvals(a)])
def test_complex_eigenvalues_are_refused(f):
    with pytest.raises(irad.CompileError, match=r"numpy.linalg.eig\w* cannot be compiled|np.linalg.eig\w*h\(a\)"):
        irad.compile(f)(A)


@pytest.mark.parametrize(
    ("f", "most"),
    [
        (lambda a, b: np.sum(np.linalg.solve(a, b) ** 2), 5),
        (lambda a, b: np.linalg.slogdet(a)[1] + b[0], 5),
        (lambda a, b: np.sum(np.linalg.cholesky(a) @ b), 14),
    ],
)
def test_a_gradient_stores_a_few_matrices(f, most):
    """All arrays that it makes, together, in units of the matrix."""
    n = 50
    module = irad.ir(irad.grad(f), np.eye(n), np.ones(n)).module
    total = sum(
        math.prod(t.static_shape)
        for g in all_graphs(module)
        for node in g.body
        if not node.fn.elementwise
        and node.fn.name not in ("getitem", "make_tuple", "broadcast", "reshape", "transpose", "iota")
        for t in leaves(node.type)
        if isinstance(t, Array)
    )
    assert total <= most * n * n


SIZED = {
    "solve": (lambda a, b: np.linalg.solve(a, b), "f64[n,n], f64[n]"),
    "pinv": (lambda a, b: np.linalg.pinv(a) @ b, "f64[n,m], f64[n]"),
    "svd": (lambda a, b: np.linalg.svd(a, full_matrices=False)[0].T @ b, "f64[n,m], f64[n]"),
    "qr": (lambda a, b: np.linalg.qr(a)[0].T @ b, "f64[n,n], f64[n]"),
    "eigh": (lambda a, b: np.linalg.eigh(a)[1] @ b, "f64[n,n], f64[n]"),
    "det": (lambda a, b: np.linalg.det(a) * b, "f64[n,n], f64[n]"),
    "solve_banded": (lambda a, b: linalg.solve_banded((1, 1), a, b), "f64[3,n], f64[n]"),
}


@pytest.mark.parametrize("name", SIZED)
def test_sizes_that_are_symbols(name):
    """One program for all sizes, and one gradient."""
    f, signature = SIZED[name]
    compiled = irad.compile(f, signature=signature)
    gradient = irad.compile(irad.grad(lambda a, b: np.sum(f(a, b) ** 2)), signature=signature)
    for n, m in ((4, 4), (6, 6), (5, 3), (2, 4)):
        a = (
            RNG.standard_normal((n, m)) + 2.0 * np.eye(n, m)
            if "n,m" in signature
            else RNG.standard_normal((n, n)) + n * np.eye(n)
        )
        a = RNG.standard_normal((3, n)) + np.array([[0.0], [4.0], [0.0]]) if "[3,n]" in signature else a
        b = RNG.standard_normal(n)
        np.testing.assert_allclose(compiled(a, b), f(a, b), rtol=1e-10, atol=1e-12)
        want = irad.compile(irad.grad(lambda a, b: np.sum(f(a, b) ** 2)), backend="interpreter")(a, b)
        np.testing.assert_allclose(gradient(a, b), want, rtol=1e-7, atol=1e-9)
    assert compiled.cache_info().misses == gradient.cache_info().misses == 1
