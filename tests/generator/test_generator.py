"""The generator and its oracle: draws depend on the seed alone, duals agree with differences of many digits."""

from __future__ import annotations

import math

import mpmath
import pytest

from tests.generator import duals, generate
from tests.generator.kinds import ACCEPTED, kinds, pairs
from tests.generator.program import run_plain

POINTS = {"acosh": (1.7,), "atan2": (0.6, 1.4), "acos": (0.3,), "asin": (0.3,), "atanh": (0.3,)}


def test_draws_depend_on_the_seed_alone() -> None:
    first = [generate(s) for s in (3, 4, 5)]
    again = [generate(s) for s in (5, 4, 3)][::-1]
    assert [p.source for p in first] == [p.source for p in again]
    assert len({p.source for p in first}) == 3


@pytest.mark.parametrize("seed", range(20))
def test_programs_run_as_python(seed: int) -> None:
    p = generate(seed)
    assert math.isfinite(run_plain(p.source)(*p.args))


@pytest.mark.parametrize("name", sorted(duals.FUNCTIONS))
def test_partials(name: str) -> None:
    """Derivatives in floats and in 50 digits against a difference of 50 digits."""
    f = getattr(duals.namespace()["math"], name)
    args = POINTS.get(name, (0.7,))
    for i in range(len(args)):
        with duals.precise():
            h = mpmath.mpf(10) ** -15
            up, down = ([mpmath.mpf(a) + (s * h if k == i else 0) for k, a in enumerate(args)] for s in (1, -1))
            want = (f(*up) - f(*down)) / (2 * h)
            exact = duals.gradient(f, tuple(map(duals.number, args)), i)[1]
            assert abs(exact - want) < 1e-25 * max(1, abs(want))
        assert duals.gradient(f, args, i)[1] == pytest.approx(float(want), rel=1e-14)


def test_nested_duals() -> None:
    """Third derivatives, and no confusion of perturbations: d/dx (x * d/dy (x + y)) is 1."""
    shim = duals.SHIM
    assert shim.grad(shim.grad(shim.grad(lambda x: x * x * x * x)))(2.0) == 48.0
    assert shim.grad(lambda x: x * shim.grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_kinds_are_read_off_the_text() -> None:
    text = """
def program(x, n):
    def f(k):
        return x if k <= 0 else f(k - 1) * 0.5
    s = 0.0
    for i in range(1, n):
        s += f(i)
    return s
"""
    found = kinds(text)
    assert {"nested def", "recursion", "closure over locals", "for over range (2)", "augmented assignment"} <= found
    assert {("loop", "call"), ("call", "recursion"), ("recursion", "branch"), ("closure", "branch")} <= pairs(text)
    assert ("branch", "loop") not in pairs(text)
    assert len(set(ACCEPTED)) == len(ACCEPTED)
