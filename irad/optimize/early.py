"""Functions of the C library stand before the arithmetic between them.

    s = sin(x); a = s * w; b = a + v; c = cos(y); d = b * c      =>      s = sin(x); c = cos(y); a = s * w; ...

A call keeps no vector register, so all numbers that live across it go to memory and back: of calls that stand together only
their results do. What they need moves with them; nothing that may fail passes something else that may, nor an effect.
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import Task, all_graphs
from irad.optimize.rebuild import Rebuild
from irad.primitives.scalar import FUNCTION_COST
from irad.types import Scalar

__all__ = ["call_early"]

MOST = 64  # calls that are moved together: their results live long


def call_early(module: Module) -> Module:
    """The module with its calls where they cost least."""
    orders = {g: order for g in all_graphs(module) if (order := _order(g)) is not None}
    return _Early(module, orders).run() if orders else module


def _order(graph: Graph) -> list[Apply] | None:
    """The operations of a graph in their new order; None where it is the old one."""
    if sum(map(_is_call, graph.body)) < 2:
        return None
    out: list[Apply] = []
    part: list[Apply] = []
    for node in graph.body:
        if node.graphs or node.fn.order == "effect":
            out += [*_reordered(part), node]
            part = []
        else:
            part.append(node)
    out += _reordered(part)
    return out if out != graph.body else None


def _is_call(node: Apply) -> bool:
    return isinstance(node.type, Scalar) and node.fn.order == "total" and node.fn.cost >= FUNCTION_COST


def _reordered(part: list[Apply]) -> list[Apply]:
    calls = [n for n in part if _is_call(n)]
    if not 2 <= len(calls) <= MOST:
        return part
    free = _free(part)
    early: set[Node] = set()
    fails = False  # whether something that may fail moves: what may fail before it does, too
    for node in reversed(part):
        checked = node.fn.order == "checked"
        if node in free and (node in early or _is_call(node) or (checked and fails)):
            early.add(node)
            early.update(node.args)
            fails = fails or checked
    return [n for n in part if n in early] + [n for n in part if n not in early]


def _free(part: list[Apply]) -> set[Node]:
    """The numbers that can be had first: of nothing but such numbers and what is there before."""
    here: set[Node] = set(part)
    free: set[Node] = set()
    stuck = False  # whether something that may fail stays
    for node in part:
        checked = node.fn.order == "checked"
        simple = isinstance(node.type, Scalar) and not (checked and (stuck or node.fn.name != "index"))
        if simple and all(a in free or a not in here for a in node.args):
            free.add(node)
        else:
            stuck = stuck or checked
    return free


class _Early(Rebuild):
    def __init__(self, module: Module, orders: dict[Graph, list[Apply]]) -> None:
        super().__init__(module)
        self.orders = orders

    def body(self, old: Graph) -> Task:
        order = self.orders.get(old)
        if order is None:
            yield from super().body(old)
            return
        for node in order:
            self.b.span = self.place(node)
            if node.graphs:
                yield self.control(node)
            else:
                self.plain(node)
