"""Integers as indices: IndexError where NumPy raises it, in whatever position, for reads, writes and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad
from irad.compiled import BACKENDS

X = np.arange(1.0, 13.0).reshape(4, 3)


def row(x, i, n):
    return x[i]


def column(x, i, n):
    return x[:, i]


def row_of_the_first(x, i, n):
    return x[:n][i]


def backwards(x, i, n):
    return x[::-1][i, ::2]


def new_axis(x, i, n):
    return x[i, None, 1:]


def element_of_a_view(x, i, n):
    return x[1:n, 1:][i, 0]


def element_of_a_row(x, i, n):
    return x[n - 1][i]


def of_no_elements(x, i, n):
    return x[:, 3:][i]


def row_set(x, i, n):
    y = x.copy()
    y[i] = 7.0
    return y


def column_added_to(x, i, n):
    y = x.copy()
    y[:, i] += x[:, 0]
    return y


def row_of_a_view_set(x, i, n):
    y = x.copy()
    v = y[1:]
    v[i] = x[0] * 2.0
    return y


def column_of_the_first_set(x, i, n):
    y = x.copy()
    v = y[:n]
    v[:, i] = 0.5
    return y


def rows_in_a_loop(x, i, n):
    y = x * 1.0
    for k in range(n):
        y[i + k] = x[i] * 2.0
    return y


FUNCTIONS = [
    *(row, column, row_of_the_first, backwards, new_axis, element_of_a_view, element_of_a_row, of_no_elements),
    *(row_set, column_added_to, row_of_a_view_set, column_of_the_first_set, rows_in_a_loop),
]


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    try:
        return f(*args)
    except IndexError:
        return "IndexError"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_an_index_is_inside_or_raises(f: Any, backend: str) -> None:
    """The gradient of a sum reads no element: what raises there is the derivative itself."""
    compiled = irad.compile(f, backend=backend)
    gradient = irad.grad(irad.compile(lambda x, i, n: np.sum(f(x, i, n)), backend=backend))
    raised = 0
    for i in range(-6, 6):
        want, got = outcome(f, X, i, 3), outcome(compiled, X, i, 3)
        assert np.array_equal(got, want), (i, got, want)
        slope = outcome(gradient, X, i, 3)
        assert isinstance(slope, str) == isinstance(want, str), (i, slope)
        raised += isinstance(want, str)
    assert 0 < raised < 12
