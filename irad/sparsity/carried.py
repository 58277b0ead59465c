"""What a loop hands from trip to trip, where all trips are run at once.

A trip may add to it, write to elements of it, and read elements that no earlier trip has written; what it is after the loop
is put together from what all trips wrote. A loop whose trips cannot be known apart is run on an estimate of its state
instead: its trips read the estimate, which grows by what they write until it does not change.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irad.sparsity.lanes import MOST, Frame, NotTogether, Unknown, Value, lifted
from irad.sparsity.rows import Rows, gathered, grouped, joined, stacked

__all__ = ["Carried", "Element", "State"]


class Written:
    """Numbers written in some lanes: of the loop, `lanes` and the places there; what they depend on, or what they are.
    sure: whether nothing else can be at these places afterwards."""

    __slots__ = ("known", "lanes", "places", "rows", "sure")

    def __init__(self, lanes: Any, places: Any, rows: Rows, known: Any, sure: bool) -> None:
        self.lanes, self.places, self.rows, self.known, self.sure = lanes, places, rows, known, sure


class State:
    """One value that a loop carries. `estimate`: whether its trips read what it may be in any of them."""

    def __init__(self, frame: Frame, base: Any, floats: bool, columns: int, estimate: bool) -> None:
        self.frame, self.base, self.floats, self.columns, self.estimate = frame, base, floats, columns, estimate
        self.shape: tuple[int, ...] | None = getattr(base, "shape", None)
        self.written: list[Written] = []
        self.read: list[tuple[Any, Any]] = []  # lanes, and places
        self.whole = self.anywhere = False  # whether all of it is read; whether it is written at places that are not known
        self.version = 0
        self.branches: tuple[int, int] | None = None  # the versions after both sides of the last branch
        self.first = Carried(self, 0)

    @property
    def size(self) -> int:
        return math.prod(self.shape or ())

    def mark(self) -> tuple[Any, ...]:
        return len(self.written), len(self.read), self.whole, self.anywhere, self.version

    def back(self, mark: tuple[Any, ...]) -> None:
        del self.written[mark[0] :], self.read[mark[1] :]
        self.whole, self.anywhere, self.version = mark[2:]


class Carried:
    """A state as it is after some writes."""

    __slots__ = ("state", "version")

    def __init__(self, state: State, version: int) -> None:
        self.state, self.version = state, version

    @property
    def shape(self) -> tuple[int, ...]:
        if self.state.shape is None:
            raise NotTogether
        return self.state.shape

    def current(self) -> State:
        s = self.state
        if not s.estimate and self.version != s.version:
            raise NotTogether  # what was written to since is used as it was
        return s

    def value(self) -> Value:
        """All of it, as it was before the loop; or the estimate."""
        s = self.current()
        if not s.estimate and s.written:
            raise NotTogether
        s.whole = True
        base = s.base
        found = base.value() if isinstance(base, Carried) else base
        if not isinstance(found, Value):
            raise NotTogether
        return found

    def read(self, frame: Frame, places: Any) -> Value:
        """Its elements at these places, one a lane of a frame."""
        s = self.current()
        if s.estimate:
            found = self.value()
            at = frame.lanes(found.frame) * s.size + places
            return Value(frame, (), None, gathered(found.rows, at))
        lanes = frame.lanes(s.frame)
        s.read.append((lanes, places))
        base = s.base
        if isinstance(base, Carried):
            found = base.read(frame, places)
        else:
            at = frame.lanes(base.frame) * s.size + places
            known = base.known.reshape(-1)[at] if base.known is not None else None
            found = Value(frame, (), known, gathered(base.rows, at))
        return self._with_own(found, lanes * s.size + places)

    def _with_own(self, found: Value, keys: Any) -> Value:
        """What was read, where the trip itself has written there."""
        s, rows = self.state, found.rows
        for w in s.written:
            own = w.lanes * s.size + w.places
            order = np.argsort(own, kind="stable")
            left, right = (np.searchsorted(own[order], keys, side) for side in ("left", "right"))
            hits = right - left
            if not hits.any():
                continue
            if not s.floats:
                raise NotTogether
            reader = np.repeat(np.arange(len(keys)), hits)
            at = np.arange(hits.sum()) - np.repeat(np.cumsum(hits) - hits, hits) + np.repeat(left, hits)
            if w.sure and rows is not None:
                n = len(keys)
                rows = gathered(stacked([(rows, n), (None, 1)], s.columns), np.where(hits > 0, n, np.arange(n)))
            rows = joined(rows, grouped(gathered(w.rows, order[at]), reader, len(keys)))
            found = Value(found.frame, (), None, rows)
        return found

    def write(self, frame: Frame, value: Value, places: Any, sure: bool) -> Carried:
        """With a value in each lane of a frame at places [lanes, size]; None where they are not known."""
        s = self.current()
        value = lifted(value, frame)
        lanes = frame.lanes(s.frame)
        if places is None:
            s.anywhere = True
            rows = grouped(value.rows, np.repeat(np.arange(frame.count), value.size), frame.count)
            if rows is not None or not s.floats:
                outer = s.frame.up[lanes]
                n = s.frame.parent.count  # type: ignore[union-attr]
                if n * s.size > MOST:
                    raise NotTogether
                rows = grouped(rows, outer, n)
                some = np.full(n, -1)
                some[outer] = lanes
                there = np.flatnonzero(some >= 0)
                all_lanes = np.repeat(some[there], s.size)
                found = gathered(rows, np.repeat(there, s.size))
                s.written.append(Written(all_lanes, np.tile(np.arange(s.size), len(there)), found, None, False))
        else:
            known = value.known.reshape(-1) if value.known is not None else None
            n = places.shape[1] if places.ndim > 1 else 1
            s.written.append(Written(np.repeat(lanes, n), places.ravel(), value.rows, known, sure))
        s.version += 1
        return Carried(s, s.version)


class Element:
    """An element that was read of a state, and perhaps added to, and not looked at: to write it back is to add."""

    __slots__ = ("added", "carried", "frame", "index", "nodes")
    shape: tuple[int, ...] = ()

    def __init__(self, carried: Carried, frame: Frame, index: Any, nodes: tuple[Any, ...], added: list[Value]) -> None:
        self.carried, self.frame, self.index, self.nodes, self.added = carried, frame, index, nodes, added


def settled(state: State, frame: Frame) -> Any:
    """What a state is after its loop, which ran in the lanes of a frame; raises NotTogether where a trip read what an earlier
    one wrote."""
    if not state.estimate:
        _check(state)
    if isinstance(state.base, Carried):
        if state.estimate:
            raise Unknown
        return _handed_on(state)
    if not state.written:
        return state.base
    assert state.shape is not None
    n = frame.count * state.size
    if n > MOST:
        raise NotTogether
    base = lifted(state.base, frame)
    lanes, places = (np.concatenate([getattr(w, a) for w in state.written]) for a in ("lanes", "places"))
    keys = state.frame.up[lanes] * state.size + places
    counts = [len(w.lanes) for w in state.written]
    if all(w.known is not None and w.sure for w in state.written) and base.known is not None and not state.estimate:
        order = np.lexsort((np.repeat(np.arange(len(counts)), counts), lanes))  # trip by trip, and in each in order
        known = base.known.reshape(-1).copy()
        known[keys[order]] = np.concatenate([w.known for w in state.written])[order]
        return Value(frame, state.shape, known.reshape(base.known.shape))
    rows = base.rows
    if rows is not None and not state.estimate:
        sure = np.concatenate([np.full(c, w.sure) for w, c in zip(state.written, counts, strict=True)])
        gone = np.zeros(n, bool)
        gone[keys[sure]] = True
        if gone.any():
            rows = gathered(stacked([(rows, n), (None, 1)], state.columns), np.where(gone, n, np.arange(n)))
    new = stacked([(w.rows, c) for w, c in zip(state.written, counts, strict=True)], state.columns)
    return Value(frame, state.shape, None, joined(rows, grouped(new, keys, n)))


def _check(state: State) -> None:
    """Refuse trips that read what earlier ones wrote."""
    if not state.written:
        return
    if state.whole or (state.anywhere and state.read):
        raise NotTogether
    outer = state.frame.up
    writers, keys = [], []
    for w in state.written:
        writers.append(w.lanes)
        keys.append(outer[w.lanes] * state.size + w.places)
    writer, key = np.concatenate(writers), np.concatenate(keys)
    order = np.lexsort((writer, key))
    key, writer = key[order], writer[order]
    start = np.diff(key, prepend=-1) > 0
    key, first = key[start], writer[start]
    for lanes, places in state.read if len(key) else ():
        wanted = outer[lanes] * state.size + places
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        if ((key[at] == wanted) & (first[at] < lanes)).any():
            raise NotTogether


def _handed_on(state: State) -> Carried:
    """The writes and reads of a loop within a trip, as those of the trip."""
    base = state.base
    s = base.current()
    up = state.frame.lanes(s.frame)
    s.whole = s.whole or state.whole
    s.anywhere = s.anywhere or state.anywhere
    if not state.written:
        return base  # type: ignore[no-any-return]
    s.written += [
        Written(up[w.lanes], w.places, w.rows, w.known if len(state.written) == 1 else None, w.sure) for w in state.written
    ]
    s.version += 1
    return Carried(s, s.version)
