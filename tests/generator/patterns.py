"""Patterns of several statements: recursion, functions of functions, closures in containers and loops, derivatives inside.

Each pattern has holes that expressions, blocks and other patterns fill.
"""

from __future__ import annotations

import re

from tests.generator.drawing import FLOAT_NAMES, FUNCTION_NAMES
from tests.generator.functions import FEW, Functions
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, NARROW, UNIT, Fn, Param, Scope, Seq, Var
from tests.generator.statements import Lines, form, indent

__all__ = ["Patterns"]


class Patterns(Functions):
    """Draws patterns."""

    # -- recursion -----------------------------------------------------------------------------------------------------

    def recursive_scope(self, sc: Scope, name: str) -> tuple[Scope, str, str]:
        """The scope of a recursive function of a counter and a float, with the parameters' names."""
        inner = Scope(sc, sc.depth + 1, returns=FLOAT)
        sc.used.add(name)
        k, v = self.pick(["k", "n1", "depth", "m"]), self.pick(["v", "t", "acc", "y1"])
        inner.bind(k, "int", FEW, fixed=True)
        inner.bind(v, "float", FLOAT)
        inner.recursion = name
        return inner, k, v

    def recursive(self, sc: Scope, name: str, cost: int, pure: bool = True, most: int = 4) -> Var:
        params = [Param("k", "int", Interval(0, most)), Param("v", "float", FLOAT)]
        for p in params:
            p.kind = "only"
        return sc.bind(name, Fn(params, FLOAT, 0, pure, cost, recursive=True), FLOAT, fixed=True)

    @form(1.2, 4, focus=1.5)
    def recursion(self, sc: Scope) -> Lines | None:
        """A function that calls itself: at the end, in a sum, twice, in a loop, in its own argument."""
        if sc.depth > 3 or sc.trips > 12:
            return None
        name = self.fresh(sc, FUNCTION_NAMES)
        inner, k, v = self.recursive_scope(sc, name)
        base = self.fit(self.fexpr(inner, 1), FLOAT)
        body = self.block(inner, self.pick([0, 1, 1, 2, 3])) if self.chance(0.7) else []
        kind = self.rng.randrange(7)
        a = self.number(0.2, 0.8)
        step = self.fit(self.fexpr(inner, 2), NARROW)
        local = self.fit(self.fexpr(inner, 1), UNIT)
        most, calls = 4, 1
        if kind == 0:
            tail = [f"return {name}({k} - 1, {step.text})"]
        elif kind == 1:
            tail = [
                f"return {a!r} * {name}({k} - 1, {step.text}) + {local.text}"
                if self.chance(0.5)
                else f"return {local.text} + {name}({k} - 1, {step.text}) * {a!r}"
            ]
        elif kind == 2:
            most, calls = 3, 2
            tail = [
                f"return 0.5 * {name}({k} - 1, {step.text}) + "
                f"0.4 * {name}({k} - 2, {self.fit(self.fexpr(inner, 1), FLOAT).text})"
            ]
        elif kind == 3:
            most, calls = 3, 2
            i, s = self.fresh(inner, ["i", "j"]), self.fresh(inner, ["s", "total", "out"])
            tail = [
                f"{s} = {self.pick(['0', '0.0'])}",
                f"for {i} in range(2):",
                f"    {s} += 0.4 * {name}({k} - 1, {step.text} + 0.1 * {i})",
                f"return {s} + {local.text}",
            ]
        elif kind == 4:
            most, calls = 3, 2
            tail = [f"return {name}({k} - 1, 0.5 * {name}({k} - 1, {step.text}) + {local.text})"]
        elif kind == 5:
            tail = [
                f"if {self.bexpr(inner, 1)}:",
                f"    return {name}({k} - 1, {step.text})",
                f"return {a!r} * {name}({k} - 1, {local.text})",
            ]
        else:
            tail = [f"{v} = {name}({k} - 1, {step.text})", *self.update(inner, inner.vars[v]), f"return {v}"]
        if calls == 2 and inner.cost > 12:
            most = 2
        self.tags.add("recursion")
        if self.reads_outside(inner, sc):
            self.tags.add("recursion with captures")
        var = self.recursive(sc, name, (inner.cost + 1) * (most + 1 if calls == 1 else 2 ** (most + 1)), inner.pure, most)
        lines = [f"def {name}({k}, {v}):", *indent([f"if {k} <= 0:", f"    return {base.text}", *body, *tail])]
        return lines + self.use(sc, var)

    def reads_outside(self, inner: Scope, sc: Scope) -> bool:
        return any(v.captured for s in sc.chain() if s.depth > 0 for v in s.vars.values())

    @form(0.8, 4, focus=1.5)
    def mutual_recursion(self, sc: Scope) -> Lines | None:
        """Two functions that call each other."""
        if sc.depth > 2 or sc.trips > 12:
            return None
        names = [self.fresh(sc, FUNCTION_NAMES)]
        sc.used.add(names[0])
        names.append(self.fresh(sc, FUNCTION_NAMES))
        sc.used.add(names[1])
        lines: Lines = []
        cost, pure = 1, True
        for me, other in (names, names[::-1]):
            inner, k, v = self.recursive_scope(sc, me)
            base = self.fit(self.fexpr(inner, 1), FLOAT)
            body = self.block(inner, 1) if self.chance(0.4) else []
            step = self.fit(self.fexpr(inner, 2), NARROW)
            local = self.fit(self.fexpr(inner, 1), NARROW)
            tail = self.pick(
                [
                    f"return {other}({k} - 1, {step.text})",
                    f"return {self.number(0.2, 0.5)!r} * {other}({k} - 1, {step.text}) + {local.text}",
                ]
            )
            test = self.pick([f"if {k} <= 0:", f"if {k} < 1:", f"if not {k} > 0:"])
            lines += [f"def {me}({k}, {v}):", *indent([test, f"    return {base.text}", *body, tail])]
            cost, pure = max(cost, inner.cost), pure and inner.pure
        self.tags.add("mutual recursion")
        var = self.recursive(sc, names[0], (cost + 1) * 5, pure)
        return lines + self.use(sc, var)

    @form(0.6, 3)
    def recursion_on_structure(self, sc: Scope) -> Lines | None:
        """A function that takes a tuple apart."""
        if sc.depth > 2 or sc.trips > 12:
            return None
        name = self.fresh(sc, FUNCTION_NAMES)
        inner = Scope(sc, sc.depth + 1)
        sc.used.add(name)
        inner.used.add("items")
        inner.bind("head", "float", FLOAT)
        e = self.fit(self.fexpr(inner, 2), NARROW)
        c = self.number(0.2, 0.5)
        test = self.pick(["if not items:", "if len(items) == 0:"])
        body = [
            test,
            f"    return {const(self.number(-1, 1)).text}",
            *self.pick(
                [
                    ["head, *tail = items", f"return {e.text} + {c!r} * {name}(tail)"],
                    ["head = items[0]", f"return {e.text} + {c!r} * {name}(items[1:])"],
                ]
            ),
        ]
        self.tags.add("recursion")
        self.tags.add("recursion on structure")
        items = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(self.rng.randint(1, 3))]
        open_, close = self.pick([("(", ",)"), ("[", "]")])
        sc.pure = sc.pure and inner.pure
        out, text = self.new(sc, Expr(f"{name}({open_}{', '.join(items)}{close})", FLOAT))
        return [f"def {name}(items):", *indent(body), f"{out} = {text}"]

    # -- functions of functions ------------------------------------------------------------------------------------------

    @form(1.2, 3)
    def higher_order(self, sc: Scope) -> Lines | None:
        """A function that takes a function: applied twice, in a loop, folded, to each item, under a test."""
        if sc.depth > 3 or sc.trips > 20:
            return None
        name = self.taken(sc, ["apply", "twice", "each", "fold", "iterate"])
        self.tags.add("function as argument")
        f = self.pick(["fn", "g1", "op"])
        kind = self.rng.randrange(6)
        c = self.number(0.2, 0.7)
        given = [self.plain_function(sc)]
        x = self.fit(self.fexpr(sc, 1), FLOAT)
        if kind == 0:
            lines = [f"def {name}({f}, t):", f"    return {f}({f}(t) * {c!r})"]
            call = f"{name}({given[0].text}, {x.text})"
        elif kind == 1:
            n = self.fit_int(self.iexpr(sc, 0), FEW)
            lines = [
                f"def {name}({f}, t, times):",
                "    for _ in range(times):",
                f"        t = {c!r} * {f}(t) + {1 - c:.2f} * t",
                "    return t",
            ]
            call = f"{name}({given[0].text}, {x.text}, times={n.text})"
        elif kind == 2:
            items = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(2)]
            lines = [
                f"def {name}({f}, items, start=0.0):",
                "    for item in items:",
                f"        start = {f}(0.5 * start + 0.5 * item)",
                "    return start",
            ]
            call = f"{name}({given[0].text}, ({', '.join(items)}){self.pick(['', f', {x.text}'])})"
        elif kind == 3:
            given.append(self.plain_function(sc))
            lines = [
                f"def {name}({f}, g2, t):",
                f"    return {f}(t) if t > {const(self.number(-2, 2)).text} else g2(t)",
            ]
            call = f"{name}({given[0].text}, {given[1].text}, {x.text})"
        elif kind == 4:
            lines = [f"def {name}({f}, *args):", f"    return {f}(*args) * {c!r}"]
            call = f"{name}({given[0].text}, {x.text})"
        else:
            lines = [
                f"def {name}({f}, k, t):",
                "    if k <= 0:",
                "        return t",
                f"    return {name}({f}, k - 1, {c!r} * {f}(t))",
            ]
            n = self.fit_int(self.iexpr(sc, 0), FEW)
            call = f"{name}({given[0].text}, {n.text}, {x.text})"
            self.tags.add("recursion")
        out, text = self.new(sc, Expr(call, FLOAT))
        return [*lines, f"{out} = {text}"]

    @form(1.0, 3, focus=3.5)
    def returned_closure(self, sc: Scope) -> Lines | None:
        """A function that makes functions: with captured values, with state of its own, by composition."""
        if sc.depth > 2 or sc.trips > 20:
            return None
        name = self.taken(sc, ["make", "adder", "compose", "build", "factory"])
        self.tags.add("closure returned")
        kind = self.weighted([(1, 0), (1, 1), (1, 2), (1.5, 3), (1.8, 4)])
        made = self.taken(sc, FUNCTION_NAMES)
        x, _y = (self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(2))
        if kind == 0:
            inner = Scope(sc, sc.depth + 1)
            inner.bind("c", "float", FLOAT)
            t, body = self.lambda_body(inner, 2)
            lines = [f"def {name}(c):", f"    return lambda {t}: {body.text}", f"{made} = {name}({x.text})"]
            sc.bind(made, Fn([Param(t, "float", FLOAT, "only")], body.range, 0, inner.pure), FLOAT, fixed=True)
            sc.pure = sc.pure and inner.pure
        elif kind == 1:
            inner = Scope(sc, sc.depth + 1)
            inner.bind("c", "float", FLOAT)
            defined, var = self.define(inner, plain=True, size=self.pick([0, 1]))
            fn = var.type
            assert isinstance(fn, Fn)
            lines = [f"def {name}(c):", *indent([*defined, f"return {var.name}"]), f"{made} = {name}({x.text})"]
            for p in fn.params:
                p.kind = "only"
            sc.bind(made, fn, FLOAT, fixed=True)
        elif kind == 2:
            f, g = self.plain_function(sc), self.plain_function(sc)
            lines = [
                f"def {name}(f1, g2):",
                "    return lambda t: f1(0.9 * g2(t))",
                f"{made} = {name}({f.text}, {g.text})",
            ]
            sc.bind(made, Fn([Param("t", "float", FLOAT, "only")], FLOAT, 0, False, 9), FLOAT, fixed=True)
        elif kind == 3:
            self.tags.add("closure returned with state")
            c = self.number(0.2, 0.7)
            lines = [
                f"def {name}(start):",
                "    level = start",
                "    def advance(t):",
                "        nonlocal level",
                f"        level = {c!r} * level + {1 - c:.2f} * t",
                "        return level",
                "    return advance",
                f"{made} = {name}({x.text})",
            ]
            sc.bind(made, Fn([Param("t", "float", FLOAT, "only")], FLOAT, 0, False), FLOAT, fixed=True)
        else:
            c = self.number(0.3, 0.9)
            self.tags.add("functools.partial")
            e = self.pick([f"{c!r} * a1 + 0.1 * b1", f"a1 if a1 < b1 else {c!r} * b1"])
            lines = [
                f"def {name}(a1, b1):",
                f"    return {e}",
                f"{made} = functools.partial({name}, {self.pick([x.text, f'b1={x.text}'])})",
            ]
            sc.bind(made, Fn([Param("b1", "float", FLOAT, "only")], FLOAT), FLOAT, fixed=True)
            self.imports.add("functools")
        return [*lines, *self.use(sc, sc.vars[made])]

    imports: set[str]

    @form(1.0, 3)
    def closures_in_container(self, sc: Scope) -> Lines | None:
        """Functions in a tuple, list or dict: called by index, in a loop, in a comprehension."""
        if sc.depth > 3 or sc.trips > 12:
            return None
        self.tags.add("closures in a container")
        fs = [self.plain_function(sc) for _ in range(self.rng.randint(2, 3))]
        name = self.taken(sc, ["fs", "ops", "stages"])
        x = self.fit(self.fexpr(sc, 1), FLOAT)
        kind = self.rng.randrange(5)
        open_, close = self.pick(["()", "[]"])
        lines = [f"{name} = {open_}{', '.join(f.text for f in fs)}{close}"]
        if kind == 0:
            out, text = self.new(sc, Expr(f"{name}[{self.rng.randrange(len(fs))}]({x.text})", FLOAT))
            return [*lines, f"{out} = {text}"]
        if kind == 1:
            out, text = self.new(sc, Expr(f"sum(0.3 * fn({x.text}) for fn in {name})", FLOAT))
            return [*lines, f"{out} = {text}"]
        if kind == 2:
            keys = self.rng.sample(["up", "down", "flat"], len(fs))
            lines = [f"{name} = {{{', '.join(f'{k!r}: {f.text}' for k, f in zip(keys, fs, strict=True))}}}"]
            out, text = self.new(sc, Expr(f"{name}[{keys[0]!r}]({x.text})", FLOAT))
            return [*lines, f"{out} = {text}"]
        out, text = self.new(sc, x)
        lines.append(f"{out} = {text}")
        fn = self.fresh(sc, ["fn", "stage", "op"])
        before = sc.snapshot()
        sc.forget()
        i = self.fresh(sc, ["i", "j"])
        if kind == 3:
            inner = self.block(sc, 1) if self.chance(0.4) else []
            sc.restore(before)
            sc.forget(sorted(sc.assigned))
            return [*lines, f"for {fn} in {name}:", *indent([*inner, f"{out} = 0.8 * {fn}({out})"])]
        sc.restore(before)
        sc.forget([out])
        weight = f"(1 + {i}) * 0.25"
        return [*lines, f"for {i}, {fn} in enumerate({name}):", f"    {out} = {weight} * {fn}({out}) + 0.1"]

    @form(1.0, 3, focus=3.5)
    def closure_in_loop(self, sc: Scope) -> Lines | None:
        """A function made anew in each trip: called there, chained on the one before, or kept for later."""
        if sc.depth > 3 or sc.trips > 12:
            return None
        kind = self.weighted([(2, 0), (1.5, 1), (1, 2), (1, 3), (1.5, 4)])
        i = self.fresh(sc, ["i", "j", "k"])
        out, text = self.new(sc, self.fexpr(sc, 1))
        lines = [f"{out} = {text}"]
        n = self.rng.randint(2, 3)
        c = self.number(0.2, 0.8)
        e = self.fit(self.fexpr(sc, 0), FLOAT).text
        if kind == 0:
            self.tags.add("closure rebuilt in a loop")
            count = self.fit_int(self.iexpr(sc, 1), FEW).text if self.chance(0.6) else str(n)
            before = sc.snapshot()
            assigned, sc.assigned = sc.assigned, set()
            sc.forget()
            sc.bind(i, "int", Interval(0, 5), fixed=True)
            sc.loops.append("for")
            sc.trips *= 4
            defined, var = self.define(sc, size=self.pick([0, 1]), plain=True)
            body = [*defined, f"{out} = {self.put(sc, sc.vars[out], self.call(sc, var, 1))}"]
            if self.chance(0.9) and not var.captured:
                del sc.vars[var.name]
                again, var2 = self.define(sc, size=0, plain=True, name=var.name)
                self.tags.add("function redefined in a loop")
                body += [*again, f"{out} = {self.put(sc, sc.vars[out], self.call(sc, var2, 1))}"]
            sc.trips //= 4
            sc.loops.pop()
            written = sc.assigned
            sc.assigned = assigned | written
            sc.restore(before)
            sc.forget(sorted(written))
            return [*lines, f"for {i} in range({count}):", *indent(body)]
        f = self.fresh(sc, FUNCTION_NAMES)
        sc.used |= {f, i}
        sc.vars[out].now = FLOAT
        if kind == 1:
            self.tags.add("closure rebuilt in a loop")
            self.tags.add("closures chained")
            if self.chance(0.8):  # a later rebinding of what they capture is refused
                for v in sc.visible(lambda v: re.search(rf"\b{v.name}\b", e) is not None):
                    v.fixed = True
            last = out
            if self.chance(0.8):
                last = self.fresh(sc, FLOAT_NAMES)
                sc.bind(last, "float", FLOAT)
            return [
                *lines,
                f"{f} = lambda t: {c!r} * t",
                f"for {i} in range({n}):",
                f"    {f} = (lambda g1, k1: lambda t: 0.5 * g1(t) + k1 * 0.1 * {e})({f}, {i})",
                f"{last} = {f}({out})",
            ]
        late = kind in (2, 3)
        self.tags.add("late-bound capture" if late else "capture by default")
        fs = self.taken(sc, ["fs", "kept", "calls"])
        made = f"lambda t: {c!r} * t + 0.2 * {i}" if late else f"lambda t, {i}={i}: {c!r} * t + 0.2 * {i}"
        use = self.pick(
            [
                [f"for {f} in {fs}:", f"    {out} = 0.7 * {f}({out})"],
                [f"{out} = 0.4 * sum({f}({out}) for {f} in {fs})"],
                [f"{out} = {fs}[0]({out})"],
            ]
        )
        if kind == 2 and self.chance(0.5):
            return [*lines, f"{fs} = [{made} for {i} in range({n})]", *use]
        return [*lines, f"{fs} = []", f"for {i} in range({n}):", f"    {fs}.append({made})", *use]

    @form(0.9, 2)
    def late_binding(self, sc: Scope) -> Lines | None:
        """A function reads a variable that is bound, or bound again, after its definition."""
        if sc.depth > 3:
            return None
        self.tags.add("late-bound capture")
        (
            f,
            q,
        ) = self.fresh(sc, FUNCTION_NAMES), self.fresh(sc, FLOAT_NAMES)
        sc.used |= {f, q}
        e = self.fit(self.fexpr(sc, 1), NARROW)
        first, second = (self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(2))
        x = self.fit(self.fexpr(sc, 1), FLOAT)
        define = self.pick([[f"{f} = lambda t: 0.4 * t * {q}"], [f"def {f}(t):", f"    return 0.5 * {q} + 0.3 * t"]])
        a, b = self.fresh(sc, FLOAT_NAMES), ""
        if self.chance(0.5):
            sc.bind(q, "float", FLOAT, captured=True)
            sc.bind(a, "float", Interval(-7, 7), Interval(-7, 7))
            return [*define, f"{q} = {first.text}", f"{a} = {f}({x.text})"]
        sc.bind(q, "float", FLOAT, captured=True)
        sc.bind(a, "float", Interval(-7, 7), Interval(-7, 7))
        b = self.fresh(sc, FLOAT_NAMES)
        sc.bind(b, "float", Interval(-7, 7), Interval(-7, 7))
        return [
            f"{q} = {first.text}",
            *define,
            f"{a} = {f}({x.text})",
            f"{q} = {self.fit(Expr(f'({second.text} + 0.2 * {q})', FLOAT + UNIT), FLOAT).text}",
            f"{b} = {f}({e.text})",
        ]

    @form(0.5, 2)
    def redefined(self, sc: Scope) -> Lines | None:
        """One name, two functions, one after the other."""
        if sc.depth > 3:
            return None
        lines, var = self.define(sc, size=0)
        lines += self.use(sc, var)
        if var.captured:
            return lines
        self.tags.add("function redefined")
        del sc.vars[var.name]
        again, var = self.define(sc, size=0, name=var.name)
        return [*lines, *again, *self.use(sc, var)]

    # -- containers that are shared ----------------------------------------------------------------------------------------

    @form(0.8, 2, focus=1.5)
    def aliased_list(self, sc: Scope) -> Lines:
        """A list under two names, or written by a function that it is passed to."""
        self.tags.add("aliased list")
        name = self.fresh(sc, ["xs", "buf", "cells"])
        es = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(3)]
        sc.bind(name, Seq("list", ("float",) * 3), FLOAT)
        e = self.fit(self.fexpr(sc, 1), NARROW).text
        lines = [f"{name} = [{', '.join(es)}]"]
        if self.chance(0.5):
            other = self.fresh(sc, ["same", "view", "alias"])
            sc.bind(other, Seq("list", ("float",) * 3), FLOAT)
            return [*lines, f"{other} = {name}", f"{other}[{self.rng.randrange(3)}] = {e}"]
        f = self.taken(sc, ["bump", "fill", "touch"])
        count = self.fit_int(self.iexpr(sc, 0), FEW).text
        call = [f"{f}({name}, {e})"] if self.chance(0.5) else [f"for _ in range({count}):", f"    {f}({name}, {e})"]
        return [
            *lines,
            f"def {f}(target, v):",
            f"    target[{self.rng.randrange(3)}] = 0.5 * target[0] + 0.5 * v",
            *call,
        ]

    @form(0.6, 2, focus=5.0)
    def copied_list(self, sc: Scope) -> Lines:
        """A list and its copy, changed apart; items inserted, taken out, turned round."""
        name, other = self.fresh(sc, ["xs", "buf", "cells"]), self.fresh(sc, ["copy", "fresh_", "left_"])
        es = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(3)]
        e = self.fit(self.fexpr(sc, 1), NARROW).text
        how, n = self.pick(
            [
                (f"{name}[:]", 3),
                (f"list({name})", 3),
                (f"{name}.copy()", 3),
                (f"{name}.copy()", 3),
                (f"[*{name}]", 3),
                (f"[*{name}]", 3),
                (f"[{e}, *{name}]", 4),
                (f"{name} + [{e}]", 4),
                (f"{name}[::-1]", 3),
            ]
        )
        change, n = self.pick(
            [
                (f"{other}[0] = {e}", n),
                (f"{other}[-1] *= 0.5", n),
                (f"{other}.insert(1, {e})", n + 1),
                (f"{other}.insert(0, {e})", n + 1),
                (f"{other}.reverse()", n),
                (f"{other}.reverse()", n),
                (f"{other}.pop(0)", n - 1),
                (f"{other}.extend(({e}, 0.25))", n + 2),
            ]
        )
        sc.bind(name, Seq("list", ("float",) * 3), FLOAT)
        sc.bind(other, Seq("list", ("float",) * n), FLOAT)
        return [f"{name} = [{', '.join(es)}]", f"{other} = {how}", change]

    @form(0.5, 2)
    def best_so_far(self, sc: Scope) -> Lines:
        """None at first, then a number: over items that are known apart."""
        self.tags.add("None at first")
        best, item = self.fresh(sc, ["best", "last", "least"]), self.fresh(sc, ["item", "e", "cand"])
        es = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in range(3)]
        sc.bind(best, "float", FLOAT)
        op = self.pick("<>")
        return [
            f"{best} = None",
            f"for {item} in ({', '.join(es)}):",
            f"    if {best} is None or {item} {op} {best}:",
            f"        {best} = {item}",
        ]

    # -- derivatives inside --------------------------------------------------------------------------------------------------

    @form(1.5, 3, focus=11.0)
    def derivative(self, sc: Scope) -> Lines | None:
        """irad.grad and the like of a function of the program, which may capture what is differentiated outside."""
        if sc.depth > 2 or sc.trips > 4 or self.exact or self.pure_depth:
            return None
        f = self.taken(sc, ["energy", "cost", "phi", "potential", "psi"])
        two = self.chance(0.4)
        inner = Scope(sc, sc.depth + 1)
        params = ["t", "w1"][: 2 if two else 1]
        for p in params:
            inner.bind(p, "float", FLOAT)
        self.pure_depth += 1
        body: Lines = []
        if self.chance(0.3) and self.room > 0:
            body = self.block(inner, self.pick([1, 2]))
        e = self.fexpr(inner, 2)
        for p in params:
            e = Expr(f"({e.text} + {const(self.number(-1, 1)).text} * math.sin({p}) * {p})", e.range + FLOAT)
        if body and inner.pure:
            lines = [f"def {f}({', '.join(params)}):", *indent([*body, f"return {e.text}"])]
        elif self.chance(0.5) or body:
            lines = [f"def {f}({', '.join(params)}):", f"    return {e.text}"] if not body else []
        else:
            lines = [f"{f} = lambda {', '.join(params)}: {e.text}"]
        self.pure_depth -= 1
        if not lines or not inner.pure:
            return None
        x, y = (
            self.pick([f"float({e.text})", f"({e.text} + 0.25)"])
            for e in (self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(2))
        )
        names: list[str] = []

        def name() -> str:
            names.append(self.fresh(sc, FLOAT_NAMES))
            sc.used.add(names[-1])
            return names[-1]

        args = f"{x}, {y}" if two else x
        kind = self.weighted([(1, 0), (1.9, 1), (1.7, 2), (3.0, 3), (0.8, 4), (1.6, 5), (1.7, 6), (2.3, 7)])
        tag, call = "irad.grad", ""
        if kind == 0:
            call = f"{name()} = irad.grad({f}{', argnums=1' if two else ''})({args})"
        elif kind == 1:
            tag, call = "irad.value_and_grad", f"{name()}, {name()} = irad.value_and_grad({f})({args})"
        elif kind == 2:
            tag = "irad.jvp"
            call = f"{name()}, {name()} = irad.jvp({f}, ({args},), ({'1.0, 0.5' if two else y},))"
        elif kind == 3:
            tag = "irad.grad of irad.grad"
            g = f"irad.grad(irad.grad({f}))" if self.chance(0.45) else f"irad.hessian({f})"
            call = f"{name()} = {g}({args})"
        elif kind == 4 and two:
            call = f"{name()}, {name()} = irad.grad({f}, argnums=(0, 1))({args})"
        elif kind == 5:
            tag = "irad.vjp"
            pull = self.taken(sc, ["pull", "back"])
            lines += [f"{name()}, {pull} = irad.vjp({f}, {args})"]
            call = f"{name()} = {pull}({const(self.number(0.5, 1.5)).text})[0]"
        elif kind == 6:
            z = name()
            tag = "irad.grad in a loop"
            lines += [f"{z} = {x}"]
            rest = f", {y}" if two else ""
            call = f"for _ in range({self.rng.randint(2, 3)}):\n    {z} = {z} - 0.1 * math.tanh(irad.grad({f})({z}{rest}))"
        elif kind == 7:
            tag = "irad.jacfwd"
            call = f"{name()} = irad.{self.pick(['jacfwd', 'jacrev'])}({f})({args})"
        else:
            call = f"{name()} = irad.grad({f})({args})"
        self.tags |= {tag, "derivative inside"}
        self.imports.add("irad")
        out = self.fresh(sc, FLOAT_NAMES)
        squash = self.pick(["sin", "tanh", "cos"])
        total = " + ".join(names)
        sc.bind(out, "float", UNIT, FLOAT)
        sc.cost += 30 * sc.trips
        return [*lines, *call.split("\n"), f"{out} = math.{squash}(0.3 * ({total}))"]
