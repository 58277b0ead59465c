"""Generated array programs agree with NumPy, in every mode: a sample; `python -m tests.fuzz --arrays` runs thousands."""

from __future__ import annotations

import os
from typing import Any

from tests.fuzz.__main__ import parsed, planned, summarized, told
from tests.fuzz.pool import run_seeds
from tests.generator import arrays
from tests.generator.arrays.draw import TAGS

PROGRAMS = int(os.environ.get("IRAD_FUZZ_ARRAYS", "60"))
SEED = int(os.environ.get("IRAD_FUZZ_SEED", "0"))


def test_generated_programs() -> None:
    """One test, so that one process of a session runs them."""
    results: list[dict[str, Any]] = []
    options = ["--arrays", "--programs", str(PROGRAMS), "--second", str(PROGRAMS // 6), "--seed", str(SEED)]
    run_seeds(planned(parsed(options)), 1, results.append)
    results.sort(key=lambda r: r["seed"])
    wrong = [told(r, f) for r in results for f in [f for f in r["failures"] if f["kind"] != "refused"][:1]]
    assert not wrong, f"{len(wrong)} of {PROGRAMS} programs:\n" + "\n".join(wrong)
    summary = summarized(results, 0.0, SEED, True)
    assert summary["refused"] <= max(0.05 * PROGRAMS, 3), summary["reasons"]


def test_every_kind_occurs() -> None:
    """Of what is drawn, each in one of a hundred programs."""
    programs = [arrays.generate(seed) for seed in range(300)]
    counts = {tag: sum(tag in p.tags for p in programs) for tag in TAGS}
    assert [tag for tag, n in counts.items() if n < 3] == []
    assert {tag for p in programs for tag in p.tags} <= set(TAGS)


def test_draws_depend_on_the_seed_alone() -> None:
    first = [arrays.generate(s).source for s in (3, 4, 5)]
    assert [arrays.generate(s).source for s in (5, 4, 3)][::-1] == first
