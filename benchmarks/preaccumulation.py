"""Gradients of loops with few numbers for a state, with and without the Jacobian of a trip in the place of what is stored.

    python -m benchmarks.preaccumulation [trips...] [--rounds 15] [--json FILE]

Printed are bytes that a trip stores, and nanoseconds a trip of one thread: of the value, of the gradient without Jacobians of
trips (`preaccumulate=False`), as the cost model has it, and with them wherever they can be (`True`). The median of rounds in
which they take turns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import irad
from benchmarks.machine import machine

RESULTS = Path(__file__).with_name("preaccumulation.json")
ROUND = 0.004  # seconds that a program runs in a round
WAYS = {"off": False, "model": None, "on": True}


def functions(x, y, a, n):
    """Two states and 30 operations, seven of them functions."""
    for _ in range(n):
        u = math.sin(x) * math.exp(-y * y)
        v = math.cos(y) / (1.0 + x * x)
        w = math.tanh(a * u + v)
        z = math.sqrt(1.0 + w * w) * math.log(2.0 + v * v)
        p = u * v - 0.5 * z + 0.1 * w * x
        q = z * w + 0.3 * y - u * u
        x = x + 0.001 * p
        y = y + 0.001 * q
    return x * y


def neuron(v, w, current, n):
    """Morris and Lecar's model of a neuron: two states, three functions."""
    for _ in range(n):
        m = 0.5 * (1.0 + math.tanh((v + 0.01) / 0.15))
        rest = 0.5 * (1.0 + math.tanh((v - 0.1) / 0.145))
        rate = math.cosh((v - 0.1) / 0.29)
        dv = current - 2.0 * w * (v + 0.7) - 1.1 * m * (v - 1.0) - 0.5 * (v + 0.5)
        v, w = v + 0.0001 * dv, w + 0.00003 * rate * (rest - w)
    return v * w


def chain(x, y, a, n):
    """One state that goes through four functions."""
    for _ in range(n):
        s = math.sin(x)
        e = math.exp(-s * s)
        t = math.tanh(e + x)
        x = 0.999 * x + 0.001 * math.log(2.0 + t * t) * e
    return x


def logistic(x, y, k, n):
    """One state, five operations: a number is stored in either case, and less waits for the trip before."""
    for _ in range(n):
        x = x + 0.00001 * k * x * (1.0 - x)
    return x


def runge_kutta(x, y, mu, n):
    """van der Pol's oscillator: all can be computed again from two states, and the Jacobian has four entries."""
    h = 0.001
    for _ in range(n):
        a1, b1 = y, mu * (1.0 - x * x) * y - x
        x2, y2 = x + 0.5 * h * a1, y + 0.5 * h * b1
        a2, b2 = y2, mu * (1.0 - x2 * x2) * y2 - x2
        x3, y3 = x + 0.5 * h * a2, y + 0.5 * h * b2
        a3, b3 = y3, mu * (1.0 - x3 * x3) * y3 - x3
        x4, y4 = x + h * a3, y + h * b3
        a4, b4 = y4, mu * (1.0 - x4 * x4) * y4 - x4
        x, y = x + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4), y + h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
    return x * y


def pendulum(q, p, g, n):
    """The leapfrog: two functions in either form, which the forward loop has time for."""
    for _ in range(n):
        p = p - 0.0005 * g * math.sin(q)
        q = q + 0.001 * p
        p = p - 0.0005 * g * math.sin(q)
    return q * p


def trajectory(k, x, y, n):
    """Two states, a sum over the way, and a parameter."""
    s = 0.0
    for _ in range(n):
        u = math.sin(k * x) * math.exp(-y * y)
        v = math.cos(y) / (1.0 + k * x * x)
        x = x + 0.001 * (u * v - x)
        y = y + 0.001 * (u - v * y)
        s = s + (x - 1.0) * (x - 1.0) + math.sqrt(1.0 + y * y)
    return s


LOOPS: tuple[Callable[..., Any], ...] = (functions, neuron, chain, logistic, pendulum, runge_kutta, trajectory)


def measured(f: Callable[..., Any], trips: int, rounds: int) -> dict[str, Any]:
    """Bytes and nanoseconds a trip."""
    args = (0.3, 0.4, 0.5, trips)
    programs: dict[str, Any] = {name: irad.grad(irad.compile(f, preaccumulate=way)) for name, way in WAYS.items()}
    found: dict[str, Any] = {
        "bytes": {name: sum(r.bytes for r in irad.ir(g, *args).residuals) for name, g in programs.items()},
    }
    gradients = {name: g(*args) for name, g in programs.items()}
    if not all(math.isclose(d, gradients["off"], rel_tol=1e-9) for d in gradients.values()):
        raise AssertionError(f"{f.__name__}: {gradients}")
    programs = {"value": irad.compile(f), **programs}
    times: dict[str, list[float]] = {name: [] for name in programs}
    counts = {}
    for name, g in programs.items():
        start = time.perf_counter()
        g(*args)
        g(*args)
        counts[name] = max(1, round(2 * ROUND / (time.perf_counter() - start)))
    for _ in range(rounds):
        for name, g in programs.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                g(*args)
            times[name].append((time.perf_counter() - start) / counts[name] / trips * 1e9)
    return {**found, "ns": {name: statistics.median(t) for name, t in times.items()}}


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.preaccumulation")
    p.add_argument("trips", type=int, nargs="*")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--json", type=Path, default=RESULTS)
    options = p.parse_args()
    os.environ["IRAD_THREADS"] = "1"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results: dict[str, Any] = {"machine": machine()}
    for trips in options.trips or [1_000, 10_000, 100_000]:
        print(f"{trips:<14}{'bytes: off':>12}{'model':>7}{'on':>5}{'ns: value':>12}{'off':>8}{'model':>8}{'on':>8}{'ratio':>8}")
        for f in LOOPS:
            row = measured(f, trips, options.rounds)
            results.setdefault(str(trips), {})[f.__name__] = row
            b, t = row["bytes"], row["ns"]
            print(
                f"{f.__name__:14}{b['off']:12}{b['model']:7}{b['on']:5}{t['value']:12.1f}"
                f"{t['off']:8.1f}{t['model']:8.1f}{t['on']:8.1f}{t['model'] / t['off']:8.2f}",
                flush=True,
            )
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
