# ruff: noqa
# Copied from ../shared/bench/w02a_lv_rk4.py (November 2026) and kept as it is but for layout and for "handfast" in TOOLS_EXTRA.
"""Lotka-Volterra, 10 000 fixed RK4 steps; gradient wrt 4 parameters and 2 initial values."""

TITLE, KIND, ARGNUMS, THREADS = "Lotka-Volterra RK4, 10k steps", "grad", (0, 1, 2, 3, 4, 5), (1,)
N, H = 10000, 0.001
TOOLS_EXTRA = ("handfast", "jax_ckpt", "jax_unroll", "jax_fwd")
SKIP = {"torchc": "10k unrolled steps", "autograd": "over 100 s a gradient"}
HELPERS = ("step",)


def make():
    return 1.1, 0.4, 0.1, 0.4, 10.0, 5.0


def step(a, b, c, d, x, y):
    k1, l1 = x * (a - b * y), y * (c * x - d)
    x2, y2 = x + 0.5 * H * k1, y + 0.5 * H * l1
    k2, l2 = x2 * (a - b * y2), y2 * (c * x2 - d)
    x3, y3 = x + 0.5 * H * k2, y + 0.5 * H * l2
    k3, l3 = x3 * (a - b * y3), y3 * (c * x3 - d)
    x4, y4 = x + H * k3, y + H * l3
    k4, l4 = x4 * (a - b * y4), y4 * (c * x4 - d)
    return x + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4), y + H / 6 * (l1 + 2 * l2 + 2 * l3 + l4)


def f(a, b, c, d, x, y):
    for i in range(N):
        x, y = step(a, b, c, d, x, y)
    return x * x + y * y


SRC = r"""
#define N 10000
#define H 0.001
static inline void step(double a, double b, double c, double d, double& x, double& y) {
  double k1 = x*(a-b*y), l1 = y*(c*x-d), x2 = x+0.5*H*k1, y2 = y+0.5*H*l1;
  double k2 = x2*(a-b*y2), l2 = y2*(c*x2-d), x3 = x+0.5*H*k2, y3 = y+0.5*H*l2;
  double k3 = x3*(a-b*y3), l3 = y3*(c*x3-d), x4 = x+H*k3, y4 = y+H*l3;
  double k4 = x4*(a-b*y4), l4 = y4*(c*x4-d);
  x += H/6*(k1+2*k2+2*k3+k4); y += H/6*(l1+2*l2+2*l3+l4); }
static void f(const double* pa, const double* pb, const double* pc, const double* pd, const double* px, const double* py, double* o) {
  double a = *pa, b = *pb, c = *pc, d = *pd, x = *px, y = *py;
  for (int i = 0; i < N; i++) step(a, b, c, d, x, y);
  o[0] = x*x + y*y; }
// --- hand: store (x, y) of every step, recompute the stages backwards
static void g(const double* pa, const double* pb, const double* pc, const double* pd, const double* px, const double* py, double* o) {
  static double X[N+1], Y[N+1];
  double a = *pa, b = *pb, c = *pc, d = *pd, x = *px, y = *py, ga=0, gb=0, gc=0, gd=0;
  for (int i = 0; i < N; i++) { X[i] = x; Y[i] = y; step(a, b, c, d, x, y); }
  double gx = 2*x, gy = 2*y;
  #define RHS_B(x,y,k,l,ox,oy) ga += k*x; gb -= k*x*y; gc += l*x*y; gd -= l*y; ox = k*(a-b*y) + l*c*y; oy = l*(c*x-d) - k*b*x;
  for (int i = N-1; i >= 0; i--) {
    x = X[i]; y = Y[i];
    double k1 = x*(a-b*y), l1 = y*(c*x-d), x2 = x+0.5*H*k1, y2 = y+0.5*H*l1;
    double k2 = x2*(a-b*y2), l2 = y2*(c*x2-d), x3 = x+0.5*H*k2, y3 = y+0.5*H*l2;
    double k3 = x3*(a-b*y3), l3 = y3*(c*x3-d), x4 = x+H*k3, y4 = y+H*l3;
    double K4 = H/6*gx, L4 = H/6*gy, K3 = 2*K4, L3 = 2*L4, K2 = K3, L2 = L3, K1 = K4, L1 = L4, u, v;
    RHS_B(x4,y4,K4,L4,u,v) gx += u; gy += v; K3 += H*u; L3 += H*v;
    RHS_B(x3,y3,K3,L3,u,v) gx += u; gy += v; K2 += 0.5*H*u; L2 += 0.5*H*v;
    RHS_B(x2,y2,K2,L2,u,v) gx += u; gy += v; K1 += 0.5*H*u; L1 += 0.5*H*v;
    RHS_B(x,y,K1,L1,u,v) gx += u; gy += v; }
  o[0]=ga; o[1]=gb; o[2]=gc; o[3]=gd; o[4]=gx; o[5]=gy; }
"""


def jax_(W, args, ckpt=0, unroll=1, fwd=False):
    """lax.scan over the steps; with ckpt, a scan of rematerialised inner scans; fwd is forward mode."""
    import common

    jax, jnp = common.jax_setup(W)

    def F(a, b, c, d, x, y):
        body = lambda s, _: (step(a, b, c, d, *s), None)
        if ckpt:
            inner = jax.checkpoint(lambda s, _: jax.lax.scan(body, s, None, length=ckpt))
            (x, y), _ = jax.lax.scan(inner, (x, y), None, length=N // ckpt)
        else:
            (x, y), _ = jax.lax.scan(body, (x, y), None, length=N, unroll=unroll)
        return x * x + y * y

    return common.jax_wrap(jax, jax.jit(F), jax.jit((jax.jacfwd if fwd else jax.grad)(F, argnums=ARGNUMS)), args)


def jax_ckpt_(W, args):
    return jax_(W, args, 100)


def jax_unroll_(W, args):
    return jax_(W, args, unroll=20)


def jax_fwd_(W, args):
    return jax_(W, args, fwd=True)


def casadi_(W, args):
    import common, casadi as ca

    p, s = ca.SX.sym("p", 4), ca.SX.sym("s", 2)
    F = ca.Function("F", [s, p], [ca.vertcat(*step(p[0], p[1], p[2], p[3], s[0], s[1]))]).fold(N)
    P, S = ca.MX.sym("p", 4), ca.MX.sym("s", 2)
    e = F(S, ca.repmat(P, 1, N))
    y = ca.dot(e, e)
    ins = [P, S]
    G = ca.Function("g", ins, [ca.gradient(y, ca.vertcat(P)), ca.gradient(y, S)])
    return common.casadi_call(ca, ca.Function("f", ins, [y]), G, (args[:4], args[4:]))
