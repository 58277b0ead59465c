"""A generated program: its text, its arguments, what it contains. It runs as Python, on duals, and in irad."""

from __future__ import annotations

import ast
import dataclasses
import functools
import itertools
import linecache
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.generator import duals

__all__ = ["ENTRY", "Counters", "Program", "Rejected", "instrumented", "load", "registered", "run_plain"]

ENTRY = "program"
MAX_TRIPS, MAX_TICKS, LARGEST = 300, 6000, 1e6


@dataclass(slots=True)
class Program:
    """`source` defines the entry `program`; `tags` names patterns that the syntax alone does not show."""

    seed: int
    source: str
    args: tuple[Any, ...]
    tags: frozenset[str] = frozenset()

    @property
    def floats(self) -> tuple[int, ...]:
        """The positions of the arguments that derivatives are taken in."""
        return tuple(i for i, a in enumerate(self.args) if isinstance(a, float))


class Rejected(Exception):
    """The program is not well-defined at its arguments, or decides too closely; the reason is the message."""


@dataclass(slots=True)
class Counters:
    """What an instrumented run saw."""

    trips: dict[int, int] = field(default_factory=dict)
    ticks: int = 0
    kinds: set[str] = field(default_factory=set)


# -- running the text -----------------------------------------------------------------------------------------------------

_numbers = itertools.count()


def registered(source: str, label: str) -> str:
    """The name of a file that exists in linecache only: irad reads the text from there."""
    name = f"<generated {label} {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return name


def load(source: str, label: str = "program") -> Callable[..., Any]:
    """The entry of a text that runs with the real modules, for irad (and for Python, where no derivative is inside)."""
    file = registered(source, label)
    scope: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, file, "exec"), scope)
    return scope[ENTRY]  # type: ignore[no-any-return]


def _scope(names: dict[str, Any]) -> dict[str, Any]:
    import irad

    return {
        "__name__": __name__,
        "math": math,
        "irad": irad,
        "functools": functools,
        "dataclasses": dataclasses,
        "NamedTuple": NamedTuple,
        **names,
    }


def _tree(source: str) -> ast.Module:
    """The text without its imports: the scope has them, or what stands for them."""
    return _WithoutImports().visit(ast.parse(source))  # type: ignore[no-any-return]


class _WithoutImports(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> ast.AST:
        return ast.Pass()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """`from math import sin` becomes `sin = math.sin`."""
        if node.module != "math":
            return ast.Pass()
        names = [ast.Name(a.asname or a.name, ast.Store()) for a in node.names]
        values: list[ast.expr] = [ast.Attribute(ast.Name("math", ast.Load()), a.name, ast.Load()) for a in node.names]
        return ast.Assign([ast.Tuple(names, ast.Store())], ast.Tuple(values, ast.Load()))  # type: ignore[arg-type]


def _execute(tree: ast.Module, names: dict[str, Any]) -> Callable[..., Any]:
    scope = _scope(names)
    exec(compile(ast.fix_missing_locations(tree), "<reference>", "exec"), scope)
    return scope[ENTRY]  # type: ignore[no-any-return]


@functools.lru_cache(64)
def run_plain(source: str) -> Callable[..., Any]:
    """The entry as CPython runs it; where derivatives are taken inside, by nested duals."""
    return on_duals(source) if "irad." in source else _execute(_tree(source), {})


@functools.lru_cache(64)
def on_duals(source: str) -> Callable[..., Any]:
    """The entry for dual arguments."""
    return _execute(_tree(source), duals.namespace())


@functools.lru_cache(64)
def on_precise(source: str) -> Callable[..., Any]:
    """The entry for arguments of 50 digits; to be called inside `duals.precise()`."""
    with duals.precise():
        return _execute(_Precise().visit(_tree(source)), {**duals.namespace(), "_op": _precise_op, "_number": duals.number})


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "Pow": operator.pow,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "LShift": operator.lshift,
    "RShift": operator.rshift,
}
SIGNS = {
    "Add": "+",
    "Sub": "-",
    "Mult": "*",
    "Div": "/",
    "FloorDiv": "//",
    "Mod": "%",
    "Pow": "**",
    "BitAnd": "&",
    "BitOr": "|",
    "BitXor": "^",
    "LShift": "<<",
    "RShift": ">>",
}
INPLACE: dict[str, Callable[[Any, Any], Any]] = {"Add": operator.iadd, "Mult": operator.imul}


def _precise_op(name: str, x: Any, y: Any) -> Any:
    exact = {"Div": duals.div, "FloorDiv": duals.floordiv, "Mod": duals.mod, "Pow": duals.power}.get(name)
    return exact(x, y) if exact is not None and not isinstance(x, str) else OPERATORS[name](x, y)


class _Operators(ast.NodeTransformer):
    """Binary operators as calls of `_op`, so that operands can be looked at."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _call("_op", ast.Constant(type(node.op).__name__), node.left, node.right)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            value = _call("_op", ast.Constant(type(node.op).__name__), ast.Name(node.target.id, ast.Load()), node.value)
            return ast.Assign([node.target], value)
        return node


class _Precise(_Operators):
    """Float literals as numbers of 50 digits."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _call("_number", node) if type(node.value) is float else node


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


# -- the instrumented run -------------------------------------------------------------------------------------------------


class _Instrument(_Operators):
    """Counts trips and calls, and looks at the operands and results of operators."""

    def __init__(self) -> None:
        self.loops = 0

    def tick(self) -> ast.Call:
        self.loops += 1
        return _call("_tick", ast.Constant(self.loops))

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(self.tick()))
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(self.tick()))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, self.tick())
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = 1 if isinstance(node.body[0], ast.Nonlocal) else 0
        node.body.insert(first, ast.Expr(_call("_tick", ast.Constant(0))))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.IfExp(_call("_tick", ast.Constant(0)), node.body, ast.Constant(None))
        return node


def instrumented(source: str) -> tuple[Callable[..., Any], Counters]:
    """The entry for dual arguments that checks as it goes, and what it counts. The entry may raise Rejected."""
    counters = Counters()

    def tick(loop: int) -> bool:
        counters.ticks += 1
        counters.trips[loop] = counters.trips.get(loop, 0) + 1
        if counters.ticks > MAX_TICKS:
            raise Rejected("too long")
        return True

    def op(name: str, x: Any, y: Any) -> Any:
        if isinstance(x, str):
            return OPERATORS[name](x, y)
        out = INPLACE[name](x, y) if isinstance(x, list) and name in INPLACE else OPERATORS[name](x, y)
        real = duals.is_real(x) or duals.is_real(y)
        number = duals.base(out)
        if isinstance(number, (int, float)):
            counters.kinds.add(f"{'float' if real else 'int'} {SIGNS[name]}")
            if isinstance(number, int) and abs(number) >= 1 << 52:
                raise Rejected("a large integer")
            if isinstance(number, float) and not abs(number) <= LARGEST:
                raise Rejected("a large number")
        return out

    tree = _Instrument().visit(_tree(source))
    return _execute(tree, {**duals.namespace(), "_tick": tick, "_op": op}), counters
