"""Which values hold the same stack: from where it is made empty, through loops, branches, tuples and other stacks, to
where it is popped."""

from __future__ import annotations

import functools

from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.slots import Path, Slot, Slots
from irad.types import Stack, Struct, Sum, Type

__all__ = ["Path", "Stacks"]


@functools.cache
def stack_paths(t: Type) -> tuple[Path, ...]:
    """The paths to the stacks in a type."""
    if isinstance(t, Stack):
        return ((), *[("*", *p) for p in stack_paths(t.item)])
    if isinstance(t, Struct):
        return tuple((i, *p) for i, u in enumerate(t.items) for p in stack_paths(u))
    return ()


class Stacks(Slots):
    """The classes of a module's stacks, and where each is pushed, popped and made."""

    def __init__(self, module: Module) -> None:
        super().__init__(module, stack_paths)
        self.uses: dict[Node, list[tuple[Apply, int]]] = {}
        self.outputs: set[Node] = set()
        self.owner: dict[Graph, Apply] = {}  # the loop or branch that runs a nested graph
        lost: list[Slot] = []  # stacks that reach what is not followed
        sites: list[tuple[str, Apply, Slot]] = []
        for g in all_graphs(module):
            self.outputs.add(g.output)
            if g.role == "function":
                lost += self.slots([*g.params, g.output])
            for node in g.body:
                for i, a in enumerate(node.args):
                    self.uses.setdefault(a, []).append((node, i))
                for h in node.graphs:
                    self.owner[h] = node
                name = node.fn.name
                if name in ("push", "pop", "empty_stack"):
                    sites.append((name, node, (node if name == "empty_stack" else node.args[0], ())))
                if not self.follow(node) and any(isinstance(x.type, Sum) or stack_paths(x.type) for x in (node, *node.args)):
                    lost += self.slots([node, *node.args])
        self.lost = {self.find(s) for s in lost}
        self.sites: dict[str, dict[Slot, list[Apply]]] = {"push": {}, "pop": {}, "empty_stack": {}}
        for name, node, slot in sites:
            self.sites[name].setdefault(self.find(slot), []).append(node)
