"""What a `for` runs over: ranges, sequences, arrays, and zip, enumerate and reversed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from irad.errors import CompileError
from irad.graph.build import literal
from irad.graph.nodes import Apply, Constant, Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.values import Compound, is_complex

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


class Iteration:
    """The number of trips, the item of trip i, and `known(k)` where each is known apart: the item as it is when asked for,
    for a body may write to what it runs over. `lists`: the lists, and the lengths that they must keep, None
    where that is known at run time only."""

    __slots__ = ("item", "known", "lists", "trips")

    def __init__(
        self,
        trips: Node,
        item: Callable[[Node], Any],
        known: Callable[[int], Any] | None = None,
        lists: Sequence[tuple[Any, int | None]] = (),
    ) -> None:
        self.trips, self.item, self.known, self.lists = trips, item, known, tuple(lists)

    def check(self, s: Specializer) -> None:
        """Refuse a list whose length has changed since the loop began: Python would go on, or stop earlier."""
        if any(count is not None and len(objects.items_of(s, v)) != count for v, count in self.lists):
            raise changed(s)

    def grown(self, s: Specializer) -> list[tuple[Any, Node]]:
        """The lists of run-time length, as they are now."""
        return [(v, objects.content(s, v).children[0]) for v, count in self.lists if count is None]

    def at(self, k: int) -> Any:
        """The item of trip k, as it is now."""
        return self.known(k) if self.known is not None else self.item(literal(k))

    @property
    def count(self) -> int:
        """The number of trips, where it is known."""
        assert isinstance(self.trips, Constant)
        return max(int(self.trips.value), 0)

    @property
    def items(self) -> list[Any] | None:
        """All items as they are now, where each is known apart."""
        return None if self.known is None else [self.known(k) for k in range(self.count)]


def changed(s: Specializer) -> CompileError:
    return s.refuse(
        "changed-while-iterated",
        "a list changes its length while a loop runs over it",
        help="run over a copy: list(x); or over range(len(x)), if the loop is to stop where the list ended",
    )


def check_length(s: Specializer, before: Sequence[tuple[Any, Node]], store: Any) -> None:
    """Refuse a list whose length may have changed in a trip; putting items in the place of others keeps it."""
    for v, node in before:
        if not _keeps_length(store.get(v.obj).children[0], node):
            raise changed(s)


def _keeps_length(node: Node, list_: Node) -> bool:
    """Whether a node is a list with items put in the place of others only, on every path."""
    todo, seen = [node], {list_}
    while todo:
        n = todo.pop()
        if n in seen:
            continue
        seen.add(n)
        control, index = (n.args[0], n.static[0]) if isinstance(n, Apply) and n.fn.name == "getitem" else (n, None)
        if not isinstance(control, Apply):
            return False
        if control.fn.name == "list_update":
            todo.append(control.args[0])
        elif control.fn.name in ("cond", "for_loop", "while_loop"):
            outputs = [g.output for g in control.graphs]
            if control.fn.name == "while_loop":
                outputs = [out.args[1] for out in outputs]  # type: ignore[attr-defined]
            if index is not None:
                outputs = [out.args[index] for out in outputs]  # type: ignore[attr-defined]
            todo += outputs
            if control.fn.name != "cond":
                counted = control.fn.name == "for_loop"
                todo.append(control.args[counted + (index or 0)])
                seen.add(control.graphs[0].params[counted + (index or 0)])
        else:
            return False
    return True


def each(s: Specializer, items: list[Any]) -> Iteration:
    """One item after the other."""
    sequence = Compound("tuple", None, items)
    return Iteration(literal(len(items)), lambda i: objects.sequence_item(s, sequence, i), items.__getitem__)


def over_list(s: Specializer, v: Any, count: int) -> Iteration:
    """The items of a list of known length, each as it is in its trip."""
    item = objects.sequence_item
    return Iteration(literal(count), lambda i: item(s, v, i), lambda k: objects.items_of(s, v)[k], [(v, count)])


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
            return Iteration(
                inner.trips,
                lambda i: Compound("tuple", None, [b.add(start, i), inner.item(i)]),
                inner.known and (lambda k: Compound("tuple", None, [b.add(start, literal(k)), inner.at(k)])),
                inner.lists,
            )
        if v.kind == "reversed":
            inner = iteration_now(s, v.children[0])
            last = b.sub(inner.trips, literal(1))
            return Iteration(
                inner.trips,
                lambda i: inner.item(b.sub(last, i)),
                inner.known and (lambda k: inner.at(inner.count - 1 - k)),
                inner.lists,
            )
    if is_complex(v):
        from irad.specialize import complexes

        over = complexes.iteration(s, v)
        if over is not None:
            return over
    if s.arrays.is_array(s, v):
        return s.arrays.iteration(s, v)  # type: ignore[no-any-return]
    found = objects.growing(s, v)
    if found is not None:
        (node,) = found.children
        return Iteration(s.b.list_size(node), lambda i: objects.growing_item(s, v, i), lists=[(v, None)])
    items = objects.static_items(s, v)
    if items is None:
        raise s.refuse(
            "not-iterable",
            f"{s.describe(v)} cannot be iterated over",
            help="write range(n) for an integer n; loop over tuples, lists, dicts, arrays and ranges",
        )
    return over_list(s, v, len(items)) if objects.is_list(v) else each(s, items)


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
    counts = [it.count for it in inner if isinstance(it.trips, Constant)]
    if any(it.known is not None for it in inner) and len(counts) == len(inner):
        if v.head and len(set(counts)) > 1:
            s.b.raise_(error="ValueError", message="zip() arguments have different lengths")
            raise s.Bottom

        def known(k: int) -> Any:
            return Compound("tuple", None, [it.at(k) for it in inner])

        lists = [pair for it in inner for pair in it.lists]
        return Iteration(literal(min(counts)), lambda i: Compound("tuple", None, [it.item(i) for it in inner]), known, lists)
    total = inner[0].trips
    for it in inner[1:]:
        if v.head:
            b.assert_(b.eq(total, it.trips), error="ValueError", message="zip() arguments have different lengths")
        else:
            total = b.minimum(total, it.trips)
    return Iteration(total, lambda i: Compound("tuple", None, [it.item(i) for it in inner]))
