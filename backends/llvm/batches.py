"""Loops whose trips do not meet, a trip a lane: the numbers of a body become vectors.

    for i in range(n): out[i, 0] = sin(q[i]); out[i, 1] = cos(q[i])       8 trips: q[i:i+8], two vectors, turned into rows

The last vector ends where the loop ends: it does some trips a second time, where that changes nothing.

An array from outside may be read at places that other arrays hold, x[k[i]]. That these are inside is found out before, by a
loop over them alone; where one is not, no trip is done in lanes.
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
    found = independent_trips(loop, scattered=True, tests=True)
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
        return work >= FAR * sum(map(self.is_far, self.found.accesses.values()))

    @staticmethod
    def is_far(a: Access) -> bool:
        return a.scattered or any(p.step for p in a.places[:-1]) or a.places[-1].step not in (0, 1)

    def bounds(self) -> bool:
        """Whether all places are inside, as far as is known."""
        return all(
            self.within(a.node.args[2:] if a.writes else a.node.args[1:], a.places, self.dims_of(a))
            for a in self.found.accesses.values()
            if not a.scattered
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

    def places_inside(self) -> str | None:
        scattered = [a for a in self.found.accesses.values() if a.scattered and a.node in self.needed]
        return Inside(self, scattered).test() if scattered else None

    def trip(self, i: Value) -> list[str]:
        e = self.e
        self.begin_trip(i)
        rows = self.rows()
        for node in self.body.body:
            access = self.found.accesses.get(node)
            if access is None:
                if node in self.needed:
                    self.values[node] = self.number(node)
                continue
            e.node = node
            if access.scattered:
                if node in self.needed:
                    self.values[node] = self.gathered(access)
            elif not access.writes:
                self.values[node] = self.read(access)
            elif access not in rows:
                self.write(access)
        for group in self.groups(rows):
            self.put_rows(group)
        self.tests = self.found.tests
        return []

    def begin_trip(self, i: Value) -> None:
        self.index, trip = i, self.body.params[0]
        if trip in self.needed:
            self.values[trip] = self.trip_numbers(i)

    def read(self, a: Access) -> Value:
        return self.get(self.type_of(a), self.buffer(a), self.indices(a), fixed=a.state is None)

    def gathered(self, a: Access) -> Value:
        """What is at the places of the lanes, which are any."""
        n, t, b = self.lanes, self.type_of(a), self.buffer(a)
        memory, fixed, places, stride = memory_type(t), Value("0"), Value("0"), Value("1")
        for node, d in zip(reversed(a.node.args[1:]), reversed(b.dims), strict=True):
            v = self.value(node)
            if v.lane:
                part = v if stride.text == "1" else self.in_all("mul nsw", v, stride)
                places = self.in_all("add nsw", places, part) if places.lane else part
            else:
                fixed = self.add(fixed, self.mul(v, stride))
            stride = self.mul(stride, Value(d))
        p, _ = self.pointer(memory, b.data, [(fixed, 0, "1")])
        text = f"getelementptr {memory}, ptr {p.text}, <{n} x i64> {self.splat(places, 'i64')}"
        return self.load_scattered(t, self.pure(text, self.depth, lane=True), self.depth, fixed=True)

    def in_all(self, what: str, x: Value, y: Value) -> Value:
        """An operation on integers in lanes."""
        n = self.lanes
        return self.pure(f"{what} <{n} x i64> {x.text}, {self.splat(y, 'i64')}", self.depth, lane=True)

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


class Inside(Batch):
    """The loop over the places of scattered reads: whether all are inside."""

    repeats = True

    def __init__(self, batch: Batch, scattered: Sequence[Access]) -> None:
        InLanes.__init__(self, batch.e, batch.loop, batch.trips, batch.lanes)
        self.found, self.reads, self.firsts = batch.found, scattered, batch.firsts
        self.needed = {i for a in scattered for i in a.node.args[1:]}
        for node in reversed(self.body.body):
            if node in self.needed and node not in self.found.accesses:
                self.needed.update(node.args)
        self.outside = self.fresh(f"<{self.lanes} x i1>")

    def test(self) -> str:
        e, n = self.e, self.lanes
        (outside,) = self.vectors_between("0", self.trips)
        e.declare(f"declare i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1>)")
        return str(e.emit(f"xor i1 {e.emit(f'call i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1> {outside})')}, true"))

    def carried(self) -> list[tuple[str, str, str]]:
        return [(self.outside, f"<{self.lanes} x i1>", "zeroinitializer")]

    def trip(self, i: Value) -> list[str]:
        e, n = self.e, self.lanes
        self.begin_trip(i)
        for node in self.body.body:
            if node in self.needed:
                e.node, access = node, self.found.accesses.get(node)
                self.values[node] = self.number(node) if access is None else self.read(access)
        outside = self.outside
        checked = [(i, d) for a in self.reads for i, d in zip(a.node.args[1:], self.dims_of(a), strict=True)]
        for place, d in dict.fromkeys(checked):
            if not e.below(place, d):
                there, size = self.splat(self.value(place), "i64"), self.splat(Value(d), "i64")
                text = self.pure(f"icmp uge <{n} x i64> {there}, {size}", self.depth, lane=True).text
                outside = e.emit(f"or <{n} x i1> {outside}, {text}")
        return [outside]
