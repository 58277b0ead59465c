"""Sizes that are known at run time only, in shapes: which there are, and other names for them.

Two arrays whose types name the same size are taken for equally large. A size that a function makes itself, as in
`np.ones(n)`, is another at each call, so its name in the result of a copy, `r0`, stands for a fresh one at each call of it.
The symbols in the types of the program's own arguments are the same everywhere, so sizes made of them are polynomials,
which say what is equal, and what is not negative: `x[1:]` of f64[n] is f64[n-1].
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping
from typing import Any

from irad.graph.nodes import Apply, Constant, Node, Parameter
from irad.types import INT, SMALLEST, Array, Dim, Struct, fresh_dim, given_dims, size_parameters

__all__ = ["at_most", "canonical", "compared", "dim_of", "fresh", "polynomial", "renamed", "symbols"]


def symbols(x: Any) -> Iterator[str]:
    """The names of the sizes in a shape or type, in order, with repetitions."""
    if isinstance(x, Dim):
        yield from (s for k, _ in x.terms for s in k)
    elif isinstance(x, Array):
        yield from symbols(x.shape)
    elif isinstance(x, Struct):
        yield from symbols(x.items)
    elif type(x) is tuple:
        for part in x:
            yield from symbols(part)


def renamed(x: Any, names: Mapping[str, str]) -> Any:
    """A shape or type with other names of sizes."""
    if not names:
        return x
    if isinstance(x, Dim):
        return x.renamed(names)
    if isinstance(x, Array):
        return Array(x.dtype, renamed(x.shape, names))
    if type(x) is tuple:
        return tuple([renamed(part, names) for part in x])
    return x


def canonical(x: Any, given: Container[str], letter: str) -> dict[str, str]:
    """New names for the sizes in x other than the `given` ones: letter and number in the order in which they come."""
    kept = given_dims()
    free = (name for i in itertools.count() if (name := f"{letter}{i}") not in given and name not in kept)
    return {old: next(free) for old in dict.fromkeys(symbols(x)) if old not in given and old not in kept}


def fresh(x: Any, given: Container[str]) -> dict[str, str]:
    """Names that nothing else has for the sizes in x other than the `given` ones."""
    kept = given_dims()
    return {old: str(fresh_dim()) for old in dict.fromkeys(symbols(x)) if old not in given and old not in kept}


def polynomial(n: Node) -> int | Dim | None:
    """An integer as a polynomial in the sizes of the program's arguments, where it is known to be one."""
    if isinstance(n, Constant):
        return int(n.value) if n.type is INT else None
    if isinstance(n, Parameter):
        return size_parameters().get(n)
    if not isinstance(n, Apply) or n.type is not INT or not given_dims():
        return None
    if n.fn.name == "dim":
        d = n.args[0].type.shape[n.static[0]]  # type: ignore[attr-defined]
        return d if isinstance(d, int) or d.symbols() <= given_dims() else None
    if n.fn.name not in ("add", "sub", "mul", "floordiv"):
        return None
    x, y = map(polynomial, n.args)
    if x is None or y is None:
        return None
    if n.fn.name == "floordiv":
        return Dim.of(x).over(y) if y != 0 else None
    return x + y if n.fn.name == "add" else x * y if n.fn.name == "mul" else x + y * -1


def at_most(x: Node, y: Node) -> bool:
    """Whether one integer is known to be no larger than another."""
    return compared("<=", x, y) is True


def compared(op: str, x: Node, y: Node) -> bool | None:
    """What a comparison of integers gives, where it is the same for all sizes."""
    p, q = polynomial(x), polynomial(y)
    if p is None or q is None:
        m, n = _axis_of(x), _axis_of(y)
        return op in ("==", "<=", ">=") if m is not None and m == n else None
    if op in (">", ">="):
        p, q, op = q, p, {">": "<", ">=": "<="}[op]
    over, under = (Dim.of(d).least(SMALLEST) for d in (q + p * -1, p + q * -1))  # least values of q - p and p - q
    if op in ("==", "!="):
        same = True if p == q else False if (over or 0) > 0 or (under or 0) > 0 else None
        return same if same is None or op == "==" else not same
    if op == "<":
        return True if over is not None and over > 0 else False if under is not None and under >= 0 else None
    return True if over is not None and over >= 0 else False if under is not None and under > 0 else None


def _axis_of(n: Node) -> int | Dim | None:
    """The size, as types have it, that an integer is read from."""
    return n.args[0].type.shape[n.static[0]] if isinstance(n, Apply) and n.fn.name == "dim" else None  # type: ignore[attr-defined]


def dim_of(n: Node, known: dict[Node, Dim]) -> int | Dim:
    """The size that an integer, which is not negative, is in a shape: equal ones are equal. `known`: those so far."""
    p = polynomial(n)
    if isinstance(p, int) or (p is not None and (p.least(SMALLEST) or 0) >= 0 and p.least(SMALLEST) is not None):
        return p
    if n not in known:
        known[n] = Dim.of(_axis_of(n) or fresh_dim())
    return known[n].simplest()
