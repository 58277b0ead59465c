"""Programs that between them have every form of control flow and structure, with arguments: for tests of whole modules."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import irad
from irad.compiled import Compiled, Options, core_of
from irad.graph.nodes import Module
from irad.pipeline import expand, optimize
from irad.specialize.entry import type_of

__all__ = [
    "GRADIENTS",
    "PROGRAMS",
    "STAGES",
    "Program",
    "entry_arguments",
    "fresh",
    "module_at",
    "nested_text",
    "shallow_stack",
]


class Point(NamedTuple):
    x: float
    y: float


def straight(x, y):
    return math.sin(x) * y - x / (y * y + 1.0), x > y, -x


def branches(x, n):
    if x > 0.5 and n != 2:
        y = x * 2.0
    elif n > 3:
        y = math.exp(-x)
        n = n + 1
    else:
        y = x if n < 0 else 1.0 - x
    return y * n


def counted(x, n):
    s = 0.0
    for i in range(n):
        s = s * 0.5 + x * i
        if s > 3.0:
            s = s - 1.0
    return s


def searching(x, n):
    k = 0
    while x > 0.1:
        x = x * 0.5 - 0.01
        k += 1
        if k > n:
            break
        if k % 2 == 0:
            continue
        x = x + 0.001
    else:
        return x + k
    return x - k


def nested(x, n):
    total = 0.0
    for i in range(n):
        for j in range(i):
            total = total + math.cos(x * j) * i
            if total > 4.0:
                return total - j
    return total


def closures(x, y):
    def scaled(k):
        def f(a):
            return a * k + y

        return f

    f, g = scaled(x), scaled(2.0)
    return f(g(x)) + g(f(y))


def chosen(x, n):
    f = (lambda a: a * x) if n > 1 else (lambda a: a - n)
    y = x
    for _ in range(n):
        y = f(y) * 0.5
    return y


def recursion(x, n):
    def power(a, k):
        return 1.0 if k <= 0 else a * power(a, k - 1) + x

    return power(x, n)


def mutual(x, n):
    def even(k, a):
        return a if k <= 0 else odd(k - 1, a * x)

    def odd(k, a):
        return a + 1.0 if k <= 0 else even(k - 1, math.tanh(a))

    return even(n, 1.0)


def lists(x, n):
    values = [x]
    for i in range(n):
        values.append(values[-1] * 0.5 + i)
    total = 0.0
    for v in values:
        total += v * v
    return total + len(values)


def structures(x, n):
    p = Point(x, 2.0)
    d = {"a": p, "n": n}
    for _ in range(n):
        d["a"] = Point(d["a"].y, d["a"].x * 0.5)
    q = d["a"]
    return q.x * 3.0 - q.y, (d["n"], [x, q.x])


def checked(x, n):
    assert n >= 0, f"n is {n}"
    if x > 100.0:
        raise ValueError(f"{x} is large")
    return x * (7 // (n + 1)) + (n << 1) - n % 3


def vector(x, n):
    a = np.zeros(5)
    for i in range(5):
        a[i] = x * i + (a[i - 1] if i else 1.0)
    a[1:3] += a[2:4]
    b = np.where(a > 1.0, a, -a)
    return np.sum(a * b) + b[n % 5] + np.max(a)


def matrices(x, n):
    m = np.ones((3, 2)) * x
    m[0] = 2.0
    m[:, 1] *= np.array([1.0, 2.0, x])
    v = m.T @ m.sum(axis=1)
    return v.sum() + m[n % 3, 1]


def factored(x, n):
    a = np.eye(n + 1) * (x * x + 2.0) + np.ones((n + 1, n + 1)) * 0.5
    a[0, 0] += x
    m = np.array([[x, 1.0], [0.25, 3.0], [x * x, -2.0]])
    size = np.linalg.slogdet(a)[1] + np.linalg.svd(m, full_matrices=False)[1][0] + np.linalg.qr(m)[1][0, 1]
    return size + np.sum(np.linalg.cholesky(a) @ np.linalg.solve(a, a[0])) + np.linalg.eigvalsh(m.T @ m)[0]


def sized(x, n):
    a = np.zeros(n + 1)
    for i in range(n):
        a[i] = x * i
    b = a[: n // 2] * 2.0 + np.arange(n // 2)
    c = a[1:] - a[:-1]
    return (a @ a + c.sum()) * b.sum() + np.max(a - x)


def pairs(x, n):
    out = [(x, 1)]
    for i in range(n):
        a, k = out[-1]
        out.append((a * 0.5 + x, k + i))
    while len(out) > 2:
        a, k = out.pop()
        x = x + a * k
    return x


def unused(x, n):
    waste = math.exp(x) * n
    for i in range(n):
        waste = waste + i
        x = x * 0.75
    y = (x, waste)
    return y[0]


def invariant(x, n):
    s = 0.0
    for i in range(n):
        s = s + math.sin(x) * math.exp(x * 0.5) + i
    return s


class Program(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]
    transform: str = ""

    @property
    def name(self) -> str:
        return f"{self.transform}-{self.function.__name__}" if self.transform else self.function.__name__

    @property
    def made(self) -> Any:
        return getattr(irad, self.transform)(self.function) if self.transform else self.function


_NUMBERS = ((0.75, 0), (0.75, 3), (-1.25, 4), (2.0, 2), (0.3, 1))
_TWO = ((0.75, 2.0), (-1.5, 0.25))

PROGRAMS = [
    Program(straight, _TWO),
    *[Program(f, _NUMBERS) for f in (branches, counted, searching, nested, chosen, recursion, mutual, lists, structures)],
    Program(closures, _TWO),
    *[Program(f, _NUMBERS) for f in (checked, vector, matrices, factored, sized, pairs, unused, invariant)],
]
GRADIENTS = [
    *[
        Program(p.function, p.arguments, "grad")
        for p in PROGRAMS
        if p.function not in (straight, structures)  # not one number
    ],
    *[Program(f, _NUMBERS[:3], "hessian") for f in (counted, branches, invariant, nested)],
    *[Program(f, _NUMBERS[:3], "jacfwd") for f in (searching, lists, vector)],
]
STAGES = ("typed", "adjoint", "optimized")


@functools.lru_cache(512)
def _entry(program: Program) -> Any:
    core = core_of(program.made) if program.transform else Compiled(program.function, Options())
    return core.specialized([type_of(a) for a in program.arguments[0]])


def module_at(program: Program, stage: str) -> Module:
    """The module of a program at a stage, made anew: tests may change it."""
    from irad.graph.parse import parse_module
    from irad.primitives import REGISTRY

    module: Module = parse_module(_text(program, stage), REGISTRY).module
    return module


@functools.lru_cache(1024)
def _text(program: Program, stage: str) -> str:
    return str(fresh(program, stage))


@functools.lru_cache(1024)
def fresh(program: Program, stage: str) -> Module:
    """The module of a program at a stage, as the compiler makes it. Tests leave it as it is."""
    module: Module = _entry(program).module
    return expand(module) if stage == "adjoint" else optimize(module) if stage == "optimized" else module


def entry_arguments(values: tuple[Any, ...]) -> list[Any]:
    """Arguments as the interpreter takes them."""
    return [np.float64(v) if isinstance(v, float) else np.int64(v) for v in values]


@contextlib.contextmanager
def shallow_stack(frames: int = 150) -> Iterator[None]:
    """Little room on Python's stack: what recurses on the nesting of a program fails."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def nested_text(n: int) -> str:
    """A program of n branches, each inside the one before."""
    lines = ["graph @f(%x: float, %p: bool) -> float {"]
    lines += [f"graph @t{i}() -> float {{" for i in range(n)]
    lines.append("%y: float = sin(%x); return %y; }")
    for i in reversed(range(n)):
        lines.append(f"graph @e{i}() -> float {{ %z{i}: float = mul(%x, {i}.5); return %z{i}; }}")
        lines.append(f"%c{i}: float = cond(%p, @t{i}, @e{i}); return %c{i}; }}")
    return "\n".join(lines)
