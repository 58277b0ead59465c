"""One graph of the primal while reverse mode runs: its forward graph, its backward graph, and what passes between them.

A function, a branch and a loop body are a region each; see `reverse` for the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.errors import refuse
from irad.graph.build import UNIT_VALUE, Builder, literal
from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task
from irad.optimize.demand import state_of
from irad.primitives.table import Missing
from irad.transforms.backward import SPECIAL
from irad.transforms.cotangents import (
    Tree,
    accumulates,
    add_trees,
    ct_name,
    named,
    pack,
    sized_at_run_time,
    slot_type,
    unpack,
    zero,
)
from irad.transforms.masks import Masks
from irad.types import INT, Array, Stack, Struct, Tuple, Type, tangent_type

if TYPE_CHECKING:
    from irad.transforms.reverse import Function, Pair

__all__ = ["Region"]

MANY = 16  # residuals of a branch that are handed on one by one


class Region:
    """A graph of the primal with its forward and backward graphs. Forward values reach the backward graph by `bring`."""

    def __init__(self, f: Function, primal: Graph, fwd: Graph, bwd: Graph, outer: Region | None) -> None:
        self.f, self.b, self.primal, self.fwd, self.bwd, self.outer = f, f.b, primal, fwd, bwd, outer
        self.placeholders: dict[Node, Parameter] = {}  # forward value -> what stands for it in the backward graph
        self.stands_for: dict[Node, Node] = {}  # ... and back
        self.ct: dict[Node, Tree] = {}  # primal node -> cotangent so far
        self.controls: dict[Apply, Callable[[Region, Tree], None]] = {}
        self.handed: dict[Node, Parameter] = {}  # accumulators that the caller lends
        self.masks = Masks(self)

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
        region: Region | None = self
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
        before, self.b.adjoint = self.b.adjoint, True
        so_far = self.ct.get(node)
        self.ct[node] = total = add_trees(self.b, node.type, so_far, tree)
        self.masks.sum_of(total, so_far, tree)
        self.b.adjoint = before

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
            named(ct, node)
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
        fn, masks = node.fn, self.masks
        wanted = [i for i, a in enumerate(node.args) if self.f.active.varies(a)]
        out, *xs = [self.bring(self.f.get(a)) for a in (node, *node.args)]
        behind, ct = masks.behind(node, out, xs, ct), masks.inside(node, ct)
        if fn.partials is not None:
            parts = fn.partials(self.b, out, *xs, **node.facts())
            for i in wanted:
                p = parts[i]() if callable(parts[i]) else parts[i]
                if p is not None:
                    self.receive(node.args[i], masks.masked(node, self.b.mul(ct, p), behind[i]))
            return
        if not callable(fn.vjp):
            reason = fn.vjp.reason if isinstance(fn.vjp, Missing) else "no rule is declared"
            raise refuse(
                "not-differentiable",
                f"`{fn.name}` has no derivative: {reason}",
                node.span,
                help="if it counts as a constant, write irad.stop_gradient(x)",
            )
        cts = fn.vjp(self.b, out, *xs, ct, **node.facts())
        for i in wanted:
            c = cts[i]() if callable(cts[i]) else cts[i]
            if c is not None:
                self.receive(node.args[i], masks.masked(node, c, behind[i]))

    def where_taken(self, ct: Tree, make: Callable[[], list[Node]], otherwise: Callable[[], list[Node]]) -> list[Node]:
        """make(), or `otherwise` at once where nothing was taken of the value that the cotangent is of."""
        some, b = self.masks.whole(ct), self.b
        if some is None:
            return make()
        rest = otherwise()
        outs = b.parts(b.either(some, lambda: b.tuple_(make()), lambda: b.tuple_(rest)), len(rest)) if rest else []
        for out, nothing in zip(outs, rest, strict=True):
            self.masks.added(out, nothing, self.masks.like(some, out))
        return outs

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
        if not sized_at_run_time((value.type,)):
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
        """The node of a forward value's cotangent; zeros are made real, at any depth, with the sizes that its arrays have."""
        t = value.type
        if tree is None:
            return self.zero_of(value)
        if not isinstance(t, Struct) or not sized_at_run_time((t,)):
            return pack(self.b, t, tree)
        items = []
        for i, x in enumerate(tree):
            with self.b.inside(self.fwd):
                part = self.b.getitem(value, index=i)
            items.append(self.packed_value(part, x))
        return self.b.make_tuple(*items)

    def packed(self, node: Node, tree: Tree) -> Node:
        """The node of a primal value's cotangent; zeros are made real."""
        return self.packed_value(self.f.get(node), tree)

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

    def untouched(self, captured: list[Node], lent: list[Node]) -> list[Node]:
        """What a nested backward graph gives back that adds nothing."""
        back = iter(lent)
        return [next(back) if accumulates(c.type) else self.zero_of(self.f.get(c)) for c in captured]

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
            side = Region(f, g, b.new_graph(g.name, self.fwd, "branch"), b.new_graph(f"{g.name}.backward", self.bwd), self)
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
                outs = b.items(f.get(g.output))
                kept = slots.values(b, i)
                side.fwd.finish(b.tuple_([*outs, b.make_tuple(*kept)] if slots.packed else [*outs, *kept]))
        b.span = node.span
        result = b.cond(test, graphs=tuple(side.fwd for side in sides))
        parts = b.parts(result, items + (1 if slots.packed else len(slots.types)))
        f.env[node] = b.make_tuple(*parts[:items]) if isinstance(node.type, Tuple) else parts[0]
        if not varies:
            return

        def backward(region: Region, ct: Tree) -> None:
            packed = region.packed(node, ct)
            lent = region.handed_in(captured)

            def branches() -> list[Node]:
                kept = [region.bring(p) for p in parts[items:]]
                if slots.packed:
                    kept = b.parts(kept[0], len(slots.types))
                graphs = []
                for i, side in enumerate(sides):
                    w = side.bwd.parent = b.new_graph(node.graphs[i].name, b.graph, "branch")
                    with b.inside(w):
                        w.finish(b.call(side.bwd, [*[kept[k] for k in slots.places[i]], packed, *lent]))
                    graphs.append(w)
                return b.parts(b.cond(region.bring(test), graphs=tuple(graphs)), len(captured)) if captured else []

            region.take(captured, region.where_taken(ct, branches, lambda: region.untouched(captured, lent)))

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
        region = Region(f, body, loop, b.new_graph(f"{body.name}.backward", self.bwd), self)
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
                own = [named(region.packed(params[k], region.ct.pop(params[k], None)), params[k]) for k in moving]
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

        def backward(outer: Region, ct: Tree) -> None:
            trees = ct if len(params) > 1 else [ct]
            start = [outer.packed_value(values[k], trees[k]) for k in moving]
            start += [outer.accumulator(c) if accumulates(c.type) else outer.packed(c, outer.ct.pop(c, None)) for c in captured]
            stack = outer.bring(kept[0]) if stored else None
            n = outer.bring(trips) if trips is not None else b.stack_size(stack) if stored else outer.bring(kept[0])
            carried = [*(params[k] for k in moving), *captured]
            # Where nothing was taken, cotangents begin as zeros and stay what they are.
            results = outer.where_taken(
                ct,
                lambda: outer.reverse_loop(region, n, start, stack, residuals, index, carried, captured),
                lambda: [*(outer.zero_of(f.get(node.args[first + k])) for k in moving), *start[len(moving) :]],
            )
            # First what was lent comes back, which replaces: the state may begin as a captured value.
            outer.take(captured, results[len(moving) :])
            for k, v in zip(moving, results, strict=False):
                outer.receive(node.args[first + k], unpack(b, params[k].type, v))

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
        region: Region,
        n: Node,
        start: list[Node],
        stack: Node | None,
        residuals: list[Node],
        index: Node | None,
        carried: list[Node],
        captured: list[Node],
    ) -> list[Node]:
        """The loop that runs the trips backwards: pops residuals, carries cotangents of the state and of what is captured."""
        b, moving = self.b, len(carried) - len(captured)
        graph = region.bwd.parent = b.new_graph(region.bwd.name.removesuffix(".backward"), b.graph, "loop")
        j = b.parameter(graph, INT, "j")
        state = [b.parameter(graph, s.type, ct_name(x) or s.name) for s, x in zip(start, carried, strict=True)]
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
                    values.append(named(b.getitem(item, index=k), r, r.name))
                    k += 1
            lent = [state[moving + i] for i, c in enumerate(captured) if accumulates(c.type)]
            total = moving + len(captured)
            outs = b.parts(b.call(region.bwd, [*values, *state[:moving], *lent]), total) if total else []
            new = outs[:moving]
            for i, c in enumerate(captured):
                out = outs[moving + i] if accumulates(c.type) else _sum(b, c.type, state[moving + i], outs[moving + i])
                new.append(named(out, c))
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
            b.span = node.span
            f.env[node] = b.call(copy, args)
            return
        pair: Pair = yield f.r.pair(g, wrt, True)
        count = 1 if pair.sum is not None else len(pair.residuals)
        b.span = node.span
        result = b.call(pair.forward, args)
        parts = [b.getitem(result, index=i) for i in range(pair.items + count)]
        f.env[node] = b.make_tuple(*parts[: pair.items]) if isinstance(node.type, Tuple) else parts[0]

        def backward(region: Region, ct: Tree) -> None:
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
            packed, handed = region.packed(node, ct), dict(zip(pair.accumulated, accs, strict=True))
            outs = region.where_taken(
                ct,
                lambda: b.parts(b.call(pair.backward, [*kept, packed, *accs]), len(wrt)),
                lambda: [handed[i] if i in handed else region.zero_of(f.get(node.args[i])) for i in wrt],
            )
            values = dict(zip(wrt, outs, strict=True))
            for a, i in lent.items():  # first what was lent comes back, which replaces
                region.ct[a] = values.pop(i)
            for i, v in values.items():
                region.receive(node.args[i], unpack(b, node.args[i].type, v))

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


FORWARD: dict[str, Callable[[Region, Apply], Task]] = {
    "cond": Region.forward_cond,
    "for_loop": Region.forward_loop,
    "while_loop": Region.forward_loop,
    "call": Region.forward_call,
}
