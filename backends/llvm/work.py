"""How much a program has to do, roughly, and where it says so: the budget between two looks at the outside.

    for i in range(10): s += x                      quiet: known to be short, part of what is around it
    for i in range(n): s += x                       polls by strips of as many trips as the budget allows
    for i in range(n): for j in range(i): s += x    counts in memory, once a trip of the outer loop

See `polls` for what is emitted. An operation on arrays that may be large counts its elements, and so does a call of a
function that calls itself. Long work gives up the interpreter's lock at once, other work when its first budget is spent.
"""

from __future__ import annotations

from collections.abc import Collection

from irad.graph.nodes import Apply, Constant, Graph, Module
from irad.graph.walk import applies, nested_graphs
from irad.primitives.linalg import LINALG
from irad.primitives.products import PRODUCTS, axes_of
from irad.types import Array

__all__ = ["BUDGET", "Work", "is_long", "trip_cost"]

BUDGET = 1 << 20  # operations between two polls: some 1 ms
LARGE = 1 << 16  # elements
ARRAY_COST = 30  # of making an array, besides its elements
LONG = 20_000  # operations: some 10 µs; giving up the lock and taking it again costs 0.1 µs
AT_ONCE = 8  # multiplications of products, which are done in vectors, count as one operation
UNKNOWN_TRIPS, UNKNOWN_DIM = 10_000, 1000
WHILE_TRIPS = FEW_TRIPS = 10
# Array operations that go through the elements, besides those that are done element by element.
REDUCTIONS = frozenset({"sum", "prod", "max", "min", "any", "all"})
BLOCKS = frozenset({"slice_update", "slice_add"})
WHOLE = REDUCTIONS | BLOCKS | {"slice", "broadcast", "transpose", "iota", "zeros", "list_column"} | PRODUCTS | LINALG


class Work:
    """`cost[g]` are the operations of one run of graph g, but for those that are counted while they run; `counts` has the
    graphs that count some."""

    def __init__(self, functions: list[Graph], recursive: Collection[Graph]) -> None:
        self.recursive = recursive
        self.cost: dict[Graph, int] = {}
        self.counts: set[Graph] = set()
        for function in _callees_first(functions):
            for g in reversed(nested_graphs(function)):
                if g not in self.cost:  # functions nested in this one come by themselves
                    self.cost[g] = sum(map(self._cost, g.body))
                    if g in recursive or any(map(self._counts, g.body)):
                        self.counts.add(g)

    def is_quiet(self, loop: Apply) -> bool:
        """Whether a loop is known to be short and counts nothing inside."""
        (body,) = loop.graphs
        if loop.fn.name != "for_loop" or body in self.counts or not isinstance(loop.args[0], Constant):
            return False
        return int(loop.args[0].value) * self.cost[body] <= BUDGET

    def is_large(self, node: Apply) -> bool:
        """Whether an operation goes through the elements of arrays that may be many."""
        return any(t.static_shape is None or _elements(t) >= LARGE for t in _gone_through(node))

    def _counts(self, node: Apply) -> bool:
        name = node.fn.name
        if name in ("for_loop", "while_loop"):
            return not self.is_quiet(node)
        if node.graphs:
            return any(g in self.counts or g in self.recursive for g in node.graphs)
        return self.is_large(node)

    def _cost(self, node: Apply) -> int:
        inside = [self.cost.get(g, 0) for g in node.graphs]
        if inside:
            return 1 + max(inside) * (int(node.args[0].value) if node.fn.name == "for_loop" and self.is_quiet(node) else 1)  # type: ignore[attr-defined]
        arrays = _gone_through(node)
        if not arrays:
            return node.fn.cost
        return ARRAY_COST + (0 if self.is_large(node) else max(map(_elements, arrays)) * max(node.fn.cost, 1))


def _gone_through(node: Apply) -> list[Array]:
    """The types of the arrays whose elements an operation goes through."""
    name = node.fn.name
    if not node.fn.elementwise and name not in WHOLE:
        return []
    if name in BLOCKS:
        through = node.args[1:2]
    elif name in REDUCTIONS or name in PRODUCTS or name in LINALG or not isinstance(node.type, Array):
        through = node.args
    else:
        return [node.type]
    return [x.type for x in through if isinstance(x.type, Array)]


def _callees_first(functions: list[Graph]) -> list[Graph]:
    calls = {f: [h for n in applies(f) if n.fn.name == "call" for h in n.graphs] for f in functions}
    out: dict[Graph, None] = {}
    for f in functions:
        todo = [(f, iter(calls[f]))]
        open_ = {f}
        while todo:
            _, rest = todo[-1]
            h = next((h for h in rest if h not in out and h not in open_), None)
            if h is None:
                out[todo.pop()[0]] = None
            else:
                open_.add(h)
                todo.append((h, iter(calls[h])))
    return list(out)


def is_long(module: Module) -> bool:
    """Whether a call of a program without recursion is likely to take long: by known trips and sizes, else by guesses."""
    return any(_operations(g) > LONG for top in module.graphs for g in nested_graphs(top) if g.role == "function")


def _operations(function: Graph) -> int:
    """Operations in a function, its loops counted by their trips, its calls as one."""
    inside = [g for g in nested_graphs(function) if g.role != "function"]
    total: dict[Graph, int] = {}
    for g in [*reversed(inside), function]:
        count = 0
        for node in g.body:
            t = node.type
            if node.fn.name in LINALG:
                count += int(max(_elements(a.type) for a in node.args if isinstance(a.type, Array)) ** 1.5)
            elif node.fn.name in PRODUCTS:
                count += _multiplications(node) // AT_ONCE
            elif isinstance(t, Array):
                count += _elements(t)
            elif any(isinstance(a.type, Array) for a in node.args) and node.fn.order == "total":
                count += max(_elements(a.type) for a in node.args if isinstance(a.type, Array))
            else:
                count += 1
            for h in node.graphs:
                count += total.get(h, 0) * _trips(node)
        total[g] = count
    return total[function]


def trip_cost(body: Graph) -> int:
    """What a trip of a loop costs, roughly: little where it is not known."""
    total: dict[Graph, int] = {}
    for g in reversed(nested_graphs(body)):
        count = 1
        for node in g.body:
            once = max(node.fn.cost, 1)
            if node.fn.name in PRODUCTS:
                once = _multiplications(node) // AT_ONCE
            elif isinstance(node.type, Array) and node.type.static_shape is not None and not node.graphs:
                once *= _elements(node.type) if node.fn.elementwise else 1
            trips = node.args[0] if node.fn.name == "for_loop" else None
            times = int(trips.value) if isinstance(trips, Constant) else FEW_TRIPS if "loop" in node.fn.name else 1
            count += once + times * sum(total.get(h, 0) for h in node.graphs)
        total[g] = count
    return total[body]


def _multiplications(product: Apply) -> int:
    """Each element of x with the columns of y."""
    x, y = product.args
    assert isinstance(x.type, Array)
    assert isinstance(y.type, Array)
    columns = [y.type.shape[j] for j in axes_of(x, y, *product.static).columns]
    return _elements(x.type) * _elements(Array(y.type.dtype, columns))


def _trips(node: object) -> int:
    name = node.fn.name  # type: ignore[attr-defined]
    if name == "for_loop":
        trips = node.args[0]  # type: ignore[attr-defined]
        if isinstance(trips, Constant):
            return int(trips.value)
        return WHILE_TRIPS if isinstance(trips, Apply) and trips.fn.name == "stack_size" else UNKNOWN_TRIPS
    return WHILE_TRIPS if name == "while_loop" else 1


def _elements(t: Array) -> int:
    count = 1
    for d in t.shape:
        count *= d if isinstance(d, int) else UNKNOWN_DIM
    return count
