"""What is read where in a function graph, tuples looked through, and which indices NumPy counts from the end itself."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm.ownership import UPDATES

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import nested_graphs
from irad.types import Array

__all__ = ["PLUMBING", "Survey"]

PLUMBING = frozenset({"make_tuple", "make_record", "getitem"})


class Survey:
    """uses: the graphs that read a value, or a part of one. parts_read: the parts that are. same_index: a node that only
    counts an index from the end, and the index. names_read: the user's names of parts of results."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.uses: dict[tuple[Node, tuple[int, ...]], list[Graph]] = {}
        self.parts_read: dict[Node, set[tuple[int, ...]]] = {}
        self.same_index: dict[Node, Node] = {}
        self.names_read: dict[tuple[Node, tuple[int, ...]], str] = {}
        self.left: set[Node] = set()  # values that are outputs of graphs
        self.becomes: dict[Node, str] = {}  # the name of what an object is at the end of all writes
        self.look()

    def look(self) -> None:
        """Count the uses of each value, tuples looked through, and find indices that NumPy counts from the end itself."""
        graphs = nested_graphs(self.graph)
        places: dict[Node, list[tuple[Apply, int]]] = {}
        for g in graphs:
            for node in g.body:
                for k, a in enumerate(node.args):
                    places.setdefault(a, []).append((node, k))
        for g in graphs:
            for node in reversed(g.body):
                name = node.name or self.becomes.get(node)
                if node.fn.name in UPDATES and name is not None:
                    self.becomes.setdefault(node.args[0], name)
            for node in g.body:
                i = _counted_from_end(node)
                if i is not None and node in places and all(_is_index(n, k, i[1]) for n, k in places[node]):
                    if all(node not in slots_of_output(h) for h in graphs):
                        self.same_index[node] = i[0]
        for g in graphs:
            for node in g.body:
                if node.fn.name == "getitem" and node.name:
                    self.note_name(node)
                if node.fn.name not in PLUMBING and node not in self.same_index:
                    for a in node.args:
                        self.use(self.same_index.get(a, a), g)
            self.use(g.output, g, self.left)

    def use(self, node: Node, g: Graph, note: set[Node] | None = None) -> None:
        node = self.same_index.get(node, node)
        todo: list[tuple[Node, tuple[int, ...]]] = [(node, ())]
        while todo:
            x, path = todo.pop()
            while x.__class__ is Apply and x.fn.name == "getitem":
                x, path = x.args[0], (x.static[0], *path)  # type: ignore[attr-defined]
            if x.__class__ is Apply and x.fn.name in ("make_tuple", "make_record"):
                args = x.args
                if path:
                    todo.append((args[path[0]], path[1:]))
                else:
                    todo.extend((a, ()) for a in args)
            elif x.__class__ is not Constant:
                self.uses.setdefault((x, path), []).append(g)
                self.parts_read.setdefault(x, set()).add(path)
                if note is not None:
                    note.add(x)

    def note_name(self, node: Apply) -> None:
        x: Any = node
        path: tuple[int, ...] = ()
        while x.__class__ is Apply and x.fn.name == "getitem":
            x, path = x.args[0], (x.static[0], *path)
        self.names_read[x, path] = node.name  # type: ignore[assignment]

    def used_part(self, node: Node, path: tuple[int, ...]) -> bool:
        """Whether the part of a value at a path is read, or what it is part of, or a part of it."""
        return any(p[: len(path)] == path or path[: len(p)] == p for p in self.parts_read.get(node, ()))


def _counted_from_end(node: Apply) -> tuple[Node, Any] | None:
    """(i, n) of `i + n if i < 0 else i`, as NumPy itself reads an index of an axis of size n."""
    if node.fn.name != "select":
        return None
    test, moved, i = node.args
    if not (isinstance(test, Apply) and isinstance(moved, Apply) and test.fn.name == "lt" and moved.fn.name == "add"):
        return None
    zero = test.args[1]
    if test.args[0] is not i or zero.__class__ is not Constant or zero.value != 0 or i not in moved.args:
        return None
    n = moved.args[1] if moved.args[0] is i else moved.args[0]
    if n.__class__ is Constant:
        return i, n.value
    return None


def _is_index(node: Apply, k: int, n: int) -> bool:
    """Whether operand k is an index of an axis of size n."""
    first = {"index": 1, "index_update": 2, "index_add": 2}.get(node.fn.name)
    t = node.args[0].type if node.args else None
    return first is not None and k >= first and isinstance(t, Array) and t.shape[k - first] == n


def slots_of_output(g: Graph) -> set[Node]:
    return {g.output}
