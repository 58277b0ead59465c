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
    "ABSENT",
    "Argument",
    "CallPlan",
    "Dynamic",
    "Guard",
    "Hidden",
    "Identical",
    "Names",
    "StubText",
    "compile_stub",
    "stub_text",
]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An argument that the program is handed: a value of exactly this type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Identical:
    """An argument that the program was compiled for: this very object; for an int or str, also an equal one."""

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
    """Text to append to the program's, the addresses of what it does not define, and the objects behind them: they must
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
    """The LLVM type of a leaf. All leaves pass here; arrays, which are several operands, come later."""
    if not isinstance(t, Scalar):
        raise InternalError(f"a value of type {t} does not cross the call yet")
    return flat(t)[0]


# -- what does not depend on the program: compiled once ----------------------------------------------------------------

# `nonlazybind`: a call goes straight to the function, not by a jump on the way (4 ns on a tuple of 5).
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
declare i32 @PyObject_RichCompareBool(ptr, ptr, i32)
declare ptr @PyTuple_New(i64)
declare void @Py_DecRef(ptr)
declare void @Py_IncRef(ptr)
""".replace(")\n", ") nonlazybind\n")
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
}

PREVIOUS, NEXT = 32, 40  # the links of a block
HEAD = runtime.LINKS - PREVIOUS  # of the context: as if a block began there
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
    ]
)

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

FUNCTION = re.compile(r"^(?:declare|define) (.*?) @([\w.]+)(\(.*?\))", re.M)


def _library(text: str, level: int, symbols: dict[str, int] | None = None) -> Code:
    symbols = {name: id(x) for name, x in OBJECTS.items()} | (symbols or {})
    external = "".join(f"@{name} = external global i8\n" for name in symbols)
    exports = re.findall(r"^define .*? @([\w.]+)\(", text, re.M)
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


# Loops gain from level 1 (5 ns on a tuple of 5), the rest costs 10 ms there.
_LIBRARIES = {
    HELPERS: once(lambda: _library(HELPERS, 0)),
    FILLERS: once(lambda: _library(FILLERS, 1)),
    STACK_LIMIT: once(lambda: _library(STACK_LIMIT, 0, _stack_symbols())),
}
LIBRARY_OF = {
    name: library for text, library in _LIBRARIES.items() for _, name, _ in FUNCTION.findall(text) if name.startswith("stub.")
}
DECLARATIONS = {
    name: f"declare {returned} @{name}{taken} nonlazybind"
    for returned, name, taken in FUNCTION.findall(CPYTHON + "".join(_LIBRARIES))
}


# -- one program -------------------------------------------------------------------------------------------------------

LIKELY = '!prof !{!"branch_weights", i32 2000, i32 1}'
MENTIONED = re.compile(r"@((?:stub|native|Py_?)[\w.]*)")


class _Function:
    """The lines of one function."""

    def __init__(self, head: str) -> None:
        self.lines = [f"define {head} nounwind optnone noinline {{", "entry:"]
        self.label = "entry"
        self.count = 0

    def emit(self, text: str) -> str:
        """An instruction with a result."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def do(self, text: str) -> None:
        """An instruction without a result, or with a name of its own."""
        self.lines.append("  " + text)

    def new_label(self, name: str) -> str:
        self.count += 1
        return f"{name}{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def branch(self, test: str, then: str, otherwise: str) -> None:
        """Go to `then`, which is likely, or to `otherwise`."""
        self.do(f"br i1 {test}, label %{then}, label %{otherwise}, {LIKELY}")

    def need(self, test: str, otherwise: str) -> None:
        """Go on where the test holds, else to a label."""
        go_on = self.new_label("ok")
        self.branch(test, go_on, otherwise)
        self.start(go_on)

    def need_equal(self, a: str, b: str, otherwise: str, *, type: str = "ptr") -> None:
        self.need(self.emit(f"icmp eq {type} {a}, {b}"), otherwise)

    def need_not(self, test: str, otherwise: str) -> None:
        self.need(self.emit(f"xor i1 {test}, true"), otherwise)

    def at(self, base: str, offset: int) -> str:
        return self.emit(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def load(self, t: str, base: str, offset: int) -> str:
        return self.emit(f"load {t}, ptr {self.at(base, offset)}")

    def text(self) -> str:
        return "\n".join([*self.lines, "}"])


class _Stubs:
    """The text of the stubs of one program."""

    def __init__(self, program: Program, plan: CallPlan) -> None:
        self.program, self.plan = program, plan
        self.taken = [*(a.type for a in plan.arguments if isinstance(a, Dynamic)), *(h.type for h in plan.hidden)]
        self.operands = [x for t in self.taken for x in flat(t)]
        if self.operands != [x for t in program.params for x in flat(t)]:
            raise InternalError(f"a plan for {self.taken} does not fit a program for {program.params}")
        if program.fails and plan.raiser is None:
            raise InternalError("a program that can fail needs a plan with a raiser")
        self.fields, self.size = item_layout(program.result)
        self.symbols: dict[str, int] = {}
        self.objects: list[object] = []
        self.named: dict[int, str] = {}

    def made(self) -> StubText:
        parts = [self.call(), self.flat(), self.run(), *map(self.lookup, range(len(self.plan.names)))]
        for name in dict.fromkeys(MENTIONED.findall("\n".join(parts))):
            if name in OBJECTS:
                self.symbols[name] = id(OBJECTS[name])
            elif name in DECLARATIONS:
                parts.append(DECLARATIONS[name])
                if name in LIBRARY_OF:
                    self.symbols[name] = LIBRARY_OF[name]().address(name)
        parts.append(f"declare ptr @native.miss({VECTORCALL})")
        external = [f"@{name} = external global i8" for name in self.symbols if name not in DECLARATIONS]
        symbols = self.symbols | {"native.miss": native.miss_address()}
        return StubText("\n".join([*external, *parts, ""]), symbols, self.objects)

    def address(self, name: str, address: int) -> str:
        """The name of an address of this process."""
        self.symbols[name] = address
        return f"@{name}"

    def known(self, x: object) -> str:
        """The name of an object."""
        if id(x) not in self.named:
            self.objects.append(x)
            self.named[id(x)] = self.address(f"stub.object.{len(self.named)}", id(x))
        return self.named[id(x)]

    # -- taking a call apart -------------------------------------------------------------------------------------------

    def call(self) -> str:
        """Check a call and run the program, or miss."""
        f = _Function(f"ptr @{CALL}({VECTORCALL})")
        if all(map(readable, self.taken)):
            self.check(f)
            self.finish(f, self.read_all(f))
        else:
            f.do("br label %miss")
        f.start("miss")
        f.do(f"ret ptr {f.emit(f'tail call ptr @native.miss({VECTORCALL})')}")
        return f.text()

    def check(self, f: _Function) -> None:
        """Go to %miss where the form of the call or a guard does not fit."""
        f.need_equal("%names", "null", "miss")
        count = f.emit(f"and i64 %nargsf, {native.NARGS}")
        f.need_equal(count, str(len(self.plan.arguments)), "miss", type="i64")
        if self.plan.guards:
            array = (ctypes.c_uint64 * len(self.plan.guards))(*(guard.expected for guard in self.plan.guards))
            self.objects.append(array)
            words = self.address("stub.expected", ctypes.addressof(array))
            for k, guard in enumerate(self.plan.guards):
                word = f.load("i64", self.address(f"stub.guard.{k}", guard.address), 0)
                f.need_equal(word, f.load("i64", words, 8 * k), "miss", type="i64")
        for k, names in enumerate(self.plan.names):
            known = f.new_label("known")
            if native.DICT_VERSION is not None:
                now = f.load("i64", self.known(names.namespace), native.DICT_VERSION)
                last = f.load("i64", f"@stub.version.{k}", 0)
                changed = f.new_label("changed")
                f.branch(f.emit(f"icmp eq i64 {now}, {last}"), known, changed)
                f.start(changed)
            f.branch(f.emit(f"call i1 @stub.lookup.{k}()"), known, "miss")
            f.start(known)

    def lookup(self, k: int) -> str:
        """A function that looks the names of a namespace up; where all are right it notes the dict's version."""
        names = self.plan.names[k]
        namespace = self.known(names.namespace)
        f = _Function(f"internal i1 @stub.lookup.{k}()")
        version = f.load("i64", namespace, native.DICT_VERSION) if native.DICT_VERSION is not None else None
        for name, x in names.expected.items():
            expected = "null" if x is ABSENT else self.known(x)
            f.need(f.emit(f"call i1 @stub.same(ptr {namespace}, ptr {self.known(name)}, ptr {expected})"), "changed")
        if version is not None:
            f.do(f"store i64 {version}, ptr @stub.version.{k}")
        f.do("ret i1 true")
        f.start("changed")
        f.do("ret i1 false")
        return f"@stub.version.{k} = internal global i64 0\n{f.text()}"

    def read_all(self, f: _Function) -> list[str]:
        """The operands in the arguments and in the closure cells."""
        operands: list[str] = []
        for i, a in enumerate(self.plan.arguments):
            x = f.load("ptr", "%args", 8 * i)
            if isinstance(a, Dynamic):
                operands += self.read(f, a.type, x)
            else:
                self.need_object(f, x, a.object)
        for h in self.plan.hidden:
            cell = f.load("ptr", f.load("ptr", "%self", native.CELLS), 8 * h.cell)
            x = f.load("ptr", cell, native.CELL_CONTENTS)
            f.need(f.emit(f"icmp ne ptr {x}, null"), "miss")
            operands += self.read(f, h.type, x)
        return operands

    def read(self, f: _Function, t: Type, x: str) -> list[str]:
        """The operands in an object of type t; to %miss where it is of another."""
        if isinstance(t, Static):
            self.need_object(f, x, t.value)
            return []
        if isinstance(t, Struct):
            return self.read_items(f, t, x)
        if t is BOOL:
            return [self.read_bool(f, x)]
        if t is INT:
            return [self.read_int(f, x)]
        ll = scalar_leaf(t)
        self.need_class(f, x, f"@stub.{t}")
        return [f.load(ll, x, native.VALUE)]

    def need_object(self, f: _Function, x: str, known: object) -> None:
        same = f.emit(f"icmp eq ptr {x}, {self.known(known)}")
        if type(known) not in (int, str):
            f.need(same, "miss")
            return
        compare, equal = f.new_label("compare"), f.new_label("equal")
        f.branch(same, equal, compare)
        f.start(compare)
        f.branch(f.emit(f"call i1 @stub.equal(ptr {x}, ptr {self.known(known)})"), equal, "miss")
        f.start(equal)

    def need_class(self, f: _Function, x: str, python_class: str) -> None:
        f.need_equal(f.load("ptr", x, native.OB_TYPE), python_class, "miss")

    def read_items(self, f: _Function, t: Struct, x: str) -> list[str]:
        self.need_class(f, x, self.known(struct_class(t)))
        f.need_equal(f.load("i64", x, native.SIZE), str(len(t.items)), "miss", type="i64")
        items = self.items(f, t, x)
        return [v for i, item in enumerate(t.items) for v in self.read(f, item, f.load("ptr", items, 8 * i))]

    @staticmethod
    def items(f: _Function, t: Struct, x: str) -> str:
        """Where the items of a tuple or list are."""
        return f.load("ptr", x, native.LIST_ITEMS) if struct_class(t) is list else f.at(x, native.TUPLE_ITEMS)

    def read_bool(self, f: _Function, x: str) -> str:
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

    def read_int(self, f: _Function, x: str) -> str:
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
        f.need_not(f.emit(f"extractvalue {{ i1, i64 }} {converted}, 0"), "miss")
        long = f.emit(f"extractvalue {{ i1, i64 }} {converted}, 1")
        last = f.label
        f.do(f"br label %{done}")
        f.start(short)
        digit = f.emit(f"zext i32 {f.load('i32', x, native.INT_DIGIT)} to i64")
        value = f.emit(f"mul i64 {sign}, {digit}")
        f.do(f"br label %{done}")
        f.start(done)
        return f.emit(f"phi i64 [ {value}, %{short} ], [ {long}, %{last} ]")

    def flat(self) -> str:
        f = _Function(f"ptr @{FLAT}({VECTORCALL})")
        types = [leaf for t in self.taken for leaf in leaves(t)]
        f.need_equal("%names", "null", "misused")
        f.need_equal(f.emit(f"and i64 %nargsf, {native.NARGS}"), str(len(types)), "misused", type="i64")
        operands = []
        for i, t in enumerate(types):
            ll = scalar_leaf(t)
            converted = f.emit(f"call {{ i1, {ll} }} @stub.to.{ll}(ptr {f.load('ptr', '%args', 8 * i)})")
            f.need_not(f.emit(f"extractvalue {{ i1, {ll} }} {converted}, 0"), "failed")
            operands.append(f.emit(f"extractvalue {{ i1, {ll} }} {converted}, 1"))
        self.finish(f, operands)
        f.start("misused")
        f.do(f"ret ptr {f.emit('call ptr @stub.misused()')}")
        f.start("failed")
        f.do("ret ptr null")
        return f.text()

    def finish(self, f: _Function, operands: list[str]) -> None:
        """Return what the program makes of the operands."""
        taken = ", ".join(f"{t} {x}" for t, x in zip(self.operands, operands, strict=True))
        f.do(f"ret ptr {f.emit(f'tail call ptr @stub.run({taken})')}")

    # -- running the program and making its result ---------------------------------------------------------------------

    def run(self) -> str:
        """From operands to a new object, or null and an exception."""
        taken = [f"{t} %a{k}" for k, t in enumerate(self.operands)]
        f = _Function(f"internal ptr @stub.run({', '.join(taken)})")
        f.do(f"%ctx = alloca [{runtime.CONTEXT_BYTES} x i8], align 16")
        f.do(f"%out = alloca [{self.size} x i8], align 16")
        f.do(f"store i64 0, ptr {f.at('%ctx', runtime.ERROR)}")
        head = f.at("%ctx", HEAD)
        for link in (PREVIOUS, NEXT):
            f.do(f"store ptr {head}, ptr {f.at(head, link)}")
        if self.plan.recursive:
            f.do(f"store ptr {f.emit('call ptr @stub.stack_limit()')}, ptr {f.at('%ctx', runtime.STACK_LIMIT)}")
        status = f.emit(f"call i32 @{self.program.entry}({', '.join(['ptr %ctx', *taken, 'ptr %out'])})")
        if self.program.fails:
            f.need_equal(status, "0", "failed", type="i32")
        self.result(f)
        if self.program.fails:
            f.start("failed")
            f.do(f"ret ptr {f.emit(f'call ptr @stub.failed(ptr %ctx, ptr {self.known(self.plan.raiser)})')}")
        return f.text()

    def result(self, f: _Function) -> None:
        """Return the object of the program's result."""
        t = self.program.result
        if isinstance(t, Static):
            f.do(f"ret ptr {self.shared(f, t)}")
        elif isinstance(t, Struct):
            self.build(f, t if buildable(t) else Tuple(leaves(t)))
            f.do(f"ret ptr {'%root' if buildable(t) else self.rebuilt(f)}")
            f.start("drop")
            f.do("call void @Py_DecRef(ptr %root)")
            f.do("ret ptr null")
        else:
            in_memory, box = BOX[scalar_leaf(t)]
            f.do(f"%x = load {in_memory}, ptr %out{box}")
            f.do("ret ptr %o")

    def rebuilt(self, f: _Function) -> str:
        """What `rebuild` makes of %root."""
        if self.plan.rebuild is None:
            raise InternalError(f"a result of type {self.program.result} needs a plan with a rebuild")
        rebuild = self.known(self.plan.rebuild)
        made = f.emit(f"call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr {rebuild}, ptr %root, ptr null)")
        f.do("call void @Py_DecRef(ptr %root)")
        return made

    def shared(self, f: _Function, t: Static) -> str:
        """A new reference to an object known at compile time."""
        x = self.known(t.value)
        f.do(f"call void @Py_IncRef(ptr {x})")
        return x

    def build(self, f: _Function, t: Struct) -> None:
        """Make %root of the values in %out. A container is put in its place before it is filled: %root owns all."""
        f.do(f"%root = {self.new_container(t)}")
        f.need(f.emit("icmp ne ptr %root, null"), "drop")
        self.fill(f, t, "%root", deque(self.fields))

    @staticmethod
    def new_container(t: Struct) -> str:
        return f"call ptr @{'PyList_New' if struct_class(t) is list else 'PyTuple_New'}(i64 {len(t.items)})"

    def fill(self, f: _Function, t: Struct, container: str, fields: deque[Field]) -> None:
        """Put the items into a new tuple or list; `fields` says where in %out the values to come are."""
        items = self.items(f, t, container)
        i = 0
        while i < len(t.items):
            item, place, count = t.items[i], f.at(items, 8 * i), 1
            if isinstance(item, Static):
                f.do(f"store ptr {self.shared(f, item)}, ptr {place}")
            elif isinstance(item, Struct):
                inner = f.emit(self.new_container(item))
                f.do(f"store ptr {inner}, ptr {place}")
                f.need(f.emit(f"icmp ne ptr {inner}, null"), "drop")
                self.fill(f, item, inner, fields)
            else:
                count, source = self.alike(t.items[i:], fields)
                filled = f"ptr {place}, ptr {f.at('%out', source)}, i64 {count}"
                f.need_not(f.emit(f"call i1 @stub.fill.{scalar_leaf(item)}({filled})"), "drop")
            i += count

    @staticmethod
    def alike(items: Sequence[Type], fields: deque[Field]) -> tuple[int, int]:
        """How many items, from the first on, are scalars of one type side by side in %out, and where the first is."""
        first = fields.popleft()
        count = 1
        while (
            count < len(items)
            and isinstance(items[count], Scalar)
            and fields[0].type == first.type
            and fields[0].offset == first.offset + count * SIZE[first.type]
        ):
            fields.popleft()
            count += 1
        return count, first.offset
