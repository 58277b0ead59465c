"""Products of arrays: `@` here; `np.einsum` taken apart here, chained by irad/numpy/products.py. Each pair of arrays is one
`contract` of the IR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Node
from irad.graph.walk import Task
from irad.numpy import products as library
from irad.primitives.products import product
from irad.specialize.arrays.advanced import call_library
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.elementwise import promote, same_size, shape_text
from irad.specialize.arrays.table import HANDLERS, check_count, no_keywords
from irad.specialize.arrays.values import is_array, new_array
from irad.specialize.values import Compound, Known, is_number
from irad.types import BOOL, Array, Dim, given_dims

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


Pairs = tuple[tuple[int, ...], tuple[int, ...]]


def matmul(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "matmul", kwargs)
    check_count(s, "matmul", args, 2)
    x, y = (numeric(s, a, "matmul") for a in args)
    tx, ty = x.type, y.type
    if not isinstance(tx, Array) or not isinstance(ty, Array):
        raise s.refuse("type-mismatch", "`@` takes arrays, not numbers", help="use `*`")
    x, y = _converted(s, x, y)
    m, n = tx.shape[-1], ty.shape[max(ty.rank - 2, 0)]
    if isinstance(m, int) and isinstance(n, int) and m != n:
        raise s.refuse(
            "shape-mismatch",
            f"`@` cannot join shapes {shape_text(tx.shape)} and {shape_text(ty.shape)}: {m} against {n}",
            help=f"the last axis of the left is summed with the {'first' if ty.rank < 3 else 'last but one'} of the right: "
            "transpose one, x.T",
        )
    return new_array(s, _stacked(s, x, y))


def _stacked(s: Specializer, x: Node, y: Node) -> Node:
    """x @ y; axes before the last two are broadcast: those that only one array has, or has more than one of, are left to it."""
    b = s.b
    lead = [max(_rank(v) - 2, 0) for v in (x, y)]
    count = max(lead)
    sizes = [(1,) * (count - n) + v.type.shape[:n] for v, n in zip((x, y), lead, strict=True)]  # type: ignore[attr-defined]
    both = [i for i in range(count - min(lead), count) if (sizes[0][i] == 1) == (sizes[1][i] == 1)]
    own, places = [], []  # of each array: the axes before the last two that it keeps, and where in the result they stand
    for v, n, shape in zip((x, y), lead, sizes, strict=True):
        kept = [i for i in range(count - n, count) if i in both or i < count - min(lead) or shape[i] != 1]
        rest = v.type.shape[n:]  # type: ignore[attr-defined]
        left = (*(shape[i] for i in kept), *rest)
        dims = [b.dim(v, axis=i) for i, d in enumerate(v.type.shape) if isinstance(d, Dim)]  # type: ignore[attr-defined]
        own.append(v if left == v.type.shape else b.reshape(v, *dims, shape=left))  # type: ignore[attr-defined]
        places.append(kept)
    x, y = own
    batch = tuple(tuple(kept.index(i) for i in both) for kept in places)
    over = (_rank(x) - 1,), (len(places[1]),)
    out = contract(s, x, y, batch, over, "matmul: the sizes do not match")  # type: ignore[arg-type]
    alone = [[i for i in kept if i not in both] for kept in places]
    row, column = [count] * (_rank(x) > len(places[0]) + 1), [count + 1] * (_rank(y) > len(places[1]) + 1)
    found = [*both, *alone[0], *row, *alone[1], *column]
    return b.transpose(out, axes=tuple(map(found.index, sorted(found)))) if found else out


def _rank(x: Node) -> int:
    return x.type.rank if isinstance(x.type, Array) else 0


def _converted(s: Specializer, x: Node, y: Node) -> list[Node]:
    """Two operands in their common dtype, of numbers."""
    dtype = promote(s, [x, y], "@")
    if dtype.narrow:
        raise s.refuse("unsupported-dtype", f"a product of {dtype.dtype}", help="convert the factors: x.astype(float)")
    if dtype is BOOL:
        raise s.refuse("unsupported-dtype", "`@` does not apply to arrays of truth values", help="convert them: x.astype(int)")
    return [v if s.b.scalar_of(v) is dtype else s.b.convert(v, to=dtype) for v in (x, y)]


def contract(s: Specializer, x: Node, y: Node, batch: Pairs, over: Pairs, message: str) -> Node:
    """The product of two arrays summed over some axes; sizes of pairs that may differ are compared at run time."""
    b = s.b
    for i, j in (*zip(*batch, strict=True), *zip(*over, strict=True)):
        tx, ty = x.type, y.type
        assert isinstance(tx, Array)
        assert isinstance(ty, Array)
        m, n = tx.shape[i], ty.shape[j]
        if m == n:
            continue
        if isinstance(m, Dim) and (isinstance(n, Dim) or given_dims()):
            same_size(s, b.dim(x, axis=i), literal(n) if isinstance(n, int) else b.dim(y, axis=j), message)
        elif isinstance(n, Dim) and given_dims():
            same_size(s, literal(m), b.dim(y, axis=j), message)
        elif not isinstance(m, Dim) and not isinstance(n, Dim):
            b.raise_(error="ValueError", message=message)
            raise s.Bottom
        if isinstance(n, Dim):
            y = b.retype(y, to=Array(ty.dtype, (*ty.shape[:j], m, *ty.shape[j + 1 :])))
        else:
            x = b.retype(x, to=Array(tx.dtype, (*tx.shape[:i], n, *tx.shape[i + 1 :])))
    return product(b, x, y, batch, over)  # type: ignore[no-any-return]


def _contract(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """What irad/numpy/products.py calls for a product of two arrays."""
    x, y = _converted(s, *(numeric(s, a, "einsum") for a in args[:2]))
    batch, over = (tuple(tuple(a.value for a in axes.children) for axes in pairs.children) for pairs in args[2:])
    return new_array(s, contract(s, x, y, batch, over, "shape-mismatch for sum"))  # type: ignore[arg-type]


def dot(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "dot", kwargs)
    check_count(s, "dot", args, 2)
    xs = [numeric(s, a, "dot") for a in args]
    if any(map(is_number, xs)):
        return HANDLERS[np.multiply](s, args, kwargs)
    ranks = list(map(_rank, xs))
    if max(ranks) > 2 and ranks[1] > 1:  # over the last axis of the left and the last but one of the right
        axes = Compound("tuple", None, [literal(-1), literal(-2)])
        return call_library(s, library.tensordot, *args, axes)
    return matmul(s, args, kwargs)


HANDLERS[np.matmul], HANDLERS[np.dot], HANDLERS[library._contracted] = matmul, dot, _contract


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
