"""The nodes of irad's IR: `Parameter`, `Constant`, `Apply`; `Graph` and `Module` hold them.

A graph keeps its operations in `body`, in an order in which they can be run. Operations of a graph may use nodes of
the graphs around it: it is then a closure, and what it captures is found (`walk.free_nodes`), never declared.
Nodes never change once built (the Builder takes the mark `adjoint` back, where the program turns out to compute the same
value); a pass builds new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from irad.errors import Span
from irad.types import Type

if TYPE_CHECKING:
    from irad.primitives.table import Primitive

__all__ = ["UNDEF", "Apply", "Constant", "Graph", "Module", "Node", "Parameter"]


class Node:
    """A value of the IR. `graph` owns it (None for constants); `name` is the user's, where there is one."""

    __slots__ = ("graph", "name", "span", "type")
    type: Type
    graph: Graph | None
    span: Span | None
    name: str | None


class Parameter(Node):
    __slots__ = ()
    graph: Graph

    def __init__(self, graph: Graph, type: Type, name: str | None = None, span: Span | None = None) -> None:
        self.graph, self.type, self.name, self.span = graph, type, name, span

    def __repr__(self) -> str:
        return f"%{self.name or '?'}: {self.type}"


class Undef:
    """The value of a result that is never read: of a branch that raises, of a variable not yet bound."""

    def __repr__(self) -> str:
        return "undef"


UNDEF = Undef()


class Constant(Node):
    __slots__ = ("value",)
    value: Any

    def __init__(self, type: Type, value: Any) -> None:
        self.type, self.value = type, value
        self.graph = self.span = self.name = None

    def __repr__(self) -> str:
        return f"{self.value!r}: {self.type}"


class Apply(Node):
    """`fn(*args)` with compile-time facts `static` (in the order of `fn.statics`) and graphs it may call.

    `adjoint` marks a derivative value: it has no counterpart in Python and may be contracted.
    """

    __slots__ = ("adjoint", "args", "fn", "graphs", "static")
    graph: Graph
    fn: Primitive
    args: tuple[Node, ...]
    static: tuple[Any, ...]
    graphs: tuple[Graph, ...]
    adjoint: bool

    def __init__(
        self,
        graph: Graph,
        type: Type,
        fn: Primitive,
        args: tuple[Node, ...],
        static: tuple[Any, ...] = (),
        graphs: tuple[Graph, ...] = (),
        span: Span | None = None,
        adjoint: bool = False,
    ) -> None:
        self.graph, self.type, self.fn, self.args, self.static, self.graphs = graph, type, fn, args, static, graphs
        self.span, self.adjoint, self.name = span, adjoint, None

    def __repr__(self) -> str:
        return f"{self.name or ''}<{self.fn.name}: {self.type}>"

    def facts(self) -> dict[str, Any]:
        """The compile-time facts by name, as rules take them."""
        return dict(zip(self.fn.statics, self.static, strict=True))


class Graph:
    """A function of the IR: parameters, a body in run order, an output. `parent` is the graph it is nested in."""

    __slots__ = (
        "__weakref__",
        "body",
        "effects",
        "info",
        "name",
        "open",
        "output",
        "params",
        "parent",
        "remark",
        "result",
        "role",
        "span",
    )
    name: str
    params: list[Parameter]
    body: list[Apply]
    output: Node
    parent: Graph | None
    span: Span | None
    result: Type | None  # the output's type; a recursive graph declares it before it has an output
    open: bool  # the Builder's: whether nodes of this graph may be shared at the point being built
    effects: bool  # whether running it may raise, print, or call what may
    info: Any  # what a stage knows of the whole graph: the frontend's signature, the entry's structures
    role: str  # "function", "branch" or "loop": who may call it
    remark: str  # for dumps: what a pass decided about it, and why

    def __init__(self, name: str, parent: Graph | None = None, span: Span | None = None, role: str = "function") -> None:
        self.name, self.parent, self.span, self.role = name, parent, span, role
        self.params, self.body, self.open, self.effects, self.info, self.result = [], [], False, False, None, None
        self.remark = ""

    def __repr__(self) -> str:
        return f"@{self.name}"

    def finish(self, output: Node) -> Graph:
        """Set the output: the last step of building."""
        self.output, self.result = output, output.type
        return self

    def within(self, ancestor: Graph | None) -> bool:
        """Whether self is `ancestor` or nested in it."""
        g: Graph | None = self
        while g is not None:
            if g is ancestor:
                return True
            g = g.parent
        return False

    def path(self) -> Iterator[Graph]:
        """self, its parent, and so on outwards."""
        g: Graph | None = self
        while g is not None:
            yield g
            g = g.parent


class Module:
    """Top-level graphs, the entry first, and the sums they use: name -> cases, a case a tuple of field types."""

    __slots__ = ("graphs", "names", "sums")
    graphs: list[Graph]
    sums: dict[str, tuple[tuple[Type, ...], ...]]
    names: dict[str, int]

    def __init__(self) -> None:
        self.graphs, self.sums, self.names = [], {}, {}

    @property
    def entry(self) -> Graph:
        return self.graphs[0]

    def unique(self, name: str) -> str:
        """`name`, with a suffix where the module has used it already."""
        n = self.names.get(name)
        if n is None:
            self.names[name] = 1
            return name
        while f"{name}_{n}" in self.names:
            n += 1
        self.names[name] = n + 1
        self.names[f"{name}_{n}"] = 1
        return f"{name}_{n}"

    def __str__(self) -> str:
        from irad.graph.text import print_module

        return print_module(self)
