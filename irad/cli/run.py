"""`irad run`: compile a function or IR text, call it, print the result."""

from __future__ import annotations

import argparse
import sys

from irad.api import compile
from irad.cli.command import Commands, command
from irad.cli.output import add_json, print_json
from irad.cli.target import UsageError, add_grad, add_target, argument, converted, target
from irad.compiled import BACKENDS
from irad.graph.nodes import Module

__all__ = ["add", "run"]


def add(commands: Commands) -> None:
    p = command(
        commands,
        "run",
        run,
        "compile and call a function",
        "Compiles a function, or the entry of IR text, calls it, and prints the result.",
        (
            "irad run docs/tour.py:grow 0.1 2.0 50",
            "irad run docs/tour.py:grow 0.1 2.0 50 --grad 0,1",
            "irad run docs/tour.py:growth 'array([0.1, 0.2])' 2.0",
            "irad run docs/tour.irad -- -2.5",
            "irad run docs/tour.py:grow nan 2.0 3 --trace     each operation with its values: where does the nan come from?",
        ),
    )
    add_target(p)
    p.add_argument(
        "arguments",
        nargs="*",
        metavar="ARG",
        help="a Python literal; nan, inf and array([...]) too; put -- before a negative one",
    )
    add_grad(p)
    p.add_argument("--backend", choices=BACKENDS, help="what runs it; default: llvm, machine code")
    p.add_argument("--trace", action="store_true", help="run the interpreter, and print each operation to standard error")
    p.add_argument("--trace-limit", type=int, metavar="N", help="print the first N lines of the trace")
    add_json(p)


def run(a: argparse.Namespace) -> int:
    """Call the target with the arguments and print what it returns."""
    if a.trace and a.backend not in (None, "interpreter"):
        raise UsageError(f"--trace runs the interpreter, not --backend {a.backend}")
    if a.trace_limit is not None and not a.trace:
        raise UsageError("--trace-limit belongs to --trace")
    if a.trace_limit is not None and a.trace_limit < 0:
        raise UsageError("--trace-limit takes a number of lines from 0 on")
    arguments = [argument(text) for text in a.arguments]
    fn = target(a.target, a.grad)
    if isinstance(fn, Module):
        arguments = converted(fn, arguments)
    if a.trace:
        result = compile(fn, backend="interpreter", trace=_Lines(a.trace_limit))(*arguments)
    else:
        result = compile(fn, backend=a.backend or "llvm")(*arguments)
    if a.json:
        print_json({"result": result, "text": repr(result)})
    else:
        print(repr(result))
    return 0


class _Lines:
    """Prints lines to standard error, `limit` of them."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self.count = limit, 0

    def __call__(self, line: str) -> None:
        self.count += 1
        if self.limit is None or self.count <= self.limit:
            print(line, file=sys.stderr)
        elif self.count == self.limit + 1:
            print(f"... {self.limit} lines are shown; the run goes on", file=sys.stderr)
