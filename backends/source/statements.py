"""Statements of generated text while its variables are numbers still."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from irad.backends.source.expressions import VARIABLE, Expr

__all__ = ["Block", "Check", "Copy", "For", "If", "Line", "Return", "Statement", "While", "used"]


@dataclass(slots=True, kw_only=True)
class Placed:
    """spans: the user's lines that it stands for; adjoint: whether it computes derivative values."""

    spans: frozenset[Any] = frozenset()
    adjoint: bool = False


@dataclass(slots=True)
class Line(Placed):
    """One statement of Python. defs: the variables that it binds."""

    tree: ast.stmt
    defs: tuple[int, ...] = ()


@dataclass(slots=True)
class Copy(Placed):
    """All at once: each variable is bound to the value of its expression."""

    pairs: list[tuple[int, Expr]]


@dataclass(slots=True)
class Check(Placed):
    """Raise an error where `test` is false; without a test, always."""

    test: Expr | None
    error: ast.expr


@dataclass(slots=True)
class Return(Placed):
    value: Expr


@dataclass(slots=True)
class If(Placed):
    test: Expr
    then: Block
    orelse: Block


@dataclass(slots=True)
class For(Placed):
    """`for index in range(count)`."""

    index: int
    count: Expr
    body: Block


@dataclass(slots=True)
class While(Placed):
    """Trips of the body until `again` is false after one."""

    body: Block
    again: Expr


Statement = Line | Copy | Check | Return | If | For | While
Block = list[Statement]


@dataclass(slots=True)
class Variable:
    """hint: the name that it would like; rank: how good the hint is; fixed: a parameter's name, which stays; like: a
    variable that holds the same value elsewhere, as what was pushed and is popped."""

    hint: str
    rank: int = 0
    fixed: bool = False
    like: int | None = None


@dataclass(slots=True)
class Function:
    """A function of the text."""

    name: str
    params: list[int]
    body: Block
    variables: list[Variable] = field(default_factory=list)
    span: Any = None


def used(tree: ast.AST) -> set[int]:
    """The variables in a piece of syntax."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            m = VARIABLE.fullmatch(node.id)
            if m:
                found.add(int(m[1]))
    return found
