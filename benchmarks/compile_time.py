"""How long the first call of a gradient takes in a warm process, and what importing irad adds to importing numpy.

    python -m benchmarks.compile_time [--out benchmarks/compile_time.json] [--rounds 5]

Each round is a fresh process: it compiles one other gradient, then times `irad.compile(irad.grad(f))(*args)` for each
f, first call included. The figures are medians over the rounds, by the clock and by the processor's: where the two
differ, the machine was busy. Modules have their bytecode
written, as after an installation.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.machine import machine

TARGETS = {  # ms
    "cube": 20.0,
    "black_scholes": 50.0,
    "rk4": 100.0,
    "mlp": 250.0,
    "mixture": 400.0,
    "lstm": 500.0,
    "import": 150.0,
}
H = 0.001
UNITS, STEPS = 14, 100


def warm(x, y):
    return math.exp(x) * y + x / y


def cube(x):
    return x**3


def cdf(x):
    return 0.5 * (1.0 + math.erf(x / 1.4142135623730951))


def black_scholes(S, K, r, sigma, T):
    """The call price of w01."""
    d1 = (math.log(S / K) + (r + 0.5 * sigma * sigma) * T) / (sigma * math.sqrt(T))
    d2 = d1 - sigma * math.sqrt(T)
    return S * cdf(d1) - K * math.exp(-r * T) * cdf(d2)


def step(a, b, c, d, x, y):
    k1, l1 = x * (a - b * y), y * (c * x - d)
    x2, y2 = x + 0.5 * H * k1, y + 0.5 * H * l1
    k2, l2 = x2 * (a - b * y2), y2 * (c * x2 - d)
    x3, y3 = x + 0.5 * H * k2, y + 0.5 * H * l2
    k3, l3 = x3 * (a - b * y3), y3 * (c * x3 - d)
    x4, y4 = x + H * k3, y + H * l3
    k4, l4 = x4 * (a - b * y4), y4 * (c * x4 - d)
    return x + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4), y + H / 6 * (l1 + 2 * l2 + 2 * l3 + l4)


def rk4(a, b, c, d, x, y):
    """Lotka-Volterra of w02a: 10,000 steps."""
    for _ in range(10_000):
        x, y = step(a, b, c, d, x, y)
    return x * x + y * y


def expit(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm(w, u, b, xs):
    """The mean square of what a layer of long short-term memory gives after 100 steps."""
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    for x in xs:
        z = w @ x + u @ h + b
        i, f, o = expit(z[:UNITS]), expit(z[UNITS : 2 * UNITS]), expit(z[2 * UNITS : 3 * UNITS])
        c = f * c + i * np.tanh(z[3 * UNITS :])
        h = o * np.tanh(c)
    return np.mean(h * h)


def lstm_arguments():
    r = np.random.default_rng(0)
    w, u = 0.3 * r.normal(size=(4 * UNITS, UNITS)), 0.3 * r.normal(size=(4 * UNITS, UNITS))
    return w, u, 0.1 * r.normal(size=4 * UNITS), r.normal(size=(STEPS, UNITS))


Times = dict[str, tuple[float, float]]  # milliseconds by the clock, and of the processor


def one_round() -> Times:
    """The times of one process."""
    sys.path.insert(0, str(Path(__file__).resolve().parent / "workloads"))
    import w05a_mlp
    import w06a_gmm

    out: Times = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.process_time()
        yield
        out[name] = (1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - processor))

    with timed("import"):
        import irad
    irad.compile(irad.grad(warm, argnums=(0, 1)))(1.0, 2.0)
    for name, f, argnums, args in (
        ("cube", cube, 0, (2.0,)),
        ("black_scholes", black_scholes, (0, 1, 2, 3, 4), (100.0, 95.0, 0.03, 0.25, 1.5)),
        ("rk4", rk4, (0, 1, 2, 3, 4, 5), (1.1, 0.4, 0.1, 0.4, 10.0, 5.0)),
        ("mlp", w05a_mlp.f, w05a_mlp.ARGNUMS, w05a_mlp.make()),
        ("mixture", w06a_gmm.f, w06a_gmm.ARGNUMS, w06a_gmm.make()),
        ("lstm", lstm, (0, 1, 2), lstm_arguments()),
    ):
        with timed(name):
            irad.compile(irad.grad(f, argnums=argnums))(*args)
    return out


def processes(rounds: int) -> list[Times]:
    """The times of each round; one before them warms the disk and writes the bytecode."""
    command = [sys.executable, "-m", "benchmarks.compile_time", "--one-round"]
    with tempfile.TemporaryDirectory() as bytecode:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = bytecode
        runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env) for _ in range(rounds + 1)]
    return [json.loads(r.stdout) for r in runs[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "compile_time.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one-round", action="store_true", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.one_round:
        print(json.dumps(one_round()))
        return
    rounds = processes(a.rounds)
    figures: dict[str, object] = {}
    for name, target in TARGETS.items():
        clock, processor = zip(*[r[name] for r in rounds], strict=True)
        median = statistics.median(clock)
        figures[name] = {
            "median_ms": round(median, 1),
            "min_ms": round(min(clock), 1),
            "max_ms": round(max(clock), 1),
            "processor_ms": round(statistics.median(processor), 1),
            "target_ms": target,
        }
        verdict = "ok" if median <= target else "missed"
        spread = f"from {min(clock):.1f} to {max(clock):.1f}; of the processor {statistics.median(processor):.1f}"
        print(f"{name:14s} {median:7.1f} ms   ({spread}; target {target:.0f})   {verdict}")
    figures["machine"] = machine()
    a.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
