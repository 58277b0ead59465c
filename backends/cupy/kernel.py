"""A kernel of fused array operations as `__global__` functions, one for each outermost loop of its tree.

    for i: (for j: d, s), (for j: e)     =>     a thread an i; in it, one loop over j after the other

A thread takes an index of the outermost loop, and of those right inside of it, as long as every statement keeps or sums
over all of them. What is summed over the axis of the threads is first set by a function of its own, then changed by
atomic operations, so in no fixed order. Values read only by their thread are its variables, or arrays where they are short.

Starts of slices, and the sizes of what max and min go through, are the caller's to check.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from irad.backends.cupy.function import Function, Writer
from irad.backends.cupy.scalar import ScalarOps, ctype, literal, scalar_of

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.nests.statements import Place, Statement, is_source, is_statement, is_view, statement_of
from irad.nests.tree import Loop, Tree, classify, grow
from irad.types import Array

__all__ = ["Kernel"]

LOCAL = 1024  # elements of an array that a thread keeps


class Kernel(Writer):
    """A graph run by `fused`, being emitted."""

    def __init__(self, e: ScalarOps, graph: Graph, name: str, names: dict[Node, str]) -> None:
        super().__init__(e, names)
        self.graph, self.name = graph, name
        output: Any = graph.output
        self.outputs: list[Apply] = list(output.args) if output.fn.name == "make_tuple" else [output]
        stored = set(self.outputs)
        nodes = [n for n in graph.body if is_statement(n) or (is_view(n) and n in stored)]
        statements = [statement_of(n, lambda m: m.graph is graph) for n in nodes]
        self.made: dict[Node, Statement] = {s.node: s for s in statements}
        classify(statements)
        needs = {s: [(self.made[r.source], r.places) for r in s.reads if r.source in self.made] for s in statements}
        self.tree = grow(statements, needs)
        self.path: dict[Statement, list[Loop]] = {}
        self.users: dict[Statement, list[Statement]] = {}
        for top in self.tree:
            for s, path in _paths(top, []):
                self.path[s] = path
        for s in statements:
            for made, _ in needs[s]:
                self.users.setdefault(made, []).append(s)
        self.index: dict[int, str] = {}
        self.scopes: list[Loop] = []
        self.chain: list[Loop] = []  # the loops that the threads share

    def functions(self) -> list[Function]:
        """The functions, in the order in which they have to run."""
        out: list[Function] = []
        for top in self.tree:
            statements = [s for s, _ in _paths(top, [])]
            self.chain = _parallel(top, statements)
            shared = [s for s in statements if self.sums_over_threads(s)]
            for s in shared:
                out.append(self.written("", math.prod((s.domain[i] for i in s.value), start=1), partial(self.fill, s)))
            out.append(self.written("", math.prod((d.dim for d in self.chain), start=1), partial(self.top, top)))
        for k, f in enumerate(out):
            f.name = self.name if len(out) == 1 else f"{self.name}_{k}"
        return out

    # -- where values are -------------------------------------------------------------------------------------------------

    def kept(self, s: Statement) -> set[int]:
        return {s.classes[i] for i in s.value}

    def outermost(self, s: Statement) -> int:
        """Where in its path the first loop is that a reduction sums over; behind the path where there is none."""
        kept = self.kept(s)
        return next((k for k, loop in enumerate(self.path[s]) if loop.axis not in kept), len(self.path[s]))

    def own(self, s: Statement) -> Loop | None:
        """The loop around which a reduction is summed up in a variable: the first of those at the end of its path that
        it sums over."""
        kept, path = self.kept(s), self.path[s]
        k = len(path)
        while k and path[k - 1].axis not in kept:
            k -= 1
        return path[k] if k < len(path) else None

    def sums_over_threads(self, s: Statement) -> bool:
        return s.reduces and self.outermost(s) < len(self.chain)

    def scope(self, s: Statement) -> list[Loop]:
        """The loops that a statement shares with all that read its value."""
        path = self.path[s][: self.outermost(s)]
        for t in self.users.get(s, ()):
            shared = [x for x, y in zip(path, self.path[t], strict=False) if x is y]
            path = path[: len(shared)]
        return path

    def local_axes(self, s: Statement) -> list[int]:
        """The axes of a value, by their number in it, that are not those of its scope."""
        shared = {loop.axis for loop in self.scope(s)}
        return [q for q, i in enumerate(s.value) if s.classes[i] not in shared]

    def is_local(self, s: Statement) -> bool:
        """Whether only one thread, at one index, needs a value."""
        if s.node in self.outputs or not self.scope(s):
            return False
        dims = [s.domain[s.value[q]] for q in self.local_axes(s)]
        return all(isinstance(d, int) for d in dims) and math.prod(dims) <= LOCAL

    def variable(self, s: Statement) -> str:
        return f"v_{self.label(s.node)}"

    def array(self, node: Node) -> str:
        """The address of an array, or of a number that a statement makes."""
        writes = node in self.made
        prefix = "out" if node in self.outputs else "tmp" if writes else "in"
        return self.parameter(node, prefix, self.label(node), f"{'' if writes else 'const '}{ctype(scalar_of(node))} *")

    def number(self, node: Node) -> str:
        """A scalar."""
        if isinstance(node, Constant):
            return literal(scalar_of(node), node.value)
        if node in self.made:
            return self.load(self.made[node], ())
        return self.parameter(node, "in", self.label(node), ctype(scalar_of(node)))

    def load(self, s: Statement, indices: Sequence[str]) -> str:
        """The element of a statement's value at indices."""
        if not self.is_local(s):
            return f"{self.array(s.node)}[{self.flat(indices, [self.dim(s.domain[i]) for i in s.value])}]"
        axes = self.local_axes(s)
        if not axes:
            return self.variable(s)
        return f"{self.variable(s)}[{self.flat([indices[q] for q in axes], [self.dim(s.domain[s.value[q]]) for q in axes])}]"

    def here(self, s: Statement) -> str:
        """Where the value of a statement at hand belongs."""
        return self.load(s, [self.index[s.classes[i]] for i in s.value])

    # -- reading ----------------------------------------------------------------------------------------------------------

    def position(self, p: Place, s: Statement) -> str:
        parts = [str(p.first)] if p.first or (p.axis is None and not p.terms) else []
        parts += [f"{k} * (long long){self.number(n)}" if k != 1 else f"(long long){self.number(n)}" for k, n in p.terms]
        if p.axis is not None:
            i = self.index[s.classes[p.axis]]
            parts.append(i if p.step == 1 else f"{p.step} * {i}")
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"

    def read(self, source: Node, places: Sequence[Place], s: Statement) -> str:
        if not isinstance(source.type, Array):
            return self.number(source)
        indices = [self.position(p, s) for p in places]
        if source in self.made:
            return self.load(self.made[source], indices)
        if is_source(source) and source.graph is self.graph:
            t = scalar_of(source)
            return literal(t, 0) if source.fn.name == "zeros" else f"({ctype(t)})({indices[0]})"  # type: ignore[attr-defined]
        return f"{self.array(source)}[{self.flat(indices, [self.dim(d) for d in source.type.shape])}]"

    # -- statements and loops ---------------------------------------------------------------------------------------------

    def over(self, s: Statement) -> None:
        """What follows is of a statement."""
        self.span = s.node.span
        self.e.operand = scalar_of(s.node.args[0])

    def statement(self, s: Statement) -> None:
        values = [self.read(r.source, r.places, s) for r in s.reads]
        self.over(s)
        if s.reduces:
            v = self.e.arith("*", *values) if s.is_product else values[0]
            if self.own(s) is not None:
                total = f"sum_{self.label(s.node)}"
                self.line(f"{total} = {self.e.combined(s.over, total, v)};")
            else:
                self.take_in(s, v)
            return
        copies = not s.node.fn.elementwise and not s.is_product  # also a reduction over no axis
        if s.is_product:
            v = self.e.arith("*", *values)
        else:
            v = values[0] if copies else self.e.operation(s.node, values)
        self.line(f"{self.here(s)} = {v};")

    def take_in(self, s: Statement, v: str) -> None:
        """Take a part into a reduction that was begun before."""
        self.over(s)
        if self.sums_over_threads(s):
            self.line(self.e.atomic(s.over, f"&{self.here(s)}", v))
        else:
            at = self.here(s)
            self.line(f"{at} = {self.e.combined(s.over, at, v)};")

    def items(self, items: Sequence[Tree]) -> None:
        for s in self.path:
            if self.is_local(s) and self.scope(s) == self.scopes:
                dims = [s.domain[s.value[q]] for q in self.local_axes(s)]
                size = f"[{max(math.prod(dims), 1)}]" if dims else ""  # C has no arrays without elements
                self.line(f"{ctype(scalar_of(s.node))} {self.variable(s)}{size};")
        for item in items:
            if isinstance(item, Loop):
                self.loop(item)
            else:
                assert isinstance(item, Statement)
                self.statement(item)

    def loop(self, loop: Loop) -> None:
        """A loop that each thread runs through."""
        self.begin(loop)
        self.open(loop, f"i{len(self.scopes)}")
        self.items(loop.items)
        self.close()
        self.end(loop)

    def open(self, loop: Loop, i: str) -> None:
        self.span = None
        self.line(f"for (long long {i} = 0; {i} < {self.dim(loop.dim)}; ++{i}) {{")
        self.depth += 1
        self.scopes.append(loop)
        self.index[loop.axis] = i

    def close(self) -> None:
        del self.index[self.scopes.pop().axis]
        self.end_block()

    def begin(self, loop: Loop) -> None:
        for s, path in self.path.items():
            if not s.reduces or loop not in path:
                continue
            self.over(s)
            if self.own(s) is loop:
                self.line(f"{ctype(scalar_of(s.node))} sum_{self.label(s.node)} = {self.e.identity(s.over)};")
            elif path.index(loop) == self.outermost(s) and not self.sums_over_threads(s):
                self.clear(s, [x for x in path[self.outermost(s) :] if x.axis in self.kept(s)])

    def clear(self, s: Statement, loops: list[Loop]) -> None:
        """A reduction begins, at all indices of the loops."""
        for loop in loops:
            self.open(loop, f"k{len(self.scopes)}")
        self.over(s)
        self.line(f"{self.here(s)} = {self.e.identity(s.over)};")
        for _ in loops:
            self.close()

    def end(self, loop: Loop) -> None:
        for s in self.path:
            if s.reduces and self.own(s) is loop:
                total = f"sum_{self.label(s.node)}"
                if self.path[s].index(loop) == self.outermost(s) and not self.sums_over_threads(s):
                    self.line(f"{self.here(s)} = {total};")
                else:
                    self.take_in(s, total)

    # -- threads ----------------------------------------------------------------------------------------------------------

    def threads(self, loops: Sequence[Loop]) -> None:
        """The loop of a thread over its share of the indices of loops."""
        self.share(" * ".join(self.dim(x.dim) for x in loops) or "1")
        rest = "t"
        for k, loop in reversed(list(enumerate(loops))):
            d = self.dim(loop.dim)
            self.line(f"const long long i{k} = {rest if k == 0 else f'{rest} % {d}'};")
            rest = f"{rest} / {d}"
            self.index[loop.axis] = f"i{k}"

    def top(self, top: Tree) -> None:
        for loop in self.chain:
            self.begin(loop)
        self.threads(self.chain)
        self.scopes = list(self.chain)
        self.items([top] if not isinstance(top, Loop) or not self.chain else self.chain[-1].items)
        self.end_threads()
        for loop in self.chain:
            self.end(loop)

    def fill(self, s: Statement) -> None:
        """What threads change together is first the reduction of nothing."""
        self.threads([x for x in self.path[s] if x.axis in self.kept(s)])
        self.over(s)
        self.line(f"{self.here(s)} = {self.e.identity(s.over)};")
        self.end_threads()

    def end_threads(self) -> None:
        self.scopes, self.index = [], {}
        self.end_block()


def _paths(item: Tree, path: list[Loop]) -> Iterator[tuple[Statement, list[Loop]]]:
    if isinstance(item, Loop):
        for x in item.items:
            yield from _paths(x, [*path, item])
    else:
        assert isinstance(item, Statement)
        yield item, path


def _parallel(top: Tree, statements: Sequence[Statement]) -> list[Loop]:
    """The loops whose indices are shared among threads: each statement keeps all of them, or none."""
    chain: list[Loop] = []
    while isinstance(top, Loop):
        wider = [*chain, top]
        kept = [{s.classes[i] for i in s.value} & {x.axis for x in wider} for s in statements]
        if any(k and len(k) < len(wider) for k in kept):
            break
        chain = wider
        if len(top.items) != 1:
            break
        top = top.items[0]
    return chain
