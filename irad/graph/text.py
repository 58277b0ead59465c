"""Modules to text; `irad.graph.parse` reads it back, each is the other's inverse.

    graph @f(%x: f64, %n: int) -> f64 {
      graph @body(%i: int, %s: f64) -> f64 {   # captures %x
        %0: f64 = sin(%x);                      # model.py:4
        %1: f64 = add(%s, %0);                  # model.py:4
        return %1;                              # (`~` for `=` marks a derivative value, which may be contracted)
      }
      %2: f64 = for_loop(%n, @body, 0.0);
      return %2;
    }

Names are the user's, with a suffix where needed; the first graph is the entry. A comment `# file.py:line` is a span
and is read back; other comments are not kept.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from irad.errors import Span
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node
from irad.graph.walk import all_graphs, captured
from irad.types import BOOL, FLOAT, INT, NONE, UNIT, Form, Record, Scalar, Tuple

__all__ = ["Line", "alone", "joined", "print_graph", "print_module", "printed"]


COMMENT_COLUMN = 80  # comments stand in one column; behind longer lines they follow


class Line(NamedTuple):
    """A line of the text, what stands behind its `#`, and the operation or graph that it shows."""

    code: str
    comment: str = ""
    node: Apply | Graph | None = None

    @property
    def span(self) -> Span | None:
        return self.node.span if self.node is not None else None


def print_module(module: Module) -> str:
    return joined(printed(module)[0])


def printed(module: Module) -> tuple[list[Line], dict[Node, str]]:
    """The lines of a module's text, and what each node is called in it."""
    printer = _Printer(module)
    return printer.text(), printer.names


def alone(graph: Graph) -> Module:
    """A module of one graph with those nested in it: names are local to its text."""
    module = Module()
    module.graphs.append(graph)
    return module


def print_graph(graph: Graph) -> str:
    return print_module(alone(graph))


def joined(lines: Sequence[Line]) -> str:
    """The text of lines, with the comments in one column."""
    width = min(max((len(line.code) for line in lines if line.comment), default=0), COMMENT_COLUMN)
    return "\n".join(f"{code:<{width}}  # {comment}" if comment else code for code, comment, _ in lines) + "\n"


def _unique_names(module: Module) -> dict[Graph, str]:
    """A name for each graph; the frontend calls blocks alike."""
    names: dict[Graph, str] = {}
    taken: set[str] = set()
    for g in all_graphs(module):
        name, n = g.name, 0
        while name in taken:
            n += 1
            name = f"{g.name}_{n}"
        taken.add(name)
        names[g] = name
    return names


class _Printer:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.names: dict[Node, str] = {}
        self.taken: set[str] = set()
        self.counter = 0
        self.graph_names = _unique_names(module)
        self.lines: list[Line] = []

    def text(self) -> list[Line]:
        for name, cases in self.module.sums.items():
            shown = " | ".join(str(Tuple(c)) for c in cases)
            self.lines.append(Line(f"type @{name} = {shown};"))
        for g in self.module.graphs:
            if self.lines:
                self.lines.append(Line(""))
            self.graph(g)
        return self.lines

    def graph(self, top: Graph) -> None:
        """Print iteratively: a stack of graphs, each with where it stands."""
        stack: list[tuple[Graph, Iterator[Any], str]] = []

        def begin(g: Graph, pad: str) -> None:
            params = ", ".join(f"{self.new_name(p)}: {p.type}" for p in g.params)
            free = [self.names[n] for n in captured(g) if n in self.names] if g.parent is not None else []
            head = f"{pad}graph @{self.graph_names[g]}({params}) -> {g.output.type} {{"
            self.lines.append(Line(head, f"captures {', '.join(free)}" if free else "", g))
            stack.append((g, self.items(g), pad))

        begin(top, "")
        while stack:
            g, items, pad = stack[-1]
            for item in items:
                if isinstance(item, Graph):
                    begin(item, pad + "  ")
                    break
                self.statement(item, pad + "  ")
            else:
                stack.pop()
                self.lines.append(Line(f"{pad}  return {self.operand(g.output)};"))
                self.lines.append(Line(pad + "}"))

    @staticmethod
    def items(graph: Graph) -> Iterator[Any]:
        printed: set[Graph] = set()
        for node in graph.body:
            for g in node.graphs:
                if g.parent is graph and g not in printed:
                    printed.add(g)
                    yield g
            yield node

    def statement(self, node: Apply, pad: str) -> None:
        operands = [self.operand(a) for a in node.args]
        if node.fn.name == "call":
            text = f"@{self.graph_name(node.graphs[0])}({', '.join(operands)})"
        else:
            if node.fn.layout:
                before = node.fn.layout[0]
                operands[before:before] = [f"@{self.graph_name(g)}" for g in node.graphs]
            facts = [f"{k}={fact_text(v)}" for k, v in node.facts().items()]
            text = f"{node.fn.name}({', '.join(operands + facts)})"
        comment = str(node.span.users()) if node.span else ""
        if node.fn.order == "effect":
            self.names[node] = "()"
            self.lines.append(Line(f"{pad}{text};", comment, node))
        else:
            equals = "~" if node.adjoint else "="
            self.lines.append(Line(f"{pad}{self.new_name(node)}: {node.type} {equals} {text};", comment, node))

    def graph_name(self, graph: Graph) -> str:
        return self.graph_names.get(graph, graph.name)  # a graph that is not part of the text keeps its name

    def new_name(self, node: Node) -> str:
        if node.name is None:
            while (name := str(self.counter)) in self.taken:
                self.counter += 1
            self.counter += 1
        else:
            name, n = node.name, 0
            while name in self.taken:
                n += 1
                name = f"{node.name}_{n}"
        self.taken.add(name)
        self.names[node] = name = f"%{name}"
        return name

    def operand(self, node: Node) -> str:
        if node.__class__ is Constant:
            return constant_text(node)
        return self.names.get(node, "%<out of scope>")


def constant_text(node: Constant) -> str:
    value, type = node.value, node.type
    if value is UNDEF:
        return f"undef({type})"
    if type is FLOAT:
        return float_text(value)
    if type is INT:
        return str(value)
    if type is BOOL:
        return "true" if value else "false"
    if isinstance(type, Scalar):
        return f"{type}({float_text(value) if type.kind == 'f' else value})"
    if type is UNIT:
        return "()"
    if type is NONE:
        return "none"
    return f"static({value!r})"


def float_text(value: float) -> str:
    """Shortest text that reads back to the same bits."""
    if math.isnan(value):
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return "nan" if bits == 0x7FF8000000000000 else f"nan:0x{bits:x}"
    return repr(float(value))


def fact_text(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Form):
        return str(Record(value, [UNIT] * len(value.keys)))
    if isinstance(value, tuple):
        return f"({', '.join(map(fact_text, value))}{',' if len(value) == 1 else ''})"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)


def _quoted(text: str) -> str:
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'
