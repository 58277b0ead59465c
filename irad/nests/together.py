"""Loops of which several trips can run at once, with the loops inside of them: trips share only what they add to.

    for i in range(n):                              y: each trip's own; total and g: what all trips add to
        y = zeros(3)
        for j in range(3): y[j] = w[j] * x[i, j]
        for j in range(3): g[j] += y[j] * x[i, j]
        total += y[0]

All trips go the same way: numbers of trips, tests and places in arrays are the same in all of them, but for the places in
arrays from outside and in those of which each trip has elements of its own. What a trip says must be true is found out for
several at once, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import nested_graphs
from irad.nests.trips import WRITES, Affine, Indices, is_apart, is_number, is_test
from irad.types import Array, Scalar, Struct

__all__ = ["Carried", "Own", "Root", "Sum", "Together", "are_alike", "outputs", "sides", "trips_together"]

DEEPEST = 12  # loops within loops
LARGEST = 1 << 14  # elements of an array that each trip has for itself


@dataclass(slots=True, eq=False)
class Own:
    """An array that each trip has for itself: a new one, or a copy. `varies`: the trips' elements differ."""

    node: Node
    copied: Node | None
    varies: bool = False


@dataclass(slots=True, eq=False)
class Carried:
    """An array that the loop carries. `apart`: each trip has elements of its own; else all trips only add to it."""

    state: int
    accesses: list[Apply] = field(default_factory=list)
    apart: bool = False


@dataclass(slots=True)
class Sum:
    """A number that the loop carries, and what adds to it. `ordered`: in the order of the trips."""

    state: int
    adds: list[Apply]
    ordered: bool


Root = Own | Carried


class _Apart(Exception):
    """The trips of this loop may not run at once, as far as is known."""


@dataclass(slots=True)
class Together:
    """What is known of a loop's trips. `roots`: the memory of each version of an array that is not from outside."""

    loop: Apply
    varying: set[Node]
    roots: dict[Node, Root]
    places: dict[Apply, tuple[Affine, ...]]
    carried: dict[int, Carried]
    sums: dict[int, Sum]
    tests: list[Apply]

    @property
    def body(self) -> Graph:
        return self.loop.graphs[0]


def trips_together(loop: Apply, *, reorder: bool) -> Together | None:
    """What is known of a loop whose trips can run at once; None where they may not. `reorder`: numbers of the primal, too,
    may be summed up in another order."""
    try:
        return _Analysis(loop, reorder).run()
    except _Apart:
        return None


class _Analysis:
    def __init__(self, loop: Apply, reorder: bool) -> None:
        self.loop, self.reorder = loop, reorder
        (self.body,) = loop.graphs
        self.varying: set[Node] = set(self.body.params[:1])
        self.wide: set[tuple[Apply, int]] = set()  # results of loops inside that are numbers and vary
        self.owns: dict[Node, Own] = {}
        self.users: dict[Node, list[Apply]] = {}
        self.loops: dict[Node, Node] = {}  # the index of a loop inside -> the number of its trips
        for g in nested_graphs(self.body):
            for node in g.body:
                for a in node.args:
                    self.users.setdefault(a, []).append(node)
        self.sums = {k: self.sum_of(k) for k, p in enumerate(self.body.params[1:]) if not isinstance(p.type, Array)}
        self.summing = {n for s in self.sums.values() for n in s.adds}

    def run(self) -> Together:
        while True:
            known = len(self.varying), sum(o.varies for o in self.owns.values())
            self.once()
            if known == (len(self.varying), sum(o.varies for o in self.owns.values())):
                break
        for c in self.carried.values():
            writes = any(n.fn.name in WRITES for n in c.accesses)
            c.apart = not writes or is_apart([self.places[n] for n in c.accesses])
            if not c.apart and not all(map(self.only_adds, c.accesses)):
                raise _Apart
        if any(t.graph is not self.body for t in self.tests) and not are_alike(self.tests):
            raise _Apart
        return Together(self.loop, self.varying, self.roots, self.places, self.carried, self.sums, self.tests)

    def only_adds(self, node: Apply) -> bool:
        free = node.adjoint or self.reorder
        return free and node.fn.name == "index_add" and not any(p.step for p in self.places[node])

    def once(self) -> None:
        """Go through the body in the order in which it runs."""
        self.roots: dict[Node, Root] = {}
        self.current: dict[Root, object] = {}  # the version of an array that its memory holds
        self.places: dict[Apply, tuple[Affine, ...]] = {}
        self.results: dict[Apply, list[Root | None]] = {}
        self.carried: dict[int, Carried] = {}
        self.tests: list[Apply] = []
        self.indices = Indices(self.body.params[0], lambda i: i not in self.varying)
        for k, p in enumerate(self.body.params[1:]):
            if isinstance(p.type, Array):
                root = self.carried[k] = Carried(k)
                self.roots[p], self.current[root] = root, p
            else:
                self.varying.add(p)
        self.graph(self.body, 0)
        for k, root in self.carried.items():
            self.ends(root, outputs(self.loop)[k])

    # -- numbers that the loop carries -------------------------------------------------------------------------------------

    def sum_of(self, k: int) -> Sum:
        adds: list[Apply] = []
        t = self.body.params[1 + k].type
        if not isinstance(t, Scalar) or t.kind == "b":
            raise _Apart
        self.follow(self.body, k, adds)
        free = t.kind == "i" or all(n.adjoint or self.reorder for n in adds)
        if not free and (len(adds) > 1 or adds[0].graph is not self.body):
            raise _Apart
        return Sum(k, adds, not free)

    def follow(self, g: Graph, k: int, adds: list[Apply]) -> None:
        """The additions through which a number that a loop carries goes in one trip, in order; nothing else reads it."""
        made = g.output.args if len(g.params) > 2 else (g.output,)  # type: ignore[attr-defined]
        node: Node = g.params[1 + k]
        while True:
            users = self.users.get(node, [])
            if node is made[k] and all(n is g.output and len(g.params) > 2 for n in users) and len(users) < 2 and adds:
                return
            if len(users) != 1 or users[0].graph is not g:
                raise _Apart
            (user,) = users
            if user.fn.name == "add":
                adds.append(user)
                node = user
            elif user.fn.name == "for_loop" and user.args[0] is not node:
                inner = user.args[1:].index(node)
                self.follow(user.graphs[0], inner, adds)
                found: list[Node] = [user] if len(user.args) == 2 else [u for u in self.users[user] if u.static[0] == inner]
                if len(found) != 1:
                    raise _Apart
                (node,) = found
            else:
                raise _Apart

    # -- a graph -----------------------------------------------------------------------------------------------------------

    def graph(self, g: Graph, depth: int) -> None:
        if depth > DEEPEST:
            raise _Apart
        for node in g.body:
            name = node.fn.name
            if name == "make_tuple":
                if node is not g.output:
                    raise _Apart
            elif name == "getitem":
                self.getitem(node)
            elif name == "for_loop":
                self.for_loop(node, depth)
            elif name == "cond":
                self.cond(node, depth)
            elif name == "index" or name in WRITES:
                self.access(node)
            elif name in ("zeros", "array"):
                self.roots[node] = root = self.own(node, None)
                self.current[root] = node
                root.varies |= any(a in self.varying for a in node.args)
            elif is_test(node):
                self.tests.append(node)
            else:
                self.number(node)

    def number(self, node: Apply) -> None:
        if node.graphs or not all(isinstance(n.type, Scalar) for n in (node, *node.args)):
            raise _Apart
        if not node.fn.elementwise or not callable(node.fn.llvm):
            raise _Apart
        if any(a in self.varying for a in node.args):
            if not is_number(node):
                raise _Apart
            self.varying.add(node)
            self.indices.note(node)

    def cond(self, node: Apply, depth: int) -> None:
        """A choice whose sides can both be run: they only compute, and cannot fail."""
        for g, made in zip(node.graphs, sides(node), strict=True):
            if g.parent is not node.graph or not all(isinstance(n.type, Scalar) for n in made):
                raise _Apart
            for n in g.body:
                safe = is_number(n) if n.fn.name not in ("index", "cond", "getitem", "make_tuple") else True
                if not safe or (n.fn.name == "index" and not self.is_inside(n)):
                    raise _Apart
            self.graph(g, depth + 1)
        test = node.args[0] in self.varying
        results = list(zip(*sides(node), strict=True))
        self.results[node] = [None] * len(results)
        for k, pair in enumerate(results):
            if test or any(n in self.varying for n in pair):
                self.wide.add((node, k))
        if isinstance(node.type, Scalar) and (node, 0) in self.wide:
            self.varying.add(node)

    def is_inside(self, access: Apply) -> bool:
        """Whether a read is known to be inside of its array, but for places that move, which are seen to before the loop."""
        x, *where = access.args
        for i, d in zip(where, x.type.shape, strict=True):  # type: ignore[attr-defined]
            found = self.indices.place(i)
            if found is not None and found.step:
                continue
            low, high = self.range_of(i)
            if not isinstance(d, int) or low < 0 or high >= d:
                return False
        return True

    def range_of(self, i: Node, steps: int = 6) -> tuple[float, float]:
        """The least and the greatest that an integer can be, as far as so many steps back show."""
        if isinstance(i, Constant):
            return i.value, i.value
        if isinstance(i, Parameter):
            loop = self.loops.get(i)
            return (0, loop.value - 1) if isinstance(loop, Constant) else (-math.inf, math.inf)
        if steps and isinstance(i, Apply) and i.fn.name in ("add", "sub"):
            (a, b), (c, d) = (self.range_of(x, steps - 1) for x in i.args)
            return (a + c, b + d) if i.fn.name == "add" else (a - d, b - c)
        return -math.inf, math.inf

    def own(self, node: Node, copied: Node | None) -> Own:
        shape = node.type.static_shape  # type: ignore[attr-defined]
        if shape is None or not 0 < math.prod(shape) <= LARGEST:
            raise _Apart
        return self.owns.setdefault(node, Own(node, copied))

    def access(self, node: Apply) -> None:
        places = self.indices.places(node)
        if places is None:
            raise _Apart
        self.places[node] = places
        x, writes, moves = node.args[0], node.fn.name in WRITES, any(p.step for p in places)
        root = self.roots.get(x)
        if root is None:
            if writes:
                raise _Apart
            if moves:
                self.varying.add(node)
            return
        if self.current.get(root) != self.version(x):
            raise _Apart
        if isinstance(root, Own):
            if moves:
                raise _Apart
            if writes:
                root.varies |= node.args[1] in self.varying
            elif root.varies:
                self.varying.add(node)
        else:
            root.accesses.append(node)
            if not writes:
                self.varying.add(node)
        if writes:
            self.roots[node] = root
            self.current[root] = node

    # -- loops inside ------------------------------------------------------------------------------------------------------

    def for_loop(self, loop: Apply, depth: int) -> None:
        (body,) = loop.graphs
        if loop.args[0] in self.varying or body.parent is not loop.graph:
            raise _Apart
        self.loops[body.params[0]] = loop.args[0]
        taken: dict[int, Root] = {}
        for k, (a, p) in enumerate(zip(loop.args[1:], body.params[1:], strict=True)):
            if isinstance(p.type, Array):
                root = taken[k] = self.taken(a, p, loop)
                self.roots[p], self.current[root] = root, p
            elif not isinstance(p.type, Scalar):
                raise _Apart
            elif a in self.varying:
                self.varying.add(p)
        self.graph(body, depth + 1)
        results: list[Root | None] = []
        for k, (out, p) in enumerate(zip(outputs(loop), body.params[1:], strict=True)):
            root_of = taken.get(k)
            if root_of is not None:
                self.ends(root_of, out)
                self.current[root_of] = (loop, k)
            elif out in self.varying or p in self.varying:
                self.varying.add(p)
                self.wide.add((loop, k))
            results.append(root_of)
        self.results[loop] = results
        if len(results) == 1:
            if results[0] is not None:
                self.roots[loop] = results[0]
            elif (loop, 0) in self.wide:
                self.varying.add(loop)

    def getitem(self, node: Apply) -> None:
        loop, k = node.args[0], node.static[0]
        if loop not in self.results:
            raise _Apart
        root = self.results[loop][k]
        if root is not None:
            self.roots[node] = root
        elif (loop, k) in self.wide:
            self.varying.add(node)

    def taken(self, a: Node, p: Node, loop: Apply) -> Root:
        """The memory in which a loop has an array that it is given: its own, where it comes from outside of the trip or is
        made once for several of the loop's runs."""
        root = self.roots.get(a)
        if root is not None and self.current.get(root) != self.version(a):
            raise _Apart
        if root is not None and a.graph is loop.graph:
            return root
        if isinstance(root, Carried):
            raise _Apart
        own = self.own(p, a)
        own.varies |= isinstance(root, Own) and root.varies
        return own

    def version(self, x: Node) -> object:
        """What stands for a version of an array: of a result of a loop, which result."""
        if isinstance(x, Apply) and x.fn.name == "getitem":
            return x.args[0], x.static[0]
        return (x, 0) if isinstance(x, Apply) and x.fn.name == "for_loop" else x

    def ends(self, root: Root, out: Node) -> None:
        """What a loop hands on must be the last version."""
        if self.roots.get(out) is not root or self.current.get(root) != self.version(out):
            raise _Apart


def outputs(loop: Apply) -> tuple[Node, ...]:
    """What a loop's trip hands on to the next."""
    (body,) = loop.graphs
    return _made(body, len(body.params) > 2) if len(body.params) > 1 else ()


def are_alike(tests: list[Apply]) -> bool:
    """Whether tests fail in one and the same way."""
    return len({(t.static, t.span) for t in tests}) == 1 and all(len(t.args) == 1 for t in tests)


def sides(cond: Apply) -> list[tuple[Node, ...]]:
    """What the sides of a choice give."""
    return [_made(g, isinstance(cond.type, Struct)) for g in cond.graphs]


def _made(g: Graph, several: bool) -> tuple[Node, ...]:
    out = g.output
    if not several:
        return (out,)
    if not (isinstance(out, Apply) and out.fn.name == "make_tuple" and out.graph is g):
        raise _Apart
    return tuple(out.args)
