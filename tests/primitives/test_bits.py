"""Bit patterns across the call from Python: what NumPy gives, a compiled function gives, to the bit.

NaNs keep their payload where nothing is computed with them (NumPy says no more); integers wrap; nothing is flushed to zero.
"""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

import irad
from irad.types import F32, F64, I32, I64, Scalar
from tests.primitives.compare import same_bits
from tests.primitives.programs import BACKENDS
from tests.primitives.values import specials

FLOATS = {"f64": F64, "f32": F32}
INTS = {"i64": I64, "i32": I32}
PAYLOADS = [0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000, 0x7FFFFFFFFFFFFFFF, 0xFFF8DEADBEEF0001]


def pairs(t: Scalar) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.array(specials(t), t.dtype)
    return np.repeat(numbers, len(numbers)), np.tile(numbers, len(numbers))


def bits(x: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", x))[0])


def arithmetic(x, y):
    return x + y, x - y, x * y, -x, abs(x), np.minimum(x, x), np.where(x < y, x, y)


def of_floats(x, y):
    return x / y, np.sqrt(x), np.copysign(x, y), np.floor(x), np.trunc(x), np.rint(x), np.fmod(x, y), x % y, x // y


def of_ints(x, y):
    return x & y, x | y, x ^ y, ~x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*FLOATS, *INTS])
def test_arithmetic(name: str, backend: str) -> None:
    t = (FLOATS | INTS)[name]
    x, y = pairs(t)
    for f in (arithmetic, of_floats if name in FLOATS else of_ints):
        with np.errstate(all="ignore"):
            wanted = f(x, y)
        for k, (got, want) in enumerate(zip(irad.compile(f, backend=backend)(x, y), wanted, strict=True)):
            assert same_bits(got, want), (f.__name__, k, got[got != want][:5], want[got != want][:5])


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_are_those_of_arrays(backend: str) -> None:
    f, g = irad.compile(arithmetic, backend=backend), irad.compile(of_floats, backend=backend)
    x, y = pairs(F64)
    with np.errstate(all="ignore"):
        for compiled, python in ((f, arithmetic), (g, of_floats)):
            for a, b, *wanted in list(zip(x.tolist(), y.tolist(), *python(x, y), strict=True))[::11]:
                for got, want in zip(compiled(a, b), wanted, strict=True):
                    assert same_bits(np.float64(got), want), (a, b, got, want)


@pytest.mark.parametrize("payload", PAYLOADS, ids=hex)
def test_payloads_of_nans_are_kept_where_nothing_is_computed(payload: int) -> None:
    nan = struct.unpack("<d", struct.pack("<Q", payload))[0]
    assert math.isnan(nan)
    for f in (lambda x: x, lambda x: (x, 1.0)[0], lambda x: x if x != 1.0 else 2.0, lambda x: [x, x][1]):
        assert bits(irad.compile(f)(nan)) == payload
    assert bits(irad.compile(lambda x: -x)(nan)) == payload ^ (1 << 63)
    array = np.array([nan, 1.0, nan])
    for f in (lambda x: x, lambda x: x[::-1], lambda x: np.where(x == 1.0, x, x), lambda x: x.reshape(3, 1).T):
        got = irad.compile(f)(array)
        assert got.view(np.int64).tolist() == f(array).copy().view(np.int64).tolist()


def test_subnormal_numbers_are_not_flushed() -> None:
    least = 5e-324
    assert irad.compile(lambda x: x * 0.75 + x)(least) == 2 * least
    assert irad.compile(lambda x: x / 2.0 * 4.0)(3 * least) == 3 * least / 2.0 * 4.0
    assert irad.compile(lambda x: x**-2)(1e155) == pytest.approx(1e-310, rel=1e-9)
    small = np.array([1e-45, -3e-45], np.float32)
    assert (irad.compile(lambda x: x + x)(small) == small + small).all()
    assert irad.grad(lambda x: 1e-200 * (1e-120 * x))(1.0) == 1e-200 * 1e-120


def test_integers_wrap() -> None:
    for t in (np.int64, np.int32):
        high, low = np.iinfo(t).max, np.iinfo(t).min
        x = np.array([high, low, 3], t)
        got = irad.compile(lambda x: (x + 1, x * x, -x, abs(x)))(x)
        for g, w in zip(got, (x + t(1), x * x, -x, np.abs(x)), strict=True):
            assert same_bits(g, w)
    assert irad.compile(lambda n: n + 1)(2**63 - 1) == -(2**63)


@pytest.mark.parametrize("size", [None, 1, 9])
def test_extremes_of_zeros_are_the_second(size):
    """As vector instructions have it, and NumPy where it uses them."""
    f = irad.compile(lambda x, y: (np.maximum(x, y), np.minimum(x, y)))
    for x, y in ((0.0, -0.0), (-0.0, 0.0)):
        for out in f(x, y) if size is None else f(np.full(size, x), np.full(size, y)):
            assert np.all(np.signbit(out) == np.signbit(y))
