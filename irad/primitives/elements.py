"""Elements and blocks of arrays: reading and updating. The transforms handle their derivatives as wholes: the cotangent of
a read is added where it was read."""

from __future__ import annotations

from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.array import IN_KERNELS, array_of, concrete, need_ints, symbols
from irad.primitives.structure import BY_TRANSFORM
from irad.primitives.table import CHECKED, primitive
from irad.primitives.terms import forms_of, forms_with, moved, of_blocks, places_of, read_at, shape_of, without_blocks
from irad.types import BOOL, Array, Scalar, Type


def _check(index: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    for axis, (i, n) in enumerate(zip(index, shape, strict=False)):
        _check_axis(i, n, axis)


def _check_axis(i: Any, n: int, axis: int) -> None:
    if not 0 <= i < n:
        raise IndexError(f"index {int(i) - n * (i < 0)} is out of bounds for axis {axis} with size {n}")


def _read(b: Any, x: Any, out: Any, starts: tuple[Any, ...], steps: tuple[int, ...]) -> Any:
    """The structure of a read: an element, or a block."""
    shape, counts = shape_of(x.type), shape_of(out.type) or (1,) * len(starts)
    places = read_at(b, shape, counts, starts, steps)
    return (moved(forms_with(counts, places) if shape_of(out.type) else (), places), *(None for _ in starts))


def _written(x: Any, v: Any, starts: tuple[Any, ...], steps: tuple[int, ...], add: bool) -> Any:
    """The structure of an update: of an element, or a block."""
    shape, counts = shape_of(x.type), shape_of(v.type) or (1,) * len(starts)
    blocks = [*zip(counts, places_of(starts), steps, strict=True)]
    places = of_blocks(shape, blocks)
    return (
        (lambda: moved(*[forms_of(shape)] * 2)) if add else (lambda: without_blocks(shape, blocks)),
        moved(places, forms_with(counts, places) if shape_of(v.type) else ()),
        *(None for _ in starts),
    )


def _element_written(*, add: bool) -> Any:
    return lambda b, out, x, v, *i: _written(x, v, i, (1,) * len(i), add)


# -- elements -------------------------------------------------------------------------------------------------------------


def _index_infer(types: tuple[Type, ...]) -> Type:
    x = array_of("index", types[0])
    need_ints("index", types[1:])
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
    structure=lambda b, out, x, *i: _read(b, x, out, i, (1,) * len(i)),
    cost=2,
    source=lambda s, x, *i: s.element(x, *i),
)


def _update_infer(types: tuple[Type, ...]) -> Type:
    x = array_of("index_update", types[0])
    need_ints("index_update", types[2:])
    if len(types) - 2 != x.rank or not (isinstance(types[1], Scalar) and types[1].strong is x.dtype):
        raise refuse(
            "type-mismatch", f"`index_update` puts a {x.dtype} at {x.rank} indices, not {types[1]} at {len(types) - 2}"
        )
    return x


def _add_infer(name: str, infer: Any) -> Any:
    """The type rule of an operation that adds to elements: they are numbers."""

    def checked(types: tuple[Type, ...], *static: Any) -> Type:
        if array_of(name, types[0]).dtype is BOOL:
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
    structure=_element_written(add=False),
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
    structure=_element_written(add=True),
    source=lambda s, x, v, *i: s.put(s.subscript(x, s.checked_index(x, i)), "+=", v),
)

# -- blocks: slices with a step, in every axis ------------------------------------------------------------------------------


def _slice_infer(types: tuple[Type, ...], shape: tuple[Any, ...], steps: tuple[int, ...]) -> Type:
    x = array_of("slice", types[0])
    out = Array(x.dtype, shape)
    need_ints("slice", types[1:])
    if not (len(shape) == len(steps) == x.rank and len(types) == 1 + x.rank + len(symbols(out))):
        raise refuse("type-mismatch", f"`slice` of {x} takes {x.rank} starts and the run-time dims of {out}")
    return out


def block(starts: tuple[Any, ...], steps: tuple[int, ...], shape: tuple[int, ...], of: tuple[int, ...]) -> tuple[Any, ...]:
    """NumPy's index for `shape` elements from each start, of an array of shape `of`."""
    for axis, (a, s, n, size) in enumerate(zip(starts, steps, shape, of, strict=True)):
        if n == 1:
            _check_axis(a, size, axis)
        elif n and not (0 <= a < size and 0 <= a + s * (n - 1) < size):
            raise IndexError(f"{n} elements from {a}, {s} apart, are not within {size}")
    places = [int(a) + s * np.arange(int(n)) if n else np.arange(0) for a, s, n in zip(starts, steps, shape, strict=True)]
    return np.ix_(*places)


def _slice_ref(x: Any, *rest: Any, shape: tuple[Any, ...], steps: tuple[int, ...]) -> Any:
    starts, dims = rest[: x.ndim], rest[x.ndim :]
    return x[block(starts, steps, concrete(shape, dims), x.shape)]


slice_ = primitive(
    "slice",
    _slice_infer,
    statics=("shape", "steps"),
    ref=_slice_ref,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_KERNELS,
    order=CHECKED,
    structure=lambda b, out, x, *rest, shape, steps: (
        *_read(b, x, out, rest[: len(steps)], steps),
        *(None for _ in symbols(out.type)),
    ),
    doc="A block of x: for each axis `shape` elements from a start, `steps` apart. IndexError for one element that is outside; "
    "the bounds of more are clipped before.",
    source=lambda s, x, *rest, shape, steps: s.block(x, rest[: len(steps)], steps, s.sizes(shape, rest[len(steps) :])),
)


def _slice_update_infer(types: tuple[Type, ...], steps: tuple[int, ...]) -> Type:
    x, v = array_of("slice_update", types[0]), array_of("slice_update", types[1])
    need_ints("slice_update", types[2:])
    if v.dtype is not x.dtype or v.rank != x.rank or len(types) != 2 + x.rank or len(steps) != x.rank:
        raise refuse("type-mismatch", f"`slice_update` puts a block of the rank and dtype of {x}, not {v}")
    return x


def _slice_update_ref(x: Any, v: Any, *starts: Any, steps: tuple[int, ...]) -> Any:
    x = x.copy()
    x[block(starts, steps, v.shape, x.shape)] = v
    return x


def _slice_add_ref(x: Any, v: Any, *starts: Any, steps: tuple[int, ...]) -> Any:
    x = x.copy()
    x[block(starts, steps, v.shape, x.shape)] += v
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
    structure=lambda b, out, x, v, *starts, steps: _written(x, v, starts, steps, False),
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
    structure=lambda b, out, x, v, *starts, steps: _written(x, v, starts, steps, True),
    source=lambda s, x, v, *starts, steps: s.put(s.block(x, starts, steps, s.sizes_of(v)), "+=", v),
)
