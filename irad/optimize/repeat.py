"""Numbers that are repeated outside of a loop and read by operations element by element inside are repeated where they are
read: a kernel then reads the number, and no array.

    %c = broadcast(0.1, shape=(1000,));                      loop @body { %c = broadcast(0.1, shape=(1000,));
    loop @body { ... %0 = mul(%x, %c); ... }       =>                     %0 = mul(%x, %c); ... }
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.rebuild import Rebuild
from irad.types import Array

__all__ = ["repeat_inside"]


def repeat_inside(module: Module) -> Module:
    """The module with these repetitions inside; the same module where there are none."""
    graphs = list(all_graphs(module))
    outside: dict[Node, bool] = {}  # whether its own graph reads it, too
    for g in graphs:
        outside.update((n, False) for n in g.body if _repeats_number(n))
    inside: set[Node] = set()
    for g in graphs if outside else ():
        for reader in (*g.body, None):
            for a in (g.output,) if reader is None else reader.args:
                if a not in outside:
                    continue
                if a.graph is g:
                    outside[a] = True
                elif reader is None or not reader.fn.elementwise:
                    del outside[a]  # it is wanted as an array, in each trip
                else:
                    inside.add(a)
    moved = {n: read for n, read in outside.items() if n in inside}
    return _Inside(module, moved).run() if moved else module


def _repeats_number(node: Apply) -> bool:
    t = node.type
    return (
        node.fn.name == "broadcast"
        and isinstance(t, Array)
        and t.static_shape is not None
        and len(node.args) == 1
        and not isinstance(node.args[0].type, Array)
    )


class _Inside(Rebuild):
    def __init__(self, module: Module, moved: dict[Node, bool]) -> None:
        super().__init__(module)
        self.moved = moved
        self.made: dict[tuple[Graph, Node], Node] = {}

    def plain(self, node: Apply) -> None:
        if self.moved.get(node, True):
            super().plain(node)

    def get(self, node: Node) -> Node:
        if node not in self.moved or (node in self.env and self.env[node].graph is self.b.graph):
            return super().get(node)
        assert isinstance(node, Apply)
        b, key = self.b, (self.b.graph, node)
        if key not in self.made:
            b.folding, before = False, b.folding  # the one outside is not this one
            self.made[key] = b.broadcast(self.get(node.args[0]), shape=node.static[0])
            b.folding = before
        return self.made[key]
