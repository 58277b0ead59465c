"""Which values may be one object at run time, and which of these objects are written to: arrays, lists and stacks.

What is written to only where it has one owner (`ownership.plan`) is written in place, else to a copy. Values that share
memory form a class (union-find); a class that nobody writes to is never copied.
"""

from __future__ import annotations

from typing import Any

from irad.backends.llvm.layout import managed
from irad.backends.llvm.ownership import UPDATES, Captures, Plan, Ref, canonical, is_alias, plan

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.demand import state_of
from irad.types import Array, List, Stack, Sum, Type, leaves

__all__ = ["Objects", "slots"]

VIEWS = frozenset({"slice", "transpose", "reshape", "retype", "broadcast", "stop_gradient"})
WRITES = UPDATES - {"reshape", "retype", "list_plus"} | {"push", "pop", "pop_zero"}


class _Captures(Captures):
    """All arrays are stored."""

    def virtual(self, graph: Graph) -> set[Node]:
        return set()


class Objects:
    """The classes of a module's objects, and the plan of each of its graphs."""

    def __init__(self, module: Module) -> None:
        self.above: dict[Any, Any] = {}
        self.inside: dict[Any, Any] = {}  # class of a container -> what it holds
        self.plans: dict[Graph, Plan] = {}
        self.pushes: dict[Any, list[Apply]] = {}
        captures = _Captures()
        for g in all_graphs(module):
            adopted: Any = ()
            if g.role == "branch" and g.parent in self.plans:
                adopted = self.plans[g.parent].adopted.get(g, ())
            self.plans[g] = plan(g, adopted, captures)
        graphs = list(all_graphs(module))
        for g in graphs:
            for node in (*g.params, *g.body):
                for k, t in enumerate(leaves_with_objects(node.type)):
                    if isinstance(t, Sum):
                        self.same(self.contents((node, managed(node.type)[k])), ("sum", t))
            for i, node in enumerate(g.body):
                if not is_alias(node):
                    self.follow(node, i, self.plans[g])
        self.written = {self.find(r) for g in graphs for i, n in enumerate(g.body) for r in self.target(n, i, self.plans[g])}
        for g in graphs:
            for node in g.body:
                if node.fn.name == "push":
                    self.pushes.setdefault(self.find(slots(node.args[0])[0]), []).append(node)
        self.borrowed = {self.find(r) for p in module.entry.params for r in slots(p)}

    @staticmethod
    def target(node: Apply, i: int, p: Plan) -> list[Ref]:
        """What an operation writes to in place."""
        if node.fn.name not in WRITES:
            return []
        return [r for r in slots(node.args[0]) if r is not None and (i, r) in p.moved]

    def find(self, ref: Any) -> Any:
        """What stands for the class of a value."""
        root = ref
        while (up := self.above.get(root)) is not None:
            root = up
        while ref != root:
            self.above[ref], ref = root, self.above[ref]
        return root

    def same(self, a: Any, b: Any) -> None:
        todo = [(a, b)]
        while todo:
            a, b = todo.pop()
            a, b = self.find(a), self.find(b)
            if a == b:
                continue
            self.above[a] = b
            if a in self.inside:
                below = self.inside.pop(a)
                if b in self.inside:
                    todo.append((below, self.inside[b]))
                else:
                    self.inside[b] = below

    def contents(self, ref: Any) -> Any:
        """The class of what a container holds."""
        root = self.find(ref)
        return self.inside.setdefault(root, ("inside", root))

    def join(self, a: Node, b: Node) -> None:
        for r, s in zip(slots(a), slots(b), strict=True):
            if r is not None and s is not None:
                self.same(r, s)

    def follow(self, node: Apply, i: int, p: Plan) -> None:
        name, args = node.fn.name, node.args
        own = slots(node)
        if name in ("push", "pop", "pop_zero"):
            (stack,) = slots(args[0])
            assert stack is not None
            if self.target(node, i, p):
                self.same(own[-1], stack)
            else:  # a copy, which holds the same items
                self.same(self.contents(own[-1]), self.contents(stack))
            for r in slots(args[1]) if name == "push" else own[:-1]:
                if r is not None:
                    self.same(r, self.contents(stack))
        elif name in WRITES and self.target(node, i, p):
            self.same(own[-1], slots(args[0])[0])
        elif name == "call":
            (g,) = node.graphs
            for a, param in zip(args, g.params, strict=True):
                self.join(a, param)
            self.join(node, g.output)
        elif name == "cond":
            for g in node.graphs:
                self.join(node, g.output)
        elif name in ("for_loop", "while_loop"):
            self.loop(node)
        elif name in ("inject", "project", "project_zero"):
            sum_type = node.type if name == "inject" else args[0].type
            for r in [r for a in args for r in slots(a)] if name == "inject" else own:
                if r is not None:
                    self.same(r, ("sum", sum_type))
        elif name == "add_sum":
            self.join(node, args[0])
            self.join(node, args[1])

    def loop(self, node: Apply) -> None:
        (body,) = node.graphs
        first = 1 if node.fn.name == "for_loop" else 0
        state = state_of(body, node.fn.name)
        results = iter(slots(node))
        for a, p, s in zip(node.args[first:], body.params[first:], state, strict=True):
            self.join(a, p)
            self.join(s, p)
            for r in slots(p):
                self.same(r, next(results))

    def is_written(self, ref: Any) -> bool:
        return self.find(ref) in self.written

    def holds_written(self, ref: Any) -> bool:
        """Whether something in a container is written to."""
        seen = set()
        below = self.inside.get(self.find(ref))
        while below is not None and (root := self.find(below)) not in seen:
            if root in self.written:
                return True
            seen.add(root)
            below = self.inside.get(root)
        return False


def leaves_with_objects(t: Type) -> list[Type]:
    return [u for u in leaves(t) if isinstance(u, (Array, List, Stack, Sum))]


def slots(node: Node) -> list[Ref | None]:
    """The objects in a value, left to right; None for those that are constants."""
    found = [canonical(node, i) for i in managed(node.type)]
    return [None if r[0].__class__ is Constant else r for r in found]
