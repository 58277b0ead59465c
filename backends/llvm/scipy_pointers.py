"""BLAS and LAPACK in machine code: the functions that SciPy's Cython modules export, called by address.

    call void @scipy.dgetrf(ptr %m, ptr %n, ptr %a, ptr %lda, ptr %pivots, ptr %info)

All arguments are pointers, as Fortran has them, and integers have 32 bits. A program that names one declares it
(`declared`); SciPy's modules are loaded when such a program is linked, by their files: what `import scipy.linalg` does besides
takes ten times as long.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

__all__ = ["PREFIX", "address", "declared"]

PREFIX = "scipy."


def declared(used: str) -> str:
    """The declaration of what an emitter notes as used: "scipy.NAME/COUNT", with the number of arguments."""
    name, count = used.split("/")
    return f"declare void @{name}({', '.join(['ptr'] * int(count))})"


def address(name: str) -> int:
    """The address of "scipy.NAME"."""
    from irad.backends.llvm import fourier

    if name in fourier.FUNCTIONS:
        return fourier.address(name)
    base = name.removeprefix(PREFIX)
    capsule = _functions("cython_blas").get(base) or _functions("cython_lapack")[base]
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))(capsule)
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    return int(pointer(capsule, signature))


@functools.cache
def _functions(module: str) -> dict[str, Any]:
    """The functions of a Cython module of scipy.linalg, without the rest of that package."""
    import scipy

    name = f"scipy.linalg.{module}"
    spec = PathFinder.find_spec(name, [str(Path(p) / "linalg") for p in scipy.__path__])
    if name in sys.modules or spec is None or spec.loader is None:
        loaded = importlib.import_module(name)
    else:
        loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
        sys.modules.pop(name, None)  # the package, when somebody imports it, finds the same module by itself
    functions: dict[str, Any] = loaded.__pyx_capi__
    return functions
