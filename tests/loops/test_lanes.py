"""Loops whose trips do not meet run in vectors, a trip a lane; those whose trips only look so do not. The oracle is the
interpreter, which goes trip by trip."""

from __future__ import annotations

import linecache
import math
import random

import numpy as np
import pytest

import irad
from tests.derivatives.oracles import agree

TRIPS = (0, 1, 7, 8, 9, 31)
IN_LANES = "trips in lanes"


def interpret(f):
    return irad.compile(f, backend="interpreter")


def shown(f, *args):
    return str(irad.ir(f, *args, stage="lowered"))


def alike(f, *args, rtol=4e-15):
    """The result of native code, which is the interpreter's; the arguments stay as they are."""
    kept = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    got, want = irad.compile(f)(*args), interpret(f)(*args)
    agree(got, want, rtol)
    for a, b in zip(args, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    return got


def loaded(text, name):
    """The function `program` of a text."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"np": np, "math": math}
    exec(compile(text, file, "exec"), space)
    return space["program"]


def straight_line(rng, columns, read):
    """A loop over rows of `read` numbers whose body makes so many numbers of them, by operations drawn at random."""
    one = ["np.sin({})", "np.exp(-abs({}))", "np.sqrt(abs({}))", "np.tanh({})", "np.arctan({})", "{} * k", "-{}", "{} ** 3"]
    two = ["{} + {}", "{} * {}", "{} - {}", "np.maximum({}, {})", "np.arctan2({}, {})", "np.where({0} > {1}, {0}, k)"]
    lines = [f"v{j} = q[i, {j}]" for j in range(read)]
    names = [f"v{j}" for j in range(read)]
    for j in range(read, read + 12):
        operation = rng.choice(rng.choice((one, two)))
        lines.append(f"v{j} = {operation.format(*rng.choices(names, k=2))}")
        names.append(f"v{j}")
    order = rng.sample(range(columns), columns)
    lines += [f"out[i, {c}] = {rng.choice(names[read:])}" for c in order]
    body = "".join(f"        {line}\n" for line in lines)
    head = f"def program(q, k):\n    out = np.ones((len(q), {columns}), q.dtype)\n"
    return f"{head}    for i in range(len(q)):\n{body}    return out\n"


@pytest.mark.parametrize("columns", [1, 3, 6, 17, 36])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_generated_bodies(columns, dtype):
    rng = random.Random(columns)
    text = straight_line(rng, columns, 1 + columns % 4)
    f = loaded(text, f"lanes {columns} {dtype}")
    k = np.dtype(dtype).type(0.75)
    for n in TRIPS:
        q = np.random.default_rng(n).uniform(-1.5, 1.5, (n, 1 + columns % 4)).astype(dtype)
        alike(f, q, k, rtol=1e-13 if dtype == "f8" else 1e-4)


def number(x, k):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = math.sin(x[i]) * k + i
    return out


def backwards(x, k):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[len(x) - 1 - i] = math.exp(x[i]) * k
    return out


def shifted(x, k):
    out = x * 2.0
    for i in range(len(x) - 1):
        out[i + 1] = math.cos(x[i]) + math.sin(x[i + 1]) * k
    return out


def every_other(x, k):
    out = np.zeros((2 * len(x), 2))
    for i in range(len(x)):
        out[2 * i, 1] = math.cos(x[i]) * math.sin(x[i]) + k
    return out


def adds(x, k):
    out = x * 2.0
    for i in range(len(x)):
        out[i] += math.cos(x[i]) * k
    return out


def reads_its_own(x, k):
    out = x * 2.0
    for i in range(len(x)):
        out[i] = math.sin(out[i]) + k
        out[i] = math.cos(out[i]) * out[i]
    return out


def two_arrays(x, k):
    out, mask = np.zeros((3, len(x))), np.zeros(len(x), dtype=bool)
    for i in range(len(x)):
        out[1, i] = math.sin(x[i]) * k
        out[0, i] = math.cos(x[i])
        mask[i] = math.sin(x[i]) > 0.2
    return out, mask


def twice(x, k):
    out = np.zeros((len(x), 4))
    for i in range(len(x)):
        s = math.sin(x[i])
        out[i, 0] = s
        out[i, 1] = s * k
        out[i, 2] = s + k
        out[i, 0] = s * s - 1.0
    return out


def shares(x, k):
    """The array that is written is another's too."""
    y = x * 1.5
    out = y
    y = y + 0.0
    for i in range(len(x)):
        y[i] = math.sin(out[len(x) - 1 - i]) * k
    return y, out


PARALLEL = [number, backwards, shifted, every_other, adds, reads_its_own, two_arrays, twice, shares]


@pytest.mark.parametrize("f", PARALLEL, ids=lambda f: f.__name__)
def test_trips_that_do_not_meet(f):
    for n in TRIPS:
        alike(f, np.random.default_rng(n).uniform(-2.0, 2.0, n), 0.7)
    assert IN_LANES in shown(f, np.ones(31), 0.7)


@pytest.mark.parametrize("f", PARALLEL, ids=lambda f: f.__name__)
def test_sizes_that_are_known_at_run_time(f):
    compiled = irad.compile(f)
    for n in (5, 6, *TRIPS, 100):
        x = np.random.default_rng(n).uniform(-2.0, 2.0, n)
        agree(compiled(x, 0.7), interpret(f)(x, 0.7), 4e-15)


def running(x, j):
    out = x * 2.0
    for i in range(1, len(x)):
        out[i] = math.sin(out[i - 1]) + x[i]
    return out


def scattered(x, j):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[j[i]] = math.sin(x[i]) * 2.0
    return out


def in_one_place(x, j):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[3] = math.sin(x[i]) * 2.0
    return out


def over_the_next(x, j):
    out = np.zeros(len(x) + 1)
    for i in range(len(x)):
        out[i] = math.sin(x[i])
        out[i + 1] = math.cos(x[i])
    return out


def reads_the_next(x, j):
    out = x * 2.0
    for i in range(len(x) - 1):
        out[i] = math.sin(out[i + 1]) * 2.0 + math.cos(out[i])
    return out


def sums(x, j):
    out, s = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        s += math.sin(x[i])
        out[i] = s
    return out


def may_divide_by_zero(x, j):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = math.sin(x[i]) * (12 // (j[i] + 1))
    return out


@pytest.mark.parametrize(
    "f",
    [running, scattered, in_one_place, over_the_next, reads_the_next, sums, may_divide_by_zero],
    ids=lambda f: f.__name__,
)
def test_trips_that_meet(f):
    for n in (8, 9, 31):
        rng = np.random.default_rng(n)
        alike(f, rng.uniform(-2.0, 2.0, n), rng.integers(0, n, n))
    assert IN_LANES not in shown(f, np.ones(31), np.ones(31, dtype=int))


def beyond(x, first):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = math.sin(x[i + first]) + math.cos(x[i])
    return out


def to_a_count(x, n):
    out = np.zeros(len(x))
    for i in range(n):
        out[i] = math.sin(x[i]) * 2.0
    return out


@pytest.mark.parametrize("f", [beyond, to_a_count], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [31, 40])
@pytest.mark.parametrize("k", [0, 8, -3, 35, 41, 2**62])
def test_an_index_out_of_bounds_fails_as_trip_by_trip(f, n, k):
    x = np.random.default_rng(n).uniform(-2.0, 2.0, n)
    assert IN_LANES in shown(f, x, k)
    if k <= 0 or (f is to_a_count and k <= n):
        alike(f, x, k)
        return
    with pytest.raises(IndexError) as want:
        interpret(f)(x, k)
    with pytest.raises(IndexError) as got:
        irad.compile(f)(x, k)
    assert str(got.value) == str(want.value)


def gathers(x, k, j):
    out = np.empty((len(k), 2), x.dtype)
    for i in range(len(k)):
        a, b = x[k[i], 1], x[k[i] + 1, j]
        out[i, 0] = np.exp(-a * a) * np.sin(b) + np.cos(a * b)
        out[i, 1] = np.tanh(a) + b * b * i
    return out


def gathers_along_two(x, k, j):
    out = np.zeros(len(k), x.dtype)
    for i in range(len(k)):
        out[i] += np.sin(x[k[i], k[i] + 1]) * np.cos(x[2, k[i]]) + np.exp(x[j, j])
    return out


def gathers_truths(x, k, j):
    known = x[:, 1] > 0.0
    out = np.zeros(len(k), x.dtype)
    for i in range(len(k)):
        out[i] = np.where(known[k[i]], np.sin(x[k[i], j]), np.exp(-x[k[i], 0])) * np.cos(x[j, 0] * i)
    return out


GATHERS = [gathers, gathers_along_two, gathers_truths]


@pytest.mark.parametrize("dtypes", ["f8 i8", "f4 i8", "f8 i4", "f8 i2"])
@pytest.mark.parametrize("f", GATHERS, ids=lambda f: f.__name__)
def test_arrays_are_read_at_any_places(f, dtypes):
    rng = np.random.default_rng(7)
    dtype, index = dtypes.split()
    for n in (*TRIPS[1:], 1000):
        x = rng.normal(size=(3, 3)).astype(dtype)
        alike(f, x, rng.integers(-2, 2, n).astype(index), 1, rtol=1e-13 if dtype == "f8" else 1e-5)


@pytest.mark.parametrize("f", GATHERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("known", [True, False])
def test_a_place_out_of_bounds_fails_as_trip_by_trip(f, known):
    rng = np.random.default_rng(7)
    x, k = rng.normal(size=(3, 3)), rng.integers(-2, 2, 40)
    assert IN_LANES in shown(f, x, k, 1)
    g = irad.compile(f)
    if not known:  # sizes that were others before are symbols
        g(np.tile(x, (2, 1)), np.tile(k, 2), 1)
    for trip in (0, 17, 39):
        for wrong in (3, -4, 2**62, -(2**63)):
            k[trip], kept = wrong, k[trip]
            messages = []
            for run in (f, g):
                with pytest.raises(IndexError) as e:
                    run(x, k, 1)
                messages.append(str(e.value))
            assert messages[0] == messages[1]
            k[trip] = kept
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis"):
        g(x, k, 3)


def test_places_that_scattered_reads_give_are_read_one_by_one():
    def f(x, k):
        out = np.zeros(len(k))
        for i in range(len(k)):
            out[i] = np.sin(x[k[k[i]]]) * np.exp(-x[k[i]]) + np.cos(x[k[i]])
        return out

    x, k = np.random.default_rng(7).normal(size=40), np.random.default_rng(8).permutation(40)
    assert IN_LANES not in shown(f, x, k)
    alike(f, x, k)


def test_scattered_reads_in_several_threads():
    rng = np.random.default_rng(7)
    x, k = rng.normal(size=(1000, 3)), rng.integers(-1000, 999, 200_000)
    want = irad.compile(gathers, threads=1)(x, k, 1)
    np.testing.assert_array_equal(irad.compile(gathers, threads=2)(x, k, 1), want)
    np.testing.assert_allclose(want[::997], gathers(x, k, 1)[::997], rtol=1e-10, atol=1e-12)


def test_a_batch_of_jacobians():
    def f(q):
        return np.array([np.sin(q[0]) * q[1], np.arctan2(q[1], q[2]), np.exp(q[2]) + q[0] * q[0], q[0] / (1.0 + q[1] * q[1])])

    batch = irad.vmap(irad.jacobian(f))
    for n in (1, 8, 53):
        q = np.random.default_rng(n).uniform(0.5, 1.5, (n, 3))
        want = np.array([irad.compile(irad.jacobian(f))(row) for row in q])
        agree(irad.compile(batch)(q), want, 1e-13)
    assert IN_LANES in shown(batch, q)


def test_gradients_through_lanes():
    def loss(x):
        return np.sum(number(x, 0.7) ** 2)

    x = np.random.default_rng(1).uniform(-2.0, 2.0, 21)
    agree(irad.compile(irad.grad(loss))(x), 2.0 * (np.sin(x) * 0.7 + np.arange(21)) * 0.7 * np.cos(x), 1e-13)


def half(x, k):
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        out[i, 1] = math.sin(x[i]) * math.cos(x[i]) * k
    return out


def all_but_the_first(x, k):
    out = np.zeros(len(x))
    for i in range(len(x) - 1):
        out[i + 1] = math.sin(x[i]) * k
    return out


@pytest.mark.parametrize("f", [half, all_but_the_first, every_other], ids=lambda f: f.__name__)
def test_what_no_trip_writes_is_zero(f):
    """Also where the memory was used before."""
    compiled = irad.compile(f)
    x = np.linspace(1.0, 2.0, 500)
    for _ in range(3):
        compiled(np.full(500, np.nan), 0.7)
    agree(compiled(x, 0.7), f(x, 0.7), 4e-15)
    assert IN_LANES in shown(f, x, 0.7)


def test_long_loops_look_for_ctrl_c():
    polls = [str(irad.ir(number, np.ones(n), 0.7, stage="llvm")).count("call preserve_allcc") for n in (100, 1_000_000)]
    assert polls == [0, 2]  # zeros, and the loop
