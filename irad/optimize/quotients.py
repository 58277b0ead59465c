"""A reciprocal that is used once is a division.

Derivative rules multiply by reciprocals, so that one division serves every quotient by the same value (see
`primitives.scalar.recip`). Where no other use was found, the division is done on the product's other factor:

    %r = div(1.0, %s); %d = mul(%x, %r)   =>   %d = div(%x, %s)

Derivative values only: the two round differently. In a loop the reciprocal stays: the other factor is the cotangent that
one trip hands to the next, and the reciprocal of a primal value need not wait for it.
"""

from __future__ import annotations

from collections import Counter

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.rebuild import Rebuild

__all__ = ["divide"]


def divide(module: Module) -> Module:
    """The module with the reciprocals that are used once put into their products."""
    reciprocals = [
        n
        for g in all_graphs(module)
        if not _in_loop(g)
        for n in g.body
        if n.adjoint and n.fn.name == "div" and is_constant(n.args[0], 1.0)
    ]
    if not reciprocals:
        return module
    uses = Counter(a for g in all_graphs(module) for n in g.body for a in n.args)
    uses.update(g.output for g in all_graphs(module))
    once = {r for r in reciprocals if uses[r] == 1}
    found: dict[Apply, tuple[Node, Apply]] = {}
    for g in all_graphs(module):
        for n in g.body:
            if n.adjoint and n.fn.name == "mul":
                for r, x in (n.args, n.args[::-1]):
                    if r in once and r.graph is g:
                        found[n] = (x, r)
                        once.remove(r)
                        break
    return _Divide(module, found).run() if found else module


def _in_loop(graph: Graph | None) -> bool:
    while graph is not None:
        if graph.role == "loop":
            return True
        graph = graph.parent
    return False


class _Divide(Rebuild):
    def __init__(self, module: Module, found: dict[Apply, tuple[Node, Apply]]) -> None:
        super().__init__(module)
        self.found, self.gone = found, {r for _, r in found.values()}

    def plain(self, node: Apply) -> None:
        if node in self.found:
            x, r = self.found[node]
            self.b.adjoint = True
            self.bind(node, self.b.div(self.get(x), self.get(r.args[1])))
        elif node not in self.gone:
            super().plain(node)
