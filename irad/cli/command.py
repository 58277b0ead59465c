"""How each command is declared: its name, its help with examples that run as they are printed, what runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TypeAlias

__all__ = ["Commands", "command"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[argparse.Namespace], int]


def command(
    commands: Commands, name: str, run: Run, help: str, description: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    """The parser of a new command, for its options. An example is a line, what it shows behind two blanks or more."""
    p = commands.add_parser(
        name,
        help=help,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=description,
        epilog="\n  ".join(["examples:", *examples]),
    )
    p.set_defaults(run=run)
    return p
