"""A module drawn: SVG made here, without other programs.

The colours are those of paper cards on a table: readable on light and dark ground alike.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from irad.errors import CALLED, MOST_CALLERS, Span
from irad.graph.nodes import Graph, Module
from irad.report.layout import Edge, Layout, layered
from irad.report.markup import attributes, escape
from irad.report.scene import Box, Scene, scenes

__all__ = ["draw"]

CHARACTER, LINE = 6.7, 12.0  # of the font at 11 px; no monospaced font is wider than 0.61 em
PAD, HEIGHT, TITLE, MARGIN = 8.0, 21.0, 20.0, 10.0

STYLE = """\
.irad-graph text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1d2733}
.irad-graph rect{fill:#edf1f6;stroke:#8093a8}
.irad-graph path{fill:none;stroke:#8796a6;stroke-width:1.1}
.irad-graph .parameter rect{fill:#e2f3e4;stroke:#569a63}
.irad-graph .captured rect{fill:#f4faf5;stroke:#569a63;stroke-dasharray:3 2}
.irad-graph .derivative rect{fill:#fdeada;stroke:#cf7c31}
.irad-graph path.derivative{stroke:#d08a4a}
.irad-graph .effect rect{fill:#fbe3e6;stroke:#c4515f}
.irad-graph .return rect{fill:#dfe7fb;stroke:#5b78c7}
.irad-graph .piece rect{fill:#efeaf7;stroke:#8d78b8}
.irad-graph .control>rect,.irad-graph .graph>rect{fill:#8a99ab;fill-opacity:.07;stroke:#8a99ab}
.irad-graph .control>rect.tab,.irad-graph .graph>rect.tab{fill:#dde3ea;fill-opacity:1;stroke:#8a99ab}
.irad-graph .note{fill:#7d8a98}
"""


@dataclass(slots=True)
class _Drawn:
    """A piece of SVG whose left upper corner is at 0, 0."""

    width: float
    height: float
    parts: list[str]


def draw(module: Module, key: Callable[[Span], str | None] = lambda span: None) -> str:
    """The module as an SVG document. `key(span)` marks what comes from a line, for pages that link lines."""
    functions, found, drawn, total = scenes(module)
    made: dict[Graph, _Drawn] = {}
    for g in reversed(found):  # inner graphs first: a scene is found after those around it
        made[g] = _graph(found[g], made, key)
    parts: list[str] = []
    width, y = 0.0, MARGIN
    for g in functions:
        whole = _framed(f"@{g.name}", made[g], "graph")
        parts += _moved(whole, MARGIN, y)
        width, y = max(width, whole.width), y + whole.height + 2 * MARGIN
    if drawn < total:
        note = f"{drawn} of {total} operations are drawn one by one; boxes with a number hold the others"
        parts.append(f'<text class="note" x="{MARGIN:g}" y="{y + 4:g}">{escape(note)}</text>')
        width, y = max(width, _length(note)), y + LINE + MARGIN
    size = (math.ceil(width + 2 * MARGIN), math.ceil(y))
    head = attributes(
        xmlns="http://www.w3.org/2000/svg",
        class_="irad-graph",
        width=size[0],
        height=size[1],
        viewBox=f"0 0 {size[0]} {size[1]}",
        role="img",
    )
    title = f"dataflow of {functions[0].name}" if functions else "an empty program"
    return "\n".join([f"<svg{head}>", f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _graph(scene: Scene, made: dict[Graph, _Drawn], key: Callable[[Span], str | None]) -> _Drawn:
    boxes = [_box(b, made, key) for b in scene.boxes]
    edges = list(_edges(scene))
    place = layered([(b.width, b.height) for b in boxes], edges, scene.tops)
    parts = [*_lines(scene, place)]
    for b, (x, y) in zip(boxes, place.corners, strict=True):
        parts += _moved(b, x, y)
    return _Drawn(place.width, place.height, parts)


def _edges(scene: Scene) -> list[Edge]:
    """From the values' makers to their users; the values of a box leave it side by side."""
    used: dict[int, dict[int, None]] = {}
    for b in scene.boxes:
        for node, index in b.inputs:
            if node in scene.makers:
                used.setdefault(scene.makers[node], {})[index] = None
    ports = {box: {index: (k + 1) / (len(found) + 1) for k, index in enumerate(sorted(found))} for box, found in used.items()}
    out = []
    for k, b in enumerate(scene.boxes):
        starts = [(scene.makers[n], ports[scene.makers[n]][i]) for n, i in b.inputs if n in scene.makers]
        starts = [s for s in dict.fromkeys(starts) if s[0] < k]
        out += [Edge(box, port, k, (i + 1) / (len(starts) + 1)) for i, (box, port) in enumerate(starts)]
    return out


def _lines(scene: Scene, place: Layout) -> list[str]:
    return [
        f"<path{attributes(class_='derivative' if scene.boxes[box].kind == 'derivative' else None, d=way)}/>"
        for (box, _), way in place.ways.items()
    ]


def _box(box: Box, made: dict[Graph, _Drawn], key: Callable[[Span], str | None]) -> _Drawn:
    if box.graphs:
        inner: list[str] = []
        x = height = 0.0
        for label, g in box.graphs:
            frame = _framed(label, made[g], "graph") if len(box.graphs) > 1 else made[g]
            inner += _moved(frame, x, 0.0)
            x, height = x + frame.width + PAD, max(height, frame.height)
        drawn = _framed(box.label, _Drawn(x - PAD, height, inner), box.kind)
    else:
        width = _length(box.label) + 2 * PAD
        rect = attributes(width=f"{width:g}", height=f"{HEIGHT:g}", rx="10" if box.kind in ROUND else "3")
        text = f'<text x="{PAD:g}" y="14.5">{escape(box.label)}</text>'
        drawn = _Drawn(width, HEIGHT, [f"<rect{rect}/>", text])
        drawn.parts = [f"<g{attributes(class_=box.kind)}>", *drawn.parts, "</g>"]
    where = key(box.span) if box.span is not None else None
    title = box.title
    if box.span is not None:
        title += f"\n{box.span}  {_source(box.span)}".rstrip()
        title += "".join(f"\n{CALLED} {c}" for c in box.span.callers()[:MOST_CALLERS])
    drawn.parts[0] = f"<g{attributes(class_=box.kind, data_l=where)}><title>{escape(title)}</title>"
    return drawn


ROUND = ("parameter", "captured", "return")


def _source(span: Span) -> str:
    """The line of Python; a bare name, as text cites it, is not looked for along Python's path."""
    return span.source_line().strip() if os.path.isabs(span.file) or span.file.startswith("<") else ""


def _framed(label: str, inner: _Drawn, kind: str) -> _Drawn:
    """A box around a drawing, with its label on a tab."""
    tab = _length(label) + 2 * PAD
    width, height = max(inner.width + 2 * PAD, tab), inner.height + TITLE + 2 * PAD
    parts = [
        f"<g{attributes(class_=kind)}>",
        f'<rect width="{width:g}" height="{height:g}" rx="3"/>',
        f'<rect class="tab" width="{tab:g}" height="{TITLE - 2:g}" rx="3"/>',
        f'<text x="{PAD:g}" y="13">{escape(label)}</text>',
        *_moved(inner, (width - inner.width) / 2, TITLE + PAD),
        "</g>",
    ]
    return _Drawn(width, height, parts)


def _moved(drawn: _Drawn, x: float, y: float) -> list[str]:
    return [f'<g transform="translate({x:.1f} {y:.1f})">', *drawn.parts, "</g>"]


def _length(text: str) -> float:
    return CHARACTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
