"""Arrays over labels: the factors of terms, multiplied, summed over labels, and read at other places.

With a builder nodes are made, without one the same is done with things that are no nodes: then only the cost is of interest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from irad.elimination.places import Incompatible, Part, Substitution, axis_parts, substituted
from irad.graph.build import Builder, literal
from irad.graph.nodes import Node
from irad.primitives.products import product
from irad.primitives.terms import Factor, Form, Label, Term
from irad.types import INT, Array, Scalar

__all__ = ["Factors", "looped", "space"]

Labels = tuple[Label, ...]
CACHED = 1 << 15  # elements of an array that is still in the cache when it is read again
STREAMED = 4  # what an operation costs on elements of a larger one


def space(labels: Iterable[Label]) -> int:
    """How many values labels have together."""
    return math.prod(label.size for label in labels)


def gathered(b: Builder, x: Any, axis: int, table: Any) -> Any:
    """x at the places of a table along an axis."""
    shape, n = x.type.shape, table.type.shape[0]
    full = Array(x.type.dtype, (*shape[:axis], n, *shape[axis + 1 :]))
    steps, block = (1,) * len(shape), (*shape[:axis], 1, *shape[axis + 1 :])

    def trip(k: Node, out: Node) -> Node:
        place = b.index(table, k)
        if len(shape) == 1:
            return b.index_update(out, b.index(x, place), k)
        at, to = ([literal(0) if a != axis else p for a in range(len(shape))] for p in (place, k))
        return b.slice_update(out, b.slice(x, *at, shape=block, steps=steps), *to, steps=steps)

    return looped(b, n, b.zeros(of=full), trip)


def looped(b: Builder, n: int, start: Node, trip: Callable[[Node, Node], Node]) -> Node:
    """trip(k, so far) for each k below n."""
    body = b.new_graph("loop", b.graph, role="loop")
    k, state = b.parameter(body, INT, "k"), b.parameter(body, start.type)
    with b.inside(body):
        body.finish(trip(k, state))
    return b.for_loop(literal(n), start, graphs=(body,))


class Factors:
    """Makes factors, and adds up multiplications, additions and choices in `cost`; the most elements of one are `largest`."""

    def __init__(self, dtype: Scalar, b: Builder | None) -> None:
        self.dtype, self.b, self.cost, self.largest = dtype, b, 0, 0

    def count(self, labels: Iterable[Label]) -> None:
        """An operation on each element of an array."""
        n = space(labels)
        self.cost += n if n <= CACHED else STREAMED * n
        self.largest = max(self.largest, n)

    def made(self, make: Callable[[], Any]) -> Any:
        """A node, or something that stands for it."""
        return make() if self.b is not None else object()

    # -- in other shapes ---------------------------------------------------------------------------------------------------

    def shaped(self, node: Any, shape: Sequence[int]) -> Any:
        """An array in another shape of the same size, of one axis at least."""
        return node if node.type.shape == tuple(shape) else self.b.reshape(node, shape=tuple(shape))  # type: ignore[union-attr]

    def by_labels(self, node: Any, labels: Labels) -> Any:
        """An array without its axes of one element; a number where no other is left."""
        if labels or not isinstance(node.type, Array):
            return self.shaped(node, [label.size for label in labels]) if labels else node
        return self.b.index(node, *[literal(0)] * node.type.rank)  # type: ignore[union-attr]

    def aligned(self, f: Factor, labels: Labels) -> Any:
        """The node with an axis for each of these labels, along which it is repeated where it has none."""
        b, shape = self.b, tuple(label.size for label in labels)
        assert b is not None
        if not labels:
            return f.node
        node = f.node
        if f.labels:
            mine = [label for label in labels if label in f.labels]
            node = b.transpose(node, axes=tuple(f.labels.index(label) for label in mine))
            node = self.shaped(node, [label.size if label in f.labels else 1 for label in labels])
        return node if isinstance(node.type, Array) and node.type.shape == shape else b.broadcast(node, shape=shape)

    def reindexed(self, f: Factor, by: Substitution) -> Factor:
        """A factor read at the places that its labels are now."""
        if not any(label in by for label in f.labels):
            return f
        parts: list[Part] = []
        for label in f.labels:
            parts += axis_parts(by[label], label.size) if label in by else [Part(label.size, 0, 1, label)]
        new = Factor(self.made(lambda: self._read(f.node, parts)), tuple(label for p in parts for label in p.labels))
        while len(set(new.labels)) < len(new.labels):
            new = self._diagonal(new)
        return new

    def _read(self, node: Any, parts: Sequence[Part]) -> Any:
        b = self.b
        assert b is not None
        node = self.shaped(node, [p.size for p in parts])
        starts = [literal(p.start) if p.table is None or p.labels else p.table.node for p in parts]
        if not any(p.labels for p in parts):
            return b.index(node, *starts)
        if any((p.places, p.start, p.step) != (p.size, 0, 1) for p in parts):
            node = b.slice(node, *starts, shape=tuple(p.places for p in parts), steps=tuple(p.step for p in parts))
        kept = [p for p in parts if p.labels]
        node = self.shaped(node, [p.places for p in kept])
        for axis, p in enumerate(kept):
            if p.table is not None:
                node = gathered(b, node, axis, p.table.node)
        return node

    def placed(self, form: Form, by: Substitution) -> Form:
        """A form in other labels, which may be those of tables. Raises Incompatible."""
        if form.table is not None:
            return Form(0, (), self.reindexed(form.table, by))
        tables = [(label, by[label].table) for label in form.labels if label in by and by[label].table is not None]
        if not tables:
            return substituted(form, by)
        if len(form.strides) > 1:
            raise Incompatible
        ((_, table),), ((_, stride),) = tables, form.strides
        assert table is not None
        if (form.start, stride) == (0, 1):
            return Form(0, (), table)

        def make() -> Any:
            b, node = self.b, table.node
            assert b is not None
            return b.add(b.mul(node, b.like(stride, node)), b.like(form.start, node))

        return Form(0, (), Factor(self.made(make), table.labels))

    def _diagonal(self, f: Factor) -> Factor:
        """A factor that has a label twice, at the places where both are equal."""
        twice = next(label for label in f.labels if f.labels.count(label) > 1)
        p, q = [k for k, label in enumerate(f.labels) if label is twice][:2]
        others = [k for k in range(len(f.labels)) if k not in (p, q)]
        n, sizes = twice.size, [f.labels[k].size for k in others]

        def make() -> Any:
            b = self.b
            assert b is not None
            flat = self.shaped(b.transpose(f.node, axes=(*others, p, q)), [*sizes, n * n])
            zeros = [literal(0)] * (len(sizes) + 1)
            return b.slice(flat, *zeros, shape=(*sizes, n), steps=(*(1 for _ in sizes), n + 1))

        return Factor(self.made(make), (*(f.labels[k] for k in others), twice))

    # -- arithmetic --------------------------------------------------------------------------------------------------------

    def _joint(self, f: Factor, g: Factor) -> Labels:
        """The labels of both, in the order of that which has all."""
        first, second = (f, g) if set(g.labels) <= set(f.labels) else (g, f)
        return tuple(dict.fromkeys((*first.labels, *second.labels)))

    def _of_both(self, f: Factor, g: Factor, op: str) -> Factor:
        labels = self._joint(f, g)
        self.count(labels)
        return Factor(self.made(lambda: getattr(self.b, op)(self.aligned(f, labels), self.aligned(g, labels))), labels)

    def multiply(self, f: Factor, g: Factor) -> Factor:
        return self._of_both(f, g, "mul")

    def add(self, f: Factor, g: Factor) -> Factor:
        return self._of_both(f, g, "add")

    def one(self) -> Factor:
        return Factor(self.made(lambda: self.b.number(1.0, self.dtype)), ())  # type: ignore[union-attr]

    def masked(self, f: Factor, masks: Sequence[Factor]) -> Factor:
        """A factor that is zero where one of the masks is false."""
        if not masks:
            return f
        labels = tuple(dict.fromkeys([*f.labels, *(label for m in masks for label in m.labels)]))
        self.count(labels)

        def make() -> Any:
            b, node = self.b, self.aligned(f, labels)
            assert b is not None
            for m in masks:
                node = b.select(self.aligned(m, labels), node, b.like(0.0, node))
            return node

        return Factor(self.made(make), labels)

    def scaled(self, f: Factor, scale: float) -> Factor:
        """A factor times a constant."""
        if scale == 1.0:
            return f
        if scale != -1.0:
            self.count(f.labels)

        def make() -> Any:
            b = self.b
            assert b is not None
            return b.neg(f.node) if scale == -1.0 else b.mul(f.node, b.like(scale, f.node))

        return Factor(self.made(make), f.labels)

    def value(self, term: Term, labels: Labels) -> Factor:
        """A term's value over labels: scale, factors and masks."""
        factors = sorted(term.factors, key=lambda f: space(f.labels))
        total = factors[0] if factors else self.one()
        for f in factors[1:]:
            total = self.multiply(total, f)
        total = self.masked(self.scaled(total, term.scale), term.masks)
        return Factor(self.made(lambda: self.aligned(total, labels)), labels)

    def joined(self, factors: Sequence[Factor]) -> list[Factor]:
        """Factors of which none has all labels of another: the smallest are multiplied first."""
        todo = sorted(factors, key=lambda f: space(f.labels))
        done: list[Factor] = []
        while todo:
            f = todo.pop(0)
            k = next((k for k, g in enumerate(todo) if set(f.labels) <= set(g.labels)), None)
            if k is None:
                done.append(f)
            else:
                todo[k] = self.multiply(f, todo[k])
        return done

    # -- sums --------------------------------------------------------------------------------------------------------------

    def summed(self, factors: list[Factor], masks: list[Factor], dead: list[Label]) -> tuple[list[Factor], list[Factor]]:
        """Factors and masks after a sum over labels, each of which some have."""
        while dead:
            label = min(dead, key=lambda k: space({n for f in factors if k in f.labels for n in f.labels}))
            mine, own = ([f for f in fs if label in f.labels] for fs in (factors, masks))
            factors, masks = ([f for f in fs if label not in f.labels] for fs in (factors, masks))
            mine = self._pair(mine, own)
            elsewhere = {k for f in (*factors, *masks) for k in f.labels}
            over = [k for k in dead if k not in elsewhere and any(k in f.labels for f in mine)]
            factors.append(self._sum(mine, over))
            dead = [k for k in dead if k not in over]
        return factors, masks

    def _pair(self, factors: list[Factor], masks: list[Factor]) -> list[Factor]:
        """Two factors at most that have what the masks say in them. Where one mask is false none of both may be infinite."""
        factors = sorted(factors, key=lambda f: space(f.labels)) or [self.one()]
        while len(factors) > 2:
            factors = sorted([self.multiply(*factors[:2]), *factors[2:]], key=lambda f: space(f.labels))
        if len(factors) == 2 and not all(set(m.labels) <= set(f.labels) for m in masks for f in factors):
            factors = [self.multiply(*factors)]
        return [self.masked(f, masks) for f in factors]

    def _sum(self, factors: list[Factor], over: list[Label]) -> Factor:
        """The sum of a factor, or of the product of two, over labels."""
        if len(factors) == 2:
            f, g = (self._alone(x, [k for k in over if k not in y.labels]) for x, y in (factors, factors[::-1]))
            return self._contracted(f, g, [k for k in over if k in f.labels])
        return self._alone(factors[0], over)

    def _alone(self, f: Factor, over: list[Label]) -> Factor:
        if not over:
            return f
        self.count(f.labels)
        axes = tuple(k for k, label in enumerate(f.labels) if label in over)
        kept = tuple(label for label in f.labels if label not in over)
        return Factor(self.made(lambda: self.b.sum(f.node, axes=axes)), kept)  # type: ignore[union-attr]

    def _contracted(self, f: Factor, g: Factor, over: list[Label]) -> Factor:
        both = [label for label in f.labels if label in g.labels and label not in over]
        rows = [label for label in f.labels if label not in g.labels]
        columns = [label for label in g.labels if label not in f.labels]
        self.cost += space({*f.labels, *g.labels})

        def axes(labels: list[Label]) -> Any:
            return tuple(map(f.labels.index, labels)), tuple(map(g.labels.index, labels))

        self.largest = max(self.largest, space((*both, *rows, *columns)))
        node = self.made(lambda: product(self.b, f.node, g.node, axes(both), axes(over)))
        return Factor(node, (*both, *rows, *columns))
