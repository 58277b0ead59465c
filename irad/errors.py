"""Spans, diagnostics and their rendering: every message a user sees is made here.

error[shape-mismatch]: `add` cannot join f64[3] and f64[4]
  --> model.py:12:9
12 |     y = x + w
   |         ^^^^^ x is f64[3], w is f64[4]
help: slice w, or add a broadcast axis
"""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["CompileError", "Diagnostic", "InternalError", "Note", "Span", "refuse"]


class Span(NamedTuple):
    """A stretch of source text. Lines count from 1, columns from 0 (as in `ast`)."""

    file: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    def where(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}:{self.column + 1}"

    def source_line(self) -> str:
        """The line that the span begins in; empty where the text cannot be read."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    def excerpt(self, label: str = "") -> list[str]:
        """The source line with a caret under the span; empty where the text cannot be read."""
        text = self.source_line()
        if not text:
            return []
        # Columns of `ast` are UTF-8 bytes; carets stand under characters.
        raw = text.encode()
        start = len(raw[: self.column].decode(errors="replace"))
        end = len(text)
        if self.end_line in (0, self.line) and self.end_column > self.column:
            end = len(raw[: self.end_column].decode(errors="replace"))
        number = str(self.line)
        gutter = " " * len(number)
        carets = "^" * max(1, end - start)
        return [f"{number} | {text}", f"{gutter} | {' ' * start}{carets} {label}".rstrip()]


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    span: Span | None = None


@dataclass(slots=True)
class Diagnostic:
    """One message: what, where, why, and what to write instead. `name` is kebab-case and stable."""

    name: str
    message: str
    span: Span | None = None
    label: str = ""
    notes: list[Note] = field(default_factory=list)
    help: str = ""

    def __str__(self) -> str:
        lines = [f"error[{self.name}]: {self.message}"]
        if self.span is not None:
            lines.append(f"  --> {self.span.where()}")
            lines += self.span.excerpt(self.label)
        for note in self.notes:
            lines.append(f"note: {note.text}" + (f" at {note.span.where()}" if note.span else ""))
            if note.span is not None:
                lines += note.span.excerpt()
        if self.help:
            lines.append(f"help: {self.help}")
        return "\n".join(lines)


class CompileError(Exception):
    """irad refuses a program. `.diagnostic` has the parts; `str()` is the whole message."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic

    @property
    def name(self) -> str:
        return self.diagnostic.name

    def __str__(self) -> str:
        return str(self.diagnostic)


class InternalError(Exception):
    """A failure of irad itself, never of the user's program."""


def refuse(
    name: str,
    message: str,
    span: Span | None = None,
    *,
    label: str = "",
    help: str = "",
    notes: list[Note] | None = None,
) -> CompileError:
    """The exception for a refusal; the caller raises it."""
    return CompileError(Diagnostic(name, message, span, label, notes or [], help))
