"""Regions of Python functions: what irad compiles, linearised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from irad.elimination.graph import Region

__all__ = ["region"]

Granularity = Literal["compiled", "paper"]


def region(f: Callable[..., Any], *args: Any, granularity: Granularity = "compiled") -> Region:
    """The region of f at these arguments, in all floats of which derivatives are taken.

    "compiled": of the program that irad differentiates, in which equal operations are shared and constants folded. "paper": of
    the operations as they are written, each a vertex. Raises CompileError where f is no straight-line code, or not accepted.
    """
    from irad import linearized

    return linearized.region(f, args, granularity)
