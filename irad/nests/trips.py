"""Loops whose trips do not meet: their bodies are numbers, and what one trip writes no other trip reads or writes.

    for i in range(n):                          trip i reads and writes row i of `out`
        out[i, 0] = f(x[i]);  out[i, 1] = g(x[i + 1])

So the trips may run in any order, and several at once. `trips_apart` finds the loops of which the second is true, whatever
their bodies do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import captured
from irad.primitives.table import CHECKED, TOTAL
from irad.types import Array, Scalar

__all__ = [
    "Access",
    "Affine",
    "Indices",
    "Trips",
    "arrays_apart",
    "independent_trips",
    "is_apart",
    "is_number",
    "is_overwritten",
    "is_test",
    "own_places",
    "trips_apart",
]

WRITES = frozenset({"index_update", "index_add"})
BLOCKS = frozenset({"slice", "slice_update", "slice_add"})
UPDATES = WRITES | {"slice_update", "slice_add"}
TOUCHES = UPDATES | {"index", "slice"}
FARTHEST = 1 << 20  # from trip to trip: nothing wraps around


class Affine(NamedTuple):
    """An index: step * (the trip's number) + first + sum(k * node), the nodes the same in all trips."""

    step: int = 0
    first: int = 0
    terms: tuple[tuple[int, Node], ...] = ()

    def plus(self, other: Affine, sign: int = 1) -> Affine:
        terms = (*self.terms, *((sign * k, n) for k, n in other.terms))
        return Affine(self.step + sign * other.step, self.first + sign * other.first, terms)

    def times(self, k: int) -> Affine:
        return Affine(k * self.step, k * self.first, tuple((k * j, n) for j, n in self.terms))

    @property
    def is_constant(self) -> bool:
        return not self.step and not self.terms


@dataclass(slots=True, eq=False)
class Access:
    """A read or write of an element. `state`: which of the loop's arrays it is of; None for one from outside. A read from
    outside may be `scattered`: its places, not known, differ from trip to trip in any way."""

    node: Apply
    places: tuple[Affine, ...]
    state: int | None
    scattered: bool = False

    @property
    def writes(self) -> bool:
        return self.node.fn.name in WRITES


@dataclass(slots=True)
class Trips:
    """A body whose trips do not meet: its reads and writes."""

    body: Graph
    accesses: dict[Apply, Access] = field(default_factory=dict)
    tests: list[Apply] = field(default_factory=list)  # what must be true, in order
    repeatable: bool = True  # a trip that runs a second time changes nothing

    def of_state(self, k: int) -> list[Access]:
        return [a for a in self.accesses.values() if a.state == k]

    def numbers(self) -> set[Node]:
        """What is a number in the body, and not only a place."""
        needed: set[Node] = {a for test in self.tests for a in test.args}
        for node in reversed(self.body.body):
            access = self.accesses.get(node)
            if access is not None and access.writes:
                needed.add(node.args[1])
            elif node in needed and (access is None or access.scattered):
                needed.update(node.args if access is None else node.args[1:])
        return needed


def independent_trips(loop: Apply, *, scattered: bool = False, tests: bool = False) -> Trips | None:
    """The accesses of a for_loop whose trips do not meet; None where they may. `scattered`: reads may be. `tests`: trips may
    fail, too, where they say so."""
    (body,) = loop.graphs
    state = body.params[1:]
    if not state or not all(isinstance(p.type, Array) for p in state):
        return None
    out = Trips(body)
    version: dict[Node, int] = {p: k for k, p in enumerate(state)}
    current: list[Node] = list(state)
    indices = Indices(body.params[0], lambda i: i.graph is not body)
    found_there: set[Node] = set()  # what depends on scattered reads
    for node in body.body:
        if node is body.output and node.fn.name == "make_tuple":
            continue
        if any(a in found_there for a in node.args):
            found_there.add(node)
        if node.fn.name == "index" or node.fn.name in WRITES:
            places, state_of = indices.places(node), version.get(node.args[0])
            anywhere = places is None and node.fn.name == "index" and state_of is None
            if anywhere and scattered:
                if any(a in found_there or not _is_wide(a) for a in node.args[1:]):
                    return None
                found_there.add(node)
            elif places is None or (state_of is not None and node.args[0] is not current[state_of]):
                return None
            access = Access(node, places or (), state_of, anywhere)
            if access.state is None and (access.writes or node.args[0].graph is body):
                return None
            out.accesses[node] = access
            if access.writes:
                version[node] = access.state  # type: ignore[assignment]
                current[access.state] = node  # type: ignore[index]
            if node.fn.name == "index_add" or (access.state is not None and not access.writes):
                out.repeatable = False
        elif is_number(node):
            indices.note(node)
        elif tests and is_test(node):
            out.tests.append(node)
        else:
            return None
    made = body.output.args if len(state) > 1 and isinstance(body.output, Apply) else (body.output,)
    if list(made) != current or not all(map(_apart, map(out.of_state, range(len(state))))):
        return None
    return out if any(a.writes for a in out.accesses.values()) else None


def is_number(node: Apply) -> bool:
    """Whether an operation on numbers cannot fail."""
    if node.graphs or not node.fn.elementwise or not callable(node.fn.llvm):
        return False
    if not all(isinstance(n.type, Scalar) for n in (node, *node.args)):
        return False
    return node.fn.order == TOTAL or (node.fn.order == CHECKED and node.type.kind == "f")  # type: ignore[attr-defined]


def is_test(node: Apply) -> bool:
    """Whether an operation fails where a number is not true, and does nothing else."""
    return node.fn.name == "assert" and all(isinstance(a.type, Scalar) for a in node.args)


class Indices:
    """What is known of the integers of a loop's body as indices. `same`: whether a number is the same in all trips."""

    def __init__(self, trip: Node, same: Callable[[Node], bool]) -> None:
        self.same = same
        self.known: dict[Node, Affine] = {trip: Affine(1)}
        self.from_end: dict[Node, Affine] = {}  # that count from the end where they are negative: inside, they are not

    def note(self, node: Apply) -> None:
        """An operation on numbers that differ from trip to trip."""
        if not _is_wide(node):
            return
        found = self._combined(node)
        if found is not None:
            self.known[node] = found
        elif (found := self._counted_back(node)) is not None:
            self.from_end[node] = found

    def number(self, i: Node) -> Affine | None:
        if not _is_wide(i):
            return None
        if isinstance(i, Constant):
            return Affine(0, int(i.value))
        found = self.known.get(i)
        return Affine(terms=((1, i),)) if found is None and self.same(i) else found

    def place(self, i: Node) -> Affine | None:
        """A number as an index of an array."""
        return self.from_end[i] if i in self.from_end else self.number(i)

    def places(self, access: Apply) -> tuple[Affine, ...] | None:
        _, *rest = access.args
        found = [self.place(i) for i in (rest[1:] if access.fn.name in WRITES else rest)]
        return None if any(p is None for p in found) else tuple(found)  # type: ignore[arg-type]

    def _combined(self, node: Apply) -> Affine | None:
        if node.fn.name not in ("add", "sub", "mul"):
            return None
        x, y = (self.number(a) for a in node.args)
        if x is None or y is None:
            return None
        if node.fn.name == "mul":
            x, y = (x, y) if y.is_constant else (y, x)
            return x.times(y.first) if y.is_constant else None
        return x.plus(y, 1 if node.fn.name == "add" else -1)

    def _counted_back(self, node: Apply) -> Affine | None:
        """select(i < 0, ..., i) as i."""
        if node.fn.name != "select":
            return None
        test, _, i = node.args
        negative = isinstance(test, Apply) and test.fn.name == "lt" and test.args[0] is i
        if not negative or not isinstance(test.args[1], Constant) or test.args[1].value != 0:  # type: ignore[attr-defined]
            return None
        return self.number(i)


def _is_wide(node: Node) -> bool:
    t = node.type
    return isinstance(t, Scalar) and t.kind == "i" and t.width == 64


def _apart(accesses: Sequence[Access]) -> bool:
    return not any(a.writes for a in accesses) or is_apart([a.places for a in accesses])


def is_apart(places: Sequence[tuple[Affine, ...]]) -> bool:
    """Whether different trips are at different elements: along one axis, all are at the same place, which moves."""
    return any(p.step and all(q[axis] == p for q in places) for axis, p in enumerate(places[0]))


def own_places(loop: Apply, where: Sequence[Node], t: Array) -> bool:
    """Whether each trip of a for_loop has an element of its own at these indices into an array: along one axis the index moves,
    and is inside of it."""
    (body,), trips = loop.graphs, loop.args[0]
    if not isinstance(trips, Constant):
        return False
    indices = Indices(body.params[0], lambda _: False)
    for node in body.body:
        indices.note(node)
    last = int(trips.value) - 1
    for i, d in zip(where, t.shape, strict=True):
        p = indices.number(i)
        if (
            p is not None
            and p.step
            and not p.terms
            and isinstance(d, int)
            and all(0 <= p.first + k * p.step < d for k in (0, last))
        ):
            return True
    return False


def is_overwritten(zeros: Apply) -> bool:
    """Whether all elements of a new array are written by the one loop that has it, and none is read before."""
    graph = zeros.graph
    assert graph is not None
    users = [n for n in graph.body if zeros in n.args]
    if len(users) != 1 or users[0].fn.name != "for_loop" or graph.output is zeros:
        return False
    (loop,) = users
    if any(zeros in captured(g) for n in graph.body for g in n.graphs if n.fn.name != "call"):
        return False
    found = independent_trips(loop, scattered=True, tests=True)
    if found is None or loop.args.count(zeros) != 1:
        return False
    accesses = found.of_state(loop.args.index(zeros) - 1)
    shape, trips = zeros.type.shape, loop.args[0]  # type: ignore[attr-defined]
    size = shape[0] if isinstance(shape[0], int) else zeros.args[0]
    if size is not trips and not (isinstance(trips, Constant) and trips.value == size):
        return False
    if not all(isinstance(d, int) for d in shape[1:]) or not all(a.node.fn.name == "index_update" for a in accesses):
        return False
    if not all(a.places[0] == Affine(1) and all(p.is_constant for p in a.places[1:]) for a in accesses):
        return False
    return bool(len({a.places for a in accesses}) == math.prod(shape[1:]))


def trips_apart(loop: Apply) -> list[Node] | None:
    """Whether what one trip of a for_loop writes no other trip reads or writes, whatever else its body does: it may branch,
    loop, make arrays and fail, but not print. The arrays that it writes to, as they follow one another; None where it may."""
    (body,) = loop.graphs
    state = body.params[1:]
    if not state or not all(isinstance(p.type, Array) for p in state) or _prints(body):
        return None
    return arrays_apart(loop, range(len(state)))


def arrays_apart(loop: Apply, which: Sequence[int]) -> list[Node] | None:
    """The same of some of the arrays that a loop carries."""
    (body,) = loop.graphs
    state = [body.params[1 + k] for k in which]
    version: dict[Node, int] = {p: k for k, p in enumerate(state)}
    current: list[Node] = list(state)
    indices = Indices(body.params[0], lambda i: i.graph is not body)
    touched: list[list[list[Affine | None]]] = [[] for _ in state]
    for node in body.body:
        if node is body.output and len(body.params) > 2:
            continue
        if any(a in version for g in node.graphs if node.fn.name != "call" for a in captured(g)):
            return None
        if is_number(node):
            indices.note(node)
        if not any(a in version for a in node.args):
            continue
        x = node.args[0]
        if node.fn.name not in TOUCHES or x not in version or any(a in version for a in node.args[1:]):
            return None
        k = version[x]
        if x is not current[k]:
            return None
        touched[k].append(_touched(node, indices, loop.args[0]))
        if node.fn.name in UPDATES:
            version[node], current[k] = k, node
    made = body.output.args if len(body.params) > 2 and isinstance(body.output, Apply) else (body.output,)
    if [made[k] for k in which] != current:
        return None
    for x, accesses in zip(state, touched, strict=True):
        if not any(all(a[q] is not None and a[q] == accesses[0][q] for a in accesses) for q in range(x.type.rank)):  # type: ignore[attr-defined]
            return None
    return list(version)


def _touched(node: Apply, indices: Indices, trips: Node) -> list[Affine | None]:
    """Along each axis: the index that moves with the trip at which an array is read or written, or at which a block begins that
    ends before the next trip's; None for others."""
    _, *rest = node.args
    places = [indices.place(i) for i in (rest[1:] if node.fn.name in UPDATES else rest)]
    rows = [1] * len(places)  # from a block's first to behind its last, so many along each axis; 0 where that is not known
    if node.fn.name in BLOCKS:
        shape, steps = node.static if node.fn.name == "slice" else (rest[0].type.shape, *node.static)  # type: ignore[attr-defined]
        rows = [(d - 1) * k + 1 if isinstance(d, int) and (k > 0 or d == 1) else 0 for d, k in zip(shape, steps, strict=True)]
    from_end = [i in indices.from_end for i in (rest[1:] if node.fn.name in UPDATES else rest)]
    moves = [p is not None and 0 < n <= abs(p.step) <= FARTHEST for p, n in zip(places, rows, strict=False)]
    return [
        p if moved and not (back and not _is_counted(p, trips)) else None  # type: ignore[arg-type]
        for p, moved, back in zip(places, moves, from_end, strict=False)
    ]


def _is_counted(p: Affine, trips: Node) -> bool:
    """Whether an index is known to be 0 or more in all trips, and so counts from the beginning."""
    least = p._replace(step=0)
    if p.step < 0:
        last = Affine(0, int(trips.value) - 1) if isinstance(trips, Constant) else Affine(0, -1, ((1, trips),))
        least = least.plus(last.times(p.step))
    total: dict[Node, int] = {}
    for k, n in least.terms:
        total[n] = total.get(n, 0) + k
    return least.first >= 0 and not any(total.values())


def _prints(graph: Graph) -> bool:
    """Whether a graph prints, or calls what does."""
    seen: set[Graph] = set()
    todo = [graph]
    while todo:
        g = todo.pop()
        if g not in seen:
            seen.add(g)
            for node in g.body:
                if node.fn.name == "print":
                    return True
                todo += node.graphs
    return False
