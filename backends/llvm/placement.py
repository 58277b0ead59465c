"""Where a kernel keeps its values: in registers where they are read as they are made, else in memory of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from irad.backends.llvm.layout import SCALAR, SIZE
from irad.backends.llvm.memory import Buffer
from irad.backends.llvm.sums import Sums, scalar_of

from irad.nests.statements import Place, Statement
from irad.nests.tree import Loop, Tree

__all__ = ["Placement"]

CACHE = 32 << 10  # bytes that are near
UNROLLED, UNROLLED_OPERATIONS = 16, 400  # trips of a loop that is unrolled; statements that unrolling may make


class Placement(Sums):
    tree: list[Tree]
    lane_loops: set[Loop]

    def choose_unrolled(self) -> set[Loop]:
        """Loops that are short, from the inside out, while the text stays short."""
        size: dict[Any, float] = {}
        out: set[Loop] = set()

        def measure(item: Tree) -> float:
            if not isinstance(item, Loop):
                return 1.0
            inner = sum(map(measure, item.items))
            d = self.extent[item]
            trips = int(d) if d.isdigit() else 0
            inside = all(i in out for i in item.items if isinstance(i, Loop))
            if 0 < trips <= UNROLLED and inside and trips * inner <= UNROLLED_OPERATIONS:
                out.add(item)
                inner *= trips
            size[item] = inner
            return inner

        for item in self.tree:
            measure(item)
        return out

    def sums_fill_the_cache(self) -> bool:
        """Whether sums in memory are so many that two vectors had better be folded into one for each of them."""
        total = 0
        for s in self.order:
            if s.reduces and self.sums_in_memory(s) and self.sums_over_lanes(s):
                inside = [self.extent[loop] for loop in self.path[s][self.outermost(s) :]]
                kept = [self.dims[s][i] for i in s.value]
                sizes = [int(d) for d in kept if d in inside and d.isdigit()]
                total += math.prod(sizes) * SIZE[self.ll(s)] * self.width
        return total > CACHE

    def lane_loop(self, s: Statement) -> Loop | None:
        return next((loop for loop in self.path[s] if loop in self.lane_loops), None)

    def users(self, s: Statement) -> list[tuple[Statement, tuple[Place, ...]]]:
        return [(t, r.places) for t in self.order for r in t.reads if r.source is s.node]

    def common(self, s: Statement) -> int:
        """How many loops a statement shares with all that read its value."""
        path = self.path[s]
        least = len(path)
        for t, _ in self.users(s):
            shared = 0
            for x, y in zip(path, self.path[t], strict=False):
                if x is not y:
                    break
                shared += 1
            least = min(least, shared)
        return least

    def local_axes(self, s: Statement) -> tuple[int, ...]:
        """The axes of a value (by their number in it) that it has inside the loops it shares with its readers."""
        shared = {loop.axis for loop in self.path[s][: self.common(s)]}
        return tuple(q for q, i in enumerate(s.value) if s.classes[i] not in shared)

    def in_registers(self, s: Statement) -> bool:
        """Whether a value is read only where it was just made, or everywhere along unrolled loops."""
        local = self.local_axes(s)
        loops = {loop.axis: loop for loop in self.path[s]}
        if any(loops[s.classes[s.value[q]]] not in self.unrolled for q in local):
            return False
        for t, places in self.users(s):
            mine = {loop.axis: loop for loop in self.path[t]}
            for q in local:
                p = places[q]
                if p.terms or (p.axis is not None and mine[t.classes[p.axis]] not in self.unrolled):
                    return False
        return True

    def ll(self, s: Statement) -> str:
        return SCALAR[str(scalar_of(s.node))]

    def buffer(self, s: Statement, axes: Sequence[int]) -> Buffer:
        """Memory for the axes of a value that are local; an axis in lanes is the last."""
        lane = self.lane_loop(s)
        fixed = lane is not None and any(s.classes[i] == lane.axis and q not in axes for q, i in enumerate(s.value))
        ordered = sorted(axes, key=lambda q: lane is not None and s.classes[s.value[q]] == lane.axis)
        dims = tuple(self.dims[s][s.value[q]] for q in ordered)
        return self.memory(s, tuple(ordered), dims, lanes=self.lanes if fixed else 0)

    def partial_buffer(self, s: Statement) -> Buffer:
        """Memory in which a reduction is summed up: the axes it keeps inside of those it sums over."""
        axes, dims, lanes = self.partial_axes(s)
        whole = self.places.get(s)
        lane = self.lane_loop(s)
        if whole is not None and not lanes and not whole.lanes:
            at_lane = bool(axes) and lane is not None and s.classes[s.value[axes[-1]]] == lane.axis
            if not at_lane or whole.axes[-1:] == axes[-1:]:
                return whole
        return self.memory(s, axes, dims, lanes=lanes)

    def partial_axes(self, s: Statement) -> tuple[tuple[int, ...], tuple[str, ...], int]:
        """The axes of the memory in which a reduction is summed up, in order, their sizes, and the lanes of its items."""
        inside = [loop.axis for loop in self.path[s][self.outermost(s) :]]
        lane = self.lane_loop(s)
        axes = [q for q, i in enumerate(s.value) if s.classes[i] in inside]
        is_lane = [lane is not None and s.classes[s.value[q]] == lane.axis for q in axes]
        ordered = tuple(q for _, q in sorted(zip(is_lane, axes, strict=True)))
        vectors = lane is not None and not any(is_lane)
        lanes = self.width if self.sums_over_lanes(s) else self.lanes
        return ordered, tuple(self.dims[s][s.value[q]] for q in ordered), lanes if vectors else 0

    def memory(self, s: Statement, axes: tuple[int, ...], dims: tuple[str, ...], *, lanes: int) -> Buffer:
        return self.memory_of(self.ll(s), axes, dims, lanes=lanes)
