"""Sets of columns, one a row: boolean CSR matrices. None stands for rows that are all empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack

__all__ = ["Rows", "empty", "gathered", "grouped", "joined", "made", "of_places", "same", "stacked", "unit"]

Rows = Any  # csr_array of truth values, sorted and without duplicates, or None


def made(indptr: Any, indices: Any, shape: tuple[int, int]) -> Rows:
    return csr_array((np.ones(len(indices), bool), indices, indptr), shape=shape)


def empty(count: int, columns: int) -> Rows:
    return made(np.zeros(count + 1, np.int32), np.zeros(0, np.int32), (count, columns))


def of_places(rows: Any, columns: Any, shape: tuple[int, int]) -> Rows:
    """The matrix with entries at these places, which may be named more than once."""
    out = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=shape).tocsr()
    out.sort_indices()
    return out


def unit(count: int, first: int, columns: int) -> Rows:
    """Row i is {first + i}."""
    return made(np.arange(count + 1, dtype=np.int32), np.arange(first, first + count, dtype=np.int32), (count, columns))


def joined(*sets: Rows) -> Rows:
    """The union, row by row."""
    found = list({id(r): r for r in sets if r is not None}.values())
    out = found[0] if found else None
    for r in found[1:]:
        out = out + r
    return out


def gathered(rows: Rows, places: Any) -> Rows:
    """Rows at these places, in their order."""
    return None if rows is None else rows[places]


def grouped(rows: Rows, groups: Any, count: int) -> Rows:
    """Row g is the union of all rows i with groups[i] == g."""
    if rows is None:
        return None
    if count == 1:
        found = np.unique(rows.indices).astype(np.int32)
        return made(np.array([0, len(found)], np.int32), found, (1, rows.shape[1]))
    places = np.arange(len(groups), dtype=np.int32)
    choose = csr_array((np.ones(len(groups), bool), (np.asarray(groups, np.int32), places)), shape=(count, len(groups)))
    out = choose @ rows
    out.sort_indices()
    return out


def stacked(parts: Sequence[tuple[Rows, int]], columns: int) -> Rows:
    """Rows under each other; each with how many they are."""
    if all(r is None for r, _ in parts):
        return None
    if len(parts) == 1:
        return parts[0][0]
    return vstack([empty(n, columns) if r is None else r for r, n in parts], format="csr")


def same(a: Rows, b: Rows) -> bool:
    """Whether two are equal, where a is a part of b."""
    return (0 if a is None else a.nnz) == (0 if b is None else b.nnz)
