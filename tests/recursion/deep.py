"""Recursion that is deep or endless, in a process that may die of it: `python -m tests.recursion.deep SCENARIO`.

Each scenario prints "done" if all went as it must.
"""

from __future__ import annotations

import ctypes
import gc
import math
import sys
import threading
import time
from pathlib import Path

import numpy as np

import irad

# -- functions, each with the loop that gives the same value ------------------------------------------------------------------


def chain(x, n):
    return x if n == 0 else 0.5 * x + math.sin(chain(x * 0.9999, n - 1))


def chain_loop(x, n):
    s = x * 0.9999**n
    for k in range(n):
        s = 0.5 * x * 0.9999 ** (n - 1 - k) + math.sin(s)
    return s


def even(x, n):
    return 1.0 if n == 0 else x + 0.9 * odd(x, n - 1)


def odd(x, n):
    return x if n == 0 else x * x - 0.8 * even(x, n - 1)


def even_loop(x, n):
    s = x if n % 2 else 1.0
    for k in range(1, n + 1):
        s = x * x - 0.8 * s if (n - k) % 2 else x + 0.9 * s
    return s


def captured(x, n):
    def down(k):
        return x if k == 0 else x * 0.3 + math.cos(down(k - 1))

    return down(n)


def captured_loop(x, n):
    s = x
    for _ in range(n):
        s = x * 0.3 + math.cos(s)
    return s


def with_loop(x, n):
    """A branch in a loop in a recursion."""
    if n == 0:
        return x
    s = with_loop(x, n - 1)
    for k in range(3):
        if k % 2 == 0:
            s = s * 0.5 + x
        else:
            s = s - 0.1 * s * s
    return s


def with_loop_loop(x, n):
    s = x
    for _ in range(n):
        s = s * 0.5 + x
        s = s - 0.1 * s * s
        s = s * 0.5 + x
    return s


DEEP = {
    "chain": (chain, chain_loop),
    "mutual": (even, even_loop),
    "captured": (captured, captured_loop),
    "loop": (with_loop, with_loop_loop),
}


def endless(x):
    return endless(x + 1.0) * 0.5 if x < 1e300 else x


def endless_pair(x, y):
    return (x * endless_partner(y, x + 1.0)) if x < 1e300 else y


def endless_partner(x, y):
    return (x + endless_pair(y, x)) if y < 1e300 else x


def endless_residuals(x):
    """Every level owns a stack of residuals."""
    s = x
    for _ in range(20):
        s = s + 0.001 * math.sin(s)
    return endless_residuals(s + 1.0) * s if x < 1e300 else s


def endless_arrays(x):
    """Every level owns an array."""
    return endless_arrays(x * 1.0 + 1.0) + x[0] if x[1] < 1e300 else x[0]


def endless_closures(x):
    def down(f, t):
        return down(lambda u: f(u) * x, t + 1.0) + f(t) if t < 1e300 else t

    return down(lambda u: u, x)


ENDLESS = {
    "itself": (endless, (1.0,)),
    "pair": (endless_pair, (1.0, 2.0)),
    "residuals": (endless_residuals, (1.0,)),
    "arrays": (endless_arrays, (np.ones(50),)),
}


def resident() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(1.0, abs(b))


# -- scenarios ----------------------------------------------------------------------------------------------------------------


def in_thread(size: int, action) -> None:
    """Run in a thread with a stack of this size; what it raises is raised here."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as e:
            failure.append(e)

    threading.stack_size(size)
    t = threading.Thread(target=run)
    t.start()
    t.join()
    threading.stack_size(0)
    if failure:
        raise failure[0]


def small_thread(name: str) -> None:
    """In 512 kB: the result or RecursionError, at any depth; a thousand calls deep the result."""
    f, loop = DEEP[name]
    g, wanted = irad.compile(irad.value_and_grad(f)), irad.compile(irad.value_and_grad(loop))
    g(0.7, 2)
    seen = []

    def work() -> None:
        for depth in (10, 1000, 2000, 5000, 10_000, 20_000, 100_000, 1_000_000, 1000):
            try:
                got = g(0.7, depth)
            except RecursionError:
                seen.append(depth)
                assert depth > 1000, depth
            else:
                assert all(map(close, got, wanted(0.7, depth))), depth

    in_thread(512 << 10, work)
    assert 1_000_000 in seen
    in_thread(8 << 20, lambda: g(0.7, 10_000))
    assert all(map(close, g(0.7, 10_000), wanted(0.7, 10_000)))


def endless_recursion(name: str) -> None:
    """RecursionError within two seconds, the compilation not counted; nothing leaks; the process goes on."""
    f, args = ENDLESS[name]
    kinds = [irad.compile(f), irad.grad(f), irad.value_and_grad(f)]
    if name == "itself":
        kinds += [irad.jacfwd(f), irad.grad(irad.grad(f)), irad.jacfwd(irad.grad(f))]
    for g in kinds:
        fails(g, args)  # compiles it
        start = time.perf_counter()
        fails(g, args)
        assert time.perf_counter() - start < 2.0
        before = resident()
        for _ in range(3):
            fails(g, args)
        assert resident() - before < 8 << 20, (g, resident() - before)
    assert close(irad.grad(chain)(0.7, 50), irad.jacfwd(chain_loop)(0.7, 50))


def fails(g, args) -> None:
    try:
        g(*args)
    except RecursionError:
        return
    raise AssertionError("no RecursionError")


def threads(name: str) -> None:
    """Several threads go too deep at once."""
    f, args = ENDLESS[name]
    g = irad.grad(f)
    fails(g, args)
    ts = [threading.Thread(target=lambda: [fails(g, args) for _ in range(3)]) for _ in range(4)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


SCENARIOS = {"small_thread": small_thread, "endless": endless_recursion, "threads": threads}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](sys.argv[2])
    print("done")
