"""Spoiled programs, each of which must give a result that agrees with CPython, or a clean diagnostic.

python -m tests.diagnostics.mutate --sources 500 --seed 0
python -m tests.diagnostics.mutate --only 17             one of them, with its text
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from tests.diagnostics.spoiled import examined
from tests.fuzz.pool import run_seeds

__all__ = ["run"]

PATIENCE = 120.0


def run(sources: int, seed: int, jobs: int = 1) -> tuple[Counter[str], list[dict[str, Any]]]:
    """How many programs came to what, and the failures."""
    counts: Counter[str] = Counter()
    failures = []

    def done(answer: dict[str, Any]) -> None:
        counts[answer.get("kind", "crashed")] += 1
        if answer["failures"]:
            failures.append(answer)

    tasks = ({"seed": seed + k} for k in range(sources))
    run_seeds(tasks, jobs, done, PATIENCE, worker="tests.diagnostics.spoiled")
    return counts, failures


def shown(answer: dict[str, Any]) -> str:
    text = answer.get("source", "")
    kind = answer["failures"][0]["kind"] if answer["failures"] else answer["kind"]
    lines = [
        f"seed {answer['seed']}: {kind} {answer.get('reason', '')}",
        text,
        f"# {answer.get('call', '')}",
        answer.get("detail", ""),
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="examine this seed in this process, and show it")
    a = parser.parse_args()
    if a.only is not None:
        print(shown(examined(a.only)))
        return 0
    counts, failures = run(a.sources, a.seed, a.jobs)
    for f in failures:
        print(shown(f), "\n" + "-" * 80)
    print(", ".join(f"{n} {kind}" for kind, n in counts.most_common()))
    print(f"{a.sources} sources, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
