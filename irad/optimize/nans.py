"""Checks after every floating-point operation that its result holds no nan: what `debug_nans` asks for.

    %y: float = div(%a, %b)   =>   %y: float = div(%a, %b);
                                   %ok: bool = eq(%y, %y);
                                   assert(%ok, %a, %b, error="FloatingPointError", message="`div` gave nan from {0} and {1}")

The checks are effects, so they stay in the branch and in the trip that computes the value, whatever later passes move.
Operations that only move values (getitem, reshape, select, ...) are not checked: what they give was checked where it was made.
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Module, Node
from irad.optimize.rebuild import Rebuild
from irad.primitives.products import PRODUCTS
from irad.types import Array, Scalar

__all__ = ["check_nans"]

PICKING = frozenset({"select", "copysign", "neg", "abs"})  # elementwise, but nan only where an operand is
REDUCING = frozenset({"sum", "prod", "max", "min"}) | PRODUCTS


def check_nans(module: Module) -> Module:
    """The module with the checks."""
    return _Check(module).run()


class _Check(Rebuild):
    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.checked: set[Node] = set()

    def plain(self, node: Apply) -> None:
        super().plain(node)
        new = self.env.get(node)
        if new.__class__ is Apply and _computes(new) and new not in self.checked:
            self.checked.add(new)
            self.check(new)

    def check(self, node: Apply) -> None:
        b = self.b
        b.adjoint = False
        ok = b.eq(node, node)
        if isinstance(node.type, Array):
            ok = b.all(ok, axes=tuple(range(node.type.rank)))
        numbers = [a for a in node.args if isinstance(a.type, Scalar)]
        source = f" from {' and '.join(f'{{{i}}}' for i in range(len(numbers)))}" if numbers else ""
        where = ", in the derivative of this line" if node.adjoint else ""
        b.assert_(ok, *numbers, error="FloatingPointError", message=f"`{node.fn.name}` gave nan{source}{where}")


def _computes(node: Apply) -> bool:
    """Whether an operation makes floats from floats, rather than moves them."""
    if not _holds_floats(node) or not any(map(_holds_floats, node.args)):
        return False
    return node.fn.name in REDUCING or (node.fn.elementwise and node.fn.name not in PICKING)


def _holds_floats(node: Node) -> bool:
    t = node.type.dtype if isinstance(node.type, Array) else node.type
    return isinstance(t, Scalar) and t.kind == "f"
