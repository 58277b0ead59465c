"""Paths through a function, and what is known where they meet.

A block ends in exits: the next statement, `break`, `continue`, `return`, each with what it changed in the store. Two
branches are joined into a `cond` whose results are the values that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.errors import Diagnostic, Note
from irad.graph.build import UNIT_VALUE, literal
from irad.graph.nodes import Graph, Node
from irad.specialize.describe import describe, origin
from irad.specialize.joins import has_conflict, join_shapes
from irad.specialize.liveness import NEXT, RETURN
from irad.specialize.mixing import Mixer, Side
from irad.specialize.shapes import Fitter, Shaper, leaf_types
from irad.specialize.values import UNBOUND, Compound, Conflict, Maybe, Obj, Ref, Shape, absent

if TYPE_CHECKING:
    from irad.specialize.execute import Activation

__all__ = ["Branch", "Changes", "Exit", "Exits", "PathStore", "Plan"]


class Exit:
    """One way out of a block. `cond` tells at run time whether it is taken (None: always)."""

    __slots__ = ("changes", "cond", "value")

    def __init__(self, cond: Node | None, changes: dict[Any, Any], value: Any = None) -> None:
        self.cond, self.changes, self.value = cond, changes, value


Exits = dict[str, Exit]


class Branch:
    """A path that has been run: the graph that holds its operations, and its exits."""

    __slots__ = ("exits", "graph")

    def __init__(self, graph: Graph, exits: Exits) -> None:
        self.graph, self.exits = graph, exits


class PathStore:
    """The store as it was at the end of a path."""

    __slots__ = ("changes", "store")

    def __init__(self, changes: dict[Any, Any], store: Any) -> None:
        self.changes, self.store = changes, store

    def get(self, key: Any) -> Any:
        found = self.changes.get(key)
        return self.store.get(key) if found is None else found


class Changes:
    """Receives the objects that `rebuild` makes among the changes of an exit."""

    __slots__ = ("changes",)

    def __init__(self, changes: dict[Any, Any]) -> None:
        self.changes = changes

    def set(self, key: Any, value: Any) -> None:
        self.changes[key] = value


class Plan:
    """The outputs of a `cond`: for each value that leaves it, a node of either branch (or what stands for none)."""

    def __init__(self, a: Activation, mark: int, branches: tuple[Branch, Branch], live: frozenset[str] | None) -> None:
        self.a, self.branches, self.live = a, branches, live
        self.keep = lambda obj: obj.birth < mark
        self.outs: tuple[list[Node], list[Node]] = ([], [])

    def value(self, side: int, kind: str, key: Any) -> Any:
        found = self.branches[side].exits[kind].changes.get(key)
        return self.a.store.get(key) if found is None else found

    def shared(self, wanted: dict[str, list[Any]], matters: Callable[[Any, str], bool]) -> dict[Any, Shape]:
        """Values that are the same for all exits of a branch need one output for all of them."""
        out: dict[Any, Shape] = {}
        if len(wanted) < 2:
            return out
        for key in dict.fromkeys(k for keys in wanted.values() for k in keys):
            kinds = [kind for kind in wanted if matters(key, kind)]
            sides = [
                {id(v): v for kind in branch.exits if kind in kinds for v in [self.value(i, kind, key)]}
                for i, branch in enumerate(self.branches)
            ]
            if any(len(vs) != 1 for vs in sides):
                continue
            x, y = (next(iter(vs.values())) for vs in sides)
            if not (_plain(x) and _plain(y)):
                continue
            if isinstance(key, Obj) and UNBOUND in (x, y):
                continue  # an object that only one of the paths has made
            one, other = (Shaper(None, self.keep).shape(v) for v in (x, y))
            shape = join_shapes(one, other, _name(key))
            if not has_conflict(shape):
                out[key] = shape
                self.fit_side(0, [(shape, x)], None)
                self.fit_side(1, [(shape, y)], None)
                for kind in kinds:
                    if key not in wanted[kind]:
                        wanted[kind].append(key)
        return out

    def start(self, kind: str) -> None:
        self.kind = kind
        self.sides = [i for i, branch in enumerate(self.branches) if kind in branch.exits]
        self.shapers = {i: Shaper(self.path_store(i), self.keep) for i in self.sides}
        self.pending: list[tuple[Shape, dict[int, Any]]] = []
        self.mixer: Mixer | None = None
        if len(self.sides) == 2:
            one, other = (Side(self.path_store(i), self.shapers[i], self.read_later) for i in self.sides)
            self.mixer = Mixer(self.a, (one, other))

    def read_later(self, name: str) -> bool:
        """Whether a variable of this frame is read after this exit."""
        return self.kind != RETURN and (self.kind != NEXT or self.live is None or name in self.live)

    def path_store(self, side: int) -> PathStore:
        return PathStore(self.branches[side].exits[self.kind].changes, self.a.store)

    def slot(self, key: Any) -> Shape:
        """The joined shape of a value of each side."""
        return self.join({i: self.value(i, self.kind, key) for i in self.sides}, _name(key), key)

    def result(self) -> Shape | None:
        values = {i: self.branches[i].exits[self.kind].value for i in self.sides}
        return None if any(v is None for v in values.values()) else self.join(values, "the result")

    def join(self, values: dict[int, Any], what: str, key: Any = None) -> Shape:
        shapes = [self.shapers[i].shape(v) for i, v in values.items()]
        if self.mixer is None:
            joined = shapes[0]
        else:
            # The value of a conditional expression is used by an expression that may hold other values already.
            mix = self.mixer.at(key, len(self.pending), pending=key is None and self.kind != RETURN)
            joined = join_shapes(shapes[0], shapes[1], what, (), mix)
            if joined[0] == "conflict":
                _note_origins(joined[1].value.diagnostic, shapes, list(values.values()))
        self.pending.append((joined, values))
        return joined

    def fit(self) -> None:
        for i in (0, 1):
            if i in self.sides:
                self.fit_side(i, [(shape, values[i]) for shape, values in self.pending], self.path_store(i))
            else:
                self.outs[i].extend(absent(t) for shape, _ in self.pending for t in leaf_types(shape))

    def fit_side(self, side: int, pairs: list[tuple[Shape, Any]], store: Any) -> None:
        with self.a.b.inside(self.branches[side].graph):
            fitter = Fitter(self.a.s, store)
            for shape, value in pairs:
                fitter.fit(shape, value)
        self.outs[side].extend(fitter.nodes)

    def effects(self, test: Node) -> None:
        """Two paths that end nowhere: each raises, or waits for a result."""
        for branch in self.branches:
            with self.a.b.inside(branch.graph):
                branch.graph.finish(UNIT_VALUE)
        if any(branch.graph.effects for branch in self.branches):
            self.a.b.cond(test, graphs=tuple(branch.graph for branch in self.branches))

    def emit(self, test: Node, kinds: list[str]) -> list[Node]:
        """The `cond`, and its results: flags of all exits but the last, then the values."""
        b = self.a.b
        count = len(self.outs[0]) + len(kinds) - 1
        for branch, nodes in zip(self.branches, self.outs, strict=True):
            flags = [branch.exits[k].cond or literal(True) if k in branch.exits else literal(False) for k in kinds[:-1]]
            with b.inside(branch.graph):
                branch.graph.finish(b.tuple_(flags + nodes) if flags or nodes else UNIT_VALUE)
        if count == 0 and not any(branch.graph.effects for branch in self.branches):
            return []
        node = b.cond(test, graphs=tuple(branch.graph for branch in self.branches))
        return b.parts(node, count) if count else []


def _note_origins(d: Diagnostic, shapes: list[Shape], values: list[Any]) -> None:
    """Say of values without a common type where each is made."""
    if d.notes:
        return
    for shape, v in zip(shapes, values, strict=True):
        span = origin(v)
        if span is not None:
            d.notes.append(Note(f"{describe(shape)} is made", span))


def _plain(v: Any) -> bool:
    """Whether a value holds no reference to an object."""
    if isinstance(v, Compound):
        return all(map(_plain, v.children))
    return not isinstance(v, (Ref, Maybe, Conflict))


def _name(key: Any) -> str:
    """A store key in words."""
    return f"`{key[1]}`" if isinstance(key, tuple) else f"the {key.kind}"
