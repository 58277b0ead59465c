"""Regions whose vertices are arrays: what orders cost, and that no infinite derivative of a side that was not taken shows."""

import itertools
from random import Random

import numpy as np
import pytest

import irad
from irad.elimination.places import Incompatible, solved
from irad.primitives.terms import Form, Label

N = 40
X = np.linspace(-1.0, 1.0, N + 1)[:N]
X[N // 2] = 0.0
RNG = np.random.default_rng(0)
W, V = RNG.normal(size=(9, N)), RNG.normal(size=(N, N))


def orders(f, *args, count=3):
    """Random orders of its vertices, by their names."""
    region = irad.elimination.region(f, *args)
    names = [region.vertices[v].name for v in region.inner]
    return [tuple(Random(seed).sample(names, len(names))) for seed in range(count)]


def test_diagonals_selections_and_sums_stay():
    """Products of diagonals cost n, of elements that are moved nothing: no order makes anything dense."""

    def chain(x):
        return np.tanh(np.exp(np.sin(np.cos(x))))

    def moved(x):
        return np.sum(np.concatenate([x, np.tanh(x[::-1])]).reshape(8, -1).T, axis=0), np.roll(x, 3)[1::2]

    region = irad.elimination.region(chain, X)
    assert {region.count(order, "folded") for order in ("forward", "reverse", "markowitz", [2, 1, 3])} == {3 * N}
    assert {region.count(order) for order in ("forward", "reverse")} == {3}
    region = irad.elimination.region(moved, X)
    assert region.count("reverse", "folded") == region.count("forward", "folded") == 0


def test_products_of_matrices_cost_what_they_take():
    def layers(x):
        return np.sin(x[:3] @ np.reshape(x, (3, -1))[:, :7]) @ np.reshape(x, (-1, 4))[:7]

    region = irad.elimination.region(layers, np.linspace(0.1, 1.0, 60))
    least = min(region.count(order, "folded") for order in ("forward", "reverse", "markowitz"))
    found = region.search(metric="folded", moves=200)
    assert 0 < found.cost == region.count(found.order, "folded") <= least
    assert region.lower_bound("folded") <= found.cost
    text = irad.elimination.to_text(region, found.order)
    assert irad.elimination.from_text(region, text) == found.order


def taken(x):
    return W @ np.where(x > 0, np.log(x), 0.0) * np.sum(x)


def taken_twice(x):
    y = V @ np.maximum(x, 0.0)
    return np.where(y > 0, np.sqrt(y), 0.0)


def taken_then_moved(x):
    y = np.where(x > 0, 1.0 / x, 0.0)
    z = np.where(x > 0.5, y * y, x)
    return z[1:] * z[:-1]


def taken_then_gathered(x):
    return W @ np.where(x > 0, np.sqrt(x), 0.0)[np.arange(N) * 7 % N]


@pytest.mark.parametrize("f", [taken, taken_twice, taken_then_moved, taken_then_gathered])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_was_not_taken_adds_nothing(f):
    want = irad.jacfwd(f)(X)
    assert np.all(np.isfinite(want))
    for order in (*orders(f, X), "markowitz"):
        np.testing.assert_allclose(irad.jacobian(f, order=order)(X), want, rtol=1e-12, atol=1e-12)


def test_places_that_are_arguments():
    def f(x, at, k):
        return np.tanh(x)[at] * x[k], np.exp(x[at])[::3], np.outer(x, x)[at, at[::-1]]

    at = np.array([3, 7, 7, -1, 0, 5, 6, 29, 12, 3])
    want = irad.jacfwd(f)(X, at, 4)
    for order in (*orders(f, X, at, 4), "auto"):
        for got, w in zip(irad.jacobian(f, order=order)(X, at, 4), want, strict=True):
            np.testing.assert_allclose(got, w, rtol=1e-12, atol=1e-12)
    with pytest.raises(IndexError, match="40"):
        irad.jacobian(f, order="markowitz")(X, np.where(at == 5, N, at), 4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_and_everything_may_vary(dtype):
    """Results that are the argument, or constant, or empty; and in single precision."""

    def f(x):
        return x, np.ones(30), x[:0], x[3:4], x * x, np.zeros(3)

    x = X.astype(dtype)
    for got, want in zip(irad.jacobian(f, order="markowitz")(x), irad.jacfwd(f)(x), strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_array_equal(got, want)


def drawn_form(rng, size):
    """Places along an axis, by one label or two; None where they would not be inside."""
    if rng.random() < 0.4:
        strides = ((Label(rng.choice((2, 3, 4, 6, 8, 12, 24))), rng.choice((1, 1, 1, 2, 3, -1, -2))),)
    else:
        a, b = rng.choice(((2, 3), (3, 4), (4, 6), (6, 4), (2, 12), (12, 2), (3, 2)))
        step = rng.choice((1, 1, 2))
        strides = ((Label(a), b * step * rng.choice((1, 1, 2))), (Label(b), step))
    ends = [stride * (label.size - 1) for label, stride in strides]
    low, high = -sum(e for e in ends if e < 0), size - 1 - sum(e for e in ends if e > 0)
    return Form(rng.choice((low, rng.randint(low, high))), strides) if low <= high else None


def places(form, values):
    return form.start + sum(stride * values[label] for label, stride in form.strides)


def all_values(labels):
    for ks in itertools.product(*[range(label.size) for label in labels]):
        yield dict(zip(labels, ks, strict=True))


def test_places_in_common_are_all_that_there_are():
    rng, checked = Random(0), 0
    while checked < 400:
        size = rng.choice((12, 24, 48))
        f, g = drawn_form(rng, size), drawn_form(rng, size)
        if f is None or g is None:
            continue
        both = [*f.labels, *g.labels]
        want = {tuple(v.values()) for v in all_values(both) if places(f, v) == places(g, v)}
        try:
            found = solved(f, g, size)
        except Incompatible:
            continue
        checked += 1
        if found is None:
            assert not want
            continue
        forms = [found.get(label, Form(0, ((label, 1),))) for label in both]
        free = list(dict.fromkeys(label for form in forms for label in form.labels))
        got = [tuple(places(form, v) for form in forms) for v in all_values(free)]
        assert len(got) == len(set(got))
        assert set(got) == want, (f, g, size)
