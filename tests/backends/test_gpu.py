"""What test_cuda.py asks of kernels whose threads the processor runs one after the other, asked of a GPU, where there is one.

In few threads, which have several indices each, and in many. Kernels are compiled without fused multiply-adds, so arithmetic is
exact; CUDA's functions are as near as NVIDIA's programming guide says, and sums over threads come in no fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import irad
from irad.graph.nodes import Module
from irad.primitives.table import Primitive

from . import meaning
from .device import FEW, MANY, OnDevice, build, unavailable
from .meaning import BATCHES, NAMED, PROGRAMS, RAISING, SIZES

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(unavailable()), reason=unavailable())]


@pytest.fixture(params=[FEW, MANY], ids=["few", "many"])
def on_device(request: pytest.FixtureRequest) -> meaning.Build:
    return lambda modules: build(modules, request.param)


@pytest.mark.parametrize("first", range(0, PROGRAMS, SIZES))
def test_random_kernels_compute_what_their_operations_mean(first: int, on_device: meaning.Build) -> None:
    meaning.random_kernels(on_device, first)


def ulps(p: Primitive) -> int:
    """How far a function of CUDA's may be from NumPy's: its own bound (10 for tgamma, else at most 5 in double precision) and
    NumPy's; arithmetic and square roots are exact."""
    if p.cost < 20 or p.name in ("floordiv", "mod", "fmod", "ipow"):
        return 0
    return 128 if p.name == "lgamma" else 16


def test_operations_compute_their_meaning(on_device: meaning.Build) -> None:
    meaning.operations(on_device, ulps)


@pytest.mark.parametrize(("name", "y", "error"), RAISING)
def test_what_would_raise_is_noted(name: str, y: int, error: int, on_device: meaning.Build) -> None:
    meaning.noted(on_device, name, y, error)


def test_sizes_known_at_run_time(on_device: meaning.Build) -> None:
    meaning.symbolic(on_device, [(1, 1), (5, 7), (40, 3), (1000, 300)])


def test_slices_begin_where_numbers_say(on_device: meaning.Build) -> None:
    meaning.slices(on_device)


@pytest.mark.parametrize("name", NAMED)
def test_programs_compute_their_value(name: str, on_device: meaning.Build) -> None:
    meaning.program(on_device, *NAMED[name]())


@pytest.mark.parametrize("items", [17, 100_000])
@pytest.mark.parametrize("name", BATCHES)
def test_items_of_a_batch_are_threads(name: str, items: int, on_device: meaning.Build) -> None:
    meaning.batch(on_device, name, items)


# -- large arrays, whose sums many threads make ---------------------------------------------------------------------------

N = 1_000_003
RNG = np.random.default_rng(0)
LARGE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "whole numbers": (lambda k: (np.sum(k * k), np.max(k), np.min(k)), (RNG.integers(-1000, 1000, N),)),
    "truths": (lambda x: (np.any(x > 5.5), np.all(x > -5.5), np.max(x), np.min(x)), (RNG.normal(size=N),)),
    "elements": (lambda x, y: (x * y - y / (x * x + 1.0), np.maximum(x, y)), (RNG.normal(size=N), RNG.normal(size=N))),
    "rows": (lambda x: np.sum(x * x, axis=1), (RNG.normal(size=(20_000, 50)),)),
}


def run_of(f: Callable[..., Any], args: tuple[Any, ...], grid: tuple[int, int]) -> OnDevice:
    module = irad.ir(f, *args, stage="cuda").module
    assert isinstance(module, Module)
    (run,) = build([module], grid)
    assert run.program.kernels
    return run


def parts(x: Any) -> Sequence[Any]:
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("name", LARGE)
def test_what_has_no_order_is_the_same_in_any_number_of_threads(name: str) -> None:
    """Whole numbers, extremes, truths, elements, and sums within a thread: to the bit; and NumPy's value, where that does not
    depend on an order."""
    f, args = LARGE[name]
    results = [run_of(f, args, grid)(*args) for grid in (FEW, MANY, (1000, 256))]
    for found in results:
        for x, first, want in zip(parts(found), parts(results[0]), parts(f(*args)), strict=True):
            np.testing.assert_array_equal(x, first)
            np.testing.assert_allclose(x, want, rtol=1e-13 if name == "rows" else 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sums_over_threads_are_near_in_any_order(dtype: Any) -> None:
    """Of positive numbers: after Higham, n roundings at most, and as a rule few times their square root."""
    x = np.abs(RNG.normal(size=N)).astype(dtype) + dtype(1)
    want, bound = np.sum(x.astype(np.longdouble)), 20 * np.sqrt(N) * np.finfo(dtype).eps
    for grid in (FEW, MANY, (1000, 256)):
        found = run_of(lambda x: np.sum(x * 0.5), (x,), grid)(x)
        assert abs(2 * found - want) <= bound * want


@pytest.mark.parametrize("at", [0, N // 2, N - 1])
def test_a_nan_is_the_extreme_of_many_threads(at: int) -> None:
    x = RNG.normal(size=N)
    x[at] = np.nan
    f = lambda x: (np.max(x * 2.0), np.min(x * 2.0), np.sum(x * 2.0), np.any(x * 2.0 > 1e9))  # noqa: E731
    most, least, total, any_ = run_of(f, (x,), MANY)(x)
    assert np.isnan([most, least, total]).all()
    assert not any_
