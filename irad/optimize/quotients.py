"""A reciprocal that is used once is a division.

Derivative rules multiply by reciprocals, so that one division serves every quotient by the same value (see
`primitives.scalar.recip`). Where no other use was found, the division is done on the product's other factor:

    %r = div(1.0, %s); %d = mul(%x, %r)   =>   %d = div(%x, %s)

Derivative values only: the two round differently. In a loop the reciprocal stays: the other factor is the cotangent that
one trip hands to the next, and the reciprocal of a primal value need not wait for it.

And a quotient of the primal that only derivative values are computed from is a product, where they need the reciprocal too:

    %y = div(%x, %s); %r ~ div(1.0, %s)   =>   %r ~ div(1.0, %s); %y ~ mul(%x, %r)

That is so where a rounding remains one: not where it is divided by what comes of the quotient, or compared, or where a function
of it may have a pole. x / x - 1 is 0 then, and what is infinite stays so.
"""

from __future__ import annotations

from collections import Counter

from irad.graph.build import constant_value, is_constant
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.rebuild import Rebuild

__all__ = ["divide"]


SMALLEST = 1e-30  # of a constant whose reciprocal has all digits, in single precision too
SUMS = frozenset({"add", "sub", "mul", "div", "neg", "sum", "broadcast", "reshape", "transpose", "matmul", "contract"})
SMOOTH = SUMS | {"exp", "tanh", "erf", "abs", "select"}  # a rounding of what they take is a few of what they give


def divide(module: Module) -> Module:
    """The module with as few divisions as that."""
    graphs = list(all_graphs(module))
    if not any(n.adjoint for g in graphs for n in g.body):
        return module
    reciprocals = [n for g in graphs for n in g.body if n.adjoint and n.fn.name == "div" and is_constant(n.args[0], 1.0)]
    users: dict[Node, list[Node | None]] = {}
    for g in graphs:
        for n in g.body:
            for a in n.args:
                users.setdefault(a, []).append(n)
        users.setdefault(g.output, []).append(None)
    products = _products(graphs, reciprocals, users)
    uses = Counter({n: len(us) for n, us in users.items()})
    uses.update(r for r in products.values() if not isinstance(r, float))
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


def _products(
    graphs: list[Graph], reciprocals: list[Apply], users: dict[Node, list[Node | None]]
) -> dict[Apply, Apply | float]:
    """The quotients that become products, each with the reciprocal that it is multiplied by."""
    by_divisor = {(r.graph, r.args[1]): r for r in reciprocals}
    rough: dict[Node, bool] = {}
    free: dict[Node, bool] = {}

    def is_rough(n: Node) -> bool:
        """Whether a rounding of n may become more than one. Users come after what they use, so they are known."""
        for u in users.get(n, ()):
            if u is None or u.graphs:  # type: ignore[attr-defined]
                continue
            name = u.fn.name  # type: ignore[attr-defined]
            if u.fn.elementwise and (name not in SMOOTH or (name == "div" and u.args[1] is n)):  # type: ignore[attr-defined]
                return True
            if rough.get(u, False):
                return True
        return False

    def is_free(n: Node) -> bool:
        """Whether only derivative values are computed from n."""
        return all(
            u is not None and u.fn.name in SMOOTH and (u.adjoint or free.get(u, False))  # type: ignore[attr-defined]
            for u in users.get(n, (None,))
        )

    for g in reversed(graphs):
        for n in reversed(g.body):
            rough[n] = is_rough(n)
            free[n] = n.fn.name in SMOOTH and not rough[n] and is_free(n)
    return {
        n: r
        for g in graphs
        for n in g.body
        if n.fn.name == "div" and not n.adjoint and free[n]
        for r in (by_divisor.get((g, n.args[1])) or _inverse(n.args[1]),)
        if r is not None
    }


def _inverse(s: Node) -> float | None:
    """Of a constant."""
    value = constant_value(s)
    return 1.0 / value if isinstance(value, float) and SMALLEST <= abs(value) <= 1.0 / SMALLEST else None


def _in_loop(graph: Graph | None) -> bool:
    while graph is not None:
        if graph.role == "loop":
            return True
        graph = graph.parent
    return False


class _Divide(Rebuild):
    def __init__(self, module: Module, found: dict[Apply, tuple[Node, Apply]], products: dict[Apply, Apply | float]) -> None:
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
            x, s, by = self.get(node.args[0]), self.get(node.args[1]), self.products[node]
            self.bind(node, b.mul(x, b.like(by, x) if isinstance(by, float) else b.div(b.like(1.0, s), s)))
        elif node not in self.gone:
            super().plain(node)
