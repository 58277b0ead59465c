"""The Jacobians of benchmarks/jacobians.py in JAX's modes: PYTHON benchmarks/jacobians_jax.py ROUNDS, and the points as JSON.

Prints JSON: `nanoseconds` for a Jacobian of a batch, by task and mode (the median of rounds in turns, and the least), and the
`jacobians`.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
import jax
import jax.numpy as jnp
from jax.scipy.special import erf

jax.config.update("jax_enable_x64", True)
EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "jacobians.py"
ROUND = 0.02  # seconds that a mode runs in a round


def option(x):
    spot, strike, rate, volatility, years = x
    deviation = volatility * jnp.sqrt(years)
    d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / deviation
    d2 = d1 - deviation
    up, down = 0.5 * (1.0 + erf(d1 / jnp.sqrt(2.0))), 0.5 * (1.0 + erf(d2 / jnp.sqrt(2.0)))
    return spot * up - strike * jnp.exp(-rate * years) * down


def functions():
    """The tasks: those of the example with NumPy's names from JAX."""
    text = EXAMPLES.read_text(encoding="utf-8").replace("import irad\n", "")
    names = {"__name__": "examples"}
    exec(text.replace("import numpy as np", "import jax.numpy as np"), names)
    return {**{name: f for name, (f, _) in names["TASKS"].items()}, "BlackScholesHessian": jax.grad(option)}


def main():
    points = {name: jnp.array(x) for name, x in json.load(sys.stdin).items()}
    nanoseconds, jacobians = {}, {}
    for name, f in functions().items():
        x = points[name]
        modes = {m.__name__: jax.jit(jax.vmap(m(f))) for m in (jax.jacfwd, jax.jacrev)}
        jacobians[name] = {mode: g(x).tolist() for mode, g in modes.items()}
        times = {mode: [] for mode in modes}
        for _ in range(int(sys.argv[1])):
            for mode, g in modes.items():
                start, calls = time.perf_counter(), 0
                while time.perf_counter() - start < ROUND:
                    g(x).block_until_ready()
                    calls += 1
                times[mode].append((time.perf_counter() - start) / calls / len(x) * 1e9)
        nanoseconds[name] = {mode: [statistics.median(ts), min(ts)] for mode, ts in times.items()}
    json.dump({"nanoseconds": nanoseconds, "jacobians": jacobians}, sys.stdout)


if __name__ == "__main__":
    main()
