"""Which forward loop pushes, once a trip, what which reverse loop pops.

    %9 = for_loop(%n, @loop, %x, %empty)         @loop:   ...; %s = push(%stack, (p, q)); return (.., %s)
    %22 = for_loop(%n, @loop_1, %ct, %10)        @loop_1: %11 = pop(%stack_1); ...

Nobody else has the stack, and it begins empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from irad.graph.nodes import Apply, Graph
from irad.optimize.demand import state_of
from irad.optimize.stacks import Stacks

__all__ = ["Pair", "find_pairs"]


@dataclass(slots=True, eq=False)
class Pair:
    """A forward loop, and the reverse loop that consumes its stack."""

    forward: Apply
    reverse: Apply
    empty: Apply
    push: Apply
    pop: Apply
    item: Apply  # the tuple that is pushed
    reads: dict[Apply, int]  # in the reverse body: which item of the tuple each node is

    @property
    def body(self) -> Graph:
        return self.forward.graphs[0]

    @property
    def reverse_body(self) -> Graph:
        return self.reverse.graphs[0]


P = TypeVar("P", bound=Pair)


def find_pairs(stacks: Stacks, make: Callable[..., P]) -> list[P]:
    """The pairs of a module; inner loops first."""
    found = []
    for slot, pushes in stacks.sites["push"].items():
        pops, empties = stacks.sites["pop"].get(slot, ()), stacks.sites["empty_stack"].get(slot, ())
        if slot not in stacks.lost and len(pushes) == len(pops) == len(empties) == 1:
            p = _pair(stacks, pushes[0], pops[0], empties[0], make)
            if p is not None:
                found.append(p)
    return sorted(found, key=lambda p: -sum(1 for _ in p.body.path()))


def _pair(stacks: Stacks, push: Apply, pop: Apply, empty: Apply, make: Callable[..., P]) -> P | None:
    forward, reverse = stacks.owner.get(push.graph), stacks.owner.get(pop.graph)
    if forward is None or reverse is None or forward.fn.name not in ("for_loop", "while_loop") or reverse.fn.name != "for_loop":
        return None
    body, param, top = push.graph, push.args[0], pop.args[0]
    if (
        param not in body.params
        or len(stacks.uses[param]) != 1
        or top not in reverse.graphs[0].params
        or len(stacks.uses[top]) != 1
    ):
        return None
    first = 1 if forward.fn.name == "for_loop" else 0
    k = body.params.index(param) - first
    if state_of(body, forward.fn.name)[k] is not push or forward.args[first + k] is not empty:
        return None
    item = push.args[1]
    if (
        len(stacks.uses.get(push, ())) > 1
        or len(stacks.uses[empty]) != 1
        or not (isinstance(item, Apply) and item.fn.name == "make_tuple")
    ):
        return None
    reads = _reads(pop, stacks)
    return None if reads is None else make(forward, reverse, empty, push, pop, item, reads)


def _reads(pop: Apply, stacks: Stacks) -> dict[Apply, int] | None:
    """The nodes that take the popped tuple apart; None where it is used in another way."""
    out: dict[Apply, int] = {}
    for part, _ in stacks.uses.get(pop, ()):
        if part.fn.name != "getitem" or part in stacks.outputs:
            return None
        if part.static[0] == 0:
            for read, _ in stacks.uses.get(part, ()):
                if read.fn.name != "getitem":
                    return None
                out[read] = read.static[0]
    return out
