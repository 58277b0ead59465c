"""The heap type that users hold: a callable whose vectorcall slot is machine code.

    native = new_native(slow)         # each call goes to `slow`, a Python callable
    set_stubs(native, [stub])         # each call goes to the stub, and to `slow` where the stub does not fit
    native.__name__ = "f"             # instances take attributes, the type takes methods (`setattr(native_type(), ...)`)

Stored on a class it binds as a method. The type is made once, on first use, by `PyType_FromSpec` with slots in LLVM
text. Machine code reads CPython's objects by offset: all offsets stand here, and are checked before the type is made.
"""
from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any, NamedTuple

import numpy as np

from irad.backends.llvm.jit import compile_text
from irad.errors import InternalError

__all__ = [
    "CELLS", "CELL_CONTENTS", "COMPACT_INT", "DICT_VERSION", "INT_DIGIT", "INT_TAG", "LIST_ITEMS", "MISMATCH", "NARGS", "OB_TYPE",
    "SIZE", "SLOW_TEXT", "TUPLE_ITEMS", "VALUE", "Stub", "flat_function", "native_type", "new_native", "set_stubs",
]

# CPython's objects (64 bits, with a GIL).
OB_TYPE = 8                                      # after the reference count
VALUE = 16                                       # of a float, and of NumPy's scalars
SIZE = 16                                        # of a tuple, and of a list
TUPLE_ITEMS = tuple.__basicsize__                # the items themselves; 24 before Python 3.14
LIST_ITEMS = 24                                  # a pointer to them
CELL_CONTENTS = 16
INT_TAG, INT_DIGIT = 16, 24                      # size and sign; the first digit of 30 bits
COMPACT_INT = sys.version_info >= (3, 12)        # the tag is digits << 3 | sign (0, 1, 2: plus, zero, minus); else ±digits
DICT_VERSION = 24 if sys.version_info < (3, 13) else None

# An instance of NativeFunction. `cells` points to an array of closure cells, `table` to the addresses of several stubs
# and a null; `keep` is the list that owns both arrays and whatever else the pointers need.
VECTORCALL, DICT, WEAKLIST, SLOW, CELLS, TABLE, KEEP, BASIC_SIZE = 16, 24, 32, 40, 48, 56, 64, 72
KEPT_CELLS, KEPT_STUBS = 0, 1

MISMATCH = 1                                     # what a stub returns, as a pointer, where it does not fit the call
NARGS = (1 << 63) - 1                            # the part of `nargsf` that is PyVectorcall_NARGS

SLOW_TEXT = f"""
define ptr @stub.slow(ptr %self, ptr %args, i64 %nargsf, ptr %names) {{
  %place = getelementptr i8, ptr %self, i64 {SLOW}
  %slow = load ptr, ptr %place
  %count = and i64 %nargsf, {NARGS}
  %result = tail call ptr @PyObject_Vectorcall(ptr %slow, ptr %args, i64 %count, ptr %names)
  ret ptr %result
}}
"""


@dataclass(frozen=True, slots=True)
class Stub:
    """The ways into a program: addresses of vectorcall functions, valid as long as `owner` lives."""

    attempt: int                                 # returns MISMATCH where it does not fit
    call: int                                    # goes to `slow` of the NativeFunction there
    flat: int                                    # takes the leaves of the dynamic arguments, then the hidden ones
    owner: object


def new_native(slow: object, cells: Sequence[CellType] = ()) -> Any:
    """A NativeFunction without stubs: calls go to `slow`. Stubs read hidden values from `cells`."""
    made = _made()
    native = _allocate(made.type, 0)
    array = (ctypes.c_void_p * len(cells))(*map(id, cells))
    keep = [(array, tuple(cells)), None]
    for offset, thing in ((SLOW, slow), (KEEP, keep)):
        _incref(thing)
        _field(native, offset).value = id(thing)
    _field(native, CELLS).value = ctypes.addressof(array)
    _field(native, VECTORCALL).value = made.slow
    return native


def set_stubs(native: Any, stubs: Sequence[Stub]) -> None:
    """Calls try the stubs in order, then go to `slow`. The instance owns these stubs and lets go of those it had: who
    drops a stub while another call may be in its code (a thread, a result being rebuilt) must keep it alive meanwhile."""
    made = _made()
    table = (ctypes.c_void_p * (len(stubs) + 1))(*(s.attempt for s in stubs), None)
    slot = made.slow if not stubs else stubs[0].call if len(stubs) == 1 else made.dispatch
    _field(native, TABLE).value = ctypes.addressof(table)
    _field(native, VECTORCALL).value = slot
    _keep(native)[KEPT_STUBS] = (table, tuple(stubs))


def flat_function(stub: Stub) -> Any:
    """A NativeFunction that calls the program of the stub with leaves; it never mismatches."""
    native = new_native(None)
    _keep(native)[KEPT_STUBS] = stub
    _field(native, VECTORCALL).value = stub.flat
    return native


def _field(native: Any, offset: int) -> ctypes.c_void_p:
    return ctypes.c_void_p.from_address(id(native) + offset)


def _keep(native: Any) -> list[Any]:
    keep: list[Any] = ctypes.cast(_field(native, KEEP), ctypes.py_object).value
    return keep


# -- the type --------------------------------------------------------------------------------------------------------------

# Prototypes of our own: argument types set on `ctypes.pythonapi` would change it for everyone.
_incref = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", ctypes.pythonapi))
_allocate = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_ssize_t)(("PyType_GenericAlloc", ctypes.pythonapi))
_from_spec = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyType_FromSpec", ctypes.pythonapi))

_lock = threading.RLock()

OWNED = (DICT, SLOW, KEEP)

_VISIT = """
  %place{0} = getelementptr i8, ptr %self, i64 {0}
  %owned{0} = load ptr, ptr %place{0}
  %null{0} = icmp eq ptr %owned{0}, null
  br i1 %null{0}, label %after{0}, label %visit{0}
visit{0}:
  %stop{0} = call i32 %visit(ptr %owned{0}, ptr %arg)
  %stopped{0} = icmp ne i32 %stop{0}, 0
  br i1 %stopped{0}, label %stop, label %after{0}
after{0}:"""

_CLEAR = """
  %place{0} = getelementptr i8, ptr %self, i64 {0}
  %owned{0} = load ptr, ptr %place{0}
  store ptr null, ptr %place{0}
  call void @Py_DecRef(ptr %owned{0})"""

# A cleared instance has a null slot: CPython says TypeError to who still calls it.
TYPE_TEXT = f"""
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyMethod_New(ptr, ptr)
declare void @PyObject_ClearWeakRefs(ptr)
declare void @PyObject_GC_UnTrack(ptr)
declare void @PyObject_GC_Del(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
@_Py_NoneStruct = external global i8
{SLOW_TEXT}
define ptr @native.dispatch(ptr %self, ptr %args, i64 %nargsf, ptr %names) {{
entry:
  %place = getelementptr i8, ptr %self, i64 {TABLE}
  %table = load ptr, ptr %place
  br label %loop
loop:
  %entry.place = phi ptr [ %table, %entry ], [ %next, %mismatch ]
  %stub = load ptr, ptr %entry.place
  %end = icmp eq ptr %stub, null
  br i1 %end, label %slow, label %try
try:
  %result = call ptr %stub(ptr %self, ptr %args, i64 %nargsf, ptr %names)
  %missed = icmp eq ptr %result, inttoptr (i64 {MISMATCH} to ptr)
  br i1 %missed, label %mismatch, label %done
mismatch:
  %next = getelementptr i8, ptr %entry.place, i64 8
  br label %loop
slow:
  %slow.result = tail call ptr @stub.slow(ptr %self, ptr %args, i64 %nargsf, ptr %names)
  ret ptr %slow.result
done:
  ret ptr %result
}}

define ptr @native.get(ptr %self, ptr %object, ptr %type) {{
  %absent = icmp eq ptr %object, null
  %none = icmp eq ptr %object, @_Py_NoneStruct
  %unbound = or i1 %absent, %none
  br i1 %unbound, label %itself, label %method
itself:
  call void @Py_IncRef(ptr %self)
  ret ptr %self
method:
  %bound = tail call ptr @PyMethod_New(ptr %self, ptr %object)
  ret ptr %bound
}}

define i32 @native.traverse(ptr %self, ptr %visit, ptr %arg) {{{"".join(_VISIT.format(offset) for offset in (OB_TYPE, *OWNED))}
  ret i32 0
stop:
  %status = phi i32 {", ".join(f"[ %stop{offset}, %visit{offset} ]" for offset in (OB_TYPE, *OWNED))}
  ret i32 %status
}}

define i32 @native.clear(ptr %self) {{
  %slot = getelementptr i8, ptr %self, i64 {VECTORCALL}
  store ptr null, ptr %slot{"".join(_CLEAR.format(offset) for offset in OWNED)}
  ret i32 0
}}

define void @native.dealloc(ptr %self) {{
  call void @PyObject_GC_UnTrack(ptr %self)
  %weak.place = getelementptr i8, ptr %self, i64 {WEAKLIST}
  %weak = load ptr, ptr %weak.place
  %none = icmp eq ptr %weak, null
  br i1 %none, label %clear, label %notify
notify:
  call void @PyObject_ClearWeakRefs(ptr %self)
  br label %clear
clear:
  %cleared = call i32 @native.clear(ptr %self)
  %type.place = getelementptr i8, ptr %self, i64 {OB_TYPE}
  %type = load ptr, ptr %type.place
  call void @PyObject_GC_Del(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}
"""
TYPE_EXPORTS = ["stub.slow", "native.dispatch", "native.get", "native.traverse", "native.clear", "native.dealloc"]


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("pointer", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("basicsize", ctypes.c_int), ("itemsize", ctypes.c_int),
                ("flags", ctypes.c_uint), ("slots", ctypes.c_void_p))


class _Member(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_ssize_t),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


class _GetSet(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("get", ctypes.c_void_p), ("set", ctypes.c_void_p),
                ("doc", ctypes.c_char_p), ("closure", ctypes.c_void_p))


SSIZE_MEMBER, READ_ONLY = 19, 1
# Disallow instantiation, vectorcall, garbage collection, method descriptor: values of object.h, as the slots' are of typeslots.h.
FLAGS = 1 << 7 | 1 << 11 | 1 << 14 | 1 << 17
TP_CALL, TP_CLEAR, TP_DEALLOC, TP_DESCR_GET, TP_TRAVERSE, TP_MEMBERS, TP_GETSET = 50, 51, 52, 54, 71, 72, 73


class _Made(NamedTuple):
    type: type
    slow: int
    dispatch: int


_the_type: _Made | None = None


def native_type() -> type:
    """The type `NativeFunction`. Raises InternalError on a Python whose objects look different."""
    return _made().type


def _made() -> _Made:
    global _the_type
    if _the_type is None:
        with _lock:
            if _the_type is None:
                _check_layout()
                _the_type = _make_type()
    return _the_type


def _make_type() -> _Made:
    code = compile_text(TYPE_TEXT, TYPE_EXPORTS)
    api = ctypes.pythonapi

    def exported(name: str) -> int | None:
        return ctypes.cast(getattr(api, name), ctypes.c_void_p).value

    members = (_Member * 4)(*(
        _Member(name, SSIZE_MEMBER, offset, READ_ONLY, None)
        for name, offset in ((b"__vectorcalloffset__", VECTORCALL), (b"__dictoffset__", DICT), (b"__weaklistoffset__", WEAKLIST))))
    getset = (_GetSet * 2)(_GetSet(b"__dict__", exported("PyObject_GenericGetDict"), exported("PyObject_GenericSetDict"), None, None))
    slots = (_Slot * 8)(
        _Slot(TP_CALL, exported("PyVectorcall_Call")), _Slot(TP_DEALLOC, code.address("native.dealloc")),
        _Slot(TP_TRAVERSE, code.address("native.traverse")), _Slot(TP_CLEAR, code.address("native.clear")),
        _Slot(TP_DESCR_GET, code.address("native.get")), _Slot(TP_MEMBERS, ctypes.addressof(members)),
        _Slot(TP_GETSET, ctypes.addressof(getset)))
    spec = _Spec(b"irad.NativeFunction", BASIC_SIZE, 0, FLAGS, ctypes.addressof(slots))
    # Instances may outlive this module when the interpreter ends: what the type points to is never freed.
    _incref((code, members, getset, slots, spec))
    return _Made(_from_spec(ctypes.addressof(spec)), code.address("stub.slow"), code.address("native.dispatch"))


def _check_layout() -> None:
    """Raise InternalError where CPython's or NumPy's objects do not look as the offsets above say."""

    def at(x: object, offset: int, kind: Any) -> Any:
        return kind.from_address(id(x) + offset).value

    pair, listed = (1.5, "b"), [1.5, "b"]
    cell = CellType(pair)
    right = {
        "ob_type": at(1.5, OB_TYPE, ctypes.c_void_p) == id(float),
        "float": at(1.5, VALUE, ctypes.c_double) == 1.5,
        "float64": at(np.float64(1.5), VALUE, ctypes.c_double) == 1.5,
        "float32": at(np.float32(1.5), VALUE, ctypes.c_float) == 1.5,
        "int64": at(np.int64(-3), VALUE, ctypes.c_int64) == -3,
        "int32": at(np.int32(-3), VALUE, ctypes.c_int32) == -3,
        "bool_": at(np.True_, VALUE, ctypes.c_bool) is True and at(np.False_, VALUE, ctypes.c_bool) is False,
        "tuple": at(pair, SIZE, ctypes.c_ssize_t) == 2 and at(pair, TUPLE_ITEMS + 8, ctypes.c_void_p) == id(pair[1]),
        "list": at(listed, SIZE, ctypes.c_ssize_t) == 2,
        "cell": at(cell, CELL_CONTENTS, ctypes.c_void_p) == id(pair),
        "int": all(_compact(at(n, INT_TAG, ctypes.c_int64), at(n, INT_DIGIT, ctypes.c_uint32)) == (n if abs(n) < 1 << 30 else None)
                   for n in (0, 1, -1, (1 << 30) - 1, 1 - (1 << 30), 1 << 30, -(1 << 30), 1 << 60)),
    }
    if right["list"]:
        items = at(listed, LIST_ITEMS, ctypes.c_void_p)
        right["list"] = ctypes.c_void_p.from_address(items + 8).value == id(listed[1])
    if DICT_VERSION is not None:
        changing: dict[str, int] = {"a": 1}
        versions = [at(changing, DICT_VERSION, ctypes.c_uint64)]
        changing["a"] = 2
        versions.append(at(changing, DICT_VERSION, ctypes.c_uint64))
        right["dict"] = versions[0] < versions[1] and at(changing, DICT_VERSION, ctypes.c_uint64) == versions[1]
    wrong = [name for name, good in right.items() if not good]
    if wrong:
        raise InternalError(f"irad does not know how this Python ({sys.version.split()[0]}) lays out {', '.join(wrong)}")


def _compact(tag: int, digit: int) -> int | None:
    """The value of an int of one digit, as stubs read it; None for longer ones."""
    if COMPACT_INT:
        return (1 - (tag & 3)) * digit if tag < 16 else None
    return tag * digit if -1 <= tag <= 1 else None
