"""vmap in plain Python: f is called for each row, and the results are stacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def parts(v: Any) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """The parts of a structure, and how to make another of others; None for anything else."""
    if isinstance(v, tuple) and hasattr(v, "_fields"):
        return list(v), lambda new: type(v)(*new)
    if isinstance(v, (tuple, list)):
        return list(v), type(v)
    if isinstance(v, dict):
        return list(v.values()), lambda new: dict(zip(v, new, strict=True))
    if hasattr(v, "__dataclass_fields__"):
        return list(vars(v).values()), lambda new: type(v)(*new)
    return None


def row(v: Any, axes: Any, i: int) -> Any:
    """What f is given in trip i."""
    found = parts(v)
    if found is None:
        return v if axes is None or not isinstance(v, np.ndarray) else np.take(v, i, axis=axes)[()]
    children, make = found
    return make([row(c, a, i) for c, a in zip(children, spread(axes, v), strict=True)])


def spread(axes: Any, v: Any) -> list[Any]:
    """The axes of each part of a structure."""
    if isinstance(axes, dict):
        return [axes[k] for k in v]
    found = parts(axes)
    return [axes] * len(parts(v)[0]) if found is None else found[0]  # type: ignore[index]


def size(v: Any, axes: Any) -> int | None:
    """The number of rows of an argument."""
    found = parts(v)
    if found is None:
        return v.shape[axes] if isinstance(v, np.ndarray) and axes is not None else None
    sizes = [size(c, a) for c, a in zip(found[0], spread(axes, v), strict=True)]
    return next((n for n in sizes if n is not None), None)


def stacked(values: list[Any], axes: Any) -> Any:
    found = parts(values[0])
    if found is not None:
        columns = zip(*[parts(v)[0] for v in values], strict=True)  # type: ignore[index]
        return found[1]([stacked(list(c), a) for c, a in zip(columns, spread(axes, values[0]), strict=True)])
    if values[0] is None or axes is None:
        return values[0]
    return np.stack([np.asarray(v) for v in values], axis=axes)


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """irad.vmap as a loop of calls."""

    def run(*args: Any, **kwargs: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        given = [*zip(args, axes, strict=True), *((v, 0) for v in kwargs.values())]
        n = next(n for v, a in given if (n := size(v, a)) is not None)
        rows = [[row(v, a, i) for v, a in given] for i in range(n)]
        return stacked([f(*r[: len(args)], **dict(zip(kwargs, r[len(args) :], strict=True))) for r in rows], out_axes)

    return run
