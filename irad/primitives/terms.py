"""Structured Jacobians of arrays: what a record says of its operation's derivative, in the facet `structure`.

A term is a product of arrays over labels, at places that are given by labels:

    y = g(x)             y[i,j] x[i,j]: d[i,j]          diagonal
    sum over axis 0      y[j] x[i,j]: 1                 reduction
    broadcast            y[i,j] x[j]: 1
    transpose            y[j,i] x[i,j]: 1               permutation
    x[2:8:2]             y[i] x[2 + 2i]: 1              selection
    reshape              y[6i + j] x[i,j]: 1
    x[at]                y[i] x[at[i]]: 1               at: integers that are known at run time only
    A @ x                y[i,k] x[j,k]: A[i,j]          Kronecker

The derivative of y in x at two places is the sum of what the terms have there, over all values of their labels. An axis of one
element has no label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from irad.graph.nodes import Apply, Constant, Node
from irad.types import I64, Array, Type

__all__ = [
    "Factor",
    "Form",
    "Label",
    "NoStructure",
    "Term",
    "Via",
    "dense",
    "diagonal",
    "factor",
    "forms_of",
    "forms_with",
    "moved",
    "of_blocks",
    "places_of",
    "read_at",
    "reshaped",
    "shape_of",
    "without_blocks",
]

MOST_STEPS = 4  # a block of wider steps leaves too many pieces between


class NoStructure(Exception):
    """The derivative has no structure that is known when the program is compiled; the message says why."""


class Label:
    """A place along an axis, from 0 to below `size`."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


class Factor(NamedTuple):
    """An array over labels, an axis each; a number over none. Something that is no node where only costs are asked for."""

    node: Any
    labels: tuple[Label, ...]


class Form(NamedTuple):
    """A place along an axis of an array: a number, and labels times their strides. No label stands there twice. Or what a table
    of integers, over labels, says."""

    start: int
    strides: tuple[tuple[Label, int], ...] = ()
    table: Factor | None = None

    @property
    def labels(self) -> tuple[Label, ...]:
        return tuple(label for label, _ in self.strides) if self.table is None else self.table.labels


class Term(NamedTuple):
    """scale * factors at the places `out` of the result and `into` of the operand; 0 where one of the masks is false, whatever
    the factors are there."""

    out: tuple[Form, ...]
    into: tuple[Form, ...]
    factors: tuple[Factor, ...] = ()
    masks: tuple[Factor, ...] = ()
    scale: float = 1.0


class Via(NamedTuple):
    """A derivative that is the product of two, by way of an array of another shape."""

    shape: tuple[int, ...]
    inner: tuple[Term, ...]
    outer: tuple[Term, ...]


def shape_of(t: Type) -> tuple[int, ...]:
    """The shape of a number or array. Raises NoStructure where it is known at run time only."""
    if not isinstance(t, Array):
        return ()
    if t.static_shape is None:
        raise NoStructure("its sizes are known at run time only")
    return t.static_shape


def forms_of(shape: Iterable[int]) -> tuple[Form, ...]:
    """Each place of an array: a label of its own for each axis."""
    return tuple(Form(0, ((Label(n), 1),)) if n != 1 else Form(0) for n in shape)


def forms_with(shape: Sequence[int], others: Sequence[Form]) -> tuple[Form, ...]:
    """Each place of an array, by the labels of others, an axis each."""
    return tuple(Form(0, ((f.labels[0], 1),)) if n != 1 else Form(0) for n, f in zip(shape, others, strict=True))


def factor(b: Any, node: Node, forms: Sequence[Form]) -> Factor:
    """An array as a factor; `forms` are its axes, a label each, or none. It has no label along which it is a repetition."""
    while node.__class__ is Apply and node.fn.name == "broadcast":
        node = node.args[0]
        own = shape_of(node.type)
        forms = [f if n != 1 else Form(0) for f, n in zip(forms[len(forms) - len(own) :], own, strict=True)]
    labels = tuple(form.strides[0][0] for form in forms if form.strides)
    shape = shape_of(node.type)
    if len(labels) == len(shape):
        return Factor(node, labels)
    if not labels:
        return Factor(b.index(node, *[b.literal(0)] * len(shape)), ())
    return Factor(b.reshape(node, shape=tuple(label.size for label in labels)), labels)


def diagonal(b: Any, partial: Node) -> Term:
    """Each element of the result depends on that in its place of the operand."""
    forms = forms_of(shape_of(partial.type))
    return Term(forms, forms, (factor(b, partial, forms),))


def dense(b: Any, node: Node, rank: int) -> Term:
    """An array of derivatives, the first `rank` axes of which are the result's."""
    forms = forms_of(shape_of(node.type))
    return Term(forms[:rank], forms[rank:], (factor(b, node, forms),))


def moved(out: Sequence[Form], into: Sequence[Form]) -> tuple[Term, ...]:
    """Elements are copied, or added up."""
    return (Term(tuple(out), tuple(into)),)


# -- reshape ----------------------------------------------------------------------------------------------------------------


def reshaped(out: tuple[int, ...], into: tuple[int, ...]) -> tuple[Term, ...] | Via:
    """Elements in C order in another shape: axes are split where one of both shapes has an end of an axis; if these have no
    common parts, by way of a line."""
    ends = sorted({math.prod(shape[k:]) for shape in (out, into) for k in range(len(shape) + 1)})
    if any(n % m for m, n in itertools.pairwise(ends)):
        line = (math.prod(out),)
        return Via(line, reshaped(line, into), reshaped(out, line))  # type: ignore[arg-type]
    labels = {m: Label(n // m) for m, n in itertools.pairwise(ends)}

    def form(shape: tuple[int, ...], k: int) -> Form:
        low, high = math.prod(shape[k + 1 :]), math.prod(shape[k:])
        return Form(0, tuple((labels[m], m // low) for m in reversed(ends) if low <= m < high))

    return moved([form(out, k) for k in range(len(out))], [form(into, k) for k in range(len(into))])


# -- blocks -----------------------------------------------------------------------------------------------------------------

Block = tuple[int, int, int]  # along an axis: how many elements, from where, how far apart


def places_of(places: Sequence[Node]) -> tuple[int, ...]:
    """Places that are known when the program is compiled; raises NoStructure where one is not."""
    if not all(p.__class__ is Constant and isinstance(p.value, int) for p in places):
        raise NoStructure("a place in an array is known at run time only")
    return tuple(p.value for p in places)  # type: ignore[attr-defined]


def read_at(b: Any, shape: Any, counts: Sequence[int], starts: Sequence[Node], steps: Sequence[int]) -> tuple[Form, ...]:
    """The places of a block that is read; a table for an axis along which its place is known at run time only."""
    forms: list[Form] = []
    for size, n, start, step in zip(shape, counts, starts, steps, strict=True):
        if start.__class__ is Constant:
            forms += of_blocks((size,), [(n, start.value, step)])
        elif n == 1:
            forms.append(Form(0, (), Factor(start, ())))
        else:
            count = b.iota(of=Array(I64, (n,)))
            places = b.add(b.mul(count, b.like(step, count)), b.broadcast(start, shape=(n,)))
            forms.append(Form(0, (), Factor(places, (Label(n),))))
    return tuple(forms)


def of_blocks(shape: Sequence[int], blocks: Sequence[Block]) -> tuple[Form, ...]:
    """The places of a block in an array, a label for each axis of more than one element."""
    forms = []
    for size, (n, start, step) in zip(shape, blocks, strict=True):
        if n and not (0 <= start < size and 0 <= start + step * (n - 1) < size):
            raise NoStructure("a block is not inside its array")
        forms.append(Form(start, ((Label(n), step),)) if n != 1 else Form(start))
    return tuple(forms)


def without_blocks(shape: Sequence[int], blocks: Sequence[Block]) -> tuple[Term, ...]:
    """All elements of an array that are not in the block stay as they are."""
    of_blocks(shape, blocks)
    if any(n == 0 for n, _, _ in blocks):
        return moved(*[forms_of(shape)] * 2)
    terms = []
    for axis, (size, block) in enumerate(zip(shape, blocks, strict=True)):
        whole = [(n, 0, 1) for n in shape[axis + 1 :]]
        for piece in _others(size, block):
            forms = of_blocks(shape, [*blocks[:axis], piece, *whole])
            terms.append(Term(forms, forms))
    return tuple(terms)


def _others(size: int, block: Block) -> list[Block]:
    """The places of an axis that are not in a block."""
    n, start, step = block
    if step < 0:
        start, step = start + step * (n - 1), -step
    if n == 1:
        step = 1
    if step > MOST_STEPS:
        raise NoStructure("elements that are far apart are written")
    end = start + step * (n - 1) + 1
    pieces = [(start, 0, 1), (size - end, end, 1), *((n - 1, start + k, step) for k in range(1, step))]
    return [p for p in pieces if p[0]]
