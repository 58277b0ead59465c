"""The Lotka-Volterra model of lynx and hare, and the likelihood of the pelt counts: plain Python that irad compiles.

    d hare / dt = hare * (hare_growth - predation * lynx)
    d lynx / dt = lynx * (conversion * hare - lynx_death)

The counts are log-normal around the solution, with one sigma a species: a normal density of the log residuals. After
B. Carpenter, "Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan" (2018), by maximum likelihood.
"""

from __future__ import annotations

import csv
import math
from importlib.resources import files
from typing import NamedTuple

import numpy as np

__all__ = ["STEPS_A_YEAR", "Counts", "Parameters", "counts", "loss", "trajectory"]

STEPS_A_YEAR = 20


class Parameters(NamedTuple):
    """Rates a year; populations of the first year in thousands of pelts; the deviations of the log counts."""

    hare_growth: float
    predation: float
    lynx_death: float
    conversion: float
    start_hare: float
    start_lynx: float
    sigma_hare: float
    sigma_lynx: float


class Counts(NamedTuple):
    """Pelts collected each year, in thousands."""

    years: np.ndarray
    hares: np.ndarray
    lynxes: np.ndarray


def counts() -> Counts:
    """The counts of 1900 to 1920, read from the file that ships with irad."""
    text = files("irad.demo").joinpath("lynx_hare.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    years, hares, lynxes = (np.array([float(row[name]) for row in rows]) for name in ("year", "hare", "lynx"))
    return Counts(years.astype(int), hares, lynxes)


# -- what irad compiles -------------------------------------------------------------------------------------------


def rates(p: Parameters, hare: float, lynx: float) -> tuple[float, float]:
    """The derivatives of both populations in time."""
    return hare * (p.hare_growth - p.predation * lynx), lynx * (p.conversion * hare - p.lynx_death)


def rk4_step(p: Parameters, hare: float, lynx: float, h: float) -> tuple[float, float]:
    """Both populations h years later, by one step of the classical Runge-Kutta method."""
    k1, l1 = rates(p, hare, lynx)
    k2, l2 = rates(p, hare + 0.5 * h * k1, lynx + 0.5 * h * l1)
    k3, l3 = rates(p, hare + 0.5 * h * k2, lynx + 0.5 * h * l2)
    k4, l4 = rates(p, hare + h * k3, lynx + h * l3)
    return hare + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), lynx + h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)


def misfit(count: float, expected: float, sigma: float) -> float:
    """Minus the log density of a count, without its constant."""
    z = math.log(count / expected) / sigma
    return 0.5 * z * z + math.log(sigma)


def loss(logs: np.ndarray, hares: np.ndarray, lynxes: np.ndarray) -> float:
    """Minus the log-likelihood of the counts; `logs` are the logarithms of the Parameters, in their order."""
    p = Parameters(*[math.exp(v) for v in logs])
    hare, lynx = p.start_hare, p.start_lynx
    total = misfit(hares[0], hare, p.sigma_hare) + misfit(lynxes[0], lynx, p.sigma_lynx)
    for year in range(1, len(hares)):
        for _ in range(STEPS_A_YEAR):
            hare, lynx = rk4_step(p, hare, lynx, 1 / STEPS_A_YEAR)
        total += misfit(hares[year], hare, p.sigma_hare) + misfit(lynxes[year], lynx, p.sigma_lynx)
    return total


# -- what the plot shows ------------------------------------------------------------------------------------------


def trajectory(p: Parameters, years: int) -> list[tuple[float, float, float]]:
    """(time, hare, lynx) at each step of the solution, from time 0 to `years`."""
    h, hare, lynx = 1 / STEPS_A_YEAR, p.start_hare, p.start_lynx
    points = [(0.0, hare, lynx)]
    for i in range(years * STEPS_A_YEAR):
        hare, lynx = rk4_step(p, hare, lynx, h)
        points.append(((i + 1) * h, hare, lynx))
    return points
