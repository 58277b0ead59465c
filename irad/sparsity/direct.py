"""Sparse matrices of straight-line code on arrays, from the structured Jacobian that elimination leaves.

    sum((x[1:] - x[:-1]) ** 2)      Hessian: [i | i: 2], [1 + i | 1 + i: 2], [i | 1 + i: -2], [1 + i | i: -2]

Each term has its numbers at places that are known (see `irad.primitives.terms`): its values, an array over its labels, are
computed once, and added up where places coincide. Of a symmetric matrix one half is computed. A matrix whose terms are
diagonals, all but a few rows alike, is written row by row in the order of CSR.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from irad.elimination.structured import Jacobian, Structured, labels_of
from irad.graph.build import Builder, constant_value, literal
from irad.graph.nodes import Apply, Module, Node
from irad.graph.walk import Task, run
from irad.primitives import REGISTRY
from irad.primitives.terms import Form, Term, forms_of
from irad.sparsity.problem import Problem
from irad.transforms.elimination import NotStraightLine
from irad.transforms.jacobian import cheapest
from irad.transforms.structured import LinearisedArrays
from irad.types import I64, Array, Type

__all__ = ["Direct", "direct"]

MOST_TIMES = 16  # as many values as the arrays have numbers
SMALL = 4096  # values that are computed whatever the arrays are
MOST_DIAGONALS = 8
MOST_ODD = 64  # entries in rows that are not like the others
MOST_WORK = 100  # to compute a value again at another place, in multiplications


@dataclass(slots=True)
class Direct:
    """`module` takes the parameters and returns the arrays of values; `rows` and `columns` are where these stand, numbered
    over all outputs and inputs. ordered: there is one array, and from `start` on its values are in the order of CSR."""

    module: Module
    rows: Any
    columns: Any
    ordered: bool
    start: int = 0

    def entries(self, *, symmetric: bool) -> int:
        """How many entries the matrices have."""
        places = np.unique(np.stack([self.rows, self.columns]), axis=1)
        return int((places[0] == places[1]).sum() + 2 * (places[0] < places[1]).sum()) if symmetric else places.shape[1]


def direct(problem: Problem, *, symmetric: bool) -> Direct | None:
    """The program for the values of a lean problem's matrices; None where it is not made of few diagonals and the like. Of a
    symmetric matrix values below the diagonal are left out, unless they are in order."""
    b = Builder(Module(), REGISTRY)
    graph = b.new_graph("direct")
    params = [b.parameter(graph, p.type, p.name) for p in problem.graph.params]
    try:
        with b.inside(graph):
            found = LinearisedArrays(b, problem.graph, problem.wrt, params)
            terms = _terms(found, Structured(found.dtype, b), problem, symmetric)
            if terms is None:
                return None
            bands = _bands(b, problem, terms, symmetric) if len(problem.outputs) == len(problem.wrt) == 1 else None
            if bands is not None:
                graph.finish(b.make_tuple(bands.buffer))
                return Direct(b.module, bands.rows, bands.columns, True, bands.start)
            graph.finish(b.make_tuple(*[b.reshape(v, shape=(t.size,)) for t in terms for v in [t.value]]))
    except NotStraightLine:
        return None
    rows, columns = (np.concatenate([getattr(t, a) for t in terms] or [np.zeros(0, np.int64)]) for a in ("rows", "columns"))
    return Direct(b.module, rows, columns, False)


class _Placed(NamedTuple):
    """A term's value, an array over its labels, and where it stands."""

    term: Term
    value: Node
    rows: Any
    columns: Any

    @property
    def size(self) -> int:
        return len(self.rows)


def _terms(found: LinearisedArrays, algebra: Structured, problem: Problem, symmetric: bool) -> list[_Placed] | None:
    b = found.b
    b.adjoint = True
    entries: Any = found.region.eliminate(cheapest(found.region), algebra)
    placed: list[_Placed] = []
    row = 0
    for (v,), t in zip(found.outputs, problem.outputs, strict=True):
        column = 0
        for (u,), s in zip(found.inputs, problem.inputs, strict=True):
            entry = entries.get((u, v), 0.0) if v is not None else 0.0
            out, into = _shape(t), _shape(s)
            if entry == 1.0:
                forms = forms_of(into)
                entry = Jacobian(out, into, (Term(forms, forms),))
            sizes = int(np.prod(out)), int(np.prod(into))
            for term in entry.terms if isinstance(entry, Jacobian) else ():
                if any(f.table is not None for f in (*term.out, *term.into)):
                    return None  # places that are known at run time only
                labels = tuple(labels_of(term))
                count = int(np.prod([label.size for label in labels], dtype=np.int64))
                if count > max(MOST_TIMES * max(sizes), SMALL):
                    return None
                by = dict(zip(labels, np.indices([label.size for label in labels], np.int64), strict=True))
                rows, columns = (_flat(forms, shape, by) for forms, shape in ((term.out, out), (term.into, into)))
                rows, columns = row + rows, column + columns
                if symmetric and (rows > columns).all():
                    continue
                value = algebra.work.value(term, labels).node
                if not isinstance(value.type, Array):
                    value = b.array(value, shape=(1,))
                placed.append(_Placed(term, value, rows, columns))
            column += sizes[1]
        row += sizes[0]
    return placed


def _flat(forms: Sequence[Form], shape: Sequence[int], places: dict[Any, Any]) -> Any:
    """Places in C order, for all values of the labels."""
    out: Any = 0
    for form, n in zip(forms, shape, strict=True):
        out = out * n + form.start + sum(stride * places[label] for label, stride in form.strides)
    whole = next((p.shape for p in places.values()), (1,))
    return np.broadcast_to(np.asarray(out, np.int64), whole).ravel()


def _shape(t: Type) -> tuple[int, ...]:
    return t.static_shape or () if isinstance(t, Array) else ()


# -- diagonals --------------------------------------------------------------------------------------------------------------


class _Bands(NamedTuple):
    buffer: Node
    start: int
    rows: Any
    columns: Any


class _Piece(NamedTuple):
    """Values along a part of a diagonal: entry (row + k, row + k + offset) has value[k]."""

    row: int
    offset: int
    size: int
    value: Node


def _bands(b: Builder, problem: Problem, terms: Sequence[_Placed], symmetric: bool) -> _Bands | None:
    """The values of diagonals in the order of CSR; None where rows differ."""
    pieces = _pieces(terms, symmetric)
    if not pieces or not isinstance(problem.outputs[0], Array):
        return None
    ends = sorted({p.row for p in pieces} | {p.row + p.size for p in pieces})
    parts = [(low, high, _offsets(pieces, low)) for low, high in itertools.pairwise(ends)]
    middle = max(range(len(parts)), key=lambda k: parts[k][1] - parts[k][0])
    low, high, offsets = parts[middle]
    width = len(offsets)
    odd = [sum((q - p) * len(o) for p, q, o in ps) for ps in (parts[:middle], parts[middle + 1 :])]
    if not 0 < width <= MOST_DIAGONALS or sum(odd) > MOST_ODD or high - low < MOST_ODD:
        return None
    before, after = (-(-n // width) for n in odd)
    cut = _Cut(b)
    block = _interleaved(b, [cut.total(pieces, low, high - low, o) for o in offsets])
    whole = b.zeros(of=Array(block.type.dtype, (before + high - low + after, width)))  # type: ignore[attr-defined]
    whole = b.slice_update(whole, block, literal(before), literal(0), steps=(1, 1))
    zero = b.number(0.0, block.type.dtype)  # type: ignore[attr-defined]
    for ps, first, count, at in (
        (parts[:middle], before * width - odd[0], before, 0),
        (parts[middle + 1 :], 0, after, before + high - low),
    ):
        numbers = [cut.number(pieces, r, o) for p, q, os in ps for r in range(p, q) for o in os]
        if numbers:
            numbers = [*[zero] * first, *numbers, *[zero] * (count * width - first - len(numbers))]
            edge = b.array(*numbers, shape=(count, width))
            whole = b.slice_update(whole, edge, literal(at), literal(0), steps=(1, 1))
    rows = [np.repeat(np.arange(p, q), len(o)) for p, q, o in parts]
    columns = [(np.arange(p, q)[:, None] + np.array(o, np.int64)).ravel() for p, q, o in parts]
    return _Bands(whole, before * width - odd[0], np.concatenate(rows), np.concatenate(columns))


def _pieces(terms: Sequence[_Placed], symmetric: bool) -> list[_Piece] | None:
    """The terms as parts of diagonals; of a symmetric matrix those below the diagonal, too."""
    pieces = []
    for t in terms:
        steps = [f.strides for f in (*t.term.out, *t.term.into)]
        if len(steps) != 2 or any(len(s) > 1 or any(step != 1 for _, step in s) for s in steps) or steps[0] != steps[1]:
            return None
        row, column = int(t.rows[0]), int(t.columns[0])
        pieces.append(_Piece(row, column - row, t.size, t.value))
        if symmetric and row != column:
            pieces.append(_Piece(column, row - column, t.size, t.value))
    return pieces


def _offsets(pieces: Sequence[_Piece], row: int) -> list[int]:
    return sorted({p.offset for p in pieces if p.row <= row < p.row + p.size})


def _interleaved(b: Builder, values: Sequence[Node]) -> Node:
    """Arrays [n] as the columns of one."""
    (n,) = values[0].type.shape  # type: ignore[attr-defined]
    shape = (n, len(values))
    number = b.iota(of=Array(I64, (len(values),)))
    out: Node | None = None
    for k, v in reversed(list(enumerate(values))):
        wide = b.broadcast(b.reshape(v, shape=(n, 1)), shape=shape)
        if out is None:
            out = wide
            continue
        here = b.broadcast(b.eq(number, b.broadcast(literal(k), shape=(len(values),))), shape=shape)
        out = b.select(here, wide, out)
    assert out is not None
    return out


class _Cut:
    """Parts of arrays: what is computed element by element is computed for the part only, unless that takes long."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.known: dict[tuple[Node, int, int], Node] = {}
        self.work: dict[Node, int] = {}

    def total(self, pieces: Sequence[_Piece], row: int, count: int, offset: int) -> Node:
        """The values of a diagonal in some rows."""
        out: Node | None = None
        for p in pieces:
            if p.offset == offset and p.row <= row and row + count <= p.row + p.size:
                v = self.part(p.value, row - p.row, count)
                out = v if out is None else self.b.add(out, v)
        assert out is not None
        return out

    def number(self, pieces: Sequence[_Piece], row: int, offset: int) -> Node:
        return self.b.index(self.total(pieces, row, 1, offset), literal(0))

    def part(self, v: Node, start: int, count: int) -> Node:
        if run(self._work(v)) > MOST_WORK:
            return self._sliced(v, start, count)
        return run(self._part(v, start, count))  # type: ignore[no-any-return]

    def _sliced(self, v: Node, start: int, count: int) -> Node:
        if v.type.shape == (count,):  # type: ignore[attr-defined]
            return v
        return self.b.slice(v, literal(start), shape=(count,), steps=(1,))

    def _within(self, v: Node) -> Sequence[Node]:
        """The arrays that an elementwise operation is made of, all of its shape."""
        if isinstance(v, Apply) and v.fn.elementwise and all(a.type.shape == v.type.shape for a in v.args if _array(a)):  # type: ignore[attr-defined]
            return v.args if all(map(_array, v.args)) else ()
        return ()

    def _work(self, v: Node) -> Task:
        if v not in self.work:
            total = 0
            for a in self._within(v):
                total += yield self._work(a)
            self.work[v] = total + (v.fn.cost if isinstance(v, Apply) else 0)
        return self.work[v]

    def _part(self, v: Node, start: int, count: int) -> Task:
        key = (v, start, count)
        if key not in self.known:
            b = self.b
            inner = self._within(v)
            if v.type.shape == (count,):  # type: ignore[attr-defined]
                made = v
            elif inner:
                args = []
                for a in inner:
                    args.append((yield self._part(a, start, count)))
                made = b.apply(v.fn, args, v.static)  # type: ignore[attr-defined]
            elif isinstance(v, Apply) and v.fn.name == "broadcast" and not _array(v.args[0]):
                made = b.broadcast(v.args[0], shape=(count,))
            elif (
                isinstance(v, Apply) and v.fn.name == "slice" and v.static[1] == (1,) and constant_value(v.args[1]) is not None
            ):
                first = int(constant_value(v.args[1])) + start
                made = yield self._part(v.args[0], first, count)
            else:
                made = self._sliced(v, start, count)
            self.known[key] = made
        return self.known[key]


def _array(v: Node) -> bool:
    return isinstance(v.type, Array)
