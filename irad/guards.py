"""What a program took for constant: whether it still is, as a sentence, and as machine code looks at it."""

from __future__ import annotations

import ctypes
import functools
from types import CellType, FunctionType
from typing import Any

from irad import log
from irad.specialize.captures import MISSING
from irad.specialize.entry import Entry

__all__ = ["attribute", "guard_of", "named", "names_of", "turned"]


def turned(value: Any, now: Any) -> str:
    was, is_ = ("unbound" if v is MISSING else log.short(v) for v in (value, now))
    return f"was {was}, is {is_}" if was != is_ else f"is another {was}"


def named(o: Any, attribute: str) -> str:
    if isinstance(o, CellType):
        return "a captured function"
    owner = getattr(o, "__qualname__", None) or getattr(o, "__name__", None) or type(o).__name__
    return f"the default of `{owner}`" if attribute in ("__defaults__", "__kwdefaults__") else f"`{owner}.{attribute}`"


def attribute(o: Any, name: str) -> Any:
    try:
        return getattr(o, name)
    except (AttributeError, ValueError):
        return MISSING


def names_of(entry: Entry) -> list[Any]:
    from irad.backends.llvm.run import ABSENT, Names

    scopes: dict[int, Any] = {}
    for scope, name, value in entry.guards:
        known = scopes.setdefault(id(scope), Names(scope, {}))
        known.expected[name] = ABSENT if value is MISSING else value
    return list(scopes.values())


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


def guard_of(o: Any, name: str, value: Any) -> Any:
    """The guard that an attribute is still `value`, where machine code can look at it."""
    from irad.backends.llvm.run import Guard

    offset = _offset(o.__class__, name)
    if offset is None:
        return None
    address = id(o) + offset
    word = ctypes.c_size_t.from_address(address).value
    if word == id(value) or (word == 0 and value is None):
        return Guard(address, word)
    return None
