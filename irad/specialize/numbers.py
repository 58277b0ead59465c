"""Arithmetic on abstract numbers: Python's rules for its own, NumPy 2's promotion for machine scalars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize.values import Known, is_number
from irad.types import BOOL, F64, FLOAT, I64, INT, JoinError, Scalar, Type, join

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["PRIMITIVE", "arithmetic", "as_float", "as_int", "by_value", "common", "fitting", "known_int", "power", "widened"]

PRIMITIVE = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "//": "floordiv",
    "%": "mod",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}


def as_int(s: Specializer, v: Node) -> Node:
    """A truth value as the integer it is in arithmetic."""
    return s.b.convert(v, to=INT) if v.type is BOOL else v


def as_float(s: Specializer, v: Any, what: str = "this operation") -> Node:
    """A number as a float. Refuses what is not a number."""
    if not is_number(v):
        help = "give it a number: an item of a tuple or list, x[0], or float(x)"
        name = what.removesuffix("()")
        if s.arrays.is_array(s, v) and s.arrays.handler(s, getattr(np, name, None)) is not None:
            help = f"np.{name} applies to each element of an array"
        elif isinstance(v, Known) and isinstance(v.value, str):
            help = "convert the text outside the compiled function, and pass the number"
        elif isinstance(v, Known) and v.value is None:
            help = "test it with `is None` first; a function that ends without `return` gives None"
        raise s.refuse("type-mismatch", f"{what} takes a number, not {s.describe(v)}", help=help)
    if v.type.kind == "f":
        return v  # type: ignore[no-any-return]
    return s.convert(v, FLOAT if v.type.weak or v.type is BOOL else F64)


def common(s: Specializer, x: Node, y: Node, op: str) -> tuple[Node, Node, Type]:
    """Both numbers in the type they are joined in."""
    x, y = as_int(s, x), as_int(s, y)
    try:
        t = join(x.type, y.type)
    except JoinError as e:
        raise s.refuse("type-mismatch", f"`{op}` cannot join {e}", help="convert one of them: np.float64(x)") from None
    return s.convert(x, t), s.convert(y, t), t


def fitting(s: Specializer, v: Node, t: Type) -> Node:
    """v, where NumPy takes it as a number of dtype t: Python's integers must fit."""
    if v.type is not INT or not (isinstance(t, Scalar) and _is_short(t)):
        return v
    if isinstance(v, Constant):
        if not _fits(v.value, t):
            raise s.refuse(
                "integer-too-large", f"{v.value} does not fit {t.dtype}", help="convert the array first: x.astype(np.int64)"
            )
        return v
    bounds = np.iinfo(t.dtype)
    s.b.assert_(
        s.b.and_(s.b.ge(v, literal(int(bounds.min))), s.b.le(v, literal(int(bounds.max)))),
        v,
        error="OverflowError",
        message=f"Python integer {{0}} out of bounds for {t.dtype}",
    )
    return v


def _is_short(t: Scalar) -> bool:
    """Whether a type of integers has less than 64 bits."""
    return t.kind == "i" and (t.width < 64 or t.narrow)


def widened(s: Specializer, x: Node) -> Node:
    """A number or array whose narrow integers have 64 bits: what operations compute with."""
    return s.b.convert(x, to=I64) if s.b.scalar_of(x).narrow else x


def by_value(s: Specializer, x: Node, y: Node) -> tuple[Node, Node]:
    """Numbers to be compared: NumPy compares Python's integers with shorter ones by value, whether they fit or not."""
    x, y = widened(s, x), widened(s, y)
    if _exceeds(y, s.b.scalar_of(x)):
        return x, s.b.convert(y, to=I64)
    if _exceeds(x, s.b.scalar_of(y)):
        return s.b.convert(x, to=I64), y
    return x, y


def _exceeds(v: Node, t: Scalar) -> bool:
    """Whether a number is an integer of Python's that may not fit a type of shorter ones."""
    return v.type is INT and _is_short(t) and not (isinstance(v, Constant) and _fits(v.value, t))


def _fits(value: int, t: Scalar) -> bool:
    return bool(np.iinfo(t.dtype).min <= value <= np.iinfo(t.dtype).max)


def arithmetic(s: Specializer, op: str, x: Node, y: Node) -> Node:
    """A binary operator on two numbers."""
    b = s.b
    if op in "&|^" and x.type is BOOL and y.type is BOOL:
        return b.apply(b.primitives[PRIMITIVE[op]], (x, y))
    if op == "/":
        return b.div(*common(s, as_float(s, x), as_float(s, y), op)[:2])
    if op == "**":
        return power(s, x, y)
    given = f"{x.type} and {y.type}"
    x, y, t = common(s, x, y, op)
    if op in ("&", "|", "^", "<<", ">>") and t.kind != "i":  # type: ignore[attr-defined]
        raise s.refuse("type-mismatch", f"`{op}` does not apply to {given}", help="convert floats by int(x); `**` is the power")
    if op not in PRIMITIVE:
        raise s.refuse("type-mismatch", f"`{op}` does not apply to numbers", help="write `*`")
    result = b.apply(b.primitives[PRIMITIVE[op]], (widened(s, x), widened(s, y)))
    return b.convert(result, to=t) if t.narrow else result  # type: ignore[attr-defined]


def power(s: Specializer, x: Node, y: Node) -> Node:
    """x ** y: integers stay integers, and a known small exponent is a product."""
    b = s.b
    x, y = as_int(s, x), as_int(s, y)
    if x.type.kind == "i" and y.type.kind == "i" and not (isinstance(y, Constant) and y.value < 0):  # type: ignore[attr-defined]
        x, y, t = common(s, x, y, "**")
        result = b.ipow(widened(s, x), widened(s, y))
        return b.convert(result, to=t) if t.narrow else result  # type: ignore[attr-defined]
    x, y, _ = common(s, as_float(s, x), as_float(s, y), "**")
    return b.pow(x, y)


def known_int(s: Specializer, v: Any, what: str, otherwise: str = "write int(...), or // instead of /") -> int:
    """An integer that must be known at compile time. `otherwise`: help for what is no integer."""
    if isinstance(v, Constant) and isinstance(v.value, (int, bool)):
        return int(v.value)
    if is_number(v) and v.type.kind in "ib":
        raise s.needs_static(
            f"{what} must be known at compile time", "write it as a constant, or loop over a range of known length"
        )
    raise s.refuse("type-mismatch", f"{what} must be an integer, not {s.describe(v)}", help=otherwise)
