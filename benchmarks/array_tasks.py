"""Functions of arrays whose Jacobians `benchmarks/array_jacobians.py` computes, and Hessians of those that return a number."""

import numpy as np


def chain(x):
    for _ in range(5):
        x = np.sin(x) * x + 0.1 * np.cos(x)
    return x


def layers(x, w, v):
    return v @ np.tanh(w @ x)


def stencil(x):
    return np.tanh(0.25 * x[:-4] + 0.5 * x[1:-3] - x[2:-2] + 0.5 * x[3:-1] + 0.25 * x[4:])


def periodic(u):
    ahead, behind = np.concatenate([u[1:], u[:1]]), np.concatenate([u[-1:], u[:-1]])
    return 0.1 * (ahead - 2 * u + behind) - u * (ahead - behind) * 0.5


def attention(q, k, v):
    s = q @ k.T
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    return (e / np.sum(e, axis=1, keepdims=True)) @ v


def normalised(x, scale):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5) * scale


def deep(x, ws):
    for k in range(12):
        x = np.tanh(ws[k] @ x)
    return x


def product(x, a):
    return np.sin(a @ x)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(w, x):
    return np.sum(np.log(1.0 + np.exp(-(x @ w))))


SHAPES = {
    chain: [(1000,)],
    layers: [(50,), (100, 50), (10, 100)],
    stencil: [(1000,)],
    periodic: [(1000,)],
    attention: [(12, 8), (12, 8), (12, 8)],
    normalised: [(8, 32), (32,)],
    deep: [(40,), (12, 40, 40)],
    product: [(20, 15), (25, 20)],
    rosenbrock: [(300,)],
    logistic: [(50,), (200, 50)],
}
