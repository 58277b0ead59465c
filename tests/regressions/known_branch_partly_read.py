"""Dropping, where the test of a branch became known and only some of its results were read: KeyError, or no value at all."""

import math


def found(a):
    xs = any(any(b < 0.5 for i in range(1, 0, -2)) for b in (a, 0.5))  # nobody reads it


def unread(y):
    found(0.5)
    return y * 0.5


def read(x):
    h = 0.9
    while h > 0.1:
        h *= 0.5
        if all(not 7 for j in range(1, 2)):
            return x * x
    b = math.sin(x)
    later = (0.5 for i in range(0, 1) if b)  # nobody reads it
    return x * 0.5


CASES = [(unread, (1.5,)), (read, (1.5,))]
