"""Sizes that are known at run time only, in shapes: which there are, and other names for them.

Two arrays whose types name the same size are taken for equally large. A size that a function makes itself, as in
`np.ones(n)`, is another at each call, so its name in the result of a copy, `r0`, stands for a fresh one at each call of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping
from typing import Any

from irad.types import Array, Dim, fresh_dim

__all__ = ["canonical", "fresh", "renamed", "symbols"]


def symbols(x: Any) -> Iterator[str]:
    """The names of the sizes in a shape or type, in order, with repetitions."""
    if isinstance(x, Dim):
        yield from (s for k, _ in x.terms for s in k)
    elif isinstance(x, Array):
        yield from symbols(x.shape)
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
    free = (name for i in itertools.count() if (name := f"{letter}{i}") not in given)
    return {old: next(free) for old in dict.fromkeys(symbols(x)) if old not in given}


def fresh(x: Any, given: Container[str]) -> dict[str, str]:
    """Names that nothing else has for the sizes in x other than the `given` ones."""
    return {old: str(fresh_dim()) for old in dict.fromkeys(symbols(x)) if old not in given}
