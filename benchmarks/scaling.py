"""How the passes of the optimizer grow with the program: time a node, from 10^3 to 10^5 nodes, on three families.

    python -m benchmarks.scaling [--sizes 1000,10000] [--out benchmarks/scaling.json] [--plot benchmarks/scaling.svg]

straight    one graph, operations that each use the two before
functions   functions of 10 operations, called one after the other (10^4 of them at 10^5 nodes)
branches    an `if` for each 50 nodes, nested up to 200 deep (2,000 of them at 10^5 nodes)

Each is built by the Builder as a typed module, and optimized as it is ("value") and as its gradient ("gradient": `expand`
makes the adjoint, then the passes run on that). Times are divided by the nodes of the module that the passes get: for a
gradient the adjoint's, three to four times those of the function. The exponent is the slope of log(time) over log(nodes),
by least squares. Times are the processor's, so that others on the machine disturb them less.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.plots import save, subplots
from irad.graph.build import Builder, literal
from irad.graph.nodes import Graph, Module, Node
from irad.graph.walk import all_graphs
from irad.pipeline import Hook, expand, optimize
from irad.primitives import REGISTRY
from irad.types import FLOAT

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
TARGET_EXPONENT, TARGET_MICROSECONDS = 1.2, 100.0
OPERATIONS: tuple[Callable[[Any, Node, Node], Node], ...] = (
    lambda b, x, y: b.mul(x, y),
    lambda b, x, y: b.sin(x),
    lambda b, x, y: b.add(x, y),
    lambda b, x, y: b.sub(y, x),
)


def chain(b: Any, x: Node, y: Node, n: int) -> tuple[Node, Node]:
    """n operations, each on the two values before it."""
    for i in range(n):
        x, y = OPERATIONS[i % len(OPERATIONS)](b, x, y), x
    return x, y


def straight(b: Any, f: Graph, x: Node, y: Node, n: int) -> Node:
    """n operations in a row."""
    return chain(b, x, y, n)[0]


def functions(b: Any, f: Graph, x: Node, y: Node, n: int) -> Node:
    """n / 11 functions of 10 operations each, and their calls."""
    for i in range(n // 11):
        g = b.new_graph(f"f{i}")
        p, q = b.parameter(g, FLOAT, "x"), b.parameter(g, FLOAT, "y")
        with b.inside(g):
            g.finish(b.add(chain(b, p, q, 9)[0], literal(float(i))))
        x, y = b.call(g, [x, y]), x
    return x


def branches(b: Any, f: Graph, x: Node, y: Node, n: int) -> Node:
    """n / 50 branches, in towers 200 deep: each then-side has 24 operations and the next branch, each else-side 22."""
    left = n // 50
    while left > 0:
        depth = min(left, 200)
        left -= depth
        stack: list[tuple[Graph, Graph, Node, Node, Node]] = []
        for i in range(depth):
            x, y = chain(b, x, y, 24)
            test = b.gt(x, b.add(y, literal(0.01 * i)))
            then = b.new_graph("then", b.graph, role="branch")
            stack.append((b.graph, then, test, x, y))
            b.enter(then)
        value = b.sin(x)
        for outer, then, test, u, v in reversed(stack):
            then.finish(value)
            b.leave(outer)
            orelse = b.new_graph("orelse", outer, role="branch")
            with b.inside(orelse):
                orelse.finish(chain(b, v, u, 22)[0])
            value = b.cond(test, graphs=(then, orelse))
        x, y = value, y
        y = literal(0.5)
    return x


FAMILIES = {"straight": straight, "functions": functions, "branches": branches}


def module_of(family: str, n: int, gradient: bool) -> Module:
    """A typed module of about n nodes; its entry is the function, or takes its gradient."""
    module = Module()
    b: Any = Builder(module, REGISTRY)
    entry = b.new_graph("grad") if gradient else None
    f = b.new_graph("f")
    x, y = b.parameter(f, FLOAT, "x"), b.parameter(f, FLOAT, "y")
    with b.inside(f):
        f.finish(FAMILIES[family](b, f, x, y, n))
    if entry is not None:
        args = [b.parameter(entry, FLOAT, name) for name in "xy"]
        with b.inside(entry):
            both = b.vjp_forward(*args, graphs=(f,), wrt=(0, 1))
            residual = b.getitem(both, index=1)
            entry.finish(b.vjp_backward(residual, literal(1.0), graphs=(f,), wrt=(0, 1)))
    return module


class ProcessorHook(Hook):
    """Times passes by the processor's clock. `expand` holds the passes between its rounds, which are counted alone too."""

    def run(self, name: str, stage: str, f: Callable[[Module], Module], module: Module) -> Module:
        start = time.process_time()
        module = f(module)
        self.times[name] = self.times.get(name, 0.0) + time.process_time() - start
        return module


def nodes(module: Module) -> int:
    return sum(len(g.body) for g in all_graphs(module))


def measure(family: str, n: int, gradient: bool) -> dict[str, Any]:
    """Seconds of the processor for each pass on one module; the least of two runs up to 10^4 nodes.

    typed, nodes, optimized: the nodes of the module that was built, that the passes got, and that they made.
    """
    best: dict[str, float] = {}
    for _ in range(2 if n <= 10_000 else 1):
        gc.collect()
        gc.disable()  # as `optimize` does
        start = time.process_time()
        module = module_of(family, n, gradient)
        built, typed, hook = time.process_time() - start, nodes(module), ProcessorHook()
        start = time.process_time()
        module = expand(module, hook)
        spent, before = time.process_time() - start, nodes(module)
        start = time.process_time()
        after = nodes(optimize(module, hook))
        times = {**hook.times, "all": spent + time.process_time() - start, "build": built}
        best = {k: min(v, best.get(k, math.inf)) for k, v in times.items()}
        gc.enable()
        del module
    return {"typed": typed, "nodes": before, "optimized": after, "seconds": best}


def exponent(points: list[dict[str, Any]], name: str) -> float:
    """The slope of log(seconds) over log(nodes)."""
    rows = [(math.log(p["nodes"]), math.log(max(p["seconds"][name], 1e-9))) for p in points if name in p["seconds"]]
    return float(np.polyfit(*zip(*rows, strict=True), 1)[0]) if len(rows) > 1 else math.nan


def plot(results: dict[str, Any], path: Path) -> None:
    """Time a node over nodes, a line a family and mode."""
    figure, axes = subplots(figsize=(8, 5))
    colors = dict(zip(FAMILIES, ("#2a6f97", "#c8553d", "#588157"), strict=True))
    for name, result in results.items():
        family, mode = name.split()
        points = result["points"]
        axes.semilogx(
            [p["nodes"] for p in points],
            [1e6 * p["seconds"]["all"] / p["nodes"] for p in points],
            "-" if mode == "value" else "--",
            color=colors[family],
            marker="o",
            ms=4,
            label=f"{family}, {mode}: n^{result['exponents']['all']:.2f}",
        )
    axes.axhline(TARGET_MICROSECONDS, color="#999999", lw=1, ls=":", label=f"target: {TARGET_MICROSECONDS:.0f} µs")
    axes.set_xlabel("nodes of the module before the passes")
    axes.set_ylabel("µs a node, all passes")
    axes.set_ylim(bottom=0)
    axes.set_title("IR passes: time a node")
    axes.grid(True, which="both", color="#eeeeee")
    axes.legend(frameon=False, fontsize=8)
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--patience", type=float, default=120.0, help="seconds: sizes that take longer are left out")
    parser.add_argument("--out", type=Path, default=here / "scaling.json")
    parser.add_argument("--plot", type=Path, default=here / "scaling.svg")
    a = parser.parse_args()
    wanted = [int(s) for s in a.sizes.split(",")]
    results: dict[str, Any] = {}
    for family in a.families.split(","):
        for mode in ("value", "gradient"):
            label, points = f"{family:10s} {mode:9s}", list[dict[str, Any]]()
            for n in wanted:
                if points and points[-1]["seconds"]["all"] * n / points[-1]["typed"] > a.patience:
                    print(f"{label} {n:7d} nodes are left out: they take over {a.patience:.0f} s", flush=True)
                    break
                points.append(p := measure(family, n, mode == "gradient"))
                micros = {k: round(1e6 * v / p["nodes"], 2) for k, v in p["seconds"].items()}
                sizes = f"{p['typed']:7d} -> {p['nodes']:7d} -> {p['optimized']:7d} nodes"
                print(f"{label} {sizes}; µs a node: {micros}", flush=True)
            exponents = {k: round(exponent(points, k), 3) for k in points[-1]["seconds"]}
            most = max(1e6 * p["seconds"]["all"] / p["nodes"] for p in points)
            results[f"{family} {mode}"] = {"points": points, "exponents": exponents, "most_us": round(most, 1)}
            met = exponents["all"] <= TARGET_EXPONENT and most <= TARGET_MICROSECONDS
            verdict = "ok" if met else "missed"
            print(f"{label} exponent {exponents['all']:.2f}, {most:.0f} µs a node: {verdict}", flush=True)
    a.out.write_text(json.dumps({**results, "machine": machine()}, indent=1) + "\n")
    plot(results, a.plot)


if __name__ == "__main__":
    main()
