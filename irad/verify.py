"""What IR must be at every stage after `python`: scopes, order, types. Each type is derived again and compared."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import numpy as np

from irad.errors import CompileError, InternalError
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.primitives.structure import same_bits
from irad.primitives.table import Primitive

__all__ = ["TRANSFORMS", "verify"]

TRANSFORMS = frozenset({"jvp", "vjp_forward", "vjp_backward"})


def verify(module: Module, stage: str = "typed") -> Module:
    """Raise InternalError where the module breaks a rule of its stage; return it otherwise.

    "typed" may hold transforms; "optimized" and "lowered" may not.
    """
    if not module.graphs:
        raise InternalError("a module without graphs")
    names: set[str] = set()
    for graph in module.graphs:
        if graph.parent is not None:
            raise InternalError(f"{graph} is nested and stands at the top level")
        _verify_top(module, graph, names, stage)
    return module


@functools.cache
def _argument_count(fn: Primitive) -> int | None:
    """How many arguments an operation takes, as its reference says; None where that is open."""
    if isinstance(fn.ref, np.ufunc):
        return fn.ref.nin
    if not isinstance(fn.ref, FunctionType) or fn.elementwise:
        return None
    parameters = inspect.signature(fn.ref).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in fn.statics for p in parameters)


def _verify_top(module: Module, top: Graph, names: set[str], stage: str) -> None:
    defined: set[Node] = set()
    stack: list[tuple[Graph, Iterator[Any]]] = []

    def begin(graph: Graph) -> None:
        if graph.name in names:
            raise InternalError(f"two graphs are called {graph}")
        names.add(graph.name)
        for p in graph.params:
            if p.graph is not graph:
                raise InternalError(f"parameter %{p.name} of {graph} belongs to {p.graph}")
            defined.add(p)
        stack.append((graph, _steps(graph)))

    begin(top)
    while stack:
        graph, steps = stack[-1]
        for step in steps:
            if isinstance(step, Graph):
                begin(step)
                break
            _verify_node(module, graph, step, defined, stage)
            defined.add(step)
        else:
            stack.pop()
            _verify_use(graph, graph.output, defined, "the output")
            if graph.result is None or not same_bits(graph.output.type, graph.result):
                raise InternalError(f"{graph} declares {graph.result} and returns {graph.output.type}")


def _steps(graph: Graph) -> Iterator[Any]:
    """The nodes of a graph; before each, the nested graphs that it is the first to use."""
    seen: set[Graph] = set()
    for node in graph.body:
        for g in node.graphs:
            if g.parent is graph and g not in seen:
                seen.add(g)
                yield g
        yield node


def _verify_use(graph: Graph, node: Node, defined: set[Node], where: str) -> None:
    if node.__class__ is Constant:
        return
    if node not in defined:
        raise InternalError(f"{graph}: {where} uses {node!r}, which is not defined above")
    if not graph.within(node.graph):
        raise InternalError(f"{graph}: {where} uses {node!r} of {node.graph}, which is not around it")


def _verify_node(module: Module, graph: Graph, node: Apply, defined: set[Node], stage: str) -> None:
    if node.graph is not graph:
        raise InternalError(f"{node!r} stands in {graph} and belongs to {node.graph}")
    for a in node.args:
        _verify_use(graph, a, defined, repr(node))
    for g in node.graphs:
        if g.parent is not None and not graph.within(g.parent):
            raise InternalError(f"{node!r} in {graph} names {g}, which is out of scope")
    if stage in ("optimized", "lowered") and node.fn.name in TRANSFORMS:
        raise InternalError(f"{node!r} is left at the stage {stage}")
    types = tuple(a.type for a in node.args)
    count = _argument_count(node.fn)
    if count is not None and len(types) != count:
        raise InternalError(f"{graph}: {node!r} has {len(types)} arguments, not {count}")
    try:
        if node.graphs:
            found = node.fn.infer(types, *node.static, graphs=node.graphs)
        elif node.fn.order == "context":
            found = node.fn.infer(types, *node.static, module=module)
        else:
            found = node.fn.infer(types, *node.static)
    except Exception as e:  # a type rule meets a wrong number of arguments, facts or graphs in its own way
        why = e.diagnostic.message if isinstance(e, CompileError) else f"{type(e).__name__}: {e}"
        raise InternalError(f"{graph}: {node!r}: {why}") from None
    if found is not node.type and not same_bits(found, node.type):
        raise InternalError(f"{graph}: {node!r} has the type {found}")
