"""Drawings in SVG that are the same for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["save", "subplots"]


def subplots(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """As matplotlib's."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "irad", "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    return plt.subplots(*args, **kwargs)


def save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
