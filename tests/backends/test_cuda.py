"""CUDA C: NVRTC takes it for both architectures, and its threads, run one after the other by the processor, compute what the
operations mean. test_gpu.py asks the same of a GPU."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from irad.backends.cupy.emit import emit_module
from irad.backends.cupy.nvrtc import available, ptx

import irad
from irad.demo.fit import GUESS, Problem
from irad.demo.model import loss
from irad.errors import CompileError
from irad.graph.nodes import Module
from irad.graph.parse import parse_module
from irad.pipeline import native, optimize
from irad.primitives import REGISTRY
from irad.primitives.table import Missing, Primitive

from . import meaning
from .kernels import random_module
from .meaning import BATCHES, ELEMENTWISE, NAMED, PROGRAMS, RAISING, SIZES
from .threads import OnProcessor, build, joined

ARCHITECTURES = ("sm_80", "sm_90")
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="threads are run by the processor's code, which g++ makes")


def compile_text(text: str) -> None:
    for architecture in ARCHITECTURES:
        found = ptx(text, architecture).decode()
        assert f".target {architecture}" in found
        assert found.count(".entry") == text.count("__global__")


def on_processor(folder: Path, backwards: bool = False, compiles: bool = False) -> meaning.Build:
    """`compiles`: NVRTC takes the text, too."""

    def built(modules: Sequence[Module]) -> list[OnProcessor]:
        runs, text = build(modules, folder)
        for run in runs:
            run.backwards = backwards
        if compiles:
            compile_text(text)
        return runs

    return built


def test_nvrtc_is_there() -> None:
    """It is a requirement of the tests: nothing below is skipped without it."""
    assert available() == ""


def test_what_nvrtc_refuses_is_an_error_with_its_log() -> None:
    with pytest.raises(CompileError, match=r"(?s)sm_80.*undefined"):
        ptx('extern "C" __global__ void f(double *x) { *x = unknown; }', "sm_80")


# -- random programs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, PROGRAMS, SIZES))
def test_random_kernels_compile(first: int) -> None:
    compile_text(joined([emit_module(native(optimize(random_module(s)))) for s in range(first, first + SIZES)]))


@needs_gxx
@pytest.mark.parametrize("first", range(0, PROGRAMS, SIZES))
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_random_kernels_compute_what_their_operations_mean(first: int, backwards: bool, tmp_path: Path) -> None:
    """In either order of the threads."""
    meaning.random_kernels(on_processor(tmp_path, backwards), first)


# -- operations -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_every_elementwise_operation_has_cuda_or_says_why_not(p: Primitive) -> None:
    assert callable(p.cuda) or (isinstance(p.cuda, Missing) and len(p.cuda.reason) > 10)


def test_an_operation_that_is_missing_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "exp(" in str(irad.ir(np.exp, np.ones(3), stage="cuda"))
    monkeypatch.setattr(REGISTRY["exp"], "cuda", Missing("there is no such function"))
    with pytest.raises(CompileError, match="`exp` has no CUDA C: there is no such function"):
        irad.ir(np.exp, np.ones(3), stage="cuda")


def ulps(p: Primitive) -> int:
    """How far the processor's C library may be from NumPy; arithmetic is exact."""
    return 0 if p.cost < 20 or p.name in ("floordiv", "mod", "fmod", "ipow") else 128 if p.name == "lgamma" else 8


@needs_gxx
def test_operations_compute_their_meaning(tmp_path: Path) -> None:
    """NVRTC takes them, too."""
    meaning.operations(on_processor(tmp_path, compiles=True), ulps)


@needs_gxx
@pytest.mark.parametrize(("name", "y", "error"), RAISING)
def test_what_would_raise_is_noted(name: str, y: int, error: int, tmp_path: Path) -> None:
    meaning.noted(on_processor(tmp_path), name, y, error)


# -- programs -------------------------------------------------------------------------------------------------------------


@needs_gxx
def test_sizes_known_at_run_time(tmp_path: Path) -> None:
    meaning.symbolic(on_processor(tmp_path, compiles=True))


@needs_gxx
def test_slices_begin_where_numbers_say(tmp_path: Path) -> None:
    meaning.slices(on_processor(tmp_path, compiles=True))


@pytest.mark.parametrize("name", NAMED)
def test_programs_compile(name: str) -> None:
    f, args = NAMED[name]()
    program = irad.ir(f, *args, stage="cuda")
    assert str(program).count("__global__") > 0
    assert len(program.spans) == str(program).count("\n")
    assert any(program.spans)
    compile_text(str(program))


@needs_gxx
@pytest.mark.parametrize("name", NAMED)
def test_programs_compute_their_value(name: str, tmp_path: Path) -> None:
    meaning.program(on_processor(tmp_path), *NAMED[name]())


@needs_gxx
@pytest.mark.parametrize("name", BATCHES)
def test_items_of_a_batch_are_threads(name: str, tmp_path: Path) -> None:
    meaning.batch(on_processor(tmp_path, compiles=True), name, 17)


SYMBOLIC_BATCH = """
graph @main(%x: f64[n,3], %k: f64) -> f64[n,2] {
  %0: int = dim(%x, axis=0);
  %1: f64[n,2] = zeros(%0, of=f64[n,2]);
  graph @body(%i: int, %out: f64[n,2]) -> f64[n,2] {
    %2: f64 = index(%x, %i, 0);
    %3: f64 = index(%x, %i, 2);
    %4: f64 = mul(%2, %k);
    %5: f64[n,2] = index_update(%out, %4, %i, 1);
    %6: f64[n,2] = index_add(%5, %3, %i, 1);
    %7: f64[n,2] = index_update(%6, %3, %i, 0);
    return %7;
  }
  %8: f64[n,2] = for_loop(%0, @body, %1);
  return %8;
}
"""


@needs_gxx
@pytest.mark.parametrize("n", [0, 1, 20])
def test_a_batch_has_a_size_known_at_run_time(n: int, tmp_path: Path) -> None:
    (run,) = on_processor(tmp_path, compiles=True)([parse_module(SYMBOLIC_BATCH, REGISTRY).module])
    assert len(run.program.kernels) == 1
    x = np.random.default_rng(n).normal(size=(n, 3))
    np.testing.assert_array_equal(run(x, np.float64(0.3)), np.stack([x[:, 2], x[:, 0] * 0.3 + x[:, 2]], axis=1))


@pytest.mark.parametrize(
    ("trips", "at", "other"),
    [
        ("20", "%i", "%before"),  # reads what the trip before writes
        ("21", "%i", "%i"),  # goes on behind the end
        ("20", "%k", "%i"),  # all write at one place
    ],
)
def test_loops_whose_trips_cannot_be_threads_have_no_kernel(trips: str, at: str, other: str) -> None:
    text = f"""
graph @main(%x: f64[20], %k: int) -> f64[20] {{
  graph @body(%i: int, %out: f64[20]) -> f64[20] {{
    %before: int = sub(%i, 1);
    %0: f64 = index(%out, {other});
    %1: f64 = mul(%0, 2.0);
    %2: f64[20] = index_update(%out, %1, {at});
    return %2;
  }}
  %3: f64[20] = for_loop({trips}, @body, %x);
  return %3;
}}
"""
    assert not emit_module(parse_module(text, REGISTRY).module).kernels
    apart = text.replace(f"({trips},", "(20,").replace(f"%out, {other}", "%out, %i").replace(f"%1, {at}", "%1, %i")
    assert len(emit_module(parse_module(apart, REGISTRY).module).kernels) == 1


def test_the_demo_has_no_arrays_that_fuse_and_says_so() -> None:
    text = str(irad.ir(irad.value_and_grad(loss), *Problem().arguments(np.log(GUESS)), stage="cuda"))
    assert text == "// No array operations fuse in this program.\n"
    compile_text(text)
