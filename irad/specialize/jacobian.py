"""Jacobians: a derivative for each number of the input (`forward`) or of the output (`reverse`); or, of straight-line code
with few inputs and outputs, by elimination in an order (see `irad.transforms.elimination`).

The columns of few inputs, and the rows of few outputs, are written one after the other: each is the derivative along one
direction, whose zeros the Builder folds. Those of larger arrays are made by a loop, a column or row a trip.

Whether a function is straight-line code shows when what it calls has been put in its place: the operation `jacobian` names
the function and another, which makes the Jacobian by modes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from irad.graph.build import constant, literal
from irad.graph.nodes import Node
from irad.primitives.control import FEW_ENTRIES
from irad.specialize import sizes
from irad.types import INT, Array, Dim, Scalar, Type, is_float

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["ORDERS", "ORDERS_HELP", "entries", "is_few"]

ORDERS = ("auto", "forward", "reverse", "markowitz")
ORDERS_HELP = (
    'use "forward" (a column for each input), "reverse" (a row for each output), "markowitz", "auto", or names of vertices'
)
FEW = 16  # numbers whose derivatives are written one after the other


class _Value(NamedTuple):
    """A number or array among the inputs (k: the graph's parameter) or outputs (k: the leaf); the sizes of its axes."""

    k: int
    type: Type
    sizes: tuple[Node, ...]

    @property
    def shape(self) -> tuple[int | Dim, ...]:
        return self.type.shape if isinstance(self.type, Array) else ()

    @property
    def dims(self) -> list[Node]:
        return [n for d, n in zip(self.shape, self.sizes, strict=True) if isinstance(d, Dim)]

    @property
    def size(self) -> float:
        """How many numbers it has, infinitely many where that is known at run time only."""
        return math.prod(d if isinstance(d, int) else math.inf for d in self.shape) if 0 not in self.shape else 0


Derive = Callable[[Node], Sequence[Node]]  # from a direction of one value to the derivatives of the others


def entries(s: Specializer, call: Any, order: str | tuple[str, ...]) -> dict[tuple[int, int], Node]:
    """The derivative of output leaf i in the graph's parameter k, under (i, k): of the output's shape, then the input's."""
    if order in ("forward", "reverse"):
        return _by_mode(s, call, order)
    if not _known(call):
        if order in ORDERS:
            return _by_mode(s, call, "auto")
        raise s.refuse(
            "not-straight-line",
            "a Jacobian by a list of vertices, of arrays whose sizes are known at run time only",
            help='leave out the order, or write order="forward" or "reverse"',
        )
    b, graph = s.b, call.graph
    modes = b.new_graph(f"{graph.name}.modes")
    for p in graph.params:
        b.parameter(modes, p.type, p.name)
    inner = copy.copy(call)
    inner.nodes = modes.params
    with b.inside(modes):
        found = _by_mode(s, inner, "auto")
        places = [(i, k) for i, t in enumerate(call.leaves) if is_float(t) for k in call.wrt]
        modes.finish(b.make_tuple(*[found[place] for place in places]))
    made = b.jacobian(*call.nodes, graphs=(graph, modes), wrt=call.wrt, order=order)
    return {place: b.getitem(made, index=n) for n, place in enumerate(places)}


def is_few(t: Array) -> bool:
    """Whether a matrix of derivatives is made of numbers, not block by block."""
    return t.static_shape is not None and math.prod(t.static_shape) <= FEW_ENTRIES


def _known(call: Any) -> bool:
    """Whether inputs and outputs are numbers and arrays whose sizes are known when the program is compiled."""
    types = [call.graph.params[k].type for k in call.wrt], [t for t in call.leaves if is_float(t)]
    if not all(isinstance(t, Scalar) or (isinstance(t, Array) and t.static_shape is not None) for ts in types for t in ts):
        return False
    return all(sum(_Value(0, t, ()).size for t in ts) > 0 for ts in types)


def _by_mode(s: Specializer, call: Any, order: str) -> dict[tuple[int, int], Node]:
    """By the derivatives of numbers of the input, or of the output, whichever are fewer if it is "auto"."""
    inputs = [_value(s, k, call.nodes[k], call.graph.params[k].type) for k in call.wrt]
    places = [i for i, t in enumerate(call.leaves) if is_float(t)]
    types = [sizes.renamed(call.leaves[i], call.sizes) for i in places]
    if order == "auto":
        order = "forward" if sum(v.size for v in inputs) <= sum(_Value(0, t, ()).size for t in types) else "reverse"
    outputs = _outputs(s, call, places, types)
    found: dict[tuple[int, int], Node] = {}
    if order == "forward":
        for v in inputs:
            columns = _by_number(s, v, partial(_columns, s, call, v.k, outputs), outputs, last=True)
            found.update({(u.k, v.k): node for u, node in zip(outputs, columns, strict=True)})
    elif outputs:
        _, residual = call.run_forward()
        for u in outputs:
            rows = _by_number(s, u, partial(_rows, s, call, residual, u.k, outputs), inputs, last=False)
            found.update({(u.k, v.k): _of_output(s, node, u) for v, node in zip(inputs, rows, strict=True)})
    return found


def _of_output(s: Specializer, rows: Node, u: _Value) -> Node:
    """Rows of a Jacobian in the dtype of the output, whatever the input's is: so no order of derivatives gives another one."""
    dtype = u.type if not isinstance(rows.type, Array) else u.type.dtype if isinstance(u.type, Array) else _strong(u.type)
    return rows if s.b.scalar_of(rows) is dtype else s.b.convert(rows, to=dtype)


def _value(s: Specializer, k: int, node: Node, t: Type) -> _Value:
    shape = t.shape if isinstance(t, Array) else ()
    return _Value(k, t, tuple(literal(d) if isinstance(d, int) else s.b.dim(node, axis=i) for i, d in enumerate(shape)))


def _outputs(s: Specializer, call: Any, places: Sequence[int], types: Sequence[Type]) -> list[_Value]:
    """The outputs that have derivatives; where sizes are known at run time only, f is run for them."""
    if not any(isinstance(t, Array) and any(isinstance(d, Dim) for d in t.shape) for t in types):
        return [_value(s, k, s.b.undef(t), t) for k, t in zip(places, types, strict=True)]
    parts = s.b.parts(s.b.call(call.graph, call.nodes), len(call.leaves))
    return [_value(s, k, s.convert(parts[k], t), t) for k, t in zip(places, types, strict=True)]


def _columns(s: Specializer, call: Any, k: int, outputs: Sequence[_Value], one: Node) -> list[Node]:
    """The derivatives of the outputs along a direction of one input."""
    b = s.b
    pair = b.jvp(*call.nodes, one, graphs=(call.graph,), wrt=(k,))
    parts = b.parts(b.getitem(pair, index=1), len(call.leaves))
    return [s.convert(parts[u.k], u.type) for u in outputs]


def _rows(s: Specializer, call: Any, residual: Node, i: int, outputs: Sequence[_Value], one: Node) -> list[Node]:
    """The derivatives in the inputs of an output along one direction."""
    b = s.b
    seed: list[Node | None] = [None] * len(call.leaves)
    seed[i] = s.convert(one, call.leaves[i])
    for u in outputs:
        if u.k != i and u.dims:
            assert isinstance(u.type, Array)
            seed[u.k] = s.convert(b.zeros(*u.dims, of=u.type), call.leaves[u.k])
    cts = b.vjp_backward(residual, call.packed(seed), graphs=(call.graph,), wrt=call.wrt)
    return [b.getitem(cts, index=k) for k in range(len(call.wrt))]


def _by_number(s: Specializer, v: _Value, derive: Derive, others: Sequence[_Value], *, last: bool) -> list[Node]:
    """Derivatives for each number of v: of the shape other + v (`last`), or v + other."""
    if not isinstance(v.type, Array):
        return list(derive(constant(v.type, 1.0)))
    if v.size <= FEW:
        return _written_out(s, v, v.type, derive, others, last)
    return _looped(s, v, v.type, derive, others, last)


def _full(v: _Value, t: Array, u: _Value, last: bool) -> tuple[Array, list[Node]]:
    """The type of the derivatives of v and another, and its sizes that are known at run time only."""
    first, second = (u, v) if last else (v, u)
    return Array(u.type.dtype if isinstance(u.type, Array) else _strong(u.type), first.shape + second.shape), [
        *first.dims,
        *second.dims,
    ]


def _strong(t: Type) -> Scalar:
    assert isinstance(t, Scalar)
    return t.strong


def _written_out(s: Specializer, v: _Value, t: Array, derive: Derive, others: Sequence[_Value], last: bool) -> list[Node]:
    """One derivative after the other."""
    b, zero, unit = s.b, constant(t.dtype, 0.0), constant(t.dtype, 1.0)
    count = int(v.size)
    shape = tuple(int(d) for d in t.shape if isinstance(d, int))
    derived = [derive(b.array(*[unit if j == k else zero for j in range(count)], shape=shape)) for k in range(count)]
    results = []
    for j, u in enumerate(others):
        full, dims = _full(v, t, u, last)
        if count * u.size <= FEW_ENTRIES and count * u.size > 0:
            numbers = [[_element(s, d[j], u, i) for i in range(int(u.size))] for d in derived]
            flat = [n for column in (zip(*numbers, strict=True) if last else numbers) for n in column]
            results.append(b.array(*flat, shape=full.shape))
            continue
        out: Node = b.zeros(*dims, of=full)
        for k, d in enumerate(derived):
            place = [literal(int(p)) for p in np.unravel_index(k, shape)]
            out = _put(s, out, d[j], u, place, last)
        results.append(out)
    return results


def _element(s: Specializer, node: Node, u: _Value, i: int) -> Node:
    """Number i of an array, in C order; or the number it is."""
    if not isinstance(u.type, Array):
        return node
    return s.b.index(node, *[literal(int(p)) for p in np.unravel_index(i, u.shape)])  # type: ignore[arg-type]


def _put(s: Specializer, out: Node, d: Node, u: _Value, place: Sequence[Node], last: bool) -> Node:
    """out with the derivatives for the number at `place`."""
    b = s.b
    if not isinstance(u.type, Array):
        return b.index_update(out, d, *place)
    zeros, ones = [literal(0)] * len(u.shape), (1,) * len(place)
    starts = [*zeros, *place] if last else [*place, *zeros]
    block = b.reshape(d, *u.dims, shape=(*u.shape, *ones) if last else (*ones, *u.shape))
    return b.slice_update(out, block, *starts, steps=(1,) * len(starts))


def _looped(s: Specializer, v: _Value, t: Array, derive: Derive, others: Sequence[_Value], last: bool) -> list[Node]:
    """One derivative a trip."""
    b = s.b
    trips: Node = literal(1)
    for n in v.sizes:
        trips = b.mul(trips, n)
    results = []
    for u in others:
        full, dims = _full(v, t, u, last)
        results.append(b.zeros(*dims, of=full))
    body = b.new_graph("loop", b.graph, role="loop")
    body.info = trips
    e = b.parameter(body, INT, "i")
    state = [b.parameter(body, r.type) for r in results]
    with b.inside(body):
        place: list[Node] = []
        rest: Node = e
        for axis in reversed(range(t.rank)):
            place.insert(0, b.mod(rest, v.sizes[axis]) if axis else rest)
            rest = b.floordiv(rest, v.sizes[axis])
        one = b.index_update(b.zeros(*v.dims, of=t), constant(t.dtype, 1.0), *place)
        new = [_put(s, st, d, u, place, last) for st, u, d in zip(state, others, derive(one), strict=True)]
        body.finish(b.tuple_(new) if new else b.make_tuple())
    return b.parts(b.for_loop(trips, *results, graphs=(body,)), len(results)) if results else []
