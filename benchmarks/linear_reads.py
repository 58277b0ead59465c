"""Gradients that read or write elements: time an element, from 10^3 to 10^6 elements.

    python -m benchmarks.linear_reads [--sizes 1000,10000] [--repeat 5]

Each function is differentiated by `irad.grad`. Printed are the nanoseconds an element (the best of several calls), and
the ratio of the largest size's to the smallest's. Linear means a ratio near 1; a dense array of zeros for each read would
give one near 1000. Larger arrays leave the caches: a factor of two or three is theirs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import irad

SIZES = (10**3, 10**4, 10**5, 10**6)


def flat(x):
    """x[i] in a loop."""
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i]
    return s


def nested(x):
    """x[3*i+j] in nested loops."""
    s = 0.0
    for i in range(len(x) // 3):
        for j in range(3):
            s += x[3 * i + j] ** 2 * (j + 1)
    return s


def branches(x):
    """x[i] through an if."""
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0.0:
            s += x[i] * x[i]
        else:
            s -= x[i]
    return s


def halves(x, a, b):
    if b - a == 1:
        return x[a] * x[a]
    m = (a + b) // 2
    return halves(x, a, m) + halves(x, m, b)


def recursion(x):
    """x[i] by divide-and-conquer recursion."""
    return halves(x, 0, len(x))


def writes(x):
    """y[i] = y[i - 1] * x[i] in a branch."""
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.0:
            y[i] = 0.5 * y[i - 1] * x[i] + x[i]
    return np.sum(y)


FUNCTIONS = (flat, nested, branches, recursion, writes)


def best(f: Callable[[Any], Any], x: Any, repeat: int) -> float:
    """The seconds of the fastest call."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        f(x)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    sizes = [int(n) for n in options.sizes.split(",")]
    print(f"{'ns an element':40}" + "".join(f"{n:>10}" for n in sizes) + f"{'ratio':>8}")
    for f in FUNCTIONS:
        gradient, row = irad.compile(irad.grad(f)), []
        for n in sizes:
            x = np.linspace(-1.0, 1.0, n)
            gradient(x)
            row.append(best(gradient, x, max(options.repeat, 10**5 // n)) / n * 1e9)
        print(f"{f.__doc__:40}" + "".join(f"{t:10.2f}" for t in row) + f"{row[-1] / row[0]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
