"""`x -= y` of an array in single precision and one in double precision was refused; NumPy rounds the result."""

import numpy as np


def stepped(x, y):
    z = x.copy()
    z -= y.mean()
    z[1:] += y[:-1] * 0.5
    return z


def counted(x, k):
    j = k.copy()
    j += np.arange(3)
    return x * j, j


SINGLE = ["float32", [0.1, 0.7, -1.3], [3]]
CASES = [(stepped, (SINGLE, [0.3, 0.2, -0.7])), (counted, ([0.1, 0.2, 0.3], ["int32", [1, 2, 3], [3]]))]
