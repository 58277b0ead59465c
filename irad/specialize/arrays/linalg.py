"""The operations of linear algebra that irad/numpy/factors.py names: sizes that are known at run time only are joined here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Node
from irad.numpy import factors
from irad.primitives import REGISTRY
from irad.specialize.arrays.creation import numeric
from irad.specialize.arrays.table import HANDLERS, Handler
from irad.specialize.arrays.values import new_array
from irad.specialize.values import Compound
from irad.types import Array, Dim, Tuple, fresh_dim

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

# The axes of each operand, by the letters of their sizes; the last stand for all columns that a right side has, or none.
SIZES = {
    "lu": ("nn",),
    "exchange": ("nm", "n"),
    "lu_solve": ("nn", "nn", "n", "nm"),
    "log_determinant": ("nn", "nn", "n"),
    "triangular_solve": ("nn", "nm"),
    "cholesky": ("nn",),
    "eigh": ("nn",),
    "qr": ("mn",),
    "svd": ("mn",),
    "pseudo_inverse": ("nm", "mn"),
    "banded_solve": ("kn", "nm"),
}


def _operation(name: str) -> Handler:
    statics = REGISTRY[name].statics

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        nodes = _joined(s, [numeric(s, a, name) for a in args], SIZES[name])
        facts = (_values(nodes[0]),) if name == "svd" else tuple(_fact(kwargs[k]) for k in statics)
        out = s.b.apply(REGISTRY[name], nodes, facts)
        if not isinstance(out.type, Tuple):
            return new_array(s, out)
        return Compound("tuple", None, [new_array(s, s.b.getitem(out, index=i)) for i in range(len(out.type.items))])

    return call


def _stop_gradient(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return new_array(s, s.b.stop_gradient(numeric(s, args[0], "stop_gradient")))


def _fact(v: Any) -> Any:
    """What is known of a value: a number or a truth value."""
    return v.value


def _values(a: Node) -> tuple[int | Dim]:
    """How many singular values a matrix has."""
    assert isinstance(a.type, Array)
    m, n = a.type.shape
    if m == n:
        return (m,)
    return (min(m, n),) if isinstance(m, int) and isinstance(n, int) else (fresh_dim(),)


def _joined(s: Specializer, nodes: list[Node], letters: tuple[str, ...]) -> list[Node]:
    """The operands with one size for each letter: ValueError where they differ."""
    b = s.b
    sizes: dict[str, tuple[int | Dim, Node]] = {}
    for fixed in (True, False):
        for x, word in zip(nodes, letters, strict=True):
            assert isinstance(x.type, Array)
            for axis, (d, letter) in enumerate(zip(x.type.shape, word, strict=False)):
                if isinstance(d, int) is fixed and letter not in sizes:
                    sizes[letter] = (d, literal(d) if isinstance(d, int) else b.dim(x, axis=axis))
    out = []
    for x, word in zip(nodes, letters, strict=True):
        assert isinstance(x.type, Array)
        shape = list(x.type.shape)
        for axis, (d, letter) in enumerate(zip(x.type.shape, word, strict=False)):
            shape[axis], size = sizes[letter]
            if d is not shape[axis]:
                own = literal(d) if isinstance(d, int) else b.dim(x, axis=axis)
                b.assert_(b.eq(own, size), error="ValueError", message="the sizes of matrices do not match")
        out.append(x if tuple(shape) == x.type.shape else b.retype(x, to=Array(x.type.dtype, shape)))
    return out


HANDLERS[factors.stop_gradient] = _stop_gradient
for _name in SIZES:
    HANDLERS[getattr(factors, _name)] = _operation(_name)
