"""Cotangents while a transform runs: trees of nodes, with None for the symbolic zero of any type.

A leaf is a node of type T(t); a struct's cotangent is the list of its items' cotangents. Nothing is made real before a
branch, a loop or a function needs it to be a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from irad.errors import InternalError
from irad.graph.build import UNIT_VALUE, Builder, literal
from irad.graph.nodes import UNDEF, Apply, Node
from irad.types import UNIT, Array, List, Scalar, Stack, Struct, Sum, Type, leaves, tangent_type

__all__ = [
    "Tree",
    "accumulates",
    "add_trees",
    "ct_name",
    "declare_tangent_sum",
    "fields_of",
    "named",
    "pack",
    "pack_like",
    "popped",
    "sized_at_run_time",
    "slot_type",
    "unpack",
    "zero",
    "zero_like",
]

Tree = Any  # None | Node | list[Tree]


def slot_type(t: Type) -> Type:
    """The type of a place that holds cotangents of a value of type t: T(t), or the unit where there are none."""
    return tangent_type(t) or UNIT


def ct_name(primal: Node) -> str | None:
    """The name of a value's cotangent. Numbers at the end tell values of one name apart in text, which may be read back."""
    return f"ct_{re.sub(r'(_[0-9]+)+$', '', primal.name)}" if primal.name else None


def named(x: Any, primal: Node, name: str | None = None) -> Any:
    """x, which has the name of its primal value's cotangent, or `name`, where it has none yet. Numbers and arrays only."""
    if x.__class__ is Apply and x.name is None and x.adjoint and isinstance(x.type, (Scalar, Array)):
        x.name = ct_name(primal) if name is None else name
    return x


def accumulates(t: Type) -> bool:
    """Whether cotangents of t are accumulated in place."""
    return isinstance(t, (Array, List))


def add_trees(b: Builder, t: Type, x: Tree, y: Tree) -> Tree:
    """The sum of two cotangents of a value of type t."""
    if x is None or y is None:
        return y if x is None else x
    if isinstance(t, Struct):
        return [add_trees(b, i, p, q) for i, p, q in zip(t.items, x, y, strict=True)]
    if isinstance(t, (Scalar, Array)):
        return b.add(x, y)
    return b.list_plus(x, y) if isinstance(t, List) else b.add_sum(x, y)


def pack(b: Builder, t: Type, tree: Tree) -> Node:
    """The node of type T(t) for a cotangent; zeros are made real."""
    if isinstance(t, Struct):
        items = tree if tree is not None else [None] * len(t.items)
        return b.make_tuple(*[pack(b, i, x) for i, x in zip(t.items, items, strict=True)])
    if tangent_type(t) is None:
        return UNIT_VALUE
    return zero(b, t) if tree is None else tree


def pack_like(b: Builder, x: Node, tree: Tree) -> Node:
    """The node for a tangent of x; zeros, however deep inside, are made real in the sizes of x."""
    if tree is None:
        return zero_like(b, x)
    if not isinstance(x.type, Struct):
        return pack(b, x.type, tree)
    return b.make_tuple(
        *[
            pack_like(b, b.getitem(x, index=i), part) if _holds_zero(part) else pack(b, t, part)
            for i, (t, part) in enumerate(zip(x.type.items, tree, strict=True))
        ]
    )


def _holds_zero(tree: Tree) -> bool:
    return tree is None or (isinstance(tree, list) and any(map(_holds_zero, tree)))


def unpack(b: Builder, t: Type, node: Node) -> Tree:
    """The cotangent that a node of type T(t) stands for."""
    if isinstance(t, Struct):
        return [unpack(b, u, b.getitem(node, index=i)) for i, u in enumerate(t.items)]
    return None if tangent_type(t) is None else node


def zero_like(b: Builder, x: Node, find: Callable[[Node], Node] = lambda d: d) -> Node:
    """The zero cotangent of x, made real. `find` brings a run-time dim of x to where the zero is made."""
    t = x.type
    if isinstance(t, Struct):
        return b.make_tuple(*[zero_like(b, b.getitem(x, index=i), find) for i in range(len(t.items))])
    if isinstance(t, Array) and tangent_type(t) is not None:
        return b.zeros(*[find(d) for d in b.dims(x)], of=t)
    return zero(b, t)


def zero(b: Builder, t: Type) -> Node:
    """The zero cotangent of a value of type t, made real."""
    target = tangent_type(t)
    if target is None:
        return UNIT_VALUE
    if isinstance(t, Scalar):
        return b.constant(target, 0.0)
    if isinstance(t, Struct):
        return pack(b, t, None)
    if isinstance(t, Stack):
        assert isinstance(target, Stack)
        return b.empty_stack(of=target.item)
    if isinstance(t, Sum):
        return b.constant(target, UNDEF)
    if isinstance(t, Array):
        if any(not isinstance(d, int) for d in t.shape):
            raise InternalError(f"the zero of {t} needs its dims: use zero_like")
        return b.zeros(of=t)
    if isinstance(t, List):
        assert isinstance(target, List)
        return b.make_list(of=target.item)
    raise InternalError(f"{t} has no zero")


def fields_of(b: Builder, ct: Node, case: int, zeros: Callable[[], Node]) -> Node:
    """The fields of a cotangent of a sum; zeros where it is nothing or of another case: those of `zeros` where arrays are
    among them whose size is known at run time only."""
    assert isinstance(ct.type, Sum)
    if not sized_at_run_time(b.module.sums[ct.type.name][case]):
        return b.project_zero(ct, case=case)
    nothing = zeros()
    return b.either(b.eq(b.tag(ct), literal(case)), lambda: b.project(ct, case=case), lambda: nothing)


def popped(b: Builder, ct: Node, zeros: Callable[[], Node]) -> Node:
    """The last item of a stack of cotangents, and the rest; zeros where it is empty, as in `fields_of`."""
    assert isinstance(ct.type, Stack)
    if not sized_at_run_time((ct.type.item,)):
        return b.pop_zero(ct)
    nothing = zeros()
    return b.either(b.gt(b.stack_size(ct), literal(0)), lambda: b.pop(ct), lambda: b.make_tuple(nothing, ct))


def sized_at_run_time(types: Iterable[Type]) -> bool:
    """Whether arrays are among these types (or in them) whose size is known at run time only."""
    return any(isinstance(x, Array) and x.static_shape is None for t in types for x in leaves(t))


def declare_tangent_sum(b: Builder, t: Sum) -> Sum:
    """T(t) for a sum, declared in the module being built (with those that its fields need)."""
    target = tangent_type(t)
    assert isinstance(target, Sum)
    todo = [t]
    while todo:
        s = todo.pop()
        name = f"{s.name}.t"
        if name in b.module.sums:
            continue
        cases = b.module.sums[s.name]
        b.module.sums[name] = tuple(tuple(map(slot_type, case)) for case in cases)
        todo.extend(f for case in cases for f in case if isinstance(f, Sum))
    return target
