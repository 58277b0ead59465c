"""Scopes of a program that is being drawn: which names can be read, what they hold, which may be assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.generator.intervals import Interval

__all__ = [
    "FLAGS",
    "FLOAT",
    "INT",
    "NARROW",
    "UNIT",
    "WIDE",
    "Array",
    "Bundle",
    "Fn",
    "Param",
    "Record",
    "Scope",
    "Seq",
    "Shape",
    "State",
    "Table",
    "Type",
    "Var",
]

FLOAT = Interval(-4.0, 4.0)  # every float variable, unless it says otherwise
INT = Interval(-30, 30)  # every int variable
UNIT = Interval(-1.0, 1.0)
NARROW = Interval(-2.0, 2.0)
WIDE = Interval(-60.0, 60.0)  # what an expression may reach before it is squashed
FLAGS = Interval(0, 1)


@dataclass(frozen=True, slots=True)
class Seq:
    """A tuple or list; each item "float" or "int"."""

    kind: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dict of floats with these keys."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A NamedTuple or dataclass of floats; `defaults` counts the last fields that have one. methods: whether it has them."""

    name: str
    fields: tuple[str, ...]
    mutable: bool
    defaults: int
    methods: bool

    def body(self) -> list[str]:
        """The lines of the class: fields, then methods that use the first and the last one, a property, an operator."""
        given = len(self.fields) - self.defaults
        lines = [f"{f}: float" + (" = 0.75" if i >= given else "") for i, f in enumerate(self.fields)]
        if self.methods:
            first, last = self.fields[0], self.fields[-1]
            lines += ["def weighted(self, k=0.5):", f"    return k * self.{first} * self.{last} - self.{last}"]
            lines += ["@property", "def middle(self):", f"    return 0.5 * (self.{first} + self.{last})"]
            sums = ", ".join(f"0.5 * (self.{f} + other.{f})" for f in self.fields)
            lines += ["def __add__(self, other):", f"    return {self.name}({sums})"]
        if self.methods and self.mutable:
            lines += ["def move(self, v):", f"    self.{first} = 0.5 * self.{first} + 0.5 * v", "    return self"]
        return lines


@dataclass(slots=True)
class Param:
    """kind: "plain", "only" (positional), "keyword", "args", "function"."""

    name: str
    type: str | Array
    range: Interval
    kind: str = "plain"
    default: str = ""


@dataclass(slots=True, eq=False)
class Fn:
    """A function: it returns a float, with `items` a tuple of that many, with `shape` an array."""

    params: list[Param]
    range: Interval
    items: int = 0
    pure: bool = True  # writes nothing outside
    cost: int = 1  # calls and trips that a call makes, about
    recursive: bool = False
    shape: Shape | None = None


Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """An array of floats. own: the function whose variable it is has made it and never rebinds it: it may write to it."""

    shape: Shape
    own: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """A tuple, list, dict or record of arrays: how each is read ("[0]", ".pos") and its shape."""

    items: tuple[tuple[str, Shape], ...]
    kind: str


Type = str | Seq | Table | Record | Array | Bundle | Fn


@dataclass(slots=True, eq=False)
class Var:
    """A name that is bound. Its values lie in `bound` whenever they are read, and here and now in `now`."""

    name: str
    type: Type
    bound: Interval
    now: Interval
    scope: Scope
    fixed: bool = False  # not to be assigned: loop counters, functions
    shared: bool = False  # assigned by an inner function too
    captured: bool = False  # read by an inner function
    total: bool = False  # a sum: only small terms are added
    real: bool = False  # a Python float for certain, never an int
    reads: int = 0


State = dict[str, tuple[Var, Interval]]


@dataclass(slots=True, eq=False)
class Scope:
    """A function (or lambda) of the program that is being drawn."""

    parent: Scope | None
    depth: int = 0
    vars: dict[str, Var] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # names of this function, bound at the moment or not
    assigned: set[str] = field(default_factory=set)
    loops: list[str] = field(default_factory=list)  # the kinds of the loops around: "for", "while"
    trips: int = 1
    cost: int = 1
    pure: bool = True
    returns: Interval = FLOAT  # what a `return` here must lie in
    items: int = 0  # how many floats it returns as a tuple; 0: one float
    shape: Shape | None = None  # of the array that it returns; None: floats
    seen: Interval | None = None  # what the returns so far lie in
    is_lambda: bool = False
    recursion: str = ""  # the recursive function that this is

    def chain(self) -> list[Scope]:
        out: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            out.append(scope)
            scope = scope.parent
        return out

    def names(self) -> set[str]:
        """The names that mean something here."""
        return {n for s in self.chain() for n in s.used}

    def bind(self, name: str, type: Type, range: Interval, bound: Interval | None = None, **flags: Any) -> Var:
        """A new variable of this function."""
        var = Var(name, type, bound or range, range, self, **flags)
        self.vars[name] = var
        self.used.add(name)
        self.assigned.add(name)
        return var

    def visible(self, wanted: Callable[[Var], bool]) -> list[Var]:
        """The variables that can be read here, those of functions around included."""
        out: list[Var] = []
        hidden: set[str] = set()
        for scope in self.chain():
            out += [v for n, v in scope.vars.items() if n not in hidden and wanted(v)]
            hidden |= scope.used
        return out

    def snapshot(self) -> State:
        return {n: (v, v.now) for n, v in self.vars.items()}

    def restore(self, state: State) -> None:
        self.vars = {n: v for n, (v, _) in state.items()}
        for v, now in state.values():
            v.now = now

    def join(self, states: Sequence[State]) -> None:
        """What holds after paths that ended in these states."""
        first = states[0]
        common = [n for n in first if all(n in s and s[n][0] is first[n][0] for s in states)]
        joined: State = {}
        for n in common:
            now = first[n][1]
            for s in states[1:]:
                now = now.hull(s[n][1])
            joined[n] = (first[n][0], now)
        self.restore(joined)

    def forget(self, names: Sequence[str] | None = None) -> None:
        """Nothing but the bound is known of these variables (all): at the head of a loop."""
        for v in self.vars.values() if names is None else [self.vars[n] for n in names if n in self.vars]:
            v.now = v.bound

    def free(self, name: str) -> None:
        """The name may be used again for something else."""
        self.vars.pop(name, None)
        self.used.discard(name)
