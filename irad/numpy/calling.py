"""Functions that call a function of the user's."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis, _size


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    arr = np.asarray(arr)
    axis = _axis(axis, arr.ndim)
    last = np.moveaxis(arr, axis, -1)
    lead = last.shape[:-1]
    rows = last.copy().reshape((_size(lead), last.shape[-1]))
    if len(rows) == 0:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    first = np.asarray(func1d(rows[0], *args, **kwargs))
    out = np.empty((len(rows), *np.shape(first)), first.dtype)
    out[0] = first
    for k in range(1, len(rows)):
        out[k] = func1d(rows[k], *args, **kwargs)
    out = out.reshape(lead + np.shape(first))
    order = list(range(len(lead)))
    inner = tuple(range(len(lead), out.ndim))
    return np.transpose(out, (*order[:axis], *inner, *order[axis:]))


def apply_over_axes(func, a, axes):
    a = np.asarray(a)
    rank = a.ndim
    for axis in (axes,) if isinstance(axes, int) else tuple(axes):
        axis = _axis(axis, rank)
        found = func(a, axis)
        a = found if np.ndim(found) == rank else np.expand_dims(found, axis)
    return a


def piecewise(x, condlist, funclist, *args, **kw):
    x = np.asarray(x)
    conditions = tuple(condlist) if isinstance(condlist, (list, tuple)) or np.ndim(condlist) > np.ndim(x) else (condlist,)
    functions = tuple(funclist)
    if len(functions) == len(conditions) + 1:
        rest = np.zeros(np.shape(x), bool)
        for condition in conditions:
            rest = rest | condition
        conditions = (*conditions, np.logical_not(rest))
    if len(functions) != len(conditions):
        raise ValueError("with a condition for each function, or one function more")
    if np.ndim(x) == 0:
        out = x * 0
        for condition, f in zip(conditions, functions, strict=True):
            if condition:
                out = np.asarray(f(x, *args, **kw) if callable(f) else f, out.dtype)
        return out
    out = np.zeros(x.shape, x.dtype)
    for condition, f in zip(conditions, functions, strict=True):
        found = np.broadcast_to(condition, x.shape)
        out[found] = f(x[found], *args, **kw) if callable(f) else f
    return out


def fromfunction(function, shape, *, dtype=float, **kwargs):
    return function(*np.indices(tuple(shape), dtype), **kwargs)
