"""How a search for an order went, as a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from irad.errors import refuse

if TYPE_CHECKING:
    from irad.elimination.annealing import Found

__all__ = ["draw"]

COLORS = ("#9db4c0", "#2a6f97", "#588157", "#8d6a9f")


def draw(found: Found, orders: Mapping[str, int], path: Path) -> None:
    """The cost of the best order over the seconds of a search, beside what other orders cost, and the lower bound."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise refuse("missing-package", "a drawing needs matplotlib", help="pip install irad[plot]") from None
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    seconds = [max(step.seconds, 1e-4) for step in found.history]
    axes.step(seconds, [step.cost for step in found.history], where="post", color="#c8553d", marker="o", ms=4)
    last = seconds[-1]
    axes.annotate(
        f"{found.cost} found", (last, found.cost), textcoords="offset points", xytext=(-6, -14), ha="right", color="#c8553d"
    )
    for (name, cost), color in zip(orders.items(), COLORS, strict=False):
        axes.axhline(cost, color=color, lw=1.2, label=f"{name}: {cost}")
    axes.axhline(found.bound, color="#999999", lw=1, ls=":", label=f"no order below {found.bound}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds of the search")
    axes.set_ylabel("products left at run time")
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path)
