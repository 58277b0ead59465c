"""KeyError while dropping: the test of a branch became known, and only some of its results were read."""


def found(a):
    xs = any(any(b < 0.5 for i in range(1, 0, -2)) for b in (a, 0.5))  # nobody reads it


def program(y):
    found(0.5)
    return y * 0.5


CASES = [(program, (1.5,))]
