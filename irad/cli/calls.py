"""`irad explain FILE:FUNCTION --types A --types B`: which of several calls compile, for what, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from irad.cli.drawn import drawn
from irad.cli.output import console, print_json
from irad.cli.target import UsageError, target, types_of
from irad.compiled import Compiled, Options, core_of
from irad.graph.nodes import Module

__all__ = ["explain_calls"]


def explain_calls(name: str, calls: Sequence[str], grad: str | None, *, json: bool) -> int:
    """Say of calls with arguments of these types, one after the other, whether they compile. Nothing is run."""
    fn = target(name, grad)
    if isinstance(fn, Module):
        raise UsageError("a module from text is compiled as it is: explain takes a Python function")
    core = core_of(fn)
    compiled = Compiled(core.fn if core is not None else fn, Options(backend="interpreter"))
    rng = np.random.default_rng(0)
    said: list[dict[str, Any]] = []
    for text in calls:
        before = compiled.misses
        program, types = compiled.program([drawn(t, None, rng) for t in types_of(text)], {})
        params = program.entry.module.entry.params
        made = compiled.misses > before
        said.append(
            {
                "types": [str(t) for t in types],
                "compiled": made,
                "program": [f"{p.name}: {p.type}" for p in params],
                "why": program.reason if made else "there is a program for them",
            }
        )
    if json:
        print_json({"calls": said})
        return 0
    out = console()
    for call in said:
        what = "compiles" if call["compiled"] else "compiles nothing"
        out.print(f"({', '.join(call['types'])})  {what}: ({', '.join(call['program'])})", markup=False, highlight=False)
        out.print(textwrap.indent(call["why"], "  "), markup=False, highlight=False)
    return 0
