"""Which parts of values are one and the same, through loops, branches, calls, tuples and stacks.

A slot is a node and the path to a part of it by its type: item numbers, and "*" for the items of a stack; or a function and
the path to a part of its result. Slots that may hold one value form a class (union-find; Tarjan, 1975).

    %17 = for_loop(%n, @body, %y, %s);  %19 = getitem(%17, index=0)      (%y, ()), (%17, (0,)), (%19, ()) and the first of
                                                                        @body's parameters are one class
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.optimize.demand import state_of
from irad.types import Struct, Type

__all__ = ["Path", "Slot", "Slots"]

Path = tuple[Any, ...]
Slot = tuple[Node | Graph, Path]


class Slots:
    """The classes of the parts of a module's values that `paths` finds in their types."""

    def __init__(self, module: Module, paths: Callable[[Type], tuple[Path, ...]]) -> None:
        self.module, self.paths = module, paths
        self.above: dict[Slot, Slot] = {}

    def slots(self, nodes: Iterable[Node]) -> list[Slot]:
        return [(n, p) for n in nodes if n.__class__ is not Constant for p in self.paths(n.type)]

    def find(self, slot: Slot) -> Slot:
        """The slot that stands for a class."""
        above = self.above
        root = slot
        while (up := above.get(root)) is not None:
            root = up
        while slot != root:
            above[slot], slot = root, above[slot]
        return root

    def union(self, a: Slot, b: Slot) -> None:
        """Two slots hold the same."""
        a, b = self.find(a), self.find(b)
        if a != b:
            self.above[a] = b

    def same(self, x: Node | Graph, px: Path, y: Node | Graph, py: Path, t: Type) -> None:
        """The part of x at px and the part of y at py, both of type t, hold the same."""
        if x.__class__ is Constant or y.__class__ is Constant:
            return
        for p in self.paths(t):
            self.union((x, (*px, *p)), (y, (*py, *p)))

    def follow(self, node: Apply) -> bool:
        """Unite what one operation hands on; False where it does more than that."""
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
        else:
            return name in ("empty_stack", "stack_size")
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
