"""The NumPy functions that compiled code may call, and what their handlers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.numpy import written

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

Handler = Callable[[Any, list[Any], dict[str, Any]], Any]
HANDLERS: dict[Any, Handler] = {}


def plain_handler(value: Any) -> Handler | None:
    """The meaning of a function of NumPy's: a handler, or a function written in the accepted subset (irad/numpy)."""
    try:
        found = HANDLERS.get(value)
    except TypeError:
        return None
    if found is None and written(value) is not None:
        found = in_python(value)
    return found


def in_python(value: Any) -> Handler:
    """The handler of a function that irad/numpy has."""
    function = written(value)
    if function in HANDLERS:
        return HANDLERS[function]
    return lambda s, args, kwargs: s.call_function(s.function_value(function), args, kwargs)


def no_keywords(s: Specializer, name: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise s.refuse(
            "unsupported-keyword",
            f"np.{name} with the keyword `{next(iter(kwargs))}` cannot be compiled",
            help="leave it out, or write in Python what it does",
        )


def check_count(s: Specializer, name: str, args: list[Any], least: int, most: int | None = None) -> None:
    if not least <= len(args) <= (most or least):
        raise s.refuse(
            "wrong-arguments",
            f"np.{name} takes {least}{f' to {most}' if most else ''} arguments here, not {len(args)}",
            help="leave out the others, or write in Python what they do"
            if len(args) > least
            else f"write the form with {least} arguments, or a loop",
        )
