"""Sparse Jacobians and Hessians: joins patterns, colourings, and programs that differentiate along the colours' directions."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from irad.compiled import Compiled, Options, PythonOnly, Transform
from irad.errors import public, refuse
from irad.graph.nodes import Module
from irad.graph.walk import all_graphs
from irad.guards import Guards
from irad.lock import LOCK
from irad.pipeline import LEAN, expand, optimize, run_passes
from irad.sparsity import coloring
from irad.sparsity.assembly import Blocks
from irad.sparsity.blocks import repeated
from irad.sparsity.compressed import along_columns, along_rows, gradient
from irad.sparsity.direct import Direct, direct
from irad.sparsity.problem import Problem, problem_of
from irad.sparsity.propagate import Found, propagated
from irad.sparsity.sums import Sums, sums
from irad.specialize.entry import type_of
from irad.structures import assemble, flatten, resolve
from irad.types import Array, Static, Type, is_float

__all__ = ["SparseDerivative"]

MAX_SHARED = 64  # functions of some types that are kept for those of the same code
MAX_PLANS = 8  # patterns that are kept for arguments of one combination of types
Leaves = list[Any]  # the numbers and arrays of the arguments, then those of what is captured


@dataclass(slots=True)
class _Typed:
    """The function for arguments of some types: what it took for constant, and what was planned for them."""

    problem: Problem
    slim: Problem  # the same after more passes, where it has stacks: a loop and its reverse may be one then
    guards: Guards
    result: Type  # of the dense derivative
    plans: list[_Plan]
    blocks: Blocks | None  # where trips repeat


@dataclass(slots=True)
class _Plan:
    """How the matrices are computed for arguments with these integers and truth values."""

    known: Leaves
    indices: list[tuple[Any, Any, tuple[int, int]]]  # (indices, indptr, shape) of each matrix
    values: Callable[[Leaves], list[Any]]  # the data of each


_shared: OrderedDict[Any, _Typed] = OrderedDict()  # by the code of functions: a fresh lambda plans nothing


class SparseDerivative(PythonOnly):
    """`irad.jacobian(f, sparse=True)` or `irad.hessian(f, sparse=True)`: called like f, it returns SciPy's CSR arrays."""

    def __init__(self, kind: str, fn: Any, argnums: int | tuple[int, ...], order: str, options: Options) -> None:
        self.kind, self.fn, self.argnums, self.order, self.options = kind, fn, argnums, order, options
        self.dense = Compiled(Transform(kind, fn, (("argnums", argnums), ("order", "auto"))), options)
        self.primal = Compiled(fn, options)
        self.typed: dict[Any, _Typed] = {}
        if self.dense.function is not None:
            functools.update_wrapper(self, self.dense.function, updated=())

    def __repr__(self) -> str:
        return f"<irad function {self.kind}({getattr(self.dense.function, '__name__', 'f')}, sparse=True)>"

    def __reduce__(self) -> Any:
        return SparseDerivative, (self.kind, self.fn, self.argnums, self.order, self.options)

    @public
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        typed, plan, leaves = self._plan(args, kwargs)
        blocks = zip(plan.values(leaves), plan.indices, strict=True)
        made = iter([csr_array((data, indices, indptr), shape=shape) for data, (indices, indptr, shape) in blocks])
        return assemble(typed.result, lambda _: next(made))

    @public
    def pattern(self, *args: Any, **kwargs: Any) -> Any:
        """Where the matrices of a call have entries: CSR arrays of truth values, in the structure of its result."""
        typed, plan, _ = self._plan(args, kwargs)
        made = iter([csr_array((np.ones(len(i), bool), i.copy(), p.copy()), shape=shape) for i, p, shape in plan.indices])
        return assemble(typed.result, lambda _: next(made))

    def _plan(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[_Typed, _Plan, Leaves]:
        with LOCK:
            given = (*args, *kwargs.values())
            types = tuple(map(type_of, given))
            typed = self._typed(types, tuple(kwargs), given)
            leaves = self._leaves(typed, types, given)
            params = typed.problem.graph.params
            known = [None if is_float(p.type) else v for p, v in zip(params, leaves, strict=True)]
            for plan in typed.plans:
                if all(map(_same, plan.known, known)):
                    return typed, plan, leaves
            plan = self._made(typed, [v.copy() if isinstance(v, np.ndarray) else v for v in known], leaves)
            typed.plans[:] = [plan, *typed.plans[: MAX_PLANS - 1]]
            return typed, plan, leaves

    def _typed(self, types: tuple[Type, ...], keywords: tuple[str, ...], given: tuple[Any, ...]) -> _Typed:
        """The function for these types, compiled again where what it took for constant has changed."""
        if self.options.static_argnums:
            raise refuse(
                "unknown-option",
                "a sparse derivative of a function that is compiled with static_argnums",
                help="give the static arguments beforehand: functools.partial(f, ...), or a lambda",
            )
        kind = self.primal.kind(given, types)
        key = (self.kind, self.argnums, self.order, kind.key(types, keywords, self.primal.options))
        for found in filter(None, (self.typed.get(key), _shared.get(key))):
            if not found.guards.changed(self.fn, given, kind.parts):
                self.typed[key] = found
                return found
        dense = self.dense.specialized(types, keywords)  # refuses what has no such derivative
        entry = self.primal.specialized(types, keywords)
        numbers = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        count = len(types) - len(keywords)
        dynamic = [i for i, t in enumerate(types) if not isinstance(t, Static)]  # which are parameters
        flat = problem_of(entry.module, [dynamic.index(n + count if n < 0 else n) for n in numbers])
        problem, slim = _lean(flat), _slim(flat)
        blocks = self._blocks(slim if self.kind == "jacobian" else _slim(gradient(problem)))
        found = _Typed(problem, slim, Guards(entry, kind.parts), dense.module.entry.output.type, [], blocks)
        self.typed[key] = _shared[key] = found
        _shared.move_to_end(key)
        if len(_shared) > MAX_SHARED:
            _shared.popitem(last=False)
        return found

    def _leaves(self, typed: _Typed, types: Sequence[Type], given: tuple[Any, ...]) -> Leaves:
        leaves: Leaves = []
        for v, t in zip(given, types, strict=True):
            flatten(v, t, leaves)
        for h, p in typed.guards.hidden:
            flatten(resolve(h.path, self.fn, given), p.type, leaves)
        return leaves

    def _blocks(self, problem: Problem) -> Blocks | None:
        if self.order != "auto":
            return None
        repeats = repeated(problem, lambda m: run_passes(m, LEAN))
        return Blocks(repeats, lambda m: Compiled(m, self.options, own=True).native) if repeats is not None else None

    def _made(self, typed: _Typed, known: Leaves, leaves: Leaves) -> _Plan:
        if typed.blocks is not None:
            return _of_blocks(typed.problem, known, typed.blocks, leaves, symmetric=self.kind == "hessian")
        problem, second = typed.problem, self.kind == "hessian"
        slopes = _lean(gradient(problem)) if second else problem
        terms = direct(slopes, symmetric=second) if self.order == "auto" else None
        found = propagated(typed.slim, known, second=second)
        if terms is not None and terms.entries(symmetric=second) <= found.pattern.nnz:
            return _direct(self, slopes, known, terms)
        if second:
            found = Found(found.pattern, [_shape(t) for t in slopes.outputs])
        return _colored(self, slopes, known, found)


def _slim(problem: Problem) -> Problem:
    """A problem without stacks, where that can be: a loop and its reverse are one if no trip needs what another made."""
    problem = _lean(problem)
    if not any(n.fn.name == "push" for g in all_graphs(problem.module) for n in g.body):
        return problem
    module = optimize(problem.module)
    return Problem(module, module.entry, problem.wrt)


def _lean(problem: Problem) -> Problem:
    """A problem without transforms, and what they leave over."""
    module = run_passes(expand(problem.module), LEAN)
    return Problem(module, module.entry, problem.wrt)


def _program(module: Module, options: Options) -> Callable[[Leaves], Any]:
    """What runs a module on arguments that are always of its types; it is compiled at the first call."""
    compiled = Compiled(module, options, own=True)
    types = [p.type for p in module.entry.params]

    @functools.cache
    def loaded() -> Callable[[Leaves], Any]:
        with LOCK:
            return compiled.compile(types, ()).call

    return lambda leaves: loaded()(leaves)


def _same(a: Any, b: Any) -> bool:
    return a is None or bool(np.array_equal(a, b))


@functools.cache
def _kernel(f: Callable[..., Any]) -> Any:
    return Compiled(f, Options()).native


def _run(f: Callable[..., Any], *args: Any) -> Any:
    return _kernel(f)(*args)


# -- values that are added up ---------------------------------------------------------------------------------------------


def _of_blocks(problem: Problem, known: Leaves, blocks: Blocks, leaves: Leaves, *, symmetric: bool) -> _Plan:
    """A plan that computes the partials of all trips, and adds up those at one place."""
    if not symmetric:
        made = blocks.sums(leaves)
        indices = [(m.indices, m.indptr, m.shape) for m in made]
        return _Plan(known, indices, lambda leaves: [m.data(v) for m, v in zip(made, blocks.partials(leaves), strict=True)])
    sizes = [int(np.prod(_shape(t))) for t in problem.inputs]
    first, count = np.cumsum([0, *sizes]), 0
    parts: list[list[Any]] = [[], [], []]
    placed, values = blocks.placed(leaves), blocks.partials(leaves)
    for n, ((rows, columns, which), v) in enumerate(zip(placed.values(), values, strict=True)):
        i, k = divmod(n, len(sizes))
        for part, found in zip(parts, (rows + first[i], columns + first[k], which + count), strict=True):
            part.append(found)
        count += len(v)
    rows, columns, which = map(np.concatenate, parts)
    whole = sums((int(first[-1]),) * 2, rows, columns, which, symmetric=True)
    return _summed(_Parts(problem.inputs, [_shape(t) for t in problem.inputs], problem.inputs), known, whole, blocks.partials)


def _direct(s: SparseDerivative, problem: Problem, known: Leaves, found: Direct) -> _Plan:
    """A plan that computes the terms of a structured Jacobian, and adds up those at one place."""
    parts = _Parts(problem.outputs, [_shape(t) for t in problem.outputs], problem.inputs)
    run = _program(found.module, s.options)
    whole = sums(
        parts.size, found.rows, found.columns, np.arange(len(found.rows)), symmetric=s.kind == "hessian" and not found.ordered
    )
    if not found.ordered:
        return _summed(parts, known, whole, run)
    end = found.start + len(found.rows)
    return _Plan(known, parts.split(whole)[1], lambda leaves: [run(leaves)[0].reshape(-1)[found.start : end]])


def _summed(parts: _Parts, known: Leaves, whole: Sums, run: Callable[[Leaves], Sequence[Any]]) -> _Plan:
    """A plan for the parts of a matrix whose values a program computes."""
    taken, indices = parts.split(whole)
    if not len(whole.indices):
        return _Plan(known, indices, lambda _: [np.zeros(0, t) for _, t in taken])

    def values(leaves: Leaves) -> list[Any]:
        found = run(leaves)
        data = whole.data(found[0] if len(found) == 1 else np.concatenate(found))
        return [data if len(taken) == 1 else np.take(data, at).astype(t, copy=False) for at, t in taken]

    return _Plan(known, indices, values)


# -- values along the directions of colours ---------------------------------------------------------------------------------


def _colored(s: SparseDerivative, problem: Problem, known: Leaves, found: Found) -> _Plan:
    """A plan that computes the sum of the columns of each colour, or of the rows, and takes the entries from there."""
    pattern = found.pattern
    rows, columns = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)), pattern.indices
    if s.kind == "hessian":
        colors, by_rows = coloring.star(pattern, _run), False
        places = _of_symmetric(pattern, rows, columns, colors)
    else:
        colors, by_rows = _apart(s.order, pattern)
        along, across = (rows, columns) if by_rows else (columns, rows)
        places = colors[along] * pattern.shape[1 if by_rows else 0] + across
    count = int(colors.max(initial=-1)) + 1
    parts = _Parts(problem.outputs, found.shapes, problem.inputs)
    split, indices = parts.split(pattern)
    taken = [(places[at], t) for at, t in split]
    if not count or not pattern.nnz:
        return _Plan(known, indices, lambda _: [np.zeros(0, t) for _, t in taken])
    make = along_rows if by_rows else along_columns
    run = _program(make(problem, count, found.shapes), s.options)
    types = list(zip(problem.outputs, found.shapes, strict=True)) if by_rows else [(t, _shape(t)) for t in problem.inputs]
    seeds = _seeds(types, colors, count)

    def values(leaves: Leaves) -> list[Any]:
        found = run([*leaves, *seeds])
        if len(found) == 1:
            flat = found[0].ravel()
        else:
            flat = np.concatenate(found, axis=found[0].ndim - 1).ravel()
        return [np.take(flat, at).astype(t, copy=False) for at, t in taken]

    return _Plan(known, indices, values)


def _apart(order: str, pattern: Any) -> tuple[Any, bool]:
    """Colours of the columns, or of the rows where these are fewer; whether it is rows."""
    found = {}
    if order != "reverse":
        found[False] = coloring.columns_apart(pattern, _run)
    if order == "reverse" or (order == "auto" and found[False].max(initial=-1) > 0):
        found[True] = coloring.columns_apart(pattern.T.tocsr(), _run)
    by_rows = min(found, key=lambda k: (found[k].max(initial=-1), k))
    return found[by_rows], by_rows


def _of_symmetric(pattern: Any, rows: Any, columns: Any, colors: Any) -> Any:
    """Where each entry of a symmetric matrix stands among its sums over the columns of a colour: one place for both halves."""
    n = pattern.shape[0]
    count = int(colors.max(initial=-1)) + 1
    own = rows * count + colors[columns]  # the sum in which entry (i, j) stands, by row i
    _, first, times = np.unique(own, return_inverse=True, return_counts=True)
    alone = times[first] == 1
    low, high = np.minimum(rows, columns).astype(np.int64), np.maximum(rows, columns).astype(np.int64)
    place = colors[columns].astype(np.int64) * n + rows
    order = np.lexsort((rows > columns, ~alone, low * n + high))  # of both places the one that is alone, above the diagonal
    pair = (low * n + high)[order]
    start = np.concatenate([[True], pair[1:] != pair[:-1]]) if len(pair) else np.zeros(0, bool)
    best = order[start]
    assert alone[best].all(), "the colouring leaves an entry that no sum shows"
    out = np.empty(len(rows), np.int64)
    out[order] = place[best][np.cumsum(start) - 1]
    return out


def _seeds(types: Sequence[tuple[Type, tuple[int, ...]]], colors: Any, count: int) -> list[Any]:
    """The directions for each input (or output): arrays with ones at the columns (or rows) of each colour."""
    seeds, at = [], 0
    for t, shape in types:
        size = int(np.prod(shape))
        of = colors[at : at + size]
        seeds.append((of == np.arange(count)[:, None]).astype(_dtype(t)).reshape(count, *shape))
        at += size
    return seeds


@dataclass(frozen=True, slots=True)
class _Parts:
    """The matrices that one is made of: for each output, with its shape, one in each input."""

    outputs: Sequence[Type]
    shapes: Sequence[tuple[int, ...]]
    inputs: Sequence[Type]

    @property
    def size(self) -> tuple[int, int]:
        return sum(int(np.prod(s)) for s in self.shapes), sum(int(np.prod(_shape(t))) for t in self.inputs)

    def split(self, whole: Any) -> tuple[list[Any], list[Any]]:
        """Which entries of a matrix each has, and its dtype; its indices, which nobody may write to."""
        taken, indices, row = [], [], 0
        count = len(whole.indices)
        numbered = csr_array((np.arange(1, count + 1), whole.indices, whole.indptr), shape=self.size)
        for t, shape in zip(self.outputs, self.shapes, strict=True):
            m, column = int(np.prod(shape)), 0
            for given in self.inputs:
                n = int(np.prod(_shape(given)))
                block = numbered[row : row + m, column : column + n]
                index = np.int32 if max(m, n, block.nnz) < 2**31 else np.int64
                i, p = block.indices.astype(index), block.indptr.astype(index)
                i.flags.writeable = p.flags.writeable = False
                taken.append((block.data - 1, _dtype(t)))
                indices.append((i, p, (m, n)))
                column += n
            row += m
        return taken, indices


def _shape(t: Type) -> tuple[int, ...]:
    return t.static_shape or () if isinstance(t, Array) else ()


def _dtype(t: Any) -> Any:
    return (t.dtype if isinstance(t, Array) else t).dtype
