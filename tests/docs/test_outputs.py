"""Outputs shown in README.md and ARCHITECTURE.md are real; `python -m tests.docs.outputs --update` rewrites them."""

import pytest

from tests.docs.outputs import PAGES, stale


@pytest.mark.parametrize("page", PAGES)
def test_outputs_are_real(page):
    diff = stale(page)
    assert not diff, f"{diff}\npython -m tests.docs.outputs --update"
