"""Elimination itself: every order gives the Jacobian, in as many products as are counted."""

import itertools
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irad.elimination import Edge, Numbers, Region, Vertex, load
from tests.elimination import PUBLISHED, TASKS, graph
from tests.elimination.strategies import generated, orders, regions

STANDARD = ("forward", "reverse", "markowitz")
# Lohoff & Neftci (2024), and what a compiler executes: forward, reverse, Markowitz
PAPER = {
    "RoeFlux_1d": (620, 364, 407),
    "RobotArm_6DOF": (397, 301, 288),
    "HumanHeartDipole": (240, 172, 194),
    "PropaneCombustion": (151, 90, 111),
    "RandomFunction_g": (632, 566, 451),
    "BlackScholesJacobian": (513, 453, 350),
}
FOLDED = {
    "RoeFlux_1d": (288, 203, 277),
    "RobotArm_6DOF": (159, 186, 138),
    "HumanHeartDipole": (48, 52, 48),
    "PropaneCombustion": (26, 26, 24),
    "RandomFunction_g": (442, 334, 370),
    "BlackScholesJacobian": (322, 306, 258),
}


class Counting(Numbers):
    """Counts the products that the folded metric counts."""

    def __init__(self):
        self.products = 0

    def multiply(self, x, y):
        self.products += -1.0 not in (x if type(x) is float else 0.0, y if type(y) is float else 0.0)
        return super().multiply(x, y)


def operations(region: Region, order) -> int:
    """Products that are not with ±1, and sums whose second term, which is new, is no product."""
    edges = {(e.source, e.target): e.partial for e in region.edges}
    count = 0
    for v in order:
        into = {i: x for (i, t), x in edges.items() if t == v}
        out = {j: y for (s, j), y in edges.items() if s == v}
        for (i, x), (j, y) in itertools.product(into.items(), out.items()):
            known = type(x) is float and type(y) is float
            product = not known and not {x, y} & {1.0, -1.0}
            new = x * y if known else "v"
            if (i, j) in edges:
                old = edges[i, j]
                count += not product and not (known and type(old) is float)
                new = old + new if known and type(old) is float else "v"
            count += product
            edges[i, j] = new
            if new == 0.0:
                del edges[i, j]
        ends = {(v, j) for j in out} | ({(i, v) for i in into} if v not in region.outputs else set())
        edges = {e: x for e, x in edges.items() if e not in ends}
    return count


def numbers(region: Region, seed: int) -> Region:
    """Random numbers in the place of run-time partials."""
    values = np.random.default_rng(seed)
    return region.map(lambda e: e.partial if type(e.partial) is float else values.uniform(0.5, 2.0) * values.choice((-1, 1)))


def dense(region: Region) -> np.ndarray:
    """The Jacobian by matrices: (1 - C)⁻¹, where C has the partials (Griewank & Walther, Evaluating Derivatives, 2008, 2.2)."""
    n = len(region.vertices)
    c = np.zeros((n, n))
    for e in region.edges:
        c[e.target, e.source] += e.partial
    return np.linalg.inv(np.eye(n) - c)


def check_jacobian(region: Region, jacobian) -> None:
    expected = dense(region)
    for i in region.inputs:
        for j in set(region.outputs):
            np.testing.assert_allclose(jacobian.get((i, j), 0.0), expected[j, i], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TASKS)
def test_counts_of_the_standard_orders(name):
    region = graph(name)
    assert tuple(region.count(o) for o in STANDARD) == PAPER[name]
    assert tuple(region.count(o, metric="folded", cse=True) for o in STANDARD) == FOLDED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_of_the_published_orders(name):
    region, published = graph(name), PUBLISHED[name]
    assert region.count(published["order"]) == published["paper"]
    assert region.count(published["order"], metric="folded") == published["fold"]


@pytest.mark.parametrize("name", [*TASKS, "BlackScholesPrice"])
def test_all_orders_of_a_task_give_its_jacobian(name):
    region = numbers(graph(name), 0)
    shuffled = np.random.default_rng(1).permutation(region.inner).tolist()
    for order in (*STANDARD, shuffled):
        check_jacobian(region, region.eliminate(order, Numbers()))


@generated
@given(st.data())
def test_every_order_gives_the_jacobian(data):
    region = numbers(data.draw(regions()), data.draw(st.integers(0, 99)))
    for order in (*STANDARD, data.draw(orders(region))):
        check_jacobian(region, region.eliminate(order, Numbers()))


@generated
@given(st.data())
def test_products_are_counted_as_they_are_made(data):
    region = data.draw(regions())
    order = data.draw(orders(region))
    algebra = Counting()
    numbers(region, 0).eliminate(order, algebra)
    assert region.count(order, metric="folded") == algebra.products
    assert region.count(order) >= algebra.products


@generated
@given(st.data())
def test_operations_are_counted_as_they_are_made(data):
    drawn = data.draw(regions())
    edges = {(e.source, e.target): e for e in drawn.edges}.values()  # parallel ones are added before anything is eliminated
    region = Region(drawn.vertices, edges, drawn.inputs, drawn.outputs)
    order = data.draw(orders(region))
    assert region.count(order, metric="operations") == operations(region, order)


@generated
@given(st.data())
def test_the_paper_metric_counts_paths_of_two_edges(data):
    """Sets of pairs, instead of bits of integers."""
    region = data.draw(regions())
    order = data.draw(orders(region))
    edges = {(e.source, e.target) for e in region.edges}
    products = 0
    for v in order:
        pairs = [(i, j) for i, x in edges if x == v for y, j in edges if y == v]
        products += len(pairs)
        edges = {(i, j) for i, j in edges if i != v and (j != v or v in region.outputs)} | set(pairs)
    assert region.count(order) == products


def test_parallel_edges_add():
    x_squared = Region([Vertex("x"), Vertex("y")], [Edge(0, 1, np.float64(3.0)), Edge(0, 1, np.float64(3.0))], [0], [1])
    assert x_squared.eliminate([], Numbers()) == {(0, 1): 6.0}


def test_constants_that_cancel_are_no_edge():
    x, y, z, w = map(Vertex, "xyzw")
    edges = [Edge(0, 1, 1.0), Edge(0, 2, -1.0), Edge(1, 2, 1.0), Edge(2, 3, "v")]
    region = Region([x, y, z, w], edges, [0], [3])
    assert region.count([1, 2], "folded") == 0
    assert region.eliminate([1, 2], Numbers()) == {}


def test_sharing_keeps_ids_and_outputs_apart():
    x, y = Vertex("x"), Vertex("y", "sin", ("x",))
    a, b = Vertex("a", "sin", ("x",)), Vertex("b", "mul", ("y", "a"))
    c, d = Vertex("c", "exp", ("b",)), Vertex("d", "exp", ("b",))
    edges = [Edge(0, 1, "v"), Edge(0, 2, "v"), Edge(1, 3, "v"), Edge(2, 3, "v"), Edge(3, 4, "v"), Edge(3, 5, "v")]
    region = Region([x, y, a, b, c, d], edges, [0], [4, 5])
    shared = region.shared()
    assert shared.inner == (1, 3)
    assert [e[:2] for e in shared.edges] == [(0, 1), (1, 3), (1, 3), (3, 4), (3, 5)]
    assert region.count([1, 2, 3]) == 4
    assert region.count([1, 2, 3], cse=True) == 3
    assert region.count([3, 1], cse=True) == 4


def values(region: Region) -> Region:
    """Partials that depend on operations and operands alone, as those of a program do."""
    made: dict[str, int] = {}
    for v in region.vertices:
        made[v.name] = crc32(repr((v.op or v.name, *(made[a] if isinstance(a, str) else a for a in v.args))).encode())
    numbers = [made[v.name] for v in region.vertices]
    return region.map(lambda e: np.random.default_rng([numbers[e.source], numbers[e.target]]).uniform(0.5, 2.0))


@generated
@given(st.data())
def test_sharing_changes_no_jacobian(data):
    region = values(data.draw(regions()))
    shared = region.shared()
    jacobian = shared.eliminate(data.draw(orders(shared)), Numbers())
    check_jacobian(region, {k: float(x) for k, x in jacobian.items()})
    assert shared.count("forward") <= region.count("forward")


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("backward", "no order 'backward'"),
        ([1, 1], "twice"),
        ([1], "leaves out v2"),
        ([0, 1, 2], "0, which is no vertex"),
        ([1, 2, 9], "9, which is no vertex"),
    ],
)
def test_orders_that_are_none_are_refused(order, message):
    names = [Vertex(f"v{i}") for i in range(4)]
    region = Region(names, [Edge(0, 1, "v"), Edge(1, 2, "v"), Edge(2, 3, "v")], [0], [3])
    with pytest.raises(ValueError, match=message):
        region.count(order)


def test_a_metric_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no metric 'flops'"):
        graph("BlackScholesPrice").count("reverse", metric="flops")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "holds no region"),
        ('{"vertices": []}', "'edges' is missing"),
        ('{"vertices": [{"id": 0, "kind": "const", "op": "in", "args": []}], "edges": []}', "kind 'const'"),
        ('{"vertices": [{"id": 0, "kind": "in", "op": "in", "args": []}], "edges": [[0, 1, "v"]]}', "0 → 1"),
        ('{"vertices": [{"id": 0, "kind": "in", "op": "in", "args": []}], "edges": [[0, 0, "w"]]}', "label 'w'"),
        ('{"vertices": [{"id": 0, "kind": "mid", "op": "f", "args": ["v7"]}], "edges": []}', "reads v7"),
    ],
)
def test_files_that_hold_no_region_are_refused(tmp_path, text, message):
    file = tmp_path / "g.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(file)
