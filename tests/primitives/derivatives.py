"""The laws of derivatives, for whatever takes floats to floats.

- the tangent is the slope of the reference along the direction; where there is none (a kink), partial derivatives lie
  between the slopes of the two sides, and infinite slopes are not finite numbers;
- <ct, jvp(dx)> = <vjp(ct), dx>, for every choice of arguments that derivatives are taken in;
- second order: forward over reverse = reverse over forward = the slope of the first; reverse over reverse;
- single precision agrees with double.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma

from irad.graph.nodes import Node
from irad.primitives.table import Primitive
from irad.types import BOOL, F32, F64, INT, Array, Scalar, Struct, Type, is_float
from irad.types import leaves as leaf_types
from tests.derivatives.oracles import Slope, close, slope
from tests.primitives import compare
from tests.primitives.programs import (
    BACKENDS,
    Derivatives,
    alone,
    application,
    beside,
    expected,
    flatten,
    has_symbols,
    leaves,
    load,
    looped,
    rebuild,
)
from tests.primitives.samples import ERRORS, FACTS, ORDINARY, Application, Sample, accepts, reference, samples

EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 0.3, -0.7, 1.7, -2.3, 1e-100, 30.0, math.inf, -math.inf, math.nan)
EDGES_OF_PAIRS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.37, -2.75, math.inf, math.nan)


# -- numbers: every choice of arguments, at edges of domains ----------------------------------------------------------------


@functools.cache
def scalar_signatures(p: Primitive, floats: Scalar = F64) -> list[Application]:
    """What p takes of numbers with floats among them, and gives as a float."""
    found = []
    for n in (1, 2, 3):
        for types in itertools.product((floats, BOOL), repeat=n):
            for static in itertools.product(*(FACTS[f](types) for f in p.statics)):
                if floats in types and accepts(p, types, static):
                    a = Application(p, types, static)
                    if isinstance(a.out, Scalar) and not a.out.weak and a.out.kind == "f":
                        found.append(a)
    return found


def choices(types: Sequence[Type]) -> list[tuple[int, ...]]:
    """The choices of float arguments that derivatives may be taken in."""
    floats = [i for i, t in enumerate(types) if is_float(t)]
    return [c for n in range(len(floats), 0, -1) for c in itertools.combinations(floats, n)]


@functools.cache
def scalar_program(a: Application, wrt: tuple[int, ...], order: int, backend: str) -> Callable[[Sequence[Any]], Any]:
    def build(b: Any, xs: list[Node]) -> list[Node]:
        return [b.apply(a.p, xs, a.static)]

    out = np.zeros((), a.out.dtype if isinstance(a.out.dtype, np.dtype) else None)[()]  # type: ignore[attr-defined]
    d = Derivatives(a.types, wrt, build, [out])
    return load({1: d.first, 2: d.second, 3: d.mixed}[order](), backend)


def value_at(a: Application, xs: Sequence[float]) -> float:
    try:
        return float(reference(a, [np.float64(x) if is_float(t) else x for t, x in zip(a.types, xs, strict=True)]))
    except ERRORS:
        return math.nan


def check_scalar_derivatives(a: Application, backends: Sequence[str] = BACKENDS, points: Sequence[Any] | None = None) -> None:
    grids = {"f": EDGES if len(a.types) == 1 else EDGES_OF_PAIRS, "b": (False, True)}
    kinds = [t.kind for t in a.types]  # type: ignore[attr-defined]
    for wrt in choices(a.types):
        for xs in points or itertools.product(*(grids[k] for k in kinds)):
            check_point(a, wrt, xs, backends)


def check_point(a: Application, wrt: tuple[int, ...], xs: Sequence[Any], backends: Sequence[str]) -> None:
    dxs, ct = [1.5, -0.5, 2.0][: len(wrt)], 0.75
    first = [scalar_program(a, wrt, 1, b)([*xs, *dxs, ct]) for b in backends]
    value, tangent, *cts = map(float, first[0])
    where = f"{a} at {xs}, wrt {wrt}: value {value}, tangent {tangent}, cotangents {cts}"
    rtol = 1e-6 if F32 in (*a.types, a.out) else 1e-12
    assert close(value, value_at(a, xs), rtol), where
    for other in first[1:]:
        assert all(close(float(x), float(y), rtol) for x, y in zip(first[0], other, strict=True)), f"{where}, {other}"
    scale = sum(abs(c * dx) for c, dx in zip(cts, dxs, strict=True))
    if math.isfinite(tangent) or math.isfinite(scale):
        assert close(ct * tangent, sum(c * dx for c, dx in zip(cts, dxs, strict=True)), rtol, rtol * scale), where
    for i, c in zip(wrt, cts, strict=True):
        if a.p.name == "stop_gradient":
            assert c == 0.0, where
        elif rtol == 1e-12 and all(map(math.isfinite, xs)):
            check_partial(c / ct, lambda y, i=i: value_at(a, [*xs[:i], y, *xs[i + 1 :]]), xs[i], xs, where)
    if rtol == 1e-12 and all(map(math.isfinite, [*xs, value, tangent, *cts])):
        check_second(a, wrt, xs, dxs, ct, backends)


def check_partial(got: float, f: Callable[[float], float], x: float, others: Sequence[float], where: str) -> None:
    """`got` is the derivative of f at x, as far as differences can tell."""
    right, left = (slope(f, x, side, others) for side in (+1, -1))
    if jumps(f, x):
        return  # no derivative, whatever differences seem to converge to
    if not (near(f, x, +1, right) and near(f, x, -1, left)):
        return  # the steps went over jumps that lie close together, as those of x // y and fmod(x, y) at a small y
    if right.known and left.known:
        low, high = min(left.value, right.value), max(left.value, right.value)
        room = 30.0 * (left.error + right.error) + 1e-9 * (1.0 + abs(low) + abs(high))
        if high - low <= room:  # smooth
            assert abs(got - right.value) <= room, (where, left, right)
        else:
            assert math.isnan(got) or low - room <= got <= high + room, (where, left, right)
    elif infinite_slope(f, x):
        assert not math.isfinite(got), where


def near(f: Callable[[float], float], x: float, side: int, found: Slope) -> bool:
    """Whether a slope is that of the function close to x, too, and not only of the larger steps it was found with."""
    h = side * 1e-7 * (abs(x) or 1.0)
    here = (f(x + h) - f(x)) / h
    return not found.known or not math.isfinite(here) or abs(here - found.value) <= 1e-2 * (1.0 + abs(here) + abs(found.value))


def jumps(f: Callable[[float], float], x: float) -> bool:
    """Whether f seems to be discontinuous at x, on a side where it is finite. (A square root at 0 changes by 1e-6 here.)"""
    h = 1e-12 * (abs(x) or 1.0)
    changes = [abs(f(y) - f(x)) for y in (x - h, x + h)]
    return any(math.isfinite(c) and c > 1e-3 * (1.0 + abs(f(x))) for c in changes)


def infinite_slope(f: Callable[[float], float], x: float) -> bool:
    """Whether f is continuous at x, on the sides where it is finite, but the quotients grow without bound."""
    if 0.0 < abs(x) < 1e-3:
        return False  # steps on the scale of x do not grow towards anything
    here, seen = f(x), False
    for sign in (1.0, -1.0):
        heights = [abs(f(x + sign * h) - here) for h in (1e-4, 1e-8, 1e-12)]
        if not all(map(math.isfinite, heights)):
            continue
        if not all(1e-3 * a < b < 0.3 * a for a, b in itertools.pairwise(heights)):
            return False
        seen = True
    return seen


def check_second(
    a: Application, wrt: tuple[int, ...], xs: Sequence[Any], dxs: list[float], ct: float, backends: Sequence[str]
) -> None:
    """The derivative of the cotangents along dx, in three ways, where the first derivative has a slope."""
    results = [float(v) for v in scalar_program(a, wrt, 2, backends[0])([*xs, *dxs, ct])]
    over, under = results[: len(wrt)], results[len(wrt) :]
    first = scalar_program(a, wrt, 1, backends[-1])
    for k, i in enumerate(wrt):

        def along(t: float, k: int = k) -> float:
            moved = list(xs)
            for j, dx in zip(wrt, dxs, strict=True):
                moved[j] = xs[j] + t * dx
            return float(first([*moved, *dxs, ct])[2 + k])

        d = slope(along, 0.0, 0, [abs(x) for x in xs])
        smooth = d.known and not jumps(along, 0.0) and near(along, 0.0, 1, d) and near(along, 0.0, -1, d)
        if smooth and all(map(math.isfinite, (over[k], under[k]))):
            room = 30.0 * d.error + 1e-7 * (1.0 + abs(d.value))
            where = f"{a} at {xs}, wrt {wrt}, second order in {i}: {over[k]}, {under[k]}, slope {d}"
            assert abs(over[k] - d.value) <= room, where
            assert close(over[k], under[k], 1e-9, 1e-9 * (1.0 + max(map(abs, over)))), where


def check_mixed(a: Application, wrt: tuple[int, ...], xs: Sequence[Any], backend: str) -> None:
    """Cotangents are linear in ct: their transpose is the tangent."""
    us = [1.5, -0.5, 2.0][: len(wrt)]
    transposed, tangent = map(float, scalar_program(a, wrt, 3, backend)([*xs, 0.75, *us]))
    assert close(transposed, tangent, 1e-12, 1e-12), f"{a} at {xs}, wrt {wrt}: {transposed} and {tangent}"


def check_single(p: Primitive, backends: Sequence[str] = BACKENDS) -> None:
    """f32 against f64, at ordinary points."""
    for a in scalar_signatures(p, F32):
        if p.name == "convert":
            continue
        wide = Application(p, tuple(F64 if t is F32 else t for t in a.types), a.static)
        wrt = choices(a.types)[0]
        for base in (0.3125, 0.71875, -0.4375, 2.125):
            xs = [base + 0.25 * i if is_float(t) else True for i, t in enumerate(a.types)]
            given = [*xs, *[1.5, -0.5, 2.0][: len(wrt)], 0.75]
            want = scalar_program(wide, wrt, 1, backends[0])(given)
            for backend in backends:
                got = scalar_program(a, wrt, 1, backend)([np.float32(v) if isinstance(v, float) else v for v in given])
                for g, w in zip(got, want, strict=True):
                    assert close(float(g), float(w), 3e-5, 3e-6), f"{a} at {xs} on {backend}: {got}, in double {want}"


# -- arrays and structures: along random directions -------------------------------------------------------------------------


def differentiable(s: Sample) -> bool:
    return any(is_float(t) for t, _ in leaves(s)) and any(np.asarray(v).dtype.kind == "f" for v in expected(s.a.out, s.result))


def argument_choices(s: Sample) -> list[tuple[int, ...]]:
    """Choices of leaves: all floats, and those of each argument alone."""
    floats, at = [], 0
    for t, v in zip(s.a.types, s.values, strict=True):
        count = len(list(flatten(t, v)))
        kinds = leaves(s)[at : at + count]
        floats.append(tuple(at + k for k, (u, _) in enumerate(kinds) if is_float(u)))
        at += count
    every = tuple(i for f in floats for i in f)
    return list(dict.fromkeys([every, *[f for f in floats if f]]))


def directions(s: Sample, wrt: Sequence[int], rng: np.random.Generator, *, level: bool = False) -> list[Any]:
    """A direction for each leaf of `wrt`; a level one moves all elements alike."""
    out = []
    for i in wrt:
        t, v = leaves(s)[i]
        d = np.full(np.shape(v), 1.0) if level else rng.choice([0.75, -1.25, 0.5, 1.5, -0.25], np.shape(v))
        out.append(d.astype(v.dtype) if isinstance(t, Array) else v.dtype.type(d))
    return out


def check_sample_derivatives(s: Sample, backends: Sequence[str] = BACKENDS, *, contexts: bool = True) -> None:
    rng = np.random.default_rng(len(str(s.a)))
    types, values = [t for t, _ in leaves(s)], [v for _, v in leaves(s)]
    outs = [v for v in expected(s.a.out, s.result) if np.asarray(v).dtype.kind == "f"]
    for wrt, level in itertools.product(argument_choices(s), (False, True) if s.a.p.name in TIES else (False,)):
        d = Derivatives(types, wrt, application(s), outs)
        dxs = directions(s, wrt, rng, level=level)
        cts = [np.asarray(rng.choice([0.5, -1.5, 2.0, -0.75], np.shape(v)), np.asarray(v).dtype)[()] for v in outs]
        single = any(np.asarray(v).dtype == np.float32 for v in (*outs, *values))
        rtol, where = (1e-5 if single else 1e-12), f"{s}, wrt {wrt}, along {dxs}, ct {cts}"
        program = d.first()
        used = backends if wrt == argument_choices(s)[0] and not level else backends[:1]
        results = [list(load(program, b)([*values, *dxs, *cts])) for b in used]
        n = len(outs)
        for other in results[1:]:
            assert all(compare.close(x, y, rtol, rtol) for x, y in zip(results[0], other, strict=True)), f"{where}: {results}"
        out, tangent, pulled = results[0][:n], results[0][n : 2 * n], results[0][2 * n :]
        assert all(compare.close(x, y, rtol, rtol) for x, y in zip(out, outs, strict=True)), where
        for x, v in zip(pulled, [values[i] for i in wrt], strict=True):
            assert np.shape(x) == np.shape(v), where
        if not (single and s.a.p.elementwise):  # (those are compared with double precision)
            check_slope(s, wrt, dxs, tangent, 1e-3 if single else 1e-7, f"{where}: tangent {tangent}")
        if not all(np.isfinite(v).all() for v in (*out, *tangent)):
            continue  # out of the domain
        left, right = _dot(cts, tangent), _dot(pulled, dxs)
        scale = _dot([np.abs(c) for c in cts], [np.abs(t) for t in tangent]) + 1.0
        assert close(left, right, rtol, rtol * scale), f"{where}: tangent {tangent}, cotangents {pulled}"
        if contexts and not level:
            check_contexts(s, wrt, values, outs, (dxs, cts), (tangent, pulled), backends[0], where)
        straight = level or s.a.p.name not in TIES  # (a jump of the derivative that is even on both sides looks smooth)
        if straight and not single and wrt == argument_choices(s)[0]:
            check_second_sample(d, program, values, dxs, cts, backends[0], where)


def check_contexts(
    s: Sample, wrt: tuple[int, ...], values: list[Any], outs: list[Any], given: Any, found: Any, backend: str, where: str
) -> None:
    """The same derivatives in a loop; where only one result is read; where the arguments have cotangents of their own."""
    types = [t for t, _ in leaves(s)]
    (dxs, cts), (tangent, pulled) = given, found
    if not any(has_symbols(t) for t, _ in flatten(s.a.out, s.result)):
        loop = Derivatives([*types, INT], wrt, looped(application(s)), outs)
        got = list(load(loop.first(), backend)([*values, 1, *dxs, *cts]))[len(outs) :]
        assert all(compare.close(x, y, 1e-12, 1e-12) for x, y in zip(got, [*tangent, *pulled], strict=True)), f"{where}: {got}"
    if len(outs) > 1:
        nothing = [np.asarray(0 * c, np.asarray(c).dtype)[()] for c in cts[1:]]
        want = list(load(Derivatives(types, wrt, application(s), outs).first(), backend)([*values, *dxs, cts[0], *nothing]))
        single = Derivatives(types, wrt, alone(application(s, hide=False)), outs[:1])
        got = list(load(single.first(), backend)([*values, *dxs, cts[0]]))
        pairs = zip([got[1], *got[2:]], [want[len(outs)], *want[2 * len(outs) :]], strict=True)
        assert all(compare.close(x, y, 1e-12, 1e-12) for x, y in pairs), f"{where}: the first result alone {got}"
    floats = [(t, v) for t, v in leaves(s) if is_float(t)]
    own = [np.full(np.shape(v), 0.5, np.asarray(v).dtype)[()] for _, v in floats]
    both = Derivatives(types, wrt, beside(application(s), types), [*outs, *[v for _, v in floats]])
    got = list(load(both.first(), backend)([*values, *dxs, *cts, *own]))[-len(wrt) :]
    assert all(compare.close(x, y + 0.5, 1e-6, 1e-6) for x, y in zip(got, pulled, strict=True)), f"{where}: beside {got}"


def check_slope(s: Sample, wrt: Sequence[int], dxs: list[Any], tangent: list[Any], rtol: float, where: str) -> None:
    """The tangent against differences of the reference, where it is smooth."""

    def at(t: float) -> list[Any]:
        moved = [v for _, v in leaves(s)]
        for i, dx in zip(wrt, dxs, strict=True):
            moved[i] = (np.asarray(moved[i], float) + t * np.asarray(dx, float)).astype(np.asarray(moved[i]).dtype)[()]
        feed = iter(moved)
        values = [rebuild(u, v, feed) for u, v in zip(s.a.types, s.values, strict=True)]
        return [np.asarray(v, float) for v in expected(s.a.out, reference(s.a, values)) if np.asarray(v).dtype.kind == "f"]

    for g, (want, error) in zip(tangent, extrapolated(at, 2.0**-5 if rtol > 1e-6 else 2.0**-8), strict=True):
        w = 0 * want if s.a.p.name == "stop_gradient" else want
        known = np.isfinite(error)
        assert compare.close(np.where(known, g, 0.0), np.where(known, w, 0.0), rtol, rtol + 0.01 * _most(error)), (
            f"{where}, slope {w}"
        )


def extrapolated(f: Callable[[float], list[Any]], h: float) -> list[tuple[Any, Any]]:
    """(derivative at 0, how far differences still were off) of each array that f gives; inf where f is not smooth there."""
    here = f(0.0)
    sides = [(f(k), f(-k)) for k in (h, h / 2)]
    out = []
    for i, x in enumerate(here):
        (wide, gap), (half, less) = (
            ((up[i] - down[i]) / (2 * k), np.abs(up[i] - 2 * x + down[i]) / k)
            for k, (up, down) in zip((h, h / 2), sides, strict=True)
        )
        want = half + (half - wide) / 3
        smooth = np.isfinite(want) & (less <= 0.6 * gap + 1e-9 * (1.0 + np.abs(want)))
        out.append((np.where(smooth, want, 0.0), np.where(smooth, np.abs(want - wide), np.inf)))
    return out


def _most(error: Any) -> float:
    return float(np.max(np.where(np.isfinite(error), error, 0.0), initial=0.0))


def check_second_sample(
    d: Derivatives, first: Any, values: list[Any], dxs: list[Any], cts: list[Any], backend: str, where: str
) -> None:
    """Along dx: forward over reverse, reverse over forward and the slope of the cotangents; reverse over reverse."""
    n = len(d.wrt)
    results = list(load(d.second(), backend)([*values, *dxs, *cts]))
    run = load(first, backend)

    def at(t: float) -> list[Any]:
        moved = list(values)
        for i, dx in zip(d.wrt, dxs, strict=True):
            moved[i] = moved[i] + t * dx
        return [np.asarray(v, float) for v in list(run([*moved, *dxs, *cts]))[2 * len(cts) :]]

    for over, under, (want, error) in zip(results[:n], results[n:], extrapolated(at, 2.0**-8), strict=True):
        known = np.isfinite(error)
        x, y = np.where(known, over, 0.0), np.where(known, under, 0.0)
        room = 0.01 * _most(error)
        assert compare.close(x, want, 1e-6, 1e-6 + room), f"{where}: second order {over}, slope {want}"
        assert compare.close(x, y, 1e-10, 1e-10 * (1.0 + _most(want))), (
            f"{where}: forward over reverse {over}, reversed {under}"
        )
    transposed = list(load(d.mixed(), backend)([*values, *cts, *dxs]))
    for x, y in zip(transposed[: len(cts)], transposed[len(cts) :], strict=True):
        assert compare.close(x, y, 1e-12, 1e-12 * (1.0 + float(np.max(np.abs(y), initial=0.0)))), (
            f"{where}: transposed {x}, {y}"
        )


def _dot(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    return float(sum(np.sum(np.asarray(x, float) * np.asarray(y, float)) for x, y in zip(xs, ys, strict=True)))


# -- all of it --------------------------------------------------------------------------------------------------------------

PROMISED: dict[str, Any] = {  # partial derivatives where there is no slope, or where differences cannot tell it
    "pow": [((0.0, 0.0), (0.0, 0.0)), ((0.0, 1.0), (1.0, 0.0)), ((0.0, 2.0), (0.0, 0.0))],
    "abs": [((0.0,), (0.0,)), ((-0.0,), (0.0,))],
    "maximum": [((1.5, 1.5), (0.5, 0.5))],
    "minimum": [((-1.5, -1.5), (0.5, 0.5))],
    **dict.fromkeys(("max", "min"), (((math.nan, 1.0), (math.nan, math.nan)),)),
    "asin": [((1.0 - 2.0**-40,), ((2.0**-39 - 2.0**-80) ** -0.5,))],
    "acos": [((1.0 - 2.0**-40,), (-((2.0**-39 - 2.0**-80) ** -0.5),))],
    "fmod": [((1.0, 0.1), (1.0, -9.0)), ((-1.0, 0.1), (1.0, 9.0)), ((5.0, math.inf), (1.0, 0.0))],
    "mod": [((1.0, 0.1), (1.0, -9.0)), ((-1.0, 0.1), (1.0, 10.0))],
    "lgamma": [((x,), (float(digamma(x)),)) for x in (0.3, 1e-3, 2.5, 12.5, -0.7, -20.3, -1000.25, -1e6 - 0.375)],
    "prod": [
        ((x, y), (y, x))
        for x, y in ((0.0, 3.0), (1e200, 1e200), (-1e200, 1e200), (1e-200, 1e-200), (1e-160, 1e-163), (math.inf, 2.0))
    ],
}
TIES = ("max", "min", "maximum", "minimum")
SPECIAL_OF: dict[str, Any] = {  # values at which the rule of an operation has a case of its own
    "prod": ((0.0, 0.0, 1.5, -2.0, 0.75), (0.0,)),
    **dict.fromkeys(TIES, ((1.5, 1.5, -0.5),)),
}
DOMAINS = ((0.3, 0.45, 0.6, 0.8), (1.2, 1.7, 2.3, 3.1), ORDINARY)  # of elementary functions


def derivative_samples(p: Primitive, count: int) -> list[Sample]:
    def wide(a: Application) -> bool:
        """Whether floats go in, and all sizes are positive."""
        kinds = [u for t in a.types for u in (leaf_types(t) if isinstance(t, Struct) else [getattr(t, "item", t)])]
        shapes = [t.shape for t in (*a.types, a.out) if isinstance(t, Array)]
        return not all(isinstance(u, Scalar) and u.kind != "f" for u in kinds) and not any(0 in shape for shape in shapes)

    if p.elementwise:
        found = [s for d in DOMAINS for s in samples(p, count // 3, d)]
    else:
        found = samples(p, 3 * count, ORDINARY, keep=wide)
    for floats in SPECIAL_OF.get(p.name, ()):
        found += samples(p, 3 * count, floats, keep=lambda a: F64 in (getattr(t, "dtype", t) for t in a.types))
    return [s for s in found if differentiable(s)]


def partials_of_numbers(p: Primitive, xs: Sequence[float], backend: str) -> list[float]:
    program = scalar_program(Application(p, (F64,) * len(xs), ()), tuple(range(len(xs))), 1, backend)
    return [float(v) for v in program([*xs, *[1.0] * len(xs), 1.0])][2:]


def partials_of_items(p: Primitive, xs: Sequence[float], backend: str) -> Any:
    """The partial derivatives of a reduction of a vector."""
    d = Derivatives([Array(F64, (len(xs),))], (0,), lambda b, args: [b.apply(p, args, ((0,),))], [np.float64()])
    return list(load(d.first(), backend)([np.array(xs), np.ones(len(xs)), 1.0]))[2]


def check_derivatives(p: Primitive, backends: Sequence[str] = BACKENDS, count: int = 6) -> None:
    """All laws of derivatives of a primitive without graphs."""
    for xs, want in PROMISED.get(p.name, ()):
        for backend in backends:
            got = (partials_of_numbers if p.elementwise else partials_of_items)(p, xs, backend)
            assert compare.close(got, want, 1e-14, 0.0), f"{p} at {xs} on {backend}: {got}, where {want} are promised"
    for a in scalar_signatures(p) if p.elementwise else ():
        check_scalar_derivatives(a, backends)
        for wrt in choices(a.types):
            check_mixed(
                a, wrt, [0.625, 0.375, -0.25][: len(a.types)] if BOOL not in a.types else [True, 0.5, 0.25], backends[0]
            )
    if p.elementwise:
        check_single(p, backends)
    for k, s in enumerate(derivative_samples(p, count)):
        if not p.elementwise or all(isinstance(t, Array) for t in s.a.types):
            often = k % (6 if p.elementwise else 2) == 0
            check_sample_derivatives(s, backends if k % 6 == 0 else backends[:1], contexts=often)
