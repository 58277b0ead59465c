"""A function whose derivative is sparse, as a graph of its numbers and arrays: structures are taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irad.graph.build import Builder
from irad.graph.nodes import Graph, Module, Node
from irad.primitives import REGISTRY
from irad.types import Record, Static, Struct, Tuple, Type, is_float, leaves

__all__ = ["Problem", "problem_of", "with_entry"]


@dataclass(frozen=True, slots=True)
class Problem:
    """`graph`, the entry of the module, takes all leaves of the arguments, then those of what is captured, and returns the
    tuple of the result's numbers and arrays that are floats. wrt: the parameters in which derivatives are taken."""

    module: Module
    graph: Graph
    wrt: tuple[int, ...]

    @property
    def inputs(self) -> list[Type]:
        return [self.graph.params[k].type for k in self.wrt]

    @property
    def outputs(self) -> list[Type]:
        assert isinstance(self.graph.output.type, Tuple)
        return list(self.graph.output.type.items)


def problem_of(module: Module, argnums: Sequence[int]) -> Problem:
    """The problem of the module's entry, whose parameters `argnums` derivatives are taken in."""
    main = module.entry
    found = with_entry(module)
    b = Builder(found, REGISTRY)
    graph = found.entry
    wrt: list[int] = []
    with b.inside(graph):
        args = []
        for i, p in enumerate(main.params):
            first = len(graph.params)
            args.append(_taken(b, graph, p.type, p.name))
            wrt += [k for k in range(first, len(graph.params)) if i in argnums and is_float(graph.params[k].type)]
        out: list[Node] = []
        _apart(b, b.call(main, args), out)
        graph.finish(b.make_tuple(*[v for v in out if is_float(v.type)]))
    return Problem(found, graph, tuple(wrt))


def with_entry(module: Module, name: str = "flat") -> Module:
    """A module with these graphs and an empty one before them, its entry."""
    out = Module()
    out.sums, out.names = dict(module.sums), dict(module.names)
    out.graphs = [Graph(out.unique(name)), *module.graphs]
    return out


def _taken(b: Builder, graph: Graph, t: Type, name: str | None) -> Node:
    """An argument of type t, its leaves as parameters of the graph."""
    if isinstance(t, Record):
        return b.make_record(*[_taken(b, graph, u, name) for u in t.items], form=t.form)
    if isinstance(t, Struct):
        return b.make_tuple(*[_taken(b, graph, u, name) for u in t.items])
    if isinstance(t, Static):
        return b.constant(t, t.value)
    return b.parameter(graph, t, name)


def _apart(b: Builder, node: Node, out: list[Node]) -> None:
    """The leaves of a value, left to right."""
    if isinstance(node.type, Struct):
        for i in range(len(node.type.items)):
            _apart(b, b.getitem(node, index=i), out)
    elif leaves(node.type):
        out.append(node)
