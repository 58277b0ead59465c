"""Built-ins on objects and functions: isinstance, callable, getattr, functools.partial, dataclasses.replace."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.walk import Task
from irad.specialize import instances, objects
from irad.specialize.library.attributes import getattr_
from irad.specialize.library.table import handles, need
from irad.specialize.objects import is_tuple
from irad.specialize.values import Compound, Known, Ref, is_complex, is_number
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

CLASSES: dict[type, Callable[[Any], bool]] = {
    float: lambda t: t is FLOAT or t is F64,
    int: lambda t: t is INT or t is BOOL,
    bool: lambda t: t is BOOL,
    np.floating: lambda t: t.kind == "f" and not t.weak,
    np.integer: lambda t: t.kind == "i" and not t.weak,
    np.float64: lambda t: t is F64,
    np.float32: lambda t: t is F32,
    np.int64: lambda t: t is I64,
    np.int32: lambda t: t is I32,
    np.number: lambda t: t.kind in "fi" and not t.weak,
    np.generic: lambda t: not t.weak and t is not BOOL,
    object: lambda t: True,
    complex: lambda t: False,
    np.complexfloating: lambda t: False,
}


@handles(isinstance)
def _isinstance(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "isinstance", args, kwargs, 2)
    v, classes = args
    wanted = (
        [c.value for c in classes.children] if is_tuple(classes) else [classes.value] if isinstance(classes, Known) else None
    )
    if wanted is None or not all(isinstance(c, type) for c in wanted):
        raise s.refuse(
            "type-mismatch", "isinstance() takes a class or a tuple of classes", help="write isinstance(x, (int, float))"
        )
    return literal(any(_is_a(s, v, c) for c in wanted))


def _is_a(s: Specializer, v: Any, cls: type) -> bool:
    if is_number(v):
        test = CLASSES.get(cls)
        if test is None and inspect.isabstract(cls) is False and cls.__module__ == "numbers":
            return issubclass({"f": float, "i": int, "b": bool}[v.type.kind], cls)
        return bool(test and test(v.type))
    if is_tuple(v):
        return issubclass(v.head or tuple, cls)
    if is_complex(v):
        (re, _) = v.children
        kind = np.ndarray if not is_number(re) else {FLOAT: complex, F64: np.complex128, F32: np.complex64}[re.type]
        return issubclass(kind, cls)
    if isinstance(v, Ref):
        if v.obj.kind == "instance":
            return issubclass(v.obj.head, cls)
        return issubclass({"list": list, "dict": dict, "array": np.ndarray}[v.obj.kind], cls)
    if isinstance(v, Known):
        return isinstance(v.value, cls)
    if isinstance(v, Compound) and v.kind in ("function", "method"):
        return cls in (FunctionType, object)
    return False


@handles(callable)
def _callable(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "callable", args, kwargs, 1)
    (v,) = args
    return literal(
        (isinstance(v, Compound) and v.kind in ("function", "method", "partial", "transform"))
        or (isinstance(v, Known) and callable(v.value))
    )


@handles(getattr)
def _getattr_call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "getattr", args, kwargs, 2)
    if not (isinstance(args[1], Known) and isinstance(args[1].value, str)):
        raise s.refuse(
            "not-static",
            "the name of an attribute must be known at compile time",
            help="write the attribute out, x.name, with `if` where there are several",
        )
    return getattr_(s, args[0], args[1].value)


@handles(functools.partial)
def _partial(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return Compound("partial", (len(args) - 1, tuple(kwargs)), [*args, *kwargs.values()])


@handles(dataclasses.replace)
def _replace(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "replace", args, {}, 1)
    (v,) = args
    cls = objects.class_of(v)
    if cls is None or not objects.is_instance(v):
        raise s.refuse(
            "type-mismatch",
            f"replace() takes a dataclass instance, not {s.describe(v)}",
            help="a NamedTuple has the method _replace; of others make a new one",
        )
    fields = objects.content(s, v)
    init = {f.name for f in dataclasses.fields(cls) if f.init}
    values = {k: x for k, x in zip(fields.head, fields.children, strict=True) if k in init}
    return (yield instances.make_instance(s, cls, [], {**values, **kwargs}))
