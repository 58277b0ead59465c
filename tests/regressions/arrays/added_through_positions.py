"""`+=` through an array of positions was refused where rows were meant, and a write to what np.kron gives."""

import numpy as np


def rows(x, y):
    z = x.copy()
    z[[0, 2, 0]] += y
    z[np.array([1]), 1, np.newaxis] -= 0.5 * y[0]
    return z


def product(x, y):
    z = np.kron(x, y)
    z[1:] *= x[0, 0]
    return z


def added_to_a_sum(x):
    y = 0.5 * x.copy() + x.mean()
    w = y.reshape(-1)
    w[::2] -= 0.25
    return y, w


X = [[1.0, 2.0], [0.5, -1.0], [0.25, 3.0]]
CASES = [(rows, (X, [0.5, 2.0])), (product, (X, [0.5, 2.0])), (added_to_a_sum, (X,))]
