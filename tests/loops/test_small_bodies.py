"""Batches and loops whose bodies make small arrays and reduce them run in lanes, as they would if they were written in numbers.
The oracle of values is NumPy, row by row; of gradients, irad's own of one row."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import irad
from tests.derivatives.oracles import agree
from tests.loops.test_lanes import IN_LANES, interpret, loaded, shown

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


def pairs(x):
    p, energy = np.reshape(x, (3, 3)), 0.0
    for i in range(3):
        for j in range(i):
            d = p[i] - p[j]
            r = np.sum(d * d) + 0.5
            energy += 1.0 / r**6 - 1.0 / r**3
    return energy


def product(x):
    return np.prod(np.cos(x[:5]))


def chosen(x):
    return np.sum(np.where(x > 0.5, np.exp(x), np.sin(x))) + np.max(x) * np.min(x)


def quadratic(x):
    return np.exp(-(x[:3] @ MATRIX @ x[3:6]))


BODIES = [weighted, layers, softmax, distances, deviation, rotated, stepped, pairs, product, chosen, quadratic]


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


@pytest.mark.parametrize("shape", [(7,), (8,), (9,), (16,), (18,), (36,), (100,), (3, 6), (9, 9), (3, 3, 4)], ids=str)
def test_sums_have_the_order_of_numpy(shape):
    size, axes = int(np.prod(shape)), range(len(shape))
    rows = np.random.default_rng(size).normal(size=(40, size))
    for over in ((*axes,), *itertools.combinations(axes, 1), *([(1, 2), (0, 1)] if len(shape) == 3 else [])):

        def body(x, over=over):
            return np.sum(np.reshape(np.sqrt(x * x + 1.5) / (9.0 + x), shape), axis=over)

        assert IN_LANES in shown(irad.vmap(body), rows)
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
    return np.sum(np.exp(np.outer(np.concatenate((x, x)), x)))


def test_arrays_that_are_too_large_stay_arrays():
    batch = irad.vmap(wide)
    assert IN_LANES not in shown(batch, ROWS)
    agree(irad.compile(batch)(ROWS), np.array([wide(x) for x in ROWS]), 1e-13)


# -- what may fail ----------------------------------------------------------------------------------------------------------


def solved(x):
    return np.linalg.solve(np.array([[x[0], x[1]], [x[2], x[3]]]), x[4:6]) @ x[6:8]


def inverted(x):
    return np.linalg.inv(MATRIX + np.outer(x[:3], x[3:6]))


def filtered(x):
    f, h = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    p = f @ np.array([[1.0 + x[2] ** 2, x[3]], [x[3], 1.0 + x[4] ** 2]]) @ f.T
    gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + 0.1)
    return np.concatenate([x[:2] + gain @ (x[5:6] - h @ x[:2]), ((np.eye(2) - gain @ h) @ p).ravel()])


@pytest.mark.parametrize("f", [solved, inverted, filtered], ids=lambda f: f.__name__)
def test_bodies_that_may_fail(f):
    batch = irad.vmap(f)
    assert IN_LANES in shown(batch, ROWS)
    agree(irad.compile(batch)(ROWS), np.array([f(x) for x in ROWS]), 1e-11)
    slopes, one = irad.vmap(irad.jacrev(f)), irad.compile(irad.jacrev(f))
    assert IN_LANES in shown(slopes, ROWS)
    agree(irad.compile(slopes)(ROWS), np.array([one(x) for x in ROWS]), 1e-10)


@pytest.mark.parametrize("place", [0, 5, 8, 31, 36])
def test_one_that_fails(place):
    rows = ROWS.copy()
    rows[place, :4] = 1.0, 2.0, 2.0, 4.0
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        irad.compile(irad.vmap(solved))(rows)


def raises(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 5.0:
            raise ValueError(f"{x[i]} is large, in trip {i}")
        y = np.log(x[i] + 2.0) * np.exp(x[i])
        if y < -0.5:
            raise ArithmeticError(f"{x[i]} is small")
        out[i] = y * np.sin(y)
    return out


def raises_inside(x):
    total = 0.0
    for i in range(len(x)):
        y = 0.0
        for j in range(20):
            y = y * 0.5 + np.exp(x[i] * j * 0.01)
            if y > 9.0:
                raise ValueError("it grows")
        total += np.sin(y)
    return total


def message(f, *args):
    with pytest.raises((ValueError, ArithmeticError)) as found:
        f(*args)
    return type(found.value), str(found.value)


@pytest.mark.parametrize(("large", "small"), [(3, 5), (5, 3), (9, 20), (20, 9), (36, 35), (2, None), (None, 36)])
def test_the_first_trip_that_fails(large, small):
    assert IN_LANES in shown(raises, ROWS[:, 0])
    x = ROWS[:, 0].copy()
    agree(irad.compile(raises)(x), raises(x), 1e-13)
    if large is not None:
        x[large] = 6.0
    if small is not None:
        x[small] = -1.99
    for threads in (1, 2):
        assert message(irad.compile(raises, threads=threads), x) == message(interpret(raises), x)


def test_tests_in_loops_inside():
    x = ROWS[:, 0].copy()
    assert IN_LANES in shown(raises_inside, x)
    agree(irad.compile(raises_inside)(x), raises_inside(x), 1e-13)
    x[21] = 60.0
    assert message(irad.compile(raises_inside), x) == message(raises_inside, x)


# -- generated bodies -------------------------------------------------------------------------------------------------------

SHAPES = ("", "3", "4", "3,3", "2,5", "4,6")  # 4 by 6 is more than lives in registers outside of lanes
SAME = ("{} + {}", "{} * {}", "{} - {}", "np.maximum({}, {})", "np.where({0} > {1}, {0}, 0.5)", "{0} / (1.5 + {1} * {1})")
EACH = ("np.sin({})", "np.exp(-{0} * {0})", "np.sqrt(1.0 + {0} ** 2)", "-{}", "np.clip({}, -0.7, 0.8)", "np.tanh({})")
OTHER = (
    *(("", f"np.{f}({{}})", s) for f in ("sum", "max", "min", "mean") for s in SHAPES[1:]),
    *(("", "np.prod({})", s) for s in ("3", "4")),
    *(("", "{} @ {}", s) for s in ("3", "4")),
    *(("", "np.linalg.norm({})", s) for s in ("3", "4")),
    *(("3", f"np.{f}({{}}, axis={a})", "3,3") for f in ("sum", "max") for a in (0, 1)),
    *(("4", "np.sum({}, axis=1)", "4,6"), ("4", "np.sum({}, axis=1)[:2] @ np.ones((2, 4))", "2,5")),
    *(
        ("3", "{1} @ {0}", "3", "3,3"),
        ("3,3", "{} @ {}", "3,3"),
        ("3,3", "np.outer({}, {})", "3"),
        ("3", "np.cross({}, {})", "3"),
    ),
    *(("3", "np.linalg.solve(4.0 * np.eye(3) + np.tanh({1}), {0})", "3", "3,3"), ("3,3", "{}.T", "3,3")),
    *(("4", "np.concatenate(({}, np.array([0.3])))", "3"), ("3", "{}[1:]", "4"), ("2,5", "{}[1:3, 1:]", "4,6")),
    *(("4,6", "np.outer({}, np.arange(6.0))", "4"), ("3", "np.stack(({0}, {1}, {0} * {1}))", "", "")),
    ("2,5", "np.full((2, 5), {})", ""),
)


def small_body(seed):
    """A function of 9 numbers that makes arrays of several shapes, and a number of each of the last."""
    rng = random.Random(seed)
    values = {"": ["x[7]", "x[8]"], "3": ["x[:3]", "x[3:6]"], "4": ["x[5:]"], "3,3": ["np.reshape(x, (3, 3))"]}
    values |= {"2,5": ["np.outer(x[:2], x[4:])"], "4,6": ["np.outer(x[:4], x[3:])"]}
    lines = []
    for k in range(12):
        kind = rng.randrange(4)
        if kind < 2:
            shape = rng.choice(SHAPES)
            text = rng.choice((SAME, EACH)[kind]).format(*rng.choices(values[shape], k=2))
        else:
            shape, form, *of = rng.choice(OTHER)
            text = form.format(*[rng.choice(values[s]) for s in (of if len(of) == 2 else of * 2)])
        lines.append(f"    v{k} = {text}\n")
        values[shape] = [*values[shape][-2:], f"v{k}"]
    total = " + ".join(f"np.sum(np.sin({values[s][-1]}))" for s in SHAPES)
    return f"def program(x):\n{''.join(lines)}    return {total}\n"


@pytest.mark.parametrize("seed", range(12))
def test_generated_small_bodies(seed):
    text = small_body(seed)
    f = loaded(text, f"small body {seed}")
    assert IN_LANES in shown(irad.vmap(f), ROWS), text
    assert IN_LANES in shown(irad.vmap(irad.grad(f)), ROWS), text
    agree(irad.compile(irad.vmap(f))(ROWS), np.array([f(x) for x in ROWS]), 1e-11)
    slope = irad.compile(irad.grad(f), backend="interpreter")
    agree(irad.compile(irad.vmap(irad.grad(f)))(ROWS[:19]), np.array([slope(x) for x in ROWS[:19]]), 1e-9)
