"""Generated functions, each in random orders of elimination: `python -m tests.elimination.fuzz --functions 1000`.

What irad gives is compared with dual numbers in CPython (`tests/generator/duals.py`), and what order="auto" costs with forward
and reverse mode. `--of small`: functions of small arrays; `--of large`: of larger ones, whose vertices are arrays; these are
compared with irad's forward mode, and with differences that NumPy computes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random
from typing import Any

import numpy as np

import irad
from irad.transforms.jacobian import cheapest
from tests.derivatives.oracles import on_duals
from tests.elimination.programs import KINDS, Program, drawn
from tests.generator import duals

__all__ = ["examined", "main"]

ORDERS = 5
STEP = 2e-5  # of differences of the fourth order
PRODUCTS = ("products by auto", "by forward or reverse")


def jacobian_by_duals(p: Program) -> list[np.ndarray]:
    """For each output a matrix: a row for each of its numbers, a column for each of the inputs'."""
    f, columns = on_duals(p.f), []
    args = duals.entered(p.args)
    for k, a in enumerate(p.args):
        for i in range(np.size(a)):
            one = np.zeros(np.size(a))
            one[i] = 1.0
            seed = one.reshape(np.shape(a)) if np.ndim(a) else 1.0
            _, tangent = duals.directional(f, args, [seed if j == k else None for j in range(len(args))])
            columns.append([np.ravel(np.array(duals.turn(t), float)) for t in tangent])
    return [np.stack([c[n] for c in columns], axis=1) for n in range(len(columns[0]))]


def jacobian_by_differences(p: Program) -> list[np.ndarray]:
    """The same by the values of f in NumPy."""

    def value(k: int, i: int, by: float) -> list[np.ndarray]:
        args = [np.array(a, float) for a in p.args]
        args[k].reshape(-1)[i] += by
        with np.errstate(all="ignore"):
            return [np.ravel(y) for y in p.f(*[a if a.ndim else float(a) for a in args])]

    columns = []
    for k, a in enumerate(p.args):
        for i in range(np.size(a)):
            lower, low, high, higher = (value(k, i, n * STEP) for n in (-2, -1, 1, 2))
            columns.append([(8 * (q - r) - (t - s)) / (12 * STEP) for s, r, q, t in zip(lower, low, high, higher, strict=True)])
    return [np.stack([c[n] for c in columns], axis=1) for n in range(len(columns[0]))]


def flat(found: Any, args: tuple[Any, ...]) -> list[np.ndarray]:
    """irad's Jacobian of a tuple in all arguments, in the form of `jacobian_by_duals`."""
    return [np.concatenate([np.reshape(d, (-1, np.size(a))) for d, a in zip(row, args, strict=True)], axis=1) for row in found]


def examined(seed: int, kind: str, backend: str, counts: Counter[str]) -> list[str]:
    """What is wrong with the Jacobians of one function in its orders."""
    p, rng = drawn(seed, kind), Random(seed)
    large = kind == "large"
    region = irad.elimination.region(p.f, *p.args)
    names = [region.vertices[v].name for v in region.inner]
    orders = {f"random {n}": tuple(rng.sample(names, len(names))) for n in range(ORDERS)} | {"auto": "auto"}
    numbers = tuple(range(len(p.args)))
    r0, r1, r2, r3, r4, auto = (irad.jacobian(p.f, argnums=numbers, order=order) for order in orders.values())
    forward_mode = irad.jacfwd(p.f, argnums=numbers) if large else auto

    def all_orders(*args: Any) -> Any:
        return r0(*args), r1(*args), r2(*args), r3(*args), r4(*args), auto(*args), forward_mode(*args)

    *found, whole = irad.compile(all_orders, backend=backend)(*p.args)
    want, tolerance = (flat(whole, p.args), 1e-12) if large else (jacobian_by_duals(p), 1e-9)
    counts["functions"] += 1
    counts["Jacobians"] += len(orders)
    counts["vertices"] += len(names)
    forward, reverse, least = (region.count(o, "folded") for o in ("forward", "reverse", cheapest(region)))
    counts["products by auto"] += least
    counts["by forward or reverse"] += min(forward, reverse)
    wrong = [f"seed {seed}: auto costs {least}, forward {forward}, reverse {reverse}"] if least > min(forward, reverse) else []
    jacobians = [(label, flat(j, p.args), want, tolerance) for label, j in zip(orders, found, strict=True)]
    if large:
        jacobians.append(("differences", jacobian_by_differences(p), want, 1e-6))
    for label, got, right, within in jacobians:
        for n, (g, w) in enumerate(zip(got, right, strict=True)):
            scale = 1.0 + np.max(np.abs(w), initial=0.0)
            if g.shape != w.shape or not np.all(np.abs(g - w) <= within * scale):
                off = np.max(np.abs(g - w)) / scale if g.shape == w.shape else f"{g.shape} for {w.shape}"
                wrong.append(f"seed {seed}, {label}, output {n}, off by {off}: {g}\nis not\n{w}\n{p.text}")
    return wrong


def main(argv: list[str] | None = None) -> int:
    a = argparse.ArgumentParser(prog="python -m tests.elimination.fuzz", description=__doc__)
    a.add_argument("--functions", type=int, default=100)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--of", choices=KINDS, default="numbers")
    a.add_argument("--backend", default="llvm")
    options = a.parse_args(argv)
    counts: Counter[str] = Counter()
    start, wrong = time.perf_counter(), []
    for seed in range(options.seed, options.seed + options.functions):
        found = examined(seed, options.of, options.backend, counts)
        counts["wrong"] += len(found)
        wrong += found[:1]
    print("\n".join(wrong[:5]))
    print(", ".join(f"{counts[k]} {k}" for k in ("functions", "Jacobians", "vertices", "wrong", *PRODUCTS)))
    print(f"{time.perf_counter() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
