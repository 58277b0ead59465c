"""What loops over arrays take in memory and time: run by tests in a process of its own. Prints a line of JSON.

    python -m tests.loops.arrays NAME SIZE [timed]

ELEMENTS update one element of an array in each of so many trips; STEPS make 100 steps of a whole array.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import irad
from tests.loops.measure import peak

TRIPS = 100

# -- one element a trip --------------------------------------------------------------------------------------------------------


def assigned(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.sin(x[i]) * x[i]
    return y.sum()


def recurrence(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = 0.5 * y[i - 1] * x[i] + np.tanh(y[i])
    return np.sum(y * y)


def added(x):
    y = np.ones(len(x))
    for i in range(len(x)):
        y[i * 7 % len(x)] += x[i] * x[i]
    return y @ y


def scaled(x):
    y = x.copy()
    for i in range(len(x)):
        y[i] *= x[-1 - i]
    return np.sum(np.sin(y))


def put(y, i, v):
    y[i] = v * y[i]


def by_helper(x):
    y = x * 0.5
    for i in range(len(x)):
        put(y, i, x[i])
    return y.sum()


def by_while(x):
    y, i = x + 0.0, 0
    while i < len(x):
        y[i] = y[i] * y[i]
        i += 1
    return y.sum()


def in_branches(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        if x[i] > 0.0:
            y[i] = x[i] * x[i]
        else:
            y[i] -= x[i]
    return np.sum(y * x)


@dataclasses.dataclass
class State:
    y: np.ndarray
    total: float


def in_a_record(x):
    s = State(x.copy(), 0.0)
    for i in range(len(x)):
        s.y[i] = 0.3 * s.y[i] * x[i]
        s.total += s.y[i]
    return s.total


def two_axes(x):
    m = np.zeros((len(x) // 100, 100))
    for i in range(len(x) // 100):
        for j in range(100):
            m[i, j] = x[100 * i + j] ** 2 * m[i - 1, j - 1] + x[i]
    return np.sum(m)


def exchanged(x):
    y = 1.0 * x
    for i in range(1, len(x)):
        y[i - 1], y[i] = y[i] * x[i], 0.5 * y[i - 1]
    return y.sum()


def slices_of_one(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i : i + 1] += x[i] * x[i]
    return y.sum()


ELEMENTS = (
    assigned,
    recurrence,
    added,
    scaled,
    by_helper,
    by_while,
    in_branches,
    in_a_record,
    two_axes,
    exchanged,
    slices_of_one,
)

# -- all elements a trip -------------------------------------------------------------------------------------------------------


def linear(x):
    for _ in range(TRIPS):
        x = 0.99 * x + 0.01
    return np.sum(x * x)


def euler(x):
    for _ in range(TRIPS):
        x = x + 0.01 * np.sin(x)
    return np.sum(x * x)


def layers(x):
    h = x
    for _ in range(TRIPS):
        h = np.tanh(0.9 * h + 0.1 * x)
    return h.sum()


def logistic(x):
    for _ in range(TRIPS):
        x = x + 0.1 * x * (1.0 - x)
    return x.mean()


def in_place(x):
    u = x.copy()
    for _ in range(TRIPS):
        u += 0.01 * np.exp(-u * u)
    return np.sum(u * u)


def heat(x):
    u = x.copy()
    for _ in range(TRIPS):
        u[1:-1] += 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def heat_of_two(x):
    u = x
    for _ in range(TRIPS):
        v = u.copy()
        v[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = v
    return np.sum(u * u)


def burgers(x):
    u = x.copy()
    for _ in range(TRIPS):
        u[1:] = u[1:] - 0.1 * u[1:] * (u[1:] - u[:-1])
    return np.sum(u * u)


def momentum(x):
    v = np.zeros_like(x)
    y = x
    for _ in range(TRIPS):
        v = 0.9 * v - 0.01 * np.sin(y)
        y = y + v
    return np.sum(y * y)


def clipped(x):
    for _ in range(TRIPS):
        x = np.where(x > 0.5, 0.99 * x, 0.99 * x + 0.1 * (0.5 - x) ** 2)
    return x.sum()


def mean_field(x):
    for _ in range(TRIPS):
        x = x - 0.1 * (x - x.mean()) * np.tanh(x)
    return np.sum(x * x)


STEPS = (linear, euler, layers, logistic, in_place, heat, heat_of_two, burgers, momentum, clipped, mean_field)
PROGRAMS: dict[str, Callable[[Any], Any]] = {f.__name__: f for f in (*ELEMENTS, *STEPS)}


def least(f: Callable[..., Any], x: Any, seconds: float = 0.5) -> float:
    """The least time of several calls."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        f(x)
        times.append(time.perf_counter() - start)
    return min(times)


def point(size: int) -> np.ndarray:
    return np.linspace(0.1, 0.9, size)


def main(name: str, size: int, timed: bool = False) -> None:
    f = PROGRAMS[name]
    value, gradient, x = irad.compile(f), irad.grad(f), point(size)
    value(x), gradient(x)
    found: dict[str, Any] = {"value": peak(value, x), "gradient": peak(gradient, x)}
    if timed:
        found["seconds"] = [least(value, x), least(gradient, x)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "timed" in sys.argv)
