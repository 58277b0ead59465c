"""Products and sums of structured Jacobians (see `irad.primitives.terms`), and what they cost.

    y[i] v[i]: d[i]   times   v[i] u[j]: A[i,j]   is   y[i] u[j]: (d A)[i,j]        as many products as A has elements
    y[j] v[i,j]: 1    times   v[i,j] u[j]: 1      is   y[j] u[j]: 1, so many times  none
    y[i] v[j]: B[i,j] times   v[j] u[k]: A[j,k]   is   y[i] u[k]: (B @ A)[i,k]      |i| |j| |k|

Two terms are multiplied by finding labels that are one place of the array in between for both. Labels that are then in no place
any more are summed over. Factors stay apart while none has all labels of another: an outer product is made where it is needed.

With a builder nodes are made, without one products are only counted: both take the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from irad.elimination.factors import Factors, space
from irad.elimination.graph import Partial
from irad.elimination.places import Incompatible, Substitution, axis_parts, solved
from irad.elimination.written import written
from irad.graph.build import Builder
from irad.primitives.terms import Factor, Form, Label, Term, forms_of
from irad.types import Scalar

__all__ = ["Jacobian", "Structured"]

Shape = tuple[int, ...]
_LETTERS = "ijklmnpqrstuvwxyzabcdefgh"
MOST_TERMS = 24  # of one Jacobian: more are added up in a dense one


class Jacobian(NamedTuple):
    """The derivative of an array of shape `out` in one of shape `into`: the sum of the terms."""

    out: Shape
    into: Shape
    terms: tuple[Term, ...]

    @property
    def work(self) -> int:
        """What its product with a vector costs: nothing where elements are moved only."""
        return sum(space(all_labels(t)) for t in self.terms if t.factors or t.masks or _of(t.out) != _of(t.into))

    def nodes(self) -> list[Any]:
        """The arrays that the terms are made of."""
        tables = [f.table.node for t in self.terms for f in (*t.out, *t.into) if f.table is not None]
        return tables + [f.node for t in self.terms for f in (*t.factors, *t.masks)]

    def text(self, name: Callable[[Any], str]) -> str:
        """The terms, arrays by their names: `[i,j | j,2 + i: %d[i]]` are places of the result, then of the operand."""
        return " + ".join(_text(t, name) for t in self.terms)


class Structured:
    """The algebra of structured Jacobians (`irad.elimination.graph.Algebra`). The cost adds up in `work`."""

    def __init__(self, dtype: Scalar, b: Builder | None = None) -> None:
        self.work = Factors(dtype, b)

    def multiply(self, x: Partial, y: Partial) -> Partial:
        """The derivative of w in u, from those of v in u (x), and of w in v (y); 0 where it is zero for certain."""
        inner, outer = cast(Jacobian, x), cast(Jacobian, y)
        terms: tuple[Term, ...] = ()
        shapes = outer.out, inner.into
        while True:
            try:
                products = [_composed(self.work, p, q, inner.out, shapes) for p in inner.terms for q in outer.terms]
                break
            except Incompatible:  # of what is dense, places are compatible with any
                first = math.prod(inner.into) <= math.prod(outer.out)
                before = inner, outer
                inner, outer = (self.dense(inner), outer) if first else (inner, self.dense(outer))
                if (inner, outer) == before:
                    inner, outer = self.dense(inner), self.dense(outer)
                if (inner, outer) == before:
                    raise
        for p in products:
            if p is not None:
                terms = self._added(terms, p, shapes)
        return Jacobian(outer.out, inner.into, terms) if terms else 0.0

    def add(self, x: Partial, y: Partial) -> Partial:
        if not isinstance(y, Jacobian):
            return x
        if not isinstance(x, Jacobian):
            return y
        terms = x.terms
        for term in y.terms:
            terms = self._added(terms, term, (x.out, x.into))
        return Jacobian(x.out, x.into, terms) if terms else 0.0

    def _added(self, terms: tuple[Term, ...], term: Term, shapes: tuple[Shape, Shape]) -> tuple[Term, ...]:
        """The terms and one more: terms of the same places are one, and a dense one takes all others in."""
        same = key(term)
        for n, other in enumerate(terms):
            if key(other) == same:
                total = self._sum(other, term)
                return (*terms[:n], *((total,) if total is not None else ()), *terms[n + 1 :])
        terms = (*terms, term)
        if len(terms) > 1 and (len(terms) > MOST_TERMS or any(map(is_dense, terms))):
            return self.dense(Jacobian(*shapes, terms)).terms
        return terms

    def _sum(self, x: Term, y: Term) -> Term | None:
        """The sum of two terms of the same places."""
        y = renamed(y, dict(zip(labels_of(y), labels_of(x), strict=True)))
        if set(x.factors) == set(y.factors) and set(x.masks) == set(y.masks):
            return x._replace(scale=x.scale + y.scale) if x.scale + y.scale else None
        masks = x.masks if set(x.masks) == set(y.masks) else ()
        values = [t._replace(masks=()) if masks else t for t in (x, y)]
        used = {label for t in values for f in (*t.factors, *t.masks) for label in f.labels}
        labels = tuple(label for label in labels_of(x) if label in used)
        total = self.work.add(*[self.work.value(t, labels) for t in values])
        return Term(x.out, x.into, (total,), masks)

    def dense(self, x: Jacobian) -> Jacobian:
        """The same with a number for each pair of places, in one term."""
        if len(x.terms) == 1 and is_dense(x.terms[0]):
            return x
        work, forms = self.work, forms_of((*x.out, *x.into))
        labels = tuple(form.strides[0][0] for form in forms if form.strides)
        work.count(labels)
        value = Factor(work.made(lambda: work.by_labels(written(work, x.terms, x.out, x.into), labels)), labels)
        return Jacobian(x.out, x.into, (Term(forms[: len(x.out)], forms[len(x.out) :], (value,)),))


# -- terms ------------------------------------------------------------------------------------------------------------------


def labels_of(term: Term) -> list[Label]:
    """The labels of a term's places, in order of appearance."""
    return list(dict.fromkeys(label for form in (*term.out, *term.into) for label in form.labels))


def _of(forms: Iterable[Form]) -> set[Label]:
    return {label for form in forms for label in form.labels}


def key(term: Term) -> tuple[object, ...]:
    """Equal for terms of the same places."""
    number = {label: k for k, label in enumerate(labels_of(term))}
    forms = (*term.out, *term.into)
    places = [(f.start, f.table and f.table.node, [number[k] for k in f.labels], [s for _, s in f.strides]) for f in forms]
    return (*places, *(label.size for label in number))


def _text(term: Term, name: Callable[[Any], str]) -> str:
    letters = dict(zip(all_labels(term), _LETTERS, strict=False))

    def place(form: Form) -> str:
        if form.table is not None:
            return indexed(form.table)
        terms = [f"{'' if s == 1 else s}{letters.get(label, '?')}" for label, s in form.strides]
        return " + ".join([str(form.start), *terms] if form.start or not terms else terms)

    def indexed(f: Factor) -> str:
        return f"{name(f.node)}[{','.join(letters.get(label, '?') for label in f.labels)}]"

    parts = [] if term.scale == 1.0 and term.factors else [repr(term.scale)]
    parts += [indexed(f) for f in term.factors] + [f"({indexed(f)})" for f in term.masks]
    return f"[{','.join(map(place, term.out))} | {','.join(map(place, term.into))}: {' '.join(parts)}]"


def is_dense(term: Term) -> bool:
    """Whether a term has a number for each pair of places."""
    labels = labels_of(term)
    axes = [f for f in (*term.out, *term.into) if f != Form(0)]
    plain = all(f.start == 0 and len(f.strides) == 1 and f.strides[0][1] == 1 for f in axes)
    return plain and len(labels) == len(axes) and any(len(f.labels) == len(labels) for f in term.factors)


def renamed(term: Term, names: dict[Label, Label]) -> Term:
    """A term with other labels."""

    def moved(f: Factor) -> Factor:
        return Factor(f.node, tuple(names.get(label, label) for label in f.labels))

    def form(f: Form) -> Form:
        strides = tuple((names.get(label, label), s) for label, s in f.strides)
        return Form(f.start, strides, f.table and moved(f.table))

    out, into, factors, masks = map(form, term.out), map(form, term.into), map(moved, term.factors), map(moved, term.masks)
    return Term(tuple(out), tuple(into), tuple(factors), tuple(masks), term.scale)


def _composed(work: Factors, x: Term, y: Term, middle: Shape, shapes: tuple[Shape, Shape]) -> Term | None:
    """y after x: unify the places in between, and sum over labels that are in no place any more. Raises Incompatible."""
    if set(all_labels(x)) & set(all_labels(y)):
        y = renamed(y, {label: Label(label.size) for label in all_labels(y)})
    by: Substitution = {}
    for f, g, size in zip(x.out, y.into, middle, strict=True):
        found = solved(work.placed(f, by), work.placed(g, by), size)
        if found is None:
            return None
        by = {label: work.placed(form, found) for label, form in by.items()} | found
    out, into, between = ([work.placed(f, by) for f in forms] for forms in (y.out, x.into, (*x.out, *y.into)))
    for form, size in zip((*out, *into), (*shapes[0], *shapes[1]), strict=True):
        axis_parts(form, size)
    factors, masks = ([work.reindexed(f, by) for f in fs] for fs in ((*x.factors, *y.factors), (*x.masks, *y.masks)))
    placed = {label for f in (*out, *into) for label in f.labels}
    used = {label for f in (*factors, *masks) for label in f.labels}
    dead = [label for label in dict.fromkeys([*(label for f in between for label in f.labels), *used]) if label not in placed]
    many = space(label for label in dead if label not in used)
    factors, masks = work.summed(factors, list(dict.fromkeys(masks)), [label for label in dead if label in used])
    return Term(tuple(out), tuple(into), tuple(work.joined(factors)), tuple(masks), x.scale * y.scale * many)


def all_labels(term: Term) -> list[Label]:
    """The labels of a term, those included that it has in factors only."""
    inside = [label for f in (*term.factors, *term.masks) for label in f.labels]
    return list(dict.fromkeys([*labels_of(term), *inside]))
