"""Functions of the C library stand together, before the arithmetic between them; what may fail stays in its order."""

import numpy as np
import pytest

import irad
from irad.optimize.early import call_early


def names(module):
    return [n.fn.name for n in module.entry.body]


def moved(f, *args):
    """The operations of a function before and after."""
    module = irad.ir(f, *args).module
    return names(module), names(call_early(module))


def test_calls_and_what_they_need_come_first():
    def f(x, y):
        a = np.sin(x) * 3.0
        b = a * a + x
        return b * np.cos(y * 2.0) + a

    before, after = moved(f, 1.0, 2.0)
    assert before == ["sin", "mul", "mul", "add", "mul", "cos", "mul", "add"]
    assert after == ["sin", "mul", "cos", "mul", "mul", "add", "mul", "add"]


def test_a_call_of_what_a_call_made_stays_behind_it():
    def f(x):
        a = np.sin(x) + 1.0
        b = a * 3.0 - x
        return np.exp(a) * b

    _, after = moved(f, 1.0)
    assert after[:3] == ["sin", "add", "exp"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, v, i: np.sin(x) * x + 1.0,  # one call
        lambda x, v, i: np.sin(x) * np.cos(x),  # they stand together
        lambda x, v, i: (np.sin(x) * x, np.exp(x) if x > 0.0 else 1.0),  # another graph
        lambda x, v, i: np.sin(x) * (7 // i) + np.sin(v[i]),  # it would pass a division that may fail
    ],
)
def test_others_stay(f):
    module = irad.ir(f, 1.0, np.arange(20.0), 2).module
    assert call_early(module) is module


def test_elements_are_read_before_they_are_written_to():
    """An element that is read early is the one of then; what raises first still does."""

    def f(v, i, j):
        a = np.sin(v[i]) * 3.0
        v = v.copy()
        v[0] = a
        b = a * np.exp(v[j]) + v[0]
        v[1] = b
        return b + np.cos(v[i]) * v[1]

    compiled = irad.compile(f)
    v = np.arange(20.0) / 7.0
    for i in (-1, 0, 1, 19, 20):
        for j in (-21, 0, 1, 3):
            try:
                want = f(v, i, j)
            except IndexError as e:
                with pytest.raises(IndexError, match=str(e).split(" is")[0]):
                    compiled(v, i, j)
            else:
                assert compiled(v, i, j) == pytest.approx(want, rel=1e-14)
