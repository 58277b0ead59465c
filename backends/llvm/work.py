"""How much a program has to do, roughly: long work gives up the interpreter's lock, short work does not pay for that."""

from __future__ import annotations

from irad.graph.nodes import Apply, Constant, Graph, Module
from irad.graph.walk import nested_graphs
from irad.types import Array

__all__ = ["is_long"]

LONG = 20_000  # operations: some 10 µs; giving up the lock and taking it again costs 0.1 µs
UNKNOWN_TRIPS, UNKNOWN_DIM = 10_000, 1000
WHILE_TRIPS = 10


def is_long(module: Module) -> bool:
    """Whether a call of a program without recursion is likely to take long: by known trips and sizes, else by guesses."""
    return any(_operations(g) > LONG for top in module.graphs for g in nested_graphs(top) if g.role == "function")


def _operations(function: Graph) -> int:
    """Operations in a function, its loops counted by their trips, its calls as one."""
    inside = [g for g in nested_graphs(function) if g.role != "function"]
    total: dict[Graph, int] = {}
    for g in [*reversed(inside), function]:
        count = 0
        for node in g.body:
            t = node.type
            if isinstance(t, Array):
                count += _elements(t)
            elif any(isinstance(a.type, Array) for a in node.args) and node.fn.order == "total":
                count += max(_elements(a.type) for a in node.args if isinstance(a.type, Array))
            else:
                count += 1
            for h in node.graphs:
                count += total.get(h, 0) * _trips(node)
        total[g] = count
    return total[function]


def _trips(node: object) -> int:
    name = node.fn.name  # type: ignore[attr-defined]
    if name == "for_loop":
        trips = node.args[0]  # type: ignore[attr-defined]
        if isinstance(trips, Constant):
            return int(trips.value)
        return WHILE_TRIPS if isinstance(trips, Apply) and trips.fn.name == "stack_size" else UNKNOWN_TRIPS
    return WHILE_TRIPS if name == "while_loop" else 1


def _elements(t: Array) -> int:
    count = 1
    for d in t.shape:
        count *= d if isinstance(d, int) else UNKNOWN_DIM
    return count
