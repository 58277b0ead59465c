"""Modified Bessel functions: their power series up to 20, and beyond the asymptotic one (Abramowitz and Stegun, 9.6.10 and
9.7.1)."""
# mypy: ignore-errors

import math

import numpy as np

EDGE, TERMS, FAR = 20.0, 56, 24


def i0(x, /):
    x = np.asarray(x) * 1.0
    return np.exp(np.abs(x)) * _scaled(x, 0)


def i1(x, /):
    x = np.asarray(x) * 1.0
    return np.exp(np.abs(x)) * _scaled(x, 1)


def i0e(x, /):
    return _scaled(np.asarray(x) * 1.0, 0)


def i1e(x, /):
    return _scaled(np.asarray(x) * 1.0, 1)


def _scaled(x, n):
    """exp(-abs(x)) times the function of order n, which is 0 or 1."""
    size = np.abs(x)
    far = size > EDGE
    near = np.where(far, 0.0, x)
    quarter = 0.25 * near * near
    series = 0.0
    for k in tuple(range(TERMS, 0, -1)):
        series = quarter / (k * (k + n)) * (1.0 + series)
    close = np.exp(-np.abs(near)) * (1.0 + series) * (0.5 * near if n == 1 else 1.0)
    z = np.where(far, size, EDGE)
    series = 0.0
    for k in tuple(range(FAR, 0, -1)):
        series = ((2 * k - 1) ** 2 - 4 * n * n) / (8.0 * k) / z * (1.0 + series)
    away = (1.0 + series) / np.sqrt(2.0 * math.pi * z)
    return np.where(far, np.copysign(away, x) if n == 1 else away, close)
