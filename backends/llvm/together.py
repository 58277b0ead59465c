"""Loops with loops inside, a trip a lane, where all trips go the same way and share only what they add to.

for i in range(n):                                 8 points at once: y is 3 vectors, g[j] a vector for each j, whose
    for j in range(3): y[j] = w[j] * x[i, j]       lanes are summed up when all is done
    for j in range(3): g[j] += y[j] * x[i, j]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from irad.backends.llvm import arrays, polls
from irad.backends.llvm.bounds import check_axis
from irad.backends.llvm.in_lanes import LEAST_LANES, InLanes, Rest
from irad.backends.llvm.layout import SCALAR, SIZE
from irad.backends.llvm.levels import Value, known
from irad.backends.llvm.memory import Buffer, Index
from irad.backends.llvm.sums import scalar_of
from irad.backends.llvm.vectors import vector_bits

from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import nested_graphs
from irad.nests.together import Carried, Own, Root, Together, outputs, sides, trips_together
from irad.nests.trips import WRITES, Affine, is_test
from irad.types import Array, Struct

__all__ = ["run_together"]

ADDED_UP = 16  # operations that make up for one sum of an array
FAR = 2  # operations that make up for an element that is apart from the next lane's
IN_ORDER = 12  # operations that make up for an addition that waits for that of the trip before
UNKNOWN = 10  # trips of a loop inside
ROW = 256  # elements of a row that is turned into vectors once, where loops inside read it
MEMORY = 1 << 22  # bytes of all that trips have for themselves


def run_together(e: Any, loop: Apply, trips: str) -> Rest | None:
    """Emit a loop in lanes; None where it does not run so."""
    if trips.isdigit() and int(trips) < LEAST_LANES:
        return None
    found = trips_together(loop, reorder=e.fast)
    if found is None or any(n.args[0] in e.virtual for n in found.places) or any(a in e.virtual for a in loop.args):
        return None
    lanes = vector_bits() // 8 // max(_widths(found), default=8)
    if lanes < LEAST_LANES or (trips.isdigit() and int(trips) < lanes):
        return None
    group = TripsInLanes(e, found, trips, lanes)
    return group.emit() if group.fits() else None


def _widths(found: Together) -> set[int]:
    """The bytes of the numbers that differ from trip to trip, but for those that are only indices."""
    arithmetic = {n for n in found.varying if scalar_of(n).kind == "f"}
    return {SIZE[SCALAR[str(scalar_of(n))]] for n in arithmetic}


class TripsInLanes(InLanes):
    """One loop being emitted."""

    def __init__(self, e: Any, found: Together, trips: str, lanes: int) -> None:
        super().__init__(e, found.loop, trips, lanes)
        self.found = found
        self.nested = set(nested_graphs(self.body))
        self.buffers: dict[Root, Buffer] = {}
        self.names = {k: self.fresh(self.type_of_sum(k)) for k in found.sums}
        self.rows: dict[tuple[Node, int, Affine], Buffer] = {}
        self.results: dict[Node, dict[int, Value]] = {}  # of loops inside: the numbers

    # -- whether -------------------------------------------------------------------------------------------------------------

    def fits(self) -> bool:
        """Whether memory is small and work is large, and all places that move are inside, as far as is known."""
        f = self.found
        arrays_of = [*(r.node for r in set(f.roots.values()) if isinstance(r, Own)), *map(self.array, self.summed())]
        if not all(arrays.array_type(n).static_shape for n in arrays_of) or not self.pays():
            return False
        if sum(map(self.size, arrays_of)) * 8 * self.lanes > MEMORY:
            return False
        return all(map(self.moves_inside, f.places)) and not (f.tests and any(map(self.is_checked, f.places)))

    def is_checked(self, access: Apply) -> bool:
        """Whether each trip finds out whether a place is inside: that would fail before a test that stands before it."""
        at = zip(_indices(access), self.found.places[access], self.dims(self.source(access)), strict=True)
        return not all(p.step or self.e.below(i, d) for i, p, d in at)

    def moves_inside(self, access: Apply) -> bool:
        """Whether the places of an access that differ from trip to trip are inside; the others are checked where they are."""
        places = self.found.places[access]
        if not any(p.step for p in places):
            return True
        at = zip(_indices(access), places, self.dims(self.source(access)), strict=True)
        return self.within(*zip(*[(i, p, d) for i, p, d in at if p.step], strict=True))

    def inside_always(self, p: Affine, d: str) -> bool | None:
        if any(node.graph in self.nested for _, node in p.terms):
            return False
        return super().inside_always(p, d)

    def pays(self) -> bool:
        """Whether a trip does enough for what vectors cost more; noted is how many trips do enough for the sums."""
        sums = sum(map(self.size, map(self.array, self.summed())))
        work, far = self.work(self.body)
        self.least = math.ceil(ADDED_UP * sums / max(work, 1))
        ordered = sum(s.ordered for s in self.found.sums.values())
        return work >= FAR * far + IN_ORDER * ordered and (not self.trips.isdigit() or int(self.trips) >= self.least)

    def work(self, g: Graph) -> tuple[float, float]:
        """Of one trip: operations on numbers that differ, and elements that lie apart."""
        work = far = 0.0
        for node in g.body:
            if node.fn.name == "for_loop":
                trips = node.args[0].value if isinstance(node.args[0], Constant) else UNKNOWN
                inside = self.work(node.graphs[0])
                work, far = work + trips * inside[0], far + trips * inside[1]
            elif node.fn.name == "cond":
                inside = max(map(self.work, node.graphs))
                work, far = work + inside[0], far + inside[1]
            elif node in self.found.places:
                places = self.found.places[node]
                far += any(p.step for p in places[:-1]) or places[-1].step not in (0, 1)
            elif node in self.found.varying:
                work += max(node.fn.cost, 1)
        return work, far

    def array(self, c: Carried) -> Node:
        return self.loop.args[1 + c.state]

    @staticmethod
    def size(array: Node) -> int:
        return math.prod(arrays.array_type(array).static_shape or ())

    def summed(self) -> list[Carried]:
        return [c for c in self.found.carried.values() if not c.apart]

    def source(self, access: Apply) -> Node:
        """The array that an access is to, as it is outside of the trips."""
        root = self.found.roots.get(access.args[0])
        return access.args[0] if root is None else self.array(root) if isinstance(root, Carried) else root.node

    @property
    def can_be_cut(self) -> bool:
        return not self.found.sums and not self.summed()

    # -- around the loop -------------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        e, out = self.e, []
        for k, c in self.found.carried.items():
            x = self.array(c)
            dims = arrays.shape(e, x)
            if any(n.fn.name in WRITES for n in c.accesses):
                self.state[k] = (*arrays.owned(e, x, dims), *arrays.run_time(arrays.array_type(x), dims))
            if c.apart:
                self.buffers[c] = Buffer(self.state[k][0], tuple(range(len(dims))), tuple(dims))
        if not self.trips.isdigit() and self.least > self.lanes:
            out.append(e.emit(f"icmp sge i64 {self.trips}, {self.least}"))
        return out

    def begin(self) -> None:
        for root in dict.fromkeys(self.found.roots.values()):
            if isinstance(root, Own):
                self.buffers[root] = self.memory(root.node, lanes=self.lanes if root.varies else 0)
            elif not root.apart:
                self.buffers[root] = b = self.memory(self.array(root), lanes=self.lanes)
                self.clear(b, scalar_of(self.array(root)))
        self.find_rows()

    def memory(self, node: Node, *, lanes: int) -> Buffer:
        shape = node.type.static_shape  # type: ignore[attr-defined]
        t, axes, dims = SCALAR[str(scalar_of(node))], tuple(range(len(shape))), tuple(map(str, shape))
        return self.memory_of(t, axes, dims, lanes=lanes)

    def clear(self, b: Buffer, t: Any) -> None:
        size = math.prod(map(int, b.dims)) * (b.lanes or 1) * SIZE[SCALAR[str(t)]]
        self.e.do(f"call void @llvm.memset.p0.i64(ptr align 8 {b.data}, i8 0, i64 {size}, i1 false)")

    def type_of_sum(self, k: int) -> str:
        t = SCALAR[str(self.body.params[1 + k].type)]
        return t if self.found.sums[k].ordered else f"<{self.lanes} x {t}>"

    def carried(self) -> list[tuple[str, str, str]]:
        out = []
        for k, s in self.found.sums.items():
            out.append((self.names[k], self.type_of_sum(k), self.state[k][0] if s.ordered else "zeroinitializer"))
        return out

    def end(self, carried: Sequence[str]) -> dict[int, str]:
        e = self.e
        for c in self.summed():
            self.add_up(c)
        out = {}
        for (k, s), text in zip(self.found.sums.items(), carried, strict=True):
            if s.ordered:
                out[k] = text
                continue
            t = self.body.params[1 + k].type
            e.node = s.adds[0]
            out[k] = e.plus(t, self.state[k][0], self.one_of_all(Value(text, 0, True), s.adds[0]))
        e.node = self.loop
        self.free_temporary()
        return out

    def one_of_all(self, v: Value, node: Apply) -> str:
        """The sum of all lanes."""
        e, n, scalar = self.e, self.lanes, scalar_of(node)
        t, text = SCALAR[str(scalar)], v.text
        before, e.node = e.node, node
        while n > 1:
            n //= 2
            halves = []
            for first in (0, n):
                order = ", ".join(f"i32 {first + i}" for i in range(n))
                pair = f"<{2 * n} x {t}> {text}, <{2 * n} x {t}> poison"
                halves.append(e.emit(f"shufflevector {pair}, <{n} x i32> <{order}>"))
            e.lanes = n
            text = e.plus(scalar, *halves)
        e.lanes, e.node = 0, before
        return str(e.emit(f"extractelement <1 x {t}> {text}, i64 0"))

    def add_up(self, c: Carried) -> None:
        """Add the lanes of all sums to the array that the loop carries."""
        e, x, b = self.e, self.array(c), self.flat(c)
        add = next(n for n in c.accesses if n.fn.name in WRITES)
        whole = Buffer(self.state[c.state][0], (0,), b.dims)
        t = SCALAR[str(scalar_of(x))]

        def one(i: Value) -> None:
            at = [(i, 0)]
            v = Value(self.one_of_all(self.get(t, b, at), add), self.depth)
            before = self.get(t, whole, at)
            e.node = add
            self.put(t, whole, at, Value(e.plus(scalar_of(x), before.text, v.text), self.depth))

        self.plain_loop(whole.dims[0], one)

    def plain_loop(self, bound: str, body: Any) -> None:
        """A loop that carries nothing; there is at least one trip."""
        e = self.e
        before, head, done = e.label, e.new_label("for"), e.new_label("end")
        self.open()
        i = self.fresh("i64")
        e.label = head
        body(Value(i, self.depth))
        after = e.emit(f"add nuw nsw i64 {i}, 1")
        again = e.emit(f"icmp slt i64 {after}, {bound}")
        latch = e.label
        lines = self.close()
        e.jump(head)
        e.lines += [f"{head}:", f"  {i} = phi i64 [ 0, %{before} ], [ {after}, %{latch} ]", *lines]
        e.branch(again, head, done)
        e.start(done)

    # -- rows that are turned into vectors -------------------------------------------------------------------------------------

    def find_rows(self) -> None:
        """Rows x[i, :] that loops inside read element by element: 8 of them are turned into vectors once."""
        for node, places in self.found.places.items():
            x = node.args[0]
            moving = [a for a, p in enumerate(places) if p.step]
            if x in self.found.roots or len(moving) != 1 or node.graph is self.body:
                continue
            (axis,), shape = moving, x.type.shape  # type: ignore[attr-defined]
            rest = [d for a, d in enumerate(shape) if a != axis]
            if all(isinstance(d, int) for d in rest) and 0 < math.prod(rest) <= ROW and not places[axis].terms:
                dims = tuple("1" if a == axis else str(d) for a, d in enumerate(shape))
                key = (x, axis, places[axis])
                if key not in self.rows:
                    t = SCALAR[str(scalar_of(x))]
                    self.rows[key] = self.memory_of(t, tuple(range(len(dims))), dims, lanes=self.lanes)

    def turn(self, x: Node, axis: int, p: Affine, b: Buffer) -> None:
        t = SCALAR[str(scalar_of(x))]
        dims = self.dims(x)
        whole = Buffer(self.e.get(x)[0], tuple(range(len(dims))), tuple(dims))
        indices: list[Index] = [(Value("0"), 0)] * len(dims)

        def nest(a: int) -> None:
            if a == len(dims):
                vectors = list(indices)
                vectors[axis] = (Value("0"), 0)
                self.put(t, b, vectors, self.get(t, whole, indices))
            elif a == axis:
                indices[a] = (self.at_place(p), p.step)
                nest(a + 1)
            else:

                def step(i: Value) -> None:
                    indices[a] = (i, 0)
                    nest(a + 1)

                self.plain_loop(dims[a], step)

        nest(0)

    # -- a vector of trips -------------------------------------------------------------------------------------------------

    def trip(self, i: Value) -> list[str]:
        self.index = i
        self.values[self.body.params[0]] = self.trip_numbers(i)
        for k, s in self.found.sums.items():
            self.values[self.body.params[1 + k]] = Value(self.names[k], self.depth, not s.ordered)
        for (x, axis, p), b in self.rows.items():
            self.turn(x, axis, p, b)
        self.ordered = {n for s in self.found.sums.values() if s.ordered for n in s.adds}
        self.graph(self.body)
        made = outputs(self.loop)
        return [self.values[made[k]].text for k in self.found.sums]

    def graph(self, g: Graph) -> None:
        e = self.e
        for node in g.body:
            e.node = node
            name = node.fn.name
            if name == "make_tuple":
                continue
            if name == "getitem":
                results = self.results[node.args[0]]
                if node.static[0] in results:
                    self.set(node, results[node.static[0]])
            elif name == "for_loop":
                self.for_loop(node)
            elif name == "cond":
                self.choose(node)
            elif name == "zeros":
                root = self.found.roots[node]
                self.clear(self.buffers[root], scalar_of(node))
            elif name == "array":
                b, t = self.flat(self.found.roots[node]), SCALAR[str(scalar_of(node))]
                for k, a in enumerate(node.args):
                    self.put(t, b, [(Value(str(k)), 0)], self.value(a))
            elif name == "index":
                self.set(node, self.read(node))
            elif name in WRITES:
                self.write(node)
            elif is_test(node):
                self.tests.append(node)
            elif node in self.ordered:
                self.set(node, self.in_order(node))
            else:
                self.set(node, self.number(node))

    def flat(self, root: Root) -> Buffer:
        """An array as its elements in a row."""
        b = self.buffers[root]
        return Buffer(b.data, (0,), (str(math.prod(map(int, b.dims))),), b.lanes)

    def set(self, node: Node, v: Value) -> None:
        self.values[node] = v
        if not v.lane:
            self.e.values[node] = (v.text,)

    def in_order(self, node: Apply) -> Value:
        """A sum to which the trips add one after the other."""
        e, t = self.e, scalar_of(node)
        param = next(self.body.params[1 + k] for k, s in self.found.sums.items() if node in s.adds)
        (v,) = [a for a in node.args if a is not param]
        text, vector = self.values[param].text, self.value(v)
        for k in range(self.lanes):
            one = vector.text
            if vector.lane:
                one = e.emit(f"extractelement <{self.lanes} x {SCALAR[str(t)]}> {vector.text}, i64 {k}")
            text = e.plus(t, text, one)
        return Value(text, self.depth)

    def at_place(self, p: Affine) -> Value:
        """A place in the first of these trips."""
        total = self.add(Value(str(p.first)), self.mul(Value(str(p.step)), self.index))
        for k, node in p.terms:
            total = self.add(total, self.mul(Value(str(k)), self.value(node)))
        return total

    def where(self, node: Apply) -> tuple[Buffer, list[Index], bool]:
        """Where an access is, and whether that had to be checked: it then may not be read before."""
        places, x = self.found.places[node], node.args[0]
        root = self.found.roots.get(x)
        dims = self.dims(self.source(node)) if root is None or isinstance(root, Carried) else list(self.buffers[root].dims)
        checked = False
        for axis, (i, p) in enumerate(zip(_indices(node), places, strict=True)):
            if not p.step:
                before = len(self.e.lines)
                check_axis(self.e, axis, i, self.value(i).text, dims[axis])
                checked |= len(self.e.lines) > before
        if root is not None:
            b = self.buffers[root]
        else:
            moving = [a for a, p in enumerate(places) if p.step]
            row = self.rows.get((x, moving[0], places[moving[0]])) if len(moving) == 1 else None
            if row is not None:
                at = [(Value("0"), 0) if p.step else (self.value(i), 0) for i, p in zip(_indices(node), places, strict=True)]
                return row, at, True
            b = Buffer(self.e.get(x)[0], tuple(range(len(dims))), tuple(dims))
        return (
            b,
            [(self.at_place(p) if p.step else self.value(i), p.step) for i, p in zip(_indices(node), places, strict=True)],
            checked,
        )

    def read(self, node: Apply) -> Value:
        b, indices, checked = self.where(node)
        fixed = node.args[0] not in self.found.roots and not checked
        return self.get(SCALAR[str(scalar_of(node))], b, indices, fixed=fixed)

    def write(self, node: Apply) -> None:
        b, indices, _ = self.where(node)
        t, v = SCALAR[str(scalar_of(node))], self.value(node.args[1])
        if node.fn.name == "index_add":
            before = self.get(t, b, indices)
            v = (
                self.plus(node, before, v)
                if before.lane or v.lane
                else Value(self.e.plus(scalar_of(node), before.text, v.text), self.depth)
            )
        self.put(t, b, indices, v)

    def choose(self, node: Apply) -> None:
        """Run both sides, and choose in each lane."""
        e, n = self.e, self.lanes
        for g in node.graphs:
            self.graph(g)
        e.node = node
        test = self.value(node.args[0])
        self.results[node] = results = {}
        for k, (x, y) in enumerate(zip(*sides(node), strict=True)):
            t, values = SCALAR[str(scalar_of(x))], [self.value(x), self.value(y)]
            lane = test.lane or any(v.lane for v in values)
            texts = [self.splat(v, t) if lane else v.text for v in values]
            bit = f"<{n} x i1>" if test.lane else "i1"
            whole = f"<{n} x {t}>" if lane else t
            chosen = e.emit(f"select {bit} {test.text}, {whole} {texts[0]}, {whole} {texts[1]}")
            results[k] = Value(chosen, self.depth, lane)
        if not isinstance(node.type, Struct):
            self.set(node, results[0])

    # -- loops inside -------------------------------------------------------------------------------------------------------

    def for_loop(self, loop: Apply) -> None:
        e, (body,) = self.e, loop.graphs
        trips = self.value(loop.args[0]).text
        numbers: list[tuple[int, Parameter, str, str]] = []
        for k, (a, p) in enumerate(zip(loop.args[1:], body.params[1:], strict=True)):
            if isinstance(p.type, Array):
                self.take(a, p)
                continue
            t = SCALAR[str(p.type)]
            lane = p in self.found.varying
            first = self.splat(self.value(a), t) if lane else self.value(a).text
            numbers.append((k, p, f"<{self.lanes} x {t}>" if lane else t, first))
        sure = known(trips) and int(trips) > 0
        head, done, before = e.new_label("for"), e.new_label("end"), e.label
        if not sure:
            go = e.new_label("go")
            e.branch(e.emit(f"icmp sgt i64 {trips}, 0"), go, done)
            e.start(go)
        entry = e.label
        self.open()
        i = self.fresh("i64")
        e.label = head
        self.set(body.params[0], Value(i, self.depth))
        e.trip_counts[body.params[0]] = trips
        names = []
        for _, p, t, _ in numbers:
            names.append(self.fresh(t))
            self.set(p, Value(names[-1], self.depth, p in self.found.varying))
        outside, self.tests = self.tests, []
        self.graph(body)
        self.fail()
        self.tests = outside
        e.node = loop
        if not e.m.work.is_quiet(loop):
            polls.charge(e, self.lanes * e.m.work.cost[body])
        made = outputs(loop)
        results = []
        for k, p, _, _ in numbers:
            v = self.value(made[k])
            results.append(self.splat(v, SCALAR[str(p.type)]) if p in self.found.varying else v.text)
        after = e.emit(f"add nuw nsw i64 {i}, 1")
        again = e.emit(f"icmp slt i64 {after}, {trips}")
        latch = e.label
        lines = self.close()
        e.jump(head)
        e.lines += [f"{head}:", f"  {i} = phi i64 [ 0, %{entry} ], [ {after}, %{latch} ]"]
        for (_, _, t, first), name, result in zip(numbers, names, results, strict=True):
            e.lines.append(f"  {name} = phi {t} [ {first}, %{entry} ], [ {result}, %{latch} ]")
        e.lines += lines
        e.branch(again, head, done)
        e.start(done)
        out = {}
        for (k, p, t, first), result in zip(numbers, results, strict=True):
            text = result if sure else e.emit(f"phi {t} [ {first}, %{before} ], [ {result}, %{latch} ]")
            out[k] = Value(text, self.depth, p in self.found.varying)
        self.results[loop] = out
        if len(loop.args) == 2 and out:
            self.set(loop, out[0])

    def take(self, a: Node, p: Node) -> None:
        """Copy what a loop inside is given, where it has an array of its own."""
        root = self.found.roots[p]
        if not isinstance(root, Own) or root.node is not p:
            return
        flat, t = self.flat(root), SCALAR[str(scalar_of(p))]
        origin = self.found.roots.get(a)
        if origin is None and isinstance(a, Apply) and a.fn.name == "zeros":
            self.clear(flat, scalar_of(p))
            return
        source = Buffer(self.e.get(a)[0], (0,), flat.dims) if origin is None else self.flat(origin)
        self.plain_loop(flat.dims[0], lambda i: self.put(t, flat, [(i, 0)], self.get(t, source, [(i, 0)])))


def _indices(access: Apply) -> tuple[Node, ...]:
    return tuple(access.args[2:] if access.fn.name in WRITES else access.args[1:])
