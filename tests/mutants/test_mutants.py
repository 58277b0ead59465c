"""A sample of the mutants is noticed by the tests of their operations and rules; what is listed as equivalent is a mutant.

All of them: `python -m tests.mutants`; `results.json` has the counts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
from pathlib import Path

import pytest

from tests.mutants.equivalent import EQUIVALENT, unknown
from tests.mutants.run import SURVIVED, run
from tests.mutants.targets import all_mutants

SAMPLE, SEED = 40, 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants run in forked processes")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork, where other tests have left threads
def test_a_sample_of_mutants_is_killed() -> None:
    chosen = random.Random(SEED).sample(all_mutants(), SAMPLE)
    survived = {r.mutant.name for r in run(chosen) if r.outcome == SURVIVED}
    assert survived <= set(EQUIVALENT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants run in forked processes")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_is_noticed_where_nothing_is_changed() -> None:
    """Else a check that always fails would kill every mutant."""
    chosen = random.Random(SEED).sample(all_mutants(), SAMPLE // 10)
    assert {r.outcome for r in run([dataclasses.replace(m, apply=lambda: None) for m in chosen])} == {SURVIVED}


def test_what_is_listed_as_equivalent_is_a_mutant() -> None:
    assert not unknown(m.name for m in all_mutants())
    assert all(EQUIVALENT.values()), "a reason stands above them"


def test_the_results_are_those_of_these_mutants() -> None:
    results = json.loads((Path(__file__).parent / "results.json").read_text(encoding="utf-8"))
    assert results["total"]["killed percent"] > 95
    assert results["total"]["unexplained"] == 0
    assert set(results["survivors"]) <= set(EQUIVALENT)
