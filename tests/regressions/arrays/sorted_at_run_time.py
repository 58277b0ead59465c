"""Arrays whose size is known at run time only could not be sorted."""

import numpy as np


def chosen(x, n):
    return np.sort(x[:n]), np.argsort(x[n:]), np.median(x[x > 0.0])


CASES = [(chosen, ([0.5, -1.5, 2.0, 0.75], 2))]
