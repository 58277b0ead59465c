"""docs/differences.md: every line of its examples, in Python and compiled; and what needs more than a line."""

import numpy as np
import pytest

import irad
from tests.docs.snippets import ROOT, blocks, check, loaded

CASES = [(b, c) for b in blocks("docs/differences.md") for c in b.claims]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("block", "claim"), CASES, ids=[f"{b.heading}: {c.expression}" for b, c in CASES])
def test_claim(block, claim, tmp_path):
    check(claim, loaded(block, tmp_path))


def same(xs):
    return xs


def twice(xs):
    return xs, xs


def put(xs, x):
    xs[0] = x
    if x < 0:
        raise ValueError(f"{x} is negative")


def total(xs):
    return np.sum(xs)


def running(xs):
    s = 0.0
    for x in xs:
        s = s + x / 3.0
    return s


@pytest.fixture(params=["list", "array"])
def numbers(request):
    return [1.0, 2.0, 3.0] if request.param == "list" else np.array([1.0, 2.0, 3.0])


def test_results_are_copies(numbers):
    result = irad.compile(same)(numbers)
    assert result is not numbers
    assert list(result) == list(numbers)
    result[0] = 7.0
    assert numbers[0] == 1.0
    a, b = irad.compile(twice)(numbers)
    a[0] = 7.0
    assert b[0] == 1.0


def test_arguments_change_after_success_only(numbers):
    irad.compile(put)(numbers, 5.0)
    assert numbers[0] == 5.0
    with pytest.raises(ValueError, match=r"-1\.0 is negative"):
        irad.compile(put)(numbers, -1.0)
    assert numbers[0] == 5.0


@pytest.mark.parametrize("numbers", ["array"], indirect=True)
def test_sums_have_no_order_and_loops_keep_theirs(numbers):
    xs = np.random.default_rng(0).normal(size=1000)
    assert irad.compile(total)(xs) == pytest.approx(total(xs), abs=1e-12)
    assert irad.compile(running)(xs) == running(xs)


def test_every_heading_is_tested():
    above = {"Results never share memory with arguments", "Sums of arrays have no order"}
    tested = above | {b.heading for b, _ in CASES}
    text = (ROOT / "docs" / "differences.md").read_text()
    headings = {line[3:] for line in text.splitlines() if line.startswith("## ")}
    assert headings == tested
