"""Expressions: floats, with the interval that they lie in.

Each production is a method that gives an `Expr`, or None where it does not apply. Arguments of functions with a domain
are moved into it; what grows too large is squashed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tests.generator.decisions import Decisions
from tests.generator.drawing import Production
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLAGS, FLOAT, NARROW, UNIT, WIDE, Array, Fn, Param, Record, Scope, Seq, Shape, Table, Var

__all__ = ["DOMAINS", "OTHERS", "Expressions"]
# name -> (where its argument must lie, whether its image is that of the ends)
DOMAINS: dict[str, Interval] = {
    "exp": Interval(-3, 1.5),
    "expm1": Interval(-3, 1.5),
    "exp2": Interval(-3, 2),
    "log": Interval(0.1, 60),
    "log2": Interval(0.1, 60),
    "log10": Interval(0.1, 60),
    "log1p": Interval(-0.85, 60),
    "sqrt": Interval(0.06, 1e4),
    "cbrt": Interval(0.06, 1e4),
    "asin": Interval(-0.9, 0.9),
    "atanh": Interval(-0.9, 0.9),
    "sinh": Interval(-2, 2),
    "asinh": Interval(-60, 60),
    "tanh": Interval(-4, 4),
    "atan": Interval(-60, 60),
    "erf": Interval(-3, 3),
    "tan": Interval(-1.2, 1.2),
    "acosh": Interval(1.15, 60),
    "degrees": Interval(-1, 1),
    "radians": Interval(-60, 60),
}
OTHERS = {"sin": UNIT, "cos": UNIT, "acos": Interval(0, math.pi), "cosh": Interval(1, 4), "erfc": Interval(0, 2)}


class Expressions(Decisions):
    """Draws floats, items of containers, and calls."""

    # -- floats --------------------------------------------------------------------------------------------------------

    def fexpr(self, sc: Scope, depth: int) -> Expr:
        """A float."""
        self.fuel -= 1
        if depth <= 0 or self.fuel < -400:
            return self.leaf(sc)
        options: list[tuple[float, Production]] = [
            *self.array_floats,
            (9, self.arithmetic),
            (3, self.quotient),
            (1, self.negated),
            (3, self.leaf_at),
            (2, self.conditional),
            (3, self.called),
            (1.2, self.extreme),
            (1.0, self.absolute),
            (1.2, self.reduced),
            (1.5, self.of_container),
            (0.8, self.value_of_and_or),
            (1.0, self.mixed),
            (0.5, self.flagged),
            (0.4, self.called_lambda),
        ]
        if self.exact:
            options += [(1.5, self.root)]
        else:
            options += [(5, self.elementary), (1.5, self.powered), (1.2, self.stepped), (0.8, self.two_arguments)]
        out = self.weighted(options)(sc, depth - 1) or self.leaf(sc)
        return self.fit(out, WIDE) if out.range.size > WIDE.hi else out

    def leaf(self, sc: Scope) -> Expr:
        var = self.some(sc, lambda v: v.type == "float")
        if var is not None and self.chance(0.85):
            return self.read(sc, var)
        other = self.of_container(sc, 0) if self.chance(0.3) else None
        if other is None and self.chance(0.05):
            name = self.pick(["pi", "e"])
            return Expr(f"math.{name}", const(getattr(math, name)).range)
        return other or const(self.number(-2, 2))

    def leaf_at(self, sc: Scope, depth: int) -> Expr:
        return self.leaf(sc)

    def arithmetic(self, sc: Scope, depth: int) -> Expr:
        x, y = self.fexpr(sc, depth), self.fexpr(sc, depth if self.chance(0.6) else 0)
        op = self.pick("+-**")
        if op == "*" and x.range.size * y.range.size > WIDE.hi:
            y = self.fit(y, UNIT)
        result = x.range + y.range if op == "+" else x.range - y.range if op == "-" else x.range * y.range
        return Expr(f"({x.text} {op} {y.text})", result)

    def quotient(self, sc: Scope, depth: int) -> Expr:
        x, y = self.fexpr(sc, depth), self.fexpr(sc, depth)
        if not y.range.avoids_zero(0.3):
            y = self.positive(sc, y, 0.4)
        return Expr(f"({x.text} / {y.text})", x.range * y.range.inverse())

    def negated(self, sc: Scope, depth: int) -> Expr:
        x = self.fexpr(sc, depth)
        return Expr(f"(-{x.text})", -x.range) if self.chance(0.9) else Expr(f"(+{x.text})", x.range)

    def root(self, sc: Scope, depth: int) -> Expr:
        x = self.positive(sc, self.fexpr(sc, depth), 0.2)
        return Expr(f"math.sqrt({x.text})", x.range.monotone("sqrt"))

    def elementary(self, sc: Scope, depth: int) -> Expr:
        name = self.pick(["sin", "cos", "exp", "tanh", "log", "sqrt"] if self.chance(0.5) else [*DOMAINS, *OTHERS])
        x = self.fexpr(sc, depth)
        if name in OTHERS:
            wanted = {"acos": Interval(-0.9, 0.9), "cosh": NARROW, "erfc": Interval(-3, 3)}.get(name, WIDE)
            return Expr(f"math.{name}({self.fit(x, wanted).text})", OTHERS[name])
        domain = DOMAINS[name]
        if not x.range.within(domain):
            x = self.positive(sc, x, domain.lo + 0.05) if domain.lo > 0 and self.chance(0.7) else x
            x = self.fit(x, domain)
        out = x.range * Interval(57, 58) if name == "degrees" else x.range if name == "radians" else x.range.monotone(name)
        return Expr(f"math.{name}({x.text})", out)

    def powered(self, sc: Scope, depth: int) -> Expr:
        x = self.fexpr(sc, depth)
        if self.chance(0.55):
            n = self.pick([2, 2, 3, 4])
            x = self.fit(x, FLOAT if n < 4 else NARROW)
            text = (
                f"({x.text} ** {n})"
                if self.chance(0.7)
                else f"pow({x.text}, {n})"
                if self.chance(0.5)
                else f"({x.text} ** {n}.0)"
            )
            return Expr(text, x.range.power(n))
        x = self.fit(self.positive(sc, x, 0.3), Interval(0.3, 4))
        if self.chance(0.4):
            e = self.pick(["0.5", "1.5", "-1", "-2", "-0.5", "2.5"])
            p = float(e)
            ends = (x.range.lo**p, x.range.hi**p)
            return Expr(f"({x.text} ** ({e}))", Interval(min(ends), max(ends)))
        y = self.fit(self.fexpr(sc, depth), NARROW)
        text = f"({x.text} ** {y.text})" if self.chance(0.6) else f"math.pow({x.text}, {y.text})"
        ends = tuple(a**b for a in (x.range.lo, x.range.hi) for b in (y.range.lo, y.range.hi))
        return Expr(text, Interval(min(ends), max(ends)))

    def stepped(self, sc: Scope, depth: int) -> Expr:
        """Remainders and roundings: smooth but for steps."""
        x = self.fexpr(sc, depth)
        c = abs(self.number(0.6, 2.5))
        kind = self.rng.randrange(9)
        if kind == 0:
            return Expr(f"({x.text} % {c!r})", Interval(0, c))
        if kind == 1:
            return Expr(f"({x.text} // {c!r})", (x.range * Interval(1 / c, 1 / c)).rounded())
        if kind == 2:
            return Expr(f"({x.text} - math.{self.pick(['floor', 'ceil', 'trunc'])}({x.text}))", UNIT)
        if kind == 3:
            return Expr(f"math.fmod({x.text}, {c!r})", Interval(-c, c))
        if kind == 4:
            y = self.positive(sc, self.fexpr(sc, depth), 0.5)
            return Expr(f"({x.text} % {y.text})", Interval(0, y.range.hi))
        if kind == 5:
            return Expr(
                f"divmod({x.text}, {c!r})[{self.rng.randrange(2)}]",
                x.range.rounded().hull(Interval(-c, c)) * Interval(1, 2),
            )
        if kind == 6:
            return Expr(f"math.copysign({x.text}, {self.fexpr(sc, 0).text})", Interval(-x.range.size, x.range.size))
        if kind == 7:
            return Expr(f"({x.text} * round({self.fit(self.fexpr(sc, 0), FLOAT).text}))", x.range * FLOAT)
        return Expr(f"math.fabs({x.text})", x.range.absolute())

    def two_arguments(self, sc: Scope, depth: int) -> Expr:
        x, y = self.fexpr(sc, depth), self.fexpr(sc, depth)
        if self.chance(0.5):
            y = self.positive(sc, y, 0.3)
            return Expr(f"math.atan2({x.text}, {y.text})", Interval(-1.6, 1.6))
        y = self.positive(sc, y, 0.3)
        return Expr(f"math.hypot({x.text}, {y.text})", Interval(0.3, x.range.size + y.range.size))

    def conditional(self, sc: Scope, depth: int) -> Expr:
        test, x, y = self.bexpr(sc, depth), self.fexpr(sc, depth), self.fexpr(sc, depth)
        return Expr(f"({x.text} if {test} else {y.text})", x.range.hull(y.range))

    def extreme(self, sc: Scope, depth: int) -> Expr:
        items = [self.fexpr(sc, depth if i < 2 else 0) for i in range(self.pick([2, 2, 3]))]
        name = self.pick(["min", "max"])
        inside = ", ".join(e.text for e in items)
        end = min if name == "min" else max
        out = Interval(end(e.range.lo for e in items), end(e.range.hi for e in items))
        return Expr(f"{name}({inside})" if self.chance(0.8) else f"{name}(({inside}))", out)

    def absolute(self, sc: Scope, depth: int) -> Expr:
        x = self.fexpr(sc, depth)
        return Expr(f"abs({x.text})", x.range.absolute())

    def mixed(self, sc: Scope, depth: int) -> Expr:
        """An int among floats."""
        i, x = self.fit_int(self.iexpr(sc, 1), Interval(-9, 9)), self.fexpr(sc, depth)
        kind = self.rng.randrange(5)
        if kind == 0:
            return Expr(f"float({i.text})", i.range)
        if kind == 1:
            return Expr(f"({i.text} * {x.text})", i.range * x.range)
        if kind == 2:
            return Expr(f"({x.text} + {i.text})", x.range + i.range)
        if kind == 3:
            k = self.rng.randint(2, 9)
            return Expr(f"({i.text} / {k})", i.range * Interval(1 / k, 1 / k))
        return Expr(f"({x.text} - {i.text})", x.range - i.range)

    def flagged(self, sc: Scope, depth: int) -> Expr:
        """A truth value as a number."""
        test, x = self.bexpr(sc, depth), self.fexpr(sc, depth)
        return Expr(
            f"({x.text} * ({test}))" if self.chance(0.5) else f"({x.text} + int({test}))",
            x.range.hull(Interval(0, 0)) + FLAGS,
        )

    def value_of_and_or(self, sc: Scope, depth: int) -> Expr:
        """`and`, `or` with Python's values: one of the operands."""
        x, y = self.fexpr(sc, depth), self.fexpr(sc, depth)
        if self.chance(0.3):
            i = self.fit_int(self.iexpr(sc, 0), Interval(-6, 6))
            return Expr(f"({i.text} {self.pick(['and', 'or'])} {y.text})", i.range.hull(y.range))
        return Expr(f"({x.text} {self.pick(['and', 'or'])} {y.text})", x.range.hull(y.range))

    def called_lambda(self, sc: Scope, depth: int) -> Expr:
        """A lambda called on the spot."""
        if sc.depth > 3:
            return self.leaf(sc)
        x = self.fit(self.fexpr(sc, depth), FLOAT)
        name, body = self.lambda_body(sc, depth)
        return Expr(f"(lambda {name}: {body.text})({x.text})", body.range)

    def lambda_body(self, sc: Scope, depth: int, ints: int = 0) -> tuple[str, Expr]:
        """The parameter and the body of a lambda of one float."""
        inner = Scope(sc, sc.depth + 1, is_lambda=True, trips=sc.trips)
        name = self.fresh(sc, ["t", "y1", "arg", "e", "val"]) if self.chance(0.8) else self.pick(["t", "x", "s", "a"])
        inner.bind(name, "float", FLOAT)
        body = self.fit(self.fexpr(inner, depth + 1), FLOAT)
        if inner.vars[name].reads == 0:
            body = self.fit(Expr(f"({body.text} + 0.5 * {name})", body.range + NARROW), WIDE)
        return name, body

    def reduced(self, sc: Scope, depth: int) -> Expr | None:
        """sum, min, max or prod of a generator, over known or unknown numbers of items."""
        if sc.trips > 60:
            return None
        targets, iterable, count, undo = self.comprehension_head(sc)
        x = self.fit(self.fexpr(sc, depth), NARROW)
        condition = f" if {self.bexpr(sc, 0)}" if self.chance(0.2) else ""
        undo()
        name = self.pick(["sum", "sum", "sum", "max", "min"])
        if name != "sum" and condition:
            name, condition = self.pick(["min", "max"]), ""
        body = f"{x.text} for {targets} in {iterable}{condition}"
        sc.cost += count * sc.trips
        if name == "sum":
            start = f", {const(self.number(-1, 1)).text}" if self.chance(0.15) else ""
            return Expr(f"sum(({body}){start})" if start else f"sum({body})", Interval(-2.0 * count - 1, 2.0 * count + 1))
        return Expr(f"{name}({body})" if self.chance(0.7) else f"{name}([{body}])", x.range)

    def comprehension_head(self, sc: Scope) -> tuple[str, str, int, Callable[[], None]]:
        """(targets, iterable, greatest number of items, undo): the variables are bound until `undo`."""
        before = dict(sc.vars)
        used = set(sc.used)
        assigned = set(sc.assigned)
        kind = self.rng.randrange(6)
        name = self.fresh(sc, ["i", "j", "l", "e", "item", "t"]) if self.chance(0.9) else self.pick(["i", "j", "t"])
        array = self.some(sc, lambda v: isinstance(v.type, Array) and len(v.type.shape) == 1)
        if array is not None and isinstance(array.type, Array) and self.chance(0.4):
            text, count = self.read(sc, array).text, array.type.shape[0]
            if self.chance(0.4):
                sc.bind(name + "1", "int", Interval(0, count - 1), fixed=True)
                sc.bind(name, "float", array.bound, fixed=True)
                name, text = f"{name}1, {name}", f"enumerate({text})"
            else:
                sc.bind(name, "float", array.bound, fixed=True)
        elif kind <= 1:
            text, count, low = self.range_text(sc, least=1)
            sc.bind(name, "int", Interval(low, low + 3 * count), fixed=True)
        elif kind == 2:
            items = [self.fit(self.fexpr(sc, 0), FLOAT) for _ in range(self.rng.randint(2, 3))]
            open_, close = self.pick(["()", "[]"])
            text, count = f"{open_}{', '.join(e.text for e in items)}{close}", len(items)
            sc.bind(name, "float", FLOAT, fixed=True)
        elif kind == 3:
            items = [self.fit(self.fexpr(sc, 0), FLOAT) for _ in range(2)]
            second = name + "2"
            text, count = f"enumerate(({items[0].text}, {items[1].text}))", 2
            sc.bind(second, "float", FLOAT, fixed=True)
            sc.bind(name, "int", Interval(0, 1), fixed=True)
            name = f"{name}, {second}"
        else:
            var = self.some(sc, lambda v: isinstance(v.type, Seq) and len(v.type.items) > 0)
            if var is None or not isinstance(var.type, Seq):
                text, count = "range(3)", 3
                sc.bind(name, "int", Interval(0, 2), fixed=True)
            else:
                text, count = self.read(sc, var).text, len(var.type.items)
                kinds = set(var.type.items)
                sc.bind(name, "int" if kinds == {"int"} else "float", var.bound, fixed=True)

        def undo() -> None:
            sc.vars, sc.used, sc.assigned = before, used, assigned

        return name, text, count, undo

    def range_text(self, sc: Scope, least: int = 0) -> tuple[str, int, int]:
        """(a range, its greatest length, its least item); lengths are known or not."""
        kind = self.rng.randrange(10)
        if kind <= 1:
            n = self.rng.randint(max(least, 1), 4)
            return f"range({n})", n, 0
        if kind == 8:
            n = self.rng.randint(max(least, 1), 4)
            return f"range({n}, {2 * n})", n, n
        if kind == 9:
            n = self.rng.randint(max(least, 1), 3)
            return self.pick([(f"range({2 * n}, 0, -2)", n, 1), (f"range(1, {3 * n}, 3)", n, 1)])  # type: ignore[no-any-return]
        stop = self.fit_int(self.iexpr(sc, 1), Interval(0, 6))
        low = int(stop.range.lo)
        if kind <= 3 or low < 0:
            if least and low < least:
                return f"range({stop.text} + {least})", int(stop.range.hi) + least, 0
            return f"range({stop.text})", int(stop.range.hi), 0
        if kind in (4, 5):
            start = self.rng.randint(-2, 2)
            return f"range({start}, {stop.text} + {start + least})", int(stop.range.hi) + least, start
        step = self.pick([-2, -1, 2, 3])
        if step > 0:
            return f"range(1, {stop.text} + {1 + least}, {step})", int(stop.range.hi) + least, 1
        return f"range({stop.text} + {least}, 0, {step})", int(stop.range.hi) + least, 1

    # -- containers ----------------------------------------------------------------------------------------------------

    def of_container(self, sc: Scope, depth: int) -> Expr | None:
        """An item, a field, or a reduction of a container."""
        var = self.some(sc, lambda v: isinstance(v.type, (Seq, Table, Record)))
        if var is None:
            return None
        self.read(sc, var)
        name, t = var.name, var.type
        if isinstance(t, Table):
            key = self.pick(t.keys)
            kind = self.rng.randrange(4)
            if kind == 0:
                return Expr(f"sum({name}.values())", var.bound * Interval(0, len(t.keys)))
            if kind == 1 and self.chance(0.5):
                return Expr(f"{name}.get({key!r}, 0.5)", var.bound)
            return Expr(f"{name}[{key!r}]", var.bound)
        if isinstance(t, Record):
            if t.methods and self.chance(0.7):
                return self.of_methods(sc, name, t, var.bound)
            if not t.mutable and self.chance(0.2):
                return Expr(f"{name}[{self.rng.randrange(len(t.fields))}]", var.bound)
            return Expr(f"{name}.{self.pick(t.fields)}", var.bound)
        assert isinstance(t, Seq)
        n = len(t.items)
        kind = self.rng.randrange(7)
        if kind == 0:
            return Expr(f"sum({name})", var.bound * Interval(0, n))
        if kind == 1:
            return Expr(f"{self.pick(['min', 'max'])}({name})", var.bound)
        if kind == 2 and len(set(t.items)) == 1:
            i = self.fit_int(self.iexpr(sc, 1), Interval(0, n - 1))
            return Expr(f"{name}[{i.text}]", var.bound)
        if kind == 3 and n > 1:
            return Expr(f"sum({name}[{self.rng.randint(0, 1)}:{self.rng.randint(1, n)}])", var.bound * Interval(0, n))
        if kind == 4:
            return Expr(f"(len({name}) * {const(self.number(-1, 1)).text})", Interval(-n, n))
        if kind == 5 and set(t.items) == {"float"} and sc.depth <= 3:
            parameter, body = self.lambda_body(sc, depth)
            sc.cost += n * sc.trips
            how = self.pick([f"lambda {parameter}: {body.text}", "abs" if self.exact else "math.sin"])
            return Expr(f"sum(map({how}, {name}))", body.range.hull(var.bound.hull(UNIT)) * Interval(0, n))
        k = self.rng.randrange(n)
        return Expr(f"{name}[{k - n if self.chance(0.3) else k}]", var.bound)

    def of_methods(self, sc: Scope, name: str, t: Record, bound: Interval) -> Expr:
        """What a method, a property or an operator of a record gives."""
        kind = self.rng.randrange(3)
        self.tags.add(["method called", "property read", "operator of a record"][kind])
        if kind == 0:
            given = self.pick(["", f"{self.fit(self.fexpr(sc, 0), UNIT).text}", f"k={self.number(-0.9, 0.9)!r}"])
            return Expr(f"{name}.weighted({given})", bound * bound + bound)
        if kind == 1:
            return Expr(f"{name}.middle", bound)
        other = self.some(sc, lambda v: v.type == t)
        right = self.read(sc, other).text if other is not None else name
        return Expr(f"({name} + {right}).{self.pick(t.fields)}", bound)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def called(self, sc: Scope, depth: int) -> Expr | None:
        """A call of a function that the program has."""
        var = self.some(sc, lambda v: isinstance(v.type, Fn) and self.callable_here(sc, v))
        return self.call(sc, var, depth) if var is not None else None

    def callable_here(self, sc: Scope, var: Var) -> bool:
        fn = var.type
        return (
            isinstance(fn, Fn)
            and not fn.items
            and fn.shape is None
            and fn.cost * sc.trips <= 250
            and sc.cost < 2500
            and not any(p.kind == "function" for p in fn.params)
        )

    def call(self, sc: Scope, var: Var, depth: int) -> Expr:
        """A call with drawn arguments, in one of the forms that the parameters allow."""
        fn = var.type
        assert isinstance(fn, Fn)
        self.read(sc, var)
        sc.cost += fn.cost * sc.trips
        sc.pure = sc.pure and fn.pure
        return Expr(f"{var.name}({self.arguments(sc, fn.params, depth)})", fn.range)

    def array_argument(self, sc: Scope, shape: Shape, bound: Interval) -> str:
        raise NotImplementedError

    def argument(self, sc: Scope, p: Param, depth: int) -> str:
        if isinstance(p.type, Array):
            return self.array_argument(sc, p.type.shape, p.range)
        if p.type == "int":
            return self.fit_int(self.iexpr(sc, min(depth, 1)), p.range).text
        return self.fit(self.fexpr(sc, depth), p.range).text

    def arguments(self, sc: Scope, params: Sequence[Param], depth: int) -> str:
        positional: list[str] = []
        keywords: list[tuple[str, str]] = []
        by_name = False
        for p in params:
            if p.kind == "args":
                if not by_name:
                    positional += [self.fit(self.fexpr(sc, 0), FLOAT).text for _ in range(self.rng.randrange(4))]
                continue
            if p.default and self.chance(0.4):
                by_name = True
                continue
            text = self.argument(sc, p, depth)
            rest = any(q.kind == "args" for q in params)
            by_name = by_name or p.kind == "keyword" or (p.kind == "plain" and not rest and self.chance(0.2))
            if by_name and p.kind != "only":
                keywords.append((p.name, text))
            else:
                positional.append(text)
        if len(keywords) > 1 and self.chance(0.5):
            self.rng.shuffle(keywords)
        parts: list[str] = list(positional)
        if positional and self.chance(0.15):
            cut = self.rng.randrange(len(positional))
            items = positional[cut:]
            open_, close = self.pick(["()", "[]"])
            parts = [
                *positional[:cut],
                f"*{open_}{', '.join(items)}{',' if len(items) == 1 and open_ == '(' else ''}{close}",
            ]
        if keywords and self.chance(0.3):
            parts.append("**{" + ", ".join(f"{k!r}: {v}" for k, v in keywords) + "}")
        else:
            parts += [f"{k}={v}" for k, v in keywords]
        return ", ".join(parts)
