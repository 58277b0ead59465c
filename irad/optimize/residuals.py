"""Store or recompute: which values a forward loop keeps for the loop that runs its trips backwards.

A forward loop pushes what the reverse loop asks for. Whatever can be computed again from the state, from values outside
the loops, or from other stored values need not be pushed. Which to store is a minimum cut between the loop's state and
the values asked for: to cut a value costs its bytes, to compute it again costs its operations (so arithmetic is done
again, sines and exponentials are kept).

    forward  push(stack, (sin x, x*y, x+y))         reverse  (s, p, q) = pop(stack)
    =>       push(stack, (x, y, sin x))                      (x, y, s) = pop(stack); p = x*y; q = x+y

After Griewank and Walther, "Evaluating Derivatives", 2008, ch. 12; the cut as in Moses et al., "Enzyme", 2021.
"""
from __future__ import annotations

from dataclasses import dataclass, field

from irad.graph.build import literal
from irad.graph.nodes import Apply, Constant, Module, Node, Parameter
from irad.graph.walk import all_graphs
from irad.optimize.demand import state_of
from irad.optimize.mincut import INFINITE, Network
from irad.optimize.rebuild import Rebuild
from irad.types import Scalar, Stack, Tuple, Type, leaves

__all__ = ["choose_residuals", "nbytes"]

BYTE, OPERATION = 2, 2            # the price of a byte and of a multiplication, in units of the cut
CHEAP = 6                         # operations that cost more are never repeated


def nbytes(t: Type) -> int:
    """The bytes of a value in memory, blocks that it points to not counted."""
    return sum(x.nbytes if isinstance(x, Scalar) else 16 for x in leaves(t))


@dataclass(slots=True)
class _Pair:
    """A forward loop, the reverse loop that consumes its stack, and what is decided for them."""

    forward: Apply
    reverse: Apply
    empty: Apply
    push: Apply
    pop: Apply
    reads: dict[Apply, int]                                 # in the reverse body: which item of the tuple each node is
    stored: list[Node] = field(default_factory=list)
    again: list[Apply] = field(default_factory=list)        # recomputed, in order


def choose_residuals(module: Module) -> Module:
    """The module with less on its stacks."""
    pairs = [p for p in _pairs(module) if _decide(p)]
    return _Rewrite(module, pairs).run() if pairs else module


# -- finding ----------------------------------------------------------------------------------------------------------------


def _pairs(module: Module) -> list[_Pair]:
    uses: dict[Node, list[tuple[Apply, int]]] = {}
    for g in all_graphs(module):
        for node in g.body:
            for i, a in enumerate(node.args):
                uses.setdefault(a, []).append((node, i))
    outputs = {g.output for g in all_graphs(module)}
    found = []
    for g in all_graphs(module):
        for node in g.body:
            if node.fn.name in ("for_loop", "while_loop"):
                p = _pair(node, uses, outputs)
                if p is not None:
                    found.append(p)
    return found


def _pair(loop: Apply, uses: dict[Node, list[tuple[Apply, int]]], outputs: set[Node]) -> _Pair | None:
    """The pair that `loop` is the forward loop of, if each trip pushes once and one loop pops it all."""
    first = 1 if loop.fn.name == "for_loop" else 0
    (body,) = loop.graphs
    state = state_of(body, loop.fn.name)
    for k, a in enumerate(loop.args[first:]):
        if not (isinstance(a, Apply) and a.fn.name == "empty_stack" and len(uses[a]) == 1):
            continue
        param, push = body.params[first + k], state[k]
        if not (isinstance(push, Apply) and push.fn.name == "push" and push.args[0] is param and push.graph is body):
            continue
        item = push.args[1]
        if len(uses.get(param, ())) != 1 or len(uses.get(push, ())) != 1 or not (isinstance(item, Apply) and item.fn.name == "make_tuple"):
            continue
        stack: Node = loop
        if len(state) > 1:
            parts = [n for n, _ in uses.get(loop, ()) if n.fn.name == "getitem" and n.static[0] == k]
            if len(parts) != 1 or loop in outputs:
                continue
            stack = parts[0]
        readers = [(n, i) for n, i in uses.get(stack, ()) if n.fn.name != "stack_size"]
        if len(readers) != 1 or stack in outputs or readers[0][0].fn.name != "for_loop":
            continue
        reverse, position = readers[0]
        inner = reverse.graphs[0]
        top = inner.params[position]
        pops = [n for n, _ in uses.get(top, ())]
        if len(pops) != 1 or pops[0].fn.name != "pop" or pops[0].graph is not inner:
            continue
        reads = _reads(pops[0], uses, outputs)
        if reads is not None:
            return _Pair(loop, reverse, a, push, pops[0], reads)
    return None


def _reads(pop: Apply, uses: dict[Node, list[tuple[Apply, int]]], outputs: set[Node]) -> dict[Apply, int] | None:
    """The nodes that take the popped tuple apart; None where it is used in another way."""
    out: dict[Apply, int] = {}
    for part, _ in uses.get(pop, ()):
        if part.fn.name != "getitem" or part in outputs:
            return None
        if part.static[0] == 0:
            for read, _ in uses.get(part, ()):
                if read.fn.name != "getitem":
                    return None
                out[read] = read.static[0]
    return out


# -- deciding ---------------------------------------------------------------------------------------------------------------


def _decide(p: _Pair) -> bool:
    """Choose what is stored; False where all stays as it is."""
    (body,) = p.forward.graphs
    inner = p.reverse.graphs[0]
    item = p.push.args[1]
    assert isinstance(item, Apply)
    wanted = list(dict.fromkeys(item.args[i] for i in p.reads.values()))
    index = body.params[0] if p.forward.fn.name == "for_loop" else None

    def free(x: Node) -> bool:
        """Whether the reverse loop has x anyway."""
        return x.__class__ is Constant or x is index or (x.graph is not body and inner.within(x.graph))

    def repeatable(x: Node) -> bool:
        return (x.__class__ is Apply and x.graph is body and x.fn.order == "total" and not x.graphs  # type: ignore[attr-defined]
                and (x.fn.elementwise and isinstance(x.type, Scalar) or x.fn.name == "getitem") and x.fn.cost <= CHEAP)  # type: ignore[attr-defined]

    network = Network()
    source, sink = network.vertex(), network.vertex()
    inside: dict[Node, int] = {}
    outside: dict[Node, int] = {}
    todo = list(wanted)
    while todo:
        x = todo.pop()
        if x in inside or free(x):
            continue
        inside[x], outside[x] = network.vertex(), network.vertex()
        if repeatable(x):
            todo.extend(x.args)  # type: ignore[attr-defined]
    for x in inside:
        storable = isinstance(x.type, Scalar) or not repeatable(x)
        network.edge(inside[x], outside[x], BYTE * max(nbytes(x.type), 1) if storable else INFINITE)
        if repeatable(x):
            network.edge(source, inside[x], OPERATION * x.fn.cost)  # type: ignore[attr-defined]
            for a in x.args:  # type: ignore[attr-defined]
                if a in inside:
                    network.edge(outside[a], inside[x], INFINITE)
        else:
            network.edge(source, inside[x], INFINITE)
    for x in wanted:
        if x in outside:
            network.edge(outside[x], sink, INFINITE)
    side = network.source_side(source, sink)
    stored = {x for x in inside if inside[x] in side and outside[x] not in side}
    again = {x for x in inside if inside[x] not in side}
    needed = _needed(wanted, stored, again)
    p.stored = [x for x in [*body.params, *body.body] if x in stored and x in needed]
    p.again = [x for x in body.body if x in again and x in needed]
    return len(p.stored) < len(item.args) or bool(p.again)


def _needed(wanted: list[Node], stored: set[Node], again: set[Node]) -> set[Node]:
    out: set[Node] = set()
    todo = list(wanted)
    while todo:
        x = todo.pop()
        if x in out:
            continue
        out.add(x)
        if x in again:
            todo.extend(x.args)  # type: ignore[attr-defined]
    return out


# -- rewriting --------------------------------------------------------------------------------------------------------------


class _Rewrite(Rebuild):
    def __init__(self, module: Module, pairs: list[_Pair]) -> None:
        super().__init__(module)
        self.by_push = {p.push: p for p in pairs}
        self.by_empty = {p.empty: p for p in pairs}
        self.by_pop = {p.pop: p for p in pairs}
        self.reads = {read: p for p in pairs for read in p.reads}
        self.found: dict[int, dict[Node, Node]] = {}           # id of a pair -> forward values in its reverse body
        self.stacks: dict[Node, _Pair] = {}
        for p in pairs:
            self.stacks[p.push.args[0]] = p
            self.stacks[p.pop.args[0]] = p

    def item_type(self, p: _Pair) -> Type:
        return Tuple(x.type for x in p.stored)

    def parameter_type(self, p: Parameter) -> Type:
        pair = self.stacks.get(p)
        return Stack(self.item_type(pair)) if pair is not None else p.type

    def plain(self, node: Apply) -> None:
        b = self.b
        if node in self.by_empty:
            self.env[node] = b.empty_stack(of=self.item_type(self.by_empty[node]))
        elif node in self.by_push:
            p = self.by_push[node]
            stack = self.get(node.args[0])
            keeps = p.stored or p.forward.fn.name == "while_loop"
            self.env[node] = b.push(stack, b.make_tuple(*map(self.get, p.stored))) if keeps else stack
        elif node in self.by_pop:
            self.pop(node)
        elif node in self.reads:
            p = self.reads[node]
            item = p.push.args[1]
            assert isinstance(item, Apply)
            self.env[node] = self.value(p, item.args[p.reads[node]])
        else:
            super().plain(node)

    def pop(self, node: Apply) -> None:
        b, p = self.b, self.by_pop[node]
        stack = self.get(node.args[0])
        known: dict[Node, Node] = {}
        self.found[id(p)] = known
        if p.stored or p.forward.fn.name == "while_loop":
            popped = b.pop(stack)
            item, rest = b.getitem(popped, index=0), b.getitem(popped, index=1)
            for k, x in enumerate(p.stored):
                known[x] = b.getitem(item, index=k)
        else:
            rest = stack
        # The popped tuple itself is read by nobody else.
        self.parts[node] = [None, rest]
        if p.forward.fn.name == "for_loop":
            trips, j = self.get(p.reverse.args[0]), self.get(p.reverse.graphs[0].params[0])
            known[p.forward.graphs[0].params[0]] = b.sub(b.sub(trips, literal(1)), j)
        for x in p.again:
            b.span, b.adjoint = x.span, x.adjoint
            known[x] = b.apply(x.fn, [self.value(p, a) for a in x.args], x.static)
        b.span = node.span

    def value(self, p: _Pair, x: Node) -> Node:
        """A value of the forward body, in the reverse body."""
        known = self.found[id(p)]
        return known[x] if x in known else self.get(x)

