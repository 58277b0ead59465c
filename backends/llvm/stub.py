"""The call stubs of a program in LLVM text: from a vectorcall to the program's entry, and from its result to an object.

    stub.attempt   checks the guards, takes the arguments apart, calls the program; MISMATCH where the call does not fit
    stub.call      the same, but then calls `slow` of the NativeFunction
    stub.flat      takes the leaves of the dynamic arguments, then the hidden ones, and converts them leniently

    plan = CallPlan([Dynamic(FLOAT)], raiser=raise_error)
    stub = compile_stub(emit_module(module), plan)
    set_stubs(native, [stub])

`attempt` and `call` share @stub.parse, which is handed what to do at a mismatch and jumps to it; all share @stub.run.
The text names the objects of this process, and holds no address.
"""
from __future__ import annotations

import ctypes
import functools
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from irad.backends.llvm import native, runtime
from irad.backends.llvm.emit import Program
from irad.backends.llvm.jit import compile_text
from irad.backends.llvm.layout import Field, flat, item_layout
from irad.backends.llvm.native import MISMATCH, Stub
from irad.errors import InternalError
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, Array, Record, Scalar, Static, Struct, Tuple, Type, leaves

__all__ = [
    "ABSENT", "Argument", "CallPlan", "Dynamic", "Guard", "Hidden", "Identical", "Names", "StubText", "compile_stub", "stub_text",
]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An argument that the program is handed: a value of exactly this type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Identical:
    """An argument that the program was compiled for: this very object."""

    object: object


Argument = Dynamic | Identical


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value read at each call from the closure cell of this number; further operands of the program, at the end."""

    cell: int
    type: Type


@dataclass(frozen=True, slots=True)
class Guard:
    """Eight bytes of memory that must be as they were. The caller sees to it that the memory stays."""

    address: int
    expected: int


ABSENT = object()


@dataclass(frozen=True, slots=True)
class Names:
    """What a program took for constant in a namespace: name -> object, or ABSENT."""

    namespace: dict[str, Any]
    expected: dict[str, object]


@dataclass(slots=True)
class CallPlan:
    """How a program is called. `raiser(site number, 64 bytes of values)` raises the error of a failed call; `rebuild` makes
    a result that has records other than lists from the tuple of its leaves."""

    arguments: Sequence[Argument]
    hidden: Sequence[Hidden] = ()
    guards: Sequence[Guard] = ()
    names: Sequence[Names] = ()
    recursive: bool = False
    raiser: Any = None
    rebuild: Any = None


@dataclass(slots=True)
class StubText:
    """Text to append to the program's, the addresses of the names it does not define, and the objects behind them."""

    text: str
    symbols: dict[str, int] = field(default_factory=dict)
    objects: list[object] = field(default_factory=list)


ATTEMPT, CALL, FLAT = "stub.attempt", "stub.call", "stub.flat"


def compile_stub(program: Program, plan: CallPlan, *, level: int = 1) -> Stub:
    """Compile a program with its stubs. What they refer to lives as long as the Stub."""
    stub = stub_text(program, plan)
    code = compile_text(program.text + stub.text, [ATTEMPT, CALL, FLAT], stub.symbols, level=level)
    return Stub(code.address(ATTEMPT), code.address(CALL), code.address(FLAT), (code, plan, stub.objects))


def stub_text(program: Program, plan: CallPlan) -> StubText:
    """The stubs of a program. Raises InternalError where the plan's types are not those of the program."""
    return _Stubs(program, plan).made()


# -- text that does not depend on the program --------------------------------------------------------------------------------

VECTORCALL = "ptr %self, ptr %args, i64 %nargsf, ptr %names"

DECLARATIONS = {
    "PyBytes_FromStringAndSize": "ptr (ptr, i64)",
    "PyDict_GetItemWithError": "ptr (ptr, ptr)",
    "PyErr_Clear": "void ()",
    "PyErr_Occurred": "ptr ()",
    "PyErr_SetString": "void (ptr, ptr)",
    "PyFloat_AsDouble": "double (ptr)",
    "PyFloat_FromDouble": "ptr (double)",
    "PyList_New": "ptr (i64)",
    "PyLong_AsLongLong": "i64 (ptr)",
    "PyLong_AsLongLongAndOverflow": "i64 (ptr, ptr)",
    "PyLong_FromLongLong": "ptr (i64)",
    "PyNumber_Index": "ptr (ptr)",
    "PyObject_CallFunctionObjArgs": "ptr (ptr, ...)",
    "PyObject_IsTrue": "i32 (ptr)",
    "PyObject_Vectorcall": "ptr (ptr, ptr, i64, ptr)",
    "PyTuple_New": "ptr (i64)",
    "Py_DecRef": "void (ptr)",
    "Py_IncRef": "void (ptr)",
    "pthread_attr_destroy": "i32 (ptr)",
    "pthread_attr_getstack": "i32 (ptr, ptr, ptr)",
    "pthread_getattr_np": "i32 (i64, ptr)",
    "pthread_self": "i64 ()",
}

OBJECTS: dict[str, object] = {
    "stub.float": float, "stub.int": int, "stub.tuple": tuple, "stub.list": list, "stub.True": True, "stub.False": False,
    "stub.f64": np.float64, "stub.f32": np.float32, "stub.i64": np.int64, "stub.i32": np.int32, "stub.bool": np.bool_,
    "stub.TypeError": TypeError, "stub.OverflowError": OverflowError,
}
CLASSES = {FLOAT: "float", INT: "int", F64: "f64", F32: "f32", I64: "i64", I32: "i32"}

RESERVE = 128 << 10                              # of a thread's stack, for what compiled code calls; a quarter at most


def _converter(name: str, t: str, convert: str, suspicious: str) -> str:
    """A function from an object to (failed, value): `suspicious` says when to ask for an exception."""
    return f"""
define internal {{ i1, {t} }} @{name}(ptr %x) {{
entry:{convert}
  %odd = {suspicious}
  br i1 %odd, label %ask, label %done
ask:
  %error = call ptr @PyErr_Occurred()
  %raised = icmp ne ptr %error, null
  br label %done
done:
  %failed = phi i1 [ false, %entry ], [ %raised, %ask ]
  %r0 = insertvalue {{ i1, {t} }} undef, i1 %failed, 0
  %r1 = insertvalue {{ i1, {t} }} %r0, {t} %v, 1
  ret {{ i1, {t} }} %r1
}}"""


def _filler(name: str, t: str, box: str) -> str:
    """A function that makes objects of n values in memory; true where one could not be made."""
    return f"""
define internal i1 @{name}(ptr %items, ptr %source, i64 %n) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %next ]
  %from = getelementptr {t}, ptr %source, i64 %i
  %x = load {t}, ptr %from{box}
  %failed = icmp eq ptr %o, null
  br i1 %failed, label %done, label %next
next:
  %to = getelementptr ptr, ptr %items, i64 %i
  store ptr %o, ptr %to
  %j = add nuw nsw i64 %i, 1
  %more = icmp ult i64 %j, %n
  br i1 %more, label %loop, label %done
done:
  ret i1 %failed
}}"""


# How a value %x in memory becomes an object %o, by its LLVM type; an i1 is a byte there.
BOX = {
    "double": ("double", "\n  %o = call ptr @PyFloat_FromDouble(double %x)"),
    "float": ("float", "\n  %wide = fpext float %x to double\n  %o = call ptr @PyFloat_FromDouble(double %wide)"),
    "i64": ("i64", "\n  %o = call ptr @PyLong_FromLongLong(i64 %x)"),
    "i32": ("i32", "\n  %wide = sext i32 %x to i64\n  %o = call ptr @PyLong_FromLongLong(i64 %wide)"),
    "i1": ("i8", """
  %false = icmp eq i8 %x, 0
  %o = select i1 %false, ptr @stub.False, ptr @stub.True
  call void @Py_IncRef(ptr %o)"""),
}

HELPERS = {
    **{f"stub.fill.{name}": _filler(f"stub.fill.{name}", t, box) for name, (t, box) in BOX.items()},
    **{f"stub.box.{name}": f"\ndefine internal ptr @stub.box.{name}({t} %x) {{{box}\n  ret ptr %o\n}}" for name, (t, box) in BOX.items()},
    "stub.slow": native.SLOW_TEXT,
    "stub.miss": f"""
define internal ptr @stub.miss({VECTORCALL}) {{
  ret ptr inttoptr (i64 {MISMATCH} to ptr)
}}""",
    # (overflow, value) of an int of several digits.
    "stub.wide_int": """
define internal { i1, i64 } @stub.wide_int(ptr %x) {
  %overflow = alloca i32
  %v = call i64 @PyLong_AsLongLongAndOverflow(ptr %x, ptr %overflow)
  %side = load i32, ptr %overflow
  %bad = icmp ne i32 %side, 0
  %r0 = insertvalue { i1, i64 } undef, i1 %bad, 0
  %r1 = insertvalue { i1, i64 } %r0, i64 %v, 1
  ret { i1, i64 } %r1
}""",
    "stub.to.double": _converter("stub.to.double", "double", """
  %v = call double @PyFloat_AsDouble(ptr %x)""", "fcmp oeq double %v, -1.0"),
    "stub.to.float": _converter("stub.to.float", "float", """
  %wide = call double @PyFloat_AsDouble(ptr %x)
  %v = fptrunc double %wide to float""", "fcmp oeq double %wide, -1.0"),
    "stub.to.i64": _converter("stub.to.i64", "i64", """
  %v = call i64 @stub.index(ptr %x)""", "icmp eq i64 %v, -1"),
    "stub.to.i32": _converter("stub.to.i32", "i32", """
  %wide = call i64 @stub.index(ptr %x)
  %v = trunc i64 %wide to i32
  %back = sext i32 %v to i64
  %fits = icmp eq i64 %wide, %back
  br i1 %fits, label %test, label %overflow
overflow:
  call void @stub.overflow()
  br label %test
test:""", "or i1 ..."),
    "stub.to.i1": _converter("stub.to.i1", "i1", """
  %truth = call i32 @PyObject_IsTrue(ptr %x)
  %v = icmp ne i32 %truth, 0""", "icmp slt i32 %truth, 0"),
}
