"""Which columns are computed together.

Two columns without a row in common are computed along one direction, so the columns are coloured such that two with a row in
common differ (Curtis, Powell and Reid, 1974; Coleman and Moré, 1983). Of a symmetric matrix each entry is needed once, at
either of its two places: there a star colouring is enough, in which neighbours differ and each path of four has three colours
(Coleman and Moré, 1984). All are found greedily (Gebremedhin, Manne and Pothen, 2005, "What color is your Jacobian?"). The
loops are plain functions for whoever calls them to compile: `run(f, *arrays)` is f(*arrays).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irad.sparsity.rows import Rows, of_places

__all__ = ["columns_apart", "star"]

Run = Callable[..., Any]
FEW_NEIGHBOURS = 64  # of a vertex that gets no colour of its own
MOST_PATHS = 300_000_000  # that are looked at for a star colouring; of more, columns without a row in common are as good
MANY = 16.0  # times as many neighbours as others have on average: such a vertex gets a colour of its own


def columns_apart(pattern: Rows, run: Run) -> Any:
    """A colour for each column; those of one colour have no row in common."""
    columns = pattern.shape[1]
    if pattern.nnz == 0:
        return np.zeros(columns, np.int64)
    by_row, by_column = _arrays(pattern), _arrays(pattern.T.tocsr())
    fewest = int(np.diff(pattern.indptr).max())
    natural = np.arange(columns)
    best = None
    for order in (natural, np.argsort(-_reach(pattern), kind="stable")):
        found = run(greedy, order, *by_column, *by_row)
        if best is None or found.max() < best.max():
            best = found
        if best.max() + 1 == fewest:
            break
    return best


def star(pattern: Rows, run: Run) -> Any:
    """A colour for each column of a symmetric pattern, from which each entry is found at one of its two places.

    What has many more neighbours than others gets a colour of its own, and need not be looked at again: a path of four with
    two colours has each of them twice."""
    n = pattern.shape[0]
    degree = np.diff(pattern.indptr)
    hub = degree > max(FEW_NEIGHBOURS, MANY * float(np.median(degree))) if n else np.zeros(0, bool)
    rest = _without(pattern, hub) if hub.any() else pattern
    sizes = np.diff(rest.indptr).astype(np.int64)
    if int((sizes**3).sum()) > MOST_PATHS:
        best = columns_apart(rest, run)
    else:
        orders = (np.arange(n), np.argsort(-sizes, kind="stable"))
        best = min((run(greedy_star, order, *_arrays(rest)) for order in orders), key=lambda c: c.max(initial=-1))
    count = int(best[~hub].max(initial=-1)) + 1
    best[hub] = count + np.arange(int(hub.sum()))
    return best


def _without(pattern: Rows, left_out: Any) -> Rows:
    """The pattern without some rows and the columns of the same numbers."""
    found = pattern.tocoo()
    kept = ~left_out[found.row] & ~left_out[found.col]
    return of_places(found.row[kept], found.col[kept], pattern.shape)


def _arrays(pattern: Rows) -> tuple[Any, Any]:
    return pattern.indptr.astype(np.int64), pattern.indices.astype(np.int64)


def _reach(pattern: Rows) -> Any:
    """For each column, how many entries stand in its rows."""
    return pattern.T @ np.diff(pattern.indptr)


def greedy(order: Any, starts: Any, rows: Any, row_starts: Any, columns: Any) -> Any:
    """The least colour for each column in turn that no column with a row in common has."""
    n = len(order)
    colors = np.full(n, -1)
    seen = np.full(n + 1, -1)
    for k in range(n):
        j = order[k]
        for p in range(starts[j], starts[j + 1]):
            for q in range(row_starts[rows[p]], row_starts[rows[p] + 1]):
                c = colors[columns[q]]
                if c >= 0:
                    seen[c] = j
        c = 0
        while seen[c] == j:
            c += 1
        colors[j] = c
    return colors


def greedy_star(order: Any, starts: Any, others: Any) -> Any:
    """The least colour for each vertex in turn that makes no path of four vertices with two colours."""
    n = len(order)
    colors = np.full(n, -1)
    seen = np.full(n + 1, -1)
    for k in range(n):
        v = order[k]
        for p in range(starts[v], starts[v + 1]):
            w = others[p]
            cw = colors[w]
            if w == v:
                continue
            if cw >= 0:
                seen[cw] = v
            for q in range(starts[w], starts[w + 1]):
                x = others[q]
                cx = colors[x]
                if x == v or x == w or cx < 0:
                    continue
                if cw < 0:
                    seen[cx] = v
                    continue
                for r in range(starts[x], starts[x + 1]):
                    y = others[r]
                    if y != w and y != x and colors[y] == cw:
                        seen[cx] = v
                        break
        c = 0
        while seen[c] == v:
            c += 1
        colors[v] = c
    return colors
