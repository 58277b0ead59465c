"""TypeError, interpreter grad of grad: a choice read the side that it does not take, which was not computed.

Shrunk from `python -m tests.fuzz --only 2516`.
"""

import math


def program(x):
    v = x
    acc = 0.5
    for k in range(2):
        if k:
            return math.cos(abs(v)) + acc
        acc += math.asin(sum(math.tanh(x) for i in [0.5]))
    return 0.5


CASES = [(program, (0.5,))]
