"""The sparse Jacobian of trips that repeat, from the partials that one compiled loop computes.

Where they stand depends on sizes and integers only: for calls that have these alike, rows, columns and the order of the
partials in the matrix are computed once. Of numbers written at one place the last counts, and what is added after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irad.graph.nodes import Module
from irad.optimize.elements import size
from irad.sparsity.blocks import Repeated
from irad.types import Array, Scalar, Type

__all__ = ["Blocks", "Places"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the partials of one matrix stand in CSR. `taken`: which of them, in the matrix's order, None for all as they are;
    `starts`: of those, where each entry's begin, None where each is one."""

    shape: tuple[int, int]
    indptr: Any
    indices: Any
    taken: Any
    starts: Any

    def data(self, partials: Sequence[Any], dtype: Any) -> Any:
        flat = [p.reshape(-1) for p in partials]
        data = flat[0] if len(flat) == 1 else np.concatenate(flat) if flat else np.zeros(0, dtype)
        if self.taken is not None:
            data = data[self.taken]
        return data if self.starts is None else np.add.reduceat(data, self.starts)


class Blocks:
    """The data of the Jacobian of each output in each parameter. `compiled` makes the functions of modules."""

    def __init__(self, found: Repeated, compiled: Callable[[Module], Callable[..., Any]]) -> None:
        self.found, self.values, self.rows_and_columns = found, compiled(found.values), compiled(found.places)
        self.inputs = [_size(p.type) for p in found.values.entry.params]
        self.outputs = [_size(t) for t in found.types]

    def places(self, leaves: Sequence[Any]) -> dict[tuple[int, int], Places]:
        """Where the partials stand, by output and parameter, for arguments with these integers."""
        parts: dict[tuple[int, int], list[Any]] = {(i, k): [] for i in range(len(self.outputs)) for k in self.found.wrt}
        count = [0] * len(self.outputs)  # the numbers written so far, over all loops
        last = [np.full(n, -1) for n in self.outputs]  # the last that was not added
        feed = iter(self.rows_and_columns(*leaves))
        for layouts, inputs in zip(self.found.loops, self.found.columns, strict=True):
            columns = next(feed) if inputs else np.zeros((0, 0), np.int64)
            for layout in layouts:
                i = layout.leaf
                rows = next(feed) if layout.adds else np.zeros((0, 0), np.int64)
                ids = count[i] + np.arange(rows.size).reshape(rows.shape)
                count[i] += rows.size
                sets = ~np.array(layout.adds, bool)
                np.maximum.at(last[i], rows[:, sets], ids[:, sets])
                for k, pairs in layout.entries.items():
                    written, read = np.array(pairs).T
                    parts[i, k].append([x.ravel() for x in (rows[:, written], columns[:, read], ids[:, written])])
        return {(i, k): _placed((self.outputs[i], self.inputs[k]), found, last[i]) for (i, k), found in parts.items()}

    def data(self, places: dict[tuple[int, int], Places], leaves: Sequence[Any]) -> list[Any]:
        """The data of the matrices, in the order of `places`."""
        partials: dict[tuple[int, int], list[Any]] = {place: [] for place in places}
        feed = iter(self.values(*leaves))
        for layout in (layout for layouts in self.found.loops for layout in layouts):
            for k in layout.entries:
                partials[layout.leaf, k].append(next(feed))
        return [p.data(partials[i, k], _dtype(self.found.types[i])) for (i, k), p in places.items()]


def _placed(shape: tuple[int, int], parts: Sequence[Any], last: Any) -> Places:
    """Where partials stand whose rows, columns, and places in the order of writing are given."""
    if not parts:
        parts = [[np.zeros(0, np.int64)] * 3]
    rows, columns, ids = (np.concatenate(xs) for xs in zip(*parts, strict=True))
    alive = ids >= last[rows]
    taken = None if alive.all() else np.flatnonzero(alive)
    if taken is not None:
        rows, columns = rows[taken], columns[taken]
    places = rows * shape[1] + columns  # below 2**63: no matrix has more
    steps = np.diff(places)
    starts = None
    if not (steps > 0).all():
        order = np.argsort(places, kind="stable")
        taken = order if taken is None else taken[order]
        rows, columns = rows[order], columns[order]
        new = np.diff(places[order], prepend=-1) > 0
        if not new.all():
            starts = np.flatnonzero(new)
            rows, columns = rows[starts], columns[starts]
    index = np.int32 if max(*shape, len(rows)) < 2**31 else np.int64
    indptr = np.zeros(shape[0] + 1, index)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    columns = columns.astype(index)
    indptr.flags.writeable = columns.flags.writeable = False  # they are those of all matrices
    return Places(shape, indptr, columns, taken, starts)


def _size(t: Type) -> int:
    return size(t) if isinstance(t, Array) else 1


def _dtype(t: Type) -> Any:
    scalar = t.dtype if isinstance(t, Array) else t
    assert isinstance(scalar, Scalar)
    return scalar.dtype
