"""Where new arrays lie that need no block: small results in arrays that the caller has made, small arrays that one graph makes,
reads and drops in the frame of its function.

Such an array looks like an argument: it has no block, so who wants to keep it retains nothing, and who wants to write to it
copies it. That is right for results, whose memory outlives the program; the others are never kept (`Plan.local`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from irad.backends.llvm.layout import SCALAR, SIZE, flat, item_layout
from irad.backends.llvm.ownership import Plan, Ref, canonical

from irad.graph.nodes import Apply, Graph, Node
from irad.types import Array, leaves

__all__ = ["GIVEN", "destination", "given_results"]

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


def destination(e: Any, node: Apply, operand: int, t: Array, dims: Sequence[str]) -> str | None:
    """Where the elements of a new array belong that an operation makes; None where it needs a block."""
    if not all(d.isdigit() for d in dims):
        return None
    size = math.prod(map(int, dims)) * SIZE[SCALAR[str(t.dtype)]]
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
