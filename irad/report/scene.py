"""What a drawing of a module shows: for each graph its boxes and the values that pass between them.

Tuples are seen through: who takes one apart is joined to whoever made the part. Constants stand in the boxes of their
users, loops and branches are boxes around the drawings of their graphs. A graph too large to read is drawn in pieces.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from irad.errors import Span
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.text import constant_text, fact_text, printed
from irad.graph.walk import all_graphs, captured, nested_graphs
from irad.types import Scalar

__all__ = ["MOST", "Box", "Scene", "scenes"]

MOST = 400  # operations drawn one by one
DEEPEST = 8  # graphs in graphs
PIECES = 60  # of a graph too large to be drawn
LABEL = 34  # characters
SEEN_THROUGH = frozenset({"make_tuple", "make_record", "getitem"})

Value = tuple[Node, int]  # what a node makes; of one that makes several, which


@dataclass(slots=True, eq=False)
class Box:
    """kind: parameter, captured, operation, derivative, effect, control, piece or return; graphs: drawn inside."""

    kind: str
    label: str
    title: str = ""
    span: Span | None = None
    inputs: list[Value] = field(default_factory=list)
    graphs: list[tuple[str, Graph]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Scene:
    """A graph as boxes in an order in which values go forwards; `makers`: the box of each node. The first `tops` of them
    stand on top."""

    graph: Graph
    boxes: list[Box]
    makers: dict[Node, int]
    tops: int


def scenes(module: Module) -> tuple[list[Graph], dict[Graph, Scene], int, int]:
    """The functions to draw, a scene of each graph that is drawn, and how many operations are drawn, of how many."""
    lines, names = printed(module)
    texts = {line.node: line.code.strip() for line in lines if line.node is not None}
    size = {g: sum(n.fn.name not in SEEN_THROUGH for n in g.body) for g in all_graphs(module)}
    functions: list[Graph] = []
    found: dict[Graph, Scene] = {}
    drawn = 0
    for top in module.graphs:
        if drawn >= MOST:
            break
        functions.append(top)
        level, depth = [top], 0
        while level and depth < DEEPEST:
            shown = [g for g in level if g is top or drawn + size[g] <= MOST]
            for g in shown:
                whole = drawn + size[g] <= MOST
                found[g] = _Make(g, texts, names, whole).scene
                drawn += size[g] if whole else 0
            level = [h for g in shown for b in found[g].boxes for _, h in b.graphs]
            depth += 1
    for scene in found.values():
        for box in scene.boxes:
            closed = [g for _, g in box.graphs if g not in found]
            if closed:
                box.graphs = [(label, g) for label, g in box.graphs if g in found]
                count = sum(size[h] for g in closed for h in nested_graphs(g))
                box.label += f"  [{_count(count)}]"
    return functions, found, drawn, sum(size.values())


def _count(n: int) -> str:
    return f"{n} operation{'s' * (n != 1)}"


class _Make:
    def __init__(self, graph: Graph, texts: dict[Any, str], names: dict[Node, str], whole: bool) -> None:
        self.texts, self.names = texts, names
        self.values: dict[Node, list[Value]] = {}
        self.scene = Scene(graph, [], {}, 0)
        for p in graph.params[_unread_index(graph) :]:
            self.add(Box("parameter", self.named(p), f"{names[p]}: {p.type}", graph.span), p)
        for n in captured(graph) if graph.parent is not None else ():
            if n not in self.scene.makers:
                self.add(Box("captured", self.named(n), f"captured: {self.text(n)}", n.span), n)
        self.scene.tops = len(self.scene.boxes)
        if whole:
            for node in graph.body:
                if node.fn.name not in SEEN_THROUGH:
                    self.add(self.box(node), node)
        else:
            self.pieces(graph)
        out = graph.output
        label = f"return {_constant(out)}" if isinstance(out, Constant) else "return"
        self.add(Box("return", label, f"return: {out.type}", out.span, self.sources([out])))

    def add(self, box: Box, *nodes: Node) -> None:
        for n in nodes:
            self.scene.makers[n] = len(self.scene.boxes)
        self.scene.boxes.append(box)

    def text(self, node: Node) -> str:
        return self.texts.get(node) or f"{self.names.get(node, '')}: {node.type}"

    def named(self, node: Node) -> str:
        """The name in the text; a number keeps its %."""
        name = self.names.get(node, "?")
        return _short(name if node.name is None else name.removeprefix("%"))

    def box(self, node: Apply) -> Box:
        own = [(_role(node, k), g) for k, g in enumerate(node.graphs) if g.parent is node.graph and g.role != "function"]
        inputs = self.sources(node.args)
        for _, g in own:
            inputs += [v for n in captured(g) for v in self.sources([n])]
        kind = "control" if own else "effect" if node.fn.order == "effect" else "derivative" if node.adjoint else "operation"
        label = _label(node)
        if node.fn.name == "for_loop":
            trips = node.args[0]
            label = f"for_loop, {_constant(trips) if isinstance(trips, Constant) else self.named(trips)} trips"
        if node.name is not None:
            label = f"{self.named(node)} = {label}"
        return Box(kind, _short(label), self.text(node), node.span, list(dict.fromkeys(inputs)), own)

    def sources(self, nodes: list[Node] | tuple[Node, ...]) -> list[Value]:
        """The values that nodes are, with tuples seen through."""
        return list(dict.fromkeys(v for n in nodes for v in self.source(n)))

    def source(self, node: Node) -> list[Value]:
        """Iteratively: tuples of tuples may be deep."""
        todo = [node]
        while todo:
            n = todo[-1]
            if n in self.values:
                todo.pop()
                continue
            through = isinstance(n, Apply) and n.fn.name in SEEN_THROUGH and n not in self.scene.makers
            missing = [a for a in n.args if a not in self.values] if through else []  # type: ignore[attr-defined]
            if missing:
                todo += missing
                continue
            todo.pop()
            if isinstance(n, Constant):
                self.values[n] = []
            elif not through:
                self.values[n] = [(n, 0)]
            elif n.fn.name == "getitem":  # type: ignore[attr-defined]
                (whole,) = n.args  # type: ignore[attr-defined]
                one = self.values[whole]
                index = n.static[0]  # type: ignore[attr-defined]
                direct = one == [(whole, 0)] and isinstance(whole, Apply)
                self.values[n] = [(whole, index)] if direct and isinstance(index, int) else one
            else:
                self.values[n] = list(dict.fromkeys(v for a in n.args for v in self.values[a]))  # type: ignore[attr-defined]
        return self.values[node]

    def pieces(self, graph: Graph) -> None:
        """The operations in runs, each of one line of the source where it is not too short."""
        nodes = [n for n in graph.body if n.fn.name not in SEEN_THROUGH]
        least = -(-len(nodes) // PIECES)
        runs: list[list[Apply]] = []
        for n in nodes:
            same = runs and runs[-1][-1].span is not None and n.span is not None and runs[-1][-1].span.line == n.span.line
            if runs and (same or len(runs[-1]) < least) and len(runs[-1]) < 4 * least:
                runs[-1].append(n)
            else:
                runs.append([n])
        for run in runs:
            inside = set(run)
            counts = Counter(n.fn.name for n in run)
            common = ", ".join(f"{name} {k}" for name, k in counts.most_common(3))
            nested = [h for n in run for g in n.graphs if g.parent is graph for h in nested_graphs(g)]
            total = len(run) + sum(len(h.body) for h in nested)
            inputs = [v for n in run for v in self.box(n).inputs if v[0] not in inside]
            title = "\n".join(f"{k} {name}" for name, k in counts.most_common())
            box = Box("piece", f"{_count(total)}: {common}"[:LABEL], title, run[0].span, list(dict.fromkeys(inputs)))
            self.add(box, *run)


def _role(node: Apply, k: int) -> str:
    return ("then", "else")[k] if node.fn.name == "cond" else "each trip"


def _unread_index(graph: Graph) -> int:
    """1 where the first parameter is the number of the trip, and nobody reads it."""
    index = graph.params[0] if graph.params and graph.role == "loop" else None
    read = index is None or any(a is index for g in nested_graphs(graph) for n in g.body for a in n.args)
    return 0 if read or index is graph.output else 1


def _label(node: Apply) -> str:
    """The operation with its constants, and its functions by name: `mul(·, 0.1)`, `@f`, `sum axis=0`."""
    functions = [f"@{g.name}" for g in node.graphs if g.role == "function"]
    if node.fn.name == "call":
        text = functions[0]
    elif any(isinstance(a, Constant) for a in node.args) and len(node.args) <= 3:
        shown = [_constant(a) if isinstance(a, Constant) else "·" for a in node.args]
        text = f"{node.fn.name}({', '.join(shown)})"
    else:
        text = " ".join([node.fn.name, *functions])
    for key, value in node.facts().items():
        fact = f" {key}={fact_text(value)}"
        if key != "of" and len(fact) <= 14:
            text += fact
    return text


def _constant(node: Constant) -> str:
    text, prefix = constant_text(node), f"{node.type}("
    return _short(text[len(prefix) : -1] if isinstance(node.type, Scalar) and text.startswith(prefix) else text, 12)


def _short(text: str, most: int = LABEL) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
