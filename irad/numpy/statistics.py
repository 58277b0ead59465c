"""Reductions and running sums."""
# mypy: ignore-errors

import numpy as np


def var(a, axis=None, *, ddof=0, keepdims=False):
    a = np.asarray(a)
    mean = np.mean(a, axis=axis, keepdims=True)
    count = a.size / max(np.size(mean), 1)
    return np.sum((a - mean) ** 2, axis=axis, keepdims=keepdims) / (count - ddof)


def std(a, axis=None, *, ddof=0, keepdims=False):
    return np.sqrt(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))
