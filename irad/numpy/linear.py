"""Linear algebra by elimination, written out: derivatives of every order go through the steps, exchanged rows included."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis, _size


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
    return np.linalg.svd(x, compute_uv=False)  # which is refused by name


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


def solve(a, b):
    a, b = _square(a), _floats(b)
    if b.ndim == 1:
        return np.linalg.solve(a, b[:, None])[..., 0]
    if b.shape[-2] != a.shape[-1]:
        raise ValueError("solve: the right side has another number of rows than the matrix")
    if a.ndim == b.ndim == 2:
        return _solved(a, b)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = _matrices(a, lead), _matrices(b, lead)
    out = np.empty(right.shape, np.result_type(a, b))
    for k in range(len(out)):
        out[k] = _solved(left[k], right[k])
    return out.reshape(lead + b.shape[-2:])


def inv(a):
    a = _square(a)
    return np.linalg.solve(a, np.eye(a.shape[-1], dtype=a.dtype))


def det(a):
    a = _square(a)
    if a.ndim == 2:
        return _determined(a)
    left = _matrices(a, a.shape[:-2])
    out = np.empty(len(left), a.dtype)
    for k in range(len(left)):
        out[k] = _determined(left[k])
    return out.reshape(a.shape[:-2])


def cholesky(a):
    a = _square(a)
    if a.ndim == 2:
        return _factored(a)
    left = _matrices(a, a.shape[:-2])
    out = np.empty(left.shape, a.dtype)
    for k in range(len(left)):
        out[k] = _factored(left[k])
    return out.reshape(a.shape)


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


def _solved(a, b):
    """x of a @ x = b, by elimination with exchanged rows."""
    n = len(a)
    a, b = a.copy(), b * np.ones((), a.dtype)
    for k in range(n):
        p = _pivot(a, k)
        if a[p, k] == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        if p != k:
            _exchange(a, p, k)
            _exchange(b, p, k)
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            a[i] -= f * a[k]
            b[i] -= f * b[k]
    for k in range(n - 1, -1, -1):
        b[k] /= a[k, k]
        for i in range(k):
            b[i] -= a[i, k] * b[k]
    return b


def _determined(a):
    """The product of the pivots, with the sign of the exchanges."""
    n = len(a)
    a = a.copy()
    out = np.ones((), a.dtype)
    for k in range(n):
        p = _pivot(a, k)
        if a[p, k] == 0.0:
            return out * 0.0
        if p != k:
            _exchange(a, p, k)
            out = -out
        for i in range(k + 1, n):
            a[i] -= a[i, k] / a[k, k] * a[k]
        out = out * a[k, k]
    return out


def _factored(a):
    """The lower triangle of which the product with its transpose is a; of a the lower triangle is read."""
    n = len(a)
    out = np.zeros((n, n), a.dtype)
    for j in range(n):
        s = a[j, j] - np.sum(out[j] * out[j])
        if not s > 0.0:
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        out[j, j] = np.sqrt(s)
        for i in range(j + 1, n):
            out[i, j] = (a[i, j] - np.sum(out[i] * out[j])) / out[j, j]
    return out


def _pivot(a, k):
    """The row from k on whose element in column k is the greatest."""
    p = k
    for i in range(k + 1, len(a)):
        if abs(a[i, k]) > abs(a[p, k]):
            p = i
    return p


def _exchange(a, i, j):
    row = a[i].copy()
    a[i] = a[j]
    a[j] = row


def _floats(x):
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x * 1.0


def _square(a):
    a = _floats(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"{a.ndim}-dimensional array given. Array must be at least two-dimensional")
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


def _matrices(a, lead):
    """The matrices of an array, repeated to the axes `lead`, one after the other."""
    return np.broadcast_to(a, lead + a.shape[-2:]).copy().reshape((_size(lead), *a.shape[-2:]))
