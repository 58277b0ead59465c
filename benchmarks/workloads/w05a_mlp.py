# ruff: noqa
# Copied from ../shared/bench/w05a_mlp.py (November 2026) and kept as it is but for layout.
"""MLP 784-256-128-10, batch 64, float32: gradient wrt all weights (bound by sgemm)."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "MLP 784-256-128-10, batch 64, f32", "grad", (0, 1, 2, 3, 4, 5), (1, 2)
SKIP = {"enzyme": "library calls", "casadi": "not natural"}


def make():
    r = np.random.default_rng(0)
    n = lambda *s: r.normal(size=s).astype(np.float32) * np.float32(0.05)
    return (
        n(784, 256),
        n(256),
        n(256, 128),
        n(128),
        n(128, 10),
        n(10),
        n(64, 784) * 20,
        np.eye(10, dtype=np.float32)[r.integers(0, 10, 64)],
    )


def f(W1, b1, W2, b2, W3, b3, x, y):
    h = x @ W1 + b1
    h = h * (h > 0)
    h = h @ W2 + b2
    h = h * (h > 0)
    z = h @ W3 + b3
    return (np.sum(np.log(np.sum(np.exp(z), axis=1))) - np.sum(z * y)) / 64


def hand_(W, args):
    """Hand-written backpropagation over OpenBLAS."""

    def back():
        W1, b1, W2, b2, W3, b3, x, y = args
        a = x @ W1
        a += b1
        ma = a > 0
        a *= ma
        b = a @ W2
        b += b2
        mb = b > 0
        b *= mb
        z = b @ W3
        z += b3
        e = np.exp(z)
        e /= e.sum(axis=1, keepdims=True)
        e -= y
        e /= 64
        db = e @ W3.T
        db *= mb
        da = db @ W2.T
        da *= ma
        return x.T @ da, da.sum(0), a.T @ db, db.sum(0), b.T @ e, e.sum(0)

    return (lambda: f(*args)), back
