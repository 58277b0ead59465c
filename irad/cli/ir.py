"""`irad ir`: the program of a function, at a stage, and what each pass makes of it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from irad.api import compile
from irad.cli.target import UsageError, add_grad, add_target, target
from irad.compiled import core_of
from irad.errors import CompileError
from irad.graph.nodes import Module
from irad.graph.text import parse_signature
from irad.pipeline import LEAN, OPTIMIZE, Hook
from irad.views import STAGES, program_at

__all__ = ["add", "show"]

PASSES = tuple(dict.fromkeys(["expand", *(p.name for p in (*LEAN, *OPTIMIZE))]))


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "ir",
        help="print the program of a function",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Prints the program that irad makes of a function, for arguments of given types.",
        epilog='examples:\n  irad ir model.py:f --types "f64, f64[3], int" --grad\n'
        '  irad ir model.py:f --types "f64" --grad --print-after-all --time-passes\n',
    )
    add_target(p)
    p.add_argument("--types", metavar="TYPES", help='the types of the arguments: "f64, f64[3], int"')
    add_grad(p)
    p.add_argument("--stage", choices=STAGES, default="optimized", help="default: optimized")
    p.add_argument(
        "--print-after",
        action="append",
        default=[],
        choices=PASSES,
        metavar="PASS",
        help=f"print after a pass: {', '.join(PASSES)}",
    )
    p.add_argument("--print-after-all", action="store_true", help="print after every pass")
    p.add_argument("--time-passes", action="store_true", help="print the time of each pass to standard error")
    p.add_argument("--verify-each", action="store_true", help="verify the program after each pass")
    p.set_defaults(run=show)


def show(a: argparse.Namespace) -> int:
    """Print what the command asks for."""
    if a.stage in ("python", "typed") and (a.print_after or a.print_after_all or a.time_passes or a.verify_each):
        raise UsageError(f"no pass runs before --stage {a.stage}: leave out --print-after, --time-passes and --verify-each")
    fn = target(a.target, a.grad)
    if isinstance(fn, Module):
        types = [p.type for p in fn.entry.params]
    elif a.stage != "python" and a.types is None:
        raise UsageError('--types is needed: the types of the arguments, as in --types "f64, f64[3], int"')
    else:
        types = _types(a.types or "")
    core: Any = core_of(compile(fn))
    hook = Hook(verify_each=a.verify_each)
    wanted = PASSES if a.print_after_all else tuple(a.print_after)
    count = 0

    def after(name: str, module: Module) -> None:
        nonlocal count
        count += 1
        if name in wanted:
            print(f"# after pass {count}: {name}\n{module}")

    hook.after = after
    print(program_at(core, types, (), a.stage, hook), end="")
    if a.time_passes:
        for name, seconds in hook.times.items():
            print(f"{name:12s} {1e3 * seconds:9.2f} ms", file=sys.stderr)
    return 0


def _types(text: str) -> list[Any]:
    if not text.strip():
        return []
    try:
        return parse_signature(text)
    except CompileError as e:
        raise UsageError(e.diagnostic.message + (f"; {e.diagnostic.help}" if e.diagnostic.help else "")) from None
