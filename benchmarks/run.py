# ruff: noqa
# Copied from ../shared/bench/run.py (November 2026) and kept as it is, so that figures compare.
"""Time every workload with every tool; print tables; merge results into a JSON file.

    python run.py [--only w01,w07] [--tools jax,irad] [--threads 1,2] [--rounds 2]
                  [--budget 1.0] [--timeout 240] [--out results.json] [--table]

Each pair runs in a fresh process pinned to `threads` cores.  Results of several rounds and
of several invocations merge by taking the minimum of each time.
"""

import argparse, glob, importlib, json, os, pathlib, subprocess, sys, tempfile, time
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = [
    "hand",
    "handfast",
    "enzyme",
    "irad",
    "jax",
    "jax_np",
    "jax_scan",
    "jax_ckpt",
    "jax_fwd",
    "jax_unroll",
    "jax_ift",
    "torch",
    "torchfn",
    "torchc",
    "autograd",
    "casadi",
    "numba",
    "numpy",
]
EXTRA = {"handfast", "jax_np", "jax_scan", "jax_ckpt", "jax_fwd", "jax_unroll", "jax_ift", "torchfn"}


def pick_cpus(n):
    """The n least busy of the cores we may use (50 ms sample)."""

    def busy():
        rows = [l.split() for l in open("/proc/stat") if l.startswith("cpu") and l[3].isdigit()]
        return {int(r[0][3:]): sum(map(int, r[1:])) - int(r[4]) for r in rows}

    a = busy()
    time.sleep(0.05)
    b = busy()
    return sorted(sorted(os.sched_getaffinity(0)), key=lambda c: b[c] - a[c])[:n]


def one(name, tool, threads, budget, timeout, grads):
    save = grads / f"{name}.{tool}.{threads}.npy"
    env = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH")))),
        TF_CPP_MIN_LOG_LEVEL="3",
        PYTHONDONTWRITEBYTECODE="1",
    )
    for v in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        env[v + "_NUM_THREADS"] = str(threads)
    env["NPROC"] = str(threads)
    # torch.compile's on-disk cache would hide its compile time
    env["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    cpus = set(pick_cpus(threads))
    try:
        p = subprocess.run(
            [sys.executable, str(HERE / "worker.py"), name, tool, str(budget), str(save)],
            cwd=HERE,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
    except subprocess.TimeoutExpired:
        return {"error": f"timeout {timeout} s"}
    line = [l for l in p.stdout.splitlines() if l.startswith("@@")]
    r = json.loads(line[-1][2:]) if line else {"error": f"died rc={p.returncode}: {p.stderr.strip()[-200:]}"}
    if os.environ.get("BENCH_DEBUG") and "error" in r:
        print(p.stderr[-3000:])
    if save.exists():
        r["grad_file"] = str(save)
    return r


def merge(old, new):
    if old is None or "error" in old:
        return new
    if "error" in new:
        return old
    out = dict(old, **new)
    for k, v in new.items():
        if k.endswith("_s") and k in old:
            out[k] = min(v, old[k])
    return out


def check(rows):
    """Relative error of each tool's gradient against the first tool in the list that has one."""
    ref = None
    for t in TOOLS:
        f = rows.get(t, {}).pop("grad_file", None)
        if not f or not os.path.exists(f):
            continue
        g = np.load(f)
        if ref is None:
            ref, rows[t]["rel_err"] = g, 0.0
        elif g.shape != ref.shape:
            rows[t]["rel_err"] = f"shape {g.shape} != {ref.shape}"
        else:
            rows[t]["rel_err"] = float(np.abs(g - ref).max() / max(np.abs(ref).max(), 1e-300))
    for t, r in rows.items():  # a tool with a primal only: check its value
        v = rows.get("numpy", {}).get("value")
        if "value" in r and v:
            r["value_rel_err"] = abs(r["value"] - v) / abs(v)


def fmt(s):
    if s is None:
        return "–"
    return (
        f"{s * 1e9:.0f} ns" if s < 1e-6 else f"{s * 1e6:.3g} us" if s < 1e-3 else f"{s * 1e3:.3g} ms" if s < 1 else f"{s:.3g} s"
    )


def table(res):
    lines = []
    for key in sorted(res):
        rows = res[key]
        lines += [
            f"\n### {key}",
            "",
            "| tool | primal | gradient | grad/primal | first call | rel. err | peak RSS |",
            "|---|---|---|---|---|---|---|",
        ]
        for t in TOOLS:
            r = rows.get(t)
            if not r:
                continue
            if "error" in r:
                if not r["error"].endswith("n/a"):
                    lines.append(f"| {t} | {r['error']} | | | | | |")
                continue
            p, g = r.get("primal_min_s"), r.get("grad_min_s")
            err = r.get("rel_err")
            lines.append(
                f"| {t} | {fmt(p)} | {fmt(g)} | {f'{g / p:.2f}' if p and g else '–'} | {fmt(r.get('grad_cold_s', r.get('primal_cold_s')))} "
                f"| {err if isinstance(err, str) else '–' if err is None else f'{err:.0e}'} | {r['rss_mb']:.0f} MB |"
            )
    return "\n".join(lines)


def summary(res, key="grad_min_s"):
    """One row per workload, one column per tool: gradient time, and its ratio to the fastest C."""
    cols = [t for t in TOOLS if any(key in r.get(t, {}) for r in res.values())]
    lines = ["| workload | " + " | ".join(cols) + " |", "|---" * (len(cols) + 1) + "|"]
    for w in sorted(res):
        c = [res[w][t][key] for t in ("hand", "handfast", "manual") if key in res[w].get(t, {})]
        cell = lambda s: (
            "–"
            if s is None
            else f"{s:.0f}"
            if key.endswith("_mb")
            else fmt(s) + (f" ({s / min(c):.3g}x)" if c and key == "grad_min_s" else "")
        )
        lines.append(f"| {w} | " + " | ".join(cell(res[w].get(t, {}).get(key)) for t in cols) + " |")
    return "\n".join(lines)


def main():
    ap = argparse.ArgumentParser()
    for k, d in (
        ("only", ""),
        ("tools", ""),
        ("threads", ""),
        ("rounds", 1),
        ("budget", 1.0),
        ("timeout", 240.0),
        ("out", "results.json"),
    ):
        ap.add_argument("--" + k, type=type(d), default=d)
    ap.add_argument("--table", action="store_true", help="only print the tables of --out")
    ap.add_argument(
        "--summary",
        default="",
        help="only print one row per workload of this figure, e.g. grad_min_s, grad_cold_s, rss_mb",
    )
    a = ap.parse_args()
    path = pathlib.Path(a.out)
    res = json.loads(path.read_text()) if path.exists() else {}
    if a.table:
        return print(table(res))
    if a.summary:
        return print(summary(res, a.summary))
    sys.path.insert(0, str(HERE))
    grads = pathlib.Path(tempfile.gettempdir()) / "irad-bench-grads"
    grads.mkdir(exist_ok=True)
    names = sorted(pathlib.Path(p).stem for p in glob.glob(str(HERE / "w[0-9]*.py")))
    for name in names:
        if a.only and not any(name.startswith(o) for o in a.only.split(",")):
            continue
        W = importlib.import_module(name)
        for th in W.THREADS if not a.threads else [t for t in map(int, a.threads.split(",")) if t in W.THREADS]:
            key, now = f"{name} ({th} thread{'s' * (th > 1)})", {}
            rows = res.setdefault(key, {})
            for tool in TOOLS:
                if (a.tools and tool not in a.tools.split(",")) or (
                    tool in EXTRA and tool not in getattr(W, "TOOLS_EXTRA", ())
                ):
                    continue
                for _ in range(a.rounds):
                    r = one(name, tool, th, a.budget, a.timeout, grads)
                    now[tool] = merge(now.get(tool), r)
                    if "error" in r:
                        break
                rows[tool] = merge(rows.get(tool), now[tool])
                r = rows[tool]
                print(
                    f"{key:34s} {tool:10s}",
                    r.get("error")
                    or f"primal {fmt(r.get('primal_min_s')):>9s}  grad {fmt(r.get('grad_min_s')):>9s}"
                    f"  first {fmt(r.get('grad_cold_s', r.get('primal_cold_s'))):>9s}  rss {r['rss_mb']:.0f}",
                    flush=True,
                )
            for t in TOOLS:  # gradients left by earlier invocations still serve the check
                f = grads / f"{name}.{t}.{th}.npy"
                if t in rows and "error" not in rows[t] and f.exists():
                    rows[t]["grad_file"] = str(f)
            check(rows)
            path.write_text(json.dumps(res, indent=1, sort_keys=True))
    print(table(res))


if __name__ == "__main__":
    main()
