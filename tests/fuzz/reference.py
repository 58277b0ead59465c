"""What a program's value and derivatives are: by CPython, by dual numbers, by differences; and what rounding does to them.

    reference = Reference(generate(17))
    reference.value; reference.derivative(((0, 0),))      # in the first number of argument 0
    reference.derivative(((0, 0),), [(1.0, 2.0)])         # of the derivative along (1, 2), in the same

An index is a tuple of coordinates: (argument, element). Vectors have a component for each coordinate of the program.

Criteria: a value agrees bit for bit where the program uses only + - * / sqrt and comparisons, else to 1e-12; a derivative
to 1e-9, all relative. Where rounding is amplified, ten times what rounding does to the reference is allowed: the greatest
change seen when each operation is rounded at random, or done in 50 digits. NaN agrees with NaN only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tests.generator import duals
from tests.generator.program import Coordinate, Program, on_duals, on_precise, run_plain

__all__ = [
    "DERIVATIVE",
    "VALUE",
    "Index",
    "Reference",
    "Vectors",
    "close",
    "directions",
    "numbers",
    "same",
    "shapes",
    "tangents",
]

VALUE, DERIVATIVE = 1e-12, 1e-9
ALLOWED = 10  # times what rounding does to the reference
HAIR = 2.0**-52
RANDOM_RUNS = 4
STEP = 1e-14  # of differences: times the steepest slope, 1e7, less than the distance that decisions keep, 1e-6
INEXACT = frozenset(duals.FUNCTIONS) - {"sqrt"} | {"**", "hypot", "degrees", "radians", "derivative inside", "array reduction"}
Vectors = Sequence[Sequence[float]]
Index = tuple[Coordinate, ...]


def same(got: float, want: float) -> bool:
    """Bit for bit, but that any NaN is like any other, and that an int may be the equal float."""
    if not alike(got, want):
        return False
    if isinstance(want, float):
        if math.isnan(want) or math.isnan(got):
            return math.isnan(want) and math.isnan(got)
        return got == want and math.copysign(1.0, got) == math.copysign(1.0, want)
    return got == want


def alike(got: Any, want: float) -> bool:
    """Whether irad's number has the type that it should: a float, or an int where Python has one."""
    return type(got) is float or type(got) is type(want) is int


def close(got: float, want: float, relative: float) -> bool:
    """Within the relative tolerance."""
    if not (math.isfinite(got) and math.isfinite(want)):
        return same(float(got), float(want))
    return abs(got - want) <= relative * abs(want)


def shapes(v: Any) -> list[tuple[int, ...]]:
    """The shapes of the numbers and arrays in tuples."""
    return [s for c in v for s in shapes(c)] if isinstance(v, tuple) else [np.shape(v)]


def numbers(v: Any) -> list[Any]:
    """The numbers of a derivative, in the order of the coordinates."""
    if isinstance(v, (tuple, list)):
        return [x for c in v for x in numbers(c)]
    return np.ravel(v).tolist() if isinstance(v, np.ndarray) else [v]


def directions(seed: int, count: int, size: int) -> list[list[float]]:
    """Vectors that derivatives are taken along: fixed by the seed, no component zero."""
    return [
        [round(math.cos(seed % 97 + 1.7 * k + 0.9 * i) + (1.5 if i % 2 else -1.5), 3) for i in range(size)]
        for k in range(count)
    ]


def tangents(program: Program, vector: Sequence[float]) -> tuple[Any, ...]:
    """A tangent for each argument: floats and arrays have the vector's components, the others None."""
    feed = iter(vector)
    parts: list[Any] = []
    for a in program.args:
        if isinstance(a, np.ndarray):
            parts.append(np.array([next(feed) for _ in range(a.size)]).reshape(a.shape))
        else:
            parts.append(next(feed) if isinstance(a, float) else None)
    return tuple(parts)


class Reference:
    """The value of a program and its derivatives, each computed once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.known: dict[Any, float] = {}

    @cached_property
    def value(self) -> Any:
        return run_plain(self.program.source)(*self.program.args)

    @cached_property
    def exact(self) -> bool:
        """Whether the value must agree bit for bit."""
        return not self.program.tags & INEXACT

    def derivative(self, index: Index = (), vectors: Vectors = ()) -> float:
        """The derivative along `vectors`, then in the coordinates `index`, by duals in CPython; without either, the value."""
        key = (index, tuple(map(tuple, vectors)))
        if key not in self.known:
            self.known[key] = self._derivative(on_duals(self.program.source), index, vectors)
        return self.known[key]

    def _derivative(self, f: Callable[..., Any], index: Index, vectors: Vectors) -> float:
        """Nested directional derivatives: along the vectors, and along unit vectors for the index."""
        coordinates = self.program.coordinates
        along = [*vectors, *([1.0 if c == unit else 0.0 for c in coordinates] for unit in index)]
        for v in along:
            f = _directional(f, tangents(self.program, v))
        v = f(*self.program.args)
        return 0.0 if v is None else float(duals.base(v))

    def rounding(self, index: Index, vectors: Vectors = ()) -> float:
        """What rounding changes the derivative by."""
        key = ("rounding", index, tuple(map(tuple, vectors)))
        if key not in self.known:
            want = self.derivative(index, vectors)
            with duals.precise():
                runs = [self._derivative(on_precise(self.program.source), index, vectors)]
            for i in range(RANDOM_RUNS):
                with duals.rounding_at_random(i):
                    runs.append(self._derivative(on_duals(self.program.source), index, vectors))
            self.known[key] = max(abs(r - want) for r in runs)
        return self.known[key]

    def agrees(self, got: Any, want: float, relative: float, index: Index, vectors: Vectors = (), largest: float = 0.0) -> str:
        """ "close", "loose" where only the rounding of this derivative explains the difference, or "" where nothing does.
        Rounding may leave a hair of the `largest` number beside it: what cancels in forward mode, reverse mode adds up by
        fused multiply-adds."""
        if not alike(got, want):
            return ""
        if abs(got - want) <= HAIR * largest:
            return "close"
        if close(float(got), float(want), relative):
            return "close"
        allowed = ALLOWED * self.rounding(index, vectors)
        return "loose" if math.isfinite(allowed) and abs(got - want) <= allowed else ""

    def difference(self, coordinate: Coordinate) -> float:
        """The derivative in one coordinate by central differences of the value, with steps h and h/2 extrapolated to 0
        (Richardson, 1911), in 50 digits: no rule of differentiation stands behind it, but for derivatives inside."""
        argument, element = coordinate
        with duals.precise():
            f = on_precise(self.program.source)

            def at(step: Any) -> Any:
                args = duals.entered(self.program.args)
                if isinstance(args[argument], np.ndarray):
                    args[argument].flat[element] += step
                else:
                    args[argument] += step
                return f(*args)

            def slope(h: Any) -> Any:
                return (at(h) - at(-h)) / (2 * h)

            h = duals.number(STEP)
            return float((4 * slope(h / 2) - slope(h)) / 3)


def _directional(f: Callable[..., Any], tangents: Sequence[Any]) -> Callable[..., Any]:
    return lambda *xs: duals.directional(f, xs, tangents)[1]
