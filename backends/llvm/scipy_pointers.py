"""BLAS and LAPACK in machine code: the functions that SciPy's Cython modules export, called by address.

    call void @scipy.dgetrf(ptr %m, ptr %n, ptr %a, ptr %lda, ptr %pivots, ptr %info)

All arguments are pointers, as Fortran has them, and integers have 32 bits. A program that names one declares it
(`declared`); SciPy is imported when such a program is linked.
"""

from __future__ import annotations

import ctypes

__all__ = ["PREFIX", "address", "declared"]

PREFIX = "scipy."


def declared(used: str) -> str:
    """The declaration of what an emitter notes as used: "scipy.NAME/COUNT", with the number of arguments."""
    name, count = used.split("/")
    return f"declare void @{name}({', '.join(['ptr'] * int(count))})"


def address(name: str) -> int:
    """The address of "scipy.NAME"."""
    from scipy.linalg import cython_blas, cython_lapack

    base = name.removeprefix(PREFIX)
    capsule = cython_blas.__pyx_capi__.get(base) or cython_lapack.__pyx_capi__[base]
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))(capsule)
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    return int(pointer(capsule, signature))
