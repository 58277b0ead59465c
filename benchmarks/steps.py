"""100 steps on arrays of 10⁵ and 10⁶ numbers, and their gradients, in milliseconds: the programs of tests/loops/arrays.py.

python -m benchmarks.steps [sizes...] [--jax PYTHON]      on one core; PYTHON, one that has JAX, runs some by lax.scan
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import irad
from benchmarks.machine import machine
from tests.loops.arrays import STEPS

JAX = Path(__file__).with_name("steps_jax.py")
RESULTS = Path(__file__).with_name("steps.json")


def milliseconds(f: Callable[[Any], Any], x: Any) -> float:
    timer = timeit.Timer(lambda: f(x))
    f(x)
    count, _ = timer.autorange()
    return min(timer.repeat(5, count)) / count * 1e3


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.steps")
    p.add_argument("sizes", type=int, nargs="*")
    p.add_argument("--jax", metavar="PYTHON", help="an interpreter that has JAX")
    options = p.parse_args()
    os.environ["IRAD_THREADS"] = "1"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results: dict[str, Any] = {"machine": machine()}
    for n in options.sizes or [100_000, 1_000_000]:
        jax: dict[str, float] = {}
        if options.jax:
            jax = json.loads(subprocess.run([options.jax, JAX, str(n)], check=True, capture_output=True, text=True).stdout)
        x = np.linspace(0.0, 1.0, n)
        print(f"{n:<12}{'NumPy':>10}{'irad':>10}{'gradient':>10}{'ratio':>8}{'JAX':>10}")
        for f in STEPS:
            theirs, value, gradient = (milliseconds(g, x) for g in (f, irad.compile(f), irad.compile(irad.grad(f))))
            row = {"numpy": theirs, "value": value, "gradient": gradient, "jax": jax.get(f.__name__)}
            results.setdefault(str(n), {})[f.__name__] = row
            beside = f"{jax[f.__name__]:10.1f}" if f.__name__ in jax else ""
            print(f"{f.__name__:12}{theirs:10.1f}{value:10.1f}{gradient:10.1f}{gradient / value:8.1f}{beside}")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
