"""What the processor's vectors are, and which functions of the C library work on whole ones (libmvec of glibc)."""

from __future__ import annotations

import ctypes
import functools

__all__ = ["lanes_of", "load_vector_library", "vector_function"]

LIBRARY = "libmvec.so.1"
LETTERS = {512: "e", 256: "d", 128: "b"}  # of the vector function ABI, by the bits of a vector


@functools.cache
def vector_bits() -> int:
    """The bits of the widest vectors that this processor has."""
    from irad.backends.llvm.jit import features

    there = set(features())
    return 512 if "avx512f" in there else 256 if "avx2" in there else 128


def lanes_of(width: int) -> int:
    """How many items of so many bits a vector holds."""
    return vector_bits() // width


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


@functools.cache
def vector_function(name: str, bits: int, lanes: int, arity: int) -> str | None:
    """The symbol of a function on vectors: exp of 8 doubles is _ZGVeN8v_exp; None where there is none."""
    letter = LETTERS.get(bits)
    library = _library()
    if letter is None or library is None or bits > vector_bits():
        return None
    symbol = f"_ZGV{letter}N{lanes}{'v' * arity}_{name}"
    return symbol if hasattr(library, symbol) else None


def load_vector_library() -> None:
    """Make the functions known to the linker of compiled programs."""
    import llvmlite.binding as llvm

    llvm.load_library_permanently(LIBRARY)
