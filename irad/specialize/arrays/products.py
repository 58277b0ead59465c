"""`np.einsum`: its text taken apart here, the sums of products made by irad/numpy/products.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.walk import Task
from irad.numpy import products as library
from irad.specialize.arrays.advanced import call_library
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.table import HANDLERS, no_keywords
from irad.specialize.arrays.values import is_array, new_array
from irad.specialize.values import Compound, Known
from irad.types import BOOL, Array

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def _einsum(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    no_keywords(s, "einsum", {k: v for k, v in kwargs.items() if k != "optimize"})
    if not (args and isinstance(args[0], Known) and isinstance(args[0].value, str)):
        raise s.needs_static("np.einsum takes text that is known at compile time", 'write it out: np.einsum("ij,jk->ik", x, y)')
    nodes = [numeric(s, a, "einsum") for a in args[1:]]
    if any(s.b.scalar_of(x) is BOOL for x in nodes):
        raise s.refuse("unsupported-dtype", "np.einsum does not apply to truth values here", help="convert them: x.astype(int)")
    ranks = [x.type.rank if isinstance(x.type, Array) else 0 for x in nodes]
    try:
        inputs, output = taken_apart(args[0].value, ranks)
    except ValueError as e:
        s.b.raise_(error="ValueError", message=str(e))
        raise s.Bottom from None
    arrays = [a if is_array(s, a) else new_array(s, x) for a, x in zip(args[1:], nodes, strict=True)]
    axes = Compound("tuple", None, [_labels(labels) for labels in inputs])
    return call_library(s, library._einsum, Compound("tuple", None, arrays), axes, _labels(output))


HANDLERS[np.einsum] = _einsum


def _labels(labels: list[int]) -> Compound:
    return Compound("tuple", None, [literal(i) for i in labels])


def taken_apart(text: str, ranks: list[int]) -> tuple[list[list[int]], list[int]]:
    """The labels of the axes of each array and of the result: letters by their code, the axes of `...` by negative numbers,
    counted from the last."""
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        few = "fewer" if len(terms) > len(ranks) else "more"
        raise ValueError(f"{few} operands provided to einstein sum function than specified in the subscripts string")
    inputs = [_term(term, rank - len(term.replace("...", ""))) for term, rank in zip(terms, ranks, strict=True)]
    for labels, rank in zip(inputs, ranks, strict=True):
        if len(labels) != rank:
            raise ValueError("einstein sum subscripts string has another number of subscripts than an operand has axes")
    every = [i for labels in inputs for i in labels]
    dots = [i for i in range(min(0, *every), 0)] if every else []
    if not arrow:
        return inputs, dots + sorted(i for i in set(every) if i > 0 and every.count(i) == 1)
    if dots and "..." not in right:
        raise ValueError("output has not enough dimensions for the broadcast ones: the output has no ellipsis")
    output = _term(right, len(dots))
    if len(set(output)) != len(output):
        raise ValueError("einstein sum subscripts string includes an output subscript multiple times")
    if set(output) - set(every):
        raise ValueError("einstein sum subscripts string included an output subscript which never appeared in an input")
    return inputs, output


def _term(term: str, count: int) -> list[int]:
    """The labels of one array, whose `...` stands for some axes."""
    before, dots, after = term.partition("...")
    if not (before + after).isalpha() and before + after:
        raise ValueError("invalid subscript in einstein sum subscripts string, subscripts must be letters")
    return [*map(ord, before), *range(-count, 0), *map(ord, after)] if dots else [*map(ord, term)]
