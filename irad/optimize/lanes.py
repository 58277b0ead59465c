"""Loops of which several trips may run at once, in lanes, when the small arrays in their bodies are numbers.

    for i in range(n): total += np.sum(f(x[i]) * w)     w: f64[3,6]     18 products and 17 sums, of 8 points at once

In lanes an operation costs the same whatever the array was that it is an element of, so that arrays there may be larger than
elsewhere, and no vector instruction does better on one of them. The backend looks again, at what has become of the loop: those
that only move large arrays do not run in lanes, and keep them.
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import all_graphs, nested_graphs
from irad.nests.trips import arrays_apart, is_number, is_test
from irad.optimize.elements import MOST_ELEMENTS, MOST_IN_LANES, has_elements, size, small, work
from irad.primitives.products import PRODUCTS
from irad.primitives.table import CHECKED
from irad.types import Array, Scalar

__all__ = ["lane_loops"]

LEAST_TRIPS = 8
FAR = 2  # operations that make up for an element that is apart from the next trip's
GROWTH = 2_000  # operations on elements that the body of one loop may get
PLAIN = frozenset({"getitem", "make_tuple", "make_record", "push", "pop", "empty_stack", "index", "index_update", "index_add"})
BLOCKS = frozenset({"slice", "slice_update", "slice_add"})
COMPUTE = frozenset({"sum", "prod", "max", "min", "any", "all", *PRODUCTS})
ADDS = frozenset({"add", "index_add", "slice_add"})


def lane_loops(module: Module) -> set[Apply]:
    """The outermost loops that may run in lanes, and in which there are arrays to begin with."""
    out: set[Apply] = set()
    inside: set[Graph] = set()
    for g in all_graphs(module):
        if g.parent in inside:
            inside.add(g)
            continue
        for node in g.body:
            if node.fn.name == "for_loop" and _may_run_in_lanes(node):
                out.add(node)
                inside.update(node.graphs)
    return out


def _may_run_in_lanes(loop: Apply) -> bool:
    (body,) = loop.graphs
    if body.parent is not loop.graph or (isinstance(loop.args[0], Constant) and loop.args[0].value < LEAST_TRIPS):
        return False
    nodes = [n for g in nested_graphs(body) for n in g.body]
    arrays = [n for n in nodes if _works_on_an_array(n)]
    if not arrays or not all(map(_is_plain, nodes)) or sum(work(n) for n in arrays if n.fn.name not in BLOCKS) > GROWTH:
        return False
    if not all(_is_small(n, MOST_ELEMENTS) for n in arrays) and not _pays(nodes):
        return False
    users: dict[Node, list[Apply]] = {}
    for n in nodes:
        for a in n.args:
            users.setdefault(a, []).append(n)
    return all(_is_shared_well(loop, k, users) for k in range(len(body.params) - 1))


def _is_small(node: Apply, most: int) -> bool:
    """Whether what an operation makes, or puts into another array, has so few elements."""
    t = node.args[1].type if node.fn.name in ("slice_update", "slice_add") else node.type
    return not isinstance(t, Array) or small(t, most)


def _pays(nodes: list[Apply]) -> bool:
    """Whether a trip does enough for what it reads and writes apart from the next trip's, so that it would run in lanes; what
    loops inside do is not counted, but enough. Vectors along a large array are better than its elements one by one."""
    done = far = 0
    for n in nodes:
        if n.fn.name == "for_loop":
            return True
        if n.fn.name in BLOCKS:
            far += size(n.type if n.fn.name == "slice" else n.args[1].type)
        elif n.fn.name in PLAIN:
            far += n.fn.name.startswith("index") and n.args[0].type.rank > 1  # type: ignore[attr-defined]
        elif n.fn.elementwise or n.fn.name in COMPUTE:
            done += work(n) * max(n.fn.cost, 1) if _works_on_an_array(n) else max(n.fn.cost, 1)
    return done >= FAR * far


def _works_on_an_array(node: Apply) -> bool:
    return not node.graphs and node.fn.name not in PLAIN and any(isinstance(x.type, Array) for x in (node, *node.args))


def _is_plain(node: Apply) -> bool:
    """Whether an operation becomes operations on numbers that cannot fail, but for their places in arrays."""
    name = node.fn.name
    if name in PLAIN or (is_test(node) and node.graph is not None and node.graph.role == "loop"):
        return True
    if node.graphs:
        return name in ("for_loop", "cond") and all(g.parent is node.graph for g in node.graphs)
    if name in BLOCKS:
        return _is_small(node, MOST_IN_LANES)
    if not any(isinstance(x.type, Array) for x in (node, *node.args)):
        return is_number(node)
    fails = node.fn.elementwise and node.fn.order == CHECKED and node.type.dtype.kind != "f"  # type: ignore[attr-defined]
    return has_elements(node, MOST_IN_LANES) and not fails


def _is_shared_well(loop: Apply, k: int, users: dict[Node, list[Apply]]) -> bool:
    """Whether of what a loop carries each trip has elements of its own, or all trips only add to it."""
    t = loop.graphs[0].params[1 + k].type
    if isinstance(t, Array) and arrays_apart(loop, [k]) is not None:
        return True
    return isinstance(t, (Array, Scalar)) and _only_adds(loop, k, users)


def _only_adds(loop: Apply, k: int, users: dict[Node, list[Apply]]) -> bool:
    (body,) = loop.graphs
    several = len(body.params) > 2
    made = body.output.args[k] if several and isinstance(body.output, Apply) else body.output
    node: Node = body.params[1 + k]
    while node is not made:
        read = users.get(node, [])
        if len(read) != 1:
            return False
        (user,) = read
        if user.fn.name in ADDS:
            node = user
            continue
        if user.fn.name != "for_loop" or user.args[0] is node:
            return False
        inner = user.args[1:].index(node)
        if not _only_adds(user, inner, users):
            return False
        found = [user] if len(user.args) == 2 else [u for u in users.get(user, []) if u.static[0] == inner]
        if len(found) != 1:
            return False
        (node,) = found
    return users.get(node, []) in ([], [body.output])
