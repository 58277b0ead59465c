"""Program text on a terminal: coloured where it is one, else as it is. The characters are the same."""

from __future__ import annotations

import sys
from typing import Any

from rich.style import Style

from irad.cli.output import console

__all__ = ["add_color", "show_text"]

STYLES = {  # of the terminal's own colours, so that they suit its background
    "comment": Style(color="bright_black"),
    "string": Style(color="yellow"),
    "number": Style(color="yellow"),
    "keyword": Style(color="magenta"),
    "type": Style(color="cyan"),
    "function": Style(color="blue", bold=True),
    "operation": Style(bold=True),
    "variable": Style(color="green"),
    "fact": Style(color="bright_black"),
    "derivative": Style(color="red", bold=True),
    "label": Style(color="blue"),
}


def add_color(parser: Any) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour the text; auto: on a terminal, unless NO_COLOR is set",
    )


def show_text(text: str, language: str, color: str) -> None:
    """Print program text."""
    if _coloured(color):
        from irad.report.tokens import pieces

        lines = ["".join(STYLES[k].render(t) if k in STYLES else t for k, t in line) for line in pieces(text, language)]
        text = "\n".join(lines) + "\n" * text.endswith("\n")
    sys.stdout.write(text)


def _coloured(color: str) -> bool:
    if color == "auto":
        out = console()
        return out.is_terminal and not out.is_dumb_terminal and not out.no_color
    return color == "always"
