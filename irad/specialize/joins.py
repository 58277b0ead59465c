"""The shape that values of two shapes both fit, where two paths meet; else what is wrong, for who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irad.errors import Diagnostic, Note, Span
from irad.specialize.describe import ambiguous, describe
from irad.specialize.shapes import growing_shape, widen
from irad.specialize.values import Conflict, Mix, Shape, Tied
from irad.types import FLOAT, JoinError, join


def join_shapes(a: Shape, b: Shape, what: str, spans: Sequence[Span | None] = (), mix: Mix | None = None) -> Shape:
    """The shape that values of both shapes fit. Where there is none, a conflict that speaks when it is read. `mix` gives
    the shape of a reference to one of two objects."""
    if a == b:
        return a
    ka, kb = a[0], b[0]
    if {ka, kb} & NUMBERS and "compound" in (ka, kb):
        number, other = (a, b) if ka in NUMBERS else (b, a)
        if other[1] == "complex" and not has_conflict(found := _complex(number, other, what, spans)):
            return found
    if ka in ("leaf", "const") and kb in ("leaf", "const"):
        return _join_leaves(a, b, what, spans)
    if ka == "unbound" or kb == "unbound":
        other = b if ka == "unbound" else a
        return other if other[0] in ("maybe", "conflict") else ("maybe", other)
    if ka == "maybe" or kb == "maybe":
        return ("maybe", join_shapes(a[1] if ka == "maybe" else a, b[1] if kb == "maybe" else b, what, spans, mix))
    if ka == "conflict" or kb == "conflict":
        return a if ka == "conflict" else b
    if ka == kb == "compound" and a[1:3] == b[1:3] and len(a[3]) == len(b[3]):
        joined = (*a[:3], tuple([join_shapes(x, y, what, spans, mix) for x, y in zip(a[3], b[3], strict=True)]))
        if not (has_conflict(joined) and a[1] == "function"):
            return joined
    if ka == kb == "compound" and {a[1], b[1]} <= {"items", "growing"}:
        return _growing(a, b, what, spans) or _ungrowable(what, spans)
    if ka == kb == "new" and a[1:4] == b[1:4] and not (mix is not None and views_differ(a[4], b[4])):
        return _join_objects(a, b, what, spans, mix)
    from irad.specialize.choices import is_callable_shape, join_functions

    if is_callable_shape(a) and is_callable_shape(b):
        return join_functions(a, b)
    if ka == kb == "compound" and a[1] == b[1] and a[1] in ("fields", "entries"):
        return _unset(what, a, b, spans)
    kind, other_kind = _object_kind(a), _object_kind(b)
    if kind == other_kind and kind in MUTABLE:
        return mix(a, b, what, spans) if mix is not None else ambiguous(what, kind, spans)
    if ("again" in (ka, kb) and {kind, other_kind} & MUTABLE) or ka == kb == "again":  # two names are one object on one path
        return ambiguous(what, kind or other_kind or "object", spans)
    return _conflict(what, describe(a), describe(b), spans)


NUMBERS = frozenset({"leaf", "const", "size"})


def _complex(number: Shape, other: Shape, what: str, spans: Sequence[Span | None]) -> Shape:
    """The shape of a complex number that is real on one path. A conflict where one is an array."""
    number = ("leaf", number[1]) if number[0] == "size" else number
    joined = [join_shapes(part, number, what, spans) for part in other[3]]
    return (*other[:3], tuple([("leaf", FLOAT) if c[0] == "const" else c for c in joined]))


def views_differ(a: Any, b: Any) -> bool:
    """Whether the contents of two arrays are not both elements, nor views of one kind."""
    return "compound" in (a[0], b[0]) and "view" in (a[1], b[1]) and (a[0] != b[0] or a[1:3] != b[1:3])


def _growing(a: Shape, b: Shape, what: str, spans: Sequence[Span | None]) -> Shape | None:
    """The shape of a list whose length is known at run time only: its items must have one shape, of numbers."""
    items = [i for s in (a, b) for i in ([s[2]] if s[1] == "growing" else s[3])]
    if not items:
        return None
    item = widen(items[0])
    for i in items[1:]:
        item = join_shapes(item, widen(i), what, spans)
    return growing_shape(item)


def _ungrowable(what: str, spans: Sequence[Span | None]) -> Shape:
    notes = [Note("it changes its length", s) for s in dict.fromkeys(spans) if s is not None]
    message = f"{what} changes its length, and its items are not numbers, or tuples of numbers, of one type"
    help = "write into an array made before: out = np.zeros((n, m)); out[i] = row"
    return ("conflict", Tied(Conflict(Diagnostic("incompatible-types", message, None, "", notes, help))))


def _join_leaves(a: Shape, b: Shape, what: str, spans: Sequence[Span | None]) -> Shape:
    ta, tb = (s[1].type if s[0] == "const" else s[1] for s in (a, b))
    try:
        return ("leaf", join(ta, tb))
    except JoinError:
        return _conflict(what, str(ta), str(tb), spans)


def _join_objects(a: Shape, b: Shape, what: str, spans: Sequence[Span | None], mix: Mix | None) -> Shape:
    if a[2] == "frame":
        (outer_a, vars_a), (outer_b, vars_b) = a[4], b[4]
        if (outer_a is None) != (outer_b is None) or [n for n, _ in vars_a] != [n for n, _ in vars_b]:
            return _conflict(what, describe(a), describe(b), spans)
        outer = join_shapes(outer_a, outer_b, what, spans, mix) if outer_a else None
        return (
            *a[:4],
            (outer, tuple((n, join_shapes(x, y, n, spans, mix)) for (n, x), (_, y) in zip(vars_a, vars_b, strict=True))),
            a[5] or b[5],
        )
    return (*a[:4], join_shapes(a[4], b[4], what, spans, mix), a[5] or b[5])


def _conflict(what: str, a: str, b: str, spans: Sequence[Span | None]) -> Shape:
    notes = [Note("one of the values is made", s) for s in dict.fromkeys(spans) if s is not None]
    help = "give it the same type on every path"
    if "None" in (a, b):
        help = "return a value on every path" if what == "the result" else "give it a value on every path, as 0.0 for None"
    elif {a[:1], b[:1]} & {"'", '"'}:
        help = "text must be known at compile time: choose a number here, and the text outside the compiled function"
    elif "bool" in (a, b) and {"int", "float"} & {a, b}:
        help = "make the truth value a number: 1.0 if test else 0.0"
    d = Diagnostic("incompatible-types", f"{what} is {a} on one path and {b} on another", None, "", notes, help)
    return ("conflict", Tied(Conflict(d)))


def _unset(what: str, a: Shape, b: Shape, spans: Sequence[Span | None]) -> Shape:
    """An instance or dict that has other names on one path than on the other."""
    (name, *_) = sorted({*a[2]} ^ {*b[2]}, key=str) or [*a[2]]
    noun = f"the attribute `{name}` of an object" if a[1] == "fields" else f"the key {name!r} of a dict"
    help = "set it before the branch or loop, on every path and in one order"
    notes = [Note("the paths part", s) for s in dict.fromkeys(spans) if s is not None]
    d = Diagnostic("unset-name", f"{noun} is set on one path only", None, "", notes, help)
    return ("conflict", Tied(Conflict(d)))


MUTABLE = frozenset({"array", "list", "dict", "instance"})


def _object_kind(shape: Shape) -> str:
    """The kind of object that a value refers to; empty for other values."""
    kind: str = shape[1].kind if shape[0] == "ref" else shape[2] if shape[0] == "new" else ""
    return kind


def has_conflict(shape: Shape) -> bool:
    """Whether some part of the shape is a conflict."""
    kind = shape[0]
    if kind == "compound":
        return any(map(has_conflict, shape[3]))
    if kind == "new":
        return any(has_conflict(c) for _, c in shape[4][1]) if shape[2] == "frame" else has_conflict(shape[4])
    return kind == "conflict" or (kind == "maybe" and has_conflict(shape[1]))
