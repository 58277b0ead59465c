"""Values in generated text: where a node's value stands, which wait for their only reader, what is copied.

A tuple is its parts, so that none is made where its parts are what is read. An operation that is read once, in the same
graph, waits (`pending`) and is written where it is read.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from irad.backends.llvm.layout import managed, offsets
from irad.backends.llvm.ownership import Ref, canonical
from irad.backends.source.expressions import ANY, Expr, called, literal, name, number, variable
from irad.backends.source.naming import record_name
from irad.backends.source.objects import slots
from irad.backends.source.statements import Block, Copy, Variable
from irad.backends.source.survey import Survey
from irad.backends.source.tool import Tool

from irad.errors import InternalError
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Node, Parameter
from irad.types import COMPLEX, Array, List, Record, Scalar, Stack, Static, Struct, Sum, Tuple, Type, Unbound

__all__ = ["ADJOINT_PREFIX", "PREFIX", "Later", "Value", "ValueOps"]

LONGEST = 72  # characters of an expression that stands inside another
ALWAYS_FRESH = frozenset({"empty_stack", "zeros", "make_list"})
PREFIX, ADJOINT_PREFIX = "t", "d"  # of values that have no name


class Value(list[Any]):
    """The parts of a tuple or record, each an Expr or a Value; `type` says which."""

    type: Struct

    @classmethod
    def of(cls, t: Struct, parts: Any) -> Value:
        made = cls(parts)
        made.type = t
        return made


class Later:
    """A part of a tuple that is asked for when it is read."""

    def __init__(self, node: Node) -> None:
        self.node = node


class ValueOps:
    """The values of one function graph. `m` is the module's emitter."""

    def __init__(self, m: Any, graph: Graph) -> None:
        self.m, self.graph = m, graph
        self.helpers, self.functions = m.helpers, m.functions
        self.survey = Survey(graph)
        self.variables: list[Variable] = []
        self.values: dict[Node, Any] = {}
        self.pending: dict[Node, Expr] = {}
        self.block: Block = []
        self.pushed: dict[tuple[Any, tuple[int, ...]], int] = {}  # (class of a stack, part of its items) -> a variable
        self.tool = Tool(self)
        self.from_end: set[Expr] = set()  # indices that NumPy counts from the end
        self.position = 0  # among all operations of the function
        self.plan: Any = None  # of the graph at hand
        self.at = 0  # the position in it

    def new_variable(self, hint: str, rank: int) -> int:
        self.variables.append(Variable(hint, rank))
        return len(self.variables) - 1

    def variable_for(self, node: Node, part: str = "") -> int:
        if node.name:
            return self.new_variable(node.name, 2)
        adjoint = node.__class__ is Apply and node.adjoint
        return self.new_variable(part or (ADJOINT_PREFIX if adjoint else PREFIX), 1 if part else 0)

    def var(self, v: int, t: Type, *, wide: bool = False, range: Any = ANY) -> Expr:
        return Expr(variable(v), t, wide=wide or isinstance(t, Array), range=range)

    def leaf(self, v: int, key: Any, t: Type) -> Expr:
        """A variable of which the best is assumed."""
        good = isinstance(t, Scalar) and self.m.assumed(key)
        if isinstance(t, Scalar) and t.kind == "i":
            return self.var(v, t, range=(0, ANY[1]) if good else ANY)
        return self.var(v, t, wide=good and is_float_scalar(t))

    def made(self, t: Type, leaf: Any, path: tuple[int, ...] = ()) -> Any:
        """A value of type t; leaf(path, type) gives its parts that are no tuples."""
        if isinstance(t, Struct):
            return Value.of(t, [self.made(u, leaf, (*path, k)) for k, u in enumerate(t.items)])
        if isinstance(t, (Static, Unbound)):
            return literal(Constant(t, t.value if isinstance(t, Static) else UNDEF))
        return leaf(path, t)

    # -- reading ---------------------------------------------------------------------------------------------------------------

    def get(self, node: Node) -> Any:
        """The Expr or Value of a node. What was pending is written here and nowhere else."""
        node = self.survey.same_index.get(node, node)
        if node.__class__ is Constant:
            return self.undefined(node.type) if node.value is UNDEF else literal(node)
        if node in self.pending:
            return self.pending.pop(node)
        if node in self.values:
            return self.values[node]
        assert isinstance(node, Apply), node
        if node.fn.name in ("make_tuple", "make_record"):
            assert isinstance(node.type, Struct)
            return Value.of(node.type, [Later(a) for a in node.args])
        if node.fn.name == "getitem":
            return self.part(node.args[0], node.static[0])
        raise InternalError(f"{node!r} has no value in the generated text")

    def part(self, node: Node, k: int) -> Any:
        if node.__class__ is Apply and node.fn.name in ("make_tuple", "make_record"):
            return self.get(node.args[k])
        v = self.get(node)
        if isinstance(v, Value):
            return self.get(v[k].node) if isinstance(v[k], Later) else v[k]
        return self.field(v, k)

    @staticmethod
    def field(x: Expr, k: int) -> Expr:
        """A field of a tuple or record that is one object."""
        t = x.type
        assert isinstance(t, Struct)
        if isinstance(t, Record) and t.form.kind in ("namedtuple", "dataclass", "complex"):
            tree: ast.expr = ast.Attribute(x.tree, str(t.form.keys[k]))
        elif isinstance(t, Record) and t.form.kind == "dict":
            tree = ast.Subscript(x.tree, ast.parse(repr(t.form.keys[k]), mode="eval").body)
        else:
            tree = ast.Subscript(x.tree, number(k))
        return replace(x, tree=tree, type=t.items[k], wide=isinstance(t.items[k], Array), range=ANY)

    def at_path(self, v: Any, path: tuple[int, ...]) -> Any:
        for k in path:
            if isinstance(v, Later):
                v = self.get(v.node)
            v = v[k] if isinstance(v, Value) else self.field(v, k)
        return self.get(v.node) if isinstance(v, Later) else v

    def resolved(self, v: Any) -> Any:
        """A value with all parts at hand."""
        if isinstance(v, Later):
            v = self.get(v.node)
        return Value.of(v.type, [self.resolved(p) for p in v]) if isinstance(v, Value) else v

    def whole(self, v: Any, copies: Any = (), node: Node | None = None) -> Expr:
        """A value as one expression; `copies` are the objects in it (of `node`) that have another owner."""
        return self._whole(v, node, 0, copies)

    def _whole(self, v: Any, node: Node | None, base: int, copies: Any) -> Expr:
        if isinstance(v, Later):
            v = self.get(v.node)
        if not isinstance(v, Value):
            return self.owned(v, node, base, copies)
        parts = []
        for k, p in enumerate(v):
            parts.append(self._whole(p, node, base + (offsets(v.type)[k] if node is not None else 0), copies))
        return joined(self.record(v.type, [p.tree for p in parts]), v.type, parts)

    def record(self, t: Struct, parts: list[ast.expr]) -> ast.expr:
        if not isinstance(t, Record):
            return ast.Tuple(parts)
        form = t.form
        if form.kind == "list":
            return ast.List(parts)
        if form.kind == "growing":
            lists: list[ast.expr] = [ast.Call(ast.Attribute(p, "tolist"), [], []) for p in parts]
            if len(form.keys) == 1 and form.name == "irad.column":
                return lists[0]
            return called("list", called("zip", *lists))
        if form is COMPLEX:
            return complex_of(t, parts)
        if form.kind == "dict":
            return ast.Dict([ast.parse(repr(k), mode="eval").body for k in form.keys], parts)
        self.m.records[form.name] = form.keys
        return called(record_name(form.name), *parts)

    def zero(self, t: Type) -> ast.expr:
        """The zero of a type."""
        if isinstance(t, Scalar):
            return ast.Constant({"f": 0.0, "i": 0, "b": False}[t.kind]) if t.width != 32 else called(f"np.{t.dtype}", number(0))
        if isinstance(t, Array):
            return called("np.zeros", Tool.shape([number(int(n)) for n in t.static_shape or ()]), **Tool.dtype(t.dtype))
        if isinstance(t, Struct):
            return ast.Tuple([self.zero(u) for u in t.items])
        if isinstance(t, (Stack, List)):
            return ast.List([])
        return ast.Constant(None)

    def undefined(self, t: Type) -> Any:
        """What stands for a value that is not there, and that nobody reads: it may be computed with."""

        def leaf(path: tuple[int, ...], t: Type) -> Expr:
            if isinstance(t, Scalar) and t.kind == "f":
                return Expr(Tool.rounded(name("math.nan"), t), t)
            if isinstance(t, Array):
                shape = [number(d if isinstance(d, int) else 1) for d in t.shape]  # 1: it joins any size
                return Expr(called("np.zeros", Tool.shape(shape), **Tool.dtype(t.dtype)), t)
            return Expr(self.zero(t), t, range=(0, 0))

        return self.made(t, leaf)

    def results(self, node: Apply, keys: Any, hints: Any) -> tuple[Any, list[tuple[tuple[int, ...], int]]]:
        """Variables for the parts of a result that are read: the value, and (path, variable)."""
        targets: list[tuple[tuple[int, ...], int]] = []

        def leaf(path: tuple[int, ...], t: Type) -> Any:
            if not self.survey.used_part(node, path):
                return Expr(ast.Constant(None), t)
            hint, rank = hints(path)
            v = self.new_variable(hint or (ADJOINT_PREFIX if node.adjoint else PREFIX), rank if hint else 0)
            targets.append((path, v))
            return self.leaf(v, keys(path), t)

        return self.made(node.type, leaf), targets

    # -- ownership -------------------------------------------------------------------------------------------------------------

    def owned(self, x: Expr, node: Node | None, base: int, copies: Any) -> Expr:
        """An object that is stored or handed on: copied where it has another owner and one of them writes to it."""
        objects = self.m.objects
        if isinstance(x.type, Struct):
            if node is not None and any(canonical(node, base + i) in copies for i in managed(x.type)):
                written = any(objects.is_written(canonical(node, base + i)) for i in managed(x.type))
                if written:
                    self.helpers.add("copy")
                    return replace(x, tree=called("copy.deepcopy", x.tree), fresh=True)
            return x
        if not isinstance(x.type, (Array, List, Stack, Sum)) or x.fresh or x.constant:
            return x
        if node is None:
            return x
        ref = canonical(node, base + managed(x.type)[0])
        if x.view and any(self.m.objects.is_written(r) for r in x.viewed):
            return replace(x, tree=ast.Call(ast.Attribute(x.tree, "copy"), [], []), view=False, fresh=True)
        if not (ref in copies or x.view):
            return x
        tree = self.copied(x.tree, x.type, ref)
        return x if tree is x.tree else replace(x, tree=tree, view=False, fresh=True)

    def copied(self, tree: ast.expr, t: Type, ref: Ref) -> ast.expr:
        """A copy, where someone writes to the object."""
        objects = self.m.objects
        inside = ("sum", t) if isinstance(t, Sum) else None
        if (inside and objects.is_written(inside)) or objects.holds_written(ref):
            self.helpers.add("copy")
            return called("copy.deepcopy", tree)
        if objects.is_written(ref):
            return ast.Call(ast.Attribute(tree, "copy"), [], [])
        return tree

    def copies(self) -> set[Ref]:
        """What the operation at hand has to copy before it stores it."""
        return set(self.plan.retain.get(self.at, ()))

    def kept(self, x: Expr, kept: set[Ref], node: Node, path: tuple[int, ...]) -> Expr:
        """Part `path` of a graph's output, which may have another owner."""
        return self.owned(x, node, offset_of(node.type, path), kept)

    def target(self, node: Apply, x: Expr) -> Expr:
        """The variable that the operation at hand may write to."""
        (ref,) = [r for r in slots(node.args[0])]
        own = ref is not None and (self.at, ref) in self.plan.moved
        if x.view:
            x = self.owned(x, node.args[0], 0, ())
        if own and x.number is not None and not x.view:
            return x
        if not own and ref is not None and not x.fresh:
            inner = self.m.objects.holds_written(ref)
            if inner:
                self.helpers.add("copy")
            tree = called("copy.deepcopy", x.tree) if inner else ast.Call(ast.Attribute(x.tree, "copy"), [], [])
            x = replace(x, tree=tree, view=False)
        hint = node.args[0].name or node.name or self.survey.becomes.get(node)
        v = self.new_variable(hint or PREFIX, 1 if hint else 0)
        self.flush(checked=bool(x.checked))
        self.add(Copy([(v, x)], spans=x.spans, adjoint=node.adjoint))
        return self.var(v, x.type, wide=x.wide)

    # -- what waits ------------------------------------------------------------------------------------------------------------

    def add(self, statement: Any) -> None:
        self.block.append(statement)

    def flush(self, *, checked: bool = False, writes: Any = None, everything: bool = False) -> None:
        """Write down what is pending and may not move behind what comes."""
        for node, x in list(self.pending.items()):
            if node not in self.pending:
                continue
            if everything or (checked and x.checked) or (writes is not None and (writes & x.reads)):
                self.settle(node)

    def settle(self, node: Node) -> None:
        """Bind a pending value to a variable, after the earlier ones whose place it would take."""
        x = self.pending[node]
        if x.checked:
            for other, y in list(self.pending.items()):
                if other is not node and y.checked and y.checked[-1] < x.checked[-1]:
                    self.settle(other)
        del self.pending[node]
        self.bind(node, x)

    def bind(self, node: Node, x: Expr) -> None:
        """A variable for a value."""
        v = self.variable_for(node)
        if x.view:
            x = self.owned(x, node, 0, ())
        self.add(Copy([(v, x)], spans=x.spans, adjoint=is_adjoint(node)))
        self.values[node] = self.var(v, x.type, wide=x.wide, range=x.range)

    def place(self, node: Apply, x: Expr) -> None:
        """Let a value wait for its only reader, or bind it."""
        uses = self.survey.uses.get((node, ()), [])
        atom = x.inner is not None and isinstance(x.inner.type, Scalar) and (x.inner.constant or x.inner.number is not None)
        if node.fn.name == "empty_stack" or atom or (node.fn.name in ALWAYS_FRESH and not node.args and len(uses) == 1):
            self.values[node] = x
        elif len(uses) == 1 and uses[0] is node.graph and x.size <= LONGEST and self.needs_no_name(node, x):
            self.pending[node] = x
        else:
            if x.checked:
                for n, y in list(self.pending.items()):
                    if n in self.pending and y.checked and y.checked[0] < x.checked[-1]:
                        self.settle(n)
            self.bind(node, x)

    def needs_no_name(self, node: Apply, x: Expr) -> bool:
        """Whether the user gave a value no name, or one that what takes it from here has too. Cotangents are irad's names."""
        return node.name is None or node.adjoint or is_short(x) or (node in self.survey.left and node.graph is not self.graph)

    @staticmethod
    def span(node: Apply, *xs: Expr) -> frozenset[Any]:
        return frozenset({node.span} if node.span else ()).union(*[x.spans for x in xs])


def complex_of(t: Struct, parts: list[ast.expr]) -> ast.expr:
    """A complex number or array: parts side by side, seen as one."""
    part = t.items[0]
    if not isinstance(part, Array):
        return called("complex", *parts)
    dtype = "np.complex128" if part.dtype.width == 64 else "np.complex64"
    pairs = called("np.stack", ast.Tuple(parts), ast.Constant(-1))
    tree = ast.parse(f"_.view({dtype})[..., 0]", mode="eval").body
    tree.value.func.value = pairs  # type: ignore[attr-defined]
    return tree


def offset_of(t: Type, path: tuple[int, ...]) -> int:
    """Where the operands of a part of a value begin."""
    base = 0
    for k in path:
        assert isinstance(t, Struct)
        base, t = base + offsets(t)[k], t.items[k]
    return base


def part_name(p: Parameter, path: tuple[int, ...]) -> str:
    """`p.field`, `p[0]` as one word."""
    words, t = [p.name or "arg"], p.type
    for k in path:
        assert isinstance(t, Struct)
        words.append(str(t.form.keys[k]) if isinstance(t, Record) and t.form.kind != "list" else str(k))
        t = t.items[k]
    return words[-1] if words[-1].isidentifier() else "_".join(words)


def made_part(node: Node, k: int) -> Node:
    assert isinstance(node, Apply) and node.fn.name == "make_tuple"
    return node.args[k]


def made_of(node: Node, path: tuple[int, ...]) -> Node | None:
    """The part of a tuple at a path, where it is made here."""
    for k in path:
        if not (isinstance(node, Apply) and node.fn.name in ("make_tuple", "make_record")):
            return None
        node = node.args[k]
    return node if node.__class__ is not Constant else None


def joined(tree: ast.expr, t: Type, parts: list[Expr]) -> Expr:
    return Expr(
        tree,
        t,
        spans=frozenset().union(*[p.spans for p in parts]),
        reads=frozenset().union(*[p.reads for p in parts]),
        checked=tuple(c for p in parts for c in p.checked),
    )


def is_adjoint(node: Node) -> bool:
    return node.__class__ is Apply and node.adjoint


def is_float_scalar(t: Type) -> bool:
    return isinstance(t, Scalar) and t.kind == "f" and t.width == 64


def tuple_of(params: Any) -> Struct:
    return Tuple(p.type for p in params)


def is_full(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.full"


def is_short(x: Expr) -> bool:
    """An element of an array under a short index."""
    return (
        isinstance(x.tree, ast.Subscript)
        and isinstance(x.tree.value, ast.Name)
        and isinstance(x.tree.slice, (ast.Constant, ast.Name))
    )
