"""Tuples, lists, dicts and text as abstract values: making them, reading and writing their parts.

A list or dict here has a length that is known; each item is a value of its own. Lists that grow in loops are the
business of `growing`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize.describe import describe
from irad.specialize.joins import join_shapes
from irad.specialize.numbers import known_int
from irad.specialize.shapes import Fitter, Shaper, leaf_types, rebuild, widen
from irad.specialize.values import Compound, Known, Obj, Ref, is_complex, is_number
from irad.types import INT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = [
    "append",
    "class_of",
    "compared_items",
    "content",
    "dict_item",
    "dict_keys",
    "extend",
    "is_instance",
    "is_list",
    "is_text",
    "is_tuple",
    "items_of",
    "joined_text",
    "known_items",
    "length",
    "new_dict",
    "new_list",
    "sequence_item",
    "set_dict_item",
    "set_list_item",
    "static_items",
]


def is_tuple(v: Any) -> bool:
    return isinstance(v, Compound) and v.kind == "tuple"


def is_list(v: Any) -> bool:
    return isinstance(v, Ref) and v.obj.kind == "list"


def is_text(v: Any) -> bool:
    return (isinstance(v, Known) and isinstance(v.value, str)) or (isinstance(v, Compound) and v.kind in ("text", "format"))


def is_instance(v: Any) -> bool:
    return isinstance(v, Ref) and v.obj.kind == "instance"


def class_of(v: Any) -> type | None:
    if is_instance(v):
        return v.obj.head  # type: ignore[no-any-return]
    if is_tuple(v) and v.head is not None:
        return v.head  # type: ignore[no-any-return]
    return None


# -- sequences --------------------------------------------------------------------------------------------------------


def new_list(s: Specializer, items: Sequence[Any]) -> Ref:
    obj = Obj("list", span=s.span)
    s.store.set(obj, Compound("items", None, items))
    return Ref(obj)


def items_of(s: Specializer, v: Ref) -> tuple[Any, ...]:
    """The items of a list whose length is known."""
    found = content(s, v)
    if found.kind == "growing":
        raise s.needs_static("the length of this list is known at run time only", "loop over it, or convert it with np.array")
    return found.children


def growing(s: Specializer, v: Any) -> Compound | None:
    """The content of a list that grows at run time; None for anything else."""
    if is_list(v):
        found = content(s, v)
        return found if found.kind == "growing" else None
    return None


def grown(s: Specializer, v: Ref, node: Node) -> None:
    """Replace the content of a list that grows."""
    write(s, v, Compound("growing", content(s, v).head, [node]))


def growing_item(s: Specializer, v: Ref, i: Node) -> Any:
    """Item i of a list that grows, counted from 0."""
    found = content(s, v)
    return item_value(s, found.head, s.b.list_index(found.children[0], i))


def item_value(s: Specializer, shape: Any, node: Node) -> Any:
    count = len(leaf_types(shape))
    feed = iter(s.b.parts(node, count) if count > 1 else [node])
    return rebuild(shape, lambda t: next(feed), s.store, {}, s.span)


def packed_item(s: Specializer, v: Ref, value: Any) -> Node:
    """A value as an item of a list that grows; refused where it has another shape."""
    shape = content(s, v).head
    found = widen(Shaper(s.store, lambda o: False).shape(value))
    if join_shapes(shape, found, "an item") != shape:
        raise s.refuse(
            "list-items",
            f"{describe(found)} is put into a list of {describe(shape)}",
            help="start the list with items of the final type: 0.0, not 0",
        )
    return Fitter(s, s.store).item(shape, value)


def position(s: Specializer, i: Any, size: Node, what: str) -> Node:
    """An index into a list of run-time length, counted from the start."""
    if not (is_number(i) and i.type.kind in "ib"):
        raise s.refuse(
            "type-mismatch", f"{what} must be an integer, not {s.describe(i)}", help="write int(...), or // instead of /"
        )
    b = s.b
    i = s.convert(i if i.type.kind == "i" else b.convert(i, to=INT), INT)
    if isinstance(i, Constant):
        return i if i.value >= 0 else b.add(size, i)
    return b.select(b.lt(i, literal(0)), b.add(i, size), i)


def content(s: Specializer, v: Ref) -> Compound:
    found: Compound = s.readable(s.store.get(v.obj))
    return found


def write(s: Specializer, v: Ref, new: Any) -> None:
    """Replace an object's content; refused where the object cannot be told apart from another."""
    if v.obj.frozen:
        raise s.refuse_frozen(v.obj)
    s.store.set(v.obj, new)


def static_items(s: Specializer, v: Any, expected: int | None = None) -> list[Any] | None:
    """The items of anything iterable whose length is known now; None where it is not."""
    if is_tuple(v):
        return list(v.children)
    if growing(s, v) is not None:
        return None
    if is_list(v):
        return list(items_of(s, v))
    keys = dict_keys(s, v)
    if keys is not None:
        return [Known(k) if isinstance(k, str) else literal(k) for k in keys]
    if isinstance(v, Known) and isinstance(v.value, str):
        return [Known(c) for c in v.value]
    if isinstance(v, Compound) and v.kind == "range" and all(isinstance(c, Constant) for c in v.children):
        return [literal(i) for i in range(*[c.value for c in v.children])]
    if isinstance(v, Compound) and v.kind == "text items":
        return list(v.children)
    if is_complex(v):
        from irad.specialize import complexes

        return complexes.static_items(s, v, expected)
    if s.arrays.is_array(s, v):
        return s.arrays.static_items(s, v, expected)  # type: ignore[no-any-return]
    if isinstance(v, Compound) and v.kind in ("zip", "enumerate", "reversed"):
        it = s.iteration_now(v)
        if it.items is not None:
            return list(it.items)
        if isinstance(it.trips, Constant):
            return [it.item(literal(i)) for i in range(it.trips.value)]
    return None


def compared_items(s: Specializer, x: Any, y: Any) -> list[tuple[Any, Any]] | None:
    """The pairs of parts that make x and y equal where all are; None where they differ whatever the parts are."""
    if is_instance(x) and is_instance(y):
        if x.obj is y.obj:
            return []
        cls = class_of(x)
        if cls is not class_of(y) or not dataclasses.is_dataclass(cls) or not cls.__dataclass_params__.eq:  # type: ignore[attr-defined]
            return None
        names = [f.name for f in dataclasses.fields(cls) if f.compare]
        a, c = (dict(zip(content(s, v).head, content(s, v).children, strict=True)) for v in (x, y))
        return [(a[n], c[n]) for n in names]
    keys, others = dict_keys(s, x), dict_keys(s, y)
    if keys is not None and others is not None:
        items = dict(zip(others, content(s, y).children, strict=True))
        if set(keys) != set(others):
            return None
        return [(v, items[k]) for k, v in zip(keys, content(s, x).children, strict=True)]
    if (is_tuple(x) and is_tuple(y)) or (is_list(x) and is_list(y)):
        xs, ys = known_items(s, x), known_items(s, y)
        return list(zip(xs, ys, strict=True)) if len(xs) == len(ys) else None
    return None


def known_items(s: Specializer, v: Any, expected: int | None = None) -> list[Any]:
    """The items of a sequence whose length is known: for unpacking, and for `*`."""
    items = static_items(s, v, expected)
    if items is None:
        raise s.refuse(
            "unknown-length",
            f"{s.describe(v)} cannot be unpacked here: its length is not known at compile time",
            help="name the items, x[0] and x[1], or loop over them",
        )
    return items


def length(s: Specializer, v: Any) -> Node | None:
    """len(v) where v is a built-in container."""
    if is_tuple(v):
        return literal(len(v.children))
    found = growing(s, v)
    if found is not None:
        return s.b.list_size(found.children[0])
    if is_list(v):
        return literal(len(items_of(s, v)))
    keys = dict_keys(s, v)
    if keys is not None:
        return literal(len(keys))
    if isinstance(v, Known) and isinstance(v.value, (str, tuple, list, dict)):
        return literal(len(v.value))
    return None


def sequence_item(s: Specializer, v: Any, i: Any) -> Any:
    """v[i] for a tuple, list or string."""
    if growing(s, v) is not None and not (isinstance(i, Compound) and i.kind == "slice"):
        return growing_item(s, v, position(s, i, s.b.list_size(content(s, v).children[0]), "the index of a list"))
    items = known_items(s, v)
    if isinstance(i, Compound) and i.kind == "slice":
        picked = items[known_slice(s, i)]
        if isinstance(v, Known):
            return Known("".join(c.value for c in picked))
        return new_list(s, picked) if is_list(v) else Compound("tuple", None, picked)
    if _by_comparison(i, items):
        return _selected(s, items, i)
    n = known_int(s, i, "the index of a tuple or list")
    if not -len(items) <= n < len(items):
        kind = "list" if is_list(v) else "tuple" if is_tuple(v) else "string"
        s.b.raise_(error="IndexError", message=f"{kind} index out of range")
        raise s.Bottom
    return items[n]


def _by_comparison(i: Any, items: Sequence[Any]) -> bool:
    """Whether i, known at run time only, is compared with each index of these items."""
    return is_number(i) and not isinstance(i, Constant) and i.type.kind == "i" and bool(items) and all(map(is_number, items))


def _checked_index(s: Specializer, n: int, i: Node, message: str) -> Node:
    """An index into n items, counted from the start; raises where it is out of range."""
    b = s.b
    if n > 64:
        raise s.needs_static(
            "a tuple or list of more than 64 items is indexed by a value known at run time only",
            "make an array of it: np.array(xs)[i]",
        )
    b.assert_(b.and_(b.ge(i, literal(-n)), b.lt(i, literal(n))), error="IndexError", message=message)
    return b.select(b.lt(i, literal(0)), b.add(i, literal(n)), i)


def _selected(s: Specializer, items: list[Any], i: Node) -> Node:
    """Item i of numbers, i known at run time only: a comparison each."""
    from irad.specialize.numbers import common

    b = s.b
    i = _checked_index(s, len(items), i, "index out of range")
    result = items[0]
    for k in range(1, len(items)):
        x, y, _ = common(s, items[k], result, "[]") if items[k].type is not result.type else (items[k], result, None)
        result = b.select(b.eq(i, literal(k)), x, y)
    return result  # type: ignore[no-any-return]


def _replaced(s: Specializer, items: list[Any], i: Node, value: Node) -> list[Any]:
    """Numbers with item i replaced, i known at run time only: a comparison each."""
    from irad.specialize.numbers import common

    b = s.b
    i = _checked_index(s, len(items), i, "list assignment index out of range")
    out = []
    for k, item in enumerate(items):
        x, y, _ = common(s, value, item, "[]") if value.type is not item.type else (value, item, None)
        out.append(b.select(b.eq(i, literal(k)), x, y))
    return out


def known_slice(s: Specializer, v: Compound) -> slice:
    parts = []
    for c in v.children:
        parts.append(None if isinstance(c, Known) and c.value is None else known_int(s, c, "a slice of a tuple or list"))
    return slice(*parts)


def set_list_item(s: Specializer, v: Ref, i: Any, value: Any) -> None:
    found = growing(s, v)
    if found is not None and not (isinstance(i, Compound) and i.kind == "slice"):
        (node,) = found.children
        return grown(
            s,
            v,
            s.b.list_update(node, position(s, i, s.b.list_size(node), "the index of a list"), packed_item(s, v, value)),
        )
    items = list(items_of(s, v))
    if isinstance(i, Compound) and i.kind == "slice":
        items[known_slice(s, i)] = known_items(s, value)
        return write(s, v, Compound("items", None, items))
    if is_number(value) and _by_comparison(i, items):
        return write(s, v, Compound("items", None, _replaced(s, items, i, value)))
    n = known_int(s, i, "the index of a list")
    if not -len(items) <= n < len(items):
        s.b.raise_(error="IndexError", message="list assignment index out of range")
        raise s.Bottom
    items[n] = value
    write(s, v, Compound("items", None, items))


def append(s: Specializer, v: Ref, value: Any) -> Known:
    found = growing(s, v)
    if found is not None:
        grown(s, v, s.b.list_append(found.children[0], packed_item(s, v, value)))
        return Known(None)
    write(s, v, Compound("items", None, [*items_of(s, v), value]))
    return Known(None)


def extend(s: Specializer, v: Ref, more: Any) -> Ref:
    if growing(s, v) is not None:
        for x in known_items(s, more):
            append(s, v, x)
        return v
    write(s, v, Compound("items", None, [*items_of(s, v), *known_items(s, more)]))
    return v


# -- dicts ----------------------------------------------------------------------------------------------------------------


def new_dict(s: Specializer, keys: Sequence[Any], values: Sequence[Any]) -> Ref:
    table: dict[Any, Any] = {}
    for k, v in zip(keys, values, strict=True):
        table[known_key(s, k)] = v
    obj = Obj("dict", span=s.span)
    s.store.set(obj, Compound("entries", tuple(table), table.values()))
    return Ref(obj)


def known_key(s: Specializer, k: Any) -> Any:
    if isinstance(k, (Known, Constant)) and isinstance(k.value, (str, int, float, bool, type(None))):
        return k.value
    raise s.refuse(
        "dict-key",
        f"the keys of a dict must be constants, not {s.describe(k)}",
        help="use strings as keys, or an array indexed by numbers",
    )


def dict_keys(s: Specializer, v: Any) -> tuple[Any, ...] | None:
    if isinstance(v, Ref) and v.obj.kind == "dict":
        keys: tuple[Any, ...] = content(s, v).head
        return keys
    return None


def dict_item(s: Specializer, v: Ref, k: Any, default: Any = None) -> Any:
    table, key = content(s, v), known_key(s, k)
    if key in table.head:
        return table.children[table.head.index(key)]
    if default is not None:
        return default
    s.b.raise_(error="KeyError", message=str(key))
    raise s.Bottom


def set_dict_item(s: Specializer, v: Ref, k: Any, value: Any) -> None:
    table, key = content(s, v), known_key(s, k)
    new = dict(zip(table.head, table.children, strict=True))
    new[key] = value
    write(s, v, Compound("entries", tuple(new), new.values()))


# -- text -------------------------------------------------------------------------------------------------------------


def joined_text(s: Specializer, parts: Sequence[Any]) -> Any:
    """An f-string: known text where all is known, else parts that are put together when it is shown."""
    out: list[Any] = []
    for p in parts:
        for q in p.children if isinstance(p, Compound) and p.kind == "text" else [p]:
            known = _known_text(s, q)
            if known is not None and out and isinstance(out[-1], Known):
                out[-1] = Known(out[-1].value + known)
            else:
                out.append(q if known is None else Known(known))
    if not out:
        return Known("")
    return out[0] if len(out) == 1 and isinstance(out[0], Known) else Compound("text", None, out)


CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def _known_text(s: Specializer, v: Any) -> str | None:
    if isinstance(v, Known) and isinstance(v.value, str):
        return v.value
    if isinstance(v, Compound) and v.kind == "format":
        (x,), (conversion, spec) = v.children, v.head
        if isinstance(x, (Known, Constant)):
            return formatted(s, x.value, conversion, spec)
    return None


def formatted(s: Specializer, value: Any, conversion: str, spec: str) -> str:
    """A known value as text."""
    value = CONVERSIONS[conversion](value) if conversion else value
    try:
        return format(value, spec)
    except (TypeError, ValueError) as e:
        raise s.refuse(
            "unsupported-format",
            f"{value!r} has no format {spec!r}: {e}",
            help="use a format of its type, as :.3f for a float and :d for an int",
        ) from None
