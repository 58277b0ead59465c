"""Pickles of compiled functions: what was compiled and how, never machine code. They compile anew where they land.

@irad.compile
def f(x): ...                  by name, as pickle does with functions: the name finds the compiled one
irad.grad(f)                   by what it was made from: the transform, and f by its name
irad.compile(lambda x: x)      refused by pickle, which has no name for it; cloudpickle (and so joblib) takes it whole
irad.compile(parse_ir(text))   by its text
"""

from __future__ import annotations

import linecache
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from irad.compiled import Options, Transform, core_of, function_of
from irad.graph.nodes import Module

__all__ = ["reduced"]

DYNAMIC = "<dynamic-code>"  # what cloudpickle calls the file of all code


def reduced(native: Any) -> Any:
    """What pickle stores for a compiled function. Raises PicklingError for a function that no name leads to."""
    whole = _by_cloudpickle()
    core = core_of(native)
    assert core is not None
    if _found(native) is native and not (whole and native.__module__ == "__main__"):
        return native.__qualname__
    if isinstance(core.fn, Module):
        return _of_text, (str(core.fn), core.options, core.signature)
    return _restored, (_stored(core.fn, whole), core.options, core.signature, _Places.of(core.function) if whole else None)


def _stored(fn: Any, whole: bool) -> Any:
    """A callable in a form that pickle takes."""
    if isinstance(fn, Transform):
        return _Stored(fn.kind, _stored(fn.fn, whole), fn.options)
    if not isinstance(fn, FunctionType):
        return fn
    found = _found(fn)
    core = core_of(found)
    if core is not None and core.fn is fn and not (whole and fn.__module__ == "__main__"):
        return found  # its name leads to the compiled function
    if found is fn or whole:
        return fn
    raise pickle.PicklingError(
        f"`{fn.__qualname__}` cannot be pickled: pickle stores functions by their names, and no name in the module "
        f"{fn.__module__} leads to it. Define it at the top of a module, or use cloudpickle, as joblib does"
    )


class _Stored:
    """A transform, in a pickle."""

    def __init__(self, kind: str, fn: Any, options: tuple[tuple[str, Any], ...]) -> None:
        self.kind, self.fn, self.options = kind, fn, options


def _restored(stored: Any, options: Options, signature: str | None, places: _Places | None) -> Any:
    from irad.api import compiled_with

    fn = _taken_out(stored)
    if places is not None:
        places.restore(function_of(fn))
    return compiled_with(fn, options, signature)


def _taken_out(stored: Any) -> Any:
    if isinstance(stored, _Stored):
        return Transform(stored.kind, _taken_out(stored.fn), stored.options)
    core = core_of(stored)
    return core.fn if core is not None else stored


def _of_text(text: str, options: Options, signature: str | None) -> Any:
    from irad.api import compiled_with, parse_ir

    return compiled_with(parse_ir(text), options, signature)


def _found(f: Any) -> Any:
    """What the module and name of a function lead to."""
    value: Any = sys.modules.get(getattr(f, "__module__", None) or "")
    for name in getattr(f, "__qualname__", "").split("."):
        value = getattr(value, name, None)
    return value


def _by_cloudpickle() -> bool:
    """Whether cloudpickle is pickling: it stores functions of `__main__`, and those without a name, as they are. Pickle is
    written in C, so that the caller of `__reduce__` is whoever called it."""
    frame = sys._getframe(3)  # reduced, __reduce__ and this
    return str(frame.f_globals.get("__name__", "")).endswith("cloudpickle")


@dataclass(slots=True)
class _Places:
    """Where functions that cloudpickle stores whole were defined, which it leaves out: the files by name and line, and
    the texts that are in no file, of notebooks."""

    files: dict[tuple[str, int], str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def of(function: FunctionType | None) -> _Places:
        found = _Places()
        for f in _reached(function):
            code = f.__code__
            found.files[f.__qualname__, code.co_firstlineno] = code.co_filename
            if not os.path.exists(code.co_filename):
                lines = linecache.getlines(code.co_filename, f.__globals__)
                if lines:
                    found.texts[code.co_filename] = lines
        return found

    def restore(self, function: FunctionType | None) -> None:
        for file, lines in self.texts.items():
            linecache.cache.setdefault(file, (sum(map(len, lines)), None, lines, file))
        for f in _reached(function):
            code = f.__code__
            if code.co_filename == DYNAMIC:
                f.__code__ = code.replace(co_filename=self.files.get((f.__qualname__, code.co_firstlineno), DYNAMIC))


def _reached(function: FunctionType | None) -> Iterator[FunctionType]:
    """A function and those that it may call: in its globals and its closure."""
    todo: list[Any] = [function]
    seen: set[int] = set()
    while todo:
        f = function_of(todo.pop())
        if f is None or id(f) in seen:
            continue
        seen.add(id(f))
        yield f
        todo += [f.__globals__.get(name) for name in f.__code__.co_names]
        for cell in f.__closure__ or ():
            with suppress(ValueError):  # an empty one
                todo.append(cell.cell_contents)
