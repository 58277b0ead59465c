"""How long a trip of a loop takes, about: its operations, or what waits for the trip before, whichever is longer.

    x = x + 0.1 * k * x * (1 - x)        6 operations, of which a processor does several at once; but the next x waits for four

A trip hands its state to the next: the longest chain of operations from state to state, per trip, is what a loop cannot be
faster than (the largest mean weight of a cycle: Karp, 1978; here by a few steps from all states).

Units are those of `Primitive.cost`, about half a nanosecond: functions of the C library set them.
"""

from __future__ import annotations

from collections.abc import Iterable

from irad.graph.nodes import Apply, Graph, Node
from irad.optimize.demand import state_of
from irad.types import Scalar

__all__ = ["operations", "waiting"]

ARITHMETIC = 0.5  # several are done at once
FUNCTION = 0.4  # of the cost of a function: the next call begins before the last one ends
LATENCY = 3.0  # from an operand to a result
DIVISION, DIVISION_LATENCY = 3.0, 10.0  # the same of divisions and square roots
FREE = frozenset({"getitem", "make_tuple", "push", "pop"})
STEPS = 8  # trips in which longest chains settle, and over which they are measured


def operations(nodes: Iterable[Node]) -> float:
    """What operations on numbers cost that do not wait for each other."""
    return sum(_work(n) for n in nodes if isinstance(n, Apply) and not n.graphs and isinstance(n.type, Scalar))


def _work(node: Apply) -> float:
    cost = node.fn.cost
    return ARITHMETIC if cost <= 2 else DIVISION if cost <= 5 else FUNCTION * cost


def _latency(node: Apply) -> float:
    if node.fn.name in FREE:
        return 0.0
    return LATENCY if node.fn.cost <= 2 else max(DIVISION_LATENCY, node.fn.cost)


def waiting(body: Graph, kind: str) -> float:
    """How much longer, a trip, the longest chain through the state of a loop gets."""
    params = body.params[1 if kind == "for_loop" else 0 :]
    state = state_of(body, kind)
    chains = [_chains(body, p, state) for p in params]
    longest = [0.0] * len(params)
    for step in range(2 * STEPS):
        if step == STEPS:
            settled = max(longest, default=0.0)
        longest = [max((t + c[k] for t, c in zip(longest, chains, strict=True)), default=0.0) for k in range(len(params))]
    return max(0.0, max(longest, default=0.0) - settled) / STEPS


def _chains(body: Graph, start: Node, ends: list[Node]) -> list[float]:
    """The longest chain from a node to each of others."""
    at = {start: 0.0}
    for node in body.body:
        before = [at[a] for a in node.args if a in at]
        if before:
            at[node] = max(before) + _latency(node)
    return [at.get(e, float("-inf")) for e in ends]
