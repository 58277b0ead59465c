"""Calls: which ones machine code takes, after the first that compile or find a program; what a program took for constant."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irad


def slow_calls(f: Any) -> int:
    hits, misses, _ = f.cache_info()
    return int(hits + misses)


def is_quick(f: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether a call does not come to the slow path."""
    before = slow_calls(f)
    f(*args, **kwargs)
    return slow_calls(f) == before


def becomes_quick(f: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a call that is the third of its kind, after checking that it is machine code's."""
    first = f(*args, **kwargs)
    f(*args, **kwargs)
    assert is_quick(f, *args, **kwargs)
    return first


def summing(g: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, n: Any) -> Any:
        t = 0.0
        for _ in range(n):
            t += g(x)
        return t

    return run


def square(x: Any) -> Any:
    return x * x


def scaled(k: Any) -> Callable[..., Any]:
    return lambda x: k * x


def applied(g: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: g(x)


# -- functions of the same code ----------------------------------------------------------------------------------------


def test_each_function_of_the_same_code_is_quick() -> None:
    made = [irad.compile(summing(square)) for _ in range(4)]
    assert [becomes_quick(f, 3.0, 2) for f in made] == [18.0] * 4
    assert [f.cache_info().misses for f in made] == [1, 0, 0, 0]
    assert all(is_quick(f, 3.0, 2) for f in made)


def test_a_function_that_is_called_once_costs_no_stub() -> None:
    irad.compile(applied(square))(2.0)
    fresh = irad.compile(applied(square))
    assert fresh(2.0) == 4.0
    assert fresh.cache_info()[:2] == (1, 0)


def test_captured_functions_of_one_code_keep_their_own_values() -> None:
    """The captured functions' cells are other objects in each."""
    made = [irad.compile(applied(scaled(float(k)))) for k in range(4)]
    assert [becomes_quick(f, 2.0) for f in made] == [0.0, 2.0, 4.0, 6.0]
    assert sum(f.cache_info().misses for f in made) == 1
    nested = [irad.compile(applied(applied(scaled(float(k))))) for k in range(3)]
    assert [becomes_quick(f, 2.0) for f in nested] == [0.0, 2.0, 4.0]


def test_other_captured_functions_have_other_programs() -> None:
    made = [irad.compile(applied(g)) for g in (square, scaled(3.0), abs, square)]
    assert [becomes_quick(f, -2.0) for f in made] == [4.0, -6.0, 2.0, 4.0]


@pytest.mark.parametrize("transform", [irad.grad, irad.value_and_grad, irad.jacfwd])
def test_transforms_of_functions_of_one_code(transform: Any) -> None:
    made = [transform(applied(scaled(float(k)))) for k in range(3)]
    wanted = [irad.compile(lambda x, k=k: k * x) for k in (0.0, 1.0, 2.0)]
    for f, g, slope in zip(made, wanted, (0.0, 1.0, 2.0), strict=True):
        result = becomes_quick(f, 3.0)
        assert result == ((g(3.0), slope) if transform is irad.value_and_grad else slope)


def test_a_batch_of_functions_of_one_code() -> None:
    x = np.arange(3.0)
    made = [irad.vmap(applied(scaled(float(k)))) for k in range(3)]
    for k, f in enumerate(made):
        np.testing.assert_array_equal(becomes_quick(f, x), k * x)


def test_captured_compiled_functions_are_read_where_they_are() -> None:
    def make(k: float) -> Any:
        def inner(x: float) -> float:
            return k * x

        def rebind(value: float) -> None:
            nonlocal k
            k = value

        return irad.compile(applied(irad.compile(inner))), rebind

    (f, rebind), (g, _) = make(2.0), make(5.0)
    assert becomes_quick(f, 1.0) == 2.0
    assert becomes_quick(g, 1.0) == 5.0
    rebind(7.0)
    assert is_quick(f, 1.0)
    assert (f(1.0), g(1.0)) == (7.0, 5.0)


# -- what changes ------------------------------------------------------------------------------------------------------


def rebindable(g: Any) -> tuple[Any, Callable[[Any], None]]:
    def f(x: Any) -> Any:
        return g(x)

    def rebind(value: Any) -> None:
        nonlocal g
        g = value

    return f, rebind


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_rebound_cell_is_noticed_by_its_function_alone(which: int) -> None:
    pairs = [rebindable(square) for _ in range(3)]
    made = [irad.compile(f) for f, _ in pairs]
    for f in made:
        assert becomes_quick(f, 3.0) == 9.0
    pairs[which][1](scaled(10.0))
    assert [f(3.0) for f in made] == [30.0 if k == which else 9.0 for k in range(3)]
    assert all(is_quick(f, 3.0) for k, f in enumerate(made) if k != which)
    assert becomes_quick(made[which], 3.0) == 30.0
    pairs[which][1](scaled(20.0))  # the same code
    assert becomes_quick(made[which], 3.0) == 60.0
    pairs[which][1](square)
    assert made[which](3.0) == 9.0


@pytest.mark.parametrize("which", [0, 1])
def test_replaced_code_and_defaults_are_noticed(which: int) -> None:
    def make() -> Any:
        def inner(x: float, k: float = 2.0) -> float:
            return k * x

        return inner

    def other(x: float, k: float = 2.0) -> float:
        return k + x

    for wrap in (lambda f: f, applied):
        inner = [make(), make()]
        made = [irad.compile(wrap(f)) for f in inner]
        assert [becomes_quick(f, 5.0) for f in made] == [10.0, 10.0]
        inner[which].__defaults__ = (4.0,)
        assert [f(5.0) for f in made] == [20.0 if k == which else 10.0 for k in range(2)]
        inner[which].__code__ = other.__code__
        assert [f(5.0) for f in made] == [9.0 if k == which else 10.0 for k in range(2)]
        assert is_quick(made[1 - which], 5.0)


def test_a_cell_that_two_closures_share_in_one_function_and_not_in_another() -> None:
    def shared(k: float) -> Any:
        return lambda x: k * x

    def together(a: Any, b: Any) -> Any:
        return irad.compile(lambda x: a(x) + 100.0 * b(x))

    g, h = shared(2.0), shared(3.0)
    assert [becomes_quick(together(*fs), 1.0) for fs in ((g, g), (g, h), (h, g))] == [202.0, 302.0, 203.0]


# -- functions as arguments --------------------------------------------------------------------------------------------


def test_functions_of_one_code_as_arguments() -> None:
    f = irad.compile(lambda g, x: g(x))
    given = [scaled(float(k)) for k in range(4)]
    assert [becomes_quick(f, g, 2.0) for g in given] == [0.0, 2.0, 4.0, 6.0]
    assert f.cache_info().misses == 1
    assert all(is_quick(f, g, 2.0) for g in given)


def test_two_arguments_that_are_one_function_or_two_of_one_code() -> None:
    f = irad.compile(lambda a, b, x: a(x) + 100.0 * b(x))
    g, h = scaled(2.0), scaled(3.0)
    for _ in range(3):
        assert [f(*fs, 1.0) for fs in ((g, g), (g, h), (h, g), (h, h))] == [202.0, 302.0, 203.0, 303.0]


def test_more_functions_than_there_are_stubs() -> None:
    f = irad.compile(lambda g, x: g(x))
    given = [scaled(float(k)) for k in range(20)]
    for _ in range(3):
        assert [f(g, 2.0) for g in given] == [2.0 * k for k in range(20)]


# -- lifetime ----------------------------------------------------------------------------------------------------------


def test_a_function_lives_on_when_the_one_that_was_compiled_for_is_gone() -> None:
    first, second = irad.compile(applied(scaled(2.0))), irad.compile(applied(scaled(3.0)))
    assert (becomes_quick(first, 1.0), becomes_quick(second, 1.0)) == (2.0, 3.0)
    first.clear()
    del first
    gc.collect()
    assert is_quick(second, 1.0)
    assert second(1.0) == 3.0
    second.clear()
    assert second(1.0) == 3.0


def test_what_a_function_captures_is_freed_with_it() -> None:
    class Mark:
        pass

    def make(g: Any) -> Any:
        mark = Mark()
        f = irad.compile(lambda x: g(x))
        f.mark = mark
        return f, weakref.ref(mark)

    make(square)[0](1.0)
    f, alive = make(square)
    assert becomes_quick(f, 2.0) == 4.0
    del f
    gc.collect()
    assert alive() is None


def test_programs_that_are_forgotten_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from irad import compiled

    monkeypatch.setattr(compiled, "MAX_PROGRAMS", 2)
    made = [irad.compile(applied(g)) for g in (square, scaled(3.0), abs, np.sin, np.cos)]
    for f in made:
        becomes_quick(f, -1.0)
    gc.collect()
    assert [f(-1.0) for f in made] == pytest.approx([1.0, -3.0, 1.0, np.sin(-1.0), np.cos(-1.0)], rel=1e-15)
    assert all(is_quick(f, -1.0) for f in made)


def test_threads_call_functions_of_one_code_while_their_cells_change() -> None:
    """Each thread rebinds the cell of a function of its own, and calls another function with functions of one code."""
    apply = irad.compile(lambda g, h, x: g(x) + h(x))
    wrong: list[Any] = []

    def work(k: int) -> None:
        f, rebind = rebindable(square)
        f = irad.compile(f)
        for i in range(300):
            g, h = scaled(float(k)), scaled(float(i))
            for _ in range(3):
                if apply(g, h, 2.0) != 2.0 * (k + i):
                    wrong.append((k, i))
            rebind(square if i % 3 else h)
            for _ in range(3):
                if f(5.0) != (25.0 if i % 3 else 5.0 * i):
                    wrong.append((k, i, "rebound"))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# -- kinds of arguments ------------------------------------------------------------------------------------------------


def test_keyword_arguments() -> None:
    f = irad.compile(lambda x, y=10.0, z=100.0: x - y / z)
    want = lambda x, y=10.0, z=100.0: x - y / z  # noqa: E731
    ways: list[tuple[tuple[float, ...], dict[str, float]]] = [
        ((1.0, 2.0, 4.0), {}),
        ((1.0, 2.0), {"z": 4.0}),
        ((1.0,), {"y": 2.0, "z": 4.0}),
        ((1.0,), {"z": 4.0, "y": 2.0}),
        ((1.0,), {"z": 4.0}),
        ((), {"z": 4.0, "x": 1.0, "y": 2.0}),
        ((1.0,), {}),
    ]
    for _ in range(2):
        for args, named in ways:
            assert becomes_quick(f, *args, **named) == want(*args, **named)
    with pytest.raises(irad.CompileError):
        f(1.0, w=2.0)


def test_names_of_keywords_are_compared_by_value() -> None:
    f = irad.compile(lambda alpha, beta: alpha - beta)
    assert becomes_quick(f, alpha=3.0, beta=1.0) == 2.0
    name = "-beta"[1:]  # not the interned one
    before = slow_calls(f)
    assert f(**{"alpha": 3.0, name: 1.0}) == 2.0
    assert slow_calls(f) == before
    assert f(beta=3.0, alpha=1.0) == -2.0


@pytest.mark.parametrize("z", [1 + 2j, np.complex128(1 - 2j), np.complex64(3 + 4j), complex("nan+infj")])
def test_complex_numbers(z: Any) -> None:
    f = irad.compile(lambda z: (z.real, z.imag))
    np.testing.assert_array_equal(becomes_quick(f, z), (z.real, z.imag))
    same = irad.compile(lambda z, x: (z, [x, z, {"z": z}]))
    plain, (_, listed, named) = becomes_quick(same, z, 1.0)
    for made in (becomes_quick(irad.compile(lambda z: z), z), plain, listed, named["z"]):
        assert type(made) is complex
        np.testing.assert_array_equal(made, complex(z))
    numbers = irad.compile(lambda z, x: (z, [x, z]))
    assert type(numbers(z, 1.0)[1][1]) is complex
    assert not is_quick(f, np.array([z, z]))
    captured = irad.compile((lambda k: lambda x: x * k.imag)(z))
    np.testing.assert_array_equal(becomes_quick(captured, 2.0), 2.0 * z.imag)


def test_dicts() -> None:
    f = irad.compile(lambda p: [2.0 * v for v in p.values()])
    ones: list[Any] = [{"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, {"a": 1.0}, {1: 5.0, "a": 2.0}, {}]
    for _ in range(2):
        for p in ones:
            assert becomes_quick(f, p) == [2.0 * v for v in p.values()]
    changing = {"a": 1.0, "b": 2.0, "c": 3.0}
    del changing["c"]
    assert is_quick(f, changing)
    del changing["a"]
    changing["a"] = 7.0  # now the last
    assert f(changing) == [4.0, 14.0]
    nested = irad.compile(lambda p: p["w"] @ p["layer"]["x"] + p["layer"]["b"][0])
    value = {"w": np.arange(3.0), "layer": {"x": np.ones(3), "b": (0.5, 1)}}
    assert becomes_quick(nested, value) == 3.5
    g = irad.grad(lambda p: p["a"] * p["b"])
    assert becomes_quick(g, {"a": 2.0, "b": 3.0}) == {"a": 3.0, "b": 2.0}


def test_a_captured_dict_is_read_at_each_call() -> None:
    k = {"a": 2.0}
    f = irad.compile(lambda x: x * k["a"])
    assert becomes_quick(f, 1.0) == 2.0
    k["a"] = 5.0
    assert is_quick(f, 1.0)
    assert f(1.0) == 5.0
    k["b"] = 1.0
    assert f(1.0) == 5.0


def test_default_arrays_and_captured_tuples_of_arrays() -> None:
    weights = np.arange(3.0)

    def f(x: float, w: Any = weights) -> Any:
        return x * w[1]

    pair = (np.ones(2), weights)
    g = irad.compile(lambda x: x * pair[1][2])
    c = irad.compile(f)
    assert (becomes_quick(c, 2.0), becomes_quick(g, 2.0)) == (2.0, 4.0)
    weights[:] = 10.0
    assert (c(2.0), g(2.0)) == (20.0, 20.0)
    f.__defaults__ = (np.full(3, 7.0),)
    assert c(2.0) == 14.0


# -- attributes --------------------------------------------------------------------------------------------------------


class Scale:
    unit = 7.0

    def __init__(self, k: float) -> None:
        self.k = k

    def apply(self, x: float) -> float:
        return self.k * x + self.unit

    def twice(self, x: float) -> float:
        return 2.0 * self.apply(x)

    @irad.compile
    def decorated(self, x: float) -> float:
        return self.twice(x) + 1.0

    @property
    def half(self) -> float:
        return self.k / 2.0

    @classmethod
    def doubled(cls, x: float) -> float:
        return 2.0 * x + cls.unit


def check_changes(f: Any, wanted: Callable[[], float], changes: list[Callable[[], Any]], *args: Any) -> None:
    """Machine code runs f, and sees each of the changes."""
    assert becomes_quick(f, *args) == wanted()
    for change in changes:
        change()
        assert f(*args) == wanted()
        assert becomes_quick(f, *args) == wanted()


def test_attributes_of_objects_and_classes() -> None:
    class Base:
        z = 1.0

    class Config(Base):
        pass

    config, shadowed = Config(), Scale(2.0)
    changes: list[Callable[[], Any]] = [
        lambda: setattr(Base, "z", 2.0),
        lambda: setattr(Config, "z", 3.0),
        lambda: delattr(Config, "z"),
        lambda: setattr(Config, "__bases__", (type("Other", (), {"z": 9.0}),)),
    ]
    check_changes(irad.compile(lambda x: x * Config.z), lambda: Config.z, changes, 1.0)
    changes = [
        lambda: setattr(Config, "z", 4.0),
        lambda: setattr(config, "z", 5.0),
        lambda: setattr(config, "other", 0.0),
        lambda: setattr(config, "__dict__", {"z": 6.0}),
        lambda: setattr(config, "__class__", Scale),
        lambda: delattr(config, "z") or setattr(config, "__dict__", {"z": 8.0}),
    ]
    check_changes(irad.compile(lambda x: x * config.z), lambda: config.z, changes, 1.0)  # type: ignore[attr-defined]
    changes = [lambda: setattr(shadowed, "unit", 1.0), lambda: delattr(shadowed, "unit")]
    check_changes(irad.compile(lambda x: x * shadowed.unit), lambda: shadowed.unit, changes, 1.0)


def test_attributes_that_become_computed() -> None:
    class Box:
        def __init__(self) -> None:
            self.k = 2.0

    box = Box()
    f = irad.compile(lambda x: x * box.k)
    assert becomes_quick(f, 1.0) == 2.0
    Box.k = property(lambda self: 3.0)  # type: ignore[assignment]
    assert f(1.0) == 3.0
    del Box.k
    assert f(1.0) == 2.0
    Box.__getattribute__ = lambda self, name: 5.0  # type: ignore[assignment, method-assign]
    assert f(1.0) == 5.0


def test_methods_that_call_methods_are_compiled_once() -> None:
    scale = Scale(3.0)
    changes: list[Callable[[], Any]] = [lambda: setattr(scale, "k", 4.0), lambda: setattr(scale, "apply", square)]
    for f in (irad.compile(lambda x: scale.twice(x)), irad.compile(scale.twice)):
        check_changes(f, lambda: scale.twice(5.0), changes, 5.0)
        del scale.apply
    before = Scale.decorated.cache_info().misses
    assert [scale.decorated(1.0) for _ in range(5)] == [2.0 * 11.0 + 1.0] * 5
    assert Scale.decorated.cache_info().misses == before + 1
    g = irad.compile(lambda x: Scale.doubled(x))
    assert becomes_quick(g, 1.0) == 9.0
    assert g.cache_info().misses == 1


def test_what_properties_compute_is_compared() -> None:
    scale = Scale(3.0)
    f = irad.compile(lambda x: x * scale.half)
    assert [f(2.0) for _ in range(4)] == [3.0] * 4
    assert f.cache_info().misses == 1
    scale.k = 8.0
    assert f(2.0) == 8.0
