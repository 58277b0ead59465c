"""IR as text: `print_module` and `parse_module`, each the other's inverse.

    graph @f(%x: f64, %n: int) -> f64 {
      graph @body(%i: int, %s: f64) -> f64 {   # captures %x
        %0: f64 = sin(%x);                      # model.py:4
        %1: f64 = add(%s, %0);                  # model.py:4
        return %1;                              # (`~` for `=` marks a derivative value, which may be contracted)
      }
      %2: f64 = for_loop(%n, @body, 0.0);
      return %2;
    }

Names are the user's, with a suffix where needed; the first graph is the entry. A comment `# file.py:line` is a span
and is read back; other comments are not kept.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from irad.errors import CompileError, Diagnostic, Span, refuse
from irad.graph.build import constant, literal
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.walk import all_graphs, captured
from irad.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    OBJECT,
    SCALARS,
    UNBOUND,
    UNIT,
    Array,
    Dim,
    Form,
    List,
    Record,
    Scalar,
    Stack,
    Static,
    Sum,
    Tuple,
    Type,
    leaves,
)

__all__ = ["Line", "alone", "joined", "parse_module", "parse_signature", "print_graph", "print_module", "printed"]


# -- printing -----------------------------------------------------------------------------------------------------


COMMENT_COLUMN = 80  # comments stand in one column; behind longer lines they follow


class Line(NamedTuple):
    """A line of the text, what stands behind its `#`, and the operation or graph that it shows."""

    code: str
    comment: str = ""
    node: Apply | Graph | None = None

    @property
    def span(self) -> Span | None:
        return self.node.span if self.node is not None else None


def print_module(module: Module) -> str:
    return joined(printed(module))


def printed(module: Module) -> list[Line]:
    """The lines of a module's text."""
    return _Printer(module).text()


def alone(graph: Graph) -> Module:
    """A module of one graph with those nested in it: names are local to its text."""
    module = Module()
    module.graphs.append(graph)
    return module


def print_graph(graph: Graph) -> str:
    return print_module(alone(graph))


def joined(lines: Sequence[Line]) -> str:
    """The text of lines, with the comments in one column."""
    width = min(max((len(line.code) for line in lines if line.comment), default=0), COMMENT_COLUMN)
    return "\n".join(f"{code:<{width}}  # {comment}" if comment else code for code, comment, _ in lines) + "\n"


def _unique_names(module: Module) -> dict[Graph, str]:
    """A name for each graph; the frontend calls blocks alike."""
    names: dict[Graph, str] = {}
    taken: set[str] = set()
    for g in all_graphs(module):
        name, n = g.name, 0
        while name in taken:
            n += 1
            name = f"{g.name}_{n}"
        taken.add(name)
        names[g] = name
    return names


class _Printer:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.names: dict[Node, str] = {}
        self.taken: set[str] = set()
        self.counter = 0
        self.graph_names = _unique_names(module)
        self.lines: list[Line] = []

    def text(self) -> list[Line]:
        for name, cases in self.module.sums.items():
            shown = " | ".join(str(Tuple(c)) for c in cases)
            self.lines.append(Line(f"type @{name} = {shown};"))
        for g in self.module.graphs:
            if self.lines:
                self.lines.append(Line(""))
            self.graph(g)
        return self.lines

    def graph(self, top: Graph) -> None:
        """Print iteratively: a stack of graphs, each with where it stands."""
        stack: list[tuple[Graph, Iterator[Any], str]] = []

        def begin(g: Graph, pad: str) -> None:
            params = ", ".join(f"{self.new_name(p)}: {p.type}" for p in g.params)
            free = [self.names[n] for n in captured(g) if n in self.names] if g.parent is not None else []
            head = f"{pad}graph @{self.graph_names[g]}({params}) -> {g.output.type} {{"
            self.lines.append(Line(head, f"captures {', '.join(free)}" if free else "", g))
            stack.append((g, self.items(g), pad))

        begin(top, "")
        while stack:
            g, items, pad = stack[-1]
            for item in items:
                if isinstance(item, Graph):
                    begin(item, pad + "  ")
                    break
                self.statement(item, pad + "  ")
            else:
                stack.pop()
                self.lines.append(Line(f"{pad}  return {self.operand(g.output)};"))
                self.lines.append(Line(pad + "}"))

    @staticmethod
    def items(graph: Graph) -> Iterator[Any]:
        printed: set[Graph] = set()
        for node in graph.body:
            for g in node.graphs:
                if g.parent is graph and g not in printed:
                    printed.add(g)
                    yield g
            yield node

    def statement(self, node: Apply, pad: str) -> None:
        operands = [self.operand(a) for a in node.args]
        if node.fn.name == "call":
            text = f"@{self.graph_name(node.graphs[0])}({', '.join(operands)})"
        else:
            if node.fn.layout:
                before = node.fn.layout[0]
                operands[before:before] = [f"@{self.graph_name(g)}" for g in node.graphs]
            facts = [f"{k}={fact_text(v)}" for k, v in node.facts().items()]
            text = f"{node.fn.name}({', '.join(operands + facts)})"
        comment = str(node.span) if node.span else ""
        if node.fn.order == "effect":
            self.names[node] = "()"
            self.lines.append(Line(f"{pad}{text};", comment, node))
        else:
            equals = "~" if node.adjoint else "="
            self.lines.append(Line(f"{pad}{self.new_name(node)}: {node.type} {equals} {text};", comment, node))

    def graph_name(self, graph: Graph) -> str:
        return self.graph_names.get(graph, graph.name)  # a graph that is not part of the text keeps its name

    def new_name(self, node: Node) -> str:
        if node.name is None:
            while (name := str(self.counter)) in self.taken:
                self.counter += 1
            self.counter += 1
        else:
            name, n = node.name, 0
            while name in self.taken:
                n += 1
                name = f"{node.name}_{n}"
        self.taken.add(name)
        self.names[node] = name = f"%{name}"
        return name

    def operand(self, node: Node) -> str:
        if node.__class__ is Constant:
            return constant_text(node)
        return self.names.get(node, "%<out of scope>")


def constant_text(node: Constant) -> str:
    value, type = node.value, node.type
    if value is UNDEF:
        return f"undef({type})"
    if type is FLOAT:
        return float_text(value)
    if type is INT:
        return str(value)
    if type is BOOL:
        return "true" if value else "false"
    if isinstance(type, Scalar):
        return f"{type}({float_text(value) if type.kind == 'f' else value})"
    if type is UNIT:
        return "()"
    if type is NONE:
        return "none"
    return f"static({value!r})"


def float_text(value: float) -> str:
    """Shortest text that reads back to the same bits."""
    if math.isnan(value):
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return "nan" if bits == 0x7FF8000000000000 else f"nan:0x{bits:x}"
    return repr(float(value))


def fact_text(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Form):
        return str(Record(value, [UNIT] * len(value.keys)))
    if isinstance(value, tuple):
        return f"({', '.join(map(fact_text, value))}{',' if len(value) == 1 else ''})"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)


def _quoted(text: str) -> str:
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


# -- parsing ------------------------------------------------------------------------------------------------------


def parse_module(text: str, primitives: Mapping[str, Any], *, file: str = "<ir>", max_length: int = 50_000_000) -> Module:
    """The module that `text` describes. Raises CompileError with the text's line where it is not IR."""
    from lark.exceptions import LarkError, UnexpectedInput

    if len(text) > max_length:
        raise refuse("ir-too-long", f"the text has {len(text)} characters; the limit is {max_length}")
    transformer = _Transformer(file)
    try:
        declarations = transformer.run(text)
    except UnexpectedInput as e:
        shown = text.splitlines()[e.line - 1].strip() if 0 < e.line <= text.count("\n") + 1 else ""
        raise refuse(
            "ir-syntax",
            f"line {e.line}, column {e.column}: this is not irad IR" + (f": {shown[:80]}" if shown else ""),
            help="`irad ir FILE:FUNCTION` prints text that reads back",
        ) from None
    except LarkError as e:
        original = getattr(e, "orig_exc", None)
        if isinstance(original, CompileError):
            raise original from None
        raise refuse("ir-syntax", str(e)) from None
    return _Linker(primitives, file, _spans(text)).link(declarations)


def parse_signature(text: str) -> list[Type]:
    """The argument types of "f64[3], int -> f64". The result's type may be left out; it is not checked here."""
    from lark.exceptions import LarkError

    from irad.grammar import parser

    try:
        tree = parser("signature").parse(text)
        from lark import Transformer
        from lark.visitors import v_args

        rules = v_args(inline=True)(type("Rules", (Transformer,), dict(_RULES)))()
        types = _transform(tree, rules)
        if any(OBJECT in leaves(t) for t in types):
            raise refuse("ir-type", "no type of an argument is called object")
        return types  # type: ignore[no-any-return]
    except CompileError:
        raise
    except LarkError:
        raise refuse("signature", f"{text!r} is not a signature", help='write types, as in "f64[3], int -> f64"') from None


_SPAN_COMMENT = re.compile(r"#\s*([^\s:#]+):(\d+)\s*$")


def _spans(text: str) -> dict[int, Span]:
    """Spans given as comments, by line of the text."""
    spans: dict[int, Span] = {}
    for i, line in enumerate(text.splitlines(), 1):
        if "#" in line and (m := _SPAN_COMMENT.search(line)):
            spans[i] = Span(m[1], int(m[2]))
    return spans


class _Transformer:
    """Turns grammar rules into declarations, run by Lark while it parses."""

    def __init__(self, file: str) -> None:
        self.file = file

    def run(self, text: str) -> list[Any]:
        from lark import Transformer
        from lark.visitors import v_args

        from irad.grammar import parser

        lark = parser("ir")
        rules = v_args(inline=True)(type("Rules", (Transformer,), dict(_RULES)))()
        # An embedded transformer would make a parser a text; walking the finished tree iteratively costs less than that.
        tree = lark.parse(text)
        module: list[Any] = _transform(tree, rules)
        return module


def _transform(tree: Any, rules: Any) -> Any:
    """Apply rules bottom-up without recursing on the depth of the text."""
    from lark import Token, Tree

    result: dict[int, Any] = {}
    for sub in tree.iter_subtrees():
        children = [result.pop(id(c)) if isinstance(c, Tree) else c for c in sub.children]
        method = getattr(rules, str(sub.data).removeprefix("types__"))
        result[id(sub)] = method(*children)
    assert not isinstance(result[id(tree)], Token)
    return result[id(tree)]


def _number(text: str) -> int | float:
    if re.fullmatch(r"-?\d+", text):
        if len(text) > 25:
            raise refuse("ir-constant", f"the integer {text[:25]}… does not fit 64 bits")
        return int(text)
    if text.startswith("nan:"):
        bits = int(text[4:], 16) & (2**64 - 1)
        value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
        if not math.isnan(value):
            raise refuse("ir-constant", f"{text} is not a nan")
        return value
    return float(text)


def _scalar_type(name: str) -> Type:
    if name == "object":
        return OBJECT
    try:
        return SCALARS[name]
    except KeyError:
        raise refuse("ir-type", f"line {getattr(name, 'line', '?')}: no type is called {name}") from None


def _dim(*parts: Any) -> int | Dim:
    parts = ("+", *parts) if len(parts) % 2 else parts  # the first sign may be left out
    total: Any = 0
    for sign, term in zip(parts[::2], parts[1::2], strict=True):
        total = Dim.of(total) + term if sign == "+" else Dim.of(total) - term
    return total  # type: ignore[no-any-return]


def _term(*factors: Any) -> int | Dim:
    total: int | Dim = 1
    for f in factors:
        total = total * (int(f) if f.isdigit() else Dim.symbol(str(f)))
    return total


def _fields(form: Any, pairs: tuple[Any, ...]) -> Record:
    return Record(form(tuple(k for k, _ in pairs)), [t for _, t in pairs])


def _class_form(name: str) -> Any:
    if name in ("irad.column", "irad.columns"):
        return lambda keys: Form("growing", name, keys)

    def make(keys: tuple[Any, ...]) -> Form:
        known = Form._interned.get(("namedtuple", name, tuple((type(k), k) for k in keys)))
        return known or Form("dataclass", name, keys)

    return make


def _array_type(name: str, *shape: Any) -> Type:
    dtype = _scalar_type(name)
    if not isinstance(dtype, Scalar) or dtype.weak:
        raise refuse("ir-type", f"an array holds machine scalars, not {dtype}")
    if any(isinstance(d, int) and d < 0 for d in shape):
        raise refuse("ir-type", f"a size of an array is negative: {name}[{', '.join(map(str, shape))}]")
    return Array(dtype, shape)


def _typed_number(name: str, text: str) -> Constant:
    type = _scalar_type(name)
    value = _number(text)
    if not isinstance(type, Scalar) or type is BOOL or (type.kind == "i" and isinstance(value, float)):
        raise refuse("ir-constant", f"{text} is not a {type}")
    return _number_constant(type, value)


def _number_constant(type: Scalar, value: int | float) -> Constant:
    if type.kind == "i":
        info = np.iinfo(type.dtype)
        if not info.min <= value <= info.max:
            raise refuse("ir-constant", f"{value} does not fit {type}")
        return constant(type, int(value))
    return constant(type, float(value))


def _plain_number(text: str) -> Constant:
    value = _number(text)
    return _number_constant(INT if isinstance(value, int) else FLOAT, value)


def _tuple_fact(*items: Any) -> Any:
    items = tuple(i for i in items if str(i) != ",")
    return Tuple(items) if items and all(isinstance(i, Type) for i in items) else items


def _string(text: str) -> str:
    return str(ast.literal_eval(str(text)))


_RULES: dict[str, Any] = {
    "signature": lambda self, *types: list(types),
    "result": lambda self, type: None,
    "start": lambda self, *items: (
        [i for i in items if i is not None] if not (len(items) and isinstance(items[0], list)) else items[0]
    ),
    "sum_declaration": lambda self, name, *cases: ("sum", str(name)[1:], cases),
    "case": lambda self, *types: tuple(t for t in types if isinstance(t, Type)),
    "graph": lambda self, name, *rest: ("graph", name, rest),
    "param": lambda self, name, type: ("param", name, type),
    "assignment": lambda self, name, type, equals, op, place=None: ("apply", name, type, str(equals) == "~", op, place),
    "effect": lambda self, op, place=None: ("apply", None, None, False, op, place),
    "application": lambda self, name, *args: (name, args),
    "direct_call": lambda self, name, *args: (name, args),
    "named_fact": lambda self, name, value: ("fact", str(name), value),
    "local": lambda self, name: ("local", name),
    "graph_reference": lambda self, name: ("reference", name),
    "number": lambda self, text: _plain_number(str(text)),
    "true": lambda self: literal(True),
    "false": lambda self: literal(False),
    "none": lambda self: literal(None),
    "unit": lambda self: constant(UNIT, ()),
    "typed_number": lambda self, name, text: _typed_number(name, str(text)),
    "undef": lambda self, type: constant(type, UNDEF),
    "static": lambda self, value: constant(Static(value), value),
    "number_fact": lambda self, text: _number(str(text)),
    "text_fact": lambda self, text: _string(text),
    "none_fact": lambda self: None,
    "true_fact": lambda self: True,
    "false_fact": lambda self: False,
    "tuple_fact": lambda self, *items: _tuple_fact(*items),
    "place": lambda self, file, line, column: Span(_string(file), int(line), max(0, int(column) - 1)),
    "scalar_type": lambda self, name: _scalar_type(name),
    "array_type": lambda self, name, *shape: _array_type(name, *shape),
    "tuple_type": lambda self, *items: Tuple(items),
    "list_type": lambda self, *items: Record(Form("list", "list", range(len(items))), items),
    "dict_type": lambda self, *pairs: _fields(lambda keys: Form("dict", "", keys), pairs),
    "record_type": lambda self, name, *pairs: _fields(_class_form(name), pairs),
    "growing_type": lambda self, item: List(item),
    "stack_type": lambda self, item: Stack(item),
    "static_type": lambda self, value: Static(value),
    "unbound_type": lambda self: UNBOUND,
    "sum_type": lambda self, name: Sum(str(name)[1:]),
    "dim": lambda self, *parts: _dim(*parts),
    "term": lambda self, *factors: _term(*factors),
    "field": lambda self, key, type: (key, type),
    "name_key": lambda self, name: str(name),
    "text_key": lambda self, text: _string(text),
    "number_key": lambda self, text: _number(str(text)),
    "qualified": lambda self, *names: ".".join(map(str, names)),
    "none_value": lambda self: None,
    "ellipsis_value": lambda self: ...,
    "text_value": lambda self, text: _string(text),
    "number_value": lambda self, text: _number(str(text)),
    "true_value": lambda self: True,
    "false_value": lambda self: False,
}


class _Linker:
    """Makes nodes from declarations: names to graphs first, for siblings may refer forward, then bodies in order."""

    def __init__(self, primitives: Mapping[str, Any], file: str, spans: dict[int, Span]) -> None:
        self.primitives, self.file, self.spans = primitives, file, spans
        self.module = Module()
        self.graphs: dict[str, Graph] = {}
        self.locals: dict[str, Node] = {}

    def fail(self, token: Any, name: str, message: str) -> CompileError:
        return CompileError(Diagnostic(name, f"line {getattr(token, 'line', '?')}: {message}"))

    def link(self, declarations: list[Any]) -> Module:
        todo: list[tuple[Any, Graph | None]] = []
        for d in declarations:
            if d[0] == "sum":
                if d[1] in self.module.sums:
                    raise refuse("ir-name", f"the type @{d[1]} is declared twice")
                self.module.sums[d[1]] = d[2]
            else:
                todo.append((d, None))
        if not todo:
            raise refuse("ir-syntax", "a module needs at least one graph")
        order: list[tuple[Graph, list[Any], Any]] = []
        bodies: dict[str, tuple[Graph, list[Any], Any]] = {}
        while todo:
            (_, name, rest), parent = todo.pop(0)
            graph = self.declare(name, rest, parent)
            statements = [s for s in rest if isinstance(s, tuple) and s[0] in ("graph", "apply")]
            order.append((graph, statements, rest[-1]))
            bodies[graph.name] = order[-1]
            todo[0:0] = [(s, graph) for s in statements if s[0] == "graph"]
        for graph, statements, output in order:
            if graph.parent is None:
                self.body(graph, statements, output, bodies)
        return self.module

    def declare(self, name: Any, rest: tuple[Any, ...], parent: Graph | None) -> Graph:
        key = str(name)[1:]
        if key in self.graphs:
            raise self.fail(name, "ir-name", f"@{key} is declared twice")
        self.module.unique(key)
        graph = self.graphs[key] = Graph(key, parent)
        if parent is None:
            self.module.graphs.append(graph)
        for item in rest:
            if isinstance(item, tuple) and item[0] == "param":
                p = Parameter(graph, item[2], _user_name(item[1]))
                graph.params.append(p)
                self.define(item[1], p)
            elif isinstance(item, Type):
                graph.result = item
        return graph

    def define(self, token: Any, node: Node) -> None:
        if str(token) in self.locals:
            raise self.fail(token, "ir-name", f"{token} is defined twice")
        self.locals[str(token)] = node

    def body(self, top: Graph, statements: list[Any], output: Any, bodies: dict[str, Any]) -> None:
        """Fill graphs in text order; a nested graph is filled where it stands."""
        stack = [(top, iter(statements), output)]
        while stack:
            graph, items, out = stack[-1]
            for s in items:
                if s[0] == "graph":
                    inner, inner_statements, inner_out = bodies[str(s[1])[1:]]
                    stack.append((inner, iter(inner_statements), inner_out))
                    break
                self.statement(graph, s)
            else:
                stack.pop()
                node = self.operand(graph, out)
                declared = graph.result
                graph.finish(node)
                graph.result = declared
                graph.role = graph.role or "function"

    def operand(self, graph: Graph, item: Any) -> Node:
        if isinstance(item, Constant):
            return item
        kind, token = item
        if kind == "reference":
            raise self.fail(
                token,
                "ir-function-value",
                f"{token} cannot be a value here; a graph is called, or given to an operation that takes graphs",
            )
        node = self.locals.get(str(token))
        if node is None:
            raise self.fail(token, "ir-name", f"{token} is not defined above")
        if not graph.within(node.graph):
            raise self.fail(token, "ir-scope", f"{token} belongs to another graph")
        return node

    def statement(self, graph: Graph, item: tuple[Any, ...]) -> None:
        _, name, type, adjoint, (fn, args), place = item
        line = getattr(fn, "line", 0)
        span = place or self.spans.get(line)
        if str(fn).startswith("@"):
            prim, graphs, values, facts = self.primitives["call"], [self.graph(fn)], args, {}
        else:
            prim = self.primitives.get(str(fn))
            if prim is None or prim.name == "call":
                raise self.fail(fn, "ir-operation", f"no operation is called {fn}")
            facts = {a[1]: a[2] for a in args if isinstance(a, tuple) and a[0] == "fact"}
            graphs = [self.graph(a[1]) for a in args if isinstance(a, tuple) and a[0] == "reference"]
            values = [a for a in args if not (isinstance(a, tuple) and a[0] in ("fact", "reference"))]
        if len(graphs) != (prim.layout[1] if prim.layout else 0):
            raise self.fail(
                fn,
                "ir-operation",
                f"`{prim.name}` takes {prim.layout[1] if prim.layout else 0} graphs, not {len(graphs)}",
            )
        if set(facts) != set(prim.statics):
            raise self.fail(
                fn,
                "ir-operation",
                f"`{prim.name}` takes the facts ({', '.join(prim.statics)}), not ({', '.join(facts)})",
            )
        static = tuple(_fact(k, facts[k]) for k in prim.statics)
        nodes = tuple(self.operand(graph, v) for v in values)
        for g in graphs:
            if g.parent is not None and g.role == "function" and prim.name in ("cond", "for_loop", "while_loop"):
                g.role = "branch" if prim.name == "cond" else "loop"
        node = Apply(graph, type or UNIT, prim, nodes, static, tuple(graphs), span, adjoint)
        if (name is None) != (prim.order == "effect"):
            raise self.fail(fn, "ir-operation", f"`{prim.name}` " + ("needs a result" if name is None else "has no result"))
        if name is not None:
            node.name = _user_name(name)
            self.define(name, node)
        graph.body.append(node)

    def graph(self, token: Any) -> Graph:
        found = self.graphs.get(str(token)[1:])
        if found is None:
            raise self.fail(token, "ir-name", f"no graph is called {token}")
        return found


def _fact(name: str, value: Any) -> Any:
    if name == "form" and isinstance(value, Record):
        return value.form
    return _type_fact(value) if name in ("of", "to") else value


def _type_fact(value: Any) -> Any:
    """A type; a tuple of types was read as a tuple where it has the unit among its items."""
    return Tuple(map(_type_fact, value)) if isinstance(value, tuple) else value


def _user_name(token: Any) -> str | None:
    """%x_1 is the user's x where that reads back to the same text; numbers are no names."""
    name = str(token)[1:]
    return None if name.isdigit() else name
