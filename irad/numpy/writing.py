"""Functions that write into their first argument."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis
from irad.numpy.running import _flat


def copyto(dst, src, where=True):
    dst[...] = np.where(where, src, dst)


def putmask(a, mask, values):
    mask, values = np.asarray(mask), _flat(values)
    if mask.shape != a.shape:
        raise ValueError("putmask: mask and data must be the same size")
    if len(values) > 0:
        a[...] = np.where(mask, np.resize(values, a.shape), a)


def place(arr, mask, vals):
    mask, vals = np.asarray(mask), _flat(vals)
    if mask.size != arr.size:
        raise ValueError("place: mask and data must be the same size")
    n = np.sum(mask != 0)
    if len(vals) == 0:
        if n > 0:
            raise ValueError("Cannot insert from an empty array!")
    else:
        at = (np.cumsum(_flat(mask) != 0) - 1).reshape(arr.shape)
        arr[...] = np.where(mask.reshape(arr.shape) != 0, vals[np.maximum(at, 0) % len(vals)], arr)


def put(a, ind, v, mode="raise"):
    ind, v = _flat(ind), _flat(v)
    flat = a.copy().reshape(-1)
    if mode == "wrap":
        ind = ind % len(flat)
    elif mode == "clip":
        ind = np.clip(ind, 0, len(flat) - 1)
    elif mode != "raise":
        raise ValueError("clipmode must be one of 'clip', 'raise', or 'wrap'")
    if len(v) > 0:
        for k in range(len(ind)):
            flat[ind[k]] = v[k % len(v)]
    a[...] = flat.reshape(a.shape)


def put_along_axis(arr, indices, values, axis):
    indices = np.asarray(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        np.put(arr, indices, np.broadcast_to(values, indices.shape))
        return
    if indices.ndim != arr.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = _axis(axis, arr.ndim)
    places = ()
    for k in tuple(range(arr.ndim)):
        along = np.arange(arr.shape[k])[(*((None,) * k), slice(None), *((None,) * (arr.ndim - 1 - k)))]
        places = (*places, indices if k == axis else along)
    arr[places] = values


def fill_diagonal(a, val, wrap=False):
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    val = _flat(val)
    n = min(a.shape)
    if wrap and a.ndim == 2:
        columns = a.shape[1]
        for k in range((a.size + columns) // (columns + 1)):
            place = k * (columns + 1)
            a[place // columns, place % columns] = val[k % len(val)]
        return
    if a.ndim > 2:
        for size in a.shape:
            if size != a.shape[0]:
                raise ValueError("All dimensions of input must be of equal length")
    for k in range(n):
        a[(k,) * a.ndim] = val[k % len(val)]
