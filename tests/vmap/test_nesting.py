"""vmap and derivatives in each other: each word of transforms against loops of calls, and against each other."""

import math

import numpy as np
import pytest

import irad
from tests.derivatives.oracles import agree
from tests.vmap import reference

RNG = np.random.default_rng(3)
MEANS, ECCENTRICITIES = RNG.uniform(0.0, 3.0, 7), RNG.uniform(0.0, 0.9, 7)
ROWS = RNG.uniform(0.5, 2.0, (4, 3))


def kepler(mean, eccentricity):
    """Kepler's equation by Newton's method until it converges: as many trips as each point needs."""
    e, step = mean, 1.0
    while abs(step) > 1e-12:
        step = (e - eccentricity * math.sin(e) - mean) / (1.0 - eccentricity * math.cos(e))
        e = e - step
    return e


def kepler_gradient(mean, eccentricity):
    """By the implicit function theorem."""
    e = kepler(mean, eccentricity)
    return 1.0 / (1.0 - eccentricity * math.cos(e)), math.sin(e) / (1.0 - eccentricity * math.cos(e))


def energy(x, w=2.0):
    """Of a row: a loop, a branch, and arrays as wholes."""
    total = np.sum(np.sin(x) * w)
    for i in range(1, len(x)):
        total += (x[i] - x[i - 1]) ** 3 if x[i] > x[i - 1] else x[i] * x[i - 1] * w
    return total


def pair(x):
    return np.array([x[0] * x[1], np.sin(x[2]) * x[0]])


def rows_of(f, *args):
    return reference.stacked([f(*row) for row in zip(*args, strict=True)], 0)


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
def test_gradients_of_a_loop_until_convergence(backend):
    want = rows_of(kepler_gradient, MEANS, ECCENTRICITIES)
    got = irad.compile(irad.vmap(irad.grad(kepler, argnums=(0, 1))), backend=backend)(MEANS, ECCENTRICITIES)
    agree(got, want, rtol=1e-11)
    outside = irad.grad(lambda m, e: np.sum(irad.vmap(kepler)(m, e)), argnums=(0, 1))
    agree(irad.compile(outside, backend=backend)(MEANS, ECCENTRICITIES), want, rtol=1e-11)


def test_second_derivatives_of_a_loop_until_convergence():
    second = irad.grad(irad.grad(kepler))
    want = np.array([second(float(m), float(e)) for m, e in zip(MEANS, ECCENTRICITIES, strict=True)])
    agree(irad.vmap(second)(MEANS, ECCENTRICITIES), want, rtol=1e-12)
    outside = irad.hvp(lambda m: np.sum(irad.vmap(kepler)(m, ECCENTRICITIES)))
    agree(outside(MEANS, np.ones(7)), want, rtol=1e-10)


WORDS = {  # of transforms: the word, and the same by loops of calls
    "vmap grad": (lambda x: irad.vmap(irad.grad(energy))(x), lambda x: rows_of(irad.grad(energy), x)),
    "vmap value_and_grad": (
        lambda x: irad.vmap(irad.value_and_grad(energy))(x),
        lambda x: rows_of(irad.value_and_grad(energy), x),
    ),
    "grad vmap": (lambda x: irad.grad(lambda y: np.sum(irad.vmap(energy)(y)))(x), lambda x: rows_of(irad.grad(energy), x)),
    "vmap hessian": (lambda x: irad.vmap(irad.hessian(energy))(x), lambda x: rows_of(irad.hessian(energy), x)),
    "vmap hvp": (lambda x: irad.vmap(irad.hvp(energy))(x, x), lambda x: rows_of(irad.hvp(energy), x, x)),
    "vmap jacobian": (lambda x: irad.vmap(irad.jacobian(pair))(x), lambda x: rows_of(irad.jacobian(pair), x)),
    "vmap jacfwd vmap": (
        lambda x: irad.vmap(irad.jacfwd(lambda r: irad.vmap(math.sin)(r * r)))(x),
        lambda x: rows_of(lambda r: np.diag(2.0 * r * np.cos(r * r)), x),
    ),
    "vmap vmap grad": (
        lambda x: irad.vmap(irad.vmap(irad.grad(math.sin)), in_axes=1, out_axes=1)(x),
        lambda x: np.cos(x),
    ),
    "vmap jvp": (
        lambda x: irad.vmap(lambda r: irad.jvp(energy, (r,), (r,)))(x),
        lambda x: rows_of(lambda r: irad.jvp(energy, (r,), (r,)), x),
    ),
    "vmap vjp": (
        lambda x: irad.vmap(lambda r: irad.vjp(pair, r)[1](np.array([1.0, 2.0]))[0])(x),
        lambda x: rows_of(lambda r: irad.vjp(pair, r)[1](np.array([1.0, 2.0]))[0], x),
    ),
    "grad vmap grad": (
        lambda x: irad.grad(lambda y: np.sum(irad.vmap(irad.grad(energy))(y) * x))(x),
        lambda x: rows_of(irad.hvp(energy), x, x),
    ),
    "jvp vmap": (
        lambda x: irad.jvp(irad.vmap(energy), (x,), (x,))[1],
        lambda x: rows_of(lambda r: irad.jvp(energy, (r,), (r,))[1], x),
    ),
    "hvp vmap": (
        lambda x: irad.hvp(lambda y: np.sum(irad.vmap(energy)(y)))(x, x),
        lambda x: rows_of(irad.hvp(energy), x, x),
    ),
    "jacobian vmap": (
        lambda x: irad.jacobian(irad.vmap(pair))(x),
        lambda x: block_diagonal(rows_of(irad.jacobian(pair), x)),
    ),
}


def block_diagonal(blocks):
    """[n, m, k] as the Jacobian [n, m, n, k] of a function of rows."""
    n, m, k = blocks.shape
    out = np.zeros((n, m, n, k))
    for i in range(n):
        out[i, :, i] = blocks[i]
    return out


@pytest.mark.parametrize("word", WORDS)
def test_words(word):
    transformed, looped = WORDS[word]
    want = looped(ROWS)
    agree(irad.compile(transformed)(ROWS), want, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", ["interpreter", "source"])
def test_words_on_other_backends(backend):
    for word in ("vmap grad", "grad vmap", "vmap jacobian", "grad vmap grad"):
        transformed, looped = WORDS[word]
        agree(irad.compile(transformed, backend=backend)(ROWS), looped(ROWS), rtol=1e-11, atol=1e-13)


def test_what_is_shared_collects_from_all_trips():
    """The gradient in an argument with the axis None is the sum over the batch."""

    def loss(w, x):
        return np.sum(irad.vmap(lambda p, r: np.tanh(r @ p["w"]) + p["b"], in_axes=(None, 0))(w, x) ** 2)

    w = {"w": np.array([0.3, -0.2, 0.5]), "b": 0.1}
    y = np.tanh(ROWS @ w["w"])
    delta = 2.0 * (y + 0.1)
    agree(irad.grad(loss)(w, ROWS), {"w": (delta * (1.0 - y * y)) @ ROWS, "b": float(np.sum(delta))}, rtol=1e-12)
    irad.check_grads(loss, (w, ROWS), order=2)


def test_axes_and_derivatives():
    """Batches along the last axis, in and out."""

    def f(x):
        return np.sum(irad.vmap(lambda c: np.cumsum(c) * c[0], in_axes=-1, out_axes=1)(x) ** 2)

    irad.check_grads(f, (ROWS,), order=2)
    agree(irad.vmap(irad.grad(np.sum), in_axes=-1, out_axes=-1)(ROWS), np.ones_like(ROWS))


def test_empty_batches():
    empty = np.zeros((0, 3))
    agree(irad.vmap(irad.grad(energy))(empty), empty)
    agree(irad.grad(lambda x: np.sum(irad.vmap(energy)(x)))(empty), empty)
    assert irad.vmap(irad.jacobian(pair))(empty).shape == (0, 2, 3)
