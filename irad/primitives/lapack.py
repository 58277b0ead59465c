"""What the operations of linear algebra and the Fourier transform mean, by NumPy and SciPy: the interpreter calls these
functions, and generated text begins with those that it uses, word for word."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "banded_solve",
    "cholesky",
    "dft",
    "eigh",
    "exchange",
    "log_determinant",
    "lu",
    "lu_solve",
    "qr",
    "svd",
    "triangular_solve",
]


def dft(x: Any, y: Any, inverse: Any) -> Any:
    """(real, imaginary) parts of the Fourier transform of x + iy along the last axis, not scaled."""
    if x.size == 0:
        return x.copy(), y.copy()
    z = np.stack((x, y), -1).view(np.complex64 if x.dtype == np.float32 else np.complex128)[..., 0]
    z = np.fft.ifft(z, norm="forward") if inverse else np.fft.fft(z)
    return np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)


def lu(a: Any, check: Any) -> Any:
    """(packed factors, transposed; rows exchanged) of a square matrix; LinAlgError where it is singular and `check`."""
    from scipy.linalg import lapack

    if a.size == 0:
        return a.copy(), np.zeros(0, np.int64)
    (getrf,) = lapack.get_lapack_funcs(("getrf",), (a,))
    factors, pivots, info = getrf(a)
    if check and info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.ascontiguousarray(factors.T), pivots.astype(np.int64)


def exchange(b: Any, pivots: Any, reverse: Any) -> Any:
    """b with row k exchanged with row pivots[k], for each k in turn."""
    b = b.copy()
    for k in reversed(range(len(pivots))) if reverse else range(len(pivots)):
        p = pivots[k]
        if not 0 <= p < len(b):
            raise IndexError("rows are exchanged that are not there")
        b[[k, p]] = b[[p, k]]
    return b


def lu_solve(factors: Any, pivots: Any, b: Any, transposed: Any) -> Any:
    """x of a @ x = b, or of a.T @ x = b, by the factors of a."""
    if transposed:
        b = triangular_solve(factors, b, True, False, False)
        return exchange(triangular_solve(factors, b, False, False, True), pivots, True)
    b = triangular_solve(factors, exchange(b, pivots, False), False, True, True)
    return triangular_solve(factors, b, True, True, False)


def log_determinant(a: Any, factors: Any, pivots: Any) -> Any:
    """log(abs(det(a))), by the factors of a."""
    with np.errstate(divide="ignore"):
        return np.sum(np.log(np.abs(np.diagonal(factors))))


def triangular_solve(a: Any, b: Any, lower: Any, transposed: Any, unit: Any) -> Any:
    """x of a @ x = b, or of a.T @ x = b, of which one triangle is read; LinAlgError where it is singular."""
    from scipy.linalg import blas

    if not unit and np.any(np.diagonal(a) == 0.0):
        raise np.linalg.LinAlgError("Singular matrix")
    if b.size == 0:
        return b.copy()
    (trsm,) = blas.get_blas_funcs(("trsm",), (a, b))
    columns = b.reshape(len(b), -1)
    return np.ascontiguousarray(trsm(1.0, a, columns, lower=lower, trans_a=transposed, diag=unit)).reshape(b.shape)


def cholesky(a: Any) -> Any:
    """The lower triangle of which the product with its transpose is a, of which the lower triangle is read."""
    return np.linalg.cholesky(a)


def qr(a: Any) -> Any:
    """(q, r): orthonormal columns, and an upper triangle, of a matrix with no more columns than rows."""
    if a.shape[0] < a.shape[1]:
        raise ValueError("a matrix with more columns than rows")
    return tuple(np.linalg.qr(a))


def eigh(a: Any, lower: Any) -> Any:
    """(eigenvalues, ascending; eigenvectors as rows) of a symmetric matrix, of which one triangle is read."""
    values, vectors = np.linalg.eigh(a, "L" if lower else "U")
    return values, np.ascontiguousarray(vectors.T)


def svd(a: Any) -> Any:
    """(the transpose of u, s, v) without the vectors that belong to no singular value."""
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.ascontiguousarray(u.T), s, np.ascontiguousarray(vt.T)


def banded_solve(bands: Any, b: Any, below: Any, above: Any) -> Any:
    """x of a @ x = b, where bands[above + i - j, j] is a[i, j]; LinAlgError where a is singular."""
    from scipy.linalg import lapack

    if b.size == 0:
        return b.copy()
    (gbsv,) = lapack.get_lapack_funcs(("gbsv",), (bands, b))
    room = np.zeros((2 * below + above + 1, bands.shape[1]), bands.dtype)
    room[below:] = bands
    _, _, x, info = gbsv(below, above, room, b.reshape(len(b), -1))
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.ascontiguousarray(x).reshape(b.shape)
