"""Values and gradients of functions of np.linalg, called from Python, beside NumPy's value, in microseconds.

python -m benchmarks.linear_algebra [sizes...]      3, 60 and 300 where none is given; OPENBLAS_NUM_THREADS=1 for one thread
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import irad

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "solve": lambda a: np.sum(np.linalg.solve(a, a[0]) ** 2),
    "inv": lambda a: np.sum(np.linalg.inv(a) ** 2),
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": lambda a: np.sum(np.linalg.cholesky(a)),
    "qr": lambda a: np.sum(np.linalg.qr(a)[1]),
    "eigvalsh": lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
    "svd": lambda a: np.sum(np.linalg.svd(a, compute_uv=False)),
}


def microseconds(f: Callable[[Any], Any], a: Any) -> float:
    timer = timeit.Timer(lambda: f(a))
    f(a)
    count, _ = timer.autorange()
    return min(timer.repeat(5, count)) / count * 1e6


def main(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    print(f"{'':12}{'n':>5}{'NumPy':>12}{'irad':>12}{'gradient':>12}")
    for n in sizes:
        a = rng.standard_normal((n, n))
        a = a @ a.T + n * np.eye(n)
        for name, f in FUNCTIONS.items():
            times = [microseconds(g, a) for g in (f, irad.compile(f), irad.compile(irad.grad(f)))]
            print(f"{name:12}{n:5}" + "".join(f"{t:12.1f}" for t in times))


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [3, 60, 300])
