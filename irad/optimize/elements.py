"""Operations on arrays as operations on their elements.

    add(x, y) of f64[2]        =>  add(x0, y0), add(x1, y1)
    matmul(a, b) of f64[2,2]   =>  add(mul(a00, b00), mul(a01, b10)), ...
    transpose, slice, reshape  =>  the same elements in another order

An array is an array of nodes here, so that NumPy itself says which element goes where. What a sum adds up, it adds in NumPy's
order; a product, from left to right.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from irad.graph.build import Builder
from irad.graph.nodes import Apply, Constant, Node
from irad.optimize.rules.algebra import never_minus_zero
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Scalar, Type

__all__ = [
    "MOST_ELEMENTS",
    "MOST_IN_LANES",
    "Elements",
    "by_elements",
    "constant_places",
    "elements_of",
    "has_elements",
    "known_shape",
    "size",
    "small",
    "work",
]

MOST_ELEMENTS = 16  # of an array that may live in registers: a matrix of 4 by 4
MOST_IN_LANES = 100  # of one in a loop of which several trips run at once: 10 by 10
EIGHT = 8  # sums side by side: NumPy's, of up to 128 numbers

Elements = Any  # an array of nodes (dtype object)
Operand = Any  # a node, or Elements


@functools.cache
def small(t: Type, most: int = MOST_ELEMENTS) -> bool:
    """Whether values of t are arrays that may live in registers, of so many elements."""
    return isinstance(t, Array) and t.static_shape is not None and size(t) <= most


def known_shape(t: Type) -> tuple[int, ...]:
    """The shape of arrays of which every dim is known."""
    assert isinstance(t, Array)
    assert t.static_shape is not None
    return t.static_shape


def size(t: Type) -> int:
    """How many elements they have."""
    return math.prod(known_shape(t))


def work(node: Apply) -> int:
    """The operations on elements that an operation on arrays of known shapes becomes, roughly."""
    sizes = [size(n.type) for n in (*node.args, node) if isinstance(n.type, Array)]
    if node.fn.name not in PRODUCTS:
        return max(sizes)
    x, y = node.args
    axes = axes_of(x, y, *node.static)
    shared = [known_shape(x.type)[i] for i in (*axes.batch[0], *axes.over[0])]
    return 2 * size(x.type) * size(y.type) // max(math.prod(shared), 1)


def elements_of(nodes: list[Node], shape: tuple[int, ...]) -> Elements:
    """The array of these nodes, in C order."""
    out = np.empty(len(nodes), dtype=object)
    out[:] = nodes
    return out.reshape(shape)


def constant_places(nodes: tuple[Node, ...]) -> tuple[int, ...] | None:
    """Indices that are all known."""
    if all(n.__class__ is Constant and isinstance(n.value, int) for n in nodes):
        return tuple(n.value for n in nodes)  # type: ignore[attr-defined]
    return None


# -- what can be done ------------------------------------------------------------------------------------------------------


def has_elements(node: Apply, most: int = MOST_ELEMENTS) -> bool:
    """Whether an operation on small arrays, or that makes one, can be done on elements."""
    name, args = node.fn.name, node.args
    arrays = [a for a in args if isinstance(a.type, Array)]
    if not all(small(a.type, most) for a in arrays) or (isinstance(node.type, Array) and not small(node.type, most)):
        return False
    if node.fn.elementwise:
        return bool(arrays)
    if name in ("index", "index_update", "index_add"):
        where = constant_places(args[1:] if name == "index" else args[2:])
        return where is not None and all(0 <= i < n for i, n in zip(where, args[0].type.shape, strict=True))  # type: ignore[attr-defined]
    if name in ("slice", "slice_update", "slice_add"):
        return _block(node) is not None
    if name == "retype":
        return args[0].type is node.type  # else it raises
    if name in ("max", "min"):
        return math.prod(args[0].type.shape) > 0  # type: ignore[attr-defined]
    return name in BY_ELEMENTS


def _block(node: Apply) -> tuple[slice | Any, ...] | None:
    """Where a block at known places lies, as an index of NumPy's; None where it is not inside the array."""
    x, rank = node.args[0], len(node.args[0].type.shape)  # type: ignore[attr-defined]
    if node.fn.name == "slice":
        starts, shape, steps = node.args[1 : 1 + rank], *node.static
    else:
        starts, shape, steps = node.args[2:], node.args[1].type.shape, node.static[0]  # type: ignore[attr-defined]
    where = constant_places(starts)
    if not where:  # not known, or no axes
        return None
    places = [a + s * np.arange(n) for a, s, n in zip(where, steps, shape, strict=True)]
    if any(np.any((p < 0) | (p >= d)) for p, d in zip(places, x.type.shape, strict=True)):  # type: ignore[attr-defined]
        return None
    return np.ix_(*places)


# -- how it is done --------------------------------------------------------------------------------------------------------


def by_elements(b: Builder, node: Apply, args: list[Operand]) -> Operand:
    """The result of an operation whose array arguments are given by their elements."""
    if node.fn.elementwise:
        return _each(b, node, args)
    return BY_ELEMENTS[node.fn.name](b, node, *args)


def _each(b: Builder, node: Apply, args: list[Elements]) -> Elements:
    flat = [b.apply(node.fn, xs, node.static) for xs in zip(*[a.flat for a in args], strict=True)]
    return elements_of(flat, args[0].shape)


def _broadcast(b: Builder, node: Apply, x: Operand) -> Elements:
    shape = node.type.shape  # type: ignore[attr-defined]
    return np.broadcast_to(x, shape) if isinstance(x, np.ndarray) else elements_of([x] * math.prod(shape), shape)


def _zeros(b: Builder, node: Apply) -> Elements:
    t = node.type
    assert isinstance(t, Array)
    return elements_of([b.number(0, t.dtype)] * size(t), known_shape(t))


def _put(b: Builder, node: Apply, x: Elements, v: Operand, where: Any) -> Elements:
    out = x.copy()
    if node.fn.name.endswith("_add"):
        was = x[where]
        if isinstance(was, np.ndarray):
            out[where] = elements_of([b.add(p, q) for p, q in zip(was.flat, v.flat, strict=True)], was.shape)
        else:
            out[where] = b.add(was, v)
    else:
        out[where] = v
    return out


def _index_update(b: Builder, node: Apply, x: Elements, v: Node, *where: Node) -> Elements:
    return _put(b, node, x, v, constant_places(where))


def _slice_update(b: Builder, node: Apply, x: Elements, v: Elements, *starts: Node) -> Elements:
    return _put(b, node, x, v, _block(node))


def _fold(combine: Callable[[Builder, list[Node], Scalar], Node]) -> Callable[..., Operand]:
    """A reduction by what it does with the numbers of one result."""

    def reduce(b: Builder, node: Apply, x: Elements) -> Operand:
        (axes,) = node.static
        if not axes:
            return x
        dtype = node.args[0].type.dtype  # type: ignore[attr-defined]
        if not isinstance(node.type, Array):
            return combine(b, list(x.flat), dtype)
        kept = [i for i in range(x.ndim) if i not in axes]
        rows = np.transpose(x, (*kept, *axes)).reshape(size(node.type), math.prod(x.shape[a] for a in axes))
        return elements_of([combine(b, list(row), dtype) for row in rows], known_shape(node.type))

    return reduce


def _total(b: Builder, terms: list[Node], dtype: Scalar) -> Node:
    """The sum from left to right. It begins at 0, as NumPy's does, where -0.0 is all there might be."""
    if any(map(never_minus_zero, terms)):
        return _left(b.add, terms)
    return _left(b.add, [b.number(0, dtype), *terms])


def _side_by_side(b: Builder, terms: list[Node], dtype: Scalar) -> Node:
    """The sum of numbers that lie one beside the other, as NumPy adds them: in eight sums, where there are so many."""
    if len(terms) < EIGHT:
        return _total(b, terms, dtype)
    whole = len(terms) // EIGHT * EIGHT
    sums = [_left(b.add, terms[k:whole:EIGHT]) for k in range(EIGHT)]
    while len(sums) > 1:
        sums = [b.add(x, y) for x, y in zip(sums[::2], sums[1::2], strict=True)]
    return _total(b, [*sums, *terms[whole:]], dtype)


def _sum(b: Builder, node: Apply, x: Elements) -> Operand:
    (axes,) = node.static
    last = set(axes) == set(range(x.ndim - len(axes), x.ndim))
    return _fold(_side_by_side if last else _total)(b, node, x)


def _product(b: Builder, factors: list[Node], dtype: Scalar) -> Node:
    return _left(b.mul, factors) if factors else b.number(1, dtype)


def _left(f: Callable[[Node, Node], Node], xs: list[Node]) -> Node:
    out = xs[0]
    for x in xs[1:]:
        out = f(out, x)
    return out


def _truth(name: str, empty: bool) -> Callable[..., Operand]:
    def combine(b: Builder, xs: list[Node], dtype: Scalar) -> Node:
        return _left(getattr(b, name), xs) if xs else b.literal(empty)

    return _fold(combine)


def _product_of_arrays(b: Builder, node: Apply, x: Elements, y: Elements) -> Operand:
    """matmul and contract."""
    dtype = node.args[0].type.dtype  # type: ignore[attr-defined]
    axes = axes_of(node.args[0], node.args[1], **node.facts())
    inner = math.prod(x.shape[i] for i in axes.over[0])
    kept = tuple(x.shape[i] for i in axes.batch[0])
    rows, columns = math.prod(x.shape[i] for i in axes.rows), math.prod(y.shape[j] for j in axes.columns)
    x = np.transpose(x, (*axes.batch[0], *axes.rows, *axes.over[0])).reshape(*kept, rows, inner)
    y = np.transpose(y, (*axes.batch[1], *axes.columns, *axes.over[1])).reshape(*kept, columns, inner)
    found = [
        _total(b, [b.mul(p, q) for p, q in zip(row, column, strict=True)], dtype)
        for k in np.ndindex(*kept)
        for row in x[k]
        for column in y[k]
    ]
    return elements_of(found, known_shape(node.type)) if isinstance(node.type, Array) else found[0]


BY_ELEMENTS: dict[str, Callable[..., Operand]] = {
    "dim": lambda b, node, x: b.literal(x.shape[node.static[0]]),
    "array": lambda b, node, *xs: elements_of(list(xs), node.type.shape),
    "zeros": _zeros,
    "iota": lambda b, node: elements_of([b.literal(i) for i in range(node.type.shape[0])], node.type.shape),
    "broadcast": _broadcast,
    "reshape": lambda b, node, x: x.reshape(node.type.shape),
    "retype": lambda b, node, x: x,
    "transpose": lambda b, node, x: np.transpose(x, node.static[0]),
    "index": lambda b, node, x, *where: x[constant_places(where)],
    "index_update": _index_update,
    "index_add": _index_update,
    "slice": lambda b, node, x, *starts: x[_block(node)],
    "slice_update": _slice_update,
    "slice_add": _slice_update,
    "sum": _sum,
    "prod": _fold(_product),
    "max": _fold(lambda b, xs, dtype: _left(b.maximum, xs)),
    "min": _fold(lambda b, xs, dtype: _left(b.minimum, xs)),
    "any": _truth("or_", False),
    "all": _truth("and_", True),
    **dict.fromkeys(PRODUCTS, _product_of_arrays),
}
