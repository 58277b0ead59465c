"""Patterns hold for all floats, and are no larger than they must be where integers say what is read."""

from collections import OrderedDict

import numpy as np
import pytest

import irad
from irad import sparse
from irad.sparsity import loops

N = 9
X = np.linspace(0.5, 1.5, N)


def where(f, *args, argnums=0):
    return irad.jacobian(f, argnums, order="forward", sparse=True).pattern(*args).toarray()  # by propagation alone


def second(f, *args):
    """The pattern of the Hessian by propagation."""
    J = irad.hessian(f, sparse=True)
    J.order = "forward"
    return J.pattern(*args).toarray()


def band(below, above):
    return np.tri(N, k=above, dtype=bool) & ~np.tri(N, k=-below - 1, dtype=bool)


def stencil(u):
    v = np.zeros(len(u))
    for i in range(1, len(u) - 1):
        v[i] = u[i - 1] * u[i] + np.sin(u[i + 1])
    return v


def histogram(x, places):
    r = np.zeros(3)
    for i in range(len(x)):
        r[places[i]] += x[i] ** 2
    return r


def sweep(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i - 1] * x[i]
    return y


def halves(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        if i % 2 == 0:
            y[i] = x[i] * x[0]
        else:
            y[i] = x[i]
    return y


def triangle(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        for j in range(i):
            y[i] += x[j] * x[i]
    return y


def chosen(x):
    y = np.zeros(len(x))
    for i in range(len(x) - 1):
        y[i] = x[i] if x[i] > 1.0 else x[i + 1] ** 2
    return y


def walked(x):
    i, y = 0, np.zeros(len(x))
    while i < len(x):
        y[i] = x[i] ** 2
        i += 2
    return y


def until(x):
    y, k = x.copy(), 0
    while y[0] < 10.0 and k < 50:
        y[0] = y[0] + y[1] ** 2
        k += 1
    return y


def searched(x):
    return x[int(np.argmax(x))] * x[0] + np.zeros(3)


def batched(x):
    return irad.vmap(lambda a, b: a * b)(x, x[::-1])


def twice(x):
    y = np.zeros(len(x))
    for _ in range(3):
        for i in range(len(x) - 1):
            y[i + 1] = y[i + 1] + x[i]
    return y


def last(x):
    t = 0.0
    for i in range(len(x)):
        t = x[i] * 2.0
    return np.array([t, 1.0])


def known_places(x, k):
    return x[k : k + 2] * x[2 * k]


def shifted():
    want = np.zeros((N, N), bool)
    want[np.arange(1, N), np.arange(N - 1)] = True
    return want


def of_stencil():
    want = band(1, 1)
    want[[0, -1]] = False
    return want


def of_choice():
    want = band(0, 1)
    want[-1] = False
    return want


def of_columns(*rows):
    want = np.zeros((len(rows), N), bool)
    for i, columns in enumerate(rows):
        want[i, columns] = True
    return want


def of_halves():
    want = np.eye(N, dtype=bool)
    want[::2, 0] = True
    return want


def of_until():
    want = np.eye(N, dtype=bool)
    want[0, 1] = True
    return want


def of_triangle():
    want = np.tri(N, dtype=bool)
    want[0] = False
    return want


def of_square():
    """Row i and column j: [[0, 1], [2, 3]] @ [[0, 1], [2, 3]]."""
    return of_columns([0, 1, 2], [0, 1, 3], [2, 3, 0], [2, 3, 1])


EXACT = {
    "stencil": (stencil, (X,), of_stencil()),
    "histogram": (histogram, (X, np.arange(N) % 3), of_columns([0, 3, 6], [1, 4, 7], [2, 5, 8])),
    "sweep": (sweep, (X,), np.tri(N, dtype=bool)),
    "halves": (halves, (X,), of_halves()),
    "triangle": (triangle, (X,), of_triangle()),
    "both sides of a branch": (chosen, (X,), of_choice()),
    "a loop that integers end": (walked, (X,), np.diag(np.arange(N) % 2 == 0)),
    "a loop that floats end": (until, (X,), of_until()),
    "an index that floats give": (searched, (X,), np.ones((3, N), bool)),
    "vmap": (batched, (X,), np.eye(N, dtype=bool) | np.eye(N, dtype=bool)[::-1]),
    "a loop in a loop": (twice, (X,), shifted()),
    "what the last trip leaves": (last, (X,), of_columns([N - 1], [])),
    "an integer argument": (known_places, (X, 3), of_columns([3, 6], [4, 6])),
    "a sum over an axis": (lambda x: x.reshape(3, 3).sum(axis=0), (X,), of_columns([0, 3, 6], [1, 4, 7], [2, 5, 8])),
    "a product of matrices": (lambda x: x[:6].reshape(2, 3) @ x[6:], (X,), of_columns([0, 1, 2, 6, 7, 8], [3, 4, 5, 6, 7, 8])),
    "a product of a matrix with itself": (lambda x: x[:4].reshape(2, 2) @ x[:4].reshape(2, 2), (X,), of_square()),
    "what has no derivative": (lambda x: np.floor(x) + np.round(x) + irad.stop_gradient(x), (X,), np.zeros((N, N), bool)),
    "a sorted array": (lambda x: np.sort(x), (X,), np.ones((N, N), bool)),
    "a solved system": (lambda x: np.linalg.solve(x[:4].reshape(2, 2), x[4:6]), (X,), of_columns(*[[0, 1, 2, 3, 4, 5]] * 2)),
}


@pytest.mark.parametrize("name", EXACT)
def test_first_derivatives(name):
    f, args, want = EXACT[name]
    np.testing.assert_array_equal(where(f, *args), want)


def corner():
    want = np.zeros((N, N), bool)
    want[:2, :2] = True
    return want


def of_loop():
    want = band(1, 1) & ~np.eye(N, dtype=bool)
    want[[7, 8], [8, 7]] = False
    return want | np.diag(np.arange(N) > 1)


SECOND = {
    "products": (lambda x: np.sum(x[1:] * x[:-1]), band(1, 1) & ~np.eye(N, dtype=bool)),
    "squares of differences": (lambda x: np.sum((x[1:] - x[:-1]) ** 2), band(1, 1)),
    "a loop": (lambda x: np.sum(stencil(x)), of_loop()),
    "linear": (lambda x: np.sum(np.abs(x)) + 2.0 * np.max(x), np.zeros((N, N), bool)),
    "a quotient": (lambda x: x[0] / x[1], corner() & (np.arange(N) > 0)[:, None] | corner() & (np.arange(N) > 0)),
    "the square of a sum": (lambda x: np.sum(x) ** 2, np.ones((N, N), bool)),
    "a product of all": (lambda x: np.prod(x[:2]) + x[2], corner()),
    "a dot product": (lambda x: x[:3] @ x[3:6], np.kron([[0, 1, 0], [1, 0, 0], [0, 0, 0]], np.eye(3)) > 0),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    f, want = SECOND[name]
    np.testing.assert_array_equal(second(f, X), want)


def test_trips_that_cannot_be_followed_are_all_taken_together(monkeypatch):
    """Of too many operations one after the other nothing is missed."""
    exact = [where(f, *args) for f, args, _ in EXACT.values()]
    monkeypatch.setattr(loops, "MOST_STEPS", 0)
    monkeypatch.setattr(sparse, "_shared", OrderedDict())  # else the plans are those that were made before
    rough = [where(f, *args) for f, args, _ in EXACT.values()]
    assert all((e <= r).all() for e, r in zip(exact, rough, strict=True))
    assert any((e < r).any() for e, r in zip(exact, rough, strict=True))


def test_a_pattern_is_of_integers_and_shapes_and_no_floats():
    J = irad.jacobian(lambda x, places: x[places] ** 2, sparse=True)
    args = X, np.array([3, 1])
    first = J(*args)
    assert J.pattern(*args).indices.tolist() == [3, 1]
    assert np.shares_memory(J(X * 2.0, np.array([3, 1])).indices, first.indices)
    assert J(X, np.array([0, 0])).indices.tolist() == [0, 0]
    places = np.array([5, 6])
    assert J(X, places).indices.tolist() == [5, 6]
    places[0] = 2
    assert J(X, places).indices.tolist() == [2, 6]


def test_many_trips_are_followed_at_once():
    """Of 10^5 trips no operation is run one by one: it would be 10^6."""
    n = 100_000
    J = irad.hessian(lambda x: np.sum(stencil(x) ** 2), sparse=True)
    J.order = "forward"
    pattern = J.pattern(np.ones(n))
    assert pattern.nnz <= 5 * n
    assert np.abs(np.repeat(np.arange(n), np.diff(pattern.indptr)) - pattern.indices).max() == 2
