"""The Builder makes nodes, and folds and shares as it does: types computed, constants folded, rules tried, equal
applications found by value numbering, at the moment a node is made.

Value numbering looks in the graph being built and in those around it, never sideways and never into a child.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from irad.errors import CompileError, InternalError, Span
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node, Parameter
from irad.types import BOOL, F64, FLOAT, I64, INT, UNIT, Array, Dim, Scalar, Static, Tuple, Type

__all__ = ["Builder", "constant", "constant_value", "is_constant", "literal"]

_constants: dict[Any, Constant] = {}


def constant(type: Type, value: Any) -> Constant:
    """The constant `value` of `type`; one object for equal bits."""
    key: Any = (type, value)
    if value.__class__ is float and (value == 0.0 or value != value):
        key = (type, struct.pack("d", value))
    try:
        found = _constants.get(key)
    except TypeError:  # an unhashable static value
        return Constant(type, value)
    if found is None:
        if len(_constants) > 10_000:
            _constants.clear()  # a bound on memory; losing an entry loses only sharing
        found = _constants[key] = Constant(type, value)
    return found


def literal(value: Any) -> Constant:
    """The constant of a Python value: bool, int, float, or any static value."""
    if value.__class__ is float:
        return constant(FLOAT, value)
    if value.__class__ is bool:
        return constant(BOOL, value)
    if value.__class__ is int:
        return constant(INT, value)
    return constant(Static(value), value)


_TWIN = {F64: FLOAT, I64: INT}
UNIT_VALUE = constant(UNIT, ())


class Builder:
    """Builds one module. `b.sin(x)` makes a node of the primitive `sin` in the graph that is being built.

    folding=False builds what it is told, for reading text. `hoist` places total operations of a loop body whose
    arguments come from outside in the graph outside.
    """

    def __init__(
        self,
        module: Module,
        primitives: Mapping[str, Any],
        *,
        folding: bool = True,
        fast: bool = False,
        hoist: bool = False,
    ) -> None:
        self.module, self.primitives, self.folding, self.fast, self.hoist = module, primitives, folding, fast, hoist
        self.graph: Graph = None  # type: ignore[assignment]
        self.span: Span | None = None
        self.adjoint = False
        self.mirror: Callable[[Any, tuple[Node, ...], tuple[Any, ...]], Node | None] | None = None
        self.fired: dict[str, int] = {}
        self._table: dict[Any, Apply] = {}

    def __getattr__(self, name: str) -> Callable[..., Node]:
        prim = self.primitives.get(name.rstrip("_"))
        if prim is None:
            raise AttributeError(name)
        statics, defaults = prim.statics, prim.defaults

        def make(*args: Node, graphs: tuple[Graph, ...] = (), **facts: Any) -> Node:
            if not statics:
                return self.apply(prim, args, (), graphs)
            missing = len(statics) - len(defaults)
            static = tuple(facts[s] if s in facts or i < missing else defaults[i - missing] for i, s in enumerate(statics))
            return self.apply(prim, args, static, graphs)

        setattr(self, name, make)
        return make

    # -- graphs ----------------------------------------------------------------------------------------------------

    def new_graph(self, name: str, parent: Graph | None = None, role: str = "function") -> Graph:
        """A graph nested in `parent`, or a top-level one, which joins the module."""
        graph = Graph(self.module.unique(name), parent, self.span, role)
        if parent is None:
            self.module.graphs.append(graph)
        return graph

    def parameter(self, graph: Graph, type: Type, name: str | None = None) -> Parameter:
        p = Parameter(graph, type, name, self.span)
        graph.params.append(p)
        return p

    @contextlib.contextmanager
    def inside(self, graph: Graph) -> Iterator[Graph]:
        """Build in `graph` for a while. What is open, that is shareable, follows: the graph and those around it."""
        before = self.graph
        self.enter(graph)
        try:
            yield graph
        finally:
            self.leave(before)

    def enter(self, graph: Graph) -> None:
        before = self.graph
        if before is not None and graph.parent is not before:
            for g in before.path():
                g.open = False
        if graph.parent is before and before is not None:
            graph.open = True
        else:
            for g in graph.path():
                g.open = True
        self.graph = graph

    def leave(self, before: Graph | None) -> None:
        if before is self.graph.parent and before is not None:
            self.graph.open = False
        else:
            for g in self.graph.path():
                g.open = False
            if before is not None:
                for g in before.path():
                    g.open = True
        self.graph = before  # type: ignore[assignment]

    @property
    def size(self) -> int:
        """How many operations were made."""
        return len(self._table)

    def empty(self, graph: Graph) -> None:
        """Start a graph again: nodes that it had are not found any more."""
        for node in graph.body:
            key = (node.fn, node.args, node.static)
            if self._table.get(key) is node:
                del self._table[key]
        graph.params, graph.body = [], []

    # -- nodes -----------------------------------------------------------------------------------------------------

    def apply(self, prim: Any, args: Sequence[Node], static: tuple[Any, ...] = (), graphs: tuple[Graph, ...] = ()) -> Node:
        """The node `prim(*args)`, or a simpler one that means the same."""
        args = tuple(args)
        if self.folding and not graphs and prim.order != "effect" and not prim.fresh:
            if prim.commutes and is_constant(args[0]) and not is_constant(args[1]):
                args = (args[1], args[0])
            key = (prim, args, static)
            found = self._table.get(key)
            if found is None and prim.commutes:
                found = self._table.get((prim, (args[1], args[0]), static))
            if found is not None and found.graph.open:
                found.adjoint = found.adjoint and self.adjoint  # what the program computes too keeps Python's bits
                return found
            if self.mirror is not None:
                elsewhere = self.mirror(prim, args, static)
                if elsewhere is not None:
                    return elsewhere
            for rule in prim.rules:
                if rule.exact or self.adjoint or self.fast:
                    out = rule.rewrite(self, args, static)
                    if out is not None:
                        self.fired[rule.name] = self.fired.get(rule.name, 0) + 1
                        return out  # type: ignore[no-any-return]
            if prim.elementwise and all(a.__class__ is Constant for a in args):
                folded = self._fold(prim, args, static)
                if folded is not None:
                    return folded
            if prim.elementwise and args[0].__class__ is Apply and args[0].fn.name == "broadcast":
                inner = self._repeated(prim, args, static)
                if inner is not None:
                    return inner
            node = self._make(prim, args, static, graphs)
            self._table[key] = node
            return node
        return self._make(prim, args, static, graphs)

    def _make(self, prim: Any, args: tuple[Node, ...], static: tuple[Any, ...], graphs: tuple[Graph, ...]) -> Apply:
        try:
            if graphs:
                type = prim.infer(tuple([a.type for a in args]), *static, graphs=graphs)
            elif prim.order == "context":
                type = prim.infer(tuple([a.type for a in args]), *static, module=self.module)
            else:
                type = prim.type_of(tuple([a.type for a in args]), static)
        except CompileError as e:
            if e.diagnostic.span is None:
                e.diagnostic.span = self.span
            raise
        graph = self.graph
        if self.hoist and prim.order == "total" and not graphs and not _stays(prim, type, args):
            graph = self._outermost(graph, args)
        node = Apply(graph, type, prim, args, static, graphs, self.span, self.adjoint)
        graph.body.append(node)
        if prim.order == "effect" or (graphs and any([g.effects or not hasattr(g, "output") for g in graphs])):
            graph.effects = True
        return node

    @staticmethod
    def _outermost(graph: Graph, args: tuple[Node, ...]) -> Graph:
        """Where a total operation may stand: out of loop bodies, up to the graph that owns an argument."""
        owners = [a.graph for a in args if a.graph is not None]
        while graph.role == "loop" and graph.parent is not None and graph not in owners:
            graph = graph.parent
        return graph

    def _repeated(self, prim: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
        """An operation on numbers that are repeated is done once, and its result repeated."""
        first: Any = args[0]
        if not all(a.__class__ is Apply and a.fn.name == "broadcast" and isinstance(a.args[0].type, Scalar) for a in args):
            return None
        if not isinstance(first.type, Array):
            return None
        value = self.apply(prim, [a.args[0] for a in args], static)  # type: ignore[attr-defined]
        return self.broadcast(value, *first.args[1:], shape=first.type.shape)

    def _fold(self, prim: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Constant | None:
        values = [a.value for a in args]  # type: ignore[attr-defined]
        if any(v is UNDEF for v in values):
            return None
        type = prim.type_of(tuple([a.type for a in args]), static)
        if not isinstance(type, Scalar):
            return None
        try:
            with np.errstate(all="ignore"):
                value = prim.ref(*[scalar_value(a.type, a.value) for a in args], **dict(zip(prim.statics, static, strict=True)))  # type: ignore[attr-defined]
        except (ArithmeticError, ValueError, OverflowError):
            return None  # it raises: at run time, where Python does
        return constant(type, python_value(type, value))

    def made(self, prim: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Apply | None:
        """The node that this application has already, in whichever graph was the last to make it."""
        return self._table.get((prim, args, static))

    def constant(self, type: Type, value: Any) -> Constant:
        return constant(type, value)

    def literal(self, value: Any) -> Constant:
        return literal(value)

    def undef(self, type: Type) -> Node:
        """A value of `type` that is never read."""
        return constant(type, UNDEF)

    def tuple_(self, items: Sequence[Node]) -> Node:
        """One value for several: the item itself where there is one, else a tuple."""
        return items[0] if len(items) == 1 else self.make_tuple(*items)

    def parts(self, node: Node, n: int) -> list[Node]:
        """The inverse of `tuple_`: the n values that `node` stands for."""
        return [node] if n == 1 else [self.getitem(node, index=i) for i in range(n)]

    def items(self, node: Node) -> list[Node]:
        """The items of a tuple; of anything else, the value itself."""
        return [self.getitem(node, index=i) for i in range(len(node.type.items))] if isinstance(node.type, Tuple) else [node]

    def call(self, graph: Graph, args: Sequence[Node]) -> Node:
        return self.apply(self.primitives["call"], args, (), (graph,))

    def scalar_of(self, node: Node) -> Scalar:
        """The scalar type of a number or of an array's elements."""
        t = node.type
        if isinstance(t, Array):
            return t.dtype
        assert isinstance(t, Scalar)
        return t

    def number(self, value: float, t: Scalar) -> Constant:
        """`value` in the type t (Python's twin of it, where there is one)."""
        return constant(_TWIN.get(t, t), {"f": float, "i": int, "b": bool}[t.kind](value))

    def like(self, value: float, node: Node, dtype: Scalar | None = None) -> Node:
        """`value` in the type of node (Python's twin of it, where there is one), or in another, and its shape."""
        c = self.number(value, dtype or self.scalar_of(node))
        return self.broadcast(c, *self.dims(node), shape=node.type.shape) if isinstance(node.type, Array) else c

    # -- arrays: what several rules need -------------------------------------------------------------------------------

    def remember_dims(self, x: Node, dims: dict[int, Node]) -> None:
        """Let dims of an array, by axis, be values that are there already."""
        for axis, d in dims.items():
            if isinstance(d, Apply):
                self._table[self.primitives["dim"], (x,), (axis,)] = d

    def dims(self, x: Node) -> list[Node]:
        """The run-time dims of an array, one for each that is a symbol."""
        assert isinstance(x.type, Array)
        return [self.dim(x, axis=i) for i, d in enumerate(x.type.shape) if isinstance(d, Dim)]

    def reshape_like(self, v: Node, x: Node) -> Node:
        """v in the shape of x."""
        assert isinstance(x.type, Array)
        return v if v.type is x.type else self.reshape(v, *self.dims(x), shape=x.type.shape)

    def spread(self, v: Node, x: Node, axes: tuple[int, ...]) -> Node:
        """v, which x was reduced to over `axes`, repeated in the shape of x."""
        assert isinstance(x.type, Array)
        if isinstance(v.type, Array) and axes:
            shape = [1 if i in axes else d for i, d in enumerate(x.type.shape)]
            dims = [self.dim(x, axis=i) for i, d in enumerate(shape) if isinstance(d, Dim)]
            v = self.reshape(v, *dims, shape=tuple(shape))
        if isinstance(v.type, Array) and v.type.shape == x.type.shape:
            return v
        return self.broadcast(v, *self.dims(x), shape=x.type.shape)

    def unbroadcast(self, ct: Node, x: Node) -> Node:
        """The sum of ct (of truth values: whether one is true) over the axes along which x was repeated."""
        assert isinstance(ct.type, Array)
        over = self.any if ct.type.dtype is BOOL else self.sum
        if not isinstance(x.type, Array):
            return over(ct, axes=tuple(range(ct.type.rank)))
        lead = ct.type.rank - x.type.rank
        unit = [lead + i for i, (d, n) in enumerate(zip(x.type.shape, ct.type.shape[lead:], strict=True)) if d == 1 and n != 1]
        total = over(ct, axes=(*range(lead), *unit)) if lead or unit else ct
        if not isinstance(total.type, Array):
            return self.broadcast(total, *self.dims(x), shape=x.type.shape)
        return self.reshape_like(total, x)

    def either(self, test: Node, then: Callable[[], Node], orelse: Callable[[], Node]) -> Node:
        """cond(test, then(), orelse())."""
        graphs = []
        for name, make in (("then", then), ("orelse", orelse)):
            graph = self.new_graph(name, self.graph, "branch")
            with self.inside(graph):
                graph.finish(make())
            graphs.append(graph)
        return self.cond(test, graphs=tuple(graphs))

    def zero(self, type: Type) -> Node:
        """The zero of a tangent type, made real."""
        if isinstance(type, Scalar):
            return constant(type, 0.0)
        if isinstance(type, Tuple):
            return self.make_tuple(*map(self.zero, type.items))
        return self.zeros(of=type)


def _stays(prim: Any, type: Type, args: tuple[Node, ...]) -> bool:
    """Whether an operation stays in its loop: an array that is made to be written would be copied in each trip."""
    return _sized(type, args) or (prim.fresh and isinstance(type, Array))


def _sized(type: Type, args: tuple[Node, ...]) -> bool:
    """Whether an operation makes an array of sizes that no array has yet: they may be negative, or too large for memory."""
    count = sum(isinstance(d, Dim) for d in type.shape) if isinstance(type, Array) else 0
    sizes = args[len(args) - count :]
    return any(isinstance(n.type, Scalar) and not (isinstance(n, Apply) and n.fn.name == "dim") for n in sizes)


def scalar_value(type: Type, value: Any) -> Any:
    """A constant's value as NumPy has it, so that folding wraps and rounds as compiled code does."""
    return type.dtype.type(value) if isinstance(type, Scalar) else value


def python_value(type: Type, value: Any) -> Any:
    """A NumPy scalar as the bool, int or float that a constant holds."""
    if isinstance(type, Scalar):
        return {"f": float, "i": int, "b": bool}[type.kind](value)
    if isinstance(type, Array):
        raise InternalError("arrays are not constants")
    return value


def constant_value(node: Node) -> Any:
    """The value of a number known now, or of an array that repeats one; None for anything else."""
    if node.__class__ is Apply and node.fn.name == "broadcast":
        node = node.args[0]
    if node.__class__ is not Constant or not isinstance(node.type, Scalar):
        return None
    v = node.value
    return None if v is UNDEF else v


def is_constant(node: Node, value: float | None = None) -> bool:
    """Whether node is a number known now, or repeats one (equal to `value`, where given; 0.0 and -0.0 differ)."""
    if node.__class__ is not Constant and not (node.__class__ is Apply and node.fn.name == "broadcast"):
        return False
    v = constant_value(node)
    if v is None or value is None:
        return v is not None
    return bool(v == value and (v != 0 or math.copysign(1, v) == math.copysign(1, value)))
