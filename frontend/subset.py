"""Which Python irad accepts, and what it says to the rest: an answer for every kind of syntax node."""

from __future__ import annotations

import ast

from irad.errors import CompileError, Span, refuse

__all__ = ["BINARY", "COMPARE", "UNARY", "unsupported"]

BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
COMPARE = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}

# kind of node -> (kebab-case name, what it is, what to write instead)
REFUSED: dict[type[ast.AST], tuple[str, str, str]] = {
    ast.AsyncFunctionDef: ("unsupported-async", "`async def`", "compile a plain function"),
    ast.AsyncFor: ("unsupported-async", "`async for`", "use a plain loop"),
    ast.AsyncWith: ("unsupported-async", "`async with`", "compile a plain function"),
    ast.Await: ("unsupported-async", "`await`", "compile a plain function"),
    ast.ClassDef: (
        "unsupported-class",
        "a class defined inside a compiled function",
        "define the class at module level",
    ),
    ast.With: ("unsupported-with", "`with`", "enter the context outside the compiled function"),
    ast.Try: (
        "unsupported-try",
        "`try`",
        "test for the condition with `if`, or catch the exception outside the compiled function",
    ),
    ast.TryStar: (
        "unsupported-try",
        "`try`",
        "test for the condition with `if`, or catch the exception outside the compiled function",
    ),
    ast.Match: ("unsupported-match", "`match`", "use `if` and `elif`"),
    ast.Global: (
        "unsupported-global",
        "assigning a global variable",
        "return the value, or keep the state in an object that is passed in",
    ),
    ast.Yield: ("unsupported-yield", "a generator function", "build a list, or compute inside the loop"),
    ast.YieldFrom: ("unsupported-yield", "a generator function", "build a list, or compute inside the loop"),
    ast.Set: ("unsupported-set", "a set", "use a tuple or a list"),
    ast.SetComp: ("unsupported-set", "a set comprehension", "use a list comprehension"),
}


def unsupported(kind: type[ast.AST], span: Span) -> CompileError:
    """The refusal of a kind of node that `parse` has no rule for."""
    name, what, instead = REFUSED[kind]
    return refuse(name, f"{what} cannot be compiled", span, help=instead)
