"""vmap(f) is np.stack of f's results: of functions with every kind of control flow, along every axis, of structures."""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from tests.derivatives.oracles import agree
from tests.generator.draw import generate
from tests.generator.program import load
from tests.vmap import reference

BACKENDS = ("llvm", "interpreter", "source")


def arrays(*shapes):
    rng = np.random.default_rng(7)
    return [rng.uniform(-2.0, 2.0, s) for s in shapes]


def check(f, args, kwargs=None, in_axes=0, out_axes=0, backends=("llvm",), rtol=1e-14):
    kwargs = kwargs or {}
    want = reference.vmap(f, in_axes, out_axes)(*args, **kwargs)
    for backend in backends:
        got = irad.compile(irad.vmap(f, in_axes, out_axes), backend=backend)(*args, **kwargs)
        agree(got, want, rtol)
    return want


# -- functions of a number -------------------------------------------------------------------------------------------------


def branch(x):
    return math.sin(x) if x > 0.0 else x * x


def early(x):
    for i in range(10):
        if x > 3.0:
            return float(i)
        x = x * 1.7 + 0.1
    return x


def until(x):
    n = 0
    while abs(x) > 0.1:
        x = 0.5 * x - 0.01
        n += 1
        if n == 7:
            break
    return x, n


def recursive(x):
    return x if abs(x) < 0.1 else 0.3 * recursive(0.5 * x) + x


def closures(x):
    fs = [lambda t: t + x, lambda t: t * x]
    acc = x
    for f in fs:
        acc = f(acc)
    return sum([f(acc) for f in fs])


def integers(x):
    k = int(10 * x)
    return k, k % 3 == 0, [k // 2, k / 2]


def lists(x):
    xs = [x]
    while len(xs) < 4 or xs[-1] > 0.5:
        xs.append(0.5 * xs[-1])
    return sum(xs), len(xs)


def derived(x):
    return irad.grad(branch)(x) * irad.grad(recursive)(x)


@pytest.mark.parametrize("f", [branch, early, until, recursive, closures, integers, lists, abs, math.exp, lambda x: None])
def test_functions_of_numbers(f):
    (xs,) = arrays(9)
    check(f, [xs], backends=BACKENDS)


def test_derivatives_inside():
    (xs,) = arrays(9)
    got = irad.vmap(derived)(xs)
    agree(got, np.array([irad.compile(derived)(float(x)) for x in xs]))


def test_dtypes_and_constants():
    x = np.arange(4, dtype=np.int64)
    got = irad.vmap(lambda k: (k, k > 1, np.float32(k) * np.float32(0.5), np.int32(k), 2.0, True, "text", None))(x)
    assert [a.dtype for a in got[:6]] == [np.int64, bool, np.float32, np.int32, np.float64, bool]
    assert got[6:] == ("text", None)
    agree(tuple(got[:6]), (x, x > 1, (x / 2).astype(np.float32), x.astype(np.int32), np.full(4, 2.0), np.ones(4, bool)))
    got[4][0] = 5.0  # an array of its own
    assert list(got[4]) == [5.0, 2.0, 2.0, 2.0]


# -- axes -------------------------------------------------------------------------------------------------------------------


def mixed(x, y):
    return x @ y + np.sum(x), x[:1] * 2.0, y[::-1]


@settings(max_examples=12, deadline=None)
@given(st.integers(-3, 2), st.one_of(st.none(), st.integers(-2, 1)), st.integers(-2, 1), st.integers(0, 4))
def test_axes(a, b, out, n):
    """Any axes in and out, of matrices and vectors, with empty batches."""
    shapes = [np.insert((2, 3), a % 3, n), (3,) if b is None else np.insert((3,), b % 2, n)]
    x, y = arrays(*shapes)
    if n:
        check(mixed, [x, y], in_axes=(a, b), out_axes=(out, out, out % 2), rtol=1e-12)
        return
    got = irad.vmap(mixed, (a, b), (out, out, out % 2))(x, y)
    results = ((2,), out), ((1, 3), out), ((3,), out % 2)
    assert [g.shape for g in got] == [tuple(np.insert(s, k % (len(s) + 1), 0)) for s, k in results]


@dataclass
class Point:
    x: object
    y: object


class Pair(NamedTuple):
    first: object
    second: object


STRUCTURES = [
    (lambda p: Point(p.x + p.y, p.x), (lambda x, m: [Point(x, x)]), 0, 0),
    (lambda p: Point(p.x + p.y, p.y), (lambda x, m: [Point(x, 2.0)]), (Point(0, None),), Point(0, None)),
    (lambda q: Pair(q.first @ q.second, q.first), (lambda x, m: [Pair(m, m[:, 0])]), (Pair(0, None),), Pair(0, 1)),
    (lambda q: [q[0] * q[1][0], {"k": q[1]}], (lambda x, m: [(x, [x, 3.0])]), ((0, (0, None)),), (0, {"k": (0, None)})),
    (lambda d, s: {"a": d["a"] * s, "b": (d["b"], 1.0)}, (lambda x, m: [{"a": m, "b": x}, 2.0]), ({"b": 0, "a": 1}, None), 0),
    (lambda x, *, k, w=2.0: x * k * w, (lambda x, m: [x]), 0, 0),
]


@pytest.mark.parametrize(("f", "make", "in_axes", "out_axes"), STRUCTURES)
def test_structures(f, make, in_axes, out_axes):
    x, m = arrays(3, (3, 3))
    check(f, make(x, m), {"k": m} if "k" in f.__code__.co_varnames else {}, in_axes, out_axes, backends=("llvm", "interpreter"))


def test_what_is_the_same_in_each_trip():
    """out_axes=None takes what does not depend on the batch, through calls, branches and loops, and nothing else."""

    def parts(x, w):
        total, other = 0.0, 0.0
        for i in range(3):
            total += w * i
            other += x
        if w > 0.0:
            total = total + 1.0
        return total, other

    def call(x, w):
        return parts(x, w)

    (xs,) = arrays(3)
    check(call, [xs, 2.0], in_axes=(0, None), out_axes=(None, 0), backends=BACKENDS)
    with pytest.raises(irad.CompileError, match="vmap-axes"):
        irad.vmap(call, (0, None), (0, None))(xs, 2.0)
    with pytest.raises(irad.CompileError, match="vmap-axes"):
        irad.vmap(lambda x, w: w if x > 0.0 else -w, (0, None), None)(xs, 2.0)
    with pytest.raises(ValueError, match="size 0"):
        irad.vmap(call, (0, None), (None, 0))(xs[:0], 2.0)


# -- in compiled code -------------------------------------------------------------------------------------------------------


def sums(m, w):
    inner = irad.vmap(lambda x, y: x * y, in_axes=(None, 0))
    return irad.vmap(lambda r: np.sum(inner(w, r)), in_axes=1)(m)


def sized(n, k):
    m = np.ones((n, k)) * np.arange(k)
    by_rows = irad.vmap(lambda r: r * 2.0)(m)
    by_columns = irad.vmap(lambda c: (c, np.sum(c)), in_axes=-1, out_axes=(1, 0))(m)
    return by_rows, by_columns


def test_inside_compiled_functions():
    m, w = arrays((4, 3), ())
    agree(irad.compile(sums)(m, float(w)), np.sum(m * w, axis=0), rtol=1e-13)
    for backend in BACKENDS:
        for n, k in ((3, 2), (0, 2), (2, 0), (1, 1)):
            rows, (columns, totals) = irad.compile(sized, backend=backend)(n, k)
            want = np.ones((n, k)) * np.arange(k)
            agree((rows, columns, totals), (want * 2.0, want, np.sum(want, axis=0)))


def test_sizes_known_at_run_time():
    f = irad.compile(lambda x, n: irad.vmap(lambda a, b: a * b)(x, np.ones(n)))
    agree(f(np.arange(3.0), 3), np.arange(3.0))
    with pytest.raises(ValueError, match=r"axis 0 of argument 0, of size 3, and axis 0 of argument 1, of size 2"):
        f(np.arange(3.0), 2)


def several(r):
    return r[1:] * r[0], r[::-1], np.outer(r, r)[:, 1:]


def test_one_program_for_all_sizes():
    """Sizes of results are computed from those of the arguments."""
    f = irad.compile(irad.vmap(several), signature="f64[b,n]")
    for shape in ((3, 4), (2, 7), (5, 2)):
        (m,) = arrays(shape)
        agree(f(m), reference.vmap(several)(m))
    assert f.cache_info().programs == 1
    g = irad.compile(irad.vmap(lambda x, y: x * y), signature="f64[n], f64[m]")
    with pytest.raises(ValueError, match=r"axis 0 of argument 0, of size 2, and axis 0 of argument 1, of size 3"):
        g(np.ones(2), np.ones(3))


def test_compiled_functions_and_methods():
    class Scale:
        def __init__(self, k):
            self.k = k

        def by(self, x):
            return self.k * x

    (xs,) = arrays(3)
    agree(irad.vmap(irad.compile(branch))(xs), np.array([branch(x) for x in xs]))
    agree(irad.vmap(Scale(2.0).by)(xs), 2.0 * xs)
    agree(irad.vmap(functools.partial(math.fmod, 7.0))(xs), np.fmod(7.0, xs))
    shift = np.arange(3.0)
    agree(irad.vmap(lambda x: x + shift)(xs), xs[:, None] + shift)


def test_recursion_through_vmap():
    def total(depth, x):
        if depth == 0:
            return np.sum(x)
        return np.sum(irad.vmap(lambda v: total(depth - 1, v * np.ones(2)))(x))

    assert irad.compile(total)(3, np.ones(2)) == 16.0


def test_prints_and_exceptions_come_in_order(capsys):
    def shown(x):
        print("row", x)
        if x > 1.0:
            raise ValueError("too large")
        return x

    with pytest.raises(ValueError, match="too large"):
        irad.vmap(shown)(np.arange(4.0))
    assert capsys.readouterr().out == "row 0.0\nrow 1.0\nrow 2.0\n"
    with pytest.raises(ValueError, match="never"):
        irad.vmap(never)(np.arange(2.0))
    with pytest.raises(ValueError, match="size 0"):
        irad.vmap(never)(np.zeros(0))


def never(x):
    raise ValueError("never")


def test_writes_are_refused():
    """Of the caller's objects; f's own are its own."""

    def own(row):
        row = row.copy()
        row[0] = 0.0
        seen = [row[1]]
        seen.append(2.0)
        return row, seen

    (m,) = arrays((3, 2))
    check(own, [m])
    shared = np.zeros(3)

    def structure(d):
        d["x"] = 0.0
        return d["y"]

    def captured(x):
        shared[0] += x
        return x

    for f, x in ((structure, {"x": m[:, 0], "y": m[:, 1]}), (captured, m[:, 0])):
        with pytest.raises(irad.CompileError, match=r"write-under-vmap|captured-write"):
            irad.vmap(f)(x)


# -- generated programs -----------------------------------------------------------------------------------------------------


def batch(v, n):
    """n values like a float or array of floats, and the axis to map it along; of anything else the value and None."""
    if isinstance(v, (tuple, list)):
        pairs = [batch(u, n) for u in v]
        return type(v)(p for p, _ in pairs), tuple(a for _, a in pairs)
    if type(v) is float or (isinstance(v, np.ndarray) and v.dtype == float):
        return np.stack([np.asarray(v) * (1.0 + 0.05 * k) + 0.01 * k for k in range(n)]), 0
    return v, None


def by_row(f, args, axes):
    """What a compiled f gives for each of three rows; None where one raises: the program is not for these arguments."""
    try:
        return [f(*[reference.row(v, a, k) for v, a in zip(args, axes, strict=True)]) for k in range(3)]
    except (ArithmeticError, ValueError, IndexError):
        return None


@pytest.mark.parametrize("seeds", [range(0, 8), range(8, 16)], ids=str)
def test_generated_programs(seeds):
    """What a program does for each row, and its gradient, is what it does alone; on other backends too."""
    compared = 0
    for seed in seeds:
        program = generate(seed)
        f = load(program.source)
        args, axes = zip(*[batch(v, 3) for v in program.args], strict=True)
        try:
            want = by_row(irad.compile(f), args, axes)
        except irad.CompileError:
            continue  # refused alone: see tests/fuzz
        if want is None:
            continue
        compared += 1
        backends = BACKENDS if seed % 6 == 0 else ("llvm",)
        for backend in backends:
            agree(irad.compile(irad.vmap(f, axes), backend=backend)(*args), np.array(want), rtol=1e-12, atol=1e-12)
        floats = tuple(i for i, a in enumerate(axes) if a == 0)
        if floats:
            gradient = irad.grad(f, argnums=floats)
            want = by_row(gradient, args, axes)
            assert want is not None
            scale = max(float(np.max(np.abs(g), initial=0.0)) for row in want for g in row)
            agree(irad.vmap(gradient, axes)(*args), reference.stacked(want, 0), rtol=1e-10, atol=1e-12 * max(scale, 1.0))
    assert compared > len(seeds) // 2


# -- what it costs ----------------------------------------------------------------------------------------------------------


def test_trips_allocate_and_check_nothing():
    """Results are made once, each an array of its own, and written in place; rows are read without a test for them."""

    def two(x):
        return math.sin(x), 2.0 * x

    (m,) = arrays((40, 3))
    for f, count in ((irad.vmap(two), 2), (irad.vmap(lambda r: r[0] * r[2], in_axes=1), 1)):
        text = str(irad.ir(f, m[:, 0] if count == 2 else m.T, stage="lowered"))
        assert text.count("a new array") == count
        assert "retains" not in text
    text = str(irad.ir(irad.vmap(irad.jacobian(lambda r: np.outer(r, r).ravel()[:7])), m, stage="lowered"))
    assert text.count("a new array") == text.count("has no other owner") == 1  # asked once for 21 numbers
    for f in (irad.vmap(irad.vmap(math.sin)), lambda m: irad.vmap(lambda r: sum(r[i] for i in range(3)))(m)):
        assert "assert" not in irad.ir(f, m).operations
