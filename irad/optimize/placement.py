"""Which small arrays of known shape are better in registers than in memory.

All that hands an array on (loops, branches, calls, tuples, stacks) keeps it in one form: a class (see `slots`). A class stays
in memory if it is read or written at an index that is not known, or if a loop that carries it reads it whole. Classes
that operations on elements connect go into registers together: if that saves anything, and if there is no work among
them that vector instructions do better.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import all_graphs, nested_graphs
from irad.optimize.elements import MOST_ELEMENTS, MOST_IN_LANES, has_elements, size, small, work
from irad.optimize.lanes import lane_loops
from irad.optimize.slots import Path, Slot, Slots
from irad.primitives.products import PRODUCTS
from irad.types import Array, Stack, Struct, Type

__all__ = ["BLOCKS", "STRUCTURE", "Placement", "array_paths", "numbers_put", "part", "place", "place_in_lanes"]

GROWTH = 16_000  # operations on elements that one module may get, before any vanishes
LANES = 4  # arrays of more elements may be better off with loops, and with vector instructions
DEAR = 6  # the cost of an operation that is better done on vectors
STRUCTURE = frozenset({"getitem", "make_tuple", "make_record", "push", "pop", "empty_stack", "stack_size"})
BLOCKS = frozenset({"slice_update", "slice_add"})
UPDATES = frozenset({"index_update", "index_add", *BLOCKS})


def place_in_lanes(module: Module) -> Placement | None:
    """Where the small arrays go that are in loops which may run in lanes; None where there are none."""
    loops = lane_loops(module)
    return Placement(module, loops) if loops else None


def place(module: Module) -> Placement | None:
    """Where the small arrays of a module go; None where all stay in memory."""
    nodes = [n for g in all_graphs(module) for n in g.body]
    put = any(numbers_put(n) is not None for n in nodes)
    if not put and not any(array_paths(n.type) for n in nodes):
        return None
    found = Placement(module)
    return found if put or found.chosen else None


def numbers_put(node: Apply) -> tuple[Node, ...] | None:
    """The numbers that a block is made of where it is put into an array; None for all else."""
    if node.fn.name not in BLOCKS:
        return None
    block = node.args[1]
    while isinstance(block, Apply) and block.fn.name == "reshape":
        block = block.args[0]
    return block.args if isinstance(block, Apply) and block.fn.name == "array" else None


@functools.cache
def array_paths(t: Type, most: int = MOST_ELEMENTS) -> tuple[Path, ...]:
    """The paths to the small arrays in a type."""
    if small(t, most):
        return ((),)
    if isinstance(t, Struct):
        return tuple((i, *p) for i, u in enumerate(t.items) for p in array_paths(u, most))
    if isinstance(t, Stack) and isinstance(t.item, Struct):
        return tuple(("*", *p) for p in array_paths(t.item, most))
    return ()


def part(t: Type, path: Path) -> Type:
    """The part of a type at a path."""
    for k in path:
        t = t.item if isinstance(t, Stack) else t.items[k]  # type: ignore[attr-defined]
    return t


@dataclass(slots=True, eq=False)
class _Group:
    """Classes of arrays that operations on elements connect: in registers together, or none of them."""

    size: int = 0  # of the largest
    work: int = 0  # operations on elements
    saves: bool = False  # whether something is saved: an array that is made, kept by a loop, or picked apart
    vectors: bool = False  # whether there is work that is better done on vectors


class Placement(Slots):
    """Where the small arrays of a module are, and which of them go into registers: of all, or of those in some loops, of which
    several trips run at once."""

    def __init__(self, module: Module, loops: set[Apply] | None = None) -> None:
        self.loops = loops
        self.most = MOST_ELEMENTS if loops is None else MOST_IN_LANES
        self.inside: dict[Graph, Apply] = {g: n for n in loops or () for g in nested_graphs(n.graphs[0])}
        super().__init__(module, self.array_paths)
        self.apart: set[Node] = set()  # what is in memory because of what makes it; it is read where it is used
        self.memory: list[Slot] = [(module.entry, p) for p in array_paths(module.entry.output.type)]
        self.inner: list[Apply] = []  # operations on elements
        self.whole: list[tuple[Node, Graph]] = []  # arrays that something reads whole, and where
        self.kept: set[Slot] = set()  # what loops, branches, calls and stacks hand on
        self.read: set[Node] = set()  # what operations on elements read
        self.apart.update(module.entry.params)
        graphs = list(all_graphs(module))
        for g in graphs:
            self.apart.update(n for n in g.body if self.is_apart(n))
        for g in graphs if loops is not None else ():
            if g not in self.inside:
                self.memory += self.slots([*g.params, *[n for n in g.body if self.is_outside(n)]])
        for g in graphs:
            if g.role == "function" and g is not module.entry:
                self.same(g.output, (), g, (), g.output.type)
            for node in g.body:
                self.visit(node, g)
        self.chosen = self.choose()

    def small(self, t: Type) -> bool:
        return small(t, self.most)

    def array_paths(self, t: Type) -> tuple[Path, ...]:
        return array_paths(t, self.most)

    def has_elements(self, node: Apply) -> bool:
        return has_elements(node, self.most)

    def is_apart(self, node: Apply) -> bool:
        if node.fn.name == "getitem":
            return node.args[0] in self.apart
        if not self.small(node.type) or node.graphs or node.fn.name in STRUCTURE:
            return False
        outside = self.loops is not None and node.graph not in self.inside
        return outside or not (node.fn.name == "slice" or self.has_elements(node))

    def is_outside(self, node: Apply) -> bool:
        """Whether it hands on what is not carried by one of the loops."""
        assert self.loops is not None
        carried = node.args[0] if node.fn.name == "getitem" else node
        return (bool(node.graphs) or node.fn.name in STRUCTURE) and carried not in self.loops

    def same(self, x: Node | Graph, px: Path, y: Node | Graph, py: Path, t: Type) -> None:
        if x.__class__ is Constant or y.__class__ is Constant:
            return
        apart = x in self.apart or y in self.apart
        for p in self.paths(t):
            if not apart or "*" in p:  # a stack has one form, whoever made it
                self.union((x, (*px, *p)), (y, (*py, *p)))

    def visit(self, node: Apply, g: Graph) -> None:
        name = node.fn.name
        if name == "call":
            (callee,) = node.graphs
            for p, a in zip(callee.params, node.args, strict=True):
                self.same(a, (), p, (), a.type)
            self.same(node, (), callee, (), node.type)
            self.kept.update(self.slots([node, *callee.params]))
            return
        if name in ("push", "pop", "pop_zero") and isinstance(node.args[0].type.item, Array):  # type: ignore[attr-defined]
            self.memory.append((node.args[0], ("*",)))  # only tuples of arrays become tuples of numbers
        if self.follow(node):
            if node.graphs:
                self.kept.update(self.slots([node]))
            elif name == "push":
                self.kept.update(self.slots([node]))
            return
        if self.has_elements(node):
            self.inner.append(node)
            self.read.update(a for a in node.args if self.small(a.type))
            return
        for a in node.args:
            if self.small(a.type):
                if name in ("index", "slice", *UPDATES) and a is node.args[0]:
                    self.memory += self.slots([a])  # read or written at an index that is not known
                elif not (name in BLOCKS and a is node.args[1]):
                    self.whole.append((a, g))
            else:
                self.memory += self.slots([a])
        if node in self.apart or not self.small(node.type):
            self.memory += self.slots([node])

    def choose(self) -> set[Slot]:
        """The classes that go into registers."""
        memory = {self.find(s) for s in self.memory}
        carried: dict[Slot, set[Graph]] = {}
        for g in all_graphs(self.module):
            if g.role == "loop":
                for s in self.slots(g.params):
                    carried.setdefault(self.find(s), set()).add(g)
        for x, g in self.whole:
            if x.__class__ is not Constant and x not in self.apart:
                root = self.find((x, ()))
                if not carried.get(root, set()).isdisjoint(g.path()):
                    memory.add(root)
        groups = _Groups()
        for node in self.inner:
            groups.join([self.find((n, ())) for n in (*node.args, node) if self.may(n, memory)])
        for node in self.inner:
            self.weigh(node, groups, memory)
        for s in self.kept:
            root = self.find(s)
            if root not in memory and s[0] not in self.apart:
                groups.of(root).saves = True
        for x, _ in self.whole:
            if self.may(x, memory):
                groups.of(self.find((x, ()))).vectors = True
        total = 0
        chosen: set[_Group] = set()
        for group in sorted(groups.all(), key=lambda g: g.work):
            saves = group.saves and not (group.vectors and group.size > LANES)
            better = group.work and (saves or self.loops is not None)
            if better and total + group.work <= GROWTH:
                total += group.work
                chosen.add(group)
        return {root for root in groups.roots() if groups.of(root) in chosen}

    def is_written_out(self, node: Apply) -> bool:
        """Whether an operation must be done on elements, wherever they are."""
        return node.graph in self.inside and self.has_elements(node)

    def may(self, n: Node, memory: set[Slot]) -> bool:
        """Whether n is an array that may go into registers."""
        return self.small(n.type) and n.__class__ is not Constant and n not in self.apart and self.find((n, ())) not in memory

    def weigh(self, node: Apply, groups: _Groups, memory: set[Slot]) -> None:
        """Note what an operation on elements means for its group."""
        candidates = [n for n in (*node.args, node) if self.may(n, memory)]
        if not candidates:
            return
        group = groups.of(self.find((candidates[0], ())))
        name = node.fn.name
        sizes = [size(n.type) for n in (*node.args, node) if self.small(n.type)]
        group.size = max(group.size, *sizes)
        group.work += work(node)
        reads = any(self.may(a, memory) for a in node.args)
        if name == "array":
            group.saves |= node in self.read
        elif name in (*PRODUCTS, *UPDATES) or (reads and (name == "index" or max(sizes) <= LANES)):
            group.saves = True
        if node.fn.elementwise and node.fn.cost >= DEAR:
            group.vectors = True
        if any(self.small(a.type) and a in self.apart and not isinstance(a, Parameter) for a in node.args):
            group.vectors = True

    def holds(self, x: Node | Graph, path: Path) -> bool:
        """Whether the array that is the part of x at `path` is in registers."""
        return x not in self.apart and self.find((x, path)) in self.chosen


class _Groups:
    """A second union-find, over classes."""

    def __init__(self) -> None:
        self.above: dict[Slot, Slot] = {}
        self.groups: dict[Slot, _Group] = {}
        self.seen: set[Slot] = set()

    def root(self, s: Slot) -> Slot:
        self.seen.add(s)
        while s in self.above:
            s = self.above[s]
        return s

    def join(self, roots: list[Slot]) -> None:
        for s in roots:
            a, b = self.root(roots[0]), self.root(s)
            if a != b:
                self.above[b] = a

    def of(self, s: Slot) -> _Group:
        return self.groups.setdefault(self.root(s), _Group())

    def all(self) -> list[_Group]:
        return list(self.groups.values())

    def roots(self) -> set[Slot]:
        return set(self.seen)
