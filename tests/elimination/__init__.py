"""Linearised graphs, orders, counts, search, bounds. graphs/: the tasks of Lohoff & Neftci (2024), and an option's price."""

from pathlib import Path

from irad.elimination import Region, load

__all__ = ["GRAPHS", "TASKS", "graph"]

GRAPHS = Path(__file__).parent / "graphs"
TASKS = (
    "RoeFlux_1d",
    "RobotArm_6DOF",
    "HumanHeartDipole",
    "PropaneCombustion",
    "RandomFunction_g",
    "BlackScholesJacobian",
)


def graph(name: str) -> Region:
    return load(GRAPHS / f"{name}.json")
