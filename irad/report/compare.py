"""Two modules side by side: which lines stay, change, go and come.

Operations are numbered in the order of the text, so that one that goes renames all behind it. Lines are therefore
matched by what they compute, and compared up to the renaming that the matched lines give:

    %4: f64 = mul(%3, 0.1)     same        %2: f64 = mul(%1, 0.1)        where %3 was matched with %1
    %5: f64 = add(%x, %4)      changed     %3: f64 = add(%x, %x)         marked: %4 and the second %x
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.text import Line, constant_text, fact_text, printed

__all__ = ["Comparison", "Row", "compare"]

LONG = 2000  # lines: beyond, the search for matches leaves out what is frequent
_TOKEN = re.compile(r"[%@][\w.]+|\w+|\s+|.")
_SUFFIX = re.compile(r"(_\d+)+$")

Marks = list[tuple[int, int]]  # stretches of characters


@dataclass(frozen=True, slots=True)
class Row:
    """kind: same, changed, removed or added; numbers of the lines (from 0), and what is marked in them."""

    kind: str
    left: int | None
    right: int | None
    left_marks: Marks
    right_marks: Marks


@dataclass(frozen=True, slots=True)
class Comparison:
    left: list[Line]
    right: list[Line]
    rows: list[Row]

    def count(self, kind: str) -> int:
        return sum(r.kind == kind for r in self.rows)


def compare(before: Module, after: Module) -> Comparison:
    """The lines of two modules, matched in order."""
    a, b = _Text(before), _Text(after)
    pairs = _matched(a, b)
    names = _renaming(a, b, pairs)
    rows: list[Row] = []
    i = j = 0
    for m, n in [*pairs, (len(a.lines), len(b.lines))]:
        rows += [Row("removed", k, None, [], []) for k in range(i, m)]
        rows += [Row("added", None, k, [], []) for k in range(j, n)]
        if m < len(a.lines):
            left, right = _difference(a.lines[m].code, b.lines[n].code, names)
            rows.append(Row("changed" if left or right else "same", m, n, left, right))
        i, j = m + 1, n + 1
    return Comparison(a.lines, b.lines, rows)


class _Text:
    """The lines of a module, with keys to match them by, from the most particular to the most general."""

    def __init__(self, module: Module) -> None:
        self.lines, self.names = printed(module)
        inside: list[Graph] = []
        self.keys: list[tuple[Hashable, Hashable, Hashable]] = []
        for line in self.lines:
            node = line.node
            if isinstance(node, Graph):
                inside.append(node)
                key: Hashable = ("graph", _base(node.name), node.role)
                self.keys.append(((key, str(node.output.type)), key, key))
            elif isinstance(node, Apply):
                self.keys.append((_strong(node), _weak(node), (node.fn, str(node.type))))
            else:
                key = (line.code.split()[0] if line.code else "", _base(inside[-1].name) if inside else "")
                self.keys.append((key, key, key))
                if line.code.strip() == "}":
                    inside.pop()


def _base(name: str) -> str:
    return _SUFFIX.sub("", name)


def _weak(node: Node) -> Hashable:
    if isinstance(node, Constant):
        return constant_text(node)
    if isinstance(node, Apply):
        facts = tuple(map(fact_text, node.static))
        return node.fn, str(node.type), facts, node.name, node.span.line if node.span else 0
    return node.name, str(node.type)


def _strong(node: Apply) -> Hashable:
    return _weak(node), tuple(map(_weak, node.args)), tuple(_base(g.name) for g in node.graphs)


def _matched(a: _Text, b: _Text) -> list[tuple[int, int]]:
    """Pairs of lines in order: the most particular keys first, then what lies between by more general ones."""
    pairs: list[tuple[int, int]] = []
    for level in range(3):
        found: list[tuple[int, int]] = []
        i = j = 0
        for m, n in [*pairs, (len(a.lines), len(b.lines))]:
            left, right = [k[level] for k in a.keys[i:m]], [k[level] for k in b.keys[j:n]]
            found += [(i + x, j + y) for x, y in _common(left, right)]
            if m < len(a.lines):
                found.append((m, n))
            i, j = m + 1, n + 1
        pairs = found
    return pairs


def _common(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Places of equal items, in order."""
    if not a or not b:
        return []
    matcher = SequenceMatcher(None, a, b, autojunk=len(a) + len(b) > LONG)
    return [(m.a + k, m.b + k) for m in matcher.get_matching_blocks() for k in range(m.size)]


def _renaming(a: _Text, b: _Text, pairs: list[tuple[int, int]]) -> dict[str, str]:
    """What the names of values and graphs became: nothing, where the line has no match. Types keep their names."""
    names = dict.fromkeys([*a.names.values(), *(_graph_name(x) for x in a.lines if isinstance(x.node, Graph))], "")
    for m, n in pairs:
        x, y = a.lines[m].node, b.lines[n].node
        if isinstance(x, Graph) and isinstance(y, Graph):
            names[_graph_name(a.lines[m])] = _graph_name(b.lines[n])
            if len(x.params) == len(y.params):
                names.update((a.names[p], b.names[q]) for p, q in zip(x.params, y.params, strict=True))
            else:
                named = {(q.name, q.type): b.names[q] for q in y.params}
                names.update((a.names[p], named[p.name, p.type]) for p in x.params if (p.name, p.type) in named)
        elif isinstance(x, Apply) and isinstance(y, Apply):
            names[a.names[x]] = b.names[y]
    return names


def _graph_name(head: Line) -> str:
    return head.code.split("(", 1)[0].split()[-1]


def _difference(a: str, b: str, names: dict[str, str]) -> tuple[Marks, Marks]:
    """Where two lines differ, up to names."""
    left, right = _TOKEN.findall(a), _TOKEN.findall(b)
    renamed = [names.get(t, t) for t in left]
    if renamed == right:
        return [], []
    marks: tuple[Marks, Marks] = [], []
    starts = [_starts(left), _starts(right)]
    for tag, i, m, j, n in SequenceMatcher(None, renamed, right, autojunk=False).get_opcodes():
        if tag != "equal":
            marks[0].append((starts[0][i], starts[0][m]))
            marks[1].append((starts[1][j], starts[1][n]))
    return marks


def _starts(tokens: list[str]) -> list[int]:
    out = [0]
    for t in tokens:
        out.append(out[-1] + len(t))
    return out
