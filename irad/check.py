"""check_grads: derivatives of any order against finite differences, and forward mode against reverse mode.

Both are taken along random directions. Differences are central, of step h and h / 2, extrapolated to h = 0 (Richardson,
1911), so that their error is of order h^4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irad.api import compile, jvp, vjp
from irad.errors import public, refuse
from irad.specialize.entry import type_of
from irad.structures import assemble, flatten
from irad.types import Array, Scalar, Type, leaves

__all__ = ["FirstOrder", "check_grads", "first_order", "gradient"]

STEP = 1e-3
Floats = np.ndarray[Any, np.dtype[np.float64]]


@public
def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Check the derivatives of f at `args`, up to `order`, in every argument that holds floats.

    f: compiled, transformed or plain; args: its arguments. rtol, atol: what two derivatives may differ by; they are for
    functions that vary on the scale of their arguments. seed: of the random directions.

    Raises AssertionError with the order, the mode and both values where derivatives disagree; CompileError where f cannot
    be compiled; ValueError for an order below 1 or an f whose values are not finite at `args`.
    """
    if order < 1:
        raise ValueError(f"order is {order}: the lowest derivative is the first")
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise refuse(
            "wrong-arguments",
            f"check_grads takes the arguments as a tuple, not {type(args).__name__}",
            help="write (x,) for one",
        )
    _check(f, tuple(args), order, 1, np.random.default_rng(seed), rtol, atol, "")


def _check(
    f: Any, args: tuple[Any, ...], order: int, depth: int, rng: np.random.Generator, rtol: float, atol: float, path: str
) -> None:
    d = first_order(f, args, rng)
    direction, ct = d.direction, d.ct
    _agree(d.forward, d.difference, rtol, atol, f"{path}forward mode, order {depth}, against differences")
    _agree(
        np.array([d.reverse]),
        np.array([d.product]),
        rtol,
        atol + rtol * d.scale,
        f"{path}reverse mode, order {depth}, against forward mode",
    )
    if order > depth:

        def pushed(*xs: Any) -> Any:
            return jvp(f, xs, direction)[1]

        def pulled(*xs: Any) -> Any:
            return vjp(f, *xs)[1](ct)

        _check(pushed, args, order, depth + 1, rng, rtol, atol, f"{path}jvp, ")
        _check(pulled, args, order, depth + 1, rng, rtol, atol, f"{path}vjp, ")


class FirstOrder(NamedTuple):
    """First derivatives along a random direction: of every number of the result, and of its product with a cotangent."""

    direction: tuple[Any, ...]
    ct: Any
    forward: Floats
    difference: Floats
    reverse: float  # <ct, derivative> by reverse mode
    product: float  # by forward mode
    scale: float  # of the terms that are summed


def first_order(f: Any, args: tuple[Any, ...], rng: np.random.Generator) -> FirstOrder:
    """The derivative of f at `args` by forward mode, reverse mode and differences. Raises as `check_grads` does."""
    direction = tuple(_direction(a, rng) for a in args)
    if all(d is None for d in direction):
        raise refuse(
            "not-a-float", "no argument holds a float: there is no derivative to check", help="pass floats: 3.0, not 3"
        )
    out, tangent = jvp(f, args, direction)
    ct = _direction(out, rng)
    if ct is None:
        raise refuse("not-a-float", "the result holds no float: it has no derivative", help="return a float")
    kind = type_of(out)
    forward = _floats(tangent, kind)
    cotangents = vjp(f, *args)[1](ct)
    reverse = sum(
        float(_floats(c, type_of(a)) @ _floats(d, type_of(a)))
        for a, c, d in zip(args, cotangents, direction, strict=True)
        if d is not None
    )
    product = float(_floats(ct, kind) @ forward)
    scale = float(np.abs(_floats(ct, kind)) @ np.abs(forward))
    return FirstOrder(direction, ct, forward, _difference(f, args, direction), reverse, product, scale)


def gradient(f: Any, ct: Any, *args: Any) -> Any:
    """The cotangents of the arguments. ct is an argument, so that all ct share what is compiled."""
    return vjp(f, *args)[1](ct)


def _is_float(t: Type) -> bool:
    scalar = t.dtype if isinstance(t, Array) else t
    return isinstance(scalar, Scalar) and scalar.kind == "f"


def _parts(value: Any, t: Type) -> list[tuple[Any, Type]]:
    """The leaves of a value of type t with their types."""
    out: list[Any] = []
    flatten(value, t, out)
    return list(zip(out, leaves(t), strict=True))


def _floats(value: Any, t: Type) -> Floats:
    """All floats in a value of type t (or in a tangent of one), as a vector."""
    return np.concatenate([np.ravel(np.asarray(x, np.float64)) for x, u in _parts(value, t) if _is_float(u)] or [np.zeros(0)])


def _direction(value: Any, rng: np.random.Generator) -> Any:
    """A random tangent of a value, in its structure; None where it holds no floats."""
    t = type_of(value)
    parts = _parts(value, t)
    if not any(_is_float(u) for _, u in parts):
        return None
    feed = iter(
        [
            rng.uniform(-1.0, 1.0, np.shape(x)).astype(u.dtype.dtype)
            if isinstance(u, Array)
            else float(rng.uniform(-1.0, 1.0))
            if _is_float(u)
            else None
            for x, u in parts
        ]
    )
    return assemble(t, lambda u: next(feed))


def _moved(value: Any, direction: Any, h: float) -> Any:
    """value + h * direction."""
    if direction is None:
        return value
    t = type_of(value)
    feed = iter(
        [
            (x + np.asarray(h * d, u.dtype.dtype) if isinstance(u, Array) else x + h * d) if _is_float(u) else x
            for (x, u), (d, _) in zip(_parts(value, t), _parts(direction, t), strict=True)
        ]
    )
    return assemble(t, lambda u: next(feed))


def _difference(f: Any, args: tuple[Any, ...], direction: tuple[Any, ...]) -> Floats:
    """The derivative of f along a direction, by differences of the compiled f."""
    value = compile(f)

    def at(h: float) -> Floats:
        out = value(*[_moved(a, d, h) for a, d in zip(args, direction, strict=True)])
        found = _floats(out, type_of(out))
        if not np.isfinite(found).all():
            raise ValueError(f"the function is not finite {h:g} from the arguments: {out!r}")
        return found

    def central(h: float) -> Floats:
        return (at(h) - at(-h)) / (2.0 * h)

    return (4.0 * central(STEP / 2) - central(STEP)) / 3.0


def _agree(found: Floats, expected: Floats, rtol: float, atol: float, what: str) -> None:
    bad = ~(np.abs(found - expected) <= atol + rtol * np.abs(expected))  # NaN is bad
    if bad.any():
        i = int(np.argmax(bad))
        raise AssertionError(
            f"{what}: {float(found[i])!r} where {float(expected[i])!r} is expected "
            f"({int(bad.sum())} of {len(found)} numbers differ)"
        )
