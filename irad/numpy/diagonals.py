"""Diagonals, and what is on one side of them."""
# mypy: ignore-errors

import numpy as np


def tri(N, M=None, k=0, dtype=float):
    return (np.arange(N)[:, None] + k >= np.arange(N if M is None else M)).astype(dtype)


def eye(N, M=None, k=0, dtype=float):
    return (np.arange(N)[:, None] + k == np.arange(N if M is None else M)).astype(dtype)


def identity(n, dtype=None):
    return np.eye(n, dtype=float if dtype is None else dtype)


def tril(m, k=0):
    m = np.asarray(m)
    return np.where(_side(m, k), m, np.zeros(1, m.dtype)[0])


def triu(m, k=0):
    m = np.asarray(m)
    return np.where(_side(m, k - 1), np.zeros(1, m.dtype)[0], m)


def _side(m, k):
    if np.ndim(m) == 0:
        raise TypeError("a number has no triangle")
    return np.tri(m.shape[-1] if m.ndim == 1 else m.shape[-2], m.shape[-1], k, bool)


def diag(v, k=0):
    v = np.asarray(v)
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = len(v)
    out = np.zeros((n + abs(k), n + abs(k)), v.dtype)
    part = out[:n, k:] if k >= 0 else out[-k:, :n]
    part[...] = np.where(np.eye(n, dtype=bool), v[:, None], part)
    return out


def diagflat(v, k=0):
    return np.diag(np.atleast_1d(v).copy().ravel(), k)


def trace(a, offset=0, axis1=0, axis2=1):
    return np.sum(np.diagonal(np.copy(a), offset, axis1, axis2), axis=-1)


def tril_indices(n, k=0, m=None):
    return np.nonzero(np.tri(n, m, k, bool))


def triu_indices(n, k=0, m=None):
    return np.nonzero(np.logical_not(np.tri(n, m, k - 1, bool)))


def tril_indices_from(arr, k=0):
    _need_matrix(arr)
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


def triu_indices_from(arr, k=0):
    _need_matrix(arr)
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


def _need_matrix(arr):
    if arr.ndim != 2:
        raise ValueError("input array must be 2-d")


def diag_indices(n, ndim=2):
    return (np.arange(n),) * ndim


def diag_indices_from(arr):
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    for size in arr.shape:
        if size != arr.shape[0]:
            raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(arr.shape[0], arr.ndim)
