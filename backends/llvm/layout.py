"""How values of each type live in LLVM: in registers as a flat list of operands, in memory as packed fields.

    f64, float      double                     (f64, bool)    double, i1
    stack[T]        block pointer, length      @sum           block pointer
    f64[3,n]        data pointer, block pointer, one i64 a symbolic dim

A block is memory that irad owns: a header of 48 bytes (see `runtime`), then data. Leaves that point to blocks are
"managed": they are counted.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

import numpy as np

from irad.errors import InternalError
from irad.types import Array, Dim, List, Scalar, Stack, Static, Struct, Sum, Type, Unbound

__all__ = ["HEADER", "WIDE", "Field", "flat", "item_layout", "literal_text", "managed", "offsets", "scalar_type"]

HEADER = 48
SCALAR = {
    **{"f64": "double", "float": "double", "f32": "float", "i64": "i64", "int": "i64", "i32": "i32", "bool": "i1"},
    **{"i8": "i8", "u8": "i8", "i16": "i16", "u16": "i16", "u32": "i32"},
}

# How a value becomes a word of eight bytes that is shown in a message.
WIDE = {"i1": "zext i1 {} to i64", "i32": "sext i32 {} to i64", "float": "fpext float {} to double"}


def scalar_type(t: Type) -> str:
    return SCALAR[str(t)]


@functools.cache
def flat(t: Type) -> tuple[str, ...]:
    """The LLVM types of a value in registers."""
    if isinstance(t, Scalar):
        return (SCALAR[str(t)],)
    if isinstance(t, Struct):
        return tuple(x for i in t.items for x in flat(i))
    if isinstance(t, (Static, Unbound)):
        return ()
    if isinstance(t, (Stack, List)):
        return ("ptr", "i64")
    if isinstance(t, Sum):
        return ("ptr",)
    if isinstance(t, Array):
        return ("ptr", "ptr", *("i64" for d in t.shape if isinstance(d, Dim)))
    raise InternalError(f"no layout for {t}")


@functools.cache
def managed(t: Type) -> tuple[int, ...]:
    """Which of the operands point to blocks."""
    if isinstance(t, Struct):
        out, base = [], 0
        for i in t.items:
            out += [base + k for k in managed(i)]
            base += len(flat(i))
        return tuple(out)
    if isinstance(t, (Stack, List, Sum)):
        return (0,)
    return (1,) if isinstance(t, Array) else ()


@functools.cache
def offsets(t: Struct) -> tuple[int, ...]:
    """Where each item of a struct begins among its operands; one more for the end."""
    out = [0]
    for i in t.items:
        out.append(out[-1] + len(flat(i)))
    return tuple(out)


class Field:
    """One operand in memory."""

    __slots__ = ("offset", "type")

    def __init__(self, type: str, offset: int) -> None:
        self.type, self.offset = type, offset


SIZE = {"double": 8, "i64": 8, "ptr": 8, "float": 4, "i32": 4, "i16": 2, "i8": 1, "i1": 1}


@functools.cache
def item_layout(t: Type) -> tuple[tuple[Field, ...], int]:
    """The fields of a value in memory, in operand order, and its size: large fields first, so that little is lost."""
    types = flat(t)
    places: dict[int, int] = {}
    offset = 0
    for k in sorted(range(len(types)), key=lambda k: -SIZE[types[k]]):
        places[k] = offset
        offset += SIZE[types[k]]
    align = max((SIZE[x] for x in types), default=1)
    size = -(-offset // align) * align
    return tuple(Field(x, places[k]) for k, x in enumerate(types)), size


def literal_text(t: Scalar, value: Any) -> str:
    """A constant as LLVM text."""
    if t.kind == "f":
        as_double = float(np.float32(value)) if t.width == 32 else float(value)
        return f"0x{struct.unpack('<Q', struct.pack('<d', as_double))[0]:016X}"
    if t.kind == "b":
        return "true" if value else "false"
    return str(int(value))
