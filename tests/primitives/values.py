"""The laws of values: what every backend must give of a primitive.

`check_numbers` takes an elementwise operation through all combinations of special numbers, as scalars, as arrays and with
a constant; `check_samples` any operation through generated shapes, facts and structures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irad.graph.build import constant
from irad.graph.nodes import Constant, Node
from irad.primitives.linalg import LINALG
from irad.primitives.products import PRODUCTS
from irad.primitives.scalar import FUNCTION_COST
from irad.primitives.table import Primitive
from irad.types import BOOL, FLOAT, INT, Array, Scalar
from tests.primitives.compare import same_bits, within_ulps
from tests.primitives.programs import BACKENDS, build_graph, builder, expected, leaves, load, run, value_program
from tests.primitives.samples import DTYPES, ERRORS, FACTS, SPECIAL, Application, Sample, accepts, infer, reference, samples

FLOATS = (
    *(0.0, 1.0, 0.5, 2.0, 3.7, 2.5, 0.1, math.pi / 2, 30.0, 745.2, 1e10, 1e22, 2.0**31, 2.0**63),
    *(5e-324, 1e-45, 1e-310, 2.2250738585072014e-308, 1.1754943508222875e-38, 1e-17),
    *(3.4028234663852886e38, 1.7976931348623157e308, 1e155, math.inf),
)
INTS = (0, 1, 2, 3, 5, 7, 31, 32, 33, 63, 64, 65, 100, 46341, 2**31 - 1, 2**31, 3037000500, 2**63 - 1)
CONSTANTS = {"f": (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, -2.0, 7.0, 10.0, 0.1, math.inf, math.nan), "i": INTS, "b": (0, 1)}


def specials(t: Scalar) -> list[Any]:
    """Numbers of a type where something may go wrong, with both signs."""
    with np.errstate(over="ignore"):
        if t.kind == "f":
            return [t.dtype.type(s * v) for v in FLOATS for s in (1.0, -1.0)] + [t.dtype.type(math.nan)]
    if t.kind == "b":
        return [np.False_, np.True_]
    low, high = np.iinfo(t.dtype).min, np.iinfo(t.dtype).max
    numbers = {s * v for v in INTS for s in (1, -1)} | {low, low + 1, high, high - 1}
    return [t.dtype.type(v) for v in sorted(numbers) if low <= v <= high]


def signatures(p: Primitive) -> list[Application]:
    """What p takes of numbers: each machine type, and Python's own."""
    found = []
    for n in (1, 2, 3):
        for t in (*DTYPES, FLOAT, INT):
            for types in ((t,) * n, (BOOL, *[t] * (n - 1))):
                for static in itertools.product(*(FACTS[f](types) for f in p.statics)):
                    if accepts(p, types, static):
                        found.append(Application(p, types, static))
    return list(dict.fromkeys(found))


def tolerance(p: Primitive, t: Any, *, array: bool) -> int:
    """Units in the last place. IEEE 754 fixes the results of arithmetic. The functions of the C library are called by
    name, and the reference calls them too; on arrays it calls NumPy's own, which are good to 4 units."""
    dtype = t.dtype if isinstance(t, Array) else t
    if dtype.kind != "f" or p.cost < FUNCTION_COST or p.name in ("floordiv", "mod", "fmod"):
        return 0
    if p.name == "lgamma":  # the reference calls Python's own, good to 1e-15 where the result is small
        return 128
    return 4 if array else 0 if dtype.width == 64 else 1  # f32: the reference rounds a double


def outcomes(a: Application, points: Sequence[Sequence[Any]]) -> list[Any]:
    """The reference at each point, or the class of what it raises."""
    out = []
    for xs in points:
        try:
            out.append(np.asarray(reference(a, xs))[()])
        except ERRORS as e:
            out.append(type(e))
    return out


def combinations(types: Sequence[Scalar]) -> list[tuple[Any, ...]]:
    return list(itertools.product(*map(specials, types)))


def declared(a: Application, value: Any) -> bool:
    """Whether a value is of the type that the type rule says."""
    t = infer(a.p, a.types, a.static)
    dtype, rank = (t.dtype, t.rank) if isinstance(t, Array) else (t, 0)
    assert isinstance(dtype, Scalar)
    return np.asarray(value).dtype == dtype.dtype and np.ndim(value) == rank


def native(a: Application, value: Any) -> Any:
    """A result in the dtype that the type rule says; numbers cross the call as Python's."""
    return in_dtype(infer(a.p, a.types, a.static), value)


def in_dtype(t: Any, value: Any) -> Any:
    dtype = (t.dtype if isinstance(t, Array) else t).dtype
    if type(value) is {"f": float, "i": int, "b": bool}[dtype.kind]:
        with np.errstate(over="ignore"):
            made = dtype.type(value)
        return made if made == value or made != made else value
    return value


def check_numbers(a: Application) -> None:
    """Scalars, arrays, constants: the reference's bits."""
    assert all(isinstance(t, Scalar) for t in a.types)
    types: Sequence[Any] = a.types
    points = combinations(types)
    wanted = outcomes(a, points)
    for value in wanted:
        assert isinstance(value, type) or declared(a, value), f"{a}: the reference gives {value!r} of {value.dtype}"
    check_scalars(a, points, wanted)
    check_folding(a, points, wanted)
    if not any(t.weak for t in types):
        check_arrays(a, points, wanted)
    if len(types) == 2:
        check_constants(a)


def either_zero(p: Primitive, got: Any, want: Any) -> bool:
    """The greater of 0.0 and -0.0 is either, in NumPy too (it depends on the processor)."""
    return p.name in ("maximum", "minimum", "max", "min") and bool(np.all(((got == 0) & (want == 0)) | same_each(got, want)))


def same_each(x: Any, y: Any) -> Any:
    return (x == y) | ((x != x) & (y != y))


def _complain(a: Application, xs: Any, got: Any, want: Any, where: str) -> str:
    return f"{a} at {xs}: {where} gives {got!r}, the reference {want!r}"


def check_scalars(a: Application, points: Sequence[Any], wanted: Sequence[Any]) -> None:
    b = builder()
    build_graph(b, "main", a.types, lambda b, xs: [b.apply(a.p, xs, a.static)])
    ulps = tolerance(a.p, a.out, array=False)
    for backend in BACKENDS:
        f, every = load(b.module, backend), max(1, len(points) // 25) if backend == "interpreter" else 1
        for xs, want in list(zip(points, wanted, strict=True))[::every]:
            check_call(a, f, xs, want, ulps if backend == "llvm" else 0, backend)


def check_call(a: Application, f: Any, xs: Any, want: Any, ulps: int, where: str) -> None:
    try:
        got = native(a, f(xs)[0])
    except ERRORS as e:
        got = type(e)
    if isinstance(want, type) or isinstance(got, type):
        assert got is want, _complain(a, xs, got, want, where)
    else:
        assert within_ulps(got, want, ulps) or either_zero(a.p, got, want), _complain(a, xs, got, want, where)


def check_folding(a: Application, points: Sequence[Any], wanted: Sequence[Any]) -> None:
    """What the Builder makes of constants, where it makes a constant of them."""
    b = builder()
    b.folding = True
    b.enter(b.new_graph("main"))
    for xs, want in list(zip(points, wanted, strict=True))[:: max(1, len(points) // 200)]:
        node = b.apply(a.p, [_constant(t, x) for t, x in zip(a.types, xs, strict=True)], a.static)
        if isinstance(node, Constant):
            got = node.type.dtype.type(node.value)  # type: ignore[attr-defined]
            assert not isinstance(want, type), _complain(a, xs, got, want, "folding")
            assert same_bits(got, want), _complain(a, xs, got, want, "folding")


def _constant(t: Any, x: Any) -> Node:
    return constant(t, {"f": float, "i": int, "b": bool}[t.kind](x))


def check_arrays(a: Application, points: Sequence[Any], wanted: Sequence[Any]) -> None:
    """All points at once, as the elements of arrays; those that raise by themselves."""
    good = [k for k, w in enumerate(wanted) if not isinstance(w, type)]
    columns = [np.array([points[k][i] for k in good]) for i in range(len(a.types))]
    whole = Application(a.p, tuple(Array(t, (len(good),)) for t in a.types), a.static)  # type: ignore[arg-type]
    want = reference(whole, columns)
    assert declared(whole, want), f"{whole}: the reference gives {np.asarray(want).dtype}"
    ulps = tolerance(a.p, a.out, array=True)
    for backend in BACKENDS:
        b = builder()
        build_graph(b, "main", whole.types, lambda b, xs: [b.apply(a.p, xs, a.static)])
        (got,) = run(b.module, columns, backend)
        for k, (g, w, single) in enumerate(zip(got, want, [wanted[k] for k in good], strict=True)):
            limit = ulps if backend == "llvm" else 0
            assert within_ulps(g, w, limit) or either_zero(a.p, g, w), _complain(whole, points[good[k]], g, w, backend)
            if a.p.cost < FUNCTION_COST:
                assert same_bits(w, single) or either_zero(a.p, w, single), (
                    f"{a}: the reference is another one on arrays, at {points[good[k]]}"
                )


def check_constants(a: Application) -> None:
    """A known second argument is lowered in its own way."""
    t: Any = a.types[1]
    known = [v for v in specials(t) if t.kind != "f"] if t.kind != "f" else [t.dtype.type(v) for v in CONSTANTS["f"]]
    first = specials(a.types[0])  # type: ignore[arg-type]
    values = [c for c in known if not any(isinstance(w, type) for w in outcomes(a, [(x, c) for x in first]))]
    b = builder()
    b.folding = True

    def build(b: Any, xs: list[Node]) -> list[Node]:
        return [b.apply(a.p, [xs[0], _constant(t, c)], a.static) for c in values]

    build_graph(b, "main", a.types[:1], build)
    for backend in ("llvm", "source"):
        f = load(b.module, backend)
        for x in first:
            for c, got in zip(values, f([x]), strict=True):
                want = np.asarray(reference(a, (x, c)))[()]
                power = a.p.name == "pow" and math.isfinite(c)  # products of squares: half a unit each
                ulps = max(tolerance(a.p, a.out, array=False), int(abs(c)) if power else 0)
                got = native(a, got)
                assert within_ulps(got, want, ulps) or either_zero(a.p, got, want), _complain(
                    a, (x, c), got, want, f"{backend} with a constant"
                )


# -- samples --------------------------------------------------------------------------------------------------------------


def inexact(s: Sample) -> float:
    """How far a result may be off, since it has no order of its own: rounding of each step, on the scale of the terms."""
    if s.a.p.name not in ("sum", "prod", *PRODUCTS, *LINALG):
        return 0.0
    arrays = [v for v in s.values if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    if not arrays:
        return 0.0
    sizes = [np.abs(np.where(np.isfinite(v), v, 0)).astype(float) for v in arrays]
    scale = float(np.prod(np.maximum(sizes[0], 1))) if s.a.p.name == "prod" else math.prod(float(v.sum()) for v in sizes)
    return arrays[0].size * float(np.finfo(arrays[0].dtype).eps) * scale


def agrees(s: Sample, got: Any, want: Any) -> bool:
    room = inexact(s)
    if not room:
        return either_zero(s.a.p, got, want) or within_ulps(
            got, want, tolerance(s.a.p, s.a.out, array=True) if s.a.p.elementwise else 0
        )
    x, y = np.asarray(got), np.asarray(want)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    with np.errstate(invalid="ignore"):
        return bool(np.all((np.abs(x - y) <= room) | (x == y) | (np.isnan(x) & np.isnan(y))))


def check_sample(s: Sample, backends: Sequence[str] = BACKENDS) -> None:
    want = list(expected(s.a.out, s.result))
    for backend in backends:
        got = run(value_program(s), [v for _, v in leaves(s)], backend)
        assert len(got) == len(want)
        for g, w, node in zip(got, want, _types(s), strict=True):
            assert np.asarray(w).dtype == node.dtype, f"{s}: the reference gives {w!r}, the type rule {node}"
            assert agrees(s, in_dtype(node, g), w), f"{s}: {backend} gives {got}, the reference {want}"


def _types(s: Sample) -> Iterator[Any]:
    """The types of the leaves that a program returns."""
    out = value_program(s).entry.output.type
    for t in out.items:  # type: ignore[attr-defined]
        yield t if isinstance(t, Scalar) else t.dtype


def check_error(s: Sample) -> None:
    for backend in BACKENDS:
        try:
            got: Any = run(value_program(s), [v for _, v in leaves(s)], backend)
        except ERRORS as e:
            got = type(e)
        assert got is s.error, f"{s}: {backend} gives {got}, where the reference raises {s.error}"


def check_samples(p: Primitive, count: int = 7) -> None:
    count = count // 2 if p.elementwise else count  # their values are `check_numbers`'s
    found = samples(p, count)
    assert found, f"no arguments of {p} can be generated: add types to samples._general or facts to samples.FACTS"
    for s in [*found, *samples(p, count // 2, SPECIAL)]:
        check_sample(s)
    for s in samples(p, 3, fails=True):
        check_error(s)
