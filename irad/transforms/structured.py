"""Functions of arrays, linearised: a vertex for each operation on arrays, and structured Jacobians for partials.

    f(x) = W2 @ tanh(W1 @ x)

    matmul.0 by x: W1[i,j]    tanh.0 by matmul.0: d[i], a diagonal    matmul.1 by tanh.0: W2[k,i]

The structures come from the records of the primitives: what an elementwise operation's partials are, and for others the facet
`structure`. See `irad.primitives.terms`, and `irad.elimination.structured` for how they are multiplied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from irad.elimination.arrays import ArrayRegion
from irad.elimination.graph import Edge, Region, Vertex
from irad.elimination.places import Incompatible
from irad.elimination.structured import Jacobian, Structured
from irad.elimination.written import written
from irad.graph.build import Builder, constant_value, is_constant
from irad.graph.nodes import Apply, Graph, Node
from irad.graph.walk import Task
from irad.primitives.control import derivative_type
from irad.primitives.terms import Factor, NoStructure, Term, Via, diagonal, forms_of, shape_of
from irad.transforms.elimination import Linearised, NotStraightLine, local_partial
from irad.transforms.gathers import Gathered, gather
from irad.types import Array, Scalar, Type

__all__ = ["LinearisedArrays"]

MOST_NUMBERS = 1 << 24  # of an array in between that is no larger than the Jacobian


class LinearisedArrays(Linearised):
    """A function of arrays in the graph that `b` builds, and the region of its structured partials."""

    def __init__(self, b: Builder, graph: Graph, wrt: Sequence[int], params: Sequence[Node]) -> None:
        self.dtype = _dtype(graph.params[wrt[0]].type)
        self._gathered: dict[Node, Gathered] = {}  # loops that were put in place
        super().__init__(b, graph, wrt, params)

    def _input(self, p: Node, name: str) -> Any:
        _shape(p.type, None)
        self.number[p] = len(self._vertices)
        self.inputs.append([len(self._vertices)])
        self._vertices.append(Vertex(name, str(p.type)))
        self._active.add(p)
        return p

    def _put_in_place(self, node: Apply) -> Task:
        body = self.b.graph.body
        done = len(body)
        found = gather(self.b, node, self._get, self._active)
        self._active.update(n for n in body[done:] if any(a in self._active for a in n.args))
        if found is None:
            yield super()._put_in_place(node)
            return
        self._env[node] = found.node
        if found.x in self._active:
            self._active.add(found.node)
            self._gathered[found.node] = found

    def _operation(self, node: Apply, args: list[Any]) -> Any:
        return self.b.apply(node.fn, args, node.static)

    def _partials(self, node: Apply) -> dict[int, Any]:
        if node in self._gathered:
            _, x, term = self._gathered[node]
            edge = Jacobian(_shape(node.type, node), _shape(x.type, node), (term,))
            return {self.number[x]: edge} if x in self.number else {}
        if not any(a in self.number for a in node.args):
            return {}
        if any(_dtype(a.type) is not self.dtype for a in (node, *node.args) if a in self.number or a is node):
            raise NotStraightLine("it mixes precisions", node)
        out, algebra = _shape(node.type, node), Structured(self.dtype, self.b)
        if 0 in out:
            return {}
        edges: dict[int, Any] = {}
        try:
            found = None if node.fn.elementwise else self._structure(node)
            for i, a in enumerate(node.args):
                u = self.number.get(a)
                if u is None or 0 in _shape(a.type, node):
                    continue
                terms = self._diagonal(node, i) if found is None else found[i]
                terms = terms() if callable(terms) else terms
                into = _shape(a.type, node)
                if isinstance(terms, Via):
                    self._vertices.append(Vertex(f"line.{len(self._vertices)}"))
                    self._edges.append(Edge(u, len(self._vertices) - 1, Jacobian(terms.shape, into, terms.inner)))
                    u, into, terms = len(self._vertices) - 1, terms.shape, terms.outer
                if terms:
                    edge = Jacobian(out, into, tuple(self._masked(t) for t in terms))
                    edges[u] = algebra.add(edges[u], edge) if u in edges else edge
        except (NoStructure, Incompatible) as e:
            raise NotStraightLine(f"`{node.fn.name}` has no structured derivative: {e}", node) from None
        return {u: e for u, e in edges.items() if e != 0.0}

    def _structure(self, node: Apply) -> Any:
        if node.fn.structure is None:
            raise NotStraightLine(f"`{node.fn.name}` has no structured derivative", node)
        return node.fn.structure(self.b, node, *node.args, **node.facts())

    def _diagonal(self, node: Apply, i: int) -> tuple[Term, ...]:
        """The derivative of an elementwise operation: its partials on the diagonal, those known as a scale."""
        partial = local_partial(self.b, node, i)
        if partial is None or is_constant(partial, 0.0):
            return ()
        return (diagonal(self.b, partial),)

    def _masked(self, term: Term) -> Term:
        """A term whose factor, where that is select(c, x, 0), has c for a mask; one that is known is the scale."""
        if len(term.factors) != 1:
            return term
        b, (node, labels) = self.b, term.factors[0]
        masks, scale = list(term.masks), term.scale
        while node.__class__ is Apply and node.fn.name == "select":
            test, then, orelse = node.args
            if is_constant(orelse, 0.0):
                node = then
            elif is_constant(then, 0.0):
                node, test = orelse, b.not_(test)
            else:
                break
            masks.append(Factor(test, labels))
        value = constant_value(node)
        if value is not None:
            return term._replace(factors=(), masks=tuple(masks), scale=scale * float(value))
        return term._replace(factors=(Factor(node, labels),), masks=tuple(masks))

    def _region(self, ends: Sequence[int]) -> Region:
        return ArrayRegion(self._vertices, self._edges, [v for vs in self.inputs for v in vs], ends, self.dtype)

    def _leaf(self, found: Any, t: Type) -> list[int | None]:
        if _dtype(t) is not self.dtype:
            raise NotStraightLine("it mixes precisions", None)
        return [self.number.get(found)]

    def pays(self, order: Sequence[int]) -> bool:
        inputs = sum(math.prod(_shape(p.type, None)) for p in self.params)
        outputs = sum(math.prod(_shape(t, None)) for t in self.results)
        if min(inputs, outputs) <= 1:
            return False  # that is one mode
        region, counted = self.region, Structured(self.dtype)
        assert isinstance(region, ArrayRegion)
        region.eliminate(order, counted)
        small = counted.work.largest <= max(MOST_NUMBERS, 4 * inputs * outputs)
        return small and counted.work.cost <= region.modes(inputs, outputs)

    def jacobian(self, order: Sequence[int]) -> list[Node]:
        b, algebra = self.b, Structured(self.dtype, self.b)
        b.adjoint = True
        entries: Any = self.region.eliminate(order, algebra)
        found = []
        for (v,), t in zip(self.outputs, self.results, strict=True):
            for p, (u,) in zip(self.params, self.inputs, strict=True):
                full, out, into = derivative_type(t, p.type), _shape(t, None), _shape(p.type, None)
                entry = entries.get((u, v), 0.0) if v is not None else 0.0
                if entry == 1.0:  # the output is the input
                    forms = forms_of(into)
                    entry = Jacobian(out, into, (Term(forms, forms),))
                node = written(algebra.work, entry.terms if isinstance(entry, Jacobian) else (), out, into)
                assert not isinstance(full, Array) or node.type is full, f"{node.type} is not {full}"
                found.append(node)
        return found


def _dtype(t: Type) -> Scalar:
    """The type of a number, or of an array's numbers, as the machine has it."""
    found = t.dtype if isinstance(t, Array) else t
    assert isinstance(found, Scalar)
    return found.strong


def _shape(t: Type, node: Apply | None) -> tuple[int, ...]:
    try:
        return shape_of(t)
    except NoStructure as e:
        raise NotStraightLine(str(e), node) from None
