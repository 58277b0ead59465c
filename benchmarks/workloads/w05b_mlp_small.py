# ruff: noqa
# Copied from ../shared/bench/w05b_mlp_small.py (November 2026) and kept as it is but for layout.
"""MLP 8-16-16-1, batch 1, float64: gradient wrt all weights (bound by call and operation latency)."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "MLP 8-16-16-1, batch 1", "grad", (0, 1, 2, 3, 4, 5), (1,)
TOOLS_EXTRA = ("jax_np", "handfast")


def make():
    r = np.random.default_rng(0)
    n = lambda *s: r.normal(size=s) * 0.3
    return n(8, 16), n(16), n(16, 16), n(16), n(16), n(1), n(8), 0.7


def f(W1, b1, W2, b2, w3, b3, x, y):
    h = np.tanh(x @ W1 + b1)
    h = np.tanh(h @ W2 + b2)
    e = h @ w3 + b3[0] - y
    return 0.5 * e * e


SRC = r"""
#include <cmath>
static inline void fw(const double* W1, const double* b1, const double* W2, const double* b2, const double* x, double* h, double* k) {
  for (int j = 0; j < 16; j++) h[j] = b1[j];
  for (int i = 0; i < 8; i++) for (int j = 0; j < 16; j++) h[j] += x[i]*W1[16*i+j];
  for (int j = 0; j < 16; j++) h[j] = std::tanh(h[j]);
  for (int j = 0; j < 16; j++) k[j] = b2[j];
  for (int i = 0; i < 16; i++) for (int j = 0; j < 16; j++) k[j] += h[i]*W2[16*i+j];
  for (int j = 0; j < 16; j++) k[j] = std::tanh(k[j]); }
static void f(const double* W1, const double* b1, const double* W2, const double* b2, const double* w3, const double* b3, const double* x, const double* y, double* o) {
  double h[16], k[16], e = b3[0] - *y; fw(W1, b1, W2, b2, x, h, k);
  for (int j = 0; j < 16; j++) e += k[j]*w3[j];
  o[0] = 0.5*e*e; }
// --- hand
static void g(const double* W1, const double* b1, const double* W2, const double* b2, const double* w3, const double* b3, const double* x, const double* y, double* o) {
  double h[16], k[16], dk[16], dh[16], e = b3[0] - *y; fw(W1, b1, W2, b2, x, h, k);
  for (int j = 0; j < 16; j++) e += k[j]*w3[j];
  for (int j = 0; j < 16; j++) { o[416+j] = e*k[j]; dk[j] = e*w3[j]*(1-k[j]*k[j]); o[400+j] = dk[j]; }
  o[432] = e;
  for (int i = 0; i < 16; i++) { double s = 0; for (int j = 0; j < 16; j++) { s += W2[16*i+j]*dk[j]; o[144+16*i+j] = h[i]*dk[j]; }
    dh[i] = s*(1-h[i]*h[i]); o[128+i] = dh[i]; }
  for (int i = 0; i < 8; i++) for (int j = 0; j < 16; j++) o[16*i+j] = x[i]*dh[j]; }
"""


def casadi_(W, args):
    import common, casadi as ca

    s = [
        ca.SX.sym(n, *sh)
        for n, sh in (
            ("W1", (8, 16)),
            ("b1", (1, 16)),
            ("W2", (16, 16)),
            ("b2", (1, 16)),
            ("w3", (16, 1)),
            ("b3", (1, 1)),
            ("x", (1, 8)),
            ("y", (1, 1)),
        )
    ]
    W1, b1, W2, b2, w3, b3, x, y = s
    e = ca.tanh(ca.tanh(x @ W1 + b1) @ W2 + b2) @ w3 + b3 - y
    L = 0.5 * e * e
    # transposed, so that .full().ravel() is row-major like NumPy's
    ins = [np.reshape(a, (1, -1)) if i in (1, 3, 6) else a for i, a in enumerate(args)]
    return common.casadi_call(ca, ca.Function("f", s, [L]), ca.Function("g", s, [ca.gradient(L, v) for v in s[:6]]), ins)
