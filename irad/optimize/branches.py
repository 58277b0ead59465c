"""What a branch in a loop computed, as it can be computed again in another place: the operations that lead to it.

    %p = cond(%test, @then, @orelse)              a = x * 2.0; b = x + 1.0
    the value: a = x * 2.0 in @then      =>       select(test, a, b)
    and b = x + 1.0 in @orelse

Only operations that cannot fail are taken out of their branch, and few of them; where a branch leaves the value out, the
other one's is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from irad.graph.build import Builder
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.optimize.rebuild import is_undef

__all__ = ["Branched", "branched"]


@dataclass(slots=True)
class Branched:
    """A result of a branch: the operations to do again, in order, and its value on each side (None: absent)."""

    test: Node
    operations: list[Apply] = field(default_factory=list)
    values: list[Node | None] = field(default_factory=list)
    reads: list[Node] = field(default_factory=list)  # from outside the branch
    alias: dict[Node, Node] = field(default_factory=dict)  # results of branches inside, of which one side gives all
    cost: float = 0.0

    def emit(self, b: Builder, outside: Callable[[Node], Node]) -> Node:
        """The value, built where `b` is; outside: the values that are read."""
        made: dict[Node, Node] = {}

        def get(x: Node) -> Node:
            while x in self.alias:
                x = self.alias[x]
            return made[x] if x in made else outside(x)

        for x in self.operations:
            b.span, b.adjoint = x.span, x.adjoint
            made[x] = b.apply(x.fn, [get(a) for a in x.args], x.static)
        then, orelse = self.values
        if then is None or orelse is None:
            return get(then if orelse is None else orelse)  # type: ignore[arg-type]
        return b.select(get(self.test), get(then), get(orelse))


def branched(x: Node, cost: Callable[[Apply], float]) -> Branched | None:
    """x, a result of a `cond`, as it can be computed again; None where it cannot."""
    found = _outputs(x)
    if found is None:
        return None
    cond, outs = found
    out = Branched(cond.args[0])
    for g, value in zip(cond.graphs, outs, strict=True):
        if is_undef(value):
            out.values.append(None)
        elif not _follow(out, value, g, cost):
            return None
        else:
            out.values.append(value)
    if None not in out.values:
        out.reads.append(out.test)
        out.cost += 1
    elif out.values == [None, None]:
        return None
    out.reads = [r for r in dict.fromkeys(out.reads) if r.__class__ is not Constant]
    return out


def _outputs(x: Node) -> tuple[Apply, list[Node]] | None:
    """The branch that x is a result of, and what each side gives for it."""
    if not isinstance(x, Apply):
        return None
    cond, k = (x.args[0], x.static[0]) if x.fn.name == "getitem" else (x, None)
    if not isinstance(cond, Apply) or cond.fn.name != "cond":
        return None
    outs = []
    for g in cond.graphs:
        out = g.output
        if k is not None:
            if not (isinstance(out, Apply) and out.fn.name == "make_tuple"):
                return None
            out = out.args[k]
        outs.append(out)
    return cond, outs


def _follow(into: Branched, value: Node, g: Graph, cost: Callable[[Apply], float]) -> bool:
    """Note the operations of g, or of branches inside it, that lead to a value; False where some cannot be done again."""
    todo: list[tuple[Node, bool]] = [(value, False)]
    done: set[Node] = set(into.operations)
    while todo:
        x, ready = todo.pop()
        if x in done or x.__class__ is Constant:
            continue
        if x.graph is None or not x.graph.within(g):
            into.reads.append(x)
            continue
        if ready:
            done.add(x)
            into.operations.append(x)  # type: ignore[arg-type]
            continue
        inner = _outputs(x)
        if inner is not None:
            given = [out for out in inner[1] if not is_undef(out)]
            if len(given) != 1:
                return False
            into.alias[x] = given[0]
            todo.append((given[0], False))
            continue
        if not isinstance(x, Apply) or x.fn.name == "index":  # an index is in range in its branch only
            return False
        price = cost(x)
        if price == math.inf:
            return False
        into.cost += price
        todo.append((x, True))
        todo.extend((a, False) for a in x.args)
    return True
