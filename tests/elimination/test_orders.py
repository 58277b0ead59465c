"""Orders as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irad.elimination import Edge, Region, from_text, to_text
from tests.elimination import TASKS, found, graph, task
from tests.elimination.strategies import generated, orders, regions


@generated
@given(st.data())
def test_text_is_read_back(data):
    region = data.draw(regions())
    order = data.draw(orders(region))
    assert from_text(region, to_text(region, order)) == order


def test_an_order_is_of_one_function():
    region = graph("PropaneCombustion")
    text = to_text(region, "reverse")
    assert from_text(graph("PropaneCombustion"), text) == region.order("reverse")
    other = region.map(lambda e: 41.0 if e.partial == 40.0 else e.partial)
    with pytest.raises(ValueError, match="another function"):
        from_text(other, text)
    with pytest.raises(ValueError, match="another function"):
        from_text(Region(region.vertices, region.edges[1:], region.inputs, region.outputs), text)
    moved = Region(region.vertices, [*region.edges[1:], region.edges[0]], region.inputs, region.outputs)
    assert from_text(moved, text) == region.order("reverse")
    assert isinstance(region.edges[0], Edge)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "v1\nv2\n", "no order"),
        (lambda t: t + "v999\n", "'v999'"),
        (lambda t: t + t.splitlines()[1] + "\n", "twice"),
        (lambda t: "\n".join(t.splitlines()[:-1]), "leaves out"),
        (lambda t: t + "v0\n", "no vertex that can be eliminated"),
    ],
)
def test_text_that_is_no_order_is_refused(change, message):
    region = graph("PropaneCombustion")
    with pytest.raises(ValueError, match=message):
        from_text(region, change(to_text(region, "forward")))


@pytest.mark.parametrize("metric", ["paper", "folded"])
@pytest.mark.parametrize("name", TASKS)
def test_orders_that_were_kept_are_read_and_cheap(name, metric):
    region = task(name, metric)
    standard = min(region.count(order, metric) for order in ("forward", "reverse", "markowitz"))
    assert region.lower_bound(metric) <= region.count(found(name, metric), metric) <= standard
