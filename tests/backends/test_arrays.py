"""Arrays through the native call: read where they are, made anew or handed over, never leaked."""

from __future__ import annotations

import gc
import resource
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import irad

DTYPES = [np.float64, np.float32, np.int64, np.int32, np.bool_]
plus_itself = irad.compile(lambda x: (x, x + x))


@st.composite
def laid_out(draw: st.DrawFn) -> np.ndarray:
    """An array of any dtype, rank and layout."""
    x = draw(arrays(draw(st.sampled_from(DTYPES)), array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)))
    layout = draw(st.sampled_from(["C", "F", "reversed", "strided", "read only", "unaligned"]))
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return x[..., ::-1]
    if layout == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "unaligned":
        raw = np.zeros(x.nbytes + 1, np.uint8)
        out = raw[1:].view(x.dtype).reshape(x.shape)
        out[...] = x
        return out
    x.flags.writeable = layout == "C"
    return x


@settings(max_examples=60, deadline=None)
@given(laid_out())
def test_arguments_of_any_layout(x: np.ndarray) -> None:
    for _ in range(2):  # the first call goes the slow way, the second through machine code where the layout fits
        same, double = plus_itself(x)
        for got, wanted in ((same, x), (double, x + x)):
            assert type(got) is np.ndarray
            assert got.dtype == wanted.dtype
            assert got.shape == wanted.shape
            np.testing.assert_array_equal(got, wanted)
            assert got.flags.c_contiguous
            assert got.flags.writeable


def test_results_are_the_callers_own() -> None:
    x = np.arange(3.0)
    same, double = plus_itself(x)
    same[0] = double[0] = 7.0
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert plus_itself(x)[1].tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("n", [10, 100_000])
def test_nothing_leaks(n: int) -> None:
    f = irad.compile(lambda x: (x * 2.0, [x.sum(), x + 1.0]))
    failing = irad.compile(lambda x, i: (x * 2.0, x[i]))
    x = np.ones(n)

    def work(times: int) -> None:
        for _ in range(times):
            f(x)
            with pytest.raises(IndexError):
                failing(x, n)

    work(20)
    gc.collect()
    references, size = sys.getrefcount(x), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(300)
    assert sys.getrefcount(x) == references
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size < 30_000  # kB; 300 results of 100,000 are 480,000


def test_a_large_result_outlives_its_program() -> None:
    big = irad.compile(lambda x: x * 3.0)(np.ones(100_000))
    gc.collect()
    assert big.base is not None
    assert (big == 3.0).all()


SHIFT = np.array([1.0, 2.0, 3.0])


def test_captured_arrays_are_read_at_each_call() -> None:
    global SHIFT

    def make(w: np.ndarray) -> object:
        return irad.compile(lambda x: (x * w + SHIFT).sum())

    w = np.array([1.0, 1.0, 1.0])
    f = make(w)
    assert f(2.0) == 12.0
    w[0] = 5.0
    SHIFT[2] = 0.0
    assert f(2.0) == 17.0
    before, SHIFT = SHIFT, np.zeros((2, 3))
    assert f(2.0) == 28.0
    SHIFT = before
    assert f(2.0) == 17.0
