"""The heap type that users hold: a callable whose vectorcall slot is machine code.

    native = new_native(slow)         # each call goes to `slow`, a Python callable
    set_stubs(native, [stub])         # each call goes to the stub, and to `slow` where the stub does not fit
    set_stubs(other, [stub.bound(Bound(cells=other_cells))])  # the same code, for another function
    native.__name__ = "f"             # instances take attributes; the type takes methods: setattr(native_type(), ...)

Stored on a class it binds as a method. The type is made once, on first use, by `PyType_FromSpec` with slots in LLVM
text. Machine code reads CPython's objects by offset: all offsets stand here, and are checked before the type is made.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from irad.backends.llvm.jit import compile_text
from irad.backends.llvm.plan import Bound

from irad.errors import InternalError
from irad.lock import LOCK

__all__ = [
    "ARRAY_DATA",
    "ARRAY_DIMS",
    "ARRAY_DTYPE",
    "ARRAY_FLAGS",
    "ARRAY_RANK",
    "CELL_CONTENTS",
    "COMPACT_INT",
    "DICT_VERSION",
    "INT_DIGIT",
    "INT_TAG",
    "LIST_ITEMS",
    "MAX_STUBS",
    "NARGS",
    "OB_TYPE",
    "SIZE",
    "TUPLE_ITEMS",
    "VALUE",
    "VECTORCALL",
    "WORDS",
    "Stub",
    "flat_function",
    "miss_address",
    "native_type",
    "new_native",
    "once",
    "set_stubs",
]

# CPython's objects (64 bits, with a GIL).
OB_TYPE = 8  # after the reference count
VALUE = 16  # of a float, and of NumPy's scalars
SIZE = 16  # of a tuple, a list and a dict
TUPLE_ITEMS = tuple.__basicsize__  # the items themselves: 24, from Python 3.14 on 32
LIST_ITEMS = 24  # a pointer to them
CELL_CONTENTS = 16
ARRAY_DATA, ARRAY_RANK, ARRAY_DIMS, ARRAY_DTYPE, ARRAY_FLAGS = 16, 24, 32, 56, 64  # of NumPy's arrays
INT_TAG, INT_DIGIT = 16, 24  # the first digit has 30 bits
COMPACT_INT = sys.version_info >= (3, 12)  # the tag is digits << 3 | sign (0 plus, 1 zero, 2 minus), else ±digits
DICT_VERSION = 24 if sys.version_info < (3, 13) else None

# An instance of NativeFunction. `words` points to what the stub that is called reads (see `plan.Bound`); `table` has
# the addresses of several stubs, each with its words, and ends with a null; `keep` is a list of what these pointers need.
# All that `set_stubs` changes stands together, and is written at once: other threads may run between any two steps of it.
MAX_STUBS = 8
DICT, WEAKLIST, SLOW, KEEP, SLOT, WORDS, TABLE = 16, 24, 32, 40, 48, 56, 64
BASIC_SIZE = TABLE + 16 * MAX_STUBS + 8

VECTORCALL = "ptr %self, ptr %args, i64 %nargsf, ptr %names"
ATTEMPT = 1 << 62  # set in `nargsf` by the dispatcher: return MISMATCH, do not go slow
MISMATCH = 1  # as a pointer
NARGS = ATTEMPT - 1  # the bits of `nargsf` that count arguments

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """A function that makes something on its first call, one for all threads, and keeps it."""
    made: list[T] = []

    def get() -> T:
        if not made:
            with LOCK:
                if not made:
                    made.append(make())
        return made[0]

    return get


@dataclass(frozen=True, slots=True)
class Stub:
    """The ways into a program: addresses of vectorcall functions, valid as long as `owner` lives. See `stub`. It reads
    `count` words that differ from function to function: those of `bound`."""

    call: int
    flat: int
    owner: object
    count: int = 0
    words: Any = None
    held: object = None

    def bound(self, to: Bound) -> Stub:
        """The same code, for one function."""
        words = to.words()
        if len(words) != self.count:
            raise InternalError(f"a stub that reads {self.count} words is bound to {len(words)}")
        return Stub(self.call, self.flat, self.owner, self.count, (ctypes.c_uint64 * len(words))(*words), to)


def new_native(slow: object) -> Any:
    """A NativeFunction without stubs: calls go to `slow`."""
    made = _made()
    native = _allocate(made.type, 0)
    keep: list[Any] = [None]
    for offset, owned in ((SLOW, slow), (KEEP, keep)):
        _incref(owned)
        _field(native, offset).value = id(owned)
    _field(native, SLOT).value = made.slow
    return native


def set_stubs(native: Any, stubs: Sequence[Stub]) -> None:
    """Calls try the stubs in order, at most MAX_STUBS, then go to `slow`. The instance owns these stubs and lets go of those
    it had: who drops a stub whose code may be running (in a thread, or around the Python code it calls) must keep it
    meanwhile."""
    made = _made()
    if len(stubs) > MAX_STUBS or any(s.count and s.words is None for s in stubs):
        raise InternalError(f"{len(stubs)} stubs are too many, or one is bound to no function")
    slot = made.slow if not stubs else stubs[0].call if len(stubs) == 1 else made.dispatch
    table = [x for s in stubs for x in (s.call, ctypes.addressof(s.words) if s.count else 0)]
    new = struct.pack(f"{2 + len(table) + 1}Q", slot, table[1] if stubs else 0, *table, 0)
    (ctypes.c_char * len(new)).from_address(id(native) + SLOT).raw = new
    _keep(native)[0] = tuple(stubs)


def flat_function(stub: Stub) -> Any:
    """A NativeFunction that calls the program of the stub with leaves; it never goes slow."""
    native = new_native(None)
    _keep(native)[0] = stub
    _field(native, SLOT).value = stub.flat
    return native


def native_type() -> type:
    """The type `NativeFunction`. Raises InternalError on a Python whose objects are laid out differently."""
    return _made().type


def miss_address() -> int:
    """Where a stub jumps that does not fit a call, with its own arguments."""
    return _made().miss


def _field(native: Any, offset: int) -> ctypes.c_void_p:
    return ctypes.c_void_p.from_address(id(native) + offset)


def _keep(native: Any) -> list[Any]:
    keep: list[Any] = ctypes.cast(_field(native, KEEP), ctypes.py_object).value
    return keep


# -- the type ----------------------------------------------------------------------------------------------------------

# Prototypes of our own: argument types set on `ctypes.pythonapi` would change it for everyone.
_incref = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", ctypes.pythonapi))
_from_spec = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyType_FromSpec", ctypes.pythonapi))
_allocate = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_ssize_t)(("PyType_GenericAlloc", ctypes.pythonapi))

OWNED = (DICT, SLOW, KEEP)
VISITED = (OB_TYPE, *OWNED)

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

define ptr @native.slow({VECTORCALL}) nounwind {{
  %place = getelementptr i8, ptr %self, i64 {SLOW}
  %slow = load ptr, ptr %place
  %count = and i64 %nargsf, {NARGS}
  %result = tail call ptr @PyObject_Vectorcall(ptr %slow, ptr %args, i64 %count, ptr %names)
  ret ptr %result
}}

define ptr @native.miss({VECTORCALL}) nounwind {{
  %flag = and i64 %nargsf, {ATTEMPT}
  %alone = icmp eq i64 %flag, 0
  br i1 %alone, label %slow, label %next
slow:
  %result = tail call ptr @native.slow({VECTORCALL})
  ret ptr %result
next:
  ret ptr inttoptr (i64 {MISMATCH} to ptr)
}}

define ptr @native.dispatch({VECTORCALL}) nounwind {{
entry:
  %words = getelementptr i8, ptr %self, i64 {WORDS}
  %table = getelementptr i8, ptr %self, i64 {TABLE}
  %flagged = or i64 %nargsf, {ATTEMPT}
  br label %loop
loop:
  %place = phi ptr [ %table, %entry ], [ %next, %mismatch ]
  %stub = load ptr, ptr %place
  %end = icmp eq ptr %stub, null
  br i1 %end, label %slow, label %try
try:
  %own.place = getelementptr i8, ptr %place, i64 8
  %own = load ptr, ptr %own.place
  store ptr %own, ptr %words
  %result = call ptr %stub(ptr %self, ptr %args, i64 %flagged, ptr %names)
  %missed = icmp eq ptr %result, inttoptr (i64 {MISMATCH} to ptr)
  br i1 %missed, label %mismatch, label %done
mismatch:
  %next = getelementptr i8, ptr %place, i64 16
  br label %loop
slow:
  %slow.result = tail call ptr @native.slow({VECTORCALL})
  ret ptr %slow.result
done:
  ret ptr %result
}}

define ptr @native.get(ptr %self, ptr %object, ptr %type) nounwind {{
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

define i32 @native.traverse(ptr %self, ptr %visit, ptr %arg) nounwind {{{"".join(map(_VISIT.format, VISITED))}
  ret i32 0
stop:
  %status = phi i32 {", ".join(f"[ %stop{offset}, %visit{offset} ]" for offset in VISITED)}
  ret i32 %status
}}

define i32 @native.clear(ptr %self) nounwind {{
  %slot = getelementptr i8, ptr %self, i64 {SLOT}
  store ptr null, ptr %slot{"".join(map(_CLEAR.format, OWNED))}
  ret i32 0
}}

define void @native.dealloc(ptr %self) nounwind {{
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
TYPE_EXPORTS = [f"native.{name}" for name in ("slow", "miss", "dispatch", "get", "traverse", "clear", "dealloc")]


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("pointer", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.c_void_p),
    )


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _GetSet(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("get", ctypes.c_void_p),
        ("set", ctypes.c_void_p),
        ("doc", ctypes.c_char_p),
        ("closure", ctypes.c_void_p),
    )


# From object.h, typeslots.h and structmember.h.
DISALLOW_INSTANTIATION, HAVE_VECTORCALL, HAVE_GC, METHOD_DESCRIPTOR = 1 << 7, 1 << 11, 1 << 14, 1 << 17
TP_CALL, TP_CLEAR, TP_DEALLOC, TP_DESCR_GET, TP_TRAVERSE, TP_MEMBERS, TP_GETSET = 50, 51, 52, 54, 71, 72, 73
SSIZE_MEMBER, READ_ONLY = 19, 1


class _Made(NamedTuple):
    type: type
    slow: int
    miss: int
    dispatch: int


@once
def _made() -> _Made:
    _check_layout()
    code = compile_text(TYPE_TEXT, TYPE_EXPORTS, level=0)

    def exported(name: str) -> int | None:
        return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value

    offsets = {b"__vectorcalloffset__": SLOT, b"__dictoffset__": DICT, b"__weaklistoffset__": WEAKLIST}
    members = (_Member * 4)(*(_Member(name, SSIZE_MEMBER, offset, READ_ONLY) for name, offset in offsets.items()))
    get_dict, set_dict = exported("PyObject_GenericGetDict"), exported("PyObject_GenericSetDict")
    getset = (_GetSet * 2)(_GetSet(b"__dict__", get_dict, set_dict))
    slots = (_Slot * 8)(
        _Slot(TP_CALL, exported("PyVectorcall_Call")),
        _Slot(TP_DEALLOC, code.address("native.dealloc")),
        _Slot(TP_TRAVERSE, code.address("native.traverse")),
        _Slot(TP_CLEAR, code.address("native.clear")),
        _Slot(TP_DESCR_GET, code.address("native.get")),
        _Slot(TP_MEMBERS, ctypes.addressof(members)),
        _Slot(TP_GETSET, ctypes.addressof(getset)),
    )
    flags = DISALLOW_INSTANTIATION | HAVE_VECTORCALL | HAVE_GC | METHOD_DESCRIPTOR
    spec = _Spec(b"irad.NativeFunction", BASIC_SIZE, 0, flags, ctypes.addressof(slots))
    # Instances may outlive this module when the interpreter ends: what the type points to is never freed.
    _incref((code, members, getset, slots, spec))
    addresses = (code.address(f"native.{name}") for name in ("slow", "miss", "dispatch"))
    return _Made(_from_spec(ctypes.addressof(spec)), *addresses)


def _check_layout() -> None:
    """Raise InternalError where CPython's or NumPy's objects do not look as the offsets above say."""

    def at(x: object, offset: int, kind: Any) -> Any:
        return kind.from_address(id(x) + offset).value

    def ints() -> bool:
        for n in (0, 1, -1, (1 << 30) - 1, 1 - (1 << 30), 1 << 30, -(1 << 30), 1 << 60):
            tag, digit = at(n, INT_TAG, ctypes.c_int64), at(n, INT_DIGIT, ctypes.c_uint32)
            if _compact(tag, digit) != (n if abs(n) < 1 << 30 else None):
                return False
        return True

    def dicts() -> bool:
        if DICT_VERSION is None:
            return True
        changing = {"a": 1}
        before = at(changing, DICT_VERSION, ctypes.c_uint64)
        changing["a"] = 2
        after = at(changing, DICT_VERSION, ctypes.c_uint64)
        return bool(before < after and after == at(changing, DICT_VERSION, ctypes.c_uint64))

    def refuse(wrong: list[str]) -> None:
        if wrong:
            raise InternalError(f"irad does not know how Python {sys.version.split()[0]} lays out {', '.join(wrong)}")

    def arrays() -> bool:
        x = np.zeros((3, 5))
        dims = at(x, ARRAY_DIMS, ctypes.c_void_p)
        return bool(
            at(x, ARRAY_DATA, ctypes.c_void_p) == x.ctypes.data
            and at(x, ARRAY_RANK, ctypes.c_int32) == 2
            and at(x, ARRAY_DTYPE, ctypes.c_void_p) == id(x.dtype)
            and [at(y, ARRAY_FLAGS, ctypes.c_int32) & 3 for y in (x, x.T)] == [1, 2]
            and [ctypes.c_ssize_t.from_address(dims + 8 * i).value for i in range(2)] == [3, 5]
        )

    pair, listed = (1.5, "b"), [1.5, "b"]
    right = {
        "ob_type": at(1.5, OB_TYPE, ctypes.c_void_p) == id(float),
        "float": at(1.5, VALUE, ctypes.c_double) == 1.5,
        "float64": at(np.float64(1.5), VALUE, ctypes.c_double) == 1.5,
        "float32": at(np.float32(1.5), VALUE, ctypes.c_float) == 1.5,
        "int64": at(np.int64(-3), VALUE, ctypes.c_int64) == -3,
        "int32": at(np.int32(-3), VALUE, ctypes.c_int32) == -3,
        "complex": [at(z, VALUE + 8, ctypes.c_double) for z in (1 + 2j, np.complex128(1 + 2j))] == [2, 2],
        "complex64": at(np.complex64(1 + 2j), VALUE + 4, ctypes.c_float) == 2,
        "dict of items": at({1: 2, 3: 4}, SIZE, ctypes.c_ssize_t) == 2,
        "bool": [at(b, VALUE, ctypes.c_uint8) for b in (np.False_, np.True_)] == [0, 1],
        "tuple": at(pair, SIZE, ctypes.c_ssize_t) == 2 and at(pair, TUPLE_ITEMS + 8, ctypes.c_void_p) == id(pair[1]),
        "cell": at(CellType(pair), CELL_CONTENTS, ctypes.c_void_p) == id(pair),
        "list": at(listed, SIZE, ctypes.c_ssize_t) == 2,
        "int": ints(),
        "dict": dicts(),
        "ndarray": arrays(),
    }
    refuse([name for name, good in right.items() if not good])
    # A pointer, so it is followed only where all else was right.
    items = at(listed, LIST_ITEMS, ctypes.c_void_p)
    refuse([] if ctypes.c_void_p.from_address(items + 8).value == id(listed[1]) else ["list"])


def _compact(tag: int, digit: int) -> int | None:
    """The value of an int of one digit, as stubs read it; None for longer ones."""
    if COMPACT_INT:
        return (1 - (tag & 3)) * digit if tag < 16 else None
    return tag * digit if -1 <= tag <= 1 else None
