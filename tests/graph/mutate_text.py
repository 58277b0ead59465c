"""Mutated IR texts: each is a module, which then runs alike on the interpreter and as machine code, or a clean diagnostic.

    python -m tests.graph.mutate_text --texts 5000 --seed 1

Exit code 1 where a text ended otherwise: in an exception of ours, a crash, a hang, or two results.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import irad
from irad.compiled import core_of
from irad.errors import CompileError
from irad.graph.nodes import Module
from irad.graph.walk import all_graphs
from irad.primitives.linalg import LINALG
from irad.primitives.products import PRODUCTS
from irad.structures import flatten
from irad.types import Array, Scalar, Static, Struct, Type
from irad.verify import TRANSFORMS
from tests.frontend.agree import outcome, same
from tests.graph.strategies import mutated
from tests.limits import TimeUp, time_limit

__all__ = ["examined", "main", "run"]

ROOT = Path(__file__).absolute().parents[2]
SLOW = 10.0  # seconds that reading a text may take
FUEL = 1.5  # seconds that the interpreter gets; what takes it longer is not run as machine code
PATIENCE = 60.0  # seconds until a process counts as hanging
MEMORY = 6 << 30  # bytes of address space
TEXTS_A_PROCESS = 400
REORDERED = frozenset({"sum", "prod"}) | PRODUCTS | LINALG  # whose rounding differs between backends
REORDERED_TOLERANCE = 1e-9


# -- one text -------------------------------------------------------------------------------------------------------------


def examined(seed: int) -> dict[str, Any]:
    """What became of the text of this seed: {"seed", "end", and where that is a failure "detail"}."""
    rng = random.Random(seed)
    text = mutated(rng)
    try:
        return {"seed": seed, **_examined(text, rng)}
    except Exception:
        return {"seed": seed, "end": "failure", "why": "raised", "detail": traceback.format_exc()[-3000:]}


def _failure(why: str, detail: str) -> dict[str, Any]:
    return {"end": "failure", "why": why, "detail": detail}


def _examined(text: str, rng: random.Random) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        module = irad.parse_ir(text)
    except CompileError as e:
        return _clean(e)
    finally:
        spent = time.perf_counter() - start
    if spent > SLOW:
        return _failure("slow", f"{spent:.1f} s for {len(text)} characters")
    again = str(irad.parse_ir(str(module)))
    if again != str(module):
        return _failure("print", f"{module}\n-- and again:\n{again}")
    found = _run(module, rng)
    if found["end"] != "failure" and " ~ " in again:
        # Without the marks of derivative values nothing is contracted, so that both backends round alike.
        found = _run(irad.parse_ir(again.replace(" ~ ", " = ")), rng)
    return found


def _clean(e: CompileError) -> dict[str, Any]:
    d = e.diagnostic
    if not d.name.startswith("ir-"):
        return _failure("name", f"{e}")
    if "line " not in d.message and d.name not in ("ir-too-large", "ir-syntax"):
        return _failure("no line", f"{e}")
    return {"end": "refused", "name": d.name}


def _run(module: Module, rng: random.Random) -> dict[str, Any]:
    args = [_value(p.type, rng) for p in module.entry.params]
    types = [p.type for p in module.entry.params]
    cores = [core_of(irad.compile(module, backend=b)) for b in ("interpreter", "llvm")]
    try:
        plain, native = (c.compile(types, ()) for c in cores)  # type: ignore[union-attr]
    except CompileError as e:  # any other exception here is ours
        return {"end": "not run", "name": e.name}
    if any(a is _NONE for a in args):
        return {"end": "not run", "name": "no argument"}
    leaves: list[Any] = []
    for v, t in zip(args, types, strict=True):
        flatten(v, t, leaves)
    try:
        with time_limit(FUEL):
            want = outcome(lambda *xs: plain.call(xs), tuple(leaves))
    except (TimeUp, MemoryError):
        return {"end": "not run", "name": "too long"}
    if want[:2] == ("exception", MemoryError):
        return {"end": "not run", "name": "too large"}
    got = outcome(lambda *xs: native.call(xs), tuple(leaves))
    if want[0] == "exception":
        return {"end": "raised"} if got[:2] == want[:2] else _failure("differs", f"{args}: {got[:3]}, interpreted {want[:3]}")
    if got[0] == "result" and (same(got[1], want[1]) or (not _exact(module) and _near(got[1], want[1]))):
        return {"end": "ran"}
    return _failure("differs", f"{args}: {got[:3]}, interpreted {want[:3]}")


def _exact(module: Module) -> bool:
    """Whether both backends round alike: nothing is reordered, and no derivative is contracted."""
    operations = [n for g in all_graphs(module) for n in g.body]
    return not any(n.adjoint or n.fn.name in REORDERED or n.fn.name in TRANSFORMS for n in operations)


def _near(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and _near(list(a.values()), list(b.values()))
    if isinstance(a, (tuple, list)):
        return isinstance(b, (tuple, list)) and len(a) == len(b) and all(map(_near, a, b))
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    return bool(np.allclose(x, y, rtol=REORDERED_TOLERANCE, atol=REORDERED_TOLERANCE, equal_nan=True))


_NONE = object()


def _value(t: Type, rng: random.Random) -> Any:
    """A value of a type, or _NONE where Python has none."""
    if isinstance(t, Scalar):
        choices: dict[str, list[Any]] = {"b": [True, False], "i": [0, 1, 2, 3, 4], "f": [0.75, -1.25, 2.0]}
        value = rng.choice(choices[t.kind])
        return value if t.weak or t.kind == "b" else t.dtype.type(value)
    if isinstance(t, Array) and t.static_shape is not None and np.prod(t.static_shape, dtype=float) < 1e6:
        return np.asarray(np.arange(int(np.prod(t.static_shape))).reshape(t.static_shape) % 5, t.dtype.dtype)
    if isinstance(t, Static):
        return t.value
    if isinstance(t, Struct):
        items = [_value(u, rng) for u in t.items]
        if any(i is _NONE for i in items):
            return _NONE
        form = getattr(t, "form", None)
        if form is None:
            return tuple(items)
        if form.kind == "list":
            return items
        return dict(zip(form.keys, items, strict=True)) if form.kind == "dict" else _NONE
    return _NONE


# -- many texts, in a process that may die ------------------------------------------------------------------------------------


def run(seeds: list[int], done: Any) -> None:
    """Examine the texts of these seeds; `done` gets what became of each."""
    todo = list(seeds)
    while todo:
        batch, todo = todo[:TEXTS_A_PROCESS], todo[TEXTS_A_PROCESS:]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.graph.mutate_text", "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        for i, seed in enumerate(batch):
            timer = threading.Timer(PATIENCE, process.kill)
            timer.start()
            try:
                process.stdin.write(f"{seed}\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            timer.cancel()
            if line:
                done(json.loads(line))
                continue
            done({"seed": seed, **_failure("crashed", f"exit status {process.wait()}")})
            todo = batch[i + 1 :] + todo
            break
        process.stdin.close()
        process.wait()


def work() -> None:
    """Seeds in on standard input, what became of them out, a line each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what programs print does not stand among the answers
    np.seterr(all="ignore")
    for line in sys.stdin:
        answers.write(json.dumps(examined(int(line))) + "\n")
        answers.flush()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the first text")
    parser.add_argument("--show", type=int, metavar="SEED", help="print a text and what becomes of it, in this process")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        work()
        return 0
    if options.show is not None:
        print(mutated(random.Random(options.show)))
        print(examined(options.show))
        return 0
    ends: Counter[str] = Counter()
    names: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    start = time.perf_counter()

    def done(answer: dict[str, Any]) -> None:
        ends[answer["end"]] += 1
        names[f"{answer['end']}: {answer['name']}" if "name" in answer else answer["end"]] += 1
        if answer["end"] == "failure":
            failures.append(answer)
            print(f"seed {answer['seed']}: {answer['why']}: {answer['detail'].strip()[-700:]}\n", flush=True)

    run(list(range(options.seed, options.seed + options.texts)), done)
    print(f"{sum(ends.values())} texts from seed {options.seed} in {time.perf_counter() - start:.0f} s: ", end="")
    print(", ".join(f"{n} {k}" for k, n in ends.most_common()), f"; {len(failures)} failures")
    for name, n in names.most_common():
        print(f"{n:6d} {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
