"""Effects, calls, branches and loops in generated text."""

from __future__ import annotations

import ast
import string
from dataclasses import replace
from typing import Any

from irad.backends.source.expressions import ANY, Expr, called
from irad.backends.source.statements import Check, Copy, For, If, Line, While, used
from irad.backends.source.structure import StructureOps
from irad.backends.source.values import ADJOINT_PREFIX, PREFIX, Value, is_adjoint, is_float_scalar, made_of, made_part, tuple_of

from irad.errors import NUMPY_ERRORS
from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task
from irad.optimize.demand import state_of
from irad.types import BOOL, Scalar, Stack, Struct, Type

__all__ = ["CONTROL", "COUNT", "ControlOps"]

COUNT = (0, 2**48)  # of trips and items: no program lives to see more


class ControlOps(StructureOps):
    """Operations with graphs; methods that go into nested graphs are tasks."""

    def body(self, g: Graph) -> Task:
        raise NotImplementedError

    def operands(self, node: Apply) -> list[Expr]:
        raise NotImplementedError

    def effect(self, node: Apply) -> None:
        xs = self.operands(node)
        self.flush(checked=True)
        facts = node.facts()
        spans = self.span(node, *xs)
        if node.fn.name == "print":
            self.add(Line(ast.Expr(called("print", message(facts["format"], xs))), spans=spans))
            return
        test = xs.pop(0) if node.fn.name == "assert" else None
        name = NUMPY_ERRORS.get(facts["error"], facts["error"])
        error = called(name, *([message(facts["message"], xs)] if facts["message"] else []))
        self.add(Check(test, error, spans=spans))

    def call(self, node: Apply) -> Task:
        (g,) = node.graphs
        copies = self.copies()
        vs = self.values_of(node.args)
        args = [self.whole(v, copies, a) for v, a in zip(vs, node.args, strict=True)]
        for p, x in zip(g.params, args, strict=True):
            if isinstance(p.type, Scalar):
                self.m.flows(p, x)
        tree = called(self.m.names[g], *[a.tree for a in args])
        spans = self.span(node, *args)
        if isinstance(node.type, Struct):
            self.flush(everything=True)
            value, targets = self.results(node, lambda path: (node, path), self.named(node))
            self.unpacking(node, node.type, tree, targets, spans)
            self.values[node] = value
        elif (node, ()) in self.survey.uses:
            good = isinstance(node.type, Scalar) and self.m.assumed((g, "result"))
            x = Expr(
                tree, node.type, spans=spans, checked=(self.position,), wide=good and is_float_scalar(node.type), fresh=True
            )
            if isinstance(node.type, Scalar) and node.type.kind == "i" and good:
                x = replace(x, range=(0, ANY[1]))
            self.place(node, x)
        else:
            self.flush(checked=True)
            self.add(Line(ast.Expr(tree), spans=spans, adjoint=node.adjoint))
        return
        yield

    def named(self, node: Apply) -> Any:
        def hint(path: tuple[int, ...]) -> tuple[str, int]:
            name = self.survey.names_read.get((node, path)) or (node.name if not path else None)
            return (name, 2) if name else ("", 0)

        return hint

    def cond(self, node: Apply) -> Task:
        self.flush(checked=True)
        test = self.get(node.args[0])
        self.flush(everything=True)

        def hint(path: tuple[int, ...]) -> tuple[str, int]:
            found, rank = self.named(node)(path)
            for g in node.graphs if not found else ():
                x = made_of(g.output, path)
                if x is not None and x.name:
                    return x.name, 2
            return found, rank

        value, targets = self.results(node, lambda path: (node, path), hint)
        outer, blocks = self.block, []
        for g in node.graphs:
            self.block = []
            blocks.append(self.block)
            yield self.body(g)
            self.leave(g, targets, lambda path: (node, path))
        self.block = outer
        self.add(If(test, blocks[0], blocks[1], spans=self.span(node, test), adjoint=node.adjoint))
        self.values[node] = value

    def leave(self, g: Graph, targets: Any, key: Any) -> None:
        """The end of a nested graph: the results that are read, at once."""
        if self.block and isinstance(self.block[-1], Check) and self.block[-1].test is None:
            self.forget(g)
            return
        self.one_check()
        kept = set(self.m.objects.plans[g].end)
        pairs = []
        out = self.get(g.output)
        for path, v in targets:
            x = self.at_path(out, path)
            x = self.whole(x, kept, g.output) if not isinstance(x, Expr) else self.kept(x, kept, g.output, path)
            if isinstance(x.type, Scalar):
                self.m.flows(key(path), x)
            pairs.append((v, x))
        if pairs:
            self.add(Copy(pairs, spans=frozenset().union(*[x.spans for _, x in pairs]), adjoint=is_adjoint(g.output)))
        self.forget(g)

    def one_check(self) -> None:
        """At most one of the expressions that are evaluated at once may raise: their order is free."""
        if sum(bool(x.checked) for x in self.pending.values()) > 1:
            self.flush(checked=True)

    def forget(self, g: Graph) -> None:
        """What waits in a graph that has ended is read by nobody."""
        for n in [n for n in self.pending if n.graph is g]:
            del self.pending[n]

    def loop(self, node: Apply) -> Task:
        counted = node.fn.name == "for_loop"
        (body,) = node.graphs
        first = 1 if counted else 0
        copies = self.copies()
        vs = self.values_of(node.args)
        count = vs[0] if counted else None
        spans = self.span(node, count) if count is not None else self.span(node)
        states: list[Any] = []
        inits: list[tuple[int, Expr]] = []
        targets: list[tuple[tuple[int, ...], int]] = []
        params = body.params[first:]
        state = state_of(body, node.fn.name)
        for k, (p, a, v) in enumerate(zip(params, node.args[first:], vs[first:], strict=True)):
            made = self.made(p.type, lambda path, t, k=k, p=p: self.state(node, k, p, path, t, targets, state[k]))
            states.append(made)
            own = [(path[1:], n) for path, n in targets if path[0] == k]
            for path, n in own:
                x = self.kept(self.at_path(v, path), copies, a, path)
                if isinstance(x.type, Scalar):
                    self.m.flows((p, path), x)
                inits.append((n, x))
            self.values[p] = made
            if isinstance(p.type, Scalar) and p.type.kind == "i" and (r := _counting(p, state[k], v)) is not None:
                self.values[p] = replace(made, range=r)
        self.flush(everything=True)
        if inits:
            self.add(Copy(inits, adjoint=node.adjoint))
        index = None
        if counted:
            i = body.params[0]
            index = self.new_variable(i.name or "i", 2) if i in self.survey.parts_read else self.new_variable("_", 3)
            top = min(count.range[1] - 1, COUNT[1]) if count is not None else COUNT[1]
            self.values[i] = self.var(index, i.type, range=(0, max(0, top)))
        outer, self.block = self.block, []
        inner = self.block
        yield self.body(body)
        again = None
        self.one_check()
        if not counted:
            assert isinstance(body.output.type, Struct)
            again = self.again(body, {n for _, n in targets})
            out = self.part(body.output, 1)
        else:
            out = self.get(body.output)
        out = Value.of(tuple_of(params), [out]) if len(params) == 1 else out
        kept = set(self.m.objects.plans[body].end)
        pairs = []
        for path, n in targets:
            x = self.at_path(out, path)
            x = self.kept(x, kept, state[path[0]], path[1:])
            if isinstance(x.type, Scalar):
                self.m.flows((params[path[0]], path[1:]), x)
            pairs.append((n, x))
        if pairs:
            self.add(Copy(pairs, spans=frozenset().union(*[x.spans for _, x in pairs]), adjoint=node.adjoint))
        self.forget(body)
        self.block = outer
        if counted:
            assert count is not None and index is not None
            self.add(For(index, count, inner, spans=spans, adjoint=node.adjoint))
        else:
            assert again is not None
            self.add(While(inner, again, spans=spans, adjoint=node.adjoint))
        assert isinstance(node.type, Type)
        self.values[node] = states[0] if len(params) == 1 else Value.of(node.type, states)  # type: ignore[arg-type]

    def state(self, node: Apply, k: int, p: Parameter, path: tuple[int, ...], t: Type, targets: Any, out: Node) -> Any:
        """The variable of a part of a loop's state."""
        name = p.name if not path else None
        x = made_of(out, path)
        name = name or (x.name if x is not None else None) or self.survey.names_read.get((node, (k, *path)))
        default = "stack" if isinstance(t, Stack) else ADJOINT_PREFIX if node.adjoint else PREFIX
        v = self.new_variable(name or default, 2 if name else 0)
        targets.append(((k, *path), v))
        return self.leaf(v, (p, path), t)

    def again(self, body: Graph, written: set[int]) -> Expr:
        """The test at a loop's end, under a name where it reads what the end of the trip changes."""
        node = made_part(body.output, 0)
        x = self.get(node)
        if used(x.tree) & written or x.checked:
            v = self.new_variable("again", 1)
            self.add(Copy([(v, x)], spans=x.spans))
            return self.var(v, BOOL)
        return x  # type: ignore[no-any-return]


CONTROL = {
    "call": ControlOps.call,
    "cond": ControlOps.cond,
    "for_loop": ControlOps.loop,
    "while_loop": ControlOps.loop,
}


def _counting(p: Parameter, out: Node, init: Expr) -> Any:
    """The range of a loop's integer that a constant is added to in each trip."""
    if not (isinstance(out, Apply) and out.fn.name == "add" and p in out.args):
        return None
    step = out.args[1] if out.args[0] is p else out.args[0]
    if step.__class__ is not Constant or init.range == ANY:
        return None
    most = int(step.value) * COUNT[1]
    low, high = init.range[0] + min(0, most), init.range[1] + max(0, most)
    return (low, high) if ANY[0] <= low and high <= ANY[1] else None


def message(pattern: str, xs: list[Expr]) -> ast.expr:
    """The text of a message with its values: a string, or an f-string."""
    parts: list[ast.expr] = []
    for before, place, spec, conversion in string.Formatter().parse(pattern):
        if before:
            parts.append(ast.Constant(before))
        if place is not None:
            x = xs[int(place)]
            if isinstance(x.tree, ast.Constant) and not spec:
                parts.append(ast.Constant(str(x.tree.value)))
                continue
            tree = x.tree
            if conversion == "r" or (isinstance(x.type, Scalar) and x.type.width == 32):
                tree = (
                    called({"f": "float", "i": "int", "b": "bool"}[x.type.kind], tree) if isinstance(x.type, Scalar) else tree
                )
            code = {"r": 114, "s": 115, "a": 97}.get(conversion or "", -1)
            format_spec = ast.JoinedStr([ast.Constant(spec)]) if spec else None
            parts.append(ast.FormattedValue(tree, code, format_spec))
    if all(isinstance(p, ast.Constant) for p in parts):
        return ast.Constant("".join(p.value for p in parts))  # type: ignore[attr-defined]
    return ast.JoinedStr(parts)
