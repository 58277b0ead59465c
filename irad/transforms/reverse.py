"""Reverse mode: for a graph f and parameters `wrt`, a forward graph and a backward graph, as ordinary typed IR. No tape.

    f(x) = y      =>   f.forward(x) = (y, r...)      f.backward(r..., ct_y) = (ct_x, ...)

The residuals r are the forward values that the backward graph asks for: they are found, as the captures of a closure
are. Inlining both into their caller makes the pair one piece of dataflow, in which residuals are just values. In
branches and loops the two sides stay apart; there residuals leave the forward branch as results, and the forward loop
on a stack, which the reverse loop pops. A function that calls itself keeps its residuals in a sum (`irad.types.Sum`),
for each holds that of the call inside it.

Cotangents of captured values are accumulated: those of arrays are handed in and handed back updated, so that reading
x[i] n times costs O(n); those of numbers are returned and added. Zeros are symbols until a branch or loop joins.

After Pearlmutter and Siskind, "Reverse-mode AD in a functional framework", 2008; accumulators after Paszke et al.,
"Getting to the point", 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from irad.graph.build import UNIT_VALUE, Builder
from irad.graph.nodes import Constant, Graph, Node
from irad.graph.walk import Task
from irad.transforms.activity import Activity
from irad.transforms.cotangents import accumulates, named, slot_type, unpack
from irad.transforms.flow import Flow
from irad.transforms.region import Region
from irad.types import Sum, Tuple, Type

__all__ = ["Pair", "Reverse"]


@dataclass(slots=True)
class Pair:
    """The two graphs of a function for one choice of parameters, and how to call them.

    forward gives the items of the result, then the residuals; backward takes the residuals, the result's cotangent
    (packed), and the accumulators of the parameters in `accumulated`; it gives the cotangents of `wrt`, in order.
    """

    forward: Graph
    backward: Graph
    wrt: tuple[int, ...]
    items: int  # of the result: 1, or those of its tuple
    residuals: list[Type] = field(default_factory=list)
    sum: Sum | None = None  # of a function that calls itself
    accumulated: tuple[int, ...] = ()

    @property
    def residual_type(self) -> Type:
        return self.sum or Tuple(self.residuals)


class Reverse:
    """Makes pairs in the module that `b` builds, from graphs of the module before."""

    def __init__(self, b: Builder, recursive: set[Graph], copy: Callable[[Graph], Task]) -> None:
        self.b, self.recursive, self.copy = b, recursive, copy
        self.pairs: dict[tuple[Graph, tuple[int, ...], bool], Pair] = {}
        self.flow = Flow()
        self.free: dict[Graph, set[Node]] = {}  # backward graph -> parameters of those around it that it uses

    def pair(self, graph: Graph, wrt: tuple[int, ...], lent: bool) -> Task:
        """The pair of a function, made on first use. `lent`: the caller hands in the accumulators of arrays."""
        found = self.pairs.get((graph, wrt, lent))
        if found is not None:
            return found
        b = self.b
        b.span = graph.span
        result = graph.result
        assert result is not None
        items = len(result.items) if isinstance(result, Tuple) else 1
        forward, backward = b.new_graph(f"{graph.name}.forward"), b.new_graph(f"{graph.name}.backward")
        pair = self.pairs[graph, wrt, lent] = Pair(forward, backward, wrt, items)
        flowing = self.flow.of(graph)
        pair.accumulated = tuple(i for i in wrt if lent and accumulates(graph.params[i].type) and i not in flowing)
        if graph in self.recursive:
            residual = pair.sum = Sum(b.module.unique(f"{graph.name}.residual"))
            forward.result = Tuple([*_items(result), residual])
            backward.result = _cotangents_type([graph.params[i].type for i in wrt])
            b.parameter(backward, residual, "residual")
            b.parameter(backward, slot_type(result), "ct")
            for i in pair.accumulated:
                b.parameter(backward, slot_type(graph.params[i].type), f"ct_{graph.params[i].name}")
        yield Function(self, graph, pair).build()
        return pair


def _items(t: Type) -> tuple[Type, ...]:
    return t.items if isinstance(t, Tuple) else (t,)


def _cotangents_type(types: list[Type]) -> Type:
    parts = [slot_type(t) for t in types]
    return parts[0] if len(parts) == 1 else Tuple(parts)


class Function:
    """The making of one pair."""

    def __init__(self, r: Reverse, graph: Graph, pair: Pair) -> None:
        self.r, self.b, self.graph, self.pair = r, r.b, graph, pair
        self.active = Activity(graph, pair.wrt)
        self.env: dict[Node, Node] = {}  # primal node -> forward node

    def get(self, node: Node) -> Node:
        return node if node.__class__ is Constant else self.env[node]

    def build(self) -> Task:
        b, graph, pair = self.b, self.graph, self.pair
        result = graph.result
        assert result is not None
        for p in graph.params:
            self.env[p] = b.parameter(pair.forward, p.type, p.name)
        inner = pair.backward
        if pair.sum is not None:  # the residuals' types are known at the end: one graph more
            b.span = graph.span
            inner = b.new_graph(f"{graph.name}.backward")
        region = Region(self, graph, pair.forward, inner, None)
        with b.inside(pair.forward):
            yield region.forward()
        with b.inside(inner):
            ct = b.parameter(inner, slot_type(result), "ct")
            region.receive(graph.output, unpack(b, result, ct))
            handed = [
                b.parameter(inner, slot_type(graph.params[i].type), f"ct_{graph.params[i].name}") for i in pair.accumulated
            ]
            for i, p in zip(pair.accumulated, handed, strict=True):
                region.ct[graph.params[i]] = p
            yield region.backward()
            outs = [named(region.packed(graph.params[i], region.ct.get(graph.params[i])), graph.params[i]) for i in pair.wrt]
            inner.finish(b.tuple_(outs) if outs else UNIT_VALUE)
        residuals = region.settle([ct, *handed])
        pair.residuals = [v.type for v in residuals]
        with b.inside(pair.forward):
            items = b.items(self.get(graph.output))
            if pair.sum is not None:
                b.module.sums[pair.sum.name] = (tuple(pair.residuals),)
                items = [*items, b.inject(*residuals, of=pair.sum, case=0)]
            else:
                items = [*items, *residuals]
            pair.forward.finish(b.make_tuple(*items))
        if pair.sum is not None:
            with b.inside(pair.backward):
                residual, *rest = pair.backward.params
                fields = b.project(residual, case=0)
                args = [b.getitem(fields, index=k) for k in range(len(residuals))]
                pair.backward.finish(b.call(inner, [*args, *rest]))
