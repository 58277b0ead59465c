"""The derivatives of benchmarks/array_jacobians.py in JAX's modes: PYTHON benchmarks/array_jacobians_jax.py ROUNDS, and the
arguments as JSON. Prints JSON: microseconds by task and mode, the median of rounds."""

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
TASKS = Path(__file__).with_name("array_tasks.py")


def main():
    names = {"__name__": "tasks"}
    exec(TASKS.read_text(encoding="utf-8").replace("import numpy as np", "import jax.numpy as np"), names)
    arguments, found = json.load(sys.stdin), {}
    for f in names["SHAPES"]:
        args = [jnp.array(a) for a in arguments[f.__name__]]
        g = f if f(*args).ndim else jax.grad(f)
        for mode, jacobian in {"forward": jax.jit(jax.jacfwd(g)), "reverse": jax.jit(jax.jacrev(g))}.items():
            jacobian(*args).block_until_ready()
            times = []
            for _ in range(int(sys.argv[1])):
                start = time.perf_counter()
                jacobian(*args).block_until_ready()
                times.append(time.perf_counter() - start)
            found[f"{f.__name__} {mode}"] = statistics.median(times) * 1e6
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
