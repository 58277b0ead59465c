"""The axes that `vmap` is told, as a tree that can be a key: an int, None, a tuple of trees, or names with a tree each.

(0, {"scale": None, "shift": 1})    =>    (0, Named(("scale", "shift"), (None, 1)))
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from irad.errors import refuse
from irad.graph.nodes import Constant
from irad.specialize import objects
from irad.specialize.values import Compound, Known, Ref

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["Axes", "Named", "axes_in", "axes_of", "split"]


@dataclasses.dataclass(frozen=True, slots=True)
class Named:
    """Axes of the values of a dict, or of the fields of a dataclass."""

    names: tuple[Any, ...]
    axes: tuple[Any, ...]


Axes = int | None | tuple[Any, ...] | Named


def axes_of(value: Any, option: str) -> Axes:
    """The tree of a Python value. Raises CompileError for anything but integers and None in structures."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple([axes_of(v, option) for v in value])
    if isinstance(value, dict):
        return Named(tuple(value), tuple([axes_of(v, option) for v in value.values()]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(f.name for f in dataclasses.fields(value))
        return Named(names, tuple([axes_of(getattr(value, n), option) for n in names]))
    raise refuse(
        "vmap-axes",
        f"{option} is {value!r}: an integer, None, or a structure of them is needed",
        help=f"{option}=0 is the first axis, None is for what is the same in each trip",
    )


def axes_in(s: Specializer, v: Any, option: str) -> Axes:
    """The tree of an abstract value."""
    if isinstance(v, Known) and v.value is None:
        return None
    if isinstance(v, Constant) and isinstance(v.value, int) and not isinstance(v.value, bool):
        return v.value
    parts = v if isinstance(v, Compound) else objects.content(s, v) if isinstance(v, Ref) else None
    if isinstance(parts, Compound) and parts.kind in ("tuple", "items"):
        return tuple([axes_in(s, c, option) for c in parts.children])
    if isinstance(parts, Compound) and parts.kind in ("entries", "fields"):
        return Named(tuple(parts.head), tuple([axes_in(s, c, option) for c in parts.children]))
    raise s.refuse(
        "vmap-axes",
        f"{option} is {s.describe(v)}: a constant integer, None, or a structure of them is needed",
        help=f"{option}=0 is the first axis, None is for what is the same in each trip",
    )


def split(axes: Axes, names: tuple[Any, ...] | None, count: int) -> list[Axes] | None:
    """The axes of each of `count` parts (of these names, if any) of a structure; None where the tree has another form."""
    if axes is None or isinstance(axes, int):
        return [axes] * count
    if isinstance(axes, Named):
        if names is None or set(names) != set(axes.names):
            return None
        return [axes.axes[axes.names.index(n)] for n in names]
    return list(axes) if names is None and len(axes) == count else None
