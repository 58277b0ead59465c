"""Whether a value depends on another, component by component of what calls, branches and loops give.

`vmap` asks it of results that are to be the same in each trip. What cannot be told apart is taken to depend.
"""

from __future__ import annotations

from irad.graph.nodes import Apply, Constant, Graph, Node, Parameter
from irad.graph.walk import Task, run

__all__ = ["depends"]


def depends(node: Node, on: Node) -> bool:
    """Whether `node` is computed from `on`, a node of the graph that owns it or of one around that."""
    found: set[Node] = run(_Search().sources(node, None))
    return on in found


class _Search:
    """Finds the parameters that values are computed from, one summary for each component of each function's result."""

    def __init__(self) -> None:
        self.known: dict[tuple[Graph, int | None], set[Node]] = {}

    def summary(self, graph: Graph, part: int | None) -> Task:
        """The parameters that a component of a function's result depends on."""
        key = (graph, part)
        if key not in self.known:
            self.known[key] = set(graph.params)  # of a call of itself, and of a graph that is being made
            if hasattr(graph, "output"):
                self.known[key] = yield self.sources(graph.output, part)
        return self.known[key]

    def sources(self, node: Node, part: int | None) -> Task:
        """The parameters that a component of a node (None: any) depends on."""
        found: set[Node] = set()
        owner: dict[Graph, Apply] = {}  # the branch or loop that runs a graph
        seen: set[tuple[Node, int | None]] = set()
        todo: list[tuple[Node, int | None]] = [(node, part)]
        while todo:
            at = n, k = todo.pop()
            if at in seen or isinstance(n, Constant):
                continue
            seen.add(at)
            if isinstance(n, Parameter):
                loop = owner.get(n.graph)
                if loop is None:
                    found.add(n)
                else:
                    todo.append(_before(loop, n))
                continue
            assert isinstance(n, Apply)
            name = n.fn.name
            if name == "getitem" and k is None:
                todo.append((n.args[0], n.static[0]))
            elif name == "make_tuple" and k is not None:
                todo.append((n.args[k], None))
            elif name == "call":
                params = yield self.summary(n.graphs[0], k)
                todo += [(a, None) for a, p in zip(n.args, n.graphs[0].params, strict=True) if p in params]
            elif name in ("cond", "for_loop", "while_loop"):
                owner.update(dict.fromkeys(n.graphs, n))
                todo += _inside(n, k)
            else:
                todo += [(a, None) for a in n.args]
        return found


def _before(loop: Apply, p: Parameter) -> tuple[Node, int | None]:
    """What a parameter of a loop's body stands for: the loop's own component, or its trips."""
    i = p.graph.params.index(p)
    if loop.fn.name == "for_loop":
        return (loop.args[0], None) if i == 0 else (loop, i - 1 if len(p.graph.params) > 2 else None)
    return loop, i if len(p.graph.params) > 1 else None


def _inside(n: Apply, k: int | None) -> list[tuple[Node, int | None]]:
    """What a component of a branch or loop depends on at once."""
    if n.fn.name == "cond":
        return [(n.args[0], None), *((g.output, k) for g in n.graphs)]
    (body,) = n.graphs
    counted = n.fn.name == "for_loop"
    state: tuple[Node, ...] = n.args[1:] if counted else n.args
    out, again = body.output, []
    if counted:
        again = [(n.args[0], None)]
    elif isinstance(out, Apply) and out.fn.name == "make_tuple":
        again, out = [(out.args[0], None)], out.args[1]
    else:
        k = None
    if k is None:
        return [*again, (out, None), *((a, None) for a in state)]
    return [*again, (out, k), (state[k], None)]
