"""Expressions about arrays: of a wanted shape, with the interval that all elements lie in; and numbers made of arrays.

Arrays are of floats, and small. Where two shapes meet, each operator gets pairs that broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.generator.array_leaves import ArrayLeaves
from tests.generator.drawing import Production
from tests.generator.expressions import DOMAINS, OTHERS
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, NARROW, UNIT, WIDE, Fn, Scope, Shape

__all__ = ["ArrayExpressions"]
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}
FUNCTIONS = [f for f in [*DOMAINS, *OTHERS] if f not in ("erf", "erfc", "degrees", "radians", "cbrt")]
COMMON = ["sin", "cos", "exp", "tanh", "sqrt", "log", "square", "exp", "log"]


class ArrayExpressions(ArrayLeaves):
    """Draws arrays that operators and functions make, and numbers out of arrays."""

    # -- arrays --------------------------------------------------------------------------------------------------------

    def aexpr(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        """An array of this shape."""
        self.fuel -= 2
        if depth <= 0 or self.fuel < -300:
            return self.aleaf(sc, shape)
        options: list[tuple[float, Any]] = [
            (8, self.a_arithmetic),
            (3, self.a_quotient),
            (2.4, self.a_negated),
            (2, lambda sc, shape, depth: self.aleaf(sc, shape)),
            (1.6, self.a_where),
            (2.4, self.a_extreme),
            (1, self.a_conditional),
            (1.8, self.a_outer),
            (1.5, self.a_reshaped),
            (2, self.a_along_axis),
            (1.0, self.a_called),
            (1.0, self.a_named),
            (0.6, self.a_counted),
            (0.6, self.a_comprehension),
        ]
        if self.exact:
            options += [(1.5, self.a_root)]
        else:
            options += [(4, self.a_elementary), (1.2, self.a_powered), (0.6, self.a_stepped), (1.2, self.a_product)]
        out = self.weighted(options)(sc, shape, depth - 1) or self.aleaf(sc, shape)
        return self.afit(out, WIDE) if out.range.size > WIDE.hi else out

    # -- operators -----------------------------------------------------------------------------------------------------

    def pair(self, sc: Scope, shape: Shape, depth: int) -> tuple[Expr, Expr]:
        """Two operands that broadcast to the shape: arrays, or one of them a number."""
        parts = [self.part(shape), self.part(shape)]
        if np.broadcast_shapes(*parts) != shape:
            parts[self.rng.randrange(2)] = shape
        x, y = (
            self.aexpr(sc, p, depth if i == 0 or self.chance(0.5) else 0) if p else self.fexpr(sc, depth)
            for i, p in enumerate(parts)
        )
        return x, y

    def part(self, shape: Shape) -> Shape:
        """A shape that broadcasts to this one."""
        kind = self.rng.random()
        if kind < 0.5:
            return shape
        if kind < 0.7:
            return ()
        if kind < 0.85:
            return shape[self.rng.randint(0, len(shape) - 1) :]
        return tuple(n if self.chance(0.5) else 1 for n in shape)

    def a_arithmetic(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        x, y = self.pair(sc, shape, depth)
        op = self.pick("+-**")
        if op == "*" and x.range.size * y.range.size > WIDE.hi:
            x, y = self.narrowed(x, y)
        result = x.range + y.range if op == "+" else x.range - y.range if op == "-" else x.range * y.range
        if self.chance(0.12):
            name = {"+": "add", "-": "subtract", "*": "multiply"}[op]
            return Expr(f"np.{name}({x.text}, {y.text})", result)

        return Expr(f"({x.text} {op} {y.text})", result)

    def narrowed(self, x: Expr, y: Expr) -> tuple[Expr, Expr]:
        k = float(f"{WIDE.hi / (x.range.size * y.range.size) * 0.98:.2g}")
        return x, Expr(f"({y.text} * {k!r})", y.range * Interval(k, k))

    def a_quotient(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        x, y = self.pair(sc, shape, depth)
        if not y.range.avoids_zero(0.3):
            y = self.apositive(y, 0.4)
        if self.chance(0.12):
            return Expr(f"np.divide({x.text}, {y.text})", x.range * y.range.inverse())
        return Expr(f"({x.text} / {y.text})", x.range * y.range.inverse())

    def a_negated(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        x = self.aexpr(sc, shape, depth)
        how, out = self.pick(
            [
                ("(-{})", -x.range),
                ("(-{})", -x.range),
                ("np.negative({})", -x.range),
                ("np.abs({})", x.range.absolute()),
                ("abs({})", x.range.absolute()),
            ]
        )
        return Expr(how.format(x.text), out)

    def a_root(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        x = self.apositive(self.aexpr(sc, shape, depth), 0.2)
        return Expr(f"np.sqrt({x.text})", x.range.monotone("sqrt"))

    def a_elementary(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        name = self.pick(COMMON if self.chance(0.6) else FUNCTIONS)
        x = self.aexpr(sc, shape, depth)
        if name == "square":
            x = self.afit(x, FLOAT)
            return Expr(f"np.square({x.text})", x.range.power(2))
        if name in OTHERS:
            wanted = {"acos": Interval(-0.9, 0.9), "cosh": NARROW}.get(name, WIDE)
            return Expr(f"np.{NUMPY.get(name, name)}({self.afit(x, wanted).text})", OTHERS[name])
        domain = DOMAINS[name]
        if not x.range.within(domain):
            x = self.apositive(x, domain.lo + 0.05) if domain.lo > 0 and self.chance(0.7) else x
            x = self.afit(x, domain)
        return Expr(f"np.{NUMPY.get(name, name)}({x.text})", x.range.monotone(name))

    def a_powered(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        if self.chance(0.55):
            n = self.pick([2, 2, 3])
            x = self.afit(self.aexpr(sc, shape, depth), FLOAT)
            return Expr(f"({x.text} ** {n})", x.range.power(n))
        x, y = self.pair(sc, shape, depth)
        x = self.afit(self.apositive(x, 0.3), Interval(0.3, 4))
        y = self.afit(y, NARROW)
        ends = [a**b for a in (x.range.lo, x.range.hi) for b in (y.range.lo, y.range.hi)]
        text = f"({x.text} ** {y.text})" if self.chance(0.7) else f"np.power({x.text}, {y.text})"
        return Expr(text, Interval(min(ends), max(ends)))

    def a_stepped(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        """Remainders, roundings, two-argument functions."""
        x = self.aexpr(sc, shape, depth)
        c = abs(self.number(0.6, 2.5))
        kind = self.rng.randrange(8)
        if kind == 0:
            return Expr(f"({x.text} % {c!r})", Interval(0, c))
        if kind == 1:
            return Expr(f"({x.text} - np.{self.pick(['floor', 'ceil', 'trunc'])}({x.text}))", UNIT)
        if kind == 4:
            how = self.pick(["np.copysign({}, {})", "({} * np.sign({}))"])
            return Expr(how.format(x.text, self.aexpr(sc, shape, 0).text), Interval(-x.range.size, x.range.size))
        if kind == 5:
            return Expr(f"np.fmod({x.text}, {c!r})", Interval(-c, c))
        if kind == 2:
            y = self.apositive(self.aexpr(sc, shape, depth), 0.3)
            return Expr(f"np.arctan2({x.text}, {y.text})", Interval(-1.6, 1.6))
        if kind == 3:
            y = self.apositive(self.aexpr(sc, shape, depth), 0.3)
            return Expr(f"np.hypot({x.text}, {y.text})", Interval(0.3, x.range.size + y.range.size))
        text = self.pick(["np.clip({}, {}, {})", "{}.clip({}, {})"]).format(x.text, -c, c)
        return Expr(text, Interval(max(-c, min(x.range.lo, c)), min(c, max(x.range.hi, -c))))

    def condition(self, sc: Scope, shape: Shape, depth: int) -> str:
        """An array of truth values."""
        x, y = self.pair(sc, shape, depth)
        kind = self.rng.randrange(8)
        if kind <= 3:
            x = self.aexpr(sc, shape, depth)
            y = const(self.number(max(-3.0, x.range.lo), min(3.0, x.range.hi)) if x.range.lo < 3 and x.range.hi > -3 else 0.5)
        text = f"({x.text} {self.pick(['<', '>', '<=', '>='])} {y.text})"
        if kind == 4:
            return f"({text} {self.pick('&|')} ({self.aexpr(sc, shape, 0).text} > {const(self.number(-1, 1)).text}))"
        if kind == 5:
            return f"(~{text})"
        if kind == 6 and self.chance(0.5):
            return f"(np.arange({shape[-1]}) % 2 == {self.rng.randrange(2)})"
        return text

    def a_where(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        test = self.condition(sc, self.part(shape) or shape, min(depth, 1))
        x, y = self.pair(sc, shape, depth)
        return Expr(f"np.where({test}, {x.text}, {y.text})", x.range.hull(y.range))

    def a_extreme(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        x, y = self.pair(sc, shape, depth)
        name = self.pick(["maximum", "minimum"])
        end = max if name == "maximum" else min
        return Expr(f"np.{name}({x.text}, {y.text})", Interval(end(x.range.lo, y.range.lo), end(x.range.hi, y.range.hi)))

    def a_conditional(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        test, x, y = self.bexpr(sc, depth), self.aexpr(sc, shape, depth), self.aexpr(sc, shape, depth)
        return Expr(f"({x.text} if {test} else {y.text})", x.range.hull(y.range))

    # -- several axes --------------------------------------------------------------------------------------------------

    def a_outer(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """Two vectors along two axes."""
        if len(shape) != 2:
            return None
        x = self.afit(self.aexpr(sc, shape[:1], depth), FLOAT)
        y = self.afit(self.aexpr(sc, shape[1:], depth), FLOAT)
        left = self.pick([f"{x.text}[:, None]", f"{x.text}.reshape({shape[0]}, 1)", f"{x.text}[:, np.newaxis]"])
        right = self.pick([y.text, f"{y.text}[None, :]"])
        op = self.pick("*+-")
        result = x.range * y.range if op == "*" else x.range + y.range if op == "+" else x.range - y.range
        return Expr(f"({left} {op} {right})", result)

    def a_reshaped(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """An array of another shape, turned into this one."""
        size = int(np.prod(shape))
        if len(shape) == 1:
            old, how = self.pick(
                [
                    ((size, 1), ".reshape(-1)"),
                    ((1, size), "[0]"),
                    ((size, 1), "[:, 0]"),
                    ((1, size), f".reshape({size})"),
                    ((size, 1), ".ravel()"),
                    ((size,), "[:, None][:, 0]"),
                ]
            )
        elif len(shape) == 2:
            old, how = self.pick(
                [(shape[::-1], ".T"), ((size,), f".reshape({shape[0]}, {shape[1]})"), ((size,), f".reshape({shape})")]
            )
        else:
            return None
        x = self.aexpr(sc, old, depth)
        return Expr(f"{x.text}{how}", x.range)

    def a_along_axis(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """A reduction of an array of one more axis, or one that keeps its axes."""
        if len(shape) > 2:
            return None
        keep = [i for i, n in enumerate(shape) if n == 1]
        if keep and self.chance(0.7):
            axis, old, more = self.pick(keep), list(shape), ", keepdims=True"
            old[axis] = self.rng.randint(2, 3)
        else:
            axis, old, more = self.rng.randint(0, len(shape)), list(shape), ""
            old.insert(axis, self.rng.randint(2, 3))
        n = old[axis]
        x = self.afit(self.aexpr(sc, tuple(old), min(depth, 1)), FLOAT)
        axis = axis - len(old) if self.chance(0.4) else axis
        return self.reduction(x, n, f"axis={axis}{more}")

    def reduction(self, x: Expr, n: int, how: str = "") -> Expr:
        """np.sum and the like of n elements."""
        names = ["max", "min"] if self.exact else ["sum", "sum", "sum", "mean", "mean", "max", "min", "prod"]
        name = self.pick(names)
        if name == "prod" and n > 4:
            name = "sum"
        if name == "prod":
            x = self.afit(x, NARROW)
        size = x.range.size
        out = {"sum": x.range * Interval(0, n), "prod": Interval(-(max(size, 1) ** n), max(size, 1) ** n)}.get(name, x.range)
        if name == "sum":
            out = out.hull(x.range * Interval(n, n))
        if self.chance(0.5):
            return Expr(f"np.{name}({x.text}{', ' if how else ''}{how})", out)
        return Expr(f"{x.text}.{name}({how})", out)

    def a_product(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """A product of a matrix and a matrix or vector."""
        if len(shape) > 2:
            return None
        k = self.rng.randint(2, 3)
        shapes = (
            self.pick([((shape[0], k), (k,)), ((k,), (k, shape[0]))]) if len(shape) == 1 else ((shape[0], k), (k, shape[1]))
        )
        x, y = (self.afit(self.aexpr(sc, s, min(depth, 1)), FLOAT) for s in shapes)
        result = x.range * y.range * Interval(k, k)
        return Expr(self.product_text(x.text, y.text), result.hull(Interval(-0.1, 0.1)))

    def product_text(self, x: str, y: str) -> str:
        return self.weighted([(6, f"({x} @ {y})"), (1, f"np.dot({x}, {y})"), (1, f"{x}.dot({y})"), (1, f"np.matmul({x}, {y})")])  # type: ignore[no-any-return]

    def a_counted(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        """An array of ints among floats."""
        n = shape[-1]
        x = self.aexpr(sc, shape, depth)
        counts = Interval(0, n - 1)
        if self.chance(0.25) and not self.exact:
            x = self.afit(self.apositive(x, 0.3), Interval(0.3, 3))
            return Expr(
                f"({x.text} ** np.arange({n}))", Interval(min(1.0, x.range.lo ** (n - 1)), max(1.0, x.range.hi ** (n - 1)))
            )
        if self.chance(0.5):
            return Expr(f"({x.text} * np.arange({n}))", x.range * counts)
        return Expr(f"({x.text} / (1 + np.arange({n})))", x.range * Interval(1 / n, 1))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def a_called(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """A call of a function of the program that returns an array."""
        found = sc.visible(
            lambda v: isinstance(v.type, Fn) and v.type.shape == shape and v.type.cost * sc.trips <= 250 and sc.cost < 2500
        )
        return self.call(sc, self.pick(found), depth) if found else None

    def a_named(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """A small function or lambda over whole arrays."""
        x = self.afit(self.aexpr(sc, shape, depth), FLOAT)
        if self.chance(0.5):
            self.helpers["lifted"] = ["def lifted(t, k=0.5):", "    return k * t * t - t"]
            k = self.pick(["", f", {self.number(0.2, 0.9)!r}", f", k={self.number(0.2, 0.9)!r}"])
            return Expr(f"lifted({x.text}{k})", Interval(-4, 20))
        return Expr(
            f"(lambda t: {const(self.number(-0.9, 0.9)).text} * t + t.{self.pick(['max', 'min'])}())({x.text})", Interval(-8, 8)
        )

    def array_argument(self, sc: Scope, shape: Shape, bound: Interval) -> str:
        return self.afit(self.aexpr(sc, shape, self.pick([0, 0, 1])), bound).text

    # -- numbers out of arrays -----------------------------------------------------------------------------------------

    def element_index(self, sc: Scope, shape: Shape) -> str:
        """The text of an index of one element."""
        parts: list[str] = []
        for n in shape:
            k = self.rng.randrange(n)
            if self.chance(0.45):
                low = -n if self.chance(0.2) else 0
                parts.append(self.fit_int(self.iexpr(sc, self.pick([0, 0, 1])), Interval(low, n - 1)).text)
            else:
                parts.append(str(k - n if self.chance(0.3) else k))
        if len(parts) > 1 and self.chance(0.2):
            return "][".join(parts)
        return ", ".join(parts)

    def element(self, sc: Scope, depth: int) -> Expr | None:
        """x[i], x[i, j]."""
        a = self.some_array(sc)
        if a is None:
            return None
        return Expr(f"{self.array_read(sc, a).text}[{self.element_index(sc, a[2])}]", a[0].bound)

    def whole(self, sc: Scope, depth: int) -> Expr | None:
        """A reduction of a whole array."""
        a = self.some_array(sc)
        if a is None or sc.trips > 60:
            return None
        x = self.afit(self.aexpr(sc, a[2], min(depth, 1)), FLOAT) if self.chance(0.7) else self.array_read(sc, a)
        return self.reduction(x, int(np.prod(a[2])))

    def inner_product(self, sc: Scope, depth: int) -> Expr | None:
        """x @ y, and x @ (A @ y)."""
        a = self.some_array(sc)
        if a is None or len(a[2]) > 2 or sc.trips > 60 or self.exact:
            return None
        x = self.afit(self.aexpr(sc, a[2][:1], min(depth, 1)), FLOAT)
        if len(a[2]) == 2:
            y = self.afit(self.aexpr(sc, a[2][1:], 0), FLOAT)
            m = self.array_read(sc, a)
            text = self.product_text(x.text, self.product_text(m.text, y.text))
            return Expr(text, Interval(-1, 1) * Interval(0, x.range.size * m.range.size * y.range.size * 9))
        y = self.afit(self.aexpr(sc, a[2], 0), FLOAT)
        return Expr(self.product_text(x.text, y.text), (x.range * y.range * Interval(a[2][0], a[2][0])).hull(UNIT))

    def by_python(self, sc: Scope, depth: int) -> Expr | None:
        """Python's own sum, min and max over an array, and sums over its rows."""
        a = self.some_array(sc)
        if a is None or sc.trips > 60 or len(a[2]) > 2:
            return None
        x, n = self.array_read(sc, a), a[2][0]
        sc.cost += n * sc.trips
        if len(a[2]) == 2:
            t = self.fresh(sc, ["row", "r1", "line"])
            return Expr(
                f"sum({t}[{self.rng.randrange(a[2][1])}] * {t}[0] for {t} in {x.text})",
                Interval(-n, n) * Interval(0, x.range.size**2),
            )
        kind = self.rng.randrange(4)
        if kind == 0:
            return Expr(f"sum({x.text})", x.range * Interval(0, n))
        if kind == 1:
            return Expr(f"{self.pick(['min', 'max'])}({x.text})", x.range)
        other = self.some_array(sc, 1)
        t = self.fresh(sc, ["t", "e", "item"])
        if kind == 2 and other is not None and other[2] == a[2]:
            return Expr(
                f"sum({t} * {t}1 for {t}, {t}1 in zip({x.text}, {self.array_read(sc, other).text}))",
                Interval(-n, n) * Interval(0, x.range.size * other[0].bound.size),
            )
        c = const(self.number(-1, 1)).text
        return Expr(
            f"sum({t} * ({t} + {c}) for {t} in {x.text})", Interval(-n, n) * Interval(0, x.range.size**2 + x.range.size)
        )

    def counted(self, sc: Scope, depth: int) -> Expr | None:
        """How many elements meet a condition, a length, as a number."""
        a = self.some_array(sc)
        if a is None or sc.trips > 60:
            return None
        n = int(np.prod(a[2]))
        c = const(self.number(-1, 1))
        if self.chance(0.6):
            test = self.condition(sc, a[2], 0)
            return Expr(f"({c.text} * np.sum({test}))", c.range * Interval(0, n))
        return Expr(f"({c.text} * {self.array_read(sc, a).text}.shape[0])", c.range * Interval(a[2][0], a[2][0]))

    def array_truth(self, sc: Scope) -> str:
        """A truth value that an array decides."""
        a = self.some_array(sc)
        if a is None or sc.trips > 60:
            return ""
        name = self.pick(["any", "all"])
        test = self.condition(sc, a[2], 0)
        return f"np.{name}({test})" if self.chance(0.6) else f"{test}.{name}()"

    @property
    def array_productions(self) -> list[tuple[float, Production]]:
        return [(5, self.element), (4, self.whole), (1.8, self.inner_product), (1, self.by_python), (1, self.counted)]
