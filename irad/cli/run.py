"""`irad run`: compile a function or IR text, call it, print the result."""

from __future__ import annotations

import argparse

from irad.api import compile
from irad.cli.output import add_json, print_json
from irad.cli.target import add_grad, add_target, argument, converted, target
from irad.graph.nodes import Module

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "run",
        help="compile and call a function",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compiles a function, or the entry of IR text, calls it, and prints the result.",
        epilog="examples:\n  irad run model.py:f 2.5 100\n  irad run model.py:f 2.5 100 --grad 0\n"
        "  irad run model.py:f 'array([1.0, 2.0])'\n  irad run f.irad -- -2.5\n",
    )
    add_target(p)
    p.add_argument(
        "arguments",
        nargs="*",
        metavar="ARG",
        help="a Python literal; nan, inf and array([...]) too; put -- before a negative one",
    )
    add_grad(p)
    add_json(p)
    p.set_defaults(run=run)


def run(a: argparse.Namespace) -> int:
    """Call the target with the arguments and print what it returns."""
    arguments = [argument(text) for text in a.arguments]
    fn = target(a.target, a.grad)
    if isinstance(fn, Module):
        arguments = converted(fn, arguments)
    result = compile(fn)(*arguments)
    if a.json:
        print_json({"result": result, "text": repr(result)})
    else:
        print(repr(result))
    return 0
