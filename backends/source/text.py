"""Functions of statements as text: names for numbers, copies in an order, comments with the user's lines, short lines."""

from __future__ import annotations

import ast
import copy
import re
import textwrap
from dataclasses import dataclass, field
from typing import Any

from irad.backends.source.expressions import VARIABLE, Expr, negated
from irad.backends.source.helpers import definitions
from irad.backends.source.lines import WIDTH, closes, folded
from irad.backends.source.naming import names, record_name
from irad.backends.source.statements import Block, Check, Copy, For, Function, If, Line, Return, Statement, While, used

from irad.errors import SizesDiffer, Span
from irad.types import Scalar

__all__ = ["Text", "written"]

COLUMN = 72  # comments stand in one column; behind longer lines they follow
ROW = 72  # characters of names that are bound in one line
ABOUT = "Made by irad; it runs without irad. Comments cite the lines of the source."
BACKWARDS = "# backwards"


@dataclass(slots=True)
class Text:
    """Generated Python. entry: the name of its function; spans: the user's places, by line of the text."""

    text: str
    entry: str
    spans: dict[int, list[Span]] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    code: str
    spans: frozenset[Any] = frozenset()


class _Writer:
    """The rows of one function."""

    def __init__(self, function: Function, taken: set[str]) -> None:
        self.function, self.names = function, names(function, taken)
        self.rows: list[_Row] = []

    def write(self) -> list[_Row]:
        f = self.function
        self.row(0, f"def {f.name}({', '.join(self.names[p] for p in f.params)}):")
        self.block(f.body, 1)
        return self.rows

    def row(self, depth: int, code: str, spans: Any = frozenset()) -> None:
        for k, line in enumerate(folded("    " * depth + code)):
            self.rows.append(_Row(line, spans if k == 0 else frozenset()))

    def named(self, tree: ast.AST) -> str:
        tree = copy.deepcopy(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and (m := VARIABLE.fullmatch(node.id)):
                node.id = self.names[int(m[1])]
        return ast.unparse(ast.fix_missing_locations(tree))

    def block(self, block: Block, depth: int) -> None:
        start = len(self.rows)
        turn = _turn(block) if depth == 1 else None
        for k, s in enumerate(block):
            if k == turn:
                if len(self.rows) > start:
                    self.row(0, "")
                self.row(depth, BACKWARDS)
            self.statement(s, depth)
        if all(row.code.lstrip().startswith("#") or not row.code for row in self.rows[start:]):
            self.row(depth, "pass")

    def statement(self, s: Statement, depth: int) -> None:
        if isinstance(s, Line):
            self.row(depth, self.named(s.tree), s.spans)
        elif isinstance(s, Copy):
            self.copy(s, depth)
        elif isinstance(s, Return):
            self.row(depth, f"return {_bare(self.named(s.value.tree), s.value.tree)}", s.spans)
        elif isinstance(s, Check):
            if s.test is None:
                self.row(depth, f"raise {self.named(s.error)}", s.spans)
            else:
                self.row(depth, f"if {self.named(negated(s.test))}:", s.spans)
                self.row(depth + 1, f"raise {self.named(s.error)}")
        elif isinstance(s, If):
            self.branch(s, depth)
        elif isinstance(s, For):
            self.row(depth, f"for {self.names[s.index]} in range({self.named(s.count.tree)}):", s.spans)
            self.block(s.body, depth + 1)
        else:
            self.loop(s, depth)

    def loop(self, s: While, depth: int) -> None:
        self.row(depth, "while True:", s.spans)
        self.block(s.body, depth + 1)
        self.row(depth + 1, f"if {self.named(negated(s.again))}:")
        self.row(depth + 2, "break")

    def branch(self, s: If, depth: int) -> None:
        then, orelse = self.rows_of(s.then, depth + 1), self.rows_of(s.orelse, depth + 1)
        test = s.test.tree
        if _is_pass(then) and _is_pass(orelse):
            return
        if self.while_loop(s, then, orelse, depth):
            return
        if _is_pass(then):
            test, then, orelse = negated(s.test), orelse, then
        self.row(depth, f"if {self.named(test)}:", s.spans)
        self.rows += then
        if not _is_pass(orelse):
            first = orelse[0].code
            inner = "    " * (depth + 1)
            chained = first.startswith(f"{inner}if ") and all(
                r.code.startswith((inner + " ", f"{inner}elif ", f"{inner}else:")) for r in orelse[1:]
            )
            if chained:
                pad = "    " * depth
                self.rows.append(_Row(pad + "el" + first.strip(), orelse[0].spans))
                self.rows += [_Row(r.code[4:], r.spans) for r in orelse[1:]]
            else:
                self.row(depth, "else:")
                self.rows += orelse

    def while_loop(self, s: If, then: list[_Row], orelse: list[_Row], depth: int) -> bool:
        """`if p: while True: ...; if not p: break` as `while p: ...`."""
        if not _is_pass(orelse):
            return False
        loops = [k for k, inner in enumerate(s.then) if isinstance(inner, While)]
        if len(loops) != 1:
            return False
        loop = s.then[loops[0]]
        assert isinstance(loop, While)
        if self.named(loop.again.tree) != self.named(s.test.tree):
            return False
        others = [x for k, x in enumerate(s.then) if k != loops[0]]
        if not all(isinstance(x, Copy) and _is_pass(self.rows_of([x], depth)) for x in others):
            return False
        self.row(depth, f"while {self.named(s.test.tree)}:", loop.spans | s.spans)
        self.block(loop.body, depth + 1)
        return True

    def rows_of(self, block: Block, depth: int) -> list[_Row]:
        kept, self.rows = self.rows, []
        self.block(block, depth)
        found, self.rows = self.rows, kept
        return found

    # -- copies ----------------------------------------------------------------------------------------------------------------

    def copy(self, s: Copy, depth: int) -> None:
        """Bind variables at once: in an order in which none is bound before it is read, or as a tuple. What reads no variable
        comes last, where it is in nobody's way."""
        pairs = [(self.names[v], x) for v, x in s.pairs if x.number is None or self.names[x.number] != self.names[v]]
        waiting = [(n, x, {self.names[k] for k in used(x.tree)}) for n, x in pairs if used(x.tree)]
        while waiting:
            free = next((p for p in waiting if not any(p[0] in q[2] for q in waiting if q is not p)), None)
            if free is None:
                left, right = ", ".join(n for n, _, _ in waiting), ", ".join(self.named(x.tree) for _, x, _ in waiting)
                self.row(depth, f"{left} = {right}", frozenset().union(*[x.spans for _, x, _ in waiting]))
                break
            waiting.remove(free)
            self.row(depth, _assignment(free[0], self.named(free[1].tree), free[1]), free[1].spans)
        self.fixed([(n, x) for n, x in pairs if not used(x.tree)], depth)

    def fixed(self, pairs: list[tuple[str, Expr]], depth: int) -> None:
        """Bind variables to values that depend on none; those that begin with one number share a line."""
        while pairs:
            _, x = pairs[0]
            value = self.named(x.tree)
            number = isinstance(x.type, Scalar) and isinstance(x.tree, (ast.Constant, ast.Attribute))
            same = [p for p in pairs if number and self.named(p[1].tree) == value] or pairs[:1]
            names = [n for n, _ in same]
            pairs = [p for p in pairs if p not in same]
            while names:
                taken = max(1, next((m for m in range(1, len(names)) if len(" = ".join(names[: m + 1])) > ROW), len(names)))
                self.row(depth, f"{' = '.join(names[:taken])} = {value}", x.spans)
                names = names[taken:]


def _turn(block: Block) -> int | None:
    """Where a function turns from the value to the cotangents: after it there are derivative values, and few others."""
    adjoint = [s.adjoint for s in block if not isinstance(s, Return)]
    first = next((k for k, a in enumerate(adjoint) if a), None)
    if first is None or any(adjoint[:first]) or sum(adjoint[first:]) < 0.8 * len(adjoint[first:]):
        return None
    return first


def _assignment(name: str, value: str, x: Expr) -> str:
    """`x = x + y` of numbers is `x += y`."""
    tree = x.tree
    if isinstance(tree, ast.BinOp) and type(tree.op) in AUGMENTED and value.startswith(f"{name} {AUGMENTED[type(tree.op)]} "):
        if isinstance(x.type, Scalar) and isinstance(tree.left, ast.Name):
            rest = value[len(name) + 3 :]
            if isinstance(tree.right, ast.BinOp) and rest.startswith("(") and closes(rest):
                rest = rest[1:-1]
            return f"{name} {AUGMENTED[type(tree.op)]}= {rest}"
    return f"{name} = {value}"


AUGMENTED: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def _bare(text: str, tree: ast.expr) -> str:
    """A returned tuple without its brackets."""
    return text[1:-1] if isinstance(tree, ast.Tuple) and len(tree.elts) > 1 and closes(text) else text


def _is_pass(rows: list[_Row]) -> bool:
    return len(rows) == 1 and rows[0].code.strip() == "pass"


def _places(spans: Any) -> str:
    """`tour.py:5, 10`."""
    files: dict[str, set[int]] = {}
    for s in spans:
        files.setdefault(str(s).rpartition(":")[0], set()).add(s.line)
    return "; ".join(f"{f}:{', '.join(map(str, sorted(lines)))}" for f, lines in sorted(files.items()))


def written(
    functions: list[Function], helpers: set[str], ieee: dict[str, str], records: dict[str, tuple[Any, ...]], title: str
) -> Text:
    """The whole text: what it is, imports, helpers, functions, the entry last."""
    classes = {record_name(form): keys for form, keys in records.items()}
    taken = {f.name for f in functions} | set(helpers) | set(ieee) | set(classes)
    parts = [_Writer(f, taken).write() for f in functions]
    body = "\n".join(r.code for rows in parts for r in rows)
    defined = definitions(helpers - {"copy"}, ieee)
    everything = "\n".join([body, *defined])
    quiet = re.search(r"\bnp\.|[^=]/|\*| [-+]=? |\.astype\(", everything) is not None
    if quiet:
        parts[-1].insert(0, _Row('@np.errstate(all="ignore")  # inf and nan are results'))
    imports = [
        *(["import copy"] if "copy" in helpers else []),
        *(["import math"] if re.search(r"\bmath\.", everything) else []),
        *(["from collections import namedtuple"] if classes else []),
    ]
    if quiet or re.search(r"\bnp\.", everything):
        imports += [*([""] if imports else []), "import numpy as np"]
    if f"{SizesDiffer.__name__}(" in everything:
        imports += [*([""] if imports else []), f"from irad.errors import {SizesDiffer.__name__}"]
    lines = ['"""' + textwrap.fill(title, WIDTH - 3, break_long_words=False), "", ABOUT, '"""', ""] if title else []
    lines = "\n".join(lines).split("\n")
    lines += imports
    for name, keys in classes.items():
        lines += ["", f"{name} = namedtuple({name!r}, {' '.join(map(str, keys))!r})"]
    for paragraph in defined:
        lines += ["", "", *paragraph.split("\n")]
    spans: dict[int, list[Span]] = {}
    for rows in parts:
        lines += ["", ""]
        width = min(max((len(r.code) for r in rows if r.spans), default=0), COLUMN)
        before = ""
        for r in rows:
            comment = _places(r.spans)
            shown = comment if comment != before else ""
            before = comment or before
            lines.append(f"{r.code:<{width}}  # {shown}" if shown else r.code)
            if r.spans:
                spans[len(lines)] = sorted(r.spans, key=lambda s: (s.file, s.line, s.column))
    return Text("\n".join(lines).strip("\n") + "\n", functions[-1].name, spans)
