"""Generated functions, their sparse derivatives beside the dense ones: `python -m tests.sparsity.fuzz --functions 1000`.

The pattern of a call holds for all floats: matrices are computed at other points than the one that they were planned for.
`--of small`, `--of large`: straight-line functions (`tests/elimination/programs.py`); `--of loops`: programs with loops,
branches, indices and views (`tests/generator/arrays`).
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
from tests.elimination.programs import drawn
from tests.generator import arrays
from tests.generator.arrays.draw import WRITES
from tests.generator.arrays.reference import LOSS, loss_source, outcome
from tests.generator.program import ENTRY, loaded

__all__ = ["KINDS", "examined", "main", "moved"]

KINDS = ("small", "large", "loops")
ORDERS = ("auto", "forward", "reverse")


def moved(args: tuple[Any, ...], rng: Random) -> tuple[Any, ...]:
    """Arguments with other floats."""

    def one(v: Any) -> Any:
        if isinstance(v, np.ndarray) and v.dtype.kind == "f":
            return (
                v * rng.uniform(0.5, 1.5) + np.array([rng.uniform(-0.5, 0.5) for _ in range(v.size)]).reshape(v.shape)
            ).astype(v.dtype)
        return v * rng.uniform(0.5, 1.5) if isinstance(v, float) else v

    return tuple(map(one, args))


def entries(value: Any) -> list[Any]:
    """The matrices of a derivative, or its dense arrays, left to right."""
    if isinstance(value, (tuple, list)):
        return [e for v in value for e in entries(v)]
    if isinstance(value, dict):
        return [e for v in value.values() for e in entries(v)]
    return [] if value is None else [value]


def function(seed: int, kind: str) -> tuple[Any, Any, tuple[Any, ...], str] | None:
    """A function, one of a number that it has, its arguments, its text."""
    if kind != "loops":
        p = drawn(seed, kind)
        names = ", ".join(f"x{i}" for i in range(len(p.args)))
        text = f"{p.text}\ndef loss({names}):\n    total = 0.0\n    for v in f({names}):\n"
        text += "        total = total + np.sum(np.sin(v))\n    return total\n"
        scope = loaded(
            "import numpy as np\nfrom tests.elimination.programs import added, put\n" + text, f"sparse {seed} {kind}"
        )
        return scope["f"], scope["loss"], p.args, text
    program = arrays.generate(seed)
    want = outcome(program)
    if WRITES in program.tags or want.raised or not program.floats:
        return None
    source = loss_source(program, want.value)
    scope = loaded(source, f"sparse {seed}")
    return scope[ENTRY], scope[LOSS], program.args, source


def compared(f: Any, kind: str, points: list[tuple[Any, ...]], argnums: tuple[int, ...], order: str, backend: str) -> list[str]:
    """What is wrong with the sparse derivative of a function: it is planned at the first point."""
    if kind == "hessian":
        dense, sparse = irad.hessian(f, argnums), irad.hessian(irad.compile(f, backend=backend), argnums, sparse=True)
    else:
        dense = irad.jacobian(f, argnums, order=order)
        sparse = irad.jacobian(irad.compile(f, backend=backend), argnums, order=order, sparse=True)
    single = any(getattr(a, "dtype", None) == np.float32 for a in points[0])
    wrong = []
    for args in points:
        try:
            want = entries(dense(*args))
            single = single or any(getattr(d, "dtype", None) == np.float32 for d in want)
        except (irad.CompileError, ArithmeticError, ValueError, LookupError):
            continue
        found = entries(sparse(*args))
        if len(found) != len(want):
            return [f"{len(found)} matrices for {len(want)}"]
        for n, (s, d) in enumerate(zip(found, want, strict=True)):
            d = np.asarray(d).reshape(s.shape)
            tolerance = (1e-4 if single else 1e-11) * (1.0 + np.max(np.abs(d), initial=0.0, where=np.isfinite(d)))
            got = s.toarray()
            there = np.zeros(s.shape, bool)
            there[np.repeat(np.arange(s.shape[0]), np.diff(s.indptr)), s.indices] = True
            if not s.has_canonical_format or np.any(np.isfinite(d) & (d != 0) & ~there & (abs(d) > tolerance)):
                wrong.append(f"matrix {n} of the {kind}, {order}: misses {np.argwhere((d != 0) & ~there)[:5].tolist()}")
            elif np.isfinite(d).all() and not np.all(np.abs(got - d) <= tolerance):
                wrong.append(f"matrix {n} of the {kind}, {order}: off by {np.abs(got - d).max()}\n{got}\n{d}")
            elif kind == "hessian" and len(found) == 1 and np.isfinite(d).all() and not np.array_equal(got, got.T):
                wrong.append("not symmetric")
    return wrong


def examined(seed: int, kind: str, backend: str, counts: Counter[str]) -> list[str]:
    """What is wrong with the sparse derivatives of one function."""
    made = function(seed, kind)
    if made is None:
        return []
    f, loss, args, text = made
    rng = Random(seed)
    points = [args, moved(args, rng), moved(args, rng)]
    argnums = tuple(
        i for i, a in enumerate(args) if isinstance(a, float) or (isinstance(a, np.ndarray) and a.dtype.kind == "f")
    )
    wrong: list[str] = []
    counts["functions"] += 1
    tasks = [("jacobian", f, order) for order in ORDERS] + [("hessian", loss, "auto")]
    for what, g, order in tasks:
        try:
            wrong += compared(g, what, points, argnums, order, backend)
            counts[what] += 1
        except irad.CompileError as e:
            counts[f"refused: {e.name}"] += 1
    return [f"seed {seed}: {w}\n{text}" for w in wrong]


def main(argv: list[str] | None = None) -> int:
    a = argparse.ArgumentParser(prog="python -m tests.sparsity.fuzz", description=__doc__)
    a.add_argument("--functions", type=int, default=100)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--of", choices=KINDS, default="loops")
    a.add_argument("--backend", default="llvm")
    options = a.parse_args(argv)
    counts: Counter[str] = Counter()
    start, wrong = time.perf_counter(), []
    for seed in range(options.seed, options.seed + options.functions):
        try:
            found = examined(seed, options.of, options.backend, counts)
        except Exception as e:
            found = [f"seed {seed}: {type(e).__name__}: {e}"]
        counts["wrong"] += bool(found)
        wrong += found[:1]
    print("\n".join(wrong[:5]))
    print(", ".join(f"{n} {k}" for k, n in counts.items()), f"in {time.perf_counter() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
