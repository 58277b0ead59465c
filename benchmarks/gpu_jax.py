"""Jacobians of examples/jacobians.py by JAX, as JSON in nanoseconds each: PYTHON benchmarks/gpu_jax.py ROUNDS ITEMS...

The functions are the same: their `np` is jax.numpy here. Nothing here needs irad.
"""

import json
import math
import os
import runpy
import statistics
import sys
import time
import types
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
sys.modules.setdefault("irad", types.ModuleType("irad"))
TASKS = runpy.run_path(str(Path(__file__).resolve().parent.parent / "examples" / "jacobians.py"))["TASKS"]
ROUND = 0.01  # seconds of a round, about
WARM = 10


def nanoseconds(g, xs, rounds):
    def seconds(count):
        start = time.perf_counter()
        for _ in range(count):
            out = g(xs)
        out.block_until_ready()
        return time.perf_counter() - start

    seconds(WARM)
    count = max(3, min(1000, math.ceil(ROUND / max(seconds(WARM) / WARM, 1e-7))))
    return statistics.median(seconds(count) / count for _ in range(rounds)) / len(xs) * 1e9


def main(rounds, items):
    found = {"device": f"jax {jax.__version__}, {jax.devices()[0].device_kind}"}
    for name, (f, x) in TASKS.items():
        f.__globals__["np"] = jnp
        modes = {"jacfwd": jax.jit(jax.vmap(jax.jacfwd(f))), "jacrev": jax.jit(jax.vmap(jax.jacrev(f)))}
        row = found[name] = {"ns": {}}
        for n in items:
            xs = jnp.asarray(x * np.linspace(1.0, 1.02, n)[:, None])
            row["ns"][n] = {k: nanoseconds(g, xs, rounds) for k, g in modes.items()}
        row["value"] = modes["jacfwd"](jnp.asarray(x)[None])[0].tolist()
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(n) for n in sys.argv[2:]])
