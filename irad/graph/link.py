"""What was read to nodes: names to graphs first, since siblings may refer forward, then the bodies in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from irad.errors import Span
from irad.graph.nodes import Apply, Constant, Graph, Module, Node, Parameter
from irad.graph.read_types import TextError
from irad.types import Record, Tuple, Type

__all__ = ["Application", "Linker", "Places", "Reference", "Statement", "Text"]

Places = dict[Any, Any]  # node or graph -> the token that names it
ROLES = {"cond": "branch", "fused": "branch", "for_loop": "loop", "while_loop": "loop"}


@dataclass(slots=True)
class Reference:
    """%x, or @f among the arguments of an operation."""

    name: Any


@dataclass(slots=True)
class Application:
    """An operation with its arguments; `name` is @f where a graph is called."""

    name: Any
    values: list[Any]  # References and Constants
    graphs: list[Any]
    facts: list[tuple[Any, Any]]


@dataclass(slots=True)
class Statement:
    """An operation and the value that it defines, if it does."""

    operation: Application
    name: Any
    type: Type
    adjoint: bool
    place: Span | None


@dataclass(slots=True)
class Text:
    """A graph as it was read."""

    name: Any
    params: list[tuple[str, Any, Type]]
    result: Type
    place: Span | None
    statements: list[Any]
    output: Any


class Linker:
    """Makes the module of what was read."""

    def __init__(self, primitives: Mapping[str, Any], spans: dict[int, Span]) -> None:
        self.primitives, self.spans = primitives, spans
        self.module = Module()
        self.graphs: dict[str, Graph] = {}
        self.locals: dict[str, Node] = {}
        self.places: Places = {}

    def link(self, items: list[Any]) -> Module:
        tops = [i for i in items if isinstance(i, Text)]
        for item in items:
            if not isinstance(item, Text):
                _, name, cases = item
                if str(name)[1:] in self.module.sums:
                    raise TextError("ir-name", name, f"the type {name} is declared twice")
                self.module.sums[str(name)[1:]] = cases
        if not tops:
            raise TextError("ir-syntax", None, "a module needs at least one graph")
        todo: list[tuple[Text, Graph | None]] = [(t, None) for t in reversed(tops)]
        while todo:
            text, parent = todo.pop()
            graph = self.declare(text, parent)
            todo.extend((s, graph) for s in reversed(text.statements) if isinstance(s, Text))
        for text in tops:
            self.body(text)
        return self.module

    def declare(self, text: Text, parent: Graph | None) -> Graph:
        key = str(text.name)[1:]
        if key in self.graphs:
            raise TextError("ir-name", text.name, f"@{key} is declared twice")
        self.module.unique(key)
        graph = self.graphs[key] = Graph(key, parent, text.place)
        graph.result = text.result
        self.places[graph] = text.name
        if parent is None:
            self.module.graphs.append(graph)
        for _, name, type in text.params:
            p = Parameter(graph, type, _user_name(name))
            graph.params.append(p)
            self.define(name, p)
        return graph

    def define(self, token: Any, node: Node) -> None:
        if str(token) in self.locals:
            raise TextError("ir-name", token, f"{token} is defined twice")
        self.locals[str(token)] = node
        self.places[node] = token

    def body(self, top: Text) -> None:
        """Fill graphs in text order; a nested graph is filled where it stands."""
        stack: list[tuple[Graph, Text, Iterator[Any]]] = []

        def begin(text: Text) -> None:
            stack.append((self.graphs[str(text.name)[1:]], text, iter(text.statements)))

        begin(top)
        while stack:
            graph, text, statements = stack[-1]
            for s in statements:
                if isinstance(s, Text):
                    begin(s)
                    break
                self.statement(graph, s)
            else:
                stack.pop()
                graph.output = self.operand(graph, text.output)

    def operand(self, graph: Graph, item: Any) -> Node:
        if isinstance(item, Constant):
            return item
        token = item.name
        if token.type == "GRAPH":
            raise TextError(
                "ir-function-value",
                token,
                f"{token} cannot be a value here",
                "a graph is called, or given to an operation that takes graphs",
            )
        node = self.locals.get(str(token))
        if node is None:
            raise TextError("ir-name", token, f"{token} is not defined above")
        if not graph.within(node.graph):
            raise TextError("ir-scope", token, f"{token} belongs to another graph")
        return node

    def statement(self, graph: Graph, s: Statement) -> None:
        fn = s.operation.name
        if fn.type == "GRAPH":
            prim, graphs = self.primitives["call"], [self.graph(fn)]
        else:
            prim = self.primitives.get(str(fn))
            if prim is None or prim.name == "call":
                raise TextError("ir-operation", fn, f"no operation is called {fn}")
            graphs = [self.graph(g) for g in s.operation.graphs]
        wanted = prim.layout[1] if prim.layout else 0
        if len(graphs) != wanted:
            raise TextError("ir-operation", fn, f"`{prim.name}` takes {wanted} graphs, not {len(graphs)}")
        facts = {str(k): v for k, v in s.operation.facts}
        if set(facts) != set(prim.statics) or len(facts) != len(s.operation.facts):
            given = ", ".join(str(k) for k, _ in s.operation.facts)
            raise TextError("ir-operation", fn, f"`{prim.name}` takes the facts ({', '.join(prim.statics)}), not ({given})")
        static = tuple([_fact(k, facts[k]) for k in prim.statics])
        nodes = tuple([self.operand(graph, v) for v in s.operation.values])
        if (s.name is None) != (prim.order == "effect"):
            raise TextError("ir-operation", fn, f"`{prim.name}` " + ("needs a result" if s.name is None else "has no result"))
        for g in graphs:
            if g.parent is not None:
                g.role = ROLES.get(prim.name, g.role)
        span = s.place or self.spans.get(fn.line)
        node = Apply(graph, s.type, prim, nodes, static, tuple(graphs), span, s.adjoint)
        self.places[node] = fn
        if s.name is not None:
            node.name = _user_name(s.name)
            self.define(s.name, node)
            self.places[node] = fn
        graph.body.append(node)

    def graph(self, token: Any) -> Graph:
        found = self.graphs.get(str(token)[1:])
        if found is None:
            raise TextError("ir-name", token, f"no graph is called {token}")
        return found


def _fact(name: str, value: Any) -> Any:
    if name == "form" and isinstance(value, Record):
        return value.form
    return _type_fact(value) if name in ("of", "to") else value


def _type_fact(value: Any) -> Any:
    """A type; a tuple of types was read as a tuple of facts."""
    if not isinstance(value, tuple):
        return value
    items = tuple(map(_type_fact, value))
    return Tuple(items) if all(isinstance(i, Type) for i in items) else value


def _user_name(token: Any) -> str | None:
    """%x_1 is the user's x where that reads back to the same text; numbers are no names."""
    name = str(token)[1:]
    return None if name.isdigit() else name
