"""A program in a notebook: its graph and its text, each to fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irad.report.markup import escape
from irad.report.svg import draw
from irad.report.tokens import Pieces, pieces

if TYPE_CHECKING:
    from irad.views import IR

__all__ = ["COLOURS", "shown"]

COLOURS = {  # of middling lightness: a notebook's ground is white or black
    "comment": "#808890",
    "string": "#a8732a",
    "number": "#a8732a",
    "keyword": "#a35bb5",
    "type": "#2f8f9d",
    "function": "#4f7fd6",
    "operation": "inherit;font-weight:600",
    "variable": "#3a9052",
    "fact": "#808890",
    "derivative": "#d9542b;font-weight:600",
    "label": "#4f7fd6",
}


def shown(view: IR) -> str:
    """A view of a program as HTML that stands alone."""
    from irad.views import language

    parts = ['<div class="irad-view">']
    if view.module is not None:
        parts.append(_folding("graph", f'<div style="overflow:auto">{draw(view.module)}</div>'))
    lines = (_line(line) for line in pieces(str(view), language(view.stage)))
    text = '<pre style="font-size:12px;line-height:1.35;overflow:auto">' + "\n".join(lines) + "</pre>"
    parts.append(_folding(f"{view.stage}, {len(str(view).splitlines())} lines", text))
    return "\n".join([*parts, "</div>"])


def _folding(summary: str, inside: str) -> str:
    return f"<details open><summary>{escape(summary)}</summary>{inside}</details>"


def _line(line: Pieces) -> str:
    return "".join(f'<span style="color:{COLOURS[k]}">{escape(t)}</span>' if k else escape(t) for k, t in line)
