"""Attributes that a program took for constant: the memory to look at, to see that they are what they were.

Of functions and cells it is the pointer itself. Of other objects it is their class, its version, and their dict, in which the
name is looked up (`Names`). What properties and other descriptors compute cannot be seen: then there are no guards.
"""

from __future__ import annotations

import ctypes
import functools
from types import CellType, FunctionType
from typing import Any

from irad.backends.llvm.native import OB_TYPE
from irad.backends.llvm.plan import ABSENT, Guard, Names

__all__ = ["attribute_guard", "attribute_guards"]

VERSION = 384  # of a class: a number that no other state of a class has; 0: none was needed yet
GET = "__getattribute__"
MANAGED_DICT, DICT_PLACE = 1 << 4, -24  # a flag of classes, and where their instances have the pointer to their dict


def attribute_guard(o: Any, name: str, value: Any) -> Guard | None:
    """The guard that an attribute of a function or cell is still `value`."""
    offset = _offset(o.__class__, name)
    if offset is None:
        return None
    absent = value is None and type(o) is FunctionType  # a null then
    return Guard(id(o) + offset, 0 if absent else id(value))


def attribute_guards(o: Any, name: str, value: Any) -> tuple[list[Guard], list[Names]] | None:
    """What has to be as it is for an attribute to be still `value`, where machine code can look at it."""
    simple = attribute_guard(o, name, value)
    if simple is not None:
        return [simple], []
    cls: Any = o if isinstance(o, type) else type(o)
    version = _version(cls)
    if type(cls) is not type or version is None or name.startswith("__"):
        return None
    there = [vars(c)[name] for c in cls.__mro__ if name in vars(c)][:1]
    if cls is o:
        plain = [x for x in there if x is value or isinstance(x, (classmethod, staticmethod))]
        return ([version], []) if plain else None
    place = _dict_place(o)
    if place is None or getattr(cls, GET) is not getattr(object, GET):
        return None
    if name in vars(o):
        known = vars(o)[name] is value and not any(hasattr(x, "__set__") or hasattr(x, "__delete__") for x in there)
    else:
        known = any(x is value or isinstance(x, FunctionType) for x in there)
    guards = [Guard(id(o) + OB_TYPE, id(cls)), version, Guard(place, id(vars(o)))]
    return (guards, [Names(vars(o), {name: vars(o).get(name, ABSENT)})]) if known else None


def _version(cls: type) -> Guard | None:
    """The guard that a class, and those that it inherits from, are what they are."""
    if not _has_versions():
        return None
    getattr(cls, "_irad_no_such_name", None)  # what looks names up in a class gives it a number
    word = ctypes.c_uint64.from_address(id(cls) + VERSION).value
    return Guard(id(cls) + VERSION, word) if word else None


@functools.cache
def _has_versions() -> bool:
    """Whether classes have their version where they are thought to."""

    class Base:
        a = 1

    class Sub(Base):
        pass

    seen: list[int] = []
    for k in range(3):
        Base.a = k
        before = [ctypes.c_uint64.from_address(id(c) + VERSION).value for c in (Base, Sub)]
        getattr(Sub, "b", None), getattr(Base, "b", None)
        after = [ctypes.c_uint64.from_address(id(c) + VERSION).value for c in (Base, Sub)]
        if any(before) or not all(after):
            return False
        seen += after
    return len(set(seen)) == len(seen)


def _dict_place(o: Any) -> int | None:
    """Where an object has the pointer to its dict."""
    cls = type(o)
    own = getattr(o, "__dict__", None)
    offset = DICT_PLACE if cls.__flags__ & MANAGED_DICT else cls.__dictoffset__
    if type(own) is not dict or not offset or (offset < 0 and offset != DICT_PLACE):
        return None
    place = id(o) + offset
    return place if ctypes.c_uint64.from_address(place).value == id(own) else None


@functools.cache
def _offset(kind: Any, name: str) -> int | None:
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
