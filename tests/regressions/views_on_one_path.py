"""An array or a view of it, by the path that was taken, and a recursion that gives back its argument: refused, or crashed."""

import numpy as np


def by_expression(x, n):
    y = np.array([x, 0.5, x * x])
    z = y if n > 1 else y[::-1]
    w = y[1:] if n > 2 else (y * 2.0)[:-1]
    return z[0] + w[0] * w[1]


def by_recursion(x, n):
    def halved(t, k):
        if k <= 0:
            return t
        return halved(0.5 * t * x, k - 1)

    y = np.array([x, 0.5, x * x])
    return halved(y, n).sum() + halved(y[::-1], n - 1)[0]


CASES = [(by_expression, (0.7, 1)), (by_expression, (0.7, 3)), (by_recursion, (0.7, 2))]
