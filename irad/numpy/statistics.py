"""Means, variances, extremes and their places, counts."""
# mypy: ignore-errors

import numpy as np


def var(a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=None, mean=None, correction=None):
    a = np.asarray(a) if dtype is None else np.asarray(a, dtype)
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if where is None:
        mean = np.mean(a, axis=axis, keepdims=True) if mean is None else mean
        count = a.size / max(np.size(mean), 1)
        return np.sum((a - mean) ** 2, axis=axis, keepdims=keepdims) / max(count - ddof, 0.0)
    mean = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    distance = np.where(where, a - mean, 0.0)
    count = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims, dtype=distance.dtype)
    return np.sum(distance * distance, axis=axis, keepdims=keepdims) / np.maximum(count - ddof, 0.0)


def std(a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=None, mean=None, correction=None):
    found = np.var(a, axis, dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean, correction=correction)
    zero = found == 0.0  # the derivative is 0 there, as that of a norm
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, found)))


def ptp(a, axis=None, *, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def argmax(a, axis=None, *, keepdims=False):
    return _first(np.asarray(a), np.max(a, axis=axis, keepdims=True), axis, keepdims)


def argmin(a, axis=None, *, keepdims=False):
    return _first(np.asarray(a), np.min(a, axis=axis, keepdims=True), axis, keepdims)


def _first(a, extreme, axis, keepdims):
    """The place of the first element along an axis that is the extreme; nan is where one is."""
    if a.ndim == 0:
        return 0
    if isinstance(axis, tuple):
        raise TypeError("an axis is an integer")
    found = (a == extreme) | (a != a)
    if axis is None:
        places = np.arange(a.size).reshape(a.shape)
    else:
        axis = axis % a.ndim
        places = np.arange(a.shape[axis])[(slice(None),) + (None,) * (a.ndim - axis - 1)]
    return np.min(np.where(found, places, a.size), axis=axis, keepdims=keepdims)


def count_nonzero(a, axis=None, *, keepdims=False):
    return np.sum(np.asarray(a) != 0, axis=axis, keepdims=keepdims)


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = np.asarray(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total = mean * 0.0 + a.size / max(np.size(mean), 1)
    else:
        weights = np.asarray(weights)
        if weights.shape != a.shape:
            if axis is None:
                raise TypeError("Axis must be specified when shapes of a and weights differ.")
            if isinstance(axis, tuple) or weights.ndim != 1:
                raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
            if weights.shape[0] != a.shape[axis]:
                raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
            weights = weights[(slice(None),) + (None,) * (a.ndim - axis % a.ndim - 1)]
        weights = np.broadcast_to(weights, a.shape)
        total = np.sum(weights, axis=axis, keepdims=keepdims) * 1.0
        if np.any(total == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate((x, _variables(y, rowvar)))
    x = x - np.mean(x, axis=1, keepdims=True)
    free = ddof if ddof is not None else 0 if bias else 1
    c = x @ x.T / max(x.shape[1] - free, 0)
    return c[0, 0] if c.shape == (1, 1) else c


def corrcoef(x, y=None, rowvar=True):
    c = np.cov(x, y, rowvar)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(c[np.arange(len(c)), np.arange(len(c))])
    return np.clip(c / deviation[:, None] / deviation, -1.0, 1.0)


def _variables(m, rowvar):
    """A row for each variable."""
    m = np.asarray(m, float)
    if m.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    if m.ndim < 2:
        return m[None, :] if m.ndim == 1 else np.ravel(m)[None]
    return m if rowvar else m.T
