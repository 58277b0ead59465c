"""Deep and endless recursion: results, RecursionError, and a process that lives on. The dangerous ones run in their own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import irad
from tests.derivatives.oracles import BACKENDS, agree, derivative
from tests.recursion.deep import DEEP, ENDLESS, endless

ROOT = Path(__file__).resolve().parent.parent.parent


def passes(*arguments: str) -> None:
    command = [sys.executable, "-m", "tests.recursion.deep", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), (done.returncode, done.stderr[-3000:])


@pytest.mark.parametrize("name", DEEP)
def test_gradients_ten_thousand_calls_deep(name: str) -> None:
    f, loop = DEEP[name]
    depth = 10_000
    wanted = derivative(loop, (0.7, depth), (0,))
    value, gradient = irad.value_and_grad(f)(0.7, depth)
    agree(value, loop(0.7, depth))
    agree(gradient, wanted)
    agree(irad.jacfwd(f)(0.7, depth), wanted)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", DEEP)
def test_higher_derivatives_of_recursions(name: str, backend: str) -> None:
    f, loop = DEEP[name]
    depth = 300 if backend == "llvm" else 30
    agree(irad.compile(irad.grad(irad.grad(f)), backend=backend)(0.7, depth), derivative(loop, (0.7, depth), (0, 0)), 1e-8)
    agree(irad.compile(irad.jacfwd(irad.grad(f)), backend=backend)(0.7, depth), derivative(loop, (0.7, depth), (0, 0)), 1e-8)


def test_the_interpreter_goes_ten_thousand_deep_and_stops() -> None:
    f, loop = DEEP["mutual"]
    agree(irad.compile(irad.grad(f), backend="interpreter")(0.7, 10_000), derivative(loop, (0.7, 10_000), (0,)))
    start = time.perf_counter()
    with pytest.raises(RecursionError):
        irad.compile(endless, backend="interpreter")(1.0)
    assert time.perf_counter() - start < 10.0


@pytest.mark.parametrize("name", DEEP)
def test_a_thread_of_512_kilobytes(name: str) -> None:
    passes("small_thread", name)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ENDLESS)
def test_endless_recursion(name: str) -> None:
    passes("endless", name)


def test_endless_recursion_in_several_threads() -> None:
    passes("threads", "pair")


def test_recursion_that_cannot_return_is_refused() -> None:
    def forever(x):
        return forever(x + 1.0) * 2.0

    for f in (irad.compile(forever), irad.grad(forever)):
        with pytest.raises(irad.CompileError) as refusal:
            f(1.0)
        assert refusal.value.name == "endless-recursion"
        assert "def forever(x):" in str(refusal.value)


def test_depth_and_width() -> None:
    def fibonacci(x, n):
        return x if n < 2 else 0.5 * fibonacci(x, n - 1) + 0.3 * x * fibonacci(x, n - 2)

    def fold(f, s, n):
        return s if n == 0 else fold(f, f(s), n - 1)

    def folded(x, n):
        return fold(lambda s: s * x + 1.0, x, n)

    for f, n in ((fibonacci, 12), (folded, 40)):
        for backend in BACKENDS:
            agree(irad.compile(irad.grad(f), backend=backend)(0.9, n), derivative(f, (0.9, n), (0,)))
            agree(irad.compile(irad.hessian(f), backend=backend)(0.9, n), derivative(f, (0.9, n), (0, 0)), 1e-8)
