"""The fused kernels of a module, and its loops whose trips do not meet, as CUDA C."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from irad.backends.cupy.batch import batch
from irad.backends.cupy.function import Function
from irad.backends.cupy.kernel import Kernel
from irad.backends.cupy.scalar import ScalarOps

from irad.errors import Span
from irad.graph.nodes import Apply, Module, Node
from irad.graph.text import printed
from irad.graph.walk import all_graphs

__all__ = ["Program", "emit", "emit_module"]

HEADING = "// The threads of a grid of any size share the indices. Compile with --fmad=false: nothing is contracted."


@dataclass(frozen=True)
class Program:
    """The text, where each of its lines comes from, and of each `fused` operation and each loop that runs as threads the
    functions that compute it, in order."""

    text: str
    spans: list[Span | None]
    kernels: dict[Apply, list[Function]]


def emit_module(module: Module) -> Program:
    """CUDA C for each `fused` operation of a lowered module, and for each loop whose trips may be threads."""
    e, names = ScalarOps(), printed(module)[1]
    kernels: dict[Apply, list[Function]] = {}
    lines: list[tuple[str, Span | None]] = []
    taken: set[str] = set()
    for node in itertools.chain.from_iterable(graph.body for graph in all_graphs(module)):
        if node.fn.name not in ("fused", "for_loop"):
            continue
        name = re.sub(r"\W", "_", node.graphs[0].name)
        while name in taken:
            name += "_"
        functions = emit(e, node, name, names)
        if functions:
            kernels[node] = functions
            taken.update([name, *(f.name for f in functions)])
            for f in functions:
                lines += [("", None), *f.lines()]
    helpers: list[tuple[str, Span | None]] = []
    for text in e.functions.values():
        helpers += [("", None), *((line, None) for line in text.split("\n"))]
    lines = [(HEADING, None), *helpers, *lines] if kernels else [("// No array operations fuse in this program.", None)]
    return Program("".join(f"{text}\n" for text, _ in lines), [span for _, span in lines], kernels)


def emit(e: ScalarOps, node: Apply, name: str, names: dict[Node, str]) -> list[Function]:
    """The functions of a `fused` operation, or of a loop; none for a loop whose trips cannot be threads."""
    if node.fn.name == "fused":
        return Kernel(e, node.graphs[0], name, names).functions()
    found = batch(e, node, name, names)
    return [] if found is None else [found]
