"""Loops run abstractly until the types of what they carry settle, and become `for_loop` or `while_loop`.

What a loop carries is what its body binds and somebody reads, and every older object that its body writes: the first
run finds those. A variable that no path reads at the head of the loop only leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from irad.errors import refuse
from irad.graph.build import literal
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task
from irad.specialize.joins import has_conflict, join_shapes
from irad.specialize.liveness import BREAK, CONTINUE, NEXT, RETURN
from irad.specialize.mixing import Mixer, Side
from irad.specialize.paths import Changes, Exit, PathStore
from irad.specialize.shapes import Shaper, leaf_types, rebuild, widen
from irad.specialize.values import UNBOUND, Obj, Shape, Unbound, new_mark
from irad.types import BOOL, INT, Array, Dim

if TYPE_CHECKING:
    from irad.specialize.execute import Activation

MAX_RUNS = 60
UNROLLED_LISTS = 32  # trips of a loop that is unrolled so that a list keeps a known length


class Loop:
    """One loop statement in one activation. `trips` and `bind(i)` for a `for`, `again()` for a `while`. What `bind` gives is
    told the store at the end of the trip."""

    def __init__(
        self,
        a: Activation,
        node: Apply,
        body: Graph,
        *,
        trips: Node | None = None,
        bind: Callable[[Node], Callable[[Any], None]] | None = None,
        again: Callable[[], Task] | None = None,
    ) -> None:
        self.a, self.s, self.b, self.store = a, a.s, a.b, a.store
        self.node, self.body, self.trips, self.bind, self.again = node, body, trips, bind, again
        live = a.live
        self.read_at_head = live.head[node]
        self.live = live.head[node] | live.after[node]
        self.leaves = live.leaves[node] or (live.yields[node] and a.yield_leaves)
        self.names = [n for n in sorted(live.stored[node]) if n in self.live or n in a.graph.info.cells]
        # A while loop, and a for loop that may break, stand behind a guard: their body runs.
        self.runs = self.trips is None or self.leaves or (isinstance(trips, Constant) and trips.value > 0)

    # -- the fixpoint ------------------------------------------------------------------------------------------------

    def run(self) -> Task:
        """The exits of the loop, in the graph being built."""
        head = {(self.a.frame, n): self.entry_shape((self.a.frame, n)) for n in self.names}
        hints = self.s.hints.get((self.a.frame, self.node), {})
        for key, shape in hints.items():
            if key in head:
                joined = join_shapes(head[key], shape, "")
                head[key] = head[key] if joined[0] == "conflict" else joined
        for _ in range(MAX_RUNS + len(head)):
            attempt = yield self.attempt(head)
            settled = self.widened(attempt, head)
            if settled == head:
                self.s.hints[self.a.frame, self.node] = {k: s for k, s in head.items() if s[0] == "leaf"}
                return self.finish(attempt, head)
            head = settled
        for key, shape in head.items():
            if any(isinstance(t, Array) and any(isinstance(d, Dim) for d in t.shape) for t in leaf_types(shape)):
                raise refuse(
                    "changing-shape",
                    f"{self.name_of(key)} changes its shape from trip to trip",
                    self.node.span,
                    help="make it as large as it gets before the loop, or append to a list",
                )
        raise refuse(
            "incompatible-types",
            "the types of the variables of this loop do not settle",
            self.node.span,
            help="a tuple or list that grows in a loop has no fixed type: use an array or `append`",
        )

    @staticmethod
    def name_of(key: Any) -> str:
        return f"`{key[1]}`" if isinstance(key, tuple) else f"the {key.kind}"

    def outgoing(self, key: Any) -> bool:
        """Whether a variable is bound anew in each trip before it is read, so that it needs no value at the head."""
        return (
            self.runs
            and isinstance(key, tuple)
            and key[0] is self.a.frame
            and key[1] not in self.read_at_head
            and key[1] not in self.a.graph.info.cells
        )

    def entry_shape(self, key: Any) -> Shape:
        if self.outgoing(key):
            return ("unbound",)
        return widen(Shaper(self.store, lambda o: True).shape(self.store.get(key)))

    def attempt(self, head: dict[Any, Shape]) -> Task:
        """Run the body once for a state of these shapes."""
        a, b, s = self.a, self.b, self.s
        graph = b.new_graph("loop", b.graph, role="loop")
        graph.info = self.trips  # its first parameter counts them
        span = s.span
        self.mark = new_mark()
        with b.inside(graph):
            self.store.begin()
            try:
                index = b.parameter(graph, INT, "i") if self.trips is not None else None
                objects: dict[int, Obj] = {}
                for key, shape in head.items():
                    if self.outgoing(key):
                        self.store.set(key, UNBOUND)
                    else:
                        name = key[1] if isinstance(key, tuple) else key.name
                        self.store.set(key, rebuild(shape, partial(b.parameter, graph, name=name), self.store, objects))
                check = self.bind(index) if self.bind is not None and index is not None else None
                exits = yield a.block(self.body, CONTINUE)
                s.span = b.span = self.node.span
                if check is not None and CONTINUE in exits:
                    check(PathStore(exits[CONTINUE].changes, self.store))
                if self.again is not None and CONTINUE in exits:
                    exits = yield self.tested(exits)
            except s.Bottom:
                exits = {}
            finally:
                changes = self.store.rollback()
                s.span = b.span = span
        full = {k: Exit(e.cond, {**changes, **e.changes}, e.value) for k, e in exits.items()}
        return graph, index, full

    def tested(self, exits: Any) -> Task:
        """The test of a while loop, made where the trip ends normally."""
        a = self.a
        if len(exits) == 1:
            self.store.apply(exits[CONTINUE].changes)
            return (yield self.test())
        go_on = exits.pop(CONTINUE)
        then = yield a.path("again", a.after(go_on, self.test()))
        leave = yield a.path("leave", _done(exits))
        return a.merge(go_on.cond, then, leave, None)

    def test(self) -> Task:
        assert self.again is not None
        value = yield self.again()
        return {CONTINUE: Exit(None, {}, value)}

    def widened(self, attempt: Any, head: dict[Any, Shape]) -> dict[Any, Shape]:
        """The head's shapes joined with those that come back; keys that the body was found to write are added."""
        _, _, exits = attempt
        new = dict(head)
        for kind, e in exits.items():
            for key in e.changes:
                if key not in new and self.a.matters(key, self.mark, self.live, kind):
                    new[key] = self.entry_shape(key)
        if len(new) > len(head):
            return new
        before = Side(self.store, Shaper(self.store, lambda o: True), self.live.__contains__)
        for kind, e in exits.items():
            store = PathStore(e.changes, self.store)
            shaper = Shaper(store, lambda o: o.birth < self.mark)
            mixer = Mixer(self.a, (before, Side(store, shaper, self.live.__contains__)), adapt=widen)
            for place, key in enumerate(head):
                if kind == RETURN and not self.a.matters(key, self.mark, self.live, RETURN):
                    continue
                value = e.changes.get(key, self.store.get(key))
                back = widen(shaper.shape(value))
                name = self.name_of(key)
                if self.outgoing(key) and new[key] == ("unbound",):
                    new[key] = back
                else:
                    new[key] = join_shapes(new[key], back, name, (self.node.span,), mixer.at(key, place))
                    few = self.trips if isinstance(self.trips, Constant) else None
                    if few is not None and has_conflict(new[key]) and not has_conflict(head[key]):
                        raise self.s.needs_static(
                            f"{name} changes its structure in each trip", "give it one type before the loop and in it"
                        )
                    grows = _kind(new[key]) == "growing" != _kind(head[key])
                    if few is not None and few.value <= UNROLLED_LISTS and grows:
                        raise self.s.needs_static(
                            f"{name} grows in each trip", "append numbers or tuples of numbers, of one type"
                        )
        return new

    # -- emission ----------------------------------------------------------------------------------------------------

    def finish(self, attempt: Any, head: dict[Any, Shape]) -> Any:
        """Emit the loop whose body is `attempt`, and say how it is left."""
        graph, index, exits = attempt
        b = self.b
        leaving = [k for k in (BREAK, RETURN) if k in exits]
        flags = [k for k in leaving if k == RETURN or self.node.graphs[-1].body]
        value = exits[RETURN].value if RETURN in exits else None
        with b.inside(graph):
            outs = self.state_nodes(exits, head)
            value_shape: Shape | None = None
            if value is not None:
                store = PathStore(exits[RETURN].changes, self.store)
                value_shape = widen(Shaper(store, lambda o: o.birth < self.mark).shape(value))
                outs += self.fitted(value_shape, value, store)
            outs += [exits[k].cond or literal(True) for k in flags]
            again = self.again_node(exits, index) if leaving or self.trips is None else None
            self.late_parameters(graph, head, value_shape, flags)
            plain = self.trips is not None and not leaving
            if self.trips is not None and not plain:
                outs = [b.add(index, literal(1)), *outs]
            if not plain:
                graph.finish(b.make_tuple(again, b.tuple_(outs) if outs else b.make_tuple()))
            else:
                graph.finish(b.tuple_(outs) if outs else b.make_tuple())
        init = self.initial_nodes(head, value_shape, flags)
        if plain:
            node = b.for_loop(self.trips, *init, graphs=(graph,))
            parts = b.parts(node, len(init))
        else:
            start = [literal(0)] if self.trips is not None else []
            node = b.while_loop(*start, *init, graphs=(graph,))
            parts = b.parts(node, len(start) + len(init))[len(start) :]
        return self.results(head, value_shape, flags, exits, iter(parts))

    def state_nodes(self, exits: Any, head: dict[Any, Shape]) -> list[Node]:
        """The nodes of the state after a trip, whichever way the trip ends."""
        kinds = [k for k in (CONTINUE, BREAK, RETURN) if k in exits]
        if not kinds:  # the body always raises
            return [self.s.absent(t) for shape in head.values() for t in leaf_types(shape)]
        columns = []
        for kind in kinds:
            e = exits[kind]
            nodes: list[Node] = []
            fitter = self.s.fitter(PathStore(e.changes, self.store))
            for key, shape in head.items():
                if kind == RETURN and not self.a.matters(key, self.mark, self.live, RETURN):
                    nodes += fitter.nodes
                    fitter.nodes = []
                    nodes += [self.s.absent(t) for t in leaf_types(shape)]
                else:
                    fitter.fit(shape, e.changes.get(key, self.store.get(key)))
                    nodes += fitter.nodes
                    fitter.nodes = []
            columns.append(nodes)
        result = columns[-1]
        for kind, nodes in zip(reversed(kinds[:-1]), reversed(columns[:-1]), strict=True):
            result = self.choose(exits[kind].cond, nodes, result)
        return result

    def choose(self, test: Node, x: list[Node], y: list[Node]) -> list[Node]:
        """x where test, else y, node by node; what nobody reads on one side is taken from the other."""
        b = self.b
        picked = {i for i, (p, q) in enumerate(zip(x, y, strict=True)) if p is not q and not _absent(p) and not _absent(q)}
        fresh: dict[int, Node] = {}
        if picked:
            order = sorted(picked)
            graphs = (self.a.branch_graph("one"), self.a.branch_graph("other"))
            for graph, nodes in zip(graphs, (x, y), strict=True):
                with b.inside(graph):
                    graph.finish(b.tuple_([nodes[i] for i in order]))
            fresh = dict(zip(order, b.parts(b.cond(test, graphs=graphs), len(order)), strict=True))
        return [fresh[i] if i in fresh else q if _absent(p) else p for i, (p, q) in enumerate(zip(x, y, strict=True))]

    def again_node(self, exits: Any, index: Node | None) -> Node:
        b = self.b
        if CONTINUE not in exits:
            return literal(False)
        e = exits[CONTINUE]
        more: Node = b.lt(b.add(index, literal(1)), self.trips) if self.trips is not None and index is not None else e.value
        if e.cond is None:
            return more
        test: Node = e.cond if more is literal(True) else b.and_(e.cond, more)
        return test

    def late_parameters(self, graph: Graph, head: dict[Any, Shape], value: Shape | None, flags: list[str]) -> None:
        """Put the parameters in the order of the state; those of what only leaves the loop are made now."""
        first = 1 if self.trips is not None else 0
        made = iter(graph.params[first:])
        ordered: list[Parameter] = []
        for key, shape in head.items():
            name = key[1] if isinstance(key, tuple) else None
            for t in leaf_types(shape):
                ordered.append(Parameter(graph, t, name, self.s.span) if self.outgoing(key) else next(made))
        ordered += [Parameter(graph, t, "result", self.s.span) for t in (leaf_types(value) if value is not None else [])]
        ordered += [Parameter(graph, BOOL, "returned" if k == RETURN else "broke", self.s.span) for k in flags]
        graph.params[first:] = ordered

    def initial_nodes(self, head: dict[Any, Shape], value: Shape | None, flags: list[str]) -> list[Node]:
        fitter = self.s.fitter(self.store)
        for key, shape in head.items():
            entry = self.store.get(key)
            if self.outgoing(key) or (isinstance(entry, Unbound) and shape[0] != "maybe"):
                fitter.nodes += [self.s.absent(t) for t in leaf_types(shape)]
            else:
                fitter.fit(shape, entry)
        fitter.nodes += [self.s.absent(t) for t in (leaf_types(value) if value is not None else [])]
        return [*fitter.nodes, *(literal(False) for _ in flags)]

    def fitted(self, shape: Shape, value: Any, store: Any) -> list[Node]:
        fitter = self.s.fitter(store)
        fitter.fit(shape, value)
        return fitter.nodes

    def results(self, head: dict[Any, Shape], value_shape: Shape | None, flags: list[str], exits: Any, feed: Any) -> Any:
        b = self.b
        objects: dict[int, Obj] = {}
        changes: dict[Any, Any] = {}
        target = Changes(changes)
        for key, shape in head.items():
            changes[key] = rebuild(shape, lambda t: next(feed), target, objects, self.s.span)
        value = rebuild(value_shape, lambda t: next(feed), target, objects, self.s.span) if value_shape is not None else None
        told = {k: next(feed) for k in flags}
        out = {}
        ended = CONTINUE in exits or (self.trips is not None and not exits)
        if RETURN in exits:
            out[RETURN] = Exit(told[RETURN], changes, value)
        if BREAK in exits:
            out[BREAK] = Exit(told.get(BREAK), changes)
        if ended and not self.endless(exits):
            others = None
            for flag in told.values():
                others = b.not_(flag) if others is None else b.and_(others, b.not_(flag))
            out[NEXT] = Exit(others, changes)
        if BREAK in out and out[BREAK].cond is None and (RETURN in out or NEXT in out):
            # no `else`: NEXT and BREAK are one way on
            rest = out.pop(BREAK)
            out[NEXT] = Exit(b.not_(told[RETURN]) if RETURN in out else None, rest.changes)
        if len(out) == 1:
            (only,) = out.values()
            only.cond = None
        return {k: out[k] for k in (NEXT, BREAK, RETURN) if k in out}

    def endless(self, exits: Any) -> bool:
        """`while True` ends only by leaving."""
        return self.trips is None and exits[CONTINUE].value is literal(True)


def _kind(shape: Shape) -> str:
    return str(shape[1]) if shape[0] == "compound" else ""


def _absent(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is UNDEF


def _done(exits: Any) -> Task:
    yield from ()
    return exits
