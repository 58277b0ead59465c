"""Which variables a function has: its parameters, the names it binds, and those that functions inside it use."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Scope", "Signature", "defaults_of", "own_nodes"]


@dataclass(slots=True, eq=False)
class Signature:
    """What the frontend knows of a function: its parameters, and which of its variables functions inside it use."""

    name: str
    positional_only: list[str]
    positional: list[str]
    vararg: str | None
    keyword_only: list[str]
    kwarg: str | None
    defaults: int  # how many of the last positional parameters have one
    keyword_defaults: list[str]  # keyword-only parameters that have one
    variables: set[str] = field(default_factory=set)
    cells: set[str] = field(default_factory=set)  # variables that inner functions read or write
    rebound: set[str] = field(default_factory=set)  # ... that inner functions write (nonlocal)
    first_line: int = 0
    liveness: Any = None  # of the variables: found when it is first needed

    @property
    def parameters(self) -> list[str]:
        rest = [n for n in (self.vararg, self.kwarg) if n]
        return [*self.positional_only, *self.positional, *self.keyword_only, *rest]


class Scope:
    """The names that a function binds, without those that functions inside it bind."""

    def __init__(self) -> None:
        self.bound: dict[str, None] = {}
        self.nonlocals: set[str] = set()

    def scan(self, body: Sequence[ast.AST]) -> Scope:
        todo: list[ast.AST] = list(reversed(body))
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.bound[node.id] = None
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.bound[node.name] = None
                todo.extend(reversed([*node.decorator_list, *defaults_of(node)]))
                continue
            elif isinstance(node, ast.Lambda):
                todo.extend(reversed(defaults_of(node)))
                continue
            elif isinstance(node, ast.Nonlocal):
                self.nonlocals.update(node.names)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for a in node.names:
                    self.bound[(a.asname or a.name).split(".")[0]] = None
            elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
                todo.append(node.generators[0].iter)
                self._walruses(node)
                continue
            todo.extend(reversed(list(ast.iter_child_nodes(node))))
        for name in self.nonlocals:
            self.bound.pop(name, None)
        return self

    def _walruses(self, node: ast.AST) -> None:
        """A walrus inside a comprehension binds a variable of the function around it."""
        todo = [node]
        while todo:
            n = todo.pop()
            if isinstance(n, ast.NamedExpr):
                self.bound[n.target.id] = None
            if not isinstance(n, (ast.Lambda, ast.FunctionDef)):
                todo.extend(ast.iter_child_nodes(n))


def defaults_of(node: Any) -> list[ast.AST]:
    """The expressions of the defaults of a function's parameters."""
    return [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)] if hasattr(node, "args") else []


def own_nodes(function: ast.AST) -> list[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    out, todo = [], list(ast.iter_child_nodes(function))
    while todo:
        n = todo.pop()
        out.append(n)
        if not isinstance(n, (ast.FunctionDef, ast.Lambda, ast.AsyncFunctionDef)):
            todo.extend(ast.iter_child_nodes(n))
    return out
