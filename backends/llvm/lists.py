"""Lowering of lists: a block of packed items and their number, updated in place where nobody else sees the block.

A list of cotangents may be shorter than its primal; what is missing is zero. Items are numbers and tuples of numbers, so
that memory of zeros holds zeros.
"""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import arrays, stacks
from irad.backends.llvm.layout import HEADER, item_layout

from irad.graph.nodes import Apply, Node
from irad.types import Array, List, Scalar, Struct, Type

__all__ = ["OPERATIONS"]

Operands = tuple[str, ...]


def _item(node: Node) -> Type:
    assert isinstance(node.type, List)
    return node.type.item


def _numbers(t: Type) -> list[Scalar]:
    """The types of the numbers in an item, in operand order."""
    if isinstance(t, Struct):
        return [s for i in t.items for s in _numbers(i)]
    return [t] if isinstance(t, Scalar) else []


def _load(e: Any, t: Type, place: str) -> Operands:
    return tuple(e.load(f.type, place, f.offset) for f in item_layout(t)[0])


def _store(e: Any, t: Type, values: Operands, place: str) -> None:
    for f, v in zip(item_layout(t)[0], values, strict=True):
        e.put(f.type, v, place, f.offset)


def _add(e: Any, t: Type, values: Operands, place: str) -> None:
    """Add numbers to those of an item."""
    for f, s, v in zip(item_layout(t)[0], _numbers(t), values, strict=True):
        e.put(f.type, e.plus(s, e.load(f.type, place, f.offset), v), place, f.offset)


def _place(e: Any, t: Type, block: str, index: str) -> str:
    return stacks.item_address(e, block, index, item_layout(t)[1])


def _checked_place(e: Any, node: Apply, i: Node, block: str, length: str) -> str:
    e.fail_if(e.emit(f"icmp uge i64 {e.one(i)}, {length}"), "IndexError", "list index out of range")
    return _place(e, _item(node.args[0]), block, e.one(i))


def _room(e: Any, t: Type, block: str, length: str, wanted: str) -> str:
    """A block that nobody else sees with room for `wanted` items; zeros follow those it had."""
    e.used.add("irad.list_room")
    size = item_layout(t)[1]
    own = e.emit(f"call ptr @irad.list_room(ptr %ctx, ptr {block}, i64 {length}, i64 {wanted}, i64 {size})")
    e.fail_if(e.emit(f"icmp eq ptr {own}, null"), "MemoryError", "")
    return own  # type: ignore[no-any-return]


def _owned(e: Any, t: Type, block: str, length: str) -> str:
    """A block that nobody else sees, with the items of this one; it has some."""
    copy, go_on = e.new_label("copy"), e.new_label("own")
    alone = e.emit(f"icmp eq i64 {e.load('i64', block, 0)}, 1")
    before = e.label
    e.branch(alone, go_on, copy)
    e.start(copy)
    own = _room(e, t, block, length, length)
    after = e.label
    e.jump(go_on)
    e.start(go_on)
    return e.emit(f"phi ptr [ {block}, %{before} ], [ {own}, %{after} ]")  # type: ignore[no-any-return]


def _make(e: Any, node: Apply) -> Operands:
    if not node.args:
        return ("null", "0")
    t, n = _item(node), len(node.args)
    size = item_layout(t)[1]
    e.note(f"a new list, {n * size} bytes")
    block = e.allocate(str(n * size), "null")
    e.put("i64", str(n), block, 16)
    for k, a in enumerate(node.args):
        _store(e, t, e.get(a), e.address(block, HEADER + k * size))
    return (block, str(n))


def _append(e: Any, node: Apply) -> Operands:
    x, v = node.args
    assert isinstance(x.type, List)
    t = _item(x)
    block, length = e.get(x)
    longer = e.emit(f"add nuw nsw i64 {length}, 1")
    e.note("grows where it is full")
    block = stacks.room(e, x.type, block, length, item_layout(t)[1])
    e.put("i64", longer, block, 16)
    _store(e, t, e.get(v), _place(e, t, block, length))
    return (block, longer)


def _index(e: Any, node: Apply) -> Operands:
    x, i = node.args
    return _load(e, _item(x), _checked_place(e, node, i, *e.get(x)))


def _update(e: Any, node: Apply) -> Operands:
    x, i, v = node.args
    t = _item(x)
    block, length = e.get(x)
    _checked_place(e, node, i, block, length)
    e.note_update(x)
    block = _owned(e, t, block, length)
    _store(e, t, e.get(v), _place(e, t, block, e.one(i)))
    return (block, length)


def _pop(e: Any, node: Apply) -> Operands:
    (x,) = node.args
    block, length = e.get(x)
    e.fail_if(e.emit(f"icmp eq i64 {length}, 0"), "IndexError", "pop from empty list")
    shorter = e.emit(f"sub nuw nsw i64 {length}, 1")
    return (*_load(e, _item(x), _place(e, _item(x), block, shorter)), block, shorter)


def _size(e: Any, node: Apply) -> Operands:
    return (e.get(node.args[0])[1],)


# -- cotangents -----------------------------------------------------------------------------------------------------------


def _get_or_zero(e: Any, t: Type, block: str, length: str, i: str) -> Operands:
    some, go_on = e.new_label("some"), e.new_label("item")
    before = e.label
    e.branch(e.emit(f"icmp ult i64 {i}, {length}"), some, go_on)
    e.start(some)
    values = _load(e, t, _place(e, t, block, i))
    e.jump(go_on)
    e.start(go_on)
    zero = {"double": "0.0", "float": "0.0", "i1": "false"}
    return tuple(
        e.emit(f"phi {f.type} [ {zero.get(f.type, '0')}, %{before} ], [ {v}, %{some} ]")
        for f, v in zip(item_layout(t)[0], values, strict=True)
    )


def _get(e: Any, node: Apply) -> Operands:
    x, i = node.args
    block, length = e.get(x)
    return _get_or_zero(e, _item(x), block, length, e.one(i))


def _take(e: Any, node: Apply) -> Operands:
    x, n = node.args
    block, length = e.get(x)
    item = _get_or_zero(e, _item(x), block, length, e.one(n))
    less = e.emit(f"icmp slt i64 {e.one(n)}, {length}")
    return (*item, block, e.emit(f"select i1 {less}, i64 {e.one(n)}, i64 {length}"))


def _add_at(e: Any, node: Apply) -> Operands:
    x, i, v = node.args
    t = _item(x)
    block, length = e.get(x)
    least = e.emit(f"add nuw nsw i64 {e.one(i)}, 1")
    longer = e.emit(f"icmp sgt i64 {least}, {length}")
    total = e.emit(f"select i1 {longer}, i64 {least}, i64 {length}")
    block = _room(e, t, block, length, total)
    _add(e, t, e.get(v), _place(e, t, block, e.one(i)))
    return (block, total)


def _clear(e: Any, node: Apply) -> Operands:
    x, i = node.args
    t = _item(x)
    block, length = e.get(x)
    clear, go_on = e.new_label("clear"), e.new_label("cleared")
    before = e.label
    e.branch(e.emit(f"icmp ult i64 {e.one(i)}, {length}"), clear, go_on)
    e.start(clear)
    e.note_update(x)
    own = _owned(e, t, block, length)
    zero = {"double": "0.0", "float": "0.0", "i1": "false"}
    _store(e, t, tuple(zero.get(f.type, "0") for f in item_layout(t)[0]), _place(e, t, own, e.one(i)))
    after = e.label
    e.jump(go_on)
    e.start(go_on)
    return (e.emit(f"phi ptr [ {block}, %{before} ], [ {own}, %{after} ]"), length)


def _plus(e: Any, node: Apply) -> Operands:
    x, y = node.args
    t = _item(x)
    (block, length), (other, count) = e.get(x), e.get(y)
    longer = e.emit(f"icmp sgt i64 {count}, {length}")
    total = e.emit(f"select i1 {longer}, i64 {count}, i64 {length}")
    block = _room(e, t, block, length, total)
    arrays.nest(e, [count], lambda i: _add(e, t, _load(e, t, _place(e, t, other, i[0])), _place(e, t, block, i[0])))
    return (block, total)


def _column(e: Any, node: Apply) -> Operands:
    x, n = node.args
    to = node.static[1]
    assert isinstance(to, Array)
    block, length = e.get(x)
    f = item_layout(_item(x))[0][node.static[0]]
    dims = arrays.filled_shape(to, [e.one(n)])
    out = arrays.allocate(e, to, dims, zeroed=True)
    less = e.emit(f"icmp slt i64 {length}, {dims[0]}")
    count = e.emit(f"select i1 {less}, i64 {length}, i64 {dims[0]}")

    def element(i: list[str]) -> None:
        value = e.load(f.type, _place(e, _item(x), block, i[0]), f.offset)
        arrays.store(e, to, value, arrays.address(e, to, out[0], i, dims))

    arrays.nest(e, [count], element)
    return out


def _from_column(e: Any, node: Apply) -> Operands:
    (a,) = node.args
    t = _item(node)
    source = arrays.array_type(a)
    dims = arrays.shape(e, a)
    f = item_layout(t)[0][node.static[0]]
    block = _room(e, t, "null", "0", dims[0])

    def element(i: list[str]) -> None:
        e.put(f.type, arrays.at(e, a, i, dims), _place(e, t, block, i[0]), f.offset)

    arrays.nest(e, dims, element)
    assert source.rank == 1
    return (block, dims[0])


OPERATIONS = {
    "make_list": _make,
    "list_append": _append,
    "list_index": _index,
    "list_update": _update,
    "list_pop": _pop,
    "list_size": _size,
    "list_get": _get,
    "list_take": _take,
    "list_add": _add_at,
    "list_clear": _clear,
    "list_plus": _plus,
    "list_column": _column,
    "list_from_column": _from_column,
}
