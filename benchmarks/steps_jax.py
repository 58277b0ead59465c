"""Gradients of some programs of benchmarks/steps.py by JAX, as JSON in milliseconds: PYTHON benchmarks/steps_jax.py SIZE."""

import json
import sys
import timeit

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def steps(step):
    def f(x):
        return jnp.sum(jax.lax.scan(lambda u, _: (step(u), None), x, length=100)[0] ** 2)

    return jax.jit(jax.grad(f))


PROGRAMS = {
    "logistic": steps(lambda x: x + 0.1 * x * (1.0 - x)),
    "euler": steps(lambda x: x + 0.01 * jnp.sin(x)),
    "heat": steps(lambda u: u.at[1:-1].add(0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2]))),
    "burgers": steps(lambda u: u.at[1:].set(u[1:] - 0.1 * u[1:] * (u[1:] - u[:-1]))),
}

if __name__ == "__main__":
    x = jnp.linspace(0.0, 1.0, int(sys.argv[1]))
    found = {}
    for name, g in PROGRAMS.items():
        g(x).block_until_ready()
        found[name] = min(timeit.repeat(lambda g=g: g(x).block_until_ready(), number=1, repeat=5)) * 1e3
    print(json.dumps(found))
