"""Elementwise operations: NumPy's promotion and broadcasting, then one scalar primitive over all elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from irad.errors import SizesDiffer
from irad.graph.build import literal
from irad.graph.nodes import Node
from irad.specialize.arrays.values import Shape, dims_of, new_array, node_of
from irad.specialize.numbers import fitting, widened
from irad.types import BOOL, I64, INT, Array, Dim, JoinError, Scalar, Type, given_dims, join

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def promote(s: Specializer, xs: Sequence[Node], op: str) -> Scalar:
    """The dtype that NumPy 2 computes in."""
    total: Type | None = None
    types = [s.b.scalar_of(x) for x in xs]
    truths = all(t is BOOL for t in types)
    for x, t in zip(xs, types, strict=True):
        t = INT if t is BOOL and not truths and not isinstance(x.type, Array) else t
        try:
            total = (
                t
                if total is None
                else join(total, t)
                if not (BOOL in (total, t) and total is not t)
                else (t if total is BOOL else total)
            )
        except JoinError as e:
            raise s.refuse(
                "type-mismatch",
                f"`{op}` cannot join {e}",
                help="convert one of them: x.astype(...) for an array, float(x) for a number",
            ) from None
    assert isinstance(total, Scalar)
    return total


def broadcast_shape(s: Specializer, xs: Sequence[Node], op: str) -> Shape:
    """The common shape; sizes known at run time only must be equal, which is checked by `spread`."""
    shapes = [x.type.shape if isinstance(x.type, Array) else () for x in xs]
    rank = max(map(len, shapes))
    out: list[int | Dim] = []
    for axis in range(-rank, 0):
        sizes = [sh[axis] for sh in shapes if len(sh) >= -axis]
        wanted = [d for d in sizes if d != 1]
        fixed = {d for d in wanted if isinstance(d, int)}
        if len(fixed) > 1:
            raise s.refuse(
                "shape-mismatch",
                f"`{op}` cannot join shapes {' and '.join(map(_shape_of, xs))}",
                help="axes join where they are equal, or one is 1: slice one array, or add an axis, x[:, None]",
            )
        out.append(next(iter(fixed)) if fixed else wanted[0] if wanted else 1)
    return tuple(out)


def _shape_of(x: Node) -> str:
    """The shape of an operand, with its name where it has one."""
    text = shape_text(x.type.shape if isinstance(x.type, Array) else ())
    return f"{text} of `{x.name}`" if x.name else text


def shape_text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


DIFFERENT = "operands could not be broadcast together"


def same_size(s: Specializer, m: Node, n: Node, message: str) -> None:
    """Two sizes that are not known to be equal must be. A program for symbolic sizes takes it for granted: where one is 1 it
    is repeated."""
    if given_dims():
        taken_for_granted(s, s.b.eq(m, n), message)
    else:
        s.b.assert_(s.b.eq(m, n), error="ValueError", message=message)


def taken_for_granted(s: Specializer, test: Node, message: str) -> None:
    """What a program for symbolic sizes is made for: a call where it does not hold goes to one for its exact sizes."""
    s.b.assert_(test, error=SizesDiffer.__name__, message=message)


def spread(s: Specializer, x: Node, shape: Shape, dims: Sequence[Node]) -> Node:
    """x in this shape, repeated where NumPy repeats it."""
    b = s.b
    if isinstance(x.type, Array):
        if x.type.shape == shape:
            return x
        lead = len(shape) - x.type.rank
        if lead < 0:
            raise s.refuse(
                "shape-mismatch",
                f"an array of shape {shape_text(x.type.shape)} does not fit {shape_text(shape)}",
                help="sizes must be equal, or 1: slice it, or add an axis, x[:, None]",
            )
        own = []
        for d, n in zip(x.type.shape, shape[lead:], strict=True):
            if d != n and d != 1 and isinstance(d, int) and isinstance(n, int):
                raise s.refuse(
                    "shape-mismatch",
                    f"an array of shape {shape_text(x.type.shape)} does not fit {shape_text(shape)}",
                    help="sizes must be equal, or 1: slice it, or add an axis, x[:, None]",
                )
            own.append(d if d == 1 else n)
        if tuple(own) != x.type.shape:  # equal if at all: found out at run time
            feed = iter(dims)
            wanted = {n: next(feed) for n in shape if isinstance(n, Dim)}
            for axis, (d, n) in enumerate(zip(x.type.shape, own, strict=True)):
                if d != n:
                    size = wanted[n] if isinstance(n, Dim) else literal(n)
                    same_size(s, size, b.dim(x, axis=axis) if isinstance(d, Dim) else literal(d), DIFFERENT)
            x = b.retype(x, to=Array(x.type.dtype, own))
        if x.type.shape == shape:  # type: ignore[attr-defined]
            return x
    if not shape:
        return x
    return b.broadcast(x, *dims, shape=shape)


def _cut(s: Specializer, v: Any, dtype: Scalar) -> Any:
    """What was computed of narrow integers in 64 bits, as they have it: modulo their width."""
    node = node_of(s, v)
    return v if s.b.scalar_of(node) is BOOL else new_array(s, s.b.convert(node, to=dtype))


def elementwise(s: Specializer, prim: str, xs: Sequence[Node], dtype: Scalar | None, op: str) -> Any:
    """A scalar primitive over numbers and arrays, broadcast to one shape and converted to one dtype."""
    b = s.b
    if dtype is not None and dtype.narrow:
        wide = [widened(s, b.convert(fitting(s, x, dtype), to=dtype) if b.scalar_of(x) is not dtype else x) for x in xs]
        return _cut(s, elementwise(s, prim, wide, I64, op), dtype)
    shape = broadcast_shape(s, xs, op)
    nodes = [
        x if dtype is None or b.scalar_of(x).strong is dtype.strong else b.convert(fitting(s, x, dtype.strong), to=dtype)
        for x in xs
    ]
    if shape:
        dims = dims_of(s, shape, nodes)
        nodes = [spread(s, x, shape, dims) for x in nodes]
        nodes = [b.broadcast(x, *dims, shape=shape) if not isinstance(x.type, Array) else x for x in nodes]
    elif dtype is not None:
        nodes = [s.convert(x, dtype) for x in nodes]
    return new_array(s, b.apply(b.primitives[prim], nodes))
