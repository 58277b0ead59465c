"""Statements: each method draws one form as lines of text, or gives None where it does not apply.

`block` picks forms by weight; a program's focus raises the weights of a few, so that small programs are about something.
What is drawn inside loops and branches keeps each variable within its bound, whatever the number of trips.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.generator.array_expressions import ArrayExpressions
from tests.generator.drawing import FLOAT_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, Record, Scope, State, Var

__all__ = ["FORMS", "Form", "Lines", "Statements", "form", "indent"]

Lines = list[str]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of statement: how often it is drawn, how often a program is about it, and the method that draws it."""

    name: str
    weight: float
    draw: Callable[..., Lines | None]
    size: int
    focus: float
    arrays: bool


FORMS: dict[str, Form] = {}


def form(weight: float, size: int = 1, focus: float = 1.0, arrays: bool = False) -> Callable[[Any], Any]:
    """Enter a method in the table of forms. size: about how many statements it makes; arrays: it is about arrays."""

    def enter(f: Any) -> Any:
        FORMS[f.__name__] = Form(f.__name__, weight, f, size, focus, arrays)
        return f

    return enter


def indent(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


class Statements(ArrayExpressions):
    """What all statements share. The forms are in `assignments`, `control`, `containers`, `functions`, `patterns`, and for
    arrays in `array_statements` and `array_patterns`."""

    focus: set[str]
    room: int  # statements that may still be drawn
    records: list[Record]

    # -- blocks --------------------------------------------------------------------------------------------------------

    def block(self, sc: Scope, size: int) -> Lines:
        """About `size` statements; at least one."""
        lines: Lines = []
        while size > 0:
            drawn, used = self.statement(sc, size)
            lines += drawn
            size -= used
        return lines or ["pass"]

    def statement(self, sc: Scope, size: int) -> tuple[Lines, int]:
        """One statement that fits, and its size."""
        for _ in range(8):
            options = [
                (f.weight * (7 if f.name in self.focus else 1) * (1.4 if f.arrays else 1) * (1 if f.size <= size else 0.5), f)
                for f in FORMS.values()
                if (not f.arrays or self.array_floats) and f.size <= size + 2 and (self.room > 0 or f.size == 1)
            ]
            f: Form = self.weighted(options)
            lines = f.draw(self, sc)
            if lines:
                self.room -= f.size
                return lines, f.size
        self.room -= 1
        return FORMS["assign"].draw(self, sc) or [], 1

    def arm(self, sc: Scope, size: int, exits: bool = True) -> tuple[Lines, State | None]:
        """A block on one side of a branch, and how it ends: None where it leaves."""
        before = sc.snapshot()
        lines = self.block(sc, size)
        leave = self.leaving(sc) if exits and self.chance(0.15) else None
        after = None if leave else sc.snapshot()
        sc.restore(before)
        return lines + (leave or []), after

    def leaving(self, sc: Scope) -> Lines | None:
        """A statement that leaves the block."""
        options: list[tuple[float, Any]] = []
        if sc.loops:
            options += [(3, "break"), (2, "continue")]
        if not sc.is_lambda:
            options += [(1.5, "return")]
        if not options:
            return None
        kind = self.weighted(options)
        if kind == "return":
            return self.return_(sc)
        return [kind]

    def return_(self, sc: Scope) -> Lines:
        """A return of what this function returns."""
        return [f"return {self.result(sc)}"]

    def result(self, sc: Scope) -> str:
        if sc.shape is not None:
            e = self.afit(self.aexpr(sc, sc.shape, 2), sc.returns)
            sc.seen = e.range if sc.seen is None else sc.seen.hull(e.range)
            return e.text
        out = [self.fit(self.summary(sc), sc.returns) for _ in range(max(sc.items, 1))]
        for e in out:
            sc.seen = e.range if sc.seen is None else sc.seen.hull(e.range)
        return f"({', '.join(e.text for e in out)})" if sc.items else out[0].text

    def summary(self, sc: Scope) -> Expr:
        """A sum of a few variables, those that nobody read first."""
        own = [v for v in sc.vars.values() if v.type == "float"]
        unread = [v for v in own if v.reads == 0]
        chosen = unread[-3:] if unread else own[-2:] if own and self.chance(0.6) else []
        total = self.fexpr(sc, 2)
        for v in chosen:
            e = self.read(sc, v)
            if e.range.size > 8:
                e = self.squashed(e)
            if self.chance(0.4):
                k = self.number(0.3, 1.5)
                e = Expr(f"({const(k).text} * {e.text})", e.range * Interval(k, k))
            op = self.pick("++-")
            total = Expr(f"({total.text} {op} {e.text})", total.range + e.range if op == "+" else total.range - e.range)
        return total

    def target(self, sc: Scope) -> Var | None:
        """A float variable that may be assigned."""
        found = [v for v in sc.vars.values() if v.type == "float" and not v.fixed and not v.total]
        return self.pick(found) if found else None

    def put(self, sc: Scope, var: Var, e: Expr) -> str:
        """The text of what is assigned to a variable, within its bound."""
        e = self.fit(e, var.bound) if var.type == "float" else self.fit_int(e, var.bound)
        sc.assigned.add(var.name)
        var.now = var.bound if var.shared else e.range
        if var.scope is not sc:
            sc.pure = False
        return e.text

    def new(self, sc: Scope, e: Expr) -> tuple[str, str]:
        """(name, text) of a new float variable."""
        e = self.fit(e, FLOAT)
        name = self.fresh(sc, FLOAT_NAMES)
        sc.bind(name, "float", e.range, FLOAT)
        return name, e.text
