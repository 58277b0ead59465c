"""Arrays and loops that turn out to have nothing in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irad


def masked(x: Any) -> Any:
    low, high = x < 0.3, x > 0.6
    rest = np.logical_not((np.zeros(x.shape, bool) | low) | high)
    y = np.zeros(x.shape)
    y[low] = -x[low]
    y[high] = x[high]
    y[rest] = 5.0
    return np.sum(y)


@pytest.mark.parametrize("shape", [(2, 0), (0,), (2, 3)])
def test_masked_writes(shape: tuple[int, ...]) -> None:
    """A value carried by a loop over no elements, or over few, is read by code that threads share."""
    x = np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(irad.grad(masked)(x), np.where(x < 0.3, -1.0, np.where(x > 0.6, 1.0, 0.0)))


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("backend", ["interpreter", "llvm"])
def test_loop_in_parts(n: int, backend: str) -> None:
    """A loop whose trips threads may share, and of which there are none."""

    def f(v: Any, i: Any) -> Any:
        return np.diagonal(np.ones((2, i[0] + 1, 3)) * v[0], -1, 1, 2)

    args = np.ones(2), np.array([n])
    np.testing.assert_array_equal(irad.compile(f, backend=backend)(*args), f(*args))


@pytest.mark.parametrize("n", [-2, 0, 2])
def test_writes_of_a_loop_in_parts(n: int) -> None:
    def f(x: Any, n: int) -> Any:
        out = np.zeros((4, 2))
        for i in range(n):
            out[i] = x[i] * 2.0
        return out

    x = np.arange(8.0).reshape(4, 2) + 1.0
    np.testing.assert_array_equal(irad.compile(f)(x, n), f(x, n))
