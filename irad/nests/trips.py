"""Loops whose trips do not meet: their bodies are numbers, and what one trip writes no other trip reads or writes.

    for i in range(n):                          trip i reads and writes row i of `out`
        out[i, 0] = f(x[i]);  out[i, 1] = g(x[i + 1])

So the trips may run in any order, and several at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import captured
from irad.primitives.table import CHECKED, TOTAL
from irad.types import Array, Scalar

__all__ = ["Access", "Affine", "Trips", "independent_trips", "is_overwritten"]

WRITES = frozenset({"index_update", "index_add"})


class Affine(NamedTuple):
    """An index: step * (the trip's number) + first + sum(k * node), the nodes from outside of the loop."""

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
    """A read or write of an element. `state`: which of the loop's arrays it is of; None for one from outside."""

    node: Apply
    places: tuple[Affine, ...]
    state: int | None

    @property
    def writes(self) -> bool:
        return self.node.fn.name in WRITES


@dataclass(slots=True)
class Trips:
    """A body whose trips do not meet: its reads and writes."""

    body: Graph
    accesses: dict[Apply, Access] = field(default_factory=dict)
    repeatable: bool = True  # a trip that runs a second time changes nothing

    def of_state(self, k: int) -> list[Access]:
        return [a for a in self.accesses.values() if a.state == k]


def independent_trips(loop: Apply) -> Trips | None:
    """The accesses of a for_loop whose trips do not meet; None where they may."""
    (body,) = loop.graphs
    state = body.params[1:]
    if not state or not all(isinstance(p.type, Array) for p in state):
        return None
    out = Trips(body)
    version: dict[Node, int] = {p: k for k, p in enumerate(state)}
    current: list[Node] = list(state)
    places: dict[Node, Affine] = {body.params[0]: Affine(1)}
    from_end: dict[Node, Affine] = {}  # places that count from the end where they are negative: as such, inside they are not
    for node in body.body:
        if node is body.output and node.fn.name == "make_tuple":
            continue
        if node.fn.name == "index" or node.fn.name in WRITES:
            access = _access(node, places | from_end if from_end else places, version)
            if access is None or (access.state is not None and node.args[0] is not current[access.state]):
                return None
            if access.state is None and (access.writes or node.args[0].graph is body):
                return None
            out.accesses[node] = access
            if access.writes:
                version[node] = access.state  # type: ignore[assignment]
                current[access.state] = node  # type: ignore[index]
            if node.fn.name == "index_add" or (access.state is not None and not access.writes):
                out.repeatable = False
        elif _is_number(node):
            p = _affine(node, places)
            if p is not None:
                places[node] = p
            elif (p := _from_end(node, places)) is not None:
                from_end[node] = p
        else:
            return None
    made = body.output.args if len(state) > 1 and isinstance(body.output, Apply) else (body.output,)
    if list(made) != current or not all(_apart(out.of_state(k)) for k in range(len(state))):
        return None
    return out if any(a.writes for a in out.accesses.values()) else None


def _is_number(node: Apply) -> bool:
    """Whether an operation on numbers cannot fail."""
    if node.graphs or not node.fn.elementwise or not callable(node.fn.llvm):
        return False
    if not all(isinstance(n.type, Scalar) for n in (node, *node.args)):
        return False
    return node.fn.order == TOTAL or (node.fn.order == CHECKED and node.type.kind == "f")  # type: ignore[attr-defined]


def _access(node: Apply, places: dict[Node, Affine], version: dict[Node, int]) -> Access | None:
    x, *rest = node.args
    at = [_place(i, places, node.graph) for i in (rest[1:] if node.fn.name in WRITES else rest)]
    if any(p is None for p in at):
        return None
    return Access(node, tuple(at), version.get(x))  # type: ignore[arg-type]


def _is_wide(node: Node) -> bool:
    t = node.type
    return isinstance(t, Scalar) and t.kind == "i" and t.width == 64


def _place(i: Node, places: dict[Node, Affine], body: Graph | None) -> Affine | None:
    if not _is_wide(i):
        return None
    if isinstance(i, Constant):
        return Affine(0, int(i.value))
    found = places.get(i)
    if found is None and i.graph is not body:
        return Affine(terms=((1, i),))
    return found


def _affine(node: Apply, places: dict[Node, Affine]) -> Affine | None:
    """An integer as an index, where it is one."""
    if not _is_wide(node) or node.fn.name not in ("add", "sub", "mul"):
        return None
    x, y = (_place(a, places, node.graph) for a in node.args)
    if x is None or y is None:
        return None
    if node.fn.name == "mul":
        x, y = (x, y) if y.is_constant else (y, x)
        return x.times(y.first) if y.is_constant else None
    return x.plus(y, 1 if node.fn.name == "add" else -1)


def _from_end(node: Apply, places: dict[Node, Affine]) -> Affine | None:
    """select(i < 0, ..., i) as i."""
    if node.fn.name != "select" or not _is_wide(node):
        return None
    test, _, i = node.args
    negative = isinstance(test, Apply) and test.fn.name == "lt" and test.args[0] is i
    if not negative or not isinstance(test.args[1], Constant) or test.args[1].value != 0:  # type: ignore[attr-defined]
        return None
    return _place(i, places, node.graph)


def _apart(accesses: Sequence[Access]) -> bool:
    """Whether different trips are at different elements: along one axis, all are at the same place, which moves."""
    return not any(a.writes for a in accesses) or any(
        p.step and all(a.places[axis] == p for a in accesses) for axis, p in enumerate(accesses[0].places)
    )


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
    found = independent_trips(loop)
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
