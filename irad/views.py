"""What a program looks like at each stage."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irad.errors import Span, nearest, refuse
from irad.frontend import lower
from irad.graph.nodes import Apply, Constant, Graph, Module
from irad.graph.text import Line, alone, constant_text, joined, printed
from irad.graph.walk import all_graphs
from irad.internal import ours
from irad.optimize.residuals import nbytes, padding
from irad.pipeline import Hook, expand, native, optimize
from irad.specialize.entry import type_of
from irad.types import Stack, Tuple, Type

__all__ = ["IR", "STAGES", "Residual", "language", "of_module", "program_at", "view"]

STAGES = ("python", "typed", "linearized", "adjoint", "optimized", "lowered", "source", "llvm", "asm", "cuda")
LANGUAGES = {"source": "python", "llvm": "llvm", "asm": "asm", "cuda": "cuda"}  # of the stages that are not IR
PLUMBING = frozenset({"make_tuple", "make_record", "getitem", "push", "pop", "pop_zero", "empty_stack", "stack_size"})


def language(stage: str) -> str:
    """What a stage's text is written in."""
    return LANGUAGES.get(stage, "ir")


class Residual(NamedTuple):
    """A value that a forward loop stores in each trip."""

    name: str
    bytes: int
    line: str


class IR:
    """A program at one stage: `str()` is its text. In a notebook it shows itself in colour, with its graph drawn."""

    def __init__(self, stage: str, text: str, module: Module | None, spans: Callable[[], list[Span | None]]) -> None:
        self.stage, self._text, self.module, self._spans = stage, text, module, spans

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def _repr_svg_(self) -> str | None:
        """The graph, drawn; the python stage has none."""
        from irad.report.svg import draw

        return draw(self.module) if self.module is not None else None

    def _repr_html_(self) -> str:
        from irad.report.notebook import shown

        return shown(self)

    @functools.cached_property
    def spans(self) -> list[Span | None]:
        """Where each line of the text comes from, as far as that is known."""
        return self._spans()

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
        raise refuse(
            "unknown-stage", f"no stage is called {stage!r}", help=nearest(stage, STAGES, f"use one of {', '.join(STAGES)}")
        )
    if stage in ("python", "linearized"):
        if core.function is None:
            raise refuse(
                "unknown-stage",
                "this program was not made from a Python function",
                help="ask for another stage: it begins as typed",
            )
        if stage == "linearized":
            from irad.linearized import linearized

            return _of_lines(stage, *linearized(core.fn, types))
        return _of_lines(stage, printed(alone(lower(core.function)))[0], None)
    module = core.specialized(types, keywords).module
    if stage == "adjoint":
        module = expand(module, hook)
    elif stage != "typed":
        module = optimize(module, hook, debug_nans=core.options.debug_nans, preaccumulate=core.options.preaccumulate)
    if stage in ("lowered", "llvm", "asm", "cuda"):
        module = native(module, hook, preaccumulate=core.options.preaccumulate)
    if stage in ("llvm", "asm"):
        with ours("code generation", lambda: str(module), f"ir {{file}} --stage {stage}"):
            return _machine(stage, module, core.options.fast_math)
    if stage == "cuda":
        with ours("code generation", lambda: str(module), "ir {file} --stage cuda"):
            return _cuda(module)
    if stage == "source":
        with ours("code generation", lambda: str(module), "ir {file} --stage source"):
            return _source(module, core.title(module), core.label())
    if stage == "lowered":
        return _lowered(module, core.options.fast_math)
    return of_module(stage, module)


def _lowered(module: Module, fast: bool) -> IR:
    """The optimized program, with what the backend decides behind its lines."""
    from irad.backends.llvm.emit import decisions
    from irad.backends.llvm.layout import managed

    lines, names = printed(module)

    def shown(part: Any) -> str:
        node, k = part if isinstance(part, tuple) else (part, None)
        if isinstance(node, str):
            return node
        name = constant_text(node) if isinstance(node, Constant) else names.get(node, "?")
        return name if k is None or len(managed(node.type)) == 1 else f"{name}[{managed(node.type).index(k)}]"

    found = decisions(module, fast=fast)
    for i, line in enumerate(lines):
        if line.node is not None and line.node in found:
            remarks = ["".join(map(shown, parts)) for parts in found[line.node]]
            lines[i] = line._replace(comment="; ".join([*filter(None, [line.comment]), *dict.fromkeys(remarks)]))
    return _of_lines("lowered", lines, module)


def _source(module: Module, title: str, entry: str) -> IR:
    """The module as Python."""
    from irad.backends.source import generate

    found = generate(module, title=title, entry=entry)
    places: list[Span | None] = [None] * found.text.count("\n")
    for n, spans in found.spans.items():
        places[n - 1] = spans[0]
    return IR("source", found.text, module, lambda: places)


def _cuda(module: Module) -> IR:
    """The fused kernels of a module in CUDA C."""
    from irad.backends.cupy.emit import emit_module

    program = emit_module(module)
    return IR("cuda", program.text, module, lambda: program.spans)


def of_module(stage: str, module: Module) -> IR:
    """The view of a module as it is."""
    return _of_lines(stage, printed(module)[0], module)


def _of_lines(stage: str, lines: list[Line], module: Module | None) -> IR:
    for i, line in enumerate(lines):
        if isinstance(line.node, Graph) and line.node.remark:
            lines[i] = line._replace(comment="; ".join(filter(None, [line.comment, line.node.remark])))
    return IR(stage, joined(lines), module, lambda: [line.span for line in lines])


def _machine(stage: str, module: Module, fast: bool) -> IR:
    """The LLVM text of a module, or its assembly."""
    from irad.backends.llvm.debug import assembly_with_spans
    from irad.backends.llvm.emit import emit_with_spans
    from irad.backends.llvm.jit import assembly

    text, spans = emit_with_spans(module, fast=fast)
    if stage == "llvm":
        return IR(stage, text, module, lambda: spans)
    return IR(stage, assembly(text), module, lambda: assembly_with_spans(text, spans)[1])
