"""Store or recompute: which values a forward loop keeps for the loop that runs its trips backwards.

A forward loop pushes what the reverse loop asks for. Whatever can be computed again from the state, from values outside
the loops, or from other stored values need not be pushed. Which to store is a minimum cut between the loop's state and
the values asked for: to cut a value costs its bytes, to compute it again costs its operations (so arithmetic is done
again, sines and exponentials are kept). An array is computed again by operations element by element, and by slices, from
arrays that are kept.

    forward  push(stack, (sin x, x*y, x+y))         reverse  (s, p, q) = pop(stack)
    =>       push(stack, (x, y, sin x))                      (x, y, s) = pop(stack); p = x*y; q = x+y

After Griewank and Walther, "Evaluating Derivatives", 2008, ch. 12; the cut as in Moses et al., "Enzyme", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from irad.graph.build import is_constant, literal
from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import captured
from irad.optimize.branches import Branched, branched
from irad.optimize.demand import state_of
from irad.optimize.mincut import INFINITE, Network
from irad.optimize.pairs import Pair, find_pairs
from irad.optimize.rebuild import Rebuild, is_undef
from irad.optimize.rewrite import kind_of
from irad.optimize.slots import Path, Slot
from irad.optimize.stacks import Stacks
from irad.types import UNIT, Array, Dim, Scalar, Stack, Struct, Tuple, Type, leaves

__all__ = ["Kept", "Repacked", "choose_residuals", "decided", "nbytes", "own_values", "padding"]

BYTE, OPERATION = 2, 2  # the price of a byte and of a multiplication, in units of the cut
FINE = 16  # parts of a unit: what is computed by either loop, but once, costs one, so that it stays where it is
ONCE = 1 / (FINE * OPERATION)
CHEAP = 6  # operations that cost more are never repeated
WHOLE_DIVISION = 3  # the cost of an integer divided by a constant
COUNTING = 2  # the cost of a counter from the number of the trip
WORD = 8  # bytes: what the items of stacks are filled up to, so that a truth value takes as much
ARRAY_BYTE = 6  # the price of a byte of an array: its memory is new, written, and read when it has left the caches
BLOCK = 200  # the price of an array whatever its size
SYMBOL = 1000  # what the size of an axis is taken for that is known at run time only
REPEATED, MOVED = 1, 1  # the cost of an element that is repeated or copied


def nbytes(t: Type) -> int:
    """The bytes of a value in memory, blocks that it points to not counted."""
    return sum(x.nbytes if isinstance(x, Scalar) else 16 for x in leaves(t))


def padding(t: Type) -> int:
    """The bytes that an item of a stack has beyond its values: it is a multiple of the largest of them."""
    sizes = [x.nbytes if isinstance(x, Scalar) else 8 for x in leaves(t)]
    return -nbytes(t) % max(sizes, default=1)


@dataclass(slots=True, eq=False)
class Kept(Pair):
    """A forward loop, the reverse loop that consumes its stack, and what is decided for them."""

    around: Kept | None = None  # the pair whose bodies these loops stand in
    wanted: dict[Node, None] = field(default_factory=dict)  # the forward values that the reverse body reads
    stored: list[Node] = field(default_factory=list)
    again: list[Apply] = field(default_factory=list)  # recomputed, in order
    branched: dict[Node, Branched] = field(default_factory=dict)  # of them, results of branches
    counters: dict[Node, tuple[Node, Node]] = field(default_factory=dict)  # recomputed from the number of the trip
    changed: bool = False  # whether that is other than what the program does now


def price(t: Type) -> int:
    """The price of keeping a value of a trip, in units of the cut."""
    total = 0
    for x in leaves(t):
        if isinstance(x, Array):
            total += min(BLOCK + ARRAY_BYTE * x.dtype.nbytes * elements(x), INFINITE >> 8)
        else:
            total += BYTE * max(nbytes(x), WORD)
    return total


def elements(t: Type) -> int:
    """How many numbers a number or array has, about."""
    return math.prod(d if isinstance(d, int) else SYMBOL for d in t.shape) if isinstance(t, Array) else 1


def choose_residuals(module: Module) -> Module:
    """The module with less on its stacks."""
    stacks = Stacks(module)
    found, bare = decided(stacks)
    return Repacked(module, stacks, found, bare).run() if any(p.changed for p in found) else module


def decided(stacks: Stacks) -> tuple[list[Kept], set[Slot]]:
    """The pairs of loops with what is to be stored, inner loops first; and the stacks on which nothing is left."""
    found = _pairs(stacks)
    bare: set[Slot] = set()
    for p in found:  # inner loops first: they may ask the outer ones for more, and stacks of nothing are not stored
        p.wanted = {x: None for x in p.wanted if stacks.find((x, ())) not in bare}
        p.changed = _decide(p, stacks.module.entry)
        if not p.stored and p.forward.fn.name == "for_loop":
            bare.add(stacks.find((p.empty, ())))
    return found, bare


# -- finding ----------------------------------------------------------------------------------------------------------------


def _pairs(stacks: Stacks) -> list[Kept]:
    """The pairs of loops, each with those around it and with what its reverse loop reads; inner loops first."""
    found = find_pairs(stacks, Kept)
    bodies = {p.body: p for p in found}
    for p in found:
        p.wanted = dict.fromkeys(p.item.args[i] for i in p.reads.values())
        p.around = next(
            (
                q
                for g in p.body.path()
                if g is not p.body and (q := bodies.get(g)) is not None and p.reverse_body.within(q.reverse_body)
            ),
            None,
        )
    return found


# -- deciding ---------------------------------------------------------------------------------------------------------------


def _decide(p: Kept, entry: Graph) -> bool:
    """Choose what is stored; False where all stays as it is."""
    body, inner = p.body, p.reverse_body
    index = body.params[0] if p.forward.fn.name == "for_loop" else None

    def lender(x: Node) -> Kept | None:
        """The pair around this one whose reverse body can have x, a value of its forward body."""
        q = p.around
        while q is not None and x.graph is not q.body:
            q = q.around
        return q

    def free(x: Node) -> bool:
        """Whether the reverse loop has x, or can have it once from a loop around it."""
        return (
            x.__class__ is Constant or x is index or (x.graph is not body and (inner.within(x.graph) or lender(x) is not None))
        )

    def cheap(x: Apply) -> float:
        cost = _cost(x, entry)
        return cost if cost <= CHEAP else math.inf

    def again_at(x: Node) -> tuple[float, Sequence[Node]]:
        """What computing x again costs, and from what; an infinite cost where it cannot be."""
        if x in counters:
            return COUNTING, (counters[x][0],)
        if isinstance(x, Apply) and x.graph is body and isinstance(x.type, Array):
            return _array_cost(x), x.args
        if not isinstance(x, Apply) or x.graph is not body or not isinstance(x.type, Scalar):
            return math.inf, ()
        if x not in own and x.fn.elementwise and x.fn.order == "total":
            return ONCE, x.args
        cost = cheap(x)
        if cost < math.inf:
            return cost, x.args
        found = branched(x, cheap)
        if found is None:
            return math.inf, ()
        p.branched[x] = found
        return found.cost, found.reads

    own = own_values(p)
    network = Network()
    source, sink = network.vertex(), network.vertex()
    inside: dict[Node, int] = {}
    outside: dict[Node, int] = {}
    prices: dict[Node, tuple[float, Sequence[Node]]] = {}
    counters = _counters(p, free)
    todo = list(p.wanted)
    while todo:
        x = todo.pop()
        if x in inside or free(x):
            continue
        inside[x], outside[x] = network.vertex(), network.vertex()
        prices[x] = again_at(x)
        todo.extend(prices[x][1])
    for x in inside:
        network.edge(inside[x], outside[x], FINE * price(x.type))
        cost, reads = prices[x]
        network.edge(source, inside[x], int(min(FINE * OPERATION * cost, INFINITE)) if cost < math.inf else INFINITE)
        for a in reads:
            if a in inside:
                network.edge(outside[a], inside[x], INFINITE)
    for x in p.wanted:
        if x in outside:
            network.edge(outside[x], sink, INFINITE)
    side = network.source_side(source, sink)
    stored = {x for x in inside if inside[x] in side and outside[x] not in side}
    again = {x for x in inside if inside[x] not in side}
    needed = _needed(p.wanted, again, prices)
    order = {x: i for i, x in enumerate([*body.params, *body.body])}
    p.stored = sorted((x for x in inside if x in stored and x in needed), key=lambda x: order.get(x, -1))
    p.again = [x for x in body.body if x in again and x in needed]
    p.counters = {x: c for x, c in counters.items() if x in again and x in needed}
    for x in needed:
        if x not in inside and not (x.__class__ is Constant or x is index or inner.within(x.graph)):
            lender(x).wanted[x] = None  # type: ignore[union-attr]
    return len(p.stored) < len(p.item.args) or bool(p.again)


def own_values(p: Kept) -> set[Node]:
    """What the forward loop computes for itself, and not to be stored only."""
    nested = [x for n in p.body.body if n.graphs for g in n.graphs for x in captured(g)]
    out, effects = p.body.output, [n for n in p.body.body if n.fn.order == "effect"]
    found: set[Node] = set()
    todo = [*nested, *effects, *(out.args if isinstance(out, Apply) and out.fn.name == "make_tuple" else (out,))]
    while todo:
        x = todo.pop()
        if x in found or x is p.push or not isinstance(x, Apply) or x.graph is not p.body:
            continue
        found.add(x)
        todo.extend(x.args)
    return found


def _counters(p: Kept, free: Callable[[Node], bool]) -> dict[Node, tuple[Node, Node]]:
    """Integers that each trip changes by a constant, and that start with what the reverse loop has: where, and by how much."""
    first = 1 if p.forward.fn.name == "for_loop" else 0
    found: dict[Node, tuple[Node, Node]] = {}
    states = zip(p.body.params[first:], p.forward.args[first:], state_of(p.body, p.forward.fn.name), strict=True)
    for x, start, new in states:
        if (
            isinstance(new, Apply)
            and new.fn.name == "add"
            and new.args[0] is x
            and isinstance(x.type, Scalar)
            and x.type.kind == "i"
        ):
            step = new.args[1]
            if step.__class__ is Constant and free(start):
                found[x] = start, step
    return found


def _cost(x: Apply, entry: Graph) -> float:
    """What it costs to compute a number again; infinite where it cannot be."""
    if x.fn.name == "index":
        # once a call, an array that lives on until the reverse loop may have to be copied; in a loop, each trip would
        return x.fn.cost if x.args[0].graph is entry else math.inf
    if not x.fn.elementwise:
        return math.inf
    if x.fn.order == "total":
        return x.fn.cost
    by = x.args[-1]  # a branch may not have checked it
    whole = x.fn.name in ("floordiv", "mod") and kind_of(by) == "i" and is_constant(by) and not is_constant(by, 0)
    return WHOLE_DIVISION if whole else math.inf


def _array_cost(x: Apply) -> float:
    """What it costs to compute an array again; infinite where it cannot be. Functions of the C library may be repeated: the
    price of keeping their results decides."""
    n = elements(x.type)
    if x.fn.name == "broadcast":
        return REPEATED * n
    if x.fn.name == "slice":  # only of what has few elements more: the array below is kept for it
        of = x.args[0].type
        alike = all(isinstance(Dim.of(d) - e, int) for d, e in zip(of.shape, x.type.shape, strict=True))  # type: ignore[attr-defined]
        return MOVED * n if alike and 2 * n >= elements(of) else math.inf
    if not x.fn.elementwise or x.fn.order != "total":
        return math.inf
    return x.fn.cost * n


def _needed(wanted: Iterable[Node], again: set[Node], prices: dict[Node, tuple[float, Sequence[Node]]]) -> set[Node]:
    out: set[Node] = set()
    todo = list(wanted)
    while todo:
        x = todo.pop()
        if x in out:
            continue
        out.add(x)
        if x in again:
            todo.extend(prices[x][1])
    return out


# -- rewriting --------------------------------------------------------------------------------------------------------------


def called_as(new: Node, old: Node) -> Node:
    """A value that stands for an old one has its name."""
    if new.__class__ is Apply and new.name is None:
        new.name = old.name
    return new


class Repacked(Rebuild):
    """The module whose pairs of loops store what was decided."""

    def __init__(self, module: Module, stacks: Stacks, pairs: list[Kept], bare: set[Slot]) -> None:
        super().__init__(module)
        self.slots, self.bare = stacks, bare
        self.by_push = {p.push: p for p in pairs}
        self.by_empty = {p.empty: p for p in pairs}
        self.by_pop = {p.pop: p for p in pairs}
        self.by_slot = {stacks.find((p.empty, ())): p for p in pairs}
        self.reads = {read: p for p in pairs for read in p.reads}
        self.found: dict[int, dict[Node, Node]] = {}  # id of a pair -> forward values in its reverse body

    def item_type(self, p: Kept) -> Type:
        return Tuple(self.retype(x, (), x.type) for x in p.stored)

    def retype(self, x: Node, path: Path, t: Type) -> Type:
        """The new type of the part of an old value at `path`, of old type t: stacks in it may hold other items."""
        if isinstance(t, Struct):
            items = [self.retype(x, (*path, i), u) for i, u in enumerate(t.items)]
            return t if all(a is b for a, b in zip(items, t.items, strict=True)) else Tuple(items)
        if isinstance(t, Stack):
            p = self.by_slot.get(self.slots.find((x, path)))
            return Stack(self.item_type(p) if p is not None else self.retype(x, (*path, "*"), t.item))
        return t

    def parameter_type(self, p: Parameter) -> Type:
        return self.retype(p, (), p.type)

    def plain(self, node: Apply) -> None:
        b = self.b
        b.adjoint = node.adjoint
        if node in self.by_push:
            p = self.by_push[node]
            stack = self.get(node.args[0])
            keeps = p.stored or p.forward.fn.name == "while_loop"
            self.bind(node, b.push(stack, b.make_tuple(*map(self.get, p.stored))) if keeps else stack)
        elif node.fn.name == "empty_stack":
            t = self.retype(node, (), node.type)
            assert isinstance(t, Stack)
            self.bind(node, b.empty_stack(of=t.item))
        elif node in self.by_pop:
            self.pop(node)
        elif node.fn.name == "make_tuple" and any(is_undef(a) for a in node.args):
            args = [b.undef(self.retype(node, (i,), a.type)) if is_undef(a) else self.get(a) for i, a in enumerate(node.args)]
            self.bind(node, b.make_tuple(*args))
        elif node in self.reads:
            p = self.reads[node]
            x = p.item.args[p.reads[node]]
            self.bind(node, b.empty_stack(of=UNIT) if self.slots.find((x, ())) in self.bare else self.value(p, x))
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
                known[x] = called_as(b.getitem(item, index=k), x)
        else:
            rest = stack
        # The popped tuple itself is read by nobody else.
        self.split(node, [None, rest])
        if p.forward.fn.name == "for_loop":
            trips, j = self.get(p.reverse.args[0]), self.get(p.reverse_body.params[0])
            known[p.body.params[0]] = b.sub(b.sub(trips, literal(1)), j)
        for x, (start, step) in p.counters.items():
            trips, j = self.get(p.reverse.args[0]), self.get(p.reverse_body.params[0])
            trip = b.sub(b.sub(trips, literal(1)), j)
            known[x] = called_as(b.add(self.value(p, start), b.mul(trip, step)), x)
        for x in p.again:
            b.span, b.adjoint = x.span, x.adjoint
            if x in p.branched:
                new = p.branched[x].emit(b, lambda a: self.value(p, a))
            else:
                new = b.apply(x.fn, [self.value(p, a) for a in x.args], x.static)
            known[x] = called_as(new, x)
        b.span = node.span

    def value(self, p: Kept, x: Node) -> Node:
        """A value of the forward body, or of what is around it, in the reverse body."""
        q: Kept | None = p
        while q is not None:
            known = self.found[id(q)]
            if x in known:
                return known[x]
            q = q.around
        return self.get(x)
