"""Loops over large arrays in strips, and arrays in pieces: the same as without, on programs with steps drawn at random."""

import linecache
import zlib

import numpy as np
import pytest

import irad
from irad.optimize import margins, pieces, strips

N = 211
PROGRAMS = 48


class Draw:
    """A loop over arrays of N numbers (rows, for two axes), as a function and as text."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.states = ["u", "v"][: self.rng.integers(1, 3)]
        self.trips = int(self.rng.integers(4, 10))
        self.stencil = self.rng.random() < 0.7
        self.shape = (N, 3) if self.rng.random() < 0.25 else (N,)

    def pick(self, *several):
        return several[self.rng.integers(len(several))]

    def number(self):
        return self.pick("0.1", "0.7", "1.3", "0.05 * i", "np.cos(0.3 * i)", "c")

    def term(self, rows, depth):
        """An expression of an array: `rows` are those that it has, (first, count from the end)."""
        if depth == 0 or self.rng.random() < 0.2:
            return f"{self.pick(*self.states, 'w')}{self.block(rows)}"
        a = self.term(rows, depth - 1)
        kind = self.pick("add", "mul", "sin", "tanh", "where", "scale", "scale", "div")
        if kind in ("sin", "tanh"):
            return f"np.{kind}({a})"
        if kind == "scale":
            return f"{self.number()} * {a}"
        b = self.term(rows, depth - 1)
        if kind == "where":
            return f"np.where({a} > 0.2, {b}, 0.5 * {a})"
        return {"add": f"({a} + {b})", "mul": f"{a} * {b}", "div": f"{a} / (2.0 + {b} * {b})"}[kind]

    def block(self, rows):
        """What selects as many rows as there are in `rows`, from a place near it."""
        first, behind = rows
        if first + behind == 0:
            return ""
        start = int(self.rng.integers(0, first + behind + 1))
        return f"[{start}:{start - first - behind or ''}]"

    def step(self, x):
        rows = tuple(map(int, self.rng.integers(0, 3, 2))) if self.stencil else (0, 0)
        value = self.term(rows, int(self.rng.integers(1, 4)))
        place = f"[{rows[0]}:{-rows[1] or ''}]"
        kind = self.pick("in place", "copy", "add") if sum(rows) else self.pick("new", "in place")
        if kind == "new":
            return [f"{x} = {value}"]
        if kind == "copy":
            return ["t = " + x + ".copy()", f"t{place} = {value}", f"{x} = t"]
        return [f"{x}{place} {'+' if kind == 'add' else ''}= 0.3 * ({value})"]

    def end(self, x):
        """What is done at an end of an array."""
        k, m = map(int, self.rng.integers(0, 3, 2))
        y = self.pick(*self.states)
        one = [
            f"{x}[{k}] = {y}[{m}] * c",
            f"{x}[-{k + 1}] = 0.5 * {x}[-{m + 1}] + {self.number()}",
            f"{x}[{k}] += 0.1 * {y}[{m}]",
        ]
        two = f"{x}[:{k + 1}] = 0.5 * {y}[{m}:{m + k + 1}]", f"{x}[-{k + 2}:] = {self.number()}"
        joined = f"{x}[:] = np.concatenate(({y}[:1], 0.5 * ({x}[1:] + {x}[:-1])))", f"{x}[:] = np.append(np.diff({x}), {y}[-1])"
        return [self.pick(*([*one, *joined] if self.shape == (N,) else []), *two)]

    def text(self):
        lines = ["def f(x, w, c):", *(f"    {s} = {self.pick('x.copy()', '1.0 * x', 'np.sin(x)')}" for s in self.states)]
        lines.append(f"    for i in range({self.trips}):")
        for s in self.states:
            ends = self.end(s) if self.stencil and self.rng.random() < 0.6 else []
            lines += [f"        {line}" for line in (*self.step(s), *ends)]
        lines.append(f"    return np.sum({' * '.join(self.states)} * x)")
        return "\n".join(lines)


def function(text):
    """The function of a text, which has a file of its own for messages and for irad to read."""
    name = f"<strips {zlib.crc32(text.encode())}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    names = {"np": np}
    exec(compile(text, name, "exec"), names)
    return names["f"]


def outcomes(text, args, **options):
    """The value and the gradients in the arrays."""
    value, grads = irad.compile(irad.value_and_grad(function(text), argnums=(0, 1)), **options)(*args)
    return [np.asarray(value), *map(np.asarray, grads)]


@pytest.fixture
def short(monkeypatch):
    """Strips of small arrays."""
    monkeypatch.setattr(strips, "FAR", 0)
    monkeypatch.setattr(strips, "SHORT", 16)
    monkeypatch.setattr(strips, "MARGINS", 0.8)
    monkeypatch.setattr(margins, "TRIPS", 2)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_strips(short, monkeypatch, seed):
    draw = Draw(seed)
    text = draw.text()
    rng = np.random.default_rng(seed)
    args = rng.uniform(-1, 1, draw.shape), rng.uniform(-1, 1, draw.shape), 0.3
    monkeypatch.setattr(strips, "LONG", 64 + seed % 40)
    got = outcomes(text, args)
    monkeypatch.setattr(strips, "FAR", 1 << 60)
    whole = outcomes(text, args)
    reference = outcomes(text, args, backend="interpreter")
    monkeypatch.setattr(pieces, "LEAST", 1 << 60)
    in_place = outcomes(text, args)
    assert np.isclose(got[0], function(text)(*args), rtol=1e-12, atol=1e-12), text
    for a, b, c, d in zip(got, whole, in_place, reference, strict=True):
        np.testing.assert_allclose(
            a, b, rtol=1e-13, atol=1e-14, err_msg=text
        )  # adjoints contract multiplications and additions
        np.testing.assert_allclose(b, c, rtol=1e-12, atol=1e-12, err_msg=text)
        np.testing.assert_allclose(c, d, rtol=1e-11, atol=1e-12, err_msg=text)


@pytest.mark.parametrize("seed", range(0, PROGRAMS, 3))
def test_strips_of_any_size(short, monkeypatch, seed):
    """Sizes that are known at run time only: long and short arrays."""
    draw = Draw(seed)
    text = draw.text()
    monkeypatch.setattr(strips, "LONG", 48)
    rng = np.random.default_rng(seed)
    compiled = irad.compile(irad.value_and_grad(function(text), argnums=(0, 1)))
    for n in (9, 13, 95, 96, 97, N):
        shape = (n, *draw.shape[1:])
        args = rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape), 0.3
        value, grads = compiled(*args)
        reference = outcomes(text, args, backend="interpreter")
        for got, want in zip((value, *grads), reference, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12, err_msg=f"{n}: {text}")


def test_values_have_the_same_bits(short, monkeypatch):
    """What a loop makes of each element does not depend on where a strip begins."""

    def f(x):
        for i in range(7):
            x = x + 0.1 * np.sqrt(np.abs(x)) * x / (1.0 + i)
            x[2:-1] = x[2:-1] + 0.2 * (x[3:] - 2.0 * x[2:-1] + x[1:-2])
        return x

    monkeypatch.setattr(strips, "LONG", 60)
    x = np.random.default_rng(3).uniform(-1, 1, N)
    np.testing.assert_array_equal(irad.compile(f)(x), f(x.copy()))


def stepped(x):
    for _ in range(5):
        x = x + 0.1 * x * (1.0 - x)
    return x


def test_what_runs_in_strips(monkeypatch):
    """Large arrays, and steps that read elements nearby; nothing whose elements wait for all others."""

    def mean(x):
        for _ in range(5):
            x = x - 0.1 * np.mean(x)
        return x

    def far(x):
        for _ in range(5):
            x = x + 0.1 * x[::-1]
        return x

    def moving(x):
        for i in range(5):
            x[i] = 2.0 * x[i + 1]
        return x

    def until(x):
        while x[0] < 3.0:
            x = x + 0.1 * np.sin(x)
        return x

    def once(x):
        for _ in range(2):
            x = x + 0.1 * np.sin(x)
        return x

    def few(x):
        for _ in range(100):
            x[0] = 0.5 * x[0] + 0.1 * x[1]
        return x

    def inner(x):
        for _ in range(5):
            s = 0.0
            for i in range(1000):
                s = s + np.sin(0.1 * i + s)
            x = x + s * x
        return x

    def by_data(x):
        for _ in range(5):
            for j in range(7 if x[0] > 0.5 else 4):
                x += 0.01 * j * x
            x[0] = 0.9 * x[1]
        return x

    large = np.linspace(0.1, 1.0, 300_000)

    def in_strips(f, x):
        return "@strip" in str(irad.ir(f, x, stage="lowered"))

    assert in_strips(stepped, large)
    assert not in_strips(stepped, large[:1000])  # they fit the cache as they are
    assert not any(in_strips(f, large) for f in (mean, far, moving, until, once, few, inner))
    np.testing.assert_array_equal(irad.compile(by_data)(large.copy()), by_data(large.copy()))
    gradient = irad.ir(irad.grad(lambda x: np.sum(stepped(x))), large[:130_000].copy(), stage="lowered")
    assert str(gradient).count("for_loop") == 3  # one over strips, in it the loop and its reverse


def test_threads_share_strips(short, monkeypatch):
    monkeypatch.setattr(strips, "FAR", 4 << 20)
    x = np.linspace(0.1, 1.0, 400_000)
    g = irad.grad(lambda x: np.sum(stepped(x) ** 2))
    one, two = (irad.compile(g, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one(x), two(x))
