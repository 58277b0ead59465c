# ruff: noqa
# Copied from ../shared/bench/w04a_nbody_energy.py (November 2026) and kept as it is but for layout.
"""Potential energy of 64 softened bodies by broadcasting; the gradient is the force."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "N-body energy, n=64", "grad", (0,), (1, 2)
TOOLS_EXTRA = ("handfast",)
EPS = 1e-3


def make():
    r = np.random.default_rng(0)
    return r.normal(size=(64, 3)), r.uniform(0.5, 1.5, 64)


def f(x, m):
    d = x[:, None, :] - x[None, :, :]
    r2 = np.sum(d * d, axis=2) + EPS
    return -0.5 * np.sum(m[:, None] * m[None, :] / np.sqrt(r2))


SRC = r"""
#include <cmath>
#define N 64
static void f(const double* x, const double* m, double* o) {
  double e = 0;
  for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) {
    double a = x[3*i]-x[3*j], b = x[3*i+1]-x[3*j+1], c = x[3*i+2]-x[3*j+2];
    e -= 0.5*m[i]*m[j]/std::sqrt(a*a+b*b+c*c+1e-3); }
  o[0] = e; }
// --- hand
static void g(const double* x, const double* m, double* o) {
  double X[N], Y[N], Z[N];
  for (int i = 0; i < N; i++) X[i] = x[3*i], Y[i] = x[3*i+1], Z[i] = x[3*i+2];
  for (int i = 0; i < N; i++) { double gx = 0, gy = 0, gz = 0;
    for (int j = 0; j < N; j++) {
      double a = X[i]-X[j], b = Y[i]-Y[j], c = Z[i]-Z[j], r2 = a*a+b*b+c*c+1e-3, w = m[j]/(r2*std::sqrt(r2));
      gx += w*a; gy += w*b; gz += w*c; }
    o[3*i] = m[i]*gx; o[3*i+1] = m[i]*gy; o[3*i+2] = m[i]*gz; } }
"""
