"""One program against every oracle: values, gradients, higher derivatives, on every backend and in every mode; the passes
of the optimizer; mutants that mean the same.

    report = examine(generate(17), Plan(order=2))
    report.failures        # [] if irad agrees with CPython and with dual numbers

`reference` says what agrees.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzz.mutants import check_mutants
from tests.fuzz.passes import check_passes
from tests.fuzz.reference import DERIVATIVE, VALUE, Index, Reference, Vectors, directions, numbers, same, shapes, tangents
from tests.generator.program import Coordinate, Program, load

__all__ = ["Failure", "Plan", "Report", "examine"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is checked of a program beside its value and first derivatives."""

    order: int = 1  # of derivatives
    passes: bool = False  # each pass alone, each prefix of the pipeline
    mutants: int = 0  # how many that mean the same
    differences: bool = False
    all: bool = False  # every mode on every backend
    only: str = ""  # one computation alone, by the name that failures have in `what`
    backends: tuple[str, ...] = ("interpreter", "llvm")


PLAIN = Plan()
NOTHING = object()  # in the place of a result that there is none of


@dataclass(slots=True)
class Failure:
    """kind: "refused", "raised", "wrong value", "wrong gradient", "wrong second derivative", "wrong third derivative",
    "wrong pass", "wrong mutant"."""

    kind: str
    what: str  # which computation: "llvm value", "interpreter grad", ...
    detail: str  # got and wanted, or the message
    reason: str = ""  # of a refusal or exception: its name
    changes: Sequence[str] = ()  # of a mutant: the mutations
    mutant: str = ""  # its text


@dataclass(slots=True)
class Report:
    """What came out for one program."""

    seed: int
    failures: list[Failure] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)  # agreed only within what rounding does
    seconds: float = 0.0
    checks: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # of checks by kind: "modules after passes", "mutants", ...

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Examination:
    """The checks of one program."""

    def __init__(self, program: Program, plan: Plan) -> None:
        import irad

        self.irad = irad
        self.program, self.plan = program, plan
        self.reference = Reference(program)
        self.report = Report(program.seed)
        self.f = load(program.source, str(program.seed))
        self.results: dict[str, Any] = {}  # what irad gave, by the name of the computation

    def examine(self) -> Report:
        start, plan = time.perf_counter(), self.plan
        self.values()
        if plan.order >= 1:
            self.gradients()
        refused = any(f.kind == "refused" for f in self.report.failures)
        for wanted, check in (
            (plan.order >= 2, self.second),
            (plan.order >= 3, self.third),
            (plan.differences, self.differences),
            (plan.passes, lambda: check_passes(self)),
            (plan.mutants, lambda: check_mutants(self)),
        ):
            if wanted and not refused:
                check()
        self.report.seconds = time.perf_counter() - start
        return self.report

    def attempt(self, what: str, run: Callable[[], Any]) -> Any:
        """The result of irad's computation, or NOTHING with a failure noted."""
        if self.plan.only and what != self.plan.only:
            return NOTHING
        self.report.checks += 1
        try:
            self.results[what] = run()
            return self.results[what]
        except self.irad.CompileError as e:
            self.fail("refused", what, str(e), e.name)
        except Exception as e:
            self.raised(what, e)
        return NOTHING

    def raised(self, what: str, e: Exception) -> None:
        self.fail("raised", what, f"{type(e).__name__}: {str(e)[:2000]}", f"{type(e).__name__}: {str(e)[:80]}")

    def fail(self, kind: str, what: str, detail: str, reason: str = "") -> None:
        self.report.failures.append(Failure(kind, what, detail, reason))

    def run(self, f: Any, backend: str) -> Any:
        """f, compiled, at the program's arguments. These stay as they are: no entry writes to its arguments, which irad
        refuses under derivatives."""
        args = [a.copy() if isinstance(a, np.ndarray) else a for a in self.program.args]
        out = self.irad.compile(f, backend=backend)(*args)
        for given, left in zip(self.program.args, args, strict=True):
            if not np.array_equal(given, left):
                raise AssertionError(f"the argument {given!r} becomes {left!r}")
        return out

    # -- values ----------------------------------------------------------------------------------------------------------

    def values(self) -> None:
        for backend in self.plan.backends:
            what = f"{backend} value"
            got = self.attempt(what, lambda backend=backend: self.run(self.f, backend))
            if got is not NOTHING:
                self.value(what, got)

    def value(self, what: str, got: Any) -> None:
        want = self.reference.value
        if self.reference.exact:
            if not same(got, want):
                self.fail("wrong value", what, f"got {got!r}, wanted {want!r} (bit for bit)")
        else:
            self.one("wrong value", what, got, want, VALUE, ())

    # -- derivatives -------------------------------------------------------------------------------------------------------

    def one(
        self,
        kind: str,
        what: str,
        got: Any,
        want: float,
        relative: float,
        index: Index,
        vectors: Vectors = (),
        largest: float = 0.0,
    ) -> None:
        """Compare one number; `largest` is the greatest of those beside it."""
        how = self.reference.agrees(got, want, relative, index, vectors, largest)
        if not how:
            self.fail(kind, what, f"{where(index)}got {got!r}, wanted {want!r}")
        elif how == "loose":
            self.report.loose.append(what)

    def compare(self, kind: str, what: str, got: Any, index: Sequence[Index], vectors: Vectors = ()) -> None:
        """Compare derivatives with those of duals: the k-th number of `got` is the one for index[k] along the vectors."""
        if shapes(got) != self.shapes(index):
            self.fail(kind, what, f"got the shapes {shapes(got)}, wanted {self.shapes(index)}")
            return
        wanted = [self.reference.derivative(i, vectors) for i in index]
        largest = max(map(abs, wanted), default=0.0) if all(map(math.isfinite, wanted)) else 0.0
        for g, w, i in zip(numbers(got), wanted, index, strict=True):
            self.one(kind, what, g, w, DERIVATIVE, i, vectors, largest)

    def gradients(self) -> None:
        irad, floats = self.irad, self.program.floats
        if not self.plan.only:
            self.report.gradient = [self.reference.derivative(i) for i in self.firsts]
        for backend in self.plan.backends:
            f = irad.value_and_grad(self.f, argnums=floats)
            got = self.attempt(f"{backend} grad", lambda f=f, backend=backend: self.run(f, backend))
            if got is not NOTHING:
                self.value(f"{backend} grad", got[0])
                self.compare("wrong gradient", f"{backend} grad", got[1], self.firsts)
            if backend == "llvm" or self.plan.all:
                f = irad.jacfwd(self.f, argnums=floats)
                got = self.attempt(f"{backend} jacfwd", lambda f=f, backend=backend: self.run(f, backend))
                if got is not NOTHING:
                    self.compare("wrong gradient", f"{backend} jacfwd", got, self.firsts)
        if self.plan.all or self.program.seed % 4 == 0:
            (vector,) = self.directions(1)
            f = pushed_forward(self.f, tangents(self.program, vector))
            got = self.attempt("llvm jvp", lambda: self.run(f, "llvm"))
            if got is not NOTHING:
                self.value("llvm jvp", got[0])
                self.compare("wrong gradient", "llvm jvp", got[1], [()], [vector])
            got = self.attempt("llvm value of jvp", lambda: self.run(lambda *args: f(*args)[0], "llvm"))
            if got is not NOTHING:
                self.value("llvm value of jvp", got)

    @property
    def firsts(self) -> list[Index]:
        """The indices of a gradient, in order."""
        return [(c,) for c in self.program.coordinates]

    @property
    def seconds(self) -> list[Index]:
        """The indices of a Hessian, in order."""
        return [(c, d) for i in self.program.floats for j in self.program.floats for c in self.of(i) for d in self.of(j)]

    def shapes(self, index: Sequence[Index]) -> list[tuple[int, ...]]:
        """The shapes of derivatives with these indices: one for each argument, or each pair of arguments."""
        arguments = dict.fromkeys(tuple(argument for argument, _ in i) for i in index)
        return [tuple(n for i in a for n in np.shape(self.program.args[i])) for a in arguments]

    def of(self, argument: int) -> list[Coordinate]:
        return [c for c in self.program.coordinates if c[0] == argument]

    def directions(self, count: int) -> list[list[float]]:
        return directions(self.program.seed, count, len(self.program.coordinates))

    def differences(self) -> None:
        """The gradient against differences of the value."""
        got = self.attempt("differences", lambda: self.run(self.irad.grad(self.f, argnums=self.program.floats), "llvm"))
        if got is not NOTHING:
            for g, (c,) in zip(numbers(got), self.firsts, strict=True):
                self.report.count("slopes against differences")
                self.one("wrong gradient", "differences", g, self.reference.difference(c), DERIVATIVE, (c,))

    def second(self) -> None:
        """Forward over reverse by `hessian`; reverse over reverse, and reverse over forward, along a direction; forward over
        forward of one argument."""
        irad, floats = self.irad, self.program.floats
        kind = "wrong second derivative"
        (vector,) = self.directions(1)
        along = tangents(self.program, vector)
        first = [(c, d) for j in floats for c in self.of(floats[0]) for d in self.of(j)]
        for backend in self.plan.backends:
            modes = [
                ("hessian", irad.hessian(self.f, argnums=floats), self.seconds, []),
                ("grad of grad", irad.grad(along_gradient(self.f, floats, along), argnums=floats), self.firsts, [vector]),
            ]
            if backend == "llvm" or self.plan.all:
                modes += [
                    ("grad of jvp", irad.grad(along_tangent(self.f, along), argnums=floats), self.firsts, [vector]),
                    ("jacfwd of jacfwd", irad.jacfwd(irad.jacfwd(self.f, argnums=floats[0]), argnums=floats), first, []),
                ]
            self.modes(kind, backend, modes)

    def third(self) -> None:
        """Reverse over reverse over reverse, forward over reverse over reverse, and forward over reverse over forward."""
        irad, floats = self.irad, self.program.floats
        u, v = self.directions(2)
        twice = along_gradient(along_gradient(self.f, floats, tangents(self.program, u)), floats, tangents(self.program, v))
        once = along_tangent(self.f, tangents(self.program, u))
        modes = [
            ("grad of grad of grad", irad.grad(twice, argnums=floats), self.firsts, [u, v]),
            ("jacfwd of grad of grad", irad.jacfwd(twice, argnums=floats), self.firsts, [u, v]),
            ("hessian of jvp", irad.hessian(once, argnums=floats), self.seconds, [u]),
        ]
        self.modes("wrong third derivative", "llvm", modes)

    def modes(self, kind: str, backend: str, modes: Sequence[tuple[str, Any, list[Index], Vectors]]) -> None:
        """Compare what each of (name, function, indices of its numbers, vectors) gives."""
        for name, f, index, vectors in modes:
            got = self.attempt(f"{backend} {name}", lambda f=f: self.run(f, backend))
            if got is not NOTHING:
                self.compare(kind, f"{backend} {name}", got, index, vectors)


def where(index: Index) -> str:
    """The last coordinate of an index, for a message."""
    return f"in argument {index[-1][0]}, number {index[-1][1]}: " if index else ""


def along_gradient(f: Callable[..., Any], floats: tuple[int, ...], tangents: Sequence[Any]) -> Callable[..., Any]:
    """The derivative of f along a vector, by reverse mode: a function that irad compiles."""
    import irad

    gradient = irad.grad(f, argnums=floats)
    weights = tuple(t for t in tangents if t is not None)

    def along(*args: Any) -> Any:
        total = 0.0
        for part, weight in zip(gradient(*args), weights):  # noqa: B905 - irad compiles this
            total = total + np.sum(part * weight)
        return total

    return along


def pushed_forward(f: Callable[..., Any], tangents: Sequence[Any]) -> Callable[..., Any]:
    """f and its derivative along a vector, by forward mode: a function that irad compiles."""
    import irad

    along = tuple(tangents)
    return lambda *args: irad.jvp(f, args, along)


def along_tangent(f: Callable[..., Any], tangents: Sequence[Any]) -> Callable[..., Any]:
    """The derivative of f along a vector, by forward mode."""
    pushed = pushed_forward(f, tangents)
    return lambda *args: pushed(*args)[1]


def examine(program: Program, plan: Plan = PLAIN) -> Report:
    """Run a program through the checks of a plan."""
    return Examination(program, plan).examine()
