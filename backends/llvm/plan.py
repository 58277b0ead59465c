"""How a program is called: what its arguments are, what it reads besides, and what must be as it was when it was compiled.

    CallPlan([Dynamic(FLOAT), Identical("fast")], names=[Names(module.__dict__, {"scale": 2.0})], guards=1)
    Bound(["fast"], guards=[Guard(address, expected)])

`stub` makes machine code of the first; the second is what this code reads for one function of the many that it serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any, NamedTuple

from irad.types import Type

__all__ = ["ABSENT", "Argument", "Bound", "CallPlan", "Dynamic", "Guard", "Hidden", "Identical", "Names"]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An argument that the program is handed: a value of exactly this type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Identical:
    """An argument that must be the object that the stub is bound to; for an int or str, one that equals it. `object`: the
    one that the program was compiled for."""

    object: object


Argument = Dynamic | Identical


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value read at each call from the cell of this number among those that the stub is bound to, or by its name from a
    namespace; the program takes it after the arguments."""

    source: int | tuple[dict[str, Any], str]
    type: Type


class Guard(NamedTuple):
    """Eight bytes of memory that must be as they were. The caller sees to it that the memory stays."""

    address: int
    expected: int


ABSENT = object()


@dataclass(frozen=True, slots=True)
class Names:
    """What a program took for constant in a namespace: name -> object, or ABSENT."""

    namespace: dict[str, Any]
    expected: dict[str, object]


@dataclass(frozen=True, slots=True)
class Bound:
    """What the code of a stub reads for one function: the objects that its Identical arguments must be, the cells that it
    reads values from, the guards. `held`: what the guards' memory is in, and what they compare with."""

    objects: Sequence[object] = ()
    cells: Sequence[CellType] = ()
    guards: Sequence[Guard] = ()
    held: object = None

    def words(self) -> list[int]:
        guards = [w for g in self.guards for w in (g.address, g.expected)]
        return [*map(id, self.objects), *map(id, self.cells), *guards]


@dataclass(slots=True)
class CallPlan:
    """How a program is called. `guards`: how many each function has. `raiser(site number, 64 bytes of values)` raises the error
    of a failed call; `rebuild` makes a result that has dicts, dataclasses or NamedTuples from the tuple of its leaves;
    `printer(site number, values)` prints the line of a site; `threads` may share its work, 0: by the cores."""

    arguments: Sequence[Argument]
    hidden: Sequence[Hidden] = ()
    guards: int = 0
    names: Sequence[Names] = ()
    recursive: bool = False
    raiser: Any = None
    rebuild: Any = None
    printer: Any = None
    threads: int = 0
    keywords: Sequence[str] = ()  # the names of the last arguments, which are given by name, in this order
