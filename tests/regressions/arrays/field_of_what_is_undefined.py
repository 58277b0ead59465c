"""Tangents of what a branch that was not taken stores are undefined; a part of them, handed on, failed in the interpreter."""

import numpy as np


def chosen(x):
    y = np.zeros((3,))
    y[2:0:-1] = x[-2:]
    if np.any(x > 0.5):
        y = np.where(0.5 * y > 0.1, 0.25 * y, 0.25 * y * y)
    else:
        if np.any(x > 0.5):
            y[:-1] *= 1.12
        else:
            y[1:] += 0.67 * y[:-1]
            w = np.swapaxes(y, 0, -1)
            w[~(w > 0.27)] *= y[[1, 1]] * x[[2, 2]]
            w[2] *= 0.5 + np.expm1(0.1 * np.vdot(x, y))
    return x, y


CASES = [(chosen, ([0.951, 1.424, -0.099],))]
