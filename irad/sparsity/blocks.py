"""Functions whose outputs are made by trips that repeat: programs for the Jacobian of every trip.

    for i in range(n):                                    trip i writes 2 numbers, and reads 11 of one array, 3 of another
        out[i] = project(cams[ci[i]], X[xi[i]])           and 2 integers that say where: its Jacobian is one of 2 by 14

What a trip does is straight-line code, and is linearised and eliminated once (see `irad.transforms.elimination`), with the
numbers that it reads for inputs. One loop then computes the partials of all trips, another, which needs nothing but integers,
in which row and column each of them stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from irad.elimination.nodes import Partials
from irad.graph.build import UNIT_VALUE, literal
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, captured, nested_graphs
from irad.optimize.demand import demand
from irad.optimize.rebuild import Rebuild
from irad.sparsity.elements import SAME_ORDER, Range, shape_of
from irad.sparsity.problem import Problem
from irad.sparsity.trip import Loop, Rows, Trip
from irad.transforms.elimination import NotStraightLine
from irad.transforms.jacobian import cheapest
from irad.types import I64, INT, Array, Scalar, Type, fresh_dim, is_float, tangent_type

__all__ = ["Layout", "Repeated", "repeated"]

MOST_ENTRIES = 1_000  # of a trip's Jacobian: each is a number of the program


@dataclass(slots=True)
class Layout:
    """What a loop's trip has of the Jacobian of one output: `entries[k]` are the pairs (number that is written, number that is
    read) whose partials stand in the row for parameter k. `adds`: of each number that is written, whether it is added."""

    leaf: int
    rank: int
    adds: list[bool]
    entries: dict[int, list[tuple[int, int]]]


@dataclass(slots=True)
class Repeated:
    """The programs, which take the parameters of the function: `values` gives, for each layout and parameter, the partials of
    all trips; `places`, for each loop, the columns of what its trips read, and for each layout the rows of what they write,
    and depends on integers only."""

    values: Module
    places: Module
    loops: list[list[Layout]]
    columns: list[list[int]]  # of each loop's inputs: the parameter
    types: list[Type]  # of the float outputs
    wrt: tuple[int, ...]


def repeated(problem: Problem, lean: Callable[[Module], Module]) -> Repeated | None:
    """The programs for the Jacobian of a function, which is lean; None where its outputs are not made by trips that repeat.
    `lean` makes the second of them small."""
    try:
        found = _Function(problem)
        values, places = _Values(problem.module, found), _Places(problem.module, found)
        first, second = values.run(), lean(places.run())
    except NotStraightLine:
        return None
    if any(is_float(p.type) for p in demand(second).params if p.graph is second.entry):
        return None
    return Repeated(first, second, values.layouts, places.inputs, problem.outputs, problem.wrt)


# -- what the function is made of ----------------------------------------------------------------------------------------


class _Function:
    """What makes the outputs of a graph, and what varies with its parameters."""

    def __init__(self, problem: Problem) -> None:
        graph, self.wrt, self.types = problem.graph, problem.wrt, problem.outputs
        self.sources: dict[Node, int] = {graph.params[k]: k for k in self.wrt}  # parameters, in whatever shape
        self.active: set[Node] = set(self.sources)
        self.exact = _exact(graph)
        for g in nested_graphs(graph):
            for node in g.body:
                if node.fn.name in SAME_ORDER and node.args[0] in self.sources:
                    self.sources[node] = self.sources[node.args[0]]
        for node in graph.body:
            if tangent_type(node.type) is not None and _reads(node, self.active):
                self.active.add(node)
        self.loops: dict[Apply, Loop] = {}
        self.rows: list[Rows] = []
        assert isinstance(graph.output, Apply)
        for leaf, x in enumerate(graph.output.args):
            self._follow(x, leaf)
        self.gone: set[Node] = set(self.loops)  # the loops, and what is computed from them
        for node in graph.body:
            if node not in self.loops and _reads(node, self.gone):
                if node.fn.order == "effect" or any(g.effects for g in node.graphs):
                    raise NotStraightLine("it raises what depends on an output", node)
                self.gone.add(node)

    def _follow(self, x: Node, leaf: int) -> None:
        """Note the loops that write an output, the last first, and what they begin with."""
        rank = 0
        while x in self.active:
            shape = shape_of(x.type)
            if isinstance(x, Apply) and x.fn.name in SAME_ORDER:
                x = x.args[0]
                continue
            loop, k = (x.args[0], x.static[0]) if isinstance(x, Apply) and x.fn.name == "getitem" else (x, 0)
            if not isinstance(loop, Apply) or loop.fn.name != "for_loop":
                if shape:
                    self._rows(x, leaf, rank, 0)
                return
            site = self.loops.setdefault(loop, Loop(loop, {}, {}))
            if site.states.setdefault(k, leaf) != leaf or site.ranks.setdefault(k, rank) != rank:
                raise NotStraightLine("two outputs are one", loop)
            x, rank = loop.args[1 + k], rank - 1

    def _rows(self, x: Node, leaf: int, rank: int, offset: int) -> None:
        """Note the rows of an array that is an output from number `offset` on; where blocks make it up, the rows of these."""
        while isinstance(x, Apply) and x.fn.name in SAME_ORDER:
            x = x.args[0]
        whole, (count, *rest) = x, shape_of(x.type)
        left = [(0, count)]  # rows that are in no block
        while isinstance(x, Apply) and x.fn.name == "slice_update":
            base, block = x.args[:2]
            found = _block(x)
            around = next((r for r in left if found and r[0] <= found[0] and found[1] <= r[1]), None)
            if found is None or around is None:
                break
            self._rows(block, leaf, rank, offset + found[0] * math.prod(rest))
            left.remove(around)
            left += [r for r in ((around[0], found[0]), (found[1], around[1])) if r[0] < r[1]]
            x = base
        self.rows += [Rows(whole, leaf, rank, *r, offset) for r in left if r[0] < r[1]]


def _block(x: Apply) -> Range | None:
    """The rows that an update of an array writes, where it writes all of them."""
    _, block, *starts = x.args
    shape, (count, *rest) = shape_of(x.type), shape_of(block.type)
    places = [p.value for p in starts if isinstance(p, Constant)]
    if len(places) < len(starts) or any(places[1:]) or tuple(rest) != shape[1:] or any(k != 1 for k in x.static[0]):
        return None
    return places[0], places[0] + count


def _reads(node: Apply, nodes: Container[Node]) -> bool:
    """Whether an operation, or a graph that it runs, takes one of the nodes."""
    return any(a in nodes for a in node.args) or any(a in nodes for g in node.graphs if g.parent for a in captured(g))


def _exact(graph: Graph) -> set[Node]:
    """What is computed from integers and truth values only."""
    found: set[Node] = {p for p in graph.params if not is_float(p.type)}
    for g in nested_graphs(graph):
        if g is not graph and g.role == "loop":
            found.update(p for p in g.params[:1] if not is_float(p.type))
    for g in nested_graphs(graph):
        for node in g.body:
            if not node.graphs and not is_float(node.type) and all(isinstance(a, Constant) or a in found for a in node.args):
                found.add(node)
    return found


# -- the programs --------------------------------------------------------------------------------------------------------


class _Program(Rebuild):
    """The function with other loops in the place of those that make its outputs, and their results for its own."""

    places = False

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module)
        self.of, self.sources, self.active = function, function.sources, function.active
        self.gone, self.exact = function.gone, function.exact
        self.made: list[Node] = []

    def source(self, node: Node) -> Node:
        """A parameter in some shape."""
        if node in self.env or not isinstance(node, Apply):
            return self.get(node)
        return self.b.apply(node.fn, [self.source(node.args[0])], node.static)

    def function(self, old: Graph) -> Task:
        if old is not self.old.entry:
            yield super().function(old)
            return
        new = self.graphs[old]
        with self.b.inside(new):
            yield self.body(old)
            for rows in self.of.rows:
                self.trips(rows)
            new.finish(self.b.make_tuple(*self.made))

    def plain(self, node: Apply) -> None:
        if node.fn.name == "print" and self.places:
            return  # once is enough
        if node.fn.name == "assert" and self.places != (node in self.exact):
            return  # the other program sees to it
        if node not in self.gone:
            super().plain(node)

    def control(self, node: Apply) -> Task:
        if node in self.of.loops:
            self.trips(self.of.loops[node])
        elif node not in self.gone:
            yield super().control(node)

    def trips(self, site: Loop | Rows) -> None:
        """A loop that stores rows of numbers, a row a trip."""
        b = self.b
        b.span = site.node.span
        count = self.get(site.count)
        sizes = [] if isinstance(count, Constant) else [b.maximum(count, literal(0))]
        n = max(count.value, 0) if isinstance(count, Constant) else fresh_dim()
        body = b.new_graph("trip", b.graph, "loop")
        i = b.parameter(body, INT, "i")
        types, out = [], []
        with b.inside(body):
            for numbers, dtype in self.numbers(Trip(self, site, i), site):
                types.append(Array(dtype, (n, len(numbers))))
                x: Node = b.parameter(body, types[-1])
                for e, v in enumerate(numbers):
                    x = b.index_update(x, v, i, literal(e))
                out.append(x)
            body.finish(b.tuple_(out) if out else UNIT_VALUE)
        result = b.for_loop(count, *[b.zeros(*sizes, of=t) for t in types], graphs=(body,))
        if out:
            self.made += b.parts(result, len(out))

    def numbers(self, trip: Trip, site: Loop | Rows) -> list[tuple[list[Node], Scalar]]:
        raise NotImplementedError


class _Values(_Program):
    """The partials of all trips."""

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module, function)
        self.layouts: list[list[Layout]] = []

    def numbers(self, trip: Trip, site: Loop | Rows) -> list[tuple[list[Node], Scalar]]:
        b = self.b
        b.adjoint = True
        partials: dict[tuple[int, int], Any] = trip.region.eliminate(cheapest(trip.region), Partials(b))
        inputs = sorted(range(len(trip.columns)), key=lambda u: trip.columns[u].key)
        made, layouts = [], []
        for state, leaf in site.states.items():
            writes = [(w, vs) for w, vs in zip(trip.writes, trip.outputs, strict=True) if w.state == state]
            written: list[tuple[Any, Any]] = [(v, key) for w, vs in writes for v, key in zip(vs, w.keys, strict=True)]
            layout = Layout(leaf, site.ranks[state], [w.adds for w, vs in writes for _ in vs], {})
            dtype = self.of.types[leaf].dtype  # type: ignore[attr-defined]
            for k in self.of.wrt:
                pairs = [
                    (w, u)
                    for w in sorted(range(len(written)), key=lambda w: written[w][1])
                    for u in inputs
                    if trip.columns[u].k == k and (u, written[w][0]) in partials
                ]
                if pairs:
                    layout.entries[k] = pairs
                    found = [partials[u, written[w][0]] for w, u in pairs]
                    made.append(([b.number(x, dtype) if isinstance(x, float) else x for x in found], dtype))
            layouts.append(layout)
        self.layouts.append(layouts)
        if sum(len(row) for row, _ in made) > MOST_ENTRIES:
            raise NotStraightLine("the Jacobian of a trip has too many entries", None)
        return made


class _Places(_Program):
    """Where the partials stand."""

    places = True

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module, function)
        self.inputs: list[list[int]] = []

    def numbers(self, trip: Trip, site: Loop | Rows) -> list[tuple[list[Node], Scalar]]:
        self.inputs.append([c.k for c in trip.columns])
        columns = [[c.place for c in trip.columns]]
        rows = [[row for w in trip.writes if w.state == state for row in w.rows] for state in site.states]
        return [(numbers, I64) for numbers in columns + rows if numbers]
