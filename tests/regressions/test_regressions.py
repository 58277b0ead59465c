"""Every program here agrees with CPython in its value and with dual numbers in its derivatives, up to the second.

Files are written by hand or by `python -m tests.fuzz --save`; what stands above the line `CASES =` is the program text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.oracles import examine
from tests.fuzz.shrink import well_defined
from tests.generator.program import Program

HERE = Path(__file__).parent


def found() -> list[object]:
    """(text whose entry is `program`, arguments) of each case."""
    out: list[object] = []
    for path in sorted(HERE.glob("*.py")):
        if path.name.startswith(("test_", "__")):
            continue
        text = path.read_text()
        scope: dict[str, object] = {"__name__": path.stem}
        exec(compile(text, str(path), "exec"), scope)
        source = text[: text.index("\nCASES =")]
        for function, args in scope["CASES"]:  # type: ignore[attr-defined]
            name = function.__name__
            entry = "" if name == "program" else f"program = {name}\n"
            out.append(pytest.param(source + entry, args, id=f"{path.stem}-{name}-{','.join(map(repr, args))}"))
    return out


@pytest.mark.parametrize(("source", "args"), found())
def test_agrees(source: str, args: tuple[float | int, ...]) -> None:
    program = well_defined(Program(0, source, args))
    assert program is not None, "the program raises, or decides too closely"
    report = examine(program, order=2 if program.floats else 0, all_=True)
    assert not report.failures, "\n".join(f"{f.kind}, {f.what}: {f.detail}" for f in report.failures)
