"""Fused kernels: random programs of array operations against the interpreter, which runs them one by one."""

import numpy as np
import pytest

import irad
from irad.graph.walk import all_graphs, captured
from irad.optimize import fuse
from irad.pipeline import native
from tests.loops import arrays

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


@pytest.mark.parametrize("f", [arrays.euler, arrays.burgers, arrays.heat_of_two, arrays.in_place], ids=lambda f: f.__name__)
def test_kernels_give_only_what_is_read(f) -> None:
    """What stands after a kernel, since it takes over what the kernel reads, is not a reader of it."""
    module = native(irad.parse_ir(str(irad.ir(irad.grad(f), np.linspace(0.1, 0.9, 40)))))
    nodes = [n for g in all_graphs(module) for n in g.body]
    read = {a for n in nodes for a in n.args} | {g.output for g in all_graphs(module)}
    parts = [n for n in nodes if n.fn.name == "getitem" and n.args[0].fn.name == "fused"]
    assert any(n.fn.name == "fused" for n in nodes)
    assert all(n in read for n in parts)


@pytest.mark.parametrize("f", [arrays.euler, arrays.burgers, arrays.logistic, arrays.clipped], ids=lambda f: f.__name__)
def test_loops_read_numbers_and_not_arrays_of_one_number(f) -> None:
    for program in (f, irad.grad(f)):
        module = native(irad.parse_ir(str(irad.ir(program, np.linspace(0.1, 0.9, 40)))))
        loops = [g for g in all_graphs(module) if g.role == "loop"]
        repeated = [n for g in all_graphs(module) for n in g.body if n.fn.name == "broadcast"]
        assert any(not set(n.graph.path()).isdisjoint(loops) for n in repeated)
        for g in loops:
            assert not any(n in captured(g) for n in repeated)
            assert not any(n.fn.name == "fused" and n.graphs[0].output in repeated for n in g.body)


def test_what_a_trip_wants_as_an_array_is_made_once() -> None:
    def f(x):
        for _ in range(40):
            x = x @ np.full((40, 40), 0.025) + 0.5
        return x

    module = native(irad.parse_ir(str(irad.ir(f, np.ones(40)))))
    (loop,) = [n for n in module.entry.body if n.fn.name == "for_loop"]
    assert "shape=(40, 40)" not in str(module).split("graph @loop")[1].split("for_loop")[0]
    assert loop.graphs[0].role == "loop"
    np.testing.assert_allclose(irad.compile(f)(np.ones(40)), f(np.ones(40)), rtol=1e-12)
