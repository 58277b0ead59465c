"""A sample of `python -m tests.elimination.fuzz`."""

from collections import Counter

import pytest

import irad.transforms.elimination as elimination
from tests.elimination.fuzz import examined
from tests.elimination.programs import KINDS


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
@pytest.mark.parametrize("kind", KINDS)
def test_random_orders_give_the_jacobian(kind, backend):
    for seed in range(8):
        assert not examined(seed, kind, backend, Counter())


def test_places_without_a_form_end():
    """Of two Jacobians the larger is the one that must be made dense."""
    assert not examined(20360, "large", "interpreter", Counter())


def test_a_wrong_partial_is_found(monkeypatch):
    right = elimination.local_partial

    def wrong(b, node, i):
        p = right(b, node, i)
        return b.neg(p) if p is not None and node.fn.name == "mul" else p

    monkeypatch.setattr(elimination, "local_partial", wrong)
    assert sum(bool(examined(seed, "numbers", "interpreter", Counter())) for seed in range(100, 108)) > 4
