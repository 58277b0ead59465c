"""Loops with loops inside run in vectors, a trip a lane, where all trips go the same way and share only what they add to.
The oracle is the interpreter, which goes trip by trip."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from irad.backends.llvm import parts

import irad
from tests.derivatives.oracles import agree
from tests.loops.test_lanes import IN_LANES, interpret, loaded, shown

TRIPS = (0, 1, 7, 8, 9, 40)


def alike(f, *args, rtol=1e-13, **options):
    kept = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    got, want = irad.compile(f, **options)(*args), interpret(f)(*args)
    agree(got, want, rtol)
    for a, b in zip(args, kept, strict=True):
        np.testing.assert_array_equal(a, b)


class Writer:
    """A loop over points whose body has loops over columns, arrays of its own, and sums over all points, drawn at random."""

    def __init__(self, rng, shared):
        self.rng, self.shared, self.lines = rng, shared, []
        self.numbers, self.arrays, self.count = ["k"], [], 0

    def name(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    def number(self, places):
        """A number: of the point, of a table, of an own array, or made before."""
        choices = [self.rng.choice(self.numbers)]
        if places:
            j = self.rng.choice(places)
            choices += [f"x[i, {j}]", f"w[{j}]", f"t[2, {j}]", f"(1 + {j})"]
            choices += [f"{a}[{j}]" for a in self.arrays]
        return self.rng.choice(choices)

    def value(self, places, depth=2):
        if depth == 0:
            return self.number(places)
        a, b = self.value(places, depth - 1), self.value(places, depth - 1)
        if self.rng.random() < 0.15:
            return f"({a} if {b} > {self.number(places)} else {self.number(places)})"
        return self.rng.choice(
            [f"({a} + {b})", f"({a} * {b})", f"np.sin({a})", f"np.exp(-abs({a}))", f"np.maximum({a}, {b})", f"({a} - {b}) / 2"]
        )

    def line(self, indent, text):
        self.lines.append("    " * indent + text)

    def body(self, indent, places, depth):
        rng, before = self.rng, (list(self.numbers), list(self.arrays))
        for _ in range(rng.randint(2, 4)):
            kind = rng.choice(["number", "array", "loop", "loop", "add", "update"])
            if kind == "number":
                name = self.name("s")
                self.line(indent, f"{name} = {self.value(places)}")
                self.numbers.append(name)
            elif kind == "array" and depth < 2:
                name, j = self.name("y"), self.name("j")
                self.line(indent, f"{name} = np.zeros(4)")
                self.line(indent, f"for {j} in range(4):")
                self.line(indent + 1, f"{name}[{j}] = {self.value([*places, j])}")
                self.arrays.append(name)
            elif kind == "loop" and depth < 2:
                self.loop(indent, places, depth)
            elif kind == "add" and self.shared and places:
                self.line(indent, f"g[1, {rng.choice(places)}] += {self.value(places)}")
            elif kind == "update" and self.arrays and places:
                a, j = rng.choice(self.arrays), rng.choice(places)
                self.line(indent, rng.choice([f"{a}[{j}] = {self.value(places)}", f"{a}[{j}] += {self.value(places)}"]))
        if depth:
            self.numbers, self.arrays = before

    def loop(self, indent, places, depth):
        rng, j, s = self.rng, self.name("j"), self.name("s")
        count = rng.choice(["4", "3", f"{places[-1]} + 1, 4" if places else "4", "m"])
        self.line(indent, f"{s} = {self.value(places)}")
        self.line(indent, f"for {j} in range({count}):")
        self.body(indent + 1, [*places, j], depth + 1)
        self.line(indent + 1, rng.choice([f"{s} += {self.value([*places, j])}", f"{s} = np.minimum({s}, {self.number([j])})"]))
        self.numbers.append(s)

    def text(self):
        self.line(1, "g, total = np.ones((2, 4)), k")
        self.line(1, "out = np.ones((len(x), 2))" if self.rng.random() < 0.5 else "out = g[0]")
        self.line(1, "for i in range(len(x)):")
        self.body(2, [], 0)
        self.loop(2, [], 0)
        if "len(x), 2" in self.lines[1]:
            self.line(2, f"out[i, 1] = {self.numbers[-1]}")
        self.line(2, f"total += ({' + '.join(self.numbers[1:])}) * 0.25")
        self.line(1, "return total, g, out")
        return "def program(x, w, t, k, m):\n" + "\n".join(self.lines) + "\n"


def arguments(n, dtype=np.float64):
    rng = np.random.default_rng(n)
    return [rng.uniform(-1.0, 1.0, s).astype(dtype) for s in ((n, 4), (4,), (3, 4))]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_generated_loops(seed, shared):
    f = loaded(Writer(random.Random(f"{seed} {shared}"), shared).text(), f"together {seed} {shared}")
    for n in (9, 40):
        alike(f, *arguments(n), 0.3, 2 + n % 2, rtol=1e-12, fast_math=shared)


def test_most_generated_loops_run_in_lanes():
    """The generator draws what it is there for."""
    texts = [Writer(random.Random(f"{seed} {shared}"), shared).text() for seed in range(12) for shared in (False, True)]
    found = 0
    for k, text in enumerate(texts):
        compiled = irad.compile(loaded(text, f"drawn {k}"), fast_math=True)
        lowered = str(irad.ir(compiled, *arguments(40), 0.3, 2, stage="lowered"))
        outer = [line for line in lowered.splitlines() if "for_loop(40," in line]
        found += any(IN_LANES in line for line in outer)
    assert found >= 10


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_generated_gradients(seed, shared):
    text = Writer(random.Random(f"gradient {seed} {shared}"), shared).text()
    f = loaded(text, f"together gradient {seed} {shared}")

    def loss(x, w, t, k):
        total, g, out = f(x, w, t, k, 3)
        return total + np.sum(g * g) + np.sum(out * out)

    g = irad.grad(loss, argnums=(0, 1, 2, 3))
    alike(g, *arguments(19), 0.3, rtol=1e-10)


def mixture(x, w, t, k):
    """The order in which a number is summed up is Python's."""
    total = k
    for i in range(len(x)):
        s, y = 0.0, np.zeros(4)
        for j in range(4):
            y[j] = math.exp(x[i, j] * w[j])
        for j in range(4):
            for c in range(j + 1, 4):
                y[c] += y[j] * t[1, c]
        for j in range(4):
            s += y[j] * y[j]
        total += s
    return total


def test_flags_are_in_lanes():
    assert IN_LANES in shown(flags, *arguments(40), 0.5)


@pytest.mark.parametrize("n", TRIPS)
def test_sums_keep_their_order(n):
    x, w, t = arguments(n)
    big = x * 1e3 ** np.arange(n)[:, None] if n < 10 else x
    alike(mixture, np.clip(big, -30, 30), w, t, 0.5, rtol=1e-14)
    assert IN_LANES in shown(mixture, *arguments(40), 0.5)


def test_sizes_that_are_known_at_run_time():
    compiled = irad.compile(mixture, signature="f64[n,4], f64[4], f64[3,4], f64 -> f64")
    for n in (*TRIPS, 100):
        agree(compiled(*arguments(n), 0.5), interpret(mixture)(*arguments(n), 0.5), 1e-13)


def off_the_end(x, w, last):
    total = 0.0
    for i in range(len(x)):
        s = 0.0
        for j in range(last):
            s += math.exp(x[i, j]) * w[j]
        total += s
    return total


@pytest.mark.parametrize("last", [4, 5, 9, 0, -1])
def test_an_index_out_of_bounds_fails_as_trip_by_trip(last):
    x, w, _ = arguments(20)
    assert IN_LANES in shown(off_the_end, x, w, last)
    if last <= 4:
        alike(off_the_end, x, w, last)
        return
    with pytest.raises(IndexError) as want:
        interpret(off_the_end)(x, w, last)
    with pytest.raises(IndexError) as got:
        irad.compile(off_the_end)(x, w, last)
    assert str(got.value) == str(want.value)


def carries(x, w, t, k):
    """An array that a trip reads as the trip before left it."""
    y, total = np.zeros(4), 0.0
    for i in range(len(x)):
        for j in range(4):
            y[j] = math.sin(y[j]) + x[i, j]
        for j in range(4):
            total += y[j] * w[j]
    return total


def flags(x, w, t, k):
    """Arrays of truth values of each trip's own."""
    total = k
    for i in range(len(x)):
        above, s = np.zeros(4, dtype=bool), 0.0
        for j in range(4):
            above[j] = math.exp(x[i, j]) > 1.0 + 0.1 * w[j]
        for j in range(4):
            for c in range(j, 4):
                s += math.exp(x[i, j] * x[i, c] if above[c] else x[i, j])
        total += s
    return total


def both_ways(x, w, t, k):
    """Two loops that are given the same array, which only one of them may write to."""
    total = k
    for i in range(len(x)):
        y = np.zeros(4)
        for j in range(4):
            y[j] = math.exp(x[i, j])
        z = y + 0.0
        z = y
        y = y * 1.0
        for j in range(4):
            y[j] += z[3 - j] * w[j]
        for j in range(4):
            total += y[j] * z[j]
    return total


def reads_sums(x, w, t, k):
    total = np.zeros(4)
    for i in range(len(x)):
        for j in range(4):
            total[j] += math.exp(x[i, j]) * total[3 - j] * 0.01 + w[j]
    return total


def goes_other_ways(x, w, t, k):
    """Trips of the inner loop that differ from point to point."""
    total = 0.0
    for i in range(len(x)):
        n, s = 0, 1.0
        while n < 4 and s > 0.1:
            s = s * 0.5 * math.exp(x[i, n])
            n += 1
        for j in range(n):
            total += x[i, j] * w[j] + s
    return total


@pytest.mark.parametrize("f", [carries, flags, both_ways, reads_sums, goes_other_ways], ids=lambda f: f.__name__)
def test_other_loops(f):
    for n in TRIPS:
        alike(f, *arguments(n), 0.5)


def each_its_own(x, w, t, k):
    """Nothing is shared: threads may take parts."""
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        y, s = np.zeros(4), 0.0
        for j in range(4):
            y[j] = math.exp(x[i, j] * k)
        for j in range(4):
            for c in range(j, 4):
                s += y[j] * y[c] * t[1, c]
        out[i, 0] = s
        out[i, 1] = y[2]
    return out


def test_parts_on_threads(monkeypatch):
    monkeypatch.setattr(parts, "PART_COST", 1)
    args = (*arguments(1_003), 0.5)
    assert "in 63 parts" in shown(each_its_own, *args)
    want = irad.compile(each_its_own, threads=1)(*args)
    agree(want[:50], interpret(each_its_own)(args[0][:50], *args[1:]), 1e-13)
    agree(want[-50:], interpret(each_its_own)(args[0][-50:], *args[1:]), 1e-13)
    for threads in (2, 3):
        np.testing.assert_array_equal(irad.compile(each_its_own, threads=threads)(*args), want)


def scored(logs, means, rows, x):
    """A mixture of Gaussians, its arrays made once and written over in each trip."""
    total, inner, y = 0.0, np.zeros(5), np.zeros(10)
    for i in range(len(x)):
        m = -1e300
        for k in range(5):
            place, size = 0, 0.0
            for j in range(10):
                y[j] = x[i, j] - means[k, j]
            for c in range(10):
                d = x[i, c] - means[k, c]
                for r in range(c + 1, 10):
                    y[r] += rows[k, place] * d
                    place += 1
            for j in range(10):
                size += y[j] * y[j]
            inner[k] = logs[k] - 0.5 * size
            m = max(m, inner[k])
        s = 0.0
        for k in range(5):
            s += np.exp(inner[k] - m)
        total += np.log(s) + m
    return total


def test_the_gradient_of_a_loop_over_points():
    """One loop does what a point needs forwards and backwards, in lanes, without a stack for all points."""
    rng = np.random.default_rng(3)
    args = [rng.normal(size=s, scale=0.5) for s in ((5,), (5, 10), (5, 45), (40, 10))]
    g = irad.grad(scored, argnums=(0, 1, 2, 3))
    alike(g, *args, rtol=1e-10)
    lowered = shown(g, *args)
    (loop,) = [line for line in lowered.splitlines() if "for_loop(40," in line]
    assert IN_LANES in loop
    assert "push(" not in lowered
    for argnum in range(4):
        v = rng.normal(size=args[argnum].shape)
        ends = [scored(*(a + s * v if k == argnum else a for k, a in enumerate(args))) for s in (1e-6, -1e-6)]
        slope = np.sum(irad.grad(scored, argnum)(*args) * v)
        assert math.isclose(slope, (ends[0] - ends[1]) / 2e-6, rel_tol=1e-6, abs_tol=1e-6)


def test_a_loop_inside_may_carry_nothing():
    """It only checks."""

    def f(x, at):
        out = np.zeros(len(x))
        for k in range(len(x)):
            for i in range(17):
                if at[i] >= 5:
                    raise IndexError("there is no such place")
            for i in range(17):
                out[k] += np.sin(x[k] * at[i])
        return out

    at = np.arange(17) % 5
    alike(f, np.linspace(0.0, 1.0, 64), at)
    with pytest.raises(IndexError, match="no such place"):
        irad.compile(f)(np.ones(64), at + 1)
