"""Complex arithmetic on real and imaginary parts, which are numbers or arrays: what specialize runs for complex values.

A complex z is the pair (x, y) of z = x + iy. Values follow NumPy's, on branch cuts by the sign of a zero too; derivatives are
those of the parts. (Kahan, "Branch cuts for complex elementary functions, or much ado about nothing's sign bit", 1987.)
"""

from __future__ import annotations

# mypy: ignore-errors
from typing import Any

import numpy as np

# The parts are numbers or arrays of one dtype. These functions are not Python's: no part is a complex number.
Part = Any
Pair = tuple[Any, Any]


def add(a: Part, b: Part, c: Part, d: Part) -> Pair:
    return a + c, b + d


def subtract(a: Part, b: Part, c: Part, d: Part) -> Pair:
    return a - c, b - d


def multiply(a: Part, b: Part, c: Part, d: Part) -> Pair:
    return a * c - b * d, a * d + b * c


def divide(a: Part, b: Part, c: Part, d: Part) -> Pair:
    """(a + ib) / (c + id) without overflow on the way: both are divided by the larger part (Smith, 1962)."""
    swap: Part = np.abs(d) > np.abs(c)
    large, small = np.where(swap, d, c) + 0.0, np.where(swap, c, d)  # a sum with 0.0 has no -0.0
    first, second = np.where(swap, b, a), np.where(swap, a, b)
    ratio = np.where(large == 0.0, 0.0, small / np.where(large == 0.0, 1.0, large))
    below = large + small * ratio
    side = np.where(swap, first * ratio - second, second - first * ratio)
    return (first + second * ratio) / below, side / below


def reciprocal(a: Part, b: Part) -> Pair:
    return divide(1.0, 0.0, a, b)


def absolute(x: Part, y: Part) -> Part:
    """|z|. Its derivative at 0 is 0, as that of the real one is."""
    zero = (x == 0.0) & (y == 0.0)
    return np.where(zero, 0.0, np.hypot(np.where(zero, 1.0, x), y))


def exp(x: Part, y: Part) -> Pair:
    size = np.exp(x)
    return size * np.cos(y), size * np.sin(y)


def log(x: Part, y: Part) -> Pair:
    return np.log(np.hypot(x, y)), np.arctan2(y, x)


def log2(x: Part, y: Part) -> Pair:
    return np.log2(np.hypot(x, y)), np.arctan2(y, x) * 1.4426950408889634


def log10(x: Part, y: Part) -> Pair:
    return np.log10(np.hypot(x, y)), np.arctan2(y, x) * 0.4342944819032518


def exp2(x: Part, y: Part) -> Pair:
    return exp(x * 0.6931471805599453, y * 0.6931471805599453)


def expm1(x: Part, y: Part) -> Pair:
    half = np.sin(y * 0.5)
    return np.expm1(x) * np.cos(y) - 2.0 * half * half, np.exp(x) * np.sin(y)


def log1p(x: Part, y: Part) -> Pair:
    return log(x + 1.0, y)


def sqrt(x: Part, y: Part) -> Pair:
    """The root in the right half plane; on the cut, the negative axis, on the side of y's sign."""
    sign = np.copysign(1.0, y)
    high = np.sqrt((np.abs(x) + np.hypot(x, y)) * 0.5)
    low = y / np.where(high == 0.0, 1.0, 2.0 * high)
    right = x >= 0.0
    return np.where(right, high, sign * low), np.where(right, low, sign * high)


def square(x: Part, y: Part) -> Pair:
    return multiply(x, y, x, y)


def sin(x: Part, y: Part) -> Pair:
    return np.sin(x) * np.cosh(y), np.cos(x) * np.sinh(y)


def cos(x: Part, y: Part) -> Pair:
    return np.cos(x) * np.cosh(y), -(np.sin(x) * np.sinh(y))


def tan(x: Part, y: Part) -> Pair:
    """tan z = -i tanh iz."""
    re, im = tanh(-y, x)
    return im, -re


def sinh(x: Part, y: Part) -> Pair:
    return np.sinh(x) * np.cos(y), np.cosh(x) * np.sin(y)


def cosh(x: Part, y: Part) -> Pair:
    return np.cosh(x) * np.cos(y), np.sinh(x) * np.sin(y)


def tanh(x: Part, y: Part) -> Pair:
    """(sinh 2x + i sin 2y) / (cosh 2x + cos 2y), above and below the line times 2 exp(-2|x|): nothing overflows."""
    sign = np.copysign(1.0, x)
    far = sign * x
    small, c = np.exp(-2.0 * far), np.cos(y)
    gap = np.expm1(-2.0 * far)
    below = gap * gap + 4.0 * small * c * c
    return -sign * np.expm1(-4.0 * far) / below, 4.0 * small * np.sin(y) * c / below


def arcsin(x: Part, y: Part) -> Pair:
    """Kahan's, from the roots of 1 - z and 1 + z."""
    a, b = sqrt(1.0 - x, -y)
    c, d = sqrt(1.0 + x, y)
    return np.arctan2(x, a * c - b * d), np.arcsinh(a * d - b * c)


def arccos(x: Part, y: Part) -> Pair:
    a, b = sqrt(1.0 - x, -y)
    c, d = sqrt(1.0 + x, y)
    return 2.0 * np.arctan2(a, c), np.arcsinh(c * b - d * a)


def arcsinh(x: Part, y: Part) -> Pair:
    """arcsinh z = i arcsin(-iz)."""
    re, im = arcsin(y, -x)
    return -im, re


def arccosh(x: Part, y: Part) -> Pair:
    a, b = sqrt(x - 1.0, y)
    c, d = sqrt(x + 1.0, y)
    return np.arcsinh(a * c + b * d), 2.0 * np.arctan2(b, c)


def arctanh(x: Part, y: Part) -> Pair:
    sign = np.copysign(1.0, x)
    far, side = sign * x, sign * y
    gap = 1.0 - far
    re = 0.25 * np.log1p(4.0 * far / (gap * gap + side * side))
    im = 0.5 * np.arctan2(2.0 * side, gap * (1.0 + far) - side * side)
    return sign * re, sign * im


def arctan(x: Part, y: Part) -> Pair:
    """arctan z = -i arctanh iz."""
    re, im = arctanh(-y, x)
    return im, -re


def power(a: Part, b: Part, c: Part, d: Part) -> Pair:
    """exp(w log z), and 0 ** w = 0 for w to the right of 0, 1 for w = 0, nan elsewhere."""
    zero, one = (a == 0.0) & (b == 0.0), (c == 0.0) & (d == 0.0)
    x, y = log(np.where(zero, 1.0, a), b)
    re, im = exp(*multiply(x, y, c, d))
    nothing = np.where(c > 0.0, 0.0, np.nan)
    return np.where(one, 1.0, np.where(zero, nothing, re)), np.where(one, 0.0, np.where(zero, nothing, im))


def product(x: Part, y: Part) -> Pair:
    """The product along the first axis."""
    im = np.sum(x[:0], axis=0)
    re = im + 1.0
    for k in range(len(x)):
        re, im = multiply(re, im, x[k], y[k])
    return re, im


def running_product(x: Part, y: Part) -> Pair:
    """All products along the first axis, from the first element on."""
    re, im = x.copy(), y.copy()
    for k in range(1, len(x)):
        re[k], im[k] = multiply(re[k - 1], im[k - 1], x[k], y[k])
    return re, im
