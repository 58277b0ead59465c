"""Jacobians of trips in the place of what loops store: the same derivatives, and never more bytes unless it is asked for."""

import math
import re

import numpy as np
import pytest

import irad
from benchmarks.preaccumulation import functions, trajectory
from tests.derivatives.oracles import agree
from tests.generator import duals
from tests.generator.program import load, on_duals
from tests.loops.bodies import generate


def oscillator(x, y, mu, n):
    """Two states from which all else is computed again: four derivatives would be more."""
    for _ in range(n):
        p1 = mu * (1.0 - x * x) * y - x
        u, v = x + 0.005 * y, y + 0.005 * p1
        p2 = mu * (1.0 - u * u) * v - u
        x, y = x + 0.01 * v, y + 0.01 * p2
        p3 = mu * (1.0 - x * x) * y - x
        x, y = x + 0.005 * y, y + 0.005 * p3
    return x * y


def chain(x, n):
    """One state: one number is stored."""
    for _ in range(n):
        a = math.sin(x)
        b = math.exp(-a * a)
        c = math.tanh(b + x)
        x = 0.5 * x + 0.3 * math.log(2.0 + c * c) * b
    return x


def residuals(f, *args):
    """The names and bytes of what a trip stores, of all loops."""
    return sorted((r.name, r.bytes) for r in irad.ir(f, *args).residuals)


def nbytes(f, *args):
    return sum(n for _, n in residuals(f, *args))


def ways(f, backend="llvm"):
    """f compiled without Jacobians of trips, with all that can be, and as the cost model has it."""
    return [irad.compile(f, backend=backend, preaccumulate=p) for p in (False, True, None)]


# -- what is stored -------------------------------------------------------------------------------------------------------


def test_the_jacobian_takes_the_place_of_more():
    off, on, model = ways(functions)
    assert nbytes(irad.grad(off), 0.3, 0.4, 0.5, 10) == 56
    for f in (on, model):
        assert residuals(irad.grad(f), 0.3, 0.4, 0.5, 10) == [("dx_dx", 8), ("dx_dy", 8), ("dy_dx", 8), ("dy_dy", 8)]
    off, _, model = ways(chain)
    assert nbytes(irad.grad(off), 0.3, 10) == 40
    assert residuals(irad.grad(model), 0.3, 10) == [("dx_dx", 8)]


def test_other_arguments_have_entries_of_their_own():
    model = irad.grad(irad.compile(functions), argnums=(0, 1, 2))
    off = irad.grad(irad.compile(functions, preaccumulate=False), argnums=(0, 1, 2))
    names = [name for name, _ in residuals(model, 0.3, 0.4, 0.5, 10)]
    assert {"dx_da", "dy_da"} <= set(names)
    assert nbytes(model, 0.3, 0.4, 0.5, 10) < nbytes(off, 0.3, 0.4, 0.5, 10)


def test_the_dump_says_what_was_decided():
    said = [str(irad.ir(irad.grad(f), 0.3, 0.4, 0.5, 10)) for f in (functions, oscillator, trajectory)]
    assert "; reversed by the Jacobian of a trip: 32 instead of 56 bytes" in said[0]
    assert "not reversed by the Jacobian of a trip: 32 instead of 16 bytes" in said[1]
    assert re.search(r"; not reversed by the Jacobian of a trip: \d+ instead of \d+ operations", said[2])
    assert "Jacobian" not in str(irad.ir(irad.grad(irad.compile(functions, preaccumulate=False)), 0.3, 0.4, 0.5, 10))


def test_what_is_not_cheaper_is_as_it_was():
    for f in (oscillator, trajectory):
        off, on, model = ways(f)
        texts = [str(irad.ir(irad.grad(g), 0.3, 0.4, 0.5, 10)).splitlines() for g in (off, on, model)]
        without = [[line.split("#")[0].rstrip() for line in text] for text in texts]
        assert without[0] == without[2]
        assert without[0] != without[1]


def test_unknown_options_are_refused():
    with pytest.raises(irad.CompileError, match="preaccumulate is 1"):
        irad.compile(functions, preaccumulate=1)


# -- the derivatives are the same -----------------------------------------------------------------------------------------


def floats(args):
    return tuple(range(len(args) - 1))


@pytest.mark.parametrize("seed", range(60))
def test_generated_loops_have_the_same_gradients(seed):
    source, args = generate(seed)
    f, exact = load(source, f"body {seed}"), on_duals(source)
    gradients = [irad.grad(g, floats(args)) for g in ways(f)]
    base = gradients[0](*args)
    scale = 1.0 + max(abs(v) for d in base for v in np.ravel(d))
    want = tuple(
        np.asarray(d, dtype=float) if isinstance(d, np.ndarray) else float(d)
        for d in (duals.gradient(exact, args, k)[1] for k in floats(args))
    )
    for g in gradients:
        agree(g(*args), want, 1e-9, 1e-10 * scale)
        agree(g(*args), base, 1e-12, 1e-12 * scale)
    off, _, model = [nbytes(g, *args) for g in gradients]
    assert model <= off


def test_generated_loops_are_changed():
    """The comparison above compares something."""
    changed = 0
    for seed in range(20):
        source, args = generate(seed)
        off, on, _ = [str(irad.ir(irad.grad(g, floats(args)), *args)) for g in ways(load(source, f"body {seed}"))]
        changed += off != on
    assert changed >= 12


@pytest.mark.parametrize("backend", ["interpreter", "source"])
@pytest.mark.parametrize("seed", range(60, 72))
def test_every_backend(seed, backend):
    source, args = generate(seed)
    f = load(source, f"body {seed}")
    want = irad.grad(irad.compile(f, preaccumulate=False), floats(args))(*args)
    scale = 1.0 + max(abs(v) for d in want for v in np.ravel(d))
    agree(irad.grad(irad.compile(f, backend=backend, preaccumulate=True), floats(args))(*args), want, 1e-12, 1e-12 * scale)


@pytest.mark.parametrize("seed", range(80, 92))
def test_under_other_transforms(seed):
    source, args = generate(seed)
    f = load(source, f"body {seed}")
    batch = np.array([args[0], 0.5 * args[0], -args[0]])

    def hessian(g):
        return irad.hessian(g)(*args)

    def tangent(g):
        return irad.jvp(lambda x: irad.grad(g)(x, *args[1:]), (args[0],), (1.0,))

    def rows(g):
        return irad.vmap(irad.grad(g), in_axes=(0, *[None] * (len(args) - 1)))(batch, *args[1:])

    for of in (hessian, tangent, rows):
        off, on, model = [of(g) for g in ways(f)]
        scale = 1.0 + float(np.max(np.abs(np.hstack([np.ravel(v) for v in (off if isinstance(off, tuple) else (off,))]))))
        agree(on, off, 1e-11, 1e-11 * scale)
        agree(model, off, 1e-11, 1e-11 * scale)


def test_what_was_not_taken_stays_zero():
    """A cotangent that is infinite ends where the value was not taken, as without Jacobians."""

    def restarted(x, y, n):
        for i in range(n):
            u = np.sin(x) * np.exp(-y)
            x = np.where(i == 2, 0.0, x * u + 1.0)
            y = y * u + np.cos(x)
            x = np.sqrt(x)
        return x + y

    for g in ways(restarted):
        got = irad.grad(g, (0, 1))(0.7, 0.2, 3)
        assert all(map(math.isfinite, got)), got
    off, on, model = [irad.grad(g, (0, 1))(0.7, 0.2, 3) for g in ways(restarted)]
    agree(on, off)
    agree(model, off)


def test_states_in_small_arrays():
    """What becomes numbers in native code only."""

    def f(x, a, n):
        for _ in range(n):
            u = np.exp(-x * x)
            x = 0.9 * x + 0.1 * np.array([np.sin(x[1]) * u[0], np.tanh(a * x[0]) * u[1] + np.log(2.0 + u[0])])
        return x[0] * x[1]

    x = np.array([0.4, 0.7])
    want = irad.grad(irad.compile(f, preaccumulate=False), (0, 1))(x, 0.5, 9)
    for g in ways(f)[1:]:
        agree(irad.grad(g, (0, 1))(x, 0.5, 9), want, 1e-12, 1e-13)


def test_precisions_are_kept():
    def f(x, y, n):
        for _ in range(n):
            u = np.exp(-x * x) * np.sin(y)
            x, y = np.tanh(u + x), np.cos(u * y)
        return x * y

    args = np.float32(0.4), np.float32(0.7), 6
    for g in ways(f):
        got = irad.grad(g, (0, 1))(*args)
        assert {n for _, n in residuals(irad.grad(g, (0, 1)), *args)} == {4}
        agree([float(v) for v in got], [float(v) for v in irad.grad(f, (0, 1))(0.4, 0.7, 6)], 1e-5, 1e-5)
