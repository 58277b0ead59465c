"""Sums, products, extrema and means, over all axes or some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize import objects
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.elementwise import elementwise
from irad.specialize.arrays.table import HANDLERS, Handler, check_count, no_keywords
from irad.specialize.arrays.values import dims_of, new_array, node_of
from irad.specialize.numbers import known_int
from irad.specialize.values import Known, is_number
from irad.types import BOOL, F64, FLOAT, I64, Array

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def reduce(s: Specializer, prim: str, x: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """A reduction over axes (None: all)."""
    b = s.b
    if not isinstance(x.type, Array):
        if prim in ("sum", "prod") and x.type.kind in "bi":  # type: ignore[attr-defined]
            return s.convert(x, I64)
        return b.ne(x, b.like(0, x)) if prim in ("any", "all") and x.type is not BOOL else x
    t = x.type
    axes = tuple(range(t.rank)) if axis is None else axis
    if prim in ("sum", "prod") and t.dtype.kind in "bi" and t.dtype is not I64:
        x = b.convert(x, to=I64)
    if prim in ("any", "all") and t.dtype is not BOOL:
        x = b.ne(x, b.like(0, x))
    if prim in ("max", "min") and any(t.shape[a] == 0 for a in axes):
        b.raise_(error="ValueError", message="zero-size array to reduction operation which has no identity")
        raise s.Bottom
    if t.dtype is BOOL:
        prim = {"max": "any", "min": "all"}.get(prim, prim)
    result = b.apply(b.primitives[prim], (x,), (axes,)) if axes else x
    if keepdims:
        shape = tuple(1 if i in axes else d for i, d in enumerate(t.shape))
        dims = dims_of(s, shape, [x])
        result = (
            b.reshape(result, *dims, shape=shape) if isinstance(result.type, Array) else b.broadcast(result, *dims, shape=shape)
        )
    return new_array(s, result)


def _axes(s: Specializer, v: Any, rank: int) -> tuple[int, ...] | None:
    if isinstance(v, Known) and v.value is None:
        return None
    items = list(v.children) if objects.is_tuple(v) else [v]
    out = []
    for i in items:
        n = known_int(s, i, "an axis")
        if rank == 0 and n in (0, -1):
            continue  # NumPy's exception for numbers
        if not -rank <= n < rank:
            raise s.refuse(
                "axis",
                f"axis {n} is out of bounds for an array of {rank} {'axis' if rank == 1 else 'axes'}",
                help=f"axes count from 0 to {rank - 1}, and backwards from -1" if rank else "a number has no axes",
            )
        out.append(n % rank)
    if len(set(out)) != len(out):
        raise s.refuse("axis", "an axis is named twice", help="name each axis once")
    return tuple(sorted(out))


def _reduction(name: str, prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        x, axis, keep = _reduction_arguments(s, name, args, kwargs)
        return reduce(s, prim, x, axis, keep)

    return call


def _reduction_arguments(
    s: Specializer, name: str, args: list[Any], kwargs: dict[str, Any]
) -> tuple[Node, tuple[int, ...] | None, bool]:
    kwargs = dict(kwargs)
    axis, keep = kwargs.pop("axis", None), kwargs.pop("keepdims", literal(False))
    no_keywords(s, name, kwargs)
    check_count(s, name, args, 1, 2)
    x = numeric(s, args[0], name)
    axis = axis if axis is not None else args[1] if len(args) == 2 else Known(None)
    rank = x.type.rank if isinstance(x.type, Array) else 0
    if not isinstance(keep, Constant):
        raise s.needs_static("keepdims must be known at compile time", "write keepdims=True or keepdims=False")
    axes = _axes(s, axis, rank)
    return x, axes if rank else None, bool(keep.value)


def mean(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    x, axis, keep = _reduction_arguments(s, "mean", args, kwargs)
    if not isinstance(x.type, Array):
        return s.convert(x, F64)
    if x.type.dtype.kind != "f":
        x = s.b.convert(x, to=F64)
    total = reduce(s, "sum", x, axis, keep)
    t = x.type
    assert isinstance(t, Array)
    count: Node = literal(1)
    for i in range(t.rank) if axis is None else axis:
        d = t.shape[i]
        count = s.b.mul(count, literal(d) if isinstance(d, int) else s.b.dim(x, axis=i))
    n = s.b.convert(count, to=FLOAT)
    if is_number(total):
        return s.b.div(total, s.convert(n, total.type))
    return elementwise(s, "div", [node_of(s, total), n], t.dtype, "mean")


for _name, _prim in (
    ("sum", "sum"),
    ("prod", "prod"),
    ("max", "max"),
    ("amax", "max"),
    ("min", "min"),
    ("amin", "min"),
    ("any", "any"),
    ("all", "all"),
):
    HANDLERS[getattr(np, _name)] = _reduction(_name, _prim)
HANDLERS[np.mean] = mean
