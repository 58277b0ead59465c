"""A list whose items are assigned while a loop runs over it: each trip sees the item as it is then."""


def rev(x):
    xs = [x, 2.0, 3.0]
    s = 0.0
    for t in reversed(xs):
        xs[1] = 10.0 * x
        s = s * 0.5 + t
    return s


def fwd(x):
    xs = [x, 2.0, 3.0]
    s = 0.0
    for t in xs:
        xs[1] = 10.0 * x
        s = s * 0.5 + t
    return s


def enum(x):
    xs = [x, 2.0, 3.0]
    s = 0.0
    for i, t in enumerate(xs):
        xs[1] = 10.0 * x
        s = s * 0.5 + t
    return s


def zipped(x):
    xs = [x, 2.0, 3.0]
    s = 0.0
    for t, u in zip(xs, xs):
        xs[1] = 10.0 * x
        s = s * 0.5 + t * u
    return s


def enumrev(x):
    xs = [x, 2.0, 3.0]
    s = 0.0
    for i, t in enumerate(reversed(xs)):
        xs[1] = 10.0 * x
        s = s * 0.5 + t
    return s


CASES = [(f, (1.5,)) for f in (rev, fwd, enum, zipped, enumrev)]
