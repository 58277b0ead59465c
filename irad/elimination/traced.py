"""Regions of Python functions: what irad compiles, linearised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from irad.elimination import annealing
from irad.elimination.annealing import Found
from irad.elimination.graph import Metric, Region
from irad.elimination.kept import keep

__all__ = ["explain", "region", "search"]

Granularity = Literal["compiled", "paper"]


def region(f: Callable[..., Any], *args: Any, granularity: Granularity = "compiled") -> Region:
    """The region of f at these arguments, in all floats of which derivatives are taken.

    "compiled": of the program that irad differentiates, in which equal operations are shared and constants folded. "paper": of
    the operations as they are written, each a vertex. Raises CompileError where f is no straight-line code, or not accepted.
    """
    from irad import linearized

    return linearized.region(f, args, granularity)


def search(
    f: Callable[..., Any],
    *args: Any,
    metric: Metric = "folded",
    seconds: float | None = None,
    seed: int = 0,
    moves: int | None = None,
    progress: bool = False,
) -> Found:
    """The cheapest order found for the Jacobian of f at these arguments, in all floats: see `Region.search`.

    `irad.jacobian(f)` takes it from then on where it is compiled anew, in this process. Raises CompileError as `region` does.
    """
    found = region(f, *args)
    best = found.search(metric=metric, seconds=seconds, seed=seed, moves=moves, progress=progress)
    keep(found, best.order)
    return best


def explain(f: Callable[..., Any], *args: Any, seconds: float | None = None, plot: str | Path | None = None) -> None:
    """Print what the standard orders cost for the Jacobian of f at these arguments, and what `irad.jacobian` takes.

    With `seconds` it is searched for a cheaper order so long (10 s where only `plot` is given), which is kept as by `search`;
    `plot` names a file, "search.svg" or another of matplotlib's formats, for a drawing of how the search went. Raises
    CompileError as `region` does, and where a drawing is asked for and matplotlib is not installed.
    """
    from irad import linearized

    print(linearized.explained(f, args, annealing.SECONDS if seconds is None and plot is not None else seconds, plot))
