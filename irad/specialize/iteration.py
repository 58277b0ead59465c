"""What a `for` runs over: ranges, sequences, arrays, and zip, enumerate and reversed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.values import Compound

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


class Iteration:
    """The number of trips, the item of trip i, and `items` where each is known apart."""

    __slots__ = ("item", "items", "trips")

    def __init__(self, trips: Node, item: Callable[[Node], Any], items: list[Any] | None = None) -> None:
        self.trips, self.item, self.items = trips, item, items


def each(s: Specializer, items: list[Any]) -> Iteration:
    """One item after the other."""
    sequence = Compound("tuple", None, items)
    return Iteration(literal(len(items)), lambda i: objects.sequence_item(s, sequence, i), items)


def iteration(s: Specializer, v: Any) -> Task:
    yield from ()
    return iteration_now(s, v)


def iteration_now(s: Specializer, v: Any) -> Iteration:
    b = s.b
    if isinstance(v, Compound):
        if v.kind == "range":
            return _range_iteration(s, v)
        if v.kind == "zip":
            return _zip_iteration(s, v)
        if v.kind == "enumerate":
            inner, start = iteration_now(s, v.children[0]), v.children[1]
            if inner.items is not None:
                return each(s, [Compound("tuple", None, [b.add(start, literal(i)), x]) for i, x in enumerate(inner.items)])
            return Iteration(inner.trips, lambda i: Compound("tuple", None, [b.add(start, i), inner.item(i)]))
        if v.kind == "reversed":
            inner = iteration_now(s, v.children[0])
            if inner.items is not None:
                return each(s, inner.items[::-1])
            last = b.sub(inner.trips, literal(1))
            return Iteration(inner.trips, lambda i: inner.item(b.sub(last, i)))
    if s.arrays.is_array(s, v):
        return s.arrays.iteration(s, v)  # type: ignore[no-any-return]
    found = objects.growing(s, v)
    if found is not None:
        (node,) = found.children
        return Iteration(s.b.list_size(node), lambda i: objects.growing_item(s, v, i))
    items = objects.static_items(s, v)
    if items is None:
        raise s.refuse("not-iterable", f"{s.describe(v)} cannot be iterated over")
    return each(s, items)


def _range_iteration(s: Specializer, v: Compound) -> Iteration:
    b = s.b
    start, stop, step = v.children
    span = b.sub(stop, start)
    if isinstance(step, Constant):
        k = step.value
        trips = span if k == 1 else b.floordiv(b.add(span, literal(k - 1 if k > 0 else k + 1)), step)
    else:
        b.assert_(b.ne(step, literal(0)), error="ValueError", message="range() arg 3 must not be zero")
        towards = b.select(b.gt(step, literal(0)), literal(-1), literal(1))
        trips = b.floordiv(b.add(span, b.add(step, towards)), step)
    return Iteration(trips, lambda i: b.add(start, b.mul(i, step)))


def _zip_iteration(s: Specializer, v: Compound) -> Iteration:
    b = s.b
    inner = [iteration_now(s, c) for c in v.children]
    if not inner:
        return each(s, [])
    known = [it.trips.value for it in inner if isinstance(it.trips, Constant)]
    if any(it.items is not None for it in inner) and len(known) == len(inner):
        if v.head and len(set(known)) > 1:
            s.b.raise_(error="ValueError", message="zip() arguments have different lengths")
            raise s.Bottom
        return each(
            s,
            [
                Compound("tuple", None, [it.items[k] if it.items is not None else it.item(literal(k)) for it in inner])
                for k in range(min(known))
            ],
        )
    total = inner[0].trips
    for it in inner[1:]:
        if v.head:
            b.assert_(b.eq(total, it.trips), error="ValueError", message="zip() arguments have different lengths")
        else:
            total = b.minimum(total, it.trips)
    return Iteration(total, lambda i: Compound("tuple", None, [it.item(i) for it in inner]))
