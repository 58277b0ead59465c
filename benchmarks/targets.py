"""The workloads of `benchmarks.run`, and what irad's gradients are to take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WORKLOADS", "Workload"]


@dataclass(frozen=True)
class Workload:
    """`most`: irad's time over that of the tool `beside`; `threads`: how much faster two threads are to be."""

    name: str
    beside: str
    most: float
    threads: float | None = None
    tolerance: float = 1e-9  # of gradients, relative to the largest component


WORKLOADS = {
    "w01_blackscholes": Workload("Black-Scholes price, 5 numbers", "hand", 4.5),
    "w02a_lv_rk4": Workload("Lotka-Volterra, 10,000 RK4 steps", "hand", 1.15),
    "w03a_kepler": Workload("Kepler's equation, Newton's `while`", "hand", 1.7),
    "w03b_kepler_batch": Workload("the same at 100,000 points, by `vmap`", "hand", 1.5),
    "w04a_nbody_energy": Workload("energy of 64 bodies", "handfast", 1.3),
    "w05a_mlp": Workload("MLP 784-256-128-10, batch 64, float32", "jax", 1.05, tolerance=1e-4),
    "w05b_mlp_small": Workload("MLP 8-16-16-1, one point", "handfast", 1.7),
    "w06a_gmm": Workload("Gaussian mixture, 1,000 points", "handfast", 1.0),
    "w06b_gmm_loops": Workload("the same in loops", "handfast", 1.0),
    "w06c_ba": Workload("bundle adjustment, 31,843 observations: its blocks", "jax", 0.33),
    "w07_elementwise": Workload("exp, log, sin, cos of 10⁶ numbers", "handfast", 1.05, threads=1.7),
    "w08a_arm": Workload("a robot arm of 6 joints: its Jacobian", "hand", 3.5),
    "w08b_arm_batch": Workload("the same at 100,000 points, by `vmap`", "handfast", 0.6, threads=1.7),
}
