"""Mutants of Python code that builds graphs: an operator swapped, an operand dropped or swapped with another, a constant
changed, a condition dropped or negated."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from irad.primitives import REGISTRY

PAIRS = (
    ("add", "sub"),
    ("mul", "div"),
    ("sin", "cos"),
    ("sinh", "cosh"),
    ("exp", "log"),
    ("eq", "ne"),
    ("lt", "ge"),
    ("gt", "le"),
    ("and", "or"),
    ("sum", "prod"),
    ("any", "all"),
    ("maximum", "minimum"),
    ("floordiv", "fmod"),
    ("trunc", "floor"),
    ("sign", "abs"),
    ("sqrt", "cbrt"),
    ("pow", "mul"),
    ("index", "index"),
    ("index_add", "index_update"),
    ("slice_add", "slice_update"),
    ("list_add", "list_update"),
    ("make_tuple", "make_list"),
    ("stack_size", "list_size"),
)
SWAPS = {**{b: a for a, b in PAIRS}, **dict(PAIRS), "mul": "div", "neg": "abs", "not": "not"}
COMPARISONS = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt}
COMPARISONS |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


class Change(NamedTuple):
    """A node of a file's syntax tree and what stands there instead."""

    node: ast.AST
    new: ast.AST

    def __str__(self) -> str:
        return f"{_text(self.node)}  ->  {_text(self.new)}"


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 110 else text[:107] + "..."


def changes(region: ast.AST) -> Iterator[Change]:
    """All changes of the code below a function's node."""
    indices = {id(n.slice) for n in ast.walk(region) if isinstance(n, ast.Subscript)}
    for node in _nodes(region):
        for new in _positions(node) if id(node) in indices and isinstance(node, ast.Constant) else _instead(node):
            if ast.dump(new) != ast.dump(node):
                yield Change(node, new)


def _positions(node: ast.Constant) -> list[ast.Constant]:
    """Other places in a sequence. (Counted from its end they may be the same one.)"""
    return [ast.Constant(i) for i in (node.value + 1, node.value - 1) if i >= 0] if isinstance(node.value, int) else []


def _nodes(region: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are run: no docstrings, annotations, decorators, or defaults of parameters."""
    todo: list[Any] = [region.body] if isinstance(region, ast.Lambda) else list(region.body)  # type: ignore[attr-defined]
    while todo:
        node = todo.pop(0)
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or isinstance(node, (ast.Assert, ast.Raise)):
            continue  # a docstring; a check of what cannot be
        yield node
        if isinstance(node, ast.AnnAssign):
            todo.insert(0, node.value)
            continue
        inner = [c for c in ast.iter_child_nodes(node) if not isinstance(c, (ast.arguments, ast.expr_context, ast.operator))]
        inner = [c for c in inner if not (isinstance(c, ast.keyword) and c.arg == "strict")]
        if isinstance(node, ast.FunctionDef):
            inner = list(node.body)
        todo[0:0] = inner


def _call(node: ast.Call, **fields: Any) -> ast.Call:
    new = copy.copy(node)
    for k, v in fields.items():
        setattr(new, k, v)
    return new


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.If):
        yield from (_call(node, test=ast.Constant(v)) for v in (True, False))  # type: ignore[arg-type]
    elif isinstance(node, ast.Constant):
        yield from map(ast.Constant, _numbers(node.value))
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1 and not _names(node):
        yield ast.Tuple([node.elts[1], node.elts[0], *node.elts[2:]], node.ctx)
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        for i, e in enumerate(node.elts):
            if not _is_none(e) and not isinstance(e, (ast.Constant, ast.Starred)):
                yield ast.Tuple([*node.elts[:i], ast.Constant(None), *node.elts[i + 1 :]], node.ctx)


def _names(node: ast.Tuple) -> bool:
    """Whether a tuple is a set of names, of which the order does not matter."""
    return all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _numbers(value: Any) -> list[Any]:
    """Other constants of its kind; of the name of an operation, another operation."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return list(dict.fromkeys([value + 1, *([-value] if value else [])]))
    return [SWAPS[value]] if isinstance(value, str) and SWAPS.get(value, value) != value else []


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    """`b.op(x, y)`: another operation, an operand alone, operands swapped; `helper(b, x, y)` likewise."""
    made_by_b = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, (ast.Name, ast.Attribute))
    name = node.func.attr.rstrip("_") if isinstance(node.func, ast.Attribute) else ""
    p = REGISTRY.get(name) if made_by_b else None
    if p is not None and SWAPS.get(name, name) != name:
        other = SWAPS[name]
        yield _call(node, func=ast.Attribute(node.func.value, other + "_" * (other in ("and", "or", "not")), ast.Load()))  # type: ignore[attr-defined]
    values = [i for i, a in enumerate(node.args) if not isinstance(a, (ast.Starred, ast.Constant)) and not _is_tool(a)]
    if not (p is not None or _is_tool(node.args[0] if node.args else None) or name in ("spread", "like", "receive", "bring")):
        return
    if name not in ("receive", "like"):
        yield from (node.args[i] for i in values)
    if len(values) >= 2 and not (p is not None and (p.commutes or name in ("add_sum", "list_plus"))):
        for i, j in itertools.pairwise(values):
            args = list(node.args)
            args[i], args[j] = args[j], args[i]
            yield _call(node, args=args)


def _is_tool(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id in ("b", "f", "region")


def mutated(tree: ast.Module, change: Change) -> ast.Module:
    """The file's tree with the change made."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            if node is change.node:
                return ast.copy_location(change.new, node)
            return self.generic_visit(node)

    # The tree is shared by all mutants: only the way to the change is copied.
    return ast.fix_missing_locations(Replace().visit(_copied(tree, change.node)))


def _copied(tree: Any, target: ast.AST) -> Any:
    """A copy of a tree in which `target` is the same node."""
    return copy.deepcopy(tree, {id(target): target})
