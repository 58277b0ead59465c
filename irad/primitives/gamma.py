"""The logarithm of the gamma function. Its derivative, the digamma function, is built of the other operations, so that it has
derivatives of every order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irad.primitives.scalar import FUNCTION_COST, recip
from irad.primitives.table import primitive

__all__ = ["digamma", "lgamma", "log_gamma"]

# B(2k) / 2k, of the Bernoulli numbers, from k = 1 on.
TERMS = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
SHIFT = 10


def log_gamma(x: Any) -> Any:
    """log(|gamma(x)|), and inf at the poles, where math.lgamma raises."""

    def at(v: Any) -> Any:
        try:
            return math.lgamma(v)
        except (ValueError, OverflowError):
            return math.inf

    return np.vectorize(at, otypes=[np.result_type(x)])(x)[()]


def digamma(b: Any, x: Any) -> Any:
    """By its asymptotic series at y + 10, and recurrence down to y = x or, below 0, reflection to y = 1 - x (Abramowitz and
    Stegun, 6.3.18, 6.3.5, 6.3.7)."""
    negative = b.lt(x, b.like(0.0, x))
    y = b.select(negative, b.sub(b.like(1.0, x), x), x)
    z = b.add(y, b.like(float(SHIFT), x))
    inverse = recip(b, z)
    square = b.mul(inverse, inverse)
    series = b.like(TERMS[-1], x)
    for term in TERMS[-2::-1]:
        series = b.add(b.mul(series, square), b.like(term, x))
    total = b.sub(b.sub(b.log(z), b.mul(inverse, b.like(0.5, x))), b.mul(series, square))
    for k in range(SHIFT):
        total = b.sub(total, recip(b, b.add(y, b.like(float(k), x)) if k else y))
    beyond = b.select(negative, b.sub(x, b.rint(x)), b.like(0.25, x))
    cotangent = recip(b, b.tan(b.mul(beyond, b.like(math.pi, x))))
    return b.select(negative, b.sub(total, b.mul(cotangent, b.like(math.pi, x))), total)


lgamma = primitive(
    "lgamma",
    "[T: float] (T) -> T",
    doc="The logarithm of |gamma(x)|, inf at the poles 0, -1, -2, ...",
    ref=log_gamma,
    partials=lambda b, out, x: (lambda: digamma(b, x),),
    llvm=lambda e, x: e.libm("lgamma", x),
    cuda=lambda e, x: e.call("lgamma", x),
    cost=3 * FUNCTION_COST,
    source=lambda s, x: s.helper("log_gamma", x),
)
