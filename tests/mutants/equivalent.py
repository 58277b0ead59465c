"""Mutants that change nothing, by reason. `equivalent.txt` lists them: a line `# reason`, then the mutants it holds for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def read() -> dict[str, str]:
    found: dict[str, str] = {}
    reason = ""
    for line in (Path(__file__).parent / "equivalent.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            found[line] = reason
    return found


EQUIVALENT = read()


def unknown(names: Iterable[str]) -> set[str]:
    """What is listed and is none of these mutants."""
    return set(EQUIVALENT) - set(names)
