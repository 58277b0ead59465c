# ruff: noqa
# Copied from ../shared/bench/w03a_kepler.py (November 2026) and kept as it is but for layout and for "handfast" in TOOLS_EXTRA.
"""Kepler's equation by Newton's method until tolerance, for one scalar pair."""

from math import cos, sin

TITLE, KIND, ARGNUMS, THREADS = "Kepler by Newton, while", "grad", (0, 1), (1,)
TOOLS_EXTRA = ("handfast", "jax_fwd", "jax_ift")
SKIP = {"torchc": "data-dependent while", "casadi": "no data-dependent while in SX/MX"}


def make():
    return 0.7, 0.9


def f(M, e):
    E, d = M, 1.0
    while abs(d) > 1e-12:
        d = (E - e * sin(E) - M) / (1.0 - e * cos(E))
        E = E - d
    return E


SRC = r"""
#include <cmath>
static void f(const double* pM, const double* pe, double* o) {
  double M = *pM, e = *pe, E = M, d = 1;
  while (std::fabs(d) > 1e-12) { d = (E - e*std::sin(E) - M) / (1 - e*std::cos(E)); E -= d; }
  o[0] = E; }
// --- hand: adjoint of each Newton step, states stored
static void g(const double* pM, const double* pe, double* o) {
  double M = *pM, e = *pe, E = M, d = 1, S[64], C[64], D[64], R[64], gM = 0, ge = 0, gE = 1; int n = 0;
  while (std::fabs(d) > 1e-12) {
    S[n] = std::sin(E); C[n] = std::cos(E); R[n] = 1 / (1 - e*C[n]); d = D[n] = (E - e*S[n] - M) * R[n]; E -= d; n++; }
  while (n--) { double u = -gE * R[n], w = -u * D[n]; gM -= u; ge -= u*S[n] + w*C[n]; gE += u*(1 - e*C[n]) + w*e*S[n]; }
  o[0] = gM + gE; o[1] = ge; }
"""


def names(W, m):
    W.sin, W.cos = m.sin, m.cos


def jax_(W, args, mode="grad"):
    import common

    jax, jnp = common.jax_setup(W)

    def solve(M, e):
        def body(s):
            E, _ = s
            d = (E - e * jnp.sin(E) - M) / (1 - e * jnp.cos(E))
            return E - d, d

        return jax.lax.while_loop(lambda s: jnp.abs(s[1]) > 1e-12, body, (M, jnp.ones(())))[0]

    F = solve
    if mode == "ift":  # the user derives the adjoint by hand: implicit function theorem
        F = jax.custom_vjp(solve)

        def bwd(r, g):
            E, e = r
            u = g / (1 - e * jnp.cos(E))
            return u, u * jnp.sin(E)

        F.defvjp(lambda M, e: ((E := solve(M, e)), (E, e)), bwd)
    d = jax.jacfwd if mode == "fwd" else jax.grad
    return common.jax_wrap(jax, jax.jit(F), jax.jit(d(F, argnums=ARGNUMS)), args)


def jax_fwd_(W, args):
    return jax_(W, args, "fwd")


def jax_ift_(W, args):
    return jax_(W, args, "ift")


def torch_(W, args):
    import common, torch

    names(W, torch)
    return common.torch_(W, args)


def autograd_(W, args):
    import common, autograd.numpy as a

    names(W, a)
    return common.autograd_(W, args)
