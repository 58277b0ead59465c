"""Grids: numbers evenly apart, and positions along each axis."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    start, stop, num = _ends(start), _ends(stop), int(num)
    span, div = stop - start, num - 1 if endpoint else num
    step = span / max(div, 1)
    out = np.arange(num)[(slice(None), *((None,) * np.ndim(span)))].astype(span.dtype) * step + start
    if endpoint and num > 1:  # the end is exact, as NumPy has it
        out[-1] = stop
    out = np.moveaxis(out, 0, _axis(axis, np.ndim(out)))
    if dtype is not None:
        out = (np.floor(out) if dtype in (int, np.int64, np.int32) else out).astype(dtype)
    if retstep:
        return out, step if div > 0 else step * np.nan
    return out


def _ends(x):
    """Floats; a number of Python's stays one, so that it takes the dtype of the other end."""
    return (x if np.ndim(x) == 0 else np.asarray(x)) * 1.0


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    out = base ** np.linspace(start, stop, num, endpoint, axis=axis)
    return out if dtype is None else out.astype(dtype)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(start)
    low, high = np.log10(start / sign), np.log10(stop / sign)
    out = sign * np.logspace(low, high, num, endpoint)
    if num > 0:
        out[0] = start
    if num > 1 and endpoint:
        out[-1] = stop
    out = np.moveaxis(out, 0, _axis(axis, np.ndim(out)))
    return out if dtype is None else out.astype(dtype)


def meshgrid(*xi, sparse=False, indexing="xy"):
    if indexing != "xy" and indexing != "ij":
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    arrays = tuple([np.atleast_1d(x).copy().ravel() for x in xi])
    n = len(arrays)
    swapped = indexing == "xy" and n > 1
    places = tuple([1 - k if swapped and k < 2 else k for k in range(n)])
    out = tuple([x[_only(place, n)] for x, place in zip(arrays, places, strict=True)])
    if sparse or n == 0:
        return out
    shape = np.broadcast_shapes(*[x.shape for x in out])
    return tuple([np.broadcast_to(x, shape).copy() for x in out])


def indices(dimensions, dtype=int, sparse=False):
    dimensions = tuple(dimensions)
    rank = len(dimensions)
    grids = tuple([np.arange(n, dtype=dtype)[_only(k, rank)] for k, n in enumerate(dimensions)])
    if sparse:
        return grids
    return np.stack([np.broadcast_to(g, dimensions) for g in grids]) if grids else np.zeros((0,), dtype)


def ix_(*args):
    n = len(args)
    return tuple([_positions(x)[_only(k, n)] for k, x in enumerate(args)])


def _positions(x):
    x = np.asarray(x)
    if np.ndim(x) != 1:
        raise ValueError("Cross index must be 1 dimensional")
    if x.dtype == bool:
        return np.nonzero(x)[0]
    return x


def _only(axis, rank):
    """The index that puts the one axis of an array at this place of `rank` axes."""
    return (None,) * axis + (slice(None),) + (None,) * (rank - 1 - axis)
