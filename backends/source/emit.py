"""An optimized module as statements of Python: which operations become a statement of their own, which stand inside an
expression, and what is written in place.

What may raise keeps its place among all that may raise, and what reads a changing object is written before the next change.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from irad.backends.llvm.layout import managed
from irad.backends.source import text
from irad.backends.source.control import CONTROL, COUNT, ControlOps
from irad.backends.source.expressions import ANY, Expr, Range, bounds, called
from irad.backends.source.objects import VIEWS, Objects, slots
from irad.backends.source.statements import Copy, Function, Line, Return
from irad.backends.source.structure import STRUCTURE
from irad.backends.source.survey import PLUMBING
from irad.backends.source.tool import Tool, reaches_out
from irad.backends.source.values import ALWAYS_FRESH, Value, is_float_scalar, is_full, offset_of, part_name

from irad.errors import InternalError
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Parameter
from irad.graph.walk import Task, all_graphs, run
from irad.primitives.products import PRODUCTS
from irad.types import INT, Array, List, Scalar, Stack, Struct, Type, leaves

__all__ = ["generate"]

BLOCKS = frozenset({"slice", "slice_update", "slice_add"})
WRITTEN = frozenset(
    {"index_update", "index_add", "slice_update", "slice_add", "list_append", "list_update", "list_add", "list_clear"}
)


def generate(module: Module, *, title: str = "", entry: str = "") -> text.Text:
    """The text of an optimized module; `title` says what it is, `entry` is the name of its function."""
    emitter = Emitter(module, entry or f"{module.entry.name.replace('.', '_')}{'_' * keyword.iskeyword(module.entry.name)}")
    functions = emitter.run()
    return text.written(functions, emitter.helpers, emitter.functions, emitter.records, title)


class Emitter:
    """One module. What is assumed of a variable's kind and turns out wrong is noted, and all is emitted again."""

    def __init__(self, module: Module, entry_name: str) -> None:
        self.module = module
        self.objects = Objects(module)
        self.nowhere = set(undefined(module))
        self.names = {g: entry_name if g is module.entry else g.name.replace(".", "_") for g in module.graphs}
        self.narrow: set[Any] = set()  # values that may be Python's floats
        self.convert = False  # whether the entry makes its floats np.float64
        self.divides = False  # whether a quotient had to be NumPy's
        self.start()

    def start(self) -> None:
        self.helpers: set[str] = set()
        self.functions: dict[str, str] = {}
        self.records: dict[str, tuple[Any, ...]] = {}
        self.changed = self.divides = False

    def run(self) -> list[Function]:
        while True:
            self.start()
            graphs = [*self.module.graphs[1:], self.module.entry]
            out = [run(FunctionEmitter(self, g).function()) for g in graphs]
            if self.divides and not self.convert and any(is_float_scalar(p.type) for p in self.module.entry.params):
                self.convert, self.narrow = True, set()
            elif not self.changed:
                return out

    def assumed(self, key: Any) -> bool:
        """Whether a float is a np.float64, an int not negative: what is not known better."""
        return key not in self.narrow

    def flows(self, key: Any, x: Expr) -> None:
        """x is a value of what `key` stands for."""
        holds = x.range[0] >= 0 if isinstance(x.type, Scalar) and x.type.kind == "i" else x.wide
        if not holds and key not in self.narrow:
            self.narrow.add(key)
            self.changed = True


class FunctionEmitter(ControlOps):
    """One function graph."""

    def function(self) -> Task:
        g, entry = self.graph, self.graph is self.m.module.entry
        params = []
        for p in g.params:
            v = self.new_variable(p.name or "arg", 3 if entry else 2)
            self.variables[v].fixed = entry
            params.append(v)
            wide = is_float_scalar(p.type) and (self.m.convert if entry else self.m.assumed(p))
            self.values[p] = self.var(v, p.type, wide=wide)
        if entry:
            self.own_arguments()
        yield self.body(g)
        self.one_check()
        out = self.whole(self.get(g.output), set(self.m.objects.plans[g].end), g.output)
        if isinstance(g.output.type, Scalar):
            self.m.flows((g, "result"), out)
        self.block.append(Return(out, spans=out.spans))
        return Function(self.m.names[g], params, self.block, self.variables, g.span)

    def own_arguments(self) -> None:
        """Copy what is written to; make floats np.float64 where quotients need it."""
        pairs: list[tuple[int, Expr]] = []

        def own(p: Parameter, path: tuple[int, ...], t: Type) -> Expr:
            x = self.at_path(self.values[p], path)
            ref = (p, offset_of(p.type, path) + managed(t)[0]) if managed(t) else None
            if ref is not None and self.m.objects.is_written(ref):
                v = x.number if not path else self.new_variable(str(part_name(p, path)), 2)
                pairs.append((v, replace(x, tree=self.copied(x.tree, t, ref))))
                return self.var(v, t)
            if is_float_scalar(t) and not path and self.m.convert and self.survey.uses.get((p, ())):
                pairs.append((x.number, replace(x, tree=called("np.float64", x.tree))))
            return x  # type: ignore[no-any-return]

        for p in self.graph.params:
            before = len(pairs)
            value = self.made(p.type, lambda path, t, p=p: own(p, path, t))
            if len(pairs) > before:
                self.values[p] = value if isinstance(p.type, Struct) else self.values[p]
        if pairs:
            self.block.append(Copy(pairs))

    def body(self, g: Graph) -> Task:
        """The operations of a graph, into the block at hand."""
        plan = self.m.objects.plans[g]
        for i, node in enumerate(g.body):
            self.position += 1
            self.plan, self.at = plan, i
            if node.fn.name in PLUMBING or node in self.survey.same_index:
                continue
            yield self.operation(node)

    def operation(self, node: Apply) -> Task:
        name = node.fn.name
        if node.fn.order == "effect":
            self.effect(node)
        elif node.graphs:
            yield CONTROL[name](self, node)
        elif name in STRUCTURE:
            STRUCTURE[name](self, node)
        elif node in self.survey.parts_read:
            (self.several if isinstance(node.type, Struct) else self.plain)(node)

    # -- operations that their facets write ------------------------------------------------------------------------------------

    def operands(self, node: Apply, *, lazily: int = 99) -> list[Expr]:
        """The operands of an operation as expressions; all is written in the order in which it may raise."""
        copies = self.copies()
        for _ in range(2):
            nodes = [self.survey.same_index.get(a, a) for a in node.args]
            waiting = [n for n in nodes if n in self.pending]
            order = [c for n in waiting for c in self.pending[n].checked]
            late = [n for k, n in enumerate(nodes) if k >= lazily and n in self.pending and self.pending[n].checked]
            if order != sorted(order) or late:
                for n in [n for n in self.pending if n in nodes and self.pending[n].checked]:
                    if n in self.pending:
                        self.settle(n)
            else:
                break
        last = max((c for n in waiting for c in self.pending[n].checked), default=0)
        for n, x in list(self.pending.items()):  # what waits longer and may raise comes first
            if n in self.pending and n not in nodes and x.checked and x.checked[0] < last:
                self.settle(n)
        out = []
        for a in node.args:
            x = self.get(a)
            out.append(self.whole(x, copies, a) if isinstance(x, Value) else x)
            if a in self.survey.same_index:
                self.from_end.add(out[-1])
        return out

    def plain(self, node: Apply) -> None:
        """An operation that its facet writes."""
        name, fn = node.fn.name, node.fn
        facts = node.facts()
        lazily = 1 if name in ("select", "and", "or") and not isinstance(node.type, Array) else 99
        xs = self.operands(node, lazily=lazily)
        if name in WRITTEN:
            self.write(node, xs, facts)
            return
        plain = fn.elementwise and isinstance(node.type, Array) and (name != "select" or node.type.dtype.width != 32)
        tree = self.source(node, implicit(xs, node.type) if plain else xs, facts)  # type: ignore[arg-type]
        spans = frozenset({node.span} if node.span else ()).union(*[x.spans for x in xs])
        reads = frozenset().union(*[x.reads for x in xs])
        for a, x in zip(node.args, xs, strict=True):
            if isinstance(a.type, (Array, List, Stack)) and (refs := slots(a)) and refs[0] is not None:
                if x.number is not None or x.view:
                    reads |= {self.m.objects.find(refs[0])}
        checked = tuple(c for x in xs for c in x.checked)
        if self.may_raise(node, xs):
            checked = (*checked, self.position)
        x = Expr(
            tree,
            node.type,
            wide=isinstance(node.type, Array) or self.is_wide(node, xs, tree),
            range=self.range_of(node, xs),
            spans=spans,
            reads=reads,
            checked=checked,
            view=name in VIEWS and isinstance(node.args[0].type, Array) and not is_full(tree),
            fresh=name in ALWAYS_FRESH or is_full(tree),
            inner=xs[0] if name == "broadcast" else None,
            total=name in ("lt", "le", "gt", "ge") and isinstance(xs[0].type, Scalar) and xs[0].type.kind == "i",
        )
        if x.view:
            (ref,) = slots(node.args[0])
            x = replace(x, viewed=xs[0].viewed | ({ref} if xs[0].number is not None or not xs[0].view else set()))
        self.place(node, x)

    def several(self, node: Apply) -> None:
        """An operation with several results, that its facet writes."""
        assert isinstance(node.type, Struct)
        xs = self.operands(node)
        tree = self.source(node, xs, node.facts())
        names = self.survey.names_read
        value, targets = self.results(node, lambda path: (node, path), lambda path: (names.get((node, path), ""), 2))
        self.flush(checked=True)
        self.unpacking(node, node.type, tree, targets, self.span(node, *xs))
        self.values[node] = value

    @staticmethod
    def may_raise(node: Apply, xs: list[Expr]) -> bool:
        """Whether a checked operation may raise, as far as its text shows."""
        name, t = node.fn.name, node.args[0].type if node.args else node.type
        if node.fn.order != "checked":
            return False
        if name in BLOCKS and isinstance(t, Array):
            first = 1 if name == "slice" else 2
            counts = node.static[0] if name == "slice" else node.args[1].type.shape  # type: ignore[attr-defined]
            starts = xs[first : first + t.rank]
            return any(reaches_out(x, n, d) for x, n, d in zip(starts, counts, t.shape, strict=True))
        if name in ("index", "index_update", "index_add") and isinstance(t, Array):
            first = 1 if name == "index" else 2
            return not all(
                isinstance(n, int) and 0 <= x.range[0] and x.range[1] < n for x, n in zip(xs[first:], t.shape, strict=True)
            )
        if name == "reshape":
            return not (isinstance(t, Array) and t.static_shape is not None and len(xs) == 1)
        if name in ("floordiv", "mod", "max", "min"):
            return not (isinstance(node.type, (Scalar, Array)) and is_real(node.type)) if name in ("floordiv", "mod") else True
        return True

    def source(self, node: Apply, xs: list[Expr], facts: dict[str, Any]) -> ast.expr:
        """The text of an operation, from its facet or from its reference."""
        facet, ref = node.fn.source, node.fn.ref
        self.statements: list[ast.stmt] = []
        if isinstance(facet, str):
            tree = self.tool(facet, *xs)
        elif callable(facet):
            tree = facet(self.tool, *xs, **facts)
        elif isinstance(ref, np.ufunc):
            tree = Tool.number(called(f"np.{ref.__name__}", *[x.tree for x in xs]), node.type)
        else:
            raise InternalError(f"`{node.fn.name}` cannot be written as Python: its record has no `source`")
        if isinstance(tree, ast.Call) and ast.unparse(tree.func) in ("np.divide", "np.floor_divide", "np.mod"):
            self.m.divides |= is_real(node.type)  # type: ignore[arg-type]
        return tree

    def write(self, node: Apply, xs: list[Expr], facts: dict[str, Any]) -> None:
        """An operation that writes to its first argument, where that has one owner, else to a copy of it."""
        target = self.target(node, xs[0])
        tree = self.source(node, [target, *xs[1:]], facts)
        assert tree is None
        spans = frozenset({node.span} if node.span else ()).union(*[x.spans for x in xs[1:]])
        self.flush(checked=self.may_raise(node, xs), writes={self.m.objects.find(slots(node)[-1])})
        for s in self.statements:
            self.add(Line(s, spans=spans, adjoint=node.adjoint))
        self.values[node] = replace(target, type=node.type)

    def mutate(self, tree: ast.stmt) -> None:
        """A statement of a facet, which writes to the target of the operation at hand."""
        self.statements.append(tree)

    def range_of(self, node: Apply, xs: list[Expr]) -> Range:
        t = node.type
        if not isinstance(t, Scalar) or t.kind != "i":
            return ANY
        name = node.fn.name
        if name in ("stack_size", "list_size", "dim"):
            return COUNT
        if name in ("add", "sub", "mul", "neg", "abs"):
            low, high = bounds(
                {"add": "x + y", "sub": "x - y", "mul": "x * y", "neg": "-x", "abs": "abs(x)"}[name], [x.range for x in xs]
            )
            return (low, high) if ANY[0] <= low and high <= ANY[1] else ANY
        if name in ("maximum", "minimum", "select"):
            (a, b), (c, d) = (x.range for x in xs[-2:])
            return {"maximum": (max(a, c), max(b, d)), "minimum": (min(a, c), min(b, d))}.get(name, (min(a, c), max(b, d)))
        if name == "mod" and xs[1].range[0] > 0:
            return 0, xs[1].range[1] - 1
        if name == "floordiv" and xs[0].range[0] >= 0 and xs[1].range[0] > 0:
            return 0, xs[0].range[1]
        if name == "same_dim":
            return COUNT
        return xs[0].range if name in ("convert", "stop_gradient") and xs[0].type in (INT, INT.strong) else ANY

    def is_wide(self, node: Apply, xs: list[Expr], tree: ast.expr) -> bool:
        """Whether the value is a np.float64."""
        if not is_float_scalar(node.type):
            return False
        if node.fn.name in ("index", "sum", "prod", "max", "min", *PRODUCTS):
            return True
        if node.fn.name == "select":
            return all(x.wide for x in xs[1:])
        if isinstance(tree, ast.Call) and not (isinstance(tree.func, ast.Name) and tree.func.id == "abs"):
            f = ast.unparse(tree.func)
            return f.startswith("np.") or f in self.functions
        return any(x.wide for x in xs)


def undefined(module: Module) -> Iterator[Type]:
    """The types, no tuples, of values that are not defined somewhere."""
    for g in all_graphs(module):
        for a in (g.output, *(a for n in g.body for a in n.args)):
            if a.__class__ is Constant and a.value is UNDEF:
                yield from leaves(a.type)


def implicit(xs: list[Expr], t: Array) -> list[Expr]:
    """Operands of an elementwise operation without the broadcasting that NumPy does itself."""
    plain = [_unrepeated(x, t) for x in xs]
    shapes = [p.type.shape if isinstance(p.type, Array) else () for p in plain]
    for axis in range(1, t.rank + 1):
        if not any(len(s) >= axis and s[-axis] == t.shape[-axis] for s in shapes):
            return xs
    if not any(isinstance(p.type, Array) for p in plain):
        return xs
    return [replace(p, type=x.type, wide=True) for p, x in zip(plain, xs, strict=True)]  # what they are to the operation


def _unrepeated(x: Expr, t: Array) -> Expr:
    if not isinstance(x.tree, ast.Call) or x.number is not None:
        return x
    f = ast.unparse(x.tree.func)
    if f == "np.full" and x.inner is not None:
        return x.inner
    return x.inner if f == "np.broadcast_to" and x.inner is not None else x


def is_real(t: Scalar | Array) -> bool:
    return (t.dtype if isinstance(t, Array) else t).kind == "f"
