"""Batches and loops whose bodies make small arrays and reduce them run in lanes, as they would if they were written in numbers.
The oracle of values is NumPy, row by row; of gradients, irad's own of one row."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import irad
from tests.derivatives.oracles import agree
from tests.loops.test_lanes import IN_LANES, shown

ROWS = np.random.default_rng(0).uniform(0.1, 1.0, (37, 9))
WEIGHTS = np.random.default_rng(1).normal(size=(4, 4))
TABLE = np.random.default_rng(2).uniform(size=(3, 6))
MATRIX = np.array([[2.0, 0.3, 0.1], [0.2, 3.0, 0.4], [0.1, 0.2, 4.0]])


def weighted(x):
    return np.sum(np.outer(x[:3], x[:6]) * TABLE)


def layers(x):
    return np.sum(WEIGHTS @ np.tanh(WEIGHTS @ x[:4]))


def softmax(x):
    e = np.exp(x[:4] - np.max(x[:4]))
    return (e / np.sum(e)) @ x[4:8]


def distances(x):
    p = np.reshape(x, (3, 3))
    d = p[:, None, :] - p[None, :, :]
    return np.sum(np.sqrt(np.sum(d * d, axis=2) + 0.01))


def deviation(x):
    return np.std(x) + np.sum(np.exp(x))


def rotated(x):
    r, v = x[:3], x[3:6]
    t = np.linalg.norm(r)
    k = r / t
    return np.sum((v * np.cos(t) + np.cross(k, v) * np.sin(t) + k * np.dot(k, v) * (1 - np.cos(t))) * x[6:])


def stepped(x):
    u = x[:3]
    for _ in range(4):
        u = u + 0.01 * np.array([10.0 * (u[1] - u[0]), u[0] * (28.0 - u[2]) - u[1], u[0] * u[1] - u[2]])
    return np.sum(np.exp(u))


def product(x):
    return np.prod(np.cos(x[:5]))


def chosen(x):
    return np.sum(np.where(x > 0.5, np.exp(x), np.sin(x))) + np.max(x) * np.min(x)


def quadratic(x):
    return np.exp(-(x[:3] @ MATRIX @ x[3:6]))


BODIES = [weighted, layers, softmax, distances, deviation, rotated, stepped, product, chosen, quadratic]


@pytest.mark.parametrize("f", BODIES, ids=lambda f: f.__name__)
def test_bodies_in_lanes(f):
    batch = irad.vmap(f)
    assert IN_LANES in shown(batch, ROWS)
    agree(irad.compile(batch)(ROWS), np.array([f(x) for x in ROWS]), 1e-13)


@pytest.mark.parametrize("f", BODIES, ids=lambda f: f.__name__)
def test_their_gradients(f):
    batch = irad.vmap(irad.grad(f))
    assert IN_LANES in shown(batch, ROWS)
    one = irad.compile(irad.grad(f))
    agree(irad.compile(batch)(ROWS), np.array([one(x) for x in ROWS]), 1e-12)


@pytest.mark.parametrize("shape", [(7,), (8,), (9,), (16,), (18,), (36,), (3, 6), (3, 3, 4)], ids=str)
def test_sums_have_the_order_of_numpy(shape):
    size, axes = int(np.prod(shape)), range(len(shape))
    rows = np.random.default_rng(size).normal(size=(40, size))
    for over in ((*axes,), *itertools.combinations(axes, 1), *([(1, 2), (0, 1)] if len(shape) == 3 else [])):

        def body(x, over=over):
            return np.sum(np.reshape(x * 1.5, shape), axis=over)

        np.testing.assert_array_equal(irad.compile(irad.vmap(body))(rows), np.array([body(x) for x in rows]))


def total(rows, w):
    out = 0.0
    for i in range(len(rows)):
        out += np.sum(np.outer(rows[i, :3], np.exp(rows[i, 3:])) * w)
    return out


def test_a_loop_that_sums_up():
    assert IN_LANES in shown(total, ROWS, TABLE)
    agree(irad.compile(total)(ROWS, TABLE), total(ROWS, TABLE), 1e-13)
    assert IN_LANES in shown(irad.grad(total, 1), ROWS, TABLE)
    want = np.sum([np.outer(x[:3], np.exp(x[3:])) for x in ROWS], axis=0)
    agree(irad.grad(total, 1)(ROWS, TABLE), want, 1e-13)


def recurrent(rows, w):
    h = np.zeros(9)
    for i in range(len(rows)):
        h = np.tanh(h * rows[i] + w)
    return h


def follows(rows, w):
    out = rows * 1.0
    for i in range(len(rows) - 1):
        out[i + 1] = np.tanh(out[i] * w)
    return out


@pytest.mark.parametrize("f", [recurrent, follows], ids=lambda f: f.__name__)
def test_trips_that_follow_one_another_keep_their_vectors(f):
    text = shown(f, ROWS, ROWS[0])
    assert IN_LANES not in text
    assert "fused" in text
    agree(irad.compile(f)(ROWS, ROWS[0]), f(ROWS, ROWS[0]), 1e-13)


def wide(x):
    return np.sum(np.exp(np.outer(x, x)))


def test_arrays_that_are_too_large_stay_arrays():
    batch = irad.vmap(wide)
    assert IN_LANES not in shown(batch, ROWS)
    agree(irad.compile(batch)(ROWS), np.array([wide(x) for x in ROWS]), 1e-13)
