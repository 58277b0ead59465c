"""Real outputs on the pages: a block after `<!-- output of: COMMAND -->` is what the command prints.

    python -m tests.docs.outputs             compare; exit 1 where a page is behind
    python -m tests.docs.outputs --update    rewrite the blocks

COMMAND is `irad ...` or `python -m MODULE ...`, run from the project's folder. `| from REGEX` starts the output at the first
line that matches, `| to REGEX` ends it there. A block `<!-- text of: FILE -->` is the file. The picture behind
`<!-- picture of: irad ... -->` is what the command draws with `--svg`.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import re
import runpy
import shlex
import sys
import tempfile
from pathlib import Path

from irad.__main__ import main as irad_main

__all__ = ["PAGES", "ROOT", "stale", "updated"]

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "benchmarks/README.md",
    "docs/coverage.md",
    "docs/elimination.md",
    "docs/looking.md",
    "docs/command-line.md",
    "docs/running.md",
)
_BLOCK = re.compile(r"(<!-- (output|text) of: (.*?) -->\n+(?:```\w*\n)?)(.*?)(^```$|^<!-- end -->$)", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"<!-- picture of: (.*?) -->\n+!\[[^\]]*\]\(([^)]+)\)")


def pictures(page: str) -> list[tuple[Path, str]]:
    """The pictures of a page: the file, and what it holds now if it is up to date."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for command, name in _PICTURE.findall((ROOT / page).read_text(encoding="utf-8")):
            file = Path(folder) / "picture.svg"
            _output(f"{command} --svg {file}")
            out.append(((ROOT / page).parent / name, file.read_text(encoding="utf-8")))
    return out


def updated(page: str) -> str:
    """The page with its blocks as they are now."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return _BLOCK.sub(lambda m: m[1] + (_output(m[3]) if m[2] == "output" else _text(m[3])) + m[5], text)


def stale(page: str) -> str:
    """What differs, as a diff; empty where the page is up to date."""
    for file, now in pictures(page):
        if not file.exists() or file.read_text(encoding="utf-8") != now:
            return f"{file.relative_to(ROOT)} is another picture now"
    before, after = (ROOT / page).read_text(encoding="utf-8"), updated(page)
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), page, "now", lineterm=""))


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def _output(command: str) -> str:
    command, *cuts = command.split(" | ")
    tool, *argv = shlex.split(command)
    out = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        if tool == "irad":
            irad_main(argv)
        else:
            before = sys.argv
            sys.argv = argv[1:]
            try:
                runpy.run_module(argv[1], run_name="__main__")
            finally:
                sys.argv = before
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    for cut in cuts:
        side, _, pattern = cut.partition(" ")
        place = next(i for i, line in enumerate(lines) if re.search(pattern, line))
        lines = lines[place:] if side == "from" else lines[: place + 1]
    return "\n".join(lines) + "\n"


def main() -> int:
    behind = 0
    for page in PAGES:
        if "--update" in sys.argv[1:]:
            (ROOT / page).write_text(updated(page), encoding="utf-8")
            for file, now in pictures(page):
                file.write_text(now, encoding="utf-8")
        elif diff := stale(page):
            print(diff)
            behind = 1
    return behind


if __name__ == "__main__":
    sys.exit(main())
