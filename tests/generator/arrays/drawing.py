"""What everything that is drawn shares: choices, and the variables as they are at the place where the text has arrived.

A text is tried in the environment before it is kept. `Snapshot` takes a failed trial back, writes into shared memory
included.
"""

from __future__ import annotations

import copy
import dataclasses
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

__all__ = ["LARGEST", "Drawing", "E", "Failed", "Lines", "arrays_in", "indent", "root"]

LARGEST = 300.0  # no element of a float array is greater
Lines = list[str]
T = TypeVar("T")


class Failed(Exception):
    """A text that cannot stand where it was drawn."""


@dataclass(frozen=True, slots=True)
class E:
    """The text of an expression, in parentheses where it needs them, and what NumPy gives for it here."""

    text: str
    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def kind(self) -> str:
        """ "f", "i" or "b"."""
        return np.asarray(self.value).dtype.kind


def indent(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


def root(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array that owns the memory."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


def arrays_in(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays of a structure."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from arrays_in(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from arrays_in(v)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from arrays_in(vars(value))


class Snapshot:
    """The environment as it was."""

    def __init__(self, env: dict[str, Any]) -> None:
        self.env = dict(env)
        values = [v for n, v in env.items() if n != "__builtins__"]
        self.memory = {id(r): (r, r.copy()) for a in arrays_in(values) for r in [root(a)]}
        self.containers = [(v, copy.copy(v)) for v in values if isinstance(v, (list, dict)) or _mutable(v)]

    def restore(self, env: dict[str, Any]) -> None:
        env.clear()
        env.update(self.env)
        for owner, old in self.memory.values():
            if owner.flags.writeable:
                owner[...] = old
        for value, old in self.containers:
            if isinstance(value, list):
                value[:] = old
            elif isinstance(value, dict):
                value.clear()
                value.update(old)
            else:
                vars(value).update(vars(old))


def _mutable(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


class Drawing:
    """Draws by chance, in an environment."""

    rng: random.Random
    env: dict[str, Any]  # variables, np, and the program's functions
    ours: set[str]  # the names in it that are the program's variables, which texts may read
    tags: set[str]
    helpers: dict[str, Lines]  # functions and classes at module level, by name
    given: set[int]  # ids of the arrays that the arguments own
    writes_arguments: bool
    count: int

    # -- choices -------------------------------------------------------------------------------------------------------

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, options: Sequence[T]) -> T:
        return self.rng.choice(options)

    def weighted(self, options: Sequence[tuple[float, T]]) -> T:
        return self.rng.choices([o for _, o in options], [w for w, _ in options])[0]

    def number(self, lo: float, hi: float) -> float:
        """A short literal; never 0."""
        return round(self.rng.uniform(lo, hi), 2) or 0.25

    def name(self, stem: str) -> str:
        """A name that nothing has yet."""
        self.count += 1
        return f"{stem}{self.count}"

    # -- trials --------------------------------------------------------------------------------------------------------

    def evaluated(self, text: str) -> E:
        """The text as an expression with its value; raises Failed where it has none that may go on."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                value = eval(text, self.env)
            except Exception as e:
                raise Failed(text) from e
        _sound(value)
        return E(text, value)

    def run(self, lines: Lines) -> bool:
        """Run statements; where one fails, or leaves what is not finite, nothing has happened."""
        before = Snapshot(self.env)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                exec("\n".join(lines), self.env)
            for name in self.ours:
                _sound(self.env.get(name))
        except Exception:
            before.restore(self.env)
            return False
        return True

    # -- what there is -------------------------------------------------------------------------------------------------

    def variables(self, kind: str = "fib", rank: int | None = None, write: bool = False) -> list[E]:
        """The arrays that names stand for, those in containers too."""
        out: list[E] = []
        for name in sorted(self.ours):
            if name in self.env:
                out += self._readable(name, self.env[name])
        return [e for e in out if e.kind in kind and rank in (None, e.value.ndim) and not (write and not self.written(e.value))]

    def written(self, x: np.ndarray[Any, Any]) -> bool:
        """Whether it may be written to."""
        ours = self.writes_arguments or id(root(x)) not in self.given
        return bool(x.ndim and x.flags.writeable and ours)

    def alone(self, x: np.ndarray[Any, Any]) -> bool:
        """Whether no argument and one name only holds its memory: a name that is bound again in a loop may be one of two
        objects, and irad refuses to write to the other under any name."""
        found = [e for e in self.variables() if root(e.value) is root(x)]
        return len(found) == 1 and id(root(x)) not in self.given

    def _readable(self, text: str, value: Any) -> Iterator[E]:
        if isinstance(value, np.ndarray):
            yield E(text, value)
        elif isinstance(value, (tuple, list)):
            for i, v in enumerate(value):
                yield from self._readable(f"{text}[{i}]", v)
        elif isinstance(value, dict):
            for k, v in value.items():
                yield from self._readable(f"{text}[{k!r}]", v)
        elif _mutable(value):
            for k, v in vars(value).items():
                yield from self._readable(f"{text}.{k}", v)

    def ints(self) -> list[str]:
        """The names of Python's ints."""
        return [n for n in sorted(self.ours) if type(self.env.get(n)) is int]


def _sound(value: Any) -> None:
    """Raise Failed where an array is not finite, or large."""
    for a in [value] if isinstance(value, (float, int, np.generic)) else arrays_in(value):
        if isinstance(a, np.ndarray) and a.size > 400:
            raise Failed("too long")
        v = np.asarray(a)
        if v.dtype.kind == "f" and not np.all(np.abs(v) <= LARGEST):
            raise Failed("too large")
        if v.dtype.kind == "i" and not np.all(np.abs(v.astype(float)) <= 1e5):
            raise Failed("too large")
        if v.dtype.kind not in "fib" or v.dtype.itemsize not in (1, 4, 8) or v.dtype in (np.int8, np.uint8):
            raise Failed("another dtype")
