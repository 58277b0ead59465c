"""Arrays that are put together in place become pieces, each computed at once where it belongs.

    %1 = slice_update(%ct, zeros, 1)            row 0           of ct + w
    %2 = slice_add(%1, %w, 0)            =>     row 1           of w
    %3 = slice_add(%2, %w, 2)                   rows 2 to n - 3 of w + w, one loop
                                                ...
The cotangent of a stencil is such a chain: written out, each link is a pass over memory. The pieces lie between the ends of the
blocks; what is put there is computed again for each piece where that is cheap, and goes into a new array, which is made of
the pieces alone.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from irad.graph.build import literal
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.nests.blocks import Block, Users, block_of, users_in
from irad.nests.statements import PUTS, is_source
from irad.optimize.rebuild import Rebuild
from irad.primitives.scalar import FUNCTION_COST
from irad.types import Array

__all__ = ["into_pieces"]

MOST = 9  # pieces of an array
LEAST = 64  # elements of an array that is put together: what is smaller is as well written in place
AGAIN = 24  # what computing an element again may cost


@dataclass(frozen=True, slots=True)
class Chain:
    """An array, and the blocks that are put into it."""

    base: Node
    blocks: list[Block]

    @property
    def last(self) -> Apply:
        return self.blocks[-1].put

    def cuts(self) -> list[int]:
        """Where pieces begin and end."""
        rows = self.base.type.shape[0]  # type: ignore[attr-defined]
        return sorted({0, rows, *(b.first for b in self.blocks), *(b.stop for b in self.blocks)})


def into_pieces(module: Module) -> Module:
    """The module with fewer passes over arrays; the same module where there is nothing to put together."""
    graphs = [g for g in all_graphs(module) if any(n.fn.name in PUTS for n in g.body)]
    chains = {c.last: c for g in graphs for c in _chains(g)}
    return _Pieces(module, chains).run() if chains else module


def _chains(graph: Graph) -> list[Chain]:
    users = users_in(graph)
    out = []
    for node in graph.body:
        if _is_link(node) and not _goes_on(node, graph, users):
            c = _chain(node, graph, users)
            if len(c.cuts()) <= MOST + 1 and _pays(c, graph, users):
                out.append(c)
    return out


def _goes_on(node: Apply, graph: Graph, users: Users) -> bool:
    """Whether the array is only read by what puts the next block into it."""
    readers = users.get(node, [])
    return node is not graph.output and len(readers) == 1 and readers[0].args[0] is node and _is_link(readers[0])


def _is_link(put: Apply) -> bool:
    return block_of(put) is not None and put.args[0] is not put.args[1]


def _chain(last: Apply, graph: Graph, users: Users) -> Chain:
    blocks = [block_of(last)]
    base = last.args[0]
    while isinstance(base, Apply) and base.graph is graph and _is_link(base) and _goes_on(base, graph, users):
        blocks.append(block_of(base))
        base = base.args[0]
    return Chain(base, blocks[::-1])  # type: ignore[arg-type]


def _pays(c: Chain, graph: Graph, users: Users) -> bool:
    """Whether passes over the elements are saved: a new array is one."""
    t = c.base.type
    assert isinstance(t, Array)
    rows: int = t.shape[0]  # type: ignore[assignment]
    if math.prod(t.static_shape or ()) < LEAST:
        return False
    passes = rows if is_source(c.base) or len(users.get(c.base, ())) > 1 else 0  # it is made, or copied
    for b in c.blocks:
        computed = isinstance(b.value, Apply) and b.value.graph is graph and (is_source(b.value) or _is_computed(b.value))
        passes += (b.stop - b.first) * (1 + computed)
    return 2 * passes > 3 * rows


def _is_computed(v: Apply) -> bool:
    """Whether an operation is one element by element that cannot fail."""
    return v.fn.elementwise and v.fn.order == "total" and isinstance(v.type, Array)


class _Pieces(Rebuild):
    def __init__(self, module: Module, chains: dict[Apply, Chain]) -> None:
        super().__init__(module)
        self.chains = chains
        self.inner = {b.put for c in chains.values() for b in c.blocks[:-1]}

    def plain(self, node: Apply) -> None:
        if node in self.chains:
            self.bind(node, self.whole(self.chains[node]))
        elif node not in self.inner:
            super().plain(node)

    def whole(self, c: Chain) -> Node:
        """The array of a chain, made of its pieces."""
        b, t = self.b, c.base.type
        assert isinstance(t, Array)
        base = self.get(c.base)
        values = [(block, self.get(block.value)) for block in c.blocks]
        cuts = c.cuts()
        parts = []
        for first, stop in itertools.pairwise(cuts):
            b.adjoint = c.last.adjoint
            part = self.rows(base, first, stop)
            for block, v in values:
                if block.meets(first, stop):
                    b.span, b.adjoint = block.put.span, block.put.adjoint
                    new = self.rows(v, first - block.first, stop - block.first)
                    part = self.added(part, new) if block.adds else new
            parts.append((first, part))
        b.span, b.adjoint = c.last.span, c.last.adjoint
        out = b.zeros(of=t)
        rest = [literal(0)] * (t.rank - 1)
        for first, part in parts:
            out = b.slice_update(out, part, literal(first), *rest, steps=(1,) * t.rank)
        if out.__class__ is Apply and out.name is None:
            out.name = c.last.name
        return out

    def added(self, x: Node, y: Node) -> Node:
        """x + y; a cotangent that is zeros adds nothing."""
        for v, other in ((x, y), (y, x)):
            if self.b.adjoint and isinstance(v, Apply) and v.fn.name == "zeros":
                return other
        return self.b.add(x, y)

    def rows(self, v: Node, first: int, stop: int) -> Node:
        """Rows of an array, computed again where that is cheap."""
        t = v.type
        assert isinstance(t, Array)
        if (first, stop) == (0, t.shape[0]):
            return v
        cheap = self.cost(v, AGAIN) <= AGAIN
        return self.restricted(v, first, stop, cheap)

    def restricted(self, v: Node, first: int, stop: int, cheap: bool) -> Node:
        b, t = self.b, v.type
        if not isinstance(t, Array):
            return v
        shape = (stop - first, *t.shape[1:])
        if isinstance(v, Apply):
            name = v.fn.name
            if name == "zeros":
                return b.zeros(of=Array(t.dtype, shape))
            if name == "broadcast" and not isinstance(v.args[0].type, Array):
                return b.broadcast(v.args[0], shape=shape)
            if cheap and _is_computed(v) and v.graph is b.graph:
                return b.apply(v.fn, [self.restricted(a, first, stop, cheap) for a in v.args], v.static)
            if name == "slice" and v.static[1][0] == 1:
                x, start, *rest = v.args
                return b.slice(x, b.add(start, literal(first)), *rest, shape=shape, steps=v.static[1])
        rest = [literal(0)] * (t.rank - 1)
        return b.slice(v, literal(first), *rest, shape=shape, steps=(1,) * t.rank)

    def cost(self, v: Node, most: float) -> float:
        """What computing an element of an array again costs, as far as it matters."""
        if not (isinstance(v, Apply) and _is_computed(v) and v.graph is self.b.graph):
            return 0
        if v.fn.cost >= FUNCTION_COST:
            return most + 1
        total: float = v.fn.cost
        for a in v.args:
            if total > most:
                break
            total += self.cost(a, most - total)
        return total
