"""Jacobians by elimination beside irad's own forward and reverse mode: the tasks of examples/jacobians.py, and a Hessian.

    python -m benchmarks.jacobians [--rounds 15] [--seconds 10] [--json FILE]

Printed are nanoseconds of one thread for a Jacobian: in batches of 64, called one by one, and one by one in a compiled loop, in
which each waits for the last. The median of rounds in which the modes take turns, and the least.
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
BATCH = 64
TRIPS = 1000  # of the compiled loop
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


def tasks(seconds: float) -> dict[str, tuple[Modes, np.ndarray]]:
    """Each task's Jacobian in forward and reverse mode, in the order that a compile finds, and in one that was searched."""
    functions = {**EXAMPLES, "BlackScholesHessian": (irad.grad(option), np.array([100.0, 95.0, 0.03, 0.2, 1.5]))}
    found = {}
    for name, (f, x) in functions.items():
        region = irad.elimination.region(f, x)
        best = region.search(metric="folded", seconds=seconds)
        costs = [region.count(order, "folded") for order in ("forward", "reverse")]
        print(
            f"{name}: {costs[0]} products forward, {costs[1]} in reverse, {best.cost} in the order that was found", flush=True
        )
        order = [region.vertices[v].name for v in best.order]
        auto = irad.hessian(option) if name == "BlackScholesHessian" else irad.jacobian(f)
        modes = {"forward": irad.jacfwd(f), "reverse": irad.jacrev(f), "auto": auto}
        found[name] = ({**modes, "searched": irad.jacobian(f, order=order)}, x)
    return found


def in_batches(f: Callable[..., Any], x: np.ndarray) -> tuple[Any, tuple[Any, ...], int]:
    """What is called, its arguments, and how many Jacobians a call makes."""
    return irad.compile(irad.vmap(f), threads=1), (x * np.linspace(1.0, 1.02, BATCH)[:, None],), BATCH


def by_calls(f: Callable[..., Any], x: np.ndarray) -> tuple[Any, tuple[Any, ...], int]:
    return irad.compile(f, threads=1), (x,), 1


def in_a_loop(f: Callable[..., Any], x: np.ndarray) -> tuple[Any, tuple[Any, ...], int]:
    def run(x, n):
        total = 0.0
        for _ in range(n):
            total = np.sum(f(x))
            x = x + 1e-300 * total
        return total

    return irad.compile(run, threads=1), (x, TRIPS), TRIPS


WAYS = {"batch": in_batches, "call": by_calls, "loop": in_a_loop}


def measured(modes: Modes, x: np.ndarray, way: str, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds for a Jacobian by each mode: the median, and the least."""
    want: Any = None
    calls, repeats = {k: WAYS[way](f, x) for k, f in modes.items()}, {}
    for k, (f, args, _) in calls.items():
        found = f(*args)
        want = found if want is None else want
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < ROUND:
            f(*args)
            n += 1
        repeats[k] = n
    times: dict[str, list[float]] = {k: [] for k in calls}
    for _ in range(rounds):
        for k, (f, args, count) in calls.items():
            start = time.thread_time()
            for _ in range(repeats[k]):
                f(*args)
            times[k].append((time.thread_time() - start) / repeats[k] / count * 1e9)
    return {k: [statistics.median(ts), min(ts)] for k, ts in times.items()}


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.jacobians", description=__doc__)
    a.add_argument("--rounds", type=int, default=15)
    a.add_argument("--json", type=Path, default=None, metavar="FILE")
    a.add_argument("--seconds", type=float, default=10.0, help="of the search for an order; default: %(default)s")
    options = a.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    found = tasks(options.seconds)
    print(f"{'':20}{'':>6}{'forward':>15}{'reverse':>15}{'auto':>15}{'searched':>15}   of the better of forward and reverse")
    for name, (modes, x) in found.items():
        for way in WAYS:
            times = results.setdefault(name, {})[way] = measured(modes, x, way, options.rounds)
            columns = "".join(f"{median:8.1f} {least:6.1f}" for median, least in times.values())
            better = min(times["forward"][0], times["reverse"][0])
            print(
                f"{name:20}{way:>6}{columns}   {times['auto'][0] / better:.2f} {times['searched'][0] / better:.2f}", flush=True
            )
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
