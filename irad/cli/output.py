"""What commands give to machines and to files: `--json`, pictures, pages."""

from __future__ import annotations

import argparse
import json
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


def console() -> Console:
    """Where tables and prose go: as wide as the terminal, of one width elsewhere."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)


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
