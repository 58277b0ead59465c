"""Factors of one matrix, and what is solved with them: operations of irad's own (irad/primitives/linalg.py), which the
functions of linear algebra call. Facts such as `lower` are known when a call is specialised."""
# mypy: ignore-errors


def lu(a, *, check):
    """(factors, pivots) of a square matrix."""


def exchange(x, pivots, *, reverse):
    """Rows exchanged."""


def lu_solve(a, factors, pivots, b, *, transposed):
    """x of a @ x = b."""


def log_determinant(a, factors, pivots):
    """log(abs(det(a)))."""


def triangular_solve(a, b, *, lower, transposed, unit):
    """x of a @ x = b, where a is a triangle."""


def cholesky(a):
    """The lower triangle of which the product with its transpose is a."""


def eigh(a, *, lower):
    """(eigenvalues, eigenvectors as rows) of a symmetric matrix."""


def qr(a):
    """(q, r) of a matrix with no more columns than rows."""


def svd(a):
    """(the transpose of u, s, v)."""


def pseudo_inverse(p, a):
    """p, with the derivative that the pseudo-inverse of a has."""


def banded_solve(bands, b, *, below, above):
    """x of a @ x = b, where bands[above + i - j, j] is a[i, j]."""


def stop_gradient(x):
    """x, as a constant to derivatives."""
