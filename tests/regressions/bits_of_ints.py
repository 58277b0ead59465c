"""`n & 1` was n and `n | 1` was 1: rules of truth values met the int 1, which equals True."""


def odd(x, n):
    s = x
    for i in range(n):
        if i & 1:
            s = s * x
    return s + (n | 1) * x + (n ^ 1) + (6 & 1) + (6 | 1)


def no_trip(x):
    return x * sum(0.5 for j in range(2 & 1)) + x


CASES = [(odd, (1.5, 4)), (odd, (1.5, 5)), (no_trip, (1.5,))]
