"""An element of an array by the operations that make it.

    y = exp(x[k]); z = y[1:] - y[:-1]          z[i] is exp(x[k[i + 1]]) - exp(x[k[i]])

Where a trip of a loop writes row i of an array and reads no other, an element of row i is what that trip computes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irad.graph.build import Builder, literal
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task
from irad.optimize.demand import state_of
from irad.primitives.products import PRODUCTS, axes_of
from irad.transforms.elimination import NotStraightLine
from irad.types import Array, Scalar, Type

__all__ = ["SAME_ORDER", "Elements", "Range", "Where", "shape_of"]

SAME_ORDER = ("reshape", "retype")  # the elements of the result are those of the argument, in C order
MOST_TERMS = 16  # of a sum that is written out
MOST_OPERATIONS = 1_000

Where = tuple[Node, ...]
Range = tuple[int, int]  # from the first to behind the last


def shape_of(t: Type) -> tuple[int, ...]:
    """The shape of an array of which every dim is known."""
    if not isinstance(t, Array) or t.static_shape is None:
        raise NotStraightLine("it has an array of a size that is not known", None)
    return t.static_shape


@dataclass(eq=False, slots=True)
class _Inside:
    """The body of a loop that is computed for one trip: what is known of its nodes."""

    body: Graph
    env: dict[Node, Node]
    around: _Inside | None = None
    made: dict[Any, _Inside] = field(default_factory=dict)


class Elements:
    """Computes elements in the graph that `b` builds. `given(x, where)` is one of an array that is there, or None; `number(x)`
    a number from outside; both raise NotStraightLine for what cannot be had."""

    def __init__(self, b: Builder, given: Callable[[Node, Where], Node | None], number: Callable[[Node], Node | None]) -> None:
        self.b, self.given, self.number = b, given, number
        self.ranges: dict[Node, Range] = {}  # of integers
        self.known: dict[Any, Node] = {}
        self.whole = _Inside(None, {})  # type: ignore[arg-type]

    def at(self, x: Node, where: Where, inside: _Inside | None = None) -> Task:
        """The element of an array at a place that is inside."""
        inside = inside or self.whole
        key = (x, where, inside)
        if key not in self.known:
            self.known[key] = yield self._element(x, where, inside)
        if len(self.b.graph.body) > MOST_OPERATIONS:
            raise NotStraightLine("it has too many operations", None)
        return self.known[key]

    def scalar(self, x: Node, inside: _Inside | None = None) -> Task:
        """A number."""
        inside = inside or self.whole
        if x.__class__ is Constant:
            return x
        scope: _Inside | None = inside
        while scope is not None:
            if x in scope.env:
                return scope.env[x]
            if scope.body is x.graph:
                break
            scope = scope.around
        if scope is None or scope is self.whole:
            scope = self.whole
            found = self.number(x)
            if found is not None:
                return found
        if not isinstance(x, Apply):
            raise NotStraightLine("a trip hands something on to the next", None)
        scope.env[x] = found = yield self._number(x, scope)
        return found

    def _number(self, x: Apply, inside: _Inside) -> Task:
        b = self.b
        if x.fn.name == "index":
            where = []
            for p in x.args[1:]:
                where.append((yield self.scalar(p, inside)))
            return (yield self.at(x.args[0], tuple(where), inside))
        if x.fn.name == "sum":
            return (yield self._total(x, (), inside))
        if x.fn.name in PRODUCTS:
            return (yield self._product(x, (), inside))
        if not x.fn.elementwise:
            raise NotStraightLine(f"`{x.fn.name}` gives a number", x)
        args = []
        for a in x.args:
            args.append((yield self.scalar(a, inside)))
        b.span, b.adjoint = x.span, x.adjoint
        return b.apply(x.fn, args, x.static)

    # -- arrays --------------------------------------------------------------------------------------------------------------

    def _element(self, x: Node, where: Where, inside: _Inside) -> Task:
        if inside is self.whole or not self._is_in(x, inside):
            found = self.given(x, where)
            if found is not None:
                return found
        if not isinstance(x, Apply):
            raise NotStraightLine("a trip hands something on to the next", None)
        rule = self._each if x.fn.elementwise else getattr(self, f"_{x.fn.name}", None)
        if x.fn.name in PRODUCTS:
            rule = self._product
        if rule is None:
            raise NotStraightLine(f"an element of a `{x.fn.name}`", x)
        return (yield rule(x, where, inside))

    @staticmethod
    def _is_in(x: Node, inside: _Inside | None) -> bool:
        while inside is not None:
            if inside.body is not None and inside.body is x.graph:
                return True
            inside = inside.around
        return False

    def _each(self, x: Apply, where: Where, inside: _Inside) -> Task:
        args = []
        for a in x.args:
            args.append((yield self.at(a, where, inside) if isinstance(a.type, Array) else self.scalar(a, inside)))
        self.b.span, self.b.adjoint = x.span, x.adjoint
        return self.b.apply(x.fn, args, x.static)

    def _broadcast(self, x: Apply, where: Where, inside: _Inside) -> Task:
        a = x.args[0]
        if not isinstance(a.type, Array):
            return (yield self.scalar(a, inside))
        shape = shape_of(a.type)
        tail = where[len(where) - len(shape) :]
        return (yield self.at(a, tuple(p if d != 1 else literal(0) for p, d in zip(tail, shape, strict=True)), inside))

    def _reshape(self, x: Apply, where: Where, inside: _Inside) -> Task:
        return (yield self.at(x.args[0], self.regrouped(where, shape_of(x.type), shape_of(x.args[0].type)), inside))

    def _retype(self, x: Apply, where: Where, inside: _Inside) -> Task:
        return (yield self.at(x.args[0], where, inside))

    def _transpose(self, x: Apply, where: Where, inside: _Inside) -> Task:
        (axes,) = x.static
        return (yield self.at(x.args[0], tuple(where[axes.index(i)] for i in range(len(axes))), inside))

    def _zeros(self, x: Apply, where: Where, inside: _Inside) -> Task:
        return self.b.number(0, _dtype(x))
        yield

    def _array(self, x: Apply, where: Where, inside: _Inside) -> Task:
        place = [p.value for p in where if isinstance(p, Constant)]
        if len(place) < len(where):
            raise NotStraightLine("an element of numbers, at a place that is not known", x)
        return (yield self.scalar(x.args[int(np.ravel_multi_index(place, shape_of(x.type)))], inside))

    def _slice(self, x: Apply, where: Where, inside: _Inside) -> Task:
        rank, steps = len(where), x.static[1]
        places = []
        for start, p, k in zip(x.args[1 : 1 + rank], where, steps, strict=True):
            first = yield self.scalar(start, inside)
            places.append(self.moved(first, self.b.mul(p, literal(k))))
        return (yield self.at(x.args[0], tuple(places), inside))

    def _slice_update(self, x: Apply, where: Where, inside: _Inside) -> Task:
        base, block, *starts = x.args
        (steps,), place = x.static, []
        for start, p, k, n in zip(starts, where, steps, shape_of(block.type), strict=True):
            first = yield self.scalar(start, inside)
            if k != 1 or not isinstance(first, Constant):
                raise NotStraightLine("an element of an array that is written to in steps", x)
            if not self.within(p, first.value, first.value + n):
                return (yield self.at(base, where, inside))
            place.append(self.moved(p, literal(-first.value)))
        return (yield self.at(block, tuple(place), inside))

    def _index_update(self, x: Apply, where: Where, inside: _Inside) -> Task:
        base, value, *places = x.args
        for place, p in zip(places, where, strict=True):
            at = yield self.scalar(place, inside)
            if at is not p and not (isinstance(at, Constant) and self.within(p, at.value, at.value + 1)):
                if not isinstance(at, Constant):
                    raise NotStraightLine("an element of an array that is written to at a place that is not known", x)
                return (yield self.at(base, where, inside))
        return (yield self.scalar(value, inside))

    def _getitem(self, x: Apply, where: Where, inside: _Inside) -> Task:
        loop = x.args[0]
        if not isinstance(loop, Apply) or loop.fn.name != "for_loop":
            raise NotStraightLine("an element of a part of a tuple", x)
        return (yield self._row(loop, x.static[0], where, inside))

    def _for_loop(self, x: Apply, where: Where, inside: _Inside) -> Task:
        return (yield self._row(x, 0, where, inside))

    def _row(self, loop: Apply, k: int, where: Where, inside: _Inside) -> Task:
        """What trip i writes to row i of an array: it writes to no other, and reads none."""
        (body,), (trip, *rest) = loop.graphs, where
        count = yield self.scalar(loop.args[0], inside)
        rows = shape_of(body.params[1 + k].type)[0]
        if not isinstance(count, Constant) or count.value != rows:
            raise NotStraightLine("a loop writes some rows of an array", loop)
        if (loop, trip) not in inside.made:
            inside.made[loop, trip] = _Inside(body, {body.params[0]: trip}, inside)
        new = inside.made[loop, trip]
        write, state = state_of(body, "for_loop")[k], body.params[1 + k]
        while write is not state:
            if not isinstance(write, Apply) or write.graph is not body:
                raise NotStraightLine("a loop hands an array on in some way", loop)
            name = write.fn.name
            if name not in ("index_update", "slice_update") or write.args[2] is not body.params[0]:
                raise NotStraightLine("a trip writes to another's row", loop)
            found = yield self._written(write, tuple(rest), new)
            if found is not None:
                return found
            write = write.args[0]
        return (yield self.at(loop.args[1 + k], where, inside))

    def _written(self, write: Apply, rest: Where, inside: _Inside) -> Task:
        """What a write to a row puts at a place of it; None where it does not write there."""
        value, places = write.args[1], write.args[3:]
        one = write.fn.name == "index_update"
        sizes = (1,) * len(rest) if one else shape_of(value.type)[1:]
        if not one and (shape_of(value.type)[0] != 1 or any(k != 1 for k in write.static[0])):
            raise NotStraightLine("a trip writes to another's row", write)
        place: list[Node] = [literal(0)]
        for start, p, n in zip(places, rest, sizes, strict=True):
            first = yield self.scalar(start, inside)
            if not isinstance(first, Constant):
                raise NotStraightLine("a trip writes somewhere in its row", write)
            if not self.within(p, first.value, first.value + n):
                return None
            place.append(self.moved(p, literal(-first.value)))
        return (yield self.scalar(value, inside) if one else self.at(value, tuple(place), inside))

    def _sum(self, x: Apply, where: Where, inside: _Inside) -> Task:
        return (yield self._total(x, where, inside))

    def _total(self, x: Apply, where: Where, inside: _Inside) -> Task:
        (a,), (axes,) = x.args[:1], x.static
        shape, kept = shape_of(a.type), iter(where)
        choices = [[literal(j) for j in range(d)] if i in axes else [next(kept)] for i, d in enumerate(shape)]
        return (yield self._added_up(x, [(a, place) for place in _places(choices, x)], None, inside))

    def _product(self, x: Apply, where: Where, inside: _Inside) -> Task:
        y, z = x.args
        axes = axes_of(y, z, **x.facts())
        batch, rows = where[: len(axes.batch[0])], where[len(axes.batch[0]) : len(axes.batch[0]) + len(axes.rows)]
        columns = where[len(batch) + len(rows) :]
        over = [[literal(j) for j in range(shape_of(y.type)[i])] for i in axes.over[0]]
        pairs = []
        for terms in _places(over, x):
            one = dict(zip((*axes.batch[0], *axes.rows, *axes.over[0]), (*batch, *rows, *terms), strict=True))
            two = dict(zip((*axes.batch[1], *axes.columns, *axes.over[1]), (*batch, *columns, *terms), strict=True))
            pairs.append([(a, tuple(at[i] for i in range(len(at)))) for a, at in ((y, one), (z, two))])
        return (yield self._added_up(x, [p[0] for p in pairs], [p[1] for p in pairs], inside))

    def _added_up(
        self, x: Apply, terms: Sequence[tuple[Node, Where]], factors: Sequence[tuple[Node, Where]] | None, inside: _Inside
    ) -> Task:
        total: Node = self.b.number(0, _dtype(x))
        for i, term in enumerate(terms):
            value = yield self.at(*term, inside)
            other = (yield self.at(*factors[i], inside)) if factors is not None else None
            self.b.span, self.b.adjoint = x.span, x.adjoint
            total = (
                self.b.add(total, value if other is None else self.b.mul(value, other))
                if i
                else (value if other is None else self.b.mul(value, other))
            )
        return total

    # -- integers ------------------------------------------------------------------------------------------------------------

    def moved(self, p: Node, by: Node) -> Node:
        """The sum of two integers, with its range where that is known."""
        found = self.b.add(p, by)
        ranges = self.range_of(p), self.range_of(by)
        if found.__class__ is not Constant and ranges[0] is not None and ranges[1] is not None:
            self.ranges[found] = ranges[0][0] + ranges[1][0], ranges[0][1] + ranges[1][1] - 1
        return found

    def range_of(self, p: Node) -> Range | None:
        if isinstance(p, Constant):
            return p.value, p.value + 1
        if p in self.ranges:
            return self.ranges[p]
        if isinstance(p, Apply) and p.fn.name in ("add", "sub") and isinstance(p.args[1], Constant):
            found, k = self.range_of(p.args[0]), p.args[1].value * (1 if p.fn.name == "add" else -1)
            return found and (found[0] + k, found[1] + k)
        return None

    def within(self, p: Node, first: int, end: int) -> bool:
        """Whether an integer is in a range; it is known to be inside or outside."""
        found = self.range_of(p)
        if found is not None and first <= found[0] and found[1] <= end:
            return True
        if found is None or (found[0] < end and first < found[1]):
            raise NotStraightLine("it is not known which part of an array an element is of", None)
        return False

    def regrouped(self, where: Where, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Where:
        """The place in an array of another shape, with the elements in the same order."""
        b = self.b
        if [d for d in shape if d != 1] == [d for d in wanted if d != 1]:
            kept = iter([p for p, d in zip(where, shape, strict=True) if d != 1])
            return tuple(literal(0) if d == 1 else next(kept) for d in wanted)
        total: Node = literal(0)
        for p, d in zip(where, shape, strict=True):
            total = b.add(b.mul(total, literal(d)), p)
        place: list[Node] = []
        for d in reversed(wanted[1:]):
            place.insert(0, b.mod(total, literal(d)))
            self.ranges[place[0]] = 0, d
            total = b.floordiv(total, literal(d))
        place.insert(0, total)
        self.ranges[total] = 0, wanted[0] if wanted else 1
        return tuple(place)[: len(wanted)]


def _dtype(x: Node) -> Scalar:
    t = x.type.dtype if isinstance(x.type, Array) else x.type
    assert isinstance(t, Scalar)
    return t


def _places(choices: Sequence[Sequence[Node]], x: Apply) -> list[Where]:
    if np.prod([len(c) for c in choices]) > MOST_TERMS:
        raise NotStraightLine("it adds up many numbers", x)
    return list(itertools.product(*choices))
