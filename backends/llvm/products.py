"""Lowering of products summed over axes: to code of their own where sizes are known and moderate (see `gemm`), to BLAS where
they are large or known at run time only, to loops where neither fits.

The axes of each group (batch, rows of x, columns of y, summed over) are joined where their strides allow it, so that what is
left is a product of matrices for each index of the batch. Operands are read by their strides, transposed and sliced ones
included; an operand whose axes do not join is copied first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from irad.backends.llvm import gemm, polls
from irad.backends.llvm.arrays import (
    allocate,
    array_type,
    item_size,
    load,
    nest,
    new_result,
    result_shape,
    run_time,
    shape,
    store,
)
from irad.backends.llvm.gemm import Gemm, Writer
from irad.backends.llvm.jit import registers
from irad.backends.llvm.layout import HEADER, SCALAR
from irad.backends.llvm.linalg import Call

from irad.graph.nodes import Apply, Node
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array

__all__ = ["KERNELS"]

Operands = tuple[str, ...]
INLINE = 48  # multiplications of vectors that stand where the product is read
OWN = 1 << 26  # multiplications; of larger products BLAS keeps more in the caches
MOST = (1 << 31) - 1  # what BLAS can count
ROWS, AT_ONCE = 256, 1 << 26  # the rows that BLAS is given at least between two looks outside, and the multiplications


def known(*values: str) -> bool:
    return all(v.lstrip("-").isdigit() for v in values)


@dataclass(frozen=True, slots=True)
class View:
    """An operand: the elements in memory, and for each axis its size and how far apart neighbours are, in elements.
    `even`: strides that are known at run time only are positive."""

    data: str
    sizes: tuple[str, ...]
    strides: tuple[str, ...]
    type: Array
    even: bool = True


@dataclass(frozen=True, slots=True)
class Matrices:
    """A product of two matrices: its sizes, the strides of x by row and term, those of y by term and column."""

    m: str
    n: str
    k: str
    x: tuple[str, str]
    y: tuple[str, str]


Run = Callable[[str, str, str], None]  # of the places of the result, of x and of y


class _Contraction:
    """The lowering of one product."""

    def __init__(self, e: Any, node: Apply) -> None:
        self.e, self.node = e, node
        self.made: dict[tuple[str, ...], str] = {}  # products by their factors: equal ones have one name
        self.factors: dict[str, tuple[str, ...]] = {}
        self.blocks: list[str] = []  # of copies
        self.sizes = result_shape(e, node) if isinstance(node.type, Array) else []
        x, y = node.args
        self.axes = axes_of(x, y, *node.static)
        pairs = (*zip(*self.axes.batch, strict=True), *zip(*self.axes.over, strict=True))
        dims = shape(e, x), shape(e, y)
        self.names = {dims[1][j]: dims[0][i] for i, j in pairs}  # of sizes that are known to be equal
        self.x, self.y = self.view(x), self.view(y)
        self.t = self.x.type
        over = sorted(range(len(self.axes.over[0])), key=lambda i: -_width(self.x.strides[self.axes.over[0][i]]))
        self.over_x, self.over_y = ([pairs[i] for i in over] for pairs in self.axes.over)

    # -- operands -------------------------------------------------------------------------------------------------------------

    def times(self, a: str, b: str) -> str:
        if known(a, b):
            return str(int(a) * int(b))
        if "0" in (a, b) or "1" in (a, b):
            return "0" if "0" in (a, b) else b if a == "1" else a
        factors = tuple(sorted(self.factors.get(a, (a,)) + self.factors.get(b, (b,))))
        if factors not in self.made:
            self.made[factors] = name = self.e.emit(f"mul nsw i64 {a}, {b}")
            self.factors[name] = factors
        return self.made[factors]

    def in_order(self, data: str, dims: Sequence[str], t: Array) -> View:
        """An array in C order."""
        strides = ["1"]
        for d in reversed(dims[1:]):
            strides.append(self.times(strides[-1], d))
        return View(data, tuple(dims), tuple(reversed(strides[: len(dims)])), t)

    def view(self, node: Node) -> View:
        """An operand where it lies: through the transposes, slices and broadcasts that are not stored."""
        e, t = self.e, array_type(node)
        if node not in e.virtual:
            return self.in_order(e.get(node)[0], self.sizes_of(node), t)
        assert isinstance(node, Apply)
        below, dims = self.view(node.args[0]), tuple(self.sizes_of(node))
        if node.fn.name == "transpose":
            return replace(below, sizes=dims, strides=tuple(below.strides[i] for i in node.static[0]), type=t)
        if node.fn.name == "broadcast":
            own = ["0" if d == 1 else s for d, s in zip(below.type.shape, below.strides, strict=True)]
            return replace(below, sizes=dims, strides=(*["0"] * (len(dims) - len(own)), *own), type=t)
        if node.fn.name == "reshape":
            feed = iter([s for d, s in zip(below.type.shape, below.strides, strict=True) if d != 1])
            return replace(below, sizes=dims, strides=tuple("0" if d == 1 else next(feed) for d in t.shape), type=t)
        starts, steps = node.args[1 : 1 + t.rank], node.static[1]
        place = self.place(below, [e.one(i) for i in starts], range(t.rank))
        strides = tuple(self.times(s, str(k)) for s, k in zip(below.strides, steps, strict=True))
        even = below.even and all(k > 0 or known(s) for k, s in zip(steps, below.strides, strict=True))
        return View(place, dims, strides, t, even)

    def sizes_of(self, node: Node) -> list[str]:
        return [self.names.get(d, d) for d in shape(self.e, node)]

    def place(self, v: View, index: Sequence[str], axes: Sequence[int]) -> str:
        """The first element that has this index along some axes."""
        e, data = self.e, v.data
        for i, a in zip(index, axes, strict=True):
            s = v.strides[a]
            if "0" in (i, s) or known(i, s):
                by = str(int(i) * int(s)) if known(i, s) else "0"
            else:
                by = i if s == "1" else e.emit(f"mul nsw i64 {i}, {s}")
            data = data if by == "0" else e.emit(f"getelementptr {SCALAR[str(v.type.dtype)]}, ptr {data}, i64 {by}")
        return data

    def joined(self, *groups: tuple[View, Sequence[int]]) -> tuple[str, ...] | None:
        """The size, and the stride in each view, of one axis that stands for several; None where there is none."""
        (first, axes), *_ = groups
        wanted = [
            (first.sizes[i], tuple(v.strides[at[j]] for v, at in groups)) for j, i in enumerate(axes) if first.sizes[i] != "1"
        ]
        if not wanted:
            return ("1", *("0" for _ in groups))
        size, strides = wanted[-1]
        for d, wider in reversed(wanted[:-1]):
            if tuple(self.times(size, s) for s in strides) != wider:
                return None
            size = self.times(size, d)
        return (size, *strides)

    def copied(self, v: View, order: Sequence[int]) -> View:
        """The elements in new memory, the axes in this order."""
        e, sizes = self.e, [v.sizes[i] for i in order]
        data, block, *_ = allocate(e, v.type, sizes)
        self.blocks.append(block)
        target = self.in_order(data, sizes, v.type)

        def element(index: list[str]) -> None:
            value = load(e, v.type, self.place(v, index, order))
            store(e, v.type, value, self.place(target, index, range(len(order))))

        nest(e, sizes, element)
        at = list(order)
        return View(data, v.sizes, tuple(target.strides[at.index(i)] for i in range(len(order))), v.type)

    def copied_x(self) -> None:
        self.x = self.copied(self.x, [*self.axes.batch[0], *self.axes.rows, *self.over_x])

    def copied_y(self) -> None:
        self.y = self.copied(self.y, [*self.axes.batch[1], *self.over_y, *self.axes.columns])

    def matrices(self) -> Matrices:
        """The product as one of matrices; operands whose axes do not join are copied."""
        x, y, axes = self.x, self.y, self.axes
        if self.joined((x, axes.rows)) is None or self.joined((x, self.over_x)) is None:
            self.copied_x()
        if self.joined((y, axes.columns)) is None or self.joined((y, self.over_y)) is None:
            self.copied_y()
        if self.joined((self.x, self.over_x), (self.y, self.over_y)) is None:
            self.copied_x()
            self.copied_y()
        found = [self.joined((self.x, axes.rows)), self.joined((self.y, axes.columns))]
        found.append(self.joined((self.x, self.over_x), (self.y, self.over_y)))
        assert None not in found
        (m, xm), (n, yn), (k, xk, yk) = found  # type: ignore[misc]
        return Matrices(m, n, k, (xm, xk), (yk, yn))

    # -- ways to compute it ------------------------------------------------------------------------------------------------

    def operands(self) -> Operands:
        e, t = self.e, self.t
        number = not isinstance(self.node.type, Array)
        nothing = "0" in (*self.sizes, *self.x.sizes)
        if number and nothing:
            return ("0.0" if t.dtype.kind == "f" else "0",)
        if number:
            out: Operands = (e.in_frame("cell", SCALAR[str(t.dtype)]),)
        else:
            whole = array_type(self.node)
            made = new_result(e, self.node, whole, self.sizes, zeroed=nothing or not self.is_own())
            out = (*made, *run_time(whole, self.sizes))
            if nothing:
                return out
        of = self.matrices()
        single = of.m == of.n == "1"
        if not self.is_own() and t.dtype.kind == "f" and not single:
            if not suits_blas(self.x, (of.m, of.x[0]), (of.k, of.x[1])):
                self.copied_x()
            if not suits_blas(self.y, (of.k, of.y[0]), (of.n, of.y[1])):
                self.copied_y()
            of = self.matrices()
        turned = of.n == "1" and not single  # a vector on the right is one row on the left
        if turned:
            of = Matrices("1", of.m, of.k, ("0", of.y[0]), (of.x[1], of.x[0]))
        work = self.times(self.times(of.m, of.n), of.k)  # before the loops
        run = self.way(of)
        result = self.in_order(out[0], self.sizes, t)
        batch = [self.x.sizes[i] for i in self.axes.batch[0]]
        large = e.m.work.is_large(self.node)

        def one(index: list[str]) -> None:
            target = self.place(result, index, range(len(index)))
            x, y = self.place(self.x, index, self.axes.batch[0]), self.place(self.y, index, self.axes.batch[1])
            run(target, *((y, x) if turned else (x, y)))
            if large and index:
                polls.charge(e, work)

        nest(e, batch, one)
        for block in self.blocks:
            e.used.add("irad.release")
            e.do(f"call void @irad.release(ptr %ctx, ptr {block})")
        return (load(e, t, out[0]),) if number else out

    def is_own(self) -> bool:
        """Whether it is computed by code of its own, not by BLAS or a loop over elements."""
        if not known(*self.x.sizes, *self.y.sizes, *self.x.strides, *self.y.strides):
            return False
        each = [self.x.sizes[i] for i in (*self.axes.rows, *self.over_x)] + [self.y.sizes[j] for j in self.axes.columns]
        return math.prod(map(int, each)) <= OWN or self.t.dtype.kind != "f"

    def way(self, of: Matrices) -> Run:
        if self.is_own():
            return self.own(Gemm(int(of.m), int(of.n), int(of.k), _pair(of.x), _pair(of.y), *self.element()))
        if of.m == of.n == "1" and of.x[1] == of.y[0] == "1":
            return lambda out, x, y: self.put(gemm.dot(self.e, self.element(), of.k, x, y), out)
        if self.t.dtype.kind != "f" or of.m == of.n == "1":
            return lambda out, x, y: self.elements(of, out, x, y)
        if of.m == "1":
            return lambda out, x, y: self.gemv(of, out, x, y)
        return lambda out, x, y: self.gemm(of, out, x, y)

    def element(self) -> tuple[str, int, int, int]:
        return SCALAR[str(self.t.dtype)], item_size(self.t), *registers()

    def put(self, value: str, out: str) -> None:
        store(self.e, self.t, value, out)

    def own(self, g: Gemm) -> Run:
        """Code for these very sizes: in its place where it is short, else a function."""
        e, room = self.e, gemm.scratch(g)
        if gemm.operations(g) <= INLINE:
            panel = "null"
            if room:
                panel = e.in_frame("panel", f"[{room} x i8]", 64)
            return lambda out, x, y: gemm.emit(e, g, out, x, y, panel)
        name, panel = function(e.m, g), "null"
        if room > gemm.ON_STACK:
            block = e.allocate(str(room), "null")
            self.blocks.append(block)
            panel = e.address(block, HEADER)
        return lambda out, x, y: e.do(f"call void {name}(ptr {out}, ptr {x}, ptr {y}, ptr {panel})")

    def elements(self, of: Matrices, out: str, x: str, y: str) -> None:
        """The columns of y are the innermost loop, so that both are read in order; `out` holds zeros."""
        e, t = self.e, self.t
        left, right = View(x, (of.m, of.k), of.x, t), View(y, (of.k, of.n), of.y, t)
        result = View(out, (of.m, of.n), (of.n, "1"), t)
        if not isinstance(self.node.type, Array):
            self.put("0.0" if t.dtype.kind == "f" else "0", out)

        def add(index: list[str]) -> None:
            i, p, j = index
            place = self.place(result, [i, j], (0, 1))
            a, b = load(e, t, self.place(left, [i, p], (0, 1))), load(e, t, self.place(right, [p, j], (0, 1)))
            e.operand = t.dtype
            store(e, t, e.plus(t.dtype, load(e, t, place), e.arith("fmul", "mul", a, b)), place)

        nest(e, [of.m, of.k, of.n], add, polled=e.m.work.is_large(self.node))

    # -- BLAS: matrices by columns, so that the result is computed transposed, y on the left -------------------------------

    def checked(self, *sizes: str) -> None:
        """MemoryError where BLAS cannot count so far."""
        for d in sizes:
            if not d.isdigit():
                self.e.fail_if(self.e.emit(f"icmp ugt i64 {d}, {MOST}"), "MemoryError", "a matrix of this size")

    def leading(self, size: str, stride: str, rows: str) -> str:
        """How far columns are apart: not 0, and where there is one only, its length."""
        d = rows if size == "1" else stride
        if d.isdigit():
            return str(max(1, int(d)))
        return self.e.emit(f"select i1 {self.e.emit(f'icmp eq i64 {d}, 0')}, i64 1, i64 {d}")  # type: ignore[no-any-return]

    def gemv(self, of: Matrices, out: str, x: str, y: str) -> None:
        by_term, by_column = of.y
        if by_column == "1" or of.n == "1":
            letter, sizes, apart = "N", (of.n, of.k), self.leading(of.k, by_term, of.n)
        else:
            letter, sizes, apart = "T", (of.k, of.n), self.leading(of.n, by_column, of.k)
        step = "1" if of.k == "1" else of.x[1]
        self.checked(*sizes, apart, step)
        call = Call(self.e, "gemv", self.t).flags(letter).ints(*sizes).number("1.0").memory(y).ints(apart)
        call.memory(x).ints(step).number("0.0").memory(out).ints("1").run()

    def gemm(self, of: Matrices, out: str, x: str, y: str) -> None:
        e = self.e
        by_row, by_term = of.x
        if by_term == "1" or of.k == "1":
            right, apart_x = "N", self.leading(of.m, by_row, of.k)
        else:
            right, apart_x = "T", self.leading(of.k, by_term, of.m)
        by_term, by_column = of.y
        if by_column == "1" or of.n == "1":
            left, apart_y = "N", self.leading(of.k, by_term, of.n)
        else:
            left, apart_y = "T", self.leading(of.n, by_column, of.k)
        apart = self.leading("", of.n, "")
        self.checked(of.n, of.k, apart_x, apart_y)

        def rows_of(rows: str, out: str, x: str) -> None:
            call = Call(e, "gemm", self.t).flags(left + right).ints(of.n, rows, of.k).number("1.0")
            call.memory(y).ints(apart_y).memory(x).ints(apart_x).number("0.0").memory(out).ints(apart).run()

        work = self.times(of.n, of.k)
        if known(of.m, work) and int(of.m) * int(work) <= AT_ONCE:
            rows_of(of.m, out, x)
            return
        least = e.emit(f"call i64 @llvm.umax.i64(i64 {work}, i64 1)")
        count = e.emit(f"call i64 @llvm.umax.i64(i64 {e.emit(f'udiv i64 {AT_ONCE}, {least}')}, i64 {ROWS})")
        ends = e.emit(f"add i64 {of.m}, {e.emit(f'sub i64 {count}, 1')}")
        trips = e.emit(f"udiv i64 {ends}, {count}")
        e.declare("declare i64 @llvm.umax.i64(i64, i64)")
        result, source = View(out, (), (of.n,), self.t), View(x, (), (by_row,), self.t)

        def part(index: list[str]) -> None:
            first = e.emit(f"mul nuw nsw i64 {index[0]}, {count}")
            rows = polls.least(e, e.emit(f"sub i64 {of.m}, {first}"), count)
            rows_of(rows, self.place(result, [first], [0]), self.place(source, [first], [0]))
            polls.charge(e, e.emit(f"mul i64 {rows}, {work}"))

        nest(e, [trips], part)


def suits_blas(v: View, *axes: tuple[str, str]) -> bool:
    """Whether BLAS can read a matrix of these sizes and strides: neighbours on one axis lie side by side."""
    strides = [s for d, s in axes if d != "1"]
    return v.even and all(not known(s) or int(s) > 0 for s in strides) and (len(strides) < 2 or "1" in strides)


def function(m: Any, g: Gemm) -> str:
    """The function of a module that computes a product."""
    name = m.kernels.get(g)
    if name is None:
        name = m.kernels[g] = f"@{m.name}.product.{len(m.kernels)}"
        w, room, panel = Writer(), gemm.scratch(g), "%panel"
        if 0 < room <= gemm.ON_STACK:
            panel = "%own"
            w.do(f"{panel} = alloca [{room} x i8], align 64")
        gemm.emit(w, g, "%out", "%x", "%y", panel)
        m.declarations |= w.declarations
        head = f"define internal void {name}(ptr noalias %out, ptr %x, ptr %y, ptr %panel) #0 {{"
        m.visit_text.append("\n".join([head, "entry:", *w.lines, "  ret void", "}"]))
    return name  # type: ignore[no-any-return]


def contraction(e: Any, node: Apply) -> Operands:
    """A product summed over axes."""
    return _Contraction(e, node).operands()


def _width(stride: str) -> float:
    """The order of strides; those known at run time only are taken for large."""
    return abs(int(stride)) if known(stride) else float("inf")


def _pair(strides: tuple[str, str]) -> tuple[int, int]:
    return int(strides[0]), int(strides[1])


KERNELS: dict[str, Callable[[Any, Apply], Operands]] = dict.fromkeys(PRODUCTS, contraction)
