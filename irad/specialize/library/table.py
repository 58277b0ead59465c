"""The callables that have a meaning in compiled code: a table from each to its handler.

A handler takes (s, args, kwargs) and gives a value, or a task that gives one.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import CompileError, nearest
from irad.graph.walk import Task
from irad.specialize import instances
from irad.specialize.values import Compound

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

Handler = Callable[[Any, list[Any], dict[str, Any]], Any]
HANDLERS: dict[Any, Handler] = {}


def handles(*callables: Any) -> Callable[[Handler], Handler]:
    def register(f: Handler) -> Handler:
        for c in callables:
            HANDLERS[c] = f
        return f

    return register


def handler(s: Specializer, value: Any) -> Handler | None:
    """The meaning of a callable that is not the user's."""
    try:
        found = HANDLERS.get(value)
    except TypeError:
        return None
    if found is not None:
        return found
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return lambda s, args, kwargs: Compound("exception", value, args)
        if dataclasses.is_dataclass(value) or hasattr(value, "_fields") or instances.is_python_class(value):
            return lambda s, args, kwargs: instances.make_instance(s, value, args, kwargs)
    return s.arrays.handler(s, value)  # type: ignore[no-any-return]


def unknown_call(s: Specializer, value: Any) -> CompileError:
    """The refusal of a callable that irad has no meaning for, with the nearest name it knows."""
    of = type(value) if isinstance(value, np.vectorize) else value
    name = getattr(of, "__name__", None)
    if name is None and inspect.ismethod(getattr(of, "__call__", None)):  # noqa: B004 - a method that Python code defines
        return s.refuse(
            "unsupported-call",
            f"an object of {type(of).__name__} cannot be called in compiled code",
            help="call its method: x.__call__(...)",
        )
    name = name or repr(of)
    module = getattr(of, "__module__", None) or type(getattr(of, "__self__", None)).__module__
    module = ".".join(part for part in module.removeprefix("_").split(".") if not part.startswith("_"))
    label = f"{module}.{name}" if module not in ("", "builtins") else name
    if hasattr(value, "__wrapped__") and module.split(".")[0] not in ("numpy", "scipy"):
        decorator = f"{type(value).__module__}.{type(value).__name__.strip('_').removesuffix('_wrapper')}"
        message = f"`{label}` is decorated by {decorator}, which cannot be compiled"
        return s.refuse("unsupported-call", message, help="remove the decorator: irad compiles the function itself")
    scope = sys.modules.get(module or "builtins")
    names = [n for n in dir(scope) if supported(s, getattr(scope, n, None))]
    otherwise = MODULES.get(module) or "write it out in Python, or call it outside the compiled function"
    help = INSTEAD.get(label.removeprefix("numpy.")) or nearest(name, names, otherwise, 0.75)
    return s.refuse("unsupported-call", f"`{label}` cannot be compiled", help=help)


def supported(s: Specializer, value: Any) -> bool:
    """Whether a callable has a meaning in compiled code."""
    try:
        return value in HANDLERS or s.arrays.handler(s, value) is not None
    except (TypeError, ValueError):
        return False


# What to write for functions of modules that are not there.
MODULES = {
    "random": "draw the numbers outside the compiled function, and pass them as an argument",
    "numpy.random": "draw the numbers outside the compiled function, and pass them as an argument",
    "time": "measure the time outside the compiled function",
    "itertools": "write loops, or a comprehension",
}

# What to write for well-known functions and methods that are not there.
INSTEAD = {
    "filter": "write a comprehension: [x for x in xs if test(x)]",
    "functools.reduce": "write the loop out: for x in xs: total = f(total, x)",
    "input": "read it outside the compiled function, and pass it as an argument",
    "io.open": "read the file outside the compiled function, and pass what it holds as an argument",
    "next": "write a loop with `break`",
    "set": "use a list, and `in`",
    "setattr": "write the attribute out: x.name = value",
    "super": "name the class: Base.method(self, x) for super().method(x)",
    "type": "write isinstance(x, float)",
    "count": "write sum(y == x for y in xs)",
    "format": "write an f-string, in print, raise or assert",
    "remove": "build a new list: [y for y in xs if y != x]",
    "pop": "build a new dict without the key",
    "tolist": "return the array, and convert it outside the compiled function",
    "linalg.eig": "of a symmetric matrix: np.linalg.eigh(a); others have complex eigenvalues, which cannot be compiled",
    "linalg.eigvals": "of a symmetric matrix: np.linalg.eigvalsh(a); others have complex eigenvalues, which cannot be compiled",
    "vectorize": "call the function on arrays, or in a loop",
    "unique": "sort, and compare neighbours: s = np.sort(x); s[1:] != s[:-1]",
    "union1d": "sort both, and compare neighbours",
    "intersect1d": "test each element: x[np.isin(x, y)]",
    "setdiff1d": "test each element: x[~np.isin(x, y)]",
    "trim_zeros": "find the ends by np.flatnonzero(x), and slice",
    "roots": "find them outside the compiled function: they are complex in general",
    "reduceat": "reduce each slice in a loop: np.add.reduce(x[i:j])",
    "ldexp": "write x * 2.0**n",
    "frexp": "write e = np.floor(np.log2(np.abs(x))) + 1",
    "ndindex": "write nested loops over ranges",
    "ndenumerate": "loop over the indices: for i in range(len(x))",
    "nditer": "loop over x.ravel(), or the indices",
    "fromiter": "write np.array([...])",
}


def in_python(s: Specializer, function: Callable[..., Any], args: list[Any]) -> Task:
    """Call a function of irad/numpy/python.py."""
    assert isinstance(function, FunctionType)
    return s.call_function(s.function_value(function), args, {})


def need(s: Specializer, name: str, args: list[Any], kwargs: dict[str, Any], least: int, most: int | None = None) -> None:
    """Refuse a wrong number of arguments, and any keyword."""
    most = least if most is None else most
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise s.refuse(
            "wrong-arguments",
            f"{name}() takes {wanted} argument{'s' * (wanted != '1')} here, not {len(args)}",
            help=f"write the form with {wanted} argument{'s' * (wanted != '1')}: others cannot be compiled",
        )
    if kwargs:
        raise s.refuse(
            "unsupported-keyword",
            f"{name}() with the keyword `{next(iter(kwargs))}` cannot be compiled",
            help="leave it out, or write in Python what it does",
        )
