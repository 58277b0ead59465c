"""Lowering of stacks and sums: blocks that grow, shared or ours alone.

A stack that a loop fills from empty has memory for all trips where their number is known, else its first items are in
the frame of the function. A sum is a block: its case, then the fields.
"""

from __future__ import annotations

from typing import Any

from irad.backends.llvm.layout import HEADER, flat, item_layout, managed, offsets

from irad.graph.nodes import Apply, Graph, Node
from irad.graph.walk import applies, nested_graphs
from irad.types import List, Stack, Struct, Tuple, Type

__all__ = ["OPERATIONS", "close_stacks", "fields_of", "item_address", "prepare_stacks", "room", "take"]

Operands = tuple[str, ...]
MOST_ITEMS = 1 << 40  # more is not asked for, so that no size overflows
FRAME_SLOTS = 32  # items of a stack of unknown size that live in the frame before memory is asked for

# -- stacks ------------------------------------------------------------------------------------------------------------


def empty_stack(e: Any, node: Apply) -> Operands:
    return ("null", "0")


def prepare_stacks(e: Any, node: Apply, body: Graph, init: list[Operands], trips: str | None) -> list[tuple[int, str]]:
    """Stacks that this loop fills from empty: memory for all trips where their number is known, else the first
    items in the frame. Each is (position in the state's operands, length when full)."""
    first = 1 if trips is not None else 0
    filled: list[tuple[int, str]] = []
    place = 0
    for k, a in enumerate(node.args[first:]):
        t = a.type
        param = body.params[first + k]
        if (
            isinstance(t, Stack)
            and isinstance(a, Apply)
            and a.fn.name == "empty_stack"
            and pushed_once(e, body, param, k, first)
        ):
            _, size = item_layout(t.item)
            if trips is not None:
                e.fresh.add(param)
                positive = e.emit(f"icmp sgt i64 {trips}, 0")
                count = e.emit(f"select i1 {positive}, i64 {trips}, i64 0")
                if not trips.isdigit():
                    e.fail_if(e.emit(f"icmp ugt i64 {count}, {MOST_ITEMS}"), "MemoryError", "residuals of so many trips")
                init[k] = (e.allocate(e.emit(f"mul i64 {count}, {size}"), e.m.visit(t)), "0")
                filled.append((place, count))
                e.note("room for ", node.args[0], f" × {size} bytes on ", param)
            elif size and size * FRAME_SLOTS <= 4096 and not managed(t.item) and stays_here(e, node, place):
                init[k] = (frame_block(e, size * FRAME_SLOTS), "0")
                e.note(f"room for {FRAME_SLOTS} × {size} bytes on ", param, " in the frame")
        place += len(flat(t))
    return filled


def pushed_once(e: Any, body: Graph, param: Node, k: int, first: int) -> bool:
    """Whether each trip pushes one item on the stack and returns it."""
    out = body.output
    if first == 0:
        out = out.args[1] if isinstance(out, Apply) and out.fn.name == "make_tuple" else out
        count = len(body.params)
    else:
        count = len(body.params) - 1
    if count > 1:
        if not (isinstance(out, Apply) and out.fn.name == "make_tuple"):
            return False
        out = out.args[k]
    if not (isinstance(out, Apply) and out.fn.name == "push" and out.args[0] is param and out.graph is body):
        return False
    return sum(a is param for n in applies(body) for a in n.args) == 1


def stays_here(e: Any, node: Apply, place: int) -> bool:
    """Whether a stack that a loop returns is only read by operations of the same graph."""
    users: list[Apply] = []
    parts: list[Node] = (
        [node]
        if not isinstance(node.type, Struct)
        else [
            n
            for n in node.graph.body
            if n.fn.name == "getitem" and n.args[0] is node and offsets(node.type)[n.static[0]] == place
        ]
    )
    for g in nested_graphs(node.graph):
        users += [n for n in g.body if any(a in parts for a in n.args) and n not in parts]
        if any(g.output is x for x in parts):
            return False
    return all(n.graph is node.graph and n.fn.name in ("for_loop", "while_loop", "stack_size", "pop") for n in users)


def frame_block(e: Any, size: int) -> str:
    """A block in the frame: its count is 1 and it has no links."""
    name: str = e.in_frame("frame", f"[{HEADER + size} x i8]", 16)
    e.put("i64", "1", name, 0)
    e.put("ptr", "null", name, 8)
    e.put("i64", "0", name, 16)
    e.put("i64", str(size), name, 24)
    e.put("ptr", "null", name, 32)
    return name


def close_stacks(e: Any, node: Apply, filled: list[tuple[int, str]], results: list[str]) -> None:
    """The blocks of full stacks learn how many items they hold."""
    for place, count in filled:
        e.put("i64", count, results[place], 16)


def push(e: Any, node: Apply) -> Operands:
    stack, item = node.args
    assert isinstance(stack.type, Stack)
    fields, size = item_layout(stack.type.item)
    block, length = e.get(stack)
    longer = e.emit(f"add nuw nsw i64 {length}, 1")
    if stack in e.fresh:
        e.note("there is room")
    else:
        e.note("grows where it is full")
        block = room(e, stack.type, block, length, size)
        e.put("i64", longer, block, 16)
    place = item_address(e, block, length, size)
    for f, v in zip(fields, e.get(item), strict=True):
        e.put(f.type, v, place, f.offset)
    return (block, longer)


def item_address(e: Any, block: str, index: str, size: int) -> str:
    offset = e.emit(f"mul nuw nsw i64 {index}, {size}") if size != 1 else index
    return e.address(e.address(block, HEADER), offset)  # type: ignore[no-any-return]


def room(e: Any, t: Stack | List, block: str, length: str, size: int) -> str:
    """The block, with room for one more item that nobody else can see."""
    check, grow, go_on = e.new_label("check"), e.new_label("grow"), e.new_label("room")
    e.branch(e.emit(f"icmp eq ptr {block}, null"), grow, check)
    e.start(check)
    capacity = e.load("i64", block, 24)
    longer = e.emit(f"add i64 {length}, 1")
    needed = e.emit(f"mul i64 {longer}, {size}")
    fits = e.emit(f"icmp ule i64 {needed}, {capacity}")
    used = e.load("i64", block, 16)
    free = e.emit(f"icmp eq i64 {used}, {length}")
    if not managed(t.item):
        count = e.load("i64", block, 0)
        alone = e.emit(f"icmp eq i64 {count}, 1")
        free = e.emit(f"or i1 {free}, {alone}")
    good = e.emit(f"and i1 {fits}, {free}")
    e.branch(good, go_on, grow)
    e.start(grow)
    e.used.add("irad.grow")
    bigger = e.emit(f"call ptr @irad.grow(ptr %ctx, ptr {block}, i64 {length}, i64 {size or 1}, ptr {e.m.visit(t)})")
    failed, grown = e.new_label("fail"), e.new_label("grown")
    null = e.emit(f"icmp eq ptr {bigger}, null")
    e.branch(null, failed, grown, unlikely=True)
    e.cold(failed, "MemoryError", "")
    e.start(grown)
    e.jump(go_on)
    e.start(go_on)
    return e.emit(f"phi ptr [ {block}, %{check} ], [ {bigger}, %{grown} ]")  # type: ignore[no-any-return]


def pop(e: Any, node: Apply) -> Operands:
    """The last item; derivative operations pop what they pushed."""
    if not node.adjoint:
        empty = e.emit(f"icmp eq i64 {e.get(node.args[0])[1]}, 0")
        e.fail_if(empty, "IndexError", "pop from an empty stack")
    return take(e, node)


def take(e: Any, node: Apply) -> Operands:
    """The last item of a stack that has one."""
    (stack,) = node.args
    assert isinstance(stack.type, Stack)
    fields, size = item_layout(stack.type.item)
    block, length = e.get(stack)
    shorter = e.emit(f"sub nuw nsw i64 {length}, 1")
    place = item_address(e, block, shorter, size)
    item = tuple(e.load(f.type, place, f.offset) for f in fields)
    inner = managed(stack.type.item)
    if inner:
        # The item moves out of a block that is ours alone; else it is shared with the block.
        ours, shared, go_on = e.new_label("ours"), e.new_label("shared"), e.new_label("popped")
        count = e.load("i64", block, 0)
        used = e.load("i64", block, 16)
        alone = e.emit(f"and i1 {e.emit(f'icmp eq i64 {count}, 1')}, {e.emit(f'icmp eq i64 {used}, {length}')}")
        e.branch(alone, ours, shared)
        e.start(ours)
        e.put("i64", shorter, block, 16)
        e.jump(go_on)
        e.start(shared)
        e.used.add("irad.retain")
        for k in inner:
            e.do(f"call void @irad.retain(ptr {item[k]})")
        e.jump(go_on)
        e.start(go_on)
    return (*item, block, shorter)


def stack_size(e: Any, node: Apply) -> Operands:
    return (e.get(node.args[0])[1],)


# -- sums --------------------------------------------------------------------------------------------------------------


def inject(e: Any, node: Apply) -> Operands:
    of, case = node.static
    item = Tuple(e.m.module.sums[of.name][case])
    fields, size = item_layout(item)
    e.note(f"a block of {size} bytes")
    block = e.allocate(str(size), e.m.visit(of))
    e.put("i64", str(case), block, 16)
    values = [v for a in node.args for v in e.get(a)]
    for f, v in zip(fields, values, strict=True):
        e.put(f.type, v, block, HEADER + f.offset)
    return (block,)


def tag(e: Any, node: Apply) -> Operands:
    (block,) = e.get(node.args[0])
    test, go_on = e.new_label("some"), e.new_label("tag")
    null = e.emit(f"icmp eq ptr {block}, null")
    before = e.label
    e.branch(null, go_on, test)
    e.start(test)
    tag = e.load("i64", block, 16)
    e.jump(go_on)
    e.start(go_on)
    return (e.emit(f"phi i64 [ -1, %{before} ], [ {tag}, %{test} ]"),)


def project(e: Any, node: Apply) -> Operands:
    (x,) = node.args
    return fields_of(e, node, e.one(x), node.type)


def fields_of(e: Any, node: Apply, block: str, t: Type) -> Operands:
    """The fields of a block that is given up: they move out where it is ours alone, else they are shared."""
    fields, _ = item_layout(t)
    values = tuple(e.load(f.type, block, HEADER + f.offset) for f in fields)
    ours, shared, go_on = e.new_label("ours"), e.new_label("shared"), e.new_label("fields")
    count = e.load("i64", block, 0)
    e.branch(e.emit(f"icmp eq i64 {count}, 1"), ours, shared)
    e.start(ours)
    e.used |= {"irad.drop", "irad.retain"}
    e.do(f"call void @irad.drop(ptr %ctx, ptr {block})")
    e.jump(go_on)
    e.start(shared)
    e.put("i64", e.emit(f"sub i64 {count}, 1"), block, 0)
    for k in managed(t):
        e.do(f"call void @irad.retain(ptr {values[k]})")
    e.jump(go_on)
    e.start(go_on)
    return values


OPERATIONS = {
    "empty_stack": empty_stack,
    "push": push,
    "pop": pop,
    "stack_size": stack_size,
    "inject": inject,
    "tag": tag,
    "project": project,
}
