"""Program text in pieces of a kind, for whoever gives each kind a colour: the terminal, a notebook, a page.

    pieces("%0: f64 = sin(%x);", "ir")   ->   [[("variable", "%0"), ("", ": "), ("type", "f64"), ...]]

The pieces put together are the text, character by character.
"""

from __future__ import annotations

import functools
from typing import Any

from pygments.lexer import RegexLexer, words
from pygments.lexers.asm import GasLexer, LlvmLexer
from pygments.lexers.c_like import CudaLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, Token

from irad.types import SCALARS

__all__ = ["KINDS", "Pieces", "pieces"]

Pieces = list[tuple[str, str]]  # (kind, text); "" is no kind of its own

KINDS = ("comment", "string", "number", "keyword", "type", "function", "operation", "variable", "fact", "derivative", "label")
_KIND = (  # the first that holds a token's type is its kind
    (Comment, "comment"),
    (String, "string"),
    (Number, "number"),
    (Keyword.Type, "type"),
    (Keyword.Constant, "number"),
    (Name.Function, "function"),
    (Name.Builtin, "operation"),
    (Name.Variable, "variable"),
    (Name.Constant, "variable"),  # registers
    (Name.Label, "label"),
    (Name.Attribute, "fact"),
    (Name.Decorator, "fact"),
    (Generic.Emph, "derivative"),
    (Operator.Word, "keyword"),
    (Keyword, "keyword"),
)


class IRLexer(RegexLexer):  # type: ignore[misc]
    """irad's IR."""

    tokens = {  # noqa: RUF012
        "root": [
            (r"\s+", Token),
            (r"#[^\n]*", Comment),
            (r"\"(\\.|[^\"\\\n])*\"|'(\\.|[^'\\\n])*'", String),
            (r"%[\w.]+", Name.Variable),
            (r"@[\w.]+", Name.Function),
            (r"~", Generic.Emph),
            (words(("graph", "return", "type"), suffix=r"\b"), Keyword),
            (words((*sorted(SCALARS), "stack", "list", "static", "unbound", "object"), suffix=r"\b(?!=)"), Keyword.Type),
            (words(("true", "false", "none", "undef", "None", "True", "False"), suffix=r"\b"), Keyword.Constant),
            (r"-?inf\b|nan\b(:0x[0-9a-f]+)?", Number),
            (r"\w+(?=\()", Name.Builtin),
            (r"\w+(?==)", Name.Attribute),
            (r"-?\d+(\.\d*)?([eE][-+]?\d+)?", Number),
            (r"[^\W\d]\w*", Token),
            (r".", Token),
        ]
    }


_LEXERS: dict[str, Any] = {
    "ir": IRLexer,
    "llvm": LlvmLexer,
    "asm": GasLexer,
    "python": PythonLexer,
    "cuda": CudaLexer,
}


@functools.cache
def _lexer(language: str) -> Any:
    return _LEXERS[language]()


@functools.cache
def _kind(token: Any) -> str:
    return next((kind for type, kind in _KIND if token in type), "")


def pieces(text: str, language: str) -> list[Pieces]:
    """The pieces of each line of a text (its last line end begins no line)."""
    lines: list[Pieces] = [[]]
    for _, token, value in _lexer(language).get_tokens_unprocessed(text if text.endswith("\n") else text + "\n"):
        kind = _kind(token)
        first, *rest = value.split("\n")
        _add(lines[-1], kind, first)
        for part in rest:
            lines.append([])
            _add(lines[-1], kind, part)
    return lines[:-1]


def _add(line: Pieces, kind: str, text: str) -> None:
    if line and line[-1][0] == kind:
        line[-1] = (kind, line[-1][1] + text)
    elif text:
        line.append((kind, text))
