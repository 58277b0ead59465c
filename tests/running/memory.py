"""What stays in memory after calls, exceptions and compiles.

    python -m tests.running.memory            10^6 calls, 10^5 exceptions, 2,000 compiles: what each leaves, and the limits
    python -m tests.running.memory --part 10  a tenth of that

Resident memory is read from /proc; irad's own counter has the bytes of blocks that a call neither freed nor handed over.
"""

from __future__ import annotations

import argparse
import gc
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from irad.backends.llvm.objects import live_bytes

import irad

CALLS, EXCEPTIONS, COMPILES = 1_000_000, 100_000, 2_000
GROWTH, PER_COMPILE = 1e6, 3e3  # bytes: what is allowed


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# -- calls ---------------------------------------------------------------------------------------------------------------


def polynomial(x: float, n: int) -> float:
    total = 0.0
    for i in range(n):
        total = total * x + i
    return total


def doubled(x: np.ndarray) -> tuple[np.ndarray, list[float]]:
    return 2.0 * x, [x[0], x.sum()]


def filtered(n: int) -> list[int]:
    return [i for i in range(n) if i % 3]


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def power(x: float, n: int) -> float:
    return x if n == 0 else np.sin(x * power(x, n - 1))


def halvings(x: float) -> float:
    y = 1.0
    while x > 1.0:
        x = 0.5 * x
        y = y * x + np.sin(x)
    return y


def smoothed(x: np.ndarray, n: int) -> float:
    best = x
    for _ in range(n):
        y = np.sin(x) + 0.5 * x
        if y.sum() > best.sum():
            best = y
        x = y
    return best.sum()


def chosen(x: float, n: int) -> float:
    f = lambda v: v  # noqa: E731
    for i in range(n):
        f = (lambda v, i=i: v * x + i) if i % 2 else (lambda v: v - x)
    return f(x)


def of_record(p: dict[str, float]) -> dict[str, float]:
    return {"norm": p["x"] ** 2 + p["y"] ** 2}


def scaled_in_place(x: np.ndarray) -> float:
    x *= 0.5
    return x[0]


SMALL, LARGE = np.arange(1.0, 9.0), np.ones(5000)

# name -> a compiled function, its arguments, its share of the calls
WORK: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "numbers": (irad.compile(polynomial), (0.5, 5), 20),
    "arrays": (irad.compile(doubled), (SMALL,), 20),
    "large arrays": (irad.compile(doubled), (LARGE,), 2),
    "lists": (irad.compile(filtered), (12,), 10),
    "recursion": (irad.compile(fibonacci), (5,), 10),
    "residuals of recursion": (irad.grad(power), (0.5, 6), 5),
    "stacks": (irad.grad(polynomial), (0.5, 5), 10),
    "stacks that grow": (irad.grad(halvings), (1e40,), 5),
    "stacks of arrays": (irad.grad(smoothed), (SMALL, 3), 5),
    "functions": (irad.compile(chosen), (0.5, 4), 5),
    "dicts": (irad.compile(of_record), ({"x": 1.0, "y": 2.0},), 5),
    "written arguments": (irad.compile(scaled_in_place), (SMALL.copy(),), 3),
}


def call(times: int) -> None:
    """So many calls, shared out among the functions."""
    shares = sum(share for _, _, share in WORK.values())
    for f, args, share in WORK.values():
        for _ in range(times * share // shares):
            f(*args)


# -- exceptions ----------------------------------------------------------------------------------------------------------


def out_of_range(x: np.ndarray, n: int) -> float:
    total = 0.0
    for i in range(n):
        y = x + i
        rows = [i, 2 * i]
        rows.append(i)
        total += y[i] + rows[-1]
    return total


def raised(x: np.ndarray, n: int) -> float:
    y = x
    for i in range(100):
        y = y + np.sin(y)
        if i == n:
            raise ValueError(f"{i} is {n}")
    return y.sum()


def raised_in_recursion(x: np.ndarray, n: int) -> np.ndarray:
    if n == 0:
        raise ZeroDivisionError("deep")
    return raised_in_recursion(x + n, n - 1) * x


def product_of_all(x: np.ndarray, n: int) -> float:
    total = 1.0
    for i in range(n):
        total = total * x[i] * np.sin(total)
    return total


FAILING: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "index": (irad.compile(out_of_range), (SMALL, 100)),
    "raise": (irad.compile(raised), (SMALL, 20)),
    "recursion": (irad.compile(raised_in_recursion), (SMALL, 10)),
    "a gradient": (irad.grad(product_of_all), (SMALL, 100)),
    "large arrays": (irad.compile(raised), (LARGE, 2)),
}


def fail(times: int) -> None:
    """So many exceptions, out of loops and recursion that hold arrays, lists and stacks."""
    for f, args in FAILING.values():
        for _ in range(times // len(FAILING)):
            try:
                f(*args)
            except (IndexError, ValueError, ZeroDivisionError):
                continue
            raise AssertionError("nothing was raised")


# -- compiles ------------------------------------------------------------------------------------------------------------

KINDS: list[tuple[str, tuple[Any, ...]]] = [
    ("lambda x, n: x * {k}.5 + n", (2.0, 3)),
    ("lambda x, n: sum(x * i + {k} for i in range(n))", (2.0, 3)),
    ("lambda x: (x * {k} + 1).sum()", (SMALL,)),
    ("lambda n: [i * {k} for i in range(n)]", (4,)),
    ("lambda x: irad.grad(lambda y: y * y * {k})(x)", (2.0,)),
    ("lambda n: np.zeros(n + {k}).sum()", (4,)),
    ("lambda x: np.ones({k} % 50 + 1) * x", (2.0,)),
]


def compile_anew(first: int, count: int) -> None:
    """Compile so many lambdas of texts that nobody saw before, each with one call; forget them."""
    for k in range(first, first + count):
        pattern, args = KINDS[k % len(KINDS)]
        text, file = pattern.format(k=k), f"<text {k}>"
        linecache.cache[file] = (len(text), None, [text], file)
        f = irad.compile(eval(compile(text, file, "eval"), {"irad": irad, "np": np}))
        f(*args)
        f.clear()
        del linecache.cache[file]


# -- figures -------------------------------------------------------------------------------------------------------------


def growth(work: Callable[[int], None], times: int, warm_up: int) -> tuple[int, int]:
    """What `work(times)` left: (resident bytes, bytes of blocks)."""
    work(warm_up)
    gc.collect()
    before, blocks = resident(), live_bytes()
    work(times)
    gc.collect()
    return resident() - before, live_bytes() - blocks


def compile_growth(count: int, warm_up: int) -> float:
    """Resident bytes that a compile left."""
    compile_anew(0, warm_up)
    gc.collect()
    before = resident()
    compile_anew(warm_up, count)
    gc.collect()
    return (resident() - before) / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=int, default=1, help="do one part in so many of the work")
    part = parser.parse_args().part
    fine = True
    for name, work, times in (("calls", call, CALLS // part), ("exceptions", fail, EXCEPTIONS // part)):
        stayed, blocks = growth(work, times, times // 10)
        fine = fine and stayed < GROWTH and blocks == 0
        print(f"{times:9,} {name:10s}: {stayed / 1e3:8.0f} kB more (below {GROWTH / 1e3:.0f}), {blocks} bytes in blocks")
    count = COMPILES // part
    each = compile_growth(count, 400)
    fine = fine and each < PER_COMPILE
    print(f"{count:9,} {'compiles':10s}: {each:8.0f} bytes each (below {PER_COMPILE:.0f})")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
