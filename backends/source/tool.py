"""The tool that the `source` facet of a primitive is handed: it makes what Python and NumPy call an operation."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np
from irad.backends.source.expressions import (
    ANY,
    Expr,
    bare,
    bounds,
    called,
    dtype_name,
    name,
    negated,
    number,
    scalar_of,
    template,
)

from irad.primitives.products import of_matrices
from irad.types import Array, Dim, Scalar, Struct, Type

__all__ = ["Tool", "reaches_out"]

NEVER_RAISE = frozenset({"atan", "tanh", "asinh", "erf", "erfc", "cbrt", "atan2", "hypot"})


class Tool:
    """What a `source` facet is handed: `s("x + y", a, b)` fills a template, the methods make the rest.

    `emit` is the emitter: it notes which helpers are used, and what is written to.
    """

    def __init__(self, emit: Any) -> None:
        self.emit = emit

    def __call__(self, text: str, *xs: Expr) -> ast.expr:
        return template(text, *self.trees(xs))

    @staticmethod
    def trees(xs: Sequence[Expr]) -> list[ast.expr]:
        """Operands; beside a number of NumPy's with 32 bits, Python's count as such."""
        trees = [x.tree for x in xs]
        plain = [bare(t) for t in trees]
        return [p or t for p, t in zip(plain, trees, strict=True)] if None in plain else trees

    def helper(self, function: str, *args: Any, **keywords: Any) -> ast.expr:
        """A call of a function of `helpers`."""
        self.emit.helpers.add(function)
        return called(function, *[a.tree if isinstance(a, Expr) else a for a in args], **keywords)

    def libm(self, function: str, of_numpy: str | None, *xs: Expr) -> ast.expr:
        """A function of the C library on numbers, NumPy's on arrays."""
        trees = [x.tree for x in xs]
        if isinstance(xs[0].type, Array):
            if of_numpy is None or not hasattr(np, of_numpy):
                of = "f" if xs[0].type.dtype.width == 32 else "d"  # said, since there may be no element to tell
                return ast.Call(called("np.vectorize", name(f"math.{function}"), otypes=of), trees, [])
            return called(f"np.{of_numpy}", *trees)
        if function in NEVER_RAISE:
            tree = called(f"math.{function}", *trees)
        else:
            self.emit.functions[function] = of_numpy or function
            tree = called(function, *trees)
        return self.rounded(tree, xs[0].type)

    @staticmethod
    def rounded(tree: ast.expr, t: Type) -> ast.expr:
        return called("np.float32", tree) if isinstance(t, Scalar) and t.width == 32 else tree

    def integer(self, text: str, *xs: Expr) -> ast.expr:
        """An operation that may leave the 64 bits of an int; on floats and arrays there is nothing to see to."""
        t, found = xs[0].type, self.signed(text, *xs)
        if not isinstance(t, Scalar) or t.kind != "i":
            return found
        if t.width == 32:
            return self.helper("wrap32", found)
        low, high = bounds(text, [x.range for x in xs])
        return found if ANY[0] <= low and high <= ANY[1] else self.helper("wrap", found)

    def signed(self, text: str, *xs: Expr) -> ast.expr:
        """x + -1 is x - 1, and the other way round: the bits are the same."""
        first, last = (*self.trees(xs), None)[:2]
        t = scalar_of(xs[0].type)
        if isinstance(last, ast.UnaryOp) and isinstance(last.operand, ast.Constant) and text in ("x + y", "x - y"):
            if isinstance(last.op, ast.USub) and (t.kind == "f" or last.operand.value < 2 ** (t.width - 1)):
                return template({"x + y": "x - y", "x - y": "x + y"}[text], first, last.operand)  # type: ignore[arg-type]
        return self(text, *xs)

    def quotient(self, operator: str, x: Expr, y: Expr) -> ast.expr:
        """x / y, x // y or x % y of floats: NumPy's where Python's would raise."""
        if x.wide or y.wide or not isinstance(x.type, Scalar) or x.type.width == 32:
            return self(f"x {operator} y", x, y)
        if operator == "/" and isinstance(y.tree, ast.Constant) and y.tree.value:
            return self("x / y", x, y)
        function = {"/": "np.divide", "//": "np.floor_divide", "%": "np.mod"}[operator]
        return called(function, x.tree, y.tree)

    def whole(self, operator: str, x: Expr, y: Expr) -> ast.expr:
        """x // y or x % y of floats or integers."""
        kind = scalar_of(x.type).kind
        if kind == "f":
            return self.quotient(operator, x, y)
        if y.range[0] > 0 and isinstance(x.type, Scalar) and x.type.width == 64:
            return self(f"x {operator} y", x, y)
        return self.guarded({"//": "np.floor_divide", "%": "np.mod"}[operator], x, "divisor", y)

    def guarded(self, function: str, x: Expr, guard: str, y: Expr) -> ast.expr:
        """A function of NumPy's on integers; a helper raises where y is not for it."""
        return self.number(called(function, x.tree, self.helper(guard, y)), x.type)

    @staticmethod
    def number(tree: ast.expr, t: Type) -> ast.expr:
        """What NumPy gave as Python's int."""
        return called("int", tree) if isinstance(t, Scalar) and t.kind == "i" and t.width == 64 else tree

    def convert(self, x: Expr, to: Scalar) -> ast.expr:
        source = scalar_of(x.type)
        if isinstance(x.type, Array):
            return x.tree if source is to.strong else ast.Call(ast.Attribute(x.tree, "astype"), [dtype_name(to)], [])
        if source.strong is to.strong:
            return x.tree
        if to.kind == "b":
            return called("bool", x.tree)
        if to.narrow:
            return self.helper("cut", self.helper("as_int", x) if source.kind == "f" else x, dtype_name(to))
        if to.width == 32:
            if to.kind == "f":
                return called("np.float32", x.tree)
            return self.helper("as_int32" if source.kind == "f" else "wrap32", x)
        if to.kind == "f":
            return called("float", x.tree)
        return self.helper("as_int", x) if source.kind == "f" else called("int", x.tree)

    # -- arrays --------------------------------------------------------------------------------------------------------------

    def array(self, function: str, *args: Any, **keywords: Any) -> ast.expr:
        """A call of NumPy's."""
        trees = [a.tree if isinstance(a, Expr) else a for a in args]
        return called(function, *trees, **keywords)

    def sizes(self, shape: Sequence[Any], dims: Sequence[Expr]) -> list[ast.expr]:
        """A shape with what is known at run time only filled in."""
        feed = iter(dims)
        return [next(feed).tree if isinstance(d, Dim) else number(d) for d in shape]

    @staticmethod
    def shape(sizes: Sequence[ast.expr]) -> ast.expr:
        return sizes[0] if len(sizes) == 1 else ast.Tuple(list(sizes))

    @staticmethod
    def dtype(t: Scalar) -> dict[str, ast.expr]:
        """The keyword `dtype`, where it is not float."""
        return {} if str(t.strong) == "f64" else {"dtype": dtype_name(t)}

    def reduced(self, function: str, x: Expr, axes: tuple[int, ...]) -> ast.expr:
        t = x.type
        assert isinstance(t, Array)
        if not axes:
            return x.tree
        narrow = self.dtype(t.dtype) if function in ("np.sum", "np.prod") and str(t.dtype) == "i32" else {}  # NumPy's is wider
        if len(axes) == t.rank:
            tree = called(function, x.tree, **narrow)
            return self.number(tree, t.dtype) if function not in ("np.any", "np.all") else tree
        return called(function, x.tree, axis=axes[0] if len(axes) == 1 else axes, **narrow)

    def subscript(self, x: Expr, indices: Sequence[ast.expr]) -> ast.expr:
        return ast.Subscript(x.tree, indices[0] if len(indices) == 1 else ast.Tuple(list(indices)))

    def checked_index(self, x: Expr, indices: Sequence[Expr]) -> list[ast.expr]:
        """Indices that count from 0: NumPy would take a negative one from the end."""
        out = []
        for axis, i in enumerate(indices):
            known = i.range[0] >= 0 or i in self.emit.from_end
            out.append(i.tree if known else self.helper("inside", i, self.size(x, axis), axis))
        return out

    def element(self, x: Expr, *indices: Expr) -> ast.expr:
        return self.number(self.subscript(x, self.checked_index(x, indices)), scalar_of(x.type))

    def block(self, x: Expr, starts: Sequence[Expr], steps: Sequence[int], sizes: Sequence[ast.expr]) -> ast.expr:
        """x[a:b:s, ...] of so many elements from each start."""
        t = x.type
        assert isinstance(t, Array)
        parts = [
            self.helper("one_at", start, self.size(x, axis), axis)
            if reaches_out(start, count.value if isinstance(count, ast.Constant) else None, t.shape[axis])  # type: ignore[arg-type]
            else self.part(start, step, count, t.shape[axis])
            for axis, (start, step, count) in enumerate(zip(starts, steps, sizes, strict=True))
        ]
        while len(parts) > 1 and isinstance(parts[-1], ast.Slice) and ast.unparse(parts[-1]) == ":":
            parts.pop()
        return self.subscript(x, parts)

    def part(self, start: Expr, step: int, size: ast.expr, dim: Any) -> ast.expr:
        first = start.range[0] if start.range[0] == start.range[1] else None
        count = size.value if isinstance(size, ast.Constant) else None
        if step < 0:
            if first is None or not isinstance(count, int) or count == 0:
                return self.helper("span", start, size, step)
            stop = first + count * step
            low, high = number(stop) if stop >= 0 else None, None if first == dim - 1 else number(first)
            return ast.Slice(high, low, number(step))
        by = number(step) if step != 1 else None
        if first is not None and isinstance(count, int):
            stop = first + count * step
            end = isinstance(dim, int) and stop >= dim and count > 0
            return ast.Slice(number(first) if first else None, None if end else number(stop), by)
        length = size if step == 1 else template("x * y", size, number(step))
        return ast.Slice(
            None if first == 0 else start.tree, length if first == 0 else template("x + y", start.tree, length), by
        )

    def put(self, place: ast.expr, operator: str, value: Expr) -> None:
        """The statement `x[...] = value` or `x[...] += value`."""
        if operator == "+=":
            self.emit.mutate(ast.AugAssign(place, ast.Add(), value.tree))  # type: ignore[arg-type]
        else:
            self.emit.mutate(ast.Assign([place], value.tree, lineno=0))

    def do(self, text: str, *xs: Expr) -> None:
        """A statement that calls something."""
        self.emit.mutate(ast.Expr(self(text, *xs)))

    def do_helper(self, function: str, *args: Any) -> None:
        self.emit.mutate(ast.Expr(self.helper(function, *args)))

    def zero(self, t: Type) -> ast.expr:
        return self.emit.zero(t)  # type: ignore[no-any-return]

    # -- truth values ----------------------------------------------------------------------------------------------------------

    def logical(self, operator: str, bits: str, x: Expr, y: Expr) -> ast.expr:
        """Both are computed: a check in y may not be skipped, which the emitter sees to."""
        if isinstance(x.type, Array) or scalar_of(x.type).kind != "b":
            return self(bits, x, y)
        return self(f"x {operator} y", x, y)

    def negation(self, p: Expr) -> ast.expr:
        return called("np.logical_not", p.tree) if isinstance(p.type, Array) else negated(p)

    def choice(self, c: Expr, x: Expr, y: Expr) -> ast.expr:
        if isinstance(c.type, Array):
            return called("np.where", c.tree, x.tree, y.tree)
        return ast.IfExp(c.tree, x.tree, y.tree)

    # -- shapes ----------------------------------------------------------------------------------------------------------------

    def sizes_of(self, v: Expr) -> list[ast.expr]:
        """The sizes of an array."""
        assert isinstance(v.type, Array)
        return [number(d) if isinstance(d, int) else self.size(v, k) for k, d in enumerate(v.type.shape)]

    def size(self, x: Expr, axis: int) -> ast.expr:
        return self("len(x)", x) if axis == 0 else self(f"x.shape[{axis}]", x)

    def broadcast(self, x: Expr, sizes: list[ast.expr]) -> ast.expr:
        if isinstance(x.type, Array):
            return called("np.broadcast_to", x.tree, self.shape(sizes))
        return called("np.full", self.shape(sizes), x.tree, **self.dtype_where_literal(x))

    def dtype_where_literal(self, x: Expr) -> dict[str, ast.expr]:
        t = scalar_of(x.type)
        return self.dtype(t) if t.width == 32 else {}

    def reshaped(self, x: Expr, sizes: list[ast.expr]) -> ast.expr:
        t = x.type
        if not isinstance(t, Array):
            return called("np.full", self.shape(sizes), x.tree, **self.dtype_where_literal(x))
        if t.static_shape is not None and all(isinstance(n, ast.Constant) for n in sizes):
            return ast.Call(ast.Attribute(x.tree, "reshape"), sizes or [ast.Tuple([])], [])
        return self.helper("reshaped", x, ast.Tuple(sizes))

    @staticmethod
    def transposed(x: Expr, axes: tuple[int, ...]) -> ast.expr:
        if axes == tuple(reversed(range(len(axes)))):
            return ast.Attribute(x.tree, "T")
        return called("np.transpose", x.tree, axes)

    def contracted(self, x: Expr, y: Expr, batch: Any, over: Any, labels: str) -> ast.expr:
        """A product summed over axes: `@` of matrices and vectors, some transposed, where that says it."""
        assert isinstance(x.type, Array)
        assert isinstance(y.type, Array)
        turned = of_matrices(x.type.rank, y.type.rank, batch, over)
        if turned is None:
            tree = called("np.einsum", labels, x.tree, y.tree)
            return self.number(tree, scalar_of(x.type)) if labels.endswith("->") else tree
        return template("x @ y", *(self("x.T", v) if t else v.tree for v, t in zip((x, y), turned, strict=True)))

    def retyped(self, x: Expr, to: Array) -> ast.expr:
        assert isinstance(x.type, Array)
        if all(isinstance(d, Dim) or d == e for d, e in zip(to.shape, x.type.shape, strict=True)):
            return x.tree
        return self.helper("of_shape", x, tuple(None if isinstance(d, Dim) else d for d in to.shape))

    @staticmethod
    def dtype_of_range(t: Scalar) -> dict[str, ast.expr]:
        return {} if str(t.strong) == "i64" else {"dtype": dtype_name(t)}

    @staticmethod
    def dtype_name(t: Scalar) -> ast.expr:
        return dtype_name(t)

    def nested(self, xs: Sequence[Expr], shape: tuple[int, ...]) -> ast.expr:
        """np.array([[x, ...], ...])."""
        rows: list[ast.expr] = [x.tree for x in xs]
        for n in reversed(shape[1:]):
            rows = [ast.List(rows[k : k + n]) for k in range(0, len(rows), n)]
        return called("np.array", ast.List(rows), **self.dtype_where_literal(xs[0]))

    # -- lists -----------------------------------------------------------------------------------------------------------------

    @staticmethod
    def listed(xs: Sequence[Expr]) -> ast.expr:
        return ast.List([x.tree for x in xs])

    def item(self, x: Expr, i: Expr) -> ast.expr:
        t = i.tree
        if isinstance(t, ast.BinOp) and isinstance(t.op, ast.Sub) and isinstance(t.right, ast.Constant):
            if ast.dump(t.left) == ast.dump(self("len(x)", x)) and isinstance(t.right.value, int) and t.right.value > 0:
                return template("x[-y]", x.tree, t.right)  # an error where the list is shorter, as before
        return self("x[y]", x, i) if i.range[0] >= 0 else template("x[y]", x.tree, self.helper("item_at", x, i))

    def leaf_path(self, item: Type, leaf: int) -> tuple[int, ...]:
        """Where number `leaf` of an item stands, nested tuples counted through."""
        return leaf_paths(item)[leaf]

    def item_around(self, item: Type, leaf: int) -> ast.expr:
        """The function from a number to the item that holds it."""
        trees: dict[tuple[int, ...], ast.expr] = {path: self.zero(_at(item, path)) for path in leaf_paths(item)}
        trees[self.leaf_path(item, leaf)] = ast.Name("v")
        return template("lambda v: x", _nest(item, (), trees))


def reaches_out(start: Expr, count: int | Dim | None, n: int | Dim) -> bool:
    """Whether a block of one element of n may stand outside; the bounds of longer ones are clipped before."""
    return count == 1 and not (isinstance(n, int) and 0 <= start.range[0] and start.range[1] < n)


def leaf_paths(t: Type) -> list[tuple[int, ...]]:
    if not isinstance(t, Struct):
        return [()]
    return [(i, *p) for i, u in enumerate(t.items) for p in leaf_paths(u)]


def _at(t: Type, path: tuple[int, ...]) -> Type:
    for i in path:
        assert isinstance(t, Struct)
        t = t.items[i]
    return t


def _nest(t: Type, path: tuple[int, ...], trees: dict[tuple[int, ...], ast.expr]) -> ast.expr:
    if not isinstance(t, Struct):
        return trees[path]
    return ast.Tuple([_nest(u, (*path, i), trees) for i, u in enumerate(t.items)])
