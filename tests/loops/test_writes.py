"""Gradients of functions that write elements in loops, branches and recursion: right, and linear in the array.

Views, aliases, reads after writes, `+=`, overlapping slices and lists that grow: what one name writes another reads. The
oracle is the same function in Python and NumPy, differentiated by differences, and closed forms.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret

import irad
from irad.types import Array, List
from tests.derivatives.oracles import BACKENDS, agree, slope
from tests.watch import Steps


def chain(x):
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = y[i - 1] * x[i] + math.sin(x[i])
    return np.sum(y * y)


def in_branch(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 0.0:
            y[i] = x[i] * x[i]
    return np.sum(y * y)


def in_both_branches(x):
    y = np.ones(len(x))
    for i in range(1, len(x)):
        if x[i] > x[i - 1]:
            y[i] = y[i - 1] * x[i]
        else:
            y[i] += x[i] * y[i]
    return np.sum(y * y) + y[0] * x[0]


def adds(x):
    y = x * 2.0
    for i in range(len(x) - 1):
        y[i + 1] += y[i] * x[i]
        y[i] *= x[i + 1]
        y[0] -= 0.1 * y[-1]
    return np.sum(y * x)


def early(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = x[i] * x[i]
        if np.sum(y) > 4.0:
            return y[i] * 3.0 + y[0]
    return y[-1]


def early_linear(x):
    y, s = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        y[i] = x[i] * x[i]
        s += y[i]
        if s > 1e9:
            break
        if x[i] < -0.9:
            continue
        y[i] = y[i] * 2.0
    return np.sum(y * x)


def views(x):
    y = x * x
    z = y
    v = y[1:]
    v[0] = x[0] * 3.0
    w = v[::2]
    w[-1] += x[1]
    z[0] = z[0] * v[0]
    return np.sum(y * np.sin(x))


def overlapping(x):
    y = x * 1.0
    y[1:] = y[:-1] * x[1:]
    y[:-1] += y[1:]
    y[::-1] = y * x
    return np.sum(y * y)


def rows_of_matrix(x):
    a = np.zeros((3, len(x)))
    for i in range(3):
        a[i] = x * (i + 1.0)
        a[i, 1:] *= x[:-1]
    row = a[1]
    row[0] = row[0] * x[1]
    return np.sum(a[0] * a[1]) + np.sum(a[:, 0] * a[:, -1])


def recursive_fill(y, x, i):
    if i == len(x):
        return y
    y[i] = x[i] * x[i]
    if i > 0:
        y[i] += y[i - 1] * 0.5
    return recursive_fill(y, x, i + 1)


def recursion(x):
    return np.sum(recursive_fill(np.zeros(len(x)), x, 0) * x)


def divide(y, x, a, b):
    if b - a == 1:
        y[a] = x[a] * x[a]
        return y
    m = (a + b) // 2
    y = divide(y, x, a, m)
    y = divide(y, x, m, b)
    y[a] += 0.1 * y[m]
    return y


def divided(x):
    return np.sum(divide(np.zeros(len(x)), x, 0, len(x)) * x)


def grown(x):
    ys = []
    for i in range(len(x)):
        if i > 0 and x[i] > x[i - 1]:
            ys.append(ys[-1] * x[i])
        else:
            ys.append(x[i] * x[i])
    s = 0.0
    for k, y in enumerate(ys):
        s += y * k
    return s


def list_written(x):
    ys = [v * 1.0 for v in x]
    for i in range(1, len(ys)):
        ys[i] = ys[i] * ys[i - 1]
        ys[0] += ys[i]
    return ys[0] * ys[-1]


def swapped(x):
    a, b = x * 1.0, x * x
    for _ in range(3):
        a, b = b, a
        a[0] = a[0] + b[1]
    return np.sum(a * x)


def helper_writes(x):
    def put(y, i, v):
        y[i] = v
        return y[i] * 2.0

    y, s = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        s += put(y, i, x[i] * x[i])
    return s + np.sum(y * x)


LINEAR = [chain, in_branch, in_both_branches, early_linear, recursion, divided, grown, list_written, helper_writes]
WRITES = [*LINEAR, adds, early, views, overlapping, rows_of_matrix, swapped]
POINT = np.array([0.7, -1.2, 1.4, 0.3, 1.1, -0.95])


def by_differences(f, x):
    def at(i, v):
        y = x.copy()
        y[i] = v
        return float(f(y))

    return np.array([slope(lambda v, i=i: at(i, v), float(x[i]), 0).value for i in range(len(x))])


@pytest.mark.parametrize("f", WRITES, ids=lambda f: f.__name__)
def test_gradient(f) -> None:
    wanted = by_differences(f, POINT)
    for backend in BACKENDS:
        x = POINT.copy()
        value, gradient = irad.compile(irad.value_and_grad(f), backend=backend)(x)
        agree(float(value), float(f(POINT.copy())), 1e-12)
        agree(gradient, wanted, 1e-8, 1e-9)
        agree(irad.compile(irad.jacfwd(f), backend=backend)(x), wanted, 1e-8, 1e-9)
        np.testing.assert_array_equal(x, POINT)


@pytest.mark.parametrize("f", WRITES, ids=lambda f: f.__name__)
def test_second_derivatives(f) -> None:
    v, h = np.array([0.5, 1.0, -2.0, 0.25, 1.5, -0.75]), 1e-5
    g = irad.grad(f)  # right, by the test above
    wanted = (g(POINT + h * v) - g(POINT - h * v)) / (2.0 * h)
    for backend in BACKENDS:
        agree(irad.compile(irad.hvp(f), backend=backend)(POINT, v), wanted, 1e-6, 1e-7)
    agree(irad.grad(lambda x: np.sum(irad.grad(f)(x) * v))(POINT), wanted, 1e-6, 1e-7)


IN_PLACE = {"index_add", "index_update", "list_append", "list_update", "list_add", "list_clear", "list_pop", "list_take"}
NO_WORK = {"call", "cond", "for_loop", "while_loop", "getitem", "make_tuple", "pop", "project", "retype", "zeros", "make_list"}


@pytest.mark.parametrize("f", LINEAR, ids=lambda f: f.__name__)
def test_the_work_grows_with_the_array(f) -> None:
    """What makes a whole array runs as often for 48 elements as for 12."""

    def whole(n: int) -> list[str]:
        x, seen = np.linspace(-1.0, 1.3, n), []

        def trace(node, value) -> None:
            if isinstance(node.type, (Array, List)) and node.fn.name not in IN_PLACE | NO_WORK:
                seen.append(node.fn.name)
            elif node.fn.name == "zeros":
                seen.append("zeros")

        interpret(irad.ir(irad.grad(f), x).module, [x], trace=Steps(trace))
        return sorted(seen)

    assert whole(12) == whole(48)
