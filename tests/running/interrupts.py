"""Endless compiled programs, interrupted: `python -m tests.running.interrupts` says how long each took to stop.

A timer's signal comes while the program runs; its handler raises, as Python's handler of Ctrl-C does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

import irad
from tests.limits import time_limit

ENDLESS = 10**12
ALLOWED = 0.2  # seconds


class Interrupted(Exception):
    pass


def interrupt_after(seconds: float) -> AbstractContextManager[None]:
    """Interrupted is raised in the main thread when the time is over; it must not leave the block without it."""
    return time_limit(seconds, Interrupted)


def harmonic(n: int) -> float:
    total = 0.0
    for i in range(n):
        total += 1.0 / (i + 1)
    return total


def constant_trips(x: float) -> float:
    if x > 0.0:
        for _ in range(ENDLESS):
            x = 0.5 * x + 1.0
    return x


def halved(x: float, least: float) -> float:
    while x > least:
        x = 0.5 * x + 1.0
    return x


def inner_long(n: int, m: int) -> int:
    total = 0
    for i in range(n):
        for j in range(m):
            total += i * j
    return total


def collatz(n: int) -> int:
    steps = 0
    for i in range(1, n):
        k = i
        while k != 1:
            k = k // 2 if k % 2 == 0 else 3 * k + 1
            steps += 1
    return steps


def sometimes(n: int, m: int) -> int:
    total = 0
    for i in range(n):
        if i % 2 == 0:
            for _ in range(m):
                total += i
    return total


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def even(n: int) -> int:
    return 1 if n == 0 else odd(n - 1) + odd(n - 1)


def odd(n: int) -> int:
    return 0 if n == 0 else even(n - 1) + even(n - 1)


def called(n: int, m: int) -> int:
    total = 0
    for _ in range(n):
        total += fibonacci(m)
    return total


def arrays(x: np.ndarray, n: int) -> np.ndarray:
    for _ in range(n):
        x = np.sin(x) + x.sum()
    return x


def of_any_size(size: int, n: int) -> float:
    total = 0.0
    for i in range(n):
        total += (np.zeros(size) + i).sum()
    return total


def products(x: np.ndarray, n: int) -> np.ndarray:
    for _ in range(n):
        x = 1e-3 * (x @ x)
    return x


def one_product(x: np.ndarray) -> np.ndarray:
    return x @ x


def growing(n: int, m: int) -> int:
    xs = [0]
    for i in range(n):
        xs.append(i)
        while len(xs) > m:
            xs.pop()
    return len(xs)


def chain(x: float, n: int) -> float:
    for _ in range(n):
        x = x * 0.999 + 0.01 * np.sin(x)
    return x


def linear(x: float, n: int) -> float:
    total = 0.0
    for _ in range(n):
        total = 0.5 * total + x
    return total


def newton(x: float, n: int) -> float:
    for _ in range(n):
        y = 1.0
        while abs(y * y - x) > 1e-12:
            y = 0.5 * (y + x / y)
        x = 0.999 * x + 0.001 * y
    return x


def written(x: np.ndarray, n: int) -> float:
    for i in range(n):
        x[i % 2] += 1.0
    return x[0]


class Program(NamedTuple):
    function: Callable[..., Any]
    brief: tuple[Any, ...]
    endless: tuple[Any, ...]


PROGRAMS = {
    "a loop": Program(harmonic, (10,), (ENDLESS,)),
    "a loop of known length": Program(constant_trips, (-1.0,), (1.0,)),
    "while": Program(halved, (9.0, 5.0), (9.0, 1.0)),
    "loops in a loop": Program(inner_long, (3, 4), (ENDLESS, 1000)),
    "loops of one trip in a loop": Program(inner_long, (3, 4), (ENDLESS, 1)),
    "loops of no trip in a loop": Program(inner_long, (3, 4), (ENDLESS, 0)),
    "a long loop in a loop": Program(inner_long, (3, 4), (10, ENDLESS)),
    "while in a loop": Program(collatz, (10,), (ENDLESS,)),
    "a loop in a branch": Program(sometimes, (4, 3), (ENDLESS, 1)),
    "recursion": Program(fibonacci, (10,), (70,)),
    "mutual recursion": Program(even, (6,), (1000,)),
    "recursion in a loop": Program(called, (2, 5), (ENDLESS, 1)),
    "small arrays": Program(arrays, (np.ones(3), 2), (np.ones(3), ENDLESS)),
    "large arrays": Program(arrays, (np.ones(100_000), 2), (np.ones(100_000), ENDLESS)),
    "arrays of unknown size": Program(of_any_size, (3, 2), (1_000_000, ENDLESS)),
    "products": Program(products, (np.ones((300, 300)), 1), (np.ones((300, 300)), ENDLESS)),
    "one large product": Program(one_product, (np.ones((2, 2)),), (np.ones((4000, 4000)),)),
    "lists": Program(growing, (4, 2), (ENDLESS, 10)),
    "a gradient": Program(irad.grad(chain), (1.0, 3), (1.0, 10**8)),
    "a backward loop": Program(irad.grad(linear), (1.0, 3), (1.0, ENDLESS)),
    "a gradient with while": Program(irad.grad(newton), (2.0, 3), (2.0, 10**7)),
    "a Hessian": Program(irad.hessian(chain), (1.0, 3), (1.0, 10**7)),
    "a written argument": Program(written, (np.ones(2), 4), (np.ones(2), ENDLESS)),
}


def seconds_to_stop(f: Callable[..., Any], args: tuple[Any, ...], delay: float) -> float:
    """How long a call went on after a signal that came `delay` after its start. Raises AssertionError if it returned."""
    start = time.perf_counter()
    try:
        with interrupt_after(delay):
            f(*args)
    except Interrupted:
        return time.perf_counter() - start - delay
    raise AssertionError("the call returned")


def main() -> int:
    worst = 0.0
    for name, p in PROGRAMS.items():
        f = irad.compile(p.function)
        f(*p.brief)
        times = [seconds_to_stop(f, p.endless, delay) for delay in (0.3, 0.31, 0.32, 0.33, 0.34)]
        worst = max(worst, *times)
        print(f"{name:30s} {1e3 * min(times):6.1f} to {1e3 * max(times):6.1f} ms")
    print(f"at most {1e3 * worst:.0f} ms; {1e3 * ALLOWED:.0f} ms are allowed")
    return 0 if worst <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
