"""What a module computes that somebody needs: nodes, components of their results, parameters.

The result of a branch, loop or call is looked at by component: a loop's state that nobody reads is not needed, nor is
what only serves to compute it. One worklist over the module.
"""

from __future__ import annotations

from collections.abc import Mapping

from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import all_graphs, nested_graphs
from irad.types import Record, Struct

__all__ = ["ALL", "Demand", "demand", "effectful", "state_of"]

ALL = None
EMPTY: Mapping[Node, Node | None] = {}
CONTROL = frozenset({"cond", "for_loop", "while_loop", "call"})


def effectful(module: Module) -> set[Graph]:
    """The graphs that have an effect, in themselves or by what they call."""
    found: set[Graph] = set()
    users: dict[Graph, list[Graph]] = {}
    todo: list[Graph] = []
    for g in all_graphs(module):
        for node in g.body:
            for h in node.graphs:
                users.setdefault(h, []).append(g)
            if node.fn.order == "effect" and g not in found:
                found.add(g)
                todo.append(g)
    while todo:
        for user in users.get(todo.pop(), ()):
            if user not in found:
                found.add(user)
                todo.append(user)
    return found


def state_of(body: Graph, kind: str) -> list[Node]:
    """The nodes of the state that a loop body returns."""
    out = body.output
    if kind == "while_loop":
        out = _part(out, 1)
        count = len(body.params)
    else:
        count = len(body.params) - 1
    return [out] if count == 1 else [_part(out, i) for i in range(count)]


def _part(node: Node, i: int) -> Node:
    """Component i of a tuple that is made on the spot."""
    assert isinstance(node, Apply) and node.fn.name == "make_tuple", f"{node!r} is not made on the spot"
    return node.args[i]


class Demand:
    """live[node]: ALL, or the components needed. params: the parameters read. reached: the graphs that run."""

    def __init__(self) -> None:
        self.live: dict[Node, set[int] | None] = {}
        self.params: set[Node] = set()
        self.outputs: dict[Graph, set[int] | None] = {}
        self.reached: set[Graph] = set()
        self.effects: set[Graph] = set()

    def needs(self, node: Node, i: int) -> bool:
        parts = self.live.get(node, set())
        return parts is ALL or i in parts


def demand(module: Module, apart: Mapping[Node, Node | None] = EMPTY) -> Demand:
    """The demand of a module's entry. `apart`: parameters of loops that do not need the state, and what they stand for."""
    return _Analysis(module, apart).run()


class _Analysis:
    def __init__(self, module: Module, apart: Mapping[Node, Node | None]) -> None:
        self.module, self.apart = module, apart
        self.d = Demand()
        self.d.effects = effectful(module)
        self.owner: dict[Graph, Apply] = {}  # the branch or loop that runs a nested graph
        self.calls: dict[Graph, list[Apply]] = {}
        for g in all_graphs(module):
            for node in g.body:
                for h in node.graphs:
                    if node.fn.name == "call":
                        self.calls.setdefault(h, []).append(node)
                    else:
                        self.owner[h] = node
        self.todo: list[tuple[Node, int | None]] = []

    def run(self) -> Demand:
        self.reach(self.module.entry)
        self.output(self.module.entry, ALL)
        while self.todo:
            node, part = self.todo.pop()
            if node.__class__ is Parameter:
                self.parameter(node)
            else:
                self.apply(node, part)  # type: ignore[arg-type]
        return self.d

    def need(self, node: Node, part: int | None = ALL) -> None:
        if node.__class__ is Constant:
            return
        if isinstance(node.type, Record) and part != -1:
            part = ALL  # only tuples are taken apart
        live = self.d.live
        if node in live:
            known = live[node]
            if known is ALL or (part is not ALL and part in known):
                return
            if part is ALL:
                live[node] = ALL
            else:
                known.add(part)
        else:
            live[node] = ALL if part is ALL else {part}
        self.todo.append((node, part))

    def reach(self, graph: Graph) -> None:
        """A graph runs: its effects happen."""
        if graph in self.d.reached:
            return
        self.d.reached.add(graph)
        for node in graph.body:
            if node.fn.order == "effect" or any(h in self.d.effects for h in node.graphs):
                self.need(node, ALL if node.fn.order == "effect" else -1)

    def output(self, graph: Graph, part: int | None) -> None:
        """A part of what a graph returns is needed."""
        known = self.d.outputs.setdefault(graph, set())
        if known is ALL or (part is not ALL and part in known):
            return
        if part is ALL:
            self.d.outputs[graph] = ALL
        else:
            known.add(part)
        out = graph.output
        if part is not ALL and isinstance(out, Apply) and out.fn.name == "make_tuple":
            self.d.live.setdefault(out, set())
            self.need(out.args[part])
        else:
            self.need(out, part if isinstance(out.type, Struct) else ALL)

    def parameter(self, p: Parameter) -> None:
        self.d.params.add(p)
        if p in self.apart:
            if (same := self.apart[p]) is not None:
                self.need(same)
            return
        graph = p.graph
        assert graph is not None
        index = next(i for i, q in enumerate(graph.params) if q is p)
        if graph in self.owner:  # a loop body: the state comes from outside and from itself
            node = self.owner[graph]
            if node.fn.name not in ("for_loop", "while_loop"):
                self.need(node)  # a transform's graph is needed as it is
                return
            first = 1 if node.fn.name == "for_loop" else 0
            if index >= first:
                self.need(node, index - first)
        else:
            for call in self.calls.get(graph, ()):
                if call in self.d.live:
                    self.need(call.args[index])

    def apply(self, node: Apply, part: int | None) -> None:
        name = node.fn.name
        if name == "getitem":
            self.need(node.args[0], node.static[0])
        elif name in ("make_tuple", "make_record"):
            for a in node.args if part is ALL else (node.args[part],):
                self.need(a)
        elif name == "cond":
            self.need(node.args[0])
            for g in node.graphs:
                self.reach(g)
                self.parts_of(node, g, part)
        elif name in ("for_loop", "while_loop"):
            self.loop(node, part)
        elif name == "call":
            (g,) = node.graphs
            self.reach(g)
            self.parts_of(node, g, part)
            for p, a in zip(g.params, node.args, strict=True):
                if p in self.d.params:
                    self.need(a)
        else:
            for a in node.args:
                self.need(a)
            for g in node.graphs:  # a transform: its graph is needed whole
                self.whole(g)

    def whole(self, graph: Graph) -> None:
        self.reach(graph)
        self.output(graph, ALL)
        for p in graph.params:
            self.need(p)
        for g in nested_graphs(graph):
            self.reach(g)

    def parts_of(self, node: Apply, graph: Graph, part: int | None) -> None:
        if part == -1:
            return
        self.output(graph, part if isinstance(node.type, Struct) else ALL)

    def loop(self, node: Apply, part: int | None) -> None:
        (body,) = node.graphs
        first = 1 if node.fn.name == "for_loop" else 0
        if node.fn.name == "for_loop":
            self.need(node.args[0])
        self.reach(body)
        if node.fn.name == "while_loop":
            self.need(_part(body.output, 0))
        if part == -1:
            return
        state = state_of(body, node.fn.name)
        for i in range(len(state)) if part is ALL or len(state) == 1 else (part,):
            self.need(node.args[first + i])
            self.need(state[i])
            if len(state) == 1:
                self.d.live[node] = ALL
