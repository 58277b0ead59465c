"""Lowering of the Fourier transform: a call of NumPy's, pocketfft, which has no interface to C but Python's.

    call void @scipy.dfft(ptr %rows, ptr %n, ptr %inverse, ptr %x, ptr %y, ptr %re, ptr %im, ptr %status)

The function behind the name takes Python's lock, makes arrays of the pointers, and gives back a status: not 0 where memory
ran out.
"""

from __future__ import annotations

import _thread
import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from irad.backends.llvm.arrays import allocate, array_type, product, shape
from irad.backends.llvm.linalg import Call

from irad.graph.nodes import Apply
from irad.primitives.lapack import dft

__all__ = ["FUNCTIONS", "KERNELS"]

FUNCTIONS = {"scipy.dfft": ctypes.c_double, "scipy.sfft": ctypes.c_float}  # by the types of the parts


def _fft(e: Any, node: Apply) -> tuple[str, ...]:
    x, y = node.args
    t, dims = array_type(x), shape(e, x)
    re, im = allocate(e, t, dims), allocate(e, t, dims)
    call = Call(e, "fft", t).ints(product(e, dims[:-1]) if len(dims) > 1 else "1", dims[-1], str(int(node.static[0])))
    status = call.memory(e.get(x)[0], e.get(y)[0], re[0], im[0]).info()
    e.fail_if(e.emit(f"icmp ne i32 {status}, 0"), "MemoryError", "no memory for a Fourier transform")
    return (*re, *im)


KERNELS: dict[str, Callable[[Any, Apply], tuple[str, ...]]] = {"dft": _fft}

_INT = ctypes.POINTER(ctypes.c_int32)
_SIGNATURE = ctypes.CFUNCTYPE(None, *[_INT] * 3, *[ctypes.c_void_p] * 4, _INT)
_made: dict[str, Any] = {}


def address(name: str) -> int:
    """The address of one of FUNCTIONS, which lives as long as the process."""
    if name not in _made:
        _made[name] = _SIGNATURE(_function(FUNCTIONS[name]))
    return ctypes.cast(_made[name], ctypes.c_void_p).value or 0


def _function(part: Any) -> Callable[..., None]:
    def run(rows: Any, n: Any, inverse: Any, x: int, y: int, re: int, im: int, status: Any) -> None:
        shape, interrupted = (rows[0], n[0]), False
        while True:
            try:
                memory = [(part * (shape[0] * shape[1])).from_address(p) for p in (x, y, re, im)]
                arrays = [np.frombuffer(m, part).reshape(shape) for m in memory]
                arrays[2][...], arrays[3][...] = dft(arrays[0], arrays[1], bool(inverse[0]))
                break
            except KeyboardInterrupt:  # comes again when the call is over
                interrupted = True
            except MemoryError:
                status[0] = 1
                break
        if interrupted:
            _thread.interrupt_main()

    return run
