"""The derivative of every scalar operation, from the registry: a new record is tested without a new line here.

Each is run as IR text through the pipeline that ships, on both backends, and compared with differences of its NumPy
reference. Laws, at generated numbers and at the edges of domains:
- where the function has a derivative, that is the result: neither zero nor NaN instead;
  (of finite arguments: an infinite one may give NaN, inf * 0, and only the other laws hold);
- at a kink the result lies between the slopes of the two sides, or is NaN; where the slope is infinite, it is not finite;
- <ct, jvp(dx)> = <vjp(ct), dx>; both backends agree; f32 agrees with f64 to single precision.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from irad.errors import CompileError
from irad.primitives import REGISTRY
from irad.primitives.table import Missing, Primitive
from irad.types import BOOL, F32, FLOAT, I64, INT, Scalar, Type
from tests.derivatives.oracles import BACKENDS, Slope, close, slope

STATICS = {"to": (FLOAT, F32, I64)}  # the compile-time facts that scalar operations take
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-100, 30.0, math.inf, -math.inf, math.nan)
EDGES_OF_PAIRS = (0.0, -0.0, 1.0, -1.0, 2.0, math.inf, math.nan)


@functools.cache
def signatures(p: Primitive, floats: Scalar) -> list[tuple[tuple[Scalar, ...], tuple[Scalar, ...], Scalar]]:
    """What p takes of numbers with this float type and gives as a float: (types, static facts, result)."""
    found = []
    for count in (1, 2, 3):
        for types in itertools.product((floats, BOOL, INT), repeat=count):
            for static in itertools.product(*(STATICS[name] for name in p.statics)):
                try:
                    out = p.type_of(types, static)
                except (CompileError, TypeError, ValueError):
                    continue  # not for these
                if floats in types and isinstance(out, Scalar) and out.kind == "f":
                    found.append((types, static, out))
    return found


SCALAR = [p for p in REGISTRY.values() if p.elementwise]
DIFFERENTIABLE = [p for p in SCALAR if signatures(p, FLOAT)]


@functools.cache
def program(p: Primitive, types: tuple[Type, ...], static: tuple[Scalar, ...], out: Scalar, backend: str):
    """(value, tangent, cotangents) of (*xs, *dxs, ct), with one dx for each float."""
    wrt = [i for i, t in enumerate(types) if t.kind == "f"]
    facts = ", ".join(["", *(f"{n}={v}" for n, v in zip(p.statics, static, strict=True))])
    xs = [f"%x{i}" for i in range(len(types))]
    params = ", ".join([f"%x{i}: {t}" for i, t in enumerate(types)] + [f"%dx{i}: {types[i]}" for i in wrt] + [f"%ct: {out}"])
    marks = ",".join(map(str, wrt)) + ("," if len(wrt) == 1 else "")
    residual, cts = f"@f.res.{'.'.join(map(str, wrt))}", f"({', '.join(str(types[i]) for i in wrt)},)"
    cts = cts if len(wrt) == 1 else cts.replace(",)", ")")
    text = f"""
    graph @main({params}) -> ({out}, {out}, {cts}) {{
      %j: ({out}, {out}) = jvp(@f, {", ".join([*xs, *(f"%dx{i}" for i in wrt)])}, wrt=({marks}));
      %out: {out} = getitem(%j, index=0);
      %tangent: {out} = getitem(%j, index=1);
      %v: ({out}, {residual}) = vjp_forward(@f, {", ".join(xs)}, wrt=({marks}));
      %r: {residual} = getitem(%v, index=1);
      %cts: {cts} = vjp_backward(@f, %r, %ct, wrt=({marks}));
      %all: ({out}, {out}, {cts}) = make_tuple(%out, %tangent, %cts);
      return %all;
    }}
    graph @f({", ".join(f"%y{i}: {t}" for i, t in enumerate(types))}) -> {out} {{
      %value: {out} = {p.name}({", ".join(f"%y{i}" for i in range(len(types)))}{facts});
      return %value;
    }}
    """
    return irad.compile(irad.parse_ir(text), backend=backend)


def value_at(p: Primitive, static: tuple[Scalar, ...], xs: list) -> float:
    with np.errstate(all="ignore"):
        return float(p.ref(*xs, **dict(zip(p.statics, static, strict=True))))


def check_partial(got: float, f, x: float, others: list[float]) -> None:
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
            assert abs(got - right.value) <= room, (got, left, right)
        else:
            assert math.isnan(got) or low - room <= got <= high + room, (got, left, right)
    elif infinite_slope(f, x):
        assert not math.isfinite(got), got


def near(f, x: float, side: int, found: Slope) -> bool:
    """Whether a slope is that of the function close to x, too, and not only of the larger steps it was found with."""
    h = side * 1e-7 * (abs(x) or 1.0)
    here = (f(x + h) - f(x)) / h
    return not found.known or not math.isfinite(here) or abs(here - found.value) <= 1e-2 * (1.0 + abs(here) + abs(found.value))


def jumps(f, x: float) -> bool:
    """Whether f seems to be discontinuous at x, on a side where it is finite. (A square root at 0 changes by 1e-6 here.)"""
    h = 1e-12 * (abs(x) or 1.0)
    changes = [abs(f(y) - f(x)) for y in (x - h, x + h)]
    return any(math.isfinite(c) and c > 1e-3 * (1.0 + abs(f(x))) for c in changes)


def infinite_slope(f, x: float) -> bool:
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


def numbers(edges: tuple[float, ...]) -> st.SearchStrategy[float]:
    """Floats where elementary functions vary, and edges. (Two digits: differences cannot resolve what is next to an edge.)"""
    return st.one_of(
        st.sampled_from(edges), *(st.floats(a, b).map(lambda v: round(v, 2)) for a, b in ((-4, 4), (0, 1), (-30, 30)))
    )


def arguments(types: tuple[Scalar, ...]) -> st.SearchStrategy[list]:
    kinds = {"f": numbers(EDGES if len(types) == 1 else EDGES_OF_PAIRS), "b": st.booleans(), "i": st.integers(-5, 5)}
    return st.tuples(*(kinds[t.kind] for t in types)).map(list)


@pytest.mark.parametrize("p", DIFFERENTIABLE, ids=str)
def test_derivative(p: Primitive) -> None:
    assert not isinstance(p.vjp, Missing), f"{p} takes floats to floats; what its derivative is must be said"

    @settings(max_examples=30, deadline=None)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        types, static, out = data.draw(st.sampled_from(signatures(p, FLOAT)))
        xs = data.draw(arguments(types))
        wrt = [i for i, t in enumerate(types) if t.kind == "f"]
        ct, *dxs = data.draw(st.tuples(*[st.sampled_from((0.75, -1.25, 2.0))] * (len(wrt) + 1)))
        check(p, types, static, out, xs, dxs, ct)

    law()


@pytest.mark.parametrize("p", DIFFERENTIABLE, ids=str)
def test_derivative_at_edges(p: Primitive) -> None:
    for types, static, out in signatures(p, FLOAT):
        choices = {"f": EDGES if len(types) == 1 else EDGES_OF_PAIRS, "b": (False, True), "i": (0, 1)}
        wrt = [i for i, t in enumerate(types) if t.kind == "f"]
        for xs in itertools.product(*(choices[t.kind] for t in types)):
            check(p, types, static, out, list(xs), [1.5, -0.5, 2.0][: len(wrt)], 0.75)


def check(p: Primitive, types, static, out: Scalar, xs: list, dxs: list[float], ct: float) -> None:
    wrt = [i for i, t in enumerate(types) if t.kind == "f"]
    results = [program(p, types, static, out, b)(*xs, *dxs, out.dtype.type(ct) if out is F32 else ct) for b in BACKENDS]
    value, tangent, cts = results[0]
    rtol = 1e-6 if out is F32 else 1e-12
    assert close(float(value), value_at(p, static, xs), rtol)
    for g, w in zip(flat(results[0]), flat(results[1]), strict=True):
        assert close(g, w, rtol), results
    left, right = ct * float(tangent), sum(float(c) * dx for c, dx in zip(cts, dxs, strict=True))
    if math.isfinite(left) or math.isfinite(right):
        scale = sum(abs(float(c) * dx) for c, dx in zip(cts, dxs, strict=True))
        assert close(left, right, rtol, rtol * scale), (tangent, cts)
    for i, c in zip(wrt, cts, strict=True):
        if p.name == "stop_gradient":
            assert c == 0.0
        elif out is FLOAT and all(map(math.isfinite, xs)):
            check_partial(float(c) / ct, lambda y, i=i: value_at(p, static, [*xs[:i], y, *xs[i + 1 :]]), xs[i], xs)


def flat(v) -> list[float]:
    return [x for c in v for x in flat(c)] if isinstance(v, tuple) else [float(v)]


@pytest.mark.parametrize("p", DIFFERENTIABLE, ids=str)
def test_derivative_in_single_precision(p: Primitive) -> None:
    for types, static, out in signatures(p, F32):
        if p.name == "convert":
            continue
        double = tuple(FLOAT if t is F32 else t for t in types)
        wide = next(s for s in signatures(p, FLOAT) if s[:2] == (double, static))
        for base in (0.3125, 0.71875, -0.4375, 2.125):
            xs = [base + 0.25 * i if t.kind == "f" else True if t is BOOL else 2 for i, t in enumerate(types)]
            dxs = [1.5, -0.5, 2.0][: sum(t.kind == "f" for t in types)]
            narrow = [np.float32(v) if isinstance(v, float) else v for v in (*xs, *dxs, 0.75)]
            for backend in BACKENDS:
                got = program(p, types, static, out, backend)(*narrow)
                for g, w in zip(flat(got), flat(program(p, *wide, backend)(*xs, *dxs, 0.75)), strict=True):
                    assert close(g, w, 3e-5, 3e-6), (xs, got)


def test_the_registry_is_covered() -> None:
    """Operations from floats to floats that no signature here reaches would go untested."""
    missed = [p for p in SCALAR if p.partials is not None and p not in DIFFERENTIABLE]
    assert not missed
    assert len(DIFFERENTIABLE) >= 40
