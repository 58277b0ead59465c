# ruff: noqa
# Copied from ../shared/bench/w07_elementwise.py (November 2026) and kept as it is but for layout.
"""Chain of exp, log, sin, cos over 10^6 doubles, then a sum."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "elementwise chain, n=10^6", "grad", (0,), (1, 2)
TOOLS_EXTRA = ("handfast",)


def make():
    return (np.random.default_rng(0).normal(size=1_000_000),)


def f(x):
    a = np.exp(-x * x) * np.sin(3.0 * x)
    b = np.log(1.0 + x * x) * np.cos(x)
    return np.sum(a * b + np.sin(a + b))


SRC = r"""
#include <cmath>
#define N 1000000
static void f(const double* x, double* o) {
  double s = 0;
  for (int i = 0; i < N; i++) { double t = x[i], a = std::exp(-t*t)*std::sin(3*t), b = std::log(1+t*t)*std::cos(t); s += a*b + std::sin(a+b); }
  o[0] = s; }
// --- hand
static void g(const double* x, double* o) {   /* blocks: sin and cos of one argument in separate loops, else gcc fuses them into a scalar sincos */
  enum { B = 250 }; double e[B], l[B], s3[B], c3[B], s[B], c[B], k[B];
  for (int i = 0; i < N; i += B) { const double* t = x + i;
    for (int j = 0; j < B; j++) e[j] = std::exp(-t[j]*t[j]);
    for (int j = 0; j < B; j++) l[j] = std::log(1+t[j]*t[j]);
    for (int j = 0; j < B; j++) s3[j] = std::sin(3*t[j]);
    for (int j = 0; j < B; j++) c3[j] = std::cos(3*t[j]);
    for (int j = 0; j < B; j++) s[j] = std::sin(t[j]);
    for (int j = 0; j < B; j++) c[j] = std::cos(t[j]);
    for (int j = 0; j < B; j++) k[j] = std::cos(e[j]*s3[j] + l[j]*c[j]);
    for (int j = 0; j < B; j++) { double a = e[j]*s3[j], b = l[j]*c[j];
      o[i+j] = (b+k[j])*(3*e[j]*c3[j] - 2*t[j]*a) + (a+k[j])*(2*t[j]/(1+t[j]*t[j])*c[j] - l[j]*s[j]); } } }
"""


def casadi_(W, args):
    import common, casadi as ca

    W.np = ca
    x = ca.SX.sym("x")
    a = ca.exp(-x * x) * ca.sin(3.0 * x)
    b = ca.log(1.0 + x * x) * ca.cos(x)
    y, n = a * b + ca.sin(a + b), len(args[0])
    X = ca.MX.sym("x", 1, n)
    F = ca.Function("F", [X], [ca.sum2(ca.Function("f", [x], [y]).map(n)(X))])
    G = ca.Function("g", [x], [ca.gradient(y, x)]).map(n)
    return common.casadi_call(ca, F, G, (args[0][None, :],))
