"""The methods of Python's own types: lists, dicts, tuples, text, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.errors import nearest
from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task, run
from irad.specialize import objects, operators
from irad.specialize.library.table import Handler
from irad.specialize.numbers import known_int
from irad.specialize.objects import new_list
from irad.specialize.values import Compound, Known, Ref

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


class _WrongArguments(Exception):
    """A method takes other arguments."""


def _list_method(f: Callable[..., Any]) -> Handler:
    most = f.__code__.co_argcount - 1
    least = most - len(f.__defaults__ or ())

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if kwargs or not least <= len(args) <= most:
            raise _WrongArguments
        return f(s, *args)

    return call


def _pop(s: Specializer, v: Ref, i: Any = None) -> Any:
    found = objects.growing(s, v)
    if found is not None:
        if i is not None and not (isinstance(i, Constant) and i.value == -1):
            raise s.refuse(
                "unsupported-pop",
                "only the last item of a list of run-time length can be popped",
                help="write xs.pop(), or keep the position of the first item in a variable",
            )
        popped = s.b.list_pop(found.children[0])
        objects.grown(s, v, s.b.getitem(popped, index=1))
        return objects.item_value(s, found.head, s.b.getitem(popped, index=0))
    items = list(objects.items_of(s, v))
    if not items:
        s.b.raise_(error="IndexError", message="pop from empty list")
        raise s.Bottom
    n = -1 if i is None else known_int(s, i, "the index of a list")
    value = items.pop(n)
    objects.write(s, v, Compound("items", None, items))
    return value


def copied(s: Specializer, v: Ref) -> Ref:
    copy = new_list(s, [])
    objects.write(s, copy, objects.content(s, v))
    return copy


def _insert(s: Specializer, v: Ref, i: Any, value: Any) -> Known:
    items = list(objects.items_of(s, v))
    items.insert(known_int(s, i, "the index of a list"), value)
    objects.write(s, v, Compound("items", None, items))
    return Known(None)


def _reverse(s: Specializer, v: Ref) -> Known:
    objects.write(s, v, Compound("items", None, reversed(objects.items_of(s, v))))
    return Known(None)


def _clear(s: Specializer, v: Ref) -> Known:
    objects.write(s, v, Compound("items", None, []))
    return Known(None)


def _extend(s: Specializer, v: Ref, more: Any) -> Known:
    objects.extend(s, v, more)
    return Known(None)


def _dict_get(s: Specializer, v: Ref, k: Any, default: Any = None) -> Any:
    return objects.dict_item(s, v, k, default if default is not None else Known(None))


def _static_keys(s: Specializer, v: Ref) -> list[Any]:
    return objects.known_items(s, v)


METHODS: dict[tuple[str, str], Handler] = {
    ("list", "append"): _list_method(objects.append),
    ("list", "extend"): _list_method(_extend),
    ("list", "pop"): _list_method(_pop),
    ("list", "insert"): _list_method(_insert),
    ("list", "reverse"): _list_method(_reverse),
    ("list", "clear"): _list_method(_clear),
    ("list", "copy"): _list_method(lambda s, v: copied(s, v)),
    ("dict", "get"): _list_method(_dict_get),
    ("dict", "keys"): _list_method(lambda s, v: Compound("tuple", None, _static_keys(s, v))),
    ("dict", "values"): _list_method(lambda s, v: Compound("tuple", None, objects.content(s, v).children)),
    ("dict", "items"): _list_method(
        lambda s, v: Compound(
            "tuple",
            None,
            [Compound("tuple", None, kv) for kv in zip(_static_keys(s, v), objects.content(s, v).children, strict=True)],
        )
    ),
    ("tuple", "index"): _list_method(lambda s, v, x: _index(s, v, x)),
    ("list", "index"): _list_method(lambda s, v, x: _index(s, v, x)),
    ("tuple", "_replace"): lambda s, args, kwargs: _namedtuple_replace(s, args[0], kwargs),
    ("number", "item"): _list_method(lambda s, v: v),
    ("number", "conjugate"): _list_method(lambda s, v: v),
}


def _index(s: Specializer, v: Any, x: Any) -> Node:
    for i, item in enumerate(objects.known_items(s, v)):
        same = run(operators._equality(s, item, x))
        if isinstance(same, Constant) and same.value:
            return literal(i)
        if not isinstance(same, Constant):
            raise s.needs_static("index() of a value known at run time only", "compare in a loop: if xs[i] == x")
    s.b.raise_(error="ValueError", message="value is not in the sequence")
    raise s.Bottom


def _namedtuple_replace(s: Specializer, v: Compound, kwargs: dict[str, Any]) -> Compound:
    unknown = [k for k in kwargs if v.head is None or k not in v.head._fields]
    if unknown:
        raise s.refuse(
            "wrong-arguments",
            f"_replace() got an unexpected field name '{unknown[0]}'",
            help=nearest(unknown[0], v.head._fields, f"its fields are {', '.join(v.head._fields)}"),
        )
    return Compound("tuple", v.head, [kwargs.get(n, c) for n, c in zip(v.head._fields, v.children, strict=True)])


def call_method(s: Specializer, head: tuple[str, str], self_: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """A method of a built-in type."""
    yield from ()
    if head[0] == "text":
        if all(isinstance(a, (Known, Constant)) for a in args) and not kwargs:
            try:
                value = getattr(self_.value, head[1])(*[a.value for a in args])
            except (TypeError, ValueError, LookupError) as e:
                raise s.refuse(
                    "unsupported-text",
                    f"str.{head[1]}() of these values raises {type(e).__name__}: {e}",
                    help="give it values that it takes",
                ) from None
            return new_list(s, list(map(Known, value))) if isinstance(value, list) else s.from_python(value)
        raise s.refuse(
            "unsupported-text",
            f"str.{head[1]}() on values known at run time only",
            help="write an f-string, in print, raise or assert",
        )
    from irad.specialize.complexes import functions as complexes

    found = METHODS.get(head)
    if found is None:
        found = complexes.method(s, head[1], [self_, *args], kwargs) or s.arrays.method(head)
    try:
        value = found(s, [self_, *args], kwargs)
    except _WrongArguments:
        raise s.refuse(
            "wrong-arguments",
            f"the method `{head[1]}` of {s.describe(self_)} does not take these arguments",
            help="give the arguments by position; see docs/python.md for the methods that there are",
        ) from None
    return (yield value) if hasattr(value, "send") else value
