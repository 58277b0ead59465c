"""Checks of indices in LLVM text: an element or a block of an array is inside it, or the call fails with IndexError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irad.backends.llvm.runtime import FROM_END

from irad.graph.nodes import Constant, Node

__all__ = ["check_axis", "check_block", "check_bounds"]


def check_bounds(e: Any, nodes: Sequence[Node], index: Sequence[str], dims: Sequence[str]) -> None:
    """IndexError where an index is out of bounds. In derivatives too: the operation that they belong to may be dropped."""
    for axis, (n, i, d) in enumerate(zip(nodes, index, dims, strict=True)):
        check_axis(e, axis, n, i, d)


def check_axis(e: Any, axis: int, n: Node, i: str, d: str) -> None:
    if not e.below(n, d):
        bad = e.emit(f"icmp uge i64 {i}, {d}")
        message = f"index {{0}} is out of bounds for axis {axis} with size {{1}}"
        e.fail_if(bad, "IndexError", message, [(n, i), (n, d)], kinds=FROM_END + "i")


def check_block(e: Any, starts: Sequence[Node], counts: Sequence[str], steps: Sequence[int], dims: Sequence[str]) -> None:
    """IndexError where a block reaches outside an array, along the axes where the number of its elements is known: an index
    that is an integer makes a block of one. A number that is not known comes from a slice, whose bounds were clipped."""
    for axis, (n, count, step, d) in enumerate(zip(starts, counts, steps, dims, strict=True)):
        if count == "1":
            check_axis(e, axis, n, e.one(n), d)
        elif count.isdigit() and count != "0":
            way = step * (int(count) - 1)
            if isinstance(n, Constant) and d.isdigit() and all(0 <= i < int(d) for i in (n.value, n.value + way)):
                continue
            first = e.one(n)
            last = e.emit(f"add i64 {first}, {(way + 2**63) % 2**64 - 2**63}")
            bad = e.emit(f"or i1 {e.emit(f'icmp uge i64 {first}, {d}')}, {e.emit(f'icmp uge i64 {last}, {d}')}")
            message = f"{count} elements from {{0}}, {step} apart, are not within {{1}}"
            e.fail_if(bad, "IndexError", message, [(n, first), (n, d)])
