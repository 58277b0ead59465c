"""Orders that searches found, for functions that are compiled later in this process."""

from __future__ import annotations

from irad.elimination.graph import Region

__all__ = ["keep", "kept"]

_orders: dict[str, list[int]] = {}


def keep(region: Region, order: list[int]) -> None:
    """Remember an order that is cheaper, in the folded metric, than what is known of the region."""
    before = kept(region)
    if before is None or region.count(order, "folded") < region.count(before, "folded"):
        _orders[region.fingerprint()] = order


def kept(region: Region) -> list[int] | None:
    """The order that was remembered for a region with the same operations."""
    return _orders.get(region.fingerprint())
