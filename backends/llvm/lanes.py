"""Which loops of a kernel run in lanes: those that make the estimate of its work least.

In lanes an operation costs what it costs on one number, so that a loop of n trips costs that of ceil(n / lanes). An
element of an array from outside costs as much as one number where the lanes lie side by side, else as much as each of
them; a reduction over lanes ends in some shuffles.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from irad.backends.llvm.layout import SCALAR, SIZE
from irad.backends.llvm.vectors import vector_bits

from irad.graph.nodes import Node
from irad.nests.statements import Read, Statement, needs_check
from irad.nests.tree import Loop, Tree, leaves
from irad.types import Array

__all__ = ["choose_lanes", "cost_of", "trips"]

UNKNOWN = 1000  # trips
SHUFFLES = 10  # the cost of one value of all lanes
ELEMENT = 2.0  # the cost of an element of memory, on its way to or from the processor
FUNCTION = 5  # operations that cost more than this are calls: some more in lanes


def choose_lanes(tree: Sequence[Tree], paths: Mapping[Statement, Sequence[Loop]]) -> tuple[set[Loop], int]:
    """The loops whose values are vectors, no two of them nested; and how many lanes there are."""
    return _Choice(tree, paths).run()


def cost_of(
    item: Tree, paths: Mapping[Statement, Sequence[Loop]], chosen: Collection[Loop], outputs: Collection[Node]
) -> float:
    """The estimate of what a tree costs in operations, with the elements of arrays that it reads and writes."""
    choice = _Choice([item], paths)
    total = 0.0
    for s in leaves([item]):
        assert isinstance(s, Statement)
        total += choice.cost(s, next((loop for loop in paths[s] if loop in chosen), None))
        outside = [{s.classes[p.axis] for p in r.places if p.axis is not None} for r in s.reads if r.source not in choice.made]
        if s.node in outputs:
            outside.append({s.classes[i] for i in s.value})
        total += sum(ELEMENT * math.prod(trips(loop) for loop in paths[s] if loop.axis in axes) for axes in outside if axes)
    return total


def trips(loop: Loop) -> int:
    """How many trips a loop has, roughly."""
    return loop.dim if isinstance(loop.dim, int) else UNKNOWN


class _Choice:
    def __init__(self, tree: Sequence[Tree], paths: Mapping[Statement, Sequence[Loop]]) -> None:
        self.tree, self.paths = tree, paths
        widths = {_width(n.type) for s in paths for n in (s.node, *s.node.args)} - {1}
        self.lanes = vector_bits() // 8 // max(widths, default=8)
        self.made = {s.node for s in paths}

    def run(self) -> tuple[set[Loop], int]:
        chosen: set[Loop] = set()
        for item in self.tree:
            chosen |= self.best(item)[1]
        return chosen, self.lanes

    def best(self, item: Tree) -> tuple[float, set[Loop]]:
        """The least cost of a tree, and the loops in lanes that give it."""
        if not isinstance(item, Loop):
            assert isinstance(item, Statement)
            return self.cost(item, None), set()
        cost = 0.0
        chosen: set[Loop] = set()
        for inner in item.items:
            c, loops = self.best(inner)
            cost, chosen = cost + c, chosen | loops
        inside: list[Statement] = leaves([item])  # type: ignore[assignment]
        if not any(s.node.fn.elementwise and needs_check(s.node) for s in inside):
            whole = sum(self.cost(s, item) for s in inside)
            if whole < cost:
                return whole, {item}
        return cost, chosen

    def cost(self, s: Statement, lane: Loop | None) -> float:
        path = self.paths[s]
        count = math.prod(trips(loop) for loop in path if loop is not lane)
        operation = 2 if s.is_product else max(s.node.fn.cost, 1)
        once = operation * (1.0 if lane is None or operation <= FUNCTION else 1.5)
        ends = 0.0
        if lane is not None:
            count *= math.ceil(trips(lane) / self.lanes)
            if s.reduces and lane.axis not in {s.classes[i] for i in s.value}:
                ends = SHUFFLES * math.prod(trips(loop) for loop in path if loop.axis in {s.classes[i] for i in s.value})
        once += sum(self.reading(r, s, lane) for r in s.reads)
        if not s.reduces and isinstance(s.node.type, Array) and lane is not None and s.classes[s.value[-1]] != lane.axis:
            once += self.lanes / 4
        return count * once + ends

    def reading(self, r: Read, s: Statement, lane: Loop | None) -> float:
        if not r.places or r.source in self.made:
            return 0.0
        if lane is None:
            return 1.0
        along = [q for q, p in enumerate(r.places) if p.axis is not None and s.classes[p.axis] == lane.axis]
        if not along:
            return 0.25
        if along == [len(r.places) - 1] and r.places[-1].step in (1, -1):
            return 1.0
        used = {s.classes[p.axis] for p in r.places if p.axis is not None}
        again = math.prod(trips(loop) for loop in self.paths[s] if loop.axis not in used)
        return 1.0 if again >= self.lanes else float(self.lanes)


def _width(t: Any) -> int:
    return SIZE[SCALAR[str(t.dtype if isinstance(t, Array) else t)]]
