"""Loops whose trips several threads share: results are those of one thread, bit for bit, and so are errors and interrupts.

Parts are made tiny here, so that small loops have many.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from irad.backends.llvm import parts

import irad
from irad.errors import CompileError
from tests.backends.kernels import arguments, random_module

THREADS = (2, 3, 8)


@pytest.fixture(autouse=True)
def _tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_COST", 1)


def leaves(value: Any) -> list[np.ndarray]:
    return [x for v in value for x in leaves(v)] if isinstance(value, tuple) else [np.asarray(value)]


def same_bits(x: Any, y: Any) -> bool:
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(leaves(x), leaves(y), strict=True))


def in_parts(f: Any, *args: Any) -> bool:
    return "@irad.parallel(" in str(irad.ir(f, *args, stage="llvm"))


def chain(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x) * np.sin(3.0 * x) + x


def statistics(x: np.ndarray) -> tuple[Any, ...]:
    return x.sum(), x.mean(axis=0), x.var(axis=1), x.max(), x.min(axis=0), (x > 0).any(), (x > -9).all(axis=1), x.prod()


def log_sum_exp(x: np.ndarray) -> Any:
    m = x.max(axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(x - m), axis=1)) + m[:, 0])


def bumps(x: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> Any:
    near = np.exp(-np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2))
    return np.sum(np.log(near @ weights + 1.0))


def written(x: np.ndarray) -> np.ndarray:
    y = np.zeros(x.shape)
    y[1:] = np.sin(x[1:] - x[:-1])
    y[::2] += x[::2]
    return y


def turned(x: np.ndarray) -> Any:
    return (x[:, ::-1].T * 2.0).sum(axis=1) + x.sum(axis=0)


def point(q: np.ndarray) -> np.ndarray:
    return np.array([math.sin(q[0]) * q[1], math.cos(q[1]) + q[0], q[0] * q[1]])


RNG = np.random.default_rng(3)
MATRIX, VECTOR = RNG.normal(size=(67, 19)), RNG.normal(size=1003)
CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "a chain": (chain, (VECTOR,)),
    "a chain of matrices": (chain, (MATRIX,)),
    "a chain of float32": (chain, (VECTOR.astype(np.float32),)),
    "reductions": (statistics, (MATRIX,)),
    "reductions of float32": (statistics, (MATRIX.astype(np.float32),)),
    "reductions with nan": (statistics, (np.where(MATRIX > 2.0, np.nan, MATRIX),)),
    "log-sum-exp": (log_sum_exp, (MATRIX,)),
    "its gradient": (irad.grad(log_sum_exp), (MATRIX,)),
    "sums over points": (irad.grad(bumps, argnums=(0, 1, 2)), (MATRIX, MATRIX[:5], np.abs(VECTOR[:5]))),
    "blocks that are written": (written, (VECTOR,)),
    "views": (turned, (RNG.normal(size=(67, 67)),)),
    "integers": (lambda n: (n * n + 3, (n // 7).sum()), (np.arange(900),)),
    "a batch": (irad.vmap(point), (RNG.normal(size=(203, 2)),)),
    "a batch of Jacobians": (irad.vmap(irad.jacobian(point)), (RNG.normal(size=(203, 2)),)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_for_any_number_of_threads(name: str) -> None:
    f, args = CASES[name]
    assert in_parts(f, *args)
    one = irad.compile(f, threads=1)(*args)
    plain = irad.compile(f, backend="interpreter")(*args)
    for x, y in zip(leaves(one), leaves(plain), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4 if y.dtype == np.float32 else 1e-11, atol=1e-5)
    for threads in THREADS:
        g = irad.compile(f, threads=threads)
        for _ in range(3):
            assert same_bits(g(*args), one)


def test_sizes_that_are_known_at_run_time_only() -> None:
    """Also fewer elements than a part, and none that are left for the last vector."""
    for f in (chain, irad.grad(lambda x: np.sum(chain(x))), statistics):
        one, more = irad.compile(f, threads=1), irad.compile(f, threads=3)
        for n in (31, 5, 2, 16, 64, 256, 1000, 1024, 12345):
            x = np.resize(VECTOR, (n, 3)) if f is statistics else np.resize(VECTOR, n)
            assert same_bits(one(x), more(x))
        assert more.cache_info().programs <= 2


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_random_kernels(first: int) -> None:
    shared = 0
    for seed in range(first, first + 20):
        module = random_module(seed)
        args = arguments(module.entry, seed)
        one = irad.compile(module, threads=1)(*args)
        shared += in_parts(module, *args)
        assert same_bits(irad.compile(module, threads=2)(*args), one), f"seed {seed}"
    assert shared > 5


# -- how many threads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, -1, 1.0, "2", True, None.__class__])
def test_other_numbers_are_refused(threads: Any) -> None:
    with pytest.raises(CompileError, match="a number of threads is needed, 1 or more"):
        irad.compile(chain, threads=threads)


def test_backends_without_threads_refuse_them() -> None:
    with pytest.raises(CompileError, match='only backend="llvm" has threads'):
        irad.compile(chain, backend="source", threads=2)


@pytest.mark.parametrize("told", ["0", "-3", "many", "1.5", "²"])
def test_an_environment_without_sense_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRAD_THREADS", told)
    with pytest.raises(CompileError, match="IRAD_THREADS is"):
        irad.compile(lambda x: x + 1.0)(2.0)
    assert irad.compile(lambda x: x + 1.0, threads=1)(2.0) == 3.0
