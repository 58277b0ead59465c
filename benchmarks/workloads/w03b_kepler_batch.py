# ruff: noqa
"""The Kepler equation of w03a at 10^5 points: each by its own number of Newton steps (vmap)."""

import numpy as np
import w03a_kepler as one

TITLE, KIND, ARGNUMS, THREADS = "Kepler by Newton, 10^5 points", "grad", (0, 1), (1,)
TOOLS_EXTRA = ("handfast",)
N = 100_000
NOUT = N


def make():
    rng = np.random.default_rng(0)
    return rng.uniform(0.0, 3.0, N), rng.uniform(0.0, 0.9, N)


def f(M, e):
    return np.array([one.f(m, x) for m, x in zip(M, e)])


SRC = (
    one.SRC.replace("void f(", "void f1(").replace("void g(", "void g1(")
    + "static void f(const double* M, const double* e, double* o) { for (int i = 0; i < 100000; i++) f1(M + i, e + i, o + i); }\n"
    + "static void g(const double* M, const double* e, double* o) { for (int i = 0; i < 100000; i++) {\n"
    + "  double r[2]; g1(M + i, e + i, r); o[i] = r[0]; o[100000 + i] = r[1]; } }\n"
)


def hand_(W, args):
    import common

    return common.c_peer(W, args, ngrad=2 * N)


def handfast_(W, args):
    import common

    return common.c_peer(W, args, ngrad=2 * N, flags=("-ffast-math",))


def jax_np_(W, args):
    import common

    jax, jnp = common.jax_setup(one)

    def solve(M, e):
        def body(s):
            E, _ = s
            d = (E - e * jnp.sin(E) - M) / (1 - e * jnp.cos(E))
            return E - d, d

        return jax.lax.while_loop(lambda s: jnp.abs(s[1]) > 1e-12, body, (M, jnp.ones(())))[0]

    p = jax.jit(jax.vmap(solve))
    g = jax.jit(jax.vmap(jax.jacfwd(solve, argnums=ARGNUMS)))  # its while has no reverse mode
    return (lambda: np.asarray(p(*args))), (lambda: [np.asarray(x) for x in g(*args)])


def irad_(W, args):
    import irad

    p, g = irad.compile(irad.vmap(one.f)), irad.compile(irad.vmap(irad.grad(one.f, argnums=ARGNUMS)))
    return (lambda: p(*args)), (lambda: g(*args))
