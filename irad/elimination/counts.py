"""What eliminating a vertex costs: products in the paper metric and the folded one, or operations of the processor.

Sets of vertices are bits of integers, so that a cost is two population counts. What a set of eliminated vertices leaves does
not depend on the order in which they went, hence neither does the cost of the next one (except where constants cancel to 0,
which takes the edge away: then a product with this 0 may have been made, or not).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from irad.elimination.graph import Metric, Region, is_constant

__all__ = ["Folded", "Operations", "Paper", "State", "bits", "cheapest_first", "count", "markowitz", "run", "start"]


def bits(mask: int) -> Iterator[int]:
    """The members of a set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def start(region: Region, metric: Metric) -> State:
    """The state in which nothing is eliminated. Raises ValueError if there is no such metric."""
    if metric not in METRICS:
        raise ValueError(f"there is no metric {metric!r}: {', '.join(map(repr, METRICS))}")
    return METRICS[metric](region)


def count(region: Region, order: Iterable[int], metric: Metric) -> int:
    """What it costs to eliminate vertices in an order."""
    return run(start(region, metric), order)


def run(state: State, order: Iterable[int]) -> int:
    """What it costs to eliminate vertices from a state, which changes."""
    return sum([state.eliminate(v) for v in order])


class Paper:
    """The edges that are left, and the cost |sources|·|targets| of eliminating a vertex."""

    __slots__ = ("kept", "sources", "targets")

    def __init__(self, region: Region) -> None:
        n = len(region.vertices)
        self.sources = [0] * n
        self.targets = [0] * n
        self.kept = sum(1 << i for i in set(region.outputs))  # their own edges stay when they are eliminated
        for e in region.edges:
            self.sources[e.target] |= 1 << e.source
            self.targets[e.source] |= 1 << e.target

    def copy(self) -> Paper:
        new = Paper.__new__(Paper)
        new.sources, new.targets, new.kept = self.sources[:], self.targets[:], self.kept
        return new

    def key(self) -> object:
        """What later costs depend on, besides the set of eliminated vertices."""
        return None

    def near(self, v: int) -> int:
        """The sources and targets of a vertex."""
        return self.sources[v] | self.targets[v]

    def cost(self, v: int) -> int:
        return self.sources[v].bit_count() * self.targets[v].bit_count()

    def eliminate(self, v: int) -> int:
        """Eliminate a vertex; what it costs."""
        s, t = self.sources[v], self.targets[v]
        sources, targets = self.sources, self.targets
        cost = s.bit_count() * t.bit_count()
        gone = ~(1 << v)
        stays = gone if not self.kept >> v & 1 else -1
        rest = s
        while rest:
            low = rest & -rest
            rest ^= low
            i = low.bit_length() - 1
            targets[i] = (targets[i] | t) & stays
        rest = t
        while rest:
            low = rest & -rest
            rest ^= low
            j = low.bit_length() - 1
            sources[j] = (sources[j] | s) & gone
        targets[v] = 0
        sources[v] &= ~stays
        return cost


class Folded:
    """The edges that are left and their constants; the cost counts products of which one factor is known at run time only, and
    the other is not ±1.

    A set has three lanes of n bits: all its members, those by a run-time edge, and those by an edge that is ±1.
    """

    __slots__ = ("all", "constants", "kept", "n", "sources", "targets")

    def __init__(self, region: Region) -> None:
        self.n = n = len(region.vertices)
        self.all = (1 << n) - 1
        self.sources = [0] * n
        self.targets = [0] * n
        self.kept = sum(1 << i for i in set(region.outputs))
        self.constants: list[dict[int, float]] = [{}] * n  # by source, then target; copied before they are written
        for e in region.edges:
            if is_constant(e.partial):
                self._add(e.source, e.target, e.partial)  # type: ignore[arg-type]
            else:
                self._lanes(e.source, e.target, 0b011)

    def copy(self) -> Self:
        new = type(self).__new__(type(self))
        new.n, new.all, new.kept = self.n, self.all, self.kept
        new.sources, new.targets, new.constants = self.sources[:], self.targets[:], self.constants[:]
        return new

    def _lanes(self, i: int, j: int, lanes: int) -> None:
        """Which lanes an edge is in."""
        n = self.n
        every = 1 | 1 << n | 1 << 2 * n
        mine = (lanes & 1) | (lanes >> 1 & 1) << n | (lanes >> 2) << 2 * n
        self.targets[i] = self.targets[i] & ~(every << j) | mine << j
        self.sources[j] = self.sources[j] & ~(every << i) | mine << i

    def _add(self, i: int, j: int, value: float) -> None:
        """Add a constant to an edge; constants that cancel take it away."""
        if self.targets[i] >> self.n + j & 1:
            return
        constants = self.constants[i] = self.constants[i].copy()
        value += constants.get(j, 0.0)
        if value == 0.0:
            del constants[j]
            self._lanes(i, j, 0b000)
            return
        constants[j] = value
        self._lanes(i, j, 0b101 if value in (1.0, -1.0) else 0b001)

    def key(self) -> object:
        """What later costs depend on, besides the set of eliminated vertices: what cancelled, how constants were rounded."""
        others = []
        for i, t in enumerate(self.targets):
            if rest := t & ~(t >> self.n) & ~(t >> 2 * self.n) & self.all:
                others += [self.constants[i][j] for j in bits(rest)]
        return tuple(self.targets), tuple(others)

    def near(self, v: int) -> int:
        """The sources and targets of a vertex."""
        return (self.sources[v] | self.targets[v]) & self.all

    def cost(self, v: int) -> int:
        n, every, s, t = self.n, self.all, self.sources[v], self.targets[v]
        run_s, run_t = (s >> n & every).bit_count(), (t >> n & every).bit_count()
        others_s = (s & every).bit_count() - (s >> 2 * n).bit_count() - run_s  # constants but ±1
        others_t = (t & every).bit_count() - (t >> 2 * n).bit_count() - run_t
        return run_s * (run_t + others_t) + others_s * run_t

    def eliminate(self, v: int) -> int:
        """Eliminate a vertex; what it costs."""
        cost = self.cost(v)
        n, every, sources, targets = self.n, self.all, self.sources, self.targets
        s, t = sources[v] & every, targets[v] & every
        run_s, run_t = sources[v] >> n & every, targets[v] >> n & every
        this = 1 << v | 1 << n + v | 1 << 2 * n + v
        gone = this if not self.kept >> v & 1 else 0
        run, run_gone = (
            t | t << n,
            ~(t << 2 * n | gone),
        )  # what a source gains and loses that is one at run time, and a constant
        fixed, fixed_gone = run_t | run_t << n, ~(run_t << 2 * n | gone)
        rest = s
        while rest:
            low = rest & -rest
            rest ^= low
            i = low.bit_length() - 1
            targets[i] = (targets[i] | run) & run_gone if run_s & low else (targets[i] | fixed) & fixed_gone
        run, run_gone = s | s << n, ~(s << 2 * n | this)
        fixed, fixed_gone = run_s | run_s << n, ~(run_s << 2 * n | this)
        rest = t
        while rest:
            low = rest & -rest
            rest ^= low
            j = low.bit_length() - 1
            sources[j] = (sources[j] | run) & run_gone if run_t & low else (sources[j] | fixed) & fixed_gone
        if (constant_s := s & ~run_s) and (constant_t := t & ~run_t):
            for i in bits(constant_s):
                x = self.constants[i][v]
                for j in bits(constant_t & ~(targets[i] >> n)):
                    self._add(i, j, x * self.constants[v][j])
        targets[v] = 0
        if gone:
            sources[v] = 0
        return cost


class Operations(Folded):
    """The products that `Folded` counts, and the sums that the processor does apart: one with a product is the same
    instruction, what is added with ±1, or as a constant, is one more."""

    __slots__ = ()

    def cost(self, v: int) -> int:
        n, every, targets = self.n, self.all, self.targets
        s, t = self.sources[v], targets[v]
        run_t, one_t, any_t = t >> n & every, t >> 2 * n, t & every
        sums = 0
        for i in bits(s & every):
            if s >> n + i & 1:
                sums += (one_t & targets[i]).bit_count()
            elif s >> 2 * n + i & 1:
                sums += (run_t & targets[i]).bit_count()
            if not s >> n + i & 1:
                sums += (any_t & ~run_t & targets[i] >> n).bit_count()
        return super().cost(v) + sums


State = Paper | Folded
METRICS: dict[str, type[State]] = {"paper": Paper, "folded": Folded, "operations": Operations}


def markowitz(region: Region, metric: Metric, last: bool = False) -> list[int]:
    """The cheapest vertex at each step; ties go to the lowest id, or the highest (`last`)."""
    inner = region.inner
    return cheapest_first(start(region, metric), {v: (0.0, -v if last else v) for v in inner})


def cheapest_first(state: State, vertices: Mapping[int, tuple[float, int]]) -> list[int]:
    """Eliminate vertices from a state, which changes, each time the cheapest; their order. Each has something that is added to
    its cost, and what decides between equal ones."""
    heap = []
    cost = {}
    for v, (more, tie) in vertices.items():
        cost[v] = state.cost(v)
        heap.append((cost[v] + more, tie, v, cost[v]))
    heapq.heapify(heap)
    order: list[int] = []
    while heap:
        _, _, v, then = heapq.heappop(heap)
        if cost.get(v) != then:
            continue  # gone, or its cost has changed since
        del cost[v]
        order.append(v)
        near = state.near(v)
        state.eliminate(v)
        for w in bits(near):
            if w in cost and (now := state.cost(w)) != cost[w]:
                cost[w] = now
                more, tie = vertices[w]
                heapq.heappush(heap, (now + more, tie, w, now))
    return order
