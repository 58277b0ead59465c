"""Stacks of known size become arrays.

    %1 = for_loop(25, @loop, %empty)     @loop(i, stack):   push(stack, (x, b))
    %2 = for_loop(25, @loop_1, 0.0, %1)  @loop_1(j, stack): (x, b), stack = pop(stack)
    =>
    %1 = for_loop(25, @loop, %xs, %bs)   @loop(i, xs, bs):  index_update(xs, x, i), index_update(bs, b, i)
    %2 = for_loop(25, @loop_1, 0.0)      @loop_1(j):        index(xs, 24 - j), index(bs, 24 - j)

A stack that is itself pushed once a trip is an array with one axis more, which the inner loop writes in place. So loops inside
other loops allocate no blocks of their own, and their trips are independent where only the stack made them wait. Loops that
are not inside others and have many trips keep their stack, which costs them nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from irad.graph.build import is_constant, literal
from irad.graph.nodes import Apply, Graph, Module, Node, Parameter
from irad.graph.walk import all_graphs
from irad.optimize.pairs import Pair, find_pairs
from irad.optimize.rebuild import Rebuild, is_undef
from irad.optimize.slots import Path, Slot
from irad.optimize.stacks import Stacks, stack_paths
from irad.types import Array, Scalar, Stack, Struct, Tuple, Type

__all__ = ["stacks_to_arrays"]

INSIDE = 2**15  # elements of the arrays of one pair of loops inside of others
ALONE = 2**12  # and of one that runs once


@dataclass(slots=True, eq=False)
class _Pair(Pair):
    around: _Pair | None = None  # the pair in whose items this stack is
    fields: list[_Pair | None] = field(default_factory=list)  # of each item: the pair whose stack it is; None for a number

    @property
    def trips(self) -> int:
        return self.forward.args[0].value  # type: ignore[attr-defined,no-any-return]

    def path(self) -> list[_Pair]:
        """The pairs around this one, outermost first, and itself."""
        return [*(self.around.path() if self.around is not None else ()), self]

    def arrays(self) -> list[Type]:
        """The types of the arrays in the place of the stack."""
        shape = tuple(p.trips for p in self.path())
        return [
            t
            for x, inner in zip(self.item.args, self.fields, strict=True)
            for t in ([Array(x.type.strong, shape)] if inner is None else inner.arrays())  # type: ignore[attr-defined]
        ]


def stacks_to_arrays(module: Module) -> Module:
    """The module with arrays in the place of the stacks of short loops whose trips are known."""
    if not any(n.fn.name == "push" for g in all_graphs(module) for n in g.body):
        return module
    stacks = Stacks(module)
    found = _chosen(stacks)
    return _Unstack(module, stacks, found).run() if found else module


# -- finding ----------------------------------------------------------------------------------------------------------------


def _chosen(stacks: Stacks) -> dict[Slot, _Pair]:
    """The pairs whose stacks become arrays, by the classes of these."""
    found = {stacks.find((p.empty, ())): p for p in find_pairs(stacks, _Pair) if _counted(p, stacks)}
    inside = _packed(stacks)
    for p in found.values():
        for x in p.item.args:
            p.fields.append(found.get(stacks.find((x, ()))) if isinstance(x.type, Stack) else None)
        for q in p.fields:
            if q is not None and q.body.within(p.body) and q.reverse_body.within(p.reverse_body):
                q.around = p
    good = set(found.values())
    before = -1
    while len(good) != before:  # a stack needs those around it and those in it
        before = len(good)
        for slot, p in found.items():
            parts = zip(p.item.args, p.fields, strict=True)
            whole = all(q in good and q.around is p if isinstance(x.type, Stack) else q is None for x, q in parts)
            placed = p.around in good if p.around is not None else slot not in inside
            if not (whole and placed and len(set(p.fields) - {None}) == sum(q is not None for q in p.fields)):
                good.discard(p)
    roots = {p: _size(p) <= (INSIDE if p.forward.graph.role == "loop" else ALONE) for p in good if p.around is None}
    return {slot: p for slot, p in found.items() if p in good and roots[p.path()[0]]}


def _counted(p: _Pair, stacks: Stacks) -> bool:
    """Whether the loops have one known number of trips, and the items are numbers and stacks."""
    trips = [loop.args[0] if loop.fn.name == "for_loop" else None for loop in (p.forward, p.reverse)]
    known = all(n is not None and is_constant(n) for n in trips) and trips[0].value == trips[1].value  # type: ignore[union-attr]
    return (
        known
        and trips[0].value > 0  # type: ignore[union-attr]
        and len(p.item.args) > 0
        and stacks.uses.get(p.item, []) == [(p.push, 1)]
        and all(isinstance(x.type, (Scalar, Stack)) for x in p.item.args)
    )


def _packed(stacks: Stacks) -> set[Slot]:
    """The classes of stacks that stand in items of stacks, or in tuples that loops and branches hand on as one value."""
    out: set[Slot] = set()
    for g in all_graphs(stacks.module):
        for x in (*g.params, *g.body):
            if isinstance(x, Apply) and x.fn.name == "push":
                out.update(stacks.find((x.args[1], p)) for p in stack_paths(x.args[1].type))
            elif isinstance(x, Parameter) and isinstance(x.type, Struct):
                out.update(stacks.find((x, p)) for p in stack_paths(x.type))
            elif isinstance(x, Apply) and x.graphs and isinstance(x.type, Struct):
                several = [i for i, t in enumerate(x.type.items) if isinstance(t, Struct)]
                out.update(stacks.find((x, (i, *p))) for i in several for p in stack_paths(x.type.items[i]))
    return out


def _size(p: _Pair) -> int:
    return sum(math.prod(t.shape) for t in p.arrays())  # type: ignore[attr-defined, misc]


# -- rewriting --------------------------------------------------------------------------------------------------------------


class _Unstack(Rebuild):
    """The value of a stack is the tuple of its arrays."""

    def __init__(self, module: Module, stacks: Stacks, found: dict[Slot, _Pair]) -> None:
        super().__init__(module)
        self.slots, self.found = stacks, found
        self.by_push = {p.push: p for p in found.values()}
        self.by_pop = {p.pop: p for p in found.values()}
        self.empties = {p.empty for p in found.values()}
        self.items = {p.item for p in found.values()}
        self.popped = {p.pop.args[0] for p in found.values()}

    def pair(self, of: Node | Graph, path: Path, t: Type) -> _Pair | None:
        """The pair whose stack the part of a value is, of type t."""
        return self.found.get(self.slots.find((of, path))) if isinstance(t, Stack) else None

    def handed(self, x: Node, to: Node | Graph, path: Path = ()) -> Node:
        p = self.pair(to, path, x.type)
        return super().handed(x, to, path) if p is None else self.arrays(x, p)

    def fitted(self, new: Node, x: Node, px: Path, to: Node | Graph, path: Path) -> Node:
        p = self.pair(to, path, new.type) if is_undef(new) else None
        return new if p is None else self.arrays(new, p)

    def arrays(self, x: Node, p: _Pair) -> Node:
        """The arrays for a stack of this pair: where it is empty or absent, those that the loop around it has."""
        b = self.b
        if x not in self.empties and not is_undef(x):
            return self.get(x)
        if p.around is None:
            return b.undef(Tuple(p.arrays())) if is_undef(x) else b.make_tuple(*[b.zeros(of=t) for t in p.arrays()])
        first = sum(1 if q is None else len(q.arrays()) for q in p.around.fields[: p.around.fields.index(p)])
        around = self.taken_apart(self.get(p.around.push.args[0]))
        return b.make_tuple(*around[first : first + len(p.arrays())])

    def taken_apart(self, new: Node) -> list[Node]:
        count = len(new.type.items)  # type: ignore[attr-defined]
        if is_undef(new):
            return [self.b.undef(t) for t in new.type.items]  # type: ignore[attr-defined]
        return [self.b.getitem(new, index=i) for i in range(count)]

    def parameter(self, graph: Graph, p: Parameter) -> Node:
        pair = self.pair(p, (), p.type)
        if pair is None:
            return super().parameter(graph, p)
        made = [self.b.parameter(graph, t, "kept") for t in pair.arrays()]
        for q in made:
            q.span = p.span or q.span
        return self.b.make_tuple(*made)

    def spread(self, new: Node, of: Node, path: Path = ()) -> list[Node]:
        return self.taken_apart(new) if self.is_spread(of, path) else [new]

    def gathered(self, values: list[Node], of: Node, path: Path = ()) -> Node:
        return self.b.make_tuple(*values) if self.is_spread(of, path) else values[0]

    def is_spread(self, of: Node, path: Path) -> bool:
        t = of.type
        for k in path:
            t = t.items[k]  # type: ignore[attr-defined]
        return self.pair(of, path, t) is not None

    def stays(self, p: Parameter, state: Node, init: Node) -> bool:
        return p in self.popped or super().stays(p, state, init)

    def plain(self, node: Apply) -> None:
        b = self.b
        if node in self.by_push:
            self.push(node, self.by_push[node])
        elif node in self.by_pop:
            p = self.by_pop[node]
            stack = self.get(node.args[0])
            where = [b.sub(literal(q.trips - 1), self.get(q.reverse_body.params[0])) for q in p.path()]
            feed = iter(self.taken_apart(stack))
            fields = [
                b.index(next(feed), *where) if q is None else b.make_tuple(*[next(feed) for _ in q.arrays()]) for q in p.fields
            ]
            self.split(node, [b.make_tuple(*fields), stack])
        elif node.fn.name == "make_tuple" and node not in self.items and any(isinstance(a.type, Stack) for a in node.args):
            self.bind(node, b.make_tuple(*[self.handed(a, node, (i,)) for i, a in enumerate(node.args)]))
        elif node not in self.items and node not in self.empties:
            super().plain(node)

    def push(self, node: Apply, p: _Pair) -> None:
        """Write the numbers of an item at the place of this trip."""
        b = self.b
        b.adjoint = False
        where = [self.get(q.body.params[0]) for q in p.path()]
        feed = iter(self.taken_apart(self.get(node.args[0])))
        out: list[Node] = []
        for x, q in zip(p.item.args, p.fields, strict=True):
            old = [next(feed) for _ in (q.arrays() if q is not None else (0,))]
            out += [b.index_update(old[0], self.get(x), *where)] if q is None else self.taken_apart(self.arrays(x, q))
        self.bind(node, b.make_tuple(*out))
