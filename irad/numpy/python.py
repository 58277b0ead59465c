"""Built-ins of Python over iterables, as plain Python in the accepted subset: specialize runs them like users' code."""
# mypy: ignore-errors


def sum_(iterable, start):
    total = start
    for x in iterable:
        total = total + x
    return total


def any_(iterable):
    for x in iterable:
        if x:
            return True
    return False


def all_(iterable):
    for x in iterable:
        if not x:
            return False
    return True


def min_(iterable):
    first = True
    for x in iterable:
        if first:
            best = x
            first = False
        elif x < best:
            best = x
    if first:
        raise ValueError("min() iterable argument is empty")
    return best


def max_(iterable):
    first = True
    for x in iterable:
        if first:
            best = x
            first = False
        elif x > best:
            best = x
    if first:
        raise ValueError("max() iterable argument is empty")
    return best


def list_(iterable):
    out = []
    for x in iterable:
        out.append(x)
    return out


def dict_(iterable):
    out = {}
    for k, v in iterable:
        out[k] = v
    return out
