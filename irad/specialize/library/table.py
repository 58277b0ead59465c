"""The callables that have a meaning in compiled code: a table from each to its handler.

A handler takes (s, args, kwargs) and gives a value, or a task that gives one.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from irad.errors import CompileError
from irad.graph.walk import Task
from irad.specialize import objects
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
        if (
            dataclasses.is_dataclass(value)
            or hasattr(value, "_fields")
            or isinstance(vars(value).get("__init__"), FunctionType)
        ):
            return lambda s, args, kwargs: objects.make_instance(s, value, args, kwargs)
    return s.arrays.handler(s, value)  # type: ignore[no-any-return]


def unknown_call(s: Specializer, value: Any) -> CompileError:
    """The refusal of a callable that irad has no meaning for, with the nearest name it knows."""
    name = getattr(value, "__name__", repr(value))
    module = getattr(value, "__module__", "") or ""
    module = ".".join(part for part in module.split(".") if not part.startswith("_"))
    label = f"{module}.{name}" if module not in ("", "builtins") else name
    known = sorted({c.__name__ for c in HANDLERS if hasattr(c, "__name__")})
    near = difflib.get_close_matches(name, known, 1, 0.75)
    help = (
        f"did you mean `{near[0]}`?"
        if near and near[0] != name
        else "write it out in Python, or call it outside the compiled function"
    )
    return s.refuse("unsupported-call", f"`{label}` cannot be compiled", help=help)


def in_python(s: Specializer, function: Callable[..., Any], args: list[Any]) -> Task:
    """Call a function of the prelude."""
    assert isinstance(function, FunctionType)
    return s.call_function(s.function_value(function), args, {})


def need(s: Specializer, name: str, args: list[Any], kwargs: dict[str, Any], least: int, most: int | None = None) -> None:
    """Refuse a wrong number of arguments, and any keyword."""
    most = least if most is None else most
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise s.refuse("wrong-arguments", f"{name}() takes {wanted} arguments, not {len(args)}")
    if kwargs:
        raise s.refuse(
            "unsupported-keyword",
            f"{name}() with the keyword `{next(iter(kwargs))}` cannot be compiled",
            help="leave it out, or write in Python what it does",
        )
