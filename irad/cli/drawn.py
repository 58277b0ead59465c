"""Arguments that are drawn at random: of which types, from which ranges."""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from irad.cli.target import UsageError
from irad.specialize.entry import type_of
from irad.structures import assemble
from irad.types import BOOL, FLOAT, INT, Array, Scalar, Type, leaves

__all__ = ["drawn", "ranges_of", "types_said"]

FLOAT_RANGE, INT_RANGE = (-2.0, 2.0), (0.0, 5.0)
ANNOTATED = {float: FLOAT, int: INT, bool: BOOL, "float": FLOAT, "int": INT, "bool": BOOL}


def types_said(f: Any) -> list[Type]:
    """The types that annotations or defaults give."""
    types: list[Type] = []
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        raise UsageError("--types is needed: this has no signature to read types from") from None
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.KEYWORD_ONLY):
            continue
        if isinstance(p.annotation, Hashable) and p.annotation in ANNOTATED:
            types.append(ANNOTATED[p.annotation])
        elif p.default is not p.empty and all(isinstance(t, (Scalar, Array)) for t in leaves(type_of(p.default))):
            types.append(type_of(p.default))
        else:
            raise UsageError(f"--types is needed: nothing says of which type {p.name!r} is")
    return types


def ranges_of(text: str | None, types: list[Type]) -> list[tuple[float, float] | None]:
    """The range of each argument that --ranges gives; None where it gives none."""
    if text is None:
        return [None] * len(types)
    try:
        found = [(float(low), float(high)) for low, high in (part.split(":") for part in text.split(","))]
    except ValueError:
        raise UsageError(f"--ranges takes LOW:HIGH for each argument, as in 0:1,-2:2; not {text!r}") from None
    if len(found) == 1:
        found = found * len(types)
    if len(found) != len(types) or not all(-math.inf < low <= high < math.inf for low, high in found):
        raise UsageError(f"--ranges takes a LOW:HIGH with LOW <= HIGH for all arguments, or for each of the {len(types)}")
    return list(found)


def _bounds(t: Scalar, given: tuple[float, float] | None) -> tuple[float, float]:
    """Between which numbers the values of a type are drawn."""
    low, high = given or (INT_RANGE if t.kind == "i" else FLOAT_RANGE)
    if t.kind == "b":
        return low, high
    whole = t.kind == "i"
    limits: Any = np.iinfo(t.dtype) if whole else np.finfo(t.dtype)
    first, last = (math.ceil(low), math.floor(high)) if whole else (low, high)
    if not (float(limits.min) <= first <= last < float(limits.max) and high - low < math.inf):
        raise UsageError(f"no {t} can be drawn from the range {low:g}:{high:g}")
    return first, last


def drawn(t: Type, given: tuple[float, float] | None, rng: np.random.Generator) -> Any:
    """A random value of a type."""

    def leaf(u: Type) -> Any:
        scalar = u.dtype if isinstance(u, Array) else u
        if not isinstance(scalar, Scalar):
            raise UsageError(f"no random value of type {u} can be made")
        low, high = _bounds(scalar, given)
        shape = u.static_shape if isinstance(u, Array) else ()
        if shape is None:
            raise UsageError(f"the sizes of {u} must be numbers")
        value: Any
        if scalar.kind == "b":
            value = rng.random(shape) < 0.5
        elif scalar.kind == "i":
            value = rng.integers(int(low), int(high), shape, endpoint=True)
        else:
            value = rng.uniform(low, high, shape)
        value = np.asarray(value, scalar.dtype)
        if isinstance(u, Array):
            return value
        return value.item() if scalar.weak or scalar.kind == "b" else value[()]

    return assemble(t, leaf)
