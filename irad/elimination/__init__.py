"""Jacobians by elimination: linearised regions, what an order of elimination costs, and the search for the cheapest."""

from irad.elimination.graph import Algebra, Edge, Numbers, Region, Vertex, load
from irad.elimination.orders import from_text, to_text
from irad.elimination.traced import explain, region, search

__all__ = ["Algebra", "Edge", "Numbers", "Region", "Vertex", "explain", "from_text", "load", "region", "search", "to_text"]
