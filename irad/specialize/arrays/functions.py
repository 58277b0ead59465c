"""NumPy's elementwise functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.nodes import Node
from irad.numpy import gammas, special
from irad.primitives.gamma import digamma
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.elementwise import elementwise, promote
from irad.specialize.arrays.operators import binary, compare
from irad.specialize.arrays.table import HANDLERS, Handler, check_count, in_python, no_keywords
from irad.specialize.arrays.values import new_array
from irad.specialize.numbers import arithmetic, widened
from irad.specialize.values import Known, is_number
from irad.types import BOOL, F64, Scalar

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

FLOAT_UNARY = {
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
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "cbrt": "cbrt",
    "rint": "rint",
}
FLOAT_BINARY = {"arctan2": "atan2", "hypot": "hypot", "copysign": "copysign", "fmod": "fmod"}
OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "floor_divide": "//",
    "mod": "%",
    "remainder": "%",
    "power": "**",
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
}


def _need_wide(s: Specializer, name: str, dtype: Scalar) -> None:
    """Refuse what NumPy computes in half or single precision."""
    if dtype.narrow and dtype.width < 32:
        raise s.refuse(
            "unsupported-dtype",
            f"np.{name} of {dtype.dtype} is of less than double precision, which cannot be compiled",
            help="convert it: x.astype(float)",
        )


def _float_function(name: str, prim: str, count: int) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, count)
        xs = [numeric(s, a, name) for a in args]
        dtype = promote(s, xs, name)
        if dtype is BOOL:
            raise s.refuse(
                "unsupported-dtype",
                f"np.{name} of truth values is a float16, which cannot be compiled",
                help="convert them: x.astype(float)",
            )
        _need_wide(s, name, dtype)
        if name == "fmod" and dtype.kind != "f":
            raise s.refuse("unsupported-dtype", "np.fmod of integers cannot be compiled", help="convert them: x.astype(float)")
        return elementwise(s, prim, xs, (dtype if dtype.kind == "f" else F64).strong, name)

    return call


def _operator_function(name: str, op: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        from irad.specialize import operators

        no_keywords(s, name, kwargs)
        check_count(s, name, args, 2)
        xs = [numeric(s, a, name) for a in args]
        if all(map(is_number, xs)):
            if op in operators.SWAPPED:
                return operators.compare(s, op, *xs)
            return arithmetic(s, op, *[s.b.convert(x, to=x.type.strong) if x.type.weak else x for x in xs])  # type: ignore[attr-defined]
        return (compare if op in operators.SWAPPED else binary)(s, op, *[new_array(s, x) for x in xs])

    return call


for _name, _prim in FLOAT_UNARY.items():
    HANDLERS[getattr(np, _name)] = _float_function(_name, _prim, 1)
for _function, _prim in ((special.erf, "erf"), (special.erfc, "erfc"), (special._lgamma, "lgamma")):
    HANDLERS[_function] = _float_function(_prim, _prim, 1)


def _digamma(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return new_array(s, digamma(s.b, numeric(s, args[0], "psi")))


HANDLERS[gammas._digamma] = _digamma
for _name, _prim in FLOAT_BINARY.items():
    HANDLERS[getattr(np, _name)] = _float_function(_name, _prim, 2)
for _name, _op in OPERATORS.items():
    HANDLERS[getattr(np, _name)] = _operator_function(_name, _op)


OF_TRUTH = {"abs": "or", "absolute": "or", "maximum": "or", "minimum": "and"}  # what they are for truth values


def _same_dtype(name: str, prim: str, count: int) -> Handler:
    """Functions of any number that give the same dtype."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, count)
        xs = [numeric(s, a, name) for a in args]
        dtype = promote(s, xs, name)
        if dtype is BOOL:
            if name not in OF_TRUTH:
                raise s.refuse("type-mismatch", f"np.{name} does not apply to truth values", help="convert them: x.astype(int)")
            return elementwise(s, OF_TRUTH[name], xs * 2 if count == 1 else xs, BOOL, name)
        if name == "fabs" and dtype.kind != "f":
            _need_wide(s, name, dtype)
            dtype = F64
        return elementwise(s, prim, xs, dtype.strong, name)

    return call


for _name, _prim, _n in (
    ("abs", "abs", 1),
    ("absolute", "abs", 1),
    ("fabs", "abs", 1),
    ("negative", "neg", 1),
    ("maximum", "maximum", 2),
    ("minimum", "minimum", 2),
):
    HANDLERS[getattr(np, _name)] = _same_dtype(_name, _prim, _n)


def _rounding(name: str, prim: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 1)
        x = numeric(s, args[0], name)
        t = s.b.scalar_of(x)
        if t.kind == "f":
            return elementwise(s, prim, [x], t.strong, name)
        if name != "sign":
            return new_array(s, x)
        if t is BOOL:
            raise s.refuse("type-mismatch", "np.sign does not apply to truth values", help="convert them: x.astype(int)")
        wide = widened(s, x)
        zero = s.b.like(0, wide)
        above, below = (s.b.convert(test, to=s.b.scalar_of(wide).strong) for test in (s.b.gt(wide, zero), s.b.lt(wide, zero)))
        sign = s.b.sub(above, below)
        return new_array(s, s.b.convert(sign, to=t) if t.narrow else sign)

    return call


for _name in ("floor", "ceil", "trunc", "sign"):
    HANDLERS[getattr(np, _name)] = _rounding(_name, _name)


def _test(name: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 1)
        x = numeric(s, args[0], name)
        return elementwise(s, name, [x], s.b.scalar_of(x).strong if s.b.scalar_of(x).kind == "f" else F64, name)

    return call


for _name in ("isnan", "isinf", "isfinite"):
    HANDLERS[getattr(np, _name)] = _test(_name)


def _square(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "square", kwargs)
    check_count(s, "square", args, 1)
    x = numeric(s, args[0], "square")
    return elementwise(s, "mul", [x, x], promote(s, [x], "square").strong, "square")


def _truths(s: Specializer, x: Node) -> Node:
    """The truth values of numbers."""
    x = widened(s, x)
    return x if s.b.scalar_of(x) is BOOL else s.b.ne(x, s.b.like(0, x))


def _logical(name: str, prim: str, count: int) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, count)
        xs = [numeric(s, a, name) for a in args]
        return elementwise(s, prim, [_truths(s, x) for x in xs], BOOL, name)

    return call


HANDLERS[np.square] = _square
for _name, _prim, _n in (
    ("logical_and", "and", 2),
    ("logical_or", "or", 2),
    ("logical_xor", "xor", 2),
    ("logical_not", "not", 1),
):
    HANDLERS[getattr(np, _name)] = _logical(_name, _prim, _n)


def _where(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "where", kwargs)
    if len(args) == 1:
        return in_python(np.nonzero)(s, args, {})
    check_count(s, "where", args, 3)
    c, x, y = (numeric(s, a, "where") for a in args)
    c = _truths(s, c)
    dtype = promote(s, [x, y], "where").strong
    x, y = (v if s.b.scalar_of(v).strong is dtype else s.b.convert(v, to=dtype) for v in (x, y))
    chosen = elementwise(s, "select", [c, x, y], None, "where")
    return s.b.convert(chosen, to=dtype) if is_number(chosen) and chosen.type.weak else chosen  # a number of NumPy's


def clip(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("a", "a_min", "a_max"), args, strict=False))
    named = {{"min": "a_min", "max": "a_max"}.get(k, k): v for k, v in kwargs.items()}
    twice = len(given) + len(kwargs) > len(given | named)
    given |= named
    if twice or set(given) - {"a", "a_min", "a_max"} or "a" not in given:
        raise s.refuse(
            "wrong-arguments", "np.clip takes an array, a least and a greatest value", help="write np.clip(x, low, high)"
        )
    result = given["a"]
    for key, f in (("a_min", np.maximum), ("a_max", np.minimum)):
        bound = given.get(key)
        if bound is not None and not (isinstance(bound, Known) and bound.value is None):
            result = HANDLERS[f](s, [result, bound], {})
    return result


HANDLERS[np.where], HANDLERS[np.clip] = _where, clip
