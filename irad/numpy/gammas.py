"""The gamma function and what is made of it.

A value of gamma is computed apart from its derivatives, and multiplied by exp(l - stop_gradient(l)), which is 1, where l is the
logarithm that it has: so its derivatives of every order are right.
"""
# mypy: ignore-errors

import math

import numpy as np

from irad.numpy.factors import stop_gradient
from irad.numpy.special import betaln, gammaln

SHIFT = 13  # from here on Stirling's series is exact
STIRLING = (1 / 12, 1 / 288, -139 / 51840, -571 / 2488320, 163879 / 209018880, 5246819 / 75246796800, -534703531 / 902961561600)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def gamma(x, /):
    x = np.asarray(x) * 1.0
    logarithm = gammaln(x)
    growing = np.isfinite(logarithm)
    unit = np.exp(np.where(growing, logarithm - stop_gradient(logarithm), 0.0))
    return stop_gradient(_gamma(x)) * unit


def _gamma(x):
    below = x < 0.5
    y = np.where(below, 1.0 - x, x)
    value = _of_positive(y)
    rest = x - np.rint(x)
    sine = np.sin(math.pi * rest)
    sine = np.where(np.rint(x) % 2.0 == 0.0, sine, -sine)
    reflected = math.pi / (np.where(sine == 0.0, 1.0, sine) * value)
    reflected = np.where(sine == 0.0, np.where(x == 0.0, np.copysign(np.inf, x), np.nan), reflected)
    return np.where(x == -np.inf, np.nan, np.where(below, reflected, value))


def _of_positive(x):
    """From 0.5 on: Stirling's formula (Abramowitz and Stegun, 6.1.37), at x + 13 where x is less; integers are exact."""
    low = x < SHIFT
    near = np.where(low, x, 1.0)
    product = near
    for k in tuple(range(1, SHIFT)):
        product = product * (near + k)
    z = np.where(low, x + SHIFT, np.minimum(x, 200.0))
    series = 0.0 * z
    for c in STIRLING[::-1]:
        series = (series + c) / z
    half = z ** (0.5 * z - 0.25)
    value = math.sqrt(2.0 * math.pi) * half * np.exp(-z) * half * (1.0 + series) / np.where(low, product, 1.0)
    value = np.where(x > 172.0, np.inf, value)
    return np.where((x == np.rint(x)) & low, np.rint(value), value)


def factorial(n, exact=False):
    if exact:
        raise NotImplementedError("special.factorial gives floats", "leave out `exact`, or use math.factorial")
    n = np.asarray(n, float)
    return np.where(n < 0, 0.0, gamma(np.where(n < 0, 0, n) + 1.0))


def beta(x1, x2, /):
    a, b = np.asarray(x1, float), np.asarray(x2, float)
    size = np.exp(betaln(a, b))
    value = np.where(_negative(a) ^ _negative(b) ^ _negative(a + b), -size, size)
    return np.asarray(value, np.result_type(np.asarray(x1) * 1.0, np.asarray(x2) * 1.0))


def _negative(x):
    """Whether the gamma function is."""
    return (x < 0.0) & (np.floor(x) % 2.0 != 0.0)


def multigammaln(a, d):
    if not (isinstance(d, int) and d >= 1):
        raise ValueError("d should be a positive integer (dimension)")
    a = np.asarray(a, float)
    if np.any(a <= 0.5 * (d - 1)):
        raise ValueError("condition a > 0.5 * (d-1) not met")
    total = d * (d - 1) * 0.25 * math.log(math.pi) + 0.0 * a
    for k in tuple(range(d)):
        total = total + gammaln(a - 0.5 * k)
    return total


def psi(x, /):
    x = np.asarray(x) * 1.0
    return np.where((x < 0.0) & (x == np.floor(x)), np.nan, _digamma(x))


def _digamma(x, /):
    """What the derivative of lgamma is: the handler is in irad/specialize/arrays/functions.py."""


def polygamma(n, x):
    """By recurrence up to 10, and an asymptotic series (Abramowitz and Stegun, 6.4.6, 6.4.11)."""
    if not isinstance(n, int):
        raise NotImplementedError("the order of special.polygamma is an integer", "write one order: special.polygamma(1, x)")
    x = np.asarray(x, float)
    if n == 0:
        return psi(x)
    if n < 0:
        raise ValueError("the order of special.polygamma is not negative")
    if np.any(x <= 0.0):
        raise ValueError("special.polygamma of numbers above 0 only")
    total = 0.0 * x
    top = math.factorial(n)
    shift = 10 + n
    for k in tuple(range(shift)):
        total = total + top / (x + k) ** (n + 1)
    z = x + shift
    square = 1.0 / (z * z)
    series = 0.0 * x
    for k in tuple(range(len(BERNOULLI), 0, -1)):
        series = (series + BERNOULLI[k - 1] * (math.factorial(2 * k + n - 1) / math.factorial(2 * k))) * square
    tail = (series + math.factorial(n - 1) + 0.5 * top / z) / z**n
    return (total + tail) * (1.0 if n % 2 == 1 else -1.0)
