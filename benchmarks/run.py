"""Gradients by irad, called from Python, beside hand-written C adjoints and JAX, in one run.

    python -m benchmarks.run [--rounds 3] [--only w07,w08] [--tools hand,irad] [--jax PYTHON] [--out benchmarks/results.json]

Each workload of workloads/ is the function as a user writes it, with C++ text whose gradient is derived by hand; targets.py
says what irad's is to take. Every (workload, tool) pair runs in a process of its own, pinned to the least busy core; the
tools take turns, and the least time of all rounds counts. The gradients are compared with the first tool's. Needs g++.

`hand` is gcc -O3 -march=native and `handfast` has -ffast-math too; both are timed by a loop inside C (for w05a, `hand` is
NumPy over OpenBLAS). `irad` is timed through calls from Python, `irad2` is irad with two threads, on two cores. `jax` keeps
its arrays on JAX's side, `jax_np` has NumPy in and out; they run by the Python that --jax names, and are left out where it
has no JAX.
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
from benchmarks.targets import WORKLOADS

HERE = Path(__file__).resolve().parent
TOOLS = ("hand", "handfast", "irad", "irad2", "jax", "jax_np")


def least_busy_core() -> int:
    """Of the cores that this process may use, over 50 ms."""

    def busy() -> dict[int, int]:
        rows = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line[3:4].isdigit()]
        return {int(r[0][3:]): sum(map(int, r[1:])) - int(r[4]) for r in rows if r[0].startswith("cpu")}

    before = busy()
    time.sleep(0.05)
    after = busy()
    return min(sorted(os.sched_getaffinity(0)), key=lambda core: after[core] - before[core])


def one(workload: str, tool: str, budget: float, grad_file: Path, jax: str) -> dict[str, Any]:
    """The times of one pair in a fresh process; {"error": why} where there are none."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "IRAD_THREADS": "2" if tool == "irad2" else "1"}
    python = jax if tool.startswith("jax") else sys.executable
    cores = os.sched_getaffinity(0) if tool == "irad2" else {least_busy_core()}
    env.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")})
    paths = [str(HERE / "workloads"), env.get("PYTHONPATH", ""), str(HERE.parent)]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [python, str(HERE / "workloads" / "worker.py"), workload, tool.rstrip("2"), str(budget), str(grad_file)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=partial(os.sched_setaffinity, 0, cores),
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("@@")]
    return json.loads(lines[-1][2:]) if lines else {"error": done.stderr.strip()[-200:]}  # type: ignore[no-any-return]


def measure(
    workload: str, tools: list[str], rounds: int, budget: float, jax: str = sys.executable
) -> dict[str, dict[str, Any]]:
    """tool -> its least times over the rounds, with `rel_err` of its gradient against the first tool's."""
    tools = [tool for tool in tools if tool != "irad2" or WORKLOADS[workload].threads]
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(rounds):
            for tool in tools:
                if "error" in rows.get(tool, {}):
                    continue
                row = one(workload, tool, budget, Path(folder) / f"{tool}.npy", jax)
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
    w = WORKLOADS[workload]
    seconds = {tool: row["grad_min_s"] for tool, row in rows.items() if "error" not in row}
    fine = True
    for tool, row in rows.items():
        if "error" in row:
            print(f"{workload:18s} {tool:10s} {row['error']}")
            fine = fine and tool not in ("irad", "irad2")
            continue
        verdict = ""
        if tool == "irad" and w.beside in seconds:
            ratio = seconds[tool] / seconds[w.beside]
            verdict = f"{ratio:6.2f} x {w.beside}   at most {w.most}: {'ok' if ratio <= w.most else 'missed'}"
            fine = fine and ratio <= w.most
        if tool == "irad2" and w.threads and "irad" in seconds:
            ratio = seconds["irad"] / seconds[tool]
            verdict = f"{ratio:6.2f} x as fast   at least {w.threads}: {'ok' if ratio >= w.threads else 'missed'}"
            fine = fine and ratio >= w.threads
        if row["rel_err"] > w.tolerance:
            verdict += f"   WRONG: off by {row['rel_err']:.0e}"
            fine = False
        print(f"{workload:18s} {tool:10s} {1e9 * seconds[tool]:13,.0f} ns {verdict}", flush=True)
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="w", help="workloads, or what their names begin with (default: all)")
    parser.add_argument("--tools", default=",".join(TOOLS), help="default: %(default)s")
    parser.add_argument("--jax", default=sys.executable, metavar="PYTHON", help="a Python that has JAX (default: this one)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=0.5, help="seconds of timing a round (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    a = parser.parse_args()
    if shutil.which("g++") is None:
        parser.error("g++ is needed for the C adjoints")
    results: dict[str, Any] = {"machine": machine()}
    fine = True
    for workload in (name for name in WORKLOADS if any(name.startswith(o) for o in a.only.split(","))):
        results[workload] = measure(workload, a.tools.split(","), a.rounds, a.budget, a.jax)
        fine = report(workload, results[workload]) and fine
    a.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
