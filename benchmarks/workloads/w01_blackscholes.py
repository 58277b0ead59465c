# ruff: noqa
# Copied from ../shared/bench/w01_blackscholes.py (November 2026) and kept as it is but for layout and for "handfast" in TOOLS_EXTRA.
"""Black-Scholes call price of 5 scalars: per-call latency."""

import numpy as np
from math import erf, exp, log, sqrt

TITLE, KIND, ARGNUMS, THREADS = "Black-Scholes, 5 scalars", "grad", (0, 1, 2, 3, 4), (1,)
TOOLS_EXTRA = ("jax_np", "handfast")


def make():
    return 100.0, 95.0, 0.03, 0.25, 1.5


def cdf(x):
    return 0.5 * (1.0 + erf(x / 1.4142135623730951))


def f(S, K, r, sigma, T):
    d1 = (log(S / K) + (r + 0.5 * sigma * sigma) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    return S * cdf(d1) - K * exp(-r * T) * cdf(d2)


HELPERS = ("cdf",)
SRC = r"""
#include <cmath>
static inline double cdf(double x) { return 0.5 * (1.0 + std::erf(x / 1.4142135623730951)); }
static void f(const double* S, const double* K, const double* r, const double* s, const double* T, double* o) {
  double q = *s * std::sqrt(*T), d1 = (std::log(*S / *K) + (*r + 0.5 * *s * *s) * *T) / q, d2 = d1 - q;
  o[0] = *S * cdf(d1) - *K * std::exp(-*r * *T) * cdf(d2); }
// --- hand
static void g(const double* S, const double* K, const double* r, const double* s, const double* T, double* o) {
  double rt = std::sqrt(*T), q = *s * rt, d1 = (std::log(*S / *K) + (*r + 0.5 * *s * *s) * *T) / q, d2 = d1 - q;
  double n1 = cdf(d1), disc = std::exp(-*r * *T), n2 = cdf(d2), ph = 0.3989422804014327 * std::exp(-0.5 * d1 * d1);
  o[0] = n1; o[1] = -disc * n2; o[2] = *K * *T * disc * n2; o[3] = *S * ph * rt;
  o[4] = *S * ph * *s / (2 * rt) + *r * *K * disc * n2; }
"""


def bind(W, **names):
    vars(W).update(names)


def jax_(W, args):
    import common, jax, jax.numpy as jnp, jax.scipy.special as sp

    bind(W, erf=sp.erf, exp=jnp.exp, log=jnp.log, sqrt=jnp.sqrt)
    return common.jax_(W, args)


def jax_np_(W, args):
    import common, jax.numpy as jnp, jax.scipy.special as sp

    bind(W, erf=sp.erf, exp=jnp.exp, log=jnp.log, sqrt=jnp.sqrt)
    return common.jax_np_(W, args)


def torch_(W, args, compile=False):
    import common, torch

    bind(W, erf=torch.erf, exp=torch.exp, log=torch.log, sqrt=torch.sqrt)
    return common.torch_(W, args, compile=compile)


def torchc_(W, args):
    return torch_(W, args, True)


def autograd_(W, args):
    import common, autograd.numpy as a, autograd.scipy.special as sp

    bind(W, erf=sp.erf, exp=a.exp, log=a.log, sqrt=a.sqrt)
    return common.autograd_(W, args)


def casadi_(W, args):
    import common, casadi as ca

    bind(W, erf=ca.erf, exp=ca.exp, log=ca.log, sqrt=ca.sqrt)
    x = [ca.SX.sym(n) for n in "SKrsT"]
    y = W.f(*x)
    return common.casadi_call(ca, ca.Function("f", x, [y]), ca.Function("g", x, [ca.gradient(y, ca.vertcat(*x))]), args)
