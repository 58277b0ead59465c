"""Sums, products, extrema and means, over all axes or some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize import objects
from irad.specialize.arrays.creation import dtype_of, numeric
from irad.specialize.arrays.elementwise import elementwise, taken_for_granted
from irad.specialize.arrays.table import HANDLERS, Handler, check_count, no_keywords
from irad.specialize.arrays.values import as_scalar, dims_of, new_array, node_of
from irad.specialize.numbers import known_int, widened
from irad.specialize.sizes import at_most
from irad.specialize.values import Known, is_number
from irad.types import BOOL, F64, FLOAT, I64, Array, Dim, Scalar, given_dims

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def reduce(s: Specializer, prim: str, x: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """A reduction over axes (None: all)."""
    b = s.b
    if not isinstance(x.type, Array):
        x = widened(s, x)
        if prim in ("sum", "prod") and x.type.kind in "bi":  # type: ignore[attr-defined]
            return s.convert(x, I64)
        return b.ne(x, b.like(0, x)) if prim in ("any", "all") and x.type is not BOOL else x
    t = x.type
    if t.dtype.narrow:
        if prim in ("sum", "prod") and not t.dtype.signed:
            raise s.refuse(
                "unsupported-dtype",
                f"the {prim} of {t.dtype.dtype} is of uint64, which cannot be compiled",
                help=f"name the dtype: x.{prim}(dtype=np.int64)",
            )
        found = reduce(s, prim, widened(s, x), axis, keepdims)
        node = node_of(s, found)
        return new_array(s, s.b.convert(node, to=t.dtype)) if prim in ("max", "min") else found
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


IDENTITY = {"sum": 0, "prod": 1, "any": False, "all": True}
JOINS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}  # a result with `initial`


def _reduction(name: str, prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        initial = _initial(s, name, kwargs.pop("initial", None)) if prim in JOINS else None
        identity = literal(IDENTITY[prim]) if prim in IDENTITY else initial
        x, axis, keep, to = _reduction_arguments(s, name, args, kwargs, identity, prim in ("sum", "prod"))
        if initial is not None and s.b.scalar_of(initial).kind == "f" and s.b.scalar_of(x).kind != "f":
            raise s.refuse("dtype", f"np.{name} of integers from a float on", help="convert the array: x.astype(float)")
        if initial is not None and prim in ("max", "min") and isinstance(x.type, Array):
            x = _not_empty(s, x, axis, initial)
        result = reduce(s, prim, x, axis, keep)
        if to is not None and s.b.scalar_of(node_of(s, result)).strong is not to:
            result = new_array(s, s.b.convert(node_of(s, result), to=to))
        return result if initial is None else HANDLERS[getattr(np, JOINS[prim])](s, [result, initial], {})

    return call


def _initial(s: Specializer, name: str, v: Any) -> Node | None:
    """A number that a reduction starts from."""
    if v is None:
        return None
    v = as_scalar(s, v)
    if not is_number(v):
        raise s.refuse("type-mismatch", f"np.{name} starts from a number, not {s.describe(v)}", help="leave `initial` out")
    return v  # type: ignore[no-any-return]


def _not_empty(s: Specializer, x: Node, axis: tuple[int, ...] | None, initial: Node) -> Node:
    """x, or where an axis that is reduced has no elements as many of `initial` as there is to be one of."""
    t = x.type
    assert isinstance(t, Array)
    axes = tuple(range(t.rank)) if axis is None else axis
    if all(t.shape[a] != 0 for a in axes):
        for a in axes:
            if isinstance(t.shape[a], Dim) and given_dims() and not at_most(literal(1), s.b.dim(x, axis=a)):
                taken_for_granted(s, s.b.gt(s.b.dim(x, axis=a), literal(0)), "an axis that is reduced has no elements")
        return x
    shape = tuple(1 if a in axes else d for a, d in enumerate(t.shape))
    return s.b.broadcast(s.convert(initial, t.dtype), *dims_of(s, shape, [x]), shape=shape)


def _reduction_arguments(
    s: Specializer, name: str, args: list[Any], kwargs: dict[str, Any], identity: Node | None, with_dtype: bool
) -> tuple[Node, tuple[int, ...] | None, bool, Scalar | None]:
    """The array of a reduction, `identity` where it is not to be counted; the axes; keepdims; the dtype, if one is given."""
    kwargs = dict(kwargs)
    axis, keep = kwargs.pop("axis", None), kwargs.pop("keepdims", literal(False))
    where = kwargs.pop("where", None)
    where = None if isinstance(where, Constant) and where.value is True else where
    if with_dtype and len(args) == 3:
        args, kwargs["dtype"] = args[:2], args[2]
    given = kwargs.pop("dtype", Known(None)) if with_dtype else Known(None)
    to = None if isinstance(given, Known) and given.value is None else dtype_of(s, given)
    no_keywords(s, name, kwargs)
    check_count(s, name, args, 1, 2)
    x = numeric(s, args[0], name)
    axis = axis if axis is not None else args[1] if len(args) == 2 else Known(None)
    rank = x.type.rank if isinstance(x.type, Array) else 0
    if not isinstance(keep, Constant):
        raise s.needs_static("keepdims must be known at compile time", "write keepdims=True or keepdims=False")
    axes = _axes(s, axis, rank)
    if to is not None and s.b.scalar_of(x).strong is not to:
        if to is BOOL or (to.kind == "i" and s.b.scalar_of(x).kind == "f"):
            raise s.refuse("unsupported-dtype", f"np.{name} into {to.dtype}", help="convert the array before: x.astype(...)")
        x = s.b.convert(x, to=to)
    if where is not None:
        x = _counted(s, name, x, where, identity)
    return x, axes if rank else None, bool(keep.value), to


def _counted(s: Specializer, name: str, x: Node, where: Any, identity: Node | None) -> Node:
    """x where a condition holds, elsewhere the identity of a reduction."""
    test = numeric(s, where, name)
    if s.b.scalar_of(test) is not BOOL:
        raise s.refuse("type-mismatch", f"`where` of np.{name} takes truth values", help="compare: where=mask != 0")
    if identity is None:
        s.b.raise_(error="ValueError", message=f"reduction operation '{name}' does not have an identity; name `initial`")
        raise s.Bottom
    identity = s.b.like(identity.value, x) if isinstance(identity, Constant) else identity
    identity = s.b.convert(identity, to=s.b.scalar_of(x).strong)
    chosen: Node = node_of(s, elementwise(s, "select", [test, x, identity], None, name))
    if getattr(chosen.type, "shape", None) != getattr(x.type, "shape", None):
        raise s.refuse(
            "shape-mismatch", f"`where` of np.{name} has not the shape of the array", help="broadcast the array first"
        )
    return chosen


def mean(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    x, axis, keep, to = _reduction_arguments(s, "mean", args, kwargs, literal(0), True)
    if s.b.scalar_of(x).kind != "f":
        if to is not None:
            raise s.refuse("unsupported-dtype", f"np.mean into {to.dtype}", help="leave `dtype` out")
        x = s.b.convert(x, to=F64)
    dtype = s.b.scalar_of(x).strong
    total = reduce(s, "sum", x, axis, keep)
    if "where" in kwargs:
        test, one, zero = numeric(s, kwargs["where"], "mean"), s.b.like(1.0, x), s.b.like(0.0, x)
        ones = node_of(s, elementwise(s, "select", [test, one, zero], None, "mean"))
        return elementwise(s, "div", [node_of(s, total), node_of(s, reduce(s, "sum", ones, axis, keep))], dtype, "mean")
    if not isinstance(x.type, Array):
        return x
    t = x.type
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
