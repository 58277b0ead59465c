"""Lowering of arrays: element reads and updates in place, loop nests for elementwise operations, blocks and reductions.

An array is a pointer to its elements in C order, the block that owns them (null: memory of the caller's), and its
run-time dims. Elementwise operations, broadcasts, transposed and sliced arrays that are read once, by another loop nest
of the same graph, are not stored: their elements are computed where they are read (`virtual`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from irad.backends.llvm import polls
from irad.backends.llvm.bounds import check_block, check_bounds
from irad.backends.llvm.destinations import destination
from irad.backends.llvm.layout import HEADER, SCALAR, SIZE, literal_text
from irad.backends.llvm.work import BLOCKS, REDUCTIONS

from irad.errors import InternalError
from irad.graph.nodes import Apply, Node
from irad.nests.trips import is_overwritten
from irad.primitives.linalg import LINALG
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import F64, Array, Dim, Scalar

__all__ = ["KERNELS", "zero_array"]

Operands = tuple[str, ...]
MOST_ELEMENTS = 2.0**40  # of an array; more is not asked for, so that no size overflows


# -- shapes and memory ----------------------------------------------------------------------------------------------------


def array_type(node: Node) -> Array:
    assert isinstance(node.type, Array)
    return node.type


def item_size(t: Array) -> int:
    return SIZE[SCALAR[str(t.dtype)]]


def shape(e: Any, node: Node) -> list[str]:
    """The dims of an array as operands."""
    if node in e.virtual:
        return e.virtual_shape[node]  # type: ignore[no-any-return]
    feed = iter(e.get(node)[2:])
    return [next(feed) if isinstance(d, Dim) else str(d) for d in array_type(node).shape]


def filled_shape(t: Array, dims: Sequence[str]) -> list[str]:
    feed = iter(dims)
    return [next(feed) if isinstance(d, Dim) else str(d) for d in t.shape]


def run_time(t: Array, dims: Sequence[str]) -> Operands:
    """Those dims that an array carries at run time."""
    return tuple(n for d, n in zip(t.shape, dims, strict=True) if isinstance(d, Dim))


def product(e: Any, dims: Sequence[str]) -> str:
    known = math.prod(int(d) for d in dims if d.isdigit())
    rest = [d for d in dims if not d.isdigit()]
    total = str(known)
    for d in rest:
        total = d if total == "1" else e.emit(f"mul nsw i64 {total}, {d}")
    return total


def elements(e: Any, node: Apply) -> str:
    """How many elements an operation goes through."""
    name = node.fn.name
    if name in PRODUCTS:
        x, y = node.args
        return product(e, [*shape(e, x), *(shape(e, y)[j] for j in axes_of(x, y, *node.static).columns)])
    if name in LINALG:
        dims = shape(e, node.args[0])
        return product(e, [*dims, dims[0]])
    of = node.args[1] if name in BLOCKS else node if isinstance(node.type, Array) and name not in REDUCTIONS else node.args[0]
    return product(e, shape(e, of))


def linear(e: Any, index: Sequence[str], dims: Sequence[str]) -> str:
    """The position of an element in C order."""
    total = "0"
    for i, d in zip(index, dims, strict=True):
        if total != "0":
            total = e.emit(f"mul nsw i64 {total}, {d}") if d != "1" else total
        total = i if total == "0" else total if i == "0" else e.emit(f"add nsw i64 {total}, {i}")
    return total


def address(e: Any, t: Array, data: str, index: Sequence[str], dims: Sequence[str]) -> str:
    place = linear(e, index, dims)
    memory = "i8" if t.dtype.kind == "b" else SCALAR[str(t.dtype)]
    return data if place == "0" else e.emit(f"getelementptr {memory}, ptr {data}, i64 {place}")


def load(e: Any, t: Array, p: str) -> str:
    return e.load(SCALAR[str(t.dtype)], p, 0)  # type: ignore[no-any-return]


def store(e: Any, t: Array, value: str, p: str) -> None:
    e.put(SCALAR[str(t.dtype)], value, p, 0)


def allocate(e: Any, t: Array, dims: Sequence[str], *, zeroed: bool = False) -> Operands:
    """A new array, its elements not set (or zero)."""
    known = all(d.isdigit() for d in dims)
    e.note(f"a new array, {math.prod(map(int, dims)) * item_size(t)} bytes" if known else "a new array")
    return _memory(e, t, dims, zeroed=zeroed)


def new_result(
    e: Any, node: Apply, t: Array, dims: Sequence[str], *, operand: int = 1, zeroed: bool = False
) -> tuple[str, str]:
    """The elements and block of a new array that an operation makes, where `destinations` says, else in a block of its own."""
    data = destination(e, node, operand, t, dims)
    if data is None:
        data, block, *_ = allocate(e, t, dims, zeroed=zeroed)
        return data, block
    if zeroed:
        e.do(f"call void @llvm.memset.p0.i64(ptr {data}, i8 0, i64 {_bytes(e, t, dims)}, i1 false)")
    return data, "null"


def _bytes(e: Any, t: Array, dims: Sequence[str]) -> str:
    count, size = product(e, dims), item_size(t)
    return str(int(count) * size) if count.isdigit() else e.emit(f"mul nsw i64 {count}, {size}")


def _memory(e: Any, t: Array, dims: Sequence[str], *, zeroed: bool = False) -> Operands:
    unknown = [d for d in dims if not d.isdigit()]
    if unknown:  # in floats, which do not overflow
        sizes = [e.emit(f"uitofp i64 {d} to double") for d in unknown]
        total = literal_text(F64, float(math.prod(int(d) for d in dims if d.isdigit())))
        for d in sizes:
            total = e.emit(f"fmul double {total}, {d}")
        large = e.emit(f"fcmp ogt double {total}, {literal_text(F64, MOST_ELEMENTS)}")
        e.fail_if(large, "MemoryError", "an array of this size")
    block = e.allocate(_bytes(e, t, dims), "null", zeroed=zeroed)
    return (e.address(block, HEADER), block, *run_time(t, dims))


def zero_array(e: Any, t: Array) -> Operands:
    """An array of zeros whose size is known."""
    if any(isinstance(d, Dim) for d in t.shape):
        raise InternalError(f"the zero of {t} needs its dims")
    return allocate(e, t, [str(d) for d in t.shape], zeroed=True)


def copied(e: Any, t: Array, data: str, dims: Sequence[str]) -> tuple[str, str]:
    """Elements in a block of their own."""
    new, own, *_ = _memory(e, t, dims)
    e.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {new}, ptr {data}, i64 {_bytes(e, t, dims)}, i1 false)")
    return new, own


def owned(e: Any, node: Node, dims: Sequence[str]) -> tuple[str, str]:
    """The elements and block of an array that is given up, as memory that may be written: its own where nobody else
    sees it, else a copy."""
    e.note_update(node)
    data, block = e.get(node)[:2]
    if node in e.alone:
        return data, block
    t = array_type(node)
    if block == "null":
        return copied(e, t, data, dims)
    ours, shared, copy, go_on = (e.new_label(n) for n in ("ours", "block", "copy", "own"))
    e.branch(e.emit(f"icmp eq ptr {block}, null"), copy, ours)
    e.start(ours)
    count = e.load("i64", block, 0)
    before = e.label
    e.branch(e.emit(f"icmp eq i64 {count}, 1"), go_on, shared)
    e.start(shared)
    e.put("i64", e.emit(f"sub i64 {count}, 1"), block, 0)
    e.jump(copy)
    e.start(copy)
    new, own = copied(e, t, data, dims)
    after = e.label
    e.jump(go_on)
    e.start(go_on)
    return (
        e.emit(f"phi ptr [ {data}, %{before} ], [ {new}, %{after} ]"),
        e.emit(f"phi ptr [ {block}, %{before} ], [ {own}, %{after} ]"),
    )


# -- elements -------------------------------------------------------------------------------------------------------------


def index(e: Any, node: Apply) -> Operands:
    x, *where = node.args
    dims, place = shape(e, x), [e.one(i) for i in where]
    check_bounds(e, where, place, dims)
    return (load(e, array_type(x), address(e, array_type(x), e.get(x)[0], place, dims)),)


def index_update(e: Any, node: Apply) -> Operands:
    return _put(e, node, add=False)


def index_add(e: Any, node: Apply) -> Operands:
    return _put(e, node, add=True)


def _put(e: Any, node: Apply, *, add: bool) -> Operands:
    x, v, *where = node.args
    t = array_type(x)
    dims, place, value = shape(e, x), [e.one(i) for i in where], e.one(v)
    check_bounds(e, where, place, dims)
    data, block = owned(e, x, dims)
    p = address(e, t, data, place, dims)
    if add:
        value = e.plus(t.dtype, load(e, t, p), value)
    store(e, t, value, p)
    return (data, block, *run_time(t, dims))


# -- loop nests -----------------------------------------------------------------------------------------------------------


def nest(e: Any, dims: Sequence[str], body: Callable[[list[str]], None], *, polled: bool = False) -> None:
    """Loops over all indices below `dims`, the last innermost. `polled`: each trip of the outermost counts what it did."""
    open_: list[tuple[str, str, str, int]] = []
    index = []
    for d in dims:
        head, go_on, done = e.new_label("for"), e.new_label("do"), e.new_label("end")
        before = e.label
        e.jump(head)
        e.start(head)
        e.counter += 1
        i = f"%v{e.counter}"
        line = len(e.lines)
        e.lines.append(f"  {i} = phi i64 [ 0, %{before} ], ")
        e.branch(e.emit(f"icmp slt i64 {i}, {d}"), go_on, done)
        e.start(go_on)
        open_.append((i, head, done, line))
        index.append(i)
    body(index)
    for i, head, done, line in reversed(open_):
        if polled and i is open_[0][0]:
            polls.charge(e, product(e, dims[1:]))
        after = e.emit(f"add nuw nsw i64 {i}, 1")
        e.lines[line] += f"[ {after}, %{e.label} ]"
        e.jump(head)
        e.start(done)


def at(e: Any, node: Node, index: list[str], dims: Sequence[str]) -> str:
    """The element of an array at an index, in the loop nest being emitted."""
    t = array_type(node)
    if node not in e.virtual:
        return load(e, t, address(e, t, e.get(node)[0], index, shape(e, node)))
    assert isinstance(node, Apply)
    name = node.fn.name
    if name == "broadcast":
        x = node.args[0]
        return e.one(x) if isinstance(x.type, Scalar) else at(e, x, _into(x, index), dims)
    if name == "transpose":
        return at(e, node.args[0], _untransposed(index, node.static[0]), dims)
    assert name == "slice"
    return at(e, node.args[0], _sliced(e, node, index), dims)


def _into(x: Node, index: list[str]) -> list[str]:
    """The index into an array that was broadcast."""
    t = array_type(x)
    lead = len(index) - t.rank
    return ["0" if d == 1 else i for d, i in zip(t.shape, index[lead:], strict=True)]


def _untransposed(index: list[str], axes: tuple[int, ...]) -> list[str]:
    out = [""] * len(index)
    for i, a in zip(index, axes, strict=True):
        out[a] = i
    return out


def _sliced(e: Any, node: Apply, index: list[str]) -> list[str]:
    x, *rest = node.args
    _, steps = node.static
    out = []
    for i, start, k in zip(index, rest[: array_type(x).rank], steps, strict=True):
        step = i if k == 1 else e.emit(f"mul nsw i64 {i}, {k}")
        first = e.one(start)
        out.append(step if first == "0" else first if step == "0" else e.emit(f"add nsw i64 {first}, {step}"))
    return out


def result_shape(e: Any, node: Apply) -> list[str]:
    """The dims of the result of an operation that makes an array."""
    t = array_type(node)
    name = node.fn.name
    if name in ("broadcast", "reshape"):
        return filled_shape(t, [e.one(d) for d in node.args[1:]])
    if name in ("iota", "zeros"):
        return filled_shape(t, [e.one(d) for d in node.args])
    if name == "slice":
        return filled_shape(t, [e.one(d) for d in node.args[1 + array_type(node.args[0]).rank :]])
    if name == "transpose":
        inner = shape(e, node.args[0])
        return [inner[a] for a in node.static[0]]
    if name in REDUCTIONS:
        return [d for i, d in enumerate(shape(e, node.args[0])) if i not in node.static[0]]
    if name in PRODUCTS:
        x, y = node.args
        axes = axes_of(x, y, *node.static)
        return [shape(e, x)[i] for i in (*axes.batch[0], *axes.rows)] + [shape(e, y)[j] for j in axes.columns]
    return shape(e, next(a for a in node.args if isinstance(a.type, Array)))


def make_virtual(e: Any, node: Apply) -> Operands:
    """Note the shape of an operation whose elements are computed where they are read."""
    e.virtual_shape[node] = result_shape(e, node)
    if node.fn.name == "slice":
        check_slice(e, node)
    return ("null", "null", *run_time(array_type(node), e.virtual_shape[node]))


def zeros(e: Any, node: Apply) -> Operands:
    t, dims = array_type(node), result_shape(e, node)
    overwritten = node in e.within.filled or is_overwritten(node)
    return (*new_result(e, node, t, dims, zeroed=not overwritten), *run_time(t, dims))


def made_of(e: Any, node: Apply) -> Operands:
    """array(x, y, ...)."""
    t = array_type(node)
    out = new_result(e, node, t, [str(d) for d in t.shape])
    for k, a in enumerate(node.args):
        store(e, t, e.one(a), e.address(out[0], k * item_size(t)))
    return out


def reshape(e: Any, node: Apply) -> Operands:
    x = node.args[0]
    dims = result_shape(e, node)
    if run_time(array_type(node), dims) or run_time(array_type(x), shape(e, x)):
        bad = e.emit(f"icmp ne i64 {product(e, dims)}, {product(e, shape(e, x))}")
        e.fail_if(bad, "ValueError", "cannot reshape an array into a shape of another size")
    return (*e.get(x)[:2], *run_time(array_type(node), dims))


def retype(e: Any, node: Apply) -> Operands:
    (x,) = node.args
    t = array_type(node)
    dims = shape(e, x)
    for d, n in zip(t.shape, dims, strict=True):
        if isinstance(d, int) and n != str(d):
            e.fail_if(e.emit(f"icmp ne i64 {n}, {d}"), "ValueError", f"an array of another shape stands where {t} is needed")
    return (*e.get(x)[:2], *run_time(t, dims))


def dim(e: Any, node: Apply) -> Operands:
    return (shape(e, node.args[0])[node.static[0]],)


def check_slice(e: Any, node: Apply) -> None:
    x, *rest = node.args
    check_block(e, rest[: array_type(x).rank], result_shape(e, node), node.static[1], shape(e, x))


def iota(e: Any, node: Apply) -> Operands:
    t = array_type(node)
    dims = result_shape(e, node)
    out = new_result(e, node, t, dims)
    nest(e, dims, lambda i: store(e, t, i[0], address(e, t, out[0], i, dims)))
    return (*out, *run_time(t, dims))


# -- reductions -------------------------------------------------------------------------------------------------------------


def check_nonempty(e: Any, node: Apply) -> None:
    """ValueError for the greatest or least of nothing."""
    (x,) = node.args
    dims = shape(e, x)
    count = product(e, [dims[a] for a in node.static[0]])
    if not count.isdigit() or count == "0":
        message = "zero-size array to reduction operation which has no identity"
        e.fail_if(e.emit(f"icmp eq i64 {count}, 0"), "ValueError", message)


def identity(name: str, t: Scalar) -> str:
    if t.kind == "f":
        return {"sum": "0.0", "prod": "1.0", "max": "0xFFF0000000000000", "min": "0x7FF0000000000000"}[name]
    if t.kind == "b":
        return {"any": "false", "all": "true", "max": "false", "min": "true", "sum": "false", "prod": "true"}[name]
    least, most = -(2 ** (t.width - 1)), 2 ** (t.width - 1) - 1
    return {"sum": "0", "prod": "1", "max": str(least), "min": str(most)}[name]


def combined(e: Any, node: Apply, name: str, t: Scalar, x: str, y: str) -> str:
    """x and y in one, as a reduction of this name does it, on behalf of an operation."""
    before = e.node, e.operand
    e.node, e.operand = node, t
    if name == "sum":
        out = e.arith("fadd", "add", x, y)
    elif name == "prod":
        out = e.arith("fmul", "mul", x, y)
    elif name in ("any", "all"):
        out = e.inst("or" if name == "any" else "and", x, y)
    else:
        out = e.extreme(name, x, y)
    e.node, e.operand = before
    return out  # type: ignore[no-any-return]


KERNELS: dict[str, Callable[[Any, Apply], Operands]] = {
    "index": index,
    "index_update": index_update,
    "index_add": index_add,
    "iota": iota,
    "zeros": zeros,
    "array": made_of,
    "reshape": reshape,
    "retype": retype,
    "dim": dim,
}
