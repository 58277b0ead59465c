"""What IR must be at every stage after `python`: scopes, roles, order, types. Each type is derived again and compared.

What passes here can be run: text that was changed by hand ends in a diagnostic here, or in a program.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from irad.errors import CompileError, InternalError, exception_class
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.primitives.structure import same_bits
from irad.primitives.table import Primitive
from irad.types import OBJECT, UNBOUND, Dim, Form, List, Record, Scalar, Stack, Struct, Sum, Type, leaves

__all__ = ["TRANSFORMS", "InvalidModule", "argument_count", "verify"]

TRANSFORMS = frozenset({"jvp", "vjp_forward", "vjp_backward", "jacobian"})
# What runs graphs in place, and their role.
BLOCKS = {"cond": "branch", "fused": "branch", "for_loop": "loop", "while_loop": "loop"}


class InvalidModule(InternalError):
    """A module breaks a rule; `about` is the node or graph at which that shows."""

    def __init__(self, message: str, about: Any = None) -> None:
        super().__init__(message)
        self.about = about


def verify(module: Module, stage: str = "typed") -> Module:
    """Raise InvalidModule where the module breaks a rule of its stage; return it otherwise.

    "typed" may hold transforms; "optimized" and "lowered" may not.
    """
    if not module.graphs:
        raise InvalidModule("a module without graphs")
    for graph in module.graphs:
        if graph.parent is not None:
            raise InvalidModule(f"{graph} is nested and stands at the top level", graph)
    _Verifier(module, stage).run()
    return module


class _Verifier:
    def __init__(self, module: Module, stage: str) -> None:
        self.module, self.stage = module, stage
        self.names: set[str] = set()
        self.defined: set[Node] = set()
        self.types: set[Type] = set()  # that are known to be right
        self.blocks: set[Graph] = set()  # graphs that an operation runs in place
        self.called: dict[Graph, Apply] = {}

    def run(self) -> None:
        for name, cases in self.module.sums.items():
            for case in cases:
                for t in case:
                    self.type(t, None, f"a field of @{name}")
        for graph in self.module.graphs:
            self.top(graph)
        for graph, node in self.called.items():
            if graph in self.blocks:
                raise InvalidModule(f"{graph} is a branch or a loop's body, and is called", node)

    def top(self, graph: Graph) -> None:
        stack: list[tuple[Graph, Iterator[Any]]] = []

        def begin(graph: Graph) -> None:
            if graph.name in self.names:
                raise InvalidModule(f"two graphs are called {graph}", graph)
            self.names.add(graph.name)
            for p in graph.params:
                if p.graph is not graph:
                    raise InvalidModule(f"parameter %{p.name} of {graph} belongs to {p.graph}", p)
                self.type(p.type, p, f"parameter %{p.name} of {graph}")
                self.defined.add(p)
            stack.append((graph, _steps(graph)))

        begin(graph)
        while stack:
            graph, steps = stack[-1]
            for step in steps:
                if isinstance(step, Graph):
                    begin(step)
                    break
                self.node(graph, step)
                self.defined.add(step)
            else:
                stack.pop()
                self.use(graph, graph.output, graph, "the output")
                if graph.result is None or not same_bits(graph.output.type, graph.result):
                    raise InvalidModule(f"{graph} declares {graph.result} and returns {graph.output.type}", graph)
                self.type(graph.result, graph, f"the result of {graph}")

    def use(self, graph: Graph, node: Node, about: Any, where: str) -> None:
        if node.__class__ is Constant:
            self.type(node.type, about, "a constant")
            return
        if node not in self.defined:
            raise InvalidModule(f"{graph}: {where} uses {node!r}, which is not defined above", about)
        if not graph.within(node.graph):
            raise InvalidModule(f"{graph}: {where} uses {node!r} of {node.graph}, which is not around it", about)

    def type(self, t: Type, about: Any, what: str) -> None:
        """Check that a type may be that of a value: the sums in it are declared, lists and records are what they can be."""
        if t in self.types:
            return
        todo = [t]
        while todo:
            u = todo.pop()
            if u is UNBOUND:
                raise InvalidModule(f"{what} is unbound, which no value is", about)
            if isinstance(u, Sum) and u.name not in self.module.sums and not self.residual(u):
                raise InvalidModule(f"{what}: the module declares no type {u}", about)
            if isinstance(u, List) and not all(isinstance(leaf, Scalar) for leaf in leaves(u.item)):
                raise InvalidModule(f"{what}: a list holds numbers or tuples of numbers, not {u.item}", about)
            if isinstance(u, Record) and u.form.kind == "growing" and not all(_is_column(c) for c in u.items):
                raise InvalidModule(f"{what}: the columns of {u} are arrays of one axis", about)
            todo.extend(u.items if isinstance(u, Struct) else [u.item] if isinstance(u, (List, Stack)) else ())
        self.types.add(t)

    def residual(self, t: Sum) -> bool:
        """Whether this is what a transform that has no body yet keeps of a graph: @f.res.0."""
        m = re.fullmatch(r"(.+)\.res\.[\d.]+", t.name)
        return m is not None and self.stage == "typed"

    def node(self, graph: Graph, node: Apply) -> None:
        if node.graph is not graph:
            raise InvalidModule(f"{node!r} stands in {graph} and belongs to {node.graph}", node)
        for a in node.args:
            self.use(graph, a, node, repr(node))
        self.graphs(graph, node)
        if self.stage in ("optimized", "lowered") and node.fn.name in TRANSFORMS:
            raise InvalidModule(f"{node!r} is left at the stage {self.stage}", node)
        self.facts(node)
        types = tuple(a.type for a in node.args)
        count = argument_count(node.fn)
        if count is not None and len(types) != count:
            raise InvalidModule(f"{graph}: {node!r} has {len(types)} arguments, not {count}", node)
        try:
            if node.graphs:
                found = node.fn.infer(types, *node.static, graphs=node.graphs)
            elif node.fn.order == "context":
                found = node.fn.infer(types, *node.static, module=self.module)
            else:
                found = node.fn.infer(types, *node.static)
        except Exception as e:  # a type rule meets a wrong number of arguments, facts or graphs in its own way
            why = e.diagnostic.message if isinstance(e, CompileError) else f"{type(e).__name__}: {e}"
            raise InvalidModule(f"{graph}: {node!r}: {why}", node) from None
        if found is not node.type and not same_bits(found, node.type):
            raise InvalidModule(f"{graph}: {node!r} has the type {found}", node)
        self.type(found, node, repr(node))

    def graphs(self, graph: Graph, node: Apply) -> None:
        for g in node.graphs:
            if g.parent is not None and not graph.within(g.parent):
                raise InvalidModule(f"{node!r} in {graph} names {g}, which is out of scope", node)
            if node.fn.order == "python" or node.fn.name.startswith("py_"):
                continue
            if node.fn.name not in BLOCKS:
                self.called[g] = node
            elif g.parent is not graph:
                raise InvalidModule(f"{node!r} runs {g}, which is not nested in {graph}", node)
            elif g in self.blocks:
                raise InvalidModule(f"{g} is run from two places", node)
            else:
                self.blocks.add(g)

    def facts(self, node: Apply) -> None:
        if len(node.static) != len(node.fn.statics):
            raise InvalidModule(f"{node!r} has {len(node.static)} facts, not {len(node.fn.statics)}", node)
        if node.fn.order == "python" or node.fn.name.startswith("py_"):
            return
        for name, value in zip(node.fn.statics, node.static, strict=True):
            known = FACTS.get(name)
            if known is not None and not known[0](value):
                raise InvalidModule(f"{node!r}: `{name}` is {known[1]}, not {repr(value)[:60]}", node)
            if isinstance(value, Type):
                self.type(value, node, f"`{name}` of {node!r}")
        if node.fn.order == "effect":
            template = node.static[-1]
            values = len(node.args) - (node.fn.name == "assert")
            for field in FIELD.findall(template):
                if int(field) >= values:
                    raise InvalidModule(f"{node!r} shows {{{field}}} and has {values} values", node)
            shown = node.args[node.fn.name == "assert" :]
            for a in shown:
                if not isinstance(a.type, Scalar):
                    raise InvalidModule(f"{node!r} shows numbers, not {a.type}", node)


def _is_column(t: Type) -> bool:
    return getattr(t, "rank", None) == 1


@functools.cache
def argument_count(fn: Primitive) -> int | None:
    """How many arguments an operation takes, as its reference says; None where that is open."""
    if isinstance(fn.ref, np.ufunc):
        return fn.ref.nin
    if not isinstance(fn.ref, FunctionType) or fn.elementwise:
        return None
    parameters = inspect.signature(fn.ref).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in fn.statics for p in parameters)


def _steps(graph: Graph) -> Iterator[Any]:
    """The nodes of a graph; before each, the nested graphs that it is the first to use."""
    seen: set[Graph] = set()
    for node in graph.body:
        for g in node.graphs:
            if g.parent is graph and g not in seen:
                seen.add(g)
                yield g
        yield node


# -- compile-time facts -----------------------------------------------------------------------------------------------

FIELD = re.compile(r"\{(\d+)[^{}]*\}")
_TEMPLATE = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\d{1,4}(?:!r)?(?::[-+ #0-9.,_<>=^a-zA-Z%]{0,12})?\})*", re.DOTALL)
_WIDTH = re.compile(r"\d{4,}")


def _is_int(value: Any) -> bool:
    return value.__class__ is int


def _ints(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_int, value))


def _axes(value: Any) -> bool:
    return _ints(value) and all(a >= 0 for a in value) and len(set(value)) == len(value)


def _shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(d, Dim) or (_is_int(d) and d >= 0) for d in value)


def _template(value: Any) -> bool:
    return (
        isinstance(value, str)
        and _TEMPLATE.fullmatch(value) is not None
        and not any(_WIDTH.search(spec) for spec in re.findall(r"\{\d+([^{}]*)\}", value))
    )


def _exception(value: Any) -> bool:
    return exception_class(value) is not None


def _order(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("auto", "forward", "reverse", "markowitz")
    return isinstance(value, tuple) and all(isinstance(v, str) for v in value)


_Check = tuple[Callable[[Any], bool], str]
_INDEX: _Check = (lambda v: _is_int(v) and v >= 0, "an integer from 0 on")
_TYPE: _Check = (lambda v: isinstance(v, Type) and v is not OBJECT, "a type")
_TEXT: _Check = (_template, "text with places like {0}")
FACTS: dict[str, _Check] = {
    "form": (lambda v: isinstance(v, Form), "the form of a record"),
    **dict.fromkeys(("index", "case", "axis", "leaf"), _INDEX),
    **dict.fromkeys(("of", "to"), _TYPE),
    **dict.fromkeys(("message", "format"), _TEXT),
    **dict.fromkeys(("axes", "wrt"), (_axes, "a tuple of different axes or positions")),
    "order": (_order, "the name of an order, or a tuple of names of vertices"),
    "shape": (_shape, "a tuple of sizes"),
    "steps": (lambda v: _ints(v) and 0 not in v, "a tuple of integers other than 0"),
    "error": (_exception, "the name of a built-in exception"),
}
