"""Each seeded fault is found: five wrong derivative rules and five wrong passes, within 300 programs.

The search for a fault ends with the first program that shows it.
"""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import found_after
from tests.fuzz.faults import DERIVATIVES, FAULTS, PASSES


def test_there_are_ten() -> None:
    assert len(DERIVATIVES) == len(PASSES) == 5


@pytest.mark.parametrize("fault", FAULTS)
def test_found(fault: str) -> None:
    after, what = found_after(fault, seed=0, programs=300, jobs=1)
    assert after, f"300 programs do not show it: {FAULTS[fault].__doc__}"
    print(f"after {after} programs: {what}")
