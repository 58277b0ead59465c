"""Arrays: their shapes, and how they are made. `elements` has reading and updating, `reductions` sums and products.

All are values: an update gives a new array, and the backend makes it happen in place where nobody needs the old one. A dim
of a result that is not an integer is given at run time: such operations take one int for each dim of the result that is a
symbol, after their other arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.table import CHECKED, Missing, primitive
from irad.primitives.terms import Form, forms_of, moved, reshaped, shape_of
from irad.types import I64, INT, Array, Dim, Scalar, Type

IN_KERNELS = Missing("arrays are lowered by backends/llvm/arrays")


def symbols(t: Array) -> list[Dim]:
    """The dims of a shape that are known at run time only."""
    return [d for d in t.shape if isinstance(d, Dim)]


def array_of(name: str, t: Type) -> Array:
    if not isinstance(t, Array):
        raise refuse("type-mismatch", f"`{name}` takes an array, not {t}")
    return t


def need_ints(name: str, types: tuple[Type, ...]) -> None:
    for t in types:
        if not (isinstance(t, Scalar) and t.strong is I64):
            raise refuse("type-mismatch", f"`{name}` takes integers as indices, not {t}")


def concrete(shape: tuple[Any, ...], dims: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape with the run-time dims filled in."""
    feed = iter(dims)
    out = tuple(int(next(feed)) if isinstance(d, Dim) else d for d in shape)
    if any(d < 0 for d in out):
        raise ValueError("negative dimensions are not allowed")
    return out


# -- shapes ---------------------------------------------------------------------------------------------------------------


def _shaped_infer(name: str) -> Callable[..., Array]:
    def infer(types: tuple[Type, ...], shape: tuple[Any, ...]) -> Array:
        x = types[0]
        dtype = x.dtype if isinstance(x, Array) else x
        if not isinstance(dtype, Scalar):
            raise refuse("type-mismatch", f"`{name}` takes a number or an array, not {x}")
        out = Array(dtype.strong, shape)
        need_ints(name, types[1:])
        if len(types) - 1 != len(symbols(out)):
            raise refuse("type-mismatch", f"`{name}` to {out} takes {len(symbols(out))} run-time dims")
        return out

    return infer


def _broadcast_infer(types: tuple[Type, ...], shape: tuple[Any, ...]) -> Type:
    x, out = types[0], _shaped_infer("broadcast")(types, shape)
    if isinstance(x, Array):
        pairs = zip(reversed(x.shape), reversed(shape), strict=False)
        if x.rank > len(shape) or any(isinstance(d, int) and isinstance(n, int) and d not in (1, n) for d, n in pairs):
            raise refuse("shape-mismatch", f"`broadcast` cannot repeat {x} to {out}")
    return out


def _reshape_infer(types: tuple[Type, ...], shape: tuple[Any, ...]) -> Type:
    x, out = array_of("reshape", types[0]), _shaped_infer("reshape")(types, shape)
    if all(isinstance(d, int) for d in (*x.shape, *shape)) and math.prod(x.shape) != math.prod(shape):
        raise refuse("shape-mismatch", f"`reshape` cannot make {out} of {x}")
    return out


def _broadcast_vjp(b: Any, out: Any, x: Any, *rest: Any, shape: tuple[Any, ...]) -> Any:
    """The cotangent is summed over the axes that were repeated."""
    ct = rest[-1]
    return (lambda: b.unbroadcast(ct, x), *(None for _ in rest[:-1]))


def _broadcast_structure(b: Any, out: Any, x: Any, *dims: Any, shape: tuple[Any, ...]) -> Any:
    places = forms_of(shape_of(out.type))
    into = shape_of(x.type)
    own = [f if n != 1 else Form(0) for f, n in zip(places[len(places) - len(into) :], into, strict=True)]
    return (moved(places, own), *(None for _ in dims))


def _transpose_structure(b: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    places = forms_of(shape_of(x.type))
    return (moved([places[a] for a in axes], places),)


def _array_structure(b: Any, out: Any, *xs: Any, shape: tuple[int, ...]) -> Any:
    return tuple(moved([Form(int(i)) for i in np.unravel_index(k, shape)], ()) for k in range(len(xs)))


broadcast = primitive(
    "broadcast",
    _broadcast_infer,
    statics=("shape",),
    doc="x repeated along new and unit axes, as NumPy does; also of a number.",
    ref=lambda x, *dims, shape: np.broadcast_to(x, concrete(shape, dims)),
    vjp=_broadcast_vjp,
    jvp=lambda b, out, x, *rest, shape: b.broadcast(rest[len(rest) // 2], *rest[: len(rest) // 2], shape=shape),
    structure=_broadcast_structure,
    llvm=IN_KERNELS,
    cost=0,
    source=lambda s, x, *dims, shape: s.broadcast(x, s.sizes(shape, dims)),
)
reshape = primitive(
    "reshape",
    _reshape_infer,
    statics=("shape",),
    doc="The elements of x in C order in another shape of the same size.",
    ref=lambda x, *dims, shape: _reshape_ref(x, concrete(shape, dims)),
    order=CHECKED,
    vjp=lambda b, out, x, *rest, shape: (lambda: b.reshape_like(rest[-1], x), *(None for _ in rest[:-1])),
    jvp=lambda b, out, x, *rest, shape: b.reshape(rest[len(rest) // 2], *rest[: len(rest) // 2], shape=shape),
    structure=lambda b, out, x, *dims, shape: (reshaped(shape_of(out.type), shape_of(x.type)), *(None for _ in dims)),
    llvm=IN_KERNELS,
    cost=0,
    source=lambda s, x, *dims, shape: s.reshaped(x, s.sizes(shape, dims)),
)


def _reshape_ref(x: Any, shape: tuple[int, ...]) -> Any:
    if math.prod(shape) != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    return x.reshape(shape)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(i) for i in range(len(axes)))


def _transpose_infer(types: tuple[Type, ...], axes: tuple[int, ...]) -> Type:
    x = array_of("transpose", types[0])
    if sorted(axes) != list(range(x.rank)):
        raise refuse("type-mismatch", f"`transpose` of {x} takes its axes in another order, not {axes}")
    return Array(x.dtype, [x.shape[a] for a in axes])


transpose = primitive(
    "transpose",
    _transpose_infer,
    statics=("axes",),
    doc="x with its axes in the order `axes`.",
    ref=lambda x, *, axes: np.transpose(x, axes),
    vjp=lambda b, out, x, ct, *, axes: (b.transpose(ct, axes=_inverse(axes)),),
    jvp=lambda b, out, x, dx, *, axes: b.transpose(dx, axes=axes),
    structure=_transpose_structure,
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.transposed(x, axes),
)


def _retype_infer(types: tuple[Type, ...], to: Array) -> Type:
    x = array_of("retype", types[0])
    if x.dtype is not to.dtype or x.rank != to.rank:
        raise refuse("type-mismatch", f"{x} cannot be {to}")
    return to


def _retype_ref(x: Any, *, to: Array) -> Any:
    if any(isinstance(d, int) and d != n for d, n in zip(to.shape, x.shape, strict=True)):
        raise ValueError(f"an array of shape {x.shape} stands where {to} is needed")
    return x


retype = primitive(
    "retype",
    _retype_infer,
    statics=("to",),
    order=CHECKED,
    doc="The same array with other knowledge of its dims; ValueError where it is wrong.",
    ref=_retype_ref,
    vjp=lambda b, out, x, ct, *, to: (b.retype(ct, to=x.type),),
    jvp=lambda b, out, x, dx, *, to: b.retype(dx, to=to),
    structure=lambda b, out, x, *, to: (moved(*[forms_of(shape_of(x.type))] * 2),),
    llvm=IN_KERNELS,
    source=lambda s, x, *, to: s.retyped(x, to),
)


def _dim_infer(types: tuple[Type, ...], axis: int) -> Type:
    if not 0 <= axis < array_of("dim", types[0]).rank:
        raise refuse("type-mismatch", f"{types[0]} has no axis {axis}")
    return INT


dim = primitive(
    "dim",
    _dim_infer,
    statics=("axis",),
    doc="The size of an axis.",
    ref=lambda x, *, axis: np.int64(x.shape[axis]),
    llvm=IN_KERNELS,
    cost=0,
    source=lambda s, x, *, axis: s.size(x, axis),
)


def _same_dim_infer(types: tuple[Type, ...]) -> Type:
    need_ints("same_dim", types)
    return INT


same_dim = primitive(
    "same_dim",
    _same_dim_infer,
    doc="Two sizes that must be equal: ValueError where they are not.",
    order=CHECKED,
    ref=lambda m, n: _same_dim(m, n),
    llvm=lambda e, m, n: e.same_dim(m, n),
    source=lambda s, m, n: s.helper("same_size", m, n),
)


def _same_dim(m: Any, n: Any) -> Any:
    if m != n:
        raise ValueError(f"operands could not be broadcast together: sizes {int(m)} and {int(n)}")
    return m


# -- creation -------------------------------------------------------------------------------------------------------------


def _created_infer(name: str) -> Callable[..., Array]:
    def infer(types: tuple[Type, ...], of: Array) -> Array:
        need_ints(name, types)
        if not isinstance(of, Array) or len(types) != len(symbols(of)):
            raise refuse("type-mismatch", f"`{name}` of {of} takes its run-time dims")
        return of

    return infer


zeros = primitive(
    "zeros",
    _created_infer("zeros"),
    statics=("of",),
    doc="An array of zeros.",
    fresh=True,
    ref=lambda *dims, of: np.zeros(concrete(of.shape, dims), of.dtype.dtype),
    llvm=IN_KERNELS,
    source=lambda s, *dims, of: s.array("np.zeros", s.shape(s.sizes(of.shape, dims)), **s.dtype(of.dtype)),
)


def _iota_infer(types: tuple[Type, ...], of: Array) -> Type:
    out = _created_infer("iota")(types, of)
    if of.rank != 1 or of.dtype is not I64:
        raise refuse("type-mismatch", f"`iota` counts along one axis of i64, not in {of}")
    return out


iota = primitive(
    "iota",
    _iota_infer,
    statics=("of",),
    doc="0, 1, 2, ... along the only axis.",
    ref=lambda *dims, of: np.arange(*concrete(of.shape, dims), dtype=of.dtype.dtype),
    llvm=IN_KERNELS,
    source=lambda s, *dims, of: s.array("np.arange", *s.sizes(of.shape, dims), **s.dtype_of_range(of.dtype)),
)


def _array_infer(types: tuple[Type, ...], shape: tuple[int, ...]) -> Type:
    first = types[0]
    if (
        not isinstance(first, Scalar)
        or any(not isinstance(t, Scalar) or t.strong is not first.strong for t in types)
        or math.prod(shape) != len(types)
    ):
        raise refuse("type-mismatch", f"`array` of shape {shape} takes {math.prod(shape)} numbers of one type")
    return Array(first.strong, shape)


array = primitive(
    "array",
    _array_infer,
    statics=("shape",),
    doc="An array made of numbers, in C order.",
    ref=lambda *xs, shape: np.array(xs).reshape(shape),
    llvm=IN_KERNELS,
    vjp=lambda b, out, *xs, shape: tuple(
        (lambda k=k: b.index(xs[-1], *[b.literal(int(i)) for i in np.unravel_index(k, shape)])) for k in range(len(xs) - 1)
    ),
    jvp=lambda b, out, *xs, shape: b.array(
        *[b.zero(x.type) if d is None else d for x, d in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)],
        shape=shape,
    ),
    structure=_array_structure,
    source=lambda s, *xs, shape: s.nested(xs, shape),
)
