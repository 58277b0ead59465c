"""What everything that is drawn shares: choices, names, variables that are read, and values kept in range."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.generator.intervals import Expr, Interval
from tests.generator.scope import UNIT, Scope, Var

__all__ = ["FLOAT_NAMES", "FUNCTION_NAMES", "INT_NAMES", "Drawing", "Production"]

# Names that irad itself likes for generated values (dx, ct, bp, st, out, np) are among them.
FLOAT_NAMES = ("a b c d u v w p q r s z value left right dx ct out st bp da res mid low high np ratio old new da_1 f64").split()
INT_NAMES = ["k", "m", "j", "count", "size", "idx", "num", "pos", "level", "rank"]
FUNCTION_NAMES = "f g h blend mix twist wave warp shift damp lift bend curve push pop".split()

Production = Callable[..., Expr | None]


class Drawing:
    """Draws by chance. `exact`: only what is bit for bit the same everywhere (+ - * / sqrt and comparisons)."""

    rng: random.Random
    exact: bool
    fuel: int
    tags: set[str]
    helpers: dict[str, list[str]]  # small functions at module level, by name
    array_floats: list[tuple[float, Production]]  # floats out of arrays; none in a program without arrays

    # -- choices -------------------------------------------------------------------------------------------------------

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, options: Sequence[Any]) -> Any:
        return self.rng.choice(list(options))

    def weighted(self, options: Sequence[tuple[float, Any]]) -> Any:
        return self.rng.choices([o for _, o in options], [w for w, _ in options])[0]

    def fresh(self, sc: Scope, pool: Sequence[str]) -> str:
        """A name that means nothing here yet."""
        taken = sc.names()
        free = [n for n in pool if n not in taken]
        if free:
            return self.pick(free[:8] if self.chance(0.7) else free)  # type: ignore[no-any-return]
        stem, i = self.pick(pool), 2
        while f"{stem}{i}" in taken:
            i += 1
        return f"{stem}{i}"

    def taken(self, sc: Scope, pool: Sequence[str]) -> str:
        """A fresh name that stays one: nothing else may have it."""
        name = self.fresh(sc, pool)
        sc.used.add(name)
        return name

    def number(self, lo: float, hi: float) -> float:
        """A short literal; never 0."""
        v = round(self.rng.uniform(lo, hi), 2)
        return v if v else 0.25

    # -- reading -------------------------------------------------------------------------------------------------------

    def read(self, sc: Scope, var: Var) -> Expr:
        """The name of a variable, as an expression."""
        var.reads += 1
        if var.scope is not sc:
            var.captured = True
            return Expr(var.name, var.bound)
        return Expr(var.name, var.bound if var.shared else var.now)

    def some(self, sc: Scope, wanted: Callable[[Var], bool]) -> Var | None:
        """A variable that can be read; new and unread ones are preferred."""
        found = sc.visible(wanted)
        if not found:
            return None
        return self.weighted([(6.0 if v.reads == 0 else 2.0 if v.scope is sc else 1.0, v) for v in found])  # type: ignore[no-any-return]

    # -- keeping values in range -----------------------------------------------------------------------------------------

    def fit(self, e: Expr, bound: Interval) -> Expr:
        """e, or a bounded function of it that lies in `bound`."""
        if e.range.within(bound):
            return e
        if bound.centred and self.chance(0.45):
            return e.times(e.factor_into(bound))
        return self.squashed(e).spread(bound)

    def squashed(self, e: Expr) -> Expr:
        """A smooth function of e in [-1, 1]."""
        e = e.at_most(8)
        if self.exact or self.chance(0.2):
            if len(e.text) < 12:
                return Expr(f"({e.text} / math.sqrt(1.0 + {e.text} * {e.text}))", UNIT)
            self.helpers["soft"] = ["def soft(t):", "    return t / math.sqrt(1.0 + t * t)"]
            return Expr(f"soft({e.text})", UNIT)
        return Expr(f"math.{self.pick(['sin', 'tanh', 'cos', 'sin', 'tanh', 'erf'])}({e.text})", UNIT)

    def positive(self, sc: Scope, e: Expr, least: float) -> Expr:
        """A value that is at least `least`, made from e."""
        if e.range.lo >= least:
            return e
        if self.chance(0.5) and e.range.size < 30:
            c = float(f"{least + 0.4:.2g}")
            x = e.text
            self.helpers["square"] = ["def square(t):", "    return t * t"]
            text = f"{x} * {x}" if len(x) < 16 else f"{x} ** 2" if not self.exact and self.chance(0.7) else f"square({x})"
            return Expr(f"({c!r} + {text})", Interval(c, c + e.range.size**2))
        s = self.squashed(e)
        c = float(f"{least + 1.3:.2g}")
        return Expr(f"({c!r} + {s.text})", Interval(c - 1, c + 1))
