"""A loop that may be left early ran its body once over a range that is known to be empty, its end below its start."""


def in_all(x):
    return x * all(x > 9.0 for i in range(7, 0))


def left(x):
    for i in range(7, 0):
        if x > 0.0:
            return 5.0
    return x


def with_else(x):
    for i in range(7, 0, 1):
        x = x + 1.0
        if x > 0.0:
            break
    else:
        x = x + 100.0
    return x


def nested(x):
    z = 0.0
    for t, u in zip([x], (0.5,)):
        for m in range(7, 0, -2):
            s = 1
            for k in range(1, m, 2):
                s += t * u
            z += s
    return z


CASES = [(in_all, (1.5,)), (left, (1.5,)), (with_else, (1.5,)), (nested, (1.5,))]
