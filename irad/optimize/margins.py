"""Which elements of the arrays of a loop are right when it runs on a strip of them.

    u[1:] = f(u[1:], u[:-1])        after k trips the first k elements of a strip may be wrong, unless it begins where u begins

Operations element by element leave what is wrong where it is, slices and what puts them move it. The counts are exact for a
few trips, then a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from irad.graph.nodes import Apply, Constant, Node
from irad.nests.statements import PUTS
from irad.optimize.demand import state_of
from irad.types import Array, Dim, Scalar, Stack, Struct, Type, leaves

__all__ = ["NONE", "Margins", "NoStrips", "Wrong", "has_stack", "worst"]

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


Known = Wrong | Kept | tuple["Known", ...] | None  # of a number: nothing, it is the same in all strips
NONE = Wrong(0, 0)


def worst(several: Iterable[Wrong]) -> Wrong:
    found = [*several]
    return Wrong(max(w.left for w in found), max(w.right for w in found))


def has_stack(t: Type) -> bool:
    return isinstance(t, Stack) or (isinstance(t, Struct) and any(map(has_stack, t.items)))


class Margins:
    """How many elements are wrong of the arrays that operations make of a strip; NoStrips where that is not known. The arrays
    have so many rows, some a few more or less."""

    def __init__(self, nodes: Iterable[Apply], rows: int | Dim) -> None:
        self.rows = rows
        self.known: dict[Node, Known] = {}
        self.bytes = 0  # that a strip keeps for each of its rows
        for n in nodes:
            self.known[n] = self.operation(n)

    def extra(self, t: Type) -> int:
        """How many rows more than others an array has."""
        shape = t.shape if isinstance(t, Array) else ()
        extra = Dim.of(shape[0]) - self.rows if shape and all(isinstance(d, int) for d in shape[1:]) else None
        if not isinstance(extra, int) or abs(extra) > OFF:
            raise NoStrips
        return extra

    def of(self, x: Node) -> Known:
        if x in self.known:
            return self.known[x]
        if isinstance(x.type, Scalar):
            return None
        self.extra(x.type)
        return NONE  # arrays from outside

    def array(self, x: Node) -> Wrong:
        found = self.of(x)
        if not isinstance(found, Wrong):
            raise NoStrips
        return found

    def operation(self, n: Apply) -> Known:
        name = n.fn.name
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
        if name in ("slice", *PUTS):
            return self.block(n)
        if name == "zeros" or (name == "broadcast" and isinstance(n.args[0].type, Scalar)):
            self.extra(n.type)
            return NONE
        if name == "dim":
            return None
        if name == "reshape" and n.type is n.args[0].type:
            return self.array(n.args[0])
        if n.graphs or not n.fn.elementwise or n.fn.order != "total":
            raise NoStrips
        if isinstance(n.type, Array):
            self.extra(n.type)
            return worst(self.array(a) for a in n.args if isinstance(a.type, Array))
        if any(self.of(a) is not None for a in n.args):
            raise NoStrips
        return None

    def push(self, n: Apply) -> Known:
        kept, item = self.of(n.args[0]), self.of(n.args[1])
        assert isinstance(kept, Kept)
        if has_stack(n.args[1].type):
            raise NoStrips
        kept.item = item
        kept.bytes = sum(_row(t) for t in leaves(n.args[1].type) if isinstance(t, Array))
        return kept

    def block(self, n: Apply) -> Wrong:
        """A slice, or what puts one: rows side by side at a known place."""
        x, part = (n.args[0], n) if n.fn.name == "slice" else n.args[:2]
        starts, steps = (n.args[1:], n.static[1]) if n.fn.name == "slice" else (n.args[2:], n.static[0])
        t, u = x.type, part.type
        assert isinstance(t, Array) and isinstance(u, Array)
        if not all(isinstance(a, Constant) for a in starts[: len(steps)]) or set(steps) != {1} or t.shape[1:] != u.shape[1:]:
            raise NoStrips
        before: int = starts[0].value  # type: ignore[attr-defined]
        behind = self.extra(t) - self.extra(u) - before
        whole = self.array(x)
        if n.fn.name == "slice":
            return Wrong(max(whole.left - before, 0), max(whole.right - behind, 0))
        put = self.array(part)
        at = Wrong(before + put.left, behind + put.right)  # beside the block is what the array has beside it, at its ends
        return at if n.fn.name == "slice_update" else worst((whole, at))

    def loop(self, n: Apply) -> Known:
        """A loop, trip by trip; where wrong elements grow on, by a bound.

        What one trip does to the counts of wrong elements is monotone, and gives at most as many more as it is given more. So
        where a trip makes at most c + d out of c everywhere, k trips make at most c + k * d.
        """
        trips, *args = n.args
        (body,) = n.graphs
        if isinstance(trips, Constant) and trips.value < TRIPS:
            raise NoStrips
        state = [self.of(a) for a in args]
        for p, a in zip(body.params[1:], args, strict=True):
            if not isinstance(p.type, (Array, Stack)) and self.of(a) is not None:
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
            self.trip(n, state)  # for what it pushes
        for w, a in zip(state, args, strict=True):
            if isinstance(w, Kept):
                if not isinstance(trips, Constant):
                    raise NoStrips
                if a.fn.name == "empty_stack":  # type: ignore[attr-defined]
                    self.bytes += trips.value * w.bytes
            elif isinstance(a.type, Array):
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
        return [worst((a, w)) if isinstance(w, Wrong) else a for a, w in zip(after, state, strict=True)]  # type: ignore[arg-type]


def _all(wrong: Wrong, state: Iterable[Known]) -> list[Known]:
    """A state whose arrays have so many wrong elements."""
    return [wrong if isinstance(w, Wrong) else w for w in state]


def _row(t: Array) -> int:
    return t.dtype.nbytes * math.prod(d for d in t.shape[1:] if isinstance(d, int))
