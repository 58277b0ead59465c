"""Results that are arrays: who owns their memory, what they share with each other, what stays after calls."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad

X = np.linspace(-1.0, 1.0, 200)  # 1,600 bytes: more than NumPy keeps for the next array


def twice(x: Any) -> Any:
    y = x * 2.0
    return y, y


def reshaped(x: Any) -> Any:
    y = x * 2.0
    return y.reshape(10, 20), y, y.reshape(200, 1)


def updated(x: Any) -> Any:
    y = np.zeros(200)
    y[3] = x[0]
    z = y.reshape(20, 10)
    y[4] = x[1]
    z[1, 1] += 5.0
    return y, z


def updated_after(x: Any) -> Any:
    y = np.exp(x)
    z = y.copy()
    z[5:8] = 0.0
    return y, z, x, [y + z, (y @ z, y[:7])]


def in_branches(x: Any) -> Any:
    y = x + 1.0
    if x[0] < 0.0:
        z = y * 2.0
    else:
        z = y
    return y, z


def in_loops(x: Any) -> Any:
    y, rows = x + 1.0, []
    total = np.zeros(200)
    for i in range(5):
        z = y * i
        rows.append(z)
        w = np.sin(z)
        total += w * w[i]
        total[i] = w @ z
    y[0] = 7.0
    return y, total, rows[2], rows[4]


def in_another(x: Any) -> Any:
    def inner(n: Any) -> Any:
        y = x * n
        return y if n < 1 else inner(n - 1) + y

    return inner(3), x * 3


def of_all_kinds(x: Any) -> Any:
    y = x.reshape(2, 5, 20)
    return y.sum(axis=0), y > 0.0, np.arange(6), np.float32(2) * y.astype(np.float32), y.astype(np.int32), y[:0], y @ y[0].T


PROGRAMS = [twice, reshaped, updated, updated_after, in_branches, in_loops, in_another, of_all_kinds]


def arrays_in(result: Any) -> list[Any]:
    if isinstance(result, np.ndarray):
        return [result]
    return [a for item in result for a in arrays_in(item)] if isinstance(result, (tuple, list)) else []


@pytest.mark.parametrize("f", PROGRAMS)
def test_results_are_whole_arrays_of_their_own(f: Callable[[Any], Any]) -> None:
    """In Python some of them share memory; what they hold when the call ends is the same."""
    compiled = irad.compile(f)
    x = X.copy()
    got, again, want = arrays_in(compiled(x)), arrays_in(compiled(x)), arrays_in(f(X.copy()))
    assert np.array_equal(x, X)
    for a, b, c in zip(got, again, want, strict=True):
        assert a.dtype == c.dtype
        assert np.allclose(a, c, rtol=1e-6)
        assert np.array_equal(a, b)
        assert a.flags.owndata
        assert a.flags.c_contiguous
        assert a.flags.writeable
        assert a.flags.aligned
        assert a.base is None
    for a, b in itertools.combinations([x, *got, *again], 2):
        assert not np.shares_memory(a, b)


def test_gradients_are_arrays_of_their_own() -> None:
    def f(w: Any, b: Any, x: Any) -> Any:
        return np.tanh(x @ w + b).sum()

    w, b, x = np.ones((4, 3)) / 7, np.ones(3), np.arange(4.0)
    got = irad.grad(f, argnums=(0, 1, 2))(w, b, x)
    slope = 1.0 - np.tanh(x @ w + b) ** 2
    for a, want in zip(got, (np.outer(x, slope), slope, w @ slope), strict=True):
        assert np.allclose(a, want)
        assert a.flags.owndata
    for a, c in itertools.combinations([w, b, x, *got], 2):
        assert not np.shares_memory(a, c)


def raises(x: Any, i: Any) -> Any:
    y, z = x * 2.0, np.zeros(300)
    z[i] = y[0]
    if i == 2:
        raise ValueError("two")
    return y, [z, x + z[:200]], i


@pytest.mark.parametrize("i", [0, 2, 1000])
def test_nothing_stays_of_a_call_or_of_one_that_raises(i: int) -> None:
    f = irad.compile(raises)
    f(X, 1)

    def call(times: int) -> None:
        for _ in range(times):
            try:
                f(X, i)
            except (ValueError, IndexError):
                pass

    call(3)
    dtype, array, argument = (sys.getrefcount(x) for x in (X.dtype, np.ndarray, X))
    tracemalloc.start()
    try:
        call(3)
        before, _ = tracemalloc.get_traced_memory()
        call(1000)
        after, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1600
    assert most - before < 20_000
    assert (dtype, array, argument) == tuple(sys.getrefcount(x) for x in (X.dtype, np.ndarray, X))
