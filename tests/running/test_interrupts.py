"""Ctrl-C, and whatever a signal's handler raises, ends a call wherever it is; afterwards all is as before it."""

from __future__ import annotations

import _thread
import copy
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import irad
from tests.running.interrupts import ENDLESS, PROGRAMS, Interrupted, interrupt_after, seconds_to_stop


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """A process that a shell put into the background ignores SIGINT, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


BACKWARD = str(irad.ir(PROGRAMS["a backward loop"].function, 1.0, 3))


def test_the_backward_loop_is_alone() -> None:
    assert BACKWARD.count("for_loop") == 1
    assert "push" not in BACKWARD


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_signal_ends_the_call(name: str) -> None:
    p = PROGRAMS[name]
    f = irad.compile(p.function)
    wanted = f(*copy.deepcopy(p.brief))
    given = copy.deepcopy(p.endless)
    seconds_to_stop(f, p.endless, 0.05)
    np.testing.assert_equal(p.endless, given)  # what a call writes is written after success
    np.testing.assert_equal(f(*copy.deepcopy(p.brief)), wanted)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a finalizer was interrupted
def test_an_interrupted_compile_leaves_the_compiler_whole() -> None:
    """At whatever point: what is shared (types, programs, LLVM) is as before or as after."""
    interrupted = 0
    for k in range(40):
        x, new = np.arange(1.0, k + 2.0), (0.0,) * k  # of a type that is new
        f = irad.grad(lambda x, n, new: (np.sin(x) * n).sum() + sum(x[i] for i in range(n) if i < len(x)))
        f.clear()
        try:
            with interrupt_after(0.0005 + 0.0008 * k):
                f(x, 3, new)
        except Interrupted:
            interrupted += 1
        np.testing.assert_allclose(f(x, 3, new), 3.0 * np.cos(x) + (np.arange(k + 1) < 3), rtol=1e-12)
    assert interrupted > 10


def writes(x: np.ndarray) -> float:
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.0:
            y[i] = 0.5 * y[i - 1] * x[i] + x[i]
    return y.sum()


def test_only_work_is_counted() -> None:
    """Three places do much: zeros, the loop, the sum. That a trip hands a large array on is none."""
    assert str(irad.ir(writes, np.ones(100_000), stage="llvm")).count("call preserve_allcc") == 3
    assert str(irad.ir(writes, np.ones(100), stage="llvm")).count("call preserve_allcc") == 0


SCRIPT = """
import os, sys, threading
import irad
from tests.running.interrupts import ENDLESS, PROGRAMS

p = PROGRAMS[sys.argv[1]]
f = irad.compile(p.function)
f(*p.brief)
print("ready", flush=True)
try:
    f(*p.endless)
except KeyboardInterrupt as e:
    print("interrupted", f(*p.brief), flush=True)
"""


@pytest.mark.parametrize("name", ["a loop", "while", "recursion"])
def test_ctrl_c_from_outside(name: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, name], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    try:
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    p = PROGRAMS[name]
    assert out == f"interrupted {irad.compile(p.function)(*p.brief)}\n"
    assert child.returncode == 0


@pytest.mark.parametrize("name", ["while", "recursion", "a loop"])
def test_another_thread_interrupts(name: str) -> None:
    """The thread runs although the call held the lock at first, and its request is seen."""
    p = PROGRAMS[name]
    f = irad.compile(p.function)
    f(*p.brief)
    timer = threading.Timer(0.05, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        f(*p.endless)
    timer.join()


def test_a_handler_that_returns_lets_the_call_go_on() -> None:
    f = irad.compile(PROGRAMS["while"].function)
    seen = []

    def handler(*_: object) -> None:
        seen.append(f(9.0, 5.0))  # compiled code runs in it

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        timer = threading.Timer(0.3, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            f(9.0, 1.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    timer.join()
    assert len(seen) >= 2
    assert set(seen) == {3.75}


def test_the_main_thread_is_interrupted_while_threads_compute() -> None:
    f = irad.compile(PROGRAMS["a loop"].function)
    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(f(30_000_000))) for _ in range(4)]
    for t in threads:
        t.start()
    seconds_to_stop(f, (ENDLESS,), 0.05)
    for t in threads:
        t.join()
    assert set(results) == {f(30_000_000)}


def endless_print(x: float) -> float:
    while x > 1.0:
        x = 0.5 * x + 1.0
        print(x)
    return x


@pytest.mark.parametrize("slow", [False, True])
def test_a_signal_during_print(slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Out:
        def write(self, text: str) -> None:
            if slow:
                time.sleep(0.001)

    f = irad.compile(endless_print)
    f(1.0)
    monkeypatch.setattr("sys.stdout", Out())
    for delay in (0.05, 0.051, 0.052, 0.053):
        seconds_to_stop(f, (9.0,), delay)


def test_an_interrupt_in_compiled_code_that_a_handler_runs() -> None:
    f = irad.compile(PROGRAMS["while"].function)
    f(9.0, 5.0)

    def handler(*_: object) -> None:
        signal.signal(signal.SIGALRM, inner)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        f(9.0, 1.0)

    def inner(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupted):
            f(9.0, 1.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_thread_that_forked_is_interrupted_in_the_child() -> None:
    f = irad.compile(PROGRAMS["while"].function)
    f(9.0, 5.0)
    status: list[int] = []

    def work() -> None:
        pid = os.fork()
        if pid == 0:
            try:
                with interrupt_after(0.05):
                    f(9.0, 1.0)
            except Interrupted:
                os._exit(7)
            os._exit(1)
        status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    t = threading.Thread(target=work)
    t.start()
    t.join()
    assert status == [7]
