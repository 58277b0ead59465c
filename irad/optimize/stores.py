"""Elements of cotangents that are written more than once in a row.

    %v = index(%ct, %i);                                    %v = index(%ct, %i);
    %1 = index_update(%ct, 0.0, %i);                 =>     ... and %ct stands for %2
    %2 = index_add(%1, %v, %i);

What is written again before anything else is read is not written, and an element that gets the value it has stays as it is.
An array of zeros that a loop adds to, each trip to an element of its own, is written instead.
"""

from __future__ import annotations

from collections.abc import Callable

from irad.graph.nodes import Apply, Module, Node
from irad.graph.walk import all_graphs
from irad.nests.trips import own_places
from irad.optimize.demand import state_of
from irad.optimize.rebuild import Rebuild
from irad.primitives.table import REGISTRY

__all__ = ["leave_out_stores"]

WRITES = frozenset({"index_update", "index_add"})


def leave_out_stores(module: Module) -> Module:
    """The module with each element written once where that is known; the same module where nothing is left out."""
    users: dict[Node, list[Apply]] = {}
    outputs = {g.output for g in all_graphs(module)}
    for g in all_graphs(module):
        for node in g.body:
            for a in dict.fromkeys(node.args):
                users.setdefault(a, []).append(node)
    nodes = [n for g in all_graphs(module) for n in g.body]
    again = {n for n in nodes if n.fn.name in WRITES and n.adjoint and n not in outputs and _written_again(n, users.get(n, []))}
    idle = any(n.fn.name == "index_update" and n.adjoint and _is_idle(n.args) for n in nodes)
    first = {n for loop in nodes if loop.fn.name == "for_loop" for n in _first_writes(loop, users)}
    return _Stores(module, again, first).run() if again or first or idle else module


def _is_idle(args: tuple[Node, ...]) -> bool:
    """Whether what is written to an element is its value."""
    x, v, *where = args
    return isinstance(v, Apply) and v.fn.name == "index" and v.args == (x, *where)


def _written_again(node: Apply, users: list[Apply]) -> bool:
    """Whether the next write is to the same element, and only that element is read before."""

    def is_same(n: Apply) -> bool:
        where = n.args[1:] if n.fn.name == "index" else n.args[2:] if n.fn.name in WRITES else ()
        return n.graph is node.graph and n.adjoint and n.args[0] is node and where == node.args[2:]

    return sum(n.fn.name in WRITES for n in users) == 1 and all(map(is_same, users))


def _first_writes(loop: Apply, users: dict[Node, list[Apply]]) -> list[Apply]:
    """The additions of a loop that are the first to their elements, which are zero."""
    (body,) = loop.graphs
    found = []
    for k, s in enumerate(state_of(body, "for_loop")):
        p, zeros = body.params[1 + k], loop.args[1 + k]
        if (
            isinstance(s, Apply)
            and s.fn.name == "index_add"
            and s.adjoint
            and s.graph is body
            and s.args[0] is p
            and users.get(p) == [s]
            and isinstance(zeros, Apply)
            and zeros.fn.name == "zeros"
            and own_places(loop, s.args[2:], p.type)  # type: ignore[arg-type]
        ):
            found.append(s)
    return found


class _Stores(Rebuild):
    def __init__(self, module: Module, again: set[Apply], first: set[Apply]) -> None:
        super().__init__(module)
        self.again, self.first = again, first
        self.pending: dict[Node, tuple[Node, Callable[[], Node]]] = {}  # the array before; the value of the element

    def plain(self, node: Apply) -> None:
        b, name = self.b, node.fn.name
        b.adjoint = node.adjoint
        if node in self.first:
            self.written(node, b.index_update(*map(self.get, node.args)))
            return
        if name == "index" and node.args[0] in self.pending:
            self.bind(node, self.value_of(node.args[0]))
            return
        if name not in WRITES or not node.adjoint:
            super().plain(node)
            return
        x, v, *where = node.args
        value, place = self.get(v), [self.get(i) for i in where]
        if x in self.pending:
            array = self.pending[x][0]
            value = value if name == "index_update" else b.add(self.value_of(x), value)
            name = "index_update"
        else:
            array = self.get(x)
        if node in self.again:
            added = name == "index_add"
            self.pending[node] = (array, lambda: b.add(b.index(array, *place), value) if added else value)
        elif name == "index_update" and _is_idle((array, value, *place)):
            self.bind(node, array)
        else:
            self.written(node, b.apply(REGISTRY[name], (array, value, *place)))

    def written(self, node: Apply, new: Node) -> None:
        new.name = new.name or node.name
        self.bind(node, new)

    def value_of(self, node: Node) -> Node:
        """The value of the element that a write which is left out would have written."""
        array, make = self.pending[node]
        value = make()
        self.pending[node] = (array, lambda: value)
        return value
