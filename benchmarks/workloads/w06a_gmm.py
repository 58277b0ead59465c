# ruff: noqa
# Copied from ../shared/bench/w06a_gmm.py (November 2026) and kept as it is but for layout.
"""ADBench GMM, d=10, K=25, n=1000 (random data of the same shape; gamma=1, m=0, constants dropped)."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "ADBench GMM d=10 K=25 n=1000", "grad", (0, 1, 2), (1, 2)
TOOLS_EXTRA = "handfast"
SKIP = {"casadi": "not natural"}
D, K, N = 10, 25, 1000
IDX = np.zeros((D, D), dtype=np.int64)  # L's entries, column by column; 0 = zero
IDX.T[np.triu_indices(D, 1)] = np.arange(1, D * (D - 1) // 2 + 1)
IDX = IDX.ravel()


def make():
    r = np.random.default_rng(0)
    return r.normal(size=K), r.uniform(size=(K, D)), r.normal(size=(K, D * (D + 1) // 2)), r.normal(size=(N, D))


def f(alphas, means, icf, x):
    q = icf[:, :D]
    Q = np.exp(q)
    sumq = np.sum(q, axis=1)
    L = np.concatenate((0.0 * q[:, :1], icf[:, D:]), axis=1)[:, IDX].reshape((K, D, D))
    xc = x[:, None, :] - means[None, :, :]
    Qx = Q * xc + np.einsum("kij,nkj->nki", L, xc)
    inner = alphas + sumq - 0.5 * np.sum(Qx * Qx, axis=2)
    m = np.amax(inner, 1)
    lse = np.log(np.sum(np.exp(inner - m[:, None]), axis=1)) + m
    prior = 0.5 * (np.sum(Q * Q) + np.sum(icf[:, D:] * icf[:, D:]))
    return np.sum(lse) - N * np.log(np.sum(np.exp(alphas))) + prior


def f_loops(alphas, means, icf, x):
    """The same in scalar loops (for numba, which has no einsum; irad may be timed on both)."""
    Q, total, prior, sa = np.exp(icf[:, :D]), 0.0, 0.0, 0.0
    inner, y = np.zeros(K), np.zeros(D)
    for k in range(K):
        sa += np.exp(alphas[k])
        for j in range(D):
            prior += 0.5 * Q[k, j] * Q[k, j]
        for j in range(D, D * (D + 1) // 2):
            prior += 0.5 * icf[k, j] * icf[k, j]
    for i in range(N):
        m = -1e300
        for k in range(K):
            l, n2, sq = D, 0.0, 0.0
            for j in range(D):
                y[j] = Q[k, j] * (x[i, j] - means[k, j])
                sq += icf[k, j]
            for c in range(D):
                xc = x[i, c] - means[k, c]
                for r in range(c + 1, D):
                    y[r] += icf[k, l] * xc
                    l += 1
            for j in range(D):
                n2 += y[j] * y[j]
            inner[k] = alphas[k] + sq - 0.5 * n2
            m = max(m, inner[k])
        s = 0.0
        for k in range(K):
            s += np.exp(inner[k] - m)
        total += np.log(s) + m
    return total - N * np.log(sa) + prior


def numba_(W, args):
    import numba

    p = numba.njit(f_loops)
    return (lambda: p(*args)), None


SRC = r"""
#include <cmath>
#define D 10
#define K 25
#define N 1000
#define T 55
static void f(const double* al, const double* mu, const double* icf, const double* x, double* o) {
  double Q[K*D], sq[K], inner[K], xc[D], y[D], tot = 0, pr = 0, sa = 0;
  for (int k = 0; k < K; k++) { sq[k] = 0;
    for (int j = 0; j < D; j++) { sq[k] += icf[T*k+j]; Q[D*k+j] = std::exp(icf[T*k+j]); pr += 0.5*Q[D*k+j]*Q[D*k+j]; }
    for (int j = D; j < T; j++) pr += 0.5*icf[T*k+j]*icf[T*k+j];
    sa += std::exp(al[k]); }
  for (int i = 0; i < N; i++) { double m = -1e300, s = 0;
    for (int k = 0; k < K; k++) { const double* l = icf + T*k + D; double n2 = 0;
      for (int j = 0; j < D; j++) { xc[j] = x[D*i+j] - mu[D*k+j]; y[j] = Q[D*k+j]*xc[j]; }
      for (int c = 0; c < D; c++) for (int r = c+1; r < D; r++) y[r] += *l++ * xc[c];
      for (int j = 0; j < D; j++) n2 += y[j]*y[j];
      inner[k] = al[k] + sq[k] - 0.5*n2; m = inner[k] > m ? inner[k] : m; }
    for (int k = 0; k < K; k++) s += std::exp(inner[k]-m);
    tot += std::log(s) + m; }
  o[0] = tot - N*std::log(sa) + pr; }
// --- hand: eight points at a time, one per vector lane
#define V 8
static void g(const double* al, const double* mu, const double* icf, const double* x, double* o) {
  double Q[K*D], sq[K], sa = 0, *ga = o, *gm = o+K, *gi = o+K+K*D;
  static double XC[K*D][V], Y[K*D][V], P[K][V], G[K*(1+D+T)][V];   /* G: alphas, means, icf, summed over lanes at the end */
  for (int j = 0; j < K*(1+D+T); j++) for (int b = 0; b < V; b++) G[j][b] = 0;
  for (int k = 0; k < K; k++) { sq[k] = 0; for (int j = 0; j < D; j++) { sq[k] += icf[T*k+j]; Q[D*k+j] = std::exp(icf[T*k+j]); } sa += std::exp(al[k]); }
  for (int i = 0; i < N; i += V) {
    double xs[D][V], m[V], s[V];
    for (int j = 0; j < D; j++) for (int b = 0; b < V; b++) xs[j][b] = x[D*(i+b)+j];
    for (int b = 0; b < V; b++) m[b] = -1e300, s[b] = 0;
    for (int k = 0; k < K; k++) { const double* l = icf + T*k + D; double n2[V] = {};
      for (int j = 0; j < D; j++) for (int b = 0; b < V; b++) { XC[D*k+j][b] = xs[j][b] - mu[D*k+j]; Y[D*k+j][b] = Q[D*k+j]*XC[D*k+j][b]; }
      for (int c = 0; c < D; c++) for (int r = c+1; r < D; r++, l++) for (int b = 0; b < V; b++) Y[D*k+r][b] += *l * XC[D*k+c][b];
      for (int j = 0; j < D; j++) for (int b = 0; b < V; b++) n2[b] += Y[D*k+j][b]*Y[D*k+j][b];
      for (int b = 0; b < V; b++) { P[k][b] = al[k] + sq[k] - 0.5*n2[b]; m[b] = P[k][b] > m[b] ? P[k][b] : m[b]; } }
    for (int k = 0; k < K; k++) for (int b = 0; b < V; b++) s[b] += P[k][b] = std::exp(P[k][b]-m[b]);
    for (int k = 0; k < K; k++) { double p[V], u[D][V]; const double* l = icf+T*k+D; double (*ql)[V] = G+K+K*D+T*k, (*gl)[V] = ql+D;
      for (int b = 0; b < V; b++) { p[b] = P[k][b]/s[b]; G[k][b] += p[b]; }
      for (int j = 0; j < D; j++) for (int b = 0; b < V; b++) { u[j][b] = -p[b]*Y[D*k+j][b]; ql[j][b] += u[j][b]*XC[D*k+j][b]; }
      for (int c = 0; c < D; c++) { double v[V]; for (int b = 0; b < V; b++) v[b] = u[c][b]*Q[D*k+c];
        for (int r = c+1; r < D; r++, l++, gl++) for (int b = 0; b < V; b++) { (*gl)[b] += u[r][b]*XC[D*k+c][b]; v[b] += u[r][b] * *l; }
        for (int b = 0; b < V; b++) G[K+D*k+c][b] -= v[b]; } } }
  for (int j = 0; j < K*(1+D+T); j++) { o[j] = 0; for (int b = 0; b < V; b++) o[j] += G[j][b]; }
  for (int k = 0; k < K; k++) {
    for (int j = 0; j < D; j++) { double q = Q[D*k+j]; gi[T*k+j] = gi[T*k+j]*q + ga[k] + q*q; }
    for (int j = D; j < T; j++) gi[T*k+j] += icf[T*k+j]; }
  for (int k = 0; k < K; k++) ga[k] -= N*std::exp(al[k])/sa; }
"""


def torch_(W, args, compile=False):
    import common, torch

    r = common.torch_(W, args, compile=compile)
    W.IDX = torch.tensor(IDX)
    return r


def torchc_(W, args):
    return torch_(W, args, True)
