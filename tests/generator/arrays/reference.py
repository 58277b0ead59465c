"""What an array program gives by NumPy, and its derivative along a direction by differences.

`loss` makes a number of all floats that a program returns, which is what is differentiated. Differences are taken of the
program in `np.longdouble` (19 digits), with every float of the text in that precision: central ones, extrapolated (Richardson,
1911).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.generator.program import ENTRY, Program

__all__ = ["LOSS", "Outcome", "close", "direction", "is_single", "leaves", "loss_source", "outcome", "slopes", "unsuitable"]

LOSS = "loss"
WIDE = np.longdouble
STEPS = (1e-4, 2e-6)  # of differences
SIDE = 1e-8  # of the differences to one side
Paths = tuple[tuple[str, Any], ...]


@dataclasses.dataclass(slots=True)
class Outcome:
    """What a call gave: a value, or the name of an exception; and the arguments after it."""

    value: Any
    raised: str
    args: list[Any]


# -- the program by NumPy ---------------------------------------------------------------------------------------------------


def outcome(program: Program, args: list[Any] | None = None) -> Outcome:
    """The program's own."""
    args = given(program) if args is None else args
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Outcome(_loaded(program.source)[ENTRY](*args), "", args)
        except Exception as e:
            return Outcome(None, type(e).__name__, args)


def given(program: Program) -> list[Any]:
    """Fresh arguments."""
    return [a.copy() if isinstance(a, np.ndarray) else a for a in program.args]


@functools.lru_cache(32)
def _loaded(source: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, "<array program>", "exec"), scope)
    return scope


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(how it is read, leaf) of the arrays and numbers of a structure."""
    if isinstance(value, (tuple, list)):
        for i, v in enumerate(value):
            yield from leaves(v, f"{path}[{i}]")
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from leaves(v, f"{path}[{k!r}]")
    elif dataclasses.is_dataclass(value):
        for f in dataclasses.fields(value):
            yield from leaves(getattr(value, f.name), f"{path}.{f.name}")
    else:
        yield path, value


def loss_source(program: Program, value: Any) -> str:
    """The program with the function `loss`: a weighted sum of the floats in what it returns, which is `value` here."""
    names = [f"a{i}" for i in range(len(program.args))]
    terms = []
    for path, leaf in leaves(value):
        shape = np.shape(leaf)
        if leaf is None or np.asarray(leaf).dtype.kind != "f":
            continue
        if not shape:
            terms.append(f"{math.cos(len(terms)):.3f} * out{path}")
        else:
            weights = f"np.cos(np.arange({math.prod(shape)}) + {len(terms)}.5)"
            terms.append(f"np.sum({weights}.reshape({shape}) * out{path})")
    lines = [
        f"def {LOSS}({', '.join(names)}):",
        f"    out = {ENTRY}({', '.join(names)})",
        f"    return {' + '.join(terms) or 'np.sum(out[0])'}",
    ]
    return program.source + "\n\n" + "\n".join(lines) + "\n"


def is_single(program: Program) -> bool:
    """Whether there is anything in single precision."""
    return "float32" in program.source or any(getattr(a, "dtype", None) == np.float32 for a in program.args)


def close(got: Any, want: Any, relative: float, absolute: float) -> bool:
    """Whether two arrays agree within what is allowed of the largest element; NaN agrees with NaN only."""
    got, want = np.asarray(got), np.asarray(want)
    if got.size == 0:
        return True
    if got.dtype.kind != "f":
        return bool(np.array_equal(got, want))
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True) or not np.all(np.isfinite(got[finite])):
        return False
    return bool(np.all(np.abs(got[finite] - want[finite]) <= absolute + relative * np.max(np.abs(want[finite]), initial=0.0)))


# -- differences ------------------------------------------------------------------------------------------------------------


class _WideNumPy:
    """NumPy where every float is a long double."""

    float64 = float32 = WIDE
    ndarray, newaxis, int64, int32, pi = np.ndarray, None, np.int64, np.int32, np.pi

    def __getattr__(self, name: str) -> Any:
        f = getattr(np, name)
        return functools.partial(_widened, f) if callable(f) and not isinstance(f, (type, np.ufunc)) else f


def _widened(f: Any, *args: Any, **named: Any) -> Any:
    """A call of NumPy's, with a result of doubles made wide."""
    out = f(*args, **named)
    if isinstance(out, (np.ndarray, np.floating)) and out.dtype == np.float64:
        return out.astype(WIDE)
    return out


@functools.lru_cache(32)
def _wide(source: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": __name__, "np": _WideNumPy(), "float": WIDE, "dataclasses": dataclasses}
    text = "\n".join(line for line in source.splitlines() if not line.startswith("import "))
    exec(compile(text, "<array program, wide>", "exec"), scope)
    return scope


def direction(program: Program) -> list[Any]:
    """What derivatives are taken along: for each argument of floats an array, else None."""
    rng = np.random.default_rng(program.seed)
    return [
        np.asarray(rng.uniform(0.3, 1.0, np.shape(a)) * rng.choice([-1.0, 1.0], np.shape(a)))
        if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        else None
        for a in program.args
    ]


class Line:
    """The loss along a line through the arguments."""

    def __init__(self, program: Program, source: str) -> None:
        self.run = _wide(source)[LOSS]
        self.args, self.along = program.args, direction(program)

    def __call__(self, t: float) -> Any:
        step = WIDE(t)
        args = [
            a.astype(WIDE) + step * d if d is not None else a.copy() if isinstance(a, np.ndarray) else a
            for a, d in zip(self.args, self.along, strict=True)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return WIDE(self.run(*args))

    def slope(self, h: float) -> Any:
        """The first derivative."""

        def at(h: float) -> Any:
            return (self(h) - self(-h)) / (2 * WIDE(h))

        return (4 * at(h / 2) - at(h)) / 3

    def curvature(self, h: float) -> Any:
        """The second derivative."""
        middle = self(0.0)

        def at(h: float) -> Any:
            return (self(h) - 2 * middle + self(-h)) / WIDE(h) ** 2

        return (4 * at(h / 2) - at(h)) / 3


def slopes(program: Program, source: str) -> tuple[float, float]:
    """(first, second) derivative along the direction."""
    line = Line(program, source)
    return float(line.slope(STEPS[1])), float(line.curvature(STEPS[0]))


def unsuitable(program: Program) -> str:
    """Why a program cannot be compared, or "": it decides too closely, or has no derivative at its arguments."""
    from tests.generator.arrays.draw import RAISES, WRITES

    plain = outcome(program)
    if plain.raised:
        return "" if RAISES in program.tags and plain.raised == "IndexError" else plain.raised
    if RAISES in program.tags:
        return "raises nothing"
    if any(np.asarray(v).dtype.kind not in "fib" for _, v in leaves(plain.value)):
        return "another dtype"
    if WRITES in program.tags:
        return ""
    line = Line(program, loss_source(program, plain.value))
    try:
        plain_loss = _loaded(loss_source(program, plain.value))[LOSS](*given(program))
        middle, steep = line(0.0), [line.slope(h) for h in STEPS]
        sides = [(line(s * SIDE) - middle) / WIDE(s * SIDE) for s in (1, -1)]
    except Exception as e:
        return type(e).__name__
    scale = 1.0 + max(abs(s) for s in steep)
    if not abs(middle - plain_loss) <= (1e-3 if is_single(program) else 1e-10) * (1 + abs(middle)):
        return "close decision"
    if not (abs(steep[0] - steep[1]) <= 1e-7 * scale and abs(sides[0] - sides[1]) <= 1e-4 * scale and scale < 1e6):
        return "not smooth"
    return ""
