"""`irad ir`: the program of a function, at a stage, and what each pass makes of it."""

from __future__ import annotations

import argparse
from typing import Any

from irad.api import compile
from irad.cli.colour import add_color, show_text
from irad.cli.command import Commands, command
from irad.cli.output import add_json, print_json, write
from irad.cli.passes import Printed, Watch, add_passes, asks_for_passes, show_pass
from irad.cli.target import UsageError, add_grad, add_target, target, types_of
from irad.compiled import core_of
from irad.graph.nodes import Module
from irad.views import IR, STAGES, language, of_module, program_at

__all__ = ["add", "show"]


def add(commands: Commands) -> None:
    p = command(
        commands,
        "ir",
        show,
        "print the program of a function",
        "Prints the program that irad makes of a function, for arguments of given types.",
        (
            'irad ir docs/tour.py:grow --types "float, float, int"',
            'irad ir docs/tour.py:grow --types "float, float, int" --grad 0,1 --stage llvm',
            'irad ir docs/tour.py:grow --types "float, float, int" --grad --print-after-all --time-passes',
            'irad ir docs/tour.py:grow --types "float, float, int" --grad --report report.html',
        ),
    )
    add_target(p)
    p.add_argument("--types", metavar="TYPES", help='the types of the arguments: "f64, f64[3], int"')
    add_grad(p)
    p.add_argument("--stage", choices=STAGES, default="optimized", help="default: optimized")
    p.add_argument("--svg", metavar="FILE", help="draw the program's graph to a file, instead of printing text")
    p.add_argument("--report", metavar="FILE", help="write a page of HTML: source, stages, passes and graph, with lines linked")
    add_passes(p)
    add_color(p)
    add_json(p)


def show(a: argparse.Namespace) -> int:
    """Print what the command asks for."""
    if a.stage in ("python", "typed") and asks_for_passes(a):
        raise UsageError(f"no pass runs before --stage {a.stage}: leave out what asks for passes")
    if a.svg is not None and (a.stage == "python" or a.json):
        raise UsageError("--svg draws a graph: it goes with the stages from typed on, and without --json")
    if a.report is not None and (a.stage != "optimized" or a.svg is not None or a.json or asks_for_passes(a)):
        raise UsageError("--report shows every stage and every pass: leave out --stage, --svg, --json and what asks for passes")
    fn = target(a.target, a.grad)
    if isinstance(fn, Module) and a.types is not None:
        raise UsageError("--types is for Python functions: a module from text says its types itself")
    if isinstance(fn, Module):
        types = [p.type for p in fn.entry.params]
    elif a.stage != "python" and a.types is None:
        raise UsageError('--types is needed: the types of the arguments, as in --types "f64, f64[3], int"')
    else:
        types = types_of(a.types or "")
    core: Any = core_of(compile(fn))
    if a.report is not None:
        from irad.report.collect import collect
        from irad.report.page import page

        write(a.report, page(collect(core, types)))
        return 0
    after: list[Printed] = []
    watch = Watch(a, after.append if a.json else lambda p: show_pass(p, a.color))
    found: list[IR] = []
    stopped = watch.stopped(lambda hook: found.append(program_at(core, types, (), a.stage, hook)))
    program = found[0] if stopped is None else of_module(f"after {a.stop_after}", stopped)
    if a.json:
        print_json(
            {
                "stage": program.stage,
                "text": str(program),
                "operations": program.operations,
                "residuals": program.residuals,
                "milliseconds": {name: 1e3 * seconds for name, seconds in watch.hook.times.items()},
                "after": after,
            }
        )
        return 0
    if a.svg is not None:
        write(a.svg, program._repr_svg_() or "")
    else:
        show_text(str(program), language(program.stage), a.color)
    watch.times()
    return 0
