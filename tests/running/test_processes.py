"""Other processes: pickles, fork, forkserver, spawn, pools, joblib."""

from __future__ import annotations

import concurrent.futures
import copy
import functools
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest

import irad
from tests.running import module

NAMES = ["decorated", "with_option", "compiled", "gradient", "gradient_of_decorated", "second", "hessian", "failing"]
METHODS = ["fork", "forkserver", "spawn"]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="Unix"),
]


# -- pickles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_computes_the_same(name: str, protocol: int) -> None:
    f = getattr(module, name)
    g = pickle.loads(pickle.dumps(f, protocol))
    assert g(1.5) == f(1.5)
    assert g._irad.options == f._irad.options
    assert (g is f) == (name in ("decorated", "with_option", "failing"))  # the name finds these, others are made anew


def test_copies_are_the_function_itself() -> None:
    assert copy.copy(module.decorated) is module.decorated
    assert copy.deepcopy({"f": module.gradient})["f"] is module.gradient


def test_methods() -> None:
    bound = module.Model(3.0).scaled
    assert bound(2.0) == 6.0
    assert pickle.loads(pickle.dumps(bound))(2.0) == 6.0
    assert pickle.loads(pickle.dumps(module.Model.scaled)) is module.Model.scaled


def test_partial_functions() -> None:
    f = irad.compile(functools.partial(math.pow, 2.0))
    assert pickle.loads(pickle.dumps(f))(3.0) == 8.0
    g = functools.partial(module.decorated, 2.0)
    assert pickle.loads(pickle.dumps(g))() == 9.0
    pullback = irad.vjp(module.cubed, 2.0)[1]
    assert pickle.loads(pickle.dumps(pullback))(1.0) == pullback(1.0)


def test_ir_by_its_text() -> None:
    f = irad.compile(irad.parse_ir(str(irad.ir(module.gradient, 2.0))))
    assert pickle.loads(pickle.dumps(f))(2.0) == 12.0


@pytest.mark.parametrize("make", [lambda f: f, irad.compile, irad.grad, lambda f: irad.grad(irad.grad(f))])
def test_what_has_no_name_is_refused_with_the_reason(make: Callable[..., Any]) -> None:
    k = 2.0
    for f in (irad.compile(lambda x: k * x), irad.grad(lambda x: k * x * x)):
        with pytest.raises(pickle.PicklingError, match="no name in the module"):
            pickle.dumps(make(f))


def test_cloudpickle_takes_closures() -> None:
    k = 2.0
    f = irad.compile(lambda x: k * module.cubed(x))
    g = pickle.loads(cloudpickle.dumps(f))
    assert g(3.0) == f(3.0) == 54.0
    assert pickle.loads(cloudpickle.dumps(irad.grad(f)))(3.0) == 54.0
    assert pickle.loads(cloudpickle.dumps(module.decorated)) is module.decorated


def test_refusals_and_errors_come_back_from_a_worker() -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(ValueError, match="negative"):
            pool.submit(module.failing, -1.0).result()
        with pytest.raises(irad.CompileError, match="dict-key"):
            pool.submit(module.refused, 1.0).result()
        assert pool.submit(module.failing, 1.0).result() == 1.0


# -- pools ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_pools(method: str) -> None:
    xs = [0.5 * i for i in range(40)]
    module.gradient(1.0)  # compiled before the fork
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(module.decorated, xs) == [x * x * x + 1.0 for x in xs]
        assert pool.map(module.gradient, xs) == [3.0 * x * x for x in xs]
        w = np.arange(4.0)
        for got in pool.map(module.gradient_of_arrays, [w, w + 1.0]):
            assert got.shape == (4,)
        assert pool.apply(module.second, (2.0,)) == 12.0


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib(backend: str) -> None:
    k = 3.0
    closure = irad.compile(lambda x: k * x)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        parallel = joblib.Parallel()
        assert parallel(joblib.delayed(module.second)(x) for x in (1.0, 2.0, 3.0)) == [6.0, 12.0, 18.0]
        if backend != "multiprocessing":  # which has no name for it
            assert parallel(joblib.delayed(closure)(x) for x in (1.0, 2.0)) == [3.0, 6.0]


SCRIPT = """
import multiprocessing, sys
import irad, joblib

@irad.compile
def decorated(x):
    return inner(x) + 1.0

@irad.compile
def inner(x):
    return x * x

plain = irad.grad(decorated)

if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(pool.map(decorated, [1.0, 2.0]), pool.map(plain, [1.0, 2.0]))
    print(joblib.Parallel(2)(joblib.delayed(decorated)(x) for x in (1.0, 2.0)))
    print(joblib.Parallel(2)(joblib.delayed(plain)(x) for x in (1.0, 2.0)))
"""


def test_functions_of_a_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120)
    assert done.stdout == 3 * "[2.0, 5.0] [2.0, 4.0]\n" + "[2.0, 5.0]\n[2.0, 4.0]\n", done.stderr


NOTEBOOK = """
import linecache
cells = {"<cell 1>": "def helper(x):\\n    return x * x\\n", "<cell 2>": "def f(x):\\n    return helper(x) + 1.0\\n"}
for file, text in cells.items():
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"))
import irad, joblib
print(joblib.Parallel(2)(joblib.delayed(irad.compile(f))(x) for x in (1.0, 2.0)))
print(joblib.Parallel(2)(joblib.delayed(irad.grad(f))(x) for x in (1.0, 2.0)))
"""


def test_functions_of_a_notebook() -> None:
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[2.0, 5.0]\n[2.0, 4.0]\n", done.stderr


# -- fork while threads work ---------------------------------------------------------------------------------------------


def exit_code(work: Callable[[], bool]) -> int:
    """Of a child that was forked here, did this, and ended; 9 if it did not end."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return 9


def test_a_child_calls_and_compiles_while_threads_of_the_parent_do() -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def compiling() -> None:
        try:
            while not stop.is_set():
                f = irad.grad(lambda x: x * module.cubed(x))
                f(1.0)
                f.clear()
        except BaseException as e:
            errors.append(e)

    def calling() -> None:
        while not stop.is_set():
            module.compiled(2.0)

    def child() -> bool:
        fresh = irad.grad(lambda x: x * x * x)
        right = fresh(2.0) == 12.0 and module.compiled(2.0) == 8.0
        t = threading.Thread(target=lambda: fresh.clear() or fresh(1.0))
        t.start()
        t.join()
        return right and fresh.cache_info().programs == 1

    threads = [threading.Thread(target=f) for f in (compiling, compiling, calling)]
    for t in threads:
        t.start()
    try:
        assert [exit_code(child) for _ in range(12)] == [0] * 12
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not errors


ENDS = """
import threading, time
import irad

@irad.compile
def forever(x):
    while x > 1.0:
        x = 0.5 * x + 1.0
    return x

@irad.compile
def long(n):
    total = 0
    for i in range(n):
        total ^= i
    return total

forever(1.0), long(3)
threading.Thread(target=forever, args=(9.0,), daemon=True).start()
threading.Thread(target=long, args=(10**12,), daemon=True).start()
threading.Thread(target=long, args=(10**9,), daemon=True).start()
time.sleep(0.2)
print("ends")
"""


def test_python_ends_while_daemons_compute(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(ENDS)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")
