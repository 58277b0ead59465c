"""Where new arrays lie that need no block: small results in arrays that the caller has made, small arrays that one graph makes,
reads and drops in the frame of its function.

Such an array looks like an argument: it has no block, so who wants to keep it retains nothing, and who wants to write to it
copies it. That is right for results, whose memory outlives the program; the others are never kept (`Plan.local`).

A block that a kernel makes only for it to be put into a new array is made there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from irad.backends.llvm.layout import SCALAR, SIZE, flat, item_layout
from irad.backends.llvm.ownership import Plan, Ref, canonical

from irad.graph.nodes import Apply, Graph, Node
from irad.nests.blocks import Block, Users, blocks_above, covers, users_in
from irad.nests.statements import PUTS
from irad.types import Array, leaves

__all__ = ["GIVEN", "Within", "destination", "given_results", "put_together"]

GIVEN = 16 << 10  # bytes below which the memory of a result is given: above, it keeps its block
ON_FRAME, FRAME = 2048, 8192  # bytes of an array in a frame, and of all of them
MAKERS = frozenset({"fused", "zeros", "array", "iota", "matmul", "contract"})  # they ask for a destination
KEEPERS = frozenset({"index_update", "index_add", "slice_update", "slice_add"})  # they write to what they are given


def nbytes(t: Array) -> int | None:
    """The bytes of an array whose size is known."""
    if not all(isinstance(d, int) for d in t.shape):
        return None
    return math.prod(d for d in t.shape if isinstance(d, int)) * SIZE[SCALAR[str(t.dtype)]]


def given_results(graph: Graph, p: Plan) -> dict[Ref, int]:
    """The arrays that are made where the caller wants results: which operand of the output each becomes."""
    found: dict[Ref, int] = {}
    place = 0
    for t in leaves(graph.output.type):
        if isinstance(t, Array) and (n := nbytes(t)) is not None and n < GIVEN:
            made = _maker(graph, graph.output, place + 1, p)
            if made is not None:
                found.setdefault(made, place)
        place += len(flat(t))
    return found


def _maker(graph: Graph, node: Node, operand: int, p: Plan) -> Ref | None:
    """The operation that makes what becomes an operand, if it is one of this graph that can be told where to."""
    r = canonical(node, operand)
    while isinstance(r[0], Apply) and r[0].graph is graph:
        name = r[0].fn.name
        if name in MAKERS:
            return r
        before = r[0].args[0] if name in KEEPERS or name == "reshape" else None
        if before is None or (name in KEEPERS and before not in p.alone):
            return None
        r = canonical(before, 1)
    return None


@dataclass(slots=True)
class Within:
    """Arrays that are made of blocks: `filled`, those all of whose elements are; `places`, blocks that are made where they
    belong, so many elements from the start of which array."""

    filled: set[Node] = field(default_factory=set)
    places: dict[Ref, tuple[Apply, int]] = field(default_factory=dict)


def put_together(graph: Graph, p: Plan, found: Within) -> None:
    """Find the arrays of a graph that are made of blocks."""
    if not any(n.fn.name in PUTS for n in graph.body):
        return
    users = users_in(graph)
    at = {n: i for i, n in enumerate(graph.body)}
    for node in graph.body:
        if node.fn.name != "zeros":
            continue
        blocks = blocks_above(node, users)
        if not covers(blocks, node):
            continue
        found.filled.add(node)
        if not all(b.put.args[0] in p.alone for b in blocks):
            continue
        row = math.prod(node.type.static_shape[1:])  # type: ignore[attr-defined]
        for b in blocks:
            r = _made_for(b, blocks, users)
            if r is not None and at.get(r[0], -1) > at[node]:  # type: ignore[call-overload]
                found.places[r] = node, b.first * row


def _made_for(b: Block, blocks: Sequence[Block], users: Users) -> Ref | None:
    """What a kernel makes for a block alone that no other block meets."""
    if b.adds or any(c is not b and c.meets(b.first, b.stop) for c in blocks):
        return None
    r = canonical(b.value, 1)
    maker = r[0]
    if not isinstance(maker, Apply) or maker.fn.name != "fused" or maker.graph is not b.put.graph:
        return None
    shared = [n for n in (maker, *users.get(maker, ())) if n.graph is maker.graph and canonical(n, 1) == r]
    return r if all(users.get(n) == [b.put] or n is maker is not b.value for n in shared) else None


def destination(e: Any, node: Apply, operand: int, t: Array, dims: Sequence[str]) -> str | None:
    """Where the elements of a new array belong that an operation makes; None where it needs a block."""
    if not all(d.isdigit() for d in dims):
        return None
    size = math.prod(map(int, dims)) * SIZE[SCALAR[str(t.dtype)]]
    if (node, operand) in e.within.places:
        array, first = e.within.places[node, operand]
        e.note(f"{size} bytes of the array that it is a part of")
        return str(e.address(e.get(array)[0], first * SIZE[SCALAR[str(t.dtype)]]))
    given = e.given.pop((node, operand), None)
    if given is not None:
        e.note(f"a new array, {size} bytes, in the result")
        fields, _ = item_layout(e.graph.result)
        e.taken[given] = data = str(e.load("ptr", "%out", fields[given].offset))
        return data
    if (node, operand) not in e.local or e.graph in e.m.recursive:
        return None
    if size > ON_FRAME or e.frame_bytes + size > FRAME:
        return None
    e.frame_bytes += size
    e.note(f"a new array, {size} bytes, on the stack")
    return str(e.in_frame("array", f"[{max(size, 1)} x i8]", 64))
