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
    np.array([3, 255, 0], np.uint8),
    np.array([-128, 127, 5], np.int8),
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


def test_numbers_that_are_made_pythons_own_take_the_dtype_of_what_they_meet():
    def f(v, w, k):
        return float(v[0]) * w, int(k[0]) * w, np.where(v[0] > 0.0, 1, 2) * w, np.array([1.0, w[0]])

    args = (np.ones(2), np.ones(2, np.float32), np.array([3, 4]))
    assert [x.dtype for x in irad.compile(f)(*args)] == [x.dtype for x in f(*args)]


SHORT = [np.dtype(name) for name in ("int8", "uint8", "int16", "uint16", "uint32")]
IMAGE = np.array([[0, 1, 127, 128], [255, 200, 3, 90]])
CALLS: dict[str, Callable[[Any], Any]] = {
    "scaled": lambda x: x.astype(np.float64) / 255,
    "wraps": lambda x: x * x - 7 + (x << 3) // 3,
    "reduced": lambda x: (x.max(axis=0), x.mean(), x.sum(dtype=np.int64), np.argmin(x)),
    "moved": lambda x: np.concatenate([x.T[1:, ::-1], x.T]).reshape(-1),
    "chosen": lambda x: np.where(x > 100, x, 7),
    "masked": lambda x: x[x > 100],
    "elements": lambda x: int(x[0, 1]) + int(x[1, 3]) - float(x[0, 0]),
    "wrapped elements": lambda x: np.zeros(3, x.dtype) + (x[1, 1] + x[0, 2]),
    "compared": lambda x: (x == 300, x < -1, x[0, 1] < 2**40),
    "made": lambda x: (0.5 * np.abs(x.astype(float))).astype(np.uint8),
    "index": lambda x: np.arange(300.0)[np.abs(x) % 100],
    "sorted": lambda x: np.sort(x, axis=1),
}


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
@pytest.mark.parametrize("name", CALLS)
def test_short_integers(name: str, backend: str) -> None:
    for dtype in SHORT:
        with np.errstate(all="ignore"):
            x = IMAGE.astype(dtype)
            wanted, got = CALLS[name](x), irad.compile(CALLS[name], backend=backend)(x)
        pairs = zip(wanted, got, strict=True) if isinstance(wanted, tuple) else [(wanted, got)]
        for w, g in pairs:
            np.testing.assert_allclose(g, w, rtol=1e-15)
            assert np.ndim(g) == 0 or g.dtype == w.dtype


def test_short_integers_have_no_derivative_but_scale_one() -> None:
    gradient = irad.grad(lambda w, x: np.sum(w * x / 255.0))(np.ones((2, 4)), IMAGE.astype(np.uint8))
    np.testing.assert_allclose(gradient, IMAGE / 255.0, rtol=1e-15)
    with pytest.raises(irad.CompileError, match="uint64"):
        irad.compile(lambda x: x.sum())(IMAGE.astype(np.uint8))
