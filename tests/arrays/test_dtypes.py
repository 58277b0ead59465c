"""Every operation on every pair of dtypes gives NumPy's values and dtype, or is refused."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad

ARRAYS = [
    np.array([1.5, -2.0, 0.5]),
    np.array([1.5, 2.0, -4.25], np.float32),
    np.array([3, 2, -7]),
    np.array([3, -2, 5], np.int32),
    np.array([True, False, True]),
]
NUMBERS = [2, -3, 2.5, True, np.float32(1.5), np.float64(2.5), np.int64(2), 2**31 - 1, -(2**31) - 1]
PAIRS = [p for p in itertools.product(ARRAYS + NUMBERS, repeat=2) if any(isinstance(x, np.ndarray) for x in p)]
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "**": lambda x, y: x**y,
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "where": lambda x, y: np.where(x > 1, x, y),
    "maximum": lambda x, y: np.maximum(x, y),
    "arctan2": lambda x, y: np.arctan2(x, y),
    "fmod": lambda x, y: np.fmod(x, y),
    "hypot": lambda x, y: np.hypot(x, y),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(),
    "any": lambda x: x.any(),
    "all": lambda x: np.all(x),
    "dot": lambda x: x @ x,
    "sin": lambda x: np.sin(x),
    "sqrt": lambda x: np.sqrt(x),
    "exp": lambda x: np.exp(x),
    "abs": lambda x: abs(x),
    "fabs": lambda x: np.fabs(x),
    "-": lambda x: -x,
    "+": lambda x: +x,
    "~": lambda x: ~x,
    "sign": lambda x: np.sign(x),
    "floor": lambda x: np.floor(x),
    "isnan": lambda x: np.isnan(x),
    "astype": lambda x: x.astype(np.float32),
    "cube": lambda x: x**3,
}


def outcome(f: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(*arguments)
        except Exception as e:
            return e


def compare(f: Callable[..., Any], arguments: tuple[Any, ...], backend: str) -> str | None:
    """What is wrong, if anything; a refusal is right wherever NumPy would give a dtype that irad does not have."""
    wanted = outcome(f, arguments)
    got = outcome(irad.compile(f, backend=backend), arguments)
    what = f"{[getattr(a, 'dtype', type(a).__name__) for a in arguments]}: NumPy gives {wanted!r}, irad {got!r}"
    if isinstance(got, irad.CompileError):
        supported = not isinstance(wanted, Exception) and str(np.asarray(wanted).dtype) in DTYPES
        return what if supported and got.diagnostic.name not in MAY_REFUSE else None
    if isinstance(got, Exception):
        return None if isinstance(wanted, Exception) or isinstance(got, ZeroDivisionError) else what
    if isinstance(wanted, Exception):
        return what
    if isinstance(wanted, np.ndarray) and got.dtype != wanted.dtype:
        return what
    single = np.asarray(wanted).dtype == np.float32
    same = np.allclose(got, wanted, rtol=1e-6 if single else 1e-14, atol=0, equal_nan=True)
    return None if same else what


DTYPES = {str(x.dtype) for x in ARRAYS}
MAY_REFUSE = {"unsupported-dtype"}  # of a function, with the remedy: .astype()


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, backend: str) -> None:
    pairs = PAIRS if backend == "llvm" else PAIRS[::4]
    wrong = [w for p in pairs if (w := compare(BINARY[name], p, backend))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, backend: str) -> None:
    wrong = [w for x in ARRAYS if (w := compare(UNARY[name], (x,), backend))]
    assert not wrong, "\n".join(wrong)
