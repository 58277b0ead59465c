"""Which statements share which loops.

Axes that are read together are one class: where `s[i] = sum_j d[i, j]` is read as `s[i]`, both i are one class, and may be
one loop. Loops are then made from the outside in: the class with the most work becomes a loop around all statements that
may stand in it, in their order; what they need stands before it, what needs it whole stands after it.

    d[i,j] = x[i] - y[j];  s[i] = sum_j d[i,j];  e[i,j] = d[i,j] / s[i]      for i: (for j: d, s), (for j: e)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from irad.graph.build import is_constant
from irad.graph.nodes import Node
from irad.nests.statements import Read, Statement

__all__ = ["Loop", "Other", "Tree", "classify", "grow", "leaves"]


@dataclass(slots=True, eq=False)
class Other:
    """What is not a statement and keeps statements in order: it reads `needs`."""

    node: Any
    classes: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Loop:
    """A loop over a class of axes; `dim` is its size."""

    axis: int
    dim: Any
    items: list[Tree] = field(default_factory=list)


CANDIDATES = 4  # classes that are tried as the next loop
AGAIN = 8  # how often an operand is read that is better made before
Tree = Loop | Statement | Other
Leaf = Statement | Other
# What an item needs: the items that make it, and, where a statement reads a statement, at which places.
Needs = dict[Any, list[tuple[Any, Any]]]


class Classes:
    """Axes that are one: union-find over (statement, axis)."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.parent: list[int] = []
        self.first: dict[Statement, int] = {}
        self.members: dict[int, dict[Statement, int]] = {}
        for s in statements:
            self.first[s] = len(self.parent)
            for i in range(len(s.domain)):
                root = len(self.parent)
                self.parent.append(root)
                self.members[root] = {s: i}

    def find(self, s: Statement, axis: int) -> int:
        i = self.first[s] + axis
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, x: tuple[Statement, int], y: tuple[Statement, int]) -> None:
        """Make two axes one class, unless a statement would then have two axes of it."""
        a, b = self.find(*x), self.find(*y)
        if a == b or x[0].domain[x[1]] != y[0].domain[y[1]]:
            return
        small, large = sorted((a, b), key=lambda r: len(self.members[r]))
        if any(s in self.members[large] for s in self.members[small]):
            return
        self.members[large].update(self.members.pop(small))
        self.parent[small] = large


def _read_again(s: Statement, r: Read) -> frozenset[Any]:
    """The axes that a product sums over, where it reads the whole of an operand again for each of many elements, and the other
    operand's lie side by side along those: then the first is better made before than one element at a time in the sum's loop.

        h = tanh(z); y[j] = sum_i h[i] w[i, j]      for i: h;  for j: (for i: y)    not    for i: h, (for j: y)
    """
    if not s.is_product or any(p.axis in s.value for p in r.places):
        return frozenset()
    kept = math.prod(d if isinstance(d, int) else AGAIN for d in (s.domain[i] for i in s.value))
    other = next((o for o in s.reads if o is not r), r)
    if kept < AGAIN or not other.places or other.places[-1].axis not in s.value:
        return frozenset()
    return frozenset(p.axis for p in r.places)


def _cut(s: Statement, r: Read, q: int) -> frozenset[Node]:
    """The slices through which a statement may read the beginning of axis q of an array, where their sizes are known at run
    time only: two of them may differ though their types are one (a function that was called twice, or a trip done twice)."""
    shape = r.source.type.shape  # type: ignore[attr-defined]
    found = []
    for v in s.views:
        if v.fn.name != "slice" or all(isinstance(d, int) for d in v.type.shape):  # type: ignore[attr-defined]
            continue
        if v.args[0] is not r.source or len(v.args) <= 1 + q or is_constant(v.args[1 + q], 0):
            if v.args[0] is r.source or v.args[0] in s.views or len(shape) != v.type.rank:  # type: ignore[attr-defined]
                found.append(v)
    return frozenset(found)


def classify(statements: Sequence[Statement]) -> None:
    """Note the class of each axis of each statement. Statements with many axes are joined to what they read first."""
    classes = Classes(statements)
    made = {s.node: s for s in statements}
    by_rank = sorted(statements, key=lambda s: -len(s.domain))
    for s in by_rank:
        for r in s.reads:
            source = made.get(r.source)  # type: ignore[call-overload]
            if source is not None:
                summed = _read_again(s, r)
                for q, p in enumerate(r.places):
                    if p.is_axis and p.axis not in summed and not _cut(s, r, q):
                        classes.join((source, source.value[q]), (s, p.axis))  # type: ignore[arg-type]
    readers: dict[Node, tuple[Statement, tuple[Any, ...]]] = {}
    for s in by_rank:  # of one array from outside
        for r in s.reads:
            if r.source not in made and r.places and all(p.is_axis for p in r.places):
                t, places = readers.setdefault(r.source, (s, r.places))
                if t is not s:
                    for i, (p, q) in enumerate(zip(r.places, places, strict=True)):
                        if _cut(s, r, i) == _cut(t, r, i):
                            classes.join((s, p.axis), (t, q.axis))  # type: ignore[arg-type]
    for s in statements:
        s.classes = [classes.find(s, i) for i in range(len(s.domain))]


class Alone(Protocol):
    def __call__(self, item: Any) -> bool: ...


def grow(items: Sequence[Leaf], needs: Needs, alone: Alone = lambda item: False) -> list[Tree]:
    """The loops of items that stand in an order that their needs allow. What is `alone` shares no loop."""
    out: list[Tree] = []
    todo: list[tuple[Sequence[Leaf], frozenset[int], list[Tree], Loop | None]] = [(items, frozenset(), out, None)]
    while todo:
        rest, fixed, into, loop = todo.pop()
        if loop is not None:
            into.append(loop)
            into, fixed = loop.items, fixed | {loop.axis}
        candidates = _heaviest(rest, fixed)
        if not candidates:
            into.extend(rest)
            continue
        splits = [_split(rest, axis, needs, alone) for axis, _ in candidates]
        best = max(range(len(splits)), key=lambda k: (_work(splits[k][1]), -k))
        (axis, dim), (before, group, after) = candidates[best], splits[best]
        todo.append((after, fixed, into, None))
        todo.append((group, fixed, into, Loop(axis, dim)))
        todo.append((before, fixed, into, None))
    return out


def _work(items: Sequence[Leaf]) -> float:
    return sum(s.size() * max(s.node.fn.cost, 1) for s in items if isinstance(s, Statement))


def _heaviest(items: Sequence[Leaf], fixed: frozenset[int]) -> list[tuple[int, Any]]:
    """The classes with the most work, and their sizes; of equals first the outermost axes of the largest statements."""
    work: dict[int, float] = defaultdict(float)
    place: dict[int, tuple[float, int, Any]] = {}
    for s in items:
        if isinstance(s, Statement):
            size = s.size()
            for i, c in enumerate(s.classes):
                if c not in fixed:
                    work[c] += size * max(s.node.fn.cost, 1)
                    known = place.get(c)
                    if known is None or known[0] < size:
                        place[c] = (size, i, s.domain[i])
    best = sorted(work, key=lambda c: (-work[c], place[c][1]))[:CANDIDATES]
    return [(c, place[c][2]) for c in best]


def _split(items: Sequence[Leaf], axis: int, needs: Needs, alone: Alone) -> tuple[list[Leaf], list[Leaf], list[Leaf]]:
    """What stands before a loop over the class, in it, and after it."""
    sides: tuple[list[Leaf], list[Leaf], list[Leaf]] = ([], [], [])
    where: dict[Any, int] = {}
    for s in items:
        has = axis in s.classes
        side = 1 if has else 0
        for made, places in needs.get(s, ()):
            at = where.get(made)
            if at == 2 or (at == 1 and not (has and isinstance(s, Statement) and _meets(made, s, places, axis))):
                side = 2
                break
        if side == 1 and sides[1] and (alone(s) or alone(sides[1][0])):
            side = 2
        where[s] = side
        sides[side].append(s)
    return sides


def _meets(made: Statement, reader: Statement, places: Any, axis: int) -> bool:
    """Whether a statement reads, at each index along a class, what was made at this index."""
    if places is None:
        return False
    for q, p in enumerate(places):
        if made.classes[made.value[q]] == axis:
            return bool(p.is_axis) and reader.classes[p.axis] == axis
    return False


def leaves(tree: Sequence[Tree]) -> list[Leaf]:
    """The statements of a tree, in order."""
    out: list[Leaf] = []
    todo = list(reversed(tree))
    while todo:
        item = todo.pop()
        if isinstance(item, Loop):
            todo.extend(reversed(item.items))
        else:
            out.append(item)
    return out
