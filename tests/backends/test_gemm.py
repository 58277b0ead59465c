"""The vector code of products computes what NumPy does, for sizes about the edges of its blocks and operands by any strides,
and touches nothing beside its result."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from irad.backends.llvm import gemm, jit
from irad.backends.llvm.gemm import Gemm, Writer

DTYPES = {"double": np.float64, "float": np.float32, "i64": np.int64, "i32": np.int32}
REGISTERS = ((64, 32), (32, 16), (16, 16))  # AVX-512, AVX2, SSE or NEON
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33, 47, 64, 65)
LAYOUTS = 4  # each operand in C order, transposed, with gaps in C order, with gaps both ways
MARK = 77  # what stands beside the result


def strides(layout: int, rows: int, columns: int) -> tuple[int, int]:
    return ((columns, 1), (1, rows), (columns + 3, 1), (2 * columns + 1, 2))[layout]


def drawn(rng: np.random.Generator, count: int) -> list[Gemm]:
    """Sizes about the edges of blocks, in every layout of both operands."""
    out = []
    for c in range(count):
        m, n, k = (int(rng.choice(EDGES)) for _ in range(3))
        if c % 5 == 0:  # vectors
            m, n = ((1, n), (m, 1), (1, 1))[c // 5 % 3]
        ll = list(DTYPES)[c % 4]
        of_x, of_y = c // 4 % LAYOUTS, c // 16 % LAYOUTS
        size = np.dtype(DTYPES[ll]).itemsize
        out.append(Gemm(m, n, k, strides(of_x, m, k), strides(of_y, k, n), ll, size, *REGISTERS[c % 3]))
    return out


def compiled(of: list[Gemm]) -> jit.Code:
    """One function a product, `f0`, `f1`, ..."""
    parts, declared = [], set()
    for i, g in enumerate(of):
        w, room = Writer(), gemm.scratch(g)
        if room:
            w.do(f"%panel = alloca [{room} x i8], align 64")
        gemm.emit(w, g, "%out", "%x", "%y", "%panel" if room else "null")
        declared |= w.declarations
        parts.append("\n".join([f"define void @f{i}(ptr %out, ptr %x, ptr %y) {{", "entry:", *w.lines, "  ret void", "}"]))
    return jit.compile_text("\n".join([*sorted(declared), *parts]), [f"f{i}" for i in range(len(of))])


def operand(rng: np.random.Generator, g: Gemm, shape: tuple[int, int], by: tuple[int, int]) -> Any:
    """An operand with these strides; what lies between its elements spoils every sum that it enters."""
    dtype = np.dtype(DTYPES[g.type])
    memory = np.full(1 + (shape[0] - 1) * by[0] + (shape[1] - 1) * by[1], np.nan if dtype.kind == "f" else 1 << 20, dtype)
    view = np.lib.stride_tricks.as_strided(memory, shape, [s * dtype.itemsize for s in by])
    view[...] = (rng.normal(size=shape) * 10).astype(dtype)
    return view


@pytest.mark.parametrize("seed", range(4))
def test_products_of_all_shapes_and_layouts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = drawn(rng, 96)
    code = compiled(of)
    for i, g in enumerate(of):
        x, y = operand(rng, g, (g.m, g.k), g.x), operand(rng, g, (g.k, g.n), g.y)
        around = np.full(g.m * g.n + 2 * 16, MARK, x.dtype)
        out = around[16:-16].reshape(g.m, g.n)
        f = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(code.address(f"f{i}"))
        f(out.ctypes.data, x.ctypes.data, y.ctypes.data)
        exact = x.dtype.kind != "f"
        error = np.abs(out - x.astype(float if not exact else x.dtype) @ y.astype(float if not exact else y.dtype))
        room = 0 if exact else 2 * g.k * np.finfo(x.dtype).eps * (np.abs(x).astype(float) @ np.abs(y).astype(float))
        assert np.all(error <= room), g
        assert np.all(around[:16] == MARK), g
        assert np.all(around[-16:] == MARK), g


def test_what_is_not_finite_goes_where_it_goes_in_numpy() -> None:
    """No zero takes the place of a term, and no term is added that is not there."""
    rng = np.random.default_rng(0)
    shapes = [(9, 13, 11), (1, 13, 11), (3, 10, 5), (2, 9, 19), (1, 1, 13)]
    of = [Gemm(m, n, k, (k, 1), by, "double", 8, *REGISTERS[0]) for m, n, k in shapes for by in ((n, 1), (1, k))]
    code = compiled(of)
    for i, g in enumerate(of):
        x, y = operand(rng, g, (g.m, g.k), g.x), operand(rng, g, (g.k, g.n), g.y)
        x[0, -1], y[-1, 0], y[0, -1] = np.inf, 0.0, np.nan
        out = np.empty((g.m, g.n))
        f = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(code.address(f"f{i}"))
        f(out.ctypes.data, x.ctypes.data, y.ctypes.data)
        with np.errstate(invalid="ignore"):
            want = (x[:, :, None] * y[None]).sum(axis=1)
        np.testing.assert_allclose(out, want, rtol=1e-10, atol=1e-10, equal_nan=True)
