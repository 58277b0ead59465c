"""A minimum cut of a small network (Dinic, 1970). SciPy has one, but importing it takes longer than most compiles."""

from __future__ import annotations

__all__ = ["INFINITE", "Network"]

INFINITE = 1 << 40


class Network:
    """Vertices are numbered as they are made; capacities are integers."""

    def __init__(self) -> None:
        self._edges: list[list[int]] = []  # vertex -> indices of its edges
        self._to: list[int] = []
        self._left: list[int] = []  # capacity left; edge e and its reverse e ^ 1 stand together

    def vertex(self) -> int:
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, a: int, b: int, capacity: int) -> None:
        for x, y, c in ((a, b, capacity), (b, a, 0)):
            self._edges[x].append(len(self._to))
            self._to.append(y)
            self._left.append(c)

    def source_side(self, source: int, sink: int) -> set[int]:
        """The vertices on the source's side of a minimum cut, of those the one nearest to the source."""
        while (level := self._levels(source))[sink] >= 0:
            while self._augment(source, sink, level):
                pass
        return {v for v, depth in enumerate(self._levels(source)) if depth >= 0}

    def _levels(self, source: int) -> list[int]:
        level = [-1] * len(self._edges)
        level[source], queue = 0, [source]
        for v in queue:
            for e in self._edges[v]:
                w = self._to[e]
                if self._left[e] and level[w] < 0:
                    level[w] = level[v] + 1
                    queue.append(w)
        return level

    def _augment(self, source: int, sink: int, level: list[int]) -> bool:
        """Push flow along one path that goes up a level each step; dead ends lose their level."""
        path: list[int] = []
        v = source
        while v != sink:
            for e in self._edges[v]:
                if self._left[e] and level[self._to[e]] == level[v] + 1:
                    path.append(e)
                    v = self._to[e]
                    break
            else:
                if v == source:
                    return False
                level[v] = -1
                v = self._to[path.pop() ^ 1]
        flow = min(self._left[e] for e in path)
        for e in path:
            self._left[e] -= flow
            self._left[e ^ 1] += flow
        return True
