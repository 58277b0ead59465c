"""Linearised graphs, whose vertices are eliminated until only the Jacobian is left.

A region is straight-line code, linearised: a vertex for each operation with an active operand, an edge for each operand, which
carries the local partial. Eliminating vertex v adds (i→v)(v→j) to the edge i→j, for each predecessor i and each successor j,
and takes v away. When no vertex is left between inputs and outputs, the edges are the Jacobian. Any order gives the same
Jacobian; the order decides the number of products.

    x, y = Vertex("x"), Vertex("y")
    a = Vertex("a", "mul", ("x", "y"))
    b = Vertex("b", "neg", ("a",))
    region = Region((x, y, a, b), [Edge(0, 2, "y"), Edge(1, 2, "x"), Edge(2, 3, -1.0)], inputs=(0, 1), outputs=(3,))
    region.count("reverse")                          # 2

Griewank & Reese, "On the calculation of Jacobian matrices by the Markowitz rule", 1991; Lohoff & Neftci, "Optimizing Automatic
Differentiation with Deep Reinforcement Learning", 2024, whose counts the paper metric gives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from irad.elimination.annealing import Found

__all__ = ["Algebra", "Edge", "Metric", "Numbers", "Order", "Partial", "Region", "Vertex", "load"]

Partial = object  # a float is a constant; anything else stands for a number that is known at run time only
Metric = Literal["paper", "folded", "operations"]
Order = str | Sequence[int]  # "forward", "reverse", "markowitz", or vertex ids


@dataclass(frozen=True, slots=True)
class Vertex:
    """An input or an operation. `name` is stable: orders are kept by it.

    `op` and `args` (names of vertices, and numbers) say what it computes: `Region.shared` makes vertices that say the same one.
    Without an `op` a vertex is shared with none.
    """

    name: str
    op: str = ""
    args: tuple[str | float, ...] = ()


class Edge(NamedTuple):
    """The partial of vertex `target` by vertex `source`, which stands before it."""

    source: int
    target: int
    partial: Partial


class Algebra(Protocol):
    """How run-time partials are multiplied and added. At most one operand is a constant, which is neither 0 nor 1."""

    def multiply(self, x: Partial, y: Partial) -> Partial: ...

    def add(self, x: Partial, y: Partial) -> Partial: ...


class Numbers:
    """Partials that are numbers (NumPy's, so that they are no constants)."""

    def multiply(self, x: Partial, y: Partial) -> Partial:
        return x * y  # type: ignore[operator]

    def add(self, x: Partial, y: Partial) -> Partial:
        return x + y  # type: ignore[operator]


class Region:
    """A linearised graph. The id of a vertex is its place in `vertices`, which are in program order.

    `inputs` and `outputs` are ids; an output may be read by other vertices, an id may stand among the outputs twice, and an
    input may be an output. Parallel edges add. A copy (reshape, cast) is no vertex: its edges are those of what it copies.
    Edges whose partial is the constant 0 are left out.
    """

    __slots__ = ("edges", "inputs", "outputs", "vertices")

    def __init__(
        self, vertices: Iterable[Vertex], edges: Iterable[Edge], inputs: Iterable[int], outputs: Iterable[int]
    ) -> None:
        self.vertices = tuple(vertices)
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.edges = tuple(e for e in edges if not (is_constant(e.partial) and e.partial == 0.0))
        _check(self)

    @property
    def inner(self) -> tuple[int, ...]:
        """What an order eliminates, in program order: all that is read or made, but inputs, and outputs that nothing reads."""
        read = {e.source for e in self.edges}
        made = {e.target for e in self.edges}
        ends = set(self.outputs)
        return tuple(sorted((read | (made - ends)) - set(self.inputs)))

    def ids(self) -> dict[str, int]:
        """The id of each vertex by its name."""
        return {v.name: i for i, v in enumerate(self.vertices)}

    def fingerprint(self) -> str:
        """Equal for regions with equal names, operations, edges and constants; what an order that was saved is checked by."""
        text = [repr((v.name, v.op, v.args)) for v in self.vertices]
        text += sorted(repr((e.source, e.target, e.partial if is_constant(e.partial) else "v")) for e in self.edges)
        text += [repr(self.inputs), repr(self.outputs)]
        return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]

    def shared(self) -> Region:
        """The region with vertices that compute the same made one. Ids stay; what was shared has no edges left.

        Outputs stay apart, as different numbers of the result.
        """
        ids = self.ids()
        same = list(range(len(self.vertices)))  # the vertex that stands for each
        seen: dict[object, int] = {}
        for i, v in enumerate(self.vertices):
            if v.op and i not in self.inputs and i not in self.outputs:
                key = (v.op, tuple(("vertex", same[ids[a]]) if isinstance(a, str) else ("number", a) for a in v.args))
                same[i] = seen.setdefault(key, i)
        edges = [Edge(same[e.source], e.target, e.partial) for e in self.edges if same[e.target] == e.target]
        return Region(self.vertices, edges, self.inputs, self.outputs)

    def map(self, partial: Callable[[Edge], Partial]) -> Region:
        """The region with other partials: numbers in the place of handles, say."""
        return Region(self.vertices, [e._replace(partial=partial(e)) for e in self.edges], self.inputs, self.outputs)

    def order(self, order: Order, metric: Metric = "paper") -> list[int]:
        """The ids that an order eliminates. Raises ValueError where it leaves some out, or has what is no inner vertex."""
        from irad.elimination import orders  # it is about regions

        return orders.resolve(self, order, metric)

    def count(self, order: Order, metric: Metric = "paper", cse: bool = False) -> int:
        """The products of an order. Raises ValueError where the order or the metric is none.

        "paper": all products, those with constants too. "folded": what remains at run time, where products with ±1 are free,
        and constants are multiplied and added beforehand. "operations": an estimate of the time they take, the folded products
        and the sums that are not done in one instruction with a product. `cse`: of the graph whose equal vertices are shared.
        """
        from irad.elimination import counts

        region = self.shared() if cse else self
        return counts.count(region, region.order(order, metric), metric)

    def eliminate(self, order: Order, algebra: Algebra) -> dict[tuple[int, int], Partial]:
        """The Jacobian by (input, output); entries that are zero for certain are left out.

        Constants are folded here, products with 1 are none: `algebra` does what is left. A number as partial: see `Numbers`.
        """
        sums = _Sums(algebra)
        for e in self.edges:
            sums.put(e.source, e.target, e.partial)
        ends = set(self.outputs)
        for v in self.order(order):
            sources = sums.sources.get(v, {}) if v in ends else sums.sources.pop(v, {})
            targets = sums.targets.pop(v, {})
            for j in targets:
                del sums.sources[j][v]
            for i, x in list(sources.items()):
                for j, y in targets.items():
                    sums.put(i, j, product(algebra, x, y))
                if v not in ends:
                    del sums.targets[i][v]
        entries = {(i, j): sums.targets[i][j] for i in self.inputs for j in ends if j in sums.targets.get(i, {})}
        return entries | {(i, i): 1.0 for i in self.inputs if i in ends}

    def lower_bound(self, metric: Metric = "paper", cse: bool = False) -> int:
        """No order costs less: see `irad.elimination.bounds`, and `exact` for parts that are solved."""
        from irad.elimination import exact

        return sum(part.bound for part in exact.solve_parts(self.shared() if cse else self, metric))

    def search(
        self,
        metric: Metric = "paper",
        cse: bool = False,
        seconds: float | None = None,
        seed: int = 0,
        moves: int | None = None,
        progress: bool = False,
    ) -> Found:
        """The cheapest order found: see `irad.elimination.annealing.search`."""
        from irad.elimination import annealing

        return annealing.search(self, metric, cse, seconds, seed, moves, progress)

    def __repr__(self) -> str:
        return f"Region({len(self.inputs)} inputs, {len(self.outputs)} outputs, {len(self.inner)} vertices to eliminate)"


class _Sums:
    """Edges while vertices are eliminated: parallel ones are added."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.sources: dict[int, dict[int, Partial]] = {}
        self.targets: dict[int, dict[int, Partial]] = {}

    def put(self, i: int, j: int, partial: Partial) -> None:
        sources, targets = self.sources.setdefault(j, {}), self.targets.setdefault(i, {})
        if i in sources:
            partial = total(self.algebra, sources[i], partial)
        if is_constant(partial) and partial == 0.0:
            sources.pop(i, None)
            targets.pop(j, None)
            return
        sources[i] = targets[j] = partial


def is_constant(partial: Partial) -> bool:
    """Whether a partial is known now. NumPy's numbers are not."""
    return type(partial) is float


def product(algebra: Algebra, x: Partial, y: Partial) -> Partial:
    """x times y; constants are folded."""
    if type(x) is float and type(y) is float:
        return x * y
    if type(x) is float and x == 1.0:
        return y
    if type(y) is float and y == 1.0:
        return x
    return algebra.multiply(x, y)


def total(algebra: Algebra, x: Partial, y: Partial) -> Partial:
    """x plus y; constants are folded."""
    if type(x) is float and type(y) is float:
        return x + y
    return algebra.add(x, y)


def load(path: str | Path) -> Region:
    """The region in a JSON file. Raises ValueError where the file does not hold one.

    `vertices` in program order, with `id`, `kind` ("in", "mid", "out"), `op`, `args` ("v3" is vertex 3, a number a literal);
    `edges` are [source, target, label], where "v" is a partial known at run time, a number a constant. Vertex 3 is named "v3".
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return _region(data["vertices"], data["edges"])
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} holds no region: {what}") from error


def _region(vertices: Sequence[Mapping[str, object]], edges: Sequence[tuple[int, int, object]]) -> Region:
    made = []
    for i, v in enumerate(vertices):
        if v["id"] != i or v["kind"] not in ("in", "mid", "out"):
            raise ValueError(f"vertex {i} has id {v['id']!r} and kind {v['kind']!r}")
        made.append(Vertex(f"v{i}", str(v["op"]), tuple(v["args"])))  # type: ignore[arg-type]
    for s, t, label in edges:
        if label != "v" and (isinstance(label, (bool, str)) or not isinstance(label, (int, float))):
            raise ValueError(f"edge {s} → {t} has label {label!r}")
    kinds = {k: [i for i, v in enumerate(vertices) if v["kind"] == k] for k in ("in", "out")}
    partials = [Edge(s, t, label if label == "v" else float(label)) for s, t, label in edges]  # type: ignore[arg-type]
    return Region(made, partials, kinds["in"], kinds["out"])


def _check(region: Region) -> None:
    n = len(region.vertices)
    names = region.ids()
    if len(names) != n:
        raise ValueError("two vertices have one name")
    for i in (*region.inputs, *region.outputs):
        if not 0 <= i < n:
            raise ValueError(f"there is no vertex {i}")
    if len(set(region.inputs)) != len(region.inputs):
        raise ValueError("an input stands there twice")
    for e in region.edges:
        if not 0 <= e.source < e.target < n:
            raise ValueError(f"edge {e.source} → {e.target} does not run forward among {n} vertices")
        if e.target in region.inputs:
            raise ValueError(f"an edge ends in input {region.vertices[e.target].name}")
        if isinstance(e.partial, int):
            raise ValueError(f"edge {e.source} → {e.target} has an int for partial: constants are floats")
    for i, v in enumerate(region.vertices):
        for a in v.args:
            if isinstance(a, str) and names.get(a, n) >= i:
                raise ValueError(f"{v.name} reads {a}, which does not stand before it")
