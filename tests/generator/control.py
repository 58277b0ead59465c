"""Branches and loops, and what leaves them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.generator.assignments import Assignments
from tests.generator.drawing import FLOAT_NAMES, INT_NAMES
from tests.generator.intervals import Expr, Interval
from tests.generator.scope import FLAGS, FLOAT, NARROW, UNIT, Array, Scope, Seq, State, Table, Var
from tests.generator.statements import Lines, form, indent

__all__ = ["Control"]


class Control(Assignments):
    """Draws branches and loops."""

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
        if kind == 14 and not self.exact:
            return f"{x} in map(math.{self.pick(['sin', 'tanh', 'cos'])}, {literal})", count, [(x, "float", UNIT)]
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
        return not any(n in sc.assigned and not sc.vars[n].fixed for n in re.findall(r"[a-z_]\w*", e.text) if n in sc.vars)

    @form(2, 1)
    def jump(self, sc: Scope) -> Lines | None:
        """break or continue under a condition."""
        if not sc.loops:
            return None
        return [f"if {self.bexpr(sc, 1)}:", f"    {self.pick(['break', 'continue'])}"]
