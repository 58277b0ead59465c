"""Elementary functions: those of `math` on Python floats, and rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.numpy import python
from irad.specialize import instances
from irad.specialize.library.table import HANDLERS, Handler, handles, in_python, need
from irad.specialize.numbers import as_float, as_int
from irad.specialize.values import Known, is_number
from irad.types import FLOAT, INT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

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
    "lgamma": "lgamma",
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
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, name, args, kwargs, 1)
        x = as_float(s, args[0], f"{name}()")
        return s.b.apply(s.b.primitives[prim], (s.convert(x, FLOAT),))

    return call


def _math_binary(name: str, prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, name, args, kwargs, 2)
        x, y = (s.convert(as_float(s, a, f"{name}()"), FLOAT) for a in args)
        return s.b.apply(s.b.primitives[prim], (x, y))

    return call


for _name, _prim in UNARY.items():
    if hasattr(math, _name):
        HANDLERS[getattr(math, _name)] = _math_unary(_name, _prim)
for _name, _prim in BINARY.items():
    HANDLERS[getattr(math, _name)] = _math_binary(_name, _prim)


@handles(math.log)
def _log(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "log", args, kwargs, 1, 2)
    xs = [s.b.log(s.convert(as_float(s, a, "log()"), FLOAT)) for a in args]
    return xs[0] if len(xs) == 1 else s.b.div(*xs)


@handles(math.hypot)
def _hypot(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
    xs = [s.convert(as_float(s, a, "hypot()"), FLOAT) for a in args]
    if not xs:
        return literal(0.0)
    result = s.b.abs(xs[0]) if len(xs) == 1 else xs[0]
    for x in xs[1:]:
        result = s.b.hypot(result, x)
    return result


def to_int(s: Specializer, x: Node) -> Node:
    """A float that is an integer already, as an int; Python's errors where it does not fit."""
    b = s.b
    b.assert_(b.not_(b.isnan(x)), error="ValueError", message="cannot convert float NaN to integer")
    b.assert_(
        b.lt(b.abs(x), constant(x.type, 9223372036854775808.0)),
        x,
        error="OverflowError",
        message="cannot convert float {0} to a 64-bit integer",
    )
    return b.convert(x, to=INT)


def rounding(name: str, prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        need(s, name, args, kwargs, 1)
        (x,) = args
        method = instances.special_method(s, x, f"__{name}__")
        if method is not None:
            return s.call(method, [], {})
        if is_number(x) and x.type.kind in "ib":
            return as_int(s, x)
        return to_int(s, s.b.apply(s.b.primitives[prim], (as_float(s, x, f"{name}()"),)))

    return call


for _name in ("floor", "ceil", "trunc"):
    HANDLERS[getattr(math, _name)] = rounding(_name, _name)


@handles(round)
def _round(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "round", args, kwargs, 1, 2)
    if len(args) == 1 or (isinstance(args[1], Known) and args[1].value is None):
        return rounding("round", "rint")(s, args[:1], {})
    x, digits = args
    if not is_number(x):
        raise s.refuse("type-mismatch", f"round() takes a number, not {s.describe(x)}", help="round an array by np.round")
    if not (isinstance(digits, Constant) and isinstance(digits.value, int) and 0 <= digits.value <= 22):
        raise s.refuse(
            "unsupported-round",
            "round() to a number of digits takes a constant from 0 to 22",
            help="scale and round to an integer: round(x * 10.0**digits) / 10.0**digits",
        )
    if x.type.kind != "f":
        return as_int(s, x)
    return in_python(s, python.round_, args) if x.type.weak else s.arrays.handler(s, np.round)(s, args, {})


def _test(prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
        need(s, prim, args, kwargs, 1)
        return s.b.apply(s.b.primitives[prim], (as_float(s, args[0], f"{prim}()"),))

    return call


for _name in ("isnan", "isinf", "isfinite"):
    HANDLERS[getattr(math, _name)] = _test(_name)


@handles(math.degrees)
def _degrees(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "degrees", args, kwargs, 1)
    return s.b.mul(as_float(s, args[0]), literal(180.0 / math.pi))


@handles(math.radians)
def _radians(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Node:
    need(s, "radians", args, kwargs, 1)
    return s.b.mul(as_float(s, args[0]), literal(math.pi / 180.0))
