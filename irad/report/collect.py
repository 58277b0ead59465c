"""What a report is about: a function, its program at every stage, what each pass did, and what it took."""

from __future__ import annotations

import ast
import linecache
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import irad
from irad.compiled import Compiled, Transform
from irad.errors import CompileError, Span
from irad.graph.nodes import Module
from irad.pipeline import Hook, Step, native, optimize
from irad.report.compare import Comparison, compare
from irad.types import Type
from irad.views import IR, STAGES, of_module, program_at

__all__ = ["Report", "Source", "collect", "place_of", "shown_file"]

RUNS = 3  # of what is timed: the shortest counts


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the program cites. `shown`: its lines from the first to the last of the definitions that are cited."""

    file: str
    lines: list[str]
    shown: list[range]


@dataclass(frozen=True, slots=True)
class Report:
    """Times are in seconds; `before` and `behind` are what else it took: name and time, before and behind the steps."""

    title: str
    parameters: list[tuple[str, Type]]
    result: Type
    about: list[tuple[str, str]]
    stages: list[IR]
    refused: list[tuple[str, str]]
    steps: list[tuple[Step, Comparison]]
    before: list[tuple[str, float]]
    behind: list[tuple[str, float]]
    sources: list[Source]

    def stage(self, name: str) -> IR | None:
        return next((s for s in self.stages if s.stage == name), None)


def collect(core: Compiled, types: Sequence[Type]) -> Report:
    """The report on a compiled function for arguments of these types. Raises CompileError where it is refused."""
    entry, specializing = _timed(lambda: core.specialized(types))
    runs = [_optimized(entry.module, core) for _ in range(RUNS)]
    optimized = runs[0][0]
    seconds = [min(s.seconds for s in each) for each in zip(*(steps for _, steps in runs), strict=True)]
    ran = [replace(s, seconds=t) for s, t in zip(runs[0][1], seconds, strict=True)]
    steps = _outer_first(ran)
    expanded = next((s.after for s in steps if s.name == "expand"), entry.module)
    known = {"typed": entry.module, "adjoint": expanded, "optimized": optimized}
    stages: list[IR] = []
    refused: list[tuple[str, str]] = []
    for stage in STAGES:
        try:
            stages.append(_view(core, types, stage, known))
        except CompileError as e:
            refused.append((stage, str(e)))
    return Report(
        _title(core.fn),
        [(p.name or f"argument {i}", p.type) for i, p in enumerate(entry.module.entry.params)],
        optimized.entry.output.type,
        _about(core),
        stages,
        refused,
        [(s, compare(s.before, s.after)) for s in steps],
        [("normal form" if isinstance(core.fn, Module) else "specialize", specializing)],
        _machine_times(optimized, core.options.fast_math),
        _sources(stages),
    )


def _view(core: Compiled, types: Sequence[Type], stage: str, known: dict[str, Module]) -> IR:
    found = of_module(stage, known[stage]) if stage in known else program_at(core, types, (), stage)
    len(found.spans)  # they are found on demand
    return found


def _optimized(module: Module, core: Compiled) -> tuple[Module, list[Step]]:
    steps: list[Step] = []
    told = core.options
    return optimize(module, Hook(steps=steps), debug_nans=told.debug_nans, preaccumulate=told.preaccumulate), steps


def _timed(f: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and the shortest of some runs."""
    best = math.inf
    for _ in range(RUNS):
        start = time.perf_counter()
        result = f()
        best = min(best, time.perf_counter() - start)
    return result, best


def _outer_first(steps: list[Step]) -> list[Step]:
    """A step ends after those inside it; here it stands before them."""
    waiting: dict[int, list[Step]] = {}
    for step in steps:
        waiting.setdefault(step.depth, []).extend([step, *waiting.pop(step.depth + 1, [])])
    return waiting.get(0, [])


def _machine_times(module: Module, fast: bool) -> list[tuple[str, float]]:
    from irad.backends.llvm.emit import emit_module
    from irad.backends.llvm.jit import object_code

    lowered = native(module)
    program, emitting = _timed(lambda: emit_module(lowered, fast=fast))
    _, generating = _timed(lambda: object_code(program.text))
    return [("emit LLVM", emitting), ("machine code", generating)]


def _title(fn: Any) -> str:
    """grad(loss)"""
    if isinstance(fn, Transform):
        options = dict(fn.options)
        argnums = options.get("argnums", 0)
        return f"{fn.kind}({_title(fn.fn)}{f', argnums={argnums}' if argnums not in (0, (0,)) else ''})"
    if isinstance(fn, Module):
        return str(fn.entry)
    return str(getattr(fn, "__name__", type(fn).__name__))


def _about(core: Compiled) -> list[tuple[str, str]]:
    from irad.backends.llvm.jit import described

    version, machine = described()
    options = [name for name in ("fast_math", "debug_nans", "threads", "preaccumulate") if getattr(core.options, name)]
    return [
        ("irad", irad.__version__),
        ("Python", platform.python_version()),
        ("NumPy", np.__version__),
        ("LLVM", version),
        ("target", machine),
        ("options", ", ".join(options) or "none"),
    ]


def _sources(stages: list[IR]) -> list[Source]:
    """The files that can be read, the one cited first at the python stage before the others."""
    cited: dict[str, Counter[int]] = {}
    for view in stages:
        for span in view.spans:
            if span is not None:
                cited.setdefault(span.file, Counter())[span.line] += 1
    out = []
    for file, numbers in cited.items():
        there = os.path.exists(file) or file.startswith("<")  # linecache would look for a bare name along Python's path
        lines = [line.rstrip("\n") for line in linecache.getlines(file)] if there else []
        if lines:
            out.append(Source(file, lines, _shown(lines, set(numbers))))
    return out


def shown_file(file: str) -> str:
    """A file as those call it who stand in the current folder."""
    near = os.path.relpath(file)
    return file if near.startswith("..") else near


def _shown(lines: list[str], cited: set[int]) -> list[range]:
    """The outermost definitions that hold the cited lines (counted from 1)."""
    try:
        bodies = ast.parse("\n".join(lines)).body
    except SyntaxError:
        return [range(1, len(lines) + 1)]
    found: list[range] = []
    for node in bodies:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        stretch = range(first, (node.end_lineno or node.lineno) + 1)
        if cited & set(stretch):
            if found and stretch.start <= found[-1].stop + 2:  # blank lines between two definitions are shown
                stretch = range(found.pop().start, stretch.stop)
            found.append(stretch)
    return found or [range(1, len(lines) + 1)]


def place_of(span: Span, sources: Sequence[Source]) -> str | None:
    """What a line of the sources is called on the page: 12, or 1.12 in the second file."""
    for k, s in enumerate(sources):
        if s.file == span.file or os.path.basename(s.file) == span.file:
            return f"{k}.{span.line}" if k else str(span.line)
    return None
