"""What kernels of CUDA C have to compute, whoever runs their threads: each check is given what builds and runs modules."""

from __future__ import annotations

import importlib
import itertools
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from irad.backends.interpreter.run import interpret

import irad
from benchmarks.workloads.w06a_gmm import IDX
from irad.graph.build import Builder
from irad.graph.nodes import Module
from irad.graph.parse import parse_module
from irad.pipeline import native, optimize
from irad.primitives import REGISTRY
from irad.primitives.table import Primitive
from irad.types import Array
from tests.primitives.compare import within_ulps
from tests.primitives.samples import Application
from tests.primitives.values import combinations, either_zero, outcomes, signatures

from .kernels import arguments, random_module
from .threads import Threads

Build = Callable[[Sequence[Module]], Sequence[Threads]]

PROGRAMS, SIZES = 120, 30  # as test_kernels has; of those that are compiled as one text
ELEMENTWISE = [p for p in REGISTRY.values() if p.elementwise]

# -- random programs ------------------------------------------------------------------------------------------------------


def random_kernels(build: Build, first: int) -> None:
    modules = [random_module(s) for s in range(first, first + SIZES)]
    runs = build([native(optimize(m)) for m in modules])
    for seed, module, run in zip(range(first, first + SIZES), modules, runs, strict=True):
        args = arguments(module.entry, seed)
        agree(run, irad.compile(module, backend="interpreter")(*args), args, f"seed {seed}:\n{run.program.text}")


def agree(run: Threads, want: Any, args: list[Any], where: str) -> None:
    got = run(*args)
    assert run.error == 0
    for x, y in zip(got, want, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype
        near = 1e-2 if any(a.dtype == np.float32 for a in args) else 1e-11  # sums of up to 36 000 numbers, in any order
        size = float(np.max(np.abs(y[np.isfinite(y)]), initial=1.0)) if y.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(x, y, rtol=near, atol=near * size, err_msg=where)


# -- operations -----------------------------------------------------------------------------------------------------------


def operation(a: Application, n: int) -> Module:
    """An operation on arrays of n numbers."""
    module = Module()
    b: Any = Builder(module, REGISTRY)
    graph = b.new_graph("main")
    xs = [b.parameter(graph, Array(t, (n,)), f"x{k}") for k, t in enumerate(a.types)]  # type: ignore[arg-type]
    with b.inside(graph):
        graph.finish(b.apply(a.p, xs, a.static))
    return native(optimize(module))


def machine(p: Primitive) -> list[Application]:
    return [a for a in signatures(p) if not any(t.weak for t in a.types)]  # type: ignore[attr-defined]


def operations(build: Build, ulps: Callable[[Primitive], int]) -> None:
    """On all combinations of special numbers, of each machine type. `ulps`: how far whoever runs may be from NumPy."""
    cases, modules = [], []
    for a in itertools.chain.from_iterable(map(machine, ELEMENTWISE)):
        points = combinations(a.types)  # type: ignore[arg-type]
        good = [(xs, v) for xs, v in zip(points, outcomes(a, points), strict=True) if not isinstance(v, type)]
        module = operation(a, len(good))
        if any(n.fn.name == "fused" for n in module.entry.body):  # (to the same type `convert` is no operation)
            cases.append((a, good))
            modules.append(module)
    assert len({a.p for a, _ in cases}) >= len(ELEMENTWISE) - 1
    wrong = []
    for (a, good), run in zip(cases, build(modules), strict=True):
        args = [np.array([xs[k] for xs, _ in good], t.dtype) for k, t in enumerate(a.types)]  # type: ignore[attr-defined]
        got, want = run(*args), np.array([v for _, v in good])
        assert run.error == 0
        assert got.dtype == want.dtype
        for k, (x, y) in enumerate(zip(got, want, strict=True)):
            if not (within_ulps(x, y, ulps(a.p)) or either_zero(a.p, x, y) or rounded_up(x, y, ulps(a.p))):
                wrong.append(f"{a} at {[v[k] for v in args]}: {x!r}, not {y!r}")
    assert not wrong, f"{len(wrong)} in all:\n" + "\n".join(wrong[:200])


def rounded_up(x: Any, y: Any, ulps: int) -> bool:
    """Whether x is infinite where y is one of the largest numbers: CUDA's hypot has an error of one unit there, too."""
    return ulps > 0 and bool(np.isinf(x)) and within_ulps(np.copysign(np.finfo(x.dtype).max, x), y, ulps - 1)


RAISING = [("floordiv", 0, 1), ("mod", 0, 1), ("ipow", -1, 2), ("lshift", -1, 3)]  # operation, operand, what is noted


def noted(build: Build, name: str, y: int, error: int) -> None:
    """What would raise is."""
    a = next(a for a in machine(REGISTRY[name]) if str(a.types[0]) == "i64")
    (run,) = build([operation(a, 2)])
    run(np.array([7, 7]), np.array([2, y]))
    assert run.error == error
    run(np.array([7, 7]), np.array([2, 3]))
    assert run.error == 0


# -- sizes known at run time ----------------------------------------------------------------------------------------------

SYMBOLIC = """
graph @main(%x: f64[n,m], %w: f64[m], %k: int) -> (f64[n], f64[n,m], f64, f64[m]) {
  %0: int = dim(%x, axis=0);
  %1: int = dim(%x, axis=1);
  %2: f64[n] = max(%x, axes=(1,));
  %3: f64[n,1] = reshape(%2, %0, shape=(n,1));
  %4: f64[n,m] = broadcast(%3, %0, %1, shape=(n,m));
  %5: f64[n,m] = sub(%x, %4);
  %6: f64[n,m] = exp(%5);
  %7: f64[n] = sum(%6, axes=(1,));
  %8: f64[n,m] = broadcast(%w, %0, %1, shape=(n,m));
  %9: f64[n,m] = mul(%6, %8);
  %10: f64 = sum(%9, axes=(0, 1));
  %11: f64[m] = min(%9, axes=(0,));
  %12: (f64[n], f64[n,m], f64, f64[m]) = make_tuple(%7, %9, %10, %11);
  return %12;
}
"""
SLICES = """
graph @main(%x: f64[200], %y: f64[20], %k: int, %j: int) -> f64[20] {
  %0: f64[70] = slice(%x, %k, shape=(70,), steps=(2,));
  %1: f64[20] = slice(%0, %j, shape=(20,), steps=(-3,));
  %2: f64[20] = mul(%1, %y);
  return %2;
}
"""


def symbolic(build: Build, sizes: Sequence[tuple[int, int]] = ((1, 1), (5, 7), (40, 3))) -> None:
    module = parse_module(SYMBOLIC, REGISTRY).module
    (run,) = build([native(optimize(module))])
    rng = np.random.default_rng(0)
    for n, m in sizes:
        args = [rng.normal(size=(n, m)), rng.normal(size=m), 0]
        want = interpret(module, args)
        for x, y in zip(run(*args), want, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-13 * max(1.0, n * m / 100))


def slices(build: Build) -> None:
    (run,) = build([native(optimize(parse_module(SLICES, REGISTRY).module))])
    x = np.arange(200.0)
    for k, j in ((0, 57), (3, 69), (17, 60)):
        np.testing.assert_array_equal(run(x, x[:20], np.int64(k), np.int64(j)), x[:20] * x[k::2][j::-3][:20])


# -- programs ---------------------------------------------------------------------------------------------------------------


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1)[:, None])
    return np.sum((e / np.sum(e, axis=1)[:, None]) ** 2)


def distances(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(d * d, axis=2) + 0.01))


def truths(x: Any, k: Any) -> Any:
    inside = (x > 0.0) & (k[:, None] % 3 == 1)
    return np.where(inside, x, -x).sum(axis=0) + np.any(inside, axis=0) + np.max(k // 2)


def nothing(x: Any) -> Any:
    """Between arrays with elements there is one without."""
    return np.sum(np.sin(x[None, :0] @ x.T)) + np.sum(x * x)


def workload(name: str, argnums: Any = None) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    w = importlib.import_module(f"benchmarks.workloads.{name}")
    return irad.grad(w.f, argnums=w.ARGNUMS), w.make()


X = np.linspace(-1.0, 1.0, 60).reshape(20, 3)
NAMED: dict[str, Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]] = {
    "softmax": lambda: (irad.grad(softmax), (X,)),
    "softmax in f32": lambda: (irad.grad(softmax), (X.astype(np.float32),)),
    "distances": lambda: (irad.grad(distances), (X,)),
    "truths and whole numbers": lambda: (truths, (X, np.arange(20))),
    "nothing": lambda: (irad.grad(nothing), (X,)),
    "nbody": lambda: workload("w04a_nbody_energy"),
    "mlp": lambda: workload("w05a_mlp"),
    "mixture": lambda: workload("w06a_gmm"),
    "elementwise": lambda: workload("w07_elementwise"),
}


def program(build: Build, f: Callable[..., Any], args: tuple[Any, ...], near: float | None = None) -> None:
    """A program computes what the processor's own code does."""
    want = irad.compile(f)(*args)
    (run,) = build([irad.ir(f, *args, stage="cuda").module])  # type: ignore[list-item]
    captured = [{"IDX": IDX}[p.name or ""] for p in run.module.entry.params[len(args) :]]
    got = run(*args, *captured)
    assert run.error == 0
    if near is None:
        near = 1e-4 if any(np.asarray(a).dtype == np.float32 for a in args) else 1e-9
    for x, y in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=near, atol=near * np.max(np.abs(y)))


# -- items of a batch -----------------------------------------------------------------------------------------------------

JACOBIANS = runpy.run_path(str(Path(irad.__file__).resolve().parents[1] / "examples" / "jacobians.py"))["TASKS"]


def logistic(x: Any, rate: Any) -> Any:
    for _ in range(10):
        x = x + rate * x * (1.0 - x)
    return x


def several(x: Any, k: Any) -> Any:
    """Numbers of each type."""
    return np.exp(-x), 2 * k + 1, x > 0.5, x * k


def jacobian_of(name: str, items: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    f, x = JACOBIANS[name]
    return irad.vmap(irad.jacobian(f)), (x * np.linspace(1.0, 1.02, items)[:, None],)


BATCHES: dict[str, Callable[[int], tuple[Callable[..., Any], tuple[Any, ...]]]] = {
    **{name: lambda n, name=name: jacobian_of(name, n) for name in JACOBIANS},  # type: ignore[misc]
    "logistic": lambda n: (irad.vmap(irad.grad(logistic), in_axes=(0, None)), (np.linspace(0.1, 0.9, n), 0.3)),
    "logistic in f32": lambda n: (
        irad.vmap(irad.grad(logistic), (0, None)),
        (np.linspace(0.1, 0.9, n).astype(np.float32), 0.3),
    ),
    "several": lambda n: (irad.vmap(several), (np.linspace(0.0, 1.0, n), np.arange(n) - n // 2)),
}


def batch(build: Build, name: str, items: int) -> None:
    """The loop over the items of a batch is one kernel, and computes what the processor's own code does."""
    f, args = BATCHES[name](items)
    module = irad.ir(f, *args, stage="cuda").module

    def built(modules: Sequence[Module]) -> Sequence[Threads]:
        runs = build(modules)
        (functions,) = runs[0].program.kernels.values()
        assert [f.threads for f in functions] == [items]
        return runs

    assert module is not None
    program(built, f, args, 1e-5 if "f32" in name else 1e-12)
