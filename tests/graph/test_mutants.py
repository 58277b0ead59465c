"""Mutated texts in the suite: a sample of what `python -m tests.graph.mutate_text` tries, the same in every run."""

from tests.graph.mutate_text import run

SEEDS = list(range(1, 401))


def test_a_mutated_text_is_a_module_that_runs_or_a_diagnostic():
    ends = []
    run(SEEDS, ends.append)
    assert [e for e in ends if e["end"] == "failure"] == []
    assert len(ends) == len(SEEDS)
    assert sum(e["end"] == "ran" for e in ends) > 40  # they are not all nonsense
    assert sum(e["end"] == "refused" for e in ends) > 100
