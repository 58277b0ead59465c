"""The type NativeFunction: a callable whose calls are machine code; the stubs that a call tries in turn."""

from __future__ import annotations

import functools
import gc
import itertools
import math
import os
import subprocess
import sys
import threading
import types
import weakref
from pathlib import Path
from typing import Any

import pytest
from irad.backends.llvm import native as native_module
from irad.backends.llvm.native import Stub, native_type, new_native, set_stubs
from irad.backends.llvm.plan import Bound, CallPlan, Hidden, Identical
from irad.backends.llvm.stub import compile_stub

from irad.errors import InternalError
from irad.types import FLOAT
from tests.backends.programs import ADD, SINE, called, program, slowly, stub_of, wanted_types, went_slow

# -- the type ----------------------------------------------------------------------------------------------------------


def test_the_slow_function_gets_all_arguments() -> None:
    f = new_native(slowly)
    assert f() == ("slow", (), {})
    assert f(1, "b", x=3) == ("slow", (1, "b"), {"x": 3})
    assert f(*range(20), **{"a": 1}) == ("slow", tuple(range(20)), {"a": 1})


def test_the_slow_functions_exception_passes() -> None:
    f = new_native(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        f()
    with pytest.raises(TypeError, match="positional"):
        f(1)


def test_instances_take_attributes_like_functions() -> None:
    def original(x: float) -> float:
        """Its doc."""
        return x

    f: Any = functools.wraps(original)(new_native(slowly))
    assert f.__name__ == "original"
    assert f.__doc__ == "Its doc."
    assert f.__wrapped__ is original
    f.extra = 1
    assert f.__dict__["extra"] == 1
    del f.extra
    with pytest.raises(AttributeError):
        _ = f.extra
    assert callable(f)
    assert {f: 1}[f] == 1


def test_the_type_takes_methods_and_makes_no_instances() -> None:
    kind: Any = native_type()
    assert type(new_native(slowly)) is kind is native_type()
    kind.shout = lambda self, n: (self, n)
    try:
        f = new_native(slowly)
        assert f.shout(3) == (f, 3)
        assert f(1) == ("slow", (1,), {})
    finally:
        del kind.shout
    with pytest.raises(TypeError):
        kind()


def test_it_binds_as_a_method() -> None:
    class A:
        m = called(ADD, arguments=[Identical(None), *wanted_types(program(ADD))])
        s = staticmethod(new_native(slowly))

    a = A()
    assert isinstance(a.m, types.MethodType)
    assert a.m(1.0) == ("slow", (a, 1.0), {})
    assert a.s(1) == ("slow", (1,), {})
    assert A.m is A.__dict__["m"]
    assert A.m.__get__(None, A) is A.m
    assert A.m(None, 1.0, 2.0) == 3.0


def test_weak_references_see_it_die() -> None:
    f = new_native(slowly)
    seen: list[Any] = []
    r = weakref.ref(f, seen.append)
    assert r() is f
    del f
    assert r() is None
    assert seen == [r]


@pytest.mark.parametrize("cycle", ["attribute", "slow", "cell", "dict", "raiser"])
def test_cycles_are_collected(cycle: str) -> None:
    def make() -> weakref.ref[Any]:
        holder: list[Any] = []
        cells = [types.CellType(holder)] if cycle == "cell" else []
        f = new_native((lambda: holder) if cycle == "slow" else slowly)
        p = program(SINE)
        hidden = [Hidden(0, FLOAT)] if cells else []
        stub = compile_stub(p, CallPlan([] if cells else wanted_types(p), hidden, raiser=lambda site, values: holder))
        set_stubs(f, [stub.bound(Bound(cells=cells))])
        if cycle == "attribute":
            f.me = f
        elif cycle == "dict":
            f.__dict__ = {"me": f}
        else:
            holder.append(f)
        return weakref.ref(f)

    gc.collect()
    r = make()
    assert r() is not None
    gc.collect()
    assert r() is None


def test_it_owns_what_it_was_given_and_lets_go_of_it() -> None:
    class Owner:
        pass

    slow, owner, cell = (lambda: None), Owner(), types.CellType(1)
    counts = [sys.getrefcount(x) for x in (slow, owner, cell, native_type())]
    stub = Stub(0, 0, owner, 1).bound(Bound(cells=[cell]))
    for _ in range(10):
        f = new_native(slow)
        set_stubs(f, [stub])
        f.x = f
        set_stubs(f, [stub, stub])
        set_stubs(f, [])
        f()
        del f
    del stub
    gc.collect()
    assert [sys.getrefcount(x) for x in (slow, owner, cell, native_type())] == counts


def test_a_long_chain_is_freed_without_recursion() -> None:
    f = new_native(slowly)
    for _ in range(100_000):
        g = new_native(slowly)
        g.next = f
        f = g
    del f, g


def test_what_cannot_be_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    native_module._check_layout()
    monkeypatch.setattr(native_module, "VALUE", 8)
    with pytest.raises(InternalError, match="float"):
        native_module._check_layout()


def test_the_interpreter_ends_with_functions_alive() -> None:
    code = f"""
import builtins, sys, threading
sys.path.insert(0, {os.fspath(Path(__file__).parents[2])!r})
from irad.backends.llvm.native import flat_function
from tests.backends import programs as t
f = builtins.f = t.called(t.SINE)
f.me = f
class Late:
    g = f
    def __del__(self): self.g(1.0)
late = builtins.late = Late()
late.me = late
flat_function(t.stub_of(t.SINE))(1)
threading.Thread(target=threading.Event().wait, daemon=True).start()
print(f(0.0))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "0.0\n"), done.stderr


# -- dispatch ----------------------------------------------------------------------------------------------------------


def test_stubs_are_tried_in_order() -> None:
    integer = stub_of("graph @f(%x: int) -> int { %0: int = add(%x, 1); return %0; }")
    pair = stub_of("graph @f(%x: float, %y: float) -> float { return %y; }")
    f = new_native(slowly)
    assert went_slow(f(1))
    for stubs in itertools.permutations([stub_of(SINE), integer, pair]):
        set_stubs(f, stubs)
        assert f(0.5) == math.sin(0.5)
        assert f(1) == 2
        assert f(1.0, 2.0) == 2.0
        assert f("x", y=1) == ("slow", ("x",), {"y": 1})
    set_stubs(f, [stub_of("graph @f(%x: float) -> float { return 1.0; }"), stub_of(SINE)])
    assert f(0.5) == 1.0
    set_stubs(f, [integer])
    assert went_slow(f(0.5))
    assert f(1) == 2
    set_stubs(f, [])
    assert went_slow(f(1))


def test_form_of_the_call() -> None:
    f = called(SINE)
    assert f(1.0) == math.sin(1.0)
    assert f(*(1.0,), **{}) == math.sin(1.0)
    assert f(x=1.0) == ("slow", (), {"x": 1.0})
    assert f(1.0, y=2) == ("slow", (1.0,), {"y": 2})
    assert went_slow(f())
    assert went_slow(f(1.0, 2.0))


def test_ways_of_being_called() -> None:
    f, add = called(SINE), called(ADD)
    assert functools.partial(add, 1.0)(2.0) == 3.0
    assert functools.partial(add, y=2.0)(1.0) == ("slow", (1.0,), {"y": 2.0})
    assert sorted([0.3, -0.2, 0.1], key=f) == [-0.2, 0.1, 0.3]
    assert list(map(f, [0.0, 1.0])) == [0.0, math.sin(1.0)]
    assert functools.reduce(add, [1.0, 2.0, 3.0]) == 6.0
    assert types.MethodType(add, 1.0)(2.0) == 3.0
    assert f.__call__(0.0) == 0.0

    def down(n: int) -> float:
        return f(1.0) if n == 0 else down(n - 1)

    assert down(500) == math.sin(1.0)


def test_endless_recursion_through_the_slow_path_is_an_error() -> None:
    f = called(SINE, slow=lambda n: f(n + 1))
    with pytest.raises(RecursionError):
        f(0)
    assert f(0.0) == 0.0


def test_threads_call_while_stubs_change() -> None:
    stubs = [stub_of(SINE), stub_of("graph @f(%x: int) -> int { %0: int = mul(%x, 2); return %0; }")]
    f = new_native(lambda x: math.sin(x) if isinstance(x, float) else 2 * x)
    wrong: list[Any] = []
    stop = threading.Event()

    def work(k: int) -> None:
        while not stop.is_set():
            for i in range(k, k + 100):
                if f(float(i)) != math.sin(i) or f(i) != 2 * i:
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(8)]
    for t in threads:
        t.start()
    for k in range(300):
        set_stubs(f, [stubs, stubs[:1], stubs[1:], []][k % 4])
    stop.set()
    for t in threads:
        t.join()
    assert not wrong
