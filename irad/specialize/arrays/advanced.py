"""`x[i]`, `x[mask]` with arrays among the indices: taken apart here, gathered and put by irad/numpy/indexing.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.walk import Task
from irad.numpy import indexing as library
from irad.specialize import objects
from irad.specialize.arrays.creation import array
from irad.specialize.arrays.elementwise import shape_text
from irad.specialize.arrays.values import array_type, is_array, size_of
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import BOOL

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

WHOLE = Compound("slice", None, [Known(None)] * 3)


def items_of(index: Any) -> list[Any]:
    return list(index.children) if objects.is_tuple(index) else [index]


def is_advanced(s: Specializer, index: Any) -> bool:
    """Whether an index has arrays, or lists, among its items."""
    return any(objects.is_list(i) or (is_array(s, i) and array_type(s, i).rank > 0) for i in items_of(index))


def gather(s: Specializer, v: Ref, index: Any) -> Task:
    """v[index], a copy."""
    items = yield from _without_masks(s, v, index)
    return (yield call_library(s, library.gathered, v, *_apart(s, items)))


def put(s: Specializer, v: Ref, index: Any, value: Any) -> Task:
    """v[index] = value."""
    mask = _only_mask(s, index)
    if mask is not None and _is_same_everywhere(s, array_type(s, v).rank - array_type(s, mask).rank, value):
        _check_mask(s, mask, v, 0)
        return (yield call_library(s, library.put_where, v, mask, value))
    items = yield from _without_masks(s, v, index)
    return (yield call_library(s, library.put, v, *_apart(s, items), value))


def call_library(s: Specializer, function: Any, *args: Any) -> Task:
    """Call a function of irad/numpy."""
    return s.call_function(s.function_value(function), list(args), {})


def _as_index(s: Specializer, item: Any) -> Any:
    """A list of positions or of truth values is an array of them."""
    made = array(s, [item], {}) if objects.is_list(item) else item
    if is_array(s, made) and array_type(s, made).dtype.kind == "f" and array_type(s, made).shape != (0,):
        raise s.refuse(
            "unsupported-index",
            f"an array is indexed by {s.describe(made)}",
            help="positions are integers: x.astype(int)",
        )
    return made


def _only_mask(s: Specializer, index: Any) -> Ref | None:
    """The mask, where the index is one."""
    items = [_as_index(s, i) for i in items_of(index)]
    found = len(items) == 1 and is_array(s, items[0]) and array_type(s, items[0]).dtype is BOOL
    return items[0] if found else None


def _is_same_everywhere(s: Specializer, rest: int, value: Any) -> bool:
    """Whether a value is put unchanged into each place of a mask, each of which has `rest` axes."""
    return is_number(value) or (is_array(s, value) and array_type(s, value).rank <= rest)


def _check_mask(s: Specializer, mask: Ref, v: Ref, axis: int) -> None:
    """IndexError where a mask has not the sizes of the axes it stands for."""
    t, of = array_type(s, mask), array_type(s, v)
    if t.rank > of.rank - axis:
        raise s.refuse(
            "index",
            f"a mask of shape {shape_text(t.shape)} for an array of shape {shape_text(of.shape)}",
            help="a mask has at most the axes of its array",
        )
    for k, (m, n) in enumerate(zip(t.shape, of.shape[axis:], strict=False)):
        if m is n or m == n:
            continue
        if isinstance(m, int) and isinstance(n, int):
            s.b.raise_(
                error="IndexError",
                message=f"boolean index did not match indexed array along axis {axis + k}; "
                f"size of axis is {n} but size of corresponding boolean axis is {m}",
            )
            raise s.Bottom
        s.b.assert_(
            s.b.eq(size_of(s, mask, k), size_of(s, v, axis + k)),
            error="IndexError",
            message=f"boolean index did not match indexed array along axis {axis + k}",
        )


def _without_masks(s: Specializer, v: Ref, index: Any) -> Task:
    """The items of an index, one for each axis and new axis, with positions in the place of masks."""
    items = [_as_index(s, i) for i in items_of(index)]
    ranks = [_axes(s, i) for i in items]
    rank, count = array_type(s, v).rank, sum(ranks)
    dots = [k for k, i in enumerate(items) if _is(i, Ellipsis)]
    if len(dots) > 1 or count > rank:
        raise s.refuse(
            "index",
            f"{count} indices for an array of shape {shape_text(array_type(s, v).shape)}"
            if count > rank
            else "more than one `...` in an index",
            help=f"write at most {rank}, separated by commas, and one `...`",
        )
    if not dots:
        items.append(Known(Ellipsis))
    out: list[Any] = []
    axis = 0
    for item in items:
        if _is(item, Ellipsis):
            out += [WHOLE] * (rank - count)
            axis += rank - count
        elif is_array(s, item) and array_type(s, item).dtype is BOOL:
            _check_mask(s, item, v, axis)
            found = yield call_library(s, library.positions, item)
            out += found.children
            axis += array_type(s, item).rank
        else:
            out.append(item)
            axis += _axes(s, item)
    return out


def _is(item: Any, value: Any) -> bool:
    return isinstance(item, Known) and item.value is value


def _axes(s: Specializer, item: Any) -> int:
    """How many axes an item stands for."""
    if is_array(s, item) and array_type(s, item).dtype is BOOL:
        return array_type(s, item).rank
    return 0 if _is(item, None) or _is(item, Ellipsis) else 1


def _apart(s: Specializer, items: list[Any]) -> list[Any]:
    """The basic part of an index, the axes of what it gives that arrays stand for, those arrays, and whether they are
    adjacent. A number beside an array is an array too."""
    places = [k for k, item in enumerate(items) if is_array(s, item) or is_number(item)]
    basic = [WHOLE if k in places else item for k, item in enumerate(items)]
    parts = (basic, [literal(k) for k in places], [items[k] for k in places])
    adjacent = places == list(range(places[0], places[0] + len(places)))
    return [*(Compound("tuple", None, part) for part in parts), literal(adjacent)]
