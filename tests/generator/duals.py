"""Derivatives by dual numbers: of the text of a program, without irad.

The text runs unchanged in a namespace whose `math`, `np`, `float`, `round`, ... take duals, and whose `irad` is a shim of
nested duals. The numbers are in `dual_numbers`, the arrays in `dual_arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

from tests.generator.dual_arrays import DualArray, array, entered, numpy_module
from tests.generator.dual_numbers import (
    DIGITS,
    FUNCTIONS,
    Dual,
    Real,
    Trace,
    base,
    div,
    divmod_,
    floordiv,
    is_real,
    math_module,
    mod,
    number,
    power,
    precise,
    round_,
    rounding_at_random,
    tracing,
)

__all__ = [
    "DIGITS",
    "FUNCTIONS",
    "SHIM",
    "Dual",
    "Trace",
    "base",
    "directional",
    "div",
    "entered",
    "floordiv",
    "gradient",
    "is_real",
    "leaves",
    "mod",
    "namespace",
    "number",
    "power",
    "precise",
    "rounding_at_random",
    "tracing",
    "turn",
]

_tags = iter(range(1 << 60))


def leaves(v: Any) -> list[Any]:
    """The floats of a structure."""
    if is_real(v):
        return [v]
    if isinstance(v, (tuple, list)):
        return [x for c in v for x in leaves(c)]
    if isinstance(v, np.ndarray):
        return v.ravel().tolist()
    if isinstance(v, dict):
        return [x for c in v.values() for x in leaves(c)]
    if hasattr(v, "__dataclass_fields__"):
        return [x for n in v.__dataclass_fields__ for x in leaves(getattr(v, n))]
    return []


def _each(v: Any, f: Callable[[Any], Any]) -> Any:
    """An array with f of each element, the last axis fastest."""
    return array([f(x) for x in v.ravel().tolist()]).reshape(v.shape)


def _mapped(v: Any, f: Callable[[Any], Any]) -> Any:
    """A structure with f of each float; integers and static values become None."""
    if is_real(v):
        return f(v)
    if isinstance(v, np.ndarray):
        return _each(v, f)
    if isinstance(v, tuple) and hasattr(v, "_fields"):
        return type(v)(*(_mapped(c, f) for c in v))
    if isinstance(v, (tuple, list)):
        return type(v)(_mapped(c, f) for c in v)
    if isinstance(v, dict):
        return {k: _mapped(c, f) for k, c in v.items()}
    return None


def _tangent(v: Any, tag: int) -> Any:
    return v.tangent if isinstance(v, Dual) and v.tag == tag else 0.0


def _primal(v: Any, tag: int) -> Any:
    return v.primal if isinstance(v, Dual) and v.tag == tag else v


def directional(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(*args), its derivative along the tangents); a tangent None is zero. Structures are differentiated by float."""
    tag = next(_tags)

    def seeded(v: Any, t: Any) -> Any:
        if t is None:
            return v
        if isinstance(v, np.ndarray):
            pairs = zip(v.ravel().tolist(), np.ravel(t).tolist(), strict=True)
            return array([seeded(c, d) for c, d in pairs]).reshape(v.shape)
        if isinstance(v, (tuple, list)):
            items = [seeded(c, d) for c, d in zip(v, t, strict=True)]
            return type(v)(*items) if hasattr(v, "_fields") else type(v)(items)
        return Dual(tag, v if is_real(v) else number(float(v)), t)

    out = f(*[seeded(v, t) for v, t in zip(args, tangents, strict=True)])
    return stripped(out, lambda v: _primal(v, tag)), stripped(out, lambda v: _tangent(v, tag), None)


def stripped(v: Any, f: Callable[[Any], Any], other: Any = ...) -> Any:
    """A structure with f of each float; what is no float stays, or becomes `other`."""
    if is_real(v):
        return f(v)
    if isinstance(v, np.ndarray):
        return _each(v, f)
    if isinstance(v, tuple) and hasattr(v, "_fields"):
        return type(v)(*(stripped(c, f, other) for c in v))
    if isinstance(v, (tuple, list)):
        return type(v)(stripped(c, f, other) for c in v)
    if isinstance(v, dict):
        return {k: stripped(c, f, other) for k, c in v.items()}
    return v if other is ... else other


def gradient(f: Callable[..., Any], args: Sequence[Any], argnum: int) -> tuple[Any, Any]:
    """(f(*args), its derivative in one argument, which has that argument's structure): one run a float."""
    count = len(leaves(args[argnum]))
    parts, value = [], None
    for i in range(count):
        counter = iter(range(count))
        tangent = _mapped(args[argnum], lambda v, i=i, counter=counter: 1.0 if next(counter) == i else 0.0)
        value, t = directional(f, args, [tangent if k == argnum else None for k in range(len(args))])
        parts.append(t)
    if count and all(isinstance(p, np.ndarray) for p in parts):  # a Jacobian: the result's axes first
        return value, np.stack(parts, axis=-1).reshape(parts[0].shape + np.shape(args[argnum])).view(DualArray)
    feed = iter(parts)
    return value, _mapped(args[argnum], lambda v: next(feed))


def _many(f: Callable[..., Any], args: Sequence[Any], argnums: int | tuple[int, ...]) -> tuple[Any, Any]:
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    results = [gradient(f, args, n) for n in numbers]
    return results[0][0], results[0][1] if isinstance(argnums, int) else tuple(r[1] for r in results)


def _vjp(f: Callable[..., Any], *primals: Any) -> Any:
    value, parts = _many(f, primals, tuple(range(len(primals))))

    def scaled(part: Any, ct: Any) -> Any:
        if isinstance(ct, np.ndarray):
            k = ct.ndim
            ct = ct.reshape(ct.shape + (1,) * (np.ndim(part) - k))
            return (part * ct).view(DualArray).sum(axis=tuple(range(k)))
        return stripped(part, lambda v: v * ct)

    return value, lambda ct: tuple(scaled(p, ct) for p in parts)


def _stop(v: Any) -> Any:
    return stripped(v, base)


def _hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        *xs, v = args
        return directional(lambda *ys: _many(f, ys, argnums)[1], xs, [v if i == argnums else None for i in range(len(xs))])[1]

    return run


def _shim() -> SimpleNamespace:
    """The module `irad` for duals: what programs call inside."""

    def grad(f: Any, argnums: Any = 0) -> Any:
        return lambda *args: _many(f, args, argnums)[1]

    return SimpleNamespace(
        grad=grad,
        value_and_grad=lambda f, argnums=0: lambda *args: _many(f, args, argnums),
        jvp=lambda f, primals, tangents: directional(f, primals, tangents),
        jacfwd=grad,
        jacrev=grad,
        hessian=lambda f, argnums=0: grad(grad(f, argnums), argnums),
        hvp=_hvp,
        vjp=_vjp,
        stop_gradient=_stop,
        compile=lambda f: f,
    )


SHIM = _shim()


def namespace() -> dict[str, Any]:
    """Names that replace Python's own where a program runs on duals."""
    return {
        "math": math_module(),
        "np": numpy_module(),
        "float": Real,
        "round": round_,
        "pow": power,
        "divmod": divmod_,
        "irad": SHIM,
    }


def turn(v: Any) -> Any:
    """The numbers of a structure as floats."""
    if isinstance(v, (Dual, mpmath.mpf)):
        return float(base(v))
    if isinstance(v, np.ndarray):
        return np.array([turn(x) for x in v.ravel().tolist()]).reshape(v.shape)
    if isinstance(v, tuple) and hasattr(v, "_fields"):
        return type(v)(*map(turn, v))
    if isinstance(v, (tuple, list)):
        return type(v)(map(turn, v))
    if isinstance(v, dict):
        return {k: turn(c) for k, c in v.items()}
    return v
