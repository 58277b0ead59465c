"""Statements that bind names: assignments of every form, walrus, del; assertions."""

from __future__ import annotations

from tests.generator.drawing import FLOAT_NAMES, INT_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLAGS, FLOAT, INT, NARROW, UNIT, Scope, Seq, Var
from tests.generator.statements import Lines, Statements, form, indent

__all__ = ["Assignments"]


class Assignments(Statements):
    """Draws assignments and assertions."""

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

    @form(1.2)
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
