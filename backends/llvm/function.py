"""One function graph to LLVM text: operands, blocks, failure and branches; what else it has is in files of its own."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import (
    arrays,
    cotangents,
    effects,
    fourier,
    kernels,
    linalg,
    lists,
    loops,
    polls,
    products,
    runtime,
    stacks,
)
from irad.backends.llvm.destinations import Within, given_results, put_together
from irad.backends.llvm.layout import WIDE, flat, item_layout, literal_text, managed, offsets, scalar_type
from irad.backends.llvm.ownership import Plan, Ref, plan, refs
from irad.backends.llvm.parts import type_of_result
from irad.backends.llvm.scalar import ScalarOps

from irad.errors import InternalError, Span
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task
from irad.types import Array, Scalar, Struct, Type

__all__ = ["FunctionEmitter", "Part"]

Operands = tuple[str, ...]
Part = str | Node | Ref  # of a note: text, or a value that is named


class FunctionEmitter(ScalarOps):
    """Emits one function; methods that go into nested graphs are tasks."""

    def __init__(self, m: Any, graph: Graph) -> None:
        super().__init__()
        self.m, self.graph, self.fast = m, graph, m.fast
        self.text: list[str] = []
        self.values: dict[Node, Operands] = {}
        self.notes: list[tuple[Apply | Graph, tuple[Part, ...]]] = []  # what is decided here, for those who look
        self.retained: list[Ref] = []  # by the operation at hand
        self.alone: set[Node] = set()  # arrays that are given up where nobody else has them
        self.given: dict[Ref, int] = {}  # operands of the result that may lie where the caller wants them, by what makes them
        self.taken: dict[int, str] = {}  # and those that do: the pointers that were in %out
        self.local: set[Ref] = set()  # what may lie in the frame
        self.within = Within()  # arrays that are made of blocks
        self.frame: list[str] = []  # allocas, in the entry block
        self.frame_bytes = 0  # of arrays there
        self.outlined: list[tuple[list[str], list[Span | None]]] = []  # functions for parts of ranges of trips, with places
        self.in_part = False
        self.failures: list[tuple[Span | None, list[str]]] = []  # cold blocks, with their places
        self.places: list[tuple[int, int, Span | None]] = []  # lines first ... last - 1 come from there; inner ones first
        self.label = "entry"
        self.labels = 0
        self.is_entry = graph is m.module.entry
        self.fails = graph in m.failing
        self.fresh: set[Node] = set()  # stacks that nothing else can share
        self.virtual: set[Node] = set()  # arrays whose elements are computed where they are read
        self.virtual_shape: dict[Node, list[str]] = {}
        self.trip_counts: dict[Node, str] = {}  # the index of a counted loop -> its number of trips
        self.owed: dict[Graph, list[str]] = {}  # the body of a loop that counts -> what its own loops did in a trip
        self.charged: set[Graph] = set()  # that counted before they called a function that may call this one

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

    def declare(self, text: str) -> None:
        """A function from outside."""
        self.m.declarations.add(text)

    def in_frame(self, name: str, what: str, align: int = 8) -> str:
        """Memory of the function's own frame."""
        cell = f"%{self.new_label(name)}"
        self.frame.append(f"{cell} = alloca {what}, align {align}")
        return cell

    def type_of(self, name: str) -> str:
        """The type of a value that was made."""
        if name in self.made:
            return type_of_result(self.made[name])
        if any(line.startswith(f"{name} = alloca") for line in self.frame):
            return "ptr"
        raise InternalError(f"{name} was not made here")

    def note(self, *parts: Part) -> None:
        """Something that the optimized program does not say about the operation at hand."""
        self.notes.append((self.node, parts))

    def note_update(self, x: Node) -> None:
        """Whether an operation that gives up x writes to its memory or to a copy."""
        if isinstance(x, Parameter) and x.graph is self.m.module.entry:
            self.note("copies ", x, ", the caller's")
        elif any(r in self.retained for r in refs(x)):
            self.note("copies ", x, ", which is read again")
        else:
            self.note("in place") if x in self.alone else self.note("in place, where ", x, " has no other owner")

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
        self.failures.append((self.node.span, [*lines, "  br label %failed"]))

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
            self.made |= {n: f"parameter {t}" for t, n in zip(flat(p.type), names, strict=True)}
            if self.is_entry:  # arrays are the caller's
                names = ["null" if k in managed(p.type) else n for k, n in enumerate(names)]
            self.values[p] = tuple(names)
        if self.is_entry:
            params.append("ptr %out")
            head = f"define i32 @irad.entry({', '.join(params)}) #0 {{"
        else:
            head = f"define internal fastcc {self.return_type()} {self.m.names[graph]}({', '.join(params)}) #0 {{"
        if graph in self.m.recursive:
            self.node = Apply(graph, graph.result, None, (), span=graph.span)  # type: ignore[arg-type]
            self.check_stack()
        found = self.plan(graph, ())
        if self.is_entry and found is not None:
            self.given = given_results(graph, found)
        yield self.body(graph, found)
        self.finish(self.get(graph.output))
        self.text = [head, "entry:", *[f"  {line}" for line in self.frame], *self.lines]
        if self.can_fail():
            for _, lines in self.failures:
                self.text += lines
            self.text += [
                "failed:",
                "  ret i32 1" if self.is_entry else f"  ret {self.return_type()} {self.failed_value()}",
            ]
        self.text.append("}")
        for lines, _ in self.outlined:
            self.text += lines

    def can_fail(self) -> bool:
        """Whether something in the finished lines does."""
        return bool(self.failures) or any("%failed" in line for line in self.lines)

    def spans(self) -> list[Span | None]:
        """Where each line of the finished text comes from."""
        own = self.spans_of_lines()
        cold = [span for span, lines in self.failures for _ in lines]
        head: list[Span | None] = [self.graph.span, *[None] * (1 + len(self.frame))]
        parts = [span for _, spans in self.outlined for span in spans]
        return [*head, *own, *cold, *[None] * (len(self.text) - len(head) - len(own) - len(cold) - len(parts)), *parts]

    def spans_of_lines(self) -> list[Span | None]:
        """Where each of the lines at hand comes from."""
        own: list[Span | None] = [None] * len(self.lines)
        for first, last, span in reversed(self.places):  # inner ones over outer ones
            own[first:last] = [span] * (last - first)
        return own

    def failed_value(self) -> str:
        values = ["i1 true"] + [f"{t} {'null' if t == 'ptr' else 'undef'}" for t in self.return_types[1:]]
        return f"{{ {', '.join(values)} }}"

    def finish(self, out: Operands) -> None:
        if self.is_entry:
            fields, _ = item_layout(self.graph.result)
            if any(out[place] != data for place, data in self.taken.items()):
                raise InternalError("an array is not where its memory was given")
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
        self.notes.append((self.graph, ("checks that the thread's stack has room",)))
        self.frame.append("%here = alloca i8")
        limit = self.load("ptr", "%ctx", runtime.STACK_LIMIT)
        low = self.emit(f"icmp ult ptr %here, {limit}")
        self.fail_if(low, "RecursionError", "maximum recursion depth exceeded: the thread's stack is full")

    def allocate(self, size: str, visit: str, *, zeroed: bool = False) -> str:
        """A new block; MemoryError where there is no room."""
        name = "irad.alloc_zeroed" if zeroed else "irad.alloc"
        self.used.add(name)
        block = self.emit(f"call ptr @{name}(ptr %ctx, i64 {size}, ptr {visit})")
        self.fail_if(self.emit(f"icmp eq ptr {block}, null"), "MemoryError", "")
        return block

    # -- graphs ------------------------------------------------------------------------------------------------------------

    def plan(self, graph: Graph, owned: Any) -> Plan | None:
        if not self.m.any_managed:
            return None
        self.virtual |= self.m.captures.virtual(graph)
        found = plan(graph, owned, self.m.captures)
        self.alone |= found.alone
        self.local |= found.local
        put_together(graph, found, self.within)
        return found

    def body(self, graph: Graph, p: Plan | None) -> Task:
        """The operations of a graph; its output's blocks are then owned by whoever takes it."""
        if p is not None:
            for r in p.first:
                if self.release(r):
                    self.notes.append((graph, ("releases ", r)))
        for i, node in enumerate(graph.body):
            self.node, first = node, len(self.lines)
            if p is not None:
                self.retained = p.retain.get(i, [])
                for r in self.retained:
                    self.note("retains ", r)
                    self.retain(r)
            if node.graphs:
                yield CONTROL[node.fn.name](self, node, p)
            else:
                self.operation(node)
            if p is not None:
                self.node = node
                for r in p.release.get(i, ()):
                    if self.release(r):
                        self.note("releases ", r)
            self.places.append((first, len(self.lines), node.span))
        if p is not None:
            for r in p.end:
                self.notes.append((graph, ("retains ", r, " as its result")))
                self.retain(r)

    def operand_of(self, r: Ref) -> str:
        return self.get(r[0])[r[1]]

    def retain(self, r: Ref) -> None:
        block = self.operand_of(r)
        if block != "null":
            self.used.add("irad.retain")
            self.do(f"call void @irad.retain(ptr {block})")

    def release(self, r: Ref) -> bool:
        """Whether there is a block to release."""
        block = self.operand_of(r)
        if block == "null":
            return False
        self.used.add("irad.release")
        self.do(f"call void @irad.release(ptr %ctx, ptr {block})")
        return True

    def operation(self, node: Apply) -> None:
        if node in self.virtual:
            self.note("computed where it is read")
            self.values[node] = arrays.make_virtual(self, node)
            return
        special = OPERATIONS.get(node.fn.name)
        if special is not None or (node.fn.elementwise and isinstance(node.type, Array)):
            if special is None:
                raise InternalError(f"{node!r} is an operation on arrays outside of kernels")
            self.values[node] = special(self, node)
            if self.m.work.is_large(node):
                polls.charge(self, arrays.elements(self, node))
            return
        self.values[node] = (self.instruction(node, [self.one(a) for a in node.args]),)

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

    def phi_lines(self, types: list[str], first: list[str], before: str) -> list[tuple[int, str, str, str]]:
        """Phis whose lines are completed by `loop_back`, when the other end is known."""
        pending = []
        for ll, v in zip(types, first, strict=True):
            self.counter += 1
            name = f"%v{self.counter}"
            pending.append((len(self.lines), name, ll, f"[ {v}, %{before} ]"))
            self.made[name] = f"phi {ll}"
            self.lines.append("")
        return pending

    def loop_head(self, state: list[Node], init: list[Operands], before: str) -> list[tuple[int, str, str, str]]:
        """Phis of a loop's state."""
        pending = []
        for p, values in zip(state, init, strict=True):
            phis = self.phi_lines(list(flat(p.type)), list(values), before)
            self.values[p] = tuple(name for _, name, _, _ in phis)
            pending += phis
        return pending

    def loop_back(self, pending: list[tuple[int, str, str, str]], values: list[str], latch: str) -> None:
        for (line, name, ll, first), v in zip(pending, values, strict=True):
            self.lines[line] = f"  {name} = phi {ll} {first}, [ {v}, %{latch} ]"

    # -- arrays: what their lowering needs -------------------------------------------------------------------------------

    def plus(self, t: Scalar, x: str, y: str) -> str:
        before, self.operand = self.operand, t
        out = self.arith("fadd", "add", x, y)
        self.operand = before
        return out

    def below(self, i: Node, d: str) -> bool:
        """Whether an index is known to be in 0 ... d-1: a constant, or the trip number of a loop over d, also backwards."""
        if isinstance(i, Constant):
            return d.isdigit() and 0 <= i.value < int(d)
        if isinstance(i, Apply) and i.fn.name == "sub":
            last, trip = i.args
            return self.trip_counts.get(trip) == d and self.is_last(last, d)
        return self.trip_counts.get(i) == d

    def is_last(self, i: Node, d: str) -> bool:
        """Whether i is d-1."""
        if isinstance(i, Constant):
            return d == str(i.value + 1)
        if isinstance(i, Apply) and i.fn.name == "add":
            n, one = i.args
            return isinstance(one, Constant) and one.value == -1 and self.one(n) == d
        return False

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


CONTROL = {
    "cond": FunctionEmitter.cond,
    "for_loop": loops.for_loop,
    "while_loop": loops.while_loop,
    "call": effects.call,
    "fused": kernels.fused,
}
OPERATIONS = {
    "make_tuple": FunctionEmitter.make_tuple,
    "make_record": FunctionEmitter.make_tuple,
    "getitem": FunctionEmitter.getitem,
    **effects.OPERATIONS,
    **stacks.OPERATIONS,
    **cotangents.OPERATIONS,
    **arrays.KERNELS,
    **kernels.KERNELS,
    **fourier.KERNELS,
    **linalg.KERNELS,
    **products.KERNELS,
    **lists.OPERATIONS,
}
