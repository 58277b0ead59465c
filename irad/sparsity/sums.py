"""CSR matrices of which each entry is the sum of values that a program computes somewhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Sums", "sums"]

FEW = 4  # values of an entry that are added one after the other


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows and columns of a matrix, and where its values are. `taken`: the first value of each entry, None where the first
    values are the data as they are; `more`: entries that have another, and it. Where some have many, `starts` says where those
    of each entry begin in `taken`. Nobody may write to the index arrays: all matrices of a kind share them."""

    shape: tuple[int, int]
    indptr: Any
    indices: Any
    taken: Any
    more: list[tuple[Any, Any]]
    starts: Any

    def data(self, values: Any) -> Any:
        """The matrix's data, from the values in one line."""
        if self.taken is None:
            return values[: len(self.indices)]  # the rest is in no entry
        data = np.take(values, self.taken)
        for entries, others in self.more:
            data[entries] += np.take(values, others)
        return data if self.starts is None else np.add.reduceat(data, self.starts)


def sums(shape: tuple[int, int], rows: Any, columns: Any, which: Any, *, symmetric: bool = False) -> Sums:
    """The matrix that has at (rows[k], columns[k]) value which[k]; values at one place are added up. Of a symmetric matrix
    those below the diagonal are left out: both halves are made of those above."""
    if symmetric:
        half = rows <= columns
        rows, columns, which = rows[half], columns[half], which[half]
        off = rows < columns
        rows, columns = np.concatenate([rows, columns[off]]), np.concatenate([columns, rows[off]])
        which = np.concatenate([which, which[off]])
    places = rows * shape[1] + columns  # below 2**63: no matrix has more
    if not (np.diff(places) > 0).all():
        order = np.argsort(places, kind="stable")
        places, rows, columns, which = places[order], rows[order], columns[order], which[order]
    new = np.diff(places, prepend=-1) > 0
    first = np.flatnonzero(new)
    rows, columns = rows[first], columns[first]
    index = np.int32 if max(*shape, len(rows)) < 2**31 else np.int64
    indptr = np.zeros(shape[0] + 1, index)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    columns = columns.astype(index)
    indptr.flags.writeable = columns.flags.writeable = False
    if len(first) == len(which):
        plain = np.array_equal(which, np.arange(len(which)))
        return Sums(shape, indptr, columns, None if plain else which, [], None)
    count = np.diff(np.append(first, len(which)))
    if count.max() > FEW:
        return Sums(shape, indptr, columns, which, [], first)
    more = [(at := np.flatnonzero(count > k), which[first[at] + k]) for k in range(1, int(count.max()))]
    return Sums(shape, indptr, columns, which[first], more, None)
