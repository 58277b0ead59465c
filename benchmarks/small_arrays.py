"""Programs on small arrays beside the same programs on numbers: values, gradients, and what is stored in a trip.

    python -m benchmarks.small_arrays [--steps 500] [--seconds 0.5]

Printed are microseconds a call (the best of many), and how often slower the program on arrays is. Arrays of known shape live in
registers, so that the two should be equal.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import irad

H = 0.01


def slopes(x, y, z):
    return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.6666 * z


def lorenz_numbers(n, x, y, z):
    for _ in range(n):
        a1, b1, c1 = slopes(x, y, z)
        a2, b2, c2 = slopes(x + 0.5 * H * a1, y + 0.5 * H * b1, z + 0.5 * H * c1)
        a3, b3, c3 = slopes(x + 0.5 * H * a2, y + 0.5 * H * b2, z + 0.5 * H * c2)
        a4, b4, c4 = slopes(x + H * a3, y + H * b3, z + H * c3)
        x = x + H / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        y = y + H / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
        z = z + H / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
    return x + y + z


def slope(s):
    return np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 2.6666 * s[2]])


def lorenz_arrays(n, x, y, z):
    s = np.array([x, y, z])
    for _ in range(n):
        k1 = slope(s)
        k2 = slope(s + 0.5 * H * k1)
        k3 = slope(s + 0.5 * H * k2)
        k4 = slope(s + H * k3)
        s = s + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return s.sum()


def pairs_numbers(n, x):
    e = 0.0
    for i in range(n // 8):
        for j in range(i + 1, n // 8):
            a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            e = e - 1.0 / np.sqrt(a * a + b * b + c * c + 0.01)
    return e


def pairs_arrays(n, x):
    e = 0.0
    for i in range(n // 8):
        for j in range(i + 1, n // 8):
            d = x[i] - x[j]
            e = e - 1.0 / np.sqrt(d @ d + 0.01)
    return e


def rotations_numbers(n, p):
    a, b, c, d = 1.0, 0.0, 0.0, 1.0
    for i in range(n):
        u, v = np.cos(p * i), np.sin(p * i)
        a, b, c, d = a * u + b * v, b * u - a * v, c * u + d * v, d * u - c * v
    return a + b * c + d


def rotations_arrays(n, p):
    m = np.eye(2)
    for i in range(n):
        u, v = np.cos(p * i), np.sin(p * i)
        m = m @ np.array([[u, -v], [v, u]])
    return m[0, 0] + m[0, 1] * m[1, 0] + m[1, 1]


def best(f: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> float:
    """Seconds a call."""
    f(*args)
    least, end = 1.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        f(*args)
        least = min(least, time.perf_counter() - start)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    n = options.steps
    positions = np.random.default_rng(0).normal(size=(n // 8, 3))
    rows: list[tuple[str, Any, Any, tuple[Any, ...], tuple[int, ...]]] = [
        ("Runge-Kutta steps of a state of 3", lorenz_numbers, lorenz_arrays, (n, 1.0, 1.0, 1.0), (1, 2, 3)),
        ("pairs of rows of x[n, 3]", pairs_numbers, pairs_arrays, (n, positions), (1,)),
        ("products of 2 by 2 matrices", rotations_numbers, rotations_arrays, (n, 0.3), (1,)),
    ]
    print(f"{'':36}{'numbers':>10}{'arrays':>10}{'':>7}{'gradients':>12}{'arrays':>10}{'':>7}{'bytes a trip':>20}")
    for title, numbers, arrays, args, argnums in rows:
        times, stored = [], []
        for f in (numbers, arrays):
            g = irad.grad(f, argnums=argnums)
            times.append([1e6 * best(irad.compile(h), args, options.seconds) for h in (f, g)])
            stored.append(sum(r.bytes for r in irad.ir(g, *args, stage="lowered").residuals))
        (v, g), (v2, g2) = times
        print(f"{title:36}{v:10.2f}{v2:10.2f}{v2 / v:7.2f}{g:12.2f}{g2:10.2f}{g2 / g:7.2f}{stored[0]:10} {stored[1]:9}")


if __name__ == "__main__":
    main()
