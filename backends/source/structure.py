"""Stacks, lists that are popped, and sums in generated text. A stack is a list; a value of a sum is a tuple that begins
with the number of its case, None where it is nothing."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from irad.backends.source.expressions import Expr, number, template, variable
from irad.backends.source.objects import slots
from irad.backends.source.statements import Line
from irad.backends.source.values import Value, ValueOps, joined

from irad.graph.nodes import Apply, Node
from irad.types import Scalar, Stack, Struct, Sum, Type

__all__ = ["STRUCTURE", "StructureOps"]


class StructureOps(ValueOps):
    """Operations on stacks and sums."""

    def flows_in(self, v: Any, t: Type, key: Any, path: tuple[int, ...] = ()) -> None:
        """The numbers of a value of type t flow into what key(path) stands for."""
        if isinstance(t, Struct):
            for k, u in enumerate(t.items):
                self.flows_in(self.at_path(v, (k,)), u, key, (*path, k))
        elif isinstance(t, Scalar):
            self.m.flows(key(path), v)

    def values_of(self, nodes: Any) -> list[Any]:
        """The values of operands that are stored; what may raise and waits is written first."""
        self.flush(checked=True)
        return [self.resolved(self.get(a)) for a in nodes]

    def push(self, node: Apply) -> None:
        stack, item = node.args
        copies = self.copies()
        x, v = self.values_of(node.args)
        class_ = self.m.objects.find(slots(stack)[0])
        self.flows_in(v, item.type, lambda path: (class_, path))
        self.note_pushed(v, class_, ())
        value = self.unwrapped(self.whole(v, copies, item), v)
        target = self.target(node, x)
        self.flush(writes={class_})
        call = ast.Call(ast.Attribute(target.tree, "append"), [value.tree], [])
        self.add(Line(ast.Expr(call), spans=self.span(node, value), adjoint=node.adjoint))
        self.values[node] = target

    def note_pushed(self, v: Any, class_: Any, path: tuple[int, ...]) -> None:
        """Remember the variables that are pushed: what is popped is called so too."""
        if isinstance(v, Value):
            for k, p in enumerate(v):
                self.note_pushed(p, class_, (*path, k))
        elif v.number is not None:
            self.pushed.setdefault((class_, path), v.number)

    @staticmethod
    def unwrapped(x: Expr, v: Any) -> Expr:
        """An item of one field is the field."""
        if isinstance(x.type, Struct) and len(x.type.items) == 1:
            assert isinstance(x.tree, ast.Tuple)
            return replace(x, tree=x.tree.elts[0], type=x.type.items[0])
        return x

    def pop(self, node: Apply) -> None:
        """pop, pop_zero, list_pop and list_take: (item, the rest)."""
        name = node.fn.name
        assert isinstance(node.type, Struct)
        item, rest = node.type.items
        copies_of_operands = self.values_of(node.args)
        x, *others = copies_of_operands
        class_ = self.m.objects.find(slots(node.args[0])[0])
        single = isinstance(item, Struct) and len(item.items) == 1 and isinstance(rest, Stack)
        pushes = self.m.objects.pushes.get(class_, [])
        target = self.target(node, x)

        def hint(path: tuple[int, ...]) -> tuple[str, int]:
            pushed = pushes[0].args[1] if pushes else None
            for k in path[1:]:
                made = pushed.__class__ is Apply and pushed.fn.name == "make_tuple" and k < len(pushed.args)
                pushed = pushed.args[k] if made else None  # type: ignore[union-attr]
            read = self.survey.names_read.get((node, path))
            return (read, 2) if read else (pushed.name or "", 1) if pushed is not None else ("", 0)

        value, targets = self.results(node, lambda path: (class_, path[1:]), hint)
        targets = [(path[1:], v) for path, v in targets if path[0] == 0]
        for path, v in targets:
            self.variables[v].like = self.pushed.get((class_, path))
        if isinstance(item, Struct) and single:
            targets = [(path[1:], v) for path, v in targets]
            item = item.items[0]
        self.flush(checked=True, writes={class_})
        if name == "list_take":
            tree = self.tool.helper("list_take", target, others[0], self.zero(item))
        else:
            tree = ast.Call(ast.Attribute(target.tree, "pop"), [], [])
            if name == "pop_zero":
                tree = ast.IfExp(target.tree, tree, self.zero(item))
        self.unpacking(node, item, tree, targets, self.span(node))
        self.values[node] = Value.of(node.type, [value[0], target])

    def inject(self, node: Apply) -> None:
        copies = self.copies()
        vs = self.values_of(node.args)
        parts = [self.whole(v, copies, a) for v, a in zip(vs, node.args, strict=True)]
        for k, (v, a) in enumerate(zip(vs, node.args, strict=True)):
            self.flows_in(v, a.type, lambda path, k=k: (node.static, (k, *path)))
        tree = ast.Tuple([number(node.static[1]), *[p.tree for p in parts]])
        self.place(node, replace(joined(tree, node.type, parts), spans=self.span(node, *parts), fresh=True))

    def atom(self, node: Node, reader: Apply) -> Expr:
        """A value under a name. One that is made on its reader's side of a branch has no name on the other."""
        x = self.get(node)
        if x.number is not None or x.constant:
            return x  # type: ignore[no-any-return]
        self.bind(node, x)
        bound = self.values[node]
        if node.graph is not reader.graph:
            del self.values[node]
        return bound  # type: ignore[no-any-return]

    def tag(self, node: Apply) -> None:
        x = self.atom(node.args[0], node)
        tree = template("-1 if x is None else x[0]", x.tree) if self.may_be_nothing(x.type) else template("x[0]", x.tree)
        self.place(node, Expr(tree, node.type, spans=self.span(node)))

    def may_be_nothing(self, t: Type) -> bool:
        """Whether a value of a sum may be no case: a cotangent, or one that is not defined somewhere."""
        return isinstance(t, Sum) and (t.name.endswith(".t") or t in self.m.nowhere)

    def project(self, node: Apply) -> None:
        """The fields of a case; project_zero: zeros where it is another."""
        assert isinstance(node.type, Struct)
        x = self.atom(node.args[0], node)
        case = node.static[0]
        of = node.args[0].type

        def hint(path: tuple[int, ...]) -> tuple[str, int]:
            read = self.survey.names_read.get((node, path))
            return (read, 2) if read else ("", 0)

        value, targets = self.results(node, lambda path: ((of, case), path), hint)
        if node.fn.name == "project_zero":
            rest = template("x[1:]", x.tree)
            test = template("x is not None and x[0] == y", x.tree, number(case))
            self.unpacking(node, node.type, ast.IfExp(test, rest, self.zero(node.type)), targets, self.span(node))
        elif targets:
            self.unpacking(node, node.type, template("x[1:]", x.tree), targets, self.span(node))
        self.values[node] = value

    def add_sum(self, node: Apply) -> None:
        copies = self.copies()
        vs = self.values_of(node.args)
        parts = [self.whole(v, copies, a) for v, a in zip(vs, node.args, strict=True)]
        tree = self.tool.helper("add_ct", *parts)
        self.place(node, replace(joined(tree, node.type, parts), spans=self.span(node, *parts), fresh=True))

    def unpacking(self, node: Apply, t: Type, value: ast.expr, targets: list[tuple[tuple[int, ...], int]], spans: Any) -> None:
        """`a, (b, _) = value`."""
        found = dict(targets)

        def tree(t: Type, path: tuple[int, ...]) -> ast.expr:
            if path in found:
                return variable(found[path])
            if isinstance(t, Struct) and any(p[: len(path)] == path for p in found):
                return ast.Tuple([tree(u, (*path, k)) for k, u in enumerate(t.items)])
            return ast.Name("_")

        statement = ast.Assign([tree(t, ())], value, lineno=0) if found else ast.Expr(value)
        self.add(Line(statement, tuple(found.values()), spans=spans, adjoint=node.adjoint))


STRUCTURE = {
    "push": StructureOps.push,
    "pop": StructureOps.pop,
    "pop_zero": StructureOps.pop,
    "list_pop": StructureOps.pop,
    "list_take": StructureOps.pop,
    "inject": StructureOps.inject,
    "tag": StructureOps.tag,
    "project": StructureOps.project,
    "project_zero": StructureOps.project,
    "add_sum": StructureOps.add_sum,
}
