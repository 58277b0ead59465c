"""One function specialised for one set of shapes, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irad.graph.nodes import Graph, Parameter
from irad.specialize import sizes
from irad.specialize.captures import Hidden
from irad.specialize.joins import join_shapes
from irad.specialize.mixing import superseded
from irad.specialize.shapes import widen
from irad.specialize.values import Shape

__all__ = ["Copy", "Result"]


class Result:
    """What a copy gives back: the shape of its value, and of each object or variable of its caller that it wrote."""

    __slots__ = ("value", "writes")

    def __init__(self, value: Shape, writes: dict[Any, Shape]) -> None:
        self.value, self.writes = value, writes

    def shapes(self) -> list[Shape]:
        return [self.value, *self.writes.values()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Result) and self.value == other.value and self.writes == other.writes

    __hash__ = None  # type: ignore[assignment]

    def joined(self, other: Result, given: frozenset[str]) -> Result:
        """The result that this one, which a run assumed, and the one that it found both fit."""
        writes = {k: join_shapes(self.writes.get(k, s), s, "a variable") for k, s in other.writes.items()}
        return Result(
            widen(join_shapes(superseded(self.value, other.value), other.value, "the result")),
            {k: widen(s) for k, s in {**self.writes, **writes}.items()},
        ).named(given)

    def named(self, given: frozenset[str]) -> Result:
        """The same with names of its own for the sizes that are not `given`."""
        return self.renamed(sizes.canonical(tuple(self.shapes()), given, "r"))

    def renamed(self, names: Mapping[str, str]) -> Result:
        if not names:
            return self
        return Result(sizes.renamed(self.value, names), {k: sizes.renamed(s, names) for k, s in self.writes.items()})


class Copy:
    """One function for one set of shapes."""

    def __init__(self, key: Any, graph: Graph, python: Graph | None) -> None:
        self.key, self.graph, self.python = key, graph, python
        self.result: Result | None = None
        self.hidden: dict[Hidden, Parameter] = {}
        self.reshaped: set[int] = set()  # the arrays of its caller that the result may share memory with, by a reshape
        self.assumed_hidden: set[Hidden] = set()
        self.done = self.recursive = self.effects = False
        self.never = False  # found to return on no path, but to do something: calls of itself are calls
        self.depends: set[Copy] = set()
        self.tentative: list[Copy] = []
        self.sizes = frozenset(sizes.symbols(key))  # those that its arguments name
