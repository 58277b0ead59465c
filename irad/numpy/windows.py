"""Windows of a number of points, and the function that one is made of."""
# mypy: ignore-errors

import math

import numpy as np

from irad.numpy import bessel


def bartlett(M):
    n = _centred(M)
    return 1.0 - np.abs(n) / max(M - 1, 1) if M != 1 else np.ones(1)


def blackman(M):
    n = _centred(M) * (math.pi / max(M - 1, 1))
    return 0.42 + 0.5 * np.cos(n) + 0.08 * np.cos(2.0 * n) if M != 1 else np.ones(1)


def hanning(M):
    return 0.5 + 0.5 * np.cos(_centred(M) * (math.pi / max(M - 1, 1))) if M != 1 else np.ones(1)


def hamming(M):
    return 0.54 + 0.46 * np.cos(_centred(M) * (math.pi / max(M - 1, 1))) if M != 1 else np.ones(1)


def kaiser(M, beta):
    if M == 1:
        return np.ones(1)
    beta = np.float64(beta)
    n = _centred(M) / max(M - 1, 1)
    inside = 1.0 - n * n
    return i0(beta * np.sqrt(np.where(inside > 0.0, inside, 0.0))) / i0(beta)


def i0(x):
    return bessel.i0(x)


def _centred(m):
    """Twice the distance of each point from the middle, with its sign."""
    return np.arange(1.0 - m, m, 2.0)
