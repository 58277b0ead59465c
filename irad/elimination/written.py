"""Structured Jacobians as arrays: what each term has is written at its places in an array of zeros.

    y[i] x[i]: d[i]           zeros[n * n] with d at 0, n + 1, 2 (n + 1), ..., in the shape (n, n)
    y[i] x[2 + i]: d[i]       the same from 2, (m + 1) apart, where x has m elements
    y[i,k] x[j,k]: A[i,j]     zeros[n, m, p * p] with A at each (p + 1)th of the last axis; then axes change places

An array of derivatives is a line of numbers, along which a term's labels have strides. Where these are the steps of a block in
some shape, the block is written there; else in an array whose axes of one label stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from irad.elimination.factors import Factors, looped
from irad.elimination.places import Incompatible, Part, Substitution, axis_parts
from irad.graph.build import literal
from irad.graph.nodes import Node
from irad.primitives.terms import Form, Label, Term
from irad.types import Array

__all__ = ["written"]


class _Step(NamedTuple):
    """An axis of the shape in which a block is written, and where the block is along it."""

    size: int
    start: int
    step: int
    places: int


class _Run(NamedTuple):
    """Labels that go round together, as one number, and its stride."""

    labels: tuple[Label, ...]
    places: int
    stride: int


class _Grid(NamedTuple):
    """Runs, the axes of the shape in which they are a block, and the labels that go backwards."""

    runs: list[_Run]
    steps: list[_Step]
    backwards: set[Label]


def written(work: Factors, terms: Sequence[Term], out: tuple[int, ...], into: tuple[int, ...]) -> Any:
    """The node of a sum of terms as an array of shape out + into; a number where both are numbers."""
    b, shape = work.b, (*out, *into)
    assert b is not None
    if not shape:
        values = [work.value(t, ()).node for t in terms]
        total = values[0] if values else b.number(0.0, work.dtype)
        for v in values[1:]:
            total = b.add(total, v)
        return total
    node: Any = None
    for term in sorted(terms, key=lambda t: not _covers(t, shape)):
        node = _with_term(work, term, shape, node)
    return b.zeros(of=Array(work.dtype.strong, shape)) if node is None else node


def _covers(term: Term, shape: Sequence[int]) -> bool:
    """Whether each place of the array is one of the term's, along an axis a label."""
    forms = (*term.out, *term.into)
    labels = [label for f in forms for label in f.labels]
    return (
        all(f.table is None for f in forms)
        and len(labels) == len(set(labels))
        and math.prod(label.size for label in labels) == math.prod(shape)
    )


def _with_term(work: Factors, term: Term, shape: tuple[int, ...], onto: Any) -> Any:
    """The array, or zeros, with a term added."""
    b = work.b
    assert b is not None
    parts = [p for form, n in zip((*term.out, *term.into), shape, strict=True) for p in axis_parts(form, n)]
    if any(p.table is not None for p in parts):
        return work.shaped(_by_loops(work, term, parts, onto), shape)
    sizes = [p.size for p in parts]
    grid = _grid(parts)
    if grid is not None:
        return _put(work, term, grid, shape, onto)
    axes = _side_by_side(parts)
    grid = _grid([parts[k] for k in axes])
    if grid is None:
        raise Incompatible
    moved = _put(work, term, grid, tuple(sizes[k] for k in axes), None)
    back = b.transpose(moved, axes=tuple(axes.index(k) for k in range(len(axes))))
    found = work.shaped(back, shape)
    return found if onto is None else b.add(onto, found)


def _by_loops(work: Factors, term: Term, parts: Sequence[Part], onto: Any) -> Any:
    """A term added at places that tables say: a trip for each value of their labels, and of labels of more than one axis."""
    b = work.b
    assert b is not None
    once = [label for p in parts for label in p.labels]
    looped_over = [k for k in dict.fromkeys(once) if once.count(k) > 1 or any(p.table and k in p.labels for p in parts)]
    rest = [k for k in once if k not in looped_over]
    value = work.value(term, (*looped_over, *rest)).node
    value = value if isinstance(value.type, Array) else b.broadcast(value, shape=(1,) * len(parts))
    sizes = tuple(p.size for p in parts)
    start = b.zeros(of=Array(work.dtype.strong, sizes)) if onto is None else work.shaped(onto, sizes)
    block, steps = [1 if p.label in (None, *looped_over) else p.places for p in parts], tuple(p.step for p in parts)

    def place(p: Part, at: dict[Label, Node]) -> Node:
        if p.table is not None:
            where = [at[label] for label in p.table.labels]
            return b.index(p.table.node, *where) if where else p.table.node
        if p.label in at:
            return b.add(b.mul(at[p.label], literal(p.step)), literal(p.start))
        return literal(p.start)

    def trip(at: dict[Label, Node], out: Node) -> Node:
        left = looped_over[len(at) :]
        if left:
            return looped(b, left[0].size, out, lambda k, state: trip({**at, left[0]: k}, state))
        starts = [*(at[k] for k in looped_over), *(literal(0) for _ in rest)]
        of_trip = (
            value
            if not starts
            else b.slice(value, *starts, shape=(*(1 for _ in at), *(k.size for k in rest)), steps=(1,) * len(starts))
        )
        return b.slice_add(out, work.shaped(of_trip, block), *[place(p, at) for p in parts], steps=steps)

    return trip({}, start)


def _put(work: Factors, term: Term, grid: _Grid, shape: tuple[int, ...], onto: Any) -> Any:
    b, steps = work.b, grid.steps
    assert b is not None
    labels = tuple(label for run in grid.runs for label in run.labels)
    back: Substitution = {label: Form(label.size - 1, ((label, -1),)) for label in grid.backwards}
    value = work.reindexed(work.value(term, labels), back).node
    if not isinstance(value.type, Array):
        value = b.broadcast(value, shape=(1,))
    block = work.shaped(value, [s.places for s in steps])
    if all((s.start, s.step, s.places) == (0, 1, s.size) for s in steps):
        found = work.shaped(block, shape)
        return found if onto is None else b.add(onto, found)
    sizes, starts, by = tuple(s.size for s in steps), [literal(s.start) for s in steps], tuple(s.step for s in steps)
    if onto is None:
        whole = b.slice_update(b.zeros(of=Array(value.type.dtype, sizes)), block, *starts, steps=by)
    else:
        whole = b.slice_add(work.shaped(onto, sizes), block, *starts, steps=by)
    return work.shaped(whole, shape)


def _side_by_side(parts: Sequence[Part]) -> list[int]:
    """The parts in an order in which those of one label follow each other."""
    first: dict[Label, int] = {}
    for k, p in enumerate(parts):
        if p.label is not None:
            first.setdefault(p.label, k)
    return sorted(range(len(parts)), key=lambda k: (k if parts[k].label is None else first[parts[k].label], k))  # type: ignore[index]


def _grid(parts: Sequence[Part]) -> _Grid | None:
    """A shape of the line of all numbers in which the places of all parts are a block; None where none is found."""
    total = math.prod(p.size for p in parts)
    strides: dict[Label, int] = {}
    start, below, ends = 0, total, []
    for p in parts:
        below //= p.size
        ends.append(below)
        start += p.start * below
        if p.label is not None:
            strides[p.label] = strides.get(p.label, 0) + p.step * below
    runs: list[_Run] = []
    backwards = {label for label, stride in strides.items() if stride < 0}
    for label in backwards:
        start += strides[label] * (label.size - 1)
        strides[label] = -strides[label]
    for label, stride in sorted(strides.items(), key=lambda item: -item[1]):
        last = runs[-1] if runs else None
        if last is not None and last.stride == stride * label.size:
            runs[-1] = _Run((*last.labels, label), last.places * label.size, stride)
        else:
            runs.append(_Run((label,), label.size, stride))
    steps = _steps(runs, start, total, ends)
    return None if steps is None else _Grid(runs, steps, backwards)


def _steps(runs: Sequence[_Run], start: int, above: int, ends: Sequence[int]) -> list[_Step] | None:
    """The axes of runs within `above` numbers."""
    if not runs:
        return [_Step(above, start, 1, 1)]
    run, rest = runs[0], runs[1:]
    for end in ends if rest else (1,):
        if above % end or run.stride % end:
            continue
        n, first, step = above // end, start // end, run.stride // end
        if first + step * (run.places - 1) >= n:
            continue
        inner = _steps(rest, start % end, end, ends) if rest else []
        if inner is not None:
            return [_Step(n, first, step, run.places), *inner]
    return None
