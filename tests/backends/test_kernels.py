"""Fused kernels: random programs of array operations against the interpreter, which runs them one by one."""

import numpy as np
import pytest

import irad
from irad.optimize import fuse

from .kernels import arguments, random_module

PROGRAMS = 120


def disagreement(seed: int) -> str:
    """What differs between machine code and the interpreter; nothing where they agree."""
    module = random_module(seed)
    args = arguments(module.entry, seed)
    want = irad.compile(module, backend="interpreter")(*args)
    got = irad.compile(module)(*args)
    for k, (x, y) in enumerate(zip(got, want, strict=True)):
        x, y = np.asarray(x), np.asarray(y)
        if x.dtype != y.dtype or x.shape != y.shape:
            return f"result {k} is {x.dtype}{x.shape}, not {y.dtype}{y.shape}"
        near = 1e-4 if any(a.dtype == np.float32 for a in args) else 1e-11
        size = float(np.max(np.abs(y[np.isfinite(y)]), initial=1.0)) if y.dtype.kind == "f" else 0.0
        if not np.allclose(x, y, rtol=near, atol=near * size, equal_nan=True):
            return f"result {k} differs:\n{x}\n{y}"
    return ""


@pytest.mark.parametrize("first", range(0, PROGRAMS, 20))
def test_kernels_are_what_their_operations_are(first: int) -> None:
    for seed in range(first, first + 20):
        wrong = disagreement(seed)
        assert not wrong, f"seed {seed}: {wrong}\n{random_module(seed)}"


def test_long_graphs_are_fused_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a piece makes and another reads through a view is there."""
    monkeypatch.setattr(fuse, "WINDOW", 4)
    for seed in range(1000, 1030):
        wrong = disagreement(seed)
        assert not wrong, f"seed {seed}: {wrong}\n{random_module(seed)}"


@pytest.mark.parametrize(
    "f", [lambda x, v, w: np.tanh(x @ v) @ w, lambda x, v, w: np.tanh(x @ v) @ w.T], ids=["rows", "columns"]
)
def test_vectors_times_matrices_read_their_rows(f) -> None:
    """A vector that is made and multiplied by a matrix: its lanes are those along which the matrix lies in memory."""
    r = np.random.default_rng(0)
    args = r.normal(size=8), r.normal(size=(8, 16)), r.normal(size=(16, 16))
    assert np.allclose(irad.compile(f)(*args), f(*args), rtol=1e-12)
    assert "gather" not in str(irad.ir(f, *args, stage="llvm"))
