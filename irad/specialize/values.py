"""Abstract values: what the specializer knows of each Python value while it runs a function abstractly.

A number, truth value or array element is a node of the typed IR. Everything else is structure:

    Known(v)            a Python value known now: None, a string, a module, a class, a function of NumPy
    Compound(kind, ...) an immutable thing made of others: tuple, slice, range, complex number, function with its scope
    Ref(obj)            a reference to an object of the store: list, dict, instance, array, frame of variables
    MAYBE, UNBOUND      a variable that has a value on some paths, or on none
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from irad.errors import Diagnostic, Span
from irad.graph.build import constant, literal
from irad.graph.nodes import UNDEF, Apply, Node, Parameter
from irad.types import BOOL, Array, Scalar, Type


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


# A shape is a nested tuple, hashable:
#   ("leaf", type)  ("size", type, dim)  ("const", Constant)  ("known", key, Known)  ("compound", kind, head, shapes)
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


Mix = Callable[[Shape, Shape, str, Sequence["Span | None"]], Shape]


def is_number(v: Any) -> bool:
    """A node of a scalar type."""
    return isinstance(v, Node) and isinstance(v.type, Scalar)


def is_complex(v: Any) -> bool:
    """A complex number or array: see irad/specialize/complexes."""
    return isinstance(v, Compound) and v.kind == "complex"


def is_array_node(v: Any) -> bool:
    return isinstance(v, Node) and isinstance(v.type, Array)


def absent(t: Type) -> Node:
    """What stands for a value on a path that has none."""
    return literal(False) if t is BOOL else constant(t, UNDEF)
