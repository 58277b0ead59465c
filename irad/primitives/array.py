"""Arrays: reading and updating elements and blocks, shapes, reductions, products. All are values: an update gives a new
array, and the backend makes it happen in place where nobody needs the old one.

A dim of a result that is not an integer is given at run time: such operations take one int for each dim of the result
that is a symbol, after their other arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.structure import BY_TRANSFORM
from irad.primitives.table import CHECKED, Missing, Primitive, primitive
from irad.types import BOOL, I64, INT, Array, Dim, Scalar, Type

IN_KERNELS = Missing("arrays are lowered by backends/llvm/arrays")


def symbols(t: Array) -> list[Dim]:
    """The dims of a shape that are known at run time only."""
    return [d for d in t.shape if isinstance(d, Dim)]


def _array(name: str, t: Type) -> Array:
    if not isinstance(t, Array):
        raise refuse("type-mismatch", f"`{name}` takes an array, not {t}")
    return t


def _ints(name: str, types: tuple[Type, ...]) -> None:
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


def _check(index: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    for axis, (i, n) in enumerate(zip(index, shape, strict=False)):
        if not 0 <= i < n:
            raise IndexError(f"index {int(i) - n * (i < 0)} is out of bounds for axis {axis} with size {n}")


# -- elements -------------------------------------------------------------------------------------------------------------


def _index_infer(types: tuple[Type, ...]) -> Type:
    x = _array("index", types[0])
    _ints("index", types[1:])
    if len(types) - 1 != x.rank:
        raise refuse("type-mismatch", f"`index` takes {x.rank} indices of {x}, not {len(types) - 1}")
    return x.dtype


def _index_ref(x: Any, *i: Any) -> Any:
    _check(i, x.shape)
    return x[i]


index = primitive(
    "index",
    _index_infer,
    doc="x[i, j, ...]: an element; indices count from 0.",
    ref=_index_ref,
    order=CHECKED,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    cost=2,
    source=lambda s, x, *i: s.element(x, *i),
)


def _update_infer(types: tuple[Type, ...]) -> Type:
    x = _array("index_update", types[0])
    _ints("index_update", types[2:])
    if len(types) - 2 != x.rank or not (isinstance(types[1], Scalar) and types[1].strong is x.dtype):
        raise refuse(
            "type-mismatch", f"`index_update` puts a {x.dtype} at {x.rank} indices, not {types[1]} at {len(types) - 2}"
        )
    return x


def _add_infer(name: str, infer: Any) -> Any:
    """The type rule of an operation that adds to elements: they are numbers."""

    def checked(types: tuple[Type, ...], *static: Any) -> Type:
        if _array(name, types[0]).dtype is BOOL:
            raise refuse("type-mismatch", f"`{name}` adds numbers, not truth values")
        return infer(types, *static)  # type: ignore[no-any-return]

    return checked


def _update_ref(x: Any, v: Any, *i: Any) -> Any:
    _check(i, x.shape)
    x = x.copy()
    x[i] = v
    return x


def _add_ref(x: Any, v: Any, *i: Any) -> Any:
    _check(i, x.shape)
    x = x.copy()
    x[i] += v
    return x


index_update = primitive(
    "index_update",
    _update_infer,
    doc="x with v at [i, j, ...].",
    ref=_update_ref,
    order=CHECKED,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    source=lambda s, x, v, *i: s.put(s.subscript(x, s.checked_index(x, i)), "=", v),
)
index_add = primitive(
    "index_add",
    _add_infer("index_add", _update_infer),
    doc="x with v added at [i, j, ...].",
    ref=_add_ref,
    order=CHECKED,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    source=lambda s, x, v, *i: s.put(s.subscript(x, [k.tree for k in i]), "+=", v),
)

# -- blocks: slices with a step, in every axis ------------------------------------------------------------------------------


def _slice_infer(types: tuple[Type, ...], shape: tuple[Any, ...], steps: tuple[int, ...]) -> Type:
    x = _array("slice", types[0])
    out = Array(x.dtype, shape)
    _ints("slice", types[1:])
    if not (len(shape) == len(steps) == x.rank and len(types) == 1 + x.rank + len(symbols(out))):
        raise refuse("type-mismatch", f"`slice` of {x} takes {x.rank} starts and the run-time dims of {out}")
    return out


def block(starts: tuple[Any, ...], steps: tuple[int, ...], shape: tuple[int, ...], of: tuple[int, ...]) -> tuple[Any, ...]:
    """NumPy's index for `shape` elements from each start, of an array of shape `of`."""
    for a, s, n, size in zip(starts, steps, shape, of, strict=True):
        if n and not (0 <= a < size and 0 <= a + s * (n - 1) < size):
            raise IndexError(f"{n} elements from {a}, {s} apart, are not within {size}")
    return tuple(np.s_[0:0] if n == 0 else int(a) + s * np.arange(int(n)) for a, s, n in zip(starts, steps, shape, strict=True))


def _slice_ref(x: Any, *rest: Any, shape: tuple[Any, ...], steps: tuple[int, ...]) -> Any:
    starts, dims = rest[: x.ndim], rest[x.ndim :]
    sizes = concrete(shape, dims)
    if 0 in sizes:
        return np.zeros(sizes, x.dtype)
    return x[np.ix_(*block(starts, steps, sizes, x.shape))]


slice_ = primitive(
    "slice",
    _slice_infer,
    statics=("shape", "steps"),
    ref=_slice_ref,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    order=CHECKED,
    doc="A block of x: for each axis `shape` elements from a start, `steps` apart. The caller sees to the bounds.",
    source=lambda s, x, *rest, shape, steps: s.block(x, rest[: len(steps)], steps, s.sizes(shape, rest[len(steps) :])),
)


def _slice_update_infer(types: tuple[Type, ...], steps: tuple[int, ...]) -> Type:
    x, v = _array("slice_update", types[0]), _array("slice_update", types[1])
    _ints("slice_update", types[2:])
    if v.dtype is not x.dtype or v.rank != x.rank or len(types) != 2 + x.rank or len(steps) != x.rank:
        raise refuse("type-mismatch", f"`slice_update` puts a block of the rank and dtype of {x}, not {v}")
    return x


def _slice_update_ref(x: Any, v: Any, *starts: Any, steps: tuple[int, ...]) -> Any:
    x = x.copy()
    if v.size:
        x[np.ix_(*block(starts, steps, v.shape, x.shape))] = v
    return x


def _slice_add_ref(x: Any, v: Any, *starts: Any, steps: tuple[int, ...]) -> Any:
    x = x.copy()
    if v.size:
        x[np.ix_(*block(starts, steps, v.shape, x.shape))] += v
    return x


slice_update = primitive(
    "slice_update",
    _slice_update_infer,
    statics=("steps",),
    ref=_slice_update_ref,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    doc="x with the block v put at a start in each axis, `steps` apart.",
    order=CHECKED,
    source=lambda s, x, v, *starts, steps: s.put(s.block(x, starts, steps, s.sizes_of(v)), "=", v),
)
slice_add = primitive(
    "slice_add",
    _add_infer("slice_add", _slice_update_infer),
    statics=("steps",),
    ref=_slice_add_ref,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    doc="x with the block v added at a start in each axis, `steps` apart.",
    order=CHECKED,
    source=lambda s, x, v, *starts, steps: s.put(s.block(x, starts, steps, s.sizes_of(v)), "+=", v),
)

# -- shapes ---------------------------------------------------------------------------------------------------------------


def _shaped_infer(name: str) -> Callable[..., Array]:
    def infer(types: tuple[Type, ...], shape: tuple[Any, ...]) -> Array:
        x = types[0]
        dtype = x.dtype if isinstance(x, Array) else x
        if not isinstance(dtype, Scalar):
            raise refuse("type-mismatch", f"`{name}` takes a number or an array, not {x}")
        out = Array(dtype.strong, shape)
        _ints(name, types[1:])
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
    x, out = _array("reshape", types[0]), _shaped_infer("reshape")(types, shape)
    if all(isinstance(d, int) for d in (*x.shape, *shape)) and math.prod(x.shape) != math.prod(shape):
        raise refuse("shape-mismatch", f"`reshape` cannot make {out} of {x}")
    return out


def _broadcast_vjp(b: Any, out: Any, x: Any, *rest: Any, shape: tuple[Any, ...]) -> Any:
    """The cotangent is summed over the axes that were repeated."""
    ct = rest[-1]
    return (lambda: b.unbroadcast(ct, x), *(None for _ in rest[:-1]))


broadcast = primitive(
    "broadcast",
    _broadcast_infer,
    statics=("shape",),
    doc="x repeated along new and unit axes, as NumPy does; also of a number.",
    ref=lambda x, *dims, shape: np.broadcast_to(x, concrete(shape, dims)),
    vjp=_broadcast_vjp,
    jvp=lambda b, out, x, *rest, shape: b.broadcast(rest[len(rest) // 2], *rest[: len(rest) // 2], shape=shape),
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
    x = _array("transpose", types[0])
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
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.transposed(x, axes),
)


def _retype_infer(types: tuple[Type, ...], to: Array) -> Type:
    x = _array("retype", types[0])
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
    llvm=IN_KERNELS,
    source=lambda s, x, *, to: s.retyped(x, to),
)


def _dim_infer(types: tuple[Type, ...], axis: int) -> Type:
    if not 0 <= axis < _array("dim", types[0]).rank:
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
    _ints("same_dim", types)
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
        _ints(name, types)
        if not isinstance(of, Array) or len(types) != len(symbols(of)):
            raise refuse("type-mismatch", f"`{name}` of {of} takes its run-time dims")
        return of

    return infer


zeros = primitive(
    "zeros",
    _created_infer("zeros"),
    statics=("of",),
    doc="An array of zeros.",
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
    source=lambda s, *xs, shape: s.nested(xs, shape),
)

# -- reductions -------------------------------------------------------------------------------------------------------------


def _reduction(name: str, *, of_truth: bool) -> Any:
    """The type rule of a reduction of numbers, or of truth values."""

    def infer(types: tuple[Type, ...], axes: tuple[int, ...]) -> Type:
        x = _array(name, types[0])
        if (x.dtype is BOOL) is not of_truth:
            raise refuse("type-mismatch", f"`{name}` takes an array of {'truth values' if of_truth else 'numbers'}, not {x}")
        if len(set(axes)) != len(axes) or not all(0 <= a < x.rank for a in axes):
            raise refuse("type-mismatch", f"`{name}` of {x} takes axes that it has, each once, not {axes}")
        shape = [d for i, d in enumerate(x.shape) if i not in axes]
        return Array(x.dtype, shape) if shape else x.dtype

    return infer


def _ref_over(f: Any) -> Any:
    return lambda x, *, axes: f(x, axis=axes) if axes else x


def _in_dtype(f: Any) -> Any:
    """NumPy's reduction without its wider result: i32 stays i32."""
    return lambda x, *, axes: f(x, axis=axes, dtype=x.dtype) if axes else x


def _spread(b: Any, v: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A reduced value back in the shape of x."""
    return b.spread(v, x, axes)


sum_ = primitive(
    "sum",
    _reduction("sum", of_truth=False),
    statics=("axes",),
    doc="The sum over axes.",
    ref=_in_dtype(np.sum),
    vjp=lambda b, out, x, ct, *, axes: (_spread(b, ct, x, axes),),
    jvp=lambda b, out, x, dx, *, axes: b.sum(dx, axes=axes),
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.sum", x, axes),
)


def _prod_partial(b: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The product of the others: a quotient, or products of n - 1 factors each where an element is zero."""
    if not axes:
        return b.like(1.0, x)
    found = b.any(b.eq(x, b.like(0.0, x)), axes=tuple(range(x.type.rank)))
    return b.either(found, lambda: _others(b, x, axes), lambda: b.div(_spread(b, out, x, axes), x))


def _others(b: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """prod(x[j] for j != i) for each i along `axes`; j gets axes of its own, behind those of x."""
    rank, shape, axes = x.type.rank, x.type.shape, tuple(sorted(axes))
    kept = tuple(a for a in range(rank) if a not in axes)
    wide = (*shape, *(shape[a] for a in axes))

    def sizes(*along: int) -> list[Any]:
        return [b.dim(x, axis=a) for a in along if isinstance(shape[a], Dim)]

    def spread(v: Any, *at: int) -> Any:
        """v along the axes `at` of the wide shape."""
        own = [d if i in at else 1 for i, d in enumerate(wide)]
        source = (*range(rank), *axes)
        v = b.reshape(v, *sizes(*(source[i] for i in at)), shape=tuple(own))
        return b.broadcast(v, *sizes(*source), shape=wide)

    same = None
    for k, a in enumerate(axes):
        count = b.iota(*sizes(a), of=Array(I64, (shape[a],)))
        here = b.eq(spread(count, a), spread(count, rank + k))
        same = here if same is None else b.and_(same, here)
    factors = spread(b.transpose(x, axes=(*kept, *axes)), *kept, *range(rank, len(wide)))
    return b.prod(b.select(same, b.like(1.0, factors), factors), axes=tuple(range(rank, len(wide))))


prod = primitive(
    "prod",
    _reduction("prod", of_truth=False),
    statics=("axes",),
    doc="The product over axes.",
    ref=_in_dtype(np.prod),
    vjp=lambda b, out, x, ct, *, axes: (b.mul(_spread(b, ct, x, axes), _prod_partial(b, out, x, axes)),),
    jvp=lambda b, out, x, dx, *, axes: b.sum(b.mul(dx, _prod_partial(b, out, x, axes)), axes=axes),
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.prod", x, axes),
)


def _extreme_share(b: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """1 / n at each of n equal extremes, 0 elsewhere."""
    one, zero = b.like(1.0, x), b.like(0.0, x)
    hit = b.select(b.eq(x, _spread(b, out, x, axes)), one, zero)
    return b.div(hit, _spread(b, b.sum(hit, axes=axes), x, axes))


def _extreme(name: str, doc: str, ref: Any) -> Primitive:
    return primitive(
        name,
        _reduction(name, of_truth=False),
        statics=("axes",),
        doc=doc,
        ref=_ref_over(ref),
        source=lambda s, x, *, axes: s.reduced(f"np.{name}", x, axes),
        order=CHECKED,
        vjp=lambda b, out, x, ct, *, axes: (b.mul(_spread(b, ct, x, axes), _extreme_share(b, out, x, axes)),),
        jvp=lambda b, out, x, dx, *, axes: b.sum(b.mul(dx, _extreme_share(b, out, x, axes)), axes=axes),
        llvm=IN_KERNELS,
    )


max_ = _extreme("max", "The greatest over axes, nan where one is; ties share the derivative. Of nothing: ValueError.", np.max)
min_ = _extreme("min", "The least over axes, nan where one is; ties share the derivative. Of nothing: ValueError.", np.min)
any_ = primitive(
    "any",
    _reduction("any", of_truth=True),
    statics=("axes",),
    doc="Whether some element over axes is true.",
    ref=_ref_over(np.any),
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.any", x, axes),
)
all_ = primitive(
    "all",
    _reduction("all", of_truth=True),
    statics=("axes",),
    doc="Whether all elements over axes are true.",
    ref=_ref_over(np.all),
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.all", x, axes),
)

# -- products ---------------------------------------------------------------------------------------------------------------


def _matmul_infer(types: tuple[Type, ...]) -> Type:
    x, y = _array("matmul", types[0]), _array("matmul", types[1])
    if x.dtype is not y.dtype or x.dtype is BOOL or not (x.rank in (1, 2) and y.rank in (1, 2)):
        raise refuse("type-mismatch", f"`matmul` takes vectors and matrices of numbers of one dtype, not {x} and {y}")
    if x.shape[-1] != y.shape[0]:
        raise refuse("shape-mismatch", f"`matmul` cannot join {x} and {y}: {x.shape[-1]} against {y.shape[0]}")
    shape = [*x.shape[:-1], *y.shape[1:]]
    return Array(x.dtype, shape) if shape else x.dtype


def _matmul_vjp(b: Any, out: Any, x: Any, y: Any, ct: Any) -> Any:
    """x: [m, k] or [k], y: [k, n] or [k], ct in the shape of the product."""
    if x.type.rank == 1 and y.type.rank == 1:
        return (lambda: b.mul(b.spread(ct, y, (0,)), y)), (lambda: b.mul(b.spread(ct, x, (0,)), x))
    if x.type.rank == 2 and y.type.rank == 1:
        return (lambda: b.outer(ct, y)), (lambda: b.matmul(b.transpose(x, axes=(1, 0)), ct))
    if x.type.rank == 1:
        return (lambda: b.matmul(y, ct)), (lambda: b.outer(x, ct))
    return (lambda: b.matmul(ct, b.transpose(y, axes=(1, 0)))), (lambda: b.matmul(b.transpose(x, axes=(1, 0)), ct))


def _matmul_jvp(b: Any, out: Any, x: Any, y: Any, dx: Any, dy: Any) -> Any:
    terms = ([b.matmul(dx, y)] if dx is not None else []) + ([b.matmul(x, dy)] if dy is not None else [])
    return terms[0] if len(terms) == 1 else b.add(*terms)


matmul = primitive(
    "matmul",
    _matmul_infer,
    doc="x @ y for vectors and matrices.",
    ref=np.matmul,
    vjp=_matmul_vjp,
    jvp=_matmul_jvp,
    llvm=IN_KERNELS,
    cost=50,
    source="x @ y",
)
