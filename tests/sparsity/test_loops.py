"""Patterns of generated loops, which read and write arrays at places that integers, counters and other arrays give: no number
that changes with an argument is missing, and where trips are followed exactly none is there in vain too often."""

from random import Random

import numpy as np
import pytest

import irad
from tests.generator.program import loaded

N = 6
STEP = 1e-7


class Draw:
    """The text of a function of x, an array [N], and the places p and q."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.depth = 0
        self.indices = ["2"]

    def index(self):
        i = self.rng.choice(self.indices)
        return self.rng.choice((i, i, i, f"{i} - 1", f"({i} + 1) % {N}", f"{N - 1} - {i}", f"p[{i}]", f"q[p[{i}]]", f"k % {N}"))

    def value(self):
        x, y = (f"{self.rng.choice('xxyz')}[{self.index()}]" for _ in range(2))
        return self.rng.choice(
            (x, f"{x} * {y}", f"np.sin({x})", f"0.5 * s + {x}", f"t - {x}", "t * 0.5", "0.25", f"{x} * {y} * 0.5 + t")
        )

    def statement(self):
        a, kind = self.rng.choice("yz"), self.rng.random()
        if kind < 0.3:
            return [f"{a}[{self.index()}] = {self.value()}"]
        if kind < 0.5:
            return [f"{a}[{self.index()}] += {self.value()}"]
        if kind < 0.65:
            return [self.rng.choice((f"s = s * 0.5 + {self.value()}", f"s += {self.value()}", f"s = {self.value()}"))]
        if kind < 0.75:
            return [f"t = {self.value()}"]
        if kind < 0.8:
            return [self.rng.choice(("k += 1", f"k = p[{self.index()}]", "k = k + 2 if k < 9 else 0"))]
        if kind < 0.84:
            return [
                self.rng.choice((f"{a}[1:4] = x[2:5] * s", f"{a}[2:5] += y[1:4]", f"{a} = {a} * 0.5", "s = s + np.sum(z[:3])"))
            ]
        if kind < 0.93 and self.depth < 3:
            test = self.rng.choice((f"p[{self.index()}] > 2", "k % 2 == 0", f"x[{self.index()}] > 0.9", "s < 1.0"))
            return [f"if {test}:", *self.block(), "else:", *self.block()]
        return self.loop() if self.depth < 2 else ["t = 0.5 * t"]

    def block(self):
        self.depth += 1
        lines = [line for _ in range(self.rng.randint(1, 2)) for line in self.statement()]
        self.depth -= 1
        return [f"    {line}" for line in lines]

    def loop(self):
        i = f"i{len(self.indices)}"
        inner = [f"range({v})" for v in self.indices[1:]]
        trips = self.rng.choice((f"range({N})", f"range({N})", f"range(1, {N})", "range(3)", f"range({N - 1}, -1, -1)", *inner))
        self.indices.append(i)
        self.depth += 1
        lines = [line for _ in range(self.rng.randint(1, 3)) for line in self.statement()]
        self.depth -= 1
        self.indices.pop()
        return [f"for {i} in {trips}:", *[f"    {line}" for line in lines]]

    def function(self):
        start = self.rng.choice(("x.copy()", "np.zeros(6)", "x * x"))
        lines = [f"y = {start}", "z = np.zeros(6)", "s, t, k = 0.5, 1.0, 0", *self.loop(), *self.loop()]
        return "\n".join(
            ["import numpy as np", "def f(x, p, q):", *[f"    {line}" for line in lines], "    return y, z, s + 0.0 * x[0]", ""]
        )


def changed(f, x, p, q):
    """Which numbers of the results change with which of x."""

    def flat(v):
        y, z, s = f(v, p, q)
        return np.concatenate([y, z, [s]])

    base, out = flat(x), np.zeros((2 * N + 1, N), bool)
    for j in range(N):
        moved = x.copy()
        moved[j] += STEP
        difference = np.abs(flat(moved) - base)
        out[:, j] = (difference > 1e-13) & (difference < 1e-3)  # no jumps
    return out


@pytest.mark.parametrize("part", range(2))
def test_no_number_is_missing(part):
    entries = needed = 0
    for seed in range(40 * part, 40 * part + 40):
        text = Draw(seed).function()
        f = loaded(text, f"loops {seed}")["f"]
        rng = np.random.default_rng(seed)
        p, q = rng.integers(0, N, N), rng.permutation(N)
        J = irad.jacobian(f, order="forward", sparse=True)
        pattern = np.concatenate([m.toarray() for m in J.pattern(np.ones(N), p, q)])
        want = np.zeros_like(pattern)
        for _ in range(4):
            want |= changed(f, rng.uniform(0.3, 1.5, N), p, q)
        assert not (want & ~pattern).any(), f"{np.argwhere(want & ~pattern).tolist()} in {seed}:\n{text}"
        entries, needed = entries + pattern.sum(), needed + want.sum()
    assert entries < 2 * needed
