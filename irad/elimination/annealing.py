"""Search for a cheap order by simulated annealing (Naumann, "Cheaper Jacobians by simulated annealing", 2002).

What a set of eliminated vertices leaves does not depend on their order, so that taking a vertex from place i to place j changes
costs only between the two: that window is simulated again, from the state that was kept of its first place, and given up as
soon as it costs too much. Half of the moves pass the next few vertices that the moved one is a neighbour of: what lies between
changes nothing. The others are insertions anywhere. Rounds of moves, in which the temperature falls, begin in turn at the best
order so far, and at the best of a few that the Markowitz rule gives with noise. The same seed makes the same moves; time only
decides how many.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from irad.elimination import counts, exact
from irad.elimination.bounds import Bounds
from irad.elimination.counts import State
from irad.elimination.graph import Metric, Region
from irad.elimination.progress import Bar

__all__ = ["Found", "Step", "quick", "search"]

SECONDS = 10.0  # where nothing is said
HOT, WARM, COLD = 3.0, 1.0, 0.15  # temperatures: rounds from a new order, from the best one, and at their end
ROUND = 6000  # moves
NOISY = 4  # orders by the Markowitz rule with noise, for each round from a new one
NOISE = (0.5, 1.0, 2.0, 4.0)
QUICK = 250  # vertices
QUICK_MOVES = 20_000  # over the number of vertices
LOOK = 64  # moves between two looks at the clock
STRETCH = 400  # places of an order that a round moves vertices among; states are kept of each
LARGE = 500  # vertices; beyond, a search does without lower bounds, which take a flow for each vertex


class Step(NamedTuple):
    """A better order was found: after how many moves and seconds, and its cost."""

    moves: int
    seconds: float
    cost: int


@dataclass(frozen=True, slots=True)
class Found:
    """The best order found, as vertex ids; `optimal`: it is proved that none is cheaper. `bound`: no order costs less."""

    order: list[int]
    cost: int
    history: list[Step]
    optimal: bool
    bound: int


def search(
    region: Region,
    metric: Metric = "paper",
    cse: bool = False,
    seconds: float | None = None,
    seed: int = 0,
    moves: int | None = None,
    progress: bool = False,
) -> Found:
    """The cheapest order found within a number of seconds or moves (10 seconds where neither is given).

    Never above the standard orders. Parts of the region that share only inputs and outputs are solved exactly where they are
    small; the search ends where it is proved that no order is cheaper. Above 500 vertices nothing is proved (the bound is 0).
    `cse`: on the graph whose equal vertices are shared; the order has the vertices that are left then. `progress` draws a bar.
    Raises ValueError for a metric that is none.
    """
    if cse:
        region = region.shared()
    if seconds is None and moves is None:
        seconds = SECONDS
    best = _Best(region, metric, seconds, moves)
    for name in exact.STANDARD:
        best.offer(region.order(name, metric))
    best.offer(counts.markowitz(region, metric, last=True))
    solved = exact.solve_parts(region, metric) if len(region.inner) <= LARGE else []
    bound = sum(part.bound for part in solved)
    first = [v for part in solved for v in part.order or ()]
    best.offer([*first, *[v for v in best.order if v not in set(first)]])
    if best.cost > bound:
        with Bar(progress, seconds, moves) as bar:
            _rounds(region, metric, first, best, bound, random.Random(seed), bar)
    return Found(best.order, best.cost, best.history, best.cost == bound, bound)


def quick(region: Region, metric: Metric) -> list[int]:
    """What there is time for in a compiler, some 50 ms: the cheapest of the standard orders, after a short walk downhill.

    Never above forward and reverse. Where even the Markowitz rule would take longer, it is the better of these.
    """
    n = len(region.inner)
    best = _Best(region, metric, None, None)
    for name in exact.STANDARD if n <= QUICK else ("reverse", "forward"):
        best.offer(region.order(name, metric))
    if not 1 < n <= QUICK:
        return best.order
    bounds, rng = Bounds(region, metric), random.Random(0)
    walk = _Walk(counts.start(region, metric), best.order, {v: bounds.vertex(v) for v in best.order})
    lowest = walk.cost
    for _ in range(min(QUICK_MOVES // n, 2 * n * n)):
        if walk.move(rng, COLD) and walk.cost < lowest:
            lowest = walk.cost
            best.offer(walk.order)
    return best.order


@dataclass(slots=True)
class _Best:
    """The best order so far, and what is left of the budget."""

    region: Region
    metric: Metric
    seconds: float | None
    most: int | None
    began: float = field(default_factory=time.perf_counter)
    order: list[int] = field(default_factory=list)
    cost: int = -1
    moves: int = 0
    history: list[Step] = field(default_factory=list)

    def offer(self, order: list[int]) -> None:
        """Take an order if it is better. Counted from the start: where constants cancel, windows count too much."""
        cost = counts.count(self.region, order, self.metric)
        if self.cost < 0 or cost < self.cost:
            self.order, self.cost = list(order), cost
            self.history.append(Step(self.moves, time.perf_counter() - self.began, cost))

    def spent(self) -> bool:
        if self.most is not None and self.moves >= self.most:
            return True
        return self.seconds is not None and time.perf_counter() - self.began >= self.seconds


def _rounds(region: Region, metric: Metric, first: list[int], best: _Best, bound: int, rng: random.Random, bar: Bar) -> None:
    """Anneal until the budget is spent, or the bound is reached. The vertices `first` go first, in their order."""
    begin = counts.start(region, metric)
    for v in first:
        begin.eliminate(v)
    free = [v for v in region.inner if v not in set(first)]
    bounds = Bounds(region, metric) if len(free) <= LARGE else None
    least = {v: 0 if bounds is None else bounds.vertex(v) for v in free}
    fresh = False
    while not best.spent() and best.cost > bound:
        order = best.order[len(first) :] if best.order[: len(first)] == first else free
        if fresh:
            order = min((_noisy(begin, free, rng) for _ in range(NOISY)), key=lambda o: counts.run(begin.copy(), o))
            best.offer([*first, *order])
        low = rng.randrange(len(order) - STRETCH) if len(order) > STRETCH else 0
        before, after = [*first, *order[:low]], order[low + STRETCH :]
        state = begin.copy()
        counts.run(state, order[:low])
        walk = _Walk(state, order[low : low + STRETCH], least)
        heat = HOT if fresh else WARM
        cool = (COLD / heat) ** (1 / ROUND)
        lowest, better = walk.cost, None
        for k in range(ROUND):
            if walk.move(rng, heat) and walk.cost < lowest:
                lowest, better = walk.cost, walk.order[:]
            heat *= cool
            best.moves += 1
            if (k + 1) % LOOK == 0 or k + 1 == ROUND or best.moves == best.most:
                if better is not None:
                    best.offer([*before, *better, *after])
                    better = None
                bar.show(best.moves, best.cost, bound)
                if best.spent() or best.cost == bound:
                    return
        fresh = not fresh and len(order) <= STRETCH


def _noisy(begin: State, free: list[int], rng: random.Random) -> list[int]:
    """An order by the Markowitz rule, where each vertex has some noise added to its cost."""
    most = rng.choice(NOISE)
    return counts.cheapest_first(begin.copy(), {v: (rng.uniform(0.0, most), v) for v in free})


class _Walk:
    """An order that moves are made on; of each place the state before it, its cost, and its vertex's neighbours then."""

    def __init__(self, begin: State, order: list[int], least: dict[int, int]) -> None:
        self.order = list(order)
        self.least = least  # what each vertex costs at least
        self.states: list[State] = []
        self.costs: list[int] = []
        self.near: list[int] = []
        state = begin.copy()
        for v in order:
            self.states.append(state.copy())
            self.near.append(state.near(v))
            self.costs.append(state.eliminate(v))
        self.cost = sum(self.costs)

    def move(self, rng: random.Random, heat: float) -> bool:
        """Try one move; whether it was made."""
        uniform = rng.random
        i = int(uniform() * len(self.order))
        j = self._past(i, uniform() < 0.5, rng) if uniform() < 0.5 else self._anywhere(i, rng)
        if i == j:
            return False
        low, high = (i, j) if i < j else (j, i)
        window = self.order[low : high + 1]
        if i < j:
            window.append(window.pop(0))
        else:
            window.insert(0, window.pop())
        before = sum(self.costs[low : high + 1])
        least = self.least
        spare = before - sum([least[v] for v in window]) - heat * math.log(1.0 - uniform())
        states, costs, near = [], [], []
        state = self.states[low].copy()
        for v in window:
            states.append(state.copy())
            near.append(state.near(v))
            cost = state.eliminate(v)
            spare -= cost - least[v]
            if spare < 0.0:
                return False
            costs.append(cost)
        self.order[low : high + 1] = window
        self.states[low : high + 1] = states
        self.costs[low : high + 1] = costs
        self.near[low : high + 1] = near
        self.cost += sum(costs) - before
        return True

    def _anywhere(self, i: int, rng: random.Random) -> int:
        """Another place, mostly a near one; the same if that changes nothing."""
        n = len(self.order)
        if rng.random() < 0.3:
            j = int(rng.random() * n)
        else:
            j = min(max(i + int(rng.random() * 17) - 8, 0), n - 1)
        return j if self._meets(i, j) else i

    def _meets(self, i: int, j: int) -> bool:
        """Whether the vertex at a place has neighbours on the way to another: if not, a move changes nothing."""
        order, near, v = self.order, self.near, self.order[i]
        if j < i:
            return any([near[p] >> v & 1 for p in range(j, i)])
        around = near[i]  # until the first neighbour goes, these are all
        return any([around >> order[p] & 1 for p in range(i + 1, j + 1)])

    def _past(self, i: int, later: bool, rng: random.Random) -> int:
        """The place beyond the next neighbour, or beyond a few."""
        few = 1
        while rng.random() < 0.5:
            few += 1
        order, near, j = self.order, self.near, i
        if later:
            around = near[i]
            for p in range(i + 1, len(order)):
                if around >> order[p] & 1:
                    j, few = p, few - 1
                    if not few:
                        break
                    around |= near[p]
            return j
        v = order[i]
        for p in range(i - 1, -1, -1):
            if near[p] >> v & 1:
                j, few = p, few - 1
                if not few:
                    break
        return j
