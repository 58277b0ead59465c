"""The sparse Jacobian of trips that repeat, from the partials that one compiled loop computes.

Where they stand depends on sizes and integers only: for calls that have these alike, rows, columns and the order of the
partials in the matrix are computed once. Of numbers written at one place the last counts, and what is added after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irad.graph.nodes import Module
from irad.optimize.elements import size
from irad.sparsity.blocks import Layout, Repeated
from irad.sparsity.sums import Sums, sums
from irad.types import Array, Scalar, Type

__all__ = ["Blocks"]


class Blocks:
    """The data of the Jacobian of each output in each parameter. `compiled` makes the functions of modules."""

    def __init__(self, found: Repeated, compiled: Callable[[Module], Callable[..., Any]]) -> None:
        self.found, self.values, self.rows_and_columns = found, compiled(found.values), compiled(found.places)
        self.inputs = [_size(p.type) for p in found.values.entry.params]
        self.outputs = [_size(t) for t in found.types]

    def placed(self, leaves: Sequence[Any]) -> dict[tuple[int, int], Placed]:
        """Where the partials stand, by output and parameter, for arguments with these integers: rows and columns, and which of
        the partials of this matrix they are."""
        found: list[tuple[Layout, Any, Any]] = []  # with the rows and columns of what its trips write and read
        feed = iter(self.rows_and_columns(*leaves))
        none = np.zeros((0, 0), np.int64)
        for layouts, inputs in zip(self.found.loops, self.found.columns, strict=True):
            columns = next(feed) if inputs else none
            found += [(layout, next(feed) if layout.adds else none, columns) for layout in layouts]
        count = [0] * len(self.outputs)  # the numbers written so far
        last = [np.full(n, -1) for n in self.outputs]  # the last that was not added
        ids: dict[int, Any] = {}  # of the numbers of each layout, in the order of writing
        for n in sorted(range(len(found)), key=lambda n: found[n][0].rank):
            layout, rows, _ = found[n]
            i, sets = layout.leaf, ~np.array(layout.adds, bool)
            ids[n] = count[i] + np.arange(rows.size).reshape(rows.shape)
            count[i] += rows.size
            np.maximum.at(last[i], rows[:, sets], ids[n][:, sets])
        parts: dict[tuple[int, int], list[Any]] = {(i, k): [] for i in range(len(self.outputs)) for k in self.found.wrt}
        for n, (layout, rows, columns) in enumerate(found):
            for k, pairs in layout.entries.items():
                written, read = np.array(pairs).T
                parts[layout.leaf, k].append([x.ravel() for x in (rows[:, written], columns[:, read], ids[n][:, written])])
        return {(i, k): _alive(part, last[i]) for (i, k), part in parts.items()}

    def sums(self, leaves: Sequence[Any]) -> list[Sums]:
        """The matrices of each output in each parameter, as sums of their partials."""
        placed = self.placed(leaves)
        return [sums((self.outputs[i], self.inputs[k]), *found) for (i, k), found in placed.items()]

    def partials(self, leaves: Sequence[Any]) -> list[Any]:
        """The partials of each matrix, in one line."""
        found: dict[tuple[int, int], list[Any]] = {(i, k): [] for i in range(len(self.outputs)) for k in self.found.wrt}
        feed = iter(self.values(*leaves))
        for layout in (layout for layouts in self.found.loops for layout in layouts):
            for k in layout.entries:
                found[layout.leaf, k].append(next(feed).reshape(-1))
        return [_line(parts, _dtype(self.found.types[i])) for (i, _), parts in found.items()]


Placed = tuple[Any, Any, Any]  # rows, columns, which


def _alive(parts: Sequence[Any], last: Any) -> Placed:
    """The partials that nothing is written over, of parts with rows, columns, and places in the order of writing."""
    if not parts:
        return (np.zeros(0, np.int64),) * 3
    rows, columns, ids = (np.concatenate(xs) for xs in zip(*parts, strict=True))
    which = np.flatnonzero(ids >= last[rows])
    return rows[which], columns[which], which


def _line(parts: Sequence[Any], dtype: Any) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, dtype)


def _size(t: Type) -> int:
    return size(t) if isinstance(t, Array) else 1


def _dtype(t: Type) -> Any:
    scalar = t.dtype if isinstance(t, Array) else t
    assert isinstance(scalar, Scalar)
    return scalar.dtype
