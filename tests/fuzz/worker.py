"""A process that examines programs: seeds in on stdin, reports out on stdout, a JSON object a line.

    {"seed": 17, "plan": {"order": 2}}  ->  {"seed": 17, "failures": [...], "kinds": [...], ...}

A task with "arrays" is about an array program. One with a "fault" switches it on in this process, for good.

A program that kills it costs one process: the parent knows which seed was in hand.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from typing import Any

import numpy as np

from tests import every_kernel
from tests.fuzz import array_oracles
from tests.fuzz.faults import switch_on
from tests.fuzz.oracles import Failure, Plan, examine
from tests.generator import arrays, generate
from tests.generator.kinds import kinds, pairs

__all__ = ["examined"]


def examined(seed: int, plan: dict[str, Any], about_arrays: bool = False) -> dict[str, Any]:
    """The report of one seed as plain data. Errors of the tests themselves are failures of the kind "test error"."""
    out: dict[str, Any] = {"seed": seed, "plan": plan, "arrays": about_arrays}
    try:
        program = arrays.generate(seed) if about_arrays else generate(seed)
    except Exception:
        failure = Failure("test error", "generate", traceback.format_exc()[-1500:], "generate")
        return {**out, "failures": [dataclasses.asdict(failure)], "kinds": [], "pairs": []}
    out |= {
        "kinds": sorted(kinds(program.source) | program.tags),
        "pairs": sorted(pairs(program.source)),
        "source": program.source,
        "args": list(program.data),
    }
    try:
        report = (array_oracles.examine if about_arrays else examine)(program, Plan(**plan))
    except Exception:
        failure = Failure("test error", "examine", traceback.format_exc()[-1500:], "examine")
        return {**out, "failures": [dataclasses.asdict(failure)]}
    return {
        **out,
        "failures": [dataclasses.asdict(f) for f in report.failures],
        "gradient": report.gradient,
        "loose": report.loose,
        "seconds": report.seconds,
        "checks": report.checks,
        "counts": report.counts,
    }


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what programs print does not stand among the answers
    every_kernel.collect()
    fault = ""
    for line in sys.stdin:
        task = json.loads(line)
        if task.get("fault", "") != fault:
            assert not fault, "a fault stays: use another process"
            fault = task["fault"]
            switch_on(fault)
        report = examined(task["seed"], task["plan"], task.get("arrays", False))
        answers.write(json.dumps(report, default=np.generic.item) + "\n")  # arguments may be numbers of NumPy's
        answers.flush()


if __name__ == "__main__":
    main()
