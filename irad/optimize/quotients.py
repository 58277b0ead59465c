"""A reciprocal that is used once is a division.

Derivative rules multiply by reciprocals, so that one division serves every quotient by the same value (see
`primitives.scalar.recip`). Where no other use was found, the division is done on the product's other factor:

    %r = div(1.0, %s); %d = mul(%x, %r)   =>   %d = div(%x, %s)

Derivative values only: the two round differently. In a loop the reciprocal stays: the other factor is the cotangent that
one trip hands to the next, and the reciprocal of a primal value need not wait for it.

And a quotient of the primal that only derivative values are computed from is a product, where they need the reciprocal too:

    %y = div(%x, %s); %r ~ div(1.0, %s)   =>   %r ~ div(1.0, %s); %y ~ mul(%x, %r)
"""

from __future__ import annotations

from collections import Counter

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.rebuild import Rebuild

__all__ = ["divide"]


ARITHMETIC = frozenset({"add", "sub", "mul", "div", "neg", "sum", "broadcast", "reshape", "transpose", "matmul", "contract"})


def divide(module: Module) -> Module:
    """The module with as few divisions as that."""
    graphs = list(all_graphs(module))
    reciprocals = [n for g in graphs for n in g.body if n.adjoint and n.fn.name == "div" and is_constant(n.args[0], 1.0)]
    if not reciprocals:
        return module
    users: dict[Node, list[Node | None]] = {}
    for g in graphs:
        for n in g.body:
            for a in n.args:
                users.setdefault(a, []).append(n)
        users.setdefault(g.output, []).append(None)
    products = _products(graphs, reciprocals, users)
    uses = Counter({n: len(us) for n, us in users.items()})
    uses.update(r for r in products.values())
    once = {r for r in reciprocals if uses[r] == 1 and not _in_loop(r.graph)}
    found: dict[Apply, tuple[Node, Apply]] = {}
    for g in graphs:
        for n in g.body:
            if n.adjoint and n.fn.name == "mul":
                for r, x in (n.args, n.args[::-1]):
                    if r in once and r.graph is g:
                        found[n] = (x, r)
                        once.remove(r)
                        break
    return _Divide(module, found, products).run() if found or products else module


def _products(graphs: list[Graph], reciprocals: list[Apply], users: dict[Node, list[Node | None]]) -> dict[Apply, Apply]:
    """The quotients that become products, each with the reciprocal that it is multiplied by."""
    by_divisor = {(r.graph, r.args[1]): r for r in reciprocals}
    free: dict[Node, bool] = {}

    def is_free(n: Node) -> bool:
        """Whether only derivative values are computed from n. Users come after what they use, so they are known."""
        return all(
            u is not None and u.fn.name in ARITHMETIC and (u.adjoint or free.get(u, False))  # type: ignore[attr-defined]
            for u in users.get(n, (None,))
        )

    for g in reversed(graphs):
        for n in reversed(g.body):
            free[n] = n.fn.name in ARITHMETIC and is_free(n)
    return {
        n: r
        for g in graphs
        for n in g.body
        if n.fn.name == "div" and not n.adjoint and free[n]
        for r in (by_divisor.get((g, n.args[1])),)
        if r is not None
    }


def _in_loop(graph: Graph | None) -> bool:
    while graph is not None:
        if graph.role == "loop":
            return True
        graph = graph.parent
    return False


class _Divide(Rebuild):
    def __init__(self, module: Module, found: dict[Apply, tuple[Node, Apply]], products: dict[Apply, Apply]) -> None:
        super().__init__(module)
        self.found, self.products = found, products
        self.gone = {r for _, r in found.values()}

    def plain(self, node: Apply) -> None:
        b = self.b
        if node in self.found:
            x, r = self.found[node]
            b.adjoint = True
            self.bind(node, b.div(self.get(x), self.get(r.args[1])))
        elif node in self.products:
            b.adjoint = True
            s = self.get(node.args[1])
            self.bind(node, b.mul(self.get(node.args[0]), b.div(b.like(1.0, s), s)))
        elif node not in self.gone:
            super().plain(node)
