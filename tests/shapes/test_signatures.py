"""`compile(f, signature="f64[n,m], f64[m] -> f64[n]")`: one program, ahead of the first call, for every n and m."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest

import irad
from irad.compiled import BACKENDS


def applied(a: Any, x: Any) -> Any:
    return a @ x


APPLIED = "f64[n,m], f64[m] -> f64[n]"


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_program_for_every_size(backend: str) -> None:
    f = irad.compile(applied, signature=APPLIED, backend=backend)
    assert f.cache_info() == (0, 1, 1)
    for n, m in ((2, 3), (3, 2), (4, 4), (100, 7)):
        np.testing.assert_array_equal(f(np.ones((n, m)), np.ones(m)), np.full(n, m))
    assert f.cache_info().misses == 1
    for n, m in ((1, 3), (3, 1), (0, 3), (3, 0), (0, 0), (1, 1)):  # each a program of its own
        np.testing.assert_array_equal(f(np.ones((n, m)), np.ones(m)), np.full(n, m))
    assert f.cache_info().misses == 7


def test_of_a_transform() -> None:
    f = irad.compile(
        irad.grad(lambda x, w: np.sum(np.sin(x @ w)), argnums=(0, 1)), signature="f64[n,3], f64[3] -> (f64[n,3], f64[3])"
    )
    for n in (2, 5, 9):
        x, w = np.full((n, 3), 0.1), np.full(3, 0.2)
        dx, dw = f(x, w)
        np.testing.assert_allclose(dx, np.cos(x @ w)[:, None] * w, rtol=1e-12)
        np.testing.assert_allclose(dw, np.cos(x @ w) @ x, rtol=1e-12)
    assert f.cache_info().misses == 1


class Pair(NamedTuple):
    a: Any
    b: Any


SIZES = [
    (
        applied,
        APPLIED,
        [(3, 4), (5,)],
        "axis 0 of `x` has size 5: the signature calls it m, which is 4, the size of axis 1 of `a`",
    ),
    (applied, APPLIED, [(3, 4), (4, 1)], "`x` has 2 axes, the signature says f64[m], which has 1"),
    (applied, "f64[n,3], f64[3]", [(5, 4), (4,)], "axis 1 of `a` has size 4: the signature says 3"),
    (lambda x, y: x[1:] * y, "f64[n], f64[n-1]", [(5,), (5,)], "axis 0 of `y` has size 5: the signature says n-1, which is 4"),
    (lambda x: x.sum(), "f64[2*n,n]", [(5, 2)], "axis 0 of `x` has size 5: the signature says 2*n, which is 4"),
    (
        lambda p: p[0] @ p[1],
        "(f64[n], f64[n])",
        [((3,), (4,))],
        "axis 0 of `p[1]` has size 4: the signature calls it n, which is 3",
    ),
    (lambda p: p["u"].sum(), "{u: f64[4]}", [{"u": (3,)}], "axis 0 of `p['u']` has size 3: the signature says 4"),
]


def made(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {k: made(v) for k, v in shape.items()}
    return tuple(made(s) for s in shape) if shape and isinstance(shape[0], tuple) else np.ones(shape)


@pytest.mark.parametrize(("f", "signature", "shapes", "message"), SIZES)
@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_sizes_must_be_those_of_the_signature(f: Any, signature: str, shapes: Any, message: str, backend: str) -> None:
    compiled = irad.compile(f, signature=signature, backend=backend)
    with pytest.raises(ValueError, match=r"ax[ei]s") as e:
        compiled(*map(made, shapes))
    assert str(e.value).startswith(message)
    with pytest.raises(ValueError, match=r"ax[ei]s"):  # by name, too
        compiled(**{n: made(s) for n, s in zip(f.__code__.co_varnames, shapes, strict=False)})


def test_sizes_made_of_others() -> None:
    f = irad.compile(lambda x, y, z: np.concatenate([x, y]) * z, signature="f64[n], f64[m], f64[n+m] -> f64[n+m]")
    for n, m in ((2, 3), (5, 2), (7, 7)):
        assert f(np.ones(n), np.ones(m), np.ones(n + m)).shape == (n + m,)
    assert f.cache_info().misses == 1


def test_other_types_are_compiled_as_they_are() -> None:
    f = irad.compile(applied, signature=APPLIED)
    assert f(np.ones((3, 4), np.float32), np.ones(4, np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="which is 4"):
        f(np.ones((3, 4), np.float32), np.ones(3, np.float32))


def test_a_refusal_says_that_sizes_are_symbols() -> None:
    with pytest.raises(irad.CompileError, match="length is not known at compile time") as e:
        irad.compile(lambda x: x[0] if len([*x]) > 1 else x[1], signature="f64[n]")
    assert "the signature has sizes for which any number may stand" in str(e.value)
    assert irad.compile(lambda x: x[0] if len([*x]) > 1 else x[1], signature="f64[4]")(np.ones(4)) == 1.0


RESULTS = [
    ("f64[n] -> f64[n-1]", True),
    ("f64[n] -> f64[k]", True),  # any size
    ("f64[n] -> f64[n]", False),
    ("f64[n] -> f32[n-1]", False),
    ("f64[n] -> f64", False),
    ("f64[n] -> (f64[n-1],)", False),
    ("f64[5] -> f64[4]", True),
    ("f64[5] -> f64[5]", False),
    ("f64[n]", True),
]


@pytest.mark.parametrize(("signature", "right"), RESULTS)
def test_the_result_is_what_is_returned(signature: str, right: bool) -> None:
    if right:
        irad.compile(lambda x: x[1:] - x[:-1], signature=signature)
        return
    with pytest.raises(irad.CompileError, match="the signature says that the result is"):
        irad.compile(lambda x: x[1:] - x[:-1], signature=signature)


def test_the_result_of_what_writes() -> None:
    def f(x: Any) -> Any:
        x[0] = 1.0
        return x.sum()

    x = np.zeros(3)
    assert irad.compile(f, signature="f64[n] -> f64")(x) == 1.0
    assert x[0] == 1.0


def test_a_pickle_keeps_the_signature() -> None:
    f = pickle.loads(pickle.dumps(irad.compile(applied, signature=APPLIED)))
    with pytest.raises(ValueError, match="which is 4"):
        f(np.ones((3, 4)), np.ones(3))
    assert f.cache_info().misses == 1


def test_names_that_irad_gives_sizes_itself() -> None:
    """A size that is found at run time is another than that of an argument, whatever that is called."""
    for name in ("d1", "d2", "p0", "r0", "c0"):
        f = irad.compile(lambda x, k: np.concatenate([x[:k], np.ones(k) * x[0], x]).sum(), signature=f"f64[{name}], int -> f64")
        assert f(np.ones(5), 3) == 11.0
