"""Python values and types: taking arguments apart into leaves, putting results together, keys that outlive objects.

A leaf is what a register or buffer holds: a number or an array. Static values have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from irad.errors import refuse
from irad.types import COLUMN, COMPLEX, Array, Form, List, Record, Scalar, Static, Struct, Tuple, Type

__all__ = [
    "Keys",
    "Parts",
    "assemble",
    "check_apart",
    "flatten",
    "own",
    "record",
    "resolve",
    "restore",
    "restorer",
    "write_back",
]


def flatten(value: Any, t: Type, out: list[Any]) -> None:
    """Append the leaves of a value of type t."""
    if isinstance(t, Array):
        out.append(np.asarray(value))  # a memmap is one
    elif isinstance(t, (Scalar, List)):
        out.append(value)
    elif isinstance(t, Record) and t.form.kind == "dict":
        for k, u in zip(t.form.keys, t.items, strict=True):
            flatten(value[k], u, out)
    elif isinstance(t, Record) and t.form.kind in ("dataclass", "complex"):
        for k, u in zip(t.form.keys, t.items, strict=True):
            flatten(getattr(value, k), u, out)
    elif isinstance(t, Struct):
        for v, u in zip(value, t.items, strict=True):
            flatten(v, u, out)


def own(array: Any, held: list[Any]) -> Any:
    """An array of a result as the caller gets it: in C order, to be written to, sharing memory with none of `held`, which
    it joins."""
    flags = array.flags
    if not flags.c_contiguous or not flags.writeable or any(np.may_share_memory(array, h) for h in held):
        array = np.array(array, order="C")
    held.append(array)
    return array


def restore(t: Type, leaves: Iterator[Any]) -> Any:
    """The Python value of type t whose leaves are given."""
    return assemble(
        t, lambda u: {"f": float, "i": int, "b": bool}[u.kind](next(leaves)) if isinstance(u, Scalar) else next(leaves)
    )


def assemble(t: Type, leaf: Callable[[Type], Any]) -> Any:
    """A Python value with the structure of type t; leaf gives its leaves, left to right."""
    if isinstance(t, Static):
        return t.value
    if isinstance(t, Tuple):
        return tuple([assemble(u, leaf) for u in t.items])
    if isinstance(t, Record):
        items = [assemble(u, leaf) for u in t.items]
        if t.form.kind == "growing":
            return items[0].tolist() if t.form is COLUMN else list(zip(*[c.tolist() for c in items], strict=True))
        return record(t.form, items)
    return leaf(t)


def record(form: Form, items: list[Any]) -> Any:
    """A list, dict, NamedTuple or dataclass of these fields."""
    if form.kind == "list":
        return items
    if form is COMPLEX:
        return complex_of(*items)
    cls = form.python_class
    if form.kind == "dict" or cls is None:
        return dict(zip(form.keys, items, strict=True))
    if form.kind == "namedtuple":
        return cls(*items)
    made: Any = object.__new__(cls)  # no __init__: the fields are what compiled code left in them
    for k, v in zip(form.keys, items, strict=True):
        object.__setattr__(made, k, v)
    return made


def complex_of(re: Any, im: Any) -> Any:
    """The complex number or array of two parts."""
    if not isinstance(re, np.ndarray):
        return complex(re, im)
    made = np.empty(re.shape, np.result_type(re.dtype, np.complex64))
    made.real, made.imag = re, im
    return made


def restorer(t: Type) -> Callable[[tuple[Any, ...]], Any]:
    """`restore` for results of one type."""
    return lambda leaves: restore(t, iter(leaves))


Part = tuple[Any, str, Any]  # an object, one of its attributes, and its value
Parts = Sequence[Part]


class Keys:
    """Keys for values that code is specialized for: equal for functions of the same code and the same kinds of captures.
    `parts`: what of functions and their cells the keys were made from; those of equal keys correspond."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.parts: list[Part] = []

    def of(self, value: Any) -> Any:
        if isinstance(value, FunctionType):
            if id(value) in self.seen:
                return ("again", self.seen[id(value)])
            self.seen[id(value)] = len(self.seen)
            code, given, named = value.__code__, value.__defaults__, value.__kwdefaults__
            self.parts += [(value, "__code__", code), (value, "__defaults__", given), (value, "__kwdefaults__", named)]
            cells = [self._cell(c) for c in value.__closure__ or ()]
            defaults = [self.of(d) for d in given or ()]
            keyword = [(k, self.of(d)) for k, d in (named or {}).items()]
            return ("function", code, id(value.__globals__), tuple(cells), tuple(defaults), tuple(keyword))
        if isinstance(value, MethodType):
            return ("method", self.of(value.__func__), self.of(value.__self__))
        if isinstance(value, partial):
            keywords = [(k, self.of(a)) for k, a in value.keywords.items()]
            return ("partial", self.of(value.func), tuple(map(self.of, value.args)), tuple(keywords))
        if isinstance(value, tuple) and type(value) is tuple:
            return ("tuple", tuple(map(self.of, value)))
        if value is None or isinstance(value, (str, bool, int, float, np.generic)):
            return (type(value), value, np.signbit(value) if isinstance(value, float) else None)
        if isinstance(value, complex):
            return (complex, value, np.signbit(value.real), np.signbit(value.imag))
        return Identity(value)

    def _cell(self, cell: CellType) -> Any:
        try:
            value = cell.cell_contents
        except ValueError:
            return "empty"
        if isinstance(value, (bool, int, float, complex, np.generic)):
            return type(value)  # read at each call: only the type is compiled in
        self.parts.append((cell, "cell_contents", value))
        return self.of(value)


def resolve(path: Sequence[Any], compiled: Any, arguments: Sequence[Any]) -> Any:
    """The value at the end of a path from a compiled function or its arguments."""
    value: Any = None
    for kind, *where in path:
        if kind == "compiled":
            value = compiled
        elif kind == "argument":
            value = arguments[where[0]]
        elif kind == "object":
            value = where[0]
        elif kind == "cell":
            value = value.__closure__[value.__code__.co_freevars.index(where[0])].cell_contents
        elif kind == "item":
            value = value[where[0]]
        elif kind == "func":
            value = value.__func__ if isinstance(value, MethodType) else value.func
        elif kind == "self":
            value = value.__self__
        elif kind == "given":
            value = value.args[where[0]]
        elif kind == "keyword":
            value = value.keywords[where[0]]
        elif kind == "default":
            value = value.__defaults__[where[0]]
        elif kind == "keyword default":
            value = value.__kwdefaults__[where[0]]
        elif kind == "global":
            value = where[0][where[1]]
        elif kind == "attribute":
            value = getattr(value, where[0])
        elif kind == "core":
            value = value._irad.fn  # of what `compile` returned
        else:
            value = value.fn  # "fn": of a transform
    return value


def write_back(target: Any, new: Any) -> None:
    """Make an argument what the compiled function left it as."""
    if isinstance(target, np.ndarray):
        np.copyto(target, new)
    elif isinstance(target, list):
        target[:] = new
    elif isinstance(target, dict):
        target.clear()
        target.update(new)
    else:
        for name in new.__dataclass_fields__:
            setattr(target, name, getattr(new, name))


def check_apart(written: Sequence[Any], arguments: Sequence[Any]) -> None:
    """Refuse a call whose written arguments are also other arguments, or share memory with them."""
    seen: list[Any] = []
    todo = list(arguments)
    while todo:
        v = todo.pop()
        if isinstance(v, (list, tuple)):
            todo.extend(v)
        elif isinstance(v, dict):
            todo.extend(v.values())
        elif hasattr(v, "__dataclass_fields__"):
            todo.extend(getattr(v, n) for n in v.__dataclass_fields__)
        if isinstance(v, (np.ndarray, list, dict)) or hasattr(v, "__dataclass_fields__"):
            seen.append(v)
    for w in written:
        same = [
            v for v in seen if v is w or (isinstance(v, np.ndarray) and isinstance(w, np.ndarray) and np.may_share_memory(v, w))
        ]
        if len(same) > 1:
            raise refuse(
                "aliased-arguments",
                "an argument that the function writes to shares memory with another argument",
                help="pass a copy of one: x.copy()",
            )


class Identity:
    """An object as a key, by identity; it stays alive with the key."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
