"""How cotangents pass through structure, arrays and lists, where more is needed than the record of a primitive says:
a running cotangent to add to, the type of a tagged union, the length of a list.

A rule takes the region whose backward graph is being built, the primal operation and its cotangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from irad.graph.build import literal
from irad.graph.nodes import Apply, Node
from irad.transforms.cotangents import Tree, declare_tangent_sum, fields_of, pack, popped, unpack, zero
from irad.types import BOOL, Array, List, Stack, Struct, Sum, tangent_type

if TYPE_CHECKING:
    from irad.transforms.region import Region

__all__ = ["SPECIAL"]


# -- structure: cotangents of stacks and sums --------------------------------------------------------------------------


def _push(region: Region, node: Apply, ct: Node) -> None:
    b, (stack, item) = region.b, node.args
    parts = popped(b, ct, lambda: region.packed(item, None))
    region.receive(item, unpack(b, item.type, b.getitem(parts, index=0)))
    region.receive(stack, b.getitem(parts, index=1))


def _pop(region: Region, node: Apply, ct: Tree) -> None:
    b, (stack,) = region.b, node.args
    assert isinstance(stack.type, Stack)
    item, below = _items(region, node, ct)
    region.receive(stack, b.push(below, item))


def _inject(region: Region, node: Apply, ct: Node) -> None:
    fields = fields_of(region.b, ct, node.static[1], lambda: region.b.make_tuple(*[region.packed(a, None) for a in node.args]))
    for i, a in enumerate(node.args):
        region.receive(a, unpack(region.b, a.type, region.b.getitem(fields, index=i)))


def _project(region: Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    assert isinstance(x.type, Sum)
    assert isinstance(node.type, Struct)
    target = declare_tangent_sum(b, x.type)
    fields = _items(region, node, ct)
    region.receive(x, b.inject(*fields, of=target, case=node.static[0]))


def _items(region: Region, node: Apply, ct: Tree) -> list[Node]:
    """The cotangents of a tuple's items, zeros made real."""
    assert isinstance(node.type, Struct)
    whole = region.packed(node, ct)
    return [region.b.getitem(whole, index=i) for i in range(len(node.type.items))]


# Cotangents of cotangents: what reads "nothing" as zeros sends nothing back to it.


def _pop_zero(region: Region, node: Apply, ct: Tree) -> None:
    b, (stack,) = region.b, node.args
    assert isinstance(stack.type, Stack)
    packed, rest = _items(region, node, ct)
    size = b.stack_size(region.bring(region.f.get(stack)))
    region.receive(stack, b.either(b.gt(size, literal(0)), lambda: b.push(rest, packed), lambda: rest))


def _project_zero(region: Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    assert isinstance(x.type, Sum)
    assert isinstance(node.type, Struct)
    target = declare_tangent_sum(b, x.type)
    fields = _items(region, node, ct)
    same = b.eq(b.tag(region.bring(region.f.get(x))), literal(node.static[0]))
    region.receive(x, b.either(same, lambda: b.inject(*fields, of=target, case=node.static[0]), lambda: b.undef(target)))


def _add_sum(region: Region, node: Apply, ct: Node) -> None:
    region.receive(node.args[0], ct)
    region.receive(node.args[1], ct)


def _structure(region: Region, node: Apply, ct: Tree) -> None:
    region.receive(node, ct)


# -- arrays: cotangents are accumulated in place ------------------------------------------------------------------------


def _brought(region: Region, nodes: Sequence[Node]) -> list[Node]:
    return [region.bring(region.f.get(a)) for a in nodes]


class _Part(NamedTuple):
    """How a part of an array is read and put."""

    of: Callable[[Node], Node]
    put: Callable[[Node, Node], Node]


def _add_part(region: Region, x: Node, ct: Node, add: Callable[[Node], Node], part: _Part) -> None:
    """Add the cotangent of a part of an array to its running cotangent; the masks go along."""
    b, masks, first = region.b, region.masks, region.ct.get(x) is None and not region.captured(x)
    acc = region.accumulator(x)
    region.ct[x] = total = add(acc)
    mask, whole = masks.get(ct), masks.get(acc)
    if mask is not None and (first or whole is not None):
        whole = b.like(False, acc, BOOL) if whole is None else whole
        masks.set(total, part.put(whole, b.or_(part.of(whole), mask)))


def _receive_parts(region: Region, node: Apply, ct: Node, part: _Part, rest: Callable[[], Node]) -> None:
    """The cotangents of an array in which a part was replaced or added to: `rest()` of the array, and that of the part."""
    masks, (x, v, *_) = region.masks, node.args
    mask, value = masks.get(ct), part.of(ct)
    below = rest()  # after the part is read: it may be written in place
    if mask is not None:
        masks.set(value, part.of(mask))
        masks.set(below, mask)
    region.receive(v, value)
    region.receive(x, below)


def _element(region: Region, where: Sequence[Node]) -> _Part:
    b, place = region.b, _brought(region, where)
    return _Part(lambda x: b.index(x, *place), lambda x, v: b.index_update(x, v, *place))


def _index(region: Region, node: Apply, ct: Node) -> None:
    x, *where = node.args
    place = _brought(region, where)
    _add_part(region, x, ct, lambda acc: region.b.index_add(acc, ct, *place), _element(region, where))


def _index_update(region: Region, node: Apply, ct: Node) -> None:
    _, v, *where = node.args
    part = _element(region, where)
    _receive_parts(region, node, ct, part, lambda: part.put(ct, region.b.constant(v.type, 0.0)))


def _index_add(region: Region, node: Apply, ct: Node) -> None:
    _receive_parts(region, node, ct, _element(region, node.args[2:]), lambda: ct)


def _slice(region: Region, node: Apply, ct: Node) -> None:
    b, (x, *rest) = region.b, node.args
    assert isinstance(x.type, Array)
    place, dims, (shape, steps) = _brought(region, rest[: x.type.rank]), rest[x.type.rank :], node.static
    part = _Part(
        lambda x: b.slice(x, *place, *_brought(region, dims), shape=shape, steps=steps),
        lambda x, v: b.slice_update(x, v, *place, steps=steps),
    )
    _add_part(region, x, ct, lambda acc: b.slice_add(acc, ct, *place, steps=steps), part)


def _block(region: Region, node: Apply) -> _Part:
    """The block that `slice_update` and `slice_add` put."""
    b, (_, v, *where) = region.b, node.args
    place, value, (steps,) = _brought(region, where), region.f.get(v), node.static
    assert isinstance(v.type, Array)
    with b.inside(region.fwd):
        dims = b.dims(value)
    sizes, shape = [region.bring(d) for d in dims], v.type.shape
    return _Part(
        lambda x: b.slice(x, *place, *sizes, shape=shape, steps=steps),
        lambda x, v: b.slice_update(x, v, *place, steps=steps),
    )


def _slice_update(region: Region, node: Apply, ct: Node) -> None:
    part, (x, v, *_) = _block(region, node), node.args

    def rest() -> Node:
        return part.put(ct, region.zero_of(region.f.get(v))) if region.f.active.varies(x) else ct

    _receive_parts(region, node, ct, part, rest)


def _slice_add(region: Region, node: Apply, ct: Node) -> None:
    _receive_parts(region, node, ct, _block(region, node), lambda: ct)


# -- lists: cotangents may be shorter than the primal ---------------------------------------------------------------------


def _size(region: Region, x: Node) -> Node:
    """The length of a primal list, in the backward graph."""
    with region.b.inside(region.fwd):
        n = region.b.list_size(region.f.get(x))
    return region.bring(n)


def _make_list(region: Region, node: Apply, ct: Node) -> None:
    for k, a in enumerate(node.args):
        region.receive(a, unpack(region.b, a.type, region.b.list_get(ct, literal(k))))


def _append(region: Region, node: Apply, ct: Node) -> None:
    b, (x, v) = region.b, node.args
    taken = b.list_take(ct, _size(region, x))
    region.receive(v, unpack(b, v.type, b.getitem(taken, index=0)))
    region.receive(x, b.getitem(taken, index=1))


def _list_index(region: Region, node: Apply, ct: Tree) -> None:
    x, i = node.args
    acc = region.accumulator(x)
    region.ct[x] = region.b.list_add(acc, *_brought(region, [i]), pack(region.b, node.type, ct))


def _list_update(region: Region, node: Apply, ct: Node) -> None:
    b, (x, i, v) = region.b, node.args
    (place,) = _brought(region, [i])
    region.receive(v, unpack(b, v.type, b.list_get(ct, place)))
    region.receive(x, b.list_clear(ct, place))


def _list_pop(region: Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    item, rest = ct
    _receive_rest(region, x, b.sub(_size(region, x), literal(1)), item, rest)


def _list_take(region: Region, node: Apply, ct: Tree) -> None:
    x, n = node.args
    item, rest = ct
    (size,) = _brought(region, [n])
    _receive_rest(region, x, size, item, rest)


def _receive_rest(region: Region, x: Node, size: Node, item: Tree, rest: Tree) -> None:
    """A list of which item `size` and the items before it were taken. The rest may have a cotangent beyond them: dropped."""
    b = region.b
    assert isinstance(x.type, List)
    below = zero(b, x.type) if rest is None else b.getitem(b.list_take(rest, size), index=1)
    region.receive(x, below if item is None else b.list_add(below, size, pack(b, x.type.item, item)))


def _list_add(region: Region, node: Apply, ct: Node) -> None:
    x, i, v = node.args
    region.receive(v, unpack(region.b, v.type, region.b.list_get(ct, *_brought(region, [i]))))
    region.receive(x, ct)


def _list_clear(region: Region, node: Apply, ct: Node) -> None:
    region.receive(node.args[0], region.b.list_clear(ct, *_brought(region, node.args[1:])))


def _list_column(region: Region, node: Apply, ct: Node) -> None:
    x = node.args[0]
    target = tangent_type(x.type)
    assert isinstance(target, List)
    region.receive(x, region.b.list_from_column(ct, leaf=node.static[0], of=target.item))


def _list_from_column(region: Region, node: Apply, ct: Node) -> None:
    (a,) = node.args
    assert isinstance(a.type, Array)
    value = region.f.get(a)
    with region.b.inside(region.fwd):
        n = region.b.dim(value, axis=0)
    region.receive(a, region.b.list_column(ct, region.bring(n), leaf=node.static[0], to=a.type))


SPECIAL: dict[str, Callable[[Region, Apply, Any], None]] = {
    "make_list": _make_list,
    "list_append": _append,
    "list_index": _list_index,
    "list_get": _list_index,
    "list_update": _list_update,
    "list_pop": _list_pop,
    "list_take": _list_take,
    "list_add": _list_add,
    "list_clear": _list_clear,
    "list_plus": _add_sum,
    "list_column": _list_column,
    "list_from_column": _list_from_column,
    "index": _index,
    "index_update": _index_update,
    "index_add": _index_add,
    "slice": _slice,
    "slice_update": _slice_update,
    "slice_add": _slice_add,
    "getitem": _structure,
    "make_tuple": _structure,
    "make_record": _structure,
    "push": _push,
    "pop": _pop,
    "inject": _inject,
    "project": _project,
    "pop_zero": _pop_zero,
    "project_zero": _project_zero,
    "add_sum": _add_sum,
}
