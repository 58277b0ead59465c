"""What a compiled function reads at each call without being given it: globals, closure cells, and parts of them."""

from __future__ import annotations

import dataclasses
from types import FunctionType
from typing import Any

import numpy as np

__all__ = ["MISSING", "Hidden", "Path", "is_structure"]

MISSING = object()  # what a name stands for that is bound nowhere
Path = tuple[Any, ...]  # steps from the compiled function and its arguments to a value: see irad.structures.resolve


class Hidden:
    """A value read at each call, at the end of a path; for a closure cell, the function and the variable's name."""

    __slots__ = ("function", "name", "path")

    def __init__(self, path: Path, function: FunctionType | None, name: Any) -> None:
        self.path, self.function, self.name = path, function, str(name)

    def _key(self) -> Any:
        return tuple((kind, *[id(w) if not isinstance(w, (str, int)) else w for w in where]) for kind, *where in self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def is_structure(value: Any) -> bool:
    """Whether a captured value is read at each call, with its structure compiled in."""
    return isinstance(value, (np.ndarray, list, dict)) or (dataclasses.is_dataclass(value) and not isinstance(value, type))
