"""Cotangents of closures chosen at run time that hold arrays: what was nothing was read as an array, and killed the process."""

import numpy as np


def by_one(x):
    y = np.array([x, 0.5])
    f = lambda t: 0.5 * t  # noqa: E731
    for _ in range(3):
        f = (lambda g1: lambda t: 0.5 * g1(t) * y[1])(f)
    return f(x)


def by_two(x, n):
    y = np.array([x, 0.5, x * x])
    f = lambda t: 0.5 * t * y[0]  # noqa: E731
    for _ in range(n):
        f = (lambda g1: lambda t: 0.5 * g1(t) * y[1] + y.sum())(f)
    return f(x) * f(0.3)


CASES = [(by_one, (0.81,)), (by_two, (0.81, 3))]
