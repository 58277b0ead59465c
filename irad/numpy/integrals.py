"""Integrals of values at points: scipy.integrate."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis
from irad.numpy.running import _of_axis


def trapezoid(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    y = np.asarray(y)
    axis = _axis(axis, y.ndim)
    lead = (slice(None),) * axis
    d = dx if x is None else _steps(x, y, axis)
    out = np.cumsum(d * (y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]) / 2.0, axis)
    if initial is None:
        return out
    if initial != 0:
        raise ValueError("`initial` must be 0")
    return np.concatenate((np.zeros(y[(*lead, slice(None, 1))].shape, out.dtype), out), axis)


def simpson(y, x=None, *, dx=1.0, axis=-1):
    """Of an even number of points the last interval is corrected (Cartwright, 2017)."""
    y = np.moveaxis(np.asarray(y) * 1.0, axis, 0)
    n = len(y)
    if n == 0:
        raise ValueError("array cannot be empty")
    h = np.full(max(n - 1, 0), dx, y.dtype) if x is None else _steps_first(x, axis, y.ndim)
    h = h.reshape(h.shape + (1,) * (y.ndim - h.ndim))
    if n == 1:
        return np.sum(y * 0.0, axis=0)
    if n == 2:
        return 0.5 * h[0] * (y[0] + y[1])
    last = n if n % 2 == 1 else n - 1
    total = _pairs(y[:last], h[: last - 1])
    if n % 2 == 1:
        return total
    h0, h1 = h[-2], h[-1]
    a = (2.0 * h1 * h1 + 3.0 * h0 * h1) / (6.0 * (h1 + h0))
    b = (h1 * h1 + 3.0 * h0 * h1) / (6.0 * h0)
    c = h1 * h1 * h1 / (6.0 * h0 * (h0 + h1))
    return total + a * y[-1] + b * y[-2] - c * y[-3]


def _pairs(y, h):
    """Simpson's rule over pairs of intervals."""
    h0, h1 = h[::2], h[1::2]
    both, ratio = h0 + h1, h0 / h1
    left, middle, right = y[:-1:2], y[1::2], y[2::2]
    parts = both / 6.0 * (left * (2.0 - 1.0 / ratio) + middle * (both * both / (h0 * h1)) + right * (2.0 - ratio))
    return np.sum(parts, axis=0)


def _steps(x, y, axis):
    """The distances of the points along an axis of y."""
    x = np.asarray(x)
    return _of_axis(np.diff(x), y.ndim, axis) if x.ndim == 1 else np.diff(x, axis=axis)


def _steps_first(x, axis, rank):
    x = np.asarray(x)
    steps = np.diff(x) if x.ndim == 1 else np.diff(np.moveaxis(x, axis, 0), axis=0)
    return steps.astype(float)
