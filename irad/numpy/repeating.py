"""Elements repeated, moved around and put about an array."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis, _flat


def tile(A, reps):
    A = np.asarray(A)
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    rank = max(len(reps), np.ndim(A))
    shape = (1,) * (rank - np.ndim(A)) + np.shape(A)
    reps = (1,) * (rank - len(reps)) + reps
    if rank == 0:
        return A
    inner, outer, whole = (), (), ()
    for n, r in zip(shape, reps, strict=True):
        inner, outer, whole = (*inner, 1, n), (*outer, r, n), (*whole, r * n)
    return np.broadcast_to(np.reshape(np.copy(A), inner), outer).copy().reshape(whole)


def repeat(a, repeats, axis=None):
    a, axis = _flat(np.atleast_1d(a), axis)
    x = np.moveaxis(a, axis, 0)
    n = len(x)
    rest = x.shape[1:]
    if np.ndim(repeats) == 0:
        out = np.broadcast_to(x[:, None], (n, repeats, *rest)).copy().reshape((n * repeats, *rest))
    else:
        counts = np.broadcast_to(np.asarray(repeats), (n,))
        if np.any(counts < 0):
            raise ValueError("repeats may not contain negative values.")
        out = np.empty((np.sum(counts), *rest), x.dtype)
        at = 0
        for k in range(n):
            out[at : at + counts[k]] = x[k]
            at += counts[k]
    return np.moveaxis(out, 0, axis)


def roll(a, shift, axis=None):
    a = np.asarray(a)
    if axis is None:
        if np.ndim(a) == 0:
            return a
        return _rolled(a.copy().ravel(), shift if np.ndim(shift) == 0 else sum(shift)).reshape(a.shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) if np.ndim(shift) == 0 else tuple(shift)
    count = max(len(axes), len(shifts))
    axes = axes * count if len(axes) == 1 else axes
    shifts = shifts * count if len(shifts) == 1 else shifts
    if len(axes) != len(shifts):
        raise ValueError("shape mismatch: objects cannot be broadcast to a single shape")
    for k, by in zip(axes, shifts, strict=True):
        k = _axis(k, np.ndim(a))
        a = np.moveaxis(_rolled(np.moveaxis(a, k, 0), by), 0, k)
    return a


def _rolled(x, shift):
    n = len(x)
    k = shift % max(n, 1)
    out = np.empty(x.shape, x.dtype)
    out[k:] = x[: n - k]
    out[:k] = x[n - k :]
    return out


def pad(array, pad_width, mode="constant", *, constant_values=0):
    array = np.asarray(array)
    widths = _pairs(pad_width, np.ndim(array))
    values = _pairs(constant_values, np.ndim(array))
    for axis, (before, after) in enumerate(widths):
        if before < 0 or after < 0:
            raise ValueError("index can't contain negative values")
        array = np.moveaxis(_padded(np.moveaxis(array, axis, 0), before, after, mode, values[axis]), 0, axis)
    return array


def _pairs(x, rank):
    """What np.pad is given for each side of each axis: one, a pair, or a pair for each axis."""
    if np.ndim(x) == 0:
        return ((x, x),) * rank
    x = tuple(x)
    if np.ndim(x[0]) == 0:
        x = (x,)
    x = tuple([(p[0], p[0]) if len(p) == 1 else (p[0], p[1]) for p in x])
    if len(x) != 1 and len(x) != rank:
        raise ValueError("operands could not be broadcast together")
    return x * rank if len(x) == 1 else x


def _padded(x, before, after, mode, values):
    n = len(x)
    if mode != "constant" and n == 0 and before + after > 0:
        raise ValueError("can't extend empty axis using modes other than 'constant' or 'empty'")
    out = np.empty((before + n + after, *x.shape[1:]), x.dtype)
    out[before : before + n] = x
    if mode == "constant":
        out[:before], out[before + n :] = values
    else:
        for k in range(before):
            out[k] = x[_source(k - before, n, mode)]
        for k in range(after):
            out[before + n + k] = x[_source(n + k, n, mode)]
    return out


def _source(k, n, mode):
    """The position inside that stands for position k outside."""
    if mode == "edge":
        return 0 if k < 0 else n - 1
    if mode == "wrap":
        return k % n
    if mode == "reflect":
        period = max(2 * (n - 1), 1)
        return min(k % period, period - k % period)
    if mode == "symmetric":
        return min(k % (2 * n), 2 * n - 1 - k % (2 * n))
    raise ValueError("this mode of np.pad is not supported")


def resize(a, new_shape):
    flat, _ = _flat(a, None)
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    total = 1
    for n in shape:
        if n < 0:
            raise ValueError("all elements of `new_shape` must be non-negative")
        total *= n
    if flat.size == 0:
        return np.zeros(shape, flat.dtype)
    return flat[np.arange(total) % len(flat)].reshape(shape)
