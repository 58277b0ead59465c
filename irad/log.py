"""What the logger `irad` says: what was compiled, for which types, how long it took, and why again.

    IRAD_LOG=info python model.py        on the standard error output; debug adds the time of each pass
    IRAD_LOG=model.log python model.py   appended to a file, with everything

    irad: compiled grow(x: float, k: float, n: int) -> float in 14.2 ms (specialise 2.1, optimise 5.0, code 7.1),
    8 operations: `n` was float, is int

A function that is compiled again and again is warned of, once. Nothing here runs but when something is compiled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from types import CellType
from typing import Any, NamedTuple

from irad.graph.walk import all_graphs
from irad.types import SMALLEST, Array, Record, Scalar, Static, Tuple, Type

__all__ = ["Reason", "compiled", "forgotten", "named", "short", "turned", "why"]

STORM = 32  # compiles of one function after which it is warned of
FIRST, CLEARED = "first call", "clear() was called"
SHOWN = 60  # characters of a value


class Reason(NamedTuple):
    """Why a function is compiled, and what would help if it happens often."""

    text: str
    advice: str = ""


def why(
    core: Any,
    key: Any,
    types: Sequence[Type],
    keywords: Sequence[str],
    changed: str,
    general: Sequence[Type] = (),
    exact: str = "",
) -> Reason:
    """Why the programs that a function has do not do. `changed`: what one took for constant that is not any more; `general`:
    the types with symbols that the new one is for, or `exact`: why there are none."""
    if changed:
        return Reason(changed, "what changes often should be an argument")
    if core.last is None:
        return Reason(CLEARED if core.cleared else FIRST)
    last_key, last_types, last_keywords = core.last
    if last_key[0] != key[0]:
        return Reason(_captured(core, last_key[0], key[0]), "what changes often should be an argument")
    if len(last_types) != len(types) or tuple(last_keywords) != tuple(keywords):
        calls = [_call(n, k) for n, k in ((len(last_types), last_keywords), (len(types), keywords))]
        return Reason(f"called with {calls[1]}, before with {calls[0]}", "call it in one way")
    names = _names(core, len(types), keywords)
    pairs = [(n, s, t) for n, s, t in zip(names, last_types, types, strict=True) if not _same(s, t)]
    if not pairs:
        return Reason(CLEARED if core.cleared else "its program was forgotten")
    text = ", ".join(f"`{n}` was {_shown(s)}, is {_shown(t)}" for n, s, t in pairs)
    if general:
        named = zip(names, types, general, strict=True)
        text += ": compiled for " + ", ".join(f"`{n}`: {g}" for n, t, g in named if g is not t)
    elif exact and _are_sizes(*pairs[0][1:]):
        text += f": compiled for these sizes, since {exact}"
    elif any(_are_sizes(s, t) and min(t.shape) < SMALLEST for _, s, t in pairs):  # type: ignore[attr-defined]
        text += ": sizes of 0 and 1 are compiled as they are"
    return Reason(text, _advice(*pairs[0][1:]))


def compiled(core: Any, program: Any, types: Sequence[Type], keywords: Sequence[str], reason: Reason) -> None:
    """Say that a program was made; warn where it was one too many."""
    if reason.text != CLEARED:
        core.compiles += 1
    storm = core.compiles == STORM + 1
    if not storm and "logging" not in sys.modules and not os.environ.get("IRAD_LOG"):
        return  # nobody can listen
    log = _logger()
    name = _name(core)
    if log.isEnabledFor(20):
        phases = ", ".join(
            f"{what} {1e3 * s:.1f}" for what, s in zip(("specialise", "optimise", "code"), program.seconds, strict=True)
        )
        taken = ", ".join(f"{n}: {_shown(t)}" for n, t in zip(_names(core, len(types), keywords), types, strict=True))
        count = sum(len(g.body) for g in all_graphs(program.module))
        result = program.entry.module.entry.output.type
        options = "".join(f", {f.name}={getattr(core.options, f.name)!r}" for f in _changed_options(core.options))
        log.info(
            "compiled %s(%s) -> %s in %.1f ms (%s), %d operations%s: %s",
            *(name, taken, result, 1e3 * sum(program.seconds), phases, count, options, reason.text),
        )
    if log.isEnabledFor(10):
        log.debug("passes of %s: %s", name, ", ".join(f"{p} {1e3 * s:.1f} ms" for p, s in program.passes.items()))
    if storm:
        log.warning(
            "%s was compiled %d times, now because: %s; %s. IRAD_LOG=info says why each time",
            *(name, core.compiles, reason.text, reason.advice or "each time costs milliseconds"),
        )


def forgotten(core: Any, count: int) -> None:
    """Say that clear() dropped programs."""
    if "logging" in sys.modules or os.environ.get("IRAD_LOG"):
        _logger().debug("clear() of %s: %d programs forgotten", _name(core), count)


def short(value: Any) -> str:
    """A value in a few words."""
    text = getattr(value, "__qualname__", None) or repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def turned(value: Any, now: Any, missing: object) -> str:
    """How something changed; `missing` stands for what is not bound."""
    was, is_ = ("unbound" if v is missing else short(v) for v in (value, now))
    return f"was {was}, is {is_}" if was != is_ else f"is another {was}"


def named(o: Any, attribute: str) -> str:
    """An attribute that a program took for constant."""
    if isinstance(o, CellType):
        return "a captured function"
    owner = getattr(o, "__qualname__", None) or getattr(o, "__name__", None) or type(o).__name__
    return f"the default of `{owner}`" if attribute in ("__defaults__", "__kwdefaults__") else f"`{owner}.{attribute}`"


_found: list[Any] = []


def _logger() -> Any:
    """The logger, with what IRAD_LOG asks for."""
    if not _found:
        import logging  # not at once: `import irad` is to be quick

        log = logging.getLogger("irad")
        wanted = os.environ.get("IRAD_LOG", "")
        if wanted:
            level = {"debug": 10, "info": 20, "warning": 30}.get(wanted.lower())
            handler: logging.Handler = logging.StreamHandler()
            text = "irad: %(message)s"
            if level is None:
                try:
                    handler = logging.FileHandler(wanted, encoding="utf-8")
                    text = "%(asctime)s %(process)d %(levelname)s %(message)s"
                except OSError as e:
                    log.warning("IRAD_LOG is neither info nor debug, and no file that can be written: %s", e)
            handler.setFormatter(logging.Formatter(text))
            log.addHandler(handler)
            log.setLevel(level or 10)
        _found.append(log)
    return _found[0]


def _name(core: Any) -> str:
    return str(getattr(core.native, "__name__", "a module"))


def _names(core: Any, count: int, keywords: Sequence[str]) -> list[str]:
    """The parameters that arguments are for."""
    try:
        known = core.parameter_names()
    except Exception:  # it is only said what a function was compiled for
        known = []
    places = count - len(keywords)
    return [*(known[i] if i < len(known) else f"argument {i}" for i in range(places)), *keywords]


def _captured(core: Any, old: Any, new: Any) -> str:
    """Which captured variable is of another kind, by the keys of `structures.Keys`."""
    while len(old) == len(new) == 3 and old[0] == new[0]:  # transforms: (kind, key, options)
        old, new = old[1], new[1]
    names = core.function.__code__.co_freevars if core.function is not None else ()
    if old[0] == new[0] == "function" and len(old[3]) == len(new[3]) == len(names):
        for name, was, is_ in zip(names, old[3], new[3], strict=True):
            if was != is_:
                known = isinstance(was, type) and isinstance(is_, type)
                return (
                    f"the captured `{name}` was {was.__name__}, is {is_.__name__}"
                    if known
                    else f"the captured `{name}` is another"
                )
    return "what it captures is of another kind"


def _call(count: int, keywords: Sequence[str]) -> str:
    named = f" and {', '.join(keywords)}" if keywords else ""
    places = count - len(keywords)
    return f"{places} argument{'' if places == 1 else 's'}{named}"


def _same(s: Type, t: Type) -> bool:
    if isinstance(s, Static) and isinstance(t, Static):
        return s.value is t.value or short(s.value) == short(t.value)
    return s is t


def _shown(t: Type) -> str:
    return short(t.value) if isinstance(t, Static) else str(t)


def _advice(old: Type, new: Type) -> str:
    if isinstance(old, Static) or isinstance(new, Static):
        return "its value is compiled in: pass a number that is not static"
    if _are_sizes(old, new):
        return "each shape is compiled: pad arrays to a few shapes"
    if isinstance(old, (Tuple, Record)) and isinstance(new, (Tuple, Record)) and len(old.items) != len(new.items):
        return "each length is compiled: pass an array"
    if isinstance(old, Scalar) and isinstance(new, Scalar):
        return "pass numbers of one type"
    return "each type is compiled"


def _are_sizes(old: Type, new: Type) -> bool:
    """Whether two types differ in sizes only."""
    return isinstance(old, Array) and isinstance(new, Array) and old.rank == new.rank and old.dtype is new.dtype


def _changed_options(options: Any) -> list[Any]:
    return [f for f in fields(options) if getattr(options, f.name) != f.default]
