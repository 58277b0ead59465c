"""Control flow, calls, effects, and the transforms as operations on graphs.

`cond`, `for_loop` and `while_loop` take graphs without captured values declared: they use nodes of the graphs around
them. Several results are one tuple; a single one stands for itself.
"""

from __future__ import annotations

from typing import Any

from irad.errors import CompileError, refuse
from irad.primitives.structure import BY_TRANSFORM, same_bits
from irad.primitives.table import EFFECT, Missing, Primitive, primitive
from irad.types import BOOL, INT, UNIT, Array, Scalar, Struct, Sum, Tuple, Type, is_float, tangent_type

IN_BACKENDS = Missing("control flow: each backend runs it in its own way")


def _mismatch(what: str, wanted: Any, got: Any) -> CompileError:
    return refuse("type-mismatch", f"{what} is {got}, where {wanted} is needed")


def result_type(types: tuple[Type, ...]) -> Type:
    """The type of several results: the type itself where there is one, else a tuple."""
    return types[0] if len(types) == 1 else Tuple(types)


def _check_arguments(name: str, params: list[Any], types: tuple[Type, ...]) -> None:
    if len(params) != len(types):
        raise refuse("type-mismatch", f"{name} takes {len(params)} arguments, not {len(types)}")
    for p, t in zip(params, types, strict=True):
        if not same_bits(t, p.type):
            raise _mismatch(f"argument %{p.name} of {name}", p.type, t)


def _call_infer(types: tuple[Type, ...], *, graphs: tuple[Any, ...]) -> Type:
    (g,) = graphs
    _check_arguments(str(g), g.params, types)
    return g.result  # type: ignore[no-any-return]


call = primitive(
    "call",
    _call_infer,
    layout=(0, 1),
    doc="@f(x, ...): the result of a graph.",
    ref=IN_BACKENDS,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_BACKENDS,
)


def _cond_infer(types: tuple[Type, ...], *, graphs: tuple[Any, ...]) -> Type:
    then, orelse = graphs
    if types != (BOOL,):
        raise _mismatch("the condition of `cond`", "bool", ", ".join(map(str, types)))
    if then.params or orelse.params:
        raise refuse("type-mismatch", "the branches of `cond` take no parameters")
    a, b = then.result, orelse.result
    if not same_bits(a, b):
        raise refuse("type-mismatch", f"the branches of `cond` give {a} and {b}")
    return _stronger(a, b)


def _stronger(a: Type, b: Type) -> Type:
    if a is b:
        return a
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        return Tuple(map(_stronger, a.items, b.items))
    return a.strong if hasattr(a, "strong") else a


cond = primitive(
    "cond",
    _cond_infer,
    layout=(1, 2),
    doc="cond(p, @then, @else): the output of one of two graphs.",
    ref=IN_BACKENDS,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_BACKENDS,
)


def _fused_infer(types: tuple[Type, ...], *, graphs: tuple[Any, ...]) -> Type:
    (g,) = graphs
    if types or g.params:
        raise refuse("type-mismatch", "`fused` and its graph take no arguments: they read what is around them")
    return g.result  # type: ignore[no-any-return]


fused = primitive(
    "fused",
    _fused_infer,
    layout=(0, 1),
    doc="fused(@kernel): the output of a graph of array operations, which one loop nest computes.",
    ref=IN_BACKENDS,
    vjp=Missing("operations are fused after all transforms"),
    jvp=Missing("operations are fused after all transforms"),
    llvm=IN_BACKENDS,
)


def _state_type(what: str, state: list[Any], types: tuple[Type, ...], got: Type) -> Type:
    wanted = result_type(tuple(p.type for p in state))
    _check_arguments(what, state, types)
    if not same_bits(got, wanted):
        raise _mismatch(f"the state that {what} returns", wanted, got)
    return wanted


def _for_infer(types: tuple[Type, ...], *, graphs: tuple[Any, ...]) -> Type:
    (body,) = graphs
    if not body.params or body.params[0].type.strong is not INT.strong or not same_bits(types[0], INT):
        raise refuse("type-mismatch", "`for_loop` takes an int number of trips, and its body an int index first")
    return _state_type(f"the loop {body}", body.params[1:], types[1:], body.result)


for_loop = primitive(
    "for_loop",
    _for_infer,
    layout=(1, 1),
    ref=IN_BACKENDS,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_BACKENDS,
    doc="for_loop(n, @body, s, ...): the state after n trips of body(i, s, ...) -> s, i = 0 ... n-1.",
)


def _while_infer(types: tuple[Type, ...], *, graphs: tuple[Any, ...]) -> Type:
    (body,) = graphs
    out = body.result
    if not isinstance(out, Struct) or len(out.items) != 2 or out.items[0] is not BOOL:
        raise _mismatch(f"the output of the loop {body}", "(bool, state)", out)
    return _state_type(f"the loop {body}", body.params, types, out.items[1])


while_loop = primitive(
    "while_loop",
    _while_infer,
    layout=(0, 1),
    ref=IN_BACKENDS,
    vjp=BY_TRANSFORM,
    jvp=BY_TRANSFORM,
    llvm=IN_BACKENDS,
    doc="while_loop(@body, s, ...): trips of body(s, ...) -> (again, s) until again is false; the first always runs.",
)

# -- effects ------------------------------------------------------------------------------------------------------

_EFFECT_FACTS: dict[str, Any] = {
    "order": EFFECT,
    "ref": IN_BACKENDS,
    "vjp": BY_TRANSFORM,
    "jvp": BY_TRANSFORM,
    "llvm": IN_BACKENDS,
}


def _assert_infer(types: tuple[Type, ...], error: str, message: str) -> Type:
    if not types or types[0] is not BOOL:
        raise _mismatch("the condition of `assert`", "bool", types)
    return UNIT


assert_ = primitive(
    "assert",
    _assert_infer,
    statics=("error", "message"),
    **_EFFECT_FACTS,
    doc="Raise the built-in exception `error` unless p; {0}, {1}, ... in the message stand for the further arguments.",
)
raise_ = primitive(
    "raise",
    lambda types, error, message: UNIT,
    statics=("error", "message"),
    **_EFFECT_FACTS,
    doc="Raise the built-in exception `error`; what follows on the graph is never reached.",
)
print_ = primitive(
    "print",
    lambda types, format: UNIT,
    statics=("format",),
    **_EFFECT_FACTS,
    doc="Print a line; {0}, {1}, ... in the format stand for the arguments.",
)

# -- transforms: operations on a graph until irad.transforms gives them bodies --------------------------------------
#
# `wrt` lists the parameters that derivatives are taken in. A graph returns its differentiated output and whatever else.

TO_EXPAND = Missing("a transform: expanded before any backend sees it")


def _wrt(graph: Any, wrt: tuple[int, ...]) -> None:
    for i in wrt:
        if not 0 <= i < len(graph.params) or tangent_type(graph.params[i].type) is None:
            raise refuse("type-mismatch", f"{graph} has no parameter {i} that a derivative can be taken in")


def _jvp_infer(types: tuple[Type, ...], wrt: tuple[int, ...], *, graphs: tuple[Any, ...], module: Any = None) -> Type:
    (g,) = graphs
    n = len(g.params)
    _wrt(g, wrt)
    _check_arguments(str(g), g.params, types[:n])
    for i, t in zip(wrt, types[n:], strict=True):
        if not same_bits(t, tangent_type(g.params[i].type)):  # type: ignore[arg-type]
            raise _mismatch(f"the tangent of %{g.params[i].name}", tangent_type(g.params[i].type), t)
    return Tuple((g.result, tangent_type(g.result) or UNIT))


def _transform(
    name: str, infer: Any, doc: str, *, statics: tuple[str, ...] = ("wrt",), layout: tuple[int, int] = (0, 1)
) -> Primitive:
    return primitive(
        name,
        infer,
        statics=statics,
        layout=layout,
        doc=doc,
        ref=TO_EXPAND,
        vjp=TO_EXPAND,
        jvp=TO_EXPAND,
        llvm=TO_EXPAND,
    )


jvp = _transform("jvp", _jvp_infer, "jvp(@f, x, ..., dx, ...): (f(x), tangent of f(x)).")


def _forward_infer(types: tuple[Type, ...], wrt: tuple[int, ...], *, graphs: tuple[Any, ...], module: Any = None) -> Type:
    (g,) = graphs
    _wrt(g, wrt)
    _check_arguments(str(g), g.params, types)
    return Tuple((g.result, residual_type(g, wrt)))


def residual_type(graph: Any, wrt: tuple[int, ...]) -> Sum:
    """What `vjp_forward` keeps for `vjp_backward`, opaque until the transform is expanded."""
    return Sum(f"{graph.name}.res.{'.'.join(map(str, wrt))}")


vjp_forward = _transform("vjp_forward", _forward_infer, "vjp_forward(@f, x, ...): (f(x), residual).")


def _backward_infer(types: tuple[Type, ...], wrt: tuple[int, ...], *, graphs: tuple[Any, ...], module: Any = None) -> Type:
    (g,) = graphs
    _wrt(g, wrt)
    if len(types) != 2:
        raise refuse("type-mismatch", f"`vjp_backward` takes a residual and a cotangent, not {len(types)} values")
    if types[0] is not residual_type(g, wrt):
        raise _mismatch(f"the residual of {g}", residual_type(g, wrt), types[0])
    if not same_bits(types[1], tangent_type(g.result) or UNIT):
        raise _mismatch(f"the cotangent of the output of {g}", tangent_type(g.result) or UNIT, types[1])
    return Tuple(tangent_type(g.params[i].type) or UNIT for i in wrt)


vjp_backward = _transform(
    "vjp_backward", _backward_infer, "vjp_backward(@f, residual, ct): the cotangents of the parameters `wrt`."
)


def _jacobian_infer(
    types: tuple[Type, ...], wrt: tuple[int, ...], order: Any, *, graphs: tuple[Any, ...], module: Any = None
) -> Type:
    f, modes = graphs
    _wrt(f, wrt)
    for g in graphs:
        _check_arguments(str(g), g.params, types)
    leaves = f.result.items if isinstance(f.result, Tuple) else (f.result,)
    found = Tuple(derivative_type(t, f.params[k].type) for t in leaves if is_float(t) for k in wrt)
    if not same_bits(modes.result, found):
        raise _mismatch(f"the result of {modes}", found, modes.result)
    return found


FEW_ENTRIES = 256  # of a matrix of derivatives that is made of numbers


def derivative_type(y: Type, x: Type) -> Type:
    """The type of the derivatives of a number or array in another: of the shape y + x."""
    if not (is_float(y) and is_float(x)):
        raise refuse("type-mismatch", f"{y} has no derivative in {x}")
    if isinstance(y, Scalar) and isinstance(x, Scalar):
        return y
    shapes = [t.shape if isinstance(t, Array) else () for t in (y, x)]
    return Array((y.dtype if isinstance(y, Array) else y).strong, shapes[0] + shapes[1])  # type: ignore[attr-defined]


jacobian = _transform(
    "jacobian",
    _jacobian_infer,
    "jacobian(@f, @modes, x, ...): the derivatives of f's numbers and arrays in the parameters `wrt`, by elimination in an "
    "order; where @f is not straight-line code, what @modes makes of them by forward or reverse mode.",
    statics=("wrt", "order"),
    layout=(0, 2),
)
