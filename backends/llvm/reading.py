"""From Python's objects to the operands of a program: the part of a call stub that takes arguments apart.

An object that is not of the type that the program was compiled for goes to the label `miss` of the lines.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from irad.backends.llvm import native
from irad.backends.llvm.layout import SIZE, flat
from irad.backends.llvm.lines import Lines

from irad.errors import InternalError
from irad.types import BOOL, COMPLEX, F32, F64, FLOAT, INT, SMALLEST, Array, Dim, Record, Scalar, Static, Struct, Type

__all__ = ["Reader", "complex_class", "dtype_of", "items", "readable", "scalar_leaf", "struct_class"]

ORDERED = 0x101  # flags of NumPy's arrays: C order, aligned


def struct_class(t: Struct) -> type | None:
    """The class of the objects that stubs take apart as a value of type t; None where they do not."""
    if isinstance(t, Record):
        return {"list": list, "dict": dict, "namedtuple": t.form.python_class}.get(t.form.kind)
    return tuple


COMPLEX_CLASSES: dict[Type, type] = {FLOAT: complex, F64: np.complex128, F32: np.complex64}  # by the type of a part


def complex_class(t: Type) -> type | None:
    """The class of the complex numbers that stubs take apart as a value of type t."""
    if isinstance(t, Record) and t.form is COMPLEX:
        return COMPLEX_CLASSES.get(t.items[0])
    return None


def readable(t: Type) -> bool:
    """Whether stubs take objects of this type apart."""
    if complex_class(t) is not None:
        return True
    if isinstance(t, Struct):
        return struct_class(t) is not None and all(map(readable, t.items))
    return isinstance(t, (Scalar, Static, Array))


def scalar_leaf(t: Type) -> str:
    """The LLVM type of a leaf that is one operand."""
    if not isinstance(t, Scalar):
        raise InternalError(f"a value of type {t} does not cross the call")
    return flat(t)[0]


def dtype_of(t: Array) -> str:
    """The name of the dtype of an array's items."""
    return {"float": "f64", "int": "i64"}.get(str(t.dtype), str(t.dtype))


def items(f: Lines, t: Struct, x: str) -> str:
    """Where the items of a tuple or list are."""
    return f.load("ptr", x, native.LIST_ITEMS) if struct_class(t) is list else f.at(x, native.TUPLE_ITEMS)


class Reader:
    """Writes the lines that take objects apart. `known(object)` is the name of an object."""

    def __init__(self, known: Callable[[object], str]) -> None:
        self.known = known

    def read(self, f: Lines, t: Type, x: str) -> list[str]:
        """The operands in an object of type t; to the label `miss` where it is of another."""
        if isinstance(t, Static):
            self.need_object(f, x, self.known(t.value), type(t.value))
            return []
        if isinstance(t, Struct):
            return self.read_items(f, t, x)
        if isinstance(t, Array):
            return self.read_array(f, t, x)
        if t is BOOL:
            return [self.read_bool(f, x)]
        if t is INT:
            return [self.read_int(f, x)]
        ll = scalar_leaf(t)
        self.need_class(f, x, f"@stub.{t}")
        return [f.load(ll, x, native.VALUE)]

    def read_array(self, f: Lines, t: Array, x: str) -> list[str]:
        """The items of an array in C order, in the memory that they are in; the caller keeps them."""
        self.need_class(f, x, "@stub.ndarray")
        f.held.append(x)
        f.need_equal(f.load("ptr", x, native.ARRAY_DTYPE), f"@stub.dtype.{dtype_of(t)}")
        f.need_equal(f.load("i32", x, native.ARRAY_RANK), str(len(t.shape)), type="i32")
        order = f.emit(f"and i32 {f.load('i32', x, native.ARRAY_FLAGS)}, {ORDERED}")
        f.need_equal(order, str(ORDERED), type="i32")
        dims = f.load("ptr", x, native.ARRAY_DIMS)
        operands = [f.load("ptr", x, native.ARRAY_DATA), "null"]
        for i, d in enumerate(t.shape):
            size = f.load("i64", dims, 8 * i)
            if isinstance(d, Dim):
                operands.append(size)
                f.sizes.append((d, size))
            else:
                f.need_equal(size, str(d), type="i64")
        return operands

    @staticmethod
    def check_sizes(f: Lines) -> None:
        """The sizes that the symbols in the arguments' types stand for: not too small, and equal where the types say so."""
        symbols: dict[str, str] = {}
        for d, size in f.sizes:
            (term,) = d.symbols() if len(d.terms) == 1 else ("",)
            if str(d) == term and symbols.setdefault(term, size) is size:
                f.need(f.emit(f"icmp sge i64 {size}, {SMALLEST}"))
        for d, size in f.sizes:
            if symbols.get(str(d)) is size:
                continue
            total = "0"
            for names, count in d.terms:
                product = str(count)
                for name in names:
                    product = symbols[name] if product == "1" else f.emit(f"mul i64 {product}, {symbols[name]}")
                total = product if total == "0" else f.emit(f"add i64 {total}, {product}")
            f.need_equal(size, total, type="i64")

    @staticmethod
    def need_object(f: Lines, x: str, known: str, kind: type) -> None:
        """Go on where x is a known object of this class; for an int or str, where it equals it."""
        same = f.emit(f"icmp eq ptr {x}, {known}")
        if kind not in (int, str):
            f.need(same)
            return
        compare, equal = f.new_label("compare"), f.new_label("equal")
        f.branch(same, equal, compare)
        f.start(compare)
        f.branch(f.emit(f"call i1 @stub.equal(ptr {x}, ptr {known})"), equal)
        f.start(equal)

    def need_class(self, f: Lines, x: str, python_class: str) -> None:
        f.need_equal(f.load("ptr", x, native.OB_TYPE), python_class)

    def read_items(self, f: Lines, t: Struct, x: str) -> list[str]:
        number = complex_class(t)
        if number is not None:
            self.need_class(f, x, self.known(number))
            part, _ = map(scalar_leaf, t.items)
            return [f.load(part, x, native.VALUE), f.load(part, x, native.VALUE + SIZE[part])]
        self.need_class(f, x, self.known(struct_class(t)))
        f.need_equal(f.load("i64", x, native.SIZE), str(len(t.items)), type="i64")
        if struct_class(t) is dict:
            return self.read_entries(f, t, x)
        places = items(f, t, x)
        return [v for i, item in enumerate(t.items) for v in self.read(f, item, f.load("ptr", places, 8 * i))]

    def read_entries(self, f: Lines, t: Struct, x: str) -> list[str]:
        """The operands in a dict, whose keys must be in the same order."""
        assert isinstance(t, Record)
        place, key, value = (f.emit("alloca i64") for _ in range(3))
        f.do(f"store i64 0, ptr {place}")
        operands = []
        for known, item in zip(t.form.keys, t.items, strict=True):
            found = f.emit(f"call i32 @PyDict_Next(ptr {x}, ptr {place}, ptr {key}, ptr {value})")
            f.need_equal(found, "1", type="i32")
            self.need_object(f, f.load("ptr", key, 0), self.known(known), type(known))
            operands += self.read(f, item, f.load("ptr", value, 0))
        return operands

    def read_bool(self, f: Lines, x: str) -> str:
        numpy, done = f.new_label("numpy"), f.new_label("bool")
        true, false = f.emit(f"icmp eq ptr {x}, @stub.True"), f.emit(f"icmp eq ptr {x}, @stub.False")
        before = f.label
        f.branch(f.emit(f"or i1 {true}, {false}"), done, numpy)
        f.start(numpy)
        self.need_class(f, x, "@stub.bool")
        value = f.emit(f"icmp ne i8 {f.load('i8', x, native.VALUE)}, 0")
        last = f.label
        f.do(f"br label %{done}")
        f.start(done)
        return f.emit(f"phi i1 [ {true}, %{before} ], [ {value}, %{last} ]")

    def read_int(self, f: Lines, x: str) -> str:
        self.need_class(f, x, "@stub.int")
        short, wide, done = f.new_label("short"), f.new_label("wide"), f.new_label("int")
        tag = f.load("i64", x, native.INT_TAG)
        if native.COMPACT_INT:
            compact = f.emit(f"icmp ult i64 {tag}, 16")
            sign = f.emit(f"sub i64 1, {f.emit(f'and i64 {tag}, 3')}")
        else:
            compact, sign = f.emit(f"icmp ult i64 {f.emit(f'add i64 {tag}, 1')}, 3"), tag
        f.branch(compact, short, wide)
        f.start(wide)
        converted = f.emit(f"call {{ i1, i64 }} @stub.wide_int(ptr {x})")
        f.need_not(f.emit(f"extractvalue {{ i1, i64 }} {converted}, 0"))
        long = f.emit(f"extractvalue {{ i1, i64 }} {converted}, 1")
        last = f.label
        f.do(f"br label %{done}")
        f.start(short)
        digit = f.emit(f"zext i32 {f.load('i32', x, native.INT_DIGIT)} to i64")
        value = f.emit(f"mul i64 {sign}, {digit}")
        f.do(f"br label %{done}")
        f.start(done)
        return f.emit(f"phi i64 [ {value}, %{short} ], [ {long}, %{last} ]")
