"""A program of a seed: arguments, statements, what is returned."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tests.generator.arrays.drawing import E, Failed, Lines, indent, root
from tests.generator.arrays.statements import Statements
from tests.generator.program import ENTRY, Program

__all__ = ["RAISES", "TAGS", "WRITES", "generate"]

RAISES, WRITES = "raises", "writes its arguments"  # tags of programs that do
TAGS = tuple(
    t.strip()
    for t in f"""
    alias written | array argument written | array changed in place | array of run-time size | arrays change places
    arrays in a container | branch
    closure over an array | computed index | dtypes mixed | ellipsis | fancy index | helper makes an array of run-time size
    item of a container bound again | loop | loop over rows | mask | name bound again | newaxis | overlapping write | recurrence
    row written | slice of run-time length | view written | while loop | written element by = | written element in place
    written part by = | written part in place | {RAISES} | {WRITES}
    """.replace("\n", "|").split("|")
    if t.strip()
)
ATTEMPTS = 40
SHAPES: list[tuple[float, tuple[int, ...]]] = [
    (6, (3,)),
    (5, (4,)),
    (3, (2,)),
    (2, (5,)),
    (4, (2, 3)),
    (3, (3, 3)),
    (2, (3, 2)),
    (1, (1, 3)),
    (1, (4, 1)),
    (1.5, (2, 2, 3)),
    (0.7, ()),
    (0.4, (0,)),
    (0.2, (2, 0)),
]
DTYPES = [(9.0, "float64"), (1.3, "float32"), (1.2, "int64"), (0.5, "int32"), (0.5, "bool")]


class Draw(Statements):
    """One attempt at a program."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.env, self.ours, self.tags, self.helpers = {"np": np}, set(), set(), {}
        self.given: set[int] = set()
        self.count = self.loops = 0
        self.fuel = 14
        self.room = rng.randint(3, 12)
        self.writes_arguments = self.chance(0.1)
        if self.writes_arguments:
            self.tags.add(WRITES)

    def arguments(self) -> list[Any]:
        """One to three arrays, and often an int."""
        out: list[Any] = []
        for i in range(self.rng.randint(1, 3)):
            dtype = "float64" if i == 0 and self.chance(0.7) else self.weighted(DTYPES)
            shape = self.weighted(SHAPES[:9] if i == 0 else SHAPES)
            if i and self.chance(0.4):
                shape = np.shape(out[0])
            if i == 0 and dtype not in ("float64", "float32"):
                dtype = self.pick(["float64", "float32"])
            size = int(np.prod(shape))
            values = [self.rng.uniform(-2, 2) if "f" in dtype else self.rng.randrange(-3, 6) for _ in range(size)]
            items = np.round(np.array(values, float), 3).reshape(shape)
            out.append((items > 1).astype(bool) if dtype == "bool" else items.astype(dtype))
        if self.chance(0.5):
            out.append(self.rng.randint(1, 4))
        return out

    def program(self, args: list[Any]) -> str:
        """The text for these arguments."""
        names = ["n" if isinstance(a, int) else f"x{i}" for i, a in enumerate(args)]
        for name, a in zip(names, args, strict=True):
            self.env[name] = a.copy() if isinstance(a, np.ndarray) else a
            self.ours.add(name)
            if isinstance(a, np.ndarray):
                self.given.add(id(root(self.env[name])))
        body = self.own() if not self.writes_arguments else []
        while self.room > 0:
            before = self.room
            body += self.statement()
            self.room = min(self.room, before - 1)
        first, lines = self.fault() if self.chance(0.08) else ("", [])
        body += [*lines, f"return {f'({first}, {self.result()})' if first else self.result()}"]
        top = [line for lines in self.helpers.values() for line in [*lines, ""]]
        text: Lines = [*(["import dataclasses"] if "Pair" in self.helpers else []), "import numpy as np", *top]
        return "\n".join([*text, f"def {ENTRY}({', '.join(names)}):", *indent(body)]) + "\n"

    def fault(self) -> tuple[str, Lines]:
        """An element or row outside an array, which only the run shows: what must be read, and lines."""
        found = [e for e in self.variables("f") if e.value.ndim]
        names = self.ints()
        if not found or not names:
            return "", []
        x, k = self.pick(found), self.pick(names)
        n, v = x.shape[0], self.env[k]
        i = self.pick([f"{k} + {max(n - v, 0)}", f"-{k} - {max(n + 1 - v, 0)}", f"{k} * 0 + {n}"])
        self.tags.add(RAISES)
        if self.chance(0.4) and x.value.flags.writeable and id(root(x.value)) not in self.given:
            return x.text, [self.pick([f"{x.text}[{i}] = 0.5", f"{x.text}[{i}] += 0.5", f"{x.text}[[0, {i}]] = 0.5"])]
        return "bad", [self.pick([f"bad = {x.text}[{i}] * 2.0", f"bad = {x.text}[[0, {i}]]", f"bad = {x.text}[{i}:][0]"])]

    def result(self) -> str:
        """A tuple of some variables, or one of them; what was made last is among them."""
        found = [e for e in self.variables() if e.text.isidentifier() and not (e.kind != "f" and self.chance(0.4))]
        made = sorted(found, key=lambda e: int("".join(c for c in e.text if c.isdigit()) or 0))
        last = made[-3:] + ([self.pick(made)] if made else [])
        floats = [e for e in last if e.kind == "f"] or self.variables("f")[:1] or [E("np.ones(1)", np.ones(1))]
        texts = list(dict.fromkeys(e.text for e in [*last, *floats[:1]]))
        held = [n for n in sorted(self.ours) if isinstance(self.env.get(n), (dict, tuple, list)) and self.chance(0.5)]
        texts += held[:1]
        if len(texts) == 1 or self.chance(0.15):
            return floats[0].text
        return f"({', '.join(texts)})"


def generate(seed: int) -> Program:
    """The program of a seed."""
    from tests.generator.arrays.reference import unsuitable

    for attempt in range(ATTEMPTS):
        rng = random.Random(seed * 1000 + attempt)
        draw = Draw(rng)
        args = draw.arguments()
        try:
            source = draw.program(args)
        except Failed:
            continue
        program = Program(seed, source, tuple(args), frozenset(draw.tags))
        if not unsuitable(program):
            return program
    raise AssertionError(f"no program for seed {seed} in {ATTEMPTS} attempts")
