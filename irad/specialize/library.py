"""What Python's built-ins, `math` and NumPy's functions mean on abstract values: a table from callables to handlers.

A handler takes (s, args, kwargs) and gives a value, or a task that gives one.
"""

from __future__ import annotations

import builtins
import dataclasses
import difflib
import functools
import inspect
import math
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from irad.errors import CompileError
from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task, run
from irad.specialize import objects, operators, prelude
from irad.specialize.numbers import as_float, as_int, common, known_int
from irad.specialize.objects import is_list, is_tuple, joined_text, new_dict, new_list
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, Scalar

__all__ = [
    "Iteration",
    "call_method",
    "collect",
    "emit_raise",
    "getattr_",
    "handler",
    "iteration",
    "joined_text",
    "known_mapping",
    "new_dict",
    "new_list",
    "setattr_",
    "text_parts",
    "unknown_call",
]

Handler = Callable[[Any, list[Any], dict[str, Any]], Any]
HANDLERS: dict[Any, Handler] = {}


def handles(*callables: Any) -> Callable[[Handler], Handler]:
    def register(f: Handler) -> Handler:
        for c in callables:
            HANDLERS[c] = f
        return f

    return register


def handler(s: Any, value: Any) -> Handler | None:
    """The meaning of a callable that is not the user's."""
    try:
        found = HANDLERS.get(value)
    except TypeError:
        return None
    if found is not None:
        return found
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return lambda s, args, kwargs: Compound("exception", value, args)
        if (
            dataclasses.is_dataclass(value)
            or hasattr(value, "_fields")
            or isinstance(vars(value).get("__init__"), FunctionType)
        ):
            return lambda s, args, kwargs: objects.make_instance(s, value, args, kwargs)
    return s.arrays.handler(s, value)  # type: ignore[no-any-return]


def unknown_call(s: Any, value: Any) -> CompileError:
    """The refusal of a callable that irad has no meaning for, with the nearest name it knows."""
    name = getattr(value, "__name__", repr(value))
    module = (getattr(value, "__module__", "") or "").split(".")[0]
    label = f"{module}.{name}" if module not in ("", "builtins") else name
    known = sorted({c.__name__ for c in HANDLERS if hasattr(c, "__name__")})
    near = difflib.get_close_matches(name, known, 1)
    help = (
        f"did you mean `{near[0]}`?"
        if near and near[0] != name
        else "write it out in Python, or call it outside the compiled function"
    )
    return s.refuse("unsupported-call", f"`{label}` cannot be compiled", help=help)  # type: ignore[no-any-return]


def need(s: Any, name: str, args: list[Any], kwargs: dict[str, Any], least: int, most: int | None = None) -> None:
    """Refuse a wrong number of arguments, and any keyword."""
    most = least if most is None else most
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise s.refuse("wrong-arguments", f"{name}() takes {wanted} arguments, not {len(args)}")
    if kwargs:
        raise s.refuse("unsupported-keyword", f"{name}() with the keyword `{next(iter(kwargs))}` cannot be compiled")


# -- elementary functions: math's on Python floats, NumPy's on scalars and arrays -----------------------------------------

UNARY = {
    "sqrt": "sqrt",
    "exp": "exp",
    "exp2": "exp2",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "log2": "log2",
    "log10": "log10",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "erf": "erf",
    "erfc": "erfc",
    "cbrt": "cbrt",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "fabs": "abs",
}
NUMPY_NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}
BINARY = {"atan2": "atan2", "hypot": "hypot", "copysign": "copysign", "fmod": "fmod", "pow": "pow"}


def _math_unary(name: str, prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, name, args, kwargs, 1)
        x = as_float(s, args[0], f"{name}()")
        return s.b.apply(s.b.primitives[prim], (s.convert(x, FLOAT),))  # type: ignore[no-any-return]

    return call


def _math_binary(name: str, prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, name, args, kwargs, 2)
        x, y = (s.convert(as_float(s, a, f"{name}()"), FLOAT) for a in args)
        return s.b.apply(s.b.primitives[prim], (x, y))  # type: ignore[no-any-return]

    return call


for _name, _prim in UNARY.items():
    if hasattr(math, _name):
        HANDLERS[getattr(math, _name)] = _math_unary(_name, _prim)
for _name, _prim in BINARY.items():
    HANDLERS[getattr(math, _name)] = _math_binary(_name, _prim)


@handles(math.log)
def _log(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "log", args, kwargs, 1, 2)
    xs = [s.b.log(s.convert(as_float(s, a, "log()"), FLOAT)) for a in args]
    return xs[0] if len(xs) == 1 else s.b.div(*xs)  # type: ignore[no-any-return]


@handles(math.hypot)
def _hypot(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
    xs = [s.convert(as_float(s, a, "hypot()"), FLOAT) for a in args]
    if not xs:
        return literal(0.0)
    result = s.b.abs(xs[0]) if len(xs) == 1 else xs[0]
    for x in xs[1:]:
        result = s.b.hypot(result, x)
    return result  # type: ignore[no-any-return]


def _to_int(s: Any, x: Node) -> Node:
    """A float that is an integer already, as an int; Python's errors where it does not fit."""
    b = s.b
    b.assert_(b.not_(b.isnan(x)), error="ValueError", message="cannot convert float NaN to integer")
    b.assert_(
        b.lt(b.abs(x), constant(x.type, 9223372036854775808.0)),
        x,
        error="OverflowError",
        message="cannot convert float {0} to a 64-bit integer",
    )
    return b.convert(x, to=INT)  # type: ignore[no-any-return]


def _rounding(name: str, prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        need(s, name, args, kwargs, 1)
        (x,) = args
        method = objects.special_method(s, x, f"__{name}__")
        if method is not None:
            return s.call(method, [], {})
        if is_number(x) and x.type.kind in "ib":
            return as_int(s, x)
        return _to_int(s, s.b.apply(s.b.primitives[prim], (as_float(s, x, f"{name}()"),)))

    return call


for _name in ("floor", "ceil", "trunc"):
    HANDLERS[getattr(math, _name)] = _rounding(_name, _name)


@handles(round)
def _round(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "round", args, kwargs, 1, 2)
    if len(args) == 2 and not (isinstance(args[1], Known) and args[1].value is None):
        raise s.refuse(
            "unsupported-round",
            "round() to a number of digits cannot be compiled: Python rounds the decimal text",
            help="scale by a power of ten and use round(), or np.round",
        )
    return _rounding("round", "rint")(s, args[:1], {})


def _test(prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, prim, args, kwargs, 1)
        return s.b.apply(s.b.primitives[prim], (as_float(s, args[0], f"{prim}()"),))  # type: ignore[no-any-return]

    return call


for _name in ("isnan", "isinf", "isfinite"):
    HANDLERS[getattr(math, _name)] = _test(_name)


@handles(math.degrees)
def _degrees(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "degrees", args, kwargs, 1)
    return s.b.mul(as_float(s, args[0]), literal(180.0 / math.pi))  # type: ignore[no-any-return]


@handles(math.radians)
def _radians(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "radians", args, kwargs, 1)
    return s.b.mul(as_float(s, args[0]), literal(math.pi / 180.0))  # type: ignore[no-any-return]


# -- built-ins on numbers -------------------------------------------------------------------------------------------------


@handles(abs)
def _abs(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "abs", args, kwargs, 1)
    (x,) = args
    if is_number(x):
        return s.b.abs(as_int(s, x))
    method = objects.special_method(s, x, "__abs__")
    if method is not None:
        return s.call(method, [], {})
    if s.arrays.is_array(s, x):
        return s.arrays.handler(s, np.abs)(s, args, {})
    raise s.refuse("type-mismatch", f"abs() takes a number, not {s.describe(x)}")


@handles(float)
def _float(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "float", args, kwargs, 0, 1)
    if not args:
        return literal(0.0)
    if isinstance(args[0], Known) and isinstance(args[0].value, str):
        return literal(float(args[0].value))
    x = s.as_scalar(args[0])
    return s.convert(as_float(s, x, "float()"), FLOAT)


@handles(int)
def _int(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "int", args, kwargs, 0, 1)
    if not args:
        return literal(0)
    x = s.as_scalar(args[0])
    if is_number(x) and x.type.kind in "ib":
        return s.convert(as_int(s, x), INT)
    return _to_int(s, s.b.trunc(as_float(s, x, "int()")))


@handles(bool)
def _bool(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "bool", args, kwargs, 0, 1)
    return operators.truth(s, args[0]) if args else literal(False)


def _machine(t: Scalar) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, str(t.dtype), args, kwargs, 1)
        x = s.as_scalar(args[0])
        if not is_number(x):
            raise s.refuse("type-mismatch", f"{t.dtype}() takes a number, not {s.describe(x)}")
        return x if x.type is t else s.b.convert(x, to=t)  # type: ignore[no-any-return]

    return call


for _class, _scalar in ((np.float64, F64), (np.float32, F32), (np.int64, I64), (np.int32, I32), (np.bool_, BOOL)):
    HANDLERS[_class] = _machine(_scalar)


@handles(pow)
def _pow(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "pow", args, kwargs, 2)
    return operators.binary(s, "**", *args)


@handles(divmod)
def _divmod(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "divmod", args, kwargs, 2)
    return Compound("tuple", None, [operators.binary(s, "//", *args), operators.binary(s, "%", *args)])


def _extreme(name: str, op: str, over: Callable[..., Any]) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
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
                return (yield s.call_function(s.function_value(over), args, {}))
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


def _chosen(s: Any, test: Node, x: Any, y: Any, name: str) -> Any:
    if isinstance(test, Constant):
        return x if test.value else y
    if not (is_number(x) and is_number(y)):
        raise s.refuse("type-mismatch", f"{name}() takes numbers, not {s.describe(x)} and {s.describe(y)}")
    if x.type is not y.type:
        x, y, _ = common(s, x, y, name)
    return s.b.select(test, x, y)


HANDLERS[min] = _extreme("min", "<", prelude.min_)
HANDLERS[max] = _extreme("max", ">", prelude.max_)


@handles(sum)
def _sum(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    start = kwargs.pop("start", None)
    need(s, "sum", args, kwargs, 1, 2)
    start = start if start is not None else args[1] if len(args) == 2 else literal(0)
    items = objects.static_items(s, args[0])
    if items is None:
        return (yield s.call_function(s.function_value(prelude.sum_), [args[0], start], {}))
    total = start
    for x in items:
        total = operators.binary(s, "+", total, x)
        if hasattr(total, "send"):
            total = yield total
    return total


def _over(name: str, function: Any) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        need(s, name, args, kwargs, 1)
        return s.call_function(s.function_value(function), args, {})

    return call


HANDLERS[any] = _over("any", prelude.any_)
HANDLERS[all] = _over("all", prelude.all_)


@handles(math.prod)
def _prod(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    start = kwargs.pop("start", literal(1))
    need(s, "prod", args, kwargs, 1)
    total = start
    for x in objects.known_items(s, args[0]):
        total = operators.binary(s, "*", total, x)
        if hasattr(total, "send"):
            total = yield total
    return total


# -- built-ins on structure --------------------------------------------------------------------------------------------------


@handles(len)
def _len(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "len", args, kwargs, 1)
    found = objects.length(s, args[0])
    if found is not None:
        return found
    if isinstance(args[0], Compound) and args[0].kind == "range":
        return s.b.maximum(run(iteration(s, args[0])).trips, literal(0))
    if s.arrays:
        found = s.arrays.length(s, args[0])
        if found is not None:
            return found
    method = objects.special_method(s, args[0], "__len__")
    if method is not None:
        return s.call(method, [], {})
    raise s.refuse("type-mismatch", f"{s.describe(args[0])} has no len()")


@handles(range)
def _range(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    need(s, "range", args, kwargs, 1, 3)
    parts = []
    for a in args:
        x = s.as_scalar(a)
        if not is_number(x) or x.type.kind == "f":
            raise s.refuse("type-mismatch", f"range() takes integers, not {s.describe(a)}", help="write int(...)")
        parts.append(s.convert(as_int(s, x), INT))
    if len(parts) == 1:
        parts.insert(0, literal(0))
    if len(parts) == 2:
        parts.append(literal(1))
    if isinstance(parts[2], Constant) and parts[2].value == 0:
        s.b.raise_(error="ValueError", message="range() arg 3 must not be zero")
        raise s.Bottom
    return Compound("range", None, parts)


@handles(zip)
def _zip(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    strict = kwargs.pop("strict", literal(False))
    need(s, "zip", args, kwargs, 0, 1000)
    return Compound("zip", bool(strict.value), args)


@handles(enumerate)
def _enumerate(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    start = kwargs.pop("start", None)
    need(s, "enumerate", args, kwargs, 1, 2)
    return Compound("enumerate", None, [args[0], start or (args[1] if len(args) == 2 else literal(0))])


@handles(reversed)
def _reversed(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    need(s, "reversed", args, kwargs, 1)
    return Compound("reversed", None, args)


@handles(map)
def _map(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "map", args, kwargs, 2, 10)
    columns = [objects.known_items(s, a) for a in args[1:]]
    out = []
    for items in zip(*columns, strict=False):
        out.append((yield s.call(args[0], list(items), {})))
    return Compound("tuple", None, out)


@handles(tuple)
def _tuple(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "tuple", args, kwargs, 0, 1)
    if not args:
        return Compound("tuple", None, [])
    items = yield from _collected(s, args[0])
    return Compound("tuple", None, items)


@handles(list)
def _list(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "list", args, kwargs, 0, 1)
    if not args:
        return new_list(s, [])
    if isinstance(args[0], Compound) and args[0].kind == "generator":
        return (yield collect(s, args[0], "list"))
    if objects.growing(s, args[0]) is not None:
        return _copied(s, args[0])
    items = yield from _collected(s, args[0])
    return new_list(s, items)


def _collected(s: Any, v: Any) -> Task:
    if isinstance(v, Compound) and v.kind == "generator":
        v = yield collect(s, v, "list")
    return objects.known_items(s, v)


@handles(dict)
def _dict(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if args:
        keys = objects.dict_keys(s, args[0])
        if keys is None:
            raise s.refuse("type-mismatch", f"dict() takes a dict or keywords here, not {s.describe(args[0])}")
        table = objects.content(s, args[0])
        merged = {**dict(zip(table.head, table.children, strict=True)), **kwargs}
    else:
        merged = kwargs
    return new_dict(s, [Known(k) if isinstance(k, str) else literal(k) for k in merged], list(merged.values()))


def collect(s: Any, generator: Compound, kind: str) -> Task:
    """A list or dict of what a comprehension yields."""
    function = prelude.dict_ if kind == "dict" else prelude.list_
    return s.call_function(s.function_value(function), [generator], {})  # type: ignore[no-any-return]


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
}


@handles(isinstance)
def _isinstance(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "isinstance", args, kwargs, 2)
    v, classes = args
    wanted = (
        [c.value for c in classes.children] if is_tuple(classes) else [classes.value] if isinstance(classes, Known) else None
    )
    if wanted is None or not all(isinstance(c, type) for c in wanted):
        raise s.refuse("type-mismatch", "isinstance() takes a class or a tuple of classes")
    return literal(any(_is_a(s, v, c) for c in wanted))


def _is_a(s: Any, v: Any, cls: type) -> bool:
    if is_number(v):
        test = CLASSES.get(cls)
        if test is None and inspect.isabstract(cls) is False and cls.__module__ == "numbers":
            return issubclass({"f": float, "i": int, "b": bool}[v.type.kind], cls)
        return bool(test and test(v.type))
    if is_tuple(v):
        return issubclass(v.head or tuple, cls)
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
def _callable(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "callable", args, kwargs, 1)
    (v,) = args
    return literal(
        (isinstance(v, Compound) and v.kind in ("function", "method", "partial", "transform"))
        or (isinstance(v, Known) and callable(v.value))
    )


@handles(getattr)
def _getattr_call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "getattr", args, kwargs, 2)
    if not (isinstance(args[1], Known) and isinstance(args[1].value, str)):
        raise s.refuse("not-static", "the name of an attribute must be known at compile time")
    return getattr_(s, args[0], args[1].value)


@handles(functools.partial)
def _partial(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return Compound("partial", (len(args) - 1, tuple(kwargs)), [*args, *kwargs.values()])


@handles(dataclasses.replace)
def _replace(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "replace", args, {}, 1)
    (v,) = args
    cls = objects.class_of(v)
    if cls is None or not objects.is_instance(v):
        raise s.refuse("type-mismatch", f"replace() takes a dataclass instance, not {s.describe(v)}")
    fields = objects.content(s, v)
    init = {f.name for f in dataclasses.fields(cls) if f.init}
    values = {k: x for k, x in zip(fields.head, fields.children, strict=True) if k in init}
    return (yield objects.make_instance(s, cls, [], {**values, **kwargs}))


@handles(print)
def _print(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    sep = kwargs.pop("sep", Known(" "))
    need(s, "print", args, kwargs, 0, 1000)
    parts: list[Any] = []
    for i, a in enumerate(args):
        parts += ([sep] if i else []) + [a]
    text, values = text_parts(s, Compound("text", None, parts))
    s.b.print_(*values, format=text)
    return Known(None)


@handles(str)
def _str(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "str", args, kwargs, 0, 1)
    return joined_text(s, [Compound("format", ("s", ""), args)]) if args else Known("")


# -- text and exceptions --------------------------------------------------------------------------------------------------


def text_parts(s: Any, v: Any) -> tuple[str, list[Node]]:
    """A format string and the nodes that it shows."""
    nodes: list[Node] = []
    out: list[str] = []

    def show(x: Any, conversion: str = "", spec: str = "") -> None:
        if is_number(x) and not isinstance(x, Constant):
            out.append("{" + str(len(nodes)) + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}")
            nodes.append(x)
        elif isinstance(x, (Known, Constant)):
            value = {"r": repr, "a": ascii}.get(conversion, lambda y: y)(x.value)
            out.append(format(value, spec).replace("{", "{{").replace("}", "}}"))
        elif isinstance(x, Compound) and x.kind == "text":
            for c in x.children:
                show(c)
        elif isinstance(x, Compound) and x.kind == "format":
            show(x.children[0], *x.head)
        elif is_tuple(x) or is_list(x):
            items = list(objects.known_items(s, x))
            out.append("(" if is_tuple(x) else "[")
            for i, c in enumerate(items):
                out.append(", " if i else "")
                show(c, "r")
            out.append(",)" if is_tuple(x) and len(items) == 1 else ")" if is_tuple(x) else "]")
        else:
            raise s.refuse(
                "unsupported-text",
                f"{s.describe(x)} cannot be shown by compiled code",
                help="show numbers, strings, or tuples of them",
            )

    show(v)
    return "".join(out), nodes


def emit_raise(s: Any, v: Any) -> None:
    """raise v."""
    cls, args = (
        (v.value, [])
        if isinstance(v, Known)
        else (v.head, list(v.children))
        if isinstance(v, Compound) and v.kind == "exception"
        else (None, [])
    )
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        raise s.refuse(
            "unsupported-raise", f"{s.describe(v)} cannot be raised", help="raise a built-in exception with a message"
        )
    name = cls.__name__
    if getattr(builtins, name, None) is not cls:
        raise s.refuse(
            "unsupported-raise",
            f"`{name}` is not a built-in exception",
            help="raise ValueError, RuntimeError, ... and translate outside",
        )
    if len(args) > 1:
        raise s.refuse("unsupported-raise", "an exception takes one message here", help="use an f-string")
    text, values = text_parts(s, args[0]) if args else ("", [])
    s.b.raise_(*values, error=name, message=text)


# -- attributes and methods -----------------------------------------------------------------------------------------------


def getattr_(s: Any, v: Any, name: str) -> Any:
    """v.name; a task for properties."""
    if isinstance(v, Known):
        return _static_attribute(s, v.value, name)
    found = objects.getattr_(s, v, name)
    if found is not None:
        return found
    found = s.arrays.getattr_(s, v, name)
    if found is not None:
        return found
    if is_number(v) and name in NUMBER_ATTRIBUTES:
        return NUMBER_ATTRIBUTES[name](s, v)
    kind = v.obj.kind if isinstance(v, Ref) else v.kind if isinstance(v, Compound) else "number"
    if (kind, name) in METHODS:
        return Compound("built-in method", (kind, name), [v])
    if isinstance(v, Compound) and v.kind == "partial" and name == "func":
        return v.children[0]
    near = difflib.get_close_matches(name, [n for k, n in METHODS if k == kind] + list(NUMBER_ATTRIBUTES), 1)
    raise s.refuse(
        "unsupported-attribute",
        f"`.{name}` of {s.describe(v)} cannot be compiled",
        help=f"did you mean `.{near[0]}`?" if near else "",
    )


def _static_attribute(s: Any, value: Any, name: str) -> Any:
    try:
        found = getattr(value, name)
    except AttributeError:
        if value is None:
            raise s.refuse(
                "none-attribute",
                f"None has no attribute `{name}`: the value may be None on this path",
                help="test it with `is None` first",
            ) from None
        near = difflib.get_close_matches(name, dir(value), 1)
        raise s.refuse(
            "unknown-attribute",
            f"{getattr(value, '__name__', value)!r} has no attribute `{name}`",
            help=f"did you mean `{near[0]}`?" if near else "",
        ) from None
    if isinstance(value, str):
        return Compound("built-in method", ("text", name), [Known(value)])
    if not (isinstance(value, ModuleType) and value.__name__.split(".")[0] in ("math", "numpy", "scipy", "irad")):
        s.object_guards.append((value, name, found))
    return s.from_python(found)


NUMBER_ATTRIBUTES: dict[str, Callable[[Any, Any], Any]] = {
    "real": lambda s, v: v,
    "imag": lambda s, v: constant(v.type, 0.0 if v.type.kind == "f" else 0),
    "shape": lambda s, v: Compound("tuple", None, []),
    "ndim": lambda s, v: literal(0),
    "size": lambda s, v: literal(1),
    "dtype": lambda s, v: Known(v.type.dtype),
    "T": lambda s, v: v,
}


def setattr_(s: Any, v: Any, name: str, value: Any) -> Any:
    return objects.setattr_(s, v, name, value)


def _list_method(f: Callable[..., Any]) -> Handler:
    return lambda s, args, kwargs: f(s, *args)


def _pop(s: Any, v: Ref, i: Any = None) -> Any:
    found = objects.growing(s, v)
    if found is not None:
        if i is not None and not (isinstance(i, Constant) and i.value == -1):
            raise s.refuse("unsupported-pop", "only the last item of a list of run-time length can be popped")
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


def _copied(s: Any, v: Ref) -> Ref:
    copy = new_list(s, [])
    objects.write(s, copy, objects.content(s, v))
    return copy


def _insert(s: Any, v: Ref, i: Any, value: Any) -> Known:
    items = list(objects.items_of(s, v))
    items.insert(known_int(s, i, "the index of a list"), value)
    objects.write(s, v, Compound("items", None, items))
    return Known(None)


def _reverse(s: Any, v: Ref) -> Known:
    objects.write(s, v, Compound("items", None, reversed(objects.items_of(s, v))))
    return Known(None)


def _clear(s: Any, v: Ref) -> Known:
    objects.write(s, v, Compound("items", None, []))
    return Known(None)


def _extend(s: Any, v: Ref, more: Any) -> Known:
    objects.extend(s, v, more)
    return Known(None)


def _dict_get(s: Any, v: Ref, k: Any, default: Any = None) -> Any:
    return objects.dict_item(s, v, k, default if default is not None else Known(None))


def _static_keys(s: Any, v: Ref) -> list[Any]:
    return objects.known_items(s, v)


METHODS: dict[tuple[str, str], Handler] = {
    ("list", "append"): _list_method(objects.append),
    ("list", "extend"): _list_method(_extend),
    ("list", "pop"): _list_method(_pop),
    ("list", "insert"): _list_method(_insert),
    ("list", "reverse"): _list_method(_reverse),
    ("list", "clear"): _list_method(_clear),
    ("list", "copy"): _list_method(lambda s, v: _copied(s, v)),
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


def _index(s: Any, v: Any, x: Any) -> Node:
    for i, item in enumerate(objects.known_items(s, v)):
        same = run(operators._equality(s, item, x))
        if isinstance(same, Constant) and same.value:
            return literal(i)
        if not isinstance(same, Constant):
            raise s.needs_static("index() of a value known at run time only", "compare in a loop")
    s.b.raise_(error="ValueError", message="value is not in the sequence")
    raise s.Bottom


def _namedtuple_replace(s: Any, v: Compound, kwargs: dict[str, Any]) -> Compound:
    unknown = [k for k in kwargs if v.head is None or k not in v.head._fields]
    if unknown:
        raise s.refuse("wrong-arguments", f"_replace() got an unexpected field name '{unknown[0]}'")
    return Compound("tuple", v.head, [kwargs.get(n, c) for n, c in zip(v.head._fields, v.children, strict=True)])


def call_method(s: Any, head: tuple[str, str], self_: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """A method of a built-in type."""
    yield from ()
    if head[0] == "text":
        if all(isinstance(a, (Known, Constant)) for a in args) and not kwargs:
            value = getattr(self_.value, head[1])(*[a.value for a in args])
            return s.from_python(value) if not isinstance(value, str) else Known(value)
        raise s.refuse(
            "unsupported-text",
            f"str.{head[1]}() on values known at run time only",
            help="use an f-string in raise, assert or print",
        )
    found = METHODS.get(head)
    if found is None:
        found = s.arrays.method(head)
    try:
        value = found(s, [self_, *args], kwargs)
    except TypeError as e:
        if "argument" not in str(e):
            raise
        raise s.refuse("wrong-arguments", f"{head[0]}.{head[1]}(): {str(e).split('() ')[-1]}") from None
    return (yield value) if hasattr(value, "send") else value


def known_mapping(s: Any, v: Any) -> dict[str, Any]:
    """The entries of a dict given as `**`."""
    keys = objects.dict_keys(s, v)
    if keys is None or not all(isinstance(k, str) for k in keys):
        raise s.refuse("type-mismatch", f"`**` takes a dict with string keys, not {s.describe(v)}")
    return dict(zip(keys, objects.content(s, v).children, strict=True))


# -- iteration ------------------------------------------------------------------------------------------------------------


class Iteration:
    """What a `for` runs over: the number of trips, the item of trip i, and `items` where each is known apart."""

    __slots__ = ("item", "items", "trips")

    def __init__(self, trips: Node, item: Callable[[Node], Any], items: list[Any] | None = None) -> None:
        self.trips, self.item, self.items = trips, item, items


def each(s: Any, items: list[Any]) -> Iteration:
    """One item after the other."""
    sequence = Compound("tuple", None, items)
    return Iteration(literal(len(items)), lambda i: objects.sequence_item(s, sequence, i), items)


def iteration(s: Any, v: Any) -> Task:
    yield from ()
    return iteration_now(s, v)


def iteration_now(s: Any, v: Any) -> Iteration:
    b = s.b
    if isinstance(v, Compound):
        if v.kind == "range":
            return _range_iteration(s, v)
        if v.kind == "zip":
            return _zip_iteration(s, v)
        if v.kind == "enumerate":
            inner, start = iteration_now(s, v.children[0]), v.children[1]
            if inner.items is not None:
                return each(s, [Compound("tuple", None, [b.add(start, literal(i)), x]) for i, x in enumerate(inner.items)])
            return Iteration(inner.trips, lambda i: Compound("tuple", None, [b.add(start, i), inner.item(i)]))
        if v.kind == "reversed":
            inner = iteration_now(s, v.children[0])
            if inner.items is not None:
                return each(s, inner.items[::-1])
            last = b.sub(inner.trips, literal(1))
            return Iteration(inner.trips, lambda i: inner.item(b.sub(last, i)))
    if s.arrays.is_array(s, v):
        return s.arrays.iteration(s, v)  # type: ignore[no-any-return]
    found = objects.growing(s, v)
    if found is not None:
        (node,) = found.children
        return Iteration(s.b.list_size(node), lambda i: objects.growing_item(s, v, i))
    items = objects.static_items(s, v)
    if items is None:
        raise s.refuse("not-iterable", f"{s.describe(v)} cannot be iterated over")
    return each(s, items)


def _range_iteration(s: Any, v: Compound) -> Iteration:
    b = s.b
    start, stop, step = v.children
    span = b.sub(stop, start)
    if isinstance(step, Constant):
        k = step.value
        trips = span if k == 1 else b.floordiv(b.add(span, literal(k - 1 if k > 0 else k + 1)), step)
    else:
        b.assert_(b.ne(step, literal(0)), error="ValueError", message="range() arg 3 must not be zero")
        towards = b.select(b.gt(step, literal(0)), literal(-1), literal(1))
        trips = b.floordiv(b.add(span, b.add(step, towards)), step)
    return Iteration(trips, lambda i: b.add(start, b.mul(i, step)))


def _zip_iteration(s: Any, v: Compound) -> Iteration:
    b = s.b
    inner = [iteration_now(s, c) for c in v.children]
    if not inner:
        return each(s, [])
    known = [it.trips.value for it in inner if isinstance(it.trips, Constant)]
    if any(it.items is not None for it in inner) and len(known) == len(inner):
        if v.head and len(set(known)) > 1:
            s.b.raise_(error="ValueError", message="zip() arguments have different lengths")
            raise s.Bottom
        return each(
            s,
            [
                Compound("tuple", None, [it.items[k] if it.items is not None else it.item(literal(k)) for it in inner])
                for k in range(min(known))
            ],
        )
    total = inner[0].trips
    for it in inner[1:]:
        if v.head:
            b.assert_(b.eq(total, it.trips), error="ValueError", message="zip() arguments have different lengths")
        else:
            total = b.minimum(total, it.trips)
    return Iteration(total, lambda i: Compound("tuple", None, [it.item(i) for it in inner]))
