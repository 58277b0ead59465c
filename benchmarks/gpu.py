"""Jacobians by elimination on a GPU, beside JAX's on the same card: the tasks of examples/jacobians.py, a thread an item.

    python -m benchmarks.gpu [--items 512 65536 1000000] [--rounds 15] [--jax PYTHON] [--json FILE]     needs CuPy and a GPU

The kernel is the CUDA C that `irad.ir(irad.vmap(irad.jacobian(f)), x, stage="cuda")` shows. Its values are first compared with
those of the processor's code. Printed are nanoseconds of a batch for each Jacobian: as the kernel is meant to be compiled
(--fmad=false), with fused multiply-adds, and by the better of JAX's vmap(jacfwd) and vmap(jacrev), jitted, in double precision.
Launches follow one another, with arguments and results on the card; the median of rounds, of irad by CUDA events, of JAX by the
clock.
"""

from __future__ import annotations

import argparse
import json
import math
import runpy
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from irad.backends.cupy.emit import emit_module

import irad
from benchmarks.machine import machine

HERE = Path(__file__).resolve().parent
TASKS = runpy.run_path(str(HERE.parent / "examples" / "jacobians.py"))["TASKS"]
OPTIONS = {"irad": "--fmad=false", "irad, contracted": "--fmad=true"}
WARP, THREADS, SPREAD = 32, 128, 132  # a block has a warp to 128 threads: few where not all multiprocessors had a block else
ROUND = 0.01  # seconds of a round, about
NEAR = 1e-12  # of the largest entry of a Jacobian


def batch(x: np.ndarray, items: int) -> np.ndarray:
    return np.asarray(x * np.linspace(1.0, 1.02, items)[:, None])


def kernel(f: Callable[..., Any], xs: np.ndarray, option: str) -> tuple[Callable[[Any, Any], None], tuple[int, ...]]:
    """What launches the one kernel of a batch of Jacobians on arrays of the device's, and the shape of its result."""
    import cupy

    module: Any = irad.ir(irad.vmap(irad.jacobian(f)), xs, stage="cuda").module
    program = emit_module(module)
    ((function,),) = program.kernels.values()
    compiled = cupy.RawModule(code=program.text, options=(option,)).get_function(function.name)
    threads = min(THREADS, WARP * max(1, len(xs) // (WARP * SPREAD)))
    grid = (math.ceil(len(xs) / threads),), (threads,)

    def launch(x: Any, out: Any) -> None:
        compiled(*grid, tuple(x if p.ctype.startswith("const") else out for p in function.params))

    return launch, module.entry.result.static_shape


def errors(f: Callable[..., Any], xs: np.ndarray) -> dict[str, float]:
    """How far the kernel's Jacobians are from the processor's, as a part of the largest entry; nan where one is not finite."""
    import cupy

    want, found = irad.compile(irad.vmap(irad.jacobian(f)))(xs), {}
    for k, option in OPTIONS.items():
        launch, shape = kernel(f, xs, option)
        out = cupy.asarray(np.full(shape, np.nan))
        launch(cupy.asarray(xs), out)
        found[k] = float(np.max(np.abs(cupy.asnumpy(out) - want)) / np.max(np.abs(want)))
    return found


def nanoseconds(f: Callable[..., Any], xs: np.ndarray, option: str, rounds: int) -> float:
    """Of a Jacobian: the median of rounds."""
    import cupy

    launch, shape = kernel(f, xs, option)
    x, out = cupy.asarray(xs), cupy.empty(shape)

    def milliseconds(count: int) -> float:
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        for _ in range(count):
            launch(x, out)
        end.record()
        end.synchronize()
        return float(cupy.cuda.get_elapsed_time(start, end))

    milliseconds(10)
    count = max(3, min(1000, math.ceil(ROUND * 1e3 / max(milliseconds(10) / 10, 1e-4))))
    return statistics.median(milliseconds(count) / count for _ in range(rounds)) / len(xs) * 1e6


def by_jax(python: str, items: list[int], rounds: int) -> dict[str, Any]:
    """Of each task, JAX's nanoseconds by batch and mode, and its Jacobian of the first item; of `device`, its name."""
    command = [python, str(HERE / "gpu_jax.py"), str(rounds), *map(str, items)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def card() -> dict[str, str]:
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "card": properties["name"].decode(),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
        "nvrtc": ".".join(map(str, cupy.cuda.nvrtc.getVersion())),
        "cupy": cupy.__version__,
    }


def main() -> None:
    a = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    a.add_argument("--items", type=int, nargs="+", default=[512, 65_536, 1_000_000], help="sizes of a batch")
    a.add_argument("--rounds", type=int, default=15)
    a.add_argument("--jax", default=sys.executable, metavar="PYTHON", help="one that has JAX; '' for none; default: this one")
    a.add_argument("--json", type=Path, default=None, metavar="FILE")
    options = a.parse_args()
    results: dict[str, Any] = {"machine": {**machine(), **card()}}

    def save() -> None:
        if options.json is not None:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    print(results["machine"]["card"], flush=True)
    for name, (f, x) in TASKS.items():
        row = results[name] = {"error": {}, "ns": {}}
        for n in dict.fromkeys([64, *options.items]):
            row["error"][n] = errors(f, batch(x, n))
        for n in options.items:
            row["ns"][n] = {k: nanoseconds(f, batch(x, n), option, options.rounds) for k, option in OPTIONS.items()}
        print(f"{name}: errors {row['error']}", flush=True)
        save()
    if options.jax:
        jax = by_jax(options.jax, options.items, options.rounds)
        results["machine"]["jax"] = jax["device"]
        for name, (f, x) in TASKS.items():
            want, found = irad.jacobian(f)(x), np.array(jax[name]["value"])
            np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))
            for n in options.items:
                results[name]["ns"][n].update(jax[name]["ns"][str(n)])
        save()
    print(f"{'ns a Jacobian':20}{'items':>9}{'irad':>10}{'contracted':>12}{'jacfwd':>10}{'jacrev':>10}{'irad / JAX':>12}")
    for name in TASKS:
        for n in options.items:
            ns = results[name]["ns"][n]
            modes = [ns[k] for k in ("jacfwd", "jacrev") if k in ns]
            beside = "".join(f"{t:10.3f}" for t in modes) + (f"{ns['irad'] / min(modes):12.2f}" if modes else "")
            print(f"{name:20}{n:9}{ns['irad']:10.3f}{ns['irad, contracted']:12.3f}{beside}")
    worst = max(float(np.nan_to_num(by["irad"], nan=math.inf)) for name in TASKS for by in results[name]["error"].values())
    print(f"the largest error: {worst:.1e}")
    if worst > NEAR:
        sys.exit(f"an error is above {NEAR}")


if __name__ == "__main__":
    main()
