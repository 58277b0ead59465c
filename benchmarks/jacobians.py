"""Jacobians by elimination beside irad's own forward and reverse mode: the tasks of examples/jacobians.py, and a Hessian.

    python -m benchmarks.jacobians [--rounds 15] [--json FILE]

Printed are nanoseconds of one thread for a Jacobian, called one by one and in batches of 64: the median of rounds in which the
modes take turns, and the least.
"""

from __future__ import annotations

import argparse
import json
import math
import runpy
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import irad
from benchmarks.machine import machine

EXAMPLES = runpy.run_path(str(Path(__file__).resolve().parent.parent / "examples" / "jacobians.py"))["TASKS"]
BATCHES = (64, 1)
ROUND = 0.02  # seconds that a mode runs in a round


def option(x):
    """The price of a European call, by Black and Scholes."""
    spot, strike, rate, volatility, years = x
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / deviation
    d2 = d1 - deviation
    up, down = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0))), 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return spot * up - strike * np.exp(-rate * years) * down


Modes = dict[str, Callable[..., Any]]


def tasks() -> dict[str, tuple[Modes, np.ndarray]]:
    """Each task's Jacobians by mode, and a point."""
    found: dict[str, tuple[Modes, np.ndarray]] = {
        name: ({"forward": irad.jacfwd(f), "reverse": irad.jacrev(f), "elimination": irad.jacobian(f)}, x)
        for name, (f, x) in EXAMPLES.items()
    }
    g = irad.grad(option)
    modes = {"forward": irad.jacfwd(g), "reverse": irad.jacrev(g), "elimination": irad.hessian(option)}
    return {**found, "BlackScholesHessian": (modes, np.array([100.0, 95.0, 0.03, 0.2, 1.5]))}


def measured(modes: Modes, x: np.ndarray, batch: int, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds for a Jacobian by each mode: the median, and the least."""
    xs = x * np.linspace(1.0, 1.02, batch)[:, None]
    calls = {
        k: (irad.compile(irad.vmap(f), threads=1), xs) if batch > 1 else (irad.compile(f, threads=1), x)
        for k, f in modes.items()
    }
    want, repeats = None, {}
    for k, (f, a) in calls.items():
        found = f(a)
        want = found if want is None else want
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < ROUND:
            f(a)
            n += 1
        repeats[k] = n
    times: dict[str, list[float]] = {k: [] for k in calls}
    for _ in range(rounds):
        for k, (f, a) in calls.items():
            start = time.thread_time()
            for _ in range(repeats[k]):
                f(a)
            times[k].append((time.thread_time() - start) / repeats[k] / batch * 1e9)
    return {k: [statistics.median(ts), min(ts)] for k, ts in times.items()}


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.jacobians", description=__doc__)
    a.add_argument("--rounds", type=int, default=15)
    a.add_argument("--json", type=Path, default=None, metavar="FILE")
    options = a.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    print(f"{'':22}{'batch':>6}{'forward':>16}{'reverse':>16}{'elimination':>16}   of the better")
    for name, (modes, x) in tasks().items():
        for batch in BATCHES:
            found = results.setdefault(name, {})[str(batch)] = measured(modes, x, batch, options.rounds)
            columns = "".join(f"{median:9.1f} {least:6.1f}" for median, least in found.values())
            ratios = [found["elimination"][i] / min(found["forward"][i], found["reverse"][i]) for i in (0, 1)]
            print(f"{name:22}{batch:6}{columns}   {ratios[0]:.2f}, least {ratios[1]:.2f}", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
