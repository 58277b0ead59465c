"""The native call path: the NativeFunction type, and the stubs that take calls apart and make results.

Programs are small texts of IR; `called` gives the function a user would hold, whose slow path says that it was taken.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import itertools
import math
import os
import struct
import subprocess
import sys
import threading
import types
import weakref
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from irad.backends.llvm import native as native_module
from irad.backends.llvm.emit import Program, emit_module
from irad.backends.llvm.native import Stub, flat_function, native_type, new_native, set_stubs
from irad.backends.llvm.stub import (
    ABSENT,
    CallPlan,
    Dynamic,
    Guard,
    Hidden,
    Identical,
    Names,
    compile_stub,
    stub_text,
)

from irad.errors import InternalError
from irad.graph.parse import parse_module
from irad.primitives import REGISTRY
from irad.types import FLOAT, INT, Form, Tuple

Point = namedtuple("Point", "x y")
Form.of_class("namedtuple", Point, Point._fields)
POINT = f"{Point.__module__}.Point"


@dataclass
class Pair:
    a: float
    b: float


def program(text: str) -> Program:
    return emit_module(parse_module(text, REGISTRY).module)


def identity(t: str) -> Program:
    return program(f"graph @f(%x: {t}) -> {t} {{ return %x; }}")


SINE = "graph @f(%x: float) -> float { %0: float = sin(%x); return %0; }"
ADD = "graph @f(%x: float, %y: float) -> float { %0: float = add(%x, %y); return %0; }"
FAILING = """
graph @f(%x: float, %n: int) -> float {
  graph @body(%i: int, %s: stack[float]) -> stack[float] { %0: stack[float] = push(%s, %x); return %0; }
  %1: stack[float] = empty_stack(of=float);
  %2: stack[float] = for_loop(%n, @body, %1);
  %3: int = stack_size(%2);
  %4: bool = gt(%x, 0.0);
  assert(%4, %x, %3, error="ValueError", message="{0} {1}");
  return %x;
}
"""
RECURSIVE = """
graph @main(%m: int) -> int { %0: int = @f(%m); return %0; }
graph @f(%n: int) -> int {
  %1: bool = le(%n, 0);
  graph @zero() -> int { return 0; }
  graph @more() -> int { %2: int = sub(%n, 1); %3: int = @f(%2); %4: int = add(%3, 1); return %4; }
  %5: int = cond(%1, @zero, @more);
  return %5;
}
"""


def slowly(*args: Any, **kwargs: Any) -> Any:
    return ("slow", args, kwargs)


def raiser(site: int, values: bytes) -> None:
    raise ValueError(site, values)


def wanted_types(p: Program) -> list[Dynamic]:
    return [Dynamic(t) for t in p.params]


def stub_of(p: Program | str, **plan: Any) -> Stub:
    p = program(p) if isinstance(p, str) else p
    plan.setdefault("arguments", wanted_types(p))
    return compile_stub(p, CallPlan(raiser=raiser, rebuild=lambda leaves: ("rebuilt", leaves), **plan))


def called(p: Program | str, *, slow: Callable[..., Any] = slowly, cells: Any = (), **plan: Any) -> Any:
    f = new_native(slow, cells)
    set_stubs(f, [stub_of(p, **plan)])
    return f


def went_slow(result: Any) -> bool:
    return isinstance(result, tuple) and result[:1] == ("slow",)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same types, and NaN equal to itself."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


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
        f = new_native((lambda: holder) if cycle == "slow" else slowly, cells)
        p = program(SINE)
        set_stubs(f, [compile_stub(p, CallPlan(wanted_types(p), raiser=lambda site, values: holder))])
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
    stub = Stub(0, 0, owner)
    for _ in range(10):
        f = new_native(slow, [cell])
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
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import test_native as t
f = builtins.f = t.called(t.SINE)
f.me = f
class Late:
    g = f
    def __del__(self): self.g(1.0)
late = builtins.late = Late()
late.me = late
t.flat_function(t.stub_of(t.SINE))(1)
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


# -- arguments ---------------------------------------------------------------------------------------------------------

LONG = (1 << 63) - 1
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "float": ([0.0, -0.0, 1.5, math.inf, math.nan, 5e-324], [1, True, np.float64(1), np.float32(1), "1", None, [1.0]]),
    "int": (
        [0, 1, -1, 2**30 - 1, 2**30, -(2**30), 2**60, -(2**60) - 1, 2**62, LONG, -LONG - 1],
        [LONG + 1, -LONG - 2, 2**100, True, 1.0, np.int64(1), None],
    ),
    "bool": ([True, False], [1, 0, None, 1.0, np.int64(1), np.float64(0)]),
    "f64": ([np.float64(x) for x in (0.0, 1.5, math.nan)], [1.5, np.float32(1), np.int64(1), np.array(1.0)]),
    "f32": ([np.float32(x) for x in (0.0, 0.1, math.inf)], [0.1, np.float64(1), 1]),
    "i64": ([np.int64(x) for x in (0, 5, -5, LONG, -LONG - 1)], [5, np.int32(5), np.float64(5), True]),
    "i32": ([np.int32(x) for x in (0, 5, -5, 2**31 - 1, -(2**31))], [5, np.int64(5), np.uint32(5)]),
    "(float, int)": (
        [(1.5, 2), (0.0, 2**40)],
        [(1.5,), (1.5, 2, 3), (1, 2), (1.5, 2.0), [1.5, 2], Point(1.5, 2), None],
    ),
    "(float, (int, (bool,), ()), f64)": (
        [(1.0, (2, (True,), ()), np.float64(3))],
        [(1.0, (2, (True,), (0,)), np.float64(3)), (1.0, (2, (1,), ()), np.float64(3)), (1.0, (2, (True,), ()), 3.0)],
    ),
    "[float, float]": ([[1.0, 2.0]], [(1.0, 2.0), [1.0], [1.0, 2.0, 3.0], [1.0, 2], []]),
    "[[int], []]": ([[[7], []]], [[[7], [1]], [[7], ()], [[7]]]),
    "(float, static(None))": ([(1.0, None)], [(1.0, 0), (1.0,)]),
    "()": ([()], [(1,), None, []]),
    "[]": ([[]], [[1], ()]),
}


def plain(x: Any) -> Any:
    """A result as stubs give it: Python's own scalars."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(plain, x))
    return x.item() if isinstance(x, np.generic) else x


@pytest.mark.parametrize("t", VALUES)
def test_arguments_and_results(t: str) -> None:
    f = called(identity(t))
    good, bad = VALUES[t]
    for x in good:
        assert same(f(x), plain(x)), x
    for x in bad:
        assert went_slow(f(x)), x


def test_truth_values_of_numpy() -> None:
    f = called(identity("bool"))
    assert f(np.True_) is True
    assert f(np.bool_(0)) is False


def test_subclasses_go_slow() -> None:
    for t, base in (("float", float), ("int", int), ("(float,)", tuple), ("[float]", list)):
        kind = type("Sub", (base,), {})
        x = kind([1.0]) if base in (tuple, list) else kind(1)
        assert went_slow(called(identity(t))(x)), t


def test_named_tuples_are_taken_apart_and_other_records_go_slow() -> None:
    second = "-> float { %0: float = getitem(%p, index=1); return %0; }"
    f = called(f"graph @f(%p: {POINT}{{x: float, y: float}}) {second}")
    assert f(Point(1.0, 2.0)) == 2.0
    assert went_slow(f((1.0, 2.0)))
    assert went_slow(f(Point(1.0, 2)))
    stub = stub_of(f"graph @f(%p: {{'a': float, 'b': float}}) {second}")
    f = new_native(slowly)
    set_stubs(f, [stub])
    assert went_slow(f({"a": 1.0, "b": 2.0}))
    assert flat_function(stub)(1.0, 2.0) == 2.0


def test_many_arguments_of_all_kinds_at_once() -> None:
    kinds = ["float", "int", "bool", "f32", "i32", "(int, float)"] * 4
    params = ", ".join(f"%x{i}: {t}" for i, t in enumerate(kinds))
    result = f"({', '.join(kinds)})"
    items = ", ".join(f"%x{i}" for i in range(24))
    f = called(f"graph @f({params}) -> {result} {{ %r: {result} = make_tuple({items}); return %r; }}")
    args = tuple(x for k in range(4) for x in (k + 0.5, 2**40 * k, k % 2 == 0, np.float32(k), np.int32(-k), (k, -0.5)))
    assert same(f(*args), plain(args))


def test_identical_arguments() -> None:
    mode, other = ["a"], ["a"]
    f = called(SINE, arguments=[Identical(mode), Dynamic(FLOAT), Identical(None)])
    assert f(mode, 1.0, None) == math.sin(1.0)
    assert went_slow(f(other, 1.0, None))
    assert went_slow(f(mode, 1.0, 0))
    assert went_slow(f(mode, 1.0))
    f = called(SINE, arguments=[Identical("mo" + "de"), Identical(1000), Identical(1.0), Dynamic(FLOAT)])
    assert f("-mode"[1:], int("1000"), 1.0, 0.0) == 0.0
    for args in (("mod", 1000, 1.0), ("mode", 1001, 1.0), ("mode", 1000.0, 1.0), ("mode", 1000, 1)):
        assert went_slow(f(*args, 0.0))
    kept = weakref.ref(kind := type("Kind", (), {}))
    f = called(SINE, arguments=[Identical(kind), Dynamic(FLOAT)])
    del kind
    gc.collect()
    assert kept() is not None
    assert f(kept(), 0.0) == 0.0


# -- hidden values and guards ------------------------------------------------------------------------------------------


def test_cells_are_read_at_each_call() -> None:
    a, b = types.CellType(1.0), types.CellType((2.0, 5))
    p = program(
        "graph @f(%x: float, %b: (float, int), %a: float) -> (float, float, int) {"
        " %0: float = add(%x, %a); %1: float = getitem(%b, index=0); %2: int = getitem(%b, index=1);"
        " %3: (float, float, int) = make_tuple(%0, %1, %2); return %3; }"
    )
    hidden = [Hidden(1, Tuple([FLOAT, INT])), Hidden(0, FLOAT)]
    stub = stub_of(p, arguments=[Dynamic(FLOAT)], hidden=hidden)
    f = new_native(slowly, [a, b])
    set_stubs(f, [stub])
    assert f(1.0) == (2.0, 2.0, 5)
    a.cell_contents = 10.0
    b.cell_contents = (7.0, 2**62)
    assert f(1.0) == (11.0, 7.0, 2**62)
    a.cell_contents = 10
    assert went_slow(f(1.0))
    a.cell_contents = 3.0
    assert f(1.0) == (4.0, 7.0, 2**62)
    del b.cell_contents
    assert went_slow(f(1.0))
    other = new_native(slowly, [types.CellType(0.0), types.CellType((1.0, 1))])
    set_stubs(other, [stub])
    assert other(1.0) == (1.0, 1.0, 1)
    assert flat_function(stub)(1.0, 2.0, 3, 4.0) == (5.0, 2.0, 3)


def test_guards_compare_memory() -> None:
    words = (ctypes.c_uint64 * 3)(0, 1, 2**64 - 1)
    base = ctypes.addressof(words)
    f = called(SINE, guards=[Guard(base + 8 * k, words[k]) for k in range(3)])
    assert f(0.0) == 0.0
    for k in range(3):
        was, words[k] = words[k], 12345
        assert went_slow(f(0.0))
        words[k] = was
        assert f(0.0) == 0.0


def test_names_are_compared_when_their_namespace_changed() -> None:
    one, two = object(), object()
    ns, builtins = {"a": one, "b": two, "rest": 0}, {"len": len}
    names = [Names(ns, {"a": one, "b": two, "len": ABSENT}), Names(builtins, {"len": len})]
    f = called(SINE, names=names)

    def fits() -> bool:
        results = [not went_slow(f(0.0)) for _ in range(3)]
        assert len(set(results)) == 1
        return results[0]

    assert fits()
    ns["rest"] = 1
    assert fits()
    for key, value in (("a", two), ("b", one), ("len", print)):
        was = ns.get(key, ABSENT)
        ns[key] = value
        assert not fits()
        ns.pop(key)
        assert fits() == (was is ABSENT)
        if was is not ABSENT:
            ns[key] = was
        assert fits()
    builtins.clear()
    assert not fits()
    builtins["len"] = len
    assert fits()


def test_names_with_hostile_keys_go_slow() -> None:
    class Liar:
        def __hash__(self) -> int:
            return hash("a")

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    ns: dict[Any, Any] = {Liar(): 1}
    assert went_slow(called(SINE, names=[Names(ns, {"a": ABSENT})])(0.0))


# -- results -----------------------------------------------------------------------------------------------------------


def test_static_results() -> None:
    assert called("graph @f(%x: float) -> static(None) { return none; }")(1.0) is None
    f = called(identity("(float, static('mode'), [static(None)])"))
    assert f((1.0, "mode", [None])) == (1.0, "mode", [None])


def test_results_are_new_objects() -> None:
    f = called(identity("(float, [float])"))
    x = (1.0, [2.0])
    first, second = f(x), f(x)
    assert first == second == x
    assert first is not second
    assert first[1] is not second[1]
    first[1].append(3.0)
    assert second == x


def test_long_results() -> None:
    t = "(" + ", ".join(["float"] * 100 + ["int"] * 3 + ["bool"] * 5 + ["[f32, f32, i32]"] * 2) + ")"
    x: tuple[Any, ...] = (
        *map(float, range(100)),
        1,
        2**40,
        -3,
        True,
        False,
        True,
        True,
        False,
        *[[np.float32(0.5), np.float32(2), np.int32(9)] for _ in range(2)],
    )
    assert same(called(identity(t))(x), plain(x))


def test_records_are_rebuilt_from_their_leaves() -> None:
    t = "{'a': float, 'b': (int, static(None)), 'c': {'d': bool}}"
    stub = stub_of(identity(t))
    f = flat_function(stub)
    assert f(1.0, 2, True) == ("rebuilt", (1.0, 2, True))
    kinds = f"({POINT}{{x: float, y: float}}, float)"
    assert called(identity(kinds))((Point(1.0, 2.0), 3.0)) == ("rebuilt", (1.0, 2.0, 3.0))
    pair = identity(f"{Pair.__module__}.Pair{{a: float, b: float}}")
    assert flat_function(stub_of(pair))(1, 2) == ("rebuilt", (1.0, 2.0))


def test_errors_of_rebuild_pass() -> None:
    def rebuild(leaves: tuple[Any, ...]) -> Any:
        raise KeyError(leaves)

    p = identity("{'a': float}")
    f = flat_function(compile_stub(p, CallPlan(wanted_types(p), rebuild=rebuild)))
    with pytest.raises(KeyError, match=r"1\.0"):
        f(1.0)


# -- the flat way ------------------------------------------------------------------------------------------------------


def test_flat_converts_leniently() -> None:
    class Index:
        def __index__(self) -> int:
            return 7

    class Real:
        def __float__(self) -> float:
            return 2.5

    def flat(t: str) -> Any:
        return flat_function(stub_of(identity(t)))

    real = flat("float")
    assert [real(x) for x in (1, True, np.float32(0.5), np.int64(3), Real(), -1.0)] == [1.0, 1.0, 0.5, 3.0, 2.5, -1.0]
    assert [flat("int")(x) for x in (True, np.int64(3), Index(), -1, LONG)] == [1, 3, 7, -1, LONG]
    assert [flat("bool")(x) for x in (1, 0, "", "x", np.True_)] == [True, False, False, True, True]
    assert flat("f32")(0.1) == float(np.float32(0.1))
    assert flat("i32")(-1) == -1
    assert flat("((float, [int]), bool)")(1, 2, 3) == ((1.0, [2]), True)


def test_flat_raises_what_conversion_raises() -> None:
    class Bad:
        def __float__(self) -> float:
            raise KeyError("float")

        def __index__(self) -> int:
            raise KeyError("index")

        def __bool__(self) -> bool:
            raise KeyError("bool")

    for t in ("float", "f32", "int", "i64", "i32", "bool"):
        f = flat_function(stub_of(identity(t)))
        with pytest.raises(KeyError):
            f(Bad())
        with pytest.raises(TypeError):
            f()
        with pytest.raises(TypeError):
            f(1, 2)
        with pytest.raises(TypeError):
            f(x=1)
    with pytest.raises(TypeError):
        flat_function(stub_of(identity("int")))(1.5)
    with pytest.raises(OverflowError):
        flat_function(stub_of(identity("int")))(2**63)
    for n in (2**31, -(2**31) - 1, 2**63):
        with pytest.raises(OverflowError):
            flat_function(stub_of(identity("i32")))(n)


# -- failing programs --------------------------------------------------------------------------------------------------


def test_failures_are_raised_with_their_values() -> None:
    p = program(FAILING)
    stub = stub_of(p)
    f = new_native(slowly)
    set_stubs(f, [stub])
    assert f(1.5, 3) == 1.5
    for g in (f, flat_function(stub)):
        with pytest.raises(ValueError, match=r"b['\"]") as caught:
            g(-1.5, 40)
        site, values = caught.value.args
        assert p.sites[site - 1].error == "ValueError"
        assert len(values) == 64
        assert struct.unpack("<dq", values[:16]) == (-1.5, 40)
    assert went_slow(f(1, 2))


def test_a_raiser_that_does_not_raise_is_reported() -> None:
    p = program(FAILING)
    f = new_native(slowly)
    set_stubs(f, [compile_stub(p, CallPlan(wanted_types(p), raiser=lambda site, values: None))])
    with pytest.raises(SystemError):
        f(-1.0, 0)


def resident_bytes() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("x", [1.0, -1.0])
def test_no_block_is_left_behind(x: float) -> None:
    f = called(FAILING)

    def work(times: int) -> None:
        for _ in range(times):
            try:
                f(x, 10_000)
            except ValueError:
                assert x < 0.0

    work(100)
    before = resident_bytes()
    work(2000)  # 160 MB if blocks stayed
    assert resident_bytes() - before < 16e6


@pytest.mark.parametrize("where", ["main", "thread", "small thread"])
def test_recursion_ends_in_an_error_before_the_stack(where: str) -> None:
    stub = stub_of(RECURSIVE, recursive=True)
    f = new_native(slowly)
    set_stubs(f, [stub])
    seen: list[Any] = []

    def work() -> None:
        seen.append(f(500))
        try:
            f(10**9)
        except ValueError as e:
            seen.append(e.args[0])
        seen.append(f(500))

    if where == "main":
        work()
    else:
        size = threading.stack_size(256 << 10 if where == "small thread" else 0)
        try:
            t = threading.Thread(target=work)
            t.start()
            t.join()
        finally:
            threading.stack_size(size)
    assert seen == [500, 1, 500]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_fork() -> None:
    f, g = called(RECURSIVE, recursive=True), called(FAILING)
    status: list[int] = []

    def work() -> None:
        pid = os.fork()
        if pid == 0:
            good = f(1000) == 1000 and g(1.0, 2) == 1.0 and went_slow(f(1.0))
            try:
                f(10**9)
                good = False
            except ValueError:
                pass
            os._exit(0 if good else 1)
        status.append(os.waitpid(pid, 0)[1])

    work()
    t = threading.Thread(target=work)
    t.start()
    t.join()
    assert status == [0, 0]


# -- references --------------------------------------------------------------------------------------------------------


def counts(watched: list[Any]) -> list[int]:
    return [sys.getrefcount(x) for x in watched]


@pytest.mark.parametrize("case", ["scalars", "structures", "statics", "failing", "slow", "rebuilt", "flat", "names"])
def test_reference_counts_are_stable(case: str) -> None:
    cell, ns = types.CellType(3.0), dict[str, Any](a=slowly)
    made: Any
    args: tuple[Any, ...]
    if case == "scalars":
        made, args = called(identity("bool")), (True,)
    elif case == "structures":
        made, args = called(identity("(float, [int, (bool,)], ())")), ((1.5, [2**40, (True,)], ()),)
    elif case == "statics":
        made, args = called(identity("(static(None), static('mode'), float)")), ((None, "mode", 1.0),)
    elif case == "failing":
        made, args = called(FAILING), (-1.0, 3)
    elif case == "slow":
        made, args = called(SINE, slow=lambda *a: None), (object(),)
    elif case == "rebuilt":
        made, args = called(identity(f"{POINT}{{x: float, y: float}}")), (Point(1.0, 2.0),)
    elif case == "flat":
        made, args = flat_function(stub_of(identity("(int, float, bool)"))), (np.int64(1), 2, [])
    else:
        made = called(
            ADD, arguments=[Dynamic(FLOAT)], hidden=[Hidden(0, FLOAT)], cells=[cell], names=[Names(ns, {"a": slowly})]
        )
        args = (1.0,)
    watched = [
        None,
        True,
        False,
        "mode",
        (),
        made,
        cell,
        ns,
        slowly,
        raiser,
        float,
        int,
        tuple,
        list,
        *args,
        *(x for a in args if isinstance(a, tuple) for x in a),
        cell.cell_contents,
    ]

    def work(times: int) -> None:
        for i in range(times):
            if case == "names":
                ns["other"] = i % 2
            try:
                made(*args)
            except ValueError:
                assert case == "failing"

    work(10)
    gc.collect()
    before, tracked = counts(watched), len(gc.get_objects())
    work(100_000 if case != "failing" else 20_000)
    gc.collect()
    assert max(abs(a - b) for a, b in zip(counts(watched), before, strict=True)) < 20
    assert abs(len(gc.get_objects()) - tracked) < 20


def test_programs_are_freed_with_their_function() -> None:
    p = program(SINE)
    plan = CallPlan(wanted_types(p), raiser=(kept := lambda site, values: None))
    f = new_native(slowly)
    set_stubs(f, [compile_stub(p, plan)])
    flat = flat_function(compile_stub(p, plan))
    r = weakref.ref(kept)
    del kept, plan
    set_stubs(f, [])
    gc.collect()
    assert r() is not None
    assert flat(0) == 0.0
    del flat
    gc.collect()
    assert r() is None


# -- plans that do not fit ---------------------------------------------------------------------------------------------


def test_plans_must_fit_their_programs() -> None:
    p = program(SINE)
    with pytest.raises(InternalError, match="does not fit"):
        stub_text(p, CallPlan([Dynamic(INT)]))
    with pytest.raises(InternalError, match="does not fit"):
        stub_text(p, CallPlan([Dynamic(FLOAT), Dynamic(FLOAT)]))
    failing = program(FAILING)
    with pytest.raises(InternalError, match="raiser"):
        stub_text(failing, CallPlan(wanted_types(failing)))
    record = identity("{'a': float}")
    with pytest.raises(InternalError, match="rebuild"):
        stub_text(record, CallPlan(wanted_types(record)))
    stack = identity("stack[float]")
    with pytest.raises(InternalError, match="stack"):
        stub_text(stack, CallPlan(wanted_types(stack)))


def test_the_text_holds_no_address() -> None:
    p = program(FAILING)
    texts = {
        stub_text(p, CallPlan(wanted_types(p), raiser=lambda *a: None, names=[Names({}, {"a": object()})])).text
        for _ in range(3)
    }
    assert len(texts) == 1
