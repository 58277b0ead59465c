"""What a program looks like at each stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from irad.errors import refuse
from irad.frontend import lower
from irad.graph.nodes import Apply, Module
from irad.graph.text import print_graph
from irad.graph.walk import all_graphs
from irad.optimize.residuals import nbytes, padding
from irad.pipeline import Hook, expand, optimize
from irad.specialize.entry import type_of
from irad.types import Stack, Tuple, Type

__all__ = ["IR", "STAGES", "Residual", "program_at", "view"]

STAGES = ("python", "typed", "adjoint", "optimized", "lowered", "llvm", "asm")
PLUMBING = frozenset({"make_tuple", "make_record", "getitem", "push", "pop", "pop_zero", "empty_stack", "stack_size"})


class Residual(NamedTuple):
    """A value that a forward loop stores in each trip."""

    name: str
    bytes: int
    line: str


class IR:
    """A program at one stage: `str()` is its text."""

    def __init__(self, stage: str, text: str, module: Module | None) -> None:
        self.stage, self._text, self.module = stage, text, module

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    @property
    def operations(self) -> Counter[str]:
        """How many operations of each primitive the program has; tuples, stacks and the returned tuple are not counted."""
        found: Counter[str] = Counter()
        for node in self._nodes():
            if node.fn.name not in PLUMBING:
                found[node.fn.name] += 1
        return found

    @property
    def residuals(self) -> list[Residual]:
        """What the loops store in each trip, for the loops that run backwards."""
        out = []
        for node in self._nodes():
            if node.fn.name == "push" and isinstance(node.args[0].type, Stack):
                item = node.args[1]
                parts = item.args if isinstance(item, Apply) and isinstance(item.type, Tuple) else (item,)
                out += [Residual(p.name or "", nbytes(p.type), str(p.span or node.span or "")) for p in parts]
                if padding(item.type):
                    out.append(Residual("padding", padding(item.type), str(node.span or "")))
        return out

    def _nodes(self) -> list[Apply]:
        return [n for g in all_graphs(self.module) for n in g.body] if self.module is not None else []


def view(core: Any, args: Sequence[Any], kwargs: dict[str, Any], stage: str) -> IR:
    """The program of a compiled function for these arguments, at a stage."""
    return program_at(core, [type_of(v) for v in (*args, *kwargs.values())], tuple(kwargs), stage)


def program_at(core: Any, types: Sequence[Type], keywords: Sequence[str], stage: str, hook: Hook | None = None) -> IR:
    """The program of a compiled function for arguments of these types, at a stage; `hook` sees the passes."""
    if stage not in STAGES:
        raise refuse("unknown-stage", f"no stage is called {stage!r}", help=f"use one of {', '.join(STAGES)}")
    if stage == "python":
        if core.function is None:
            raise refuse("unknown-stage", "this program was not made from a Python function")
        return IR(stage, print_graph(lower(core.function)), None)
    module = core.specialized(types, keywords).module
    if stage == "adjoint":
        module = expand(module, hook)
    elif stage != "typed":
        module = optimize(module, hook, debug_nans=core.options.debug_nans)
    if stage in ("llvm", "asm"):
        from irad.backends.llvm.emit import emit_module
        from irad.backends.llvm.jit import assembly

        text = emit_module(module, fast=core.options.fast_math).text
        return IR(stage, text if stage == "llvm" else assembly(text), module)
    return IR(stage, str(module), module)
