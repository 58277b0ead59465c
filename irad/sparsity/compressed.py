"""Programs that differentiate along directions: of a Jacobian the sums of its columns (or rows) of one colour, of a Hessian
those of its columns, each as a row of a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from irad.graph.build import Builder, literal
from irad.graph.nodes import Module, Node
from irad.primitives import REGISTRY
from irad.sparsity.problem import Problem, with_entry
from irad.types import INT, Array, Scalar, Type

__all__ = ["along_columns", "along_rows", "gradient"]

FEW = 8  # directions that are written one after the other
Shapes = Sequence[tuple[int, ...]]
Along = Callable[[list[Node]], list[Node]]  # from a direction to the derivatives along it


def along_columns(problem: Problem, count: int, shapes: Shapes) -> Module:
    """The module that takes the parameters and, for each input, an array of `count` directions, and returns the derivatives
    along them of each output, whose shapes are given: arrays [size] for each direction, or [count, size] for many."""

    def derive(b: Builder, args: list[Node]) -> Along:
        def along(direction: list[Node]) -> list[Node]:
            pair = b.jvp(*args, *direction, graphs=(problem.graph,), wrt=problem.wrt)
            return b.items(b.getitem(pair, index=1))

        return along

    found = [(_dtype(t), math.prod(s)) for t, s in zip(problem.outputs, shapes, strict=True)]
    return _module(problem, count, problem.inputs, found, derive)


def along_rows(problem: Problem, count: int, shapes: Shapes) -> Module:
    """The module that takes the parameters and, for each output, an array of `count` directions, and returns the sums of rows
    along them for each input, as `along_columns` does for the outputs."""
    types = [Array(t.dtype, s) if isinstance(t, Array) else t for t, s in zip(problem.outputs, shapes, strict=True)]

    def derive(b: Builder, args: list[Node]) -> Along:
        residual = b.getitem(b.vjp_forward(*args, graphs=(problem.graph,), wrt=problem.wrt), index=1)

        def along(direction: list[Node]) -> list[Node]:
            cts = [_retyped(b, d, t) for d, t in zip(direction, problem.outputs, strict=True)]
            return b.items(b.vjp_backward(residual, b.make_tuple(*cts), graphs=(problem.graph,), wrt=problem.wrt))

        return along

    return _module(problem, count, types, [(_dtype(t), math.prod(_shape(t))) for t in problem.inputs], derive)


def gradient(problem: Problem) -> Problem:
    """The problem of the gradient of a function with one number for output."""
    module = with_entry(problem.module, "gradient")
    b = Builder(module, REGISTRY)
    graph = module.entry
    with b.inside(graph):
        args: list[Node] = [b.parameter(graph, p.type, p.name) for p in problem.graph.params]
        residual = b.getitem(b.vjp_forward(*args, graphs=(problem.graph,), wrt=problem.wrt), index=1)
        one = b.make_tuple(b.constant(problem.outputs[0], 1.0))
        graph.finish(b.vjp_backward(residual, one, graphs=(problem.graph,), wrt=problem.wrt))
    return Problem(module, graph, problem.wrt)


def _module(
    problem: Problem,
    count: int,
    given: Sequence[Type],
    found: Sequence[tuple[Scalar, int]],
    derive: Callable[[Builder, list[Node]], Along],
) -> Module:
    """`derive(b, args)` maps a direction, of the types `given`, to derivatives, of so many numbers."""
    module = with_entry(problem.module, "compressed")
    b, graph = Builder(module, REGISTRY), module.entry
    with b.inside(graph):
        args: list[Node] = [b.parameter(graph, p.type, p.name) for p in problem.graph.params]
        seeds: list[Node] = [b.parameter(graph, Array(_dtype(t), (count, *_shape(t)))) for t in given]
        along = derive(b, args)

        def row(c: Node) -> list[Node]:
            derivatives = along([_row(b, s, t, c) for s, t in zip(seeds, given, strict=True)])
            return [_flat(b, v, size) for v, (_, size) in zip(derivatives, found, strict=True)]

        if count <= FEW:
            graph.finish(b.make_tuple(*[v for c in range(count) for v in row(literal(c))]))
        else:
            graph.finish(b.make_tuple(*_looped(b, count, found, row)))
    return module


def _looped(b: Builder, count: int, found: Sequence[tuple[Scalar, int]], row: Callable[[Node], list[Node]]) -> list[Node]:
    """The derivatives along all directions, one a trip."""
    before: list[Node] = [b.zeros(of=Array(t, (count, size))) for t, size in found]
    body = b.new_graph("direction", b.graph, role="loop")
    body.info = literal(count)
    c = b.parameter(body, INT, "c")
    state: list[Node] = [b.parameter(body, v.type) for v in before]
    with b.inside(body):
        new = [
            b.slice_update(s, b.reshape(v, shape=(1, size)), c, literal(0), steps=(1, 1))
            for s, v, (_, size) in zip(state, row(c), found, strict=True)
        ]
        body.finish(b.tuple_(new))
    return b.parts(b.for_loop(literal(count), *before, graphs=(body,)), len(before))


def _dtype(t: Type) -> Scalar:
    scalar = t.dtype if isinstance(t, Array) else t
    assert isinstance(scalar, Scalar)
    return scalar.strong


def _shape(t: Type) -> tuple[int, ...]:
    assert not isinstance(t, Array) or t.static_shape is not None
    return t.static_shape or () if isinstance(t, Array) else ()


def _retyped(b: Builder, node: Node, t: Type) -> Node:
    return node if node.type is t or not isinstance(t, Array) else b.retype(node, to=t)


def _row(b: Builder, seeds: Node, t: Type, c: Node) -> Node:
    """Direction c, of type t."""
    if not isinstance(t, Array):
        return b.index(seeds, c)
    zero = [literal(0)] * t.rank
    return b.reshape(b.slice(seeds, c, *zero, shape=(1, *t.shape), steps=(1,) * (1 + t.rank)), shape=t.shape)


def _flat(b: Builder, node: Node, size: int) -> Node:
    """The numbers of an array, or a number, as an array [size]."""
    return b.reshape(node, shape=(size,)) if isinstance(node.type, Array) else b.array(node, shape=(1,))
