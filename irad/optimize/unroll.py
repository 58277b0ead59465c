"""Loops of few trips that work on small arrays are unrolled, so that their indices are known.

    for_loop(3, @body, %y) with body(i, y): index_add(y, x, i)   =>   index_add(y, x, 0); index_add(., x, 1); index_add(., x, 2)

What was pushed in one trip of a loop and popped in one of another meets where both are unrolled (rule `pop-of-push`).
"""

from __future__ import annotations

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs, nested_graphs
from irad.optimize.elements import small
from irad.optimize.rebuild import rebuild

__all__ = ["unrolled"]

TRIPS = 16  # of a loop that is unrolled
SIZE = 600  # operations that one loop may become
ROUNDS = 3  # loops in loops whose trips are known when those around them are unrolled: for j in range(i)


def unrolled(module: Module) -> Module:
    """The module without its short loops over small arrays; the same module where there are none."""
    for _ in range(ROUNDS):
        before, module = module, _without_short_loops(module)
        if module is before:
            break
    return module


def _without_short_loops(module: Module) -> Module:
    graphs = list(all_graphs(module))
    if not any(n.fn.name == "for_loop" and _short(n) for g in graphs for n in g.body):
        return module
    found: set[Node] = set()
    sizes: dict[Graph, int] = {}
    for g in reversed(graphs):  # nested ones before those around them
        total = 0
        for n in g.body:
            inside = sum(sizes[h] for h in n.graphs if h.parent is g)
            if n.fn.name == "for_loop" and _short(n):
                inside *= max(n.args[0].value, 1)  # type: ignore[attr-defined]
                if inside <= SIZE and _works_on_small_arrays(n.graphs[0]) and not _has_functions(n.graphs[0]):
                    found.add(n)
                else:
                    inside = sizes[n.graphs[0]]
            total += 1 + inside
        sizes[g] = total
    return rebuild(module, unroll=found) if found else module


def _short(loop: Apply) -> bool:
    return is_constant(loop.args[0]) and loop.args[0].value <= TRIPS  # type: ignore[attr-defined]


def _works_on_small_arrays(body: Graph) -> bool:
    """Whether a loop carries a small array, or reads or writes one at its counter."""
    if any(small(p.type) for p in body.params):
        return True
    counted: set[Node] = {body.params[0]}
    for g in nested_graphs(body):
        for n in g.body:
            if not counted.isdisjoint(n.args):
                if any(small(a.type) for a in n.args):
                    return True
                if n.fn.elementwise:
                    counted.add(n)
    return False


def _has_functions(body: Graph) -> bool:
    """Whether functions are defined in a loop: they name values of one trip."""
    return any(g.role == "function" for g in nested_graphs(body)[1:])
