"""KeyError in simplify: a recursive function that makes an array without reading its arguments."""

import numpy as np


def program(x, n):
    def f(m):
        y = np.zeros(3)
        if m == 0:
            return x
        y[0] = x * x
        return f(m - 1) * x + y.sum() + np.arange(3).sum()

    return f(n)


CASES = [(program, (0.5, 2))]
