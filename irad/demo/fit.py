"""The fit: maximum likelihood by BFGS with irad's gradient, from many starting points; and what a gradient costs."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

import irad
from irad.demo.model import Counts, Parameters, counts, loss

__all__ = ["GUESS", "Costs", "Fit", "Problem", "differences", "fit", "measure"]

GUESS = Parameters(
    hare_growth=0.5,
    predation=0.02,
    lynx_death=0.8,
    conversion=0.02,
    start_hare=30.0,
    start_lynx=4.0,
    sigma_hare=0.3,
    sigma_lynx=0.3,
)


class Fit(NamedTuple):
    """One local maximum. `loss` is minus the log-likelihood, `evaluations` counts gradients."""

    parameters: Parameters
    loss: float
    iterations: int
    evaluations: int


class Costs(NamedTuple):
    """Seconds. `differences` is for central ones: two values a parameter."""

    gradient: float
    value: float
    differences: float
    python_value: float


class Problem:
    """The counts, and the compiled loss and gradient on them."""

    def __init__(self, data: Counts | None = None) -> None:
        self.data = data or counts()
        self.value = irad.compile(loss)
        self.value_and_grad = irad.compile(irad.value_and_grad(loss))

    def arguments(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return logs, self.data.hares, self.data.lynxes


def fit(problem: Problem, start: Parameters = GUESS) -> Fit:
    """The maximum of the likelihood that BFGS reaches from `start`."""
    from scipy.optimize import minimize

    x, *data = problem.arguments(np.log(start))
    with np.errstate(all="ignore"):  # the first line search may try populations that overflow
        found = minimize(problem.value_and_grad, x, args=tuple(data), jac=True, method="BFGS", options={"gtol": 1e-6})
    return Fit(Parameters(*np.exp(found.x).tolist()), float(found.fun), int(found.nit), int(found.nfev))


def starts(n: int, seed: int = 1) -> Iterator[Parameters]:
    """GUESS, then n - 1 points around it: each parameter up to half as large again or as small."""
    draw = random.Random(seed)
    yield GUESS
    for _ in range(n - 1):
        yield Parameters(*[v * math.exp(draw.uniform(-0.4, 0.4)) for v in GUESS])


def differences(problem: Problem, logs: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The gradient by central differences of fourth order."""

    def at(i: int, k: int) -> float:
        moved = logs.copy()
        moved[i] += k * step
        return float(problem.value(*problem.arguments(moved)))

    n = len(logs)
    return np.array([(8 * (at(i, 1) - at(i, -1)) - (at(i, 2) - at(i, -2))) / (12 * step) for i in range(n)])


def measure(problem: Problem, logs: np.ndarray) -> Costs:
    """Time a gradient, a value, the 2 * 8 values of a difference quotient, and the value in plain Python."""
    arguments = problem.arguments(logs)
    moved = [problem.arguments(logs + h * np.eye(len(logs))[i]) for i in range(len(logs)) for h in (1e-6, -1e-6)]

    def quotients() -> None:
        for a in moved:
            problem.value(*a)

    return Costs(
        _seconds(lambda: problem.value_and_grad(*arguments)),
        _seconds(lambda: problem.value(*arguments)),
        _seconds(quotients),
        _seconds(lambda: loss(*arguments)),
    )


def _seconds(f: Callable[[], object], budget: float = 0.15) -> float:
    """Seconds a call: the least of several batches of at least 2 ms."""
    n, best, end = 1, math.inf, time.perf_counter() + budget
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(n):
            f()
        spent = time.perf_counter() - start
        if spent < 2e-3:
            n *= 2
        else:
            best = min(best, spent / n)
    return best
