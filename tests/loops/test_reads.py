"""Gradients of functions that read elements in loops, branches and recursion: right, and linear in the array.

Linear means: one array of zeros for the whole gradient, which the reads add to in place. The IR shows it: in loops and in
functions that call themselves nothing gives an array but the additions, and what hands the array on; and operations are
counted as they run. The times are in benchmarks/linear_reads.py.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from irad.backends.interpreter.run import interpret

import irad
from irad.graph.walk import all_graphs
from irad.types import Array
from tests.derivatives.oracles import BACKENDS, agree
from tests.watch import Steps

# -- functions of one array, with their gradients in closed form ------------------------------------------------------------


def squares(x):
    s = 0.0
    for i in range(len(x)):
        s = s + x[i] * x[i]
    return s


def elements(x):
    s = 0
    for v in x:
        s += math.sin(v)
    return s


def rows(x):
    s = 0.0
    for i in range(len(x) // 3):
        for j in range(3):
            s += (j + 1) * x[3 * i + j] ** 2
    return s


def rows_gradient(x):
    n = len(x) // 3 * 3
    return np.concatenate([2.0 * x[:n] * np.tile([1.0, 2.0, 3.0], n // 3), np.zeros(len(x) - n)])


def through_if(x):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0.0:
            s += x[i] * x[i]
        elif i % 2 == 0:
            s -= x[i]
    return s


def through_if_gradient(x):
    return np.where(x > 0.0, 2.0 * x, np.where(np.arange(len(x)) % 2 == 0, -1.0, 0.0))


def neighbours(x):
    s = 0.0
    for i in range(1, len(x)):
        s += (x[i] - x[i - 1]) * x[-i]
    return s


def neighbours_gradient(x):
    g = np.zeros(len(x))
    for i in range(1, len(x)):
        g[i] += x[-i]
        g[i - 1] -= x[-i]
        g[-i] += x[i] - x[i - 1]
    return g


def while_reads(x):
    i, s = 0, 1.0
    while i < len(x) and s < 50.0:
        s = s + x[i] * x[i]
        i += 1
    return s


def while_reads_gradient(x):
    s, g = 1.0, np.zeros(len(x))
    for i in range(len(x)):
        if s >= 50.0:
            break
        s += x[i] * x[i]
        g[i] = 2.0 * x[i]
    return g


def halves(x, a, b):
    if b - a == 1:
        return x[a] * x[a]
    if b <= a:
        return 0.0
    m = (a + b) // 2
    return halves(x, a, m) + halves(x, m, b)


def divided(x):
    return halves(x, 0, len(x))


def captured_halves(x):
    def total(a, b):
        if b - a <= 2:
            s = 0.0
            for i in range(a, b):
                s += x[i] * x[i]
            return s
        m = (a + b) // 2
        return total(a, m) + total(m, b)

    return total(0, len(x))


def tail(x, i, s):
    return s if i == len(x) else tail(x, i + 1, s + x[i] ** 3)


def cubes(x):
    return tail(x, 0, 0.0)


def twice(x):
    return squares(x) * 2.0 + through_if(x)


READS = {
    squares: lambda x: 2.0 * x,
    elements: np.cos,
    rows: rows_gradient,
    through_if: through_if_gradient,
    neighbours: neighbours_gradient,
    while_reads: while_reads_gradient,
    divided: lambda x: 2.0 * x,
    captured_halves: lambda x: 2.0 * x,
    cubes: lambda x: 3.0 * x * x,
    twice: lambda x: 4.0 * x + through_if_gradient(x),
}
every = pytest.mark.parametrize("f", READS, ids=lambda f: f.__name__)


@every
def test_gradient(f) -> None:
    @settings(max_examples=8, deadline=None)
    @given(arrays.arrays(float, st.integers(1, 9), elements=st.floats(-3, 3).map(lambda v: round(v, 3))))
    def law(x: np.ndarray) -> None:
        before = x.copy()
        for g in gradients:
            agree(g(x), READS[f](x), 1e-12)
        np.testing.assert_array_equal(x, before)

    gradients = [irad.compile(irad.grad(f), backend=b) for b in BACKENDS]
    law()


@every
def test_hessian_times_vector(f) -> None:
    """Forward over reverse against differences of the closed form."""
    x, v = np.array([0.7, -1.2, 0.4, 2.1, -0.3, 1.6]), np.array([0.5, 1.0, -2.0, 0.25, 1.5, -0.75])
    h = 1e-5
    wanted = (READS[f](x + h * v) - READS[f](x - h * v)) / (2 * h)
    for backend in BACKENDS:
        agree(irad.compile(irad.hvp(f), backend=backend)(x, v), wanted, 1e-6, 1e-8)
        reverse = irad.grad(lambda x, v: np.sum(irad.grad(f)(x) * v))
        agree(irad.compile(reverse, backend=backend)(x, v), wanted, 1e-6, 1e-8)


def repeated(module) -> list:
    """The graphs that may run more than once in a call: loops, and functions that functions call."""
    called = {h for g in all_graphs(module) for n in g.body if n.fn.name == "call" for h in n.graphs}
    return [g for g in all_graphs(module) if any(h.role == "loop" or h in called for h in g.path())]


HANDED_ON = {"index_add", "index_update", "call", "cond", "for_loop", "while_loop", "getitem", "make_tuple", "pop", "project"}


@every
def test_no_read_makes_an_array(f) -> None:
    x = np.ones(6)
    for transform in (irad.grad(f), irad.value_and_grad(f), lambda x: irad.vjp(f, x)[1](2.0)[0]):
        program = irad.ir(transform, x)
        assert program.operations["zeros"] == 1
        assert not {"add", "broadcast"} & {
            n.fn.name for g in all_graphs(program.module) for n in g.body if isinstance(n.type, Array)
        }
        for g in repeated(program.module):
            for n in g.body:
                if isinstance(n.type, Array):
                    assert n.fn.name in HANDED_ON, f"{n.fn.name} in @{g.name}:\n{program}"


def executed(transform, *args) -> Counter[str]:
    """How often each operation runs."""
    counts: Counter[str] = Counter()
    interpret(irad.ir(transform, *args).module, args, trace=Steps(lambda node, value: counts.update([node.fn.name])))
    return counts


@every
def test_operations_grow_with_the_array(f) -> None:
    """Eight times the elements: and so many times the operations, and no array of zeros more; at second order too."""
    for transform, zeros, arguments in (
        (irad.grad(f), 1, 1),
        (irad.hvp(f), 2, 2),
        (irad.grad(lambda x, v: np.sum(irad.grad(f)(x) * v)), 3, 2),
    ):
        few, many = (executed(transform, *[np.linspace(-1.0, 1.0, n)] * arguments) for n in (16, 128))
        assert few["zeros"] == many["zeros"] <= zeros
        assert few["broadcast"] == many["broadcast"]
        assert many.total() <= 9 * few.total()


@every
def test_a_million_elements(f) -> None:
    if f is cubes:
        pytest.skip("a million calls deep: see tests/recursion")
    x = np.linspace(-1.0, 1.0, 10**6)
    agree(irad.grad(f)(x)[::997], READS[f](x)[::997], 1e-12)


def test_an_index_out_of_bounds_is_an_error_where_the_loop_is_run_backwards_only() -> None:
    def beyond(x):
        s = 0.0
        for i in range(len(x) + 1):
            s += x[i] * x[i]
        return s

    for backend in BACKENDS:
        with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
            irad.compile(irad.grad(beyond), backend=backend)(np.ones(3))


def test_elements_of_arguments_are_not_stored() -> None:
    for f in (squares, rows, neighbours):
        assert irad.ir(irad.grad(f), np.ones(6)).residuals == []
    assert sum(r.bytes for r in irad.ir(irad.grad(through_if), np.ones(6)).residuals) <= 1
