"""Complex numbers and arrays in compiled code: pairs of real ones.

A complex value is `Compound("complex", None, [x, y])` of z = x + iy, where x and y are two floats of one type, or two arrays of
one dtype and shape. The IR, derivatives, optimizer and backends know real numbers only. So `z.real` is x itself: a write to
it is one to z, and the derivative in z is the pair of derivatives in x and y.
"""

from irad.specialize.complexes.operators import (
    binary,
    compare,
    contains,
    getattr_,
    getitem,
    inplace,
    iteration,
    setattr_,
    setitem,
    static_items,
    truth,
    unary,
)
from irad.specialize.complexes.values import from_python, imaginary, pack, type_of

__all__ = [
    "binary",
    "compare",
    "contains",
    "from_python",
    "getattr_",
    "getitem",
    "imaginary",
    "inplace",
    "iteration",
    "pack",
    "setattr_",
    "setitem",
    "static_items",
    "truth",
    "type_of",
    "unary",
]
