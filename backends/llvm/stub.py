"""The call stubs of a program in LLVM text: from a vectorcall to the program's entry, and from its result to an object.

    stub.call    checks the guards, takes the arguments apart and runs the program; where the call does not fit it jumps
                 to @native.miss, which goes to `slow` of the NativeFunction or back to its dispatcher
    stub.flat    takes the leaves of the dynamic arguments, then the hidden ones, and converts them leniently

    plan = CallPlan([Dynamic(FLOAT)], raiser=raise_error)
    set_stubs(native, [compile_stub(emit_module(module), plan)])

The text names the objects of this process and holds no address. It is `optnone`: code generation level 0, which takes
half the time of level 1 and was not seen to be slower here. What does not depend on the program is compiled once.
"""
from __future__ import annotations

import ctypes
import re
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irad.backends.llvm import native, runtime
from irad.backends.llvm.emit import Program
from irad.backends.llvm.jit import Code, compile_text
from irad.backends.llvm.layout import SIZE, Field, flat, item_layout
from irad.backends.llvm.native import VECTORCALL, Stub, once
from irad.errors import InternalError
from irad.types import BOOL, INT, Array, Record, Scalar, Static, Struct, Tuple, Type, leaves

__all__ = [
    "ABSENT", "Argument", "CallPlan", "Dynamic", "Guard", "Hidden", "Identical", "Names", "StubText", "compile_stub",
    "stub_text",
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
    """A value read at each call from the closure cell of this number; the program takes it after the arguments."""

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
    """How a program is called. `raiser(site number, 64 bytes of values)` raises the error of a failed call;
    `rebuild` makes a result that has dicts, dataclasses or NamedTuples from the tuple of its leaves."""

    arguments: Sequence[Argument]
    hidden: Sequence[Hidden] = ()
    guards: Sequence[Guard] = ()
    names: Sequence[Names] = ()
    recursive: bool = False
    raiser: Any = None
    rebuild: Any = None


@dataclass(slots=True)
class StubText:
    """Text to append to the program's, the addresses of what it does not define, and the objects behind them, which must
    live as long as the code."""

    text: str
    symbols: dict[str, int]
    objects: list[object]


CALL, FLAT = "stub.call", "stub.flat"


def compile_stub(program: Program, plan: CallPlan, *, level: int = 1) -> Stub:
    """Compile a program with its stubs. What they refer to lives as long as the Stub."""
    stub = stub_text(program, plan)
    code = compile_text(program.text + stub.text, [CALL, FLAT], stub.symbols, level=level)
    return Stub(code.address(CALL), code.address(FLAT), (code, plan, stub.objects))


def stub_text(program: Program, plan: CallPlan) -> StubText:
    """The stubs of a program. Raises InternalError where the plan is not one for this program."""
    return _Stubs(program, plan).made()


def struct_class(t: Struct) -> type | None:
    """The class of the objects that stubs take apart as a value of type t; None where they do not."""
    if isinstance(t, Record):
        return {"list": list, "namedtuple": t.form.python_class}.get(t.form.kind)
    return tuple


def readable(t: Type) -> bool:
    """Whether stubs take objects of this type apart."""
    if isinstance(t, Struct):
        return struct_class(t) is not None and all(map(readable, t.items))
    return isinstance(t, (Scalar, Static, Array))


def buildable(t: Type) -> bool:
    """Whether stubs make objects of this type without `rebuild`."""
    return not isinstance(t, Struct) or (struct_class(t) in (tuple, list) and all(map(buildable, t.items)))


def scalar_leaf(t: Type) -> str:
    """The LLVM type of a leaf. All leaves pass here; arrays, which are several operands, are refused until they come."""
    if not isinstance(t, Scalar):
        raise InternalError(f"a value of type {t} does not cross the call yet")
    return flat(t)[0]


# -- what does not depend on the program: compiled once ----------------------------------------------------------------

CPYTHON = """\
declare ptr @PyBytes_FromStringAndSize(ptr, i64)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare void @PyErr_Clear()
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyList_New(i64)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyNumber_Index(ptr)
declare ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare i32 @PyObject_IsTrue(ptr)
declare ptr @PyTuple_New(i64)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
"""
OBJECTS: dict[str, object] = {
    "stub.float": float, "stub.int": int, "stub.True": True, "stub.False": False, "stub.f64": np.float64,
    "stub.f32": np.float32, "stub.i64": np.int64, "stub.i32": np.int32, "stub.bool": np.bool_,
    "stub.TypeError": TypeError, "stub.OverflowError": OverflowError,
}

PREVIOUS, NEXT = 32, 40                          # the links of a block
HEAD = runtime.LINKS - PREVIOUS                  # of the context: as if a block began there
RESERVE = 128 << 10                              # of a thread's stack, for what compiled code calls; a quarter at most

# How a value %x in memory becomes an object %o, by its LLVM type; an i1 is a byte in memory.
BOX = {
    "double": ("double", """
  %o = tail call ptr @PyFloat_FromDouble(double %x)"""),
    "float": ("float", """
  %wide = fpext float %x to double
  %o = tail call ptr @PyFloat_FromDouble(double %wide)"""),
    "i64": ("i64", """
  %o = tail call ptr @PyLong_FromLongLong(i64 %x)"""),
    "i32": ("i32", """
  %wide = sext i32 %x to i64
  %o = tail call ptr @PyLong_FromLongLong(i64 %wide)"""),
    "i1": ("i8", """
  %false = icmp eq i8 %x, 0
  %o = select i1 %false, ptr @stub.False, ptr @stub.True
  call void @Py_IncRef(ptr %o)"""),
}


def _filler(name: str) -> str:
    """A function that makes objects of n values in memory; true where one could not be made."""
    t, box = BOX[name]
    return f"""
define i1 @stub.fill.{name}(ptr %items, ptr %source, i64 %n) nounwind {{
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
}}
"""


def _converter(t: str, convert: str, suspicious: str) -> str:
    """A function from an object to (failed, value): it failed if the value is suspicious and an exception is set."""
    return f"""
define {{ i1, {t} }} @stub.to.{t}(ptr %x) nounwind {{
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
}}
"""


# The lowest address of this thread's stack that compiled code may use; null where it cannot be known. Asking pthread for
# the main thread's reads /proc/self/maps, so that is done once.
STACK_LIMIT = f"""
declare ptr @pthread_self()
declare i32 @pthread_getattr_np(ptr, ptr)
declare i32 @pthread_attr_getstack(ptr, ptr, ptr)
declare i32 @pthread_attr_destroy(ptr)

define ptr @stub.stack_limit() nounwind {{
  %attributes = alloca [64 x i8], align 16
  %low = alloca ptr
  %size = alloca i64
  %thread = call ptr @pthread_self()
  %main = icmp eq ptr %thread, @stub.main_thread
  br i1 %main, label %known, label %ask
known:
  ret ptr @stub.main_limit
ask:
  %status = call i32 @pthread_getattr_np(ptr %thread, ptr %attributes)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %found, label %unknown
found:
  %ignored = call i32 @pthread_attr_getstack(ptr %attributes, ptr %low, ptr %size)
  %ignored2 = call i32 @pthread_attr_destroy(ptr %attributes)
  %bytes = load i64, ptr %size
  %quarter = lshr i64 %bytes, 2
  %small = icmp ult i64 %quarter, {RESERVE}
  %reserve = select i1 %small, i64 %quarter, i64 {RESERVE}
  %bottom = load ptr, ptr %low
  %limit = getelementptr i8, ptr %bottom, i64 %reserve
  ret ptr %limit
unknown:
  ret ptr null
}}
"""

HELPERS = "".join([
    *map(_filler, BOX),
    _converter("double", """
  %v = call double @PyFloat_AsDouble(ptr %x)""", "fcmp oeq double %v, -1.0"),
    _converter("float", """
  %wide = call double @PyFloat_AsDouble(ptr %x)
  %v = fptrunc double %wide to float""", "fcmp oeq double %wide, -1.0"),
    _converter("i64", """
  %v = call i64 @stub.index(ptr %x)""", "icmp eq i64 %v, -1"),
    _converter("i32", """
  %wide = call i64 @stub.index32(ptr %x)
  %v = trunc i64 %wide to i32""", "icmp eq i64 %wide, -1"),
    _converter("i1", """
  %truth = call i32 @PyObject_IsTrue(ptr %x)
  %v = icmp ne i32 %truth, 0""", "icmp eq i32 %truth, -1"),
    f"""
@too_large = private constant [28 x i8] c"int too large for 32 bits\\00\\00\\00"
@misused = private constant [36 x i8] c"this takes leaves, and all of them\\00\\00"
declare void @free(ptr)

define i64 @stub.index(ptr %x) nounwind {{
  %n = call ptr @PyNumber_Index(ptr %x)
  %null = icmp eq ptr %n, null
  br i1 %null, label %failed, label %ok
ok:
  %v = call i64 @PyLong_AsLongLong(ptr %n)
  call void @Py_DecRef(ptr %n)
  ret i64 %v
failed:
  ret i64 -1
}}

define i64 @stub.index32(ptr %x) nounwind {{
  %v = call i64 @stub.index(ptr %x)
  %narrow = trunc i64 %v to i32
  %back = sext i32 %narrow to i64
  %fits = icmp eq i64 %v, %back
  br i1 %fits, label %ok, label %overflow
ok:
  ret i64 %v
overflow:
  call void @PyErr_SetString(ptr @stub.OverflowError, ptr @too_large)
  ret i64 -1
}}

; (too large, value) of an int of several digits
define {{ i1, i64 }} @stub.wide_int(ptr %x) nounwind {{
  %overflow = alloca i32
  %v = call i64 @PyLong_AsLongLongAndOverflow(ptr %x, ptr %overflow)
  %side = load i32, ptr %overflow
  %bad = icmp ne i32 %side, 0
  %r0 = insertvalue {{ i1, i64 }} undef, i1 %bad, 0
  %r1 = insertvalue {{ i1, i64 }} %r0, i64 %v, 1
  ret {{ i1, i64 }} %r1
}}

; whether a name has the object that is expected, null if none
define i1 @stub.same(ptr %namespace, ptr %name, ptr %expected) nounwind {{
  %found = call ptr @PyDict_GetItemWithError(ptr %namespace, ptr %name)
  %equal = icmp eq ptr %found, %expected
  %null = icmp eq ptr %found, null
  br i1 %null, label %ask, label %done
ask:
  %error = call ptr @PyErr_Occurred()
  %absent = icmp eq ptr %error, null
  br i1 %absent, label %done, label %failed
failed:
  call void @PyErr_Clear()
  ret i1 false
done:
  ret i1 %equal
}}

; after a program failed: free its blocks, raise its error
define ptr @stub.failed(ptr %ctx, ptr %raiser) nounwind {{
entry:
  %head = getelementptr i8, ptr %ctx, i64 {HEAD}
  %link = getelementptr i8, ptr %head, i64 {NEXT}
  %first = load ptr, ptr %link
  br label %loop
loop:
  %block = phi ptr [ %first, %entry ], [ %next, %one ]
  %end = icmp eq ptr %block, %head
  br i1 %end, label %raise, label %one
one:
  %place = getelementptr i8, ptr %block, i64 {NEXT}
  %next = load ptr, ptr %place
  call void @free(ptr %block)
  br label %loop
raise:
  %error = getelementptr i8, ptr %ctx, i64 {runtime.ERROR}
  %site = load i64, ptr %error
  %number = call ptr @PyLong_FromLongLong(i64 %site)
  %noted = getelementptr i8, ptr %ctx, i64 {runtime.VALUES}
  %values = call ptr @PyBytes_FromStringAndSize(ptr %noted, i64 {8 * runtime.MAX_VALUES})
  %null1 = icmp eq ptr %number, null
  %null2 = icmp eq ptr %values, null
  %null = or i1 %null1, %null2
  br i1 %null, label %drop, label %tell
tell:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %raiser, ptr %number, ptr %values, ptr null)
  br label %drop
drop:
  %result = phi ptr [ null, %raise ], [ %answer, %tell ]
  call void @Py_DecRef(ptr %result)
  call void @Py_DecRef(ptr %values)
  call void @Py_DecRef(ptr %number)
  ret ptr null
}}

define ptr @stub.misused() nounwind {{
  call void @PyErr_SetString(ptr @stub.TypeError, ptr @misused)
  ret ptr null
}}
""",
    STACK_LIMIT])

FUNCTIONS = re.compile(r"^(?:declare|define) (.*?) @([\w.]+)(\(.*?\))", re.M)
DECLARATIONS = {name: f"declare {returned} @{name}{taken}" for returned, name, taken in FUNCTIONS.findall(CPYTHON + HELPERS)}
HELPER_NAMES = [name for name in DECLARATIONS if name.startswith("stub.")]


@once
def _helpers() -> Code:
    thread, limit = _main_stack()
    symbols = {name: id(x) for name, x in OBJECTS.items()} | {"stub.main_thread": thread, "stub.main_limit": limit}
    external = "".join(f"@{name} = external global i8\n" for name in symbols)
    return compile_text(CPYTHON + external + HELPERS, HELPER_NAMES, symbols, level=0)


def _main_stack() -> tuple[int, int]:
    """The main thread, and the lowest address of its stack that compiled code may use."""
    libc = ctypes.CDLL(None)
    thread = threading.main_thread().ident or 0
    attributes, low, size = ctypes.create_string_buffer(64), ctypes.c_void_p(), ctypes.c_size_t()
    if libc.pthread_getattr_np(ctypes.c_void_p(thread), attributes):
        return thread, 0
    libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return thread, (low.value or 0) + min(RESERVE, size.value // 4)
