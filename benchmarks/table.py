"""The tables of README.md, from the results beside this file: `python benchmarks/table.py gradients|compile|scaling`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAMES = {
    "w01_blackscholes (1 thread)": "Black-Scholes price of 5 scalars",
    "w02a_lv_rk4 (1 thread)": "Lotka-Volterra, 10,000 RK4 steps",
    "w03a_kepler (1 thread)": "Kepler's equation by Newton's `while`",
}
CASES = {
    "cube": "gradient of `x**3`, first call",
    "black_scholes": "gradient of Black-Scholes, first call",
    "rk4": "gradient of an RK4 loop, first call",
    "import": "`import irad`, on top of NumPy",
}


def loaded(name: str) -> dict[str, Any]:
    path = HERE / name
    return json.loads(path.read_text()) if path.exists() else {}


def shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1e} s"


def gradients() -> None:
    """Time of a gradient, one thread: irad through a Python call, the others as they come."""
    results = loaded("results.json")
    print("| gradient of | hand-written C | C, -ffast-math | irad, called from Python | JAX, NumPy in and out |")
    print("|---|---|---|---|---|")
    for key, name in NAMES.items():
        rows = results.get(key, {})
        hand = rows.get("hand", {}).get("grad_min_s")
        cells = []
        for tool in ("hand", "handfast", "irad", "jax_np"):
            t = rows.get(tool, {}).get("grad_min_s")
            ratio = f" ({t / hand:.2f} ×)" if t and hand and tool == "irad" else ""
            cells.append(shown(t) + ratio if t else "–")
        print(f"| {name} | {' | '.join(cells)} |")


def compile_time() -> None:
    """First calls in a warm process, and the import."""
    results = loaded("compile_time.json")
    print("| what | median | target |")
    print("|---|---|---|")
    for key, name in CASES.items():
        if key in results:
            print(f"| {name} | {results[key]['median_ms']:.0f} ms | {results[key]['target_ms']:.0f} ms |")


def scaling() -> None:
    """All passes of the optimizer: exponent and time a node."""
    results = loaded("scaling.json")
    print("| program | nodes | exponent | µs a node, at most |")
    print("|---|---|---|---|")
    for name, r in results.items():
        if name != "machine":
            sizes = f"{r['points'][0]['nodes']:,} to {r['points'][-1]['nodes']:,}"
            print(f"| {name.replace(' ', ', ')} | {sizes} | {r['exponents']['all']:.2f} | {r['most_us']:.0f} |")


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "gradients"
    {"gradients": gradients, "compile": compile_time, "scaling": scaling}[wanted]()
