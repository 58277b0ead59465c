"""Functions of Python's math."""
# mypy: ignore-errors

import math

import numpy as np

from irad.numpy import gammas
from irad.numpy.factors import stop_gradient


def gamma(x, /):
    return float(gammas.gamma(float(x)))


def fsum(seq, /):
    """The exact sum, rounded once: the parts of it that do not overlap are kept (Shewchuk, 1997)."""
    items = np.array(seq, float)
    total = np.sum(items)
    parts = [np.float64(0.0)]
    for x in stop_gradient(items):
        kept = 0
        for k in range(len(parts)):
            y = parts[k]
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low != 0.0:
                parts[kept] = low
                kept += 1
            x = high
        while len(parts) > kept:
            parts.pop()
        parts.append(x)
    if not math.isfinite(total):
        return float(total)
    return float(_rounded(parts) + (total - stop_gradient(total)))


def _rounded(parts):
    """Their sum, the nearest float: half way, the next part says which."""
    n = len(parts) - 1
    high, low = parts[n], 0.0
    while n > 0 and low == 0.0:
        n -= 1
        x = high
        high = x + parts[n]
        low = parts[n] - (high - x)
    if n > 0 and ((low < 0.0 and parts[n - 1] < 0.0) or (low > 0.0 and parts[n - 1] > 0.0)):
        twice = 2.0 * low
        x = high + twice
        if twice == x - high:
            high = x
    return high


def dist(p, q, /):
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    total = 0.0
    for k in range(len(p)):
        total = math.hypot(total, float(p[k]) - float(q[k]))
    return total


def sumprod(p, q, /):
    if len(p) != len(q):
        raise ValueError("Inputs are not the same length")
    return math.fsum([float(p[k]) * float(q[k]) for k in range(len(p))])


def isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0.0 or abs_tol < 0.0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    distance = abs(b - a)
    return distance <= abs(rel_tol * b) or distance <= abs(rel_tol * a) or distance <= abs_tol


def factorial(n, /):
    _need_integers(n)
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    if n > 20:
        raise OverflowError("the factorial of a number above 20 does not fit 64 bits")
    total = 1
    for k in range(2, n + 1):
        total *= k
    return total


def perm(n, k=None, /):
    if k is None:
        return math.factorial(n)
    _need_integers(n, k)
    if n < 0 or k < 0:
        raise ValueError("n and k must be non-negative integers")
    total = 1
    for j in range(min(k, n + 1)):
        total = _times(total, n - j)
    return total


def comb(n, k, /):
    _need_integers(n, k)
    if n < 0 or k < 0:
        raise ValueError("n and k must be non-negative integers")
    if k > n:
        return 0
    total = 1
    for j in range(min(k, n - k)):
        shared = math.gcd(total, j + 1)
        total = _times(total // shared, (n - j) // ((j + 1) // shared))
    return total


def _times(x, y):
    if y != 0 and x > 9223372036854775807 // y:
        raise OverflowError("the number does not fit 64 bits")
    return x * y


def _need_integers(*numbers):
    for n in numbers:
        if np.asarray(n).dtype.kind == "f":
            raise TypeError("'float' object cannot be interpreted as an integer")


def isqrt(n, /):
    _need_integers(n)
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = int(math.sqrt(n))
    while root * root > n or root > 3037000499:
        root -= 1
    while root < 3037000499 and (root + 1) * (root + 1) <= n:
        root += 1
    return root


def gcd(*integers):
    total = 0
    for n in integers:
        _need_integers(n)
        x, y = total, abs(n)
        while y != 0:
            x, y = y, x % y
        total = x
    return total


def lcm(*integers):
    total = 1
    for n in integers:
        _need_integers(n)
        if n == 0:
            return 0
        total = total // math.gcd(total, n) * abs(n)
    return total


def modf(x, /):
    if math.isinf(x):
        return math.copysign(0.0, x), float(x)
    return math.copysign(math.fmod(x, 1.0), x), float(np.trunc(x * 1.0))


def remainder(x, y, /):
    if math.isinf(y) and not math.isinf(x):
        return float(x)
    size = abs(y)
    rest = math.fmod(abs(x), size)
    other = size - rest
    if rest > other or (rest == other and math.fmod(0.5 * (abs(x) - rest), size) != 0.0):
        rest = -other
    return math.copysign(1.0, x) * rest
