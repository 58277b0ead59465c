# ruff: noqa
# Copied from ../shared/bench/w08a_arm.py (November 2026) and kept as it is but for layout and for "handfast" in TOOLS_EXTRA.
"""Forward kinematics of a 6-joint arm (UR5 geometry), 6 -> 6: full Jacobian at one point (latency)."""

import numpy as np

TITLE, KIND, ARGNUMS, THREADS = "6-joint arm Jacobian, one point", "jac", (0,), (1,)
NOUT = 6
TOOLS_EXTRA = ("handfast", "jax_np")
SKIP = {"enzyme": "no vector output here", "torchc": "jacfwd under compile: see w08b"}
A = (0.0, -0.425, -0.39225, 0.0, 0.0, 0.0)
D = (0.089159, 0.0, 0.0, 0.10915, 0.09465, 0.0823)
CA = (0.0, 1.0, 1.0, 0.0, 0.0, 1.0)
SA = (1.0, 0.0, 0.0, 1.0, -1.0, 0.0)


def make():
    return (np.array([0.3, -0.8, 1.1, 0.4, -0.6, 0.9]),)


def f(q):
    T = np.eye(4)
    for i in range(6):
        c, s = np.cos(q[i]), np.sin(q[i])
        T = T @ np.array(
            [
                [c, -s * CA[i], s * SA[i], A[i] * c],
                [s, c * CA[i], -c * SA[i], A[i] * s],
                [0.0, SA[i], CA[i], D[i]],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
    return np.array(
        [
            T[0, 3],
            T[1, 3],
            T[2, 3],
            np.arctan2(T[2, 1], T[2, 2]),
            np.arctan2(-T[2, 0], np.sqrt(T[2, 1] ** 2 + T[2, 2] ** 2)),
            np.arctan2(T[1, 0], T[0, 0]),
        ]
    )


SRC = r"""
#include <cmath>
static const double LA[6] = {0, -0.425, -0.39225, 0, 0, 0}, LD[6] = {0.089159, 0, 0, 0.10915, 0.09465, 0.0823}, CA[6] = {0,1,1,0,0,1}, SA[6] = {1,0,0,1,-1,0};
/* frame = [x y z p] columns; one joint: x' = c x + s y, y' = CA(c y - s x) + SA z, z' = CA z - SA(c y - s x), p' = p + A x' + D z */
static inline void joint(double* F, double q, int i) {
  double c = std::cos(q), s = std::sin(q);
  for (int k = 0; k < 3; k++) { double x = c*F[k]+s*F[3+k], n = c*F[3+k]-s*F[k], z = F[6+k];
    F[9+k] += LA[i]*x + LD[i]*z; F[k] = x; F[3+k] = CA[i]*n + SA[i]*z; F[6+k] = CA[i]*z - SA[i]*n; } }
static inline void rpy(const double* F, double* o) {
  for (int k = 0; k < 3; k++) o[k] = F[9+k];
  o[3] = std::atan2(F[5], F[8]); o[4] = std::atan2(-F[2], std::sqrt(F[5]*F[5]+F[8]*F[8])); o[5] = std::atan2(F[1], F[0]); }
static void f(const double* q, double* o) {
  double F[12] = {1,0,0, 0,1,0, 0,0,1, 0,0,0};
  for (int i = 0; i < 6; i++) joint(F, q[i], i);
  rpy(F, o); }
// --- hand: geometric Jacobian
static void g(const double* q, double* o) {
  double F[12] = {1,0,0, 0,1,0, 0,0,1, 0,0,0}, Z[6][3], P[6][3];
  for (int i = 0; i < 6; i++) { for (int k = 0; k < 3; k++) Z[i][k] = F[6+k], P[i][k] = F[9+k]; joint(F, q[i], i); }
  double cp = std::sqrt(F[0]*F[0]+F[1]*F[1]), cy = F[0]/cp, sy = F[1]/cp, sp = -F[2];
  for (int i = 0; i < 6; i++) { double *z = Z[i], a = F[9]-P[i][0], b = F[10]-P[i][1], c = F[11]-P[i][2], w = (cy*z[0]+sy*z[1])/cp;
    o[i] = z[1]*c-z[2]*b; o[6+i] = z[2]*a-z[0]*c; o[12+i] = z[0]*b-z[1]*a;
    o[18+i] = w; o[24+i] = cy*z[1]-sy*z[0]; o[30+i] = z[2]+sp*w; } }
"""


def torch_f(q):
    import torch

    z, o = torch.zeros((), dtype=q.dtype), torch.ones((), dtype=q.dtype)
    T = torch.eye(4, dtype=q.dtype)
    for i in range(6):
        c, s = torch.cos(q[i]), torch.sin(q[i])
        T = T @ torch.stack(
            [
                c,
                -s * CA[i],
                s * SA[i],
                A[i] * c,
                s,
                c * CA[i],
                -c * SA[i],
                A[i] * s,
                z,
                SA[i] * o,
                CA[i] * o,
                D[i] * o,
                z,
                z,
                z,
                o,
            ]
        ).reshape(4, 4)
    return torch.stack(
        [
            T[0, 3],
            T[1, 3],
            T[2, 3],
            torch.atan2(T[2, 1], T[2, 2]),
            torch.atan2(-T[2, 0], torch.sqrt(T[2, 1] ** 2 + T[2, 2] ** 2)),
            torch.atan2(T[1, 0], T[0, 0]),
        ]
    )


def torch_(W, args):
    import common

    return common.torch_(W, args, torch_f)


def jax_np_(W, args):
    import common

    jax, jnp = common.jax_setup(W)
    p, g = jax.jit(f), jax.jit(jax.jacfwd(f))
    return (lambda: np.asarray(p(*args))), (lambda: np.asarray(g(*args)))


def hand_(W, args):
    import common

    return common.c_peer(W, args, ngrad=36)


def handfast_(W, args):
    import common

    return common.c_peer(W, args, ngrad=36, flags=("-ffast-math",))


def ca_parts(ca):
    q = ca.SX.sym("q", 6)
    T = ca.SX.eye(4)
    for i in range(6):
        c, s = ca.cos(q[i]), ca.sin(q[i])
        T = T @ ca.vertcat(
            ca.horzcat(c, -s * CA[i], s * SA[i], A[i] * c),
            ca.horzcat(s, c * CA[i], -c * SA[i], A[i] * s),
            ca.horzcat(0, SA[i], CA[i], D[i]),
            ca.horzcat(0, 0, 0, 1),
        )
    y = ca.vertcat(
        T[0, 3],
        T[1, 3],
        T[2, 3],
        ca.atan2(T[2, 1], T[2, 2]),
        ca.atan2(-T[2, 0], ca.sqrt(T[2, 1] ** 2 + T[2, 2] ** 2)),
        ca.atan2(T[1, 0], T[0, 0]),
    )
    return q, y, ca.jacobian(y, q)


def casadi_(W, args):
    import common, casadi as ca

    q, y, J = ca_parts(ca)
    return common.casadi_call(ca, ca.Function("f", [q], [y]), ca.Function("g", [q], [ca.densify(J)]), args)
