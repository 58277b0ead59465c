"""Operations on arrays as statements: one scalar operation for each index of a domain.

    %d = sub(broadcast(%x), broadcast(%y))      d[i, j] = x[i] - y[j]         domain (i, j)
    %s = sum(%d, axes=(1,))                     s[i]   += d[i, j]             domain (i, j), value (i)

A view (broadcast, transpose, slice, a reshape that only adds or takes away axes of size 1) is not a statement: it
dissolves into the places at which statements read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Scalar

__all__ = [
    "PUTS",
    "REDUCTIONS",
    "Place",
    "Read",
    "Statement",
    "given_up",
    "is_source",
    "is_statement",
    "is_view",
    "needs_check",
    "reads_in_place",
    "statement_of",
]

REDUCTIONS = frozenset({"sum", "prod", "max", "min", "any", "all"})
PUTS = frozenset({"slice_update", "slice_add"})
GIVES_UP = PUTS | {"index_update", "index_add", "reshape", "retype"}  # operations that take over their first argument
NARROW, FEW = 16, 1024  # a side of a product that is narrow; products of numbers that are few


class Place(NamedTuple):
    """An index: first + sum(k * node) + step * (the index along an axis of the reader's domain); axis None: no such part."""

    axis: int | None
    step: int = 1
    first: int = 0
    terms: tuple[tuple[int, Node], ...] = ()

    @property
    def is_axis(self) -> bool:
        return self.axis is not None and self.step == 1 and self.first == 0 and not self.terms


@dataclass(slots=True)
class Read:
    """An element of `source`: an array at places, or a number."""

    source: Node
    places: tuple[Place, ...] = ()


@dataclass(slots=True, eq=False)
class Statement:
    """`node`'s scalar operation on what it reads, for each index of `domain`; `value` are the axes of the domain that its
    value has, in order: a reduction's are fewer."""

    node: Apply
    domain: tuple[Any, ...]
    value: tuple[int, ...]
    reads: list[Read]
    views: list[Apply]
    classes: list[int] = field(default_factory=list)  # of the axes of the domain: those of one class share loops

    @property
    def is_product(self) -> bool:
        return self.node.fn.name in PRODUCTS

    @property
    def over(self) -> str:
        """What a reduction does with the values of its domain."""
        return "sum" if self.is_product else self.node.fn.name

    @property
    def reduces(self) -> bool:
        return len(self.value) < len(self.domain)

    def size(self) -> float:
        """How many elements, roughly."""
        total = 1.0
        for d in self.domain:
            total *= d if isinstance(d, int) else 1000
        return total


def is_view(node: Node) -> bool:
    """Whether reading an element of an operation's result is reading one element of its first argument."""
    if not isinstance(node, Apply) or not isinstance(node.type, Array):
        return False
    name = node.fn.name
    if name == "reshape":
        x = node.args[0].type
        return isinstance(x, Array) and _without_units(x.shape) == _without_units(node.type.shape)
    return name in ("broadcast", "transpose", "slice")


def _without_units(shape: Iterable[Any]) -> list[Any]:
    return [d for d in shape if d != 1]


def given_up(graph: Graph) -> set[Node]:
    """The arrays of a graph that something takes over: what read them later, or through a view, would keep them from being
    written in place."""
    out: set[Node] = set()
    for node in graph.body:
        if node.fn.name in GIVES_UP:
            out.add(node.args[0])
        elif node.graphs or node.fn.name == "push":
            out.update(node.args)
    return out


def reads_in_place(user: Apply, k: int, given: Container[Node]) -> bool:
    """Whether an operation reads its argument k, a view, where it lies: such a view need not be made. Products, and views
    that are read so themselves, know it by its strides, which a number that is repeated has not. An array that is given up
    is not kept for a reader."""
    v = user.args[k]
    if not isinstance(v, Apply) or not is_view(v) or v.fn.name == "reshape" or _is_of(v, given):
        return False
    if user.fn.name in PUTS:
        return k == 1
    strided = isinstance(v.args[0].type, Array)
    return strided and (user.fn.name in PRODUCTS or (k == 0 and is_view(user) and user.fn.name != "reshape"))


def _is_of(v: Node, arrays: Container[Node]) -> bool:
    """Whether v is one of some arrays, seen through views."""
    while v not in arrays and is_view(v):
        v = v.args[0]  # type: ignore[attr-defined]
    return v in arrays and isinstance(v.type, Array)


def is_source(node: Node) -> bool:
    """Whether an operation makes an array whose elements are known from their index."""
    return isinstance(node, Apply) and node.fn.name in ("iota", "zeros")


def is_statement(node: Node) -> bool:
    """Whether an operation goes through the elements of arrays with a scalar operation."""
    if not isinstance(node, Apply) or node.graphs:
        return False
    if node.fn.name in PRODUCTS:
        return _is_narrow(node)
    return node.fn.name in REDUCTIONS or (node.fn.elementwise and isinstance(node.type, Array))


def _is_narrow(node: Apply) -> bool:
    """Whether a product does so little with each element that it had better be part of what is around it: of its rows,
    columns and what it sums over, two are few. Other products have kernels of their own."""
    x, y = node.args
    axes = axes_of(x, y, *node.static)
    sides = [(x, axes.rows), (y, axes.columns), (x, axes.over[0])]
    sizes = [_size(v.type.shape[i] for i in at) for v, at in sides]  # type: ignore[attr-defined]
    return sum(n <= NARROW for n in sizes) >= 2 or math.prod(sizes) <= FEW


def _size(dims: Iterable[Any]) -> float:
    return math.prod(d if isinstance(d, int) else math.inf for d in dims)


def needs_check(node: Apply) -> bool:
    """Whether an operation among views and statements may fail."""
    if node.fn.name in ("max", "min"):
        x = node.args[0].type
        assert isinstance(x, Array)
        return not all(isinstance(d, int) and d > 0 for d in (x.shape[a] for a in node.static[0]))
    if node.fn.name == "slice":
        x = node.args[0].type
        assert isinstance(x, Array)
        shape, steps = node.static
        known = zip(node.args[1:], steps, shape, x.shape, strict=False)
        return not all(
            isinstance(a, Constant) and isinstance(d, int) and isinstance(n, int) and _inside(a.value, k, n, d)
            for a, k, n, d in known
        )
    if node.fn.elementwise and node.fn.order == "checked":
        t = node.type
        return isinstance(t, Array) and t.dtype.kind != "f"
    return False


def _inside(start: int, step: int, count: int, size: int) -> bool:
    return count == 0 or (0 <= start < size and 0 <= start + step * (count - 1) < size)


def statement_of(node: Apply, inside: Callable[[Node], bool]) -> Statement:
    """An operation as a statement; views for which `inside` holds dissolve. A view itself is a statement that copies."""
    views: list[Apply] = []
    if is_view(node):
        shape = node.type.shape  # type: ignore[attr-defined]
        whole = tuple(Place(i) for i in range(len(shape)))
        return Statement(node, shape, tuple(range(len(shape))), [_through(node, whole, inside, views)], views)
    if node.fn.name in PRODUCTS:
        return _product(node, inside)
    if node.fn.name in PUTS:  # a block, read from its first element
        v = node.args[1]
        assert isinstance(v.type, Array)
        whole = tuple(Place(i) for i in range(v.type.rank))
        return Statement(node, v.type.shape, tuple(range(v.type.rank)), [_read(v, whole, inside, views)], views)
    shaped = node.args[0].type if node.fn.name in REDUCTIONS else node.type
    assert isinstance(shaped, Array)
    whole = tuple(Place(i) for i in range(shaped.rank))
    reads = [_read(a, whole, inside, views) for a in node.args]
    axes = node.static[0] if node.fn.name in REDUCTIONS else ()
    return Statement(node, shaped.shape, tuple(i for i in range(shaped.rank) if i not in axes), reads, views)


def _product(node: Apply, inside: Callable[[Node], bool]) -> Statement:
    """A product: its domain are the axes of its value, and those that it sums over."""
    x, y = node.args
    axes = axes_of(x, y, *node.static)
    n, over = len(axes.batch[0]), len(axes.over[0])
    m = n + len(axes.rows)
    k = m + len(axes.columns)
    batch, summed = [Place(i) for i in range(n)], [Place(k + i) for i in range(over)]
    at_x = dict(zip((*axes.batch[0], *axes.rows, *axes.over[0]), (*batch, *map(Place, range(n, m)), *summed), strict=True))
    at_y = dict(zip((*axes.batch[1], *axes.columns, *axes.over[1]), (*batch, *map(Place, range(m, k)), *summed), strict=True))
    views: list[Apply] = []
    reads = [_read(v, tuple(at[i] for i in range(len(at))), inside, views) for v, at in ((x, at_x), (y, at_y))]
    domain = (*(node.type.shape if isinstance(node.type, Array) else ()), *(x.type.shape[i] for i in axes.over[0]))  # type: ignore[attr-defined]
    return Statement(node, domain, tuple(range(k)), reads, views)


def _read(node: Node, places: tuple[Place, ...], inside: Callable[[Node], bool], views: list[Apply]) -> Read:
    """The element of an array at places, through the views above it."""
    if is_view(node) and inside(node):
        return _through(node, places, inside, views)  # type: ignore[arg-type]
    if is_source(node) and inside(node):
        views.append(node)  # type: ignore[arg-type]
    return Read(node, places if isinstance(node.type, Array) else ())


def _through(node: Apply, places: tuple[Place, ...], inside: Callable[[Node], bool], views: list[Apply]) -> Read:
    views.append(node)
    x, *rest = node.args
    if isinstance(x.type, Scalar):
        return Read(x)
    assert isinstance(x.type, Array)
    name = node.fn.name
    if name == "broadcast":
        lead = len(places) - x.type.rank
        inner = tuple(Place(None) if d == 1 else p for d, p in zip(x.type.shape, places[lead:], strict=True))
    elif name == "transpose":
        back: list[Place] = [Place(None)] * len(places)
        for p, a in zip(places, node.static[0], strict=True):
            back[a] = p
        inner = tuple(back)
    elif name == "slice":
        inner = tuple(_sliced(p, a, k) for p, a, k in zip(places, rest, node.static[1], strict=False))
    else:
        feed = iter([p for p, d in zip(places, node.type.shape, strict=True) if d != 1])  # type: ignore[attr-defined]
        inner = tuple(Place(None) if d == 1 else next(feed) for d in x.type.shape)
    return _read(x, inner, inside, views)


def _sliced(p: Place, start: Node, step: int) -> Place:
    """start + step * p."""
    terms = tuple((step * k, n) for k, n in p.terms)
    first = step * p.first
    if isinstance(start, Constant):
        first += int(start.value)
    else:
        terms = (*terms, (1, start))
    return Place(p.axis, step * p.step, first, terms)
