"""Which variables are read later: computed once for each python-stage function, so that branches join and loops carry
only what somebody reads.

Bottom-up, each block gets a summary (what it reads before writing; what it surely writes on the way to each exit); then
top-down, the variables live after each `if` and loop, and at each loop's head, are recorded. Both walks are linear.
"""

from __future__ import annotations

from dataclasses import dataclass

from irad.graph.nodes import Apply, Graph
from irad.graph.walk import Task, run

__all__ = ["Liveness", "liveness"]

NEXT, BREAK, CONTINUE, RETURN = "next", "break", "continue", "return"
_EMPTY: frozenset[str] = frozenset()


@dataclass(slots=True)
class Liveness:
    """What is known of each control operation."""

    after: dict[Apply, frozenset[str]]  # names live after it
    head: dict[Apply, frozenset[str]]  # names live at the head of a loop
    stored: dict[Apply, frozenset[str]]  # names that a loop binds
    leaves: dict[Apply, bool]  # whether the body of a loop may leave it by break or return
    yields: dict[Apply, bool]  # whether it yields


@dataclass(slots=True)
class _Summary:
    """reads: names read before written. kills[exit]: names surely written before that exit (absent: never taken)."""

    reads: frozenset[str]
    kills: dict[str, frozenset[str]]
    stores: frozenset[str]

    def before(self, out: dict[str, frozenset[str]]) -> frozenset[str]:
        live = self.reads
        for exit_, killed in self.kills.items():
            live |= out.get(exit_, _EMPTY) - killed
        return live


def liveness(function: Graph) -> Liveness:
    """The liveness of the variables of one function (not of functions inside it); it is kept with the function."""
    found: Liveness | None = function.info.liveness
    if found is None:
        found = function.info.liveness = _Analysis(function).run()
    return found


def _meet(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    return b if a is None else a if b is None else a & b


class _Analysis:
    def __init__(self, function: Graph) -> None:
        self.function = function
        self.summaries: dict[Graph, _Summary] = {}
        self.operations: dict[Apply, _Summary] = {}
        self.result = Liveness({}, {}, {}, {}, {})

    def run(self) -> Liveness:
        run(self.summarize(self.function))
        run(self.record(self.function, {}))
        return self.result

    # -- bottom-up ---------------------------------------------------------------------------------------------------

    def summarize(self, graph: Graph) -> Task:
        reads: frozenset[str] = _EMPTY
        killed: frozenset[str] | None = _EMPTY  # None: this point is not reached
        kills: dict[str, frozenset[str]] = {}
        stores: frozenset[str] = _EMPTY
        for node in graph.body:
            s = yield self.operation(node)
            self.operations[node] = s
            stores |= s.stores
            if killed is None:
                continue
            reads |= s.reads - killed
            for exit_, k in s.kills.items():
                if exit_ != NEXT:
                    kills[exit_] = _meet(kills.get(exit_), killed | k)  # type: ignore[assignment]
            killed = killed | s.kills[NEXT] if NEXT in s.kills else None
        if killed is not None:
            kills[NEXT] = killed
        summary = self.summaries[graph] = _Summary(reads, kills, stores)
        return summary

    def operation(self, node: Apply) -> Task:
        yield from ()
        name = node.fn.name
        if name in ("py_load", "py_store", "py_delete"):
            facts = node.facts()
            own = frozenset([facts["name"]]) if facts["up"] == 0 else _EMPTY
            if name == "py_load":
                return _Summary(own, {NEXT: _EMPTY}, _EMPTY)
            return _Summary(own if name == "py_delete" else _EMPTY, {NEXT: own}, own)
        if name in ("py_return", "py_raise"):
            return _Summary(_EMPTY, {RETURN: _EMPTY}, _EMPTY)
        if name in ("py_break", "py_continue"):
            return _Summary(_EMPTY, {name[3:]: _EMPTY}, _EMPTY)
        if name in ("py_if", "py_choose"):
            then = yield self.summarize(node.graphs[0])
            orelse = yield self.summarize(node.graphs[1])
            return _either(then, orelse)
        if name == "py_assert":
            message = yield self.summarize(node.graphs[0])
            return _Summary(message.reads, {NEXT: _EMPTY}, message.stores)
        if name in ("py_while", "py_for"):
            return (yield self.loop(node))
        return _Summary(_EMPTY, {NEXT: _EMPTY}, _EMPTY)

    def loop(self, node: Apply) -> Task:
        blocks = []
        for g in node.graphs:
            blocks.append((yield self.summarize(g)))
        test = blocks[0] if len(blocks) == 3 else _Summary(_EMPTY, {NEXT: _EMPTY}, _EMPTY)
        body, orelse = blocks[-2], blocks[-1]
        tested = test.kills[NEXT]
        reads = test.reads | (body.reads - tested) | (orelse.reads - tested)
        kills: dict[str, frozenset[str]] = {}
        through_else = tested | orelse.kills[NEXT] if NEXT in orelse.kills else None
        after = _meet(through_else, tested | body.kills[BREAK] if BREAK in body.kills else None)
        if after is not None:
            kills[NEXT] = after
        for s in (body, orelse):
            if RETURN in s.kills:
                kills[RETURN] = _meet(kills.get(RETURN), tested | s.kills[RETURN])  # type: ignore[assignment]
        for exit_ in (BREAK, CONTINUE):
            if exit_ in orelse.kills:
                kills[exit_] = tested | orelse.kills[exit_]
        stores = test.stores | body.stores | orelse.stores
        self.result.stored[node] = test.stores | body.stores
        names = {n.fn.name for n in _inside(node)}
        self.result.leaves[node] = BREAK in body.kills or "py_return" in names
        self.result.yields[node] = "py_yield" in names
        return _Summary(reads, kills, stores)

    # -- top-down ----------------------------------------------------------------------------------------------------

    def record(self, graph: Graph, out: dict[str, frozenset[str]]) -> Task:
        """`out`: what is live at each exit of the block."""
        after = out.get(NEXT, _EMPTY)
        for node in reversed(graph.body):
            exits = {**out, NEXT: after}
            name = node.fn.name
            if name in ("py_if", "py_choose"):
                self.result.after[node] = after
                for g in node.graphs:
                    yield self.record(g, exits)
            elif name in ("py_while", "py_for"):
                yield self.record_loop(node, exits)
            elif name == "py_assert":
                yield self.record(node.graphs[0], {NEXT: after})
            after = self.operations[node].before(exits)

    def record_loop(self, node: Apply, exits: dict[str, frozenset[str]]) -> Task:
        test = self.summaries[node.graphs[0]] if len(node.graphs) == 3 else _Summary(_EMPTY, {NEXT: _EMPTY}, _EMPTY)
        body, orelse = self.summaries[node.graphs[-2]], self.summaries[node.graphs[-1]]
        ended = orelse.before(exits)
        self.result.after[node] = exits[NEXT] | ended
        head: frozenset[str] = _EMPTY
        inside: dict[str, frozenset[str]] = {}
        while True:  # two rounds reach the fixpoint
            inside = {**exits, NEXT: head, CONTINUE: head, BREAK: exits[NEXT]}
            tested = body.before(inside) | ended
            grown = test.before({NEXT: tested})
            if grown == head:
                break
            head = grown | head
        self.result.head[node] = head
        if len(node.graphs) == 3:
            yield self.record(node.graphs[0], {NEXT: body.before(inside) | ended})
        yield self.record(node.graphs[-2], inside)
        yield self.record(node.graphs[-1], exits)


def _either(a: _Summary, b: _Summary) -> _Summary:
    kills = dict(a.kills)
    for exit_, k in b.kills.items():
        kills[exit_] = kills[exit_] & k if exit_ in kills else k
    return _Summary(a.reads | b.reads, kills, a.stores | b.stores)


def _inside(loop: Apply) -> list[Apply]:
    """The operations of a loop's body and of the blocks in it."""
    out, todo = [], [loop.graphs[-2]]
    while todo:
        g = todo.pop()
        for node in g.body:
            out.append(node)
            todo.extend(h for h in node.graphs if h.role == "block")
    return out
