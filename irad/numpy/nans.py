"""Reductions that leave nan out."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _size
from irad.numpy.sorting import _between, _kept, _last


def nansum(a, axis=None, *, keepdims=False, initial=0, where=True):
    return np.sum(_filled(a, 0), axis=axis, keepdims=keepdims, initial=initial, where=where)


def nanprod(a, axis=None, *, keepdims=False, initial=1, where=True):
    return np.prod(_filled(a, 1), axis=axis, keepdims=keepdims, initial=initial, where=where)


def nanmean(a, axis=None, *, keepdims=False, where=True):
    return np.nansum(a, axis=axis, keepdims=keepdims, where=where) / _count(a, axis, keepdims, where)


def nanvar(a, axis=None, *, ddof=0, keepdims=False):
    a = np.asarray(a)
    known = np.logical_not(np.isnan(a))
    distance = np.where(known, a - np.nanmean(a, axis=axis, keepdims=True), 0)
    free = _count(a, axis, keepdims, True) - ddof
    total = np.sum(distance * distance, axis=axis, keepdims=keepdims)
    return np.where(free > 0, total / np.where(free > 0, free, 1), np.nan)


def nanstd(a, axis=None, *, ddof=0, keepdims=False):
    return np.sqrt(np.nanvar(a, axis=axis, ddof=ddof, keepdims=keepdims))


def nanmax(a, axis=None, *, keepdims=False):
    if np.asarray(a).dtype.kind != "f":
        return np.max(a, axis=axis, keepdims=keepdims)
    empty = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(empty, np.nan, np.max(_filled(a, -np.inf), axis=axis, keepdims=keepdims))


def nanmin(a, axis=None, *, keepdims=False):
    if np.asarray(a).dtype.kind != "f":
        return np.min(a, axis=axis, keepdims=keepdims)
    empty = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(empty, np.nan, np.min(_filled(a, np.inf), axis=axis, keepdims=keepdims))


def nancumsum(a, axis=None, dtype=None):
    return np.cumsum(_filled(a, 0), axis, dtype)


def nanargmax(a, axis=None, *, keepdims=False):
    if np.any(np.all(np.isnan(a), axis=axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmax(_filled(a, -np.inf), axis, keepdims=keepdims)


def nanargmin(a, axis=None, *, keepdims=False):
    if np.any(np.all(np.isnan(a), axis=axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmin(_filled(a, np.inf), axis, keepdims=keepdims)


def _filled(a, value):
    """An array with a value in the place of nan."""
    a = np.asarray(a)
    return np.where(np.isnan(a), value, a) if a.dtype.kind == "f" else a


def _count(a, axis, keepdims, where):
    """How many elements are not nan."""
    a = np.asarray(a)
    n = np.sum(np.logical_not(np.isnan(a)), axis=axis, keepdims=keepdims, where=where)
    return np.asarray(n, a.dtype if a.dtype.kind == "f" else float)


def nancumprod(a, axis=None, dtype=None):
    return np.cumprod(_filled(a, 1), axis, dtype)


def nanmedian(a, axis=None, *, keepdims=False):
    return np.nanquantile(a, 0.5, axis, keepdims=keepdims)


def nanquantile(a, q, axis=None, *, keepdims=False):
    """Of the elements that are no nan, which sorting has put first."""
    a = np.asarray(a)
    a = a if a.dtype.kind == "f" else a * 1.0
    last, kept, _ = _last(a, axis)
    if np.ndim(q) == 0:
        return _kept(_nanquantile(last, q, a.dtype), kept, keepdims)
    q = np.asarray(q)
    out = np.empty((len(q), *(kept if keepdims else last.shape[:-1])), np.result_type(a, q))
    for k in range(len(q)):
        out[k] = _kept(_nanquantile(last, q[k], out.dtype), kept, keepdims)
    return out


def nanpercentile(a, q, axis=None, *, keepdims=False):
    return np.nanquantile(a, np.asarray(q) / 100.0, axis, keepdims=keepdims)


def _nanquantile(last, q, dtype):
    """Along the last axis."""
    if last.ndim > 1:
        rows = last.copy().reshape((_size(last.shape[:-1]), last.shape[-1]))
        out = np.empty(len(rows), dtype)
        for k in range(len(rows)):
            out[k] = _nanquantile(rows[k], q, dtype)
        return out.reshape(last.shape[:-1])
    n = np.sum(np.logical_not(np.isnan(last)))
    if n == 0:
        return np.asarray(np.nan, dtype)
    return np.asarray(_between(np.sort(last), q * (n - 1), n - 1, dtype), dtype)
