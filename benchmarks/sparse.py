"""Sparse derivatives on one core: the Jacobian of bundle adjustment (31,843 observations) beside JAX's dense blocks, and
tridiagonal Hessians of 100,000 numbers beside the gradient.

    python -m benchmarks.sparse [--rounds 31] [--jax PYTHON] [--only TASK]

Printed are milliseconds of a whole call, which returns SciPy's matrices: the median of the rounds, and the least. PYTHON is an
interpreter that has JAX, and SciPy for its matrices.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import irad
from benchmarks.machine import machine

JAX = Path(__file__).with_name("sparse_jax.py")
RESULTS = Path(__file__).with_name("sparse.json")


def milliseconds(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """The median and the least of rounds in which the calls take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for f in calls.values():
        f()
    for _ in range(rounds):
        for name, f in calls.items():
            start = time.perf_counter()
            f()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: [statistics.median(ts), min(ts)] for name, ts in times.items()}


def bundle_adjustment(rounds: int, jax: str | None) -> dict[str, list[float]]:
    """The matrices by irad, of the residuals as they are written; JAX's blocks, dense, and matrices of them."""
    w = importlib.import_module("benchmarks.workloads.w06c_ba")
    args = w.make()
    residuals = irad.compile(w.f)
    jacobian = irad.jacobian(w.f, argnums=(0, 1, 2), sparse=True)
    found = milliseconds({"residuals": lambda: residuals(*args), "matrices": lambda: jacobian(*args)}, rounds)
    if jax is None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "blocks.npy"
        done = subprocess.run([jax, JAX, str(rounds), file], check=True, capture_output=True, text=True)
        blocks = np.load(file).reshape(2 * w.P, 15)
    first = (11 * args[3], 3 * args[4], np.arange(w.P))
    for m, start, width, at in zip(jacobian(*args), first, (11, 3, 1), (0, 11, 14), strict=True):
        theirs, rows = blocks[:, at : at + width], np.arange(2 * w.P)[:, None]
        ours = np.asarray(m[rows, np.repeat(start, 2)[:, None] + np.arange(width)].todense())
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())
    return found | {f"JAX, {name}": times for name, times in json.loads(done.stdout).items()}


N = 100_000


def rosenbrock(x):
    """Rosenbrock's function, in arrays."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def by_loop(x):
    """Rosenbrock's function, in a loop."""
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return s


def chain(x):
    """Springs between neighbours, each on a spring of its own."""
    d = x[1:] - x[:-1]
    return np.sum(d**2 * (1.0 + 0.1 * np.sin(d))) + np.sum(x**4)


def tridiagonal(f: Callable[..., Any], rounds: int) -> dict[str, list[float]]:
    """A gradient, and the Hessian as a matrix of SciPy's."""
    x = np.random.default_rng(0).normal(size=N)
    gradient, hessian = irad.compile(irad.grad(f)), irad.hessian(f, sparse=True)
    found, v = hessian(x), np.random.default_rng(1).normal(size=N)
    assert found.nnz == 3 * N - 2
    np.testing.assert_allclose(found @ v, irad.hvp(f)(x, v), rtol=1e-9, atol=1e-9)
    return milliseconds({"gradient": lambda: gradient(x), "Hessian": lambda: hessian(x)}, rounds)


TASKS: dict[str, Callable[[int, str | None], dict[str, list[float]]]] = {
    "bundle adjustment": bundle_adjustment,
    "Rosenbrock": lambda rounds, _: tridiagonal(rosenbrock, rounds),
    "Rosenbrock, a loop": lambda rounds, _: tridiagonal(by_loop, rounds),
    "springs": lambda rounds, _: tridiagonal(chain, rounds),
}


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.sparse", description=__doc__)
    a.add_argument("--rounds", type=int, default=31)
    a.add_argument("--jax", metavar="PYTHON", help="an interpreter that has JAX and SciPy")
    a.add_argument("--only", choices=list(TASKS), help="the others stay as they are in the results")
    options = a.parse_args()
    os.environ["IRAD_THREADS"] = "1"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if options.only else {"machine": machine()}
    for name in [options.only] if options.only else TASKS:
        results[name] = TASKS[name](options.rounds, options.jax)
        for what, (median, least) in results[name].items():
            print(f"{name:20}{what:24}{median:8.3f} ms, least {least:8.3f}")
        if "Hessian" in results[name]:
            print(f"{name:20}the Hessian takes {results[name]['Hessian'][0] / results[name]['gradient'][0]:.1f} gradients")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
