"""x[...] with arrays among the indices: elements and rows gathered, and put, one position after the other.

The caller has taken the index apart: `basic` is the index with `:` in the places of arrays, `axes` are the axes of
x[basic] that the arrays `indices` stand for, which are adjacent if `adjacent`.
"""
# mypy: ignore-errors

import numpy as np


def gathered(x, basic, axes, indices, adjacent):
    """x[...]: a new array."""
    x = _in_front(x[basic], axes)
    indices, shape = _together(indices)
    rest = x.shape[len(axes) :]
    out = np.empty(indices[0].shape + rest, x.dtype)
    for k in range(len(indices[0])):
        out[k] = x[tuple([i[k] for i in indices])]
    out = np.reshape(out, shape + rest)
    if adjacent and axes[0] > 0:  # the axes of the indices stand where theirs stood
        n, lead = len(shape), axes[0]
        order = tuple(range(n, n + lead)) + tuple(range(n)) + tuple(range(n + lead, out.ndim))
        out = np.transpose(out, order)
    return out


def put(x, basic, axes, indices, adjacent, value):
    """x[...] = value: of positions named twice the last counts."""
    x = _in_front(x[basic], axes)
    indices, shape = _together(indices)
    rest = x.shape[len(axes) :]
    n, lead = len(shape), axes[0]
    if adjacent and lead > 0:
        value = np.broadcast_to(value, rest[:lead] + shape + rest[lead:])
        order = tuple(range(lead, lead + n)) + tuple(range(lead)) + tuple(range(lead + n, value.ndim))
        value = np.transpose(value, order)
    else:
        value = np.broadcast_to(value, shape + rest)
    value = value.copy().reshape(indices[0].shape + rest)
    for k in range(len(indices[0])):
        x[tuple([i[k] for i in indices])] = value[k]


def put_where(x, mask, value):
    """x[mask] = value for a value that does not depend on the position."""
    x[...] = np.where(mask.copy().reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), value, x)


def positions(mask):
    """The indices of the true elements, an array for each axis."""
    shape = mask.shape
    flat = mask.copy().ravel()
    found = np.empty(np.sum(flat), int)
    n = 0
    for k in range(len(flat)):
        if flat[k]:
            found[n] = k
            n += 1
    out = ()
    for size in shape[:0:-1]:
        count = max(size, 1)  # of an empty array nothing is found
        out = (found % count, *out)
        found = found // count
    return (found, *out)


def diagonal(x, offset):
    """np.diagonal of the last two axes, copied."""
    m, n = x.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(m - row, n - column), 0)
    out = np.empty((count, *x.shape[:-2]), x.dtype)
    for k in range(count):
        out[k] = x[..., row + k, column + k]
    return np.moveaxis(out, 0, -1)


def _in_front(x, axes):
    """x with these axes first."""
    order = tuple(axes) + tuple([a for a in range(x.ndim) if a not in axes])
    return np.transpose(x, order) if order != tuple(range(x.ndim)) else x


def _together(indices):
    """Index arrays broadcast to one shape, then laid flat; and that shape."""
    shape = np.broadcast_shapes(*[np.shape(i) for i in indices])
    return tuple([np.broadcast_to(i, shape).copy().reshape(-1) for i in indices]), shape
