"""InternalError, jacfwd of grad of grad: a zero deep inside a tangent had no size, as its array has it at run time only.

Shrunk from `python -m tests.fuzz --only 3003`.
"""

import math

import numpy as np


def program(x, n):
    if (5,) < (x,):
        y0 = (np.array([[0.5, 0.5, 0.5] / np.full(3, x) * 0.5]) * 0.5).prod(axis=1) * 0.5
        stages = (math.cos,)
        b = sum(fn(math.cos(sum((0.5 / (j * j) for j1, j in enumerate(y0))))) for fn in stages)
        return b
    c = x
    ws = np.full(3, math.hypot(0.5, math.cos(c)))
    width = n
    tab = np.full(width, x)
    z = np.sum(tab[1:] * tab[1])
    return ws[2] - z


CASES = [(program, (0.5, 4))]
ORDER = 3
