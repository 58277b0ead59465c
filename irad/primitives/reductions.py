"""Reductions of arrays over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.array import IN_KERNELS, array_of
from irad.primitives.table import CHECKED, Primitive, primitive
from irad.primitives.terms import Term, factor, forms_of, moved, shape_of
from irad.types import BOOL, I64, Array, Dim, Type


def _reduction(name: str, *, of_truth: bool) -> Any:
    """The type rule of a reduction of numbers, or of truth values."""

    def infer(types: tuple[Type, ...], axes: tuple[int, ...]) -> Type:
        x = array_of(name, types[0])
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


def _sum_structure(b: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    places = forms_of(shape_of(x.type))
    return (moved([f for i, f in enumerate(places) if i not in axes], places),)


def _structure_of(partial: Any) -> Any:
    """The structure of a reduction that is the sum of the elements' tangents times `partial(b, out, x, axes)`."""

    def structure(b: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
        places = forms_of(shape_of(x.type))
        kept = tuple(f for i, f in enumerate(places) if i not in axes)
        return (lambda: (Term(kept, places, (factor(b, partial(b, out, x, axes), places),)),),)

    return structure


sum_ = primitive(
    "sum",
    _reduction("sum", of_truth=False),
    statics=("axes",),
    doc="The sum over axes.",
    ref=_in_dtype(np.sum),
    vjp=lambda b, out, x, ct, *, axes: (b.spread(ct, x, axes),),
    jvp=lambda b, out, x, dx, *, axes: b.sum(dx, axes=axes),
    structure=_sum_structure,
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.sum", x, axes),
)


def _prod_partial(b: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The product of the others: a quotient, or products of n - 1 factors each where the whole is not a normal number."""
    if not axes:
        return b.like(1.0, x)
    return b.either(_normal(b, out), lambda: b.div(b.spread(out, x, axes), x), lambda: _others(b, x, axes))


def _normal(b: Any, v: Any) -> Any:
    """Whether all numbers of v have their full precision: none is zero, subnormal, infinite or nan."""
    limits, size = np.finfo(b.scalar_of(v).dtype), b.abs(v)
    normal = b.and_(b.ge(size, b.like(float(limits.tiny), v)), b.le(size, b.like(float(limits.max), v)))
    return b.all(normal, axes=tuple(range(v.type.rank))) if isinstance(v.type, Array) else normal


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
    vjp=lambda b, out, x, ct, *, axes: (b.mul(b.spread(ct, x, axes), _prod_partial(b, out, x, axes)),),
    jvp=lambda b, out, x, dx, *, axes: b.sum(b.mul(dx, _prod_partial(b, out, x, axes)), axes=axes),
    structure=_structure_of(_prod_partial),
    llvm=IN_KERNELS,
    source=lambda s, x, *, axes: s.reduced("np.prod", x, axes),
)


def _shared(b: Any, out: Any, x: Any, d: Any, axes: tuple[int, ...]) -> Any:
    """d / n at each of n equal extremes, 0 elsewhere whatever d is there; nan where the extreme is."""
    hit = b.eq(x, b.spread(out, x, axes))
    n = b.sum(b.select(hit, b.like(1.0, x), b.like(0.0, x)), axes=axes)
    taken = b.or_(hit, b.spread(b.eq(n, b.like(0.0, n)), x, axes))
    return b.select(taken, b.mul(d, b.spread(b.div(n, b.mul(n, n)), x, axes)), b.like(0.0, x))


def _extreme(name: str, doc: str, ref: Any) -> Primitive:
    return primitive(
        name,
        _reduction(name, of_truth=False),
        statics=("axes",),
        doc=doc,
        ref=_ref_over(ref),
        source=lambda s, x, *, axes: s.reduced(f"np.{name}", x, axes),
        order=CHECKED,
        vjp=lambda b, out, x, ct, *, axes: (_shared(b, out, x, b.spread(ct, x, axes), axes),),
        jvp=lambda b, out, x, dx, *, axes: b.sum(_shared(b, out, x, dx, axes), axes=axes),
        structure=_structure_of(lambda b, out, x, axes: _shared(b, out, x, b.like(1.0, x), axes)),
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
