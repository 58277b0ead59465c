"""Built-ins on numbers: conversions, abs, pow, divmod; min, max, sum, any, all and math.prod."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.numpy import python
from irad.specialize import instances, objects, operators
from irad.specialize.library.elementary import to_int
from irad.specialize.library.table import HANDLERS, Handler, handles, in_python, need
from irad.specialize.numbers import as_float, as_int, common, fitting
from irad.specialize.values import Compound, Known, is_number
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, Scalar

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


@handles(abs)
def _abs(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "abs", args, kwargs, 1)
    (x,) = args
    if is_number(x):
        return s.b.abs(as_int(s, x))
    method = instances.special_method(s, x, "__abs__")
    if method is not None:
        return s.call(method, [], {})
    if s.arrays.is_array(s, x):
        return s.arrays.handler(s, np.abs)(s, args, {})
    raise s.refuse(
        "type-mismatch", f"abs() takes a number, not {s.describe(x)}", help="take it of each item: [abs(y) for y in x]"
    )


@handles(float)
def _float(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "float", args, kwargs, 0, 1)
    if not args:
        return literal(0.0)
    if isinstance(args[0], Known) and isinstance(args[0].value, str):
        try:
            return literal(float(args[0].value))
        except ValueError as e:
            s.b.raise_(error="ValueError", message=str(e).replace("{", "{{").replace("}", "}}"))
            raise s.Bottom from None
    return _of_python(s, as_float(s, s.as_scalar(args[0]), "float()"), FLOAT)


def _of_python(s: Specializer, x: Node, t: Scalar) -> Node:
    """A number as Python's own, which takes the dtype of what it meets."""
    x = s.convert(x, t)
    return x if x.type is t else s.b.convert(x, to=t)


@handles(int)
def _int(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "int", args, kwargs, 0, 1)
    if not args:
        return literal(0)
    x = s.as_scalar(args[0])
    if is_number(x) and x.type.kind in "ib":
        return _of_python(s, as_int(s, x), INT)
    return to_int(s, s.b.trunc(as_float(s, x, "int()")))


@handles(bool)
def _bool(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "bool", args, kwargs, 0, 1)
    return operators.truth(s, args[0]) if args else literal(False)


def _machine(t: Scalar) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, str(t.dtype), args, kwargs, 1)
        x = s.as_scalar(args[0])
        if not is_number(x):
            raise s.refuse(
                "type-mismatch",
                f"{t.dtype}() takes a number, not {s.describe(x)}",
                help="convert each item: [float(y) for y in x]",
            )
        return x if x.type is t else s.b.convert(fitting(s, x, t), to=t)

    return call


for _class, _scalar in ((np.float64, F64), (np.float32, F32), (np.int64, I64), (np.int32, I32), (np.bool_, BOOL)):
    HANDLERS[_class] = _machine(_scalar)


@handles(pow)
def _pow(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "pow", args, kwargs, 2)
    return operators.binary(s, "**", *args)


@handles(divmod)
def _divmod(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "divmod", args, kwargs, 2)
    found = operators.users_method(s, "__divmod__", "__rdivmod__", *args)
    if found is not None:
        return found
    return Compound("tuple", None, [operators.binary(s, "//", *args), operators.binary(s, "%", *args)])


def _extreme(name: str, op: str, over: Callable[..., Any]) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        default = kwargs.pop("default", None)
        if kwargs:
            raise s.refuse(
                "unsupported-keyword",
                f"{name}() with `{next(iter(kwargs))}` cannot be compiled",
                help="write the loop out",
            )
        if len(args) == 1:
            items = objects.static_items(s, args[0])
            if items is None:
                if default is not None:
                    raise s.refuse(
                        "unsupported-keyword",
                        f"{name}() with `default` over an iterable of unknown length",
                        help="test the length first",
                    )
                return (yield in_python(s, over, args))
            if not items and default is not None:
                return default
            args = items
        if not args:
            s.b.raise_(error="ValueError", message=f"{name}() iterable argument is empty")
            raise s.Bottom
        best = args[0]
        for x in args[1:]:
            better = operators.compare(s, op, x, best)
            if hasattr(better, "send"):
                better = yield better
            best = _chosen(s, better, x, best, name)
        return best

    return call


def _chosen(s: Specializer, test: Node, x: Any, y: Any, name: str) -> Any:
    if isinstance(test, Constant):
        return x if test.value else y
    if not (is_number(x) and is_number(y)):
        raise s.refuse(
            "type-mismatch",
            f"{name}() compares numbers, not {s.describe(x)} and {s.describe(y)}",
            help="compare one number of each; np.maximum and np.minimum take arrays",
        )
    if x.type is not y.type:
        x, y, _ = common(s, x, y, name)
    return s.b.select(test, x, y)


HANDLERS[min] = _extreme("min", "<", python.min_)
HANDLERS[max] = _extreme("max", ">", python.max_)


@handles(sum)
def _sum(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    start = kwargs.pop("start", None)
    need(s, "sum", args, kwargs, 1, 2)
    start = start if start is not None else args[1] if len(args) == 2 else literal(0)
    items = objects.static_items(s, args[0])
    if items is None:
        return (yield in_python(s, python.sum_, [args[0], start]))
    total = start
    for x in items:
        total = operators.binary(s, "+", total, x)
        if hasattr(total, "send"):
            total = yield total
    return total


def _over(name: str, function: Any) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        need(s, name, args, kwargs, 1)
        return in_python(s, function, args)

    return call


@handles(sorted)
def _sorted(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    reverse = kwargs.pop("reverse", literal(False))
    need(s, "sorted", args, kwargs, 1)
    if not isinstance(reverse, Constant):
        raise s.needs_static("reverse must be known at compile time", "write reverse=True or reverse=False")
    return in_python(s, python.sorted_, [args[0], reverse])


HANDLERS[any] = _over("any", python.any_)
HANDLERS[all] = _over("all", python.all_)


@handles(math.prod)
def _prod(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    start = kwargs.pop("start", literal(1))
    need(s, "prod", args, kwargs, 1)
    total = start
    for x in objects.known_items(s, args[0]):
        total = operators.binary(s, "*", total, x)
        if hasattr(total, "send"):
            total = yield total
    return total
