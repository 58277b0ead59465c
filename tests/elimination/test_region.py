"""Regions of Python functions, and Jacobians by elimination: the formula tasks of examples/jacobians.py and small ones."""

import random
import runpy

import numpy as np
import pytest

import irad
from irad.elimination import Region, region
from irad.elimination.kept import keep
from irad.transforms.jacobian import cheapest
from tests.derivatives.oracles import agree
from tests.docs.snippets import ROOT
from tests.elimination import graph

EXAMPLES = runpy.run_path(str(ROOT / "examples" / "jacobians.py"))["TASKS"]
ORDERS = ("forward", "reverse", "markowitz")
X = np.array([0.3, -1.1, 0.7])


def edges(r: Region) -> set[tuple[int, int, object]]:
    return {(e.source, e.target, e.partial if isinstance(e.partial, float) else "v") for e in r.edges}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_formula_has_the_graph_that_was_published(name):
    f, x = EXAMPLES[name]
    found, want = region(f, x, granularity="paper"), graph(name)
    assert edges(found) == edges(want)
    assert len(found.edges) == len(want.edges)
    assert len(found.vertices) == len(want.vertices)
    assert (found.inputs, set(found.outputs)) == (want.inputs, set(want.outputs))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_compiled_has_the_counts_of_the_graph_whose_vertices_are_shared(name):
    f, x = EXAMPLES[name]
    compiled, published = region(f, x), graph(name)
    for order in ORDERS:
        assert compiled.count(order, "folded") == published.count(order, "folded", cse=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_order_gives_the_jacobian(name):
    f, x = EXAMPLES[name]
    want = irad.jacfwd(f)(x)
    size = np.max(np.abs(want))
    names = [region(f, x).vertices[v].name for v in region(f, x).inner]
    rng = random.Random(name)
    orders = ["auto", *ORDERS, *(rng.sample(names, len(names)) for _ in range(2))]
    for found in [irad.jacrev(f)(x), *(irad.jacobian(f, order=order)(x) for order in orders)]:
        np.testing.assert_allclose(found / size, want / size, rtol=1e-12, atol=1e-12)


def shared(x, y):
    u = np.sin(x * y)
    return u, u * u + y, x, 3.0


def on_arrays(x, k):
    rows = np.outer(x, x) @ np.array([1.0, -2.0, 0.5])
    return {"rows": rows * k, "norm": np.sqrt(np.sum(x[::-1] * rows)) + np.max(x)}


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
@pytest.mark.parametrize("order", ["auto", "markowitz"])
def test_structures_and_small_arrays(order, backend):
    def jacobian(f, order=order):
        return irad.compile(irad.jacobian(f, argnums=(0, 1), order=order), backend=backend)

    agree(jacobian(shared)(0.5, 1.25), irad.jacrev(shared, argnums=(0, 1))(0.5, 1.25), rtol=1e-14)
    agree(jacobian(on_arrays)(X, 2.0), irad.jacrev(on_arrays, argnums=(0, 1))(X, 2.0), rtol=1e-14)


def test_an_input_that_is_an_output_and_an_output_that_is_read():
    r = region(shared, 0.5, 1.25)
    names = [v.name for v in r.vertices]
    assert names[:3] == ["x", "y", "mul.0"]
    assert [names[v] for v in r.outputs] == ["sin.0", "add.0", "x"]
    assert {names[v] for v in r.inner} == {"mul.0", "sin.0", "mul.1"}
    assert irad.jacobian(shared, order=["sin.0", "mul.1", "mul.0"])(0.5, 1.25) == irad.jacfwd(shared)(0.5, 1.25)


def test_a_side_that_is_not_taken_has_no_nan():
    def f(x):
        y = np.where(x > 0.0, np.sqrt(x), 2.0 * x)
        return y * np.sum(y[:2]), np.maximum(np.log(np.abs(x)), -1.0)

    x = np.array([0.0, 4.0, -1.0])
    for order in ("auto", *ORDERS):
        agree(irad.jacobian(f, order=order)(x), irad.jacrev(f)(x))


def test_batches():
    xs = np.linspace(0.1, 1.0, 15).reshape(5, 3)

    def f(x):
        return np.array([x[0] * x[1], np.sin(x[2]) * x[0]])

    found = irad.compile(lambda xs: irad.vmap(irad.jacobian(f))(xs))(xs)
    agree(found, np.stack([irad.jacfwd(f)(x) for x in xs]))


def test_orders_nest_under_other_transforms():
    def f(x):
        return np.array([x[0] * x[1] * x[2], np.sin(x[2]) * x[0]])

    def norm(x):
        return np.sum(irad.jacobian(f)(x) ** 2)

    agree(irad.grad(norm)(X), irad.grad(lambda x: np.sum(irad.jacfwd(f)(x) ** 2))(X))
    g = irad.grad(lambda x: x[0] * np.exp(x[1] * x[2]))
    agree(irad.jacobian(g)(X), irad.hessian(lambda x: x[0] * np.exp(x[1] * x[2]))(X))
    assert len(region(g, X).outputs) == 3


def test_other_functions_have_forward_or_reverse_mode():
    def f(x):
        y = x[:2]
        while y[0] > 0.1:
            y = np.sin(y) * x[2]
        return y if x[0] > 0.0 else y * y

    for order in ("auto", "markowitz"):
        agree(irad.jacobian(f, order=order)(X), irad.jacfwd(f)(X))
    with pytest.raises(irad.CompileError, match="not-straight-line"):
        irad.jacobian(f, order=["mul.0"])(X)


def test_short_loops_are_written_out():
    def arm(q):
        t = np.eye(3)
        for i in range(3):
            c, s = np.cos(q[i]), np.sin(q[i])
            turn = np.array([[c, -s, 1.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
            t = t @ turn if i > 0 else turn
        return t[:2, 2]

    assert not {"for_loop", "cond", "matmul"} & set(irad.ir(irad.jacobian(arm), X).operations)
    agree(irad.jacobian(arm)(X), irad.jacrev(arm)(X))
    assert [v.op for v in region(arm, X).vertices].count("cos") == 3


def test_the_stage_that_shows_a_region():
    view = irad.ir(shared, 0.5, 1.25, stage="linearized")
    said = [line.rpartition("; ")[2] for line in str(view).splitlines() if "; " in line]
    assert said[0].startswith("mul.0: %y x, %x y")
    assert "sin.0: an output, %" in said[1]
    assert said[1].endswith(" mul.0")
    assert view.operations["cos"] == 1


def test_auto_takes_what_a_search_found(capsys):
    def f(x):  # no other test's: what is found stays
        a, b = np.sin(x[0] * x[1]) + 0.125, np.exp(x[1] * x[2])
        c = np.tanh(a * b * x[0])
        return np.array([c * a, np.sqrt(c * c + b * b), np.arctan2(c, b) * x[2], c + a])

    r = region(f, X)
    quick = r.count(cheapest(r), "folded")
    assert quick <= min(r.count("forward", "folded"), r.count("reverse", "folded"))
    found = irad.elimination.search(f, X, moves=2000)
    assert found.cost == r.count(cheapest(r), "folded") <= quick
    irad.elimination.explain(f, X)
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["auto", str(found.cost)]
    keep(r, r.order("forward"))
    assert r.count(cheapest(r), "folded") == found.cost
    agree(irad.jacobian(f)(X), irad.jacfwd(f)(X))


def test_what_is_no_straight_line_code_is_shown_where_the_user_wrote_it():
    def f(x):
        return np.cumprod(x) * x  # irad's own Python has the loop

    with pytest.raises(irad.CompileError, match=r"has a `for_loop`(?s:.*)return np.cumprod"):
        region(f, np.linspace(0.5, 1.5, 30))


def test_a_search_is_explained_and_drawn(capsys, tmp_path):
    pytest.importorskip("matplotlib", reason="drawings need the extra `plot`")

    def f(x):
        a, b = np.sin(x[0] * x[1]) + 0.25, np.exp(x[1] * x[2])
        return np.array([a / b * x[0], np.sqrt(a * a + b * b), np.arctan2(a, b) * x[2], b + a])

    irad.elimination.explain(f, X, seconds=0.2, plot=tmp_path / "search.svg")
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert int(rows["searched"][0]) <= min(int(rows[name][0]) for name in ("forward", "reverse", "markowitz", "auto"))
    drawn = (tmp_path / "search.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "</svg>" in drawn


def test_large_regions_are_not_searched():
    def f(x):
        y = x
        for _ in range(15):
            y = np.sin(y) * np.cos(y[::-1]) + 0.5 * y
        return y

    x = np.linspace(0.1, 1.0, 8)
    r = region(f, x)
    assert len(r.inner) > 250
    assert cheapest(r) in (r.order("forward"), r.order("reverse"))


def test_half_of_a_hessian_is_computed():
    def f(x):
        return np.exp(x[0] * x[1]) * np.sin(x[2]) / (x[0] * x[0] + x[2] * x[2])

    found = irad.hessian(f)(X)
    assert np.array_equal(found, found.T)
    agree(found, irad.jacfwd(irad.grad(f))(X))
    half, whole = (irad.ir(h, X).operations for h in (irad.hessian(f), irad.jacobian(irad.grad(f))))
    assert half["mul"] < whole["mul"]
    names = region(irad.grad(f), X)
    order = [names.vertices[v].name for v in names.order("markowitz", "folded")]
    for told in ("forward", "reverse", "markowitz", order):
        agree(irad.hessian(f, order=told)(X), found)
    with pytest.raises(irad.errors.CompileError, match="no order of a Jacobian is 'backward'"):
        irad.hessian(f, order="backward")


TEXT = """
graph @jacobian(%x: f64[N]) -> (f64[N,N],) {
  %0: (f64[N,N],) = jacobian(@f, @g, %x, wrt=(0,), order="auto");
  return %0;
}
graph @f(%x_1: f64[N]) -> f64[N] { %y: f64[N] = sin(%x_1); return %y; }
graph @g(%x_2: f64[N]) -> (f64[N,N],) {
  %z: f64[N,N] = zeros(of=f64[N,N]);
  %r: (f64[N,N],) = make_tuple(%z);
  return %r;
}
"""


def test_text_that_asks_for_a_jacobian():
    """Of numbers, of an array, and of what is no straight-line code: then the graph that stands for other modes is taken, here
    of zeros."""
    looped = TEXT.replace("sin(%x_1)", "for_loop(100, @body, %x_1)").replace(
        "{ %y", "{ graph @body(%i: i64, %s: f64[N]) -> f64[N] { %t: f64[N] = sin(%s); return %t; } %y"
    )
    for text, n, first in ((TEXT, 3, np.cos(0.5)), (TEXT, 40, np.cos(0.5)), (looped, 3, 0.0), (looped, 40, 0.0)):
        (found,) = irad.compile(irad.parse_ir(text.replace("N", str(n))))(np.full(n, 0.5))
        agree(found[0, :2], np.array([first, 0.0]))
    text = TEXT.replace("N", "3")
    for order, kind in (('"fast"', "ir-invalid"), ('("a", 1)', "ir-invalid"), ('("cos.0", "sin.1")', "unknown-order")):
        with pytest.raises(irad.CompileError, match=kind):
            irad.compile(irad.parse_ir(text.replace('"auto"', order)))(X)
    with pytest.raises(irad.CompileError, match="ir-invalid"):
        irad.parse_ir(text.replace("(f64[3,3],) {\n  %z", "(f64[3],) {\n  %z"))


def test_parts_of_a_structure_are_inputs_of_their_own():
    """Each has a name, as numbers and as arrays."""

    def f(p):
        return np.tanh(p["w"] * p["x"]), p["w"] - p["x"] * p["x"]

    for n in (3, 30):
        p = {"w": np.linspace(0.1, 1.0, n), "x": np.linspace(-1.0, 1.0, n)}
        for got, want in zip(irad.jacobian(f)(p), irad.jacfwd(f)(p), strict=True):
            agree(got["w"], want["w"])
            agree(got["x"], want["x"])
        region = irad.elimination.region(f, p)
        assert len({v.name for v in region.vertices}) == len(region.vertices)
        assert region.vertices[0].name.startswith("p:0")


@pytest.mark.parametrize("n", [3, 40])
def test_what_does_not_vary_may_have_loops_and_branches(n):
    """They are copied as they are, as numbers and as arrays."""

    def f(x, k):
        weight = 0.0
        for i in range(k):
            weight += 1.0 / (i + 1.0) if i % 2 else 0.25
        places = [0] * 30
        for i in range(30):
            while places[i] < k % (i + 1):
                places[i] += 1
        return x * weight, x[places[7]] * x[:2]

    x = np.linspace(0.1, 1.0, n)
    irad.elimination.region(f, x, 25)
    for got, want in zip(irad.jacobian(f)(x, 25), irad.jacfwd(f)(x, 25), strict=True):
        agree(got, want)


def test_a_list_must_be_an_order():
    for order, why in ((["mul.0"], "leaves out sin.0"), (["mul.0", "sin.1"], "no vertex 'sin.1'"), (["sin.0"] * 2, "twice")):
        with pytest.raises(irad.CompileError, match=why):
            irad.jacobian(shared, order=order)(0.5, 1.25)
