"""The tables of README.md, from the results beside this file: `python -m benchmarks.table gradients|compile|scaling`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
GRADIENTS = {
    "w01_blackscholes": ("Black-Scholes price, 5 numbers", 4.5),
    "w02a_lv_rk4": ("Lotka-Volterra, 10,000 RK4 steps", 1.15),
    "w03a_kepler": ("Kepler's equation, Newton's `while`", 1.7),
    "w03b_kepler_batch": ("the same at 100,000 points, by `vmap`", 1.5),
    "w08a_arm": ("a robot arm of 6 joints: its Jacobian", 3.5),
    "w08b_arm_batch": ("the same at 100,000 points, by `vmap`", 0.6),
}
COMPILES = {
    "cube": "gradient of `x**3`, first call",
    "black_scholes": "gradient of Black-Scholes, first call",
    "rk4": "gradient of an RK4 loop, first call",
    "import": "`import irad`, on top of NumPy",
}


def loaded(name: str) -> dict[str, Any]:
    """The figures of a results file; none where it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def shown(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1e} s"


def gradients() -> None:
    """Least time of a gradient: irad through a call from Python, C in a loop in C."""
    results = loaded("results.json")
    print("| gradient of | hand-written C | the same, -ffast-math | irad, called from Python | irad / C | target |")
    print("|---|---|---|---|---|---|")
    for key, (name, target) in GRADIENTS.items():
        hand, fast, irad = (results.get(key, {}).get(tool, {}).get("grad_min_s") for tool in ("hand", "handfast", "irad"))
        ratio = f"{irad / hand:.2f}" if irad and hand else "–"
        print(f"| {name} | {shown(hand)} | {shown(fast)} | {shown(irad)} | {ratio} | {target} |")


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
    {"gradients": gradients, "compile": compile_time, "scaling": scaling}[wanted]()
