"""Loops of functions: trips one after the other, in strips between which the outside is looked at, in parts, or in lanes."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import apart, batches, polls, runtime, stacks, together
from irad.backends.llvm.layout import offsets
from irad.backends.llvm.ownership import Plan
from irad.backends.llvm.work import BUDGET

from irad.graph.nodes import Apply, Constant, Node
from irad.graph.walk import Task
from irad.types import Struct

__all__ = ["for_loop", "while_loop"]

Operands = tuple[str, ...]
IN_STRIPS = "in strips, between which Ctrl-C is looked for"


def for_loop(e: Any, node: Apply, p: Plan | None) -> Task:
    (body,) = node.graphs
    trips = e.one(node.args[0])
    init = [e.get(a) for a in node.args[1:]]
    counted = stacks.prepare_stacks(e, node, body, init, trips)
    begin: str = "0"
    done_already = batches.run_in_lanes(e, node, trips) or together.run_together(e, node, trips)
    if done_already is None and (parts := apart.parts_of_loop(e, node, trips)) is not None:
        yield apart.run_apart(e, node, trips, parts)
        return
    if done_already is not None:
        init = done_already.state
        if done_already.begin is None:
            e.values[node] = tuple(v for values in init for v in values)
            return
        begin = done_already.begin
    known = isinstance(node.args[0], Constant) and begin.isdigit() and int(begin) < node.args[0].value
    counts, stripped = body in e.m.work.counts, in_strips(e, node)
    shift = polls.shift_of(e.m.work.cost[body])
    first_end = polls.trips_at_first(e, trips, shift) if stripped else trips
    before, head, done = e.label, e.new_label("loop"), e.new_label("done")
    start = e.new_label("strip") if stripped else head
    if known:
        e.jump(start)
    else:
        e.branch(e.emit(f"icmp sgt i64 {trips}, {begin}"), start, done)
    entry, end, outer = before, first_end, []
    if stripped:
        e.note(IN_STRIPS)
        e.start(start)
        outer = e.phi_lines(["i64", "i64"], [begin, first_end], before)
        outer += e.loop_head(list(body.params[1:]), init, before)
        begin, end = outer[0][1], outer[1][1]
        entry = start
        e.jump(head)
    e.start(head)
    pending = e.phi_lines(["i64"], [begin], entry)
    index = pending[0][1]
    e.values[body.params[0]] = (index,)
    e.trip_counts[body.params[0]] = trips
    state = [e.get(q) for q in body.params[1:]] if stripped else init
    pending += e.loop_head(list(body.params[1:]), state, entry)
    if counts:
        e.owed[body] = []
    yield e.body(body, e.plan(body, ()))
    out = state_operands(e, body.output, len(init))
    e.node = node
    if counts:
        polls.charge(e, e.m.work.cost[body], e.owed[body])
    nxt = e.emit(f"add nuw nsw i64 {index}, 1")
    latch = e.label
    again = e.emit(f"icmp slt i64 {nxt}, {end}")
    flat_out = [v for values in out for v in values]
    e.loop_back(pending, [nxt, *flat_out], latch)
    if stripped:
        latch = e.new_label("ended")
        e.branch(again, head, latch)
        e.start(latch)
        pause, leave = e.new_label("pause"), e.new_label("leave")
        e.branch(e.emit(f"icmp slt i64 {nxt}, {trips}"), pause, leave, unlikely=True)
        e.start(pause)
        next_end = polls.more_trips(e, nxt, trips, shift)
        e.loop_back(outer, [nxt, next_end, *flat_out], e.label)
        e.jump(start)
        e.start(leave)
        worked = e.emit(f"shl i64 {trips}, {shift}")
        if node.graph not in e.owed:
            polls.note(e, worked)
        latch = leave
        e.jump(done)
    else:
        e.branch(again, head, done)
    e.start(done)
    if stripped and node.graph in e.owed:
        e.owed[node.graph].append(worked if known else e.emit(f"phi i64 [ 0, %{before} ], [ {worked}, %{latch} ]"))
    results: list[str] = []
    for (_, _, ll, _), first, v in zip(pending[1:], [v for values in init for v in values], flat_out, strict=True):
        results.append(v if known else e.emit(f"phi {ll} [ {first}, %{before} ], [ {v}, %{latch} ]"))
    stacks.close_stacks(e, node, counted, results)
    e.values[node] = tuple(results)


def in_strips(e: Any, loop: Apply) -> bool:
    """Whether a loop counts its trips, and nothing inside counts."""
    return loop.graphs[0] not in e.m.work.counts and not e.m.work.is_quiet(loop)


def state_operands(e: Any, out: Node, count: int) -> list[Operands]:
    values = e.get(out)
    if count == 1:
        return [values]
    assert isinstance(out.type, Struct)
    places = offsets(out.type)
    return [values[places[i] : places[i + 1]] for i in range(count)]


def while_loop(e: Any, node: Apply, p: Plan | None) -> Task:
    (body,) = node.graphs
    init = [e.get(a) for a in node.args]
    counted = stacks.prepare_stacks(e, node, body, init, None)
    cost = e.m.work.cost[body]
    counts = body in e.m.work.counts
    budget = "" if counts else polls.left(e)
    before, start, head, done = e.label, e.new_label("strip"), e.new_label("loop"), e.new_label("done")
    outer: list[tuple[int, str, str, str]] = []
    entry = before
    if not counts:
        e.note(IN_STRIPS)
        e.jump(start)
        e.start(start)
        outer = e.phi_lines(["i64"], [budget], before) + e.loop_head(list(body.params), init, before)
        entry, init = start, [e.get(q) for q in body.params]
    e.jump(head)
    e.start(head)
    pending = e.phi_lines(["i64"], [outer[0][1]], entry) if outer else []
    pending += e.loop_head(list(body.params), init, entry)
    if counts:
        e.owed[body] = []
    yield e.body(body, e.plan(body, ()))
    e.node = node
    values = e.get(body.output)
    again, flat_out = values[0], list(values[1:])
    if counts:
        polls.charge(e, cost, e.owed[body])
        e.loop_back(pending, flat_out, e.label)
        e.branch(again, head, done)
    else:
        rest = e.emit(f"sub i64 {pending[0][1]}, {cost}")
        more, pause, leave = e.new_label("more"), e.new_label("pause"), e.new_label("leave")
        e.branch(again, more, leave)
        e.start(more)
        e.loop_back(pending, [rest, *flat_out], more)
        e.branch(e.emit(f"icmp slt i64 {rest}, 0"), pause, head, unlikely=True)
        e.start(pause)
        polls.poll(e)
        e.loop_back(outer, [str(BUDGET), *flat_out], e.label)
        e.jump(start)
        e.start(leave)
        e.put("i64", rest, "%ctx", runtime.BUDGET)
        e.jump(done)
    e.start(done)
    stacks.close_stacks(e, node, counted, flat_out)
    e.values[node] = tuple(flat_out)
