"""From Python arguments to the entry of a module: the type of each argument, its abstract value, and the result's structure."""

from __future__ import annotations

import dataclasses
import numbers
import sys
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from irad.errors import CompileError, refuse
from irad.graph.build import Builder
from irad.graph.nodes import Graph, Module, Node
from irad.graph.walk import run
from irad.specialize import complexes, objects, sizes
from irad.specialize.binding import bind
from irad.specialize.captures import Path
from irad.specialize.choices import Choices
from irad.specialize.copies import Copy
from irad.specialize.describe import unreadable
from irad.specialize.execute import Activation, Bottom
from irad.specialize.liveness import RETURN
from irad.specialize.shapes import leaf_types
from irad.specialize.specializer import Specializer
from irad.specialize.values import Compound, Conflict, Known, Obj, Ref, give_name, is_complex, is_number
from irad.types import (
    BOOL,
    COLUMN,
    COMPLEX,
    FLOAT,
    INT,
    MACHINE,
    NONE,
    Array,
    Form,
    Record,
    Scalar,
    Static,
    Tuple,
    Type,
    fresh_dim,
    own_dims,
)

__all__ = ["Entry", "specialize", "type_of"]


def type_of(value: Any) -> Type:
    """The type that an argument is specialized for. Raises CompileError for what compiled code cannot take."""
    if type(value) is float:
        return FLOAT
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if type(value) is int:
        if not -(2**63) <= value < 2**63:
            raise refuse("integer-too-large", f"the argument {value} does not fit 64 bits", help="pass it as a float")
        return INT
    if type(value) is complex:
        return complexes.type_of(value)
    if isinstance(value, (np.ndarray, np.generic)):
        if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
            raise refuse(
                "unsupported-argument",
                f"an argument of type {type(value).__name__} cannot be compiled: its operations are not those of arrays",
                help="pass a plain array: np.asarray(x)",
            )
        if value.dtype in (np.complex128, np.complex64):
            return complexes.type_of(value)
        found = MACHINE.get(value.dtype)
        if found is None or (found.narrow and not value.ndim):
            raise refuse(
                "unsupported-dtype",
                f"an argument has dtype {value.dtype}",
                help="convert it: x.astype(float); float64, float32, int64, int32, bool, complex128 and complex64 compile, "
                "and shorter integers in arrays",
            )
        return Array(found, value.shape) if value.ndim else found
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return Record(Form.of_class("namedtuple", type(value), value._fields), map(type_of, value))
    if isinstance(value, tuple):
        return Tuple(map(type_of, value))
    if isinstance(value, list):
        return Record(Form("list", "list", range(len(value))), map(type_of, value))
    if isinstance(value, dict):
        if not all(isinstance(k, (str, int, float, bool)) for k in value):
            raise refuse(
                "dict-key", "the keys of a dict argument must be strings or numbers", help='give the values names: {"a": x}'
            )
        return Record(Form("dict", "", value), map(type_of, value.values()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        return Record(Form.of_class("dataclass", type(value), names), [type_of(getattr(value, n)) for n in names])
    if isinstance(value, float):
        return FLOAT
    if isinstance(value, numbers.Number):
        raise refuse(
            "unsupported-argument",
            f"an argument of type {type(value).__name__} cannot be compiled",
            help="pass int(x)" if isinstance(value, int) else "pass float(x)",
        )
    try:
        hash(value)
    except TypeError:
        raise refuse(
            "unsupported-argument",
            f"an argument of type {type(value).__name__} cannot be compiled",
            help="pass numbers, arrays, tuples, lists, dicts, dataclasses, or functions",
        ) from None
    return Static(value)


MAX_STARTS = 20


@dataclasses.dataclass(slots=True)
class Entry:
    """A specialized program: its module; its hidden arguments, which are the last parameters; the arguments that it changes
    (the output is then (result, their new values)); what it took for constant."""

    module: Module
    hidden: list[Any] = dataclasses.field(default_factory=list)
    writes: list[Path] = dataclasses.field(default_factory=list)
    guards: list[tuple[dict[str, Any], str, Any]] = dataclasses.field(default_factory=list)
    object_guards: list[tuple[Any, str, Any]] = dataclasses.field(default_factory=list)


class _Recursive(Exception):
    """The entry calls itself: it becomes a caller of its own copy."""


class _EntryCopy(Copy):
    pass


def specialize(
    fn: Any,
    types: Sequence[Type],
    lower: Callable[[FunctionType], Graph],
    *,
    name: str = "main",
    names: Sequence[str] = (),
    hooks: dict[str, Any] | None = None,
    keywords: Sequence[str] = (),
    builder: type[Builder] = Builder,
) -> Entry:
    """The typed module of fn(*arguments of these types). The last arguments are given by the names in `keywords`.

    builder: what makes the nodes.
    """
    direct, choices = True, Choices()
    for _ in range(MAX_STARTS):
        choices.changed = False
        s = Specializer(lower, {"entry": sys.modules[__name__], **(hooks or {})}, choices, builder=builder)
        try:
            with own_dims(frozenset(sizes.symbols(tuple(types)))):
                entry = _specialize(s, fn, types, name, names, keywords, direct)
        except _Recursive:
            direct = False
            continue
        except CompileError:
            if not choices.changed:
                raise
            continue  # of a program whose functions were not all known yet
        if not choices.changed:
            return entry
    raise refuse(
        "endless-specialization",
        "the functions that are stored here capture ever new types of values",
        s.span,
        help="store numbers and arrays instead of functions of functions, or a list of them that is applied in a loop",
    )


def _specialize(
    s: Specializer,
    fn: Any,
    types: Sequence[Type],
    name: str,
    names: Sequence[str],
    keywords: Sequence[str],
    direct: bool,
) -> Entry:
    graph = Graph("")
    copy = _EntryCopy(None, graph, None)
    s.running.append(copy)
    places: dict[Obj, Path] = {}
    with s.b.inside(graph):
        value = s.from_python(fn, (("compiled",),))
        if isinstance(value, Known) and isinstance(value.value, FunctionType):
            value = s.function_value(value.value)
        python = value.head[0] if isinstance(value, Compound) and value.kind == "function" else None
        graph.name = s.module.unique(python.name if python is not None else name)
        s.module.graphs.append(graph)
        copy.python = python if direct else None
        graph.span = s.span = s.b.span = python.span if python is not None else None
        args = []
        for i, t in enumerate(types):
            label, path = names[i] if i < len(names) else f"x{i}", (("argument", i),)
            args.append(
                s.from_python(t.value, path)
                if isinstance(t, Static)
                else abstract(s, s.b.parameter(graph, t, label), path, places)
            )
        before = {obj: s.store.get(obj) for obj in places}
        positional, given = (
            args[: len(args) - len(keywords)],
            dict(zip(keywords, args[len(args) - len(keywords) :], strict=True)),
        )
        result = run(_call(s, value, positional, given, python if direct else None))
        changed = [obj for obj in places if s.store.get(obj) is not before[obj]]
        output = pack(s, result)
        if changed:
            output = s.b.make_tuple(output, s.b.make_tuple(*[pack(s, Ref(obj)) for obj in changed]))
        graph.finish(output)
    held = list(copy.hidden.values())  # what a bound method captures is read before the arguments are there
    graph.params = [p for p in graph.params if p not in held] + held
    entry = Entry(s.module, list(copy.hidden), [places[obj] for obj in changed], list(s.guards.values()), s.object_guards)
    prune(s.module)
    return entry


def _call(s: Specializer, value: Any, args: list[Any], kwargs: dict[str, Any], python: Graph | None) -> Any:
    try:
        if python is None:
            return (yield s.call(value, args, kwargs))
        frame = Obj("frame", python.info, None, python.span)
        for n, v in zip(python.info.parameters, bind(s, value, args, kwargs), strict=True):
            s.store.set((frame, n), v)
        s.on_call_of = (python, _Recursive)
        exits = yield Activation(s, python, frame, value.head[1]).function()
    except Bottom:
        return _nothing(s, value)
    if RETURN not in exits:
        return _nothing(s, value)
    s.store.apply(exits[RETURN].changes)
    return exits[RETURN].value


def _nothing(s: Specializer, value: Any) -> Known:
    """The result of a function that never returns: it raises, or is refused."""
    if not s.b.graph.effects:
        while isinstance(value, Compound) and value.kind == "transform":
            value = value.children[0]
        if isinstance(value, Known) and isinstance(value.value, FunctionType):
            value = s.function_value(value.value)
        endless = [c.python for c in s.copies.values() if c.recursive and c.result is None and c.python is not None]
        if not endless and isinstance(value, Compound) and value.kind == "function":
            endless.append(value.head[0])
        raise refuse(
            "endless-recursion",
            "this function never returns: it calls itself on every path",
            endless[0].span if endless else s.span,
            help="return a value without the call on some path",
        )
    return Known(None)


def abstract(s: Specializer, node: Node, path: Path = (), places: dict[Obj, Path] | None = None) -> Any:
    """The abstract value of an argument; `places` notes where each object in it stands."""
    t, b = node.type, s.b
    if isinstance(t, Scalar):
        return node
    if isinstance(t, Static):
        return Known(t.value)
    if isinstance(t, Tuple):
        return Compound(
            "tuple",
            None,
            [abstract(s, b.getitem(node, index=i), (*path, ("item", i)), places) for i in range(len(t.items))],
        )
    if isinstance(t, Record):
        by_attribute = t.form.kind in ("dataclass", "namedtuple", "complex")
        keys = range(len(t.items)) if t.form.kind == "list" else t.form.keys
        items = [
            abstract(s, b.getitem(node, index=i), (*path, ("attribute" if by_attribute else "item", k)), places)
            for i, k in enumerate(keys)
        ]
        if t.form is COMPLEX:
            for item, key in zip(items, t.form.keys, strict=True):
                give_name(s, item, f"{node.name}.{key}")
            return Compound("complex", None, items)
        if t.form.kind == "namedtuple":
            return Compound("tuple", t.form.python_class, items)
        kind = {"dataclass": "instance"}.get(t.form.kind, t.form.kind)
        obj = Obj(kind, t.form.python_class if kind == "instance" else None, span=s.span)
        content = {"list": "items", "dict": "entries", "instance": "fields"}[kind]
        s.store.set(obj, Compound(content, None if kind == "list" else t.form.keys, items))
    elif isinstance(t, Array):
        obj = Obj("array", span=s.span)
        s.store.set(obj, node)
    else:
        raise s.refuse(
            "unsupported-argument",
            f"an argument of type {t} cannot be compiled",
            help="pass numbers, arrays, and tuples, lists, dicts and dataclasses of them",
        )
    if places is not None:
        places[obj] = path
    return Ref(obj)


def pack(s: Specializer, v: Any) -> Node:
    """The node of a result: numbers and arrays in tuples and records."""
    b = s.b
    if isinstance(v, Conflict):
        raise unreadable(v, s.span)
    if is_number(v):
        return b.convert(v, to=INT) if v.type.narrow else v
    if isinstance(v, Known):
        if v.value is None or isinstance(v.value, str):
            return s.b.constant(NONE if v.value is None else Static(v.value), v.value)
        raise s.refuse(
            "unsupported-result",
            f"{s.describe(v)} cannot be returned from compiled code",
            help="return what it computes: numbers, arrays, strings or None",
        )
    if is_complex(v):
        return complexes.pack(s, v)
    if isinstance(v, Compound) and v.kind == "tuple":
        items = [pack(s, c) for c in v.children]
        if v.head is None:
            return b.make_tuple(*items)
        return b.make_record(*items, form=Form.of_class("namedtuple", v.head, v.head._fields))
    if isinstance(v, Ref) and v.obj.kind in ("list", "dict", "instance"):
        content = objects.content(s, v)
        if content.kind == "growing":
            return _columns(s, content)
        items = [pack(s, c) for c in content.children]
        form = (
            Form("list", "list", range(len(items)))
            if v.obj.kind == "list"
            else Form("dict", "", content.head)
            if v.obj.kind == "dict"
            else Form.of_class("dataclass", v.obj.head, content.head)
        )
        return b.make_record(*items, form=form)
    found: Node | None = s.arrays.pack(s, v)
    if found is not None:
        return found
    raise s.refuse(
        "unsupported-result",
        f"{s.describe(v)} cannot be returned from compiled code",
        help="return what it computes: numbers, arrays, and tuples, lists, dicts and dataclasses of them",
    )


def _columns(s: Specializer, content: Compound) -> Node:
    """A list that grew, as an array for each number of its items."""
    (node,) = content.children
    types = leaf_types(content.head)
    if content.head[0] != "leaf" and any(c[0] != "leaf" for c in content.head[3]):
        raise s.refuse(
            "unsupported-result",
            "a list of nested tuples cannot be returned from compiled code",
            help="return lists of numbers or of plain tuples",
        )
    size = s.b.list_size(node)
    columns = [s.b.list_column(node, size, leaf=k, to=Array(t.strong, (fresh_dim(),))) for k, t in enumerate(types)]  # type: ignore[attr-defined]
    form = COLUMN if content.head[0] == "leaf" else Form("growing", "irad.columns", [f"c{k}" for k in range(len(columns))])
    return s.b.make_record(*columns, form=form)


def prune(module: Module) -> None:
    """Drop the graphs that nothing calls: attempts that were given up."""
    seen, todo = {module.entry}, [module.entry]
    while todo:
        g = todo.pop()
        for node in g.body:
            for h in node.graphs:
                if h not in seen:
                    seen.add(h)
                    todo.append(h)
    module.graphs = [g for g in module.graphs if g in seen]
