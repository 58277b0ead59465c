"""Rules of sizes: an array that is read for its size only need not be made."""

from __future__ import annotations

from typing import Any

from irad.graph.nodes import Apply, Node
from irad.optimize.rewrite import Rule, rewrites

__all__ = ["RULES"]


@rewrites("dim-known", "dim")
def dim_known(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(?x, axis=k) => n where the type of ?x says it"""
    (x,) = args
    size = x.type.shape[static[0]]  # type: ignore[attr-defined]
    return b.literal(size) if isinstance(size, int) else None


@rewrites("dim-of-elementwise", "dim")
def dim_of_elementwise(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(add(?x, ?y), axis=k) => dim(?x, axis=k), and so for all that is elementwise"""
    (x,) = args
    return b.dim(x.args[0], axis=static[0]) if isinstance(x, Apply) and x.fn.elementwise else None


@rewrites("dim-of-transpose", "dim")
def dim_of_transpose(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """dim(transpose(?x, axes=a), axis=k) => dim(?x, axis=a[k])"""
    (x,) = args
    return b.dim(x.args[0], axis=x.static[0][static[0]]) if isinstance(x, Apply) and x.fn.name == "transpose" else None


RULES: tuple[Rule, ...] = (dim_known, dim_of_elementwise, dim_of_transpose)
