"""Functions whose outputs are made by trips that repeat: programs for the Jacobian of every trip.

    for i in range(n):                                    trip i writes 2 numbers, and reads 11 of one array, 3 of another
        out[i] = project(cams[ci[i]], X[xi[i]])           and 2 integers that say where: its Jacobian is one of 2 by 14

What a trip does is straight-line code, and is linearised and eliminated once (see `irad.transforms.elimination`), with the
numbers that it reads for inputs. One loop then computes the partials of all trips, another, which needs nothing but integers,
in which row and column each of them stands.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from irad.elimination.graph import Vertex
from irad.elimination.nodes import Partials
from irad.graph.build import UNIT_VALUE, is_constant, literal
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, captured, nested_graphs
from irad.optimize.demand import demand, state_of
from irad.optimize.elements import elements_of, size
from irad.optimize.rebuild import Rebuild
from irad.sparsity.problem import Problem
from irad.transforms.elimination import Linearised, NotStraightLine
from irad.transforms.jacobian import cheapest
from irad.types import I64, INT, Array, Scalar, Type, fresh_dim, is_float, tangent_type

__all__ = ["Layout", "Repeated", "repeated"]

READS = ("index", "slice")
WRITES = ("index_update", "index_add", "slice_update", "slice_add")
SAME_ORDER = ("reshape", "retype")  # the elements of the result are those of the argument, in C order
MOST_ENTRIES = 1_000  # of a trip's Jacobian: each is a number of the program
MOST_WHOLE = 16  # elements of an array that every trip reads as a whole


@dataclass(slots=True)
class Layout:
    """What a loop's trip has of the Jacobian of one output: `entries[k]` are the pairs (number that is written, number that is
    read) whose partials stand in the row for parameter k. `adds`: of each number that is written, whether it is added."""

    leaf: int
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
    """The loops that make the outputs of a graph, and what varies with its parameters."""

    def __init__(self, problem: Problem) -> None:
        graph, self.wrt, self.types = problem.graph, problem.wrt, problem.outputs
        self.graph = graph
        self.sources: dict[Node, int] = {graph.params[k]: k for k in self.wrt}  # parameters, in whatever shape
        self.active: set[Node] = set(self.sources)
        for g in nested_graphs(graph):
            for node in g.body:
                if node.fn.name in SAME_ORDER and node.args[0] in self.sources:
                    self.sources[node] = self.sources[node.args[0]]
        for node in graph.body:
            if tangent_type(node.type) is not None and _reads(node, self.active):
                self.active.add(node)
        self.states: dict[Apply, dict[int, int]] = {}  # loop -> which output each of its arrays is
        assert isinstance(graph.output, Apply)
        for leaf, x in enumerate(graph.output.args):
            self._follow(x, leaf)
        if not self.states:
            raise NotStraightLine("no output is made by a loop", None)
        self.after = set(self.states)  # what is computed from the outputs
        for node in graph.body:
            if _reads(node, self.after):
                self.after.add(node)

    def _follow(self, x: Node, leaf: int) -> None:
        """Note the loops that write an output, the last first."""
        if isinstance(x.type, Array):
            _shape(x.type)
        while x in self.active:
            if not isinstance(x, Apply):
                raise NotStraightLine("an output is a parameter", None)
            if x.fn.name in SAME_ORDER:
                (x,) = x.args[:1]
                continue
            loop, k = (x.args[0], x.static[0]) if x.fn.name == "getitem" else (x, 0)
            if not isinstance(loop, Apply) or loop.fn.name != "for_loop" or not isinstance(x.type, Array):
                raise NotStraightLine("an output is not made by a loop", x)
            if leaf != self.states.setdefault(loop, {}).setdefault(k, leaf):
                raise NotStraightLine("two outputs are one", x)
            x = loop.args[1 + k]


def _reads(node: Apply, nodes: Container[Node]) -> bool:
    """Whether an operation, or a graph that it runs, takes one of the nodes."""
    return any(a in nodes for a in node.args) or any(a in nodes for g in node.graphs if g.parent for a in captured(g))


def _shape(t: Type) -> tuple[int, ...]:
    if not isinstance(t, Array) or t.static_shape is None:
        raise NotStraightLine("it has an array of a size that is not known", None)
    return t.static_shape


# -- a trip --------------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Version:
    """An output as it is at some point of a trip."""

    state: int


@dataclass(slots=True)
class _Old:
    """What stood in an output, in a version at places, and what is to be added to it."""

    version: _Version
    places: tuple[Node, ...]
    static: tuple[Any, ...]
    added: Any = None


@dataclass(slots=True)
class _Write:
    """Numbers that a trip writes to an output, or adds: their rows, and what the rows are sorted by."""

    state: int
    adds: bool
    values: list[Node]
    rows: list[Node]
    keys: list[Any]


class _Column(NamedTuple):
    """Where in the Jacobian an input stands: its parameter, the number of it there, and what columns are sorted by."""

    k: int
    place: Node
    key: Any


class _Trip(Linearised):
    """The body of a loop, written out and linearised in the graph that is being built: its inputs are the numbers of
    parameters that it reads."""

    def __init__(self, program: _Program, loop: Apply, trip: Node) -> None:
        self.program, (self.body,) = program, loop.graphs
        self.states = program.of.states[loop]
        self.current: dict[int, Any] = {k: _Version(k) for k in self.states}
        self.writes: list[_Write] = []
        self.columns: list[_Column] = []  # of the inputs
        self.checked: set[Node] = set()
        self.firsts: dict[Node, int] = {}  # integers, numbered as they are met
        arrays: list[Any] = [self.current.get(k) for k in range(len(self.body.params) - 1)]
        super().__init__(program.b, self.body, (), [trip, *arrays])
        made = state_of(self.body, "for_loop")
        if any(self._get(made[k]) is not self.current[k] for k in self.states):
            raise NotStraightLine("a loop hands on something else than it wrote", loop)

    def _get(self, node: Node) -> Any:
        sources = self.program.of.sources
        if node in self._env:
            found = self._env[node]
            if found is None:
                raise NotStraightLine("a trip hands something on to the next", None)
            return found
        if node.__class__ is Constant:
            return node
        if node in sources:
            found = self._env[node] = self._whole(node, sources[node])
            return found
        if node in self.program.of.active:
            raise NotStraightLine("a trip reads what was computed before", None)
        return self.program.get(node)

    def _applied(self, node: Apply) -> Any:
        name, sources = node.fn.name, self.program.of.sources
        if node.fn.order == "effect":
            return self._effect(node)
        if name in SAME_ORDER and node in sources:
            return None  # it is read as the parameter
        if name in (*READS, "dim") and node.args[0] in sources:
            return self._read(node, sources[node.args[0]])
        args = [self._get(a) for a in node.args]
        if args and isinstance(args[0], _Version) and name != "make_tuple":
            return self._of_output(node, args[0], args[1:])
        if name in ("add", "sub") and any(isinstance(a, _Old) for a in args):
            return self._added(node, *args)
        if name == "reshape" and isinstance(args[0], _Old):
            return args[0]  # its numbers are taken in C order
        if name not in ("make_tuple", "getitem") and any(isinstance(a, (_Version, _Old, list)) for a in args):
            raise NotStraightLine(f"`{name}` takes an output", node)
        return super()._applied(node)

    def _effect(self, node: Apply) -> Any:
        if node.fn.name != "assert":
            raise NotStraightLine(f"it has a `{node.fn.name}`", node)
        if not self.program.values and any(self._get(a) in self._active for a in node.args):
            return None  # the other program sees to it
        return super()._applied(node)

    # -- reading -------------------------------------------------------------------------------------------------------------

    def _elements(self, x: Any) -> Any:
        if isinstance(x, Node) and isinstance(x.type, Array):
            _shape(x.type)
        return super()._elements(x)

    def _read(self, node: Apply, k: int) -> Any:
        """An element or block of a parameter: its numbers are inputs."""
        x = self.program.source(node.args[0])
        if node.fn.name == "dim":
            return self.b.apply(node.fn, [x], node.static)
        where = self._places(node.args[1:])
        self._check(node, where, _shape(x.type))
        found = self._elements(self.b.apply(node.fn, [x, *where], node.static))
        return self._taken(found, k, self._each(node, where), _shape(x.type))

    def _whole(self, node: Node, k: int) -> Any:
        """A parameter that is read as it is."""
        x = self.program.source(node)
        if not isinstance(x.type, Array):
            return self._taken(x, k, [()], ())
        if size(x.type) > MOST_WHOLE:
            raise NotStraightLine("a trip reads a large array", None)
        places = [tuple(map(literal, place)) for place in np.ndindex(*_shape(x.type))]
        return self._taken(self._elements(x), k, places, _shape(x.type))

    def _taken(self, found: Any, k: int, places: Sequence[tuple[Node, ...]], shape: tuple[int, ...]) -> Any:
        for x, where in zip(found.flat if isinstance(found, np.ndarray) else [found], places, strict=True):
            if x not in self.number:
                v = self.number[x] = len(self._vertices)
                self._vertices.append(Vertex(f"in.{v}"))
                self.inputs.append([v])
                self._active.add(x)
                self.columns.append(_Column(k, self._linear(where, shape), self._key(where)))
        return found

    # -- writing -------------------------------------------------------------------------------------------------------------

    def _of_output(self, node: Apply, version: _Version, args: list[Any]) -> Any:
        """An operation on an output: a write, or a read to which a write adds."""
        if self.current[version.state] is not version:
            raise NotStraightLine("it needs an output as it was before", node)
        if node.fn.name == "index" or node.fn.name == "slice":
            return _Old(version, tuple(self._places(node.args[1:])), node.static[1:])
        if node.fn.name not in WRITES:
            raise NotStraightLine(f"`{node.fn.name}` takes an output", node)
        value, *_ = args
        where, adds = self._places(node.args[2:]), node.fn.name.endswith("_add")
        if isinstance(value, _Old):
            same = value.version is version and (value.places, value.static) == (tuple(where), node.static)
            if adds or not same or value.added is None:
                raise NotStraightLine("it reads an output", node)
            adds, value = True, value.added
        shape = _shape(node.type)
        self._check(node, where, shape)
        places = self._each(node, where)
        values = list(value.flat) if isinstance(value, np.ndarray) else [value] * len(places)
        rows = [self._linear(p, shape) for p in places]
        self.writes.append(_Write(version.state, adds, values, rows, list(map(self._key, places))))
        new = self.current[version.state] = _Version(version.state)
        return new

    def _added(self, node: Apply, x: Any, y: Any) -> _Old:
        """What was read of an output plus or minus something."""
        old, other = (x, y) if isinstance(x, _Old) else (y, x)
        if isinstance(other, (_Version, _Old)) or (node.fn.name == "sub" and old is y):
            raise NotStraightLine("it reads an output", node)
        if node.fn.name == "sub":
            other = self._each_number(self.b.neg, other)
        if old.added is not None:
            other = self._each_number(self.b.add, old.added, other)
        return _Old(old.version, old.places, old.static, other)

    def _each_number(self, f: Callable[..., Node], *xs: Any) -> Any:
        """f of numbers, or of each of some arrays' numbers."""
        if not any(isinstance(x, np.ndarray) for x in xs):
            return f(*xs)
        arrays = [self._elements(x) for x in xs]
        return elements_of([f(*numbers) for numbers in zip(*[a.flat for a in arrays], strict=True)], arrays[0].shape)

    def _outputs(self) -> tuple[list[list[int | None]], list[Type]]:
        """The vertices of what each write writes."""
        return [[self.number.get(x) for x in w.values] for w in self.writes], []

    # -- places --------------------------------------------------------------------------------------------------------------

    def _places(self, nodes: Sequence[Node]) -> list[Node]:
        found = [self._get(a) for a in nodes]
        if any(not isinstance(p, Node) or p in self._active for p in found):
            raise NotStraightLine("a place depends on what derivatives are taken in", None)
        return found

    def _each(self, node: Apply, where: Sequence[Node]) -> list[tuple[Node, ...]]:
        """The place of each number of an element or block."""
        if node.fn.name.startswith("index"):
            return [tuple(where)]
        shape = _shape(node.type if node.fn.name == "slice" else node.args[1].type)
        b, steps = self.b, node.static[-1]
        return [
            tuple(b.add(p, literal(s * j)) if j else p for p, s, j in zip(where, steps, place, strict=True))
            for place in np.ndindex(*shape)
        ]

    def _check(self, node: Apply, where: Sequence[Node], shape: tuple[int, ...]) -> None:
        """Raise IndexError for a place outside, where nothing is read or written that would."""
        b = self.b
        if self.program.values:
            return
        for axis, (p, n) in enumerate(zip(where, shape, strict=True)):
            inside = b.and_(b.ge(p, literal(0)), b.lt(p, literal(n)))
            if not is_constant(inside, True) and inside not in self.checked:
                self.checked.add(inside)
                given = b.select(b.lt(p, literal(0)), b.sub(p, literal(n)), p)
                message = f"index {{0}} is out of bounds for axis {axis} with size {{1}}"
                b.assert_(inside, given, literal(n), error="IndexError", message=message)

    def _linear(self, where: Sequence[Node], shape: tuple[int, ...]) -> Node:
        """The number of an element in C order."""
        b = self.b
        total: Node = literal(0)
        for p, n in zip(where, shape, strict=True):
            total = b.add(b.mul(total, literal(n)), p)
        return total

    def _key(self, where: Sequence[Node]) -> Any:
        """What places are sorted by, so that those that differ by constants are in order."""
        key = []
        for p in where:
            offset = 0
            if isinstance(p, Apply) and p.fn.name == "select":
                p = p.args[2]  # of a negative index: that from the end, else itself
            if isinstance(p, Apply) and p.fn.name in ("add", "sub") and isinstance(p.args[1], Constant):
                offset = p.args[1].value * (1 if p.fn.name == "add" else -1)
                p = p.args[0]
            key.append((-1, p.value) if isinstance(p, Constant) else (self.firsts.setdefault(p, len(self.firsts)), offset))
        return key


# -- the programs --------------------------------------------------------------------------------------------------------


class _Program(Rebuild):
    """The function with other loops in the place of those that make its outputs, and their results for its own."""

    values = True

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module)
        self.of = function
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
            new.finish(self.b.make_tuple(*self.made))

    def plain(self, node: Apply) -> None:
        if node not in self.of.after:
            super().plain(node)

    def control(self, node: Apply) -> Task:
        if node in self.of.states:
            self.trips(node)
        elif node not in self.of.after:
            yield super().control(node)

    def trips(self, loop: Apply) -> None:
        """A loop that stores rows of numbers, a row a trip."""
        b = self.b
        b.span = loop.span
        count = self.get(loop.args[0])
        sizes = [] if isinstance(count, Constant) else [b.maximum(count, literal(0))]
        n = max(count.value, 0) if isinstance(count, Constant) else fresh_dim()
        body = b.new_graph("trip", b.graph, "loop")
        i = b.parameter(body, INT, "i")
        types, out = [], []
        with b.inside(body):
            for numbers, dtype in self.rows(_Trip(self, loop, i), loop):
                types.append(Array(dtype, (n, len(numbers))))
                x: Node = b.parameter(body, types[-1])
                for e, v in enumerate(numbers):
                    x = b.index_update(x, v, i, literal(e))
                out.append(x)
            body.finish(b.tuple_(out) if out else UNIT_VALUE)
        result = b.for_loop(count, *[b.zeros(*sizes, of=t) for t in types], graphs=(body,))
        if out:
            self.made += b.parts(result, len(out))

    def rows(self, trip: _Trip, loop: Apply) -> list[tuple[list[Node], Scalar]]:
        raise NotImplementedError


class _Values(_Program):
    """The partials of all trips."""

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module, function)
        self.layouts: list[list[Layout]] = []

    def rows(self, trip: _Trip, loop: Apply) -> list[tuple[list[Node], Scalar]]:
        b = self.b
        b.adjoint = True
        partials: dict[tuple[int, int], Any] = trip.region.eliminate(cheapest(trip.region), Partials(b))
        inputs = sorted(range(len(trip.columns)), key=lambda u: trip.columns[u].key)
        made, layouts = [], []
        for state, leaf in trip.states.items():
            writes = [(w, vs) for w, vs in zip(trip.writes, trip.outputs, strict=True) if w.state == state]
            numbers: list[tuple[Any, Any]] = [(v, key) for w, vs in writes for v, key in zip(vs, w.keys, strict=True)]
            layout = Layout(leaf, [w.adds for w, vs in writes for _ in vs], {})
            dtype = self.of.types[leaf].dtype  # type: ignore[attr-defined]
            for k in self.of.wrt:
                pairs = [
                    (w, u)
                    for w in sorted(range(len(numbers)), key=lambda w: numbers[w][1])
                    for u in inputs
                    if trip.columns[u].k == k and (u, numbers[w][0]) in partials
                ]
                if pairs:
                    layout.entries[k] = pairs
                    found = [partials[u, numbers[w][0]] for w, u in pairs]
                    made.append(([b.number(x, dtype) if isinstance(x, float) else x for x in found], dtype))
            layouts.append(layout)
        self.layouts.append(layouts)
        if sum(len(row) for row, _ in made) > MOST_ENTRIES:
            raise NotStraightLine("the Jacobian of a trip has too many entries", loop)
        return made


class _Places(_Program):
    """Where the partials stand."""

    values = False

    def __init__(self, module: Module, function: _Function) -> None:
        super().__init__(module, function)
        self.inputs: list[list[int]] = []

    def rows(self, trip: _Trip, loop: Apply) -> list[tuple[list[Node], Scalar]]:
        self.inputs.append([c.k for c in trip.columns])
        columns = [[c.place for c in trip.columns]]
        rows = [[row for w in trip.writes if w.state == state for row in w.rows] for state in trip.states]
        return [(numbers, I64) for numbers in columns + rows if numbers]
