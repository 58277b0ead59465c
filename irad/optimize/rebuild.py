"""The walk that every pass is made of: a module rebuilt through the Builder, node by node in order.

On the way it inlines the graphs and unrolls the loops it is told to, leaves out what a `Demand` does not need, drops loop
state that never changes, and takes the branch whose condition is known. The Builder folds and shares.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from irad.errors import Span, is_own
from irad.graph.build import UNIT_VALUE, Builder, is_constant
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import Task, run
from irad.optimize.demand import ALL, Demand, state_of
from irad.optimize.slots import Path
from irad.primitives import REGISTRY
from irad.types import BOOL, Array, Dim, Struct, Tuple, Type

__all__ = ["Rebuild", "is_undef", "rebuild"]


def rebuild(
    module: Module,
    *,
    inline: Container[Graph] = (),
    unroll: Container[Node] = (),
    demand: Demand | None = None,
    hoist: bool = False,
    fast: bool = False,
) -> Module:
    """A new module that means the same."""
    return Rebuild(module, inline=inline, unroll=unroll, demand=demand, hoist=hoist, fast=fast).run()


CHEAP_NODES = 2  # of a branch that is computed whether it is taken or not


class Rebuild:
    """One rebuilding; subclasses give some operations another form by `special`."""

    def __init__(
        self,
        module: Module,
        *,
        inline: Container[Graph] = (),
        unroll: Container[Node] = (),
        demand: Demand | None = None,
        hoist: bool = False,
        fast: bool = False,
    ) -> None:
        self.old = module
        self.module = Module()
        self.module.sums = dict(module.sums)
        self.module.names = {g.name: 1 for g in module.graphs}  # top-level graphs keep their names
        self.b = Builder(self.module, REGISTRY, hoist=hoist, fast=fast)
        self.inline, self.unroll, self.demand = inline, unroll, demand
        self.env: dict[Node, Node] = {}
        self.parts: dict[Node, list[Node | None]] = {}  # the results of branches, loops and calls, by component
        self.graphs: dict[Graph, Graph] = {}
        self.caller: Span | None = None  # the call whose body is being put in its place
        self.kept: dict[Graph, list[int]] = {}  # of a function's outputs, those that are needed

    def run(self) -> Module:
        tops = [g for g in self.old.graphs if g is self.old.entry or not self.skips(g)]
        for g in tops:
            self.declare(g, None)
        for g in tops:
            run(self.function(g))
        return self.module

    def skips(self, graph: Graph) -> bool:
        return graph in self.inline or (self.demand is not None and graph not in self.demand.reached)

    # -- functions -----------------------------------------------------------------------------------------------------

    def declare(self, old: Graph, parent: Graph | None) -> Graph:
        """The new graph of a function, with its parameters; its body follows."""
        self.b.span = old.span
        if parent is None:
            new = Graph(old.name, None, old.span, old.role)
            self.module.graphs.append(new)
        else:
            new = self.b.new_graph(old.name, parent, old.role)
        self.graphs[old] = new
        whole = self.demand is None or old is self.old.entry or old.role != "function"
        for p in old.params:
            if whole or p in self.demand.params:  # type: ignore[union-attr]
                with self.b.inside(new):
                    self.bind(p, self.parameter(new, p))
        new.result = self.result_type(old)
        self.kept[old] = []
        if not whole:
            parts = self.demand.outputs.get(old, set())  # type: ignore[union-attr]
            if parts is not ALL and (not parts or (_is_tuple(old.output) and self.demand.live.get(old.output, ALL) is not ALL)):  # type: ignore[union-attr]
                self.kept[old] = sorted(parts) if parts else [-1]
                items = [old.result.items[i] for i in self.kept[old] if i >= 0]  # type: ignore[union-attr]
                new.result = self.type(items[0] if len(items) == 1 else Tuple(items))
        return new

    def function(self, old: Graph) -> Task:
        new = self.graphs[old]
        before, self.caller = self.caller, None
        with self.b.inside(new):
            yield self.body(old)
            if self.kept[old]:
                nodes = [self.get(old.output.args[i]) for i in self.kept[old] if i >= 0]  # type: ignore[attr-defined]
                new.finish(self.b.tuple_(nodes) if nodes else UNIT_VALUE)
            else:
                new.finish(self.handed(old.output, old))
        self.caller = before

    def type(self, t: Type) -> Type:
        """The new type of what has the old type t."""
        return t

    def parameter_type(self, p: Parameter) -> Type:
        """The new type of a parameter."""
        return self.type(p.type)

    def result_type(self, old: Graph) -> Type:
        """The new type of a function's result."""
        return self.type(old.result)  # type: ignore[arg-type]

    # A subclass may give parts of values another form, by where they stand: these are all the places where a value goes
    # from one to another.

    def handed(self, x: Node, to: Node | Graph, path: Path = ()) -> Node:
        """The new node for an old one, in the form of what it becomes: the part of `to` (a function: its result) at `path`."""
        return self.fitted(self.get(x), x, (), to, path)

    def fitted(self, new: Node, x: Node, px: Path, to: Node | Graph, path: Path) -> Node:
        """`new`, which stands for the part of x at px, in the form of the part of `to` at `path`."""
        return new

    def parameter(self, graph: Graph, p: Parameter) -> Node:
        """What stands for an old parameter, of a graph that is being built."""
        new = self.b.parameter(graph, self.parameter_type(p), p.name)
        new.span = p.span or new.span
        return new

    def spread(self, new: Node, of: Node, path: Path = ()) -> list[Node]:
        """The values that hand on the part of `of` at `path`, for which `new` stands, through loops, branches and calls."""
        return [new]

    def gathered(self, values: list[Node], of: Node, path: Path = ()) -> Node:
        """The inverse of `spread`."""
        return values[0]

    def place(self, node: Apply) -> Span | None:
        """Where a node stands in the source; of what can fail in a body that is put in the place of a call, with the call."""
        span = node.span
        if self.caller is None or span is None:
            return span
        if node.fn.order == "total" and not node.graphs and not is_own(span.file):
            return span
        return span.called_from(self.caller)

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def get(self, node: Node) -> Node:
        """The new node for an old one."""
        if node.__class__ is Constant:
            return node
        found = self.env.get(node)
        if found is None:
            parts = zip(self.parts[node], node.type.items, strict=True)  # type: ignore[attr-defined]
            found = self.b.make_tuple(*[p if p is not None else self.b.undef(t) for p, t in parts])
        return found

    def bind(self, old: Node, new: Node) -> None:
        """The new node for an old one. A graph inlined twice binds its nodes anew."""
        self.env[old] = new
        self.parts.pop(old, None)

    def split(self, old: Node, parts: list[Node | None]) -> None:
        """The new nodes for the components of an old one."""
        self.parts[old] = parts
        self.env.pop(old, None)

    def body(self, old: Graph) -> Task:
        """Rebuild the operations of a graph into the one being built."""
        b, live = self.b, self.demand.live if self.demand is not None else None
        for node in self.sequence(old):
            if live is not None and node not in live:
                continue
            b.span = self.place(node)
            if node.graphs:
                yield self.control(node)
                continue
            self.plain(node)

    def sequence(self, old: Graph) -> Iterable[Apply]:
        """The operations of a graph in the order in which they are rebuilt."""
        return old.body

    def plain(self, node: Apply) -> None:
        b = self.b
        if node.fn.name == "getitem" and node.args[0] in self.parts:
            part = self.parts[node.args[0]][node.static[0]]
            if part is not None:
                self.bind(node, part)
                return
        if self.demand is not None and node.fn.name == "make_tuple" and self.demand.live[node] is not ALL:
            needed = self.demand.live[node]
            self.split(node, [self.get(a) if i in needed else None for i, a in enumerate(node.args)])  # type: ignore[operator]
            return
        if node.fn.name == "assert" and is_constant(self.get(node.args[0]), True):
            return
        b.adjoint = node.adjoint
        new = b.apply(node.fn, [self.get(a) for a in node.args], node.static)
        if new.name is None and new.__class__ is Apply:
            new.name = node.name
        self.bind(node, new)

    def results(self, node: Node, values: list[Node | None]) -> None:
        """Remember the components of a control operation's result."""
        if isinstance(node.type, Struct) and not (len(values) == 1 and values[0] is not None and values[0].type is node.type):
            self.split(node, values)
        else:
            self.bind(node, values[0])  # type: ignore[arg-type]

    # -- control -------------------------------------------------------------------------------------------------------

    def control(self, node: Apply) -> Task:
        name = node.fn.name
        if name == "cond":
            yield self.cond(node)
        elif name == "call":
            yield self.call(node)
        elif name in ("for_loop", "while_loop"):
            yield self.loop(node)
        elif name == "fused":  # what is in a kernel stands for itself until it is fused again
            yield self.body(node.graphs[0])
            self.forward(node, node.graphs[0].output)
        else:
            for g in node.graphs:
                yield self.ensure(g)
            self.bind(
                node,
                self.b.apply(
                    node.fn, [self.get(a) for a in node.args], node.static, tuple(self.graphs[g] for g in node.graphs)
                ),
            )

    def ensure(self, graph: Graph) -> Task:
        """A function nested in another graph is rebuilt where it is first named."""
        if graph not in self.graphs:
            parent = self.graphs.get(graph.parent, self.b.graph) if graph.parent is not None else None
            self.declare(graph, parent)
            yield self.function(graph)

    def call(self, node: Apply) -> Task:
        (old,) = node.graphs
        if old in self.inline:
            for p, a in zip(old.params, node.args, strict=True):
                if self.demand is None or p in self.demand.params:
                    self.bind(p, self.get(a))
            before, self.caller = self.caller, self.place(node) or self.caller
            yield self.body(old)
            self.caller = before
            out = old.output
            if out in self.parts:
                self.split(node, self.parts[out])
            else:
                self.bind(node, self.get(out))
            return
        yield self.ensure(old)
        new = self.graphs[old]
        given = [(p, a) for p, a in zip(old.params, node.args, strict=True) if p in self.env and self.env[p].graph is new]
        args = [x for p, a in given for x in self.spread(self.handed(a, p), p)]
        result = self.b.call(new, args)
        kept = self.kept[old]
        if not kept:
            self.bind(node, result)
            return
        wanted = [i for i in kept if i >= 0]
        values: list[Node | None] = [None] * (len(node.type.items) if isinstance(node.type, Struct) else 1)
        for i, v in zip(wanted, self.b.parts(result, len(wanted)), strict=True):
            values[i] = v
        self.split(node, values)

    def wanted(self, node: Apply, count: int) -> list[int]:
        """The components of a result that are needed."""
        if self.demand is None:
            return list(range(count))
        return [i for i in range(count) if self.demand.needs(node, i)]

    def cond(self, node: Apply) -> Task:
        b, test = self.b, self.get(node.args[0])
        if test.__class__ is Constant and test.value is not UNDEF:
            chosen = node.graphs[0 if test.value else 1]
            yield self.body(chosen)
            self.forward(node, chosen.output)
            return
        if node.type is BOOL and all(map(_is_test, node.graphs)):
            truths = []
            for old in node.graphs:
                yield self.body(old)
                truths.append(self.get(old.output))
            b.span = self.place(node)
            self.bind(node, self.choice_of_truths(test, *truths) or b.select(test, *truths))
            return
        graphs, outs = [], []
        single = not isinstance(node.type, Tuple)
        count = 1 if single else len(node.type.items)  # type: ignore[attr-defined]
        needed = self.wanted(node, count)

        def path(i: int) -> Path:
            return () if single else (i,)

        for old in node.graphs:
            b.span = self.place(node)
            new = b.new_graph(old.name, b.graph, "branch")
            with b.inside(new):
                yield self.body(old)
                outs.append([self.spread(self.component(old.output, i, node), node, path(i)) for i in needed])
            graphs.append(new)
        b.span = self.place(node)
        found: list[Node | None] = []
        different = []
        sides = list(zip(*[[x for xs in out for x in xs] for out in outs], strict=True))
        for k, (x, y) in enumerate(sides):
            value = None
            if is_undef(x) or x is y:
                value = y
            elif is_undef(y):
                value = x
            elif x.type is BOOL and all(n.__class__ is Constant or self.visible(n) for n in (x, y)):
                value = self.choice_of_truths(test, x, y)
            found.append(value)
            if value is None or not self.visible(value):
                different.append(k)
        if different or any(g.effects for g in graphs):
            for side, new in enumerate(graphs):
                with b.inside(new):
                    picked = [self.alike(sides[k][side], *sides[k]) for k in different]
                    new.finish(b.tuple_(picked) if picked else UNIT_VALUE)
            result = b.cond(test, graphs=tuple(graphs))
            for k, v in zip(different, b.parts(result, len(different)) if different else (), strict=True):
                found[k] = v
        values: list[Node | None] = [None] * count
        feed = iter(found)
        for i, xs in zip(needed, outs[0], strict=True):
            values[i] = self.gathered([next(feed) for _ in xs], node, path(i))  # type: ignore[misc]
        if single:
            self.bind(node, values[0] if values[0] is not None else UNIT_VALUE)
        else:
            self.split(node, values)

    def choice_of_truths(self, test: Node, x: Node, y: Node) -> Node | None:
        """`x if test else y` for truth values that are there anyway: by `and`, `or`, `not` where one is known."""
        b = self.b
        if x.__class__ is Constant:
            return b.or_(test, y) if x.value else b.and_(b.not_(test), y)
        if y.__class__ is Constant:
            return b.or_(b.not_(test), x) if y.value else b.and_(test, x)
        return None

    def alike(self, node: Node, x: Node, y: Node) -> Node:
        """A branch's result; where it is absent, of the type that the other branch gives it."""
        return self.b.undef((y if is_undef(x) else x).type) if is_undef(node) else node

    def component(self, out: Node, i: int, to: Node) -> Node:
        """Component i of an old tuple (of anything else, itself), as a new node in the form that it has in `to`."""
        if not isinstance(to.type, Tuple):
            return self.handed(out, to)
        if out in self.parts:
            part = self.parts[out][i]
            if part is not None:
                return self.fitted(part, out, (i,), to, (i,))
        if _is_tuple(out) and out not in self.env:
            return self.handed(out.args[i], to, (i,))  # type: ignore[attr-defined]
        return self.fitted(self.b.getitem(self.get(out), index=i), out, (i,), to, (i,))

    def visible(self, node: Node) -> bool:
        return node.graph is None or self.b.graph.within(node.graph)

    def forward(self, node: Apply, out: Node) -> None:
        """The result of `node` is that of `out`; parts that nobody reads are not there to be had."""
        needed = self.wanted(node, len(node.type.items) if isinstance(node.type, Tuple) else 1)
        if isinstance(node.type, Tuple) and (out in self.parts or (_is_tuple(out) and out not in self.env)):
            self.split(node, [self.component(out, i, node) if i in needed else None for i in range(len(node.type.items))])
        elif out in self.parts:
            self.split(node, self.parts[out])
        elif needed:
            self.bind(node, self.handed(out, node))

    def loop(self, node: Apply) -> Task:
        b, (old,) = self.b, node.graphs
        counted = node.fn.name == "for_loop"
        first = 1 if counted else 0
        init = node.args[first:]
        count = len(init)
        needed = self.wanted(node, count)
        trips = self.get(node.args[0]) if counted else None
        if trips is not None and is_constant(trips) and (trips.value <= 1 or node in self.unroll):  # type: ignore[attr-defined]
            yield self.each_trip(node, old, trips.value)  # type: ignore[attr-defined]
            return
        state = state_of(old, node.fn.name)
        values: list[Node | None] = [None] * count
        carried = []
        for i in needed:
            p, s = old.params[first + i], state[i]
            x = self.handed(init[i], p)
            if self.stays(p, s, x):
                values[i] = x
                self.bind(p, x)
            elif is_undef(s) and counted:
                values[i] = x
                self.bind(p, x)
            else:
                carried.append(i)
        sizes = {i: self.run_time_dims(self.get(init[i])) for i in carried} if b.hoist else {}
        new = b.new_graph(old.name, b.graph, "loop")
        new.remark = old.remark
        if counted:
            self.bind(old.params[0], b.parameter(new, old.params[0].type, old.params[0].name))
        with b.inside(new):
            for i in carried:
                p = old.params[first + i]
                self.bind(p, self.parameter(new, p))
                b.remember_dims(self.env[p], sizes.get(i, {}))
            yield self.body(old)
            b.span = self.place(node)
            nodes = []
            for i in carried:
                p = old.params[first + i]
                nodes += self.spread(self.handed(state[i], p), p)
            out = b.tuple_(nodes) if nodes else UNIT_VALUE
            if not counted:
                again = old.output.args[0]  # type: ignore[attr-defined]
                out = b.make_tuple(self.get(again), out)
            new.finish(out)
        if not carried and not new.effects:
            self.results_of_loop(node, values)
            return
        given = [self.spread(self.handed(init[i], old.params[first + i]), old.params[first + i]) for i in carried]
        args = ([trips] if counted else []) + [x for xs in given for x in xs]
        result = (b.for_loop if counted else b.while_loop)(*args, graphs=(new,))
        if carried:
            feed = iter(b.parts(result, len(nodes)))
            for i, xs in zip(carried, given, strict=True):
                values[i] = x = self.gathered([next(feed) for _ in xs], old.params[first + i])
                b.remember_dims(x, sizes.get(i, {}))
        self.results_of_loop(node, values)

    def run_time_dims(self, x: Node) -> dict[int, Node]:
        """The run-time dims of an array, by axis: a loop that it goes through does not change them. Those that are read of what
        branches and loops make are left out: on a path it may be absent there, and first made by the loop."""
        shape = x.type.shape if isinstance(x.type, Array) and not is_undef(x) else ()
        dims = {axis: self.b.dim(x, axis=axis) for axis, d in enumerate(shape) if isinstance(d, Dim)}
        return {axis: d for axis, d in dims.items() if isinstance(d, Apply) and (d.fn.name != "dim" or _is_given(d.args[0]))}

    def stays(self, p: Parameter, state: Node, init: Node) -> bool:
        """Whether the state of a loop never changes: the old parameter and new state, and the new node for its start."""
        return state is p or (state.__class__ is Constant and state is init)

    def results_of_loop(self, node: Apply, values: list[Node | None]) -> None:
        if len(values) == 1:
            if values[0] is not None:
                self.bind(node, values[0])
        else:
            self.split(node, values)

    def each_trip(self, node: Apply, old: Graph, trips: int) -> Task:
        """The body stands in the place of the loop, once for each trip."""
        init = node.args[1:]
        needed = self.wanted(node, len(init))
        values = [self.handed(x, old.params[1 + i]) if i in needed else None for i, x in enumerate(init)]
        for k in range(trips):
            self.bind(old.params[0], self.b.literal(k))
            for p, x in zip(old.params[1:], values, strict=True):
                if x is not None:
                    self.bind(p, x)
            yield self.body(old)
            state = state_of(old, "for_loop")
            values = [self.handed(s, old.params[1 + i]) if i in needed else None for i, s in enumerate(state)]
        self.results_of_loop(node, values)


def _is_test(graph: Graph) -> bool:
    """Whether a branch is so little that it is no branch: a comparison of numbers, or a constant."""
    return len(graph.body) <= CHEAP_NODES and all(
        n.fn.elementwise and n.fn.order == "total" and n.type is BOOL and not any(isinstance(a.type, Array) for a in n.args)
        for n in graph.body
    )


def _is_given(x: Node) -> bool:
    """Whether a value is a parameter of a function."""
    return isinstance(x, Parameter) and x.graph is not None and x.graph.role == "function"


def is_undef(node: Node) -> bool:
    """Whether a value is absent: it stands where nobody reads it."""
    return node.__class__ is Constant and node.value is UNDEF


def _is_tuple(node: Node) -> bool:
    return node.__class__ is Apply and node.fn.name == "make_tuple"
