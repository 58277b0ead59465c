"""Objects that are one of two: a name that stands for different objects on paths that meet.

From there on it stands for a new object, with the content of the one or the other. Nobody can tell the difference if
the two are not named otherwise by what is read later. If they are, none of the three is written to any more: such a
write is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from irad.errors import Span
from irad.specialize.arrays.values import type_of_view
from irad.specialize.describe import ambiguous
from irad.specialize.joins import has_conflict, join_shapes, views_differ
from irad.specialize.shapes import Shaper
from irad.specialize.values import Compound, Maybe, Obj, Ref, Shape
from irad.types import Array

if TYPE_CHECKING:
    from irad.specialize.execute import Activation

__all__ = ["Mixer", "Side", "freeze_given", "may_be_outer", "superseded"]

MIXED, OUTER = "*", "outer"  # why an object is frozen: it may be one of two; one of them belongs to the caller


class Side:
    """One of two moments that meet: its store, the shaper that takes its values apart, and which names are read later."""

    def __init__(self, store: Any, shaper: Shaper, live: Callable[[str], bool]) -> None:
        self.store, self.shaper, self.live = store, shaper, live


class Mixer:
    """Gives `join_shapes` the shape of a mixed object. `key` is the variable or object whose values are joined."""

    def __init__(self, a: Activation, sides: tuple[Side, Side], *, adapt: Callable[[Shape], Shape] = lambda s: s) -> None:
        self.a, self.sides, self.adapt = a, sides, adapt
        self.at(None, -1)

    def at(self, key: Any, place: int, *, pending: bool = False) -> Mixer:
        """The next values are those of `key`, the `place`-th to be joined. `pending`: what is being computed around may
        hold the objects, too."""
        self.key, self.place, self.count, self.pending = key, place, 0, pending
        return self

    def __call__(self, x: Shape, y: Shape, what: str, spans: Sequence[Span | None]) -> Shape:
        refused = ambiguous(what, self.kind(x), spans)
        if _head(x) != _head(y):
            return refused
        contents = (self.content(0, x), self.content(1, y))
        shown = self.kind(x) == "array" and views_differ(*contents)
        if shown:
            types = [self.array_type(side, c) for side, c in enumerate(contents)]
            if None in types:
                return refused
            contents = (("leaf", types[0]), ("leaf", types[1]))
        content = join_shapes(*contents, what, spans, self)
        if has_conflict(content):
            return content if content[0] == "conflict" else refused
        frozen = self.frozen(x, y, shown)
        if frozen is None:
            return refused
        index = next((s[1] for s in (x, y) if s[0] == "new" and isinstance(s[1], tuple)), None)
        if index is None:
            index = ("mixed", self.place, self.count)
            self.count += 1
        return Shaper.new(index, self.kind(x), _head(x), content, frozen)

    @staticmethod
    def kind(shape: Shape) -> str:
        kind: str = shape[1].kind if shape[0] == "ref" else shape[2]
        return kind

    def content(self, side: int, shape: Shape) -> Shape:
        if shape[0] == "new":
            return shape[4]  # type: ignore[no-any-return]
        s = self.sides[side]
        return self.adapt(s.shaper.shape(s.store.get(shape[1])))

    def array_type(self, side: int, content: Shape) -> Array | None:
        """The type of an array of this content, which may be a view; None where it is a view of what has no type."""
        if content[0] == "leaf":
            return content[1]  # type: ignore[no-any-return]
        if content[0] != "compound":
            return None
        base = content[3][0]
        if base[0] == "again":
            base = ("ref", self.sides[side].shaper.object_of(base[1]))
        found = self.array_type(side, self.content(side, base))
        return None if found is None else type_of_view(found, content[2])

    def bases(self, side: Side, obj: Obj) -> list[Obj]:
        """What an array is a view of, directly or not."""
        out: list[Obj] = []
        while isinstance(content := side.store.get(obj), Compound) and content.kind == "view":
            obj = content.children[0].obj
            out.append(obj)
        return out

    def frozen(self, x: Shape, y: Shape, shown: bool) -> frozenset[str] | None:
        """Why the mixed object must not be written to: empty if it may be, None if it cannot be at all. `shown`: it is a
        copy of what one of two views, or a view and an array, show."""
        reasons: set[str] = {MIXED} if shown else set()
        refs = []
        for side, shape in zip(self.sides, (x, y), strict=True):
            obj = shape[1] if shape[0] == "ref" else side.shaper.object_of(shape[1])
            if shape[0] == "new" and shape[5] is not None:
                reasons |= shape[5].value
            if obj is None:  # it was mixed before
                continue
            for one in [obj, *(self.bases(side, obj) if shown else ())]:
                outer, kept = one.birth < self.a.frame.birth, side.shaper.keep(one)
                if outer or one.frozen or (self.pending and kept) or self.named_otherwise(side, one):
                    if not kept and not one.frozen:
                        return None
                    reasons |= {MIXED, *(one.frozen or ()), *([OUTER] if outer else [])}
                refs.append(one)
        if reasons:
            for obj in refs:
                obj.frozen = (obj.frozen or frozenset()) | {MIXED}
        return frozenset(reasons)

    def named_otherwise(self, side: Side, wanted: Obj) -> bool:
        """Whether something besides the key that is read later leads to an object."""
        a, seen = self.a, {self.key}  # what the object whose content is joined holds is not named otherwise
        todo: list[Any] = list(a.held)
        for key in {**dict.fromkeys(self.a.store.keys()), **getattr(side.store, "changes", {})}:
            if key == self.key or not isinstance(key, tuple):
                continue
            frame, name = key
            if frame is not a.frame or name in a.graph.info.cells or side.live(name):
                todo.append(side.store.get(key))
        while todo:
            for obj in _objects(todo.pop()):
                if obj is wanted:
                    return True
                if obj not in seen and obj.kind != "frame":
                    seen.add(obj)
                    todo.append(side.store.get(obj))
        return False


def _head(shape: Shape) -> Any:
    return shape[1].head if shape[0] == "ref" else shape[3]


def _objects(value: Any) -> Iterator[Obj]:
    """The objects that a value refers to, not those that these refer to."""
    todo = [value]
    while todo:
        v = todo.pop()
        if isinstance(v, Ref):
            yield v.obj
        elif isinstance(v, Compound):
            todo.extend(v.children)
        elif isinstance(v, Maybe):
            todo.append(v.value)


def may_be_outer(shape: Shape, reason: str = OUTER) -> bool:
    """Whether a result may be an object of the caller's under another name, or, with "reshaped", share memory with one."""
    todo = [shape]
    while todo:
        s = todo.pop()
        if s[0] == "compound":
            todo.extend(s[3])
        elif s[0] == "maybe":
            todo.append(s[1])
        elif s[0] == "new":
            if s[5] is not None and reason in s[5].value:
                return True
            todo.extend([c for _, c in s[4][1]] if s[2] == "frame" else [s[4]])
    return False


def superseded(before: Shape, after: Shape) -> Shape:
    """A result of a recursive function, with what it gives back of its arguments as the next run found it: such an object,
    or one that it made."""
    if before[0] == "again" and after[0] == "new" and may_be_outer(after):
        return after
    if before[0] == after[0] == "compound" and before[1:3] == after[1:3] and len(before[3]) == len(after[3]):
        return (*before[:3], tuple([superseded(x, y) for x, y in zip(before[3], after[3], strict=True)]))
    return before


def freeze_given(store: Any, values: Sequence[Any]) -> None:
    """A call's result may be any object that it was given: none of them is written to any more."""
    seen: set[Obj] = set()
    todo = list(values)
    while todo:
        for obj in _objects(todo.pop()):
            if obj in seen:
                continue
            seen.add(obj)
            if obj.kind == "frame":
                todo.extend(store.get((obj, n)) for n in obj.head.cells)
                todo += [Ref(obj.outer)] if obj.outer is not None else []
            else:
                obj.frozen = (obj.frozen or frozenset()) | {MIXED}
                todo.append(store.get(obj))
