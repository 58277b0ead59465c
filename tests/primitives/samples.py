"""Applications of a primitive, found by asking its type rule about generated types and compile-time facts.

    for a in applications(REGISTRY["slice"]):     # slice(f64[2,3], int, int, shape=(1,2), steps=(2,-1)), ...
        sample(a, rng)                            # the same with values, and what the reference gives of them

Values are as the interpreter has them: NumPy scalars and arrays, tuples for structs and lists, (below, item) for stacks,
(case, fields) for sums. A symbol in a shape is a size known at run time only: `SIZES` says which it is here.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irad.graph.nodes import Module
from irad.primitives import REGISTRY, lapack
from irad.primitives.table import Missing, Primitive
from irad.types import (
    BOOL,
    F32,
    F64,
    FLOAT,
    I32,
    I64,
    INT,
    Array,
    Dim,
    Form,
    List,
    Record,
    Scalar,
    Stack,
    Static,
    Struct,
    Sum,
    Tuple,
    Type,
)
from irad.verify import argument_count

DTYPES = (F64, F32, I64, I32, BOOL)
SIZES = {"n": 3, "m": 2}
N, M = (Dim.symbol(s) for s in SIZES)
SHAPES: tuple[tuple[Any, ...], ...] = (
    *((0,), (1,), (2,), (3,), (2, 3), (3, 2), (1, 3), (3, 3), (2, 0), (2, 1, 2)),
    *((N,), (M, N), (M, 3), (2, N), (N, N), (0, 0)),
)
PAIR = Tuple((F64, INT))
ITEMS = (F64, PAIR, Tuple((F64, Tuple((F64, F32)))), I64, F32, BOOL)
LISTS = tuple(map(List, ITEMS))
STACKS = tuple(Stack(t) for t in (*ITEMS, Array(F64, (2,)), Array(F64, (N,))))
STRUCTS = (PAIR, Tuple((Array(F64, (2,)), F32, F64)), Record(Form("list", "list", (0, 1)), (F64, F64)))
SUMS = {
    "s": ((F64,), (Array(F64, (2,)), F64), ()),
    "r": ((INT, F64), (BOOL,)),
    "f": ((F32,), (PAIR,)),
    "d": ((Array(F64, (N,)), F64), (F64,)),
}
MODULE = Module()
MODULE.sums = dict(SUMS)


@dataclass(frozen=True)
class Application:
    """A primitive with types and facts that its type rule accepts."""

    p: Primitive
    types: tuple[Type, ...]
    static: tuple[Any, ...]

    def __str__(self) -> str:
        facts = [f"{k}={v}" for k, v in self.facts().items()]
        return f"{self.p}({', '.join([*map(str, self.types), *facts])})"

    def facts(self) -> dict[str, Any]:
        return dict(zip(self.p.statics, self.static, strict=True))

    @property
    def out(self) -> Type:
        return infer(self.p, self.types, self.static)


@dataclass(frozen=True)
class Sample:
    """An application to values. `result` is what the reference gives, `error` the class of what it raises."""

    a: Application
    values: tuple[Any, ...]
    result: Any
    error: type[BaseException] | None

    def __str__(self) -> str:
        return f"{self.a} at {self.values}"


def infer(p: Primitive, types: Sequence[Type], static: Sequence[Any]) -> Type:
    return p.infer(tuple(types), *static, module=MODULE) if p.order == "context" else p.infer(tuple(types), *static)


def accepts(p: Primitive, types: Sequence[Type], static: Sequence[Any]) -> bool:
    if argument_count(p) not in (None, len(types)):
        return False
    try:
        infer(p, types, static)
    except Exception:  # a type rule meets a wrong number of arguments or facts of a wrong kind in its own way
        return False
    return True


# -- compile-time facts, by name ------------------------------------------------------------------------------------------


def _rank(types: Sequence[Type]) -> int:
    return types[0].rank if types and isinstance(types[0], Array) else 0


def _axes(types: Sequence[Type]) -> Iterator[tuple[int, ...]]:
    axes = range(_rank(types))
    for k in range(len(axes) + 1):
        yield from itertools.combinations(axes, k)
    yield from itertools.permutations(axes)


def _steps(types: Sequence[Type]) -> list[tuple[int, ...]]:
    return [(1,), (2,), (-1,), (1, 1), (2, -1), (-1, 1), (1, -1, 1)]


FACTS: dict[str, Any] = {
    "to": lambda types: [*DTYPES, FLOAT, INT, *(Array(F64, s) for s in SHAPES)],
    "of": lambda types: [*(Array(F64, s) for s in SHAPES), *ITEMS, *(Array(I64, s) for s in SHAPES), *map(Sum, SUMS)],
    "axes": lambda types: dict.fromkeys(_axes(types)),
    "axis": lambda types: range(3),
    "shape": lambda types: SHAPES,
    "steps": _steps,
    "index": lambda types: range(3),
    "leaf": lambda types: range(3),
    "case": lambda types: range(3),
    "batch": lambda types: [((0,), (0,)), ((1,), (0,)), ((0,), (1,)), ((1, 0), (1, 0)), ((2,), (0,)), ((), ())],
    "over": lambda types: [
        *(((i,), (j,)) for i in range(3) for j in range(2)),
        *(((0, 1), p) for p in ((0, 1), (1, 0))),
        ((1, 2), (2, 0)),
    ],
    **dict.fromkeys(("check", "inverse", "lower", "transposed", "unit", "reverse"), lambda types: [False, True]),
    **dict.fromkeys(("below", "above"), lambda types: range(3)),
    "form": lambda types: [s.form for s in STRUCTS if isinstance(s, Record)],
}


# -- types ----------------------------------------------------------------------------------------------------------------


def _elementwise() -> Iterator[tuple[Type, ...]]:
    for t in DTYPES:
        yield from ((t,) * n for n in (1, 2, 3))
        yield from ((BOOL, t, t), (t, BOOL, BOOL))
    for s in SHAPES:
        for t in (F64, F32, I32):
            x = Array(t, s)
            yield from ((x,), (x, x), (Array(BOOL, s), x, x))


def _general() -> Iterator[tuple[Type, ...]]:
    """Arguments of operations that are not elementwise, with f64 for the elements of arrays."""
    ints = [(INT,) * n for n in range(5)]
    arrays = [Array(F64, s) for s in SHAPES]
    yield from ints
    for n in (1, 2, 3, 4, 6):
        yield (F64,) * n
    yield from ((F64, INT), (Array(F64, (2,)), F64), (BOOL, F64, I32), *SUMS["r"], *SUMS["s"], *SUMS["f"], *SUMS["d"])
    for x in (*arrays, F64):
        yield from ((x, *i) for i in ints)
        yield from ((x, F64, *i) for i in ints)
    for x, y in itertools.product(arrays, repeat=2):
        yield from ((x, y, *i) for i in ints)
        n = Array(I64, x.shape[:1])
        yield from ((x, n), (x, x, n), (x, x, n, y))
    for x in (*LISTS, *STACKS, *STRUCTS, *map(Sum, SUMS)):
        yield from ((x,), (x, INT), (x, x), (x, INT, INT))
        if isinstance(x, (List, Stack)):
            yield from ((x, x.item), (x, INT, x.item))
    for t in ITEMS:
        yield (t, t)


def _with_dtype(t: Any, dtype: Scalar, before: Scalar = F64) -> Any:
    if isinstance(t, Array):
        return Array(dtype, t.shape) if t.dtype is before else t
    return dtype if t is before else t


@functools.cache
def applications(p: Primitive) -> list[Application]:
    """What the type rule accepts of all this; of an operation on arrays, with every dtype."""
    for fact in p.statics:
        assert fact in FACTS, f"no values of the fact {fact!r} of {p} can be generated: add it to FACTS"
    found: dict[Application, None] = {}
    if p.elementwise:
        return [a for types in _elementwise() for a in _accepted(p, types)]
    for dtype in DTYPES:  # of the elements: what holds for one holds for others
        first = [a for types in _general() for a in _accepted(p, tuple(_with_dtype(t, dtype) for t in types))]
        if first:
            break
    for a, other in itertools.product(first, DTYPES):
        types, static = (tuple(_with_dtype(t, other, dtype) for t in ts) for ts in (a.types, a.static))
        if accepts(p, types, static):
            found[Application(p, types, static)] = None
    return [*dict.fromkeys(first), *found]


def _accepted(p: Primitive, types: tuple[Type, ...]) -> Iterator[Application]:
    for static in itertools.product(*(FACTS[f](types) for f in p.statics)):
        if accepts(p, types, static):
            yield Application(p, types, static)


def samples(p: Primitive, count: int, floats: Sequence[float] = (), *, fails: bool = False, keep: Any = None) -> list[Sample]:
    """About `count` applications of p with values, of every dtype, kind of result and number of arguments that there is;
    the same ones in every run. `keep` chooses among the applications."""
    rng = np.random.default_rng(len(p.name))
    groups: dict[Any, list[Application]] = {}
    for a in applications(p):
        if keep is None or keep(a):
            symbolic = sum(_symbols(t) for t in (*a.types, a.out))
            groups.setdefault((tuple(map(_kind, a.types)), type(a.out), symbolic), []).append(a)
    found: list[Sample] = []
    chosen = list(groups.values())
    if len(chosen) > 3 * count:
        chosen = [chosen[i] for i in rng.choice(len(chosen), 3 * count, replace=False)]
    for group in chosen:
        wanted = max(1, count // len(chosen))
        for a in rng.permutation(np.array([*group, None], object))[: 20 * wanted]:  # (None: an array of objects)
            s = sample(a, rng, floats or ORDINARY, fails=fails) if a is not None else None
            if s is not None:
                found.append(s)
                wanted -= 1
                if wanted == 0:
                    break
    return found


def _symbols(t: Type) -> int:
    return sum(isinstance(d, Dim) for d in t.shape) if isinstance(t, Array) else 0


def _kind(t: Type) -> str:
    return f"{t.dtype}[{'+' * t.rank}]" if isinstance(t, Array) else str(t)


# -- values ---------------------------------------------------------------------------------------------------------------

ORDINARY = (0.75, -1.5, 2.25, 0.375, -0.625, 1.125, 3.5, -2.875)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 5e-324, 1e-40, 2.5, np.inf, -np.inf, np.nan, -3.25)


def concrete(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else SIZES[str(d)] for d in shape)


def draw(t: Type, rng: np.random.Generator, floats: Sequence[float] = ORDINARY) -> Any:
    """A value of type t; the floats in it come from `floats`."""
    if isinstance(t, Scalar):
        if t.kind == "f":
            return t.dtype.type(floats[rng.integers(len(floats))])
        return np.bool_(rng.integers(2)) if t.kind == "b" else t.dtype.type(rng.integers(-1, 4))
    if isinstance(t, Array):
        shape = concrete(t.shape)
        count = int(np.prod(shape))
        return np.array([draw(t.dtype, rng, floats) for _ in range(count)], t.dtype.dtype).reshape(shape)
    if isinstance(t, Struct):
        return tuple(draw(i, rng, floats) for i in t.items)
    if isinstance(t, List):
        return tuple(draw(t.item, rng, floats) for _ in range(rng.integers(4)))
    if isinstance(t, Stack):
        out: Any = ()
        for _ in range(rng.integers(4)):
            out = (out, draw(t.item, rng, floats))
        return out
    assert isinstance(t, Sum), t
    case = int(rng.integers(-1, len(SUMS[t.name])))
    return None if case < 0 else (case, tuple(draw(f, rng, floats) for f in SUMS[t.name][case]))


def reference(a: Application, values: Sequence[Any]) -> Any:
    """What the application means. Raises what it raises."""
    with np.errstate(all="ignore"):
        if isinstance(a.p.ref, Missing):
            return ORACLES[a.p.name](a, *values)
        return MEANINGS.get(a.p.name, a.p.ref)(*values, **a.facts())  # type: ignore[misc]


def _consistent(t: Type, v: Any) -> bool:
    """Whether sizes that are known at run time only are what they are elsewhere in the program."""
    if isinstance(t, Array):
        return all(n == SIZES[str(d)] for n, d in zip(np.shape(v), t.shape, strict=True) if isinstance(d, Dim))
    return not isinstance(t, Tuple) or all(map(_consistent, t.items, v))


UNCHECKED = frozenset({"slice", "slice_update", "slice_add", "project"})  # whoever writes them sees to their bounds
ERRORS = (ArithmeticError, ValueError, LookupError)


def sample(
    a: Application, rng: np.random.Generator, floats: Sequence[float] = ORDINARY, *, fails: bool = False
) -> Sample | None:
    """The application to some values; with `fails`, to values that it is specified to raise an error of."""
    for _ in range(60):
        values = tuple(draw(t, rng, floats) for t in a.types)
        values = FITTING.get(a.p.name, lambda *values: values)(*values)
        if a.p.name == "project" and (values[0] is None or values[0][0] != a.static[0]):
            continue  # the case is known to be the right one
        if a.p.name in ("pop_zero", "project_zero") and "[n]" in str(a.out):
            return None  # what nothing is zeros of is known to the transforms only
        try:
            result = reference(a, values)
        except ERRORS as e:
            if fails and a.p.order == "checked" and a.p.name not in UNCHECKED:
                return Sample(a, values, None, type(e))
        else:
            if not fails and _consistent(a.out, result):
                return Sample(a, values, result, None)
    return None


# -- matrices that operations of linear algebra are meant for ---------------------------------------------------------------


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 1.0).astype(x.dtype)


def _regular(x: Any) -> Any:
    """A matrix like x, well-conditioned, that rows are exchanged of."""
    return (_finite(x) + 7 * np.roll(np.eye(*x.shape), 1, 0)).astype(x.dtype)


def _definite(x: Any) -> Any:
    return (_finite(x) @ _finite(x).T + np.diag(np.arange(len(x)) + 1.0)).astype(x.dtype)


def _spread(x: Any) -> Any:
    """A matrix like x, of full rank, whose eigenvalues (and singular values) are not near each other."""
    return (x + np.eye(*x.shape) * 3.0 * np.arange(1, x.shape[1] + 1)).astype(x.dtype)


def _places(p: Any) -> Any:
    """Rows to exchange each row with: itself or one below."""
    return np.arange(len(p)) + np.abs(p) % (len(p) - np.arange(len(p)))


FITTING: dict[str, Any] = {
    "lu": lambda a: (_regular(a),),
    "exchange": lambda x, p: (_finite(x), _places(p)),
    "lu_solve": lambda a, f, p, b: (_regular(a), *lapack.lu(_regular(a), False), _finite(b)),
    "log_determinant": lambda a, f, p: (_regular(a), *lapack.lu(_regular(a), False)),
    "triangular_solve": lambda a, b: (_definite(a), _finite(b)),
    "cholesky": lambda a: (_definite(a),),
    "eigh": lambda a: (_spread(_definite(a)),),
    "qr": lambda a: (_spread(_finite(a)),),
    "svd": lambda a: (_spread(_finite(a)),),
    "banded_solve": lambda a, b: (_finite(a) + 6 * (np.arange(len(a)) == len(a) // 2).astype(a.dtype)[:, None], _finite(b)),
    "dft": lambda x, y: (_finite(x), _finite(y)),
    "pseudo_inverse": lambda p, a: (np.linalg.pinv(_spread(_finite(a))), _spread(_finite(a))),
}
# What is given beside a matrix follows it.
MEANINGS: dict[str, Any] = {
    "log_determinant": lambda a, f, p: np.linalg.slogdet(a)[1],
    "pseudo_inverse": lambda p, a: np.linalg.pinv(a),
    "lu_solve": lambda a, f, p, b, *, transposed: lapack.lu_solve(*lapack.lu(a, False), b, transposed),
}

# -- meanings that only the interpreter knows, since they need a type or a declaration ------------------------------------


def zero(t: Type) -> Any:
    if isinstance(t, Scalar):
        return t.dtype.type(0)
    if isinstance(t, Array):
        return np.zeros(concrete(t.shape), t.dtype.dtype)
    return tuple(map(zero, t.items)) if isinstance(t, Struct) else None if isinstance(t, Sum) else ()


def plus(x: Any, y: Any) -> Any:
    return tuple(map(plus, x, y)) if isinstance(x, tuple) else x + y


def _filled(a: Application, x: Any, n: int) -> Any:
    return (*x, *[zero(a.types[0].item)] * (n - len(x)))  # type: ignore[attr-defined]


def _in_range(i: Any) -> int:
    if i < 0:
        raise IndexError(i)
    return int(i)


def _list_add(a: Application, x: Any, i: Any, v: Any) -> Any:
    full = list(_filled(a, x, _in_range(i) + 1))
    full[i] = plus(full[i], v)
    return tuple(full)


def _list_clear(a: Application, x: Any, i: Any) -> Any:
    return tuple(zero(a.out.item) if k == _in_range(i) else v for k, v in enumerate(x))  # type: ignore[attr-defined]


def _list_plus(a: Application, x: Any, y: Any) -> Any:
    n = max(len(x), len(y))
    return tuple(map(plus, _filled(a, x, n), _filled(a, y, n)))


def _add_sum(a: Application, x: Any, y: Any) -> Any:
    if isinstance(a.out, Stack):
        return (_add_sum(a, x[0], y[0]), plus(x[1], y[1])) if x and y else x or y
    if x is None or y is None:
        return y if x is None else x
    if x[0] != y[0]:
        raise ValueError("cotangents of one value have one case")
    return (x[0], plus(x[1], y[1]))


def _project_zero(a: Application, x: Any) -> Any:
    return x[1] if x is not None and x[0] == a.static[0] else zero(a.out)


ORACLES: dict[str, Any] = {
    "list_add": _list_add,
    "list_get": lambda a, x, i: _filled(a, x, _in_range(i) + 1)[i],
    "list_clear": _list_clear,
    "list_take": lambda a, x, i: (_filled(a, x, _in_range(i) + 1)[i], x[:i]),
    "list_plus": _list_plus,
    "pop_zero": lambda a, s: (s[1], s[0]) if s else (zero(a.types[0].item), ()),
    "project_zero": _project_zero,
    "add_sum": _add_sum,
}


def is_static(t: Type) -> bool:
    return isinstance(t, Static)


PLAIN = [p for p in REGISTRY.values() if p.layout is None and p.order != "effect"]
