"""How a program is called: what its arguments are, what it reads besides, and what must be as it was when it was compiled.

    CallPlan([Dynamic(FLOAT), Identical("fast")], guards=[...], names=[Names(module.__dict__, {"scale": 2.0})])

`stub` makes machine code of it.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any

from irad.types import Type

__all__ = ["ABSENT", "Argument", "CallPlan", "Dynamic", "Guard", "Hidden", "Identical", "Names", "attribute_guard"]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An argument that the program is handed: a value of exactly this type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Identical:
    """An argument that the program was compiled for: this very object; for an int or str, also an equal one."""

    object: object


Argument = Dynamic | Identical


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value read at each call from the closure cell of this number, or by its name from a namespace; the program takes
    it after the arguments."""

    source: int | tuple[dict[str, Any], str]
    type: Type


@dataclass(frozen=True, slots=True)
class Guard:
    """Eight bytes of memory that must be as they were. The caller sees to it that the memory stays."""

    address: int
    expected: int


ABSENT = object()


@dataclass(frozen=True, slots=True)
class Names:
    """What a program took for constant in a namespace: name -> object, or ABSENT."""

    namespace: dict[str, Any]
    expected: dict[str, object]


@dataclass(slots=True)
class CallPlan:
    """How a program is called. `raiser(site number, 64 bytes of values)` raises the error of a failed call;
    `rebuild` makes a result that has dicts, dataclasses or NamedTuples from the tuple of its leaves;
    `printer(site number, values)` prints the line of a site; `threads` may share its work, 0: by the cores."""

    arguments: Sequence[Argument]
    hidden: Sequence[Hidden] = ()
    guards: Sequence[Guard] = ()
    names: Sequence[Names] = ()
    recursive: bool = False
    raiser: Any = None
    rebuild: Any = None
    printer: Any = None
    threads: int = 0


def attribute_guard(o: Any, name: str, value: Any) -> Any:
    """The guard that an attribute is still `value`, where machine code can look at it."""
    offset = _offset(o.__class__, name)
    if offset is None:
        return None
    address = id(o) + offset
    word = ctypes.c_size_t.from_address(address).value
    if word == id(value) or (word == 0 and value is None):
        return Guard(address, word)
    return None


@functools.cache
def _offset(kind: type, name: str) -> int | None:
    """Where in objects of this class the pointer to an attribute stands: found by looking."""
    if kind is CellType:
        sample: Any = CellType(object())
    elif kind is FunctionType:

        def sample(a: int = 12345, *, b: int = 54321) -> None: ...
    else:
        return None
    words = kind.__basicsize__ // 8
    memory = (ctypes.c_size_t * words).from_address(id(sample))
    found = [8 * i for i in range(words) if memory[i] == id(getattr(sample, name))]
    return found[0] if len(found) == 1 else None
