"""Which numbers of a function's results depend on which of its arguments, whatever the floats among them are.

A program is run on sets instead of floats: each number carries the columns that it depends on, integers and truth values that
no float matters to are computed. A branch on floats is taken on both sides; trips of a loop are run at once where none needs
what an earlier one made, else one after the other, or, where they are not known or too many, until nothing changes any more.
Of an operation without a rule each result depends on all that the operands depend on. For second derivatives each operation
notes between which columns it makes some: x * y between those of x and those of y (Walther, 2008, "Computing sparse Hessians
with automatic differentiation").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import vstack

from irad.errors import refuse
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Node
from irad.graph.walk import Task, run
from irad.sparsity import loops, rules
from irad.sparsity.carried import Carried, Element, State
from irad.sparsity.lanes import Frame, NotTogether, Unknown, Value, deepest, lifted
from irad.sparsity.problem import Problem
from irad.sparsity.rows import Rows, empty, gathered, joined, made, stacked, unit
from irad.types import Array, Scalar, Struct, Type, is_float

__all__ = ["Found", "propagated"]

UPDATES = frozenset({"index_update", "index_add", "slice_update", "slice_add"})
JOINS = frozenset({"add", "sub", "maximum", "minimum"})  # of a state with what a trip adds to it
MOST_DEPTH = 200  # of calls
MOST_PAIRS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """The pattern, a row for each number of the outputs, and the outputs' shapes. With second derivatives: of the Hessian."""

    pattern: Rows
    shapes: list[tuple[int, ...]]


def propagated(problem: Problem, known: Sequence[Any], *, second: bool = False) -> Found:
    """The pattern of a problem whose parameters are known where they are integers or truth values."""
    columns = sum(_numbers(t) for t in problem.inputs)
    p = _Propagation(columns, second)
    args, at = [], 0
    for k, (param, value) in enumerate(zip(problem.graph.params, known, strict=True)):
        t = param.type
        shape = np.shape(value) if value is not None else _static(t)
        if k in problem.wrt:
            n = _numbers(t)
            args.append(Value(p.root, shape, None, unit(n, at, columns)))
            at += n
        else:
            args.append(Value(p.root, shape, np.asarray(value)[None] if value is not None else None))
    out: Any
    try:
        out = run(p.function(problem.graph, args, None, p.root))
    except (Unknown, NotTogether):
        if second:
            return Found(_full(columns, columns), [()])
        shapes = [_static(t) for t in problem.outputs]
        return Found(_full(sum(int(np.prod(shape)) for shape in shapes), columns), shapes)
    if second:
        return Found(p.interactions(), [()])
    parts = [(v.rows, v.size) for v in out]
    count = sum(n for _, n in parts)
    pattern = stacked(parts, columns) if parts else None
    return Found(pattern if pattern is not None else empty(count, columns), [v.shape for v in out])


def _static(t: Type) -> tuple[int, ...]:
    if isinstance(t, Array) and t.static_shape is None:
        raise refuse(
            "unknown-shape",
            "a sparse derivative of a function with an output whose size the program finds out",
            help="return an array of a size that follows from those of the arguments, or take the dense derivative",
        )
    return t.static_shape or () if isinstance(t, Array) else ()


def _numbers(t: Type) -> int:
    return int(np.prod(_static(t)))


def _full(count: int, columns: int) -> Rows:
    if count * columns > MOST_PAIRS:
        raise MemoryError(f"the pattern has up to {count} x {columns} entries")
    return made(np.arange(count + 1) * columns, np.tile(np.arange(columns, dtype=np.int32), count), (count, columns))


class _Scope:
    """The values of one call of a function; graphs nested in it as branches and loops share them."""

    __slots__ = ("graph", "outer", "values")

    def __init__(self, graph: Graph, outer: _Scope | None) -> None:
        self.graph, self.outer = graph, outer
        self.values: dict[Node, Any] = {}


class _Propagation:
    """What `rules` are handed, as p: the number of columns, the outermost frame, and `interact`."""

    def __init__(self, columns: int, second: bool) -> None:
        self.columns, self.second = columns, second
        self.root = Frame(None, np.zeros(1, np.int64))
        self.pairs: list[tuple[Rows, Rows]] = []
        self.states: list[State] = []  # of the loops around that run at once
        self.unsure = self.steps = self.copied = self.depth = 0
        self.constants: dict[Constant, Any] = {}

    # -- second derivatives ------------------------------------------------------------------------------------------------

    def interact(self, x: Rows, y: Rows) -> None:
        """Each number may have second derivatives between the columns of its row in x and those in y."""
        if self.second and x is not None and y is not None:
            self.pairs.append((x, y))

    def interactions(self) -> Rows:
        n = self.columns
        if not self.pairs:
            return empty(n, n)
        x, y = (vstack([pair[k] for pair in self.pairs], format="csr") for k in range(2))
        some = (np.diff(x.indptr) > 0) & (np.diff(y.indptr) > 0)
        x, y = x[some], y[some]
        bound = int((np.diff(x.indptr).astype(np.int64) * np.diff(y.indptr)).sum())
        if bound > MOST_PAIRS:
            wide = int((np.diff(x.indptr).astype(np.int64) * np.diff(y.indptr)).max(initial=0))
            if wide > MOST_PAIRS:
                raise MemoryError(f"the Hessian has up to {wide} entries: it is not sparse")
        out = x.T.tocsr() @ y
        out = (out + out.T).tocsr()
        out.sort_indices()
        return out

    # -- programs ----------------------------------------------------------------------------------------------------------

    def get(self, node: Node, scope: _Scope) -> Any:
        if isinstance(node, Constant):
            found = self.constants.get(node)
            if found is None:
                found = self.constants[node] = self._constant(node)
            return found
        s: _Scope | None = scope
        while s is not None:
            if node in s.values:
                return s.values[node]
            s = s.outer
        raise Unknown

    def _constant(self, node: Constant) -> Any:
        t = node.type
        if isinstance(t, Struct):
            return self._undefined(t) if node.value is UNDEF or t.items else ()
        if not isinstance(t, (Scalar, Array)):
            return node.value
        if node.value is UNDEF:
            return self._undefined(t)
        value = np.asarray(node.value, t.dtype if isinstance(t, Scalar) else None)
        return Value(self.root, value.shape, value[None])

    def _undefined(self, t: Type) -> Any:
        if isinstance(t, Struct):
            return tuple(map(self._undefined, t.items))
        if not isinstance(t, (Scalar, Array)):
            return None
        return Value(self.root, tuple(d if isinstance(d, int) else 0 for d in t.shape) if isinstance(t, Array) else ())

    def function(self, graph: Graph, args: Sequence[Any], caller: _Scope | None, frame: Frame) -> Task:
        outer = caller
        while outer is not None and outer.graph is not _owner(graph.parent):
            outer = outer.outer
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Unknown
        found = yield self.body(graph, args, _Scope(graph, outer if graph.parent is not None else None), frame)
        self.depth -= 1
        return found

    def body(self, graph: Graph, args: Sequence[Any], scope: _Scope, frame: Frame) -> Task:
        """The output of a graph in the lanes of a frame."""
        scope.values.update(zip(graph.params, args, strict=True))
        for node in graph.body:
            values = [self.get(a, scope) for a in node.args]
            if node.graphs:
                scope.values[node] = yield self.control(node, values, scope, frame)
            else:
                scope.values[node] = self.operation(node, values, frame)
        self.steps += len(graph.body)
        return self.get(graph.output, scope)

    # -- operations --------------------------------------------------------------------------------------------------------

    def operation(self, node: Apply, args: list[Any], frame: Frame) -> Any:
        name = node.fn.name
        if node.fn.order == "effect":
            return ()
        if name in ("make_tuple", "make_record"):
            return tuple(args)
        if name == "getitem":
            return args[0][node.static[0]]
        if any(isinstance(a, (Carried, Element)) for a in args):
            found = self._of_state(name, node, args, frame)
            if found is not None:
                return found
            args = [self.plain(a) for a in args]
        if name in ("empty_stack", "make_list"):
            return tuple(args)
        if not all(isinstance(a, Value) for a in args):
            return self._listed(name, node, args, frame)
        if all(a.known is not None for a in args) and name != "dim":
            found = rules.evaluated(node, args, self.root)
            if found is not None:
                return found
        rule = rules.RULES.get(name)
        if rule is not None:
            return rule(self, node, args)
        if node.fn.elementwise or name == "select":
            return rules.elementwise(self, node, args)
        if name in ("zeros", "iota"):
            return Value(self.root, rules.shape_of(node.type, args))
        return rules.whole(self, node, args)

    def plain(self, v: Any) -> Any:
        """A value in the place of a state or an element of it."""
        if isinstance(v, Carried):
            return v.value()
        if isinstance(v, Element):
            found = v.carried.read(v.frame, v.index)
            for other in v.added:
                frame = deepest((found.frame, other.frame))
                found = Value(frame, (), None, joined(lifted(found, frame).rows, lifted(other, frame).rows))
            return found
        return v

    def _of_state(self, name: str, node: Apply, args: list[Any], frame: Frame) -> Any:
        """An operation on a state that does not look at all of it; None where it does."""
        x, *rest = args
        if name not in UPDATES and name not in JOINS and any(isinstance(a, (Carried, Element)) for a in rest):
            return None
        if name in JOINS and is_float(node.type):
            if isinstance(x, Value):
                x, rest = rest[0], [x]
            (other,) = rest
            if not isinstance(other, Value):
                return None
            other = Value(other.frame, other.shape, None, other.rows)
            if isinstance(x, Element):
                return Element(x.carried, x.frame, x.index, x.nodes, [*x.added, other])
            if x.shape != other.shape:
                return None
            size = other.size
            if frame.count * size > 20_000_000:
                raise NotTogether
            return x.write(frame, other, np.broadcast_to(np.arange(size), (frame.count, size)), False)
        if not isinstance(x, Carried):
            return None
        if name == "dim":
            return Value(self.root, (), np.array([x.shape[node.static[0]]], np.int64))
        if name == "index":
            index = [self.plain(i) for i in rest]
            if any(i.known is None for i in index):
                return None
            at = rules.flat_places(frame, index, x.shape)
            return Element(x, frame, at, node.args[1:], []) if is_float(node.type) else x.read(frame, at)
        if name in UPDATES:
            v, *index = rest
            adds = name.endswith("add")
            index = [self.plain(i) for i in index]
            if isinstance(v, Carried):
                v = v.value()
            if adds and not x.state.floats:
                return None
            if any(i.known is None for i in index):
                return x.write(frame, self.plain(v), None, False)
            if name.startswith("index"):
                at = rules.flat_places(frame, index, x.shape)
            else:
                v = self.plain(v)
                at = rules.block_places(frame, index, node.static[0], v.shape, x.shape)
            if isinstance(v, Element):
                mine = v.carried.state is x.state and v.carried.version == x.version and v.nodes == node.args[2:]
                if mine and v.frame is frame and not adds:
                    out = x
                    for other in v.added:
                        out = out.write(frame, other, at, False)
                    return out
                v = self.plain(v)
            return x.write(frame, v, at, not adds and not self.unsure)
        if name == "slice":
            rank = len(x.shape)
            starts = [self.plain(i) for i in rest[:rank]]
            if any(i.known is None for i in starts):
                return None
            sizes = rules.shape_of(node.type, rest[rank:])
            return self._block(x, frame, rules.block_places(frame, starts, node.static[1], sizes, x.shape), sizes)
        return None

    def _block(self, x: Carried, frame: Frame, at: Any, sizes: tuple[int, ...]) -> Value:
        """A block of a state, read element by element."""
        n = at.shape[1]
        cells = Frame(frame, np.repeat(np.arange(frame.count), n))
        found = lifted(x.read(cells, at.ravel()), cells)
        known = found.known.reshape(frame.count, *sizes) if found.known is not None else None
        return Value(frame, sizes, known, found.rows)

    def _listed(self, name: str, node: Apply, args: list[Any], frame: Frame) -> Any:
        """Lists that grow, and stacks, where all lanes have one of the same length."""
        items, *rest = args
        if not isinstance(items, tuple):
            raise Unknown
        if name in ("list_append", "push"):
            return (*items, rest[0])
        if name in ("list_size", "stack_size"):
            return Value(self.root, (), np.array([len(items)], np.int64))
        if name in ("list_pop", "pop", "pop_zero") and items:
            return (items[-1], items[:-1])
        if name == "pop_zero":
            assert isinstance(node.type, Struct)
            return (self._undefined(node.type.items[0]), ())
        if name == "list_index":
            at = rest[0].known
            if at is not None and (at == at.flat[0]).all() and 0 <= at.flat[0] < len(items):
                return items[int(at.flat[0])]
        if name == "list_column" and items:
            leaf, to = node.static
            if len(items) != _static_or(to, len(items)):
                raise Unknown
            cells = [v[leaf] if isinstance(v, tuple) else v for v in items]
            return rules.stacked_numbers(self, [self.plain(c) for c in cells])
        raise Unknown

    # -- control -----------------------------------------------------------------------------------------------------------

    def control(self, node: Apply, args: list[Any], scope: _Scope, frame: Frame) -> Task:
        name = node.fn.name
        if name == "call":
            return (yield self.function(node.graphs[0], args, scope, frame))
        if name == "cond":
            return (yield self._cond(node, self.plain(args[0]), scope, frame))
        if name == "for_loop":
            return (yield loops.for_loop(self, node, self.plain(args[0]), args[1:], scope, frame))
        if name == "while_loop":
            return (yield loops.while_loop(self, node, args, scope, frame))
        raise Unknown

    def _cond(self, node: Apply, test: Value, scope: _Scope, frame: Frame) -> Task:
        then, orelse = node.graphs
        if test.known is not None and (test.known.all() or not test.known.any()):
            return (yield self.body(then if test.known.all() else orelse, (), scope, frame))
        before = [s.version for s in self.states]
        if test.known is None:
            self.unsure += 1
            frames: list[tuple[Frame, Any]] = [(frame, None), (frame, None)]
        else:
            taken = lifted(test, frame).known
            if taken.all() or not taken.any():
                return (yield self.body(then if taken.all() else orelse, (), scope, frame))
            lanes = [np.flatnonzero(taken), np.flatnonzero(~taken)]
            frames = [(Frame(frame, at), at) for at in lanes]
        found, versions = [], []
        for graph, (inner, _) in zip((then, orelse), frames, strict=True):
            for s, v in zip(self.states, before, strict=True):
                s.version = v
            found.append((yield self.body(graph, (), scope, inner)))
            versions.append([s.version for s in self.states])
        if test.known is None:
            self.unsure -= 1
        for s, old, *new in zip(self.states, before, *versions, strict=True):
            s.version = old if all(v == old for v in new) else max(new) + 1
            s.branches = (new[0], new[1]) if s.version != old else None
        return self.merged(found, [at for _, at in frames], frame)

    def merged(self, found: list[Any], lanes: list[Any], frame: Frame) -> Any:
        """What is one value in some lanes of a frame, and another in the others; or, where lanes are None, either."""
        a, b = found
        if isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                raise Unknown
            return tuple(self.merged([u, v], lanes, frame) for u, v in zip(a, b, strict=True))
        if a is b:
            return a
        if isinstance(a, Carried) and isinstance(b, Carried) and a.state is b.state:
            s = a.state
            if s.estimate:
                return Carried(s, s.version)
            if (a.version, b.version) != s.branches:
                raise NotTogether
            return Carried(s, s.version)
        a, b = self.plain(a), self.plain(b)
        if not isinstance(a, Value) or not isinstance(b, Value):
            if isinstance(a, Value) or isinstance(b, Value):
                raise Unknown
            return a
        if lanes[0] is None:
            return self.either(a, b)
        if a.shape != b.shape:
            raise NotTogether
        inner = [Frame(frame, at) for at in lanes]
        parts = [lifted(v, f if v.frame.depth < frame.depth + 1 else v.frame) for v, f in zip((a, b), inner, strict=True)]
        order = np.argsort(np.concatenate(lanes), kind="stable")
        known = None
        if all(v.known is not None for v in parts):
            known = np.concatenate([v.known for v in parts])[order]
        rows = stacked([(v.rows, len(at) * v.size) for v, at in zip(parts, lanes, strict=True)], self.columns)
        if rows is not None:
            rows = gathered(rows, (order[:, None] * a.size + np.arange(a.size)).ravel())
        return Value(frame, a.shape, known, rows)

    def either(self, a: Value, b: Value) -> Value:
        if a.shape != b.shape:
            raise Unknown
        frame = deepest((a.frame, b.frame))
        a, b = lifted(a, frame), lifted(b, frame)
        alike = a.known is not None and b.known is not None and np.array_equal(a.known, b.known)
        return Value(frame, a.shape, a.known if alike else None, joined(a.rows, b.rows))


def _static_or(t: Any, n: int) -> int:
    """The length of a column, where it is known when the program is compiled."""
    return t.shape[0] if isinstance(t.shape[0], int) else n


def _owner(graph: Graph | None) -> Graph | None:
    """The function graph whose scope holds the values of `graph`."""
    while graph is not None and graph.role != "function":
        graph = graph.parent
    return graph
