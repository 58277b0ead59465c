"""Stubs: they take calls apart, check what programs took for constant, and make results; the rest goes slow."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import struct
import sys
import threading
import types
import weakref
from typing import Any

import numpy as np
import pytest
from irad.backends.llvm.native import flat_function, new_native, set_stubs
from irad.backends.llvm.plan import ABSENT, Bound, CallPlan, Dynamic, Guard, Hidden, Identical, Names
from irad.backends.llvm.stub import compile_stub, stub_text

from irad.errors import InternalError
from irad.types import FLOAT, INT, Tuple
from tests.backends.programs import (
    ADD,
    FAILING,
    POINT,
    RECURSIVE,
    SINE,
    Pair,
    Point,
    called,
    identity,
    program,
    raiser,
    same,
    slowly,
    stub_of,
    wanted_types,
    went_slow,
)

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


def test_named_tuples_and_dicts_are_taken_apart() -> None:
    second = "-> float { %0: float = getitem(%p, index=1); return %0; }"
    f = called(f"graph @f(%p: {POINT}{{x: float, y: float}}) {second}")
    assert f(Point(1.0, 2.0)) == 2.0
    assert went_slow(f((1.0, 2.0)))
    assert went_slow(f(Point(1.0, 2)))
    stub = stub_of(f"graph @f(%p: {{'a': float, 'b': float}}) {second}")
    f = new_native(slowly)
    set_stubs(f, [stub])
    assert f({"a": 1.0, "b": 2.0}) == 2.0
    for other in ({"b": 1.0, "a": 2.0}, {"a": 1.0}, {"a": 1.0, "b": 2}, {"a": 1.0, "b": 2.0, "c": 3.0}, {}, [1.0, 2.0]):
        assert went_slow(f(other)), other
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
    stub = stub_of(p, arguments=[Dynamic(FLOAT)], hidden=hidden, cells=[a, b])
    f = new_native(slowly)
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
    other = new_native(slowly)
    set_stubs(other, [stub.bound(Bound(cells=[types.CellType(0.0), types.CellType((1.0, 1))]))])
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
