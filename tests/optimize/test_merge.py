"""A loop and its reverse become one where the reverse only adds up; stacks of known size become arrays."""

import math
import subprocess
import sys

import numpy as np
import pytest

import irad
from irad.graph.walk import all_graphs
from irad.optimize.passes import merge, unstack
from tests.derivatives.oracles import BACKENDS

X = np.array([0.7, -1.2, 0.4, 1.9, -0.3, 2.1, -0.8])
W = np.array([0.9, 1.3, 0.6])


def loss(x, w):
    s = 0.0
    for i in range(len(x)):
        s += (math.tanh(w[0] * x[i] + w[1]) - x[i]) ** 2
    return s


def chains(x, w):
    """A chain inside of each trip: its stack becomes an array."""
    total = 0.0
    for i in range(len(x)):
        s = x[i]
        for k in range(3):
            s = math.sin(s * w[k])
        total += s * s
    return total


def counted(x, w):
    """What the forward loop hands on is no matter: it runs in its order."""
    s, k = 0.0, 1
    for i in range(len(x)):
        s += math.exp(x[i] * w[0]) * k
        k = (k * 3) % 7
    return s


def neighbours(x, w):
    """Elements of one array that several trips add to."""
    s = 0.0
    for i in range(1, len(x)):
        s += math.sin(x[i] * x[i - 1]) * w[0]
    return s


def steps(x, w):
    """Each trip of the reverse waits for the one before."""
    s = w[0]
    for i in range(len(x)):
        s = math.sin(s + x[i])
    return s


def normalised(x, w):
    """The reverse starts with the sum."""
    s = 0.0
    for i in range(len(x)):
        s += math.exp(x[i] * w[0])
    return math.log(s)


def grid(x, w):
    """Stacks in items of stacks: arrays of two axes."""
    t = 0.5
    for i in range(len(x)):
        for k in range(3):
            t = math.sin(t * w[k] + x[i])
    return t


def branches(x, w):
    t = 0.5
    for i in range(len(x)):
        s = x[i]
        if s > 0.0:
            for k in range(3):
                s = math.sin(s * w[k])
        else:
            for k in range(2):
                s = s * math.cos(s + w[k])
        t = math.sin(t + s)
    return t


def triangle(x, w):
    """The loop inside has no one number of trips: its stack stays."""
    t = w[0]
    for i in range(len(x)):
        for k in range(i, len(x)):
            t = math.sin(t * x[k])
    return t


def absent(x, w):
    """A loop in one branch only."""
    t = w[0]
    if x[0] > w[1]:
        for i in range(len(x)):
            t = t * math.cos(x[i] + t)
    else:
        t = t * 2.0
    return t


ONE = [loss, chains, counted, neighbours]
TWO = [steps, normalised, grid, branches, triangle, absent]


def operations(module, name):
    return sum(n.fn.name == name for g in all_graphs(module) for n in g.body)


def outer(module):
    return sum(n.fn.name == "for_loop" for n in module.entry.body)


def differences(f, x, w):
    """By Richardson's extrapolation."""
    out = []
    for a in range(2):
        ct = np.zeros_like((x, w)[a])
        for i in range(len(ct)):

            def at(h, a=a, i=i):
                args = [x.copy(), w.copy()]
                args[a][i] += h
                return f(*args)

            wide, narrow = [(at(h) - at(-h)) / (2 * h) for h in (2e-3, 1e-3)]
            ct[i] = (4 * narrow - wide) / 3
        out.append(ct)
    return out


@pytest.mark.parametrize("f", [*ONE, *TWO], ids=lambda f: f.__name__)
@pytest.mark.parametrize("backend", BACKENDS)
def test_derivatives(f, backend):
    g = irad.grad(f, argnums=(0, 1))
    run = irad.compile(g, backend=backend)
    for x in (X, -X):
        for got, want in zip(run(x, W), differences(f, x, W), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)

    def along(x, w):
        ct_x, ct_w = g(x, w)
        return np.sum(ct_x * x) + np.sum(ct_w * w)

    def value(x, w):
        ct_x, ct_w = run(x, w)
        return np.sum(ct_x * x) + np.sum(ct_w * w)

    second = irad.compile(irad.grad(along, argnums=(0, 1)), backend=backend)(X, W)
    for got, want in zip(second, differences(value, X, W), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", ONE, ids=lambda f: f.__name__)
def test_one_loop(f):
    module = irad.ir(irad.grad(f, argnums=(0, 1)), X, W).module
    assert outer(module) == 1
    assert merge(module) is module, "nothing is left to be merged"


@pytest.mark.parametrize("f", [steps, normalised, grid], ids=lambda f: f.__name__)
def test_two_loops(f):
    assert outer(irad.ir(irad.grad(f, argnums=(0, 1)), X, W).module) == 2


@pytest.mark.parametrize("f", [steps, grid, absent], ids=lambda f: f.__name__)
def test_arrays(f):
    module = irad.ir(irad.grad(f, argnums=(0, 1)), X, W).module
    assert operations(module, "push") > 0
    after = unstack(module)
    assert [operations(after, n) for n in ("push", "pop", "empty_stack")] == [0, 0, 0]


def test_stacks_that_stay():
    module = irad.ir(irad.grad(triangle, argnums=(0, 1)), X, W).module
    assert unstack(module) is module
    module = irad.ir(irad.grad(steps, argnums=(0, 1)), np.zeros(100_000), W).module
    assert unstack(module) is module, "a long loop that runs once"


def test_the_value_keeps_pythons_order():
    value, _ = irad.compile(irad.value_and_grad(counted))(X, W)
    assert value == counted(X, W)


def checked(x, w):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 2.0:
            raise ValueError(f"trip {i}")
        s += math.exp(x[i] * w[0]) / (x[i] - w[1])
    if s > 0.0:
        raise ArithmeticError("behind the loop")
    return s


@pytest.mark.parametrize("x", [X, -X, np.array([0.5, W[1], 3.0]), np.array([3.0, W[1]])])
def test_errors(x):
    try:
        with np.errstate(all="ignore"):
            checked(x, W)
        want = None
    except Exception as e:
        want = type(e), str(e)
    try:
        irad.compile(irad.grad(checked))(x, W)
        got = None
    except Exception as e:
        got = type(e), str(e)
    assert got == want


LONG = """
import resource, numpy as np, irad
from tests.optimize.test_merge import loss, W
g = irad.compile(irad.grad(loss, argnums=1))
x = np.linspace(-1.0, 1.0, 3_000_000)
g(x[:2], W), g(x[:3], W)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
g(x, W)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_no_memory_for_trips():
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < 8_000, "kB, for three million trips"
