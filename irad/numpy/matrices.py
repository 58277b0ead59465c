"""Linear algebra as SciPy has it: factors that are kept and solved with, triangles, bands, the exponential of a matrix.

Permission to overwrite an argument (`overwrite_a`) is not made use of. Matrices along leading axes are taken where the
functions of NumPy that these stand on take them.
"""
# mypy: ignore-errors

import numpy as np

from irad.numpy import factors
from irad.numpy.factors import stop_gradient
from irad.numpy.linear import _each, _epsilon, _floats, _inverted, _square

# -- factors ----------------------------------------------------------------------------------------------------------------


def lu_factor(a, overwrite_a=False, check_finite=True):
    packed, pivots = factors.lu(_one(a, check_finite), check=False)
    return packed.T, pivots.astype(np.int32)


def lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    packed, pivots = lu_and_piv
    a, b = _joined(_one(packed, check_finite), _right(b, check_finite))
    pivots = np.asarray(pivots).astype(np.int64)
    if trans == 0:
        b = factors.exchange(b, pivots, reverse=False)
        b = factors.triangular_solve(a, b, lower=True, transposed=False, unit=True)
        return factors.triangular_solve(a, b, lower=False, transposed=False, unit=False)
    if trans not in (1, 2):
        raise ValueError("trans is 0, 1 or 2")
    b = factors.triangular_solve(a, b, lower=False, transposed=True, unit=False)
    return factors.exchange(factors.triangular_solve(a, b, lower=True, transposed=True, unit=True), pivots, reverse=True)


def cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    return np.linalg.cholesky(_finite(_square(a), check_finite), upper=not lower)


def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    a = _one(a, check_finite)
    c = np.linalg.cholesky(a, upper=not lower)
    return (c + np.triu(a, 1) if lower else c + np.tril(a, -1)), lower


def cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    c, lower = c_and_lower
    c, b = _joined(_one(c, check_finite), _right(b, check_finite))
    if lower:
        b = factors.triangular_solve(c, b, lower=True, transposed=False, unit=False)
        return factors.triangular_solve(c, b, lower=True, transposed=True, unit=False)
    b = factors.triangular_solve(c, b, lower=False, transposed=True, unit=False)
    return factors.triangular_solve(c, b, lower=False, transposed=False, unit=False)


def qr(a, overwrite_a=False, lwork=None, mode="full", *, check_finite=True):
    a = _finite(_floats(a), check_finite)
    if mode not in ("full", "r", "economic"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic']")
    if mode != "economic" and a.shape[-2] > a.shape[-1]:
        raise NotImplementedError("scipy.linalg.qr of more rows than columns gives no full q", "write mode='economic'")
    q, r = np.linalg.qr(a)
    return (r,) if mode == "r" else (q, r)


def svd(a, full_matrices=True, compute_uv=True, overwrite_a=False, check_finite=True):
    a = _finite(_floats(a), check_finite)
    if not compute_uv:
        return np.linalg.svd(a, compute_uv=False)
    u, s, vt = np.linalg.svd(a, full_matrices=full_matrices)
    return u, s, vt


def svdvals(a, overwrite_a=False, check_finite=True):
    return np.linalg.svd(_finite(_floats(a), check_finite), compute_uv=False)


def eigh(a, *, lower=True, eigvals_only=False, overwrite_a=False, check_finite=True):
    values, vectors = np.linalg.eigh(_finite(_floats(a), check_finite), "L" if lower else "U")
    return values if eigvals_only else (values, vectors)


def eigvalsh(a, *, lower=True, overwrite_a=False, check_finite=True):
    return np.linalg.eigvalsh(_finite(_floats(a), check_finite), "L" if lower else "U")


# -- solutions ----------------------------------------------------------------------------------------------------------------


def solve(a, b, *, overwrite_a=False, overwrite_b=False, check_finite=True):
    return np.linalg.solve(_one(a, check_finite), _right(b, check_finite))


def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=True):
    a, b = _joined(_one(a, check_finite), _right(b, check_finite))
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError("trans is 0, 1 or 2")
    if lower:
        if unit_diagonal:
            return _solved(a, b, trans, True, True)
        return _solved(a, b, trans, True, False)
    if unit_diagonal:
        return _solved(a, b, trans, False, True)
    return _solved(a, b, trans, False, False)


def _solved(a, b, trans, lower, unit):
    if trans in (0, "N"):
        return factors.triangular_solve(a, b, lower=lower, transposed=False, unit=unit)
    return factors.triangular_solve(a, b, lower=lower, transposed=True, unit=unit)


def solve_banded(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    below, above = l_and_u
    ab, b = _joined(_finite(_floats(ab), check_finite), _right(b, check_finite))
    if ab.ndim != 2 or ab.shape[0] != below + above + 1:
        raise ValueError("invalid values for the number of lower and upper diagonals: l+u+1 must equal ab.shape[0]")
    if ab.shape[1] != b.shape[0]:
        raise ValueError("shapes of ab and b are not compatible.")
    return factors.banded_solve(ab, b, below=below, above=above)


def inv(a, overwrite_a=False, check_finite=True):
    return np.linalg.inv(_finite(_square(a), check_finite))


def det(a, overwrite_a=False, check_finite=True):
    return np.linalg.det(_finite(_square(a), check_finite))


def pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    a = _finite(_floats(a), check_finite)
    if a.ndim != 2:
        raise ValueError("expected a matrix")
    least = 0.0 if atol is None else atol
    part = max(a.shape) * _epsilon(a) if rtol is None else rtol
    greatest = np.max(np.linalg.svd(stop_gradient(a), compute_uv=False), initial=0.0)
    inverse, rank = _inverted(a, part + least / greatest if least > 0.0 else part)
    return (inverse, rank) if return_rank else inverse


def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    return np.linalg.norm(_finite(_floats(a), check_finite), ord, axis, keepdims)


# -- functions of matrices ----------------------------------------------------------------------------------------------------


def expm(A):
    A = _square(A)
    return _each(_exponential, A, A.shape[-2:])[0]


def _exponential(a):
    """Scaled so that a quotient of polynomials is exact to rounding, then squared (Higham, 2005, algorithm 2.3)."""
    large = np.max(np.sum(np.abs(stop_gradient(a)), axis=0), initial=0.0)
    squarings = 0
    if large > 5.371920351148152:
        squarings = int(np.ceil(np.log2(large / 5.371920351148152)))
    a = a * 0.5**squarings
    i = np.eye(len(a), dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a6 @ (a6 + 16380.0 * a4 + 40840800.0 * a2)
    odd = a @ (odd + 33522128640.0 * a6 + 10559470521600.0 * a4 + 1187353796428800.0 * a2 + 32382376266240000.0 * i)
    even = a6 @ (182.0 * a6 + 960960.0 * a4 + 1323241920.0 * a2)
    even = even + 670442572800.0 * a6 + 129060195264000.0 * a4 + 7771770303897600.0 * a2 + 64764752532480000.0 * i
    out = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        out = out @ out
    return (out,)


# -- arguments ----------------------------------------------------------------------------------------------------------------


def _finite(a, check_finite):
    if check_finite and not np.all(np.isfinite(a)):
        raise ValueError("array must not contain infs or NaNs")
    return a


def _one(a, check_finite):
    """A square matrix."""
    a = _floats(a)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError("expected a square matrix")
    return _finite(a, check_finite)


def _right(b, check_finite):
    b = _floats(b)
    if b.ndim not in (1, 2):
        raise ValueError("expected a right side of one or two axes")
    return _finite(b, check_finite)


def _joined(a, b):
    """A matrix and a right side in one dtype, with as many rows."""
    dtype = np.result_type(a, b)
    if a.shape[-1] != b.shape[0]:
        raise ValueError("the matrix and the right side have different numbers of rows")
    return a.astype(dtype), b.astype(dtype)
