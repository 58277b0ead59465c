"""Arrays that a loop carries and writes over: what a trip finds in them nobody reads, so no trip hands them to the next.

    graph @loop(%i: int, %y: f64[3], %t: f64) {             graph @loop(%i: int, %t: f64) {
                                                              %z: f64[3] = zeros(of=f64[3]);
      %u: f64[3] = for_loop(3, @fill, %y);           =>       %u: f64[3] = for_loop(3, @fill, %z);
      ... reads %u ...                                        ... reads %u ...
      return %u, ...;                                         return ...;
    }                                                       }

A cotangent of which each trip reads an element of its own, and then clears it, is read as it was before the loop.

It is done before derivatives are taken: a state is carried backwards too, as a cotangent. What is read after the loop stays
carried, since a new array in each trip would then outlive its trip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, all_graphs, run
from irad.nests.trips import own_places
from irad.optimize.demand import Demand, demand, state_of
from irad.optimize.rebuild import Rebuild
from irad.types import Array

__all__ = ["allocate_scratch"]

ALL = "all"
Written = Any  # ALL, or the set of the places that are known to be written
LOOPS = frozenset({"for_loop", "while_loop"})


def allocate_scratch(module: Module) -> Module:
    """The module in which each trip makes the arrays that it writes over; the same module where there are none."""
    arrays = list(_arrays(module))
    uses = _Uses(module) if arrays else None
    dead: dict[Node, Node | None] = {}  # the array in its place, None for a new one
    for loop, k, p in arrays:
        assert uses is not None
        if run(uses.writes_over(loop, k)):
            dead[p] = None
        elif uses.reads_before(loop, k):
            dead[p] = loop.args[1 + k]
    if not dead:
        return module
    needed = demand(module, dead)
    scratch = {p: dead[p] for loop, k, p in arrays if p in dead and p in needed.params and not needed.needs(loop, k)}
    return _Scratch(module, needed, scratch).run() if scratch else module


def _arrays(module: Module) -> Iterator[tuple[Apply, int, Node]]:
    """The loops' states that are arrays of known shape: the loop, the number of the state, the parameter."""
    for g in all_graphs(module):
        for node in g.body:
            if node.fn.name in LOOPS:
                first = 1 if node.fn.name == "for_loop" else 0
                for k, p in enumerate(node.graphs[0].params[first:]):
                    if isinstance(p.type, Array) and p.type.static_shape is not None:
                        yield node, k, p


class _Scratch(Rebuild):
    def __init__(self, module: Module, needed: Demand, scratch: Mapping[Node, Node | None]) -> None:
        super().__init__(module, demand=needed)
        self.scratch = scratch

    def body(self, old: Graph) -> Task:
        for p in old.params:
            if p in self.scratch:
                self.b.span, same = p.span, self.scratch[p]
                self.bind(p, self.b.zeros(of=p.type) if same is None else self.get(same))
        yield super().body(old)


class _Uses:
    """Who uses what in a module, and whether loops write over their arrays."""

    def __init__(self, module: Module) -> None:
        self.users: dict[Node, list[Apply]] = {}
        self.outputs: dict[Node, list[Graph]] = {}
        self.tuples: set[Node] = set()  # what loops hand on
        for g in all_graphs(module):
            self.outputs.setdefault(g.output, []).append(g)
            for node in g.body:
                for a in dict.fromkeys(node.args):
                    self.users.setdefault(a, []).append(node)
                if node.fn.name in LOOPS:
                    count = len(node.graphs[0].params) - (node.fn.name == "for_loop")
                    out = node.graphs[0].output
                    if node.fn.name == "while_loop":
                        self.tuples.add(out)
                        out = out.args[1]  # type: ignore[attr-defined]
                    if count > 1:
                        self.tuples.add(out)

    def reads_before(self, loop: Apply, k: int) -> bool:
        """Whether each trip reads array k of the state at an element of its own only, and then writes there."""
        (body,) = loop.graphs
        if loop.fn.name != "for_loop":
            return False
        p, s = body.params[1 + k], state_of(body, "for_loop")[k]
        if not (isinstance(s, Apply) and s.fn.name == "index_update" and s.graph is body and s.args[0] is p):
            return False
        reads = [n for n in self.users[p] if n is not s]
        return (
            all(n.fn.name == "index" and n.graph is body and n.args[1:] == s.args[2:] for n in reads)
            and self.handed_on_only(s, body)
            and own_places(loop, s.args[2:], p.type)  # type: ignore[arg-type]
        )

    def handed_on_only(self, x: Node, body: Graph) -> bool:
        """Whether a loop's body only hands x on."""
        return all(n in self.tuples for n in self.users.get(x, ())) and all(g is body for g in self.outputs.get(x, ()))

    def writes_over(self, loop: Apply, k: int) -> Task:
        """Whether no trip reads what it finds in array k of its state."""
        return (yield self.after_trip(loop, k, {}, frozenset())) == ALL

    def after_trip(self, loop: Apply, k: int, at: Mapping[int, Node], before: Written) -> Task:
        """What is written of state k after any trip that begins with `before`, where `at` fixes the indices along some axes.
        None where the trip reads what may not be written, or hands it on elsewhere."""
        (body,) = loop.graphs
        first = 1 if loop.fn.name == "for_loop" else 0
        written: dict[Node, Written] = yield self.follow(body, body.params[first + k], at, before)
        if written is None:
            return None
        for m, s in enumerate(state_of(body, loop.fn.name)):
            if m != k and s in written and (at or written[s] != ALL):
                return None
        return written.get(state_of(body, loop.fn.name)[k], ALL)  # another array: all of it is known

    def follow(self, graph: Graph, start: Node, at: Mapping[int, Node], before: Written) -> Task:
        """What is written of each version of an array that is updated in a graph; None where what is not written is read."""
        shape = start.type.shape  # type: ignore[attr-defined]
        size = math.prod(d for axis, d in enumerate(shape) if axis not in at)
        written: dict[Node, Written] = {start: before}
        todo = [start]
        while todo:
            x = todo.pop()
            known, whole = written[x], written[x] == ALL and not at
            if any(g is not graph for g in self.outputs.get(x, ())) and not whole:
                return None
            for node in self.users.get(x, ()):
                name = node.fn.name
                if node in self.tuples and node.graph is graph:
                    continue
                if whole:
                    continue  # it is read, or updated: all of it is known
                if name in ("index", "index_add") and node.args[0] is x:
                    place = _place(node.args[1 if name == "index" else 2 :], at, shape)
                    if place is None or not (known == ALL or place in known):
                        return None
                    if name == "index":
                        continue
                    after = known
                elif node.graph is not graph:
                    return None
                elif name == "index_update":
                    place = _place(node.args[2:], at, shape)
                    after = known
                    if known != ALL and place is not None and ALL not in place:
                        after = known | {place}
                        after = ALL if len(after) == size else after
                elif name in LOOPS:
                    after = yield self.after_loop(node, x, at, known)
                    if after is None:
                        return None
                    if isinstance(node.graphs[0].output, Apply) and len(state_of(node.graphs[0], name)) > 1:
                        k = node.args.index(x) - (1 if name == "for_loop" else 0)
                        parts = [n for n in self.users.get(node, ()) if n.fn.name == "getitem" and n.static[0] == k]
                        if any(n.fn.name != "getitem" or n.graph is not graph for n in self.users.get(node, ())):
                            return None
                        written |= dict.fromkeys(parts, after)
                        todo += parts
                        continue
                else:
                    return None
                written[node] = after
                todo.append(node)
        return written

    def after_loop(self, loop: Apply, x: Node, at: Mapping[int, Node], known: Written) -> Task:
        """What is written of an array after a loop that carries it, by one axis a trip or otherwise; None as in `follow`."""
        if loop.args.count(x) != 1:
            return None
        k = loop.args.index(x)
        trips = None
        if loop.fn.name == "for_loop":
            k -= 1
            n = loop.args[0]
            trips = n.value if isinstance(n, Constant) else None
            for axis, d in enumerate(x.type.shape):  # type: ignore[attr-defined]
                if known != ALL and axis not in at and trips == d:
                    index = loop.graphs[0].params[0]
                    if (yield self.after_trip(loop, k, {**at, axis: index}, frozenset())) == ALL:
                        return ALL
        after = yield self.after_trip(loop, k, at, known)
        runs = loop.fn.name == "while_loop" or (trips is not None and trips > 0)
        return after if runs or after is None else known


def _place(indices: tuple[Node, ...], at: Mapping[int, Node], shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """The indices along the axes that are not fixed (ALL for one that is not known); None where those that are differ."""
    if any(indices[axis] is not i for axis, i in at.items()):
        return None
    free = [(i, d) for axis, (i, d) in enumerate(zip(indices, shape, strict=True)) if axis not in at]
    return tuple(int(i.value) % d if isinstance(i, Constant) else ALL for i, d in free)
