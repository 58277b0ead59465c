"""Loops whose trips do not meet, a trip a lane: the numbers of a body become vectors.

    for i in range(n): out[i, 0] = sin(q[i]); out[i, 1] = cos(q[i])       8 trips: q[i:i+8], two vectors, turned into rows

The last vector ends where the loop ends: it does some trips a second time, where that changes nothing.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from irad.backends.llvm import arrays
from irad.backends.llvm.in_lanes import LEAST_LANES, InLanes, Rest
from irad.backends.llvm.layout import SCALAR, SIZE
from irad.backends.llvm.levels import Value
from irad.backends.llvm.memory import Buffer, Index, memory_type, short
from irad.backends.llvm.sums import scalar_of
from irad.backends.llvm.vectors import vector_bits

from irad.graph.nodes import Apply, Constant, Node
from irad.nests.trips import Access, Trips, independent_trips

__all__ = ["run_in_lanes"]

FAR = 2  # operations that make up for an element that is apart from the next lane's
IN_ROWS = 3  # elements side by side that are written as rows


def run_in_lanes(e: Any, loop: Apply, trips: str) -> Rest | None:
    """Emit a loop in lanes; None where it does not run so."""
    if any(a in e.virtual for a in loop.args):
        return None
    found = independent_trips(loop)
    if found is None or any(a.state is None and a.node.args[0] in e.virtual for a in found.accesses.values()):
        return None
    batch = Batch(e, loop, trips, found)
    return batch.emit() if batch.pays() and batch.bounds() else None


class Batch(InLanes):
    """One loop being emitted."""

    def __init__(self, e: Any, loop: Apply, trips: str, found: Trips) -> None:
        super().__init__(e, loop, trips, 0)
        self.found = found
        self.repeats = found.repeatable
        self.needed = found.numbers()
        self.lanes = vector_bits() // 8 // max(self.widths(), default=8)

    # -- whether ---------------------------------------------------------------------------------------------------------

    def widths(self) -> set[int]:
        inside = [n for n in self.needed if n.graph is self.body and not isinstance(n, Constant)]
        return {SIZE[SCALAR[str(scalar_of(n))]] for n in (*inside, *(a.node for a in self.found.accesses.values()))} - {1}

    def pays(self) -> bool:
        """Whether vectors are full, and elements that lie apart are few for what is done with them."""
        if self.lanes < LEAST_LANES or (self.trips.isdigit() and int(self.trips) < self.lanes):
            return False
        work = sum(max(n.fn.cost, 1) for n in self.body.body if n in self.needed and n not in self.found.accesses)
        far = [a for a in self.found.accesses.values() if any(p.step for p in a.places[:-1]) or a.places[-1].step not in (0, 1)]
        return work >= FAR * len(far)

    def bounds(self) -> bool:
        """Whether all places are inside, as far as is known."""
        return all(
            self.within(a.node.args[2:] if a.writes else a.node.args[1:], a.places, self.dims_of(a))
            for a in self.found.accesses.values()
        )

    def source(self, a: Access) -> Node:
        return a.node.args[0] if a.state is None else self.loop.args[1 + a.state]

    def dims_of(self, a: Access) -> list[str]:
        return self.dims(self.source(a))

    # -- the loop ----------------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        e = self.e
        for k, x in enumerate(self.loop.args[1:]):
            if any(a.writes for a in self.found.of_state(k)):
                dims = arrays.shape(e, x)
                self.state[k] = (*arrays.owned(e, x, dims), *arrays.run_time(arrays.array_type(x), dims))
        for a in self.found.accesses.values():
            for p in a.places:
                self.firsts.setdefault(p._replace(step=0), self.first(p))
        return []

    def trip(self, i: Value) -> list[str]:
        e = self.e
        self.index = i
        trip = self.body.params[0]
        if trip in self.needed:
            self.values[trip] = self.trip_numbers(i)
        rows = self.rows()
        for node in self.body.body:
            access = self.found.accesses.get(node)
            if access is None:
                if node in self.needed:
                    self.values[node] = self.number(node)
                continue
            e.node = node
            if not access.writes:
                fixed = access.state is None
                self.values[node] = self.get(self.type_of(access), self.buffer(access), self.indices(access), fixed=fixed)
            elif access not in rows:
                self.write(access)
        for group in self.groups(rows):
            self.put_rows(group)
        return []

    def write(self, a: Access) -> None:
        t, v = self.type_of(a), self.value(a.node.args[1])
        b, indices = self.buffer(a), self.indices(a)
        if a.node.fn.name == "index_add":
            before = self.get(t, b, indices)
            v = self.plus(a.node, before, v)
        self.put(t, b, indices, v)

    def type_of(self, a: Access) -> str:
        return SCALAR[str(scalar_of(self.source(a)))]

    def buffer(self, a: Access) -> Buffer:
        dims = self.dims_of(a)
        data = self.e.get(a.node.args[0])[0] if a.state is None else self.state[a.state][0]
        return Buffer(data, tuple(range(len(dims))), tuple(dims))

    def indices(self, a: Access) -> list[Index]:
        return [(self.add(self.firsts[p._replace(step=0)], self.mul(Value(str(p.step)), self.index)), p.step) for p in a.places]

    # -- rows ----------------------------------------------------------------------------------------------------------------

    def rows(self) -> dict[Access, int]:
        """Writes of elements that lie side by side, and where: for each array that is written at one place of each trip, but
        for constants along its last axes."""
        out: dict[Access, int] = {}
        for k in range(len(self.state)):
            accesses = self.found.of_state(k)
            heads = {tuple(itertools.dropwhile(lambda p: p.is_constant, reversed(a.places))) for a in accesses}
            if len(heads) != 1 or not all(a.node.fn.name == "index_update" for a in accesses):
                continue
            (head,) = heads
            dims = self.dims_of(accesses[0])[len(head) :]
            if dims and all(d.isdigit() for d in dims):
                for a in accesses:
                    place = 0
                    for p, d in zip(a.places[len(head) :], dims, strict=True):
                        place = place * int(d) + p.first
                    out[a] = place
        return out

    def groups(self, rows: dict[Access, int]) -> list[list[Access]]:
        """Writes side by side, as many as there are lanes where there are so many; the last to a place counts."""
        by_state: dict[int, dict[int, Access]] = defaultdict(dict)
        for a, place in rows.items():
            by_state[a.state][place] = a  # type: ignore[index]
        out: list[list[Access]] = []
        for found in by_state.values():
            places = sorted(found)
            for _, run in itertools.groupby(enumerate(places), lambda kp: kp[1] - kp[0]):
                side_by_side = [found[p] for _, p in run]
                count, n = len(side_by_side), self.lanes
                starts = [*range(0, count - n + 1, n)] if count >= n else [0]
                if count > n and count % n:
                    starts.append(count - n)
                out += [side_by_side[s : s + n] for s in starts]
        return out

    def put_rows(self, group: Sequence[Access]) -> None:
        """Store vectors of one element each as rows of several."""
        if len(group) < IN_ROWS:
            for a in group:
                self.write(a)
            return
        e, n, t = self.e, self.lanes, self.type_of(group[0])
        memory, count = memory_type(t), len(group)
        vector, size = f"<{n} x {memory}>", SIZE[t]
        columns = [self.splat(self.value(a.node.args[1]), t) for a in group]
        if t == "i1":
            columns = [e.emit(f"zext <{n} x i1> {c} to {vector}") for c in columns]
        rows = self.transposed(columns + ["poison"] * (n - count), vector)
        p, step = self.pointer(memory, self.buffer(group[0]).data, self.inside(self.buffer(group[0]), self.indices(group[0])))
        for k, row in enumerate(rows):
            offset = self.mul(Value(str(k)), step)
            at = self.pure(f"getelementptr {memory}, ptr {p.text}, i64 {offset.text}", max(p.level, offset.level)).text
            if count == n:
                e.do(f"store {vector} {row}, ptr {at}, align {size}")
            else:
                on = ", ".join(f"i1 {'true' if c < count else 'false'}" for c in range(n))
                name = f"llvm.masked.store.v{n}{short(memory)}.p0"
                e.declare(f"declare void @{name}({vector}, ptr, i32, <{n} x i1>)")
                e.do(f"call void @{name}({vector} {row}, ptr {at}, i32 {size}, <{n} x i1> <{on}>)")

    def transposed(self, columns: list[str], vector: str) -> list[str]:
        """Vectors that hold lane l of each column: in each step, blocks twice as large trade their corners."""
        e, n, s = self.e, self.lanes, 1
        while s < n:
            low = ", ".join(f"i32 {i if not i & s else n + i - s}" for i in range(n))
            high = ", ".join(f"i32 {i + s if not i & s else n + i}" for i in range(n))
            out = list(columns)
            for a in range(n):
                if not a & s:
                    pair = f"{vector} {columns[a]}, {vector} {columns[a + s]}, <{n} x i32>"
                    out[a] = e.emit(f"shufflevector {pair} <{low}>")
                    out[a + s] = e.emit(f"shufflevector {pair} <{high}>")
            columns, s = out, 2 * s
        return columns
