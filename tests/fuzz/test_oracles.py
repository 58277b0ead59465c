"""What is wrong with a result is seen, whatever it is: a type, a shape, a sign of zero, a last bit, nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.fuzz.oracles import Examination, Plan
from tests.fuzz.reference import same
from tests.generator.program import Program

SOURCE = "def program(x, arr):\n    return x * (arr[0, 0] * arr[1, 2]) * (arr[1, 0] - 0.5)\n"
ARGS = (2.0, [[1.5, 1.0, 0.5], [3.0, 1.0, 0.25]])


class Spoiled(Examination):
    """Every result of irad's goes through `spoil` first: a pair is a value with its gradient."""

    spoil: Callable[[Any], Any]

    def run(self, f: Any, backend: str) -> Any:
        return self.spoil(super().run(f, backend))


def failures(spoil: Callable[[Any], Any], source: str = SOURCE, args: tuple[Any, ...] = ARGS) -> set[str]:
    e = Spoiled(Program(1, source, args), Plan())
    e.spoil = spoil
    return {f.kind for f in e.examine().failures}


def on_value(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda r: f(r) if isinstance(r, float) else r


def on_gradient(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f of the gradient, two parts: for the number, and for the array."""
    return lambda r: (r[0], f(r[1])) if isinstance(r, tuple) and isinstance(r[0], float) and isinstance(r[1], tuple) else r


def test_what_is_right_passes() -> None:
    assert failures(lambda r: r) == set()


@pytest.mark.parametrize(
    "spoil",
    [lambda v: None, int, bool, np.float64, lambda v: float("nan"), lambda v: np.nextafter(v, 9.0).item(), lambda v: -v],
)
def test_wrong_values(spoil: Callable[[Any], Any]) -> None:
    assert failures(on_value(spoil)) == {"wrong value"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda g: None,
        lambda g: g[1],
        lambda g: (g[0], g[1].T),
        lambda g: (g[0], g[1].ravel()),
        lambda g: (g[0], g[1][:1]),
        lambda g: (g[0], g[1].astype(int)),
        lambda g: (int(g[0]), g[1]),
        lambda g: (g[0] * (1 + 1e-8), g[1]),
        lambda g: (g[0], g[1] * float("nan")),
        lambda g: (g[0], g[1] + 1e-12),  # where it is zero
    ],
)
def test_wrong_gradients(spoil: Callable[[Any], Any]) -> None:
    assert failures(on_gradient(spoil)) == {"wrong gradient"}


def test_wrong_sign_of_zero() -> None:
    source = "def program(x):\n    return -0.0 * x\n"
    assert failures(on_value(abs), source, (2.0,)) == {"wrong value"}


def test_a_changed_argument() -> None:
    source = "def program(x, arr):\n    arr[0] = x\n    return x\n"
    assert "raised" in failures(lambda r: r, source, (2.0, [1.0, 2.0]))


def test_an_int_may_be_the_equal_float() -> None:
    assert same(2.0, 2)
    assert same(2, 2)
    assert not same(2, 2.0)
    assert not same(True, 1)
    assert not same(0.0, -0.0)
    assert not same(None, float("nan"))  # type: ignore[arg-type]
