"""`x[i, j]`, `x[a:b, ...] = v`: indices taken apart, then an element, a view or a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.specialize import objects, sizes
from irad.specialize.arrays.advanced import gather, is_advanced, items_of, put
from irad.specialize.arrays.creation import array
from irad.specialize.arrays.elementwise import shape_text, spread
from irad.specialize.arrays.values import (
    array_type,
    as_scalar,
    check_inside,
    element,
    from_zero,
    is_array,
    new_array,
    node_of,
    size_of,
    view,
    write_block,
    write_element,
)
from irad.specialize.numbers import fitting, known_int
from irad.specialize.sizes import at_most
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import BOOL, INT, Array, Dim, Scalar

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def smaller(b: Any, x: Node, y: Node) -> Node:
    """The smaller of two integers, found now where it is the same for all sizes."""
    return x if at_most(x, y) else y if at_most(y, x) else b.minimum(x, y)


def larger(b: Any, x: Node, y: Node) -> Node:
    return y if at_most(x, y) else x if at_most(y, x) else b.maximum(x, y)


class Index:
    """x[...] taken apart: for each axis of x a start, a step (None: one element) and a size; then the result's shape."""

    def __init__(self, s: Specializer, v: Ref, index: Any) -> None:
        self.s, self.v = s, v
        self.t = array_type(s, v)
        items = list(index.children) if objects.is_tuple(index) else [index]
        self.starts: list[Node] = []
        self.steps: list[int | None] = []
        self.sizes: list[int | Dim] = []
        self.measured: list[Node] = []  # the sizes, as nodes
        self.shape: list[int | Dim] = []
        count = sum(not self._is_new(i) and not self._is_dots(i) for i in items)
        dots = [k for k, i in enumerate(items) if self._is_dots(i)]
        if len(dots) > 1 or count > self.t.rank:
            raise s.refuse(
                "index",
                f"{count} indices for an array of shape {shape_text(self.t.shape)}"
                if count > self.t.rank
                else "more than one `...` in an index",
                help=f"write at most {self.t.rank}, separated by commas, and one `...`",
            )
        whole = Compound("slice", None, [Known(None)] * 3)
        if not dots:
            items.append(Known(Ellipsis))
            dots = [len(items) - 1]
        items[dots[0] : dots[0] + 1] = [whole] * (self.t.rank - count)
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
        if is_number(item) and item.type.kind == "i":
            self.starts.append(from_zero(s, item, size_of(s, self.v, axis)))
            self.steps.append(None)
            self.sizes.append(1)
            self.measured.append(literal(1))
            return
        if isinstance(item, Compound) and item.kind == "slice":
            self._slice(axis, item)
            return
        what = "a truth value" if is_number(item) and item.type is BOOL else s.describe(item)
        raise s.refuse(
            "unsupported-index",
            f"an array is indexed by {what}",
            help="an index is an integer: write int(...), or // instead of /"
            if is_number(item) and item.type.kind == "f"
            else "use integers, slices, `...` and None; np.where instead of a mask, a loop instead of a list of positions",
        )

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
                raise s.refuse(
                    "type-mismatch",
                    f"the bounds of a slice are integers, not {s.describe(x)}",
                    help="write int(...), or // instead of /",
                )
        start: Node
        size: Node
        if isinstance(n, int) and all(x is None or isinstance(x, Constant) for x in bounds):
            low, high = (None if x is None else x.value for x in bounds)
            r = range(n)[low:high:k]
            start, size = literal(r.start if len(r) else 0), literal(len(r))
        else:
            start, size = self._run_time(axis, bounds, k)
        self.starts.append(start)
        self.steps.append(k)
        self.sizes.append(sizes.dim_of(size, s.dims))
        self.measured.append(size)
        self.shape.append(self.sizes[-1])

    def _run_time(self, axis: int, bounds: list[Any], k: int) -> tuple[Node, Node]:
        """Bounds known at run time, clipped as Python does: the first place, and how many there are."""
        s, b = self.s, self.s.b
        n = size_of(s, self.v, axis)
        last = b.sub(n, literal(1))

        def clipped(x: Any, default: Node, low: Node, high: Node) -> Node:
            if x is None:
                return default
            x = s.convert(x, INT)
            return smaller(b, larger(b, from_zero(s, x, n), low), high)

        if k > 0:
            start, stop = clipped(bounds[0], literal(0), literal(0), n), clipped(bounds[1], n, literal(0), n)
            span = b.add(b.sub(stop, start), literal(k - 1))
        else:
            start, stop = (
                clipped(bounds[0], last, literal(-1), last),
                clipped(bounds[1], literal(-1), literal(-1), last),
            )
            span = b.add(b.sub(start, stop), literal(-k - 1))
        if bounds[0] is None and bounds[1] is None and k == 1:
            return start, n
        return start, larger(b, b.floordiv(span, literal(abs(k))), literal(0))

    def run_time_dims(self) -> list[Node]:
        """One node for each symbol among the sizes, in order."""
        return [n for n, d in zip(self.measured, self.sizes, strict=True) if isinstance(d, Dim)]

    @property
    def is_element(self) -> bool:
        return all(k is None for k in self.steps) and not self.shape


def getitem(s: Specializer, v: Any, index: Any) -> Any:
    """v[index]; a task where arrays are among the indices."""
    if not is_array(s, v):
        return _of_number(s, v, index)
    if is_advanced(s, index):
        return gather(s, v, index)
    parts = Index(s, v, index)
    if parts.is_element:
        return element(s, v, parts.starts)
    base, steps, starts, sizes = _through_view(s, v, parts)
    return view(s, base, ("basic", steps, sizes, tuple(parts.shape)), [*starts, *parts.run_time_dims()])


def _through_view(
    s: Specializer, v: Any, parts: Index
) -> tuple[Any, tuple[int | None, ...], list[Node], tuple[int | Dim, ...]]:
    """A view of a view is a view of the array below, so that slices of slices in recursion have one shape: the array, and the
    steps, starts and sizes of its axes."""
    content = s.readable(s.store.get(v.obj)) if isinstance(v, Ref) else None
    if not (isinstance(content, Compound) and content.kind == "view" and content.head[0] == "basic") or v.obj.frozen:
        return v, tuple(parts.steps), parts.starts, tuple(parts.sizes)
    _, below, around, result = content.head
    if len(result) != sum(k is not None for k in below):  # with new axes
        return v, tuple(parts.steps), parts.starts, tuple(parts.sizes)
    b, own = s.b, iter(zip(parts.steps, parts.starts, parts.sizes, strict=True))
    steps, starts, sizes, axis = [], [], [], 0
    for k, n, start in zip(below, around, content.children[1 : 1 + len(below)], strict=True):
        step, at, size = (None, literal(0), 1) if k is None else next(own)
        if k is not None and step is None:
            check_inside(s, content, n, at, axis)
        axis += k is not None
        steps.append(None if k is None or step is None else k * step)
        starts.append(start if k is None else b.add(start, b.mul(at, literal(k))))
        sizes.append(size)
    return content.children[0], tuple(steps), starts, tuple(sizes)


def _of_number(s: Specializer, v: Any, index: Any) -> Any:
    """v[None, ...] of a number of NumPy's, which has no axes."""
    items = items_of(index)
    if not (is_number(v) and not v.type.weak and all(isinstance(i, Known) and i.value in (None, Ellipsis) for i in items)):
        return None
    count = sum(i.value is None for i in items)
    return new_array(s, s.b.broadcast(v, shape=(1,) * count)) if count else v


def setitem(s: Specializer, v: Ref, index: Any, value: Any) -> Any:
    """v[index] = value; a task where arrays are among the indices."""
    if is_advanced(s, index):
        return put(s, v, index, value)
    parts = Index(s, v, index)
    t = parts.t
    if parts.is_element:
        value = as_scalar(s, value)
        if not is_number(value):
            raise s.refuse("type-mismatch", f"an element is set to {s.describe(value)}", help="put one number")
        return write_element(s, v, parts.starts, cast(s, value, t.dtype, "this element"))
    dims = parts.run_time_dims()
    node = node_of(s, value)
    if not (is_number(node) or (isinstance(node, Node) and isinstance(node.type, Array))):
        node = node_of(s, array(s, [value], {}))
    node = cast(s, node, t.dtype, "these elements")
    shape = tuple(parts.shape)
    sources = dict(zip([d for d in parts.sizes if isinstance(d, Dim)], dims, strict=True))
    block = spread(s, node, shape, [sources[d] for d in shape if isinstance(d, Dim)])
    full = tuple(parts.sizes)
    if full != shape:
        block = s.b.reshape(block, *dims, shape=full)
    write_block(s, v, parts.starts, [1 if k is None else k for k in parts.steps], block)
    return None


def cast(s: Specializer, node: Node, dtype: Scalar, what: str) -> Node:
    """A value as it is stored in an array of this dtype."""
    kind = s.b.scalar_of(node).kind
    if kind == "f" and dtype.kind != "f":
        if is_number(node):
            raise s.refuse(
                "dtype", f"{what} of an integer array is set to a float", help="make the array of floats: dtype=float"
            )
        raise s.refuse(
            "dtype",
            "floats are put into an integer array",
            help="make the array of floats, dtype=float, or convert them: x.astype(int)",
        )
    return node if s.b.scalar_of(node).strong is dtype else s.b.convert(fitting(s, node, dtype), to=dtype)
