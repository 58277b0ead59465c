"""Spans, diagnostics and their rendering: every message a user sees is made here.

error[shape-mismatch]: `add` cannot join f64[3] and f64[4]
  --> model.py:12:9
12 |     y = x + w
   |         ^^^^^ x is f64[3], w is f64[4]
help: slice w, or add a broadcast axis
"""

from __future__ import annotations

import builtins
import functools
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, ParamSpec, TypeVar

__all__ = [
    "RAISED",
    "CompileError",
    "Diagnostic",
    "InternalError",
    "Note",
    "Span",
    "located",
    "meant",
    "nearest",
    "public",
    "refuse",
]

P = ParamSpec("P")
R = TypeVar("R")

# What compiled code raises by itself; `irad explain` knows them by the names in kebab case: index-error.
RAISED = (
    "AssertionError",
    "AttributeError",
    "FloatingPointError",
    "IndexError",
    "KeyError",
    "MemoryError",
    "NameError",
    "OverflowError",
    "RecursionError",
    "UnboundLocalError",
    "ValueError",
    "ZeroDivisionError",
)
MOST_CALLERS = 4  # of a place that are shown
CALLED = "called"


class Span(NamedTuple):
    """A stretch of source text. Lines count from 1, columns from 0 (as in `ast`). `caller`: the call whose body it is in."""

    file: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    caller: Span | None = None

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    def where(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}:{self.column + 1}"

    def source_line(self) -> str:
        """The line that the span begins in; empty where the text cannot be read."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    def called_from(self, call: Span | None) -> Span:
        """The place in a body that was put in the place of a call."""
        if call is None:
            return self
        return self._replace(caller=call if self.caller is None else self.caller.called_from(call))

    def callers(self) -> list[Span]:
        """The calls that led here, the innermost first."""
        found = []
        at = self.caller
        while at is not None:
            found.append(at)
            at = at.caller
        return found

    def users(self) -> Span:
        """The place in the user's source: irad's own Python, as for `sum`, stands for the call that it serves."""
        at = self
        while at.caller is not None and is_own(at.file):
            at = at.caller
        return at

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

    def lines(self) -> list[str]:
        if self.span is None:
            return [f"note: {self.text}"]
        return [f"note: {self.text} at {self.span.where()}", *self.span.excerpt()]


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
            lines += note.lines()
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

    def called_from(self, call: Span | None) -> None:
        """Add the call that led to the refused place; it is the place where that is in irad's own Python."""
        d = self.diagnostic
        if call is None:
            return
        if d.span is None or is_own(d.span.file):
            d.span = call
        elif sum(n.text == CALLED for n in d.notes) < MOST_CALLERS:
            d.notes.append(Note(CALLED, call))


class SizesDiffer(ValueError):
    """A program for symbolic sizes took two for equal that are not, in this call: the program for its exact sizes runs."""


class InternalError(Exception):
    """A failure of irad itself, never of the user's program."""

    saved = False  # whether it says where the program is, and what repeats it


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


def nearest(name: str, names: Iterable[str], otherwise: str = "", cutoff: float = 0.6) -> str:
    """Help for a name that there is not: the nearest of those that there are."""
    import difflib  # only where something went wrong

    near = difflib.get_close_matches(name, sorted(set(names) - {name}), 1, cutoff)
    return f"did you mean `{near[0]}`?" if near else otherwise


def meant(name: str, names: Iterable[str]) -> str:
    """What Python adds to the message about a name that there is not."""
    near = nearest(name, names, cutoff=0.7)
    return f". Did you mean: '{near.split('`')[1]}'?" if near else ""


# -- exceptions of programs -------------------------------------------------------------------------------------------------


NUMPY_ERRORS = {"LinAlgError": "np.linalg.LinAlgError", "AxisError": "np.exceptions.AxisError"}


def exception_class(name: object) -> type[Exception] | None:
    """The exception that compiled code raises by this name: Python's own, and some of NumPy's."""
    if name in NUMPY_ERRORS:
        import numpy

        return getattr(numpy.linalg if name == "LinAlgError" else numpy.exceptions, str(name))  # type: ignore[no-any-return]
    if name == SizesDiffer.__name__:
        return SizesDiffer
    found = getattr(builtins, name, None) if isinstance(name, str) else None
    return found if isinstance(found, type) and issubclass(found, Exception) else None


# -- where in the user's source ---------------------------------------------------------------------------------------------

FOLDERS = ("irad", "frontend", "backends", "grammar")
COMMAND_LINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")


@functools.cache
def is_own(file: str) -> bool:
    """Whether a file is irad's. Its demo is a program like the user's."""
    return not file.startswith(_demo()) and any(file.startswith(os.path.join(root, "")) for root in _roots())


@functools.cache
def _demo() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo", "")


@functools.cache
def _roots() -> list[str]:
    """The folders of irad's modules, which stand side by side in a checkout and in each other when installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    beside = [os.path.join(os.path.dirname(here), folder) for folder in FOLDERS[1:]]
    checkout = os.path.exists(os.path.join(os.path.dirname(here), "pyproject.toml"))
    return [here, *(beside if checkout else ())]


def call_span() -> Span | None:
    """The call of the user's that led here."""
    frame = sys._getframe(1)
    while frame is not None and is_own(frame.f_code.co_filename):
        if frame.f_code.co_filename == COMMAND_LINE:
            return None  # the caller is the script that starts `irad`
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return None
    places = list(frame.f_code.co_positions())
    line, end_line, column, end_column = places[frame.f_lasti // 2]
    if line is None:
        return Span(frame.f_code.co_filename, frame.f_lineno)
    return Span(frame.f_code.co_filename, line, column or 0, end_line or 0, end_column or 0)


def public(f: Callable[P, R]) -> Callable[P, R]:
    """A function of irad's that users call: a refusal names the user's line, and shows none of irad's insides."""

    code = f.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    any_name = bool(code.co_flags & 8)

    @functools.wraps(f)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            if not any_name:
                for name in kwargs:
                    if name not in names:
                        raise refuse(
                            "unknown-option",
                            f"{f.__name__} has no option `{name}`",
                            help=nearest(name, names, f"its options are {', '.join(names)}"),
                        )
            return f(*args, **kwargs)
        except CompileError as e:
            raise at_call(e) from None

    return call


def at_call(e: CompileError) -> CompileError:
    """The refusal as the user sees it."""
    d = e.diagnostic
    if d.span is None:
        d.span = call_span()
    return e.with_traceback(None)


def kebab(name: str) -> str:
    """ZeroDivisionError -> zero-division-error."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def located(error: BaseException, span: Span | None) -> BaseException:
    """The exception of compiled code with the user's line noted, and the calls that led there."""
    if span is not None:
        at = span.users()
        kind = type(error).__name__
        explained = f" (irad explain {kebab(kind)})" if kind in RAISED else ""
        lines = [f"raised at {at.where()}{explained}", *at.excerpt()]
        for call in at.callers()[:MOST_CALLERS]:
            lines += Note(CALLED, call).lines()
        error.add_note("\n".join(lines))
    return error
