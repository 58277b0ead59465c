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

import numpy as np

from tests.generator import duals

__all__ = [
    "ENTRY",
    "Coordinate",
    "Counters",
    "Program",
    "Rejected",
    "instrumented",
    "load",
    "loaded",
    "registered",
    "run_plain",
]

ENTRY = "program"
MAX_TRIPS, MAX_TICKS, LARGEST = 300, 6000, 1e6


Coordinate = tuple[int, int]


@dataclass(slots=True)
class Program:
    """`source` defines the entry `program`; `tags` names patterns that the syntax alone does not show."""

    seed: int
    source: str
    args: tuple[Any, ...]
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Arguments that are lists stand for arrays: of floats, or [dtype, items, shape]."""
        self.args = tuple(_array(a) if isinstance(a, list) else a for a in self.args)

    @property
    def data(self) -> tuple[Any, ...]:
        """The arguments as plain data: arrays as lists."""
        return tuple(_plain(a) if isinstance(a, np.ndarray) else a for a in self.args)

    @property
    def floats(self) -> tuple[int, ...]:
        """The positions of the arguments that derivatives are taken in: floats and arrays."""
        return tuple(i for i, a in enumerate(self.args) if isinstance(a, (float, np.ndarray)))

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The numbers that derivatives are taken in: (argument, element), the element of an array counted flat."""
        return tuple((i, k) for i in self.floats for k in range(np.size(self.args[i])))


def _array(data: list[Any]) -> np.ndarray[Any, Any]:
    if data and isinstance(data[0], str):
        return np.array(data[1], dtype=data[0]).reshape(data[2])
    return np.array(data, dtype=float)


def _plain(a: np.ndarray[Any, Any]) -> list[Any]:
    data = a.tolist()
    if a.dtype == float and isinstance(data, list) and np.shape(data) == a.shape:
        return data
    return [a.dtype.name, np.ravel(a).tolist(), list(a.shape)]


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
    return loaded(source, label)[ENTRY]  # type: ignore[no-any-return]


def loaded(source: str, label: str = "program") -> dict[str, Any]:
    """The names that a text defines, which irad reads where it is registered."""
    file = registered(source, label)
    scope: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, file, "exec"), scope)
    return scope


def _scope(names: dict[str, Any]) -> dict[str, Any]:
    import irad

    return {
        "__name__": __name__,
        "math": math,
        "np": np,
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
    """The entry as CPython runs it; where derivatives are taken inside, by nested duals. The result is a number of Python's."""
    if "irad." in source:
        return on_duals(source)
    plain = _execute(_tree(source), {})

    def run(*args: Any) -> Any:
        out = plain(*(a.copy() if isinstance(a, np.ndarray) else a for a in args))
        return out.item() if isinstance(out, np.generic) else out

    return run


@functools.lru_cache(64)
def on_duals(source: str) -> Callable[..., Any]:
    """The entry for dual arguments."""
    return _on_duals(_tree(source), {})


def _on_duals(tree: ast.Module, names: dict[str, Any]) -> Callable[..., Any]:
    run = _execute(tree, {**duals.namespace(), **names})
    return lambda *args: run(*duals.entered(args))


@functools.lru_cache(64)
def on_precise(source: str) -> Callable[..., Any]:
    """The entry for arguments of 50 digits; to be called inside `duals.precise()`."""
    with duals.precise():
        names = {"_op": _precise_op, "_iop": _precise_iop, "_number": duals.number}
        return _on_duals(_Precise().visit(_tree(source)), names)


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
    "MatMult": operator.matmul,
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
    "MatMult": "@",
}
PRECISE: dict[str, Callable[[Any, Any], Any]] = {
    "Div": duals.div,
    "FloorDiv": duals.floordiv,
    "Mod": duals.mod,
    "Pow": duals.power,
}


def _precise_op(name: str, x: Any, y: Any) -> Any:
    exact = PRECISE.get(name)
    if exact is None or isinstance(x, str):
        return OPERATORS[name](x, y)
    if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
        return np.frompyfunc(exact, 2, 1)(x, y)
    return exact(x, y)


def _precise_iop(name: str, x: Any, y: Any) -> Any:
    return _in_place(x, _precise_op(name, x, y) if not isinstance(x, list) else OPERATORS[name](x, y))


def _in_place(x: Any, out: Any) -> Any:
    """What `x op= y` leaves in x, where out is `x op y`: lists and arrays change themselves."""
    if isinstance(x, (list, np.ndarray)):
        x[:] = out
        return x
    return out


class _Operators(ast.NodeTransformer):
    """Binary operators as calls of `_op` and `_iop`, so that operands can be looked at."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _call("_op", ast.Constant(type(node.op).__name__), node.left, node.right)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            value = _call("_iop", ast.Constant(type(node.op).__name__), ast.Name(node.target.id, ast.Load()), node.value)
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
        self.loops = self.within = 0

    def tick(self) -> ast.Call:
        self.loops += 1
        return _call("_tick", ast.Constant(self.loops))

    def visit_For(self, node: ast.For) -> ast.AST:
        self.inside(node)
        node.iter = _call("_array", ast.Constant("array iteration"), node.iter)
        node.body.insert(0, ast.Expr(self.tick()))
        return node

    def inside(self, node: ast.For | ast.While) -> None:
        self.within += 1
        self.generic_visit(node)
        self.within -= 1

    def visit_While(self, node: ast.While) -> ast.AST:
        self.inside(node)
        node.body.insert(0, ast.Expr(self.tick()))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = _call("_array", ast.Constant("array comprehension"), node.iter)
        node.ifs.insert(0, self.tick())
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if isinstance(node.target, ast.Subscript):
            kind = "augmented array slice" if _is_slice(node.target) else "augmented array element"
            node.target.value = _call("_array", ast.Constant(kind), node.target.value)
        return super().visit_AugAssign(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            node.operand = _call("_array", ast.Constant("array unary -"), node.operand)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        part = "slice" if _is_slice(node) else "element"
        found = {f"array {part} {'write' if isinstance(node.ctx, ast.Store) else 'read'}"}
        for p in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            found |= set(_index_kinds(p))
        self.generic_visit(node)
        for kind in sorted(found):
            node.value = _call("_array", ast.Constant(kind), node.value)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None:
            node.value = _call("_array", ast.Constant("array returned"), node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if self.within and isinstance(node.targets[0], ast.Name):
            node.value = _call("_array", ast.Constant("array rebound in a loop"), node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = 1 if isinstance(node.body[0], ast.Nonlocal) else 0
        given = [ast.Name(a.arg, ast.Load()) for a in node.args.args]
        node.body[first:first] = [ast.Expr(_call("_tick", ast.Constant(0))), ast.Expr(_call("_parameters", *given))]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.IfExp(_call("_tick", ast.Constant(0)), node.body, ast.Constant(None))
        return node


def _is_slice(node: ast.Subscript) -> bool:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(isinstance(p, ast.Slice) or (isinstance(p, ast.Constant) and p.value is ...) for p in parts)


def _index_kinds(part: ast.expr) -> list[str]:
    """What is special about one part of an index."""
    if isinstance(part, ast.Slice):
        return ["array negative step"] if isinstance(part.step, ast.UnaryOp) else []
    if isinstance(part, ast.Constant):
        return {None: ["array newaxis"], ...: ["array ellipsis"]}.get(part.value, [])
    if isinstance(part, ast.Attribute):
        return ["array newaxis"]
    return ["array negative index" if isinstance(part, ast.UnaryOp) else "array computed index"]


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
        out = OPERATORS[name](x, y)
        if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
            look(name, x, y, out)
            return out
        real = duals.is_real(x) or duals.is_real(y)
        number = duals.base(out)
        if isinstance(number, (int, float)):
            counters.kinds.add(f"{'float' if real else 'int'} {SIGNS[name]}")
            if isinstance(number, int) and abs(number) >= 1 << 52:
                raise Rejected("a large integer")
            if isinstance(number, float) and not abs(number) <= LARGEST:
                raise Rejected("a large number")
        return out

    def parameters(*values: Any) -> None:
        if any(isinstance(v, np.ndarray) for v in values):
            counters.kinds.add("array argument of a function")

    def look(name: str, x: Any, y: Any, out: Any) -> None:
        counters.kinds.add(f"array {SIGNS[name]}")
        if name == "Pow":
            counters.kinds.add("**")
        if name != "MatMult" and np.shape(x) != np.shape(y):
            counters.kinds.add("array and number" if np.ndim(x) * np.ndim(y) == 0 else "broadcasting")
        for v in np.ravel(out).tolist():
            if isinstance(duals.base(v), float) and not abs(duals.base(v)) <= LARGEST:
                raise Rejected("a large number")

    def iop(name: str, x: Any, y: Any) -> Any:
        array_kind("array augmented", x)
        return _in_place(x, op(name, x, y))

    def array_kind(kind: str, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            counters.kinds.add(kind)
        return x

    names = {"_tick": tick, "_op": op, "_iop": iop, "_array": array_kind, "_parameters": parameters}
    run = _on_duals(_Instrument().visit(_tree(source)), names)

    def enter(*args: Any) -> Any:
        counters.ticks = 0
        return run(*args)

    return enter, counters
