"""Lower bounds: products that every order makes.

Take a path P from an input to an output, and a stretch u…w of it, which begins and ends at inner vertices. When the last vertex
z of the stretch is eliminated, it has a source i on P before u, and a target j on P behind w: what is left of a path stays
connected. So the product (i→z)(z→j) is made then. Let A be paths from inputs to vertices before the stretch, no two of which
share a vertex, and B such paths from vertices behind it to outputs. Two pairs (a, b) in A×B then differ in i or in j, so that
as many products are made at the stretch's vertices as there are pairs. How many paths share no vertex is a maximal flow
(Menger's theorem).

In the paper metric each stretch is one vertex: eliminating it costs at least the smallest set of vertices that cuts it from the
inputs, times the smallest that cuts it from the outputs.

In the folded metric a product counts if (i→z) is known at run time only and (z→j) is not ±1, or the other way around; and
(i→z) is known at run time only if one edge of P between i and z is. So a stretch is entered and left by edges of run time; one
of the two may be a constant, if no constants that go on from it make it ±1. Inside, a stretch may have constants: a sum of
products costs nothing, but the products that it adds up are multiplied elsewhere in the group of vertices that constants join.
Each inner vertex is in one group; a group's pairs are those that a stretch inside joins. Any grouping gives a bound, and a good
one is looked for by annealing. Constants that cancel would take a path away: edges of which that may be said are on no path.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

from irad.elimination.counts import bits
from irad.elimination.graph import Metric, Region, is_constant

__all__ = ["Bounds", "linked"]

MOVES = 100  # of a vertex to another group, for each vertex
WORK = 600_000  # over the number of vertices: no more moves than that
HOT, COLD = 1.5, 0.05
ROUNDING = 1e-9  # constants nearer to ±1 than this may be ±1 in another order


class Bounds:
    """Lower bounds of a region in a metric."""

    def __init__(self, region: Region, metric: Metric) -> None:
        self.region = region
        self.folded = metric != "paper"
        self.constants, runs = _labels(region, self.folded)
        self.paths = _ConstantPaths(len(region.vertices), self.constants)
        self.constants = {e: c for e, c in self.constants.items() if not self.paths.may_cancel(*e)}
        n = len(region.vertices)
        self.sources: list[list[int]] = [[] for _ in range(n)]
        self.targets: list[list[int]] = [[] for _ in range(n)]
        for i, j in sorted({*runs, *self.constants}):
            self.sources[j].append(i)
            self.targets[i].append(j)
        self.inputs, self.outputs = frozenset(region.inputs), frozenset(region.outputs)
        self.known: dict[frozenset[int], int] = {}

    def vertex(self, v: int) -> int:
        """What eliminating a vertex costs at least, whatever has been eliminated before."""
        return self.group(frozenset((v,)))

    def total(self, vertices: Iterable[int]) -> int:
        """What eliminating a set of vertices costs at least, in any order, and among any others."""
        inner = sorted(vertices)
        alone = sum(self.vertex(v) for v in inner)
        return max(alone, self._grouped(inner)) if self.folded else alone

    def _grouped(self, inner: Sequence[int]) -> int:
        """The best sum over groups that is found by moving vertices between groups, at a temperature that falls."""
        inside = set(inner)
        joined: dict[int, list[int | None]] = {}
        for i, j in sorted(self.constants):
            if i in inside and j in inside:
                joined.setdefault(i, [None]).append(j)
                joined.setdefault(j, [None]).append(i)
        group = {v: frozenset((v,)) for v in inner}
        movable = sorted(joined)
        now = best = sum(self.group(g) for g in group.values())
        rng = random.Random(0)
        moves = min(MOVES * len(movable), WORK // len(self.sources))
        for k in range(moves):
            v = rng.choice(movable)
            to = rng.choice(joined[v])
            old = group[v]
            if (to is None and len(old) == 1) or (to is not None and group[to] is old):
                continue
            left, target = old - {v}, frozenset() if to is None else group[to]
            new = target | {v}
            gain = self.group(left) + self.group(new) - self.group(old) - self.group(target)
            heat = HOT + (COLD - HOT) * k / moves
            if gain < heat * math.log(1.0 - rng.random()):
                continue
            now += gain
            best = max(best, now)
            group.update(dict.fromkeys(left, left) | dict.fromkeys(new, new))
        return best

    def group(self, group: frozenset[int]) -> int:
        """The pairs of paths to and from a group of vertices that a stretch within it joins."""
        if group not in self.known:
            self.known[group] = self._pairs(group) if group else 0
        return self.known[group]

    def _pairs(self, group: frozenset[int]) -> int:
        joins = self._joins(group)
        heads = sorted({j for targets in joins.values() for j in targets})
        best, chosen = 0, set(heads)
        while True:  # paths in for the paths out that are chosen, then the other way around, while that gains
            tails = linked(self.sources, self.inputs, sorted(joins, key=lambda i: (-len(joins[i] & chosen), i)))
            reads = {j: sum(j in joins[i] for i in tails) for j in heads}
            chosen = set(linked(self.targets, self.outputs, sorted(heads, key=lambda j: (-reads[j], j))))
            pairs = sum(len(joins[i] & chosen) for i in tails)
            if pairs <= best:
                return best
            best = pairs

    def _joins(self, group: frozenset[int]) -> dict[int, set[int]]:
        """For each vertex before the group those behind it that a stretch joins with it by a product that counts."""
        order = sorted(group)
        by_run: dict[int, set[int]] = {}  # heads that are read by a run-time edge
        by_constant: dict[int, set[int]] = {}
        above: dict[int, set[int]] = {}  # of the group, what constants within it lead from, and itself
        for w in order:
            above[w] = {w}.union(*(above[u] for u in self.sources[w] if u in group and (u, w) in self.constants))
        for u in reversed(order):
            inside = [w for w in self.targets[u] if w in group and (u, w) in self.constants]
            runs = {j for j in self.targets[u] if (u, j) not in self.constants}
            kept = {
                j for j in self.targets[u] if (u, j) in self.constants and all(self.paths.scales_on(z, j) for z in above[u])
            }
            by_run[u] = runs.union(*(by_run[w] for w in inside))
            by_constant[u] = kept.union(*(by_constant[w] for w in inside))
        below: dict[int, set[int]] = {}
        for u in reversed(order):
            below[u] = {u}.union(*(below[w] for w in self.targets[u] if w in group and (u, w) in self.constants))
        joins: dict[int, set[int]] = {}
        for u in order:
            for i in self.sources[u]:
                if (i, u) not in self.constants:
                    heads = by_run[u] | by_constant[u]
                else:
                    heads = by_run[u] if all(self.paths.scales_back(i, z) for z in below[u]) else set()
                if heads:
                    joins.setdefault(i, set()).update(heads)
        return joins


def linked(back: Sequence[Sequence[int]], ends: Iterable[int], vertices: Iterable[int]) -> list[int]:
    """Those of some vertices that paths which share no vertex lead to, from `ends`; `back` says where edges come from.

    Vertices are taken in their order, each if it can be added to those that were: the first ones weigh most. Each augments a
    flow in which each vertex is an edge of capacity 1, from (v, 0) to (v, 1).
    """
    ends = frozenset(ends)
    flow: set[tuple[object, object]] = set()
    before: dict[int, int] = {}  # where the flow into a vertex comes from
    taken = []
    for vertex in vertices:
        start = (vertex, 0)
        came: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
        todo = [start]
        goal = None
        while todo:
            node = todo.pop()
            v, behind = node
            if behind and v in ends and (node, "end") not in flow:
                goal = node
                break
            through = ((v, 0), (v, 1)) in flow
            if behind:
                steps = [(w, 0) for w in back[v] if (node, (w, 0)) not in flow] + ([(v, 0)] if through else [])
            else:
                steps = ([] if through else [(v, 1)]) + ([(before[v], 1)] if v in before else [])
            for step in steps:
                if step not in came:
                    came[step] = node
                    todo.append(step)
        if goal is None:
            continue
        taken.append(vertex)
        to: object = "end"
        at: tuple[int, int] | None = goal
        while at is not None:
            if (to, at) in flow:
                flow.remove((to, at))
            else:
                flow.add((at, to))
            to, at = at, came[at]
        before = {y[0]: x[0] for x, y in flow if x[1] == 1 and y != "end"}  # type: ignore[index]
    return taken


class _ConstantPaths:
    """Paths of constants between vertices: how many there are, what they multiply by, and whether they may cancel."""

    def __init__(self, n: int, constants: dict[tuple[int, int], float]) -> None:
        targets: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        for (i, j), c in constants.items():
            targets[i].append((j, c))
        self.reach = [0] * n  # itself too
        self.back = [0] * n
        positive, negative = [0] * n, [0] * n
        self.products: list[dict[int, float | None]] = [{} for _ in range(n)]  # None: there are several paths
        for i in reversed(range(n)):
            self.reach[i] = positive[i] = 1 << i
            self.products[i][i] = 1.0
            for j, c in targets[i]:
                self.reach[i] |= self.reach[j]
                positive[i] |= negative[j] if c < 0.0 else positive[j]
                negative[i] |= positive[j] if c < 0.0 else negative[j]
                for k, p in self.products[j].items():
                    self.products[i][k] = None if p is None or k in self.products[i] else c * p
        for i in range(n):
            for j in bits(self.reach[i]):
                self.back[j] |= 1 << i
        # pairs of vertices that paths of both signs join
        self.cancelling = [(i, p & m) for i, (p, m) in enumerate(zip(positive, negative, strict=True)) if p & m]

    def may_cancel(self, i: int, j: int) -> bool:
        """Whether an edge is on one of several paths that may add up to 0."""
        return any(self.back[i] >> a & 1 and self.reach[j] & ends for a, ends in self.cancelling)

    def scales_on(self, z: int, j: int) -> bool:
        """Whether (z→k) is never ±1, for j and all that constants lead to from there."""
        return all(self._scales(z, k) for k in bits(self.reach[j]))

    def scales_back(self, i: int, z: int) -> bool:
        """Whether (k→z) is never ±1, for i and all from which constants lead there."""
        return all(self._scales(k, z) for k in bits(self.back[i]))

    def _scales(self, i: int, j: int) -> bool:
        product = self.products[i][j]
        return product is not None and not abs(abs(product) - 1.0) < ROUNDING


def _labels(region: Region, folded: bool) -> tuple[dict[tuple[int, int], float], set[tuple[int, int]]]:
    """Edges that are constants, and those that are not; in the paper metric all are not."""
    constants: dict[tuple[int, int], float] = {}
    runs: set[tuple[int, int]] = set()
    for e in region.edges:
        if folded and is_constant(e.partial):
            constants[e.source, e.target] = constants.get((e.source, e.target), 0.0) + e.partial  # type: ignore[operator]
        else:
            runs.add((e.source, e.target))
    return {e: c for e, c in constants.items() if e not in runs and c != 0.0}, runs
