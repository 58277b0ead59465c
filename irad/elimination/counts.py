"""What eliminating a vertex costs, in products: the paper metric, and the folded one.

Sets of vertices are bits of integers, so that a cost is two population counts. What a set of eliminated vertices leaves does
not depend on the order in which they went, hence neither does the cost of the next one (except where constants cancel to 0,
which takes the edge away: then a product with this 0 may have been made, or not).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from irad.elimination.graph import Metric, Region, is_constant

__all__ = ["Folded", "Paper", "State", "bits", "count", "start"]


def bits(mask: int) -> Iterator[int]:
    """The members of a set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def start(region: Region, metric: Metric) -> State:
    """The state in which nothing is eliminated. Raises ValueError if there is no such metric."""
    if metric not in ("paper", "folded"):
        raise ValueError(f"there is no metric {metric!r}: 'paper' or 'folded'")
    return Paper(region) if metric == "paper" else Folded(region)


def count(region: Region, order: Iterable[int], metric: Metric) -> int:
    """The products made when vertices are eliminated in an order."""
    state = start(region, metric)
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
    the other is not ±1."""

    __slots__ = ("constants", "kept", "run_sources", "run_targets", "sources", "targets", "unit_sources", "unit_targets")

    def __init__(self, region: Region) -> None:
        n = len(region.vertices)
        self.sources, self.run_sources, self.unit_sources = [0] * n, [0] * n, [0] * n
        self.targets, self.run_targets, self.unit_targets = [0] * n, [0] * n, [0] * n
        self.kept = sum(1 << i for i in set(region.outputs))
        self.constants: dict[tuple[int, int], float] = {}
        for e in region.edges:
            if is_constant(e.partial):
                self._add(e.source, e.target, e.partial)  # type: ignore[arg-type]
            else:
                self.run_sources[e.target] |= 1 << e.source
                self.run_targets[e.source] |= 1 << e.target
                self.sources[e.target] |= 1 << e.source
                self.targets[e.source] |= 1 << e.target
                self.unit_sources[e.target] &= ~(1 << e.source)
                self.unit_targets[e.source] &= ~(1 << e.target)

    def copy(self) -> Folded:
        new = Folded.__new__(Folded)
        new.sources, new.run_sources, new.unit_sources = self.sources[:], self.run_sources[:], self.unit_sources[:]
        new.targets, new.run_targets, new.unit_targets = self.targets[:], self.run_targets[:], self.unit_targets[:]
        new.kept, new.constants = self.kept, self.constants.copy()
        return new

    def _add(self, i: int, j: int, value: float) -> None:
        """Add a constant to an edge; constants that cancel take it away."""
        if self.run_targets[i] >> j & 1:
            return
        value += self.constants.get((i, j), 0.0)
        source, target = 1 << i, 1 << j
        self.unit_sources[j] &= ~source
        self.unit_targets[i] &= ~target
        if value == 0.0:
            self.constants.pop((i, j), None)
            self.sources[j] &= ~source
            self.targets[i] &= ~target
            return
        self.constants[i, j] = value
        self.sources[j] |= source
        self.targets[i] |= target
        if value in (1.0, -1.0):
            self.unit_sources[j] |= source
            self.unit_targets[i] |= target

    def cost(self, v: int) -> int:
        run_s, run_t = self.run_sources[v].bit_count(), self.run_targets[v].bit_count()
        s = (self.sources[v] & ~self.unit_sources[v]).bit_count()  # of run time, or constants but ±1
        t = (self.targets[v] & ~self.unit_targets[v]).bit_count()
        return run_s * t + (s - run_s) * run_t

    def eliminate(self, v: int) -> int:
        """Eliminate a vertex; what it costs."""
        cost = self.cost(v)
        s, t, run_s, run_t = self.sources[v], self.targets[v], self.run_sources[v], self.run_targets[v]
        gone = ~(1 << v)
        stays = gone if not self.kept >> v & 1 else -1
        constant_s, constant_t = s & ~run_s, t & ~run_t
        for i in bits(s):
            new = t if run_s >> i & 1 else run_t
            self.targets[i] = (self.targets[i] | new) & stays
            self.run_targets[i] = (self.run_targets[i] | new) & stays
            self.unit_targets[i] &= ~new & stays
        for j in bits(t):
            new = s if run_t >> j & 1 else run_s
            self.sources[j] = (self.sources[j] | new) & gone
            self.run_sources[j] = (self.run_sources[j] | new) & gone
            self.unit_sources[j] &= ~new & gone
        if constant_s and constant_t:
            for i in bits(constant_s):
                x = self.constants[i, v]
                for j in bits(constant_t):
                    self._add(i, j, x * self.constants[v, j])
        self.targets[v] = self.run_targets[v] = self.unit_targets[v] = 0
        self.sources[v] &= ~stays
        self.run_sources[v] &= ~stays
        self.unit_sources[v] &= ~stays
        return cost


State = Paper | Folded


def markowitz(region: Region, metric: Metric, last: bool = False) -> list[int]:
    """The cheapest vertex at each step; ties go to the lowest id, or the highest (`last`)."""
    state = start(region, metric)
    left: Sequence[int] = region.inner
    order = []
    while left:
        v = min(left, key=lambda v: (state.cost(v), -v if last else v))
        state.eliminate(v)
        order.append(v)
        left = [w for w in left if w != v]
    return order
