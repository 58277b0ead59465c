"""The record of a primitive and the registry: an operation is declared once, here and nowhere else.

    exp = primitive(
        "exp", "[T: float] (T) -> T", doc="e to the power x.",
        ref=libm("exp"), partials=lambda b, out, x: (out,), llvm=lambda e, x: e.libm("exp", x),
    )

A rule never imports its tools, they are handed to it: `b` builds nodes, `e` emits code. Order of arguments, always:
tool, result, inputs, then tangents or the cotangent; compile-time facts keyword-only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from irad.errors import refuse
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, Array, JoinError, Scalar, Type, join

__all__ = ["CHECKED", "EFFECT", "REGISTRY", "TOTAL", "Missing", "Primitive", "primitive"]

TOTAL, CHECKED, EFFECT = "total", "checked", "effect"
Infer = Callable[..., Type]


class Missing:
    """A facet that is absent by decision; the user sees the reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"Missing({self.reason!r})"


@dataclass(slots=True, eq=False)
class Primitive:
    """Everything about one operation.

    infer(types, *static): the result's type.    ref: the NumPy meaning, on NumPy values.
    partials(b, out, *xs): one local partial an input, None where it is zero.
    vjp(b, out, *xs, ct): one cotangent an input.    jvp(b, out, *xs, *dxs): the tangent; a dx may be None (zero).
    structure(b, out, *xs): the terms of the derivative in each input (`irad.primitives.terms`), or None where it is zero; what
    is callable makes them. Of elementwise operations it is what the partials say.
    llvm(e, *xs): the result of the scalar operation.    cuda(e, *xs): the same as an expression of CUDA C (elementwise ones).
    source: the Python text, in which x, y, z stand for the inputs; or source(s, *xs), which makes it. Left out where
    `ref` is a function of NumPy's that says it.
    order: TOTAL operations move freely; CHECKED ones may be shared and dropped; EFFECTs stay where they are.
    fresh: applications are not shared, since each result is likely to be written in place.
    layout: how many value arguments stand before the graphs, and how many graphs (control operations only).
    """

    name: str
    infer: Infer
    doc: str = ""
    ref: Callable[..., Any] | Missing | None = None
    partials: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | Missing | None = None
    jvp: Callable[..., Any] | Missing | None = None
    structure: Callable[..., Any] | None = None
    llvm: Callable[..., Any] | Missing | None = None
    cuda: Callable[..., Any] | Missing | None = None
    source: str | Callable[..., Any] | None = None
    statics: tuple[str, ...] = ()
    defaults: tuple[Any, ...] = ()
    order: str = TOTAL
    layout: tuple[int, int] | None = None
    elementwise: bool = False
    commutes: bool = False
    fresh: bool = False
    cost: int = 1  # of recomputing, in units of a multiplication
    where: str = ""  # file:line of the declaration
    signature: str = ""  # as it was declared; "" where `infer` is a function
    rules: list[Any] = field(default_factory=list)  # rewrite rules with this head; see irad.optimize.rewrite
    _types: dict[Any, Type] = field(default_factory=dict)

    def type_of(self, types: tuple[Type, ...], static: tuple[Any, ...]) -> Type:
        """The result's type, remembered; raises CompileError where the types do not fit."""
        key = (types, static)
        found = self._types.get(key)
        if found is None:
            found = self._types[key] = self.infer(types, *static)
        return found

    def __repr__(self) -> str:
        return self.name


REGISTRY: dict[str, Primitive] = {}


def primitive(name: str, signature: str | Infer, **facets: Any) -> Primitive:
    """Declare an operation. `signature` is text, or a function of the argument types and static facts."""
    assert name not in REGISTRY, f"{name} is declared twice"
    caller = sys._getframe(1)
    where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    if isinstance(signature, str):
        facets["infer"] = _from_signature(name, signature)
        facets.setdefault("elementwise", True)
        facets["signature"] = signature
    else:
        facets["infer"] = signature
    REGISTRY[name] = p = Primitive(name, where=where, **facets)
    return p


# -- signatures of elementwise operations -------------------------------------------------------------------------

CLASSES = {
    "float": {FLOAT, F64, F32},
    "int": {INT, I64, I32},
    "bool": {BOOL},
    "number": {FLOAT, F64, F32, INT, I64, I32},
    "bits": {INT, I64, I32, BOOL},
    "any": {FLOAT, F64, F32, INT, I64, I32, BOOL},  # narrow integers are only moved, chosen and converted
}
_NAMED = {"bool": BOOL, "f64": F64, "i64": I64, "int": INT, "float": FLOAT}


def _from_signature(name: str, text: str) -> Infer:
    """The type rule of "[T: float] (T, bool) -> T"; every place takes scalars, or arrays of one shape."""
    state: list[Any] = []

    def parse() -> None:
        variables, params, result = re.fullmatch(r"(?:\[(.*)\])?\s*\((.*)\)\s*->\s*(.*)", text).groups()  # type: ignore[union-attr]
        classes = dict(re.split(r"\s*:\s*", v.strip()) for v in variables.split(",")) if variables else {}
        state.extend([classes, [p.strip() for p in params.split(",")], result.strip()])

    def infer(types: tuple[Type, ...]) -> Type:
        if not state:
            parse()
        classes, params, result = state
        if len(types) != len(params):
            raise refuse("type-mismatch", f"`{name}` takes {len(params)} arguments, not {len(types)}")
        shapes = {t.shape if isinstance(t, Array) else None for t in types}
        if len(shapes) > 1:
            raise refuse("shape-mismatch", f"`{name}` cannot join {' and '.join(map(str, types))}")
        shape = shapes.pop()
        bound: dict[str, Scalar] = {}
        for p, t in zip(params, types, strict=True):
            s = t.dtype if isinstance(t, Array) else t
            wanted = CLASSES[classes[p]] if p in classes else {_NAMED[p]}
            if not isinstance(s, Scalar) or s not in wanted:
                raise refuse("type-mismatch", f"`{name}` takes {classes.get(p, p)}, not {t}")
            before = bound.get(p, s)
            if p in classes and (before.width, before.kind) != (s.width, s.kind):
                raise refuse("type-mismatch", f"`{name}` takes arguments of one type, not {', '.join(map(str, types))}")
            try:
                common = join(before, s)
            except JoinError as e:
                raise refuse("type-mismatch", f"`{name}` cannot join {e}") from None
            assert isinstance(common, Scalar)
            bound[p] = common
        out = bound.get(result) or _NAMED[result]
        return out if shape is None else Array(out.strong, shape)

    return infer
