"""When two results agree: to the bit, or to a number of units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np


def same_bits(x: Any, y: Any) -> bool:
    """One dtype, one shape, equal bits; NaN is like NaN, whatever its payload, and like nothing else."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    return bool(np.all((_bits(x) == _bits(y)) | (np.isnan(x) & np.isnan(y))))


def within_ulps(x: Any, y: Any, ulps: int) -> bool:
    """As `same_bits`, but finite floats may be so many representable numbers apart."""
    if ulps == 0 or same_bits(x, y):
        return same_bits(x, y)
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype != y.dtype or x.shape != y.shape or x.dtype.kind != "f":
        return False
    near = np.abs(_ordered(x).astype(np.longdouble) - _ordered(y).astype(np.longdouble)) <= ulps  # 64 bits are exact
    alike = np.where(np.isfinite(x) & np.isfinite(y), near, (x == y) | (np.isnan(x) & np.isnan(y)))
    return bool(np.all(alike & ((x != 0) | (y != 0) | (np.signbit(x) == np.signbit(y)))))


def _bits(x: Any) -> Any:
    return np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}")


def _ordered(x: Any) -> Any:
    """Integers in the order of the floats: neighbours differ by one."""
    bits = _bits(x).astype(np.int64)
    return np.where(bits < 0, -(bits & (2 ** (8 * x.dtype.itemsize - 1) - 1)), bits)


def close(x: Any, y: Any, rtol: float, atol: float = 0.0) -> bool:
    """Whether numbers or arrays agree; NaN with NaN only, an infinity with itself only."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape:
        return False
    with np.errstate(all="ignore"):
        near = np.abs(x - y) <= atol + rtol * np.maximum(np.abs(x), np.abs(y))
    return bool(np.all(np.where(np.isfinite(x) & np.isfinite(y), near, (x == y) | (np.isnan(x) & np.isnan(y)))))
