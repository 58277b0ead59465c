"""Fused array operations as loop nests over vectors.

A kernel's statements stand in a tree of loops (`irad.nests.tree`). One loop of a branch of the tree may run in lanes: its
values are vectors, an item a lane; short loops are unrolled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from irad.backends.llvm import arrays, polls
from irad.backends.llvm.bounds import check_block
from irad.backends.llvm.kernel_parts import KernelParts
from irad.backends.llvm.lanes import choose_lanes
from irad.backends.llvm.layout import SCALAR, literal_text, offsets
from irad.backends.llvm.levels import Value
from irad.backends.llvm.memory import Buffer, Index
from irad.backends.llvm.ownership import canonical
from irad.backends.llvm.sums import Key, scalar_of

from irad.graph.nodes import Apply, Graph, Node
from irad.nests.statements import (
    PUTS,
    REDUCTIONS,
    Place,
    Read,
    Statement,
    is_source,
    is_statement,
    is_view,
    needs_check,
    statement_of,
)
from irad.nests.tree import Loop, Tree, classify, grow
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Dim, Struct

__all__ = ["KERNELS", "fused"]

Operands = tuple[str, ...]
REREAD, MOST_PACKED = 4, 1 << 16  # how often an array is read that is copied for it, and its elements


class Kernel(KernelParts):
    """One kernel being emitted."""

    def __init__(self, e: Any, statements: list[Statement], graph: Graph | None = None) -> None:
        super().__init__(e)
        self.graph = graph
        self.operands: dict[Node, tuple[Apply, int]] = {}  # what is wanted outside: its block there
        self.made = {s.node: s for s in statements}
        self.flat = graph is not None and flatten(statements)
        needs = {s: [(self.made[r.source], r.places) for r in s.reads if r.source in self.made] for s in statements}
        classify(statements)
        self.tree = grow(statements, needs)
        self.path: dict[Statement, list[Loop]] = {}
        self.order: list[Statement] = []
        self.note_paths()
        self.index: dict[int, Value] = {}
        self.values: dict[Key, Value] = {}
        self.sums: dict[Key, Value] = {}
        self.places: dict[Statement, Buffer] = {}  # of values that are stored
        self.partial: dict[Statement, Buffer] = {}  # of reductions that are summed up in memory
        self.packed: dict[Node, Buffer] = {}  # arrays from outside, their lanes side by side

    def shape(self, node: Node) -> list[str]:
        """The dims of an array, along the axes that are gone through."""
        dims = arrays.shape(self.e, node)
        return [arrays.product(self.e, dims)] if self.flat else dims

    def domain_dims(self, s: Statement) -> list[str]:
        """The dims of a statement's domain."""
        if not s.is_product:
            of = s.node.args[1] if s.node.fn.name in PUTS else s.node.args[0] if s.reduces else s.node
            return self.shape(of)
        x, y = s.node.args
        axes = axes_of(x, y, *s.node.static)
        dims = arrays.shape(self.e, x)
        kept = arrays.result_shape(self.e, s.node) if isinstance(s.node.type, Array) else []
        dims = [*kept, *(dims[i] for i in axes.over[0])]
        return [arrays.product(self.e, dims)] if self.flat else dims

    def note_paths(self) -> None:
        todo: list[tuple[Tree, list[Loop]]] = [(t, []) for t in reversed(self.tree)]
        while todo:
            item, path = todo.pop()
            if isinstance(item, Loop):
                todo += [(t, [*path, item]) for t in reversed(item.items)]
            else:
                assert isinstance(item, Statement)
                self.path[item] = path
                self.order.append(item)

    # -- what is where -----------------------------------------------------------------------------------------------------

    def prepare(self, outputs: Sequence[Node]) -> None:
        """Lanes, and memory."""
        e = self.e
        self.dims = {s: self.domain_dims(s) for s in self.order}
        self.extent = {loop: self.dims[s][s.classes.index(loop.axis)] for s in self.order for loop in self.path[s]}
        self.unrolled = self.choose_unrolled()
        self.lane_loops, self.width = choose_lanes(self.tree, self.path)
        self.lanes = self.width
        self.unrolled -= self.lane_loops
        if self.sums_fill_the_cache():
            self.lanes *= 2
        stored = set(outputs)
        self.choose_parts(stored)
        for s in self.order:
            e.node = s.node
            if s in self.places:
                continue
            if s.node in stored and isinstance(s.node.type, Array):
                result, operand = self.operands[s.node]
                data, block = arrays.new_result(e, result, s.node.type, arrays.shape(e, s.node), operand=operand)
                self.places[s] = Buffer(data, tuple(range(len(s.value))), tuple(self.shape(s.node)), block=block)
            elif self.in_registers(s):
                e.note("computed where it is read")
            elif not self.common(s) or self.path[s][0] not in self.in_parts:
                self.place(s)
            if s.reduces and self.path[s][0] not in self.in_parts:
                self.place_sums(s)
        for s in self.order:
            for r in s.reads:
                self.pack(r, s)

    def place(self, s: Statement) -> None:
        self.places[s] = self.buffer(s, self.local_axes(s))
        self.e.note("kept in a buffer of the kernel")

    def place_sums(self, s: Statement) -> None:
        if self.sums_in_memory(s):
            self.partial[s] = self.partial_buffer(s)

    def place_inside(self, s: Statement) -> None:
        self.e.node = s.node
        if s not in self.places and not self.in_registers(s):
            self.place(s)
        if s.reduces and s not in self.own:
            self.place_sums(s)

    def pack(self, r: Read, s: Statement) -> None:
        """Copy an array whose elements are far apart from lane to lane, where it is read again and again."""
        e, source, lane = self.e, r.source, self.lane_loop(s)
        if lane is None or not r.places or source in self.made or source in self.packed or source.graph is self.graph:
            return
        dims = self.shape(source)
        at = [q for q, p in enumerate(r.places) if p.is_axis and s.classes[p.axis] == lane.axis]  # type: ignore[index]
        if len(at) != 1 or at[0] == len(dims) - 1 or not all(d.isdigit() for d in dims):
            return
        used = {s.classes[p.axis] for p in r.places if p.axis is not None}
        outer = [loop for loop in self.path[s][: self.path[s].index(lane)] if loop.axis not in used]
        again = math.prod(int(self.extent[loop]) if self.extent[loop].isdigit() else REREAD for loop in outer)
        if again < REREAD or math.prod(map(int, dims)) > MOST_PACKED:
            return
        axes = (*(q for q in range(len(dims)) if q != at[0]), at[0])
        t = SCALAR[str(scalar_of(source))]
        b = self.memory_of(t, axes, tuple(dims[q] for q in axes), lanes=False)
        self.packed[source] = b

        def copy(k: int, indices: list[Value]) -> None:
            if k < len(axes):
                self.plain_loop(b.dims[k], lambda i: copy(k + 1, [*indices, i]))
                return
            where = [(indices[axes.index(q)], 0) for q in range(len(dims))]
            whole = Buffer(e.get(source)[0], tuple(range(len(dims))), tuple(dims))
            self.put(t, b, where, self.get(t, whole, where))

        copy(0, [])

    def work(self) -> str:
        """How many elements the largest statement goes through."""
        largest = max(self.order, key=Statement.size)
        return arrays.product(self.e, self.dims[largest])

    # -- reading -----------------------------------------------------------------------------------------------------------

    def position(self, p: Place, s: Statement) -> Index:
        """The index at a place, for the first lane, and how much it grows from lane to lane."""
        total, lane = Value(str(p.first)), 0
        for k, node in p.terms:
            total = self.add(total, self.mul(Value(str(k)), Value(self.e.one(node))))
        if p.axis is not None:
            i = self.index[s.classes[p.axis]]
            total = self.add(self.mul(Value(str(p.step)), Value(i.text, i.level)), total)
            lane = p.step if i.lane else 0
        return total, lane

    def read(self, r: Read, s: Statement) -> Value:
        e, source = self.e, r.source
        if not isinstance(source.type, Array):
            return Value(e.one(source))
        made = self.made.get(source)  # type: ignore[call-overload]
        if made is not None:
            return self.read_made(made, r.places, s)
        if is_source(source) and source.graph is self.graph:
            return self.element(source, r.places, s)  # type: ignore[arg-type]
        t = SCALAR[str(source.type.dtype)]
        dims = self.shape(source)
        b = self.packed.get(source) or Buffer(e.get(source)[0], tuple(range(len(dims))), tuple(dims))
        return self.get(t, b, [self.position(p, s) for p in r.places], fixed=True)

    def element(self, source: Apply, places: Sequence[Place], s: Statement) -> Value:
        """An element of zeros or of the whole numbers."""
        t = scalar_of(source)
        if source.fn.name == "zeros":
            return Value(literal_text(t, 0))
        i, lane = self.position(places[0], s)
        if not lane:
            return i
        n = self.lanes
        steps = ", ".join(f"i64 {lane * k}" for k in range(n))
        return self.pure(f"add <{n} x i64> {self.splat(i, 'i64')}, <{steps}>", i.level, lane=True)

    def read_made(self, made: Statement, places: Sequence[Place], s: Statement) -> Value:
        indices = [self.position(p, s) for p in places]
        found = self.values.get(self.key(made, [i.text for i, _ in indices]))
        if found is not None:
            return found
        b = self.places[made]
        return self.get(self.ll(made), b, indices)

    # -- statements ------------------------------------------------------------------------------------------------------------

    def own_indices(self, s: Statement) -> list[Index]:
        """Where the value of a statement at hand belongs."""
        out = []
        for i in s.value:
            v = self.index[s.classes[i]]
            out.append((Value(v.text, v.level), 1 if v.lane else 0))
        return out

    def statement(self, s: Statement) -> None:
        self.e.node = s.node
        values = [self.read(r, s) for r in s.reads]
        if s.reduces:
            self.accumulate(s, self.arithmetic(s.node, "fmul", "mul", *values) if s.is_product else values[0])
            return
        if s.node.fn.name == "slice_add":
            before = self.get(self.ll(s), self.places[s], self.own_indices(s))
            values = [self.arithmetic(s.node, "fadd", "add", before, *values)]
        copies = not s.node.fn.elementwise  # also a reduction over no axis
        self.finish(s, self.own_indices(s), values[0] if copies else self.operation(s.node, values))

    def operation(self, node: Apply, values: Sequence[Value]) -> Value:
        e = self.e
        lane = any(v.lane for v in values)
        level = self.depth if needs_check(node) else max((v.level for v in values), default=0)
        kinds = [SCALAR[str(scalar_of(a))] for a in node.args]
        texts = [self.splat(v, t) if lane else v.text for v, t in zip(values, kinds, strict=True)]
        e.lanes = self.lanes if lane else 0
        with self.at(level):
            text = e.instruction(node, texts)
        e.lanes = 0
        return Value(text, level, lane)

    def arithmetic(self, node: Apply, real: str, integer: str, x: Value, y: Value) -> Value:
        """Arithmetic on numbers of a node's type, on its behalf."""
        e, t = self.e, SCALAR[str(scalar_of(node))]
        lane = x.lane or y.lane
        texts = [self.splat(v, t) if lane else v.text for v in (x, y)]
        e.lanes, e.operand, e.contracts = self.lanes if lane else 0, scalar_of(node), node.fn.name in PRODUCTS
        level = max(x.level, y.level)
        with self.at(level):
            text = e.arith(real, integer, *texts)
        e.lanes, e.contracts = 0, False
        return Value(text, level, lane)

    def finish(self, s: Statement, indices: Sequence[Index], v: Value) -> None:
        """A value is made: keep it for those that read it here, and store it for others."""
        if self.in_registers(s):
            self.values[self.key(s, [i.text for i, _ in indices])] = v
        b = self.places.get(s)
        if b is not None:
            self.put(self.ll(s), b, indices, v)

    # -- loops -------------------------------------------------------------------------------------------------------------

    def items(self, items: Sequence[Tree]) -> None:
        for item in items:
            if isinstance(item, Loop):
                self.loop(item)
            else:
                assert isinstance(item, Statement)
                self.statement(item)

    def loop(self, loop: Loop) -> None:
        if loop in self.in_parts:
            self.share_parts(loop)
            return
        self.begin_sums(loop)
        d = self.extent[loop]
        if loop in self.unrolled:
            for k in range(int(d)):
                self.index[loop.axis] = Value(str(k))
                self.items(loop.items)
        elif loop in self.lane_loops:
            self.in_vectors(loop, d)
        elif d != "0":
            self.real_loop(loop, d, 1)
        self.index.pop(loop.axis, None)
        self.end_sums(loop)

    def trips_of(self, loop: Loop, begin: str, end: str) -> None:
        """A part of a loop's trips."""
        d = self.extent[loop]
        if loop not in self.lane_loops:
            self.real_loop(loop, end, 1, begin)
        elif d.isdigit() and int(d) % self.lanes == 0:
            self.real_loop(loop, end, self.lanes, begin)
        else:
            self.in_vectors_between(loop, begin, end)

    def in_vectors(self, loop: Loop, d: str) -> None:
        """Whole vectors first, then one whose last lanes are off."""
        n = self.lanes
        if d.isdigit():
            whole = int(d) // n * n
            if whole == n:
                self.index[loop.axis] = Value("0", 0, True)
                self.items(loop.items)
            elif whole:
                self.real_loop(loop, str(whole), n)
            rest = int(d) - whole
            if rest:
                on = ", ".join(f"i1 {'true' if i < rest else 'false'}" for i in range(n))
                self.index[loop.axis], self.mask = Value(str(whole), 0, True), Value(f"<{on}>", 0, True)
                self.items(loop.items)
                self.mask = None
            return
        self.in_vectors_between(loop, "0", d)

    def in_vectors_between(self, loop: Loop, begin: str, end_text: str) -> None:
        """The same where the ends are known at run time; the first is a multiple of the lanes."""
        e, n = self.e, self.lanes
        whole_text = e.emit(f"and i64 {end_text}, {-n}")
        self.real_loop(loop, whole_text, n, begin)
        self.index.pop(loop.axis, None)
        rest_text = e.emit(f"sub nsw i64 {end_text}, {whole_text}")
        some = e.emit(f"icmp sgt i64 {rest_text}, 0")
        tail, done, before = e.new_label("tail"), e.new_label("done"), e.label
        keys, first = self.live_sums(loop)
        self.open()
        self.index[loop.axis] = Value(whole_text, self.depth, True)
        lanes = ", ".join(f"i64 {i}" for i in range(n))
        on_text = e.emit(f"icmp slt <{n} x i64> <{lanes}>, {self.splat(Value(rest_text, self.depth), 'i64')}")
        self.mask = Value(on_text, self.depth, True)
        e.label = tail
        self.items(loop.items)
        self.mask = None
        last, end = [self.sums[k] for k in keys], e.label
        lines = self.close()
        e.branch(some, tail, done)
        e.lines += [f"{tail}:", *lines, f"  br label %{done}"]
        e.start(done)
        for k, x, y in zip(keys, first, last, strict=True):
            t = self.sum_type(k[0])
            self.sums[k] = Value(e.emit(f"phi {t} [ {x.text}, %{before} ], [ {y.text}, %{end} ]"), self.depth, y.lane)

    def real_loop(self, loop: Loop, bound: str, step: int, begin: str = "0") -> None:
        keys, first = self.live_sums(loop)

        def body(i: Value) -> None:
            self.index[loop.axis] = Value(i.text, i.level, loop in self.lane_loops)
            self.items(loop.items)

        self.run(bound, step, body, keys, first, begin)

    def plain_loop(self, bound: str, body: Callable[[Value], None]) -> None:
        if bound.isdigit() and int(bound) <= 4:
            for k in range(int(bound)):
                body(Value(str(k)))
        else:
            self.run(bound, 1, body, [], [])

    def run(
        self, bound: str, step: int, body: Callable[[Value], None], keys: list[Key], first: list[Value], begin: str = "0"
    ) -> None:
        """A loop whose test is at its bottom."""
        e, before = self.e, self.e.label
        head, done = e.new_label("for"), e.new_label("end")
        self.open()
        i = self.fresh("i64")
        phis = [self.fresh(self.sum_type(k[0])) for k in keys]
        for k, p in zip(keys, phis, strict=True):
            self.sums[k] = Value(p, self.depth, self.in_lanes(k[0]))
        e.label = head
        body(Value(i, self.depth))
        after = e.emit(f"add nuw nsw i64 {i}, {step}")
        again = e.emit(f"icmp slt i64 {after}, {bound}")
        latch, last = e.label, [self.sums[k] for k in keys]
        lines = self.close()
        if bound.isdigit():
            e.jump(head)
        else:
            e.branch(e.emit(f"icmp sgt i64 {bound}, {begin}"), head, done)
        e.lines.append(f"{head}:")
        e.lines.append(f"  {i} = phi i64 [ {begin}, %{before} ], [ {after}, %{latch} ]")
        for k, p, x, y in zip(keys, phis, first, last, strict=True):
            e.lines.append(f"  {p} = phi {self.sum_type(k[0])} [ {x.text}, %{before} ], [ {y.text}, %{latch} ]")
        e.lines += lines
        e.branch(again, head, done)
        e.start(done)
        for k, x, y in zip(keys, first, last, strict=True):
            text = y.text
            if not bound.isdigit():
                text = e.emit(f"phi {self.sum_type(k[0])} [ {x.text}, %{before} ], [ {y.text}, %{latch} ]")
            self.sums[k] = Value(text, self.depth, y.lane)

    # -- the whole ---------------------------------------------------------------------------------------------------------

    def emit(self, outputs: Sequence[Node] = ()) -> None:
        self.prepare(outputs)
        self.items(self.tree)
        self.free_temporary()

    def outline(self) -> list[str]:
        """The loops in one line: `64 × (64 in 8 lanes × (3 unrolled))`."""

        def shown(items: Sequence[Tree]) -> str:
            loops = []
            for loop in items:
                if isinstance(loop, Loop):
                    d = str(loop.dim)
                    d = f"{d} in {self.in_parts[loop].shown}" if loop in self.in_parts else d
                    how = f"{d} in {self.lanes} lanes" if loop in self.lane_loops else d
                    inner = shown(loop.items)
                    loops.append((f"{how} unrolled" if loop in self.unrolled else how) + (f" × ({inner})" if inner else ""))
            return ", ".join(loops)

        return ["loops: ", shown(self.tree)]

    def results(self, outputs: Sequence[Apply]) -> Operands:
        out: list[str] = []
        for node in outputs:
            s = self.made[node]
            if isinstance(node.type, Array):
                b = self.places[s]
                assert b.block is not None
                out += [b.data, b.block, *arrays.run_time(node.type, arrays.shape(self.e, node))]
            else:
                out.append(self.values[self.key(s, ())].text)
        return tuple(out)


def flatten(statements: list[Statement]) -> bool:
    """One axis in the place of all, where every array is gone through in the order in which it lies in memory."""
    domain = statements[0].domain
    rank = len(domain)
    if rank < 2 or any(s.domain != domain or len(s.value) not in (0, rank) for s in statements):
        return False
    for s in statements:
        for r in s.reads:
            whole = r.places == tuple(map(Place, range(rank))) and r.source.type.shape == domain  # type: ignore[attr-defined]
            if r.places and (not whole or is_source(r.source)):
                return False
    size: Any = math.prod(domain) if all(isinstance(d, int) for d in domain) else Dim.symbol("elements")
    for s in statements:
        s.domain, s.value = (size,), (0,) if s.value else ()
        for r in s.reads:
            r.places = (Place(0),) if r.places else ()
    return True


def fused(e: Any, node: Apply, p: Any) -> Any:
    """The results of a kernel."""
    yield from ()
    (graph,) = node.graphs
    out: Any = graph.output
    outputs: list[Apply] = list(out.args) if out.fn.name == "make_tuple" else [out]
    stored = set(outputs)
    for n in graph.body:
        e.node = n
        if isinstance(n.type, Array):
            e.virtual_shape[n] = arrays.result_shape(e, n)
            e.virtual.add(n)
        if n.fn.name == "slice" and needs_check(n):
            arrays.check_slice(e, n)
        elif n.fn.name in REDUCTIONS and needs_check(n):
            arrays.check_nonempty(e, n)
    nodes = [n for n in graph.body if is_statement(n) or (is_view(n) and n in stored)]
    kernel = Kernel(e, [statement_of(n, lambda m: m.graph is graph) for n in nodes], graph)
    places = offsets(node.type) if isinstance(node.type, Struct) else (0,)
    kernel.operands = {n: (node, places[k] + 1) for k, n in enumerate(outputs)}
    kernel.emit(outputs)
    e.node = node
    e.note(*kernel.outline())
    e.values[node] = kernel.results(outputs)
    if graph in e.m.work.counts:
        polls.charge(e, kernel.work())


def put_block(e: Any, node: Apply) -> Operands:
    """slice_update, slice_add: an array that is given up, with a block put there or added."""
    x, v, *starts = node.args
    (steps,) = node.static
    t = arrays.array_type(x)
    dims, size = arrays.shape(e, x), arrays.shape(e, v)
    check_block(e, starts, size, steps, dims)
    data, block = arrays.owned(e, x, dims)
    if canonical(v, 1) in e.within.places:
        e.note("is there already")
        return (data, block, *arrays.run_time(t, dims))
    s = statement_of(node, lambda n: n in e.virtual)
    kernel = Kernel(e, [s])
    first = tuple(Value(e.one(a)) for a in starts)
    kernel.places[s] = Buffer(data, tuple(range(t.rank)), tuple(dims), first=first, steps=steps)
    kernel.emit()
    e.node = node
    return (data, block, *arrays.run_time(t, dims))


KERNELS = {"slice_update": put_block, "slice_add": put_block}
