"""Wrong second derivative, source hessian: of the values that a branch binds, one was bound to 0.0 before it was read.

Shrunk from `python -m tests.fuzz --only 902`.
"""

import math


def push(h1):
    return math.sin(h1)


def program(x):
    w = push(x)
    d = w if w + x else w + x
    return push(d)


CASES = [(program, (0.5,))]
