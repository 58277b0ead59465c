"""A reshape of a view of an array in C order shares memory exactly where NumPy's does, or its writes are refused."""

import itertools

import numpy as np
import pytest

import irad
from tests.library.agree import function_of, outcome

ITEMS = (":", "1:", ":2", "::2", "::-1", "0", "None")
INDICES = [*itertools.product(ITEMS, repeat=2), *itertools.product(ITEMS[:3], ITEMS, ITEMS[:2])]


@pytest.mark.parametrize("shape", [(3, 4, 2), (1, 3, 2)], ids=str)
def test_writes(shape):
    shared, refused = 0, set()
    for index in INDICES:
        written = function_of(f"z = x.copy(); u = z[{', '.join(index)}].reshape(-1); u *= 2.0; return z", ["x"])
        x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
        got = outcome(irad.compile(written, backend="interpreter"), [x])
        if isinstance(got, irad.CompileError):
            refused.add(got.diagnostic.name)
            continue
        want = written(x)
        shared += want.sum() > x.sum()
        assert np.array_equal(got, want), index
    assert shared > 5
    assert refused == {"view-write"}


def test_known_to_share():
    def written(x):
        z = x.copy()
        u = z[1:].reshape(-1)
        u *= 2.0
        z[2].reshape(2, 2)[1, 0] = 7.0
        z[1:2, 2:][:, :1].reshape(-1)[0] = 8.0
        return z

    x = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(irad.compile(written)(x), written(x))


def flat(x):
    return x.reshape(-1)


def summed(x):
    return x.reshape(-1).sum()


@pytest.mark.parametrize("statement", ["x[0, 0] = 3.0", "flat(x)[0] = 3.0", "y[0] = 3.0"])
def test_reshaped_in_a_function(statement):
    """Who calls it does not know whether the memory is shared."""
    f = function_of(f"y = flat(x); {statement}; return y", ["x"])
    f.__globals__["flat"] = flat
    with pytest.raises(irad.CompileError, match="share memory"):
        irad.compile(f)(np.ones((2, 2)))


def test_reshaped_in_a_function_that_keeps_nothing():
    def f(x):
        total = summed(x)
        x[0, 0] = 3.0
        return total + x.sum()

    assert irad.compile(f)(np.ones((2, 2))) == 10.0


RESULTS = ("z + 0.5", "z * z[0]", "z[1:] / z[0]", "z * np.ones((2, 1, 1))")


@pytest.mark.parametrize("result", RESULTS)
def test_operations_keep_the_order_of_their_operands(result):
    """What is repeated has no say in it."""
    f = function_of(f"z = x.copy(); y = {result}; u = y.reshape(-1); u[1] = 9.0; return y", ["x"])
    x = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(irad.compile(f)(x), f(x))


@pytest.mark.parametrize("result", ["z.T * z[:, 0]", "np.sin(z.T)", "np.maximum(z.T, z.T)", "z.T[:, :1] + np.zeros((4, 1))"])
def test_operations_on_turned_arrays(result):
    f = function_of(f"z = x.copy(); y = {result}; u = y.reshape(-1); u[1] = 9.0; return y", ["x"])
    x = np.arange(12.0).reshape(3, 4)
    got = outcome(irad.compile(f), [x])
    assert isinstance(got, irad.CompileError) or np.array_equal(got, f(x))
