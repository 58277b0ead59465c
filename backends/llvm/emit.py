"""Optimized IR to LLVM text: one LLVM function a function graph; branches and loops become blocks with phis.

The text is lean as it is (SSA, rotated loops, structs in registers), so that no LLVM pass is needed. A function that can
fail gives a flag with its result; where it fails it notes an error's number and values in the context of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irad.backends.llvm import arrays, cotangents, lists, runtime
from irad.backends.llvm.layout import HEADER, flat, item_layout, literal_text, managed, offsets, scalar_type
from irad.backends.llvm.ownership import Captures, Plan, Ref, plan
from irad.backends.llvm.scalar import ScalarOps
from irad.backends.llvm.work import is_long

from irad.errors import InternalError, Span
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, applies, nested_graphs, run
from irad.types import Array, List, Scalar, Stack, Struct, Sum, Type

__all__ = ["PRINT", "FunctionEmitter", "Program", "Site", "emit_module"]

ATTRIBUTES = """\
attributes #0 = { nounwind "frame-pointer"="none" }
attributes #1 = { nounwind willreturn memory(none) }
!0 = !{!"branch_weights", i32 1, i32 2000}"""
# How a value becomes a word of eight bytes that is shown in a message.
WIDE = {"i1": "zext i1 {} to i64", "i32": "sext i32 {} to i64", "float": "fpext float {} to double"}
FRAME_SLOTS = 32  # items of a stack of unknown size that live in the frame before memory is asked for


PRINT = "print"  # the "error" of a place that prints


@dataclass(frozen=True, slots=True)
class Site:
    """A place where compiled code can fail: the exception, its message, its line, and the kinds of its values."""

    error: str
    message: str
    span: Span | None
    kinds: str  # one letter a value: f, i or b, or runtime.FROM_END


@dataclass(slots=True)
class Program:
    """LLVM text and what is needed to call it: `entry(ctx, operands..., result pointer) -> i32`."""

    text: str
    entry: str
    params: list[Type]
    result: Type
    sites: list[Site]
    fails: bool
    recursive: bool
    long: bool  # it gives up the interpreter's lock
    prints: bool


def emit_module(module: Module, *, name: str = "fn", fast: bool = False) -> Program:
    """The LLVM text of a module without transforms."""
    return _ModuleEmitter(module, name, fast).emit()


class _ModuleEmitter:
    def __init__(self, module: Module, name: str, fast: bool) -> None:
        self.module, self.name, self.fast = module, name, fast
        self.sites: list[Site] = []
        self.site_numbers: dict[Site, int] = {}
        self.used: set[str] = set()
        self.libm_used: set[tuple[str, str, int]] = set()
        self.visits: dict[Type, str] = {}
        self.adders: dict[Type, str] = {}
        self.visit_text: list[str] = []
        self.functions = [g for top in module.graphs for g in nested_graphs(top) if g.role == "function"]
        self.names = {g: f"@{name}.{g.name}" for g in self.functions}
        self.recursive = self.find_recursive()
        self.failing = self.find_failing()
        self.captures = Captures()
        self.any_managed = any(managed(n.type) for g in self.functions for n in applies(g)) or any(
            managed(p.type) for g in self.functions for p in g.params
        )

    def find_recursive(self) -> set[Graph]:
        calls = {g: {h for n in applies(g) for h in n.graphs if n.fn.name == "call"} for g in self.functions}
        out = set()
        for g in self.functions:
            seen: set[Graph] = set()
            todo = list(calls[g])
            while todo:
                h = todo.pop()
                if h not in seen:
                    seen.add(h)
                    todo.extend(calls.get(h, ()))
            if g in seen:
                out.add(g)
        return out

    def find_failing(self) -> set[Graph]:
        out = {g for g in self.functions if g in self.recursive or any(_may_fail(n) for n in applies(g))}
        changed = True
        while changed:
            changed = False
            for g in self.functions:
                if g not in out and any(h in out for n in applies(g) for h in n.graphs):
                    out.add(g)
                    changed = True
        return out

    def site(self, error: str, message: str, span: Span | None, kinds: str) -> int:
        s = Site(error, message, span, kinds)
        number = self.site_numbers.get(s)
        if number is None:
            self.sites.append(s)
            number = self.site_numbers[s] = len(self.sites)
        return number

    def emit(self) -> Program:
        bodies = []
        for g in self.functions:
            f = FunctionEmitter(self, g)
            run(f.function())
            bodies.append("\n".join(f.text))
            self.used |= f.used
            self.libm_used |= f.libm_used
        entry = self.module.entry
        return Program(
            self.assembled(bodies),
            "irad.entry",
            [p.type for p in entry.params],
            entry.output.type,
            self.sites,
            entry in self.failing,
            bool(self.recursive),
            bool(self.recursive) or is_long(self.module),
            "irad.print" in self.used,
        )

    def assembled(self, bodies: list[str]) -> str:
        helpers, external = runtime.needed({u for u in self.used if not u.startswith("llvm.")})
        declared = set()
        for name in self.used:
            if name.startswith("llvm."):
                symbol, arity = name.split("/")
                t = "double" if symbol.endswith("f64") else "float"
                declared.add(f"declare {t} @{symbol}({', '.join([t] * int(arity))})")
        for name in external:
            if name == "irad.print":
                declared.add("declare i32 @irad.print(i64, ptr)")
            elif name in ("floor", "copysign"):
                declared.add(f"declare double @llvm.{name}.f64({'double' if name == 'floor' else 'double, double'})")
            else:
                self.libm_used.add((name, "double", 2))
        for name, t, count in self.libm_used:
            declared.add(f"declare {t} @{name}{'' if t == 'double' else 'f'}({', '.join([t] * count)}) #1")
        return "\n".join([runtime.PRELUDE, *sorted(declared), helpers, *self.visit_text, *bodies, ATTRIBUTES, ""])

    def visit(self, t: Type) -> str:
        """The function that visits the blocks in an item of a stack, or in the cases of a sum; null where there are none."""
        found = self.visits.get(t)
        if found is not None:
            return found
        if isinstance(t, Stack):
            if not managed(t.item):
                self.visits[t] = "null"
                return "null"
            self.visits[t] = name = f"@{self.name}.visit.{len(self.visits)}"
            self.visit_text.append(_stack_visit(name, t))
        elif isinstance(t, Sum):
            cases = self.module.sums[t.name]
            if not any(managed(x) for case in cases for x in case):
                self.visits[t] = "null"
                return "null"
            self.visits[t] = name = f"@{self.name}.visit.{len(self.visits)}"
            self.visit_text.append(_sum_visit(name, cases))
        else:
            self.visits[t] = "null"
        return self.visits[t]


def _may_fail(node: Apply) -> bool:
    if node.fn.order == "effect":
        return True
    if node.fn.order == "checked":
        float_arithmetic = node.fn.elementwise and isinstance(node.type, Scalar) and node.type.kind == "f"
        return node.fn.name != "pop" and not float_arithmetic
    return node.fn.name in ("push", "inject", "add_sum", "pop_zero", "project_zero", "list_plus") or isinstance(
        node.type, (Array, List)
    )


def _stack_visit(name: str, t: Stack) -> str:
    fields, size = item_layout(t.item)
    lines = [
        f"define internal void {name}(ptr %b, ptr %f, ptr %arg) {{",
        "entry:",
        "  %p = getelementptr i8, ptr %b, i64 16",
        "  %n = load i64, ptr %p",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %j, %next ]",
        "  %end = icmp uge i64 %i, %n",
        "  br i1 %end, label %done, label %next",
        "next:",
        f"  %o = mul i64 %i, {size}",
        f"  %oo = add i64 %o, {HEADER}",
        "  %item = getelementptr i8, ptr %b, i64 %oo",
    ]
    for k in managed(t.item):
        lines += [
            f"  %q{k} = getelementptr i8, ptr %item, i64 {fields[k].offset}",
            f"  %c{k} = load ptr, ptr %q{k}",
            f"  call void %f(ptr %c{k}, ptr %arg)",
        ]
    return "\n".join([*lines, "  %j = add i64 %i, 1", "  br label %loop", "done:", "  ret void", "}"])


def _sum_visit(name: str, cases: tuple[tuple[Type, ...], ...]) -> str:
    """The tag of a sum's value is the `used` of its block."""
    from irad.types import Tuple

    lines = [
        f"define internal void {name}(ptr %b, ptr %f, ptr %arg) {{",
        "  %p = getelementptr i8, ptr %b, i64 16",
        "  %tag = load i64, ptr %p",
        f"  switch i64 %tag, label %done [ {' '.join(f'i64 {k}, label %case{k}' for k in range(len(cases)))} ]",
    ]
    for k, case in enumerate(cases):
        item = Tuple(case)
        fields, _ = item_layout(item)
        lines.append(f"case{k}:")
        for m in managed(item):
            lines += [
                f"  %q{k}.{m} = getelementptr i8, ptr %b, i64 {HEADER + fields[m].offset}",
                f"  %c{k}.{m} = load ptr, ptr %q{k}.{m}",
                f"  call void %f(ptr %c{k}.{m}, ptr %arg)",
            ]
        lines.append("  br label %done")
    return "\n".join([*lines, "done:", "  ret void", "}"])


Operands = tuple[str, ...]


class FunctionEmitter(ScalarOps):
    """Emits one function; methods that go into nested graphs are tasks."""

    def __init__(self, m: _ModuleEmitter, graph: Graph) -> None:
        super().__init__()
        self.m, self.graph, self.fast = m, graph, m.fast
        self.text: list[str] = []
        self.values: dict[Node, Operands] = {}
        self.frame: list[str] = []  # allocas, in the entry block
        self.failures: list[tuple[str, list[str]]] = []
        self.label = "entry"
        self.labels = 0
        self.is_entry = graph is m.module.entry
        self.fails = graph in m.failing
        self.fresh: set[Node] = set()  # stacks that nothing else can share
        self.virtual: set[Node] = set()  # arrays whose elements are computed where they are read
        self.virtual_shape: dict[Node, list[str]] = {}
        self.trip_counts: dict[Node, str] = {}  # the index of a counted loop -> its number of trips

    # -- operands and blocks ---------------------------------------------------------------------------------------------

    def get(self, node: Node) -> Operands:
        if node.__class__ is Constant:
            return self.constant(node)
        return self.values[node]

    def one(self, node: Node) -> str:
        return self.get(node)[0]

    @staticmethod
    def constant(node: Constant) -> Operands:
        if node.value is UNDEF:
            return tuple(
                {"ptr": "null", "i1": "false"}.get(t, "undef") if t == "i1" or t == "ptr" else "0" if t == "i64" else "undef"
                for t in flat(node.type)
            )
        if isinstance(node.type, Scalar):
            return (literal_text(node.type, node.value),)
        return ()

    def new_label(self, name: str) -> str:
        self.labels += 1
        return f"{name}.{self.labels}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def jump(self, label: str) -> None:
        self.lines.append(f"  br label %{label}")

    def branch(self, test: str, then: str, orelse: str, *, unlikely: bool = False) -> None:
        self.lines.append(f"  br i1 {test}, label %{then}, label %{orelse}" + (", !prof !0" if unlikely else ""))

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + text)

    def address(self, base: str, offset: str | int) -> str:
        return base if offset == 0 else self.emit(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, t: str, base: str, offset: int) -> str:
        p = self.address(base, offset)
        if t == "i1":
            byte = self.emit(f"load i8, ptr {p}")
            return self.emit(f"trunc i8 {byte} to i1")
        return self.emit(f"load {t}, ptr {p}")

    def put(self, t: str, value: str, base: str, offset: int) -> None:
        p = self.address(base, offset)
        if t == "i1":
            value, t = self.emit(f"zext i1 {value} to i8"), "i8"
        self.do(f"store {t} {value}, ptr {p}")

    # -- failure ---------------------------------------------------------------------------------------------------------

    def fail_if(self, bad: str, error: str, message: str, values: Any = (), kinds: str = "") -> None:
        """Leave the function where `bad` holds: the cold block notes the error and its values."""
        cold, go_on = self.new_label("fail"), self.new_label("ok")
        self.branch(bad, cold, go_on, unlikely=True)
        self.cold(cold, error, message, values, kinds)
        self.start(go_on)

    def cold(self, label: str, error: str, message: str, values: Any = (), kinds: str = "") -> None:
        kinds = kinds or "".join(v.type.kind for v, _ in values)
        number = self.m.site(error, message, self.node.span, kinds)
        lines = [f"{label}:", f"  store i64 {number}, ptr %ctx"]
        for i, (node, operand) in enumerate(values[: runtime.MAX_VALUES]):
            t = scalar_type(node.type)
            lines.append(f"  %{label}.p{i} = getelementptr i8, ptr %ctx, i64 {runtime.VALUES + 8 * i}")
            if t in WIDE:
                lines.append(f"  %{label}.x{i} = {WIDE[t].format(operand)}")
                operand, t = f"%{label}.x{i}", WIDE[t].split()[-1]
            lines.append(f"  store {t} {operand}, ptr %{label}.p{i}")
        self.failures.append((label, [*lines, "  br label %failed"]))

    # -- the function ------------------------------------------------------------------------------------------------------

    @property
    def return_types(self) -> list[str]:
        return (["i1"] if self.fails else []) + list(flat(self.graph.result))

    def return_type(self) -> str:
        types = self.return_types
        return "void" if not types else f"{{ {', '.join(types)} }}"

    def function(self) -> Task:
        graph = self.graph
        params = ["ptr %ctx"]
        for p in graph.params:
            names = [f"%p{len(params) + k}" for k in range(len(flat(p.type)))]
            params += [f"{t} {n}" for t, n in zip(flat(p.type), names, strict=True)]
            self.values[p] = tuple(names)
        if self.is_entry:
            params.append("ptr %out")
            head = f"define i32 @irad.entry({', '.join(params)}) #0 {{"
        else:
            head = f"define internal fastcc {self.return_type()} {self.m.names[graph]}({', '.join(params)}) #0 {{"
        if graph in self.m.recursive:
            self.node = Apply(graph, graph.result, None, (), span=graph.span)  # type: ignore[arg-type]
            self.check_stack()
        self.plans: list[Plan] = []
        yield self.body(graph, self.plan(graph, ()))
        self.finish(self.get(graph.output))
        self.text = [head, "entry:", *[f"  {line}" for line in self.frame], *self.lines]
        if self.fails or self.failures:
            for _, lines in self.failures:
                self.text += lines
            self.text += [
                "failed:",
                "  ret i32 1" if self.is_entry else f"  ret {self.return_type()} {self.failed_value()}",
            ]
        self.text.append("}")

    def failed_value(self) -> str:
        values = ["i1 true"] + [f"{t} {'null' if t == 'ptr' else 'undef'}" for t in self.return_types[1:]]
        return f"{{ {', '.join(values)} }}"

    def finish(self, out: Operands) -> None:
        if self.is_entry:
            fields, _ = item_layout(self.graph.result)
            for f, v in zip(fields, out, strict=True):
                self.put(f.type, v, "%out", f.offset)
            self.do("ret i32 0")
            return
        types = self.return_types
        values = (["false"] if self.fails else []) + list(out)
        if not types:
            self.do("ret void")
            return
        current = "undef"
        for i, (t, v) in enumerate(zip(types, values, strict=True)):
            current = self.emit(f"insertvalue {self.return_type()} {current}, {t} {v}, {i}")
        self.do(f"ret {self.return_type()} {current}")

    def check_stack(self) -> None:
        """RecursionError before the thread's stack ends."""
        self.frame.append("%here = alloca i8")
        limit = self.load("ptr", "%ctx", runtime.STACK_LIMIT)
        low = self.emit(f"icmp ult ptr %here, {limit}")
        self.fail_if(low, "RecursionError", "maximum recursion depth exceeded: the thread's stack is full")

    # -- graphs ------------------------------------------------------------------------------------------------------------

    def plan(self, graph: Graph, owned: Any) -> Plan | None:
        if not self.m.any_managed:
            return None
        self.virtual |= self.m.captures.virtual(graph)
        return plan(graph, owned, self.m.captures)

    def body(self, graph: Graph, p: Plan | None) -> Task:
        """The operations of a graph; its output's blocks are then owned by whoever takes it."""
        if p is not None:
            for r in p.first:
                self.release(r)
        for i, node in enumerate(graph.body):
            self.node = node
            if p is not None:
                for r in p.retain.get(i, ()):
                    self.retain(r)
            if node.graphs:
                yield CONTROL[node.fn.name](self, node, p)
            else:
                self.operation(node)
            if p is not None:
                for r in p.release.get(i, ()):
                    self.release(r)
        if p is not None:
            for r in p.end:
                self.retain(r)

    def operand_of(self, r: Ref) -> str:
        return self.get(r[0])[r[1]]

    def retain(self, r: Ref) -> None:
        self.used.add("irad.retain")
        self.do(f"call void @irad.retain(ptr {self.operand_of(r)})")

    def release(self, r: Ref) -> None:
        self.used.add("irad.release")
        self.do(f"call void @irad.release(ptr {self.operand_of(r)})")

    def operation(self, node: Apply) -> None:
        if node in self.virtual:
            self.values[node] = arrays.make_virtual(self, node)
            return
        special = OPERATIONS.get(node.fn.name)
        if special is not None:
            self.values[node] = special(self, node)
            return
        if node.fn.elementwise and isinstance(node.type, Array):
            self.values[node] = arrays.materialize(self, node)
            return
        if not callable(node.fn.llvm):
            raise InternalError(f"the LLVM backend has no lowering of `{node.fn.name}`")
        self.operand = self.scalar(node.args[0].type)
        self.values[node] = (node.fn.llvm(self, *[self.one(a) for a in node.args], **node.facts()),)

    # -- control -----------------------------------------------------------------------------------------------------------

    def cond(self, node: Apply, p: Plan | None) -> Task:
        test = self.one(node.args[0])
        labels = [self.new_label("then"), self.new_label("else")]
        join = self.new_label("join")
        self.branch(test, *labels)
        ends: list[tuple[Operands, str]] = []
        for label, graph in zip(labels, node.graphs, strict=True):
            self.start(label)
            yield self.body(graph, self.plan(graph, p.adopted.get(graph, ()) if p is not None else ()))
            ends.append((self.get(graph.output), self.label))
            self.jump(join)
        self.start(join)
        self.values[node] = self.phis(node.type, ends)

    def phis(self, t: Type, ends: list[tuple[Operands, str]]) -> Operands:
        out = []
        for i, ll in enumerate(flat(t)):
            values = [operands[i] for operands, _ in ends]
            if all(v == values[0] for v in values):
                out.append(values[0])
            else:
                out.append(
                    self.emit(
                        f"phi {ll} " + ", ".join(f"[ {v}, %{label} ]" for v, (_, label) in zip(values, ends, strict=True))
                    )
                )
        return tuple(out)

    def loop_head(self, state: list[Node], init: list[Operands], before: str) -> list[tuple[int, str, str, str]]:
        """Phis of a loop's state; the lines are completed when the other end is known."""
        pending = []
        for p, values in zip(state, init, strict=True):
            names = []
            for ll, v in zip(flat(p.type), values, strict=True):
                self.counter += 1
                name = f"%v{self.counter}"
                pending.append((len(self.lines), name, ll, f"[ {v}, %{before} ]"))
                self.lines.append("")
                names.append(name)
            self.values[p] = tuple(names)
        return pending

    def loop_back(self, pending: list[tuple[int, str, str, str]], values: list[str], latch: str) -> None:
        for (line, name, ll, first), v in zip(pending, values, strict=True):
            self.lines[line] = f"  {name} = phi {ll} {first}, [ {v}, %{latch} ]"

    def for_loop(self, node: Apply, p: Plan | None) -> Task:
        (body,) = node.graphs
        trips = self.one(node.args[0])
        init = [self.get(a) for a in node.args[1:]]
        counted = self.prepare_stacks(node, body, init, trips)
        before, head, done = self.label, self.new_label("loop"), self.new_label("done")
        known = isinstance(node.args[0], Constant) and node.args[0].value > 0
        if known:
            self.jump(head)
        else:
            some = self.emit(f"icmp sgt i64 {trips}, 0")
            self.branch(some, head, done)
        self.start(head)
        self.counter += 1
        index = f"%v{self.counter}"
        index_line = len(self.lines)
        self.lines.append("")
        self.values[body.params[0]] = (index,)
        self.trip_counts[body.params[0]] = trips
        pending = self.loop_head(list(body.params[1:]), init, before)
        yield self.body(body, self.plan(body, ()))
        out = self.state_operands(body.output, len(init))
        self.node = node
        nxt = self.emit(f"add nuw nsw i64 {index}, 1")
        latch = self.label
        again = self.emit(f"icmp slt i64 {nxt}, {trips}")
        self.branch(again, head, done)
        self.lines[index_line] = f"  {index} = phi i64 [ 0, %{before} ], [ {nxt}, %{latch} ]"
        flat_out = [v for values in out for v in values]
        self.loop_back(pending, flat_out, latch)
        self.start(done)
        results: list[str] = []
        for (_, _, ll, first), v in zip(pending, flat_out, strict=True):
            results.append(v if known else self.emit(f"phi {ll} {first}, [ {v}, %{latch} ]"))
        self.close_stacks(node, counted, results)
        self.values[node] = tuple(results)

    def state_operands(self, out: Node, count: int) -> list[Operands]:
        values = self.get(out)
        if count == 1:
            return [values]
        assert isinstance(out.type, Struct)
        places = offsets(out.type)
        return [values[places[i] : places[i + 1]] for i in range(count)]

    def while_loop(self, node: Apply, p: Plan | None) -> Task:
        (body,) = node.graphs
        init = [self.get(a) for a in node.args]
        counted = self.prepare_stacks(node, body, init, None)
        before, head, done = self.label, self.new_label("loop"), self.new_label("done")
        self.jump(head)
        self.start(head)
        pending = self.loop_head(list(body.params), init, before)
        yield self.body(body, self.plan(body, ()))
        values = self.get(body.output)
        again, flat_out = values[0], list(values[1:])
        latch = self.label
        self.branch(again, head, done)
        self.loop_back(pending, flat_out, latch)
        self.start(done)
        self.close_stacks(node, counted, flat_out)
        self.values[node] = tuple(flat_out)

    def call(self, node: Apply, p: Plan | None) -> Task:
        yield from ()
        (g,) = node.graphs
        fails = g in self.m.failing
        types = (["i1"] if fails else []) + list(flat(g.result))
        returned = "void" if not types else f"{{ {', '.join(types)} }}"
        args = ["ptr %ctx"]
        for a in node.args:
            args += [f"{t} {v}" for t, v in zip(flat(a.type), self.get(a), strict=True)]
        text = f"call fastcc {returned} {self.m.names[g]}({', '.join(args)})"
        if not types:
            self.do(text)
            self.values[node] = ()
            return
        result = self.emit(text)
        first = 0
        if fails:
            failed = self.emit(f"extractvalue {returned} {result}, 0")
            go_on = self.new_label("ok")
            self.branch(failed, "failed", go_on, unlikely=True)
            self.start(go_on)
            first = 1
        self.values[node] = tuple(
            self.emit(f"extractvalue {returned} {result}, {first + i}") for i in range(len(types) - first)
        )

    # -- effects -----------------------------------------------------------------------------------------------------------

    def assert_(self, node: Apply) -> Operands:
        bad = self.emit(f"xor i1 {self.one(node.args[0])}, true")
        error, message = node.static
        self.fail_if(bad, error, message, [(a, self.one(a)) for a in node.args[1:]])
        return ()

    def print_(self, node: Apply) -> Operands:
        """Python's print is called; where it raises, so does the program."""
        self.used.add("irad.print")
        words = f"%{self.new_label('shown')}"
        self.frame.append(f"{words} = alloca [{max(len(node.args), 1)} x i64], align 8")
        for i, a in enumerate(node.args):
            t, x = scalar_type(a.type), self.one(a)
            if t in WIDE:
                x, t = self.emit(WIDE[t].format(x)), WIDE[t].split()[-1]
            self.put(t, x, words, 8 * i)
        site = self.m.site(PRINT, node.static[0], node.span, "".join(a.type.kind for a in node.args))  # type: ignore[attr-defined]
        status = self.emit(f"call i32 @irad.print(i64 {site}, ptr {words})")
        self.fail_if(self.emit(f"icmp ne i32 {status}, 0"), PRINT, "")
        return ()

    def raise_(self, node: Apply) -> Operands:
        error, message = node.static
        cold, never = self.new_label("fail"), self.new_label("never")
        self.jump(cold)
        self.cold(cold, error, message, [(a, self.one(a)) for a in node.args])
        self.start(never)
        return ()

    # -- arrays: what their lowering needs -------------------------------------------------------------------------------

    def plus(self, t: Scalar, x: str, y: str) -> str:
        before, self.operand = self.operand, t
        out = self.arith("fadd", "add", x, y)
        self.operand = before
        return out

    def below(self, i: Node, d: str) -> bool:
        """Whether an index is known to be in 0 ... d-1: a constant, or the trip number of a loop over d."""
        if isinstance(i, Constant):
            return d.isdigit() and 0 <= i.value < int(d)
        return self.trip_counts.get(i) == d

    def same_dim(self, m: str, n: str) -> str:
        if m != n:
            self.fail_if(self.emit(f"icmp ne i64 {m}, {n}"), "ValueError", "operands could not be broadcast together")
        return m

    # -- structure ---------------------------------------------------------------------------------------------------------

    def make_tuple(self, node: Apply) -> Operands:
        return tuple(v for a in node.args for v in self.get(a))

    def getitem(self, node: Apply) -> Operands:
        (x,) = node.args
        assert isinstance(x.type, Struct)
        places = offsets(x.type)
        i = node.static[0]
        return self.get(x)[places[i] : places[i + 1]]

    # -- stacks ------------------------------------------------------------------------------------------------------------

    def empty_stack(self, node: Apply) -> Operands:
        return ("null", "0")

    def prepare_stacks(self, node: Apply, body: Graph, init: list[Operands], trips: str | None) -> list[tuple[int, str]]:
        """Stacks that this loop fills from empty: memory for all trips where their number is known, else the first
        items in the frame. Each is (position in the state's operands, length when full)."""
        first = 1 if trips is not None else 0
        filled: list[tuple[int, str]] = []
        place = 0
        for k, a in enumerate(node.args[first:]):
            t = a.type
            param = body.params[first + k]
            if (
                isinstance(t, Stack)
                and isinstance(a, Apply)
                and a.fn.name == "empty_stack"
                and self.pushed_once(body, param, k, first)
            ):
                _, size = item_layout(t.item)
                if trips is not None:
                    self.fresh.add(param)
                    positive = self.emit(f"icmp sgt i64 {trips}, 0")
                    count = self.emit(f"select i1 {positive}, i64 {trips}, i64 0")
                    init[k] = (self.allocate(self.emit(f"mul i64 {count}, {size}"), self.m.visit(t)), "0")
                    filled.append((place, count))
                elif size and size * FRAME_SLOTS <= 4096 and not managed(t.item) and self.stays_here(node, place):
                    init[k] = (self.frame_block(size * FRAME_SLOTS), "0")
            place += len(flat(t))
        return filled

    def pushed_once(self, body: Graph, param: Node, k: int, first: int) -> bool:
        """Whether each trip pushes one item on the stack and returns it."""
        out = body.output
        if first == 0:
            out = out.args[1] if isinstance(out, Apply) and out.fn.name == "make_tuple" else out
            count = len(body.params)
        else:
            count = len(body.params) - 1
        if count > 1:
            if not (isinstance(out, Apply) and out.fn.name == "make_tuple"):
                return False
            out = out.args[k]
        if not (isinstance(out, Apply) and out.fn.name == "push" and out.args[0] is param and out.graph is body):
            return False
        return sum(a is param for n in applies(body) for a in n.args) == 1

    def stays_here(self, node: Apply, place: int) -> bool:
        """Whether a stack that a loop returns is only read by operations of the same graph."""
        users: list[Apply] = []
        parts: list[Node] = (
            [node]
            if not isinstance(node.type, Struct)
            else [
                n
                for n in node.graph.body
                if n.fn.name == "getitem" and n.args[0] is node and offsets(node.type)[n.static[0]] == place
            ]
        )
        for g in nested_graphs(node.graph):
            users += [n for n in g.body if any(a in parts for a in n.args) and n not in parts]
            if any(g.output is x for x in parts):
                return False
        return all(n.graph is node.graph and n.fn.name in ("for_loop", "while_loop", "stack_size", "pop") for n in users)

    def frame_block(self, size: int) -> str:
        """A block in the frame: its count is 1 and it has no links."""
        name = f"%frame{len(self.frame)}"
        self.frame.append(f"{name} = alloca [{HEADER + size} x i8], align 16")
        self.put("i64", "1", name, 0)
        self.put("ptr", "null", name, 8)
        self.put("i64", "0", name, 16)
        self.put("i64", str(size), name, 24)
        self.put("ptr", "null", name, 32)
        return name

    def allocate(self, size: str, visit: str, *, zeroed: bool = False) -> str:
        """A new block; MemoryError where there is no room."""
        name = "irad.alloc_zeroed" if zeroed else "irad.alloc"
        self.used.add(name)
        block = self.emit(f"call ptr @{name}(ptr %ctx, i64 {size}, ptr {visit})")
        self.fail_if(self.emit(f"icmp eq ptr {block}, null"), "MemoryError", "")
        return block

    def close_stacks(self, node: Apply, filled: list[tuple[int, str]], results: list[str]) -> None:
        """The blocks of full stacks learn how many items they hold."""
        for place, count in filled:
            self.put("i64", count, results[place], 16)

    def push(self, node: Apply) -> Operands:
        stack, item = node.args
        assert isinstance(stack.type, Stack)
        fields, size = item_layout(stack.type.item)
        block, length = self.get(stack)
        longer = self.emit(f"add nuw nsw i64 {length}, 1")
        if stack not in self.fresh:
            block = self.room(stack.type, block, length, size)
            self.put("i64", longer, block, 16)
        place = self.item_address(block, length, size)
        for f, v in zip(fields, self.get(item), strict=True):
            self.put(f.type, v, place, f.offset)
        return (block, longer)

    def item_address(self, block: str, index: str, size: int) -> str:
        offset = self.emit(f"mul nuw nsw i64 {index}, {size}") if size != 1 else index
        return self.address(self.address(block, HEADER), offset)

    def room(self, t: Stack | List, block: str, length: str, size: int) -> str:
        """The block, with room for one more item that nobody else can see."""
        check, grow, go_on = self.new_label("check"), self.new_label("grow"), self.new_label("room")
        self.branch(self.emit(f"icmp eq ptr {block}, null"), grow, check)
        self.start(check)
        capacity = self.load("i64", block, 24)
        longer = self.emit(f"add i64 {length}, 1")
        needed = self.emit(f"mul i64 {longer}, {size}")
        fits = self.emit(f"icmp ule i64 {needed}, {capacity}")
        used = self.load("i64", block, 16)
        free = self.emit(f"icmp eq i64 {used}, {length}")
        if not managed(t.item):
            count = self.load("i64", block, 0)
            alone = self.emit(f"icmp eq i64 {count}, 1")
            free = self.emit(f"or i1 {free}, {alone}")
        good = self.emit(f"and i1 {fits}, {free}")
        self.branch(good, go_on, grow)
        self.start(grow)
        self.used.add("irad.grow")
        bigger = self.emit(f"call ptr @irad.grow(ptr %ctx, ptr {block}, i64 {length}, i64 {size or 1}, ptr {self.m.visit(t)})")
        failed, grown = self.new_label("fail"), self.new_label("grown")
        null = self.emit(f"icmp eq ptr {bigger}, null")
        self.branch(null, failed, grown, unlikely=True)
        self.cold(failed, "MemoryError", "")
        self.start(grown)
        self.jump(go_on)
        self.start(go_on)
        return self.emit(f"phi ptr [ {block}, %{check} ], [ {bigger}, %{grown} ]")

    def pop(self, node: Apply) -> Operands:
        (stack,) = node.args
        assert isinstance(stack.type, Stack)
        fields, size = item_layout(stack.type.item)
        block, length = self.get(stack)
        shorter = self.emit(f"sub nuw nsw i64 {length}, 1")
        place = self.item_address(block, shorter, size)
        item = tuple(self.load(f.type, place, f.offset) for f in fields)
        inner = managed(stack.type.item)
        if inner:
            # The item moves out of a block that is ours alone; else it is shared with the block.
            ours, shared, go_on = self.new_label("ours"), self.new_label("shared"), self.new_label("popped")
            count = self.load("i64", block, 0)
            used = self.load("i64", block, 16)
            alone = self.emit(f"and i1 {self.emit(f'icmp eq i64 {count}, 1')}, {self.emit(f'icmp eq i64 {used}, {length}')}")
            self.branch(alone, ours, shared)
            self.start(ours)
            self.put("i64", shorter, block, 16)
            self.jump(go_on)
            self.start(shared)
            self.used.add("irad.retain")
            for k in inner:
                self.do(f"call void @irad.retain(ptr {item[k]})")
            self.jump(go_on)
            self.start(go_on)
        return (*item, block, shorter)

    def stack_size(self, node: Apply) -> Operands:
        return (self.get(node.args[0])[1],)

    # -- sums --------------------------------------------------------------------------------------------------------------

    def inject(self, node: Apply) -> Operands:
        from irad.types import Tuple

        of, case = node.static
        item = Tuple(self.m.module.sums[of.name][case])
        fields, size = item_layout(item)
        block = self.allocate(str(size), self.m.visit(of))
        self.put("i64", str(case), block, 16)
        values = [v for a in node.args for v in self.get(a)]
        for f, v in zip(fields, values, strict=True):
            self.put(f.type, v, block, HEADER + f.offset)
        return (block,)

    def tag(self, node: Apply) -> Operands:
        (block,) = self.get(node.args[0])
        test, go_on = self.new_label("some"), self.new_label("tag")
        null = self.emit(f"icmp eq ptr {block}, null")
        before = self.label
        self.branch(null, go_on, test)
        self.start(test)
        tag = self.load("i64", block, 16)
        self.jump(go_on)
        self.start(go_on)
        return (self.emit(f"phi i64 [ -1, %{before} ], [ {tag}, %{test} ]"),)

    def project(self, node: Apply) -> Operands:
        (x,) = node.args
        return self.fields_of(node, self.one(x), node.type)

    def fields_of(self, node: Apply, block: str, t: Type) -> Operands:
        """The fields of a block that is given up: they move out where it is ours alone, else they are shared."""
        fields, _ = item_layout(t)
        values = tuple(self.load(f.type, block, HEADER + f.offset) for f in fields)
        ours, shared, go_on = self.new_label("ours"), self.new_label("shared"), self.new_label("fields")
        count = self.load("i64", block, 0)
        self.branch(self.emit(f"icmp eq i64 {count}, 1"), ours, shared)
        self.start(ours)
        self.used |= {"irad.unlink", "irad.retain"}
        self.do(f"call void @irad.unlink(ptr {block})")
        self.do(f"call void @free(ptr {block})")
        self.jump(go_on)
        self.start(shared)
        self.put("i64", self.emit(f"sub i64 {count}, 1"), block, 0)
        for k in managed(t):
            self.do(f"call void @irad.retain(ptr {values[k]})")
        self.jump(go_on)
        self.start(go_on)
        return values


CONTROL = {
    "cond": FunctionEmitter.cond,
    "for_loop": FunctionEmitter.for_loop,
    "while_loop": FunctionEmitter.while_loop,
    "call": FunctionEmitter.call,
}
OPERATIONS = {
    "assert": FunctionEmitter.assert_,
    "raise": FunctionEmitter.raise_,
    "print": FunctionEmitter.print_,
    "make_tuple": FunctionEmitter.make_tuple,
    "make_record": FunctionEmitter.make_tuple,
    "getitem": FunctionEmitter.getitem,
    "empty_stack": FunctionEmitter.empty_stack,
    "push": FunctionEmitter.push,
    "pop": FunctionEmitter.pop,
    "stack_size": FunctionEmitter.stack_size,
    "inject": FunctionEmitter.inject,
    "tag": FunctionEmitter.tag,
    "project": FunctionEmitter.project,
    **cotangents.OPERATIONS,
    **arrays.KERNELS,
    **lists.OPERATIONS,
}
