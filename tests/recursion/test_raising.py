"""Functions that call themselves and return on no path: they raise what Python raises, and are no value of None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad
from tests.frontend.agree import outcome

BACKENDS = ["llvm", "interpreter"]


def raises(n: int) -> int:
    if n == 0:
        raise ZeroDivisionError("deep")
    return raises(n - 1)


def first(n: int) -> int:
    if n == 0:
        raise ValueError("first")
    return second(n - 1)


def second(n: int) -> int:
    if n == 0:
        raise KeyError("second")
    return first(n - 1)


def with_arrays(x: np.ndarray, n: int) -> np.ndarray:
    if n == 0:
        raise ZeroDivisionError("deep")
    return with_arrays(x + n, n - 1) * x


def sometimes(x: float, n: int) -> float:
    if n > 100:
        raises(n - 100)
    return 2.0 * x


def after_itself(n: int) -> int:
    if n == 0:
        return 0
    after_itself(n - 1)
    if n == 2:
        raise KeyError("two")
    return 1


def prints(n: int) -> None:
    print("at", n)
    if n == 0:
        raise ValueError("printed")
    prints(n - 1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (raises, (3,)),
        (first, (3,)),
        (first, (4,)),
        (with_arrays, (np.ones(2), 3)),
        (sometimes, (1.0, 3)),
        (sometimes, (1.0, 103)),
        (after_itself, (1,)),
        (after_itself, (3,)),
        (prints, (2,)),
    ],
)
def test_as_python(f: Callable[..., Any], args: tuple[Any, ...], backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted, printed = outcome(f, args), capsys.readouterr().out
    kind, *found = outcome(irad.compile(f, backend=backend), args)
    assert kind == wanted[0]
    assert found[:2] == list(wanted[1:]) if kind == "exception" else found[0] == wanted[1]
    assert capsys.readouterr().out == printed


def test_the_gradient_raises_too() -> None:
    assert irad.grad(sometimes)(1.0, 3) == 2.0
    with pytest.raises(ZeroDivisionError, match="deep"):
        irad.grad(sometimes)(1.0, 103)
