"""Partials that are nodes of the IR, or constants: elimination writes the Jacobian as operations of a graph.

The Builder folds what is known, adds no zeros, and shares a reciprocal that several partials divide by.
"""

from __future__ import annotations

from typing import Any

from irad.elimination.graph import Partial
from irad.graph.build import Builder, constant_value, is_constant
from irad.graph.nodes import Apply, Node

__all__ = ["Partials", "known", "times"]


class Partials:
    """Partials that are nodes, or constants."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def multiply(self, x: Partial, y: Partial) -> Partial:
        return known(times(self.b, *self._both(x, y)))

    def add(self, x: Partial, y: Partial) -> Partial:
        return known(self.b.add(*self._both(x, y)))

    def _both(self, x: Any, y: Any) -> tuple[Node, Node]:
        """Two partials, of which at least one is a node, as nodes."""
        return (
            self.b.like(x, y) if isinstance(x, float) else x,
            self.b.like(y, x) if isinstance(y, float) else y,
        )


def known(p: Node) -> Partial:
    """The number that a node is known to be, or the node."""
    value = constant_value(p)
    return p if value is None else float(value)


def times(b: Builder, x: Node, y: Node) -> Node:
    """x * y, and 0 where one of them is a side that was not taken, whatever the other is."""
    for p, q in ((x, y), (y, x)):
        if p.__class__ is Apply and p.fn.name == "select":
            test, then, orelse = p.args
            if is_constant(orelse, 0.0):
                return b.select(test, times(b, then, q), orelse)
            if is_constant(then, 0.0):
                return b.select(test, then, times(b, orelse, q))
    return b.mul(x, y)
