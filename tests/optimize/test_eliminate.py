"""Factors of small matrices, written out: what LAPACK gives, with pivots, ties, zeros and nan among the elements."""

import itertools
import linecache

import numpy as np
import pytest
from scipy import linalg

import irad
from irad import pipeline
from irad.compiled import core_of
from irad.graph.walk import all_graphs
from irad.optimize.eliminate import eliminate
from irad.primitives.linalg import LINALG
from irad.specialize.entry import type_of

VALUES = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0)
FUNCTIONS = {
    "solve": lambda a, b: np.linalg.solve(a, b),
    "inv": lambda a, b: np.linalg.inv(a) + b[0],
    "det": lambda a, b: np.linalg.det(a) * b,
    "slogdet": lambda a, b: np.linalg.slogdet(a)[0] * b,
    "lu": lambda a, b: linalg.lu_factor(a)[0] + linalg.lu_factor(a)[1] * b,
    "cholesky": lambda a, b: np.linalg.cholesky(a @ a.T + np.eye(len(a))) @ b,
    "triangle": lambda a, b: (
        linalg.solve_triangular(a, b, trans=1, lower=True) + linalg.solve_triangular(a, b, unit_diagonal=True)
    ),
}


def outcome(f, *args):
    try:
        return f(*args)
    except np.linalg.LinAlgError as e:
        return type(e)


def agree(got, want):
    if isinstance(want, type):
        return got is want
    return not isinstance(got, type) and np.allclose(got, want, rtol=1e-9, atol=1e-9, equal_nan=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name, n, monkeypatch):
    """Of matrices whose pivots are exact, singular ones among them."""
    f = FUNCTIONS[name]
    gradient = irad.grad(lambda a, b: np.sum(f(a, b)), argnums=(0, 1))
    small, derived = irad.compile(f), irad.compile(gradient)
    rng = np.random.default_rng(n)
    trials = [(rng.choice(VALUES, (n, n)), rng.choice(VALUES[1:], n)) for _ in range(25)]
    for a, b in trials:
        want = outcome(f, a, b)
        assert agree(outcome(small, a, b), want), f"{name} of {a}, {b}"
        regular = abs(np.linalg.det(a)) > 0.1
        if regular and not isinstance(want, type):
            for g, w in zip(derived(a, b), irad.compile(gradient, backend="interpreter")(a, b), strict=True):
                np.testing.assert_allclose(g, w, rtol=1e-8, atol=1e-8)


def test_nothing_is_left_to_call():
    core = core_of(irad.compile(irad.grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2))))
    module = pipeline.optimize(core.specialized([type_of(np.eye(3)), type_of(np.ones(3))]).module)
    used = {n.fn.name for g in all_graphs(module) for n in g.body}
    assert used & LINALG == {"lu", "lu_solve"}
    assert not {n.fn.name for g in all_graphs(pipeline.native(module)) for n in g.body} & LINALG


def test_what_is_large_or_many_stays():
    def many(a):
        for _ in range(60):
            a = np.linalg.inv(a) + 1.0
        return a

    def module(f, a):
        return pipeline.optimize(core_of(irad.compile(f)).specialized([type_of(a)]).module)

    large = module(lambda a: np.linalg.inv(a), np.eye(5))
    assert eliminate(large) is large
    lines = "".join("    a = np.linalg.inv(a) + 1.0\n" for _ in range(100))
    space = {"np": np}
    text = f"def f(a):\n{lines}    return a\n"
    linecache.cache["<many>"] = (len(text), None, text.splitlines(keepends=True), "<many>")
    exec(compile(text, "<many>", "exec"), space)
    straight = module(space["f"], np.eye(4))
    assert eliminate(straight) is straight
    assert irad.compile(many)(np.eye(2) * 3.0) == pytest.approx(many(np.eye(2) * 3.0))


def test_not_a_number():
    for k, value in itertools.product(range(4), (np.nan, np.inf)):
        a = np.array([[2.0, 1.0], [1.0, 3.0]])
        a.flat[k] = value
        got, want = (f(a) for f in (irad.compile(lambda a: np.linalg.det(a)), np.linalg.det))
        assert np.isnan(got) == np.isnan(want) or not np.isfinite(got)
