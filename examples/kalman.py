"""The level of the Nile: a Kalman filter in a plain loop, fitted by maximum likelihood with its gradient and Hessian.

    python examples/kalman.py

The local level model of J. Durbin and S. J. Koopman, "Time Series Analysis by State Space Methods" (2001), chapter 2:
each year's flow is a level plus noise, and the level walks at random. Their maximum is at 15099 and 1469.1.

    variance of a measurement:      15098.5
    variance of the level's steps:   1469.2
    log-likelihood:                -632.5456
    standard errors of their logs:  0.208 0.871
"""

import csv
import math
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import irad


def loss(logs, flows):
    """Minus the log-likelihood of all flows but the first, which starts the filter."""
    noise, walk = np.exp(logs)
    level, variance = flows[0], noise
    total = 0.0
    for flow in flows[1:]:
        variance = variance + walk
        spread = variance + noise
        surprise = flow - level
        total += 0.5 * (math.log(2.0 * math.pi * spread) + surprise * surprise / spread)
        gain = variance / spread
        level = level + gain * surprise
        variance = variance * (1.0 - gain)
    return total


def main():
    lines = (Path(__file__).parent / "nile.csv").read_text(encoding="utf-8").splitlines()
    flows = np.array([float(row["flow"]) for row in csv.DictReader(line for line in lines if not line.startswith("#"))])
    start = np.log([10000.0, 1000.0])
    found = minimize(irad.value_and_grad(loss), start, args=(flows,), jac=True, method="BFGS")
    noise, walk = np.exp(found.x)
    print(f"variance of a measurement:      {noise:.1f}")
    print(f"variance of the level's steps:  {walk:7.1f}")
    print(f"log-likelihood:                {-found.fun:.4f}")
    errors = np.sqrt(np.diag(np.linalg.inv(irad.hessian(loss)(found.x, flows))))
    print("standard errors of their logs: ", *[f"{e:.3f}" for e in errors])


if __name__ == "__main__":
    main()
