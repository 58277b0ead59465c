"""Every program here agrees with CPython in its value and with dual numbers in its derivatives, up to the second; the passes
keep what it means, and so do mutations.

Files are written by hand or by `python -m tests.fuzz --save`; what stands above the line `CASES =` is the program text.
MUTANTS, where a file has them, are texts that mean the same, and once did not; ORDER is a higher order than two.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.fuzz.mutants import compare
from tests.fuzz.oracles import Examination, Plan
from tests.fuzz.shrink import well_defined
from tests.generator.program import Program

HERE = Path(__file__).parent
BACKENDS = ("interpreter", "llvm", "source")
PLAN = Plan(2, passes=True, mutants=2, differences=True, all=True, backends=BACKENDS)


def cases(folder: Path) -> list[object]:
    """(text whose entry is `program`, arguments) of each case."""
    out: list[object] = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith(("test_", "__")):
            continue
        text = path.read_text()
        scope: dict[str, object] = {"__name__": path.stem}
        exec(compile(text, str(path), "exec"), scope)
        source = text[: text.index("\nCASES =")]
        for function, args in scope["CASES"]:  # type: ignore[attr-defined]
            name = function.__name__
            entry = "" if name == "program" else f"\nprogram = {name}\n"
            case = f"{path.stem}-{name}-{','.join(map(repr, args))}"
            out.append(pytest.param(source + entry, args, scope.get("ORDER", 2), scope.get("MUTANTS", []), id=case))
    return out


@pytest.mark.parametrize(("source", "args", "order", "mutants"), cases(HERE))
def test_agrees(source: str, args: tuple[float | int, ...], order: int, mutants: list[str]) -> None:
    program = well_defined(Program(0, source, args))
    assert program is not None, "the program raises, or decides too closely"
    active = bool(program.floats)
    e = Examination(program, dataclasses.replace(PLAN, order=order) if active else Plan(0, backends=BACKENDS))
    e.examine()
    for i, mutant in enumerate(mutants):
        compare(e, f"kept mutant {i}", mutant, [])
    report = e.report
    assert not report.failures, "\n".join(f"{f.kind}, {f.what}: {f.detail}" for f in report.failures)
