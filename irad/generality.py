"""Which sizes of arguments become symbols, so that one program serves them all.

    f(x)    x: f64[10,3]    the first call compiles for these sizes
    f(x)    x: f64[11,3]    the second compiles for f64[n,3]: what changed is a symbol
    f(x)    x: f64[12,3]    compiles nothing

Sizes that were equal to each other in all calls so far are one symbol. A symbol is at least 2: size 1 is repeated where it
meets another, and of size 0 there is no maximum, so calls with those run programs for their exact sizes. So do calls of what
cannot be compiled for a symbol, and calls in which two sizes differ that a program took for equal (`SizesDiffer`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from irad.errors import refuse
from irad.types import SMALLEST, Array, Dim, Record, Static, Struct, Tuple, Type

__all__ = ["Family", "check_result", "check_sizes", "check_symbols", "erased", "fits", "is_general"]

MOST_SEEN = 32
MOST_REFUSED = 8  # attempts that failed, after which there are no more
LETTERS = "nmklpqrstuvw"

Sizes = tuple[int | Dim, ...]


@dataclass(slots=True)
class Family:
    """The calls of a function that differ in sizes only: those that were compiled, the types with symbols that were, and
    what could not be symbols (by its place among all sizes) and why."""

    seen: list[tuple[int, ...]] = field(default_factory=list)
    general: list[tuple[Type, ...]] = field(default_factory=list)
    refused: dict[frozenset[int], str] = field(default_factory=dict)

    def called(self, types: Sequence[Type]) -> None:
        """Note a call that is compiled."""
        now = _known(types)
        self.seen = [*(s for s in self.seen if s != now), now][-MOST_SEEN:]

    def candidates(self, types: Sequence[Type]) -> Iterator[tuple[Type, ...]]:
        """The types to compile for that hold for this call and for all before; then for it and the one that is most like it."""
        now = _known(types)
        alike = [s for s in self.seen if all(a == b or min(a, b) >= SMALLEST for a, b in zip(s, now, strict=True))]
        nearest = sorted(alike, key=lambda s: sum(a != b for a, b in zip(s, now, strict=True)))[:1]
        for calls in (alike, nearest):
            columns = list(zip(*calls, now, strict=True))
            changed = frozenset(k for k, c in enumerate(columns) if len(set(c)) > 1)
            if changed and len(self.refused) < MOST_REFUSED and not any(r <= changed for r in self.refused):
                yield resized(types, _named(columns))

    def refuse(self, types: Sequence[Type], why: str) -> None:
        self.refused[frozenset(k for k, d in enumerate(sizes_of(types)) if isinstance(d, Dim))] = why


def _named(columns: Sequence[tuple[int, ...]]) -> Sizes:
    """A size for each column of sizes: the number that it holds, or a symbol, one for equal columns."""
    names = itertools.chain(LETTERS, (f"n{i}" for i in itertools.count(1)))
    symbols: dict[tuple[int, ...], Dim] = {}
    for c in columns:
        if len(set(c)) > 1 and c not in symbols:
            symbols[c] = Dim.symbol(next(names))
    return tuple(symbols.get(c, c[0]) for c in columns)


def _arrays(types: Iterable[Type]) -> Iterator[Array]:
    for t in types:
        if isinstance(t, Array):
            yield t
        elif isinstance(t, Struct):
            yield from _arrays(t.items)


def sizes_of(types: Iterable[Type]) -> Sizes:
    """All sizes in some types, in order."""
    return tuple(d for t in _arrays(types) for d in t.shape)


def _known(types: Iterable[Type]) -> tuple[int, ...]:
    return tuple(d for d in sizes_of(types) if isinstance(d, int))


def resized(types: Sequence[Type], sizes: Iterable[int | Dim]) -> tuple[Type, ...]:
    """The types with other sizes."""
    feed = iter(sizes)

    def of(t: Type) -> Type:
        if isinstance(t, Array):
            return Array(t.dtype, [next(feed) for _ in t.shape])
        if isinstance(t, Record):
            return Record(t.form, [of(u) for u in t.items])
        return Tuple([of(u) for u in t.items]) if isinstance(t, Struct) else t

    return tuple([of(t) for t in types])


def erased(types: Sequence[Type]) -> tuple[Type, ...]:
    """The types without their sizes."""
    return resized(types, itertools.repeat(Dim.symbol("_")))


def is_general(types: Iterable[Type]) -> bool:
    """Whether a size is a symbol."""
    return any(isinstance(d, Dim) for d in sizes_of(types))


def fits(general: Sequence[Type], types: Sequence[Type]) -> bool:
    """Whether a program for some types serves others of the same ranks."""
    wanted, given = sizes_of(general), _known(types)
    found = {str(d): n for d, n in zip(wanted, given, strict=True) if _is_symbol(d)}
    return all(n >= SMALLEST for n in found.values()) and all(_value(d, found) == n for d, n in zip(wanted, given, strict=True))


def _is_symbol(d: int | Dim) -> bool:
    return isinstance(d, Dim) and d.terms == (((str(d),), 1),)


def _value(d: int | Dim, symbols: dict[str, int]) -> int:
    return sum(c * math.prod(symbols[s] for s in k) for k, c in Dim.of(d).terms)


# -- signatures -----------------------------------------------------------------------------------------------------------


def check_symbols(types: Sequence[Type]) -> None:
    """Refuse a signature with a symbol whose value no argument shows."""
    sizes = sizes_of(types)
    shown = {str(d) for d in sizes if _is_symbol(d)}
    for d in sizes:
        for s in sorted(d.symbols() - shown) if isinstance(d, Dim) else ():
            raise refuse(
                "signature",
                f"the signature has the size {d}, and no argument with an axis of size {s}",
                help=f"give the size a name of its own, as in f64[{s}]",
            )


def check_sizes(arguments: Iterable[tuple[Type, Type, str]]) -> None:
    """ValueError where arguments have not the sizes of a signature: for each its type there, its own, and its name."""
    found: dict[str, tuple[int, str]] = {}
    pairs = [p for t, u, name in arguments for p in _pairs(t, u, f"`{name}`")]
    for t, u, name in pairs:
        if t.rank != u.rank:
            raise ValueError(f"{name} has {u.rank} axes, the signature says {t}, which has {t.rank}")
        for axis, (d, n) in enumerate(zip(t.shape, u.shape, strict=True)):
            if not _is_symbol(d):
                continue
            first, where = found.setdefault(str(d), (int(n), f"the size of axis {axis} of {name}"))  # type: ignore[arg-type]
            if n != first:
                raise ValueError(f"axis {axis} of {name} has size {n}: the signature calls it {d}, which is {first}, {where}")
    sizes = {s: n for s, (n, _) in found.items()}
    for t, u, name in pairs:
        for axis, (d, n) in enumerate(zip(t.shape, u.shape, strict=True)):
            if isinstance(d, Dim) and not d.symbols() <= sizes.keys():
                continue  # another call is refused for its other types
            if _value(d, sizes) != n:
                known = "" if isinstance(d, int) else f", which is {_value(d, sizes)}"
                raise ValueError(f"axis {axis} of {name} has size {n}: the signature says {d}{known}")


def _pairs(t: Type, u: Type, name: str) -> Iterator[tuple[Array, Array, str]]:
    """The arrays of two types at the same place, with a name for it."""
    if isinstance(t, Array) and isinstance(u, Array):
        yield t, u, name
    elif isinstance(t, Struct) and type(t) is type(u) and len(t.items) == len(u.items):
        keys = t.form.keys if isinstance(t, Record) else range(len(t.items))
        for k, a, b in zip(keys, t.items, u.items, strict=True):
            by_attribute = isinstance(t, Record) and t.form.kind in ("dataclass", "namedtuple")
            inner = f"{name[1:-1]}.{k}" if by_attribute else f"{name[1:-1]}[{k!r}]"
            yield from _pairs(a, b, f"`{inner}`")


def check_result(wanted: Type, given: Type, taken: Sequence[Type]) -> None:
    """Refuse a signature whose result is not what the program returns, as far as sizes are known before the call."""
    named = {s for d in sizes_of(taken) if isinstance(d, Dim) for s in d.symbols()}
    if not _agree(wanted, given, named):
        raise refuse(
            "signature",
            f"the signature says that the result is {wanted}; it is {given}",
            help="correct the signature, or leave `->` and what follows out",
        )


def _agree(wanted: Type, given: Type, named: set[str]) -> bool:
    if isinstance(wanted, Struct) and isinstance(given, Struct):
        alike = type(wanted) is type(given) and len(wanted.items) == len(given.items)
        if isinstance(wanted, Record) and isinstance(given, Record):
            alike = alike and wanted.form.keys == given.form.keys
        return alike and all(_agree(t, u, named) for t, u in zip(wanted.items, given.items, strict=True))
    if isinstance(wanted, Array) and isinstance(given, Array):
        return (
            wanted.dtype is given.dtype
            and wanted.rank == given.rank
            and all(m == n or _unknown(m, named) or _unknown(n, named) for m, n in zip(wanted.shape, given.shape, strict=True))
        )
    strong: Any = getattr(wanted, "strong", wanted)
    return strong is getattr(given, "strong", given) or isinstance(wanted, Static)


def _unknown(d: int | Dim, named: set[str]) -> bool:
    """Whether a size has symbols that no argument has."""
    return isinstance(d, Dim) and not d.symbols() <= named
