"""Linearised graphs, orders, counts, search, bounds. graphs/: the tasks of Lohoff & Neftci (2024), and an option's price."""

import json
from pathlib import Path

from irad.elimination import Region, from_text, load

__all__ = ["GRAPHS", "ORDERS", "PUBLISHED", "TASKS", "found", "graph", "task"]

GRAPHS = Path(__file__).parent / "graphs"
ORDERS = Path(__file__).parent / "orders"  # the best that searches found
TASKS = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "RandomFunction_g",
    "BlackScholesJacobian",
)
PUBLISHED = json.loads((GRAPHS / "published_orders.json").read_text(encoding="utf-8"))["published_rl"]


def graph(name: str) -> Region:
    return load(GRAPHS / f"{name}.json")


def task(name: str, metric: str) -> Region:
    """As it is in the paper metric, with equal vertices shared in the folded one."""
    return graph(name) if metric == "paper" else graph(name).shared()


def found(name: str, metric: str) -> list[int]:
    """The best order that a search has found."""
    return from_text(task(name, metric), (ORDERS / f"{name}.{metric}.txt").read_text(encoding="utf-8"))
