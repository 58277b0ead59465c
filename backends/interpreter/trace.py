"""Each operation as it runs: what it is called in `irad ir`, its operands, its value, the user's line.

@loop(%i=0, %x_1=0.3, %stack=[])                                                # tour.py:9
  %1 = mul(%k=2.5, %x_1=0.3) -> 0.75                                            # tour.py:5
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.text import constant_text, fact_text, printed
from irad.types import Array, List, Scalar, Stack, Struct, Sum, Type

__all__ = ["Trace", "Tracer"]

COLUMN = 80  # where the user's lines stand
SHOWN = 4  # items of an array, list or stack
PLUMBING = frozenset({"make_tuple", "make_record", "getitem"})  # operands tell what they give


class Trace:
    """What the interpreter tells of a run; a class for each use says what to do with it."""

    def enter(self, graph: Graph, args: Sequence[Any]) -> None:
        """A graph begins: a function, a branch, a trip of a loop."""

    def leave(self, graph: Graph) -> None:
        """It has ended."""

    def step(self, node: Apply, xs: Sequence[Any], value: Any) -> None:
        """An operation has run on these operands."""


class Tracer(Trace):
    """Hands each operation to `write` as a line of text."""

    def __init__(self, module: Module, write: Callable[[str], Any]) -> None:
        self.names, self.write, self.level = printed(module)[1], write, 0

    def enter(self, graph: Graph, args: Sequence[Any]) -> None:
        operands = ", ".join(f"{self.names[p]}={shown(a, p.type)}" for p, a in zip(graph.params, args, strict=True))
        self.line(f"{graph}({operands})", graph.span)
        self.level += 1

    def leave(self, graph: Graph) -> None:
        self.level -= 1

    def step(self, node: Apply, xs: Sequence[Any], value: Any) -> None:
        if node.fn.name in PLUMBING:
            return
        operands = [self.operand(a, x) for a, x in zip(node.args, xs, strict=True)]
        if node.fn.layout is not None:
            before = node.fn.layout[0]
            operands[before:before] = [f"@{g.name}" for g in node.graphs]
        operands += [f"{k}={fact_text(v)}" for k, v in node.facts().items()]
        call = f"{node.fn.name}({', '.join(operands)})"
        if node.fn.order == "effect":
            self.line(call, node.span)
            return
        begins = "  (the first nan)" if holds_nan(value) and not any(map(holds_nan, xs)) else ""
        self.line(f"{self.names[node]} = {call} -> {shown(value, node.type)}{begins}", node.span)

    def operand(self, node: Node, value: Any) -> str:
        return constant_text(node) if isinstance(node, Constant) else f"{self.names[node]}={shown(value, node.type)}"

    def line(self, text: str, span: Any) -> None:
        text = "  " * self.level + text
        self.write(f"{text:<{COLUMN}}  # {span.users()}" if span is not None else text)


def shown(value: Any, t: Type) -> str:
    """A value of type t in a few words."""
    if value is None:
        return "undef"
    if isinstance(t, Stack):
        items: list[str] = []
        while value and len(items) <= SHOWN:
            value, item = value
            items.append(shown(item, t.item))
        return f"[{', '.join([*(['...'] if len(items) > SHOWN else []), *items[SHOWN - 1 :: -1]])}]"
    if isinstance(t, List):
        return f"[{', '.join(_few([shown(v, t.item) for v in value[: SHOWN + 1]]))}]"
    if isinstance(t, Struct):
        return f"({', '.join(shown(v, u) for v, u in zip(value, t.items, strict=True))})"
    if isinstance(t, Array):
        return f"{t.dtype}{list(value.shape)}({', '.join(_few([str(v) for v in value.ravel()[: SHOWN + 1].tolist()]))})"
    if isinstance(t, Scalar):
        return str(value.item() if isinstance(value, np.generic) else value)
    return f"case {value[0]}" if isinstance(t, Sum) else repr(value)


def _few(words: list[str]) -> list[str]:
    return words if len(words) <= SHOWN else [*words[:SHOWN], "..."]


def holds_nan(value: Any) -> bool:
    """Whether a number is nan, or one in an array."""
    return isinstance(value, (np.floating, np.ndarray)) and value.dtype.kind == "f" and bool(np.isnan(value).any())
