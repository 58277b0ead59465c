"""The operation `jacobian` gets its body: the function is linearised, on numbers or on arrays, and its vertices are
eliminated in the order that was asked for.

Few derivatives, each a number of the program, are best made of numbers: all that is known of them is used, and zeros cost
nothing. More are made of arrays. A function that can be written in neither way has its Jacobian by forward or reverse mode, as
has one of which that costs less.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Any

from irad.elimination.annealing import quick
from irad.elimination.arrays import ArrayRegion
from irad.elimination.graph import Region
from irad.elimination.kept import kept
from irad.errors import CompileError, refuse
from irad.graph.nodes import Apply, Graph, Module
from irad.graph.walk import Task
from irad.optimize.rebuild import Rebuild
from irad.primitives.control import FEW_ENTRIES
from irad.transforms.elimination import Linearised, NotStraightLine
from irad.transforms.structured import LinearisedArrays
from irad.types import Array, Tuple, Type, is_float

__all__ = ["cheapest", "eliminate", "forms"]


def forms(graph: Graph, wrt: Sequence[int]) -> tuple[type[Linearised], ...]:
    """The ways to linearise a function, the best one first."""
    result = graph.result
    outputs = _entries(result.items if isinstance(result, Tuple) else (result,))
    few = _entries([graph.params[k].type for k in wrt]) * outputs <= FEW_ENTRIES
    return (Linearised, LinearisedArrays) if few else (LinearisedArrays, Linearised)


def _entries(types: Sequence[Type | None]) -> float:
    """How many floats values of these types are."""
    found = 0.0
    for t in types:
        if t is not None and is_float(t):
            known = t.static_shape if isinstance(t, Array) else ()
            found += math.inf if known is None else math.prod(known)
    return found


class _Eliminate(Rebuild):
    """Gives the operations `jacobian` of some functions their bodies."""

    def __init__(self, module: Module, targets: Container[Graph]) -> None:
        super().__init__(module)
        self.targets = targets
        self.made: dict[tuple[Graph, tuple[int, ...], Any], Graph | None] = {}

    def control(self, node: Apply) -> Task:
        if node.fn.name != "jacobian" or node.graphs[0] not in self.targets:
            yield super().control(node)
            return
        graph, modes = node.graphs
        wrt, order = node.static
        key = (graph, wrt, order)
        if key not in self.made:
            self.made[key] = self.straight_line(node)
        called = self.made[key]
        if called is None:
            yield self.ensure(modes)
            called = self.graphs[modes]
        self.b.span = node.span
        self.bind(node, self.b.call(called, [self.get(a) for a in node.args]))

    def straight_line(self, node: Apply) -> Graph | None:
        """A graph that makes the Jacobian by elimination; None where the function is no straight-line code."""
        graph, (wrt, order) = node.graphs[0], node.static
        refused: list[CompileError] = []
        for form in forms(graph, wrt):
            try:
                return self.eliminated(node, form)
            except NotStraightLine as e:
                refused.append(e.refusal(node.span))
            except CompileError as e:  # the names may be those of another form
                if isinstance(order, str):
                    raise
                refused.insert(0, e)
        if not isinstance(order, str):
            raise refused[0]
        return None

    def eliminated(self, node: Apply, form: type[Linearised]) -> Graph:
        """A graph that makes the Jacobian by elimination. Raises NotStraightLine."""
        b, graph = self.b, node.graphs[0]
        wrt, order = node.static
        before, b.span = b.adjoint, graph.span
        new = b.new_graph(f"{graph.name}.jacobian")
        params = [b.parameter(new, p.type, p.name) for p in graph.params]
        try:
            with b.inside(new):
                found = form(b, graph, wrt, params)
                chosen = _chosen(found.region, order, node)
                if order == "auto" and not found.pays(chosen):
                    raise NotStraightLine("forward or reverse mode costs less", None)
                new.finish(b.make_tuple(*found.jacobian(chosen)))
        except (NotStraightLine, CompileError):
            b.module.graphs.remove(new)
            raise
        finally:
            b.adjoint = before
        return new


def _chosen(region: Region, order: str | tuple[str, ...], node: Apply) -> list[int]:
    """The vertices to eliminate, in order."""
    if order == "auto":
        return cheapest(region)
    if isinstance(order, str):
        return region.order(order, "folded")
    ids = region.ids()
    try:
        return region.order([ids[name] for name in order])
    except (KeyError, ValueError) as e:
        why = f"it has no vertex {e}" if isinstance(e, KeyError) else str(e)
        raise refuse(
            "unknown-order",
            f"this is no order of the function's vertices: {why}",
            node.span,
            help="take the names from irad.elimination.region(f, ...).order(...): they change when the function does",
        ) from None


def cheapest(region: Region) -> list[int]:
    """The cheapest order that is known or found quickly, by the products that are left at run time; never worse than forward
    and reverse mode."""
    return kept(region) or (region.quick() if isinstance(region, ArrayRegion) else quick(region, "folded"))


def eliminate(module: Module, targets: Container[Graph]) -> Module:
    """The module with a body for each operation `jacobian` of a function in `targets`."""
    return _Eliminate(module, targets).run()
