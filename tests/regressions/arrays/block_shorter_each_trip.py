"""A block that is shorter in each trip: when the loop is unrolled, its symbol is another size in each of them."""

import numpy as np


def halved(x):
    y = 1.0 * x
    for i in range(3, 0, -1):
        y[:i] = 0.5 * y[:i] + 0.2 * y[i]
    return y


CASES = [(halved, (np.array([-1.717, -1.071, 0.376, -1.213]),))]
