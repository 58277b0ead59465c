"""Forward mode: each value becomes two, the value and its tangent; loops and branches carry both.

    f(x) = y    =>    f.jvp(x, dx) = (y, dy)

Tangents are trees with None for zero, as cotangents are (see `cotangents`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irad.errors import refuse
from irad.graph.build import UNIT_VALUE, Builder, literal
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task
from irad.optimize.demand import state_of
from irad.primitives.table import Missing
from irad.transforms.activity import Activity
from irad.transforms.cotangents import (
    Tree,
    declare_tangent_sum,
    fields_of,
    pack_like,
    popped,
    slot_type,
    unpack,
    zero,
    zero_like,
)
from irad.types import List, Stack, Struct, Tuple, tangent_type

__all__ = ["Forward"]


class Forward:
    """Makes jvp graphs in the module that `b` builds, from graphs of the module before."""

    def __init__(self, b: Builder, copy: Callable[[Graph], Task]) -> None:
        self.b, self.copy = b, copy
        self.graphs: dict[tuple[Graph, tuple[int, ...]], Graph] = {}

    def graph(self, graph: Graph, wrt: tuple[int, ...]) -> Task:
        """The graph of (x..., tangents of the parameters `wrt`) -> (y, T(y)), made on first use."""
        found = self.graphs.get((graph, wrt))
        if found is not None:
            return found
        b = self.b
        b.span = graph.span
        new = self.graphs[graph, wrt] = b.new_graph(f"{graph.name}.jvp")
        assert graph.result is not None
        new.result = Tuple((graph.result, slot_type(graph.result)))
        yield _Function(self, graph, wrt, new).build()
        return new


class _Function:
    def __init__(self, forward: Forward, graph: Graph, wrt: tuple[int, ...], new: Graph) -> None:
        self.forward, self.b, self.graph, self.wrt, self.new = forward, forward.b, graph, wrt, new
        self.active = Activity(graph, wrt)
        self.env: dict[Node, Node] = {}
        self.tangents: dict[Node, Tree] = {}

    def get(self, node: Node) -> Node:
        return node if node.__class__ is Constant else self.env[node]

    def tangent(self, node: Node) -> Tree:
        return None if node.__class__ is Constant else self.tangents.get(node)

    def build(self) -> Task:
        b, graph, new = self.b, self.graph, self.new
        for p in graph.params:
            self.env[p] = b.parameter(new, p.type, p.name)
        for i in self.wrt:
            p = graph.params[i]
            d = b.parameter(new, slot_type(p.type), f"d{p.name}")
            with b.inside(new):
                self.tangents[p] = unpack(b, p.type, d)
        with b.inside(new):
            yield self.body(graph)
            new.finish(b.make_tuple(self.get(graph.output), self.packed(graph.output)))

    def packed(self, node: Node) -> Node:
        """The node of a value's tangent; zeros are made real."""
        return self.packed_tree(node, self.tangent(node))

    def packed_tree(self, node: Node, tree: Tree) -> Node:
        return pack_like(self.b, self.get(node), tree)

    def body(self, graph: Graph) -> Task:
        b = self.b
        for node in graph.body:
            b.span, b.adjoint = node.span, node.adjoint
            if node.graphs:
                yield CONTROL[node.fn.name](self, node)
                continue
            new = self.env[node] = b.apply(node.fn, [self.get(a) for a in node.args], node.static)
            if new.name is None and new.__class__ is Apply:
                new.name = node.name
            if any(self.tangent(a) is not None for a in node.args):
                b.adjoint = True
                self.tangents[node] = self.rule(node)
                b.adjoint = node.adjoint

    def rule(self, node: Apply) -> Tree:
        """The tangent of one operation."""
        b, fn = self.b, node.fn
        special = SPECIAL.get(fn.name)
        if special is not None:
            return special(self, node)
        if fn.order == "effect" or tangent_type(node.type) is None:
            return None
        out, *xs = [self.get(a) for a in (node, *node.args)]
        dxs = [self.tangent(a) for a in node.args]
        if fn.partials is not None:
            parts = fn.partials(b, out, *xs, **node.facts())
            total: Tree = None
            for part, dx in zip(parts, dxs, strict=True):
                if dx is None:
                    continue
                p = part() if callable(part) else part
                if p is not None:
                    term = b.mul(dx, p)
                    total = term if total is None else b.add(total, term)
            return total
        if not callable(fn.jvp):
            reason = fn.jvp.reason if isinstance(fn.jvp, Missing) else "no rule is declared"
            raise refuse(
                "not-differentiable",
                f"`{fn.name}` has no derivative: {reason}",
                node.span,
                help="if it counts as a constant, write irad.stop_gradient(x)",
            )
        return fn.jvp(b, out, *xs, *dxs, **node.facts())

    # -- control -------------------------------------------------------------------------------------------------------

    def cond(self, node: Apply) -> Task:
        b = self.b
        varies = self.active.varies(node)
        graphs = []
        for g in node.graphs:
            b.span = node.span
            new = b.new_graph(g.name, b.graph, "branch")
            with b.inside(new):
                yield self.body(g)
                out = self.get(g.output)
                new.finish(b.make_tuple(out, self.packed(g.output)) if varies else out)
            graphs.append(new)
        b.span = node.span
        result = b.cond(self.get(node.args[0]), graphs=tuple(graphs))
        self.settle(node, result, varies)

    def settle(self, node: Apply, result: Node, varies: bool) -> None:
        """The value and tangent of a control operation that gives both."""
        b = self.b
        if varies:
            self.env[node] = b.getitem(result, index=0)
            self.tangents[node] = unpack(b, node.type, b.getitem(result, index=1))
        else:
            self.env[node] = result

    def loop(self, node: Apply) -> Task:
        b, (body,) = self.b, node.graphs
        counted = node.fn.name == "for_loop"
        first = 1 if counted else 0
        params = body.params[first:]
        moving = [k for k, p in enumerate(params) if self.active.varies(p)]
        args = [self.get(a) for a in node.args] + [self.packed(node.args[first + k]) for k in moving]
        b.span = node.span
        new = b.new_graph(body.name, b.graph, "loop")
        for p in body.params:
            self.env[p] = b.parameter(new, p.type, p.name)
        with b.inside(new):
            for k in moving:
                p = params[k]
                self.tangents[p] = unpack(b, p.type, b.parameter(new, slot_type(p.type), f"d{p.name}" if p.name else None))
            yield self.body(body)
            state = state_of(body, node.fn.name)
            outs = [self.get(s) for s in state] + [self.packed(state[k]) for k in moving]
            out = b.tuple_(outs) if outs else UNIT_VALUE
            new.finish(out if counted else b.make_tuple(self.get(body.output.args[0]), out))  # type: ignore[attr-defined]
        b.span = node.span
        parts = b.parts((b.for_loop if counted else b.while_loop)(*args, graphs=(new,)), len(args) - first)
        values, tangents = parts[: len(params)], parts[len(params) :]
        self.env[node] = values[0] if len(values) == 1 else b.make_tuple(*values)
        if moving:
            trees: list[Tree] = [None] * len(params)
            for k, t in zip(moving, tangents, strict=True):
                trees[k] = unpack(b, params[k].type, t)
            self.tangents[node] = trees[0] if len(params) == 1 else trees

    def call(self, node: Apply) -> Task:
        b, (g,) = self.b, node.graphs
        args = [self.get(a) for a in node.args]
        wrt = tuple(i for i, a in enumerate(node.args) if self.active.varies(a) and tangent_type(a.type) is not None)
        if not wrt or not self.active.varies(node):
            copy = yield self.forward.copy(g)
            b.span = node.span
            self.env[node] = b.call(copy, args)
            return
        new = yield self.forward.graph(g, wrt)
        b.span = node.span
        self.settle(node, b.call(new, [*args, *[self.packed(node.args[i]) for i in wrt]]), True)


def _make_tuple(f: _Function, node: Apply) -> Tree:
    return [f.tangent(a) for a in node.args]


def _getitem(f: _Function, node: Apply) -> Tree:
    return f.tangent(node.args[0])[node.static[0]]


def _push(f: _Function, node: Apply) -> Tree:
    stack, item = node.args
    below = f.tangent(stack)
    return f.b.push(zero(f.b, stack.type) if below is None else below, f.packed(item))


def _pop(f: _Function, node: Apply) -> Tree:
    (stack,) = node.args
    assert isinstance(stack.type, Stack)
    parts = popped(f.b, f.tangent(stack), lambda: zero_like(f.b, f.b.getitem(f.get(node), index=0)))
    return [unpack(f.b, stack.type.item, f.b.getitem(parts, index=0)), f.b.getitem(parts, index=1)]


def _inject(f: _Function, node: Apply) -> Tree:
    of, case = node.static
    return f.b.inject(*[f.packed(a) for a in node.args], of=declare_tangent_sum(f.b, of), case=case)


def _project(f: _Function, node: Apply) -> Tree:
    assert isinstance(node.type, Struct)
    fields = fields_of(f.b, f.tangent(node.args[0]), node.static[0], lambda: zero_like(f.b, f.get(node)))
    return [unpack(f.b, t, f.b.getitem(fields, index=i)) for i, t in enumerate(node.type.items)]


def _add_sum(f: _Function, node: Apply) -> Tree:
    dx, dy = (f.tangent(a) for a in node.args)
    return dy if dx is None else dx if dy is None else f.b.add_sum(dx, dy)


def _update(f: _Function, node: Apply) -> Tree:
    """index_update, index_add, slice_update, slice_add: linear in the array and in what is put there."""
    b, (x, v, *where) = f.b, node.args
    return b.apply(node.fn, [f.packed(x), f.packed(v), *map(f.get, where)], node.static)


def _slice(f: _Function, node: Apply) -> Tree:
    return f.b.apply(node.fn, [f.tangent(node.args[0]), *map(f.get, node.args[1:])], node.static)


# -- lists: a tangent may be shorter than the primal; what is missing is zero ------------------------------------------------


def _list_tangent(f: _Function, x: Node) -> Node:
    d = f.tangent(x)
    return zero(f.b, x.type) if d is None else d


def _make_list(f: _Function, node: Apply) -> Tree:
    target = tangent_type(node.type)
    assert isinstance(target, List)
    return f.b.make_list(*map(f.packed, node.args), of=target.item)


def _append(f: _Function, node: Apply) -> Tree:
    x, v = node.args
    return f.b.list_add(_list_tangent(f, x), f.b.list_size(f.get(x)), f.packed(v))


def _list_index(f: _Function, node: Apply) -> Tree:
    x, i = node.args
    return unpack(f.b, node.type, f.b.list_get(_list_tangent(f, x), f.get(i)))


def _list_update(f: _Function, node: Apply) -> Tree:
    x, i, v = node.args
    return f.b.list_add(f.b.list_clear(_list_tangent(f, x), f.get(i)), f.get(i), f.packed(v))


def _list_pop(f: _Function, node: Apply) -> Tree:
    b, (x,) = f.b, node.args
    assert isinstance(x.type, List)
    taken = b.list_take(_list_tangent(f, x), b.sub(b.list_size(f.get(x)), literal(1)))
    return [unpack(b, x.type.item, b.getitem(taken, index=0)), b.getitem(taken, index=1)]


def _list_take(f: _Function, node: Apply) -> Tree:
    b, (x, n) = f.b, node.args
    assert isinstance(x.type, List)
    taken = b.list_take(_list_tangent(f, x), f.get(n))
    return [unpack(b, x.type.item, b.getitem(taken, index=0)), b.getitem(taken, index=1)]


def _list_linear(f: _Function, node: Apply) -> Tree:
    """Linear in the list (and, for list_add, in what is added)."""
    x, *rest = node.args
    if node.fn.name == "list_add":
        return f.b.list_add(_list_tangent(f, x), f.get(rest[0]), f.packed(rest[1]))
    return f.b.apply(node.fn, [_list_tangent(f, x), *map(f.get, rest)], node.static)


def _list_from_column(f: _Function, node: Apply) -> Tree:
    target = tangent_type(node.type)
    assert isinstance(target, List)
    return f.b.list_from_column(f.tangent(node.args[0]), leaf=node.static[0], of=target.item)


def _list_plus(f: _Function, node: Apply) -> Tree:
    dx, dy = (f.tangent(a) for a in node.args)
    return dy if dx is None else dx if dy is None else f.b.list_plus(dx, dy)


SPECIAL: dict[str, Callable[[_Function, Apply], Any]] = {
    "make_list": _make_list,
    "list_append": _append,
    "list_index": _list_index,
    "list_get": _list_index,
    "list_update": _list_update,
    "list_pop": _list_pop,
    "list_take": _list_take,
    "list_add": _list_linear,
    "list_clear": _list_linear,
    "list_column": _list_linear,
    "list_from_column": _list_from_column,
    "list_plus": _list_plus,
    "index": _slice,
    "slice": _slice,
    "index_update": _update,
    "index_add": _update,
    "slice_update": _update,
    "slice_add": _update,
    "make_tuple": _make_tuple,
    "make_record": _make_tuple,
    "getitem": _getitem,
    "push": _push,
    "pop": _pop,
    "inject": _inject,
    "project": _project,
    "pop_zero": _pop,
    "project_zero": _project,
    "add_sum": _add_sum,
}
CONTROL: dict[str, Callable[[_Function, Apply], Task]] = {
    "cond": _Function.cond,
    "for_loop": _Function.loop,
    "while_loop": _Function.loop,
    "call": _Function.call,
}
