"""What loops that run in lanes have in common: how many lanes, checks of places before the loop, the loop over vectors of
trips. What is left of the trips is done by the loop as it stands; so is all where an index may be out of bounds, which
fails as the loop does. Where a trip says that something must be true and it is not, the first such trip fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from irad.backends.llvm import arrays, polls
from irad.backends.llvm.layout import SCALAR
from irad.backends.llvm.levels import Value
from irad.backends.llvm.memory import Memory
from irad.backends.llvm.parts import parts_of, run_in_parts
from irad.backends.llvm.sums import scalar_of
from irad.backends.llvm.work import trip_cost

from irad.graph.nodes import Apply, Graph, Node
from irad.nests.together import are_alike
from irad.nests.trips import Affine

__all__ = ["LEAST_LANES", "InLanes", "Operands", "Rest"]

Operands = tuple[str, ...]
LEAST_LANES = 4
SMALL = 1 << 40  # trips and steps whose product does not overflow


class Rest(NamedTuple):
    """What the loop as it stands still does: from a trip on (None: nothing), with these values."""

    begin: str | None
    state: list[Operands]


class InLanes(Memory):
    """One loop being emitted."""

    repeats = False  # the last vector may do some trips a second time

    def __init__(self, e: Any, loop: Apply, trips: str, lanes: int) -> None:
        super().__init__(e, lanes)
        self.loop, self.trips = loop, trips
        self.body: Graph = loop.graphs[0]
        self.state: list[Operands] = [e.get(a) for a in loop.args[1:]]
        self.values: dict[Node, Value] = {}
        self.checks: list[tuple[Affine, str]] = []  # of places, along axes of such sizes, before the loop
        self.firsts: dict[Affine, Value] = {}
        self.tests: list[Apply] = []  # whose failure has not been looked for

    @property
    def can_be_cut(self) -> bool:
        """Whether trips share nothing, so that several threads may do them."""
        return True

    # -- what a kind of loop does ------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Emitted before the loop: conditions on which it runs in lanes."""
        return []

    def places_inside(self) -> str | None:
        """Emitted where all places that are known are inside: whether those are that are not; None where there are none."""
        return None

    def begin(self) -> None:
        """Emitted where it runs in lanes, before the first trip."""

    def carried(self) -> list[tuple[str, str, str]]:
        """What goes from vector to vector of trips: a name, its type, its first value."""
        return []

    def trip(self, i: Value) -> list[str]:
        """Emit a vector of trips; what is carried."""
        raise NotImplementedError

    def end(self, carried: Sequence[str]) -> dict[int, str]:
        """Emitted after the last trip: the numbers that the loop carries."""
        return {}

    # -- places ------------------------------------------------------------------------------------------------------------

    def within(self, nodes: Sequence[Node], places: Sequence[Affine], dims: Sequence[str]) -> bool:
        """Whether places are inside of an array, as far as is known; the checks that are left are noted."""
        self.e.trip_counts[self.body.params[0]] = self.trips
        for node, p, d in zip(nodes, places, dims, strict=True):
            if self.e.below(node, d):
                continue
            found = self.inside_always(p, d)
            if found is False:
                return False
            if found is None and (p, d) not in self.checks:
                self.checks.append((p, d))
        return True

    def inside_always(self, p: Affine, d: str) -> bool | None:
        """Whether a place is in 0 ... d-1 in all trips; None where the run finds out."""
        if self.trips.isdigit():
            way = p.step * (int(self.trips) - 1)
            if abs(way) >= SMALL:
                return False
            if not p.terms and d.isdigit():
                return all(0 <= i < int(d) for i in (p.first, p.first + way))
        return None if p.step in (-1, 0, 1) or self.trips.isdigit() else False

    def first(self, p: Affine) -> Value:
        """A place in the first trip."""
        e, total = self.e, str(p.first)
        for k, node in p.terms:
            x = e.one(node)
            x = x if k == 1 else e.emit(f"mul i64 {x}, {k}")
            total = x if total == "0" else e.emit(f"add i64 {total}, {x}")
        return Value(total)

    def check(self, p: Affine, d: str) -> list[str]:
        """Whether a place is inside in the first trip and in the last; nothing wraps around in between."""
        e, first = self.e, self.firsts[p._replace(step=0)].text
        out = [e.emit(f"icmp ult i64 {first}, {d}")]
        if p.step:
            way = e.emit(f"mul i64 {e.emit(f'sub i64 {self.trips}, 1')}, {p.step}")
            out.append(e.emit(f"icmp ult i64 {e.emit(f'add i64 {first}, {way}')}, {d}"))
        return out

    # -- the loop ----------------------------------------------------------------------------------------------------------

    def emit(self) -> Rest:
        e, n = self.e, self.lanes
        e.note(f"{n} trips in lanes")
        checks = self.prepare()
        for p, _ in self.checks:
            self.firsts.setdefault(p._replace(step=0), self.first(p))
        checks += [c for p, d in self.checks for c in self.check(p, d)]
        if not self.trips.isdigit():
            checks.append(e.emit(f"icmp sge i64 {self.trips}, {n}"))
        done = e.new_label("rest")
        before: list[str] = []  # where it comes from if nothing is done in lanes
        fits = checks[0] if checks else None
        for c in checks[1:]:
            fits = e.emit(f"and i1 {fits}, {c}")

        def only_if(fits: str | None) -> None:
            go = e.new_label("lanes")
            if fits is None:
                e.jump(go)
            else:
                before.append(e.label)
                e.branch(fits, go, done)
            e.start(go)

        only_if(fits)
        if (fits := self.places_inside()) is not None:
            only_if(fits)
        end, numbers = self.vectors()
        latch = e.label
        e.jump(done)
        e.start(done)

        def either(t: str, was: str, text: str) -> str:
            if not before:
                return text
            skipped = ", ".join(f"[ {was}, %{label} ]" for label in before)
            return str(e.emit(f"phi {t} {skipped}, [ {text}, %{latch} ]"))

        for k, text in numbers.items():
            (was,) = self.state[k]
            self.state[k] = (either(SCALAR[str(self.loop.args[1 + k].type)], was, text),)
        if not before and end == self.trips:
            return Rest(None, self.state)
        return Rest(either("i64", "0", end), self.state)

    def vectors(self) -> tuple[str, dict[int, str]]:
        """The loop over vectors of trips, in parts where they are many: where it ends, and the numbers it carries."""
        e, n = self.e, self.lanes
        end = self.trips
        if not self.repeats:
            end = str(int(end) // n * n) if end.isdigit() else e.emit(f"and i64 {end}, {-n}")
        parts = parts_of(e, end, trip_cost(self.body) / n, n) if e.fails and not e.in_part and self.can_be_cut else None
        if parts is None:
            return end, self.between("0", end)
        e.note("in ", parts.shown)
        kept, self.cache = self.cache, [{}]
        run_in_parts(e, end, parts, lambda: self.between("%first", "%end"))
        self.cache = kept
        return end, {}

    def between(self, begin: str, end: str) -> dict[int, str]:
        self.begin()
        return self.end(self.vectors_between(begin, end))

    def vectors_between(self, begin: str, end: str) -> list[str]:
        """Vectors of the trips from one to before another, which are at least one vector; what they carry."""
        e, n = self.e, self.lanes
        last = str(int(end) - n) if end.isdigit() else e.emit(f"sub nsw i64 {end}, {n}")
        carried = self.carried()
        before, head, done = e.label, e.new_label("for"), e.new_label("end")
        self.open()
        i = self.fresh("i64")
        e.label = head
        results = self.trip(Value(i, self.depth))
        self.fail()
        e.node = self.loop
        if not e.m.work.is_quiet(self.loop):
            polls.charge(e, n * e.m.work.cost[self.body])
        again = e.emit(f"icmp slt i64 {i}, {last}")
        after = polls.least(e, e.emit(f"add nuw nsw i64 {i}, {n}"), last)
        latch = e.label
        lines = self.close()
        e.jump(head)
        e.lines.append(f"{head}:")
        e.lines.append(f"  {i} = phi i64 [ {begin}, %{before} ], [ {after}, %{latch} ]")
        for (name, t, first), result in zip(carried, results, strict=True):
            e.lines.append(f"  {name} = phi {t} [ {first}, %{before} ], [ {result}, %{latch} ]")
        e.lines += lines
        e.branch(again, head, done)
        e.start(done)
        return results

    # -- a vector of trips ---------------------------------------------------------------------------------------------------

    def trip_numbers(self, i: Value) -> Value:
        """The numbers of the trips."""
        steps = ", ".join(f"i64 {k}" for k in range(self.lanes))
        first = self.splat(Value(i.text, self.depth), "i64")
        return self.pure(f"add <{self.lanes} x i64> {first}, <{steps}>", self.depth, lane=True)

    def value(self, node: Node) -> Value:
        return self.values[node] if node in self.values else Value(self.e.one(node))

    def number(self, node: Apply) -> Value:
        """An operation on numbers: in lanes where one of them is."""
        e = self.e
        values = [self.value(a) for a in node.args]
        lane = any(v.lane for v in values)
        kinds = [SCALAR[str(scalar_of(a))] for a in node.args]
        texts = [self.splat(v, t) if lane else v.text for v, t in zip(values, kinds, strict=True)]
        e.lanes = self.lanes if lane else 0
        text = e.instruction(node, texts)
        e.lanes = 0
        return Value(text, self.depth, lane)

    def fail(self) -> None:
        """Leave the function where a test is not true: on behalf of the first trip's first that is not."""
        e, n, bits = self.e, self.lanes, f"i{self.lanes}"
        tests, self.tests = self.tests, []
        if not tests:
            return
        good = [self.splat(self.value(t.args[0]), "i1") for t in tests]
        bad = [e.emit(f"xor <{n} x i1> {g}, splat (i1 true)") for g in good]
        some = bad[0]
        for b in bad[1:]:
            some = e.emit(f"or <{n} x i1> {some}, {b}")
        some = e.emit(f"bitcast <{n} x i1> {some} to {bits}")
        fails, e.node = e.emit(f"icmp ne {bits} {some}, 0"), tests[0]
        if are_alike(tests):
            e.fail_if(fails, *tests[0].static)
            return
        find, go_on = e.new_label("find"), e.new_label("ok")
        e.branch(fails, find, go_on, unlikely=True)
        e.start(find)
        e.declare(f"declare {bits} @llvm.cttz.{bits}({bits}, i1)")
        lane = e.emit(f"call {bits} @llvm.cttz.{bits}({bits} {some}, i1 true)")

        def there(v: Value, t: str) -> str:
            return str(e.emit(f"extractelement <{n} x {t}> {v.text}, {bits} {lane}")) if v.lane else v.text

        for t, b in zip(tests, bad, strict=True):
            e.node = t
            shown = [(a, there(self.value(a), SCALAR[str(a.type)])) for a in t.args[1:]]
            e.fail_if(there(Value(b, lane=True), "i1"), *t.static, shown)
        e.jump(go_on)
        e.start(go_on)

    def plus(self, node: Apply, x: Value, y: Value) -> Value:
        """x + y in lanes, on behalf of an operation."""
        e, t = self.e, scalar_of(node)
        xs = [self.splat(v, SCALAR[str(t)]) for v in (x, y)]
        before, e.node, e.lanes = e.node, node, self.lanes
        text = e.plus(t, *xs)
        e.node, e.lanes = before, 0
        return Value(text, self.depth, True)

    def dims(self, array: Node) -> list[str]:
        return arrays.shape(self.e, array)
