"""Reductions that leave nan out."""
# mypy: ignore-errors

import numpy as np


def nansum(a, axis=None, *, keepdims=False):
    return np.sum(_filled(a, 0), axis=axis, keepdims=keepdims)


def nanprod(a, axis=None, *, keepdims=False):
    return np.prod(_filled(a, 1), axis=axis, keepdims=keepdims)


def nanmean(a, axis=None, *, keepdims=False):
    return np.nansum(a, axis=axis, keepdims=keepdims) / _count(a, axis, keepdims)


def nanvar(a, axis=None, *, ddof=0, keepdims=False):
    a = np.asarray(a)
    known = np.logical_not(np.isnan(a))
    distance = np.where(known, a - np.nanmean(a, axis=axis, keepdims=True), 0)
    free = _count(a, axis, keepdims) - ddof
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


def nancumsum(a, axis=None):
    return np.cumsum(_filled(a, 0), axis)


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


def _count(a, axis, keepdims):
    """How many elements are not nan."""
    a = np.asarray(a)
    n = np.sum(np.logical_not(np.isnan(a)), axis=axis, keepdims=keepdims)
    return np.asarray(n, a.dtype if a.dtype.kind == "f" else float)
