"""Python's syntax tree to the python stage: each function and block a graph that keeps its operations in order.

    def f(x):                graph @f(%x: object) -> object {
        y = x * x              %0: object = py_load(name="x", up=0);      # model.py:2
        return y + 1           %1: object = py_binary(%0, %0, op="*");    # model.py:2
                               py_store(%1, name="y", up=0);              # model.py:2
                               ...

Scopes are resolved here; everything else waits for specialize. Methods are tasks (see `graph.walk.run`): a long chain
of `elif` or of operators does not recurse.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from irad.frontend.scope import Scope, Signature, defaults_of, own_nodes
from irad.frontend.source import Definition, definition
from irad.frontend.subset import BINARY, COMPARE, UNARY, unsupported

from irad.errors import CompileError, Span, refuse
from irad.graph.build import constant, literal
from irad.graph.nodes import Apply, Graph, Node, Parameter
from irad.graph.walk import Task, run
from irad.primitives.python import PYTHON
from irad.types import NONE, OBJECT, Static

__all__ = ["lower"]


_lowered: WeakKeyDictionary[CodeType, dict[str, Graph]] = WeakKeyDictionary()  # equal code may stand in two files


def lower(function: FunctionType) -> Graph:
    """The python-stage graph of a function. Raises CompileError for what irad does not accept."""
    code = function.__code__
    files = _lowered.setdefault(code, {})
    found = files.get(code.co_filename)
    if found is None:
        if code.co_flags & 0x280:  # coroutine, async generator
            raise unsupported(ast.AsyncFunctionDef, Span(code.co_filename, code.co_firstlineno))
        node = definition(function)
        if code.co_flags & 0x20:
            raise refuse(
                "unsupported-yield",
                f"`{function.__name__}` is a generator, which cannot be compiled",
                _span(node, code.co_filename),
                help="build a list, or compute inside the loop",
            )
        found = files[code.co_filename] = _Function(node, code.co_filename, None, set(code.co_freevars)).lower()
    return found


def _span(node: ast.AST, file: str) -> Span:
    return Span(file, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)  # type: ignore[attr-defined]


class _Function:
    """Lowers one function (or generator expression); `parent` is the function around it."""

    def __init__(self, node: Any, file: str, parent: _Function | None, free: set[str]) -> None:
        self.node, self.file, self.parent, self.free = node, file, parent, free
        self.graph: Graph = None  # type: ignore[assignment]
        self.signature: Signature = None  # type: ignore[assignment]
        self.loops = 0

    # -- functions -------------------------------------------------------------------------------------------------

    def lower(self) -> Graph:
        graph: Graph = run(self.function())
        return graph

    def function(self) -> Task:
        node: Definition = self.node
        a = node.args
        body: list[Any] = [node.body] if isinstance(node, ast.Lambda) else node.body
        signature = self.signature = Signature(
            name=getattr(node, "name", "lambda"),
            positional_only=[p.arg for p in a.posonlyargs],
            positional=[p.arg for p in a.args],
            vararg=a.vararg.arg if a.vararg else None,
            keyword_only=[p.arg for p in a.kwonlyargs],
            kwarg=a.kwarg.arg if a.kwarg else None,
            defaults=len(a.defaults),
            keyword_defaults=[p.arg for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None],
            first_line=node.lineno,
        )
        scope = Scope().scan(body)
        signature.variables = set(signature.parameters) | set(scope.bound)
        self.start(signature.name, _span(node, self.file))
        for name in signature.parameters:
            self.graph.params.append(Parameter(self.graph, OBJECT, name, self.graph.span))
        if isinstance(node, ast.Lambda):
            value = yield self.expr(node.body)
            self.emit("return", node.body, value)
        else:
            yield self.statements(body)
        return self.finish()

    def start(self, name: str, span: Span) -> None:
        parent = self.parent.graph if self.parent else None
        self.graph = Graph(name if name.isidentifier() and not keyword.iskeyword(name) else "lambda", parent, span)

    def finish(self) -> Graph:
        self.graph.info = self.signature
        return self.graph.finish(literal(None))

    # -- blocks and operations ---------------------------------------------------------------------------------------

    def span(self, node: ast.AST) -> Span:
        return _span(node, self.file)

    def refuse(self, name: str, message: str, node: ast.AST, help: str = "") -> CompileError:
        return refuse(name, message, self.span(node), help=help)

    def emit(self, operation: str, at: ast.AST | Span, /, *args: Node, graphs: tuple[Graph, ...] = (), **facts: Any) -> Apply:
        prim = PYTHON["py_" + operation]
        span = at if isinstance(at, Span) else self.span(at)
        node = Apply(self.graph, prim.infer(), prim, args, tuple([facts[s] for s in prim.statics]), graphs, span)
        self.graph.body.append(node)
        return node

    def block(self, name: str, at: ast.AST, fill: Any, params: Sequence[str] = ()) -> Task:
        """A graph of this function's variables; `fill` is a task that builds into it and returns its value."""
        outer = self.graph
        self.graph = Graph(name, outer, self.span(at), "block")
        for p in params:
            self.graph.params.append(Parameter(self.graph, OBJECT, p, self.graph.span))
        value = yield fill
        block, self.graph = self.graph, outer
        return block.finish(value if isinstance(value, Node) else literal(None))

    def statements(self, body: Sequence[ast.stmt]) -> Task:
        for s in body:
            method = getattr(self, "stmt_" + type(s).__name__, None)
            if method is None:
                raise unsupported(type(s), self.span(s))
            yield method(s)

    def expr(self, node: ast.AST) -> Task:
        method = getattr(self, "expr_" + type(node).__name__, None)
        if method is None:
            raise unsupported(type(node), self.span(node))
        return method(node)  # type: ignore[no-any-return]

    def exprs(self, nodes: Sequence[ast.AST]) -> Task:
        out = []
        for n in nodes:
            out.append((yield self.expr(n)))
        return out

    # -- variables -------------------------------------------------------------------------------------------------

    def resolve(self, name: str, *, writes: bool = False) -> int | None:
        """How many functions up the variable lives; None for globals and built-ins."""
        up, scope = 0, self
        while True:
            if name in scope.signature.variables:
                if up:
                    scope.signature.cells.add(name)
                    if writes:
                        scope.signature.rebound.add(name)
                return up
            if scope.parent is None:
                return None
            scope, up = scope.parent, up + 1

    def load(self, name: str, at: ast.AST) -> Node:
        up = self.resolve(name)
        if up is not None:
            return self.emit("load", at, name=name, up=up)
        root = self
        while root.parent is not None:
            root = root.parent
        return self.emit("free" if name in root.free else "global", at, name=name)

    def store(self, name: str, value: Node, at: ast.AST) -> None:
        up = self.resolve(name, writes=True)
        if up is None:
            raise self.refuse(
                "unsupported-global",
                f"assigning `{name}`, which is not a variable of a compiled function",
                at,
                "return the value, or keep the state in an object that is passed in",
            )
        if value.name is None and isinstance(value, Apply):
            value.name = name
        self.emit("store", at, value, name=name, up=up)

    def assign(self, target: ast.AST, value: Node) -> Task:
        if isinstance(target, ast.Name):
            self.store(target.id, value, target)
        elif isinstance(target, (ast.Tuple, ast.List)):
            stars = [i for i, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
            parts = self.emit("unpack", target, value, n=len(target.elts), star=stars[0] if stars else -1)
            for i, t in enumerate(target.elts):
                part = self.emit("part", t, parts, index=i)
                yield self.assign(t.value if isinstance(t, ast.Starred) else t, part)
        elif isinstance(target, ast.Attribute):
            base = yield self.expr(target.value)
            self.emit("setattr", target, base, value, name=target.attr)
        elif isinstance(target, ast.Subscript):
            base = yield self.expr(target.value)
            index = yield self.expr(target.slice)
            self.emit("setitem", target, base, index, value)
        else:
            raise unsupported(type(target), self.span(target))

    # -- statements ------------------------------------------------------------------------------------------------

    def stmt_Expr(self, s: ast.Expr) -> Task:
        if not (isinstance(s.value, ast.Constant) and isinstance(s.value.value, str)):
            yield self.expr(s.value)

    def stmt_Pass(self, s: ast.Pass) -> Task:
        yield from ()

    def stmt_Assign(self, s: ast.Assign) -> Task:
        value = yield self.expr(s.value)
        for target in s.targets:
            yield self.assign(target, value)

    def stmt_AnnAssign(self, s: ast.AnnAssign) -> Task:
        if s.value is not None:
            value = yield self.expr(s.value)
            yield self.assign(s.target, value)

    def stmt_AugAssign(self, s: ast.AugAssign) -> Task:
        op = BINARY[type(s.op)]
        if isinstance(s.target, ast.Name):
            before = self.load(s.target.id, s.target)
            value = yield self.expr(s.value)
            self.store(s.target.id, self.emit("inplace", s, before, value, op=op), s.target)
        elif isinstance(s.target, ast.Attribute):
            base = yield self.expr(s.target.value)
            before = self.emit("getattr", s.target, base, name=s.target.attr)
            value = yield self.expr(s.value)
            self.emit("setattr", s, base, self.emit("inplace", s, before, value, op=op), name=s.target.attr)
        else:
            base = yield self.expr(s.target.value)
            index = yield self.expr(s.target.slice)
            before = self.emit("getitem", s.target, base, index)
            value = yield self.expr(s.value)
            self.emit("setitem", s, base, index, self.emit("inplace", s, before, value, op=op))

    def stmt_Delete(self, s: ast.Delete) -> Task:
        yield from ()
        for t in s.targets:
            if not isinstance(t, ast.Name):
                raise self.refuse(
                    "unsupported-del",
                    "`del` of an item or attribute cannot be compiled",
                    t,
                    "build a new list or dict without the item",
                )
            self.emit("delete", t, name=t.id, up=self.resolve(t.id, writes=True))

    def stmt_If(self, s: ast.If) -> Task:
        test = yield self.test(s.test)
        then = yield self.block("then", s, self.statements(s.body))
        orelse = yield self.block("orelse", s, self.statements(s.orelse))
        self.emit("if", s.test, test, graphs=(then, orelse))

    def stmt_While(self, s: ast.While) -> Task:
        test = yield self.block("test", s.test, self.test(s.test))
        self.loops += 1
        body = yield self.block("body", s, self.statements(s.body))
        self.loops -= 1
        orelse = yield self.block("orelse", s, self.statements(s.orelse))
        self.emit("while", self.heading(s, s.test), graphs=(test, body, orelse))

    def stmt_For(self, s: ast.For) -> Task:
        iterable = yield self.expr(s.iter)
        self.loops += 1
        body = yield self.block("body", s, self.loop_body(s.target, self.statements(s.body)), ["item"])
        self.loops -= 1
        orelse = yield self.block("orelse", s, self.statements(s.orelse))
        self.emit("for", self.heading(s, s.iter), iterable, graphs=(body, orelse))

    def heading(self, s: ast.stmt, last: ast.AST) -> Span:
        """The first line of a loop, for messages about the whole of it."""
        return Span(self.file, s.lineno, s.col_offset, last.end_lineno or 0, last.end_col_offset or 0)  # type: ignore[attr-defined]

    def loop_body(self, target: ast.AST, statements: Task) -> Task:
        yield self.assign(target, self.graph.params[0])
        yield statements

    def stmt_Return(self, s: ast.Return) -> Task:
        value = literal(None) if s.value is None else (yield self.expr(s.value))
        self.emit("return", s, value)

    def stmt_Break(self, s: ast.Break) -> Task:
        yield from ()
        self.emit("break", s)

    def stmt_Continue(self, s: ast.Continue) -> Task:
        yield from ()
        self.emit("continue", s)

    def stmt_Raise(self, s: ast.Raise) -> Task:
        if s.exc is None or s.cause is not None:
            raise self.refuse(
                "unsupported-raise",
                "`raise` without an exception, and `raise ... from`, cannot be compiled",
                s,
                'write `raise ValueError("...")`',
            )
        self.emit("raise", s, (yield self.expr(s.exc)))

    def stmt_Assert(self, s: ast.Assert) -> Task:
        test = yield self.test(s.test)
        message = yield self.block("message", s, self.expr(s.msg or ast.copy_location(ast.Constant(None), s)))
        self.emit("assert", s, test, graphs=(message,))

    def stmt_Nonlocal(self, s: ast.Nonlocal) -> Task:
        yield from ()

    def stmt_Import(self, s: ast.Import) -> Task:
        yield from ()
        for a in s.names:
            module = self.emit("import", s, name=a.name if a.asname else a.name.split(".")[0])
            self.store((a.asname or a.name).split(".")[0], module, s)

    def stmt_ImportFrom(self, s: ast.ImportFrom) -> Task:
        yield from ()
        if s.level or s.module is None or any(a.name == "*" for a in s.names):
            raise self.refuse(
                "unsupported-import",
                "a relative import inside a compiled function cannot be compiled",
                s,
                "import it at module level",
            )
        for a in s.names:
            module = self.emit("import", s, name=s.module)
            self.store(a.asname or a.name, self.emit("getattr", s, module, name=a.name), s)

    def stmt_FunctionDef(self, s: ast.FunctionDef) -> Task:
        decorators = yield self.exprs(s.decorator_list)
        value = yield self.inner_function(s)
        for d in reversed(decorators):
            value = self.emit("call", s, d, value, kinds=("",))
        self.store(s.name, value, s)

    def inner_function(self, node: Any) -> Task:
        if any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in own_nodes(node)):
            raise unsupported(ast.Yield, self.span(node))
        defaults = yield self.exprs(defaults_of(node))
        inner = _Function(node, self.file, self, set())
        graph = yield inner.function()
        return self.emit("function", node, *defaults, graphs=(graph,))

    # -- expressions -----------------------------------------------------------------------------------------------

    def expr_Name(self, e: ast.Name) -> Task:
        yield from ()
        return self.load(e.id, e)

    def expr_Constant(self, e: ast.Constant) -> Task:
        yield from ()
        v = e.value
        if isinstance(v, int) and not isinstance(v, bool) and not -(2**63) <= v < 2**63:
            raise self.refuse(
                "integer-too-large",
                f"{v} does not fit 64 bits",
                e,
                f"write it as a float: {float(v)!r}" if abs(v) < 1e300 else "integers have 64 bits",
            )
        if isinstance(v, complex):
            return self.emit("imaginary", e, value=v.imag)
        if isinstance(v, bytes):
            raise self.refuse("unsupported-constant", "a bytes constant cannot be compiled", e, "write a string")
        return literal(v) if not isinstance(v, str) and v is not None else constant(Static(v) if v is not None else NONE, v)

    def expr_BinOp(self, e: ast.BinOp) -> Task:
        left = yield self.expr(e.left)
        right = yield self.expr(e.right)
        return self.emit("binary", e, left, right, op=BINARY[type(e.op)])

    def expr_UnaryOp(self, e: ast.UnaryOp) -> Task:
        if isinstance(e.op, ast.USub) and isinstance(e.operand, ast.Constant):
            v = e.operand.value
            if isinstance(v, (int, float)) and not isinstance(v, bool):
                return (yield self.expr_Constant(ast.copy_location(ast.Constant(-v), e)))
        value = yield self.expr(e.operand)
        return self.emit("unary", e, value, op=UNARY[type(e.op)])

    def expr_BoolOp(self, e: ast.BoolOp) -> Task:
        """`a and b` is b if a else a, with Python's values."""
        return (yield self.operands(e, self.expr))

    def test(self, e: ast.expr) -> Task:
        """An expression of which only the truth is asked: the operands of `and` and `or` may have different types."""
        if isinstance(e, ast.BoolOp):
            return (yield self.operands(e, self.truth))
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            value = yield self.test(e.operand)
            return self.emit("unary", e, value, op="not")
        return (yield self.expr(e))

    def truth(self, e: ast.expr) -> Task:
        """The truth value of an expression."""
        value = yield self.test(e)
        if isinstance(e, ast.BoolOp) or (isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not)):
            return value
        return self.emit("unary", e, value, op="bool")

    def operands(self, e: ast.BoolOp, operand: Callable[[Any], Task]) -> Task:
        first = yield operand(e.values[0])
        return (yield self.short_circuit(e, operand, first, e.values[1:]))

    def short_circuit(self, e: ast.BoolOp, operand: Callable[[Any], Task], first: Node, rest: Sequence[ast.AST]) -> Task:
        if not rest:
            return first
        is_and = isinstance(e.op, ast.And)
        more = yield self.block("more", rest[0], self.short_circuit_rest(e, operand, rest))
        done = yield self.block("done", e, _value(first))
        return self.emit("choose", e, first, graphs=(more, done) if is_and else (done, more))

    def short_circuit_rest(self, e: ast.BoolOp, operand: Callable[[Any], Task], rest: Sequence[ast.AST]) -> Task:
        value = yield operand(rest[0])
        return (yield self.short_circuit(e, operand, value, rest[1:]))

    def expr_IfExp(self, e: ast.IfExp) -> Task:
        test = yield self.test(e.test)
        then = yield self.block("then", e.body, self.expr(e.body))
        orelse = yield self.block("orelse", e.orelse, self.expr(e.orelse))
        return self.emit("choose", e, test, graphs=(then, orelse))

    def expr_Compare(self, e: ast.Compare) -> Task:
        left = yield self.expr(e.left)
        return (yield self.comparison(e, left, list(zip(e.ops, e.comparators, strict=True))))

    def comparison(self, e: ast.Compare, left: Node, rest: list[Any]) -> Task:
        op, node = rest[0]
        right = yield self.expr(node)
        result = self.emit("compare", e, left, right, op=COMPARE[type(op)])
        if len(rest) == 1:
            return result
        more = yield self.block("more", e, self.comparison(e, right, rest[1:]))
        done = yield self.block("done", e, _value(result))
        return self.emit("choose", e, result, graphs=(more, done))

    def expr_Call(self, e: ast.Call) -> Task:
        function = yield self.expr(e.func)
        args, kinds = [], []
        for a in e.args:
            args.append((yield self.expr(a.value if isinstance(a, ast.Starred) else a)))
            kinds.append("*" if isinstance(a, ast.Starred) else "")
        for k in e.keywords:
            args.append((yield self.expr(k.value)))
            kinds.append(k.arg or "**")
        return self.emit("call", e, function, *args, kinds=tuple(kinds))

    def expr_Attribute(self, e: ast.Attribute) -> Task:
        value = yield self.expr(e.value)
        return self.emit("getattr", e, value, name=e.attr)

    def expr_Subscript(self, e: ast.Subscript) -> Task:
        value = yield self.expr(e.value)
        index = yield self.expr(e.slice)
        return self.emit("getitem", e, value, index)

    def expr_Slice(self, e: ast.Slice) -> Task:
        parts = []
        for p in (e.lower, e.upper, e.step):
            parts.append(literal(None) if p is None else (yield self.expr(p)))
        return self.emit("slice", e, *parts)

    def sequence(self, e: Any, op: str) -> Task:
        items = yield self.exprs([i.value if isinstance(i, ast.Starred) else i for i in e.elts])
        return self.emit(op, e, *items, stars=tuple(i for i, x in enumerate(e.elts) if isinstance(x, ast.Starred)))

    def expr_Tuple(self, e: ast.Tuple) -> Task:
        return (yield self.sequence(e, "tuple"))

    def expr_List(self, e: ast.List) -> Task:
        return (yield self.sequence(e, "list"))

    def expr_Dict(self, e: ast.Dict) -> Task:
        if any(k is None for k in e.keys):
            raise self.refuse(
                "unsupported-dict-unpacking",
                "`**` inside a dict cannot be compiled",
                e,
                "write dict(a, key=value), or list the keys",
            )
        keys = yield self.exprs([k for k in e.keys if k is not None])
        values = yield self.exprs(e.values)
        return self.emit("dict", e, *keys, *values)

    def expr_NamedExpr(self, e: ast.NamedExpr) -> Task:
        value = yield self.expr(e.value)
        self.store(e.target.id, value, e.target)
        return value

    def expr_Lambda(self, e: ast.Lambda) -> Task:
        return (yield self.inner_function(e))

    def expr_JoinedStr(self, e: ast.JoinedStr) -> Task:
        parts = yield self.exprs(e.values)
        return self.emit("text", e, *parts)

    def expr_FormattedValue(self, e: ast.FormattedValue) -> Task:
        value = yield self.expr(e.value)
        spec = e.format_spec
        if spec is not None and not all(isinstance(v, ast.Constant) for v in spec.values):  # type: ignore[attr-defined]
            raise self.refuse(
                "unsupported-format",
                "a format that contains values cannot be compiled",
                e,
                'write the format as text: f"{x:.3f}"',
            )
        text = "".join(v.value for v in spec.values) if spec is not None else ""  # type: ignore[attr-defined]
        return self.emit("format", e, value, conversion=chr(e.conversion) if e.conversion > 0 else "", spec=text)

    def comprehension(self, e: Any, kind: str, yields: Sequence[ast.AST]) -> Task:
        first = yield self.expr(e.generators[0].iter)
        inner = _Generator(e, self.file, self, set())
        graph = yield inner.generator(e.generators, yields)
        return self.emit("generator", e, first, kind=kind, graphs=(graph,))

    def expr_ListComp(self, e: ast.ListComp) -> Task:
        return (yield self.comprehension(e, "list", [e.elt]))

    def expr_GeneratorExp(self, e: ast.GeneratorExp) -> Task:
        return (yield self.comprehension(e, "generator", [e.elt]))

    def expr_DictComp(self, e: ast.DictComp) -> Task:
        return (yield self.comprehension(e, "dict", [e.key, e.value]))


class _Generator(_Function):
    """A comprehension: nested loops that yield, with variables of their own. Its graph takes the outermost iterable."""

    def generator(self, generators: list[ast.comprehension], yields: Sequence[ast.AST]) -> Task:
        names: set[str] = set()
        for g in generators:
            names |= {n.id for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self.signature = Signature("comprehension", [".iterable"], [], None, [], None, 0, [], variables={*names, ".iterable"})
        self.start("comprehension", self.span(self.node))
        iterable = Parameter(self.graph, OBJECT, "iterable", self.graph.span)
        self.graph.params.append(iterable)
        yield self.nest(generators, iterable, yields)
        return self.finish()

    def nest(self, generators: list[ast.comprehension], iterable: Node, yields: Sequence[ast.AST]) -> Task:
        g = generators[0]
        if g.is_async:
            raise unsupported(ast.AsyncFor, self.span(self.node))
        body = yield self.block(
            "body", g.target, self.loop_body(g.target, self.inside(g.ifs, generators[1:], yields)), ["item"]
        )
        orelse = yield self.block("orelse", g.target, _value(None))
        self.emit("for", g.target, iterable, graphs=(body, orelse))

    def inside(self, ifs: list[ast.expr], generators: list[ast.comprehension], yields: Sequence[ast.AST]) -> Task:
        if ifs:
            test = yield self.test(ifs[0])
            then = yield self.block("then", ifs[0], self.inside(ifs[1:], generators, yields))
            orelse = yield self.block("orelse", ifs[0], _value(None))
            self.emit("if", ifs[0], test, graphs=(then, orelse))
        elif generators:
            iterable = yield self.expr(generators[0].iter)
            yield self.nest(generators, iterable, yields)
        else:
            values = yield self.exprs(yields)
            self.emit("yield", yields[0], *values)


def _value(node: Node | None) -> Task:
    yield from ()
    return node
