"""`irad opt`: IR text in, passes over it, IR text out."""

from __future__ import annotations

import argparse

from irad.cli.colour import add_color, show_text
from irad.cli.command import Commands, command
from irad.cli.output import add_json, print_json
from irad.cli.passes import EXPAND, NAMES, PASSES, Printed, Watch, add_passes, show_pass
from irad.cli.target import UsageError, module_of
from irad.graph.nodes import Module
from irad.graph.normal import normal_form
from irad.pipeline import Hook, expand, optimize, run_passes
from irad.primitives import REGISTRY
from irad.primitives.python import refuse_python_stage

__all__ = ["add", "opt"]


def add(commands: Commands) -> None:
    p = command(
        commands,
        "opt",
        opt,
        "run passes on IR text",
        "Reads IR text, runs passes on it in the order given, and prints IR text.",
        (
            "irad opt docs/tour.irad                                     the whole pipeline",
            "irad opt docs/tour.irad --passes expand,inline,drop",
            "irad opt docs/tour.irad --print-after drop --stop-after hoist",
            'irad ir docs/tour.py:grow --types "float, float, int" --stage typed | irad opt - --verify-each',
        ),
    )
    p.add_argument("file", metavar="FILE.irad", help="IR text, as `irad ir` prints it; - reads standard input")
    p.add_argument("--passes", metavar="PASS,...", help=f"in this order, of {', '.join(NAMES)}; default: the pipeline")
    add_passes(p)
    add_color(p)
    add_json(p)


def opt(a: argparse.Namespace) -> int:
    """Print the module after the passes."""
    passes = None if a.passes is None else [p.strip() for p in a.passes.split(",") if p.strip()]
    for name in passes or ():
        if name not in NAMES:
            raise UsageError(f"no pass is called {name!r}; use some of {', '.join(NAMES)}")
    module = module_of(a.file)
    refuse_python_stage(module)
    after: list[Printed] = []
    watch = Watch(a, after.append if a.json else lambda p: show_pass(p, a.color))

    def run(hook: Hook) -> None:
        nonlocal module
        module = _optimized(normal_form(module, REGISTRY), passes, hook)

    module = watch.stopped(run) or module
    if a.json:
        times = {name: 1e3 * seconds for name, seconds in watch.hook.times.items()}
        print_json({"text": str(module), "milliseconds": times, "after": after})
        return 0
    show_text(str(module), "ir", a.color)
    watch.times()
    return 0


def _optimized(module: Module, passes: list[str] | None, hook: Hook) -> Module:
    if passes is None:
        return optimize(module, hook)
    for name in passes:
        module = expand(module, hook) if name == EXPAND else run_passes(module, [PASSES[name]], hook)
    return module
