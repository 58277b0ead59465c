"""A run of the interpreter, watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irad.backends.interpreter.trace import Trace

from irad.graph.nodes import Apply

__all__ = ["Steps"]


class Steps(Trace):
    """Tells a function of each operation and its value."""

    def __init__(self, seen: Callable[[Apply, Any], Any]) -> None:
        self.seen = seen

    def step(self, node: Apply, xs: Sequence[Any], value: Any) -> None:
        self.seen(node, value)
