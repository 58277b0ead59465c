"""Lowering of what only derivatives of derivatives need: reading a stack or sum of cotangents that may be nothing, which
stands for zeros, and adding two of them."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import arrays, stacks
from irad.backends.llvm.layout import HEADER, flat, item_layout, managed

from irad.errors import InternalError
from irad.graph.nodes import Apply
from irad.types import Array, Scalar, Stack, Struct, Sum, Tuple, Type, leaves

__all__ = ["OPERATIONS"]

Operands = tuple[str, ...]
ZERO = {"double": "0.0", "float": "0.0", "i64": "0", "i32": "0", "i16": "0", "i8": "0", "i1": "false", "ptr": "null"}


def pop_zero(e: Any, node: Apply) -> Operands:
    """The last item of a stack of cotangents, zeros where it is empty."""
    (stack,) = node.args
    block, length = e.get(stack)
    none, some, go_on = e.new_label("none"), e.new_label("some"), e.new_label("popped")
    empty = e.emit(f"icmp eq i64 {length}, 0")
    e.branch(empty, none, some)
    e.start(none)
    assert isinstance(node.type, Struct)
    nothing = (*zeros_of(e, node.type.items[0]), block, length)
    before = e.label
    e.jump(go_on)
    e.start(some)
    popped = stacks.take(e, node)
    last = e.label
    e.jump(go_on)
    e.start(go_on)
    return e.phis(node.type, [(nothing, before), (popped, last)])  # type: ignore[no-any-return]


def zeros_of(e: Any, t: Type) -> Operands:
    """The zero cotangent of type t. (That of an array whose size is not known here has no elements.)"""
    out: list[str] = []
    for leaf in leaves(t):
        if isinstance(leaf, Array) and leaf.static_shape is not None:
            out += arrays.zero_array(e, leaf)
        else:
            out += [ZERO[ll] for ll in flat(leaf)]
    return tuple(out)


def project_zero(e: Any, node: Apply) -> Operands:
    """The fields of a cotangent of a sum; zeros where it is nothing or of another case, which is then given up."""
    (x,) = node.args
    (block,) = e.get(x)
    (case,) = node.static
    some, mine, other, none, go_on = (e.new_label(n) for n in ("some", "mine", "other", "none", "fields"))
    null = e.emit(f"icmp eq ptr {block}, null")
    e.branch(null, none, some)
    e.start(some)
    tag = e.load("i64", block, 16)
    e.branch(e.emit(f"icmp eq i64 {tag}, {case}"), mine, other)
    e.start(other)
    e.used.add("irad.release")
    e.do(f"call void @irad.release(ptr %ctx, ptr {block})")
    e.jump(none)
    e.start(none)
    zeros = zeros_of(e, node.type)
    before = e.label
    e.jump(go_on)
    e.start(mine)
    fields = stacks.fields_of(e, node, block, node.type)
    last = e.label
    e.jump(go_on)
    e.start(go_on)
    return e.phis(node.type, [(zeros, before), (fields, last)])  # type: ignore[no-any-return]


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
        for leaf in leaves(t):
            n = len(flat(leaf))
            a, b = x[at : at + n], y[at : at + n]
            at += n
            if isinstance(leaf, Scalar):
                out.append(e.plus(leaf, a[0], b[0]))
            elif isinstance(leaf, (Sum, Stack)):
                out += call_adder(e, self.m, leaf, (*a, *b))
            elif isinstance(leaf, Array):
                out += self.array_of(leaf, a, b)
            else:
                raise InternalError(f"cotangents of type {leaf} cannot be added here")
        return tuple(out)

    def array_of(self, t: Array, x: Operands, y: Operands) -> Operands:
        e, dims = self.e, arrays.filled_shape(t, x[2:])
        out = arrays.allocate(e, t, dims)

        def element(i: list[str]) -> None:
            a, b, to = (arrays.address(e, t, data, i, [count]) for data in (x[0], y[0], out[0]))
            arrays.store(e, t, e.plus(t.dtype, arrays.load(e, t, a), arrays.load(e, t, b)), to)

        count = arrays.product(e, dims)
        arrays.nest(e, [count], element)
        e.used.add("irad.release")
        for block in (x[1], y[1]):
            e.do(f"call void @irad.release(ptr %ctx, ptr {block})")
        return out

    def stack_of(self, x: Operands, y: Operands) -> Operands:
        """Add the shorter stack to the top of the longer, in a copy that is ours."""
        e, t = self.e, self.t
        assert isinstance(t, Stack)
        fields, size = item_layout(t.item)
        e.used |= {"irad.grow", "irad.release", "irad.retain"}
        longer = e.emit(f"icmp uge i64 {x[1]}, {y[1]}")
        block, length, small, count = (
            e.emit(f"select i1 {longer}, {ll} {a}, {ll} {b}")
            for ll, a, b in (("ptr", x[0], y[0]), ("i64", x[1], y[1]), ("ptr", y[0], x[0]), ("i64", y[1], x[1]))
        )
        own = e.emit(f"call ptr @irad.grow(ptr %ctx, ptr {block}, i64 {length}, i64 {size or 1}, ptr {self.m.visit(t)})")
        e.fail_if(e.emit(f"icmp eq ptr {own}, null"), "MemoryError", "")
        e.put("i64", length, own, 16)
        gap = e.emit(f"sub i64 {length}, {count}")

        def item(i: list[str]) -> None:
            place = stacks.item_address(e, own, e.emit(f"add i64 {i[0]}, {gap}"), size)
            other = stacks.item_address(e, small, i[0], size)
            a, b = (tuple(e.load(f.type, p, f.offset) for f in fields) for p in (place, other))
            for k in managed(t.item):
                e.do(f"call void @irad.retain(ptr {b[k]})")
            for f, v in zip(fields, self.items(t.item, a, b), strict=True):
                e.put(f.type, v, place, f.offset)

        arrays.nest(e, [count], item)
        e.do(f"call void @irad.release(ptr %ctx, ptr {small})")
        return (own, length)


OPERATIONS = {"pop_zero": pop_zero, "project_zero": project_zero, "add_sum": add_sum}
