"""Jacobians of functions of arrays by elimination, beside irad's own forward and reverse mode, and JAX's.

    python -m benchmarks.array_jacobians [--rounds 25] [--jax PYTHON]

Printed are microseconds of one thread for a call, the median of rounds in which the modes take turns; the ratio is to irad's
better mode. The derivatives are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import irad
from benchmarks.array_tasks import SHAPES
from benchmarks.machine import machine

JAX = Path(__file__).with_name("array_jacobians_jax.py")


def measured(f: Any, args: list[np.ndarray], rounds: int) -> dict[str, float]:
    """Microseconds by mode."""
    g = f if np.ndim(f(*args)) else irad.grad(f)
    modes = {"elimination": irad.jacobian(g), "forward": irad.jacfwd(g), "reverse": irad.jacrev(g)}
    first = {name: mode(*args) for name, mode in modes.items()}
    for found in first.values():
        np.testing.assert_allclose(found, first["forward"], rtol=1e-11, atol=1e-11)
    times: dict[str, list[float]] = {name: [] for name in modes}
    for _ in range(rounds):
        for name, mode in modes.items():
            start = time.perf_counter()
            mode(*args)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(ts) * 1e6 for name, ts in times.items()}


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.array_jacobians", description=__doc__)
    a.add_argument("--rounds", type=int, default=25)
    a.add_argument("--jax", default="", help="a Python that has JAX")
    options = a.parse_args()
    rng = np.random.default_rng(0)
    arguments = {f: [rng.normal(size=shape) / shape[-1] ** 0.5 for shape in shapes] for f, shapes in SHAPES.items()}
    jax: dict[str, float] = {}
    if options.jax:
        given = json.dumps({f.__name__: [x.tolist() for x in args] for f, args in arguments.items()})
        command = [options.jax, str(JAX), str(options.rounds)]
        jax = json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout)
    print(machine())
    print(f"{'us a call':12}{'elimination':>12}{'forward':>10}{'reverse':>10}{'ratio':>7}{'JAX forward':>13}{'reverse':>9}")
    for f, args in arguments.items():
        t = measured(f, args, options.rounds)
        best = min(t["forward"], t["reverse"])
        others = [jax.get(f"{f.__name__} {mode}") for mode in ("forward", "reverse")]
        ends = "".join(f"{x:>{n}.1f}" if x is not None else f"{'-':>{n}}" for x, n in zip(others, (13, 9), strict=True))
        own = f"{t['elimination']:12.1f}{t['forward']:10.1f}{t['reverse']:10.1f}{t['elimination'] / best:7.2f}"
        print(f"{f.__name__:12}{own}{ends}")


if __name__ == "__main__":
    main()
