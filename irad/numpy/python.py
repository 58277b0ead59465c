"""Built-ins of Python over iterables, as plain Python in the accepted subset: specialize runs them like users' code."""
# mypy: ignore-errors

import math

import numpy as np


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


def round_(x, digits):
    """round(x, digits) for 0 to 22 digits: the decimal that is nearest to x, of two as near the even one.

    x times the power of ten, which is exact, is a float and an error, by Dekker (1971); from 2**53 on x is the decimal.
    """
    scale = 10.0**digits
    if not abs(x) * scale < 9007199254740992.0:
        return x
    y = x * scale
    near = round(y)
    if abs(y - near) == 0.5:
        error = _product_error(x, scale, y)
        if error != 0.0:
            near = math.floor(y) + (1 if error > 0.0 else 0)
    return math.copysign(near / scale, x)


def _product_error(x, y, product):
    """x * y - product, exactly."""
    xh = x * 134217729.0 - (x * 134217729.0 - x)
    yh = y * 134217729.0 - (y * 134217729.0 - y)
    xl, yl = x - xh, y - yh
    return xl * yl - (((product - xh * yh) - xl * yh) - xh * yl)


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


def sorted_(iterable, reverse):
    items = np.array(list_(iterable))
    if items.ndim > 1:
        raise NotImplementedError("sorted() of numbers only", "sort one column, and take the others by np.argsort of it")
    return list_(items[np.argsort(-items if reverse else items)])


def sort(a, axis=-1, kind=None, *, stable=None):
    """x.sort(): in place."""
    a[...] = np.sort(a, axis)


def partition(a, kth, axis=-1):
    """x.partition(): in place."""
    a[...] = np.partition(a, kth, axis)
