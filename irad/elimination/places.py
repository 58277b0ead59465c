"""Places along an axis that two terms have in common: what their labels are then.

i = 2 + 3k                    i is 2 + 3k everywhere, where i goes along the whole axis
1 + 2i = 5 + 3k               the places of both are 5, 11, ...: i is 2 + 3m, k is 2m
6i + j = 4p + q               axes of 6 and of 4 have the parts 12, 2, 2 in common, if there are

"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from irad.primitives.terms import Factor, Form, Label

__all__ = ["Incompatible", "Part", "axis_parts", "solved", "substituted"]

Substitution = dict[Label, Form]


class Incompatible(Exception):
    """Places that have no form in labels."""


def substituted(form: Form, by: Substitution) -> Form:
    """A form without tables in other labels."""
    if not any(label in by for label, _ in form.strides):
        return form
    start, strides = form.start, dict[Label, int]()
    for label, stride in form.strides:
        inner = by.get(label) or Form(0, ((label, 1),))
        start += stride * inner.start
        for other, step in inner.strides:
            strides[other] = strides.get(other, 0) + stride * step
    return Form(start, tuple((label, s) for label, s in strides.items() if s))


def solved(f: Form, g: Form, size: int) -> Substitution | None:
    """Labels such that both are one place of an axis; None if there is no such place. Raises Incompatible."""
    if f == g:
        return {}
    for one, other in ((f, g), (g, f)):
        if len(one.strides) == 1 and one.start == 0:
            label, stride = one.strides[0]
            if stride == 1 and label.size == size and label not in other.labels:
                return {label: other}
    if f.table or g.table:
        raise Incompatible
    if not f.strides or not g.strides:
        return _at(f, g.start) if f.strides else _at(g, f.start) if g.strides else None if f.start != g.start else {}
    if len(f.strides) == len(g.strides) == 1:
        return _progressions(f, g)
    if {label for label, _ in f.strides} & {label for label, _ in g.strides}:
        raise Incompatible
    for one, other in ((f, g), (g, f)):
        if len(other.strides) == 1 and _block(one) == (0, size):
            found = _digits(one, other)
            if found is not None:
                return found
    return _common_parts(f, g)


def _at(form: Form, place: int) -> Substitution | None:
    """The labels of a form that is this place."""
    if len(form.strides) > 1 and not _nested(form):
        raise Incompatible
    rest, found = place - form.start, Substitution()
    for label, stride in _sorted(form):
        k = rest // stride
        if not 0 <= k < label.size:
            return None
        found[label] = Form(k)
        rest -= k * stride
    return found if rest == 0 else None


def _progressions(f: Form, g: Form) -> Substitution | None:
    """The places that two labels have in common."""
    ((i, s),), ((k, t),) = f.strides, g.strides
    if i is k:  # f and g are not equal
        if s == t:
            return None
        n, rest = divmod(g.start - f.start, s - t)
        return {i: Form(n)} if rest == 0 and 0 <= n < i.size else None
    common = math.gcd(s, t)
    if (g.start - f.start) % common:
        return None
    step, back = abs(t) // common, s // common * (1 if t > 0 else -1)  # from one common place to the next, of i and of k
    first = (g.start - f.start) // common * pow(s // common, -1, step) % step if step > 1 else 0
    second = (f.start + s * first - g.start) // t
    low, high = sorted((-second / back, (k.size - 1 - second) / back))
    low, high = max(0, math.ceil(low)), min((i.size - 1 - first) // step, math.floor(high))
    if high <= low:
        return {i: Form(first + step * low), k: Form(second + back * low)} if high == low else None
    both = Label(high - low + 1)
    return {i: Form(first + step * low, ((both, step),)), k: Form(second + back * low, ((both, back),))}


def _together(places: dict[Label, np.ndarray], count: int) -> Substitution:
    """Labels that go through these places side by side, all evenly. Raises Incompatible if they are not even."""
    found, both = Substitution(), Label(count)
    for label, at in places.items():
        step = int(at[1] - at[0])
        if np.any(np.diff(at) != step):
            raise Incompatible
        found[label] = Form(int(at[0]), ((both, step),) if step else ())
    return found


def _sorted(form: Form) -> list[tuple[Label, int]]:
    return sorted(form.strides, key=lambda item: -abs(item[1]))


def _nested(form: Form) -> bool:
    """Whether each label goes round within a stride of the one before."""
    below = 0
    for label, stride in reversed(_sorted(form)):
        if stride <= below:
            return False
        below += stride * (label.size - 1)
    return True


def _block(form: Form) -> tuple[int, int] | None:
    """Where a form starts and ends, if it goes through all places in between, each once."""
    below = 1
    for label, stride in reversed(_sorted(form)):
        if stride != below:
            return None
        below *= label.size
    return form.start, form.start + below


def _digits(f: Form, g: Form) -> Substitution | None:
    """The labels of f, which goes through a whole axis, where g has one label; None where they are not even."""
    ((k, step),) = g.strides
    rest, places = g.start + step * np.arange(k.size), dict[Label, np.ndarray]()
    for label, stride in _sorted(f):
        places[label], rest = np.divmod(rest, stride)
    places[k] = np.arange(k.size)
    try:
        return _together(places, k.size)
    except Incompatible:
        return None


def _common_parts(f: Form, g: Form) -> Substitution:
    """Labels that both go round with, where one goes through a block of an axis and the other through a block of that."""
    found: Substitution = {}
    outer, inner = _block(f), _block(g)
    if outer is None or inner is None:
        raise Incompatible
    whole, part = f, g
    if not (outer[0] <= inner[0] and inner[1] <= outer[1]):
        whole, part, outer, inner = g, f, inner, outer
    start, end = inner[0] - outer[0], inner[1] - outer[0]
    if inner != outer:  # the outermost label of the other has fewer places
        label, stride = _sorted(whole)[0]
        if start < 0 or end > outer[1] - outer[0] or start % stride or end % stride or len(whole.strides) < 2:
            raise Incompatible
        fewer = (end - start) // stride
        found[label] = Form(start // stride, ((Label(fewer), 1),) if fewer > 1 else ())
        whole = substituted(whole, found)
        if not whole.strides or _block(whole) != inner:
            raise Incompatible
    ends = sorted({1, end - start, *(s for _, s in whole.strides), *(s for _, s in part.strides)})
    if any(n % m for m, n in itertools.pairwise(ends)):
        raise Incompatible
    labels = {m: Label(n // m) for m, n in itertools.pairwise(ends)}
    new: Substitution = {}
    for form in (whole, part):
        for label, stride in form.strides:
            inside = [m for m in reversed(ends) if stride <= m < stride * label.size]
            new[label] = Form(0, tuple((labels[m], m // stride) for m in inside))
    return {label: substituted(form, new) for label, form in found.items()} | new


class Part(NamedTuple):
    """A part of an axis, which goes round within the one before: its size, and the places of a label, or of none."""

    size: int
    start: int
    step: int
    label: Label | None
    table: Factor | None = None

    @property
    def places(self) -> int:
        if self.table is not None and self.table.labels:
            return self.size  # until it is read at the table's
        return 1 if self.label is None else self.label.size

    @property
    def labels(self) -> tuple[Label, ...]:
        return self.table.labels if self.table is not None else () if self.label is None else (self.label,)


def axis_parts(form: Form, size: int) -> list[Part]:
    """An axis split into parts with a label each, or a table. Raises Incompatible where there are none."""
    if form.table is not None:
        return [Part(size, 0, 1, None, form.table)]
    if not form.strides:
        return [Part(size, form.start, 1, None)]
    if len(form.strides) == 1:
        ((label, step),) = form.strides
        return [Part(size, form.start, step, label)]
    backwards = {label for label, stride in form.strides if stride < 0}  # counted from their ends, these go forwards
    parts, above = [], size
    rest = form.start + sum(stride * (label.size - 1) for label, stride in form.strides if stride < 0)
    items = [(label, abs(stride)) for label, stride in _sorted(form)]
    for k, (label, stride) in enumerate(items):
        if above % stride:
            raise Incompatible
        if k == len(items) - 1:
            part = Part(above, rest, stride, label)
        else:
            part = Part(above // stride, rest // stride, 1, label)
            rest, above = rest % stride, stride
        last = part.start + part.step * (label.size - 1)
        if not 0 <= last < part.size:
            raise Incompatible
        parts.append(part if label not in backwards else part._replace(start=last, step=-part.step))
    assert math.prod(p.size for p in parts) == size
    return parts
