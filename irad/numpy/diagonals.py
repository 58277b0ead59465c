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
