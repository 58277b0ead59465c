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
        shape = np.shape(x)
        if len(shape) != first.ndim:
            raise ValueError("all the input arrays must have same number of dimensions")
        for k in tuple(range(first.ndim)):
            if k != axis and shape[k] != first.shape[k]:
                raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
        size += shape[axis]
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


def vstack(tup):
    return np.concatenate([np.atleast_2d(x) for x in tup])


def hstack(tup):
    arrays = tuple([np.atleast_1d(x) for x in tup])
    return np.concatenate(arrays, 0 if len(arrays) > 0 and arrays[0].ndim == 1 else 1)


def dstack(tup):
    return np.concatenate([np.atleast_3d(x) for x in tup], 2)


def column_stack(tup):
    return np.concatenate([_column(np.atleast_1d(x)) for x in tup], 1)


def _column(x):
    return x[:, None] if x.ndim == 1 else x


def array_split(ary, indices_or_sections, axis=0):
    if np.ndim(ary) == 0:
        raise TypeError("a number has no len()")
    ary = np.asarray(ary)
    axis = _axis(axis, np.ndim(ary))
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise ValueError("number sections must be larger than 0.")
        cuts = tuple([i * (n // k) + min(i, n % k) for i in range(1, k)])
    else:
        cuts = tuple(indices_or_sections)
    lead = (slice(None),) * axis
    return [ary[(*lead, slice(start, stop))] for start, stop in zip((0, *cuts), (*cuts, n), strict=True)]


def split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, int) and np.shape(ary)[axis] % indices_or_sections != 0:
        raise ValueError("array split does not result in an equal division")
    return np.array_split(ary, indices_or_sections, axis)


def vsplit(ary, indices_or_sections):
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, 0)


def hsplit(ary, indices_or_sections):
    if np.ndim(ary) == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


def dsplit(ary, indices_or_sections):
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, 2)


def append(arr, values, axis=None):
    return np.concatenate((arr, values), axis)


def delete(arr, obj, axis=None):
    arr, axis = _flat(arr, axis)
    x = np.moveaxis(arr, axis, 0)
    n = len(x)
    if isinstance(obj, int):
        if not -n <= obj < n:
            raise IndexError(f"index {obj} is out of bounds for axis {axis} with size {n}")
        obj = obj % n
        out = np.empty((n - 1, *x.shape[1:]), x.dtype)
        out[:obj] = x[:obj]
        out[obj:] = x[obj + 1 :]
    else:
        keep = np.ones(n, bool)
        keep[obj] = False
        out = x[keep]
    return np.moveaxis(out, 0, axis)


def insert(arr, obj, values, axis=None):
    arr, axis = _flat(arr, axis)
    x = np.moveaxis(arr, axis, 0)
    n = len(x)
    values = np.asarray(values)
    values = values[(None,) * (x.ndim - np.ndim(values))]
    if isinstance(obj, int):
        values = np.asarray(values)
        if not -n <= obj <= n:
            raise IndexError(f"index {obj} is out of bounds for axis {axis} with size {n}")
        start = obj + n if obj < 0 else obj
        stop = start + values.shape[0]
        out = np.empty((n + values.shape[0], *x.shape[1:]), x.dtype)
        out[:start], out[start:stop], out[stop:] = x[:start], values, x[start:]
    else:
        values = np.moveaxis(values, axis, 0)
        at = np.asarray(obj)
        at = np.where(at < 0, at + n, at)
        if np.any((at < 0) | (at > n)):
            raise IndexError(f"index out of bounds for axis {axis} with size {n}")
        order = np.arange(len(at))
        at = at + np.sum((at < at[:, None]) | ((at == at[:, None]) & (order < order[:, None])), axis=1)
        out = np.empty((n + len(at), *x.shape[1:]), x.dtype)
        old = np.ones(len(out), bool)
        old[at] = False
        out[at] = values
        out[old] = x
    return np.moveaxis(out, 0, axis)


def _flat(x, axis):
    """An array with an axis, counted from the start: its only one in place of None."""
    x = np.asarray(x)
    if axis is None:
        return np.atleast_1d(x).copy().ravel(), 0
    return x, _axis(axis, np.ndim(x))


def _size(shape):
    """The number of elements of a shape."""
    total = 1
    for n in shape:
        total *= n
    return total


def _axis(axis, rank):
    """An axis counted from the start."""
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(f"axis {axis} is out of bounds for array of dimension {rank}")
    return axis % rank


def unstack(x, /, *, axis=0):
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    last = np.moveaxis(x, axis, 0)
    return tuple([last[k] for k in tuple(range(len(last)))])


def block(arrays):
    if not isinstance(arrays, list):
        return np.copy(arrays)
    if not isinstance(arrays[0], list):
        return _joined(arrays, 1)
    rows = ()
    for row in tuple(arrays):
        rows = (*rows, _joined(row, 1))
    return _joined(rows, 2)


def _joined(parts, axis):
    """Arrays joined along an axis that is counted from the end, with as many axes in front as they need."""
    for x in tuple(parts):
        if isinstance(x, list):
            raise NotImplementedError("np.block joins along two axes at most", "join lists of them by np.concatenate")
    rank = max(axis, *[np.ndim(x) for x in tuple(parts)])
    return np.concatenate(tuple([np.asarray(x)[(None,) * (rank - np.ndim(x))] for x in tuple(parts)]), -axis)
