"""Reverse mode: for a graph f and parameters `wrt`, a forward graph and a backward graph, as ordinary typed IR. No tape.

    f(x) = y      =>   f.forward(x) = (y, r...)      f.backward(r..., ct_y) = (ct_x, ...)

The residuals r are the forward values that the backward graph asks for: they are found, as the captures of a closure
are. Inlining both into their caller makes the pair one piece of dataflow, in which residuals are just values. In
branches and loops the two sides stay apart; there residuals leave the forward branch as results, and the forward loop
on a stack, which the reverse loop pops. A function that calls itself keeps its residuals in a sum (`irad.types.Sum`),
for each holds that of the call inside it.

Cotangents of captured values are accumulated: those of arrays are handed in and handed back updated, so that reading
x[i] n times costs O(n); those of numbers are returned and added. Zeros are symbols until a branch or loop joins.

After Pearlmutter and Siskind, "Reverse-mode AD in a functional framework", 2008; accumulators after Paszke et al.,
"Getting to the point", 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from irad.errors import refuse
from irad.graph.build import UNIT_VALUE, Builder, literal
from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task
from irad.optimize.demand import state_of
from irad.primitives.table import Missing
from irad.transforms.activity import Activity
from irad.transforms.cotangents import Tree, add_trees, declare_tangent_sum, pack, slot_type, unpack, zero
from irad.types import INT, Array, List, Stack, Struct, Sum, Tuple, Type, leaves, tangent_type

__all__ = ["Pair", "Reverse"]


MANY = 16  # residuals of a branch that are handed on one by one


@dataclass(slots=True)
class Pair:
    """The two graphs of a function for one choice of parameters, and how to call them.

    forward gives the items of the result, then the residuals; backward takes the residuals, the result's cotangent
    (packed), and the accumulators of the parameters in `accumulated`; it gives the cotangents of `wrt`, in order.
    """

    forward: Graph
    backward: Graph
    wrt: tuple[int, ...]
    items: int  # of the result: 1, or those of its tuple
    residuals: list[Type] = field(default_factory=list)
    sum: Sum | None = None  # of a function that calls itself
    accumulated: tuple[int, ...] = ()

    @property
    def residual_type(self) -> Type:
        return self.sum or Tuple(self.residuals)


def accumulates(t: Type) -> bool:
    """Whether cotangents of t are accumulated in place."""
    return isinstance(t, (Array, List))


class Reverse:
    """Makes pairs in the module that `b` builds, from graphs of the module before."""

    def __init__(self, b: Builder, recursive: set[Graph], copy: Callable[[Graph], Task]) -> None:
        self.b, self.recursive, self.copy = b, recursive, copy
        self.pairs: dict[tuple[Graph, tuple[int, ...], bool], Pair] = {}
        self.free: dict[Graph, set[Node]] = {}  # backward graph -> parameters of those around it that it uses

    def pair(self, graph: Graph, wrt: tuple[int, ...], lent: bool) -> Task:
        """The pair of a function, made on first use. `lent`: the caller hands in the accumulators of arrays."""
        found = self.pairs.get((graph, wrt, lent))
        if found is not None:
            return found
        b = self.b
        b.span = graph.span
        result = graph.result
        assert result is not None
        items = len(result.items) if isinstance(result, Tuple) else 1
        forward, backward = b.new_graph(f"{graph.name}.forward"), b.new_graph(f"{graph.name}.backward")
        pair = self.pairs[graph, wrt, lent] = Pair(forward, backward, wrt, items)
        pair.accumulated = tuple(i for i in wrt if lent and accumulates(graph.params[i].type))
        if graph in self.recursive:
            residual = pair.sum = Sum(b.module.unique(f"{graph.name}.residual"))
            forward.result = Tuple([*_items(result), residual])
            backward.result = _cotangents_type([graph.params[i].type for i in wrt])
            b.parameter(backward, residual, "residual")
            b.parameter(backward, slot_type(result), "ct")
            for i in pair.accumulated:
                b.parameter(backward, slot_type(graph.params[i].type), f"ct_{graph.params[i].name}")
        yield _Function(self, graph, pair).build()
        return pair


def _items(t: Type) -> tuple[Type, ...]:
    return t.items if isinstance(t, Tuple) else (t,)


def _cotangents_type(types: list[Type]) -> Type:
    parts = [slot_type(t) for t in types]
    return parts[0] if len(parts) == 1 else Tuple(parts)


class _Function:
    """The making of one pair."""

    def __init__(self, r: Reverse, graph: Graph, pair: Pair) -> None:
        self.r, self.b, self.graph, self.pair = r, r.b, graph, pair
        self.active = Activity(graph, pair.wrt)
        self.env: dict[Node, Node] = {}  # primal node -> forward node

    def get(self, node: Node) -> Node:
        return node if node.__class__ is Constant else self.env[node]

    def build(self) -> Task:
        b, graph, pair = self.b, self.graph, self.pair
        result = graph.result
        assert result is not None
        for p in graph.params:
            self.env[p] = b.parameter(pair.forward, p.type, p.name)
        inner = pair.backward
        if pair.sum is not None:  # the residuals' types are known at the end: one graph more
            b.span = graph.span
            inner = b.new_graph(f"{graph.name}.backward")
        region = _Region(self, graph, pair.forward, inner, None)
        with b.inside(pair.forward):
            yield region.forward()
        with b.inside(inner):
            ct = b.parameter(inner, slot_type(result), "ct")
            region.receive(graph.output, unpack(b, result, ct))
            handed = [
                b.parameter(inner, slot_type(graph.params[i].type), f"ct_{graph.params[i].name}") for i in pair.accumulated
            ]
            for i, p in zip(pair.accumulated, handed, strict=True):
                region.ct[graph.params[i]] = p
            yield region.backward()
            outs = [region.packed(graph.params[i], region.ct.get(graph.params[i])) for i in pair.wrt]
            inner.finish(b.tuple_(outs) if outs else UNIT_VALUE)
        residuals = region.settle([ct, *handed])
        pair.residuals = [v.type for v in residuals]
        with b.inside(pair.forward):
            out = self.get(graph.output)
            items = b.parts(out, pair.items) if isinstance(result, Tuple) else [out]
            if pair.sum is not None:
                b.module.sums[pair.sum.name] = (tuple(pair.residuals),)
                items = [*items, b.inject(*residuals, of=pair.sum, case=0)]
            else:
                items = [*items, *residuals]
            pair.forward.finish(b.make_tuple(*items))
        if pair.sum is not None:
            with b.inside(pair.backward):
                residual, *rest = pair.backward.params
                fields = b.project(residual, case=0)
                args = [b.getitem(fields, index=k) for k in range(len(residuals))]
                pair.backward.finish(b.call(inner, [*args, *rest]))


class _Region:
    """A graph of the primal with its forward and backward graphs. Forward values reach the backward graph by `bring`."""

    def __init__(self, f: _Function, primal: Graph, fwd: Graph, bwd: Graph, outer: _Region | None) -> None:
        self.f, self.b, self.primal, self.fwd, self.bwd, self.outer = f, f.b, primal, fwd, bwd, outer
        self.placeholders: dict[Node, Parameter] = {}  # forward value -> what stands for it in the backward graph
        self.stands_for: dict[Node, Node] = {}  # ... and back
        self.ct: dict[Node, Tree] = {}  # primal node -> cotangent so far
        self.controls: dict[Apply, Callable[[_Region, Tree], None]] = {}
        self.handed: dict[Node, Parameter] = {}  # accumulators that the caller lends

    # -- residuals -----------------------------------------------------------------------------------------------------

    def bring(self, v: Node) -> Node:
        """A forward value, in the backward graph."""
        if v.__class__ is Constant:
            return v
        if v.graph is self.fwd:
            found = self.placeholders.get(v)
            if found is None:
                found = self.placeholders[v] = Parameter(self.bwd, v.type, v.name, v.span)
                self.stands_for[found] = v
            return found
        assert self.outer is not None, f"{v!r} is out of reach"
        return self.outer.bring(v)

    def source(self, node: Node) -> Node | None:
        """The forward value that a node of the backward graph stands for."""
        if node.__class__ is Constant:
            return node
        region: _Region | None = self
        while region is not None:
            found = region.stands_for.get(node)
            if found is not None:
                return found
            region = region.outer
        return None

    def mirrored(self, prim: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
        """A value that the forward graph has already, for an application that the backward graph asks for."""
        if prim.order != "total" or all(a.__class__ is Constant for a in args):
            return None
        sources = tuple([self.source(a) for a in args])
        if None in sources:
            return None
        found = self.b.made(prim, sources, static)  # type: ignore[arg-type]
        return self.bring(found) if found is not None and self.fwd.within(found.graph) else None

    def settle(self, params: list[Node]) -> list[Node]:
        """Fix the backward graph's parameters: the residuals that are used, then `params`. The residuals are returned."""
        used: set[Node] = set()
        free = self.f.r.free
        todo = [self.bwd]
        while todo:
            g = todo.pop()
            for node in g.body:
                used.update(a for a in node.args if a.__class__ is Parameter)
                for h in node.graphs:
                    if h in free:
                        used |= free[h]
                    elif h.parent is g:
                        todo.append(h)
            if g.output.__class__ is Parameter:
                used.add(g.output)
        residuals = [(v, p) for v, p in self.placeholders.items() if p in used]
        own = {*self.placeholders.values(), *params}
        free[self.bwd] = {p for p in used if p not in own and p.graph is not self.bwd}
        self.bwd.params = [p for _, p in residuals] + params  # type: ignore[operator]
        return [v for v, _ in residuals]

    # -- the forward sweep ---------------------------------------------------------------------------------------------

    def forward(self) -> Task:
        """Repeat the primal's operations in the forward graph; loops and branches get their backward graphs at once."""
        b, env = self.b, self.f.env
        for node in self.primal.body:
            b.span, b.adjoint = node.span, node.adjoint
            if not node.graphs:
                new = b.apply(node.fn, [self.f.get(a) for a in node.args], node.static)
                if new.name is None and new.__class__ is Apply:
                    new.name = node.name
                env[node] = new
            else:
                yield FORWARD[node.fn.name](self, node)

    # -- the backward sweep --------------------------------------------------------------------------------------------

    def receive(self, node: Node, tree: Tree) -> None:
        """Add a cotangent to a primal node's."""
        if tree is None or node.__class__ is Constant or not self.f.active.varies(node):
            return
        if node.__class__ is Apply and node.fn.name in ("make_tuple", "make_record") and node.graph is self.primal:
            for a, t in zip(node.args, tree, strict=True):
                self.receive(a, t)
            return
        if node.__class__ is Apply and node.fn.name == "getitem" and node.graph is self.primal:
            (x,) = node.args
            assert isinstance(x.type, Struct)
            parts: list[Tree] = [None] * len(x.type.items)
            parts[node.static[0]] = tree
            self.receive(x, parts)
            return
        if accumulates(node.type) and self.captured(node):
            self.accumulator(node)  # the caller's running cotangent is part of the sum
        self.ct[node] = add_trees(self.b, node.type, self.ct.get(node), tree)

    def backward(self) -> Task:
        """Visit the primal's operations in reverse, in the backward graph (which is being built)."""
        yield from ()
        b = self.b
        before, outer = b.adjoint, b.mirror
        b.mirror = self.mirrored
        for node in reversed(self.primal.body):
            ct = self.ct.pop(node, None)
            if ct is None:
                continue
            b.span, b.adjoint = node.span, True
            if node in self.controls:
                self.controls[node](self, ct)
            elif node.fn.name in SPECIAL:
                SPECIAL[node.fn.name](self, node, ct)
            else:
                self.apply_rule(node, ct)
        b.adjoint, b.mirror = before, outer

    def apply_rule(self, node: Apply, ct: Node) -> None:
        """Send a cotangent through one operation, by its record."""
        fn = node.fn
        wanted = [i for i, a in enumerate(node.args) if self.f.active.varies(a)]
        out, *xs = [self.bring(self.f.get(a)) for a in (node, *node.args)]
        if fn.partials is not None:
            parts = fn.partials(self.b, out, *xs, **node.facts())
            for i in wanted:
                p = parts[i]() if callable(parts[i]) else parts[i]
                if p is not None:
                    self.receive(node.args[i], self.b.mul(ct, p))
            return
        if not callable(fn.vjp):
            reason = fn.vjp.reason if isinstance(fn.vjp, Missing) else "no rule is declared"
            raise refuse("not-differentiable", f"`{fn.name}` has no derivative: {reason}", node.span)
        cts = fn.vjp(self.b, out, *xs, ct, **node.facts())
        for i in wanted:
            c = cts[i]() if callable(cts[i]) else cts[i]
            if c is not None:
                self.receive(node.args[i], c)

    # -- accumulators and captured values ------------------------------------------------------------------------------

    def captured(self, node: Node) -> bool:
        return node.graph is not self.primal

    def accumulator(self, node: Node) -> Node:
        """The running cotangent of an array: what has been added so far, handed in by the caller, or zeros."""
        found = self.ct.get(node)
        if found is None:
            if self.captured(node):
                target = tangent_type(node.type)
                assert target is not None
                found = self.handed[node] = Parameter(self.bwd, target, f"ct_{node.name}" if node.name else None, node.span)
            else:
                found = self.zero_of(self.f.get(node))
            self.ct[node] = found
        return found

    def zero_of(self, value: Node) -> Node:
        """The zero cotangent of a forward value; its run-time dims are residuals."""
        if not any(isinstance(t, Array) and any(not isinstance(d, int) for d in t.shape) for t in leaves(value.type)):
            return zero(self.b, value.type)
        b, fwd = self.b, self.fwd

        def dims(x: Node) -> list[Node]:
            with b.inside(fwd):
                return b.dims(x)

        def make(x: Node) -> Node:
            if isinstance(x.type, Struct):
                parts = []
                for i in range(len(x.type.items)):
                    with b.inside(fwd):
                        part = b.getitem(x, index=i)
                    parts.append(make(part))
                return b.make_tuple(*parts)
            if isinstance(x.type, Array) and tangent_type(x.type) is not None:
                return b.zeros(*[self.bring(d) for d in dims(x)], of=x.type)
            return zero(b, x.type)

        return make(value)

    def packed_value(self, value: Node, tree: Tree) -> Node:
        """The node of a forward value's cotangent; a zero is made real."""
        return self.zero_of(value) if tree is None else pack(self.b, value.type, tree)

    def packed(self, node: Node, tree: Tree) -> Node:
        """The node of a primal value's cotangent; zeros are made real."""
        if isinstance(node.type, Struct):
            trees = tree if tree is not None else [None] * len(node.type.items)
            if any(t is None for t in trees):
                whole = self.zero_of(self.f.get(node))
                return self.b.make_tuple(
                    *[
                        self.b.getitem(whole, index=i) if t is None else pack(self.b, u, t)
                        for i, (u, t) in enumerate(zip(node.type.items, trees, strict=True))
                    ]
                )
            return pack(self.b, node.type, tree)
        if tangent_type(node.type) is None:
            return UNIT_VALUE
        return self.zero_of(self.f.get(node)) if tree is None else tree

    def contributions(self) -> list[Node]:
        """The captured values that got a cotangent here, in a stable order."""
        return [c for c, t in self.ct.items() if self.captured(c) and t is not None]

    def close(self, captured: list[Node], cts: list[Parameter], first: list[Node]) -> list[Node]:
        """Finish the backward graph: it returns `first`, then the cotangents of what it captures. The residuals."""
        with self.b.inside(self.bwd):
            outs = list(first)
            for c in captured:
                outs.append(self.accumulator(c) if accumulates(c.type) else self.packed(c, self.ct.get(c)))
            self.bwd.finish(self.b.tuple_(outs) if outs else UNIT_VALUE)
        return self.settle([*cts, *[self.handed[c] for c in captured if accumulates(c.type)]])

    def handed_in(self, captured: list[Node]) -> list[Node]:
        """The accumulators that a nested backward graph is lent, in the order it takes them."""
        return [self.accumulator(c) for c in captured if accumulates(c.type)]

    def take(self, captured: list[Node], values: list[Node]) -> None:
        """What a nested backward graph gave back for what it captures."""
        for c, v in zip(captured, values, strict=True):
            if accumulates(c.type):
                self.ct[c] = v
            else:
                self.receive(c, unpack(self.b, c.type, v))

    # -- branches ------------------------------------------------------------------------------------------------------

    def forward_cond(self, node: Apply) -> Task:
        b, f = self.b, self.f
        test = f.get(node.args[0])
        sides = []
        for g in node.graphs:
            b.span = node.span
            side = _Region(f, g, b.new_graph(g.name, self.fwd, "branch"), b.new_graph(f"{g.name}.backward", self.bwd), self)
            with b.inside(side.fwd):
                yield side.forward()
            sides.append(side)
        items = len(node.type.items) if isinstance(node.type, Tuple) else 1
        varies = f.active.varies(node)
        captured: list[Node] = []
        residuals: list[list[Node]] = [[], []]
        if varies:
            cts = []
            for side, g in zip(sides, node.graphs, strict=True):
                with b.inside(side.bwd):
                    cts.append(Parameter(side.bwd, slot_type(node.type), "ct", node.span))
                    side.receive(g.output, unpack(b, node.type, cts[-1]))
                    yield side.backward()
            captured = list(dict.fromkeys([*sides[0].contributions(), *sides[1].contributions()]))
            residuals = [side.close(captured, [ct], []) for side, ct in zip(sides, cts, strict=True)]
        slots = _Slots(residuals)
        for i, (side, g) in enumerate(zip(sides, node.graphs, strict=True)):
            with b.inside(side.fwd):
                out = f.get(g.output)
                outs = b.parts(out, items) if isinstance(node.type, Tuple) else [out]
                kept = slots.values(b, i)
                side.fwd.finish(b.tuple_([*outs, b.make_tuple(*kept)] if slots.packed else [*outs, *kept]))
        b.span = node.span
        result = b.cond(test, graphs=tuple(side.fwd for side in sides))
        parts = b.parts(result, items + (1 if slots.packed else len(slots.types)))
        f.env[node] = b.make_tuple(*parts[:items]) if isinstance(node.type, Tuple) else parts[0]
        if not varies:
            return

        def backward(region: _Region, ct: Tree) -> None:
            packed = region.packed(node, ct)
            lent = region.handed_in(captured)
            kept = [region.bring(p) for p in parts[items:]]
            if slots.packed:
                kept = b.parts(kept[0], len(slots.types))
            graphs = []
            for i, side in enumerate(sides):
                w = side.bwd.parent = b.new_graph(node.graphs[i].name, b.graph, "branch")
                with b.inside(w):
                    w.finish(b.call(side.bwd, [*[kept[k] for k in slots.places[i]], packed, *lent]))
                graphs.append(w)
            if captured:
                outs = b.parts(b.cond(region.bring(test), graphs=tuple(graphs)), len(captured))
                region.take(captured, outs)

        self.controls[node] = backward

    # -- loops ---------------------------------------------------------------------------------------------------------

    def forward_loop(self, node: Apply) -> Task:
        b, f, (body,) = self.b, self.f, node.graphs
        counted = node.fn.name == "for_loop"
        first = 1 if counted else 0
        b.span = node.span
        loop = b.new_graph(body.name, self.fwd, "loop")
        for p in body.params:
            f.env[p] = b.parameter(loop, p.type, p.name)
        region = _Region(f, body, loop, b.new_graph(f"{body.name}.backward", self.bwd), self)
        with b.inside(loop):
            yield region.forward()
        params = body.params[first:]
        state = state_of(body, node.fn.name)
        moving: list[int] = []
        captured: list[Node] = []
        residuals: list[Node] = []
        if f.active.varies(node):
            moving = [k for k, p in enumerate(params) if f.active.varies(p)]
            with b.inside(region.bwd):
                cts = [Parameter(region.bwd, slot_type(params[k].type), f"ct_{params[k].name}", node.span) for k in moving]
                for k, ct in zip(moving, cts, strict=True):
                    region.receive(state[k], unpack(b, params[k].type, ct))
                yield region.backward()
                own = [region.packed(params[k], region.ct.pop(params[k], None)) for k in moving]
            captured = region.contributions()
            residuals = region.close(captured, cts, own)
        index = f.env[body.params[0]] if counted else None
        stored = [r for r in residuals if r is not index]
        counts = not counted and bool(moving) and not stored  # a while loop whose trips must be known, all the same
        out = self.emit_forward_loop(node, loop, state, stored, counts)
        values, kept = out[: len(state)], out[len(state) :]
        f.env[node] = values[0] if len(values) == 1 else b.make_tuple(*values)
        if not moving:
            return
        trips = f.get(node.args[0]) if counted else None

        def backward(outer: _Region, ct: Tree) -> None:
            trees = ct if len(params) > 1 else [ct]
            start = [outer.packed_value(values[k], trees[k]) for k in moving]
            start += [outer.accumulator(c) if accumulates(c.type) else outer.packed(c, outer.ct.pop(c, None)) for c in captured]
            stack = outer.bring(kept[0]) if stored else None
            n = outer.bring(trips) if trips is not None else b.stack_size(stack) if stored else outer.bring(kept[0])
            results = outer.reverse_loop(region, n, start, stack, residuals, index, len(moving), captured)
            for k, v in zip(moving, results, strict=False):
                outer.receive(node.args[first + k], unpack(b, params[k].type, v))
            for c, v in zip(captured, results[len(moving) :], strict=True):
                if accumulates(c.type):
                    outer.ct[c] = v
                else:
                    outer.receive(c, unpack(b, c.type, v))

        self.controls[node] = backward

    def emit_forward_loop(self, node: Apply, loop: Graph, state: list[Node], stored: list[Node], counts: bool) -> list[Node]:
        """The forward loop: the state, then the stack of residuals or the number of trips where either is wanted."""
        b, f = self.b, self.f
        counted = node.fn.name == "for_loop"
        first = 1 if counted else 0
        args = [f.get(a) for a in node.args]
        with b.inside(loop):
            outs = [f.get(s) for s in state]
            if stored:
                item = b.make_tuple(*stored)
                outs.append(b.push(b.parameter(loop, Stack(item.type), "stack"), item))
            elif counts:
                args.append(literal(0))
                outs.append(b.add(b.parameter(loop, INT, "trips"), literal(1)))
            if counted:
                loop.finish(b.tuple_(outs) if outs else UNIT_VALUE)
            else:
                again = f.get(node.graphs[0].output.args[0])  # type: ignore[attr-defined]
                loop.finish(b.make_tuple(again, b.tuple_(outs) if outs else UNIT_VALUE))
        b.span = node.span
        if stored:
            args.append(b.empty_stack(of=item.type))
        result = (b.for_loop if counted else b.while_loop)(*args, graphs=(loop,))
        return b.parts(result, len(args) - first)

    def reverse_loop(
        self,
        region: _Region,
        n: Node,
        start: list[Node],
        stack: Node | None,
        residuals: list[Node],
        index: Node | None,
        moving: int,
        captured: list[Node],
    ) -> list[Node]:
        """The loop that runs the trips backwards: pops residuals, carries the state's cotangent and the accumulators."""
        b = self.b
        graph = region.bwd.parent = b.new_graph(region.bwd.name.removesuffix(".backward"), b.graph, "loop")
        j = b.parameter(graph, INT, "j")
        state = [b.parameter(graph, s.type, s.name) for s in start]
        top = b.parameter(graph, stack.type, "stack") if stack is not None else None
        with b.inside(graph):
            item = None
            if top is not None:
                popped = b.pop(top)
                item, rest = b.getitem(popped, index=0), b.getitem(popped, index=1)
            values, k = [], 0
            for r in residuals:
                if r is index:
                    values.append(b.sub(b.sub(n, literal(1)), j))
                else:
                    values.append(b.getitem(item, index=k))
                    k += 1
            lent = [state[moving + i] for i, c in enumerate(captured) if accumulates(c.type)]
            total = moving + len(captured)
            outs = b.parts(b.call(region.bwd, [*values, *state[:moving], *lent]), total) if total else []
            new = outs[:moving]
            for i, c in enumerate(captured):
                new.append(outs[moving + i] if accumulates(c.type) else _sum(b, c.type, state[moving + i], outs[moving + i]))
            graph.finish(b.tuple_([*new, rest] if top is not None else new))
        args = [*start, stack] if stack is not None else start
        return b.parts(b.for_loop(n, *args, graphs=(graph,)), len(args))[:total]

    # -- calls ---------------------------------------------------------------------------------------------------------

    def forward_call(self, node: Apply) -> Task:
        b, f, (g,) = self.b, self.f, node.graphs
        args = [f.get(a) for a in node.args]
        wrt = tuple(i for i, a in enumerate(node.args) if f.active.varies(a) and tangent_type(a.type) is not None)
        if not wrt or not f.active.varies(node):
            copy = yield f.r.copy(g)
            f.env[node] = b.call(copy, args)
            return
        pair: Pair = yield f.r.pair(g, wrt, True)
        count = 1 if pair.sum is not None else len(pair.residuals)
        b.span = node.span
        result = b.call(pair.forward, args)
        parts = [b.getitem(result, index=i) for i in range(pair.items + count)]
        f.env[node] = b.make_tuple(*parts[: pair.items]) if isinstance(node.type, Tuple) else parts[0]

        def backward(region: _Region, ct: Tree) -> None:
            lent: dict[Node, int] = {}
            accs = []
            for i in pair.accumulated:
                a = node.args[i]
                if a in lent or a.__class__ is Constant:
                    accs.append(region.zero_of(f.get(a)))  # a second alias: added afterwards
                else:
                    lent[a] = i
                    accs.append(region.accumulator(a))
            kept = [region.bring(p) for p in parts[pair.items :]]
            out = b.call(pair.backward, [*kept, region.packed(node, ct), *accs])
            for i, v in zip(wrt, b.parts(out, len(wrt)), strict=True):
                a = node.args[i]
                if lent.get(a) == i:
                    region.ct[a] = v
                else:
                    region.receive(a, unpack(b, a.type, v))

        self.controls[node] = backward


def _sum(b: Builder, t: Type, x: Node, y: Node) -> Node:
    return pack(b, t, add_trees(b, t, unpack(b, t, x), unpack(b, t, y)))


class _Slots:
    """Residuals of two branches in shared places: only one branch runs, so values of one type take turns.

    Many are packed in a tuple, so that a branch in a branch in a branch hands on one value and not those of all levels.
    """

    def __init__(self, residuals: list[list[Node]]) -> None:
        self.types: list[Type] = []
        self.places: list[list[int]] = []
        self.residuals = residuals
        for values in residuals:
            free = list(range(len(self.types)))
            places = []
            for v in values:
                k = next((k for k in free if self.types[k] is v.type), None)
                if k is None:
                    k = len(self.types)
                    self.types.append(v.type)
                else:
                    free.remove(k)
                places.append(k)
            self.places.append(places)
        self.packed = len(self.types) > MANY

    def values(self, b: Builder, side: int) -> list[Node]:
        out = [b.undef(t) for t in self.types]
        for k, v in zip(self.places[side], self.residuals[side], strict=True):
            out[k] = v
        return out


# -- structure: cotangents of stacks and sums --------------------------------------------------------------------------


def _backward_push(region: _Region, node: Apply, ct: Node) -> None:
    b, (stack, item) = region.b, node.args
    popped = b.pop_zero(ct)
    region.receive(item, unpack(b, item.type, b.getitem(popped, index=0)))
    region.receive(stack, b.getitem(popped, index=1))


def _backward_pop(region: _Region, node: Apply, ct: Tree) -> None:
    b, (stack,) = region.b, node.args
    assert isinstance(stack.type, Stack)
    item, below = ct
    region.receive(stack, b.push(below if below is not None else zero(b, stack.type), pack(b, stack.type.item, item)))


def _backward_inject(region: _Region, node: Apply, ct: Node) -> None:
    fields = region.b.project_zero(ct, case=node.static[1])
    for i, a in enumerate(node.args):
        region.receive(a, unpack(region.b, a.type, region.b.getitem(fields, index=i)))


def _backward_project(region: _Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    assert isinstance(x.type, Sum)
    assert isinstance(node.type, Struct)
    target = declare_tangent_sum(b, x.type)
    region.receive(
        x, b.inject(*[pack(b, t, c) for t, c in zip(node.type.items, ct, strict=True)], of=target, case=node.static[0])
    )


def _either(b: Builder, test: Node, then: Callable[[], Node], orelse: Callable[[], Node]) -> Node:
    """cond(test, then(), orelse())."""
    graphs = []
    for make in (then, orelse):
        g = b.new_graph("then" if make is then else "orelse", b.graph, "branch")
        with b.inside(g):
            g.finish(make())
        graphs.append(g)
    return b.cond(test, graphs=tuple(graphs))


# Cotangents of cotangents: what reads "nothing" as zeros sends nothing back to it.


def _backward_pop_zero(region: _Region, node: Apply, ct: Tree) -> None:
    b, (stack,) = region.b, node.args
    assert isinstance(stack.type, Stack)
    item, below = ct
    rest = below if below is not None else zero(b, stack.type)
    packed = pack(b, stack.type.item, item)
    size = b.stack_size(region.bring(region.f.get(stack)))
    region.receive(stack, _either(b, b.gt(size, literal(0)), lambda: b.push(rest, packed), lambda: rest))


def _backward_project_zero(region: _Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    assert isinstance(x.type, Sum)
    assert isinstance(node.type, Struct)
    target = declare_tangent_sum(b, x.type)
    fields = [pack(b, t, c) for t, c in zip(node.type.items, ct, strict=True)]
    same = b.eq(b.tag(region.bring(region.f.get(x))), literal(node.static[0]))
    region.receive(x, _either(b, same, lambda: b.inject(*fields, of=target, case=node.static[0]), lambda: b.undef(target)))


def _backward_add_sum(region: _Region, node: Apply, ct: Node) -> None:
    region.receive(node.args[0], ct)
    region.receive(node.args[1], ct)


def _backward_structure(region: _Region, node: Apply, ct: Tree) -> None:
    region.receive(node, ct)


# -- arrays: cotangents are accumulated in place ------------------------------------------------------------------------


def _brought(region: _Region, nodes: Sequence[Node]) -> list[Node]:
    return [region.bring(region.f.get(a)) for a in nodes]


def _backward_index(region: _Region, node: Apply, ct: Node) -> None:
    x, *where = node.args
    acc = region.accumulator(x)
    region.ct[x] = region.b.index_add(acc, ct, *_brought(region, where))


def _backward_index_update(region: _Region, node: Apply, ct: Node) -> None:
    b, (x, v, *where) = region.b, node.args
    place = _brought(region, where)
    region.receive(v, b.index(ct, *place))
    region.receive(x, b.index_update(ct, b.constant(v.type, 0.0), *place))


def _backward_index_add(region: _Region, node: Apply, ct: Node) -> None:
    x, v, *where = node.args
    region.receive(v, region.b.index(ct, *_brought(region, where)))
    region.receive(x, ct)


def _backward_slice(region: _Region, node: Apply, ct: Node) -> None:
    x, *rest = node.args
    assert isinstance(x.type, Array)
    acc = region.accumulator(x)
    region.ct[x] = region.b.slice_add(acc, ct, *_brought(region, rest[: x.type.rank]), steps=node.static[1])


def _slice_of_ct(region: _Region, node: Apply, ct: Node) -> tuple[list[Node], Node]:
    """The starts of a block, and the block of the cotangent."""
    _, v, *where = node.args
    place = _brought(region, where)
    value = region.f.get(v)
    assert isinstance(v.type, Array)
    with region.b.inside(region.fwd):
        dims = region.b.dims(value)
    return place, region.b.slice(ct, *place, *[region.bring(d) for d in dims], shape=v.type.shape, steps=node.static[0])


def _backward_slice_update(region: _Region, node: Apply, ct: Node) -> None:
    b, (x, v, *_) = region.b, node.args
    place, part = _slice_of_ct(region, node, ct)
    region.receive(v, part)
    if region.f.active.varies(x):
        region.receive(x, b.slice_update(ct, region.zero_of(region.f.get(v)), *place, steps=node.static[0]))


def _backward_slice_add(region: _Region, node: Apply, ct: Node) -> None:
    _, part = _slice_of_ct(region, node, ct)
    region.receive(node.args[1], part)
    region.receive(node.args[0], ct)


# -- lists: cotangents may be shorter than the primal ---------------------------------------------------------------------


def _size(region: _Region, x: Node) -> Node:
    """The length of a primal list, in the backward graph."""
    with region.b.inside(region.fwd):
        n = region.b.list_size(region.f.get(x))
    return region.bring(n)


def _backward_make_list(region: _Region, node: Apply, ct: Node) -> None:
    for k, a in enumerate(node.args):
        region.receive(a, unpack(region.b, a.type, region.b.list_get(ct, literal(k))))


def _backward_append(region: _Region, node: Apply, ct: Node) -> None:
    b, (x, v) = region.b, node.args
    taken = b.list_take(ct, _size(region, x))
    region.receive(v, unpack(b, v.type, b.getitem(taken, index=0)))
    region.receive(x, b.getitem(taken, index=1))


def _backward_list_index(region: _Region, node: Apply, ct: Tree) -> None:
    x, i = node.args
    acc = region.accumulator(x)
    region.ct[x] = region.b.list_add(acc, *_brought(region, [i]), pack(region.b, node.type, ct))


def _backward_list_update(region: _Region, node: Apply, ct: Node) -> None:
    b, (x, i, v) = region.b, node.args
    (place,) = _brought(region, [i])
    region.receive(v, unpack(b, v.type, b.list_get(ct, place)))
    region.receive(x, b.list_clear(ct, place))


def _backward_list_pop(region: _Region, node: Apply, ct: Tree) -> None:
    b, (x,) = region.b, node.args
    item, rest = ct
    _receive_rest(region, x, b.sub(_size(region, x), literal(1)), item, rest)


def _backward_list_take(region: _Region, node: Apply, ct: Tree) -> None:
    x, n = node.args
    item, rest = ct
    (size,) = _brought(region, [n])
    _receive_rest(region, x, size, item, rest)


def _receive_rest(region: _Region, x: Node, size: Node, item: Tree, rest: Tree) -> None:
    """A list of which item `size` and the items before it were taken. The rest may have a cotangent beyond them: dropped."""
    b = region.b
    assert isinstance(x.type, List)
    below = zero(b, x.type) if rest is None else b.getitem(b.list_take(rest, size), index=1)
    region.receive(x, below if item is None else b.list_add(below, size, pack(b, x.type.item, item)))


def _backward_list_add(region: _Region, node: Apply, ct: Node) -> None:
    x, i, v = node.args
    region.receive(v, unpack(region.b, v.type, region.b.list_get(ct, *_brought(region, [i]))))
    region.receive(x, ct)


def _backward_list_clear(region: _Region, node: Apply, ct: Node) -> None:
    region.receive(node.args[0], region.b.list_clear(ct, *_brought(region, node.args[1:])))


def _backward_list_column(region: _Region, node: Apply, ct: Node) -> None:
    x = node.args[0]
    target = tangent_type(x.type)
    assert isinstance(target, List)
    region.receive(x, region.b.list_from_column(ct, leaf=node.static[0], of=target.item))


def _backward_list_from_column(region: _Region, node: Apply, ct: Node) -> None:
    (a,) = node.args
    assert isinstance(a.type, Array)
    value = region.f.get(a)
    with region.b.inside(region.fwd):
        n = region.b.dim(value, axis=0)
    region.receive(a, region.b.list_column(ct, region.bring(n), leaf=node.static[0], to=a.type))


SPECIAL: dict[str, Callable[[_Region, Apply, Any], None]] = {
    "make_list": _backward_make_list,
    "list_append": _backward_append,
    "list_index": _backward_list_index,
    "list_get": _backward_list_index,
    "list_update": _backward_list_update,
    "list_pop": _backward_list_pop,
    "list_take": _backward_list_take,
    "list_add": _backward_list_add,
    "list_clear": _backward_list_clear,
    "list_plus": _backward_add_sum,
    "list_column": _backward_list_column,
    "list_from_column": _backward_list_from_column,
    "index": _backward_index,
    "index_update": _backward_index_update,
    "index_add": _backward_index_add,
    "slice": _backward_slice,
    "slice_update": _backward_slice_update,
    "slice_add": _backward_slice_add,
    "getitem": _backward_structure,
    "make_tuple": _backward_structure,
    "make_record": _backward_structure,
    "push": _backward_push,
    "pop": _backward_pop,
    "inject": _backward_inject,
    "project": _backward_project,
    "pop_zero": _backward_pop_zero,
    "project_zero": _backward_project_zero,
    "add_sum": _backward_add_sum,
}
FORWARD: dict[str, Callable[[_Region, Apply], Task]] = {
    "cond": _Region.forward_cond,
    "for_loop": _Region.forward_loop,
    "while_loop": _Region.forward_loop,
    "call": _Region.forward_call,
}
