"""The transforms themselves: which arguments, in which structures, in compiled code and out of it, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from tests.derivatives.oracles import BACKENDS, agree, derivative

both = pytest.mark.parametrize("backend", BACKENDS)


class Layer(NamedTuple):
    weight: float
    bias: float
    power: int
    name: str


@dataclass
class Body:
    mass: float
    place: tuple[float, float]
    steps: int


def product(x, y, z):
    return x * y * y * math.sin(z)


# -- argnums ----------------------------------------------------------------------------------------------------------------

NUMBERS = [0, 1, 2, -1, -3, (0,), (2, 0), (0, 1, 2), (-1, 0), (1, 1)]


@both
@pytest.mark.parametrize("argnums", NUMBERS, ids=str)
@pytest.mark.parametrize("transform", [irad.grad, irad.jacfwd, irad.jacrev], ids=lambda t: t.__name__)
def test_argnums(transform, argnums, backend) -> None:
    point = (1.5, 0.7, -0.4)
    wanted = tuple(derivative(product, point, (k % 3,)) for k in ((argnums,) if isinstance(argnums, int) else argnums))
    got = irad.compile(transform(product, argnums=argnums), backend=backend)(*point)
    agree(got, wanted[0] if isinstance(argnums, int) else wanted)


@pytest.mark.parametrize("argnums", [3, -4, (0, 3), (), [0], "x", 1.0, True, None, (0, 1.5)], ids=str)
@pytest.mark.parametrize("transform", [irad.grad, irad.hessian, irad.jacfwd, irad.hvp], ids=lambda t: t.__name__)
def test_argnums_that_are_none(transform, argnums) -> None:
    arguments = (1.5, 0.7, -0.4) + ((1.0,) if transform is irad.hvp else ())
    with pytest.raises(irad.CompileError) as refusal:
        transform(product, argnums=argnums)(*arguments)
    assert refusal.value.name == "argnums"


# -- structures -------------------------------------------------------------------------------------------------------------


def nested(p, x):
    return p["w"] * x + p["layers"][0].weight * p["layers"][1].bias ** p["layers"][0].power - p["pair"][0] * p["pair"][1][0]


PARAMETERS = {"w": 1.5, "layers": [Layer(2.0, 3.0, 2, "a"), Layer(0.5, 1.5, 1, "b")], "pair": (0.3, [2.0, 4]), "on": True}
# by hand, at x = 0.25
GRADIENT = {
    "w": 0.25,
    "layers": [Layer(2.25, 0.0, None, None), Layer(0.0, 6.0, None, None)],  # type: ignore[arg-type]
    "pair": (-2.0, [-0.3, None]),
    "on": None,
}


@both
def test_gradients_have_the_structure_of_the_argument(backend) -> None:
    agree(irad.compile(irad.grad(nested), backend=backend)(PARAMETERS, 0.25), GRADIENT)
    agree(irad.compile(irad.grad(nested, argnums=(1, 0)), backend=backend)(PARAMETERS, 0.25), (1.5, GRADIENT))
    agree(irad.compile(irad.jacfwd(nested), backend=backend)(PARAMETERS, 0.25), GRADIENT)
    value, gradient = irad.compile(irad.value_and_grad(nested), backend=backend)(PARAMETERS, 0.25)
    agree(value, nested(PARAMETERS, 0.25))
    agree(gradient, GRADIENT)


@both
def test_dataclasses(backend) -> None:
    def energy(b: Body, g: float) -> float:
        s = 0.0
        for _ in range(b.steps):
            s += 0.5 * b.mass * (b.place[0] ** 2 + g * b.place[1])
        return s

    got = irad.compile(irad.grad(energy, argnums=(0, 1)), backend=backend)(Body(2.0, (1.5, 3.0), 4), 9.0)
    agree(got, (Body(2.0 * (2.25 + 27.0), (12.0, 36.0), None), 12.0))  # type: ignore[arg-type]


@both
def test_outputs_of_jacobians_have_both_structures(backend) -> None:
    def f(p, x):
        return {"sum": p[0] + p[1] * x, "rest": (p[0] * p[1], [x * x, 3])}

    wanted = {"sum": (1.0, 4.0), "rest": ((3.0, 2.0), [(0.0, 0.0), None])}
    for transform in (irad.jacfwd, irad.jacrev):
        agree(irad.compile(transform(f), backend=backend)((2.0, 3.0), 4.0), wanted)
        x_only = {"sum": 3.0, "rest": (0.0, [8.0, None])}
        agree(irad.compile(transform(f, argnums=1), backend=backend)((2.0, 3.0), 4.0), x_only)


@both
def test_hessians_of_structures(backend) -> None:
    def f(p):
        return p["a"] * p["b"][0] ** 2 + p["b"][1] * p["a"]

    wanted = {"a": {"a": 0.0, "b": [6.0, 1.0]}, "b": [{"a": 6.0, "b": [4.0, 0.0]}, {"a": 1.0, "b": [0.0, 0.0]}]}
    agree(irad.compile(irad.hessian(f), backend=backend)({"a": 2.0, "b": [3.0, 5.0]}), wanted)
    v = {"a": 1.0, "b": [0.5, -1.0]}
    agree(irad.compile(irad.hvp(f), backend=backend)({"a": 2.0, "b": [3.0, 5.0]}, v), {"a": 2.0, "b": [8.0, 1.0]})


@both
def test_arrays_in_structures(backend) -> None:
    def f(p):
        return np.sum(p["w"] * p["w"]) * p["s"] + p["m"][1, 0]

    p = {"w": np.array([1.0, 2.0, 3.0]), "s": 0.5, "m": np.ones((2, 2)), "n": np.array([1, 2])}
    got = irad.compile(irad.grad(f), backend=backend)(p)
    assert list(got) == ["w", "s", "m", "n"]
    np.testing.assert_array_equal(got["w"], p["w"])
    agree(got["s"], 14.0)
    np.testing.assert_array_equal(got["m"], [[0.0, 0.0], [1.0, 0.0]])
    assert got["n"] is None


# -- has_aux ----------------------------------------------------------------------------------------------------------------


@both
def test_has_aux(backend) -> None:
    def f(x, n):
        return x * x, {"n": n, "half": x / 2.0, "label": "run", "pair": (x, [n])}

    aux = {"n": 3, "half": 2.5, "label": "run", "pair": (5.0, [3])}
    agree(irad.compile(irad.grad(f, has_aux=True), backend=backend)(5.0, 3), (10.0, aux))
    agree(irad.compile(irad.value_and_grad(f, has_aux=True), backend=backend)(5.0, 3), ((25.0, aux), 10.0))
    agree(irad.compile(irad.grad(f, argnums=(0,), has_aux=True), backend=backend)(5.0, 3), ((10.0,), aux))


def test_aux_is_differentiated_from_outside() -> None:
    def f(x):
        g, aux = irad.grad(lambda t: (t * t * x, t * x), has_aux=True)(x)
        return g + aux

    agree(irad.grad(f)(1.5), 4.0 * 1.5 + 2.0 * 1.5)  # d (2x^2 + x^2)


# -- vjp and jvp -------------------------------------------------------------------------------------------------------------


def pair(x, y, n):
    return {"p": x * y, "q": (math.sin(x) * n, y)}, n


@settings(max_examples=20, deadline=None)
@given(*[st.floats(-2.0, 2.0)] * 7)
def test_products_are_adjoint(x, y, dx, dy, a, b, c) -> None:
    """<ct, J dx> = <J' ct, dx>, in and out of compiled code."""

    def inside(x, y, dx, dy, a, b, c):
        out, back = irad.vjp(pair, x, y, 3)
        _, tangent = irad.jvp(pair, (x, y, 3), (dx, dy, None))
        return out, back(({"p": a, "q": (b, c)}, None)), tangent

    out, cts, tangent = irad.compile(inside)(x, y, dx, dy, a, b, c)
    agree(out, pair(x, y, 3))
    assert cts[2] is None
    assert tangent[1] is None
    t = tangent[0]
    agree(a * t["p"] + b * t["q"][0] + c * t["q"][1], cts[0] * dx + cts[1] * dy, 1e-12, 1e-12)
    value, back = irad.vjp(pair, x, y, 3)
    agree((value, back(({"p": a, "q": (b, c)}, None))), (out, cts))
    agree(irad.jvp(pair, (x, y, 3), (dx, dy, None)), (out, tangent))


def test_a_pullback_may_be_called_twice() -> None:
    def f(x, y):
        out, back = irad.vjp(lambda a, b: a * b * b, x, y)
        first, second = back(1.0), back(x)
        return out + first[0] * second[1]

    agree(irad.grad(f, argnums=(0, 1))(1.3, 0.7), tuple(closed(1.3, 0.7)))


def closed(x, y):
    """The gradient of x y^2 + y^2 * 2 x^2 y."""
    return y * y + 4.0 * x * y**3, 2.0 * x * y + 6.0 * x * x * y * y


def shared_with_its_tangent(x, y):
    u = x * x * 0.5 / y  # its tangent is x * (1 / y)
    return x * (1.0 / y) + 0.0 * u


@both
def test_values_beside_tangents_keep_their_bits(backend) -> None:
    """Rules that change last bits hold for derivative values, not for what the program computes itself."""
    value = irad.compile(lambda x, y: irad.jvp(shared_with_its_tangent, (x, y), (1.0, 0.0))[0], backend=backend)
    for x, y in np.random.default_rng(0).uniform(0.5, 5.0, (50, 2)).tolist():
        assert value(x, y) == shared_with_its_tangent(x, y)


@both
def test_zero_and_missing_tangents(backend) -> None:
    def f(x, y):
        return irad.jvp(lambda a, b: a * b, (x, y), (None, 1.0))[1] + irad.jvp(lambda a, b: a * b, (x, y), (2.0, 0.0))[1]

    agree(irad.compile(f, backend=backend)(3.0, 5.0), 13.0)


# -- stop_gradient -----------------------------------------------------------------------------------------------------------


@both
def test_stop_gradient(backend) -> None:
    def f(p, x):
        q = irad.stop_gradient({"a": p, "b": (x, [x * x])})
        return q["a"] * x + q["b"][0] * p + q["b"][1][0]

    got = irad.compile(irad.grad(f, argnums=(0, 1)), backend=backend)(2.0, 3.0)
    agree(got, (3.0, 2.0))
    agree(irad.compile(irad.jacfwd(f, argnums=(0, 1)), backend=backend)(2.0, 3.0), (3.0, 2.0))
    agree(irad.compile(f, backend=backend)(2.0, 3.0), 6.0 + 6.0 + 9.0)


# -- what may be transformed ---------------------------------------------------------------------------------------------------


class Model:
    scale = 3.0

    def __init__(self, w):
        self.w = w

    def loss(self, x):
        return self.scale * x * x

    __call__ = loss


def with_defaults(x, y=2.0, *, z=3.0):
    return x * y * z


@both
def test_callables(backend) -> None:
    def compiled(t):
        return irad.compile(t, backend=backend)

    agree(compiled(irad.grad(with_defaults))(1.5), 6.0)
    agree(compiled(irad.grad(with_defaults))(1.5, 4.0), 12.0)
    agree(compiled(irad.grad(with_defaults))(1.5, z=1.0), 2.0)
    agree(compiled(irad.grad(with_defaults))(1.5, y=5.0), 15.0)
    agree(compiled(irad.grad(partial(with_defaults, y=7.0)))(1.5), 21.0)
    agree(compiled(irad.grad(partial(product, 2.0)))(0.5, 0.3), 2.0 * math.sin(0.3))
    agree(compiled(irad.grad(lambda *xs: xs[0] * xs[1]))(3.0, 4.0), 4.0)
    agree(compiled(irad.grad(math.exp))(0.0), 1.0)
    agree(compiled(irad.grad(irad.compile(product)))(1.0, 2.0, 0.5), 4.0 * math.sin(0.5))
    agree(compiled(irad.grad(irad.compile(irad.grad(product))))(1.0, 2.0, 0.5), 0.0)


def test_methods() -> None:
    agree(irad.grad(Model(1.0).loss)(2.0), 12.0)


def test_functions_as_arguments() -> None:
    def apply(f, x):
        return f(f(x))

    agree(irad.grad(apply, argnums=1)(math.sin, 0.4), math.cos(math.sin(0.4)) * math.cos(0.4))
    k = 3.0
    agree(irad.grad(apply, argnums=1)(lambda t: k * t * t, 0.5), 4.0 * k**3 * 0.125)
    agree(irad.grad(lambda x: apply(irad.grad(lambda t: t * t * x), x))(2.0), 12.0 * 4.0)  # (2x)^2 x = 4 x^3


def test_transforms_keep_names_and_nest_with_options() -> None:
    g = irad.grad(product, argnums=(0, 2))
    assert g.__doc__ == product.__doc__
    assert g.__name__ == "grad(product)"
    h = irad.compile(irad.jacfwd(g, argnums=1), fast_math=True)
    point = (1.5, 0.7, -0.4)
    agree(h(*point), (derivative(product, point, (0, 1)), derivative(product, point, (2, 1))))
    ahead = irad.compile(irad.grad(product), signature="float, float, float")
    before = ahead.cache_info().programs
    agree(ahead(*point), derivative(product, point, (0,)))
    assert ahead.cache_info().programs == before == 1


# -- refusals ------------------------------------------------------------------------------------------------------------------


def refusal(f, *args) -> str:
    with pytest.raises(irad.CompileError) as found:
        f(*args)
    return str(found.value)


def test_integers_are_refused_with_the_remedy() -> None:
    for transform in (irad.grad, irad.jacfwd, irad.jacrev, irad.hessian, irad.value_and_grad):
        for wrong in (3, True, "3", None, (1, 2), np.array([1, 2])):
            message = refusal(transform(lambda x: 1.0), wrong)
            assert "not-a-float" in message, (transform, wrong, message)
        assert "pass a float: 3.0, not 3" in refusal(transform(lambda x: x * 1.0), 3)


def test_results_that_are_no_number_are_refused() -> None:
    for wrong in (
        lambda x: (x, x),
        lambda x: [x],
        lambda x: None,
        lambda x: "x",
        lambda x: x > 0.0,
        lambda x: 3,
        lambda x: {"a": x},
    ):
        for transform in (irad.grad, irad.value_and_grad, irad.hessian):
            refusal(transform(wrong), 1.0)
    refusal(irad.grad(lambda x: x * 2.0), np.array([1.0, 2.0]))
    refusal(irad.grad(lambda x: x, has_aux=True), 1.0)


def test_writes_under_a_derivative_are_refused() -> None:
    def f(x):
        x[0] = 2.0 * x[0]
        return x[0] * x[1]

    x = np.array([1.0, 2.0])
    for transform in (irad.grad, irad.jacfwd, irad.value_and_grad):
        assert "write-under-derivative" in refusal(transform(f), x)
    np.testing.assert_array_equal(x, [1.0, 2.0])

    def copies(x):
        x = x.copy()
        return f(x)

    for backend in BACKENDS:
        np.testing.assert_array_equal(irad.compile(irad.grad(copies), backend=backend)(x), [4.0, 2.0])


def test_structures_that_do_not_match_are_refused() -> None:
    _, back = irad.vjp(lambda x, y: (x * y, [x]), 2.0, 3.0)
    for wrong in (1.0, (1.0, 1.0), (1.0, [1.0, 2.0]), ("a", [1.0])):
        refusal(back, wrong)
    for primals, tangents in (((1.0,), (1.0, 2.0)), ((1.0, 2.0), (1.0, (2.0,))), ((1.0, 2.0), ("a", None))):
        with pytest.raises(irad.CompileError):
            irad.jvp(lambda *xs: xs[0], primals, tangents)
    for nothing in (3, None, "f"):
        for transform in (irad.grad, irad.hvp, irad.jacrev):
            with pytest.raises(irad.CompileError):
                transform(nothing)


# -- NaN -----------------------------------------------------------------------------------------------------------------------


@both
def test_nan_and_infinity_are_not_zero(backend) -> None:
    def compiled(f):
        return irad.compile(irad.grad(f), backend=backend)

    assert math.isnan(compiled(lambda x: x * x)(math.nan))
    assert math.isnan(compiled(lambda x: math.sqrt(x))(-1.0))
    assert compiled(lambda x: math.sqrt(x))(0.0) == math.inf
    assert compiled(lambda x: math.log(x))(0.0) == math.inf
    assert compiled(lambda x: 1.0 / x)(0.0) == -math.inf
    assert math.isnan(compiled(lambda x: math.sin(x))(math.inf))
    assert math.isnan(compiled(lambda x: x * math.nan)(1.0))
    assert math.isnan(compiled(lambda x: x + math.sqrt(x) if x == 0.0 else x * math.nan)(1.0))


@both
def test_the_branch_not_taken_gives_no_nan(backend) -> None:
    def f(x):
        return math.sqrt(x) if x > 0.0 else 0.0

    def chosen(x):
        return np.sum(np.where(x > 0.0, np.sqrt(np.where(x > 0.0, x, 1.0)), 0.0))

    assert irad.compile(irad.grad(f), backend=backend)(0.0) == 0.0
    assert irad.compile(irad.hessian(f), backend=backend)(0.0) == 0.0
    np.testing.assert_array_equal(irad.compile(irad.grad(chosen), backend=backend)(np.array([0.0, 4.0])), [0.0, 0.25])
