"""Tuples and records, residual stacks, sums. The transforms handle their derivatives as wholes: a cotangent of a
struct is kept as the tuple of its fields' cotangents, push and pop are each other's derivative."""

from __future__ import annotations

from typing import Any

from irad.errors import refuse
from irad.primitives.table import CHECKED, Missing, primitive
from irad.types import INT, Array, Form, List, Record, Scalar, Stack, Struct, Sum, Tuple, Type, is_float, leaves

BY_TRANSFORM = Missing("handled by the transforms as a whole: see irad.transforms")
AS_A_WHOLE = Missing("not scalar instructions: lowered by backends/llvm as a whole")


make_tuple = primitive(
    "make_tuple",
    lambda types: Tuple(types),
    doc="(x, y, ...).",
    ref=lambda *xs: xs,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _record_infer(types: tuple[Type, ...], form: Form) -> Type:
    if len(types) != len(form.keys):
        raise refuse("type-mismatch", f"a {form.kind} of {len(form.keys)} fields is made of {len(types)} values")
    return Record(form, types)


make_record = primitive(
    "make_record",
    _record_infer,
    statics=("form",),
    doc="A list of fixed length, a dict, a dataclass or a NamedTuple.",
    ref=lambda *xs, form: xs,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _getitem_infer(types: tuple[Type, ...], index: int) -> Type:
    (t,) = types
    if not isinstance(t, Struct) or not 0 <= index < len(t.items):
        raise refuse("type-mismatch", f"`getitem` takes field {index} of a tuple or record, not of {t}")
    return t.items[index]


getitem = primitive(
    "getitem",
    _getitem_infer,
    statics=("index",),
    doc="A field of a tuple or record.",
    ref=lambda t, *, index: t[index],
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
    cost=0,
)

# -- stacks of residuals ------------------------------------------------------------------------------------------


def _is_stack(name: str, t: Type) -> Stack:
    if not isinstance(t, Stack):
        raise refuse("type-mismatch", f"`{name}` takes a stack, not {t}")
    return t


def _push_infer(types: tuple[Type, ...]) -> Type:
    stack, item = types
    if not same_bits(_is_stack("push", stack).item, item):
        raise refuse("type-mismatch", f"`push` takes a stack of {item}, not {stack}")
    return stack


def _empty_infer(types: tuple[Type, ...], of: Type) -> Type:
    if types:
        raise refuse("type-mismatch", f"`empty_stack` takes no arguments, not {len(types)}")
    return Stack(of)


empty_stack = primitive(
    "empty_stack",
    _empty_infer,
    statics=("of",),
    doc="A stack without items.",
    fresh=True,
    ref=lambda *, of: (),
    source=lambda s, *, of: s.listed(()),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)
push = primitive(
    "push",
    _push_infer,
    doc="The stack with an item more.",
    ref=lambda s, x: (s, x),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _pop_infer(name: str) -> Any:
    def infer(types: tuple[Type, ...]) -> Type:
        (stack,) = types
        return Tuple((_is_stack(name, stack).item, stack))

    return infer


pop = primitive(
    "pop",
    _pop_infer("pop"),
    order=CHECKED,
    doc="(the last item, the stack without it).",
    ref=lambda s: _popped(s),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _popped(s: Any) -> Any:
    if not s:
        raise IndexError("pop from an empty stack")
    return s[1], s[0]


def _has_zero(name: str, t: Type) -> Type:
    """t, if its zero is known at compile time."""
    if any(isinstance(u, Array) and u.static_shape is None for u in leaves(t)):
        raise refuse("type-mismatch", f"`{name}` cannot make the zero of {t}: its size is not known")
    return t


def _pop_zero_infer(types: tuple[Type, ...]) -> Type:
    out = _pop_infer("pop_zero")(types)
    _has_zero("pop_zero", out.items[0])
    return out  # type: ignore[no-any-return]


pop_zero = primitive(
    "pop_zero",
    _pop_zero_infer,
    doc="pop of a stack of cotangents: zeros where it is empty.",
    ref=Missing("needs the item's type: the interpreter has it"),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _stack_size_ref(s: Any) -> int:
    n = 0
    while s:
        s, n = s[0], n + 1
    return n


def _size_infer(types: tuple[Type, ...]) -> Type:
    (stack,) = types
    _is_stack("stack_size", stack)
    return INT


stack_size = primitive(
    "stack_size",
    _size_infer,
    doc="How many items a stack has.",
    ref=_stack_size_ref,
    source="len(x)",
    llvm=AS_A_WHOLE,
)

# -- sums: residuals of recursion, function values not known at compile time ---------------------------------------


def same_bits(a: Type, b: Type) -> bool:
    """Whether values of a serve as values of b: equal, but for Python's scalars and the machine's of the same bits."""
    if a is b:
        return True
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return a.strong is b.strong
    if isinstance(a, Struct) and isinstance(b, Struct):
        return type(a) is type(b) and len(a.items) == len(b.items) and all(map(same_bits, a.items, b.items))
    if isinstance(a, Stack) and isinstance(b, Stack):
        return same_bits(a.item, b.item)
    return False


def _case_fields(module: Any, sum: Type, case: int) -> tuple[Type, ...]:
    if not isinstance(sum, Sum):
        raise refuse("type-mismatch", f"a sum is needed, not {sum}")
    cases = module.sums.get(sum.name)
    if cases is None or not 0 <= case < len(cases):
        raise refuse("type-mismatch", f"the module declares no case {case} of {sum}")
    return cases[case]  # type: ignore[no-any-return]


def _inject_infer(types: tuple[Type, ...], of: Sum, case: int, *, module: Any) -> Type:
    fields = _case_fields(module, of, case)
    if len(fields) != len(types) or not all(map(same_bits, types, fields)):
        raise refuse(
            "type-mismatch",
            f"case {case} of {of} takes ({', '.join(map(str, fields))}), not ({', '.join(map(str, types))})",
        )
    return of


inject = primitive(
    "inject",
    _inject_infer,
    statics=("of", "case"),
    doc="A value of a sum: a case with its fields.",
    ref=lambda *xs, of, case: (case, xs),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
    order="context",
)


def _tag_infer(types: tuple[Type, ...]) -> Type:
    (t,) = types
    if not isinstance(t, Sum):
        raise refuse("type-mismatch", f"`tag` takes a value of a sum, not {t}")
    return INT


tag = primitive(
    "tag",
    _tag_infer,
    doc="Which case a value of a sum is; -1 where it is nothing (a zero cotangent).",
    ref=lambda s: -1 if s is None else s[0],
    llvm=AS_A_WHOLE,
)


def _project_infer(types: tuple[Type, ...], case: int, *, module: Any) -> Type:
    (t,) = types
    return Tuple(_case_fields(module, t, case))


project = primitive(
    "project",
    _project_infer,
    statics=("case",),
    doc="The fields of a case; the case is known to be the right one.",
    ref=lambda s, *, case: s[1],
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
    order="context",
)


def _project_zero_infer(types: tuple[Type, ...], case: int, *, module: Any) -> Type:
    return _has_zero("project_zero", _project_infer(types, case, module=module))


project_zero = primitive(
    "project_zero",
    _project_zero_infer,
    statics=("case",),
    order="context",
    doc="The fields of a cotangent of a sum; zeros where it is nothing or of another case.",
    ref=Missing("needs the module's declaration: the interpreter has it"),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
)


def _add_sum_infer(types: tuple[Type, ...], *, module: Any) -> Type:
    x, y = types
    if not isinstance(x, (Sum, Stack)) or x is not y:
        raise refuse("type-mismatch", f"`add_sum` takes two cotangents of one sum or stack, not {x} and {y}")
    seen: set[Type] = {x}
    todo: list[Any] = [x]
    while todo:
        t = todo.pop()
        fields = [t.item] if isinstance(t, (Stack, List)) else [f for case in module.sums.get(t.name, ()) for f in case]
        for u in (leaf for field in fields for leaf in leaves(field)):
            if isinstance(u, (Sum, Stack, List)):
                todo += [u] if u not in seen else []
                seen.add(u)
            elif not is_float(u):
                raise refuse("type-mismatch", f"`add_sum` of {x} would add {u}, which no cotangent holds")
    return x


add_sum = primitive(
    "add_sum",
    _add_sum_infer,
    doc="The sum of two cotangents of one sum type, case by case, or of two stacks, item by item from the top.",
    ref=Missing("needs the module's declaration: the interpreter has it"),
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=AS_A_WHOLE,
    order="context",
)
