"""Statements: each method draws one form as lines of text, or gives None where it does not apply.

`block` picks forms by weight; a program's focus raises the weights of a few, so that small programs are about something.
What is drawn inside loops and branches keeps each variable within its bound, whatever the number of trips.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.generator.array_expressions import ArrayExpressions
from tests.generator.expressions import FLOAT_NAMES, INT_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLAGS, FLOAT, INT, NARROW, UNIT, Array, Record, Scope, Seq, State, Table, Var

__all__ = ["FORMS", "Form", "Lines", "Statements", "form", "indent"]

Lines = list[str]


class Form:
    """A kind of statement: how often it is drawn, how often a program is about it, and the method that draws it."""

    def __init__(
        self, name: str, weight: float, draw: Callable[..., Lines | None], size: int, focus: float, arrays: bool
    ) -> None:
        self.name, self.weight, self.draw, self.size, self.focus = name, weight, draw, size, focus
        self.arrays = arrays


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
    """Draws statements; the forms about functions are in `functions`, those about patterns in `patterns`."""

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
        return self.assign(sc), 1

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

    # -- assignment ------------------------------------------------------------------------------------------------------

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

    @form(7)
    def assign(self, sc: Scope) -> Lines:
        e = self.fexpr(sc, self.rng.randint(1, 3))
        var = self.target(sc)
        if var is not None and self.chance(0.5 if sc.loops else 0.3):
            return [f"{var.name} = {self.put(sc, var, e)}"]
        name, text = self.new(sc, e)
        return [f"{name} = {text}"]

    @form(2)
    def assign_int(self, sc: Scope) -> Lines:
        e = self.fit_int(self.iexpr(sc, 2), INT)
        found = [v for v in sc.vars.values() if v.type == "int" and not v.fixed]
        if found and self.chance(0.4):
            var = self.pick(found)
            return [f"{var.name} = {self.put(sc, var, e)}"]
        name = self.fresh(sc, INT_NAMES)
        sc.bind(name, "int", e.range, INT)
        return [f"{name} = {e.text}"]

    @form(1)
    def assign_bool(self, sc: Scope) -> Lines:
        text = self.bexpr(sc, 2)
        name = self.fresh(sc, ["flag", "ok", "up", "far", "even"])
        sc.bind(name, "bool", FLAGS)
        return [f"{name} = {text}"]

    @form(3.5)
    def augment(self, sc: Scope) -> Lines | None:
        """x += e and its relatives."""
        totals = [v for v in sc.vars.values() if v.total]
        if totals and self.chance(0.6):
            return self.add_to(sc, self.pick(totals))
        var = self.target(sc)
        if var is None:
            return None
        now = var.bound if var.shared else var.now
        kind = self.rng.randrange(6)
        if kind == 0:
            k = self.number(0.2, 0.9) * self.pick([1, -1])
            self.put(sc, var, Expr("", now * Interval(k, k)))
            return [f"{var.name} *= {k!r}"]
        if kind == 1:
            k = abs(self.number(1.1, 3))
            self.put(sc, var, Expr("", now * Interval(1 / k, 1 / k)))
            return [f"{var.name} /= {k!r}"]
        if kind == 2 and not self.exact and var.bound.hi >= 3:
            k = abs(self.number(0.7, 2.5))
            self.put(sc, var, Expr("", Interval(0, k)))
            return [f"{var.name} %= {k!r}"]
        if now.size > 3:
            e = self.fit(self.fexpr(sc, 2), NARROW)
            text = self.put(sc, var, Expr(f"(0.5 * {var.name} + {e.text})", now * Interval(0.5, 0.5) + e.range))
            return [f"{var.name} = {text}"]
        e = self.fit(self.fexpr(sc, 2), UNIT)
        op = self.pick("+-")
        self.put(sc, var, Expr("", now + e.range if op == "+" else now - e.range))
        return [f"{var.name} {op}= {e.text}"]

    def add_to(self, sc: Scope, var: Var) -> Lines:
        """Add a small term to a sum."""
        e = self.fit(self.fexpr(sc, 2), UNIT)
        sc.assigned.add(var.name)
        if var.scope is not sc:
            sc.pure = False
        return [
            f"{var.name} {self.pick(['+', '+', '-'])}= {e.text}" if self.chance(0.8) else f"{var.name} = {var.name} + {e.text}"
        ]

    @form(1)
    def augment_int(self, sc: Scope) -> Lines | None:
        found = [v for v in sc.vars.values() if v.type == "int" and not v.fixed]
        if not found:
            return None
        var = self.pick(found)
        now = var.bound if var.shared else var.now
        kind = self.rng.randrange(6)
        k = self.rng.randint(2, 6)
        texts = {
            0: (f"%= {k}", Interval(0, k - 1)),
            1: (f"//= {k}", (now * Interval(1 / k, 1 / k)).rounded()),
            2: (f"&= {k}", Interval(0, k)),
            3: (">>= 1", (now * Interval(0.5, 0.5)).rounded()),
            4: (f"+= {k}", now + Interval(k, k)),
            5: (f"*= -{k}", now * Interval(-k, -k)),
        }
        text, out = texts[kind]
        if not out.within(var.bound):
            return [f"{var.name} = {self.put(sc, var, self.fit_int(Expr(f'({var.name} + {k})', now + Interval(k, k)), INT))}"]
        self.put(sc, var, Expr("", out))
        return [f"{var.name} {text}"]

    @form(0.6)
    def annotated(self, sc: Scope) -> Lines:
        name, text = self.new(sc, self.fexpr(sc, 2))
        return [f"{name}: float = {text}"]

    @form(0.6)
    def chained(self, sc: Scope) -> Lines:
        """a = b = e"""
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        names = []
        for _ in range(self.pick([2, 2, 3])):
            names.append(self.fresh(sc, FLOAT_NAMES))
            sc.bind(names[-1], "float", e.range, FLOAT)
        return [f"{' = '.join(names)} = {e.text}"]

    @form(1, focus=4.0)
    def unpack(self, sc: Scope) -> Lines | None:
        """Tuple targets: new names, swaps, nested ones."""
        found = [v for v in sc.vars.values() if v.type == "float" and not v.fixed and not v.total]
        if len(found) >= 2 and self.chance(0.5):
            a, b = self.rng.sample(found, 2)
            e = [self.read(sc, b), self.read(sc, a)]
            if self.chance(0.5):
                e[0] = Expr(f"({e[0].text} - {e[1].text})", e[0].range - e[1].range)
            texts = [self.fit(x, v.bound) for x, v in zip(e, (a, b), strict=True)]
            for v, x in zip((a, b), texts, strict=True):
                self.put(sc, v, x)
            return [f"{a.name}, {b.name} = {texts[0].text}, {texts[1].text}"]
        count = self.pick([2, 2, 3])
        es = [self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(count)]
        names = []
        for e in es:
            names.append(self.fresh(sc, FLOAT_NAMES))
            sc.bind(names[-1], "float", e.range, FLOAT)
        if count == 3 and self.chance(0.6):
            left = self.pick([f"({names[0]}, {names[1]}), {names[2]}", f"{names[0]}, ({names[1]}, {names[2]})"])
            right = (
                f"({es[0].text}, {es[1].text}), {es[2].text}"
                if left.startswith("(")
                else f"{es[0].text}, ({es[1].text}, {es[2].text})"
            )
            return [f"{left} = {right}"]
        if self.chance(0.2):
            return [f"[{', '.join(names)}] = ({', '.join(e.text for e in es)})"]
        return [f"{', '.join(names)} = {', '.join(e.text for e in es)}"]

    @form(0.7)
    def starred(self, sc: Scope) -> Lines:
        """first, *rest = ..."""
        n = self.rng.randint(2, 4)
        var = self.some(sc, lambda v: isinstance(v.type, Seq) and len(v.type.items) >= 2 and set(v.type.items) == {"float"})
        if var is not None and isinstance(var.type, Seq) and self.chance(0.5):
            source, n = self.read(sc, var).text, len(var.type.items)
        else:
            source = ", ".join(self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(n))
        rest = self.fresh(sc, ["rest", "others", "tail"])
        sc.bind(rest, Seq("list", ("float",) * (n - 1)), FLOAT)
        first = self.fresh(sc, FLOAT_NAMES)
        sc.bind(first, "float", FLOAT)
        if n >= 3 and self.chance(0.3):
            last = self.fresh(sc, FLOAT_NAMES)
            sc.bind(last, "float", FLOAT)
            sc.vars[rest].type = Seq("list", ("float",) * (n - 2))
            return [f"{first}, *{rest}, {last} = {source}"]
        return [f"{first}, *{rest} = {source}" if self.chance(0.6) else f"*{rest}, {first} = {source}"]

    @form(0.8)
    def walrus(self, sc: Scope) -> Lines:
        """:= where the value is used at once."""
        x = self.fit(self.fexpr(sc, 1), NARROW)
        name, text = self.new(sc, self.fexpr(sc, 2))
        kind = self.rng.randrange(3)
        if kind == 0:
            other, _ = self.new(sc, Expr("", FLOAT))
            return [f"{other} = {self.fit(Expr(f'(({name} := {text}) * 0.5 + {x.text})', FLOAT), FLOAT).text}"]
        if kind == 1:
            self.room -= 2
            then, after = self.arm(sc, 1)
            state = sc.snapshot()
            sc.join([state, after] if after is not None else [state])
            return [f"if ({name} := {text}) > {const(self.number(-2, 2)).text}:", *indent(then)]
        items = self.fresh(sc, ["items", "values", "seen"])
        t = self.fresh(sc, ["t", "e"])
        lines = [f"{items} = [({name} := {t} * {const(self.number(-0.9, 0.9)).text}) + 0.1 for {t} in ({text}, {x.text})]"]
        sc.vars[name].now = FLOAT
        sc.bind(items, Seq("list", ("float", "float")), FLOAT)
        return lines

    @form(0.7)
    def delete(self, sc: Scope) -> Lines | None:
        """del of a name, which is sometimes bound again."""
        found = [
            v for v in sc.vars.values() if v.type in ("float", "int") and not (v.fixed or v.captured or v.shared or v.total)
        ]
        if len(found) < 3 or sc.loops:
            return None
        var = self.pick(found)
        del sc.vars[var.name]
        lines = [f"del {var.name}"]
        if self.chance(0.5):
            e = self.fit(self.fexpr(sc, 1), FLOAT)
            sc.bind(var.name, "float", e.range, FLOAT)
            lines.append(f"{var.name} = {e.text}")
        return lines

    @form(0.3)
    def nothing(self, sc: Scope) -> Lines:
        return ["pass"]

    # -- assertions --------------------------------------------------------------------------------------------------------

    @form(0.8)
    def assertion(self, sc: Scope) -> Lines:
        """assert of what always holds."""
        x = self.fit(self.fexpr(sc, 1), FLOAT)
        test = self.pick(
            [
                f"{x.text} > {x.range.lo - 1:.1f}",
                f"abs({x.text}) < {x.range.size + 1:.1f}",
                f"-90.5 < {x.text} <= 90.5",
                f"{self.fit_int(self.iexpr(sc, 1), INT).text} < 31",
            ]
        )
        kind = self.rng.randrange(4)
        var = self.some(sc, lambda v: v.type in ("float", "int"))
        shown = self.read(sc, var).text if var is not None else "0"
        message = [
            "",
            ', "out of range"',
            f', f"{{{shown}}} is out of range"',
            f', f"value {{{shown}:.3f}}, {{{shown}!r}}"',
        ][kind]
        return [f"assert {test}{message}"]

    @form(0.8)
    def guarded_raise(self, sc: Scope) -> Lines:
        """raise under a condition that does not hold."""
        x = self.fit(self.fexpr(sc, 1), FLOAT)
        var = self.some(sc, lambda v: v.type in ("float", "int"))
        shown = self.read(sc, var).text if var is not None else "0"
        error = self.pick(["ValueError", "RuntimeError", "ArithmeticError", "IndexError", "TypeError"])
        message = self.pick(['"bad value"', f'f"bad value {{{shown}}}"', f'f"{{{shown}:8.2e}} and {{{x.text}}}"', ""])
        call = f"{error}({message})" if message or self.chance(0.5) else error
        test = self.pick(
            [f"{x.text} > {x.range.hi + 2:.1f}", f"not -91.5 < {x.text} < 91.5", f"{self.iexpr(sc, 1).text} > 99999"]
        )
        return [f"if {test}:", f"    raise {call}"]

    # -- branches ----------------------------------------------------------------------------------------------------------

    @form(4, 3)
    def branch(self, sc: Scope) -> Lines:
        """if, elif, else."""
        lines: Lines = []
        states: list[State] = []
        arms = self.weighted([(4, 1), (4, 2), (3, 3)])
        has_else = arms > 1 and self.chance(0.85)
        left = 0
        for i in range(arms):
            last = has_else and i == arms - 1
            head = "else:" if last else f"{'if' if i == 0 else 'elif'} {self.bexpr(sc, 2)}:"
            body, after = self.arm(sc, self.pick([1, 1, 2, 3]), exits=left < arms - 1 or not has_else)
            lines += [head, *indent(body)]
            if after is None:
                left += 1
            else:
                states.append(after)
        if not has_else:
            states.append(sc.snapshot())
        sc.join(states)
        return lines

    @form(1.5, 2)
    def branch_binds(self, sc: Scope) -> Lines:
        """A name that each side binds."""
        test = self.bexpr(sc, 1)
        name = self.fresh(sc, FLOAT_NAMES)
        arms: list[Lines] = []
        states: list[State] = []
        out: Interval | None = None
        for _ in range(2):
            before = sc.snapshot()
            body = self.block(sc, 1) if self.chance(0.4) else []
            e = self.fit(self.fexpr(sc, 2), FLOAT)
            arms.append([*body, f"{name} = {e.text}"])
            out = e.range if out is None else out.hull(e.range)
            states.append(sc.snapshot())
            sc.restore(before)
        sc.join(states)
        assert out is not None
        sc.bind(name, "float", out, FLOAT)
        return [f"if {test}:", *indent(arms[0]), "else:", *indent(arms[1])]

    @form(0.8, 2)
    def early_return(self, sc: Scope) -> Lines | None:
        """return in the middle."""
        if sc.is_lambda:
            return None
        return [f"if {self.bexpr(sc, 2)}:", *indent(self.return_(sc))]

    @form(1.2, 3)
    def bound_in_one_branch(self, sc: Scope) -> Lines:
        """A variable that only one path binds, and that only this path reads."""
        self.tags.add("first bound in one branch")
        flag = self.fresh(sc, ["known", "set_", "found"])
        test = self.bexpr(sc, 1)
        name = self.fresh(sc, FLOAT_NAMES)
        sc.bind(flag, "bool", FLAGS)
        sc.used.add(name)
        e = self.fit(self.fexpr(sc, 2), NARROW)
        between = self.block(sc, 1)
        var = self.target(sc)
        lines = [f"{flag} = {test}", f"if {flag}:", f"    {name} = {e.text}", *between]
        if var is None:
            made, text = self.new(sc, self.fexpr(sc, 1))
            lines.append(f"{made} = {text}")
            var = sc.vars[made]
        text = self.put(sc, var, Expr(f"(0.5 * {var.name} + {name})", FLOAT))
        sc.forget([var.name])
        return [*lines, f"if {flag}:", f"    {var.name} = {text}"]

    # -- loops ---------------------------------------------------------------------------------------------------------------

    def state_for(self, sc: Scope) -> tuple[Lines, Var]:
        """A variable for a loop to work on: one that is there, or a new one."""
        found = [v for v in sc.vars.values() if v.type == "float" and not v.fixed]
        if found and self.chance(0.6):
            return [], self.pick(found)
        kind = self.rng.randrange(4)
        if kind <= 1:
            name = self.fresh(sc, ["total", "acc", "s", "sum_", "area"])
            if kind == 0:
                self.tags.add("int accumulator")
            var = sc.bind(name, "float", Interval(-400, 400), total=True)
            return [f"{name} = {self.pick(['0', '0', '1']) if kind == 0 else self.pick(['0.0', '0.5'])}"], var
        made, text = self.new(sc, self.fexpr(sc, 1))
        return [f"{made} = {text}"], sc.vars[made]

    def update(self, sc: Scope, var: Var) -> Lines:
        """A step of a loop for its variable."""
        if var.total:
            return self.add_to(sc, var)
        self.read(sc, var)
        e = self.fit(self.fexpr(sc, 2), NARROW)
        k = self.number(0.2, 0.5)
        kind = self.rng.randrange(5)
        if kind <= 1:  # the factor changes from trip to trip
            counters = [v for v in sc.vars.values() if v.type == "int" and v.fixed]
            if kind == 0 and counters:
                factor = f"0.12 * {self.fit_int(self.read(sc, counters[-1]), Interval(0, 4)).text}"
            else:
                factor = self.fit(self.fexpr(sc, 1), Interval(-0.5, 0.5)).text
            product = f"({factor} * {var.name} + {e.text})" if self.chance(0.5) else f"({e.text} - {var.name} * {factor})"
            return [f"{var.name} = {self.put(sc, var, Expr(product, var.bound * Interval(-0.5, 0.5) + NARROW))}"]
        if kind == 2:
            square = Expr(
                f"({k / 4:.3f} * {var.name} * {var.name} + {e.text})", Interval(0, var.bound.size**2 * k / 4) + NARROW
            )
            return [f"{var.name} = {self.put(sc, var, square)}"]
        return [f"{var.name} = {self.put(sc, var, Expr(f'({k!r} * {var.name} + {e.text})', Interval(-4 * k - 2, 4 * k + 2)))}"]

    def loop_body(self, sc: Scope, kind: str, trips: int, size: int, var: Var, bind: Callable[[], None]) -> tuple[Lines, Lines]:
        """The body of a loop, and its else. Afterwards `sc` knows what holds when the loop has ended."""
        before = sc.snapshot()
        assigned, sc.assigned = sc.assigned, set()
        sc.forget()
        bind()
        sc.loops.append(kind)
        sc.trips *= max(trips, 1)
        sc.cost += sc.trips
        lines = self.block(sc, size) if size > 0 else []
        if self.chance(0.4):
            leave = self.pick(["break", "break", "continue", "return"])
            test = self.bexpr(sc, 1)
            before_leaving, inside = sc.snapshot(), self.block(sc, 1) if self.chance(0.3) else []
            last = self.return_(sc) if leave == "return" else [leave]
            sc.restore(before_leaving)
            lines += [f"if {test}:", *indent([*inside, *last])]
        lines += self.update(sc, var)
        sc.trips //= max(trips, 1)
        sc.loops.pop()
        written = sc.assigned
        sc.assigned = assigned | written
        sc.restore(before)
        sc.forget(sorted(written))
        breaks = any(line.strip() == "break" for line in lines)
        orelse: Lines = []
        if self.chance(0.6 if breaks else 0.18):
            body, after = self.arm(sc, 1, exits=False)
            orelse = ["else:", *indent(body)]
            sc.join([sc.snapshot(), after or sc.snapshot()])
        return lines, orelse

    @form(6, 3, focus=2.0)
    def for_loop(self, sc: Scope) -> Lines | None:
        """for over a range, tuple, list, zip, enumerate, reversed, or a container that is there."""
        if sc.trips > 40 or sc.cost > 1500:
            return None
        setup, var = self.state_for(sc)
        header, trips, bound = self.for_header(sc)
        names = [n for n, *_ in bound]

        def bind() -> None:
            for name, type, range in bound:
                sc.bind(name, type, range, fixed=type == "int" or name not in names[:1])

        lines, orelse = self.loop_body(sc, "for", trips, self.rng.randint(0, 3), var, bind)
        for name in names:
            hidden = sc.vars.get(name)
            if hidden is None and self.chance(0.7) and not any(name in line for line in setup):
                sc.used.discard(name)
        return [*setup, f"for {header}:", *indent(lines), *orelse]

    def loop_name(self, sc: Scope, pool: list[str]) -> str:
        return self.fresh(sc, pool)

    def for_header(self, sc: Scope) -> tuple[str, int, list[tuple[str, Any, Interval]]]:
        """(targets in iterable, greatest number of trips, [(name, type, range)])."""
        kind = self.rng.randrange(-1, 15)
        i = self.loop_name(sc, ["i", "j", "k", "l", "step", "_"])
        array = self.some(sc, lambda v: isinstance(v.type, Array) and len(v.type.shape) == 1)
        if array is not None and self.chance(0.5):
            return self.over_array(sc, array, i)
        if kind <= 3:
            text, count, low = self.range_text(sc)
            if self.chance(0.1) and sc.trips == 1:
                count = self.rng.randint(15, 60)
                text, low = f"range({count})", 0
            return f"{i} in {text}", count, [(i, "int", Interval(low - 1, low + 3 * count))]
        x = self.loop_name(sc, ["t", "e", "item", "val", "term"])
        items = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(self.rng.randint(2, 3))]
        open_, close = self.pick(["()", "[]", "[]"])
        literal = f"{open_}{', '.join(items)}{close}"
        seq = self.some(sc, lambda v: isinstance(v.type, Seq) and set(v.type.items) == {"float"})
        count = len(items)
        if seq is not None and isinstance(seq.type, Seq) and self.chance(0.6):
            literal, count = self.read(sc, seq).text, len(seq.type.items)
        if kind in (4, 5, 14):
            return f"{x} in {literal}", count, [(x, "float", FLOAT)]
        if kind in (6, 7):
            table = self.some(sc, lambda v: isinstance(v.type, Table))
            if table is not None and isinstance(table.type, Table):
                key, name = self.fresh(sc, ["key", "name"]), self.read(sc, table).text
                count = len(table.type.keys)
                return self.pick(
                    [
                        (f"{x} in {name}.values()", count, [(x, "float", FLOAT)]),
                        (f"{key}, {x} in {name}.items()", count, [(x, "float", FLOAT)]),
                    ]
                )
        if kind <= 8:
            start = f", {self.rng.randint(1, 3)}" if self.chance(0.3) else ""
            return f"{i}, {x} in enumerate({literal}{start})", count, [(i, "int", Interval(0, 6)), (x, "float", FLOAT)]
        if kind == 9:
            return f"{x} in reversed({literal})", count, [(x, "float", FLOAT)]
        if kind == 10:
            text, count, low = self.range_text(sc)
            return f"{i} in reversed({text})", count, [(i, "int", Interval(low - 1, low + 3 * count))]
        if kind == 11:
            text, count, low = self.range_text(sc)
            return (
                f"{i}, {x} in zip({text}, {literal})",
                count,
                [(i, "int", Interval(low - 1, low + 3 * count)), (x, "float", FLOAT)],
            )
        # kind 12, 13: a zip
        y = self.fresh(sc, [n for n in ["other", "u2", "weight"] if n != x])
        more = [self.fit(self.fexpr(sc, 0), FLOAT).text for _ in range(count)]
        if self.chance(0.3):
            return (
                f"{i}, ({x}, {y}) in enumerate(zip({literal}, [{', '.join(more)}]))",
                count,
                [(i, "int", Interval(0, 4)), (x, "float", FLOAT), (y, "float", FLOAT)],
            )
        return (
            f"{x}, {y} in zip({literal}, ({', '.join(more)}{',' if count == 1 else ''}))",
            count,
            [(x, "float", FLOAT), (y, "float", FLOAT)],
        )

    def over_array(self, sc: Scope, array: Var, i: str) -> tuple[str, int, list[tuple[str, Any, Interval]]]:
        """A header that goes through an array of one axis, or its indices."""
        assert isinstance(array.type, Array)
        n = array.type.shape[0]
        x = self.loop_name(sc, ["t", "e", "item", "val", "term"])
        name, item = self.read(sc, array).text, (x, "float", array.bound)
        index = (i, "int", Interval(0, n - 1))
        return self.pick(
            [
                (f"{x} in {name}", n, [item]),
                (f"{x} in {name}", n, [item]),
                (f"{i}, {x} in enumerate({name})", n, [index, item]),
                (f"{i} in range(len({name}))", n, [index]),
                (f"{i} in range({name}.size - 1, -1, -1)", n, [index]),
                (f"{x}, {i} in zip({name}, range({n}))", n, [item, index]),
                (f"{x} in {name}[::-1]", n, [item]),
            ]
        )

    @form(4, 3)
    def while_loop(self, sc: Scope) -> Lines | None:
        """while: with a counter, a walrus, a shrinking value, or for ever until a break."""
        if sc.trips > 40 or sc.cost > 1500:
            return None
        setup, var = self.state_for(sc)
        k = self.fresh(sc, INT_NAMES)
        stop = self.fit_int(self.iexpr(sc, 1), Interval(0, 6))
        kind = self.rng.randrange(6)
        size = self.rng.randint(0, 2)
        counter = lambda: None  # noqa: E731
        sc.bind(k, "int", Interval(-1, 8), fixed=True)
        if kind == 0:
            lines, orelse = self.loop_body(sc, "while", 6, size, var, counter)
            # The counter stands first: `continue` must not pass it by.
            return (
                [*setup, f"{k} = 0", f"while {k} < {stop.text}:", f"    {k} += 1", *indent(lines), *orelse]
                if self.is_stable(sc, stop)
                else [*setup, f"{k} = {stop.text}", f"while {k}:", f"    {k} -= 1", *indent(lines), *orelse]
            )
        if kind == 1:
            lines, orelse = self.loop_body(sc, "while", 6, size, var, counter)
            return [
                *setup,
                f"{k} = {stop.text}",
                f"while {k} > 0:",
                f"    {k} -= {self.rng.randint(1, 2)}",
                *indent(lines),
                *orelse,
            ]
        if kind == 2:
            n = self.rng.randint(2, 5)
            lines, orelse = self.loop_body(sc, "while", n, size, var, counter)
            return [*setup, f"{k} = 0", f"while ({k} := {k} + 1) < {n}:", *indent(lines), *orelse]
        if kind == 3:
            n = self.rng.randint(1, 4)
            lines, _ = self.loop_body(sc, "while", n + 1, size, var, counter)
            test = f"{k} > {n}" if self.chance(0.5) else f"{k} > {n} or {self.bexpr(sc, 0)}"
            return [
                *setup,
                f"{k} = 0",
                "while True:",
                f"    {k} += 1",
                f"    if {test}:",
                "        break",
                *indent(lines),
            ]
        w = self.fresh(sc, ["width", "err", "gap", "h0"])
        rate = self.number(0.3, 0.7)
        least = self.pick([0.07, 0.11, 0.23])
        sc.free(k)
        start = self.positive(sc, self.fit(self.fexpr(sc, 1), FLOAT), 0.5)
        sc.bind(w, "float", Interval(0, 20), fixed=True)
        more = f" and {k} < 8" if self.chance(0.3) else ""
        first = [f"{k} = 0"] if more else []
        step = [f"    {k} += 1"] if more else []
        if more:
            sc.bind(k, "int", Interval(-1, 9), fixed=True)
        lines, orelse = self.loop_body(sc, "while", 9, size, var, counter)
        return [
            *setup,
            *first,
            f"{w} = {start.text}",
            f"while {w} > {least}{more}:",
            f"    {w} *= {rate!r}",
            *step,
            *indent(lines),
            *orelse,
        ]

    @form(2, 2, focus=3.0)
    def recurrence(self, sc: Scope) -> Lines | None:
        """A numeric loop: each trip is a nonlinear step of one or two variables, often with the counter in it."""
        if sc.trips > 12 or sc.cost > 1500:
            return None
        e = self.fit(self.fexpr(sc, 1), UNIT).text
        seq = self.some(sc, lambda v: isinstance(v.type, Seq) and set(v.type.items) == {"float"} and v.bound.within(FLOAT))
        count = str(self.rng.randint(2, 6))
        if self.chance(0.6):
            count = self.fit_int(self.iexpr(sc, 1), Interval(1, 5)).text
        s, start = self.new(sc, self.fexpr(sc, 1))
        t, other = self.new(sc, self.fexpr(sc, 1))
        i = self.fresh(sc, ["i", "j", "k", "step"])
        sc.forget([s, t])
        steps = [
            [f"{s} = {s} * (0.25 + 0.08 * {i}) + {e}"],
            [f"{s} = 0.18 * {s} * {s} - {e} / (1 + {i})"],
            [f"{s} = {e} + {s} / (1.0 + {s} * {s}) * (1 + {i}) * 0.5"],
            [f"{s}, {t} = 0.18 * {s} * {t} + {e}, 0.5 * {s} - 0.1 * {i} * {t}"],
            [f"{t} = 0.5 * {t} * {e} + 0.3 * {s}", f"{s} = 0.6 * {s} + 0.08 * {s} * {t}"],
            [f"if {s} > {e}:", f"    {s} = 0.12 * {s} * {s}", "else:", f"    {s} = 0.1 * {i} * {s} + {t} * {s} * 0.1"],
            [f"{t} = {t} * {e} * 0.9", f"if {s} * {t} > 2.0:", "    break", f"{s} = 0.5 * {s} + 0.1 * {t} * {s}"],
            [f"for {i}2 in range({i} + 1):", f"    {s} = 0.8 * {s} / (1.0 + 0.2 * {s} * {s}) + 0.02 * {i}2 * {t}"],
        ]
        if not self.exact:
            steps += [[f"{s} = math.sin({s} + {i} * {e})"], [f"{s} = math.exp(-{s} * {s} * 0.2) * {t} + 0.1 * {i}"]]
        if seq is not None and isinstance(seq.type, Seq):
            steps += [[f"{s} = 0.25 * {s} * {self.read(sc, seq).text}[{i} % {len(seq.type.items)}]"]] * 2
        body = self.pick(steps)
        k = self.rng.randrange(5)
        if k <= 1:
            head, step = [f"for {i} in range({count}):"], body
        elif k == 2:
            head, step = [f"for {i} in range({count} - 1, -1, -1):"], body
        elif k == 3:
            head, step = [f"{i} = 0", f"while {i} < {self.rng.randint(2, 6)}:"], [*body, f"{i} += 1"]
        else:
            head, step = [f"{i} = {count}", f"while {i}:"], [f"{i} -= 1", *body]
        sc.used.add(i)
        sc.cost += 6 * sc.trips
        return [f"{s} = {start}", f"{t} = {other}", *head, *indent(step)]

    def is_stable(self, sc: Scope, e: Expr) -> bool:
        """Whether the expression reads nothing that the loop may have changed."""
        import re

        return not any(n in sc.assigned and not sc.vars[n].fixed for n in re.findall(r"[a-z_]\w*", e.text) if n in sc.vars)

    @form(2, 1)
    def jump(self, sc: Scope) -> Lines | None:
        """break or continue under a condition."""
        if not sc.loops:
            return None
        return [f"if {self.bexpr(sc, 1)}:", f"    {self.pick(['break', 'continue'])}"]

    # -- containers ------------------------------------------------------------------------------------------------------------

    @form(1.2)
    def make_tuple(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["pair", "point", "triple", "vec"])
        kinds = [self.weighted([(4, "float"), (1, "int")]) for _ in range(self.rng.randint(2, 3))]
        es = [
            self.fit(self.fexpr(sc, 1), FLOAT) if k == "float" else self.fit_int(self.iexpr(sc, 1), Interval(-4, 4))
            for k in kinds
        ]
        sc.bind(name, Seq("tuple", tuple(kinds)), FLOAT)
        return [f"{name} = ({', '.join(e.text for e in es)})"]

    @form(1.2)
    def make_list(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["items", "xs", "ys", "parts"])
        n = self.rng.randint(2, 4)
        if self.chance(0.25):
            e = self.fit(self.fexpr(sc, 1), FLOAT)
            sc.bind(name, Seq("list", ("float",) * n), FLOAT)
            return [f"{name} = [{e.text}] * {n}"]
        es = [self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(n)]
        sc.bind(name, Seq("list", ("float",) * n), FLOAT)
        return [f"{name} = [{', '.join(e.text for e in es)}]"]

    @form(1.0, focus=1.5)
    def make_dict(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["table", "params", "conf"])
        keys = tuple(self.rng.sample(["a", "b", "rate", "bias", "x"], self.rng.randint(2, 3)))
        es = [self.fit(self.fexpr(sc, 1), FLOAT) for _ in keys]
        sc.bind(name, Table(keys), FLOAT)
        kind = self.rng.randrange(4)
        if kind == 0:
            return [f"{name} = dict({', '.join(f'{k}={e.text}' for k, e in zip(keys, es, strict=True))})"]
        lines = [f"{name} = {{{', '.join(f'{k!r}: {e.text}' for k, e in zip(keys, es, strict=True))}}}"]
        if kind == 1:
            other = self.fresh(sc, ["scaled", "doubled"])
            sc.bind(other, Table(keys), FLOAT)
            return [*lines, f"{other} = {{key: item * 0.5 for key, item in {name}.items()}}"]
        return lines

    @form(1.2)
    def comprehension(self, sc: Scope) -> Lines | None:
        """A list comprehension of known length."""
        if sc.trips > 20:
            return None
        name = self.fresh(sc, ["grid", "cells", "powers", "waves"])
        n = self.rng.randint(2, 4)
        i = self.fresh(sc, ["i", "j", "l"])
        before = (dict(sc.vars), set(sc.used), set(sc.assigned))
        seq = self.some(sc, lambda v: isinstance(v.type, Seq) and set(v.type.items) == {"float"})
        condition = ""
        if seq is not None and isinstance(seq.type, Seq) and self.chance(0.5):
            source, n = self.read(sc, seq).text, len(seq.type.items)
            sc.bind(i, "float", FLOAT, fixed=True)
        elif self.chance(0.25):
            source, n = f"range(3) for {i}b in (1, 2)", 6
            sc.bind(i, "int", Interval(0, 2), fixed=True)
        else:
            source = f"range({n})"
            sc.bind(i, "int", Interval(0, n - 1), fixed=True)
            if self.chance(0.25):
                condition, n = f" if {i} % 2 == 0", (n + 1) // 2
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        sc.vars, sc.used, sc.assigned = before
        sc.bind(name, Seq("list", ("float",) * n), FLOAT)
        open_, close = self.pick([("[", "]"), ("[", "]"), ("tuple(", ")"), ("list(", ")")])
        if open_ == "tuple(":
            sc.vars[name].type = Seq("tuple", ("float",) * n)
        return [f"{name} = {open_}{e.text} for {i} in {source}{condition}{close}"]

    @form(1.2, 2, focus=3.5)
    def appended(self, sc: Scope) -> Lines | None:
        """append in a loop of known length."""
        if sc.trips > 20:
            return None
        name = self.fresh(sc, ["hist", "steps", "found_", "track"])
        n = self.rng.randint(2, 4)
        i = self.fresh(sc, ["i", "j", "k"])
        before = sc.snapshot()
        sc.bind(i, "int", Interval(0, n - 1), fixed=True)
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        sc.restore(before)
        sc.used.discard(i)
        first = self.rng.randint(0, 1)
        start = self.fit(self.fexpr(sc, 0), FLOAT).text if first else ""
        sc.bind(name, Seq("list", ("float",) * (n + first)), FLOAT)
        more = [f"    {name}.append({e.text})"]
        if first and self.chance(0.4):
            more = [f"    {name}.append({self.fit(Expr(f'({name}[-1] * 0.7 + {e.text})', FLOAT + NARROW), FLOAT).text})"]
        kind = self.rng.randrange(4)
        if kind == 0 and not first:
            sc.vars[name].type = Seq("list", ("float",) * (2 * n))
            more.append(f"    {name}.append({i} * 0.5)")
        lines = [f"{name} = [{start}]", f"for {i} in range({n}):", *more]
        if kind == 1:
            other = self.fresh(sc, FLOAT_NAMES)
            sc.bind(other, "float", FLOAT)
            sc.vars[name].type = Seq("list", ("float",) * (n + first - 1))
            lines.append(f"{other} = {name}.pop()")
        if kind == 2:
            last = self.fit(self.fexpr(sc, 0), FLOAT).text
            sc.vars[name].type = Seq("list", ("float",) * (n + first + 2))
            lines.append(f"{name}.extend([{last}, 0.5])" if self.chance(0.5) else f"{name} += [{last}, 0.5]")
        return lines

    @form(1.2, focus=2.0)
    def set_item(self, sc: Scope) -> Lines | None:
        """Assign an item of a list or dict, or a field of a dataclass."""
        found = [
            v
            for v in sc.vars.values()
            if (isinstance(v.type, Seq) and v.type.kind == "list" and v.type.items)
            or isinstance(v.type, Table)
            or (isinstance(v.type, Record) and v.type.mutable)
        ]
        if not found:
            return None
        var = self.pick(found)
        sc.assigned.add(var.name)
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        t = var.type
        if isinstance(t, Table):
            place = f"{var.name}[{self.pick(t.keys)!r}]"
        elif isinstance(t, Record):
            place = f"{var.name}.{self.pick(t.fields)}"
        else:
            n = len(t.items)
            k = self.rng.randrange(n)
            place = f"{var.name}[{k - n if self.chance(0.2) else k}]"
            if n >= 2 and self.chance(0.25) and sc.trips <= 10:
                i = self.fresh(sc, ["i", "j", "k"])
                return [
                    f"for {i} in range({n}):",
                    f"    {var.name}[{i}] = {self.fit(Expr(f'({var.name}[{i}] * 0.5 + {e.text})', FLOAT + FLOAT), FLOAT).text}",
                ]
        if self.chance(0.35):
            return [f"{place} *= {const(self.number(-0.9, 0.9)).text}"]
        if self.chance(0.2):
            return [f"{place} = {self.fit(Expr(f'({place} * 0.5 + {e.text})', FLOAT + FLOAT), FLOAT).text}"]
        return [f"{place} = {e.text}"]

    @form(0.8, 2, focus=2.0)
    def through_dict(self, sc: Scope) -> Lines:
        """A dict that is made, changed and gone through."""
        name, var = self.fresh(sc, ["weights", "opts", "terms"]), self.fresh(sc, ["s", "sum_", "mean"])
        keys = self.rng.sample(["a", "b", "low", "high", "k"], self.rng.randint(2, 3))
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in keys]
        change = self.fit(self.fexpr(sc, 1), NARROW).text
        sc.bind(name, Table(tuple(keys)), FLOAT)
        sc.bind(var, "float", FLOAT * Interval(-2, 2), FLOAT * Interval(-2, 2))
        key, x = self.fresh(sc, ["key", "label"]), self.fresh(sc, ["w1", "item1", "part"])
        c = self.number(0.2, 0.6)
        step = f"{var} = 0.5 * {var} + {c!r} *"
        lines = [f"{name} = {{{', '.join(f'{k!r}: {t}' for k, t in zip(keys, texts, strict=True))}}}"]
        if self.chance(0.5):
            k = keys[0]
            lines += [self.pick([f"{name}[{k!r}] = 0.5 * {name}[{k!r}] + {change}", f"{name}[{k!r}] *= 0.75"])]
        return [
            *lines,
            f"{var} = {name}.get({keys[0]!r}, 0.5)" if self.chance(0.6) else f"{var} = 0.0",
            *self.pick(
                [
                    [f"for {x} in {name}.values():", f"    {step} {x}"],
                    [f"for {key}, {x} in {name}.items():", f"    {step} {x}"],
                    [f"for {key} in {name}:", f"    {step} {name}[{key}]"],
                    [f"for {key} in {name}.keys():", f"    {step} {name}[{key}]"],
                    [f"for {key} in {name}.keys():", f"    {step} {name}[{key}]"],
                ]
            ),
        ]

    @form(0.8, 2, focus=2.5)
    def changed_record(self, sc: Scope) -> Lines:
        """A dataclass whose fields are assigned: here, in a loop, or by a function that it is passed to."""
        record = self.record(mutable=True)
        name = self.fresh(sc, ["particle", "cell", "account", "unit"])
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in record.fields]
        e = self.fit(self.fexpr(sc, 2), NARROW).text
        sc.bind(name, record, FLOAT)
        field = self.pick(record.fields)
        place, kind = f"{name}.{field}", self.rng.randrange(5)
        lines = [f"{name} = {record.name}({', '.join(texts)})"]
        if kind == 0:
            return [*lines, f"{place} = {e}"]
        if kind == 1:
            return [*lines, f"{place} *= {const(self.number(-0.9, 0.9)).text}"]
        if kind == 2:
            return [*lines, f"{place} *= 0.5", f"{place} {self.pick('+-')}= {e}"]
        i = self.fresh(sc, ["i", "j", "l"])
        if kind == 3:
            return [*lines, f"for {i} in range({self.rng.randint(1, 4)}):", f"    {place} *= 0.5", f"    {place} += {e}"]
        f = self.fresh(sc, ["move", "kick", "change"])
        sc.used.add(f)
        change = [f"def {f}(target, v):", f"    target.{field} = 0.5 * target.{field} + 0.5 * v"]
        return [*lines, *change, f"{f}({name}, {e})", *([f"{f}({name}, {place})"] if self.chance(0.3) else [])]

    @form(1.2, focus=3.0)
    def make_record(self, sc: Scope) -> Lines:
        """A NamedTuple or dataclass value."""
        record = self.record()
        name = self.fresh(sc, ["rec", "node", "body", "state"])
        fields = [*record.fields]
        if record.defaults and self.chance(0.4):
            fields = fields[: -record.defaults]
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in fields]
        cut = self.rng.randint(0, len(fields)) if self.chance(0.5) else len(fields)
        inside = [*texts[:cut], *(f"{k}={t}" for k, t in zip(fields[cut:], texts[cut:], strict=True))]
        sc.bind(name, record, FLOAT)
        lines = [f"{name} = {record.name}({', '.join(inside)})"]
        if self.chance(0.35):
            key, e = self.pick(record.fields), self.fit(self.fexpr(sc, 1), FLOAT)
            if record.mutable:
                lines.append(f"{name} = dataclasses.replace({name}, {key}={e.text})")
            else:
                lines.append(f"{name} = {name}._replace({key}={e.text})")
        if not record.mutable and self.chance(0.3):
            names = []
            for _ in record.fields:
                names.append(self.fresh(sc, FLOAT_NAMES))
                sc.bind(names[-1], "float", FLOAT)
            lines.append(f"{', '.join(names)} = {name}")
        return lines

    def record(self, mutable: bool | None = None) -> Record:
        """A class at module level: a NamedTuple or a dataclass, which is mutable."""
        known = [r for r in self.records if mutable is None or r.mutable == mutable]
        if known and self.chance(0.6):
            return self.pick(known)  # type: ignore[no-any-return]
        mutable = self.chance(0.5) if mutable is None else mutable
        names = ["Point", "State", "Body", "Pair", "Wave", "Cell"]
        name = next(n for n in [*names, *(f"Kind{i}" for i in range(99))] if all(r.name != n for r in self.records))
        fields = tuple(self.rng.sample(["pos", "vel", "mass", "re", "im", "load"], self.rng.randint(2, 3)))
        made = Record(name, fields, mutable, self.rng.randint(0, 1))
        self.records.append(made)
        return made
