"""Optimized IR to LLVM text: one LLVM function a function graph; branches and loops become blocks with phis.

The text is lean as it is (SSA, rotated loops, structs in registers), so that no LLVM pass is needed. A function that can
fail gives a flag with its result; where it fails it notes an error's number and values in the context of the call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from irad.backends.llvm import runtime, scipy_pointers
from irad.backends.llvm.function import FunctionEmitter, Part
from irad.backends.llvm.layout import HEADER, item_layout, managed
from irad.backends.llvm.ownership import Captures
from irad.backends.llvm.work import Work, is_long

from irad.errors import Span
from irad.graph.nodes import Apply, Graph, Module
from irad.graph.walk import applies, nested_graphs, run
from irad.types import Array, List, Scalar, Stack, Sum, Type

__all__ = ["Program", "Site", "decisions", "emit_module", "emit_with_spans"]

ATTRIBUTES = """\
attributes #0 = { nounwind "frame-pointer"="none" }
attributes #1 = { nounwind willreturn memory(none) }
!0 = !{!"branch_weights", i32 1, i32 2000}"""


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
    recursive: bool  # it looks at the room on the stack
    long: bool  # it gives up the interpreter's lock at once
    polls: bool  # it gives it up when it was found to take long
    prints: bool
    parallel: bool  # it may use several threads
    allocates: bool
    given: tuple[int, ...]  # operands of the result: pointers to memory that the caller puts there for these arrays
    outside: tuple[str, ...]  # functions of SciPy's that it calls


def emit_module(module: Module, *, name: str = "fn", fast: bool = False) -> Program:
    """The LLVM text of a module without transforms."""
    return _ModuleEmitter(module, name, fast).emit()


def emit_with_spans(module: Module, *, fast: bool = False) -> tuple[str, list[Span | None]]:
    """The LLVM text of `emit_module`, and where each of its lines comes from: for those who look at it."""
    m = _ModuleEmitter(module, "fn", fast)
    text = m.emit().text
    inside = [span for f in m.emitters for span in f.spans()]
    after: list[Span | None] = [None] * len(ATTRIBUTES.splitlines())
    return text, [*[None] * (len(text.splitlines()) - len(inside) - len(after)), *inside, *after]


def decisions(module: Module, *, fast: bool = False) -> dict[Apply | Graph, list[tuple[Part, ...]]]:
    """What is decided while a module is emitted: what is new, written in place, copied, released, where stacks have room."""
    m = _ModuleEmitter(module, "fn", fast)
    m.emit()
    found: dict[Apply | Graph, list[tuple[Part, ...]]] = {}
    for f in m.emitters:
        for where, parts in f.notes:
            if parts not in found.setdefault(where, []):
                found[where].append(parts)
    return found


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
        self.kernels: dict[Any, str] = {}  # functions that array operations call
        self.declarations: set[str] = set()
        self.functions = [g for top in module.graphs for g in nested_graphs(top) if g.role == "function"]
        self.names = {g: f"@{name}.{g.name}" for g in self.functions}
        self.recursive = self.find_recursive()
        self.work = Work(self.functions, self.recursive)
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
        out = {g for g in self.functions if g in self.work.counts or any(_may_fail(n) for n in applies(g))}
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
        self.emitters = [FunctionEmitter(self, g) for g in self.functions]
        for f in self.emitters:
            run(f.function())
            bodies.append("\n".join(f.text))
            self.used |= f.used
            self.libm_used |= f.libm_used
        entry = self.module.entry
        text = self.assembled(bodies)
        return Program(
            text,
            "irad.entry",
            [p.type for p in entry.params],
            entry.output.type,
            self.sites,
            any(f.is_entry and f.can_fail() for f in self.emitters),
            "%here = alloca" in text,
            bool(self.recursive) or is_long(self.module),
            "irad.poll" in self.used,
            "irad.print" in self.used,
            "irad.parallel" in self.used,
            any(f"@{name}(" in text for name in ("irad.alloc", "irad.alloc_zeroed")),
            tuple(place for f in self.emitters for place in f.taken),
            tuple(sorted(u.split("/")[0] for u in self.used if u.startswith(scipy_pointers.PREFIX))),
        )

    def assembled(self, bodies: list[str]) -> str:
        outside = {u for u in self.used if u.startswith(scipy_pointers.PREFIX)}
        helpers, external = runtime.needed({u for u in self.used if not u.startswith("llvm.")} - outside)
        declared = self.declarations | set(map(scipy_pointers.declared, outside))
        for name in self.used:
            if name.startswith("llvm."):
                symbol, arity = name.split("/")
                lanes, width = re.search(r"\.(?:v(\d+))?f(\d+)$", symbol).groups()  # type: ignore[union-attr]
                t = "double" if width == "64" else "float"
                t = f"<{lanes} x {t}>" if lanes else t
                declared.add(f"declare {t} @{symbol}({', '.join([t] * int(arity))})")
        for name in external:
            base, t, suffix = (name[:-4], "float", "f32") if name.endswith(".f32") else (name, "double", "f64")
            if name == "irad.print":
                declared.add("declare i32 @irad.print(ptr, i64, ptr, i64)")
            elif name == "irad.parallel":
                declared.add("declare i1 @irad.parallel(ptr, ptr, ptr, i64, i64, i64)")
            elif name == "irad.poll":
                declared.add("declare preserve_allcc void @irad.poll(ptr, i64)")
            elif base in ("floor", "copysign"):
                declared.add(f"declare {t} @llvm.{base}.{suffix}({t if base == 'floor' else f'{t}, {t}'})")
            else:
                self.libm_used.add((base, t, 2))
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
        return not (node.fn.name == "pop" and node.adjoint) and not float_arithmetic
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
