"""Gradients by irad, called from Python, beside hand-written C adjoints, in one run.

    python -m benchmarks.run [--rounds 3] [--tools hand,irad] [--out benchmarks/results.json]

Each workload of workloads/ is the function as a user writes it, with C++ text whose gradient is derived by hand. Every
(workload, tool) pair runs in a process of its own, pinned to the least busy core; the tools take turns, and the least time
of all rounds counts. The gradients are compared with the C one's. Needs g++; jax_np needs JAX and is left out without it.

`hand` is gcc -O3 -march=native and `handfast` has -ffast-math too; both are timed by a loop inside C. `irad` is timed
through calls from Python, `jax_np` with NumPy in and out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine

HERE = Path(__file__).resolve().parent
TARGETS = {  # irad's time over hand's
    "w01_blackscholes": 4.5,
    "w02a_lv_rk4": 1.15,
    "w03a_kepler": 1.7,
    "w03b_kepler_batch": 1.5,
    "w08a_arm": 3.5,
    "w08b_arm_batch": 0.6,
}
TOOLS = ("hand", "handfast", "irad", "jax_np")
TOLERANCE = 1e-9  # of gradients, relative to the largest component


def least_busy_core() -> int:
    """Of the cores that this process may use, over 50 ms."""

    def busy() -> dict[int, int]:
        rows = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line[3:4].isdigit()]
        return {int(r[0][3:]): sum(map(int, r[1:])) - int(r[4]) for r in rows if r[0].startswith("cpu")}

    before = busy()
    time.sleep(0.05)
    after = busy()
    return min(sorted(os.sched_getaffinity(0)), key=lambda core: after[core] - before[core])


def one(workload: str, tool: str, budget: float, grad_file: Path) -> dict[str, Any]:
    """The times of one pair in a fresh process; {"error": why} where there are none."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    env.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")})
    paths = [str(HERE / "workloads"), env.get("PYTHONPATH", ""), str(HERE.parent)]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, str(HERE / "workloads" / "worker.py"), workload, tool, str(budget), str(grad_file)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=partial(os.sched_setaffinity, 0, {least_busy_core()}),
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("@@")]
    return json.loads(lines[-1][2:]) if lines else {"error": done.stderr.strip()[-200:]}  # type: ignore[no-any-return]


def measure(workload: str, tools: list[str], rounds: int, budget: float) -> dict[str, dict[str, Any]]:
    """tool -> its least times over the rounds, with `rel_err` of its gradient against the first tool's."""
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(rounds):
            for tool in tools:
                if "error" in rows.get(tool, {}):
                    continue
                row = one(workload, tool, budget, Path(folder) / f"{tool}.npy")
                if tool in rows and "error" not in row:
                    row = {k: min(v, row[k]) if k.endswith("_s") else row[k] for k, v in rows[tool].items()}
                rows[tool] = row
                print(f"{workload}: {tool}, round {i + 1} of {rounds}", file=sys.stderr)
        expected = None
        for tool in tools:
            if "error" not in rows[tool]:
                gradient = np.load(Path(folder) / f"{tool}.npy")
                expected = gradient if expected is None else expected
                rows[tool]["rel_err"] = float(np.abs(gradient - expected).max() / np.abs(expected).max())
    return rows


def report(workload: str, rows: dict[str, dict[str, Any]]) -> bool:
    """Print the times and ratios of a workload; whether irad's gradient is right and within its target."""
    hand = rows.get("hand", {}).get("grad_min_s")
    fine = True
    for tool, row in rows.items():
        if "error" in row:
            print(f"{workload:18s} {tool:10s} {row['error']}")
            fine = fine and tool != "irad"
            continue
        seconds = row["grad_min_s"]
        ratio = f"{seconds / hand:6.2f} x hand" if hand else ""
        verdict = ""
        if tool == "irad" and hand:
            met = seconds / hand <= TARGETS[workload]
            verdict = f"   at most {TARGETS[workload]}: {'ok' if met else 'missed'}"
            fine = fine and met
        if row["rel_err"] > TOLERANCE:
            verdict += f"   WRONG: off by {row['rel_err']:.0e}"
            fine = False
        print(f"{workload:18s} {tool:10s} {1e9 * seconds:12,.0f} ns {ratio}{verdict}")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TARGETS), help="workloads (default: %(default)s)")
    parser.add_argument("--tools", default=",".join(TOOLS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=0.5, help="seconds of timing a round (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    a = parser.parse_args()
    if shutil.which("g++") is None:
        parser.error("g++ is needed for the C adjoints")
    results: dict[str, Any] = {"machine": machine()}
    fine = True
    for workload in (name for name in TARGETS if any(name.startswith(o) for o in a.only.split(","))):
        results[workload] = measure(workload, a.tools.split(","), a.rounds, a.budget)
        fine = report(workload, results[workload]) and fine
    a.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
