"""Spoiled programs give what CPython gives, or a clean diagnostic: a sample of `python -m tests.diagnostics.mutate`."""

import random

import pytest

from tests.diagnostics.mutate import run, shown
from tests.diagnostics.mutations import mutated
from tests.diagnostics.sources import drawn
from tests.diagnostics.spoiled import examined_source

SOURCES, SEED = 150, 0


def test_spoiled_programs():
    counts, failures = run(SOURCES, SEED)
    assert not failures, shown(failures[0])
    assert counts["refused"] > SOURCES // 10
    assert counts["agrees"] > SOURCES // 10


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_mutations_are_valid_and_repeatable():
    for seed in range(20):
        text = drawn(random.Random(seed)).text
        one, other = (mutated(random.Random(seed), text) for _ in range(2))
        assert one == other != text
        compile(one, "<mutant>", "exec")


def test_failures_are_seen(monkeypatch):
    """What is wrong is called so: a wrong value, a missing error, a traceback of irad's inside."""
    text = "def f(x, n):\n    return {} * (1 // n)\n"
    assert examined_source(text.format("x"), "f(2.0, 1)")[0] == "agrees"
    assert examined_source(text.format("nothing"), "f(2.0, 1)") == ("agrees", "NameError", "")
    unread = "import numpy as np\ndef f(x, n):\n    if x > 0.0:\n        a = np.zeros(2)\n        a[n % 0] = x\n    return {}\n"
    assert examined_source(unread.format("x"), "f(2.0, 1)") == ("agrees", "unread", "")
    from irad.specialize import operators

    monkeypatch.setitem(operators.__dict__, "binary", lambda s, op, x, y: x)
    assert examined_source(text.format("3.0 * x"), "f(2.0, 1)")[0] == "wrong value"
    assert examined_source(text.format("2.0 * x"), "f(2.0, 0)")[0] == "did not raise"
    monkeypatch.setitem(operators.__dict__, "binary", lambda s, op, x, y: x.nothing)
    assert examined_source(text.format("4.0 * x"), "f(2.0, 1)")[0] == "internal"
