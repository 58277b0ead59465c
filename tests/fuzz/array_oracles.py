"""One array program against every oracle: values, dtypes, shapes, exceptions and written arguments by NumPy, on every backend,
layout of the arguments and aliasing of them; the gradient by reverse and forward mode and by differences; second derivatives.

    report = examine(generate(17), Plan(order=2))

Criteria: values to 1e-12 of the largest element, or thirty times what their rounding is; reverse and forward mode to 1e-11
of the sum of |slope x direction|; differences to 1e-8 of it, second derivatives to 1e-6. In single precision 1e-4 and 2e-3.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np

from tests.fuzz.oracles import NOTHING, Failure, Plan, Report, along_gradient, pushed_forward
from tests.generator.arrays.draw import WRITES
from tests.generator.arrays.reference import (
    LOSS,
    Outcome,
    close,
    direction,
    given,
    is_single,
    leaves,
    loss_source,
    outcome,
    slopes,
)
from tests.generator.program import ENTRY, Program, loaded

__all__ = ["ArrayExamination", "examine"]

PLAIN = Plan()


class ArrayExamination:
    """The checks of one program."""

    def __init__(self, program: Program, plan: Plan) -> None:
        import irad

        self.irad, self.program, self.plan = irad, program, plan
        self.report = Report(program.seed)
        self.want = outcome(program)
        self.source = loss_source(program, self.want.value)
        self.scope = loaded(self.source, str(program.seed))
        self.f = self.scope[ENTRY]
        self.single = is_single(program)
        self.floats = tuple(i for i, d in enumerate(direction(program)) if d is not None)

    def examine(self) -> Report:
        start = time.perf_counter()
        for backend in self.plan.backends:
            self.value(f"{backend} value", self.f, backend, given(self.program), self.want)
        if not any(f.kind == "refused" for f in self.report.failures):
            for check in (self.layouts, self.aliases):
                check()
            if WRITES not in self.program.tags and self.floats:
                self.derivatives()
        self.report.seconds = time.perf_counter() - start
        return self.report

    def fail(self, kind: str, what: str, detail: str, reason: str = "") -> None:
        self.report.failures.append(Failure(kind, what, detail, reason))

    def attempt(self, what: str, f: Any, backend: str, args: list[Any]) -> Any:
        """What the compiled function gives, or NOTHING with a failure noted, or where the program raises as it should."""
        if self.plan.only and what != self.plan.only:
            return NOTHING
        self.report.checks += 1
        try:
            out = self.irad.compile(f, backend=backend)(*args)
        except self.irad.CompileError as e:
            self.fail("refused", what, str(e), e.name)
        except Exception as e:
            if "could not be broadcast" in str(e) and not self.want.raised:
                self.fail("refused", what, str(e), "a size of 1 that is found at run time")  # docs/differences.md
            elif type(e).__name__ != self.want.raised:
                self.fail("raised", what, f"{type(e).__name__}: {str(e)[:2000]}", f"{type(e).__name__}: {str(e)[:80]}")
        else:
            if not self.want.raised:
                return out
            self.fail("wrong value", what, f"got {out!r}, wanted {self.want.raised}")
        return NOTHING

    # -- values --------------------------------------------------------------------------------------------------------

    def value(self, what: str, f: Any, backend: str, args: list[Any], want: Outcome) -> None:
        """A result, and the arguments after the call, against NumPy's."""
        got = self.attempt(what, f, backend, args)
        if got is NOTHING:
            return
        self.compare(what, got, want.value)
        for i, (left, wanted) in enumerate(zip(args, want.args, strict=True)):
            if not np.array_equal(left, wanted) and not close(left, wanted, *self.tolerance):
                self.fail("wrong value", what, f"argument {i} becomes {left!r}, wanted {wanted!r}")

    @property
    def tolerance(self) -> tuple[float, float]:
        return (2e-5, 1e-5) if self.single else (1e-12, 1e-12)

    def compare(self, what: str, got: Any, want: Any) -> None:
        """Structure, dtypes, shapes, elements."""
        found, wanted = list(leaves(got)), list(leaves(want))
        if [p for p, _ in found] != [p for p, _ in wanted]:
            self.fail("wrong value", what, f"got {got!r}, wanted {want!r}")
            return
        for (path, g), (_, w) in zip(found, wanted, strict=True):
            a, b = np.asarray(g), np.asarray(w)
            if a.shape != b.shape or (a.dtype != b.dtype and not (a.dtype.kind == b.dtype.kind and type(g) in (int, float))):
                self.fail("wrong value", what, f"{path}: got {a.dtype}{a.shape}, wanted {b.dtype}{b.shape}", "type")
            elif not close(a, b, *self.tolerance):
                self.fail("wrong value", what, f"{path}: got {g!r}, wanted {w!r}")

    def layouts(self) -> None:
        """The same from arguments that lie otherwise in memory."""
        rng = np.random.default_rng(self.program.seed)
        kinds = ["F", "strided", "reversed", "read-only"] if WRITES not in self.program.tags else ["F", "strided", "reversed"]
        kind = str(rng.choice(kinds))
        args = [_laid_out(a, kind) if isinstance(a, np.ndarray) else a for a in self.program.args]
        backend = self.plan.backends[self.program.seed % len(self.plan.backends)]
        self.value(f"{backend} value, {kind}", self.f, backend, args, self.want)

    def aliases(self) -> None:
        """The same array for two arguments."""
        args, same = given(self.program), given(self.program)
        pairs = [
            (i, j)
            for i, a in enumerate(args)
            for j, b in enumerate(args[:i])
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype == b.dtype
        ]
        if not pairs or self.want.raised or WRITES in self.program.tags:  # irad refuses to write to one of two
            return
        i, j = pairs[0]
        args[i], same[i] = args[j], same[j]
        want = outcome(self.program, args)
        if not want.raised and _finite(want.value):
            self.value("llvm value, one array twice", self.f, "llvm", same, want)

    # -- derivatives ---------------------------------------------------------------------------------------------------

    def derivatives(self) -> None:
        if self.want.raised:
            for backend in self.plan.backends:
                f = self.irad.value_and_grad(self.scope[LOSS], argnums=self.floats)
                self.attempt(f"{backend} grad", f, backend, given(self.program))
            return
        f, along = self.scope[LOSS], self.tangents()
        first, second = slopes(self.program, self.source)
        self.report.gradient = [first]
        size, found = 0.0, {}
        for backend in self.plan.backends:
            what = f"{backend} grad"
            got = self.attempt(what, self.irad.value_and_grad(f, argnums=self.floats), backend, given(self.program))
            if got is NOTHING or not self.shaped(what, got[1]):
                continue
            products = [np.asarray(g, float) * along[i] for g, i in zip(got[1], self.floats, strict=True)]
            size = max(size, float(sum(np.sum(np.abs(p)) for p in products)))
            found[what] = float(sum(np.sum(p) for p in products))
            self.one("wrong gradient", what, found[what], first, size, 2e-3 if self.single else 1e-8)
        for backend in ("llvm", "interpreter") if self.plan.all or self.program.seed % 3 == 0 else ("llvm",):
            what = f"{backend} jvp"
            got = self.attempt(what, pushed_forward(f, along), backend, given(self.program))
            if got is not NOTHING:
                found[what] = float(got[1])
                self.one("wrong gradient", what, found[what], first, size, 2e-3 if self.single else 1e-8)
        if found and not any(f.kind == "wrong gradient" for f in self.report.failures):
            name, want = next(iter(found.items()))
            for what, got in found.items():
                self.one("wrong gradient", f"{what} beside {name}", got, want, size, 1e-4 if self.single else 1e-11)
        if self.plan.order >= 2:
            self.second(f, along, second)

    def second(self, f: Any, along: list[Any], want: float) -> None:
        """The second derivative along the direction: forward over reverse, reverse over reverse, reverse over forward."""
        slope = along_gradient(f, self.floats, along)
        pushed = pushed_forward(f, along)
        size, precision = abs(want) + 1.0, 5e-2 if self.single else 1e-6
        reverse = [("grad of grad", slope), ("grad of jvp", lambda *args: pushed(*args)[1])]
        for backend in self.plan.backends if self.plan.all else ("llvm", self.plan.backends[0]):
            got = self.attempt(f"{backend} jvp of grad", pushed_forward(slope, along), backend, given(self.program))
            if got is not NOTHING:
                self.one("wrong second derivative", f"{backend} jvp of grad", float(got[1]), want, size, precision)
            for name, g in reverse:
                what = f"{backend} {name}"
                got = self.attempt(what, self.irad.grad(g, argnums=self.floats), backend, given(self.program))
                if got is NOTHING or not self.shaped(what, got):
                    continue
                products = [np.asarray(p, float) * along[i] for p, i in zip(got, self.floats, strict=True)]
                total = float(sum(np.sum(p) for p in products))
                spread = size + float(sum(np.sum(np.abs(p)) for p in products))
                self.one("wrong second derivative", what, total, want, spread, precision)

    def tangents(self) -> list[Any]:
        """The direction in the arguments' dtypes."""
        along = direction(self.program)
        return [None if d is None else d.astype(a.dtype) for a, d in zip(self.program.args, along, strict=True)]

    def shaped(self, what: str, got: Any) -> bool:
        """Whether derivatives have the types of the arguments."""
        for g, i in zip(got, self.floats, strict=True):
            a = self.program.args[i]
            if np.shape(g) != a.shape or (np.asarray(g).dtype != a.dtype and type(g) is not float):
                self.fail("wrong gradient", what, f"for argument {i}: got {np.asarray(g).dtype}{np.shape(g)}", "type")
                return False
        return True

    def one(self, kind: str, what: str, got: float, want: float, size: float, relative: float) -> None:
        self.report.count("slopes against differences")
        if not (math.isfinite(got) and abs(got - want) <= relative * (size + 1e-3 + abs(want))):
            self.fail(kind, what, f"along {self.program.seed}: got {got!r}, wanted {want!r}, of terms of {size:.3g}")


def _finite(value: Any) -> bool:
    return all(np.all(np.isfinite(v)) for _, v in leaves(value))


def _laid_out(a: np.ndarray[Any, Any], kind: str) -> np.ndarray[Any, Any]:
    """An equal array that lies otherwise in memory."""
    if kind == "F":
        return np.asfortranarray(a.copy()) if a.ndim else a.copy()
    if kind == "read-only":
        out = a.copy()
        out.flags.writeable = False
        return out
    if a.ndim == 0:
        return a.copy()
    if kind == "reversed":
        return a[::-1].copy()[::-1]
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def examine(program: Program, plan: Plan = PLAIN) -> Report:
    """Run a program through the checks of a plan."""
    return ArrayExamination(program, dataclasses.replace(plan)).examine()
