"""Boxes and the edges between them in layers, edges downwards: where everything stands.

Layers by longest path, order in a layer by barycentres, places in a layer by least squares (Sugiyama, Tagawa, Toda,
"Methods for visual understanding of hierarchical system structures", 1981). The edges of one value share their way
down, through one point in each layer that they cross.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Edge", "Layout", "layered"]

GAP, BESIDE, BESIDE_POINTS = 22.0, 18.0, 9.0  # between layers, boxes, and edges that pass a layer
STEEP = 0.07  # room between layers for an edge that goes far to the side
SWEEPS = 5


@dataclass(frozen=True, slots=True)
class Edge:
    """From a port at the bottom of a box to a port at the top of another; ports are fractions of the width."""

    start: int
    out: float
    end: int
    into: float


@dataclass(slots=True)
class Layout:
    """The left upper corners of the boxes, the way of each value, the size of all."""

    corners: list[tuple[float, float]]
    ways: dict[tuple[int, float], str]  # (start, out) -> the path through all its ends, as SVG writes paths
    width: float
    height: float


@dataclass(slots=True, eq=False)
class _Item:
    """A box in its layer, or the point where a value passes through it."""

    box: int  # -1: a point
    width: float
    height: float
    x: float = 0.0  # the centre
    up: list[tuple[_Item, float, float]] = field(default_factory=list)  # (item, port there, port here), from the centres
    down: list[tuple[_Item, float, float]] = field(default_factory=list)
    order: float = 0.0


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], first: int) -> Layout:
    """Lay out boxes of these sizes. Edges go from boxes to later ones; the first `first` boxes stand on top."""
    layer = _layers(len(sizes), edges, first)
    items = [_Item(i, w, h) for i, (w, h) in enumerate(sizes)]
    rows: list[list[_Item]] = [[] for _ in range(max(layer, default=0) + 1)]
    for item, r in zip(items, layer, strict=True):
        rows[r].append(item)
    values: dict[tuple[int, float], list[Edge]] = {}
    for e in edges:
        values.setdefault((e.start, e.out), []).append(e)
    for (start, out), ends in values.items():
        lowest = max(layer[e.end] for e in ends)
        chain, port = items[start], (out - 0.5) * items[start].width
        by_layer: dict[int, list[Edge]] = {}
        for e in ends:
            by_layer.setdefault(layer[e.end], []).append(e)
        for r in range(layer[start] + 1, lowest + 1):
            for e in by_layer.get(r, ()):
                _join(chain, port, items[e.end], (e.into - 0.5) * items[e.end].width)
            if r < lowest:
                point = _Item(-1, 0.0, 0.0)
                rows[r].append(point)
                _join(chain, port, point, 0.0)
                chain, port = point, 0.0
    _order(rows)
    _place(rows)
    tops, bottoms, height = _heights(rows)
    left = min((i.x - i.width / 2 for row in rows for i in row), default=0.0)
    for row in rows:
        for i in row:
            i.x -= left
    width = max((i.x + i.width / 2 for row in rows for i in row), default=0.0)
    corners = [(i.x - i.width / 2, tops[layer[i.box]]) for i in items]
    row_of = {i: r for r, row in enumerate(rows) for i in row}
    ways = {}
    for key in values:
        start, out = key
        port = (out - 0.5) * items[start].width
        ways[key] = _way(items[start], port, corners[start][1] + items[start].height, row_of, tops, bottoms)
    return Layout(corners, ways, width, height)


def _join(a: _Item, out: float, b: _Item, into: float) -> None:
    a.down.append((b, into, out))
    b.up.append((a, out, into))


def _layers(count: int, edges: Sequence[Edge], first: int) -> list[int]:
    """The longest path to each box; what nothing leads to stands right above what it leads to."""
    layer = [0] * count
    into: list[list[int]] = [[] for _ in range(count)]
    out: list[list[int]] = [[] for _ in range(count)]
    for e in edges:
        into[e.end].append(e.start)
        out[e.start].append(e.end)
    for i in range(count):
        layer[i] = max([layer[j] + 1 for j in into[i]], default=0 if i < first or not first else 1)
    for i in reversed(range(first, count)):
        if not into[i] and out[i]:
            layer[i] = max(layer[i], min(layer[j] for j in out[i]) - 1)
    return layer


def _order(rows: list[list[_Item]]) -> None:
    """Order each row by the mean place of the neighbours in the row before, down and up; the best order stays."""
    for row in rows:
        _number(row)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            for i in row:
                near = i.up if down else i.down
                if near:
                    i.order = sum(j.order + 0.5 * p / (j.width or 1.0) for j, p, _ in near) / len(near)
            row.sort(key=lambda i: i.order)
            _number(row)
        if (n := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], n
    for row, ordered in zip(rows, best, strict=True):
        row[:] = ordered


def _number(row: list[_Item]) -> None:
    for k, i in enumerate(row):
        i.order = float(k)


def _crossings(rows: list[list[_Item]]) -> int:
    total = 0
    for row in rows:
        seen: list[float] = []
        for i in row:
            ends = sorted(j.order + 0.5 * p / (j.width or 1.0) for j, p, _ in i.down)
            total += sum(len(seen) - bisect_left(seen, e + 1e-9) for e in ends)
            for e in ends:
                insort(seen, e)
    return total


def _place(rows: list[list[_Item]]) -> None:
    """Move each row's items towards their neighbours, as near as their order and size allow."""
    for row in rows:
        _settle(row, [0.0] * len(row))
    for sweep in range(2 * SWEEPS + 1):
        last = sweep == 2 * SWEEPS
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            wanted = []
            for i in row:
                near = [*i.up, *i.down] if last else (i.up if down else i.down) or i.up or i.down
                pulls = [(8.0 if i.box < 0 and j.box < 0 else 1.0, j.x + there - here) for j, there, here in near]
                wanted.append(sum(w * x for w, x in pulls) / sum(w for w, _ in pulls) if near else i.x)
            _settle(row, wanted)


def _settle(row: list[_Item], wanted: list[float]) -> None:
    """The places nearest to the wanted ones, in order and apart: isotonic regression by pooling neighbours."""
    offsets, at = [], 0.0
    for before, i in zip([None, *row], row, strict=False):
        if before is not None:
            apart = BESIDE if before.box >= 0 and i.box >= 0 else BESIDE_POINTS
            at += before.width / 2 + apart + i.width / 2
        offsets.append(at)
    pools: list[tuple[float, float, int]] = []  # (weight, weighted sum, items)
    for i, w, offset in zip(row, wanted, offsets, strict=True):
        weight = 1.0 if i.box >= 0 else 4.0  # straight ways are worth more
        pool = (weight, weight * (w - offset), 1)
        while pools and pools[-1][1] / pools[-1][0] > pool[1] / pool[0]:
            a = pools.pop()
            pool = (a[0] + pool[0], a[1] + pool[1], a[2] + pool[2])
        pools.append(pool)
    k = 0
    for weight, total, n in pools:
        for _ in range(n):
            row[k].x = total / weight + offsets[k]
            k += 1


def _heights(rows: list[list[_Item]]) -> tuple[list[float], list[float], float]:
    """The top and bottom of each row, and the height of all."""
    tops: list[float] = []
    bottoms: list[float] = []
    y = 0.0
    for row in rows:
        far = max((abs(j.x + there - i.x - here) for i in row for j, there, here in i.up), default=0.0)
        if tops:
            y += GAP + min(40.0, STEEP * far)
        tops.append(y)
        y += max((i.height for i in row), default=0.0)
        bottoms.append(y)
    return tops, bottoms, y


def _way(start: _Item, port: float, bottom: float, row_of: dict[_Item, int], tops: list[float], bottoms: list[float]) -> str:
    """Through the points to all ends of a value."""
    out: list[str] = []
    item: _Item | None = start
    while item is not None:
        x, y, following = item.x + (port if item is start else 0.0), bottom, None
        for other, into, leaves in item.down:
            if item is start and abs(leaves - port) > 1e-9:
                continue  # another value of the same box
            r = row_of[other]
            out.append(_curve(x, y, bottoms[r - 1], other.x + into, tops[r], ended=other.box >= 0))
            if other.box < 0:
                following = other
                out.append(f"V{_n(bottoms[r])}")
                bottom = bottoms[r]
        item = following
    return "".join(out)


def _curve(x: float, y: float, below: float, end_x: float, end_y: float, *, ended: bool) -> str:
    """Straight down out of the row, then across."""
    middle = (max(y, below) + end_y) / 2
    head = f"M{_n(x)} {_n(y)}" + (f"V{_n(below)}" if below > y + 0.1 else "")
    tip = f"M{_n(end_x - 2.5)} {_n(end_y - 4)}L{_n(end_x)} {_n(end_y)}L{_n(end_x + 2.5)} {_n(end_y - 4)}" if ended else ""
    if abs(end_x - x) < 0.5:
        return f"{head}L{_n(end_x)} {_n(end_y)}{tip}"
    return f"{head}C{_n(x)} {_n(middle)} {_n(end_x)} {_n(middle)} {_n(end_x)} {_n(end_y)}{tip}"


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")
