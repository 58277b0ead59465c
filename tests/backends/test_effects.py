"""What compiled code does besides computing: it prints, and lets other threads run."""

from __future__ import annotations

import gc
import threading
import time

import pytest

import irad

BACKENDS = ["llvm", "interpreter"]


def chatty(x: float, n: int) -> float:
    for i in range(n):
        print("step", i, x * i, i > 1, sep=" | ")
    print(f"{x:.3f}", (x, n))
    print()
    print(1, x, x, x, x, x, x, x, x, x, x, x)
    return x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("transform", [lambda f: f, irad.grad])
def test_print_is_pythons(backend: str, transform: object, capsys: pytest.CaptureFixture[str]) -> None:
    irad.compile(transform(chatty), backend=backend)(1.5, 3)  # type: ignore[operator]
    printed = capsys.readouterr().out
    chatty(1.5, 3)
    assert printed == capsys.readouterr().out


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_of_print_reaches_the_caller(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, text: str) -> None:
            raise OSError("no space")

    f = irad.compile(chatty, backend=backend)
    with monkeypatch.context() as m:
        m.setattr("sys.stdout", Full())
        with pytest.raises(OSError, match="no space"):
            f(1.5, 2)


def harmonic(n: int) -> float:
    total = 0.0
    for i in range(n):
        total += 1.0 / (i + 1)
    return total


def test_other_threads_run_during_long_work() -> None:
    f = irad.compile(harmonic)
    f(1)
    ticks = 0
    thread = threading.Thread(target=lambda: f(300_000_000))
    thread.start()
    while thread.is_alive():
        time.sleep(0.005)
        ticks += 1
    assert ticks > 10


def test_code_that_a_thread_runs_is_not_freed() -> None:
    results: list[float] = []

    def start() -> threading.Thread:
        f = irad.compile(lambda n: harmonic(n) + 1.0)
        f(1)

        def call() -> None:
            results.append(f(100_000_000))

        thread = threading.Thread(target=call)
        thread.start()
        time.sleep(0.02)
        f.clear()
        return thread

    thread = start()
    gc.collect()
    thread.join()
    assert results == [irad.compile(harmonic)(100_000_000) + 1.0]
