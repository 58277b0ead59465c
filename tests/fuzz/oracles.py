"""One program against every oracle: values, gradients, second and third derivatives, on every backend and in every mode.

    report = examine(generate(17), order=2)
    report.failures        # [] if irad agrees with CPython and with dual numbers

Criteria: values bit for bit where the program uses only + - * / sqrt and comparisons, else 1e-12 relative; derivatives
1e-9 relative to duals in CPython. Where rounding is amplified, ten times the gap between float and 50-digit duals is
allowed. NaN agrees with NaN only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.generator import duals
from tests.generator.program import Program, load, on_duals, on_precise, run_plain

__all__ = ["Failure", "Report", "directions", "examine"]

VALUE, DERIVATIVE = 1e-12, 1e-9
INEXACT = frozenset(duals.FUNCTIONS) - {"sqrt"} | {"**", "hypot", "degrees", "radians", "derivative inside"}


@dataclass(slots=True)
class Failure:
    """kind: "refused", "raised", "wrong value", "wrong gradient", "wrong second derivative", "wrong third derivative"."""

    kind: str
    what: str  # which computation: "llvm value", "interpreter grad", ...
    detail: str  # got and wanted, or the message
    reason: str = ""  # of a refusal or exception: its name


@dataclass(slots=True)
class Report:
    """What came out for one program."""

    seed: int
    failures: list[Failure] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)  # agreed only within the gap of precisions
    seconds: float = 0.0
    checks: int = 0


class Reference:
    """The value of a program and its derivatives, by CPython and dual numbers; precise ones on demand."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.args = program.args

    @cached_property
    def value(self) -> Any:
        return run_plain(self.program.source)(*self.args)

    @cached_property
    def exact(self) -> bool:
        """Whether the value must agree bit for bit."""
        return not self.program.tags & INEXACT

    def derivative(
        self, order: int, index: tuple[int, ...], vectors: Sequence[Sequence[float]], precise: bool = False
    ) -> float:
        """The derivative along `vectors`, then in the arguments `index`; see `directions`."""
        if not precise:
            return _number(_derivative(on_duals(self.program.source), self.args, index, vectors))
        with duals.precise():
            args = [duals.number(a) if isinstance(a, float) else a for a in self.args]
            return _number(_derivative(on_precise(self.program.source), args, index, vectors))

    @cached_property
    def precise_value(self) -> float:
        with duals.precise():
            args = [duals.number(a) if isinstance(a, float) else a for a in self.args]
            return _number(on_precise(self.program.source)(*args))


def _number(v: Any) -> float:
    return 0.0 if v is None else float(duals.base(v))


def _derivative(f: Callable[..., Any], args: Sequence[Any], index: tuple[int, ...], vectors: Sequence[Sequence[float]]) -> Any:
    """Nested directional derivatives: the vectors are tangents of the float arguments, `index` unit vectors."""
    floats = [i for i, a in enumerate(args) if not isinstance(a, int)]
    tangents = [[dict(zip(floats, v, strict=True)).get(i) for i in range(len(args))] for v in vectors]
    tangents += [[(1.0 if i == k else 0.0) if i in floats else None for i in range(len(args))] for k in index]

    def along(f: Callable[..., Any], t: list[Any]) -> Callable[..., Any]:
        return lambda *xs: duals.directional(f, xs, t)[1]

    for t in tangents:
        f = along(f, t)
    return f(*args)


def directions(seed: int, count: int, size: int) -> list[list[float]]:
    """Vectors that derivatives are taken along: fixed by the seed, no component zero."""
    return [
        [round(math.cos(seed % 97 + 1.7 * k + 0.9 * i) + (1.5 if i % 2 else -1.5), 3) for i in range(size)]
        for k in range(count)
    ]


# -- comparison -----------------------------------------------------------------------------------------------------------


def same(got: float, want: float) -> bool:
    """Bit for bit, but that any NaN is like any other, and that an int has no signed zero."""
    if isinstance(want, float) and isinstance(got, float):
        if math.isnan(want) or math.isnan(got):
            return math.isnan(want) and math.isnan(got)
        return got == want and math.copysign(1.0, got) == math.copysign(1.0, want)
    return got == want


def close(got: float, want: float, relative: float) -> bool:
    """Within the relative tolerance."""
    if not (math.isfinite(got) and math.isfinite(want)):
        return same(float(got), float(want))
    return abs(got - want) <= relative * abs(want)


class _Examination:
    """The checks of one program."""

    def __init__(self, program: Program, order: int, backends: Sequence[str], all_: bool, only: str) -> None:
        import irad

        self.irad = irad
        self.program, self.order, self.backends, self.all, self.only = program, order, backends, all_, only
        self.reference = Reference(program)
        self.report = Report(program.seed)
        self.f = load(program.source, str(program.seed))
        self.floats = program.floats

    def attempt(self, what: str, run: Callable[[], Any]) -> Any:
        """The result of irad's computation, or None with a failure noted."""
        if self.only and what != self.only:
            return None
        self.report.checks += 1
        try:
            return run()
        except self.irad_error as e:
            self.fail("refused", what, str(e), getattr(e, "name", ""))
        except Exception as e:
            self.fail("raised", what, f"{type(e).__name__}: {str(e)[:2000]}", f"{type(e).__name__}: {str(e)[:80]}")
        return None

    @property
    def irad_error(self) -> type[Exception]:
        from irad.errors import CompileError

        return CompileError

    def fail(self, kind: str, what: str, detail: str, reason: str = "") -> None:
        self.report.failures.append(Failure(kind, what, detail, reason))

    def compiled(self, f: Any, backend: str) -> Any:
        return self.irad.compile(f, backend=backend)

    # -- values ----------------------------------------------------------------------------------------------------------

    def values(self) -> None:
        want = self.reference.value
        for backend in self.backends:
            what = f"{backend} value"
            got = self.attempt(what, lambda backend=backend: self.compiled(self.f, backend)(*self.program.args))
            if got is not None:
                self.value(what, got, want)

    def value(self, what: str, got: Any, want: Any) -> None:
        if self.reference.exact:
            if not same(got, want):
                self.fail("wrong value", what, f"got {got!r}, wanted {want!r} (bit for bit)")
        elif not close(float(got), float(want), VALUE):
            gap = abs(self.reference.precise_value - want)
            if not abs(got - want) <= 10 * gap:
                self.fail("wrong value", what, f"got {got!r}, wanted {want!r}")
            else:
                self.report.loose.append(what)

    # -- derivatives -------------------------------------------------------------------------------------------------------

    def compare(
        self,
        kind: str,
        what: str,
        got: Sequence[Any],
        index: Sequence[tuple[int, ...]],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Compare derivatives with those of duals: got[k] is the one for index[k] along the vectors."""
        wants = [self.wanted(i, vectors) for i in index]
        for g, w, i in zip(got, wants, index, strict=True):
            if isinstance(g, (int, float)) and close(float(g), w, DERIVATIVE):
                continue
            if isinstance(g, (int, float)):
                gap = abs(self.reference.derivative(len(i), i, vectors, precise=True) - w)
                if abs(g - w) <= 10 * gap:
                    self.report.loose.append(what)
                    continue
            self.fail(kind, what, f"in argument {i[-1] if i else '-'}: got {g!r}, wanted {w!r}")

    def wanted(self, index: tuple[int, ...], vectors: Sequence[Sequence[float]]) -> float:
        key = (index, tuple(map(tuple, vectors)))
        if key not in self.cache:
            self.cache[key] = self.reference.derivative(len(index), index, vectors)
        return self.cache[key]

    @cached_property
    def cache(self) -> dict[Any, float]:
        return {}

    def gradients(self) -> None:
        irad, floats, args = self.irad, self.floats, self.program.args
        index = [(i,) for i in floats]
        if not self.only:
            self.report.gradient = [self.wanted(i, ()) for i in index]
        for backend in self.backends:
            got = self.attempt(
                f"{backend} grad",
                lambda backend=backend: self.compiled(irad.value_and_grad(self.f, argnums=floats), backend)(*args),
            )
            if got is not None:
                self.value(f"{backend} grad", got[0], self.reference.value)
                self.compare("wrong gradient", f"{backend} grad", got[1], index, ())
            if backend == "llvm" or self.all:
                got = self.attempt(
                    f"{backend} jacfwd",
                    lambda backend=backend: self.compiled(irad.jacfwd(self.f, argnums=floats), backend)(*args),
                )
                if got is not None:
                    self.compare("wrong gradient", f"{backend} jacfwd", got, index, ())
        if self.all or self.program.seed % 4 == 0:
            (vector,) = directions(self.program.seed, 1, len(floats))
            tangents = tuple(dict(zip(floats, vector, strict=True)).get(i) for i in range(len(args)))
            got = self.attempt("llvm jvp", lambda: irad.jvp(self.f, args, tangents))
            if got is not None:
                self.compare("wrong gradient", "llvm jvp", got[1:], [()], [vector])

    def second(self) -> None:
        """Forward over reverse by `hessian`, reverse over reverse along a direction."""
        irad, floats, args = self.irad, self.floats, self.program.args
        kind = "wrong second derivative"
        (vector,) = directions(self.program.seed, 1, len(floats))
        for backend in self.backends:
            got = self.attempt(
                f"{backend} hessian",
                lambda backend=backend: self.compiled(irad.hessian(self.f, argnums=floats), backend)(*args),
            )
            if got is not None:
                entries = [(i, j) for i in range(len(floats)) for j in range(len(floats))]
                self.compare(
                    kind,
                    f"{backend} hessian",
                    [got[i][j] for i, j in entries],
                    [(floats[i], floats[j]) for i, j in entries],
                    (),
                )
            along = along_gradient(self.f, floats, vector)
            got = self.attempt(
                f"{backend} grad of grad",
                lambda backend=backend, along=along: self.compiled(irad.grad(along, argnums=floats), backend)(*args),
            )
            if got is not None:
                self.compare(kind, f"{backend} grad of grad", got, [(i,) for i in floats], [vector])
            if backend == "llvm":
                got = self.attempt(
                    f"{backend} forward over forward",
                    lambda backend=backend: self.compiled(
                        irad.jacfwd(irad.jacfwd(self.f, argnums=floats[0]), argnums=floats), backend
                    )(*args),
                )
                if got is not None:
                    self.compare(kind, f"{backend} forward over forward", got, [(floats[0], i) for i in floats], ())

    def third(self) -> None:
        """Reverse over reverse over reverse, and forward over that of order two."""
        irad, floats, args = self.irad, self.floats, self.program.args
        kind = "wrong third derivative"
        u, v = directions(self.program.seed, 2, len(floats))
        twice = along_gradient(along_gradient(self.f, floats, u), floats, v)
        for what, transform in (("grad of grad of grad", irad.grad), ("jacfwd of grad of grad", irad.jacfwd)):
            got = self.attempt(
                f"llvm {what}",
                lambda transform=transform: self.compiled(transform(twice, argnums=floats), "llvm")(*args),
            )
            if got is not None:
                self.compare(kind, f"llvm {what}", got, [(i,) for i in floats], [u, v])


def along_gradient(f: Callable[..., Any], floats: tuple[int, ...], vector: Sequence[float]) -> Callable[..., Any]:
    """The derivative of f along a vector, by reverse mode: a function that irad compiles."""
    import irad

    gradient = irad.grad(f, argnums=floats)
    weights = tuple(vector)

    def along(*args: Any) -> Any:
        total = 0.0
        for part, weight in zip(gradient(*args), weights):  # noqa: B905 - irad compiles this
            total = total + part * weight
        return total

    return along


def examine(
    program: Program,
    order: int = 1,
    backends: Sequence[str] = ("interpreter", "llvm"),
    all_: bool = False,
    only: str = "",
) -> Report:
    """Run a program through every check up to an order of derivatives.

    all_: every mode on every backend. only: one computation alone, by the name that failures have in `what`.
    """
    start = time.perf_counter()
    e = _Examination(program, order, backends, all_ or bool(only), only)
    e.values()
    if order >= 1:
        e.gradients()
    refused = any(f.kind == "refused" for f in e.report.failures)
    if order >= 2 and not refused:
        e.second()
    if order >= 3 and not refused:
        e.third()
    e.report.seconds = time.perf_counter() - start
    return e.report
