"""The examples of `rewrites.txt`: what each rewrite rule must make of an expression, and where it must not fire."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from irad.graph.build import Builder, constant, literal
from irad.graph.nodes import Apply, Constant, Module, Node
from irad.primitives import REGISTRY
from irad.types import BOOL, F32, F64, I32, I64, Array, Dim, Form, List, Scalar, Sum

VARIABLES = {
    **dict.fromkeys("xyz", F64),
    **dict.fromkeys("mn", I64),
    **dict.fromkeys("pqr", BOOL),
    **dict.fromkeys("uv", Array(F64, (4,))),
    **dict.fromkeys("ab", Array(F64, (Dim.symbol("n"), Dim.symbol("n")))),
    **{"k": I32, "s": F32, "h": Array(I64, (4,)), "l": List(F64), "t": Array(F64, (2, 3, 4))},
    "w": Array(F64, (Dim.symbol("n"),) * 3),
}
N, M = Dim.symbol("n"), Dim.symbol("m")
FACTS = {
    **{"V": Array(F64, (4,)), "VN": Array(F64, (N,)), "F": F64, "K": I32, "L": Form("list", "list", (0, 1)), "S": Sum("s")},
    **{"N": (N,), "NM": (N, M), "NN": (N, N), "N4": (N, 4), "FourN": (4, N)},  # shapes
}


class Example(NamedTuple):
    rule: str
    mode: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.rule} {self.mode} {self.before} => {self.after}"


def read() -> list[Example]:
    lines = (Path(__file__).parent / "rewrites.txt").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"(\S+)\s+([=~!]) (.*) => (.*)", line) for line in lines if line and not line.startswith("#")]
    return [Example(*m.groups()) for m in found if m is not None]


EXAMPLES = read()


class Scope:
    """A graph with the variables for parameters, in which expressions are built."""

    def __init__(self, mode: str) -> None:
        module = Module()
        module.sums = {"s": ((F64, I64), (F64,))}
        self.b = Builder(module, REGISTRY, fast=mode == "!")
        self.b.adjoint = mode == "~"
        graph = self.b.new_graph("f")
        self.variables = {name: self.b.parameter(graph, t, name) for name, t in VARIABLES.items()}
        self.b.enter(graph)

    def build(self, text: str, *, folding: bool) -> Node:
        """The expression; only its outermost operation is folded and rewritten."""
        keyword = r"\b(and|or|not)\("
        return self.node(ast.parse(re.sub(keyword, r"\1_(", text), mode="eval").body, folding)

    def node(self, e: Any, folding: bool) -> Node:
        if isinstance(e, ast.Name):
            return self.variables[e.id]
        if not isinstance(e, ast.Call):
            return literal(ast.literal_eval(e))
        name = e.func.id.rstrip("_")  # type: ignore[attr-defined]
        facts = {k.arg: FACTS[k.value.id] if isinstance(k.value, ast.Name) else ast.literal_eval(k.value) for k in e.keywords}
        if name == "undef":
            return self.b.undef(facts["of"])
        args = [self.node(a, False) for a in e.args]
        if name == "f32":
            return constant(F32, args[0].value)  # type: ignore[attr-defined]
        self.b.folding = folding
        try:
            if name == "rep":
                return self.b.broadcast(*args, shape=(4,))
            return self.b.apply(REGISTRY[name], args, tuple(facts[f] for f in REGISTRY[name].statics))
        finally:
            self.b.folding = True


def text_of(node: Node) -> str:
    """An expression as text: equal for equal expressions, whatever graphs they stand in."""
    if isinstance(node, Constant):
        zero = node.value == 0 and isinstance(node.type, Scalar) and node.type.kind == "f"
        return f"{node.type.strong}:{math.copysign(0.0, node.value) if zero else node.value}"  # type: ignore[attr-defined]
    if isinstance(node, Apply):
        return f"{node.fn}({', '.join([*map(text_of, node.args), *map(str, node.static)])})"
    return str(node.name)


def check(e: Example) -> None:
    scope = Scope(e.mode)
    made = scope.build(e.before, folding=True)
    fired = scope.b.fired.get(e.rule, 0)
    if e.after == "same":
        assert not fired, f"{e.rule} fires on {e.before}: {text_of(made)}"
        return
    assert fired, f"{e.rule} does not fire on {e.before}, which becomes {text_of(made)}"
    want = scope.build(e.after, folding=False)
    assert text_of(made) == text_of(want), f"{e}: it becomes {text_of(made)}"
