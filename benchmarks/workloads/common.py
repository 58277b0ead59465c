# ruff: noqa
# Copied from ../shared/bench/common.py (November 2026) and kept as it is but for layout, so that figures compare.
"""Shared pieces of the performance bench: timer, C and Enzyme builders, default peers.

A workload module `wNN_name.py` defines
    TITLE, KIND ('grad' | 'jac' | 'hess' | 'hvp'), ARGNUMS, THREADS
    make()            -> tuple of NumPy arguments
    f(*args)          -> the plain Python + NumPy function, as an irad user writes it
    SRC               -> C++ text: f(const double*..., double* o) and, hand-derived, g(...)
    <tool>_(W, args)  -> (primal, grad), overriding the default peer of that tool
    SKIP              -> {tool: reason}; TOOLS_EXTRA -> more tool names
Each (workload, tool) pair runs in its own process (worker.py).  A peer may rebind the
module's `np`, so one text of f serves NumPy, autograd, JAX and PyTorch.
"""

import ctypes, gc, hashlib, os, pathlib, re, subprocess, tempfile, time
import numpy as np

CACHE = pathlib.Path(tempfile.gettempdir()) / "irad-bench-cache"
MODULE = {
    "jax": "jax",
    "jax_np": "jax",
    "torch": "torch",
    "torchc": "torch",
    "numba": "numba",
    "autograd": "autograd.numpy",
    "casadi": "casadi",
    "enzyme": "enzyme_ad.jax",
    "irad": "irad",
    "jax_fwd": "jax",
    "jax_scan": "jax",
    "jax_ckpt": "jax",
    "jax_unroll": "jax",
    "jax_ift": "jax",
    "torchfn": "torch",
}


# ---------------------------------------------------------------- timing
def timeit(fn, budget=1.0):
    """Seconds per call: (min, median) over batches of at least 2 ms."""

    def batch(n, loop=getattr(fn, "loop", None)):
        if loop:
            return loop(n)
        t = time.perf_counter()
        for _ in range(n):
            fn()
        return time.perf_counter() - t

    one, n = batch(1), 1
    if one > budget:
        second = batch(1) if one < 5 else one
        return min(one, second), max(one, second)
    while (t := batch(n)) < 2e-3:
        n = max(n + 1, int(n * min(10, 2.5e-3 / max(t, 1e-9))))
    gc.disable()
    runs, end = [], time.perf_counter() + budget
    while len(runs) < 5 or time.perf_counter() < end:
        runs.append(batch(n) / n)
    gc.enable()
    return min(runs), float(np.median(runs))


def flat(r):
    """Any peer's result as one float64 vector."""
    if isinstance(r, (tuple, list)):
        return np.concatenate([flat(x) for x in r]) if len(r) else np.zeros(0)
    if isinstance(r, dict):
        return flat(list(r.values()))
    if hasattr(r, "detach"):
        r = r.detach().numpy()
    elif type(r).__module__.startswith("casadi"):
        r = r.full()
    return np.asarray(r, dtype=np.float64).ravel()


# ---------------------------------------------------------------- C by gcc, timed inside C
_LOOP = r"""
#include <time.h>
extern "C" double bench_loop(void (*fn)(const double**, double*), const double** a, double* o, long n) {
  timespec s, e; clock_gettime(CLOCK_MONOTONIC, &s);
  for (long i = 0; i < n; i++) { fn(a, o); asm volatile("" ::: "memory"); }
  clock_gettime(CLOCK_MONOTONIC, &e); return (e.tv_sec - s.tv_sec) + 1e-9 * (e.tv_nsec - s.tv_nsec); }
"""


def gxx(text, flags=(), extra=()):
    """Compile (cached) C++ text to a shared object; returns (CDLL, compile seconds)."""
    flags = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-w", *flags]
    key = hashlib.sha1((text + " ".join(flags) + "".join(map(str, extra))).encode()).hexdigest()[:16]
    so, src, sec = CACHE / f"{key}.so", CACHE / f"{key}.cpp", CACHE / f"{key}.sec"
    CACHE.mkdir(exist_ok=True)
    if not so.exists():
        src.write_text(text)
        t, objs = time.perf_counter(), []
        for i, e in enumerate(extra):  # C files go through gcc, the rest through g++
            objs.append(str(e))
            if str(e).endswith(".c"):
                objs[-1] = str(CACHE / f"{key}.{i}.o")
                subprocess.run(["gcc", "-O3", "-march=native", "-fPIC", "-w", "-c", str(e), "-o", objs[-1]], check=True)
        subprocess.run(["g++", *flags, str(src), *objs, "-o", str(so), "-lm"], check=True)
        sec.write_text(str(time.perf_counter() - t))
    return ctypes.CDLL(str(so)), float(sec.read_text())


def flat_args(args):
    return [np.ascontiguousarray(a, dtype=np.float64).ravel() for a in args]


def c_peer(W, args, text=None, nout=None, ngrad=None, flags=(), extra=(), names=("f", "g")):
    """(primal, grad) of C++ text; both are timed by a loop inside C (no Python call in it)."""
    text = text or W.SRC
    a = flat_args(args)
    call = ",".join(f"a[{i}]" for i in range(len(a)))
    entry = lambda name, fn: f'extern "C" void {name}(const double** a, double* o) {{ {fn}({call}, o); }}\n'
    has_g = re.search(rf"\b{names[1]}\s*\(", text) is not None
    text += _LOOP + entry("entry_f", names[0]) + (entry("entry_g", names[1]) if has_g else "")
    lib, sec = gxx(text, flags, extra)
    lib.bench_loop.restype = ctypes.c_double
    ptrs = (ctypes.POINTER(ctypes.c_double) * len(a))(*[x.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for x in a])

    def wrap(sym, n):
        out = np.zeros(n)
        po, cf = ctypes.c_void_p(out.ctypes.data), ctypes.cast(getattr(lib, sym), ctypes.c_void_p)

        def fn():
            getattr(lib, sym)(ptrs, po)
            return out.copy()

        fn.loop = lambda n: lib.bench_loop(cf, ptrs, po, ctypes.c_long(n))
        fn.keep, fn.cold = (a, out), sec
        return fn

    ng = ngrad or sum(np.size(args[i]) for i in W.ARGNUMS)
    return wrap("entry_f", nout or getattr(W, "NOUT", 1)), (wrap("entry_g", ng) if has_g else None)


def hand_(W, args):
    return c_peer(W, args, flags=getattr(W, "CFLAGS", ()))


def handfast_(W, args):
    return c_peer(W, args, flags=("-ffast-math",))


# ---------------------------------------------------------------- Enzyme on the same C++ text
_FNS = ("exp", "log", "sin", "cos", "tanh", "erf", "sqrt", "fabs", "atan2", "lgamma")
_MATH = (
    'extern "C" {'
    + "".join(f"double {n}({'double, ' if n == 'atan2' else ''}double);" for n in _FNS)
    + "double pow(double, double);}\n"
    "namespace std {" + "".join(f"using ::{n};" for n in (*_FNS, "pow")) + "}\n"
)


def enzyme_(W, args):
    """Enzyme (LLVM) through enzyme-ad's cpp_call on CPU: the C++ `f`, called as a JAX primitive."""
    import jax, jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    import enzyme_ad.jax as ej

    text = re.split(r"//\s*---\s*hand", W.SRC)[0].replace("#include <cmath>", _MATH)  # its clang has no libc headers
    cpu = re.search(
        r"-march=\s+(\S+)",
        subprocess.run(["gcc", "-march=native", "-Q", "--help=target"], capture_output=True, text=True).stdout,
    )[1]
    a, nout = flat_args(args), getattr(W, "NOUT", 1)
    const = [i for i in range(len(a)) if i not in W.ARGNUMS]
    sizes = ",".join(f"std::size_t N{i}" for i in range(len(a)))
    params = ",".join(f"const enzyme::tensor<double,N{i}>& a{i}" for i in range(len(a)))
    call = ",".join(f"(const double*)&a{i}" for i in range(len(a)))
    text += f"\ntemplate<{sizes}> void bench_main(enzyme::tensor<double,{nout}>& o, {params}) {{ f({call}, (double*)&o); }}\n"
    shape = [jax.core.ShapedArray([nout], jnp.float64)]

    def prim(*xs):
        (r,) = ej.cpp_call(*xs, out_shapes=shape, source=text, fn="bench_main", argv=("-O3", "-target-cpu", cpu))
        return r[0]

    xs = [jnp.asarray(x) for x in a]
    p, g = jax.jit(prim), jax.jit(jax.grad(prim, argnums=tuple(W.ARGNUMS)))
    return (lambda: jax.block_until_ready(p(*xs))), (lambda: jax.block_until_ready(g(*xs)))


# ---------------------------------------------------------------- default peers of the plain function
def numpy_(W, args):
    return (lambda: W.f(*args)), None


def numba_(W, args):
    import numba

    for k, v in vars(W).items():  # helpers the function calls
        if callable(v) and getattr(v, "__module__", None) == W.__name__ and k in getattr(W, "HELPERS", ()):
            setattr(W, k, numba.njit(v))
    p = numba.njit(W.f)
    return (lambda: p(*args)), None


def jax_setup(W):
    import jax, jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    W.np = jnp
    return jax, jnp


def jax_wrap(jax, p, g, args):
    xs = jax.tree.map(jax.numpy.asarray, args)
    return (lambda: jax.block_until_ready(p(*xs))), (lambda: jax.block_until_ready(g(*xs)))


def jax_(W, args, f=None):
    jax, jnp = jax_setup(W)
    f = f or W.f
    if W.KIND == "hvp":
        *xs, v = args
        xs, v = [jnp.asarray(x) for x in xs], jnp.asarray(v)
        gr = jax.grad(f)
        h = jax.jit(lambda x, v, *r: jax.jvp(lambda y: gr(y, *r), (x,), (v,))[1])
        p = jax.jit(f)
        return (lambda: jax.block_until_ready(p(*xs))), (lambda: jax.block_until_ready(h(xs[0], v, *xs[1:])))
    d = {"grad": jax.grad, "jac": jax.jacfwd, "hess": jax.hessian}[W.KIND]
    return jax_wrap(jax, jax.jit(f), jax.jit(d(f, argnums=tuple(W.ARGNUMS) if W.KIND == "grad" else 0)), args)


def jax_np_(W, args):
    """NumPy in, NumPy out: what irad's calling convention would be compared with."""
    jax, _ = jax_setup(W)
    p, g = jax.jit(W.f), jax.jit(jax.grad(W.f, argnums=tuple(W.ARGNUMS)))
    return (lambda: np.asarray(p(*args))), (lambda: [np.asarray(x) for x in g(*args)])


def torch_args(W, args):
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    xs = []
    for i, a in enumerate(args):
        t = torch.tensor(a) if isinstance(a, np.ndarray) else torch.tensor(a, dtype=torch.float64)
        xs.append(t.requires_grad_(i in W.ARGNUMS and W.KIND == "grad"))
    return torch, xs


def torch_(W, args, f=None, compile=False):
    torch, xs = torch_args(W, args)
    W.np = torch
    f = f or W.f
    if compile:
        f = torch.compile(f, fullgraph=True)
    if W.KIND == "grad":
        wrt = [xs[i] for i in W.ARGNUMS]
        return (lambda: f(*[x.detach() for x in xs])), (lambda: torch.autograd.grad(f(*xs), wrt))
    F = torch.func
    if W.KIND == "hvp":
        *xs, v = xs
        h = lambda x, v, *r: F.jvp(lambda y: F.grad(f)(y, *r), (x,), (v,))[1]
        return (lambda: f(*xs)), (lambda: h(xs[0], v, *xs[1:]))
    d = {"jac": F.jacfwd, "hess": F.hessian}[W.KIND](f)
    return (lambda: f(*xs)), (lambda: d(*xs))


def torchc_(W, args):
    return torch_(W, args, getattr(W, "torch_f", None), compile=True)


def autograd_(W, args):
    import autograd, autograd.numpy as anp

    W.np = anp
    if W.KIND == "grad":
        g = autograd.grad(W.f, tuple(W.ARGNUMS))
        return (lambda: W.f(*args)), (lambda: g(*args))
    if W.KIND == "hvp":
        *xs, v = args
        h = autograd.hessian_vector_product(W.f)
        return (lambda: W.f(*xs)), (
            lambda: (
                h(xs[0], v, *xs[1:]) if len(xs) == 1 else autograd.hessian_vector_product(lambda x: W.f(x, *xs[1:]))(xs[0], v)
            )
        )
    d = {"jac": autograd.jacobian, "hess": autograd.hessian}[W.KIND](W.f)
    return (lambda: W.f(*args)), (lambda: d(*args))


def irad_(W, args):
    """irad through its public names."""
    import irad

    *xs, v = args if W.KIND == "hvp" else (*args, None)
    p = irad.compile(W.f)
    if W.KIND == "grad":
        g = irad.compile(irad.grad(W.f, argnums=tuple(W.ARGNUMS)))
        return (lambda: p(*args)), (lambda: g(*args))
    if W.KIND == "hvp":
        g = irad.compile(irad.hvp(W.f))
        return (lambda: p(*xs)), (lambda: g(*xs, v))
    g = irad.compile({"jac": irad.jacobian, "hess": irad.hessian}[W.KIND](W.f))
    return (lambda: p(*args)), (lambda: g(*args))


def casadi_call(ca, F, G, ins):
    """CasADi Functions called with DM inputs."""
    ins = [ca.DM(x) for x in ins]
    return (lambda: F(*ins)), (lambda: G(*ins))


DEFAULTS = {k[:-1]: v for k, v in globals().items() if k.endswith("_") and callable(v)}
