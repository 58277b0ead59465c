"""Trips that repeat: the sparse Jacobian by one small Jacobian a trip is the dense one, and the one by colours. Generated loops
read and write at places that integers give."""

from __future__ import annotations

import linecache
import random

import numpy as np
import pytest

import irad

N = 9
ARRAYS = {"x": (7,), "y": (N + 2,), "z": (5, 3), "s": ()}


def arguments(rng, dtype="f8"):
    """x, y, z, s; integers that are places of x, and of rows of z; places of the output, one for each trip."""
    floats = [rng.uniform(0.5, 1.5, shape).astype(dtype) for shape in ARRAYS.values()]
    return (*floats[:3], floats[3][()], rng.integers(-7, 7, N), rng.integers(-5, 5, N), rng.permutation(N))


def matrices(found):
    return [m.toarray() for m in found]


def checked(f, *args, argnums=(0, 1, 2, 3), rtol=1e-12, blocks=True):
    """The sparse Jacobian of f, which is the dense one, and the one by colours."""
    J = irad.jacobian(f, argnums=argnums, sparse=True)
    got = J(*args)
    assert all((t.blocks is not None) == blocks for t in J.typed.values())
    dense = irad.jacfwd(f, argnums=argnums)(*args)
    colored = irad.jacobian(f, argnums=argnums, sparse=True, order="forward")(*args)
    for m, c, d in zip(got, colored, dense, strict=True):
        want = d.reshape(m.shape)
        assert m.dtype == d.dtype
        assert m.has_canonical_format
        np.testing.assert_allclose(m.toarray(), want, rtol=rtol, atol=rtol * max(1.0, np.abs(want).max(initial=0.0)))
        np.testing.assert_allclose(m.toarray(), c.toarray(), rtol=rtol, atol=rtol * max(1.0, np.abs(want).max(initial=0.0)))
    return got


READS = [
    "x[k[i]]",
    "x[2]",
    "y[i]",
    "y[i + 1]",
    "y[i + 2]",
    "z[j[i], 0]",
    "z[j[i], 2]",
    "z[i % 5, 1]",
    "z[1, 1]",
    "s",
    "y[p[i]]",
]
BLOCKS = ["np.sum(z[j[i]] * z[3])", "z[2] @ z[j[i]]", "np.exp(-x[k[i]] * z[1:3, 1])[1]"]
ONE = ["np.sin({})", "np.exp(-{})", "np.tanh({})", "{} * 0.75", "-{}", "{} ** 2", "1.0 / (2.0 + np.cos({}))"]
TWO = [
    "{} + {}",
    "{} * {}",
    "{} - {}",
    "np.maximum({}, {})",
    "np.where({0} > {1}, {0} * {1}, {1})",
    "np.sqrt({0} * {0} + {1} * {1})",
]
WRITES = {
    (N,): [
        "out[i] = {}",
        "out[p[i]] = {}",
        "out[i] += {}",
        "out[p[i]] += {}",
        "out[k[i]] += {}",
        "out[i // 2] = {}",
        "out[-1] -= {}",
    ],
    (N, 2): [
        "out[i, 1] = {}",
        "out[i] = np.array([{}, s])",
        "out[p[i], i % 2] += {}",
        "out[j[i]] += x[:2] * {}",
        "out[N - 1 - i, 0] = {}",
    ],
}


STARTS = {(N,): ["np.exp(y[:N])", "x[k] * s", "y[2:] - y[:-2]"], (N, 2): ["z[j][:, 1:] * s", "np.stack((y[:N], y[p]), 1)"]}


def generated(seed):
    """One loop, or two, that make numbers of what they read, and write some of them over what was there."""
    rng = random.Random(seed)
    shape = rng.choice(list(WRITES))
    text = "def program(x, y, z, s, k, j, p):\n"
    text += f"    out = {rng.choice(STARTS[shape]) if rng.random() < 0.4 else f'np.zeros({shape}, y.dtype)'}\n"
    for _ in range(rng.choice((1, 1, 2))):
        text += f"    for i in range(N):\n{''.join(f'        {line}{chr(10)}' for line in trip(rng, shape))}"
    return loaded(f"{text}    return out\n", f"blocks {seed}")


def trip(rng, shape):
    """The lines of a loop's body."""
    lines, names = [], []
    for read in (*rng.sample(READS, rng.randint(1, 5)), *rng.sample(BLOCKS, rng.randint(0, 1))):
        names.append(f"v{len(names)}")
        lines.append(f"{names[-1]} = {read}")
    for _ in range(rng.randint(1, 8)):
        operation = rng.choice(rng.choice((ONE, TWO)))
        lines.append(f"v{len(names)} = {operation.format(*rng.choices(names, k=2))}")
        names.append(f"v{len(names)}")
    return lines + [write.format(rng.choice(names[-4:])) for write in rng.sample(WRITES[shape], rng.randint(1, 2))]


def loaded(text, name):
    """The function `program` of a text."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"np": np, "N": N}
    exec(compile(text, file, "exec"), space)
    return space["program"]


@pytest.mark.parametrize("seed", range(12))
def test_generated_loops(seed):
    checked(generated(seed), *arguments(np.random.default_rng(seed)))


def of_arrays(seed):
    """Operations on whole arrays whose elements depend on few: each is drawn among those that fit what there is."""
    rng = random.Random(seed)
    shapes = {"x": (7,), "y": (N + 2,), "z": (5, 3), "x[k]": (N,), "z[j]": (N, 3), "y[p]": (N,)}
    lines = []

    def add(text, shape):
        lines.append(f"v{len(lines)} = {text}")
        shapes[f"v{len(lines) - 1}"] = shape

    for _ in range(rng.randint(3, 10)):
        a, shape = rng.choice(list(shapes.items())[-6:])
        n, alike = shape[0], [b for b, other in shapes.items() if other == shape]
        b = rng.choice(alike)
        choices = [(rng.choice(ONE).format(a), shape), (rng.choice(TWO).format(a, b), shape), (f"{a} * s + {a}", shape)]
        choices += [(f"{a}[::-1]", shape), (f"np.concatenate(({a}, {b}))", (2 * n, *shape[1:]))]
        if n > 3:
            choices += [(f"{a}[1:] - {a}[:-1]", (n - 1, *shape[1:])), (f"{a}[1::2]", (n // 2, *shape[1:]))]
        if len(shape) == 2:
            m = shape[1]
            choices += [
                (f"{a}.T", (m, n)),
                (f"{a}[:, 1]", (n,)),
                (f"{a}.ravel()", (n * m,)),
                (f"{a}.reshape({m}, {n})", (m, n)),
            ]
            choices += [(f"{a} * x[:{m}]" if m <= 7 else a, shape), (f"{a}[:, :1] + {a}", shape)]
            if m <= 3:
                choices += [(f"np.sum({a}, axis=1)", (n,)), (f"{a} @ z[:{m}]", (n, 3)), (f"{a} @ x[:{m}]", (n,))]
        elif n < 30:
            choices += [
                (f"np.stack(({a}, {b}), 1)", (n, 2)),
                (f"np.outer({a}, x[:3])", (n, 3)),
                (f"{a}[k]" if n >= 7 else a, (N,) if n >= 7 else shape),
            ]
        add(*rng.choice(choices))
    last = f"v{len(lines) - 1}"
    body = "".join(f"    {line}\n" for line in lines)
    result = last if rng.random() < 0.6 else f"({last}, v{rng.randrange(len(lines))} * 2.0)"
    return loaded(f"def program(x, y, z, s, k, j, p):\n{body}    return {result}\n", f"blocks of arrays {seed}")


@pytest.mark.parametrize("seed", range(12))
def test_generated_operations_on_arrays(seed):
    f, args = of_arrays(seed), arguments(np.random.default_rng(seed))
    J = irad.jacobian(f, argnums=(0, 1, 2, 3), sparse=True)
    assert_same(J(*args), irad.jacfwd(f, argnums=(0, 1, 2, 3))(*args))


def assert_same(found, dense):
    """Matrices, in a structure, are those of a dense derivative."""
    if isinstance(found, tuple):
        for m, d in zip(found, dense, strict=True):
            assert_same(m, d)
        return
    assert found.dtype == dense.dtype
    np.testing.assert_allclose(found.toarray(), dense.reshape(found.shape), rtol=1e-11, atol=1e-12)


def project(camera, point, weight):
    """Two numbers of six, three and one."""
    d = point - camera[:3]
    r = np.sqrt(d @ d)
    u, v = d[0] / (r + d[2]), d[1] / (r + d[2])
    k = camera[3] * (1.0 + camera[4] * (u * u + v * v))
    return weight * (u * k + camera[5]), weight * (v * k - camera[5])


def bundle(cameras, points, weights, ci, xi):
    out = np.empty((len(ci), 2), cameras.dtype)
    for i in range(len(ci)):
        out[i, 0], out[i, 1] = project(cameras[ci[i]], points[xi[i]], weights[i])
    return out


def observations(n, dtype="f8", seed=3):
    rng = np.random.default_rng(seed)
    cameras, points = rng.uniform(0.1, 1.0, (3, 6)), rng.uniform(2.0, 3.0, (5, 3))
    args = cameras.astype(dtype), points.astype(dtype), rng.uniform(0.5, 1.0, n).astype(dtype)
    return (*args, rng.integers(-3, 3, n), rng.integers(-5, 5, n))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("n", [0, 1, 8, 100])
def test_bundle_adjustment(n, dtype):
    found = checked(bundle, *observations(n, dtype), argnums=(0, 1, 2), rtol=1e-10 if dtype == "f8" else 1e-3)
    assert [m.nnz for m in found] == [12 * n, 6 * n, 2 * n]
    assert all(m.dtype == dtype for m in found)


def by_vmap(cameras, points, weights, ci, xi):
    return irad.vmap(lambda c, p, w: np.stack(project(c, p, w)))(cameras[ci], points[xi], weights)


def on_arrays(cameras, points, weights, ci, xi):
    c = cameras[ci]
    d = points[xi] - c[:, :3]
    r = np.sqrt(np.sum(d * d, axis=1))
    u, v = d[:, 0] / (r + d[:, 2]), d[:, 1] / (r + d[:, 2])
    k = c[:, 3] * (1.0 + c[:, 4] * (u * u + v * v))
    return np.stack((weights * (u * k + c[:, 5]), weights * (v * k - c[:, 5])), 1)


def of_two_parts(cameras, points, weights, ci, xi):
    return np.concatenate((bundle(cameras, points, weights, ci, xi).ravel(), 1.0 - weights**2))


def robust(cameras, points, weights, ci, xi):
    out = np.empty(len(ci))
    for i in range(len(ci)):
        a, b = project(cameras[ci[i]], points[xi[i]], weights[i])
        r = a * a + b * b
        out[i] = r if r < 0.3 else 2.0 * np.sqrt(0.3 * r) - 0.3
    return out


@pytest.mark.parametrize("f", [by_vmap, on_arrays, of_two_parts, robust], ids=lambda f: f.__name__)
def test_other_ways_to_write_residuals(f):
    args = observations(30)
    checked(f, *args, argnums=(0, 1, 2), rtol=1e-10)
    args[4][7] = 5
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        irad.jacobian(f, argnums=(0, 1, 2), sparse=True)(*args)


def test_rows_that_nobody_reads_are_inside_all_the_same():
    def f(x, k):
        return np.sin(x[k])[::2]

    x, k = np.arange(1.0, 5.0), np.array([0, 1, -1, 2])
    checked(f, x, k, argnums=(0,))
    k[1] = 4
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        irad.jacobian(f, sparse=True)(x, k)


def test_long_rows():
    def f(x, k):
        out = np.zeros((len(k), 20))
        for i in range(len(k)):
            row = x[k[i]]
            out[i] = np.tanh(row[:20]) * row[20:] + np.sum(row[:3])
        return out

    x = np.random.default_rng(3).normal(size=(4, 40))
    (found,) = checked(f, x, np.array([0, 3, -1, 2, 2]), argnums=(0,))
    assert found.nnz == 5 * (3 * 4 + 17 * 5)
    checked(lambda x, k: np.sin(x[k]) * x[k, ::-1], x, np.array([0, 3, -1, 2, 2]), argnums=(0,))


def test_lines_are_printed_once(capfd):
    def f(x):
        print(x[0])
        return x[1:] * x[:-1]

    irad.jacobian(f, sparse=True)(np.arange(1.0, 5.0))
    assert capfd.readouterr().out == "1.0\n"


def test_what_a_trip_raises():
    def f(x, k):
        out = np.zeros(len(k))
        for i in range(len(k)):
            assert x[k[i]] > 0.0, "negative"
            out[i] = np.log(x[k[i]])
        return out

    J, x, k = irad.jacobian(f, sparse=True), np.arange(1.0, 5.0), np.array([0, 1, -1, 2])
    checked(f, x, k, argnums=(0,))
    x[3] = -1.0
    with pytest.raises(AssertionError, match="negative"):
        J(x, k)


def test_other_places_are_noticed():
    args = observations(20)
    J = irad.jacobian(bundle, argnums=(0, 1, 2), sparse=True)
    for _ in range(3):
        for m, d in zip(J(*args), irad.jacfwd(bundle, argnums=(0, 1, 2))(*args), strict=True):
            np.testing.assert_allclose(m.toarray(), d.reshape(m.shape), rtol=1e-12)
        args[3][:] = args[3][::-1].copy()  # the same array holds others now
        args[4][4] = (args[4][4] + 6) % 5


@pytest.mark.parametrize("trip", [0, 7, 19])
@pytest.mark.parametrize("wrong", [5, -6, 2**62])
def test_a_place_out_of_bounds(trip, wrong):
    args = observations(20)
    J = irad.jacobian(bundle, argnums=(0, 1, 2), sparse=True)
    J(*args)
    args[4][trip] = wrong
    with pytest.raises(IndexError) as e:
        J(*args)
    with pytest.raises(IndexError) as want:
        irad.compile(bundle)(*args)
    assert str(e.value) == str(want.value)


def test_what_no_partial_needs_is_inside_all_the_same():
    def scaled(x, k):
        out = np.zeros(len(k))
        for i in range(len(k)):
            out[i] = 2.0 * x[k[i]]
        return out

    def put(x, k):
        out = np.zeros(4)
        for i in range(len(k)):
            out[k[i]] = x[i] * x[i]
        return out

    x = np.arange(4.0)
    for f in (scaled, put):
        for k in ([0, 1, -4, 2], [3, 3, 3, 3]):
            checked(f, x, np.array(k), argnums=(0,))
        for wrong in (4, -5):
            with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 4"):
                irad.jacobian(f, sparse=True)(x, np.array([0, 1, wrong, 2]))


def test_the_last_that_is_written_counts_and_what_is_added_after():
    def f(x, k):
        out = np.ones(5)
        for i in range(len(k)):
            out[k[i]] = x[i] * x[i]
            out[3] += x[i] * 3.0
        for i in range(3):
            out[i] = x[i + 1] * out_of[i]
            out[k[i]] -= np.sin(x[i])
        return out

    out_of = np.array([2.0, 3.0, 4.0])
    for k in ([3, 3, 3], [0, 1, 2], [2, 3, 0], [-2, -1, -2], [4, 4, 3]):
        found = irad.jacobian(f, sparse=True)(np.array([0.5, 0.6, 0.7, 0.8]), np.array(k))
        dense = irad.jacfwd(f)(np.array([0.5, 0.6, 0.7, 0.8]), np.array(k))
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-13)
        assert found.has_canonical_format
    checked(f, np.array([0.5, 0.6, 0.7, 0.8]), np.array([3, 0, 3]), argnums=(0,))


def test_captured_arrays_and_structures():
    targets, which = np.arange(1.0, 8.0), np.array([0, 2, 1, 1, 0, -1, 2])

    def f(p):
        residuals, priors = np.zeros(len(which)), np.zeros((3,))
        for i in range(len(which)):
            residuals[i] = np.exp(-p["rate"] * p["x"][which[i]]) - targets[i]
        for i in range(3):
            priors[i] = p["x"][i] * p["rate"] ** 2
        return {"r": residuals, "p": priors}

    p = {"x": np.array([0.1, 0.2, 0.3]), "rate": 2.0}
    J = irad.jacobian(f, sparse=True)
    found, dense = J(p), irad.jacfwd(f)(p)
    assert all(t.blocks is not None for t in J.typed.values())
    for out in ("r", "p"):
        for given in ("x", "rate"):
            m, d = found[out][given], np.asarray(dense[out][given])
            np.testing.assert_allclose(m.toarray(), d.reshape(m.shape), rtol=1e-13)
    which[2] = 0  # a captured array is looked at in each call
    np.testing.assert_allclose(J(p)["r"]["x"].toarray(), irad.jacfwd(f)(p)["r"]["x"], rtol=1e-13)


def test_nan_stays_in_its_trip():
    args = observations(6)
    args[2][2] = np.nan
    found = irad.jacobian(bundle, argnums=(0, 1, 2), sparse=True)(*args)
    for m in found:
        bad = np.isnan(m.toarray()).any(axis=1)
        np.testing.assert_array_equal(bad, (np.arange(12) // 2 == 2) & (m is not found[2]))


def hands_on(x):
    out, total = np.zeros(5), 0.0
    for i in range(5):
        total += x[i]
        out[i] = total
    return out


def reads_an_output(x):
    out = np.zeros(6)
    for i in range(5):
        out[i + 1] = out[i] * x[i]
    return out


def branches(x):
    out = np.zeros(5)
    for i in range(5):
        out[i] = x[i] if x[i] > 0.3 else np.exp(x[i]) if x[i] > -1.0 else x[i] ** 3
    return out


def many(x):
    out = np.zeros(5)
    for i in range(5):
        s = 0.0
        for j in range(len(x)):
            s += x[j] * x[i]
        out[i] = s
    return out


def place_of_a_number(x):
    out = np.zeros(5)
    for i in range(5):
        out[i] = x[int(x[i] * 4.0)]
    return out


@pytest.mark.parametrize("f", [hands_on, reads_an_output, many, place_of_a_number], ids=lambda f: f.__name__)
def test_other_loops_are_left_to_colours(f):
    checked(f, np.random.default_rng(5).uniform(0.0, 1.0, 40 if f is many else 5), argnums=(0,), blocks=False)
