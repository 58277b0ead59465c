"""Orders and sets over graphs. Nothing here recurses: programs may be long and nested deeply."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from irad.graph.nodes import Apply, Graph, Module, Node

__all__ = ["all_graphs", "applies", "captured", "nested_graphs", "run"]

Task = Generator[Any, Any, Any]


def run(task: Task) -> Any:
    """Run a task that yields sub-tasks and is sent their results: recursion without the interpreter's stack."""
    stack, value, error = [task], None, None
    try:
        while stack:
            try:
                if error is None:
                    sub = stack[-1].send(value)
                else:
                    pending, error = error, None
                    sub = stack[-1].throw(pending)
                stack.append(sub)
                value = None
            except StopIteration as e:
                stack.pop()
                value = e.value
            except BaseException as e:
                stack.pop()
                value, error = None, e
    finally:
        while stack:  # a signal ended this loop itself: tasks end as they are nested
            stack.pop().close()
    if error is not None:
        raise error
    return value


def nested_graphs(graph: Graph) -> list[Graph]:
    """`graph` and all graphs nested in it, outer ones first, in the order of their use."""
    out, seen, todo = [], {graph}, [graph]
    while todo:
        g = todo.pop()
        out.append(g)
        inner = []
        for node in g.body:
            for h in node.graphs:
                if h.parent is g and h not in seen:
                    seen.add(h)
                    inner.append(h)
        todo.extend(reversed(inner))
    return out


def all_graphs(module: Module) -> Iterator[Graph]:
    """Every graph of the module, nested ones after those around them."""
    for g in module.graphs:
        yield from nested_graphs(g)


def captured(graph: Graph) -> list[Node]:
    """The nodes of outer graphs that `graph` uses, in the order of first use: a closure's captures."""
    inside = nested_graphs(graph)
    own = set(inside)
    found: dict[Node, None] = {}
    for g in inside:
        for node in g.body:
            for a in node.args:
                if a.graph is not None and a.graph not in own:
                    found[a] = None
        if g.output.graph is not None and g.output.graph not in own:
            found[g.output] = None
    return list(found)


def applies(graph: Graph) -> Iterator[Apply]:
    """Every operation of `graph` and of the graphs nested in it."""
    for g in nested_graphs(graph):
        yield from g.body
