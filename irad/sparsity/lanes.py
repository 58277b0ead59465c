"""Values of a program that is run for all trips of its loops at once.

A frame is a set of lanes: one for the function, one for each trip of a loop around, one for each trip that takes a branch. A
value belongs to the outermost frame in which it is the same for all lanes below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from irad.sparsity.rows import Rows, gathered

__all__ = ["MOST", "Frame", "NotTogether", "TooLong", "Unknown", "Value", "deepest", "lifted"]

MOST = 20_000_000  # rows of a value


class NotTogether(Exception):
    """The trips of a loop cannot be run at once: one needs what an earlier one has made."""


class TooLong(NotTogether):
    """Trips that run one after the other take too long."""


class Unknown(Exception):
    """Nothing is known of this program: every result may depend on every input."""


class Frame:
    """Lanes, and the lane of the parent that each is in."""

    __slots__ = ("_above", "count", "depth", "parent", "up")

    def __init__(self, parent: Frame | None, up: Any) -> None:
        self.parent, self.up, self.count = parent, up, len(up)
        self.depth: int = parent.depth + 1 if parent is not None else 0
        self._above: dict[Frame, Any] = {}

    def lanes(self, outer: Frame) -> Any:
        """The lane of an outer frame (or this one) that each lane is in."""
        if outer is self:
            return np.arange(self.count)
        found = self._above.get(outer)
        if found is None:
            assert self.parent is not None
            found = self._above[outer] = self.up if self.parent is outer else self.parent.lanes(outer)[self.up]
        return found


class Value:
    """A number or array in each lane of a frame. known: what it is, an array [lanes, *shape], where no float of the arguments
    matters; rows: the columns on which each number depends, lane by lane, in C order."""

    __slots__ = ("frame", "known", "rows", "shape")

    def __init__(self, frame: Frame, shape: tuple[int, ...], known: Any = None, rows: Rows = None) -> None:
        self.frame, self.shape, self.known, self.rows = frame, shape, known, rows

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def deepest(frames: Iterable[Frame]) -> Frame:
    return max(frames, key=lambda f: f.depth)


def places(frame: Frame, outer: Frame, size: int) -> Any:
    """Where the rows of a value of an outer frame stand, for each lane of `frame`."""
    if frame.count * size > MOST:
        raise NotTogether
    return (frame.lanes(outer)[:, None] * size + np.arange(size)).ravel()


def lifted(v: Value, frame: Frame) -> Value:
    """The value in each lane of a frame below its own."""
    if v.frame is frame:
        return v
    if frame.count * v.size > MOST:
        raise NotTogether
    known = v.known[frame.lanes(v.frame)] if v.known is not None else None
    rows = gathered(v.rows, places(frame, v.frame, v.size)) if v.rows is not None else None
    return Value(frame, v.shape, known, rows)
