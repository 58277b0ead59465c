"""When blocks are retained and released: each managed value has one owner, a graph; its last use there moves it, or is
followed by a release. Uses before the last that consume it retain it first.

A branch adopts what it is the last to use, so that an update in a branch happens in place; a loop body borrows what it
captures and owns its state. Counting follows Reinking, Xie, de Moura, Leijen, "Perceus", 2021.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from irad.backends.llvm.layout import flat, managed, offsets

from irad.graph.nodes import Apply, Constant, Graph, Node
from irad.graph.walk import captured, nested_graphs
from irad.nests.statements import given_up, is_view, reads_in_place
from irad.types import Struct

__all__ = ["Plan", "Ref", "canonical", "is_alias", "keeps_counts", "plan", "refs"]

Ref = tuple[Node, int]  # a managed operand: the node that makes it, and its index among the node's operands

ALIASES = frozenset({"make_tuple", "make_record", "getitem"})
# What a primitive does with its managed arguments, where it does not only read them.
CONSUMES = frozenset(
    {"push", "pop", "pop_zero", "call", "for_loop", "while_loop", "inject", "project", "project_zero", "add_sum"}
)
# Those that take over their first argument only: it becomes the result.
UPDATES = frozenset(
    {
        "index_update",
        "index_add",
        "slice_update",
        "slice_add",
        "reshape",
        "retype",
        "list_append",
        "list_update",
        "list_add",
        "list_clear",
        "list_take",
        "list_pop",
        "list_plus",
    }
)
NEW = frozenset({"zeros", "index_update", "index_add", "slice_update", "slice_add"})  # their result has one owner
END = 1 << 60


def is_alias(node: Node) -> bool:
    return node.__class__ is Apply and node.fn.name in ALIASES


def canonical(node: Node, i: int) -> Ref:
    """The operand that operand i of `node` is."""
    while node.__class__ is Apply and node.fn.name in ALIASES:
        if node.fn.name == "getitem":
            (x,) = node.args
            assert isinstance(x.type, Struct)
            node, i = x, i + offsets(x.type)[node.static[0]]  # type: ignore[attr-defined]
        else:
            for a in node.args:
                n = len(flat(a.type))
                if i < n:
                    node = a
                    break
                i -= n
    return node, i


def refs(node: Node, virtual: Container[Node] = ()) -> list[Ref]:
    """The managed operands of a node, constants left out; of a virtual array, those that it is computed from."""
    out = []
    if node in virtual:
        for a in node.args:  # type: ignore[attr-defined]
            out += refs(a, virtual)
        return out
    for i in managed(node.type):
        r = canonical(node, i)
        if r[0].__class__ is not Constant:
            out.append(r)
    return out


@dataclass(slots=True)
class Plan:
    """retain[p], release[p]: before and after operation p; adopted[g]: what a branch takes over; first: to release at once;
    end: to retain before the graph's output leaves it."""

    retain: dict[int, list[Ref]] = field(default_factory=dict)
    release: dict[int, list[Ref]] = field(default_factory=dict)
    adopted: dict[Graph, dict[Ref, None]] = field(default_factory=dict)
    first: list[Ref] = field(default_factory=list)
    end: list[Ref] = field(default_factory=list)
    moved: set[tuple[int, Ref]] = field(default_factory=set)
    alone: set[Node] = field(default_factory=set)  # arrays made here that nobody else has where they are given up
    local: set[Ref] = field(default_factory=set)  # what is made here, only read, and released here


def find_virtual(graph: Graph) -> set[Node]:
    """The views of a graph that are never stored: all that read them do so where they lie."""
    views = [n for n in graph.body if is_view(n) and n.fn.name != "reshape"]
    if not views:
        return set()
    given = given_up(graph)
    stored: set[Node] = {graph.output}
    read: set[Node] = set()
    for node in reversed(graph.body):
        for g in node.graphs:
            stored |= _captured(g, graph) if g.parent is graph else set()
        read.update(node.args)
        whole = is_view(node) and node in stored
        stored.update(a for k, a in enumerate(node.args) if whole or not reads_in_place(node, k, given))
    return read.intersection(views) - stored


def _captured(graph: Graph, outer: Graph) -> set[Node]:
    return {n for n in captured(graph) if n.graph is outer}


class Captures:
    """The managed operands that nested graphs take from outside, computed once."""

    def __init__(self) -> None:
        self._found: dict[Graph, dict[Ref, None]] = {}  # in the order of use: the text must not depend on addresses
        self._virtual: dict[Graph, set[Node]] = {}

    def virtual(self, graph: Graph) -> set[Node]:
        """The array operations of a graph that are computed where they are read."""
        found = self._virtual.get(graph)
        if found is None:
            found = self._virtual[graph] = find_virtual(graph)
        return found

    def of(self, graph: Graph) -> dict[Ref, None]:
        found = self._found.get(graph)
        if found is None:
            found = {}
            virtual = self.virtual(graph)
            for node in graph.body:
                if not is_alias(node):
                    for a in node.args:
                        found.update((r, None) for r in refs(a, virtual) if r[0].graph is not graph)
                for g in node.graphs:
                    if node.fn.name != "call":
                        found.update((r, None) for r in self.of(g) if r[0].graph is not graph)
            found.update((r, None) for r in refs(graph.output) if r[0].graph is not graph)
            self._found[graph] = found
        return found


def _is_new(x: Node, graph: Graph) -> bool:
    """Whether a node makes an array that nobody else has, in its own graph."""
    return isinstance(x, Apply) and x.graph is graph and x.fn.name in NEW


def _keeps(node: Apply) -> bool:
    """Whether graphs inside of a node may do with what they capture other things than read it."""
    return bool(node.graphs) and node.fn.name not in ("fused", "call")


def plan(graph: Graph, owned: Iterable[Ref], captures: Captures) -> Plan:
    """The plan of one graph that owns its parameters and `owned` from outside."""
    p = Plan()
    uses: dict[Ref, list[tuple[int, bool]]] = {}  # position, consumed
    mine: dict[Ref, None] = dict.fromkeys(owned)
    for param in graph.params:
        mine.update(dict.fromkeys(refs(param)))
    virtual = captures.virtual(graph)
    for i, node in enumerate(graph.body):
        if is_alias(node) or node in virtual:
            continue
        consumes = node.fn.name in CONSUMES
        for k, a in enumerate(node.args):
            for r in refs(a, virtual):
                uses.setdefault(r, []).append((i, consumes or (k == 0 and node.fn.name in UPDATES)))
        if node.fn.name != "call":
            for g in node.graphs:
                for r in captures.of(g):
                    uses.setdefault(r, []).append((i, False))
        mine.update(((node, k), None) for k in managed(node.type))
    for r in refs(graph.output):
        uses.setdefault(r, []).append((END, True))
    made_at = {node: i for i, node in enumerate(graph.body)}
    for r in mine:
        if r not in uses:
            if r[0].graph is graph and r[0] in made_at:
                p.release.setdefault(made_at[r[0]], []).append(r)
                p.local.add(r)
            else:
                p.first.append(r)
    for r, places in uses.items():
        own = r in mine
        last = places[-1][0]
        at_last = [c for i, c in places if i == last]
        last_node = graph.body[last] if last != END else None
        for i, consumed in places:
            if consumed and (not own or i != last):
                (p.end if i == END else p.retain.setdefault(i, [])).append(r)
        if not own:
            continue
        if r[0] in made_at and not any(consumed or _keeps(graph.body[i]) for i, consumed in places):
            p.local.add(r)
        consuming = sum(at_last)
        for _ in range(consuming - 1):
            (p.end if last == END else p.retain.setdefault(last, [])).append(r)
        borrowed = len(at_last) - consuming
        if consuming and borrowed:  # consumed and read by one operation
            p.retain.setdefault(last, []).append(r)
            p.release.setdefault(last, []).append(r)
        elif consuming:
            p.moved.add((last, r))
            before = places[:-1]  # an operation that reads it leaves its count as it is; one with graphs may not
            if _is_new(r[0], graph) and not any(c or i == last or graph.body[i].graphs for i, c in before):
                p.alone.add(r[0])
        elif last_node is not None and last_node.fn.name == "cond":
            for g in last_node.graphs:
                p.adopted.setdefault(g, {})[r] = None
        else:
            p.release.setdefault(last, []).append(r)
    return p


def keeps_counts(body: Graph, captures: Captures, without: Container[Node]) -> bool:
    """Whether a loop's body leaves the counts of all blocks as they are that it takes from outside; those in `without` have
    none."""
    inside = set(nested_graphs(body))
    todo: list[tuple[Graph, Iterable[Ref]]] = [(body, ())]
    while todo:
        graph, owned = todo.pop()
        p = plan(graph, owned, captures)
        changed = [p.first, p.end, *p.retain.values(), *p.release.values()]
        if any(r[0].graph not in inside and r[0] not in without for found in changed for r in found):
            return False
        for node in graph.body:
            if node.fn.name not in ("call", "fused"):
                todo += [(g, p.adopted.get(g, ()) if node.fn.name == "cond" else ()) for g in node.graphs]
    return True
