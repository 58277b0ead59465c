"""Quotients become products where that is a rounding, and nowhere else."""

import math

import numpy as np
import pytest

import irad

POLES = {
    "a pole": lambda x, s: 1.0 / (1.0 - x / s),
    "arcsin": lambda x, s: np.arcsin(x / s),
    "arctanh": lambda x, s: np.arctanh(x / s),
    "sqrt": lambda x, s: np.sqrt(1.0 - x / s),
    "log": lambda x, s: np.log(x / s - 1.0),
    "a corner": lambda x, s: abs(x / s - 1.0),
    "a choice": lambda x, s: np.where(x / s >= 1.0, 2.0 * x, 3.0 * s),
    "an extreme": lambda x, s: np.maximum(x / s, 1.0) * x,
}


@pytest.mark.parametrize("name", POLES)
def test_where_a_quotient_is_exact_its_derivatives_are_as_of_the_exact_one(name):
    """49 * (1 / 49) is below 1."""
    f = POLES[name]
    assert 49.0 * (1.0 / 49.0) < 1.0
    with np.errstate(all="ignore"):
        _, want = irad.value_and_grad(f, argnums=(0, 1))(49.0, 49.0)  # returns the value, so that it is exact
        np.testing.assert_array_equal(irad.grad(f, argnums=(0, 1))(49.0, 49.0), want)


def test_those_that_only_derivatives_are_computed_from_are_products():
    def normal(x, y):
        return math.erf(x / math.sqrt(2.0)) * y

    def shared(x, y, s):
        return (x / s) * (y / s) * (x / s)

    assert "div" not in irad.ir(irad.grad(normal), 1.0, 2.0).operations
    assert irad.ir(irad.grad(shared, argnums=(0, 1, 2)), 1.0, 2.0, 3.0).operations["div"] == 1
    assert irad.ir(irad.value_and_grad(normal), 1.0, 2.0).operations["div"] == 1
    for f, args in ((normal, (0.3, 1.7)), (shared, (0.3, 1.7, 2.1))):
        gradient = irad.grad(f, argnums=tuple(range(len(args))))(*args)
        np.testing.assert_allclose(gradient, irad.value_and_grad(f, argnums=tuple(range(len(args))))(*args)[1], rtol=1e-14)
