"""Loops over large arrays run strip by strip, each strip short enough for the cache.

    x = for_loop(100, @step, x)        =>      for each strip:  w = for_loop(100, @step, x[strip and its margins])
                                                                y[strip] = w[without the margins]

A trip whose operations go element by element, or read elements a few places away (slices), does to a strip what it does to the
whole array, but near the strip's ends: there it takes a strip's end for the array's, and with each trip the wrong elements
grow by what a trip reads aside. So a strip has margins, as wide as wrong elements grow, which are computed again by the next one.
What is right has the same bits. Loops whose values a reverse loop pops run together with it, and their stacks stay in the
cache: the gradient of a loop over large arrays writes nothing to memory but its result.

Margins ("ghost zones") after Meng and Skadron, "Performance Modeling and Automatic Ghost Zone Optimization for Iterative Stencil
Loops on GPUs", 2009.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from irad.graph.build import literal
from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import Task, all_graphs, captured
from irad.nests.blocks import Users, users_in
from irad.nests.statements import PUTS
from irad.optimize.demand import state_of
from irad.optimize.rebuild import Rebuild
from irad.types import INT, Array, Scalar, Stack, Struct, Tuple, Type, leaves

__all__ = ["into_strips"]

NEAR = 1 << 20  # bytes of what a strip keeps
FAR = 4 << 20  # bytes of what a loop keeps that runs in strips: half of it would stay near anyway
SHORT, LONG = 128, 2048  # elements of a strip
MARGINS = 1 / 3  # of a strip
TRIPS = 4  # of a loop, at least: else the arrays are read as often as they are now
OFF = 64  # how much longer or shorter than the others an array may be
SHAPED = frozenset({"broadcast", "slice", "zeros", "empty_stack"})  # operations that are told a shape
FOLLOWED = 4  # trips through which wrong elements are followed one by one



class _NoStrips(Exception):
    """An operation does something else to a strip than to the whole, or nothing is known about it."""


class Wrong(NamedTuple):
    """How many elements of an array are wrong at a strip's left end and at its right end, where these are not the array's."""

    left: int
    right: int


@dataclass(slots=True, eq=False)
class Kept:
    """A stack: what is wrong in its items, and how many bytes of a row they have."""

    item: Known = None
    bytes: int = 0


Known = Wrong | Kept | tuple["Known", ...] | None  # of a number: nothing, it is the same in all strips
NONE = Wrong(0, 0)


def _worst(several: Iterable[Wrong]) -> Wrong:
    found = [*several]
    return Wrong(max(w.left for w in found), max(w.right for w in found))


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
    rows: int  # elements of the arrays; some have a few more or less
    outputs: list[Apply] = field(default_factory=list)  # arrays that are read elsewhere
    length: int = 0  # of a strip
    margins: Wrong = NONE
    start: Apply | None = None  # what the region is built before
    early: list[Apply] = field(default_factory=list)  # operations that stand later, and that a strip reads


def _regions(graph: Graph) -> Iterator[Region]:
    """The regions of a graph: loops with those that pop what they push, and what is between; else single loops."""
    loops = [n for n in graph.body if n.fn.name == "for_loop" and _large(n)]
    if not loops:
        return
    users = users_in(graph)
    place = {n: k for k, n in enumerate(graph.body)}
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
    """Whether arrays of a loop's state are large."""
    return any(isinstance(a.type, Array) and a.type.static_shape is not None and a.type.rank > 0 for a in loop.args[1:]) and any(
        math.prod(a.type.static_shape or ()) >= 8 * SHORT for a in loop.args[1:] if isinstance(a.type, Array)
    )


def _region(graph: Graph, loop: Apply, users: Users, place: dict[Node, int]) -> Region | None:
    nodes = _together(graph, loop, users, place)
    inside = set(nodes)
    rows = max(a.type.shape[0] for n in nodes if n.graphs for a in n.args if isinstance(a.type, Array) and a.type.static_shape)  # type: ignore[type-var]
    region = Region(loop, nodes, rows)  # type: ignore[arg-type]
    try:
        analysis = _Analysis(region)
    except _NoStrips:
        return None
    for n in nodes:
        if n is graph.output or any(u not in inside for u in users.get(n, ())):
            if not isinstance(analysis.known[n], Wrong) or n.type.shape[0] != rows:  # type: ignore[attr-defined]
                return None
            region.outputs.append(n)
    if not region.outputs:
        return None
    region.margins = _worst(analysis.array(n) for n in region.outputs)
    return region if _sized(region, analysis) and _placed(region, graph, users, place) else None


def _together(graph: Graph, loop: Apply, users: Users, place: dict[Node, int]) -> list[Apply]:
    """A loop, those that share a stack with it, directly or by others, and all between them."""
    inside: set[Apply] = {loop}
    while True:
        more: set[Apply] = set()
        for n in inside:
            for a in n.args:
                if isinstance(a, Apply) and a.graph is graph and _has_stack(a.type) and a not in inside:
                    more.add(a)
            if n.graphs or _has_stack(n.type):
                more.update(u for u in users.get(n, ()) if u.fn.name == "getitem" or _has_stack(n.type))
        more |= _between(graph, inside | more, place)
        if more <= inside:
            break
        inside |= more
    return sorted(inside, key=place.__getitem__)


def _has_stack(t: Type) -> bool:
    return isinstance(t, Stack) or (isinstance(t, Struct) and any(map(_has_stack, t.items)))


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


def _sized(region: Region, analysis: _Analysis) -> bool:
    """Choose how long strips are; False where running in strips saves nothing."""
    if analysis.bytes * region.rows < FAR:
        return False
    length = min(LONG, NEAR // analysis.bytes)
    if length < SHORT or sum(region.margins) > MARGINS * length:
        return False
    region.length = length - length % 8
    return 2 * region.length <= region.rows


def _placed(region: Region, graph: Graph, users: Users, place: dict[Node, int]) -> bool:
    """Find what has to stand before the region, which is put where its first value is read; False where that cannot move."""
    inside: set[Node] = set(region.nodes)
    end = place[region.nodes[-1]]
    start = min([end, *(place[u] for n in region.nodes for u in users.get(n, ()) if u not in inside)])
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


# -- which elements are right ------------------------------------------------------------------------------------------------


class _Analysis:
    """How many elements of each array of a region are wrong in a strip; _NoStrips where that is not known."""

    def __init__(self, region: Region) -> None:
        self.rows = region.rows
        self.known: dict[Node, Known] = {}
        self.bytes = 0  # that a strip keeps for each of its rows
        for n in region.nodes:
            self.known[n] = self.operation(n)

    def extra(self, t: Type) -> int:
        """How many rows more than others an array has."""
        shape = t.static_shape if isinstance(t, Array) else None
        if not shape or abs(shape[0] - self.rows) > OFF:
            raise _NoStrips
        return shape[0] - self.rows

    def of(self, x: Node) -> Known:
        if x in self.known:
            return self.known[x]
        if isinstance(x.type, Scalar):
            return None
        self.extra(x.type)
        return NONE  # arrays from outside

    def array(self, x: Node) -> Wrong:
        found = self.of(x)
        if not isinstance(found, Wrong):
            raise _NoStrips
        return found

    def operation(self, n: Apply) -> Known:
        name = n.fn.name
        if name == "for_loop":
            return self.loop(n)
        if name == "getitem":
            return self.of(n.args[0])[n.static[0]]  # type: ignore[index]
        if name == "make_tuple":
            return tuple(map(self.of, n.args))
        if name == "empty_stack":
            return Kept()
        if name == "push":
            return self.push(n)
        if name == "pop":
            kept = self.of(n.args[0])
            assert isinstance(kept, Kept)
            return kept.item, kept
        if name in ("slice", *PUTS):
            return self.block(n)
        if name == "zeros" or (name == "broadcast" and isinstance(n.args[0].type, Scalar)):
            self.extra(n.type)
            return NONE
        if n.graphs or not n.fn.elementwise or n.fn.order != "total":
            raise _NoStrips
        if isinstance(n.type, Array):
            self.extra(n.type)
            return _worst(self.array(a) for a in n.args if isinstance(a.type, Array))
        if any(self.of(a) is not None for a in n.args):
            raise _NoStrips
        return None

    def push(self, n: Apply) -> Known:
        kept, item = self.of(n.args[0]), self.of(n.args[1])
        assert isinstance(kept, Kept)
        kept.item = item
        kept.bytes = sum(_row(t) for t in leaves(n.args[1].type) if isinstance(t, Array))
        return kept

    def block(self, n: Apply) -> Wrong:
        """A slice, or what puts one: rows side by side at a known place."""
        x, part = (n.args[0], n) if n.fn.name == "slice" else n.args[:2]
        starts, steps = (n.args[1:], n.static[1]) if n.fn.name == "slice" else (n.args[2:], n.static[0])
        t, u = x.type, part.type
        assert isinstance(t, Array) and isinstance(u, Array)
        if not all(isinstance(a, Constant) for a in starts[: len(steps)]) or set(steps) != {1} or t.shape[1:] != u.shape[1:]:
            raise _NoStrips
        before: int = starts[0].value  # type: ignore[attr-defined]
        behind = self.extra(t) - self.extra(u) - before
        whole = self.array(x)
        if n.fn.name == "slice":
            return Wrong(max(whole.left - before, 0), max(whole.right - behind, 0))
        put = self.array(part)
        at = Wrong(before + put.left, behind + put.right)  # beside the block is what the array has beside it, at its ends
        return at if n.fn.name == "slice_update" else _worst((whole, at))

    def loop(self, n: Apply) -> Known:
        """A loop, trip by trip; where wrong elements grow on, by a bound.

        What one trip does to the counts of wrong elements is monotone, and gives at most as many more as it is given more. So
        where a trip makes at most c + d out of c everywhere, k trips make at most c + k * d.
        """
        trips, *args = n.args
        (body,) = n.graphs
        if isinstance(trips, Constant) and trips.value < TRIPS:
            raise _NoStrips
        state = [self.of(a) for a in args]
        for p, a in zip(body.params[1:], args, strict=True):
            if not isinstance(p.type, (Array, Stack)) and self.of(a) is not None:
                raise _NoStrips
        for _ in range(FOLLOWED):
            before, state = state, self.trip(n, state)
            if state == before:
                break
        else:
            if not isinstance(trips, Constant):
                raise _NoStrips
            most = _worst(w for w in state if isinstance(w, Wrong))
            after = _worst(w for w in self.trip(n, [most if isinstance(w, Wrong) else w for w in state]) if isinstance(w, Wrong))
            left = max(trips.value - FOLLOWED, 0)
            end = Wrong(*(m + left * max(a - m, 0) for m, a in zip(most, after, strict=True)))
            state = [end if isinstance(w, Wrong) else w for w in state]
            self.trip(n, state)  # for what it pushes
        for w, a in zip(state, args, strict=True):
            if isinstance(w, Kept):
                if not isinstance(trips, Constant):
                    raise _NoStrips
                if a.fn.name == "empty_stack":  # type: ignore[attr-defined]
                    self.bytes += trips.value * w.bytes
            elif isinstance(a.type, Array):
                self.bytes += 2 * _row(a.type)
        return state[0] if len(state) == 1 else tuple(state)

    def trip(self, n: Apply, state: list[Known]) -> list[Known]:
        """The state after a trip, at least what it was: an array is right at first, or as wrong as what the loop begins with."""
        (body,) = n.graphs
        self.known[body.params[0]] = None
        for p, w in zip(body.params[1:], state, strict=True):
            self.known[p] = w
        for node in body.body:
            self.known[node] = self.operation(node)
        after = [self.of(s) for s in state_of(body, "for_loop")]
        return [_worst((a, w)) if isinstance(a, Wrong) and isinstance(w, Wrong) else a for a, w in zip(after, state, strict=True)]


def _row(t: Array) -> int:
    return t.dtype.nbytes * math.prod(t.static_shape[1:])  # type: ignore[index]


# -- rewriting ----------------------------------------------------------------------------------------------------------------


class _Strips(Rebuild):
    def __init__(self, module: Module, regions: list[Region]) -> None:
        super().__init__(module)
        self.regions = {r.loop: r for r in regions}
        self.inside = {n for r in regions for n in r.nodes}
        self.early = {n for r in regions for n in r.early}
        self.region: Region | None = None  # in whose strip something is being built

    def sequence(self, old: Graph) -> Iterable[Apply]:
        starts = {r.start: r for r in self.regions.values()}
        for n in old.body:
            if n in starts:
                yield from starts[n].early
                yield starts[n].loop
            if n not in self.inside and n not in self.early:
                yield n

    def control(self, node: Apply) -> Task:
        if self.region is None and node in self.regions:
            yield self.strips(self.regions[node])
        else:
            yield super().control(node)

    def strips(self, r: Region) -> Task:
        """The loop over strips. The last one ends where the array ends."""
        b, self.region = self.b, r
        b.adjoint = False
        step = r.length - sum(r.margins)
        graph = b.new_graph("strip", b.graph, "loop")
        k = b.parameter(graph, INT, "k")
        made = [b.parameter(graph, n.type) for n in r.outputs]
        last, end = literal(r.rows - step), literal(r.rows - r.length)
        outside = dict.fromkeys(x for n in r.nodes for x in _reads(n) if isinstance(x.type, Array) and x not in self.inside)
        before = {x: self.get(x) for x in outside}
        with b.inside(graph):
            at = b.mul(k, literal(step))
            at = b.select(b.lt(at, last), at, last)
            start = at
            if any(r.margins):
                start = b.sub(at, literal(r.margins.left))
                start = b.select(b.lt(start, literal(0)), literal(0), start)
                start = b.select(b.lt(start, end), start, end)
            for x, whole in before.items():
                self.bind(x, self.window(whole, start))
            for n in r.nodes:
                b.span = self.place(n)
                if n.graphs:
                    yield super().control(n)
                else:
                    self.plain(n)
            b.adjoint = False
            parts = []
            for p, n in zip(made, r.outputs, strict=True):
                t = n.type
                assert isinstance(t, Array)
                rest, steps = [literal(0)] * (t.rank - 1), (1,) * t.rank
                part = b.slice(self.get(n), b.sub(at, start), *rest, shape=(step, *t.shape[1:]), steps=steps)
                parts.append(b.slice_update(p, part, at, *rest, steps=steps))
            graph.finish(b.tuple_(parts))
        self.region = None
        for x, whole in before.items():
            self.bind(x, whole)
        zeros = [b.zeros(of=n.type) for n in r.outputs]
        result = b.for_loop(literal(-(-r.rows // step)), *zeros, graphs=(graph,))
        for n, whole in zip(r.outputs, b.parts(result, len(r.outputs)), strict=True):
            self.bind(n, whole)

    def cut(self, t: Type) -> Type:
        """The type of a strip of what has the type t."""
        r = self.region
        if r is None:
            return t
        if isinstance(t, Array):
            return Array(t.dtype, (r.length + t.shape[0] - r.rows, *t.shape[1:]))  # type: ignore[operator]
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
        b, name = self.b, node.fn.name
        if self.region is None or name not in SHAPED:
            super().plain(node)
            return
        first = self.cut(node.type).shape if name in ("broadcast", "slice") else self.cut(node.static[0])  # type: ignore[attr-defined]
        b.adjoint = node.adjoint
        self.bind(node, b.apply(node.fn, [self.get(a) for a in node.args], (first, *node.static[1:])))
