"""Running sums and products, differences, integrals and products of sequences along an axis."""
# mypy: ignore-errors

import math

import numpy as np

from irad.numpy.joining import _axis


def cumsum(a, axis=None, dtype=None):
    a, axis = _along(a, axis)
    a = a if dtype is None else a.astype(dtype)
    lead = (slice(None),) * axis
    total = np.sum(a[(*lead, slice(0, 0))], axis=axis)
    out = np.empty(a.shape, total.dtype if dtype is None else dtype)
    for i in range(a.shape[axis]):
        total = total + a[(*lead, i)]
        out[(*lead, i)] = total
    return out


def cumprod(a, axis=None, dtype=None):
    a, axis = _along(a, axis)
    a = a if dtype is None else a.astype(dtype)
    lead = (slice(None),) * axis
    total = np.prod(a[(*lead, slice(0, 0))], axis=axis)
    out = np.empty(a.shape, total.dtype if dtype is None else dtype)
    for i in range(a.shape[axis]):
        total = total * a[(*lead, i)]
        out[(*lead, i)] = total
    return out


def diff(a, n=1, axis=-1, prepend=None, append=None):
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    a = np.asarray(a)
    if n == 0:
        return a
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = _axis(axis, a.ndim)
    if prepend is not None or append is not None:
        edges = [_edge(x, a, axis) for x in (prepend, append)]
        a = np.concatenate((edges[0], a, edges[1]), axis)
    lead = (slice(None),) * axis
    for _ in (None,) * n:
        late, early = a[(*lead, slice(1, None))], a[(*lead, slice(None, -1))]
        a = late != early if a.dtype == bool else late - early
    return a


def ediff1d(ary, to_end=None, to_begin=None):
    steps = np.diff(_flat(ary))
    begin, end = [() if x is None else _flat(x) for x in (to_begin, to_end)]
    if len(begin) + len(end) == 0:
        return steps
    out = np.empty(len(begin) + len(steps) + len(end), steps.dtype)
    if len(begin) > 0:
        out[: len(begin)] = begin
    out[len(begin) : len(begin) + len(steps)] = steps
    if len(end) > 0:
        out[len(begin) + len(steps) :] = end
    return out


def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = np.asarray(y)
    axis = _axis(axis, y.ndim)
    d = dx
    if x is not None:
        x = np.asarray(x)
        d = _of_axis(np.diff(x), y.ndim, axis) if x.ndim == 1 else np.diff(x, axis=axis)
    lead = (slice(None),) * axis
    return np.sum(d * (y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]) / 2.0, axis=axis)


def gradient(f, *varargs, axis=None, edge_order=1):
    f = np.asarray(f)
    f = f if f.dtype.kind == "f" else f * 1.0
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    if axis is None:
        axes = tuple(range(f.ndim))
    else:
        axes = tuple([_axis(k, f.ndim) for k in (axis if isinstance(axis, tuple) else (axis,))])
    spaces = varargs if len(varargs) == len(axes) else (*varargs, 1.0)[:1] * len(axes)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError("invalid number of arguments")
    out = tuple([_slopes(f, np.asarray(h), k, edge_order) for h, k in zip(spaces, axes)])  # noqa: B905 - irad compiles this
    return out[0] if len(out) == 1 else out


def _slopes(f, h, axis, edge_order):
    """The derivative of f along an axis whose points are h apart, or at h."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
        )
    lead = (slice(None),) * axis
    if h.ndim > 0:
        if h.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        if h.shape[0] != n:
            raise ValueError("when 1d, distances must match the length of the corresponding dimension")
        h = np.diff(h)
    out = np.empty(f.shape, f.dtype)
    if n > 2:
        before, here, after = f[(*lead, slice(None, -2))], f[(*lead, slice(1, -1))], f[(*lead, slice(2, None))]
        if h.ndim == 0:
            out[(*lead, slice(1, -1))] = (after - before) / (2.0 * h)
        else:
            h1, h2 = _of_axis(h[:-1], f.ndim, axis), _of_axis(h[1:], f.ndim, axis)
            out[(*lead, slice(1, -1))] = (
                -h2 / (h1 * (h1 + h2)) * before + (h2 - h1) / (h1 * h2) * here + h1 / (h2 * (h1 + h2)) * after
            )
    for end, inwards in ((0, 1), (-1, -1)):
        step = h if h.ndim == 0 else h[end]
        y = [f[(*lead, end + inwards * k)] for k in (0, 1, 2)[: edge_order + 1]]
        if edge_order == 1:
            out[(*lead, end)] = inwards * (y[1] - y[0]) / step
        else:
            beyond = h if h.ndim == 0 else h[end + inwards]
            both = step + beyond
            a, b, c = -(step + both) / (step * both), both / (step * beyond), -step / (beyond * both)
            out[(*lead, end)] = inwards * (a * y[0] + b * y[1] + c * y[2])
    return out


def interp(x, xp, fp, left=None, right=None, period=None):
    xp, fp = np.asarray(xp, float), np.asarray(fp, float)
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("object too deep for desired array")
    if len(xp) != len(fp):
        raise ValueError("fp and xp are not of the same length.")
    if len(xp) == 0:
        raise ValueError("array of sample points is empty")
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        x, xp = np.asarray(x) % abs(period), xp % abs(period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate((xp[-1:] - abs(period), xp, xp[:1] + abs(period)))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
    low = fp[0] if left is None else left
    high = fp[-1] if right is None else right
    if np.ndim(x) == 0:
        return _interpolated(np.float64(x), xp, fp, low, high)
    flat = _flat(x)
    out = np.empty(len(flat))
    for k in range(len(flat)):
        out[k] = _interpolated(np.float64(flat[k]), xp, fp, low, high)
    return out.reshape(np.shape(x))


def _interpolated(x, xp, fp, low, high):
    """The value at a point of the line through the points, with the slope to the right at each of them."""
    last = len(xp) - 1
    if not x >= xp[0]:
        return low if x < xp[0] else x
    if x > xp[last]:
        return high
    if last == 0:
        return fp[0]
    begin, end = 0, last
    while end - begin > 1:
        middle = (begin + end) // 2
        if xp[middle] <= x:
            begin = middle
        else:
            end = middle
    if x == xp[end]:
        begin = min(end, last - 1)
        return fp[end] + (fp[begin + 1] - fp[begin]) / (xp[begin + 1] - xp[begin]) * (x - xp[end])
    return fp[begin] + (fp[end] - fp[begin]) / (xp[end] - xp[begin]) * (x - xp[begin])


def convolve(a, v, mode="full"):
    a, v = _sequence(a), _sequence(v)
    return _product(a, v, mode) if len(a) >= len(v) else _product(v, a, mode)


def correlate(a, v, mode="valid"):
    a, v = _sequence(a), _sequence(v)
    return _product(a, v[::-1], mode) if len(a) >= len(v) else _product(v, a[::-1], mode)[::-1].copy()


def _sequence(x):
    x = np.asarray(x)
    x = _flat(x) if x.ndim == 0 else x
    if x.ndim > 1:
        raise ValueError("object too deep for desired array")
    if len(x) == 0:
        raise ValueError("array cannot be empty")
    return x


def _product(a, v, mode):
    """The coefficients of the product of two polynomials, v the shorter one: all, as many as a's, or those of whole v."""
    n, m = len(a), len(v)
    out = np.zeros(n + m - 1, np.result_type(a, v))
    for k in range(m):
        out[k : k + n] += v[k] * a
    if mode == "full":
        return out
    if mode == "same":
        start = m - 1 - m // 2
        return out[start : start + n].copy()
    if mode == "valid":
        return out[m - 1 : n].copy()
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got '{mode}')")


def _along(a, axis):
    """An array and an axis of it: laid flat for None."""
    if axis is None or np.ndim(a) == 0:
        if axis not in (None, 0, -1):
            raise np.exceptions.AxisError(f"axis {axis} is out of bounds for array of dimension 0")
        return _flat(a), 0
    a = np.asarray(a)
    return a, _axis(axis, a.ndim)


def _flat(a):
    return np.ravel(a) if np.ndim(a) == 0 else np.asarray(a).copy().reshape(-1)


def _of_axis(v, rank, axis):
    """A row of numbers along one of several axes."""
    return v[(slice(None),) + (None,) * (rank - axis - 1)]


def _edge(x, a, axis):
    """What is put before or after an array along an axis: numbers are repeated, nothing is empty."""
    lead = (slice(None),) * axis
    if x is None:
        return a[(*lead, slice(0, 0))]
    return np.asarray(x) if np.ndim(x) > 0 else np.full(np.shape(a[(*lead, slice(0, 1))]), x)


def cumulative_sum(x, /, *, axis=None, include_initial=False):
    return _cumulative(x, axis, include_initial, np.cumsum, 0)


def cumulative_prod(x, /, *, axis=None, include_initial=False):
    return _cumulative(x, axis, include_initial, np.cumprod, 1)


def _cumulative(x, axis, include_initial, running, initial):
    x = np.atleast_1d(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        axis = 0
    out = running(x, axis)
    if not include_initial:
        return out
    first = np.full(tuple([1 if k == _axis(axis, x.ndim) else n for k, n in enumerate(x.shape)]), initial, out.dtype)
    return np.concatenate((first, out), axis)


def unwrap(p, discont=None, axis=-1, *, period=2.0 * math.pi):
    p = np.asarray(p)
    steps = np.diff(p, axis=axis)
    half = period / 2
    wrapped = np.mod(steps + half, period) - half
    wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    turns = np.where(np.abs(steps) < (half if discont is None else discont), 0.0, wrapped - steps)
    lead = (slice(None),) * _axis(axis, p.ndim)
    first, rest = p[(*lead, slice(None, 1))] * 1.0, p[(*lead, slice(1, None))]
    return np.concatenate((first, rest + np.cumsum(turns, axis)), axis)
