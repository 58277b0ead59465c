"""Modules from text in the form that passes rely on: the states that loops return are made on the spot, and functions
nested in other graphs take what they captured as parameters and stand at the top level (lambda lifting; Johnsson, 1985).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.parse import UNLIMITED, parse_module
from irad.graph.text import print_module
from irad.graph.walk import all_graphs, nested_graphs
from irad.types import Struct, Tuple

__all__ = ["normal_form"]


def normal_form(module: Module, primitives: Mapping[str, Any]) -> Module:
    """A copy of the module in normal form."""
    copy = parse_module(print_module(module), primitives, limits=UNLIMITED).module
    for g in list(all_graphs(copy)):
        for node in g.body:
            if node.fn.name in ("for_loop", "while_loop"):
                _spell_out(node, primitives)
    _lift(copy)
    return copy


def _spell_out(loop: Apply, primitives: Mapping[str, Any]) -> None:
    (body,) = loop.graphs
    first = 1 if loop.fn.name == "for_loop" else 0
    count = len(body.params) - first
    if first == 1:
        if count != 1:
            body.output = _made(body, body.output, primitives)
        return
    body.output = out = _made(body, body.output, primitives)
    again, state = out.args
    if count != 1:
        body.body.remove(out)
        made = _made(body, state, primitives)
        body.output = Apply(body, Tuple((again.type, made.type)), primitives["make_tuple"], (again, made), span=out.span)
        body.body.append(body.output)


def _made(graph: Graph, node: Node, primitives: Mapping[str, Any]) -> Apply:
    """The tuple `node` as an operation that makes it."""
    if isinstance(node, Apply) and node.fn.name == "make_tuple" and node.graph is graph:
        return node
    assert isinstance(node.type, Struct)
    parts = []
    for i, t in enumerate(node.type.items):
        part = Apply(graph, t, primitives["getitem"], (node,), (i,), span=node.span)
        graph.body.append(part)
        parts.append(part)
    made = Apply(graph, Tuple(p.type for p in parts), primitives["make_tuple"], tuple(parts), span=node.span)
    graph.body.append(made)
    return made


def _lift(module: Module) -> None:
    functions = [g for g in all_graphs(module) if g.role == "function" and g.parent is not None]
    needs: dict[Graph, dict[Node, None]] = {g: dict.fromkeys(_free(g)) for g in functions}
    changed = True
    while changed:  # what a function calls may need more
        changed = False
        for g in functions:
            for h in {h for n in _operations(g) for h in n.graphs if h in needs}:
                for x in needs[h]:
                    if x.graph not in nested_graphs(g) and x not in needs[g]:
                        needs[g][x] = None
                        changed = True
    taken: dict[Graph, dict[Node, Parameter]] = {}
    for g in functions:
        taken[g] = {x: Parameter(g, x.type, x.name, x.span) for x in needs[g]}
    for top in list(module.graphs):
        for g in nested_graphs(top):
            names = taken.get(_owner(g, functions), {})
            for node in g.body:
                node.args = tuple(names.get(a, a) for a in node.args)
                if node.fn.name == "call" and node.graphs[0] in needs:
                    node.args += tuple(names.get(x, x) for x in needs[node.graphs[0]])
            g.output = names.get(g.output, g.output)
    for g in functions:
        g.params += taken[g].values()
        g.parent = None
        module.graphs.append(g)


def _owner(graph: Graph, functions: list[Graph]) -> Graph:
    """The innermost nested function that a graph belongs to, or the graph itself."""
    g: Graph | None = graph
    while g is not None:
        if g in functions:
            return g
        g = g.parent
    return graph


def _operations(function: Graph) -> list[Apply]:
    """The operations of a function, without those of functions nested in it."""
    out, todo = [], [function]
    while todo:
        g = todo.pop()
        for node in g.body:
            out.append(node)
            todo.extend(h for h in node.graphs if h.parent is g and h.role != "function")
    return out


def _free(function: Graph) -> list[Node]:
    inside = set()
    todo = [function]
    while todo:
        g = todo.pop()
        inside.add(g)
        for node in g.body:
            todo.extend(h for h in node.graphs if h.parent is g and h.role != "function" and h not in inside)
    found: dict[Node, None] = {}
    for node in _operations(function):
        found.update((a, None) for a in node.args if a.__class__ is not Constant and a.graph not in inside)
    for g in inside:
        if g.output.__class__ is not Constant and g.output.graph not in inside:
            found[g.output] = None
    return list(found)
