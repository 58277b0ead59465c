# ruff: noqa
# Copied from ../shared/bench/w08b_arm_batch.py (November 2026) and kept as it is but for layout and for `jax_np`.
"""The arm of w08a at 10^5 points: batched 6 x 6 Jacobians (vmap)."""

import numpy as np
import w08a_arm as arm

TITLE, KIND, ARGNUMS, THREADS = "6-joint arm Jacobian, 10^5 points", "jac", (0,), (1, 2)
SKIP = {"enzyme": "no vector output here", "autograd": "10^5 Python-level Jacobians"}
TOOLS_EXTRA = ("handfast",)
N = 100_000
NOUT = 6 * N


def make():
    return (np.random.default_rng(0).uniform(-1.2, 1.2, size=(N, 6)),)


def f(q):
    out = np.empty((N, 6))
    for i in range(N):
        out[i] = arm.f(q[i])
    return out


SRC = (
    arm.SRC.replace("void f(", "void f1(").replace("void g(", "void g1(")
    + "static void f(const double* q, double* o) { for (int i = 0; i < 100000; i++) f1(q + 6*i, o + 6*i); }\n"
    + "static void g(const double* q, double* o) { for (int i = 0; i < 100000; i++) g1(q + 6*i, o + 36*i); }\n"
)


def hand_(W, args):
    import common

    return common.c_peer(W, args, ngrad=36 * N)


def handfast_(W, args):
    import common

    return common.c_peer(W, args, ngrad=36 * N, flags=("-ffast-math",))


def numba_(W, args):
    import numba

    arm.f = numba.njit(arm.f)
    p = numba.njit(f)
    return (lambda: p(*args)), None


def jax_(W, args):
    import common

    jax, jnp = common.jax_setup(arm)
    return common.jax_wrap(jax, jax.jit(jax.vmap(arm.f)), jax.jit(jax.vmap(jax.jacfwd(arm.f))), args)


def jax_np_(W, args):
    import common

    jax, jnp = common.jax_setup(arm)
    p, g = jax.jit(jax.vmap(arm.f)), jax.jit(jax.vmap(jax.jacfwd(arm.f)))
    return (lambda: np.asarray(p(*args))), (lambda: np.asarray(g(*args)))


def torch_(W, args, compile=False):
    import common

    torch, xs = common.torch_args(W, args)
    p, g = torch.vmap(arm.torch_f), torch.vmap(torch.func.jacfwd(arm.torch_f))
    if compile:
        p, g = torch.compile(p), torch.compile(g)
    return (lambda: p(*xs)), (lambda: g(*xs))


def torchc_(W, args):
    return torch_(W, args, True)


def casadi_(W, args):
    import common, casadi as ca

    q, y, J = arm.ca_parts(ca)
    F, G = ca.Function("f", [q], [y]).map(N), ca.Function("g", [q], [ca.densify(ca.vec(J.T))]).map(N)
    F, G = common.casadi_call(ca, F, G, (args[0].T,))
    return F, (lambda: G().T)


def irad_(W, args):
    import irad

    p, g = irad.compile(irad.vmap(arm.f)), irad.compile(irad.vmap(irad.jacobian(arm.f)))
    return (lambda: p(*args)), (lambda: g(*args))
