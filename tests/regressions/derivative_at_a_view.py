"""irad.grad and the like at part of an array: refused as an argument without floats."""

import numpy as np

import irad


def at_views(x, y):
    a = np.array([[x, 0.5, y], [y * y, x, 1.5]])

    def energy(t, w):
        return np.sum(t * t * w) + t[0] * w[1] * x

    g = irad.grad(energy)(a[0, ::-1], a[1])
    value, h = irad.value_and_grad(energy, argnums=1)(a[0], a.T[:, 1])
    out, dout = irad.jvp(energy, (a[0], a[1]), (a[1], a[0, ::-1]))
    return g[0] * h[2] + value - out * dout + irad.hvp(energy)(a[0], a[1], a[1])[0]


CASES = [(at_views, (0.7, -0.4))]
