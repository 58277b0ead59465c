"""Linear algebra: what NumPy has of it, made of factors of one matrix (`factors`). Matrices along leading axes go one by
one."""
# mypy: ignore-errors

import numpy as np

from irad.numpy import factors
from irad.numpy.factors import lu, lu_solve, stop_gradient
from irad.numpy.joining import _axis, _size
from irad.numpy.products import _crossed, _in_front

EighResult = type(np.linalg.eigh(np.eye(1)))
QRResult = type(np.linalg.qr(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


# -- solutions and determinants ---------------------------------------------------------------------------------------------


def solve(a, b):
    a, b = _square(a), _floats(b)
    dtype = np.result_type(a, b)
    a, b = a.astype(dtype), b.astype(dtype)
    if b.shape[-1 if b.ndim == 1 else -2] != a.shape[-1]:
        raise ValueError("solve: the right side has another number of rows than the matrix")
    if b.ndim == 1:
        return _solved(a, b) if a.ndim == 2 else np.linalg.solve(a, b[:, None])[..., 0]
    if a.ndim == b.ndim == 2:
        return _solved(a, b)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = _matrices(a, lead), _matrices(b, lead)
    out = np.empty(right.shape, dtype)
    for k in range(len(out)):
        out[k] = _solved(left[k], right[k])
    return out.reshape(lead + b.shape[-2:])


def _solved(a, b):
    packed, pivots = lu(stop_gradient(a), check=True)
    return lu_solve(a, packed, pivots, b, transposed=False)


def inv(a):
    a = _square(a)
    return np.linalg.solve(a, np.eye(a.shape[-1], dtype=a.dtype))


def det(a):
    return _each(_determined, _square(a), ())[0]


def _determined(a):
    """The product of the pivots, which grows as the logarithm says. Of a singular matrix: the product of the singular values,
    whose derivative holds where one of them is zero."""
    packed, pivots = lu(stop_gradient(a), check=False)
    d = np.diagonal(packed)
    if np.all(d != 0.0):
        size = factors.log_determinant(a, packed, pivots)
        return (_signed(pivots, np.prod(d)) * np.exp(size - stop_gradient(size)),)
    ut, s, v = factors.svd(a)
    product = np.prod(s) * stop_gradient(_orientation(ut) * _orientation(v))
    return (product - stop_gradient(product),)


def _orientation(q):
    """The determinant of an orthogonal matrix: 1 or -1."""
    packed, pivots = lu(q, check=False)
    return _signed(pivots, np.prod(np.sign(np.diagonal(packed))))


def _signed(pivots, x):
    """x with the sign of the exchanges."""
    odd = np.sum(pivots != np.arange(len(pivots))) % 2 == 1
    return np.where(odd, -x, x)


def slogdet(a):
    return SlogdetResult(*_each(_log_determined, _square(a), (), ()))


def _log_determined(a):
    packed, pivots = lu(stop_gradient(a), check=False)
    sign = _signed(pivots, np.prod(np.sign(np.diagonal(packed))))
    return sign, factors.log_determinant(a, packed, pivots)


# -- factors ----------------------------------------------------------------------------------------------------------------


def cholesky(a, /, *, upper=False):
    a = _square(a)
    if upper:
        return np.swapaxes(_each(_factored, np.swapaxes(a, -1, -2), a.shape[-2:])[0], -1, -2)
    return _each(_factored, a, a.shape[-2:])[0]


def _factored(a):
    return (factors.cholesky(a),)


def qr(a, mode="reduced"):
    a = _matrix(a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    if mode == "complete" and m > n:
        raise NotImplementedError("np.linalg.qr of more rows than columns gives no complete q", "write mode='reduced'")
    k = min(m, n)
    q, r = _each(_orthogonal, a, (m, k), (k, n))
    return r if mode == "r" else QRResult(q, r)


def _orthogonal(a):
    m, n = a.shape
    if m >= n:
        return factors.qr(a)
    q, r = factors.qr(a[:, :m])
    return q, np.concatenate((r, q.T @ a[:, m:]), axis=1)


def eigh(a, UPLO="L"):
    a = _square(a)
    _check_triangle(UPLO)
    return EighResult(*_each(_eigen_lower if UPLO in "Ll" else _eigen_upper, a, a.shape[-1:], a.shape[-2:]))


def eigvalsh(a, UPLO="L"):
    a = _square(a)
    _check_triangle(UPLO)
    return _each(_eigen_lower if UPLO in "Ll" else _eigen_upper, a, a.shape[-1:], a.shape[-2:])[0]


def _check_triangle(UPLO):
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError("UPLO argument must be 'L' or 'U'")


def _eigen_lower(a):
    values, rows = factors.eigh(a, lower=True)
    return values, rows.T


def _eigen_upper(a):
    values, rows = factors.eigh(a, lower=False)
    return values, rows.T


def svd(a, full_matrices=True, compute_uv=True):
    a = _matrix(a)
    m, n = a.shape[-2:]
    if compute_uv and full_matrices and m != n:
        raise NotImplementedError("np.linalg.svd of a matrix not square gives no full u and vt", "write full_matrices=False")
    k = min(m, n)
    u, s, vt = _each(_singular, a, (m, k), (k,), (k, n))
    return SVDResult(u, s, vt) if compute_uv else s


def svdvals(x, /):
    return np.linalg.svd(x, compute_uv=False)


def _singular(a):
    ut, s, v = factors.svd(a)
    return ut.T, s, v.T


# -- ranks ------------------------------------------------------------------------------------------------------------------


def pinv(a, rcond=None):
    a = _matrix(a)
    part = 1e-15 if rcond is None else rcond
    return _each(lambda x: _inverted(x, part)[:1], a, a.shape[:-3:-1])[0]


def _inverted(a, part):
    """(the pseudo-inverse, the rank): of the singular values those count that are greater than a part of the greatest."""
    ut, s, v = factors.svd(stop_gradient(a))
    large = s > part * np.max(s, initial=0.0)
    rounding = max(max(a.shape) * _epsilon(a), 1e-15)
    p = (v * np.where(large, 1.0 / np.where(large, s, 1.0), 0.0)) @ ut
    if part > rounding:
        least, most = np.min(np.where(large, s, np.inf), initial=np.inf), np.max(np.where(large, 0.0, s), initial=0.0)
        if np.any(large) and most > rounding * np.max(s, initial=0.0):  # what is left out is not zero
            if a.shape[0] >= a.shape[1]:
                a = a @ _projection(a, s, v, least, most)
            else:
                a = (a.T @ _projection(a.T, s, ut.T, least, most)).T
    return factors.pseudo_inverse(p, a), np.sum(large)


def _projection(a, s, v, least, most):
    """Onto the singular vectors v of singular values from `least` on, where all others are `most` at most.

    1 - y, where y is 1 / (1 + t), by turns for t and its square from t = s**2 / (least * most) on: this has its derivatives of
    every order, also where some of the values are the same, and holds what is small beside the rest to its own precision.
    """
    c, one = least * most, np.eye(len(s), dtype=a.dtype)
    product = v.T @ (a.T @ a) @ v
    t = np.diag(s * s / c) + (product - stop_gradient(product)) / c
    y = np.linalg.inv(one + t)
    squarings = int(np.ceil(np.log2(60.0 / np.log(least / most))))
    for _ in range(squarings):
        z = one - y
        y = y @ y
        y = np.linalg.solve(y + z @ z, y)
    return v @ (one - y) @ v.T


def _epsilon(a):
    """From 1 to the next float."""
    return 2.0**-52 if a.dtype.itemsize == 8 else 2.0**-23


def lstsq(a, b, rcond=None):
    a, b = _matrix(a), _floats(b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise np.linalg.LinAlgError("np.linalg.lstsq takes a matrix, and a right side of one or two axes")
    if b.shape[0] != a.shape[0]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    dtype = np.result_type(a, b)
    a, b = a.astype(dtype), b.astype(dtype)
    m, n = a.shape
    inverse, rank = _inverted(a, max(m, n) * _epsilon(a) if rcond is None else rcond)
    x = inverse @ b
    rest = b - a @ x
    rest = np.sum(rest * rest, axis=0, keepdims=b.ndim == 1)
    return x, rest[: len(rest) if rank == n and m > n else 0], rank, np.linalg.svd(a, compute_uv=False)


def matrix_rank(A, tol=None):
    A = _floats(A)
    if A.ndim < 2:
        return np.sum(np.any(A != 0.0))
    s = np.linalg.svd(stop_gradient(A), compute_uv=False)
    if tol is None:
        tol = np.max(s, axis=-1, keepdims=True, initial=0.0) * max(A.shape[-2:]) * _epsilon(A)
    return np.sum(s > tol, axis=-1)


def cond(x, p=None):
    if p not in (None, 2, -2):
        raise NotImplementedError(
            "np.linalg.cond knows the norms None, 2 and -2", "write np.linalg.norm(x, p) * np.linalg.norm(np.linalg.inv(x), p)"
        )
    s = np.linalg.svd(x, compute_uv=False)
    return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]


def norm(x, ord=None, axis=None, keepdims=False):
    x = _floats(x)
    if axis is None:
        if ord is not None and x.ndim not in (1, 2):
            raise ValueError("Improper number of dimensions to norm.")
        axis = tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple([_axis(k, x.ndim) for k in axes])
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return _root(np.sum(x * x, axis=axes, keepdims=keepdims))
    size = np.abs(x)
    if len(axes) == 1:
        return _of_vectors(size, ord, axes[0], keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError("Improper number of dimensions to norm.")
    rows, columns = axes if ord in (1, -1) else axes[::-1]
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(size, axis=rows, keepdims=True)
        extreme = np.max(sums, axis=columns, keepdims=True) if ord > 0 else np.min(sums, axis=columns, keepdims=True)
        return extreme if keepdims else np.sum(extreme, axis=axes)
    if ord not in (2, -2, "nuc"):
        raise ValueError("Invalid norm order for matrices.")
    s = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
    out = np.sum(s, axis=-1) if ord == "nuc" else np.max(s, axis=-1) if ord == 2 else np.min(s, axis=-1)
    return np.expand_dims(out, axes) if keepdims else out


def _of_vectors(size, ord, axis, keepdims):
    """The norm of vectors of which the absolute values are given."""
    if ord == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((size != 0.0).astype(size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    return np.sum(size**ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _root(s):
    """The square root, with derivative 0 at 0."""
    return np.where(s > 0.0, np.sqrt(np.where(s > 0.0, s, 1.0)), s)


# -- products ---------------------------------------------------------------------------------------------------------------


def matrix_power(a, n):
    a = np.asarray(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    if n < 0:
        a, n = np.linalg.inv(a), -n
    out = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    while n > 0:
        if n % 2 == 1:
            out = out @ a
        n = n // 2
        if n > 0:
            a = a @ a
    return out


def multi_dot(arrays):
    arrays = tuple(arrays)
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    out = np.asarray(arrays[0])
    for x in arrays[1:]:
        out = out @ np.asarray(x)
    return out


# -- matrices ---------------------------------------------------------------------------------------------------------------


def _floats(x):
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x * 1.0


def _matrix(a):
    a = _floats(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"{a.ndim}-dimensional array given. Array must be at least two-dimensional")
    return a


def _square(a):
    a = _matrix(a)
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


def _matrices(a, lead):
    """The matrices of an array, repeated to the axes `lead`, one after the other."""
    return np.broadcast_to(a, lead + a.shape[-2:]).copy().reshape((_size(lead), *a.shape[-2:]))


def _each(f, a, *shapes):
    """What f gives of each matrix, arrays of these shapes."""
    if a.ndim == 2:
        return f(a)
    lead = a.shape[:-2]
    left = _matrices(a, lead)
    outs = [np.empty((len(left), *shape), a.dtype) for shape in shapes]
    for k in range(len(left)):
        for out, part in zip(outs, f(left[k]), strict=True):
            out[k] = part
    return tuple([out.reshape(lead + shape) for out, shape in zip(outs, shapes, strict=True)])


# -- names of the array API ---------------------------------------------------------------------------------------------------


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = _floats(x)
    if axis is None:
        found = np.linalg.norm(x.copy().reshape(-1), ord)
        return np.reshape(found, (1,) * x.ndim) if keepdims else found
    if isinstance(axis, tuple):
        axes = tuple([_axis(k, x.ndim) for k in axis])
        rest = tuple([k for k in range(x.ndim) if k not in axes])
        last = np.transpose(x, rest + axes).copy()
        found = np.linalg.norm(last.reshape((*last.shape[: len(rest)], _size(last.shape[len(rest) :]))), ord, axis=-1)
        return np.reshape(found, tuple([1 if k in axes else x.shape[k] for k in range(x.ndim)])) if keepdims else found
    return np.linalg.norm(x, ord, axis, keepdims)


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


def matrix_transpose(x, /):
    return np.matrix_transpose(x)


def outer(x1, x2, /):
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError("Input arrays must be one-dimensional")
    return np.outer(x1, x2)


def cross(x1, x2, /, *, axis=-1):
    a, b = _in_front(x1, axis), _in_front(x2, axis)
    if a.shape[0] != 3 or b.shape[0] != 3:
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors")
    return _crossed(a, b, axis)


def diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


def trace(x, /, *, offset=0):
    return np.trace(x, offset, -2, -1)


def matmul(x1, x2, /):
    return np.matmul(x1, x2)


def tensordot(x1, x2, /, *, axes=2):
    return np.tensordot(x1, x2, axes)


def vecdot(x1, x2, /, *, axis=-1):
    return np.sum(np.asarray(x1) * np.asarray(x2), axis=axis)


def tensorsolve(a, b, axes=None):
    a, b = np.asarray(a), np.asarray(b)
    if axes is not None:
        a = np.moveaxis(a, tuple(axes), tuple(range(a.ndim - len(axes), a.ndim)))
    rest = a.shape[b.ndim :]
    return np.linalg.solve(a.copy().reshape((_size(a.shape[: b.ndim]), _size(rest))), b.copy().reshape(-1)).reshape(rest)


def tensorinv(a, ind=2):
    a = np.asarray(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    rows, rest = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(a.copy().reshape((_size(rows), _size(rest)))).reshape(rest + rows)
