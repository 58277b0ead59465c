"""Jacobians of straight-line code by elimination of the vertices of its linearised graph, in any order.

    f(x, y) = (sin(x * y), x * y + y)

    vertices: x, y, mul.0 = x * y, sin.0, add.0        edges: mul.0 -> sin.0 with the partial cos(mul.0), ...

Eliminating a vertex v adds, for each edge u -> v and each edge v -> w, the product of their partials to the edge u -> w. When
only inputs and outputs are left, the edges are the Jacobian. Every order gives the same Jacobian; what it costs depends on the
order. Forward mode eliminates from the inputs, reverse mode from the outputs.

Partials come from the records of the primitives, and everything is ordinary IR: the Builder folds what is known, adds no zeros,
and shares a reciprocal that several partials divide by.

After Griewank and Reese, "On the calculation of Jacobian matrices by the Markowitz rule", 1991.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irad.elimination.graph import Edge, Partial, Region, Vertex
from irad.elimination.nodes import Partials, known
from irad.errors import CompileError, Span, refuse
from irad.graph.build import Builder, constant_value, is_constant, literal
from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import Task, applies, captured, run
from irad.optimize.demand import state_of
from irad.optimize.elements import MOST_ELEMENTS, by_elements, elements_of, has_elements, known_shape, size
from irad.optimize.unroll import TRIPS
from irad.primitives.control import derivative_type
from irad.types import Array, Tuple, Type, is_float, tangent_type

__all__ = ["Linearised", "NotStraightLine", "local_partial"]

MOST_OPERATIONS = 1_000


class NotStraightLine(Exception):
    """A function has no linearised graph; the message says why."""

    def __init__(self, message: str, node: Apply | None) -> None:
        super().__init__(message)
        self.node = node
        self.call: Span | None = None  # of the function whose body the node is in

    def refusal(self, span: Span | None) -> CompileError:
        """For the user, with the operation's place, or the one given."""
        found = self.node.span if self.node is not None else None
        return refuse(
            "not-straight-line",
            f"the vertices of a function that is no straight-line code: {self}",
            found.called_from(self.call).users() if found is not None else span,
            help='of what has branches and loops take the Jacobian without an order, or with order="forward" or "reverse"',
        )


class Linearised:
    """A function written out on numbers in the graph that `b` builds, and the region of its partials, which are nodes there.

    Its inputs are the numbers of the parameters `wrt`, its vertices all operations that vary with them.
    """

    most_elements = MOST_ELEMENTS  # of an array that is taken apart

    def __init__(self, b: Builder, graph: Graph, wrt: Sequence[int], params: Sequence[Node]) -> None:
        self.b, self.graph, self.params = b, graph, [params[k] for k in wrt]
        self.inputs: list[list[int]] = []  # the vertices of each parameter in `wrt`, in C order
        self._vertices: list[Vertex] = []
        self._edges: list[Edge] = []
        self._count: dict[str, int] = {}
        self.number: dict[Node, int] = {}  # number -> its vertex
        self._others: dict[Node, int] = {}  # operands that do not vary
        self._active: set[Node] = set()
        self._running: set[Graph] = set()
        self._env: dict[Node, Any] = {}  # node -> node, elements of an array, or a list of items
        names = _names(graph)
        for k, (p, new) in enumerate(zip(graph.params, params, strict=True)):
            self._env[p] = self._input(new, names[k]) if k in wrt else new
        self._call: Span | None = None  # whose body is being written out
        try:
            run(self._write_out(graph))
        except NotStraightLine as e:
            e.call = self._call
            raise
        for node in list(b.graph.body):  # now, so that no operation of the function is taken for a part of a partial
            self._linearise(node)
        self.outputs, self.results = self._outputs()
        ends = [v for row in self.outputs for v in row if v is not None]
        self.region = self._region(ends)

    def _region(self, ends: Sequence[int]) -> Region:
        return Region(self._vertices, self._edges, range(sum(map(len, self.inputs))), ends)

    # -- the function on numbers -----------------------------------------------------------------------------------------

    def _input(self, p: Node, name: str) -> Any:
        found = self._elements(p)
        first = len(self._vertices)
        places = np.ndindex(*known_shape(p.type)) if isinstance(p.type, Array) else [()]
        self._vertices += [Vertex(f"{name}{list(place) if place else ''}") for place in places]
        self.inputs.append(list(range(first, len(self._vertices))))
        self.number.update(zip(_flat(found), self.inputs[-1], strict=True))
        self._active.update(_flat(found))
        return found

    def _elements(self, x: Any) -> Any:
        """An array by its numbers; or the number it is."""
        if isinstance(x, np.ndarray) or not isinstance(x.type, Array):
            return x
        shape = known_shape(x.type)
        if size(x.type) > MOST_OPERATIONS:
            raise NotStraightLine("it has too large an array", None)
        return elements_of([self.b.index(x, *[literal(int(i)) for i in place]) for place in np.ndindex(*shape)], shape)

    def _write_out(self, graph: Graph) -> Task:
        """The operations of a graph; those of what it calls, of trips that are known and of branches in their place."""
        b, body = self.b, self.b.graph.body
        if graph in self._running:
            raise NotStraightLine("it calls itself", None)
        self._running.add(graph)
        for node in graph.body:
            if node.graphs:
                yield self._put_in_place(node)
                continue
            done = len(body)
            b.span, b.adjoint = node.span, node.adjoint
            new = self._env[node] = self._applied(node)
            if new.__class__ is Apply and new.name is None:
                new.name = node.name
            self._active.update(n for n in body[done:] if any(a in self._active for a in n.args))
            if len(body) > MOST_OPERATIONS:
                raise NotStraightLine("it has too many operations", node)
        self._running.remove(graph)

    def _put_in_place(self, node: Apply) -> Task:
        name, args = node.fn.name, [self._get(a) for a in node.args]
        if name == "call":
            (called,) = node.graphs
            before, span = self._call, node.span
            self._call = span.called_from(before) if span is not None else before
            self._env.update(zip(called.params, args, strict=True))
            yield self._write_out(called)
            self._env[node], self._call = self._get(called.output), before
        elif name == "cond" and is_constant(args[0]):
            taken = node.graphs[0 if args[0].value else 1]
            yield self._write_out(taken)
            self._env[node] = self._get(taken.output)
        elif name == "for_loop" and is_constant(args[0]) and args[0].value <= TRIPS:
            (body,), values = node.graphs, args[1:]
            for k in range(args[0].value):
                self._env.update(zip(body.params, [literal(k), *values], strict=True))
                yield self._write_out(body)
                values = [self._get(s) for s in state_of(body, name)]
            self._env[node] = values[0] if len(values) == 1 else values
        elif self._stays(node):
            self._env[node] = yield self._copied(node)
        else:
            raise NotStraightLine(f"it has a `{name}`", node)

    def _stays(self, node: Apply) -> bool:
        """Whether a loop or branch takes and makes nothing that varies, and calls no function."""
        if any(h.parent is None for g in node.graphs for n in applies(g) for h in n.graphs) or node.fn.name == "call":
            return False
        taken = [self._get(a) for a in (*node.args, *(c for g in node.graphs for c in captured(g)))]
        return all(isinstance(v, Node) and v not in self._active for v in taken)

    def _copied(self, node: Apply) -> Task:
        """A loop or branch as it is."""
        b, graphs = self.b, []
        for g in node.graphs:
            new = b.new_graph(g.name, b.graph, g.role)
            self._env.update((p, b.parameter(new, p.type, p.name)) for p in g.params)
            with b.inside(new):
                for n in g.body:
                    b.span, b.adjoint = n.span, n.adjoint
                    if n.graphs:
                        self._env[n] = yield self._copied(n)
                    else:
                        self._env[n] = b.apply(n.fn, [self._get(a) for a in n.args], n.static)
                new.finish(self._get(g.output))
            graphs.append(new)
        b.span = node.span
        return b.apply(node.fn, [self._get(a) for a in node.args], node.static, tuple(graphs))

    def _get(self, node: Node) -> Any:
        return self._env.get(node, node)  # a constant stands for itself

    def _applied(self, node: Apply) -> Any:
        name = node.fn.name
        args = [self._get(a) for a in node.args]
        if name in ("make_tuple", "make_record"):
            return args
        if name == "getitem" and isinstance(args[0], list):
            return args[0][node.static[0]]
        if any(isinstance(a, list) for a in args):
            raise NotStraightLine(f"`{name}` takes a tuple", node)
        return self._operation(node, args)

    def _operation(self, node: Apply, args: list[Any]) -> Any:
        """An operation that neither takes nor makes tuples."""
        name = node.fn.name
        of_arrays = any(isinstance(a.type, Array) for a in (node, *node.args))
        if not any(isinstance(a, np.ndarray) or (of_arrays and a in self._active) for a in args):
            return self.b.apply(node.fn, args, node.static)
        if name == "array":
            return elements_of(args, known_shape(node.type))
        known = [a if a.__class__ is Constant else old for a, old in zip(args, node.args, strict=True)]  # places of a trip
        here = Apply(node.graph, node.type, node.fn, tuple(known), node.static)
        if not has_elements(here, self.most_elements):
            raise NotStraightLine(f"`{name}` is no operation on a few numbers", node)
        return by_elements(self.b, here, [self._elements(a) for a in args])

    # -- vertices and partials -------------------------------------------------------------------------------------------

    def _linearise(self, node: Apply) -> None:
        """Make a vertex of an operation if it varies with the inputs."""
        if node in self.number or node.fn.order == "effect" or tangent_type(node.type) is None:
            return
        name = f"{node.fn.name}.{self._count.setdefault(node.fn.name, 0)}"  # whichever inputs it is that vary
        self._count[node.fn.name] += 1
        self.b.span, self.b.adjoint = node.span, True
        edges = self._partials(node)
        if not edges:
            return
        self._edges += [Edge(u, len(self._vertices), p) for u, p in edges.items()]
        self._vertices.append(self._vertex(node, name))
        self.number[node] = len(self._vertices) - 1

    def _partials(self, node: Apply) -> dict[int, Partial]:
        """The partial of an operation by each vertex."""
        edges: dict[int, Node] = {}
        for i, a in enumerate(node.args):
            u = self.number.get(a)
            p = local_partial(self.b, node, i) if u is not None else None
            if p is not None and u is not None:
                edges[u] = self.b.add(edges[u], p) if u in edges else p
        if edges and any(a.type.strong is not node.type.strong for a in node.args if a in self.number):  # type: ignore[attr-defined]
            raise NotStraightLine("it mixes precisions", node)
        return {u: known(p) for u, p in edges.items()}

    def _vertex(self, node: Apply, name: str) -> Vertex:
        """The vertex of an operation, by which those that compute the same are known."""
        what, args = [node.fn.name, *map(str, node.static)], list[str | float]()
        for i, a in enumerate(node.args):
            value = constant_value(a)
            if a in self.number:
                args.append(self._vertices[self.number[a]].name)
            elif value is not None:
                args.append(float(value))
            else:  # what does not vary is no vertex
                what.append(f"{i}: {self._others.setdefault(a, len(self._others))}")
        return Vertex(name, " ".join(what), tuple(args))

    def _outputs(self) -> tuple[list[list[int | None]], list[Type]]:
        """The vertices of each float result, None for a number that does not vary, and the results' types."""
        found, result = self._get(self.graph.output), self.graph.result
        leaves = found if isinstance(found, list) else [found]
        rows: list[list[int | None]] = []
        types: list[Type] = []
        for leaf, t in zip(leaves, result.items if isinstance(result, Tuple) else (result,), strict=True):
            if t is not None and is_float(t):
                rows.append(self._leaf(leaf, t))
                types.append(t)
        return rows, types

    def _leaf(self, found: Any, t: Type) -> list[int | None]:
        """The vertices of a result."""
        varies = isinstance(found, np.ndarray) or not isinstance(t, Array)
        return [self.number.get(x) for x in _flat(found)] if varies else [None] * size(t)

    # -- elimination -----------------------------------------------------------------------------------------------------

    def pays(self, order: Sequence[int]) -> bool:
        """Whether an order costs no more than forward and reverse mode as a whole."""
        return True

    def jacobian(self, order: Sequence[int]) -> list[Node]:
        """The derivatives of each float result in each parameter of `wrt`, by elimination in this order."""
        b = self.b
        b.adjoint = True
        entries: dict[tuple[int, int], Any] = self.region.eliminate(order, Partials(b))
        found = []
        for row, t in zip(self.outputs, self.results, strict=True):
            for p, columns in zip(self.params, self.inputs, strict=True):
                full = derivative_type(t, p.type)
                zero = b.zero(full.dtype if isinstance(full, Array) else full)
                flat = [entries.get((u, v), 0.0) if v is not None else 0.0 for v in row for u in columns]
                nodes = [b.like(x, zero) if isinstance(x, float) else x for x in flat]
                found.append(b.array(*nodes, shape=full.shape) if isinstance(full, Array) else nodes[0])
        return found


def _names(graph: Graph) -> list[str]:
    """A name for each parameter; those of one structure have its name, and a number."""
    given = [p.name or f"x{k}" for k, p in enumerate(graph.params)]
    return [f"{name}:{given[:k].count(name)}" if given.count(name) > 1 else name for k, name in enumerate(given)]


def _flat(x: Any) -> list[Node]:
    """The numbers of an array, or the number it is."""
    return list(x.flat) if isinstance(x, np.ndarray) else [x]


def local_partial(b: Builder, node: Apply, i: int) -> Node | None:
    """The derivative of an operation on numbers in its argument i, by its record; None where it is zero."""
    fn = node.fn
    if fn.partials is not None:
        part = fn.partials(b, node, *node.args, **node.facts())[i]
        found = part() if callable(part) else part
    elif callable(fn.jvp):
        moved = [b.like(1.0, a) if k == i else None for k, a in enumerate(node.args)]
        found = fn.jvp(b, node, *node.args, *moved, **node.facts())
    else:
        raise NotStraightLine(f"`{fn.name}` has no derivative", node)
    return found  # type: ignore[no-any-return]
