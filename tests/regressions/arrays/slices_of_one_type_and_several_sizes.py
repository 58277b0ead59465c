"""A function that is called twice, or a trip done twice, makes slices of one type whose sizes differ: they shared a loop."""

import numpy as np


def spread(x, k):
    v = x[:k]
    return np.sum((v - np.mean(v)) ** 2 * np.sin(v))


def twice(x, a, b):
    return spread(x, a) + spread(x, b)


def shorter(x):
    total = 0.0
    for i in range(4, 0, -1):
        total += spread(x, i + 1)
    return total


X = [0.1, 0.3, 0.5, 0.8, 1.0]
CASES = [(twice, (X, 3, 5)), (twice, (X, 5, 2)), (shorter, (X,))]
