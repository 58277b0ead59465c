"""Lowering of what only derivatives of derivatives need: reading a stack or sum of cotangents that may be nothing, which
stands for zeros, and adding two of them."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import stacks
from irad.backends.llvm.layout import HEADER, flat, item_layout, managed

from irad.errors import InternalError
from irad.graph.nodes import Apply
from irad.types import Scalar, Stack, Struct, Sum, Tuple, Type

__all__ = ["OPERATIONS"]

Operands = tuple[str, ...]
ZERO = {"double": "0.0", "float": "0.0", "i64": "0", "i32": "0", "i1": "false", "ptr": "null"}


def pop_zero(e: Any, node: Apply) -> Operands:
    """The last item of a stack of cotangents, zeros where it is empty."""
    (stack,) = node.args
    block, length = e.get(stack)
    some, go_on = e.new_label("some"), e.new_label("popped")
    empty = e.emit(f"icmp eq i64 {length}, 0")
    before = e.label
    e.branch(empty, go_on, some)
    e.start(some)
    popped = stacks.pop(e, node)
    last = e.label
    e.jump(go_on)
    e.start(go_on)
    assert isinstance(node.type, Struct)
    nothing = (*(ZERO[t] for t in flat(node.type.items[0])), block, length)
    return e.phis(node.type, [(nothing, before), (popped, last)])  # type: ignore[no-any-return]


def project_zero(e: Any, node: Apply) -> Operands:
    """The fields of a cotangent of a sum; zeros where it is nothing or of another case, which is then given up."""
    (x,) = node.args
    (block,) = e.get(x)
    (case,) = node.static
    some, mine, other, go_on = (e.new_label(n) for n in ("some", "mine", "other", "fields"))
    null = e.emit(f"icmp eq ptr {block}, null")
    before = e.label
    e.branch(null, go_on, some)
    e.start(some)
    tag = e.load("i64", block, 16)
    e.branch(e.emit(f"icmp eq i64 {tag}, {case}"), mine, other)
    e.start(other)
    e.used.add("irad.release")
    e.do(f"call void @irad.release(ptr %ctx, ptr {block})")
    e.jump(go_on)
    e.start(mine)
    fields = stacks.fields_of(e, node, block, node.type)
    last = e.label
    e.jump(go_on)
    e.start(go_on)
    zeros = tuple(ZERO[t] for t in flat(node.type))
    return e.phis(node.type, [(zeros, before), (zeros, other), (fields, last)])  # type: ignore[no-any-return]


def add_sum(e: Any, node: Apply) -> Operands:
    """The sum of two cotangents that are stacks or sums."""
    x, y = node.args
    return call_adder(e, e.m, node.type, (*e.get(x), *e.get(y)))


def call_adder(e: Any, m: Any, t: Type, operands: Operands) -> Operands:
    name = adder(m, t)
    types = ["i1", *flat(t)]
    returned = f"{{ {', '.join(types)} }}"
    args = ", ".join(["ptr %ctx", *[f"{ll} {v}" for ll, v in zip((*flat(t), *flat(t)), operands, strict=True)]])
    result = e.emit(f"call {returned} {name}({args})")
    failed = e.emit(f"extractvalue {returned} {result}, 0")
    go_on = e.new_label("ok")
    e.branch(failed, "failed", go_on, unlikely=True)
    e.start(go_on)
    return tuple(e.emit(f"extractvalue {returned} {result}, {i + 1}") for i in range(len(types) - 1))


def adder(m: Any, t: Type) -> str:
    """The function that adds two cotangents of type t; made on first use. It takes both over."""
    found = m.adders.get(t)
    if found is None:
        found = m.adders[t] = f"@{m.name}.add.{len(m.adders)}"
        m.visit_text.append(_Adder(m, t, found).text())
    return found  # type: ignore[no-any-return]


class _Adder:
    """Emits one adding function. Stacks are added from the top, so that a short one counts as zeros below."""

    def __init__(self, m: Any, t: Type, name: str) -> None:
        from irad.backends.llvm.function import FunctionEmitter

        self.m, self.t, self.name = m, t, name
        self.e = FunctionEmitter(m, m.module.entry)
        self.e.is_entry, self.e.fails = False, True
        self.e.node = Apply(m.module.entry, t, None, ())  # type: ignore[arg-type]

    def text(self) -> str:
        e, t = self.e, self.t
        types = flat(t)
        xs = tuple(f"%x{i}" for i in range(len(types)))
        ys = tuple(f"%y{i}" for i in range(len(types)))
        params = ", ".join(["ptr %ctx", *[f"{ll} {v}" for ll, v in zip((*types, *types), (*xs, *ys), strict=True)]])
        returned = f"{{ i1, {', '.join(types)} }}"
        e.check_stack()
        out = self.sum_of(xs[0], ys[0]) if isinstance(t, Sum) else self.stack_of(xs, ys)
        current = "undef"
        for i, (ll, v) in enumerate(zip(("i1", *types), ("false", *out), strict=True)):
            current = e.emit(f"insertvalue {returned} {current}, {ll} {v}, {i}")
        e.do(f"ret {returned} {current}")
        failures = [line for _, lines in e.failures for line in lines]
        nothing = ", ".join(["i1 true", *[f"{ll} {ZERO[ll]}" for ll in types]])
        self.m.used |= e.used
        return "\n".join(
            [
                f"define internal {returned} {self.name}({params}) #0 {{",
                "entry:",
                *[f"  {x}" for x in e.frame],
                *e.lines,
                *failures,
                "failed:",
                f"  ret {returned} {{ {nothing} }}",
                "}",
            ]
        )

    def sum_of(self, x: str, y: str) -> Operands:
        e = self.e
        assert isinstance(self.t, Sum)
        cases = self.m.module.sums[self.t.name]
        only_y, has_x, only_x, both, done = (e.new_label(n) for n in ("no_x", "has_x", "no_y", "both", "done"))
        ends: list[tuple[Operands, str]] = []
        e.branch(e.emit(f"icmp eq ptr {x}, null"), only_y, has_x)
        e.start(only_y)
        e.jump(done)
        ends.append(((y,), e.label))
        e.start(has_x)
        e.branch(e.emit(f"icmp eq ptr {y}, null"), only_x, both)
        e.start(only_x)
        e.jump(done)
        ends.append(((x,), e.label))
        e.start(both)
        tag = e.load("i64", x, 16)
        labels = [e.new_label("case") for _ in cases]
        never = e.new_label("never")
        e.do(f"switch i64 {tag}, label %{never} [ {' '.join(f'i64 {k}, label %{label}' for k, label in enumerate(labels))} ]")
        e.lines += [f"{never}:", "  unreachable"]
        for k, (case, label) in enumerate(zip(cases, labels, strict=True)):
            e.start(label)
            item = Tuple(case)
            total = self.items(item, stacks.fields_of(e, e.node, x, item), stacks.fields_of(e, e.node, y, item))
            fields, size = item_layout(item)
            block = e.allocate(str(size), self.m.visit(self.t))
            e.put("i64", str(k), block, 16)
            for f, v in zip(fields, total, strict=True):
                e.put(f.type, v, block, HEADER + f.offset)
            ends.append(((block,), e.label))
            e.jump(done)
        e.start(done)
        return e.phis(self.t, ends)

    def items(self, t: Type, x: Operands, y: Operands) -> Operands:
        """The sum of two values of any type, item by item."""
        e, out, at = self.e, [], 0
        for leaf in _leaves(t):
            n = len(flat(leaf))
            a, b = x[at : at + n], y[at : at + n]
            at += n
            if isinstance(leaf, Scalar):
                out.append(e.emit(f"fadd {flat(leaf)[0]} {a[0]}, {b[0]}"))
            elif isinstance(leaf, (Sum, Stack)):
                out += call_adder(e, self.m, leaf, (*a, *b))
            else:
                raise InternalError(f"cotangents of type {leaf} cannot be added here")
        return tuple(out)

    def stack_of(self, x: Operands, y: Operands) -> Operands:
        """Add the shorter stack to the top of the longer, in a copy that is ours."""
        e, t = self.e, self.t
        assert isinstance(t, Stack)
        if managed(t.item):
            raise InternalError("stacks of cotangents that hold stacks cannot be added yet")
        fields, size = item_layout(t.item)
        e.used |= {"irad.grow", "irad.release"}
        longer = e.emit(f"icmp uge i64 {x[1]}, {y[1]}")
        block, length, small, count = (
            e.emit(f"select i1 {longer}, {ll} {a}, {ll} {b}")
            for ll, a, b in (("ptr", x[0], y[0]), ("i64", x[1], y[1]), ("ptr", y[0], x[0]), ("i64", y[1], x[1]))
        )
        loop, body, done = e.new_label("loop"), e.new_label("item"), e.new_label("done")
        own = e.emit(f"call ptr @irad.grow(ptr %ctx, ptr {block}, i64 {length}, i64 {size or 1}, ptr null)")
        e.fail_if(e.emit(f"icmp eq ptr {own}, null"), "MemoryError", "")
        e.put("i64", length, own, 16)
        gap = e.emit(f"sub i64 {length}, {count}")
        before = e.label
        e.jump(loop)
        e.start(loop)
        i = e.emit(f"phi i64 [ 0, %{before} ], [ %next, %{body} ]")
        e.branch(e.emit(f"icmp ult i64 {i}, {count}"), body, done)
        e.start(body)
        place = stacks.item_address(e, own, e.emit(f"add i64 {i}, {gap}"), size)
        other = stacks.item_address(e, small, i, size)
        for f in fields:
            a, b = e.load(f.type, place, f.offset), e.load(f.type, other, f.offset)
            e.put(f.type, e.emit(f"fadd {f.type} {a}, {b}"), place, f.offset)
        e.lines.append(f"  %next = add i64 {i}, 1")
        e.jump(loop)
        e.start(done)
        e.do(f"call void @irad.release(ptr %ctx, ptr {small})")
        return (own, length)


def _leaves(t: Type) -> list[Type]:
    from irad.types import leaves

    return leaves(t)


OPERATIONS = {"pop_zero": pop_zero, "project_zero": project_zero, "add_sum": add_sum}
