"""The grammars, loaded by name and on first use: Lark takes 50 ms, and most programs read no IR text."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

__all__ = ["parser"]


@functools.cache
def parser(name: str, start: str = "start") -> Any:
    """The LALR parser of `name`.lark. Trees are not built: pass `transformer` to `parse` through `Lark.open`."""
    from lark import Lark

    return Lark.open(f"{name}.lark", rel_to=__file__, parser="lalr", start=start, maybe_placeholders=False)


def text(name: str) -> str:
    """The grammar's own text."""
    return Path(__file__).with_name(f"{name}.lark").read_text()
