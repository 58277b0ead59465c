"""Each call of `cases` with the sizes of its arrays made symbols by two calls of other sizes: the third compiles nothing, and
gives NumPy's value, and the derivative of a program for the exact sizes. A sample; all of it by `--all-variants`."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import irad
from irad.compiled import _families, core_of
from tests.library.agree import NAMES, different, function_of, outcome, parts, raised_alike
from tests.library.cases import CASES

SIZES = {"v": (5, 6, 8), "w": (5, 6, 8), "m": (3, 4, 2)}  # others: one more is drawn from
SAMPLE = 6
CALLS = [text for names in CASES.values() for texts in names.values() for text in texts if NAMES.search(text)]

# Why a program is compiled for exact sizes: 29 of 575 calls, most of singular values.
EXACT = (
    "`svd` takes a matrix whose sizes are known",
    "this array may share memory with another through a reshape",
    "a range cannot be unpacked here",
    "np.linalg.qr of more rows than columns gives no complete q",
    "scipy.linalg.qr of more rows than columns gives no full q",
)
ANY = {"np.argsort(k)"}  # NumPy gives equal elements in no order


def drawn(name: str, rng: np.random.Generator, call: int) -> Any:
    """The value of a variable in a call: as `agree.drawn`, of sizes that are others in each. Positions fit all of them."""
    n = SIZES.get(name, (4, 6, 7))[call]
    if name in "xyp":
        x = rng.permutation(n) * 0.37 + rng.uniform(0.15, 0.25, n)
        return x if name == "p" else x - 0.5
    if name in "vwm":
        shape = (n, 4) if name == "m" else (n,)
        return rng.uniform(0.1, 1.0, shape) * rng.choice([-1.0, 1.0], shape)
    return {"k": rng.integers(-4, 9, n), "b": rng.random(n) < 0.6, "i": rng.integers(0, 3, 4)}[name]


def pytest_generate_tests(metafunc: Any) -> None:
    every = metafunc.config.getoption("--all-variants")
    real = [
        t for t in CALLS if not any(name.startswith("z") for name in NAMES.findall(t))
    ]  # complex ones have tests of their own
    metafunc.parametrize("text", [t for t in real if every or zlib.crc32(t.encode()) % SAMPLE == 0])


def varied(text: str) -> bool:
    return set(NAMES.findall(text)) != {"i"}


def total(f: Any, result: Any, names: list[str]) -> Any:
    """A number that depends on all floats in the result of f."""
    kinds = [np.asarray(r).dtype.kind for r in parts(result)]
    if isinstance(result, (tuple, list)):

        def several(*xs: Any) -> Any:
            value = 0.0
            for part, kind in zip(f(*xs), kinds):  # noqa: B905 - irad compiles this
                if kind == "f":
                    value = value + np.sum(np.sin(part))
            return value

        return several
    return lambda *xs: np.sum(np.sin(f(*xs)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_calls_of_a_third_size(text: str) -> None:
    names = sorted(set(NAMES.findall(text)))
    f = function_of(text, names)
    backend = "llvm" if zlib.crc32(text.encode()) % (2 * SAMPLE) == 0 else "interpreter"
    compiled = irad.compile(f, backend=backend)
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    misses = 0
    for call in range(3):
        args = [drawn(n, rng, call) for n in names]
        misses = compiled.cache_info().misses
        want, got = outcome(f, args), outcome(compiled, args)
        if isinstance(want, Exception) or isinstance(got, Exception):
            exact = outcome(irad.compile(f, backend="interpreter", fast_math=True), args)
            assert raised_alike(got, want) or type(got) is type(exact), f"{text}: got {got!r}, wanted {want!r}"
            return
        assert text in ANY or not different(got, want), f"{text}, call {call}: {different(got, want)}"
    core = core_of(compiled)
    assert core is not None
    why = [reason for key in core.families for reason in _families[key].refused.values()]
    general = any(p.general for p in core.programs.values())
    if not general:
        assert not varied(text) or all(reason.startswith(EXACT) for reason in why), f"{text}: {why}"
        return
    assert compiled.cache_info().misses == misses
    floats = tuple(j for j, a in enumerate(args) if a.dtype.kind == "f")
    if floats and any(np.asarray(w).dtype.kind == "f" for w in parts(want)):
        gradients(total(f, want, names), names, floats, backend, rng, text)


def gradients(f: Any, names: list[str], floats: tuple[int, ...], backend: str, rng: np.random.Generator, text: str) -> None:
    gradient = irad.compile(irad.grad(f, argnums=floats), backend=backend)
    misses = 0
    for call in range(3):
        args = [drawn(n, rng, call) for n in names]
        misses = gradient.cache_info().misses
        found = outcome(gradient, args)
        if isinstance(found, Exception):
            assert isinstance(outcome(f, args), Exception), f"{text}: {found!r}"
            return
    assert gradient.cache_info().misses == misses, text
    exact = irad.compile(irad.grad(f, argnums=floats), backend="interpreter", fast_math=True)  # which compiled nothing yet
    for got, want in zip(found, exact(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-11 * np.max(np.abs(want), initial=1.0), err_msg=text)
