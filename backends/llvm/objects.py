"""What call stubs need of CPython and NumPy, in LLVM text that does not depend on the program: it is compiled once.

Objects from values in memory and back, comparisons, the end of a failed call, the limit of a thread's stack.
"""

from __future__ import annotations

import ctypes
import re
import threading
from typing import Any

import numpy as np
from irad.backends.llvm import native, runtime
from irad.backends.llvm.jit import Code, compile_text, features, host_features
from irad.backends.llvm.layout import HEADER
from irad.backends.llvm.native import once
from irad.backends.llvm.signals import POLL, POLL_ON_AVX, SIGNALS, signal_symbols
from irad.backends.llvm.threads import PARALLEL

from irad.types import MACHINE

__all__ = ["BOX", "DECLARATIONS", "DTYPES", "HEAD", "LIBRARY_OF", "NEXT", "OBJECTS", "PREVIOUS", "live_bytes", "numpy_symbols"]

# `nonlazybind`: a call goes straight to the function, not by a jump on the way (4 ns on a tuple of 5).
CPYTHON = """\
declare ptr @PyBytes_FromStringAndSize(ptr, i64)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
declare ptr @PyCapsule_New(ptr, ptr, ptr)
declare ptr @PyComplex_FromDoubles(double, double)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare i32 @PyErr_CheckSignals()
declare void @PyErr_Clear()
declare i32 @PyErr_ExceptionMatches(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyEval_SaveThread()
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyList_New(i64)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyNumber_Index(ptr)
declare ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare i32 @PyObject_IsTrue(ptr)
declare i32 @PyObject_RichCompareBool(ptr, ptr, i32)
declare ptr @PyTuple_New(i64)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
""".replace(")\n", ") nonlazybind\n")
# By the name of irad's type; NumPy has one such object each, and a subclass or swapped bytes have another.
DTYPES: dict[str, np.dtype[Any]] = {str(t): dtype for dtype, t in MACHINE.items()}
OBJECTS: dict[str, object] = {
    "stub.float": float,
    "stub.int": int,
    "stub.True": True,
    "stub.False": False,
    "stub.f64": np.float64,
    "stub.f32": np.float32,
    "stub.i64": np.int64,
    "stub.i32": np.int32,
    "stub.bool": np.bool_,
    "stub.TypeError": TypeError,
    "stub.OverflowError": OverflowError,
    "stub.ndarray": np.ndarray,
    **{f"stub.dtype.{name}": dtype for name, dtype in DTYPES.items()},
}

CAPACITY, PREVIOUS, NEXT = 24, 32, 40  # of a block: its bytes, its links
HEAD = runtime.LINKS - PREVIOUS  # of the context: as if a block began there
HANDED_OVER = 16 << 10  # bytes from which on a result keeps the memory of its block instead of a copy
RESERVE = 128 << 10  # of a thread's stack, for what compiled code calls; a quarter at most

# How a value %x in memory becomes an object %o, by its LLVM type; an i1 is a byte in memory.
BOX = {
    "double": (
        "double",
        """
  %o = tail call ptr @PyFloat_FromDouble(double %x)""",
    ),
    "float": (
        "float",
        """
  %wide = fpext float %x to double
  %o = tail call ptr @PyFloat_FromDouble(double %wide)""",
    ),
    "i64": (
        "i64",
        """
  %o = tail call ptr @PyLong_FromLongLong(i64 %x)""",
    ),
    "i32": (
        "i32",
        """
  %wide = sext i32 %x to i64
  %o = tail call ptr @PyLong_FromLongLong(i64 %wide)""",
    ),
    "i1": (
        "i8",
        """
  %false = icmp eq i8 %x, 0
  %o = select i1 %false, ptr @stub.False, ptr @stub.True
  call void @Py_IncRef(ptr %o)""",
    ),
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


def _c_string(text: str) -> str:
    return f'[{len(text) + 1} x i8] c"{text}\\00"'


FILLERS = "".join(map(_filler, BOX))
HELPERS = "".join(
    [
        _converter(
            "double",
            """
  %v = call double @PyFloat_AsDouble(ptr %x)""",
            "fcmp oeq double %v, -1.0",
        ),
        _converter(
            "float",
            """
  %wide = call double @PyFloat_AsDouble(ptr %x)
  %v = fptrunc double %wide to float""",
            "fcmp oeq double %wide, -1.0",
        ),
        _converter(
            "i64",
            """
  %v = call i64 @stub.index(ptr %x)""",
            "icmp eq i64 %v, -1",
        ),
        _converter(
            "i32",
            """
  %wide = call i64 @stub.index32(ptr %x)
  %v = trunc i64 %wide to i32""",
            "icmp eq i64 %wide, -1",
        ),
        _converter(
            "i1",
            """
  %truth = call i32 @PyObject_IsTrue(ptr %x)
  %v = icmp ne i32 %truth, 0""",
            "icmp eq i32 %truth, -1",
        ),
        f"""
@too_large = private constant {_c_string("int too large for 32 bits")}
@misused = private constant {_c_string("this takes the leaves of its arguments, all of them")}
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

; whether two objects of one built-in class are equal
define i1 @stub.equal(ptr %x, ptr %y) nounwind {{
  %x.place = getelementptr i8, ptr %x, i64 {native.OB_TYPE}
  %y.place = getelementptr i8, ptr %y, i64 {native.OB_TYPE}
  %x.class = load ptr, ptr %x.place
  %y.class = load ptr, ptr %y.place
  %alike = icmp eq ptr %x.class, %y.class
  br i1 %alike, label %compare, label %differ
compare:
  %answer = call i32 @PyObject_RichCompareBool(ptr %x, ptr %y, i32 2)
  %equal = icmp eq i32 %answer, 1
  ret i1 %equal
differ:
  ret i1 false
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

; whether the exception that was raised is of a class: then it is no more
define i1 @stub.caught(ptr %class) nounwind {{
  %matches = call i32 @PyErr_ExceptionMatches(ptr %class)
  %other = icmp eq i32 %matches, 0
  br i1 %other, label %done, label %clear
clear:
  call void @PyErr_Clear()
  ret i1 true
done:
  ret i1 false
}}

; the blocks of a call that ended have so many bytes
define void @stub.note_bytes(ptr %ctx) nounwind {{
  %place = getelementptr i8, ptr %ctx, i64 {runtime.BYTES}
  %bytes = load i64, ptr %place
  %before = load i64, ptr @stub.live
  %after = add i64 %before, %bytes
  store i64 %after, ptr @stub.live
  ret void
}}

; free the blocks of a call; what was handed over lives on
define void @stub.free_blocks(ptr %ctx) nounwind {{
entry:
  %head = getelementptr i8, ptr %ctx, i64 {HEAD}
  %link = getelementptr i8, ptr %head, i64 {NEXT}
  %first = load ptr, ptr %link
  %place = getelementptr i8, ptr %ctx, i64 {runtime.BYTES}
  %bytes = load i64, ptr %place
  br label %loop
loop:
  %block = phi ptr [ %first, %entry ], [ %next, %one ]
  %rest = phi i64 [ %bytes, %entry ], [ %less, %one ]
  %end = icmp eq ptr %block, %head
  br i1 %end, label %done, label %one
one:
  %next.place = getelementptr i8, ptr %block, i64 {NEXT}
  %next = load ptr, ptr %next.place
  %capacity.place = getelementptr i8, ptr %block, i64 {CAPACITY}
  %capacity = load i64, ptr %capacity.place
  %size = add i64 %capacity, {HEADER}
  %less = sub i64 %rest, %size
  call void @free(ptr %block)
  br label %loop
done:
  store i64 %rest, ptr %place
  call void @stub.note_bytes(ptr %ctx)
  ret void
}}

; after a program failed: free its blocks, raise its error if it is not raised yet
define ptr @stub.failed(ptr %ctx, ptr %raiser) nounwind {{
  call void @stub.free_blocks(ptr %ctx)
  %error = getelementptr i8, ptr %ctx, i64 {runtime.ERROR}
  %site = load i64, ptr %error
  %raised = icmp eq i64 %site, {runtime.RAISED}
  br i1 %raised, label %done, label %raise
raise:
  %noted = getelementptr i8, ptr %ctx, i64 {runtime.VALUES}
  %answer = call ptr @stub.tell(ptr %raiser, i64 %site, ptr %noted, i64 {8 * runtime.MAX_VALUES})
  call void @Py_DecRef(ptr %answer)
  br label %done
done:
  ret ptr null
}}

; what Python's `f(site, values)` returns, or null
define ptr @stub.tell(ptr %f, i64 %site, ptr %words, i64 %bytes) nounwind {{
entry:
  %number = call ptr @PyLong_FromLongLong(i64 %site)
  %values = call ptr @PyBytes_FromStringAndSize(ptr %words, i64 %bytes)
  %null1 = icmp eq ptr %number, null
  %null2 = icmp eq ptr %values, null
  %null = or i1 %null1, %null2
  br i1 %null, label %drop, label %tell
tell:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %f, ptr %number, ptr %values, ptr null)
  br label %drop
drop:
  %result = phi ptr [ null, %entry ], [ %answer, %tell ]
  call void @Py_DecRef(ptr %values)
  call void @Py_DecRef(ptr %number)
  ret ptr %result
}}

define ptr @stub.misused() nounwind {{
  call void @PyErr_SetString(ptr @stub.TypeError, ptr @misused)
  ret ptr null
}}
""",
    ]
)

# An array of NumPy with the items that a program left in memory. A large block that nobody else sees becomes the
# array's own, freed by the capsule that is its base; else the items are copied.
C_ARRAY = 0x501  # of NumPy: C order, aligned, writeable
NEW, EMPTY, SET_BASE = 93, 94, 282  # PyArray_New, PyArray_NewFromDescr and PyArray_SetBaseObject in NumPy's table
_ARRAY = "ptr @stub.ndarray, i32 %rank, ptr %dims, i32 %number"
ARRAYS = f"""
@stub.block = private constant {_c_string("irad.block")}
declare ptr @numpy.new(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)
declare ptr @numpy.empty(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @numpy.set_base(ptr, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @free(ptr)

define void @stub.free_block(ptr %capsule) nounwind {{
  %block = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr @stub.block)
  %place = getelementptr i8, ptr %block, i64 {CAPACITY}
  %capacity = load i64, ptr %place
  %size = add i64 %capacity, {HEADER}
  %before = load i64, ptr @stub.live
  %after = sub i64 %before, %size
  store i64 %after, ptr @stub.live
  call void @free(ptr %block)
  ret void
}}

define ptr @stub.array(ptr %data, ptr %block, i32 %number, i32 %rank, ptr %dims, i64 %size) nounwind {{
entry:
  %wide = zext i32 %rank to i64
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %next ]
  %bytes = phi i64 [ %size, %entry ], [ %more, %next ]
  %end = icmp eq i64 %i, %wide
  br i1 %end, label %choose, label %next
next:
  %place = getelementptr i64, ptr %dims, i64 %i
  %dim = load i64, ptr %place
  %more = mul i64 %bytes, %dim
  %j = add i64 %i, 1
  br label %loop
choose:
  %borrowed = icmp eq ptr %block, null
  %small = icmp ult i64 %bytes, {HANDED_OVER}
  %never = or i1 %borrowed, %small
  br i1 %never, label %copy, label %ours
ours:
  %count = load i64, ptr %block
  %alone = icmp eq i64 %count, 1
  %previous.place = getelementptr i8, ptr %block, i64 {PREVIOUS}
  %next.place = getelementptr i8, ptr %block, i64 {NEXT}
  %previous = load ptr, ptr %previous.place
  %following = load ptr, ptr %next.place
  %linked = icmp ne ptr %previous, null
  %free = and i1 %alone, %linked
  br i1 %free, label %take, label %copy
take:
  %capsule = call ptr @PyCapsule_New(ptr %block, ptr @stub.block, ptr @stub.free_block)
  %none = icmp eq ptr %capsule, null
  br i1 %none, label %failed, label %unlink
unlink:
  %p = getelementptr i8, ptr %previous, i64 {NEXT}
  store ptr %following, ptr %p
  %n = getelementptr i8, ptr %following, i64 {PREVIOUS}
  store ptr %previous, ptr %n
  %own = call ptr @numpy.new({_ARRAY}, ptr null, ptr %data, i32 0, i32 {C_ARRAY}, ptr null)
  %unmade = icmp eq ptr %own, null
  br i1 %unmade, label %drop, label %base
base:
  %status = call i32 @numpy.set_base(ptr %own, ptr %capsule)
  %based = icmp eq i32 %status, 0
  br i1 %based, label %done, label %unbased
done:
  ret ptr %own
drop:
  call void @Py_DecRef(ptr %capsule)
  ret ptr null
unbased:
  call void @Py_DecRef(ptr %own)
  ret ptr null
copy:
  %new = call ptr @numpy.new({_ARRAY}, ptr null, ptr null, i32 0, i32 0, ptr null)
  %null = icmp eq ptr %new, null
  br i1 %null, label %failed, label %fill
fill:
  %items = getelementptr i8, ptr %new, i64 {native.ARRAY_DATA}
  %to = load ptr, ptr %items
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %data, i64 %bytes, i1 false)
  ret ptr %new
failed:
  ret ptr null
}}
"""

# The lowest address of this thread's stack that compiled code may use; null where it cannot be known (glibc). Asking
# for the main thread's reads /proc/self/maps, so that is done once.
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

_live = ctypes.c_int64()


def live_bytes() -> int:
    """The bytes of all blocks that calls left: what arrays keep that were results, and nothing else."""
    return _live.value


FUNCTION = re.compile(r"^(?:declare|define) (?!internal)(.*?) @([\w.]+)(\(.*?\))", re.M)


def _library(text: str, level: int, symbols: dict[str, int] | None = None) -> Code:
    symbols = {name: id(x) for name, x in OBJECTS.items()} | {"stub.live": ctypes.addressof(_live)} | (symbols or {})
    external = "".join(f"@{name} = external global i8\n" for name in symbols if f"@{name}(" not in text)
    exports = re.findall(r"^define (?!internal).*? @([\w.]+)\(", text, re.M)
    return compile_text(CPYTHON + external + text, exports, symbols, level=level)


def _stack_symbols() -> dict[str, int]:
    """The main thread, and the lowest address of its stack that compiled code may use."""
    libc = ctypes.CDLL(None)
    thread = threading.main_thread().ident or 0
    attributes, low, size = ctypes.create_string_buffer(64), ctypes.c_void_p(), ctypes.c_size_t()
    limit = 0
    if libc.pthread_getattr_np(ctypes.c_void_p(thread), attributes) == 0:
        libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
        libc.pthread_attr_destroy(attributes)
        limit = (low.value or 0) + min(RESERVE, size.value // 4)
    return {"stub.main_thread": thread, "stub.main_limit": limit}


def numpy_symbols() -> dict[str, int]:
    """The functions of NumPy's C interface that are called here, out of the table that it exports."""
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    table = ctypes.cast(get(_multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    places = {"numpy.new": NEW, "numpy.empty": EMPTY, "numpy.set_base": SET_BASE}
    return {name: table[place] or 0 for name, place in places.items()}


def _signals() -> Code:
    tell = f"{DECLARATIONS['stub.tell']}\n"
    poll = POLL
    if "avx" in features():
        poll = POLL_ON_AVX if "xsavec" in features() else POLL.replace("nounwind", "#0")
        poll += f'attributes #0 = {{ nounwind "target-features"="{host_features()},-vzeroupper" }}\n'
    return _library(tell + SIGNALS + poll, 0, {**signal_symbols(), "stub.tell": LIBRARY_OF["stub.tell"]().address("stub.tell")})


def _parallel() -> Code:
    poll = "declare preserve_allcc void @irad.poll(ptr, i64)\n"
    return _library(poll + PARALLEL, 0, {"irad.poll": LIBRARY_OF["irad.poll"]().address("irad.poll")})


# Loops gain from level 1 (5 ns on a tuple of 5), the rest costs 10 ms there.
_LIBRARIES = {
    HELPERS: once(lambda: _library(HELPERS, 0)),
    FILLERS: once(lambda: _library(FILLERS, 1)),
    ARRAYS: once(lambda: _library(ARRAYS, 0, numpy_symbols())),
    STACK_LIMIT: once(lambda: _library(STACK_LIMIT, 0, _stack_symbols())),
    SIGNALS + POLL: once(lambda: _signals()),
    PARALLEL: once(lambda: _parallel()),
}
LIBRARY_OF = {
    name: library
    for text, library in _LIBRARIES.items()
    for _, name, _ in FUNCTION.findall(text)
    if name.startswith(("stub.", "irad."))
}
DECLARATIONS = {
    name: f"declare {returned} @{name}{taken} nonlazybind"
    for returned, name, taken in FUNCTION.findall(CPYTHON + "".join(_LIBRARIES))
}
