"""What operations rely on and types do not say, checked as the program runs: for modules that come from text.

    %3: f64[2] = slice(%x, %i, shape=(2,), steps=(1,));
    =>  %1 = ge(%i, 0); %2 = lt(%i, 9); ... assert(%5, error="IndexError", message="`slice` reaches outside its array");

irad's own programs keep these promises (`slice` stays inside its array, `pop` finds an item, `project` has the case that it
names, arrays of one symbolic size are of one size), and pay nothing for them. A text may have been changed by anybody. This
is the last step before a backend, so that nothing moves an operation away from its check. Values that are never read
(`undef`) become zeros, since they may be read after all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irad.graph.nodes import UNDEF, Apply, Constant, Module, Node
from irad.optimize.rebuild import Rebuild
from irad.primitives.linalg import LINALG
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array, Dim, Form, List, Record, Scalar, Stack, Static, Struct, Type

__all__ = ["with_contracts"]

MOST_ITEMS = 2**31  # of a list that an index extends
LONG_STEP = 2**20  # a block with longer steps than this has one element in that axis


def with_contracts(module: Module) -> Module:
    """The module with its promises asserted."""
    return _Contracts(module).run()


class _Contracts(Rebuild):
    def get(self, node: Node) -> Node:
        if node.__class__ is Constant and node.value is UNDEF:
            return self.zero(node.type) or node
        return super().get(node)

    def zero(self, t: Type) -> Node | None:
        """A value of a type; None for a sum, whose backends have a value that is no case."""
        b = self.b
        if isinstance(t, Scalar):
            return b.constant(t, {"f": 0.0, "i": 0, "b": False}[t.kind])
        if isinstance(t, Static):
            return b.constant(t, t.value)
        if isinstance(t, Array):
            return b.zeros(*[b.literal(0) for d in t.shape if isinstance(d, Dim)], of=t)
        if isinstance(t, List):
            return b.make_list(of=t.item)
        if isinstance(t, Stack):
            return b.empty_stack(of=t.item)
        if isinstance(t, Struct):
            items = [self.zero(u) or b.undef(u) for u in t.items]
            form: Form | None = t.form if isinstance(t, Record) else None
            return b.make_tuple(*items) if form is None else b.make_record(*items, form=form)
        return None

    def plain(self, node: Apply) -> None:
        self.b.adjoint = False
        check = CHECKS.get(node.fn.name)
        xs = [self.get(a) for a in node.args] if check or isinstance(node.type, Array) or node.fn.elementwise else []
        if check is not None:
            check(self, node, xs)
        if node.fn.elementwise:
            self.one_shape(node, [x for x in xs if isinstance(x.type, Array)])
        elif isinstance(node.type, Array):
            count = sum(isinstance(d, Dim) for d in node.type.shape)
            if count and node.fn.name in CREATED:
                self.sizes(node, xs[len(xs) - count :])
        super().plain(node)

    # -- conditions ----------------------------------------------------------------------------------------------------

    def require(self, p: Node, error: str, message: str) -> None:
        if p.__class__ is Constant and p.value is True:
            return
        self.b.assert_(p, error=error, message=message)

    def both(self, *ps: Node) -> Node:
        out: Node = self.b.literal(True)
        for p in ps:
            out = p if _known(out) is True else out if _known(p) is True else self.b.and_(out, p)
        return out

    def size(self, x: Node, axis: int) -> Node:
        assert isinstance(x.type, Array)
        d = x.type.shape[axis]
        return self.b.literal(d) if isinstance(d, int) else self.b.dim(x, axis=axis)

    def within(self, i: Node, n: Node) -> Node:
        """0 <= i < n."""
        return self.both(self.b.ge(i, self.b.literal(0)), self.b.lt(i, n))

    def one_shape(self, node: Apply, arrays: list[Node]) -> None:
        """Arrays of one symbolic shape are of one shape."""
        first, *others = arrays or [node]
        if not others or not isinstance(first.type, Array):
            return
        same = [
            self.b.eq(self.size(first, k), self.size(x, k))
            for x in others
            if x is not first
            for k, d in enumerate(first.type.shape)
            if isinstance(d, Dim)
        ]
        self.require(self.both(*same), "ValueError", f"`{node.fn.name}` joins arrays of different shapes")

    def sizes(self, node: Apply, given: list[Node]) -> None:
        ok = self.both(*[self.b.ge(n, self.b.literal(0)) for n in given])
        self.require(ok, "ValueError", f"`{node.fn.name}` makes an array of a negative size")

    def inside(self, node: Apply, x: Node, starts: list[Node], counts: list[Node], steps: tuple[int, ...]) -> None:
        """A block of `counts` elements from `starts` on, `steps` apart, is empty or inside x."""
        b = self.b
        empty: Node = b.literal(False)
        ok: Node = b.literal(True)
        for k, (start, n, step) in enumerate(zip(starts, counts, steps, strict=True)):
            size, zero = self.size(x, k), b.literal(0)
            none = b.eq(n, zero)
            empty = none if _known(empty) is False else empty if _known(none) is False else b.or_(empty, none)
            most = b.literal(1) if abs(step) > LONG_STEP else size
            short = b.literal(0) if abs(step) > LONG_STEP else b.literal(step)
            last = b.add(start, b.mul(b.sub(n, b.literal(1)), short))
            ok = self.both(ok, b.ge(n, zero), b.le(n, most), self.within(start, size), self.within(last, size))
        if _known(empty) is not True:
            fine = ok if _known(empty) is False else b.or_(empty, ok)
            self.require(fine, "IndexError", f"`{node.fn.name}` reaches outside its array")


# -- one check an operation ------------------------------------------------------------------------------------------


def _slice(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    x, *rest = xs
    rank = len(node.static[1])
    feed = iter(rest[rank:])
    counts = [c.b.literal(d) if isinstance(d, int) else next(feed) for d in node.static[0]]
    c.inside(node, x, rest[:rank], counts, node.static[1])


def _slice_update(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    x, v, *starts = xs
    c.inside(node, x, starts, [c.size(v, k) for k in range(len(starts))], node.static[0])


def _element(skip: int) -> Callable[[_Contracts, Apply, list[Node]], None]:
    """Indices after `skip` other arguments: derivative operations and `index_add` do not check them."""

    def check(c: _Contracts, node: Apply, xs: list[Node]) -> None:
        if node.adjoint or node.fn.name == "index_add":
            ok = c.both(*[c.within(i, c.size(xs[0], k)) for k, i in enumerate(xs[skip:])])
            c.require(ok, "IndexError", f"`{node.fn.name}` reaches outside its array")

    return check


def _broadcast(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    x, *dims = xs
    if not isinstance(x.type, Array):
        return
    feed = iter(dims)
    sizes = [c.b.literal(d) if isinstance(d, int) else next(feed) for d in node.static[0]]
    lead = len(sizes) - x.type.rank
    ok = [c.b.eq(c.size(x, k), sizes[lead + k]) for k, d in enumerate(x.type.shape) if d != 1]
    c.require(c.both(*ok), "ValueError", "`broadcast` repeats an axis that has not one element")


def _product(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    x, y = xs
    axes = axes_of(x, y, *node.static)
    pairs = (*zip(*axes.batch, strict=True), *zip(*axes.over, strict=True))
    p = c.both(*[c.b.eq(c.size(x, i), c.size(y, j)) for i, j in pairs])
    c.require(p, "ValueError", f"`{node.fn.name}` joins axes of different sizes")


def _matrices(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    """Sizes that have one symbol are equal."""
    sizes: dict[Any, list[Node]] = {}
    for x in xs:
        if isinstance(x.type, Array):
            for axis, d in enumerate(x.type.shape):
                if isinstance(d, Dim):
                    sizes.setdefault(d, []).append(c.size(x, axis))
    same = [c.b.eq(first, n) for first, *others in sizes.values() for n in others]
    c.require(c.both(*same), "ValueError", f"`{node.fn.name}` joins matrices of different sizes")


def _pop(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    c.require(c.b.gt(c.b.stack_size(xs[0]), c.b.literal(0)), "IndexError", "`pop` from an empty stack")


def _project(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    p = c.b.eq(c.b.tag(xs[0]), c.b.literal(node.static[0]))
    c.require(p, "ValueError", f"`project` of a value that is not case {node.static[0]}")


def _item(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    c.require(c.within(xs[1], c.b.literal(MOST_ITEMS)), "IndexError", f"`{node.fn.name}` of an item that no list has")


def _column(c: _Contracts, node: Apply, xs: list[Node]) -> None:
    to: Any = node.static[1]
    (d,) = to.shape
    c.sizes(node, [xs[1]])
    if isinstance(d, int):
        c.require(c.b.eq(xs[1], c.b.literal(d)), "ValueError", f"`list_column` of another length than {d}")


CREATED = frozenset({"zeros", "iota", "broadcast", "reshape", "slice"})  # their last arguments are sizes
CHECKS: dict[str, Callable[[_Contracts, Apply, list[Node]], None]] = {
    "slice": _slice,
    **dict.fromkeys(("slice_update", "slice_add"), _slice_update),
    "index": _element(1),
    **dict.fromkeys(("index_update", "index_add"), _element(2)),
    "broadcast": _broadcast,
    **dict.fromkeys(PRODUCTS, _product),
    **dict.fromkeys(LINALG, _matrices),
    "pop": _pop,
    "project": _project,
    **dict.fromkeys(("list_add", "list_get", "list_clear", "list_take"), _item),
    "list_column": _column,
}


def _known(p: Node) -> Any:
    return p.value if p.__class__ is Constant else None
