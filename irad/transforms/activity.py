"""Which values of a function vary with the parameters that derivatives are taken in.

Results of branches, loops and calls are followed by component. What does not vary has no tangent and no cotangent.
"""

from __future__ import annotations

from collections.abc import Iterable

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task, run
from irad.optimize.demand import state_of
from irad.types import Struct, tangent_type

__all__ = ["Activity"]


class Activity:
    """varies(node) and varies_part(node, i) after the analysis of one function for one choice of parameters."""

    def __init__(self, graph: Graph, wrt: Iterable[int]) -> None:
        self._whole: set[Node] = {graph.params[i] for i in wrt}
        self._parts: dict[Node, set[int]] = {}
        run(self._graph(graph))

    def varies(self, node: Node) -> bool:
        return node in self._whole or bool(self._parts.get(node))

    def varies_part(self, node: Node, i: int) -> bool:
        """Whether component i of a struct varies."""
        parts = self._parts.get(node)
        return i in parts if parts is not None else node in self._whole

    def _graph(self, graph: Graph) -> Task:
        for node in graph.body:
            yield from self._node(node)

    def _node(self, node: Apply) -> Task:
        name = node.fn.name
        if name in ("make_tuple", "make_record"):
            self._set_parts(node, [self.varies(a) for a in node.args])
        elif name == "getitem":
            if self.varies_part(node.args[0], node.static[0]) and tangent_type(node.type) is not None:
                self._whole.add(node)
        elif name == "cond":
            for g in node.graphs:
                yield self._graph(g)
            self._join(node, [g.output for g in node.graphs])
        elif name in ("for_loop", "while_loop"):
            yield self._loop(node)
        elif any(map(self.varies, node.args)) and tangent_type(node.type) is not None:
            self._whole.add(node)

    def _set_parts(self, node: Node, varies: list[bool]) -> None:
        self._parts[node] = {i for i, v in enumerate(varies) if v}

    def _join(self, node: Node, outputs: list[Node]) -> None:
        if isinstance(node.type, Struct):
            self._set_parts(
                node,
                [
                    any(self.varies_part(o, i) for o in outputs if o.__class__ is not Constant)
                    for i in range(len(node.type.items))
                ],
            )
        elif any(map(self.varies, outputs)):
            self._whole.add(node)

    def _loop(self, node: Apply) -> Task:
        (body,) = node.graphs
        first = 1 if node.fn.name == "for_loop" else 0
        params, init = body.params[first:], node.args[first:]
        state = state_of(body, node.fn.name)
        moving = {i for i, a in enumerate(init) if self.varies(a) and tangent_type(a.type) is not None}
        while True:
            for i in moving:
                self._whole.add(params[i])
            yield self._graph(body)
            more = {i for i, s in enumerate(state) if self.varies(s) and tangent_type(s.type) is not None} - moving
            if not more:
                break
            moving |= more
        if len(init) == 1:
            if moving and not isinstance(node.type, Struct):
                self._whole.add(node)
            elif moving:
                self._parts[node] = set(range(len(node.type.items)))  # type: ignore[attr-defined]
        else:
            self._parts[node] = moving
