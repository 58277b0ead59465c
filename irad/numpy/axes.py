"""Axes named, moved, added, left out and turned around: views, as in NumPy."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis


def expand_dims(a, axis):
    a = np.asarray(a)
    new = _axes(axis, np.ndim(a) + (1 if isinstance(axis, int) else len(axis)))
    if np.ndim(a) == 0:
        return np.reshape(a, (1,) * len(new))
    return a[tuple([None if k in new else slice(None) for k in tuple(range(a.ndim + len(new)))])]


def squeeze(a, axis=None):
    a = np.asarray(a)
    shape = np.shape(a)
    if axis is None:
        out = tuple([k for k, n in enumerate(shape) if n == 1])
    else:
        out = _axes(axis, len(shape))
    for k in out:
        if shape[k] != 1:
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return a[tuple([0 if k in out else slice(None) for k in tuple(range(len(shape)))])] if out else a


def swapaxes(a, axis1, axis2):
    a = np.asarray(a)
    i, j = _axis(axis1, a.ndim), _axis(axis2, a.ndim)
    return np.transpose(a, tuple([j if k == i else i if k == j else k for k in range(a.ndim)]))


def moveaxis(a, source, destination):
    a = np.asarray(a)
    source, destination = _axes(source, a.ndim), _axes(destination, a.ndim)
    if len(source) != len(destination):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = ()
    rest = tuple([k for k in range(a.ndim) if k not in source])
    for k in tuple(range(a.ndim)):
        if k in destination:
            order = (*order, source[destination.index(k)])
        else:
            order, rest = (*order, rest[0]), rest[1:]
    return np.transpose(a, order)


def rollaxis(a, axis, start=0):
    a = np.asarray(a)
    axis = _axis(axis, a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError("'start' arg requires -n <= start < n+1")
    start = start + a.ndim if start < 0 else start
    rest = tuple([k for k in range(a.ndim) if k != axis])
    place = start - 1 if axis < start else start
    return np.transpose(a, (*rest[:place], axis, *rest[place:]))


def atleast_1d(*arys):
    out = tuple([np.reshape(x, (1,)) if np.ndim(x) == 0 else np.asarray(x) for x in arys])
    return out[0] if len(out) == 1 else out


def atleast_2d(*arys):
    out = tuple([x[None] if x.ndim == 1 else x for x in [np.atleast_1d(x) for x in arys]])
    return out[0] if len(out) == 1 else out


def atleast_3d(*arys):
    out = tuple([_three(np.atleast_1d(x)) for x in arys])
    return out[0] if len(out) == 1 else out


def _three(x):
    return x[None, :, None] if x.ndim == 1 else x[:, :, None] if x.ndim == 2 else x


def flip(m, axis=None):
    m = np.asarray(m)
    axes = tuple(range(np.ndim(m))) if axis is None else _axes(axis, np.ndim(m))
    return m[tuple([slice(None, None, -1) if k in axes else slice(None) for k in tuple(range(np.ndim(m)))])] if axes else m


def flipud(m):
    if np.ndim(m) < 1:
        raise ValueError("Input must be >= 1-d.")
    return np.flip(m, 0)


def fliplr(m):
    if np.ndim(m) < 2:
        raise ValueError("Input must be >= 2-d.")
    return np.flip(m, 1)


def rot90(m, k=1, axes=(0, 1)):
    m = np.asarray(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    i, j = _axis(axes[0], m.ndim), _axis(axes[1], m.ndim)
    if i == j:
        raise ValueError("Axes must be different.")
    if k % 2 == 0:
        return m if k % 4 == 0 else np.flip(m, (i, j))
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, j), i, j)
    return np.flip(np.swapaxes(m, i, j), j)


def _axes(axis, rank):
    """A tuple of axes counted from the start."""
    axes = tuple([_axis(k, rank) for k in ((axis,) if isinstance(axis, int) else axis)])
    for n, k in enumerate(axes):
        if k in axes[:n]:
            raise ValueError("repeated axis")
    return axes


def broadcast_arrays(*args):
    shape = np.broadcast_shapes(*[np.shape(x) for x in args])
    return tuple([np.broadcast_to(x, shape) for x in args])


def matrix_transpose(x, /):
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError("Input array must be at least 2-dimensional")
    return np.swapaxes(x, -1, -2)
