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
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irad.backends.llvm import native, runtime
from irad.backends.llvm.emit import Program
from irad.backends.llvm.jit import compile_text
from irad.backends.llvm.layout import SIZE, Field, flat, item_layout
from irad.backends.llvm.native import Stub
from irad.errors import InternalError
from irad.types import BOOL, INT, Array, Record, Scalar, Static, Struct, Tuple, Type, leaves

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
    "pthread_getattr_np": "i32 (ptr, ptr)",
    "pthread_self": "ptr ()",
}

OBJECTS: dict[str, object] = {
    "stub.float": float, "stub.int": int, "stub.tuple": tuple, "stub.list": list, "stub.True": True, "stub.False": False,
    "stub.f64": np.float64, "stub.f32": np.float32, "stub.i64": np.int64, "stub.i32": np.int32, "stub.bool": np.bool_,
    "stub.TypeError": TypeError, "stub.OverflowError": OverflowError,
}

PREVIOUS, NEXT = 32, 40                          # the links of a block; the context has them at LINKS, as if of a block
HEAD = runtime.LINKS - PREVIOUS

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
define internal i1 @stub.fill.{name}(ptr %items, ptr %source, i64 %n) nounwind {{
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


def _converter(t: str, convert: str, suspicious: str) -> str:
    """A function from an object to (failed, value): there is an exception if the value is suspicious and one is set."""
    return f"""
define internal {{ i1, {t} }} @stub.to.{t}(ptr %x) nounwind {{
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


def _message(name: str, text: str) -> str:
    return f'\n@{name} = private constant [{len(text) + 1} x i8] c"{text}\\00"'


HELPERS = {
    **{f"stub.fill.{t}": _filler(t) for t in BOX},
    "stub.to.double": _converter("double", """
  %v = call double @PyFloat_AsDouble(ptr %x)""", "fcmp oeq double %v, -1.0"),
    "stub.to.float": _converter("float", """
  %wide = call double @PyFloat_AsDouble(ptr %x)
  %v = fptrunc double %wide to float""", "fcmp oeq double %wide, -1.0"),
    "stub.to.i64": _converter("i64", """
  %v = call i64 @stub.index(ptr %x)""", "icmp eq i64 %v, -1"),
    "stub.to.i32": _converter("i32", """
  %wide = call i64 @stub.index32(ptr %x)
  %v = trunc i64 %wide to i32""", "icmp eq i64 %wide, -1"),
    "stub.to.i1": _converter("i1", """
  %truth = call i32 @PyObject_IsTrue(ptr %x)
  %v = icmp ne i32 %truth, 0""", "icmp eq i32 %truth, -1"),
    "stub.index": """
define internal i64 @stub.index(ptr %x) nounwind {
  %n = call ptr @PyNumber_Index(ptr %x)
  %null = icmp eq ptr %n, null
  br i1 %null, label %failed, label %ok
ok:
  %v = call i64 @PyLong_AsLongLong(ptr %n)
  call void @Py_DecRef(ptr %n)
  ret i64 %v
failed:
  ret i64 -1
}""",
    "stub.index32": _message("stub.index32.text", "int too large for 32 bits") + """
define internal i64 @stub.index32(ptr %x) nounwind {
  %v = call i64 @stub.index(ptr %x)
  %narrow = trunc i64 %v to i32
  %back = sext i32 %narrow to i64
  %fits = icmp eq i64 %v, %back
  br i1 %fits, label %ok, label %overflow
ok:
  ret i64 %v
overflow:
  call void @PyErr_SetString(ptr @stub.OverflowError, ptr @stub.index32.text)
  ret i64 -1
}""",
    "stub.slow": native.SLOW_TEXT,
    "stub.miss": f"""
define internal ptr @stub.miss({VECTORCALL}) nounwind {{
  ret ptr inttoptr (i64 {native.MISMATCH} to ptr)
}}""",
    # (overflow, value) of an int of several digits.
    "stub.wide_int": """
define internal { i1, i64 } @stub.wide_int(ptr %x) nounwind {
  %overflow = alloca i32
  %v = call i64 @PyLong_AsLongLongAndOverflow(ptr %x, ptr %overflow)
  %side = load i32, ptr %overflow
  %bad = icmp ne i32 %side, 0
  %r0 = insertvalue { i1, i64 } undef, i1 %bad, 0
  %r1 = insertvalue { i1, i64 } %r0, i64 %v, 1
  ret { i1, i64 } %r1
}""",
    # Whether a name still has the object that is expected, null if none.
    "stub.same": """
define internal i1 @stub.same(ptr %namespace, ptr %name, ptr %expected) nounwind {
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
}""",
    # The program failed: free its blocks, raise its error.
    "stub.failed": f"""
define internal ptr @stub.failed(ptr %ctx) nounwind {{
entry:
  %head = getelementptr i8, ptr %ctx, i64 {HEAD}
  %link = getelementptr i8, ptr %ctx, i64 {runtime.LINKS + 8}
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
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr @stub.raiser, ptr %number, ptr %values, ptr null)
  br label %drop
drop:
  %result = phi ptr [ null, %raise ], [ %answer, %tell ]
  call void @Py_DecRef(ptr %result)
  call void @Py_DecRef(ptr %values)
  call void @Py_DecRef(ptr %number)
  ret ptr null
}}""",
    "stub.stack_limit": f"""
define internal ptr @stub.stack_limit() nounwind {{
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
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %unknown, label %found
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
}}""",
    "stub.misused": _message("stub.misused.text", "takes the leaves of its arguments") + """
define internal ptr @stub.misused() nounwind {
  call void @PyErr_SetString(ptr @stub.TypeError, ptr @stub.misused.text)
  ret ptr null
}""",
}


@functools.cache
def _main_stack() -> tuple[int, int]:
    """The main thread, and the lowest address of its stack that compiled code may use: as @stub.stack_limit finds them."""
    libc = ctypes.CDLL(None)
    thread = threading.main_thread().ident or 0
    attributes, low, size = ctypes.create_string_buffer(64), ctypes.c_void_p(), ctypes.c_size_t()
    if libc.pthread_getattr_np(ctypes.c_void_p(thread), attributes):
        return thread, 0
    libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return thread, (low.value or 0) + min(RESERVE, size.value // 4)


# -- text of one program -----------------------------------------------------------------------------------------------------

LIKELY = '!prof !{!"branch_weights", i32 2000, i32 1}'
MENTIONED = re.compile(r"@((?:stub|Py|pthread)[\w.]*)")


class _Function:
    """The lines of one function."""

    def __init__(self, head: str) -> None:
        self.lines = [f"define {head} nounwind {{", "entry:"]
        self.label = "entry"
        self.count = 0

    def emit(self, text: str) -> str:
        """An instruction with a result."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + text)

    def new_label(self, name: str) -> str:
        self.count += 1
        return f"{name}{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def need(self, test: str, otherwise: str) -> None:
        """Go on where the test holds, else to a label."""
        go_on = self.new_label("ok")
        self.do(f"br i1 {test}, label %{go_on}, label %{otherwise}, {LIKELY}")
        self.start(go_on)

    def need_equal(self, a: str, b: str, otherwise: str, *, type: str = "ptr") -> None:
        self.need(self.emit(f"icmp eq {type} {a}, {b}"), otherwise)

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
            raise InternalError("the plan of a program that can fail has no raiser")
        self.fields, self.size = item_layout(program.result)
        self.named: dict[int, str] = {}
        self.symbols: dict[str, int] = {}
        self.objects: list[object] = []

    def made(self) -> StubText:
        parts = [*self.versions(), self.parse(), self.entry("attempt", "@stub.miss"), self.entry("call", "@stub.slow"),
                 self.flat(), self.run()]
        declared, seen = [], set(self.symbols)
        for text in parts:                               # grows while it is read
            for name in dict.fromkeys(MENTIONED.findall(text)):
                if name in seen:
                    continue
                seen.add(name)
                if name in HELPERS:
                    parts.append(HELPERS[name])
                elif name in DECLARATIONS:
                    returned, _, taken = DECLARATIONS[name].partition(" ")
                    declared.append(f"declare {returned} @{name}{taken}")
                elif name in OBJECTS:
                    self.name_object(name, OBJECTS[name])
        if "stub.failed" in seen:
            self.name_object("stub.raiser", self.plan.raiser)
        if "stub.stack_limit" in seen:
            self.symbols["stub.main_thread"], self.symbols["stub.main_limit"] = _main_stack()
        external = [f"@{name} = external global i8" for name in self.symbols]
        return StubText("\n".join([*external, *declared, *parts, ""]), self.symbols, self.objects)

    # -- names of what is outside the text ---------------------------------------------------------------------------------

    def name_object(self, name: str, x: object) -> str:
        self.objects.append(x)
        return self.name_address(name, id(x))

    def name_address(self, name: str, address: int) -> str:
        self.symbols[name] = address
        return f"@{name}"

    def object(self, x: object) -> str:
        """The name of an object, which the Stub keeps alive."""
        if id(x) not in self.named:
            self.named[id(x)] = self.name_object(f"stub.object.{len(self.named)}", x)
        return self.named[id(x)]

    # -- taking a call apart -------------------------------------------------------------------------------------------------

    def entry(self, name: str, otherwise: str) -> str:
        f = _Function(f"ptr @stub.{name}({VECTORCALL})")
        f.do(f"ret ptr {f.emit(f'tail call ptr @stub.parse({VECTORCALL}, ptr {otherwise})')}")
        return f.text()

    def parse(self) -> str:
        """Check a call and run the program, or jump to %otherwise."""
        plan = self.plan
        f = _Function(f"internal ptr @stub.parse({VECTORCALL}, ptr %otherwise)")
        if not all(map(readable, self.taken)):
            f.do("br label %miss")
        else:
            f.need_equal("%names", "null", "miss")
            f.need_equal(f.emit(f"and i64 %nargsf, {native.NARGS}"), str(len(plan.arguments)), "miss", type="i64")
            for k, guard in enumerate(plan.guards):
                self.check_guard(f, k, guard)
            for k, names in enumerate(plan.names):
                self.check_names(f, k, names)
            operands: list[str] = []
            for i, a in enumerate(plan.arguments):
                x = f.load("ptr", "%args", 8 * i)
                if isinstance(a, Identical):
                    f.need_equal(x, self.object(a.object), "miss")
                else:
                    operands += self.read(f, a.type, x)
            for h in plan.hidden:
                cell = f.load("ptr", f.load("ptr", "%self", native.CELLS), 8 * h.cell)
                x = f.load("ptr", cell, native.CELL_CONTENTS)
                f.need(f.emit(f"icmp ne ptr {x}, null"), "miss")
                operands += self.read(f, h.type, x)
            self.finish(f, operands)
        f.start("miss")
        f.do(f"ret ptr {f.emit(f'tail call ptr %otherwise({VECTORCALL})')}")
        return f.text()

    def finish(self, f: _Function, operands: list[str]) -> None:
        """Return what the program makes of the operands."""
        taken = ", ".join(f"{t} {x}" for t, x in zip(self.operands, operands, strict=True))
        f.do(f"ret ptr {f.emit(f'tail call ptr @stub.run({taken})')}")

    def check_guard(self, f: _Function, k: int, guard: Guard) -> None:
        expected = self.name_address(f"stub.expected.{k}", guard.expected) if guard.expected else "null"
        f.need_equal(f.load("ptr", self.name_address(f"stub.guard.{k}", guard.address), 0), expected, "miss")

    def check_names(self, f: _Function, k: int, names: Names) -> None:
        if native.DICT_VERSION is None:
            f.need(f.emit(f"call i1 @stub.names.{k}()"), "miss")
            return
        known, changed = f.new_label("known"), f.new_label("changed")
        now = f.load("i64", self.object(names.namespace), native.DICT_VERSION)
        last = f.load("i64", f"@stub.version.{k}", 0)
        f.do(f"br i1 {f.emit(f'icmp eq i64 {now}, {last}')}, label %{known}, label %{changed}, {LIKELY}")
        f.start(changed)
        f.do(f"br i1 {f.emit(f'call i1 @stub.names.{k}()')}, label %{known}, label %miss")
        f.start(known)

    def versions(self) -> list[str]:
        """For each namespace a function that looks the names up, and a variable: the version where all were right."""
        out = []
        for k, names in enumerate(self.plan.names):
            namespace = self.object(names.namespace)
            f = _Function(f"internal i1 @stub.names.{k}()")
            now = f.load("i64", namespace, native.DICT_VERSION) if native.DICT_VERSION is not None else None
            for name, x in names.expected.items():
                expected = "null" if x is ABSENT else self.object(x)
                f.need(f.emit(f"call i1 @stub.same(ptr {namespace}, ptr {self.object(name)}, ptr {expected})"), "changed")
            if now is not None:
                out.append(f"@stub.version.{k} = internal global i64 0")
                f.do(f"store i64 {now}, ptr @stub.version.{k}")
            f.do("ret i1 true")
            f.start("changed")
            f.do("ret i1 false")
            out.append(f.text())
        return out

    def read(self, f: _Function, t: Type, x: str) -> list[str]:
        """The operands in an object of type t; to %miss where it is of another."""
        if isinstance(t, Static):
            f.need_equal(x, self.object(t.value), "miss")
            return []
        if isinstance(t, Struct):
            return self.read_items(f, t, x)
        if t is BOOL:
            return [self.read_bool(f, x)]
        if t is INT:
            return [self.read_int(f, x)]
        leaf = scalar_leaf(t)
        self.exact(f, x, f"@stub.{t}")
        return [f.load(leaf, x, native.VALUE)]

    def exact(self, f: _Function, x: str, python_class: str) -> None:
        f.need_equal(f.load("ptr", x, native.OB_TYPE), python_class, "miss")

    def read_items(self, f: _Function, t: Struct, x: str) -> list[str]:
        self.exact(f, x, self.object(struct_class(t)))
        f.need_equal(f.load("i64", x, native.SIZE), str(len(t.items)), "miss", type="i64")
        items = f.load("ptr", x, native.LIST_ITEMS) if struct_class(t) is list else f.at(x, native.TUPLE_ITEMS)
        return [v for i, item in enumerate(t.items) for v in self.read(f, item, f.load("ptr", items, 8 * i))]

    def read_bool(self, f: _Function, x: str) -> str:
        numpy, done = f.new_label("numpy"), f.new_label("bool")
        true = f.emit(f"icmp eq ptr {x}, @stub.True")
        false = f.emit(f"icmp eq ptr {x}, @stub.False")
        before = f.label
        f.do(f"br i1 {f.emit(f'or i1 {true}, {false}')}, label %{done}, label %{numpy}")
        f.start(numpy)
        self.exact(f, x, "@stub.bool")
        value = f.emit(f"icmp ne i8 {f.load('i8', x, native.VALUE)}, 0")
        last = f.label
        f.do(f"br label %{done}")
        f.start(done)
        return f.emit(f"phi i1 [ {true}, %{before} ], [ {value}, %{last} ]")

    def read_int(self, f: _Function, x: str) -> str:
        self.exact(f, x, "@stub.int")
        short, wide, done = f.new_label("short"), f.new_label("wide"), f.new_label("int")
        tag = f.load("i64", x, native.INT_TAG)
        if native.COMPACT_INT:
            compact = f.emit(f"icmp ult i64 {tag}, 16")
        else:
            compact = f.emit(f"icmp ult i64 {f.emit(f'add i64 {tag}, 1')}, 3")
        f.do(f"br i1 {compact}, label %{short}, label %{wide}, {LIKELY}")
        f.start(wide)
        converted = f.emit(f"call {{ i1, i64 }} @stub.wide_int(ptr {x})")
        fits = f.emit(f"xor i1 {f.emit(f'extractvalue {{ i1, i64 }} {converted}, 0')}, true")
        f.need(fits, "miss")
        long_value = f.emit(f"extractvalue {{ i1, i64 }} {converted}, 1")
        last = f.label
        f.do(f"br label %{done}")
        f.start(short)
        digit = f.emit(f"zext i32 {f.load('i32', x, native.INT_DIGIT)} to i64")
        sign = f.emit(f"sub i64 1, {f.emit(f'and i64 {tag}, 3')}") if native.COMPACT_INT else tag
        value = f.emit(f"mul i64 {sign}, {digit}")
        f.do(f"br label %{done}")
        f.start(done)
        return f.emit(f"phi i64 [ {value}, %{short} ], [ {long_value}, %{last} ]")

    def flat(self) -> str:
        f = _Function(f"ptr @stub.flat({VECTORCALL})")
        types = [leaf for t in self.taken for leaf in leaves(t)]
        f.need_equal("%names", "null", "misused")
        f.need_equal(f.emit(f"and i64 %nargsf, {native.NARGS}"), str(len(types)), "misused", type="i64")
        operands = []
        for i, t in enumerate(types):
            ll = scalar_leaf(t)
            converted = f.emit(f"call {{ i1, {ll} }} @stub.to.{ll}(ptr {f.load('ptr', '%args', 8 * i)})")
            f.need(f.emit(f"xor i1 {f.emit(f'extractvalue {{ i1, {ll} }} {converted}, 0')}, true"), "failed")
            operands.append(f.emit(f"extractvalue {{ i1, {ll} }} {converted}, 1"))
        self.finish(f, operands)
        f.start("misused")
        f.do("call ptr @stub.misused()")
        f.do("br label %failed")
        f.start("failed")
        f.do("ret ptr null")
        return f.text()

    # -- running the program and making its result ---------------------------------------------------------------------------

    def run(self) -> str:
        """From operands to a new object, or null and an exception."""
        names = [f"%a{k}" for k in range(len(self.operands))]
        taken = [f"{t} {n}" for t, n in zip(self.operands, names, strict=True)]
        f = _Function(f"internal ptr @stub.run({', '.join(taken)})")
        f.do(f"%ctx = alloca [{runtime.CONTEXT_BYTES} x i8], align 16")
        f.do(f"%out = alloca [{self.size} x i8], align 16")
        f.do(f"store i64 0, ptr {f.at('%ctx', runtime.ERROR)}")
        head = f.at("%ctx", HEAD)
        f.do(f"store ptr {head}, ptr {f.at('%ctx', runtime.LINKS)}")
        f.do(f"store ptr {head}, ptr {f.at('%ctx', runtime.LINKS + 8)}")
        if self.plan.recursive:
            f.do(f"store ptr {f.emit('call ptr @stub.stack_limit()')}, ptr {f.at('%ctx', runtime.STACK_LIMIT)}")
        status = f.emit(f"call i32 @{self.program.entry}({', '.join(['ptr %ctx', *taken, 'ptr %out'])})")
        if self.program.fails:
            f.need_equal(status, "0", "failed", type="i32")
        self.result(f)
        if self.program.fails:
            f.start("failed")
            f.do(f"ret ptr {f.emit('call ptr @stub.failed(ptr %ctx)')}")
        return f.text()

    def result(self, f: _Function) -> None:
        """Return the object of the program's result."""
        t = self.program.result
        if isinstance(t, Static):
            f.do(f"ret ptr {self.shared(f, t)}")
        elif isinstance(t, Struct):
            direct = buildable(t)
            self.build(f, t if direct else Tuple(leaves(t)))
            if direct:
                f.do("ret ptr %root")
            else:
                made = f.emit(f"call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr {self.rebuild()}, ptr %root, ptr null)")
                f.do("call void @Py_DecRef(ptr %root)")
                f.do(f"ret ptr {made}")
            f.start("drop")
            f.do("call void @Py_DecRef(ptr %root)")
            f.do("ret ptr null")
        else:
            in_memory, box = BOX[scalar_leaf(t)]
            f.do(f"%x = load {in_memory}, ptr %out{box}")
            f.do("ret ptr %o")

    def rebuild(self) -> str:
        if self.plan.rebuild is None:
            raise InternalError(f"the plan cannot rebuild a {self.program.result}")
        return self.object(self.plan.rebuild)

    def shared(self, f: _Function, t: Static) -> str:
        """A new reference to an object known at compile time."""
        x = self.object(t.value)
        f.do(f"call void @Py_IncRef(ptr {x})")
        return x

    def build(self, f: _Function, t: Struct) -> None:
        """Make %root of the values in %out; containers stand in each other before they are filled, so that dropping %root
        drops all."""
        f.do(f"%root = {self.container(t)}")
        f.need(f.emit("icmp ne ptr %root, null"), "drop")
        self.fill(f, t, "%root", deque(self.fields))

    @staticmethod
    def container(t: Struct) -> str:
        return f"call ptr @{'PyList_New' if struct_class(t) is list else 'PyTuple_New'}(i64 {len(t.items)})"

    def fill(self, f: _Function, t: Struct, container: str, fields: deque[Field]) -> None:
        items = f.load("ptr", container, native.LIST_ITEMS) if struct_class(t) is list else f.at(container, native.TUPLE_ITEMS)
        i = 0
        while i < len(t.items):
            item, place = t.items[i], f.at(items, 8 * i)
            if isinstance(item, Static):
                f.do(f"store ptr {self.shared(f, item)}, ptr {place}")
                i += 1
            elif isinstance(item, Struct):
                inner = f.emit(self.container(item))
                f.do(f"store ptr {inner}, ptr {place}")
                f.need(f.emit(f"icmp ne ptr {inner}, null"), "drop")
                self.fill(f, item, inner, fields)
                i += 1
            else:
                ll, first = scalar_leaf(item), fields.popleft()
                n = 1
                while (i + n < len(t.items) and isinstance(t.items[i + n], Scalar)
                       and (fields[0].type, fields[0].offset) == (ll, first.offset + n * SIZE[ll])):
                    fields.popleft()
                    n += 1
                failed = f.emit(f"call i1 @stub.fill.{ll}(ptr {place}, ptr {f.at('%out', first.offset)}, i64 {n})")
                f.need(f.emit(f"xor i1 {failed}, true"), "drop")
                i += n


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
    """Whether stubs make objects of this type by themselves."""
    return all(map(buildable, t.items)) and struct_class(t) in (tuple, list) if isinstance(t, Struct) else True


def scalar_leaf(t: Type) -> str:
    """The LLVM type of a leaf that is one operand. Arrays, which are several, come later: all leaves pass here."""
    if not isinstance(t, Scalar):
        raise InternalError(f"a value of type {t} does not cross the call yet")
    return flat(t)[0]
