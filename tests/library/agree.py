"""A call of NumPy's in a compiled function against NumPy itself, and its derivatives against each other and against
differences.

Both raise, or both give the same: dtype, shape, values to 1e-12. Derivatives in forward and reverse mode agree to 1e-11,
with Richardson's differences of NumPy to 1e-6, and second derivatives with differences of the first. Of arrays whose rows share
memory only values are compared.
"""

from __future__ import annotations

import functools
import linecache
import math
import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import integrate, linalg, special

import irad

SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 3), (0,), (2, 1, 3), (1,), (2, 0))
LAYOUTS = ("C", "F", "reversed", "strided", "read-only")
MODES = ("reverse", "forward", "second")
DTYPES = (np.float64, np.float32)
VARIANTS = len(SHAPES) * len(LAYOUTS) * len(MODES) * len(DTYPES)  # a number for each combination: their lengths are coprime
# How well derivatives in forward and reverse mode agree, relatively and absolutely; how well differences do, of which steps.
# Values in single precision are stairs of 1e-7: smaller steps see nothing else, and divide that by 0.03.
DOUBLE = ((1e-11, 1e-13), (1e-6, 1e-8), (1e-3, 1e-4, 1e-5))
SINGLE = ((1e-5, 1e-7), (1e-4, 1e-4), (3e-2,))
NAMES = re.compile(r"\b(?<![.])(z[xyvwm]|[xypkbvwmi])\b(?!\s*=[^=])")


def uses_shape(text: str) -> bool:
    """Whether a call has a variable whose shape is drawn."""
    return any(name[-1] in "xypkb" for name in NAMES.findall(text))


def variant_of(shape: int, layout: int, mode: int, dtype: int) -> int:
    """The number of a combination."""
    wanted = ((shape, SHAPES), (layout, LAYOUTS), (mode, MODES), (dtype, DTYPES))
    return next(v for v in range(VARIANTS) if all(v % len(values) == k % len(values) for k, values in wanted))


def variants_of(text: str) -> list[int]:
    """The numbers of all combinations, those for which the same is compiled together."""
    shaped = [v for v in range(VARIANTS) if uses_shape(text) or v % len(SHAPES) == 0]
    return sorted(shaped, key=lambda v: v % len(SHAPES))


def function_of(text: str, names: list[str]) -> Callable[..., Any]:
    """The function whose body is an expression, or statements that end in `return`."""
    lines = text.split("; ")
    if not lines[-1].startswith("return "):
        lines[-1] = f"return {lines[-1]}"
    source = f"def f({', '.join(names)}):\n" + "".join(f"    {line}\n" for line in lines)
    file = f"<{text}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "linalg": linalg, "special": special, "integrate": integrate, "math": math}
    exec(compile(source, file, "exec"), space)
    return space["f"]  # type: ignore[no-any-return]


def drawn(name: str, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """The value of a variable. No two elements are equal or near zero: no derivative is at a kink."""
    if name[0] == "z":  # complex
        x, y = (drawn(name[1], rng, shape, dtype) for _ in range(2))
        return x + 1j * y if np.ndim(x) else complex(x, y)
    if name in "xyp":
        x = rng.permutation(np.prod(shape, dtype=int)).reshape(shape) * 0.37 + rng.uniform(0.15, 0.25, shape)
        x = x if name == "p" else x - 0.5
    elif name in "vwm":
        x = rng.uniform(0.1, 1.0, (3, 4) if name == "m" else 5) * rng.choice([-1.0, 1.0], (3, 4) if name == "m" else 5)
    else:
        x = {"k": rng.integers(-4, 9, shape), "b": rng.random(shape) < 0.6, "i": rng.integers(0, 3, 4)}[name]
        return x if np.ndim(x) else x.item()
    return x.astype(dtype) if np.ndim(x) else float(x)


def laid_out(x: Any, layout: str) -> Any:
    """The same array in another layout."""
    if np.ndim(x) == 0 or layout == "C":
        return x
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return x[::-1].copy()[::-1]
    if layout == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    x = x.copy()
    x.flags.writeable = False
    return x


def repeated(name: str, x: Any) -> Any:
    """The array that np.broadcast_to makes of its first row: rows that share memory, and are not written to. Nothing has a
    derivative there that differences would find, for elements are equal; of matrices nothing has an inverse."""
    return np.broadcast_to(x[:1], x.shape) if np.ndim(x) and name[-1] != "m" else x


def check(text: str, variant: int, *, modes: tuple[str, ...] | None = None) -> str:
    """One call with arguments drawn for a variant: "" or what is wrong."""
    rng = np.random.default_rng([zlib.crc32(text.encode()), variant])
    names = sorted(set(NAMES.findall(text)))
    shape = SHAPES[variant % len(SHAPES)]
    dtype = DTYPES[variant % len(DTYPES)]
    args = [laid_out(drawn(n, rng, shape, dtype), LAYOUTS[(variant + j) % len(LAYOUTS)]) for j, n in enumerate(names)]
    f, compiled = programs(text, shape)
    with np.errstate(all="ignore"):
        if LAYOUTS[variant % len(LAYOUTS)] == "read-only":
            again = [repeated(n, a) for n, a in zip(names, args, strict=True)]
            want, wrong = values(f, compiled, again)
            if wrong and not divided(want):
                return f"{text} for {dict(zip(names, again, strict=True))}: {wrong}"
        want, wrong = values(f, compiled, args)
        where = f"{text} for {dict(zip(names, args, strict=True))}:"
        if wrong or isinstance(want, Exception):
            return wrong and f"{where} {wrong}"
        return derivatives(f, args, want, modes or (MODES[variant % len(MODES)],), where, rng)


def divided(want: Any) -> bool:
    """Whether equal elements were divided by what they differ by: there is no right result then."""
    return not isinstance(want, Exception) and not all(np.all(np.isfinite(w)) for w in parts(want))


def values(f: Callable[..., Any], compiled: Callable[..., Any], args: list[Any]) -> tuple[Any, str]:
    """What NumPy gives, and what is wrong with what compiled code gives, or ""."""
    want, got = outcome(f, args), outcome(compiled, args)
    if isinstance(want, Exception) or isinstance(got, Exception):
        return want, "" if raised_alike(got, want) else f"got {got!r}, wanted {want!r}"
    wrong = different(got, want)
    return want, wrong and different(got, want, last_bits(f, args, want))


@functools.lru_cache(maxsize=len(SHAPES))
def programs(text: str, shape: tuple[int, ...]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A call as Python runs it and as it is compiled: for each shape apart, for a second one would make sizes symbols. They are
    kept together, for functions whose globals have one identity are one to the cache of programs."""
    f = function_of(text, sorted(set(NAMES.findall(text))))
    return f, irad.compile(f)


def outcome(f: Callable[..., Any], args: list[Any]) -> Any:
    try:
        return f(*args)
    except Exception as e:
        return e


def raised_alike(got: Any, want: Any) -> bool:
    """Both raise; what NumPy finds out by types and shapes, irad may refuse."""
    alike = isinstance(got, (irad.CompileError, type(want))) or isinstance(want, type(got))
    return isinstance(want, Exception) and alike


def parts(x: Any) -> list[Any]:
    return [y for part in x for y in parts(part)] if isinstance(x, (tuple, list)) else [x]


def different(got: Any, want: Any, spread: list[float] | None = None) -> str:
    """How results differ, or "". `spread`: for each part, what it may differ by in any case."""
    if len(parts(got)) != len(parts(want)):
        return f"got {got!r}, wanted {want!r}"
    for g, w, s in zip(parts(got), parts(want), spread or [0.0] * len(parts(want)), strict=True):
        types = [np.asarray(v).dtype if np.ndim(v) else np.asarray(v).dtype.kind for v in (g, w)]  # numbers are Python's
        if np.shape(g) != np.shape(w) or types[0] != types[1]:
            return f"got {np.asarray(g).dtype}{np.shape(g)}, wanted {np.asarray(w).dtype}{np.shape(w)}"
        tolerance = 2e-5 if np.asarray(w).dtype in (np.float32, np.complex64) else 1e-12
        if not np.allclose(g, w, rtol=tolerance, atol=tolerance + s, equal_nan=True):
            return f"got {g!r}, wanted {w!r}"
    return ""


def last_bits(f: Callable[..., Any], args: list[Any], want: Any) -> list[float]:
    """For each part of a result, how far from it another good algorithm may be: ten times what changes in double precision when
    the arguments change by the result's precision, which is much where a matrix is close to one that is singular; and twice
    what NumPy is from its own value in double precision."""
    rng = np.random.default_rng(0)
    exact = [np.asarray(a, np.result_type(a, float)) if np.ndim(a) and np.asarray(a).dtype.kind in "fc" else a for a in args]
    before = parts(outcome(f, exact))
    out = []
    for k, w in enumerate(parts(want)):
        if np.asarray(w).dtype.kind not in "fc" or [np.shape(x) for x in before] != [np.shape(x) for x in parts(want)]:
            out.append(0.0)
            continue
        eps = np.finfo(np.asarray(w).dtype).eps
        floats = [np.asarray(a).dtype.kind in "fc" for a in exact]
        moved = [a * (1.0 + eps * rng.uniform(-1.0, 1.0, np.shape(a))) if x else a for a, x in zip(exact, floats, strict=True)]
        after = parts(outcome(f, [a if np.ndim(a) else np.asarray(a).item() for a in moved]))
        spread = 10.0 * abs(after[k] - before[k]) if np.shape(after[k]) == np.shape(before[k]) else 0.0
        out.append(float(np.max(spread + 2.0 * abs(before[k] - w), initial=0.0)))
    return out


def derivatives(
    f: Callable[..., Any], args: list[Any], want: Any, modes: tuple[str, ...], where: str, rng: np.random.Generator
) -> str:
    """Of a weighted sum of the floats in the result, by the floats among the arguments; complex ones count as two."""
    floats = tuple(j for j, a in enumerate(args) if np.asarray(a).dtype.kind in "fc")
    weights = tuple(rng.standard_normal(np.shape(w)) if np.asarray(w).dtype.kind in "fc" else None for w in parts(want))
    if not floats or all(w is None for w in weights) or not all(np.all(np.isfinite(w)) for w in parts(want)):
        return ""
    kinds = {"f": np.float64, "c": np.complex128}
    args = [np.asarray(a, kinds[np.asarray(a).dtype.kind]) if j in floats and np.ndim(a) else a for j, a in enumerate(args)]
    direction = [rng.uniform(0.5, 1.0, np.shape(args[j])) for j in floats]
    direction = [
        d - 1j * rng.uniform(0.5, 1.0, np.shape(d)) if np.iscomplexobj(args[j]) else d
        for j, d in zip(floats, direction, strict=True)
    ]
    kind = "several" if isinstance(want, (tuple, list)) else np.asarray(want).dtype.kind
    total, gradient, forward, second = derivatives_of(f, kind, floats)
    single = any(np.asarray(w).dtype in (np.float32, np.complex64) for w in parts(f(*args)))
    equal, near, steps = SINGLE if single else DOUBLE
    primals = (weights, *args)
    moves = (None, *tangents(args, floats, direction))
    along = dot(gradient(*primals), direction)
    if "forward" in modes:
        pushed = forward(primals, moves)
        if not np.isclose(along, pushed, rtol=equal[0], atol=equal[1]):
            return f"{where} reverse mode gives {along!r}, forward mode {pushed!r}"
    wrong = no_slope(along, lambda *xs: total(weights, *xs), args, floats, direction, near, steps)
    if not wrong and "second" in modes:
        curve = second(primals, moves, direction)
        wrong = no_slope(curve, lambda *xs: dot(gradient(weights, *xs), direction), args, floats, direction, near, steps, 10.0)
        wrong = wrong and f"of second order: {wrong}"
    return wrong and f"{where} {wrong}"


@functools.lru_cache(maxsize=1)
def derivatives_of(f: Callable[..., Any], kind: str, floats: tuple[int, ...]) -> tuple[Callable[..., Any], ...]:
    """A number made of the results and weights for them; its gradient by the floats, in forward mode, and of second order."""

    def single(weights: Any, *xs: Any) -> Any:
        out = f(*xs)
        return np.sum(out * weights[0]) * 0.1 + np.sum(out * out) * 0.05

    def single_complex(weights: Any, *xs: Any) -> Any:
        out = f(*xs)
        turned = np.sum(out * weights[0] * (0.1 - 0.2j))
        return turned.real + np.sum(out.real * out.real + out.imag * out.imag) * 0.05

    def several(weights: Any, *xs: Any) -> Any:
        value = 0.0
        for part, weight in zip(f(*xs), weights):  # noqa: B905 - irad compiles this
            if weight is not None:
                value = value + np.sum((part.real - 0.3 * part.imag) * weight)
        return value

    total = {"several": several, "c": single_complex}.get(kind, single)
    gradient = irad.grad(total, argnums=tuple(1 + j for j in floats))

    def forward(primals: Any, moves: Any) -> Any:
        return irad.jvp(total, primals, moves)[1]

    def second(primals: Any, moves: Any, direction: Any) -> Any:
        return irad.jvp(lambda *xs: dot(gradient(*xs), direction), primals, moves)[1]

    return total, gradient, irad.compile(forward), irad.compile(second)


def dot(xs: Any, ys: Any) -> Any:
    total = 0.0
    for x, y in zip(xs, ys):  # noqa: B905 - irad compiles this
        total = total + np.sum(x.real * y.real + x.imag * y.imag)
    return total


def tangents(args: list[Any], floats: tuple[int, ...], direction: list[Any]) -> tuple[Any, ...]:
    feed = iter(direction)
    return tuple((d if np.ndim(d := next(feed)) else d.item()) if j in floats else None for j in range(len(args)))


def no_slope(
    value: Any,
    f: Callable[..., Any],
    args: list[Any],
    floats: tuple[int, ...],
    direction: list[Any],
    near: tuple[float, float],
    steps: tuple[float, ...],
    times: float = 1.0,
) -> str:
    """What is wrong with a derivative, or "". A step must be small beside the distance to a pole, and reach no jump: where one
    shows something else, smaller ones are tried."""
    for h in steps:
        slope = difference(f, args, floats, direction, h)
        if np.isclose(value, slope, rtol=times * near[0], atol=times * near[1]):
            return ""
    return f"the derivative is {value!r}, the difference {slope!r}"


def difference(f: Callable[..., Any], args: list[Any], floats: tuple[int, ...], direction: list[Any], h: float = 1e-3) -> float:
    """The slope along a direction by central differences, extrapolated (Richardson, 1911)."""

    def at(h: float) -> float:
        moved = list(args)
        for j, d in zip(floats, direction, strict=True):
            moved[j] = moved[j] + h * d if np.ndim(moved[j]) else np.asarray(moved[j] + h * d).item()
        return float(f(*moved))

    slopes = [(at(h / k) - at(-h / k)) / (2 * h / k) for k in (1, 2)]
    return (4 * slopes[1] - slopes[0]) / 3
