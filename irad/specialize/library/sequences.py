"""Built-ins that make and measure sequences and dicts: len, range, zip, enumerate, reversed, map, tuple, list, dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Constant
from irad.graph.walk import Task
from irad.numpy import python
from irad.specialize import instances, objects
from irad.specialize.iteration import iteration_now
from irad.specialize.library.methods import copied
from irad.specialize.library.table import handles, in_python, need
from irad.specialize.numbers import as_int
from irad.specialize.objects import new_dict, new_list
from irad.specialize.values import Compound, Known, is_complex, is_number
from irad.types import INT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


@handles(len)
def _len(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "len", args, kwargs, 1)
    found = objects.length(s, args[0])
    if found is not None:
        return found
    if isinstance(args[0], Compound) and args[0].kind == "range":
        return s.b.maximum(iteration_now(s, args[0]).trips, literal(0))
    if s.arrays:
        v = args[0].children[0] if is_complex(args[0]) else args[0]
        found = s.arrays.length(s, v)
        if found is not None:
            return found
    method = instances.special_method(s, args[0], "__len__")
    if method is not None:
        return s.call(method, [], {})
    raise s.refuse(
        "type-mismatch",
        f"{s.describe(args[0])} has no len()",
        help="take the length of a tuple, list, dict or array; make a list of a generator expression",
    )


@handles(range)
def _range(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    need(s, "range", args, kwargs, 1, 3)
    parts = []
    for a in args:
        x = s.as_scalar(a)
        if not is_number(x) or x.type.kind == "f":
            raise s.refuse(
                "type-mismatch", f"range() takes integers, not {s.describe(a)}", help="write int(...), or // instead of /"
            )
        parts.append(s.convert(as_int(s, x), INT))
    if len(parts) == 1:
        parts.insert(0, literal(0))
    if len(parts) == 2:
        parts.append(literal(1))
    if isinstance(parts[2], Constant) and parts[2].value == 0:
        s.b.raise_(error="ValueError", message="range() arg 3 must not be zero")
        raise s.Bottom
    return Compound("range", None, parts)


@handles(slice)
def _slice(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    need(s, "slice", args, kwargs, 1, 3)
    start, stop, step = [Known(None), *args, Known(None)] if len(args) == 1 else [*args, Known(None)][:3]
    return Compound("slice", None, [start, stop, step])


ONE_WAY = frozenset({"zip", "enumerate", "reversed", "generator"})


def _check_iterable(s: Specializer, v: Any) -> None:
    """Refuse what cannot be iterated over, whether or not somebody will."""
    if not (isinstance(v, Compound) and v.kind in ONE_WAY):
        iteration_now(s, v)


@handles(zip)
def _zip(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    strict = kwargs.pop("strict", literal(False))
    need(s, "zip", args, kwargs, 0, 1000)
    for a in args:
        _check_iterable(s, a)
    return Compound("zip", bool(strict.value), args)


@handles(enumerate)
def _enumerate(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    start = kwargs.pop("start", None)
    need(s, "enumerate", args, kwargs, 1, 2)
    _check_iterable(s, args[0])
    first = s.as_scalar(start or (args[1] if len(args) == 2 else literal(0)))
    if not is_number(first) or first.type.kind == "f":
        raise s.refuse("type-mismatch", f"enumerate() counts from an integer, not {s.describe(first)}", help="write int(...)")
    return Compound("enumerate", None, [args[0], s.convert(as_int(s, first), INT)])


@handles(reversed)
def _reversed(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    need(s, "reversed", args, kwargs, 1)
    _check_iterable(s, args[0])
    if isinstance(args[0], Compound) and args[0].kind in ONE_WAY:
        raise s.refuse(
            "not-iterable",
            f"{s.describe(args[0])} cannot be reversed",
            help="reverse what it runs over, or make a tuple of it: reversed(tuple(...))",
        )
    return Compound("reversed", None, args)


@handles(map)
def _map(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "map", args, kwargs, 2, 10)
    columns = [objects.known_items(s, a) for a in args[1:]]
    out = []
    for items in zip(*columns, strict=False):
        out.append((yield s.call(args[0], list(items), {})))
    return Compound("tuple", None, out)


@handles(tuple)
def _tuple(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "tuple", args, kwargs, 0, 1)
    if not args:
        return Compound("tuple", None, [])
    items = yield from _collected(s, args[0])
    return Compound("tuple", None, items)


@handles(list)
def _list(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "list", args, kwargs, 0, 1)
    if not args:
        return new_list(s, [])
    if isinstance(args[0], Compound) and args[0].kind == "generator":
        return (yield collect(s, args[0], "list"))
    if objects.growing(s, args[0]) is not None:
        return copied(s, args[0])
    items = yield from _collected(s, args[0])
    return new_list(s, items)


def _collected(s: Specializer, v: Any) -> Task:
    if isinstance(v, Compound) and v.kind == "generator":
        v = yield collect(s, v, "list")
    return objects.known_items(s, v)


@handles(dict)
def _dict(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if args:
        keys = objects.dict_keys(s, args[0])
        if keys is None:
            raise s.refuse(
                "type-mismatch",
                f"dict() takes a dict or keywords here, not {s.describe(args[0])}",
                help="write {key: value} with constant keys",
            )
        table = objects.content(s, args[0])
        merged = {**dict(zip(table.head, table.children, strict=True)), **kwargs}
    else:
        merged = kwargs
    return new_dict(s, [Known(k) if isinstance(k, str) else literal(k) for k in merged], list(merged.values()))


def collect(s: Specializer, generator: Compound, kind: str) -> Task:
    """A list or dict of what a comprehension yields."""
    function = python.dict_ if kind == "dict" else python.list_
    return in_python(s, function, [generator])


def known_mapping(s: Specializer, v: Any) -> dict[str, Any]:
    """The entries of a dict given as `**`."""
    keys = objects.dict_keys(s, v)
    if keys is None or not all(isinstance(k, str) for k in keys):
        raise s.refuse(
            "type-mismatch", f"`**` takes a dict with string keys, not {s.describe(v)}", help="name the arguments: g(a=x, b=y)"
        )
    return dict(zip(keys, objects.content(s, v).children, strict=True))
