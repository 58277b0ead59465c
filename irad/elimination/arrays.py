"""Regions whose vertices are arrays: a product of two partials costs what their structures say."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Sequence
from typing import cast

from irad.elimination.annealing import SECONDS, Found, Step
from irad.elimination.exact import STANDARD
from irad.elimination.graph import Edge, Metric, Order, Region, Vertex
from irad.elimination.progress import Bar
from irad.elimination.structured import Jacobian, Structured
from irad.types import Scalar

__all__ = ["ArrayRegion"]

AT_RUN_TIME = ("folded", "operations")
MOST_KNOWN = 50_000  # products that are remembered
MOST_PRODUCTS = 400  # that are tried to find the cheapest vertex at each step, where time is short


class ArrayRegion(Region):
    """A region of arrays, whose partials are structured. In the metrics of what is left at run time orders cost the
    multiplications and additions on elements."""

    __slots__ = ("dtype",)

    def __init__(
        self, vertices: Iterable[Vertex], edges: Iterable[Edge], inputs: Iterable[int], outputs: Iterable[int], dtype: Scalar
    ) -> None:
        super().__init__(vertices, edges, inputs, outputs)
        self.dtype = dtype

    def shared(self) -> Region:
        """Operations are shared where the program is compiled."""
        return self

    def order(self, order: Order, metric: Metric = "paper") -> list[int]:
        if order == "markowitz" and metric in AT_RUN_TIME:
            return _Left(self, _Known(self)).cheapest_first() or []
        return super().order(order, metric)

    def count(self, order: Order, metric: Metric = "paper", cse: bool = False) -> int:
        """ "paper": products of partials. "folded" and "operations": multiplications and additions that they take."""
        if metric not in AT_RUN_TIME:
            return super().count(order, metric, cse)
        return _Known(self).count(self.order(order, metric))

    def quick(self) -> list[int]:
        """The cheapest of the standard orders."""
        known = _Known(self)
        orders = [self.order("reverse"), self.order("forward"), _Left(self, known).cheapest_first(MOST_PRODUCTS)]
        return min(filter(None, orders), key=known.count, default=[])

    def lower_bound(self, metric: Metric = "paper", cse: bool = False) -> int:
        return super().lower_bound(metric, cse) if metric not in AT_RUN_TIME else 0  # products may be free

    def search(
        self,
        metric: Metric = "paper",
        cse: bool = False,
        seconds: float | None = None,
        seed: int = 0,
        moves: int | None = None,
        progress: bool = False,
    ) -> Found:
        """The cheapest order found: see `Region.search`. At run time's costs vertices are moved at random from the cheapest of
        the standard orders; nothing is proved."""
        if metric not in AT_RUN_TIME:
            return super().search(metric, cse, seconds, seed, moves, progress)
        seconds = SECONDS if seconds is None and moves is None else seconds
        rng, began, known = random.Random(seed), time.perf_counter(), _Known(self)
        order = min((self.order(name, metric) for name in STANDARD), key=known.count)
        cost, made = known.count(order), 0
        history = [Step(0, time.perf_counter() - began, cost)]
        with Bar(progress, seconds, moves) as bar:
            while cost and len(order) > 1 and made != moves and (seconds is None or time.perf_counter() - began < seconds):
                made += 1
                new = order[:]
                new.insert(rng.randrange(len(order)), new.pop(rng.randrange(len(order))))
                found = known.count(new)
                if found < cost:
                    history.append(Step(made, time.perf_counter() - began, found))
                if found <= cost:
                    order, cost = new, found
                bar.show(made, cost, 0)
        return Found(order, cost, history, cost == 0, 0)

    def modes(self, inputs: int, outputs: int) -> int:
        """What so many products of a vector with the whole Jacobian cost, whichever are fewer."""
        return min(inputs, outputs) * sum(cast(Jacobian, e.partial).work for e in self.edges)


class _Known:
    """Products and sums of partials that were asked for before, and what they cost."""

    def __init__(self, region: ArrayRegion) -> None:
        self.region, self.algebra = region, Structured(region.dtype)
        self.made: dict[tuple[str, int, int], tuple[object, object, object, int]] = {}

    def get(self, op: str, x: object, y: object) -> tuple[object, int]:
        found = self.made.get((op, id(x), id(y)))
        if found is None:
            before = self.algebra.work.cost
            result = getattr(self.algebra, op)(x, y)
            found = self.made[op, id(x), id(y)] = (x, y, result, self.algebra.work.cost - before)
        return found[2], found[3]

    def count(self, order: Sequence[int]) -> int:
        """What an order costs."""
        if len(self.made) > MOST_KNOWN:
            self.made.clear()
        left = _Left(self.region, self)
        return sum([left.eliminate(v) for v in order])


class _Left:
    """What is left of a region, as its vertices are eliminated."""

    def __init__(self, region: ArrayRegion, known: _Known) -> None:
        self.inner, self.ends, self.known, self.cost_of_sums = region.inner, set(region.outputs), known, 0
        self.sources: dict[int, dict[int, object]] = {}
        self.targets: dict[int, dict[int, object]] = {}
        for e in region.edges:
            self._put(e.source, e.target, e.partial)

    def _put(self, i: int, j: int, partial: object) -> None:
        before = self.targets.setdefault(i, {}).get(j)
        if before is not None:
            partial, cost = self.known.get("add", before, partial)
            self.cost_of_sums += cost
        sources = self.sources.setdefault(j, {})
        if partial == 0.0:
            self.targets[i].pop(j, None)
            sources.pop(i, None)
        else:
            self.targets[i][j] = sources[i] = partial

    def cost(self, v: int) -> int:
        """Of the products; sums are not asked for."""
        targets = self.targets.get(v, {}).values()
        return sum([self.known.get("multiply", x, y)[1] for x in self.sources.get(v, {}).values() for y in targets])

    def eliminate(self, v: int) -> int:
        """Eliminate a vertex; what it costs."""
        cost, before = 0, self.cost_of_sums
        targets = self.targets.pop(v, {})
        sources = self.sources.get(v, {}) if v in self.ends else self.sources.pop(v, {})
        for j in targets:
            del self.sources[j][v]
        for i, x in list(sources.items()):
            if v not in self.ends:
                del self.targets[i][v]
            for j, y in targets.items():
                product, more = self.known.get("multiply", x, y)
                cost += more
                self._put(i, j, product)
        return cost + self.cost_of_sums - before

    def cheapest_first(self, most: float = math.inf) -> list[int] | None:
        """Eliminate all, each time the cheapest; their order. None where more products would be tried than `most`."""
        cost = {v: self.cost(v) for v in self.inner}
        order: list[int] = []
        while cost:
            if len(self.known.made) > most:
                return None
            v = min(cost, key=lambda v: (cost[v], v))
            near = {*self.sources.get(v, {}), *self.targets.get(v, {})}
            del cost[v]
            order.append(v)
            self.eliminate(v)
            cost.update({w: self.cost(w) for w in near if w in cost})
        return order
