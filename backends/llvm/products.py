"""Lowering of products summed over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irad.backends.llvm.arrays import address, allocate, array_type, load, nest, result_shape, shape, store
from irad.backends.llvm.layout import SCALAR

from irad.graph.nodes import Apply
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array

__all__ = ["KERNELS"]

Operands = tuple[str, ...]


def contraction(e: Any, node: Apply) -> Operands:
    """A product summed over axes: the columns of y are the innermost loop, so that both are read in order."""
    x, y = node.args
    tx, ty = array_type(x), array_type(y)
    dx, dy = shape(e, x), shape(e, y)
    px, py = e.get(x)[0], e.get(y)[0]
    axes = axes_of(x, y, *node.static)
    summed = [dx[i] for i in axes.over[0]]

    def times(batch: list[str], rows: list[str], over: list[str], columns: list[str]) -> str:
        """A product of two elements."""
        at_x = dict(zip((*axes.batch[0], *axes.rows, *axes.over[0]), (*batch, *rows, *over), strict=True))
        at_y = dict(zip((*axes.batch[1], *axes.columns, *axes.over[1]), (*batch, *columns, *over), strict=True))
        a = load(e, tx, address(e, tx, px, [at_x[i] for i in range(tx.rank)], dx))
        c = load(e, ty, address(e, ty, py, [at_y[j] for j in range(ty.rank)], dy))
        e.operand = tx.dtype
        return e.arith("fmul", "mul", a, c)  # type: ignore[no-any-return]

    n, m = len(axes.batch[0]), len(axes.batch[0]) + len(axes.rows)
    if not axes.columns:
        ll = SCALAR[str(tx.dtype)]

        def total(i: list[str]) -> str:
            cell = f"%cell{len(e.frame)}"
            e.frame.append(f"{cell} = alloca {ll}")
            e.do(f"store {ll} {'0.0' if tx.dtype.kind == 'f' else '0'}, ptr {cell}")

            def step(k: list[str]) -> None:
                before = e.emit(f"load {ll}, ptr {cell}")
                e.do(f"store {ll} {e.plus(tx.dtype, before, times(i[:n], i[n:], k, []))}, ptr {cell}")

            nest(e, summed, step)
            return e.emit(f"load {ll}, ptr {cell}")  # type: ignore[no-any-return]

        if not isinstance(node.type, Array):
            return (total([]),)
        t, sizes = array_type(node), result_shape(e, node)
        out = allocate(e, t, sizes)
        nest(e, sizes, lambda i: store(e, t, total(i), address(e, t, out[0], i, sizes)), polled=e.m.work.is_large(node))
        return out
    t, sizes = array_type(node), result_shape(e, node)
    out = allocate(e, t, sizes, zeroed=True)

    def add(i: list[str]) -> None:
        over, columns = i[m : m + len(summed)], i[m + len(summed) :]
        p = address(e, t, out[0], [*i[:m], *columns], sizes)
        store(e, t, e.plus(t.dtype, load(e, t, p), times(i[:n], i[n:m], over, columns)), p)

    nest(e, [*sizes[:m], *summed, *sizes[m:]], add, polled=e.m.work.is_large(node))
    return out


KERNELS: dict[str, Callable[[Any, Apply], Operands]] = dict.fromkeys(PRODUCTS, contraction)
