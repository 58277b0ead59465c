"""Generated programs agree: CPython, the interpreter and LLVM in values; reverse, forward and dual numbers in derivatives.

The counts say how many programs, and of how many of them the rarer checks are made; they, the first seed and the number of
processes can be set by the environment: IRAD_FUZZ_PROGRAMS and so on. `python -m tests.fuzz` is the same run with its tables.
"""

from __future__ import annotations

import ast
import os
from typing import Any

import pytest
from irad.frontend.subset import REFUSED

from tests.fuzz.__main__ import GRADIENTS_LEAST, REFUSED_MOST, parsed, planned, summarized, told
from tests.fuzz.pool import run_seeds

COUNTS = {"programs": 240, "second": 16, "third": 4, "passes": 24, "mutants": 24, "seed": 0, "jobs": 1}
N = {name: int(os.environ.get(f"IRAD_FUZZ_{name.upper()}", count)) for name, count in COUNTS.items()}
PROGRAMS, SEED = N["programs"], N["seed"]
ENTIRE = {"FunctionType", "Expression", "Interactive", "TypeAlias"}  # not in a function, or newer than Python 3.11


def run() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    arguments = ["--order", "3", str(N["third"]), *(a for n, k in N.items() if n != "third" for a in (f"--{n}", str(k)))]
    run_seeds(planned(parsed(arguments)), N["jobs"], found.append)
    return sorted(found, key=lambda r: r["seed"])


def test_generated_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """One test, so that one process of a session runs them: they agree, and they say something."""
    with capsys.disabled():
        print(f" [seeds {SEED} to {SEED + PROGRAMS - 1}]", end="")
    results = run()
    wrong = [told(r, f) for r in results for f in [f for f in r["failures"] if f["kind"] != "refused"][:1]]
    assert not wrong, f"{len(wrong)} of {PROGRAMS} programs:\n" + "\n".join(wrong)
    summary = summarized(results, 0.0, SEED)
    assert summary["refused"] <= max(REFUSED_MOST * summary["programs"], 2), summary["reasons"]
    assert summary["gradients nonzero"] >= GRADIENTS_LEAST * summary["gradients"]
    if PROGRAMS >= COUNTS["programs"]:
        every_accepted_kind_of_syntax_occurs(results)
        kinds_and_pairs_occur(summary)


def every_accepted_kind_of_syntax_occurs(results: list[dict[str, Any]]) -> None:
    """What irad does not refuse by its kind stands in some program."""
    drawn = {type(node).__name__ for r in results for node in ast.walk(ast.parse(r.get("source", "")))}
    bases = (ast.stmt, ast.expr, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
    refused = {kind.__name__ for kind in REFUSED} | ENTIRE
    accepted = {c.__name__ for base in bases for c in base.__subclasses__() if "Deprecated" not in (c.__doc__ or "")}
    assert accepted - refused - drawn == set()


def kinds_and_pairs_occur(summary: dict[str, Any]) -> None:
    """Each of 30 in 1,000 programs, and 10 for pairs: a third of that here, since a few hundred programs vary."""
    assert [k for k, n in summary["kinds"].items() if n < 0.01 * PROGRAMS] == []
    assert [k for k, n in summary["pairs"].items() if n < 0.01 * PROGRAMS] == []
