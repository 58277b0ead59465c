"""A loop in a loop had no second derivative: arrays on the stacks of its derivatives went into registers in one place only."""

import numpy as np


def loop_in_loop(x):
    for _ in range(2):
        k = 0
        while k < 2 and x[0] < 2.0:
            x = 0.6 * x[::-1]
            x[x > -0.55] += np.prod(x)
            k += 1
    return x


CASES = [(loop_in_loop, ([1.445, -0.202, 0.404],))]
