"""Elements taken by position and by condition."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.indexing import positions
from irad.numpy.joining import _flat


def take(a, indices, axis=None, *, mode="raise"):
    a, axis = _flat(a, axis)
    indices = np.asarray(indices)
    n = a.shape[axis]
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    elif mode != "raise":
        raise ValueError("clipmode must be one of 'clip', 'raise', or 'wrap'")
    out = a[(*((slice(None),) * axis), indices)]
    return out.copy() if np.ndim(out) > 0 else out


def take_along_axis(arr, indices, axis=-1):
    arr, indices = np.asarray(arr), np.asarray(indices)
    arr, axis = _flat(arr, axis)
    rank = arr.ndim
    if np.ndim(indices) != rank:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return arr[tuple([indices if k == axis else _along(arr.shape[k], k, rank) for k in range(rank)])]


def _along(n, axis, rank):
    """The positions of an axis, along that axis."""
    return np.arange(n)[(*((None,) * axis), slice(None), *((None,) * (rank - 1 - axis)))]


def compress(condition, a, axis=None):
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(a, np.nonzero(condition)[0], axis)


def extract(condition, arr):
    return np.take(arr, np.flatnonzero(condition))


def nonzero(a):
    if np.ndim(a) == 0:
        raise ValueError("Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero() instead.")
    return positions(np.asarray(a) != 0)


def flatnonzero(a):
    return np.nonzero(np.atleast_1d(a).copy().ravel())[0]


def argwhere(a):
    if np.ndim(a) == 0:
        return np.argwhere(np.atleast_1d(a))[:, :0]
    return np.stack(np.nonzero(a), axis=1)


def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    out = default
    for condition, choice in zip(tuple(condlist)[::-1], tuple(choicelist)[::-1], strict=True):
        out = np.where(condition, choice, out)
    return np.array(out, np.result_type(*choicelist, default))


def unravel_index(indices, shape):
    indices = np.asarray(indices)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    total = 1
    for n in shape:
        total *= n
    if np.any((indices < 0) | (indices >= total)):
        raise ValueError(f"index is out of bounds for array with size {total}")
    out = ()
    for n in shape[::-1]:
        out = (indices % n, *out)
        indices = indices // n
    return out


def ravel_multi_index(multi_index, dims, mode="raise"):
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    modes = (mode,) * len(dims) if isinstance(mode, str) else tuple(mode)
    if len(multi_index) != len(dims):
        raise ValueError("parameter multi_index must be a sequence of length of dims")
    out = 0
    for i, n, how in zip(tuple(multi_index), dims, modes, strict=True):
        i = np.asarray(i)
        if how == "wrap":
            i = i % n
        elif how == "clip":
            i = np.clip(i, 0, n - 1)
        elif np.any((i < 0) | (i >= n)):
            raise ValueError("invalid entry in coordinates array")
        out = out * n + i
    return out


def choose(a, choices, mode="raise"):
    a = np.asarray(a)
    n = len(choices)
    if mode == "wrap":
        a = a % n
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    elif mode != "raise":
        raise ValueError("clipmode must be one of 'clip', 'raise', or 'wrap'")
    elif np.any((a < 0) | (a >= n)):
        raise ValueError("invalid entry in choice array")
    if isinstance(choices, np.ndarray):
        shape = np.broadcast_shapes(a.shape, choices.shape[1:])
        wide = choices[(slice(None), *((None,) * (len(shape) + 1 - choices.ndim)), ...)]
        return np.take_along_axis(np.broadcast_to(wide, (n, *shape)), np.broadcast_to(a, shape)[None], axis=0)[0]
    choices = tuple(choices)
    out = np.asarray(choices[0], np.result_type(*choices))
    for k in tuple(range(1, n)):
        out = np.where(a == k, choices[k], out)
    return np.broadcast_to(out, np.broadcast_shapes(a.shape, np.shape(out))).copy() if np.ndim(a) > 0 else out
