"""Arrays as abstract values: objects of the store whose content is a node, or a view of another array.

A view keeps what it was made from, so reading it reads the array as it is now, and a write through it goes to the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Apply, Constant, Node
from irad.primitives.products import PRODUCTS
from irad.specialize import objects
from irad.specialize.numbers import as_int
from irad.specialize.sizes import at_most, compared
from irad.specialize.values import Compound, Obj, Ref
from irad.types import BOOL, INT, Array, Dim

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

Shape = tuple[int | Dim, ...]


def is_array(s: Specializer, v: Any) -> bool:
    return isinstance(v, Ref) and v.obj.kind == "array"


def new_array(s: Specializer, node: Node) -> Any:
    """The value of a node: an array object, or the number it is."""
    if not isinstance(node.type, Array):
        return node
    obj = Obj("array", span=s.span)
    s.store.set(obj, node)
    return Ref(obj)


abstract = new_array


def view(s: Specializer, base: Ref, spec: tuple[Any, ...], nodes: Sequence[Node] = ()) -> Ref:
    obj = Obj("array", span=s.span)
    s.store.set(obj, Compound("view", spec, [base, *nodes]))
    return Ref(obj)


def read(s: Specializer, v: Ref) -> Node:
    """The array as it is now."""
    return read_content(s, s.readable(s.store.get(v.obj)), s.store)


def read_content(s: Specializer, content: Any, store: Any) -> Node:
    """The elements of an array that a store has with this content."""
    if isinstance(content, Node):
        return content
    base, *nodes = content.children
    return _apply_view(s, read_content(s, s.readable(store.get(base.obj)), store), content.head, nodes)


def _apply_view(s: Specializer, x: Node, spec: tuple[Any, ...], nodes: list[Node]) -> Node:
    b = s.b
    kind, *facts = spec
    if kind == "transpose":
        return b.transpose(x, axes=facts[0])
    if kind == "reshape":
        return b.reshape(x, *nodes, shape=facts[0])
    if kind == "broadcast":
        from irad.specialize.arrays.elementwise import spread

        return spread(s, x, facts[0], nodes)
    steps, sizes, shape = facts
    rank = len(steps)
    starts, dims = nodes[:rank], nodes[rank:]
    block = b.slice(x, *starts, *dims, shape=sizes, steps=tuple(1 if k is None else k for k in steps))
    return block if shape == sizes else b.reshape(block, *dims, shape=shape)


def array_type(s: Specializer, v: Ref) -> Array:
    """The type of an array without reading it where it is a view."""
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        assert isinstance(content.type, Array)
        return content.type
    return type_of_view(array_type(s, content.children[0]), content.head)


def type_of_view(base: Array, spec: tuple[Any, ...]) -> Array:
    kind, *facts = spec
    shape = tuple(base.shape[a] for a in facts[0]) if kind == "transpose" else facts[2] if kind == "basic" else facts[0]
    return Array(base.dtype, shape)


def roots(s: Specializer, v: Ref) -> list[Obj]:
    """The array and those that it is a view of."""
    out = [v.obj]
    while isinstance(content := s.readable(s.store.get(out[-1])), Compound):
        out.append(content.children[0].obj)
    return out


def node_of(s: Specializer, v: Any) -> Any:
    """The node of an array or number; anything else as it is."""
    return read(s, v) if is_array(s, v) else v


def as_scalar(s: Specializer, v: Any) -> Any:
    """The number in an array of one element; anything else as it is."""
    if is_array(s, v):
        t = array_type(s, v)
        if all(d == 1 for d in t.shape):
            return element(s, v, [literal(0)] * t.rank)
    return v


ORDERED = frozenset({"array", "iota"}) | PRODUCTS  # zeros may be made like an array in another order
UPDATES = frozenset({"index_update", "index_add", "slice_update", "slice_add"})


def is_ordered(s: Specializer, v: Ref) -> bool:
    """Whether NumPy is known to have an array in C order, or along one axis, so that a reshape of it shares its memory."""
    if array_type(s, v).rank == 1 or v.obj.ordered:
        return True
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Compound):
        return _keeps_order(array_type(s, content.children[0]).shape, content.head) and is_ordered(s, content.children[0])
    todo = [content]
    while todo:
        x = todo.pop()
        if not isinstance(x, Apply):
            return False
        if x.fn.name in UPDATES:
            todo.append(x.args[0])  # the order is that of what is written to
        elif x.fn.elementwise:
            arrays = [a for a in x.args if isinstance(a.type, Array) and not _is_number(a)]
            if not arrays:
                return False  # of numbers, it may be made like an array in another order
            todo += arrays  # NumPy keeps the order of the arguments
        elif x.fn.name not in ORDERED:
            return False
    return True


def _is_number(x: Node) -> bool:
    """Whether an array stands for one number."""
    return isinstance(x, Apply) and x.fn.name == "broadcast" and not isinstance(x.args[0].type, Array)


def _keeps_order(shape: Shape, spec: tuple[Any, ...]) -> bool:
    """Whether a view of an array in C order, or along one axis, is so too: a reshape, one axis, or neighbours along the first
    axis that has several and all of the others."""
    kind, *facts = spec
    if kind != "basic" or len(shape) == 1:
        return kind in ("basic", "reshape")
    steps, sizes, _ = facts
    first = next((k for k, n in enumerate(sizes) if n != 1), len(sizes))
    within = zip(steps[first + 1 :], sizes[first + 1 :], shape[first + 1 :], strict=True)
    return steps[first : first + 1] in ((), (1,)) and all(step == 1 and n == size for step, n, size in within)


def size_of(s: Specializer, v: Ref, axis: int) -> Node:
    d = array_type(s, v).shape[axis]
    if isinstance(d, int):
        return literal(d)
    size = s.b.dim(read(s, v), axis=axis)
    s.dims.setdefault(size, d)
    return size


def count_of(s: Specializer, v: Ref) -> Node:
    """The number of elements."""
    total: Node = literal(1)
    for axis in range(array_type(s, v).rank):
        total = s.b.mul(total, size_of(s, v, axis))
    return total


def dims_of(s: Specializer, shape: Shape, sources: Sequence[Node]) -> list[Node]:
    """A node for each run-time dim of a shape, found among arrays that have it."""
    out = []
    for d in shape:
        if isinstance(d, Dim):
            out.append(
                next(s.b.dim(x, axis=x.type.shape.index(d)) for x in sources if isinstance(x.type, Array) and d in x.type.shape)
            )
    return out


# -- elements and blocks --------------------------------------------------------------------------------------------------


def from_zero(s: Specializer, i: Node, n: Node) -> Node:
    """An index that may count from the end, counted from the start."""
    i = s.convert(as_int(s, i), INT)
    if isinstance(i, Constant):
        return i if i.value >= 0 else s.b.add(n, i)
    if never_negative(i):
        return i
    if compared("<", i, literal(0)):
        return s.b.add(i, n)
    return s.b.select(s.b.lt(i, literal(0)), s.b.add(i, n), i)


def trips_of(i: Node) -> Node | None:
    """The number of trips of the loop that an index counts; None for anything else."""
    g = i.graph
    counts = g is not None and g.role == "loop" and bool(g.params) and i is g.params[0]
    return g.info if counts and isinstance(g.info, Node) else None  # type: ignore[union-attr]


def never_negative(i: Node) -> bool:
    """Whether an integer is known not to be negative: it counts trips, or is made of such."""
    if isinstance(i, Constant):
        return bool(i.value >= 0)
    if at_most(literal(0), i) or trips_of(i) is not None:
        return True
    fn = getattr(i, "fn", None)
    if fn is None:
        return False
    if fn.name in ("add", "mul", "minimum", "and"):
        return all(map(never_negative, i.args))  # type: ignore[attr-defined]
    if fn.name == "maximum":
        return any(map(never_negative, i.args))  # type: ignore[attr-defined]
    if fn.name in ("floordiv", "mod"):
        return never_negative(i.args[1]) and (fn.name == "mod" or never_negative(i.args[0]))  # type: ignore[attr-defined]
    return fn.name == "dim" or (fn.name == "convert" and i.args[0].type is BOOL)  # type: ignore[attr-defined]


def element(s: Specializer, v: Ref, index: list[Node]) -> Node:
    """v[i, j, ...], counted from 0."""
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        return s.b.index(content, *index)
    placed = _through(s, content, index, array_type(s, v).shape)
    if placed is not None:
        return element(s, content.children[0], placed)
    return s.b.index(read(s, v), *index)


def _through(s: Specializer, content: Compound, index: list[Node], shape: Shape) -> list[Node] | None:
    """The index into the array that a view shows, with the view's own bounds checked; None through a reshape."""
    b = s.b
    kind, *facts = content.head
    if kind == "transpose":
        out: list[Any] = [None] * len(index)
        for i, a in zip(index, facts[0], strict=True):
            out[a] = i
        return out
    if kind != "basic":
        return None
    steps, sizes, result = facts
    feed = iter(
        [i for i, d in zip(index, result, strict=True) if d != 1] if len(result) != sum(k is not None for k in steps) else index
    )
    placed: list[Node] = []
    kept = [n for k, n in zip(steps, sizes, strict=True) if k is not None]
    if len(result) != len(kept):
        return None  # with new axes: rare, read as a whole
    for k, n, start in zip(steps, sizes, content.children[1 : 1 + len(steps)], strict=True):
        axis = len(placed) - steps[: len(placed)].count(None)  # of the view
        if k is None:
            placed.append(start)
            continue
        i = next(feed)
        check_inside(s, content, n, i, axis)
        placed.append(b.add(start, b.mul(i, literal(k))))
    return placed


def check_inside(s: Specializer, content: Compound, n: int | Dim, i: Node, axis: int) -> None:
    """IndexError where an index is outside an axis of size n of a view, which the array behind it may have a place for."""
    b, (steps, sizes, _) = s.b, content.head[1:]
    size = (
        literal(n)
        if isinstance(n, int)
        else content.children[1 + len(steps) + [d for d in sizes if isinstance(d, Dim)].index(n)]
    )
    least = trips_of(i) or (b.add(i, literal(1)) if isinstance(i, Constant) and i.value >= 0 else None)
    if least is not None and (least is size or at_most(least, size)):
        return
    b.assert_(
        b.and_(b.ge(i, literal(0)), b.lt(i, size)),
        i,
        size,
        error="IndexError",
        message=f"index {{0}} is out of bounds for axis {axis} with size {{1}}",
    )


def write_element(s: Specializer, v: Ref, index: list[Node], value: Node) -> None:
    content = _writable(s, v)
    if isinstance(content, Node):
        return objects.write(s, v, s.b.index_update(content, value, *index))
    placed = _through(s, content, index, array_type(s, v).shape)
    if placed is None:
        return write_whole(s, v, s.b.index_update(read(s, v), value, *index))
    return write_element(s, content.children[0], placed, value)


def _writable(s: Specializer, v: Ref) -> Any:
    """The content of an array that is written to."""
    if v.obj.frozen:
        raise s.refuse_frozen(v.obj)
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Compound) and content.head[0] == "broadcast":
        s.b.raise_(error="ValueError", message="assignment destination is read-only")
        raise s.Bottom
    return content


def write_block(s: Specializer, v: Ref, starts: list[Node], steps: list[int], block: Node) -> None:
    """Put a block of v's rank at `starts`."""
    b = s.b
    content = _writable(s, v)
    if isinstance(content, Node):
        return objects.write(s, v, b.slice_update(content, block, *starts, steps=tuple(steps)))
    kind, *facts = content.head
    base = content.children[0]
    if kind == "transpose":
        inverse = _inverse(facts[0])
        return write_block(s, base, [starts[i] for i in inverse], [steps[i] for i in inverse], b.transpose(block, axes=inverse))
    if kind == "reshape":
        return write_whole(s, v, b.slice_update(read(s, v), block, *starts, steps=tuple(steps)))
    view_steps, sizes, result = facts
    if len(result) != sum(k is not None for k in view_steps):  # with new axes
        return write_whole(s, v, b.slice_update(read(s, v), block, *starts, steps=tuple(steps)))
    new_starts, new_steps, shape, j = [], [], [], 0
    for k, n, start in zip(view_steps, sizes, content.children[1 : 1 + len(view_steps)], strict=True):
        if k is None:
            new_starts.append(start)
            new_steps.append(1)
            shape.append(1)
        else:
            if block.type.shape[j] == 1:  # type: ignore[attr-defined]
                check_inside(s, content, n, starts[j], j)
            new_starts.append(b.add(start, b.mul(starts[j], literal(k))))
            new_steps.append(k * steps[j])
            shape.append(block.type.shape[j])  # type: ignore[attr-defined]
            j += 1
    return write_block(s, base, new_starts, new_steps, b.reshape(block, *dims_of(s, tuple(shape), [block]), shape=tuple(shape)))


def write_whole(s: Specializer, v: Ref, node: Node) -> None:
    """Replace all elements."""
    b = s.b
    content = _writable(s, v)
    if isinstance(content, Node):
        return objects.write(s, v, node)
    kind, *facts = content.head
    base, *rest = content.children
    if kind == "transpose":
        return write_whole(s, base, b.transpose(node, axes=_inverse(facts[0])))
    if kind == "reshape":
        shape = array_type(s, base).shape
        return write_whole(s, base, b.reshape(node, *dims_of(s, shape, [read(s, base)]), shape=shape))
    steps, sizes, _ = facts
    block = b.reshape(node, *rest[len(steps) :], shape=sizes)
    return write_block(s, base, rest[: len(steps)], [1 if k is None else k for k in steps], block)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(i) for i in range(len(axes)))
