"""irad compiles plain Python + NumPy functions, and their derivatives, to native code.

import irad
step = irad.compile(irad.value_and_grad(loss))      # also a decorator: @irad.compile
value, dw = step(w, x, y)
"""

from pathlib import Path as _Path

_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").exists() and (_root / "frontend").is_dir() and str(_root) not in __path__:
    __path__.append(str(_root))  # a checkout that is not installed: frontend/, backends/, grammar/

from irad.api import (  # noqa: E402
    compile,
    grad,
    hessian,
    hvp,
    ir,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    parse_ir,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from irad.check import check_grads  # noqa: E402
from irad.errors import CompileError, InternalError  # noqa: E402

__version__ = "0.1.0"
__all__ = [
    "CompileError",
    "InternalError",
    "check_grads",
    "compile",
    "grad",
    "hessian",
    "hvp",
    "ir",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "parse_ir",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
