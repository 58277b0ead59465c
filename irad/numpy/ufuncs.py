"""Methods of ufuncs: a function of two numbers over an axis, over all pairs, and at positions."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.indexing import _together, positions
from irad.numpy.joining import _axis


def reduce(f, array, axis=0, keepdims=False):
    array = np.asarray(array)
    if axis is None and array.ndim > 1:
        return np.reshape(reduce(f, array.copy().reshape(-1)), (1,) * array.ndim if keepdims else ())
    if isinstance(axis, tuple):
        raise NotImplementedError("the reduction of this function goes over one axis", "reduce one axis after the other")
    axis = _axis(0 if axis is None else axis, array.ndim)
    first = np.moveaxis(array, axis, 0)
    if len(first) == 0:
        raise ValueError("zero-size array to reduction operation which has no identity")
    out = first[0]
    for k in range(1, len(first)):
        out = f(out, first[k])
    return np.expand_dims(out, axis) if keepdims else out


def accumulate(f, array, axis=0):
    array = np.asarray(array)
    first = np.moveaxis(array, _axis(axis, array.ndim), 0)
    out = np.copy(first)
    for k in range(1, len(first)):
        out[k] = f(out[k - 1], first[k])
    return np.moveaxis(out, 0, axis)


def outer(f, a, b):
    a, b = np.asarray(a), np.asarray(b)
    return f(a[(...,) + (None,) * np.ndim(b)] if np.ndim(a) > 0 else a, b)


def at(f, a, indices, b):
    """One position after the other: a position that is named twice counts twice."""
    parts = indices if isinstance(indices, tuple) else (indices,)
    parts = tuple([_places(i) for i in parts])
    whole, shape = _together(tuple([i for part in parts for i in part]))
    rest = a.shape[len(whole) :]
    if b is None:
        for k in range(len(whole[0])):
            place = tuple([i[k] for i in whole])
            a[place] = f(a[place])
        return
    values = np.broadcast_to(b, shape + rest).copy().reshape(whole[0].shape + rest)
    for k in range(len(whole[0])):
        place = tuple([i[k] for i in whole])
        a[place] = f(a[place], values[k])


def _places(i):
    """The arrays of positions that an index is."""
    i = np.asarray(i)
    return positions(i) if i.dtype == bool else (i,)
