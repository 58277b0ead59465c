"""Transforms get their bodies: `jvp`, `vjp_forward` and `vjp_backward` become calls of graphs made by forward and reverse
mode, `jacobian` of one made by elimination, innermost transforms first, with the module made lean between the rounds.
"""

from __future__ import annotations

from collections.abc import Callable

from irad.errors import refuse
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, all_graphs, nested_graphs, run
from irad.optimize.rebuild import Rebuild
from irad.primitives.control import residual_type
from irad.transforms.cotangents import declare_tangent_sum
from irad.transforms.forward import Forward
from irad.transforms.jacobian import eliminate
from irad.transforms.reverse import Pair, Reverse
from irad.types import List, Record, Stack, Sum, Tuple, Type
from irad.verify import TRANSFORMS

__all__ = ["differentiated", "expand_transforms", "has_transforms"]


def has_transforms(module: Module) -> bool:
    return any(node.fn.name in TRANSFORMS for g in all_graphs(module) for node in g.body)


def expand_transforms(module: Module, lean: Callable[[Module], Module]) -> Module:
    """The module without transforms. `lean` is run before each round, so that a transform meets a small program."""
    while has_transforms(module):
        module = lean(module)
        if has_transforms(module):
            module = _expanded(module)
    return module


def differentiated(module: Module, lean: Callable[[Module], Module]) -> tuple[Graph, tuple[int, ...]]:
    """The graph that the first transform of the entry names, without transforms in itself, and the parameters that derivatives
    are taken in."""
    while True:
        module = lean(module)
        first = next(node for node in module.entry.body if node.fn.name in TRANSFORMS)
        if not _reached(first.graphs[0])[1]:
            return first.graphs[0], first.static[0]
        module = _expanded(module)


def _expanded(module: Module) -> Module:
    """The module with bodies for its innermost transforms."""
    targets = _innermost(module)
    if any(n.fn.name == "jacobian" and n.graphs[0] in targets for g in all_graphs(module) for n in g.body):
        return eliminate(module, targets)  # first: it leaves no use for the modes of what is straight-line code
    return _Expand(module, targets).run()


def _reached(graph: Graph) -> tuple[set[Graph], list[Apply]]:
    """The functions that a graph calls, itself included, and the transforms among their operations."""
    seen, todo, transforms = {graph}, [graph], []
    while todo:
        g = todo.pop()
        for inner in nested_graphs(g):
            for node in inner.body:
                if node.fn.name in TRANSFORMS:
                    transforms.append(node)
                elif node.fn.name == "call" and node.graphs[0] not in seen:
                    seen.add(node.graphs[0])
                    todo.append(node.graphs[0])
    return seen, transforms


def _innermost(module: Module) -> set[Graph]:
    """The graphs that transforms name and that contain none themselves."""
    targets = {node.graphs[0]: node for g in all_graphs(module) for node in g.body if node.fn.name in TRANSFORMS}
    chosen = {g for g in targets if not _reached(g)[1]}
    if not chosen:
        node = next(iter(targets.values()))
        raise refuse(
            "recursive-transform",
            "a function takes the derivative of itself",
            node.span,
            help="the order of differentiation must be known at compile time",
        )
    return chosen


class _Expand(Rebuild):
    def __init__(self, module: Module, targets: set[Graph]) -> None:
        super().__init__(module)
        self.targets = targets
        recursive = {g for g in module.graphs if _calls_itself(g)}
        self.reverse = Reverse(self.b, recursive, self.copied)
        self.tangents = Forward(self.b, self.copied)
        self.types: dict[Type, Type] = {}
        for name in list(module.sums):
            declare_tangent_sum(self.b, Sum(name))

    def run(self) -> Module:
        tops = [g for g in self.old.graphs if g is self.old.entry or not self.skips(g)]
        shells = [g for g in tops if g is self.old.entry]
        pairs: list[tuple[Graph, tuple[int, ...]]] = []
        for g in all_graphs(self.old):
            for node in g.body:
                if node.fn.name in ("vjp_forward", "vjp_backward") and node.graphs[0] in self.targets:
                    key = (node.graphs[0], node.static[0])
                    if key not in pairs:
                        pairs.append(key)
        for g in shells:
            self.declare(g, None)  # first: it is the entry, and keeps its name
        for target, wrt in pairs:
            pair: Pair = run(self.reverse.pair(target, wrt, False))
            self.types[residual_type(target, wrt)] = pair.residual_type
        for name, cases in list(self.module.sums.items()):
            self.module.sums[name] = tuple(tuple(self.type(f) for f in case) for case in cases)
        for p in self.graphs[self.old.entry].params:
            p.type = self.type(p.type)
        run(self.function(self.old.entry))
        return self.module

    def copied(self, graph: Graph) -> Task:
        """A function that is needed as it is, beside its derivative."""
        yield self.ensure(graph)
        return self.graphs[graph]

    def type(self, t: Type) -> Type:
        """t with the residuals of expanded transforms as what they are now."""
        found = self.types.get(t)
        if found is not None:
            return found
        if isinstance(t, Tuple):
            return Tuple(map(self.type, t.items))
        if isinstance(t, Record):
            return Record(t.form, map(self.type, t.items))
        if isinstance(t, Stack):
            return Stack(self.type(t.item))
        return List(self.type(t.item)) if isinstance(t, List) else t

    def get(self, node: Node) -> Node:
        if node.__class__ is Constant and node.value is UNDEF:
            return self.b.undef(self.type(node.type))
        return super().get(node)

    def plain(self, node: Apply) -> None:
        if node.fn.name == "empty_stack":
            self.bind(node, self.b.empty_stack(of=self.type(node.static[0])))
        else:
            super().plain(node)

    def control(self, node: Apply) -> Task:
        name = node.fn.name
        if name not in TRANSFORMS or node.graphs[0] not in self.targets:
            yield super().control(node)
            return
        b, (target,) = self.b, node.graphs
        (wrt,) = node.static
        args = [self.get(a) for a in node.args]
        if name == "jvp":
            graph = yield self.tangents.graph(target, wrt)
            b.span = node.span
            self.bind(node, b.call(graph, args))
            return
        pair: Pair = yield self.reverse.pair(target, wrt, False)
        b.span = node.span
        if name == "vjp_forward":
            result = b.call(pair.forward, args)
            items = [b.getitem(result, index=i) for i in range(pair.items)]
            out = b.make_tuple(*items) if isinstance(target.result, Tuple) else items[0]
            if pair.sum is not None:
                residual = b.getitem(result, index=pair.items)
            else:
                residual = b.make_tuple(*[b.getitem(result, index=pair.items + k) for k in range(len(pair.residuals))])
            self.bind(node, b.make_tuple(out, residual))
        else:
            residual, ct = args
            kept = [residual] if pair.sum is not None else [b.getitem(residual, index=k) for k in range(len(pair.residuals))]
            out = b.call(pair.backward, [*kept, ct])
            self.bind(node, b.make_tuple(*b.parts(out, len(wrt))))


def _calls_itself(graph: Graph) -> bool:
    seen: set[Graph] = set()
    todo = [graph]
    while todo:
        g = todo.pop()
        for inner in nested_graphs(g):
            for node in inner.body:
                for h in node.graphs if node.fn.name == "call" else ():
                    if h is graph:
                        return True
                    if h not in seen:
                        seen.add(h)
                        todo.append(h)
    return False
