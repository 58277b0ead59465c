"""What irad differentiates, as regions (see `irad.elimination`): joins specializer, passes and linearisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from irad.compiled import Transform, core_of, unwrap
from irad.elimination.drawing import draw
from irad.elimination.graph import Metric, Partial, Region
from irad.elimination.kept import keep
from irad.elimination.structured import Jacobian
from irad.errors import public, refuse
from irad.frontend import lower
from irad.graph.build import Builder
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.text import Line, printed
from irad.lock import LOCK
from irad.pipeline import LEAN, run_passes
from irad.primitives import REGISTRY
from irad.specialize.entry import specialize, type_of
from irad.transforms.elimination import Linearised, NotStraightLine
from irad.transforms.expand import differentiated
from irad.transforms.jacobian import cheapest, forms
from irad.types import Type, is_float, leaves

__all__ = ["explained", "linearized", "region"]


class AsWritten(Builder):
    """A builder that keeps operations on floats as they are written: constants are folded, but no operation is simplified, or
    taken for an equal one."""

    def apply(self, prim: Any, args: Sequence[Node], static: tuple[Any, ...] = (), graphs: tuple[Graph, ...] = ()) -> Node:
        if not prim.elementwise or not any(is_float(a.type) for a in args):
            return super().apply(prim, args, static, graphs)
        known = self._fold(prim, tuple(args), static) if all(isinstance(a, Constant) for a in args) else None
        return known or self._make(prim, tuple(args), static, graphs)


DEAR = 4  # what an operation costs that is told apart: divisions and roots, and functions
GRANULARITIES = ("compiled", "paper")


@public
def region(f: Callable[..., Any], args: Sequence[Any], granularity: str) -> Region:
    """See `irad.elimination.region`."""
    if granularity not in GRANULARITIES:
        raise refuse(
            "unknown-granularity",
            f"no granularity of a region is {granularity!r}",
            help='use "compiled", what irad differentiates, or "paper", every operation as it is written',
        )
    return _of_arguments(f, args, AsWritten if granularity == "paper" else Builder).region


def _of_arguments(f: Callable[..., Any], args: Sequence[Any], builder: type[Builder] = Builder) -> Linearised:
    core = core_of(f)
    with LOCK:
        return _linearised(core.fn if core is not None else f, [type_of(v) for v in args], builder)


def _linearised(f: Any, types: Sequence[Type], builder: type[Builder] = Builder) -> Linearised:
    argnums = tuple(i for i, t in enumerate(types) if any(map(is_float, leaves(t))))
    transform = Transform("jacrev", f, (("argnums", argnums),))
    entry = specialize(transform, types, lower, hooks={"unwrap": unwrap}, builder=builder)
    graph, wrt = differentiated(entry.module, lambda m: m if builder is AsWritten else run_passes(m, LEAN))
    refused: list[NotStraightLine] = []
    for form in (Linearised,) if builder is AsWritten else forms(graph, wrt):
        b = builder(Module(), REGISTRY)
        new = b.new_graph(graph.name)
        params = [b.parameter(new, p.type, p.name) for p in graph.params]
        try:
            with b.inside(new):
                return form(b, graph, wrt, params)
        except NotStraightLine as e:
            refused.append(e)
    raise refused[0].refusal(graph.span)


def linearized(f: Any, types: Sequence[Type]) -> tuple[list[Line], Module]:
    """The text of a function's region, and its program: what f computes, then the partials. Behind the line of a vertex stand
    its name, and what it is multiplied by for each operand: `sqrt.0: %12 mul.0`."""
    found = _linearised(f, types)
    b, region = found.b, found.region
    graph = b.module.entry
    partials = [node for e in region.edges for node in _nodes(e.partial)]
    with b.inside(graph):
        graph.finish(b.make_tuple(*dict.fromkeys(partials)))
    lines, names = printed(b.module)

    def shown(v: int) -> str:
        terms = [f"{_text(e.partial, names)} {region.vertices[e.source].name}" for e in region.edges if e.target == v]
        kind = "an output, " if v in region.outputs else ""
        return f"{region.vertices[v].name}: {kind}{', '.join(terms) or 'an input'}"

    said: dict[Any, str] = {node: shown(v) for node, v in found.number.items()}
    return [line._replace(comment="; ".join(filter(None, [line.comment, said.get(line.node)]))) for line in lines], b.module


def _nodes(partial: Partial) -> list[Node]:
    """The nodes that a partial is made of."""
    if isinstance(partial, Jacobian):
        return partial.nodes()
    return [partial] if isinstance(partial, Node) else []


def _text(partial: Partial, names: Mapping[Any, str]) -> str:
    if isinstance(partial, Jacobian):
        return partial.text(lambda node: names.get(node, str(node)))
    return names[partial] if isinstance(partial, Node) else str(partial)


COLUMNS: tuple[tuple[Metric, str], ...] = (
    ("folded", "products at run time"),
    ("operations", "operations"),
    ("paper", "all products"),
)


@public
def explained(f: Callable[..., Any], args: Sequence[Any], seconds: float | None, plot: str | Path | None) -> str:
    """What orders cost, as a table. Where it is searched for a cheaper one, which is kept, the search may be drawn."""
    linear = _of_arguments(f, args)
    region = linear.region
    orders = {name: region.order(name, "folded") for name in ("forward", "reverse", "markowitz")} | {"auto": cheapest(region)}
    lines = [repr(region), f"beside its elimination: {_operations(linear.b.module.entry.body)}"]
    if seconds is not None:
        found = region.search(metric="folded", seconds=seconds)
        keep(region, found.order)
        orders["searched"] = found.order
        how = "proved to be the cheapest" if found.optimal else f"no order has fewer products than {found.bound}"
        lines.append(f"searched for {found.history[-1].seconds:.1f} s until the last find: {how}")
    counts = {name: {metric: region.count(order, metric) for metric, _ in COLUMNS} for name, order in orders.items()}
    lines.append(f"{'':12}" + "".join(f"{title:>22}" for _, title in COLUMNS))
    lines += [f"{name:12}" + "".join(f"{c[metric]:>22}" for metric, _ in COLUMNS) for name, c in counts.items()]
    if seconds is not None and plot is not None:
        draw(found, {name: c["folded"] for name, c in counts.items() if name != "searched"}, Path(plot))
        lines.append(f"the search is drawn in {plot}")
    return "\n".join(lines)


def _operations(body: Sequence[Apply]) -> str:
    """How many operations there are, and those that take long, by name."""
    names = Counter(node.fn.name for node in body if node.fn.elementwise)
    dear = {n.fn.name for n in body if n.fn.cost >= DEAR}
    slow = ", ".join(f"{count} {name}" for name, count in names.most_common() if name in dear)
    return f"{sum(names.values())} operations for the function and its partials" + (f", with {slow}" if slow else "")
