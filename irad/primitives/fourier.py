"""The discrete Fourier transform, of real and imaginary parts, along the last axis.

    re, im = dft(x, y, inverse=False)      re + i im = sum over j of exp(-2 pi i j k / n) (x + i y)[j]

It is not scaled, either way. So it is its own transpose up to the sign in the exponent: the cotangent of (x, y) is the inverse
transform of that of (re, im), and there are derivatives of every order.
"""

from __future__ import annotations

from typing import Any

from irad.errors import refuse
from irad.primitives import lapack
from irad.primitives.array import array_of
from irad.primitives.table import CHECKED, Missing, primitive
from irad.types import Tuple, Type

__all__ = ["dft"]


def _infer(types: tuple[Type, ...], inverse: bool) -> Type:
    x, y = (array_of("dft", t) for t in types)
    if x is not y or x.dtype.kind != "f" or not x.rank:
        raise refuse("type-mismatch", f"`dft` takes two arrays of floats of one shape, not {x} and {y}")
    return Tuple((x, x))


def _transformed(b: Any, x: Any, y: Any, like: Any, inverse: bool) -> list[Any]:
    """Both parts of the transform of a pair, of which one may be None (zero)."""
    x, y = (b.zeros(*b.dims(like), of=like.type) if v is None else v for v in (x, y))
    pair = b.dft(x, y, inverse=inverse)
    return [b.getitem(pair, index=k) for k in (0, 1)]


def _vjp(b: Any, out: Any, x: Any, y: Any, ct: Any, *, inverse: bool) -> Any:
    return tuple(_transformed(b, ct[0], ct[1], x, not inverse))


def _jvp(b: Any, out: Any, x: Any, y: Any, dx: Any, dy: Any, *, inverse: bool) -> Any:
    return _transformed(b, dx, dy, x, inverse)


dft = primitive(
    "dft",
    _infer,
    doc="(real, imaginary) parts of the discrete Fourier transform along the last axis, not scaled; or of its `inverse`.",
    ref=lapack.dft,
    vjp=_vjp,
    jvp=_jvp,
    statics=("inverse",),
    order=CHECKED,
    llvm=Missing("lowered by backends/llvm/fourier as a call of NumPy's"),
    cost=100,
    source=lambda s, x, y, *, inverse: s.helper("dft", x, y, inverse),
)
