"""Orders of elimination: the standard ones, and orders as text.

The text names vertices, one a line, below the fingerprint of the region that it is for:

    irad elimination order of 5f0c1b2a9d3e4f67
    v13
    v87
"""

from __future__ import annotations

from irad.elimination import counts
from irad.elimination.graph import Metric, Order, Region

__all__ = ["from_text", "resolve", "to_text"]

_HEAD = "irad elimination order of "


def resolve(region: Region, order: Order, metric: Metric) -> list[int]:
    """The ids that an order eliminates.

    "forward" and "reverse" are program order and its reverse, "markowitz" takes the cheapest vertex at each step, by the
    metric, of equal ones that with the lowest id. A list must have each inner vertex once; others that are no inputs (they were
    shared, say) are left out. Raises ValueError.
    """
    inner = region.inner
    if isinstance(order, str):
        if order == "forward":
            return list(inner)
        if order == "reverse":
            return list(reversed(inner))
        if order == "markowitz":
            return counts.markowitz(region, metric)
        raise ValueError(f"there is no order {order!r}: 'forward', 'reverse', 'markowitz', or a list of vertex ids")
    given = list(order)
    if len(set(given)) != len(given):
        raise ValueError("an order has a vertex twice")
    for v in given:
        if not 0 <= v < len(region.vertices) or v in region.inputs:
            raise ValueError(f"an order has {v!r}, which is no vertex that can be eliminated")
    if missing := set(inner) - set(given):
        raise ValueError(f"an order leaves out {', '.join(region.vertices[v].name for v in sorted(missing))}")
    inside = set(inner)
    return [v for v in given if v in inside]


def to_text(region: Region, order: Order) -> str:
    """An order as text, which `from_text` reads for the same region."""
    names = [region.vertices[v].name for v in region.order(order)]
    return "\n".join([_HEAD + region.fingerprint(), *names, ""])


def from_text(region: Region, text: str) -> list[int]:
    """The order in a text. Raises ValueError where it is none, or is of another region."""
    head, *names = text.splitlines()
    if not head.startswith(_HEAD):
        raise ValueError("the text is no order of elimination")
    if head.removeprefix(_HEAD) != region.fingerprint():
        raise ValueError("the order is of another function: its operations or constants were others")
    ids = region.ids()
    if unknown := [n for n in names if n not in ids]:
        raise ValueError(f"the order has {unknown[0]!r}, which the region has not")
    return region.order([ids[n] for n in names])
