"""Random programs of array operations in typed IR, for what fuses them: one graph, a few results.

Axes are drawn from few sizes, so that many operations share loops; values stay near 1, so that errors do not grow.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from irad.graph.build import Builder, constant
from irad.graph.nodes import Graph, Module, Node
from irad.primitives import REGISTRY
from irad.types import BOOL, F32, F64, I64, Array, Scalar

__all__ = ["arguments", "random_module"]

SIZES = (1, 2, 3, 5, 8, 9, 16, 17, 33)


class _Draw:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.module = Module()
        self.b: Any = Builder(self.module, REGISTRY)
        self.sizes = self.random.sample(SIZES, 3)
        self.arrays: list[Node] = []

    def dims(self, least: int = 1) -> tuple[int, ...]:
        return tuple(self.random.choice(self.sizes) for _ in range(self.random.randint(least, 3)))

    def run(self) -> Module:
        graph = self.b.new_graph("main")
        for k in range(self.random.randint(1, 4)):
            dtype = self.random.choice([F64, F64, F64, F32, I64])
            self.arrays.append(self.b.parameter(graph, Array(dtype, self.dims()), f"x{k}"))
        with self.b.inside(graph):
            for _ in range(self.random.randint(2, 18)):
                self.b.adjoint = self.random.random() < 0.4
                made = self.step()
                if isinstance(made.type, Array):
                    self.arrays.append(made)
            outputs = self.random.sample(self.arrays, min(len(self.arrays), self.random.randint(1, 4)))
            graph.finish(self.b.make_tuple(self.arrays[-1], *outputs))
        return self.module

    def step(self) -> Node:
        kinds = [self.unary, self.binary, self.binary, self.binary, self.reduce, self.reduce, self.spread, self.turn]
        return self.random.choice([*kinds, self.cut, self.choose, self.product, self.put])()

    def one(self) -> Any:
        return self.random.choice(self.arrays[-6:])

    def like(self, x: Any) -> Any:
        """An array of the shape and dtype of x: one that is there, or one made for it."""
        there = [y for y in self.arrays if y.type is x.type]
        if there and self.random.random() < 0.7:
            return self.random.choice(there)
        return self.fitted(self.random.choice(self.arrays), x)

    def fitted(self, y: Any, x: Any) -> Any:
        """y, or a part of it, repeated in the shape of x."""
        b = self.b
        if y.type.dtype is not x.type.dtype:
            y = b.convert(y, to=x.type.dtype) if y.type.dtype.kind != "f" or x.type.dtype.kind == "f" else x
        while y.type.rank > x.type.rank and y.type.dtype is not BOOL:
            y = b.sum(y, axes=(self.random.randrange(y.type.rank),))
        if y.type.rank > x.type.rank:
            return x
        order = list(range(x.type.rank))
        at = sorted(self.random.sample(order, y.type.rank))
        starts, shape = [], []
        for k, q in enumerate(at):
            d, n = y.type.shape[k], x.type.shape[q]
            count = n if d >= n else 1
            starts.append(b.literal(self.random.randint(0, d - count)))
            shape.append(count)
        y = b.slice(y, *starts, shape=tuple(shape), steps=(1,) * len(shape))
        y = b.reshape(y, shape=tuple(shape[at.index(q)] if q in at else 1 for q in order))
        return y if y.type is x.type else b.broadcast(y, shape=x.type.shape)

    def number(self, x: Any) -> Any:
        t: Scalar = x.type.dtype
        value = {"f": self.random.uniform(-2, 2), "i": self.random.randint(-3, 3), "b": True}[t.kind]
        return self.b.broadcast(constant(t, value), shape=x.type.shape)

    def unary(self) -> Node:
        x = self.one()
        if x.type.dtype.kind == "f":
            return self.b.apply(REGISTRY[self.random.choice(["sin", "cos", "tanh", "neg", "abs"])], [x])
        return self.b.neg(x) if x.type.dtype.kind == "i" else self.b.not_(x)

    def binary(self) -> Node:
        x = self.one()
        y = self.like(x) if self.random.random() < 0.8 else self.number(x)
        if x.type.dtype is BOOL:
            return self.b.and_(x, y)
        names = ["add", "sub", "mul", "maximum", "minimum", "lt", "eq"] + (["div"] if x.type.dtype.kind == "f" else [])
        name = self.random.choice(names)
        if name == "div":
            y = self.b.add(self.b.mul(y, y), self.b.like(1.0, y))
        return self.b.apply(REGISTRY[name], [x, y])

    def reduce(self) -> Node:
        x = self.one()
        axes = tuple(sorted(self.random.sample(range(x.type.rank), self.random.randint(1, x.type.rank))))
        names = {"f": ["sum", "sum", "sum", "max", "min"], "i": ["sum", "max", "min"], "b": ["any", "all"]}[x.type.dtype.kind]
        out = self.b.apply(REGISTRY[self.random.choice(names)], [x], (axes,))
        if x.type.dtype.kind == "f" and isinstance(out.type, Array):
            out = self.b.tanh(out) if self.random.random() < 0.5 else out
        if not isinstance(out.type, Array):
            out = self.b.broadcast(out, shape=self.dims())
        return out  # type: ignore[no-any-return]

    def spread(self) -> Node:
        x = self.one()
        return self.b.broadcast(x, shape=(self.random.choice(self.sizes), *x.type.shape)) if x.type.rank < 3 else self.turn()

    def turn(self) -> Node:
        x = self.one()
        return self.b.transpose(x, axes=tuple(self.random.sample(range(x.type.rank), x.type.rank)))

    def cut(self) -> Node:
        x = self.one()
        starts, steps, shape = [], [], []
        for d in x.type.shape:
            step = self.random.choice([1, 1, 1, 2, -1])
            count = self.random.randint(1, (d + abs(step) - 1) // abs(step))
            way = abs(step) * (count - 1)
            first = self.random.randint(0, d - 1 - way)
            starts.append(self.b.literal(first if step > 0 else first + way))
            steps.append(step)
            shape.append(count)
        return self.b.slice(x, *starts, shape=tuple(shape), steps=tuple(steps))

    def choose(self) -> Node:
        x = self.one()
        if x.type.dtype is BOOL:
            return self.unary()
        y = self.like(x)
        return self.b.select(self.b.lt(x, self.number(x)), x, y)

    def product(self) -> Node:
        x = self.one()
        if x.type.dtype.kind != "f":
            return self.unary()
        y = self.fitted(self.random.choice(self.arrays), x)
        if y.type is not x.type:
            return self.unary()
        k = self.random.randint(1, x.type.rank)
        over = tuple(sorted(self.random.sample(range(x.type.rank), k)))
        batch = tuple(i for i in range(x.type.rank) if i not in over and self.random.random() < 0.5)
        free = [i for i in range(x.type.rank) if i not in over and i not in batch]
        if x.type.rank + len(free) - len(over) > 3:
            return self.unary()
        scale = self.b.like(1.0 / np.prod([x.type.shape[i] for i in over]), x)
        out = self.b.contract(self.b.mul(x, scale), y, batch=(batch, batch), over=(over, over))
        return out if isinstance(out.type, Array) else self.b.broadcast(out, shape=self.dims())  # type: ignore[no-any-return]

    def put(self) -> Node:
        x = self.one()
        v = self.cut()
        if v.type.dtype is not x.type.dtype or v.type.rank != x.type.rank or x.type.dtype is BOOL:
            return self.unary()
        if any(n > d for n, d in zip(v.type.shape, x.type.shape, strict=True)):
            return self.unary()
        starts = [self.b.literal(self.random.randint(0, d - n)) for n, d in zip(v.type.shape, x.type.shape, strict=True)]
        update = self.random.choice([self.b.slice_update, self.b.slice_add])
        return update(x, v, *starts, steps=(1,) * x.type.rank)  # type: ignore[no-any-return]


def random_module(seed: int) -> Module:
    """A module whose entry takes arrays and returns a tuple of arrays."""
    return _Draw(seed).run()


def arguments(graph: Graph, seed: int) -> list[Any]:
    """Values for the parameters of a graph."""
    rng = np.random.default_rng(seed)
    out = []
    for p in graph.params:
        t = p.type
        assert isinstance(t, Array)
        shape = t.static_shape
        assert shape is not None
        out.append(rng.integers(-3, 4, shape) if t.dtype is I64 else rng.normal(size=shape).astype(t.dtype.dtype))
    return out
