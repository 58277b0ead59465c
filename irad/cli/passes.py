"""What commands that run passes have in common: which are printed, timed and verified, and where the pipeline stops."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

from irad.cli.colour import show_text
from irad.cli.target import UsageError
from irad.graph.nodes import Module
from irad.optimize.passes import Pass
from irad.pipeline import LEAN, NATIVE, OPTIMIZE, Hook, each
from irad.views import of_module

__all__ = ["EXPAND", "NAMES", "PASSES", "Printed", "Watch", "add_passes", "asks_for_passes", "show_pass"]

EXPAND = "expand"  # gives transforms their bodies; not a pass of the optimizer, but a step of the pipeline like them
PASSES: dict[str, Pass] = {p.name: p for p in (*LEAN, *OPTIMIZE, *each(NATIVE))}
NAMES = (EXPAND, *PASSES)


def add_passes(parser: argparse.ArgumentParser) -> None:
    """The options that every command with passes takes."""
    choice = {"choices": NAMES, "metavar": "PASS"}
    shown = ", ".join(NAMES)
    parser.add_argument("--print-after", action="append", default=[], help=f"print after a pass: {shown}", **choice)  # type: ignore[arg-type]
    parser.add_argument("--print-after-all", action="store_true", help="print after every pass")
    parser.add_argument("--stop-after", help="end with the first run of a pass", **choice)  # type: ignore[arg-type]
    parser.add_argument("--verify-each", action="store_true", help="verify the program after each pass")
    parser.add_argument("--time-passes", action="store_true", help="print the time of each pass to standard error")


def asks_for_passes(a: argparse.Namespace) -> bool:
    return bool(a.print_after or a.print_after_all or a.stop_after or a.time_passes or a.verify_each)


class Printed(NamedTuple):
    """The program after a pass, the `number`th that ran."""

    number: int
    name: str
    text: str


def show_pass(p: Printed, color: str) -> None:
    show_text(f"# after pass {p.number}: {p.name}\n{p.text}\n", "ir", color)


class _Stop(Exception):
    """The pass of --stop-after has run."""


class Watch:
    """The hook that the options ask for, and what it has seen."""

    def __init__(self, a: argparse.Namespace, show: Callable[[Printed], None]) -> None:
        self.hook = Hook(after=self.after, verify_each=a.verify_each)
        self.wanted = NAMES if a.print_after_all else tuple(a.print_after)
        self.stop, self.show, self.timed = a.stop_after, show, a.time_passes
        self.count = 0
        self.last: Module | None = None

    def after(self, name: str, module: Module) -> None:
        self.count += 1
        if name in self.wanted:
            self.show(Printed(self.count, name, str(of_module(name, module))))
        if name == self.stop:
            self.last = module
            raise _Stop

    def stopped(self, run: Callable[[Hook], object]) -> Module | None:
        """Run `run` with the hook; the module at which --stop-after ended it, None without that option."""
        try:
            run(self.hook)
        except _Stop:
            return self.last
        if self.stop is not None:
            raise UsageError(f"--stop-after {self.stop}: this pass did not run")
        return None

    def times(self) -> None:
        """Print the times, where they are asked for."""
        if self.timed:
            for name, seconds in self.hook.times.items():
                print(f"{name:12s} {1e3 * seconds:9.2f} ms", file=sys.stderr)
