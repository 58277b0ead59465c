"""Loops that gather: `x[at]`, `np.take` and the like, each as one operation with a structured derivative.

    for k in range(n):
        out[k] = x[at[k]]              out[k] x[at[k]]: 1

A trip reads an element or a block of x, puts axes of the block in order, and writes it at its place in the state. Where the
read is depends on the trip, and on nothing that varies: so it is a table over trips.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

from irad.elimination.factors import looped
from irad.graph.build import Builder, is_constant
from irad.graph.nodes import Apply, Constant, Node
from irad.primitives.terms import Factor, Form, Label, NoStructure, Term, forms_of, shape_of
from irad.types import I64, Array

__all__ = ["Gathered", "gather"]

ONE = Form(0)  # of an axis of one element


class Gathered(NamedTuple):
    """A loop that gathers from x, in the graph that is being built, and its derivative."""

    node: Node
    x: Node
    term: Term


def gather(b: Builder, loop: Apply, get: Callable[[Node], Any], varies: Container[Node]) -> Gathered | None:
    """The loop, if that is what it does; `get` says what a node from outside is in the graph that `b` builds."""
    body = loop.graphs[0]
    simple = loop.fn.name == "for_loop" and len(body.params) == 2 and not any(n.graphs for n in body.body)
    if not simple or loop.args[0].__class__ is not Constant or loop.args[0].value < 2:
        return None
    try:
        return _Loop(b, loop, get).gathered(varies)
    except NoStructure:
        return None


class _Loop:
    """A loop of one state, whose trips have no graphs inside."""

    def __init__(self, b: Builder, loop: Apply, get: Callable[[Node], Any]) -> None:
        self.b, self.loop, self.get = b, loop, get
        (self.body,) = loop.graphs
        self.trip, self.state = self.body.params
        self.inside = {self.trip, self.state, *self.body.body}
        self.label = Label(loop.args[0].value)  # type: ignore[attr-defined]

    def gathered(self, varies: Container[Node]) -> Gathered | None:
        read, moves, update = self.chain()
        before = self.before(read)
        others = [n for n in self.body.body if n not in (*before, read, *moves, update)]
        start = self.get(self.loop.args[1])
        outside = [self.get(a) for a in self._operands(others) if a not in self.inside]
        if any(isinstance(v, list) or v in varies for v in (start, *outside)):
            return None
        if any(n in (*before, read, *moves, self.state) for n in self._operands(others)):
            return None
        x = self.get(before[0].args[0] if before else read.args[0])
        for n in before:  # as it is in every trip
            x = self.b.apply(n.fn, [x], n.static)
        places, of_block = self.places(read, moves)
        out = self.written(update, places)
        into = [self.read(start, form, others) for start, form in zip(self.starts(read), of_block, strict=True)]
        new = looped(self.b, self.label.size, start, lambda k, so_far: self.again(self.body.body, update, k, so_far))
        return Gathered(new, x, Term(tuple(out), tuple(into)))

    @staticmethod
    def _operands(nodes: Iterable[Apply]) -> set[Node]:
        return {a for n in nodes for a in n.args}

    def chain(self) -> tuple[Apply, list[Apply], Apply]:
        """What a trip reads, what it does with that, and its update of the state."""
        update, moves = self.body.output, list[Apply]()
        if not self._is(update, "index_update", "slice_update") or update.args[0] is not self.state:  # type: ignore[attr-defined]
            raise NoStructure("a loop")
        node: Any = update.args[1]  # type: ignore[attr-defined]
        while self._is(node, "reshape", "transpose"):
            moves.insert(0, node)
            node = node.args[0]
        if not self._is(node, "index", "slice"):
            raise NoStructure("a loop")
        return node, moves, update  # type: ignore[return-value]

    def before(self, read: Apply) -> list[Apply]:
        """What a trip does with an array from outside before it reads."""
        node, found = read.args[0], list[Apply]()
        while self._is(node, "reshape", "transpose") and len(node.args) == 1:  # type: ignore[attr-defined]
            found.insert(0, node)  # type: ignore[arg-type]
            node = node.args[0]  # type: ignore[attr-defined]
        if node in self.inside:
            raise NoStructure("a loop")
        return found

    def _is(self, node: Node, *names: str) -> bool:
        return node.__class__ is Apply and node in self.inside and node.fn.name in names

    @staticmethod
    def starts(read: Apply) -> tuple[Node, ...]:
        return read.args[1 : 1 + len(shape_of(read.args[0].type))]

    @staticmethod
    def places(read: Apply, moves: list[Apply]) -> tuple[list[Form], list[Form]]:
        """The places of the block that is written, and of that which is read, by the same labels."""
        if read.fn.name == "index":
            return [], [ONE] * (len(read.args) - 1)
        if any(step != 1 for step in read.static[1]):
            raise NoStructure("a block with steps")
        out = of_block = list(forms_of(shape_of(read.type)))
        for node in moves:
            if node.fn.name == "transpose":
                out = [out[a] for a in node.static[0]]
                continue
            long, sizes = [f for f in out if f != ONE], shape_of(node.type)
            if [n for n in sizes if n != 1] != [f.labels[0].size for f in long]:
                raise NoStructure("a block with axes that are joined or split")
            feed = iter(long)
            out = [next(feed) if n != 1 else ONE for n in sizes]
        return out, of_block

    def written(self, update: Apply, places: list[Form]) -> list[Form]:
        """Where the trips write: one element each along one axis, and all of the others."""
        starts, found = update.args[2:], list[Form]()
        for start, form in zip(starts, places or [ONE] * len(starts), strict=True):
            if start is self.trip and form == ONE:
                found.append(Form(0, ((self.label, 1),)))
            elif is_constant(start, 0):
                found.append(form)
            else:
                raise NoStructure("a trip writes elsewhere")
        steps = update.static[0] if update.static else ()
        if sum(start is self.trip for start in starts) != 1 or any(step != 1 for step in steps):
            raise NoStructure("a trip writes elsewhere")
        return found

    def read(self, start: Node, form: Form, others: list[Apply]) -> Form:
        """Where the trips read along an axis of which `form` is the block."""
        if start.__class__ is Constant:
            return Form(start.value, form.strides)
        if form != ONE:
            raise NoStructure("a block whose place differs from trip to trip")
        b, n = self.b, self.label.size
        silent = [op for op in others if op.fn.order != "effect"]
        zeros = b.zeros(of=Array(I64, (n,)))
        table = looped(b, n, zeros, lambda k, so_far: b.index_update(so_far, self.again(silent, start, k, so_far), k))
        return Form(0, (), Factor(table, (self.label,)))

    def again(self, nodes: list[Apply], result: Node, k: Node, so_far: Node) -> Node:
        """What operations of the body make in trip k."""
        b, env = self.b, dict[Node, Node]({self.trip: k, self.state: so_far})

        def there(a: Node) -> Any:
            return env[a] if a in env else self.get(a)

        for n in nodes:
            b.span, b.adjoint = n.span, n.adjoint
            env[n] = b.apply(n.fn, [there(a) for a in n.args], n.static)
        return there(result)  # type: ignore[no-any-return]
