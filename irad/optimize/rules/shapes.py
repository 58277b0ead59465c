"""Rules of arrays: sizes, shapes, products, and blocks that were written just now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Constant, Node
from irad.optimize.rewrite import Rule, rewrites
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Dim, Scalar

__all__ = ["RULES"]


@rewrites("dim-of-elementwise", "dim")
def dim_of_elementwise(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(add(?x, ?y), axis=k) => dim(?x, axis=k), and so for all that is elementwise"""
    (x,) = args
    return b.dim(x.args[0], axis=static[0]) if isinstance(x, Apply) and x.fn.elementwise else None


@rewrites("dim-of-transpose", "dim")
def dim_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(transpose(?x, axes=a), axis=k) => dim(?x, axis=a[k])"""
    (x,) = args
    return b.dim(x.args[0], axis=x.static[0][static[0]]) if isinstance(x, Apply) and x.fn.name == "transpose" else None


MADE = frozenset({"broadcast", "iota", "reshape", "slice", "zeros"})  # their last arguments are sizes of the result
UPDATED = frozenset({"index_add", "index_update", "retype", "slice_add", "slice_update"})
REDUCED = frozenset({"all", "any", "max", "min", "prod", "sum"})


@rewrites("dim-of-made", "dim")
def dim_of_made(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(zeros(?n, of=f64[n]), axis=0) => ?n, and so for all that is told the sizes of its result"""
    (x,) = args
    if not isinstance(x, Apply) or x.fn.name not in MADE:
        return None
    symbolic = [axis for axis, d in enumerate(x.type.shape) if isinstance(d, Dim)]  # type: ignore[attr-defined]
    return x.args[len(x.args) - len(symbolic) + symbolic.index(static[0])] if static[0] in symbolic else None


@rewrites("dim-of-updated", "dim")
def dim_of_updated(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(slice_update(?x, ...), axis=k) => dim(?x, axis=k)"""
    (x,) = args
    return size(b, x.args[0], static[0]) if isinstance(x, Apply) and x.fn.name in UPDATED else None


@rewrites("dim-of-reduction", "dim")
def dim_of_reduction(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(sum(?x, axes=(0,)), axis=0) => dim(?x, axis=1)"""
    (x,) = args
    if not isinstance(x, Apply) or x.fn.name not in REDUCED:
        return None
    kept = [axis for axis in range(x.args[0].type.rank) if axis not in x.static[0]]  # type: ignore[attr-defined]
    return size(b, x.args[0], kept[static[0]])


@rewrites("dim-of-product", "dim")
def dim_of_product(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(matmul(?x, ?y), axis=0) => dim(?x, axis=0)"""
    (product,) = args
    if not isinstance(product, Apply) or product.fn.name not in PRODUCTS:
        return None
    x, y = product.args
    axes = axes_of(x, y, *product.static)
    places = [(x, i) for i in (*axes.batch[0], *axes.rows)] + [(y, j) for j in axes.columns]
    return size(b, *places[static[0]])


def size(b: Any, x: Node, axis: int) -> Node:
    d = x.type.shape[axis]  # type: ignore[attr-defined]
    return b.literal(d) if isinstance(d, int) else b.dim(x, axis=axis)  # type: ignore[no-any-return]


@rewrites("reshape-again", "reshape")
def reshape_again(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """reshape(?x) => ?x in the same shape; reshape(reshape(?x)) => reshape(?x); all sizes known"""
    x, *dims = args
    if dims or not _known(x):
        return None
    if x.type.shape == static[0]:  # type: ignore[attr-defined]
        return x
    again = isinstance(x, Apply) and x.fn.name == "reshape" and _known(x.args[0])
    return b.reshape(x.args[0], shape=static[0]) if again else None  # type: ignore[attr-defined]


@rewrites("reshape-of-number", "reshape")
def reshape_of_number(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """reshape(broadcast(c)) => broadcast(c) of a number c; all sizes known"""
    x, *dims = args
    if dims or not (isinstance(x, Apply) and x.fn.name == "broadcast" and _known(x)):
        return None
    (number,) = x.args
    return b.broadcast(number, shape=static[0]) if isinstance(number.type, Scalar) else None


@rewrites("transpose-again", "transpose")
def transpose_again(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """transpose(?x) => ?x with the axes in order; transpose(transpose(?x)) => transpose(?x)"""
    (x,) = args
    (axes,) = static
    if axes == tuple(range(len(axes))):
        return x
    if isinstance(x, Apply) and x.fn.name == "transpose":
        return b.transpose(x.args[0], axes=tuple(x.static[0][a] for a in axes))  # type: ignore[no-any-return]
    return None


@rewrites("matmul-of-transpose", "matmul")
def matmul_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """matmul(transpose(?x), ?y) => contract(?x, ?y) over the first axes"""
    x, y = args
    axes = axes_of(x, y)
    return _untransposed(b, x, y, axes.batch, axes.over)


@rewrites("contract-of-transpose", "contract")
def contract_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """contract(transpose(?x), ?y) => contract(?x, ?y) over other axes, where the order of the rest allows it"""
    x, y = args
    return _untransposed(b, x, y, *static)


def _untransposed(b: Any, x: Node, y: Node, batch: Any, over: Any) -> Node | None:
    """A product of what is below transposes whose axes that are in no pair stay in order."""
    axes = axes_of(x, y, batch, over)
    below, pairs = [], []
    for v, kept, summed, rest in zip((x, y), batch, over, (axes.rows, axes.columns), strict=True):
        order = v.static[0] if isinstance(v, Apply) and v.fn.name == "transpose" else None
        if order is None or [order[i] for i in rest] != sorted(order[i] for i in rest):
            below.append(v)
            pairs.append((kept, summed))
        else:
            below.append(v.args[0])  # type: ignore[attr-defined]
            pairs.append((tuple(order[i] for i in kept), tuple(order[i] for i in summed)))
    if below == [x, y]:
        return None
    (kept_x, summed_x), (kept_y, summed_y) = pairs
    return b.contract(*below, batch=(kept_x, kept_y), over=(summed_x, summed_y))  # type: ignore[no-any-return]


@rewrites("contract-as-matmul", "contract")
def contract_as_matmul(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """contract(?x, ?y, batch=((), ()), over=((1,), (0,))) => matmul(?x, ?y) of vectors and matrices"""
    x, y = args
    plain = x.type.rank < 3 and y.type.rank < 3 and static == (((), ()), ((x.type.rank - 1,), (0,)))  # type: ignore[attr-defined]
    return b.matmul(x, y) if plain else None


@rewrites("index-of-array", "index")
def index_of_array(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """index(array(?x, ?y, ...), i) => the number there, i known"""
    x, *place = args
    if not (isinstance(x, Apply) and x.fn.name == "array" and all(isinstance(i, Constant) for i in place)):
        return None
    k = 0
    for i, n in zip(place, x.static[0], strict=True):
        if not 0 <= i.value < n:  # type: ignore[attr-defined]
            return None
        k = k * n + i.value  # type: ignore[attr-defined]
    return x.args[k]


@rewrites("array-of-zeros", "array", exact=False)
def array_of_zeros(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """array(0.0, -0.0, ...) => 0.0 in each place"""
    zeros = all(isinstance(x, Constant) and x.value == 0.0 and isinstance(x.value, float) for x in args)
    return b.broadcast(b.number(0.0, b.scalar_of(args[0])), shape=static[0]) if zeros else None


@rewrites("matmul-of-zeros", "matmul", exact=False)
def matmul_of_zeros(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """matmul(zeros, ?x) => zeros, all sizes known"""
    return _zero_product(b, "matmul", args, static)


@rewrites("contract-of-zeros", "contract", exact=False)
def contract_of_zeros(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """contract(zeros, ?x) => zeros, all sizes known"""
    return _zero_product(b, "contract", args, static)


def _zero_product(b: Any, name: str, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    x, y = args
    if not (_is_zero(x) or _is_zero(y)) or not (_known(x) and _known(y)):
        return None
    t = b.primitives[name].type_of((x.type, y.type), static)
    zero: Node = b.number(0.0, b.scalar_of(x))
    return b.broadcast(zero, shape=t.shape) if isinstance(t, Array) else zero


def _is_zero(x: Node) -> bool:
    """Whether all elements of an array are known to be zero."""
    return is_constant(x, 0.0) or is_constant(x, -0.0) or (isinstance(x, Apply) and x.fn.name == "zeros")


@rewrites("slice-of-transpose", "slice")
def slice_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice(transpose(?x, axes=a), ...) => transpose(slice(?x, ...), axes=a), sizes known: what is cut out is smaller, and
    its cotangent is added where x lies"""
    x, *starts = args
    shape, steps = static
    if not (isinstance(x, Apply) and x.fn.name == "transpose" and len(starts) == len(shape)):
        return None
    (axes,) = x.static
    back = [axes.index(i) for i in range(len(axes))]
    block = b.slice(
        x.args[0], *(starts[i] for i in back), shape=tuple(shape[i] for i in back), steps=tuple(steps[i] for i in back)
    )
    return b.transpose(block, axes=axes)  # type: ignore[no-any-return]


@rewrites("index-of-transpose", "index")
def index_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """index(transpose(?x, axes=(1, 0)), ?i, ?j) => index(?x, ?j, ?i)"""
    x, *place = args
    if not (isinstance(x, Apply) and x.fn.name == "transpose"):
        return None
    (axes,) = x.static
    return b.index(x.args[0], *(place[axes.index(i)] for i in range(len(axes))))  # type: ignore[no-any-return]


@rewrites("slice-whole", "slice")
def slice_whole(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice(?x, 0, ...) => ?x, of all of it; sizes known"""
    x, *rest = args
    return x if static[0] == x.type.shape and _all_of(x, rest, static[1]) else None  # type: ignore[attr-defined]


@rewrites("update-whole", "slice_update")
def update_whole(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice_update(?x, ?v, 0, ...) => ?v, which takes the place of all of it; sizes known"""
    x, v, *starts = args
    return v if v.type.shape == x.type.shape and _all_of(x, starts, static[0]) else None  # type: ignore[attr-defined]


@rewrites("add-whole", "slice_add")
def add_whole(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice_add(?x, ?v, 0, ...) => add(?x, ?v), to all of it; sizes known"""
    x, v, *starts = args
    same = v.type.shape == x.type.shape  # type: ignore[attr-defined]
    return b.add(x, v) if same and _all_of(x, starts, static[0]) else None


def _all_of(x: Node, starts: Sequence[Node], steps: tuple[int, ...]) -> bool:
    """Whether a block of x's own size begins at its first element."""
    return _known(x) and set(steps) <= {1} and all(isinstance(a, Constant) and a.value == 0 for a in starts[: len(steps)])


@rewrites("add-to-cleared", "index_add", exact=False)
def add_to_cleared(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """index_add(index_update(?x, 0, ?i), ?v, ?i) => index_update(?x, ?v, ?i), at any number of indices"""
    x, v, *where = args
    if not (isinstance(x, Apply) and x.fn.name == "index_update" and is_constant(x.args[1], 0)):
        return None
    same = all(i is j or _equal(i, j) for i, j in zip(where, x.args[2:], strict=True))
    return b.index_update(x.args[0], v, *where) if same else None


def _equal(i: Node, j: Node) -> bool:
    return isinstance(i, Constant) and isinstance(j, Constant) and bool(i.value == j.value)


@rewrites("slice-of-update", "slice")
def slice_of_update(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice(slice_update(?x, ?v, i), i) => ?v, the block that was put there"""
    x, *rest = args
    shape, steps = static
    if not (isinstance(x, Apply) and x.fn.name == "slice_update" and x.static == (steps,) and 0 not in steps):
        return None
    _, v, *starts = x.args
    same = v.type.shape == shape and rest[: len(steps)] == starts  # type: ignore[attr-defined]
    return v if same and rest[len(steps) :] == b.dims(v) else None  # symbols of two trips may be different sizes


@rewrites("slice-beside-update", "slice")
def slice_beside_update(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice(slice_update(?x, ?v, i), j) => slice(?x, j) of another block; places known, steps of 1"""
    x, *rest = args
    shape, steps = static
    if not (isinstance(x, Apply) and x.fn.name == "slice_update" and set((*steps, *x.static[0])) == {1}):
        return None
    below, v, *starts = x.args
    ranges = zip(starts, v.type.shape, rest, shape, strict=False)  # type: ignore[attr-defined]
    return b.slice(below, *rest, shape=shape, steps=steps) if any(_apart(*r) for r in ranges) else None


def _apart(start: Node, size: Any, other: Node, count: Any) -> bool:
    """Whether two ranges are known to have nothing in common."""
    known = isinstance(start, Constant) and isinstance(other, Constant) and isinstance(size, int) and isinstance(count, int)
    return known and not (start.value < other.value + count and other.value < start.value + size)  # type: ignore[attr-defined]


@rewrites("update-by-slice", "slice_update")
def update_by_slice(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice_update(?x, slice(?x, i), i) => ?x, which has that block there"""
    x, v, *starts = args
    same = isinstance(v, Apply) and v.fn.name == "slice" and v.args[0] is x and v.static[1] == static[0]
    return x if same and list(v.args[1:]) == starts else None  # type: ignore[attr-defined]


@rewrites("update-again", "slice_update")
def update_again(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """slice_update(slice_update(?x, ?v, i), ?w, i) => slice_update(?x, ?w, i), a block of the same size"""
    x, w, *starts = args
    if not (isinstance(x, Apply) and x.fn.name == "slice_update" and x.static == static and 0 not in static[0]):
        return None
    below, v, *before = x.args
    same = v.type is w.type and before == starts and b.dims(v) == b.dims(w)
    return b.slice_update(below, w, *starts, steps=static[0]) if same else None


def _known(x: Node) -> bool:
    """Whether all sizes of an array are known."""
    return isinstance(x.type, Array) and all(isinstance(d, int) for d in x.type.shape)


RULES: tuple[Rule, ...] = (
    dim_of_elementwise,
    dim_of_transpose,
    dim_of_made,
    dim_of_updated,
    dim_of_reduction,
    dim_of_product,
    reshape_again,
    reshape_of_number,
    transpose_again,
    matmul_of_transpose,
    contract_of_transpose,
    contract_as_matmul,
    index_of_array,
    array_of_zeros,
    matmul_of_zeros,
    contract_of_zeros,
    slice_of_update,
    slice_of_transpose,
    index_of_transpose,
    slice_whole,
    update_whole,
    add_whole,
    add_to_cleared,
    slice_beside_update,
    update_by_slice,
    update_again,
)
