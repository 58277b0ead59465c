"""Cheapest orders, proved: search over the sets of eliminated vertices, best first (A*).

Parts of a region that share only inputs and outputs are solved each for itself: what happens in one changes no cost in another.
A set's cheapest order costs what it has cost so far, and at least the lower bounds of the vertices that are left
(`Bounds.vertex`). No more than `limit` sets are reached, so that a part may stay unsolved.

In the paper metric a vertex v may go first (`_free`) if all its sources are inputs, no target of v that is to be eliminated
lacks more than one of them, and v costs no more than its lower bound. For take any order, and move v to its front. Then v costs
no more. Where it was a source of x, its own sources take its place; they are inputs, so they have stayed. A path led from v to
x over a target s of v, and what lay between was eliminated: so the sources that s shares with v were sources of x already. One
source of x goes, at most one comes. A vertex of which v is a target is an input, and costs nothing. The same holds with sources
and targets changed, where v is no output itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from irad.elimination import counts
from irad.elimination.bounds import Bounds
from irad.elimination.counts import Paper, State, bits
from irad.elimination.graph import Metric, Region

__all__ = ["Part", "parts", "solve_parts"]

LIMIT = 2000  # sets of eliminated vertices that are reached
STANDARD = ("reverse", "forward", "markowitz")

_Chain = tuple[int, Any]  # what was eliminated last, and the same of what went before it
_Entry = tuple[int, int, int, int, int, State, _Chain | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Vertices that share only inputs and outputs with the others; a lower bound, and an order if one costs no more."""

    vertices: tuple[int, ...]
    bound: int
    order: list[int] | None


def parts(region: Region) -> list[tuple[int, ...]]:
    """The inner vertices that edges between inner vertices join, part by part."""
    inner = set(region.inner)
    leader = {v: v for v in inner}

    def find(v: int) -> int:
        while leader[v] != v:
            leader[v] = leader[leader[v]]
            v = leader[v]
        return v

    for e in region.edges:
        if e.source in inner and e.target in inner:
            leader[find(e.source)] = find(e.target)
    found: dict[int, list[int]] = {}
    for v in region.inner:
        found.setdefault(find(v), []).append(v)
    return [tuple(vs) for vs in found.values()]


def solve_parts(region: Region, metric: Metric, limit: int = LIMIT) -> list[Part]:
    """Each part with its cheapest order, where that is found within the limit."""
    bounds = Bounds(region, metric)
    begin = counts.start(region, metric)
    known = [region.order(name, metric) for name in STANDARD]
    out = []
    for vertices in parts(region):
        inside = set(vertices)
        orders = [[v for v in order if v in inside] for order in known]
        cost, order = min(((counts.run(begin.copy(), o), o) for o in orders), key=lambda pair: pair[0])
        bound = bounds.total(vertices)
        if cost == bound:
            out.append(Part(vertices, bound, order))
        elif (cheaper := _cheaper(begin, vertices, bounds, cost, limit)) is None:
            out.append(Part(vertices, bound, None))
        else:
            order = cheaper or order
            out.append(Part(vertices, counts.run(begin.copy(), order), order))
    return out


def _cheaper(begin: State, vertices: Sequence[int], bounds: Bounds, most: int, limit: int) -> list[int] | None:
    """The cheapest order if it costs less than `most`; [] if none does; None if that is not known within the limit."""
    least = {v: bounds.vertex(v) for v in vertices}
    inputs = sum(1 << i for i in bounds.inputs)
    everything = sum(1 << v for v in vertices)
    bound = sum(least.values())
    if bound >= most:
        return []
    heap: list[_Entry] = [(bound, len(vertices), 0, 0, everything, begin, None)]
    reached: dict[object, int] = {}
    entered = 0
    while heap:
        bound, left, _, cost, remaining, state, last = heapq.heappop(heap)
        if not remaining:
            return _chain(last)
        free = next((v for v in bits(remaining) if _free(state, v, remaining, inputs, least[v])), None)
        for v in bits(remaining) if free is None else (free,):
            new = state.copy()
            paid = cost + new.eliminate(v)
            rest = remaining & ~(1 << v)
            at_least = bound - cost - least[v] + paid
            key = (rest, new.key())
            if at_least >= most or reached.get(key, paid + 1) <= paid:
                continue
            reached[key] = paid
            entered += 1
            if entered > limit:
                return None
            heapq.heappush(heap, (at_least, left - 1, entered, paid, rest, new, (v, last)))
    return []


def _free(state: State, v: int, remaining: int, inputs: int, least: int) -> bool:
    """Whether v may go first (paper metric: see above)."""
    if not isinstance(state, Paper) or state.cost(v) > least:
        return False
    s, t = state.sources[v], state.targets[v]
    if not s & ~inputs and all((s & ~state.sources[j]).bit_count() <= 1 for j in bits(t & remaining)):
        return True
    if t & remaining or state.kept >> v & 1:
        return False
    return all((t & ~state.targets[i]).bit_count() <= 1 for i in bits(s & remaining))


def _chain(last: _Chain | None) -> list[int]:
    order = []
    while last is not None:
        v, last = last
        order.append(v)
    return order[::-1]
