"""Each seeded fault is found: five wrong derivative rules and five wrong passes, within 300 programs.

Three more are found by the checks that look for them, and by no others: second derivatives, passes alone, mutants. The
search for a fault ends with the first program that shows it.
"""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import found_after
from tests.fuzz.faults import DERIVATIVES, HIDDEN, PASSES


def test_there_are_ten() -> None:
    assert len(DERIVATIVES) == len(PASSES) == 5


@pytest.mark.parametrize("fault", DERIVATIVES | PASSES)
def test_found(fault: str) -> None:
    after, what = found_after(fault, seed=0, programs=300, jobs=1)
    assert after, f"300 programs do not show it: {(DERIVATIVES | PASSES)[fault].__doc__}"
    print(f"after {after} programs: {what}")


@pytest.mark.parametrize(("fault", "seed"), [("second", 0), ("parameters", 10), ("branches", 37)])
def test_found_only_by_what_looks_for_it(fault: str, seed: int) -> None:
    """From a seed near the first that shows it: the search from 0 is `python -m tests.fuzz --fault all`."""
    after, what = found_after(fault, seed, programs=40, jobs=1)
    assert after, f"not seen: {HIDDEN[fault].__doc__}"
    print(f"after {after} programs: {what}")
    assert found_after(fault, seed, after, 1, {}) == (0, "")
