"""What the numbers of an operation's result depend on, by operation; and between which columns it makes second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irad.graph.nodes import Apply
from irad.primitives.products import axes_of
from irad.sparsity.lanes import Frame, NotTogether, Unknown, Value, deepest, lifted
from irad.sparsity.rows import gathered, grouped, joined, stacked
from irad.types import Array, Dim, Scalar, Type, is_float

__all__ = ["RULES", "elementwise", "evaluated", "whole"]

Rule = Callable[[Any, Apply, list[Any]], Any]
RULES: dict[str, Rule] = {}

CONSTANT = frozenset({"floor", "ceil", "trunc", "rint", "sign", "floordiv", "stop_gradient"})  # derivative zero
LINEAR = frozenset({"add", "sub", "neg", "abs", "maximum", "minimum", "convert", "select"})  # between jumps
FIRST = frozenset({"copysign"})  # linear in the first operand between jumps, constant in the second
NEGLIGIBLE = frozenset({"mod", "fmod"})  # linear in both operands between jumps
EXACT = (
    CONSTANT
    | LINEAR
    | FIRST
    | NEGLIGIBLE
    | {"mul", "div", "sqrt", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"}
)
MOVES = frozenset(
    {"broadcast", "reshape", "transpose", "retype", "zeros", "array", "index", "slice", "index_update", "slice_update"}
)
MOST_LANES = 4096  # in which an operation that is known is evaluated one by one


def rule(*names: str) -> Callable[[Rule], Rule]:
    def note(f: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, f))
        return f

    return note


def shape_of(t: Type, sizes: Sequence[Any] = ()) -> tuple[int, ...]:
    """The shape of a result; the dims that are known at run time only are given by values."""
    if not isinstance(t, Array):
        return ()
    feed = iter(sizes)
    return tuple(_one(next(feed)) if isinstance(d, Dim) else d for d in t.shape)


def _one(v: Any) -> int:
    """The size that all lanes agree on."""
    if v is None or v.known is None:
        raise Unknown
    found = v.known
    if not (found == found.flat[0]).all():
        raise NotTogether
    return int(found.flat[0])


# -- operations element by element ------------------------------------------------------------------------------------------


def elementwise(p: Any, node: Apply, args: list[Value]) -> Value:
    name, shape = node.fn.name, args[0].shape if args else ()
    for a in args:
        shape = a.shape or shape
    if name == "select":
        return _select(args, shape)
    frame = deepest(a.frame for a in args)
    if not is_float(node.type) or name in CONSTANT or all(a.rows is None for a in args):
        return Value(frame, shape)
    rows = [lifted(a, frame).rows for a in args]
    if name in FIRST:
        return Value(frame, shape, None, rows[0])
    out = joined(*rows)
    if name == "mul":
        p.interact(rows[0], rows[1])
    elif name == "div":
        p.interact(rows[0], rows[1])
        p.interact(rows[1], rows[1])
    elif name not in LINEAR and name not in NEGLIGIBLE:
        p.interact(out, out)
    return Value(frame, shape, None, out)


def _select(args: list[Value], shape: tuple[int, ...]) -> Value:
    test, x, y = args
    if test.known is not None:
        if test.known.all():
            return x
        if not test.known.any():
            return y
    frame = deepest(a.frame for a in args)
    if x.rows is None and y.rows is None:
        return Value(frame, shape)
    x, y = lifted(x, frame), lifted(y, frame)
    if test.known is None:
        return Value(frame, shape, None, joined(x.rows, y.rows))
    chosen = lifted(test, frame).known.reshape(frame.count, *test.shape, *(1,) * (len(shape) - len(test.shape)))
    chosen = np.broadcast_to(chosen, (frame.count, *shape)).ravel()
    n = len(chosen)
    both = stacked([(x.rows, n), (y.rows, n)], (x.rows if x.rows is not None else y.rows).shape[1])
    return Value(frame, shape, None, gathered(both, np.arange(n) + np.where(chosen, 0, n)))


def evaluated(node: Apply, args: list[Value], root: Frame) -> Value | None:
    """The result of an operation on what is known; None where it raises, would take long, or may differ in last bits."""
    if (
        node.fn.name not in EXACT
        and node.fn.name not in MOVES
        and any(is_float(t) for t in (node.type, *(a.type for a in node.args)))
    ):
        return None
    frame = deepest(a.frame for a in args) if args else root
    facts, ref = node.facts(), node.fn.ref
    if not callable(ref) or not isinstance(node.type, (Scalar, Array)):
        return None
    try:
        if node.fn.elementwise and len({a.shape for a in args}) == 1:
            out = np.asarray(ref(*[lifted(a, frame).known for a in args], **facts))
        elif frame.count <= MOST_LANES:
            lanes = [lifted(a, frame).known for a in args]
            made = [np.asarray(ref(*[k[i] for k in lanes], **facts)) for i in range(frame.count)]
            if len({m.shape for m in made}) != 1:
                return None
            out = np.stack(made)
        else:
            return None
    except (ArithmeticError, ValueError, LookupError, MemoryError):
        return None
    return Value(frame, out.shape[1:], out)


def whole(p: Any, node: Apply, args: list[Value]) -> Any:
    """Every number of the result depends on all that the operands depend on."""
    frame = deepest(a.frame for a in args)
    parts = []
    for a in args:
        if a.rows is not None:
            a = lifted(a, frame)
            parts.append(grouped(a.rows, np.repeat(np.arange(frame.count), a.size), frame.count))
    rows = joined(*parts)
    p.interact(rows, rows)

    def made(t: Type) -> Any:
        if hasattr(t, "items") and not isinstance(t, (Array, Scalar)):
            return tuple(made(u) for u in t.items)
        if not isinstance(t, (Array, Scalar)):
            raise Unknown
        shape = t.static_shape if isinstance(t, Array) else ()
        if shape is None:
            raise Unknown
        if rows is None or not is_float(t):
            return Value(frame, shape)
        return Value(frame, shape, None, gathered(rows, np.repeat(np.arange(frame.count), math.prod(shape))))

    return made(node.type)


# -- shapes -----------------------------------------------------------------------------------------------------------------


def moved(x: Value, shape: tuple[int, ...], source: Any) -> Value:
    """The array of this shape whose numbers are those of x at the places `source`, in each lane."""
    if x.frame.count * math.prod(shape) > 4 * max(x.frame.count * x.size, 5_000_000):
        raise NotTogether if x.frame.count > 1 else Unknown
    known = x.known.reshape(x.frame.count, -1)[:, source].reshape(x.frame.count, *shape) if x.known is not None else None
    if x.rows is None:
        return Value(x.frame, shape, known)
    at = (np.arange(x.frame.count)[:, None] * x.size + source).ravel()
    return Value(x.frame, shape, known, gathered(x.rows, at))


def _numbers(shape: tuple[int, ...]) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


@rule("broadcast")
def _broadcast(p: Any, node: Apply, args: list[Value]) -> Value:
    x, *dims = args
    shape = shape_of(node.type, dims)
    if x.rows is None and x.known is None:
        return Value(x.frame, shape)
    return moved(x, shape, np.broadcast_to(_numbers(x.shape), shape).ravel())


@rule("reshape")
def _reshape(p: Any, node: Apply, args: list[Value]) -> Value:
    x, *dims = args
    shape = shape_of(node.type, dims)
    if math.prod(shape) != x.size:
        raise NotTogether if x.frame.count > 1 else Unknown
    known = x.known.reshape(x.frame.count, *shape) if x.known is not None else None
    return Value(x.frame, shape, known, x.rows)


@rule("transpose")
def _transpose(p: Any, node: Apply, args: list[Value]) -> Value:
    (x,) = args
    order = np.transpose(_numbers(x.shape), node.facts()["axes"])
    return moved(x, order.shape, order.ravel())


@rule("retype")
def _retype(p: Any, node: Apply, args: list[Value]) -> Value:
    return args[0]


@rule("dim")
def _dim(p: Any, node: Apply, args: list[Value]) -> Value:
    return Value(p.root, (), np.array([args[0].shape[node.facts()["axis"]]], np.int64))


@rule("same_dim")
def _same_dim(p: Any, node: Apply, args: list[Value]) -> Value:
    return args[0]


@rule("array")
def _array(p: Any, node: Apply, args: list[Value]) -> Value:
    out = stacked_numbers(p, args)
    shape = node.facts()["shape"]
    return Value(out.frame, shape, out.known.reshape(-1, *shape) if out.known is not None else None, out.rows)


def stacked_numbers(p: Any, args: list[Value]) -> Value:
    """An array of numbers."""
    frame = deepest(a.frame for a in args)
    parts = [lifted(a, frame) for a in args]
    known = np.stack([v.known for v in parts], axis=1) if all(v.known is not None for v in parts) else None
    rows = stacked([(v.rows, frame.count) for v in parts], p.columns)
    order = np.arange(len(parts) * frame.count).reshape(len(parts), frame.count).T.ravel()
    return Value(frame, (len(parts),), known, gathered(rows, order))


# -- sums and products ------------------------------------------------------------------------------------------------------


def reduced(x: Value, axes: tuple[int, ...]) -> Value:
    """The unions over axes."""
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    if x.rows is None:
        return Value(x.frame, shape)
    kept = np.arange(math.prod(shape)).reshape([1 if i in axes else n for i, n in enumerate(x.shape)])
    group = np.broadcast_to(kept, x.shape).ravel()
    size = math.prod(shape)
    groups = (np.arange(x.frame.count)[:, None] * size + group).ravel()
    return Value(x.frame, shape, None, grouped(x.rows, groups, x.frame.count * size))


@rule("sum", "max", "min", "prod")
def _reduce(p: Any, node: Apply, args: list[Value]) -> Value:
    out = reduced(args[0], node.facts()["axes"])
    if node.fn.name == "prod":
        p.interact(out.rows, out.rows)
    return out


@rule("matmul", "contract")
def _contract(p: Any, node: Apply, args: list[Value]) -> Value:
    frame = deepest(a.frame for a in args)
    x, y = args
    axes = axes_of(node.args[0], node.args[1], **node.facts())
    shape = [x.shape[i] for i in (*axes.batch[0], *axes.rows)] + [y.shape[j] for j in axes.columns]
    if x.rows is None and y.rows is None:
        return Value(frame, tuple(shape))
    x, y = lifted(x, frame), lifted(y, frame)
    if x.rows is not None and y.rows is not None and p.second:
        p.interact(
            _ordered(reduced(x, axes.rows), axes.batch[0], axes.over[0]).rows,
            _ordered(reduced(y, axes.columns), axes.batch[1], axes.over[1]).rows,
        )
    n, rows, columns = len(axes.batch[0]), len(axes.rows), len(axes.columns)
    parts = []
    for k, (v, own, before, after) in enumerate(((x, axes.rows, 0, columns), (y, axes.columns, rows, 0))):
        v = _ordered(reduced(v, axes.over[k]), axes.batch[k], own)
        wide = v.shape[:n] + (1,) * before + v.shape[n:] + (1,) * after
        parts.append(moved(v, tuple(shape), np.broadcast_to(_numbers(v.shape).reshape(wide), shape).ravel()).rows)
    return Value(frame, tuple(shape), None, joined(*parts))


def _ordered(v: Value, *axes: tuple[int, ...]) -> Value:
    """A value of which only these axes are left, in their order."""
    wanted = [a for group in axes for a in group]
    order = [sorted(wanted).index(a) for a in wanted]
    at = np.transpose(_numbers(v.shape), order)
    return moved(v, at.shape, at.ravel())


@rule("dft")
def _dft(p: Any, node: Apply, args: list[Value]) -> tuple[Value, Value]:
    """Each number of a line depends on all of it, linearly."""
    frame = deepest(a.frame for a in args)
    parts = [lifted(a, frame) for a in args]
    shape = parts[0].shape
    lines = [reduced(v, (len(shape) - 1,)) for v in parts]
    source = np.repeat(np.arange(math.prod(shape[:-1])), shape[-1])
    found = [moved(v, shape, source).rows for v in lines if v.rows is not None]
    out = Value(frame, shape, None, joined(*found))
    return out, out


# -- elements and blocks ----------------------------------------------------------------------------------------------------


def flat_places(frame: Frame, index: list[Value], shape: tuple[int, ...]) -> Any:
    """The place of an element in C order, for each lane; out of bounds is no matter, as it raises."""
    out = np.zeros(frame.count, np.int64)
    for v, n in zip(index, shape, strict=True):
        out = out * n + np.clip(lifted(v, frame).known, 0, max(n - 1, 0))
    return out


def block_places(
    frame: Frame, starts: list[Value], steps: tuple[int, ...], sizes: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    """The places of a block in C order, for each lane: [lanes, size]."""
    if frame.count * math.prod(sizes) > 20_000_000:
        raise NotTogether
    out = np.zeros((frame.count, 1), np.int64)
    for v, step, m, n in zip(starts, steps, sizes, shape, strict=True):
        along = np.clip(lifted(v, frame).known[:, None] + step * np.arange(m), 0, max(n - 1, 0))
        out = (out[:, :, None] * n + along[:, None, :]).reshape(frame.count, -1)
    return out


def _unknown_axes(x: Value, index: list[Value]) -> tuple[Value, list[Value]]:
    """x with the union over each axis whose index is not known, and the other indices."""
    axes = tuple(i for i, v in enumerate(index) if v.known is None)
    return (reduced(x, axes), [v for v in index if v.known is not None]) if axes else (x, index)


@rule("index")
def _index(p: Any, node: Apply, args: list[Value]) -> Value:
    x, *index = args
    x, index = _unknown_axes(x, index)
    frame = deepest(a.frame for a in (x, *index))
    if x.rows is None and x.known is None:
        return Value(frame, ())
    if not x.size:
        return Value(frame, ())
    at = frame.lanes(x.frame) * x.size + flat_places(frame, index, x.shape)
    return Value(frame, (), x.known.reshape(-1)[at] if x.known is not None else None, gathered(x.rows, at))


@rule("slice")
def _slice(p: Any, node: Apply, args: list[Value]) -> Value:
    x, *rest = args
    facts = node.facts()
    rank = len(x.shape)
    sizes = shape_of(node.type, rest[rank:])
    starts, frame = rest[:rank], deepest(a.frame for a in (x, *rest[:rank]))
    if x.rows is None and x.known is None:
        return Value(frame, sizes)
    unknown = [i for i, v in enumerate(starts) if v.known is None]
    if unknown:  # each element may be any along these axes
        kept = reduced(x, tuple(unknown))
        at = np.broadcast_to(_numbers(kept.shape).reshape([1 if i in unknown else n for i, n in enumerate(x.shape)]), x.shape)
        x, starts = moved(Value(kept.frame, kept.shape, None, kept.rows), x.shape, at.ravel()), list(starts)
        for i in unknown:
            starts[i] = Value(p.root, (), np.zeros(1, np.int64))
    at = block_places(frame, starts, facts["steps"], sizes, x.shape)
    at = (frame.lanes(x.frame)[:, None] * x.size + at).ravel()
    known = x.known.reshape(-1)[at].reshape(frame.count, *sizes) if x.known is not None else None
    return Value(frame, sizes, known, gathered(x.rows, at))


@rule("index_update", "index_add", "slice_update", "slice_add")
def _update(p: Any, node: Apply, args: list[Value]) -> Value:
    x, v, *index = args
    frame = deepest(a.frame for a in args)
    x, v = lifted(x, frame), lifted(v, frame)
    if x.rows is None and v.rows is None:
        return Value(frame, x.shape)
    adds, n = node.fn.name.endswith("add"), frame.count * x.size
    if any(i.known is None for i in index):
        found = grouped(v.rows, np.repeat(np.arange(frame.count), v.size), frame.count)
        spread = gathered(found, np.repeat(np.arange(frame.count), x.size)) if v.size else None
        return Value(frame, x.shape, None, joined(x.rows, spread))
    if node.fn.name.startswith("index"):
        at = flat_places(frame, index, x.shape)[:, None]
    else:
        at = block_places(frame, index, node.facts()["steps"], v.shape, x.shape)
    at = (np.arange(frame.count)[:, None] * x.size + at).ravel()
    if not x.size or not len(at):
        return x
    source = np.arange(n)
    if not adds:
        source[at] = n + np.arange(len(at))
        return Value(frame, x.shape, None, gathered(stacked([(x.rows, n), (v.rows, len(at))], p.columns), source))
    return Value(frame, x.shape, None, joined(x.rows, grouped(v.rows, at, n)))
