"""Which small arrays of known shape are better in registers than in memory.

All that hands an array on (loops, branches, calls, tuples, stacks) keeps it in one form: a class (see `slots`). A class stays
in memory if it is read or written at an index that is not known, or if a loop that carries it reads it whole. Classes
that operations on elements connect go into registers together: if that saves anything, and if there is no work among
them that vector instructions do better.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import all_graphs
from irad.optimize.elements import has_elements, known_shape, size, small
from irad.optimize.slots import Path, Slot, Slots
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Stack, Struct, Type

__all__ = ["BLOCKS", "STRUCTURE", "Placement", "array_paths", "numbers_put", "part", "place"]

GROWTH = 16_000  # operations on elements that one module may get, before any vanishes
LANES = 4  # arrays of more elements may be better off with loops, and with vector instructions
DEAR = 6  # the cost of an operation that is better done on vectors
STRUCTURE = frozenset({"getitem", "make_tuple", "make_record", "push", "pop", "empty_stack", "stack_size"})
BLOCKS = frozenset({"slice_update", "slice_add"})
UPDATES = frozenset({"index_update", "index_add", *BLOCKS})


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
def array_paths(t: Type) -> tuple[Path, ...]:
    """The paths to the small arrays in a type."""
    if small(t):
        return ((),)
    if isinstance(t, Struct):
        return tuple((i, *p) for i, u in enumerate(t.items) for p in array_paths(u))
    if isinstance(t, Stack) and isinstance(t.item, Struct):
        return tuple(("*", *p) for p in array_paths(t.item))
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
    """Where the small arrays of a module are, and which of them go into registers."""

    def __init__(self, module: Module) -> None:
        super().__init__(module, array_paths)
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
        for g in graphs:
            if g.role == "function" and g is not module.entry:
                self.same(g.output, (), g, (), g.output.type)
            for node in g.body:
                self.visit(node, g)
        self.chosen = self.choose()

    def is_apart(self, node: Apply) -> bool:
        if node.fn.name == "getitem":
            return node.args[0] in self.apart
        return small(node.type) and not (
            node.graphs or node.fn.name in STRUCTURE or node.fn.name == "slice" or has_elements(node)
        )

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
        if has_elements(node):
            self.inner.append(node)
            self.read.update(a for a in node.args if small(a.type))
            return
        for a in node.args:
            if small(a.type):
                if name in ("index", "slice", *UPDATES) and a is node.args[0]:
                    self.memory += self.slots([a])  # read or written at an index that is not known
                elif not (name in BLOCKS and a is node.args[1]):
                    self.whole.append((a, g))
            else:
                self.memory += self.slots([a])
        if node in self.apart or not small(node.type):
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
        work = 0
        chosen: set[_Group] = set()
        for group in sorted(groups.all(), key=lambda g: g.work):
            better = group.saves and group.work and not (group.vectors and group.size > LANES)
            if better and work + group.work <= GROWTH:
                work += group.work
                chosen.add(group)
        return {root for root in groups.roots() if groups.of(root) in chosen}

    def may(self, n: Node, memory: set[Slot]) -> bool:
        """Whether n is an array that may go into registers."""
        return small(n.type) and n.__class__ is not Constant and n not in self.apart and self.find((n, ())) not in memory

    def weigh(self, node: Apply, groups: _Groups, memory: set[Slot]) -> None:
        """Note what an operation on elements means for its group."""
        candidates = [n for n in (*node.args, node) if self.may(n, memory)]
        if not candidates:
            return
        group = groups.of(self.find((candidates[0], ())))
        name = node.fn.name
        sizes = [size(n.type) for n in (*node.args, node) if small(n.type)]
        group.size = max(group.size, *sizes)
        group.work += _multiplications(node) * 2 if name in PRODUCTS else max(sizes)
        reads = any(self.may(a, memory) for a in node.args)
        if name == "array":
            group.saves |= node in self.read
        elif name in (*PRODUCTS, *UPDATES) or (reads and (name == "index" or max(sizes) <= LANES)):
            group.saves = True
        if node.fn.elementwise and node.fn.cost >= DEAR:
            group.vectors = True
        if any(small(a.type) and a in self.apart and not isinstance(a, Parameter) for a in node.args):
            group.vectors = True

    def holds(self, x: Node | Graph, path: Path) -> bool:
        """Whether the array that is the part of x at `path` is in registers."""
        return x not in self.apart and self.find((x, path)) in self.chosen


def _multiplications(node: Apply) -> int:
    """Those of a product of small arrays."""
    x, y = node.args
    axes = axes_of(x, y, *node.static)
    shared = [known_shape(x.type)[i] for i in (*axes.batch[0], *axes.over[0])]
    return size(x.type) * size(y.type) // max(math.prod(shared), 1)


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
