"""Arrays joined and taken apart along an axis."""
# mypy: ignore-errors

import numpy as np


def concatenate(arrays, axis=0):
    arrays = tuple(arrays)
    if axis is None:
        arrays, axis = tuple([np.ravel(x) for x in arrays]), 0
    if len(arrays) == 0:
        raise ValueError("need at least one array to concatenate")
    first = np.asarray(arrays[0])
    if first.ndim == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = _axis(axis, first.ndim)
    size = 0
    for x in arrays:
        size += np.shape(x)[axis]
    out = np.empty((*first.shape[:axis], size, *first.shape[axis + 1 :]), np.result_type(*arrays))
    lead = (slice(None),) * axis
    start = 0
    for x in arrays:
        n = np.shape(x)[axis]
        out[(*lead, slice(start, start + n))] = x
        start += n
    return out


def stack(arrays, axis=0):
    arrays = tuple(arrays)
    if len(arrays) == 0:
        raise ValueError("need at least one array to stack")
    rank = np.ndim(arrays[0]) + 1
    place = (slice(None),) * _axis(axis, rank) + (None,)
    return np.concatenate(tuple([np.asarray(x)[place] for x in arrays]), axis)


def _axis(axis, rank):
    """An axis counted from the start."""
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(axis, rank)
    return axis % rank
