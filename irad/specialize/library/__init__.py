"""What Python's built-ins and `math` mean on abstract values; attributes and methods. NumPy is in `arrays`."""

from irad.specialize.library import classes, scalars  # noqa: F401  (they register their functions)
from irad.specialize.library.attributes import getattr_
from irad.specialize.library.elementary import BINARY, NUMPY_NAMES, UNARY
from irad.specialize.library.methods import call_method
from irad.specialize.library.sequences import collect, known_mapping
from irad.specialize.library.table import HANDLERS, handler, unknown_call
from irad.specialize.library.text import emit_raise, text_parts

__all__ = [
    "BINARY",
    "HANDLERS",
    "NUMPY_NAMES",
    "UNARY",
    "call_method",
    "collect",
    "emit_raise",
    "getattr_",
    "handler",
    "known_mapping",
    "text_parts",
    "unknown_call",
]
