"""The fused kernels of a module as CUDA C."""

from __future__ import annotations

import re
from dataclasses import dataclass

from irad.backends.cupy.kernel import Function, Kernel
from irad.backends.cupy.scalar import ScalarOps

from irad.errors import Span
from irad.graph.nodes import Apply, Module
from irad.graph.text import printed
from irad.graph.walk import all_graphs

__all__ = ["Program", "emit_module"]

HEADING = "// The threads of a grid of any size share the indices. Compile with --fmad=false: nothing is contracted."


@dataclass(frozen=True)
class Program:
    """The text, where each of its lines comes from, and of each `fused` operation the functions that compute it, in order."""

    text: str
    spans: list[Span | None]
    kernels: dict[Apply, list[Function]]


def emit_module(module: Module) -> Program:
    """CUDA C for each `fused` operation of a lowered module."""
    e, names = ScalarOps(), printed(module)[1]
    kernels: dict[Apply, list[Function]] = {}
    lines: list[tuple[str, Span | None]] = []
    taken: set[str] = set()
    for graph in all_graphs(module):
        for node in graph.body:
            if node.fn.name != "fused":
                continue
            name = re.sub(r"\W", "_", node.graphs[0].name)
            while name in taken:
                name += "_"
            taken.add(name)
            functions = kernels[node] = Kernel(e, node.graphs[0], name, names).functions()
            taken.update(f.name for f in functions)
            for f in functions:
                lines += [("", None), *f.lines()]
    helpers: list[tuple[str, Span | None]] = []
    for text in e.functions.values():
        helpers += [("", None), *((line, None) for line in text.split("\n"))]
    lines = [(HEADING, None), *helpers, *lines] if kernels else [("// No array operations fuse in this program.", None)]
    return Program("".join(f"{text}\n" for text, _ in lines), [span for _, span in lines], kernels)
