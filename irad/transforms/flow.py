"""Which array parameters of a function flow into its result as wholes.

    def fill(y, i):                      # y flows: its cotangent is made from the result's, in place
        if i == len(y): return y
        return fill(index_update(y, ...), i + 1)

    def total(x, i): return x[i] + ...   # x does not: what reads add to is handed in by the caller

A cotangent that flows is handed back, and none is handed in: adding the two would touch every element in every call.
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Graph, Node
from irad.graph.walk import nested_graphs
from irad.optimize.demand import state_of
from irad.transforms.cotangents import accumulates
from irad.types import leaves

__all__ = ["Flow"]

UPDATES = frozenset(
    {
        *("index_update", "index_add", "slice_update", "slice_add", "retype", "getitem"),
        *("list_append", "list_update", "list_pop", "list_add", "list_clear", "list_take"),
    }
)


class Flow:
    """`flow.of(graph)`: the positions of the parameters that flow into the result; found on demand."""

    def __init__(self) -> None:
        self.known: dict[Graph, set[int]] = {}

    def of(self, graph: Graph) -> set[int]:
        if graph not in self.known:
            graphs = self._unknown(graph)
            self.known.update({g: set() for g in graphs})
            changed = True
            while changed:  # what functions that call each other do is found in a few rounds
                changed = False
                for g in graphs:
                    found = self._flowing(g)
                    changed, self.known[g] = changed or found != self.known[g], found
        return self.known[graph]

    def _unknown(self, graph: Graph) -> list[Graph]:
        """The graphs that a call of this one may run, those that are known left out."""
        found, todo = {graph: None}, [graph]
        while todo:
            for g in nested_graphs(todo.pop()):
                for node in g.body:
                    for h in node.graphs:
                        if node.fn.name == "call" and h not in found and h not in self.known:
                            found[h] = None
                            todo.append(h)
        return list(found)

    def _flowing(self, graph: Graph) -> set[int]:
        if graph.result is None or not any(map(accumulates, leaves(graph.result))):
            return set()
        return {i for i, p in enumerate(graph.params) if accumulates(p.type) and self._reaches(graph, p)}

    def _reaches(self, graph: Graph, start: Node) -> bool:
        """Whether the array `start` may be (part of) the result, updated or not."""
        reached = {start}
        graphs = nested_graphs(graph)
        before = 0
        while len(reached) > before:
            before = len(reached)
            for g in graphs:
                for node in g.body:
                    if node not in reached and self._hands_on(node, reached):
                        reached.add(node)
                    if node.fn.name in ("for_loop", "while_loop"):
                        body, first = node.graphs[0], 1 if node.fn.name == "for_loop" else 0
                        reached.update(p for p, a in zip(body.params[first:], node.args[first:], strict=True) if a in reached)
        return graph.output in reached

    def _hands_on(self, node: Apply, reached: set[Node]) -> bool:
        name = node.fn.name
        if not any(map(accumulates, leaves(node.type))):
            return False
        if name in ("make_tuple", "make_record"):
            return any(a in reached for a in node.args)
        if name == "call":
            return any(node.args[i] in reached for i in self.of(node.graphs[0]))
        if name == "cond":
            return any(g.output in reached for g in node.graphs)
        if name in ("for_loop", "while_loop"):
            return any(s in reached for s in state_of(node.graphs[0], name))
        return name in UPDATES and node.args[0] in reached
