"""Arithmetic on abstract numbers: Python's rules for its own, NumPy 2's promotion for machine scalars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.nodes import Constant, Node
from irad.specialize.values import is_number
from irad.types import BOOL, F64, FLOAT, INT, JoinError, Type, join

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["PRIMITIVE", "arithmetic", "as_float", "as_int", "common", "known_int", "power"]

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
        raise s.refuse(
            "type-mismatch",
            f"{what} takes a number, not {s.describe(v)}",
            help="give it a number: an item of a tuple or list, x[0], or float(x)",
        )
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
    return b.apply(b.primitives[PRIMITIVE[op]], (x, y))


def power(s: Specializer, x: Node, y: Node) -> Node:
    """x ** y: integers stay integers, and a known small exponent is a product."""
    b = s.b
    x, y = as_int(s, x), as_int(s, y)
    if x.type.kind == "i" and y.type.kind == "i" and not (isinstance(y, Constant) and y.value < 0):  # type: ignore[attr-defined]
        x, y, _ = common(s, x, y, "**")
        return b.ipow(x, y)
    x, y, _ = common(s, as_float(s, x), as_float(s, y), "**")
    return b.pow(x, y)


def known_int(s: Specializer, v: Any, what: str) -> int:
    """An integer that must be known at compile time."""
    if isinstance(v, Constant) and isinstance(v.value, (int, bool)):
        return int(v.value)
    if is_number(v) and v.type.kind in "ib":
        raise s.needs_static(
            f"{what} must be known at compile time", "write it as a constant, or loop over a range of known length"
        )
    raise s.refuse(
        "type-mismatch", f"{what} must be an integer, not {s.describe(v)}", help="write int(...), or // instead of /"
    )
