"""How many operations optimized derivatives have, against what a person would write.

The hand count is that of the program in the comment, with every common value computed once; the gradient alone, without
the value of the function. `f(x)` has derivatives in all its arguments.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from irad.graph.walk import all_graphs
from tests.derivatives.oracles import BACKENDS, agree, derivative
from tests.generator.program import load


def gradient(f: Callable[..., float]) -> tuple[irad.api.IR, tuple[float, ...]]:
    arguments = (0.7, 1.3, 0.4, 1.9)[: len(inspect.signature(f).parameters)]
    numbers = tuple(range(len(arguments)))
    return irad.ir(irad.grad(f, argnums=numbers if len(numbers) > 1 else 0), *arguments), arguments


CASES = {
    # 3*x*x: 2
    "cube": (3, lambda x: x**3),
    # 3*x*x: 2
    "product": (3, lambda x: x * x * x),
    # cos(x)*x + sin(x): 4
    "sine": (5, lambda x: math.sin(x) * x),
    # r = 1/x; -(r*r): 3
    "reciprocal": (3, lambda x: 1.0 / x),
    # e = exp(x); 2*e*e: 3
    "squared exponential": (3, lambda x: math.exp(x) * math.exp(x)),
    # t = tanh(x); 1 - t*t: 3
    "tanh": (3, lambda x: math.tanh(x)),
    # x/sqrt(x*x + 1): 4
    "pseudo-Huber": (4, lambda x: math.sqrt(x * x + 1.0)),
    # 2*x/(x*x + 1): 4
    "Cauchy": (4, lambda x: math.log(x * x + 1.0)),
    # y*z, x*z, x*y: 3
    "product of three": (3, lambda x, y, z: x * y * z),
    # p = 2*(x*y); p*y, p*x: 4
    "squared product": (4, lambda x, y: (x * y) * (x * y)),
    # r = 1/y; r, -(x*r*r): 4
    "quotient": (4, lambda x, y: x / y),
    # m = -x; e = exp(m*x/2); e*m: 5
    "Gauss": (5, lambda x: math.exp(-x * x / 2.0)),
    # s = 1/(1 + exp(-x)); s*(1 - s): 6
    "logistic": (6, lambda x: 1.0 / (1.0 + math.exp(-x))),
    # 2*sin(x)*cos(x): 4
    "squared sine": (4, lambda x: math.sin(x) ** 2),
    # t = a*x; u = t + b; v = u*x; t*x + v + (v + c) = [a*x, + b, * x, + c, t*x, +, +]; in a, b, c, x: + x*x*x, x*x, x: 9
    "cubic by Horner": (9, lambda x, a, b, c: ((a * x + b) * x + c) * x),
    # n = sqrt(x*x + y*y); r = 1/n; x*r, y*r: 7
    "norm": (7, lambda x, y: math.sqrt(x * x + y * y)),
    # v = y - x*x; -400*v*x - 2*(1 - x), 200*v: 8
    "Rosenbrock": (8, lambda x, y: (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2),
    # y*c, x*c with c = cos(x*y): 4
    "sine of a product": (4, lambda x, y: math.sin(x * y)),
    # r = 1/(x*x + y*y); x*r, -(y*r): 7
    "angle": (7, lambda y, x: math.atan2(y, x)),
    # e = exp(x); e/(1 + e): 3
    "softplus": (3, lambda x: math.log(1.0 + math.exp(x))),
    # e = exp(-x); e - x*e: 4
    "Ricker": (4, lambda x: x * math.exp(-x)),
    # in x, a, b: (a + a)*x + b, x*x, x: 4
    "quadratic": (4, lambda x, a, b: a * x * x + b * x),
    # nothing to compute: 0
    "linear": (0, lambda x, y, z: 2.0 * x - 3.0 * y + z),
    # 0.5/sqrt(x): 2
    "square root": (2, lambda x: math.sqrt(x)),
    # sign(x): 1
    "absolute value": (1, lambda x: abs(x)),
    # v*v*0.5, m*v: 3
    "kinetic energy": (3, lambda m, v: 0.5 * m * v * v),
    # r = 1/s; z = (x - m)/s; d = z*r; -d, d, z*d - r: 7
    "normal density": (7, lambda x, m, s: -0.5 * ((x - m) / s) ** 2 - math.log(s)),
    # s = sin(x), c = cos(x): -s*cos(c): 5
    "sine of a cosine": (5, lambda x: math.sin(math.cos(x))),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str) -> None:
    bound, f = CASES[name]
    program, arguments = gradient(f)
    count = sum(program.operations.values())
    assert count <= bound, f"{count} operations:\n{program}"
    for backend in BACKENDS:
        numbers = tuple(range(len(arguments)))
        got = irad.compile(irad.grad(f, argnums=numbers), backend=backend)(*arguments)
        agree(got, tuple(derivative(f, arguments, (i,)) for i in numbers))


def test_there_are_as_many_as_promised() -> None:
    assert len(CASES) >= 3 + 20


# 2*cos(x) - x*sin(x): 5
SECOND = {
    "reverse over reverse": lambda f: irad.grad(irad.grad(f)),
    "hessian": irad.hessian,
    "forward": lambda f: irad.jacfwd(irad.grad(f)),
}


@pytest.mark.parametrize("mode", SECOND)
def test_second_derivative(mode: str) -> None:
    program = irad.ir(SECOND[mode](CASES["sine"][1]), 0.7)
    assert sum(program.operations.values()) <= 8, str(program)


# 6*x: 1; 6: 0
@pytest.mark.parametrize("name", ["cube", "product"])
def test_higher_derivatives_of_polynomials_get_smaller(name: str) -> None:
    f = CASES[name][1]
    assert sum(irad.ir(irad.grad(irad.grad(f)), 0.7).operations.values()) <= 1
    assert sum(irad.ir(irad.grad(irad.grad(irad.grad(f))), 0.7).operations.values()) == 0


# -- generated straight-line programs -------------------------------------------------------------------------------------

HELPERS = """
import math

def helper(u, v):
    return u * v + 0.5 * u

def pair(u, v):
    return u - v, (math.sin(u), v)

def twice(g, u):
    return g(g(u))
"""


@st.composite
def straight_line(draw: st.DrawFn) -> str:
    """A function of x and y without branches and loops; with calls, closures and tuples."""
    names, lines = ["x", "y"], []
    for i in range(draw(st.integers(1, 6))):
        a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        k = draw(st.sampled_from([0.5, -1.5, 2.0]))
        made = draw(
            st.sampled_from(
                [
                    f"t{i} = {a} * {b}",
                    f"t{i} = {a} + {k} * {b}",
                    f"t{i} = {a} - {b} * {b}",
                    f"t{i} = {a} / (2.5 + {b} * {b})",
                    f"t{i} = math.sin({a})",
                    f"t{i} = math.exp(-{a} * {a})",
                    f"t{i} = math.sqrt({a} * {a} + 0.25)",
                    f"t{i} = ({a} - {k}) ** 3",
                    f"t{i} = helper({a}, {b})",
                    f"t{i}, (u{i}, _) = pair({a}, {b})\n    t{i} = t{i} * u{i}",
                    f"t{i} = twice(lambda u: u * {a} + {b}, {a})",
                    f"w{i} = ({a}, [{b}, {a}])\n    t{i} = w{i}[0] * w{i}[1][0] - w{i}[1][1]",
                    f"d{i} = dict(p={a}, q={b})\n    t{i} = d{i}['p'] * math.tanh(d{i}['q'])",
                ]
            )
        )
        lines.append(made)
        names.append(f"t{i}")
    body = "\n    ".join([*lines, f"return {names[-1]} + 0.5 * {draw(st.sampled_from(names))}"])
    return f"{HELPERS}\ndef program(x, y):\n    {body}\n"


@settings(max_examples=40, deadline=None)
@given(straight_line())
def test_straight_line_adjoints_are_straight_lines(source: str) -> None:
    """No closure, no call, no tuple but the returned one; and no more operations than reverse mode needs."""
    f = load(source)
    for transform in (irad.value_and_grad, irad.grad, lambda f, argnums: irad.jacfwd(irad.grad(f), argnums=argnums)):
        program = irad.ir(transform(f, argnums=(0, 1)), 0.7, 1.3)
        (graph,) = all_graphs(program.module)
        made = [n for n in graph.body if n.fn.name in ("make_tuple", "make_record")]
        assert all(n.fn.name != "call" and not n.graphs for n in graph.body)
        assert all(n.fn.name != "getitem" for n in graph.body), str(program)
        assert returned(graph.output) >= set(made), str(program)
    # Baur and Strassen, "The complexity of partial derivatives", 1983: a small multiple of the operations of f
    primal, both = irad.ir(f, 0.7, 1.3), irad.ir(irad.value_and_grad(f, argnums=(0, 1)), 0.7, 1.3)
    assert sum(both.operations.values()) <= 5 * sum(primal.operations.values()) + 1, f"{primal}\n{both}"


def returned(node) -> set:
    """The tuples that a result is made of."""
    return (
        {node, *(t for a in node.args for t in returned(a))}
        if getattr(node, "fn", None) and node.fn.name == "make_tuple"
        else set()
    )
