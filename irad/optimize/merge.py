"""A loop and its reverse become one loop, where no trip of the reverse waits for another.

    %1 = for_loop(n, @loop, %0)        @loop(i, stack):      p = g(x[i]); push(stack, (p,))
    %3 = for_loop(n, @loop_1, 0, %2)   @loop_1(j, ct, stack): (p,), stack = pop(stack); ct + p * w
    =>
    %1 = for_loop(n, @loop, 0)         @loop(i, ct):         p = g(x[i]); ct + p * w

What a reverse loop only adds up it may add up in any order, so it can take each trip's values where they are made: nothing is
stored. The loop runs in the order of the first one, whose state may be anything, and which alone may fail. Loops that are
joined by more stacks (of second derivatives) become one loop together: of them, those that pop what runs forwards run
backwards, and those that pop what runs backwards run forwards again.

What the loops behind the first one start with, and read, must be there before the first one begins: it is moved there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from irad.graph.build import UNIT_VALUE, is_constant, literal
from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import Task, all_graphs, captured, run
from irad.optimize.demand import state_of
from irad.optimize.pairs import Pair, find_pairs
from irad.optimize.rebuild import Rebuild
from irad.optimize.stacks import Stacks

__all__ = ["merge_loops"]

ONLY = -1  # the position of a result that is no tuple
ADDITIONS = frozenset({"index_add", "slice_add", "index_update", "add", "sub"})


def merge_loops(module: Module) -> Module:
    """The module with loops and their reverses merged; outer ones first, which brings inner ones together."""
    while any(n.fn.name == "push" for g in all_graphs(module) for n in g.body):
        found = _Finding(module)
        if not found.groups:
            break
        module = _Merge(module, found).run()
    return module


@dataclass(slots=True, eq=False)
class _Group:
    """Loops that become one: the first says the order of trips; `backwards` are those that run against it."""

    loops: list[Apply]
    backwards: set[Apply]
    pairs: list[Pair]
    stacks: dict[Apply, set[int]] = field(default_factory=dict)  # of each loop, the states that are stacks between them

    @property
    def first(self) -> Apply:
        return self.loops[0]


# -- finding ----------------------------------------------------------------------------------------------------------------


class _Finding:
    """The groups of a module, and the order of operations that they need."""

    def __init__(self, module: Module) -> None:
        self.stacks = Stacks(module)
        self.groups: list[_Group] = []
        self.order: dict[Graph, list[Apply]] = {}
        self.reads: dict[Apply, list[Node]] = {}
        uses, outputs = self.stacks.uses, self.stacks.outputs
        # what hands the stacks on, and what packs the states; tuples that nobody reads are no uses
        self.dropped = {u for at in uses.values() for u, _ in at if u.fn.name == "make_tuple" and u not in uses} - outputs
        for x, at in uses.items():
            if any(u in self.dropped for u, _ in at):
                uses[x] = [(u, i) for u, i in at if u not in self.dropped]
        by_graph: dict[Graph, list[Pair]] = {}
        for p in find_pairs(self.stacks, Pair):
            if self.joined(p):
                by_graph.setdefault(p.forward.graph, []).append(p)
        for graph, pairs in by_graph.items():
            place = {node: k for k, node in enumerate(graph.body)}
            taken: set[Apply] = set()
            for several in self.components(pairs):
                for chosen in [several, *[[p] for p in several]] if len(several) > 1 else [several]:
                    group = self.group(chosen, place)
                    if group is None or any(loop in taken for loop in group.loops) or not self.arranged(group):
                        continue
                    taken.update(group.loops)
                    self.groups.append(group)

    def joined(self, p: Pair) -> bool:
        """Whether the stack goes from the one loop to the other and nowhere else, and they have the same trips."""
        a, b = p.forward, p.reverse
        if a.fn.name != "for_loop" or a.graph is not b.graph or not _same(a.args[0], b.args[0]):
            return False
        if is_constant(a.args[0]) and a.args[0].value <= 1:  # type: ignore[attr-defined]
            return False
        k, m = p.body.params.index(p.push.args[0]) - 1, p.reverse_body.params.index(p.pop.args[0]) - 1  # type: ignore[arg-type]
        stack, rest = self.component(a, k), state_of(p.reverse_body, "for_loop")[m]
        if stack is None or self.stacks.uses.get(stack, []) != [(b, 1 + m)] or stack in self.stacks.outputs:
            return False
        if not (isinstance(rest, Apply) and rest.fn.name == "getitem" and rest.args[0] is p.pop and rest.static[0] == 1):
            return False
        if len(self.stacks.uses.get(rest, ())) != (len(p.reverse_body.params) > 2):
            return False
        if self.stacks.uses.get(p.item, []) != [(p.push, 1)]:
            return False
        if b in self.stacks.outputs or len(p.reverse_body.params) == 2:
            return b not in self.stacks.outputs and not self.stacks.uses.get(b)
        left = [u for u, _ in self.stacks.uses.get(b, ()) if u.fn.name != "getitem" or u.static[0] == m]
        return not any(self.stacks.uses.get(u) or u in self.stacks.outputs or u.fn.name != "getitem" for u in left)

    def component(self, node: Apply, k: int) -> Node | None:
        """Component k of the result of a loop or branch (ONLY: the result), None where nobody takes it out."""
        if k == ONLY or (node.graphs and node.graphs[0].role == "loop" and len(node.graphs[0].params) == 2):
            return node
        found = [u for u, _ in self.stacks.uses.get(node, ()) if u.fn.name == "getitem" and u.static[0] == k]
        return found[0] if len(found) == 1 and node not in self.stacks.outputs else None

    def components(self, pairs: list[Pair]) -> Iterator[list[Pair]]:
        """Pairs that have loops in common, together."""
        left = list(pairs)
        while left:
            several, loops = [], {left[0].forward}
            while True:
                more = [p for p in left if p.forward in loops or p.reverse in loops]
                if not more:
                    break
                several += more
                left = [p for p in left if p not in more]
                loops.update(loop for p in more for loop in (p.forward, p.reverse))
            yield several

    def group(self, pairs: list[Pair], place: dict[Apply, int]) -> _Group | None:
        """The loops of these pairs as one; None where what one of them does depends on the order of its trips."""
        loops = sorted({loop for p in pairs for loop in (p.forward, p.reverse)}, key=place.__getitem__)
        against = {loops[0]: False}
        changed = True
        while changed:
            changed = False
            for p in pairs:
                for x, y in ((p.forward, p.reverse), (p.reverse, p.forward)):
                    if x in against and y not in against:
                        against[y], changed = not against[x], True
        if any(against[p.forward] == against[p.reverse] for p in pairs):
            return None
        group = _Group(loops, {x for x in loops if against[x]}, pairs, {x: set() for x in loops})
        for p in pairs:
            group.stacks[p.forward].add(p.body.params.index(p.push.args[0]) - 1)  # type: ignore[arg-type]
            group.stacks[p.reverse].add(p.reverse_body.params.index(p.pop.args[0]) - 1)  # type: ignore[arg-type]
        trip: dict[
            Apply, set[Node]
        ] = {}  # what is different in each trip: its number, that of another loop, and these counted from elsewhere
        for loop in loops:
            trip[loop] = {loop.graphs[0].params[0]}
            for p in pairs:
                if p.reverse is loop:
                    trip[loop].update(r for r, q in p.reads.items() if p.item.args[q] in trip[p.forward])
            body = loop.graphs[0]
            for n in body.body:
                if n.fn.name in ("add", "sub") and trip[loop] & set(n.args) and any(a.graph is not body for a in n.args):
                    trip[loop].add(n)
            if loop is loops[0]:
                continue
            if body.effects:
                return None
            if against[loop]:
                count = len(body.params) - 1
                for k in range(count):
                    if k not in group.stacks[loop]:
                        done: list[Apply] = []
                        end = run(self.added_up(body.params[1 + k], body, done))
                        if end != (ONLY if count == 1 else k) or not _apart(done, trip[loop]):
                            return None
        return group

    def added_up(self, x: Node, graph: Graph, done: list[Apply]) -> Task:
        """The position in the result of `graph` at which x arrives, if all that happens to it there is that values are added
        to it, or written, that do not depend on it; else None. What happens is noted in `done`."""
        uses, outputs = self.stacks.uses, self.stacks.outputs
        while x is not None:
            at = uses.get(x, ())
            here = [(u, i) for u, i in at if u.graph is graph]
            inside = [u.graph for u, _ in at if u.graph is not graph and u.graph.within(graph)]
            if inside:
                branch = self.stacks.owner[next(g for g in inside[0].path() if g.parent is graph)]
                within = all(any(g.within(h) for h in branch.graphs) for g in inside)
                if here or graph.output is x or branch.fn.name != "cond" or not within:
                    return None
                ends = []
                for h in branch.graphs:
                    ends.append((yield self.added_up(x, h, done)))
                if ends[0] is None or ends[0] != ends[1]:
                    return None
                x = self.component(branch, ends[0])  # type: ignore[assignment]
                continue
            if not here or (x in outputs and graph.output is x):
                return ONLY if not here and graph.output is x else None
            if len(here) > 1:
                return None
            ((u, i),) = here
            if u is graph.output and u.fn.name == "make_tuple":
                return i
            if u.fn.name == "for_loop" and i > 0:
                body, count = u.graphs[0], len(u.args) - 1
                end = yield self.added_up(body.params[i], body, done)
                if end != (ONLY if count == 1 else i - 1):
                    return None
                x = self.component(u, i - 1)  # type: ignore[assignment]
            elif u.fn.name in ADDITIONS and u.adjoint and (i == 0 or u.fn.name == "add"):
                done.append(u)
                x = u
            else:
                return None
        return None

    # -- the order of operations -------------------------------------------------------------------------------------------

    def arranged(self, group: _Group) -> bool:
        """Move what the loops need before the first of them; False where that cannot be."""
        graph, first = group.first.graph, group.first
        order = self.order.get(graph, graph.body)
        start = order.index(first)
        between = order[start + 1 : max(order.index(x) for x in group.loops)]
        between = [n for n in between if n not in group.loops]
        late = set(group.loops)  # what depends on the loops
        for node in between:
            if any(x in late for x in self.read(node)):
                late.add(node)
        own = {x for p in group.pairs for x in (self.component(p.forward, k) for k in group.stacks[p.forward])}
        outside = [x for loop in group.loops[1:] for x in self.read(loop) if x not in own]
        inside = set(between)
        moved: set[Node] = set()
        todo = list(outside)
        while todo:
            x = todo.pop()
            if x in late:
                return False
            if x in inside and x not in moved:
                moved.add(x)
                todo += self.read(x)
            if not todo:  # what may fail stays behind the checks that stand before it
                last = max((k for k, n in enumerate(between) if n in moved and not _total(n)), default=0)
                todo += [n for n in between[:last] if n not in moved and _effect(n)]
        if _effect(first) and any(_effect(n) for n in between if n in moved):
            return False
        self.order[graph] = [
            *order[:start],
            *[n for n in between if n in moved],
            *[n for n in order[start:] if n not in moved],
        ]
        self.reads[first] = [*self.read(first), *outside]
        for p in group.pairs:
            self.dropped.update({p.push, p.pop, p.item})
            self.dropped.update(u for u, _ in self.stacks.uses.get(p.pop, ()) if u.static[0] == 1)
        for loop in group.loops:
            out = loop.graphs[0].output
            if out.fn.name == "make_tuple" and len(loop.args) > 2:  # type: ignore[attr-defined]
                self.dropped.add(out)  # type: ignore[arg-type]
            for k in group.stacks[loop]:
                taken = self.component(loop, k)
                if taken is not None and taken is not loop:
                    self.dropped.add(taken)  # type: ignore[arg-type]
        return True

    def read(self, node: Apply) -> list[Node]:
        """The values of its own graph that an operation reads, the graphs that it runs included."""
        if node not in self.reads:
            read = [*node.args, *[x for g in node.graphs for x in captured(g)]]
            self.reads[node] = [x for x in read if x.graph is node.graph and isinstance(x, Apply)]
        return self.reads[node]


def _apart(done: list[Apply], trip: set[Node]) -> bool:
    """Whether these steps may be done in any order of trips: they add, or each trip has a place of its own for them."""
    if all(n.fn.name != "index_update" for n in done):
        return True
    if any(n.fn.name not in ("index_update", "index_add") for n in done):
        return False
    places = zip(*[n.args[2:] for n in done], strict=True)
    return any(at[0] in trip and all(x is at[0] for x in at) for at in places)


def _same(a: Node, b: Node) -> bool:
    return a is b or (is_constant(a) and is_constant(b) and a.value == b.value)  # type: ignore[attr-defined]


def _effect(node: Apply) -> bool:
    return node.fn.order == "effect" or any(g.effects for g in node.graphs)


def _total(node: Apply) -> bool:
    return node.fn.order == "total" and not node.graphs


# -- rewriting --------------------------------------------------------------------------------------------------------------


class _Merge(Rebuild):
    def __init__(self, module: Module, found: _Finding) -> None:
        super().__init__(module)
        self.order, self.dropped = found.order, found.dropped
        self.firsts = {g.first: g for g in found.groups}
        self.others = {x for g in found.groups for x in g.loops[1:]}
        self.pops = {p.pop: p.item for g in found.groups for p in g.pairs}
        self.used = found.stacks.uses

    def sequence(self, old: Graph) -> Iterable[Apply]:
        return self.order.get(old, old.body)

    def plain(self, node: Apply) -> None:
        if node in self.pops:
            self.split(node, [self.b.make_tuple(*map(self.get, self.pops[node].args)), None])
        elif node not in self.dropped:
            super().plain(node)

    def control(self, node: Apply) -> Task:
        if node in self.firsts:
            yield self.merged(self.firsts[node])
        elif node not in self.others:
            yield super().control(node)

    def merged(self, group: _Group) -> Task:
        """One loop: the bodies one behind the other, without the stacks between them."""
        b, first = self.b, group.first
        trips = self.get(first.args[0])
        carried = [
            (loop, k)
            for loop in group.loops
            for k, s in enumerate(state_of(loop.graphs[0], "for_loop"))
            if k not in group.stacks[loop] and s is not loop.graphs[0].params[1 + k]
        ]
        new = b.new_graph(first.graphs[0].name, b.graph, "loop")
        index = b.parameter(new, first.graphs[0].params[0].type, first.graphs[0].params[0].name)
        for loop in group.loops:
            for k, (p, x) in enumerate(zip(loop.graphs[0].params[1:], loop.args[1:], strict=True)):
                if k not in group.stacks[loop]:
                    self.bind(p, self.parameter(new, p) if (loop, k) in carried else self.get(x))
        with b.inside(new):
            for loop in group.loops:
                trip = loop.graphs[0].params[0]
                if trip in self.used:
                    b.span = self.place(loop)
                    against = loop in group.backwards
                    self.bind(trip, b.sub(b.sub(trips, literal(1)), index) if against else index)
                yield self.body(loop.graphs[0])
            b.span = self.place(first)
            states = [self.get(state_of(loop.graphs[0], "for_loop")[k]) for loop, k in carried]
            new.finish(b.tuple_(states) if states else UNIT_VALUE)
        results: dict[Apply, list[Node | None]] = {}
        for loop in group.loops:
            given: Sequence[Node] = loop.args[1:]
            results[loop] = [None if k in group.stacks[loop] else self.get(x) for k, x in enumerate(given)]
        if carried or new.effects:
            out = b.for_loop(trips, *[self.get(loop.args[1 + k]) for loop, k in carried], graphs=(new,))
            for (loop, k), value in zip(carried, b.parts(out, len(carried)) if carried else (), strict=True):
                results[loop][k] = value
        for loop in group.loops:
            self.results_of_loop(loop, results[loop])
