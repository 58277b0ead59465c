"""np.r_[...], np.c_[...], np.mgrid[...], np.ogrid[...] and np.s_[...]: arrays and indices that are written as subscripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.arrays import indexing
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.elementwise import promote
from irad.specialize.arrays.table import plain_handler
from irad.specialize.arrays.values import array_type, is_array, new_array, node_of
from irad.specialize.values import Compound, Known

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def getitem(s: Specializer, v: Any, index: Any) -> Any:
    """v[index] of an array, or of one of these."""
    if isinstance(v, Known):
        return next((f(s, index) for trick, f in TRICKS if v.value is trick), None)
    return indexing.getitem(s, v, index)


def _call(s: Specializer, function: Any, args: list[Any], kwargs: dict[str, Any] | None = None) -> Any:
    return plain_handler(function)(s, args, kwargs or {})  # type: ignore[misc]


def _items(index: Any) -> list[Any]:
    return list(index.children) if objects.is_tuple(index) else [index]


def _range(s: Specializer, item: Any) -> Any:
    """The numbers that a slice stands for."""
    start, stop, step = (None if isinstance(x, Known) and x.value is None else x for x in item.children)
    if stop is None:
        raise s.refuse("index", "this slice has no end", help="write start:stop, or start:stop:step")
    return _call(s, np.arange, [literal(0) if start is None else start, stop, literal(1) if step is None else step])


def _part(s: Specializer, item: Any) -> Any:
    if isinstance(item, Compound) and item.kind == "slice":
        return _range(s, item)
    if isinstance(item, Known):
        raise s.refuse(
            "unsupported-index", f"{s.describe(item)} as a directive of np.r_", help="write np.concatenate, np.stack"
        )
    return item if is_array(s, item) else new_array(s, numeric(s, item, "r_"))


def _parts(s: Specializer, index: Any) -> list[Any]:
    """The parts; numbers in the dtype of the result, in which Python's count for nothing beside arrays."""
    parts = [_part(s, item) for item in _items(index)]
    dtype = promote(s, [node_of(s, p) for p in parts], "r_").strong
    return [p if is_array(s, p) else s.b.convert(p, to=dtype) for p in parts]


def _rows(s: Specializer, index: Any) -> Task:
    """np.r_: parts joined along the first axis."""
    parts = []
    for part in _parts(s, index):
        if not is_array(s, part):
            part = yield _call(s, np.atleast_1d, [part])
        parts.append(part)
    if any(array_type(s, p).rank != array_type(s, parts[0]).rank for p in parts):
        raise s.refuse("shape-mismatch", "np.r_ joins arrays with as many axes each", help="add axes: x[None]")
    return (yield _call(s, np.concatenate, [Compound("tuple", None, parts)]))


def _columns(s: Specializer, index: Any) -> Task:
    """np.c_: parts joined along the last axis, rows of numbers as columns."""
    parts = []
    for part in _parts(s, index):
        if not is_array(s, part):
            part = yield _call(s, np.atleast_1d, [part])
        if array_type(s, part).rank == 1:
            part = yield _call(s, np.expand_dims, [part, literal(1)])
        parts.append(part)
    if any(array_type(s, p).rank != array_type(s, parts[0]).rank for p in parts):
        raise s.refuse("shape-mismatch", "np.c_ joins arrays with as many axes each", help="add axes: x[None]")
    return (yield _call(s, np.concatenate, [Compound("tuple", None, parts), literal(-1)]))


def _grid(sparse: bool) -> Callable[[Specializer, Any], Any]:
    def call(s: Specializer, index: Any) -> Task:
        axes = [_part(s, item) for item in _items(index)]
        if not objects.is_tuple(index):
            return axes[0]
        grids = yield _call(s, np.meshgrid, axes, {"indexing": Known("ij"), "sparse": literal(sparse)})
        return grids if sparse else (yield _call(s, np.stack, [grids]))

    return call


TRICKS: tuple[tuple[Any, Callable[[Any, Any], Any]], ...] = (
    (np.r_, _rows),
    (np.c_, _columns),
    (np.mgrid, _grid(False)),
    (np.ogrid, _grid(True)),
    (np.s_, lambda s, index: index),
    (np.index_exp, lambda s, index: index if objects.is_tuple(index) else Compound("tuple", None, [index])),
)
