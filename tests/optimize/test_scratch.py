"""Arrays that every trip of a loop writes over are made in the trip; others are handed on; programs mean what they meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from irad.graph.walk import all_graphs
from irad.optimize.passes import drop, scratch
from tests.optimize.test_registers import load

X = np.array([0.2, -0.5, 0.7])

HEAD = """
def f(x):
    y, z, s, k = np.ones(3), np.ones((3, 2)), 0.0, 2
    for i in range(4):
"""

WRITTEN_OVER = {
    "by a loop": """
        for j in range(3):
            y[j] = x[j] * i + s
        s += y[0] * y[1] + y[2]
""",
    "element by element": """
        y[0] = x[1] * s
        y[-1] = x[0] + s
        y[1] = y[0] * y[2] + i
        for j in range(3):
            s += y[j] * x[j]
""",
    "by a loop in a loop": """
        for j in range(3):
            for c in range(2):
                z[j, c] = x[j] * i + s * c
        for j in range(3):
            s += z[j, 0] * z[2 - j, 1]
""",
    "by rows of numbers": """
        for j in range(3):
            z[j, 1] = x[j] * i + 0.5
            z[j, 0] = z[j, 1] * s + 1.0
            for c in range(2):
                z[j, c] *= z[j, 1 - c]
        for j in range(3):
            s += z[j, 0] * z[2 - j, 1]
""",
    "in the trips of a loop": """
        for t in range(2):
            for j in range(3):
                y[j] = x[j] * t + s
            for j in range(3):
                for c in range(j + 1, 3):
                    y[c] += y[j] * x[c]
            for j in range(3):
                s += 0.1 * y[j] * y[2 - j]
""",
    "as a whole": """
        y[:] = x * s
        y[1] += i
        s += y[0] * y[1] + y[2]
""",
    "in a while loop": """
        k = 0
        while True:
            for j in range(3):
                y[j] = x[j] * i + s
            k += 1
            if k > 2:
                break
        s += y[0] * y[1] + y[2]
""",
}
HANDED_ON = {
    "in part": """
        for j in range(2):
            y[j] = x[j] * i + s * y[2]
        s += y[0] * y[1]
        y[2] = s
""",
    "on a condition": """
        for j in range(3):
            if x[j] > 0.3:
                y[j] = x[j] * i + s
        s += y[0] * y[1] + y[2]
""",
    "after a read": """
        for j in range(3):
            y[j] = y[j] * x[j] + s
        s += y[0]
""",
    "after a read of its neighbour": """
        for j in range(3):
            y[j] = y[j - 1] * x[j] + s
        s += y[0]
""",
    "before it is added up": """
        for j in range(3):
            y[j] += x[j] + s
        s += y[0] * y[2]
""",
    "perhaps": """
        for t in range(int(x[0] * 0.0) + i - 1):
            for j in range(3):
                y[j] = x[j] * i + s
        s += y[0] * y[1]
""",
    "along its diagonal": """
        for j in range(2):
            for c in range(2):
                z[j, j] = x[j] * c
        s += z[0, 0] + z[0, 1] * x[0]
        z[0, 1] = s
""",
    "once": """
        if i == 0:
            for j in range(3):
                y[j] = x[j] * i + s
        s += y[0] * y[1] + y[2]
""",
    "by its own elements, as a whole": """
        y[:] = y[::-1] * x + s
        s += y[0]
""",
}


def program(trips, after="", head=HEAD):
    head = head.replace("k = np", "k, w = np").replace("0.0, 2", "0.0, 2, np.array([0.5, 0.2, 0.1])")
    return load(head + trips + f"    return s{after}\n")


def carried(f):
    """The arrays that loops hand to their next trip in which they are read, or to what is after them, after the pass."""
    module = drop(irad.ir(f, X, stage="typed").module)
    outer = next(n for n in module.entry.body if n.fn.name == "for_loop")
    before = sum(hasattr(p.type, "shape") and bool(p.type.shape) for p in outer.graphs[0].params)
    module = drop(scratch(module))
    outer = next(n for n in module.entry.body if n.fn.name == "for_loop")
    return before, sum(hasattr(p.type, "shape") and bool(p.type.shape) for p in outer.graphs[0].params)


def slopes(f, x, h=1e-5):
    """Richardson differences."""

    def central(h):
        return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])

    return (4 * central(h / 2) - central(h)) / 3


def agree(f, x=X):
    assert irad.compile(f)(x) == f(x)
    gradient = irad.grad(f)
    got = irad.compile(gradient)(x)
    np.testing.assert_allclose(got, slopes(f, x), rtol=1e-7, atol=1e-7)

    def along(x):
        return gradient(x) @ np.array([1.0, -0.5, 2.0])

    np.testing.assert_allclose(irad.compile(irad.grad(along))(x), slopes(irad.compile(along), x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", WRITTEN_OVER)
def test_written_over(name) -> None:
    f = program(WRITTEN_OVER[name])
    assert carried(f)[1] == 0
    agree(f)
    backward = irad.ir(irad.grad(f), X, stage="optimized").module
    loops = [n for n in backward.entry.body if n.fn.name == "for_loop"]
    states = [p for n in loops for p in n.graphs[0].params if hasattr(p.type, "shape") and p.type.shape]
    assert all(p.name.startswith("ct_x") for p in states)


def backward_states(f):
    """The names of arrays that loops of the gradient carry, and what is said of memory."""
    module = irad.ir(irad.grad(f), X, stage="optimized").module
    loops = [n for g in all_graphs(module) for n in g.body if n.fn.name == "for_loop"]
    return {p.name for n in loops for p in n.graphs[0].params if hasattr(p.type, "shape") and p.type.shape and p.name}


def test_cotangents_are_read_and_not_cleared() -> None:
    text = WRITTEN_OVER["in the trips of a loop"]
    f = program(text.replace("y[c] += y[j]", "y[c] += x[j]").replace("y[2 - j]", "y[j]"))
    assert not any(name.startswith("ct_y") for name in backward_states(f))
    agree(f)


@pytest.mark.parametrize("name", [*WRITTEN_OVER, *HANDED_ON])
def test_no_cotangent_is_copied(name) -> None:
    f = program({**WRITTEN_OVER, **HANDED_ON}[name])
    assert "which is read again" not in str(irad.ir(irad.grad(f), X, stage="lowered"))


@pytest.mark.parametrize("name", HANDED_ON)
def test_handed_on(name) -> None:
    f = program(HANDED_ON[name])
    before, after = carried(f)
    assert before == after > 0
    agree(f)


def test_of_two_that_change_places_one_is_handed_on() -> None:
    f = program("""
        y, w = w, y
        for j in range(3):
            y[j] = x[j] * i + s
        s += y[0] * w[1] * w[2]
""")
    assert carried(f) == (2, 1)
    agree(f)


@pytest.mark.parametrize("name", [n for n in WRITTEN_OVER if n != "as a whole"])
def test_read_after_the_loop(name) -> None:
    f = program(WRITTEN_OVER[name], " + y[1] * x[0] + z[1, 1]")
    before, after = carried(f)
    assert before == after > 0
    agree(f)


@pytest.mark.parametrize("name", WRITTEN_OVER)
def test_without_trips(name) -> None:
    f = program(WRITTEN_OVER[name], " + y[1] * x[0] + z[1, 1]", HEAD.replace("range(4)", "range(int(x[0]))"))
    agree(f)


STATEMENTS = st.sampled_from(
    [
        "for j in range(3): y[j] = x[j] * c + s",
        "for j in range(3): y[2 - j] = x[j] + y[j] * 0.5",
        "for j in range(1, 3): y[j] = y[j - 1] * x[j] + c",
        "for j in range(n): y[j] = x[j] - s * 0.1",
        "for j in range(3): y[j] += x[j]",
        "for j in range(3): z[j, 0] = x[j] * s; z[j, 1] = z[j, 0] + c",
        "for j in range(3): z[j, c] = x[j] + z[j, 1 - c] * 0.5",
        "for j in range(2): z[0, j] = x[j]; z[1, j] = z[0, j] * s; z[2, j] = c",
        "for j in range(3): s += 0.3 * y[j] * z[j, c]",
        "for j in range(3): s = s * 0.5 + y[j] * x[j]",
        "for t in range(n - 2): y[c] = x[t] * s",
        "w = y; w[c] = s * 0.5; w = x * s",
        "w = y.copy()",
        "y = w * 2.0",
        "s += w[1] * y[c]",
        "y[0] = s; y[1] = x[1]; y[2] = y[0] * x[2]",
        "y[:] = x * s",
        "z[1] = y[:2]",
        "y[:2] = z[c]",
        "if s > c: y[1] = s * 0.2",
        "for q in range(2):\n            for j in range(3): y[j] = x[j] * q + s * 0.1",
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STATEMENTS, min_size=2, max_size=5), st.sampled_from([0, 1, 2, 3]), st.booleans(), st.booleans())
def test_generated(statements, trips, after, nested) -> None:
    lines = ["def f(x):", "    y, z, w, s, n = x * 2.0, np.ones((3, 2)), x + 1.0, 0.4, len(x)", f"    for i in range({trips}):"]
    if nested:
        lines.append("      for c in range(2):")
    else:
        lines.append("        c = i % 2")
    lines += [f"        {s}" for s in statements]
    lines.append("    return s" + (" + y[1] * z[2, 1] + w[0]" if after else ""))
    f = load("\n".join(lines))
    value = irad.compile(f)(X)
    assert value == f(X) or abs(value - f(X)) <= 1e-12 * abs(value)
    np.testing.assert_allclose(irad.compile(irad.grad(f))(X), slopes(f, X), rtol=1e-6, atol=1e-6)


def test_the_module_stays_where_nothing_is_written_over() -> None:
    module = irad.ir(program(HANDED_ON["in part"]), X, stage="typed").module
    assert scratch(module) is module
    assert any(n.fn.name == "for_loop" for g in all_graphs(module) for n in g.body)
