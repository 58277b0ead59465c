"""What loops take: a program that a test runs in a process of its own. Prints one line of JSON a loop.

python -m tests.loops.measure NAME TRIPS
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import threading
from pathlib import Path

import irad


def sines(x, n):
    for _ in range(n):
        x = x + 1e-7 * math.sin(x)
    return x


def counted_down(x, n):
    while n > 0:
        x = x - 1e-7 * x * x
        n -= 1
    return x


def branches(x, n):
    for i in range(n):
        if i % 2 == 0:
            x = x - 1e-7 * x * x
        else:
            x = x + 1e-7 * x * x * x
    return x


def two_states(x, n):
    y = 1.0
    for _ in range(n):
        x, y = x + 1e-7 * y * x, y - 1e-7 * x * x
    return x * y


def linear(x, n):
    for _ in range(n):
        x = 0.9999999 * x + 1e-7
    return x


def left(x, n):
    for i in range(2 * n):
        if i == n:
            break
        x = x - 1e-7 * x * x
    return x


def rows(x, n):
    for _ in range(n // 1000):
        for _ in range(1000):
            x = x - 1e-7 * x * x
    return x


LOOPS = {f.__name__: f for f in (sines, counted_down, branches, two_states, linear, left, rows)}
SMALL_STACK = 256 << 10


def memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def peak(f, *args) -> int:
    """The bytes that a call needs at most, beyond what the process had."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = memory("VmRSS")
    f(*args)
    return memory("VmHWM") - before


def in_small_thread(f, *args):
    """The result of a call in a thread whose stack is small."""
    found = []
    threading.stack_size(SMALL_STACK)
    thread = threading.Thread(target=lambda: found.append(f(*args)))
    thread.start()
    thread.join()
    return found[0]


def main(name: str, trips: int) -> None:
    f, x = LOOPS[name], 0.4
    value, gradient = irad.compile(f), irad.compile(irad.value_and_grad(f))
    value(x, 2), gradient(x, 2)
    forward = peak(in_small_thread, value, x, trips)
    result = in_small_thread(gradient, x, trips)
    h = 1e-4
    slope = (value(x + h, trips) - value(x - h, trips)) / (2 * h)
    print(
        json.dumps(
            {
                "value": [result[0], value(x, trips)],
                "gradient": [result[1], slope],
                "forward": forward,
                "reverse": peak(gradient, x, trips),
                "residuals": irad.ir(irad.value_and_grad(f), x, 2).residuals,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
