"""Polynomials as rows of coefficients, that of the highest power first."""
# mypy: ignore-errors

import numpy as np


def polyval(p, x):
    p, x = np.asarray(p), np.asarray(x)
    out = np.zeros(np.shape(x), np.result_type(x, 0)) if np.ndim(x) > 0 else x * 0
    for k in range(len(p)):
        out = out * x + p[k]
    return out


def polyadd(a1, a2):
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(len(a1), len(a2))
    return _lengthened(a1, n) + _lengthened(a2, n)


def polysub(a1, a2):
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(len(a1), len(a2))
    return _lengthened(a1, n) - _lengthened(a2, n)


def _lengthened(a, n):
    """The same polynomial, of n coefficients."""
    return np.concatenate((np.zeros(n - len(a), a.dtype), a))


def polymul(a1, a2):
    return np.convolve(np.atleast_1d(a1), np.atleast_1d(a2))


def polyder(p, m=1):
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = np.asarray(p)
    for _ in (None,) * m:
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p, m=1, k=None):
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p = np.asarray(p)
    constants = np.zeros(m) if k is None else np.atleast_1d(k) * 1.0
    if len(constants) not in (1, m):
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for j in tuple(range(m)):
        p = np.concatenate((p / np.arange(len(p), 0, -1), constants[min(j, len(constants) - 1)][None]))
    return p


def vander(x, N=None, increasing=False):
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = len(x) if N is None else N
    out = np.empty((len(x), n), np.result_type(x, np.zeros(1, int)))
    power = np.zeros(len(x), out.dtype) + 1
    for k in range(n):
        out[:, k if increasing else n - 1 - k] = power
        power = power * x
    return out


def _epsilon(x):
    return 1.1920928955078125e-07 if x.dtype == np.float32 else 2.220446049250313e-16


def polyfit(x, y, deg, rcond=None, full=False, w=None):
    if full:
        raise NotImplementedError("np.polyfit gives the coefficients only", "leave out `full`")
    x, y = np.asarray(x) + 0.0, np.asarray(y) + 0.0
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if x.size == 0:
        raise TypeError("expected non-empty vector for x")
    if y.ndim < 1 or y.ndim > 2:
        raise TypeError("expected 1D or 2D array for y")
    if x.shape[0] != y.shape[0]:
        raise TypeError("expected x and y to have same length")
    left = np.vander(x, deg + 1)
    if w is not None:
        w = np.asarray(w) + 0.0
        if w.ndim != 1:
            raise TypeError("expected a 1-d array for weights")
        if w.shape[0] != y.shape[0]:
            raise TypeError("expected w and y to have the same length")
        left, y = left * w[:, None], y * (w if y.ndim == 1 else w[:, None])
    scale = np.sqrt(np.sum(left * left, axis=0))
    found = np.linalg.lstsq(left / scale, y, len(x) * _epsilon(x) if rcond is None else rcond)[0]
    return found / scale if found.ndim == 1 else found / scale[:, None]


def poly(seq_of_zeros):
    zeros = np.atleast_1d(seq_of_zeros)
    if zeros.ndim != 1:
        raise NotImplementedError("np.poly takes a row of zeros", "write np.poly(np.linalg.eigvalsh(a)) for a symmetric matrix")
    full = np.zeros(len(zeros) + 1, zeros.dtype if zeros.dtype.kind == "f" else float)
    full[0] = 1.0
    for k in range(len(zeros)):
        full[1:] = full[1:] - zeros[k] * full[:-1]
    return full
