"""Loops of a program that is run on sets (see `irad.sparsity.propagate`): all trips at once, one after the other, or on an
estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irad.graph.nodes import Apply, Graph
from irad.graph.walk import Task, nested_graphs
from irad.sparsity.carried import Carried, State, settled
from irad.sparsity.lanes import Frame, NotTogether, TooLong, Unknown, Value, lifted
from irad.sparsity.rows import gathered, grouped, joined, same
from irad.types import Struct, Type, is_float

__all__ = ["for_loop", "while_loop"]

MOST_STEPS = 100_000  # operations that loops run one trip after the other
MOST_COPIED = 200_000_000  # entries of sets that these loops hand on
MOST_ENTRIES = 50_000_000  # of sets that are taken to be all alike
MOST_ROUNDS = 12  # of an estimate, before all of it is taken to depend on whatever some of it does


def for_loop(p: Any, node: Apply, count: Value, state: list[Any], scope: Any, frame: Frame) -> Task:
    """The results of a loop in the lanes of a frame."""
    (body,) = node.graphs
    if count.known is not None and not (count.known > 0).any():
        return _packed(state)
    if count.known is not None:
        trips = np.maximum(lifted(count, frame).known, 0).astype(np.int64)
        back = _mark(p)
        try:
            return (yield _together(p, body, trips, state, scope, frame))
        except NotTogether:
            back()
        operations = sum(len(g.body) for g in nested_graphs(body))
        if p.steps + operations * int(trips.max()) <= MOST_STEPS:
            try:
                return (yield _in_turn(p, body, trips, state, scope, frame))
            except TooLong:
                back()
    return (yield _estimated(p, body, count, state, scope, frame))


def _mark(p: Any) -> Callable[[], None]:
    """What forgets all that is noted from here on."""
    marks = [(s, s.mark()) for s in p.states]
    pairs, depth, unsure, states = len(p.pairs), p.depth, p.unsure, len(p.states)

    def back() -> None:
        del p.states[states:], p.pairs[pairs:]
        for s, mark in marks:
            s.back(mark)
        p.depth, p.unsure = depth, unsure

    return back


def _together(p: Any, body: Graph, trips: Any, state: list[Any], scope: Any, frame: Frame) -> Task:
    """All trips at once."""
    if trips.sum() > 20_000_000:
        raise NotTogether
    up = np.repeat(np.arange(frame.count), trips)
    inner = Frame(frame, up)
    number = np.arange(len(up)) - np.repeat(np.cumsum(trips) - trips, trips)
    states = [State(inner, v, is_float(q.type), p.columns, False) for v, q in zip(state, body.params[1:], strict=True)]
    before = len(p.states)
    p.states += states
    out = yield p.body(body, [Value(inner, (), number), *[s.first for s in states]], scope, inner)
    del p.states[before:]
    last = np.cumsum(trips) - 1
    results = []
    for s, v in zip(states, _parts(out, len(states)), strict=True):
        if isinstance(v, Carried) and v.state is s:
            if v.version != s.version:
                raise NotTogether
            results.append(settled(s, frame))
        elif s.written or s.read or s.whole:
            raise NotTogether
        else:
            results.append(_last(p, v, s.base, inner, trips, last, frame))
    return _packed(results)


def _last(p: Any, v: Any, base: Any, inner: Frame, trips: Any, last: Any, frame: Frame) -> Any:
    """What the last trip made; where there was none, what was there before."""
    if isinstance(v, tuple):
        if not isinstance(base, tuple) or len(v) != len(base):
            raise NotTogether
        return tuple(_last(p, u, w, inner, trips, last, frame) for u, w in zip(v, base, strict=True))
    v = p.plain(v)
    if not isinstance(v, Value):
        raise NotTogether
    v = lifted(v, inner) if v.frame.depth >= inner.depth else v
    if v.frame is inner:
        some = np.flatnonzero(trips)
        at = (last[some][:, None] * v.size + np.arange(v.size)).ravel()
        sub = Frame(frame, some)
        v = Value(sub, v.shape, v.known[last[some]] if v.known is not None else None, gathered(v.rows, at))
        if len(some) == frame.count:
            return Value(frame, v.shape, v.known, v.rows)
        return p.merged([v, base], [some, np.flatnonzero(trips == 0)], frame)
    return v if (trips > 0).all() else p.merged([v, base], [np.flatnonzero(trips), np.flatnonzero(trips == 0)], frame)


def _in_turn(p: Any, body: Graph, trips: Any, state: list[Any], scope: Any, frame: Frame) -> Task:
    """One trip after the other."""
    for i in range(int(trips.max())):
        p.copied += _entries(state)
        if p.copied > MOST_COPIED:
            raise TooLong
        on = np.flatnonzero(trips > i)
        number = Value(p.root, (), np.array([i], np.int64))
        if len(on) == frame.count:
            out = yield p.body(body, [number, *state], scope, frame)
            state = list(_parts(out, len(state)))
            continue
        inner = Frame(frame, on)
        before = [s.version for s in p.states]
        out = yield p.body(body, [number, *state], scope, inner)
        off = np.flatnonzero(trips <= i)
        for s, old in zip(p.states, before, strict=True):
            s.branches = (s.version, old) if s.version != old else None
            s.version += s.version != old
        state = [p.merged([new, v], [on, off], frame) for new, v in zip(_parts(out, len(state)), state, strict=True)]
    return _packed(state)


def _estimated(p: Any, body: Graph, count: Value | None, state: list[Any], scope: Any, frame: Frame) -> Task:
    """On an estimate of the state that holds before each trip, until it does."""
    again = count is None
    params = body.params if again else body.params[1:]
    estimate = [_rough(p, v, q.type, frame) for v, q in zip(state, params, strict=True)]
    rounds = 0
    p.unsure += 1
    while True:
        rounds += 1
        out = yield _trip(p, body, count, estimate, scope, frame)
        new = [_grown(p, old, v, frame) for old, v in zip(estimate, out, strict=True)]
        if all(map(_alike, estimate, new)):
            break
        estimate = [_wide(v) for v in new] if rounds >= MOST_ROUNDS else new
    p.unsure -= 1
    return _packed(estimate)


def _trip(p: Any, body: Graph, count: Value | None, estimate: list[Any], scope: Any, frame: Frame) -> Task:
    """What any trip may leave of the state."""
    if count is None or count.known is None:
        args = list(estimate)
        if count is not None:
            args.insert(0, Value(frame, ()))
        out = yield p.body(body, args, scope, frame)
        return _parts(out[1] if count is None else out, len(estimate))
    trips = np.maximum(lifted(count, frame).known, 0).astype(np.int64)
    up = np.repeat(np.arange(frame.count), trips)
    inner = Frame(frame, up)
    number = Value(inner, (), np.arange(len(up)) - np.repeat(np.cumsum(trips) - trips, trips))
    kept = [isinstance(v, Value) for v in estimate]
    states = [State(inner, v, True, p.columns, True) if k else v for v, k in zip(estimate, kept, strict=True)]
    args = [number, *[s.first if isinstance(s, State) else s for s in states]]
    found = []
    out = yield p.body(body, args, scope, inner)
    for s, v in zip(states, _parts(out, len(states)), strict=True):
        if isinstance(v, Carried) and v.state is s:
            found.append(settled(s, frame))
        else:
            found.append(_any(p, v, inner, frame))
    return found


def _any(p: Any, v: Any, inner: Frame, frame: Frame) -> Any:
    """The union over the lanes of a loop."""
    if isinstance(v, tuple):
        return tuple(_any(p, u, inner, frame) for u in v)
    v = p.plain(v)
    if not isinstance(v, Value) or v.frame.depth < inner.depth:
        return v
    v = lifted(v, inner)
    groups = (inner.up[:, None] * v.size + np.arange(v.size)).ravel()
    return Value(frame, v.shape, None, grouped(v.rows, groups, frame.count * v.size))


def _rough(p: Any, v: Any, t: Type, frame: Frame) -> Any:
    """The estimate that a loop begins with: its integers may be any."""
    if isinstance(v, tuple) and isinstance(t, Struct):
        return tuple(_rough(p, u, s, frame) for u, s in zip(v, t.items, strict=True))
    v = p.plain(v)
    if not isinstance(v, Value):
        raise Unknown
    v = lifted(v, frame)
    return Value(frame, v.shape, None, v.rows)


def _grown(p: Any, old: Any, new: Any, frame: Frame) -> Any:
    if isinstance(old, tuple):
        if not isinstance(new, tuple) or len(old) != len(new):
            raise Unknown
        return tuple(_grown(p, u, v, frame) for u, v in zip(old, new, strict=True))
    new = p.plain(new)
    if not isinstance(new, Value) or new.shape != old.shape:
        raise Unknown
    return Value(frame, old.shape, None, joined(old.rows, lifted(new, frame).rows))


def _wide(v: Any) -> Any:
    """Each number depends on all that one of the array does."""
    if isinstance(v, tuple):
        return tuple(_wide(u) for u in v)
    if v.rows is None:
        return v
    lanes = np.repeat(np.arange(v.frame.count), v.size)
    rows = grouped(v.rows, lanes, v.frame.count)
    if rows.nnz * v.size > MOST_ENTRIES:
        raise Unknown
    return Value(v.frame, v.shape, None, gathered(rows, lanes))


def while_loop(p: Any, node: Apply, state: list[Any], scope: Any, frame: Frame) -> Task:
    """The results of a loop: trip by trip where integers say for all lanes whether there is another."""
    (body,) = node.graphs
    start, back = state, _mark(p)
    operations = sum(len(g.body) for g in nested_graphs(body))
    try:
        while True:
            if p.steps + operations > MOST_STEPS:
                raise NotTogether
            again, out = yield p.body(body, state, scope, frame)
            state = list(_parts(out, len(state)))
            again = p.plain(again)
            if again.known is None or (again.known.any() and not again.known.all()):
                raise NotTogether
            if not again.known.any():
                return _packed(state)
    except NotTogether:
        back()
    return (yield _estimated(p, body, None, start, scope, frame))


def _entries(state: Sequence[Any]) -> int:
    """How many columns the sets of values have."""
    return sum(v.rows.nnz for v in state if isinstance(v, Value) and v.rows is not None)


def _alike(a: Any, b: Any) -> bool:
    return all(map(_alike, a, b)) if isinstance(a, tuple) else same(a.rows, b.rows)


def _packed(state: list[Any]) -> Any:
    return state[0] if len(state) == 1 else tuple(state)


def _parts(out: Any, count: int) -> Sequence[Any]:
    return (out,) if count == 1 else out
