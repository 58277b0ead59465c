"""Programs for the operations that take graphs, and for effects: what each means, written in Python beside it.

    CONTROL["cond"] = Program((BOOL, F64, F64), build, meaning, values)

`build` makes the operation of numbers that are given; `meaning` is the same in Python and raises what it raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from irad.graph.build import Builder
from irad.graph.nodes import Graph, Module, Node
from irad.types import BOOL, F64, INT, Type
from tests.primitives.programs import Build, build_graph, builder


@dataclass(frozen=True)
class Program:
    types: tuple[Type, ...]
    build: Build
    meaning: Callable[..., float]
    values: Sequence[tuple[Any, ...]]
    prints: str = ""

    def module(self) -> Module:
        b = builder()
        build_graph(b, "main", self.types, self.build)
        return b.module


def nested(b: Builder, role: str, types: Sequence[Type], build: Callable[..., Node]) -> Graph:
    """A graph in the one being built; its body may use the nodes around it."""
    graph = b.new_graph(role, b.graph, role)
    params = [b.parameter(graph, t) for t in types]
    with b.inside(graph):
        graph.finish(build(*params))
    return graph


def _square_times(b: Builder) -> Graph:
    def build(b: Builder, xs: list[Node]) -> list[Node]:
        return [b.mul(b.mul(xs[0], xs[0]), b.sin(xs[1]))]

    graph = build_graph(b, "g", (F64, F64), build)
    graph.finish(graph.output.args[0])  # type: ignore[attr-defined]
    graph.body.pop()
    return graph


def _called(b: Builder, x: Node, y: Node) -> Node:
    return b.call(_square_times(b), [x, y])


def _cond(b: Builder, p: Node, x: Node, y: Node) -> Node:
    return b.either(p, lambda: b.mul(x, y), lambda: b.sub(b.mul(x, x), y))


def _fused(b: Builder, x: Node, y: Node) -> Node:
    """A kernel: the sum of three products."""

    def build() -> Node:
        return b.sum(b.mul(b.broadcast(x, shape=(3,)), b.broadcast(y, shape=(3,))), axes=(0,))

    b.folding = False
    kernel = nested(b, "branch", (), build)
    b.folding = True
    return b.fused(graphs=(kernel,))


def _for(b: Builder, n: Node, x: Node, y: Node) -> Node:
    body = nested(b, "loop", (INT, F64), lambda i, s: b.add(b.mul(s, y), b.convert(i, to=F64)))
    return b.for_loop(n, x, graphs=(body,))


def _for_meaning(n: int, x: float, y: float) -> float:
    for i in range(n):
        x = x * y + i
    return x


def _while(b: Builder, x: Node, y: Node) -> Node:
    def trip(s: Node) -> Node:
        grown = b.mul(s, y)
        return b.make_tuple(b.lt(grown, b.constant(F64, 10.0)), grown)

    return b.while_loop(x, graphs=(nested(b, "loop", (F64,), trip),))


def _while_meaning(x: float, y: float) -> float:
    x *= y
    while x < 10.0:
        x *= y
    return x


def _effect(name: str, error: str, message: str) -> Callable[..., Node]:
    def build(b: Builder, x: Node, y: Node) -> Node:
        facts = {"format": message} if name == "print" else {"error": error, "message": message}
        test = [b.lt(x, y)] if name == "assert" else []
        getattr(b, name)(*test, x, y, **facts)
        return b.mul(x, y)

    return build


def _raise(b: Builder, x: Node, y: Node) -> Node:
    def fail() -> Node:
        b.apply(b.primitives["raise"], [x], ("ValueError", "{0} is not below"))
        return b.mul(x, x)

    return b.either(b.lt(x, y), lambda: b.mul(x, y), fail)


def _below(error: type[Exception], message: str) -> Callable[..., float]:
    def meaning(x: float, y: float) -> float:
        if not x < y:
            raise error(message.format(x, y))
        return x * y

    return meaning


def _transforms(b: Builder, x: Node, y: Node) -> Node:
    """d(x x sin y)/dx by forward mode, times d/dy by reverse mode."""
    g = _square_times(b)
    tangent = b.getitem(b.jvp(x, y, b.constant(F64, 1.0), wrt=(0,), graphs=(g,)), index=1)
    residual = b.getitem(b.vjp_forward(x, y, wrt=(1,), graphs=(g,)), index=1)
    ct = b.getitem(b.vjp_backward(residual, b.constant(F64, 1.0), wrt=(1,), graphs=(g,)), index=0)
    return b.mul(tangent, ct)


def _by_elimination(b: Builder, x: Node, y: Node) -> Node:
    """d(x x sin y)/dx times d/dy; the graph that stands for other modes is of derivatives that are none."""
    modes = b.new_graph("modes")
    for name in ("x", "y"):
        b.parameter(modes, F64, name)
    with b.inside(modes):
        modes.finish(b.make_tuple(b.constant(F64, 0.0), b.constant(F64, 0.0)))
    parts = b.jacobian(x, y, wrt=(0, 1), order="auto", graphs=(_square_times(b), modes))
    return b.mul(b.getitem(parts, index=0), b.getitem(parts, index=1))


def _program(types: Sequence[Type], f: Callable[..., Node], meaning: Any, values: Any, prints: str = "") -> Program:
    return Program(tuple(types), lambda b, xs: [f(b, *xs)], meaning, values, prints)


PAIRS = [(0.75, 1.5), (-1.25, 0.5), (2.0, 3.0), (1.5, -0.75)]
GROWING = [(0.75, 1.5), (3.0, 4.0), (12.0, 1.25)]
DERIVED = _program((F64, F64), _transforms, lambda x, y: 2 * x * math.sin(y) * x * x * math.cos(y), PAIRS)
CONTROL: dict[str, Program] = {
    "call": _program((F64, F64), _called, lambda x, y: x * x * math.sin(y), PAIRS),
    "cond": _program(
        (BOOL, F64, F64), _cond, lambda p, x, y: x * y if p else x * x - y, [(p, *xs) for p in (True, False) for xs in PAIRS]
    ),
    "fused": _program((F64, F64), _fused, lambda x, y: 3 * (x * y), PAIRS),
    "for_loop": _program((INT, F64, F64), _for, _for_meaning, [(n, *xs) for n in (0, 1, 4) for xs in PAIRS]),
    "while_loop": _program((F64, F64), _while, _while_meaning, GROWING),
    "assert": _program(
        (F64, F64),
        _effect("assert", "AssertionError", "{0} against {1}"),
        _below(AssertionError, "{0} against {1}"),
        PAIRS,
    ),
    "raise": _program((F64, F64), _raise, _below(ValueError, "{0} is not below"), PAIRS),
    "print": _program((F64, F64), _effect("print", "", "{0} and {1}"), lambda x, y: x * y, PAIRS, "{0} and {1}\n"),
    **dict.fromkeys(("jvp", "vjp_forward", "vjp_backward"), DERIVED),
    "jacobian": _program((F64, F64), _by_elimination, lambda x, y: 2 * x * math.sin(y) * x * x * math.cos(y), PAIRS),
}
