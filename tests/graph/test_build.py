"""The Builder: constants are folded as their operations compute them, equal operations are one node, and effects stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irad.errors import CompileError
from irad.graph.build import Builder, constant, is_constant, literal
from irad.graph.nodes import Apply, Constant, Module
from irad.primitives import REGISTRY
from irad.primitives.table import Missing
from irad.types import BOOL, F32, F64, FLOAT, I32, I64, INT, SCALARS, UNIT, Scalar
from tests.frontend.agree import SPECIALS, same

ELEMENTWISE = [p for p in REGISTRY.values() if p.elementwise and not p.statics and not isinstance(p.ref, Missing)]


def builder(*types):
    """A Builder inside a graph with parameters of these types, and the parameters."""
    b = Builder(Module(), REGISTRY)
    graph = b.new_graph("f")
    params = [b.parameter(graph, t) for t in types]
    b.enter(graph)
    return b, params


def numbers(t):
    if t.kind == "f":
        return st.floats(width=t.width) | st.sampled_from(SPECIALS[:7])
    if t.kind == "i":
        least, most = (-(2 ** (t.width - 1)), 2 ** (t.width - 1) - 1) if t.signed else (0, 2**t.width - 1)
        return st.integers(least, most) | st.integers(max(least, -3), 3)
    return st.booleans()


def signatures(prim):
    """The argument types that a primitive takes: all of one type, and all-bool-first for select."""
    found = []
    for t in SCALARS.values():
        for n in (1, 2, 3):
            for first in (t, BOOL):
                types = (first, *[t] * (n - 1))
                try:
                    prim.infer(types)
                except (CompileError, ValueError):  # other types, another number of them
                    continue
                if types not in found:
                    found.append(types)
    return found


@pytest.mark.parametrize("prim", ELEMENTWISE, ids=str)
def test_constants_are_folded_as_they_would_be_computed(prim):
    kinds = signatures(prim)
    assert kinds, f"no types found for {prim}"

    @settings(max_examples=30, deadline=None)
    @given(st.data())
    def folds(data):
        types = data.draw(st.sampled_from(kinds))
        values = [data.draw(numbers(t)) for t in types]
        b, _ = builder()
        made = b.apply(prim, [constant(t, v) for t, v in zip(types, values, strict=True)])
        result = prim.infer(types)
        assert made.type is result or (isinstance(made.type, Scalar) and made.type.strong is result.strong)
        try:
            with np.errstate(all="ignore"):
                want = prim.ref(*[t.dtype.type(v) for t, v in zip(types, values, strict=True)])
        except (ArithmeticError, ValueError):
            assert isinstance(made, Apply), "what raises must raise at run time"
            return
        if isinstance(made, Constant):  # a rule may leave an operation with a cheaper one
            kind = {"f": float, "i": int, "b": bool}[result.kind]
            assert same(kind(made.value), kind(result.dtype.type(want)))

    folds()


@pytest.mark.parametrize("prim", [p for p in ELEMENTWISE if p.order == "total"], ids=str)
def test_folding_leaves_no_operation_of_constants(prim):
    for types in signatures(prim):
        b, _ = builder()
        made = b.apply(prim, [constant(t, {"f": 0.75, "i": 3, "b": True}[t.kind]) for t in types])
        assert isinstance(made, Constant)


@pytest.mark.parametrize("prim", [p for p in ELEMENTWISE if p.order == "total"], ids=str)
def test_equal_operations_are_one_node(prim):
    for types in signatures(prim):
        b, params = builder(*types)
        made = b.apply(prim, params)
        count = len(b.graph.body)
        assert b.apply(prim, params) is made
        assert len(b.graph.body) == count


@pytest.mark.parametrize("prim", [p for p in ELEMENTWISE if p.commutes], ids=str)
def test_constants_of_commutative_operations_stand_right(prim):
    for t in (FLOAT, INT, BOOL, F32):
        if (t, t) in signatures(prim):
            b, (x, _) = builder(t, t)
            c = constant(t, {"f": 3.0, "i": 3, "b": True}[t.kind])
            assert b.apply(prim, (c, x)) is b.apply(prim, (x, c))


def test_a_node_is_found_in_the_graphs_around_and_nowhere_else():
    b, (x,) = builder(FLOAT)
    outer = b.sin(x)
    left, right = b.new_graph("left", b.graph, "branch"), b.new_graph("right", b.graph, "branch")
    with b.inside(left):
        assert b.sin(x) is outer
        inner = b.cos(x)
        assert inner.graph is left
    with b.inside(right):
        sibling = b.cos(x)
        assert sibling is not inner
        assert sibling.graph is right
    after = b.cos(x)
    assert after not in (inner, sibling)
    assert after.graph is b.graph


def test_a_loop_body_hands_total_operations_out_where_asked():
    module = Module()
    b = Builder(module, REGISTRY, hoist=True)
    f = b.new_graph("f")
    x, n = b.parameter(f, FLOAT), b.parameter(f, INT)
    with b.inside(f):
        body = b.new_graph("body", f, "loop")
        i, s = b.parameter(body, INT), b.parameter(body, FLOAT)
        with b.inside(body):
            out, kept = b.sin(x), b.mul(s, x)
            checked = b.floordiv(n, n)
            assert out.graph is f
            assert kept.graph is body
            assert checked.graph is body
            assert b.add(i, n).graph is body


def test_effects_are_never_shared():
    b, (p,) = builder(BOOL)
    for _ in range(2):
        b.assert_(p, error="ValueError", message="m")  # noqa: PT009
        b.print_(p, format="{0}")
    assert [n.fn.name for n in b.graph.body] == ["assert", "print"] * 2
    assert b.graph.effects


def test_checked_operations_are_shared_and_not_folded_where_they_raise():
    b, (n,) = builder(INT)
    assert b.floordiv(n, n) is b.floordiv(n, n)
    zero = b.floordiv(literal(1), literal(0))
    assert isinstance(zero, Apply)
    assert is_constant(b.floordiv(literal(7), literal(-2)), -4)


@given(st.sampled_from([FLOAT, F64, F32]), st.floats(width=32))
def test_constants_are_one_object_for_equal_bits(t, v):
    assert constant(t, v) is constant(t, v)
    assert constant(t, 0.0) is not constant(t, -0.0)
    assert constant(t, v) is not constant(INT, 1)


def test_literals_have_pythons_types():
    values = [(1.0, FLOAT), (1, INT), (True, BOOL), (False, BOOL)]
    for v, t in values:
        made = literal(v)
        assert made.type is t
        assert same(made.value, v)
    assert literal(1) is not literal(True)
    assert literal(1.0) is not literal(1)


@pytest.mark.parametrize("types", [(FLOAT, INT), (BOOL, FLOAT), (F64, F32), (I64, I32), (UNIT, FLOAT)])
def test_wrong_types_are_refused_with_the_operation(types):
    b, params = builder(*types)
    with pytest.raises(CompileError, match="add"):
        b.add(*params)


def test_fields_of_what_was_just_made():
    b, (x, y) = builder(FLOAT, INT)
    pair = b.make_tuple(x, y)
    assert b.getitem(pair, index=0) is x
    assert b.getitem(pair, index=1) is y
    assert b.parts(b.tuple_([x]), 1) == [x]
    assert b.parts(b.tuple_([x, y]), 2) == [x, y]


def test_without_folding_it_builds_what_it_is_told():
    b = Builder(Module(), REGISTRY, folding=False)
    graph = b.new_graph("f")
    x = b.parameter(graph, FLOAT)
    with b.inside(graph):
        assert b.add(literal(1.0), literal(2.0)).fn.name == "add"
        assert b.sin(x) is not b.sin(x)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "mul", "sub"]), st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_value_numbering_is_complete_within_a_graph(steps):
    """However operations are drawn, no two nodes of a body have one operation and the same arguments."""
    b, params = builder(FLOAT, FLOAT, FLOAT)
    values = list(params)
    for name, i, j in steps:
        values.append(getattr(b, name)(values[i % len(values)], values[j % len(values)]))
    keys = [(n.fn, n.args, n.static) for n in b.graph.body]
    assert len(keys) == len(set(keys))
