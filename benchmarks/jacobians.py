"""Jacobians by elimination beside irad's own forward and reverse mode, and JAX's: the tasks of examples/jacobians.py, and a
Hessian.

    python -m benchmarks.jacobians [--rounds 15] [--seconds 10] [--jax PYTHON] [--json FILE] [--plot FILE]

Printed are nanoseconds of one thread for a Jacobian: in batches of 64 and of 512, called one by one, and one by one in a
compiled loop, in which each waits for the last. The median of rounds in which the modes take turns, and the least. PYTHON, one
that has JAX, computes batches of 512 in both modes, in the same minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import runpy
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import irad
from benchmarks.machine import machine
from benchmarks.plots import save, subplots

JAX = Path(__file__).with_name("jacobians_jax.py")
EXAMPLES = runpy.run_path(str(Path(__file__).resolve().parent.parent / "examples" / "jacobians.py"))["TASKS"]
BATCHES = {"batch": 64, "batch of 512": 512}
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
        best = region.search(metric="operations", seconds=seconds)
        costs = [region.count(order, "operations") for order in ("forward", "reverse")]
        print(f"{name}: {costs[0]} operations forward, {costs[1]} in reverse, {best.cost} in the order found", flush=True)
        order = [region.vertices[v].name for v in best.order]
        ordered = partial(irad.hessian, option) if name == "BlackScholesHessian" else partial(irad.jacobian, f)
        modes = {"forward": irad.jacfwd(f), "reverse": irad.jacrev(f), "auto": ordered(), "searched": ordered(order=order)}
        found[name] = (modes, x)
    return found


def in_batches(size: int, f: Callable[..., Any], x: np.ndarray) -> tuple[Any, tuple[Any, ...], int]:
    """What is called, its arguments, and how many Jacobians a call makes."""
    return irad.compile(irad.vmap(f), threads=1), (x * np.linspace(1.0, 1.02, size)[:, None],), size


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


WAYS = {**{name: partial(in_batches, size) for name, size in BATCHES.items()}, "call": by_calls, "loop": in_a_loop}


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


def by_jax(python: str, tasks: dict[str, tuple[Modes, np.ndarray]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Nanoseconds for a Jacobian of a batch by JAX's modes, whose Jacobians are compared."""
    size = BATCHES["batch of 512"]
    points = {name: (x * np.linspace(1.0, 1.02, size)[:, None]).tolist() for name, (_, x) in tasks.items()}
    command = [python, str(JAX), str(rounds)]
    found = json.loads(subprocess.run(command, input=json.dumps(points), check=True, capture_output=True, text=True).stdout)
    for name, (modes, _) in tasks.items():
        want = irad.vmap(modes["auto"])(np.array(points[name]))
        for jacobians in found["jacobians"][name].values():
            np.testing.assert_allclose(jacobians, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))
    times: dict[str, dict[str, list[float]]] = found["nanoseconds"]
    return times


def plot(results: dict[str, Any], path: Path) -> None:
    """A bar for each mode of each task, over forward mode in batches of 64; JAX's better one in those of 512."""
    names = [name for name in results if name != "machine"]
    figure, panels = subplots(1, len(WAYS), figsize=(13, 4), sharey=True)
    colors = {"forward": "#9db4c0", "reverse": "#2a6f97", "auto": "#588157", "searched": "#c8553d"}
    for axes, way in zip(panels, WAYS, strict=True):
        for k, (mode, color) in enumerate(colors.items()):
            heights = []
            for name in names:
                times = results[name][way]
                heights.append(times[mode][0] / min(times["forward"][0], times["reverse"][0]))
            axes.bar([n + 0.2 * k for n in range(len(names))], heights, 0.18, color=color, label=mode)
        axes.axhline(1.0, color="#999999", lw=1, ls=":")
        axes.set_xticks([n + 0.3 for n in range(len(names))], names, rotation=30, ha="right", fontsize=8)
        axes.set_title(way, fontsize=10)
    panels[0].set_ylabel("time, of the better of forward and reverse")
    panels[0].legend(frameon=False, fontsize=8)
    save(figure, path)


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.jacobians", description=__doc__)
    a.add_argument("--rounds", type=int, default=15)
    a.add_argument("--json", type=Path, default=None, metavar="FILE")
    a.add_argument("--plot", type=Path, default=None, metavar="FILE")
    a.add_argument("--jax", default=None, metavar="PYTHON", help="an interpreter that has JAX")
    a.add_argument("--seconds", type=float, default=10.0, help="of the search for an order; default: %(default)s")
    options = a.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results: dict[str, Any] = {"machine": machine()}
    found = tasks(options.seconds)
    jax = by_jax(options.jax, found, options.rounds) if options.jax else {}
    print(f"{'':20}{'':>13}{'forward':>15}{'reverse':>15}{'auto':>15}{'searched':>15}   of the better of forward and reverse")
    for name, (modes, x) in found.items():
        for way in WAYS:
            times = results.setdefault(name, {})[way] = measured(modes, x, way, options.rounds)
            columns = "".join(f"{median:8.1f} {least:6.1f}" for median, least in times.values())
            better = min(times["forward"][0], times["reverse"][0])
            ratios = f"{times['auto'][0] / better:.2f} {times['searched'][0] / better:.2f}"
            print(f"{name:20}{way:>13}{columns}   {ratios}", flush=True)
        if jax:
            results[name]["jax"] = theirs = jax[name]
            better = min(median for median, _ in theirs.values())
            shown = ", ".join(f"{mode} {median:.1f} {least:.1f}" for mode, (median, least) in theirs.items())
            longer = better / results[name]["batch of 512"]["searched"][0]
            print(f"{name:20}{'JAX, 512':>13}: {shown}; {longer:.1f} times as long")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
