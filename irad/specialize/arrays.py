"""NumPy's arrays as abstract values: objects of the store whose content is a node, or a view of another array.

A view keeps what it was made from, so reading it reads the array as it is now, and a write through it goes to the array.
Slices can be written through; a transposed or reshaped array can only be read.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.numbers import PRIMITIVE, arithmetic, as_int, known_int
from irad.specialize.values import Compound, Known, Obj, Ref, is_number, leaf_types
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, Array, Dim, JoinError, Scalar, Type, fresh_dim, join

__all__ = [
    "abstract", "as_scalar", "binary", "compare", "contains", "elementwise", "getattr_", "getitem", "handler", "inplace", "is_array",
    "iteration", "jacobian", "length", "method", "new_array", "node_of", "pack", "setitem", "static_items", "truth", "unary",
]

Shape = tuple[int | Dim, ...]


def is_array(s: Any, v: Any) -> bool:
    return isinstance(v, Ref) and v.obj.kind == "array"


def new_array(s: Any, node: Node) -> Any:
    """The value of a node: an array object, or the number it is."""
    if not isinstance(node.type, Array):
        return node
    obj = Obj("array", span=s.span)
    s.store.set(obj, node)
    return Ref(obj)


abstract = new_array


def view(s: Any, base: Ref, spec: tuple[Any, ...], nodes: Sequence[Node] = ()) -> Ref:
    obj = Obj("array", span=s.span)
    s.store.set(obj, Compound("view", spec, [base, *nodes]))
    return Ref(obj)


def read(s: Any, v: Ref) -> Node:
    """The array as it is now."""
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        return content
    base, *nodes = content.children
    return _apply_view(s, read(s, base), content.head, nodes)


def _apply_view(s: Any, x: Node, spec: tuple[Any, ...], nodes: list[Node]) -> Node:
    b = s.b
    kind, *facts = spec
    if kind == "transpose":
        return b.transpose(x, axes=facts[0])  # type: ignore[no-any-return]
    if kind == "reshape":
        return b.reshape(x, *nodes, shape=facts[0])  # type: ignore[no-any-return]
    steps, sizes, shape = facts
    rank = len(steps)
    starts, dims = nodes[:rank], nodes[rank:]
    block = b.slice(x, *starts, *dims, shape=sizes, steps=tuple(1 if k is None else k for k in steps))
    return block if shape == sizes else b.reshape(block, *dims, shape=shape)  # type: ignore[no-any-return]


def array_type(s: Any, v: Ref) -> Array:
    """The type of an array without reading it where it is a view."""
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        assert isinstance(content.type, Array)
        return content.type
    base = array_type(s, content.children[0])
    kind, *facts = content.head
    shape = tuple(base.shape[a] for a in facts[0]) if kind == "transpose" else facts[0] if kind == "reshape" else facts[2]
    return Array(base.dtype, shape)


def node_of(s: Any, v: Any) -> Any:
    """The node of an array or number; anything else as it is."""
    return read(s, v) if is_array(s, v) else v


def as_scalar(s: Any, v: Any) -> Any:
    """The number in an array of one element; anything else as it is."""
    if is_array(s, v):
        t = array_type(s, v)
        if all(d == 1 for d in t.shape):
            return element(s, v, [literal(0)] * t.rank)
    return v


def size_of(s: Any, v: Ref, axis: int) -> Node:
    d = array_type(s, v).shape[axis]
    return literal(d) if isinstance(d, int) else s.b.dim(read(s, v), axis=axis)


def dims_of(s: Any, shape: Shape, sources: Sequence[Node]) -> list[Node]:
    """A node for each run-time dim of a shape, found among arrays that have it."""
    out = []
    for d in shape:
        if isinstance(d, Dim):
            out.append(next(s.b.dim(x, axis=x.type.shape.index(d)) for x in sources if isinstance(x.type, Array) and d in x.type.shape))  # type: ignore[attr-defined]
    return out


# -- elements and blocks --------------------------------------------------------------------------------------------------


def _from_zero(s: Any, i: Node, n: Node) -> Node:
    """An index that may count from the end, counted from the start."""
    i = s.convert(as_int(s, i), INT)
    if isinstance(i, Constant):
        return i if i.value >= 0 else s.b.add(n, i)  # type: ignore[no-any-return]
    if never_negative(i):
        return i
    return s.b.select(s.b.lt(i, literal(0)), s.b.add(i, n), i)  # type: ignore[no-any-return]


def never_negative(i: Node) -> bool:
    """Whether an integer is known not to be negative: it counts trips, or is made of such."""
    if isinstance(i, Constant):
        return bool(i.value >= 0)
    if i.graph is not None and i.graph.role == "loop" and i.graph.params and i is i.graph.params[0] and i.name == "i" and i.graph.info == "counted":
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


def element(s: Any, v: Ref, index: list[Node]) -> Node:
    """v[i, j, ...], counted from 0."""
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        return s.b.index(content, *index)  # type: ignore[no-any-return]
    placed = _through(s, content, index, array_type(s, v).shape)
    if placed is not None:
        return element(s, content.children[0], placed)
    return s.b.index(read(s, v), *index)  # type: ignore[no-any-return]


def _through(s: Any, content: Compound, index: list[Node], shape: Shape) -> list[Node] | None:
    """The index into the array that a view shows, with the view's own bounds checked; None through a reshape."""
    b = s.b
    kind, *facts = content.head
    if kind == "transpose":
        out: list[Any] = [None] * len(index)
        for i, a in zip(index, facts[0], strict=True):
            out[a] = i
        return out
    if kind == "reshape":
        return None
    steps, sizes, result = facts
    feed = iter([i for i, d in zip(index, result, strict=True) if d != 1] if len(result) != sum(k is not None for k in steps) else index)
    placed = []
    kept = [n for k, n in zip(steps, sizes, strict=True) if k is not None]
    if len(result) != len(kept):
        return None                                    # with new axes: rare, read as a whole
    for k, n, start in zip(steps, sizes, content.children[1:1 + len(steps)], strict=True):
        if k is None:
            placed.append(start)
            continue
        i = next(feed)
        if not (isinstance(n, int) and isinstance(i, Constant) and 0 <= i.value < n):
            size = literal(n) if isinstance(n, int) else content.children[1 + len(steps) + [d for d in sizes if isinstance(d, Dim)].index(n)]
            b.assert_(b.and_(b.ge(i, literal(0)), b.lt(i, size)), i, size, error="IndexError", message="index {0} is out of bounds for axis with size {1}")
        placed.append(b.add(start, b.mul(i, literal(k))))
    return placed


def write_element(s: Any, v: Ref, index: list[Node], value: Node) -> None:
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        return objects.write(s, v, s.b.index_update(content, value, *index))
    placed = _through(s, content, index, array_type(s, v).shape)
    if placed is None:
        raise _unwritable(s)
    write_element(s, content.children[0], placed, value)
    return None


def _unwritable(s: Any) -> Exception:
    return s.refuse("view-write", "this array shares memory with another, through a reshape or new axes, and is written to",  # type: ignore[no-any-return]
                    help="copy it first, or write to the array it was made from")


def write_block(s: Any, v: Ref, starts: list[Node], steps: list[int], block: Node) -> None:
    """Put a block of v's rank at `starts`."""
    if v.obj.frozen:
        raise s.refuse_frozen(v.obj)
    b = s.b
    content = s.readable(s.store.get(v.obj))
    if isinstance(content, Node):
        return objects.write(s, v, b.slice_update(content, block, *starts, steps=tuple(steps)))
    kind, *facts = content.head
    base = content.children[0]
    if kind == "transpose":
        axes = facts[0]
        inverse = tuple(axes.index(i) for i in range(len(axes)))
        return write_block(s, base, [starts[i] for i in inverse], [steps[i] for i in inverse], b.transpose(block, axes=inverse))
    if kind == "reshape":
        raise _unwritable(s)
    view_steps, sizes, result = facts
    kept = [i for i, k in enumerate(view_steps) if k is not None]
    if len(result) != len(kept):
        raise _unwritable(s)
    new_starts, new_steps, shape, j = [], [], [], 0
    for i, (k, start) in enumerate(zip(view_steps, content.children[1:1 + len(view_steps)], strict=True)):
        if k is None:
            new_starts.append(start)
            new_steps.append(1)
            shape.append(1)
        else:
            new_starts.append(b.add(start, b.mul(starts[j], literal(k))))
            new_steps.append(k * steps[j])
            shape.append(block.type.shape[j])  # type: ignore[attr-defined]
            j += 1
        del i
    write_block(s, base, new_starts, new_steps, b.reshape(block, *dims_of(s, tuple(shape), [block]), shape=tuple(shape)))
    return None


def write_whole(s: Any, v: Ref, node: Node) -> None:
    """Replace all elements."""
    content = s.store.get(v.obj)
    if isinstance(content, Node):
        objects.write(s, v, node)
    else:
        rank = array_type(s, v).rank
        write_block(s, v, [literal(0)] * rank, [1] * rank, node)


# -- indexing -------------------------------------------------------------------------------------------------------------


class _Index:
    """x[...] taken apart: for each axis of x a start, a step (None: one element) and a size; then the result's shape."""

    def __init__(self, s: Any, v: Ref, index: Any) -> None:
        self.s, self.v = s, v
        self.t = array_type(s, v)
        items = list(index.children) if objects.is_tuple(index) else [index]
        self.starts: list[Node] = []
        self.steps: list[int | None] = []
        self.sizes: list[int | Dim] = []
        self.dims: list[Node] = []
        self.shape: list[int | Dim] = []
        count = sum(not self._is_new(i) and not self._is_dots(i) for i in items)
        dots = [k for k, i in enumerate(items) if self._is_dots(i)]
        if len(dots) > 1 or count > self.t.rank:
            raise s.refuse("index", f"too many indices for an array of {self.t.rank} axes" if count > self.t.rank else "more than one `...` in an index")
        whole = Compound("slice", None, [Known(None)] * 3)
        if not dots:
            items.append(Known(Ellipsis))
            dots = [len(items) - 1]
        items[dots[0]:dots[0] + 1] = [whole] * (self.t.rank - count)
        axis = 0
        for item in items:
            if self._is_new(item):
                self.shape.append(1)
                continue
            self._axis(axis, item)
            axis += 1

    @staticmethod
    def _is_new(i: Any) -> bool:
        return isinstance(i, Known) and i.value is None

    @staticmethod
    def _is_dots(i: Any) -> bool:
        return isinstance(i, Known) and i.value is Ellipsis

    def _axis(self, axis: int, item: Any) -> None:
        s = self.s
        item = as_scalar(s, item)
        if is_number(item) and item.type.kind == "i":
            self.starts.append(_from_zero(s, item, size_of(s, self.v, axis)))
            self.steps.append(None)
            self.sizes.append(1)
            return
        if isinstance(item, Compound) and item.kind == "slice":
            self._slice(axis, item)
            return
        what = "a truth value" if is_number(item) and item.type is BOOL else s.describe(item)
        raise s.refuse("unsupported-index", f"an array is indexed by {what}", help="use integers, slices, `...` and None; loop over the positions for others")

    def _slice(self, axis: int, item: Compound) -> None:
        s, b = self.s, self.s.b
        n = self.t.shape[axis]
        lower, upper, step = item.children
        k = 1 if self._is_new(step) else known_int(s, step, "the step of a slice")
        if k == 0:
            b.raise_(error="ValueError", message="slice step cannot be zero")
            raise s.Bottom
        bounds = [None if self._is_new(x) else as_scalar(s, x) for x in (lower, upper)]
        for x in bounds:
            if x is not None and not (is_number(x) and x.type.kind == "i"):
                raise s.refuse("type-mismatch", f"the bounds of a slice are integers, not {s.describe(x)}")
        if isinstance(n, int) and all(x is None or isinstance(x, Constant) for x in bounds):
            r = range(n)[slice(*[None if x is None else x.value for x in bounds], k)]
            start, size = literal(r.start if len(r) else 0), len(r)
        else:
            start, size = self._run_time(axis, bounds, k)
        self.starts.append(start)
        self.steps.append(k)
        self.sizes.append(size)
        self.shape.append(size)

    def _run_time(self, axis: int, bounds: list[Any], k: int) -> tuple[Node, int | Dim]:
        """Bounds known at run time: clipped as Python does, and a new symbol for the size."""
        s, b = self.s, self.s.b
        n = size_of(s, self.v, axis)
        last = b.sub(n, literal(1))

        def clipped(x: Any, default: Node, low: Node, high: Node) -> Node:
            if x is None:
                return default
            x = s.convert(x, INT)
            x = b.select(b.lt(x, literal(0)), b.add(x, n), x) if not never_negative(x) else x
            return b.minimum(b.maximum(x, low), high)  # type: ignore[no-any-return]

        if k > 0:
            start, stop = clipped(bounds[0], literal(0), literal(0), n), clipped(bounds[1], n, literal(0), n)
            span = b.add(b.sub(stop, start), literal(k - 1))
        else:
            start, stop = clipped(bounds[0], last, literal(-1), last), clipped(bounds[1], literal(-1), literal(-1), last)
            span = b.add(b.sub(start, stop), literal(-k - 1))
        size = b.maximum(b.floordiv(span, literal(abs(k))), literal(0))
        if bounds[0] is None and bounds[1] is None and k == 1:
            return start, self.t.shape[axis] if not isinstance(self.t.shape[axis], int) else self._symbol(size)
        return start, self._symbol(size)

    def _symbol(self, size: Node) -> int | Dim:
        if isinstance(size, Constant):
            return int(size.value)
        d = fresh_dim()
        self.dims.append(size)
        return d

    def run_time_dims(self) -> list[Node]:
        """One node for each symbol among the sizes, in order."""
        feed = iter(self.dims)
        known = self.t.shape
        out = []
        for axis, d in enumerate(self.sizes):
            if isinstance(d, Dim):
                out.append(size_of(self.s, self.v, axis) if d is known[axis] else next(feed))
        return out

    @property
    def is_element(self) -> bool:
        return all(k is None for k in self.steps) and not self.shape


def getitem(s: Any, v: Any, index: Any) -> Any:
    if not is_array(s, v):
        return None
    parts = _Index(s, v, index)
    if parts.is_element:
        return element(s, v, parts.starts)
    return view(s, v, ("basic", tuple(parts.steps), tuple(parts.sizes), tuple(parts.shape)), [*parts.starts, *parts.run_time_dims()])


def setitem(s: Any, v: Ref, index: Any, value: Any) -> None:
    parts = _Index(s, v, index)
    t = parts.t
    if parts.is_element:
        value = as_scalar(s, value)
        if not is_number(value):
            raise s.refuse("type-mismatch", f"an element is set to {s.describe(value)}", help="put one number")
        return write_element(s, v, parts.starts, cast(s, value, t.dtype, "this element"))
    dims = parts.run_time_dims()
    node = node_of(s, value)
    if not (is_number(node) or isinstance(node, Node) and isinstance(node.type, Array)):
        node = node_of(s, _array(s, [value], {}))
    node = cast(s, node, t.dtype, "these elements")
    shape = tuple(parts.shape)
    sources = dict(zip([d for d in parts.sizes if isinstance(d, Dim)], dims, strict=True))
    block = spread(s, node, shape, [sources[d] for d in shape if isinstance(d, Dim)])
    full = tuple(parts.sizes)
    if full != shape:
        block = s.b.reshape(block, *dims, shape=full)
    write_block(s, v, parts.starts, [1 if k is None else k for k in parts.steps], block)
    return None


def cast(s: Any, node: Node, dtype: Scalar, what: str) -> Node:
    """A value as it is stored in an array of this dtype."""
    kind = s.b.scalar_of(node).kind
    if kind == "f" and dtype.kind != "f":
        if is_number(node):
            raise s.refuse("dtype", f"{what} of an integer array is set to a float", help="make the array of floats: dtype=float")
        raise s.refuse("dtype", "floats are put into an integer array", help="use astype")
    return node if s.b.scalar_of(node).strong is dtype else s.b.convert(node, to=dtype)  # type: ignore[no-any-return]


# -- elementwise operations -------------------------------------------------------------------------------------------------


def promote(s: Any, xs: Sequence[Node], op: str) -> Scalar:
    """The dtype that NumPy 2 computes in."""
    total: Type | None = None
    for x in xs:
        t = s.b.scalar_of(x)
        t = INT if t is BOOL and not isinstance(x.type, Array) else t
        try:
            total = t if total is None else join(total, t) if not (BOOL in (total, t) and total is not t) else (t if total is BOOL else total)
        except JoinError as e:
            raise s.refuse("type-mismatch", f"`{op}` cannot join {e}") from None
    assert isinstance(total, Scalar)
    return total


def broadcast_shape(s: Any, xs: Sequence[Node], op: str) -> Shape:
    """The common shape; sizes known at run time only must be equal, which is checked by `spread`."""
    shapes = [x.type.shape if isinstance(x.type, Array) else () for x in xs]
    rank = max(map(len, shapes))
    out: list[int | Dim] = []
    for axis in range(-rank, 0):
        sizes = [sh[axis] for sh in shapes if len(sh) >= -axis]
        wanted = [d for d in sizes if d != 1]
        fixed = {d for d in wanted if isinstance(d, int)}
        if len(fixed) > 1:
            raise s.refuse("shape-mismatch", f"`{op}` cannot join shapes {' and '.join(shape_text(sh) for sh in shapes)}",
                           help="NumPy joins axes of equal size, and axes of size 1 with any")
        out.append(next(iter(fixed)) if fixed else wanted[0] if wanted else 1)
    return tuple(out)


def shape_text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def spread(s: Any, x: Node, shape: Shape, dims: Sequence[Node]) -> Node:
    """x in this shape, repeated where NumPy repeats it."""
    b = s.b
    if isinstance(x.type, Array):
        if x.type.shape == shape:
            return x
        lead = len(shape) - x.type.rank
        if lead < 0:
            raise s.refuse("shape-mismatch", f"an array of shape {shape_text(x.type.shape)} does not fit {shape_text(shape)}")
        own = []
        for d, n in zip(x.type.shape, shape[lead:], strict=True):
            if d != n and d != 1 and isinstance(d, int) and isinstance(n, int):
                raise s.refuse("shape-mismatch", f"an array of shape {shape_text(x.type.shape)} does not fit {shape_text(shape)}")
            own.append(d if d == 1 else n)
        if tuple(own) != x.type.shape:                 # equal if at all: found out at run time
            feed = iter(dims)
            wanted = {n: next(feed) for n in shape if isinstance(n, Dim)}
            for axis, (d, n) in enumerate(zip(x.type.shape, own, strict=True)):
                if d != n:
                    size = wanted[n] if isinstance(n, Dim) else literal(n)
                    b.same_dim(size, b.dim(x, axis=axis) if isinstance(d, Dim) else literal(d))
                    b.assert_(b.eq(size, b.dim(x, axis=axis) if isinstance(d, Dim) else literal(d)), error="ValueError",
                              message="operands could not be broadcast together")
            x = b.retype(x, to=Array(x.type.dtype, own))
        if x.type.shape == shape:  # type: ignore[attr-defined]
            return x
    if not shape:
        return x
    return b.broadcast(x, *dims, shape=shape)  # type: ignore[no-any-return]


def elementwise(s: Any, prim: str, xs: Sequence[Node], dtype: Scalar | None, op: str) -> Any:
    """A scalar primitive over numbers and arrays, broadcast to one shape and converted to one dtype."""
    b = s.b
    shape = broadcast_shape(s, xs, op)
    nodes = [x if dtype is None or b.scalar_of(x).strong is dtype.strong else b.convert(x, to=dtype if isinstance(x.type, Array) else dtype) for x in xs]
    if shape:
        dims = dims_of(s, shape, nodes)
        nodes = [spread(s, x, shape, dims) for x in nodes]
        nodes = [b.broadcast(x, *dims, shape=shape) if not isinstance(x.type, Array) else x for x in nodes]
    elif dtype is not None:
        nodes = [s.convert(x, dtype) for x in nodes]
    return new_array(s, b.apply(b.primitives[prim], nodes))


def _operands(s: Any, *values: Any) -> list[Node] | None:
    """The nodes of numbers and arrays, if that is what all are; lists and tuples beside an array become arrays."""
    if not any(is_array(s, v) for v in values):
        return None
    out = []
    for v in values:
        if objects.is_tuple(v) or objects.is_list(v):
            v = _array(s, [v], {})
        v = node_of(s, v)
        if not isinstance(v, Node):
            return None
        out.append(v)
    return out


def binary(s: Any, op: str, x: Any, y: Any) -> Any:
    nodes = _operands(s, x, y)
    if nodes is None:
        return None
    if op == "@":
        return _matmul(s, [x, y], {})
    dtype = promote(s, nodes, op)
    if op == "/":
        dtype = dtype if dtype.kind == "f" else F64
        return elementwise(s, "div", nodes, dtype, op)
    if op == "**":
        if dtype.kind == "f":
            return elementwise(s, "pow", nodes, dtype, op)
        return elementwise(s, "ipow", nodes, dtype, op)
    if op in "&|^" or op in ("<<", ">>"):
        if dtype.kind == "f":
            raise s.refuse("type-mismatch", f"`{op}` takes integers or truth values, not floats")
        return elementwise(s, PRIMITIVE[op], nodes, dtype, op)
    if dtype is BOOL:
        dtype = I64
    return elementwise(s, PRIMITIVE[op], nodes, dtype, op)


def inplace(s: Any, op: str, x: Ref, y: Any) -> Ref:
    """x op= y: the array keeps its shape and dtype."""
    t = array_type(s, x)
    result = binary(s, op, x, y)
    if result is None:
        raise s.refuse("type-mismatch", f"`{op}=` does not apply to an array and {s.describe(y)}")
    node = read(s, result)
    assert isinstance(node.type, Array)
    if node.type.dtype is not t.dtype:
        raise s.refuse("dtype", f"`{op}=` would change the dtype of the array from {t.dtype} to {node.type.dtype}", help="make the array of floats: dtype=float")
    if node.type.shape != t.shape:
        raise s.refuse("shape-mismatch", f"`{op}=` would change the shape of the array from {shape_text(t.shape)} to {shape_text(node.type.shape)}")
    write_whole(s, x, node)
    return x


def unary(s: Any, op: str, x: Any) -> Any:
    if not is_array(s, x):
        return None
    node = read(s, x)
    dtype = s.b.scalar_of(node)
    if op == "+":
        return new_array(s, node)
    if op == "~":
        return new_array(s, s.b.not_(node) if dtype is BOOL else s.b.invert(node))
    return new_array(s, s.b.neg(node if dtype is not BOOL else s.b.convert(node, to=I64)))


def compare(s: Any, op: str, x: Any, y: Any) -> Any:
    nodes = _operands(s, x, y)
    if nodes is None:
        return None
    return elementwise(s, PRIMITIVE[op], nodes, promote(s, nodes, op), op)


def truth(s: Any, v: Any) -> Any:
    if not is_array(s, v):
        return None
    x = as_scalar(s, v)
    if not is_number(x):
        raise s.refuse("ambiguous-truth", "the truth value of an array with several elements is ambiguous", help="use .any() or .all()")
    return x if x.type is BOOL else s.b.ne(x, constant(x.type, 0.0 if x.type.kind == "f" else 0))


def contains(s: Any, x: Any, v: Ref) -> Node:
    return reduce(s, "any", read(s, compare(s, "==", v, x)), None, False)  # type: ignore[no-any-return]


# -- attributes, length, iteration ------------------------------------------------------------------------------------------


def length(s: Any, v: Any) -> Node | None:
    if not is_array(s, v):
        return None
    if array_type(s, v).rank == 0:
        raise s.refuse("type-mismatch", "len() of a number")
    return size_of(s, v, 0)


def static_items(s: Any, v: Ref, expected: int | None = None) -> list[Any] | None:
    n = array_type(s, v).shape[0]
    if isinstance(n, Dim):
        if expected is None:
            return None
        size = size_of(s, v, 0)
        s.b.assert_(s.b.eq(size, literal(expected)), error="ValueError", message=f"cannot unpack an array of another length into {expected} values")
        n = expected
    return [getitem(s, v, literal(i)) for i in range(n)]


def iteration(s: Any, v: Ref) -> Any:
    from irad.specialize.library import Iteration

    return Iteration(None, size_of(s, v, 0), lambda i: getitem(s, v, i))


def getattr_(s: Any, v: Any, name: str) -> Any:
    if not is_array(s, v):
        return None
    t = array_type(s, v)
    if name == "shape":
        return Compound("tuple", None, [size_of(s, v, i) for i in range(t.rank)])
    if name == "ndim":
        return literal(t.rank)
    if name == "size":
        total: Node = literal(1)
        for i in range(t.rank):
            total = s.b.mul(total, size_of(s, v, i))
        return total
    if name == "T":
        return view(s, v, ("transpose", tuple(reversed(range(t.rank))))) if t.rank > 1 else v
    if name == "dtype":
        return Known(t.dtype.dtype)
    if name in METHODS:
        return Compound("built-in method", ("array", name), [v])
    return None


# -- functions --------------------------------------------------------------------------------------------------------------

Handler = Callable[[Any, list[Any], dict[str, Any]], Any]
HANDLERS: dict[Any, Handler] = {}


def handler(s: Any, value: Any) -> Handler | None:
    try:
        return HANDLERS.get(value)
    except TypeError:
        return None


def _numeric(s: Any, v: Any, name: str) -> Node:
    """The node of a number, an array, or a nested list of numbers."""
    if objects.is_tuple(v) or objects.is_list(v):
        v = _array(s, [v], {})
    v = node_of(s, v)
    if not isinstance(v, Node) or not isinstance(v.type, (Scalar, Array)):
        raise s.refuse("type-mismatch", f"np.{name} takes numbers and arrays, not {s.describe(v)}")
    return v


def _no_keywords(s: Any, name: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise s.refuse("unsupported-keyword", f"np.{name} with the keyword `{next(iter(kwargs))}` cannot be compiled")


def _count(s: Any, name: str, args: list[Any], least: int, most: int | None = None) -> None:
    if not least <= len(args) <= (most or least):
        raise s.refuse("wrong-arguments", f"np.{name} takes {least}{f' to {most}' if most else ''} arguments, not {len(args)}")


FLOAT_UNARY = {
    "sqrt": "sqrt", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10",
    "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "cbrt": "cbrt", "rint": "rint",
}
FLOAT_BINARY = {"arctan2": "atan2", "hypot": "hypot", "copysign": "copysign", "fmod": "fmod"}
OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "floor_divide": "//", "mod": "%", "remainder": "%",
    "power": "**", "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}


def _strong(s: Any, xs: Sequence[Node], dtype: Scalar) -> Scalar:
    """NumPy's functions give machine scalars, also for Python's numbers."""
    return dtype.strong


def _float_function(name: str, prim: str, count: int) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        _no_keywords(s, name, kwargs)
        _count(s, name, args, count)
        xs = [_numeric(s, a, name) for a in args]
        dtype = promote(s, xs, name)
        return elementwise(s, prim, xs, _strong(s, xs, dtype if dtype.kind == "f" else F64), name)
    return call


def _operator_function(name: str, op: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        from irad.specialize import operators

        _no_keywords(s, name, kwargs)
        _count(s, name, args, 2)
        xs = [_numeric(s, a, name) for a in args]
        if all(map(is_number, xs)):
            if op in operators.SWAPPED:
                return operators.compare(s, op, *xs)
            return arithmetic(s, op, *[s.b.convert(x, to=x.type.strong) if x.type.weak else x for x in xs])  # type: ignore[attr-defined]
        return (compare if op in operators.SWAPPED else binary)(s, op, *[new_array(s, x) for x in xs])
    return call


for _name, _prim in FLOAT_UNARY.items():
    HANDLERS[getattr(np, _name)] = _float_function(_name, _prim, 1)
for _name, _prim in FLOAT_BINARY.items():
    HANDLERS[getattr(np, _name)] = _float_function(_name, _prim, 2)
for _name, _op in OPERATORS.items():
    HANDLERS[getattr(np, _name)] = _operator_function(_name, _op)


def _same_dtype(name: str, prim: str, count: int) -> Handler:
    """Functions of any number that give the same dtype."""
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        _no_keywords(s, name, kwargs)
        _count(s, name, args, count)
        xs = [_numeric(s, a, name) for a in args]
        dtype = promote(s, xs, name)
        return elementwise(s, prim, xs, _strong(s, xs, I64 if dtype is BOOL and count == 1 else dtype), name)
    return call


for _name, _prim, _n in (("abs", "abs", 1), ("absolute", "abs", 1), ("fabs", "abs", 1), ("negative", "neg", 1), ("maximum", "maximum", 2), ("minimum", "minimum", 2)):
    HANDLERS[getattr(np, _name)] = _same_dtype(_name, _prim, _n)


def _rounding(name: str, prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        _no_keywords(s, name, kwargs)
        _count(s, name, args, 1)
        x = _numeric(s, args[0], name)
        return new_array(s, x) if s.b.scalar_of(x).kind != "f" else elementwise(s, prim, [x], s.b.scalar_of(x).strong, name)
    return call


for _name in ("floor", "ceil", "trunc", "sign"):
    HANDLERS[getattr(np, _name)] = _rounding(_name, _name)


def _test(name: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        _no_keywords(s, name, kwargs)
        _count(s, name, args, 1)
        x = _numeric(s, args[0], name)
        return elementwise(s, name, [x], s.b.scalar_of(x).strong if s.b.scalar_of(x).kind == "f" else F64, name)
    return call


for _name in ("isnan", "isinf", "isfinite"):
    HANDLERS[getattr(np, _name)] = _test(_name)


def _square(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "square", kwargs)
    _count(s, "square", args, 1)
    x = _numeric(s, args[0], "square")
    return elementwise(s, "mul", [x, x], promote(s, [x], "square").strong, "square")


def _logical(name: str, prim: str, count: int) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        _no_keywords(s, name, kwargs)
        _count(s, name, args, count)
        xs = [_numeric(s, a, name) for a in args]
        return elementwise(s, prim, [x if s.b.scalar_of(x) is BOOL else s.b.ne(x, s.b.like(0, x)) for x in xs], BOOL, name)
    return call


HANDLERS[np.square] = _square
for _name, _prim, _n in (("logical_and", "and", 2), ("logical_or", "or", 2), ("logical_xor", "xor", 2), ("logical_not", "not", 1)):
    HANDLERS[getattr(np, _name)] = _logical(_name, _prim, _n)


def _where(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "where", kwargs)
    _count(s, "where", args, 3)
    c, x, y = (_numeric(s, a, "where") for a in args)
    if s.b.scalar_of(c) is not BOOL:
        c = s.b.ne(c, s.b.like(0, c))
    dtype = promote(s, [x, y], "where").strong
    x, y = (v if s.b.scalar_of(v).strong is dtype else s.b.convert(v, to=dtype) for v in (x, y))
    return elementwise(s, "select", [c, x, y], None, "where")


def _clip(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("a", "a_min", "a_max"), args, strict=False))
    given.update({{"min": "a_min", "max": "a_max"}.get(k, k): v for k, v in kwargs.items()})
    if set(given) - {"a", "a_min", "a_max"} or "a" not in given:
        raise s.refuse("wrong-arguments", "np.clip takes an array, a least and a greatest value")
    result = given["a"]
    for key, f in (("a_min", np.maximum), ("a_max", np.minimum)):
        bound = given.get(key)
        if bound is not None and not (isinstance(bound, Known) and bound.value is None):
            result = HANDLERS[f](s, [result, bound], {})
    return result


HANDLERS[np.where], HANDLERS[np.clip] = _where, _clip

# -- reductions ---------------------------------------------------------------------------------------------------------------


def reduce(s: Any, prim: str, x: Node, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """A reduction over axes (None: all)."""
    b = s.b
    if not isinstance(x.type, Array):
        return x
    t = x.type
    axes = tuple(range(t.rank)) if axis is None else axis
    if prim in ("sum", "prod") and t.dtype.kind in "bi" and t.dtype is not I64:
        x = b.convert(x, to=I64)
    if prim in ("any", "all") and t.dtype is not BOOL:
        x = b.ne(x, b.like(0, x))
    if prim in ("max", "min") and any(t.shape[a] == 0 for a in axes):
        b.raise_(error="ValueError", message="zero-size array to reduction operation which has no identity")
        raise s.Bottom
    result = b.apply(b.primitives[prim], (x,), (axes,)) if axes else x
    if keepdims:
        shape = tuple(1 if i in axes else d for i, d in enumerate(t.shape))
        dims = dims_of(s, shape, [x])
        result = b.reshape(result, *dims, shape=shape) if isinstance(result.type, Array) else b.broadcast(result, *dims, shape=shape)
    return new_array(s, result)


def _axes(s: Any, v: Any, rank: int) -> tuple[int, ...] | None:
    if isinstance(v, Known) and v.value is None:
        return None
    items = list(v.children) if objects.is_tuple(v) else [v]
    out = []
    for i in items:
        n = known_int(s, i, "an axis")
        if not -rank <= n < rank:
            raise s.refuse("axis", f"axis {n} is out of bounds for an array of {rank} axes")
        out.append(n % rank)
    if len(set(out)) != len(out):
        raise s.refuse("axis", "an axis is named twice")
    return tuple(sorted(out))


def _reduction(name: str, prim: str) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        x, axis, keep = _reduction_arguments(s, name, args, kwargs)
        return reduce(s, prim, x, axis, keep)
    return call


def _reduction_arguments(s: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[Node, tuple[int, ...] | None, bool]:
    kwargs = dict(kwargs)
    axis, keep = kwargs.pop("axis", None), kwargs.pop("keepdims", literal(False))
    _no_keywords(s, name, kwargs)
    _count(s, name, args, 1, 2)
    x = _numeric(s, args[0], name)
    axis = axis if axis is not None else args[1] if len(args) == 2 else Known(None)
    rank = x.type.rank if isinstance(x.type, Array) else 0
    if not isinstance(keep, Constant):
        raise s.needs_static("keepdims must be known at compile time")
    return x, _axes(s, axis, rank) if rank else None, bool(keep.value)


def _mean(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    x, axis, keep = _reduction_arguments(s, "mean", args, kwargs)
    if not isinstance(x.type, Array):
        return s.convert(x, F64)
    if x.type.dtype.kind != "f":
        x = s.b.convert(x, to=F64)
    total = reduce(s, "sum", x, axis, keep)
    t = x.type
    assert isinstance(t, Array)
    count: Node = literal(1)
    for i in range(t.rank) if axis is None else axis:
        d = t.shape[i]
        count = s.b.mul(count, literal(d) if isinstance(d, int) else s.b.dim(x, axis=i))
    n = s.b.convert(count, to=FLOAT)
    if is_number(total):
        return s.b.div(total, n)
    return binary(s, "/", total, n)


for _name, _prim in (("sum", "sum"), ("prod", "prod"), ("max", "max"), ("amax", "max"), ("min", "min"), ("amin", "min"), ("any", "any"), ("all", "all")):
    HANDLERS[getattr(np, _name)] = _reduction(_name, _prim)
HANDLERS[np.mean] = _mean

# -- creation -----------------------------------------------------------------------------------------------------------------

DTYPES: dict[Any, Scalar] = {
    float: F64, int: I64, bool: BOOL, np.float64: F64, np.float32: F32, np.int64: I64, np.int32: I32, np.bool_: BOOL,
    "float64": F64, "float": F64, "float32": F32, "int64": I64, "int": I64, "int32": I32, "bool": BOOL,
}


def dtype_of(s: Any, v: Any) -> Scalar:
    """A dtype given by the user."""
    if isinstance(v, Known):
        found = DTYPES.get(v.value) if not isinstance(v.value, np.dtype) else DTYPES.get(str(v.value))
        if found is not None:
            return found
    raise s.refuse("unsupported-dtype", f"the dtype {s.describe(v)} cannot be compiled", help="use float64, float32, int64, int32 or bool")


def _shape(s: Any, v: Any) -> tuple[Shape, list[Node]]:
    """A shape given by the user, and the nodes of the sizes that are known at run time only."""
    items = list(v.children) if objects.is_tuple(v) else objects.known_items(s, v) if objects.is_list(v) else [v]
    shape: list[int | Dim] = []
    dims = []
    for i in items:
        i = as_scalar(s, i)
        if not is_number(i) or i.type.kind not in "ib":
            raise s.refuse("type-mismatch", f"a shape is made of integers, not {s.describe(i)}")
        if isinstance(i, Constant):
            if i.value < 0:
                s.b.raise_(error="ValueError", message="negative dimensions are not allowed")
                raise s.Bottom
            shape.append(int(i.value))
        else:
            n = s.convert(i, INT)
            if not never_negative(n):
                s.b.assert_(s.b.ge(n, literal(0)), error="ValueError", message="negative dimensions are not allowed")
            known = n.fn.name == "dim" and n.args[0].type.shape[n.static[0]] if getattr(n, "fn", None) is not None else None
            shape.append(known if isinstance(known, Dim) else fresh_dim())
            dims.append(n)
    return tuple(shape), dims


def filled(s: Any, value: Node | None, shape: Shape, dims: list[Node], dtype: Scalar) -> Any:
    if not shape:
        return s.convert(value, dtype) if value is not None else constant(dtype, 0.0 if dtype.kind == "f" else 0)
    if value is None:
        return new_array(s, s.b.zeros(*dims, of=Array(dtype, shape)))
    if s.b.scalar_of(value).strong is not dtype:
        value = s.b.convert(value, to=dtype)
    return new_array(s, spread(s, value, shape, dims))


def _filled(name: str, value: float | None) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        dtype = kwargs.pop("dtype", args[1] if len(args) == 2 else Known(float))
        shape = kwargs.pop("shape", args[0] if args else None)
        _no_keywords(s, name, kwargs)
        if shape is None or len(args) > 2:
            raise s.refuse("wrong-arguments", f"np.{name} takes a shape and a dtype")
        t = dtype_of(s, dtype)
        return filled(s, None if value is None else constant(t, {"f": float, "i": int, "b": bool}[t.kind](value)), *_shape(s, shape), t)
    return call


HANDLERS[np.zeros], HANDLERS[np.empty], HANDLERS[np.ones] = _filled("zeros", None), _filled("empty", None), _filled("ones", 1)


def _full(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    dtype = kwargs.pop("dtype", None)
    _no_keywords(s, "full", kwargs)
    _count(s, "full", args, 2)
    value = _numeric(s, args[1], "full")
    t = dtype_of(s, dtype) if dtype is not None else s.b.scalar_of(value).strong
    return filled(s, value, *_shape(s, args[0]), t)


def _like(name: str, value: float | None) -> Handler:
    def call(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        dtype = kwargs.pop("dtype", None)
        _no_keywords(s, name, kwargs)
        _count(s, name, args, 2 if name == "full_like" else 1)
        x = _numeric(s, args[0], name)
        t = dtype_of(s, dtype) if dtype is not None else s.b.scalar_of(x).strong
        fill = _numeric(s, args[1], name) if name == "full_like" else None if value is None else constant(t, {"f": float, "i": int, "b": bool}[t.kind](value))
        shape = x.type.shape if isinstance(x.type, Array) else ()
        return filled(s, fill, shape, dims_of(s, shape, [x]), t)
    return call


HANDLERS[np.full] = _full
HANDLERS[np.zeros_like], HANDLERS[np.empty_like] = _like("zeros_like", None), _like("empty_like", None)
HANDLERS[np.ones_like], HANDLERS[np.full_like] = _like("ones_like", 1), _like("full_like", None)


def _arange(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    b = s.b
    kwargs = dict(kwargs)
    dtype = kwargs.pop("dtype", None)
    _no_keywords(s, "arange", kwargs)
    _count(s, "arange", args, 1, 3)
    xs = [as_scalar(s, a) for a in args]
    if not all(map(is_number, xs)):
        raise s.refuse("type-mismatch", "np.arange takes numbers")
    start, stop, step = (literal(0), xs[0], literal(1)) if len(xs) == 1 else (*xs, literal(1)) if len(xs) == 2 else xs
    t = promote(s, [start, stop, step], "arange").strong
    start, stop, step = (s.convert(x, INT if t.kind == "i" else FLOAT) for x in (start, stop, step))
    if t.kind == "i":
        towards = b.select(b.gt(step, literal(0)), literal(-1), literal(1)) if not isinstance(step, Constant) else literal(-1 if step.value > 0 else 1)
        count = b.floordiv(b.add(b.sub(stop, start), b.add(step, towards)), step)
    else:
        count = b.convert(b.ceil(b.div(b.sub(stop, start), step)), to=INT)
    count = b.maximum(count, literal(0))
    n: int | Dim = int(count.value) if isinstance(count, Constant) else fresh_dim()
    dims = [] if isinstance(n, int) else [count]
    index = b.iota(*dims, of=Array(I64, (n,)))
    if t.kind == "f":
        index = b.convert(index, to=F64)
    grid = b.add(b.mul(index, b.broadcast(step, *dims, shape=(n,))), b.broadcast(start, *dims, shape=(n,)))
    if dtype is not None and dtype_of(s, dtype) is not t:
        grid = b.convert(grid, to=dtype_of(s, dtype))
    return new_array(s, grid)


def _linspace(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    b = s.b
    kwargs = dict(kwargs)
    num = kwargs.pop("num", args[2] if len(args) == 3 else literal(50))
    _no_keywords(s, "linspace", kwargs)
    _count(s, "linspace", args, 2, 3)
    start, stop = (s.convert(as_scalar(s, a), FLOAT) for a in args[:2])
    (n,), dims = _shape(s, num)
    index = b.convert(b.iota(*dims, of=Array(I64, (n,))), to=F64)
    steps = b.convert(b.maximum(b.sub(dims[0] if dims else literal(n), literal(1)), literal(1)), to=FLOAT)
    step = b.div(b.sub(stop, start), steps)
    grid = b.add(b.mul(index, b.broadcast(step, *dims, shape=(n,))), b.broadcast(start, *dims, shape=(n,)))
    if isinstance(n, int) and n > 1:                   # the end is exact, as NumPy has it
        grid = b.index_update(grid, stop, literal(n - 1))
    return new_array(s, grid)


HANDLERS[np.arange], HANDLERS[np.linspace] = _arange, _linspace


def _nested(s: Any, v: Any) -> tuple[Shape, list[Node]]:
    """The shape and elements of a nested list of numbers and arrays."""
    if is_array(s, v):
        t = array_type(s, v)
        if any(isinstance(d, Dim) for d in t.shape) or math.prod(t.shape) > 64:  # type: ignore[arg-type]
            return t.shape, [read(s, v)]
        return t.shape, [element(s, v, [literal(int(i)) for i in ix]) for ix in np.ndindex(*t.shape)]  # type: ignore[arg-type]
    if is_number(v):
        return (), [v]
    if not (objects.is_tuple(v) or objects.is_list(v)):
        raise s.refuse("type-mismatch", f"np.array takes numbers, arrays and lists of them, not {s.describe(v)}")
    parts = [_nested(s, c) for c in objects.known_items(s, v)]
    if not parts:
        return (0,), []
    if any(shape != parts[0][0] for shape, _ in parts):
        raise s.refuse("shape-mismatch", "the rows of an array have different shapes", help="pad them, or keep a list of arrays")
    return (len(parts), *parts[0][0]), [n for _, nodes in parts for n in nodes]


def _array(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    b = s.b
    kwargs = dict(kwargs)
    dtype = kwargs.pop("dtype", args[1] if len(args) == 2 else None)
    kwargs.pop("copy", None)
    _no_keywords(s, "array", kwargs)
    _count(s, "array", args, 1, 2)
    (v, *_) = args
    column = objects.growing(s, v)
    if is_array(s, v):
        node = read(s, v)
    elif column is not None:
        node = list_array(s, column)
    else:
        shape, nodes = _nested(s, v)
        if not shape:
            return s.convert(nodes[0], dtype_of(s, dtype)) if dtype is not None else nodes[0]
        if not nodes:
            return filled(s, None, shape, [], dtype_of(s, dtype) if dtype is not None else F64)
        if any(isinstance(n.type, Array) for n in nodes):
            return _stacked(s, shape, nodes)
        t = promote(s, nodes, "np.array").strong if not all(n.type is BOOL for n in nodes) else BOOL
        twin = {F64: FLOAT, I64: INT}.get(t, t)
        node = b.array(*[s.convert(n, twin) for n in nodes], shape=shape)
    if dtype is not None and b.scalar_of(node).strong is not dtype_of(s, dtype):
        node = b.convert(node, to=dtype_of(s, dtype))
    return new_array(s, node)


def list_array(s: Any, content: Compound) -> Node:
    """The array of a list that grows: a column for each number of an item."""
    b, (node,) = s.b, content.children
    types = leaf_types(content.head)
    size = b.list_size(node)
    n = fresh_dim()
    columns = [b.list_column(node, size, leaf=k, to=Array(t.strong, (n,))) for k, t in enumerate(types)]  # type: ignore[attr-defined]
    if content.head[0] == "leaf":
        return columns[0]  # type: ignore[no-any-return]
    if any(leaf[0] != "leaf" for leaf in content.head[3]):
        raise s.refuse("type-mismatch", "np.array takes a list of numbers, or of tuples of numbers")
    dtype = promote(s, columns, "np.array").strong
    out = b.zeros(size, of=Array(dtype, (n, len(columns))))
    for k, c in enumerate(columns):
        c = c if b.scalar_of(c) is dtype else b.convert(c, to=dtype)
        out = b.slice_update(out, b.reshape(c, size, shape=(n, 1)), literal(0), literal(k), steps=(1, 1))
    return out  # type: ignore[no-any-return]


def _stacked(s: Any, shape: Shape, nodes: list[Node]) -> Any:
    """An array of arrays: each is put in its place."""
    b = s.b
    inner = nodes[0].type
    assert isinstance(inner, Array)
    lead = shape[: len(shape) - inner.rank]
    dims = dims_of(s, shape, nodes)
    out = b.zeros(*dims, of=Array(promote(s, nodes, "np.array").strong, shape))
    for place, n in zip(np.ndindex(*lead), nodes, strict=True):  # type: ignore[arg-type]
        block = b.reshape(n, *dims_of(s, inner.shape, [n]), shape=(*[1] * len(lead), *inner.shape))
        out = b.slice_update(out, block, *[literal(int(i)) for i in place], *[literal(0)] * inner.rank, steps=(1,) * len(shape))
    return new_array(s, out)


def _asarray(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1 and not kwargs and is_array(s, args[0]):
        return args[0]
    return _array(s, args, kwargs)


HANDLERS[np.array], HANDLERS[np.asarray] = _array, _asarray
HANDLERS[np.copy] = lambda s, args, kwargs: _array(s, args[:1], kwargs)

# -- shapes and products ------------------------------------------------------------------------------------------------------


def _reshape(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "reshape", kwargs)
    v, *rest = args
    if not is_array(s, v):
        v = _array(s, [v], {})
    wanted = rest[0] if len(rest) == 1 else Compound("tuple", None, rest)
    items = list(wanted.children) if objects.is_tuple(wanted) else [wanted]
    t = array_type(s, v)
    unknown = [i for i, x in enumerate(items) if isinstance(x, Constant) and x.value == -1]
    if len(unknown) > 1:
        raise s.refuse("shape-mismatch", "a shape has one unknown size at most")
    if unknown:
        known = math.prod(x.value for i, x in enumerate(items) if i not in unknown and isinstance(x, Constant))
        if all(isinstance(x, Constant) for x in items) and all(isinstance(d, int) for d in t.shape):
            total = math.prod(t.shape)  # type: ignore[arg-type]
            if known == 0 or total % known:
                raise s.refuse("shape-mismatch", f"an array of {total} elements cannot be reshaped into {[x.value for x in items]}")
            items[unknown[0]] = literal(total // known)
        else:
            size = getattr_(s, v, "size")
            for i, x in enumerate(items):
                size = size if i in unknown else s.b.floordiv(size, x)
            items[unknown[0]] = size
    shape, dims = _shape(s, Compound("tuple", None, items))
    if all(isinstance(d, int) for d in (*shape, *t.shape)) and math.prod(shape) != math.prod(t.shape):  # type: ignore[arg-type]
        raise s.refuse("shape-mismatch", f"an array of shape {shape_text(t.shape)} cannot be reshaped into {shape_text(shape)}")
    if not shape:
        return element(s, v, [literal(0)] * t.rank)
    return view(s, v, ("reshape", shape), dims)


def _flat(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "ravel", kwargs)
    return _reshape(s, [args[0], literal(-1)], {})


def _transpose(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    v, *rest = args
    axes = kwargs.pop("axes", rest[0] if len(rest) == 1 else Compound("tuple", None, rest) if rest else None)
    _no_keywords(s, "transpose", kwargs)
    rank = array_type(s, v).rank
    order = tuple(reversed(range(rank))) if axes is None else tuple(known_int(s, a, "an axis") % rank for a in objects.known_items(s, axes))
    if sorted(order) != list(range(rank)):
        raise s.refuse("axis", f"the axes {order} are no permutation of {rank} axes")
    return view(s, v, ("transpose", order)) if order != tuple(range(rank)) else v


HANDLERS[np.reshape], HANDLERS[np.ravel], HANDLERS[np.transpose] = _reshape, _flat, _transpose


def _matmul(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "matmul", kwargs)
    _count(s, "matmul", args, 2)
    b = s.b
    x, y = (_numeric(s, a, "matmul") for a in args)
    if not isinstance(x.type, Array) or not isinstance(y.type, Array):
        raise s.refuse("type-mismatch", "`@` takes arrays, not numbers", help="use `*`")
    if x.type.rank > 2 or y.type.rank > 2:
        raise s.refuse("unsupported-matmul", "products of arrays with more than two axes cannot be compiled yet", help="loop over the first axes")
    dtype = promote(s, [x, y], "@")
    x, y = (v if s.b.scalar_of(v) is dtype else b.convert(v, to=dtype) for v in (x, y))
    m, n = x.type.shape[-1], y.type.shape[0]
    if isinstance(m, int) and isinstance(n, int) and m != n:
        raise s.refuse("shape-mismatch", f"`@` cannot join shapes {shape_text(x.type.shape)} and {shape_text(y.type.shape)}")
    if m != n:                                         # found out at run time
        fixed = m if isinstance(m, int) else n
        x = b.retype(x, to=Array(dtype, (*x.type.shape[:-1], fixed)))
        y = b.retype(y, to=Array(dtype, (fixed, *y.type.shape[1:]))) if isinstance(fixed, int) else y
        if not isinstance(fixed, int):
            b.assert_(b.eq(b.dim(x, axis=x.type.rank - 1), b.dim(y, axis=0)), error="ValueError", message="matmul: the sizes do not match")
    return new_array(s, b.matmul(x, y))


def _dot(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _count(s, "dot", args, 2)
    xs = [_numeric(s, a, "dot") for a in args]
    if any(map(is_number, xs)):
        return HANDLERS[np.multiply](s, args, kwargs)
    return _matmul(s, args, kwargs)


HANDLERS[np.matmul], HANDLERS[np.dot] = _matmul, _dot

# -- methods ------------------------------------------------------------------------------------------------------------------


def _astype(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _no_keywords(s, "astype", kwargs)
    _count(s, "astype", args, 2)
    node = read(s, args[0])
    t = dtype_of(s, args[1])
    return new_array(s, node if s.b.scalar_of(node) is t else s.b.convert(node, to=t))


def _item(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1:
        x = as_scalar(s, args[0])
        if not is_number(x):
            raise s.refuse("type-mismatch", "item() takes an array of one element, or an index")
        return x
    return getitem(s, args[0], args[1] if len(args) == 2 else Compound("tuple", None, args[1:]))


def _fill(s: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    _count(s, "fill", args, 2)
    setitem(s, args[0], Known(Ellipsis), args[1])
    return Known(None)


METHODS: dict[str, Handler] = {
    "sum": HANDLERS[np.sum], "prod": HANDLERS[np.prod], "max": HANDLERS[np.max], "min": HANDLERS[np.min], "mean": _mean,
    "any": HANDLERS[np.any], "all": HANDLERS[np.all], "dot": _dot, "reshape": _reshape, "ravel": _flat,
    "flatten": lambda s, args, kwargs: _array(s, [_flat(s, args, kwargs)], {}), "transpose": _transpose,
    "copy": lambda s, args, kwargs: _array(s, args, kwargs), "astype": _astype, "item": _item, "fill": _fill, "clip": _clip,
}


def method(head: tuple[str, str]) -> Handler:
    return METHODS[head[1]]


def pack(s: Any, v: Any) -> Node | None:
    return read(s, v) if is_array(s, v) else None


# -- Jacobians ----------------------------------------------------------------------------------------------------------------


def jacobian(s: Any, call: Any, kind: str, single: bool) -> Task:
    """The Jacobian of a call whose arguments or results have arrays: one column or row a trip of a loop."""
    from irad.specialize.derivatives import jacobian_value

    yield from ()
    b = s.b
    inputs = [(k, call.graph.params[k].type) for k in call.wrt]
    outputs = [(i, t) for i, t in enumerate(call.leaves) if s.b is b and _differentiable(t)]
    for _, t in [*inputs, *outputs]:
        if isinstance(t, Array) and any(isinstance(d, Dim) for d in t.shape):
            raise s.refuse("unknown-shape", "the Jacobian of arrays whose sizes are known at run time only cannot be compiled yet")
    entries: dict[tuple[int, int], Node] = {}
    if kind == "jacfwd":
        for j, (k, t) in enumerate(inputs):
            columns = _by_element(s, t, lambda one, j=j: _columns(s, call, inputs, j, one), [u for _, u in outputs], last=True)  # type: ignore[misc]
            for (i, _), node in zip(outputs, columns, strict=True):
                entries[i, k] = node
    else:
        _, residual = call.run_forward()
        for i, t in outputs:
            rows = _by_element(s, t, lambda one, i=i: _rows(s, call, residual, i, one, len(inputs)), [u for _, u in inputs], last=False)  # type: ignore[misc]
            for (k, _), node in zip(inputs, rows, strict=True):
                entries[i, k] = node
    return jacobian_value(s, call, entries, single)


def _differentiable(t: Type) -> bool:
    from irad.types import is_float

    return is_float(t)


def _columns(s: Any, call: Any, inputs: list[Any], j: int, one: Node) -> list[Node]:
    b = s.b
    tangents = [one if i == j else b.zero(t) for i, (_, t) in enumerate(inputs)]
    pair = b.jvp(*call.nodes, *tangents, graphs=(call.graph,), wrt=call.wrt)
    parts = b.parts(b.getitem(pair, index=1), len(call.leaves))
    return [p for p, t in zip(parts, call.leaves, strict=True) if _differentiable(t)]


def _rows(s: Any, call: Any, residual: Node, i: int, one: Node, count: int) -> list[Node]:
    b = s.b
    seed: list[Node | None] = [None] * len(call.leaves)
    seed[i] = one
    cts = b.vjp_backward(residual, call.packed(seed), graphs=(call.graph,), wrt=call.wrt)
    return [b.getitem(cts, index=k) for k in range(count)]


def _by_element(s: Any, t: Type, derive: Callable[[Node], list[Node]], others: list[Type], *, last: bool) -> list[Node]:
    """Derivatives for each element of a value of type t: of shape other + t (`last`), or t + other."""
    b = s.b
    if not isinstance(t, Array):
        return derive(constant(t, 1.0))
    size = math.prod(t.shape)  # type: ignore[arg-type]
    results = []
    for u in others:
        own = u.shape if isinstance(u, Array) else ()
        shape = (*own, *t.shape) if last else (*t.shape, *own)
        results.append(b.zeros(of=Array(t.dtype, shape)))
    body = b.new_graph("loop", b.graph, role="loop")
    body.info = "counted"
    e = b.parameter(body, INT, "i")
    state = [b.parameter(body, r.type) for r in results]
    with b.inside(body):
        place, rest = [], e
        for d in reversed(t.shape):
            place.insert(0, b.mod(rest, literal(d)) if d != size else rest)
            rest = b.floordiv(rest, literal(d))
        one = b.index_update(b.zeros(of=t), constant(t.dtype, 1.0), *place)
        new = []
        for st, u, d in zip(state, others, derive(one), strict=True):
            if not isinstance(u, Array):
                new.append(b.index_update(st, d, *place))
                continue
            zeros = [literal(0)] * u.rank
            starts = [*zeros, *place] if last else [*place, *zeros]
            ones = (1,) * t.rank
            block = b.reshape(d, shape=(*u.shape, *ones) if last else (*ones, *u.shape))
            new.append(b.slice_update(st, block, *starts, steps=(1,) * len(starts)))
        body.finish(b.tuple_(new))
    return b.parts(b.for_loop(literal(size), *results, graphs=(body,)), len(results))  # type: ignore[no-any-return]


