"""Programs that are accepted, to be spoiled: those of the docs, of the regression files, and generated ones."""

from __future__ import annotations

import ast
import functools
import random
from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.snippets import blocks
from tests.generator import generate

__all__ = ["Source", "drawn"]

ROOT = Path(__file__).resolve().parents[2]


class Source(NamedTuple):
    """The text of a module, and a call of one of its functions."""

    text: str
    call: str


@functools.cache
def written() -> list[Source]:
    """The programs of the docs and of the regression files."""
    found = []
    for block in blocks("docs/python.md"):
        claims = {c.line - block.line for c in block.claims}
        text = "".join(
            line
            for i, line in enumerate(block.code.splitlines(keepends=True), 1)
            if i not in claims and "import irad" not in line
        )
        calls = [c.expression for c in block.claims if not c.refused and "irad." not in c.expression]
        found += [Source(text, c) for c in calls if isinstance(ast.parse(c).body[0].value, ast.Call)]  # type: ignore[attr-defined]
    for path in sorted((ROOT / "tests/regressions").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith(("test_", "__")) or "irad." in text:
            continue
        scope: dict[str, Any] = {"__name__": path.stem}
        exec(compile(text, str(path), "exec"), scope)
        found += [Source(text[: text.index("\nCASES =")], f"{f.__name__}(*{args!r})") for f, args in scope["CASES"]]
    return [s for s in found if "irad." not in s.text]


def drawn(rng: random.Random) -> Source:
    """One program of the three kinds."""
    if rng.random() < 0.6:
        return rng.choice(written())
    while True:
        program = generate(rng.randrange(10**6))
        if "irad." not in program.source:
            args = ", ".join(f"np.array({a!r})" if isinstance(a, list) else repr(a) for a in program.data)
            return Source(f"import numpy as np\n{program.source}", f"program({args})")
