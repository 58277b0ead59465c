"""Linear algebra: factors of a matrix, and what is solved with them. One matrix an operation; LAPACK does the work.

    factors, pivots = lu(a)                    x = lu_solve(a, factors, pivots, b)

What has several results gives a tuple. Derivatives are made of these operations and of products (matrices.py has what they
share), so that there are those of every order. `lu_solve` takes the matrix besides its factors: its derivative is another
solution, with the same factors, and nothing is derived through them.

Giles, "Collected matrix derivative results", 2008; Murray, "Differentiation of the Cholesky decomposition", 2016.
"""

from __future__ import annotations

from typing import Any

from irad.errors import refuse
from irad.primitives import lapack
from irad.primitives.array import array_of
from irad.primitives.matrices import (
    diagonal,
    flipped,
    half,
    less,
    of_triangle,
    on_diagonal,
    outer,
    part,
    places,
    sum_of,
    symmetric,
    with_ones,
)
from irad.primitives.table import CHECKED, Missing, Primitive, primitive
from irad.types import I64, Array, Dim, Tuple, Type

__all__ = ["LINALG"]

BY_LAPACK = Missing("lowered by backends/llvm/linalg as a call of LAPACK")
COST = 100  # an element: beyond this, the work grows with the third power of the size


def _matrix(name: str, t: Type, *, square: bool = False) -> Array:
    x = array_of(name, t)
    if x.rank != 2 or x.dtype.kind != "f":
        raise refuse("type-mismatch", f"`{name}` takes a matrix of floats, not {x}")
    if square and x.shape[0] != x.shape[1]:
        raise refuse("shape-mismatch", f"`{name}` takes a square matrix, not {x}")
    return x


def _right_side(name: str, a: Array, t: Type) -> Array:
    b = array_of(name, t)
    if b.rank not in (1, 2) or b.dtype is not a.dtype or b.shape[0] != a.shape[-1]:
        raise refuse("shape-mismatch", f"`{name}` cannot join {a} and the right side {b}")
    return b


def _pivots(name: str, t: Type, n: Any) -> None:
    if t is not Array(I64, (n,)):
        raise refuse("type-mismatch", f"`{name}` takes the exchanged rows as {Array(I64, (n,))}, not {t}")


def _operation(name: str, infer: Any, doc: str, ref: Any, vjp: Any, jvp: Any, **facets: Any) -> Primitive:
    facets.setdefault("source", lambda s, *xs, **facts: s.helper(name, *xs, *facts.values()))
    return primitive(name, infer, doc=doc, ref=ref, vjp=vjp, jvp=jvp, order=CHECKED, llvm=BY_LAPACK, cost=COST, **facets)


# -- triangles ----------------------------------------------------------------------------------------------------------------


def _triangle(*, lower: bool, unit: bool) -> str:
    return ("gt" if unit else "ge") if lower else ("lt" if unit else "le")


def _triangular_infer(types: tuple[Type, ...], lower: bool, transposed: bool, unit: bool) -> Type:
    return _right_side("triangular_solve", _matrix("triangular_solve", types[0], square=True), types[1])


def _triangular_vjp(b: Any, out: Any, a: Any, y: Any, ct: Any, *, lower: bool, transposed: bool, unit: bool) -> Any:
    back = b.triangular_solve(a, ct, lower=lower, transposed=not transposed, unit=unit)

    def of_a() -> Any:
        whole = outer(b, out, back) if transposed else outer(b, back, out)
        return b.neg(part(b, whole, _triangle(lower=lower, unit=unit)))

    return of_a, lambda: back


def _triangular_jvp(b: Any, out: Any, a: Any, y: Any, da: Any, dy: Any, *, lower: bool, transposed: bool, unit: bool) -> Any:
    moved = None
    if da is not None:
        da = part(b, da, _triangle(lower=lower, unit=unit))
        moved = b.matmul(flipped(b, da) if transposed else da, out)
    return b.triangular_solve(a, less(b, dy, moved), lower=lower, transposed=transposed, unit=unit)


triangular_solve = _operation(
    "triangular_solve",
    _triangular_infer,
    "x of a @ x = b, or of a.T @ x = b: one triangle of a is read, its diagonal taken as ones where `unit`.",
    lapack.triangular_solve,
    _triangular_vjp,
    _triangular_jvp,
    statics=("lower", "transposed", "unit"),
)

# -- elimination ------------------------------------------------------------------------------------------------------------


def _lu_infer(types: tuple[Type, ...], check: bool) -> Type:
    (t,) = types
    a = _matrix("lu", t, square=True)
    return Tuple((a, Array(I64, a.shape[:1])))


def _lu_vjp(b: Any, out: Any, a: Any, ct: Any, *, check: bool) -> Any:
    """a = P L U: factors hold the transpose of U on and below the diagonal, that of L above."""
    factors, pivots, packed = b.getitem(out, index=0), b.getitem(out, index=1), flipped(b, ct[0])
    below = b.matmul(with_ones(b, factors, "lt"), part(b, packed, "gt"))
    above = b.matmul(part(b, packed, "le"), part(b, factors, "ge"))
    middle = b.add(part(b, below, "gt"), part(b, above, "le"))
    left = b.triangular_solve(factors, middle, lower=False, transposed=False, unit=True)
    both = b.triangular_solve(factors, flipped(b, left), lower=True, transposed=True, unit=False)
    return (b.exchange(flipped(b, both), pivots, reverse=True),)


def _lu_jvp(b: Any, out: Any, a: Any, da: Any, *, check: bool) -> Any:
    factors, pivots = b.getitem(out, index=0), b.getitem(out, index=1)
    left = b.triangular_solve(factors, b.exchange(da, pivots, reverse=False), lower=False, transposed=True, unit=True)
    g = b.triangular_solve(factors, flipped(b, left), lower=True, transposed=False, unit=False)  # its transpose
    of_l = b.matmul(part(b, g, "lt"), with_ones(b, factors, "lt"))
    of_u = b.matmul(part(b, factors, "ge"), part(b, g, "ge"))
    return [b.add(of_l, of_u), None]


lu = _operation(
    "lu",
    _lu_infer,
    "(factors, pivots): a, its rows exchanged, is the product of a lower triangle with ones on its diagonal and an upper one; "
    "both are packed in one matrix, which is transposed. LinAlgError where a is singular, if `check`.",
    lapack.lu,
    _lu_vjp,
    _lu_jvp,
    statics=("check",),
)


def _exchange_infer(types: tuple[Type, ...], reverse: bool) -> Type:
    x = array_of("exchange", types[0])
    if x.rank not in (1, 2) or x.dtype.kind != "f":
        raise refuse("type-mismatch", f"`exchange` takes floats in one or two axes, not {x}")
    _pivots("exchange", types[1], x.shape[0])
    return x


exchange = _operation(
    "exchange",
    _exchange_infer,
    "x with row k exchanged with row pivots[k], for each k in turn, or from the last to the first.",
    lapack.exchange,
    lambda b, out, x, pivots, ct, *, reverse: (b.exchange(ct, pivots, reverse=not reverse), None),
    lambda b, out, x, pivots, dx, dp, *, reverse: b.exchange(dx, pivots, reverse=reverse),
    statics=("reverse",),
)


def _lu_solve_infer(types: tuple[Type, ...], transposed: bool) -> Type:
    a = _matrix("lu_solve", types[0], square=True)
    if types[1] is not a:
        raise refuse("type-mismatch", f"`lu_solve` takes the factors of {a}, not {types[1]}")
    _pivots("lu_solve", types[2], a.shape[0])
    return _right_side("lu_solve", a, types[3])


def _lu_solve_vjp(b: Any, out: Any, a: Any, factors: Any, pivots: Any, y: Any, ct: Any, *, transposed: bool) -> Any:
    back = b.lu_solve(a, factors, pivots, ct, transposed=not transposed)
    return (
        lambda: b.neg(outer(b, out, back) if transposed else outer(b, back, out)),
        None,
        None,
        lambda: back,
    )


def _lu_solve_jvp(b: Any, out: Any, a: Any, factors: Any, pivots: Any, y: Any, *rest: Any, transposed: bool) -> Any:
    da, _, _, dy = rest
    moved = None if da is None else b.matmul(flipped(b, da) if transposed else da, out)
    if moved is None and dy is None:
        return None
    return b.lu_solve(a, factors, pivots, less(b, dy, moved), transposed=transposed)


lu_solve = _operation(
    "lu_solve",
    _lu_solve_infer,
    "x of a @ x = b, or of a.T @ x = b, by the factors of a; derivatives are those of a, its factors follow it.",
    lambda a, factors, pivots, b, *, transposed: lapack.lu_solve(factors, pivots, b, transposed),
    _lu_solve_vjp,
    _lu_solve_jvp,
    statics=("transposed",),
    source=lambda s, a, factors, pivots, b, *, transposed: s.helper("lu_solve", factors, pivots, b, transposed),
)


def _log_determinant_infer(types: tuple[Type, ...]) -> Type:
    a = _matrix("log_determinant", types[0], square=True)
    if types[1] is not a:
        raise refuse("type-mismatch", f"`log_determinant` takes the factors of {a}, not {types[1]}")
    _pivots("log_determinant", types[2], a.shape[0])
    return a.dtype


def _inverse(b: Any, a: Any, factors: Any, pivots: Any) -> Any:
    """The transpose of the inverse."""
    return b.lu_solve(a, factors, pivots, part(b, b.like(1.0, a), "eq"), transposed=True)


log_determinant = _operation(
    "log_determinant",
    _log_determinant_infer,
    "The logarithm of the size of the determinant of a, by its factors; derivatives are those of a, its factors follow it.",
    lapack.log_determinant,
    lambda b, out, a, factors, pivots, ct: (
        lambda: b.mul(b.spread(ct, a, (0, 1)), _inverse(b, a, factors, pivots)),
        None,
        None,
    ),
    lambda b, out, a, factors, pivots, da, *rest: (
        None if da is None else b.sum(b.mul(da, _inverse(b, a, factors, pivots)), axes=(0, 1))
    ),
)

# -- symmetric matrices -------------------------------------------------------------------------------------------------------


def _cholesky_infer(types: tuple[Type, ...]) -> Type:
    (t,) = types
    return _matrix("cholesky", t, square=True)


def _cholesky_vjp(b: Any, out: Any, a: Any, ct: Any) -> Any:
    middle = half(b, b.matmul(flipped(b, out), part(b, ct, "ge")))
    left = b.triangular_solve(out, middle, lower=True, transposed=True, unit=False)
    both = b.triangular_solve(out, flipped(b, left), lower=True, transposed=True, unit=False)
    return (of_triangle(b, both, lower=True),)


def _cholesky_jvp(b: Any, out: Any, a: Any, da: Any) -> Any:
    left = b.triangular_solve(out, symmetric(b, da, lower=True), lower=True, transposed=False, unit=False)
    both = b.triangular_solve(out, flipped(b, left), lower=True, transposed=False, unit=False)
    return b.matmul(out, half(b, both))


cholesky = _operation(
    "cholesky",
    _cholesky_infer,
    "The lower triangle of which the product with its transpose is a, of which the lower triangle is read; "
    "LinAlgError where a is not positive definite.",
    lapack.cholesky,
    _cholesky_vjp,
    _cholesky_jvp,
)


def _apart(b: Any, values: Any, x: Any) -> Any:
    """values[j] - values[i] in the shape of a matrix like x, 1 on its diagonal."""
    gaps = b.sub(b.spread(values, x, (0,)), b.spread(values, x, (1,)))
    return b.select(places(b, x, "eq"), b.like(1.0, x), gaps)


def _unread(b: Any, ct: Any, axis: int) -> Any:
    """Whether the cotangent of a vector is zero, for each vector along the other axis: the vector is not read."""
    return b.all(b.eq(ct, b.like(0.0, ct)), axes=(axis,))


def _quotient(b: Any, x: Any, y: Any, nothing: Any) -> Any:
    """x / y, and 0 where `nothing`, whatever y is: a vector that is not read may be anything."""
    y = b.select(nothing, b.like(1.0, y), y)
    return b.select(nothing, b.like(0.0, x), b.div(x, y))


def _eigh_infer(types: tuple[Type, ...], lower: bool) -> Type:
    (t,) = types
    a = _matrix("eigh", t, square=True)
    return Tuple((Array(a.dtype, a.shape[:1]), a))


def _eigh_vjp(b: Any, out: Any, a: Any, ct: Any, *, lower: bool) -> Any:
    values, rows = b.getitem(out, index=0), b.getitem(out, index=1)
    of_values, of_rows = ct
    middle = None if of_values is None else on_diagonal(b, of_values, rows)
    if of_rows is not None:
        turned = part(b, b.matmul(rows, flipped(b, of_rows)), "ne")
        gaps = _apart(b, values, rows)
        nothing = b.and_(b.eq(gaps, b.like(0.0, gaps)), b.spread(_unread(b, of_rows, 1), rows, (0,)))
        middle = sum_of(b, middle, _quotient(b, turned, gaps, nothing))
    whole = b.matmul(flipped(b, rows), b.matmul(middle, rows))
    return (of_triangle(b, whole, lower=lower),)


def _eigh_jvp(b: Any, out: Any, a: Any, da: Any, *, lower: bool) -> Any:
    values, rows = b.getitem(out, index=0), b.getitem(out, index=1)
    inner = b.matmul(rows, b.matmul(symmetric(b, da, lower=lower), flipped(b, rows)))
    turned = b.div(part(b, inner, "ne"), _apart(b, values, inner))
    return [diagonal(b, inner), b.matmul(flipped(b, turned), rows)]


eigh = _operation(
    "eigh",
    _eigh_infer,
    "(eigenvalues, ascending; eigenvectors, as rows) of a symmetric matrix, of which one triangle is read.",
    lapack.eigh,
    _eigh_vjp,
    _eigh_jvp,
    statics=("lower",),
)

# -- orthogonal factors -------------------------------------------------------------------------------------------------------


def _qr_infer(types: tuple[Type, ...]) -> Type:
    (t,) = types
    a = _matrix("qr", t)
    m, n = a.shape
    if isinstance(m, int) and isinstance(n, int) and m < n:
        raise refuse("shape-mismatch", f"`qr` takes a matrix with no more columns than rows, not {a}")
    return Tuple((a, Array(a.dtype, (n, n))))


def _over(b: Any, x: Any, r: Any, *, transposed: bool) -> Any:
    """x @ inv(r), or x @ inv(r).T."""
    return flipped(b, b.triangular_solve(r, flipped(b, x), lower=False, transposed=not transposed, unit=False))


def _qr_vjp(b: Any, out: Any, a: Any, ct: Any) -> Any:
    q, r = b.getitem(out, index=0), b.getitem(out, index=1)
    of_q, of_r = ct
    left = None if of_r is None else b.matmul(r, flipped(b, part(b, of_r, "le")))
    right = None if of_q is None else b.matmul(flipped(b, of_q), q)
    m = part(b, less(b, left, right), "ge")
    m = b.add(m, flipped(b, part(b, m, "gt")))
    return (_over(b, sum_of(b, of_q, b.matmul(q, m)), r, transposed=True),)


def _qr_jvp(b: Any, out: Any, a: Any, da: Any) -> Any:
    q, r = b.getitem(out, index=0), b.getitem(out, index=1)
    whole = _over(b, da, r, transposed=False)
    inner = b.matmul(flipped(b, q), whole)
    below = part(b, inner, "gt")
    rest = b.sub(inner, b.sub(below, flipped(b, below)))
    return [b.sub(whole, b.matmul(q, rest)), b.matmul(rest, r)]


qr = _operation(
    "qr",
    _qr_infer,
    "(q, r): orthonormal columns, and an upper triangle, of a matrix with no more columns than rows.",
    lapack.qr,
    _qr_vjp,
    _qr_jvp,
)


def _svd_infer(types: tuple[Type, ...], shape: tuple[Any, ...]) -> Type:
    (t,) = types
    a = _matrix("svd", t)
    m, n = a.shape
    k: Any = shape[0] if len(shape) == 1 else None
    known = m if m == n else min(m, n) if isinstance(m, int) and isinstance(n, int) else None
    if k != known if known is not None else not isinstance(k, Dim):
        raise refuse("shape-mismatch", f"`svd` of {a} gives as many values as its smaller size, not {shape}")
    return Tuple((Array(a.dtype, (k, m)), Array(a.dtype, (k,)), Array(a.dtype, (n, k))))


def _scaled(b: Any, x: Any, s: Any, axis: int) -> Any:
    """Row i (axis 0) or column i of x times s[i]."""
    return b.mul(x, b.spread(s, x, (1 - axis,)))


def _svd_vjp(b: Any, out: Any, a: Any, ct: Any, *, shape: Any) -> Any:
    """Townsend, "Differentiating the singular value decomposition", 2016."""
    ut, s, v = (b.getitem(out, index=i) for i in range(3))
    of_ut, of_s, of_v = ct
    u, vt, of_u = flipped(b, ut), flipped(b, v), None if of_ut is None else flipped(b, of_ut)
    middle = extra = None

    def turning(vectors: Any, own: Any) -> Any:
        """What a rotation of the vectors among themselves does, by the gaps of squared singular values."""
        inner = b.matmul(flipped(b, vectors), own)
        gaps, none = _apart(b, b.mul(s, s), inner), _unread(b, own, 0)
        nothing = b.and_(b.eq(gaps, b.like(0.0, gaps)), b.and_(b.spread(none, inner, (0,)), b.spread(none, inner, (1,))))
        return _quotient(b, b.sub(inner, flipped(b, inner)), gaps, nothing)

    def outside(vectors: Any, own: Any) -> Any:
        """What leaves the space of the vectors, by the singular values."""
        rest = b.sub(own, b.matmul(vectors, b.matmul(flipped(b, vectors), own)))
        return _quotient(b, rest, b.spread(s, rest, (0,)), b.spread(_unread(b, own, 0), rest, (0,)))

    if of_u is not None:
        middle = _scaled(b, turning(u, of_u), s, 1)
        if u.type.shape[0] != u.type.shape[1]:
            extra = b.matmul(outside(u, of_u), vt)
    if of_v is not None:
        middle = sum_of(b, middle, _scaled(b, turning(v, of_v), s, 0))
        if vt.type.shape[0] != vt.type.shape[1]:
            extra = sum_of(b, extra, b.matmul(u, flipped(b, outside(v, of_v))))
    if of_s is not None:
        middle = sum_of(b, middle, on_diagonal(b, of_s, _columns_of(b, s)))
    return (sum_of(b, b.matmul(u, b.matmul(middle, vt)), extra),)


def _columns_of(b: Any, s: Any) -> Any:
    """The square matrix of which each row is s."""
    own, (n,) = b.dims(s), s.type.shape
    return b.broadcast(s, *own, *own, shape=(n, n))


def _svd_jvp(b: Any, out: Any, a: Any, da: Any, *, shape: Any) -> Any:
    ut, s, v = (b.getitem(out, index=i) for i in range(3))
    u, vt = flipped(b, ut), flipped(b, v)
    inner = b.matmul(ut, b.matmul(da, v))
    gaps = _apart(b, b.mul(s, s), inner)
    left, right = _scaled(b, inner, s, 1), _scaled(b, inner, s, 0)
    du = b.matmul(u, b.div(part(b, b.add(left, flipped(b, left)), "ne"), gaps))
    dv = b.matmul(v, b.div(part(b, b.add(right, flipped(b, right)), "ne"), gaps))
    if u.type.shape[0] != u.type.shape[1]:
        moved = b.matmul(da, v)
        rest = b.sub(moved, b.matmul(u, b.matmul(ut, moved)))
        du = b.add(du, b.div(rest, b.spread(s, rest, (0,))))
    if vt.type.shape[0] != vt.type.shape[1]:
        moved = b.matmul(flipped(b, da), u)
        rest = b.sub(moved, b.matmul(v, b.matmul(vt, moved)))
        dv = b.add(dv, b.div(rest, b.spread(s, rest, (0,))))
    return [flipped(b, du), diagonal(b, inner), dv]


svd = _operation(
    "svd",
    _svd_infer,
    "(the transpose of u, s, v): singular values, descending, and the vectors that belong to them, u @ diag(s) @ v.T.",
    lambda a, *, shape: lapack.svd(a),
    _svd_vjp,
    _svd_jvp,
    statics=("shape",),
    source=lambda s, a, *, shape: s.helper("svd", a),
)


# -- the pseudo-inverse -------------------------------------------------------------------------------------------------------


def _pseudo_inverse_infer(types: tuple[Type, ...]) -> Type:
    p, a = (_matrix("pseudo_inverse", t) for t in types)
    if p is not Array(a.dtype, a.shape[::-1]):
        raise refuse("shape-mismatch", f"`pseudo_inverse` takes the pseudo-inverse of {a}, not {p}")
    return p


def _pseudo_inverse_vjp(b: Any, out: Any, p: Any, a: Any, ct: Any) -> Any:
    """Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems", 1973."""
    pt, c = flipped(b, out), flipped(b, ct)
    left = b.matmul(b.matmul(c, out), pt)
    right = b.matmul(pt, b.matmul(out, c))
    both = b.matmul(b.matmul(pt, ct), pt)
    left = b.sub(left, b.matmul(a, b.matmul(out, left)))
    right = b.sub(right, b.matmul(b.matmul(right, out), a))
    return None, lambda: b.sub(b.add(left, right), both)


def _pseudo_inverse_jvp(b: Any, out: Any, p: Any, a: Any, dp: Any, da: Any) -> Any:
    if da is None:
        return None
    pt, d = flipped(b, out), flipped(b, da)
    left = b.matmul(b.matmul(d, pt), out)
    right = b.matmul(out, b.matmul(pt, d))
    both = b.matmul(b.matmul(out, da), out)
    left = b.sub(left, b.matmul(out, b.matmul(a, left)))
    right = b.sub(right, b.matmul(b.matmul(right, a), out))
    return b.sub(b.add(left, right), both)


pseudo_inverse = _operation(
    "pseudo_inverse",
    _pseudo_inverse_infer,
    "p, which is the pseudo-inverse of a; its derivative is that of a, whose rank does not change.",
    lambda p, a: p.copy(),
    _pseudo_inverse_vjp,
    _pseudo_inverse_jvp,
    source=lambda s, p, a: s("x.copy()", p),
)

# -- bands --------------------------------------------------------------------------------------------------------------------


def _banded_infer(types: tuple[Type, ...], below: int, above: int) -> Type:
    bands = _matrix("banded_solve", types[0])
    if min(below, above) < 0 or bands.shape[0] != below + above + 1:
        raise refuse("shape-mismatch", f"`banded_solve` takes one band for each diagonal, not {bands}")
    return _right_side("banded_solve", bands, types[1])


def _moved(b: Any, v: Any, k: int) -> Any:
    """v[j + k] at place j of the first axis, zero where there is none."""
    if k == 0:
        return v
    n, *rest = v.type.shape
    dims, longer = b.dims(v), Array(v.type.dtype, (n + abs(k), *rest))
    room = [b.add(b.dim(v, axis=0), b.literal(abs(k))), *dims[1:]] if isinstance(n, Dim) else dims
    starts, steps = [b.literal(0)] * len(rest), (1,) * v.type.rank
    padded = b.slice_update(b.zeros(*room, of=longer), v, b.literal(max(-k, 0)), *starts, steps=steps)
    return b.slice(padded, b.literal(max(k, 0)), *starts, *dims, shape=v.type.shape, steps=steps)


def _band(b: Any, bands: Any, row: int) -> Any:
    """A row of the bands."""
    dims, n = b.dims(bands), bands.type.shape[1]
    line = b.slice(bands, b.literal(row), b.literal(0), *dims, shape=(1, n), steps=(1, 1))
    return b.reshape(line, *dims, shape=(n,))


def _scaled_rows(b: Any, x: Any, v: Any) -> Any:
    return b.mul(x, v) if x.type.rank == 1 else _scaled(b, x, v, 0)


def _from_bands(b: Any, bands: Any, lines: list[Any]) -> Any:
    """Bands in the shape of others, but for their number, made of lines."""
    n = bands.type.shape[1]
    out = b.zeros(*b.dims(bands), of=Array(bands.type.dtype, (len(lines), n)))
    for k, line in enumerate(lines):
        row = b.reshape(line, *b.dims(bands), shape=(1, n))
        out = b.slice_update(out, row, b.literal(k), b.literal(0), steps=(1, 1))
    return out


def _banded_vjp(b: Any, out: Any, bands: Any, y: Any, ct: Any, *, below: int, above: int) -> Any:
    lines = [_moved(b, _band(b, bands, above - k), k) for k in range(-below, above + 1)]
    turned = _from_bands(b, bands, lines)
    back = b.banded_solve(turned, ct, below=above, above=below)

    def of_bands() -> Any:
        lines = [b.mul(_moved(b, back, k), out) for k in range(-above, below + 1)]
        return b.neg(_from_bands(b, bands, lines if out.type.rank == 1 else [b.sum(v, axes=(1,)) for v in lines]))

    return of_bands, lambda: back


def _banded_jvp(b: Any, out: Any, bands: Any, y: Any, dbands: Any, dy: Any, *, below: int, above: int) -> Any:
    moved = None
    if dbands is not None:
        lines = [_moved(b, _scaled_rows(b, out, _band(b, dbands, above + k)), -k) for k in range(-above, below + 1)]
        moved = sum_of(b, *lines)
    return b.banded_solve(bands, less(b, dy, moved), below=below, above=above)


banded_solve = _operation(
    "banded_solve",
    _banded_infer,
    "x of a @ x = b, where bands[above + i - j, j] is a[i, j]; LinAlgError where a is singular.",
    lapack.banded_solve,
    _banded_vjp,
    _banded_jvp,
    statics=("below", "above"),
)

LINALG = frozenset(
    {
        *("triangular_solve", "lu", "exchange", "lu_solve", "cholesky", "eigh", "qr", "svd", "pseudo_inverse"),
        *("banded_solve", "log_determinant"),
        "dft",  # of fourier.py: a call that does much work, as these are
    }
)
