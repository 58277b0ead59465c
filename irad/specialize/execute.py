"""Abstract execution of one function: its statements in program order, its branches in turn, its loops to a fixpoint.

A block ends in exits: NEXT, CONTINUE, BREAK, RETURN, each with what the path changed in the store. Where both sides of a
branch go on, their stores are joined and become the results of a `cond`; where one side leaves, the rest of the block
moves into the other side; where it may do either, a flag tells. So no test is made twice and the IR needs no jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from irad.errors import CompileError
from irad.graph.build import literal
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task
from irad.specialize.describe import unreadable
from irad.specialize.iteration import check_length
from irad.specialize.liveness import BREAK, CONTINUE, NEXT, RETURN, liveness
from irad.specialize.loops import Loop
from irad.specialize.paths import Branch, Changes, Exit, Exits, Plan
from irad.specialize.shapes import rebuild
from irad.specialize.values import Compound, Conflict, Known, Obj, Shape, new_mark

if TYPE_CHECKING:
    from irad.specialize.iteration import Iteration
    from irad.specialize.specializer import Specializer

__all__ = ["Activation", "Bottom", "NeedsStatic"]

UNROLL_LIMIT = 1000


class Bottom(Exception):
    """This path calls a function whose result is not known yet: for now it ends nowhere."""


class NeedsStatic(CompileError):
    """A value that must be known now (a tuple index, an axis) is not; a loop with known trips is then unrolled."""


class Activation:
    """One abstract run of a python-stage function, in a frame."""

    def __init__(self, s: Specializer, graph: Graph, frame: Obj, origin: Any) -> None:
        self.s, self.b, self.store = s, s.b, s.store
        self.graph, self.frame, self.origin = graph, frame, origin
        self.env: dict[Node, Any] = {}
        self.held: list[Any] = []  # what the loops that are running iterate over
        self.live = liveness(graph)
        self.on_yield: Callable[..., Task] | None = None  # a generator's: what the consumer does with an item
        self.yield_leaves = False  # ... and whether it may then stop

    # -- blocks ------------------------------------------------------------------------------------------------------

    def function(self) -> Task:
        """The exits of the whole function: RETURN alone, or none."""
        return self.block(self.graph, RETURN)

    def block(self, graph: Graph, at_end: str = NEXT, start: int = 0) -> Task:
        """Run operations from `start` on. Exits; {} where nothing gets past. `at_end` is what falling off the end means."""
        s = self.s
        body = graph.body
        for i in range(start, len(body)):
            node = body[i]
            s.span = s.b.span = node.span
            s.current = self
            name = node.fn.name
            if name == "py_if":
                exits = yield self.if_(node, graph, i, at_end)
                if exits is None:
                    continue
                return exits
            handler = STATEMENTS.get(name)
            if handler is None:
                value = s.operation(self, node)
                self.env[node] = (yield value) if value.__class__ is GeneratorType else value
                continue
            exits = yield handler(self, node)
            if exits is None:
                continue
            if NEXT not in exits:
                return exits
            if len(exits) == 1:
                self.store.apply(exits[NEXT].changes)
                continue
            return (yield self.rest(exits, graph, i + 1, at_end))
        return {at_end: Exit(None, {}, Known(None) if at_end == RETURN else None)}

    def rest(self, exits: Exits, graph: Graph, start: int, at_end: str) -> Task:
        """What follows a statement that may or may not have left the block."""
        go_on = exits.pop(NEXT)
        then = yield self.path("rest", self.after(go_on, self.block(graph, at_end, start)))
        leave = yield self.path("leave", _done(exits))
        assert go_on.cond is not None
        return self.merge(go_on.cond, then, leave, None)

    def after(self, exit_: Exit, task: Task) -> Task:
        self.store.apply(exit_.changes)
        return (yield task)

    def path(self, name: str, fill: Task) -> Task:
        """Run a task in a branch graph of its own, and undo what it did to the store."""
        graph = self.branch_graph(name)
        return (yield self.extend(Branch(graph, {NEXT: Exit(None, {})}), fill))

    def extend(self, branch: Branch, fill: Task) -> Task:
        """Go on in a branch that ended in NEXT."""
        span = self.s.span
        with self.b.inside(branch.graph):
            self.store.begin()
            try:
                self.store.apply(branch.exits[NEXT].changes)
                exits = yield fill
            except Bottom:
                exits = {}
            finally:
                changes = self.store.rollback()
                self.s.span = self.b.span = span
        return Branch(branch.graph, {k: Exit(e.cond, {**changes, **e.changes}, e.value) for k, e in exits.items()})

    # -- branches ----------------------------------------------------------------------------------------------------

    def if_(self, node: Apply, graph: Graph, i: int, at_end: str) -> Task:
        """Exits of the `if` and all that follows it in the block, or None where the block simply goes on."""
        test = yield self.s.truth(self.env_value(node.args[0]))
        then_block, else_block = node.graphs
        if isinstance(test, Constant):
            exits = yield self.block(then_block if test.value else else_block)
            if NEXT in exits and len(exits) > 1:
                return (yield self.rest(exits, graph, i + 1, at_end))
            if NEXT in exits:
                self.store.apply(exits[NEXT].changes)
                return None
            return exits
        then = yield self.path("then", self.block(then_block))
        orelse = yield self.path("orelse", self.block(else_block))
        self.s.span = self.b.span = node.span
        if self.assertion(test, then, orelse):
            return None
        sides = [b for b in (then, orelse) if NEXT in b.exits]
        others = [b for b in (then, orelse) if NEXT not in b.exits and b.exits]
        if len(sides) == len(others) == 1 and len(sides[0].exits) == 1:
            longer = yield self.extend(sides[0], self.block(graph, at_end, i + 1))
            then, orelse = (longer, orelse) if sides[0] is then else (then, longer)
            return self.merge(test, then, orelse, None)
        exits = self.merge(test, then, orelse, self.live.after[node])
        if NEXT in exits and len(exits) == 1:
            self.store.apply(exits[NEXT].changes)
            return None
        if NEXT in exits:
            return (yield self.rest(exits, graph, i + 1, at_end))
        return exits

    def assertion(self, test: Node, then: Branch, orelse: Branch) -> bool:
        """`if p: raise E(...)` is `assert(not p)`: flat, and no branch."""
        body = then.graph.body
        if then.exits or not body or body[-1].fn.name != "raise" or any(n.fn.order == "effect" for n in body[:-1]):
            return False
        if orelse.graph.body or orelse.exits.get(NEXT) is None or orelse.exits[NEXT].changes or any(n.graphs for n in body):
            return False
        if len(body) > 1:
            return False  # the message needs values that are computed in the branch
        raise_ = body[0]
        error, message = raise_.static
        wanted = self.b.not_(test)
        self.b.span = raise_.span
        self.b.assert_(wanted, *raise_.args, error=error, message=message)
        return True

    def choose(self, node: Apply) -> Task:
        """A conditional expression: the value of one of two blocks."""
        test = yield self.s.truth(self.env_value(node.args[0]))
        if isinstance(test, Constant):
            return (yield self.value_of(node.graphs[0 if test.value else 1]))
        then = yield self.path("then", self.as_exit(node.graphs[0]))
        orelse = yield self.path("orelse", self.as_exit(node.graphs[1]))
        self.s.span = self.b.span = node.span
        exits = self.merge(test, then, orelse, self.live.after[node])
        if NEXT not in exits:
            raise Bottom
        self.store.apply(exits[NEXT].changes)
        return exits[NEXT].value

    def value_of(self, block: Graph) -> Task:
        exits = yield self.block(block)
        if NEXT not in exits:
            raise Bottom
        return self.held_value(block.output)

    def as_exit(self, block: Graph) -> Task:
        value = yield self.value_of(block)
        return {NEXT: Exit(None, {}, value)}

    def env_value(self, node: Node) -> Any:
        """The value of a python-stage node in this run. Refuses one that has no single type: it is about to be used."""
        v = self.held_value(node)
        if v.__class__ is Conflict:
            raise unreadable(v, self.s.span)
        return v

    def held_value(self, node: Node) -> Any:
        """The value of a python-stage node in this run, to be put somewhere."""
        if isinstance(node, Constant):
            return node if isinstance(node.value, (bool, int, float)) else Known(node.value)
        return self.env[node]

    def merge(self, test: Node, then: Branch, orelse: Branch, live: frozenset[str] | None) -> Exits:
        """Join two paths into a `cond`; the exits of the whole, in the graph being built.

        `live`: variables of this frame read later (None: all).
        """
        _b, mark = self.b, min(then.graph.info, orelse.graph.info)
        kinds = [k for k in (NEXT, CONTINUE, BREAK, RETURN) if k in then.exits or k in orelse.exits]
        plan = Plan(self, mark, (then, orelse), live)
        if not kinds:
            plan.effects(test)
            return {}
        wanted = {k: self.outlives(k, then, orelse, mark, live) for k in kinds}
        shared = plan.shared(wanted, lambda key, kind: self.matters(key, mark, live if kind == NEXT else None, kind))
        slots: list[tuple[str, dict[Any, Shape], Shape | None]] = []
        for kind in kinds:
            plan.start(kind)
            shapes = {key: plan.slot(key) for key in wanted[kind] if key not in shared}
            slots.append((kind, shapes, plan.result()))
            plan.fit()
        nodes = plan.emit(test, kinds)
        conds = self.conditions(nodes[: len(kinds) - 1], len(kinds))
        feed = iter(nodes[len(kinds) - 1 :])
        together: dict[Any, Any] = {}
        leaf = lambda t: next(feed)  # noqa: E731
        common = {key: rebuild(shape, leaf, Changes(together), {}, self.s.span) for key, shape in shared.items()}
        exits: Exits = {}
        for (kind, shapes, value), cond in zip(slots, conds, strict=True):
            objects: dict[int, Obj] = {}
            changes = {key: common[key] for key in wanted[kind] if key in common}
            target = Changes(changes)
            for key, shape in shapes.items():
                changes[key] = rebuild(shape, leaf, target, objects, self.s.span)
            result = rebuild(value, leaf, target, objects, self.s.span) if value is not None else None
            exits[kind] = Exit(cond, changes, result)
        return exits

    def outlives(self, kind: str, then: Branch, orelse: Branch, mark: int, live: frozenset[str] | None) -> list[Any]:
        """The keys changed on a way to this exit that matter after it."""
        changed = dict.fromkeys(key for branch in (then, orelse) if kind in branch.exits for key in branch.exits[kind].changes)
        return [key for key in changed if self.matters(key, mark, live if kind == NEXT else None, kind)]

    def conditions(self, flags: list[Node], kinds: int) -> list[Node | None]:
        """For each kind, the node that tells whether it is taken."""
        if kinds == 1:
            return [None]
        b = self.b
        none = b.not_(flags[0])
        for f in flags[1:]:
            none = b.and_(none, b.not_(f))
        return [*flags, none]

    def matters(self, key: Any, mark: int, live: frozenset[str] | None, kind: str) -> bool:
        """Whether a change outlives the branch: the object is older, and the variable is read later."""
        if isinstance(key, Obj):
            return key.birth < mark
        frame, name = key
        if frame.birth >= mark:
            return False
        if frame is not self.frame or name in self.graph.info.cells:
            return True
        return kind != RETURN and (live is None or name in live)

    # -- loops -------------------------------------------------------------------------------------------------------

    def while_(self, node: Apply) -> Task:
        test_block, body, orelse = node.graphs
        enter = yield self.s.truth((yield self.value_of(test_block)))
        if isinstance(enter, Constant) and not enter.value:
            return (yield self.block(orelse))

        def again() -> Task:
            value = yield self.value_of(test_block)
            return (yield self.s.truth(value))

        loop = Loop(self, node, body, again=again)
        if isinstance(enter, Constant):
            exits = yield loop.run()
        else:
            exits = yield self.guarded(node, enter, loop)
        return (yield self.loop_else(exits, orelse))

    def guarded(self, node: Apply, enter: Node, loop: Loop) -> Task:
        """A loop that may make no trip."""
        then = yield self.path("enter", loop.run())
        skip = yield self.path("skip", _done({NEXT: Exit(None, {})}))
        self.s.span = self.b.span = node.span
        return self.merge(enter, then, skip, self.live.after[node])

    def for_(self, node: Apply) -> Task:
        body, orelse = node.graphs
        iterable = self.env_value(node.args[0])
        if isinstance(iterable, Compound) and iterable.kind == "generator":
            exits = yield self.consume(iterable, body, self.live.leaves[node] or self.live.yields[node])
            return (yield self.loop_else(exits, orelse))
        iteration = yield self.s.iteration(iterable)
        if iteration.known is not None:
            self.held.append(iterable)
            try:
                exits = yield self.unroll(node, body, iteration, iteration.count, iteration.known, 0)
            finally:
                self.held.pop()
            return (yield self.loop_else(exits, orelse))
        trips = iteration.trips
        known = trips.value if isinstance(trips, Constant) else None
        if known is not None and known <= 0:
            return (yield self.block(orelse))

        def bind(i: Node) -> Callable[[Any], None]:
            self.env[body.params[0]] = iteration.item(i)
            return partial(check_length, self.s, iteration.grown(self.s))

        loop = Loop(self, node, body, trips=trips, bind=bind)
        self.held.append(iterable)
        try:
            if not known and loop.leaves:
                exits = yield self.guarded(node, self.b.gt(trips, literal(0)), loop)
            else:
                exits = yield loop.run()
        except NeedsStatic:
            if known is None or known > UNROLL_LIMIT:
                raise
            exits = yield self.unroll(node, body, iteration, known, lambda k: iteration.item(literal(k)), 0)
        finally:
            self.held.pop()
        return (yield self.loop_else(exits, orelse))

    def unroll(self, node: Apply, body: Graph, iteration: Iteration, count: int, item: Callable[[int], Any], i: int) -> Task:
        """Run the body for each item in turn, in the graph being built; BREAK and NEXT both go on after the loop."""
        while i < count:
            iteration.check(self.s)
            self.s.span = self.b.span = node.span
            self.env[body.params[0]] = item(i)
            exits = yield self.block(body, CONTINUE)
            i += 1
            if CONTINUE in exits and len(exits) == 1:
                self.store.apply(exits[CONTINUE].changes)
                continue
            if CONTINUE not in exits:
                return exits
            go_on = exits.pop(CONTINUE)
            then = yield self.path("rest", self.after(go_on, self.unroll(node, body, iteration, count, item, i)))
            leave = yield self.path("leave", _done(exits))
            assert go_on.cond is not None
            return self.merge(go_on.cond, then, leave, None)
        iteration.check(self.s)
        return {NEXT: Exit(None, {})}

    def consume(self, generator: Compound, body: Graph, leaves: bool) -> Task:
        """Run a generator expression with the body of a loop in the place of its `yield`."""
        graph, origin = generator.head
        scope, iterable = generator.children
        inner = Activation(self.s, graph, Obj("frame", graph.info, scope.obj, graph.span), origin)
        inner.env[graph.params[0]] = iterable
        inner.yield_leaves = leaves
        kinds: set[str] = set()

        def on_yield(*values: Any) -> Task:
            self.env[body.params[0]] = values[0] if len(values) == 1 else Compound("tuple", None, values)
            exits = yield self.block(body, CONTINUE)
            kinds.update(exits)
            if {BREAK, RETURN} <= kinds:
                raise self.s.refuse(
                    "unsupported-generator",
                    "a loop over a generator expression both breaks and returns",
                    help="loop over a list: put brackets around the generator expression",
                )
            # BREAK leaves all loops of the generator, as RETURN does.
            return {
                {CONTINUE: NEXT, BREAK: RETURN}.get(k, k): Exit(e.cond, e.changes, Known(None) if k == BREAK else e.value)
                for k, e in exits.items()
            }

        inner.on_yield = on_yield
        exits = yield inner.block(graph)
        return {BREAK if k == RETURN and BREAK in kinds else k: e for k, e in exits.items()}

    def loop_else(self, exits: Exits, orelse: Graph) -> Task:
        """Run the `else` of a loop where it ended by itself; a `break` goes past it."""
        if not orelse.body:
            return self.fuse(exits)
        if NEXT not in exits:
            return _renamed(exits)
        if len(exits) == 1:
            self.store.apply(exits[NEXT].changes)
            return (yield self.block(orelse))
        ended = exits.pop(NEXT)
        then = yield self.path("orelse", self.after(ended, self.block(orelse)))
        leave = yield self.path("leave", _done(self.fuse(exits)))
        assert ended.cond is not None
        return self.merge(ended.cond, then, leave, None)

    def fuse(self, exits: Exits) -> Exits:
        """NEXT and BREAK are one way on."""
        if BREAK not in exits or NEXT not in exits:
            return _renamed(exits)
        a, c = exits.pop(NEXT), exits.pop(BREAK)
        cond = None if not exits else self.b.or_(a.cond, c.cond)
        changes = {}
        for key in dict.fromkeys([*a.changes, *c.changes]):
            x, y = (e.changes.get(key) or self.store.get(key) for e in (a, c))
            changes[key] = x if x is y else self.pick(a.cond, x, y)
        return {NEXT: Exit(cond, changes), **exits}

    def pick(self, test: Node | None, x: Any, y: Any) -> Any:
        """x where test, else y: values of two exits that did not share a slot."""
        assert test is not None
        one, other = (Branch(self.branch_graph(n), {NEXT: Exit(None, {}, v)}) for n, v in (("one", x), ("other", y)))
        exits = self.merge(test, one, other, None)
        return exits[NEXT].value

    def branch_graph(self, name: str) -> Graph:
        graph = self.b.new_graph(name, self.b.graph, role="branch")
        graph.info = new_mark()  # objects born later are born inside the branch
        return graph

    # -- statements --------------------------------------------------------------------------------------------------

    def return_(self, node: Apply) -> Task:
        yield from ()
        return {RETURN: Exit(None, {}, self.held_value(node.args[0]))}

    def break_(self, node: Apply) -> Task:
        yield from ()
        return {BREAK: Exit(None, {})}

    def continue_(self, node: Apply) -> Task:
        yield from ()
        return {CONTINUE: Exit(None, {})}

    def raise_(self, node: Apply) -> Task:
        yield from ()
        self.s.emit_raise(self.env_value(node.args[0]))
        return {}

    def assert_(self, node: Apply) -> Task:
        test = yield self.s.truth(self.env_value(node.args[0]))
        if isinstance(test, Constant) and test.value:
            return None
        message = yield self.value_of(node.graphs[0])
        self.s.span = self.b.span = node.span
        text, values = self.s.text_parts(message) if not (isinstance(message, Known) and message.value is None) else ("", [])
        if isinstance(test, Constant):
            self.b.raise_(*values, error="AssertionError", message=text)
            return {}
        self.b.assert_(test, *values, error="AssertionError", message=text)
        return None

    def yield_(self, node: Apply) -> Task:
        assert self.on_yield is not None
        return (yield self.on_yield(*[self.held_value(a) for a in node.args]))


def _done(exits: Exits) -> Task:
    yield from ()
    return exits


def _renamed(exits: Exits) -> Exits:
    return {NEXT if k == BREAK else k: e for k, e in exits.items()}


STATEMENTS: dict[str, Callable[[Activation, Apply], Task]] = {
    "py_while": Activation.while_,
    "py_for": Activation.for_,
    "py_return": Activation.return_,
    "py_break": Activation.break_,
    "py_continue": Activation.continue_,
    "py_raise": Activation.raise_,
    "py_assert": Activation.assert_,
    "py_yield": Activation.yield_,
}
