"""Which values hold the same stack: from where it is made empty, through loops, branches, tuples and other stacks, to
where it is popped.

A slot is a node and the path to a stack in its type: item numbers, and "*" for the items of a stack. Slots that may hold
one stack form a class (union-find; Tarjan, 1975).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.demand import state_of
from irad.types import Stack, Struct, Sum, Type

__all__ = ["Path", "Stacks"]

Path = tuple[Any, ...]
Slot = tuple[Node, Path]


@functools.cache
def stack_paths(t: Type) -> tuple[Path, ...]:
    """The paths to the stacks in a type."""
    if isinstance(t, Stack):
        return ((), *[("*", *p) for p in stack_paths(t.item)])
    if isinstance(t, Struct):
        return tuple((i, *p) for i, u in enumerate(t.items) for p in stack_paths(u))
    return ()


class Stacks:
    """The classes of a module's stacks, and where each is pushed, popped and made."""

    def __init__(self, module: Module) -> None:
        self.above: dict[Slot, Slot] = {}
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
                if not self.follow(node):
                    lost += self.slots([node, *node.args])
        self.lost = {self.find(s) for s in lost}
        self.sites: dict[str, dict[Slot, list[Apply]]] = {"push": {}, "pop": {}, "empty_stack": {}}
        for name, node, slot in sites:
            self.sites[name].setdefault(self.find(slot), []).append(node)

    @staticmethod
    def slots(nodes: Iterable[Node]) -> list[Slot]:
        return [(n, p) for n in nodes if n.__class__ is not Constant for p in stack_paths(n.type)]

    def find(self, slot: Slot) -> Slot:
        """The slot that stands for a class."""
        above = self.above
        root = slot
        while (up := above.get(root)) is not None:
            root = up
        while slot != root:
            above[slot], slot = root, above[slot]
        return root

    def same(self, x: Node, px: Path, y: Node, py: Path, t: Type) -> None:
        """The part of x at px and the part of y at py, both of type t, hold the same stacks."""
        if x.__class__ is Constant or y.__class__ is Constant:
            return
        for p in stack_paths(t):
            a, b = self.find((x, (*px, *p))), self.find((y, (*py, *p)))
            if a != b:
                self.above[a] = b

    def follow(self, node: Apply) -> bool:
        """Unite what one operation hands on; False where it does more with stacks than that."""
        name, args = node.fn.name, node.args
        if name == "getitem":
            self.same(node, (), args[0], (node.static[0],), node.type)
        elif name in ("make_tuple", "make_record"):
            for i, a in enumerate(args):
                self.same(a, (), node, (i,), a.type)
        elif name == "push":
            self.same(node, (), args[0], (), node.type)
            self.same(args[1], (), args[0], ("*",), args[1].type)
        elif name == "pop":
            assert isinstance(node.type, Struct)
            self.same(node, (0,), args[0], ("*",), node.type.items[0])
            self.same(node, (1,), args[0], (), args[0].type)
        elif name in ("for_loop", "while_loop"):
            self.loop(node)
        elif name == "cond":
            for g in node.graphs:
                self.same(g.output, (), node, (), node.type)
        elif name not in ("empty_stack", "stack_size"):
            return not any(stack_paths(x.type) or isinstance(x.type, Sum) for x in (node, *args))
        return True

    def loop(self, node: Apply) -> None:
        (body,) = node.graphs
        first = 1 if node.fn.name == "for_loop" else 0
        state = state_of(body, node.fn.name)
        for k, (a, s) in enumerate(zip(node.args[first:], state, strict=True)):
            param = body.params[first + k]
            self.same(param, (), a, (), a.type)
            self.same(param, (), s, (), a.type)
            self.same(param, (), node, () if len(state) == 1 else (k,), a.type)
