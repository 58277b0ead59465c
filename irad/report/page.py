"""A report as one page of HTML that needs nothing else: no network, no other file.

Lines that come from the same line of the source carry the same `data-l`; `page.js` lights them up together.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

from irad.errors import CALLED, MOST_CALLERS, Span
from irad.graph.text import Line
from irad.pipeline import DEBUG_NANS, LEAN
from irad.report.collect import Report, Source, place_of, shown_file
from irad.report.compare import Comparison, Marks, Row
from irad.report.markup import attributes, escape
from irad.report.svg import draw
from irad.report.tokens import Pieces, pieces
from irad.views import IR, PLUMBING, language, of_module

__all__ = ["page"]

CONTEXT = 2  # unchanged lines shown around a change
SHORTEST_FOLD = 5  # lines
MOST_ROWS = 10_000  # of all comparisons; beyond, what stays unchanged is left out
LETTERS = {  # the classes of the kinds of pieces: short, there are many
    "comment": "c",
    "string": "s",
    "number": "m",
    "keyword": "k",
    "type": "t",
    "function": "f",
    "operation": "o",
    "variable": "v",
    "fact": "a",
    "derivative": "d",
    "label": "l",
}
DOES = {"expand": "Give transforms their bodies, innermost first.", **{p.name: p.doc for p in (*LEAN, *DEBUG_NANS)}}
ABOUT = {
    "python": "what was written: Python's own operations, in the order in which Python runs them",
    "typed": "what it means for these types: variables, attributes and calls are resolved",
    "linearized": "its vertices, and their partials, behind the lines",
    "adjoint": "derivatives have bodies; ~ marks derivative values",
    "optimized": "what is left",
    "lowered": "what the backend decides",
    "source": "the program as Python",
    "llvm": "what is emitted; LLVM generates code from it, without passes",
    "asm": "what runs",
    "cuda": "its fused array operations and independent loops for a GPU; no backend runs them yet",
}


def page(report: Report) -> str:
    """The report as a document of HTML."""
    return _Page(report).text()


class _Page:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.keys: dict[Span, str | None] = {}
        self.rendered: dict[tuple[str, str], Pieces] = {}
        self.whole = sum(len(c.rows) for _, c in report.steps) <= MOST_ROWS

    def text(self) -> str:
        r = self.report
        return "\n".join(
            [
                "<!doctype html>",
                '<html lang="en">',
                "<head>",
                '<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width">',
                f"<title>{escape(r.title)} – irad</title>",
                f"<style>\n{_file('page.css')}</style>",
                "</head>",
                '<body class="page">',
                *self.header(),
                '<div class="columns">' if r.sources else "<div>",
                *self.sources(),
                "<main>",
                *self.overview(),
                *self.stages(),
                *self.passes(),
                *self.graph(),
                "</main>",
                "</div>",
                '<output id="where" hidden></output>',
                f"<script>\n{_file('page.js')}</script>",
                "</body>",
                "</html>\n",
            ]
        )

    # -- the head and the source ----------------------------------------------------------------------------------------

    def header(self) -> Iterable[str]:
        r = self.report
        yield "<header>"
        yield f"<h1>{escape(r.title)}</h1>"
        yield f'<p class="signature">{self.code(_signature(r), "ir")}</p>'
        yield '<dl class="about">'
        for name, value in r.about:
            yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        yield "</dl>"
        yield '<nav><a href="#overview">Overview</a><a href="#stages">Stages</a><a href="#passes">Passes</a>'
        yield '<a href="#graph">Graph</a></nav>'
        yield "</header>"

    def sources(self) -> Iterable[str]:
        if not self.report.sources:
            return
        yield '<aside aria-label="source">'
        optimized = self.report.stage("optimized")
        counts = Counter(s for s in map(self.key, optimized.spans) if s) if optimized is not None else Counter()
        for source in self.report.sources:
            yield f"<h2>{escape(shown_file(source.file))}</h2>"
            yield '<div class="text" data-s="file">'
            yield from self.source(source, counts)
            yield "</div>"
        yield "</aside>"

    def source(self, source: Source, counts: Counter[str]) -> Iterable[str]:
        lines = pieces("\n".join(source.lines) + "\n", "python")
        at = 1
        for stretch in [*source.shown, range(len(lines) + 1, len(lines) + 2)]:
            hidden = range(at, stretch.start)
            rows = [self.source_line(source, n, lines[n - 1], counts) for n in hidden]
            yield from _folded(rows, f"lines {hidden.start}–{hidden.stop - 1}") if len(rows) > SHORTEST_FOLD else rows
            for n in stretch:
                if n <= len(lines):
                    yield self.source_line(source, n, lines[n - 1], counts)
            at = stretch.stop

    def source_line(self, source: Source, number: int, line: Pieces, counts: Counter[str]) -> str:
        key = place_of(Span(source.file, number), self.report.sources) or ""
        n = counts[key]
        count = f'<span class="n" title="{n} lines of the optimized program">{n}</span>' if n else ""
        return (
            f'<div class="l" id="L{escape(key)}" data-l="{escape(key)}"><a href="#L{escape(key)}">{number}</a>'
            f"{_code(line, [])}{count}</div>"
        )

    # -- text ------------------------------------------------------------------------------------------------------------

    def key(self, span: Span | None) -> str | None:
        """The name of a line of the source on this page."""
        if span is None:
            return None
        if span not in self.keys:
            self.keys[span] = place_of(span, self.report.sources)
        return self.keys[span]

    def pieces(self, text: str, kind: str) -> Pieces:
        found = self.rendered.get((text, kind))
        if found is None:
            found = self.rendered[text, kind] = pieces(text, kind)[0] if text else []
        return found

    def code(self, text: str, kind: str) -> str:
        return _marked(self.pieces(text, kind), [])

    def line(self, text: str, span: Span | None, kind: str, more: str = "", marks: Marks | None = None) -> str:
        """A line of a program, with the number of its line of the source before it."""
        key = self.key(span)
        start = f"<div{attributes(class_=f'l{more}', data_l=key)}>{_number(key, span)}"
        return f"{start}{_code(self.pieces(text, kind), marks or [])}</div>"

    def ir_line(self, line: Line, more: str = "", marks: Marks | None = None) -> str:
        shown = line.comment if line.span is None else line.comment.removeprefix(str(line.span)).removeprefix("; ")
        text = f"{line.code}  # {shown}" if shown else line.code
        return self.line(text, line.span, "ir", more, marks)

    # -- the overview ----------------------------------------------------------------------------------------------------

    def overview(self) -> Iterable[str]:
        yield '<section id="overview"><h2>Overview</h2>'
        yield from self.figures()
        yield from self.times()
        yield from self.operations()
        yield from self.residuals()
        yield "</section>"

    def figures(self) -> Iterable[str]:
        """How large the program is on its way."""
        yield '<ol class="figures">'
        for view in self.report.stages:
            if view.stage in ("typed", "adjoint", "optimized"):
                n, unit = sum(view.operations.values()), "operations"
            elif view.stage in ("llvm", "asm"):
                n, unit = _instructions(view), "instructions"
            else:
                continue
            yield f'<li><a href="#stage-{view.stage}"><b>{n}</b> {unit}<span>{view.stage}</span></a></li>'
        yield "</ol>"

    def times(self) -> Iterable[str]:
        r = self.report
        longest = max([t for _, t in (*r.before, *r.behind)] + [s.seconds for s, _ in r.steps])
        yield "<h3>What each step does</h3>"
        yield '<div class="wide"><table class="steps"><thead><tr><th>step</th><th class="right">ms</th><th></th>'
        yield '<th class="right">operations</th><th class="right">lines</th><th>what changed</th></tr></thead><tbody>'
        for name, seconds in r.before:
            yield f"<tr><td>{escape(name)}</td>{_time(seconds, longest)}<td></td><td></td><td></td></tr>"
        for k, (step, comparison) in enumerate(r.steps):
            before, after = (sum(of_module("", m).operations.values()) for m in (step.before, step.after))
            count = f"{before} → <b>{after}</b>" if before != after else str(after)
            name = f'<a href="#pass-{k}" class="depth{min(step.depth, 2)}">{k + 1} {escape(step.name)}</a>'
            yield f'<tr><td>{name}</td>{_time(step.seconds, longest)}<td class="right">{count}</td>'
            yield f'<td class="right">{len(comparison.right)}</td><td>{_changes(comparison)}</td></tr>'
        for name, seconds in r.behind:
            yield f"<tr><td>{escape(name)}</td>{_time(seconds, longest)}<td></td><td></td><td></td></tr>"
        yield "</tbody></table></div>"

    def operations(self) -> Iterable[str]:
        """Operations by primitive, after each step that changes their number."""
        columns: list[tuple[str, Counter[str]]] = []
        typed = self.report.stage("typed")
        if typed is not None:
            columns.append(("typed", typed.operations))
        for step, _ in self.report.steps:
            found = of_module("", step.after).operations
            if step.depth == 0 and (not columns or found != columns[-1][1]):
                columns.append((step.name, found))
        if not columns:
            return
        names = sorted({n for _, c in columns for n in c}, key=lambda n: (-columns[-1][1][n], n))
        yield "<h3>Operations by primitive</h3>"
        yield '<div class="wide"><table class="counts"><thead><tr><th>primitive</th>'
        yield "".join(f'<th class="right">{escape(name)}</th>' for name, _ in columns) + "</tr></thead><tbody>"
        for name in names:
            cells, last = [], None
            for _, c in columns:
                n = c[name]
                change = "" if last is None or n == last else " more" if n > last else " less"
                cells.append(f'<td class="right{change}">{n or "·"}</td>')
                last = n
            yield f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>"
        total = "".join(f'<td class="right">{sum(c.values())}</td>' for _, c in columns)
        yield f'<tr class="total"><th>all</th>{total}</tr></tbody></table></div>'
        yield f'<p class="soft">Not counted: {", ".join(sorted(PLUMBING))}.</p>'

    def residuals(self) -> Iterable[str]:
        optimized = self.report.stage("optimized")
        if optimized is None or not optimized.residuals:
            return
        yield "<h3>What loops store for the way back, in each trip</h3>"
        yield '<div class="wide"><table class="residuals"><thead><tr><th>value</th><th class="right">bytes</th><th>line</th>'
        yield "<th></th></tr></thead><tbody>"
        for r in optimized.residuals:
            file, _, number = r.line.rpartition(":")
            key = place_of(Span(file, int(number)), self.report.sources) if number else None
            shown = f'<a href="#L{key}">{escape(r.line)}</a>' if key else escape(r.line)
            text = self.source_text(key) if key else ""
            named = f"<code>{escape(r.name)}</code>" if r.name else '<span class="soft">without a name</span>'
            yield f"<tr{attributes(data_l=key)}><td>{named}</td>"
            yield f'<td class="right">{r.bytes}</td><td>{shown}</td><td><code>{self.code(text, "python")}</code></td></tr>'
        total = sum(r.bytes for r in optimized.residuals)
        yield f'<tr class="total"><th>all</th><td class="right">{total}</td><td></td><td></td></tr></tbody></table></div>'

    def source_text(self, key: str) -> str:
        """The line of a source that `place_of` names."""
        file, _, number = key.rpartition(".")
        lines = self.report.sources[int(file or 0)].lines
        return lines[int(number) - 1].strip() if int(number) <= len(lines) else ""

    # -- stages, passes, graph -------------------------------------------------------------------------------------------

    def stages(self) -> Iterable[str]:
        yield '<section id="stages"><h2>Stages</h2>'
        for view in self.report.stages:
            lines = str(view).splitlines()
            shown = " open" if view.stage == "optimized" else ""
            yield f'<details id="stage-{view.stage}"{shown}><summary><b>{view.stage}</b>'
            yield f'<span class="soft">{_plural(len(lines), "line")}</span><span class="about">{ABOUT[view.stage]}</span>'
            yield "</summary>"
            yield f'<div class="text" data-s="{view.stage}">'
            kind = language(view.stage)
            found = zip(view.spans, pieces(str(view), kind), strict=True)
            rows = [self.stage_line(span, line, kind) for span, line in found]
            n = _run_time(view)
            yield from _folded(rows[:n], f"{_plural(n, 'line')} of the run time") if n else ()
            yield from rows[n:]
            yield "</div></details>"
        for stage, message in self.report.refused:
            yield f'<details id="stage-{stage}"><summary><b>{stage}</b><span class="about">not to be had</span></summary>'
            yield f"<pre>{escape(message)}</pre></details>"
        yield "</section>"

    def stage_line(self, span: Span | None, line: Pieces, kind: str) -> str:
        """As `line`, of pieces that were found in the whole text. The place stands before the line, not behind it."""
        key = self.key(span)
        if kind == "ir" and len(line) > 1 and line[-1][0] == "comment":
            rest = line[-1][1].removeprefix("# ")
            if key:
                rest = rest.removeprefix(str(span)).removeprefix("; ")
            line = [*line[:-2], (line[-2][0], line[-2][1].rstrip()), *([("comment", f"  # {rest}")] if rest else [])]
        return f"<div{attributes(class_='l', data_l=key)}>{_number(key, span)}{_code(line, [])}</div>"

    def passes(self) -> Iterable[str]:
        yield '<section id="passes"><h2>Passes</h2>'
        for k, (step, comparison) in enumerate(self.report.steps):
            yield f'<details id="pass-{k}" class="depth{min(step.depth, 2)}"><summary><b>{k + 1} {escape(step.name)}</b>'
            yield f'{_changes(comparison)}<span class="about">{escape(DOES.get(step.name, ""))}</span></summary>'
            yield from self.comparison(f"{k + 1} {step.name}", comparison)
            yield "</details>"
        if not self.report.steps:
            yield '<p class="soft">No pass ran.</p>'
        yield "</section>"

    def comparison(self, name: str, c: Comparison) -> Iterable[str]:
        if not any(r.kind != "same" for r in c.rows):
            yield '<p class="soft">The program stays as it is.</p>'
            return
        yield f'<div class="text pair" data-s="{escape(name)}">'
        near = [False] * len(c.rows)
        for i, r in enumerate(c.rows):
            if r.kind != "same":
                near[max(0, i - CONTEXT) : i + CONTEXT + 1] = [True] * len(near[max(0, i - CONTEXT) : i + CONTEXT + 1])
        i = 0
        while i < len(c.rows):
            j = i
            while j < len(c.rows) and near[j] == near[i]:
                j += 1
            if near[i] or j - i < SHORTEST_FOLD:
                yield from (self.row(r, c) for r in c.rows[i:j])
            elif self.whole:
                yield from _folded([self.row(r, c) for r in c.rows[i:j]], f"{j - i} unchanged lines")
            else:
                yield f'<p class="soft">{j - i} unchanged lines, left out of this large page</p>'
            i = j
        yield "</div>"

    def row(self, r: Row, c: Comparison) -> str:
        left = self.ir_line(c.left[r.left], " old", r.left_marks) if r.left is not None else '<div class="l none"></div>'
        right = self.ir_line(c.right[r.right], " new", r.right_marks) if r.right is not None else '<div class="l none"></div>'
        return f'<div class="{r.kind}">{left}{right}</div>'

    def graph(self) -> Iterable[str]:
        optimized = self.report.stage("optimized")
        yield '<section id="graph"><h2>Graph</h2>'
        if optimized is not None and optimized.module is not None:
            yield '<p class="soft">The optimized program: values go down. <span class="swatch"></span> derivative values.</p>'
            yield f'<div class="drawing" data-s="graph">{draw(optimized.module, self.key)}</div>'
        yield "</section>"


def _file(name: str) -> str:
    return files("irad.report").joinpath(name).read_text(encoding="utf-8")


def _signature(r: Report) -> str:
    return f"({', '.join(f'{name}: {t}' for name, t in r.parameters)}) -> {r.result}"


def _folded(rows: list[str], summary: str) -> Iterable[str]:
    yield f'<details class="fold"><summary>{escape(summary)}</summary>'
    yield from rows
    yield "</details>"


def _code(line: Pieces, marks: Marks) -> str:
    """A line as an element that knows its indentation, for lines that are broken."""
    text = "".join(t for _, t in line[:2])
    indent = len(text) - len(text.lstrip(" "))
    style = attributes(style=f"--i:{indent}" if indent else None)
    return f"<code{style}>{_marked(line, marks)}</code>"


def _marked(line: Pieces, marks: Marks) -> str:
    """Pieces as HTML, with stretches of characters marked."""
    if not marks:
        return "".join(_piece(k, t) for k, t in line)
    out, at, open_until = [], 0, -1
    edges = sorted({e for m in marks for e in m})
    begins = dict(marks)
    for kind, text in line:
        cuts = [0, *[e - at for e in edges if 0 < e - at < len(text)], len(text)]
        for a, b in itertools.pairwise(cuts):
            if at + a in begins and begins[at + a] > at + a:
                open_until = begins[at + a]
                out.append("<mark>")
            out.append(_piece(kind, text[a:b]))
            if open_until == at + b:
                out.append("</mark>")
                open_until = -1
        at += len(text)
    if open_until >= 0:
        out.append("</mark>")
    return "".join(out)


def _piece(kind: str, text: str) -> str:
    return f"<b class={LETTERS[kind]}>{escape(text)}</b>" if kind else escape(text)


def _changes(c: Comparison) -> str:
    """How many lines went, changed and came."""
    shown = [
        f'<span class="{kind}" title="{kind}">{sign}{n}</span>'
        for kind, sign in (("removed", "−"), ("added", "+"), ("changed", "~"))
        if (n := c.count(kind))
    ]
    return f'<span class="changes">{" ".join(shown)}</span>' if shown else '<span class="soft">nothing</span>'


def _time(seconds: float, longest: float) -> str:
    """A number and a bar."""
    width = 100 * seconds / longest
    bar = f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none"><rect width="{width:.1f}" height="8"/></svg>'
    return f'<td class="right">{1e3 * seconds:.2f}</td><td>{bar}</td>'


def _number(key: str | None, span: Span | None) -> str:
    """The number of the line that a line comes from, and how it was reached."""
    if key is None or span is None:
        return "<i></i>"
    calls = "".join(f", {CALLED} {c}" for c in span.callers()[:MOST_CALLERS] if str(c) != str(span))
    return f"<a{attributes(href=f'#L{key}', title=f'{span}{calls}' if calls else None)}>{key}</a>"


def _run_time(view: IR) -> int:
    """How many lines of machine code stand before the functions that the program was made into."""
    if view.stage not in ("llvm", "asm"):
        return 0
    placed = next((i for i, s in enumerate(view.spans) if s is not None), 0)
    begins = "define" if view.stage == "llvm" else ""
    lines = str(view).splitlines()
    return next((i for i in reversed(range(placed)) if lines[i].startswith(begins) and (begins or not lines[i])), 0)


def _instructions(view: IR) -> int:
    """Lines that are instructions, of the functions that the program was made into."""
    pattern = re.compile(r"  \S" if view.stage == "llvm" else r"\t[^.]")
    lines = str(view).splitlines()
    return sum(bool(pattern.match(line)) for line in lines[_run_time(view) :])


def _plural(n: int, unit: str) -> str:
    return f"{n} {unit}{'s' * (n != 1)}"
