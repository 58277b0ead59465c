"""Ints, with the interval that they lie in, and truth values."""

from __future__ import annotations

import math

from tests.generator.drawing import Drawing
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLAGS, Array, Scope, Seq

__all__ = ["Decisions"]


class Decisions(Drawing):
    """Draws ints and truth values."""

    def fexpr(self, sc: Scope, depth: int) -> Expr:
        raise NotImplementedError

    def array_truth(self, sc: Scope) -> str:
        raise NotImplementedError

    # -- ints ----------------------------------------------------------------------------------------------------------

    def fit_int(self, e: Expr, bound: Interval) -> Expr:
        """e, or its remainder moved into the bound."""
        if e.range.within(bound):
            return e
        lo, hi = int(bound.lo), int(bound.hi)
        if hi <= lo:
            return Expr(str(lo), Interval(lo, lo))
        n = hi - lo + 1
        text = f"({e.text} % {n})"
        return Expr(text if lo == 0 else f"({text} + {lo})" if lo > 0 else f"({text} - {-lo})", Interval(lo, hi))

    def iexpr(self, sc: Scope, depth: int) -> Expr:
        """An int."""
        self.fuel -= 1
        if depth > 0 and self.array_floats and self.chance(0.15):
            array = self.some(sc, lambda v: isinstance(v.type, Array))
            if array is not None and isinstance(array.type, Array):
                name, shape = self.read(sc, array).text, array.type.shape
                text, n = self.pick(
                    [(f"len({name})", shape[0]), (f"{name}.size", math.prod(shape)), (f"{name}.shape[-1]", shape[-1])]
                )
                return Expr(text, Interval(n, n))
        var = self.some(sc, lambda v: v.type == "int")
        if depth <= 0:
            return self.read(sc, var) if var is not None and self.chance(0.85) else self.int_literal()
        kind = self.rng.randrange(16)
        x = self.iexpr(sc, depth - 1)
        if kind <= 3:
            y = self.iexpr(sc, 0)
            op = self.pick("+-*")
            out = x.range + y.range if op == "+" else x.range - y.range if op == "-" else x.range * y.range
            return self.fit_int(Expr(f"({x.text} {op} {y.text})", out), Interval(-9999, 9999))
        if kind <= 5:
            k = self.rng.randint(2, 7)
            if self.chance(0.5):
                return (
                    Expr(f"({x.text} % {k})", Interval(0, k - 1))
                    if self.chance(0.8)
                    else Expr(f"({x.text} % -{k})", Interval(1 - k, 0))
                )
            return Expr(f"({x.text} // {k})", (x.range * Interval(1 / k, 1 / k)).rounded())
        if kind == 6:
            y = self.iexpr(sc, 0)
            n = 1 << max(int(x.range.size), int(y.range.size), 1).bit_length()
            return Expr(f"({x.text} {self.pick('&|^')} {y.text})", Interval(-n, n))
        if kind == 7:
            k = self.rng.randint(1, 3)
            if self.chance(0.5):
                return Expr(f"({x.text} << {k})", x.range * Interval(2**k, 2**k))
            return Expr(f"({x.text} >> {k})", (x.range * Interval(2.0**-k, 2.0**-k)).rounded())
        if kind == 8:
            return Expr(f"(~{x.text})", -x.range - Interval(1, 1)) if self.chance(0.5) else Expr(f"(-{x.text})", -x.range)
        if kind == 9 and not self.exact:
            f = self.fit(self.fexpr(sc, 1), Interval(-8, 8))
            how = self.pick(["int", "round", "math.floor", "math.ceil", "math.trunc"])
            return Expr(f"{how}({f.text})", Interval(-9, 9))
        if kind == 10:
            y = self.iexpr(sc, 0)
            return Expr(f"{self.pick(['min', 'max'])}({x.text}, {y.text})", x.range.hull(y.range))
        if kind == 11:
            return Expr(f"abs({x.text})", x.range.absolute())
        if kind == 12:
            y = self.fit_int(x, Interval(-6, 6))
            n = self.pick([2, 3])
            return Expr(f"({y.text} ** {n})", Interval(-(6**n), 6**n)) if self.chance(0.5) else self.power_of_two(sc)
        if kind == 13:
            return Expr(f"int({self.bexpr(sc, 0)})", FLAGS)
        if kind == 14:
            return Expr(f"({x.text} if {self.bexpr(sc, 0)} else {self.int_literal().text})", x.range.hull(Interval(-9, 9)))
        seq = self.some(sc, lambda v: isinstance(v.type, Seq))
        if seq is not None and isinstance(seq.type, Seq):
            return Expr(f"len({self.read(sc, seq).text})", Interval(len(seq.type.items), len(seq.type.items)))
        return x

    def power_of_two(self, sc: Scope) -> Expr:
        e = self.fit_int(self.iexpr(sc, 0), Interval(0, 5))
        return Expr(f"(2 ** {e.text})", Interval(1, 32)) if self.chance(0.6) else Expr(f"(1 << {e.text})", Interval(1, 32))

    def int_literal(self) -> Expr:
        k = self.rng.randint(-4, 7)
        return Expr(f"({k})" if k < 0 else str(k), Interval(k, k))

    # -- truth values --------------------------------------------------------------------------------------------------

    def bexpr(self, sc: Scope, depth: int) -> str:
        """A truth value."""
        self.fuel -= 1
        if depth > 0 and self.array_floats and self.chance(0.25):
            found = self.array_truth(sc)
            if found:
                return found
        kind = self.rng.randrange(18)
        if depth > 0 and kind <= 3:
            op = self.pick(["and", "or"])
            return f"({self.bexpr(sc, depth - 1)} {op} {self.bexpr(sc, depth - 1)})"
        if depth > 0 and kind == 4:
            return f"(not {self.bexpr(sc, depth - 1)})"
        if kind == 5:
            flag = self.some(sc, lambda v: v.type == "bool")
            if flag is not None:
                return self.read(sc, flag).text
        if kind == 6:
            i = self.iexpr(sc, 0)
            items = ", ".join(str(k) for k in sorted(self.rng.sample(range(-2, 8), self.rng.randint(2, 4))))
            open_, close = self.pick(["()", "()", "[]"])
            return f"({i.text} {self.pick(['in', 'not in'])} {open_}{items}{close})"
        if kind == 7:
            x = self.fexpr(sc, min(depth, 1))
            lo, hi = sorted((self.number(-3, 3), self.number(-3, 3)))
            if self.chance(0.6):
                return f"({const(lo).text} {self.pick(['<', '<='])} {x.text} {self.pick(['<', '<='])} {const(hi + 0.5).text})"
            i = self.iexpr(sc, 0)
            return (
                f"(0 <= {i.text} < {self.rng.randint(1, 6)})"
                if self.chance(0.5)
                else f"({i.text} < {x.text} < {const(hi).text})"
            )
        if kind in (8, 9, 10):
            i = self.iexpr(sc, min(depth, 1))
            k = self.rng.randint(-2, 6)
            if self.chance(0.3):
                return f"({i.text} % {self.rng.randint(2, 4)} {self.pick(['==', '!=', '>'])} {self.rng.randint(0, 1)})"
            return f"({i.text} {self.pick(['<', '<=', '>', '>=', '==', '!='])} {k})"
        if kind == 11 and sc.trips <= 40:
            targets, iterable, count, undo = self.comprehension_head(sc)
            body = self.bexpr(sc, 0)
            undo()
            name = self.pick(["any", "all"])
            sc.cost += count * sc.trips
            return f"{name}({body} for {targets} in {iterable})"
        if kind == 12:
            return self.test_of_kind(sc)
        if kind == 13:
            return f"bool({self.iexpr(sc, 0).text})" if self.chance(0.5) else f"(not {self.iexpr(sc, 0).text})"
        if kind == 14 and self.chance(0.4):
            x, y = self.fexpr(sc, 0), self.fexpr(sc, 0)
            i, j = self.iexpr(sc, 0), self.iexpr(sc, 0)
            return f"(({i.text}, {x.text}) < ({j.text}, {y.text}))"
        x, y = self.fexpr(sc, min(depth, 1)), self.fexpr(sc, 0)
        if self.chance(0.6):
            y = const(self.number(max(-3.0, x.range.lo), min(3.0, x.range.hi)) if x.range.lo < 3 and x.range.hi > -3 else 0.5)
        return f"({x.text} {self.weighted([(5, '<'), (5, '>'), (2, '<='), (2, '>='), (0.3, '=='), (0.3, '!=')])} {y.text})"

    def test_of_kind(self, sc: Scope) -> str:
        """isinstance and the like: known at compile time."""
        kind = self.rng.randrange(4)
        real = self.some(sc, lambda v: v.real)
        if kind == 0 and real is not None:
            return f"isinstance({self.read(sc, real).text}, {self.pick(['float', '(int, float)', 'int'])})"
        if kind == 1:
            return f"isinstance({self.iexpr(sc, 0).text}, {self.pick(['int', '(int, float)', 'float', 'bool'])})"
        if kind == 2:
            var = self.some(sc, lambda v: isinstance(v.type, Seq))
            if var is not None:
                return f"isinstance({self.read(sc, var).text}, {self.pick(['tuple', 'list', '(tuple, list)'])})"
        var = self.some(sc, lambda v: v.type in ("float", "int"))
        return f"({self.read(sc, var).text} is not None)" if var is not None else "(1 < 2)"
