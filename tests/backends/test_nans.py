"""debug_nans: the first operation that gives nan raises, with its line, in values and in derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import irad

BACKENDS = ("llvm", "interpreter", "source")


def roots(x, n):
    total = 0.0
    for i in range(n):
        if x > 0.0:
            total = total + math.sqrt(x - i)  # roots
    return total


def distance(x):
    return math.sqrt(x * x)  # distance


def entropy(p):
    return -np.sum(p * np.log(p))  # entropy


def untaken(x, n):
    y = 0.0
    for _ in range(n):
        y = y + (math.inf - math.inf) * x
    return y + (math.log(x) if x > 0.0 else x)


def dead(x):
    unread = math.sqrt(-1.0 - x * x)
    return x if unread is not None else 0.0


def raised(f: Any, *args: Any) -> tuple[str, str]:
    """The message of the FloatingPointError that a call raises, and the note with the line."""
    with pytest.raises(FloatingPointError) as caught:
        f(*args)
    return str(caught.value), "\n".join(caught.value.__notes__)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_nan_of_a_value_raises_with_its_line(backend):
    f = irad.compile(roots, debug_nans=True, backend=backend)
    assert f(2.5, 3) == roots(2.5, 3)
    message, note = raised(f, 2.5, 5)
    assert message == "`sqrt` gave nan from -0.5"
    assert "raised at test_nans.py:" in note
    assert "# roots" in note
    assert "^" in note
    message, note = raised(irad.compile(entropy, debug_nans=True, backend=backend), np.array([0.5, 0.0]))
    assert message == "`mul` gave nan"
    assert "# entropy" in note


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_nan_of_a_derivative_raises_with_the_line_of_its_primal(backend):
    gradient = irad.compile(irad.grad(distance), debug_nans=True, backend=backend)
    assert gradient(2.0) == 1.0
    message, note = raised(gradient, 0.0)
    assert "in the derivative of this line" in message
    assert "# distance" in note
    message, _ = raised(irad.compile(irad.jacfwd(distance), debug_nans=True, backend=backend), 0.0)
    assert "gave nan" in message


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_python_does_not_compute_raises_nothing(backend):
    for f in (untaken, irad.grad(untaken)):
        g = irad.compile(f, debug_nans=True, backend=backend)
        assert g(-1.0, 0) == irad.compile(f)(-1.0, 0)
    raised(irad.compile(untaken, debug_nans=True, backend=backend), -1.0, 1)
    assert irad.compile(dead, debug_nans=True, backend=backend)(3.0) == 3.0


def test_programs_without_the_option_have_no_checks():
    assert irad.ir(irad.grad(roots), 2.0, 3).operations["assert"] == 0
    assert irad.ir(irad.compile(irad.grad(roots), debug_nans=True), 2.0, 3).operations["assert"] > 0


def test_a_transform_of_a_compiled_function_keeps_what_compile_was_told():
    raised(irad.grad(irad.compile(distance, debug_nans=True)), 0.0)
    raised(irad.compile(irad.grad(distance), debug_nans=True), 0.0)
    raised(lambda x: irad.jvp(irad.compile(distance, debug_nans=True), (x,), (1.0,)), 0.0)
    raised(lambda x: irad.vjp(irad.compile(distance, debug_nans=True), x)[1](1.0), 0.0)
    assert math.isnan(irad.grad(distance)(0.0))
