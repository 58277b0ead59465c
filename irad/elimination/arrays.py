"""Regions whose vertices are arrays: a product of two partials costs what their structures say."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

from irad.elimination.graph import Edge, Metric, Order, Region, Vertex
from irad.elimination.structured import Jacobian, Structured
from irad.types import Scalar

__all__ = ["ArrayRegion"]

MOST_PRODUCTS = 400  # that are tried to find the cheapest vertex at each step, where time is short


class ArrayRegion(Region):
    """A region of arrays. Its partials are structured; in the folded metric orders cost multiplications and additions."""

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
        if order == "markowitz" and metric == "folded":
            return _Left(self).cheapest_first() or []
        return super().order(order, metric)

    def count(self, order: Order, metric: Metric = "paper", cse: bool = False) -> int:
        """ "paper": products of partials. "folded": multiplications and additions that they take."""
        if metric != "folded":
            return super().count(order, metric, cse)
        left = _Left(self)
        return sum([left.eliminate(v) for v in self.order(order, metric)])

    def quick(self) -> list[int]:
        """The cheapest of the standard orders."""
        orders = [self.order("reverse"), self.order("forward"), _Left(self).cheapest_first(MOST_PRODUCTS)]
        return min(filter(None, orders), key=lambda order: self.count(order, "folded"), default=[])

    def modes(self, inputs: int, outputs: int) -> int:
        """What so many products of a vector with the whole Jacobian cost, whichever are fewer."""
        return min(inputs, outputs) * sum(cast(Jacobian, e.partial).work for e in self.edges)


class _Left:
    """What is left of a region, as its vertices are eliminated."""

    def __init__(self, region: ArrayRegion) -> None:
        self.algebra = Structured(region.dtype)
        self.inner, self.ends = region.inner, set(region.outputs)
        self.sources: dict[int, dict[int, object]] = {}
        self.targets: dict[int, dict[int, object]] = {}
        self.known: dict[tuple[int, int], tuple[object, object, object, int]] = {}
        for e in region.edges:
            self._put(e.source, e.target, e.partial)

    def _put(self, i: int, j: int, partial: object) -> None:
        before = self.targets.setdefault(i, {}).get(j)
        partial = partial if before is None else self.algebra.add(before, partial)
        sources = self.sources.setdefault(j, {})
        if partial == 0.0:
            self.targets[i].pop(j, None)
            sources.pop(i, None)
        else:
            self.targets[i][j] = sources[i] = partial

    def _product(self, x: object, y: object) -> tuple[object, int]:
        found = self.known.get((id(x), id(y)))
        if found is None:
            before = self.algebra.work.cost
            product = self.algebra.multiply(x, y)
            found = self.known[id(x), id(y)] = (x, y, product, self.algebra.work.cost - before)
            self.algebra.work.cost = before
        return found[2], found[3]

    def cost(self, v: int) -> int:
        """Of the products; sums are not asked for."""
        targets = self.targets.get(v, {}).values()
        return sum([self._product(x, y)[1] for x in self.sources.get(v, {}).values() for y in targets])

    def eliminate(self, v: int) -> int:
        """Eliminate a vertex; what it costs."""
        before = self.algebra.work.cost
        targets = self.targets.pop(v, {})
        sources = self.sources.get(v, {}) if v in self.ends else self.sources.pop(v, {})
        cost = 0
        for j in targets:
            del self.sources[j][v]
        for i, x in list(sources.items()):
            if v not in self.ends:
                del self.targets[i][v]
            for j, y in targets.items():
                product, more = self._product(x, y)
                cost += more
                self._put(i, j, product)
        return cost + self.algebra.work.cost - before

    def cheapest_first(self, most: float = math.inf) -> list[int] | None:
        """Eliminate all, each time the cheapest; their order. None where more products would be tried than `most`."""
        cost = {v: self.cost(v) for v in self.inner}
        order: list[int] = []
        while cost:
            if len(self.known) > most:
                return None
            v = min(cost, key=lambda v: (cost[v], v))
            near = {*self.sources.get(v, {}), *self.targets.get(v, {})}
            del cost[v]
            order.append(v)
            self.eliminate(v)
            cost.update({w: self.cost(w) for w in near if w in cost})
        return order
