"""What the derivative rules of linear algebra are made of: triangles, diagonals and products of matrices in the graph.

half(b, x)        one triangle of x, its diagonal halved
outer(b, x, y)    x @ y.T
"""

from __future__ import annotations

from typing import Any

from irad.types import I64, Array, Dim

__all__ = [
    "diagonal",
    "flipped",
    "half",
    "less",
    "of_triangle",
    "on_diagonal",
    "outer",
    "part",
    "places",
    "sum_of",
    "symmetric",
    "with_ones",
]


def flipped(b: Any, x: Any) -> Any:
    return b.transpose(x, axes=(1, 0))


def places(b: Any, x: Any, test: str) -> Any:
    """Truth values in the shape of a matrix: whether row `test` column, as ge for the lower triangle."""
    counts = []
    for axis, d in enumerate(x.type.shape):
        own = [b.dim(x, axis=axis)] if isinstance(d, Dim) else []
        line = b.reshape(b.iota(*own, of=Array(I64, (d,))), *own, shape=(d, 1) if axis == 0 else (1, d))
        counts.append(b.broadcast(line, *b.dims(x), shape=x.type.shape))
    return getattr(b, test)(*counts)


def part(b: Any, x: Any, test: str) -> Any:
    """x where row `test` column, zero elsewhere."""
    return b.select(places(b, x, test), x, b.like(0.0, x))


def half(b: Any, x: Any, *, lower: bool = True) -> Any:
    """One triangle of x, its diagonal halved (Murray's phi)."""
    x = part(b, x, "ge" if lower else "le")
    return b.select(places(b, x, "eq"), b.mul(x, b.like(0.5, x)), x)


def with_ones(b: Any, x: Any, test: str) -> Any:
    """The strict triangle of x, with ones on the diagonal."""
    return b.select(places(b, x, "eq"), b.like(1.0, x), part(b, x, test))


def symmetric(b: Any, x: Any, *, lower: bool) -> Any:
    """The symmetric matrix of which x gives one triangle."""
    x = part(b, x, "ge" if lower else "le")
    return b.add(x, flipped(b, part(b, x, "gt" if lower else "lt")))


def of_triangle(b: Any, ct: Any, *, lower: bool) -> Any:
    """The cotangent of one triangle, of the cotangent of the symmetric matrix that it stands for."""
    return half(b, b.add(ct, flipped(b, ct)), lower=lower)


def diagonal(b: Any, x: Any) -> Any:
    return b.sum(part(b, x, "eq"), axes=(1,))


def on_diagonal(b: Any, v: Any, x: Any) -> Any:
    """The matrix in the shape of x with v on its diagonal."""
    return part(b, b.spread(v, x, (1,)), "eq")


def outer(b: Any, x: Any, y: Any) -> Any:
    """x @ y.T, of columns or of single ones."""
    if x.type.rank == 2:
        return b.matmul(x, flipped(b, y))
    column = b.reshape(x, *b.dims(x), shape=(*x.type.shape, 1))
    return b.matmul(column, b.reshape(y, *b.dims(y), shape=(1, *y.type.shape)))


def sum_of(b: Any, *terms: Any) -> Any:
    """The sum of the terms that are not None."""
    total = None
    for x in terms:
        total = x if total is None else total if x is None else b.add(total, x)
    return total


def less(b: Any, x: Any, y: Any) -> Any:
    """x - y, where either may be None, but not both."""
    return x if y is None else b.neg(y) if x is None else b.sub(x, y)
