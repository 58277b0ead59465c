"""KeyError while dropping: a loop with an effect or a checked read, whose state nobody reads."""

import math


def read(x, n):
    b = 0.5
    for i, t in zip(range(n), (0.5,)):
        b = 0.5 * b + 0.5
    return x


def called(x, n):
    q = 0.5
    for i in range(5):

        def shift(t):
            if q:
                pass
            return math.trunc(x)

        q = shift(0.5)
    return x


def raised(x, n):
    for t, u in zip([x], (0.5,)):
        for m in range(7, 0, -2):
            s = 1
            for k in range(1, m, 2):
                if not x:
                    raise ValueError("bad value")
                s += math.sin(t)
    return x


def asserted(x, n):
    b = x
    for i in range(n):
        assert x > 0.0
        b = 0.5 * b
    return x


def asserted_state(x, n):
    b = x
    for i in range(3):
        assert b < 9.0
        b = 0.5 * b
    return x


CASES = [(f, (1.5, 1)) for f in (read, called, raised, asserted, asserted_state)]
