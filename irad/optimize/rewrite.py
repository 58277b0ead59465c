"""Rewrite rules: named data in the IR's own notation, compiled to Python on first use and tried when the Builder makes a node.

    rule("mul-neg-neg", "mul(neg(?x), neg(?y)) => mul(?x, ?y)")

    @rewrites("getitem-of-tuple", "getitem")
    def getitem_of_tuple(b, args, static): ...

`exact=False` rules change last bits or drop a NaN: they hold for derivative values and under fast_math only. The right
side is cheaper or more canonical, so rewriting stops. Constants stand on the right of commutative operations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from irad.graph.build import is_constant
from irad.graph.nodes import Apply, Node
from irad.primitives.table import REGISTRY
from irad.types import Array, Scalar

__all__ = ["Rule", "install", "kind_of", "rewrites", "rule"]

Rewrite = Callable[[Any, tuple[Node, ...], tuple[Any, ...]], Node | None]


class Rule:
    """A named rewriting of applications of one primitive."""

    def __init__(self, name: str, head: str, text: str, exact: bool, only: str, rewrite: Rewrite | None) -> None:
        self.name, self.head, self.text, self.exact, self.only = name, head, text, exact, only
        self.rewrite: Rewrite = rewrite or self._first
        self.source = ""

    def _first(self, b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
        self.rewrite = _compiled(self)
        return self.rewrite(b, args, static)

    def __repr__(self) -> str:
        return f"{self.name}: {self.text}"


def rule(name: str, text: str, *, exact: bool = True, only: str = "") -> Rule:
    """A rule written as text; `only` restricts it to numbers of kind "f", "i" or "b" (1 == True in a match)."""
    head = text.split("(")[0].strip()
    return Rule(name, head, text, exact, only, None)


def rewrites(name: str, head: str, *, exact: bool = True) -> Callable[[Rewrite], Rule]:
    """A rule written as a function of (b, args, static); it gives None where it does not apply."""

    def make(f: Rewrite) -> Rule:
        return Rule(name, head, (f.__doc__ or "").strip(), exact, "", f)

    return make


def install(rules: tuple[Rule, ...]) -> None:
    """Index rules by their head: the Builder tries those of a primitive when it makes a node of it."""
    for r in rules:
        prim = REGISTRY[r.head]
        if r not in prim.rules:
            prim.rules.append(r)


def _compiled(r: Rule) -> Rewrite:
    """The rule's text as a Python function."""
    text = re.sub(r"\b(and|or|not)\(", r"\1_(", r.text.replace("?", "_v_"))  # keywords of Python are names of ours
    left, right = (ast.parse(side.strip(), mode="eval").body for side in text.split("=>"))
    lines: list[str] = []
    names: dict[str, str] = {}
    scope: dict[str, Any] = {"Apply": Apply, "is_constant": is_constant, "kind": kind_of}
    counter = 0

    def match(pattern: Any, value: str) -> None:
        nonlocal counter
        if isinstance(pattern, ast.Name):
            if pattern.id in names:
                lines.append(f"if {value} is not {names[pattern.id]}: return None")
            else:
                names[pattern.id] = value
        elif isinstance(pattern, ast.Call):
            head = pattern.func.id.rstrip("_")  # type: ignore[attr-defined]
            scope[f"p_{head}"] = REGISTRY[head]
            lines.append(f"if {value}.__class__ is not Apply or {value}.fn is not p_{head}: return None")
            parts = [f"a{counter + i}" for i in range(len(pattern.args))]
            counter += len(parts)
            lines.append(f"{', '.join(parts)}, = {value}.args")
            for sub, part in zip(pattern.args, parts, strict=True):
                match(sub, part)
        else:
            number = ast.literal_eval(pattern)
            test = (
                f"is_constant({value}, {number!r})"
                if number != 0 or r.exact
                else f"(is_constant({value}, 0.0) or is_constant({value}, -0.0))"
            )
            lines.append(f"if not {test}: return None")

    parts = [f"a{i}" for i in range(len(left.args))]  # type: ignore[attr-defined]
    counter = len(parts)
    lines.append(f"{', '.join(parts)}, = args")
    if r.only:
        lines.append(f"if kind(a0) != {r.only!r}: return None")
    for sub, part in zip(left.args, parts, strict=True):  # type: ignore[attr-defined]
        match(sub, part)

    def build(pattern: Any) -> str:
        if isinstance(pattern, ast.Name):
            return names[pattern.id]
        if isinstance(pattern, ast.Call):
            return f"b.{pattern.func.id}({', '.join(map(build, pattern.args))})"  # type: ignore[attr-defined]
        return f"b.like({ast.literal_eval(pattern)!r}, a0)"

    lines.append(f"return {build(right)}")
    r.source = "def rewrite(b, args, static):\n" + "\n".join("    " + line for line in lines)
    exec(compile(r.source, f"<rule {r.name}>", "exec"), scope)
    return scope["rewrite"]  # type: ignore[no-any-return]


def kind_of(node: Node) -> str:
    """The kind of a number or of the elements of an array; "" of anything else."""
    t = node.type
    return t.kind if isinstance(t, Scalar) else t.dtype.kind if isinstance(t, Array) else ""
