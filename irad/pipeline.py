"""The passes in order, as literal tuples, and the one hook behind printing, verifying and timing them."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from irad.graph.nodes import Module
from irad.internal import ours
from irad.optimize.passes import (
    Pass,
    drop,
    early,
    eliminate,
    fuse,
    hoist,
    inline,
    merge,
    nans,
    pieces,
    preaccumulate,
    preaccumulate_all,
    quotients,
    registers,
    residuals,
    scratch,
    simplify,
    stores,
    strips,
    unroll,
    unstack,
)
from irad.transforms.expand import expand_transforms, has_transforms
from irad.verify import verify

__all__ = ["DEBUG_NANS", "LEAN", "NATIVE", "OPTIMIZE", "Hook", "Step", "each", "expand", "native", "optimize", "run_passes"]

Passes = Sequence["Pass | Passes"]

LEAN = (
    inline,  # while functions are whole
    drop,  # what inlining made dead
    scratch,  # what no trip hands to the next needs no cotangent that is handed back
)

OPTIMIZE = (
    inline,  # forward and backward graphs meet: tuples of residuals cancel
    drop,
    stores,
    scratch,  # what no trip writes any more is not handed on
    hoist,
    merge,  # when a reverse loop's state is what it needs only
    preaccumulate,  # of the loops that stay two
    residuals,  # when each loop is as lean as it gets
    drop,
    simplify,  # recomputed values meet those that were there
    drop,
    quotients,  # when every use of a reciprocal is known
)

NATIVE: Passes = (  # of each group, the rest runs only where the first pass changed something
    (strips,),  # while a loop that pops is beside the one that pushes
    (unstack, drop),  # while the loops that push and pop are whole
    (unroll,),  # indices become constants
    (eliminate,),  # small factors become numbers
    (registers, drop, (preaccumulate,), (residuals, drop)),  # what loops store is chosen again, among numbers
    (unstack, drop),  # when what is stored is settled
    (early,),  # nothing moves afterwards but arrays
    (pieces, drop),  # of the arrays that are left
    (fuse,),  # when it is known which arrays there are
)

DEBUG_NANS = (
    *OPTIMIZE[:2],
    nans,  # what nobody reads is gone, and nothing has left its branch or loop
    *OPTIMIZE[2:],
)


@dataclass(frozen=True, slots=True)
class Step:
    """A pass that has run; `depth` counts the steps around it, which end after it."""

    name: str
    before: Module
    after: Module
    seconds: float
    depth: int


@dataclass(slots=True)
class Hook:
    """What happens around each pass: `after(name, module)` sees its result, `verify_each` checks it, `times` adds up,
    `steps` keeps all of them where it is a list."""

    after: Callable[[str, Module], None] | None = None
    verify_each: bool = False
    times: dict[str, float] = field(default_factory=dict)
    steps: list[Step] | None = None
    depth: int = 0

    def run(self, name: str, stage: str, f: Callable[[Module], Module], module: Module) -> Module:
        before, start = module, time.perf_counter()
        self.depth += 1
        with ours(f"the pass {name}", lambda: str(before), f"opt {{file}} --passes {name}"):
            module = f(module)
            if self.verify_each:
                verify(module, stage)
        self.depth -= 1
        seconds = time.perf_counter() - start
        self.times[name] = self.times.get(name, 0.0) + seconds
        if self.steps is not None:
            self.steps.append(Step(name, before, module, seconds, self.depth))
        if self.after is not None:
            self.after(name, module)
        return module


def run_passes(module: Module, passes: Passes, hook: Hook | None = None) -> Module:
    """The module after the passes; of a group among them, the rest runs only where its first pass changed something."""
    hook = hook or Hook()
    for p in passes:
        if isinstance(p, Pass):
            module = hook.run(p.name, p.stage, p.run, module)
        else:
            changed = run_passes(module, p[:1], hook)
            module = run_passes(changed, p[1:], hook) if changed is not module else module
    return module


def each(passes: Passes) -> Iterator[Pass]:
    """The passes, those of groups among them."""
    for p in passes:
        if isinstance(p, Pass):
            yield p
        else:
            yield from each(p)


def expand(module: Module, hook: Hook | None = None) -> Module:
    """typed -> adjoint: transforms get their bodies, innermost first."""
    if not has_transforms(module):
        return module
    hook = hook or Hook()
    return hook.run("expand", "typed", lambda m: expand_transforms(m, lambda n: run_passes(n, LEAN, hook)), module)


def optimize(
    module: Module, hook: Hook | None = None, *, debug_nans: bool = False, preaccumulate: bool | None = None
) -> Module:
    """typed -> optimized. `preaccumulate`: whether loops store Jacobians of their trips; None where that costs less."""
    with collector_paused():
        return run_passes(expand(module, hook), _told(DEBUG_NANS if debug_nans else OPTIMIZE, preaccumulate), hook)


def native(module: Module, hook: Hook | None = None, *, preaccumulate: bool | None = None) -> Module:
    """optimized -> lowered: the form that machine code is made of."""
    with collector_paused():
        return run_passes(module, _told(NATIVE, preaccumulate), hook)


def _told(passes: Passes, preaccumulated: bool | None) -> Passes:
    """The passes, with Jacobians of trips always, never, or where they cost less (None)."""
    if preaccumulated is None:
        return passes
    found: list[Pass | Passes] = []
    for p in passes:
        if p is not preaccumulate:
            found.append(p if isinstance(p, Pass) else _told(p, preaccumulated))
        elif preaccumulated:
            found.append(preaccumulate_all)
    return tuple(p for p in found if p)


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """The cyclic garbage collector is paused meanwhile."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
