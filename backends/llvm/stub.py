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
import itertools
import re
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from irad.backends.llvm import native, runtime, scipy_pointers
from irad.backends.llvm.emit import Program
from irad.backends.llvm.jit import Code, compile_text
from irad.backends.llvm.layout import SIZE, Field, flat, item_layout, managed
from irad.backends.llvm.lines import Lines
from irad.backends.llvm.native import VECTORCALL, Stub
from irad.backends.llvm.objects import BOX, DECLARATIONS, DTYPES, HEAD, LIBRARY_OF, NEXT, OBJECTS, PREVIOUS, numpy_symbols
from irad.backends.llvm.plan import ABSENT, CallPlan, Dynamic, Identical
from irad.backends.llvm.reading import Reader, complex_class, dtype_of, items, readable, scalar_leaf, struct_class
from irad.backends.llvm.work import BUDGET

from irad.errors import InternalError, SizesDiffer
from irad.lock import LOCK
from irad.types import (
    Array,
    Dim,
    Scalar,
    Static,
    Struct,
    Tuple,
    Type,
    leaves,
)

__all__ = ["StubText", "compile_stub", "stub_text"]


@dataclass(slots=True)
class StubText:
    """Text to append to the program's, the addresses of what it does not define, and the objects behind them: they must
    live as long as the code."""

    text: str
    symbols: dict[str, int]
    objects: list[object]
    running: ctypes.c_int64


CALL, FLAT = "stub.call", "stub.flat"


def compile_stub(program: Program, plan: CallPlan, *, level: int = 1) -> Stub:
    """Compile a program with its stubs. What they refer to lives as long as the Stub."""
    stub = stub_text(program, plan)
    with LOCK:
        _free_code()
    code = compile_text(program.text + stub.text, [CALL, FLAT], stub.symbols, level=level)
    objects = (plan.raiser, plan.rebuild, plan.printer, stub.objects)
    return Stub(code.address(CALL), code.address(FLAT), _Owner(code, stub.running, objects), _Words(plan).count)


class _Words:
    """Where the words of `plan.Bound` stand."""

    def __init__(self, plan: CallPlan) -> None:
        self.cells = sum(isinstance(a, Identical) for a in plan.arguments)
        self.guards = self.cells + 1 + max((h.source for h in plan.hidden if isinstance(h.source, int)), default=-1)
        self.count = self.guards + 2 * plan.guards


_loaded: dict[int, Code] = {}  # held here, so that no garbage collection frees code before its owner is asked
_numbers = itertools.count()
_given_up: deque[tuple[int, ctypes.c_int64, object]] = deque()  # code to free, and what it needs while a thread runs it


class _Owner:
    """Machine code and what it refers to; `running` counts the calls that are under way, which may wait in a thread."""

    def __init__(self, code: Code, running: ctypes.c_int64, objects: object) -> None:
        self.number, self.running, self.objects = next(_numbers), running, objects
        _loaded[self.number] = code

    def __del__(self, given_up: deque[Any] = _given_up) -> None:  # when Python ends, too
        given_up.append((self.number, self.running, self.objects if self.running.value else None))


def _free_code() -> None:
    """Free the code that was given up and that nothing runs. Not where it is given up: that may be anywhere."""
    for _ in range(len(_given_up)):
        number, running, objects = _given_up.popleft()
        if running.value:
            _given_up.append((number, running, objects))
        else:
            _loaded.pop(number, None)


def stub_text(program: Program, plan: CallPlan) -> StubText:
    """The stubs of a program. Raises InternalError where the plan is not one for this program."""
    return _Stubs(program, plan).made()


def buildable(t: Type) -> bool:
    """Whether stubs make objects of this type without `rebuild`."""
    if complex_class(t) is not None:
        return True
    return not isinstance(t, Struct) or (struct_class(t) in (tuple, list) and all(map(buildable, t.items)))


MENTIONED = re.compile(r"@((?:stub|native|numpy|Py_?)[\w.]*)")


# -- one program -------------------------------------------------------------------------------------------------------


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
        self.rank = max((len(t.shape) for t in leaves(program.result) if isinstance(t, Array)), default=0)
        if len(program.given) == sum(isinstance(t, Array) for t in leaves(program.result)):
            self.rank = 0
        self.given = {self.fields[place]: k for k, place in enumerate(program.given)}  # arrays made before the program runs
        # Other threads may run meanwhile: without the lock, or in the Python code that is called.
        self.waits = program.long or program.fails or not buildable(program.result)
        self.running = ctypes.c_int64(0)
        self.words = _Words(plan)
        self.reader = Reader(self.known)
        self.constants: dict[tuple[int, ...], str] = {}  # shapes
        self.symbols: dict[str, int] = {}
        self.objects: list[object] = []
        self.named: dict[int, str] = {}
        # Whether it may find out that sizes differ which it took for equal: the call is then another program's.
        self.assumes = any(site.error == SizesDiffer.__name__ for site in program.sites)

    def made(self) -> StubText:
        parts = [self.call(), self.flat(), self.run(), *map(self.lookup, range(len(self.plan.names)))]
        # The program declares what it calls itself.
        uses = {"irad.poll": self.program.polls, "irad.print": self.program.prints, "irad.parallel": self.program.parallel}
        for name, used in uses.items():
            if used:
                self.symbols[name] = LIBRARY_OF[name]().address(name)
        outside = {name: scipy_pointers.address(name) for name in self.program.outside}
        for name in dict.fromkeys(MENTIONED.findall("\n".join(parts))):
            if name in OBJECTS:
                self.symbols[name] = id(OBJECTS[name])
            elif name in DECLARATIONS:
                parts.append(DECLARATIONS[name])
                if name.startswith("numpy."):
                    self.symbols[name] = numpy_symbols()[name]
                if name in LIBRARY_OF:
                    self.symbols[name] = LIBRARY_OF[name]().address(name)
        for shape, name in self.constants.items():
            dims = ", ".join(f"i64 {d}" for d in shape)
            parts.append(f"{name} = private unnamed_addr constant [{len(shape)} x i64] [{dims}]")
        parts.append(f"declare ptr @native.miss({VECTORCALL})")
        external = [f"@{name} = external global i8" for name in self.symbols if name not in DECLARATIONS]
        symbols = self.symbols | outside | {"native.miss": native.miss_address()}
        return StubText("\n".join([*external, *parts, ""]), symbols, self.objects, self.running)

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
        f = Lines(f"ptr @{CALL}({VECTORCALL})")
        if all(map(readable, self.taken)):
            self.check(f)
            operands = self.read_all(f)
            self.reader.check_sizes(f)
            self.finish(f, operands, "miss" if self.assumes else None)
        else:
            f.do("br label %miss")
        f.start("miss")
        f.do(f"ret ptr {f.emit(f'tail call ptr @native.miss({VECTORCALL})')}")
        return f.text()

    def check(self, f: Lines) -> None:
        """Go to %miss where the form of the call or a guard does not fit."""
        keywords = self.plan.keywords
        count = f.emit(f"and i64 %nargsf, {native.NARGS}")
        f.need_equal(count, str(len(self.plan.arguments) - len(keywords)), type="i64")
        if keywords:
            f.need(f.emit("icmp ne ptr %names, null"))
            f.need_equal(f.load("i64", "%names", native.SIZE), str(len(keywords)), type="i64")
            for i, name in enumerate(keywords):
                given = f.load("ptr", "%names", native.TUPLE_ITEMS + 8 * i)
                self.reader.need_object(f, given, self.known(sys.intern(name)), str)
        else:
            f.need_equal("%names", "null")
        if self.words.count:
            f.do(f"%words = load ptr, ptr {f.at('%self', native.WORDS)}")
        for k in range(self.words.guards, self.words.count, 2):
            word = f.load("i64", f.load("ptr", "%words", 8 * k), 0)
            f.need_equal(word, f.load("i64", "%words", 8 * k + 8), type="i64")
        for k, names in enumerate(self.plan.names):
            known = f.new_label("known")
            if native.DICT_VERSION is not None:
                now = f.load("i64", self.known(names.namespace), native.DICT_VERSION)
                last = f.load("i64", f"@stub.version.{k}", 0)
                changed = f.new_label("changed")
                f.branch(f.emit(f"icmp eq i64 {now}, {last}"), known, changed)
                f.start(changed)
            f.branch(f.emit(f"call i1 @stub.lookup.{k}()"), known)
            f.start(known)

    def lookup(self, k: int) -> str:
        """A function that looks the names of a namespace up; where all are right it notes the dict's version."""
        names = self.plan.names[k]
        namespace = self.known(names.namespace)
        f = Lines(f"internal i1 @stub.lookup.{k}()")
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

    def read_all(self, f: Lines) -> list[str]:
        """The operands in the arguments and in the closure cells."""
        operands: list[str] = []
        objects = itertools.count()
        for i, a in enumerate(self.plan.arguments):
            x = f.load("ptr", "%args", 8 * i)
            if isinstance(a, Dynamic):
                operands += self.reader.read(f, a.type, x)
            else:
                self.reader.need_object(f, x, f.load("ptr", "%words", 8 * next(objects)), type(a.object))
        for h in self.plan.hidden:
            if isinstance(h.source, int):
                cell = f.load("ptr", "%words", 8 * (self.words.cells + h.source))
                x = f.load("ptr", cell, native.CELL_CONTENTS)
            else:
                namespace, name = map(self.known, h.source)
                x = f.emit(f"call ptr @PyDict_GetItemWithError(ptr {namespace}, ptr {name})")
            f.need(f.emit(f"icmp ne ptr {x}, null"))
            operands += self.reader.read(f, h.type, x)
        return operands

    def flat(self) -> str:
        f = Lines(f"ptr @{FLAT}({VECTORCALL})")
        types = [leaf for t in self.taken for leaf in leaves(t)]
        f.need_equal("%names", "null", "misused")
        f.need_equal(f.emit(f"and i64 %nargsf, {native.NARGS}"), str(len(types)), "misused", type="i64")
        operands = []
        f.miss = "misused"
        for i, t in enumerate(types):
            x = f.load("ptr", "%args", 8 * i)
            if isinstance(t, Array):
                operands += self.reader.read_array(f, t, x)
                continue
            ll = scalar_leaf(t)
            converted = f.emit(f"call {{ i1, {ll} }} @stub.to.{ll}(ptr {x})")
            f.need_not(f.emit(f"extractvalue {{ i1, {ll} }} {converted}, 0"), "failed")
            operands.append(f.emit(f"extractvalue {{ i1, {ll} }} {converted}, 1"))
        self.reader.check_sizes(f)
        self.finish(f, operands)
        f.start("misused")
        f.do(f"ret ptr {f.emit('call ptr @stub.misused()')}")
        f.start("failed")
        f.do("ret ptr null")
        return f.text()

    def finish(self, f: Lines, operands: list[str], differ: str | None = None) -> None:
        """Return what the program makes of the operands; to the label `differ` where its sizes are not those of the call."""
        taken = ", ".join(f"{t} {x}" for t, x in zip(self.operands, operands, strict=True))
        run = f"call ptr @stub.run({taken})"
        if not self.waits:
            f.do(f"ret ptr {f.emit(f'tail {run}')}")
            return
        for x in f.held:
            f.do(f"call void @Py_IncRef(ptr {x})")
        self.count(f, "add")
        result = f.emit(run)
        for x in f.held:
            f.do(f"call void @Py_DecRef(ptr {x})")
        self.count(f, "sub")
        if differ is not None:
            raised, done = f.new_label("raised"), f.new_label("done")
            f.branch(f.emit(f"icmp ne ptr {result}, null"), done, raised)
            f.start(raised)
            f.need_not(f.emit(f"call i1 @stub.caught(ptr {self.known(SizesDiffer)})"), differ)
            f.do(f"br label %{done}")
            f.start(done)
        f.do(f"ret ptr {result}")

    def count(self, f: Lines, change: str) -> None:
        """Count this call among those that run; whoever does so holds the lock."""
        counter = self.address("stub.running", ctypes.addressof(self.running))
        now = f.load("i64", counter, 0)
        f.do(f"store i64 {f.emit(f'{change} i64 {now}, 1')}, ptr {counter}")

    # -- running the program and making its result ---------------------------------------------------------------------

    def run(self) -> str:
        """From operands to a new object, or null and an exception."""
        taken = [f"{t} %a{k}" for k, t in enumerate(self.operands)]
        f = Lines(f"internal ptr @stub.run({', '.join(taken)})")
        context = runtime.CONTEXT_BYTES if self.program.allocates else runtime.FIELD_BYTES
        f.do(f"%ctx = alloca [{context} x i8], align 64")
        f.do(f"%out = alloca [{self.size} x i8], align 16")
        if self.rank:
            f.do(f"%dims = alloca [{self.rank} x i64], align 8")
        self.make_given(f)
        f.do(f"store i64 0, ptr {f.at('%ctx', runtime.ERROR)}")
        head = f.at("%ctx", HEAD)
        for link in (PREVIOUS, NEXT):
            f.do(f"store ptr {head}, ptr {f.at(head, link)}")
        if self.program.allocates or self.program.fails:
            f.do(f"store i64 0, ptr {f.at('%ctx', runtime.BYTES)}")
        if self.program.allocates:
            f.do(f"store ptr {f.at('%ctx', runtime.FIELD_BYTES)}, ptr {f.at('%ctx', runtime.ROOM)}")
        if self.plan.recursive:
            f.do(f"store ptr {f.emit('call ptr @stub.stack_limit()')}, ptr {f.at('%ctx', runtime.STACK_LIMIT)}")
        changes = self.program.long or self.program.polls  # whether it holds the lock
        if changes or self.program.prints:
            state = f.emit("call ptr @PyEval_SaveThread()") if self.program.long else "null"
            f.do(f"store ptr {state}, ptr {f.at('%ctx', runtime.THREAD)}")
        if self.program.polls:
            f.do(f"store i64 {BUDGET}, ptr {f.at('%ctx', runtime.BUDGET)}")
            f.do(f"store i64 0, ptr {f.at('%ctx', runtime.NEXT_LOOK)}")
            f.do(f"store ptr null, ptr {f.at('%ctx', runtime.REGION)}")
        if self.program.parallel:
            f.do(f"store i64 {self.plan.threads}, ptr {f.at('%ctx', runtime.THREADS)}")
        if self.program.prints:
            f.do(f"store ptr {self.known(self.plan.printer)}, ptr {f.at('%ctx', runtime.PRINTER)}")
        status = f.emit(f"call i32 @{self.program.entry}({', '.join(['ptr %ctx', *taken, 'ptr %out'])})")
        if changes:
            self.take_lock(f)
        if self.program.fails:
            f.need_equal(status, "0", "failed", type="i32")
        if self.program.allocates and not managed(self.program.result):
            f.do("call void @stub.note_bytes(ptr %ctx)")
        self.result(f)
        if self.program.fails:
            f.start("failed")
            self.drop_given(f)
            f.do(f"ret ptr {f.emit(f'call ptr @stub.failed(ptr %ctx, ptr {self.known(self.plan.raiser)})')}")
        if self.given:
            f.start("unmade")
            self.drop_given(f)
            f.do("ret ptr null")
        return f.text()

    def make_given(self, f: Lines) -> None:
        """The arrays that the program writes its results to. Those that are in no container yet are in %given."""
        if not self.given:
            return
        f.do(f"%given = alloca [{len(self.given)} x ptr], align 8")
        for k in self.given.values():
            f.do(f"store ptr null, ptr {f.at('%given', 8 * k)}")
        types = {field: t for field, t in self.operand_types() if field in self.given}
        for field, k in self.given.items():
            t = types[field]
            made = self.empty_array(f, t)
            f.do(f"store ptr {made}, ptr {f.at('%given', 8 * k)}")
            f.need(f.emit(f"icmp ne ptr {made}, null"), "unmade")
            f.do(f"store ptr {f.load('ptr', made, native.ARRAY_DATA)}, ptr {f.at('%out', field.offset)}")

    def operand_types(self) -> Iterator[tuple[Field, Array]]:
        """The arrays in the result, by their first field."""
        place = 0
        for t in leaves(self.program.result):
            if isinstance(t, Array):
                yield self.fields[place], t
            place += len(flat(t))

    def empty_array(self, f: Lines, t: Array) -> str:
        """A new array of known shape, or null."""
        shape = tuple(d for d in t.shape if isinstance(d, int))
        dims = self.constants.setdefault(shape, f"@stub.shape.{len(self.constants)}") if shape else "null"
        dtype = f"@stub.dtype.{dtype_of(t)}"
        f.do(f"call void @Py_IncRef(ptr {dtype})")
        taken = f"ptr @stub.ndarray, ptr {dtype}, i32 {len(shape)}, ptr {dims}, ptr null, ptr null, i32 0, ptr null"
        return f.emit(f"call ptr @numpy.empty({taken})")

    def drop_given(self, f: Lines) -> None:
        for k in self.given.values():
            f.do(f"call void @Py_DecRef(ptr {f.load('ptr', '%given', 8 * k)})")

    def take_given(self, f: Lines, k: int) -> str:
        """An array that was made: it is no longer in %given."""
        place = f.at("%given", 8 * k)
        made = f.load("ptr", place, 0)
        f.do(f"store ptr null, ptr {place}")
        return made

    @staticmethod
    def take_lock(f: Lines) -> None:
        """Take the interpreter's lock if the program gave it up."""
        state = f.load("ptr", "%ctx", runtime.THREAD)
        take, held = f.new_label("take"), f.new_label("held")
        f.branch(f.emit(f"icmp eq ptr {state}, null"), held, take)
        f.start(take)
        f.do(f"call void @PyEval_RestoreThread(ptr {state})")
        f.do(f"br label %{held}")
        f.start(held)

    def result(self, f: Lines) -> None:
        """Return the object of the program's result."""
        t = self.program.result
        if isinstance(t, Static):
            f.do(f"ret ptr {self.shared(f, t)}")
        elif complex_class(t) is not None:
            f.do(f"ret ptr {self.new_complex(f, deque(self.fields))}")
        elif isinstance(t, Struct):
            self.build(f, t if buildable(t) else Tuple(leaves(t)))
            self.free_blocks(f)
            f.do(f"ret ptr {'%root' if buildable(t) else self.rebuilt(f)}")
            f.start("drop")
            self.free_blocks(f)
            self.drop_given(f)
            f.do("call void @Py_DecRef(ptr %root)")
            f.do("ret ptr null")
        elif isinstance(t, Array):
            made = self.new_array(f, t, deque(self.fields))
            self.free_blocks(f)
            f.do(f"ret ptr {made}")
        else:
            in_memory, box = BOX[scalar_leaf(t)]
            f.do(f"%x = load {in_memory}, ptr %out{box}")
            f.do("ret ptr %o")

    def free_blocks(self, f: Lines) -> None:
        """The blocks that the result was in are no longer needed: those are all that are left."""
        if managed(self.program.result) and self.program.fails:  # else it has none
            f.do("call void @stub.free_blocks(ptr %ctx)")

    def new_array(self, f: Lines, t: Array, fields: deque[Field]) -> str:
        """A new array with the items that are in %out, or null."""
        first = fields.popleft()
        if first in self.given:
            fields.popleft()
            return self.take_given(f, self.given[first])
        data, block = f.load("ptr", "%out", first.offset), f.load("ptr", "%out", fields.popleft().offset)
        for i, d in enumerate(t.shape):
            size = f.load("i64", "%out", fields.popleft().offset) if isinstance(d, Dim) else str(d)
            f.do(f"store i64 {size}, ptr {f.at('%dims', 8 * i)}")
        dtype = DTYPES[dtype_of(t)]
        dims = "%dims" if t.shape else "null"
        taken = f"ptr {data}, ptr {block}, i32 {dtype.num}, i32 {len(t.shape)}, ptr {dims}, i64 {dtype.itemsize}"
        return f.emit(f"call ptr @stub.array({taken})")

    @staticmethod
    def new_complex(f: Lines, fields: deque[Field]) -> str:
        """A new complex number of the next two values in %out, or null."""
        parts = []
        for _ in range(2):
            field = fields.popleft()
            part = f.load(field.type, "%out", field.offset)
            parts.append(part if field.type == "double" else f.emit(f"fpext {field.type} {part} to double"))
        return f.emit(f"call ptr @PyComplex_FromDoubles(double {parts[0]}, double {parts[1]})")

    def rebuilt(self, f: Lines) -> str:
        """What `rebuild` makes of %root."""
        if self.plan.rebuild is None:
            raise InternalError(f"a result of type {self.program.result} needs a plan with a rebuild")
        rebuild = self.known(self.plan.rebuild)
        made = f.emit(f"call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr {rebuild}, ptr %root, ptr null)")
        f.do("call void @Py_DecRef(ptr %root)")
        return made

    def shared(self, f: Lines, t: Static) -> str:
        """A new reference to an object known at compile time."""
        x = self.known(t.value)
        f.do(f"call void @Py_IncRef(ptr {x})")
        return x

    def build(self, f: Lines, t: Struct) -> None:
        """Make %root of the values in %out. A container is put in its place before it is filled: %root owns all."""
        f.do(f"%root = {self.new_container(t)}")
        f.need(f.emit("icmp ne ptr %root, null"), "drop")
        self.fill(f, t, "%root", deque(self.fields))

    @staticmethod
    def new_container(t: Struct) -> str:
        return f"call ptr @{'PyList_New' if struct_class(t) is list else 'PyTuple_New'}(i64 {len(t.items)})"

    def fill(self, f: Lines, t: Struct, container: str, fields: deque[Field]) -> None:
        """Put the items into a new tuple or list; `fields` says where in %out the values to come are."""
        places = items(f, t, container)
        i = 0
        while i < len(t.items):
            item, place, count = t.items[i], f.at(places, 8 * i), 1
            if isinstance(item, Static):
                f.do(f"store ptr {self.shared(f, item)}, ptr {place}")
            elif complex_class(item) is not None:
                made = self.new_complex(f, fields)
                f.do(f"store ptr {made}, ptr {place}")
                f.need(f.emit(f"icmp ne ptr {made}, null"), "drop")
            elif isinstance(item, Struct):
                inner = f.emit(self.new_container(item))
                f.do(f"store ptr {inner}, ptr {place}")
                f.need(f.emit(f"icmp ne ptr {inner}, null"), "drop")
                self.fill(f, item, inner, fields)
            elif isinstance(item, Array):
                made = self.new_array(f, item, fields)
                f.do(f"store ptr {made}, ptr {place}")
                f.need(f.emit(f"icmp ne ptr {made}, null"), "drop")
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
