"""Which sizes become symbols, by the calls that there were; what falls back to exact sizes; and how it is said."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import irad
from irad.compiled import BACKENDS, core_of
from irad.generality import Family, fits, is_general, sizes_of
from irad.graph.parse import parse_signature
from irad.types import F64, Array, Dim


def taken(f: Any) -> list[str]:
    """The types that a function has programs for, in the order in which they were used."""
    core = core_of(f)
    assert core is not None
    return [", ".join(str(p.type) for p in program.entry.module.entry.params) for program in core.programs.values()]


def called(f: Any, *shapes: Any) -> Any:
    return f(*[np.full(s, 2.0) for s in shapes])


# -- which sizes ----------------------------------------------------------------------------------------------------------


def test_the_third_size_compiles_nothing() -> None:
    f = irad.compile(lambda x, w: np.sum(np.tanh(x @ w)))
    for n in (10, 11, 12, 100, 2, 10):
        called(f, (n, 3), (3, 4))
    assert taken(f) == ["f64[10,3], f64[3,4]", "f64[n,3], f64[3,4]"]
    assert f.cache_info().misses == 2


def test_sizes_that_change_together_are_one() -> None:
    f = irad.compile(lambda x, y: x.sum() + y.sum())
    called(f, 5, 5)
    called(f, 6, 6)
    called(f, 7, 7)
    assert taken(f)[-1] == "f64[n], f64[n]"
    called(f, 8, 9)
    called(f, 9, 8)
    assert taken(f)[-1] == "f64[n], f64[m]"
    assert f.cache_info().misses == 3


def test_sizes_of_0_and_1_stay() -> None:
    f = irad.compile(lambda x, y: x + y)
    shapes = [(3, 1), (4, 1), (5, 1), (5, 5), (1, 5), (6, 6), (7, 1), (0, 0), (0, 1), (1, 1), (8, 8)]
    for m, n in shapes:
        assert called(f, m, n).shape == np.broadcast_shapes((m,), (n,))
    assert "f64[n], f64[1]" in taken(f)
    assert "f64[n], f64[n]" in taken(f)
    assert "f64[0], f64[1]" in taken(f)


def test_structures() -> None:
    f = irad.compile(lambda d, *, k: d["a"].sum() + d["b"][0] @ d["b"][1] + k[0].sum())
    for n in (4, 5, 6, 9):
        d = {"a": np.ones(n), "b": [np.ones(n), np.ones(n)]}
        assert f(d, k=(np.ones((2, n)),)) == 4 * n
    assert f.cache_info().misses == 2


def test_clear_forgets_the_sizes() -> None:
    f = irad.compile(lambda x: x.sum())
    called(f, 3)
    called(f, 4)
    f.clear()
    called(f, 5)
    assert taken(f) == ["f64[5]"]


def test_a_changed_global_keeps_the_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    f = irad.compile(scaled)
    for n in (3, 4, 5):
        called(f, n)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert called(f, 6) == 36.0
    assert called(f, 7) == 42.0
    assert f.cache_info().misses == 3


SCALE = 2.0


def scaled(x: Any) -> Any:
    return SCALE * x.sum()


SHAPES = st.lists(st.tuples(*[st.integers(0, 5)] * 4), min_size=1, max_size=8)


@given(SHAPES)
def test_any_calls(calls: list[tuple[int, ...]]) -> None:
    """A program serves the calls that it is for; what it serves is not compiled again; equal sizes stay equal."""
    family = Family()
    for sizes in calls:
        types = [Array(F64, sizes[:1]), Array(F64, sizes[1:3]), Array(F64, sizes[3:])]
        if any(fits(g, types) for g in family.general):
            continue
        for general in family.candidates(types):
            assert fits(general, types)
            assert is_general(general)
            family.general.append(general)
            break
        family.called(types)
        for general in family.general:
            for other in calls:
                if fits(general, [Array(F64, other[:1]), Array(F64, other[1:3]), Array(F64, other[3:])]):
                    pairs = list(zip(sizes_of(general), other, strict=True))
                    assert all(n == d for d, n in pairs if isinstance(d, int))
                    assert all(n >= 2 for d, n in pairs if isinstance(d, Dim))
                    assert len({(str(d), n) for d, n in pairs if isinstance(d, Dim)}) == len(
                        {str(d) for d, n in pairs if isinstance(d, Dim)}
                    )


# -- transforms -----------------------------------------------------------------------------------------------------------


def product(x: Any, w: Any) -> Any:
    return np.tanh(x * w)


def loss(x: Any, w: Any) -> Any:
    return np.sum(np.tanh(x) * w)


TRANSFORMED: dict[str, Callable[[], Any]] = {
    "grad": lambda: irad.grad(loss, (0, 1)),
    "value_and_grad": lambda: irad.value_and_grad(loss, argnums=1),
    "jacfwd": lambda: irad.jacfwd(product),
    "jacrev": lambda: irad.jacrev(product, (0, 1)),
    "hessian": lambda: irad.hessian(loss),
    "grad of grad": lambda: irad.grad(lambda x, w: np.sum(irad.grad(loss)(x, w) ** 2)),
    "vmap": lambda: irad.vmap(lambda x, w: x * w + w),
    "vmap of grad": lambda: irad.vmap(irad.grad(lambda x, w: np.sin(x * w))),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transforms(name: str) -> None:
    f = TRANSFORMED[name]()
    exact = irad.compile(TRANSFORMED[name](), fast_math=True)  # another option: other programs
    rng = np.random.default_rng(0)
    for n in (4, 5, 3, 7):
        x, w = rng.uniform(-1.0, 1.0, (2, n))
        found = f(x, w)
        exact.clear()
        for got, want in zip(*[v if isinstance(v, tuple) else (v,) for v in (found, exact(x, w))], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)
        assert not is_general([p.type for p in next(iter(core_of(exact).programs.values())).entry.module.entry.params])  # type: ignore[union-attr]
    assert f.cache_info().misses == 2


def test_vjp_and_jvp() -> None:
    f = irad.compile(lambda x, w: np.tanh(x[1:] * w))
    rng = np.random.default_rng(1)
    for n in (4, 5, 3, 7):
        x, w, dx, ct = rng.uniform(-1.0, 1.0, n), rng.uniform(-1.0, 1.0, n - 1), rng.random(n), rng.random(n - 1)
        out, pullback = irad.vjp(f, x, w)
        _, tangent = irad.jvp(f, (x, w), (dx, 0.0 * w))
        slope = 1.0 - out**2
        np.testing.assert_allclose(pullback(ct)[0], np.concatenate([[0.0], ct * slope * w]), rtol=1e-12)
        np.testing.assert_allclose(tangent, slope * w * dx[1:], rtol=1e-12)


# -- what is compiled for symbols, and what is not ------------------------------------------------------------------------


def mlp(w: Any, b: Any, v: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w + b) @ v - y) ** 2)


def mixture(means: Any, x: Any) -> Any:
    distance = np.sum((x[:, None, :] - means[None]) ** 2, axis=2)
    most = np.max(-distance, axis=1)
    return np.sum(most + np.log(np.sum(np.exp(-distance - most[:, None]), axis=1)))


def lstm(w: Any, u: Any, xs: Any) -> Any:
    n = u.shape[1]
    h, c = np.zeros(n), np.zeros(n)
    for t in range(len(xs)):
        z = w @ xs[t] + u @ h
        i, f, g, o = z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
        c = c / (1.0 + np.exp(-f)) + np.tanh(g) / (1.0 + np.exp(-i))
        h = np.tanh(c) / (1.0 + np.exp(-o))
    return np.sum(h * h)


def energy(p: Any) -> Any:
    total = 0.0
    for i in range(len(p)):
        for j in range(i):
            total += 1.0 / np.sqrt(np.sum((p[i] - p[j]) ** 2) + 0.1)
    return total


def smoothed(x: Any) -> Any:
    y = x.copy()
    for _ in range(3):
        y[1:-1] = 0.25 * y[:-2] + 0.5 * y[1:-1] + 0.25 * y[2:]
    return np.sum(y * y)


MODELS: list[tuple[Any, tuple[int, ...], Callable[[int], list[tuple[int, ...]]]]] = [
    (mlp, (0, 1, 2), lambda n: [(4, 8), (8,), (8, 2), (n, 4), (n, 2)]),
    (mlp, (0, 1, 2), lambda n: [(4, n), (n,), (n, 2), (6, 4), (6, 2)]),
    (mixture, (0,), lambda n: [(3, 2), (n, 2)]),
    (mixture, (0, 1), lambda n: [(n, 2), (5, 2)]),
    (lstm, (0, 1), lambda n: [(12, 2), (12, 3), (n, 2)]),
    (lstm, (0, 1, 2), lambda n: [(4 * n, 2), (4 * n, n), (3, 2)]),
    (energy, (0,), lambda n: [(n, 3)]),
    (smoothed, (0,), lambda n: [(n,)]),
]


@pytest.mark.parametrize(("f", "argnums", "shapes"), MODELS)
def test_models_are_compiled_once(f: Any, argnums: tuple[int, ...], shapes: Any) -> None:
    rng = np.random.default_rng(2)
    gradient = irad.value_and_grad(f, argnums)
    exact = irad.compile(gradient, backend="interpreter")
    for n in (4, 5, 3, 7):
        args = [rng.uniform(-1.0, 1.0, s) for s in shapes(n)]
        value, found = gradient(*args)
        exact.clear()
        wanted, other = exact(*args)
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
        np.testing.assert_allclose(value, f(*args), rtol=1e-12)
        for a, b in zip(found, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)
    assert gradient.cache_info().misses <= 2  # less where a test before this one had it compiled


def first_and_rest(x: Any) -> Any:
    first, *rest = x
    return first * len(rest)


def test_what_needs_exact_sizes_gets_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="irad")
    f = irad.compile(first_and_rest)
    for n in (3, 4, 5, 6):
        assert called(f, n) == 2.0 * (n - 1)
    assert taken(f) == ["f64[3]", "f64[4]", "f64[5]", "f64[6]"]
    why = "compiled for these sizes, since f64[n] cannot be unpacked here: its length is not known at compile time"
    assert caplog.records[-1].getMessage().endswith(f"`x` was f64[5], is f64[6]: {why}")
    family = Family()
    family.seen.append((3,))
    family.refuse(parse_signature("f64[n]")[0], "for a reason")
    assert list(family.candidates([Array(F64, (4,))])) == []


def test_one_size_may_be_a_symbol_where_another_may_not() -> None:
    def f(x: Any) -> Any:
        first, *rest = x[0]
        return x[:, 0].sum() + first * len(rest)

    compiled = irad.compile(f)
    for shape in ((3, 4), (4, 5), (5, 5), (6, 5), (7, 5)):
        assert called(compiled, shape) == f(np.full(shape, 2.0))
    assert taken(compiled) == ["f64[3,4]", "f64[4,5]", "f64[n,5]"]


# -- sizes that were taken for equal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_sizes_differ_exact_ones_are_compiled(backend: str) -> None:
    f = irad.compile(lambda x, y: np.sum(x[1:] * y), backend=backend)
    for m, n in ((5, 4), (6, 5), (7, 6)):
        assert called(f, m, n) == 4.0 * n
    misses = f.cache_info().misses
    assert called(f, 2, 4) == 16.0  # x[1:] is repeated
    assert called(f, 2, 4) == 16.0
    assert called(f, 9, 8) == 32.0
    assert f.cache_info().misses == misses + 1
    with pytest.raises(irad.CompileError, match="cannot join shapes"):
        called(f, 5, 3)


def test_a_call_that_goes_on_elsewhere_leaves_nothing() -> None:
    from irad.backends.llvm.objects import live_bytes

    f = irad.compile(lambda x, y: (np.cumsum(x), x[1:] * y))
    for n in (500, 600, 700):
        called(f, n, n - 1)
    gc.collect()
    before = live_bytes()
    for _ in range(3):
        assert called(f, 2, 900)[1].shape == (900,)
    gc.collect()
    assert live_bytes() == before


def test_arguments_are_written_once() -> None:
    def f(x: Any, y: Any) -> Any:
        x += 1.0
        return np.sum(x[1:] * y)

    compiled = irad.compile(f)
    for m, n in ((5, 4), (6, 5), (2, 4), (2, 4)):
        x = np.zeros(m)
        assert compiled(x, np.ones(n)) == n
        np.testing.assert_array_equal(x, np.ones(m))


def test_nothing_is_printed_twice(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any, y: Any) -> Any:
        print("here")
        return np.sum(x[1:] * y)

    compiled = irad.compile(f)
    for m, n in ((5, 4), (6, 5), (2, 4)):
        called(compiled, m, n)
    assert capsys.readouterr().out == "here\n" * 3
    assert "f64[n], f64[m]" not in taken(compiled)


# -- machine code takes the sizes apart -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.bool_])
def test_layouts_and_dtypes(dtype: Any) -> None:
    f = irad.compile(lambda x, y: (x * y).sum(axis=0))
    rng = np.random.default_rng(3)
    for n in (3, 4, 5, 6):
        x, y = (rng.integers(0, 2, (2 * n, n)).astype(dtype) for _ in range(2))
        for a in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1]):
            np.testing.assert_array_equal(f(a, y), (a * y).sum(axis=0))


def test_the_program_for_exact_sizes_comes_first() -> None:
    """It is as fast as it was before there was one for all."""
    f = irad.compile(lambda x: x.sum())
    for n in (3, 4, 5):
        called(f, n)
    core = core_of(f)
    assert core is not None
    exact, general = (core.programs[k].stub for k in core.programs)
    assert [s.call for s in native_stubs(f)] == [exact.call, general.call]


def native_stubs(f: Any) -> Any:
    from irad.backends.llvm.native import _keep

    return _keep(f)[0]


def test_many_sizes_at_once() -> None:
    """Symbols in any order, several of them, beside scalars."""
    f = irad.compile(lambda a, k, x, b: (a @ x) * k + b.T @ x)
    for m, n, k in ((3, 4, 1.0), (5, 6, 2.0), (4, 4, 3.0), (9, 2, 4.0), (2, 9, 0.5)):
        got = f(np.ones((m, n)), k, np.ones(n), np.ones((n, m)))
        np.testing.assert_array_equal(got, np.full(m, n * k + n))
    assert f.cache_info().misses == 2
