"""CompileError, llvm hessian: of what a branch inside a loop hands on, a stack was to become an array, but stayed one on the
path that has none."""

import numpy as np


def sorted_sum(row):
    if row[0] < 0.0:
        return 0.0
    order = np.arange(4)
    for j in range(3):
        if row[order[j]] > row[order[j + 1]]:
            t = order[j]
            order[j] = order[j + 1]
            order[j + 1] = t
    s = 0.0
    for j in range(4):
        s = s + np.sin(row[order[j]]) * row[j]
    return s


def program(x):
    total = 0.0
    for i in range(3):
        total = total + sorted_sum(x[i]) ** 2
    return total


X = ["float64", [0.1, -0.1, 0.6, 0.2, -0.5, 0.4, 1.3, 0.9, 0.7, 1.3, -0.6, 0.3], [3, 4]]
CASES = [(program, (X,))]
