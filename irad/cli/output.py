"""What commands give to machines and to files: `--json`, pictures, pages."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from irad.cli.target import UsageError

__all__ = ["add_json", "console", "plain", "print_json", "write"]


def write(file: str, text: str) -> None:
    """Write a file that the command line names."""
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as e:
        raise UsageError(f"cannot write {file}: {e.strerror}") from None


WIDTH = 100  # of what is not a terminal


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # what is being handled, for `main`, which ends quietly


def console(*, stderr: bool = False, soft_wrap: bool = True) -> Console:
    """Where tables, prose and messages go: as wide as the terminal, of one width elsewhere; NO_COLOR leaves plain text."""
    wide = (sys.stderr if stderr else sys.stdout).isatty()
    plain = bool(os.environ.get("NO_COLOR"))  # for Rich, bold and italics are no colours
    return _Console(stderr=stderr, soft_wrap=soft_wrap, width=None if wide else WIDTH, color_system=None if plain else "auto")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, for other programs to read")


def print_json(value: Any) -> None:
    """One JSON object; what is not finite is written as JavaScript does (NaN, Infinity), which Python reads."""
    print(json.dumps(plain(value), indent=1))


def plain(value: Any) -> Any:
    """A result as JSON has it: arrays are lists, what JSON has no form for is its `repr`."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {k if isinstance(k, str) else repr(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
