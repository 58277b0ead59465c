"""Run mutants and say which survived.

python -m tests.mutants                               # all: derivative rules and rewrite rules
python -m tests.mutants --rules --match mul-neg       # some
python -m tests.mutants --json tests/mutants/results.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT, unknown
from tests.mutants.run import INVALID, KILLED, SURVIVED, Result, run
from tests.mutants.targets import all_mutants


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--rules", action="store_true", help="the rewrite rules only")
    parser.add_argument("--derivatives", action="store_true", help="the derivative rules only")
    parser.add_argument("--match", default="", help="only mutants with this text in their name")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0, help="limit on a mutant's time; what is slower counts as killed")
    parser.add_argument("--json", type=Path, help="write the counts and the survivors there")
    parser.add_argument("--verbose", action="store_true", help="say what killed each mutant")
    options = parser.parse_args()
    both = options.rules == options.derivatives
    mutants = all_mutants(rules=both or options.rules, derivative_rules=both or options.derivatives)
    mutants = [m for m in mutants if options.match in m.name]
    start = time.monotonic()
    results = []
    for r in run(mutants, workers=options.workers, seconds=options.seconds):
        results.append(r)
        if r.outcome == SURVIVED and r.mutant.name not in EQUIVALENT:
            print(f"survived: {r.mutant.name}", flush=True)
        elif options.verbose:
            print(f"{r.outcome}: {r.mutant.name} | {' '.join(r.by.split())[:160]}", flush=True)
    report = summary(results)
    print(json.dumps(report["total"]), f"{time.monotonic() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    gone = sorted(unknown([m.name for m in mutants])) if both and not options.match else []
    for name in gone:
        print(f"listed as equivalent, but no mutant now: {name}", file=sys.stderr)
    killed_after_all = [r.mutant.name for r in results if r.outcome == KILLED and r.mutant.name in EQUIVALENT]
    for name in killed_after_all:
        print(f"listed as equivalent, but killed: {name}", file=sys.stderr)
    return 1 if gone or killed_after_all or report["total"]["unexplained"] else 0


def summary(results: list[Result]) -> dict[str, object]:
    """Counts for each group of mutants; mutants that cannot be run at all are not counted."""
    groups: dict[str, Counter[str]] = {}
    for r in results:
        if r.outcome != INVALID:
            groups.setdefault(r.mutant.group, Counter())[r.outcome] += 1
    survivors = sorted(r.mutant.name for r in results if r.outcome == SURVIVED)
    total = sum(groups.values(), Counter())
    return {
        "groups": {k: {"mutants": c.total(), "killed": c[KILLED], "survived": c[SURVIVED]} for k, c in groups.items()},
        "total": {
            "mutants": total.total(),
            "killed": total[KILLED],
            "survived": total[SURVIVED],
            "equivalent": sum(s in EQUIVALENT for s in survivors),
            "unexplained": sum(s not in EQUIVALENT for s in survivors),
            "killed percent": round(100 * total[KILLED] / max(1, total.total()), 1),
        },
        "survivors": {s: EQUIVALENT.get(s, "not looked at") for s in survivors},
    }


if __name__ == "__main__":
    sys.exit(main())
