"""Cotangents that are zero because the value was not taken.

    y = where(c, sqrt(x), 0.0)
    ct_x = select(c, ct_y * (0.5 / sqrt(x)), 0.0)        and not select(c, ct_y, 0.0) * (0.5 / sqrt(x))

A cotangent may have a mask: truth values of its shape, false where a choice (`where`, `maximum`, ...) left the value out. There
it stays zero whatever derivative it meets: 0 * inf would be nan. A zero that was computed is a number like any other. Masks
follow operations element by element, views, parts of arrays, broadcasts and reductions; what runs as a whole (a branch, a loop,
a factorization) is left out where nothing of its result was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Node
from irad.primitives.products import PRODUCTS
from irad.transforms.cotangents import Tree
from irad.types import BOOL, Array

if TYPE_CHECKING:
    from irad.transforms.region import Region

__all__ = ["Masks"]

MOVES = frozenset({"reshape", "transpose", "sum", "array"})  # their rules move cotangents, and so truth values
REDUCES = frozenset({"prod", "max", "min"})
CHOOSES = frozenset({"select", "maximum", "minimum", "max", "min"})
LINEAR = MOVES | CHOOSES | {"broadcast", "retype", "add", "sub", "neg", "convert"}  # times finite numbers


class Masks:
    """The masks of the cotangents in the backward graph of a region."""

    def __init__(self, region: Region) -> None:
        self.region, self.b = region, region.b
        self._of: dict[Node, Node] = {}

    def get(self, ct: Tree) -> Node | None:
        """The mask of the cotangent of a number or an array."""
        return self._of.get(ct) if self._of and ct.__class__ is Apply else None

    def sum_of(self, total: Tree, x: Tree, y: Tree) -> None:
        """A sum is zero where both terms are."""
        p, q = self.get(x), self.get(y)
        if p is not None and q is not None:
            self.set(total, p if p is q else self.b.or_(p, q))

    def added(self, total: Node, start: Node, mask: Node) -> None:
        """`total` is `start`, a running cotangent, and something more, of this mask."""
        if start.fn.name == "zeros" if start.__class__ is Apply else is_constant(start, 0.0):
            self.set(total, mask)
        elif start in self._of:
            self.set(total, self.b.or_(self._of[start], mask))

    def set(self, ct: Tree, mask: Node) -> None:
        if ct.__class__ is Apply:
            self._of[ct] = mask

    def whole(self, ct: Tree) -> Node | None:
        """Whether something was taken of a value, however deep inside; None where that is not known to be a question."""
        if not self._of:
            return None
        found: Node | None = None
        todo = [ct]
        while todo:
            x = todo.pop()
            if isinstance(x, list):
                todo.extend(x)
            elif x is not None:
                mask = self.get(x)
                if mask is None:
                    return None
                some = self._some(mask)
                found = some if found is None else self.b.or_(found, some)
        return found

    def _some(self, mask: Node) -> Node:
        if not isinstance(mask.type, Array):
            return mask
        return self._repeated(mask) or self.b.any(mask, axes=tuple(range(mask.type.rank)))

    # -- one operation -------------------------------------------------------------------------------------------------

    def behind(self, node: Apply, out: Node, xs: Sequence[Node], ct: Tree) -> list[Node | None]:
        """For each input of an operation the mask that the result's mask is there."""
        mask, name, b = self.get(ct), node.fn.name, self.b
        none: list[Node | None] = [None] * len(xs)
        if mask is None and not isinstance(ct, list):
            return none
        if mask is not None and node.fn.elementwise:
            return [mask] * len(xs)
        if mask is not None and name in MOVES:
            found = node.fn.vjp(b, out, *xs, mask, **node.facts())  # type: ignore[misc, operator]
            return [m() if callable(m) else m for m in found]
        if mask is not None and name == "retype":
            return [b.retype(mask, to=Array(BOOL, xs[0].type.shape))]  # type: ignore[attr-defined]
        if mask is not None and name in REDUCES:
            return [b.spread(mask, xs[0], node.facts()["axes"])]
        if mask is not None and name == "broadcast":
            return [self._unbroadcast(mask, xs[0]), *none[1:]]
        if name in PRODUCTS and mask is not None and isinstance(mask.type, Array) and self._repeated(mask) is None:
            return none  # a sum of products costs more than its mask would
        some = self.whole(ct)
        return none if some is None else [self.like(some, x) for x in xs]

    def like(self, some: Node, x: Node) -> Node:
        """A truth value for each element of x."""
        return self.b.broadcast(some, *self.b.dims(x), shape=x.type.shape) if isinstance(x.type, Array) else some

    def _unbroadcast(self, mask: Node, x: Node) -> Node:
        """Whether an element was taken in any of the places where it is repeated."""
        number = self._repeated(mask)
        return self.b.unbroadcast(mask, x) if number is None else self.like(number, x)

    def inside(self, node: Apply, ct: Tree) -> Tree:
        """The cotangent that a rule may compute with: not masked where the rule's result will be."""
        mask = self.get(ct)
        if mask is not None and node.fn.elementwise and node.fn.name not in LINEAR and ct.fn.name == "select":
            test, x, zero = ct.args
            if test is mask and is_constant(zero, 0.0):
                return x
        return ct

    def masked(self, node: Apply, ct: Tree, mask: Node | None) -> Tree:
        """What an operation sends to an input, made zero where the mask behind the operation says so. A rule that gives
        `select(c, x, 0)` has made a choice: c is a mask, too."""
        if ct.__class__ is not Apply:
            return ct
        b, own = self.b, self._choice(ct)
        if mask is None:
            mask = own
        else:
            if node.fn.name not in LINEAR:
                ct = b.select(mask, ct, b.like(0.0, ct))
            if own is not None:
                mask = b.and_(own, mask)
        if mask is not None:
            self._of[ct] = mask
        return ct

    def _choice(self, ct: Node) -> Node | None:
        """The test of select(c, x, 0)."""
        if ct.__class__ is not Apply or ct.fn.name != "select":
            return None
        test, x, y = ct.args
        return test if is_constant(y, 0.0) else self.b.not_(test) if is_constant(x, 0.0) else None

    def _repeated(self, mask: Node) -> Node | None:
        """The truth value that an array repeats."""
        value = self.region.source(mask) or mask
        if value.__class__ is not Apply or value.fn.name != "broadcast" or isinstance(value.args[0].type, Array):
            return None
        return value.args[0] if value is mask else self.region.bring(value.args[0])
