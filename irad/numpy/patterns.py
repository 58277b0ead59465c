"""Matrices with a pattern, and functions of matrices that stand on others."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.running import _flat


def toeplitz(c, r=None):
    c = _flat(c)
    r = c if r is None else _flat(r)
    both = np.concatenate((c[::-1], r[1:]))
    return both[np.arange(len(c) - 1, -1, -1)[:, None] + np.arange(len(r))]


def hankel(c, r=None):
    c = _flat(c)
    r = np.zeros(len(c), c.dtype) if r is None else _flat(r)
    both = np.concatenate((c, r[1:]))
    return both[np.arange(len(c))[:, None] + np.arange(len(r))]


def circulant(c):
    c = np.asarray(c)
    n = np.arange(c.shape[-1])
    return c[..., (n[:, None] - n) % c.shape[-1]]


def companion(a):
    a = np.atleast_1d(a)
    if a.ndim != 1:
        raise ValueError("Incorrect shape for `a`. `a` must be one-dimensional.")
    if len(a) < 2:
        raise ValueError("The length of `a` must be at least 2.")
    if a[0] == 0:
        raise ValueError("The first coefficient in `a` must not be zero.")
    first = -a[1:] / (1.0 * a[0])
    out = np.zeros((len(first), len(first)), first.dtype)
    out[0] = first
    out[1:, :-1] = np.eye(len(first) - 1)
    return out


def hilbert(n):
    k = np.arange(1.0, n + 1.0)
    return 1.0 / (k[:, None] + k - 1.0)


def block_diag(*arrs):
    parts = [np.atleast_2d(x) for x in arrs]
    rows, columns = 0, 0
    for x in parts:
        rows, columns = rows + x.shape[0], columns + x.shape[1]
    out = np.zeros((rows, columns), np.result_type(*parts))
    row, column = 0, 0
    for x in parts:
        out[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return out


def khatri_rao(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("The both arrays should be 2-dimensional.")
    if a.shape[1] != b.shape[1]:
        raise ValueError("The number of columns for both arrays should be equal.")
    return (a[:, None] * b).reshape((a.shape[0] * b.shape[0], a.shape[1]))


def polar(a, side="right"):
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    a = np.asarray(a)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh, (vh.T * s) @ vh if side == "right" else (u * s) @ u.T


def solve_toeplitz(c_or_cr, b, check_finite=True):
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, c_or_cr)
    return np.linalg.solve(toeplitz(c, r), b)
