"""Programs by seed: draw a text, run it instrumented, and draw again where it is not well-defined at its arguments.

    program = generate(17)
    print(program.source); load(program.source)(*program.args)

Draws depend on the seed alone.
"""

from __future__ import annotations

import ast
import math
import random
from typing import Any

import numpy as np

from tests.generator import duals
from tests.generator.array_patterns import ArrayPatterns
from tests.generator.intervals import Interval
from tests.generator.kinds import kinds
from tests.generator.program import Program, Rejected, instrumented
from tests.generator.scope import FLOAT, INT, Array, Record, Scope
from tests.generator.statements import FORMS, Lines, indent

__all__ = ["Draw", "check", "generate"]

MARGIN = 1e-6  # no decision is taken closer than this to its border
STEEPEST = 1e7  # programs with greater derivatives are not drawn: rounding would drown them
ATTEMPTS = 60


class Draw(ArrayPatterns):
    """One attempt at a program."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.exact = self.chance(0.15)
        self.array_floats = self.array_productions if self.chance(0.6) else []
        self.tags: set[str] = set()
        self.imports: set[str] = {"math"}
        self.records: list[Record] = []
        self.helpers: dict[str, list[str]] = {}
        self.fuel = 600
        self.room = self.weighted([(4, rng.randint(3, 7)), (4, rng.randint(8, 16)), (2, rng.randint(17, 30))])
        forms = [n for n in sorted(FORMS) if self.array_floats or not FORMS[n].arrays]
        self.focus = set(rng.choices(forms, [FORMS[n].focus for n in forms], k=rng.randint(1, 4)))

    def program(self) -> tuple[str, list[str | Array]]:
        """(text, types of the entry's parameters)."""
        module = Scope(None, 0, pure=True)
        module.used |= {"math", "irad", "np", "program", "functools", "dataclasses", "NamedTuple", "soft", "square"}
        top: Lines = []
        for _ in range(self.weighted([(5, 0), (4, 1), (2, 2)])):
            if self.chance(0.3):
                name = f"{self.pick(['GAIN', 'RATE', 'BASE'])}{len(module.used)}"
                v = self.number(-1.5, 1.5)
                module.bind(name, "float", Interval(v, v), fixed=True)
                top.append(f"{name} = {v!r}")
            else:
                lines, _ = self.define(module, size=self.pick([0, 1, 2, 3]))
                top += [*lines, ""]
        sc = Scope(module, 1, returns=Interval(-50, 50))
        types = self.parameters(sc)
        header = ", ".join(sc.vars)
        size = self.room
        body: Lines = []
        if self.chance(0.05):
            body = ["import math"]
        chosen = [FORMS[n] for n in sorted(self.focus)]
        self.rng.shuffle(chosen)
        while size > 0 or chosen:
            if chosen and (self.chance(0.5) or size <= 0):
                f = chosen.pop()
                lines = f.draw(self, sc)
                if lines:
                    body += lines
                    size -= f.size
                    self.room -= f.size
                continue
            lines, used = self.statement(sc, min(size, 6))
            body += lines
            size -= used
        body += self.return_(sc)
        text = "\n".join([*self.heading([*top, *body]), *top, f"def program({header}):", *indent(body)])
        return ast.unparse(ast.parse(text)) + "\n", types

    def parameters(self, sc: Scope) -> list[str | Array]:
        """Bind the entry's parameters; their types."""
        types: list[str | Array] = self.weighted(
            [
                (3, ["float"]),
                (4, ["float", "int"]),
                (4, ["float", "float", "int"]),
                (2, ["float", "float"]),
                (1, ["float", "float", "float", "int"]),
                (1, ["int", "float"]),
                (1, ["float", "int", "int"]),
            ]
        )
        floats, ints = iter(["x", "y", "z"]), iter(["n", "m"])
        for t in types:
            name = next(floats if t == "float" else ints)
            kept = t == "float" and self.chance(0.5)
            sc.bind(
                name,
                t,
                FLOAT if t == "float" else Interval(0, 6),
                FLOAT if t == "float" else INT,
                fixed=t == "int" or kept,
                real=kept,
            )
        if self.array_floats and self.chance(0.4):
            self.tags.add("array argument of the program")
            shape = self.pick([(2,), (3,), (3,), (2, 2)])
            sc.bind("arr", Array(shape), FLOAT, fixed=self.chance(0.5))
            types = [*types, Array(shape)]
        return types

    def heading(self, body: Lines) -> Lines:
        """Imports, classes and helpers that the text needs."""
        lines = [
            f"import {m}" for m in sorted(self.imports | ({"dataclasses"} if any(r.mutable for r in self.records) else set()))
        ]
        if any("np." in line for line in [*body, *(line for h in self.helpers.values() for line in h)]):
            lines.append("import numpy as np")
        if any(not r.mutable for r in self.records):
            lines.append("from typing import NamedTuple")
        for r in self.records:
            lines += ["@dataclasses.dataclass", f"class {r.name}:"] if r.mutable else [f"class {r.name}(NamedTuple):"]
            lines += indent(r.body())
        for name, helper in self.helpers.items():
            if any(f"{name}(" in line for line in body):
                lines += helper
        return lines


def generate(seed: int) -> Program:
    """The program of a seed."""
    for attempt in range(ATTEMPTS):
        rng = random.Random(seed * 1000 + attempt)
        draw = Draw(rng)
        source, types = draw.program()
        args = tuple(argument(rng, t) for t in types)
        try:
            seen = check(Program(seed, source, args), flat=None if rng.random() < 0.1 else False)
        except Rejected as e:
            REJECTED[str(e)] = REJECTED.get(str(e), 0) + 1
            continue
        return Program(seed, source, args, frozenset(seen | draw.tags))
    raise AssertionError(f"no program for seed {seed} in {ATTEMPTS} attempts")


def argument(rng: random.Random, type: str | Array) -> Any:
    """An argument of the entry."""
    if isinstance(type, Array):
        return np.array([round(rng.uniform(-2, 2), 3) for _ in range(math.prod(type.shape))]).reshape(type.shape)
    return rng.randint(1, 5) if type == "int" else round(rng.uniform(-2, 2), 3) or 0.5


REJECTED: dict[str, int] = {}


def check(program: Program, flat: bool | None = False) -> set[str]:
    """What the program's run went through. Raises Rejected where it is not well-defined, or decides too closely.

    flat: whether a derivative may be zero; None: all but one.
    """
    try:
        run, counters = instrumented(program.source)
    except Exception as e:
        raise Rejected(f"{type(e).__name__} in the module") from e
    slopes: list[float] = []
    with duals.tracing() as trace:
        for i in program.floats:
            try:
                value, slope = duals.gradient(run, program.args, i)
            except Rejected:
                raise
            except RecursionError:
                raise Rejected("recursion") from None
            except Exception as e:
                raise Rejected(type(e).__name__) from e
            slope = 0.0 if slope is None else slope  # Python gives an int where irad gives the equal float
            found = [0.0 if v is None else abs(v) for v in duals.leaves(slope)]
            if not duals.is_real(value) and not isinstance(value, int):
                raise Rejected("not a number")
            if not math.isfinite(value) or not all(v <= STEEPEST for v in found):
                raise Rejected("not finite")
            slopes.append(sorted(found)[(len(found) - 1) // 2])  # of an array: most elements matter
    if trace.margin < MARGIN:
        raise Rejected("close decision")
    if not flat and not (all(slopes) if flat is False else any(slopes)):
        raise Rejected("no gradient")
    return counters.kinds | trace.operations | ({"array reduction"} & kinds(program.source))
