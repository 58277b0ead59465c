"""The blocks of bundle adjustment's Jacobian in JAX's modes: PYTHON benchmarks/sparse_jax.py ROUNDS FILE.

Prints JSON, milliseconds of each round by mode: of the blocks alone, and of the matrices that SciPy makes of them where their
indices are known. The better mode's blocks go to FILE.
"""

import json
import os
import statistics
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array
from workloads import w06c_ba as w

jax.config.update("jax_enable_x64", True)


def matrices(blocks, indices):
    """CSR of the blocks: 2 rows of so many columns for each observation."""
    found = []
    for block, (columns, ends, width) in zip(blocks, indices, strict=True):
        found.append(csr_array((np.asarray(block).reshape(-1), columns, ends), shape=(len(ends) - 1, width)))
    return found


def indices(cams, points, weights, ci, xi):
    found = []
    for first, size, x in ((11 * ci, 11, cams), (3 * xi, 3, points), (np.arange(w.P), 1, weights)):
        columns = np.repeat(first[:, None] + np.arange(size), 2, axis=0).reshape(-1).astype(np.int32)
        found.append((columns, np.arange(0, len(columns) + 1, size, dtype=np.int32), x.size))
    return found


def main():
    args = w.make()
    w.np = jnp
    one, given, where = w.stacked(w, jnp), [jnp.asarray(a) for a in args], indices(*args[:5])

    def mode(derivative):
        blocks = jax.vmap(derivative(one, argnums=(0, 1, 2)))
        together = jax.jit(lambda c, x, v, ci, xi, ft: w.blocks(blocks(c[ci], x[xi], v, ft), jnp.concatenate))
        apart = jax.jit(lambda c, x, v, ci, xi, ft: blocks(c[ci], x[xi], v, ft))
        return {
            "blocks": lambda: jax.block_until_ready(together(*given)),
            "blocks apart": lambda: jax.block_until_ready(apart(*given)),
            "matrices": lambda: matrices(jax.block_until_ready(apart(*given)), where),
        }

    calls = {f"{d.__name__}, {k}": f for d in (jax.jacrev, jax.jacfwd) for k, f in mode(d).items()}
    times = {name: [] for name in calls}
    for f in calls.values():
        f()
    for _ in range(int(sys.argv[1])):
        for name, f in calls.items():
            start = time.perf_counter()
            f()
            times[name].append((time.perf_counter() - start) * 1e3)
    np.save(sys.argv[2], np.asarray(calls["jacrev, blocks"]()))
    json.dump({name: [statistics.median(ts), min(ts)] for name, ts in times.items()}, sys.stdout)


if __name__ == "__main__":
    main()
