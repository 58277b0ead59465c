"""Generated text, running: Python's own interpreter executes it, from a file that linecache knows, so that debuggers step
through it and tracebacks show its lines."""

from __future__ import annotations

import itertools
import linecache
import traceback
import weakref
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from irad.backends.source.emit import generate

from irad.errors import located, refuse
from irad.graph.nodes import Module
from irad.structures import own, record
from irad.types import COMPLEX, Array, List, Record, Scalar, Static, Struct, Type

__all__ = ["Loaded"]

PYTHON = {"f": float, "i": int, "b": bool}
_numbers = itertools.count(1)


class Loaded:
    """A program of Python, called with the leaves of its arguments. `text` is its text, `file` the name of it."""

    def __init__(self, module: Module, title: str, entry: str) -> None:
        self.generated = generate(module, title=title, entry=entry)
        self.text = self.generated.text
        self.file = f"<irad source {next(_numbers)}: {self.generated.entry}>"
        lines = self.text.splitlines(keepends=True)
        # No modification time: checkcache leaves such entries alone.
        linecache.cache[self.file] = (len(self.text), None, lines, self.file)
        weakref.finalize(self, linecache.cache.pop, self.file, None)
        scope: dict[str, Any] = {"__name__": "irad_source", "__file__": self.file}  # debuggers are told to skip irad.*
        try:
            code = compile(self.text, self.file, "exec")
        except (SyntaxError, RecursionError) as e:
            raise refuse(
                "source-too-deep", f"Python does not take a program nested as deeply as this: {e}", help='use backend="llvm"'
            ) from None
        exec(code, scope)
        self.function: Callable[..., Any] = scope[self.generated.entry]
        self.params = [p.type for p in module.entry.params]
        self.result = module.entry.output.type

    def __call__(self, given: Sequence[Any]) -> Any:
        feed = iter(given)
        args = [argument(t, feed) for t in self.params]
        try:
            value = self.function(*args)
        except Exception as e:
            raise self.noted(e) from None
        held = [x for x in given if isinstance(x, np.ndarray)]
        return result(self.result, value, held)

    def noted(self, error: Exception) -> Exception:
        """The exception, with the user's line that the failing line of the text comes from."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == self.file]
        for frame in reversed(frames):
            line = frame.lineno or 0
            # A `raise` stands below the test that cites the line.
            places = next(
                (self.generated.spans[n] for n in range(line, max(0, line - 3), -1) if n in self.generated.spans), None
            )
            if places:
                return located(error, places[-1])  # type: ignore[return-value]
        return error


def argument(t: Type, given: Iterator[Any]) -> Any:
    """An argument of type t as generated text reads it: Python's numbers, arrays, tuples, lists, dicts."""
    if isinstance(t, Scalar):
        value = next(given)
        return PYTHON[t.kind](value) if t.width != 32 else t.dtype.type(value)
    if isinstance(t, Array):
        return np.asarray(next(given))
    if isinstance(t, List):
        return list(next(given))
    if isinstance(t, Static):
        return t.value
    if not isinstance(t, Struct):
        return next(given)
    items = [argument(u, given) for u in t.items]
    if not isinstance(t, Record):
        return tuple(items)
    if t.form.kind == "list":
        return items
    if t.form.kind == "dict":
        return dict(zip(t.form.keys, items, strict=True))
    return namedtuple("Record", t.form.keys)(*items)


def result(t: Type, value: Any, held: list[np.ndarray]) -> Any:
    """What the text returned as the caller gets it; arrays share memory with nothing in `held`."""
    if isinstance(t, Scalar):
        return PYTHON[t.kind](value)
    if isinstance(t, Array):
        return own(value, held)
    if isinstance(t, Static):
        return t.value
    if not isinstance(t, Struct):
        return value
    if not isinstance(t, Record):
        return tuple([result(u, v, held) for u, v in zip(t.items, value, strict=True)])
    form = t.form
    if form.kind == "growing":
        return value
    if form is COMPLEX:
        return own(value, held) if isinstance(value, np.ndarray) else complex(value)
    fields = [value[k] for k in form.keys] if form.kind == "dict" else value
    return record(form, [result(u, v, held) for u, v in zip(t.items, fields, strict=True)])
