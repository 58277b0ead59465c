"""The tables of README.md, from the results beside this file: `python -m benchmarks.table gradients`, or `steps`, ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.targets import WORKLOADS

HERE = Path(__file__).resolve().parent
BESIDE = {"hand": "C", "handfast": "-ffast-math", "jax": "JAX"}
COMPILES = {
    "cube": "gradient of `x**3`, first call",
    "black_scholes": "gradient of Black-Scholes, first call",
    "rk4": "gradient of an RK4 loop, first call",
    "mlp": "gradient of an MLP 784-256-128-10, first call",
    "mixture": "gradient of a Gaussian mixture, first call",
    "lstm": "gradient of an LSTM layer, 14 units, 100 steps in a loop, first call",
    "import": "`import irad`, on top of NumPy",
}


MADE = ("blocks", "matrices")  # of JAX's
CALLED = {"batch": "batch of 64", "batch of 512": "batch of 512", "call": "one by one", "loop": "in a compiled loop"}
STEPS = {
    "euler": "x += 0.01 * sin(x)",
    "logistic": "logistic growth",
    "heat": "the heat equation",
    "burgers": "Burgers' equation",
}


def loaded(name: str) -> dict[str, Any]:
    """The figures of a results file; none where it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def shown(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("ps", 1e-12)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1e} s"


def gradients() -> None:
    """Least time of a gradient: irad through a call from Python, C in a loop in C."""
    results = loaded("results.json")
    print("| gradient of | hand-written C | the same, -ffast-math | JAX | irad, called from Python | ratio | at most |")
    print("|---|---|---|---|---|---|---|")
    for key, w in WORKLOADS.items():
        rows = results.get(key)
        if rows is None:
            continue
        times = {tool: row.get("grad_min_s") for tool, row in rows.items()}
        times["jax"] = min(filter(None, (times.get("jax"), times.get("jax_np"))), default=None)
        beside, irad = times.get(w.beside), times.get("irad")
        ratio = f"{irad / beside:.2f}" if irad and beside else "–"
        cells = " | ".join(shown(times.get(tool)) for tool in ("hand", "handfast", "jax", "irad"))
        print(f"| {w.name} | {cells} | {ratio} | {w.most} × {BESIDE[w.beside]} |")


def steps() -> None:
    """100 steps on large arrays: the value by NumPy and irad, the gradient by irad and JAX."""
    print("| 100 steps of | numbers | NumPy, value | irad, value | irad, gradient | JAX, gradient |")
    print("|---|---|---|---|---|---|")
    for n, rows in loaded("steps.json").items():
        for name, r in rows.items() if n != "machine" else ():
            if r["jax"] is not None:
                cells = " | ".join(shown(r[key] / 1e3) for key in ("numpy", "value", "gradient", "jax"))
                print(f"| {STEPS[name]} | {int(n):,} | {cells} |")


def jacobians() -> None:
    """Jacobians by elimination, in the order that was searched, beside irad's modes and JAX's better one."""
    print("| Jacobian of | called | forward | reverse | auto | searched | of the better mode | JAX's better mode |")
    print("|---|---|---|---|---|---|---|---|")
    for name, ways in loaded("jacobians.json").items():
        theirs = min((median for median, _ in ways.get("jax", {}).values()), default=None)
        for way, times in ways.items() if name != "machine" else ():
            if way == "jax":
                continue
            medians = {mode: median for mode, (median, _) in times.items()}
            ratio = medians["searched"] / min(medians["forward"], medians["reverse"])
            jax = theirs * 1e-9 if theirs is not None and way == "batch of 512" else None
            cells = " | ".join(shown(t * 1e-9) for t in medians.values())
            print(f"| {name} | {CALLED[way]} | {cells} | {ratio:.2f} | {shown(jax)} |")


def gpu() -> None:
    """Batches of Jacobians on a GPU."""
    print("| Jacobian of | items | irad's kernel | JAX's better mode |")
    print("|---|---|---|---|")
    for name, r in loaded("gpu.json").items():
        for items, ns in r["ns"].items() if name != "machine" else ():
            best = min(ns["jacfwd"], ns["jacrev"])
            print(f"| {name} | {int(items):,} | {shown(ns['irad'] * 1e-9)} | {shown(best * 1e-9)} |")


def sparse() -> None:
    """Sparse matrices by irad, and what JAX makes of the same, in its better mode."""
    print("| matrices of | irad, the function | irad, sparse | JAX, dense blocks | JAX's blocks as CSR by SciPy |")
    print("|---|---|---|---|---|")
    for name, r in loaded("sparse.json").items():
        if "residuals" in r:
            best = {what: min((v[0] for k, v in r.items() if k.endswith(f", {what}")), default=None) for what in MADE}
            times = [r["residuals"][0], r["matrices"][0], *best.values()]
            print(f"| {name} | {' | '.join(shown(t and t / 1e3) for t in times)} |")


def hessians() -> None:
    """Sparse Hessians beside gradients."""
    print("| function | gradient | sparse Hessian | times |")
    print("|---|---|---|---|")
    for name, r in loaded("sparse.json").items():
        if "Hessian" in r:
            gradient, hessian = r["gradient"][0], r["Hessian"][0]
            print(f"| {name} | {shown(gradient / 1e3)} | {shown(hessian / 1e3)} | {hessian / gradient:.1f} |")


def compile_time() -> None:
    """First calls in a warm process, and the import."""
    results = loaded("compile_time.json")
    print("| what | median | of the processor | target |")
    print("|---|---|---|---|")
    for key, name in COMPILES.items():
        if key in results:
            r = results[key]
            print(f"| {name} | {r['median_ms']:.0f} ms | {r['processor_ms']:.0f} ms | {r['target_ms']:.0f} ms |")


def scaling() -> None:
    """All passes of the optimizer: exponent and time a node."""
    print("| program | nodes | time ~ nodes to the | µs a node, at most |")
    print("|---|---|---|---|")
    for name, r in loaded("scaling.json").items():
        if name != "machine":
            sizes = f"{r['points'][0]['nodes']:,} to {r['points'][-1]['nodes']:,}"
            print(f"| {name.replace(' ', ', ')} | {sizes} | {r['exponents']['all']:.2f} | {r['most_us']:.0f} |")


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "gradients"
    {
        "gradients": gradients,
        "steps": steps,
        "jacobians": jacobians,
        "gpu": gpu,
        "sparse": sparse,
        "hessians": hessians,
        "compile": compile_time,
        "scaling": scaling,
    }[wanted]()
