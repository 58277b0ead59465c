"""Inverses of the error function and of the normal distribution, and the scaled complement."""
# mypy: ignore-errors

import math

import numpy as np

from irad.numpy.special import erf, erfc

# Wichura's approximation of the normal quantile (1988, algorithm AS 241): near the middle, in the tails, far out in them.
MIDDLE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457),
    (13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867),
    (5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)
TAIL = (
    (7.74545014278341407640e-4, 0.0227238449892691845833, 0.241780725177450611770, 1.27045825245236838258),
    (3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 0.0151986665636164571966, 0.148103976427480074590),
    (0.689767334985100004550, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)
FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 0.0265321895265761230930),
    (0.296560571828504891230, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4),
    (0.0148753612908506148525, 0.136929880922735805310, 0.599832206555887937690, 1.0),
)


def erfinv(x, /):
    y = np.asarray(x) * 1.0
    size = np.abs(y)
    inside, tail = size < 1.0, size > 0.5
    near = np.where(inside & np.logical_not(tail), size, 0.0)
    found = np.where(tail, _tail(np.where(inside & tail, 1.0 - size, 0.5)), _middle(near))
    return np.where(inside, np.copysign(1.0, y) * found, np.where(size == 1.0, np.copysign(np.inf, y), np.nan))


def erfcinv(x, /):
    y = np.asarray(x) * 1.0
    upper = y > 1.0
    part = np.where(upper, 2.0 - y, y)
    inside, tail = (y > 0.0) & (y < 2.0), part < 0.5
    near = np.where(inside & np.logical_not(tail), 1.0 - part, 0.0)
    found = np.where(tail, _tail(np.where(inside & tail, part, 0.5)), _middle(near))
    signed = np.where(inside, np.where(upper, -found, found), np.nan)
    return np.where(y == 0.0, np.inf, np.where(y == 2.0, -np.inf, signed))


def ndtri(x, /):
    return -math.sqrt(2.0) * erfcinv(2.0 * np.asarray(x))


def _middle(y):
    """The inverse of erf from 0 to a half: its derivatives are made exact by a step of Newton's."""
    q = 0.5 * y
    z = q * _ratio(MIDDLE, 0.180625 - q * q) * math.sqrt(0.5)
    return z - (erf(z) - y) * (0.5 * math.sqrt(math.pi)) * np.exp(z * z)


def _tail(y):
    """The inverse of erfc from 0 to a half."""
    r = np.sqrt(-np.log(0.5 * y))
    far = r > 5.0
    z = np.where(far, _ratio(FAR, np.where(far, r, 5.0) - 5.0), _ratio(TAIL, np.where(far, 1.6, r) - 1.6)) * math.sqrt(0.5)
    square = z * z
    return z + (erfc(z) - y) * (0.5 * math.sqrt(math.pi)) * np.where(square < 700.0, np.exp(np.minimum(square, 700.0)), 0.0)


def _ratio(coefficients, x):
    above, below = 0.0 * x, 0.0 * x
    for half in (0, 1):
        for k in (0, 1, 2, 3):
            above = above * x + coefficients[half][k]
            below = below * x + coefficients[half + 2][k]
    return above / below


def erfcx(x, /):
    """exp(x * x) * erfc(x); from 7 on by its asymptotic series (Abramowitz and Stegun, 7.1.23)."""
    x = np.asarray(x) * 1.0
    far = x > 7.0
    near = np.where(far, 0.0, x)
    z = np.where(far, x, 7.0)
    square = 0.5 / (z * z)
    series = 0.0
    for k in tuple(range(39, 0, -2)):
        series = -k * square * (1.0 + series)
    return np.where(far, (1.0 + series) / (z * math.sqrt(math.pi)), np.exp(near * near) * erfc(near))
