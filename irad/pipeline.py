"""The passes in order, as literal tuples, and the one hook behind printing, verifying and timing them."""
from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from irad.graph.nodes import Module
from irad.optimize.passes import Pass, drop, hoist, inline, simplify
from irad.verify import verify

__all__ = ["ADJOINT_TO_OPTIMIZED", "Hook", "TYPED_TO_LEAN", "run_passes"]

TYPED_TO_LEAN = (
    inline,                # while functions are whole
    drop,                  # what inlining made dead
)

ADJOINT_TO_OPTIMIZED = (
    inline,                # ▶ and ◀ meet: tuples of residuals cancel
    drop,
    hoist,
    drop,
)


@dataclass(slots=True)
class Hook:
    """What happens around each pass: `after(name, module)` sees its result, `verify_each` checks it, `times` adds up."""

    after: Callable[[str, Module], None] | None = None
    verify_each: bool = False
    times: dict[str, float] = field(default_factory=dict)

    def run(self, name: str, stage: str, f: Callable[..., Module], *args: Any) -> Module:
        start = time.perf_counter()
        module = f(*args)
        self.times[name] = self.times.get(name, 0.0) + time.perf_counter() - start
        if self.verify_each:
            verify(module, stage)
        if self.after is not None:
            self.after(name, module)
        return module


def run_passes(module: Module, passes: Sequence[Pass], hook: Hook | None = None) -> Module:
    """The module after the passes. The cyclic garbage collector is paused meanwhile."""
    hook = hook or Hook()
    paused = gc.isenabled()
    gc.disable()
    try:
        for p in passes:
            module = hook.run(p.name, p.stage, p.run, module)
    finally:
        if paused:
            gc.enable()
    return module
