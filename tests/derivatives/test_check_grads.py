"""check_grads: passes what is right, names what is wrong, and refuses what cannot be checked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from irad.primitives import REGISTRY
from tests.derivatives import test_nesting


class Point(NamedTuple):
    x: float
    label: str
    y: float


def structured(p, xs, n):
    s = p.x * xs[0]
    for _ in range(n):
        s = math.sin(s) + p.y * xs[1]["w"]
    return {"value": s, "count": n, "squares": (s * s, [p.x * p.y])}


@settings(max_examples=5, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.integers(0, 4))
def test_structures(x, y, n) -> None:
    irad.check_grads(structured, (Point(x, "p", y), [0.5, {"w": y}], n))


@pytest.mark.parametrize("f", test_nesting.FUNCTIONS[2:5], ids=lambda f: f.__name__)
def test_functions_with_derivatives_inside(f) -> None:
    irad.check_grads(f, test_nesting.POINT, rtol=1e-5)


def test_arrays_and_transformed_functions() -> None:
    x = np.array([[0.3, 0.7], [1.1, -0.4]])
    irad.check_grads(lambda a: np.sum(np.exp(a) * a.T), (x,))
    irad.check_grads(lambda a: a @ a, (x,))
    irad.check_grads(irad.grad(lambda a: np.sum(a * a * a)), (x,))
    irad.check_grads(irad.compile(irad.value_and_grad(lambda t: t * t * math.cos(t))), (0.7,), order=1)
    irad.check_grads(lambda t: t**4, (0.7,), order=3)


@pytest.fixture
def wrong_tanh(monkeypatch: pytest.MonkeyPatch):
    """tanh with a derivative that forgets the square."""
    monkeypatch.setattr(REGISTRY["tanh"], "partials", lambda b, out, x: (lambda: b.sub(b.like(1.0, x), out),))


def test_a_wrong_rule_is_found(wrong_tanh) -> None:
    with pytest.raises(AssertionError, match="forward mode, order 1, against differences"):
        irad.check_grads(lambda x: math.tanh(x) * 2.0, (0.5,))


def test_a_wrong_second_derivative_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """sin' = cos, but cos' = -sin * 1.001: the first order is right."""
    monkeypatch.setattr(REGISTRY["cos"], "partials", lambda b, out, x: (lambda: b.mul(b.sin(x), b.like(-1.001, x)),))
    f = lambda x: math.sin(x)  # noqa: E731
    irad.check_grads(f, (0.5,), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        irad.check_grads(f, (0.5,), order=2)


def test_modes_that_disagree_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reverse rule that loses a sign: forward mode is right."""
    monkeypatch.setattr(REGISTRY["sub"], "vjp", lambda b, out, x, y, ct: (ct, ct))
    with pytest.raises(AssertionError, match="reverse mode, order 1, against forward mode"):
        irad.check_grads(lambda x, y: x * x - y * 3.0, (0.5, 0.25))


def test_stopped_and_jumping_gradients_are_found() -> None:
    with pytest.raises(AssertionError):
        irad.check_grads(lambda x: x * irad.stop_gradient(x), (0.5,))
    with pytest.raises(AssertionError):
        irad.check_grads(lambda x: 1.0 if x > 0.5 else 0.0, (0.5,))


def test_what_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="not finite"):
        irad.check_grads(lambda x: math.log(x), (0.0,))
    with pytest.raises(ValueError, match="order"):
        irad.check_grads(lambda x: x, (0.5,), order=0)
    for f, args in ((lambda n: n * 2, (3,)), (lambda x: 3, (1.0,)), (lambda x: x, 1.0), (lambda x: x, "x"), (3, (1.0,))):
        with pytest.raises(irad.CompileError):
            irad.check_grads(f, args)
