"""Lists that grow at run time. Items are numbers, or tuples of numbers.

Cotangents of a list are a list too, which may be shorter than the primal: what is missing is zero. So its zero is the
empty list, and the operations that read or add to cotangents take that into account.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.structure import BY_TRANSFORM, same_bits
from irad.primitives.table import CHECKED, Missing, Primitive, primitive
from irad.types import BOOL, I64, INT, Array, List, Scalar, Struct, Tuple, Type, leaves

IN_BACKEND = Missing("lists are lowered by backends/llvm/lists")


def _list(name: str, t: Type) -> List:
    if not isinstance(t, List):
        raise refuse("type-mismatch", f"`{name}` takes a list, not {t}")
    return t


def _int(name: str, t: Type) -> None:
    if not (isinstance(t, Scalar) and t.strong is I64):
        raise refuse("type-mismatch", f"`{name}` takes an integer index, not {t}")


def _numbers(name: str, t: List) -> List:
    if BOOL in leaves(t.item):
        raise refuse("type-mismatch", f"`{name}` adds numbers, not items of {t}")
    return t


def _item(name: str, wanted: Type, t: Type) -> None:
    if not same_bits(t, wanted):
        raise refuse("type-mismatch", f"`{name}` takes an item of type {wanted}, not {t}")


def zero_item(t: Type) -> Any:
    if isinstance(t, Struct):
        return tuple(map(zero_item, t.items))
    assert isinstance(t, Scalar)
    return t.dtype.type(0)


def add_items(x: Any, y: Any) -> Any:
    return tuple(map(add_items, x, y)) if isinstance(x, tuple) else x + y


def _operation(name: str, infer: Any, doc: str, ref: Any, **facets: Any) -> Primitive:
    return primitive(name, infer, doc=doc, ref=ref, vjp=BY_TRANSFORM, jvp=BY_TRANSFORM, llvm=IN_BACKEND, **facets)


def _make_infer(types: tuple[Type, ...], of: Type) -> Type:
    if not all(isinstance(t, Scalar) for t in leaves(of)):
        raise refuse("type-mismatch", f"the items of a list that grows are numbers or tuples of them, not {of}")
    for t in types:
        _item("make_list", of, t)
    return List(of)


def _append_infer(types: tuple[Type, ...]) -> Type:
    t = _list("list_append", types[0])
    _item("list_append", t.item, types[1])
    return t


def _index_infer(name: str) -> Any:
    def infer(types: tuple[Type, ...]) -> Type:
        x, i = types
        _int(name, i)
        return _list(name, x).item

    return infer


def _put_infer(name: str) -> Any:
    def infer(types: tuple[Type, ...]) -> Type:
        x, i, v = types
        _int(name, i)
        _item(name, _list(name, x).item, v)
        return x

    return infer


def _clear_infer(types: tuple[Type, ...]) -> Type:
    x, i = types
    _int("list_clear", i)
    return _list("list_clear", x)


def _take_infer(types: tuple[Type, ...]) -> Type:
    x, n = types
    _int("list_take", n)
    return Tuple((_list("list_take", x).item, x))


def _plus_infer(types: tuple[Type, ...]) -> Type:
    x, y = types
    if x is not y:
        raise refuse("type-mismatch", f"`list_plus` takes two lists of one type, not {x} and {y}")
    return _numbers("list_plus", _list("list_plus", x))


def _add_infer(types: tuple[Type, ...]) -> Type:
    return _numbers("list_add", _put_infer("list_add")(types))


def _checked(x: Any, i: Any) -> Any:
    if not 0 <= i < len(x):
        raise IndexError("list index out of range")
    return x[i]


def _popped(x: Any) -> Any:
    if not x:
        raise IndexError("pop from empty list")
    return x[-1], x[:-1]


make_list = _operation(
    "make_list",
    _make_infer,
    "[x, y, ...] as a list that may grow.",
    lambda *xs, of: xs,
    statics=("of",),
    source=lambda s, *xs, of: s.listed(xs),
)
list_append = _operation(
    "list_append",
    _append_infer,
    "The list with an item more.",
    lambda x, v: (*x, v),
    source=lambda s, x, v: s.do("x.append(y)", x, v),
)
list_index = _operation(
    "list_index",
    _index_infer("list_index"),
    "Item i, counted from 0.",
    _checked,
    order=CHECKED,
    cost=2,
    source=lambda s, x, i: s.item(x, i),
)
list_update = _operation(
    "list_update",
    _put_infer("list_update"),
    "The list with another item at i.",
    lambda x, i, v: (_checked(x, i), (*x[:i], v, *x[i + 1 :]))[1],
    order=CHECKED,
    source=lambda s, x, i, v: s.put(s.item(x, i), "=", v),
)
list_pop = _operation(
    "list_pop",
    lambda types: Tuple((_list("list_pop", types[0]).item, types[0])),
    "(the last item, the list without it).",
    _popped,
    order=CHECKED,
)


def _size_infer(types: tuple[Type, ...]) -> Type:
    (x,) = types
    _list("list_size", x)
    return INT


list_size = primitive("list_size", _size_infer, doc="len(list).", ref=len, llvm=IN_BACKEND, source="len(x)")

# -- what derivatives need: lists in which what is missing is zero ---------------------------------------------------------


def _column_infer(types: tuple[Type, ...], leaf: int, to: Array) -> Type:
    _list("list_column", types[0])
    x, n = types
    _int("list_column", n)
    if not isinstance(to, Array) or to.rank != 1 or _leaf_type("list_column", x.item, leaf) is not to.dtype:  # type: ignore[attr-defined]
        raise refuse("type-mismatch", f"`list_column` takes a list and a length, and gives an array of its numbers, not {to}")
    return to


def _leaf_type(name: str, item: Type, leaf: int) -> Type:
    found = leaves(item)
    if not 0 <= leaf < len(found) or not isinstance(found[leaf], Scalar):
        raise refuse("type-mismatch", f"`{name}` takes number {leaf} of items, which {item} has not")
    return found[leaf].strong  # type: ignore[attr-defined, no-any-return]


def leaf_of(item: Any, leaf: int) -> Any:
    """Number `leaf` of an item, nested tuples counted through."""
    flat = []

    def walk(x: Any) -> None:
        if isinstance(x, tuple):
            for y in x:
                walk(y)
        else:
            flat.append(x)

    walk(item)
    return flat[leaf]


def _column_ref(x: Any, n: Any, *, leaf: int, to: Array) -> Any:
    if isinstance(to.shape[0], int) and to.shape[0] != n:
        raise ValueError(f"{n} items do not make {to}")
    out = np.zeros(int(n), to.dtype.dtype)
    for k in range(min(int(n), len(x))):
        out[k] = leaf_of(x[k], leaf)
    return out


list_column = _operation(
    "list_column",
    _column_infer,
    "An array of length n of number `leaf` of each item; zeros where there are no items.",
    _column_ref,
    statics=("leaf", "to"),
    source=lambda s, x, n, *, leaf, to: s.helper("column", x, n, s.leaf_path(x.type.item, leaf), s.dtype_name(to.dtype)),
)


def _from_column_infer(types: tuple[Type, ...], leaf: int, of: Type) -> Type:
    (x,) = types
    if not isinstance(x, Array) or x.rank != 1 or _leaf_type("list_from_column", of, leaf) is not x.dtype:
        raise refuse("type-mismatch", f"`list_from_column` takes an array of one axis, of number {leaf} of {of}, not {x}")
    return List(of)


def _placed(t: Type, leaf: int, value: Any, at: list[int]) -> Any:
    if isinstance(t, Struct):
        return tuple(_placed(u, leaf, value, at) for u in t.items)
    at[0] += 1
    assert isinstance(t, Scalar)
    return value if at[0] - 1 == leaf else t.dtype.type(0)


list_from_column = _operation(
    "list_from_column",
    _from_column_infer,
    "A list of items that are zero but for number `leaf`, which an array gives.",
    lambda a, *, leaf, of: tuple(_placed(of, leaf, v, [0]) for v in a),
    statics=("leaf", "of"),
    source=lambda s, a, *, leaf, of: s.helper("from_column", a, s.item_around(of, leaf)),
)
IN_INTERPRETER = Missing("needs the item's type: the interpreter has it")
list_add = _operation(
    "list_add",
    _add_infer,
    "The list with v added at i; it is extended by zeros up to there.",
    IN_INTERPRETER,
    source=lambda s, x, i, v: s.do_helper("list_add", x, i, v, s.zero(x.type.item)),
)
list_get = _operation(
    "list_get",
    _index_infer("list_get"),
    "Item i, zero where there is none.",
    IN_INTERPRETER,
    source=lambda s, x, i: s.helper("list_get", x, i, s.zero(x.type.item)),
)
list_clear = _operation(
    "list_clear",
    _clear_infer,
    "The list with zero at i, where it has an item there.",
    IN_INTERPRETER,
    source=lambda s, x, i: s.do_helper("list_clear", x, i, s.zero(x.type.item)),
)
list_take = _operation(
    "list_take",
    _take_infer,
    "(item n or zero, the first n items).",
    IN_INTERPRETER,
)
list_plus = _operation(
    "list_plus",
    _plus_infer,
    "The sum of two lists, item by item; the shorter is extended by zeros.",
    IN_INTERPRETER,
    source=lambda s, x, y: s.helper("list_plus", x, y),
)
