"""Functions of scipy.special, stable where a naive formula overflows, cancels or gives nan."""
# mypy: ignore-errors

import math

import numpy as np


def _float(x):
    """Floats; a number of Python's stays one, so that it takes the dtype of what it meets."""
    return (x if np.ndim(x) == 0 else np.asarray(x)) * 1.0


def _pair(x1, x2):
    """Two numbers or arrays in the dtype of floats that they are joined in, where a number of Python's counts for nothing."""
    dtype = np.result_type(_float(x1), _float(x2))
    return np.asarray(x1, dtype), np.asarray(x2, dtype)


def erf(x, /):
    """A primitive: the handler is in irad/specialize/arrays/functions.py."""


def erfc(x, /):
    """A primitive, as erf is."""


def gammaln(x, /):
    x = np.asarray(x) * 1.0
    return np.where(x == -np.inf, -np.inf, _lgamma(x))


def _lgamma(x, /):
    """A primitive, as erf is."""


def betaln(x1, x2, /):
    a, b = np.asarray(x1) * 1.0, np.asarray(x2) * 1.0
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def expit(x, /):
    x = np.asarray(x) * 1.0
    e = np.exp(np.where(x >= 0.0, -x, x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def logit(x, /):
    x = np.asarray(x) * 1.0
    return np.log(x) - np.log1p(-x)


def logsumexp(a, axis=None, b=None, keepdims=False):
    a = np.asarray(a) * 1.0
    if b is not None:
        b = np.asarray(b)
        a = np.where(b == 0, -np.inf, a + np.zeros(b.shape, np.result_type(a, b)))
    if a.size == 0:
        return np.log(np.sum(a, axis=axis, keepdims=keepdims))
    most = _greatest(a, axis)
    e = np.exp(a - most)
    total = np.log(np.sum(e if b is None else b * e, axis=axis, keepdims=keepdims))
    return total + most if keepdims else total + np.sum(most, axis=axis)


def softmax(x, axis=None):
    x = np.asarray(x) * 1.0
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=None):
    x = np.asarray(x) * 1.0
    x = x - _greatest(x, axis)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def _greatest(x, axis):
    """The greatest along an axis, 0 where it is infinite."""
    most = np.max(x, axis=axis, keepdims=True)
    return np.where(np.isinf(most), 0.0, most)


def xlogy(x1, x2, /):
    x, y = np.asarray(x1) * 1.0, np.asarray(x2) * 1.0
    return x * np.log(np.where((x == 0.0) & ((y <= 0.0) | (y == np.inf)), 1.0, y))


def xlog1py(x1, x2, /):
    x, y = np.asarray(x1) * 1.0, np.asarray(x2) * 1.0
    return x * np.log1p(np.where((x == 0.0) & ((y <= -1.0) | (y == np.inf)), 0.0, y))


def entr(x, /):
    x = np.asarray(x) * 1.0
    inside = -x * np.log(np.where(x <= 0.0, 1.0, x))
    return np.where(x < 0.0, -np.inf, np.where(x == 0.0, 0.0, inside))


def ndtr(x, /):
    return 0.5 * erfc(np.asarray(x) * -math.sqrt(0.5))


def log_ndtr(x, /):
    """By erfc down to an edge before which it underflows, and by its asymptotic series (Abramowitz and Stegun, 26.2.12)
    below."""
    x = np.asarray(x) * 1.0
    edge = -20.0 if x.dtype == np.float64 else -10.0
    right, left = x > -1.0, x < edge
    above = np.log1p(-0.5 * erfc(np.where(right, x, 0.0) * math.sqrt(0.5)))
    between = np.log(0.5 * erfc(np.where(right | left, -1.0, x) * -math.sqrt(0.5)))
    far = np.where(left, x, edge)
    finite = np.where(np.isinf(far), edge, far)
    z = 1.0 / (finite * finite)
    series = 0.0
    for k in (17, 15, 13, 11, 9, 7, 5, 3, 1):
        series = -k * z * (1.0 + series)
    below = -0.5 * far * far - np.log(-finite) - 0.5 * math.log(2.0 * math.pi) + np.log1p(series)
    return np.where(right, above, np.where(left, below, between))


# -- elementary ones ----------------------------------------------------------------------------------------------------------


def expm1(x, /):
    return np.expm1(x)


def log1p(x, /):
    return np.log1p(x)


def cbrt(x, /):
    return np.cbrt(x)


def exp2(x, /):
    return np.exp2(x)


def exp10(x, /):
    return 10.0 ** (np.asarray(x) * 1.0)


def cosm1(x, /):
    half = np.sin(0.5 * np.asarray(x))
    return -2.0 * half * half


def exprel(x, /):
    x = np.asarray(x) * 1.0
    near = np.abs(x) < 0.01
    away, close = np.where(near, 1.0, x), np.where(near, x, 0.0)
    series = 0.0 * close
    for k in (9, 8, 7, 6, 5, 4, 3, 2):
        series = close / k * (1.0 + series)
    return np.where(near, 1.0 + series, np.where(x == -np.inf, 0.0, np.expm1(away) / away))


def log_expit(x, /):
    x = np.asarray(x) * 1.0
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))


def softplus(x):
    return np.logaddexp(0.0, x)


def huber(x1, x2, /):
    delta, r = _pair(x1, x2)
    size = np.abs(r)
    return np.where(delta < 0.0, np.inf, np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)))


def pseudo_huber(x1, x2, /):
    delta, r = _pair(x1, x2)
    ratio = r / np.where(delta > 0.0, delta, 1.0)
    square = ratio * ratio
    return np.where(delta < 0.0, np.inf, delta * delta * (square / (1.0 + np.sqrt(1.0 + square))))


def rel_entr(x1, x2, /):
    x, y = _pair(x1, x2)
    inside = (x > 0.0) & (y > 0.0)
    value = x * np.log(np.where(inside, x, 1.0) / np.where(inside, y, 1.0))
    value = np.where((x == 0.0) & (y >= 0.0), 0.0, np.where(inside, value, np.inf))
    return np.where(np.isnan(x) | np.isnan(y), np.nan, value)


def kl_div(x1, x2, /):
    x, y = _pair(x1, x2)
    inside = (x > 0.0) & (y > 0.0)
    value = x * np.log(np.where(inside, x, 1.0) / np.where(inside, y, 1.0)) - x + y
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(inside, value, np.where((x == 0.0) & (y >= 0.0), y, np.inf)))


def boxcox(x1, x2, /):
    x, lmbda = _pair(x1, x2)
    return _relative_power(np.log(x), lmbda)


def boxcox1p(x1, x2, /):
    x, lmbda = _pair(x1, x2)
    return _relative_power(np.log1p(x), lmbda)


def _relative_power(logarithm, power):
    """(exp(power * logarithm) - 1) / power, and the logarithm itself for power 0."""
    return logarithm * exprel(power * logarithm)


def inv_boxcox(x1, x2, /):
    x, lmbda = _pair(x1, x2)
    zero = lmbda == 0.0
    return np.where(zero, np.exp(x), np.exp(np.log1p(lmbda * x) / np.where(zero, 1.0, lmbda)))


def inv_boxcox1p(x1, x2, /):
    x, lmbda = _pair(x1, x2)
    zero = lmbda == 0.0
    return np.where(zero, np.expm1(x), np.expm1(np.log1p(lmbda * x) / np.where(zero, 1.0, lmbda)))
