"""Sorting by merging, and what is found in what is sorted. Derivatives go to the elements that were taken."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis, _size

# Positions of quantiles as in Hyndman and Fan (1996).
METHODS = ("weibull", "hazen", "median_unbiased", "normal_unbiased")
PLOTTING = (0.0, 1.0 / 2.0, 1.0 / 3.0, 3.0 / 8.0)


def argsort(a, axis=-1, kind=None, *, stable=None):
    a = np.asarray(a)
    if axis is None or a.ndim == 0:
        return _order(a.copy().reshape(-1))
    if a.ndim == 1:
        _axis(axis, 1)
        return _order(a)
    last = np.moveaxis(a, axis, -1)
    rows = last.copy().reshape((_size(last.shape[:-1]), last.shape[-1]))
    out = np.empty(rows.shape, int)
    for k in range(len(rows)):
        out[k] = _order(rows[k])
    return np.moveaxis(out.reshape(last.shape), -1, axis)


def sort(a, axis=-1, kind=None, *, stable=None):
    a = np.asarray(a)
    if axis is None:
        a, axis = a.copy().reshape(-1), -1
    axis = _axis(axis, a.ndim)
    return np.take_along_axis(a, np.argsort(a, axis), axis)


def partition(a, kth, axis=-1):
    return np.sort(a, axis)


def median(a, axis=None, *, keepdims=False):
    a = np.asarray(a) * 1.0
    return _quantile(a, 0.5, axis, keepdims, "linear", a.dtype)


def quantile(a, q, axis=None, *, method="linear", keepdims=False):
    a = np.asarray(a)
    a = a if a.dtype.kind == "f" else a * 1.0
    if np.ndim(q) == 0:
        return _quantile(a, q, axis, keepdims, method, a.dtype)
    q = np.asarray(q)
    if q.ndim > 1:
        raise ValueError("q must be a scalar or 1d")
    dtype = np.result_type(a, q)
    out = np.empty((len(q), *np.shape(_quantile(a, 0.5, axis, keepdims, method, dtype))), dtype)
    for k in range(len(q)):
        out[k] = _quantile(a, q[k], axis, keepdims, method, dtype)
    return out


def percentile(a, q, axis=None, *, method="linear", keepdims=False):
    return np.quantile(a, np.asarray(q) / 100.0, axis, method=method, keepdims=keepdims)


def searchsorted(a, v, side="left", sorter=None):
    if side != "left" and side != "right":
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    a = np.asarray(a) if sorter is None else np.asarray(a)[sorter]
    if np.ndim(v) == 0:
        return _place(a, v, side == "right")
    v = np.asarray(v)
    flat = v.copy().reshape(-1)
    out = np.empty(len(flat), int)
    for k in range(len(flat)):
        out[k] = _place(a, flat[k], side == "right")
    return out.reshape(v.shape)


def _place(a, v, right):
    """How many elements of a sorted array come before v."""
    begin, end = 0, len(a)
    while begin < end:
        middle = (begin + end) // 2
        before = not _less(v, a[middle]) if right else _less(a[middle], v)
        if before:
            begin = middle + 1
        else:
            end = middle
    return begin


def _quantile(a, q, axis, keepdims, method, dtype):
    """Along axes; nan where an element is."""
    last, kept, count = _last(a, axis)
    if count == 0:
        return np.full(kept if keepdims else last.shape[:-1], np.nan, dtype)
    ordered = np.sort(last)
    out = _between(ordered, _position(q, last.shape[-1], method), last.shape[-1] - 1, dtype)
    out = np.where(np.isnan(ordered[..., -1]), np.nan, out).astype(dtype) if last.ndim > 1 else _or_nan(out, ordered[-1])
    return _kept(out, kept, keepdims)


def _last(a, axis):
    """The array with the axes that are reduced laid flat at the end; the shape of a result that keeps them; their elements."""
    a = np.reshape(a, (1,)) if a.ndim == 0 else a
    if axis is None:
        axes = tuple(range(a.ndim))
    else:
        axes = tuple([_axis(k, a.ndim) for k in (axis if isinstance(axis, tuple) else (axis,))])
    rest = tuple([k for k in range(a.ndim) if k not in axes])
    kept = tuple([1 if k in axes else a.shape[k] for k in range(a.ndim)])
    count = _size(tuple([a.shape[k] for k in axes]))
    return np.transpose(a, rest + axes).copy().reshape((*tuple([a.shape[k] for k in rest]), count)), kept, count


def _kept(out, kept, keepdims):
    return np.reshape(out, kept) if keepdims else out


def _position(q, n, method):
    """Where among n ordered elements the part q of the way lies."""
    at = q * (n - 1)
    if method == "linear":
        return at
    if method == "lower":
        return np.floor(at)
    if method == "higher":
        return np.ceil(at)
    if method == "midpoint":
        return (np.floor(at) + np.ceil(at)) / 2.0
    if method == "nearest":
        return np.rint(at)
    if method not in METHODS:
        raise NotImplementedError("this method of np.quantile is not there", "write method='linear', 'hazen' or 'weibull'")
    part = PLOTTING[METHODS.index(method)]
    return np.clip(n * q + (part + q * (1.0 - 2.0 * part)) - 1.0, 0.0, n - 1.0)


def _between(ordered, at, last, dtype):
    """Between the two elements around a position, in proportion. Their difference is one of the elements' dtype, as NumPy's."""
    low = int(np.floor(at))
    high = min(low + 1, last)
    t = at - low
    x, y = ordered[..., low], ordered[..., high]
    way = np.asarray(y - x, dtype)
    return np.where(t >= 0.5, y - way * (1.0 - t), x + way * t)


def _or_nan(x, last):
    return last if np.isnan(last) else x


def _less(x, y):
    """Whether x comes before y: nan comes last."""
    return x < y or (y != y and x == x)


def _order(x):
    """The positions of the elements in ascending order; equal ones stay in order (merge sort, von Neumann, 1945)."""
    n = len(x)
    order = np.arange(n)
    width = 1
    while width < n:
        merged = order.copy()  # of the same size, also where that is known at run time only
        for start in range(0, n, 2 * width):
            middle, end = min(start + width, n), min(start + 2 * width, n)
            i, j = start, middle
            for k in range(start, end):
                if j >= end or (i < middle and not _less(x[order[j]], x[order[i]])):
                    merged[k] = order[i]
                    i += 1
                else:
                    merged[k] = order[j]
                    j += 1
        order = merged
        width *= 2
    return order


def argpartition(a, kth, axis=-1):
    return np.argsort(a, axis)


def lexsort(keys, axis=-1):
    keys = tuple(keys)
    order = np.argsort(keys[0], axis)
    for key in keys[1:]:
        order = np.take_along_axis(order, np.argsort(np.take_along_axis(np.asarray(key), order, axis), axis), axis)
    return order
