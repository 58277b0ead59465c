"""Intervals: what the generator knows of the numbers in its programs. Conservative, and not tight."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Expr", "Interval", "const"]


@dataclass(frozen=True, slots=True)
class Interval:
    """lo <= value <= hi."""

    lo: float
    hi: float

    @property
    def size(self) -> float:
        """The greatest absolute value."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def middle(self) -> float:
        return (self.lo + self.hi) / 2

    @property
    def radius(self) -> float:
        return (self.hi - self.lo) / 2

    @property
    def centred(self) -> bool:
        """Whether zero is about in the middle."""
        return abs(self.middle) < 0.1 * self.radius

    def within(self, other: Interval) -> bool:
        return other.lo <= self.lo and self.hi <= other.hi

    def hull(self, other: Interval) -> Interval:
        return Interval(min(self.lo, other.lo), max(self.hi, other.hi))

    def avoids_zero(self, distance: float) -> bool:
        return self.lo >= distance or self.hi <= -distance

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.lo - other.hi, self.hi - other.lo)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __mul__(self, other: Interval) -> Interval:
        ends = [a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return Interval(min(ends), max(ends))

    def inverse(self) -> Interval:
        """1 / value, for an interval without zero."""
        assert self.avoids_zero(1e-9)
        return Interval(1 / self.hi, 1 / self.lo)

    def absolute(self) -> Interval:
        if self.lo >= 0:
            return self
        return -self if self.hi <= 0 else Interval(0, self.size)

    def power(self, n: int) -> Interval:
        ends = (self.lo**n, self.hi**n)
        low = 0.0 if n % 2 == 0 and self.lo < 0 < self.hi else min(ends)
        return Interval(low, max(ends))

    def monotone(self, name: str) -> Interval:
        """The image under an increasing function of math."""
        f = getattr(math, name)
        return Interval(f(self.lo), f(self.hi))

    def rounded(self) -> Interval:
        return Interval(math.floor(self.lo), math.ceil(self.hi))


@dataclass(frozen=True, slots=True)
class Expr:
    """The text of an expression, in parentheses where it needs them, and the values it may have."""

    text: str
    range: Interval

    def times(self, k: float, first: bool = False) -> Expr:
        """The product with a literal, which stands first or last."""
        return Expr(f"({k!r} * {self.text})" if first else f"({self.text} * {k!r})", self.range * Interval(k, k))

    def at_most(self, size: float) -> Expr:
        """A multiple of this of half the size, where this is larger."""
        return self.times(float(f"{size / 2 / self.range.size:.2g}")) if self.range.size > size else self

    def factor_into(self, bound: Interval) -> float:
        """What brings this into a bound around zero, by multiplication."""
        return float(f"{min(-bound.lo, bound.hi) / self.range.size * 0.98:.2g}")

    def spread(self, bound: Interval) -> Expr:
        """This, which lies in [-1, 1], moved into the bound."""
        if Interval(-1, 1).within(bound):
            return self
        r, m = float(f"{bound.radius * 0.9:.2g}"), float(f"{bound.middle:.3g}")
        out = self.times(r, first=True)
        return out if not m else Expr(f"({m!r} + {out.text})", out.range + Interval(m, m))


def const(v: float) -> Expr:
    """A literal."""
    return Expr(f"({v!r})" if v < 0 else repr(v), Interval(v, v))
