"""Loops whose trips do not meet, in parts that several threads share: the loops of `irad.vmap`, whatever their bodies do.

    for i in range(n): out[i] = f(x[i])             part k: the trips from k * size on

A part writes to the loop's arrays in place. It leaves the counts of blocks from outside alone, since several threads would
count at once: where a body does not, the loop stays on its thread.
"""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import arrays, polls
from irad.backends.llvm.layout import managed
from irad.backends.llvm.ownership import keeps_counts
from irad.backends.llvm.parts import Part, Parts, least_trips, parts_of
from irad.backends.llvm.work import BUDGET, trip_cost

from irad.graph.nodes import Apply, Graph, Node, Parameter
from irad.graph.walk import Task, applies
from irad.nests.trips import trips_apart
from irad.types import Array, Struct, Type

__all__ = ["parts_of_loop", "run_apart"]

LINE = 8  # trips whose numbers fill a line of the cache, which one thread had better have for itself
SHORT = 64  # trips of a part that are so few that they are not cut by lines


def parts_of_loop(e: Any, loop: Apply, trips: str) -> Parts | None:
    """The parts of a loop whose trips do not meet; None where they may, or where it is short."""
    if not e.fails or e.in_part or any(a in e.virtual for a in loop.args):
        return None
    (body,) = loop.graphs
    cost = trip_cost(body)
    least = least_trips(cost)
    if (trips.isdigit() and int(trips) < 2 * least) or trips_apart(loop) is None or not _keeps_counts(e, body):
        return None
    return parts_of(e, trips, cost, LINE if least >= SHORT else 1)


def _keeps_counts(e: Any, body: Graph) -> bool:
    outside = [r[0] for r in e.m.captures.of(body)]
    if not all(_is_counted_array(x.type) or _is_empty(x) for x in outside):
        return False
    if any(managed(a.type) for n in applies(body) if n.fn.name == "call" for a in n.args):
        return False
    return keeps_counts(body, e.m.captures, {x for x in outside if _is_empty(x) or _is_callers(e, x)})


def _is_counted_array(t: Type) -> bool:
    return not managed(t) or isinstance(t, Array) or (isinstance(t, Struct) and all(map(_is_counted_array, t.items)))


def _is_empty(x: Node) -> bool:
    return isinstance(x, Apply) and x.fn.name == "empty_stack"


def _is_callers(e: Any, x: Node) -> bool:
    return isinstance(x, Parameter) and x.graph is e.m.module.entry


def run_apart(e: Any, loop: Apply, trips: str, parts: Parts) -> Task:
    """Emit a loop in parts."""
    (body,) = loop.graphs
    e.note("in ", parts.shown)
    state = []
    for x in loop.args[1:]:
        dims = arrays.shape(e, x)
        state.append((*arrays.owned(e, x, dims), *arrays.run_time(arrays.array_type(x), dims)))
    counts = body in e.m.work.counts
    shift = polls.shift_of(e.m.work.cost[body])
    if loop.graph in e.owed:
        e.owed[loop.graph].append(e.emit(f"shl i64 {trips}, {shift}"))
    for p, values in zip(body.params[1:], state, strict=True):
        e.values[p] = values
    e.trip_counts[body.params[0]] = trips
    e.alone.update(trips_apart(loop))
    part = Part(e)
    head, strip, done = e.new_label("loop"), e.new_label("strip"), e.new_label("done")
    if trips.isdigit():
        e.jump(strip)
    else:
        e.branch(e.emit("icmp slt i64 %first, %end"), strip, done)
    e.start(strip)
    outer = e.phi_lines(["i64"], ["%first"], "entry")
    stop = polls.least(e, e.emit(f"add nuw nsw i64 {outer[0][1]}, {max(BUDGET >> shift, 1)}"), "%end")
    e.jump(head)
    e.start(head)
    pending = e.phi_lines(["i64"], [outer[0][1]], strip)
    index = pending[0][1]
    e.values[body.params[0]] = (index,)
    if counts:
        e.owed[body] = []
    yield e.body(body, e.plan(body, ()))
    e.node = loop
    if counts:
        polls.charge(e, e.m.work.cost[body], e.owed[body])
    after = e.emit(f"add nuw nsw i64 {index}, 1")
    e.loop_back(pending, [after], e.label)
    ended, more = e.new_label("ended"), e.new_label("more")
    e.branch(e.emit(f"icmp slt i64 {after}, {'%end' if counts else stop}"), head, ended)
    e.start(ended)
    e.branch(e.emit(f"icmp slt i64 {after}, %end"), more, done)
    e.start(more)
    polls.poll(e)
    e.loop_back(outer, [after], e.label)
    e.jump(strip)
    e.start(done)
    part.call(trips, parts)
    e.values[loop] = tuple(v for values in state for v in values)
