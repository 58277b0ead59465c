"""A `__global__` function, and what writes its body: names, parameters, places in memory, the share of a thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from irad.backends.cupy.scalar import ScalarOps

from irad.errors import Span
from irad.graph.nodes import Node
from irad.types import Dim

__all__ = ["Function", "Param", "Writer"]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: an array's address, a scalar, the size that a symbol stands for, or where an error is noted."""

    name: str
    ctype: str
    value: Node | str | None


@dataclass(slots=True)
class Function:
    """A `__global__` function; `threads` is how many indices there are to share among the threads."""

    name: str
    threads: int | Dim
    params: list[Param] = field(default_factory=list)
    body: list[tuple[str, Span | None]] = field(default_factory=list)

    def lines(self) -> list[tuple[str, Span | None]]:
        """The text, and where each line comes from."""
        params = ", ".join(f"{p.ctype}{'' if p.ctype.endswith('*') else ' '}{p.name}" for p in self.params)
        head = f'extern "C" __global__ void {self.name}({params}) {{'
        return [(f"// {self.threads} threads", None), (head, None), *self.body, ("}", None)]


class Writer:
    """Writes the bodies of functions; what one reads and writes becomes its parameters. `names`: of the nodes, in the IR."""

    def __init__(self, e: ScalarOps, names: dict[Node, str]) -> None:
        self.e, self.names = e, names
        self.labels: dict[Node, str] = {}
        self.params: dict[Any, Param] = {}
        self.lines: list[tuple[str, Span | None]] = []
        self.span: Span | None = None
        self.depth = 1

    def written(self, name: str, threads: Any, body: Callable[[], None]) -> Function:
        """The function whose body `body` writes."""
        self.params, self.lines, self.e.fails = {}, [], False
        body()
        if self.e.fails:
            self.params["error"] = Param("error", "int *", None)
        return Function(name, threads, list(self.params.values()), self.lines)

    def line(self, text: str) -> None:
        self.lines.append(("  " * self.depth + text, self.span))

    def end_block(self) -> None:
        self.span = None
        self.depth -= 1
        self.line("}")

    def share(self, count: str) -> None:
        """Open the loop of a thread over its share of indices `t`."""
        self.span = None
        self.line("const long long stride = (long long)gridDim.x * blockDim.x;")
        start = "(long long)blockIdx.x * blockDim.x + threadIdx.x"
        self.line(f"for (long long t = {start}; t < {count}; t += stride) {{")
        self.depth += 1

    def label(self, node: Node) -> str:
        """The name of a value in the IR, as a name in C of which each value has its own."""
        if node not in self.labels:
            text, taken = re.sub(r"\W", "_", self.names[node].lstrip("%")), set(self.labels.values())
            while text in taken:
                text += "_"
            self.labels[node] = text
        return self.labels[node]

    def parameter(self, key: Any, prefix: str, text: str, ctype: str) -> str:
        return self.params.setdefault(key, Param(f"{prefix}_{text}", ctype, key)).name

    def dim(self, d: Any) -> str:
        if isinstance(d, int):
            return str(d)
        terms = []
        for symbols, c in d.terms:
            sizes = [self.parameter(s, "n", re.sub(r"\W", "_", s), "long long") for s in symbols]
            terms.append(" * ".join([*([str(c)] if c != 1 or not sizes else []), *sizes]))
        return f"({' + '.join(terms)})"

    @staticmethod
    def flat(indices: Sequence[str], dims: Sequence[str]) -> str:
        """The place of an element in memory."""
        text = indices[0] if indices else "0"
        for i, d in zip(indices[1:], dims[1:], strict=True):
            text = f"({text}) * {d} + {i}" if text != "0" else i
        return text
