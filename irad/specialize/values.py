"""Abstract values: what the specializer knows of each Python value while it runs a function abstractly.

A number, truth value or array element is a node of the typed IR. Everything else is structure:

    Known(v)            a Python value known now: None, a string, a module, a class, a function of NumPy
    Compound(kind, ...) an immutable thing made of others: tuple, slice, range, function with its scope, bound method
    Ref(obj)            a reference to an object of the store: list, dict, instance, array, frame of variables
    MAYBE, UNBOUND      a variable that has a value on some paths, or on none

Shapes are values without their numbers: equal shapes can be joined at branches, carried by loops, and share one copy
of a function. `Shaper` takes values apart into a shape and its leaves, and puts them together again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from irad.errors import CompileError, Diagnostic, Note, Span
from irad.graph.build import constant, literal
from irad.graph.nodes import UNDEF, Apply, Constant, Node, Parameter
from irad.types import BOOL, Array, JoinError, List, Scalar, Tuple, Type, join

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = [
    "UNBOUND",
    "Compound",
    "Conflict",
    "Known",
    "Maybe",
    "Obj",
    "Ref",
    "Shape",
    "Shaper",
    "Unbound",
    "Value",
    "join_shapes",
    "widen",
]


class Value:
    """Base of abstract values other than nodes."""

    __slots__ = ()


class Known(Value):
    """A Python value known at compile time."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def key(self) -> Any:
        v = self.value
        return (type(v), v) if isinstance(v, (str, bool, int, float, type(None), bytes)) else ("id", id(v))

    def __repr__(self) -> str:
        return f"Known({self.value!r})"


class Compound(Value):
    """An immutable structure: `kind` and `head` are static, `children` are values."""

    __slots__ = ("children", "head", "kind")

    def __init__(self, kind: str, head: Any, children: Iterable[Any]) -> None:
        self.kind, self.head, self.children = kind, head, tuple(children)

    def __repr__(self) -> str:
        return f"{self.kind}{list(self.children)}"


_births = itertools.count()


def new_mark() -> int:
    """A number between the births of the objects so far and of those to come."""
    return next(_births)


class Obj:
    """The identity of a mutable object; its content is in the store, under the object as key.

    kind: "list", "dict", "instance", "array", "frame". A frame's content is its variables, under (frame, name).
    """

    __slots__ = ("birth", "frozen", "head", "kind", "name", "ordered", "outer", "span")
    kind: str
    head: Any  # static: a dict's nothing, an instance's class, a frame's signature
    outer: Obj | None  # a frame's static link: the frame of the function around
    frozen: frozenset[str] | None  # of a frame: variables not to be rebound; of others: why it is not written to
    birth: int
    ordered: bool  # of an array: NumPy is known to have it in C order
    span: Span | None
    name: str | None  # the first variable that named it

    def __init__(self, kind: str, head: Any = None, outer: Obj | None = None, span: Span | None = None) -> None:
        self.kind, self.head, self.outer, self.span = kind, head, outer, span
        self.birth, self.frozen, self.ordered, self.name = next(_births), None, False, None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.birth}>"


class Ref(Value):
    __slots__ = ("obj",)

    def __init__(self, obj: Obj) -> None:
        self.obj = obj

    def __repr__(self) -> str:
        return f"Ref({self.obj!r})"


def give_name(s: Any, value: Any, name: str) -> None:
    """For dumps: the first name that the user gives to a value or to an object, whose content is called so too."""
    if isinstance(value, Ref) and value.obj.name is None:
        value.obj.name = name
        value = s.store.get(value.obj)
    if isinstance(value, (Apply, Parameter)) and value.name is None:
        value.name = name


class Unbound(Value):
    """No value: not bound yet, deleted, or (with `dead`) not read again by any path."""

    __slots__ = ()


UNBOUND = Unbound()


class Maybe(Value):
    """A value where `flag` is true, unbound where it is false."""

    __slots__ = ("flag", "value")

    def __init__(self, flag: Node, value: Any) -> None:
        self.flag, self.value = flag, value


class Conflict(Value):
    """The join of values that have none: harmless until it is read, when `diagnostic` is raised."""

    __slots__ = ("diagnostic",)

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


# -- shapes ---------------------------------------------------------------------------------------------------------
#
# A shape is a nested tuple, hashable:
#   ("leaf", type)  ("const", Constant)  ("known", key, Known)  ("compound", kind, head, shapes)
#   ("ref", obj)                       an object that was there before: identity is kept, content is looked after apart
#   ("new", i, kind, head, content)    an object made inside, first met; content: shapes, for frames by name
#   ("again", i)  ("unbound",)  ("maybe", shape)  ("conflict", id, Conflict)

Shape = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """Keeps a value in a shape without taking part in its equality."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tied)

    def __hash__(self) -> int:
        return 0


class Shaper:
    """Takes values of one moment apart. `keep` says which objects keep their identity (those around a branch or loop).

    `number` maps each abstracted object to its index; `leaves` collects nodes in order.
    """

    def __init__(self, store: Any, keep: Callable[[Obj], bool]) -> None:
        self.store, self.keep = store, keep
        self.number: dict[Obj, int] = {}
        self.leaves: list[Node] = []

    def shape(self, v: Any) -> Shape:
        if isinstance(v, Constant):
            return ("const", v)
        if isinstance(v, Node):
            self.leaves.append(v)
            return ("leaf", v.type)
        if isinstance(v, Known):
            return ("known", v.key(), Tied(v))
        if isinstance(v, Compound):
            if v.kind == "choice":
                self.leaves.append(v.children[0])
                return ("choice", v.head)
            return ("compound", v.kind, v.head, tuple([self.shape(c) for c in v.children]))
        if isinstance(v, Ref):
            return self.object(v.obj)
        if isinstance(v, Maybe):
            self.leaves.append(v.flag)
            return ("maybe", self.shape(v.value))
        if isinstance(v, Conflict):
            return ("conflict", Tied(v))
        return ("unbound",)

    def object(self, obj: Obj) -> Shape:
        if self.keep(obj):
            return ("ref", obj)
        found = self.number.get(obj)
        if found is not None:
            return ("again", found)
        index = self.number[obj] = len(self.number)
        frozen = Tied(obj.frozen) if obj.frozen else None
        if obj.kind == "frame":
            outer = self.object(obj.outer) if obj.outer is not None else None
            content = tuple([(n, self.shape(self.store.get((obj, n)))) for n in sorted(obj.head.cells)])
            return ("new", index, "frame", obj.head, (outer, content), frozen)
        return ("new", index, obj.kind, obj.head, self.shape(self.store.get(obj)), frozen)

    def object_of(self, index: Any) -> Obj | None:
        """The object that was given an index."""
        return next((obj for obj, i in self.number.items() if i == index), None)

    @staticmethod
    def new(index: Any, kind: str, head: Any, content: Shape, frozen: frozenset[str]) -> Shape:
        """The shape of an object that is made where paths meet."""
        return ("new", index, kind, head, content, Tied(frozen) if frozen else None)


def rebuild(shape: Shape, leaf: Callable[[Type], Node], store: Any, objects: dict[int, Obj], span: Span | None = None) -> Any:
    """The value of a shape: `leaf` gives the nodes in order, `objects` says (and remembers) which object each index is."""
    kind = shape[0]
    if kind == "leaf":
        return leaf(shape[1])
    if kind == "const":
        return shape[1]
    if kind == "known":
        return shape[2].value
    if kind == "choice":
        from irad.specialize.choices import current

        return Compound("choice", shape[1], [leaf(current().type(shape[1]))])
    if kind == "compound":
        return Compound(shape[1], shape[2], [rebuild(c, leaf, store, objects, span) for c in shape[3]])
    if kind == "ref":
        return Ref(shape[1])
    if kind == "again":
        if shape[1] not in objects:
            raise unreadable(ambiguous("a variable", "object", ()), span)
        return Ref(objects[shape[1]])
    if kind == "new":
        return Ref(_rebuild_object(shape, leaf, store, objects, span))
    if kind == "maybe":
        flag = leaf(BOOL)
        return Maybe(flag, rebuild(shape[1], leaf, store, objects, span))
    if kind == "conflict":
        return shape[1].value
    return UNBOUND


def _rebuild_object(shape: Shape, leaf: Callable[[Type], Node], store: Any, objects: dict[int, Obj], span: Span | None) -> Obj:
    _, index, kind, head, content, frozen = shape
    obj = objects.get(index)
    if obj is None:
        obj = objects[index] = Obj(kind, head, span=span)
        if frozen is not None:
            obj.frozen = frozen.value
    if kind == "frame":
        outer, variables = content
        if outer is not None:
            obj.outer = rebuild(outer, leaf, store, objects, span).obj
        for name, s in variables:
            store.set((obj, name), rebuild(s, leaf, store, objects, span))
    else:
        store.set(obj, rebuild(content, leaf, store, objects, span))
    return obj


def leaf_types(shape: Shape) -> list[Type]:
    """The types of a shape's leaves, in order."""
    kind = shape[0]
    if kind == "leaf":
        return [shape[1]]
    if kind == "choice":
        from irad.specialize.choices import current

        return [current().type(shape[1])]
    if kind == "compound":
        return [t for c in shape[3] for t in leaf_types(c)]
    if kind == "new":
        if shape[2] == "frame":
            outer, variables = shape[4]
            return (leaf_types(outer) if outer else []) + [t for _, s in variables for t in leaf_types(s)]
        return leaf_types(shape[4])
    if kind == "maybe":
        return [BOOL, *leaf_types(shape[1])]
    return []


def widen(shape: Shape) -> Shape:
    """The shape with known numbers forgotten."""
    kind = shape[0]
    if kind == "const":
        return ("leaf", shape[1].type)
    if kind == "compound":
        return (*shape[:3], tuple([widen(c) for c in shape[3]]))
    if kind == "new":
        if shape[2] == "frame":
            outer, variables = shape[4]
            return (*shape[:4], (widen(outer) if outer else None, tuple((n, widen(s)) for n, s in variables)), shape[5])
        return (*shape[:4], widen(shape[4]), shape[5])
    if kind == "maybe":
        return ("maybe", widen(shape[1]))
    return shape


Mix = Callable[[Shape, Shape, str, Sequence["Span | None"]], Shape]


def join_shapes(a: Shape, b: Shape, what: str, spans: Sequence[Span | None] = (), mix: Mix | None = None) -> Shape:
    """The shape that values of both shapes fit. Where there is none, a conflict that speaks when it is read. `mix` gives
    the shape of a reference to one of two objects."""
    if a == b:
        return a
    ka, kb = a[0], b[0]
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


def growing_shape(item: Shape) -> Shape | None:
    """The shape of a list that grows, of items of this shape; None where they are not made of numbers."""
    types = leaf_types(item)
    if not _is_plain(item) or not types or not all(isinstance(t, Scalar) for t in types):
        return None
    return ("compound", "growing", item, (("leaf", List(item_type(item))),))


def item_type(item: Shape) -> Type:
    types = leaf_types(item)
    return types[0] if len(types) == 1 else Tuple(types)


def _is_plain(shape: Shape) -> bool:
    return shape[0] in ("leaf", "known") or (shape[0] == "compound" and shape[1] == "tuple" and all(map(_is_plain, shape[3])))


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


def ambiguous(what: str, kind: str, spans: Sequence[Span | None]) -> Shape:
    """Which of two objects a name stands for is known at run time only."""
    notes = [Note("one of them is named", s) for s in dict.fromkeys(spans) if s is not None]
    message = f"{what} is one {NOUNS.get(kind, kind)} on one path and another on the other"
    help = "copy it first, or read and write each in its own branch"
    return ("conflict", Tied(Conflict(Diagnostic("ambiguous-alias", message, None, "", notes, help))))


def has_conflict(shape: Shape) -> bool:
    """Whether some part of the shape is a conflict."""
    kind = shape[0]
    if kind == "compound":
        return any(map(has_conflict, shape[3]))
    if kind == "new":
        return any(has_conflict(c) for _, c in shape[4][1]) if shape[2] == "frame" else has_conflict(shape[4])
    return kind == "conflict" or (kind == "maybe" and has_conflict(shape[1]))


SHOWN = 4  # items of a list or dict in a message
NOUNS = {
    "items": "list",
    "growing": "list",
    "instance": "object",
    "text": "string",
    "generator": "generator expression",
    "built-in method": "method",
    "fields": "object",
    "entries": "dict",
}


def _with_article(kind: str) -> str:
    noun = NOUNS.get(kind, kind)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def describe(shape: Shape) -> str:
    """A shape in words, for messages."""
    kind = shape[0]
    if kind in ("leaf", "const"):
        t = shape[1].type if kind == "const" else shape[1]
        return str(t)
    if kind == "known":
        v = shape[2].value.value
        return repr(v) if v is None or isinstance(v, str) else f"`{getattr(v, '__name__', v)}`"
    if kind == "compound":
        if shape[1] == "tuple":
            return f"({', '.join(map(describe, shape[3]))}{',' if len(shape[3]) == 1 else ''})"
        return f"the function `{getattr(shape[2][0], 'name', '')}`" if shape[1] == "function" else _with_article(shape[1])
    if kind == "new":
        return describe_object(shape)
    if kind == "ref":
        return _with_article(shape[1].kind)
    if kind == "maybe":
        return describe(shape[1])
    if kind == "choice":
        return "one of several functions"
    return {"unbound": "not bound"}.get(kind, "a value without one type")


def describe_object(shape: Shape) -> str:
    kind, head, content = shape[2:5]
    if kind == "instance" and head is not None:
        return f"an instance of `{head.__name__}`"
    if kind == "list" and content[1] == "growing":
        return f"a list of {describe(content[2])}, of a length known at run time only"
    if kind == "list" and content[0] == "compound":
        return f"[{_shortened([describe(c) for c in content[3]])}]"
    if kind == "dict" and content[0] == "compound":
        return f"{{{_shortened([f'{k!r}: {describe(c)}' for k, c in zip(content[2], content[3], strict=True)])}}}"
    return describe(content) if kind == "array" else _with_article(kind)


def _shortened(items: list[str]) -> str:
    return ", ".join(items if len(items) <= SHOWN else [*items[:SHOWN], f"... {len(items) - SHOWN} more"])


def origin(v: Any) -> Span | None:
    """Where a value is made, as far as that is known."""
    if isinstance(v, Ref):
        return v.obj.span
    if isinstance(v, Apply):
        return v.span
    if isinstance(v, Compound) and v.kind == "tuple":
        return next((s for c in v.children for s in [origin(c)] if s is not None), None)
    return None


def is_number(v: Any) -> bool:
    """A node of a scalar type."""
    return isinstance(v, Node) and isinstance(v.type, Scalar)


def is_array_node(v: Any) -> bool:
    return isinstance(v, Node) and isinstance(v.type, Array)


def unreadable(c: Conflict | Shape, span: Span | None) -> CompileError:
    """The error of reading a conflict at `span`."""
    d = (c if isinstance(c, Conflict) else c[1].value).diagnostic
    return CompileError(Diagnostic(d.name, d.message, span, d.label, list(d.notes), d.help))


def absent(t: Type) -> Node:
    """What stands for a value on a path that has none."""
    return literal(False) if t is BOOL else constant(t, UNDEF)


class Fitter:
    """The nodes of values in the order of a shape's leaves; conversions are emitted in the graph being built."""

    def __init__(self, s: Specializer, store: Any) -> None:
        self.s, self.store = s, store
        self.nodes: list[Node] = []

    def fit(self, shape: Shape, v: Any) -> None:
        kind = shape[0]
        if kind == "choice":
            from irad.specialize.choices import current, fit_choice

            self.nodes.append(absent(current().type(shape[1])) if isinstance(v, Unbound) else fit_choice(self, shape[1], v))
        elif kind == "leaf":
            if isinstance(v, Compound) and v.kind == "view":  # it is one of two arrays: what it shows now
                from irad.specialize.arrays.values import read_content

                v = read_content(self.s, v, self.store)
            self.nodes.append(absent(shape[1]) if isinstance(v, Unbound) else self.s.convert(v, shape[1]))
        elif kind == "compound" and shape[1] == "growing":
            self.growing(shape, v)
        elif kind == "compound":
            children = [UNBOUND] * len(shape[3]) if isinstance(v, Unbound) else v.children
            for c, x in zip(shape[3], children, strict=True):
                self.fit(c, x)
        elif kind == "maybe":
            if isinstance(v, Maybe):
                self.nodes.append(v.flag)
                self.fit(shape[1], v.value)
            else:
                self.nodes.append(literal(not isinstance(v, Unbound)))
                self.fit(shape[1], v)
        elif kind == "new":
            self.object(shape, v)

    def growing(self, shape: Shape, v: Any) -> None:
        """A list, as one that grows."""
        b = self.s.b
        if isinstance(v, Unbound):
            self.nodes.append(absent(shape[3][0][1]))
        elif v.kind == "items":
            self.nodes.append(b.make_list(*[self.item(shape[2], c) for c in v.children], of=item_type(shape[2])))
        elif v.head == shape[2]:
            self.nodes.append(v.children[0])
        else:
            raise self.s.refuse(
                "list-items",
                "the items of this list become of another type in a loop",
                help="start the list with items of the final type: 0.0, not 0",
            )

    def item(self, shape: Shape, v: Any) -> Node:
        """An item of a list as one node."""
        inner = Fitter(self.s, self.store)
        inner.fit(shape, v)
        return self.s.b.tuple_(inner.nodes)

    def object(self, shape: Shape, v: Any) -> None:
        if isinstance(v, Unbound):
            self.nodes.extend(absent(t) for t in leaf_types(shape))
            return
        obj, content = v.obj if isinstance(v, Ref) else v, shape[4]
        if shape[2] == "frame":
            outer, variables = content
            if outer is not None and outer[0] == "new":
                self.object(outer, obj.outer)
            for name, s in variables:
                self.fit(s, self.store.get((obj, name)))
        else:
            self.fit(content, self.store.get(obj))
