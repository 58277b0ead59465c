"""A loop whose trips do not meet, a thread a trip: the loops of `irad.vmap`, and others like them.

    for i in range(n): out[i, 0] = sin(x[i]); out[i, 1] = cos(x[i])     =>     thread i writes row i of out

Each array that the loop writes to is the caller's, and holds at first what the loop begins with. A loop that may read or write
outside of an array has no such function.
"""

from __future__ import annotations

from typing import Any

from irad.backends.cupy.function import Function, Writer
from irad.backends.cupy.scalar import CTYPE, ScalarOps, ctype, literal, scalar_of

from irad.graph.nodes import Apply, Constant, Node
from irad.nests.trips import Access, Affine, Trips, independent_trips
from irad.types import Dim

__all__ = ["batch"]


def batch(e: ScalarOps, loop: Apply, name: str, names: dict[Node, str]) -> Function | None:
    """The function that a for_loop is; None where its trips have to follow one another, or do more than numbers can."""
    found = independent_trips(loop)
    count = _count(loop.args[0])
    if found is None or count is None:
        return None
    numbers = [n for n in found.numbers() if n.graph is found.body]
    made = [n for n in numbers if isinstance(n, Apply) and n not in found.accesses]
    if not all(callable(n.fn.cuda) for n in made) or not all(str(scalar_of(n)) in CTYPE for n in (*numbers, *found.accesses)):
        return None
    if not all(_inside(p, d, count) for a in found.accesses.values() for p, d in zip(a.places, _shape(a), strict=True)):
        return None
    writer = _Batch(e, names, loop, found)
    return writer.written(name, count, lambda: writer.trips(count))


def _count(trips: Node) -> int | Dim | None:
    """How many trips there are, as sizes of arrays are."""
    if isinstance(trips, Constant):
        return int(trips.value)
    if isinstance(trips, Apply) and trips.fn.name == "dim":
        return trips.args[0].type.shape[trips.facts()["axis"]]  # type: ignore[attr-defined, no-any-return]
    return None


def _shape(a: Access) -> tuple[Any, ...]:
    return a.node.args[0].type.shape  # type: ignore[attr-defined, no-any-return]


def _inside(p: Affine, d: int | Dim, count: int | Dim) -> bool:
    """Whether a place is known to be one of an axis in all trips."""
    if p == Affine(1) and d == count:
        return True
    if p.terms or not isinstance(d, int) or not (isinstance(count, int) or not p.step):
        return False
    last = p.first + p.step * (count - 1) if isinstance(count, int) else p.first
    return 0 <= min(p.first, last) and max(p.first, last) < d


class _Batch(Writer):
    """A loop being emitted."""

    def __init__(self, e: ScalarOps, names: dict[Node, str], loop: Apply, found: Trips) -> None:
        super().__init__(e, names)
        self.loop, self.found, self.needed = loop, found, found.numbers()

    def trips(self, count: Any) -> None:
        self.share(self.dim(count))
        for node in self.found.body.body:
            access = self.found.accesses.get(node)
            self.span = node.span
            if access is not None and access.writes:
                self.write(access)
            elif node in self.needed:
                value = self.e.operation(node, [self.value(a) for a in node.args]) if access is None else self.element(access)
                self.line(f"const {ctype(scalar_of(node))} v_{self.label(node)} = {value};")
        self.end_block()

    def write(self, a: Access) -> None:
        at, v = self.element(a), self.value(a.node.args[1])
        if a.node.fn.name == "index_add":
            self.e.operand = scalar_of(a.node)
            v = self.e.arith("+", at, v)
        self.line(f"{at} = {v};")

    def value(self, node: Node) -> str:
        """A number."""
        if isinstance(node, Constant):
            return literal(scalar_of(node), node.value)
        if node is self.found.body.params[0]:
            return "t"
        if node.graph is self.found.body:
            return f"v_{self.label(node)}"
        return self.parameter(node, "in", self.label(node), ctype(scalar_of(node)))

    def element(self, a: Access) -> str:
        if a.state is None:
            array = a.node.args[0]
            name = self.parameter(array, "in", self.label(array), f"const {ctype(scalar_of(array))} *")
        else:
            array = self.found.body.params[1 + a.state]
            name = self.parameter(array, "out", self.label(array), f"{ctype(scalar_of(array))} *")
        return f"{name}[{self.flat([_position(p) for p in a.places], [self.dim(d) for d in _shape(a)])}]"


def _position(p: Affine) -> str:
    if not p.step:
        return str(p.first)
    moving = "t" if p.step == 1 else f"{p.step} * t"
    return f"({moving} + {p.first})" if p.first else moving
