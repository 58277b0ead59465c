"""Expressions of generated text: Python's own syntax trees, so that `ast.unparse` sets the parentheses. The tool that
the `source` facet of a primitive is handed makes them.

Variables are numbers until all text is there: the name `ǃ5ǃ` stands for variable 5 (see `names`).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irad.graph.nodes import UNDEF, Constant
from irad.types import Array, Scalar, Type

__all__ = [
    "ANY",
    "VARIABLE",
    "Expr",
    "Range",
    "bare",
    "bounds",
    "called",
    "literal",
    "name",
    "negated",
    "number",
    "template",
    "variable",
]

VARIABLE = re.compile("ǃ(\\d+)ǃ")  # a letter that no keyboard has
Range = tuple[int, int]
ANY: Range = (-(2**63), 2**63 - 1)
FREE = frozenset({"np", "math", "int", "float", "bool", "abs", "len", "max", "min", "pow"})


@dataclass(slots=True, frozen=True, eq=False)
class Expr:
    """An expression and what the emitter has to know of it.

    wide: a np.float64 or an array, whose / and // follow IEEE 754. range: of an int. spans: the user's lines.
    reads: the classes of changing objects that it reads. checked: the positions of what may raise, in order.
    view: shares memory with the objects `viewed`. fresh: made anew each time. inner: what it repeats along axes.
    total: a comparison of integers, which has an opposite.
    """

    tree: ast.expr
    type: Type
    wide: bool = False
    range: Range = ANY
    spans: frozenset[Any] = frozenset()
    reads: frozenset[Any] = frozenset()
    checked: tuple[int, ...] = ()
    view: bool = False
    fresh: bool = False
    inner: Expr | None = None
    total: bool = False
    viewed: frozenset[Any] = frozenset()

    @property
    def text(self) -> str:
        return ast.unparse(self.tree)

    @property
    def size(self) -> int:
        """About how long the text will be."""
        return len(VARIABLE.sub("xxxx", self.text))

    @property
    def number(self) -> int | None:
        """The number of the variable, where this is one."""
        found = VARIABLE.fullmatch(self.tree.id) if isinstance(self.tree, ast.Name) else None
        return int(found[1]) if found else None

    @property
    def constant(self) -> bool:
        return isinstance(self.tree, ast.Constant) or bare(self.tree) is not None


def name(text: str) -> ast.expr:
    """`a` or `a.b.c`."""
    first, *rest = text.split(".")
    tree: ast.expr = ast.Name(first)
    for attribute in rest:
        tree = ast.Attribute(tree, attribute)
    return tree


def variable(number: int) -> ast.expr:
    return ast.Name(f"ǃ{number}ǃ")


class _Fill(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def template(text: str, *xs: ast.expr) -> ast.expr:
    """The expression `text`, in which x, y, z stand for the trees."""
    values = dict(zip(("x", "y", "z"), xs, strict=False))
    return _Fill(values).visit(ast.parse(text, mode="eval").body)  # type: ignore[no-any-return]


def called(function: str, *args: Any, **keywords: Any) -> ast.expr:
    """function(...); arguments are trees, or values that are written as Python writes them."""
    return ast.Call(name(function), [_tree(a) for a in args], [ast.keyword(k, _tree(v)) for k, v in keywords.items()])


def _tree(value: Any) -> ast.expr:
    return value if isinstance(value, ast.expr) else ast.parse(repr(value), mode="eval").body


def literal(node: Constant) -> Expr:
    """A constant."""
    t, value = node.type, node.value
    if value is UNDEF or not isinstance(t, Scalar):
        value = None if value is UNDEF else value
        return Expr(_tree(value if isinstance(value, (str, type(None), tuple)) else str(value)), t)
    if t.kind == "b":
        return Expr(ast.Constant(bool(value)), t)
    if t.kind == "i":
        return Expr(narrow(number(int(value)), t), t, range=(int(value), int(value)))
    return Expr(narrow(real(float(value), t), t), t)


def narrow(tree: ast.expr, t: Scalar) -> ast.expr:
    """A number of 32 bits, in which Python does not count by itself."""
    return called(f"np.{t.dtype}", tree) if t.width == 32 else tree


def bare(tree: ast.expr) -> ast.expr | None:
    """The number in what `narrow` made."""
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) in ("np.float32", "np.int32"):
        (x,) = tree.args
        inner = x.operand if isinstance(x, ast.UnaryOp) else x
        if isinstance(inner, (ast.Constant, ast.Attribute)):
            return x
    return None


def number(value: int) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def real(value: float, t: Scalar) -> ast.expr:
    """A float; one of 32 bits with as few digits as tell it from others."""
    if math.isnan(value):
        return name("math.nan")
    if math.isinf(value):
        return name("math.inf") if value > 0 else ast.UnaryOp(ast.USub(), name("math.inf"))
    shortest = float(str(np.float32(value))) if t.width == 32 else value
    if math.copysign(1.0, value) < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-shortest))
    return ast.Constant(shortest)


def dtype_name(t: Scalar) -> ast.expr:
    """A dtype as an argument of NumPy's functions."""
    return name({"f64": "float", "i64": "int", "bool": "bool"}.get(str(t.strong), f"np.{t.dtype}"))


def scalar_of(t: Type) -> Scalar:
    found = t.dtype if isinstance(t, Array) else t
    assert isinstance(found, Scalar)
    return found


def bounds(text: str, ranges: Sequence[Range]) -> Range:
    """The range of x + y, x - y, x * y, -x or abs(x) of integers."""
    (a, b), (c, d) = ranges[0], ranges[-1]
    if text == "x + y":
        return a + c, b + d
    if text == "x - y":
        return a - d, b - c
    if text == "x * y":
        corners = (a * c, a * d, b * c, b * d)
        return min(corners), max(corners)
    if text == "-x":
        return -b, -a
    return (0 if a <= 0 <= b else min(abs(a), abs(b))), max(abs(a), abs(b))  # abs(x)


OPPOSITE: dict[type, Any] = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
OPPOSITE_OF_INTEGERS: dict[type, Any] = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt}


def negated(p: Expr) -> ast.expr:
    """not p; an order of floats has no opposite, because of nan."""
    tree = p.tree
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return tree.operand
    if isinstance(tree, ast.Compare):
        opposite = OPPOSITE.get(type(tree.ops[0])) or (OPPOSITE_OF_INTEGERS.get(type(tree.ops[0])) if p.total else None)
        if opposite is not None:
            return ast.Compare(tree.left, [opposite()], tree.comparators)
    return ast.UnaryOp(ast.Not(), tree)
