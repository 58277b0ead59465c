"""Products of arrays of all ranks: values as NumPy has them in every backend, for sizes known when the program is compiled
and sizes known at run time only, from operands that are views; one operation of the IR for two arrays; derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irad
from tests.frontend.agree import BACKENDS
from tests.library.agree import function_of

DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32}

# text of a function of x and y, and their shapes by names of sizes
CALLS = {
    "x @ y": ("m,k", "k,n"),
    "x.T @ y.T": ("k,m", "n,k"),
    "x @ y.T": ("k", "n,k"),
    "y @ x": ("k", "n,k"),
    "x.T @ y": ("k,m", "k"),
    "np.dot(x, y)": ("k", "k"),
    "x @ y[:, :, 1:]": ("b,m,k", "b,k,n"),
    "x @ y[0]": ("b,m,k", "b,k,n"),
    "x[0] @ y": ("b,m,k", "b,k,n"),
    "x[:, None] @ y": ("b,m,k", "b,k,n"),
    "x[::-1, ::2] @ y[:, ::-2].T": ("m,k", "n,k"),
    "x[2] @ y[:, 1]": ("m,k", "k,n"),
    "np.einsum('kij,nkj->nki', x, y)": ("b,m,k", "n,b,k"),
    "np.einsum('ijk,kjl->li', x, y)": ("b,m,k", "k,m,n"),
    "np.einsum('ijk,ijk->', x, y)": ("b,m,k", "b,m,k"),
    "np.einsum('ij,ij->j', x, y)": ("m,k", "m,k"),
    "np.einsum('ij,jk,kl->il', x, y, y.T)": ("m,k", "k,n"),
    "np.tensordot(x, y, ((0, 2), (2, 1)))": ("b,m,k", "n,k,b"),
    "np.tensordot(x, y, 2)": ("b,m,k", "m,k"),
    "np.inner(x, y)": ("b,m,k", "n,k"),
    "np.vdot(x, y)": ("m,k", "m,k"),
}
SIZES = [
    {"m": 17, "n": 9, "k": 11, "b": 3},
    {"m": 5, "n": 40, "k": 8, "b": 4},
    {"m": 3, "n": 33, "k": 70, "b": 1},
    {"m": 4, "n": 3, "k": 0, "b": 2},
    {"m": 3, "n": 0, "k": 5, "b": 3},
]


def arguments(shapes: tuple[str, str], sizes: dict[str, int], dtype: Any, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=[sizes[s] for s in shape.split(",")]) * 4).astype(dtype) for shape in shapes]


def same(got: Any, want: Any, args: list[Any]) -> None:
    """Equal but for the order of the sums, whose terms are at most 25 in size."""
    assert np.shape(got) == np.shape(want)
    assert np.asarray(got).dtype.kind == np.asarray(want).dtype.kind
    if np.ndim(want):
        assert got.dtype == want.dtype
    dtype = np.asarray(want).dtype
    terms = max(x.size for x in args) * 400
    np.testing.assert_allclose(got, want, rtol=0, atol=terms * np.finfo(dtype).eps if dtype.kind == "f" else 0)


@pytest.mark.parametrize("text", CALLS)
@pytest.mark.parametrize("backend", [*BACKENDS, "source"])
def test_values(text: str, backend: str) -> None:
    f, shapes = function_of(text, ["x", "y"]), CALLS[text]
    for i, sizes in enumerate(SIZES):
        for j, dtype in enumerate(DTYPES.values()):
            if (i + j) % 2 and sizes["k"] * sizes["n"]:  # every size, dtype and call; half of their combinations
                continue
            if "[:, 1]" in text and sizes["n"] < 2:
                continue
            args = arguments(shapes, sizes, dtype)
            same(irad.compile(f, backend=backend)(*args), f(*args), args)


@pytest.mark.parametrize(("text", "dtype"), [(t, d) for i, t in enumerate(CALLS) for d in (("f64", "f32")[i % 2], "i64")])
def test_one_program_for_all_sizes(text: str, dtype: str) -> None:
    f, shapes = function_of(text, ["x", "y"]), CALLS[text]
    g = irad.compile(f, signature=", ".join(f"{dtype}[{shape}]" for shape in shapes))
    for i, sizes in enumerate(SIZES):
        if "[:, 1]" in text and sizes["n"] < 2:
            continue
        args = arguments(shapes, sizes, DTYPES[dtype])
        same(g(*args), f(*args), args)
        assert g.cache_info().programs == 1 or i > 1  # a size of 0 or 1 has a program of its own


def test_large_products_go_to_blas() -> None:
    """In parts, between which the outside is looked at; the smallest operand decides which part is transposed."""
    rng = np.random.default_rng(0)
    large = [((500, 400), (400, 400)), ((3, 300, 200), (200, 700)), ((2, 1000, 80), (2, 80, 900)), ((900, 90), (90, 900))]
    for shapes in large:
        x, y = (rng.normal(size=s) for s in shapes)
        for a, c in ((x, y), (np.float32(x), np.float32(y))):
            f = function_of("x @ y", ["x", "y"])
            np.testing.assert_allclose(irad.compile(f)(a, c), a @ c, rtol=0, atol=1e4 * np.finfo(a.dtype).eps)
    named = irad.compile(lambda x, y: x @ y.T, signature="f64[m,k], f64[n,k]")
    x, y = rng.normal(size=(3000, 300)), rng.normal(size=(200, 300))
    np.testing.assert_allclose(named(x, y), x @ y.T, rtol=0, atol=1e-11)


def operations(text: str, *args: Any) -> list[str]:
    """The operations of the optimized gradient of the sum of a function's sines."""
    f = function_of(f"np.sum(np.sin({text}))", ["x", "y"])
    program = str(irad.ir(irad.grad(f, argnums=(0, 1)), *args))
    return [
        line.split("= ")[-1].split("~ ")[-1].split("(")[0] for line in program.splitlines() if " %" in line and ": " in line
    ]


@pytest.mark.parametrize(
    "text", ["np.einsum('kij,nkj->nki', x, y)", "np.tensordot(x, y, ((0, 2), (2, 1)))", "np.inner(x, y)", "x @ y[0]"]
)
def test_a_product_and_its_cotangents_are_one_operation_each(text: str) -> None:
    args = arguments(CALLS[text], SIZES[0], np.float64)
    found = operations(text, *args)
    assert found.count("contract") + found.count("matmul") == 3
    assert not {"for_loop", "push", "concatenate"} & set(found)


@pytest.mark.parametrize("text", CALLS)
def test_derivatives(text: str) -> None:
    """The linear map that a product is in each operand: <ct, f(dx, y) + f(x, dy)> = <ct_x, dx> + <ct_y, dy>; its second
    derivative is the product again."""
    f, shapes = function_of(text, ["x", "y"]), CALLS[text]
    bilinear = text.count("y") == 1 + text.count("y->")
    for sizes in SIZES[:3] if bilinear else SIZES[:1]:
        x, y = arguments(shapes, sizes, np.float64)
        dx, dy = arguments(shapes, sizes, np.float64, seed=1)
        out, tangent = irad.jvp(f, (x, y), (dx, dy))
        same(out, f(x, y), [x, y])
        if bilinear:
            same(tangent, f(dx, y) + f(x, dy), [x, y, dx, dy])
        ct = np.random.default_rng(2).normal(size=np.shape(out)) if np.ndim(out) else 0.7
        of_x, of_y = irad.vjp(f, x, y)[1](ct)
        left, right = np.sum(ct * tangent), np.sum(of_x * dx) + np.sum(of_y * dy)
        assert abs(left - right) <= 1e-11 * (np.sum(np.abs(of_x * dx)) + np.sum(np.abs(of_y * dy)))
        if bilinear:
            again = irad.jvp(lambda x, y, ct=ct: irad.vjp(f, x, y)[1](ct), (x, y), (dx, dy))[1]
            for got, want in zip(again, irad.vjp(f, dx, dy)[1](ct), strict=True):
                same(got, want, [x, y, dx, dy])


def test_products_in_comprehensions() -> None:
    """tensordot has comprehensions of its own: what it knows of its axes it knows there too."""

    def f(x: Any, y: Any) -> Any:
        return [np.tensordot(x * k, y, 1) for k in (1.0, 2.0)], tuple(np.dot(x, y * k) for k in range(3))

    args = arguments(("b,m,k", "k,n"), SIZES[0], np.float64)
    for got, want in zip(irad.compile(f)(*args), f(*args), strict=True):
        same(np.stack(got), np.stack(want), args)
