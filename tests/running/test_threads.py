"""Threads that call, compile, forget and change what functions take for constant, all at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import irad
from tests.running.memory import FAILING, WORK

CALLERS, CALLS, COMPILERS = 8, 1000, 8


@pytest.fixture(autouse=True)
def _short_turns() -> Iterator[None]:
    """Threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*works: Callable[[], None]) -> None:
    """Run all at once; raise the first error of any."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def guarded(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(w,)) for w in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


SCALE = 1.0


def scaled(x: float) -> float:
    return SCALE * x


def pair(x: float, n: int) -> tuple[float, list[float]]:
    return x * n, [x + i for i in range(3)]


def test_calls_and_compiles() -> None:
    expected = {name: f(*args) for name, (f, args, _) in WORK.items() if name != "written arguments"}
    plain = irad.compile(pair)
    done = threading.Event()

    def caller(k: int) -> Callable[[], None]:
        def work() -> None:
            names = list(expected)
            failing, given = list(FAILING.values())[k % len(FAILING)]
            for i in range(CALLS):
                name = names[(i + k) % len(names)]
                f, args, _ = WORK[name]
                np.testing.assert_equal(f(*args), expected[name])
                assert plain(1.5 * k, i) == pair(1.5 * k, i)
                if i % 10 == 0:
                    with pytest.raises((IndexError, ValueError, ZeroDivisionError)):
                        failing(*given)

        return work

    def compiler(k: int) -> Callable[[], None]:
        def work() -> None:
            for i in range(6):
                f = irad.value_and_grad(lambda x, n: x * x * n + WEIGHTS[n % 3])
                assert f(2.0, i) == (4.0 * i + WEIGHTS[i % 3], 4.0 * i)
                f.clear()
                g = irad.compile(pair, static_argnums=1)
                assert g(0.5 * k, i) == pair(0.5 * k, i)
                h = irad.compile(lambda x: (x * 2.0, x.sum()))
                np.testing.assert_array_equal(h(np.ones(k + 1))[0], np.full(k + 1, 2.0))

        return work

    def clearing() -> None:
        while not done.is_set():
            plain.clear()
            for f, _, _ in WORK.values():
                f.clear()  # type: ignore[attr-defined]
            done.wait(0.25)

    clearer = threading.Thread(target=clearing)
    clearer.start()
    try:
        together(*map(caller, range(CALLERS)), *map(compiler, range(COMPILERS)))
    finally:
        done.set()
        clearer.join()


WEIGHTS = [0.5, 1.5, 2.5]


def test_a_guard_changes_while_threads_call() -> None:
    global SCALE
    f = irad.compile(scaled)
    done = threading.Event()

    def change() -> None:
        global SCALE
        for i in range(60):
            SCALE = float(i % 4 + 1)
            done.wait(0.001)
        done.set()

    def work() -> None:
        while not done.is_set():
            assert f(1.0) in (1.0, 2.0, 3.0, 4.0)

    together(change, *[work] * 4)
    SCALE = 5.0
    assert f(1.0) == 5.0


def test_one_function_for_many_types_at_once() -> None:
    f = irad.compile(lambda x: x * 2)

    def work(k: int) -> Callable[[], None]:
        def run() -> None:
            for n in range(1, 25):
                x: Any = np.full(n, k) if k % 2 else np.full((n, 2), float(k))
                np.testing.assert_array_equal(f(x), x * 2)
            assert f(k) == 2 * k

        return run

    together(*[work(k) for k in range(6)])
    assert f.cache_info().programs == 2 * 3 + 1  # for arrays: a size of 1, the next, and then all others


def test_printing_and_recursion_in_threads(capsys: pytest.CaptureFixture[str]) -> None:
    def fibonacci(n: int) -> int:
        if n == 1:
            print("one")
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    f = irad.compile(fibonacci)
    together(*[lambda: [f(8) for _ in range(5)] and None] * 4)
    assert capsys.readouterr().out.count("one") == 4 * 5 * 21
