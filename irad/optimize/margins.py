"""Which elements of the arrays of a loop are right when it runs on a strip of them.

    u[1:] = f(u[1:], u[:-1])        after k trips the first k elements of a strip may be wrong, unless it begins where u begins
    u[0] = 1.0                      the first element of a strip is wrong, unless it begins where u begins

Operations element by element leave what is wrong where it is, slices and what puts them move it. The counts are exact for a
few trips, then a bound. What is read near an end of an array is right in the strip at this end, and may only go there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Constant, Node
from irad.nests.statements import PUTS, REDUCTIONS, needs_check
from irad.optimize.demand import state_of
from irad.types import Array, Dim, Scalar, Stack, Struct, Type, leaves

__all__ = ["NONE", "Margins", "NoStrips", "Wrong", "extra_rows", "has_stack", "worst"]

TRIPS = 4  # of a loop, at least: else its arrays are read as often as they are now
OFF = 64  # how much longer or shorter than the others an array may be
FOLLOWED = 4  # trips through which wrong elements are followed one by one


class NoStrips(Exception):
    """An operation does something else to a strip than to the whole, or nothing is known about it."""


class Wrong(NamedTuple):
    """How many elements of an array are wrong at a strip's left end and at its right end, where these are not the array's."""

    left: int
    right: int


@dataclass(slots=True, eq=False)
class Kept:
    """A stack: what is wrong in its items, and how many bytes of a row they have."""

    item: Known = None
    bytes: int = 0


class Side(Enum):
    """At which end a number, or a short array, is right."""

    LEFT = 0
    RIGHT = 1


Known = Wrong | Kept | Side | tuple["Known", ...] | None  # None: the same in all strips
NONE = Wrong(0, 0)


def worst(several: Iterable[Wrong]) -> Wrong:
    found = [*several]
    return Wrong(max(w.left for w in found), max(w.right for w in found))


def has_stack(t: Type) -> bool:
    return isinstance(t, Stack) or (isinstance(t, Struct) and any(map(has_stack, t.items)))


def extra_rows(t: Type, rows: int | Dim) -> int | None:
    """How many rows more an array has than others; None where it is short, or has nothing to do with them."""
    if not isinstance(t, Array) or not t.shape or not all(isinstance(d, int) for d in t.shape[1:]):
        return None
    extra = Dim.of(t.shape[0]) - rows
    return extra if isinstance(extra, int) and abs(extra) <= OFF else None


class Margins:
    """How many elements are wrong of the arrays that operations make of a strip; NoStrips where that is not known. The arrays
    have so many rows, some a few more or less."""

    def __init__(self, nodes: Iterable[Apply], rows: int | Dim) -> None:
        self.rows = rows
        self.known: dict[Node, Known] = {}
        self.at_end: dict[Apply, int] = {}  # reads and writes of the last so many rows
        self.bytes = 0  # that a strip keeps for each of its rows
        self.may_fail = False
        for n in nodes:
            self.known[n] = self.operation(n)

    def extra(self, t: Type) -> int:
        extra = extra_rows(t, self.rows)
        if extra is None:
            raise NoStrips
        return extra

    def is_long(self, t: Type) -> bool:
        return extra_rows(t, self.rows) is not None

    def is_much(self, t: Type) -> bool:
        """Whether an array is neither long nor short."""
        if not isinstance(t, Array) or self.is_long(t):
            return False
        return t.static_shape is None or math.prod(t.static_shape) > OFF

    def of(self, x: Node) -> Known:
        if x in self.known:
            return self.known[x]
        if isinstance(x.type, Scalar) or (
            isinstance(x.type, Array) and x.type.static_shape is not None and not self.is_long(x.type)
        ):
            return None
        self.extra(x.type)
        return NONE  # arrays from outside

    def array(self, x: Node) -> Wrong:
        found = self.of(x)
        if not isinstance(found, Wrong):
            raise NoStrips
        return found

    def operation(self, n: Apply) -> Known:
        name, x = n.fn.name, n.args[0] if n.args else None
        if name == "for_loop":
            return self.loop(n)
        if name == "getitem":
            whole = self.of(n.args[0])
            assert isinstance(whole, tuple)
            return whole[n.static[0]]  # type: ignore[return-value]
        if name == "make_tuple":
            return tuple(map(self.of, n.args))
        if name == "empty_stack":
            return Kept()
        if name == "push":
            return self.push(n)
        if name == "pop":
            kept = self.of(n.args[0])
            assert isinstance(kept, Kept)
            return kept.item, kept
        if name == "dim":
            return None
        if x is not None and self.is_long(x.type):
            if name in ("slice", *PUTS):
                return self.block(n)
            if name in ("index", "index_update", "index_add"):
                return self.element(n)
            if self.is_long(n.type) and _keeps_rows(n):
                return self.array(x)
        found = [self.of(a) for a in n.args]
        if n.graphs or n.fn.order == "effect":
            raise NoStrips
        if n.fn.order == "checked" and not _stays_inside(n):
            if n.fn.name != "index" or any(w is not None for w in found):
                raise NoStrips
            self.may_fail = True
        if any(isinstance(w, Wrong) for w in found):
            if not n.fn.elementwise or not all(isinstance(w, Wrong) or w is None for w in found):
                raise NoStrips
            self.extra(n.type)
            return worst(w for w in found if isinstance(w, Wrong))
        side = _end(found)
        if self.is_much(n.type) or (n.fn.name not in ("index", "slice") and any(self.is_much(a.type) for a in n.args)):
            raise NoStrips  # each strip would do it again
        if isinstance(n.type, Array) and self.is_long(n.type):
            if side is not None or name not in ("zeros", "broadcast"):
                raise NoStrips
            return NONE
        return side

    def push(self, n: Apply) -> Known:
        kept, item = self.of(n.args[0]), self.of(n.args[1])
        assert isinstance(kept, Kept)
        if has_stack(n.args[1].type):
            raise NoStrips
        kept.item = item
        kept.bytes = sum(_row(t) for t in leaves(n.args[1].type) if self.is_long(t))
        return kept

    def block(self, n: Apply) -> Known:
        """A slice of a long array, or what puts one: rows side by side at a known place."""
        x, part = (n.args[0], n) if n.fn.name == "slice" else n.args[:2]
        starts, steps = (n.args[1:], n.static[1]) if n.fn.name == "slice" else (n.args[2:], n.static[0])
        t, u = x.type, part.type
        assert isinstance(t, Array) and isinstance(u, Array)
        whole_rows = t.shape[1:] == u.shape[1:] and all(is_constant(a, 0) for a in starts[1 : t.rank])
        if set(steps) != {1} or not whole_rows:
            raise NoStrips
        whole = self.array(x)
        if not self.is_long(u):
            return self.near(n, starts[0], u.shape[0])
        if not isinstance(starts[0], Constant):
            raise NoStrips
        before: int = starts[0].value
        behind = self.extra(t) - self.extra(u) - before
        if n.fn.name == "slice":
            return Wrong(max(whole.left - before, 0), max(whole.right - behind, 0))
        put = self.array(part)
        at = Wrong(before + put.left, behind + put.right)  # beside the block is what the array has beside it, at its ends
        return at if n.fn.name == "slice_update" else worst((whole, at))

    def element(self, n: Apply) -> Known:
        """A read or write of an element of a long array."""
        where = n.args[1:] if n.fn.name == "index" else n.args[2:]
        if not all(isinstance(i, Constant) for i in where[1:]):
            raise NoStrips
        return self.near(n, where[0], 1)

    def near(self, n: Apply, start: Node, size: int | Dim) -> Known:
        """A read or write of a few rows from `start` on, near an end of a long array."""
        x = n.args[0]
        whole, rows = self.array(x), x.type.shape[0]  # type: ignore[attr-defined]
        first = start.value if isinstance(start, Constant) else None
        if not isinstance(size, int):
            raise NoStrips
        last = _from_end(start, rows)
        if first is not None and first + size <= OFF:
            side, deep = Side.LEFT, Wrong(first + size, 0)
        elif last is not None and size <= last <= OFF:
            side, deep = Side.RIGHT, Wrong(0, last)
            self.at_end[n] = last
        else:
            raise NoStrips
        if n.fn.name in ("slice", "index"):
            return side
        if self.of(n.args[1]) not in (None, side):
            raise NoStrips
        return worst((whole, deep))

    def loop(self, n: Apply) -> Known:
        """A loop, trip by trip; where wrong elements grow on, by a bound.

        What one trip does to the counts of wrong elements is monotone, and gives at most as many more as it is given more. So
        where a trip makes at most c + d out of c everywhere, k trips make at most c + k * d.
        """
        trips, *args = n.args
        if self.of(trips) is not None or (isinstance(trips, Constant) and trips.value < TRIPS):
            raise NoStrips
        if not any(m.fn.elementwise and self.is_long(m.type) for m in n.graphs[0].body):
            raise NoStrips  # its trips do little, and would do it again for each strip
        state = [self.of(a) for a in args]
        if any(isinstance(w, tuple) and not isinstance(w, Wrong) for w in state):
            raise NoStrips
        for _ in range(FOLLOWED):
            before, state = state, self.trip(n, state)
            if state == before:
                break
        else:
            if not isinstance(trips, Constant):
                raise NoStrips
            most = worst(w for w in state if isinstance(w, Wrong))
            after = worst(w for w in self.trip(n, _all(most, state)) if isinstance(w, Wrong))
            left = max(trips.value - FOLLOWED, 0)
            state = _all(Wrong(*(m + left * max(a - m, 0) for m, a in zip(most, after, strict=True))), state)
            again = self.trip(n, state)  # for what it pushes
            if any(v is not w for v, w in zip(state, again, strict=True) if not isinstance(v, Wrong)):
                raise NoStrips
        for w, a in zip(state, args, strict=True):
            if isinstance(w, Kept):
                if not isinstance(trips, Constant):
                    raise NoStrips
                if a.fn.name == "empty_stack":  # type: ignore[attr-defined]
                    self.bytes += trips.value * w.bytes
            elif self.is_long(a.type):
                self.bytes += 2 * _row(a.type)
        return state[0] if len(state) == 1 else tuple(state)

    def trip(self, n: Apply, state: list[Known]) -> list[Known]:
        """The state after a trip, at least what it was before: what is wrong at first counts too."""
        (body,) = n.graphs
        self.known[body.params[0]] = None
        for p, w in zip(body.params[1:], state, strict=True):
            self.known[p] = w
        for node in body.body:
            self.known[node] = self.operation(node)
        after = [self.of(s) for s in state_of(body, "for_loop")]
        return [_joined(w, a) for w, a in zip(state, after, strict=True)]


def _joined(before: Known, after: Known) -> Known:
    """What is known of a state before a trip or after it."""
    if isinstance(before, Wrong) and isinstance(after, Wrong):
        return worst((before, after))
    if isinstance(before, Kept) or isinstance(before, Wrong) or isinstance(after, Wrong):
        if before is not after:
            raise NoStrips
        return before
    return _end((before, after))


def _end(several: Iterable[Known]) -> Side | None:
    """At which end values are right, all of them."""
    found = {w for w in several if w is not None}
    if len(found) > 1 or not all(isinstance(w, Side) for w in found):
        raise NoStrips
    return next(iter(found), None)  # type: ignore[return-value]


def _from_end(start: Node, rows: int | Dim) -> int | None:
    """How many rows an array has from `start` on, where that is known."""
    if isinstance(start, Constant):
        return rows - start.value if isinstance(rows, int) else None
    if isinstance(start, Apply) and start.fn.name == "add" and isinstance(start.args[1], Constant):
        size, less = start.args
        if isinstance(size, Apply) and size.fn.name == "dim":
            left = Dim.of(rows) - size.args[0].type.shape[size.static[0]] - less.value  # type: ignore[attr-defined]
            return left if isinstance(left, int) else None
    return None


def _keeps_rows(n: Apply) -> bool:
    """Whether an operation makes of each row of an array a row."""
    t, u = n.args[0].type, n.type
    assert isinstance(t, Array) and isinstance(u, Array)
    if n.fn.name == "reshape":
        return t is u
    if n.fn.name == "broadcast":
        return t.rank == u.rank and t.shape[0] == u.shape[0]
    return n.fn.name in REDUCTIONS and 0 not in n.static[0] and not needs_check(n)


def _stays_inside(n: Apply) -> bool:
    """Whether an operation that may fail reads an element, or a few, of a short array that are there."""
    if n.fn.name == "slice":
        return not needs_check(n)
    shape = n.args[0].type.static_shape if n.fn.name == "index" and isinstance(n.args[0].type, Array) else None
    if shape is None:
        return False
    return all(isinstance(i, Constant) and 0 <= i.value < d for i, d in zip(n.args[1:], shape, strict=True))


def _all(wrong: Wrong, state: Iterable[Known]) -> list[Known]:
    """A state whose arrays have so many wrong elements."""
    return [wrong if isinstance(w, Wrong) else w for w in state]


def _row(t: Type) -> int:
    """The bytes of a row."""
    assert isinstance(t, Array)
    return t.dtype.nbytes * math.prod(d for d in t.shape[1:] if isinstance(d, int))
