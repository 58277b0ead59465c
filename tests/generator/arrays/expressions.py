"""Expressions over arrays: whatever NumPy accepts here, kept small and smooth where it can be.

Each production makes a text, which is evaluated: where shapes do not fit, another is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.generator.arrays.drawing import E, Failed
from tests.generator.arrays.places import Places

__all__ = ["Expressions"]

SMOOTH = [
    "np.sin({})",
    "np.cos({})",
    "np.tanh({})",
    "np.exp(-0.2 * {})",
    "np.sqrt(0.3 + {0} * {0})",
    "np.log(1.2 + np.square({}))",
    "np.arctan({})",
    "-{}",
    "abs({})",
    "np.square({})",
    "np.expm1(0.1 * {})",
    "({} ** 2)",
    "(1.1 + np.abs({})) ** 1.5",
    "np.maximum({}, 0.1)",
    "np.clip({}, -0.8, 0.9)",
    "{}.clip(-0.7, 1.1)",
    "np.where({0} > 0.1, {0} * 0.5, {0} * {0})",
    "np.nan_to_num({})",
    "np.logaddexp({}, 0.3)",
    "np.fmod({}, 1.3)",
    "({} % 0.9)",
    "np.sign({0}) * {0}",
]
BINARY = [
    (5.0, "({} + {})"),
    (4.0, "({} - {})"),
    (6.0, "({} * {})"),
    (2.0, "({} / (1.5 + np.square({})))"),
    (1.0, "({} / (2.0 + np.sin({})))"),
    (1.0, "np.maximum({}, {})"),
    (1.0, "np.minimum({}, {})"),
    (0.5, "np.multiply({}, {})"),
    (0.5, "np.arctan2({}, 2.0 + np.square({}))"),
    (0.4, "np.hypot({}, 1.0 + abs({}))"),
    (0.7, "(1.2 + np.square({})) ** np.tanh({})"),
    (1.0, "np.where({0} > {1}, {0}, 0.5 * {1})"),
]
INTEGERS = ["({} + {})", "({} - {})", "({} * {})", "({} % 5 + {})", "({} // 2 - {})", "np.maximum({}, {})", "({} & {})"]
TRUTHS = ["({} & {})", "({} | {})", "({} ^ {})", "np.logical_and({}, {})", "np.logical_or({}, ~{})"]
ALONG = ["sum", "sum", "mean", "max", "min", "prod", "cumsum", "cumprod", "ptp", "var"]
MOVED = [
    "{}.T",
    "{}[::-1]",
    "{}.ravel()",
    "{}.reshape(-1)",
    "{}[None]",
    "{}[..., None]",
    "np.flip({}, 0)",
    "np.roll({}, 1, axis=0)",
    "np.swapaxes({}, 0, -1)",
    "np.moveaxis({}, 0, -1)",
    "np.expand_dims({}, 0)",
    "np.atleast_2d({})",
    "np.repeat({}, 2, axis=0)",
    "np.tile({}, 2)",
    "np.pad({}, 1)",
    "{}.flatten()",
    "np.diff({}, axis=0)",
    "np.tril({})",
    "np.triu({})",
    "np.diag({})",
    "np.diagonal({})",
    "{}.transpose()",
    "np.broadcast_to({0}, (2, *{0}.shape))",
    "np.delete({}, 0, axis=0)",
    "np.rot90({})",
    "np.ediff1d({})",
    "np.gradient({})",
]
JOINED = [
    "np.concatenate(({}, {}))",
    "np.concatenate([{}, {}], axis=-1)",
    "np.stack([{}, {}])",
    "np.stack(({}, {}), axis=-1)",
    "np.vstack(({}, {}))",
    "np.hstack(({}, {}))",
    "np.column_stack(({}, {}))",
    "np.append({}, {})",
    "np.outer({}, {})",
    "np.kron({}, {})",
]
PRODUCTS = [
    (6.0, "({} @ {})"),
    (2.0, "({} @ {}.T)"),
    (2.0, "({}.T @ {})"),
    (1.0, "np.dot({}, {})"),
    (1.0, "np.inner({}, {})"),
    (1.0, "np.einsum('i,i->', {}, {})"),
    (1.0, "np.einsum('ij,ij->i', {}, {})"),
    (1.0, "np.einsum('ij,kj->ik', {}, {})"),
    (1.0, "np.einsum('ij,j', {}, {})"),
    (0.5, "np.einsum('i,j', {}, {})"),
    (0.5, "np.tensordot({}, {}, axes=1)"),
    (0.5, "np.vdot({}, {})"),
    (0.4, "np.convolve({}, {})"),
]
ORDERED = [
    "np.sort({})",
    "np.sort({})[::-1]",
    "np.sort({}, axis=0)",
    "np.median({})",
    "np.sort({}, axis=None)[-2:]",
    "np.take({0}, np.argsort({0}))",
    "{0}[np.argmax({0}.sum(axis=-1))]",
    "np.quantile({}, 0.4)",
]


class Expressions(Places):
    """Draws expressions of floats (`expr`), of any kind (`anything`), and of truth values (`truths`)."""

    fuel: int

    # -- leaves --------------------------------------------------------------------------------------------------------

    def leaf(self, kind: str = "f") -> E:
        """A variable, part of one, or a new array."""
        found = self.variables(kind)
        if not found or self.chance(0.12):
            return self.created(kind)
        x = self.pick(found[-4:] if self.chance(0.4) else found)
        if self.chance(0.45):
            return self.trial(lambda: f"{x.text}[{self.place(x.value)}]", x)
        return x

    def trial(self, make: Callable[[], str], otherwise: E) -> E:
        """What a text gives, in three trials, else something else."""
        for _ in range(3):
            try:
                e = self.evaluated(make())
            except Failed:
                continue
            if isinstance(e.value, (np.ndarray, np.generic, float, int)):
                return e
        return otherwise

    def created(self, kind: str = "f") -> E:
        """A new array."""
        shape = self.pick([(3,), (2,), (4,), (2, 3), (3, 2), (2, 2)])
        found = [e for e in self.variables() if e.value.ndim]
        if found and self.chance(0.7):
            shape = self.pick(found).shape
        n = shape[0] if shape else 1
        if "f" not in kind:
            items = [self.rng.randrange(-3, 6) for _ in range(int(np.prod(shape)))]
            if "i" in kind:
                array = np.array(items, int).reshape(shape).tolist()
                how = self.pick(["np.array({})", "np.array({}, dtype=np.int32)", "np.asarray({})"])
                return self.evaluated(self.pick([f"np.arange({n})", how.format(array), f"np.arange({n}, dtype=np.int32)"]))
            flags = (np.array(items, int) > 1).reshape(shape).tolist()
            return self.evaluated(f"np.array({flags}, dtype=bool)")
        c = self.number(-1.5, 1.5)
        text = str(shape)
        floats = np.round(np.array([self.rng.uniform(-2, 2) for _ in range(int(np.prod(shape)))]), 2).reshape(shape).tolist()
        options = [
            f"np.zeros({text})",
            f"np.ones({text})",
            f"np.full({text}, {c!r})",
            f"np.linspace(-1.0, {c!r}, {n})",
            f"np.array({floats}, dtype=float)",
            f"(0.3 * np.arange({n}))",
            f"np.eye({n})",
            f"np.zeros({text}, dtype=np.float32)",
            f"np.array({floats}, dtype=np.float32)",
        ]
        if found:
            x = self.pick(found).text
            options += [f"np.zeros_like({x})", f"np.ones_like({x}, dtype=float)", f"np.full_like({x}, {c!r}, dtype=float)"]
        names = [i for i in self.ints() if self.env[i] > 1]
        if names and self.chance(0.4):
            i = self.pick(names)
            options = [f"np.zeros({i})", f"np.ones(({i}, 2))", f"0.2 * np.arange({i} + 1)", f"np.full({i} + 2, {c!r})"]
            self.tags.add("array of run-time size")
        return self.trial(lambda: self.pick(options), E(repr(c), c))

    # -- expressions of floats -----------------------------------------------------------------------------------------

    def expr(self, depth: int) -> E:
        """An array of floats, or a float."""
        self.fuel -= 1
        if depth <= 0 or self.fuel < 0:
            return self.leaf()
        make = self.weighted(
            [
                (5, self.binary),
                (4, self.unary),
                (1.5, self.reduced),
                (1.5, self.moved),
                (1.2, self.joined),
                (1.5, self.product),
                (0.8, self.ordered),
                (1.2, self.chosen),
                (0.8, self.converted),
                (1.0, self.gathered),
                (0.8, self.comprehended),
                (1.0, self.mixed),
                (1.0, self.called),
            ]
        )
        return self.tamed(make(depth - 1))

    def tamed(self, e: E) -> E:
        """The same, or a bounded function of it where it is large."""
        if e.kind == "f" and np.size(e.value) and np.max(np.abs(e.value)) > 12:
            return self.trial(lambda: self.pick([f"np.tanh({e.text})", f"(0.05 * {e.text})", f"np.sin(0.1 * {e.text})"]), e)
        return e

    def small(self) -> E:
        """A number."""
        found = [e for e in self.variables("f") if e.value.size]
        c = self.number(-1.5, 1.5)
        if not found or self.chance(0.4):
            return E(f"({c!r})" if c < 0 else repr(c), c)
        x = self.pick(found)
        if x.value.ndim == 0:
            return E(x.text, x.value)
        at = ", ".join(self.position(n) for n in x.shape)
        return self.trial(lambda: self.pick([f"{x.text}[{at}]", f"{x.text}.mean()", f"{x.text}.max()"]), E(repr(c), c))

    def unary(self, depth: int) -> E:
        x = self.expr(depth)
        return self.trial(lambda: self.pick(SMOOTH).format(x.text), x)

    def binary(self, depth: int) -> E:
        x = self.expr(depth)
        for _ in range(4):
            y = self.expr(depth if self.chance(0.5) else 0)
            if fits(x, y):
                break
        else:
            y = self.small()
        if self.chance(0.3):
            x, y = y, x
        return self.trial(lambda: self.weighted(BINARY).format(x.text, y.text), x)

    def reduced(self, depth: int) -> E:
        x = self.expr(depth)
        rank = len(x.shape)
        axis = self.pick(["", *(f"axis={a}" for a in range(-rank, rank))] + ["axis=(0, 1)"] * (rank > 1))
        if axis and self.chance(0.3):
            axis += ", keepdims=True"

        def make() -> str:
            name = self.pick(ALONG)
            return self.pick([f"np.{name}({x.text}{', ' * bool(axis)}{axis})", f"{x.text}.{name}({axis})"])

        return self.trial(make, x)

    def moved(self, depth: int) -> E:
        x = self.expr(depth)
        size = int(np.prod(x.shape))
        more = [f"{{}}.reshape({n}, {size // n})" for n in (1, 2, 3) if n and size % n == 0]
        return self.trial(lambda: self.pick(MOVED + more).format(x.text), x)

    def joined(self, depth: int) -> E:
        x, y = self.expr(depth), self.expr(0)
        if self.chance(0.5):
            y = self.trial(lambda: self.pick(["{} * 0.5", "np.cos({})", "-{}"]).format(x.text), y)
        return self.trial(lambda: self.pick(JOINED).format(x.text, y.text), x)

    def product(self, depth: int) -> E:
        x = self.expr(depth)
        for _ in range(5):
            y = self.expr(0)
            form = self.weighted(PRODUCTS)
            try:
                return self.evaluated(form.format(x.text, y.text))
            except Failed:
                continue
        return self.trial(lambda: self.pick(["({0} @ {0}.T)", "np.dot({0}.ravel(), {0}.ravel())"]).format(x.text), x)

    def ordered(self, depth: int) -> E:
        x = self.expr(depth)
        return self.trial(lambda: self.pick(ORDERED).format(x.text), x)

    def chosen(self, depth: int) -> E:
        test = self.truths(depth)
        x, y = self.expr(depth), self.expr(0)
        if not fits(x, y):
            y = self.small()
        return self.trial(lambda: f"np.where({test.text}, {x.text}, {y.text})", x)

    def converted(self, depth: int) -> E:
        x = self.expr(depth)
        self.tags.add("dtypes mixed")
        return self.trial(
            lambda: self.pick(["{}.astype(np.float32)", "{}.astype(float)", "np.float32(0.5) * {}"]).format(x.text), x
        )

    def gathered(self, depth: int) -> E:
        """Part of a value that has no name, or of a variable, by arrays of positions."""
        x = self.expr(depth)
        if not x.shape:
            return x
        value = np.asarray(x.value)
        return self.trial(lambda: f"{x.text}[{self.place(value, 0.6)}]", x)

    def comprehended(self, depth: int) -> E:
        """A list comprehension over the rows, or over positions."""
        x = self.leaf()
        if not x.shape or not x.shape[0]:
            return x
        c = self.number(-1, 1)
        forms = [
            f"np.array([t * {c!r} + t for t in {{0}}])",
            f"np.array([np.sin({{0}}[t]).sum() for t in range({x.shape[0]})])",
            f"np.stack([t * {c!r} for t in {{0}}])",
            "sum([t * t for t in {0}])",
            "sum(t * u for t, u in zip({0}, {0}[::-1]))",
            "np.array([t for t in {0}])[::-1]",
        ]
        return self.trial(lambda: self.pick(forms).format(x.text), x)

    def mixed(self, depth: int) -> E:
        """Integers or truth values among floats."""
        x, y = self.expr(depth), self.leaf("ib")
        self.tags.add("dtypes mixed")
        if not fits(x, y):
            y = self.trial(lambda: f"{y.text}.sum()", E("2", 2))
        return self.trial(
            lambda: self.pick(["({} * {})", "({} + {})", "({} / (1 + abs({})))", "({} - 2 * {})"]).format(x.text, y.text), x
        )

    def called(self, depth: int) -> E:
        """A call of a function of the program that makes arrays."""
        x = self.expr(depth)
        options = [n for n in self.helpers if n.startswith("made")]
        return self.trial(lambda: f"{self.pick(options)}({x.text}, {self.rng.randint(1, 4)})", x) if options else x

    # -- expressions of other kinds ------------------------------------------------------------------------------------

    def integers_of(self, depth: int) -> E:
        """An array of integers, or an integer."""
        x, y = self.leaf("i"), self.leaf("ib" if self.chance(0.2) else "i")
        kind = self.rng.randrange(6)
        if kind == 0:
            z = self.leaf()
            return self.trial(
                lambda: self.pick(["np.argsort({})", "np.argmax({}, axis=0)", "({} > 0.2).sum(axis=0)"]).format(z.text), x
            )
        if kind == 1:
            return self.trial(
                lambda: self.pick(["{}.sum(axis=0)", "np.cumsum({})", "{}.astype(np.int32)", "np.sort({})"]).format(x.text), x
            )
        if kind == 2:
            z = self.leaf("f")
            return self.trial(lambda: f"np.floor({z.text} * 2).astype({self.pick(['int', 'np.int32'])})", x)
        if not fits(x, y):
            y = E(str(self.rng.randint(1, 4)), 1)
        return self.trial(lambda: self.pick(INTEGERS).format(x.text, y.text), x)

    def truths(self, depth: int) -> E:
        """An array of truth values, or a truth value."""
        x = self.expr(depth)
        test = self.trial(lambda: f"({x.text} {self.pick(['<', '>', '<=', '>='])} {self.number(-1, 1)!r})", E("True", True))
        if self.chance(0.25):
            other = self.leaf("b")
            if fits(test, other):
                return self.trial(lambda: self.pick(TRUTHS).format(test.text, other.text), test)
        return test

    def anything(self, depth: int) -> E:
        """An expression of floats most often, else of integers or truth values."""
        return self.weighted([(8.0, self.expr), (1.2, self.integers_of), (0.8, self.truths)])(depth)


def fits(x: E, y: E) -> bool:
    """Whether the shapes broadcast."""
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return True
