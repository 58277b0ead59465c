"""Every program here agrees with NumPy in what it returns, and with differences in its derivatives, up to the second.

Files are written by hand or by `python -m tests.fuzz --arrays --save`; what stands above the line `CASES =` is the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.array_oracles import Plan, examine
from tests.generator.arrays.draw import RAISES, WRITES
from tests.generator.arrays.reference import given, outcome, unsuitable
from tests.generator.program import Program
from tests.regressions.test_regressions import cases

PLAN = Plan(2, all=True, backends=("interpreter", "llvm", "source"))


def tagged(source: str, args: Any) -> Program:
    """The program, with what its call shows."""
    program = Program(0, source, args)
    after = outcome(program)
    tags = {RAISES} if after.raised else set()
    tags |= {WRITES} if repr(after.args) != repr(given(program)) else set()
    return Program(0, source, args, frozenset(tags))


@pytest.mark.parametrize(("source", "args", "order", "mutants"), cases(Path(__file__).parent))
def test_agrees(source: str, args: Any, order: int, mutants: list[str]) -> None:
    program = tagged(source, args)
    assert not unsuitable(program)
    report = examine(program, PLAN)
    assert not report.failures, "\n".join(f"{f.kind}, {f.what}: {f.detail}" for f in report.failures)
