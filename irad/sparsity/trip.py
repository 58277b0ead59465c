"""What one trip computes of a function whose outputs are made by trips that repeat, linearised: a trip of a loop that writes to
an output, or a row of an output that is made as a whole.

The numbers that it reads of the parameters are its inputs. Places are integers, which depend on no number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from irad.elimination.graph import Vertex
from irad.graph.build import Builder, is_constant, literal
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task, run
from irad.nests.trips import is_number
from irad.optimize.demand import state_of
from irad.optimize.elements import elements_of
from irad.primitives import REGISTRY
from irad.sparsity.elements import SAME_ORDER, Elements, Where, shape_of
from irad.transforms.elimination import Linearised, NotStraightLine
from irad.types import Array, Type

__all__ = ["Loop", "Outside", "Rows", "Trip"]

READS = ("index", "slice")
WRITES = ("index_update", "index_add", "slice_update", "slice_add")
VIEWS = ("broadcast", "slice", "reshape", "transpose", "zeros")
MOST_WHOLE = 64  # elements of an array that a trip takes as a whole, and of a row


@dataclass(eq=False, slots=True)
class Loop:
    """A loop that writes to outputs: which of its arrays are which outputs. `rank`: its place among those that write to one."""

    node: Apply
    states: dict[int, int]
    ranks: dict[int, int]

    @property
    def count(self) -> Node:
        return self.node.args[0]


@dataclass(eq=False, slots=True)
class Rows:
    """The rows of an array that is a part of an output, from one to before another: a row a trip, or an element where rows are
    long."""

    node: Node
    leaf: int
    rank: int
    first: int
    end: int
    offset: int  # in the output, of the array's first number

    @property
    def states(self) -> dict[int, int]:
        return {0: self.leaf}

    @property
    def ranks(self) -> dict[int, int]:
        return {0: self.rank}

    @property
    def is_long(self) -> bool:
        return int(np.prod(shape_of(self.node.type)[1:])) > MOST_WHOLE

    @property
    def count(self) -> Node:
        rest = int(np.prod(shape_of(self.node.type)[1:])) if self.is_long else 1
        return literal((self.end - self.first) * rest)


class Outside(Protocol):
    """What a trip knows of the program that it is built in, and of the function: `sources` are parameters that derivatives are
    taken in, by what they are in any shape; `active` is what varies with them; `gone` what is not there any more; `exact` what
    depends on integers only. `places`: the program says where partials stand, and checks that."""

    b: Builder
    places: bool
    sources: dict[Node, int]
    active: set[Node]
    gone: set[Node]
    exact: set[Node]

    def get(self, node: Node) -> Node: ...

    def source(self, node: Node) -> Node: ...


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


class Trip(Linearised):
    """One trip, number `trip`, written out and linearised in the graph that is being built."""

    most_elements = MOST_WHOLE

    def __init__(self, outside: Outside, site: Loop | Rows, trip: Node) -> None:
        self.outside, self.site, self.trip = outside, site, trip
        self.current: dict[int, Any] = {k: _Version(k) for k in site.states}
        self.writes: list[_Write] = []
        self.columns: list[_Column] = []  # of the inputs
        self.checked: set[Node] = set()
        self.firsts: dict[Node, int] = {}  # integers, numbered as they are met
        self.elements = Elements(outside.b, self._given, self._number_outside)
        self.guarded = False  # whether what is written out is computed though it may not be taken
        self._own: dict[Node, Node] = {}  # inputs that stand outside, as nodes of the trip
        self._noted = 0
        if isinstance(site.count, Constant):
            self.elements.ranges[trip] = 0, max(site.count.value, 1)
        if isinstance(site, Rows):
            super().__init__(outside.b, Graph("rows"), (), [])
            return
        (body,) = site.node.graphs
        arrays: list[Any] = [self.current.get(k) for k in range(len(body.params) - 1)]
        super().__init__(outside.b, body, (), [trip, *arrays])
        made = state_of(body, "for_loop")
        if any(self._get(made[k]) is not self.current[k] for k in site.states):
            raise NotStraightLine("a loop hands on something else than it wrote", site.node)

    def _write_out(self, graph: Graph) -> Task:
        if not isinstance(self.site, Rows):
            yield super()._write_out(graph)
            return
        x, first = self.site.node, literal(self.site.first)
        shape = shape_of(x.type)
        if self.site.is_long:
            rows, *rest = self.elements.regrouped((self.trip,), (int(np.prod(shape)),), shape)
            places: list[Where] = [(self.elements.moved(rows, first), *rest)]
        else:
            number = self.elements.moved(self.trip, first)
            places = [(number, *map(literal, place)) for place in np.ndindex(*shape[1:])]
        for where in places:
            value = yield self.elements.at(x, where)
            row = self.b.add(self._linear(where, shape), literal(self.site.offset))
            self.writes.append(_Write(0, False, [value], [row], [self._key(where)]))
        self._note()

    def _note(self) -> None:
        """Note what varies of the operations made so far."""
        body = self.b.graph.body
        for node in body[self._noted :]:
            if any(a in self._active for a in node.args):
                self._active.add(node)
        self._noted = len(body)

    def _get(self, node: Node) -> Any:
        if node in self._env:
            found = self._env[node]
            if found is None:
                raise NotStraightLine("a trip hands something on to the next", None)
            return found
        if node.__class__ is Constant:
            return node
        if node in self.outside.active:
            found = self._env[node] = self._whole(node)
            return found
        return self._there(node)

    def _there(self, node: Node) -> Node:
        """What the program has computed, and does not vary."""
        if node in self.outside.gone:
            raise NotStraightLine("a trip reads what depends on an output", None)
        return self.outside.get(node)

    def _applied(self, node: Apply) -> Any:
        name, out = node.fn.name, self.outside
        if node.fn.order == "effect":
            return self._effect(node)
        if self.guarded and not is_number(node) and name not in ("make_tuple", "getitem", *READS):
            raise NotStraightLine(f"a branch has a `{name}`", node)
        if name in SAME_ORDER and node in out.sources:
            return None  # it is read as the parameter
        if name in (*READS, "dim") and (node.args[0] in out.sources or node.args[0] in out.active):
            return self._read(node)
        args = [self._get(a) for a in node.args]
        if args and isinstance(args[0], _Version) and name != "make_tuple":
            return self._of_output(node, args[0], args[1:])
        if name in ("add", "sub") and any(isinstance(a, _Old) for a in args):
            return self._added(node, *args)
        if name == "reshape" and isinstance(args[0], _Old):
            return args[0]  # its numbers are taken in C order
        if name not in ("make_tuple", "getitem") and any(isinstance(a, (_Version, _Old, list)) for a in args):
            raise NotStraightLine(f"`{name}` takes an output", node)
        if self.guarded and name in READS:
            raise NotStraightLine("a branch reads an array", node)
        return super()._applied(node)

    def _effect(self, node: Apply) -> Any:
        if node.fn.name != "assert" or self.guarded:
            raise NotStraightLine(f"it has a `{node.fn.name}`", node)
        if self.outside.places != (node in self.outside.exact):
            return None  # the other program sees to it
        return super()._applied(node)

    def _put_in_place(self, node: Apply) -> Task:
        """A branch is computed on both sides where neither can fail, and one is chosen."""
        if node.fn.name != "cond" or is_constant(self._get(node.args[0])):
            yield super()._put_in_place(node)
            return
        test, before = self._get(node.args[0]), self.guarded
        self.guarded = True
        sides = []
        for g in node.graphs:
            yield self._write_out(g)
            found = self._get(g.output)
            sides.append(found if isinstance(found, list) else [found])
        self.guarded = before
        if not all(isinstance(x, Node) and not isinstance(x.type, Array) for side in sides for x in side):
            raise NotStraightLine("a branch gives an array", node)
        self.b.span, self.b.adjoint = node.span, node.adjoint
        chosen = [self.b.select(test, x, y) for x, y in zip(*sides, strict=True)]
        self._note()
        self._env[node] = chosen if len(chosen) > 1 or isinstance(self._get(node.graphs[0].output), list) else chosen[0]

    # -- reading -------------------------------------------------------------------------------------------------------------

    def _given(self, x: Node, where: Where) -> Node | None:
        """An element of an array that is there: a parameter's is an input."""
        out = self.outside
        if x in out.sources:
            found = self.b.index(out.source(x), *where)
            return self._taken(found, out.sources[x], where, shape_of(x.type))
        made = isinstance(x, Apply) and x.fn.name in VIEWS  # else another array would be made of what is there
        return None if made or x in out.active else self.b.index(self._there(x), *where)

    def _number_outside(self, x: Node) -> Node | None:
        out = self.outside
        if x in self._env:
            return self._get(x)  # type: ignore[no-any-return]
        if x in out.sources:
            return self._taken(out.source(x), out.sources[x], (), ())
        return None if x in out.active else self._there(x)

    def _taken(self, x: Node, k: int, where: Where, shape: tuple[int, ...]) -> Node:
        if x.graph is not self.b.graph:  # what is computed of it must not be shared with what is computed outside
            if x not in self._own:
                self._own[x] = self.b._make(REGISTRY["stop_gradient"], (x,), (), ())
            x = self._own[x]
        if x not in self.number:
            v = self.number[x] = len(self._vertices)
            self._vertices.append(Vertex(f"in.{v}"))
            self.inputs.append([v])
            self._active.add(x)
            self.columns.append(_Column(k, self._linear(where, shape), self._key(where)))
        return x

    def _read(self, node: Apply) -> Any:
        """An element or block of an array that varies."""
        x, shape = node.args[0], shape_of(node.args[0].type)
        if node.fn.name == "dim":
            return literal(shape[node.static[0]])
        where = self._places(node.args[1 : 1 + len(shape)])
        self._check(node, where, shape)
        found = [run(self.elements.at(x, place)) for place in self._each(node, where)]
        return elements_of(found, shape_of(node.type)) if node.fn.name == "slice" else found[0]

    def _whole(self, node: Node) -> Any:
        """A number or array that varies, as it is."""
        if not isinstance(node.type, Array):
            return run(self.elements.scalar(node))
        shape = shape_of(node.type)
        if np.prod(shape) > MOST_WHOLE:
            raise NotStraightLine("a trip takes a large array", None)
        return elements_of([run(self.elements.at(node, tuple(map(literal, p)))) for p in np.ndindex(*shape)], shape)

    def _elements(self, x: Any) -> Any:
        if isinstance(x, Node) and isinstance(x.type, Array):
            shape_of(x.type)
        return super()._elements(x)

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
        shape = shape_of(node.type)
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
        self._note()
        if any(not isinstance(p, Node) or p in self._active for p in found):
            raise NotStraightLine("a place depends on what derivatives are taken in", None)
        return found

    def _each(self, node: Apply, where: Sequence[Node]) -> list[tuple[Node, ...]]:
        """The place of each number of an element or block."""
        if node.fn.name.startswith("index"):
            return [tuple(where)]
        shape = shape_of(node.type if node.fn.name == "slice" else node.args[1].type)
        b, steps = self.b, node.static[-1]
        return [
            tuple(b.add(p, literal(s * j)) if j else p for p, s, j in zip(where, steps, place, strict=True))
            for place in np.ndindex(*shape)
        ]

    def _check(self, node: Apply, where: Sequence[Node], shape: tuple[int, ...]) -> None:
        """Raise IndexError for a place outside, where nothing is read or written that would."""
        b = self.b
        for axis, (p, n) in enumerate(zip(where, shape, strict=True)):
            found = self.elements.range_of(p)
            if found is not None and 0 <= found[0] and found[1] <= n:
                continue
            if self.guarded:
                raise NotStraightLine("a branch reads an element that may not be there", node)
            if not self.outside.places:
                continue
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
