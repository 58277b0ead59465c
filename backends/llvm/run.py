"""From an optimized module to something that is called."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from irad.backends.llvm.attributes import attribute_guard, attribute_guards
from irad.backends.llvm.emit import Program, Site, emit_module
from irad.backends.llvm.native import Stub, flat_function
from irad.backends.llvm.objects import DTYPES
from irad.backends.llvm.plan import ABSENT, Argument, Bound, CallPlan, Dynamic, Guard, Hidden, Identical, Names
from irad.backends.llvm.reading import dtype_of, readable
from irad.backends.llvm.runtime import FROM_END
from irad.backends.llvm.stub import compile_stub
from irad.backends.llvm.threads import threads_told

from irad.errors import exception_class, located
from irad.graph.nodes import Module
from irad.structures import restorer
from irad.types import Array
from irad.types import leaves as leaf_types

__all__ = [
    "ABSENT",
    "Argument",
    "Bound",
    "Dynamic",
    "Guard",
    "Hidden",
    "Identical",
    "Loaded",
    "Names",
    "attribute_guard",
    "attribute_guards",
    "load",
    "readable",
]


class Loaded:
    """A program in memory: `stub` for a NativeFunction's slot, `flat(*leaves)` for the slow path."""

    def __init__(self, program: Program, stub: Stub) -> None:
        self.program, self.stub = program, stub
        self.flat = flat_function(stub)
        types = [leaf for t in program.params for leaf in leaf_types(t)]
        self.arrays = [(i, DTYPES[dtype_of(t)]) for i, t in enumerate(types) if isinstance(t, Array)]

    def __call__(self, leaves: Sequence[Any]) -> Any:
        given = list(leaves)
        for i, dtype in self.arrays:
            given[i] = np.require(given[i], dtype, ("C", "A"))
        return self.flat(*given)


def load(
    module: Module,
    arguments: Sequence[Argument],
    *,
    hidden: Sequence[Hidden] = (),
    guards: int = 0,
    names: Sequence[Names] = (),
    fast_math: bool = False,
    threads: int | None = None,
    keywords: Sequence[str] = (),
) -> Loaded:
    """Compile a module. `arguments` and what follows say how its stub takes a call apart and when it does not fit."""
    program = emit_module(module, fast=fast_math)
    outside = Outside(program.sites)
    plan = CallPlan(
        arguments,
        hidden,
        guards,
        names,
        program.recursive,
        outside.raise_error,
        restorer(program.result),
        outside.print,
        threads_told(threads),
        keywords,
    )
    return Loaded(program, compile_stub(program, plan))


class Outside:
    """What a program asks of Python: to print, and to raise the error of a failed call."""

    def __init__(self, sites: list[Site]) -> None:
        self.sites = sites

    def print(self, number: int, values: bytes) -> None:
        """Print the line of a site."""
        site = self.sites[number - 1]
        print(site.message.format(*_shown(site, values)))

    def raise_error(self, number: int, values: bytes) -> None:
        """Raise the error of a failed call, with the user's line noted."""
        site = self.sites[number - 1]
        kind = exception_class(site.error) or RuntimeError
        message = site.message.format(*_shown(site, values))
        raise located(kind(message) if message else kind(), site.span)


def _shown(site: Site, values: bytes) -> list[Any]:
    found = [_value(k, values[8 * i : 8 * i + 8]) for i, k in enumerate(site.kinds)]
    for i, kind in enumerate(site.kinds):
        if kind == FROM_END and found[i] < 0:
            found[i] -= found[i + 1]
    return found


def _value(kind: str, raw: bytes) -> Any:
    if kind == "f":
        return struct.unpack("<d", raw)[0]
    number = struct.unpack("<q", raw)[0]
    return bool(number) if kind == "b" else number
