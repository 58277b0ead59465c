"""Blocks that are put into an array one after the other, along its first axis.

%1 = zeros(of=f64[9]); %2 = slice_update(%1, %a, 0); %3 = slice_update(%2, %b, 4)      blocks [0, 4) and [4, 9) of %1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import captured
from irad.nests.statements import PUTS
from irad.types import Array

__all__ = ["Block", "Users", "block_of", "blocks_above", "covers", "users_in"]

Users = Mapping[Node, list[Apply]]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows first to stop of an array, where `put` puts or adds what it is given."""

    put: Apply
    first: int
    stop: int

    @property
    def value(self) -> Node:
        return self.put.args[1]

    @property
    def adds(self) -> bool:
        return self.put.fn.name == "slice_add"

    def meets(self, first: int, stop: int) -> bool:
        return self.first < stop and first < self.stop


def block_of(put: Node) -> Block | None:
    """The rows that an operation puts, if it puts whole rows whose places are known."""
    if not isinstance(put, Apply) or put.fn.name not in PUTS:
        return None
    x, v, *starts = put.args
    t, u = x.type, v.type
    assert isinstance(t, Array) and isinstance(u, Array)
    if not all(isinstance(d, int) for d in (*t.shape, *u.shape)) or set(put.static[0]) != {1} or t.shape[1:] != u.shape[1:]:
        return None
    if not all(isinstance(a, Constant) for a in starts) or any(a.value for a in starts[1:]):  # type: ignore[attr-defined]
        return None
    first: int = starts[0].value  # type: ignore[attr-defined]
    rows, size = t.shape[0], u.shape[0]
    assert isinstance(rows, int) and isinstance(size, int)
    return Block(put, first, first + size) if 0 <= first < first + size <= rows else None


def users_in(graph: Graph) -> Users:
    """The operations of a graph that read each value, those around graphs that do among them; the output is read by nobody."""
    found: dict[Node, list[Apply]] = {}
    for node in graph.body:
        inner = [x for g in node.graphs if node.fn.name != "call" for x in captured(g)]
        for a in dict.fromkeys((*node.args, *inner)):
            found.setdefault(a, []).append(node)
    return found


def blocks_above(array: Apply, users: Users) -> list[Block]:
    """The blocks that are put into an array, each by what alone reads the array before; none other of its graph reads it."""
    found: list[Block] = []
    node: Node = array
    graph = array.graph
    assert graph is not None
    while node is not graph.output and len(readers := users.get(node, [])) == 1:
        b = block_of(readers[0])
        if b is None or b.put.args[0] is not node or b.value is node:
            break
        found.append(b)
        node = b.put
    return found


def covers(blocks: Sequence[Block], array: Node) -> bool:
    """Whether all rows of an array, so many as are known, are among the blocks, and none is added to before it is put."""
    if not blocks:
        return False
    kept: list[Block] = []
    for b in blocks:
        if not b.adds:
            kept.append(b)
        elif not _all_in(b.first, b.stop, kept):
            return False
    return _all_in(0, array.type.shape[0], kept)  # type: ignore[attr-defined]


def _all_in(first: int, stop: int, blocks: Iterable[Block]) -> bool:
    for b in sorted(blocks, key=lambda b: b.first):
        if b.first <= first < b.stop:
            first = b.stop
    return first >= stop
