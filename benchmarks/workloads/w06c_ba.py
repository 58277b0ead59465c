# ruff: noqa
# Copied from ../shared/bench/w06c_ba.py (November 2026) and kept as it is but for layout, and for what irad gathers in compiled code.
"""ADBench BA: the blocks of the sparse Jacobian, 2 x (11 + 3 + 1) for each of 31 843 observations (random data)."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "ADBench BA sparse Jacobian, p=31843", "jac", (0, 1, 2), (1, 2)
TOOLS_EXTRA = ()
SKIP = {
    "torchc": "not natural",
    "autograd": "31 843 Python-level Jacobians",
    "enzyme": "no vector output here",
    "hand": "no hand-written adjoint yet",
}
NC, NX, P = 49, 7776, 31843
NOUT = 2 * P


def make():
    r = np.random.default_rng(0)
    cam = np.array(
        [-0.758453, -1.109613, -0.845551, 34.556073, 39.676747, 53.881673, 419.194514, 5.864426, -8.51887, 0.087812, 0.002739]
    )
    cams, X = (
        cam * (1 + 0.01 * r.normal(size=(NC, 11))),
        np.array([7.203245, 0.001144, 3.023326]) + 0.1 * r.normal(size=(NX, 3)),
    )
    return (
        cams,
        X,
        r.uniform(size=P),
        r.integers(0, NC, P),
        r.integers(0, NX, P),
        np.array([271.8, 834.2]) + r.normal(size=(P, 2)),
    )


def project(cam, X, w, feat):
    """Two residuals of one observation, in scalars."""
    r0, r1, r2 = cam[0], cam[1], cam[2]
    a, b, c = X[0] - cam[3], X[1] - cam[4], X[2] - cam[5]
    th = (r0 * r0 + r1 * r1 + r2 * r2) ** 0.5
    u, v, s = r0 / th, r1 / th, r2 / th
    co, si = np.cos(th), np.sin(th)
    t = (u * a + v * b + s * c) * (1.0 - co)
    x = a * co + (v * c - s * b) * si + u * t
    y = b * co + (s * a - u * c) * si + v * t
    z = c * co + (u * b - v * a) * si + s * t
    p, q = x / z, y / z
    rr = p * p + q * q
    k = (1.0 + cam[9] * rr + cam[10] * rr * rr) * cam[6]
    return w * (p * k + cam[7] - feat[0]), w * (q * k + cam[8] - feat[1])


def f(cams, X, w, ci, xi, feats):
    out = np.empty((P, 2))
    for i in range(P):
        out[i, 0], out[i, 1] = project(cams[ci[i]], X[xi[i]], w[i], feats[i])
    return out


HELPERS = ("project",)


def stacked(W, xp):
    return lambda cam, x, w, feat: xp.stack(project(cam, x, w, feat))


def blocks(js, cat):
    """(p,2,11), (p,2,3), (p,2) -> (p,2,15)"""
    return cat((js[0], js[1], js[2][:, :, None]), -1)


def jax_(W, args):
    import common

    jax, jnp = common.jax_setup(W)
    one = stacked(W, jnp)
    p = jax.jit(lambda c, X, w, ci, xi, ft: jax.vmap(one)(c[ci], X[xi], w, ft))
    g = jax.jit(
        lambda c, X, w, ci, xi, ft: blocks(jax.vmap(jax.jacrev(one, argnums=(0, 1, 2)))(c[ci], X[xi], w, ft), jnp.concatenate)
    )
    return common.jax_wrap(jax, p, g, args)


def torch_(W, args):
    import common

    torch, (c, X, w, ci, xi, ft) = common.torch_args(W, args)
    W.np = torch
    one, F = stacked(W, torch), torch.func
    return (lambda: torch.vmap(one)(c[ci], X[xi], w, ft)), (
        lambda: blocks(torch.vmap(F.jacrev(one, argnums=(0, 1, 2)))(c[ci], X[xi], w, ft), torch.cat)
    )


def casadi_(W, args):
    import common, casadi as ca

    c, X, w, ft = ca.SX.sym("c", 11), ca.SX.sym("X", 3), ca.SX.sym("w"), ca.SX.sym("ft", 2)
    W.np = ca
    y = ca.vertcat(*project(c, X, w, ft))
    J = ca.jacobian(y, ca.vertcat(c, X, w))
    F, G = ca.Function("f", [c, X, w, ft], [y]).map(P), ca.Function("g", [c, X, w, ft], [ca.vec(J.T)]).map(P)
    C, Xs, ws, ci, xi, fts = args
    F_, G_ = common.casadi_call(ca, F, G, (C[ci].T, Xs[xi].T, ws[None, :], fts.T))
    return F_, (lambda: G_().T)


def irad_(W, args):
    import irad

    one = lambda cam, x, w, feat: np.stack(project(cam, x, w, feat))
    p = irad.compile(lambda c, X, w, ci, xi, ft: irad.vmap(one)(c[ci], X[xi], w, ft))
    g = irad.compile(lambda c, X, w, ci, xi, ft: irad.vmap(irad.jacobian(one, argnums=(0, 1, 2)))(c[ci], X[xi], w, ft))
    return (lambda: p(*args)), (lambda: blocks(g(*args), np.concatenate))
