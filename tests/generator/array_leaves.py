"""Arrays that there are, views of them, and new ones; each has the interval that all its elements lie in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.generator.expressions import Expressions
from tests.generator.intervals import Expr, Interval
from tests.generator.scope import FLAGS, FLOAT, NARROW, UNIT, Array, Bundle, Scope, Shape, Var

__all__ = ["ARRAY_NAMES", "ArrayLeaves", "shape_text"]

ARRAY_NAMES = ["y0", "grid_", "vec", "ws", "field", "mat", "q0", "buf0", "trace", "cols"]
SHAPES: list[tuple[float, Shape]] = [
    (6, (3,)),
    (4, (4,)),
    (3, (2,)),
    (2, (2, 3)),
    (2, (3, 2)),
    (2, (2, 2)),
    (0.5, (3, 3)),
    (0.4, (2, 1)),
    (0.3, (2, 2, 2)),
]


def shape_text(shape: Shape) -> str:
    """The shape as an argument: 3, (2, 3)."""
    return str(shape[0]) if len(shape) == 1 else str(shape)


class ArrayLeaves(Expressions):
    """Draws arrays that need no operator. Everything that is drawn has exactly the shape that was asked for."""

    def aexpr(self, sc: Scope, shape: Shape, depth: int) -> Expr:
        raise NotImplementedError

    # -- which arrays there are ----------------------------------------------------------------------------------------

    def arrays_here(self, sc: Scope) -> list[tuple[Var, str, Shape]]:
        """(variable, how an array of it is read, shape), those in bundles too."""
        out: list[tuple[Var, str, Shape]] = []
        for v in sc.visible(lambda v: isinstance(v.type, (Array, Bundle))):
            if isinstance(v.type, Array):
                out.append((v, v.name, v.type.shape))
            elif isinstance(v.type, Bundle):
                out += [(v, v.name + how, shape) for how, shape in v.type.items]
        return out

    def array_kind(self, sc: Scope) -> Array:
        """The type of a new array: most often one that there is."""
        found = self.arrays_here(sc)
        if found and self.chance(0.7):
            return Array(self.pick(found)[2])
        return Array(self.weighted(SHAPES))

    def array_read(self, sc: Scope, found: tuple[Var, str, Shape]) -> Expr:
        return Expr(found[1], self.read(sc, found[0]).range)

    def some_array(self, sc: Scope, rank: int | None = None) -> tuple[Var, str, Shape] | None:
        """An array that can be read; unread ones are preferred."""
        found = [a for a in self.arrays_here(sc) if rank is None or len(a[2]) == rank]
        return self.weighted([(5.0 if a[0].reads == 0 else 1.0, a) for a in found]) if found else None  # type: ignore[no-any-return]

    # -- keeping values in range -----------------------------------------------------------------------------------------

    def afit(self, e: Expr, bound: Interval) -> Expr:
        """e, or a function of it whose elements lie in `bound`."""
        if e.range.within(bound):
            return e
        if bound.centred and self.chance(0.5):
            return e.times(e.factor_into(bound), first=not self.chance(0.7))
        return self.asquashed(e).spread(bound)

    def asquashed(self, e: Expr) -> Expr:
        """A smooth function of each element in [-1, 1]."""
        e = e.at_most(8)
        if self.exact or self.chance(0.15):
            self.helpers["softened"] = ["def softened(t):", "    return t / np.sqrt(1.0 + t * t)"]
            return Expr(f"softened({e.text})", UNIT)
        return Expr(f"np.{self.pick(['sin', 'tanh', 'cos'])}({e.text})", UNIT)

    def apositive(self, e: Expr, least: float) -> Expr:
        """Elements that are at least `least`, made from e."""
        if e.range.lo >= least:
            return e
        c = float(f"{least + 0.4:.2g}")
        if e.range.size < 10 and self.chance(0.7):
            x = e.text
            text = f"{x} * {x}" if len(x) < 12 else f"np.square({x})" if self.exact or self.chance(0.5) else f"{x} ** 2"
            return Expr(f"({c!r} + {text})", Interval(c, c + e.range.size**2))
        s = self.asquashed(e)
        return Expr(f"({c + 1!r} + {s.text})", Interval(c, c + 2))

    def aleaf(self, sc: Scope, shape: Shape) -> Expr:
        """A variable, a view of one, or something new."""
        same = [a for a in self.arrays_here(sc) if a[2] == shape]
        if same and self.chance(0.45):
            unread = [a for a in same if a[0].reads == 0]
            return self.array_read(sc, self.pick(unread or same))
        view = self.view_of(sc, shape) if self.chance(0.8) else None
        return view or self.created(sc, shape)

    def view_of(self, sc: Scope, shape: Shape) -> Expr | None:
        """Part of an array that there is, or all of it in another shape or order."""
        found = [(a, how) for a in self.arrays_here(sc) for how in self.views(a[2], shape)]
        if not found:
            return None
        a, how = self.pick(found)
        return Expr(how.format(self.array_read(sc, a).text), self.read(sc, a[0]).range)

    def views(self, old: Shape, new: Shape) -> Iterator[str]:
        """Texts that make a view of the new shape of an array {} of the old shape."""
        size = int(np.prod(old))
        if old == new:
            yield "{}[::-1]"
        if len(old) > 1 and old[::-1] == new:
            yield from ("{}.T", "np.transpose({})", "{}.transpose()")
        if old != new and size == int(np.prod(new)):
            yield from (f"{{}}.reshape({shape_text(new)})", f"np.reshape({{}}, {shape_text(new)})")
            if len(new) == 1:
                yield from ("{}.reshape(-1)", "{}.ravel()", "np.ravel({})", "{}.flatten()")
            if len(new) == 2:
                yield f"{{}}.reshape({new[0]}, -1)"
        if len(old) > 1 and old[1:] == new:
            k = self.rng.randrange(old[0])
            yield from (f"{{}}[{k}]", f"{{}}[{k - old[0]}]", f"{{}}[{k}, ...]")
        if len(old) == 2 and (old[0],) == new:
            yield from (f"{{}}[:, {self.rng.randrange(old[1])}]", f"{{}}[..., {self.rng.randrange(old[1])}]")
        if len(old) == len(new) + 1 == 3 and old[:2] == new:
            yield f"{{}}[:, :, {self.rng.randrange(old[2])}]"
        if len(new) == len(old) + 1 and 1 in new:
            yield from (
                f"{{}}[{index}]" for index in ("None", ":, None", "..., None", "np.newaxis, :") if _shape(old, index) == new
            )
        if len(old) == len(new) and old != new and all(m <= n for m, n in zip(new, old, strict=True)):
            yield f"{{}}[{', '.join(self.cut(n, m) for n, m in zip(old, new, strict=True))}]"

    def cut(self, n: int, m: int) -> str:
        """A slice of m of n elements."""
        start = self.rng.randint(0, n - m)
        options = [
            f"{start}:{start + m}",
            f"{start}:{start + m}",
            f"{start + m - 1}:{start - 1}:-1" if start else f"{m - 1}::-1",
        ]
        options += [":"] * 3 * (m == n) + [f"{n - m}:", f"-{m}:", f":{m}"] * (m < n)
        options += [f"::{k}" for k in (2, 3) if -(-n // k) == m] + [f"::-{k}" for k in (2, 3) if -(-n // k) == m]
        return self.pick(options)  # type: ignore[no-any-return]

    # -- new arrays ----------------------------------------------------------------------------------------------------

    def created(self, sc: Scope, shape: Shape) -> Expr:
        """An array made on the spot: nobody else's."""
        kind = self.rng.randrange(12)
        text = shape_text(shape)
        c = self.number(-2, 2)
        same = [a for a in self.arrays_here(sc) if a[2] == shape]
        if kind == 0:
            name, v = self.pick([("zeros", 0.0), ("ones", 1.0)])
            return Expr(f"np.{name}({text})", Interval(v, v))
        if kind == 1:
            x = self.fit(self.fexpr(sc, 1), FLOAT)
            return Expr(f"np.full({text}, {self.sure(x)})", x.range)
        if kind <= 4 and same:
            a = self.array_read(sc, self.pick(same))
            how = self.pick(
                [
                    "{}.copy()",
                    "{}.copy()",
                    "np.copy({})",
                    "np.array({})",
                    "{}.astype(float)",
                    "np.zeros_like({})",
                    "np.ones_like({})",
                    f"np.full_like({{}}, {c!r})",
                ]
            )
            known = {"zeros": 0.0, "ones_": 1.0, "full_": c}.get(how[3:8], None)
            return Expr(how.format(a.text), a.range if known is None else Interval(known, known))
        if kind == 11 and same:
            return Expr(f"np.zeros_like({self.array_read(sc, self.pick(same)).text})", Interval(0, 0))
        if kind == 5 and len(shape) == 1 and shape[0] > 1:
            x, y = (self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(2))
            return Expr(f"np.linspace({x.text}, {y.text}, {shape[0]})", x.range.hull(y.range))
        if kind == 6 and len(shape) == 1:
            k = self.number(-0.9, 0.9)
            return Expr(f"({k!r} * np.arange({shape[0]}))", Interval(0, shape[0]) * Interval(k, k))
        if kind in (7, 10) and len(shape) == 2 and shape[0] == shape[1]:
            return Expr(f"np.eye({shape[0]})", FLAGS)
        if kind == 8 and len(shape) == 2:
            rows = [self.afit(self.aexpr(sc, shape[1:], 1), FLOAT) for _ in range(shape[0])]
            return Expr(f"np.array([{', '.join(r.text for r in rows)}])", FLOAT)
        if kind == 9 and len(shape) == 1:
            return self.a_comprehension(sc, shape, 1) or self.literal(sc, shape)
        return self.literal(sc, shape)

    def literal(self, sc: Scope, shape: Shape) -> Expr:
        """np.array of a nested list of numbers."""
        items = [self.fit(self.fexpr(sc, self.pick([0, 0, 1])), FLOAT) for _ in range(int(np.prod(shape)))]
        texts = [items[0].text if self.chance(0.4) else self.sure(items[0]), *(e.text for e in items[1:])]
        dtype = "" if texts[0] != items[0].text or _is_float(texts[0]) else ", dtype=float"
        for n in shape[:0:-1]:
            texts = [f"[{', '.join(texts[i : i + n])}]" for i in range(0, len(texts), n)]
        out = items[0].range
        for e in items[1:]:
            out = out.hull(e.range)
        return Expr(f"np.array([{', '.join(texts)}]{dtype})", out)

    def sure(self, e: Expr) -> str:
        """The text of a number that is a float for certain: NumPy makes arrays of ints of ints."""
        return e.text if _is_float(e.text) else f"float({e.text})"

    def a_comprehension(self, sc: Scope, shape: Shape, depth: int) -> Expr | None:
        """np.array of a list comprehension: of numbers, or of rows."""
        if sc.trips > 20 or len(shape) > 2:
            return None
        i = self.fresh(sc, ["i", "j", "l"])
        before = (dict(sc.vars), set(sc.used), set(sc.assigned))
        other = self.some_array(sc, 1) if self.chance(0.5) else None
        if other is not None and other[2][0] == shape[0]:
            source = self.array_read(sc, other).text
            sc.bind(i, "float", other[0].bound, fixed=True)
        else:
            source = f"range({shape[0]})"
            sc.bind(i, "int", Interval(0, shape[0] - 1), fixed=True)
        sc.trips *= shape[0]
        if len(shape) == 1:
            x = self.fit(self.fexpr(sc, depth), NARROW)
            e = Expr(f"({x.text} + 0.25 * {i})", x.range + FLOAT)
        else:
            e = self.afit(self.aexpr(sc, shape[1:], depth), FLOAT)
        sc.trips //= shape[0]
        sc.vars, sc.used, sc.assigned = before
        sc.cost += shape[0] * sc.trips
        return Expr(f"np.array([{e.text} for {i} in {source}])", e.range)


def _is_float(text: str) -> bool:
    """Whether the text is a literal of a float."""
    try:
        return isinstance(eval(text, {"__builtins__": {}}), float)
    except Exception:
        return False


def _shape(old: Shape, index: str) -> Shape | None:
    try:
        return eval(f"x[{index}]", {"x": np.empty(old), "np": np}).shape  # type: ignore[no-any-return]
    except IndexError:
        return None
