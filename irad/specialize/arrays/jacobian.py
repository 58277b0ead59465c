"""Jacobians of functions with arrays among their arguments or results: a derivative for each element, in a loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from irad.graph.build import constant, literal
from irad.graph.nodes import Node
from irad.graph.walk import Task
from irad.types import INT, Array, Dim, Type

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def jacobian(s: Specializer, call: Any, kind: str, single: bool) -> Task:
    """The Jacobian of a call whose arguments or results have arrays: one column or row a trip of a loop."""
    from irad.specialize.derivatives import jacobian_value

    yield from ()
    b = s.b
    inputs = [(k, call.graph.params[k].type) for k in call.wrt]
    outputs = [(i, t) for i, t in enumerate(call.leaves) if s.b is b and _differentiable(t)]
    for _, t in [*inputs, *outputs]:
        if isinstance(t, Array) and any(isinstance(d, Dim) for d in t.shape):
            raise s.refuse(
                "unknown-shape",
                "the Jacobian of arrays whose sizes are known at run time only cannot be compiled",
                help="use sizes of arguments, which are known; or jvp and vjp, which need no size",
            )
    entries: dict[tuple[int, int], Node] = {}
    if kind == "jacfwd":
        for j, (k, t) in enumerate(inputs):
            columns = _by_element(s, t, partial(_columns, s, call, inputs, j), [u for _, u in outputs], last=True)
            for (i, _), node in zip(outputs, columns, strict=True):
                entries[i, k] = node
    else:
        _, residual = call.run_forward()
        for i, t in outputs:
            rows = _by_element(s, t, partial(_rows, s, call, residual, i), [u for _, u in inputs], last=False)
            for (k, _), node in zip(inputs, rows, strict=True):
                entries[i, k] = node
    return jacobian_value(s, call, entries, single)


def _differentiable(t: Type) -> bool:
    from irad.types import is_float

    return is_float(t)


def _columns(s: Specializer, call: Any, inputs: list[Any], j: int, one: Node) -> list[Node]:
    b = s.b
    tangents = [one if i == j else b.zero(t) for i, (_, t) in enumerate(inputs)]
    pair = b.jvp(*call.nodes, *tangents, graphs=(call.graph,), wrt=call.wrt)
    parts = b.parts(b.getitem(pair, index=1), len(call.leaves))
    return [p for p, t in zip(parts, call.leaves, strict=True) if _differentiable(t)]


def _rows(s: Specializer, call: Any, residual: Node, i: int, one: Node) -> list[Node]:
    b = s.b
    seed: list[Node | None] = [None] * len(call.leaves)
    seed[i] = one
    cts = b.vjp_backward(residual, call.packed(seed), graphs=(call.graph,), wrt=call.wrt)
    return [b.getitem(cts, index=k) for k in range(len(call.wrt))]


def _by_element(s: Specializer, t: Type, derive: Callable[[Node], list[Node]], others: list[Type], *, last: bool) -> list[Node]:
    """Derivatives for each element of a value of type t: of shape other + t (`last`), or t + other."""
    b = s.b
    if not isinstance(t, Array):
        return derive(constant(t, 1.0))
    size = math.prod(t.shape)
    results = []
    for u in others:
        own = u.shape if isinstance(u, Array) else ()
        shape = (*own, *t.shape) if last else (*t.shape, *own)
        results.append(b.zeros(of=Array(t.dtype, shape)))
    body = b.new_graph("loop", b.graph, role="loop")
    body.info = "counted"
    e = b.parameter(body, INT, "i")
    state = [b.parameter(body, r.type) for r in results]
    with b.inside(body):
        place: list[Node] = []
        rest: Node = e
        for n in reversed(t.shape):
            place.insert(0, b.mod(rest, literal(n)) if n != size else rest)
            rest = b.floordiv(rest, literal(n))
        one = b.index_update(b.zeros(of=t), constant(t.dtype, 1.0), *place)
        new = []
        for st, u, d in zip(state, others, derive(one), strict=True):
            if not isinstance(u, Array):
                new.append(b.index_update(st, d, *place))
                continue
            zeros = [literal(0)] * u.rank
            starts = [*zeros, *place] if last else [*place, *zeros]
            ones = (1,) * t.rank
            block = b.reshape(d, shape=(*u.shape, *ones) if last else (*ones, *u.shape))
            new.append(b.slice_update(st, block, *starts, steps=(1,) * len(starts)))
        body.finish(b.tuple_(new))
    return b.parts(b.for_loop(literal(size), *results, graphs=(body,)), len(results))
