"""What a program took for constant: whether that still holds, and how machine code looks at it.

A program serves all functions of the same code, so what it took for constant of the function itself, its cells and those of
the functions that it captures, stands at other places in each: `Kind.parts` lists these places, in the same order for each.
The rest, globals and attributes of objects, is the same for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import CellType, MethodType, ModuleType
from typing import Any

import numpy as np

from irad import log
from irad.specialize.captures import MISSING, Path
from irad.specialize.entry import Entry, type_of
from irad.structures import Keys, Parts, resolve
from irad.types import Static, Type

__all__ = ["Guards", "Kind"]

CHANGING = ("attribute", "keyword default")  # steps of a path to what may change while all guards hold


class Kind:
    """What a function, and the objects among the arguments it is given, are specialised for, apart from the arguments' types.
    `key_of` makes the function's key."""

    def __init__(self, fn: Any, given: Sequence[Any], types: Sequence[Type], key_of: Callable[[Any, Keys], Any]) -> None:
        keys = Keys()
        self.fn, self.given = fn, given
        self.key_of_fn = key_of(fn, keys)
        self.key_of_static = [keys.of(t.value) if isinstance(t, Static) else None for t in types]
        self.statics = [t.value for t in types if isinstance(t, Static)]
        self.parts = keys.parts

    def key(self, types: Sequence[Type], keywords: Sequence[str], options: Any) -> Any:
        """The key of a program for arguments of these types."""
        taken = tuple(t if k is None else k for k, t in zip(self.key_of_static, types, strict=True))
        return (self.key_of_fn, taken, tuple(keywords), options)


class Guards:
    """What one program took for constant. `parts`: of the function that it was compiled for, if others share it."""

    def __init__(self, entry: Entry, parts: Parts = ()) -> None:
        places: dict[int, list[int]] = {}
        for i, (o, _, _) in enumerate(parts):
            places.setdefault(id(o), []).append(i)
        self.names = entry.guards
        self.count = 0  # of the guards that machine code looks at
        self.parts: list[int] = []  # those that the key does not let differ, by number
        self.moving: list[tuple[int, str, Any]] = []  # other attributes of functions that stand elsewhere in each
        self.fixed: list[tuple[Any, str, Any]] = []  # attributes of objects that are the same for all
        for o, name, value in entry.object_guards:
            there = places.get(id(o), [])
            same = [i for i in there if parts[i][1] == name and parts[i][2] is value]
            if same:
                self.parts += same
            elif there:
                self.moving.append((there[0], name, value))
            else:
                self.fixed.append((o, name, value))
        self.parts = list(dict.fromkeys(self.parts))
        params = entry.module.entry.params
        self.hidden = list(zip(entry.hidden, params[len(params) - len(entry.hidden) :], strict=True))

    def changed(self, fn: Any, given: Sequence[Any], parts: Parts = ()) -> str:
        """What is not as it was, for a call with the same key: globals, attributes, the types of what is read at each call."""
        for h, p in self.hidden:
            t = type_of(resolve(h.path, fn, given))
            if t is not p.type:
                return f"the captured `{h.name}` was {p.type}, is {t}"
        for scope, name, value in self.names:
            now = scope.get(name, MISSING)
            if now is not value:
                return f"the global `{name}` {log.turned(value, now, MISSING)}"
        for o, name, value in [*self.fixed, *((parts[i][0], name, value) for i, name, value in self.moving)]:
            now = _attribute(o, name)
            if not _same(now, value):
                return f"{log.named(o, name)} {log.turned(value, now, MISSING)}"
        return ""

    # -- for machine code ----------------------------------------------------------------------------------------------

    def for_stub(self) -> tuple[list[Any], list[int | tuple[dict[str, Any], str]], int] | None:
        """The names that a stub compares, where it reads the hidden values, and how many words it compares; None where
        machine code cannot do it."""
        from irad.backends.llvm import run as llvm

        names: dict[int, Any] = {}
        modules = [(vars(o), name, value) for o, name, value in self.fixed if isinstance(o, ModuleType)]
        for scope, name, value in [*self.names, *modules]:
            known = names.setdefault(id(scope), llvm.Names(scope, {}))
            known.expected[name] = llvm.ABSENT if value is MISSING else value
        looked_at = [llvm.attribute_guards(*g) for g in self._objects()]
        if self.moving or None in looked_at:
            return None
        for found in looked_at:
            for more in found[1] if found is not None else ():
                known = names.setdefault(id(more.namespace), llvm.Names(more.namespace, {}))
                known.expected.update(more.expected)
        sources: list[int | tuple[dict[str, Any], str]] = []
        cells = 0
        for h, p in self.hidden:
            if not llvm.readable(p.type):
                return None
            kind, *where = h.path[-1]
            if kind == "global":
                sources.append((where[0], where[1]))
            elif any(step in CHANGING for step, *_ in h.path):
                return None
            else:
                sources.append(cells)
                cells += 1
        self.count = len(self.parts) + sum(len(found[0]) for found in looked_at if found is not None)
        return list(names.values()), sources, self.count

    def _objects(self) -> list[tuple[Any, str, Any]]:
        return [g for g in self.fixed if not isinstance(g[0], ModuleType)]

    def bound(self, kind: Kind) -> Any:
        """What the stub reads for calls like one with the same key; None where objects have changed since it was made."""
        from irad.backends.llvm import run as llvm

        parts = [kind.parts[i] for i in self.parts]
        guards = [g for g in itertools.starmap(llvm.attribute_guard, parts) if g is not None]
        for o, name, value in self._objects():
            found = llvm.attribute_guards(o, name, value)
            guards += found[0] if found is not None and _same(_attribute(o, name), value) else []
        if len(guards) != self.count:
            return None
        cells = [_cell(h.path, kind.fn, kind.given) for h, _ in self.hidden if h.path[-1][0] != "global"]
        return llvm.Bound(kind.statics, cells, guards, [parts, [(type(o), o, value) for o, _, value in self.fixed]])


def _same(now: Any, value: Any) -> bool:
    """Whether an attribute is what it was. Methods, and numbers that properties compute, are new objects each time."""
    if now is value:
        return True
    if type(now) is not type(value):
        return False
    if isinstance(now, MethodType):
        return now.__func__ is value.__func__ and now.__self__ is value.__self__
    return isinstance(now, (bool, int, float, complex, str, np.generic)) and bool(Keys().of(now) == Keys().of(value))


def _cell(path: Path, fn: Any, arguments: Sequence[Any]) -> CellType:
    """The closure cell at the end of a path; one of our own with an object that stays the same while the guards hold."""
    *before, (kind, *where) = path
    if kind != "cell":
        return CellType(resolve(path, fn, arguments))
    function = resolve(before, fn, arguments)
    cell: CellType = function.__closure__[function.__code__.co_freevars.index(where[0])]
    return cell


def _attribute(o: Any, name: str) -> Any:
    try:
        return getattr(o, name)
    except (AttributeError, ValueError):
        return MISSING
