"""An application of a primitive as a program from numbers and arrays to numbers and arrays, with its derivatives.

Structs, lists, stacks and sums are made of their leaves within the program, and taken apart there, so that the program
runs on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from irad.backends.interpreter.run import loaded
from irad.backends.llvm import run as llvm
from irad.backends.source.run import Loaded

from irad.graph.build import UNIT_VALUE, Builder, literal
from irad.graph.nodes import Graph, Module, Node
from irad.pipeline import native, optimize
from irad.primitives import REGISTRY
from irad.types import BOOL, INT, Array, Dim, List, Record, Scalar, Stack, Struct, Sum, Tuple, Type, is_float, tangent_type
from irad.verify import verify
from tests.primitives.samples import SUMS, Sample, concrete

BACKENDS = ("interpreter", "llvm", "source")
Build = Callable[[Builder, list[Node]], list[Node]]


# -- values and their leaves ----------------------------------------------------------------------------------------------


def flatten(t: Type, v: Any) -> Iterator[tuple[Type, Any]]:
    """The numbers and arrays that a value consists of, with their types."""
    if isinstance(t, (Scalar, Array)):
        yield t, v
    elif isinstance(t, Struct):
        for u, x in zip(t.items, v, strict=True):
            yield from flatten(u, x)
    elif isinstance(t, List):
        for x in v:
            yield from flatten(t.item, x)
    elif isinstance(t, Stack):
        while v:
            v, x = v
            yield from flatten(t.item, x)
    elif isinstance(t, Sum) and v is not None:
        for u, x in zip(SUMS[t.name][v[0]], v[1], strict=True):
            yield from flatten(u, x)


def leaves(s: Sample) -> list[tuple[Type, Any]]:
    found = [leaf for t, v in zip(s.a.types, s.values, strict=True) for leaf in flatten(t, v)]
    return [*found, (BOOL, np.True_)] if hidden(s) else found


def hidden(s: Sample) -> bool:
    """Whether structures stand behind a branch whose condition is a parameter, so that no rule takes them apart again."""
    return any(isinstance(t, (Struct, Sum)) for t in (*s.a.types, s.a.out))


def behind(b: Builder, node: Node, flag: Node | None) -> Node:
    if flag is None or not isinstance(node.type, (Struct, Sum)):
        return node
    return b.either(flag, lambda: node, lambda: nothing(b, node.type))


def outline(t: Type, v: Any) -> Any:
    """What is to be known of a value besides its leaves: lengths and cases."""
    if isinstance(t, List):
        return len(v)
    if isinstance(t, Stack):
        n = 0
        while v:
            v, n = v[0], n + 1
        return n
    if isinstance(t, Sum):
        return -1 if v is None else v[0]
    return tuple(outline(u, x) for u, x in zip(t.items, v, strict=True)) if isinstance(t, Struct) else None


def rebuild(t: Type, v: Any, feed: Iterator[Any]) -> Any:
    """A value like v with other leaves."""
    if isinstance(t, (Scalar, Array)):
        return next(feed)
    if isinstance(t, Struct):
        return tuple(rebuild(u, x, feed) for u, x in zip(t.items, v, strict=True))
    if isinstance(t, List):
        return tuple(rebuild(t.item, x, feed) for x in v)
    if isinstance(t, Stack):
        items = []
        while v:
            v, x = v
            items.append(rebuild(t.item, x, feed))
        for x in reversed(items):
            v = (v, x)
        return v
    assert isinstance(t, Sum)
    return None if v is None else (v[0], tuple(rebuild(u, x, feed) for u, x in zip(SUMS[t.name][v[0]], v[1], strict=True)))


# -- in programs ----------------------------------------------------------------------------------------------------------


def given(t: Type) -> Type:
    """The type of a parameter for a leaf: arrays have known sizes there."""
    return Array(t.dtype, concrete(t.shape)) if isinstance(t, Array) else t


def encode(b: Builder, t: Type, v: Any, feed: Iterator[Node]) -> Node:
    """The value v made of leaves that are given."""
    if isinstance(t, Scalar):
        return next(feed)
    if isinstance(t, Array):
        x = next(feed)
        return x if x.type is t else b.retype(x, to=t)
    if isinstance(t, Struct):
        items = [encode(b, u, x, feed) for u, x in zip(t.items, v, strict=True)]
        return b.make_record(*items, form=t.form) if isinstance(t, Record) else b.make_tuple(*items)
    if isinstance(t, List):
        return b.make_list(*[encode(b, t.item, x, feed) for x in v], of=t.item)
    if isinstance(t, Stack):
        items = []
        while v:
            v, x = v
            items.append(encode(b, t.item, x, feed))
        out = b.empty_stack(of=t.item)
        for x in reversed(items):
            out = b.push(out, x)
        return out
    assert isinstance(t, Sum)
    if v is None:
        return b.undef(t)
    return b.inject(*[encode(b, u, x, feed) for u, x in zip(SUMS[t.name][v[0]], v[1], strict=True)], of=t, case=v[0])


def decode(b: Builder, node: Node, v: Any) -> Iterator[Node]:
    """The leaves of a node whose value is like v, and the lengths and tags that hold it together."""
    t = node.type
    if isinstance(t, (Scalar, Array)):
        yield node
    elif isinstance(t, Struct):
        for i in range(len(t.items)):
            yield from decode(b, b.getitem(node, index=i), None if v is None else v[i])
    elif isinstance(t, List):
        yield b.list_size(node)
        for k, x in enumerate(v or ()):
            yield from decode(b, b.list_index(node, literal(k)), x)
    elif isinstance(t, Stack):
        yield b.stack_size(node)
        while v:
            v, x = v
            popped = b.pop(node)
            node = b.getitem(popped, index=1)
            yield from decode(b, b.getitem(popped, index=0), x)
    else:
        assert isinstance(t, Sum), t
        yield b.tag(node)
        if v is not None:
            yield from decode(b, b.project(node, case=v[0]), v[1])


def expected(t: Type, v: Any) -> Iterator[Any]:
    """What `decode` gives, of a value."""
    if isinstance(t, (Scalar, Array)):
        yield v
    elif isinstance(t, Struct):
        for u, x in zip(t.items, v, strict=True):
            yield from expected(u, x)
    elif isinstance(t, List):
        yield np.int64(len(v))
        for x in v:
            yield from expected(t.item, x)
    elif isinstance(t, Stack):
        yield np.int64(outline(t, v))
        while v:
            v, x = v
            yield from expected(t.item, x)
    else:
        assert isinstance(t, Sum)
        yield np.int64(outline(t, v))
        if v is not None:
            for u, x in zip(SUMS[t.name][v[0]], v[1], strict=True):
                yield from expected(u, x)


def builder() -> Builder:
    """A builder that builds what it is told."""
    module = Module()
    module.sums = dict(SUMS)
    return Builder(module, REGISTRY, folding=False)


def build_graph(b: Builder, name: str, types: Sequence[Type], build: Build) -> Graph:
    """A top-level graph of (types) -> the tuple of what `build` makes of its parameters."""
    graph = b.new_graph(name)
    params: list[Node] = [b.parameter(graph, t) for t in types]
    with b.inside(graph):
        graph.finish(b.make_tuple(*build(b, params)))
    return graph


def _inverted(b: Any, p: Node, a: Node) -> list[Node]:
    assert isinstance(a.type, Array)
    values = min(a.type.shape, key=lambda d: d if isinstance(d, int) else {"m": 2, "n": 3}[str(d)])
    ut, s, v = b.parts(b.svd(a, shape=(values,)), 3)
    return [b.matmul(b.div(v, b.spread(s, v, (0,))), ut), a]


# Arguments that follow from another one, in every program.
FOLLOWING: dict[str, Any] = {
    "lu_solve": lambda b, a, f, p, y: [a, *b.parts(b.lu(a, check=False), 2), y],
    "log_determinant": lambda b, a, f, p: [a, *b.parts(b.lu(a, check=False), 2)],
    "pseudo_inverse": _inverted,
}


def application(s: Sample, *, hide: bool = True) -> Build:
    """Of parameters that are the leaves of the arguments, the leaves of the result."""

    def build(b: Builder, params: list[Node]) -> list[Node]:
        feed, flag = iter(params), params[-1] if hide and hidden(s) else None
        args = [behind(b, encode(b, t, v, feed), flag) for t, v in zip(s.a.types, s.values, strict=True)]
        args = FOLLOWING.get(s.a.p.name, lambda b, *args: args)(b, *args)
        return list(decode(b, behind(b, b.apply(s.a.p, args, s.a.static), flag), s.result))

    return build


def value_program(s: Sample) -> Module:
    """(leaves of the arguments) -> leaves of the result."""
    b = builder()
    build_graph(b, "main", [given(t) for t, _ in leaves(s)], application(s))
    return b.module


def load(module: Module, backend: str) -> Callable[[Sequence[Any]], Any]:
    """The module as a function of a sequence of leaves, the way a compiled function runs it."""
    module = verify(optimize(module), "optimized")
    if backend == "interpreter":
        return loaded(module)
    if backend == "source":
        return Loaded(module, "", "")
    return llvm.load(native(module), [llvm.Dynamic(p.type) for p in module.entry.params])


def looped(build: Build) -> Build:
    """The same in the only trip of a loop. The number of trips is the last parameter."""

    def repeated(b: Builder, params: list[Node]) -> list[Node]:
        *xs, n = params
        outside = b.graph
        body = b.new_graph("loop", outside, "loop")
        index = b.parameter(body, INT)
        with b.inside(body):
            moving = [b.add(x, index) if x.type is INT else x for x in xs]  # (the index is 0)
            outs = build(b, moving)
            state = [b.parameter(body, o.type) for o in outs]
            body.finish(b.make_tuple(*outs) if len(outs) > 1 else outs[0])
        assert index.graph is body
        return b.parts(b.for_loop(n, *[nothing(b, p.type) for p in state], graphs=(body,)), len(outs))

    return repeated


def nothing(b: Builder, t: Type) -> Node:
    """Some value of a type whose sizes are known."""
    if isinstance(t, Array):
        return b.zeros(of=Array(t.dtype, concrete(t.shape))) if not has_symbols(t) else b.retype(nothing(b, given(t)), to=t)
    if isinstance(t, Struct):
        items = [nothing(b, u) for u in t.items]
        return b.make_record(*items, form=t.form) if isinstance(t, Record) else b.make_tuple(*items)
    if isinstance(t, List):
        return b.make_list(of=t.item)
    if isinstance(t, Stack):
        return b.empty_stack(of=t.item)
    if isinstance(t, Sum):
        return b.inject(*[nothing(b, u) for u in SUMS[t.name][0]], of=t, case=0)
    assert isinstance(t, Scalar)
    return b.constant(t, {"f": 0.0, "i": 0, "b": False}[t.kind])


def beside(build: Build, types: Sequence[Type]) -> Build:
    """The same, and the floats that it is made of as results of their own."""

    def both(b: Builder, params: list[Node]) -> list[Node]:
        return [*build(b, params), *[x for x, t in zip(params, types, strict=True) if is_float(t)]]

    return both


def alone(build: Build) -> Build:
    """The first float among the results, and nothing else."""
    return lambda b, params: [next(o for o in build(b, params) if is_float(o.type))]


def run(module: Module, arguments: Sequence[Any], backend: str) -> list[Any]:
    return list(load(module, backend)(arguments))


# -- derivatives ----------------------------------------------------------------------------------------------------------


def tangents(b: Builder, f: Graph, xs: list[Node], dxs: list[Node], wrt: tuple[int, ...]) -> list[Node]:
    """The tangents of the floats among f's results."""
    d = b.getitem(b.jvp(*xs, *dxs, wrt=wrt, graphs=(f,)), index=1)
    return _floats(b, d, f.result)


def cotangents(b: Builder, f: Graph, xs: list[Node], cts: list[Node], wrt: tuple[int, ...]) -> list[Node]:
    """The cotangents of the parameters `wrt`, of cotangents of the floats among f's results."""
    assert isinstance(f.result, Tuple)
    feed = iter(cts)
    ct = b.make_tuple(*[next(feed) if is_float(t) else UNIT_VALUE for t in f.result.items])
    residual = b.getitem(b.vjp_forward(*xs, wrt=wrt, graphs=(f,)), index=1)
    pulled = b.vjp_backward(residual, ct, wrt=wrt, graphs=(f,))
    return b.parts(pulled, len(wrt)) if len(wrt) > 1 else [b.getitem(pulled, index=0)]


def _floats(b: Builder, node: Node, t: Type | None) -> list[Node]:
    assert isinstance(t, Tuple)
    return [b.getitem(node, index=i) for i, u in enumerate(t.items) if tangent_type(u) is not None]


class Derivatives:
    """The programs of one function of leaves, for derivatives in the parameters `wrt`.

    `f` takes numbers and arrays of the given types. Symbols in the types of results must be sizes of `sizes`.
    """

    def __init__(self, types: Sequence[Type], wrt: tuple[int, ...], build: Build, outs: Sequence[Any]) -> None:
        self.types, self.wrt, self.build = [given(t) for t in types], wrt, build
        self.dx = [self.types[i] for i in wrt]
        self.ct = [Array(_dtype(v), v.shape) if isinstance(v, np.ndarray) else _dtype(v) for v in outs]

    def main(self, types: Sequence[Type], build: Callable[[Builder, list[Node], Callable[..., Graph]], list[Node]]) -> Module:
        """The module whose entry is `build`; it makes further graphs with what it is handed."""
        b = builder()
        entry = b.new_graph("main")
        params: list[Node] = [b.parameter(entry, t) for t in types]
        f = build_graph(b, "f", self.types, self._settled)
        with b.inside(entry):
            entry.finish(b.make_tuple(*build(b, params, f)))
        return b.module

    def _settled(self, b: Builder, params: list[Node]) -> list[Node]:
        """Results with the sizes that they have here, so that cotangents can be given."""
        out, feed = [], iter(self.ct)
        for node in self.build(b, params):
            t = next(feed) if is_float(node.type) else node.type
            out.append(b.retype(node, to=t) if isinstance(t, Array) and t is not node.type else node)
        return out

    def split(self, xs: list[Node], *counts: int) -> list[list[Node]]:
        out = []
        for n in counts:
            out.append(xs[:n])
            xs = xs[n:]
        assert not xs
        return out

    def pull(self, b: Builder, f: Graph) -> Graph:
        """(x..., ct...) -> the cotangents."""
        n = len(self.types)
        return build_graph(b, "pull", [*self.types, *self.ct], lambda b, ps: cotangents(b, f, ps[:n], ps[n:], self.wrt))

    def first(self) -> Module:
        """(x..., dx..., ct...) -> (values, tangents, cotangents)."""

        def build(b: Builder, params: list[Node], f: Graph) -> list[Node]:
            xs, dxs, cts = self.split(params, len(self.types), len(self.dx), len(self.ct))
            both = b.jvp(*xs, *dxs, wrt=self.wrt, graphs=(f,))
            values = _floats(b, b.getitem(both, index=0), f.result)
            return [*values, *_floats(b, b.getitem(both, index=1), f.result), *cotangents(b, f, xs, cts, self.wrt)]

        return self.main([*self.types, *self.dx, *self.ct], build)

    def pulled(self) -> Module:
        """(x..., ct...) -> cotangents: reverse mode alone."""

        def build(b: Builder, params: list[Node], f: Graph) -> list[Node]:
            xs, cts = self.split(params, len(self.types), len(self.ct))
            return cotangents(b, f, xs, cts, self.wrt)

        return self.main([*self.types, *self.ct], build)

    def second(self) -> Module:
        """(x..., dx..., ct...) -> (d/dx of the cotangents along dx: forward over reverse, reverse over forward)."""
        n = len(self.types)

        def build(b: Builder, params: list[Node], f: Graph) -> list[Node]:
            xs, dxs, cts = self.split(params, n, len(self.dx), len(self.ct))
            pull = self.pull(b, f)
            push = build_graph(
                b,
                "push",
                [*self.types, *self.dx],
                lambda b, ps: tangents(b, f, ps[:n], ps[n:], self.wrt),
            )
            over = tangents(b, pull, [*xs, *cts], dxs, self.wrt)
            under = cotangents(b, push, [*xs, *dxs], cts, self.wrt)
            return [*over, *under]

        return self.main([*self.types, *self.dx, *self.ct], build)

    def mixed(self) -> Module:
        """(x..., ct..., u...) -> <u, cotangents> differentiated in ct by reverse mode: the tangent along u."""
        n = len(self.types)
        places = tuple(range(n, n + len(self.ct)))

        def build(b: Builder, params: list[Node], f: Graph) -> list[Node]:
            xs, cts, us = self.split(params, n, len(self.ct), len(self.dx))
            pull = self.pull(b, f)
            return [*cotangents(b, pull, [*xs, *cts], us, places), *tangents(b, f, xs, us, self.wrt)]

        return self.main([*self.types, *self.ct, *self.dx], build)


def _dtype(v: Any) -> Scalar:
    from irad.types import F32, F64

    return F32 if v.dtype == np.float32 else F64


def has_symbols(t: Type) -> bool:
    return isinstance(t, Array) and any(isinstance(d, Dim) for d in t.shape)
