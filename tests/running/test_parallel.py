"""Loops whose trips several threads share: results are those of one thread, bit for bit, and so are errors and interrupts.

Parts are made tiny here, so that small loops have many.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from irad.backends.llvm import parts
from irad.backends.llvm.objects import live_bytes

import irad
from irad.errors import CompileError
from tests.backends.kernels import arguments, random_module
from tests.limits import time_limit
from tests.running.interrupts import seconds_to_stop
from tests.running.test_threads import together

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


@pytest.mark.parametrize("first", [0, 10])
def test_random_kernels(first: int) -> None:
    shared = 0
    for seed in range(first, first + 10):
        module = random_module(seed)
        args = arguments(module.entry, seed)
        one = irad.compile(module, threads=1)(*args)
        shared += in_parts(module, *args)
        assert same_bits(irad.compile(module, threads=2)(*args), one), f"seed {seed}"
    assert shared > 1


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


# -- loops with whatever bodies -------------------------------------------------------------------------------------------


def kepler(m: float, e: float) -> float:
    x, d = m, 1.0
    while abs(d) > 1e-12:
        d = (x - e * math.sin(x) - m) / (1.0 - e * math.cos(x))
        x -= d
    return x


def branches(x: np.ndarray) -> tuple[float, np.ndarray]:
    total = 0.0
    for v in x:
        total += math.sin(v) if v > 0 else v
    y = x.copy()
    y[1:] += y[:-1]
    return total, y


def halvings(x: np.ndarray) -> np.ndarray:
    out = np.zeros(len(x), dtype=np.int64)
    for i in range(len(x)):
        y, k = x[i], 0
        while y > 1.0:
            y *= 0.5
            k += 1
        out[i] = k
    return out


def backwards(x: np.ndarray) -> np.ndarray:
    out = np.zeros((len(x), 3))
    for i in range(len(x)):
        k = len(x) - 1 - i
        out[k, 0] = x[i] if x[i] > 0.0 else -1.0
        out[k, 2] = out[k, 0] + 1.0
    return out


def neighbours(x: np.ndarray) -> np.ndarray:
    """A trip reads what the one before it wrote."""
    out = np.zeros(len(x))
    for i in range(1, len(x)):
        out[i] = out[i - 1] + (x[i] if x[i] > 0.0 else 0.0)
    return out


def counted(x: np.ndarray) -> np.ndarray:
    """Each trip takes the same array over, and copies it."""
    start = np.cumsum(x[:40])
    out = np.zeros(len(x))
    for i in range(len(x)):
        own = start.copy()
        own[i % 40] = x[i] if x[i] > 0.0 else 0.0
        out[i] = own.sum()
    return out


def network(w: np.ndarray, x: np.ndarray) -> float:
    h = np.tanh(w @ x)
    return (h * h).sum()


ANGLES, ORBITS = RNG.uniform(0.0, 3.0, 501), RNG.uniform(0.0, 0.9, 501)
LOOPS: dict[str, tuple[Any, tuple[Any, ...], bool]] = {
    "while": (irad.vmap(kepler), (ANGLES, ORBITS), True),
    "while, its gradient": (irad.vmap(irad.grad(kepler, argnums=(0, 1))), (ANGLES, ORBITS), True),
    "branches and arrays": (irad.vmap(branches), (MATRIX,), True),
    "a loop of the program": (halvings, (np.exp(5.0 * VECTOR),), True),
    "places backwards": (backwards, (VECTOR,), True),
    "gradients of shared weights": (irad.vmap(irad.grad(network), in_axes=(None, 0)), (MATRIX, MATRIX), True),
    "a trip that needs the one before": (neighbours, (VECTOR,), False),
    "an array that is taken over again and again": (counted, (VECTOR,), False),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_of_any_body(name: str) -> None:
    f, args, shared = LOOPS[name]
    loops = [line for line in str(irad.ir(f, *args, stage="lowered")).splitlines() if "for_loop(" in line]
    assert any(" parts" in line for line in loops) == shared
    one = irad.compile(f, threads=1)(*args)
    plain = irad.compile(f, backend="interpreter")(*args)
    for x, y in zip(leaves(one), leaves(plain), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)
    for threads in THREADS:
        assert same_bits(irad.compile(f, threads=threads)(*args), one)


# -- errors and interrupts -------------------------------------------------------------------------------------------------


def guarded(x: float, limit: float) -> float:
    if x > limit:
        raise ValueError(f"{x} is more than {limit}")
    return 1.0 // x if x < 0.0 else math.sqrt(x)


@pytest.mark.parametrize("seed", range(10))
def test_the_first_error_counts(seed: int) -> None:
    """Whichever thread comes upon one first."""
    rng = np.random.default_rng(seed)
    f = irad.compile(irad.vmap(guarded, in_axes=(0, None)), threads=4)
    x = rng.uniform(0.0, 1.0, 2000)
    wanted = f(x, 2.0)
    bad = rng.choice(len(x), 5, replace=False)
    x[bad] = 3.0 + bad
    with pytest.raises(ValueError, match=rf"^{3.0 + bad.min()} is more than 2\.0"):
        f(x, 2.0)
    assert same_bits(f(x, 1e9)[np.delete(np.arange(len(x)), bad)], np.delete(wanted, bad))


def test_errors_of_kernels() -> None:
    f = irad.compile(lambda a, b: a // b + a, threads=3)
    a, b = np.arange(1000), np.full(1000, 2)
    assert in_parts(f, a, b)
    assert same_bits(f(a, b), a // b + a)
    b[[7, 800]] = 0
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            f(a, b)


def endless(x: float) -> float:
    while x > 0.0:
        x = 0.5 * x + 1.0
    return x


def test_an_error_ends_the_trips_after_it() -> None:
    """Also one that has no end: as if trips ran one after the other."""

    def trip(x: float) -> float:
        if x == 3.0:
            raise ValueError("three")
        return endless(x)

    with time_limit(20.0):
        for threads in (2, 4):
            f = irad.compile(irad.vmap(trip), threads=threads)
            with pytest.raises(ValueError, match="three"):
                f(np.array([-1.0, -1.0, 3.0, *[2.0] * 21]))
            assert in_parts(f, np.ones(24))


@pytest.mark.parametrize("where", [0, 1, 23])
def test_a_signal_ends_all_trips(where: int) -> None:
    """Whichever thread has the one that takes long."""
    f = irad.compile(irad.vmap(endless), threads=3)
    x = np.full(24, -1.0)
    assert in_parts(f, x)
    assert same_bits(f(x), x)
    x[where] = 2.0
    for _ in range(3):
        seconds_to_stop(f, (x,), 0.05)
    assert same_bits(f(-np.abs(x)), -np.abs(x))


def chain_of_calls(n: int) -> float:
    return 0.0 if n == 0 else 1.0 + 0.5 * chain_of_calls(n - 1)


def test_recursion_in_trips() -> None:
    """On the stack of whichever thread."""
    f = irad.compile(irad.vmap(chain_of_calls), threads=3)
    depths = np.arange(40)
    assert in_parts(f, depths)
    np.testing.assert_allclose(f(depths), 2.0 - 2.0 ** (1.0 - depths))
    depths[[0, 30]] = 10_000, 10**8
    for _ in range(3):
        with pytest.raises(RecursionError):
            f(depths)


def test_nothing_stays() -> None:
    """Of what trips make, also where they fail."""

    def trip(x: np.ndarray, limit: float) -> np.ndarray:
        rows = [x * k for k in range(3)]
        y = np.concatenate(rows)
        if y.sum() > limit:
            raise ValueError("large")
        return np.sort(y)

    f = irad.compile(irad.vmap(trip, in_axes=(0, None)), threads=3)
    before = live_bytes()
    for _ in range(20):
        f(MATRIX, 1e9)
        with pytest.raises(ValueError, match="large"):
            f(MATRIX, 20.0)
    assert live_bytes() == before


# -- threads and processes ---------------------------------------------------------------------------------------------------


def test_threads_that_call_at_once() -> None:
    f = irad.compile(CASES["sums over points"][0], threads=2)
    g = irad.compile(LOOPS["while"][0], threads=3)
    wanted = f(*CASES["sums over points"][1]), g(*LOOPS["while"][1])

    def work() -> None:
        for _ in range(20):
            assert same_bits((f(*CASES["sums over points"][1]), g(*LOOPS["while"][1])), wanted)

    together(*[work] * 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_after_use() -> None:
    f = irad.compile(chain, threads=3)
    wanted = f(VECTOR)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if same_bits(f(VECTOR), wanted) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert same_bits(f(VECTOR), wanted)


SCRIPT = """
import os, sys, threading, time
import numpy as np
import irad

told, cores = sys.argv[1], int(sys.argv[2])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
most = 1

def f(x):
    for _ in range(400_000):
        x = 0.5 * x + 1.0 if x < 9.0 else x
    return x

def watch():
    global most
    while True:
        most = max(most, len(os.listdir("/proc/self/task")) - 1)
        time.sleep(0.001)

threading.Thread(target=watch, daemon=True).start()
g = irad.compile(irad.vmap(f), **({"threads": int(told)} if told else {}))
for _ in range(3):
    g(np.ones(64))
print(most)
"""


@pytest.mark.parametrize(
    ("option", "environment", "cores", "most"),
    [("", "", 1, 1), ("", "3", 1, 3), ("1", "3", 2, 1), ("", "", 2, 2)],
)
def test_how_many_threads_there_are(option: str, environment: str, cores: int, most: int, tmp_path: Path) -> None:
    """The option counts more than the environment, the environment more than the cores that the process may use."""
    if len(os.sched_getaffinity(0)) < cores:
        pytest.skip(f"{cores} cores are needed")
    env = {k: v for k, v in os.environ.items() if k != "IRAD_THREADS"} | {"OPENBLAS_NUM_THREADS": "1"}
    env |= {"IRAD_THREADS": environment} if environment else {}
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, option, str(cores)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == most


def test_sums_of_parts_take_little_memory() -> None:
    """Large sums have no memory for each part: their loops stay on one thread."""
    wide = np.ones((40, 300_000))
    text = str(irad.ir(lambda x: np.sin(x).sum(axis=0), wide, stage="lowered"))
    assert "loops: 40 " in text
    assert " parts" not in text
    assert in_parts(lambda x: np.sin(x).sum(axis=0), np.ones((300, 300)))
