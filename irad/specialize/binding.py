"""The arguments of a call as the values of the function's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from irad.errors import nearest
from irad.graph.nodes import Graph
from irad.specialize import objects
from irad.specialize.values import Compound, Known

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["bind", "parameter_names"]


def bind(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The values of the parameters, in order. Refuses what Python refuses."""
    graph, _ = fn.head
    sig = graph.info
    kwargs = dict(kwargs)
    parameters = f"its parameters are ({', '.join(sig.parameters)})" if sig.parameters else "it has no parameters"
    positional = [*sig.positional_only, *sig.positional]
    values: dict[str, Any] = dict(zip(positional, args, strict=False))
    extra = args[len(positional) :]
    if extra and sig.vararg is None:
        raise s.refuse(
            "wrong-arguments",
            f"{sig.name}() takes {len(positional)} positional argument{'s' * (len(positional) != 1)} "
            f"but {len(args)} were given",
            help=parameters,
        )
    defaults = list(fn.children[1:])
    for n in [*sig.positional, *sig.keyword_only]:
        if n in kwargs:
            if n in values:
                raise s.refuse("wrong-arguments", f"{sig.name}() got multiple values for argument '{n}'", help=parameters)
            values[n] = kwargs.pop(n)
    if kwargs and sig.kwarg is None:
        unknown = next(iter(kwargs))
        raise s.refuse(
            "wrong-arguments",
            f"{sig.name}() got an unexpected keyword argument '{unknown}'",
            help=nearest(unknown, sig.parameters, parameters),
        )
    for n, d in zip(positional[len(positional) - sig.defaults :], defaults, strict=False):
        values.setdefault(n, d)
    for n, d in zip(sig.keyword_defaults, defaults[sig.defaults :], strict=True):
        values.setdefault(n, d)
    missing = [n for n in [*positional, *sig.keyword_only] if n not in values]
    if missing:
        raise s.refuse(
            "wrong-arguments",
            f"{sig.name}() missing {len(missing)} required argument{'s' * (len(missing) > 1)}: {', '.join(map(repr, missing))}",
            help=parameters,
        )
    out = [values[n] for n in positional] + [values[n] for n in sig.keyword_only]
    if sig.vararg:
        out.append(Compound("tuple", None, extra))
    if sig.kwarg:
        out.append(objects.new_dict(s, [Known(k) for k in kwargs], list(kwargs.values())))
    return out


def parameter_names(python: Graph | None, fn: Any) -> Sequence[str]:
    """What a function calls its parameters, as far as that is known."""
    if python is not None:
        return python.info.parameters  # type: ignore[no-any-return]
    if isinstance(fn, Known) and isinstance(fn.value, FunctionType):
        return fn.value.__code__.co_varnames[: fn.value.__code__.co_argcount]
    return fn.head[0].info.parameters if isinstance(fn, Compound) and fn.kind == "function" else ()
