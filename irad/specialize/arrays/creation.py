"""Functions that make arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.specialize import objects
from irad.specialize.arrays.elementwise import promote, spread
from irad.specialize.arrays.table import HANDLERS, Handler, check_count, no_keywords
from irad.specialize.arrays.values import (
    Shape,
    array_type,
    as_scalar,
    dims_of,
    element,
    is_array,
    is_ordered,
    never_negative,
    new_array,
    node_of,
    read,
)
from irad.specialize.numbers import fitting
from irad.specialize.shapes import leaf_types
from irad.specialize.sizes import dim_of
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, MACHINE, Array, Dim, Scalar, fresh_dim, join

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def numeric(s: Specializer, v: Any, name: str) -> Node:
    """The node of a number, an array, or a nested list of numbers."""
    if objects.is_tuple(v) or objects.is_list(v):
        v = array(s, [v], {})
    v = node_of(s, v)
    if not isinstance(v, Node) or not isinstance(v.type, (Scalar, Array)):
        raise s.refuse(
            "type-mismatch",
            f"np.{name} takes numbers and arrays, not {s.describe(v)}",
            help="convert it first: np.array(...) makes an array of a list of numbers",
        )
    return v


DTYPES: dict[Any, Scalar] = {
    float: F64,
    int: I64,
    bool: BOOL,
    np.float64: F64,
    np.float32: F32,
    np.int64: I64,
    np.int32: I32,
    np.bool_: BOOL,
    **{t.dtype.type: t for t in MACHINE.values() if t.narrow},
}


def _is_dtype(value: Any) -> bool:
    try:
        return bool(np.dtype(value).isnative)
    except TypeError:
        return False


def in_order(s: Specializer, name: str, kwargs: dict[str, Any], usual: str = "CK") -> dict[str, Any]:
    """The keywords without an `order` that is what NumPy does anyway."""
    kwargs = dict(kwargs)
    order = kwargs.pop("order", None)
    if order is not None and not (isinstance(order, Known) and order.value in (*usual, None)):
        raise s.refuse(
            "unsupported-keyword",
            f"np.{name} in another `order` cannot be compiled",
            help="leave it out: arrays are in C order",
        )
    return kwargs


def dtype_of(s: Specializer, v: Any) -> Scalar:
    """A dtype given by the user."""
    if isinstance(v, Known):
        found = DTYPES.get(np.dtype(v.value).type if isinstance(v.value, (str, np.dtype)) and _is_dtype(v.value) else v.value)
        if found is not None:
            return found
    raise s.refuse(
        "unsupported-dtype",
        f"the dtype {s.describe(v)} cannot be compiled",
        help="use float64, float32, int64, int32 or bool",
    )


def shape_of(s: Specializer, v: Any) -> tuple[Shape, list[Node]]:
    """A shape given by the user, and the nodes of the sizes that are known at run time only."""
    items = list(v.children) if objects.is_tuple(v) else objects.known_items(s, v) if objects.is_list(v) else [v]
    shape: list[int | Dim] = []
    dims = []
    for i in items:
        i = as_scalar(s, i)
        if not is_number(i) or i.type.kind not in "ib":
            raise s.refuse(
                "type-mismatch", f"a shape is made of integers, not {s.describe(i)}", help="write int(...), or // instead of /"
            )
        if isinstance(i, Constant):
            if i.value < 0:
                s.b.raise_(error="ValueError", message="negative dimensions are not allowed")
                raise s.Bottom
            shape.append(int(i.value))
        else:
            n = s.convert(i, INT)
            if not never_negative(n):
                s.b.assert_(s.b.ge(n, literal(0)), error="ValueError", message="negative dimensions are not allowed")
            shape.append(dim_of(n, s.dims))
            if isinstance(shape[-1], Dim):
                dims.append(n)
    return tuple(shape), dims


def filled(s: Specializer, value: Node | None, shape: Shape, dims: list[Node], dtype: Scalar) -> Any:
    if not shape:
        return s.convert(value, dtype) if value is not None else constant(dtype, 0.0 if dtype.kind == "f" else 0)
    if value is None:
        return new_array(s, s.b.zeros(*dims, of=Array(dtype, shape)))
    if s.b.scalar_of(value).strong is not dtype:
        value = s.b.convert(fitting(s, value, dtype), to=dtype)
    return new_array(s, spread(s, value, shape, dims))


def _filled(name: str, value: float | None) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = in_order(s, name, kwargs, "C")
        dtype = kwargs.pop("dtype", args[1] if len(args) == 2 else Known(float))
        shape = kwargs.pop("shape", args[0] if args else None)
        no_keywords(s, name, kwargs)
        if shape is None or len(args) > 2:
            raise s.refuse(
                "wrong-arguments",
                f"np.{name} takes a shape and a dtype",
                help=f"write np.{name}((n, m)), or np.{name}(n, dtype=int)",
            )
        t = dtype_of(s, dtype)
        fill = None if value is None else constant(t, {"f": float, "i": int, "b": bool}[t.kind](value))
        return ordered(filled(s, fill, *shape_of(s, shape), t))

    return call


def ordered(v: Any) -> Any:
    """A new array, which NumPy is known to have in C order."""
    if isinstance(v, Ref):
        v.obj.ordered = True
    return v


HANDLERS[np.zeros], HANDLERS[np.empty], HANDLERS[np.ones] = (
    _filled("zeros", None),
    _filled("empty", None),
    _filled("ones", 1),
)


def _full(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    given = {**dict(zip(("shape", "fill_value", "dtype"), args, strict=False)), **in_order(s, "full", kwargs, "C")}
    check_count(s, "full", list(given), 2, 3)
    no_keywords(s, "full", {k: v for k, v in given.items() if k not in ("shape", "fill_value", "dtype")})
    value, dtype = numeric(s, given["fill_value"], "full"), given.get("dtype", Known(None))
    t = s.b.scalar_of(value).strong if isinstance(dtype, Known) and dtype.value is None else dtype_of(s, dtype)
    return ordered(filled(s, value, *shape_of(s, given["shape"]), t))


def _like(name: str, value: float | None) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        dtype = kwargs.pop("dtype", None)
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 2 if name == "full_like" else 1)
        x = numeric(s, args[0], name)
        t = dtype_of(s, dtype) if dtype is not None else s.b.scalar_of(x).strong
        fill = (
            numeric(s, args[1], name)
            if name == "full_like"
            else None
            if value is None
            else constant(t, {"f": float, "i": int, "b": bool}[t.kind](value))
        )
        shape = x.type.shape if isinstance(x.type, Array) else ()
        made = filled(s, fill, shape, dims_of(s, shape, [x]), t)
        return ordered(made) if is_array(s, args[0]) and is_ordered(s, args[0]) else made

    return call


HANDLERS[np.full] = _full
HANDLERS[np.zeros_like], HANDLERS[np.empty_like] = _like("zeros_like", None), _like("empty_like", None)
HANDLERS[np.ones_like], HANDLERS[np.full_like] = _like("ones_like", 1), _like("full_like", None)


def _arange(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    b = s.b
    kwargs = dict(kwargs)
    dtype = kwargs.pop("dtype", None)
    names = ("start", "stop", "step") if len(args) > 1 or "stop" in kwargs else ("stop",)
    named = dict(zip(names, args, strict=False))
    named.update({k: kwargs.pop(k) for k in ("start", "stop", "step") if k in kwargs and k not in named})
    no_keywords(s, "arange", kwargs)
    check_count(s, "arange", args, 0 if "stop" in named else 1, 3)
    given = (named.get("start", literal(0)), named["stop"], named.get("step", literal(1)))
    xs = [as_scalar(s, a) for a in given]
    if not all(map(is_number, xs)):
        raise s.refuse(
            "type-mismatch", "np.arange takes numbers", help="write np.arange(stop), or np.arange(start, stop, step)"
        )
    start, stop, step = xs
    t = promote(s, [start, stop, step], "arange").strong
    start, stop, step = (s.convert(x, INT if t.kind == "i" else FLOAT) for x in (start, stop, step))
    if t.kind == "i":
        towards = (
            b.select(b.gt(step, literal(0)), literal(-1), literal(1))
            if not isinstance(step, Constant)
            else literal(-1 if step.value > 0 else 1)
        )
        count = b.floordiv(b.add(b.sub(stop, start), b.add(step, towards)), step)
    else:
        count = b.convert(b.ceil(b.div(b.sub(stop, start), step)), to=INT)
    count = count if never_negative(count) or count in s.dims else b.maximum(count, literal(0))
    n = dim_of(count, s.dims)
    dims = [] if isinstance(n, int) else [count]
    index = b.iota(*dims, of=Array(I64, (n,)))
    if t.kind == "f":
        index = b.convert(index, to=F64)
    grid = b.add(b.mul(index, b.broadcast(step, *dims, shape=(n,))), b.broadcast(start, *dims, shape=(n,)))
    if dtype is not None and dtype_of(s, dtype) is not t:
        grid = b.convert(grid, to=dtype_of(s, dtype))
    return new_array(s, grid)


HANDLERS[np.arange] = _arange


def _nested(s: Specializer, v: Any) -> tuple[Shape, list[Node]]:
    """The shape and elements of a nested list of numbers and arrays."""
    if is_array(s, v):
        t = array_type(s, v)
        sizes = t.static_shape
        if sizes is None or math.prod(sizes) > 64:
            return t.shape, [read(s, v)]
        return t.shape, [element(s, v, [literal(int(i)) for i in ix]) for ix in np.ndindex(*sizes)]
    if is_number(v):
        return (), [v]
    if not (objects.is_tuple(v) or objects.is_list(v)):
        raise s.refuse(
            "type-mismatch",
            f"np.array takes numbers, arrays and lists of them, not {s.describe(v)}",
            help="give it a list of numbers, as [1.0, 2.0]",
        )
    parts = [_nested(s, c) for c in objects.known_items(s, v)]
    if not parts:
        return (0,), []
    if any(shape != parts[0][0] for shape, _ in parts):
        if any(isinstance(d, Dim) for shape, _ in parts for d in shape):
            raise s.refuse(
                "unknown-shape",
                "the rows of this array may differ in length: that of one is known at run time only",
                help="make the array first, as in y = np.zeros((m, n)), and write the rows into it: y[0] = ...",
            )
        raise s.refuse(
            "shape-mismatch", "the rows of an array have different shapes", help="pad them, or keep a list of arrays"
        )
    return (len(parts), *parts[0][0]), [n for _, nodes in parts for n in nodes]


def array(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    b = s.b
    kwargs = in_order(s, "array", kwargs)
    if isinstance(least := kwargs.pop("ndmin", None), Constant):
        return _with_axes(s, array(s, args, kwargs), least.value)
    dtype = kwargs.pop("dtype", args[1] if len(args) == 2 else None)
    copy = kwargs.pop("copy", literal(True))
    if not (isinstance(copy, Constant) and copy.value is True):
        raise s.refuse(
            "unsupported-keyword", "np.array always copies in compiled code", help="leave `copy` out, or use np.asarray"
        )
    no_keywords(s, "array", kwargs)
    check_count(s, "array", args, 1, 2)
    (v, *_) = args
    column = objects.growing(s, v)
    if is_array(s, v):
        node = read(s, v)
    elif column is not None:
        node = list_array(s, column)
    else:
        shape, nodes = _nested(s, v)
        if not shape:
            t = dtype_of(s, dtype) if dtype is not None else nodes[0].type.strong  # type: ignore[attr-defined]
            x = s.convert(nodes[0], t)
            return x if x.type is t else b.convert(x, to=t)  # a number of NumPy's, not of Python's
        if not nodes:
            return filled(s, None, shape, [], dtype_of(s, dtype) if dtype is not None else F64)
        if any(isinstance(n.type, Array) for n in nodes):
            return _stacked(s, shape, nodes)
        t = promote(s, nodes, "np.array").strong if not all(n.type is BOOL for n in nodes) else BOOL
        for n in nodes:  # in a list, numbers of Python's are of their dtype
            joined = join(t, n.type.strong) if n.type.weak else t  # type: ignore[attr-defined]
            t = joined if isinstance(joined, Scalar) else t
        twin = {F64: FLOAT, I64: INT}.get(t, t)
        wanted = dtype_of(s, dtype) if dtype is not None else t
        node = b.array(*[s.convert(fitting(s, n, wanted), twin) for n in nodes], shape=shape)
    if dtype is not None and b.scalar_of(node).strong is not dtype_of(s, dtype):
        node = b.convert(node, to=dtype_of(s, dtype))
    return new_array(s, node)


def _with_axes(s: Specializer, v: Any, least: int) -> Any:
    """An array with this many axes at least: more are put in front."""
    node = node_of(s, v)
    shape = node.type.shape if isinstance(node.type, Array) else ()
    if len(shape) >= least:
        return v
    wanted = (1,) * (least - len(shape)) + shape
    return new_array(
        s, s.b.reshape(node, *dims_of(s, shape, [node]), shape=wanted) if shape else s.b.broadcast(node, shape=wanted)
    )


def list_array(s: Specializer, content: Compound) -> Node:
    """The array of a list that grows: a column for each number of an item."""
    b, (node,) = s.b, content.children
    types = leaf_types(content.head)
    size = b.list_size(node)
    n = fresh_dim()
    columns = [b.list_column(node, size, leaf=k, to=Array(t.strong, (n,))) for k, t in enumerate(types)]  # type: ignore[attr-defined]
    if content.head[0] == "leaf":
        return columns[0]
    if any(leaf[0] != "leaf" for leaf in content.head[3]):
        raise s.refuse(
            "type-mismatch",
            "np.array takes a list of numbers, or of tuples of numbers",
            help="append plain numbers, or tuples of numbers of one length",
        )
    dtype = promote(s, columns, "np.array").strong
    out = b.zeros(size, of=Array(dtype, (n, len(columns))))
    for k, c in enumerate(columns):
        c = c if b.scalar_of(c) is dtype else b.convert(c, to=dtype)
        out = b.slice_update(out, b.reshape(c, size, shape=(n, 1)), literal(0), literal(k), steps=(1, 1))
    return out


def _stacked(s: Specializer, shape: Shape, nodes: list[Node]) -> Any:
    """An array of arrays: each is put in its place."""
    b = s.b
    inner = nodes[0].type
    assert isinstance(inner, Array)
    lead = shape[: len(shape) - inner.rank]
    dims = dims_of(s, shape, nodes)
    out = b.zeros(*dims, of=Array(promote(s, nodes, "np.array").strong, shape))
    for place, n in zip(np.ndindex(*lead), nodes, strict=True):  # type: ignore[arg-type]
        block = b.reshape(n, *dims_of(s, inner.shape, [n]), shape=(*[1] * len(lead), *inner.shape))
        out = b.slice_update(out, block, *[literal(int(i)) for i in place], *[literal(0)] * inner.rank, steps=(1,) * len(shape))
    return new_array(s, out)


def _asarray(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = in_order(s, "asarray", kwargs)
    if isinstance(copy := kwargs.get("copy"), Known) and copy.value is None:
        del kwargs["copy"]
    to = kwargs.get("dtype", args[1] if len(args) == 2 else Known(None))
    kept = (isinstance(to, Known) and to.value is None) or (
        is_array(s, args[0]) and array_type(s, args[0]).dtype is dtype_of(s, to)
    )
    if is_array(s, args[0]) and kept and "copy" not in kwargs:
        return args[0]  # which is no copy
    if isinstance(to, Known) and to.value is None:
        args, kwargs = args[:1], {k: v for k, v in kwargs.items() if k != "dtype"}
    return array(s, args, kwargs)


HANDLERS[np.array], HANDLERS[np.asarray], HANDLERS[np.asanyarray] = array, _asarray, _asarray
HANDLERS[np.copy] = lambda s, args, kwargs: array(s, args[:1], kwargs)
