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


LIKE = ("np.zeros_like({})", "np.ones_like({}) + 1.0", "np.full_like({}, 2.0)")


@pytest.mark.parametrize("made", LIKE)
def test_an_array_like_another_has_its_order(made):
    """Where that is not known, a ravel may be a copy or a view: what is written through it is refused."""
    unknown = function_of(f"z = {made.format('x')}; z.ravel()[0] = 5.0; return z", ["x"])
    with pytest.raises(irad.CompileError, match="view-write"):
        irad.compile(unknown)(np.ones((2, 3)))
    known = function_of(f"z = {made.format('x.T.copy()')}; z.ravel()[0] = 5.0; return z", ["x"])
    np.testing.assert_array_equal(irad.compile(known)(np.ones((2, 3))), known(np.ones((2, 3))))
