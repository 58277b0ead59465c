"""Loops over large arrays run strip by strip, each strip short enough for the cache.

    x = for_loop(100, @step, x)        =>      for each strip:  w = for_loop(100, @step, x[strip and its margins])
                                                                y[strip] = w[without the margins]

A trip whose operations go element by element, or read elements a few places away (slices), does to a strip what it does to the
whole array, but near the strip's ends: there it takes a strip's end for the array's, and with each trip the wrong elements
grow by what a trip reads aside. So a strip has margins, as wide as wrong elements grow (`margins`), which the next one computes
again. What is right has the same bits. Loops whose values a reverse loop pops run together with it, and their stacks stay in
the cache: the gradient of a loop over large arrays writes nothing to memory but its result.

After Meng and Skadron, "Performance Modeling and Automatic Ghost Zone Optimization for Iterative Stencil Loops on GPUs", 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from irad.graph.build import literal
from irad.graph.nodes import Apply, Graph, Module, Node, Parameter
from irad.graph.walk import Task, all_graphs, captured
from irad.nests.blocks import Users, users_in
from irad.optimize.margins import NONE, Margins, NoStrips, Wrong, extra_rows, has_stack, worst
from irad.optimize.rebuild import Rebuild
from irad.types import INT, Array, Dim, Scalar, Stack, Tuple, Type

__all__ = ["into_strips"]

NEAR = 1 << 20  # bytes of what a strip keeps
FAR = 4 << 20  # bytes of what a loop keeps that runs in strips: half of it would stay near anyway
SHORT, LONG = 128, 2048  # elements of a strip
MARGINS = 1 / 3  # of a strip
SHAPED = frozenset({"broadcast", "slice", "zeros", "dim", "reshape"})  # operations that are told a shape, or tell it


def into_strips(module: Module) -> Module:
    """The module with loops in strips; the same module where there are none."""
    regions: list[Region] = []
    for g in all_graphs(module):
        if not any(g.within(h) for r in regions for n in r.nodes for h in n.graphs):
            regions += _regions(g)
    return _Strips(module, regions).run() if regions else module


# -- finding ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Region:
    """Operations of a graph, in order, that run in strips."""

    loop: Apply  # one of them, in whose place all are built
    nodes: list[Apply]
    rows: int | Dim  # elements of the arrays; some have a few more or less
    outputs: list[Apply] = field(default_factory=list)  # arrays that are read elsewhere
    length: int = 0  # of a strip
    margins: Wrong = NONE  # of it
    start: Apply | None = None  # what the region is built before
    early: list[Apply] = field(default_factory=list)  # operations that stand later, and that a strip reads
    at_end: dict[Apply, int] = field(default_factory=dict)  # operations that read or write the last so many rows

    @property
    def step(self) -> int:
        """From strip to strip."""
        return self.length - sum(self.margins)

    def is_long(self, t: Type) -> bool:
        return extra_rows(t, self.rows) is not None


def _regions(graph: Graph) -> Iterator[Region]:
    """The regions of a graph: loops with those that pop what they push, and what is between; else single loops."""
    loops = [n for n in graph.body if n.fn.name == "for_loop" and _large(n)]
    if not loops:
        return
    users = users_in(graph)
    place: dict[Node, int] = {n: k for k, n in enumerate(graph.body)}
    taken: set[Apply] = set()
    for loop in loops:
        if loop in taken:
            continue
        region = _region(graph, loop, users, place)
        if region is None or taken.intersection(region.nodes):
            continue
        taken.update(region.nodes)
        yield region


def _large(loop: Apply) -> bool:
    """Whether a loop's state has an array that may be large."""
    shapes = [a.type.shape for a in loop.args[1:] if isinstance(a.type, Array)]
    return any(shape and (isinstance(shape[0], Dim) or shape[0] >= 2 * SHORT) for shape in shapes)


def _region(graph: Graph, loop: Apply, users: Users, place: dict[Node, int]) -> Region | None:
    nodes = _together(graph, loop, users, place)
    inside = set(nodes)
    sizes = [a.type.shape[0] for n in nodes if n.graphs for a in n.args if isinstance(a.type, Array) and a.type.shape]
    rows = next((d for d in sizes if isinstance(d, Dim)), 0) or max(sizes)  # type: ignore[type-var]
    region = Region(loop, nodes, rows)
    try:
        found = Margins(nodes, rows)
    except NoStrips:
        return None
    for n in nodes:
        if n is graph.output or any(u not in inside for u in users.get(n, ())):
            if not isinstance(found.known[n], Wrong) or n.type.shape[0] != rows:  # type: ignore[attr-defined]
                return None
            region.outputs.append(n)
    if not region.outputs:
        return None
    region.at_end = found.at_end
    region.margins = worst(found.array(n) for n in region.outputs)
    return region if _sized(region, found) and _placed(region, graph, users, place, found.may_fail) else None


def _together(graph: Graph, loop: Apply, users: Users, place: dict[Node, int]) -> list[Apply]:
    """A loop, those that share a stack with it, directly or by others, and all between them."""
    inside: set[Apply] = {loop}
    while True:
        more: set[Apply] = set()
        for n in inside:
            for a in n.args:
                if isinstance(a, Apply) and a.graph is graph and has_stack(a.type) and a not in inside:
                    more.add(a)
            if n.graphs or has_stack(n.type):
                more.update(u for u in users.get(n, ()) if u.fn.name == "getitem" or has_stack(n.type))
        more |= _between(graph, inside | more, place)
        if more <= inside:
            break
        inside |= more
    return sorted(inside, key=place.__getitem__)


def _between(graph: Graph, inside: set[Apply], place: dict[Node, int]) -> set[Apply]:
    """The operations that need some of these and that some of these need."""
    first, last = min(map(place.__getitem__, inside)), max(map(place.__getitem__, inside))
    part = graph.body[first : last + 1]
    after: set[Node] = set()
    for n in part:
        if n in inside or any(a in after for a in _reads(n)):
            after.add(n)
    before: set[Node] = set()
    for n in reversed(part):
        if n in inside or n in before:
            before.add(n)
            before.update(_reads(n))
    return {n for n in part if n in after and n in before}


def _reads(node: Apply) -> Iterable[Node]:
    return (*node.args, *(x for g in node.graphs if node.fn.name != "call" for x in captured(g)))


def _sized(region: Region, found: Margins) -> bool:
    """Choose how long strips are; False where running in strips saves nothing."""
    region.length = length = min(LONG, NEAR // found.bytes)
    if length < SHORT or sum(region.margins) > MARGINS * length:
        return False
    rows = region.rows
    if isinstance(rows, int):
        even = (s for s in range(region.step, region.step * 3 // 4, -1) if rows % s == 0)
        region.length += next(even, region.step - region.step % 8) - region.step
        return rows >= max(2 * length, FAR // found.bytes)
    return True


def _placed(region: Region, graph: Graph, users: Users, place: dict[Node, int], may_fail: bool) -> bool:
    """Find what has to stand before the region, which is put where its first value is read; False where that cannot move."""
    inside: set[Node] = set(region.nodes)
    end = place[region.nodes[-1]]
    start = min([end, *(place[u] for n in region.nodes for u in users.get(n, ()) if u not in inside)])
    if may_fail and any(n.graphs or n.fn.order != "total" for n in graph.body[place[region.nodes[0]] : end] if n not in inside):
        return False
    needed = {x for n in region.nodes for x in _reads(n)}
    between = [n for n in graph.body[start:end] if n not in inside]
    for n in reversed(between):
        if n in needed:
            if n.graphs or n.fn.order != "total":
                return False
            needed.update(n.args)
    region.start = graph.body[start]
    region.early = [n for n in between if n in needed]
    return True


# -- rewriting ----------------------------------------------------------------------------------------------------------------


class _Strips(Rebuild):
    def __init__(self, module: Module, regions: list[Region]) -> None:
        super().__init__(module)
        self.regions = {r.loop: r for r in regions}
        self.inside = {n for r in regions for n in r.nodes}
        self.early = {n for r in regions for n in r.early}
        self.region: Region | None = None  # in whose strip something is being built
        self.rows: Node  # of its arrays

    def sequence(self, old: Graph) -> Iterable[Apply]:
        here = [r for r in self.regions.values() if r.loop.graph is old]
        placed: set[Region] = set()

        def place(r: Region) -> Iterator[Apply]:
            """A region, behind those that it reads."""
            if r in placed:
                return
            placed.add(r)
            reads = {x for n in (*r.nodes, *r.early) for x in _reads(n)}
            for q in here:
                if any(n in reads for n in q.outputs):
                    yield from place(q)
            yield from r.early
            yield r.loop

        for n in old.body:
            for r in here:
                if r.start is n:
                    yield from place(r)
            if n not in self.inside and n not in self.early:
                yield n

    def control(self, node: Apply) -> Task:
        if self.region is None and node in self.regions:
            yield self.strips(self.regions[node])
        else:
            yield super().control(node)

    def strips(self, r: Region) -> Task:
        """A region in strips; where it is known at run time only whether arrays are long, as it is for short ones."""
        b = self.b
        if isinstance(r.rows, int):
            arrays = yield self.over(r, literal(r.rows))
        else:
            x = next(x for n in r.nodes for x in _reads(n) if r.is_long(x.type) and x not in self.inside)
            rows = b.add(b.dim(self.get(x), axis=0), literal(r.rows - x.type.shape[0]))  # type: ignore[attr-defined]
            graphs = []
            for name in ("long", "short"):
                graph = b.new_graph(name, b.graph, "branch")
                with b.inside(graph):
                    if name == "long":
                        found = yield self.over(r, rows)
                    else:
                        yield self.operations(r)
                        found = [self.get(n) for n in r.outputs]
                    graph.finish(b.tuple_(found))
                graphs.append(graph)
            result = b.cond(b.ge(rows, literal(2 * r.length)), graphs=tuple(graphs))
            arrays = b.parts(result, len(r.outputs))
        for n, x in zip(r.outputs, arrays, strict=True):
            self.bind(n, x)

    def over(self, r: Region, rows: Node) -> Task:
        """The outputs of a region, by a loop over strips. Where the last one is shorter the loop is run again, for one strip
        that ends where the array ends: so its trips do not meet."""
        b = self.b
        b.adjoint = False
        dims = [] if isinstance(r.rows, int) else [rows]
        zeros = [b.zeros(*dims, of=n.type) for n in r.outputs]
        count = b.floordiv(rows, literal(r.step))
        if isinstance(r.rows, int) and r.rows % r.step == 0:
            found = yield self.loop_over(r, zeros, count, literal(0), rows)
            return found
        last = b.sub(rows, literal(r.step))
        graph = b.new_graph("strips", b.graph, "loop")
        again = b.parameter(graph, INT, "again")
        made = [b.parameter(graph, n.type) for n in r.outputs]
        with b.inside(graph):
            first = b.eq(again, literal(0))
            trips, start = b.select(first, count, literal(1)), b.select(first, literal(0), last)
            graph.finish(b.tuple_((yield self.loop_over(r, made, trips, start, rows))))
        return b.parts(b.for_loop(literal(2), *zeros, graphs=(graph,)), len(zeros))

    def loop_over(self, r: Region, arrays: Sequence[Node], trips: Node, first: Node, rows: Node) -> Task:
        """The arrays with so many strips of a region's outputs, the first of them at `first`."""
        b = self.b
        graph = b.new_graph("strip", b.graph, "loop")
        k = b.parameter(graph, INT, "k")
        made = [b.parameter(graph, x.type) for x in arrays]
        with b.inside(graph):
            at = b.add(first, b.mul(k, literal(r.step)))
            parts = yield self.strip(r, at, rows)
            b.adjoint = False
            out = []
            for x, part in zip(made, parts, strict=True):
                rest = [literal(0)] * (x.type.rank - 1)  # type: ignore[attr-defined]
                out.append(b.slice_update(x, part, at, *rest, steps=(1,) * (1 + len(rest))))
            graph.finish(b.tuple_(out))
        return b.parts(b.for_loop(trips, *arrays, graphs=(graph,)), len(arrays))

    def strip(self, r: Region, at: Node, rows: Node) -> Task:
        """The rows from `at` on of a region's outputs, without the margins around them."""
        b = self.b
        self.region, self.rows = r, rows
        b.adjoint = False
        start = at
        if any(r.margins):
            end = b.sub(rows, literal(r.length))
            start = b.sub(at, literal(r.margins.left))
            start = b.select(b.lt(start, literal(0)), literal(0), start)
            start = b.select(b.lt(start, end), start, end)
        outside = dict.fromkeys(x for n in r.nodes for x in _reads(n) if r.is_long(x.type) and x not in self.inside)
        before = {x: self.get(x) for x in outside}
        for x, whole in before.items():
            self.bind(x, self.window(whole, start))
        yield self.operations(r)
        b.adjoint = False
        first, out = b.sub(at, start), []
        for n in r.outputs:
            x = self.get(n)
            t = x.type
            assert isinstance(t, Array)
            rest = [literal(0)] * (t.rank - 1)
            out.append(b.slice(x, first, *rest, shape=(r.step, *t.shape[1:]), steps=(1,) * t.rank))
        self.region = None
        for x, whole in before.items():
            self.bind(x, whole)
        return out

    def operations(self, r: Region) -> Task:
        for n in r.nodes:
            self.b.span = self.place(n)
            if n.graphs:
                yield super().control(n)
            else:
                self.plain(n)

    def cut(self, t: Type) -> Type:
        """The type of a strip of what has the type t."""
        r = self.region
        if r is None:
            return t
        extra = extra_rows(t, r.rows)
        if extra is not None:
            return Array(t.dtype, (r.length + extra, *t.shape[1:]))  # type: ignore[attr-defined]
        if isinstance(t, Stack):
            return Stack(self.cut(t.item))
        return Tuple(map(self.cut, t.items)) if isinstance(t, Tuple) else t

    def parameter_type(self, p: Parameter) -> Type:
        return self.cut(p.type)

    def window(self, whole: Node, start: Node) -> Node:
        """A strip of an array from outside."""
        b, t = self.b, self.cut(whole.type)
        assert isinstance(t, Array)
        if isinstance(whole, Apply) and whole.fn.name == "broadcast" and isinstance(whole.args[0].type, Scalar):
            return b.broadcast(whole.args[0], shape=t.shape)
        if isinstance(whole, Apply) and whole.fn.name == "zeros":
            return b.zeros(of=t)
        return b.slice(whole, start, *[literal(0)] * (t.rank - 1), shape=t.shape, steps=(1,) * t.rank)

    def plain(self, node: Apply) -> None:
        b, r, name = self.b, self.region, node.fn.name
        args = [self.get(a) for a in node.args] if r is not None else []
        b.adjoint = node.adjoint
        if r is not None and node in r.at_end:  # a place that is counted from the end
            k = 1 if name in ("slice", "index") else 2
            args[k] = literal(args[0].type.shape[0] - r.at_end[node])  # type: ignore[attr-defined]
            self.bind(node, b.apply(node.fn, args, node.static))
        elif r is not None and name == "empty_stack":
            self.bind(node, b.empty_stack(of=self.cut(node.static[0])))
        elif r is None or name not in SHAPED or not r.is_long(node.args[0].type if name == "dim" else node.type):
            super().plain(node)
        elif name == "dim":
            size = node.args[0].type.shape[node.static[0]]  # type: ignore[attr-defined]
            more = Dim.of(size) - r.rows
            self.bind(node, b.add(self.rows, literal(more)) if node.static[0] == 0 else literal(size))
        elif name == "reshape":
            self.bind(node, args[0])
        else:
            count = 1 + len(node.static[1]) if name == "slice" else name == "broadcast"  # sizes follow them
            new = self.cut(node.type)
            first = new if name == "zeros" else new.shape  # type: ignore[attr-defined]
            self.bind(node, b.apply(node.fn, args[:count], (first, *node.static[1:])))
