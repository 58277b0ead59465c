"""reshape, transpose, broadcast_to and diagonal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant
from irad.graph.walk import Task
from irad.numpy import indexing as library
from irad.specialize import objects
from irad.specialize.arrays.advanced import call_library
from irad.specialize.arrays.creation import array, numeric, shape_of
from irad.specialize.arrays.elementwise import DIFFERENT, same_size, shape_text, spread
from irad.specialize.arrays.indexing import getitem
from irad.specialize.arrays.table import HANDLERS, check_count, no_keywords
from irad.specialize.arrays.values import (
    array_type,
    count_of,
    dims_of,
    element,
    is_array,
    is_ordered,
    new_array,
    read,
    roots,
    size_of,
    view,
)
from irad.specialize.numbers import known_int
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import Dim, given_dims

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def reshape(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    order = kwargs.pop("order", Known("C"))
    args = [*args, *(kwargs.pop(k) for k in ("shape", "newshape") if k in kwargs and len(args) == 1)]
    no_keywords(s, "reshape", kwargs)
    v, *rest = args
    if not (isinstance(order, Known) and order.value == "C"):
        return _reshape_columns(s, v, rest, order)
    if not is_array(s, v):
        v = array(s, [v], {})
        v = v if is_array(s, v) else new_array(s, s.b.broadcast(v, shape=(1,)))
    wanted: Any = rest[0] if len(rest) == 1 else Compound("tuple", None, rest)
    items = list(wanted.children) if objects.is_tuple(wanted) else [wanted]
    t = array_type(s, v)
    unknown = [i for i, x in enumerate(items) if isinstance(x, Constant) and x.value == -1]
    if len(unknown) > 1:
        raise s.refuse("shape-mismatch", "a shape has one unknown size, -1, at most", help="write the other sizes as numbers")
    if unknown:
        known = math.prod(x.value for i, x in enumerate(items) if i not in unknown and isinstance(x, Constant))
        if all(isinstance(x, Constant) for x in items) and all(isinstance(d, int) for d in t.shape):
            total = math.prod(t.shape)
            if known == 0 or total % known:
                raise s.refuse(
                    "shape-mismatch",
                    f"an array of {total} elements cannot be reshaped into ({', '.join(str(x.value) for x in items)})",
                    help=f"the product of the sizes must divide {total}",
                )
            items[unknown[0]] = literal(total // known)
        else:
            size = count_of(s, v)
            for i, x in enumerate(items):
                size = size if i in unknown else s.b.floordiv(size, x)
            items[unknown[0]] = size
    shape, dims = shape_of(s, Compound("tuple", None, items))
    if all(isinstance(d, int) for d in (*shape, *t.shape)) and math.prod(shape) != math.prod(t.shape):
        raise s.refuse(
            "shape-mismatch",
            f"an array of shape {shape_text(t.shape)} cannot be reshaped into {shape_text(shape)}",
            help=f"the sizes must multiply to {math.prod(t.shape)}"
            if all(isinstance(d, int) for d in t.shape)
            else "the sizes must multiply to the number of elements",
        )
    if not shape:
        return element(s, v, [literal(0)] * t.rank)
    if is_ordered(s, v):
        return view(s, v, ("reshape", shape), dims)
    made = new_array(s, s.b.reshape(read(s, v), *dims, shape=shape))
    for obj in (made.obj, *roots(s, v)):
        obj.frozen = (obj.frozen or frozenset()) | {"reshaped"}
    return made


def _reshape_columns(s: Specializer, v: Any, rest: list[Any], order: Any) -> Any:
    """In Fortran's order, where the first index changes fastest: what C's is to the transposes."""
    if not (isinstance(order, Known) and order.value == "F"):
        raise s.refuse("unsupported-keyword", "np.reshape in another `order` than C or F", help="write order='C' or 'F'")
    items = objects.known_items(s, rest[0]) if len(rest) == 1 and not is_number(rest[0]) else rest
    return transpose(s, [reshape(s, [transpose(s, [v], {}), Compound("tuple", None, items[::-1])], {})], {})


def ravel(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = {**dict(zip(("a", "order"), args, strict=False)), **kwargs}
    v = kwargs.pop("a")
    return reshape(s, [v, literal(-1)], kwargs)


def _contiguous(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The array itself where it is in C order, else a copy: a reshape to its own shape."""
    no_keywords(s, "ascontiguousarray", kwargs)
    check_count(s, "ascontiguousarray", args, 1)
    v = args[0] if is_array(s, args[0]) else array(s, args, {})
    if not is_array(s, v):
        return reshape(s, [v, literal(1)], {})
    return reshape(s, [v, Compound("tuple", None, [size_of(s, v, k) for k in range(array_type(s, v).rank)])], {})


def transpose(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    v, *rest = args
    axes = kwargs.pop("axes", rest[0] if len(rest) == 1 else Compound("tuple", None, rest) if rest else None)
    no_keywords(s, "transpose", kwargs)
    v = v if is_array(s, v) else array(s, [v], {})
    if not is_array(s, v):
        return v
    rank = array_type(s, v).rank
    order = (
        tuple(reversed(range(rank)))
        if axes is None
        else tuple(known_int(s, a, "an axis") % rank for a in objects.known_items(s, axes))
    )
    if sorted(order) != list(range(rank)):
        raise s.refuse(
            "axis", f"the axes {order} are no permutation of {rank} axes", help=f"name each of {tuple(range(rank))} once"
        )
    return view(s, v, ("transpose", order)) if order != tuple(range(rank)) else v


def broadcast_to(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A view that is not written to."""
    no_keywords(s, "broadcast_to", kwargs)
    check_count(s, "broadcast_to", args, 2)
    x = numeric(s, args[0], "broadcast_to")
    shape, dims = shape_of(s, args[1])
    spread(s, x, shape, dims)  # whether it fits
    if not shape:
        return x
    return view(s, args[0] if is_array(s, args[0]) else new_array(s, s.b.broadcast(x, shape=(1,))), ("broadcast", shape), dims)


def diagonal(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A view that is not written to."""
    names = ("a", "offset", "axis1", "axis2")
    check_count(s, "diagonal", args, 1, 4)
    given = {"offset": literal(0), "axis1": literal(0), "axis2": literal(1), **dict(zip(names, args, strict=False)), **kwargs}
    no_keywords(s, "diagonal", {k: v for k, v in given.items() if k not in names})
    v = given["a"] if is_array(s, given["a"]) else array(s, [given["a"]], {})
    offset, *axes = (known_int(s, given[k], f"the {k} of np.diagonal") for k in names[1:])
    rank = array_type(s, v).rank if is_array(s, v) else 0
    if rank < 2:
        s.b.raise_(error="ValueError", message="diag requires an array of at least two dimensions")
        raise s.Bottom
    if not all(-rank <= a < rank for a in axes) or axes[0] % rank == axes[1] % rank:
        raise s.refuse("axis", f"np.diagonal of the axes {axes[0]} and {axes[1]} of {rank}", help="name two different axes")
    last = [a % rank for a in axes]
    v = transpose(s, [v, *(literal(a) for a in (*(a for a in range(rank) if a not in last), *last))], {})
    *lead, m, n = array_type(s, v).shape
    if isinstance(m, Dim) or isinstance(n, Dim):
        return _diagonal_copied(s, v, offset)
    count = max(min(m, n - offset) if offset >= 0 else min(m + offset, n), 0)
    flat = view(s, v, ("reshape", (*lead, m * n)), dims_of(s, tuple(lead), [read(s, v)]))
    start = max(offset, -offset * n) if count else 0
    part = Compound("slice", None, [literal(start), literal(start + count * (n + 1)), literal(n + 1)])
    found = getitem(s, flat, Compound("tuple", None, [Known(Ellipsis), part]))
    return broadcast_to(s, [found, Compound("tuple", None, [size_of(s, found, k) for k in range(rank - 1)])], {})


def _diagonal_copied(s: Specializer, v: Ref, offset: int) -> Task:
    """The diagonal of an array whose size is known at run time only: a copy, so that neither is written to any more."""
    made = yield call_library(s, library.diagonal, v, literal(offset))
    for obj in (*roots(s, made), *roots(s, v)):
        obj.frozen = (obj.frozen or frozenset()) | {"reshaped"}
    return made


def _broadcast_shapes(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "broadcast_shapes", kwargs)
    shapes = [objects.known_items(s, a) if objects.is_tuple(a) else [a] for a in args]
    out: list[Any] = []
    for axis in range(-max(map(len, shapes), default=0), 0):
        sizes = [sh[axis] for sh in shapes if len(sh) >= -axis]
        wanted = [n for n in sizes if not (isinstance(n, Constant) and n.value == 1)]
        fixed = {n.value for n in wanted if isinstance(n, Constant)}
        if len(fixed) > 1:
            s.b.raise_(error="ValueError", message="shape mismatch: objects cannot be broadcast to a single shape")
            raise s.Bottom
        size = literal(fixed.pop()) if fixed else wanted[0] if wanted else literal(1)
        for n in wanted:
            if n is not size and not isinstance(n, Constant):
                if given_dims():
                    same_size(s, size, n, DIFFERENT)
                else:
                    size = s.b.same_dim(size, n)
        out.append(size)
    return Compound("tuple", None, out)


HANDLERS[np.diagonal], HANDLERS[np.ascontiguousarray] = diagonal, _contiguous
HANDLERS[np.broadcast_to], HANDLERS[np.broadcast_shapes] = broadcast_to, _broadcast_shapes
HANDLERS[np.reshape], HANDLERS[np.ravel], HANDLERS[np.transpose] = reshape, ravel, transpose
