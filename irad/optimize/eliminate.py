"""Factors of small matrices of known size, written out: each element becomes a number, so that none of it need be in memory.

    %0: (f64[2,2], i64[2]) = lu(%a, check=true);    =>    %2 = index(%a, 0, 0); %3 = abs(%2); ... %9 = div(%7, %8); ...

Pivots are chosen by `select`, as LAPACK chooses them: the greatest element of a column, the first of equal ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irad.graph.nodes import Apply, Module, Node
from irad.graph.walk import all_graphs
from irad.optimize.elements import size
from irad.optimize.rebuild import Rebuild
from irad.types import Array

__all__ = ["eliminate"]

LARGEST = 4  # sizes that are written out
GROWTH = 20_000  # multiplications, roughly, that a module may get
Rows = list[list[Node]]


def eliminate(module: Module) -> Module:
    """The module with small factors written out; the same module where there are none."""
    found = [node for g in all_graphs(module) for node in g.body if node.fn.name in WRITTEN and _fits(node)]
    work = sum(LARGEST * size(a.type) for node in found for a in node.args)
    return _Eliminate(module).run() if 0 < work <= GROWTH else module


def _fits(node: Apply) -> bool:
    """Whether all sizes are known and small; and factors are those of a matrix that is factored here."""
    types = [a.type for a in node.args if isinstance(a.type, Array)]
    if any(t.static_shape is None or max(t.static_shape, default=0) > LARGEST or 0 in t.static_shape for t in types):
        return False
    return node.fn.name != "lu_solve" or all(_is_factor(a) for a in node.args[1:3])


def _is_factor(x: Node) -> bool:
    return isinstance(x, Apply) and x.fn.name == "getitem" and isinstance(x.args[0], Apply) and x.args[0].fn.name == "lu"


class _Eliminate(Rebuild):
    def plain(self, node: Apply) -> None:
        self.b.adjoint = node.adjoint
        if node.fn.name not in WRITTEN or not _fits(node):
            super().plain(node)
            return
        out = WRITTEN[node.fn.name](self, node, *map(self.get, node.args), **node.facts())
        if out.__class__ is Apply and out.name is None:
            out.name = node.name
        self.bind(node, out)

    # -- numbers -------------------------------------------------------------------------------------------------------

    def rows(self, x: Node) -> Rows:
        """The elements of a matrix; of a vector, as those of a column."""
        b, shape = self.b, x.type.shape  # type: ignore[attr-defined]
        if len(shape) == 1:
            return [[b.index(x, b.literal(i))] for i in range(shape[0])]
        return [[b.index(x, b.literal(i), b.literal(j)) for j in range(shape[1])] for i in range(shape[0])]

    def made(self, rows: Rows, like: Node) -> Node:
        return self.b.array(*[x for row in rows for x in row], shape=like.type.shape)  # type: ignore[attr-defined]

    def minus(self, x: Node, y: Node, z: Node) -> Node:
        """x - y * z."""
        return self.b.sub(x, self.b.mul(y, z))

    def need(self, test: Node, message: str = "Singular matrix") -> None:
        self.b.assert_(test, error="LinAlgError", message=message)

    def need_diagonal(self, a: Rows) -> None:
        for k, row in enumerate(a):
            self.need(self.b.ne(row[k], self.b.like(0.0, row[k])))

    # -- operations ----------------------------------------------------------------------------------------------------

    def lu(self, node: Apply, a: Node, *, check: bool) -> Node:
        b, x, pivots = self.b, self.rows(a), []
        n = len(x)
        for k in range(n):
            place: Node = b.literal(k)
            most = b.abs(x[k][k])
            for i in range(k + 1, n):
                size = b.abs(x[i][k])
                more = b.gt(size, most)
                place, most = b.select(more, b.literal(i), place), b.select(more, size, most)
            pivots.append([place])
            self.exchange_row(x, k, place)
            regular = b.ne(x[k][k], b.like(0.0, x[k][k]))
            if check:
                self.need(regular)
            by = x[k][k] if check else b.select(regular, x[k][k], b.like(1.0, x[k][k]))
            for i in range(k + 1, n):
                x[i][k] = b.div(x[i][k], by)
                for j in range(k + 1, n):
                    x[i][j] = self.minus(x[i][j], x[i][k], x[k][j])
        turned = [[x[j][i] for j in range(n)] for i in range(n)]
        return b.make_tuple(self.made(turned, a), b.array(*[p for (p,) in pivots], shape=(n,)))

    def exchange_row(self, x: Rows, k: int, place: Node) -> None:
        """Exchange row k with the row at `place`, which is k or below."""
        b, kept = self.b, x[k]
        for i in range(k + 1, len(x)):
            here = b.eq(place, b.literal(i))
            x[k] = [b.select(here, p, q) for p, q in zip(x[i], x[k], strict=True)]
            x[i] = [b.select(here, p, q) for p, q in zip(kept, x[i], strict=True)]

    def lu_solve(self, node: Apply, a: Node, factors: Node, pivots: Node, y: Node, *, transposed: bool) -> Node:
        f, x, places = self.rows(factors), self.rows(y), [p for (p,) in self.rows(pivots)]
        self.need_diagonal(f)
        if transposed:
            self.solve(f, x, lower=True, transposed=False, unit=False)
            self.solve(f, x, lower=False, transposed=False, unit=True)
            for k in reversed(range(len(x))):
                self.exchange_row(x, k, places[k])
        else:
            for k in range(len(x)):
                self.exchange_row(x, k, places[k])
            self.solve(f, x, lower=False, transposed=True, unit=True)
            self.solve(f, x, lower=True, transposed=True, unit=False)
        return self.made(x, y)

    def log_determinant(self, node: Apply, a: Node, factors: Node, pivots: Node) -> Node:
        b, total = self.b, None
        for k, row in enumerate(self.rows(factors)):
            size = b.log(b.abs(row[k]))
            total = size if total is None else b.add(total, size)
        assert total is not None
        return total

    def triangular_solve(self, node: Apply, a: Node, y: Node, **facts: bool) -> Node:
        x, t = self.rows(y), self.rows(a)
        if not facts["unit"]:
            self.need_diagonal(t)
        self.solve(t, x, **facts)
        return self.made(x, y)

    def solve(self, t: Rows, x: Rows, *, lower: bool, transposed: bool, unit: bool) -> None:
        """x becomes the solution of a triangle."""
        t = [list(column) for column in zip(*t, strict=True)] if transposed else t
        order = range(len(x)) if lower is not transposed else range(len(x) - 1, -1, -1)
        done: list[int] = []
        for i in order:
            for j in done:
                x[i] = [self.minus(p, t[i][j], q) for p, q in zip(x[i], x[j], strict=True)]
            if not unit:
                x[i] = [self.b.div(p, t[i][i]) for p in x[i]]
            done.append(i)

    def cholesky(self, node: Apply, a: Node) -> Node:
        b, x = self.b, self.rows(a)
        n, zero = len(x), b.like(0.0, x[0][0])
        out = [[zero] * n for _ in range(n)]
        for j in range(n):
            for i in range(j, n):
                rest = x[i][j]
                for k in range(j):
                    rest = self.minus(rest, out[i][k], out[j][k])
                if i == j:
                    self.need(b.gt(rest, zero), "Matrix is not positive definite")
                out[i][j] = b.sqrt(rest) if i == j else b.div(rest, out[j][j])
        return self.made(out, a)


WRITTEN: dict[str, Callable[..., Any]] = {
    "lu": _Eliminate.lu,
    "lu_solve": _Eliminate.lu_solve,
    "log_determinant": _Eliminate.log_determinant,
    "triangular_solve": _Eliminate.triangular_solve,
    "cholesky": _Eliminate.cholesky,
}
