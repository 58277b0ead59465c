"""What derivatives are compared with: differences with an error estimate, and dual numbers in CPython.

slope(math.sin, 1.0, +1)            # Slope(0.5403023, 1e-11): from the right
on_duals(f)                         # f, its helpers and its `irad` on nested duals: the oracle of any order
derivative(f, (2.0, 3.0), (0, 1))   # d2 f / dx dy at (2, 3)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from tests.generator import duals

BACKENDS = ("llvm", "interpreter")


# -- comparison -----------------------------------------------------------------------------------------------------------


def close(got: float, want: float, rtol: float = 1e-9, atol: float = 1e-12) -> bool:
    """Whether two numbers agree; NaN agrees with NaN only, an infinity with itself only."""
    if not (math.isfinite(got) and math.isfinite(want)):
        return got == want or (math.isnan(got) and math.isnan(want))
    return abs(got - want) <= atol + rtol * abs(want)


def agree(got: Any, want: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    """Structures and arrays must be of one form, and their numbers close."""
    if isinstance(want, np.ndarray) or isinstance(got, np.ndarray):
        assert isinstance(got, np.ndarray), (got, want)
        assert got.shape == np.shape(want), (got, want)
        for g, w in zip(got.ravel().tolist(), np.ravel(want).tolist(), strict=True):
            assert close(g, w, rtol, atol), (got, want)
    elif isinstance(want, dict):
        assert isinstance(got, dict), (got, want)
        assert list(got) == list(want), (got, want)
        agree(tuple(got.values()), tuple(want.values()), rtol, atol)
    elif isinstance(want, (tuple, list)):
        assert type(got) is type(want), (got, want)
        assert len(got) == len(want), (got, want)
        for g, w in zip(got, want, strict=True):
            agree(g, w, rtol, atol)
    elif hasattr(want, "__dataclass_fields__"):
        assert type(got) is type(want), (got, want)
        agree(vars(got), vars(want), rtol, atol)
    elif isinstance(want, float):
        assert isinstance(got, float), (got, want)
        assert close(got, want, rtol, atol), (got, want)
    else:
        assert type(got) is type(want), (got, want)
        assert got == want, (got, want)


# -- differences ----------------------------------------------------------------------------------------------------------


class Slope(NamedTuple):
    """A derivative by differences, and how far off it may be."""

    value: float
    error: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.value) and self.error <= 1e-5 * max(1.0, abs(self.value))


NOTHING = Slope(math.nan, math.inf)
STEPS = 7


def slope(f: Callable[[float], float], x: float, side: int, scales: Sequence[float] = ()) -> Slope:
    """The derivative of f at x: central differences (side 0), or one-sided ones (+1, -1), extrapolated to h = 0.

    Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982, from steps on the scale of x, of its distance from
    +-1, of 1, and of `scales`: the smallest that is exact enough, or else the most exact. `NOTHING` where f is not finite.
    """
    found = NOTHING
    for scale in sorted({1.0, abs(x), abs(1.0 - abs(x)), *map(abs, scales)} - {0.0}):
        new = _ridders(f, x, 0.00917 * scale, side) if math.isfinite(scale) else NOTHING
        if new.error <= 1e-8 * max(1.0, abs(new.value)):
            return new
        found = min(found, new, key=lambda s: s.error)
    return found


def _ridders(f: Callable[[float], float], x: float, h: float, side: int) -> Slope:
    here = f(x)
    if not math.isfinite(here):
        return NOTHING
    ratio = 4.0 if side == 0 else 2.0  # errors in even powers of h, or in all
    best, row = NOTHING, []
    for _ in range(STEPS):
        right, left = (x + h if side >= 0 else x), (x - h if side <= 0 else x)
        width = right - left
        if width == 0.0:
            break
        quotient = (f(right) - f(left)) / width
        if not math.isfinite(quotient):
            row, h = [], h / 2.0
            continue
        rounding = 4e-16 * (abs(here) + abs(f(right))) / width
        new, factor = [quotient], ratio
        for old in row:
            new.append(new[-1] + (new[-1] - old) / (factor - 1.0))
            factor *= ratio
        for k in range(1, len(new)):
            error = max(abs(new[k] - new[k - 1]), abs(new[k] - row[k - 1])) + rounding
            if error < best.error:
                best = Slope(new[k], error)
        row, h = new, h / 2.0
    return best


# -- dual numbers ---------------------------------------------------------------------------------------------------------


def on_duals(f: Callable[..., Any]) -> Callable[..., Any]:
    """f for dual arguments: what it calls in its module, `math`, `float`, `irad` and so on take duals too."""
    scopes: dict[int, dict[str, Any]] = {}

    def scope(names: dict[str, Any]) -> dict[str, Any]:
        if id(names) not in scopes:
            scopes[id(names)] = new = {}
            for k, v in names.items():
                new[k] = moved(v) if isinstance(v, FunctionType) and v.__globals__ is names else v
            new.update(duals.namespace())
        return scopes[id(names)]

    def moved(g: FunctionType) -> FunctionType:
        out = FunctionType(g.__code__, scope(g.__globals__), g.__name__, g.__defaults__, g.__closure__)
        out.__kwdefaults__ = g.__kwdefaults__
        return out

    return moved(f)  # type: ignore[arg-type]


def derivative(f: Callable[..., Any], args: Sequence[Any], index: Sequence[int]) -> float:
    """The partial derivative of f in the arguments `index`, one order each, by nested duals."""
    g = on_duals(f)
    for k in index:
        g = _partial(g, k)
    return float(duals.base(g(*args)))


def _partial(g: Callable[..., Any], k: int) -> Callable[..., Any]:
    def run(*xs: Any) -> Any:
        found = duals.directional(g, xs, [1.0 if i == k else None for i in range(len(xs))])[1]
        return 0.0 if found is None else found

    return run
