"""Products summed over axes: `contract`, and `matmul`, the name of those that `x @ y` makes of vectors and matrices.

    contract(x, y, batch=((0,), (1,)), over=((2,), (2,)))    # out[b, i, j] = sum over k of x[b, i, k] * y[j, b, k]

Axes of x and y are joined in pairs: those of `batch` stay, those of `over` are summed over. The axes of the result are those
of `batch`, the others of x, the others of y. (XLA: dot_general.)
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import numpy as np

from irad.errors import refuse
from irad.graph.nodes import Node
from irad.primitives.array import IN_KERNELS, array_of
from irad.primitives.table import primitive
from irad.primitives.terms import Form, Term, factor, forms_of, shape_of
from irad.types import BOOL, Array, Type

__all__ = ["PRODUCTS", "Axes", "axes_of", "of_matrices", "product"]

PRODUCTS = frozenset({"matmul", "contract"})
Pairs = tuple[tuple[int, ...], tuple[int, ...]]  # axes of x, and those of y that they are joined with


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a product: pairs that stay, pairs that are summed over, and the rest of x and of y."""

    batch: Pairs
    over: Pairs
    rows: tuple[int, ...]
    columns: tuple[int, ...]


def axes_of(x: Node, y: Node, batch: Pairs = ((), ()), over: Pairs | None = None) -> Axes:
    """The axes of a product of two arrays, from its facts; `matmul` has none."""
    assert isinstance(x.type, Array)
    assert isinstance(y.type, Array)
    return _axes(x.type.rank, y.type.rank, batch, over or ((x.type.rank - 1,), (0,)))


def _axes(x: int, y: int, batch: Pairs, over: Pairs) -> Axes:
    """The axes of a product of arrays of these ranks."""
    rows, columns = (tuple(i for i in range(n) if i not in (*b, *o)) for n, b, o in zip((x, y), batch, over, strict=True))
    return Axes(batch, over, rows, columns)


def _infer(types: tuple[Type, ...], batch: Pairs, over: Pairs) -> Type:
    x, y = array_of("contract", types[0]), array_of("contract", types[1])
    if x.dtype is not y.dtype or x.dtype is BOOL:
        raise refuse("type-mismatch", f"`contract` takes arrays of numbers of one dtype, not {x} and {y}")
    for t, b, o in zip((x, y), batch, over, strict=True):
        if len({*b, *o}) != len(b) + len(o) or not all(0 <= i < t.rank for i in (*b, *o)):
            raise refuse("type-mismatch", f"`contract` of {t} takes axes that it has, each once, not {b} and {o}")
    if len(batch[0]) != len(batch[1]) or len(over[0]) != len(over[1]) or not over[0]:
        raise refuse("type-mismatch", "`contract` takes axes in pairs, and sums over some")
    for i, j in (*zip(*batch, strict=True), *zip(*over, strict=True)):
        if x.shape[i] != y.shape[j]:
            raise refuse("shape-mismatch", f"`contract` cannot join {x} and {y}: {x.shape[i]} against {y.shape[j]}")
    axes = _axes(x.rank, y.rank, batch, over)
    shape = [x.shape[i] for i in (*batch[0], *axes.rows)] + [y.shape[j] for j in axes.columns]
    return Array(x.dtype, shape) if shape else x.dtype


def _matmul_infer(types: tuple[Type, ...]) -> Type:
    x, y = array_of("matmul", types[0]), array_of("matmul", types[1])
    if x.dtype is not y.dtype or x.dtype is BOOL or not (x.rank in (1, 2) and y.rank in (1, 2)):
        raise refuse("type-mismatch", f"`matmul` takes vectors and matrices of numbers of one dtype, not {x} and {y}")
    if x.shape[-1] != y.shape[0]:
        raise refuse("shape-mismatch", f"`matmul` cannot join {x} and {y}: {x.shape[-1]} against {y.shape[0]}")
    return _infer(types, ((), ()), ((x.rank - 1,), (0,)))


# -- derivatives ------------------------------------------------------------------------------------------------------------


def product(b: Any, x: Any, y: Any, batch: Pairs, over: Pairs) -> Any:
    """contract(x, y), also where nothing is summed over, or one of both is a number."""
    if over[0]:
        return b.contract(x, y, batch=batch, over=over)
    if not isinstance(x.type, Array) and not isinstance(y.type, Array):
        return b.mul(x, y)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        number, array = (x, y) if isinstance(y.type, Array) else (y, x)
        return b.mul(b.broadcast(number, *b.dims(array), shape=array.type.shape), array)
    axes = axes_of(x, y, batch, over)
    x = b.transpose(x, axes=(*batch[0], *axes.rows))
    y = b.transpose(y, axes=(*batch[1], *axes.columns))
    n = len(batch[0])
    x_dims, y_dims = ([None if isinstance(d, int) else b.dim(v, axis=i) for i, d in enumerate(v.type.shape)] for v in (x, y))
    shape = (*x.type.shape, *y.type.shape[n:])
    sizes = [d for d in (*x_dims, *y_dims[n:]) if d is not None]
    x_shape = (*x.type.shape, *(1 for _ in axes.columns))
    y_shape = (*y.type.shape[:n], *(1 for _ in axes.rows), *y.type.shape[n:])
    wide = b.reshape(x, *(d for d in x_dims if d is not None), shape=x_shape) if axes.columns else x
    other = b.reshape(y, *(d for d in y_dims if d is not None), shape=y_shape) if axes.rows else y
    spread = [v if v.type.shape == shape else b.broadcast(v, *sizes, shape=shape) for v in (wide, other)]
    return b.mul(*spread)


def _vjp(b: Any, out: Any, x: Any, y: Any, ct: Any, **facts: Any) -> Any:
    """The cotangent of each is a product of ct with the other, its axes put in their places."""
    axes = axes_of(x, y, **facts)
    n, m = len(axes.batch[0]), len(axes.batch[0]) + len(axes.rows)
    kept, rows, columns = tuple(range(n)), tuple(range(n, m)), tuple(range(m, m + len(axes.columns)))

    def placed(v: Any, found: list[int]) -> Any:
        """v, whose axes are these of the operand, with its axes in order."""
        return b.transpose(v, axes=tuple(map(found.index, range(len(found)))))

    def of_x() -> Any:
        partner = dict(zip(*reversed(axes.over), strict=True))
        v = product(b, ct, y, (kept, axes.batch[1]), (columns, axes.columns))
        return placed(v, [*axes.batch[0], *axes.rows, *(partner[j] for j in sorted(axes.over[1]))])

    def of_y() -> Any:
        partner = dict(zip(*axes.over, strict=True))
        v = product(b, x, ct, (axes.batch[0], kept), (axes.rows, rows))
        return placed(v, [*axes.batch[1], *(partner[i] for i in sorted(axes.over[0])), *axes.columns])

    return of_x, of_y


def _jvp(of: str) -> Any:
    def jvp(b: Any, out: Any, x: Any, y: Any, dx: Any, dy: Any, **facts: Any) -> Any:
        join = getattr(b, of)
        terms = ([join(dx, y, **facts)] if dx is not None else []) + ([join(x, dy, **facts)] if dy is not None else [])
        return terms[0] if len(terms) == 1 else b.add(*terms)

    return jvp


def _structure(b: Any, out: Any, x: Any, y: Any, **facts: Any) -> Any:
    """Each is multiplied with the other, over the axes that both have."""
    axes = axes_of(x, y, **facts)
    of_x = forms_of(shape_of(x.type))
    joined: dict[int, Form] = {j: of_x[i] for pairs in (axes.batch, axes.over) for i, j in zip(*pairs, strict=True)}
    of_y = tuple(joined.get(j, f) for j, f in enumerate(forms_of(shape_of(y.type))))
    places = tuple(of_x[i] for i in (*axes.batch[0], *axes.rows)) + tuple(of_y[j] for j in axes.columns)
    return (
        lambda: (Term(places, of_x, (factor(b, y, of_y),)),),
        lambda: (Term(places, of_y, (factor(b, x, of_x),)),),
    )


# -- the records ------------------------------------------------------------------------------------------------------------


def _labels(x: int, y: int, batch: Pairs, over: Pairs) -> str:
    """The text that np.einsum takes for a product of arrays of these ranks."""
    axes = _axes(x, y, batch, over)
    letters = iter(string.ascii_letters)
    of_x = {i: next(letters) for i in range(x)}
    of_y = {j: of_x[i] for i, j in (*zip(*batch, strict=True), *zip(*over, strict=True))}
    of_y.update((j, next(letters)) for j in axes.columns)
    left, right = ("".join(of[i] for i in range(len(of))) for of in (of_x, of_y))
    kept = [of_x[i] for i in (*batch[0], *axes.rows)] + [of_y[j] for j in axes.columns]
    return f"{left},{right}->{''.join(kept)}"


def of_matrices(x: int, y: int, batch: Pairs, over: Pairs) -> tuple[bool, bool] | None:
    """Which of two vectors and matrices are transposed in their product by `@`; None where it takes other arrays."""
    if batch[0] or len(over[0]) > 1 or max(x, y) > 2:
        return None
    return x == 2 and over[0] == (0,), y == 2 and over[1] == (1,)


def _ref(x: Any, y: Any, *, batch: Pairs, over: Pairs) -> Any:
    turned = of_matrices(x.ndim, y.ndim, batch, over)
    if turned is None:
        return np.einsum(_labels(x.ndim, y.ndim, batch, over), x, y)
    return (x.T if turned[0] else x) @ (y.T if turned[1] else y)


matmul = primitive(
    "matmul",
    _matmul_infer,
    doc="x @ y for vectors and matrices.",
    ref=np.matmul,
    vjp=_vjp,
    jvp=_jvp("matmul"),
    structure=_structure,
    llvm=IN_KERNELS,
    cost=50,
    source="x @ y",
)
contract = primitive(
    "contract",
    _infer,
    statics=("batch", "over"),
    doc="Products of x and y summed over the axes `over`; the axes `batch` of both go together.",
    ref=_ref,
    vjp=_vjp,
    jvp=_jvp("contract"),
    structure=_structure,
    llvm=IN_KERNELS,
    cost=50,
    source=lambda s, x, y, *, batch, over: s.contracted(x, y, batch, over, _labels(x.type.rank, y.type.rank, batch, over)),
)
