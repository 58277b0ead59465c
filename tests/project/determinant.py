"""A program that calls LAPACK, for tests that run it in a process of its own."""

import numpy as np


def determinant(a: np.ndarray) -> float:
    return np.linalg.det(a)
