"""`enumerate` that counts from a truth value, which is an integer there."""


def numbered(x):
    s = 0.0
    for i, t in enumerate([x, 2.0, x * x], True):
        s = s * 0.5 + t * i
    return s


CASES = [(numbered, (1.5,))]
