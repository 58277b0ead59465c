"""CUDA C: NVRTC takes it for both architectures, and its threads, run one after the other by the processor, compute what the
operations mean. No GPU runs it."""

from __future__ import annotations

import importlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from irad.backends.cupy.emit import emit_module
from irad.backends.cupy.nvrtc import available, ptx
from irad.backends.interpreter.run import interpret

import irad
from benchmarks.workloads.w06a_gmm import IDX
from irad.demo.fit import GUESS, Problem
from irad.demo.model import loss
from irad.errors import CompileError
from irad.graph.build import Builder
from irad.graph.nodes import Module
from irad.graph.parse import parse_module
from irad.pipeline import native, optimize
from irad.primitives import REGISTRY
from irad.primitives.table import Missing, Primitive
from irad.types import Array
from tests.primitives.compare import within_ulps
from tests.primitives.samples import Application
from tests.primitives.values import combinations, either_zero, outcomes, signatures

from .kernels import arguments, random_module
from .threads import Threads, build, joined

ARCHITECTURES = ("sm_80", "sm_90")
PROGRAMS, SIZES = 120, 30  # as test_kernels has; of those that are compiled as one text
ELEMENTWISE = [p for p in REGISTRY.values() if p.elementwise]
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="threads are run by the processor's code, which g++ makes")


def compiles(text: str) -> None:
    for architecture in ARCHITECTURES:
        found = ptx(text, architecture).decode()
        assert f".target {architecture}" in found
        assert found.count(".entry") == text.count("__global__")


def test_nvrtc_is_there() -> None:
    """It is a requirement of the tests: nothing below is skipped without it."""
    assert available() == ""


def test_what_nvrtc_refuses_is_an_error_with_its_log() -> None:
    with pytest.raises(CompileError, match=r"(?s)sm_80.*undefined"):
        ptx('extern "C" __global__ void f(double *x) { *x = unknown; }', "sm_80")


# -- random programs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, PROGRAMS, SIZES))
def test_random_kernels_compile(first: int) -> None:
    compiles(joined([emit_module(native(optimize(random_module(s)))) for s in range(first, first + SIZES)]))


@needs_gxx
@pytest.mark.parametrize("first", range(0, PROGRAMS, SIZES))
def test_random_kernels_compute_what_their_operations_mean(first: int, tmp_path: Path) -> None:
    modules = [random_module(s) for s in range(first, first + SIZES)]
    runs, _ = build([native(optimize(m)) for m in modules], tmp_path)
    for seed, module, run in zip(range(first, first + SIZES), modules, runs, strict=True):
        args = arguments(module.entry, seed)
        agree(run, irad.compile(module, backend="interpreter")(*args), args, f"seed {seed}:\n{run.program.text}")


def agree(run: Threads, want: Any, args: list[Any], where: str) -> None:
    got = run(*args)
    assert run.error == 0
    for x, y in zip(got, want, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype
        near = 1e-2 if any(a.dtype == np.float32 for a in args) else 1e-11  # sums of up to 36 000 numbers, in order
        size = float(np.max(np.abs(y[np.isfinite(y)]), initial=1.0)) if y.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(x, y, rtol=near, atol=near * size, err_msg=where)


# -- operations -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_every_elementwise_operation_has_cuda_or_says_why_not(p: Primitive) -> None:
    assert callable(p.cuda) or (isinstance(p.cuda, Missing) and len(p.cuda.reason) > 10)


def test_an_operation_that_is_missing_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "exp(" in str(irad.ir(np.exp, np.ones(3), stage="cuda"))
    monkeypatch.setattr(REGISTRY["exp"], "cuda", Missing("there is no such function"))
    with pytest.raises(CompileError, match="`exp` has no CUDA C: there is no such function"):
        irad.ir(np.exp, np.ones(3), stage="cuda")


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


def ulps(p: Primitive) -> int:
    """How far the processor's C library may be from NumPy; arithmetic is exact."""
    return 0 if p.cost < 20 or p.name in ("floordiv", "mod", "fmod", "ipow") else 128 if p.name == "lgamma" else 8


@needs_gxx
def test_operations_compute_their_meaning(tmp_path: Path) -> None:
    """On all combinations of special numbers, of each machine type; NVRTC takes them."""
    cases, modules = [], []
    for a in itertools.chain.from_iterable(map(machine, ELEMENTWISE)):
        points = combinations(a.types)  # type: ignore[arg-type]
        good = [(xs, v) for xs, v in zip(points, outcomes(a, points), strict=True) if not isinstance(v, type)]
        module = operation(a, len(good))
        if any(n.fn.name == "fused" for n in module.entry.body):  # (to the same type `convert` is no operation)
            cases.append((a, good))
            modules.append(module)
    assert len({a.p for a, _ in cases}) >= len(ELEMENTWISE) - 1
    runs, text = build(modules, tmp_path)
    compiles(text)
    for (a, good), run in zip(cases, runs, strict=True):
        args = [np.array([xs[k] for xs, _ in good], t.dtype) for k, t in enumerate(a.types)]  # type: ignore[attr-defined]
        got, want = run(*args), np.array([v for _, v in good])
        assert run.error == 0
        assert got.dtype == want.dtype
        for k, (x, y) in enumerate(zip(got, want, strict=True)):
            fits = within_ulps(x, y, ulps(a.p)) or either_zero(a.p, x, y)
            assert fits, f"{a} at {[v[k] for v in args]}: {x!r}, not {y!r}"


@needs_gxx
@pytest.mark.parametrize(("name", "y", "error"), [("floordiv", 0, 1), ("mod", 0, 1), ("ipow", -1, 2), ("lshift", -1, 3)])
def test_what_would_raise_is_noted(name: str, y: int, error: int, tmp_path: Path) -> None:
    t = REGISTRY[name]
    a = next(a for a in machine(t) if str(a.types[0]) == "i64")
    (run,), _ = build([operation(a, 2)], tmp_path)
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


@needs_gxx
def test_sizes_known_at_run_time(tmp_path: Path) -> None:
    module = parse_module(SYMBOLIC, REGISTRY).module
    (run,), text = build([native(optimize(module))], tmp_path)
    assert "long long n_m" in text
    compiles(text)
    rng = np.random.default_rng(0)
    for n, m in ((1, 1), (5, 7), (40, 3)):
        args = [rng.normal(size=(n, m)), rng.normal(size=m), 0]
        want = interpret(module, args)
        for x, y in zip(run(*args), want, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-13)


SLICES = """
graph @main(%x: f64[200], %y: f64[20], %k: int, %j: int) -> f64[20] {
  %0: f64[70] = slice(%x, %k, shape=(70,), steps=(2,));
  %1: f64[20] = slice(%0, %j, shape=(20,), steps=(-3,));
  %2: f64[20] = mul(%1, %y);
  return %2;
}
"""


@needs_gxx
def test_slices_begin_where_numbers_say(tmp_path: Path) -> None:
    (run,), text = build([native(optimize(parse_module(SLICES, REGISTRY).module))], tmp_path)
    assert "2 * (long long)in_j" in text
    compiles(text)
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


@pytest.mark.parametrize("name", NAMED)
def test_programs_compile(name: str) -> None:
    f, args = NAMED[name]()
    program = irad.ir(f, *args, stage="cuda")
    assert str(program).count("__global__") > 0
    assert len(program.spans) == str(program).count("\n")
    assert any(program.spans)
    compiles(str(program))


@needs_gxx
@pytest.mark.parametrize("name", NAMED)
def test_programs_compute_their_value(name: str, tmp_path: Path) -> None:
    """As the processor's own code does."""
    f, args = NAMED[name]()
    want = irad.compile(f)(*args)
    (run,), _ = build([irad.ir(f, *args, stage="cuda").module], tmp_path)  # type: ignore[list-item]
    captured = [{"IDX": IDX}[p.name or ""] for p in run.module.entry.params[len(args) :]]
    got = run(*args, *captured)
    near = 1e-4 if any(np.asarray(a).dtype == np.float32 for a in args) else 1e-9
    for x, y in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=near, atol=near * np.max(np.abs(y)))


def test_the_demo_has_no_arrays_that_fuse_and_says_so() -> None:
    text = str(irad.ir(irad.value_and_grad(loss), *Problem().arguments(np.log(GUESS)), stage="cuda"))
    assert text == "// No array operations fuse in this program.\n"
    compiles(text)
