"""Jacobians of trips: a forward loop computes the derivatives of its body's state, and stores them in the place of residuals.

    forward  push(stack, (x, sin(x), exp(y), ...))     reverse  (x, s, e, ...) = pop(stack); ct_x = ct_x * cos(x) * e + ...
    =>       push(stack, (dx_dx, dx_dy))                        (dx_dx, dx_dy) = pop(stack);
                                                                ct_x, ct_y = ct_x * dx_dx, ct_x * dx_dy + ct_y

A reverse loop hands cotangents from trip to trip, and what a trip does to them is linear. Where it makes few numbers of few,
the trip of the forward loop eliminates the vertices of that linear part, in a cheap order, and keeps the entries that are no
constants. Then the reverse loop reads nothing else, and no long chain of operations waits for the trip before.

The loops are compared before and after, with what each would keep and compute again (`residuals`), by bytes, operations, and
what waits for what (`pace`). A choice (`select`) between cotangents is no part of it: what was not taken stays zero, whatever
the derivative is (`transforms.masks`).

After Griewank and Walther, "Evaluating Derivatives", 2008, section 10.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from irad.elimination.graph import Edge, Partial, Region, Vertex
from irad.elimination.nodes import Partials, known
from irad.graph.build import Builder, is_constant
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import captured
from irad.optimize.demand import state_of
from irad.optimize.pace import operations, waiting
from irad.optimize.pairs import find_pairs
from irad.optimize.residuals import Kept, Repacked, decided, nbytes, own_values, padding
from irad.optimize.stacks import Stacks
from irad.primitives import REGISTRY
from irad.types import Scalar, Tuple

__all__ = ["preaccumulate"]

BYTE = 0.2  # what a byte costs that is written and read, in units of operations
ENTRIES = 24  # of one Jacobian that are no constants
ORDERS = ("reverse", "forward", "markowitz")


def preaccumulate(module: Module, always: bool = False) -> Module:
    """The module with Jacobians on the stacks of loops where that costs less (or `always`, where it can be)."""
    stacks = Stacks(module)
    plans: list[_Plan] = []
    changing: dict[Graph, bool] = {}  # bodies of these, and whether operations of theirs go
    for p in find_pairs(stacks, _Plan):
        if p.reverse_body not in changing and not changing.get(p.body, False) and _planned(p, stacks):
            plans.append(p)
            changing |= {p.body: False, p.reverse_body: True}
    if not plans:
        return module
    rewriting = _Preaccumulate(module, stacks, plans)
    after = rewriting.run()
    taken, remarks = _chosen(stacks, after, rewriting, always)
    if taken != plans:
        rewriting = _Preaccumulate(module, stacks, taken)
        after = rewriting.run()
    for p, remark in remarks.items():
        rewriting.bodies[p.push].remark = remark
    return after


@dataclass(slots=True, eq=False)
class _Plan(Kept):
    """A pair of loops, and what is computed and stored in the place of what it stores."""

    more: list[Apply] = field(default_factory=list)  # what the forward trip computes, in order
    rows: dict[Node, list[tuple[Node, Node]]] = field(default_factory=dict)  # a cotangent: (cotangent, entry) that it adds up
    gone: set[Node] = field(default_factory=set)  # of the reverse body


# -- deciding ---------------------------------------------------------------------------------------------------------------


def _chosen(before: Stacks, after: Module, rewriting: _Preaccumulate, always: bool) -> tuple[list[_Plan], dict[_Plan, str]]:
    """The plans that cost less than the program without them, and store no more; and what is to be said of each."""
    old = {p.push: p for p in decided(before)[0]}
    new = {p.push: p for p in decided(Stacks(after))[0]}
    taken, remarks = [], {}
    for p in rewriting.plans.values():
        push = rewriting.env[p.push]
        if push not in new:
            continue
        less, more = _nbytes(new[push]), _nbytes(old[p.push])
        fast, slow = _cost(new[push]), _cost(old[p.push])
        if always or (less <= more and fast < slow):
            taken.append(p)
            remark = f"reversed by the Jacobian of a trip: {_instead(less, more, 'bytes')}"
        elif less > more:
            remark = f"not reversed by the Jacobian of a trip: {_instead(less, more, 'bytes')}"
        else:
            remark = f"not reversed by the Jacobian of a trip: {_instead(fast, slow, 'operations')}"
        remarks[p] = remark
    return taken, remarks


def _instead(new: float, old: float, what: str) -> str:
    same = f"{new:.0f}" == f"{old:.0f}"
    return f"{new:.0f} {what} as before" if same else f"{new:.0f} instead of {old:.0f} {what}"


def _nbytes(p: Kept) -> int:
    """What a trip stores."""
    t = Tuple([x.type for x in p.stored])
    return nbytes(t) + padding(t)


def _cost(p: Kept) -> float:
    """What a trip costs of both loops."""
    forward, reverse = p.body, p.reverse_body
    here = _reached([*own_values(p), *p.stored], lambda x: x.args if x.graph is forward else ())
    there = _reached([reverse.output], lambda x: x.args if x.graph is reverse else ())
    return (
        BYTE * _nbytes(p)
        + max(operations(here), waiting(forward, p.forward.fn.name))
        + max(operations([*there, *p.again]), waiting(reverse, "for_loop"))
    )


# -- planning ---------------------------------------------------------------------------------------------------------------


def _planned(p: _Plan, stacks: Stacks) -> bool:
    """Find what is linear in a reverse body, and its Jacobian; False where there is nothing to be gained."""
    body = p.reverse_body
    linear = _Linear(p, stacks)
    if not linear.terms:
        return False
    b = Builder(Module(), REGISTRY)
    b.adjoint, b.span = True, p.forward.span
    scratch = Graph("jacobian", p.body, p.forward.span)
    with b.inside(scratch):
        for part in linear.parts():
            rows = part.jacobian(b)
            if rows is not None:
                p.rows.update(rows)
                p.gone.update(v for v in part.vertices if v not in rows)
    if not p.rows:
        return False
    inside = _still_read(p, body)
    p.rows = {v: row for v, row in p.rows.items() if v in inside}
    entries = [e for row in p.rows.values() for _, e in row if e.__class__ is not Constant]
    needed = _reached(entries, lambda x: x.args if x.graph is scratch else ())
    p.more = [x for x in scratch.body if x in needed]
    p.stored = list(dict.fromkeys([p.item.args[i] for read, i in p.reads.items() if read in inside] + entries))
    p.gone.update(n for n in body.body if n not in inside and not n.graphs and n.fn.order != "effect")
    p.gone -= {p.pop, body.output, *[u for u, _ in stacks.uses.get(p.pop, ())]}
    return bool(p.more)


def _still_read(p: _Plan, body: Graph) -> set[Node]:
    """What a reverse body still reads of its own values."""

    def reads(x: Apply) -> Iterable[Node]:
        if x in p.rows:
            return [source for source, _ in p.rows[x]]
        return (*x.args, *[a for g in x.graphs for a in captured(g)])

    ends = [body.output, *[n for n in body.body if n.fn.order == "effect" or any(g.effects for g in n.graphs)]]
    return _reached(ends, reads)


def _reached(ends: Iterable[Node], reads: Callable[[Apply], Iterable[Node]]) -> set[Node]:
    found: set[Node] = set()
    todo = list(ends)
    while todo:
        x = todo.pop()
        if x not in found:
            found.add(x)
            if isinstance(x, Apply):
                todo.extend(reads(x))
    return found


Term = tuple[Node, float | Node, bool]  # an operand, what multiplies it, and whether that divides it instead


class _Linear:
    """The linear part of a reverse body: numbers, each a sum of others times what depends on no cotangent."""

    def __init__(self, p: _Plan, stacks: Stacks) -> None:
        self.p, self.stacks = p, stacks
        body = p.reverse_body
        self.position = {n: i for i, n in enumerate(p.forward.graph.body)}
        before = p.body.body[: p.body.body.index(p.push)]
        self.same = {(n.fn, n.args, n.static): n for n in before if not n.graphs}
        self.terms: dict[Apply, list[Term]] = {}
        self.moved: dict[Node, Node] = {}  # what the forward trip can have, and as what; an operation may stand for itself
        self.depends: set[Node] = {x for x in body.params[1:] if x is not p.pop.args[0]}
        inside = _reached([body.output], lambda x: (*x.args, *[a for g in x.graphs for a in captured(g)]))
        for node in body.body:
            if node in inside:
                self.visit(node)
        self.users: dict[Node, list[Node]] = {}
        for node in body.body:
            if node in inside:
                for a in (*node.args, *[a for g in node.graphs for a in captured(g)]):
                    self.users.setdefault(a, []).append(node)

    def visit(self, node: Apply) -> None:
        if any(a in self.depends for a in (*node.args, *[a for g in node.graphs for a in captured(g)])):
            self.depends.add(node)
            terms = self.terms_of(node)
            if terms is not None:
                self.terms[node] = terms
            return
        if node in self.p.reads:
            self.moved[node] = self.p.item.args[self.p.reads[node]]
        elif self.is_trip(node):
            self.moved[node] = self.p.body.params[0]
        elif not node.graphs and isinstance(node.type, Scalar) and node.fn.elementwise and all(map(self.is_there, node.args)):
            args = tuple(self.moved.get(a, a) for a in node.args)
            found = self.same.get((node.fn, args, node.static))
            if found is not None or node.fn.order == "total":
                self.moved[node] = found or node

    def is_trip(self, node: Apply) -> bool:
        """Whether a value is the number of the forward trip: n - 1 - j."""
        if self.p.forward.fn.name != "for_loop" or node.fn.name != "sub" or node.args[1] is not self.p.reverse_body.params[0]:
            return False
        last, trips = node.args[0], self.p.forward.args[0]
        if isinstance(last, Apply):
            return last.fn.name == "sub" and last.args[0] is trips and is_constant(last.args[1], 1)
        return is_constant(last) and is_constant(trips) and last.value == trips.value - 1  # type: ignore[attr-defined]

    def is_there(self, x: Node) -> bool:
        """Whether the forward trip can have a value of the reverse body."""
        if x in self.moved or x.__class__ is Constant:
            return True
        graph, forward = x.graph, self.p.forward
        assert graph is not None
        if not forward.graph.within(graph):
            return False
        if not isinstance(x, Apply):
            return True
        while forward.graph is not graph:
            forward = self.stacks.owner[forward.graph]
        if graph is self.p.forward.graph:
            return self.position[x] < self.position[forward]
        return graph.body.index(x) < graph.body.index(forward)

    def terms_of(self, node: Apply) -> list[Term] | None:
        """The terms of a cotangent; None where it is no sum of such."""
        t, name = node.type, node.fn.name
        if not (node.adjoint and isinstance(t, Scalar) and t.kind == "f"):
            return None
        if not all(isinstance(a.type, Scalar) and a.type.strong is t.strong for a in node.args):
            return None
        if name == "neg":
            return [(node.args[0], -1.0, False)]
        if name in ("add", "sub"):
            x, y = node.args
            return [(x, 1.0, False), (y, 1.0 if name == "add" else -1.0, False)]
        if name in ("mul", "div"):
            for x, y in (node.args, node.args[::-1]) if name == "mul" else (node.args,):
                if y not in self.depends and self.is_there(y):
                    return [(x, y, name == "div")]
        return None

    def parts(self) -> Iterator[_Part]:
        """The connected parts that have something to be eliminated."""
        above: dict[Node, Node] = {}

        def find(x: Node) -> Node:
            while (up := above.get(x)) is not None:
                x = up
            return x

        for v, terms in self.terms.items():
            for x, _, _ in terms:
                if x.__class__ is not Constant and find(x) is not find(v):
                    above[find(x)] = find(v)
        together: dict[Node, list[Apply]] = {}
        for v in self.terms:
            together.setdefault(find(v), []).append(v)
        for vertices in together.values():
            ends = [v for v in vertices if any(u not in self.terms for u in self.users.get(v, ()))]
            if len(ends) < len(vertices):
                yield _Part(self, vertices, ends)


@dataclass(slots=True)
class _Part:
    """Cotangents that belong together, in order; `ends` are those that are read elsewhere."""

    linear: _Linear
    vertices: list[Apply]
    ends: list[Apply]

    def jacobian(self, b: Builder) -> dict[Node, list[tuple[Node, Node]]] | None:
        """Each end as a sum of products; the factors are made in the forward trip. None where they are too many."""
        inside = set(self.vertices)
        sources = list(dict.fromkeys(x for v in self.vertices for x, _, _ in self.linear.terms[v] if x not in inside))
        if len(sources) * len(self.ends) > 4 * ENTRIES:
            return None
        number = {x: i for i, x in enumerate([*sources, *self.vertices])}
        made: dict[Node, Node] = {}
        edges = []
        for v in self.vertices:
            for x, factor, divides in self.linear.terms[v]:
                edges.append(Edge(number[x], number[v], self.partial(b, v, factor, divides, made)))
        region = Region(
            [Vertex(f"v{i}") for i in range(len(number))], edges, range(len(sources)), [number[v] for v in self.ends]
        )
        order = min((region.order(name, "folded") for name in ORDERS), key=lambda order: region.count(order, "folded"))
        entries = region.eliminate(order, Partials(b))
        rows: dict[Node, list[tuple[Node, Node]]] = {v: [] for v in self.ends}
        for (s, e), entry in entries.items():
            source, end = sources[s], self.vertices[e - len(sources)]
            node: Any = b.like(entry, end) if isinstance(entry, float) else entry
            if node.__class__ is Apply and node.name is None:
                node.name = self.name_of(source, end)
            rows[end].append((source, node))
        if len({e for row in rows.values() for _, e in row if e.__class__ is not Constant}) > ENTRIES:
            return None
        return rows

    def partial(self, b: Builder, v: Apply, factor: float | Node, divides: bool, made: dict[Node, Node]) -> Partial:
        if isinstance(factor, float):
            return factor
        x = self.copied(b, factor, made)
        return known(b.div(b.like(1.0, x), x) if divides else x)

    def copied(self, b: Builder, x: Node, made: dict[Node, Node]) -> Node:
        """A value of the reverse body, as the forward trip computes it."""
        moved = self.linear.moved
        needed = _reached([x], lambda n: n.args if moved.get(n) is n and n not in made else ())
        for n in [n for n in self.linear.p.reverse_body.body if n in needed and moved.get(n) is n and n not in made]:
            b.adjoint, b.span = n.adjoint, n.span
            made[n] = b.apply(n.fn, [made.get(a, moved.get(a, a)) for a in n.args], n.static)
        b.adjoint = True
        return made.get(x, moved.get(x, x))

    def name_of(self, source: Node, end: Apply) -> str | None:
        """d(new)/d(old) is the entry from the cotangent of the new state to that of the old."""
        body = self.linear.p.reverse_body
        old = next((q.name for q, s in zip(body.params[1:], state_of(body, "for_loop"), strict=True) if s is end), end.name)
        names = [n.removeprefix("ct_") if n else None for n in (source.name, old)]
        return f"d{names[0]}_d{names[1]}" if all(names) else None


# -- rewriting --------------------------------------------------------------------------------------------------------------


class _Preaccumulate(Repacked):
    def __init__(self, module: Module, stacks: Stacks, plans: list[_Plan]) -> None:
        super().__init__(module, stacks, plans, set())  # type: ignore[arg-type]
        self.plans = {p.push: p for p in plans}
        self.by_row = {v: p for p in plans for v in p.rows}
        self.gone = {n for p in plans for n in p.gone}
        self.bodies: dict[Node, Graph] = {}  # the new graph of each old push

    def plain(self, node: Apply) -> None:
        if node in self.by_row:
            self.row(node, self.by_row[node])
        elif node not in self.gone:
            if node in self.plans:
                for x in self.plans[node].more:
                    self.b.span = x.span
                    super().plain(x)
            super().plain(node)
            if node.fn.name == "push":
                self.bodies[node] = self.b.graph

    def row(self, node: Apply, p: _Plan) -> None:
        """A cotangent as a sum of products; what is added as it is comes last, so that little waits for it."""
        b = self.b
        b.adjoint = True
        total: Node | None = None
        for source, entry in sorted(p.rows[node], key=lambda term: is_constant(term[1], 1.0)):
            x = self.get(source)
            e = entry if entry.__class__ is Constant else self.value(p, entry)
            total = b.mul(x, e) if total is None else b.add(total, b.mul(x, e))
        new = total if total is not None else b.like(0.0, node)
        if new.__class__ is Apply and new.name is None:
            new.name = node.name
        self.bind(node, new)
