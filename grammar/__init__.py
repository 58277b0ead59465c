"""The grammars, loaded by name and on first use: Lark takes 50 ms, and most programs read no IR text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["parser"]


def parser(name: str, rules: Any, start: str = "start") -> Any:
    """The LALR parser of `name`.lark, which calls a method of `rules` for each part that it has read; no tree is made."""
    from lark import Lark

    options = {"parser": "lalr", "lexer": "contextual", "maybe_placeholders": False}
    return Lark.open(f"{name}.lark", rel_to=__file__, start=start, transformer=rules, **options)


def text(name: str) -> str:
    """The grammar's own text."""
    return Path(__file__).with_name(f"{name}.lark").read_text()
