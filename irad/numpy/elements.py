"""Functions element by element."""
# mypy: ignore-errors

import math

import numpy as np


def round(a, decimals=0):
    a = np.asarray(a)
    if a.dtype.kind == "f":
        if decimals == 0:
            return np.rint(a)
        scale = 10.0 ** abs(decimals)
        return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale
    if a.dtype == bool:
        raise NotImplementedError("np.round of truth values is a float16", "write x.astype(float)")
    if decimals >= 0:
        return a + 0
    scale = 10 ** abs(decimals)
    below = a // scale * scale
    rest = a - below
    up = (rest * 2 > scale) | ((rest * 2 == scale) & (below // scale % 2 == 1))
    return np.where(up, below + scale, below)


def around(a, decimals=0):
    return np.round(a, decimals)


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    a, b = np.asarray(a), np.asarray(b) * 1.0
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return np.all(np.isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1, a2, equal_nan=False):
    a1, a2 = np.asarray(a1), np.asarray(a2)
    if a1.shape != a2.shape:
        return False
    return np.all((a1 == a2) | (np.isnan(a1) & np.isnan(a2))) if equal_nan else np.all(a1 == a2)


def logaddexp(x1, x2, /):
    high, distance = _apart(x1, x2)
    return high + np.log1p(np.exp(distance))


def logaddexp2(x1, x2, /):
    high, distance = _apart(x1, x2)
    return high + np.log1p(np.exp2(distance)) * (1.0 / math.log(2.0))


def _apart(x1, x2):
    """The greater of two numbers, and the other less it: -inf where it is infinite."""
    above = np.greater_equal(x1, x2)
    high, low = np.where(above, x1, x2) * 1.0, np.where(above, x2, x1) * 1.0
    finite = np.isfinite(high) | np.isnan(low)
    return high, np.where(finite, low - np.where(finite, high, 0.0), -np.inf)


def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return np.copy(x)
    largest = 3.4028234663852886e38 if x.dtype == np.float32 else 1.7976931348623157e308
    above, below = largest if posinf is None else posinf, -largest if neginf is None else neginf
    return np.where(np.isnan(x), nan, np.where(x == np.inf, above, np.where(x == -np.inf, below, x)))


def heaviside(x1, x2, /):
    x1 = np.asarray(x1) * 1.0
    return np.where(x1 > 0.0, 1.0, np.where(x1 < 0.0, 0.0, np.where(x1 == 0.0, x2, x1)))


def sinc(x):
    y = math.pi * np.asarray(x)
    near = np.abs(y) < 0.1
    away, close = np.where(near, 1.0, y), np.where(near, y, 0.0)
    z = close * close
    series = 1.0 - z / 6.0 * (1.0 - z / 20.0 * (1.0 - z / 42.0 * (1.0 - z / 72.0 * (1.0 - z / 110.0))))
    return np.where(near, series, np.sin(away) / away)


def reciprocal(x, /):
    if np.asarray(x).dtype.kind != "f":
        raise NotImplementedError("np.reciprocal of integers is an integer", "write 1 / x")
    return 1.0 / np.asarray(x)


def positive(x, /):
    if np.asarray(x).dtype == bool:
        raise TypeError("np.positive does not apply to truth values")
    return np.copy(x)


def deg2rad(x, /):
    return np.asarray(x) * (math.pi / 180.0)


def rad2deg(x, /):
    return x * (180.0 / math.pi)


def radians(x, /):
    return np.asarray(x) * (math.pi / 180.0)


def degrees(x, /):
    return x * (180.0 / math.pi)


def fmax(x1, x2, /):
    return np.where(np.isnan(x1), x2, np.where(np.isnan(x2), x1, np.maximum(x1, x2)))


def fmin(x1, x2, /):
    return np.where(np.isnan(x1), x2, np.where(np.isnan(x2), x1, np.minimum(x1, x2)))


def float_power(x1, x2, /):
    return np.power(np.asarray(x1, float), np.asarray(x2, float))


def fix(x):
    return np.trunc(x)


def signbit(x, /):
    return np.copysign(1.0, x) < 0.0


def isposinf(x):
    return np.asarray(x) == np.inf


def isneginf(x):
    return np.asarray(x) == -np.inf


def divmod(x1, x2, /):
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


def modf(x, /):
    x = np.asarray(x) * 1.0
    infinite = np.isinf(x)
    return np.where(infinite, np.copysign(0.0, x), np.fmod(np.where(infinite, 0.0, x), 1.0)), np.trunc(x)


def gcd(x1, x2, /):
    _need_integers(x1, x2)
    x, y = np.abs(x1), np.abs(x2)
    x, y = x + y * 0, y + x * 0
    while np.any(y != 0):
        x, y = np.where(y != 0, y, x), np.where(y != 0, x % np.where(y != 0, y, 1), 0)
    return x


def lcm(x1, x2, /):
    x1, x2 = np.asarray(x1), np.asarray(x2)
    divisor = np.gcd(x1, x2)
    return np.abs(x1 // np.where(divisor == 0, 1, divisor) * x2)


def _need_integers(x1, x2):
    if np.asarray(x1).dtype.kind not in "iu" or np.asarray(x2).dtype.kind not in "iu":
        raise TypeError("the numbers must be integers")


def invert(x, /):
    return np.logical_not(x) if np.asarray(x).dtype == bool else ~np.asarray(x)


def left_shift(x1, x2, /):
    return np.asarray(x1) << x2


def right_shift(x1, x2, /):
    return np.asarray(x1) >> x2


def array_equiv(a1, a2):
    a1, a2 = np.asarray(a1), np.asarray(a2)
    for m, n in zip(a1.shape[::-1], a2.shape[::-1]):  # noqa: B905 - the shorter shape is repeated
        if m != n and m != 1 and n != 1:
            return False
    return np.all(a1 == a2)
