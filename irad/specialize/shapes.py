"""Shapes: values without their numbers. Equal shapes can be joined at branches, carried by loops, and share a copy of a graph.

`Shaper` takes values apart into a shape and its leaves, `rebuild` puts them together again, and `Fitter` gives the nodes of
another value in the order of a shape's leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from irad.errors import Span
from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize.describe import ambiguous, unreadable
from irad.specialize.sizes import polynomial
from irad.specialize.values import UNBOUND, Compound, Conflict, Known, Maybe, Obj, Ref, Shape, Tied, Unbound, absent
from irad.types import BOOL, List, Scalar, Tuple, Type, size_parameters

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


class Shaper:
    """Takes values of one moment apart. `keep` says which objects keep their identity (those around a branch or loop).

    `number` maps each abstracted object to its index; `leaves` collects nodes in order. `sizes`: whether integers that are
    sizes of the program's arguments are told apart from others.
    """

    def __init__(self, store: Any, keep: Callable[[Obj], bool], *, sizes: bool = False) -> None:
        self.store, self.keep, self.sizes = store, keep, sizes
        self.number: dict[Obj, int] = {}
        self.leaves: list[Node] = []

    def shape(self, v: Any) -> Shape:
        if isinstance(v, Constant):
            return ("const", v)
        if isinstance(v, Node):
            self.leaves.append(v)
            size = polynomial(v) if self.sizes else None
            return ("leaf", v.type) if size is None else ("size", v.type, size)
        if isinstance(v, Known):
            return ("known", v.key(), Tied(v))
        if isinstance(v, Compound):
            if v.kind == "choice":
                self.leaves.append(v.children[0])
                return ("choice", v.head)
            return ("compound", v.kind, v.head, tuple([self.shape(c) for c in v.children]))
        if isinstance(v, Ref):
            return self.object(v.obj)
        if isinstance(v, Maybe):
            self.leaves.append(v.flag)
            return ("maybe", self.shape(v.value))
        if isinstance(v, Conflict):
            return ("conflict", Tied(v))
        return ("unbound",)

    def object(self, obj: Obj) -> Shape:
        if self.keep(obj):
            return ("ref", obj)
        found = self.number.get(obj)
        if found is not None:
            return ("again", found)
        index = self.number[obj] = len(self.number)
        frozen = Tied(obj.frozen) if obj.frozen else None
        if obj.kind == "frame":
            outer = self.object(obj.outer) if obj.outer is not None else None
            content = tuple([(n, self.shape(self.store.get((obj, n)))) for n in sorted(obj.head.cells)])
            return ("new", index, "frame", obj.head, (outer, content), frozen)
        return ("new", index, obj.kind, obj.head, self.shape(self.store.get(obj)), frozen)

    def object_of(self, index: Any) -> Obj | None:
        """The object that was given an index."""
        return next((obj for obj, i in self.number.items() if i == index), None)

    @staticmethod
    def new(index: Any, kind: str, head: Any, content: Shape, frozen: frozenset[str]) -> Shape:
        """The shape of an object that is made where paths meet."""
        return ("new", index, kind, head, content, Tied(frozen) if frozen else None)


def rebuild(shape: Shape, leaf: Callable[[Type], Node], store: Any, objects: dict[int, Obj], span: Span | None = None) -> Any:
    """The value of a shape: `leaf` gives the nodes in order, `objects` says (and remembers) which object each index is."""
    kind = shape[0]
    if kind == "leaf":
        return leaf(shape[1])
    if kind == "size":
        node = leaf(shape[1])
        size_parameters()[node] = shape[2]
        return node
    if kind == "const":
        return shape[1]
    if kind == "known":
        return shape[2].value
    if kind == "choice":
        from irad.specialize.choices import current

        return Compound("choice", shape[1], [leaf(current().type(shape[1]))])
    if kind == "compound":
        return Compound(shape[1], shape[2], [rebuild(c, leaf, store, objects, span) for c in shape[3]])
    if kind == "ref":
        return Ref(shape[1])
    if kind == "again":
        if shape[1] not in objects:
            raise unreadable(ambiguous("a variable", "object", ()), span)
        return Ref(objects[shape[1]])
    if kind == "new":
        return Ref(_rebuild_object(shape, leaf, store, objects, span))
    if kind == "maybe":
        flag = leaf(BOOL)
        return Maybe(flag, rebuild(shape[1], leaf, store, objects, span))
    if kind == "conflict":
        return shape[1].value
    return UNBOUND


def _rebuild_object(shape: Shape, leaf: Callable[[Type], Node], store: Any, objects: dict[int, Obj], span: Span | None) -> Obj:
    _, index, kind, head, content, frozen = shape
    obj = objects.get(index)
    if obj is None:
        obj = objects[index] = Obj(kind, head, span=span)
        if frozen is not None:
            obj.frozen = frozen.value
    if kind == "frame":
        outer, variables = content
        if outer is not None:
            obj.outer = rebuild(outer, leaf, store, objects, span).obj
        for name, s in variables:
            store.set((obj, name), rebuild(s, leaf, store, objects, span))
    else:
        store.set(obj, rebuild(content, leaf, store, objects, span))
    return obj


def leaf_types(shape: Shape) -> list[Type]:
    """The types of a shape's leaves, in order."""
    kind = shape[0]
    if kind in ("leaf", "size"):
        return [shape[1]]
    if kind == "choice":
        from irad.specialize.choices import current

        return [current().type(shape[1])]
    if kind == "compound":
        return [t for c in shape[3] for t in leaf_types(c)]
    if kind == "new":
        if shape[2] == "frame":
            outer, variables = shape[4]
            return (leaf_types(outer) if outer else []) + [t for _, s in variables for t in leaf_types(s)]
        return leaf_types(shape[4])
    if kind == "maybe":
        return [BOOL, *leaf_types(shape[1])]
    return []


def widen(shape: Shape) -> Shape:
    """The shape with known numbers forgotten."""
    kind = shape[0]
    if kind == "const":
        return ("leaf", shape[1].type)
    if kind == "size":
        return ("leaf", shape[1])
    if kind == "compound":
        return (*shape[:3], tuple([widen(c) for c in shape[3]]))
    if kind == "new":
        if shape[2] == "frame":
            outer, variables = shape[4]
            return (*shape[:4], (widen(outer) if outer else None, tuple((n, widen(s)) for n, s in variables)), shape[5])
        return (*shape[:4], widen(shape[4]), shape[5])
    if kind == "maybe":
        return ("maybe", widen(shape[1]))
    return shape


def growing_shape(item: Shape) -> Shape | None:
    """The shape of a list that grows, of items of this shape; None where they are not made of numbers."""
    types = leaf_types(item)
    if not _is_plain(item) or not types or not all(isinstance(t, Scalar) for t in types):
        return None
    return ("compound", "growing", item, (("leaf", List(item_type(item))),))


def item_type(item: Shape) -> Type:
    types = leaf_types(item)
    return types[0] if len(types) == 1 else Tuple(types)


def _is_plain(shape: Shape) -> bool:
    return shape[0] in ("leaf", "known") or (shape[0] == "compound" and shape[1] == "tuple" and all(map(_is_plain, shape[3])))


class Fitter:
    """The nodes of values in the order of a shape's leaves; conversions are emitted in the graph being built."""

    def __init__(self, s: Specializer, store: Any) -> None:
        self.s, self.store = s, store
        self.nodes: list[Node] = []

    def fit(self, shape: Shape, v: Any) -> None:
        kind = shape[0]
        if kind == "choice":
            from irad.specialize.choices import current, fit_choice

            self.nodes.append(absent(current().type(shape[1])) if isinstance(v, Unbound) else fit_choice(self, shape[1], v))
        elif kind in ("leaf", "size"):
            if isinstance(v, Compound) and v.kind == "view":  # it is one of two arrays: what it shows now
                from irad.specialize.arrays.values import read_content

                v = read_content(self.s, v, self.store)
            self.nodes.append(absent(shape[1]) if isinstance(v, Unbound) else self.s.convert(v, shape[1]))
        elif kind == "compound" and shape[1] == "growing":
            self.growing(shape, v)
        elif kind == "compound":
            children = [UNBOUND] * len(shape[3]) if isinstance(v, Unbound) else self.parts(shape, v)
            for c, x in zip(shape[3], children, strict=True):
                self.fit(c, x)
        elif kind == "maybe":
            if isinstance(v, Maybe):
                self.nodes.append(v.flag)
                self.fit(shape[1], v.value)
            else:
                self.nodes.append(literal(not isinstance(v, Unbound)))
                self.fit(shape[1], v)
        elif kind == "new":
            self.object(shape, v)

    @staticmethod
    def parts(shape: Shape, v: Any) -> Sequence[Any]:
        """The parts of a structure; a real number is complex where it is one on another path."""
        return (v, literal(0.0)) if shape[1] == "complex" and isinstance(v, Node) else v.children

    def growing(self, shape: Shape, v: Any) -> None:
        """A list, as one that grows."""
        b = self.s.b
        if isinstance(v, Unbound):
            self.nodes.append(absent(shape[3][0][1]))
        elif v.kind == "items":
            self.nodes.append(b.make_list(*[self.item(shape[2], c) for c in v.children], of=item_type(shape[2])))
        elif v.head == shape[2]:
            self.nodes.append(v.children[0])
        else:
            raise self.s.refuse(
                "list-items",
                "the items of this list become of another type in a loop",
                help="start the list with items of the final type: 0.0, not 0",
            )

    def item(self, shape: Shape, v: Any) -> Node:
        """An item of a list as one node."""
        inner = Fitter(self.s, self.store)
        inner.fit(shape, v)
        return self.s.b.tuple_(inner.nodes)

    def object(self, shape: Shape, v: Any) -> None:
        if isinstance(v, Unbound):
            self.nodes.extend(absent(t) for t in leaf_types(shape))
            return
        obj, content = v.obj if isinstance(v, Ref) else v, shape[4]
        if shape[2] == "frame":
            outer, variables = content
            if outer is not None and outer[0] == "new":
                self.object(outer, obj.outer)
            for name, s in variables:
                self.fit(s, self.store.get((obj, name)))
        else:
            self.fit(content, self.store.get(obj))
