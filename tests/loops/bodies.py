"""Loops with few numbers for a state and straight-line code inside, drawn at random: what Jacobians of trips are made of.

    source, args = generate(17)      # def program(x, y, a, w, n): ...

Values stay in a narrow range, so that derivatives are neither tiny nor large. Some bodies have a branch, a choice, an inner
loop, or read an array; some loops are `while` loops, or end early.
"""

from __future__ import annotations

import random
from typing import Any

__all__ = ["generate"]

UNARY = (
    "math.sin({0})",
    "math.cos({0})",
    "math.exp(-{0} * {0})",
    "math.tanh({0})",
    "math.sqrt(1.0 + {0} * {0})",
    "math.log(2.0 + {0} * {0})",
    "1.0 / (1.5 + {0} * {0})",
    "-{0}",
    "abs({0})",
    "max({0}, 0.1)",
)
BINARY = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} * {1}", "{0} / (2.0 + {1} * {1})", "math.atan2({0}, 1.0 + {1} * {1})")


class _Body:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.states = ["x", "y", "z"][: self.rng.choice([1, 2, 2, 2, 3])]
        self.names = [*self.states, "a", *(["w[i % 4]"] if self.rng.random() < 0.5 else [])]
        self.lines: list[str] = []

    def term(self) -> str:
        rng = self.rng
        if rng.random() < 0.15:
            return str(round(rng.uniform(-1.5, 1.5), 2))
        return rng.choice(self.names)

    def expression(self) -> str:
        rng = self.rng
        if rng.random() < 0.4:
            return rng.choice(UNARY).format(self.term())
        return rng.choice(BINARY).format(self.term(), self.term())

    def statement(self, k: int) -> None:
        rng, name, kind = self.rng, f"t{k}", self.rng.random()
        if kind < 0.06:
            self.lines += [f"if {self.term()} > 0.2:", f"    {name} = {self.expression()}"]
            self.lines += ["else:", f"    {name} = {self.expression()}"]
        elif kind < 0.12:
            self.lines += [
                f"{name} = {self.term()}",
                "for k in range(3):",
                f"    {name} = 0.7 * {name} + 0.2 * {self.expression()}",
            ]
        else:
            self.lines.append(f"{name} = {self.expression()}")
        if rng.random() < 0.3:  # kept in range
            self.lines.append(f"{name} = 0.8 * math.tanh({name})")
        self.names.append(name)

    def program(self) -> str:
        rng = self.rng
        for k in range(rng.randrange(2, 13)):
            self.statement(k)
        late = self.names[-3:]
        for s in self.states:
            other = rng.choice(late)
            self.lines.append(
                f"{s} = {rng.choice(['0.5', '0.9', '1.0'])} * {s} + 0.1 * math.tanh({other} * {rng.choice(self.names)})"
            )
        ends = rng.random()
        if ends < 0.15:
            self.lines += ["if abs(x) > 1.9:", "    break"]
        if ends > 0.8:
            self.lines.append("s = s + x * x")
        head, tail = ("for i in range(n):", []) if ends < 0.65 or ends > 0.8 else ("while i < n:", ["i = i + 1"])
        inside = [f"        {line}" for line in (*self.lines, *tail)]
        before = ["    s = 0.0", *(["    i = 0"] if tail else [])]
        result = " + ".join([*(f"{c} * {s}" for c, s in zip((1.0, 0.7, -0.4), self.states, strict=False)), "s"])
        head = f"def program({', '.join(self.states)}, a, w, n):"
        loop = "    for i in range(n):" if not tail else "    while i < n:"
        return "\n".join(["import math", "", "", head, *before, loop, *inside, f"    return {result}", ""])


def generate(seed: int) -> tuple[str, tuple[Any, ...]]:
    """The text of a program and its arguments: numbers, an array of 4 and a number of trips."""
    import numpy as np

    body = _Body(seed)
    source = body.program()
    rng = body.rng
    numbers = [round(rng.uniform(-1.2, 1.2), 3) for _ in (*body.states, "a")]
    return source, (*numbers, np.array([round(rng.uniform(-1, 1), 3) for _ in range(4)]), rng.choice([1, 2, 7, 20]))
