"""Lowering of linear algebra: calls of BLAS and LAPACK, which take matrices column by column.

An array in C order is there its transpose, so that right sides and triangles stay as they are: a @ x = b is solved as
x.T @ a.T = b.T, and one triangle is the other. What picks pivots, or the signs of vectors, is given the matrix transposed,
so that it picks as NumPy does; its results are transposed then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irad.backends.llvm.arrays import address, allocate, array_type, item_size, load, nest, product, shape, store
from irad.backends.llvm.layout import HEADER, SCALAR

from irad.graph.nodes import Apply, Node
from irad.graph.walk import nested_graphs
from irad.types import Array, Struct

__all__ = ["KERNELS"]

Operands = tuple[str, ...]


# -- calls ------------------------------------------------------------------------------------------------------------------


class Call:
    """One call of a function of BLAS or LAPACK, its arguments in the order of the Fortran routine."""

    def __init__(self, e: Any, name: str, t: Array) -> None:
        self.e, self.t = e, t
        self.name = f"scipy.{'d' if t.dtype.width == 64 else 's'}{name}"
        self.args: list[str] = []

    def _slot(self, ll: str, value: str) -> Call:
        slot = self.e.in_frame("slot", ll)
        self.e.do(f"store {ll} {value}, ptr {slot}")
        self.args.append(slot)
        return self

    def flags(self, letters: str) -> Call:
        for c in letters:
            self._slot("i8", str(ord(c)))
        return self

    def ints(self, *values: str) -> Call:
        for v in values:
            self._slot("i32", v if v.isdigit() else self.e.emit(f"trunc i64 {v} to i32"))
        return self

    def number(self, value: str) -> Call:
        return self._slot(SCALAR[str(self.t.dtype)], value)

    def memory(self, *pointers: str) -> Call:
        self.args += pointers
        return self

    def run(self) -> None:
        self.e.used.add(f"{self.name}/{len(self.args)}")
        self.e.do(f"call void @{self.name}({', '.join(f'ptr {a}' for a in self.args)})")

    def info(self) -> str:
        """Run the call, whose last argument says how it went: 0 is well."""
        self._slot("i32", "0")
        self.run()
        return self.e.emit(f"load i32, ptr {self.args[-1]}")  # type: ignore[no-any-return]


def _at_least_one(e: Any, n: str) -> str:
    """The distance between columns: not 0."""
    if n.isdigit():
        return str(max(1, int(n)))
    return e.emit(f"select i1 {e.emit(f'icmp eq i64 {n}, 0')}, i64 1, i64 {n}")  # type: ignore[no-any-return]


def _times(e: Any, x: str, y: str) -> str:
    return str(int(x) * int(y)) if x.isdigit() and y.isdigit() else e.emit(f"mul nsw i64 {x}, {y}")


def _plus(e: Any, x: str, y: str) -> str:
    return str(int(x) + int(y)) if x.isdigit() and y.isdigit() else e.emit(f"add nsw i64 {x}, {y}")


def _lesser(e: Any, x: str, y: str) -> str:
    if x.isdigit() and y.isdigit():
        return str(min(int(x), int(y)))
    return e.emit(f"select i1 {e.emit(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")  # type: ignore[no-any-return]


def _fail(e: Any, bad: str, message: str) -> None:
    e.fail_if(bad, "LinAlgError", message)


def _workspace(e: Any, count: str, size: int) -> tuple[str, str]:
    """Memory for so many numbers, and its block, to be released."""
    block = e.allocate(_times(e, count, str(size)), "null")
    return e.address(block, HEADER), block


def _release(e: Any, *blocks: str) -> None:
    e.used.add("irad.release")
    for b in blocks:
        e.do(f"call void @irad.release(ptr %ctx, ptr {b})")


def _results(node: Apply) -> list[Array]:
    """The types of the arrays in a tuple."""
    assert isinstance(node.type, Struct)
    return [t for t in node.type.items if isinstance(t, Array)]


def _copied(e: Any, x: Node, dims: list[str]) -> Operands:
    """A new array with the elements of x."""
    t = array_type(x)
    out = allocate(e, t, dims)
    total = _times(e, product(e, dims), str(item_size(t)))
    e.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {out[0]}, ptr {e.get(x)[0]}, i64 {total}, i1 false)")
    return out


def _turned(e: Any, x: Node) -> Operands:
    """The transpose of a matrix, as a new array."""
    t, dims = array_type(x), shape(e, x)
    turned = Array(t.dtype, t.shape[::-1])
    out, p = allocate(e, turned, dims[::-1]), e.get(x)[0]
    nest(e, dims, lambda i: store(e, t, load(e, t, address(e, t, p, i, dims)), address(e, t, out[0], i[::-1], dims[::-1])))
    return out


def _only_values(node: Apply, index: int) -> bool:
    """Whether nobody reads anything but one of several results."""
    assert node.graph is not None
    graphs = nested_graphs(node.graph)
    uses = [n for g in graphs for n in g.body if node in n.args]
    return all(n.fn.name == "getitem" and n.static[0] == index for n in uses) and all(g.output is not node for g in graphs)


def _columns(dims: list[str]) -> str:
    """How many right sides there are."""
    return dims[1] if len(dims) == 2 else "1"


# -- triangles ----------------------------------------------------------------------------------------------------------------


def _solve_triangle(e: Any, t: Array, a: str, n: str, x: str, m: str, *, lower: bool, transposed: bool, unit: bool) -> None:
    """x, n rows of m numbers, becomes the solution: the triangle stands on the right of its transpose."""
    call = Call(e, "trsm", t).flags(f"R{'U' if lower else 'L'}{'T' if transposed else 'N'}{'U' if unit else 'N'}")
    call.ints(m, n).number("1.0").memory(a).ints(_at_least_one(e, n)).memory(x).ints(_at_least_one(e, m)).run()


def _check_diagonal(e: Any, t: Array, p: str, n: str) -> None:
    """LinAlgError where there is a zero on it."""

    def check(i: list[str]) -> None:
        value = load(e, t, address(e, t, p, [i[0], i[0]], [n, n]))
        _fail(e, e.emit(f"fcmp oeq {SCALAR[str(t.dtype)]} {value}, 0.0"), "Singular matrix")

    nest(e, [n], check)


def triangular_solve(e: Any, node: Apply) -> Operands:
    a, b = node.args
    lower, transposed, unit = node.static
    t, n, dims = array_type(a), shape(e, a)[0], shape(e, b)
    p = e.get(a)[0]
    if not unit:
        _check_diagonal(e, t, p, n)
    out = _copied(e, b, dims)
    _solve_triangle(e, t, p, n, out[0], _columns(dims), lower=lower, transposed=transposed, unit=unit)
    return out


# -- elimination ------------------------------------------------------------------------------------------------------------


def lu(e: Any, node: Apply) -> Operands:
    (a,) = node.args
    t, pivot_type = _results(node)
    n = shape(e, a)[0]
    out, pivots = _turned(e, a), allocate(e, pivot_type, [n])
    narrow, block = _workspace(e, n, 4)
    info = Call(e, "getrf", t).ints(n, n).memory(out[0]).ints(_at_least_one(e, n)).memory(narrow).info()

    def widen(i: list[str]) -> None:
        from_one = e.emit(f"load i32, ptr {e.emit(f'getelementptr i32, ptr {narrow}, i64 {i[0]}')}")
        wide = e.emit(f"sext i32 {from_one} to i64")
        store(e, pivot_type, e.emit(f"sub i64 {wide}, 1"), address(e, pivot_type, pivots[0], i, [n]))

    nest(e, [n], widen)
    _release(e, block)
    if node.static[0]:
        _fail(e, e.emit(f"icmp sgt i32 {info}, 0"), "Singular matrix")
    return (*out, *pivots)


def _exchange(e: Any, t: Array, x: str, dims: list[str], pivots: str, pivot_type: Array, *, reverse: bool) -> None:
    """Exchange rows in place."""
    n, m = dims[0], _columns(dims)

    def row(i: list[str]) -> None:
        k = i[0]
        if reverse:
            k = e.emit(f"sub i64 {e.emit(f'sub i64 {n}, 1')}, {k}")
        p = load(e, pivot_type, address(e, pivot_type, pivots, [k], [n]))
        e.fail_if(e.emit(f"icmp uge i64 {p}, {n}"), "IndexError", "rows are exchanged that are not there")

        def swap(j: list[str]) -> None:
            one, other = (address(e, t, x, [r, j[0]], [n, m]) for r in (k, p))
            first, second = load(e, t, one), load(e, t, other)
            store(e, t, second, one)
            store(e, t, first, other)

        nest(e, [m], swap)

    nest(e, [n], row)


def exchange(e: Any, node: Apply) -> Operands:
    x, pivots = node.args
    dims = shape(e, x)
    out = _copied(e, x, dims)
    _exchange(e, array_type(x), out[0], dims, e.get(pivots)[0], array_type(pivots), reverse=node.static[0])
    return out


def lu_solve(e: Any, node: Apply) -> Operands:
    _, factors, pivots, b = node.args
    (transposed,) = node.static
    t, dims = array_type(factors), shape(e, b)
    n, m, f, p = dims[0], _columns(dims), e.get(factors)[0], e.get(pivots)[0]
    _check_diagonal(e, t, f, n)
    out = _copied(e, b, dims)
    order = array_type(pivots)
    if transposed:
        _solve_triangle(e, t, f, n, out[0], m, lower=True, transposed=False, unit=False)
        _solve_triangle(e, t, f, n, out[0], m, lower=False, transposed=False, unit=True)
        _exchange(e, t, out[0], dims, p, order, reverse=True)
        return out
    _exchange(e, t, out[0], dims, p, order, reverse=False)
    _solve_triangle(e, t, f, n, out[0], m, lower=False, transposed=True, unit=True)
    _solve_triangle(e, t, f, n, out[0], m, lower=True, transposed=True, unit=False)
    return out


def log_determinant(e: Any, node: Apply) -> Operands:
    factors = node.args[1]
    t, n, p = array_type(factors), shape(e, factors)[0], e.get(factors)[0]
    ll = SCALAR[str(t.dtype)]
    cell = e.in_frame("cell", ll)
    e.do(f"store {ll} 0.0, ptr {cell}")

    def pivot(i: list[str]) -> None:
        e.operand = t.dtype
        size = e.intrinsic("fabs", load(e, t, address(e, t, p, [i[0], i[0]], [n, n])))
        total = e.emit(f"load {ll}, ptr {cell}")
        e.do(f"store {ll} {e.plus(t.dtype, total, e.libm('log', size))}, ptr {cell}")

    nest(e, [n], pivot)
    return (e.emit(f"load {ll}, ptr {cell}"),)


# -- symmetric matrices -------------------------------------------------------------------------------------------------------


def cholesky(e: Any, node: Apply) -> Operands:
    (a,) = node.args
    t, n, p = array_type(a), shape(e, a)[0], e.get(a)[0]
    out = allocate(e, t, [n, n], zeroed=True)

    def lower(i: list[str]) -> None:
        (row,) = i
        size = item_size(t)
        used = e.emit(f"mul nsw i64 {e.emit(f'add nsw i64 {row}, 1')}, {size}")
        place = [address(e, t, x, [row, "0"], [n, n]) for x in (out[0], p)]
        e.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {place[0]}, ptr {place[1]}, i64 {used}, i1 false)")

    nest(e, [n], lower)
    info = Call(e, "potrf", t).flags("U").ints(n).memory(out[0]).ints(_at_least_one(e, n)).info()
    _fail(e, e.emit(f"icmp sgt i32 {info}, 0"), "Matrix is not positive definite")
    return out


def eigh(e: Any, node: Apply) -> Operands:
    """By divide and conquer (syevd), in memory that becomes the eigenvectors, where these are read."""
    (a,) = node.args
    t, n = array_type(a), shape(e, a)[0]
    rows = _turned(e, a)
    values = allocate(e, _results(node)[0], [n])
    twice = _times(e, n, _plus(e, _times(e, n, "2"), "6"))
    count, ints = _plus(e, twice, "1"), _plus(e, _times(e, n, "5"), "3")
    (work, block), (narrow, other) = _workspace(e, count, item_size(t)), _workspace(e, ints, 4)
    call = Call(e, "syevd", t).flags(f"{'N' if _only_values(node, 0) else 'V'}{'L' if node.static[0] else 'U'}").ints(n)
    call.memory(rows[0]).ints(_at_least_one(e, n)).memory(values[0], work).ints(count).memory(narrow).ints(ints)
    info = call.info()
    _release(e, block, other)
    _fail(e, e.emit(f"icmp ne i32 {info}, 0"), "Eigenvalues did not converge")
    return (*values, *rows)


# -- orthogonal factors -------------------------------------------------------------------------------------------------------


def qr(e: Any, node: Apply) -> Operands:
    """The transpose, read column by column, is a lower triangle times orthonormal rows (gelqf)."""
    (a,) = node.args
    t = array_type(a)
    m, n = shape(e, a)
    if not (m.isdigit() and n.isdigit() and int(m) >= int(n)):
        e.fail_if(e.emit(f"icmp slt i64 {m}, {n}"), "ValueError", "a matrix with more columns than rows")
    q, r = _copied(e, a, [m, n]), allocate(e, _results(node)[1], [n, n], zeroed=True)
    ld, count = _at_least_one(e, n), _plus(e, _times(e, n, "64"), "1")
    (scales, own), (work, other) = _workspace(e, n, item_size(t)), _workspace(e, count, item_size(t))
    Call(e, "gelqf", t).ints(n, m).memory(q[0]).ints(ld).memory(scales, work).ints(count).info()

    def upper(i: list[str]) -> None:
        (row,) = i
        left = e.emit(f"sub i64 {n}, {row}")

        def one(j: list[str]) -> None:
            column = e.emit(f"add nsw i64 {row}, {j[0]}")
            value = load(e, t, address(e, t, q[0], [row, column], [m, n]))
            store(e, t, value, address(e, t, r[0], [row, column], [n, n]))

        nest(e, [left], one)

    nest(e, [n], upper)
    Call(e, "orglq", t).ints(n, m, n).memory(q[0]).ints(ld).memory(scales, work).ints(count).info()
    _release(e, own, other)
    return (*q, *r)


def svd(e: Any, node: Apply) -> Operands:
    """By divide and conquer (gesdd), with vectors where these are read."""
    (a,) = node.args
    t = array_type(a)
    m, n = shape(e, a)
    k = m if t.shape[0] == t.shape[1] else _lesser(e, m, n)
    types, size = _results(node), item_size(t)
    copy, block, *_ = _turned(e, a)
    ut, s, v = allocate(e, types[0], [k, m]), allocate(e, types[1], [k]), allocate(e, types[2], [n, k])
    room = _plus(e, _times(e, k, _plus(e, _times(e, k, "4"), "7")), _plus(e, _times(e, _plus(e, m, n), "64"), "1"))
    (work, own), (narrow, other) = _workspace(e, room, size), _workspace(e, _times(e, k, "8"), 4)
    ld = _at_least_one(e, m)
    call = (
        Call(e, "gesdd", t)
        .flags("N" if _only_values(node, 1) else "S")
        .ints(m, n)
        .memory(copy)
        .ints(ld)
        .memory(s[0], ut[0])
        .ints(ld)
    )
    info = call.memory(v[0]).ints(_at_least_one(e, k)).memory(work).ints(room).memory(narrow).info()
    _release(e, block, own, other)
    _fail(e, e.emit(f"icmp ne i32 {info}, 0"), "SVD did not converge")
    return (*ut, *s, *v)


# -- bands --------------------------------------------------------------------------------------------------------------------


def banded_solve(e: Any, node: Apply) -> Operands:
    """By elimination within the bands (gbsv), in memory with room for what exchanged rows fill."""
    bands, b = node.args
    below, above = node.static
    t, dims, p = array_type(bands), shape(e, b), e.get(bands)[0]
    n, rows, m = dims[0], str(2 * below + above + 1), _columns(dims)
    room, own = _workspace(e, _times(e, n, rows), item_size(t))
    pivots, other = _workspace(e, n, 4)

    def place(i: list[str]) -> None:
        r, j = i
        value = load(e, t, address(e, t, p, i, [str(below + above + 1), n]))
        store(e, t, value, address(e, t, room, [j, _plus(e, r, str(below))], [n, rows]))

    nest(e, [str(below + above + 1), n], place)
    out = _copied(e, b, dims)
    right = _turned(e, b) if len(dims) == 2 else out
    call = Call(e, "gbsv", t).ints(n, str(below), str(above), m).memory(room).ints(rows).memory(pivots, right[0])
    info = call.ints(_at_least_one(e, n)).info()
    if len(dims) == 2:

        def back(i: list[str]) -> None:
            store(e, t, load(e, t, address(e, t, right[0], i[::-1], dims[::-1])), address(e, t, out[0], i, dims))

        nest(e, dims, back)
        _release(e, right[1])
    _release(e, own, other)
    _fail(e, e.emit(f"icmp sgt i32 {info}, 0"), "Singular matrix")
    return out


KERNELS: dict[str, Callable[[Any, Apply], Operands]] = {
    "triangular_solve": triangular_solve,
    "lu": lu,
    "exchange": exchange,
    "lu_solve": lu_solve,
    "log_determinant": log_determinant,
    "cholesky": cholesky,
    "eigh": eigh,
    "qr": qr,
    "svd": svd,
    "banded_solve": banded_solve,
    "pseudo_inverse": lambda e, node: _copied(e, node.args[0], shape(e, node.args[0])),
}
