"""NumPy's arrays in compiled code: values and views, indexing, operators, functions, methods."""

from irad.specialize.arrays import facts, functions, linalg, products, reductions, shaping  # noqa: F401  (they register their functions)
from irad.specialize.arrays.attributes import getattr_, iteration, length, method, names, pack, static_items
from irad.specialize.arrays.elementwise import elementwise
from irad.specialize.arrays.indexing import setitem
from irad.specialize.arrays.operators import binary, compare, contains, inplace, truth, unary
from irad.specialize.arrays.tricks import getitem
from irad.specialize.arrays.ufuncs import handler
from irad.specialize.arrays.values import as_scalar, is_array, new_array, node_of

__all__ = [
    "as_scalar",
    "binary",
    "compare",
    "contains",
    "elementwise",
    "getattr_",
    "getitem",
    "handler",
    "inplace",
    "is_array",
    "iteration",
    "length",
    "method",
    "names",
    "new_array",
    "node_of",
    "pack",
    "setitem",
    "static_items",
    "truth",
    "unary",
]
