"""Outermost loops of a kernel whose trips are done in parts, which several threads share.

What a part keeps to itself it makes itself. A reduction over the loop is summed up by each part for itself, in memory of its
own; then those sums are added up in the order of the parts, so that they are the same for any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from irad.backends.llvm.lanes import cost_of, trips
from irad.backends.llvm.layout import SIZE
from irad.backends.llvm.levels import Value
from irad.backends.llvm.memory import LINE, Buffer
from irad.backends.llvm.parts import Parts, parts_of, run_in_parts
from irad.backends.llvm.placement import Placement
from irad.backends.llvm.sums import Key
from irad.backends.llvm.threads import MOST_THREADS

from irad.graph.nodes import Node
from irad.nests.statements import Statement
from irad.nests.tree import Loop

__all__ = ["KernelParts"]

SUM_BYTES = 4 << 20  # of the sums of all parts at most
SUM_COST = 24 * 16  # how much a part must do for each line of memory of its own sums: to make, fold and add them is 1/16 of it


class Own(NamedTuple):
    """Memory of a reduction's sums, of all parts: those of part 0, and the bytes of each."""

    first: Buffer
    bytes: int


class KernelParts(Placement):
    in_parts: dict[Loop, Parts]
    own: dict[Statement, Own]  # of reductions over those loops

    def trips_of(self, loop: Loop, begin: str, end: str) -> None:
        raise NotImplementedError

    # -- whether -----------------------------------------------------------------------------------------------------------

    def choose_parts(self, outputs: Collection[Node]) -> None:
        """The loops that are done in parts, and how many."""
        self.in_parts, self.own = {}, {}
        if not self.e.fails or self.e.in_part:
            return
        for loop in self.tree:
            if not isinstance(loop, Loop) or loop in self.unrolled or not trips(loop):
                continue
            rooms = [self.bytes_of_sums(s) for s in self.starting(loop)]
            if None in rooms:
                continue
            cost = cost_of(loop, self.path, self.lane_loops, outputs) / trips(loop)
            own = sum(room for room in rooms if room is not None)
            most = min(SUM_BYTES // max(own, 1), MOST_THREADS)
            align = self.lanes if loop in self.lane_loops else 1
            parts = parts_of(self.e, self.extent[loop], cost, align, more=SUM_COST * (own // LINE), most=most)
            if parts is not None:
                self.in_parts[loop] = parts

    def bytes_of_sums(self, s: Statement) -> int | None:
        """Whole lines for the sums of a part; None where they are not known."""
        if self.sums_in_memory(s):
            _, dims, lanes = self.partial_axes(s)
        else:
            dims, lanes = (str(len(self.own_keys(s))),), 0
        if not all(d.isdigit() for d in dims):
            return None
        return -(-math.prod(map(int, dims)) * SIZE[self.ll_in(s)] * (lanes or 1) // LINE) * LINE

    def own_keys(self, s: Statement) -> Sequence[Key]:
        return self.keys_of(s, self.path[s][self.outermost(s) :])

    # -- a loop --------------------------------------------------------------------------------------------------------------

    def share_parts(self, loop: Loop) -> None:
        """A loop in parts."""
        sums, parts = self.starting(loop), self.in_parts[loop]
        for s in sums:
            self.own[s] = self.make_own(s, parts)
        run_in_parts(self.e, self.extent[loop], parts, lambda: self.part(loop, sums))
        for s in sums:
            self.e.node = s.node
            self.add_up(s, parts)
        self.end_sums(loop)

    def make_own(self, s: Statement, parts: Parts) -> Own:
        room = self.bytes_of_sums(s)
        assert room is not None
        data = self.room(str(room * parts.most), 1)
        if not self.sums_in_memory(s):
            return Own(Buffer(data, (0,), (str(len(self.own_keys(s))),)), room)
        axes, dims, lanes = self.partial_axes(s)
        return Own(Buffer(data, axes, dims, lanes), room)

    def part(self, loop: Loop, sums: Sequence[Statement]) -> None:
        """The trips from %first to %end; the sums go into memory of this part's."""
        e = self.e
        kept = self.cache, self.temporary
        self.cache, self.temporary = [{}], []
        buffers = {}
        for s in sums:
            first, room = self.own[s]
            offset = e.emit(f"mul nuw nsw i64 %part, {room}")
            buffers[s] = first._replace(data=e.address(first.data, offset))
            if self.sums_in_memory(s):
                self.partial[s] = buffers[s]
        for s in self.order:
            if self.path[s][:1] == [loop]:
                self.place_inside(s)
        self.begin_sums(loop)
        self.trips_of(loop, "%first", "%end")
        self.index.pop(loop.axis, None)
        for s in sums:
            if s not in self.partial:
                e.node = s.node
                for k, key in enumerate(self.own_keys(s)):
                    v = self.over_lanes(s, self.sums.pop(key, self.identity(s)), self.lanes)
                    self.put(self.ll_in(s), buffers[s], [(Value(str(k)), 0)], v)
        self.free_temporary()
        self.cache, self.temporary = kept

    def place_inside(self, s: Statement) -> None:
        """Memory of a statement's that a part keeps to itself."""
        raise NotImplementedError

    def add_up(self, s: Statement, parts: Parts) -> None:
        """Add the sums of all parts to those of part 0, in order."""
        e, t = self.e, self.ll_in(s)
        first, room = self.own[s]
        lanes, self.lanes = self.lanes, LINE // SIZE[t]
        rest = str(int(parts.number) - 1) if parts.number.isdigit() else e.emit(f"sub nsw i64 {parts.number}, 1")
        items = room // SIZE[t]
        whole = Buffer(first.data, (0,), (str(items * parts.most),))

        def part(k: Value) -> None:
            other = self.add(self.mul(k, Value(str(items))), Value(str(items)))
            self.plain_loop(str(room // LINE), lambda line: vector(self.mul(line, Value(str(self.lanes))), other))

        def vector(i: Value, other: Value) -> None:
            x, y = (self.get(t, whole, [(at, 1)]) for at in (i, self.add(other, i)))
            self.put(t, whole, [(i, 1)], self.combined(s, x, y, lane=True))

        self.plain_loop(rest, part)
        self.lanes = lanes
        if self.sums_in_memory(s):
            self.partial[s] = first
        else:
            for k, key in enumerate(self.own_keys(s)):
                self.sums[key] = self.get(t, first, [(Value(str(k)), 0)])
