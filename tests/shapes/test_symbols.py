"""Programs for symbolic sizes give what NumPy gives, at every size: the small ones above all, where something is repeated,
or empty. What is compiled for them, they do not compile again."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import irad
from irad.compiled import BACKENDS, core_of
from tests.library.agree import difference, different, function_of, outcome, raised_alike
from tests.shapes.programs import OTHER, SYMBOLIC

FIRST = {"x": [(5,), (7,)], "xy": [(5, 5), (7, 7), (6, 4), (8, 6)], "a": [(5, 6), (7, 9)]}
CALLS = [(names, text) for table in (SYMBOLIC, OTHER) for names, texts in table.items() for text in texts]
GENERAL = [(names, text) for names, texts in SYMBOLIC.items() for text in texts]


def sizes(names: str, least: int, most: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(range(least, most + 1), repeat=1 if names == "x" else 2)


def arguments(names: str, size: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    shapes = [(n,) for n in size] if names != "a" else [size]
    return [rng.uniform(0.1, 1.0, s) * rng.choice([-1.0, 1.0], s) if names != "a" else rng.uniform(0.1, 1.0, s) for s in shapes]


def backend_of(text: str, request: pytest.FixtureRequest) -> list[str]:
    """All backends, or a sample of one."""
    return (
        list(BACKENDS) if request.config.getoption("--all-variants") else [BACKENDS[zlib.crc32(text.encode()) % len(BACKENDS)]]
    )


def is_general(f: Any) -> bool:
    core = core_of(f)
    assert core is not None
    return any(p.general for p in core.programs.values())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("names", "text"), CALLS)
def test_values_at_every_size(names: str, text: str, request: pytest.FixtureRequest) -> None:
    f = function_of(text, list(names))
    for backend in backend_of(text, request):
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        compiled = irad.compile(f, backend=backend)
        for size in (*FIRST[names], *sizes(names, 0, 5 if names == "x" else 3)):
            args = arguments(names, size, rng)
            want, got = outcome(f, args), outcome(compiled, args)
            if isinstance(want, IndexError) and not isinstance(got, Exception) and np.size(got) == 0:
                continue  # nothing was read
            if isinstance(want, Exception) or isinstance(got, Exception):
                assert raised_alike(got, want), f"{text} at {size}: got {got!r}, wanted {want!r}"
            else:
                assert not different(got, want), f"{text} at {size} ({backend}): {different(got, want)}"


@pytest.mark.parametrize(("names", "text"), GENERAL)
def test_no_size_compiles_again(names: str, text: str) -> None:
    """From the third on, but for those below 2."""
    f = irad.compile(function_of(text, list(names)), backend="interpreter")
    rng = np.random.default_rng(0)
    for size in FIRST[names]:
        outcome(f, arguments(names, size, rng))
    before = f.cache_info().misses
    for size in sizes(names, 4 if names == "x" else 7, 12 if names == "x" else 9):
        if names == "xy" and "x[: len" not in text and len(set(size)) > 1:
            continue  # equal sizes for what needs them
        outcome(f, arguments(names, size, rng))
    assert is_general(f)
    assert f.cache_info().misses == before


def total(text: str, names: str) -> Any:
    """A number that depends on all of the result."""
    f = function_of(text, list(names))
    if names == "xy":
        return lambda x, y: np.sum(np.sin(f(x, y))) + 0.5 * np.sum(f(x, y) ** 2)
    return lambda x: np.sum(np.sin(f(x))) + 0.5 * np.sum(f(x) ** 2)


NO_NUMBER = ("len(x) % 3", "a.size, a.ndim", "broadcast_shapes", "[v * 2", "[u * v", "[r.sum", "u, *v")
DIFFERENTIABLE = [(names, text) for names, text in CALLS if not any(s in text for s in NO_NUMBER)]


def pytest_generate_tests(metafunc: Any) -> None:
    if metafunc.function is test_gradients_at_small_sizes:
        every = metafunc.config.getoption("--all-variants")
        metafunc.parametrize(("names", "text"), [c for c in DIFFERENTIABLE if every or zlib.crc32(c[1].encode()) % 2])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_at_small_sizes(names: str, text: str, request: pytest.FixtureRequest) -> None:
    f = total(text, names)
    for backend in backend_of(text, request):
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        gradient = irad.compile(irad.grad(f, argnums=tuple(range(len(names)))), backend=backend)
        for size in (*FIRST[names], *sizes(names, 2, 4 if names == "x" else 3)):
            args = arguments(names, size, rng)
            want = outcome(f, args)
            got = outcome(gradient, args)
            if isinstance(want, Exception):
                assert isinstance(got, Exception)
                continue
            if not np.isfinite(want):
                continue
            assert not isinstance(got, Exception), f"{text} at {size}: {got}"
            direction = [rng.uniform(0.5, 1.0, a.shape) for a in args]
            along = sum(float(np.sum(g * d)) for g, d in zip(got, direction, strict=True))
            slope = difference(f, args, tuple(range(len(names))), direction)
            assert np.isclose(along, slope, rtol=1e-5, atol=1e-7), f"{text} at {size}: {along}, the difference {slope}"
