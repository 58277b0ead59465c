"""Array operations that share loops become one operation: `fused(@kernel)`, where @kernel holds them as they were.

    %0 = mul(%x, %x); %1 = exp(%0); %2 = sum(%1)   =>   graph @kernel() { %0 = ...; return %2; }  %3 = fused(@kernel);

Which do, `nests.tree` says; everything else in a graph keeps its order where order matters. What a kernel makes and nobody
else reads is never stored whole. Views that only kernels read are copied into each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irad.graph.nodes import Apply, Graph, Module, Node
from irad.graph.walk import Task, all_graphs, captured
from irad.nests.statements import (
    Statement,
    given_up,
    is_source,
    is_statement,
    is_view,
    needs_check,
    reads_in_place,
    statement_of,
)
from irad.nests.tree import Needs, Other, classify, grow, leaves
from irad.optimize.rebuild import Rebuild
from irad.optimize.repeat import repeat_inside
from irad.types import Array

__all__ = ["fuse_arrays"]

WINDOW = 2000  # operations of a graph that are looked at together
NEAR = 100  # operations that a write may wait for
WRITES = frozenset({"index_update", "index_add", "slice_update", "slice_add"})


def fuse_arrays(module: Module) -> Module:
    """The module with its array operations in kernels."""
    module = repeat_inside(module)
    plans = {g: p for g in all_graphs(module) if (p := _plan(g)) is not None}
    return _Fuse(module, plans).run() if plans else module


@dataclass(slots=True)
class Kernel:
    """What is fused: its operations in order, and those that are read outside."""

    members: list[Apply]
    outputs: list[Apply]


def _plan(graph: Graph) -> list[Apply | Kernel] | None:
    """The operations of a graph in their new order; None where it has nothing to fuse."""
    if not any(is_statement(n) or is_view(n) for n in graph.body):
        return None
    copies, kept = _views_outside(graph)
    out: list[Apply | Kernel] = []
    for start in range(0, len(graph.body), WINDOW):
        out += _Window(graph, graph.body[start : start + WINDOW], copies, kept).plan()
    return out


def _views_outside(graph: Graph) -> tuple[set[Node], set[Node]]:
    """The views that are needed as arrays, and those that stay where they are: what reads them reads through them."""
    given = given_up(graph)
    needed: set[Node] = {graph.output}
    kept: set[Node] = set()
    for node in reversed(graph.body):
        for g in node.graphs:
            if g.parent is graph:
                needed.update(captured(g))
        through = is_view(node)
        if is_statement(node) or (through and node not in needed and node not in kept):
            continue
        if through and node.fn.name != "reshape" and node in needed:
            kept.discard(node)  # it is stored, and read there
            continue
        if through:
            kept.add(node)
        for k, a in enumerate(node.args):
            (kept if reads_in_place(node, k, given) else needed).add(a)
    return {n for n in needed if isinstance(n, Apply) and is_view(n) and n.fn.name != "reshape"}, kept


class _Window:
    """Some operations of a graph that are looked at together."""

    def __init__(self, graph: Graph, body: list[Apply], copies: set[Node], kept: set[Node]) -> None:
        self.graph, self.body = graph, body
        self.made: dict[Node, Statement | Other] = {}  # by what is there as an array or number
        self.items: list[Statement | Other] = []
        for node in body:
            item: Statement | Other
            if is_statement(node) or node in copies:
                item = statement_of(node, lambda n: n.graph is graph)
            elif not is_view(node) or node in kept:  # zeros and counts too: they may be too large for memory
                item = Other(node)
            else:
                continue
            self.made[node] = item
            self.items.append(item)
        self.needs: Needs = {}  # what an item needs, and what else it stands after
        self.reads: Needs = {item: self.needs_of(item) for item in self.items}
        self.write_late()
        readers: dict[Node, list[Statement | Other]] = {}
        for item in self.items:
            self.needs[item] = [*self.reads[item]]
            if isinstance(item, Statement):
                for r in item.reads:
                    readers.setdefault(r.source, []).append(item)
            else:  # what may take over an array stands after those that read it before
                for a in item.node.args:
                    self.needs[item] += [(s, None) for s in readers.get(a, ()) if isinstance(a.type, Array)]
        self.keep_order()

    def write_late(self) -> None:
        """What writes to an array stands after those that only read it, where nobody needs the result before: else it would
        write to a copy."""
        items = self.items
        for k in range(len(items) - 1, -1, -1):
            item = items[k]
            if not isinstance(item, Other) or item.node.fn.name not in WRITES:
                continue
            x, last = item.node.args[0], k
            for j in range(k + 1, min(k + NEAR, len(items))):
                later = items[j]
                if later.node.fn.order == "effect" or later.node.graphs or any(made is item for made, _ in self.reads[later]):
                    break
                if isinstance(later, Statement) and any(r.source is x for r in later.reads):
                    last = j
            items.insert(last, items.pop(k))

    def needs_of(self, item: Statement | Other) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        if isinstance(item, Statement):
            for r in item.reads:
                if r.source in self.made:
                    found.append((self.made[r.source], r.places))
            others: list[Node] = [a for v in item.views for a in v.args[1:]]
            others += [a for v in item.views if is_source(v) for a in v.args]
        else:
            others = list(item.node.args)
            others += [n for g in item.node.graphs if g.parent is self.graph for n in captured(g)]
        return found + [(self.made[n], None) for n in others if n in self.made]

    def keep_order(self) -> None:
        """What may fail does not pass an effect."""
        effect: Statement | Other | None = None
        checked: list[Statement | Other] = []
        for item in self.items:
            node: Apply = item.node
            if node.fn.order == "effect" or any(g.effects for g in node.graphs):
                self.needs[item] += [(c, None) for c in checked]
                if effect is not None:
                    self.needs[item].append((effect, None))
                effect, checked = item, []
            elif self.may_fail(item):
                if effect is not None:
                    self.needs[item].append((effect, None))
                checked.append(item)

    @staticmethod
    def may_fail(item: Statement | Other) -> bool:
        if isinstance(item, Statement):
            return any(map(needs_check, (item.node, *item.views)))
        return item.node.fn.order == "checked" or bool(item.node.graphs)

    def plan(self) -> list[Apply | Kernel]:
        statements = [s for s in self.items if isinstance(s, Statement)]
        classify(statements)
        tree = grow(self.items, self.needs, lambda s: isinstance(s, Statement) and stands_alone(s))
        users: dict[Any, set[Any]] = {}
        groups: dict[Any, int] = {}
        for i, top in enumerate(tree):
            for s in leaves([top]):
                groups[s] = i
        for item, needs in self.reads.items():
            for made, _ in needs:
                users.setdefault(made, set()).add(groups[item])
        foreign = self.foreign()
        out: list[Apply | Kernel] = []
        for i, top in enumerate(tree):
            inside = leaves([top])
            if isinstance(top, Other):
                out.append(top.node)
                continue
            members: dict[Apply, None] = {}
            for s in inside:
                assert isinstance(s, Statement)
                members.update(dict.fromkeys(reversed(s.views)))
                members[s.node] = None
            outputs = [s.node for s in inside if s.node in foreign or users.get(s, set()) - {i}]
            out.append(Kernel(list(members), outputs))
        return out

    def foreign(self) -> set[Node]:
        """What is read from elsewhere: after this window, in nested graphs, as the output."""
        here = set(self.body)
        found: set[Node] = {self.graph.output}
        for node in self.graph.body:
            if node not in here:
                found.update(node.args)
            for g in node.graphs:
                if g.parent is self.graph:
                    found.update(captured(g))
        for node in reversed(self.body):  # a view is copied to where it is read: what it is of is read there
            if node in found and (is_view(node) or is_source(node)):
                found.update(node.args)
        return found


def stands_alone(s: Statement) -> bool:
    """Whether a statement has to run where it is, element by element: an operation that may fail."""
    return s.node.fn.elementwise and needs_check(s.node)


class _Fuse(Rebuild):
    def __init__(self, module: Module, plans: dict[Graph, list[Apply | Kernel]]) -> None:
        super().__init__(module)
        self.plans = plans

    def body(self, old: Graph) -> Task:
        plan = self.plans.get(old)
        if plan is None:
            yield from super().body(old)
            return
        for item in plan:
            if isinstance(item, Kernel):
                self.kernel(item)
            elif item.graphs:
                self.b.span = self.place(item)
                yield self.control(item)
            else:
                self.b.span = self.place(item)
                self.b.folding = not is_view(item)  # one that is read where it lies in two graphs would have to be stored
                self.plain(item)
                self.b.folding = True

    def kernel(self, kernel: Kernel) -> None:
        """One operation for all of a kernel; each keeps its place in the source."""
        b, before = self.b, {n: self.env.get(n) for n in kernel.members}
        b.span = self.place(kernel.members[-1])
        graph = b.new_graph("kernel", b.graph, "branch")
        b.folding = False
        with b.inside(graph):
            for node in kernel.members:
                b.span = self.place(node)
                self.plain(node)
            graph.finish(b.tuple_([self.get(n) for n in kernel.outputs]))
        b.span, b.adjoint = self.place(kernel.members[-1]), False
        result = b.fused(graphs=(graph,))
        parts = b.parts(result, len(kernel.outputs))
        b.folding = True
        for node, value in before.items():
            if value is None:
                self.env.pop(node, None)
            else:
                self.env[node] = value
        for node, part in zip(kernel.outputs, parts, strict=True):
            self.bind(node, part)
